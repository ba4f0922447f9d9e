"""Zips that are made to do harm, as exports of each platform whose exports are zips: nothing outside is read, nothing is written."""

import io
import os
import shutil
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from any_export import Taken
from every_format import BY_NAME, Files, Format, made, zipped

from grouparchive.model.records import Message

INSIDES = {
    "whatsapp": BY_NAME["whatsapp-ios"],
    "telegram": BY_NAME["telegram"],
    "discord": BY_NAME["discord"],
    "slack": BY_NAME["slack-day"],
    "facebook": BY_NAME["facebook-posts"],
    "facebook-html": BY_NAME["facebook-html"],
    "instagram": BY_NAME["instagram-posts"],
    "google": BY_NAME["google-mails"],
    "mbox": BY_NAME["mbox"],
}
SECRET = b"the secret of this machine, SECRET-CANARY"
packed = pytest.mark.parametrize("form", INSIDES.values(), ids=INSIDES)


class Place:
    """A folder with an export in it, a secret beside it, and what came of reading."""

    def __init__(self, folder: Path, form: Format) -> None:
        self.folder = folder
        self.form = form
        self.files: Files = made(form)
        (folder / "in").mkdir()
        for name in ("secret.txt", "secret.jpg", "in/secret.txt"):
            (folder / name).write_bytes(SECRET)
        self.sound = self.read(zipped(self.files))
        assert self.sound.counts[Message]

    def read(self, data: bytes) -> Taken:
        path = self.folder / "in" / "export.zip"
        path.write_bytes(data)
        before = self.seen()
        found = Taken(path, self.form.choices)
        assert self.seen() == before
        assert "SECRET-CANARY" not in found.said()
        return found

    def seen(self) -> list[tuple[str, int, int]]:
        all_ = sorted(self.folder.rglob("*"))
        return [(str(one), one.lstat().st_size, one.lstat().st_mtime_ns) for one in all_]

    def same(self, found: Taken, gap: str) -> None:
        """All messages are there, and what was refused is told."""
        assert found.counts[Message] == self.sound.counts[Message]
        assert found.gaps[gap] > self.sound.gaps[gap]


@pytest.fixture
def place(form: Format, tmp_path: Path) -> Place:
    return Place(tmp_path, form)


def with_entries(files: Files, add: Callable[[zipfile.ZipFile], None]) -> bytes:
    into = io.BytesIO(zipped(files))
    with zipfile.ZipFile(into, "a", zipfile.ZIP_DEFLATED) as out, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are twice there
        add(out)
    return into.getvalue()


@packed
def test_names_that_lead_elsewhere(place: Place) -> None:
    here = place.folder.as_posix()
    names = ("../secret.txt", "../../secret.txt", f"{here}/secret.txt", "/etc/hostname", "..\\secret.txt", "C:\\secret.txt", "//host/share/x", "a/./../../secret.txt", "~/x/../..", "")  # fmt: skip

    def add(out: zipfile.ZipFile) -> None:
        for name in names[:-1]:
            out.writestr(zipfile.ZipInfo(name), "evil")

    place.same(place.read(with_entries(place.files, add)), "file-refused")


@packed
def test_a_nul_in_a_name(place: Place) -> None:
    data = with_entries(place.files, lambda out: out.writestr("result.jsonX.exe", "{}"))
    found = place.read(data.replace(b"result.jsonX.exe", b"result.json\0.exe"))
    assert found.error or found.counts[Message] == place.sound.counts[Message]


@packed
def test_links(place: Place) -> None:
    """Also in the place of each file of the export: then that file is missing, and told."""

    def link(name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        return info

    target = f"{place.folder}/secret.txt"
    place.same(
        place.read(with_entries(place.files, lambda out: out.writestr(link("photo.jpg"), target))), "file-refused"
    )
    for name in place.files:
        others = {one: data for one, data in place.files.items() if one != name}
        found = place.read(with_entries(others, lambda out, name=name: out.writestr(link(name), target)))  # type: ignore[misc]
        assert found.told_more_than(place.sound)


@packed
def test_links_in_a_folder(place: Place) -> None:
    top = place.folder / "in" / "export"
    for name, data in place.files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(data)
    victim = top / place.form.victim
    victim.unlink()
    victim.symlink_to(place.folder / "secret.txt")
    (top / "up").symlink_to(place.folder)
    before = place.seen()
    found = Taken(top, place.form.choices)
    assert place.seen() == before
    assert "SECRET-CANARY" not in found.said()
    assert found.told_more_than(place.sound)
    shutil.rmtree(top)


@packed
def test_a_name_twice(place: Place) -> None:
    """The first counts, so that nothing can be slipped over it."""
    name = place.form.victim
    found = place.read(with_entries(place.files, lambda out: out.writestr(name, "[]")))
    place.same(found, "file-refused")


@packed
def test_encrypted_entries(place: Place) -> None:
    data = bytearray(with_entries(place.files, lambda out: out.writestr("locked.bin", "x" * 50)))
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    place.same(place.read(bytes(data)), "file-encrypted")


@pytest.mark.parametrize("form", [INSIDES[one] for one in ("whatsapp", "slack", "facebook")], ids=str)
def test_a_bomb(place: Place) -> None:
    zeros = bytes(8 << 20)

    def add(out: zipfile.ZipFile) -> None:
        with out.open("bomb.bin", "w", force_zip64=True) as into:
            for _ in range(40):
                into.write(zeros)

    place.same(place.read(with_entries(place.files, add)), "file-refused")


@packed
def test_entries_over_each_other(place: Place) -> None:
    """A few bytes that count many times."""
    data = bytearray(
        with_entries(place.files, lambda out: [out.writestr(f"{one:03}.bin", os.urandom(4000)) for one in range(50)])
    )  # type: ignore[func-returns-value]
    first = data.index(b"000.bin") - 30
    for number in range(1, 50):
        at = data.rindex(f"{number:03}.bin".encode()) - 46
        data[at + 42 : at + 46] = struct.pack("<I", first)
        data[at + 20 : at + 24] = struct.pack("<I", 200_000)
    found = place.read(bytes(data))
    assert found.told_more_than(place.sound)


@packed
def test_zips_in_zips(place: Place) -> None:
    inner = zipped({place.form.victim: b"x" * 1000})
    for _ in range(20):
        inner = zipped({"export.zip": inner})
    found = place.read(with_entries(place.files, lambda out: out.writestr("more.zip", inner)))
    assert found.counts[Message] == place.sound.counts[Message]
    assert found.told_more_than(place.sound)


@packed
def test_sizes_that_lie(place: Place) -> None:
    """Said to be smaller or larger than they are: an error or a gap, never half a file as a whole one."""
    data = zipped(place.files)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        size = file.getinfo(place.form.victim).file_size
    raw = place.form.victim.encode()
    at = data.rindex(raw) - 46
    for said in (0, 1, size // 2, size - 1, size + 1, 2**31):
        changed = data[: at + 24] + struct.pack("<I", said) + data[at + 28 :]
        found = place.read(changed)
        assert found.told_more_than(place.sound) or (said > size and found.said() == place.sound.said())
