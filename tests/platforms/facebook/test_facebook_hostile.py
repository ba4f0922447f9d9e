"""Damaged downloads and captures: what is missing is told, and a field of a wrong type costs that field."""

from pathlib import Path
from typing import Any

import facebook_exports as made
import pytest
from facebook_exports import Read, entry, first_answer, har, html_page, put

from grouparchive.model.records import Membership, Message, Roster
from grouparchive.platforms.facebook.capture import FacebookCapture
from grouparchive.platforms.facebook.download import FacebookDownload
from grouparchive.platforms.facebook.saved import FacebookPage

CHAT = "your_facebook_activity/messages/inbox/gardenfriends_777888/message_1.json"
POSTS = "your_facebook_activity/groups/group_posts_and_comments"
BLOCKS = [("Fern Moss posted in Garden.", f"text {at}", f"Sep 13, 2020 12:{at}0:00 pm") for at in range(5)]


def downloaded(tmp_path: Path, **files: Any) -> Read:
    return Read(FacebookDownload, put(tmp_path / "a.zip", files))


def count(read: Read, code: str) -> int:
    return sum(gap.count for gap in read.gaps if gap.code == code)


def test_a_page_that_ends_early(tmp_path: Path) -> None:
    page = html_page(*BLOCKS)
    for name, cut in (("a", page[:-7]), ("b", page[: len(page) // 2]), ("c", ""), ("d", "\0" * 500)):
        files = {f"{POSTS}.html": cut, "your_facebook_activity/groups/your_groups.html": html_page(BLOCKS[0])}
        read = Read(FacebookDownload, put(tmp_path / f"{name}.zip", files))
        assert count(read, "file-damaged") == 1
    assert not count(downloaded(tmp_path, **{f"{POSTS}.html": page}), "file-damaged")


@pytest.mark.parametrize("damage", ["<section class", "_a6-g", "</footer></section>"])
def test_blocks_without_beginning_or_end(tmp_path: Path, damage: str) -> None:
    style, _, page = html_page(*BLOCKS).partition("</style>")
    at = page.index(damage, page.index("text 1"))
    broken = style + "</style>" + page[: at + 3] + "\0" + page[at + 3 :]
    read = downloaded(tmp_path, **{f"{POSTS}.html": broken})
    texts = [one.text for one in read.records(Message)]
    assert len(texts) + count(read, "message-unreadable") == 5
    assert len(texts) >= 4


def test_participants_of_no_form_make_no_whole_roster(tmp_path: Path) -> None:
    people = [{"name": "Reed Ivy"}, {"name": 5}, [1], {"name": "Fern"}]
    read = downloaded(tmp_path, **{CHAT: made.thread(participants=people, thread_type="RegularGroup")})
    assert not read.records(Roster)
    assert count(read, "member-unreadable") == 2


def test_a_field_of_a_wrong_type_costs_that_field(tmp_path: Path) -> None:
    lines = [
        {"sender_name": "Reed Ivy", "timestamp_ms": 1700000000000 + at, "content": f"text {at}", "photos": 5}
        for at in range(3)
    ]
    posts = [
        {
            "timestamp": 1600000300,
            "title": "Fern Moss posted in Garden.",
            "data": [{"post": "kept"}],
            "attachments": {"x": 1},
        }
    ]
    read = downloaded(tmp_path, **{CHAT: made.thread(messages=lines, thread_type="RegularGroup"), f"{POSTS}.json": {"group_posts_v2": posts}})  # fmt: skip
    assert [one.text for one in read.records(Message)] == ["kept", "text 2", "text 1", "text 0"]
    assert count(read, "message-partly-read") >= 4


@pytest.mark.parametrize("broken", [{"x": 1}, {"request": {"url": "odd"}}, {"request": None}])
def test_entries_of_a_capture_without_an_address(tmp_path: Path, broken: Any) -> None:
    whole = entry(made.json.dumps(first_answer()))
    read = Read(FacebookCapture, har(tmp_path / "a.har", whole, {**broken}))
    assert count(read, "answer-unreadable") == 1
    assert len(read.records(Membership)) > 2


def test_an_answer_without_its_content(tmp_path: Path) -> None:
    lost = entry("x")
    lost["response"]["content"] = {"x": 1}
    read = Read(FacebookCapture, har(tmp_path / "a.har", entry(made.json.dumps(first_answer())), lost))
    assert count(read, "answer-missing") == 1


def test_a_saved_page_that_ends_early(tmp_path: Path) -> None:
    whole = made.saved_members({21: "Reed Ivy", 22: "Lark"})
    for cut, damaged in ((whole, 0), (whole[: whole.index("</body>")], 1)):
        path = tmp_path / "members.html"
        path.write_text(cut)
        assert count(Read(FacebookPage, path), "file-damaged") == damaged
