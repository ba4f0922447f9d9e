"""From records to sealed objects that wait for their commit. Two threads compress and seal; sealed rows wait in a spool.

The spool holds ciphertext only. Beyond a few MiB it is a file without a name in the profile's folder, which the system frees
however the process ends.
"""

import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from grouparchive.archive.schema import storage
from grouparchive.archive.statements import EpochKeys
from grouparchive.archive.zstd import compress
from grouparchive.crypto.objects import ObjectSealer
from grouparchive.crypto.signing import ManifestEntry
from grouparchive.crypto.vaults import VaultPublicKey
from grouparchive.model.records import Vault

THREADS: Final = 2
_AHEAD: Final = 6  # segments being sealed at most: what bounds memory when the disk is slow
_SPOOL_MEMORY: Final = 2 * 1024 * 1024

SEGMENT_KIND: Final[dict[str, str]] = {"content": "segment", "roster": "roster"}


class Spool:
    """Sealed rows in the order they came, each found again by (offset, length). Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - lives as long as we do
            max_size=_SPOOL_MEMORY, dir=str(folder)
        )
        self._lock = threading.Lock()
        self.size = 0

    def put(self, row: bytes) -> tuple[int, int]:
        """Keep a row."""
        with self._lock, storage():
            place = (self.size, len(row))
            self._file.seek(self.size)
            self._file.write(row)
            self.size += len(row)
        return place

    def get(self, place: tuple[int, int]) -> bytes:
        """The row again."""
        with self._lock, storage():
            self._file.seek(place[0])
            return self._file.read(place[1])

    def clear(self) -> None:
        """Forget all rows."""
        with self._lock, storage():
            self._file.seek(0)
            self._file.truncate()
            self.size = 0

    def close(self) -> None:
        """Free it."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class SealedObject:
    """An object that waits for its commit."""

    entry: ManifestEntry
    sealed_key: bytes = field(repr=False)
    places: tuple[tuple[int, int], ...]


class Sealing:
    """Makes objects. Keeps those of segments in the order in which they were asked for."""

    def __init__(self, archive_id: bytes, keys: EpochKeys, folder: Path) -> None:
        self._archive_id = archive_id
        self.epoch = keys.epoch
        self._publics = {vault: VaultPublicKey(keys.of(vault)) for vault in SEGMENT_KIND}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="seal")
        self._underway: deque[Future[tuple[ManifestEntry, bytes, list[bytes]]]] = deque()
        self._done: list[SealedObject] = []
        self._lock = threading.Lock()
        self._spool = Spool(folder)

    @property
    def size(self) -> int:
        """Sealed bytes that wait."""
        return self._spool.size

    def segment(self, vault: Vault, kind: str, lines: list[bytes], *, packed: bool = True) -> None:
        """Seal records' lines as one object; each piece is of one or many, ended by a newline. Returns at once unless too much
        is under way.
        """
        self._underway.append(self._threads.submit(self._seal, vault, kind, lines, packed=packed))
        while len(self._underway) > _AHEAD:
            self._keep(self._underway.popleft())

    def blob(self, vault: Vault, pieces: Iterable[bytes]) -> SealedObject:
        """Seal a file as it streams in. Thread-safe. It is part of the next commit once `take_blob` was called with it."""
        sealer = ObjectSealer(self._archive_id, vault, "blob")
        places = tuple(self._spool.put(row) for row in sealer.rows(pieces))
        entry = ManifestEntry(vault, "blob", sealer.oid, sealer.body_hash)
        return SealedObject(entry, self._seal_key(sealer, vault), places)

    def take_blob(self, blob: SealedObject) -> None:
        """Let a blob be part of the next commit."""
        with self._lock:
            self._done.append(blob)

    def finish(self) -> list[SealedObject]:
        """Everything that waits, in order; blobs stand before the segments that were sealed after them."""
        while self._underway:
            self._keep(self._underway.popleft())
        with self._lock:
            return list(self._done)

    def rows(self, objects: Iterable[SealedObject]) -> Iterator[tuple[bytes, int, bytes]]:
        """(oid, number, row) of waiting objects."""
        for one in objects:
            for number, place in enumerate(one.places):
                yield one.entry.oid, number, self._spool.get(place)

    def clear(self) -> None:
        """The commit stands."""
        with self._lock:
            self._done.clear()
        self._spool.clear()

    def close(self) -> None:
        """End the threads and free the spool."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._spool.close()

    def _keep(self, future: Future[tuple[ManifestEntry, bytes, list[bytes]]]) -> None:
        entry, sealed_key, rows = future.result()
        places = tuple(self._spool.put(row) for row in rows)
        with self._lock:
            self._done.append(SealedObject(entry, sealed_key, places))

    def _seal(
        self, vault: Vault, kind: str, lines: list[bytes], *, packed: bool
    ) -> tuple[ManifestEntry, bytes, list[bytes]]:
        data = b"".join(lines).removesuffix(b"\n")
        sealer = ObjectSealer(self._archive_id, vault, kind)
        rows = list(sealer.rows([compress(data) if packed else data]))
        return ManifestEntry(vault, kind, sealer.oid, sealer.body_hash), self._seal_key(sealer, vault), rows

    def _seal_key(self, sealer: ObjectSealer, vault: Vault) -> bytes:
        return self._publics[vault].seal_key(
            sealer.key, archive_id=self._archive_id, vault=vault, epoch=self.epoch, oid=sealer.oid
        )
