"""Appending to an archive: write-only. Nothing here can read back what it wrote; it takes no secret.

A commit is one transaction of the archive between the two phases of the writer's state (`state.py`) and before the step of the
signing seed. Killed between any two of them, the next opening finishes or takes back what was begun.
"""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from grouparchive.archive import chain
from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.home import WriterHome
from grouparchive.archive.schema import begin, identity, open_database, rewrite_path, storage, sweep
from grouparchive.archive.sealing import SEGMENT_KIND, Sealing
from grouparchive.archive.seen import Seen
from grouparchive.archive.state import WriterState
from grouparchive.archive.statements import EpochKeys, Statements, read_statements
from grouparchive.crypto.signing import Genesis, Manifest, next_seed, seed_public, sign_commit
from grouparchive.errors import Damaged, GroupArchiveError, UsageError
from grouparchive.model import codec
from grouparchive.model.records import VAULTS, Attachment, Gap, Record, Vault, vault_of

SEGMENT_RECORDS: Final = 1000
SEGMENT_BYTES: Final = 1024 * 1024
_OLDER: Final = (
    "Put the newest copy of the archive back. If it is lost, go on with this one: grouparchive writer certify"
)


class StoredBlob(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file's bytes went."""

    blob: str
    size: int
    sha256: str


class CommitRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sealed note that every commit carries about itself."""

    counts: dict[str, int] = {}
    gaps: list[Gap] = []
    cursors: dict[str, dict[str, dict[str, str]]] = {}


class _Buffer:
    """Encoded records of one vault that are no segment yet."""

    __slots__ = ("count", "kind", "lines", "records", "size")

    def __init__(self, vault: Vault) -> None:
        self.kind = SEGMENT_KIND[vault]
        self.lines: list[bytes] = []  # each of one record or many, ended by a newline
        self.records = 0
        self.size = 0
        self.count = 0  # segments since the last commit


def clock() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class Writer:
    """An open archive, for appending. Use `Writer.open` in a `with` statement. `add_blob` may be called from several threads,
    everything else from one.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        place: tuple[Path, tuple[int, int]],
        genesis: Genesis,
        *,
        keys: EpochKeys,
        home: WriterHome,
        seen: Seen,
        now: Callable[[], int],
    ) -> None:
        self._db = db
        self._place = place  # where the file lies, and which file that was
        self._genesis = genesis
        self._home = home
        self._seen = seen
        self._now = now
        self._sealing = Sealing(genesis.archive_id, keys, home.folder)
        self._buffers: dict[Vault, _Buffer] = {vault: _Buffer(vault) for vault in VAULTS}
        self._blobs = threading.Lock()
        self._open = ExitStack()
        self._failed = False
        self.pending_records = 0

    @classmethod
    def open(cls, path: Path, home: WriterHome, *, pinned: bytes, now: Callable[[], int] = clock) -> "Writer":
        """Open for appending, and finish what a killed run left half done.

        Args:
            path: the archive.
            home: the writer's files.
            pinned: the archive's id as the profile remembers it.
            now: the clock, in milliseconds.

        Raises:
            ArchiveBusy: another run holds the archive or the profile.
            NoArchive: no archive there.
            Damaged: its keys are not the pinned ones, or it is older than what this machine wrote.
            UsageError: the owner revoked this machine's writer.
        """
        with ExitStack() as stack:
            stack.enter_context(home.lock())
            place = (path, identity(path))
            db = open_database(path, readonly=False)
            stack.callback(db.close)
            _sweep(db, *place)
            genesis = chain.read_genesis(db)
            if genesis.archive_id != pinned:
                raise Damaged(
                    "this is not the archive that this profile was made for: its keys are others",
                    hint="Somebody may have swapped the file. Put your own copy back, or use the profile it belongs to.",
                )
            if home.writer_id not in {one.writer_id for one in chain.read_writers(db)}:
                raise Damaged("the archive does not know this machine's writer")
            statements = _heed(db, genesis, home)
            home.renew()
            state = home.state()
            stack.callback(state.close)
            _catch_up(db, home)
            state.settle(head for head in state.prepared() if _stands(db, home, head))
            obey(statements, home, state)
            state.expire(now())
            writer = cls(db, place, genesis, keys=statements.keys[-1], home=home, seen=Seen(home.keys, state), now=now)
            stack.callback(writer._sealing.close)
            writer._open = stack.pop_all()
            return writer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything. What was added since the last commit is forgotten."""
        self._open.close()

    @property
    def archive_id(self) -> bytes:
        """The archive's id."""
        return self._genesis.archive_id

    def cursors(self, source: str) -> dict[str, dict[str, str]]:
        """Where each group of a source was read up to, as of the last commit."""
        return self._home.cursors(source)

    @property
    def spoilt(self) -> bool:
        """Did a commit fail, so that this writer is of no more use?"""
        return self._failed

    @property
    def pending_bytes(self) -> int:
        """What waits for the next commit, in bytes: sealed ones and those still in buffers."""
        return self._sealing.size + sum(buffer.size for buffer in self._buffers.values())

    def add(self, record: Record, vault: Vault | None = None) -> None:
        """Let a record be part of the next commit.

        Raises:
            UsageError: it is larger than a record may be; nothing was added.
        """
        line = codec.encode(record)
        if len(line) > codec.MAX_RECORD:
            raise UsageError("a record is larger than the archive takes")
        if vault is None:
            vault = vault_of(record)
        if type(record) is Attachment:
            self._seen.mark_media(record.ref, vault, record.blob)
        self._put(vault, line + b"\n", 1)

    def add_many(self, records: Sequence[Record], vault: Vault) -> tuple[list[bytes], list[Record]]:
        """`add` of each, in a fraction of the time; no `Attachment` among them. Gives what was added, as encoded lines, and the
        records that are too large to be.
        """
        added: list[bytes] = []
        large: list[Record] = []
        at = 0
        while at < len(records):
            buffer = self._buffers[vault]
            some = records[at : at + SEGMENT_RECORDS - buffer.records]
            at += len(some)
            lines = codec.encode_lines(some)  # one piece of memory for what may fill a segment
            if buffer.size + len(lines) <= SEGMENT_BYTES:
                added.append(lines)
                self._put(vault, lines, len(some))
                continue
            for record in some:
                line = codec.encode_lines((record,))
                if len(line) > codec.MAX_RECORD + 1:
                    large.append(record)
                else:
                    added.append(line)
                    self._put(vault, line, 1)
        return added, large

    def _put(self, vault: Vault, lines: bytes, count: int) -> None:
        """Encoded records, no more than the segment has room for."""
        buffer = self._buffers[vault]
        buffer.lines.append(lines)
        buffer.records += count
        buffer.size += len(lines)
        self.pending_records += count
        if buffer.size >= SEGMENT_BYTES or buffer.records >= SEGMENT_RECORDS:
            self._seal(vault)

    def fresh(self, record: Record) -> bool:
        """Is this news? An event that was not seen yet, a state that differs from the last one written. What is news counts as
        seen from now on, for good once the next commit stands. People (`Member` and rosters) are always news.
        """
        return self._seen.fresh_many([record])[0]

    def fresh_many(self, records: Sequence[Record]) -> list[bool]:
        """`fresh` of each in turn, in a fraction of the time."""
        return self._seen.fresh_many(records)

    def fresh_roster(self, channel: str, digest_input: bytes) -> bool:
        """Does a whole roster differ from the last one written? `digest_input` is the same bytes for the same roster."""
        return self._seen.fresh_roster(channel, digest_input)

    def fresh_media(self, ref: str, vault: Vault = "content") -> bool:
        """Was this file not stored yet? Adding its `Attachment` makes it stored. Files of the roster are remembered for this
        run only, because a lasting tag of a member's picture would be a tag of the member.
        """
        return self._seen.fresh_media(ref, vault)

    def knows_file(self, digest: bytes) -> bool:
        """Was everything in a whole imported file archived before? `digest` is of the file's bytes."""
        return self._seen.knows_file(digest)

    def mark_file(self, digest: bytes) -> None:
        """Everything in a file was added: once the next commit stands, the file is known without end."""
        self._seen.mark_file(digest)

    def add_blob(self, pieces: Iterable[bytes], vault: Vault = "content") -> StoredBlob:
        """Store a file as it streams in. The same bytes again are not stored twice. Thread-safe."""
        whole = hashlib.sha256()
        size = 0

        def watched() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                whole.update(piece)
                size += len(piece)
                yield piece

        blob = self._sealing.blob(vault, watched())
        with self._blobs:
            known = self._seen.blob(whole.digest(), vault)
            if known is None:
                self._sealing.take_blob(blob)
                self._seen.mark_blob(whole.digest(), vault, blob.entry.oid)
                known = blob.entry.oid
        return StoredBlob(blob=known.hex(), size=size, sha256=whole.hexdigest())

    def commit(
        self,
        cursors: dict[str, dict[str, dict[str, str]]] | None = None,
        counts: dict[str, int] | None = None,
        gaps: Iterable[Gap] = (),
    ) -> CommitInfo:
        """Make everything added since the last commit part of the archive, in one transaction.

        Args:
            cursors: source -> group -> entries that change; an entry of "" goes away, the others stay.
            counts: what the run read so far, for the commit's sealed note.
            gaps: what could not be had. They are sealed as records too.

        Raises:
            ArchiveBusy: somebody reads or writes the archive for too long, or has rewritten it meanwhile.
            GroupArchiveError: the disk is full or cannot be written to.

        After an error nothing has changed, and this writer is of no more use: open another and read again from the cursors.
        """
        if self._failed:
            raise GroupArchiveError("this run could not save before", hint="Run this again from the beginning.")
        self._failed = True
        gaps = list(gaps)
        for gap in gaps:
            self.add(gap)
        whole = self._seen.cursors(cursors or {})
        for vault in VAULTS:
            self._seal(vault, always=True)
        note = CommitRecord(counts=counts or {}, gaps=gaps, cursors=whole)
        self._sealing.segment("content", "record", [msgspec.json.encode(note)])
        objects = self._sealing.finish()

        last = chain.newest(self._db, self._home.writer_id)
        seed = self._home.seed()
        if seed_public(seed) != _expected(self._db, self._home, last):
            # Erased under our feet, or another's: its signature would spoil the archive.
            raise Damaged("the key of this machine's writer was changed during the run", hint=_OLDER)
        manifest = Manifest(
            self.archive_id,
            self._home.writer_id,
            last.seq + 1 if last else 0,
            last.head() if last else self.archive_id,
            self._now(),
            tuple(one.entry for one in objects),
            seed_public(next_seed(seed)),
        )
        encoded = manifest.encode()
        head = manifest.head()
        self._seen.prepare(head, manifest.time, whole)
        begin(self._db, *self._place)
        with storage():
            try:
                self._db.executemany(
                    "INSERT INTO rows (oid, number, data) VALUES (?, ?, ?)", self._sealing.rows(objects)
                )
                self._db.executemany(
                    "INSERT INTO keys (oid, epoch, sealed) VALUES (?, ?, ?)",
                    ((one.entry.oid, self._sealing.epoch, one.sealed_key) for one in objects),
                )
                self._db.execute(
                    "INSERT INTO commits (writer_id, seq, manifest, signature) VALUES (?, ?, ?, ?)",
                    (self._home.writer_id, manifest.seq, encoded, sign_commit(seed, encoded)),
                )
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._home.advance()
        self._seen.settle(head)
        self._sealing.clear()
        self._failed = False
        self.pending_records = 0
        for buffer in self._buffers.values():
            buffer.count = 0
        return CommitInfo(self._home.writer_id.hex(), manifest.seq, manifest.time, manifest.entries, head)

    def _seal(self, vault: Vault, *, always: bool = False) -> None:
        """Make the buffer a segment; with `always`, an empty one where the commit has none of this vault yet."""
        buffer = self._buffers[vault]
        if buffer.lines or (always and buffer.count == 0):
            self._sealing.segment(vault, buffer.kind, buffer.lines)
            buffer.lines = []
            buffer.size = buffer.records = 0
            buffer.count += 1


def _heed(db: sqlite3.Connection, genesis: Genesis, home: WriterHome) -> Statements:
    """The owner's statements, which must hold all that this machine has seen: an older copy could bring old keys back."""
    statements = read_statements(db, genesis)
    if statements.damage:
        raise Damaged(f"the owner's statements in the archive are damaged: {statements.damage[0]}")
    known = home.statement()
    if known is not None and known not in {one.statement.head() for one in statements.signed}:
        raise Damaged(
            "the archive lacks what its owner stated before: it is an older copy",
            hint="Put the newest copy of the archive back.",
        )
    if home.writer_id in statements.revoked:
        raise UsageError(
            "the owner of the archive has revoked this machine: what it adds would count for nothing",
            hint="To let this machine add again, with the archive's secret at hand: grouparchive writer certify",
        )
    return statements


def obey(statements: Statements, home: WriterHome, state: WriterState) -> None:
    """Statements that this machine has not seen before: what they removed is not there any more, and would be news again."""
    if statements.head is None or statements.head == home.statement():
        return
    state.let_go(oid for oid, entry in statements.changes.items() if entry is None)
    home.pin_statement(statements.head)


def _sweep(db: sqlite3.Connection, path: Path, opened: tuple[int, int]) -> None:
    """Take away what a killed rewriting left, unless one is going on: then the archive is held."""
    if rewrite_path(path).exists():
        begin(db, path, opened)
        try:
            sweep(path)
        finally:
            db.execute("ROLLBACK")


def _catch_up(db: sqlite3.Connection, home: WriterHome) -> None:
    """Bring the seed to the archive's newest commit: a run may have been killed between the two."""
    expected = _expected(db, home, chain.newest(db, home.writer_id))
    if home.public() == expected:
        return
    if seed_public(next_seed(home.seed())) == expected:
        home.advance()
        return
    raise Damaged(
        "the archive does not end where this machine stopped writing: it, or the profile, is an older copy",
        hint=_OLDER,
    )


def _expected(db: sqlite3.Connection, home: WriterHome, last: Manifest | None) -> bytes:
    """The key that the archive expects the next commit to be signed with."""
    if last is not None:
        return last.next_pk
    return next(one.pk0 for one in chain.read_writers(db) if one.writer_id == home.writer_id)


def _stands(db: sqlite3.Connection, home: WriterHome, head: bytes) -> bool:
    """Is a commit with this head the newest of the archive? Only the newest can be in doubt."""
    last = chain.newest(db, home.writer_id)
    return last is not None and last.head() == head
