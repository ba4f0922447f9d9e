"""The elements of one array in a huge JSON document: in blocks where that is sure, one by one where it is not.

The *border* is the text between two elements: the end of one, the comma, the beginning of the next. With a line break in it, it
can stand nowhere else in a document that is laid out evenly, because strings hold no line breaks. Without one, what follows
must begin with the same two keys. Either way it is a guess that decoding has to confirm. See `json_stream`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from grouparchive.model.codec import UNREADABLE
from grouparchive.platforms.files.json_scan import Found, Window

T = TypeVar("T")
Path: TypeAlias = tuple[str | int, ...]

_WARM: Final = 32 * 1024  # bytes of an array that are read one by one before blocks are tried
_GATHERED: Final = 1000
_CANDIDATES: Final = 200
_LAYOUT: Final = 256  # bytes that a border may have

_OPENING: Final = re.compile(rb"\[(\s*+)\{")
_GAP: Final = re.compile(rb"\s*+,\s*+(?=\{)")
_TAIL: Final = re.compile(rb"\n[ \t]*+\}\Z")
_KEYS: Final = re.compile(
    rb'\{\s*+"([^"\\]{1,100}+)"\s*+:\s*+(?:"[^"\\]{0,200}+"|[-+.\w]{1,40}+)\s*+,\s*+"([^"\\]{1,100}+)"\s*+:'
)
_END_ARRAY: Final = 0x5D

_syntax: Final = msgspec.json.Decoder(msgspec.Raw).decode


class Batch(msgspec.Struct, Generic[T], frozen=True):
    """Elements of the array at `path`, in order."""

    path: Path
    items: Sequence[T]


class Lost(msgspec.Struct, frozen=True):
    """Something of which nothing came out: an element, or (`where` "between") a place where the document is damaged.

    `malformed`: no JSON; `unexpected`: JSON of another shape than `decode` wants; `too-large`: then `raw` is b"".
    """

    path: Path
    start: int
    size: int
    why: Literal["malformed", "unexpected", "too-large"]
    raw: bytes = b""
    where: Literal["element", "between"] = "element"


class Elements(Generic[T]):
    """One array; `window` stands before its bracket. After going through it, `truncated` says whether its end is missing.

    `spare` are the bytes that may be scanned in vain; when they are used up, damaged elements are cut at borders only, so that
    a file made of damage takes no longer than another.
    """

    def __init__(
        self,
        window: Window,
        path: Path,
        decode: Callable[[bytes], Sequence[T]],
        mend: Callable[[bytes], bytes],
        *,
        largest: int,
        block: int,
        spare: int,
    ) -> None:
        self.truncated = False
        self.spare = spare
        self._window = window
        self._path = path
        self._decode = decode
        self._mend = mend
        self._largest = largest
        self._block = block
        self._border = b""
        self._closing: re.Pattern[bytes] | None = None  # how the array ends, where its layout says so
        self._shape: re.Pattern[bytes] | None = (
            None  # how an element begins, where the border alone does not say enough
        )

    def __iter__(self) -> Iterator[Batch[T] | Lost]:
        """What is found."""
        window = self._window
        if window.left < _LAYOUT:
            window.more()
        self._first_look()
        window.at += 1
        slow_until = window.position + min(_WARM, self._block)
        items: list[T] = []
        while (char := window.white(b",")) not in {-1, _END_ARRAY} and not self.truncated:
            block: Sequence[T] | None = None
            if window.position >= slow_until and self._border:
                block, slow_until = self._fast()
            one = block if block is not None else self._one()
            if items and (one is block or isinstance(one, Lost) or len(items) >= _GATHERED):
                yield Batch(self._path, items)
                items = []
            if isinstance(one, Lost):
                yield one
            elif one is block:
                yield Batch(self._path, one)
            else:
                items += one
        if items:
            yield Batch(self._path, items)
        if char == _END_ARRAY and not self.truncated:
            window.at += 1
        else:
            self.truncated = True

    # --- a block at once -------------------------------------------------------------------------------------------------

    def _fast(self) -> tuple[Sequence[T] | None, int]:
        """All elements up to the last border in memory, and the position up to which was tried."""
        window = self._window
        if window.left < self._block:
            window.more()
        end = self._last_border()
        if end <= window.at:
            return None, window.base + len(window.data)
        items = self._decoded(window.at, end)
        if items is None and self._closing and (found := self._closing.search(window.data, window.at, end)):
            # The array ends in this block; the border that was found belongs to another one.
            end = found.start()
            items = self._decoded(window.at, end)
        if items is not None:
            window.at = end
        return items, window.base + end

    def _last_border(self) -> int:
        """Where the element before the last border in memory ends; -1 where there is none."""
        data, at = self._window.data, self._window.at
        before = len(data)
        for _ in range(_CANDIDATES):
            before = data.rfind(self._border, at, before)
            if before < 0:
                return -1
            if self._fits(before):
                return data.index(b"}", before) + 1
            before += len(self._border) - 1
        return -1

    def _fits(self, border: int) -> bool:
        """Does an element begin behind what looks like a border?"""
        if self._shape is None:
            return True
        return self._shape.match(self._window.data, border + len(self._border) - 1) is not None

    # --- one by one ------------------------------------------------------------------------------------------------------

    def _one(self) -> Sequence[T] | Lost:
        """The element that begins here."""
        window = self._window
        start = window.position
        found, length, scan = Found.BAD, 0, None
        if self.spare > 0 or not self._border:
            found, length, scan = window.extent(self._largest)
        if found is Found.WHOLE:
            items = self._decoded(window.at, window.at + length)
            raw = window.data[window.at : window.at + length] if items is None else b""
            if items is not None or _is_json(raw):
                self._take(length)
                return items if items is not None else Lost(self._path, start, length, "unexpected", raw)
        size = self._up_to_border(wait=found is Found.BAD)
        if size is not None and (found is not Found.WHOLE or size < length):
            self.spare -= max(0, length - size)
            raw = window.data[window.at : window.at + size]
            items = self._decoded(window.at, window.at + size)
            window.at += size
            return items or Lost(self._path, start, size, "malformed", raw)
        if found is Found.WHOLE:
            raw = window.data[window.at : window.at + length]
            self._take(length)
            return Lost(self._path, start, length, "malformed", raw)
        if found is Found.CUT:
            self.truncated = True
            return []
        if found is Found.LARGE and scan is not None and window.skip(length, scan) is not Found.BAD:
            return Lost(self._path, start, window.position - start, "too-large")
        self._seek_border()
        return Lost(self._path, start, window.position - start, "malformed" if found is Found.BAD else "too-large")

    def _take(self, length: int) -> None:
        """Pass an element that ends for sure, and learn how the array is laid out."""
        window = self._window
        raw_end = window.at + length
        found = _GAP.match(window.data, raw_end, raw_end + _LAYOUT)
        if found and window.data[raw_end - 1 : raw_end] == b"}":
            line = _TAIL.search(window.data, max(window.at, raw_end - _LAYOUT), raw_end)
            border = (line[0] if line else b"}") + found[0] + b"{"
            if border != self._border:
                self._lay_out(border, window.at)
        window.at = raw_end

    def _first_look(self) -> None:
        """Guess the layout from how the array begins, in case that its first element is a damaged one."""
        window = self._window
        found = _OPENING.match(window.data, window.at)
        if found and len(found[1]) < _LAYOUT:
            between = found[1] or (b" " if b'": ' in window.data[found.end() : found.end() + 100] else b"")
            self._lay_out(found[1] + b"}," + between + b"{", found.end() - 1)

    def _lay_out(self, border: bytes, element: int) -> None:
        self._border = border
        self._closing = self._shape = None
        _, line, indent = border[:-1].rpartition(b"\n")
        if line:
            self._closing = re.compile(rb"\n[ \t]{0,%d}\]" % (len(indent) - 1)) if indent else re.compile(rb"\n\]")
            return
        keys = _KEYS.match(self._window.data, element)
        if keys is None:
            self._border = b""
            return
        value = rb'\s*+:\s*+(?:"[^"\\]{0,200}+"|[-+.\w]{1,40}+)\s*+,\s*+"'
        self._shape = re.compile(rb'\{\s*+"' + re.escape(keys[1]) + rb'"' + value + re.escape(keys[2]) + rb'"\s*+:')

    # --- borders ---------------------------------------------------------------------------------------------------------

    def _up_to_border(self, *, wait: bool) -> int | None:
        """How long the element is if it ends at the first border or with the array; None where neither is in sight. `wait`
        reads on for it, as far as an element may be large.
        """
        window = self._window
        looked = 1
        while True:
            end = self._next_border(window.at + looked)
            if end >= 0:
                return end - window.at
            looked = max(1, window.left - 2 * _LAYOUT)
            if not wait or window.left > self._largest or not window.more():
                return None

    def _next_border(self, at: int) -> int:
        data = self._window.data
        end = -1
        while self._border and (border := data.find(self._border, at)) >= 0:
            if self._fits(border):
                end = data.index(b"}", border) + 1
                break
            at = border + 1
        if self._closing and (found := self._closing.search(data, at, end if end >= 0 else len(data))):
            return found.start()
        return end

    def _seek_border(self) -> None:
        """Pass everything up to a border or the array's end, keeping nothing."""
        window = self._window
        while True:
            end = self._next_border(window.at)
            if end >= 0:
                window.at = end
                return
            window.at = max(window.at, len(window.data) - 2 * _LAYOUT)
            if not window.more():
                window.at = len(window.data)
                return

    def _decoded(self, start: int, end: int) -> Sequence[T] | None:
        """The elements in a piece of the array; None where it is no proper one."""
        data = self._window.data
        try:
            return self._decode(b"".join((b"[", memoryview(data)[start:end], b"]")))  # one copy: these are megabytes
        except UNREADABLE:
            pass
        raw = data[start:end]
        better = self._mend(raw)
        if better == raw:
            return None
        try:
            return self._decode(b"[" + better + b"]")
        except UNREADABLE:
            return None


def _is_json(raw: bytes) -> bool:
    try:
        _syntax(raw)
    except UNREADABLE:
        return False
    return True
