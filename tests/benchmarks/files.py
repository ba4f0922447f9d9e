"""From files on disk to one sealed place: our archive against restic, borg and tar | zstd | age, where they are installed."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from grouparchive.archive.writer import Writer
from grouparchive.model import codec
from tests.benchmarks import data
from tests.benchmarks.show import Line, show
from tests.benchmarks.worker import prepare

PIECE = 1 << 20


def _quiet(command: list[str], folder: Path, *, shell_pipe: str = "") -> None:
    environment = {
        **os.environ,
        "HOME": str(folder),
        "RESTIC_PASSWORD": "benchmark",
        "BORG_PASSPHRASE": "benchmark",
        "BORG_BASE_DIR": str(folder / "borg-home"),
    }
    given = ["bash", "-o", "pipefail", "-c", shell_pipe] if shell_pipe else command
    subprocess.run(given, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _restic(folder: Path) -> float:
    _quiet(["restic", "init", "-q", "--no-cache", "-r", "restic"], folder)
    return _timed(lambda: _quiet(["restic", "backup", "-q", "--no-cache", "-r", "restic", "files"], folder))


def _borg(folder: Path) -> float:
    _quiet(["borg", "init", "-e", "repokey-blake2", "borg"], folder)
    return _timed(lambda: _quiet(["borg", "create", "-C", "zstd,3", "borg::one", "files"], folder))


def _tar(folder: Path) -> float:
    key = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True).stdout
    public = next(line.split(": ")[1] for line in key.splitlines() if "public key" in line)
    pipe = f"tar c files | zstd -q -3 | age -r {public} -o tar.age && sync tar.age"
    return _timed(lambda: _quiet([], folder, shell_pipe=pipe))


def _ours(folder: Path) -> float:
    path, home, pin = prepare(folder)
    start = time.perf_counter()
    with Writer.open(path, home, pinned=pin) as writer:
        with (folder / "files" / "messages.jsonl").open("rb") as lines:
            for line in lines:
                writer.add(codec.decode(line))
        for file in sorted((folder / "files" / "media").iterdir()):
            with file.open("rb") as source:
                writer.add_blob(iter(lambda source=source: source.read(PIECE), b""), "content")  # type: ignore[misc]
        writer.commit({}, {}, [])
    return time.perf_counter() - start


def _timed(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def run(*, quick: bool) -> list[Line]:
    """Measure and print."""
    count, megabytes = (100_000, 50) if quick else (1_000_000, 500)
    peers = {"restic": ("restic", _restic), "borg": ("borg", _borg), "tar | zstd | age": ("age", _tar)}
    with tempfile.TemporaryDirectory(prefix="grouparchive-bench-") as name:
        folder = Path(name)
        (folder / "files").mkdir()
        with (folder / "files" / "messages.jsonl").open("wb") as out:
            for message in data.messages(count):
                out.write(codec.encode(message) + b"\n")
        data.media(folder / "files" / "media", megabytes)
        ours = _ours(folder)
        lines = [Line("archive: read the files, seal, commit", ours)]
        for peer, (program, act) in peers.items():
            if shutil.which(program):
                seconds = act(folder)
                lines += [Line(peer, seconds), Line(f"archive, times the rate of {peer}", seconds / ours, "x")]
    show(f"From files: {count:,} messages as JSON Lines and {megabytes} MB of media", lines)
    return lines
