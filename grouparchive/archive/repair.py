"""A new file out of damaged copies of an archive: everything that is sound in any of them, and nothing else.

Needs no secret, and touches none of the copies. The new file is built beside its final name, takes that name when it is whole
on the disk, and is then verified like any other archive.
"""

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grouparchive.archive.create import under_way
from grouparchive.archive.objects import object_name
from grouparchive.archive.reader import Archive
from grouparchive.archive.salvage import Salvage
from grouparchive.archive.schema import create_tables, open_database, storage
from grouparchive.archive.statements import insert_statement
from grouparchive.archive.verify import Progress, VerifyReport, all_objects, verify
from grouparchive.crypto.signing import Genesis, ManifestEntry
from grouparchive.errors import ArchiveBusy, Damaged, GroupArchiveError, UsageError

_BATCH: Final = 256


@dataclass(frozen=True, slots=True)
class RepairReport:
    """How it went. `report` is of the new file; `lost` says in sentences what is sound in no copy. `doubtful` counts objects
    whose sealed keys differ between the copies: only `verify --deep` can tell whether the right ones were taken.
    """

    report: VerifyReport
    lost: list[str]
    doubtful: int


def repair(
    copies: Sequence[Path], out: Path, *, pinned: bytes | None = None, progress: Progress | None = None
) -> RepairReport:
    """Write what is sound in any of the copies to a new file. The copies stay as they are; only what a killed run left half
    done is rolled back first, as before any reading.

    Args:
        copies: files of one archive, whatever is left of them; where they differ, those named first are preferred.
        out: the new file, mode 0600.
        pinned: the archive's id as the profile remembers it, if it is that archive.
        progress: counts pages first, then objects twice.

    Raises:
        UsageError: there is something at `out`, or the copies are of different archives.
        ArchiveBusy: another run is writing to a copy.
        NoArchive: a copy is not there, or there is nothing of an archive in them.
        Damaged: not even the archive's genesis or a single commit is left.
        GroupArchiveError: the disk is full or cannot be written to.
    """
    if out.exists() or out.is_symlink():
        raise UsageError("a file of that name is there already, and is never overwritten", hint="Name another.")
    with contextlib.ExitStack() as held:
        databases = [held.enter_context(_at_rest(path)) for path in copies]
        found = held.enter_context(Salvage(copies, [db for db in databases if db is not None]))
        found.scan(progress)
        genesis = found.genesis(pinned)
        with under_way(out) as part:
            with storage(), contextlib.closing(sqlite3.connect(part, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = OFF")  # the file counts for nothing before it has its name
                create_tables(db)
                _lists(db, genesis, found)
                with Archive.open(part) as archive:
                    doubtful = _objects(db, archive, found, progress)
            with storage():
                _sync(part)
        lost = list(found.lost)
        if not lost and (nameless := found.nameless()):
            lost.append(f"{nameless} stored objects: the commits that name them are lost")
    report = verify(out, pinned=genesis.archive_id, progress=progress)
    told = {sentence.partition(":")[0] for sentence in lost}
    lost += [problem for problem in report.problems if problem.partition(":")[0] not in told]
    return RepairReport(report, lost, doubtful)


@contextlib.contextmanager
def _at_rest(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A copy as SQLite reads it, None if it cannot. What a killed run left is rolled back, and no other run changes it."""
    with contextlib.ExitStack() as held:
        db: sqlite3.Connection | None = None
        try:
            db = held.enter_context(contextlib.closing(open_database(path, readonly=True)))
            with storage():
                db.execute("BEGIN")
                db.execute("SELECT count(*) FROM genesis").fetchone()
        except ArchiveBusy:
            raise
        except GroupArchiveError:
            held.close()  # what it is worth is found out page by page
            db = None
        yield db


def _lists(db: sqlite3.Connection, genesis: Genesis, found: Salvage) -> None:
    """Everything but the objects."""
    db.execute("BEGIN")
    db.execute("INSERT INTO genesis (id, data) VALUES (1, ?)", (genesis.encode(),))
    db.executemany(
        "INSERT INTO slots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (s.slot_id, s.vault, s.epoch, s.type, s.params, s.commitment, s.nonce, s.wrapped, s.checksum)
            for s in found.slots(genesis.archive_id)
        ),
    )
    for writer, certified in found.writers(genesis):
        count = 0
        for commit in found.commits(genesis, writer, certified=certified):
            count += 1
            db.execute(
                "INSERT INTO commits (writer_id, seq, manifest, signature) VALUES (?, ?, ?, ?)",
                (writer.writer_id, commit.manifest.seq, commit.encoded, commit.signature),
            )
            found.name(entry.oid for entry in commit.manifest.entries)
        if certified or count:
            db.execute("INSERT INTO writers VALUES (?, ?, ?)", (writer.writer_id, writer.pk0, writer.certificate))
    for signed in found.statements(genesis):
        insert_statement(db, signed)
    db.execute("COMMIT")


def _objects(db: sqlite3.Connection, archive: Archive, found: Salvage, progress: Progress | None) -> int:
    """All objects that count, as the owner's statements left them. How many have doubtful keys."""
    changes = archive.statements.changes
    found.name([*changes, *(entry.oid for entry in changes.values() if entry)])
    found.name(entry.oid for entry in archive.statements.objects())
    wanted = all_objects(archive)
    doubtful = 0
    db.execute("BEGIN")
    for count, (whose, entry) in enumerate(wanted, 1):
        if count % _BATCH == 0:
            db.execute("COMMIT")
            db.execute("BEGIN")
        keys, doubt = found.keys(entry.oid)
        if not keys:
            found.lost.append(f"{whose}: {object_name(entry)}: its key is damaged in every copy")
        elif not _object(db, entry, found):
            found.lost.append(f"{whose}: {object_name(entry)}: damaged in every copy")
        else:
            db.executemany(
                "INSERT OR IGNORE INTO keys (oid, epoch, sealed) VALUES (?, ?, ?)",
                ((entry.oid, epoch, sealed) for epoch, sealed in keys),
            )
            doubtful += doubt
        if progress:
            progress(count, len(wanted))
    db.execute("COMMIT")
    return doubtful


def _object(db: sqlite3.Connection, entry: ManifestEntry, found: Salvage) -> bool:
    """Write the rows of an object that have its digest; False when there are none."""
    if db.execute("SELECT 1 FROM rows WHERE oid = ? LIMIT 1", (entry.oid,)).fetchone():
        return True
    for rows in found.attempts(entry.oid):
        db.execute("SAVEPOINT object")
        try:
            fits = _insert(db, entry, rows)
        except Damaged:
            fits = False
        if not fits:
            db.execute("ROLLBACK TO object")
        db.execute("RELEASE object")
        if fits:
            return True
    return False


def _insert(db: sqlite3.Connection, entry: ManifestEntry, rows: Iterable[bytes]) -> bool:
    whole = hashlib.sha256()
    for number, row in enumerate(rows):
        whole.update(row)
        db.execute("INSERT INTO rows (oid, number, data) VALUES (?, ?, ?)", (entry.oid, number, row))
    return whole.digest() == entry.digest


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
