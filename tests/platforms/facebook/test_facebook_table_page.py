"""Tables of members, saved pages, and how all captures of one group come together."""

import base64
import json
import os
import quopri
from collections.abc import Iterator
from pathlib import Path

import facebook_exports as made
import pytest
from facebook_exports import GROUP, Read, entry, har, member_edge, members_answer, open_box, put, saved_members, table

from grouparchive.model.records import Membership, Message
from grouparchive.platforms.facebook import PLATFORM
from grouparchive.platforms.facebook.capture import FacebookCapture
from grouparchive.platforms.facebook.saved import FacebookPage
from grouparchive.platforms.facebook.table import FacebookMembersTable
from grouparchive.platforms.files import Choices

MONDAY = 1714380000


def row(
    number: int, name: str, *, group: str = GROUP, joined: str = "Joined on Sunday", link: str = ""
) -> tuple[str, ...]:
    link = link or f"https://www.facebook.com/profile.php?id={number}"
    return (
        str(number) if number else "",
        name,
        link,
        'says "hi",\nreally',
        f"https://scontent.fbcdn.net/{number}_n.jpg?x=1",
        group,
        joined,
        "User",
    )


def people(read: Read) -> dict[str, Membership]:
    return {read.people.native(one.member): one for one in read.records(Membership)}


def test_a_table(tmp_path: Path) -> None:
    path = table(
        tmp_path / "groupMemberExport.csv",
        row(21, "Reed Ivy"),
        row(22, "Ärger, Sol"),
        row(0, "Lark", link="https://www.facebook.com/Lark.Sings"),
        row(23, "Wren", group="999999000"),
        row(41, "Gil", joined="Invited by Fern"),
        ("junk",),
        row(99, "No Group", group=""),
    )
    os.utime(path, (MONDAY, MONDAY))
    assert [form for form in PLATFORM.formats if form.recognises(open_box(path), Choices())] == [FacebookMembersTable]
    read = Read(FacebookMembersTable, path)
    assert {group.ref for group in read.groups} == {GROUP, "999999000"}
    found = people(read)
    assert set(found) == {"21", "22", "vanity:lark.sings", "23", "41"}
    assert read.name(found["22"].member) == "Ärger, Sol"
    assert {one.seen for one in found.values()} == {MONDAY * 1000}
    assert found["41"].state == "invite"
    assert found["23"].channel == "999999000"
    unreadable = [(gap.scope, gap.limit) for gap in read.gaps if gap.code == "row-unreadable"]
    assert unreadable == [("line 12", False), ("line 13", False)]
    assert {"members-partial", "member-details-left-out", "avatars-not-exported"} <= {
        gap.code for gap in read.gaps if gap.limit
    }
    assert b"really" not in read.said()


def test_a_table_without_numbers_of_groups_asks_for_one(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", row(21, "Reed", group=""))
    assert not Read(FacebookMembersTable, path).groups
    assert [group.ref for group in Read(FacebookMembersTable, path, group="Quiet Garden = 100200300400").groups] == [
        GROUP
    ]


def test_hostile_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    good = '"{}","Reed","https://www.facebook.com/x","","","100200300400","",""\n'
    path.write_bytes(
        ",".join(made.HEADER).encode()
        + b"\n"
        + good.format(21).encode()
        + b"x" * 3_000_000
        + b"\n"
        + good.format(22).encode()
        + b'\0"\xff\xfe'
        + b"," * 5000
        + b"\n"
        + good.format(23).encode()
        + b'"never closed '
        + b"y\n" * 100_000
    )
    read = Read(FacebookMembersTable, path)
    assert {"21", "22"} <= set(people(read))
    assert "row-unreadable" in read.codes


def test_other_tables_are_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,email\nFern,x\n")
    (tmp_path / "b.csv").write_bytes(b"")
    assert not FacebookMembersTable.recognises(open_box(tmp_path), Choices())


def page_files(text: str) -> dict[str, object]:
    return {"Members.html": text, "Members_files/21_n.jpg": made.PNG, "Members_files/x.js": "alert(1)"}


def test_a_page_saved_whole(tmp_path: Path) -> None:
    path = put(tmp_path / "page", page_files(saved_members({21: "Reed Ivy", 22: "Söl &amp; Co"})))  # type: ignore[arg-type]
    assert [form for form in PLATFORM.formats if form.recognises(open_box(path), Choices())] == [FacebookPage]
    read = Read(FacebookPage, path)
    assert [(group.ref, group.name) for group in read.groups] == [(GROUP, "Quiet Garden")]
    found = people(read)
    assert {native: read.name(one.member) for native, one in found.items()} == {"21": "Reed Ivy", "22": "Söl & Co"}
    assert {one.seen for one in found.values()} == {read.connector.box.modified}
    assert read.media == {"face/./Members_files/21_n.jpg": made.PNG}
    assert b"CANARY" not in read.said()


def test_a_page_with_its_data(tmp_path: Path) -> None:
    data = json.dumps(
        {"x": [made.first_answer(), {"__bbox": made.story(500100, "from the page", made.user(11, "Fern"), 1714000000)}]}
    )
    text = (
        saved_members({21: "Reed Ivy"}, data=data)
        + f'<a href="/groups/{GROUP}/posts/500100/">1d</a><a href="/groups/{GROUP}/posts/500200/">2d</a>'
    )
    (tmp_path / "page.html").write_text(text)
    read = Read(FacebookPage, tmp_path / "page.html")
    found = people(read)
    assert set(found) == {"11", "12", "21", "41"}
    assert found["11"].level == 100
    assert [(message.ref, message.text) for message in read.records(Message)] == [("500100", "from the page")]
    unread = next(gap for gap in read.gaps if gap.code == "posts-partial")
    assert unread.count == 1


def test_who_is_only_seen_writing_was_there_at_an_unknown_time(tmp_path: Path) -> None:
    text = saved_members({21: "Reed Ivy"}).replace("/members -->", "/ -->")
    (tmp_path / "page.html").write_text(text)
    assert {one.seen for one in people(Read(FacebookPage, tmp_path / "page.html")).values()} == {1}


@pytest.mark.parametrize("how", ["quoted-printable", "base64", "8bit"])
def test_mhtml(tmp_path: Path, how: str) -> None:
    text = saved_members({21: "Reed Ivy", 22: "Söl"}).replace("<!-- saved", "<!-- kept").encode()
    body = {"quoted-printable": quopri.encodestring(text), "base64": base64.encodebytes(text), "8bit": text}[how]
    path = tmp_path / "page.mhtml"
    path.write_bytes(
        b"From: <Saved by Blink>\r\nSnapshot-Content-Location: https://www.facebook.com/groups/100200300400/members\r\n"
        b'Content-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="----Border"\r\n\r\n------Border\r\n'
        b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(made.PNG)
        + b"------Border\r\n"
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: "
        + how.encode()
        + b"\r\n\r\n"
        + body
        + b"\r\n------Border--\r\n"
    )
    assert FacebookPage.recognises(open_box(path), Choices())
    found = people(read := Read(FacebookPage, path))
    assert {native: read.name(one.member) for native, one in found.items()} == {"21": "Reed Ivy", "22": "Söl"}
    assert all(one.seen > 1 for one in found.values())


def broken_pages() -> Iterator[bytes]:
    good = saved_members({21: "Reed Ivy"}).encode()
    yield good[: len(good) - 100]
    yield good + b"<div>" * 200_000
    yield good.replace(b"<body>", b"<body><!-- never closed? --><a href='x" + b"y" * 100_000 + b"'>")
    yield good + b"<!--" + b"-" * 1_000_000
    yield good + b"<script type='application/json'>" + b"[" * 100_000
    yield good.replace(b"Reed Ivy", b"Reed\0 Ivy\xff\xfe")
    yield good + b"<a href='/groups/100200300400/user/" + b"9" * 50 + b"/'>x</a>"
    yield good.replace(b"</title>", b"")


@pytest.mark.parametrize("number", range(8))
def test_broken_pages_give_what_can_be_read(tmp_path: Path, number: int) -> None:
    (tmp_path / "page.html").write_bytes(list(broken_pages())[number])
    read = Read(FacebookPage, tmp_path / "page.html")
    assert "21" in people(read)
    read.said()


def test_broken_mime(tmp_path: Path) -> None:
    text = saved_members({21: "Reed Ivy"}).encode()
    path = tmp_path / "page.mht"
    path.write_bytes(
        b"Content-Type: multipart/related; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n--x\r\nContent-Type: text/html\r\n\r\n"
        + text
        + b"\r\n--x\r\nContent-Type: text/html\r\n"
        + b"h" * 200_000
    )
    assert "21" in people(Read(FacebookPage, path))


def test_captures_of_every_kind_are_one_group(tmp_path: Path) -> None:
    monday = Read(
        FacebookCapture,
        har(tmp_path / "a.har", entry(json.dumps(members_answer(member_edge(21, "Reed Ivy"), member_edge(22, "Sol"))))),
    )
    tuesday = Read(FacebookMembersTable, table(tmp_path / "b.csv", row(22, "Sol"), row(23, "Wren")))
    (tmp_path / "c.html").write_text(saved_members({23: "Wren", 24: "Lark"}))
    wednesday = Read(FacebookPage, tmp_path / "c.html")
    reads = (monday, tuesday, wednesday)
    assert {(group.ref, group.origin, group.platform) for read in reads for group in read.groups} == {
        (GROUP, "facebook.com", "facebook")
    }
    assert {native for read in reads for native in people(read)} == {"21", "22", "23", "24"}
    assert {one.channel for read in reads for one in read.records(Membership)} == {GROUP}
