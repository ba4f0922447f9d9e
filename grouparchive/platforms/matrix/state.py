"""A room's current state to records: channel, settings, roles, pins, and the roster page. Pure: no network.

Settings are named by their Matrix event type and hold only fields that we know, as JSON with sorted keys:

    m.room.join_rules          {"join_rule": "...", "allow": [room ids]}
    m.room.history_visibility  {"history_visibility": "..."}
    m.room.guest_access        {"guest_access": "..."}
    m.room.canonical_alias     {"alias": "...", "alt_aliases": [...]}
    m.room.power_levels        thresholds only, never `users`: {"ban": 50, "events": {...}, "notifications": {...}, ...}
    m.room.server_acl          {"allow": [...], "deny": [...], "allow_ip_literals": true}
    m.room.encryption          {"algorithm": "...", "rotation_period_ms": 0, "rotation_period_msgs": 0}
    m.room.retention           {"min_lifetime": 0, "max_lifetime": 0}
    m.room.create              {"room_version": "12", "type": "m.space", "federate": true, "predecessor": room id}
    m.room.tombstone           {"replacement_room": room id}
    m.space.child              on the child: {"suggested": true}
"""

import re
import time as clock
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec

from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import (
    AnyRecord,
    Ban,
    Channel,
    Group,
    Known,
    Membership,
    Pins,
    Role,
    Roster,
    Setting,
)
from grouparchive.platforms.matrix import events
from grouparchive.platforms.matrix.api import MXC
from grouparchive.platforms.matrix.events import MAX_NAME, Event, Gaps, Json, items, number, obj, ref, text
from grouparchive.platforms.matrix.handles import Handles
from grouparchive.platforms.matrix.sight import HIDING

MAX_CHILDREN = 2000
MAX_TOPIC = 65_536
_CREATORS_RULE = 12  # from this room version on, creators stand above all levels
_OWNER = 100
_NUMBER = re.compile(r" {0,20}-?[0-9]{1,18} {0,20}")
_STATES: dict[str, str] = {"join": "join", "invite": "invite", "knock": "knock"}
_ROLE_NAMES = {_OWNER: "Admin", 50: "Moderator"}
_LEVELS = ("ban", "events_default", "invite", "kick", "redact", "state_default", "users_default")
# Told by other records than a Setting, or of no use outside the room that has them.
_TOLD = frozenset(
    {
        "m.room.member", "m.room.name", "m.room.topic", "m.room.avatar", "m.room.pinned_events",
        "m.space.child", "m.space.parent", events.MARKER,
    }
)  # fmt: skip


class RoomState:
    """One room's state, validated event by event.

    Args:
        room: its id.
        raws: the state events as the server gave them.
    """

    def __init__(self, room: str, raws: Iterable[bytes | msgspec.Raw]) -> None:
        self.room = room
        self.gaps = Gaps(room)
        self._single: dict[str, Event] = {}
        self._members: list[Event] = []
        self._children: list[Event] = []
        for raw in raws:
            try:
                event = events.decode_event(raw)
            except ValueError:
                self.gaps.add(Known.STATE_UNREADABLE)
                continue
            if event.type == "m.room.member":
                self._members.append(event)
            elif event.type == "m.space.child":
                self._children.append(event)
            elif event.state_key == "":
                self._single[event.type] = event
            elif event.type != "m.space.parent":
                self._uncounted(event.type)
        self.levels = Levels(self._content("m.room.power_levels"), self._single.get("m.room.create"))

    def _uncounted(self, kind: str) -> None:
        self.gaps.add(Known.STATE_NOT_EXPORTED, subject=kind.partition("@")[0][:MAX_NAME], limit=True)

    def _content(self, kind: str) -> Json:
        event = self._single.get(kind)
        return event.content if event else {}

    @property
    def is_space(self) -> bool:
        """Does it hold rooms rather than posts?"""
        return self._content("m.room.create").get("type") == "m.space"

    @property
    def shut(self) -> bool:
        """Does it hide what was said before somebody joined?"""
        return text(self._content("m.room.history_visibility").get("history_visibility")) in HIDING

    @property
    def age(self) -> tuple[int, str]:
        """What sorts rooms, the oldest first."""
        create = self._single.get("m.room.create")
        return (create.origin_server_ts if create else 0, self.room)

    @property
    def predecessor(self) -> str:
        """The room that was upgraded to this one."""
        return _room(obj(self._content("m.room.create").get("predecessor")).get("room_id"))

    def children(self) -> list[str]:
        """The rooms below a Space, in the order in which clients show them."""
        found = []
        for event in self._children:
            if event.state_key and _room(event.state_key) and items(event.content.get("via"), 1):
                order = text(event.content.get("order"), 50)
                found.append((not order, order, event.origin_server_ts, event.state_key))
        return [child for *_, child in sorted(found)[:MAX_CHILDREN]]

    def suggested(self, child: str) -> bool:
        """Does the Space suggest this room to newcomers?"""
        return any(event.state_key == child and event.content.get("suggested") is True for event in self._children)

    def group(self, origin: str, handles: Handles, me: str) -> Group:
        """The group of which this is the container or the lone room."""
        channel = self.channel(self.room, "", "", handles)
        return Group(
            ref=self.room,
            platform="matrix",
            origin=origin,
            name=channel.name,
            topic=channel.topic,
            avatar=channel.avatar,
            created=channel.created,
            account=handles.id(me),
        )

    def channel(self, group: str, parent: str, order: str, handles: Handles) -> Channel:
        """The channel record."""
        create = self._single.get("m.room.create")
        return Channel(
            ref=self.room,
            group=group,
            type="space" if self.is_space else "room",
            parent=parent,
            order=order,
            name=handles.clean(text(self._content("m.room.name").get("name"))),
            topic=handles.clean(text(self._content("m.room.topic").get("topic"), MAX_TOPIC)),
            avatar=_mxc(self._content("m.room.avatar").get("url")),
            encrypted=bool(text(self._content("m.room.encryption").get("algorithm"))),
            created=events.time_of(create, self.gaps) if create else 0,
        )

    def records(self, group: str, handles: Handles) -> tuple[list[AnyRecord], list[MediaRequest]]:
        """Settings, roles and pins; the room's own picture to fetch."""
        found: list[AnyRecord] = []
        for kind in self._single:
            if kind not in _TOLD and kind not in _SETTINGS:
                self._uncounted(kind)
        for kind, fields in _SETTINGS.items():
            content = _select(self._content(kind), fields, handles)
            if content:
                found.append(Setting(channel=self.room, name=kind, value=_json(content)))
        found += [
            Role(group=group, ref=str(level), name=_ROLE_NAMES.get(level, ""), level=level)
            for level in self.levels.distinct()
        ]
        pinned = [pin for pin in map(ref, items(self._content("m.room.pinned_events").get("pinned"), MAX_NAME)) if pin]
        found.append(Pins(channel=self.room, messages=tuple(pinned)))
        url = _mxc(self._content("m.room.avatar").get("url"))
        mime = events.mime_of(obj(self._content("m.room.avatar").get("info")))
        return found, [MediaRequest(ref=url, mime=mime)] if url else []

    def learn(self, handles: Handles) -> None:
        """Tell who is here before texts are cleaned, so that names and odd handles are known."""
        for event in self._members:
            if event.content.get("membership") != "leave":
                self._learn(event, handles)

    def roster(self, handles: Handles) -> tuple[list[AnyRecord], list[MediaRequest]]:
        """The roster page: `Roster`, then everybody in the room and everybody banned; the avatars to fetch."""
        handles.forget()
        members: list[AnyRecord] = []
        bans: list[AnyRecord] = []
        media: dict[str, MediaRequest] = {}
        for event in self._members:
            now = text(event.content.get("membership"))
            if now == "leave":
                continue
            try:
                if now == "ban":
                    bans.append(self._ban(event, handles))
                elif now in _STATES:
                    members.append(self._membership(event, _STATES[now], handles))
                    avatar = _mxc(event.content.get("avatar_url"))
                    if avatar:
                        stamp = min(event.event_id, media[avatar].stamp) if avatar in media else event.event_id
                        media[avatar] = MediaRequest(ref=avatar, vault="roster", stamp=stamp)
                else:
                    self.gaps.add(Known.MEMBER_UNREADABLE)
            except ValueError:
                self.gaps.add(Known.MEMBER_UNREADABLE)
        head = Roster(channel=self.room, time=int(clock.time() * 1000), members=len(members), bans=len(bans))
        return [head, *members, *bans], list(media.values())

    def stamp(self) -> str:
        """The ids of the events that made the roster: hashes that nobody outside the room can guess. See `Page`."""
        here = (event for event in self._members if event.content.get("membership") != "leave")
        return " ".join(sorted(event.event_id for event in here))

    def _learn(self, event: Event, handles: Handles) -> str:
        name, avatar = text(event.content.get("displayname")), _mxc(event.content.get("avatar_url"))
        try:
            return handles.learn(event.state_key or "", name, avatar)
        except ValueError:
            return ""

    def _membership(self, event: Event, state: Any, handles: Handles) -> Membership:
        handle = event.state_key or ""
        member = handles.id(handle)
        level = self.levels.of(handle)
        return Membership(
            channel=self.room,
            member=member,
            state=state,
            level=level,
            roles=(str(level),) if level else (),
            since=events.time_of(event, self.gaps) if state == "join" else 0,
        )

    def _ban(self, event: Event, handles: Handles) -> Ban:
        return Ban(
            channel=self.room,
            member=handles.id(event.state_key or ""),
            by=handles.id(event.sender),
            reason=text(event.content.get("reason"), MAX_TOPIC),
            time=events.time_of(event, self.gaps),
        )


class Levels:
    """Who has which power in a room."""

    def __init__(self, content: Json, create: Event | None) -> None:
        self._default = _level(content.get("users_default"), 0)
        self.named = {user: _level(level, 0) for user, level in obj(content.get("users")).items()}
        self._state = _level(content.get("state_default"), 50)
        self._ban = _level(content.get("ban"), 50)
        self.creators: frozenset[str] = frozenset()
        if create is not None and _has_creators(create.content):
            also = (
                user for user in items(create.content.get("additional_creators"), MAX_NAME) if isinstance(user, str)
            )
            self.creators = frozenset({create.sender, *also})
        elif create is not None and not content:
            self.named = {create.sender: _OWNER}  # no levels were ever set

    def of(self, user: str) -> int:
        """A person's level. Creators, who have no number, get an owner's or the highest there is."""
        if user in self.creators:
            return max([_OWNER, *self.named.values()])
        return self.named.get(user, self._default)

    def distinct(self) -> list[int]:
        """All levels but the ordinary one that somebody has by name."""
        return sorted({self.of(user) for user in (*self.named, *self.creators)} - {0})

    def administers(self, user: str) -> bool:
        """Can this person change what the room is, or keep people out?"""
        level = self.of(user)
        return level > 0 and (level >= min(self._state, 50) or level >= self._ban)


def _has_creators(create: Json) -> bool:
    version = text(create.get("room_version"), 50)
    return version.startswith("org.matrix.hydra") or (version.isdecimal() and int(version) >= _CREATORS_RULE)


def _level(value: object, default: int) -> int:
    """A level; old rooms have them as strings."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -(2**53) < value < 2**53:
        return value
    return default


def _room(value: object) -> str:
    found = ref(value)
    return found if found.startswith("!") else ""


def _mxc(value: object) -> str:
    return value if isinstance(value, str) and MXC.fullmatch(value) else ""


def _texts(value: Any, handles: Handles) -> list[str] | None:
    if not isinstance(value, list):
        return None
    return [handles.clean(entry[:MAX_NAME]) for entry in value[:MAX_NAME] if isinstance(entry, str)]


def _thresholds(value: Any, handles: Handles) -> dict[str, int] | None:
    if not isinstance(value, dict):
        return None
    return {handles.clean(kind[:MAX_NAME]): _level(level, 0) for kind, level in list(value.items())[:MAX_NAME]}


def _rooms(value: Any, _: Handles) -> list[str] | None:
    if not isinstance(value, list):
        return None
    return [room for room in (_room(obj(entry).get("room_id")) for entry in value[:MAX_NAME]) if room]


def _text(value: Any, handles: Handles) -> str | None:
    return handles.clean(value[:MAX_NAME]) if isinstance(value, str) else None


def _flag(value: Any, _: Handles) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any, _: Handles) -> int | None:
    return number(value) if isinstance(value, int | float) else None


def _threshold(value: Any, _: Handles) -> int | None:
    return _level(value, 0) if value is not None else None


def _one_room(value: Any, _: Handles) -> str | None:
    return _room(value) or _room(obj(value).get("room_id")) or None


_Reader: TypeAlias = Callable[[Any, Handles], object]

# Setting -> field -> reader. A field that is missing or has another type is left out.
_SETTINGS: dict[str, dict[str, _Reader]] = {
    "m.room.create": {"room_version": _text, "type": _text, "m.federate": _flag, "predecessor": _one_room},
    "m.room.join_rules": {"join_rule": _text, "allow": _rooms},
    "m.room.history_visibility": {"history_visibility": _text},
    "m.room.guest_access": {"guest_access": _text},
    "m.room.canonical_alias": {"alias": _text, "alt_aliases": _texts},
    "m.room.power_levels": {**dict.fromkeys(_LEVELS, _threshold), "events": _thresholds, "notifications": _thresholds},
    "m.room.server_acl": {"allow": _texts, "deny": _texts, "allow_ip_literals": _flag},
    "m.room.encryption": {"algorithm": _text, "rotation_period_ms": _number, "rotation_period_msgs": _number},
    "m.room.retention": {"min_lifetime": _number, "max_lifetime": _number},
    "m.room.tombstone": {"replacement_room": _one_room},
}


def _select(content: Json, fields: dict[str, _Reader], handles: Handles) -> Json:
    """The known fields of a setting, each with the type it must have."""
    found = {name: read(content.get(name), handles) for name, read in fields.items()}
    return {name: value for name, value in found.items() if value is not None}


def _json(value: Json) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
