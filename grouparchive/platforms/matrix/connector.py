"""Reads Matrix communities: which groups there are, their state, their history since the last cursor, their files.

A group is a Space, or a lone room, in which our account has power. What lies below a Space, and the rooms that were upgraded
to one of these, belong to it.

**The cursor.** /messages runs in the order of the room's event graph, in which a late event may come before one that we have
read. So the place up to which we have read is a *sync* token: the server's own order of arrival. Each run takes the sync
token of now, asks for what arrived between the last one and this, and stores this one; what arrives meanwhile is left for the
next run. Within a long run the cursor is "<page token> <sync token of the run>".
"""

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, NamedTuple

import httpx
import msgspec

from grouparchive.errors import NotFound, PlatformError, Refused, UsageError
from grouparchive.model.ports import Cursor, Identify, Page, Source
from grouparchive.model.records import (
    AnyRecord,
    Ban,
    Channel,
    Edit,
    Gap,
    Group,
    Known,
    Member,
    Membership,
    Message,
    Pins,
    Reaction,
    Record,
    Ref,
    Role,
    Roster,
    Setting,
    Tombstone,
    Vote,
)
from grouparchive.platforms.http import ahead, check_origin
from grouparchive.platforms.matrix.api import MatrixApi, Messages, client
from grouparchive.platforms.matrix.authors import Authors
from grouparchive.platforms.matrix.events import Json, obj, text
from grouparchive.platforms.matrix.handles import Handles, check_handle
from grouparchive.platforms.matrix.parse import TimelineParser
from grouparchive.platforms.matrix.sight import Sight
from grouparchive.platforms.matrix.state import RoomState

MAX_DEPTH = 8
"""Spaces below Spaces that are followed; deeper ones are a gap."""
MAX_CHANNELS = 5000


class _Place(NamedTuple):
    """A channel that is to be read."""

    room: str
    parent: str
    order: str
    depth: int
    suggested: bool = False


class MatrixConnector:
    """See the module. One account on one homeserver; used by one thread, `media` by several."""

    platform: ClassVar[str] = "matrix"
    exports: ClassVar[frozenset[type[Record]]] = frozenset(
        {
            Group,
            Channel,
            Setting,
            Role,
            Pins,
            Message,
            Edit,
            Reaction,
            Vote,
            Tombstone,
            Member,
            Roster,
            Membership,
            Ban,
            Gap,
        }
    )

    def __init__(self, source: Source, identify: Identify, *, transport: httpx.BaseTransport | None = None) -> None:
        """Open it. `transport` stands in for the network in tests.

        Raises:
            UsageError: the origin or the token is missing or malformed.
        """
        token = source.secrets.get("token", "").strip()
        if not token:
            raise UsageError("this source has no access token", hint="Add it again with: grouparchive source add")
        self.origin = check_origin(source.options.get("origin", ""))
        self.api = MatrixApi(client(self.origin, token, transport))
        self._handles = Handles(identify)
        self._me = ""
        self._joined: dict[str, RoomState] | None = None
        self._direct: set[str] = set()  # private chats with one person: never a group
        self._owner: dict[str, str] = {}  # channel -> the group that has it, once groups() has sorted that out

    def close(self) -> None:
        """Let go of connections."""
        self.api.close()

    def media(self, ref: Ref) -> Iterator[bytes]:
        """The bytes of a file. See `Connector.media`."""
        return self.api.media(ref)

    # --- which groups there are ---

    def groups(self) -> Iterator[Group]:
        """The groups that this account administers. See `Connector.groups`."""
        joined = self._look()
        direct = self._direct
        by_age = sorted(joined.values(), key=lambda state: state.age)
        mine = [state.room for state in by_age if state.levels.administers(self._me) and state.room not in direct]
        spaces = [room for room in mine if joined[room].is_space]
        inner = {child for space in spaces for child in joined[space].children()}
        # Spaces that contain each other have no top; the oldest then stands for all.
        tops = [space for space in spaces if space not in inner]
        self._owner = {}
        groups = []
        for top in [*tops, *spaces]:
            if top not in self._owner:
                groups.append(top)
                self._claim(top, top, joined)
        for room in mine:
            if room not in self._owner and not self._replaced(room, joined):
                groups.append(room)
                self._claim(room, room, joined)
        for room in groups:
            yield joined[room].group(self.origin, self._handles, self._me)

    def administered(self) -> tuple[int, int, int]:
        """(rooms joined, Spaces administered, rooms administered), for a look at what a credential can do."""
        joined = self._look()
        mine = [s for s in joined.values() if s.levels.administers(self._me) and s.room not in self._direct]
        spaces = sum(state.is_space for state in mine)
        return len(joined), spaces, len(mine) - spaces

    def _claim(self, room: str, group: str, joined: dict[str, RoomState], depth: int = 0) -> None:
        if room in self._owner or depth > MAX_DEPTH or len(self._owner) >= MAX_CHANNELS:
            return
        self._owner[room] = group
        state = joined.get(room)
        if state is None:
            return
        if state.is_space:
            for child in state.children():
                self._claim(child, group, joined, depth + 1)
        if state.predecessor in joined:
            self._claim(state.predecessor, group, joined, depth + 1)

    def _replaced(self, room: str, joined: dict[str, RoomState]) -> bool:
        """Was this room upgraded to another one that we are in? Then it belongs to that one."""
        return any(state.predecessor == room for state in joined.values())

    def _whoami(self) -> str:
        """Our own handle; asked of the server each time, kept in memory only.

        Raises:
            PlatformError: the server gives something that is none.
        """
        handle = self.api.whoami().user_id
        try:
            check_handle(handle)
        except ValueError as error:
            raise PlatformError("the server's answer cannot be understood: is this the right address?") from error
        return handle

    def _look(self) -> dict[str, RoomState]:
        """One sync with just enough state to tell what is a group. Marks nothing as read, shows nobody as online."""
        self._me = self._whoami()
        kinds = [
            "m.room.create",
            "m.room.power_levels",
            "m.space.child",
            "m.room.name",
            "m.room.topic",
            "m.room.avatar",
        ]
        nothing: Json = {"types": []}
        answer = self._sync(
            {
                "presence": nothing,
                "account_data": {"types": ["m.direct"]},
                "room": {
                    "state": {"types": kinds},
                    "timeline": {"types": [], "limit": 1},
                    "ephemeral": nothing,
                    "account_data": nothing,
                },
            }
        )
        self._direct = set()
        for event in answer.account_data.events:
            content = obj(obj(event).get("content"))
            self._direct |= {
                room for rooms in content.values() if isinstance(rooms, list) for room in rooms if text(room)
            }
        self._joined = {room: RoomState(room, found.state.events) for room, found in answer.rooms.join.items()}
        return self._joined

    def _sync(self, wanted: Json) -> "_Sync":
        # A first sync is remembered by the server for two minutes: an unknown room makes each question a new one.
        wanted.setdefault("room", {})["not_rooms"] = [f"!{secrets.token_hex(8)}:unknown.invalid"]
        params: dict[str, str | int] = {
            "filter": msgspec.json.encode(wanted).decode(),
            "timeout": 0,
            "set_presence": "offline",
        }
        return self.api.http.get("/_matrix/client/v3/sync", _Sync, params=params)

    def _now(self) -> str:
        """The server's place in its own order of arrival."""
        nothing: Json = {"types": []}
        return self._sync({"presence": nothing, "account_data": nothing, "room": {"rooms": []}}).next_batch

    # --- what is in one ---

    def pages(self, group: Ref, after: Cursor) -> Iterator[Page]:
        """Everything of a group since the cursor. See `Connector.pages`.

        Raises:
            Refused, NotFound: the group itself cannot be read any more.
        """
        self._me = self._me or self._whoami()
        now = self._now()
        rooms: dict[str, bool] = {}
        for place, state, gaps in self._walk(group, after):
            if state is None:
                yield Page(records=[], gaps=gaps)
                continue
            state.learn(self._handles)
            yield self._structure(group, place, state, gaps)
            records, media = state.roster(self._handles)
            yield Page(records=records, media=media, gaps=state.gaps.take(), stamp=state.stamp())
            if not state.is_space:
                rooms[place.room] = state.shut
        for room, shut in rooms.items():
            yield from self._history(room, after.get(room, ""), now, shut=shut)

    def _structure(self, group: str, place: _Place, state: RoomState, gaps: list[Gap]) -> Page:
        self._handles.forget()
        channel = state.channel(group, place.parent, place.order, self._handles)
        records: list[AnyRecord] = [channel]
        if place.suggested:
            records.append(Setting(channel=place.room, name="m.space.child", value='{"suggested":true}'))
        if place.room == group:
            records.insert(0, state.group(self.origin, self._handles, self._me))
        more, media = state.records(group, self._handles)
        if channel.encrypted:
            detail = "files sent in an encrypted room are named only inside its encrypted messages"
            gaps = [*gaps, Gap(code=Known.MEDIA_ENCRYPTED, scope=place.room, detail=detail, limit=True)]
        return Page(records=[*records, *more], media=media, gaps=gaps)

    def _walk(self, group: str, after: Cursor) -> Iterator[tuple[_Place, RoomState | None, list[Gap]]]:
        """The channels of a group from the top, each once, with their whole state; None and a gap for what is shut."""
        joined = set(self._joined) if self._joined is not None else set(self.api.joined_rooms())
        todo = [_Place(group, "", "", 0)]
        seen = {group}
        while todo:
            place = todo.pop(0)
            try:
                state = RoomState(place.room, self.api.state(place.room))
            except (NotFound, Refused):
                if place.room == group:
                    raise
                known = place.room in after
                code = Known.CHANNEL_GONE if known else Known.CHANNEL_NOT_JOINED
                yield place, None, [Gap(code=code, scope=place.room)]
                continue
            gaps = []
            found = self._below(place, state, joined, seen)
            if len(seen) + len(found) > MAX_CHANNELS or (found and place.depth >= MAX_DEPTH):
                gaps.append(Gap(code=Known.TOO_MANY, scope=place.room, count=len(found)))
                found = []
            seen |= {child.room for child in found}
            todo += found
            yield place, state, gaps
            if not todo:
                todo = self._unlinked(group, after, seen)
                seen |= {child.room for child in todo}

    def _below(self, place: _Place, state: RoomState, joined: set[str], seen: set[str]) -> list[_Place]:
        group_of = self._owner
        found = []
        if state.is_space:
            for index, child in enumerate(state.children()):
                # A room below two groups is read with the first of them.
                if child not in seen and group_of.get(child, group_of.get(place.room)) == group_of.get(place.room):
                    found.append(_Place(child, place.room, f"{index:05d}", place.depth + 1, state.suggested(child)))
        old = state.predecessor
        if old in joined and old not in seen:
            found.append(_Place(old, place.parent, place.order, place.depth + 1))
        return found

    def _unlinked(self, group: str, after: Cursor, seen: set[str]) -> list[_Place]:
        """Channels that we read before and that hang below nothing now: perhaps somebody is taking the group apart."""
        return [
            _Place(room, "", "", MAX_DEPTH)
            for room in sorted(after)
            if room.startswith("!") and room not in seen and self._owner.get(room, group) == group
        ]

    # --- history ---

    def _history(self, room: str, cursor: str, now: str, *, shut: bool) -> Iterator[Page]:
        """A room's events from the cursor to `now`, a page ahead of the one that is being worked on.

        `shut`: who joins now does not see what was said before.
        """
        parser = TimelineParser(room, self._handles, authors=Authors(lambda event: self._sender(room, event)))
        seen = Sight(self._me, shut=shut if cursor else False, whole=bool(cursor))
        start, _, stop = cursor.partition(" ")
        for first, last in ((start, stop), (stop, now)) if stop else ((start, now),):
            for page in self._between(room, first, last):
                records, gaps, media = parser.page(page.chunk)
                if seen.cut(page.chunk, last=page.end is None):
                    gaps.append(Gap(code=Known.HISTORY_CUT, scope=room, limit=True))
                place = f"{page.end} {last}" if page.end else last
                yield Page(records=records, cursor={room: place}, gaps=gaps, media=media)

    def _between(self, room: str, start: str, stop: str) -> Iterator[Messages]:
        """The pages between two tokens; the last one has no `end`."""
        following: Callable[[], Messages] | None = ahead(partial(self.api.messages, room, start=start, stop=stop))
        while following is not None:
            page = following()
            more = page.end if page.end and page.end != start else None
            following = None
            if more:
                start = more
                following = ahead(partial(self.api.messages, room, start=start, stop=stop))
            yield Messages(start=page.start, end=more, chunk=page.chunk)

    def _sender(self, room: str, event: str) -> str:
        try:
            return text((self.api.event(room, event) or {}).get("sender"))
        except Refused:
            return ""


class _Events(msgspec.Struct):
    events: list[msgspec.Raw] = []


class _AccountData(msgspec.Struct):
    events: list[Json] = []


class _Joined(msgspec.Struct):
    state: _Events = msgspec.field(default_factory=_Events)


class _SyncRooms(msgspec.Struct):
    join: dict[str, _Joined] = {}


class _Sync(msgspec.Struct):
    next_batch: str
    account_data: _AccountData = msgspec.field(default_factory=_AccountData)
    rooms: _SyncRooms = msgspec.field(default_factory=_SyncRooms)
