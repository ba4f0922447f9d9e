"""Files on their way from a connector into an archive, several at once. Knows nothing of pages, gaps and commits."""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

import msgspec

from grouparchive.archive.writer import StoredBlob, Writer
from grouparchive.errors import PlatformError
from grouparchive.model.ports import Connector, MediaRequest
from grouparchive.model.records import Ref, Vault

MEDIA_TRIES: Final = 5
"""Runs that ask for a file before they give it up: a deleted one must not cost requests for ever."""

_THREADS: Final = 4
_AHEAD: Final = 16  # files that are being fetched or wait for a thread
_MAX_WAITING: Final = 10_000  # files kept in one cursor
_ABORT_SECONDS: Final = 5.0


class Wanted(msgspec.Struct, array_like=True):
    """A file to fetch, as it waits in a cursor."""

    ref: Ref
    vault: Vault
    mime: str = ""
    tries: int = 0
    group: Ref = ""


class MediaQueue:
    """Files on their way: several at once, each streamed straight into the archive. Used by one thread, but for `_get`."""

    def __init__(self, connector: Connector, writer: Writer) -> None:
        self._connector = connector
        self._writer = writer
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="media")
        self._queue: deque[Wanted] = deque()
        self._running: dict[Future[StoredBlob], Wanted] = {}
        self._asked: set[tuple[str, str]] = set()
        self._failed: list[Wanted] = []
        self._stop = threading.Event()
        self.changed = False  # since the last commit

    @property
    def outstanding(self) -> int:
        """How many files are wanted and have not come."""
        return len(self._queue) + len(self._running)

    @property
    def awaits_faces(self) -> bool:
        """Are members' pictures among them?"""
        return any(wanted.vault == "roster" for wanted in (*self._running.values(), *self._queue))

    def load(self, group: Ref, waiting: str) -> list[Ref]:
        """Ask again for the files that earlier runs could not have; gives back those that it asks for no more."""
        given_up = []
        for wanted in msgspec.json.decode(waiting or "[]", type=list[Wanted]):
            wanted.group = group
            if wanted.tries < MEDIA_TRIES:
                self._enqueue(wanted)
            else:
                self._asked.add((wanted.vault, wanted.ref))
                self._failed.append(wanted)
                given_up.append(wanted.ref)
        return given_up

    def want(self, group: Ref, file: MediaRequest) -> None:
        """A file that a page names and the archive does not have."""
        self._enqueue(Wanted(file.ref, file.vault, file.mime, 0, group))

    def waiting(self, group: Ref) -> str:
        """What of a group did not come yet, for its cursor; "" is nothing. Members' pictures never wait there: this machine can
        read its cursors.
        """
        left = [*self._running.values(), *self._queue, *self._failed]
        left = [wanted for wanted in left if wanted.group == group and wanted.vault != "roster"][:_MAX_WAITING]
        rows = [(wanted.ref, wanted.vault, wanted.mime, wanted.tries) for wanted in left]
        return msgspec.json.encode(rows).decode() if rows else ""

    def start(self) -> None:
        """Give the threads something to do."""
        while self._queue and len(self._running) < _AHEAD:
            wanted = self._queue.popleft()
            self._running[self._pool.submit(self._get, wanted)] = wanted

    def wait(self) -> None:
        """Until something has come."""
        wait(self._running, return_when=FIRST_COMPLETED)

    def rest(self) -> None:
        """Until nothing is under way."""
        wait(self._running)

    def finished(self) -> Iterator[tuple[Wanted, StoredBlob | None]]:
        """What has come since, and with None what cannot be had."""
        for future in [future for future in self._running if future.done()]:
            wanted = self._running.pop(future)
            self.changed = True
            if future.cancelled() or isinstance(future.exception(), _Aborted):
                self._queue.appendleft(wanted)
                continue
            try:
                yield wanted, future.result()
            except PlatformError:
                wanted.tries += 1
                self._failed.append(wanted)
                yield wanted, None

    def abort(self) -> None:
        """Stop what is under way; it counts as not asked for."""
        self._stop.set()
        for future in self._running:
            future.cancel()
        wait(self._running, timeout=_ABORT_SECONDS)

    def close(self) -> None:
        """Let go of the threads."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _enqueue(self, wanted: Wanted) -> None:
        key = (wanted.vault, wanted.ref)
        if key not in self._asked:
            self._asked.add(key)
            self._queue.append(wanted)
            self.changed = True

    def _get(self, wanted: Wanted) -> StoredBlob:
        return self._writer.add_blob(self._pieces(wanted.ref), wanted.vault)

    def _pieces(self, ref: Ref) -> Iterator[bytes]:
        for piece in self._connector.media(ref):
            if self._stop.is_set():
                raise _Aborted
            yield piece
        if self._stop.is_set():
            raise _Aborted


class _Aborted(Exception):  # noqa: N818 - says what happened, and never leaves this module
    """A file that was being fetched when the run ended."""
