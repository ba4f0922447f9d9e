"""What one or several damaged copies of an archive still hold that is sound. Needs no secret and writes nothing.

The copies are read page by page (`pages.py`), so it does not matter whether SQLite can still open them; where it can, it is
asked as well, for its indexes know names that may be damaged where they stand. Everything is checked before it is given out:
commits, writers and statements by their signatures, slots by their checksum. Objects are checked by who takes them
(`repair.py`), for only the commits tell their digests. Where rows lie is kept in a temporary database, which SQLite removes by
itself and in which nothing stands but ids and places.
"""

import contextlib
import hashlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

from grouparchive.archive.chain import MAX_WRITERS, Writer, is_certified
from grouparchive.archive.mend import mended_genesis, mended_slot, mended_writer
from grouparchive.archive.objects import read_rows, sealed_keys
from grouparchive.archive.pages import Cell, Pages, Place, Value
from grouparchive.archive.schema import blob, number, storage, text
from grouparchive.archive.statements import MAX_STATEMENTS, Signed, checked
from grouparchive.crypto.signing import Genesis, Manifest, verify_commit
from grouparchive.crypto.slots import MAX_ROWS, SlotRow, is_sound
from grouparchive.errors import Damaged, GroupArchiveError, NoArchive, UsageError
from grouparchive.model.records import LAST_MILLI

Where: TypeAlias = tuple[int, Place]
"""A row: the number of the copy, and where it stands there."""

_MAX_SAME: Final = 16
"""Rows of one name that are looked at: a hostile file may hold any number."""
_MAX_ROWS: Final = 100_000
_MAX_MIXTURES: Final = 64
_MAX_MENDED: Final = 8
_MAX_PLACES: Final = 4096
_WRITER_SIZE: Final = 32 + 64
"""Bytes of a writer's public key and certificate."""
_SAMPLE: Final = 64
_LOST_GENESIS: Final = "the archive's genesis, which holds its public keys, is damaged in every copy"


@dataclass(frozen=True, slots=True)
class SoundCommit:
    """A commit as it is stored, and what it says."""

    manifest: Manifest
    encoded: bytes
    signature: bytes


class Salvage:
    """Copies of one archive, the ones named first preferred; `databases` are those of them that SQLite can open. Use it in a
    `with` statement, and `scan` first. `lost` says in sentences what was asked for and is sound in no copy.
    """

    def __init__(self, paths: Sequence[Path], databases: Sequence[sqlite3.Connection] = ()) -> None:
        self.lost: list[str] = []
        self._databases = databases
        self._open = ExitStack()
        try:
            self._copies = [self._open.enter_context(Pages(path)) for path in paths]
            with storage():
                self._db = sqlite3.connect("", isolation_level=None)
                self._open.callback(self._db.close)
                self._db.execute("CREATE TABLE cells (kind, name, number, stale, copy, page, at)")
                self._db.execute("CREATE TABLE named (name PRIMARY KEY) WITHOUT ROWID")
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def scan(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Find all rows of all copies. `progress` counts pages, for each copy anew."""
        with storage():
            self._db.execute("BEGIN")
            for copy, pages in enumerate(self._copies):
                self._db.executemany(
                    "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        (one.table, *name, stale, copy, *one.place)
                        for one in pages.cells(progress)
                        for name, stale in _names(one, pages)
                    ),
                )
            self._db.execute("CREATE INDEX by_name ON cells (kind, name, number, copy, stale)")
            self._db.execute("COMMIT")

    # --- what the archive is -------------------------------------------------------------------------------------

    def genesis(self, pinned: bytes | None = None) -> Genesis:
        """The genesis that the commits belong to. One wrong byte in it is found by trying: without it, nothing can be read.

        Args:
            pinned: the archive's id as the profile remembers it, if it is that archive.

        Raises:
            NoArchive: no copy holds anything like an archive.
            Damaged: no copy holds it whole, or it is not the pinned one.
            UsageError: the copies are of different archives.
        """
        births = list(dict.fromkeys(birth for pages in self._copies for birth in pages.births))
        known = {one.archive_id: one for one in map(_genesis, births) if one is not None}
        told = [self._told(copy) for copy in range(len(self._copies))]
        claims = [known.keys() & ids.keys() for ids in told]
        if not any(told):
            if known:
                raise Damaged("no commit is left that could be saved", hint="Fetch another copy of the archive.")
            raise NoArchive("nothing of a grouparchive archive was found in there")
        most = sum(told, Counter()).most_common()
        wanted = pinned or next((one for one, _ in most if one in known), most[0][0])
        foreign = [ids for ids in claims if ids and wanted not in ids]
        if foreign and pinned is not None and not any(wanted in ids for ids in claims):
            raise Damaged(
                "this is not the archive that this profile was made for: its keys are others",
                hint="Somebody may have swapped the file. Name a copy of your own archive.",
            )
        if foreign:
            raise UsageError("the files named are copies of different archives", hint="Name copies of one archive.")
        if wanted in known:
            return known[wanted]
        found = mended_genesis(births, wanted)
        if found is None:
            raise Damaged(_LOST_GENESIS, hint="Name another copy of the archive as well, with one more --archive FILE.")
        return found

    def _told(self, copy: int) -> Counter[bytes]:
        """The ids of the archives that a copy's commits say they are of."""
        found = map(_manifest, self._rows("kind = 'commits' AND copy = ?", copy, limit=_SAMPLE))
        return Counter(manifest.archive_id for manifest in found if manifest is not None)

    def slots(self, archive_id: bytes) -> list[SlotRow]:
        """The ways in: those of the first copy in which all are whole, for older ones may know ways that were closed since.
        Where no copy has all of them, those of all copies.
        """
        sound: dict[tuple[bytes, str, int], SlotRow] = {}
        broken: list[SlotRow] = []
        unreadable = 0
        for copy, pages in enumerate(self._copies):
            rows = self._slots("kind = 'slots' AND stale = 0 AND copy = ?", copy)
            wrong = [row for row in rows if not is_sound(row, archive_id)]
            for row in rows:
                if row not in wrong:
                    sound.setdefault((row.slot_id, row.vault, row.epoch), row)
            if rows and not wrong and not pages.unreadable["slots"]:
                return list(sound.values())
            broken += wrong
            unreadable += pages.unreadable["slots"]
        if not sound and not broken:
            rows = [] if any(map(_has_no_slots, self._databases)) else self._slots("kind = 'slots'")
            return [row for row in rows if is_sound(row, archive_id)]
        lost = unreadable
        for tried, row in enumerate(row for row in broken if (row.slot_id, row.vault, row.epoch) not in sound):
            mended = mended_slot(row, archive_id) if tried < _MAX_MENDED else None
            if mended is None:
                lost += 1
            else:
                sound[mended.slot_id, mended.vault, mended.epoch] = mended
        if lost:
            self.lost.append(f"key slots: {lost} damaged; a passphrase, recovery file or share may no longer open it")
        return list(sound.values())

    def _slots(self, where: str, *values: object) -> list[SlotRow]:
        return [
            SlotRow(blob(v[0]), text(v[1]), number(v[2]), text(v[3]), *map(blob, v[4:]))
            for v in self._rows(where, *values, limit=MAX_ROWS)
            if number_or_none(v[2]) is not None
        ]

    def writers(self, genesis: Genesis) -> Iterator[tuple[Writer, bool]]:
        """The writers, and whether the owner certified each. One without a certificate is given for the sake of its commits."""
        rows = [Writer(*map(blob, values)) for values in self._rows("kind = 'writers'", limit=MAX_WRITERS)]
        certified = {one.writer_id: one for one in rows if is_certified(genesis, one)}
        with storage():
            ids = self._db.execute(
                "SELECT DISTINCT name FROM cells WHERE kind = 'commits' AND stale = 0 LIMIT ?", (MAX_WRITERS,)
            ).fetchall()
        mended = 0
        for (writer_id,) in ids:
            if writer_id in certified:
                continue
            mine = [one for one in rows if one.writer_id == writer_id]
            renamed = (replace(one, writer_id=writer_id) for one in rows)  # its id may be the damaged part
            found = next((one for one in renamed if is_certified(genesis, one)), None)
            found = found or self._unframed(genesis, writer_id)
            if found is None and mine and mended < _MAX_MENDED:
                mended += 1
                found = mended_writer(genesis, mine[0])
            if found is not None:
                certified[writer_id] = found
            else:
                yield (mine or [Writer(writer_id, bytes(32), bytes(64))])[0], False
        for writer in certified.values():
            yield writer, True

    def _unframed(self, genesis: Genesis, writer_id: bytes) -> Writer | None:
        """A writer whose row no longer says where its columns begin: they stand behind its id all the same."""
        places = (found for pages in self._copies for found in pages.behind(writer_id, _WRITER_SIZE))
        candidates = (Writer(writer_id, data[:32], data[32:]) for data in islice(places, _MAX_PLACES))
        return next((one for one in candidates if is_certified(genesis, one)), None)

    def commits(self, genesis: Genesis, writer: Writer, *, certified: bool) -> Iterator[SoundCommit]:
        """A writer's commits in order, each the one that its signature fits. What comes after a lost one is given, as it is
        on reading; if several could be it, the one that the next commit follows.
        """
        with storage():
            numbers = self._db.execute(
                "SELECT DISTINCT number FROM cells WHERE kind = 'commits' AND name = ? AND number >= 0 ORDER BY number",
                (writer.writer_id,),
            ).fetchall()
        key = writer.pk0 if certified else None
        expected = 0
        lost = []
        for (seq,) in numbers:
            if seq != expected:
                key = None
            expected = seq + 1
            found = self._commit(genesis, writer.writer_id, seq, key)
            key = found.manifest.next_pk if found else None
            if found is None:
                lost.append(f"commit {seq}: what it holds and its signature do not fit in any copy")
            else:
                certified = True  # of a writer that nobody certified and that has no commit, there is nothing to miss
                yield found
        if certified:
            self.lost += lost

    def _commit(self, genesis: Genesis, writer_id: bytes, seq: int, key: bytes | None) -> SoundCommit | None:
        name = (genesis.archive_id, writer_id)
        found: dict[bytes, SoundCommit] = {}
        for one in self._candidates(name, seq):
            if key is None or verify_commit(key, one.encoded, one.signature):
                found.setdefault(one.manifest.head(), one)
        if len(found) > 1 and key is not None:
            self.lost.append(f"commit {seq}: two different ones bear this number: a fork; the first was kept")
        if len(found) > 1 and key is None:
            followed = {one.manifest.prev for one in self._candidates(name, seq + 1)}
            found = {head: one for head, one in found.items() if head in followed} or found
        return next(iter(found.values()), None)

    def _candidates(self, name: tuple[bytes, bytes], seq: int) -> Iterator[SoundCommit]:
        for values in self._rows("kind = 'commits' AND name = ? AND number = ?", name[1], seq):
            manifest = _manifest(values)
            if manifest is None or (manifest.archive_id, manifest.writer_id, manifest.seq) != (*name, seq):
                continue
            if manifest.time <= LAST_MILLI:
                yield SoundCommit(manifest, blob(values[2]), blob(values[3]))

    def statements(self, genesis: Genesis) -> Iterator[Signed]:
        """The owner's statements that are signed by the owner."""
        with storage():
            numbers = self._db.execute(
                "SELECT DISTINCT number FROM cells WHERE kind = 'statements' AND number >= 0 ORDER BY number LIMIT ?",
                (MAX_STATEMENTS,),
            ).fetchall()
        for (place,) in numbers:
            found: dict[bytes, Signed] = {}
            for values in self._rows("kind = 'statements' AND number = ?", place):
                try:
                    one = checked(values, genesis)
                except Damaged:
                    continue
                found.setdefault(one.statement.head(), one)
            if not found:
                self.lost.append(f"statement {place}: damaged in every copy")
            elif len(found) > 1:
                self.lost.append(f"statement {place}: two different ones bear this number: a fork; the first was kept")
            yield from islice(found.values(), 1)

    # --- objects -------------------------------------------------------------------------------------------------

    def attempts(self, oid: bytes) -> Iterator[Iterator[bytes]]:
        """What may be an object's rows, in order: those of each copy, then mixtures, then what SQLite says. Who takes them
        checks the digest; a row that is not all there is `Damaged`.
        """
        with storage():
            rows = self._db.execute(
                "SELECT number, copy, page, at FROM cells WHERE kind = 'rows' AND name = ? ORDER BY copy, stale LIMIT ?",
                (oid, _MAX_ROWS),
            ).fetchall()
        by_copy: dict[int, dict[int, Where]] = {}
        for place, copy, page, at in rows:
            by_copy.setdefault(copy, {}).setdefault(place, (copy, Place(page, at)))
        for own in by_copy.values():
            yield (self._row(where) for _, where in sorted(own.items()))
        if len(rows) > max(map(len, by_copy.values()), default=0):
            for places in islice(self._mixtures(rows), _MAX_MIXTURES):
                yield map(self._row, places)
        for db in self._databases:
            yield read_rows(db, oid, threading.Lock())

    def _mixtures(self, rows: Iterable[tuple[int, int, int, int]]) -> Iterator[tuple[Where, ...]]:
        different: dict[int, dict[bytes, Where]] = {}
        for place, copy, page, at in rows:
            where = (copy, Place(page, at))
            try:
                digest = hashlib.sha256(self._row(where)).digest()
            except Damaged:
                continue
            different.setdefault(place, {}).setdefault(digest, where)
        yield from product(*(different[place].values() for place in sorted(different)))

    def _row(self, where: Where) -> bytes:
        return blob(self._copies[where[0]].load(where[1])[-1])

    def keys(self, oid: bytes) -> tuple[list[tuple[int, bytes]], bool]:
        """An object's sealed keys as (epoch, sealed), and whether there is doubt about them: without a secret, of two different
        ones nobody can tell which is right. What most copies hold is taken, else what the first one holds.
        """
        by_epoch: dict[int, Counter[bytes]] = {}
        for stale in (False, True):
            for values in self._rows("kind = 'keys' AND name = ? AND stale = ?", oid, stale, limit=_MAX_ROWS):
                if (epoch := number_or_none(values[1])) is not None:
                    by_epoch.setdefault(epoch, Counter())[blob(values[2])] += 1
            if by_epoch:
                break
        else:
            for db in self._databases:
                for epoch, sealed in sealed_keys(db, oid):
                    by_epoch.setdefault(epoch, Counter())[sealed] += 1
        best = [(epoch, several.most_common(1)[0][0]) for epoch, several in sorted(by_epoch.items())]
        return best, any(len(several) > 1 for several in by_epoch.values())

    def name(self, oids: Iterable[bytes]) -> None:
        """Note that something names these objects."""
        with storage():
            self._db.executemany("INSERT OR IGNORE INTO named VALUES (?)", ((oid,) for oid in oids))

    def nameless(self) -> int:
        """How many objects there are, with rows and keys, that nothing names that was noted."""
        with storage():
            found = self._db.execute(
                "SELECT count(DISTINCT name) FROM cells "
                "WHERE kind = 'rows' AND stale = 0 AND name NOT IN (SELECT name FROM named) "
                "AND name IN (SELECT name FROM cells WHERE kind = 'keys' AND stale = 0)"
            ).fetchone()
        return number(found[0])

    def _rows(self, where: str, *values: object, limit: int = _MAX_SAME) -> Iterator[tuple[Value, ...]]:
        """The rows that a condition of ours names, those of the first copies first."""
        query = f"SELECT copy, page, at FROM cells WHERE {where} ORDER BY copy, stale, page LIMIT {limit}"  # noqa: S608
        with storage():
            places = self._db.execute(query, values).fetchall()
        for copy, page, at in places:
            try:
                yield self._copies[copy].load(Place(page, at))
            except Damaged:
                continue


def _has_no_slots(db: sqlite3.Connection) -> bool:
    """Does SQLite say so, by table and index? Slots can be kept apart from the archive; old ones shall not come back."""
    try:
        with storage():
            return all(
                db.execute(f"SELECT count(*) FROM slots {how}").fetchone() == (0,)  # noqa: S608 - ours
                for how in ("NOT INDEXED", "INDEXED BY sqlite_autoindex_slots_1")
            )
    except Damaged:
        return False


def number_or_none(value: Value) -> int | None:
    """A whole number from 0; None for any other value."""
    return value if isinstance(value, int) and value >= 0 else None


def _names(cell: Cell, pages: Pages) -> Iterator[tuple[tuple[bytes, int], bool]]:
    """What a row is found by, and whether only for want of a better one. A commit also says itself whose it is."""
    yield (cell.name, cell.number), not cell.live
    if cell.table == "commits":
        with contextlib.suppress(Damaged):
            manifest = Manifest.decode(blob(pages.load(cell.place)[2]))
            if (manifest.writer_id, manifest.seq) != (cell.name, cell.number) and manifest.seq < 1 << 63:
                yield (manifest.writer_id, manifest.seq), True


def _genesis(birth: bytes) -> Genesis | None:
    try:
        return Genesis.decode(birth)
    except GroupArchiveError:
        return None


def _manifest(values: tuple[Value, ...]) -> Manifest | None:
    try:
        return Manifest.decode(blob(values[2]))
    except Damaged:
        return None
