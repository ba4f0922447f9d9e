"""Matrix keeps the contracts of all platforms, on the real homeserver; as a target with an application service and without."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from connector_contract import ConnectorContract
from connector_stage import Can, ConnectorStage
from messenger_contract import MessengerContract, MessengerStage
from target_contract import Eyes, TargetContract, TargetStage

from grouparchive.errors import GroupArchiveError
from grouparchive.model.ports import Connector, Identify, Messenger, OpenBlob, Target
from grouparchive.platforms.matrix.connector import MatrixConnector
from grouparchive.platforms.matrix.messenger import MatrixMessenger
from grouparchive.platforms.matrix.target import MatrixTarget

pytestmark = pytest.mark.homeserver

People = Callable[[str], Any]
NAMES = ("ada", "ben", "cyd")


class _Stage:
    """An admin, three people, and whatever was opened."""

    def __init__(self, people: People) -> None:
        self.admin = people("keeper")
        self.people = {who: people(who) for who in NAMES}
        self.opened: list[Any] = []

    def handle(self, who: str) -> str:
        return str(self.people[who].handle)

    def close(self) -> None:
        for one in self.opened:
            one.close()

    def kept(self, one: Any) -> Any:
        self.opened.append(one)
        return one

    def sync(self, who: str) -> dict[str, Any]:
        rooms = self.people[who].call("GET", "/sync", params={"timeout": 0, "set_presence": "offline"}).get("rooms")
        return dict(rooms or {})


class MatrixConnectorStage(_Stage, ConnectorStage):
    can = frozenset(Can) - {Can.CHANGES, Can.SERVICE, Can.LOST_FILES, Can.EXPORTS, Can.PLENTY}

    def __init__(self, people: People) -> None:
        super().__init__(people)
        self.room = self.group = self.admin.create(name="Garden", preset="private_chat")
        for who in ("ada", "ben"):
            self.admin.let_in(self.room, self.people[who])
        self.sent: dict[int, list[object]] = {}

    def connect(self, identify: Identify) -> Connector:
        connector = self.kept(MatrixConnector(self.admin.source(), identify))
        sent = self.sent[id(connector)] = []
        connector.api.http._http.event_hooks = {"request": [sent.append]}
        return connector  # type: ignore[no-any-return]

    def requests(self, connector: Connector) -> int | None:
        return len(self.sent[id(connector)])

    def post(self, who: str, text: str, *, reply_to: str = "", file: bytes = b"", name: str = "") -> str:
        more: dict[str, Any] = {"m.relates_to": {"m.in_reply_to": {"event_id": reply_to}}} if reply_to else {}
        if file:
            more |= {"msgtype": "m.file", "url": self.people[who].upload(file), "filename": name}
        return str(self.people[who].say(self.room, text, **more))

    def edit(self, who: str, target: str, text: str) -> str:
        relation = {"rel_type": "m.replace", "event_id": target}
        new = {"msgtype": "m.text", "body": text}
        return str(self.people[who].say(self.room, f"* {text}", **{"m.new_content": new, "m.relates_to": relation}))

    def react(self, who: str, target: str, key: str) -> str:
        relation = {"rel_type": "m.annotation", "event_id": target, "key": key}
        return str(self.people[who].send(self.room, "m.reaction", {"m.relates_to": relation}))

    def delete(self, target: str) -> None:
        self.admin.redact(self.room, target)

    def pin(self, *targets: str) -> None:
        self.admin.state(self.room, "m.room.pinned_events", {"pinned": list(targets)})

    def set_topic(self, topic: str) -> None:
        self.admin.state(self.room, "m.room.topic", {"topic": topic})

    def ban(self, who: str) -> None:
        self.admin.call("POST", f"/rooms/{quote(self.room)}/ban", {"user_id": self.handle(who)})

    def face(self, who: str, picture: bytes) -> None:
        person = self.people[who]
        person.call("PUT", f"/profile/{quote(person.handle)}/avatar_url", {"avatar_url": person.upload(picture)})

    def lost_file(self) -> str:
        return f"mxc://{self.admin.server.server_name}/AbCdEfGhIjKlMnOpQrStUvWx"

    def hostile(self) -> int:
        person = self.people["ben"]
        picture = {"msgtype": "m.image", "body": "x", "url": ["no"], "info": {"size": -1}}
        person.send(self.room, "m.room.message", picture)
        relation = {"rel_type": "m.annotation", "event_id": 5, "key": ["x"]}
        person.send(self.room, "m.reaction", {"m.relates_to": relation})
        return 2

    def state(self) -> object:
        # The events, and what tells others that somebody has read: receipts, presence.
        path = f"/rooms/{quote(self.room)}/messages"
        chunk = self.people["ada"].call("GET", path, params={"dir": "f", "limit": 1000})["chunk"]
        room = self.sync("ada")["join"][self.room]
        return [event["event_id"] for event in chunk], room["ephemeral"]


class MatrixTargetStage(_Stage, TargetStage):
    def __init__(self, people: People, *, service: bool) -> None:
        super().__init__(people)
        self.source = self.admin.source()
        if service:
            secrets = {**self.source.secrets, "as-token": self.admin.server.as_token}
            self.source = msgspec.structs.replace(self.source, secrets=secrets)

    def open(self, identify: Identify, open_blob: OpenBlob) -> Target:
        return self.kept(MatrixTarget(self.source, identify, open_blob))  # type: ignore[no-any-return]

    def eyes(self, who: str) -> Eyes:
        rooms = self.sync(who)
        joined, invited = rooms.get("join", {}), rooms.get("invite", {})
        unread = sum(room["unread_notifications"]["notification_count"] for room in joined.values())
        return Eyes(joined=len(joined), unread=unread, invitations=len(invited), words=json.dumps(invited))

    def come_in(self, who: str, room: str) -> bool:
        try:
            self.people[who].call("POST", f"/rooms/{quote(room)}/join")
        except GroupArchiveError as error:
            return "answered 403" not in str(error)
        return True

    def invite(self, who: str, room: str) -> None:
        self.admin.call("POST", f"/rooms/{quote(room)}/invite", {"user_id": self.handle(who)})

    def accept(self, who: str, room: str) -> None:
        self.people[who].call("POST", f"/rooms/{quote(room)}/join")

    def file(self, ref: str) -> bytes:
        return b"".join(self.kept(MatrixConnector(self.source, lambda *_: "0" * 32)).media(ref))


class MatrixMessengerStage(_Stage, MessengerStage):
    def __init__(self, people: People) -> None:
        super().__init__(people)
        self.place = self.admin.create(name="Group", preset="private_chat")

    def open(self) -> Messenger:
        return self.kept(MatrixMessenger(self.admin.source()))  # type: ignore[no-any-return]

    def invitations(self, who: str) -> int:
        path = f"/rooms/{quote(self.place)}/messages"
        chunk = self.admin.call("GET", path, params={"dir": "f", "limit": 1000})["chunk"]
        return sum(
            event["content"].get("membership") == "invite" and event.get("state_key") == self.handle(who)
            for event in chunk
        )

    def seen(self, who: str) -> str:
        return json.dumps(self.sync(who))

    def decline(self, who: str) -> None:
        self.people[who].call("POST", f"/rooms/{quote(self.place)}/leave")

    def accept(self, who: str) -> None:
        self.people[who].call("POST", f"/rooms/{quote(self.place)}/join")

    def ban(self, who: str) -> None:
        self.admin.call("POST", f"/rooms/{quote(self.place)}/ban", {"user_id": self.handle(who)})

    def nobody(self) -> str:
        return "no handle at all"


class TestMatrixConnector(ConnectorContract):
    stage = MatrixConnectorStage

    @pytest.fixture
    def connector_stage(self, people: People) -> Iterator[MatrixConnectorStage]:
        stage = MatrixConnectorStage(people)
        yield stage
        stage.close()


class TestMatrixTarget(TargetContract):
    @pytest.fixture(params=[True, False], ids=["service", "admin"])
    def target_stage(self, people: People, request: pytest.FixtureRequest) -> Iterator[MatrixTargetStage]:
        stage = MatrixTargetStage(people, service=request.param)
        yield stage
        stage.close()


class TestMatrixMessenger(MessengerContract):
    @pytest.fixture
    def messenger_stage(self, people: People) -> Iterator[MatrixMessengerStage]:
        stage = MatrixMessengerStage(people)
        yield stage
        stage.close()
