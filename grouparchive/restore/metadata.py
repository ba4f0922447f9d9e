"""Pictures without what they tell beside the picture: EXIF, XMP, IPTC, comments and whatever hangs behind the end.

Lossless: the picture's own bytes are copied, never decoded. Of a JPEG the orientation is kept, or it would lie on its side; of
all, colour profiles and animation. Works on hostile bytes: what is not understood to the end is reported as not cleaned.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from grouparchive.model.ports import OpenBlob

LARGEST = 64 * 1024 * 1024
"""Larger pictures pass as they are: cleaning needs the whole of one in memory."""

_PIECE = 1024 * 1024
_HEAD = 16
_CLEANED = frozenset({"image/jpeg", "image/jpg", "image/png", "image/webp", "image/apng"})


class _Unclear(Exception):  # noqa: N818 - never leaves this module
    """The bytes are not what their beginning promises."""


def strippable(mime: str, size: int) -> bool:
    """Whether a file of this type and size is cleaned, as far as can be told before reading it."""
    return mime.partition(";")[0].strip().lower() in _CLEANED and size <= LARGEST


def strip(data: bytes) -> tuple[bytes, bool]:
    """A file without its metadata, and whether it was cleaned. The kind is told by the bytes, not by their name."""
    for begins, cleaner in _CLEANERS:
        if begins(data):
            try:
                return cleaner(data), True
            except (_Unclear, struct.error, IndexError):
                return data, False
    return data, False


def clean(pieces: Iterable[bytes]) -> tuple[Iterator[bytes], bool]:
    """As `strip`, for a file that comes in pieces. What is not cleaned streams through with flat memory."""
    source = iter(pieces)
    head = b""
    for piece in source:
        head += piece
        if len(head) >= _HEAD:
            break
    if not any(begins(head) for begins, _ in _CLEANERS):
        return chain([head], source), False
    taken, size = [head], len(head)
    for piece in source:
        taken.append(piece)
        size += len(piece)
        if size > LARGEST:
            return chain(taken, source), False
    data, cleaned = strip(b"".join(taken))
    return (data[start : start + _PIECE] for start in range(0, len(data), _PIECE)), cleaned


def stripping(open_blob: OpenBlob) -> OpenBlob:
    """The same files, cleaned where their kind allows. What a target is given to read files with."""
    return lambda blob_id: clean(open_blob(blob_id))[0]


# --- JPEG ------------------------------------------------------------------------------------------------------------

_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14, _APP15, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_RESTARTS = frozenset(range(0xD0, 0xD8))
_ORIENTATION = 0x0112


def _is_jpeg(data: bytes) -> bool:
    return data[:3] == b"\xff\xd8\xff"


def _jpeg(data: bytes) -> bytes:
    out = [data[:2]]
    orientation = 1
    position = 2
    while True:
        marker, position = _marker(data, position)
        if marker == _EOI:
            break
        (length,) = struct.unpack_from(">H", data, position)
        body = data[position + 2 : position + length]
        if length < 2 or len(body) != length - 2:
            raise _Unclear
        position += length
        if marker == _APP1 and body.startswith(b"Exif\0\0"):
            orientation = _orientation(body[6:]) or orientation
        if _kept_in_jpeg(marker, body):
            out.append(bytes((0xFF, marker)) + struct.pack(">H", length) + body)
        if marker == _SOS:
            end = _scan_end(data, position)
            out.append(data[position:end])
            position = end
    if orientation != 1:
        out.insert(1, _exif_with(orientation))
    return b"".join((*out, b"\xff\xd9"))


def _marker(data: bytes, position: int) -> tuple[int, int]:
    """The marker at a place, and where what belongs to it begins."""
    if data[position] != 0xFF:
        raise _Unclear
    while data[position] == 0xFF:  # fill bytes are allowed before a marker
        position += 1
    marker = data[position]
    if marker in (0, _SOI) or marker in _RESTARTS:
        raise _Unclear
    return marker, position + 1


def _kept_in_jpeg(marker: int, body: bytes) -> bool:
    if marker == _APP0:
        return body.startswith(b"JFIF\0")  # JFXX, the other one, is a thumbnail
    if marker == _APP2:
        return body.startswith(b"ICC_PROFILE\0")
    if marker == _APP14:
        return body.startswith(b"Adobe")  # says how colours are coded
    return marker != _COM and not _APP0 <= marker <= _APP15


def _scan_end(data: bytes, position: int) -> int:
    """Where the coded picture data ends: at the next marker that is neither stuffing nor a restart."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise _Unclear
        if data[position + 1] != 0 and data[position + 1] not in _RESTARTS:
            return position
        position += 2


def _orientation(tiff: bytes) -> int:
    """The orientation, 1 to 8, that an EXIF block tells; 0 where it tells none."""
    try:
        order = {b"II": "<", b"MM": ">"}[tiff[:2]]
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(min(entries, 512)):
            tag, kind, count, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * entry)
            if tag == _ORIENTATION and kind == 3 and count == 1 and 1 <= value <= 8:
                return int(value)
    except (KeyError, struct.error):
        return 0  # an EXIF block that cannot be read goes, with whatever it says
    return 0


def _exif_with(orientation: int) -> bytes:
    """An EXIF segment that holds the orientation and nothing else."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


# --- PNG -------------------------------------------------------------------------------------------------------------

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sRGB sBIT cICP mDCV cLLI bKGD pHYs hIST sPLT acTL fcTL fdAT".split()
)


def _is_png(data: bytes) -> bool:
    return data.startswith(_PNG)


def _png(data: bytes) -> bytes:
    out = [_PNG]
    position = len(_PNG)
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        chunk = data[position : position + 12 + length]
        if len(chunk) != 12 + length or int.from_bytes(chunk[-4:], "big") != zlib.crc32(chunk[4:-4]):
            raise _Unclear
        position += len(chunk)
        if kind in _PNG_KEPT:
            out.append(chunk)
        elif not kind[0] & 0x20:  # a critical chunk nobody knows
            raise _Unclear
        if kind == b"IEND":
            return b"".join(out)


# --- WebP ------------------------------------------------------------------------------------------------------------

_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _webp(data: bytes) -> bytes:
    (announced,) = struct.unpack_from("<I", data, 4)
    end = 8 + announced
    if end > len(data):
        raise _Unclear
    out: list[bytes] = []
    position = 12
    while position < end:
        kind, length = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + length]
        if position + 8 + length > end:
            raise _Unclear
        position += 8 + length + (length & 1)
        if kind == b"VP8X":
            body = bytes((body[0] & ~(_WEBP_EXIF | _WEBP_XMP),)) + body[1:]
        if kind in _WEBP_KEPT:
            out.append(kind + struct.pack("<I", length) + body + b"\0" * (length & 1))
    if not out:
        raise _Unclear
    payload = b"WEBP" + b"".join(out)
    return b"RIFF" + struct.pack("<I", len(payload)) + payload


_CLEANERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], bytes]], ...] = (
    (_is_jpeg, _jpeg),
    (_is_png, _png),
    (_is_webp, _webp),
)
