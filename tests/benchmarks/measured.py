"""Running any program and measuring the whole of it: wall and CPU seconds, peak memory, and what it printed last.

A process of our own stands between, for the system counts the peak memory of the one who starts a program as the program's.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How a program went. `told` is the JSON of its last line, {} where there is none; `late`: it was ended at the limit."""

    code: int
    late: bool
    seconds: float
    cpu: float
    peak_mb: float
    told: dict[str, Any]
    error: str


def measured(
    command: Sequence[str | Path], folder: Path, *, limit: float = 600.0, environment: Mapping[str, str] | None = None
) -> Measured:
    """Run a program in a folder, for at most `limit` seconds."""
    given = [list(map(str, command)), str(folder), limit, {**(environment or {}), "TMPDIR": str(folder)}]
    launcher = [sys.executable, "-m", "tests.benchmarks.measured", json.dumps(given)]
    done = subprocess.run(launcher, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(done.stdout))


def _run(command: list[str], folder: str, limit: float, environment: dict[str, str]) -> Measured:
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=out, stderr=error
        )
        timer = threading.Timer(limit, end)
        timer.start()
        code = process.wait()
        seconds = time.perf_counter() - start
        timer.cancel()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = _last(out)
        return Measured(
            code=code,
            late=late.is_set(),
            seconds=seconds,
            cpu=used.ru_utime + used.ru_stime,
            peak_mb=used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10),
            told=json.loads(said) if said.startswith("{") else {},
            error=_last(error),
        )


def _last(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8192))
    lines = file.read().decode("utf-8", "replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")


def main() -> None:
    """The process that stands between."""
    print(json.dumps(vars(_run(*json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
