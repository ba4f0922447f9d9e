"""Finds where a JSON value ends, in a document of which only a part is in memory. Used by `json_stream`; nothing here decodes.

Raw control characters never stand inside a JSON string and words outside of one are only `true`, `false`, `null` and numbers,
so a lost quotation mark is noticed within a few bytes, not at the end of the document.
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from grouparchive.errors import BadExport

BLOCK: Final = 1024 * 1024
WHITE: Final = re.compile(rb"[ \t\r\n]*+")

_STRING: Final = rb'"[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+"'
_BETWEEN: Final = re.compile(rb"(?:[\s,:]++|" + _STRING + rb"|[-+.0-9eE]++|true|false|null)*+")
_IN_STRING: Final = re.compile(rb'(?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+')
_PLAIN: Final = re.compile(rb"[-+.0-9A-Za-z]*+")
_WORDS: Final = (b"true", b"false", b"null")
_QUOTE, _BACKSLASH = 0x22, 0x5C
_OPENING: Final = frozenset(b"{[")
_CLOSING: Final = frozenset(b"}]")


class Found(Enum):
    """What became of looking for the end of a value."""

    MORE = "the text that is there ends first"
    WHOLE = "the end was found"
    BAD = "here stands what cannot stand in JSON"
    LARGE = "it is larger than allowed"
    CUT = "the document ends first"


class Scan:
    """Looks for the end of one value, as often as the text goes on. Brackets are counted, not matched: decoding does that."""

    __slots__ = ("_depth", "_plain", "_quoted")

    def __init__(self) -> None:
        self._plain = False  # a number or a word
        self._quoted = False
        self._depth = 0

    def feed(self, data: bytes, at: int) -> tuple[Found, int]:
        """Read on at `data[at]`; the position that comes back is where to go on, or where the value ends, or the fault."""
        if not self._depth and not self._quoted:  # its first byte
            if at == len(data):
                return Found.MORE, at
            if self._plain or (data[at] != _QUOTE and data[at] not in _OPENING):
                return self._number(data, at)
            self._bracket(data[at])
            at += 1
        while True:
            if self._quoted:
                at = _end(_IN_STRING, data, at)
                if at == len(data) or data[at] != _QUOTE:
                    more = at == len(data) or (data[at] == _BACKSLASH and at + 1 == len(data))
                    return (Found.MORE if more else Found.BAD), at
                self._quoted = False
                at += 1
            if self._depth:
                at = _end(_BETWEEN, data, at)
                if at == len(data) or not self._bracket(data[at]):
                    return (Found.MORE if _goes_on(data, at) else Found.BAD), at
                at += 1
            if not self._depth and not self._quoted:
                return Found.WHOLE, at

    def _number(self, data: bytes, at: int) -> tuple[Found, int]:
        """Read on in a number or a word; `data` has more."""
        end = _end(_PLAIN, data, at)
        if end == at:
            return (Found.WHOLE if self._plain else Found.BAD), at
        self._plain = True
        return (Found.MORE if end == len(data) else Found.WHOLE), end

    def _bracket(self, char: int) -> bool:
        """Take a bracket or the quotation mark of a string that is not there to its end. False: it is something else."""
        if char in _OPENING:
            self._depth += 1
        elif char in _CLOSING:
            self._depth -= 1
        elif char == _QUOTE:
            self._quoted = True
        else:
            return False
        return True


class Window:
    """The part of a document that is in memory: `data[at:]` is what was not taken yet, `base` where `data` begins.

    A source that breaks (`BadExport`) just ends; `broken` is then the error.
    """

    def __init__(self, pieces: Iterable[bytes], block: int = BLOCK) -> None:
        self.data = b""
        self.at = 0
        self.base = 0
        self.broken: BadExport | None = None
        self._pieces: Iterator[bytes] = iter(pieces)
        self._block = block

    @property
    def position(self) -> int:
        """Where `at` lies in the document."""
        return self.base + self.at

    @property
    def left(self) -> int:
        """Bytes in memory that were not taken."""
        return len(self.data) - self.at

    def more(self) -> bool:
        """Read a block on; what was taken is let go of, so `at` becomes 0. False: there is nothing more."""
        parts = [self.data[self.at :]]
        read = 0
        try:
            while read < self._block and (piece := next(self._pieces, None)) is not None:
                parts.append(piece)
                read += len(piece)
        except BadExport as error:
            self.broken = error
            self._pieces = iter(())
        if read:
            self.base += self.at
            self.data, self.at = b"".join(parts), 0
        return read > 0

    def white(self, also: bytes = b"") -> int:
        """Pass white space and the bytes `also`; gives the byte that follows, untaken, or -1 at the end."""
        while True:
            self.at = _end(WHITE, self.data, self.at)
            if self.at == len(self.data):
                if not self.more():
                    return -1
            elif self.data[self.at] in also:
                self.at += 1
            else:
                return self.data[self.at]

    def extent(self, largest: int) -> tuple[Found, int, Scan]:
        """How long the value is that begins here: (what was found, bytes up to there, the scan to go on with)."""
        scan, length = Scan(), 0
        while True:
            found, end = scan.feed(self.data, self.at + length)
            length = end - self.at
            if length > largest or (found is Found.MORE and self.left > largest):
                return Found.LARGE, length, scan
            if found is not Found.MORE:
                return found, length, scan
            if not self.more():
                return Found.CUT, length, scan

    def skip(self, length: int, scan: Scan) -> Found:
        """Pass the rest of a value that was found too large, keeping nothing."""
        self.at += length
        while True:
            found, self.at = scan.feed(self.data, self.at)
            if found is not Found.MORE:
                return found
            if not self.more():
                self.at = len(self.data)
                return Found.CUT

    def seek(self, pattern: re.Pattern[bytes], overlap: int = 1024) -> re.Match[bytes] | None:
        """Pass everything up to the next match of a pattern shorter than `overlap`; `at` is then where it begins."""
        while True:
            if found := pattern.search(self.data, self.at):
                self.at = found.start()
                return found
            self.at = max(self.at, len(self.data) - overlap)
            if not self.more():
                self.at = len(self.data)
                return None


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    return found.end() if found else at


def _goes_on(data: bytes, at: int) -> bool:
    """May what stands at the end of the text become a word?"""
    return len(data) - at < 5 and any(word.startswith(data[at:]) for word in _WORDS)
