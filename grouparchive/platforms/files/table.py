"""CSV and its relatives, from any program: the encoding and the delimiter are found out, quotation marks may be wrong, and
no row is taken whose size has no bound.
"""

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from grouparchive.errors import BadExport
from grouparchive.model.records import Known
from grouparchive.platforms.files.box import Box
from grouparchive.platforms.files.lines import blocks

LONGEST: Final = 256 * 1024
"""Bytes of a line."""
MOST_LINES: Final = 50  # that one row may run over
MOST: Final = 1024 * 1024  # characters of ten of them
MOST_CELLS: Final = 2000
MOST_BREAKS: Final = 20
"""Line ends in one cell of a list of people."""
MOST_PEOPLE: Final = 200_000
"""Rows of one list of people."""
DELIMITERS: Final = ",;\t|"

_HEAD: Final = 64 * 1024
_QUOTED: Final = re.compile(r'"(?:[^"]|"")*+"?')
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip

Tell = Callable[[str, str], None]
"""tell(code, where): something could not be read."""


def encoding_of(head: bytes, *, whole: bool) -> str:
    """What the begin of a file is written in. Old programs write the encoding of their Windows: Western, or Cyrillic where
    there are more letters of that sort than plain ones.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if head[1:200:2].count(0) > 20:
        return "utf-16-le"
    if head[0:200:2].count(0) > 20:
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        high = sum(byte >= 0xC0 for byte in head)
        plain = sum(chr(byte).isalpha() for byte in head if byte < 0x80)
        return "cp1251" if high > plain / 2 and sum(byte >= 0xE0 for byte in head) > high / 2 else "cp1252"
    return "utf-8"


def delimiter_of(line: str) -> str:
    """What stands between the cells of a header."""
    bare = _QUOTED.sub("", line)
    return max(DELIMITERS, key=bare.count)


def heading(text: str) -> str:
    """A heading as it is compared."""
    return re.sub(r"[\s_]+", " ", text.strip(" \"'*:.\ufeff")).casefold()


def cell(cells: Sequence[str], place: int, longest: int = 1024) -> str:
    """What stands in a row at a place; "" where nothing does."""
    return cells[place].strip()[:longest] if 0 <= place < len(cells) else ""


class Table:
    """Rows of cells. `header` is the first row that is not empty, `places` says which heading stands where, `rows` gives the
    other rows with the number of their line. A line "sep=;", as spreadsheets write it, is no row.

    Args:
        head: how it begins.
        pieces: gives all of it.
        whole: is the head all of it?
        delimiter: what stands between the cells; else it is found out.
    """

    def __init__(
        self, head: bytes, pieces: Callable[[], Iterable[bytes]], *, whole: bool = True, delimiter: str = ""
    ) -> None:
        self._pieces = pieces
        self.encoding = encoding_of(head, whole=whole)
        self._skip = 0
        text = head.decode(self.encoding, "replace").lstrip("\ufeff")
        self._old = "\n" not in text and "\r" in text  # line ends as old spreadsheets for the Mac write them
        lines = [line.strip("\r") for line in (text.replace("\r", "\n") if self._old else text).split("\n")[:20]]
        self.delimiter = delimiter
        while lines and (not lines[0].strip(" \0,;\t") or re.fullmatch(r"sep=(.)", lines[0])):
            told = re.fullmatch(r"sep=(.)", lines[0])
            self.delimiter = told[1] if told else self.delimiter
            lines.pop(0)
            self._skip += 1
        first = lines[0] if lines else ""
        self.delimiter = self.delimiter or delimiter_of(first)
        rows = self._parsed([(1, line + "\n") for line in lines], lambda *_: None)
        self.header = [one.strip() for one in next(rows, (0, []))[1]]
        self.places: dict[str, int] = {}
        for place, one in enumerate(self.header):
            self.places.setdefault(heading(one), place)

    @classmethod
    def of(cls, box: Box, entry: str) -> "Table":
        """The table in a file of an export."""
        head = box.head(entry, _HEAD)
        return cls(head, lambda: box.pieces(entry), whole=len(head) == box.entries[entry])

    @classmethod
    def beginning(cls, head: bytes, delimiter: str = "") -> "Table":
        """A table of which only this much is looked at."""
        return cls(head, lambda: (head,), delimiter=delimiter)

    def rows(self, tell: Tell) -> Iterator[tuple[int, list[str]]]:
        """Each row below the header, with the number of its line."""
        return islice(self.every(tell), 1, None)

    def every(self, tell: Tell) -> Iterator[tuple[int, list[str]]]:
        """Each row, the header too, with the number of its line."""
        return self._parsed(self._lines(tell), tell)

    def _lines(self, tell: Tell) -> Iterator[tuple[int, str]]:
        """Lines as text. UTF-16 is decoded first: its line ends are no single bytes."""
        wide = self.encoding.startswith("utf-16")
        pieces = self._pieces()
        if wide:
            pieces = narrowed(pieces, self.encoding)
        if self._old:
            pieces = (piece.replace(b"\r", b"\n") for piece in pieces)
        encoding = "utf-8" if wide else self.encoding
        for block in blocks(pieces, LONGEST):
            for number, line in enumerate(block.lines, block.first):
                if line is None:
                    tell(Known.LINE_TOO_LONG, f"line {number:,}")
                elif number > self._skip:
                    text = line.decode(encoding, "replace").replace("\0", "").removesuffix("\r")
                    yield from ((number, f"{part}\n") for part in _apart(text))
            if block.broken:
                tell(Known.FILE_DAMAGED, "")

    def _parsed(self, lines: Iterable[tuple[int, str]], tell: Tell) -> Iterator[tuple[int, list[str]]]:
        """Rows. Where a quotation mark is never closed, its lines are read again, each for itself."""
        taken: list[tuple[int, str]] = []
        lines = iter(lines)

        def feed() -> Iterator[str]:
            for number, line in lines:
                taken.append((number, line))
                if len(taken) > MOST_LINES or sum(len(one) for _, one in taken[-10:]) > MOST:
                    raise csv.Error
                yield line

        source = feed()
        while True:
            reader = csv.reader(source, delimiter=self.delimiter, skipinitialspace=True)
            try:
                row = next(reader, None)
                lost = row is not None and len(taken) > 1 and _runaway(row, taken)
            except csv.Error:
                row, lost = [], True
                source = feed()  # the one that raised has ended
            again, taken[:] = taken[:], []
            if row is None:
                return
            rows = self._singly(again) if lost else iter([(again[0][0], row)] if again else [])
            for number, cells in rows:
                if len(cells) > MOST_CELLS:
                    tell(Known.ROW_UNREADABLE, f"line {number:,}")
                elif any(one.strip() for one in cells):
                    yield number, cells

    def _singly(self, lines: list[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
        """Each line as a row of its own, whatever quotation marks stand in it."""
        for number, line in lines:
            try:
                even = line.count('"') % 2 == 0
                cells = next(csv.reader([line], delimiter=self.delimiter, skipinitialspace=True), []) if even else []
            except csv.Error:
                cells = []
            yield number, cells or [one.strip().strip('"') for one in line.split(self.delimiter)]


def lone(box: Box, pattern: str) -> str:
    """The one file of a box, where its name ends as asked; "" otherwise."""
    names = list(box.entries)
    return names[0] if len(names) == 1 and re.fullmatch(pattern, names[0], re.IGNORECASE | re.DOTALL) else ""


def _apart(line: str) -> list[str]:
    """A line that has ends of another sort in it, outside of cells."""
    parts = line.split("\r")
    return parts if all(part.count('"') % 2 == 0 for part in parts) else [line]


def _runaway(row: list[str], lines: list[tuple[int, str]]) -> bool:
    """Has a quotation mark that nobody closed swallowed the next rows? Then marks do not come in pairs, or there is no end."""
    unpaired = sum(line.count('"') for _, line in lines) % 2 == 1
    return unpaired or any(one.count("\n") > MOST_BREAKS for one in row)


def narrowed(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """UTF-16 as UTF-8, piece by piece."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    first = True
    try:
        for piece in pieces:
            text = decoder.decode(piece)
            yield (text.removeprefix("\ufeff") if first else text).encode("utf-8", "replace")
            first = False
    except BadExport:
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")
        raise
