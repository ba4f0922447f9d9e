"""A machine that makes backups of a group which lives on between them, and what must hold of it whatever happened meanwhile."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli_machine import Machine

from grouparchive.archive.reader import Archive, Reader
from grouparchive.crypto.slots import RecoveryKey, read_recovery_text
from grouparchive.model.records import (
    Attachment,
    Edit,
    Gap,
    Membership,
    Message,
    Reaction,
    Roster,
    Tombstone,
    Vault,
    Vote,
)
from grouparchive.platforms.sandbox.world import KEEPER, World

EVENTS = {"message": Message, "edit": Edit, "reaction": Reaction, "tombstone": Tombstone, "vote": Vote}


class Town:
    """Args:
    folder: a new one; the sandbox's file, which stands in for a server, lies in it too.
    chance: what happens in the group.
    archive, profile: where these are, if not in the folder.
    """

    def __init__(
        self, folder: Path, chance: random.Random, *, archive: Path | None = None, profile: Path | None = None
    ) -> None:
        folder.mkdir()
        self.machine = Machine(folder)
        self.machine.archive = archive or self.machine.archive
        self.machine.profile = profile or self.machine.profile
        self.chance = chance
        self.server = folder.parent / f"{folder.name}-server.sqlite"
        self.world = World(self.server)
        self.group = self.world.create_group("Lantern lane")
        self.rooms = [self.world.create_channel(self.group, f"Room {number}") for number in range(3)]
        self.stood: dict[tuple[str, int], bytes] = {}  # every commit ever seen in the archive

    def begin(self) -> None:
        """The archive, and the source."""
        self.machine.init()
        self.machine.add("home", self.server)

    def close(self) -> None:
        self.world.close()

    def grow(self, size: int = 20_000) -> None:
        """Something happens in every room: posts, one of them with a picture of about so many bytes, and the rest."""
        number = len(self.world.rows("SELECT handle FROM people"))
        for room in self.rooms:
            guest = f"@guest{number}:sandbox"
            self.world.join(room, guest, force=True)
            posts = [self.world.post(room, guest, f"words {number} {post}") for post in range(6)]
            self.world.react(room, posts[0], KEEPER, "x")
            self.world.edit(room, posts[1], guest, "other words")
            self.world.delete(room, posts[2])
            picture = self.world.upload(self.chance.randbytes(self.chance.randint(size // 2, size)))
            self.world.post(room, guest, "look", media=[{"ref": picture}])

    @contextmanager
    def opened(self) -> Iterator[Reader]:
        with Archive.open(self.machine.archive) as archive:
            key = read_recovery_text(self.machine.recovery.read_text(), archive.archive_id)
            yield archive.unlock(RecoveryKey(key))

    def look(self, acknowledged: set[bytes] | frozenset[bytes] = frozenset()) -> None:
        """After whatever happened: the archive verifies, and holds every commit that it ever held or that was acknowledged."""
        self.machine.run("verify", "--archive", self.machine.archive)
        with Archive.open(self.machine.archive) as archive:
            now = {(commit.writer, commit.seq): commit.head for commit in archive.commits}
        assert self.stood.items() <= now.items()
        assert acknowledged <= set(now.values())
        self.stood = now

    def compare(self) -> None:
        """At the end: the archive holds what the sandbox holds, each thing once, and no gap."""
        self.machine.run("backup", "home")
        self.look()
        assert self.machine.run("backup", "home", "--json").done["new"] == 0
        self.machine.run("verify", "--deep", opened=True)
        with self.opened() as reader:
            events = Counter((kind, record.ref) for kind, record in self._events(reader))
            assert events == Counter(
                (row["kind"], row["ref"]) for row in self.world.rows("SELECT kind, ref FROM events WHERE body <> ''")
            )
            self._compare_files(reader)
            self._compare_rosters(reader)
            for vault in ("content", "roster"):
                assert not any(isinstance(record, Gap) for _, record in reader.records(vault))

    def _events(self, reader: Reader) -> Iterator[tuple[str, Message]]:
        names = {kind: name for name, kind in EVENTS.items()}
        for _, record in reader.records("content"):
            if type(record) in names:
                yield names[type(record)], record  # type: ignore[index,misc]

    def _compare_files(self, reader: Reader) -> None:
        stored = [record for _, record in reader.records("content") if isinstance(record, Attachment)]
        refs = [row["ref"] for row in self.world.rows("SELECT ref FROM files ORDER BY ref")]
        assert sorted(record.ref for record in stored) == refs
        for record in stored:
            assert b"".join(reader.blob(record.blob)) == b"".join(self.world.file(record.ref))

    def _compare_rosters(self, reader: Reader) -> None:
        newest: dict[str, tuple[int, int]] = {}
        members: Counter[tuple[int, str]] = Counter()
        vault: Vault = "roster"
        for commit, record in reader.records(vault):
            if isinstance(record, Roster):
                newest[record.channel] = max(newest.get(record.channel, (-1, 0)), (commit.seq, record.members))
            elif isinstance(record, Membership):
                members[commit.seq, record.channel] += 1
        there = {
            row["channel"]: row["n"]
            for row in self.world.rows(
                "SELECT channel, count(*) AS n FROM members WHERE state = 'join' GROUP BY channel"
            )
        }
        assert {channel: count for channel, (_, count) in newest.items()} == there
        assert all(members[seq, channel] == count for channel, (seq, count) in newest.items())


def seeded(series: int = 0) -> random.Random:
    """Chance that can be had again: PYTEST_FAULTS=number for another one."""
    return random.Random(f"{os.environ.get('PYTEST_FAULTS', 'lane')} {series}")
