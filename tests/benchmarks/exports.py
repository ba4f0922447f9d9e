"""Reading export files: seconds and memory of parsing and of importing, with other people's readers beside, on the same files.

Every figure is of a whole process. Reading through the connector is "parse"; "import" is the command, with sealing. What came
out is counted each time, so that nobody is fast by leaving things out.
"""

import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.exports_peers import DISCORD, MBOX, SLACK, TELEGRAM, WHATSAPP, Peer, fault, installed, misread
from tests.benchmarks.measured import ROOT, Measured, measured
from tests.benchmarks.show import Line, show

WORKER = "tests.benchmarks.exports_worker"
MEMORY_MB = 100.0
PEER_SECONDS = 300.0  # for the whole file; for a tenth a fifth
OWN_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class Export:
    """A kind of export. `targets` are seconds for parse and import on the machine where they were set; they bind nobody."""

    title: str
    kind: str
    file: str
    count: int
    of: str = "messages"
    peers: tuple[Peer, ...] = ()
    targets: tuple[float, float] | None = None
    expected: Callable[[int], int] = lambda count: count
    spoken: Callable[[int], int] | None = None


def _spoken(count: int) -> int:
    """All but a system line in each thousand."""
    return count - count // 1000


EXPORTS = (
    Export(
        title="WhatsApp, Android", kind="whatsapp-android", file="WhatsApp Chat with Lantern walk.txt", count=1_000_000,
        peers=WHATSAPP, targets=(1.8, 4.5), spoken=_spoken,
    ),
    Export(
        title="WhatsApp, iOS", kind="whatsapp-ios", file="_chat.txt", count=1_000_000, peers=WHATSAPP, targets=(2.5, 5.0),
        spoken=_spoken,
    ),
    Export(
        title="Telegram Desktop", kind="telegram", file="result.json", count=500_000, peers=TELEGRAM, targets=(1.5, 3.0),
    ),
    Export(title="Slack", kind="slack", file="garden.zip", count=500_000, peers=SLACK, targets=(2.4, 4.5)),
    Export(title="Discord", kind="discord", file="general.json", count=300_000, peers=DISCORD, targets=(1.7, 3.0)),
    Export(title="Mail", kind="mbox", file="garden.mbox", count=50_000, of="mails", peers=MBOX, targets=(3.0, 5.5)),
    Export(
        title="Facebook, capture", kind="facebook-capture", file="members.har", count=40_000, of="members",
        expected=lambda count: count // 4 * 3,
    ),
    Export(
        title="Facebook, download", kind="facebook-download", file="facebook.zip", count=200_000,
        of="posts and as many messages", expected=lambda count: count * 2,
    ),
    Export(
        title="Instagram", kind="instagram", file="instagram.zip", count=200_000, of="followers and as many messages",
        expected=lambda count: count + count // 10,
    ),
    Export(title="JSON Lines of our own", kind="generic", file="group.jsonl", count=1_000_000),
)  # fmt: skip


def run(*, quick: bool) -> list[Line]:
    """Measure and print, one file at a time so that the disk need not hold them all."""
    lines: list[Line] = []
    for export in EXPORTS:
        with tempfile.TemporaryDirectory(prefix="grouparchive-bench-") as name:
            lines += measure(export, Path(name), export.count // 10 if quick else export.count)
    return lines


def measure(export: Export, folder: Path, count: int) -> list[Line]:
    """One kind of export, of which a file with `count` messages is made in an empty folder.

    Raises:
        SystemExit: something of ours failed, or what came out is not what went in.
    """
    path = folder / "export" / export.file
    path.parent.mkdir()
    _own([sys.executable, "-m", WORKER, "make", export.kind, path, str(count)], folder)
    size, expected = _megabytes(path), export.expected(count)
    parse = _own([sys.executable, "-m", WORKER, "parse", path], folder)
    _counts("parse", parse, messages=expected)
    imported, again, anew = _imports(path, folder, expected)
    goals = export.targets if export.targets and count == export.count else (None, None)
    lines = [
        Line("parse", parse.seconds, note=_note(parse, size, goals[0])),
        Line("parse, peak memory", parse.peak_mb, "MB", MEMORY_MB, at_most=True),
        Line("import", imported.seconds, note=_note(imported, size, goals[1])),
        Line("import, peak memory", imported.peak_mb, "MB", MEMORY_MB, at_most=True),
        Line(
            "import of the same file again",
            again.seconds,
            note="known, left alone" if again is not anew else "read, for it has gaps",
        ),
        Line("import read again, with nothing new", anew.seconds, note=_note(anew, size)),
        Line("import read again, peak memory", anew.peak_mb, "MB", MEMORY_MB, at_most=True),
    ]
    more, missing = _beside(export, path, count, {"parse": parse, "import": imported})
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    show(f"{export.title}: {count:,} {export.of}, {size:.0f} MB (load {load})", lines + more)
    if missing:
        print(f"  not installed: {', '.join(missing)}. docs/BENCHMARKS.md tells how to get peers.", flush=True)
    return lines + more


def _imports(path: Path, folder: Path, expected: int) -> tuple[Measured, Measured, Measured]:
    """Into a new archive; again; and so that everything is read and nothing is new.

    A file that had gaps is read again at once. One that had none is known; told the order of dates, the command reads it anew.
    """
    secret = folder / "passphrase"
    secret.write_text("the lantern walk begins at seven\n")
    secret.chmod(0o600)

    def command(*words: str | Path) -> Measured:
        ours = ["--profile", "profile", "--archive", "bench.gar", "--no-input", "--json"]
        return _own([sys.executable, "-m", "grouparchive", *ours, *words], folder, codes=(0, 3))

    command("init", "bench.gar", "--passphrase-file", secret, "--recovery-file", "recovery")
    first = command("import", path, "--timezone", "UTC")
    _counts("import", first, messages=expected)
    if first.told["new"] < expected:
        raise SystemExit(f"import: only {first.told['new']:,} records are new in a new archive")
    again = command("import", path, "--timezone", "UTC")
    if again.told["messages"]:
        _counts("import again", again, messages=expected, new=0)
        return first, again, again
    _counts("import again", again, new=0)
    anew = command("import", path, "--timezone", "UTC", "--dates", "dmy")
    _counts("import read anew", anew, messages=expected, new=0)
    return first, again, anew


def _beside(export: Export, path: Path, count: int, ours: dict[str, Measured]) -> tuple[list[Line], list[str]]:
    """The peers' figures, the ratios to them, and the names of those that are not here."""
    here = installed()
    expected, spoken = export.expected(count), export.spoken(count) if export.spoken else None
    lines: list[Line] = []
    ran: dict[Peer, Measured] = {}
    right: list[Peer] = []
    for peer in filter(here.has, export.peers):
        ran[peer] = theirs = here.run(peer, path, PEER_SECONDS if count == export.count else PEER_SECONDS / 5)
        wrong = fault(theirs, expected, spoken)
        if not wrong:
            right.append(peer)
        said = wrong or ", but ".join(filter(None, ("every message", misread(theirs, spoken))))
        name = f"{peer.name} {here.versions[peer.package]}" if peer.package else f"{peer.name}, the floor"
        lines.append(Line(name, theirs.seconds, note=f"{theirs.cpu:.1f} s of CPU, {theirs.peak_mb:,.0f} MB; {said}"))
    for what, own in ours.items():
        rivals = [peer for peer in right if peer.sealing or what == "parse"]
        fastest = min(rivals, key=lambda peer: ran[peer].seconds, default=None)
        for peer, theirs in ran.items():
            if "messages" in theirs.told:
                goal = 1.0 if peer is fastest else None
                ratio, note = theirs.seconds / own.seconds, f"{theirs.cpu / own.cpu:.2f} x by CPU"
                lines.append(Line(f"{what}, times the rate of {peer.name}", ratio, "x", goal, note=note))
    return lines, [peer.name for peer in export.peers if not here.has(peer)]


def _own(command: list[str | Path], folder: Path, codes: tuple[int, ...] = (0,)) -> Measured:
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    done = measured(command, folder, limit=OWN_SECONDS, environment=environment)
    if done.code not in codes:
        raise SystemExit(f"{' '.join(map(str, command))}\nended with {done.code}: {done.error}")
    return done


def _counts(what: str, done: Measured, **expected: Any) -> None:
    for key, value in expected.items():
        if done.told[key] != value:
            raise SystemExit(f"{what}: {done.told[key]:,} {key} instead of {value:,}")


def _megabytes(path: Path) -> float:
    """Of the file; of a zip, what is in it."""
    if path.suffix != ".zip":
        return path.stat().st_size / 1e6
    with zipfile.ZipFile(path) as pack:
        return sum(entry.file_size for entry in pack.infolist()) / 1e6


def _note(done: Measured, size: float, target: float | None = None) -> str:
    aim = f"; target {target:g} s" if target else ""
    return f"{done.cpu:.1f} s of CPU, {size / done.seconds:.0f} MB/s{aim}"
