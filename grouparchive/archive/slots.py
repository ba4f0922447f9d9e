"""The ways into an archive that already stands: its slot rows replaced as a whole, in one transaction. Needs no secret; what
the rows wrap was decided before.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from grouparchive.archive import chain
from grouparchive.archive.schema import begin, identity, open_database, storage
from grouparchive.crypto.slotrow import MAX_ROWS, SlotRow
from grouparchive.errors import ArchiveBusy, Damaged, UsageError


def insert_slots(db: sqlite3.Connection, rows: Iterable[SlotRow]) -> None:
    """Add rows within the caller's transaction."""
    db.executemany(
        "INSERT INTO slots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (s.slot_id, s.vault, s.epoch, s.type, s.params, s.commitment, s.nonce, s.wrapped, s.checksum)
            for s in rows
        ),
    )  # fmt: skip


def replace_slots(path: Path, archive_id: bytes, *, before: Sequence[SlotRow], after: Sequence[SlotRow]) -> None:
    """Put other slot rows in the place of all that an archive has. The old ones do not linger in the file's free pages.

    Args:
        path: the archive.
        archive_id: which one it must be.
        before: the rows as the caller saw them.
        after: the rows as they shall be; may be none, where they are kept elsewhere.

    Raises:
        ArchiveBusy: another run holds the archive, or has changed its slots meanwhile.
        Damaged: another archive lies there, or its slots cannot be read.
        UsageError: more rows than an archive can have.
        NoArchive, GroupArchiveError: as `open_database`.
    """
    if len(after) > MAX_ROWS:
        raise UsageError("an archive cannot have that many ways in", hint="Remove one: grouparchive key remove SLOT")
    opened = identity(path)
    with contextlib.closing(open_database(path, readonly=False)) as db, storage():
        db.execute("PRAGMA secure_delete = ON")
        begin(db, path, opened)
        try:
            _check(db, archive_id, before)
            db.execute("DELETE FROM slots")
            insert_slots(db, after)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _check(db: sqlite3.Connection, archive_id: bytes, before: Sequence[SlotRow]) -> None:
    if chain.read_genesis(db).archive_id != archive_id:
        raise Damaged("another archive lies in the place of the one that was opened")
    if set(chain.read_slots(db)) != set(before):
        raise ArchiveBusy("another run has changed the archive's keys meanwhile")
