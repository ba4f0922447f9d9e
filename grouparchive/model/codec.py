"""Records to bytes and back: UTF-8 JSON, one record per line. The only place where records are serialised."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from grouparchive.errors import Damaged
from grouparchive.model.records import AnyRecord, Record

MAX_RECORD = 2 * 1024 * 1024
"""Largest encoded record, in bytes. A connector cuts or refuses what is larger, with a gap."""

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for foreign bytes: wrong JSON or types, text that is no UTF-8, nesting without end."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)


def encode(record: Record) -> bytes:
    """One record as one line without its newline."""
    return _encoder.encode(record)


def encode_lines(records: Iterable[Record]) -> bytes:
    """Records as lines, each ended by a newline."""
    return _encoder.encode_lines(list(records))


def decode(line: bytes) -> AnyRecord:
    """One line back to a record.

    Raises:
        Damaged: the line is no record of a kind this version knows.
    """
    try:
        return _decoder.decode(line)
    except UNREADABLE as error:
        raise Damaged("a stored record cannot be read: it is damaged or of a newer version") from error


def decode_lines(data: bytes) -> list[AnyRecord]:
    """All records of a segment.

    Raises:
        Damaged: as `decode`.
    """
    try:
        return _decoder.decode_lines(data)
    except UNREADABLE as error:
        raise Damaged("a stored record cannot be read: it is damaged or of a newer version") from error


def lines(data: bytes) -> Iterator[bytes]:
    """The lines of a segment, undecoded."""
    return (line for line in data.split(b"\n") if line)
