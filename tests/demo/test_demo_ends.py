"""The demonstration leaves nothing running, whatever ends it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.homeserver

SECONDS = 60.0


def _servers(mark: str) -> list[str]:
    """Running processes whose command line has the mark."""
    listed = subprocess.run(["ps", "axww", "-o", "pid=,command="], check=True, capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if mark in line]


def _wait(until: float, condition: object) -> bool:
    while time.monotonic() < until:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running demonstration whose homeserver is up. Its folders are all in a place of our own."""
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "grouparchive", "demo"],
            stdout=said,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            start_new_session=True,
        )
    try:
        started = _wait(time.monotonic() + SECONDS, lambda: b"1. A community" in (tmp_path / "said").read_bytes())
        assert started, (tmp_path / "said").read_text()
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _server_of(process: subprocess.Popen[bytes]) -> str:
    """The command line of its homeserver."""
    listed = subprocess.run(["ps", "axww", "-o", "ppid=,command="], check=True, capture_output=True, text=True).stdout
    mine = [line.split(None, 1)[1] for line in listed.splitlines() if line.split(None, 1)[0] == str(process.pid)]
    return next(line for line in mine if "grouparchive-synapse-" in line).split()[-1]


@pytest.mark.parametrize("whole_group", [False, True], ids=["signal-to-it-alone", "ctrl-c-at-a-terminal"])
def test_after_an_interrupt(demo: subprocess.Popen[bytes], tmp_path: Path, *, whole_group: bool) -> None:
    config = _server_of(demo)
    if whole_group:
        os.killpg(demo.pid, signal.SIGINT)
    else:
        demo.send_signal(signal.SIGINT)
    assert demo.wait(SECONDS) == 130
    assert _servers(config) == []
    assert not Path(config).exists()
    assert list(tmp_path.glob("grouparchive-demo-*")) == []
    assert "Traceback" not in (tmp_path / "said").read_text()


def test_after_a_kill(demo: subprocess.Popen[bytes]) -> None:
    config = _server_of(demo)
    demo.kill()
    demo.wait()
    assert _wait(time.monotonic() + SECONDS, lambda: not _servers(config))
