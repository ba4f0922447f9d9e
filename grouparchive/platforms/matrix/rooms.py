"""Builds rooms: containers under neutral names, settings, pins, bans, roles, and at last their real names."""

import re
from collections.abc import Iterator

from grouparchive.errors import InDoubt, Refused
from grouparchive.model import plan
from grouparchive.model.plan import Outcome
from grouparchive.platforms.matrix import settings
from grouparchive.platforms.matrix.events import MARKER, Json, obj
from grouparchive.platforms.matrix.handles import check_handle
from grouparchive.platforms.matrix.markers import member_state
from grouparchive.platforms.matrix.session import Session, done, skipped

_CREATORS_RULE = 12  # from this room version on, creators stand above all levels
_SPACES = frozenset({"space", "category"})
_ORDER = re.compile(r"[\x20-\x7e]{1,50}")


class Rooms:
    """What is done to rooms as a whole. Thread-safe.

    Args:
        session: whose rooms.
        version: of the rooms to make; "" is the server's default.
    """

    def __init__(self, session: Session, version: str = "") -> None:
        self._session = session
        self._version = version

    def _create(self, action: plan.CreateGroup | plan.CreateChannel, kind: str, extra: list[Json] | None = None) -> str:
        """Make a room, invite-only unless `extra` says otherwise; or take up the one that an earlier attempt made."""
        room = self._session.markers.room(action.key)
        if room:
            return room
        content: Json = {
            "preset": "private_chat",
            "visibility": "private",
            "name": action.name,
            "power_level_content_override": {"invite": 50},  # until the archived settings come
            "initial_state": [
                {"type": MARKER, "state_key": "", "content": {"key": action.key}},
                _initial("m.room.history_visibility", {"history_visibility": "shared"}),
                _initial("m.room.guest_access", {"guest_access": "forbidden"}),
                *(extra or []),
            ],
        }
        if kind in _SPACES:
            content["creation_content"] = {"type": "m.space"}
        if self._version:
            content["room_version"] = self._version
        try:
            room = self._session.api.create_room(content)
        except InDoubt:
            self._session.markers.doubt(action.key)
            raise
        self._session.markers.made(action.key, room)
        return room

    def create_group(self, action: plan.CreateGroup) -> Outcome:
        """Make the container."""
        return done(self._create(action, action.channel.type))

    def create_channel(self, action: plan.CreateChannel) -> Outcome:
        """Make a room, and link it with the Space above it."""
        extra = [_initial("m.space.parent", {"via": [self._session.server], "canonical": True}, action.parent)]
        if not action.private:
            allow = [{"type": "m.room_membership", "room_id": action.parent}]
            extra.append(_initial("m.room.join_rules", {"join_rule": "restricted", "allow": allow}))
        room = self._create(action, action.channel.type, extra)
        link: Json = {"via": [self._session.server]}
        if _ORDER.fullmatch(action.channel.order):
            link["order"] = action.channel.order
        self._session.api.put_state(action.parent, "m.space.child", room, link)
        return done(room)

    def reveal(self, action: plan.Reveal) -> Outcome:
        """Give it the real name, topic and picture."""
        for kind, content in _revealed(action):
            self._session.api.put_state(action.channel, kind, "", content)
        return done()

    def is_revealed(self, action: plan.Reveal) -> bool:
        """Has it them?"""
        return all(self._session.state(action.channel, kind) == content for kind, content in _revealed(action))

    def configure(self, action: plan.Configure) -> Outcome:
        """Give it an archived setting, as far as `settings` lets us."""
        kind, wanted = action.setting, settings.parse(action.value)
        content: Json | None = wanted
        note = settings.KEPT.get(kind, "setting-unreadable" if wanted is None else "")
        if wanted is None or note:
            return skipped(note)
        match kind:
            case "m.space.child":
                return self._suggest(action.channel, wanted)
            case "m.room.power_levels":
                with self._session.only(action.channel):
                    current = self._session.state(action.channel, kind)
                    content = settings.levels(current, wanted, creators=self._has_creators(action.channel))
                    self._session.api.put_state(action.channel, kind, "", content)
                return done()
            case "m.room.history_visibility" | "m.room.guest_access":
                pass
            case "m.room.join_rules":
                content = settings.joining(wanted)
                note = "kept-invite-only"
            case "m.room.server_acl":
                content = None if settings.shuts_out(wanted, self._session.server) else wanted
                note = "acl-shuts-us-out"
            case _:
                content, note = None, "setting-unknown"
        if content is None:
            return skipped(note)
        if content:
            self._session.api.put_state(action.channel, kind, "", content)
        return Outcome(status="done" if content else "already")

    def _suggest(self, room: str, wanted: Json) -> Outcome:
        """What a Space says about a room below it is kept in the Space."""
        if wanted.get("suggested") is not True:
            return Outcome(status="already")
        for space in self._session.markers.rooms().values():
            link = self._session.state(space, "m.space.child", room)
            if link.get("via"):
                self._session.api.put_state(space, "m.space.child", room, {**link, "suggested": True})
                return done()
        return skipped("setting-unknown")

    def pin(self, action: plan.SetPins) -> Outcome:
        """Pin posts."""
        content = {"pinned": list(action.messages)}
        return done(self._session.api.put_state(action.channel, "m.room.pinned_events", "", content))

    def ban(self, action: plan.BanMember) -> Outcome:
        """Keep somebody out."""
        native = handle_of(action.native)
        if native == self._session.me:
            return skipped("own-account")
        self._session.api.put_state(action.channel, "m.room.member", native, {"membership": "ban", MARKER: action.key})
        return done()

    def grant(self, action: plan.Grant) -> Outcome:
        """Give a role back to somebody who is there."""
        native = handle_of(action.native)
        if native == self._session.me:
            return skipped("own-account")
        with self._session.only(action.channel):
            if member_state(self._session.api, action.channel, native).get("membership") != "join":
                return skipped("not-joined")
            current = self._session.state(action.channel, "m.room.power_levels")
            users = {**obj(current.get("users")), native: action.level}
            self._session.api.put_state(action.channel, "m.room.power_levels", "", {**current, "users": users})
        return done()

    def _has_creators(self, room: str) -> bool:
        version = self._session.state(room, "m.room.create").get("room_version")
        return isinstance(version, str) and version.isdecimal() and int(version) >= _CREATORS_RULE


def handle_of(native: str) -> str:
    """A member's handle as it comes out of the roster.

    Raises:
        Refused: it is none.
    """
    try:
        check_handle(native)
    except ValueError:
        raise Refused("a member's handle in the archive is none that this server could know") from None
    return native


def _initial(kind: str, content: Json, key: str = "") -> Json:
    return {"type": kind, "state_key": key, "content": content}


def _revealed(action: plan.Reveal) -> Iterator[tuple[str, Json]]:
    if action.name:
        yield "m.room.name", {"name": action.name}
    if action.topic:
        yield "m.room.topic", {"topic": action.topic}
    if action.avatar:
        yield "m.room.avatar", {"url": action.avatar}
