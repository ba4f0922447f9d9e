"""Invitations on the real homeserver: what arrives, once, whatever breaks in between; and what a member meets on the way in."""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx
import msgspec
import pytest

from grouparchive.errors import NotFound, Refused
from grouparchive.model.plan import CreateChannel, CreateGroup, Outcome, Person, Plan, Policy
from grouparchive.model.ports import PersonalMessage
from grouparchive.model.records import Channel, Membership
from grouparchive.people.campaign import EVERYONE, Campaign, Scope, prepare
from grouparchive.people.journal import Answers, Journal
from grouparchive.people.pacing import AT_ONCE, Lanes
from grouparchive.people.routes import Route
from grouparchive.people.sending import Live, Sending, SendReport, send
from grouparchive.platforms.matrix.messenger import MatrixMessenger

pytestmark = pytest.mark.homeserver

Account: TypeAlias = Any
SPACE, PRIVATE = "!old-space", "!old-private"


def message(room: str, handle: str) -> PersonalMessage:
    return PersonalMessage(key=secrets.token_hex(16), recipient=handle, kind="invitation", place=room)


def invites(admin: Account, room: str) -> list[str]:
    """Whom the room's history shows as invited, each as often as it happened."""
    chunk = admin.call("GET", f"/rooms/{quote(room)}/messages", params={"dir": "f", "limit": 1000})["chunk"]
    return [event["state_key"] for event in chunk if event["content"].get("membership") == "invite"]


def campaign(numbers: range) -> Campaign:
    """One co-admin, one moderator, and members; the first three were in a private room too."""
    group = CreateGroup(key="0" * 32, group=SPACE, channel=Channel(ref=SPACE, group=SPACE, type="space"), name="Group")
    private = CreateChannel(
        key="1" * 32, channel=Channel(ref=PRIVATE, group=SPACE), parent=SPACE, name="Room", private=True
    )
    plan = Plan(
        archive_id="ab" * 32,
        position="w:1",
        moment=1,
        group=SPACE,
        group_name="Canary Garden",
        target="home",
        platform="matrix",
        policy=Policy(key="11" * 32),
        observed="x",
        actions=(group, private),
    )
    people = [
        Person(
            id=f"{number:032x}",
            memberships=tuple(
                Membership(channel=ref, member=f"{number:032x}", level={0: 100, 1: 50}.get(number, 0))
                for ref in ((SPACE, PRIVATE) if number < 3 else (SPACE,))
            ),
        )
        for number in numbers
    ]
    return prepare(Scope.of_plan(plan), people, [], release=EVERYONE)


def sending(
    asked: Campaign, journal: Journal, messenger: MatrixMessenger, native: Callable[[str], str], rooms: dict[str, str]
) -> Sending:
    def route(member: str) -> Route:
        return Route(
            way="home", lane="home/invitation", kind="invitation", channel="matrix", recipient=native(member)
        )  # fmt: skip

    live = Live(asked, Answers(asked, []))
    return Sending(
        journal=journal, live=lambda: live, stop=pytest.fail, messengers={"home": messenger}, routes=route,
        places=rooms.__getitem__, letter=pytest.fail, lanes=Lanes(bytes(32), paces={"home/invitation": AT_ONCE}),
    )  # fmt: skip


class Line(httpx.BaseTransport):
    """The real server behind a line on which every second write meets a fault."""

    def __init__(self, fault: str) -> None:
        self.inner = httpx.HTTPTransport()
        self.fault = fault
        self.writes = self.hits = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.writes += request.method != "GET"
        if request.method == "GET" or self.writes % 2:
            return self.inner.handle_request(request)
        self.hits += 1
        if self.fault == "429":
            return httpx.Response(429, headers={"Retry-After": "0"}, json={"errcode": "M_LIMIT_EXCEEDED"})
        if self.fault.startswith("after"):
            self.inner.handle_request(request).read()
        if self.fault.endswith("drop"):
            raise httpx.ReadError("the connection was reset", request=request)
        return httpx.Response(500, json={"errcode": "M_UNKNOWN"})

    def close(self) -> None:
        self.inner.close()


class Community:
    """An admin, the rebuilt rooms, and the members to come back, by number."""

    def __init__(self, people: Callable[[str], Account], members: int, folder: Path) -> None:
        self.admin = people("admin")
        self.guests = [people("guest") for _ in range(members)]
        self.rooms = {name: self.admin.create(preset="private_chat", name="Group") for name in (SPACE, PRIVATE)}
        self.journal = folder / "journal"

    def send(self, asked: Campaign, line: Line | None = None) -> SendReport:
        with (
            Journal(self.journal, asked) as journal,
            closing(MatrixMessenger(self.admin.source(), transport=line)) as messenger,
        ):
            return send(sending(asked, journal, messenger, self.native, self.rooms))

    def native(self, member: str) -> str:
        return str(self.guests[int(member, 16)].handle)


def test_an_invitation_arrives_once_and_says_nothing(people: Callable[[str], Account]) -> None:
    admin, guest = people("admin"), people("guest")
    room = admin.create(preset="private_chat", name="Group")
    with closing(MatrixMessenger(admin.source())) as messenger:
        asked = message(room, guest.handle)
        assert messenger.find(asked) is None
        assert messenger.send(asked) == Outcome(status="done", note="invited")
        assert messenger.find(asked) == Outcome(status="already", note="invited")
    assert invites(admin, room) == [guest.handle]
    event = admin.call("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(guest.handle)}")
    assert event == {"membership": "invite", "displayname": guest.local}


def test_whoever_is_there_declined_or_is_banned_is_told_apart(people: Callable[[str], Account]) -> None:
    admin, here, gone, troll = people("admin"), people("here"), people("gone"), people("troll")
    room = admin.create(preset="private_chat", name="Group")
    admin.let_in(room, here)
    admin.call("POST", f"/rooms/{quote(room)}/invite", {"user_id": gone.handle})
    gone.call("POST", f"/rooms/{quote(room)}/leave")
    admin.call("POST", f"/rooms/{quote(room)}/ban", {"user_id": troll.handle})
    with closing(MatrixMessenger(admin.source())) as messenger:
        found = [messenger.find(message(room, one.handle)) for one in (here, gone, troll)]
        assert [one and one.note for one in found] == ["joined", "declined", "banned"]
        assert messenger.send(message(room, here.handle)) == Outcome(status="already", note="joined")
        with pytest.raises(Refused):
            messenger.send(message(room, troll.handle))
        with pytest.raises(Refused):
            messenger.send(message(room, "nobody"))
        with pytest.raises(Refused):
            messenger.send(message(room, "@stranger:elsewhere.test"))
        with pytest.raises((NotFound, Refused)):
            messenger.send(message("!nowhere:demo.test", here.handle))
    assert invites(admin, room) == [here.handle, gone.handle]


@pytest.mark.parametrize("fault", ["429", "before drop", "after drop", "before 500", "after 500"])
def test_each_member_gets_one_invitation_over_a_bad_line(
    people: Callable[[str], Account], tmp_path: Path, fault: str
) -> None:
    group = Community(people, 5, tmp_path)
    handles = [guest.handle for guest in group.guests]
    asked, line = campaign(range(5)), Line(fault)
    first = group.send(asked, line)
    assert first.sent + first.already == 5
    assert line.hits > 0
    assert invites(group.admin, group.rooms[SPACE]) == handles
    group.guests[1].call("POST", f"/rooms/{quote(group.rooms[SPACE])}/join")
    group.guests[2].call("POST", f"/rooms/{quote(group.rooms[SPACE])}/leave")
    second = group.send(asked, Line(fault))
    assert second.sent + second.already == 1
    assert invites(group.admin, group.rooms[PRIVATE]) == [handles[1]]
    assert group.send(asked).sent == 0
    assert invites(group.admin, group.rooms[SPACE]) == handles


KILLED = """
import json, os, signal, sys
from pathlib import Path
import httpx, msgspec
from grouparchive.model.ports import Source
from grouparchive.people.campaign import Campaign
from grouparchive.people.journal import Answers, Journal
from grouparchive.people.pacing import AT_ONCE, Lanes
from grouparchive.people.routes import Route
from grouparchive.people.sending import Live, Sending, send
from grouparchive.platforms.matrix.messenger import MatrixMessenger

given = json.load(sys.stdin)
points = 0

def point():
    global points
    points += 1
    if points == given["kill"]:
        os.kill(os.getpid(), signal.SIGKILL)

class Line(httpx.HTTPTransport):
    def handle_request(self, request):
        point()
        answer = super().handle_request(request)
        point()
        return answer

class Watched(Journal):
    def write(self, *words, **more):
        super().write(*words, **more)
        point()

asked = msgspec.json.decode(given["campaign"], type=Campaign)
source = msgspec.convert(given["source"], Source)
def route(member):
    handle = given["handles"][int(member, 16)]
    return Route(way="home", lane="home/invitation", kind="invitation", channel="matrix", recipient=handle)

live = Live(asked, Answers(asked, []))
with Watched(Path(given["journal"]), asked) as journal:
    messenger = MatrixMessenger(source, transport=Line())
    send(Sending(
        journal=journal, live=lambda: live, stop=print, messengers={"home": messenger}, routes=route,
        places=given["rooms"].__getitem__, letter=print, lanes=Lanes(bytes(32), paces={"home/invitation": AT_ONCE}),
    ))
"""


def test_kill_9_at_any_point_and_each_still_gets_one(people: Callable[[str], Account], tmp_path: Path) -> None:
    asked = campaign(range(2))
    kills = 0
    for kill in range(1, 10):
        group = Community(people, 2, tmp_path)
        handles = [guest.handle for guest in group.guests]
        given = {
            "kill": kill,
            "campaign": msgspec.json.encode(asked).decode(),
            "source": msgspec.to_builtins(group.admin.source()),
            "journal": str(tmp_path / f"journal-{kill}"),
            "handles": handles,
            "rooms": group.rooms,
        }
        command = [sys.executable, "-c", KILLED]
        first = subprocess.run(command, input=json.dumps(given).encode(), check=False, timeout=60)
        kills += first.returncode == -9
        again = subprocess.run(command, input=json.dumps({**given, "kill": 0}).encode(), check=False, timeout=60)
        assert again.returncode == 0
        assert invites(group.admin, group.rooms[SPACE]) == handles, f"killed at point {kill}"
    assert kills >= 8
