"""Whether a server shows us a room's history whole. It never says so: rooms may hide what was said before one joined."""

from collections.abc import Iterable

import msgspec

from grouparchive.model.codec import UNREADABLE
from grouparchive.platforms.matrix.events import Json, obj, text

HIDING = frozenset({"joined", "invited"})
"""Values of a room's history visibility under which who joins does not see what was said before."""


class _Glance(msgspec.Struct):
    type: str
    state_key: str | None = None
    content: Json = {}
    unsigned: Json = {}


class Sight:
    """Watches one room's events go by.

    Args:
        me: our account.
        shut: the room hides older posts from newcomers, at the place where we begin.
        whole: we do not begin at the room's beginning, so a missing first event means nothing.
    """

    def __init__(self, me: str, *, shut: bool, whole: bool) -> None:
        self._me = me
        self._shut = shut
        self._whole = whole
        self._told = False

    def cut(self, chunk: Iterable[bytes | msgspec.Raw], *, last: bool) -> bool:
        """Does this page (the `last` one of the room) show that something was hidden? True once per run at most."""
        hidden = False
        for raw in chunk:
            found = self._state(raw)
            if found is None:
                continue
            if found.type == "m.room.create":
                self._whole = True
            elif found.type == "m.room.history_visibility":
                self._shut = text(found.content.get("history_visibility")) in HIDING
            elif found.type == "m.room.member" and found.state_key == self._me:
                before = obj(found.unsigned.get("prev_content")).get("membership")
                hidden = hidden or (self._shut and found.content.get("membership") == "join" and before != "join")
        hidden = hidden or (last and not self._whole)
        told, self._told = self._told, self._told or hidden
        return hidden and not told

    def _state(self, raw: bytes | msgspec.Raw) -> _Glance | None:
        if b'"state_key"' not in bytes(raw):
            return None
        try:
            found = msgspec.json.decode(raw, type=_Glance)
        except UNREADABLE:
            return None  # the parser makes it a gap
        return found if found.state_key is not None else None
