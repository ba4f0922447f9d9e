"""Rebuilds a group on Matrix: each action as the calls that do it. Order, journal and repetition are the applier's.

With an application service of the server, posts come from stand-in accounts ("ghosts") and bear their original time; without
one, everything is done as an ordinary admin of the rooms. What was measured on a real server stands in docs/.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, ClassVar

import httpx

from grouparchive.errors import Refused
from grouparchive.model import plan
from grouparchive.model.plan import Action, Observed, Outcome, Trait, Verb
from grouparchive.model.ports import Identify, OpenBlob, Source
from grouparchive.model.records import AnyRecord, Member, MemberId, Ref
from grouparchive.platforms.matrix.api import MatrixApi
from grouparchive.platforms.matrix.connector import MatrixConnector
from grouparchive.platforms.matrix.events import obj
from grouparchive.platforms.matrix.markers import member_state
from grouparchive.platforms.matrix.posting import Posting
from grouparchive.platforms.matrix.rooms import Rooms, handle_of
from grouparchive.platforms.matrix.session import SERVICE_HINT, Session, already

# Synapse's defaults for an ordinary account, actions per second; a server of one's own lets its service do what it can.
_LIMITS_ADMIN = {
    "post": 0.2,
    "react": 0.2,
    "edit-post": 0.2,
    "configure": 0.2,
    "set-pins": 0.2,
    "reveal": 0.07,  # up to three changes each
    "grant": 0.2,
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
        self._version = room_version
        self._session = Session(source, transport)
        self._rooms = Rooms(self._session, room_version)
        self._posting = Posting(self._session, open_blob)

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    # --- looking ---

    def observe(self) -> Observed:
        """See `model.ports.Target`.

        Raises:
            Refused: a token is not accepted.
        """
        traits = {Trait.FORMATTING}
        if self._session.service:
            self._check_service(self._session.service)
            traits |= {Trait.BACKDATING, Trait.AUTHORS}
        account = hashlib.sha256(f"{self._session.origin}\0{self._session.me}".encode()).hexdigest()
        return Observed(
            platform=self.platform,
            account=account,
            traits=frozenset(traits),
            containers=self._session.markers.rooms(),
            limits=_LIMITS_SERVICE if self._session.service else _LIMITS_ADMIN,
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
        origin = self._session.origin
        for member, (native, name, avatar) in met.items():
            yield Member(id=member, platform=self.platform, origin=origin, native=native, name=name, avatar=avatar)

    def media(self, ref: Ref) -> Iterator[bytes]:
        """See `model.ports.Target`."""
        return self._session.api.media(ref)

    def _default_version(self) -> str:
        found = self._session.api.http.get("/_matrix/client/v3/capabilities", dict[str, Any])
        version = obj(obj(found.get("capabilities")).get("m.room_versions")).get("default")
        return version if isinstance(version, str) else ""

    def _check_service(self, service: MatrixApi) -> None:
        """Is the application service accepted? Whether it may use our prefix shows only when it does.

        Raises:
            Refused: it is not.
        """
        if service.whoami().user_id.partition(":")[2] != self._session.server:
            raise Refused("the application service belongs to another server than the account", hint=SERVICE_HINT)

    # --- doing ---

    def perform(self, action: Action) -> Outcome:  # noqa: C901, PLR0911, PLR0912 - one line for each verb
        """See `model.ports.Target`."""
        match action:
            case plan.Post():
                return self._posting.post(action)
            case plan.React():
                return self._posting.react(action)
            case plan.EditPost():
                return self._posting.edit(action)
            case plan.Upload():
                return self._posting.upload(action)
            case plan.CreateGroup():
                return self._rooms.create_group(action)
            case plan.CreateChannel():
                return self._rooms.create_channel(action)
            case plan.AddAuthor():
                return self._posting.add_author(action)
            case plan.RemoveAuthor():
                return self._posting.remove_author(action)
            case plan.SetPins():
                return self._rooms.pin(action)
            case plan.Configure():
                return self._rooms.configure(action)
            case plan.BanMember():
                return self._rooms.ban(action)
            case plan.Reveal():
                return self._rooms.reveal(action)
            case plan.Grant():
                return self._rooms.grant(action)
            case _:
                raise Refused("a replay is done post by post")

    def find(self, action: Action) -> Outcome | None:  # noqa: PLR0911 - one case for each verb
        """See `model.ports.Target`."""
        match action:
            case plan.Post() | plan.React() | plan.EditPost():
                return already(self._session.markers.post(action.channel, action.key))
            case plan.CreateGroup():
                return already(self._session.markers.room(action.key))
            case plan.CreateChannel():
                room = self._session.markers.room(action.key)
                linked = bool(room) and bool(obj(self._session.state(action.parent, "m.space.child", room)).get("via"))
                return already(room) if linked else None  # without its link `perform` takes it up again
            case plan.AddAuthor():
                # One who has left again was there.
                state = member_state(self._session.api, action.channel, self._session.ghost(action.author)).get(
                    "membership"
                )
                return already(self._session.ghost(action.author)) if state in {"join", "leave"} else None
            case plan.RemoveAuthor():
                state = member_state(self._session.api, action.channel, self._session.ghost(action.author)).get(
                    "membership"
                )
                return None if state in {"join", "invite"} else Outcome(status="already")
            case plan.SetPins():
                pinned = self._session.state(action.channel, "m.room.pinned_events").get("pinned")
                return Outcome(status="already") if pinned == list(action.messages) else None
            case plan.BanMember():
                state = member_state(self._session.api, action.channel, handle_of(action.native)).get("membership")
                return Outcome(status="already") if state == "ban" else None
            case plan.Grant():
                users = obj(self._session.state(action.channel, "m.room.power_levels").get("users"))
                return Outcome(status="already") if users.get(action.native) == action.level else None
            case plan.Reveal():
                return Outcome(status="already") if self._rooms.is_revealed(action) else None
            case _:
                return None  # an upload, a setting: doing it again harms nobody
