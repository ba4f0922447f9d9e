"""A machine that makes backups of an invented group in a sandbox, for tests of the command line."""

import contextlib
import functools
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
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

    def init(self) -> None:
        """A new archive. One guess at its passphrase costs little, so that the tests do."""
        cheap = functools.partial(new_passphrase_slots, cost=Argon2Cost(8 * 1024, 1, 1))
        with mock.patch.object(archive, "new_passphrase_slots", cheap):
            self.run("init", self.archive, "--passphrase-file", self.passphrase, "--recovery-file", self.recovery)

    def add(self, name: str, world: Path) -> None:
        self.run("source", "add", name, "sandbox", f"file={world}")


@dataclass(frozen=True)
class Village:
    """An invented group in a sandbox."""

    path: Path
    group: str
    rooms: list[str]
    posts: list[str]
