"""`apply` against the real homeserver, killed with -9 around its requests and run again: everything is there exactly once."""

import json
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import killed_apply
import msgspec
import pytest

from grouparchive.model.records import Ban, Channel, Edit, Message, Pins, Reaction

pytestmark = pytest.mark.homeserver

Account: TypeAlias = Any
ROUNDS = 4


class Restore:
    """One plan on one account, and the processes that carry it out."""

    def __init__(self, people: Callable[[str], Account], folder: Path) -> None:
        self.admin, self.troll = people("admin"), people("troll")
        source = self.admin.source()
        self.source = msgspec.structs.replace(
            source, secrets={**source.secrets, "as-token": self.admin.server.as_token}
        )
        target = killed_apply.open_target(self.source)
        self.plan = killed_apply.plan_for(target.observe(), secrets.token_hex(32))
        target.close()
        self.journal = folder / f"journal-{self.admin.local}"

    def run(self, kill: int) -> subprocess.CompletedProcess[bytes]:
        given = {
            "kill": kill,
            "plan": msgspec.json.encode(self.plan).decode(),
            "source": msgspec.to_builtins(self.source),
            "journal": str(self.journal),
            "natives": {killed_apply.TROLL: self.troll.handle},
        }
        command = [sys.executable, killed_apply.__file__]
        return subprocess.run(command, input=json.dumps(given).encode(), check=False, timeout=120, capture_output=True)

    def check(self) -> None:
        """Everything once."""
        rooms = self.admin.call("GET", "/joined_rooms")["joined_rooms"]
        assert len(rooms) == 3
        target = killed_apply.open_target(self.source)
        spaces = set(target.observe().containers.values())
        assert spaces == set(rooms)
        space = next(room for room in rooms if self.is_space(room))
        records = list(target.read(space))
        target.close()
        posts = [one for one in records if isinstance(one, Message) and one.type in {"text", "file"}]
        by_room: dict[str, list[Message]] = {}
        for post in posts:
            by_room.setdefault(post.channel, []).append(post)
        assert len(by_room) == 2
        for found in by_room.values():
            assert [one.text for one in found] == ["post 0", "", "post 2", "post 3", "post 4", "post 5"]
            assert found[2].reply_to == found[0].ref
            assert len({one.author for one in found}) == 2
        for kind in (Edit, Reaction):
            assert set(Counter(one.channel for one in records if isinstance(one, kind)).values()) == {1}
        pinned = [one.messages for one in records if isinstance(one, Pins) and one.messages]
        assert [len(one) for one in pinned] == [1]
        assert len([one for one in records if isinstance(one, Ban)]) == 1
        assert {one.name for one in records if isinstance(one, Channel)} == {"Group", "Room 1", "Room 2"}

    def is_space(self, room: str) -> bool:
        events = self.admin.call("GET", f"/rooms/{room}/state")
        return any(event["content"].get("type") == "m.space" for event in events)


def test_killed_anywhere_and_run_again(people: Callable[[str], Account], tmp_path: Path) -> None:
    whole = Restore(people, tmp_path)
    first = whole.run(0)
    assert first.returncode == 0, first.stderr.decode()[-2000:]
    whole.check()
    points = int(first.stdout)
    assert points > 60
    step = points // ROUNDS
    for kill in range(1 + secrets.randbelow(step), points, step):
        broken = Restore(people, tmp_path)
        assert broken.run(kill).returncode == -9
        again = broken.run(0)
        assert again.returncode == 0, f"killed at {kill}: {again.stderr.decode()[-2000:]}"
        broken.check()


@pytest.mark.faults
def test_killed_at_every_point_and_run_again(people: Callable[[str], Account], tmp_path: Path) -> None:
    points = int(Restore(people, tmp_path).run(0).stdout)
    for kill in range(1, points + 1):
        broken = Restore(people, tmp_path)
        broken.run(kill)
        again = broken.run(0)
        assert again.returncode == 0, f"killed at {kill}: {again.stderr.decode()[-2000:]}"
        broken.check()
