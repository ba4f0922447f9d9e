"""The tables' rows as values: genesis, slots, writers, commits. Reads, bounds, checks signatures; opens nothing."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from grouparchive.archive.schema import blob, number, storage, text
from grouparchive.crypto.signing import Genesis, Manifest, ManifestEntry, verify_commit, verify_writer
from grouparchive.crypto.slots import MAX_ROWS, SlotRow
from grouparchive.errors import Damaged, UsageError
from grouparchive.model.records import LAST_MILLI

MAX_WRITERS = 256
CLOCK_SLACK = 120_000
"""Milliseconds that a clock may go back when it is set right."""
CLOCK_AHEAD = 86_400_000
"""Milliseconds that a writer's clock may be ahead of the reader's."""
QUOTA = 2000
"""Commits of one writer within a day by its own clock. A run commits every few minutes, or every 64 MiB."""
_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """One commit: who wrote it (hex), its number, the writer's clock in milliseconds, what it holds.

    `latest` is the latest time that the chain told up to here. A clock that goes back is not believed: who has stolen a writer
    could put commits before the attack.
    """

    writer: str
    seq: int
    time: int
    objects: tuple[ManifestEntry, ...] = field(repr=False)
    head: bytes
    latest: int = 0
    suspect: bool = False  # not proved to be the writer's, or its clock says that something is wrong, here or earlier
    proved: bool = True  # signed by the writer, with all before it

    @property
    def believed(self) -> int:
        """When it was made, at the earliest."""
        return max(self.time, self.latest)

    def order(self) -> tuple[int, str, int, bytes]:
        """What sorts commits of several writers, in any copy the same."""
        return self.believed, self.writer, self.seq, self.head

    def __str__(self) -> str:
        """How messages speak of it."""
        return f"commit {self.seq}"


class Clocks:
    """Follows the clock of one writer along its chain. A clock that goes back, or is ahead by more than a day, makes its commit
    suspect, and all that follow: who has stolen a writer can tell any time. So does a flood of commits, which a thief could
    only avoid by telling times that have not come.
    """

    def __init__(self, now: int) -> None:
        self._now = now
        self._latest = 0
        self._suspect = False
        self._day = 0
        self._count = 0

    def told(self, commit: CommitInfo) -> CommitInfo:
        """The next commit of the chain, with the latest time so far and whether it is suspect."""
        back = commit.time < self._latest - CLOCK_SLACK
        self._latest = max(self._latest, commit.time)
        if self._latest - self._day >= _DAY:
            self._day, self._count = self._latest, 0
        self._count += 1
        ahead = commit.time > self._now + CLOCK_AHEAD
        self._suspect = self._suspect or back or ahead or self._count > QUOTA
        return replace(commit, latest=self._latest, suspect=commit.suspect or self._suspect)


@dataclass(frozen=True, slots=True)
class Writer:
    """A machine that appends."""

    writer_id: bytes
    pk0: bytes
    certificate: bytes


def read_genesis(db: sqlite3.Connection) -> Genesis:
    """The archive's birth.

    Raises:
        Damaged: it is gone or malformed.
    """
    with storage():
        rows = db.execute("SELECT data FROM genesis LIMIT 2").fetchall()
    if len(rows) != 1:
        raise Damaged("the archive's first page, its genesis, is malformed")
    return Genesis.decode(blob(rows[0][0]))


def read_slots(db: sqlite3.Connection) -> list[SlotRow]:
    """The ways in, not checked.

    Raises:
        Damaged: there are too many, or their values are of the wrong type.
    """
    with storage():
        rows = db.execute(
            "SELECT slot_id, vault, epoch, type, params, commitment, nonce, wrapped, checksum FROM slots "
            "ORDER BY slot_id, vault, epoch LIMIT ?",
            (MAX_ROWS + 1,),
        ).fetchall()
    if len(rows) > MAX_ROWS:
        raise Damaged("the archive claims more key slots than one can have")
    return [
        SlotRow(blob(r[0]), text(r[1]), number(r[2]), text(r[3]), *(blob(value) for value in r[4:]))
        for r in rows
    ]  # fmt: skip


def read_writers(db: sqlite3.Connection) -> list[Writer]:
    """The machines, not checked.

    Raises:
        Damaged: there are too many, or their values are of the wrong type.
    """
    with storage():
        rows = db.execute("SELECT writer_id, pk0, certificate FROM writers LIMIT ?", (MAX_WRITERS + 1,)).fetchall()
    if len(rows) > MAX_WRITERS:
        raise Damaged("the archive claims more writers than one can have")
    return [Writer(*map(blob, row)) for row in rows]


def is_certified(genesis: Genesis, writer: Writer) -> bool:
    """Did the owner let this writer in?"""
    return verify_writer(genesis.owner_pk, genesis.archive_id, writer.writer_id, writer.pk0, writer.certificate)


def put_writer(db: sqlite3.Connection, writer: Writer) -> None:
    """Add a writer's row, or put its certificate there, inside the caller's transaction.

    Raises:
        UsageError: a writer of that id has another key, or the archive has as many writers as it can.
    """
    known = {one.writer_id: one for one in read_writers(db)}
    there = known.get(writer.writer_id)
    if there is not None and there.pk0 != writer.pk0:
        raise UsageError("the archive knows another machine by this id", hint="Make the new machine's writer anew.")
    if there is None and len(known) == MAX_WRITERS:
        raise UsageError("the archive has as many machines as it can", hint="Start another archive for the group.")
    with storage():
        db.execute(
            "INSERT INTO writers (writer_id, pk0, certificate) VALUES (?, ?, ?) "
            "ON CONFLICT (writer_id) DO UPDATE SET certificate = excluded.certificate",
            (writer.writer_id, writer.pk0, writer.certificate),
        )


def strangers(db: sqlite3.Connection, writers: list[Writer]) -> list[str]:
    """Sentences about commits by writers that the archive does not list: one of the two was tampered with."""
    known = {one.writer_id for one in writers}
    with storage():
        found = db.execute("SELECT DISTINCT writer_id FROM commits LIMIT ?", (MAX_WRITERS + 1,)).fetchall()
    return [
        f"writer {blob(row[0]).hex()[:8]}: not listed, but has commits" for row in found if blob(row[0]) not in known
    ]


def newest(db: sqlite3.Connection, writer_id: bytes) -> Manifest | None:
    """A writer's last commit, not verified, None before its first."""
    with storage():
        row = db.execute(
            "SELECT manifest FROM commits WHERE writer_id = ? ORDER BY seq DESC LIMIT 1", (writer_id,)
        ).fetchone()
    return Manifest.decode(blob(row[0])) if row else None


def read_chain(db: sqlite3.Connection, genesis: Genesis, writer: Writer) -> Iterator[CommitInfo | str]:
    """A writer's commits in order; a damaged one as a sentence about it.

    What follows a damaged commit is still given, as suspect: nothing proves that this writer made it, and anybody can seal to
    an archive. The same for a writer whose certificate is damaged.
    """
    archive_id = genesis.archive_id
    name = writer.writer_id.hex()
    key: bytes | None = writer.pk0
    prev: bytes | None = archive_id
    if not is_certified(genesis, writer):
        yield f"writer {name[:8]}: not certified by the owner"
        key = None
    proved = key is not None
    expected = 0
    with storage():
        rows = db.execute(
            "SELECT seq, manifest, signature FROM commits WHERE writer_id = ? ORDER BY seq", (writer.writer_id,)
        )
    while True:
        with storage():
            row = rows.fetchone()
        if row is None:
            return
        seq = number(row[0])
        if seq != expected:
            yield f"commit {expected}: missing"
            key = prev = None
            proved = False
        expected = seq + 1
        try:
            manifest = Manifest.decode(blob(row[1]))
            signature = blob(row[2])
        except Damaged as error:
            yield f"commit {seq}: {error.message}"
            key = prev = None
            proved = False
            continue
        named = (manifest.archive_id, manifest.writer_id, manifest.seq)
        sound = named == (archive_id, writer.writer_id, seq) and manifest.time <= LAST_MILLI
        if not sound or (key is not None and not verify_commit(key, blob(row[1]), signature)):
            yield f"commit {seq}: its signature does not fit"
            key = prev = None
            proved = False
            continue
        if prev is not None and manifest.prev != prev:
            yield f"commit {seq}: does not follow the commit before it"
            proved = False
        key, prev = manifest.next_pk, manifest.head()
        yield CommitInfo(name, seq, manifest.time, manifest.entries, prev, suspect=not proved, proved=proved)
