"""Which peers read which export files, where they are on this machine, and how their run goes.

None has to be there: they are looked for in the folders that GROUPARCHIVE_BENCH_PEERS names, see docs/BENCHMARKS.md.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import exports_peer
from tests.benchmarks.measured import Measured, measured

FOLDERS = "GROUPARCHIVE_BENCH_PEERS"
_NODE = """
const fs = require('node:fs');
const found = require(process.argv[1]).parseString(fs.readFileSync(process.argv[2], 'utf8'));
const people = found.filter((one) => one.author !== null).length;
console.log(JSON.stringify({ messages: found.length, people }));
"""


@dataclass(frozen=True)
class Peer:
    """A reader of export files. `package` is its name in the registry, "" for the standard library: a floor, always there.

    `sealing`: an import, which also seals what it reads, has to keep up with it. Of a floor that makes no records of what it
    reads, only reading has to where `sealing` is false.
    """

    name: str
    task: str
    package: str = ""
    sealing: bool = True


def chat_miner(parser: str) -> Peer:
    """One package, a parser for each platform."""
    return Peer("chat-miner", parser, "chat-miner")


WHATSAPP = (
    Peer("whatsapp-chat-parser (npm)", "node", "whatsapp-chat-parser"),
    Peer("whatsapp-chat-exporter", "whatsapp_chat_exporter", "whatsapp-chat-exporter"),
    Peer("whatstk", "whatstk", "whatstk"),
    chat_miner("WhatsAppParser"),
)
TELEGRAM = (chat_miner("TelegramJsonParser"), Peer("json.load", "json_load"))
SLACK = (
    Peer("slack-export-viewer", "slack_export_viewer", "slack-export-viewer"),
    Peer("zipfile and json.loads", "json_zip", sealing=False),
)
DISCORD = (Peer("json.load", "json_load"),)
MBOX = (Peer("perceval", "perceval", "perceval"), Peer("mailbox", "stdlib_mailbox"))


class Installed:
    """The peers on this machine.

    Args:
        folders: folders with a Python interpreter (`bin` of a virtualenv), or node_modules folders.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._commands: dict[str, list[str | Path]] = {}
        self.versions: dict[str, str] = {}
        script = Path(exports_peer.__file__)
        alone = ("-I", script)  # without the folder of the script, whose modules have common names
        self._floor: list[str | Path] = [sys.executable, *alone]
        packages = sorted({peer.package for peer in (*WHATSAPP, *TELEGRAM, *SLACK, *MBOX)} - {""})
        for python in (*(folder / "python" for folder in folders), Path(sys.executable)):
            if python.is_file():
                done = subprocess.run(
                    [python, *alone, "versions", *packages], check=True, stdout=subprocess.PIPE, text=True
                )
                for package, version in json.loads(done.stdout).items():
                    self._add(package, version, [python, *alone])
        for folder in folders:
            package = folder / "whatsapp-chat-parser"
            if (package / "package.json").is_file() and (node := shutil.which("node")):
                version = json.loads((package / "package.json").read_text())["version"]
                self._add(package.name, version, [node, "-e", _NODE, package])

    def _add(self, package: str, version: str, command: list[str | Path]) -> None:
        if package not in self.versions:
            self.versions[package] = version
            self._commands[package] = command

    def has(self, peer: Peer) -> bool:
        """Whether it is here."""
        return not peer.package or peer.package in self._commands

    def run(self, peer: Peer, path: Path, limit: float) -> Measured:
        """Let it read a file that lies alone in its folder."""
        command = self._commands[peer.package] if peer.package else self._floor
        task = [] if peer.task == "node" else [peer.task]
        return measured([*command, *task, path], path.parent.parent, limit=limit)


def installed() -> Installed:
    """The peers where the environment says they are.

    Raises:
        SystemExit: there is no such folder.
    """
    folders = [Path(one).absolute() for one in os.environ.get(FOLDERS, "").split(os.pathsep) if one]
    if missing := [str(one) for one in folders if not one.is_dir()]:
        raise SystemExit(f"{FOLDERS}: no such folder: {', '.join(missing)}")
    return Installed(folders)


def fault(run: Measured, expected: int, spoken: int | None) -> str:
    """What is wrong with what a peer read, in words; "" where the number of messages is right.

    Args:
        run: its run.
        expected: how many messages the file has, system lines among them.
        spoken: how many of them are by people, where that is known.
    """
    if run.late:
        return f"NOT READ: no end after {run.seconds:.0f} s"
    if run.code or "messages" not in run.told:
        return f"NOT READ: {run.error.strip()[:100] or f'ended with {run.code}'}"
    missing = expected - int(run.told["messages"])
    if not missing:
        return ""
    people = run.told.get("people")
    if people is not None and spoken is not None and missing == expected - spoken:
        return f"WRONG: {missing:,} system lines missing"
    return f"WRONG: {abs(missing):,} messages {'missing' if missing > 0 else 'too many'}"


def misread(run: Measured, spoken: int | None) -> str:
    """Where the number is right, but not who spoke."""
    people = run.told.get("people")
    if people is None or spoken is None or people == spoken:
        return ""
    if people > spoken:
        return f"{people - spoken:,} system lines as said by people"
    return f"{spoken - people:,} people's messages without their author"
