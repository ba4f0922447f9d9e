"""The sandbox as a stage for the contract suites. Classes of the platform can be swapped for broken ones."""

from pathlib import Path
from typing import Any

from connector_stage import Can, ConnectorStage
from messenger_contract import MessengerStage
from target_contract import Eyes, TargetStage

from grouparchive.errors import Refused
from grouparchive.model.ports import Connector, Identify, Messenger, OpenBlob, Target
from grouparchive.platforms.sandbox.connector import SandboxConnector
from grouparchive.platforms.sandbox.messenger import SandboxMessenger
from grouparchive.platforms.sandbox.target import SandboxTarget
from grouparchive.platforms.sandbox.world import World

HANDLES = {who: f"@{who}.of-the-lamp:sandbox" for who in ("ada", "ben", "cyd")}


class _Opened:
    """Closes the world and whatever was opened on it."""

    world: World

    def kept(self, one: Any) -> Any:
        self.__dict__.setdefault("opened", []).append(one)
        return one

    def close(self) -> None:
        for one in self.__dict__.get("opened", []):
            one.close()
        self.world.close()


class SandboxConnectorStage(_Opened, ConnectorStage):
    can = frozenset(Can) - {Can.CHANGES, Can.SERVICE, Can.LOST_FILES, Can.EXPORTS, Can.PLENTY}

    def __init__(self, folder: Path, connector: type[SandboxConnector] = SandboxConnector) -> None:
        self.path = folder / "world"
        self.world = World(self.path)
        self._connector = connector
        for handle in HANDLES.values():
            self.world.person(handle)
        self.group = self.world.create_group("Lantern lane")
        self.room = self.world.create_channel(self.group, "Kitchen")
        for who in ("ada", "ben"):
            self.world.join(self.room, HANDLES[who], force=True)

    def connect(self, identify: Identify) -> Connector:
        return self.kept(self._connector(self.path, identify, page=5))  # type: ignore[no-any-return]

    def handle(self, who: str) -> str:
        return HANDLES[who]

    def post(self, who: str, text: str, *, reply_to: str = "", file: bytes = b"", name: str = "") -> str:
        more: dict[str, Any] = {"reply_to": reply_to}
        if file:
            more |= {"type": "file", "media": [{"ref": self.world.upload(file), "name": name, "size": len(file)}]}
        return self.world.post(self.room, HANDLES[who], text, **more)

    def edit(self, who: str, target: str, text: str) -> str:
        return self.world.edit(self.room, target, HANDLES[who], text)

    def react(self, who: str, target: str, key: str) -> str:
        return self.world.react(self.room, target, HANDLES[who], key)

    def delete(self, target: str) -> None:
        self.world.delete(self.room, target)

    def pin(self, *targets: str) -> None:
        self.world.pin(self.room, *targets)

    def set_topic(self, topic: str) -> None:
        self.world.describe(self.room, topic=topic)

    def ban(self, who: str) -> None:
        self.world.ban(self.room, HANDLES[who])

    def face(self, who: str, picture: bytes) -> None:
        self.world.person(HANDLES[who], avatar=self.world.upload(picture))

    def lost_file(self) -> str:
        return "file-lost"

    def hostile(self) -> int:
        bodies = ["{", "[]", '{"text":5}', '{"text":"x","type":"none"}', '{"odd":1}', '{"text":"\\ud800"}', "9" * 5000]
        for body in bodies:
            self.world.raw(self.room, body)
        self.world.raw(self.room, '{"text":"early"}', time=-1)
        self.world.raw(self.room, '{"text":"late"}', time=2**62)
        self.world.raw(self.room, '{"text":"whose?"}', author="nobody")
        self.world.raw(self.room, '{"text":"what?"}', kind="surprise")
        self.world.raw(self.room, '{"text":"' + "x" * 1_000_001 + '"}')
        return len(bodies) + 5

    def requests(self, connector: Connector) -> int | None:
        return connector.requests if isinstance(connector, SandboxConnector) else None

    def state(self) -> object:
        tables = ("people", "channels", "settings", "members", "events", "files", "inbox", "facts")
        return [[tuple(row) for row in self.world.rows(f"SELECT * FROM {table}")] for table in tables]  # noqa: S608


class SandboxTargetStage(_Opened, TargetStage):
    def __init__(self, folder: Path, target: type[SandboxTarget] = SandboxTarget) -> None:
        self.path = folder / "world"
        self.world = World(self.path)
        self._target = target
        for handle in HANDLES.values():
            self.world.person(handle)

    def open(self, identify: Identify, open_blob: OpenBlob) -> Target:
        return self.kept(self._target(self.path, identify, open_blob))  # type: ignore[no-any-return]

    def handle(self, who: str) -> str:
        return HANDLES[who]

    def eyes(self, who: str) -> Eyes:
        seen = self.world.sync_of(HANDLES[who])
        return Eyes(
            joined=len(seen.joined),
            unread=sum(seen.unread.values()),
            invitations=len(seen.invitations),
            words=str(seen),
        )

    def come_in(self, who: str, room: str) -> bool:
        try:
            self.world.join(room, HANDLES[who])
        except Refused:
            return False
        return True

    def invite(self, who: str, room: str) -> None:
        self.world.invite(room, HANDLES[who])

    def accept(self, who: str, room: str) -> None:
        self.world.join(room, HANDLES[who])

    def file(self, ref: str) -> bytes:
        return b"".join(self.world.file(ref))


class SandboxMessengerStage(_Opened, MessengerStage):
    def __init__(self, folder: Path, messenger: type[SandboxMessenger] = SandboxMessenger) -> None:
        self.path = folder / "world"
        self.world = World(self.path)
        self._messenger = messenger
        for handle in HANDLES.values():
            self.world.person(handle)
        self.place = self.world.create_group("Group")

    def open(self) -> Messenger:
        return self.kept(self._messenger(self.path))  # type: ignore[no-any-return]

    def handle(self, who: str) -> str:
        return HANDLES[who]

    def invitations(self, who: str) -> int:
        return len(self.world.rows("SELECT 1 FROM asked WHERE handle = ?", HANDLES[who]))

    def seen(self, who: str) -> str:
        return str(self.world.sync_of(HANDLES[who]))

    def decline(self, who: str) -> None:
        self.world.leave(self.place, HANDLES[who])

    def accept(self, who: str) -> None:
        self.world.join(self.place, HANDLES[who])

    def ban(self, who: str) -> None:
        self.world.ban(self.place, HANDLES[who])

    def nobody(self) -> str:
        return "@no.such.person:sandbox"
