"""Which of a group's settings come back, and when. Pure; knows settings by the names that connectors give them.

A setting that could tell a stranger what the group is, or let one in, waits for `--reveal`.
"""

from typing import Literal

import msgspec

from grouparchive.model.codec import UNREADABLE
from grouparchive.model.records import Setting

_TOLD_OTHERWISE = frozenset(
    {
        "m.room.create",  # said when the room is made
        "m.room.encryption",  # never by itself: posts would come back under keys that nobody has
        "m.room.tombstone",  # points from a room that is gone to its successor
    }
)
_LOST = {
    "m.room.canonical_alias": "address-not-restored",  # it tells the real name, and whoever took it may hold it now
    "m.room.retention": "retention-left-out",  # the server would delete the replayed posts: they are old
}
_JOINING = "m.room.join_rules"
_READING = "m.room.history_visibility"
_INVITED_ONLY = frozenset({"", "invite", "private", "knock"})


def when(setting: Setting) -> Literal["never", "build", "reveal"]:
    """Never, while the group is built, or not before it bears its name again."""
    if setting.name in _TOLD_OTHERWISE or setting.name in _LOST:
        return "never"
    if setting.name == _JOINING and _field(setting, "join_rule") == "public":
        return "reveal"
    if setting.name == _READING and _field(setting, "history_visibility") == "world_readable":
        return "reveal"
    return "build"


def lost(setting: Setting) -> str:
    """The gap code of a setting that never comes back, "" for others."""
    return _LOST.get(setting.name, "")


def opened(setting: Setting, *, private: bool) -> bool:
    """Did a channel become open to all in the group, that was joined by invitation, because all in the group were in it?"""
    return setting.name == _JOINING and not private and _field(setting, "join_rule") in _INVITED_ONLY


def is_private(settings: dict[str, Setting], members: set[str], whole: set[str]) -> bool:
    """Was a channel for some of the group only? Unknown counts as yes: a closed room is opened more easily than shut again."""
    rule = settings.get(_JOINING)
    joining = _field(rule, "join_rule") if rule else ""
    return joining in _INVITED_ONLY and (not whole or not whole <= members)


def _field(setting: Setting, name: str) -> str:
    try:
        value = msgspec.json.decode(setting.value)
    except UNREADABLE:
        return ""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
