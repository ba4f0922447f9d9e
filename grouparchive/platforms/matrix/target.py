"""Rebuilds a group on Matrix: each action as the calls that do it. Order, journal and repetition are the applier's.

With an application service of the server, posts come from stand-in accounts ("ghosts") and bear their original time; without
one, everything is done as an ordinary admin of the rooms. What was measured on a real server stands in docs/.
"""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, ClassVar

import httpx

from grouparchive.errors import InDoubt, Refused, UsageError
from grouparchive.model import plan
from grouparchive.model.plan import Action, Observed, Outcome, Trait, Verb
from grouparchive.model.ports import Identify, OpenBlob, Source
from grouparchive.model.records import AnyRecord, Member, MemberId, Ref
from grouparchive.platforms.http import answer_of
from grouparchive.platforms.matrix import settings
from grouparchive.platforms.matrix.api import MatrixApi, client
from grouparchive.platforms.matrix.connector import MatrixConnector
from grouparchive.platforms.matrix.events import MARKER, Json, obj
from grouparchive.platforms.matrix.handles import check_handle
from grouparchive.platforms.matrix.markers import Markers, member_state
from grouparchive.platforms.matrix.render import edit_event, post_events, reaction_event

GHOST_PREFIX = "ga_"
SMALL_FILE = 8 * 1024 * 1024
"""Files up to here are sent out of memory; larger ones are read twice, because the server wants their size first."""
_SERVICE_HINT = "See docs/platforms/matrix-restore.md for the few lines that the homeserver needs."
_REMEMBERED = 20_000
_CREATORS_RULE = 12
_SPACES = frozenset({"space", "category"})
_PREFIX = re.compile(r"[a-z0-9_.=/-]{1,40}")
_ORDER = re.compile(r"[\x20-\x7e]{1,50}")
_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")

# Synapse's defaults for an ordinary account, actions per second; a server of one's own lets its service do what it can.
_LIMITS_ADMIN = {
    "post": 0.2,
    "react": 0.2,
    "edit-post": 0.2,
    "create-group": 0.016,
    "create-channel": 0.016,
    "invite": 0.3,
}
_LIMITS_SERVICE = {"post": 80.0, "react": 80.0, "edit-post": 80.0, "add-author": 15.0, "invite": 0.3}


class MatrixTarget:
    """See `model.ports.Target`.

    Args:
        source: where, and with which tokens.
        identify: gives member ids to the people met by `read`.
        open_blob: the bytes of files to upload.
        transport: in place of the network, for tests.
        room_version: of the rooms to make; "" is the server's default.
    """

    platform: ClassVar[str] = "matrix"
    performs: ClassVar[frozenset[Verb]] = frozenset(
        {
            plan.CreateGroup, plan.CreateChannel, plan.AddAuthor, plan.RemoveAuthor, plan.Upload, plan.Post, plan.EditPost,
            plan.React, plan.Replay, plan.SetPins, plan.Configure, plan.BanMember, plan.Reveal, plan.Grant,
        }
    )  # fmt: skip

    def __init__(
        self,
        source: Source,
        identify: Identify,
        open_blob: OpenBlob,
        *,
        transport: httpx.BaseTransport | None = None,
        room_version: str = "",
    ) -> None:
        self._source = source
        self._identify = identify
        self._open_blob = open_blob
        self._version = room_version
        self._prefix = source.options.get("ghost-prefix") or GHOST_PREFIX
        if not _PREFIX.fullmatch(self._prefix):
            raise UsageError("ghost-prefix may hold lower-case letters, digits and _ only", hint="For example ga_")
        origin = source.options.get("origin", "")
        if not source.secrets.get("token"):
            raise UsageError("the access token is missing", hint="Set the source up again: grouparchive source add")
        self._api = MatrixApi(client(origin, source.secrets["token"], transport))
        service = source.secrets.get("as-token", "")
        self._service = MatrixApi(client(origin, service, transport)) if service else None
        self._lock = threading.Lock()
        self._room_locks: dict[str, threading.Lock] = {}
        self._me = ""
        self._markers_made: Markers | None = None
        self._registered: set[str] = set()
        self._shown: OrderedDict[str, Json | None] = OrderedDict()  # post -> its content where it is more than text

    def close(self) -> None:
        """Let go of connections."""
        self._api.close()
        if self._service:
            self._service.close()

    # --- looking ---

    def observe(self) -> Observed:
        """See `model.ports.Target`.

        Raises:
            Refused: a token is not accepted.
        """
        traits = {Trait.FORMATTING}
        if self._service:
            self._check_service(self._service)
            traits |= {Trait.BACKDATING, Trait.AUTHORS}
        account = hashlib.sha256(f"{self._source.options['origin']}\0{self.me}".encode()).hexdigest()
        return Observed(
            platform=self.platform,
            account=account,
            traits=frozenset(traits),
            containers=self._markers.rooms(),
            limits=_LIMITS_SERVICE if self._service else _LIMITS_ADMIN,
            version=self._version or self._default_version(),
        )

    def read(self, group: Ref) -> Iterator[AnyRecord]:
        """See `model.ports.Target`."""
        met: dict[MemberId, tuple[str, str, str]] = {}

        def identify(native: str, name: str, avatar: str) -> MemberId:
            member = self._identify(native, name, avatar)
            _, old_name, old_avatar = met.get(member, ("", "", ""))
            met[member] = (native, name or old_name, avatar or old_avatar)
            return member

        connector = MatrixConnector(self._source, identify)
        try:
            for page in connector.pages(group, {}):
                yield from page.records
                yield from page.gaps
        finally:
            connector.close()
        origin = self._source.options["origin"]
        for member, (native, name, avatar) in met.items():
            yield Member(id=member, platform=self.platform, origin=origin, native=native, name=name, avatar=avatar)

    @property
    def me(self) -> str:
        """The handle of the account that restores; asked of the server once, kept in memory only."""
        with self._lock:
            if not self._me:
                self._me = self._api.whoami().user_id
                check_handle(self._me)
            return self._me

    @property
    def _markers(self) -> Markers:
        me = self.me
        with self._lock:
            if self._markers_made is None:
                self._markers_made = Markers(self._api, me, self._is_ghost)
            return self._markers_made

    @property
    def _server(self) -> str:
        return self.me.partition(":")[2]

    def _default_version(self) -> str:
        found = self._api.http.get("/_matrix/client/v3/capabilities", dict[str, Any])
        version = obj(obj(found.get("capabilities")).get("m.room_versions")).get("default")
        return version if isinstance(version, str) else ""

    def _check_service(self, service: MatrixApi) -> None:
        """Is the application service accepted? Whether it may use our prefix shows only when it does.

        Raises:
            Refused: it is not.
        """
        if service.whoami().user_id.partition(":")[2] != self._server:
            raise Refused("the application service belongs to another server than the account", hint=_SERVICE_HINT)

    # --- doing ---

    def perform(self, action: Action) -> Outcome:  # noqa: C901, PLR0911, PLR0912 - one line for each verb
        """See `model.ports.Target`."""
        match action:
            case plan.Post():
                return self._post(action)
            case plan.React():
                return self._react(action)
            case plan.EditPost():
                return self._edit(action)
            case plan.Upload():
                return _done(self._upload(action))
            case plan.CreateGroup():
                return _done(self._create(action, action.channel.type))
            case plan.CreateChannel():
                return self._create_channel(action)
            case plan.AddAuthor():
                return self._add_author(action)
            case plan.RemoveAuthor():
                return self._remove_author(action)
            case plan.SetPins():
                return _done(
                    self._api.put_state(action.channel, "m.room.pinned_events", "", {"pinned": list(action.messages)})
                )
            case plan.Configure():
                return self._configure(action)
            case plan.BanMember():
                return self._ban(action)
            case plan.Reveal():
                return self._reveal(action)
            case plan.Grant():
                return self._grant(action)
            case _:
                raise Refused("a replay is done post by post")

    def find(self, action: Action) -> Outcome | None:  # noqa: PLR0911 - one case for each verb
        """See `model.ports.Target`."""
        match action:
            case plan.Post() | plan.React() | plan.EditPost():
                return _already(self._markers.post(action.channel, action.key))
            case plan.CreateGroup():
                return _already(self._markers.room(action.key))
            case plan.CreateChannel():
                room = self._markers.room(action.key)
                linked = bool(room) and bool(obj(self._state(action.parent, "m.space.child", room)).get("via"))
                return _already(room) if linked else None  # without its link `perform` takes it up again
            case plan.AddAuthor():
                # One who has left again was there.
                state = member_state(self._api, action.channel, self._ghost(action.author)).get("membership")
                return _already(self._ghost(action.author)) if state in {"join", "leave"} else None
            case plan.RemoveAuthor():
                state = member_state(self._api, action.channel, self._ghost(action.author)).get("membership")
                return None if state in {"join", "invite"} else Outcome(status="already")
            case plan.SetPins():
                pinned = self._state(action.channel, "m.room.pinned_events").get("pinned")
                return Outcome(status="already") if pinned == list(action.messages) else None
            case plan.BanMember():
                state = member_state(self._api, action.channel, _handle(action.native)).get("membership")
                return Outcome(status="already") if state == "ban" else None
            case plan.Grant():
                users = obj(self._state(action.channel, "m.room.power_levels").get("users"))
                return Outcome(status="already") if users.get(action.native) == action.level else None
            case plan.Reveal():
                return Outcome(status="already") if self._is_revealed(action) else None
            case _:
                return None  # an upload, a setting: doing it again harms nobody

    # --- rooms ---

    def _create(self, action: plan.CreateGroup | plan.CreateChannel, kind: str, extra: list[Json] | None = None) -> str:
        """Make a room, invite-only unless `extra` says otherwise; or take up the one that an earlier attempt made."""
        room = self._markers.room(action.key)
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
            room = self._api.create_room(content)
        except InDoubt:
            self._markers.doubt(action.key)
            raise
        self._markers.made(action.key, room)
        return room

    def _create_channel(self, action: plan.CreateChannel) -> Outcome:
        extra = [_initial("m.space.parent", {"via": [self._server], "canonical": True}, action.parent)]
        if not action.private:
            allow = [{"type": "m.room_membership", "room_id": action.parent}]
            extra.append(_initial("m.room.join_rules", {"join_rule": "restricted", "allow": allow}))
        room = self._create(action, action.channel.type, extra)
        link: Json = {"via": [self._server]}
        if _ORDER.fullmatch(action.channel.order):
            link["order"] = action.channel.order
        self._api.put_state(action.parent, "m.space.child", room, link)
        return _done(room)

    def _reveal(self, action: plan.Reveal) -> Outcome:
        for kind, content in _revealed(action):
            self._api.put_state(action.channel, kind, "", content)
        return Outcome(status="done")

    def _is_revealed(self, action: plan.Reveal) -> bool:
        return all(self._state(action.channel, kind) == content for kind, content in _revealed(action))

    def _configure(self, action: plan.Configure) -> Outcome:
        kind, wanted = action.setting, settings.parse(action.value)
        content: Json | None = wanted
        note = settings.KEPT.get(kind, "setting-unreadable" if wanted is None else "")
        if wanted is None or note:
            return _skipped(note)
        match kind:
            case "m.space.child":
                return self._suggest(action.channel, wanted)
            case "m.room.power_levels":
                with self._only(action.channel):
                    current = self._state(action.channel, kind)
                    content = settings.levels(current, wanted, creators=self._creators(action.channel))
                    self._api.put_state(action.channel, kind, "", content)
                return Outcome(status="done")
            case "m.room.history_visibility" | "m.room.guest_access":
                pass
            case "m.room.join_rules":
                content = settings.joining(wanted)
                note = "kept-invite-only"
            case "m.room.server_acl":
                content = None if settings.shuts_out(wanted, self._server) else wanted
                note = "acl-shuts-us-out"
            case _:
                content, note = None, "setting-unknown"
        if content is None:
            return _skipped(note)
        if content:
            self._api.put_state(action.channel, kind, "", content)
        return Outcome(status="done" if content else "already")

    def _suggest(self, room: str, wanted: Json) -> Outcome:
        """What a Space says about a room below it is kept in the Space."""
        if wanted.get("suggested") is not True:
            return Outcome(status="already")
        for space in self._markers.rooms().values():
            link = self._state(space, "m.space.child", room)
            if link.get("via"):
                self._api.put_state(space, "m.space.child", room, {**link, "suggested": True})
                return Outcome(status="done")
        return _skipped("setting-unknown")

    # --- people ---

    def _ghost(self, author: str) -> str:
        return f"@{self._prefix}{author[:20]}:{self._server}"

    def _is_ghost(self, handle: str) -> bool:
        return (
            self._service is not None and handle.startswith(f"@{self._prefix}") and handle.endswith(f":{self._server}")
        )

    def _acting(self, author: str) -> tuple[MatrixApi, str]:
        """Who posts: a stand-in of the application service, or the account itself."""
        if not author:
            return self._api, ""
        if self._service is None:
            raise Refused("this account cannot post as others", hint="Make a new plan for it.")
        return self._service, self._ghost(author)

    def _add_author(self, action: plan.AddAuthor) -> Outcome:
        service, ghost = self._acting(action.author)
        with self._only(ghost):  # it may be added to several rooms at once
            if ghost not in self._registered:
                try:
                    service.register_ghost(ghost[1:].partition(":")[0])
                except Refused as error:
                    if answer_of(error).code == "M_EXCLUSIVE":
                        words = "the application service may not make accounts with this prefix"
                        raise Refused(words, hint=_SERVICE_HINT) from error
                    if answer_of(error).code != "M_USER_IN_USE":
                        raise
                self._registered.add(ghost)
        try:
            self._api.membership(action.channel, "invite", {"user_id": ghost})
        except Refused:
            if member_state(self._api, action.channel, ghost).get("membership") != "join":
                raise
        # The name is the room's alone: the account itself has none that could tell of another rebuilt group.
        content = {"membership": "join", "displayname": action.label, MARKER: action.key}
        service.put_state(action.channel, "m.room.member", ghost, content, as_user=ghost)
        return _done(ghost)

    def _remove_author(self, action: plan.RemoveAuthor) -> Outcome:
        service, ghost = self._acting(action.author)
        service.membership(action.channel, "leave", {}, as_user=ghost)
        return Outcome(status="done")

    def _ban(self, action: plan.BanMember) -> Outcome:
        native = _handle(action.native)
        if native == self.me:
            return _skipped("own-account")
        self._api.put_state(action.channel, "m.room.member", native, {"membership": "ban", MARKER: action.key})
        return Outcome(status="done")

    def _grant(self, action: plan.Grant) -> Outcome:
        native = _handle(action.native)
        if native == self.me:
            return _skipped("own-account")
        with self._only(action.channel):
            if member_state(self._api, action.channel, native).get("membership") != "join":
                return _skipped("not-joined")
            current = self._state(action.channel, "m.room.power_levels")
            users = {**obj(current.get("users")), native: action.level}
            self._api.put_state(action.channel, "m.room.power_levels", "", {**current, "users": users})
        return Outcome(status="done")

    # --- posts ---

    def _post(self, action: plan.Post) -> Outcome:
        if not (action.text or action.html or action.media or action.poll):
            return _skipped("messages-empty")
        *files, (kind, content) = post_events(action)
        for number, (file_kind, file) in enumerate(files, 1):
            if not self._markers.post(action.channel, f"{action.key}-{number}"):
                self._send(action, file_kind, f"{action.key}-{number}", file)
        event = self._send(action, kind, action.key, content)
        with self._lock:
            self._shown[event] = content if content.get("msgtype") != "m.text" else None
            if len(self._shown) > _REMEMBERED:
                self._shown.popitem(last=False)
        return _done(event)

    def _send(self, action: plan.Post | plan.EditPost | plan.React, kind: str, txn: str, content: Json) -> str:
        api, user = self._acting(action.author)
        time = action.time if user else None
        return api.send_event(action.channel, kind, txn, content, as_user=user, time=time)

    def _edit(self, action: plan.EditPost) -> Outcome:
        with self._lock:
            known = action.target in self._shown
            shown = self._shown.get(action.target)
        if not known:
            shown = obj((self._api.event(action.channel, action.target) or {}).get("content"))
        return _done(self._send(action, "m.room.message", action.key, edit_event(action, shown)))

    def _react(self, action: plan.React) -> Outcome:
        try:
            return _done(self._send(action, "m.reaction", action.key, reaction_event(action)))
        except Refused as error:
            if answer_of(error).code == "M_DUPLICATE_ANNOTATION":
                return _skipped("reactions-merged")
            raise

    def _upload(self, action: plan.Upload) -> str:
        mime = action.mime if _MIME.fullmatch(action.mime) else "application/octet-stream"
        taken: list[bytes] = []
        size = 0
        for piece in self._open_blob(action.blob):
            size += len(piece)
            if size <= SMALL_FILE:
                taken.append(piece)
            else:
                taken.clear()
        if size <= SMALL_FILE:
            return self._api.upload(b"".join(taken), mime)
        return self._api.upload(lambda: self._open_blob(action.blob), mime, size=size)

    # --- small things ---

    def _state(self, room: str, kind: str, key: str = "") -> Json:
        return self._api.state_event(room, kind, key) or {}

    def _creators(self, room: str) -> bool:
        version = self._state(room, "m.room.create").get("room_version")
        return isinstance(version, str) and version.isdecimal() and int(version) >= _CREATORS_RULE

    def _only(self, name: str) -> threading.Lock:
        """A lock for what is read, changed and written back, per room or stand-in."""
        with self._lock:
            return self._room_locks.setdefault(name, threading.Lock())


def _done(ref: str) -> Outcome:
    return Outcome(status="done", ref=ref)


def _already(ref: str) -> Outcome | None:
    return Outcome(status="already", ref=ref) if ref else None


def _skipped(note: str) -> Outcome:
    return Outcome(status="skipped", note=note)


def _initial(kind: str, content: Json, key: str = "") -> Json:
    return {"type": kind, "state_key": key, "content": content}


def _revealed(action: plan.Reveal) -> Iterator[tuple[str, Json]]:
    if action.name:
        yield "m.room.name", {"name": action.name}
    if action.topic:
        yield "m.room.topic", {"topic": action.topic}
    if action.avatar:
        yield "m.room.avatar", {"url": action.avatar}


def _handle(native: str) -> str:
    """A member's handle as it comes out of the roster.

    Raises:
        Refused: it is none.
    """
    try:
        check_handle(native)
    except ValueError:
        raise Refused("a member's handle in the archive is none that this server could know") from None
    return native
