"""Texts and files that are made to take time or memory, in every format. The long ones run with `make faults`."""

import html
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import damage
import pytest
from any_export import Taken
from every_format import BY_NAME, HERE, Files, Format, made, zipped

from grouparchive.model.records import Message

TEXTS = {
    "whatsapp-android": "the old bridge", "whatsapp-ios": "the old bridge", "telegram": "first", "discord": "first", "slack-day": "first",
    "facebook-posts": "Who waters on Sunday?", "facebook-chat": "second in a ms", "facebook-html": "the old bridge", "facebook-html-chat": "later",
    "facebook-answer": "the old bridge", "facebook-saved": "Sol Lark", "facebook-mhtml": "Sol Lark", "facebook-members": "Sol Lark",
    "instagram-posts": "Ein Paar", "instagram-chat": "Liked a message", "instagram-html": "Zwei", "instagram-html-chat": "later",
    "mbox": "a lantern", "maildir": "with a picture", "eml": "with a picture", "google-mails": "the old bridge", "json-lines": "the old bridge",
    "members": "Moss Stone", "contacts": "Moss", "vcards": "Moss Hollow", "google-members": "Moss",
}  # fmt: skip
"""Format -> a text in it, that becomes another."""
SMALL, LARGE = 50_000, 1_000_000
QUICK_SECONDS, LONG_SECONDS = 2.0, 5.0
GIGABYTE = 1 << 30
MOST_MEMORY = 300 << 20


def said(form: Format, text: str) -> bytes:
    """The export's file with this text in it, as the format writes it."""
    written = text
    if form.shape in {"json", "answer", "lines"}:
        written = json.dumps(text)[1:-1]
    elif form.shape in {"html", "page"} and "<" not in text:
        written = html.escape(text, quote=False)
    sound = form.sound()
    marked = TEXTS[form.name].encode()
    assert marked in sound
    return sound.replace(marked, written.encode(), 1)


def took(form: Format, folder: Path, text: str) -> float:
    path = form.write(folder, said(form, text))
    begun = time.process_time()
    found = Taken(path, form.choices, keep=False)
    seconds = time.process_time() - begun
    assert found.title or not form.people
    return seconds


def slow(form: Format, folder: Path, size: int, bound: float, every: int = 1) -> list[str]:
    """What takes too long, of every such pattern in turn."""
    found = []
    first = list(TEXTS).index(form.name) % every
    for name, pattern in list(damage.SLOW.items())[first::every]:
        if form.shape in {"table", "cards"} and "\n" in pattern:
            continue  # not a text, but very many rows
        text = (pattern * (size // len(pattern) + 1))[:size]
        seconds = took(form, folder, text)
        if seconds > bound:
            found.append(f"{name}: {seconds:.1f} s")
    return found


texts = pytest.mark.parametrize("form", [BY_NAME[name] for name in TEXTS], ids=str)


@texts
def test_texts_that_are_slow_to_look_through(form: Format, tmp_path: Path) -> None:
    assert not slow(form, tmp_path, SMALL, QUICK_SECONDS, every=3)


@pytest.mark.faults
@texts
def test_long_texts_that_are_slow_to_look_through(form: Format, tmp_path: Path) -> None:
    assert not slow(form, tmp_path, LARGE, LONG_SECONDS)


@pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.faults)])
def test_slow_texts_in_a_database(tmp_path: Path, size: int) -> None:
    form = BY_NAME["whatsapp-database"]
    path = form.write(tmp_path, form.sound())
    for name, pattern in damage.SLOW.items():
        with sqlite3.connect(path) as db:
            db.execute("UPDATE message SET text_data = ? WHERE _id = 2", ((pattern * size)[:size],))
        db.close()
        begun = time.process_time()
        found = Taken(path, form.choices)
        assert time.process_time() - begun < LONG_SECONDS, name
        assert found.counts[Message] == 9


def test_mails_of_very_many_parts(tmp_path: Path) -> None:
    form = BY_NAME["mbox"]
    for body in (
        "".join(f"--bb\n\npart {at}\n" for at in range(10_000)) + "--bb--\n",
        "--bb\n" * 10_000,
        "".join('--bb\nContent-Type: multipart/mixed; boundary="bb"\n\n' for _ in range(500)),
        "".join(
            f'--{"b" * at}\nContent-Type: multipart/mixed; boundary="{"b" * (at + 1)}"\n\n' for at in range(2, 200)
        ),
    ):
        data = form.sound()
        at = data.index(b"--bb\n")
        path = form.write(tmp_path, data[:at] + body.encode() + data[at:])
        begun = time.process_time()
        found = Taken(path, form.choices)
        assert time.process_time() - begun < QUICK_SECONDS
        assert found.counts[Message] == 8


# --- sizes -------------------------------------------------------------------------------------------------------------------


def _files(form: Format) -> Files:
    return {**made(form), form.victim: form.wrap(form.sound())}


Written = Callable[[Format, Path], Path]


def _begun(form: Format) -> tuple[bytes, bytes]:
    """What stands before and behind a place in a text."""
    marked = TEXTS[form.name].encode()
    before, found, after = form.wrap(form.sound()).partition(marked)
    assert found
    return before + marked[:2], marked[2:] + after


def _long(piece: bytes, size: int) -> Written:
    def write(form: Format, folder: Path) -> Path:
        path = form.write(folder, b"")
        place = path / form.victim if path.is_dir() else path
        before, after = _begun(form)
        whole = piece * ((1 << 20) // len(piece))
        with place.open("wb") as out:
            out.write(before)
            for _ in range(size // len(whole)):
                out.write(whole)
            out.write(after)
        return path

    return write


def _line_alone(form: Format, folder: Path) -> Path:
    """Nothing but one line, with holes: zeros that take no place on the disk."""
    path = form.write(folder, b"")
    os.truncate(path / form.victim if path.is_dir() else path, GIGABYTE)
    return path


def _packed_zeros(form: Format, folder: Path) -> Path:
    """The file of the export, in a zip, goes on with a gigabyte of zeros."""
    path = folder / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in _files(form).items():
            with out.open(name, "w", force_zip64=True) as into:
                into.write(data)
                for _ in range(1024 if name == form.victim else 0):
                    into.write(bytes(1 << 20))
    return path


def _many_entries(form: Format, folder: Path) -> Path:
    path = folder / "export.zip"
    path.write_bytes(zipped(_files(form)))
    with zipfile.ZipFile(path, "a") as out:
        for number in range(200_000):
            out.writestr(zipfile.ZipInfo(f"a/{number}.txt"), b"")
    return path


def _deep(form: Format, folder: Path) -> Path:
    """Ten million brackets, tags or quotations: in JSON in the place of a whole string, elsewhere in a text."""
    marked = re.escape(TEXTS[form.name].encode())
    what = {"html": b"<div>", "page": b"<div>", "mail": b"> "}.get(form.shape, b"[")
    whole = rb'"' + marked + rb'[^"]*"' if form.shape in {"json", "answer", "lines"} else marked
    before, after = re.split(whole, form.sound(), maxsplit=1)
    return form.write(folder, before + what * 10_000_000 + after)


SIZES: dict[str, Written] = {
    "a text of a gigabyte": _long(b"x", GIGABYTE),
    "a text of a gigabyte of script": _long(b"<script>", GIGABYTE),
    "a gigabyte of zeros": _line_alone,
    "a gigabyte of zeros in a zip": _packed_zeros,
    "200,000 entries in a zip": _many_entries,
    "ten million levels": _deep,
}

READ = """
import sys, time
sys.path.insert(0, sys.argv[1])
from any_export import Taken
from every_format import BY_NAME
from pathlib import Path
form = BY_NAME[sys.argv[2]]
found = Taken(Path(sys.argv[3]), form.choices, keep=False)
memory = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(memory, time.process_time(), found.error or found.title or "unknown", dict(found.gaps), sep="\\t")
"""


@pytest.fixture(autouse=True)
def _memory_can_be_measured(request: pytest.FixtureRequest) -> None:
    """What a process inherits from its parent counts too in what `resource` tells, so Linux is asked."""
    if not Path("/proc/self/status").exists() and request.function.__name__ in {
        "test_a_line_of_64_megabytes",
        "test_gigabytes",
    }:
        pytest.skip("memory is measured on Linux only")


def measured(form: Format, path: Path, seconds: float) -> tuple[int, float, str]:
    """(bytes of memory at most, seconds of the processor, what came of it) of reading in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(HERE), form.name, str(path)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    memory, used, *came = done.stdout.strip().split("\t")
    return int(memory) << 10, float(used), " ".join(came)


QUICK = ("whatsapp-android", "telegram", "slack-day", "facebook-html", "mbox", "members")


@pytest.mark.parametrize("name", [pytest.param(one, marks=() if one in QUICK else pytest.mark.faults) for one in TEXTS])
def test_a_line_of_64_megabytes(name: str, tmp_path: Path) -> None:
    form = BY_NAME[name]
    memory, _, came = measured(form, _long(b"<script>", 64 << 20)(form, tmp_path), 60)
    assert memory < MOST_MEMORY, came


@pytest.mark.faults
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", [BY_NAME[name] for name in TEXTS], ids=str)
def test_gigabytes(form: Format, size: str, tmp_path: Path) -> None:
    path = SIZES[size](form, tmp_path)
    try:
        memory, seconds, came = measured(form, path, 300)
    finally:
        for one in tmp_path.rglob("*"):
            if one.is_file():
                one.unlink()
    sys.stdout.write(f"{form.name}\t{size}\t{memory >> 20} MB\t{seconds:.1f} s\t{came}\n")
    assert memory < MOST_MEMORY
    assert seconds < 120
