"""The files of DiscordChatExporter, one for each channel or thread, or several where it was told to split them."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import unquote

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
    Role,
)
from grouparchive.platforms.discord.fields import DateRange, Guild, Item, Place, decode, loosely, snowflake_time
from grouparchive.platforms.discord.messages import Messages
from grouparchive.platforms.discord.people import People, avatar_ref, is_path, without_people
from grouparchive.platforms.files import Box, Choices, FileConnector
from grouparchive.platforms.files.json_stream import Batch, End, JsonStream, Lost, Opened, Value, mended

_JSON: Final = re.compile(r"(?:[^/]+/){0,3}[^/]+\.json", re.IGNORECASE)
_OTHER: Final = re.compile(r"(?:[^/]+/){0,2}[^/]+\.(?:html|csv|txt)", re.IGNORECASE)
_HEAD: Final = re.compile(rb'^(?:\xef\xbb\xbf)?\s*\{\s*"guild"\s*:\s*\{(?s:.{0,8000}?)"channel"\s*:\s*\{')
_PAGE: Final = re.compile(rb"DiscordChatExporter|chatlog__|AuthorID,Author,Date,Content|={10,}\r?\nGuild: ")
_PART: Final = re.compile(r"(.*?)(?: \[part ([0-9]{1,9})\])?\.json", re.IGNORECASE)
_DIRECT: Final = frozenset({"DirectTextChat", "DirectGroupTextChat", "1", "3"})
_THREADS: Final = re.compile(r"Guild(?:News|Public|Private)Thread|1[012]")
_CATEGORIES: Final = frozenset({"GuildCategory", "4"})
_MANY: Final = 20  # JSON files that are looked at before it is given up that they are of another kind
_ON_A_PAGE: Final = 4000
_HEADER_BLOCK: Final = 64 * 1024

_T = TypeVar("_T")
_REF: Final = re.compile(r"[0-9]{1,20}")  # ids of other forms are those of other platforms


class File(msgspec.Struct):
    """One file: whose, and which channel."""

    name: str
    guild: Guild
    place: Place
    cut: bool  # only a range of dates was exported


class DiscordExport(FileConnector):
    """JSON files of DiscordChatExporter: the channels of one or more servers."""

    platform: ClassVar[str] = "discord"
    origin: ClassVar[str] = "discord.com"
    title: ClassVar[str] = "a DiscordChatExporter export"
    exports: ClassVar[frozenset[type[Record]]] = frozenset(
        {Group, Channel, Role, Pins, Message, Reaction, Membership, Gap}
    )

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._files: dict[str, list[File]] | None = None
        self._folder = ""
        self._last: list[Page] = []

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - nothing to choose
        """By how the JSON files begin."""
        return any(_HEAD.match(box.head(name, _HEADER_BLOCK)) for name in box.named(_JSON.pattern)[:_MANY])

    def groups(self) -> Iterator[Group]:
        """The servers.

        Raises:
            UsageError: there are only direct messages in it.
        """
        for ref, files in self._index().items():
            name = next((file.guild.name for file in files if file.guild.name), "") or self.choices.group
            avatar = next((file.guild.iconUrl for file in files if is_path(file.guild.iconUrl or "")), "")
            yield Group(
                ref=ref,
                platform=self.platform,
                origin=self.origin,
                name=name[:16_384],
                avatar=f"{ref}/icon" if avatar else "",
            )

    # --- states ----------------------------------------------------------------------------------------------------------

    def _states(self, group: str) -> Iterator[Page]:
        head = next(found for found in self.groups() if found.ref == group)
        self._gap(Known.MEMBERS_PARTIAL, group, limit=True)
        channels = {group: Channel(ref=group, group=group, type="space", name=head.name)}
        for file in self._index()[group]:
            place = file.place
            thread = _THREADS.fullmatch(str(place.type)) is not None
            parent = place.categoryId or ""
            if parent and parent not in channels:
                # A category, or the channel of a thread; if it has a file of its own, that one tells more.
                above = Channel(ref=parent, group=group, type="category", parent=group, name=_short(place.category))
                channels[parent] = msgspec.structs.replace(above, type="room") if thread else above
            channels[place.id] = Channel(
                ref=place.id,
                group=group,
                type="thread" if thread else "category" if str(place.type) in _CATEGORIES else "room",
                parent=parent or group,
                name=_short(place.name),
                topic=without_people((place.topic or "")[:100_000]),
                created=snowflake_time(place.id),
            )
            if file.cut:
                self._gap(Known.HISTORY_CUT, place.id, "only a range of dates was exported", limit=True)
        media = []
        if head.avatar:
            icon = next(file for file in self._index()[group] if is_path(file.guild.iconUrl or ""))
            self._folder = _folder(icon.name)
            asked = self.attach(head.avatar, icon.guild.iconUrl or "", mime="", said="")
            media = [asked] if asked else []
        yield Page(records=[head, *channels.values()], media=media)

    # --- events ----------------------------------------------------------------------------------------------------------

    def _events(self, group: str) -> Iterator[Page]:
        people = People(self.identify, group)
        channels: dict[str, Messages] = {}
        for file in self._index()[group]:
            channel = file.place.id
            messages = channels.setdefault(channel, Messages(channel, people, self.choices.zone, self))
            self._folder = _folder(file.name)
            yield from self._read(file, messages)
        self._last = list(self._ending(group, people, channels))
        states: list[AnyRecord] = [
            Pins(channel=channel, messages=tuple(sorted(one.pinned, key=lambda ref: (len(ref), ref)))[:1000])
            for channel, one in channels.items()
            if one.pinned
        ]
        states += [
            Role(group=group, ref=role.id, name=_short(role.name), level=min(max(role.position, 0), 2**31))
            for role in people.known_roles.values()
        ]
        uncounted = sum(one.uncounted for one in channels.values())
        if uncounted:
            self._gap(Known.REACTIONS_UNNAMED, group, count=uncounted, limit=True)
        if states:
            yield Page(records=states)

    def _read(self, file: File, messages: Messages) -> Iterator[Page]:
        """The messages of one file."""
        before = messages.count
        told: int | None = None
        unread = 0
        pieces = self.box.pieces(file.name)
        for found in JsonStream(pieces, [("messages",)], decode):
            if isinstance(found, Batch):
                if not self._stamp:
                    self._stamp = hashlib.sha256(msgspec.json.encode(found.items[0])).hexdigest()
                yield from self._pages(*messages.records(found.items))
            elif isinstance(found, Lost):
                item = loosely(found.raw, Item) if found.raw else None
                unread += item is None
                code = Known.MESSAGE_PARTLY_READ if item else Known.MESSAGE_UNREADABLE
                self._gap(code, messages.channel, f"{file.name} byte {found.start}: {found.why}")
                yield from self._pages(*messages.records([item] if item else []))
            elif isinstance(found, Value) and found.path == ("messageCount",):
                told = _read(found.raw, int, -1)
            elif isinstance(found, End) and found.truncated:
                self._gap(Known.FILE_DAMAGED, messages.channel, f"{file.name} ends early at byte {found.at}")
        missing = 0 if told is None else told - (messages.count - before) - unread
        if missing > 0:
            self._gap(Known.MESSAGE_UNREADABLE, messages.channel, f"{file.name} tells of more", count=missing)

    @staticmethod
    def _pages(records: list[AnyRecord], media: list[MediaRequest]) -> Iterator[Page]:
        for at in range(0, len(records), _ON_A_PAGE):
            yield Page(records=records[at : at + _ON_A_PAGE], media=media if at == 0 else [])

    def _sightings(self) -> Iterator[Page]:
        yield from self._last

    def _ending(self, group: str, people: People, channels: dict[str, Messages]) -> Iterator[Page]:
        """Who was seen: in the server, with roles and pictures, and in each channel."""
        everywhere: dict[str, int] = {}
        rooms: list[list[AnyRecord]] = []
        for channel, messages in channels.items():
            room: list[AnyRecord] = []
            for who in messages.seen.keys() | messages.left.keys():
                if not who or who in people.webhooks:
                    continue
                there, gone = messages.seen.get(who, 0), messages.left.get(who, 0)
                everywhere[who] = max(everywhere.get(who, 1), there)
                state: Any = "leave" if gone >= there else "join"
                room.append(Membership(channel=channel, member=who, state=state, seen=max(there, gone, 1)))
            rooms.append(room)
        self._stamp = self._stamp or self.box.fingerprint().hex()
        media = []
        for user, path in people.avatars.items():
            asked = self._attach(avatar_ref(group, user), self._path(path), vault="roster")
            if asked:
                media.append(msgspec.structs.replace(asked, stamp=self._stamp))
        members: list[AnyRecord] = [
            Membership(channel=group, member=who, roles=people.roles.get(who, ()), seen=seen)
            for who, seen in everywhere.items()
        ]
        for records, files in ((members, media), *((room, []) for room in rooms)):
            if records:
                yield Page(records=records, media=files, stamp=self._stamp)

    # --- the files of an export ------------------------------------------------------------------------------------------

    def _index(self) -> dict[str, list[File]]:
        """The files by server, those of a channel one after another."""
        if self._files is None:
            direct = 0
            files: dict[str, list[File]] = {}
            for name in sorted(self.box.named(_JSON.pattern), key=_order):
                if not _HEAD.match(self.box.head(name, _HEADER_BLOCK)):
                    continue
                file = self._look_at(name)
                if file is None:
                    self._gap(Known.FILE_DAMAGED, detail=f"{name}: whose it is cannot be read")
                elif str(file.place.type) in _DIRECT or file.guild.id in {"", "0"}:
                    direct += 1
                else:
                    files.setdefault(file.guild.id, []).append(file)
            if direct:
                self._gap(Known.PRIVATE_CHAT, count=direct, limit=True)
            if direct and not files:
                raise UsageError(
                    "there are only direct messages in this export", hint="Export the channels of a server."
                )
            if not files:
                raise BadExport("there is no channel in this export")
            self._files = files
        return self._files

    def _look_at(self, name: str) -> File | None:
        """What stands before the messages."""
        beside: dict[str, bytes] = {}
        for found in JsonStream(self.box.pieces(name), [("messages",)], decode, block=_HEADER_BLOCK):
            if isinstance(found, Value):
                beside[str(found.path[0])] = found.raw
            elif isinstance(found, Opened):
                break
        guild, place = _struct(beside.get("guild", b""), Guild), _struct(beside.get("channel", b""), Place)
        if not guild or not place or not _REF.fullmatch(place.id):
            return None
        dates = _struct(beside.get("dateRange", b""), DateRange)
        return File(name, guild, place, cut=bool(dates and (dates.after or dates.before)))

    # --- what the messages ask for ---------------------------------------------------------------------------------------

    def attach(self, ref: str, url: str, *, mime: str, said: str) -> MediaRequest | None:
        """See `messages.Desk`."""
        return self._attach(ref, self._path(url), mime=mime, said=said)

    def gap(self, code: str, scope: str, detail: str = "") -> None:
        """See `messages.Desk`."""
        self._gap(code, scope, detail)

    def _path(self, url: str) -> str:
        """The name in the box of a path that counts from the JSON file's folder; some versions escape it as in a link."""
        path = self._folder + url.replace("\\", "/") if url else ""
        return path if path in self.box.entries else unquote(path)


class DiscordPages(FileConnector):
    """What DiscordChatExporter writes in its other formats, for reading only."""

    platform: ClassVar[str] = "discord"
    origin: ClassVar[str] = "discord.com"
    title: ClassVar[str] = "a DiscordChatExporter export for reading"
    exports: ClassVar[frozenset[type[Record]]] = frozenset({Group})

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - nothing to choose
        """By how the files begin."""
        return any(_PAGE.search(box.head(name, 8192)) for name in box.named(_OTHER.pattern)[:_MANY])

    def groups(self) -> Iterator[Group]:
        """None.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "this Discord export is a page or a table, which does not hold everything",
            hint="Export the channels again in DiscordChatExporter and choose the format: JSON.",
        )


def _order(name: str) -> tuple[str, int]:
    found = _PART.fullmatch(name)
    return (found[1], int(found[2] or 1)) if found else (name, 0)


def _folder(name: str) -> str:
    folder = name.rpartition("/")[0]
    return f"{folder}/" if folder else ""


def _short(name: str | None) -> str:
    return (name or "")[:1000]


def _struct(raw: bytes, kind: type[_T]) -> _T | None:
    found: _T | None = loosely(raw, kind) if raw else None
    return found


def _read(raw: bytes, kind: type[_T], otherwise: _T) -> _T:
    try:
        return msgspec.json.decode(mended(raw), type=kind)
    except UNREADABLE:
        return otherwise
