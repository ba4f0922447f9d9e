"""Reads the JSON files of a Slack export: small ones at once, large ones and damaged ones piece by piece."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import msgspec

from grouparchive.errors import BadExport
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.records import Known
from grouparchive.platforms.files.box import Box
from grouparchive.platforms.files.json_stream import Batch, End, JsonStream, Lost, Opened
from grouparchive.platforms.slack.shapes import decoder_of_many, lenient

WHOLE: Final = 4 * 1024 * 1024
"""Bytes of a file that is decoded at once."""
_raw: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_T = TypeVar("_T", bound=msgspec.Struct)
Tell = Callable[[str, str, int], None]


class Reader:
    """Gives the entries of files that hold one array. What cannot be read is told: `tell(code, scope, count)`."""

    def __init__(self, box: Box, tell: Tell) -> None:
        self._box = box
        self._tell = tell

    def rows(self, entry: str, kind: type[_T], scope: str) -> Iterator[list[_T]]:
        """The entries of a file, many at a time. `scope` names the file in gaps."""
        decoder = decoder_of_many(kind)
        size = self._box.entries.get(entry, 0)
        if size <= WHOLE:
            try:
                rows: list[_T] = decoder.decode(self._box.read(entry, size))
            except (*UNREADABLE, BadExport):
                pass
            else:
                yield rows
                return
        yield from self._streamed(entry, kind, scope, decoder)

    def _streamed(
        self, entry: str, kind: type[_T], scope: str, decoder: msgspec.json.Decoder[Any]
    ) -> Iterator[list[_T]]:
        def decode(data: bytes) -> list[_T]:
            try:
                found: list[_T] = decoder.decode(data)
            except UNREADABLE:
                return [one for raw in _raw(data) if (one := self._loose(raw, kind, scope)) is not None]
            return found

        opened = False
        for found in JsonStream(self._box.pieces(entry), [()], decode):
            match found:
                case Opened():
                    opened = True
                case Batch(items=items):
                    yield list(items)
                case Lost(why=why):
                    self._tell(Known.RECORD_TOO_LARGE if why == "too-large" else Known.MESSAGE_UNREADABLE, scope, 1)
                case End(truncated=truncated):
                    if truncated or not opened:
                        self._tell(Known.FILE_DAMAGED, scope, 1)

    def _loose(self, raw: msgspec.Raw, kind: type[_T], scope: str) -> _T | None:
        lost: list[str] = []
        try:
            found = lenient(bytes(raw), kind, lost)
        except UNREADABLE:
            self._tell(Known.MESSAGE_UNREADABLE, scope, 1)
            return None
        if lost:
            self._tell(Known.MESSAGE_PARTLY_READ, scope, 1)
        return found
