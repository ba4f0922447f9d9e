"""Stored objects by their names: their rows as they are, and the sealed keys that belong to them. Knows no commit."""

import sqlite3
import threading
from collections.abc import Iterator
from typing import Final

from grouparchive.archive.schema import blob, number, storage
from grouparchive.crypto.signing import ManifestEntry
from grouparchive.crypto.vaults import KeyRing
from grouparchive.errors import Damaged

_NAMES: Final = {"segment": "posts", "roster": "people", "blob": "file", "record": "its own note"}


def object_name(entry: ManifestEntry) -> str:
    """How messages speak of an object: what it is, and the first 8 hex digits of its oid. Whose it is nobody knows here."""
    return f"{_NAMES.get(entry.kind, 'object')} {entry.oid.hex()[:8]}"


def row_sizes(db: sqlite3.Connection, oid: bytes, lock: threading.Lock) -> list[tuple[int, int]]:
    """(rowid, bytes) of an object's rows in order."""
    with lock, storage():
        found = db.execute("SELECT rowid, length(data) FROM rows WHERE oid = ? ORDER BY number", (oid,)).fetchall()
    return [(number(rowid), number(size)) for rowid, size in found]


def read_rows(db: sqlite3.Connection, oid: bytes, lock: threading.Lock) -> Iterator[bytes]:
    """An object's rows in order, one at a time in memory.

    Raises:
        Damaged: SQLite cannot read them, or one is no bytes.
    """
    for rowid, _ in row_sizes(db, oid, lock):
        with lock, storage():
            row = db.execute("SELECT data FROM rows WHERE rowid = ?", (rowid,)).fetchone()
        if row is None:
            raise Damaged("a row of a stored object is missing")
        yield blob(row[0])


def sealed_keys(db: sqlite3.Connection, oid: bytes) -> list[tuple[int, bytes]]:
    """An object's sealed keys as (epoch, sealed); none where SQLite cannot read them."""
    try:
        with storage():
            rows = db.execute("SELECT epoch, sealed FROM keys WHERE oid = ? LIMIT 64", (oid,)).fetchall()
        return [(number(epoch), blob(sealed)) for epoch, sealed in rows]
    except Damaged:
        return []


def object_key(
    db: sqlite3.Connection, archive_id: bytes, entry: ManifestEntry, keys: KeyRing, lock: threading.Lock
) -> bytes:
    """The key of an object, opened with the newest of the vault's keys that it is sealed to.

    Raises:
        Damaged: it is missing, or does not open.
    """
    with lock, storage():
        rows = db.execute(
            "SELECT epoch, sealed FROM keys WHERE oid = ? ORDER BY epoch DESC LIMIT 64", (entry.oid,)
        ).fetchall()
    if not rows:
        raise Damaged("the key of a stored object is missing")
    usable = [row for row in rows if row[0] in keys] or rows
    epoch, sealed = usable[0]
    return keys.open_key(blob(sealed), archive_id=archive_id, vault=entry.vault, epoch=number(epoch), oid=entry.oid)
