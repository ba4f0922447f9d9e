"""What a writer remembers between runs, as keyed tags: what it has seen, the last value of states, where it stopped reading.

Losing it costs time, never correctness. It is written in two phases around each commit of the archive: `prepare` before, under
the head that the commit will have, `settle` after; whoever opens it next finds out which of the two ends came true. The
tags of events (`tags.py`) go straight to their table, numbered by their `round`, so that taking one back is a single statement;
the rest waits packed in the round until it is settled.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from grouparchive.archive.schema import BUSY_SECONDS, storage
from grouparchive.crypto.primitives import KEY_SIZE, local_tag, lp, open_local, seal_local
from grouparchive.errors import Damaged
from grouparchive.model.codec import UNREADABLE

KEEP_DAYS: Final = 30
_DAY_MILLIS: Final = 86_400_000
_VERSION: Final = 3
_PAGE_SIZE: Final = 8192
_LAYOUT: Final = f"""
PRAGMA user_version = {_VERSION};
CREATE TABLE IF NOT EXISTS rounds (number INTEGER PRIMARY KEY, head BLOB NOT NULL, time INTEGER NOT NULL, waiting BLOB);
CREATE TABLE IF NOT EXISTS events (channel BLOB NOT NULL, round INTEGER NOT NULL, tags BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS events_of_channel ON events (channel, round);
CREATE TABLE IF NOT EXISTS lasting (tag BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (tag BLOB PRIMARY KEY, source BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
"""


def tag(key: bytes, *parts: str) -> bytes:
    """A keyed tag of 16 bytes. Without the key it cannot be told what it is of."""
    return local_tag(key, lp(*(part.encode("utf-8", "surrogatepass") for part in parts)))


class _Waiting(msgspec.Struct, frozen=True):
    """What a prepared round will change when its commit stands."""

    lasting: list[tuple[bytes, bytes]]
    cursors: list[tuple[bytes, bytes, bytes]]  # tag, source tag, sealed


class _SealedCursor(msgspec.Struct, frozen=True):
    group: str
    cursor: dict[str, str]


class WriterState:
    """The state file. One process at a time (the home's lock sees to that)."""

    def __init__(self, path: Path) -> None:
        with storage():
            if not _usable(path):
                for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                    path.with_name(name).unlink(missing_ok=True)
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._db.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
                # WAL without a sync per transaction: losing the newest rounds in a power cut only costs reading again.
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.execute("PRAGMA cache_size = -49152")
                self._db.executescript(_LAYOUT)
            except sqlite3.Error:
                self._db.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def empty(self) -> bool:
        """Was it never used?"""
        return self._db.execute("SELECT 1 FROM rounds LIMIT 1").fetchone() is None

    def events(self, channel_tag: bytes) -> list[bytes]:
        """The blocks of tags of a channel's events."""
        rows = self._db.execute("SELECT tags FROM events WHERE channel = ? ORDER BY round", (channel_tag,))
        return [bytes(row[0]) for row in rows]

    def value(self, lasting_tag: bytes) -> bytes | None:
        """What was last remembered under a lasting tag."""
        row = self._db.execute("SELECT value FROM lasting WHERE tag = ?", (lasting_tag,)).fetchone()
        return bytes(row[0]) if row else None

    def cursors(self, key: bytes, source: str) -> dict[str, dict[str, str]]:
        """All cursors of a source: group -> cursor.

        Raises:
            Damaged: they were changed.
        """
        named = tag(key, "source", source)
        with storage():
            rows = self._db.execute("SELECT tag, sealed FROM cursors WHERE source = ?", (named,)).fetchall()
        found = {}
        for row, sealed in rows:
            try:
                opened = msgspec.json.decode(open_local(key, bytes(sealed), bytes(row)), type=_SealedCursor)
            except UNREADABLE:
                raise Damaged("a cursor of this profile is damaged") from None
            found[opened.group] = opened.cursor
        return found

    def prepare(  # noqa: PLR0917 - one caller
        self,
        head: bytes,
        time: int,
        events: Mapping[bytes, bytes],
        lasting: dict[bytes, bytes],
        cursors: dict[str, dict[str, dict[str, str]]],
        cursor_key: bytes,
    ) -> None:
        """First phase: write down what will be true once the commit `head` stands. `events` is channel tag -> its block of
        tags; given cursors are complete.
        """
        sealed = []
        for source, groups in cursors.items():
            source_tag = tag(cursor_key, "source", source)
            for group, cursor in groups.items():
                row = tag(cursor_key, "cursor", source, group)
                data = msgspec.json.encode(_SealedCursor(group, cursor))
                sealed.append((row, source_tag, seal_local(cursor_key, data, row)))
        waiting = msgspec.msgpack.encode(_Waiting(list(lasting.items()), sealed))
        with self._change():
            number = self._db.execute(
                "INSERT INTO rounds (head, time, waiting) VALUES (?, ?, ?)", (head, time, waiting)
            ).lastrowid
            rows = [(channel, number, tags) for channel, tags in events.items()]
            self._db.executemany("INSERT INTO events (channel, round, tags) VALUES (?, ?, ?)", rows)

    def settle(self, heads: Iterable[bytes]) -> None:
        """Second phase: what was prepared under one of these heads becomes true, everything else prepared is taken back."""
        stand = set(heads)
        with self._change():
            rows = self._db.execute("SELECT number, head, waiting FROM rounds WHERE waiting IS NOT NULL").fetchall()
            for number, head, waiting in rows:
                if bytes(head) in stand:
                    self._apply(number, bytes(waiting))
                else:
                    self._db.execute("DELETE FROM events WHERE round = ?", (number,))
                    self._db.execute("DELETE FROM rounds WHERE number = ?", (number,))

    def prepared(self) -> list[bytes]:
        """The heads of commits whose fate was not yet told."""
        return [bytes(row[0]) for row in self._db.execute("SELECT head FROM rounds WHERE waiting IS NOT NULL")]

    def _apply(self, number: int, packed: bytes) -> None:
        try:
            waiting = msgspec.msgpack.decode(packed, type=_Waiting)
        except UNREADABLE:
            raise Damaged("this profile's state is damaged") from None
        self._db.executemany("INSERT OR REPLACE INTO lasting (tag, value) VALUES (?, ?)", waiting.lasting)
        self._db.executemany("INSERT OR REPLACE INTO cursors (tag, source, sealed) VALUES (?, ?, ?)", waiting.cursors)
        self._db.execute("UPDATE rounds SET waiting = NULL WHERE number = ?", (number,))

    def let_go(self, oids: Iterable[bytes]) -> None:
        """These objects are gone from the archive: the files that they held are not there any more."""
        gone = set(oids)
        with storage():
            rows = self._db.execute("SELECT tag, value FROM lasting WHERE length(value) = ?", (KEY_SIZE,))
            tags = [(named,) for named, value in rows if value in gone]
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("DELETE FROM lasting WHERE tag = ?", tags)
            self._db.execute("COMMIT")

    def expire(self, now: int) -> None:
        """Forget events seen more than 30 days ago. The newest round stays: it says that this state was used."""
        with storage():
            old = self._db.execute(
                "SELECT max(number) FROM rounds WHERE time < ? AND number < (SELECT max(number) FROM rounds)",
                (now - KEEP_DAYS * _DAY_MILLIS,),
            ).fetchone()[0]
            if old is None:
                return
        with self._change():
            self._db.execute("DELETE FROM events WHERE round <= ?", (old,))
            self._db.execute("DELETE FROM rounds WHERE number <= ?", (old,))

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """All or nothing. Raises as `storage`."""
        with storage():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise


def _usable(path: Path) -> bool:
    """Is there a state as this version lays it out? Another version's is worth no more than a lost one."""
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as db:
        return bool(db.execute("PRAGMA user_version").fetchone()[0] == _VERSION)
