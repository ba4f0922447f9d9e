"""Putting a rewritten file in an archive's place, by its owner: the only way in which anything of an archive ever goes.

The new file is built beside the old one, which nobody can write to meanwhile: what stays is copied as it is, what goes is not
copied, what changes is sealed anew under keys of its own, and signed statements say so. It takes the old one's name when it
stands on the disk and every byte of it was verified; until then the old one is untouched, however the process ends. The next
run of a writer or of the owner takes a half-built file away.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from grouparchive.archive.attended import OwnerSession, owner_seed, read_attended
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.schema import (
    MAX_VALUE,
    begin,
    create_tables,
    identity,
    open_database,
    rewrite_path,
    storage,
    sweep,
)
from grouparchive.archive.slots import insert_slots
from grouparchive.archive.statements import EpochKeys
from grouparchive.archive.verify import Progress, verify
from grouparchive.archive.writer import clock, obey
from grouparchive.crypto.signing import ManifestEntry
from grouparchive.crypto.slots import SlotRow
from grouparchive.crypto.statements import Change, StatementType, encode_changes
from grouparchive.crypto.vaults import KeyRing
from grouparchive.durable import sync_folder
from grouparchive.errors import ArchiveBusy, Damaged, GroupArchiveError, UsageError
from grouparchive.model.records import Vault

Rekey = Callable[[ManifestEntry], tuple[int, bytes]]
"""rekey(object) -> the epoch and the sealed key that it gets."""

_SPARE: Final = 4 * 1024 * 1024
_AS_THEY_ARE: Final = ("genesis", "writers", "commits", "statements")


class Rewriting:
    """A new file under way. `reader` reads the old one, as it stands while nobody else can write to it.

    `changes`: oid -> what will stand in its place, None for nothing.
    """

    def __init__(self, reader: Reader, db: sqlite3.Connection, part: Path, now: Callable[[], int]) -> None:
        self.reader = reader
        self.changes: dict[bytes, ManifestEntry | None] = {}
        self.finished = False
        self._db = db
        self._part = part
        self._added: list[ManifestEntry] = []
        with storage():
            for table in _AS_THEY_ARE:
                _copy(reader.archive.db, db, table)
        archive = reader.archive
        self._session = OwnerSession(db, archive.genesis, archive.statements, owner_seed(reader), now)

    def store(self, vault: Vault, kind: str, payload: bytes, keys: EpochKeys | None = None) -> ManifestEntry:
        """A new object, for a statement to name; sealed to the newest keys, or to those that will be."""
        entry = self._session.store(vault, kind, payload, keys)
        self._added.append(entry)
        return entry

    def replace(self, entry: ManifestEntry, payload: bytes) -> None:
        """Let another object of the same kind, with this payload, stand in the place of an object."""
        vault: Vault = "roster" if entry.vault == "roster" else "content"
        self.changes[entry.oid] = self.store(vault, entry.kind, payload)

    def remove(self, entry: ManifestEntry) -> None:
        """Let nothing stand in an object's place."""
        self.changes[entry.oid] = None

    def state(self, kind: StatementType, body: bytes) -> None:
        """Sign a statement."""
        self._session.state(kind, body)

    def finish(
        self,
        *,
        slots: Sequence[SlotRow] | None = None,
        rekey: Rekey | None = None,
        keys: Mapping[str, KeyRing] | None = None,
        check: Callable[[Archive], object] | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Copy what stays, state what changed, verify the new file, and put it in the old one's place.

        Args:
            slots: other ways in; those of the old file by default.
            rekey: gives each object that stays another sealed key.
            keys: what opens the new file, where other keys do.
            check: a last look at the new file; what it raises keeps the old one in place.
            progress: in objects, once for copying, once for verifying.

        Raises:
            Damaged: what was written does not verify, or an object of the old file is damaged.
            GroupArchiveError: the disk is full, or cannot be written to.
        """
        if self.changes:
            self.state("rewrite", encode_changes(Change(oid, entry) for oid, entry in self.changes.items()))
        self._copy_slots(slots)
        self._copy_objects(rekey, progress)
        with storage():
            self._db.execute("COMMIT")
            self._db.close()
            _sync(self._part)
        self._verify(keys, check, progress)
        self.finished = True

    def _copy_slots(self, slots: Sequence[SlotRow] | None) -> None:
        with storage():
            if slots is None:
                _copy(self.reader.archive.db, self._db, "slots")
                return
            insert_slots(self._db, slots)

    def _copy_objects(self, rekey: Rekey | None, progress: Progress | None) -> None:
        """Rows and keys of all objects that something names. Those of nobody, or of a revoked machine, mean nothing and go."""
        archive = self.reader.archive
        entries = [entry for commit in archive.commits for entry in commit.objects] + archive.statements.objects()
        stay = {entry.oid: entry for entry in entries if entry.oid not in self.changes}
        old = archive.db

        def rows() -> Iterator[tuple[object, ...]]:
            done = 0
            for row in old.execute("SELECT oid, number, data FROM rows ORDER BY rowid"):
                if row[0] in stay:
                    yield row
                    done += row[1] == 0
                    if progress:
                        progress(done, len(stay))

        with storage():
            self._db.executemany("INSERT INTO rows (oid, number, data) VALUES (?, ?, ?)", rows())
            into = "INSERT INTO keys (oid, epoch, sealed) VALUES (?, ?, ?)"
            if rekey:
                self._db.executemany(into, ((oid, *rekey(entry)) for oid, entry in stay.items()))
            else:
                found = old.execute("SELECT oid, epoch, sealed FROM keys ORDER BY rowid")
                self._db.executemany(into, (row for row in found if row[0] in stay))

    def _verify(
        self,
        keys: Mapping[str, KeyRing] | None,
        check: Callable[[Archive], object] | None,
        progress: Progress | None,
    ) -> None:
        old = self.reader.archive
        report = verify(self._part, pinned=old.archive_id, progress=progress)
        heads = {commit.writer: commit.head.hex() for commit in old.commits}
        if not report.ok or report.commits != len(old.commits) or report.heads != heads:
            raise _not_sound()
        with Archive.open(self._part) as archive:
            reader = Reader(archive, dict(keys)) if keys else self.reader.over(archive)
            owner_seed(reader)
            for entry in self._added:
                for _ in reader.pieces(entry):
                    pass
            list(read_attended(reader)) if "roster" in reader.vaults else None
            if reader.damage:
                raise _not_sound()
            if check:
                check(archive)


@contextlib.contextmanager
def rewriting(reader: Reader, *, home: WriterHome | None = None, now: Callable[[], int] = clock) -> Iterator[Rewriting]:
    """Hold an archive and build its new file. After `finish` it takes the old one's place; without it nothing changes. Whatever
    had the archive open has the old file from then on: open it again.

    Args:
        reader: the archive, unlocked by its owner.
        home: the writer of this machine's profile, if it writes to this archive.
        now: the clock, in milliseconds.

    Raises:
        ArchiveBusy: another run holds the archive or the profile.
        Damaged: the archive is not whole.
        WrongSecret: the content is not open.
        UsageError: the path is a symbolic link.
        GroupArchiveError: there is no room for a second file, or the folder cannot be written to.
    """
    path = reader.archive.path
    if path.is_symlink():
        raise UsageError(
            "the archive's path is only a link to it, and rewriting would replace the link",
            hint="Name the file itself with --archive FILE.",
        )
    with contextlib.ExitStack() as stack:
        if home:
            stack.enter_context(home.lock())
        opened = identity(path)
        old = open_database(path, readonly=False)
        stack.callback(old.close)
        begin(old, path, opened)
        current = _again(reader, Archive(path, old))
        sweep(path)
        _room(path)
        part = rewrite_path(path)
        stack.callback(sweep, path)
        db = _new_file(part)
        stack.callback(db.close)
        work = Rewriting(current, db, part, now)
        yield work
        if not work.finished:
            return
        if identity(path) != opened:
            raise ArchiveBusy("another file took the archive's place meanwhile")
        with storage():
            part.replace(path)
            sync_folder(path.absolute().parent)
        if home:
            # The new file stands. What fails here, a full disk for instance, the writer's next run does.
            with contextlib.suppress(GroupArchiveError), contextlib.closing(home.state()) as state:
                obey(work._session.statements, home, state)  # noqa: SLF001 - one module


def _again(reader: Reader, archive: Archive) -> Reader:
    """The reader's keys over the archive as it is now that it is held."""
    if archive.archive_id != reader.archive_id:
        raise Damaged("another archive lies in the place of this one now")
    current = reader.over(archive)
    newest = archive.statements.keys[-1].epoch
    if any(current.key(vault).epoch != newest for vault in ("content", "roster") if vault in current.vaults):
        raise ArchiveBusy("the archive's keys were changed meanwhile", hint="Run this again with the new secret.")
    if current.damage:
        raise Damaged(
            f"the archive is damaged: {current.damage[0]}; a damaged one is not rewritten",
            hint="Put a sound copy in its place first, or make one: grouparchive verify --repair NEW-FILE",
        )
    return current


def _room(path: Path) -> None:
    with storage():
        needed, free = path.stat().st_size + _SPARE, shutil.disk_usage(path.absolute().parent).free
    if free < needed:
        raise GroupArchiveError(
            f"there is no room for the new file beside the old one: {needed // 1_000_000 + 1:,} MB are needed",
            hint="Free some space, or move the archive to a larger disk. Nothing was changed.",
        )


def _new_file(part: Path) -> sqlite3.Connection:
    with storage():
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(part, isolation_level=None, check_same_thread=False)
        try:
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
            create_tables(db)
            # Until it is whole it is worth nothing: it needs no journal, and one sync at its end.
            db.execute("PRAGMA journal_mode = OFF")
            db.execute("PRAGMA synchronous = OFF")
            db.execute("BEGIN")
        except BaseException:
            db.close()
            raise
    return db


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    columns = len(old.execute(f"PRAGMA table_info({table})").fetchall())
    new.executemany(
        f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})",  # noqa: S608 - our own names
        old.execute(f"SELECT * FROM {table} ORDER BY rowid"),  # noqa: S608 - our own names
    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _not_sound() -> Damaged:
    return Damaged(
        "what was written is not what should stand there; the archive was left as it is",
        hint="Check this computer's memory and disk with another program, and keep a copy of the archive elsewhere.",
    )
