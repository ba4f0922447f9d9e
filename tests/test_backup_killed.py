"""A run that is killed at any moment leaves an archive that verifies, and the next run goes on without gap or duplicate."""

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import backup_box
import pytest
from backup_box import Box

from grouparchive.model.records import Attachment, Membership, Message, Reaction, Roster
from grouparchive.platforms.sandbox.world import KEEPER

ROUNDS = 8
NEVER = 60.0


def one_round(box: Box, after: float) -> tuple[int, float]:
    """One run that ends after so many seconds: how it ended, and how long a whole one took."""
    command = [
        sys.executable,
        backup_box.__file__,
        str(box.path.parent),
        str(box.world_path),
        box.pin.hex(),
        f"{after:.4f}",
    ]
    ended = subprocess.run(command, check=False, capture_output=True, timeout=120)
    return ended.returncode, float(ended.stdout or 0)


def play(tmp_path: Path, rounds: int) -> None:
    chance = random.Random(os.environ.get("PYTEST_RANDOM", "lane"))
    box = Box(tmp_path)
    group = box.world.create_group("Lantern lane")
    rooms = [box.world.create_channel(group, f"Room {number}") for number in range(3)]
    posts: list[str] = []
    files: dict[str, bytes] = {}
    killed, whole = 0, 0.0
    for number in range(rounds):
        for room in rooms:
            for post in range(60):
                ref = box.world.post(room, KEEPER, f"post {number} {post}")
                posts.append(ref)
            box.world.react(room, ref, KEEPER, "x")
            data = os.urandom(20_000)
            file = box.world.upload(data)
            files[file] = data
            posts.append(box.world.post(room, KEEPER, "pic", media=[{"ref": file}]))
            box.world.join(room, f"@guest{number}:sandbox", force=True)
        code, took = one_round(box, chance.uniform(0.1, 0.9) * whole if whole else NEVER)
        assert code in {0, -14}
        killed += code == -14
        whole = whole or took
        box.verify()
    assert killed >= rounds // 3
    box.backup()
    content = [record for _, record in box.read("content")]
    seen = Counter(record.ref for record in content if isinstance(record, Message))
    assert sorted(seen) == sorted(posts)
    assert set(seen.values()) == {1}
    assert sum(isinstance(record, Reaction) for record in content) == 3 * rounds
    stored = {record.ref: record.blob for record in content if isinstance(record, Attachment)}
    assert {ref: b"".join(box.blob(blob)) for ref, blob in stored.items()} == files
    heads: dict[tuple[int, str], int] = {}
    members: Counter[tuple[int, str]] = Counter()
    for commit, record in box.read("roster"):
        if isinstance(record, Roster):
            heads[commit.seq, record.channel] = record.members
        elif isinstance(record, Membership):
            members[commit.seq, record.channel] += 1
    assert heads == members
    assert max(heads.values()) == rounds + 1
    assert box.backup().new == 0
    box.close()


def test_killed_at_any_moment(tmp_path: Path) -> None:
    play(tmp_path, ROUNDS)


@pytest.mark.faults
@pytest.mark.parametrize("series", range(5))
def test_killed_many_times(tmp_path: Path, series: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_RANDOM", str(series))
    play(tmp_path, 30)
