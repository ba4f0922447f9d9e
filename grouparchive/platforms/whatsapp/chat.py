"""A chat as WhatsApp exports it: a text, alone or with its media in a zip or a folder. There are no ids in it: a message is
known by its minute, its author and its words, and by how many like it came before in that minute.
"""

import json
import mimetypes
import re
from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from typing import ClassVar, Final, Literal, NamedTuple, TypeAlias
from zlib import crc32

from grouparchive.errors import BadExport
from grouparchive.model.ports import Identify, MediaRequest, Page
from grouparchive.model.records import (
    AnyRecord,
    Channel,
    Gap,
    Group,
    Known,
    Media,
    MemberId,
    Membership,
    Message,
    Record,
    Ref,
)
from grouparchive.platforms.files import Box, Choices, FileConnector
from grouparchive.platforms.whatsapp import words
from grouparchive.platforms.whatsapp.style import BLOCK, Style, as_utf8, looks_like_chat, style_of, utc_millis

MOST_TEXT: Final = 1_000_000
LONGEST: Final = 8 * 1024 * 1024  # bytes of one message; of a longer one only the begin is kept
_PAGE: Final = 1000
_MINUTES: Final = 64  # back from the newest, whose messages are remembered to number those that are alike
_CUT_AT: Final = frozenset({40_000, 10_000})
_REMEMBERED: Final = 20_000
_NUMBER: Final = re.compile(r"\+?[\d\s().\-\u00a0\u2011]{7,24}")
_MENTION: Final = re.compile("@(?:\u2068([^\u2069\n]{1,100})\u2069|(\\d{7,15})\\b)")
_TITLE: Final = re.compile(
    r"(?:WhatsApp[ -]Chat (?:with|mit)|Chat de WhatsApp con|Discussion WhatsApp avec|Conversa do WhatsApp com|Chat WhatsApp con"
    r"|Чат WhatsApp с|WhatsApp Chat -|WhatsApp Sohbeti -|WhatsApp-chat met) ?(?:контактом )?(.+?)(?: ile WhatsApp Sohbeti)?"
)
_COPY: Final = re.compile(r"(?: ?\(\d+\)| - Copy| copy)+$")
_TYPES: Final[dict[str, Literal["image", "sticker", "video", "audio", "contact"]]] = {
    "jpg": "image", "jpeg": "image", "png": "image", "gif": "image", "heic": "image", "webp": "sticker", "mp4": "video",
    "mov": "video",
    "3gp": "video", "opus": "audio", "ogg": "audio", "m4a": "audio", "mp3": "audio", "aac": "audio", "vcf": "contact",
}  # fmt: skip


Author: TypeAlias = tuple[MemberId | Literal[""], int]
"""An id, "" for the app itself, and a digest of the name as it is shown."""
_APP: Final[Author] = ("", 0)
Line: TypeAlias = tuple[bytes, bytes, bytes | None, bytes, bytes]


class _At(NamedTuple):
    """Where and when a message stands, and by whom: `author` "" is the app itself, `salt` a digest of the name."""

    group: Ref
    minute: int
    time: int
    author: MemberId | Literal[""]
    salt: int


class WhatsAppChat(FileConnector):
    """See `FileConnector`. Raises `UsageError` where day and month cannot be told apart."""

    platform: ClassVar[str] = "whatsapp"
    origin: ClassVar[str] = "whatsapp.com"
    title: ClassVar[str] = "a WhatsApp chat"
    exports: ClassVar[frozenset[type[Record]]] = frozenset({Group, Channel, Message, Membership, Gap})

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._name = _text_in(box)
        self._people: dict[str, MemberId] = {}  # by the name that is shown
        self._authors: dict[bytes, Author] = {}  # by the bytes before the colon
        self._seen: dict[MemberId, int] = {}
        self._times: dict[tuple[bytes, bytes], tuple[int, int] | None] = {}
        self._alike: dict[int, int] = {}
        self._late: dict[tuple[int, int], int] = {}
        self._newest = 0
        self._files = {name.rpartition("/")[2]: name for name in reversed(box.entries)}
        self._group = ""

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the port's signature
        """Is there a text whose lines begin as those of a chat?"""
        return bool(_text_in(box))

    def groups(self) -> Iterator[Group]:
        """The one chat."""
        name = self._group = self._group or self.choices.group or _title(self.box, self._name) or self._subject()
        yield Group(ref=f"whatsapp:{name}"[:1024], platform=self.platform, origin=self.origin, name=name)

    @cached_property
    def _style(self) -> Style:
        return style_of(self.box, self._name, self.choices.dates)

    # --- reading -------------------------------------------------------------------------------------------------------

    def _states(self, group: Ref) -> Iterator[Page]:
        self._style  # noqa: B018 - what it lacks is asked for before anything is read
        self._gap(Known.MEMBERS_PARTIAL, limit=True)
        yield Page(records=[*self.groups(), Channel(ref=group, group=group, name=self._group)])

    def _events(self, group: Ref) -> Iterator[Page]:
        self._stamp = sha256(self.box.head(self._name)).hexdigest()
        page: list[AnyRecord] = []
        media: list[MediaRequest] = []
        count = 0
        try:
            for line in self._lines():
                message = self._message(group, line, media)
                if message is not None:
                    page.append(message)
                    count += 1
                if len(page) >= _PAGE:
                    yield Page(records=page, media=media)
                    page, media = [], []
        except BadExport:
            self._gap(Known.FILE_DAMAGED, group, f"after {count} messages")
        if count in _CUT_AT:
            self._gap(Known.HISTORY_CUT, group, f"exactly {count} messages: the phone exports no more of a chat")
        if page or self._gaps:
            yield Page(records=page, media=media)
        for member, time in self._seen.items():
            self.sightings.note(group, member, time)

    def _lines(self) -> Iterator[Line]:
        """Each message: the stamp up to the hour, the minute, seconds or None, the rest of the head, what follows."""
        split = self._style.split.split
        rest, skipping = b"\r\n", False
        for piece in as_utf8(self.box, self._name):
            parts = split(rest + piece)
            if len(parts) == 1:
                rest, skipping = self._bounded(parts[0], skipping=skipping)
                continue
            if parts[0].strip():
                self._before(parts[0])
            yield from zip(*(parts[at:-5:5] for at in range(1, 6)), strict=True)
            head = b"\n" + parts[-5] + b":" + parts[-4] + (parts[-3] or b"") + parts[-2]
            # An iPhone's message ends with the CR before the next one's line.
            rest, skipping = self._bounded(b"\r" + head + parts[-1], skipping=skipping and len(parts) == 6)
        parts = split(rest)
        if len(parts) > 1:
            parts[-1] = parts[-1].rstrip(b"\r\n")
            yield from zip(*(parts[at::5] for at in range(1, 6)), strict=True)

    def _bounded(self, rest: bytes, *, skipping: bool) -> tuple[bytes, bool]:
        """What waits for the end of a message, cut where it has grown too long to be one."""
        if len(rest) <= LONGEST + BLOCK:
            return rest, skipping
        if not skipping:
            self._gap(Known.LINE_TOO_LONG, "", "a message is far longer than one can be")
        return rest[:LONGEST] + rest[-64:], True

    def _before(self, text: bytes) -> None:
        """Something stands before the first message."""
        if text.strip(b"\r\n\xef\xbb\xbf \t"):
            self._gap(Known.MESSAGE_UNREADABLE, "", "lines before the first message")

    def _message(self, group: Ref, line: Line, media: list[MediaRequest]) -> Message | None:
        stamp, minutes, seconds, rest, body = line
        when = self._when(stamp, rest)
        if b"\r" in body:
            body = body.removesuffix(b"\r").replace(b"\r\n", b"\n")
        if when is None:
            self._gap(Known.MESSAGE_UNREADABLE, group, "a line with an impossible date")
            return None
        past = int(minutes)
        minute, time = when[0] + past, when[1] + past * 60_000
        if seconds:
            time += int(seconds[1:]) * 1000
        name, colon, text = body.partition(b": ")
        known = self._authors.get(name) if colon else None
        if known is None:
            known, text = self._author(name, colon, text, body)
        author, salt = known
        if author:
            self._seen[author] = time
            if (
                b"@" not in text
                and b"<" not in text
                and b")" not in text
                and text[:1] != b"\xe2"
                and len(text) < MOST_TEXT
            ):
                try:
                    plain = text.decode()
                except UnicodeDecodeError:
                    plain = self._decoded(text)
                if plain not in words.DELETED:
                    return Message(
                        channel=group,
                        ref=self._ref(minute, crc32(text, salt)),
                        time=time,
                        author=author,
                        text=plain,
                    )
        return self._special(_At(group, minute, time, author, salt), self._decoded(text), media)

    def _when(self, stamp: bytes, rest: bytes) -> tuple[int, int] | None:
        key = (stamp, rest)
        if key not in self._times:
            if len(self._times) > 100_000:
                self._times.clear()
            hour = self._style.hour(stamp, rest)
            self._times[key] = None if hour is None else (hour, utc_millis(hour, self.choices.zone))
        return self._times[key]

    def _ref(self, minute: int, crc: int) -> str:
        """The ref of a message: of those that are alike in one minute each has its number."""
        key = minute << 32 | crc
        number = self._alike.get(key)
        if number is None:
            if minute < self._newest - _MINUTES:  # the clock was put back: those that came before are not remembered
                number = self._late[minute, crc] = self._late.get((minute, crc), -1) + 1
                return f"{minute:x}.{crc:08x}.late{number}"
            self._newest = max(minute, self._newest)
            if len(self._alike) >= _REMEMBERED:
                oldest = (self._newest - _MINUTES) << 32
                self._alike = {one: count for one, count in self._alike.items() if one >= oldest}
            self._alike[key] = 0
            return f"{minute:x}.{crc:08x}"
        self._alike[key] = number + 1
        return f"{minute:x}.{crc:08x}.{number + 1}"

    # --- people --------------------------------------------------------------------------------------------------------

    def _author(self, name: bytes, colon: bytes, text: bytes, body: bytes) -> tuple[Author, bytes]:
        """(author, text) of a line whose author was not met yet."""
        if not colon:
            name, colon, text = body.partition(b":")
            return (self._authors[name], text) if colon and name in self._authors else (_APP, body)
        shown = name.decode("utf-8", "replace")
        if text.startswith("\u200e".encode()):  # an iPhone has the app speak in the group's or in somebody's name
            said = text.decode("utf-8", "replace")
            if shown == self._group or (not words.omitted(said) and words.system_line(said)):
                return _APP, text
        odd = sum(shown.count(mark) for mark in '"“”„«»') % 2 == 1
        line = body.decode("utf-8", "replace")
        if odd or "\n" in shown or len(shown) > 200 or not shown.strip() or words.system_line(line.partition("\n")[0]):
            return _APP, body
        member = self._person(shown)
        self._authors[name] = (member, crc32(shown.translate(words.MARKS).strip().encode()))
        return self._authors[name], text

    def _person(self, shown: str) -> MemberId:
        shown = shown.translate(words.MARKS).strip().removeprefix("~").strip(" \u00a0\u202f")
        if shown not in self._people:
            number = _NUMBER.fullmatch(shown)
            native = "+" + re.sub(r"\D", "", shown) if number else f"name:{shown}"
            self._people[shown] = self.identify(native, shown, "")
        return self._people[shown]

    def _clean(self, text: str) -> tuple[str, tuple[MemberId, ...]]:
        """A text with its mentions as ids, and whom it mentions."""
        found: list[MemberId] = []

        def named(match: re.Match[str]) -> str:
            found.append(self._person(match[1] or f"+{match[2]}"))
            return f"{{member:{found[-1]}}}"

        return _MENTION.sub(named, text), tuple(dict.fromkeys(found))

    def _decoded(self, text: bytes) -> str:
        try:
            decoded = text.decode()
        except UnicodeDecodeError:
            decoded = text.decode("utf-8", "replace")
            self._gap(Known.MESSAGE_UNREADABLE, self._group, "letters that are no text", limit=False)
        if len(decoded) > MOST_TEXT:
            self._gap(Known.LINE_TOO_LONG, self._group, "the end of a message was cut off")
            decoded = decoded[:MOST_TEXT]
        return decoded

    # --- what is no plain text -----------------------------------------------------------------------------------------

    def _special(self, at: _At, text: str, media: list[MediaRequest]) -> Message:
        omitted = bool(at.author) and words.omitted(text)
        said = words.system_line(text) if not at.author or (text.startswith("\u200e") and not omitted) else None
        if said or not at.author:
            return self._service(at, text, said)
        if omitted:
            ref = self._ref(at.minute, crc32(b"\0media", at.salt))
            self._gap(Known.MEDIA_UNAVAILABLE, f"{at.group}/{ref}", "left out of the export", limit=True)
            return Message(
                channel=at.group, ref=ref, time=at.time, author=at.author, type="file", data='{"omitted":true}'
            )
        if file := words.attached(text, self._files):
            return self._file(at, *file, media)
        plain = words.EDITED.sub("", text.removeprefix("\u200e"))
        ref = self._ref(at.minute, crc32(plain.encode(), at.salt))
        cleaned, mentions = self._clean(plain)
        edited = at.time if len(plain) < len(text.removeprefix("\u200e")) else 0
        deleted = plain.strip() in words.DELETED
        place = words.PLACE.fullmatch(plain.strip())
        return Message(
            channel=at.group, ref=ref, time=at.time, author=at.author, text=cleaned, mentions=mentions, edited=edited,
            type="other" if deleted else "location" if place else "text", data='{"action":"deleted"}' if deleted else "",
        )  # fmt: skip

    def _file(self, at: _At, file: str, caption: str, media: list[MediaRequest]) -> Message:
        ref = self._ref(at.minute, crc32(b"\0media", at.salt))
        place = f"{at.group}/{ref}/0"
        shown = self._named(file)
        ending = file.rpartition(".")[2].lower()
        path = self._files.get(file, "")
        mime = mimetypes.guess_type(file)[0] or ""
        wanted = self._attach(place, path, mime=mime, said=shown)
        if wanted:
            media.append(wanted)
        text, mentions = self._clean(caption)
        return Message(
            channel=at.group, ref=ref, time=at.time, author=at.author, type=_TYPES.get(ending, "file"), text=text,
            mentions=mentions, version=1,
            media=(Media(ref=place, name=shown, mime=mime, size=wanted.size if wanted else 0),),
        )  # fmt: skip

    def _service(self, at: _At, text: str, said: words.SystemLine | None) -> Message:
        ref = self._ref(at.minute, crc32(text.translate(words.MARKS).encode("utf-8", "replace")))
        line, action = text.translate(words.MARKS), "unknown"
        people: list[MemberId] = []
        if said is None:
            line = self._named(line)
        else:
            action = said.action
            for shown in filter(None, [said.actor, *words.AND.split(said.target)]):
                if shown in words.YOU:
                    continue
                member = self._person(shown)
                people.append(member)
                line = line.replace(shown, f"{{member:{member}}}", 1)
                gone = action in {"left", "removed"} and (shown != said.actor or action == "left")
                self.sightings.note(at.group, member, at.time, "leave" if gone else "join")
                if gone:
                    self._seen.pop(member, None)
        return Message(
            channel=at.group, ref=ref, time=at.time, type="service", text=line, mentions=tuple(dict.fromkeys(people)),
            data=json.dumps({"action": action}),
        )  # fmt: skip

    def _named(self, text: str) -> str:
        """A text of the app or the phone with the names of the people met so far as ids."""
        for shown in sorted((one for one in self._people if len(one) > 2 and one in text), key=len, reverse=True):
            text = text.replace(shown, f"{{member:{self._people[shown]}}}")
        return text

    def _subject(self) -> str:
        """The group's name as its first lines tell it, else what the file is called."""
        for line in self.box.head(self._name, BLOCK).decode("utf-8", "replace").splitlines():
            if '"' in line or "“" in line:
                said = words.system_line(re.sub(r"^.*?(?:\] | - )", "", line))
                if said and said.subject:
                    return said.subject
        return _COPY.sub("", self._name.rpartition("/")[2].removesuffix(".txt"))


def _text_in(box: Box) -> str:
    """The chat's text among the files of an export. "" where there is none, and where there are several exports."""
    if any(name.lower().endswith(".zip") and "/" not in name for name in box.entries):
        return ""
    for depth in range(3):
        texts = sorted(one for one in box.entries if one.lower().endswith(".txt") and one.count("/") == depth)
        chats = [name for name in texts[:200] if _is_chat(box, name)]
        if chats:
            return chats[0] if len(chats) == 1 else ""
    return ""


def _is_chat(box: Box, name: str) -> bool:
    head = box.head(name, 8192)
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    return looks_like_chat(head)


def _title(box: Box, text: str) -> str:
    """The chat's name, where the name of the file or of the zip tells it."""
    for name in (text.rpartition("/")[2].removesuffix(".txt"), box.label.removesuffix(".zip").removesuffix(".txt")):
        if found := _TITLE.fullmatch(_COPY.sub("", name).translate(words.MARKS)):
            return found[1].strip()
    return ""
