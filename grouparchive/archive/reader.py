"""Reading an archive: opening it without a secret, unlocking it, streaming what it holds.

What is damaged is noted, named by its commit, and skipped, so that the rest can still be read; whoever reads raises `Damaged`
at the end when something was noted. Plaintext stays in memory.
"""

import contextlib
import hashlib
import sqlite3
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from grouparchive.archive import chain
from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.objects import object_key, object_name, read_rows, row_sizes
from grouparchive.archive.schema import open_database
from grouparchive.archive.sealing import SEGMENT_KIND
from grouparchive.archive.statements import Statements, read_statements, understand
from grouparchive.archive.writer import CommitRecord, clock
from grouparchive.archive.zstd import decompress
from grouparchive.crypto.objects import open_rows
from grouparchive.crypto.signing import Genesis, ManifestEntry
from grouparchive.crypto.slots import OpenedRoot, SlotRow, Unlocking, is_sound, open_slots
from grouparchive.crypto.vaults import KeyRing, VaultKey
from grouparchive.errors import Damaged, GroupArchiveError, NoArchive, WrongSecret
from grouparchive.model import codec
from grouparchive.model.records import AnyRecord, Vault

THREADS: Final = 2
_AHEAD: Final = 6
_UNREADABLE: Final = (
    "Keep this file as it is. What is whole in it can be saved: grouparchive verify --repair NEW-FILE. "
    "If there are other copies, name each with --archive."
)


class Archive:
    """An archive without a secret: who wrote when, how much, and whether the chains are whole. `commits` are in the order of
    reading, with their objects as the owner's statements left them; those of a revoked writer are not among them but in
    `revoked`, without their objects. `damage` says in sentences what does not fit. `close()` lets go of the file; so does
    forgetting the object.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, *, now: int | None = None) -> None:
        self.path = path
        self.db = db
        self.close = weakref.finalize(self, db.close)
        self.genesis: Genesis = chain.read_genesis(db)
        self.archive_id: bytes = self.genesis.archive_id
        self._now = clock() if now is None else now
        self.slots: list[SlotRow] = []
        self.writers: list[chain.Writer] = []
        self.statements: Statements = understand(self.genesis, ())
        self.commits: list[CommitInfo] = []
        self.revoked: list[CommitInfo] = []
        self.slots_readable = True
        self._faults: list[str] = []  # of tables; those of chains are found anew whenever something is adopted
        self._read_tables()
        self._read_chains()

    @classmethod
    def open(cls, path: Path) -> "Archive":
        """Open for reading. The chains of signatures are checked; the objects themselves are not (`verify` does that).

        Raises:
            NoArchive: there is none, it is something else, or of a newer version.
            Damaged: so much so that nothing of it can be read.
            ArchiveBusy: another run holds it.
        """
        try:
            db = open_database(path, readonly=True)
            try:
                return cls(path, db)
            except BaseException:
                db.close()
                raise
        except Damaged as error:
            if error.hint == Damaged.default_hint:
                error.hint = _UNREADABLE
            raise

    def adopt(self, writers: Iterable[chain.Writer], statements: Statements, *, certified: bool) -> None:
        """Go by what other copies of the same archive hold as well: certificates of writers (is there any?), the owner's
        statements.
        """
        self.writers = list(writers)
        self.statements = statements
        self._read_chains(certified=certified)

    def _read_tables(self) -> None:
        try:
            self.slots = chain.read_slots(self.db)
            self._faults += [f"key slot {n}: damaged" for n, row in enumerate(self.slots) if not self._sound(row)]
        except Damaged as error:
            self.slots_readable = False
            self._faults.append(f"key slots: {error.message}")
        try:
            self.writers = chain.read_writers(self.db)
        except Damaged as error:
            self._faults.append(f"writers: {error.message}")
        try:
            self.statements = read_statements(self.db, self.genesis)
        except Damaged as error:
            self._faults.append(f"statements of the owner: {error.message}")

    def _read_chains(self, *, certified: bool = False) -> None:
        self.damage: list[str] = [*self._faults, *self.statements.damage]
        self.revoked = []
        try:
            self.damage += chain.strangers(self.db, self.writers)
        except Damaged as error:
            self.damage.append(f"writers: {error.message}")
        if not self.writers:
            self.damage.append("writers: there are none")
        found: list[CommitInfo] = []
        sound = [one for one in self.writers if chain.is_certified(self.genesis, one)]
        for writer in self.writers:
            if (certified or sound) and writer not in sound:
                # Anybody who can write to a copy can add a machine of their own, and commits by it.
                self.damage.append(
                    f"writer {writer.writer_id.hex()[:8]}: not certified by the owner; it counts for nothing"
                )
            else:
                self._read_chain(writer, found)
        # Each chain keeps its own order; chains are merged by a time that never runs backwards.
        self.commits = sorted(found, key=CommitInfo.order)

    def _read_chain(self, writer: chain.Writer, found: list[CommitInfo]) -> None:
        end = self.statements.revoked.get(writer.writer_id)
        clocks = chain.Clocks(self._now)
        try:
            for item in chain.read_chain(self.db, self.genesis, writer):
                if isinstance(item, str):
                    self.damage.append(item)
                    continue
                commit = clocks.told(item)
                if end is not None and commit.seq >= end:
                    self.revoked.append(replace(commit, objects=()))
                else:
                    found.append(self._as_stated(commit))
        except Damaged as error:
            self.damage.append(f"list of commits: {error.message}")

    def _as_stated(self, commit: CommitInfo) -> CommitInfo:
        """A commit with its objects as the owner's rewrites left them."""
        changes = self.statements.changes
        if not changes or not any(entry.oid in changes for entry in commit.objects):
            return commit
        now = (self.statements.now(entry) for entry in commit.objects)
        return replace(commit, objects=tuple(entry for entry in now if entry is not None))

    def _sound(self, row: SlotRow) -> bool:
        return row.vault in SEGMENT_KIND and is_sound(row, self.archive_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def unlock(self, secret: Unlocking, slots: Sequence[SlotRow] = ()) -> "Reader":
        """Open the vaults that a secret opens.

        Args:
            secret: the secret.
            slots: rows that are kept apart from the archive. They are tried first.

        Raises:
            WrongSecret: it opens none.
            Damaged: the key slots are damaged.
        """
        found = self._open(secret, slots)
        return Reader(self, {vault: KeyRing({opened.epoch: key}) for vault, (opened, key) in found.items()})

    def roots(self, secret: Unlocking, slots: Sequence[SlotRow] = ()) -> dict[str, OpenedRoot]:
        """The roots themselves, by vault, for making new ways in. Raises as `unlock`."""
        return {vault: opened for vault, (opened, _) in self._open(secret, slots).items()}

    def _open(self, secret: Unlocking, slots: Sequence[SlotRow]) -> dict[str, tuple[OpenedRoot, VaultKey]]:
        found: dict[str, tuple[OpenedRoot, VaultKey]] = {}
        expected = {(one.epoch, vault): one.of(vault) for one in self.statements.keys for vault in SEGMENT_KIND}
        for vault, opened in open_slots([*slots, *self.slots], self.archive_id, secret).items():
            key = VaultKey.from_root(opened.root)
            if key.public.data != expected.get((opened.epoch, vault)):
                raise Damaged("a key slot opens, but what it holds is not this archive's key")
            found[vault] = (opened, key)
        newest = self.statements.keys[-1].epoch
        if any(opened.epoch != newest for opened, _ in found.values()):
            raise WrongSecret(
                "the archive's keys were changed since this secret was made: it opens older copies only",
                hint="Use a secret that was made when the keys were changed, or later.",
            )
        return found


class Reader:
    """An unlocked archive. Several threads may read from it at once. `damage` grows as damaged objects are met."""

    def __init__(self, archive: Archive, keys: dict[str, KeyRing]) -> None:
        self.archive = archive
        self.archive_id = archive.archive_id
        self.commits = archive.commits
        self.damage: list[str] = list(archive.damage)
        self._noted: set[str] = set()  # a hostile file may hold any number of damaged objects
        self.twins: list[Reader] = []  # other copies of the same archive: what is damaged here may be whole there
        self._keys = keys
        self._lock = threading.Lock()
        self._blobs: dict[bytes, tuple[CommitInfo, ManifestEntry]] | None = None
        self._open_retired()

    def _open_retired(self) -> None:
        """Keys of earlier epochs: what a machine sealed that had not heard of a rotation yet."""
        for epoch, entry in reversed(self.archive.statements.retired):
            ring = self._keys.get(entry.vault)
            if ring is None or epoch in ring:
                continue
            try:
                key = VaultKey.from_root(b"".join(self._pieces(entry)))
            except Damaged as error:
                self.damage.append(f"keys of epoch {epoch}: {error.message}")
                continue
            expected = [one for one in self.archive.statements.keys if one.epoch == epoch]
            if expected and key.public.data == expected[0].of(entry.vault):
                ring.add(epoch, key)
            else:
                self.damage.append(f"keys of epoch {epoch}: they are not this archive's")

    def __repr__(self) -> str:
        """Without the keys."""
        return f"Reader({sorted(self._keys)})"

    @property
    def vaults(self) -> frozenset[str]:
        """The vaults that are open."""
        return frozenset(self._keys)

    def key(self, vault: Vault) -> KeyRing:
        """The keys of an open vault, for sealed files beside the archive.

        Raises:
            WrongSecret: it is not open.
        """
        if vault not in self._keys:
            raise WrongSecret(
                f"this secret does not open the {vault} part of the archive",
                hint="Use the secret that opens both parts.",
            )
        return self._keys[vault]

    def over(self, archive: Archive) -> "Reader":
        """The same keys over the same archive, opened anew."""
        return Reader(archive, self._keys)

    def check(self) -> None:
        """To be called when all was read.

        Raises:
            Damaged: something was damaged; the message names the first commit concerned.
        """
        if self.damage:
            more = f" (and {len(self.damage) - 1} more)" if len(self.damage) > 1 else ""
            raise Damaged(f"the archive is damaged: {self.damage[0]}{more}; everything else was read")

    def objects(self, vault: Vault) -> list[tuple[CommitInfo, ManifestEntry]]:
        """The segments of a vault in reading order."""
        self.key(vault)
        kind = SEGMENT_KIND[vault]
        return [
            (commit, entry)
            for commit in self.commits
            for entry in commit.objects
            if entry.vault == vault and entry.kind == kind
        ]

    def segments(
        self, vault: Vault, objects: Iterable[tuple[CommitInfo, ManifestEntry]] | None = None
    ) -> Iterator[tuple[CommitInfo, bytes]]:
        """The decompressed lines of each segment of a vault (or of the given ones). Damaged ones are noted and skipped."""
        for commit, _, data in self.numbered(vault, objects):
            yield commit, data

    def numbered(
        self, vault: Vault, objects: Iterable[tuple[CommitInfo, ManifestEntry]] | None = None
    ) -> Iterator[tuple[CommitInfo, int, bytes]]:
        """As `segments`, with each one's number in the list of objects."""
        wanted = self.objects(vault) if objects is None else list(objects)
        ahead: deque[tuple[CommitInfo, ManifestEntry, int, Future[bytes]]] = deque()
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="open")
        try:
            for number, (commit, entry) in enumerate(wanted):
                ahead.append((commit, entry, number, threads.submit(self.payload, entry)))
                if len(ahead) > _AHEAD:
                    yield from self._arrived(*ahead.popleft())
            while ahead:
                yield from self._arrived(*ahead.popleft())
        finally:
            threads.shutdown(wait=True, cancel_futures=True)

    def _arrived(
        self, commit: CommitInfo, entry: ManifestEntry, number: int, future: Future[bytes]
    ) -> Iterator[tuple[CommitInfo, int, bytes]]:
        try:
            data = future.result()
        except Damaged as error:
            self.note(commit, error, entry)
            return
        yield commit, number, data

    def records(self, vault: Vault, *, until: int | None = None) -> Iterator[tuple[CommitInfo, AnyRecord]]:
        """All records of a vault in reading order, up to and including commit number `until`."""
        yield from self.decoded(vault, [one for one in self.objects(vault) if until is None or one[0].seq <= until])

    def decoded(
        self, vault: Vault, objects: Iterable[tuple[CommitInfo, ManifestEntry]]
    ) -> Iterator[tuple[CommitInfo, AnyRecord]]:
        """The records of some of a vault's segments."""
        for commit, data in self.segments(vault, objects):
            try:
                found = codec.decode_lines(data)
            except Damaged as error:
                self.note(commit, error)
                continue
            for record in found:
                yield commit, record

    def commit_records(self) -> Iterator[tuple[CommitInfo, CommitRecord]]:
        """The sealed note of each commit."""
        for commit in self.commits:
            for entry in commit.objects:
                if entry.kind != "record":
                    continue
                try:
                    yield commit, msgspec.json.decode(self.payload(entry), type=CommitRecord)
                except Damaged as error:
                    self.note(commit, error, entry)
                except codec.UNREADABLE:
                    self.note(commit, Damaged("it cannot be read"), entry)

    def payload(self, entry: ManifestEntry) -> bytes:
        """The decompressed lines of one segment, from a twin where it is damaged here.

        Raises:
            Damaged: it does not open or does not decompress, in any copy.
        """
        try:
            return decompress(self._one_row(entry))
        except Damaged:
            for twin in self.twins:
                with contextlib.suppress(Damaged, WrongSecret):
                    return decompress(twin._one_row(entry))  # noqa: SLF001 - one of us
            raise

    def blob(self, blob_id: str) -> Iterator[bytes]:
        """The bytes of a stored file, in pieces. They are whole when the iteration ends without an error.

        Raises:
            NoArchive: no commit names this blob.
            Damaged: it was changed; pieces given before are genuine.
        """
        found = self._blob_entries().get(bytes.fromhex(blob_id))
        if found is None:
            raise NoArchive("the archive does not hold this file", hint="It may be in another copy of the archive.")
        commit, entry = found
        try:
            yield from self.pieces(entry)
        except Damaged as error:
            raise Damaged(f"{commit}: {error.message}", hint=error.hint) from error

    def has_blob(self, blob_id: str) -> bool:
        """Does a commit name this blob?"""
        return bytes.fromhex(blob_id) in self._blob_entries()

    def _blob_entries(self) -> dict[bytes, tuple[CommitInfo, ManifestEntry]]:
        if self._blobs is None:
            self._blobs = {
                entry.oid: (commit, entry)
                for commit in self.commits
                for entry in commit.objects
                if entry.kind == "blob"
            }  # fmt: skip
        return self._blobs

    def note(self, commit: CommitInfo, error: GroupArchiveError, entry: ManifestEntry | None = None) -> None:
        """Remember that something of a commit is damaged, or one of its objects."""
        sentence = f"{commit}: {object_name(entry)}: {error.message}" if entry else f"{commit}: {error.message}"
        with self._lock:
            if sentence not in self._noted:
                self._noted.add(sentence)
                self.damage.append(sentence)

    def pieces(self, entry: ManifestEntry) -> Iterator[bytes]:
        """The payload of an object, checked against the signed manifest at its end; from a twin where it is damaged here.

        Raises:
            Damaged: it does not open, or is not the one that the manifest names, in any copy.
        """
        given = 0
        try:
            for piece in self._pieces(entry):
                yield piece
                given += len(piece)
        except Damaged as error:
            yield from self._pieces_of_twin(entry, given, error)

    def _pieces_of_twin(self, entry: ManifestEntry, given: int, error: Damaged) -> Iterator[bytes]:
        """What is left of an object after so many bytes, from the first twin that has it whole."""
        for twin in self.twins:
            try:
                for _ in twin._pieces(entry):  # noqa: SLF001 - one of us
                    pass
            except (Damaged, WrongSecret):
                continue
            at = 0
            for piece in twin._pieces(entry):  # noqa: SLF001 - one of us
                yield piece[max(0, given - at) :]
                at += len(piece)
            return
        raise error

    def _pieces(self, entry: ManifestEntry) -> Iterator[bytes]:
        vault: Vault = "roster" if entry.vault == "roster" else "content"
        key = object_key(self.archive.db, self.archive_id, entry, self.key(vault), self._lock)
        whole = hashlib.sha256()

        def rows() -> Iterator[bytes]:
            for row in read_rows(self.archive.db, entry.oid, self._lock):
                whole.update(row)
                yield row

        yield from open_rows(key, self.archive_id, entry.vault, entry.kind, entry.oid, rows())
        if whole.digest() != entry.digest:
            raise Damaged("a stored object is not the one that was signed")

    def _one_row(self, entry: ManifestEntry) -> bytes:
        """The payload of an object that we write as one row: so a hostile one cannot take all memory."""
        if len(list(row_sizes(self.archive.db, entry.oid, self._lock))) > 1:
            raise Damaged("a stored object is larger than any that we write")
        return b"".join(self._pieces(entry))
