"""Rebuilds a group in a sandbox: every verb and every trait. Each action is one transaction of the world."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from grouparchive.errors import Refused
from grouparchive.model import plan
from grouparchive.model.plan import Action, Observed, Outcome, Trait, Verb
from grouparchive.model.ports import Identify, OpenBlob
from grouparchive.model.records import AnyRecord, Member, MemberId, Ref
from grouparchive.platforms.sandbox.connector import SandboxConnector
from grouparchive.platforms.sandbox.world import KEEPER, World


class SandboxTarget:
    """See `model.ports.Target`.

    Args:
        path: the sandbox's file.
        identify: gives ids to the people met by `read`.
        open_blob: the bytes of files to upload.
    """

    platform: ClassVar[str] = "sandbox"
    performs: ClassVar[frozenset[Verb]] = frozenset(
        {
            plan.CreateGroup, plan.CreateChannel, plan.AddAuthor, plan.RemoveAuthor, plan.Upload, plan.Post, plan.EditPost,
            plan.React, plan.Replay, plan.SetPins, plan.Configure, plan.BanMember, plan.Reveal, plan.Grant,
        }
    )  # fmt: skip

    def __init__(self, path: Path, identify: Identify, open_blob: OpenBlob) -> None:
        self._path = path
        self._world = World(path)
        self._identify = identify
        self._open_blob = open_blob

    def close(self) -> None:
        """Let go of the file."""
        self._world.close()

    def observe(self) -> Observed:
        """What of ours stands there."""
        account = hashlib.sha256(f"{self._world.origin}\0{KEEPER}".encode()).hexdigest()
        marked = self._world.rows("SELECT marker, ref FROM channels WHERE marker <> ''")
        return Observed(
            platform=self.platform,
            account=account,
            traits=frozenset(Trait),
            containers={row["marker"]: row["ref"] for row in marked},
            limits={"post": 1000.0},
        )

    def read(self, group: Ref) -> Iterator[AnyRecord]:
        """The rebuilt group.

        Raises:
            NotFound: there is no such group.
        """
        met: dict[MemberId, Member] = {}

        def identify(native: str, name: str, avatar: str) -> MemberId:
            id_ = self._identify(native, name, avatar)
            met[id_] = Member(
                id=id_, platform=self.platform, origin=self._world.origin, native=native, name=name, avatar=avatar
            )
            return id_

        connector = SandboxConnector(self._path, identify)
        try:
            for page in connector.pages(group, {}):
                yield from page.records
                yield from page.gaps
        finally:
            connector.close()
        yield from met.values()

    def media(self, ref: Ref) -> Iterator[bytes]:
        """The bytes of a rebuilt file, for the report."""
        return self._world.file(ref)

    def perform(self, action: Action) -> Outcome:  # noqa: C901, PLR0912 - one case for each verb
        """Do one action.

        Raises:
            NotFound: a channel or post that it is about is not there.
            Refused: it is against the rules of the sandbox.
        """
        world = self._world
        ref = ""
        match action:
            case plan.CreateGroup():
                ref = world.create_group(action.name, kind=action.channel.type, marker=action.key)
            case plan.CreateChannel():
                ref = world.create_channel(action.parent, action.name, kind=action.channel.type, marker=action.key)
                if not action.private:
                    world.configure(ref, "m.room.join_rules", '{"join_rule":"restricted"}')
            case plan.AddAuthor():
                ref = world.person(_ghost(action.author), action.label)
                world.join(action.channel, ref, force=True)  # nobody's account: it cannot be asked
            case plan.RemoveAuthor():
                world.leave(action.channel, _ghost(action.author))
            case plan.Upload():
                ref = world.upload(b"".join(self._open_blob(action.blob)), action.mime)
            case plan.Post():
                ref = world.post(action.channel, _author(action.author), action.text, **_post(action))
            case plan.EditPost():
                more: dict[str, Any] = {"html": action.html, "time": action.time, "marker": action.key}
                ref = world.edit(action.channel, action.target, _author(action.author), action.text, **more)
            case plan.React():
                more = {"time": action.time, "marker": action.key}
                ref = world.react(action.channel, action.target, _author(action.author), action.reaction, **more)
            case plan.SetPins():
                world.pin(action.channel, *action.messages)
            case plan.Configure():
                world.configure(action.channel, action.setting, action.value)
            case plan.BanMember():
                world.ban(action.channel, action.native)
            case plan.Reveal():
                world.describe(action.channel, name=action.name, topic=action.topic, avatar=action.avatar)
            case plan.Grant():
                member = world.member(action.channel, action.native)
                if member is None or member["state"] != "join":
                    return Outcome(status="skipped", note="not-joined")
                world.grant(action.channel, action.native, action.level)
            case _:
                raise Refused("a replay is done post by post")
        return Outcome(status="done", ref=ref)

    def find(self, action: Action) -> Outcome | None:
        """Was it done? By marker, or by how things are."""
        world = self._world
        match action:
            case plan.CreateGroup() | plan.CreateChannel():
                ref = world.marked("channels", action.key)
                return Outcome(status="already", ref=ref) if ref else None
            case plan.Post() | plan.EditPost() | plan.React():
                ref = world.marked("events", action.key, action.channel)
                return Outcome(status="already", ref=ref) if ref else None
            case plan.Upload():
                return None  # one file too many harms nobody
            case plan.AddAuthor():
                ghost = _ghost(action.author)
                return Outcome(status="already", ref=ghost) if self._state(action.channel, ghost) else None
        return Outcome(status="already") if self._holds(action) else None

    def _holds(self, action: Action) -> bool:  # noqa: PLR0911 - one case for each verb
        world = self._world
        match action:
            case plan.RemoveAuthor():
                return self._state(action.channel, _ghost(action.author)) != "join"
            case plan.SetPins():
                return bool(world.channel(action.channel)["pins"] == msgspec.json.encode(action.messages).decode())
            case plan.Configure():
                query = "SELECT 1 FROM settings WHERE channel = ? AND name = ? AND value = ?"
                return bool(world.rows(query, action.channel, action.setting, action.value))
            case plan.BanMember():
                return self._state(action.channel, action.native) == "ban"
            case plan.Reveal():
                row = world.channel(action.channel)
                wanted = {"name": action.name, "topic": action.topic, "avatar": action.avatar}
                return all(row[column] == value for column, value in wanted.items() if value)
            case plan.Grant():
                member = world.member(action.channel, action.native)
                return member is not None and member["level"] == action.level
        return False

    def _state(self, channel: str, handle: str) -> str:
        member = self._world.member(channel, handle)
        return str(member["state"]) if member else ""


def _ghost(author: MemberId) -> str:
    return f"@ga_{author[:20]}:sandbox"


def _author(author: str) -> str:
    return _ghost(author) if author else KEEPER


def _post(action: plan.Post) -> dict[str, Any]:
    media = [
        {
            "ref": one.upload,
            "name": one.name,
            "mime": one.mime,
            "size": one.size,
            "width": one.width,
            "height": one.height,
            "duration": one.duration,
        }
        for one in action.media
    ]
    more: dict[str, Any] = {
        "html": action.html,
        "type": action.type,
        "reply_to": action.reply_to,
        "thread": action.thread,
        "time": action.time,
        "marker": action.key,
    }
    if media:
        more["media"] = media
    if action.poll:
        more["poll"] = msgspec.to_builtins(action.poll)
    return more
