"""Looks for planted texts in every byte that lies on the backup machine, also under the disguises that files put on."""

import base64
import contextlib
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

SHORTEST = 6
"""Texts below this length are in any file by chance."""


def files(places: Iterable[Path]) -> Iterator[Path]:
    """Every file below the places."""
    for place in places:
        if place.is_file():
            yield place
        else:
            yield from (path for path in sorted(place.rglob("*")) if path.is_file())


def disguises(text: str) -> set[bytes]:
    """How a text may stand in a file: in several encodings, escaped for JSON, in base64 at any of its three offsets."""
    plain = {text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode().hex().encode()}
    plain.add(json.dumps(text)[1:-1].encode())
    return plain | {coded for coded in _base64(text.encode()) if len(coded) >= SHORTEST + 2}


def _base64(raw: bytes) -> Iterator[bytes]:
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)
        # The first and the last signs depend on the neighbours.
        yield coded[4 if shift else 0 : (len(raw) + shift) // 3 * 4]


def readings(data: bytes) -> Iterator[bytes]:
    """The bytes as they are, and whatever unpacks from them."""
    yield data
    for start in _starts(data, b"\x78\x9c", b"\x78\x01", b"\x78\xda"):
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj().decompress(data[start:], 1 << 26)
    for start in _starts(data, b"\x1f\x8b\x08"):
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj(31).decompress(data[start:], 1 << 26)
    yield from _zstd(data)


def _zstd(data: bytes) -> Iterator[bytes]:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore] # noqa: PLC0415 - Python 3.14 has it
    except ImportError:
        from backports import zstd  # noqa: PLC0415
    for start in _starts(data, b"\x28\xb5\x2f\xfd"):
        with contextlib.suppress(zstd.ZstdError):
            yield zstd.ZstdDecompressor().decompress(data[start:], 1 << 26)


def _starts(data: bytes, *marks: bytes) -> Iterator[int]:
    for mark in marks:
        at = data.find(mark)
        while at >= 0:
            yield at
            at = data.find(mark, at + 1)


def found(places: Iterable[Path], texts: Iterable[str], blobs: Iterable[bytes] = ()) -> tuple[list[str], int]:
    """Which of the planted texts and files can be read there (with the file's name), and how many bytes were looked at."""
    needles = {text: disguises(text) for text in texts if len(text) >= SHORTEST}
    needles |= {f"file {number}": {blob[:64], blob[-64:]} for number, blob in enumerate(blobs)}
    hits, size = [], 0
    for path in files(places):
        data = path.read_bytes()
        size += len(data)
        for reading in readings(data):
            hits += [
                f"{path.name}: {text}" for text, forms in needles.items() if any(form in reading for form in forms)
            ]
    return hits, size
