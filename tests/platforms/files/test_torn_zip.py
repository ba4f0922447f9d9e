"""Zips that end early: all that stands before the end comes out, and it is told that something is missing."""

import io
import random
import zipfile
from pathlib import Path
from typing import IO

import pytest

from grouparchive.errors import BadExport
from grouparchive.platforms.files import Box, open_box, zips

FILES = {
    "chat.txt": b"".join(b"31/12/19, 21:%02d - Fern: soup no. %d\n" % (n % 60, n) for n in range(9000)),
    "photo.jpg": random.Random(1).randbytes(30_000),
    "empty": b"",
    "f\u00f6lder/n\u00e4me.txt": b"words " * 1000,
    "last.bin": random.Random(2).randbytes(200_000),
}


class Pipe(io.RawIOBase):
    """Something that cannot go back: a zip written to it has sizes and sums behind each file."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self.file = file

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self.file.write(data)


def made(path: Path, packing: int, *, piped: bool, wide: bool) -> bytes:
    with path.open("wb") as file, zipfile.ZipFile(Pipe(file) if piped else file, "w", packing) as out:  # type: ignore[arg-type]
        out.mkdir("folder")
        for name, data in FILES.items():
            with out.open(name, "w", force_zip64=wide) as entry:
                entry.write(data)
    return path.read_bytes()


def taken(box: Box) -> dict[str, bytes]:
    """All that can be read, and "!" behind the name of a file that breaks."""
    found = {}
    for name in box.entries:
        pieces = []
        try:
            pieces.extend(box.pieces(name))
            found[name] = b"".join(pieces)
        except BadExport:
            found[f"{name}!"] = b"".join(pieces)
    return found


@pytest.mark.parametrize("wide", [False, True], ids=["", "zip64"])
@pytest.mark.parametrize("piped", [False, True], ids=["", "piped"])
@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_what_stands_before_the_end_comes_out(tmp_path: Path, packing: int, piped: bool, wide: bool) -> None:  # noqa: FBT001
    path = tmp_path / "export.zip"
    data = made(path, packing, piped=piped, wide=wide)
    with zipfile.ZipFile(path) as whole:
        starts = [(info.filename, info.header_offset) for info in whole.infolist() if not info.is_dir()]
    ends = [start for _, start in starts[1:]] + [data.rfind(b"PK\x01\x02", 0, len(data) - 22)]
    directory = data.find(b"PK\x01\x02", starts[-1][1] + 200_000)
    cuts = sorted({directory, directory + 50, len(data) - 3, *range(100, len(data), len(data) // 40)})
    for cut in cuts:
        path.write_bytes(data[:cut])
        sound = [name for (name, _), end in zip(starts, ends, strict=True) if end <= cut and name != "last.bin"]
        sound += ["last.bin"] if cut >= directory else []
        torn = next((name for name, start in starts if name not in sound and start + 60 <= cut), "")
        try:
            box = open_box(path)
        except BadExport:
            assert not sound, cut
            continue
        assert [(gap.code, gap.limit) for gap in box.gaps] == [("file-damaged", False)]
        found = taken(box)
        box.close()
        assert {name: found.get(name) for name in sound} == {name: FILES[name] for name in sound}, cut
        for name in found.keys() - set(sound):
            assert name.endswith("!"), (cut, name)
            assert FILES[name[:-1]].startswith(found[name]), (cut, name)
        if torn == "chat.txt" and packing == zipfile.ZIP_STORED:
            assert len(found["chat.txt!"]) > cut - 200


def test_a_damaged_list_of_files_hides_none(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    data = bytearray(made(path, zipfile.ZIP_DEFLATED, piped=False, wide=False))
    data[data.rfind(b"PK\x01\x02") + 1] ^= 1
    path.write_bytes(bytes(data))
    box = open_box(path)
    assert taken(box) == FILES
    box.close()


def test_damage_before_the_end_is_told_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    data = bytearray(made(path, zipfile.ZIP_STORED, piped=False, wide=False))
    data[5000] ^= 1
    path.write_bytes(bytes(data[: len(data) // 2 * 2 - 400]))
    box = open_box(path)
    found = taken(box)
    box.close()
    assert len(found["chat.txt!"]) == len(FILES["chat.txt"])  # all of it, then that its sum does not fit
    assert found["photo.jpg"] == FILES["photo.jpg"]


def test_reading_goes_to_places(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(made(path, zipfile.ZIP_DEFLATED, piped=True, wide=False)[:-100])
    box = open_box(path)
    with box.open("chat.txt") as file:
        for place in (70_000, 3, 150_000, 150_001, 0):
            file.seek(place)
            assert file.read(20) == FILES["chat.txt"][place : place + 20]
    assert b"".join(box.pieces("chat.txt", start=200_000)) == FILES["chat.txt"][200_000:]
    assert box.head("chat.txt", 10) == FILES["chat.txt"][:10]
    box.close()


@pytest.mark.parametrize("piped", [False, True])
def test_bombs_and_bad_names_are_refused_here_too(
    tmp_path: Path, piped: bool, monkeypatch: pytest.MonkeyPatch  # noqa: FBT001
) -> None:  # fmt: skip
    monkeypatch.setattr(zips, "_BOMB_BYTES", 1_000_000)
    path = tmp_path / "export.zip"
    with path.open("wb") as file, zipfile.ZipFile(Pipe(file) if piped else file, "w", zipfile.ZIP_DEFLATED) as out:  # type: ignore[arg-type]
        for name in ("good.txt", "../up.txt", "/root.txt", "C:\\x.txt"):
            out.writestr(name, b"x" * 100)
        out.writestr("bomb", b"\0" * 3_000_000)
        out.writestr("after.txt", b"y")
    path.write_bytes(path.read_bytes()[:-30])
    box = open_box(path)
    assert set(box.entries) == ({"good.txt"} if piped else {"good.txt", "after.txt"})
    assert {gap.code: gap.count for gap in box.gaps} == {"file-damaged": 1, "file-refused": 4}
    box.close()


def test_any_bytes_behind_the_sign(tmp_path: Path) -> None:
    chance = random.Random(7)
    path = tmp_path / "export.zip"
    data = made(path, zipfile.ZIP_DEFLATED, piped=True, wide=False)[:5000]
    for _ in range(400):
        odd = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            odd[chance.randrange(4, 120)] = chance.randrange(256)
        path.write_bytes(bytes(odd))
        try:
            box = open_box(path)
        except BadExport:
            continue
        taken(box)
        box.close()
    assert [one.name for one in tmp_path.iterdir()] == ["export.zip"]
