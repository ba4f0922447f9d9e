"""Rewriting an archive survives kill -9 at any point: the old or the new file is there, whole, and the next run works."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rewrite_kit import FERN, first_run, post

HERE = Path(__file__).parent


@pytest.mark.parametrize("rounds", [4, pytest.param(100, marks=pytest.mark.faults)])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_file_whole(made: Any, tmp_path: Path, rounds: int) -> None:
    first_run(made)
    for number in range(12, 15):
        made.write([post(FERN, number)], time=number * 86_400_000)
    folder = tmp_path / "rounds"
    folder.mkdir()
    shutil.copy(made.path, folder / "archive")
    shutil.copytree(made.home.folder, folder / "home")
    (folder / "key").write_bytes(made.key.key)
    (folder / "pin").write_bytes(made.pin)
    done = subprocess.run(
        [sys.executable, str(HERE / "rewrite_kill_driver.py"), str(folder), str(rounds)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120 + rounds * 60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) == {"do_forget", "do_retain", "do_rotate"}
    for name, one in told.items():
        assert one["killed"] >= rounds * 3 // 4, name
        assert one["new"] < rounds, name
