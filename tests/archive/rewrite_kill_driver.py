"""Rewrites an archive again and again in forked children, each killed (-9) at some call on its way, and looks at what is left.

Used by test_archive_rewrite_killed.py: `rewrite_kill_driver.py FOLDER ROUNDS`, FOLDER with `archive`, `home`, `key` and `pin`.
"""

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from grouparchive.archive.forget import forget
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.retain import Policy, retain
from grouparchive.archive.rotate import Ways, rotate
from grouparchive.archive.verify import verify
from grouparchive.archive.writer import Writer
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from grouparchive.errors import WrongSecret
from grouparchive.model.records import Member, Message

FOLDER, ROUNDS = Path(sys.argv[1]), int(sys.argv[2])
DAY = 86_400_000
TEMPLATE, HOME, WORK = FOLDER / "archive", FOLDER / "home", FOLDER / "work"
PATH, COUNT = WORK / "archive", FOLDER / "calls"
OLD, NEW = RecoveryKey((FOLDER / "key").read_bytes()), RecoveryKey(b"n" * 32)
PIN = (FOLDER / "pin").read_bytes()


def opened() -> Reader:
    """The archive with whichever key opens it."""
    archive = Archive.open(PATH)
    try:
        return archive.unlock(OLD)
    except WrongSecret:
        return archive.unlock(NEW)


def home() -> WriterHome:
    return WriterHome.load(WORK / "home")


def do_forget() -> None:
    forget(opened(), "@moss:lane", home=home())


def do_retain() -> None:
    retain(opened(), Policy(10 * DAY, 10 * DAY), home=home(), now=lambda: 13 * DAY)


def do_rotate() -> None:
    def ways(archive_id: bytes, epoch: int, fresh: Mapping[str, bytes]) -> Ways:
        return Ways(new_recovery_slots(NEW, archive_id, epoch, fresh), secrets=[NEW])

    with Archive.open(PATH) as archive:
        roots = {vault: one.root for vault, one in archive.roots(OLD).items()}
    rotate(opened(), roots, ways, home=home())


def is_forgotten(reader: Reader) -> bool:
    return not any(r.native == "@moss:lane" for _, r in reader.records("roster") if isinstance(r, Member))


def is_retained(reader: Reader) -> bool:
    return not any(r.time < 3 * DAY for _, r in reader.records("content") if isinstance(r, Message))


def is_rotated(reader: Reader) -> bool:
    return reader.key("content").epoch == 1


def fresh() -> None:
    """The archive and the profile as they were."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    shutil.copy(TEMPLATE, PATH)
    shutil.copytree(HOME, WORK / "home")


def child(do: Callable[[], None], after: int) -> int:
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
        do()
        sys.setprofile(None)
        COUNT.write_text(str(count))
        code = 0
    finally:
        os._exit(code)


def look(do: Callable[[], None], done: Callable[[Reader], bool], before: bytes) -> bool:
    """Is the old or the new file there, whole, and does the next run work? Whether it was the new one."""
    report = verify(PATH, pinned=PIN)
    if not report.ok:
        raise SystemExit(f"the archive does not verify: {report.problems}")
    is_new = done(opened())
    if not is_new and PATH.read_bytes() != before:
        raise SystemExit("neither the old nor the new file is there")
    with Writer.open(PATH, home(), pinned=PIN) as writer:
        writer.add(Message(channel="!a", ref="$next", time=100 * DAY, text="the next backup"))
        writer.commit()
    if any(".rewrite" in path.name for path in WORK.iterdir()):
        raise SystemExit("a half-built file was left")
    if not is_new:
        do()
    reader = opened()
    texts = [r.text for _, r in reader.records("content") if isinstance(r, Message)]
    if not done(reader) or "the next backup" not in texts or reader.damage or not verify(PATH, pinned=PIN).ok:
        raise SystemExit("the next run did not end well")
    return is_new


def main() -> None:
    """All rounds."""
    chance = random.Random(11)
    before = TEMPLATE.read_bytes()
    told = {}
    for do, done in ((do_forget, is_forgotten), (do_retain, is_retained), (do_rotate, is_rotated)):
        fresh()
        if child(do, -1) or not done(opened()):
            raise SystemExit("a run without a kill failed")
        calls = int(COUNT.read_text())
        killed = new = 0
        for number in range(ROUNDS):
            fresh()
            # One of four dies near the end, where the files change places.
            at = chance.randint(max(1, calls - 60), calls) if number % 4 == 3 else chance.randint(1, calls)
            status = child(do, at)
            killed += os.WIFSIGNALED(status)
            if not os.WIFSIGNALED(status) and status:
                raise SystemExit("a run failed before it was killed")
            new += look(do, done, before)
        told[do.__name__] = {"killed": killed, "new": new, "calls": calls}
    print(json.dumps(told))  # noqa: T201 - how it answers


main()
