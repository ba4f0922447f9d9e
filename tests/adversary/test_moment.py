"""An attacker who owns the admin's account, with backups running all along, changes nothing of what is restored from before."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from adversary_kit import PASSPHRASE, V3, Computer, Person, Planted, person

from grouparchive.archive.fold import Moment, View, fold
from grouparchive.archive.reader import Archive
from grouparchive.crypto.slots import Passphrase
from grouparchive.demo.homeserver import Homeserver
from grouparchive.model.plan import Observed, Policy, Trait
from grouparchive.platforms.matrix.target import MatrixTarget
from grouparchive.restore.desire import ArchiveTimelines, desired
from grouparchive.restore.expand import expand
from grouparchive.restore.planner import make_plan

pytestmark = pytest.mark.homeserver

BACKDATED = "posted by the attacker with a time of long ago"


@contextmanager
def folded(path: Path, *moments: Moment) -> Iterator[list[View]]:
    """The archive, unlocked once, at several moments."""
    with Archive.open(path) as archive:
        reader = archive.unlock(Passphrase(PASSPHRASE))
        views = [fold([reader], moment) for moment in moments]
        yield views
        for view in views:
            view.close()


def content(view: View, group: str) -> dict[str, Any]:
    """Everything that a plan is made from, and the plan that comes of it, under one fixed key."""
    wanted = desired(view, group)
    observed = Observed(platform="matrix", traits=frozenset(Trait))
    policy = Policy(key="ab" * 32, content="all", authors="ghost")
    timelines = ArchiveTimelines(view)
    plan = make_plan(wanted, observed, MatrixTarget.performs, policy, timelines, target="there")
    replays = [action for action in plan.actions if hasattr(action, "channel") and type(action).__name__ == "Replay"]
    posts = [msgspec.to_builtins(one) for replay in replays for one in expand(replay, plan, timelines)]
    found = {
        "desired": msgspec.to_builtins(wanted),
        "timelines": {one.ref: [msgspec.to_builtins(event) for event in timelines(one.ref)] for one in wanted.channels},
        "plan": msgspec.to_builtins(plan),
        "digest": plan.digest(),
        "posts": posts,
        "natives": {one.id: view.members[one.id].native for one in wanted.people},
    }
    assert posts
    return json.loads(msgspec.json.encode(found, order="sorted"))


def back_up(computer: Computer) -> int:
    """A backup, and the number of its commit."""
    computer.run("backup", "home", code=None)
    with Archive.open(computer.archive) as archive:
        return archive.commits[-1].seq


def shown(computer: Computer, planted: Planted, as_of: str, name: str) -> list[dict[str, Any]]:
    """A plan made and shown by the command line, all that is told of it but its key's traces."""
    path = computer.drawer / name
    options = ["--to", "there", "--as-of", as_of, "--content", "all", "--authors", "ghost", "-o", path]
    computer.run("plan", planted.space, *options, opened=True)
    told = computer.run("--json", "show", path, opened=True).events
    for event in told:
        for key in ("digest", "words", "seconds"):
            event.pop(key, None)
    return told


def attack(planted: Planted, newcomer: Person, edited: str) -> None:
    """What the admin's account can do, by the plain client interface."""
    admin, server = planted.admin, planted.server
    for room in (planted.space, planted.hall):
        for guest in planted.guests[1:]:
            admin.call("POST", f"/rooms/{quote(room)}/kick", {"user_id": guest.handle})
        admin.call("POST", f"/rooms/{quote(room)}/ban", {"user_id": planted.guests[0].handle})
        admin.call("POST", f"/rooms/{quote(room)}/invite", {"user_id": newcomer.handle})
        newcomer.call("POST", f"/join/{quote(room)}")
        levels = server.call("GET", f"{V3}/rooms/{quote(room)}/state/m.room.power_levels/", admin.token)
        levels.setdefault("users", {})[newcomer.handle] = 50
        admin.state(room, "m.room.power_levels", {**levels, "invite": 0})
    admin.call("POST", f"/rooms/{quote(planted.hall)}/unban", {"user_id": planted.banned.handle})
    for room in (planted.space, *planted.rooms):
        admin.state(room, "m.room.name", {"name": "Come and see"})
        admin.state(room, "m.room.topic", {"topic": "https://example.invalid/fake"})
        admin.state(room, "m.room.join_rules", {"join_rule": "public"})
        admin.state(room, "m.room.history_visibility", {"history_visibility": "world_readable"})
        admin.state(room, "m.room.avatar", {"url": admin.upload(b"another picture")})
    admin.state(planted.hall, "m.room.pinned_events", {"pinned": [planted.posts[-1]]})
    admin.state(planted.space, "m.space.child", {}, planted.nook)
    for post in planted.posts[1:]:
        path = f"/rooms/{quote(planted.hall)}/redact/{quote(post)}/{post[1:12]}"
        admin.call("PUT", path, {"reason": "gone"})
    for target in (edited, planted.posts[0]):  # the admin's own post, and that of somebody else
        changed = {
            "msgtype": "m.text",
            "body": "* doctored",
            "m.new_content": {"msgtype": "m.text", "body": "doctored"},
        }
        admin.send(planted.hall, {**changed, "m.relates_to": {"rel_type": "m.replace", "event_id": target}})
    newcomer.say(planted.hall, "the attacker's own post")
    admin.send(
        planted.hall, {"m.relates_to": {"rel_type": "m.annotation", "event_id": edited, "key": "no"}}, "m.reaction"
    )


def backdate(planted: Planted, hidden: str, when: int) -> None:
    """What needs the server itself, or an application service on it: events that bear a time of the past."""
    server, admin = planted.server, planted.admin
    as_admin = {"user_id": admin.handle, "ts": when}
    path = f"{V3}/rooms/{quote(planted.hall)}"
    post = {"msgtype": "m.text", "body": BACKDATED}
    server.call("PUT", f"{path}/send/m.room.message/backdated-{when}", server.seed_token, post, as_admin)
    redaction = {"redacts": hidden}
    server.call("PUT", f"{path}/send/m.room.redaction/backdated-{when}", server.seed_token, redaction, as_admin)


def test_the_attackers_run_changes_nothing_from_before(homeserver: Homeserver, computer: Computer) -> None:
    planted = Planted(homeserver)
    edited = planted.admin.say(planted.hall, "what the admin once said")
    hidden = planted.guests[1].say(planted.hall, "what a guest once said")
    computer.init()
    computer.add("home", homeserver.url, planted.admin.token)
    computer.add("there", homeserver.url, planted.admin.token, as_token=homeserver.as_token)
    number = back_up(computer)
    time.sleep(1.1)
    moment = int(time.time()) * 1000
    asked = datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    moments = (Moment(seq=number), Moment(time=moment))
    with folded(computer.archive, *moments) as views:
        before = [content(view, planted.space) for view in views]
    told = shown(computer, planted, asked, "before")

    time.sleep(1.1)
    newcomer = person(homeserver, "newcomer", "Newcomer")
    attack(planted, newcomer, edited)
    assert back_up(computer) > number
    newcomer.say(planted.hall, "and another")
    last = back_up(computer)

    with folded(computer.archive, *moments, Moment(seq=last)) as views:
        after = [content(view, planted.space) for view in views]
    assert after[0] == before[0]
    assert after[1] == before[1]
    assert shown(computer, planted, asked, "after") == told
    # The attack was real: what is restored as of its end is something else.
    ruined = after[2]
    assert ruined["digest"] != before[0]["digest"]
    assert len(ruined["natives"]) < len(before[0]["natives"])
    assert "Come and see" in json.dumps(ruined)
    assert "doctored" in json.dumps(ruined)
    assert "Come and see" not in json.dumps(after[:2])
    assert json.dumps(before[0]["timelines"]).count("what was meant") == 4
    assert json.dumps(ruined["timelines"]).count("what was meant") == 1

    # Who has the server itself can also lie about times. A commit's number stands against that; a time does not, and
    # docs/THREATS.md says so.
    backdate(planted, hidden, moment - 5000)
    back_up(computer)
    with folded(computer.archive, *moments) as views:
        by_number, by_time = (content(view, planted.space) for view in views)
    assert by_number == before[0]
    assert BACKDATED in json.dumps(by_time["timelines"])
    assert "what a guest once said" not in json.dumps(by_time["timelines"])
    assert by_time["natives"] == before[1]["natives"]
    assert by_time["desired"] == before[1]["desired"]
