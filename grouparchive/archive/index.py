"""Where each event of a fold stands: an SQLite database in memory that holds places, times and digests, never texts."""

import hashlib
import sqlite3
import weakref
from collections.abc import Iterator
from typing import Final, NamedTuple

from grouparchive.model.records import Edit, Message, Reaction, Ref, Vote

Post = Message | Edit | Reaction | Vote
KIND: Final[dict[type, int]] = {Message: 0, Edit: 1, Reaction: 2, Vote: 3}
NAMES: Final = ("messages", "edits", "reactions", "votes")
_BATCH: Final = 20_000

_LAYOUT: Final = """
CREATE TABLE events (
  arrival INTEGER PRIMARY KEY, first INTEGER, kind INTEGER, channel INTEGER, key BLOB, target BLOB, time INTEGER,
  person INTEGER, rank INTEGER, segment INTEGER, line INTEGER
);
CREATE TABLE deleted (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE erased (key BLOB PRIMARY KEY) WITHOUT ROWID;
"""
# Of copies of one event the best stays, in the place of the first. Who edits somebody else's post is not heard.
_SETTLE: Final = """
CREATE INDEX by_key ON events (key, kind, rank DESC, arrival);
DELETE FROM events WHERE key IN erased AND person <= 0;
DELETE FROM events WHERE target IN erased AND NOT EXISTS (
  SELECT 1 FROM events AS post WHERE post.key = events.target AND post.kind = 0
);
CREATE TEMP TABLE copies AS SELECT key, kind, min(arrival) AS first FROM events GROUP BY key, kind HAVING count(*) > 1;
UPDATE events SET first = copies.first FROM copies WHERE copies.key = events.key AND copies.kind = events.kind;
DELETE FROM events WHERE arrival IN (
  SELECT arrival FROM (
    SELECT arrival, row_number() OVER (PARTITION BY events.key, events.kind ORDER BY rank DESC, arrival) AS place
    FROM events JOIN copies ON copies.key = events.key AND copies.kind = events.kind
  ) WHERE place > 1
);
DROP TABLE copies;
DELETE FROM events WHERE key IN deleted OR target IN deleted;
DELETE FROM events WHERE kind = 1 AND person != 0 AND EXISTS (
  SELECT 1 FROM events AS post
  WHERE post.key = events.target AND post.kind = 0 AND post.person != 0 AND post.person != events.person
);
CREATE INDEX by_time ON events (channel, time, first);
CREATE INDEX by_target ON events (target, time, first) WHERE target IS NOT NULL;
"""


class Place(NamedTuple):
    """Where a record stands: the number of its segment in the fold, its line in it."""

    segment: int
    line: int


class EventIndex:
    """Filled with `add` and `delete`, then `settle`d once, then only asked. May be asked from several threads."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        self._db.executescript(_LAYOUT)
        self._db.execute("PRAGMA temp_store = MEMORY")
        self._channels: dict[Ref, int] = {}
        self._waiting: list[tuple[object, ...]] = []
        self._arrivals = 0
        self.newest = 0

    def add(self, record: Post, place: Place, person: int) -> None:
        """An event. `person` is a number for its author, 0 where it is unknown, below 0 where only that it is one person."""
        channel = self._channels.setdefault(record.channel, len(self._channels))
        target = None if isinstance(record, Message) else _digest(record.channel, record.target)
        self._arrivals += 1
        self.newest = max(self.newest, record.time)
        self._waiting.append(
            (
                self._arrivals,
                self._arrivals,
                KIND[type(record)],
                channel,
                _digest(record.channel, record.ref),
                target,
                record.time,
                person,
                _rank(record),
                place.segment,
                place.line,
            )
        )
        if len(self._waiting) >= _BATCH:
            self._flush()

    def delete(self, channel: Ref, target: Ref) -> None:
        """An event was deleted at the platform, and what points to it goes with it."""
        self._db.execute("INSERT OR IGNORE INTO deleted VALUES (?)", (_digest(channel, target),))

    def erase(self, channel: Ref, ref: Ref) -> None:
        """An event by somebody who was erased, which is not added: copies by nobody knows whom go, and what points to it. What
        somebody else is known to have written under that ref stays: who has stolen a writer could name any ref.
        """
        self._db.execute("INSERT OR IGNORE INTO erased VALUES (?)", (_digest(channel, ref),))

    def close(self) -> None:
        """Let go of the memory."""
        self._db.close()

    def settle(self) -> None:
        """Everything is there."""
        self._flush()
        self._db.executescript(_SETTLE)

    def timeline(self, channel: Ref, *, only: type[Post] | None = None) -> Iterator[Place]:
        """Places of a channel's events (of one type) by time, then by arrival."""
        kind = "" if only is None else f"AND kind = {KIND[only]}"
        yield from self._places(
            f"SELECT segment, line FROM events WHERE channel = ? {kind} ORDER BY time, first",  # noqa: S608 - our number
            (self._channels.get(channel, -1),),
        )

    def about(self, channel: Ref, target: Ref) -> Iterator[Place]:
        """Places of the edits, reactions and votes of a message, in order."""
        yield from self._places(
            "SELECT segment, line FROM events WHERE target = ? ORDER BY time, first", (_digest(channel, target),)
        )

    def find(self, channel: Ref, ref: Ref) -> Place | None:
        """Where a message stands."""
        return next(
            self._places(
                "SELECT segment, line FROM events WHERE key = ? AND kind = 0 LIMIT 1", (_digest(channel, ref),)
            ),
            None,
        )

    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        found = dict(self._db.execute("SELECT kind, count(*) FROM events GROUP BY kind").fetchall())
        return {name: found.get(kind, 0) for kind, name in enumerate(NAMES)}

    def count(self, channel: Ref) -> int:
        """Messages in a channel."""
        row = self._db.execute(
            "SELECT count(*) FROM events WHERE channel = ? AND kind = 0", (self._channels.get(channel, -1),)
        ).fetchone()
        return int(row[0])

    def _places(self, query: str, values: tuple[object, ...]) -> Iterator[Place]:
        for segment, line in self._db.execute(query, values):
            yield Place(segment, line)

    def _flush(self) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self._waiting)
        self._db.execute("COMMIT")
        self._waiting.clear()


def _digest(channel: Ref, ref: Ref) -> bytes:
    data = f"{channel}\0{ref}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()


def _rank(record: Post) -> int:
    """Of two copies the higher version counts; what a deletion left over gives way to the real thing."""
    if not isinstance(record, Message):
        return 0
    bare = record.type == "text" and not (record.text or record.html or record.media or record.poll or record.data)
    return record.version * 2 + (not bare)
