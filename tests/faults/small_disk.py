"""A disk of a few megabytes in memory, and a weight that fills it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = 3 * 1024 * 1024
PAGE = 4096


@contextmanager
def small_disk(place: Path) -> Iterator["SmallDisk"]:
    """Mount one, and take it away again whatever happens. Skips where mounting is not allowed."""
    place.mkdir()
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        reason = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        reason = str(error)
    if reason:
        pytest.skip(f"no small disk can be mounted here: {reason}")
    try:
        yield SmallDisk(place)
    finally:
        if subprocess.run(["umount", str(place)], capture_output=True, check=False).returncode:
            subprocess.run(["umount", "-l", str(place)], check=True)


class SmallDisk:
    """The mounted disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    @property
    def free(self) -> int:
        """Free bytes."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    @contextmanager
    def filled(self, leave: int) -> Iterator[None]:
        """Filled up to about so many free bytes, for a while."""
        weight = max(0, self.free - leave) // PAGE * PAGE
        try:
            with self._ballast.open("wb") as file:
                if weight:
                    os.posix_fallocate(file.fileno(), 0, weight)
            yield
        finally:
            self._ballast.unlink(missing_ok=True)
