"""What people have: a file, a folder or a zip, opened for reading only. All of it is hostile: names are cleaned, links are not
followed, bombs are refused, and what breaks while it is read is a `BadExport`. Nothing is ever unpacked to the disk.
"""

import hashlib
import io
import os
import re
import stat
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from grouparchive.errors import BadExport, NotFound
from grouparchive.model.records import Gap, Known

PIECE: Final = 1024 * 1024
HEAD: Final = 64 * 1024
MOST_ENTRIES: Final = 2_000_000
MOST_BYTES: Final = 256 * 1024 * 1024  # of a file that is read whole
BROKEN: Final = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError)
"""Errors of reading a damaged file."""

_SMALL: Final = 64 * 1024  # read at once: so much is lost, at most, before a place that is damaged
_LONGEST_NAME: Final = 4096
_NOBODYS: Final = re.compile(r"(?:^|/)(?:\.|__MACOSX/|Thumbs\.db$|desktop\.ini$)")


class Box(ABC):
    """Files by name. `entries` is name -> size in bytes; names are relative, with "/" between folders, never "..".

    `label` is the name of what was given, `modified` when it was last changed (milliseconds), `gaps` what in it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.label = _said(path.name)
        self.entries: dict[str, int] = {}
        self._asked: set[str] = set()
        self._known_by = b""
        self._refused: Counter[str] = Counter()
        try:
            self.modified = path.stat().st_mtime_ns // 1_000_000
        except OSError as error:
            raise BadExport(f"a file cannot be read: {(error.strerror or 'unknown reason').lower()}") from error

    @property
    def gaps(self) -> list[Gap]:
        """What in the box cannot be used."""
        return [Gap(code=code, count=count) for code, count in sorted(self._refused.items())]

    def open(self, name: str) -> io.BufferedReader:
        """A file for streaming; seeking in a packed one is slow. Reading raises `BadExport` where it is damaged. Thread-safe.

        Raises:
            NotFound: there is no such file.
            BadExport: it cannot be opened.
        """
        self.ask(name)
        return self._guarded(name)

    def pieces(self, name: str, size: int = PIECE, *, start: int = 0) -> Iterator[bytes]:
        """A file's bytes in pieces of at most `size`, from byte `start`. Raises as `open`, after all before the break."""
        with self.open(name) as file:
            if start:
                file.seek(start)
            while piece := file.read1(size):  # what was read before a break would be lost in a longer `read`
                yield piece

    def head(self, name: str, size: int = HEAD) -> bytes:
        """How a file begins; b"" where it cannot be read."""
        try:
            with self._guarded(name) as file:
                return file.read(size)
        except BadExport:
            return b""

    def read(self, name: str, limit: int = MOST_BYTES) -> bytes:
        """A whole file that ought to be small.

        Raises:
            NotFound, BadExport: as `open`; BadExport also when it is larger than `limit` bytes.
        """
        self.ask(name)
        try:
            with self._open(name) as file:
                data = file.read(limit + 1)
        except BROKEN as error:
            raise torn() from error
        if len(data) > limit:
            raise BadExport("a file of the export is far larger than it ought to be")
        return data

    def named(self, pattern: str) -> list[str]:
        """The names that match a regular expression as a whole, in order."""
        fits = re.compile(pattern).fullmatch
        return sorted(name for name in self.entries if fits(name))

    def ask(self, name: str) -> None:
        """Somebody has a use for this file.

        Raises:
            NotFound: there is no such file.
        """
        if name not in self.entries:
            raise NotFound("there is no such file in the export")
        self._asked.add(name)

    def unasked(self) -> int:
        """How many files nobody had a use for, those of the system left aside."""
        return sum(name not in self._asked and not _NOBODYS.search(name) for name in self.entries)

    def fingerprint(self) -> bytes:
        """32 bytes that change when anything in it does."""
        self._known_by = self._known_by or self._digest()
        return self._known_by

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of it."""

    def _guarded(self, name: str) -> io.BufferedReader:
        if name not in self.entries:
            raise torn()
        try:
            return io.BufferedReader(Guarded(self._open(name)), PIECE)
        except BROKEN as error:
            raise torn() from error

    @abstractmethod
    def _open(self, name: str) -> IO[bytes]: ...

    @abstractmethod
    def _digest(self) -> bytes: ...


class FileBox(Box):
    """A lone file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.entries = {self.label: path.stat().st_size}

    def _digest(self) -> bytes:
        """Of the file's bytes."""
        return digest(self.path)

    def _open(self, name: str) -> IO[bytes]:  # noqa: ARG002 - there is only one
        return plain(self.path)


class FolderBox(Box):
    """A folder and all below it. Links are left out."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._state = hashlib.sha256()
        self._real: dict[str, Path] = {}  # where the name on the disk is no text
        for folder, folders, files in os.walk(path):
            folders.sort()
            inside = Path(folder)
            self._refused[Known.FILE_REFUSED] += sum((inside / one).is_symlink() for one in folders)
            for file in sorted(files):
                full = inside / file
                found = full.lstat()
                if not stat.S_ISREG(found.st_mode):
                    self._refused[Known.FILE_REFUSED] += 1
                    continue
                real = full.relative_to(path).as_posix()
                name = _said(real)
                if name in self.entries:
                    self._refused[Known.FILE_REFUSED] += 1
                    continue
                if name != real:
                    self._real[name] = full
                self.entries[name] = found.st_size
                self._state.update(f"{real}\0{found.st_size}\0{found.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
                if len(self.entries) > MOST_ENTRIES:
                    raise BadExport("there are too many files in this folder", hint="Name the folder of one export.")
        self._refused += Counter()  # without those that are 0

    def _digest(self) -> bytes:
        """Of names, sizes and times: the media of a large export is not read for it."""
        return self._state.digest()

    def _open(self, name: str) -> IO[bytes]:
        return plain(self._real.get(name, self.path / name))


class Guarded(io.RawIOBase):
    """A stream whose faults are `BadExport`. It seeks where the file does: in a packed one that reads all before, again if it
    goes back.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes. Raises `BadExport`."""
        try:
            piece = self._file.read(min(len(buffer), _SMALL))
        except BROKEN as error:
            raise torn() from error
        buffer[: len(piece)] = piece
        return len(piece)

    def seekable(self) -> bool:
        """Does the file seek?"""
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place. Raises `BadExport`."""
        try:
            return self._file.seek(offset, whence)
        except BROKEN as error:
            raise torn() from error

    def tell(self) -> int:
        """Where it is."""
        return self._file.tell()

    def close(self) -> None:
        """Let go of it."""
        self._file.close()
        super().close()


def torn() -> BadExport:
    """What is raised for a file that breaks while it is read."""
    return BadExport("a file of the export is damaged or ends early")


def plain(path: Path, buffer: int = PIECE) -> IO[bytes]:
    """Open a file that is one: a pipe would wait for ever."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise BadExport(f"a file cannot be read: {reason}", hint="Check its path and its rights.") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise BadExport("this is no ordinary file", hint="Name a file, a zip or a folder.")
    return os.fdopen(handle, "rb", buffering=buffer)


def digest(path: Path) -> bytes:
    """SHA-256 of a file."""
    with plain(path) as file:
        return hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]


def _said(name: str) -> str:
    """A name on the disk as text: it may be of any bytes."""
    return os.fsencode(name).decode("utf-8", "replace")


def clean(name: str) -> str:
    """A relative name; "" where it leads elsewhere, or is longer than any disk would take."""
    if len(name) > _LONGEST_NAME:
        return ""
    parts = name.replace("\\", "/").split("/")
    odd = any(part in {"", ".", ".."} or "\0" in part for part in parts)
    return "" if odd or re.match(r"[A-Za-z]:", name) else "/".join(parts)
