"""Telegram Desktop's machine-readable export: which chats a result.json holds, and reading them."""

import hashlib
import re
from collections.abc import Iterator
from typing import ClassVar, Final, TypeVar

import msgspec

from grouparchive.errors import BadExport, UsageError
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.ports import Identify, MediaRequest, Page
from grouparchive.model.records import (
    AnyRecord,
    Channel,
    Gap,
    Group,
    Known,
    Membership,
    Message,
    Pins,
    Reaction,
    Record,
    Vault,
)
from grouparchive.platforms.files import Box, Choices, FileConnector
from grouparchive.platforms.files.json_stream import ANY, Batch, End, JsonStream, Lost, Opened, Path, Value
from grouparchive.platforms.telegram.fields import decode, loosely, mend, skim
from grouparchive.platforms.telegram.messages import Messages
from grouparchive.platforms.telegram.people import People

_JSON: Final = re.compile(r"(?:[^/]+/){0,2}[^/]+\.json", re.IGNORECASE)
_HTML: Final = re.compile(r"(?:[^/]+/){0,2}messages[0-9]*\.html", re.IGNORECASE)
_CHAT: Final = re.compile(
    rb'"type"\s*:\s*"(?:(?:private|public)_(?:group|supergroup|channel)|personal_chat|bot_chat|saved_messages|replies)"'
)
_MESSAGE: Final = re.compile(rb'"type"\s*:\s*"(?:message|service)"[^{}]{0,400}"date(?:_unixtime)?"\s*:\s*"')
_ACCOUNT: Final = re.compile(rb'"(?:personal_information|frequent_contacts|chats|left_chats)"\s*:\s*\{')
_PAGE: Final = re.compile(rb"Exported Data|tgme|pull_right date details|page_wrap")
_PATHS: Final[tuple[Path, ...]] = (
    ("messages",),
    ("chats", "list", ANY, "messages"),
    ("left_chats", "list", ANY, "messages"),
)
_PRIVATE: Final = frozenset({"personal_chat", "bot_chat", "saved_messages", "replies", "verification_codes"})
_OLD_ID: Final = 1 << 33
_MOST_PINS: Final = 1000
_MOST_UNLIKELY: Final = 20
_ON_A_PAGE: Final = 4000

_T = TypeVar("_T")


class Chat(msgspec.Struct):
    """One chat of a file. `start` is where its messages begin, `ref` what the Bot API calls it."""

    file: str
    start: int
    name: str = ""
    type: str = ""
    id: int = 0

    @property
    def ref(self) -> str:
        """-100 and the id for what has many members, - and the id for a small group, the name where there is no id."""
        number = self.id - _OLD_ID if _OLD_ID <= self.id < _OLD_ID + (1 << 32) else self.id
        if number > 0:
            return f"-{number}" if self.type == "private_group" else f"-100{number}"
        return "named:" + hashlib.sha256(self.name.encode()).hexdigest()[:32]


class TelegramExport(FileConnector):
    """result.json of one chat or of a whole account, with the folders beside it."""

    platform: ClassVar[str] = "telegram"
    origin: ClassVar[str] = "telegram.org"
    title: ClassVar[str] = "a Telegram export"
    exports: ClassVar[frozenset[type[Record]]] = frozenset({Group, Channel, Pins, Message, Reaction, Membership, Gap})

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._chats: dict[str, list[Chat]] | None = None
        self._folder = ""

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - nothing to choose
        """By how a JSON file begins."""
        return bool(_files(box))

    def groups(self) -> Iterator[Group]:
        """The groups and channels.

        Raises:
            UsageError: there are only private chats in it.
        """
        for ref, chats in self._index().items():
            name = next((chat.name for chat in reversed(chats) if chat.name), "") or self.choices.group
            yield Group(ref=ref, platform=self.platform, origin=self.origin, name=name[:16_384])

    # --- states and events -----------------------------------------------------------------------------------------------

    def _states(self, group: str) -> Iterator[Page]:
        one = next(found for found in self.groups() if found.ref == group)
        self._gap(Known.MEMBERS_PARTIAL, group, limit=True)
        yield Page(records=[one, Channel(ref=group, group=group, type="room", name=one.name)])

    def _events(self, group: str) -> Iterator[Page]:
        people = People(self.identify)
        messages = Messages(group, people, self.choices.zone, self)
        for chat in self._index()[group]:
            self._folder = chat.file.rpartition("/")[0]
            self._folder += "/" if self._folder else ""
            yield from self._read(chat, messages)
            yield from _pages(*messages.rest())
        for who, time, state in messages.sightings():
            self.sightings.note(group, who, time, state)
        if messages.uncounted:
            self._gap(Known.REACTIONS_UNNAMED, group, count=messages.uncounted, limit=True)
        if messages.pinned:
            self._gap(Known.UNPINNED_NOT_EXPORTED, group, limit=True)
            pins = tuple(reversed(messages.pinned))[:_MOST_PINS]
            yield Page(records=[Pins(channel=group, messages=pins)])

    def _read(self, chat: Chat, messages: Messages) -> Iterator[Page]:
        """The messages of a chat in one file."""
        pieces = self.box.pieces(chat.file, start=chat.start)
        for found in JsonStream(pieces, [()], decode, mend=mend):
            if isinstance(found, Batch):
                self._stamp = self._stamp or hashlib.sha256(msgspec.json.encode(found.items[0])).hexdigest()
                yield from _pages(*messages.records(found.items))
            elif isinstance(found, Lost):
                item = loosely(found.raw) if found.raw else None
                code = Known.MESSAGE_PARTLY_READ if item else Known.MESSAGE_UNREADABLE
                self._gap(code, messages.channel, f"{chat.file} byte {chat.start + found.start}: {found.why}")
                yield from _pages(*messages.records([item] if item else []))
            elif isinstance(found, End) and found.truncated:
                self._gap(
                    Known.FILE_DAMAGED, messages.channel, f"{chat.file} ends early at byte {chat.start + found.at}"
                )

    # --- the chats of an export ------------------------------------------------------------------------------------------

    def _index(self) -> dict[str, list[Chat]]:
        """The chats that are groups, by ref. A file of a whole account is read once for it."""
        if self._chats is None:
            found = [chat for file in _files(self.box) for chat in self._look_through(file)]
            private = sum(chat.type in _PRIVATE for chat in found)
            if private:
                self._gap(Known.PRIVATE_CHAT, count=private, limit=True)
            chats: dict[str, list[Chat]] = {}
            for chat in found:
                if chat.type not in _PRIVATE:
                    chats.setdefault(chat.ref, []).append(chat)
            if not chats and private:
                raise UsageError("there are only private chats in this export", hint="Export a group or a channel.")
            if not chats:
                raise BadExport("there is no chat in this export")
            self._chats = chats
        return self._chats

    def _look_through(self, file: str) -> Iterator[Chat]:
        beside: dict[Path, dict[str, bytes]] = {}
        starts: dict[Path, int] = {}
        for found in JsonStream(self.box.pieces(file), _PATHS, skim, mend=mend):
            if isinstance(found, Value):
                beside.setdefault(found.path[:-1], {})[str(found.path[-1])] = found.raw
            elif isinstance(found, Opened):
                place = found.path[:-1]
                if not place:  # the chat's own file: the rest is read with the messages
                    starts[place] = found.start
                    break
                if found.sure and place not in starts:
                    starts[place] = found.start
                else:
                    self._gap(Known.FILE_DAMAGED, detail=f"{file}: a chat without a beginning at byte {found.start}")
            elif isinstance(found, Lost) and found.where == "between":
                self._gap(Known.FILE_DAMAGED, detail=f"{file}: byte {found.start}")
            elif isinstance(found, End) and found.truncated:
                self._gap(Known.FILE_DAMAGED, detail=f"{file} ends early at byte {found.at}")
        for place, start in starts.items():
            fields = beside.get(place, {})
            yield Chat(
                file=file,
                start=start,
                name=_read(fields.get("name", b""), str, ""),
                type=_read(fields.get("type", b""), str, ""),
                id=_read(fields.get("id", b""), int, 0),
            )

    # --- what the messages ask for ---------------------------------------------------------------------------------------

    def attach(self, ref: str, name: str, *, mime: str, vault: Vault, said: str) -> MediaRequest | None:
        """A file by the path in the export, which counts from the folder of the JSON file."""
        path = self._folder + name.replace("\\", "/") if name else ""
        return self._attach(ref, path, mime=mime, vault=vault, said=said)

    def gap(self, code: str, scope: str, detail: str = "", *, limit: bool = False) -> None:
        """See `media.Desk`."""
        self._gap(code, scope, detail, limit=limit)


class TelegramPages(FileConnector):
    """The export as web pages, which leaves out who people are."""

    platform: ClassVar[str] = "telegram"
    origin: ClassVar[str] = "telegram.org"
    title: ClassVar[str] = "a Telegram export as web pages"
    exports: ClassVar[frozenset[type[Record]]] = frozenset({Group})

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - nothing to choose
        """By the name and beginning of the first page."""
        return any(_PAGE.search(box.head(name)) for name in box.named(_HTML.pattern)[:3])

    def groups(self) -> Iterator[Group]:
        """None.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "this Telegram export was made as web pages, which do not say who wrote",
            hint="Export the chat again in Telegram Desktop and choose the format: Machine-readable JSON.",
        )


def _files(box: Box) -> list[str]:
    """The files of the box that Telegram Desktop has written."""
    names = box.named(_JSON.pattern)
    likely = [name for name in names if name.rpartition("/")[2].startswith("result")]
    if not likely and len(names) <= _MOST_UNLIKELY:
        likely = names
    return [name for name in likely if _is_export(box, name)]


def _is_export(box: Box, name: str) -> bool:
    head = box.head(name)
    if not head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return False
    if b'"messages"' in head and (_CHAT.search(head[:4096]) or _MESSAGE.search(head)):
        return True
    return name.endswith("result.json") and _ACCOUNT.search(head) is not None


def _read(raw: bytes, kind: type[_T], otherwise: _T) -> _T:
    """A small value, if it is what it ought to be."""
    try:
        return msgspec.json.decode(mend(raw), type=kind)
    except UNREADABLE:
        return otherwise


def _pages(records: list[AnyRecord], media: list[MediaRequest]) -> Iterator[Page]:
    """One page with all the files, or several where there are many records."""
    for at in range(0, len(records), _ON_A_PAGE):
        yield Page(records=records[at : at + _ON_A_PAGE], media=media if at == 0 else [])
