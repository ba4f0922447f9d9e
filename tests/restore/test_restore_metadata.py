"""Pictures lose what they tell, keep what they show, and hostile ones break nothing."""

import struct
import zlib

import pytest
import restore_toy as toy
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.restore import metadata

SECRET = b"Canon of Someone at 48.1371N 11.5754E"


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def exif(orientation: int, order: str = "<") -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(
        order + "HHII", 0x010F, 2, 37, 38
    )
    return b"Exif\0\0" + mark + struct.pack(order + "IH", 8, 2) + entries + struct.pack(order + "I", 0) + SECRET


SCAN = b"\x01\x02\xff\x00\x03\xff\xd0\x04"
JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
TABLES = segment(0xDB, b"\0" * 65) + segment(0xC2, b"\x08\0\1\0\1\1\1\x11\0") + segment(0xC4, b"\0" * 20)
SOS = segment(0xDA, b"\1\1\0\0\x3f\0") + SCAN
ICC = segment(0xE2, b"ICC_PROFILE\0\1\1profile")


def jpeg(orientation: int, order: str = "<") -> bytes:
    return (
        b"\xff\xd8" + JFIF + segment(0xE1, exif(orientation, order)) + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)
        + ICC + segment(0xED, b"Photoshop 3.0\0" + SECRET) + segment(0xFE, SECRET) + segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")
        + TABLES + SOS + segment(0xC4, b"\0" * 20) + SOS + b"\xff\xd9" + b"trailer " + SECRET
    )  # fmt: skip


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_jpeg(orientation: int, order: str) -> None:
    data, cleaned = metadata.strip(jpeg(orientation, order))
    assert cleaned
    assert SECRET not in data
    assert b"trailer" not in data
    kept = (
        JFIF
        + ICC
        + segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")
        + TABLES
        + SOS
        + segment(0xC4, b"\0" * 20)
        + SOS
        + b"\xff\xd9"
    )
    assert data.endswith(kept)
    assert metadata._orientation(data[12:]) == (orientation if orientation != 1 else 0)
    assert metadata.strip(data) == (data, True)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_png() -> None:
    picture = toy.png(3, secret=SECRET)
    end = picture.index(b"IEND") - 4
    loud = (
        picture[:end]
        + chunk(b"eXIf", SECRET)
        + chunk(b"iTXt", SECRET)
        + chunk(b"tIME", b"1234567")
        + picture[end:]
        + SECRET
    )
    data, cleaned = metadata.strip(loud)
    assert cleaned
    assert SECRET not in data
    assert data == picture.replace(chunk(b"tEXt", b"Comment\0" + SECRET), b"")


def test_webp() -> None:
    def part(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    def riff(body: bytes) -> bytes:
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body

    frame = part(b"VP8 ", b"abc")
    loud = riff(
        part(b"VP8X", b"\x2c" + b"\0" * 9) + part(b"ICCP", b"p") + frame + part(b"EXIF", SECRET) + part(b"XMP ", SECRET)
    )
    data, cleaned = metadata.strip(loud + SECRET)
    assert cleaned
    assert data == riff(part(b"VP8X", b"\x20" + b"\0" * 9) + part(b"ICCP", b"p") + frame)


@pytest.mark.parametrize(
    "whole",
    [jpeg(6), toy.png(1), b"RIFF\x20\0\0\0WEBPVP8 \x03\0\0\0abc\0", b"\xff\xd8\xff", b"RIFF\xff\xff\xff\xffWEBP"],
)
def test_cut_anywhere_is_told_apart(whole: bytes) -> None:
    for end in range(len(whole)):
        data, cleaned = metadata.strip(whole[:end])
        assert cleaned or data == whole[:end]


@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBP"]))
def test_hostile_bytes(noise: bytes, start: bytes) -> None:
    data, cleaned = metadata.strip(start + noise)
    assert cleaned or data == start + noise


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_flipped_byte(where: int, flip: int) -> None:
    whole = bytearray(jpeg(6))
    whole[where % len(whole)] ^= flip
    data, cleaned = metadata.strip(bytes(whole))
    assert cleaned or data == bytes(whole)


def test_pieces_of_any_size() -> None:
    whole = jpeg(6)
    for size in (1, 3, 17, 10_000):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert b"".join(metadata.stripping(lambda _, pieces=pieces: iter(pieces))("x")) == metadata.strip(whole)[0]


def test_other_files_stream_through_untouched() -> None:
    taken = []

    def film() -> object:
        for number in range(100):
            taken.append(number)
            yield b"GIF89a" + bytes(1000)

    source, cleaned = metadata.clean(film())
    next(source)
    assert not cleaned
    assert len(taken) <= 2


def test_huge_pictures_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "LARGEST", 100)
    whole = jpeg(1)
    source, cleaned = metadata.clean(whole[start : start + 30] for start in range(0, len(whole), 30))
    assert (b"".join(source), cleaned) == (whole, False)
    assert not metadata.strippable("image/jpeg", 101)
    assert metadata.strippable("image/JPEG; q=1", 99)
    assert not metadata.strippable("video/mp4", 99)
