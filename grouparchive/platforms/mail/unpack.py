"""The bytes of a file in a mail, decoded in pieces, however large it is."""

import binascii
import re
from collections.abc import Iterator
from typing import IO, Final

_PIECE: Final = 1 << 20
_FOREIGN = bytes(one for one in range(256) if not re.match(rb"[A-Za-z0-9+/]", bytes((one,))))
_UNQUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def unpacked(file: IO[bytes], size: int, coding: str, *, quoted_from: bool) -> Iterator[bytes]:
    """The decoded bytes of the next `size` of a file."""
    if coding == "base64":
        yield from _base64(file, size)
    elif coding in {"quoted-printable", "uuencode"}:
        for lines in _lines(file, size):
            yield binascii.a2b_qp(lines) if coding == "quoted-printable" else _uu(lines)
    elif quoted_from:
        for lines in _lines(file, size):
            yield _UNQUOTED.sub(rb"\1", lines) if b">From " in lines else lines
    else:
        while size > 0 and (piece := file.read(min(_PIECE, size))):
            size -= len(piece)
            yield piece


def _base64(file: IO[bytes], size: int) -> Iterator[bytes]:
    rest = b""
    while size > 0 and (piece := file.read(min(_PIECE, size))):
        size -= len(piece)
        letters = rest + piece.translate(None, _FOREIGN)
        whole = len(letters) - len(letters) % 4
        rest = letters[whole:]
        if whole:
            yield binascii.a2b_base64(letters[:whole])
    if len(rest) > 1:
        yield binascii.a2b_base64(rest + b"=" * (4 - len(rest)))


def _lines(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Pieces that end at a line's end, unless a line is longer than a piece."""
    rest = b""
    while size > 0 and (piece := file.read(min(_PIECE, size))):
        size -= len(piece)
        data = rest + piece
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) < 2 * _PIECE:
            rest = data
            continue
        cut = cut or len(data)
        rest = data[cut:]
        yield data[:cut]
    if rest:
        yield rest


def _uu(lines: bytes) -> bytes:
    out = []
    for line in lines.splitlines():
        if line.startswith((b"begin ", b"end")):
            continue
        try:
            out.append(_uu_line(line))
        except binascii.Error:
            continue
    return b"".join(out)


def _uu_line(line: bytes) -> bytes:
    """One line of uuencoded bytes."""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        length = ((line[0] - 32) & 63) if line else 0
        return binascii.a2b_uu(line[: (length * 4 + 5) // 3])
