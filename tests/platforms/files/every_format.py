"""One small sound export of every format that is read, as the files in it.

The exports are made with the builders that the platforms' own tests have; people in them are plainly fictional.
"""
# ruff: noqa: E402 - the builders lie beside the platforms' tests

import io
import itertools
import json
import quopri
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
BUILDERS = ("discord", "facebook", "instagram", "mail", "slack", "telegram", "whatsapp")
sys.path += [str(HERE.parent / one) for one in BUILDERS]

import discord_exports as discord
import facebook_exports as facebook
import instagram_exports as instagram
import mail_exports as mails
import slack_exports as slack
import telegram_exports as telegram
import whatsapp_databases as whatsapp

from grouparchive.model import codec
from grouparchive.model.records import (
    Channel,
    Group,
    Member,
    Membership,
    Message,
    Reaction,
    Record,
)
from grouparchive.platforms.files import Choices

KEY = bytes(range(32))
Files = dict[str, bytes]


class Format(NamedTuple):
    """A sound export.

    `files` are those of it by name, `victim` is the one that is damaged, `shape` what that is, `people` says that what counts
    are people, not messages; `wrap` makes the file of its inside, where the damage goes there. A single file is given as such,
    several as a folder.
    """

    name: str
    files: Callable[[], Files]
    victim: str
    shape: str = "text"
    people: bool = False
    choices: Choices = Choices()
    wrap: Callable[[bytes], bytes] = bytes

    def sound(self) -> bytes:
        return made(self)[self.victim]

    def write(self, folder: Path, data: bytes) -> Path:
        """The export with something else as its victim."""
        return put(folder, {**made(self), self.victim: self.wrap(data)})

    def __str__(self) -> str:
        return self.name


def made(form: Format) -> Files:
    return _built(form.files)


@cache
def _built(files: Callable[[], Files]) -> Files:
    return files()


_number = itertools.count()


def put(folder: Path, files: Files) -> Path:
    """Where the files now lie: a lone one by itself."""
    top = folder / str(next(_number))
    for name, data in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (name, *more) = files
    return top if more or "/" in name else top / name


def zipped(files: Files, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", how) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return into.getvalue()


# --- the formats -------------------------------------------------------------------------------------------------------------

WORDS = ("seeds", "bring soup", "who has the key", "see you at seven", "the old bridge", "a lantern", "thanks", "again")


def _android() -> bytes:
    lines = ['24/12/2023, 18:00 - Fern created group "Lantern walk"']
    lines += [
        f"{25 + at // 3}/12/2023, 18:{at:02d} - {('Fern', 'Moss')[at % 2]}: {word}" for at, word in enumerate(WORDS)
    ]
    lines[4] += "\nand a second line of it"
    return "".join(f"{line}\n" for line in lines).encode()


def _ios() -> bytes:
    lines = [
        f"[{25 + at // 3}/12/2023, 18:{at:02d}:07] {('Fern', 'Moss')[at % 2]}: {word}" for at, word in enumerate(WORDS)
    ]
    lines[3] = "[25/12/2023, 18:03:07] Moss: \u200e<attached: 00000004-PHOTO.jpg>"
    return "".join(f"{line}\r\n" for line in lines).encode()


def _whatsapp_zip() -> Files:
    return {"lantern walk.zip": zipped({"_chat.txt": _ios(), "00000004-PHOTO.jpg": facebook.PNG})}


def _newer(folder: Path) -> bytes:
    phone = whatsapp.newer(folder / "msgstore.db")
    for at, word in enumerate(WORDS):
        phone.message(f"KEY{at}", text=word, sender=(whatsapp.FERN, whatsapp.MOSS)[at % 2])
    phone.notice(12, people=(whatsapp.REED,))
    return phone.close().read_bytes()


def _older(folder: Path) -> bytes:
    phone = whatsapp.older(folder / "msgstore.db")
    for at, word in enumerate(WORDS):
        whatsapp.old_message(phone, f"KEY{at}", word, ("", "491702222222@s.whatsapp.net")[at % 2])
    return phone.close().read_bytes()


def _in_folder(build: Callable[[Path], Any]) -> Any:
    import tempfile  # noqa: PLC0415 - here only

    with tempfile.TemporaryDirectory() as name:
        return build(Path(name))


def gathered(build: Callable[[Path], Path]) -> Files:
    """What a builder writes, as files."""

    def read(folder: Path) -> Files:
        top = build(folder)
        if top.is_file():
            return {top.name: top.read_bytes()}
        return {one.relative_to(top).as_posix(): one.read_bytes() for one in sorted(top.rglob("*")) if one.is_file()}

    found: Files = _in_folder(read)
    return found


def _telegram() -> bytes:
    make = telegram.message
    items = [
        telegram.service(1, "invite_members", members=["Moss Bank"]),
        make(2, "first"),
        make(3, [{"type": "bold", "text": "bold"}, " and ", {"type": "mention_name", "text": "Moss", "user_id": 2}]),
        make(4, "answer", who=2, reply_to_message_id=3),
        make(5, "edited", edited="2023-11-15T22:13:20", edited_unixtime="1700086400"),
        make(6, "", photo="photos/a.jpg", width=4, height=4),
        make(7, "liked", reactions=[{"type": "emoji", "count": 2, "emoji": "👍"}]),
        make(8, "", poll={"question": "Who?", "closed": False, "total_voters": 1, "answers": [{"text": "me", "voters": 1, "chosen": False}]}),
        make(9, "last", who=3),
    ]  # fmt: skip
    return json.dumps(telegram.chat(*items), indent=1).encode()


def _discord() -> bytes:
    make = discord.message
    items = [
        make(1, "first"),
        make(2, "hello <@2>", mentions=[discord.user(2)]),
        make(3, "answer", who=2, type="Reply", reference={"messageId": "2", "channelId": "11", "guildId": "9"}),
        make(4, "edited", timestampEdited="2023-11-14T22:20:00.000+00:00"),
        make(5, "", attachments=[{"id": "51", "url": "https://cdn.discordapp.com/a.png", "fileName": "a.png", "fileSizeBytes": 5}]),
        make(6, "liked", reactions=[{"emoji": {"id": "", "name": "👍", "code": "thumbsup"}, "count": 2, "users": [discord.user(2), discord.user(3)]}]),
        make(7, "pinned", isPinned=True),
        make(8, "last", who=3),
    ]  # fmt: skip
    return json.dumps(discord.channel(*items), indent=2).encode()


def _slack() -> Files:
    post = slack.post
    day = [
        post(slack.FERN, 1, "first"),
        post(slack.MOSS, 2, f"hello <@{slack.FERN}>", edited={"user": slack.MOSS, "ts": slack.ts(50)}),
        post(slack.FERN, 3, "thread", thread_ts=slack.ts(3), reply_count=1),
        post(slack.MOSS, 4, "answer", thread_ts=slack.ts(3), parent_user_id=slack.FERN),
        post(slack.FERN, 5, "liked", reactions=[{"name": "+1", "users": [slack.MOSS, slack.REED], "count": 2}]),
        post(slack.FERN, 6, "", files=[{"id": "F0PICTURE1", "name": "a.png", "mimetype": "image/png", "size": 3}]),
        post(slack.REED, 7, "has joined", subtype="channel_join"),
        post(slack.FERN, 8, "last"),
    ]
    return gathered(
        lambda folder: slack.write(
            folder / "export", {f"general/{slack.DAY}": day}, files={"__uploads/F0PICTURE1/a.png": b"png"}
        )
    )


def _meta(files: dict[str, Any]) -> Files:
    return gathered(lambda folder: facebook.put(folder / "download", files))


def _page_of_posts() -> dict[str, Any]:
    name = "your_facebook_activity/groups/group_posts_and_comments.html"
    blocks = [
        ("Fern Moss posted in Café Garden 🌱.", f"<div>{word}</div>", f"Sep 13, 2020 12:{59 - at}:00 pm")
        for at, word in enumerate(WORDS)
    ]
    return facebook.html_download() | {name: facebook.html_page(*blocks)}


def _answers() -> list[Any]:
    ivy = facebook.user(21, "Reed Ivy")
    return [
        facebook.first_answer(),
        facebook.members_answer(facebook.member_edge(22, "Sol Lark"), facebook.member_edge(23, "Lark")),
        {"data": {"node": {"__typename": "Group", "id": facebook.GROUP, "group_feed": {"edges": [
            {"node": facebook.story(500100 + at, word, ivy, 1_700_000_000 + at)} for at, word in enumerate(WORDS)
        ]}}}},
        {"data": {"node": facebook.comment(900100, 500100, "a comment", ivy, 1_700_000_100)}},
    ]  # fmt: skip


def _har(*bodies: bytes) -> bytes:
    given = bodies or [json.dumps(one).encode() for one in _answers()]
    entries = [facebook.entry(one.decode("utf-8", "replace")) for one in given]
    return gathered(lambda folder: facebook.har(folder / "page.har", *entries))["page.har"]


def _har_around(body: bytes) -> bytes:
    """A capture with an answer that is damaged, and one that is not."""
    return _har(json.dumps(_answers()[0]).encode(), body)


def _members_csv() -> bytes:
    rows = [
        (str(number), name, f"https://www.facebook.com/profile.php?id={number}", "bio", "https://x.example/a.jpg", facebook.GROUP, "Joined on Sunday", "User")
        for number, name in ((21, "Reed Ivy"), (22, "Sol Lark"), (23, "Wren, A"), (24, "Moss"), (25, "Fern"))
    ]  # fmt: skip
    return gathered(lambda folder: facebook.table(folder / "members.csv", *rows))["members.csv"]


def _saved() -> bytes:
    data = json.dumps({"require": [["x", [facebook.members_answer(facebook.member_edge(24, "Moss"))]]]})
    return facebook.saved_members({21: "Reed Ivy", 22: "Sol Lark", 23: "Lark"}, data=data).encode()


def _mhtml() -> bytes:
    head = (
        "From: <Saved by Blink>\r\nSnapshot-Content-Location: "
        f"https://www.facebook.com/groups/{facebook.GROUP}/members\r\nSubject: Quiet Garden\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="----B--1"\r\n\r\n\r\n'
        "------B--1\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        f"Content-Location: https://www.facebook.com/groups/{facebook.GROUP}/members\r\n\r\n"
    )
    return head.encode() + quopri.encodestring(_saved()).replace(b"\n", b"\r\n") + b"\r\n------B--1--\r\n"


def _mail(at: int) -> bytes:
    if at == 3:
        kind = f"{mails.LISTED}Content-Type: multipart/mixed; boundary=bb\n"
        parts = "--bb\n\nwith a picture\n--bb\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\nQUJD\n--bb--\n"
        return mails.mail(at, parts, extra=kind)
    if at == 4:
        page = f"{mails.LISTED}Content-Type: text/html; charset=utf-8\n"
        return mails.mail(at, "<p>a <b>page</b></p>\n", extra=page, subject="=?utf-8?q?S=C3=A4en?=")
    return mails.mail(
        at, f"{WORDS[at]}\n", extra=f"{mails.LISTED}In-Reply-To: <m1@example.org>\n" if at > 1 else mails.LISTED
    )


def _mbox() -> bytes:
    return mails.mbox(*map(_mail, range(8)))


def _google() -> Files:
    place = "Groups/googlegroups.com/owned/garden@googlegroups.com"
    line = "From 28668125511680@xxx Thu Apr 16 09:53:04 +0000 2015\r\n"
    own = "X-Google-Groups: garden\nX-GM-THRID: 7\n"
    table = "Email address,Nickname,Group status,Email status,Email preference,Posting permissions\n"
    rows = [f"{name.lower()}@example.org,{name},{how},,Each email,allowed\n" for name, how in (
        ("Fern", "owner"), ("Moss", "manager"), ("Reed", "member"), ("Ivy", "invited"), ("Lark", "pending"), ("Oak", "banned"),
    )]  # fmt: skip
    return {
        f"{place}/topics.mbox": mails.mbox(*(mails.mail(at, WORDS[at], extra=own) for at in range(8)), line=line),
        f"{place}/members.csv": (table + "".join(rows)).encode(),
    }


def _lines() -> bytes:
    ids = [f"{at:032x}" for at in (1, 2)]
    records: list[Record] = [
        Group(ref="!garden", platform="sandbox", origin="sandbox", name="Garden"),
        Channel(ref="!beds", group="!garden", parent="!garden", name="Beds"),
        *(Member(id=one, platform="sandbox", origin="sandbox", native=f"@fern{at}:sandbox") for at, one in enumerate(ids)),
        *(Message(channel="!beds", ref=f"${at}", time=1000 + at, author=ids[at % 2], text=word) for at, word in enumerate(WORDS)),
        Reaction(channel="!beds", ref="$r", target="$1", author=ids[0], key="x"),
        Membership(channel="!beds", member=ids[0], seen=5),
    ]  # fmt: skip
    return b"".join(codec.encode(one) + b"\n" for one in records)


MEMBERS = (
    b"Username,Full name,E-mail,Phone,Joined,Role\nfern,Fern Hollow,fern@example.org,+31 20 555 0101,2024-05-01,Admin\n"
    b'moss,Moss Stone,,,2024-05-02 10:30,member\nreed,Reed Marsh,reed@example.org,,,Moderator\nivy,"Ivy, W",ivy@example.org,,,\n'
)
CONTACTS = (
    b"First Name,Middle Name,Last Name,Nickname,Organization Name,Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value\n"
    b"Fern,,Hollow,,,* myContacts,* ,fern@example.org,Mobile,+31 20 555 0101\nMoss,,Stone,,,,,moss@example.org,,\n"
    b"Reed,,,,,,,reed@example.org,Home,020 555 0102\n"
)
CARDS = b"".join(
    f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name} Hollow\r\nTEL;TYPE=CELL:+31 20 555 010{at}\r\nEMAIL:{name}@example.org\r\nEND:VCARD\r\n".encode()
    for at, name in enumerate(("Fern", "Moss", "Reed", "Ivy"))
)

_FB, _IG = "your_facebook_activity", "your_instagram_activity"
_MAILDIR: Callable[[], Files] = lambda: {f"cur/1.M{at}.host:2,S": _mail(at) for at in range(8)}  # noqa: E731
_DOWNLOAD: Callable[[], Files] = lambda: _meta(facebook.download())  # noqa: E731
_INSTAGRAM: Callable[[], Files] = lambda: _meta(instagram.download())  # noqa: E731
_PAGES: Callable[[], Files] = lambda: _meta(_page_of_posts())  # noqa: E731
_IG_PAGES: Callable[[], Files] = lambda: _meta(instagram.html_download())  # noqa: E731
_PLACE = "Groups/googlegroups.com/owned/garden@googlegroups.com"

FORMATS: tuple[Format, ...] = (
    Format("whatsapp-android", lambda: {"WhatsApp Chat with Lantern walk.txt": _android()}, "WhatsApp Chat with Lantern walk.txt"),
    Format("whatsapp-ios", lambda: {"_chat.txt": _ios(), "00000004-PHOTO.jpg": facebook.PNG}, "_chat.txt"),
    Format("whatsapp-zip", _whatsapp_zip, "lantern walk.zip", "zip"),
    Format("whatsapp-database", lambda: {"msgstore.db": _in_folder(_newer)}, "msgstore.db", "binary"),
    Format("whatsapp-database-older", lambda: {"msgstore.db": _in_folder(_older)}, "msgstore.db", "binary"),
    Format(
        "whatsapp-crypt15", lambda: {"msgstore.db.crypt15": whatsapp.encrypted(_in_folder(_newer), KEY)},
        "msgstore.db.crypt15", "binary", choices=Choices(key=KEY.hex().encode()),
    ),
    Format("telegram", lambda: {"result.json": _telegram(), "photos/a.jpg": facebook.PNG}, "result.json", "json"),
    Format("discord", lambda: {"Garden - Beds - general [11].json": _discord()}, "Garden - Beds - general [11].json", "json"),
    Format("slack-day", _slack, f"general/{slack.DAY}.json", "json"),
    Format("slack-users", _slack, "users.json", "json", people=True),
    Format("slack-channels", _slack, "channels.json", "json"),
    Format("slack-zip", lambda: {"export.zip": zipped(_slack())}, "export.zip", "zip"),
    Format("facebook-posts", _DOWNLOAD, f"{_FB}/groups/group_posts_and_comments.json", "json"),
    Format("facebook-chat", _DOWNLOAD, f"{_FB}/messages/inbox/gardenfriends_777888/message_1.json", "json"),
    Format("facebook-zip", lambda: {"facebook.zip": zipped(_DOWNLOAD())}, "facebook.zip", "zip"),
    Format("facebook-html", _PAGES, f"{_FB}/groups/group_posts_and_comments.html", "html"),
    Format("facebook-html-chat", _PAGES, f"{_FB}/messages/inbox/gardenfriends_777888/message_1.html", "html"),
    Format("facebook-har", lambda: {"page.har": _har()}, "page.har", "json"),
    Format(
        "facebook-answer", lambda: {"page.har": json.dumps(_answers()[2]).encode()}, "page.har", "answer", wrap=_har_around
    ),
    Format("facebook-members", lambda: {"members.csv": _members_csv()}, "members.csv", "table", people=True),
    Format("facebook-saved", lambda: {"members.html": _saved()}, "members.html", "page", people=True),
    Format("facebook-mhtml", lambda: {"members.mhtml": _mhtml()}, "members.mhtml", "page", people=True),
    Format("instagram-posts", _INSTAGRAM, f"{_IG}/media/posts_1.json", "json"),
    Format("instagram-chat", _INSTAGRAM, f"{_IG}/messages/inbox/pond_1234567/message_1.json", "json"),
    Format("instagram-followers", _INSTAGRAM, "connections/followers_and_following/followers_1.json", "json", people=True),
    Format("instagram-zip", lambda: {"instagram.zip": zipped(_INSTAGRAM())}, "instagram.zip", "zip"),
    Format("instagram-html", _IG_PAGES, f"{_IG}/media/posts_1.html", "html"),
    Format("instagram-html-chat", _IG_PAGES, f"{_IG}/messages/inbox/pond_1234567/message_1.html", "html"),
    Format("mbox", lambda: {"garden.mbox": _mbox()}, "garden.mbox", "mail"),
    Format("maildir", _MAILDIR, "cur/1.M3.host:2,S", "mail"),
    Format("eml", lambda: {"seeds.eml": _mail(3)}, "seeds.eml", "mail"),
    Format("google-mails", _google, f"{_PLACE}/topics.mbox", "mail"),
    Format("google-members", _google, f"{_PLACE}/members.csv", "table", people=True),
    Format("json-lines", lambda: {"garden.jsonl": _lines()}, "garden.jsonl", "lines"),
    Format("members", lambda: {"Rose garden.csv": MEMBERS}, "Rose garden.csv", "table", people=True),
    Format("contacts", lambda: {"contacts.csv": CONTACTS}, "contacts.csv", "table", people=True),
    Format("vcards", lambda: {"contacts.vcf": CARDS}, "contacts.vcf", "cards", people=True),
)  # fmt: skip
BY_NAME = {form.name: form for form in FORMATS}
