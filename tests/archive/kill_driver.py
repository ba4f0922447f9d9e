"""Runs a small backup again and again in forked children, each killed (-9) at some call on its way; the last goes through.

Used by test_archive_writer.py. Every child goes on from the cursor, as a real run does.
"""

import json
import os
import random
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from grouparchive.archive.home import WriterHome
from grouparchive.archive.writer import Writer
from grouparchive.model.records import Message

PATH, HOME, PIN, ROUNDS, TARGET = (
    Path(sys.argv[1]),
    Path(sys.argv[2]),
    bytes.fromhex(sys.argv[3]),
    *map(int, sys.argv[4:]),
)
COMMITS = 3
EACH = 4


def run() -> None:
    """Some commits."""
    with Writer.open(PATH, WriterHome.load(HOME), pinned=PIN) as writer:
        at = int(writer.cursors("s").get("g", {}).get("at", "0"))
        for _ in range(COMMITS):
            for _ in range(EACH):
                record = Message(channel="!lane", ref=f"$m{at}", time=at, text="x" * 200)
                if not writer.fresh(record):
                    raise SystemExit("a message counts as seen that no commit holds")
                writer.add(record)
                at += 1
            writer.commit({"s": {"g": {"at": str(at)}}})


def child(after: int) -> int:
    """Fork, run, die at call number `after` (-1: never). The wait status."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    count = 0

    def watch(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        if event in {"call", "c_call"} and "grouparchive/archive" in frame.f_code.co_filename:
            count += 1
            if count == after:
                os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        sys.setprofile(watch)
        run()
        sys.setprofile(None)
        code = 0
        if after < 0:
            os.write(2, b"")
            Path(HOME / "calls").write_text(str(count))
    finally:
        os._exit(code)


def main() -> None:
    """All rounds."""
    chance = random.Random(7)
    if child(-1):
        raise SystemExit("the first run failed")
    calls = int((HOME / "calls").read_text())
    (HOME / "calls").unlink()
    killed = 0
    while killed < ROUNDS:
        status = child(chance.randint(1, calls))
        if os.WIFSIGNALED(status):
            killed += 1
        elif status:
            raise SystemExit("a run after a kill failed")
    while True:
        if child(-1):
            raise SystemExit("the last run failed")
        (HOME / "calls").unlink()
        if int(WriterHome.load(HOME).cursors("s")["g"]["at"]) >= TARGET:
            break
    print(json.dumps({"killed": killed, "calls": calls}))  # noqa: T201 - how it answers


main()
