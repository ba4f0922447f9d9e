"""Twenty people on the real homeserver, by command line: a quiet warning; who comes back, who knocks, who only seems to."""

import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import quote

import pytest
from cli_machine import Machine

from grouparchive.demo.homeserver import Homeserver

pytestmark = pytest.mark.homeserver

V3 = "/_matrix/client/v3"
GROUP, TOPIC = "Lantern Circle", "shelter for whoever needs it"
COUNT = 20
NAMES = [f"Canary {one}" for one in (
    "Fern", "Moss", "Reed", "Lily", "Sedge", "Clover", "Tansy", "Yarrow", "Sorrel", "Nettle",
    "Bracken", "Heather", "Juniper", "Willow", "Alder", "Hazel", "Rowan", "Aspen", "Linden", "Maple",
)]  # fmt: skip


class Member:
    """Somebody with an app of their own."""

    def __init__(self, server: Homeserver, local: str, name: str) -> None:
        self.server = server
        self.name = name
        self.token = server.register(local)
        self.handle = server.user_id(local)
        self.call("PUT", f"/profile/{quote(self.handle)}/displayname", {"displayname": name})

    def call(self, method: str, path: str, body: Any = None, params: dict[str, Any] | None = None) -> Any:
        return self.server.call(method, V3 + path, self.token, {} if body is None and method != "GET" else body, params)

    def join(self, room: str) -> None:
        self.call("POST", f"/rooms/{quote(room)}/join")

    def knock(self, room: str) -> None:
        self.call("POST", f"/knock/{quote(room)}")

    def invites(self) -> dict[str, Any]:
        found = self.call("GET", "/sync", params={"timeout": 0}).get("rooms", {}).get("invite", {})
        return {room: one["invite_state"]["events"] for room, one in found.items()}

    def room(self, room: str) -> Any:
        return self.call("GET", "/sync", params={"timeout": 0})["rooms"]["join"][room]


class Village:
    """A Space with one room; the first three people have power in both."""

    def __init__(self, server: Homeserver, prefix: str) -> None:
        self.server = server
        self.admin = Member(server, f"{prefix}-keeper", "Keeper")
        self.people = [Member(server, f"{prefix}-{name.split()[1].lower()}", name) for name in NAMES]
        users = {self.admin.handle: 100, **{one.handle: 50 for one in self.people[:3]}}
        levels = {"users": {key: value for key, value in users.items() if value < 100}}
        made = {"preset": "public_chat", "topic": TOPIC, "power_level_content_override": levels}
        self.space = self.admin.call(
            "POST", "/createRoom", {**made, "name": GROUP, "creation_content": {"type": "m.space"}}
        )["room_id"]
        self.room = self.admin.call("POST", "/createRoom", {**made, "name": f"{GROUP} talk"})["room_id"]
        path = f"/rooms/{quote(self.space)}/state/m.space.child/{quote(self.room)}"
        self.admin.call("PUT", path, {"via": [server.server_name]})
        for one in self.people:
            one.join(self.space)
            one.join(self.room)

    def levels(self, room: str) -> list[Any]:
        """Everything that was ever said about power in a room."""
        path = f"/rooms/{quote(room)}/messages"
        chunk = self.admin.call("GET", path, params={"dir": "f", "limit": 1000})["chunk"]
        return [one["content"]["users"] for one in chunk if one["type"] == "m.room.power_levels"]

    def asked(self, room: str) -> list[str]:
        """Whom a room ever invited, each as often as it happened."""
        path = f"/rooms/{quote(room)}/messages"
        chunk = self.admin.call("GET", path, params={"dir": "f", "limit": 1000})["chunk"]
        return [one["state_key"] for one in chunk if one["content"].get("membership") == "invite"]


def prepared(machine: Machine, village: Village) -> None:
    origin = f"origin={village.server.url}"
    machine.init()
    machine.run("source", "add", "home", "matrix", origin, f"token-file={machine.secret('t', village.admin.token)}")
    machine.run("backup", "home", code=None)


KILLED = """
import os, signal, sys
import httpx
from grouparchive.cli import app

kill, points = int(sys.argv[1]), 0
plain = httpx.HTTPTransport.handle_request

def watched(self, request):
    point(request)
    answer = plain(self, request)
    point(request)
    return answer

def point(request):
    global points
    if request.method != "GET":
        points += 1
        if points == kill:
            os.kill(os.getpid(), signal.SIGKILL)

httpx.HTTPTransport.handle_request = watched
sys.exit(app.run(sys.argv[2:]))
"""


def killed(machine: Machine, at: int, *words: str) -> int:
    """Run a command that ends with kill -9 at its at-th point around a write."""
    command = [
        sys.executable,
        "-c",
        KILLED,
        str(at),
        "--no-input",
        "--passphrase-file",
        str(machine.passphrase),
        *words,
    ]
    environment = {**machine.environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, check=False, timeout=120, capture_output=True, text=True, env=environment)
    machine.spoken.append(done.stderr)
    return done.returncode


def test_twenty_people_come_back(machine: Machine, homeserver: Homeserver) -> None:
    village = Village(homeserver, "back")
    prepared(machine, village)
    plan = str(machine.plan)
    digest = machine.run("--json", "plan", GROUP, "--to", "home", "-o", plan, opened=True).done["digest"]
    new = "--json", "invite", "reconcile", plan
    machine.run("apply", plan, "--expect", digest, opened=True)
    friends = machine.secret("friends.txt", "\n".join(one.handle for one in village.people[:10]))
    machine.run("invite", "prepare", plan, "--release", friends, opened=True)
    assert machine.run("--json", "invite", "send", plan, "--at-once", opened=True).done["sent"] == 10
    (space,) = village.people[0].invites()
    # Who was invited comes; the room opens its door; others knock; somebody bears a member's name; somebody has a new account.
    for one in village.people[:8]:
        one.join(space)
    village.admin.call("PUT", f"/rooms/{quote(space)}/state/m.room.join_rules/", {"join_rule": "knock"})
    for one in village.people[10:14]:
        one.knock(space)
    impostor = Member(homeserver, "back-nobody", f"Canary {NAMES[15].split()[1].replace('a', chr(0x430))}")
    impostor.knock(space)
    elsewhere = Member(homeserver, "back-other-phone", "Me on another phone")
    handle = village.people[14].handle
    machine.run("roster", "set", handle, f"matrix={elsewhere.handle}", opened=True)
    elsewhere.knock(space)
    before = len(village.levels(space))
    # Roles are given once: cut before, between and after them. The third with power is on hold since.
    machine.run("roster", "set", village.people[2].handle, "hold=yes", opened=True)
    assert [killed(machine, at, *new) for at in (1, 2, 1)] == [-9, -9, -9]
    done = machine.run(*new, opened=True, code=3).done
    assert (done["back"], done["knocking"], done["impostors"], done["strangers"]) == (8, 6, 1, 0)
    assert (done["roles_waiting"], done["new"]) == (1, 0)  # the first run had noted who is back before it was cut
    history = village.levels(space)
    given = [{one.handle for one in village.people if users.get(one.handle) == 50} for users in history[before - 1 :]]
    fern, moss = (one.handle for one in village.people[:2])
    assert given[0] == set()
    assert given[1:] in ([{fern}, {fern, moss}], [{moss}, {fern, moss}])
    # A second run changes nothing.
    again = machine.run(*new, opened=True, code=3).done
    assert {**again, "roles": 0} == {**done, "roles": 0}
    assert again["roles"] == 0
    assert village.levels(space) == history
    # Nobody is let in by itself; a command does it, once.
    assert set(village.asked(space)) == {one.handle for one in village.people[:10]}
    machine.run(*new, "--let-in", "@who.is.this:demo.test", opened=True, code=2)
    let_in = machine.run(*new, "--let-in", village.people[10].handle, "--let-in", elsewhere.handle, opened=True, code=3)
    assert let_in.done["let_in"] == 2
    village.people[10].join(space)
    elsewhere.join(space)
    # Whom the admin turned away is no question any more.
    village.admin.call("POST", f"/rooms/{quote(space)}/kick", {"user_id": impostor.handle})
    done = machine.run(*new, opened=True).done
    assert (done["back"], done["new"], done["knocking"], done["impostors"]) == (10, 2, 3, 0)
    # Names on the screen of who asked, and nowhere else.
    shown = machine.run("invite", "reconcile", plan, opened=True).out
    assert village.people[11].handle in shown
    quiet = machine.run("invite", "reconcile", plan, "--summary", opened=True).out
    # Who is back is not written to again, by whichever account.
    machine.run("invite", "prepare", plan, "--release", "all", opened=True)
    machine.run("invite", "send", plan, "--at-once", opened=True, code=None)
    asked = village.asked(space)
    assert len(asked) == len(set(asked))
    assert handle not in asked
    planted = [*NAMES, *(one.handle for one in (*village.people, elsewhere, impostor)), GROUP, TOPIC]
    assert not [one for one in planted if one in quiet]
    assert not [one for one in planted for text in machine.spoken if one in text]


def test_a_quiet_warning_from_another_account(machine: Machine, homeserver: Homeserver) -> None:
    village = Village(homeserver, "warned")
    prepared(machine, village)
    courier = Member(homeserver, "courier", "Courier")
    origin = f"origin={homeserver.url}"
    machine.run("source", "add", "courier", "matrix", origin, f"token-file={machine.secret('c', courier.token)}")
    told = machine.run("--json", "invite", "prepare", GROUP, "--via", "courier", "--release", "all", opened=True).done
    assert told["ways"] == {"by courier": len(village.people)}
    # As slowly as a server makes rooms: the first five, a rest, then one in about two minutes.
    assert told["seconds"] > 130 * (len(village.people) - 1) / 2
    assert all(one.invites() == {} for one in village.people)
    send = "--json", "invite", "send", GROUP, "--at-once"
    assert killed(machine, 6, *send) == -9
    done = machine.run(*send, opened=True).done
    assert (done["sent"], done["refused"], done["in_doubt"]) == (len(village.people), 0, 0)
    assert machine.run(*send, opened=True).done["sent"] == 0
    for one in village.people:
        invites = one.invites()
        assert len(invites) == 1
        ((room, shown),) = invites.items()
        one.join(room)
        seen = json.dumps([shown, one.room(room)]).casefold()
        others = [other.handle for other in (village.admin, *village.people) if other is not one]
        planted = [GROUP, "lantern", "circle", "shelter", TOPIC, *others, *(name for name in NAMES if name != one.name)]
        assert not [word for word in planted if word.casefold() in seen]
        bodies = [
            event["content"]["body"] for event in one.room(room)["timeline"]["events"] if "body" in event["content"]
        ]
        assert len(bodies) == 1
    status = machine.run("--json", "invite", "status", GROUP, opened=True).done
    assert status["invited"] == len(village.people)
    planted = [GROUP, TOPIC, *NAMES, *(one.handle for one in village.people)]
    assert not [word for word in planted for text in machine.spoken if word in text and word != GROUP]
