"""Where mails begin and end, which list they are of, refs, threads, times."""

import gzip
import io
import mailbox
import re
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mail_exports import FROM_LINE, LIST, LISTED, NUMBERS, Read, mail, mbox, read, ref_of

from grouparchive.errors import BadExport
from grouparchive.model.records import Channel
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.mail import PLATFORM
from grouparchive.platforms.mail.split import split

UTC_2015 = 1429177984000


def bodies(data: bytes) -> list[bytes]:
    return [data[one.start : one.end] for one in split(io.BytesIO(data).read)]


@pytest.mark.parametrize(
    "line",
    [
        "From fern@example.org Thu Apr 16 09:53:04 2015",
        "From 28668125511680@xxx Thu Apr 16 09:53:04 +0000 2015",
        "From fern@example.org  Thu Apr  6 09:53:04 2015 +0200",
        "From - Thu Apr 16 09:53:04 2015",
        "From fern at example.org  Thu Apr 16 09:53:04 2015",
        "From Зоряна Thu Apr 16 09:53:04 2015",
        "From fern@example.org jeu. avril 16 09:53:04 2015",
        "From fern@example.org",
        "From ",
        "From fern@example.org Thu Apr 16 09:53:04 EDT 2015\r",
    ],
)
def test_every_kind_of_separator_line_parts_mails(line: str) -> None:
    data = mbox(mail(1), mail(2), mail(3), line=line + "\n")
    assert len(bodies(data)) == 3
    assert b"".join(bodies(data)) == data


@pytest.mark.parametrize(
    "body",
    [
        "From here on we wait.\n",
        "\nFrom 2015 to 2016 we:\nNote: waited\n",
        "\nFrom the start: nothing\nSubject: matters\n",
        "x\nFrom 10:30 until noon\n\nFrom now on\n",
        "\n>From the garden\n",
    ],
)
def test_a_line_that_only_looks_like_a_separator_stays_in_its_mail(tmp_path: Path, body: str) -> None:
    found = read(tmp_path, mbox(mail(1, body), mail(2)))
    assert len(found.messages) == 2
    assert found.texts[0].removeprefix("Seeds\n\n") == body.strip("\n").replace("\n>From", "\nFrom").removeprefix(">")


def test_a_mail_may_tell_where_it_ends(tmp_path: Path) -> None:
    inner = f"Look at this:\n\n{FROM_LINE}Subject: pasted\n\nold words\n"
    told = mail(1, inner, extra=f"{LISTED}Content-Length: {len(inner)}\n")
    found = read(tmp_path, mbox(told, mail(2)))
    assert len(found.messages) == 2
    assert "old words" in found.texts[0]
    wrong = mail(1, inner, extra=f"{LISTED}Content-Length: {len(inner) + 40}\n")
    assert len(read(tmp_path, mbox(wrong, mail(2))).messages) == 3


def test_what_has_no_separator_at_its_start_is_a_mail_too(tmp_path: Path) -> None:
    found = read(tmp_path, mail(1) + b"\n" + mbox(mail(2)))
    assert [one.ref for one in found.messages] == [ref_of(1), ref_of(2)]


def test_a_mail_that_was_cut_off_in_its_headers_does_not_swallow_the_next(tmp_path: Path) -> None:
    cut = f"{FROM_LINE}From: fern@example.org\nSubject: cut\n".encode()
    found = read(tmp_path, mbox(mail(1)) + cut + mbox(mail(2)))
    assert len(found.messages) == 3


def test_mixed_line_ends(tmp_path: Path) -> None:
    data = mbox(mail(1)) + mbox(mail(2, "a\nb\n")).replace(b"\n", b"\r\n") + mbox(mail(3))
    found = read(tmp_path, data)
    assert [one.ref for one in found.messages] == [ref_of(1), ref_of(2), ref_of(3)]
    assert found.texts[1].endswith("a\nb")


def test_blocks_end_anywhere() -> None:
    data = mbox(*(mail(number, f"body {number}\n") for number in range(40)))
    whole = bodies(data)
    for size in (1, 7, 64, 1000):
        source = io.BytesIO(data)
        found = list(split(lambda _, size=size, source=source: source.read(size)))  # type: ignore[misc]
        assert [data[one.start : one.end] for one in found] == whole


LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(LINES, max_size=8), min_size=1, max_size=12), st.booleans())
def test_no_mail_is_ever_lost(texts: list[list[str]], windows: bool) -> None:  # noqa: FBT001 - Hypothesis gives it
    mails = []
    for number, lines in enumerate(texts):
        body = "\n".join(">" + line if line.startswith("From ") else line for line in lines)
        mails.append(mail(number, body + "\n"))
    data = b"".join(FROM_LINE.encode() + one + b"\n" for one in mails)
    if windows:
        data = data.replace(b"\n", b"\r\n")
    found = bodies(data)
    assert len(found) == len(texts)
    assert b"".join(found) == data


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=40).map("Walk ".__add__),
            st.text(st.characters(codec="utf-8", exclude_characters="\r\0@"), max_size=200).map(
                lambda text: text + "."
            ),
            st.binary(max_size=300),
            st.booleans(),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_ordinary_mails_read_as_the_standard_library_reads_them(
    tmp_path: Path, given_mails: list[tuple[str, str, bytes, bool]]
) -> None:
    path = tmp_path / "garden.mbox"
    path.unlink(missing_ok=True)
    box = mailbox.mbox(path)
    for number, (subject, text, data, page) in enumerate(given_mails):
        one = EmailMessage()
        one["From"], one["To"], one["Subject"] = "Fern <fern@example.org>", LIST, subject
        one["Date"], one["Message-ID"] = "Thu, 16 Apr 2015 09:53:04 +0000", f"<m{number}@example.org>"
        one.set_content(text)
        if page:
            one.add_alternative("<p>page</p>", subtype="html")
        if data:
            one.add_attachment(data, maintype="application", subtype="octet-stream", filename=f"{number}.bin")
        box.add(one)
    box.close()
    found = Read(path)
    box = mailbox.mbox(path, factory=None, create=False)
    again = len(box)
    box.close()
    assert len(found.messages) == again == len(given_mails)
    for message, (_subject, text, data, _page) in zip(found.messages, given_mails, strict=True):
        said = message.text.partition("\n\n")[2]
        wanted = text.replace("\n>From ", "\nFrom ").replace("\r", "\n")
        assert " ".join(said.split()) == " ".join("\n".join(wanted.splitlines()).split())
        assert [found.files[one.ref] for one in message.media] == ([data] if data else [])
        assert [one.size for one in message.media] == ([len(data)] if data else [])


# --- which list ---


def test_a_list_is_a_group_with_one_channel(tmp_path: Path) -> None:
    found = read(tmp_path, mbox(mail(1)))
    (group,) = found.groups
    assert (group.ref, group.name, group.platform, group.origin) == (LIST, "The garden", "mail", "mail")
    (channel,) = found.of(Channel)
    assert (channel.ref, channel.group, channel.type) == (LIST, LIST, "list")
    assert found.codes == {"members-partial": 1}


@pytest.mark.parametrize(
    ("headers", "ref"),
    [
        (f"List-Post: <mailto:{LIST}>\n", LIST),
        ("X-BeenThere: Garden@Lists.Example.org\n", LIST),
        ("List-Id: <garden.lists.example.org>\nPrecedence: list\n", LIST),
        ("X-Google-Groups: garden\n", "garden@googlegroups.com"),
        ("List-ID: <garden.googlegroups.com>\nList-Post: <https://g.example/post>, <mailto:garden@googlegroups.com>\n",
         "garden@googlegroups.com"),
        ("Mailing-List: list garden@yahoogroups.example; contact x@y.example\n", "garden@yahoogroups.example"),
        ("List-Id: a/b <b.a.example.com>\nList-Post: <mailto:reply+SECRET@example.com>\n", "b@a.example.com"),
    ],
)  # fmt: skip
def test_a_list_is_known_by_its_headers(tmp_path: Path, headers: str, ref: str) -> None:
    (group,) = read(tmp_path, mbox(mail(1, extra=headers))).groups
    assert group.ref == ref


def test_a_newsletter_is_no_list(tmp_path: Path) -> None:
    (group,) = read(tmp_path, mbox(mail(1, extra="List-Id: <news.shop.example>\n")), name="Shop.mbox").groups
    assert (group.ref, group.name) == ("shop", "Shop")


def test_the_name_of_a_file_or_what_a_person_says_names_what_no_header_names(tmp_path: Path) -> None:
    data = mbox(mail(1, extra=""))
    assert read(tmp_path, data, name="Night walks.mbox").groups[0].ref == "night walks"
    (said,) = read(tmp_path, data, name="Night walks.mbox", group="Garden").groups
    assert (said.ref, said.name) == ("garden", "Garden")
    assert read(tmp_path, data, name="x.mbox", group=LIST).groups[0].ref == LIST


def test_a_label_with_several_lists_makes_several_groups_and_own_posts_go_to_their_list(tmp_path: Path) -> None:
    other = "List-Id: <walks.lists.example.org>\nList-Post: <mailto:walks@lists.example.org>\n"
    label = "X-Gmail-Labels: Groups,Opened\n"
    data = mbox(
        mail(1, extra=LISTED + label),
        mail(2, extra=other + label),
        mail(3, extra=label),  # sent to the list, as the sender keeps it
        mail(4, extra=label).replace(LIST.encode(), b"moss@example.org"),
    )
    found = read(tmp_path, data, name="Groups.mbox")
    assert {one.ref: [NUMBERS[m.ref] for m in found.messages if m.channel == one.ref] for one in found.groups} == {
        LIST: ["m1", "m3"],
        "walks@lists.example.org": ["m2"],
        "groups": ["m4"],
    }


def test_private_mail_of_a_whole_mailbox_is_left_out_and_counted(tmp_path: Path) -> None:
    private = mail(2, extra="X-Gmail-Labels: Inbox\n").replace(LIST.encode(), b"moss@example.org")
    data = mbox(mail(1, extra=LISTED + "X-Gmail-Labels: Inbox\n"), private)
    found = read(tmp_path, data, name="All mail Including Spam and Trash.mbox")
    assert [one.ref for one in found.messages] == [ref_of(1)]
    assert found.codes == {"members-partial": 1, "private-chat-left-out": 1}
    with pytest.raises(BadExport, match="whole mailbox"):
        read(tmp_path, mbox(private), name="Correo.mbox")


def test_an_archive_by_months_is_one_group(tmp_path: Path) -> None:
    for month, number in (("2015-April", 1), ("2015-May", 2)):
        body = mail(number, subject="[Garden] Seeds", sender="fern at example.org (Fern Moss)", extra="")
        line = "From fern at example.org  Thu Apr 16 09:53:04 2015\n"
        (tmp_path / f"{month}.txt.gz").write_bytes(gzip.compress(mbox(body, line=line)))
    (tmp_path / "2015-June.txt").write_bytes(mbox(mail(3, subject="[Garden] Seeds", extra="")))
    found = Read(tmp_path)
    assert [one.name for one in found.groups] == ["Garden"]
    assert len(found.messages) == 3
    assert found.names["fern@example.org"] == "Fern Moss"


def test_maildirs_single_mails_and_zips(tmp_path: Path) -> None:
    for number, place in enumerate(("cur/1:2,S", "new/2", "tmp/3", ".Sub/cur/4:2,")):
        path = tmp_path / "box" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mail(number))
    assert sorted(NUMBERS[one.ref] for one in Read(tmp_path / "box").messages) == ["m0", "m1", "m3"]
    single = tmp_path / "single"
    single.mkdir()
    for number in range(3):
        (single / f"{number}.eml").write_bytes(mail(number))
    plist = b"<?xml?><plist/>"
    body = mail(7)
    (single / "7.emlx").write_bytes(f"{len(body)}     \n".encode() + body + plist)
    found = Read(single)
    assert len(found.messages) == 4
    assert "plist" not in "".join(found.texts)
    with zipfile.ZipFile(tmp_path / "mails.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for number in range(3):
            out.writestr(f"some folder/{number}.eml", mail(number))
        out.writestr("Takeout/Mail/Garden.mbox", mbox(mail(8, PHOTO, extra=LISTED + MIXED)))
    packed = Read(tmp_path / "mails.zip")
    assert len(packed.messages) == 4
    assert list(packed.files.values()) == [b"picture"]


MIXED = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n'
PHOTO = (
    '--b\nContent-Type: text/plain\n\nSee.\n--b\nContent-Type: image/png; name="a.png"\n'
    "Content-Transfer-Encoding: base64\n\ncGljdHVyZQ==\n--b--\n"
)


def test_other_exports_are_not_claimed(tmp_path: Path) -> None:
    def claimed(path: Path) -> bool:
        return any(one.recognises(open_box(path), Choices()) for one in PLATFORM.formats)

    chat = tmp_path / "chat.txt"
    chat.write_text("16/04/15, 09:53 - Fern: From here on\n")
    table = tmp_path / "members.csv"
    table.write_text("name,score\nFern,1\n")
    folder = tmp_path / "chat"
    folder.mkdir()
    for number in range(5):
        (folder / f"photo{number}.jpg").write_bytes(b"\xff\xd8" + b"x" * 4000)
    (folder / "_chat.txt").write_text("x" * 5000)
    (folder / "invitation.eml").write_bytes(mail(1))
    many = tmp_path / "many"
    many.mkdir()
    (many / "garden.mbox").write_bytes(mbox(mail(1)))
    (many / "chat.zip").write_bytes(b"PK")
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = tmp_path / "nothing.mbox"
    nothing.write_bytes(b"")
    assert not any(map(claimed, (chat, table, folder, many, empty, nothing)))


# --- refs and threads ---


def test_refs_and_threads(tmp_path: Path) -> None:
    reply = LISTED + "In-Reply-To: <m2@example.org>\nReferences: <m1@example.org>\n <m2@example.org>\n"
    short = LISTED + "In-Reply-To: Your message <m3@example.org> of today\n"
    found = read(
        tmp_path,
        mbox(
            mail(1),
            mail(2, subject="Re: Seeds", extra=LISTED + "In-Reply-To: <m1@example.org>\n"),
            mail(3, subject="AW: [garden] Seeds", extra=reply),
            mail(4, subject="Re: Seeds", extra=short),
            mail(5, subject="Water (was: Seeds)", extra=reply),
            mail(6, subject="Re: Seeds", ident="<m6@example.org>", extra=LISTED + "References: <m6@example.org>\n"),
        ),
    )
    assert [(NUMBERS.get(one.reply_to, ""), NUMBERS.get(one.thread, "")) for one in found.messages] == [
        ("", ""), ("m1", "m1"), ("m2", "m1"), ("m3", "m1"), ("m2", "m1"), ("", ""),
    ]  # fmt: skip
    assert [one.text.split("\n")[0] for one in found.messages] == [
        "Seeds", "Hello.", "Hello.", "Hello.", "Water (was: Seeds)", "Re: Seeds",
    ]  # fmt: skip
    assert [one.data for one in found.messages][1] == '{"subject":"Re: Seeds"}'


def test_copies_are_one_and_different_mails_with_one_id_are_two(tmp_path: Path) -> None:
    footer = "Hello.\n_______\nThe garden's list\n"
    data = mbox(mail(1), mail(1, footer), mail(1, "Something else.\n"), mail(1, "Something else.\n"))
    found = read(tmp_path, data)
    assert [one.text for one in found.messages] == ["Seeds\n\nHello.", "Seeds\n\nSomething else."]
    first, second = found.messages
    assert first.ref == ref_of(1)
    assert second.ref.startswith(f"{ref_of(1)}#")
    assert [one.ref for one in read(tmp_path, data).messages] == [first.ref, second.ref]


def test_a_mail_without_id_gets_the_same_ref_in_every_export(tmp_path: Path) -> None:
    one, other = mail(1, ident="", body="Hello you.\n"), mail(1, ident="", body="Hello me.\n")
    first = read(tmp_path, mbox(one, other))
    second = read(tmp_path, mbox(other, one).replace(b"\n", b"\r\n"))
    assert len({one.ref for one in first.messages}) == 2
    assert [one.ref for one in first.messages] == [one.ref for one in reversed(second.messages)]


ABOUT = """On Thursday, Fern Moss <fern@example.org> wrote:
> On Wednesday, Fern Moss
> <fern@example.org> wrote:
>> "Fern Moss"

>> [mailto:fern@example.org]
Fern Moss wrote:

> Ask mailto:fern@example.org or (fern@example.org).
From: Fern Moss <fern@example.org>
To: Fern Moss
	<fern@example.org>, fern@example.org

As they said.
"""


@pytest.mark.parametrize("ident", ["", "<1@example.org>"])
@pytest.mark.parametrize("extra", [LISTED, LISTED + "Content-Type: text/html\n"])
def test_nobody_can_be_tried_against_a_ref(tmp_path: Path, ident: str, extra: str) -> None:
    body = ABOUT
    if "html" in extra:
        body = "".join(f"<div>{line.replace('<', '&lt;')}</div>\n" for line in ABOUT.splitlines())
    one = mail(1, body, subject="For Fern Moss <fern@example.org>", ident=ident, extra=extra)
    data = mbox(mail(2, "The first with this id.\n", ident="<1@example.org>"), one, mail(3, sender="moss@example.org"))
    other = data.replace(b"fern@example.org", b"ash@provider.example").replace(b"Fern Moss", b"Ash Reed")
    first, second = read(tmp_path, data), read(tmp_path, other)
    assert "Fern" not in "".join(msg.text for msg in first.messages[:2])
    assert [msg.ref for msg in first.messages] == [msg.ref for msg in second.messages]
    assert len({msg.ref for msg in first.messages}) == 3


def test_a_ref_names_nothing_of_its_message_id(tmp_path: Path) -> None:
    ident = "20200102.Fern.Moss@fern-moss.example"
    answers = LISTED + f"In-Reply-To: <{ident}>\nReferences: <fern@laptop-of-fern.example> <{ident}>\n"
    photo = "--b\nContent-Type: image/png; name=a.png\n\nx\n--b--\n"
    mixed = LISTED + "Content-Type: multipart/mixed; boundary=b\n"
    found = read(
        tmp_path,
        mbox(
            mail(1, photo, ident=f"<{ident}>", extra=mixed),
            mail(1, "Another.\n", ident=f"<{ident}>"),
            mail(2, extra=answers, ident=f"{ident}.x"),
            mail(3, ident="<" + "fern" * 400 + "@fern.example>"),
            mail(4, ident="<fern moss\t@fern.example> (comment)"),
            mail(5, ident="<>"),
        ),
    )
    first, twin, answer, *_ = found.messages
    assert (first.ref, answer.reply_to, answer.thread) == (
        ref_of(ident),
        ref_of(ident),
        ref_of("fern@laptop-of-fern.example"),
    )
    assert twin.ref.startswith(first.ref)
    assert first.media[0].ref == f"{LIST}/{first.ref}/0"
    for message in found.messages:
        for ref in (message.ref, message.reply_to, message.thread):
            assert re.fullmatch(r"(?:(?:none-)?[0-9a-f]{32}(?:#[0-9a-f]{16})?)?", ref)


def test_mails_that_differ_only_in_people_are_several_posts(tmp_path: Path) -> None:
    senders = ("fern@example.org", "moss@example.org", "ash@example.org")
    bare = [mail(1, ident="", sender=one) for one in senders]
    twins = [mail(1, "Hello you.\n", sender=one) for one in senders]
    found = read(tmp_path, mbox(mail(1), *bare, *bare, *twins, *twins))
    assert len({one.ref for one in found.messages}) == 7


# --- times ---


@pytest.mark.parametrize(
    "date",
    [
        "Thu, 16 Apr 2015 11:53:04 +0200",
        "16 Apr 15 09:53:04 GMT",
        "Thu, 16 Apr 2015 05:53:04 EDT",
        "Thu, 16 Apr 2015 05:53:04 -0400 (EDT)",
        "2015-04-16T09:53:04Z",
        "Thu Apr 16 09:53:04 2015",
        "Thursday, 16-Apr-2015 09:53:04 UTC",
        "Thu, 16 Apr 2015 09.53.04 +0000",
        "",  # from the separator line
        "nonsense",
        "Thu, 16 Apr 2099 09:53:04 +0000",
        "Thu, 16 Apr 1915 09:53:04 +0000",
        "Thu, 99 Apr 2015 09:53:04 +0000",
    ],
)
def test_every_kind_of_date(tmp_path: Path, date: str) -> None:
    (one,) = read(tmp_path, mbox(mail(1, date=date))).messages
    assert one.time == UTC_2015


def test_times_without_a_zone_are_local(tmp_path: Path) -> None:
    east = timezone(timedelta(hours=4))
    (one,) = read(tmp_path, mbox(mail(1, date="16 Apr 2015 13:53:04")), zone=east).messages
    assert one.time == UTC_2015


def test_a_mail_without_any_time_of_its_own(tmp_path: Path) -> None:
    received = "Received: from a by b; Thu, 16 Apr 2015 09:53:04 +0000\n"
    (one,) = read(tmp_path, mail(1, date="", extra=LISTED + received)).messages
    assert one.time == UTC_2015
    found = read(tmp_path, mail(1, date=""))
    assert found.messages[0].time == 0
    assert found.faults == {"time-unknown": 1}


def test_who_wrote_was_seen(tmp_path: Path) -> None:
    later = "Fri, 17 Apr 2015 09:53:04 +0000"
    found = read(tmp_path, mbox(mail(1, date=later), mail(2), mail(3, sender="moss@example.org")))
    assert {one.member: one.seen for one in found.memberships} == {
        found.who("fern@example.org"): int(datetime(2015, 4, 17, 9, 53, 4, tzinfo=UTC).timestamp() * 1000),
        found.who("moss@example.org"): UTC_2015,
    }
