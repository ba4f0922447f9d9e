"""Finds what an earlier run of ours made, by the markers it left: rooms by their state, posts by their content.

Only what our own account, or a stand-in account of ours, made counts: whoever copies a marker gains nothing.
"""

import threading
import time
from collections.abc import Callable

import msgspec

from grouparchive.errors import NotFound, Refused
from grouparchive.platforms.matrix.api import PAGE, MatrixApi
from grouparchive.platforms.matrix.events import MARKER, Event, Json, decode_event, text

_RESCAN = 100
"""Events asked for at once when only the newest are wanted."""
_POLLS = (0.0, 0.5, 1.0, 2.0)
"""Pauses, in seconds, before looking again for a room whose making was cut off: the server may still be at it."""


class Markers:
    """What bears our markers, remembered. Thread-safe.

    Args:
        api: calls of the account that restores.
        me: its handle.
        ours: tells our stand-in accounts by their handle.
    """

    def __init__(self, api: MatrixApi, me: str, ours: Callable[[str], bool]) -> None:
        self._api = api
        self._me = me
        self._ours = ours
        self._lock = threading.Lock()
        self._rooms: dict[str, str] = {}  # marker -> room
        self._looked: set[str] = set()  # rooms that need no second look
        self._doubtful: set[str] = set()  # markers of rooms that may be in the making
        self._posts: dict[str, _Posts] = {}

    def rooms(self) -> dict[str, str]:
        """Marker -> room, of all rooms of ours that this account is in."""
        with self._lock:
            joined = self._api.joined_rooms()
            for room in joined:
                if room not in self._looked:
                    self._look(room)
            return {marker: room for marker, room in self._rooms.items() if room in joined}

    def room(self, marker: str) -> str:
        """The room that bears a marker, "" where there is none."""
        found = ""
        for pause in _POLLS if marker in self._doubtful else _POLLS[:1]:
            time.sleep(pause)
            found = self.rooms().get(marker, "")
            if found:
                break
        return found

    def doubt(self, marker: str) -> None:
        """The making of this room was begun and its fate is unknown."""
        self._doubtful.add(marker)

    def made(self, marker: str, room: str) -> None:
        """This room was made just now."""
        with self._lock:
            self._rooms[marker] = room
            self._looked.add(room)

    def post(self, room: str, marker: str) -> str:
        """The event in a room that bears a marker, "" where there is none. The first call reads the whole room once."""
        with self._lock:
            posts = self._posts.setdefault(room, _Posts())
        with posts.lock:
            if marker not in posts.found:
                self._scan(room, posts)
            return posts.found.get(marker, "")

    def _look(self, room: str) -> None:
        try:
            content = self._api.state_event(room, MARKER) or {}
        except Refused:
            return  # a room that may not be read is none that we made; perhaps it can be later
        marker = text(content.get("key"))
        if not marker:
            # One that we are making right now gets its marker a little later than its first member.
            if not self._doubtful:
                self._looked.add(room)
            return
        self._looked.add(room)
        senders = {}
        for raw in self._api.state(room):
            try:
                event = decode_event(raw)
            except ValueError:
                continue  # none of the two that we made
            if event.type in {MARKER, "m.room.create"} and event.state_key == "":
                senders[event.type] = event.sender
        if set(senders.values()) == {self._me}:
            self._rooms[marker] = room

    def _scan(self, room: str, posts: "_Posts") -> None:
        """Read the room from its end back to what is known."""
        start, whole = "", not posts.seen
        fresh: set[str] = set()
        while True:
            page = self._api.messages(room, start=start, backwards=True, limit=PAGE if whole else _RESCAN)
            met = False
            for raw in page.chunk:
                event = _event(raw)
                if event is None:
                    continue
                met = met or event.event_id in posts.seen
                fresh.add(event.event_id)
                marker = text(event.content.get(MARKER))
                if marker and event.state_key is None and (event.sender == self._me or self._ours(event.sender)):
                    posts.found.setdefault(marker, event.event_id)
            if met or not page.end or page.end == start:
                break
            start = page.end
        posts.seen |= fresh


class _Posts:
    """What was found in one room."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: dict[str, str] = {}  # marker -> event
        self.seen: set[str] = set()


def _event(raw: msgspec.Raw) -> Event | None:
    try:
        return decode_event(raw)
    except ValueError:
        return None  # hostile or odd: none of ours


def member_state(api: MatrixApi, room: str, user: str) -> Json:
    """Somebody's membership event in a room, {} where they never had one.

    Raises:
        NotFound: the room does not exist, or not for us.
    """
    found = api.state_event(room, "m.room.member", user)
    if found is None and room not in api.joined_rooms():
        raise NotFound("the room does not exist (any more), or not for this account")
    return found or {}
