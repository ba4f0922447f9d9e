"""Runs a command line that is killed (-9) at a chosen call on its way. Used by test_killed_commands.py.

Arguments: the number of the call (0: never), a file that takes the heads of acknowledged commits, one that takes the number of
calls of a run that was not killed; then the command line.
"""

import functools
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from grouparchive.archive.writer import Writer
from grouparchive.cli import app, archive, backup
from grouparchive.crypto.slots import Argon2Cost, new_passphrase_slots

AFTER, HEADS, CALLS = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])

count = 0


def watch(frame: FrameType, event: str, _: Any) -> None:
    """Count the calls of our own code, also those into what is not Python: every write is one."""
    global count  # noqa: PLW0603 - a profile function has no other place
    if event in {"call", "c_call"} and "/grouparchive/" in frame.f_code.co_filename:
        count += 1
        if count == AFTER:
            os.kill(os.getpid(), signal.SIGKILL)


def commit(writer: Writer, *args: Any, **kwargs: Any) -> Any:
    """Commit, and tell of it as soon as it is acknowledged."""
    info = real(writer, *args, **kwargs)
    with HEADS.open("ab", buffering=0) as heads:
        heads.write(info.head.hex().encode() + b"\n")
    return info


real, Writer.commit = Writer.commit, commit  # type: ignore[method-assign]
backup.COMMIT_SECONDS = 0.0  # type: ignore[misc]  # after every page
archive.new_passphrase_slots = functools.partial(new_passphrase_slots, cost=Argon2Cost(8 * 1024, 1, 1))  # type: ignore[attr-defined]
sys.setprofile(watch)
code = app.run(sys.argv[4:])
sys.setprofile(None)
CALLS.write_text(str(count))
sys.exit(code)
