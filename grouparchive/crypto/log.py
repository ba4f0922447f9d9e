"""The sealed append-only log: the journal that must survive a crash at any byte, readable to nobody without its key.

Each opening that appends starts a session with its own key, so that no nonce can ever come twice. What a crash cut short at the
end is dropped at the next opening; anything else that does not open is damage and says so.
"""

import fcntl
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from grouparchive.crypto.primitives import KEY_SIZE, NONCE_SIZE, TAG_SIZE, be64, expand, lp
from grouparchive.durable import plain_reason
from grouparchive.errors import ArchiveBusy, Damaged, GroupArchiveError, UsageError

MAGIC = b"ga1/log\0"
MAX_ENTRY = 16 * 1024 * 1024
_PREFIX = 8


class SealedLog:
    """One log file, held by one process at a time. Iterating gives the entries that stood in it at opening, oldest first.

    Args:
        path: made with mode 0600 where there is none.
        key: 32 bytes.
        context: what the log belongs to; a log opened under another context does not open.
        reading: only look at what stands there by now, also while another process appends.

    Raises:
        ArchiveBusy: another process has it open.
        UsageError: the file is something else.
        Damaged: an entry other than a torn last one does not open.
        GroupArchiveError: the file cannot be opened or written.
    """

    def __init__(self, path: Path | str, key: bytes, context: bytes, *, reading: bool = False) -> None:
        self._key = key
        self._context = context
        self._lock = threading.Lock()
        self._entries: list[bytes] = []
        self._sessions = 0  # begun so far, over the whole file
        self._cipher: AESGCM | None = None  # of our own session, once it has begun
        self._counter = 0
        try:
            self._file = os.open(path, os.O_RDONLY if reading else os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unwritable(error) from error
        try:
            if reading:
                self._end = self._read(self._all())
            else:
                self._take(Path(path))
        except BaseException:
            os.close(self._file)
            raise

    def _take(self, path: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveBusy("another run is working with this journal") from None
        try:
            data = self._all()
            self._end = self._read(data)
            if self._end != len(data):
                os.ftruncate(self._file, self._end)
            if self._end == 0:
                self._write(MAGIC)
                self._fsync()
                _fsync_folder(path.parent)
        except OSError as error:
            raise _unwritable(error) from error

    def _all(self) -> bytes:
        try:
            with os.fdopen(os.dup(self._file), "rb") as file:
                return file.read()
        except OSError as error:
            raise _unwritable(error) from error

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, data: bytes, *, sync: bool = False) -> None:
        """Add an entry; with `sync` it is on the disk on return. Thread-safe.

        Raises:
            UsageError: the entry is larger than 16 MiB.
            GroupArchiveError: it could not be written, and the log is as it was before; or it was written and could not be
                synced, and a power cut may lose it.
        """
        if len(data) + TAG_SIZE > MAX_ENTRY:
            raise UsageError("an entry is too large for the journal")
        with self._lock:
            try:
                self._append(data)
                if sync:
                    self._fsync()
            except OSError as error:
                # The next entry needs a fresh key: this nonce may have been used, and the reader counts without holes.
                self._cipher = None
                raise _unwritable(error) from error

    def sync(self) -> None:
        """Return once everything appended is on the disk.

        Raises:
            GroupArchiveError: the disk refused.
        """
        with self._lock:
            try:
                self._fsync()
            except OSError as error:
                raise _unwritable(error) from error

    def close(self) -> None:
        """Sync and let go of the file. May be called twice."""
        if self._file < 0:
            return
        try:
            self.sync()
        finally:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, data: bytes) -> None:
        cipher = self._cipher or self._start()
        sealed = cipher.encrypt(self._nonce(), data, be64(self._sessions))
        self._counter += 1
        self._write(_prefix(len(sealed)) + sealed)

    def _start(self) -> AESGCM:
        salt = os.urandom(KEY_SIZE)
        self._write(_prefix(0) + salt)
        return self._begin(salt)

    def _begin(self, salt: bytes) -> AESGCM:
        self._cipher = AESGCM(expand(self._key, b"ga1/log" + lp(self._context, salt)))
        self._sessions += 1
        self._counter = 0
        return self._cipher

    def _nonce(self) -> bytes:
        return self._counter.to_bytes(NONCE_SIZE, "big")

    def _write(self, data: bytes) -> None:
        position = 0
        try:
            while position < len(data):
                position += os.pwrite(self._file, data[position:], self._end + position)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end += len(data)

    def _fsync(self) -> None:
        os.fsync(self._file)

    def _read(self, data: bytes) -> int:
        """Take in what stands in the file and return where its good part ends."""
        if not data.startswith(MAGIC):
            if MAGIC.startswith(data.rstrip(b"\0")) and len(data) <= len(MAGIC):
                return 0  # new, or killed while it was new
            raise UsageError("this file is not a journal of grouparchive")
        position = len(MAGIC)
        while position < len(data):
            after = self._read_one(data, position)
            if after is None:
                break
            position = after
        self._cipher = None
        return position

    def _read_one(self, data: bytes, start: int) -> int | None:
        """Take in one frame; its end, or None when it is the torn last one."""
        body = start + _PREFIX
        size = int.from_bytes(data[start : start + 4], "big")
        if len(data) < body or not data[start:].strip(b"\0"):
            return None
        # The length has its own check, or a flipped bit in it would make all that follows look torn off.
        if data[start:body] != _prefix(size) or size > MAX_ENTRY:
            raise Damaged("the journal is damaged")
        end = body + (size or KEY_SIZE)
        if end > len(data):
            return None
        if size == 0:
            self._begin(data[body:end])
            return end
        if self._cipher is None:
            raise Damaged("the journal is damaged")
        try:
            entry = self._cipher.decrypt(self._nonce(), data[body:end], be64(self._sessions))
        except InvalidTag:
            # After a power cut a file may have its length before its bytes, which then read as zeros.
            if end == len(data) and not data[end - TAG_SIZE :].strip(b"\0"):
                return None
            raise Damaged("the journal does not open: it is damaged, or belongs to something else") from None
        self._entries.append(entry)
        self._counter += 1
        return end


def _prefix(size: int) -> bytes:
    length = size.to_bytes(4, "big")
    return length + zlib.crc32(length).to_bytes(4, "big")


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(error: OSError) -> GroupArchiveError:
    return GroupArchiveError(
        f"the journal cannot be written: {plain_reason(error)}",
        hint="Check free space and rights of its folder, then run this again.",
    )
