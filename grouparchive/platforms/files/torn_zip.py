"""Zips without a list of their files: a download that broke off, a stick that was pulled out. Before each file in a zip stands
a header of its own; they are followed from the first one to where nothing sound follows (APPNOTE.TXT of the format, 4.3.7 to
4.3.9).
"""

import io
import os
import zlib
from collections.abc import Callable, Iterator
from struct import Struct
from typing import IO, Any, Final, NamedTuple

_HEADER: Final = Struct("<4s5H3L2H")
_LOCAL: Final = b"PK\x03\x04"
_AFTER: Final = (_LOCAL, b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x08", b"")
_SUMS: Final = b"PK\x07\x08"
_ENCRYPTED: Final = 0x1
_SUMS_AFTER: Final = 0x8  # sizes and checksum stand behind the file
_WIDE: Final = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_PIECE: Final = 64 * 1024
_MOST_AT_ONCE: Final = 1024 * 1024


class Entry(NamedTuple):
    """A file in a zip: where its bytes begin, how many there are, and unpacked; its checksum; whether the zip has all of it."""

    start: int
    packed: int
    size: int
    crc: int
    method: int
    encrypted: bool
    whole: bool


def entries(file: IO[bytes], bomb: Callable[[int, int], bool]) -> Iterator[tuple[bytes, Entry]]:
    """Name and place of each file in a zip, in the order of the zip; the last one may lack its end.

    Args:
        file: the zip, open for reading.
        bomb: (bytes in the zip, bytes unpacked) -> is it made to do harm? Asked while a file of unknown size is unpacked.
    """
    end = file.seek(0, os.SEEK_END)
    at = 0
    while len(raw := _bytes(file, at, _HEADER.size)) == _HEADER.size:
        sign, _, flags, method, _, _, crc, packed, size, length, extra = _HEADER.unpack(raw)
        name = _bytes(file, at + _HEADER.size, length)
        start = at + _HEADER.size + length + extra
        if sign != _LOCAL or not name or start > end:
            return
        if _WIDE in {packed, size}:
            size, packed = _wide(_bytes(file, at + _HEADER.size + length, extra), size, packed)
        one = Entry(start, packed, size, crc, method, bool(flags & _ENCRYPTED), whole=start + packed <= end)
        if flags & _SUMS_AFTER and not packed:
            one = _measured(file, one, end, bomb)
            yield name, one
            if not one.whole:
                return
            at = _behind_sums(file, one)
            continue
        yield name, one if one.whole else one._replace(packed=end - start)
        at = start + packed


class Member(io.RawIOBase):
    """A file of such a zip, from its begin. It closes the zip that it was given.

    Reading raises `EOFError` where the bytes end early, `zlib.error` and `ValueError` where they are damaged, after all that
    could be unpacked was given.
    """

    def __init__(self, file: IO[bytes], entry: Entry) -> None:
        super().__init__()
        self._file = file
        self._entry = entry
        self._rewind()

    def _rewind(self) -> None:
        self._left = self._entry.packed
        self._crc = self._place = 0
        self._unpack = zlib.decompressobj(-15) if self._entry.method == _DEFLATED else None
        self._file.seek(self._entry.start)

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def seekable(self) -> bool:
        """By reading on, or again."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place counted from the begin or from here."""
        if whence == io.SEEK_END:
            raise ValueError("the end is not known")
        goal = offset + (self._place if whence == io.SEEK_CUR else 0)
        if goal < self._place:
            self._rewind()
        while self._place < goal and self.read(min(goal - self._place, _MOST_AT_ONCE)):
            pass
        return self._place

    def tell(self) -> int:
        """Where it is."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """The next bytes."""
        piece = self._next(len(buffer))
        buffer[: len(piece)] = piece
        self._crc = zlib.crc32(piece, self._crc)
        self._place += len(piece)
        if not piece and len(buffer):
            if not self._entry.whole:
                raise EOFError("the zip ends in this file")
            if self._crc != self._entry.crc:
                raise ValueError("the checksum does not fit")
        return len(piece)

    def _next(self, most: int) -> bytes:
        if self._unpack is None:
            if self._entry.method != _STORED:
                raise NotImplementedError("packed in a way that is not known")
            return self._packed(most)
        while not self._unpack.eof:
            waiting = self._unpack.unconsumed_tail or self._packed(_PIECE)
            if not waiting:
                if self._entry.whole:
                    raise EOFError("the file ends early")
                return b""
            if piece := self._unpack.decompress(waiting, most):
                return piece
        return b""

    def _packed(self, most: int) -> bytes:
        piece = self._file.read(min(most, self._left))
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """Let go of the zip."""
        self._file.close()
        super().close()


def _bytes(file: IO[bytes], at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _wide(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    """(size unpacked, size in the zip) of a file of more than 4 GiB."""
    while len(extra) >= 4:
        kind, length = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        if kind == 1 and length >= 16:
            return int.from_bytes(extra[4:12], "little"), int.from_bytes(extra[12:20], "little")
        extra = extra[4 + length :]
    return size, packed


def _measured(file: IO[bytes], one: Entry, end: int, bomb: Callable[[int, int], bool]) -> Entry:
    """An entry whose size stands behind it: unpack it, or look for what stands behind."""
    if one.method == _DEFLATED and not one.encrypted:
        return _unpacked(file, one, end, bomb)
    torn = one._replace(packed=end - one.start, size=end - one.start, whole=False)
    return _sought(file, one, end) if one.method == _STORED else torn


def _unpacked(file: IO[bytes], one: Entry, end: int, bomb: Callable[[int, int], bool]) -> Entry:
    unpack = zlib.decompressobj(-15)
    file.seek(one.start)
    size = crc = read = 0
    rest = b""
    try:
        while not unpack.eof and (piece := unpack.unconsumed_tail or file.read(_PIECE)):
            read += 0 if unpack.unconsumed_tail else len(piece)
            made = unpack.decompress(piece, _MOST_AT_ONCE)
            size += len(made)
            crc = zlib.crc32(made, crc)
            if bomb(read, size):
                return one._replace(packed=1, size=size, whole=False)
        rest = unpack.unused_data
    except zlib.error:
        return one._replace(packed=end - one.start, size=size, whole=False)
    return one._replace(packed=read - len(rest), size=size, crc=crc, whole=unpack.eof)


def _sought(file: IO[bytes], one: Entry, end: int) -> Entry:
    """A file that is not packed: up to the sums that say how long it is."""
    file.seek(one.start)
    read, window = 0, b""
    while piece := file.read(_PIECE):
        window = window[-24:] + piece
        read += len(piece)
        begin = read - len(window)
        at = window.find(_SUMS)
        while at >= 0:
            sums = _bytes(file, one.start + begin + at, 24)
            crc, said = int.from_bytes(sums[4:8], "little"), int.from_bytes(sums[8:12], "little")
            if said == begin + at:
                return one._replace(packed=said, size=said, crc=crc)
            at = window.find(_SUMS, at + 1)
        file.seek(one.start + read)
    return one._replace(packed=end - one.start, size=end - one.start, whole=False)


def _behind_sums(file: IO[bytes], one: Entry) -> int:
    """Where the next header stands: the sums have 12 or 20 bytes, with or without their own sign."""
    at = one.start + one.packed
    if _bytes(file, at, 4) == _SUMS:
        at += 4
    short, long = at + 12, at + 20
    return short if _bytes(file, short, 4) in _AFTER or _bytes(file, long, 4) not in _AFTER else long
