"""A machine that makes backups of an invented group in a sandbox, for tests of the command line."""

import contextlib
import functools
import io
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

from grouparchive.cli import app, archive
from grouparchive.crypto.slots import Argon2Cost, new_passphrase_slots

GROUP = "The Quiet Orchard"
TOPIC = "zebra-topic-canary under the walnut tree"
PASSPHRASE = "seven plain invented words that mean nothing here"
HANDLES = [f"@quince-{number:02}:sandbox" for number in range(12)]
NAMES = [f"Quince Canary {number:02}" for number in range(12)]
TEXT = "heliotrope canary sentence"
PICTURE = b"\x89PNG\r\n\x1a\n" + b"picture-bytes-canary" * 40


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def done(self) -> dict[str, Any]:
        last = self.events[-1]
        assert last["event"] == "done"
        return last

    @property
    def failure(self) -> dict[str, Any]:
        failures = [json.loads(line) for line in self.err.splitlines() if '"error"' in line]
        assert failures, self.err
        return failures[-1]


class Machine:
    """A computer with a profile and an archive of its own. The drawer holds the secrets and is no part of it."""

    def __init__(self, folder: Path, *, made: bool = False) -> None:
        self.folder = folder
        self.archive = folder / "group.gar"
        self.profile = folder / "profile"
        self.drawer = folder / "drawer"
        self.temp = folder / "temp"
        for path in (self.drawer, self.temp):
            path.mkdir(mode=0o700, exist_ok=made)
        self.passphrase = self.secret("passphrase.txt", PASSPHRASE)
        self.recovery = self.drawer / "recovery.txt"
        self.plan = folder / "way-back.plan"
        self.spoken: list[str] = []  # everything any command wrote to stderr, and what unattended ones wrote to stdout

    def secret(self, name: str, text: str) -> Path:
        path = self.drawer / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return path

    def run(
        self, *arguments: str | Path, stdin: str = "", code: int | None = 0, opened: bool = False, process: bool = False
    ) -> Done:
        """Run a command, in this process unless told otherwise."""
        words = ["--no-input", *(["--passphrase-file", str(self.passphrase)] if opened else []), *map(str, arguments)]
        done = (self._process if process else self._here)(words, stdin)
        self.spoken.append(done.err)
        if not opened:
            self.spoken.append(done.out)
        assert "Traceback" not in done.err, done.err
        if code is not None:
            assert done.code == code, done.out + done.err
        return done

    def _process(self, words: list[str], stdin: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "grouparchive", *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=self.environment(),
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _here(self, words: list[str], stdin: str) -> Done:
        given = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with (
            mock.patch.multiple(sys, stdin=given, stdout=out, stderr=err),
            mock.patch.dict(os.environ, self.environment(), clear=True),
            contextlib.chdir(self.folder),
        ):
            code = app.run(words)
            out.flush()
        return Done(code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode())

    def environment(self) -> dict[str, str]:
        ours = {
            "GROUPARCHIVE_ARCHIVE": str(self.archive),
            "GROUPARCHIVE_PROFILE": str(self.profile),
            "HOME": str(self.folder),
            "TMPDIR": str(self.temp),
        }
        return {**{name: value for name, value in os.environ.items() if not name.startswith("XDG_")}, **ours}

    def init(self, *ways: str | Path, code: int | None = 0) -> Done:
        """A new archive, with a recovery file unless other ways in are named. One guess at its passphrase costs little, so that
        the tests do.
        """
        cheap = functools.partial(new_passphrase_slots, cost=Argon2Cost(8 * 1024, 1, 1))
        more = ways or ("--recovery-file", self.recovery)
        with mock.patch.object(archive, "new_passphrase_slots", cheap):
            return self.run("init", self.archive, "--passphrase-file", self.passphrase, *more, "--json", code=code)

    def add(self, name: str, world: Path) -> None:
        self.run("source", "add", name, "sandbox", f"file={world}")


class Terminal:
    """A person at a terminal."""

    def __init__(self, machine: Machine, *arguments: str | Path) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grouparchive", *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=machine.folder,
            env=machine.environment(),
            start_new_session=True,
        )
        os.close(slave)
        self.text = ""
        self._seen = 0

    def wait_for(self, words: str) -> None:
        """Read on until these words come, after those that were waited for before."""
        end = time.monotonic() + 30
        while words not in self.text[self._seen :]:
            if time.monotonic() > end or not self.read():
                self._fail()
        self._seen = self.text.index(words, self._seen) + len(words)

    def read(self) -> bool:
        if not select.select([self.master], [], [], 60)[0]:
            self._fail()
        try:
            piece = os.read(self.master, 65536).decode("utf-8", "replace")
        except OSError:  # the other end is closed
            return False
        self.text += piece
        return bool(piece)

    def type(self, line: str, *, hidden: bool = False) -> None:
        """Type a line; a hidden one once the prompt hides it, for what comes before is thrown away."""
        end = time.monotonic() + 30
        while hidden and termios.tcgetattr(self.master)[3] & termios.ECHO:
            if time.monotonic() > end:
                self._fail()
            time.sleep(0.01)
        time.sleep(0.1)
        os.write(self.master, f"{line}\n".encode())

    def _fail(self) -> NoReturn:
        self.process.kill()
        self.process.wait()
        raise AssertionError(self.text)

    def end(self) -> int:
        while self.read():
            pass
        os.close(self.master)
        return self.process.wait(timeout=30)


@dataclass(frozen=True)
class Village:
    """An invented group in a sandbox."""

    path: Path
    group: str
    rooms: list[str]
    posts: list[str]
