"""Zips, read in place: whole ones by their list of files, those that end early by what stands before each file."""

import os
import stat
import zipfile
from pathlib import Path
from typing import IO, Final, cast

from grouparchive.errors import BadExport
from grouparchive.model.records import Gap, Known
from grouparchive.platforms.files.box import BROKEN, MOST_ENTRIES, Box, FileBox, FolderBox, clean, digest, plain
from grouparchive.platforms.files.torn_zip import Entry, Member, entries

_APART: Final = 8 * 1024  # read ahead in a zip: its files are asked for in any order
_MOST_DIRECTORY: Final = 32 * 1024 * 1024  # bytes of a zip's list of files; in memory it takes some ten times as much
_MOST_END: Final = 128 * 1024  # bytes at the end of a zip that tell where its list of files is
_BOMB_BYTES: Final = 256 * 1024 * 1024
_BOMB_RATIO: Final = 250


class _NoList(BadExport):
    """A zip without a list of its files."""


class _Zip(Box):
    """A zip of either kind."""

    def _digest(self) -> bytes:
        """Of the zip's bytes."""
        return digest(self.path)

    def _allows(self, name: str, kind: int, sizes: tuple[int, int], *, encrypted: bool) -> bool:
        """May a file be read? Counts those that may not. `sizes`: in the zip and unpacked; `kind`: its mode or 0."""
        packed, size = sizes
        bomb = is_bomb(packed, size)
        if encrypted:
            self._refused[Known.FILE_ENCRYPTED] += 1
        elif not name or name in self.entries or bomb or (stat.S_IFMT(kind) and not stat.S_ISREG(kind)):
            self._refused[Known.FILE_REFUSED] += 1
        else:
            return True
        return False


class ZipBox(_Zip):
    """A zip with a list of its files."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._inside: dict[str, zipfile.ZipInfo] = {}
        self._file = plain(path, _APART)
        if _directory(self._file) > _MOST_DIRECTORY:
            self._file.close()
            raise BadExport("there are too many files in this zip")
        try:
            self._zip = zipfile.ZipFile(self._file)
        except BROKEN as error:
            self._file.close()
            raise _NoList("this zip file is damaged or was not downloaded to its end") from error
        try:
            self._list(path.stat().st_size)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it."""
        self._zip.close()
        self._file.close()

    def _list(self, size: int) -> None:
        packed = 0
        for info in self._zip.infolist():
            packed += info.compress_size
            if info.is_dir():
                continue
            name = clean(_decoded(info))
            sizes = (info.compress_size, info.file_size)
            if self._allows(name, info.external_attr >> 16, sizes, encrypted=bool(info.flag_bits & 1)):
                self._inside[name] = info
                self.entries[name] = info.file_size
        if packed > size:
            raise BadExport("the files in this zip lie over each other: it is made to do harm")

    def _open(self, name: str) -> IO[bytes]:
        return self._zip.open(self._inside[name])


class TornZipBox(_Zip):
    """A zip that ends early, or whose list of files is damaged: what is in it up to there."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._inside: dict[str, Entry] = {}
        with plain(path) as file:
            for number, (raw, one) in enumerate(entries(file, bomb=is_bomb)):
                if number >= MOST_ENTRIES:
                    raise BadExport("there are too many files in this zip")
                if raw.endswith(b"/"):
                    continue
                name = clean(_name(raw))
                if self._allows(name, 0, (one.packed, one.size), encrypted=one.encrypted):
                    self._inside[name] = one
                    self.entries[name] = one.size

    @property
    def gaps(self) -> list[Gap]:
        """That it ends early, and what in it cannot be used."""
        return [
            Gap(code=Known.FILE_DAMAGED, detail="the zip ends early, or its list of files is damaged"),
            *super().gaps,
        ]

    def _open(self, name: str) -> IO[bytes]:
        return cast("IO[bytes]", Member(plain(self.path), self._inside[name]))


def open_box(path: Path) -> Box:
    """Open a file, a folder or a zip.

    Raises:
        BadExport: it cannot be read.
    """
    if path.is_dir():
        return FolderBox(path)
    with plain(path) as file:
        begins = file.read(4)
    if begins not in {b"PK\x03\x04", b"PK\x05\x06"}:
        return FileBox(path)
    try:
        return ZipBox(path)
    except _NoList:
        box = TornZipBox(path)
        if not box.entries:
            raise
        return box


def is_bomb(packed: int, size: int) -> bool:
    """Is a file far larger than what packs it could honestly hold?"""
    return size > _BOMB_BYTES and size > _BOMB_RATIO * max(packed, 1)


def _directory(file: IO[bytes]) -> int:
    """How many bytes a zip's list of files has, as the zip says; the library reads that many at once."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _MOST_END, 0))
    end = file.read(_MOST_END)
    at = end.rfind(b"PK\x05\x06")
    said = end[at + 12 : at + 16] if at >= 0 else b""
    if said == b"\xff\xff\xff\xff":  # too large for its place: see the record before
        at = end.rfind(b"PK\x06\x06", 0, at)
        said = end[at + 40 : at + 48] if at >= 0 else said
    return int.from_bytes(said, "little")


def _decoded(info: zipfile.ZipInfo) -> str:
    """A name as it was meant: many programs write UTF-8 and do not say so."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _name(raw: bytes) -> str:
    """Likewise, of its bytes."""
    try:
        return raw.decode("utf-8")
    except UnicodeError:
        return raw.decode("cp437")
