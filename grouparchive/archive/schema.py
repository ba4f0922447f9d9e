"""The tables of an archive, opening such a file, and the one place where SQLite's and the disk's errors become ours."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from grouparchive.errors import ArchiveBusy, Damaged, GroupArchiveError, NoArchive

APPLICATION_ID: Final = 0x67613031  # "ga01"
USER_VERSION: Final = 1
PAGE_SIZE: Final = 16384
BUSY_SECONDS: Final = 10.0
MAX_VALUE: Final = 160 * 1024 * 1024
"""Bytes of one stored value at most; SQLite refuses more. The largest we write is the manifest of a huge commit."""

_MAGIC: Final = b"SQLite format 3\0"
_NAMES_A_FILE: Final = bytes.fromhex("d9d505f920a163d7")
"""The last bytes of a journal that names a super-journal (the SQLite file format): written for attached databases only."""
_TABLES: Final[dict[str, tuple[dict[str, type], tuple[str, ...]]]] = {
    "genesis": ({"id": int, "data": bytes}, ("id",)),
    "slots": (
        {
            "slot_id": bytes,
            "vault": str,
            "epoch": int,
            "type": str,
            "params": bytes,
            "commitment": bytes,
            "nonce": bytes,
            "wrapped": bytes,
            "checksum": bytes,
        },
        ("slot_id", "vault", "epoch"),
    ),
    "writers": ({"writer_id": bytes, "pk0": bytes, "certificate": bytes}, ("writer_id",)),
    "commits": ({"writer_id": bytes, "seq": int, "manifest": bytes, "signature": bytes}, ("writer_id", "seq")),
    "keys": ({"oid": bytes, "epoch": int, "sealed": bytes}, ("oid", "epoch")),
    "rows": ({"oid": bytes, "number": int, "data": bytes}, ("oid", "number")),
    "statements": ({"number": int, "type": str, "statement": bytes, "signature": bytes}, ("number",)),
}

_NOT_OURS = "this file is not a grouparchive archive"
_WAS_OURS = (
    "Check the path after --archive. If it was an archive once, this saves what is left of it: "
    "grouparchive verify --repair NEW-FILE"
)
_FULL = ("the disk is full; nothing that was saved before is lost", "Free some space, then run this again.")
_READ_ONLY = (
    "the place cannot be written to; nothing was changed",
    "Check that you may write to the folder and the file, then run this again.",
)
_DISK = ("the disk reports an error; nothing that was saved before is lost", "Check the disk and copy the file away.")


def create_tables(connection: sqlite3.Connection) -> None:
    """Lay out a new archive."""
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {USER_VERSION}")
    database = Database(connection)
    for name, (columns, key) in _TABLES.items():
        database.table(name).create(columns, pk=key if len(key) > 1 else key[0], not_null=set(columns))


def schema_of(connection: sqlite3.Connection | None) -> list[tuple[object, ...]]:
    """All entries of a file's schema; with None, those that an archive should have."""
    if connection is None:
        with closing(sqlite3.connect(":memory:")) as fresh:
            create_tables(fresh)
            return schema_of(fresh)
    found = connection.execute(
        "SELECT rowid, type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid LIMIT 1000"
    ).fetchall()
    # Names stand in brackets where an older sqlite-utils has made the tables.
    return [(*entry, str(sql).replace("[", '"').replace("]", '"')) for *entry, sql in found]


def open_database(path: Path, *, readonly: bool) -> sqlite3.Connection:
    """Open an archive's file.

    A reader opens it for writing too where it may, because only so can SQLite roll back what a killed run left half done;
    it cannot change anything itself.

    Raises:
        NoArchive: there is none, it is something else, or of a newer version.
        Damaged: SQLite cannot make sense of it.
        ArchiveBusy, GroupArchiveError: as `storage`.
    """
    _look(path)
    _look_at_journal(path)
    with storage():
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute("PRAGMA synchronous = EXTRA")
            if readonly:
                connection.execute("PRAGMA query_only = ON")
            _check_tables(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def identity(path: Path) -> tuple[int, int]:
    """Which file lies at a path now: device and inode.

    Raises:
        NoArchive: there is none.
    """
    try:
        found = path.stat()
    except OSError:
        raise NoArchive("there is no archive at this place") from None
    return found.st_dev, found.st_ino


def begin(connection: sqlite3.Connection, path: Path, opened: tuple[int, int]) -> None:
    """Begin to write in the file that was opened, if it still is the one at its path: a rewriting puts a new file in its
    place, and what was added to the old one after that would be lost.

    Raises:
        ArchiveBusy: somebody else holds the file for too long, or has replaced it.
        NoArchive: it is gone.
    """
    with storage():
        connection.execute("BEGIN IMMEDIATE")
    there = False
    try:
        there = identity(path) == opened
    finally:
        if not there:
            connection.execute("ROLLBACK")
    if not there:
        raise ArchiveBusy("the archive was rewritten meanwhile", hint="Nothing was lost. Run this again.")


def rewrite_path(path: Path) -> Path:
    """Where the new file is built that will take an archive's place (`rewrite.py`)."""
    return path.with_name(path.name + ".rewrite")


def sweep(path: Path) -> None:
    """Take away what a killed rewriting left beside an archive. Only for who holds the archive, as with `begin`."""
    left = rewrite_path(path)
    with storage():
        for name in (left, left.with_name(left.name + "-journal")):
            name.unlink(missing_ok=True)


def _look(path: Path) -> None:
    """The first bytes, before SQLite sees them."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        raise NoArchive("there is no archive at this place") from None
    except IsADirectoryError:
        raise NoArchive("this is a folder, not an archive") from None
    except OSError as error:
        raise NoArchive("the archive cannot be opened", hint="Check that you may read the file.") from error
    ours = int.from_bytes(head[68:72], "big") == APPLICATION_ID
    if len(head) < 100 or not (ours or head.startswith(_MAGIC)):
        raise NoArchive(_NOT_OURS, hint=_WAS_OURS)
    if not head.startswith(_MAGIC):
        raise Damaged("the archive's first bytes are damaged")
    if not ours:
        raise NoArchive(_NOT_OURS, hint=_WAS_OURS)
    if int.from_bytes(head[60:64], "big") > USER_VERSION:
        raise NoArchive(
            "the archive was made by a newer version of grouparchive",
            hint="Install the newest grouparchive, then run this again.",
        )


def _look_at_journal(path: Path) -> None:
    """The end of a journal that a killed run left. One that names a further file is not ours, and SQLite would delete that
    file, wherever it is, after rolling back: so a doctored copy could make us delete anything.
    """
    try:
        with path.with_name(path.name + "-journal").open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - len(_NAMES_A_FILE)))
            last = file.read()
    except FileNotFoundError:
        return
    except OSError as error:
        raise NoArchive(
            "the journal beside the archive cannot be read", hint="Check the rights of the folder."
        ) from error
    if last == _NAMES_A_FILE:
        raise Damaged(
            "the journal that lies beside the archive is none of ours: somebody made it",
            hint="Do not use this copy. If it is your only one, take the archive's file alone to an empty folder.",
        )


def _check_tables(connection: sqlite3.Connection) -> None:
    """Nothing but our tables: a doctored file could bring views and triggers along."""
    found = {
        (str(kind), str(name))
        for kind, name in connection.execute("SELECT type, name FROM sqlite_master LIMIT 1000")
        if not str(name).startswith("sqlite_")
    }
    if found != {("table", name) for name in _TABLES}:
        raise Damaged("the archive has not the tables it should have")
    for name, (columns, _) in _TABLES.items():
        if [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] != list(columns):
            raise Damaged("the archive has not the tables it should have")


@contextmanager
def storage() -> Iterator[None]:
    """Turn what SQLite and the disk complain about into plain errors.

    Raises:
        ArchiveBusy: somebody else holds the file.
        Damaged: the file is malformed.
        GroupArchiveError: disk full, not writable, or failing.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _from_sqlite(error) from error
    except UnicodeDecodeError as error:  # a damaged name or text, also inside SQLite's own messages
        raise Damaged("the archive's file is damaged") from error
    except OSError as error:
        found = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EFBIG: _FULL, errno.EIO: _DISK}.get(
            error.errno or 0, _READ_ONLY
        )
        raise GroupArchiveError(found[0], hint=found[1]) from error


def _from_sqlite(error: sqlite3.Error) -> GroupArchiveError:
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code = extended & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return ArchiveBusy("another run holds the archive")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH}:
        return Damaged("the archive's file is damaged")
    if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:  # no room for the index of a WAL
        return GroupArchiveError(_FULL[0], hint=_FULL[1])
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return GroupArchiveError(_READ_ONLY[0], hint=_READ_ONLY[1])
    if code == sqlite3.SQLITE_IOERR:
        return GroupArchiveError(_DISK[0], hint=_DISK[1])
    return Damaged("the archive's file is damaged")  # statements are fixed: only a wrong file makes them fail


def blob(value: object) -> bytes:
    """A stored value that must be bytes.

    Raises:
        Damaged: it is something else.
    """
    if not isinstance(value, bytes):
        raise Damaged("a stored value of the archive is of the wrong type")
    return value


def text(value: object) -> str:
    """A stored value that must be text.

    Raises:
        Damaged: it is something else.
    """
    if not isinstance(value, str):
        raise Damaged("a stored value of the archive is of the wrong type")
    return value


def number(value: object) -> int:
    """A stored value that must be a whole number from 0.

    Raises:
        Damaged: it is something else.
    """
    if not isinstance(value, int) or value < 0:
        raise Damaged("a stored value of the archive is of the wrong type")
    return value
