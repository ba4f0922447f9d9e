"""Reads one huge JSON document without loading it: the elements of the arrays at given paths, and the small values beside them.

    stream = JsonStream(box.pieces(name), [("chats", "list", ANY, "messages")], msgspec.json.Decoder(list[Item]).decode)
    for found in stream:
        match found:
            case Value():  found.path, found.raw   # ("chats", "list", 0, "name"), b'"Garden"'; raw is b"" where it is large
            case Opened(): ...                     # an array begins; `stream.decode` may be set for what follows
            case Batch():  found.items             # some elements, in order, as `decode` gave them
            case Lost():   found.start, found.why  # an element that could not be read; reading goes on after it
            case End():    found.truncated         # always the last

`decode_raw` gives the elements' own bytes. Memory is one block, or the largest element, whatever the document holds.

How it is fast: the text between two elements is soon known. A block of the file is cut at its last occurrence and decoded as a
list in one go. That it decodes proves that the cut was right, since no closed list of values ends inside a value. Where it
does not decode (a wrong cut, or a wrong element), it is read again element by element with `json_scan`, which is exact.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from grouparchive.model.codec import UNREADABLE
from grouparchive.platforms.files.json_elements import Batch, Elements, Lost, Path
from grouparchive.platforms.files.json_mend import mended
from grouparchive.platforms.files.json_scan import BLOCK, Found, Window

__all__ = ["ANY", "Batch", "End", "JsonStream", "Lost", "Opened", "Path", "Value", "decode_raw", "mended"]

T = TypeVar("T")

ANY: Final = "*"
"""Stands in a path for any element of an array, or any key of an object."""
LARGEST: Final = 16 * 1024 * 1024
SMALL: Final = 64 * 1024

_LONGEST_KEY: Final = 4096
_NEXT: Final = re.compile(rb"[\[\]{]")
_NOTHING: Final = re.compile(rb"(?!)")
_OBJECT, _ARRAY, _END_OBJECT, _END_ARRAY, _QUOTE = b'{[}]"'

decode_raw: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
"""The elements as they stand, their syntax checked: bytes(raw) is one."""


class Value(msgspec.Struct, frozen=True):
    """A value that lies beside the arrays. `raw` is b"" where it has more than `small` bytes."""

    path: Path
    raw: bytes
    start: int


class Opened(msgspec.Struct, frozen=True):
    """An array begins at byte `start`. `sure` is False where it was only found again behind a damaged place, so that it may
    belong to a later neighbour of what `path` says.
    """

    path: Path
    start: int
    sure: bool = True


class End(msgspec.Struct, frozen=True):
    """Reading ended at byte `at`. `truncated`: the document, or the source, ended before it should have, also where more
    follows behind its last bracket.
    """

    at: int
    truncated: bool


_Found: TypeAlias = Iterator[Value | Opened | Batch[T] | Lost]


class JsonStream(Generic[T]):
    """What a document holds, in order; see the module. Can be gone through once.

    Args:
        pieces: the document's bytes; `BadExport` from it counts as its end. They may begin in the middle of a larger document:
            reading stops after the first value; what
            follows it is looked at only where a path leads below the document itself.
        paths: the arrays wanted. () is the document itself.
        decode: from the bytes of a JSON list to its elements; raises one of `UNREADABLE` for what it does not take.
        mend: makes bytes that cannot be decoded decodable where that loses nothing; tried before an element is lost.
        largest: bytes of an element; one that is larger is lost.
        small: bytes of a value beside the arrays.
        block: bytes that are read and decoded at once.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        paths: Iterable[Path],
        decode: Callable[[bytes], Sequence[T]],
        *,
        mend: Callable[[bytes], bytes] = mended,
        largest: int = LARGEST,
        small: int = SMALL,
        block: int = BLOCK,
    ) -> None:
        self.decode = decode
        self._mend = mend
        self._paths = tuple(paths)
        self._largest = largest
        self._small = small
        self._block = block
        self._window = Window(pieces, block)
        self._over = False  # nothing more can be found
        self._truncated = False
        self._spare = 4 * largest

    def __iter__(self) -> Iterator[Value | Opened | Batch[T] | Lost | End]:
        """What is found."""
        window = self._window
        window.more()
        if window.data.startswith(b"\xef\xbb\xbf"):
            window.at = 3
        if window.white() < 0:
            self._cut()
        else:
            start = window.position
            yield from self._value((), sure=True)
            if window.position == start and not self._over:
                yield Lost((), start, window.left, "malformed", where="between")
            elif not self._over and self._paths not in {(), ((),)} and window.white() >= 0:
                self._truncated = True  # a bracket too many: more stands behind what looked like the end
        at = window.base + len(window.data) if self._over else window.position
        yield End(at, truncated=self._truncated or window.broken is not None)

    def _cut(self) -> None:
        self._over = self._truncated = True

    def _value(self, path: Path, *, sure: bool) -> _Found[T]:
        """The value that begins here. Where there is none, nothing is yielded or passed."""
        window = self._window
        first = window.data[window.at]
        deeper = any(len(one) > len(path) and _fits(one, path) for one in self._paths)
        if first == _ARRAY and any(len(one) == len(path) and _fits(one, path) for one in self._paths):
            yield Opened(path, window.position, sure)
            elements = Elements(
                window, path, self.decode, self._mend, largest=self._largest, block=self._block, spare=self._spare
            )
            yield from elements
            self._spare = elements.spare
            if elements.truncated:
                self._cut()
        elif deeper and first == _OBJECT:
            yield from self._object(path, sure=sure)
        elif deeper and first == _ARRAY:
            yield from self._array(path, sure=sure)
        else:
            yield from self._small_value(path)

    def _array(self, path: Path, *, sure: bool) -> _Found[T]:
        window = self._window
        window.at += 1
        index = 0
        while not self._over:
            char = window.white(b",")
            if char < 0:
                self._cut()
                return
            if char == _END_ARRAY:
                window.at += 1
                return
            start = window.position
            yield from self._value((*path, index), sure=sure)
            index += 1
            if window.position == start and not self._over:
                window.at += 1
                self._over = window.seek(_NEXT) is None
                yield Lost(path, start, window.position - start, "malformed", where="between")
                sure = False

    def _object(self, path: Path, *, sure: bool) -> _Found[T]:
        window = self._window
        window.at += 1
        while not self._over:
            char = window.white(b",")
            if char == _END_OBJECT:
                window.at += 1
                return
            start = window.position
            key = self._key() if char == _QUOTE else None
            if char < 0 or self._over or (key is not None and window.white(b":") < 0):
                self._cut()
                return
            before = window.position
            if key is not None:
                yield from self._value((*path, key), sure=sure)
            if (key is None or window.position == before) and not self._over:
                # Nothing proper stands here. What we came for is looked for behind the damage.
                name = self._find(path)
                yield Lost(path, start, window.position - start, "malformed", where="between")
                if name is not None:
                    sure = False
                    yield from self._value((*path, name), sure=False)

    def _find(self, path: Path) -> str | None:
        """Go on to the next array or object that leads to a wanted path; its key."""
        window = self._window
        keys = {one[len(path)] for one in self._paths if len(one) > len(path) and _fits(one, path)} - {ANY}
        names = b"|".join(re.escape(msgspec.json.encode(str(key))) for key in sorted(keys, key=str))
        found = window.seek(re.compile(rb"(" + names + rb")\s{0,99}+:\s{0,99}+(?=[\[{])")) if keys else None
        if found is None:
            window.seek(_NOTHING)
            self._over = True
            return None
        window.at = found.end()
        return str(msgspec.json.decode(found[1]))

    def _key(self) -> str | None:
        """The key of a member; None where there is no proper one, or the document ends."""
        window = self._window
        found, length, _ = window.extent(_LONGEST_KEY)
        if found is Found.CUT:
            self._cut()
        if found is not Found.WHOLE:
            return None
        raw = window.data[window.at : window.at + length]
        window.at += length
        try:
            return msgspec.json.decode(raw, type=str)
        except UNREADABLE:
            return raw[1:-1].decode("utf-8", "replace")

    def _small_value(self, path: Path) -> Iterator[Value]:
        window = self._window
        start = window.position
        found, length, scan = window.extent(self._small)
        if found is Found.WHOLE:
            raw = window.data[window.at : window.at + length]
            window.at += length
            yield Value(path, raw, start)
        elif found is Found.LARGE:
            found = window.skip(length, scan)
            yield Value(path, b"", start)
        if found is Found.CUT:
            self._cut()


def _fits(pattern: Path, path: Path) -> bool:
    """Does a path lie on the way that a pattern shows?"""
    return all(one in {ANY, two} for one, two in zip(pattern, path, strict=False))
