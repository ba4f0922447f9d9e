"""HAR files: what a browser's network log holds, answer by answer. It also holds the session: cookies, tokens, what was sent.
None of that is ever decoded here: of an entry only its time, the host and path of its address, and the answer's body are read.
"""

import base64
import binascii
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any, Final
from urllib.parse import urlsplit

import msgspec

from grouparchive.errors import BadExport, NotFound
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.records import Known
from grouparchive.platforms.files import Box
from grouparchive.platforms.files.json_stream import Batch, End, JsonStream, Lost, Value

MOST: Final = 16 * 1024 * 1024
"""Bytes of one answer with all that belongs to it; larger ones are passed over."""
MOST_GROWTH: Final = 250
"""How many times its packed size a capture may come to."""

_PIECE: Final = 1024 * 1024
_ADDRESS: Final = re.compile(rb'"url"\s{0,9}:\s{0,9}"https:(?:\\?/){2}[^"/\\?#]{1,200}(?:\\?/[^"/\\?#]{0,300}){0,30}')
_CONTENT: Final = re.compile(rb'"content"\s{0,9}:\s{0,9}(?=\{)')
_MOST_PLACES: Final = 8
_LONGEST_ADDRESS: Final = 16 * 1024

Noted = Callable[[str], None]
"""noted(gap code)"""


class _Content(msgspec.Struct, frozen=True, gc=False):
    mimeType: str | None = None  # noqa: N815 - of the format, as the next ones
    text: str | None = None
    encoding: str | None = None
    size: float | int | None = None


class _Response(msgspec.Struct, frozen=True, gc=False):
    content: _Content | None = None


class _Request(msgspec.Struct, frozen=True, gc=False):
    url: str | None = None


class _Entry(msgspec.Struct, frozen=True, gc=False):
    startedDateTime: str | None = None  # noqa: N815 - of the format
    request: _Request | None = None
    response: _Response | None = None


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One answer. `host` and `path` are all that is kept of its address; `body` is None where the browser did not keep it."""

    host: str
    path: str
    mime: str
    time: int
    body: bytes | None


_entries: Final = msgspec.json.Decoder(list[_Entry])
_content: Final = msgspec.json.Decoder(_Content)


def answers(box: Box, name: str, noted: Noted) -> Iterator[Answer]:
    """The answers in a HAR, in its order. noted(gap code) takes what could not be read; it never raises."""
    try:
        with opened(box, name) as file:
            for found in JsonStream(_pieces(file), [("log", "entries")], _entries.decode, largest=MOST):
                match found:
                    case Batch():
                        for entry in found.items:
                            if (answer := _answer(entry)) is not None:
                                yield answer
                            else:
                                noted(Known.ANSWER_UNREADABLE)
                    case Lost():
                        noted(Known.RECORD_TOO_LARGE if found.why == "too-large" else Known.ANSWER_UNREADABLE)
                    case End() if found.truncated:
                        noted(Known.FILE_DAMAGED)
                    case _:
                        pass
    except (BadExport, NotFound, OSError, EOFError, zlib.error):
        noted(Known.FILE_DAMAGED)


def places(box: Box, name: str, wanted: set[str]) -> dict[str, list[int]]:
    """Where in the file the addresses stand whose paths end in one of the `wanted` names. A browser that has a picture already
    may write its address again, without its bytes.
    """
    found: dict[str, list[int]] = {}
    try:
        with opened(box, name) as file:
            kept, base = b"", 0
            while piece := file.read(_PIECE):
                data = kept + piece
                for address in _ADDRESS.finditer(data):
                    last = address[0].rpartition(b"/")[2].decode("ascii", "replace")
                    known = found.setdefault(last, []) if last in wanted else [0] * _MOST_PLACES
                    if base + address.start() not in known and len(known) < _MOST_PLACES:
                        known.append(base + address.start())
                kept = data[-_LONGEST_ADDRESS:]
                base += len(data) - len(kept)
    except (BadExport, NotFound, OSError, EOFError, zlib.error):
        pass  # it was said when the answers were read
    return found


def body_at(box: Box, name: str, addresses: list[int]) -> bytes:
    """The body of the first answer that has one, of those whose addresses stand at these places.

    Raises:
        BadExport: none can be read.
    """
    for address in addresses:
        if body := _body_at(box, name, address):
            return body
    raise BadExport("a file of the export is damaged or ends early")


def _body_at(box: Box, name: str, place: int) -> bytes | None:
    try:
        with opened(box, name) as file:
            if file.seekable():
                file.seek(place)
            else:
                while place and (piece := file.read(min(place, _PIECE))):
                    place -= len(piece)
            data = b""
            while (begins := _CONTENT.search(data)) is None and len(data) < MOST:
                if not (piece := file.read(_PIECE)):
                    break
                data += piece
            if begins:
                rest = data[begins.end() :]
                for value in JsonStream(_pieces(file, rest), [], _entries.decode, small=MOST):
                    if isinstance(value, Value) and value.raw:
                        return _body(_content.decode(value.raw))
    except (OSError, EOFError, zlib.error, *UNREADABLE):
        pass
    return None


@contextmanager
def opened(box: Box, name: str) -> Iterator[IO[bytes]]:
    """A capture, unpacked where it is packed."""
    with box.open(name) as file:
        if not name.endswith(".gz"):
            yield file
            return
        with (
            gzip.GzipFile(fileobj=file) as packed,
            io.BufferedReader(_Bounded(packed, box.entries[name]), _PIECE) as plain,
        ):
            yield plain


class _Bounded(io.RawIOBase):
    """A packed file that may not grow without end."""

    def __init__(self, file: gzip.GzipFile, packed: int) -> None:
        super().__init__()
        self._file = file
        self._left = max(MOST_GROWTH * packed, _PIECE)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._file.read(len(buffer))
        self._left -= len(piece)
        if self._left < 0:
            raise BadExport("a packed file of the export grows without end")
        buffer[: len(piece)] = piece
        return len(piece)


def _pieces(file: IO[bytes], first: bytes = b"") -> Iterator[bytes]:
    if first:
        yield first
    while piece := file.read(_PIECE):
        yield piece


def _answer(entry: _Entry) -> Answer | None:
    try:
        address = urlsplit((entry.request.url if entry.request else None) or "")
        host = (address.hostname or "").lower()
    except ValueError:
        return None
    if not address.scheme:
        return None
    content = entry.response.content if entry.response else None
    body = _body(content) if content else None
    if body is None and content and content.text is not None:
        return None
    mime = ((content.mimeType if content else None) or "").split(";")[0].strip().lower()
    return Answer(host, address.path, mime, _time(entry.startedDateTime or ""), body)


def _body(content: _Content) -> bytes | None:
    """None where the browser did not keep it, or where it cannot be read."""
    if content.text is None:
        return b"" if content.size == 0 else None
    if content.encoding != "base64":
        return content.text.encode("utf-8", "replace")
    try:
        return base64.b64decode(content.text)
    except (binascii.Error, ValueError):
        return None


def _time(text: str) -> int:
    """Milliseconds; 0 where the text is no time."""
    try:
        time = datetime.fromisoformat(text.strip())
        stamp = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0
    return int(stamp * 1000) if stamp > 0 else 0
