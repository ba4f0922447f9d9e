"""An archive's file read page by page, without SQLite: for files in which SQLite no longer finds its way.

Only what the public description of the SQLite file format says about leaves of tables is needed: a leaf holds rows, and each
row tells by the number, types and sizes of its columns which of our tables it belongs to. What inner pages, indexes, the schema
and a page's own counters say is not relied upon. What is found proves nothing: whoever uses it checks digests and signatures.
All input is hostile; nothing here follows a pointer more often than a row's stated size allows, and memory does not grow with
the file beyond one bit a page.
"""

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

from grouparchive.archive.schema import MAX_VALUE, PAGE_SIZE, storage
from grouparchive.crypto.objects import CHUNK
from grouparchive.crypto.primitives import KEY_SIZE, TAG_SIZE
from grouparchive.crypto.signing import WRITER_ID_SIZE
from grouparchive.crypto.slots import SLOT_ID_SIZE
from grouparchive.crypto.vaults import PUBLIC_SIZE, SEALED_SIZE
from grouparchive.errors import Damaged, NoArchive

Value: TypeAlias = int | str | bytes

GENESIS_SIZE: Final = 5 * 4 + 8 + 2 * KEY_SIZE + 2 * PUBLIC_SIZE
_GENESIS_HEAD: Final = bytes.fromhex("00000008 0000000000000001 00000020")
_SIGNATURE_SIZE: Final = 64
_MAX_ROW: Final = CHUNK + TAG_SIZE
_MAX_TEXT: Final = 64

_LEAF: Final = 0x0D
_LEAF_HEAD: Final = 8
_FREE_AT: Final = 32
_LEAST_CELL: Final = 4
_INT_SIZE: Final = (0, 1, 2, 3, 4, 6, 8, 0, 0, 0)
"""Bytes of a value by its serial type, for types 0 to 9."""


class Place(NamedTuple):
    """Where a row begins in the file: the page, from 1, and the offset in it."""

    page: int
    offset: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A row that was found: the table it looks like, the first two columns (or what stands for them), where it is.

    `live` is whether the page counts it as one of its rows; others were deleted or moved, and may be older.
    """

    table: str
    name: bytes
    number: int
    place: Place
    live: bool


@dataclass(frozen=True, slots=True)
class _Head:
    """What a row says about itself before its columns begin."""

    rowid: int
    size: int  # of the payload, in bytes
    types: tuple[int, ...]
    body: int  # where the columns begin in the payload
    start: int  # where the payload begins in the page
    local: int  # bytes of the payload in this page
    end: int


_Fits: TypeAlias = Callable[[int], bool]


def _null(serial: int) -> bool:
    return serial == 0


def _int(serial: int) -> bool:
    return 1 <= serial <= 6 or serial in {8, 9}


def _text(serial: int) -> bool:
    return serial >= 13 and serial % 2 == 1 and serial <= 13 + 2 * _MAX_TEXT


def _blob(least: int, most: int) -> _Fits:
    return lambda serial: serial % 2 == 0 and 12 + 2 * least <= serial <= 12 + 2 * most


def _sized(size: int) -> _Fits:
    return _blob(size, size)


_SMALL: Final = _blob(0, 4096)
# The one integer that is a table's whole key is stored as the row's own number, and as NULL among its columns.
_SHAPES: Final[dict[str, tuple[_Fits, ...]]] = {
    "genesis": (_null, _sized(GENESIS_SIZE)),
    "slots": (_sized(SLOT_ID_SIZE), _text, _int, _text, _SMALL, _SMALL, _SMALL, _SMALL, _sized(KEY_SIZE)),
    "writers": (_sized(WRITER_ID_SIZE), _sized(KEY_SIZE), _sized(_SIGNATURE_SIZE)),
    "commits": (_sized(WRITER_ID_SIZE), _int, _blob(1, MAX_VALUE), _sized(_SIGNATURE_SIZE)),
    "keys": (_sized(KEY_SIZE), _int, _sized(SEALED_SIZE)),
    "rows": (_sized(KEY_SIZE), _int, _blob(TAG_SIZE + 1, _MAX_ROW)),
    "statements": (_null, _text, _blob(1, MAX_VALUE), _sized(_SIGNATURE_SIZE)),
}
_MOST_COLUMNS: Final = max(map(len, _SHAPES.values()))


class Pages:
    """The pages of a file. Use it in a `with` statement."""

    def __init__(self, path: Path) -> None:
        """Open it for reading only.

        Raises:
            NoArchive: there is no file.
            GroupArchiveError: it cannot be read.
        """
        if not path.is_file():
            raise NoArchive("there is no archive at this place")
        with storage():
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.count = -(-os.fstat(self._file).st_size // PAGE_SIZE)  # a page that is cut short counts as well
        self._free = self._free_pages()
        self.births: list[bytes] = []  # what may be a genesis, filled by `cells`
        self.unreadable: Counter[str] = (
            Counter()
        )  # rows that a page lists and that are none, by table; filled by `cells`

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def cells(self, progress: Callable[[int, int], None] | None = None) -> Iterator[Cell]:
        """All rows that look like one of ours, in the order of the file. `progress` counts pages."""
        for page in range(1, self.count + 1):
            if self._may_be_leaf(page):
                yield from self._cells_of(page)
            if progress and page % 1024 == 0:
                progress(page, self.count)

    def behind(self, mark: bytes, size: int) -> Iterator[bytes]:
        """What stands behind some bytes, wherever they are on a leaf: for a row that is known by its beginning alone."""
        for page in filter(self._may_be_leaf, range(1, self.count + 1)):
            data = self._page(page)
            at = data.find(mark)
            while at >= 0:
                at += len(mark)
                if at + size <= PAGE_SIZE:
                    yield data[at : at + size]
                at = data.find(mark, at)

    def load(self, place: Place) -> tuple[Value, ...]:
        """The columns of a row; a key that is the row's number stands in its column.

        Raises:
            Damaged: the row is not all there, or not of a shape that we know.
        """
        data = self._page(place.page)
        head = _parse(data, place.offset)
        if head is None or (table := _table(head.types)) is None:
            raise Damaged("a row of the archive is damaged")
        payload = data[head.start : head.start + head.local]
        if head.size > head.local:
            payload += self._overflow(data, head)
        values: list[Value] = []
        at = head.body
        for serial in head.types:
            end = at + _length(serial)
            values.append(_value(serial, payload[at:end]))
            at = end
        if table in {"genesis", "statements"}:
            values[0] = head.rowid
        return tuple(values)

    # --- pages ---------------------------------------------------------------------------------------------------

    def _read(self, offset: int, size: int) -> bytes:
        """What the disk gives: nothing where it cannot read any more."""
        try:
            return os.pread(self._file, size, offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""

    def _page(self, page: int) -> bytes:
        data = self._read((page - 1) * PAGE_SIZE, PAGE_SIZE)
        return data.ljust(PAGE_SIZE, b"\0")

    def _may_be_leaf(self, page: int) -> bool:
        """By its first bytes: whether it says so, or would without its first byte. Most pages are not, and are not read on."""
        head = self._read((page - 1) * PAGE_SIZE, _LEAF_HEAD + 2)
        if len(head) < _LEAF_HEAD + 2:
            return False
        if head[0] == _LEAF:
            return True
        count, begin, first = (int.from_bytes(head[at : at + 2], "big") for at in (3, 5, 8))
        return 0 < count <= PAGE_SIZE // _LEAST_CELL and _LEAF_HEAD + 2 * count <= begin <= first < PAGE_SIZE

    def _cells_of(self, page: int) -> Iterator[Cell]:
        data = self._page(page)
        listed = 0 if self._is_free(page) else int.from_bytes(data[3:5], "big")
        found: dict[int, int] = {}  # offset -> end
        tables: list[str] = []
        unreadable = 0
        lowest = PAGE_SIZE
        at = _LEAF_HEAD
        # The list of pointers ends where the rows begin. How many there are is not taken from the page: it may be damaged.
        while at + 2 <= lowest:
            offset = int.from_bytes(data[at : at + 2], "big")
            live = (at - _LEAF_HEAD) // 2 < listed
            at += 2
            if not at <= offset < PAGE_SIZE or offset in found:
                continue
            cell, end = self._cell(page, data, offset, live=live)
            if cell is not None:
                found[offset] = end
                lowest = min(lowest, offset)
                tables.append(cell.table)
                yield cell
            elif live and data[0] == _LEAF:
                unreadable += 1
        # A row whose pointer is damaged fills a gap between others, or stands where the page says that its rows begin.
        for offset in sorted({int.from_bytes(data[5:7], "big"), *found.values()} - found.keys()):
            if _LEAF_HEAD <= offset < PAGE_SIZE:
                cell, _ = self._cell(page, data, offset, live=False)
                if cell is not None:
                    unreadable -= 1
                    yield cell
        if unreadable > 0:
            self.unreadable[tables[-1] if tables else ""] += unreadable
        birth = data.find(_GENESIS_HEAD)
        if birth >= 0:
            self._born(data[birth : birth + GENESIS_SIZE])

    def _cell(self, page: int, data: bytes, offset: int, *, live: bool) -> tuple[Cell | None, int]:
        head = _parse(data, offset)
        table = _table(head.types) if head else None
        if head is None or table is None:
            return None, 0
        if table == "genesis":
            self._born(data[head.start + head.body : head.start + head.size])
        name, number = b"", head.rowid
        at = head.start + head.body
        if head.types[0]:
            name = data[at : at + _length(head.types[0])]
            at += len(name)
            number = 0
            if _int(head.types[1]):
                number = int(_value(head.types[1], data[at : at + _length(head.types[1])]))
        return Cell(table, name, number, Place(page, offset), live), head.end

    def _born(self, data: bytes) -> None:
        if len(data) == GENESIS_SIZE and data not in self.births and len(self.births) < 16:
            self.births.append(data)

    def _overflow(self, data: bytes, head: _Head) -> bytes:
        """The rest of a payload, in a chain of pages. Its length is known beforehand, so a circle ends too."""
        at = head.start + head.local
        page = int.from_bytes(data[at : at + 4], "big")
        left = head.size - head.local
        pieces = []
        while left > 0:
            if not 2 <= page <= self.count:
                raise Damaged("a row of the archive is cut short")
            data = self._read((page - 1) * PAGE_SIZE, 4 + min(left, PAGE_SIZE - 4))
            piece = data[4:]
            if len(piece) < min(left, PAGE_SIZE - 4):
                raise Damaged("a row of the archive is cut short")
            pieces.append(piece)
            left -= len(piece)
            page = int.from_bytes(data[:4], "big")
        return b"".join(pieces)

    # --- pages that are in no use --------------------------------------------------------------------------------

    def _free_pages(self) -> bytearray:
        """One bit for each page: whether the list of free pages names it."""
        free = bytearray(self.count // 8 + 1)
        trunk = int.from_bytes(self._read(_FREE_AT, 4), "big")
        while 2 <= trunk <= self.count and not free[trunk // 8] >> trunk % 8 & 1:
            free[trunk // 8] |= 1 << trunk % 8
            data = self._page(trunk)
            entries = min(int.from_bytes(data[4:8], "big"), PAGE_SIZE // 4 - 2)
            for at in range(8, 8 + 4 * entries, 4):
                page = int.from_bytes(data[at : at + 4], "big")
                if 2 <= page <= self.count:
                    free[page // 8] |= 1 << page % 8
            trunk = int.from_bytes(data[:4], "big")
        return free

    def _is_free(self, page: int) -> bool:
        return bool(self._free[page // 8] >> page % 8 & 1)


def _parse(data: bytes, offset: int) -> _Head | None:
    """The head of the row at an offset of a page; None where there is none."""
    size, at = _varint(data, offset)
    rowid, start = _varint(data, at)
    if not 2 <= size <= MAX_VALUE + 4096 or start >= PAGE_SIZE:
        return None
    local = _local(size)
    end = max(start + local + (4 if local < size else 0), offset + _LEAST_CELL)
    body, at = _varint(data, start)
    if end > PAGE_SIZE or not 2 <= body <= min(local, 64):
        return None
    types: list[int] = []
    while at < start + body:
        serial, at = _varint(data, at)
        if len(types) == _MOST_COLUMNS:
            return None
        types.append(serial)
    if at != start + body or body + sum(map(_length, types)) != size:
        return None
    return _Head(rowid - (1 << 64) if rowid >> 63 else rowid, size, tuple(types), body, start, local, end)


def _local(size: int) -> int:
    """How much of a payload stands in its leaf."""
    most = PAGE_SIZE - 35
    if size <= most:
        return size
    least = (PAGE_SIZE - 12) * 32 // 255 - 23
    local = least + (size - least) % (PAGE_SIZE - 4)
    return local if local <= most else least


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of 1 to 9 bytes, and where it ends; 0 beyond the end of the data."""
    value = 0
    for _ in range(8):
        if at >= len(data):
            return 0, at
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    return (value << 8 | data[at], at + 1) if at < len(data) else (0, at)


def _table(types: tuple[int, ...]) -> str | None:
    """The table whose rows have columns of such types and sizes."""
    for table, shape in _SHAPES.items():
        if len(shape) == len(types) and all(fits(serial) for fits, serial in zip(shape, types, strict=True)):
            return table
    return None


def _length(serial: int) -> int:
    return _INT_SIZE[serial] if serial < len(_INT_SIZE) else max(0, serial - 12) // 2


def _value(serial: int, data: bytes) -> Value:
    """One column. Only for the types that `_SHAPES` lets through."""
    if serial in {8, 9}:
        return serial - 8
    if serial < 12:
        return int.from_bytes(data, "big", signed=True)
    return data if serial % 2 == 0 else data.decode("utf-8", "replace")
