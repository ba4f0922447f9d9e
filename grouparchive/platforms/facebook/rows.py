"""The JSON files of a download, row by row. A damaged file is read as far as it can be, also behind the damage."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import msgspec

from grouparchive.errors import BadExport, NotFound
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.records import Known
from grouparchive.platforms.files import Box
from grouparchive.platforms.files.json_mend import mended
from grouparchive.platforms.files.json_stream import ANY, Batch, End, JsonStream, Lost, Value, decode_raw

Noted = Callable[[str, str], None]
"""noted(gap code, the file's name): something in a file could not be read."""

T = TypeVar("T")

_SMALL: Final = 1024 * 1024
_LARGEST: Final = 32 * 1024 * 1024  # of one row: an emoji is 24 letters in these files


def rows(box: Box, name: str, noted: Noted) -> Iterator[tuple[str, bytes]]:
    """(key, element) for every element of a list at the top of the file, or of the lists that are its fields; (key, value) for
    its other fields. The key is "" where the file is a list. Damage is noted; it never raises.
    """
    try:
        pieces = box.pieces(name)
        for found in JsonStream(pieces, [(), (ANY,)], decode_raw, small=_SMALL, largest=_LARGEST):
            match found:
                case Batch():
                    key = _key(found.path)
                    yield from ((key, bytes(item)) for item in found.items)
                case Value() if found.raw:
                    yield _key(found.path), found.raw
                case Value():
                    noted(Known.RECORD_TOO_LARGE, name)
                case Lost():
                    noted(Known.RECORD_TOO_LARGE if found.why == "too-large" else Known.MESSAGE_UNREADABLE, name)
                case End() if found.truncated:
                    noted(Known.FILE_DAMAGED, name)
                case _:
                    pass
    except (BadExport, NotFound):
        noted(Known.FILE_DAMAGED, name)


def decoded(raw: bytes, decoder: msgspec.json.Decoder[T], name: str, noted: Noted) -> T | None:
    """One row as the decoder's type, without those of its fields that have a type nobody expects; None, and noted, where
    nothing is left.
    """
    try:
        return mending(raw, decoder)
    except UNREADABLE:
        found: T | None = _loosely(raw, decoder.type)
        noted(Known.MESSAGE_UNREADABLE if found is None else Known.MESSAGE_PARTLY_READ, name)
        return found


def anyhow(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A row that `decoded` gave before, once more.

    Raises:
        UNREADABLE: it did not.
    """
    try:
        return mending(raw, decoder)
    except UNREADABLE:
        found: T | None = _loosely(raw, decoder.type)
        if found is None:
            raise
        return found


def _loosely(raw: bytes, kind: Any) -> Any:
    try:
        fields = msgspec.json.decode(mended(raw), type=dict[str, msgspec.Raw])
        known = msgspec.structs.fields(kind)
    except (*UNREADABLE, TypeError):
        return None
    whole: dict[str, Any] = {}
    for field in known:
        if field.encode_name in fields:
            try:
                whole[field.name] = msgspec.json.decode(fields[field.encode_name], type=field.type)
            except UNREADABLE:
                continue
    return kind(**whole) if whole else None


def mending(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """JSON decoded, where need be after what is known to be wrong in it was put right.

    Raises:
        UNREADABLE: it cannot be.
    """
    try:
        return decoder.decode(raw)
    except UNREADABLE:
        better = mended(raw)
        if better == raw:
            raise
    return decoder.decode(better)


def _key(path: tuple[str | int, ...]) -> str:
    return str(path[0]) if path and isinstance(path[0], str) else ""
