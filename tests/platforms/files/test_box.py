"""Files, folders and zips that people have, and that an attacker may have made."""

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from grouparchive.errors import BadExport, NotFound
from grouparchive.platforms.files import open_box, zips


def zipped(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def test_a_file_a_folder_and_a_zip_read_the_same(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.txt").write_bytes(b"moss" * 1000)
    made = zipped(tmp_path / "a.zip", **{"deep/a.txt": b"moss" * 1000})
    for path in (tmp_path / "in", made):
        box = open_box(path)
        assert box.entries == {"deep/a.txt": 4000}
        assert b"".join(box.pieces("deep/a.txt", 7)) == b"moss" * 1000
        assert b"".join(box.pieces("deep/a.txt", start=3996)) == b"moss"
        assert box.head("deep/a.txt", 4) == b"moss"
        with pytest.raises(BadExport):
            box.read("deep/a.txt", 3999)
        with pytest.raises(NotFound):
            box.open("deep/b.txt")
        assert box.head("nothing") == b""
        box.close()


def test_a_fingerprint_changes_with_anything(tmp_path: Path) -> None:
    seen = set()
    folder = tmp_path / "in"
    folder.mkdir()
    for name, data in (("a", b"1"), ("a", b"22"), ("b", b"22")):
        (folder / name).write_bytes(data)
        os.utime(folder / name, (1, 1))
        seen.add(open_box(folder).fingerprint())
    assert len(seen) == 3
    copy = zipped(tmp_path / "a.zip", a=b"1").read_bytes()
    (tmp_path / "b.zip").write_bytes(copy)
    one, other = open_box(tmp_path / "a.zip"), open_box(tmp_path / "b.zip")
    assert one.fingerprint() == other.fingerprint()
    one.close()
    other.close()


def test_names_that_lead_elsewhere_links_and_doubles_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in ("../up.txt", "/etc/passwd", "a/../../b", "C:\\x.txt", "a//b", "good.txt"):
            file.writestr(name, b"x")
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, b"/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("good.txt", b"another")
    box = open_box(tmp_path / "a.zip")
    assert set(box.entries) == {"good.txt"}
    assert b"".join(box.pieces("good.txt")) == b"x"
    assert [(gap.code, gap.count) for gap in box.gaps] == [("file-refused", 7)]
    box.close()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to("/etc/passwd")
    (tmp_path / "in" / "folder").symlink_to("/etc")
    os.mkfifo(tmp_path / "in" / "pipe")
    folder = open_box(tmp_path / "in")
    assert folder.entries == {}
    assert [(gap.code, gap.count) for gap in folder.gaps] == [("file-refused", 3)]
    with pytest.raises(BadExport):
        open_box(tmp_path / "in" / "pipe")


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "_BOMB_BYTES", 1_000_000)
    box = open_box(zipped(tmp_path / "a.zip", bomb=b"\0" * 2_000_000, plain=os.urandom(2_000_000)))
    assert set(box.entries) == {"plain"}
    box.close()
    # The same bytes named over and over: each name is small, all together are not.
    data = zipped(tmp_path / "b.zip", one=os.urandom(5000)).read_bytes()
    start = data.rfind(b"PK\x01\x02")
    end = data.rfind(b"PK\x05\x06")
    entry = data[start:end]
    many = b"".join(entry.replace(b"one", b"%03d" % number) for number in range(50))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 50, 50, len(many), start, 0)
    (tmp_path / "b.zip").write_bytes(data[:start] + many + tail)
    with pytest.raises(BadExport, match="over each other"):
        open_box(tmp_path / "b.zip")


@pytest.mark.parametrize("wide", [False, True])
def test_a_list_of_files_without_end_is_not_read(tmp_path: Path, wide: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    made = zipped(tmp_path / "a.zip", **{f"{number:04d}": b"" for number in range(500)})
    if wide:  # as zips of more than 4 GB have it
        data = made.read_bytes()
        end = data.rfind(b"PK\x05\x06")
        size, offset = struct.unpack("<2L", data[end + 12 : end + 20])
        record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 500, 500, size, offset)
        locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
        last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 500, 500, 0xFFFFFFFF, offset, 0)
        made.write_bytes(data[:end] + record + locator + last)
    box = open_box(made)
    assert len(box.entries) == 500
    box.close()
    monkeypatch.setattr(zips, "_MOST_DIRECTORY", 1000)
    with pytest.raises(BadExport, match="too many"):
        open_box(made)


def test_what_is_torn_is_said_and_what_came_before_is_kept(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", a=os.urandom(3_000_000))
    data = bytearray(made.read_bytes())
    data[2_500_000] ^= 1
    made.write_bytes(bytes(data))
    box = open_box(made)
    read = []
    with pytest.raises(BadExport):
        read.extend(box.pieces("a"))
    assert sum(map(len, read)) >= 2_400_000
    box.close()
    made.write_bytes(bytes(data[:10]))
    with pytest.raises(BadExport):
        open_box(made)


def test_an_encrypted_file_and_an_unknown_packing_are_told(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", a=b"x", b=b"y")
    data = bytearray(made.read_bytes())
    first = data.find(b"PK\x01\x02")
    data[first + 8] |= 1
    second = data.find(b"PK\x01\x02", first + 1)
    data[second + 10] = 99
    made.write_bytes(bytes(data))
    box = open_box(made)
    assert [gap.code for gap in box.gaps] == ["file-encrypted"]
    with pytest.raises(BadExport):
        box.read("b")
    box.close()


def test_names_in_utf_8_that_do_not_say_so(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("aaé.txt", b"x")
    data = made.getvalue()
    for sign in (b"PK\x03\x04", b"PK\x01\x02"):
        at = data.find(sign) + (6 if sign == b"PK\x03\x04" else 8)
        data = data[:at] + b"\0\0" + data[at + 2 :]
    (tmp_path / "a.zip").write_bytes(data)
    box = open_box(tmp_path / "a.zip")
    assert set(box.entries) == {"aaé.txt"}
    box.close()
