"""The homeserver of demo and tests leaves neither a process nor a file behind, and keeps its data over a restart."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from grouparchive.demo.homeserver import Homeserver

pytestmark = pytest.mark.homeserver

START = """
import sys
from pathlib import Path
from grouparchive.demo.homeserver import Homeserver
server = Homeserver(Path(sys.argv[1]))
server.start()
print(server.pid, server.folder, flush=True)
sys.stdin.read()
"""


def test_killing_its_owner_ends_it_and_removes_its_folder(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", START, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    assert owner.stdin
    pid, folder = owner.stdout.readline().split()
    assert Path(folder).is_dir()
    owner.kill()
    owner.wait()
    owner.stdin.close()
    owner.stdout.close()
    until = time.monotonic() + 20
    while time.monotonic() < until and (Path(folder).exists() or _runs(pid)):
        time.sleep(0.05)
    assert not _runs(pid)
    assert not Path(folder).exists()


def test_a_restart_keeps_everything_and_stopping_removes_it(tmp_path: Path) -> None:
    with Homeserver(tmp_path) as server:
        token = server.register("keeper")
        server.restart()
        server.settle()
        assert server.call("GET", "/_matrix/client/v3/account/whoami", token)["user_id"] == server.user_id("keeper")
        folder = server.folder
    assert not folder.exists()
    server.stop()


def _runs(pid: str) -> bool:
    return subprocess.run(["ps", "-p", pid], capture_output=True, check=False).returncode == 0
