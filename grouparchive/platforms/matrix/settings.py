"""Which archived settings a rebuilt room gets, and which stay as we built it, with the code that says why. Pure: no network.

Nothing here gives a room its old address, or lets the server delete what was just brought back. Whether and when a room is
opened to strangers again is the planner's to say.
"""

from fnmatch import fnmatchcase
from typing import Any

import msgspec

from grouparchive.model.codec import UNREADABLE
from grouparchive.platforms.matrix.events import MAX_NAME, Json, obj, text

KEPT: dict[str, str] = {
    "m.room.canonical_alias": "address-not-restored",  # it would tell the real name, and belongs to the old server
    "m.room.encryption": "rebuilt-without-encryption",
    "m.room.retention": "retention-left-out",  # the server would delete the replayed posts: they are old
    "m.room.create": "made-anew",
    "m.room.tombstone": "made-anew",
}
"""Settings that are never carried over -> why."""

_LEVELS = ("ban", "events_default", "invite", "kick", "redact", "state_default", "users_default")
_MAX_EVENTS = 200
_OWNER = 100


def parse(value: str) -> Json | None:
    """A setting's value; None when it is no JSON object."""
    try:
        found: Any = msgspec.json.decode(value)
    except UNREADABLE:
        return None
    return found if isinstance(found, dict) else None


def joining(wanted: Json) -> Json | None:
    """The archived join rule as a rebuilt room may have it; {} where the room was built with it; None where it names rooms
    that are gone.
    """
    rule = text(wanted.get("join_rule"))
    if rule in {"invite", "private", "restricted"}:
        return {}
    return {"join_rule": rule} if rule in {"public", "knock"} else None


def levels(current: Json, wanted: Json, *, creators: bool) -> Json:
    """The power levels of a room with the archived thresholds; who has which level stays as it is.

    `creators`: the room's creator stands above all levels (version 12 on). Before, nothing may ask for more than 100, or it
    could never be done again.
    """
    most = 2**31 if creators else _OWNER
    new = dict(current)
    for name in _LEVELS:
        if name in wanted:
            new[name] = _level(wanted[name], most)
    events = obj(wanted.get("events"))
    if events:
        kept = obj(current.get("events"))
        new["events"] = kept | {kind: _level(level, most) for kind, level in list(events.items())[:_MAX_EVENTS]}
    notifications = obj(wanted.get("notifications"))
    if notifications:
        new["notifications"] = {kind: _level(level, most) for kind, level in list(notifications.items())[:_MAX_EVENTS]}
    return new


def _level(value: object, most: int) -> int:
    return max(-most, min(value, most)) if isinstance(value, int) and not isinstance(value, bool) else 0


def shuts_out(acl: Json, server: str) -> bool:
    """Would this list of servers keep our own out?"""
    host = server.partition(":")[0]

    def listed(name: str) -> bool:
        patterns = acl.get(name)
        return isinstance(patterns, list) and any(isinstance(p, str) and _fits(host, p) for p in patterns)

    return not listed("allow") or listed("deny")


def _fits(host: str, pattern: str) -> bool:
    """Does a server's name fit a pattern of the list? Matrix knows * and ?, and no brackets."""
    return len(pattern) <= MAX_NAME and fnmatchcase(host, pattern.replace("[", "[[]"))
