"""What the owner's rewrites of an archive of a million messages cost, against writing it: `forget`, `retain`, `key rotate`."""

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from grouparchive.archive.forget import forget
from grouparchive.archive.reader import Archive
from grouparchive.archive.retain import Policy, retain
from grouparchive.archive.rotate import Ways, rotate
from grouparchive.archive.writer import Writer
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from grouparchive.model.records import Member, Membership, Roster
from tests.benchmarks import data
from tests.benchmarks.show import Line, apart, show
from tests.benchmarks.worker import prepare, unlock

WORKER = "tests.benchmarks.rewrites"
PEOPLE = 400


def run(*, quick: bool) -> list[Line]:
    """Measure and print."""
    count = 100_000 if quick else 1_000_000
    found = {}
    with tempfile.TemporaryDirectory(prefix="grouparchive-bench-") as name:
        made = Path(name) / "made"
        made.mkdir()
        writing = apart(WORKER, "write", str(made), str(count))
        for task in ("rotate", "forget", "retain"):
            folder = Path(name) / task
            shutil.copytree(made, folder)
            found[task] = apart(WORKER, task, str(folder), str(count))
            shutil.rmtree(folder)
    lines = [Line("writing them", writing["seconds"], note=f"{writing['bytes'] / 1e6:.0f} MB")]
    for task, one in found.items():
        lines += [
            Line(f"{task}", one["seconds"]),
            Line(f"{task}, of the time of writing", one["seconds"] / writing["seconds"], "x"),
            Line(f"peak memory, {task}", one["peak_mb"], "MB", 200.0, at_most=True),
        ]
    show(f"Rewrites: {count:,} messages by {PEOPLE} people", lines)
    return lines


def write(folder: Path, count: int) -> dict[str, float]:
    """The archive, with a roster of those who wrote."""
    path, home, pin = prepare(folder)
    start = time.perf_counter()
    with Writer.open(path, home, pinned=pin) as writer:
        authors = {message.author for message in data.messages(PEOPLE)}
        writer.add(Roster(channel=data.CHANNEL, time=1, members=len(authors)))
        for number, author in enumerate(sorted(authors)):
            name = f"Person {number}"
            writer.add(Member(id=author, platform="p", origin="o", native=f"@{number}:bench", name=name))
            writer.add(Membership(channel=data.CHANNEL, member=author))
        for number, message in enumerate(data.messages(count), 1):
            writer.add(message)
            if number % 200_000 == 0:
                writer.commit({}, {}, [])
        writer.commit({}, {}, [])
    return {"seconds": time.perf_counter() - start, "bytes": path.stat().st_size}


def rotating(folder: Path, _: int) -> dict[str, float]:
    """New keys for every object."""
    key = RecoveryKey((folder / "key").read_bytes())
    new = RecoveryKey(os.urandom(32))

    def ways(archive_id: bytes, epoch: int, roots: Mapping[str, bytes]) -> Ways:
        return Ways(new_recovery_slots(new, archive_id, epoch, roots), secrets=[new])

    with Archive.open(folder / "bench.archive") as archive:
        roots = {vault: one.root for vault, one in archive.roots(key).items()}
    start = time.perf_counter()
    rotate(unlock(folder), roots, ways)
    return {"seconds": time.perf_counter() - start}


def forgetting(folder: Path, count: int) -> dict[str, float]:
    """One of the authors goes."""
    start = time.perf_counter()
    report = forget(unlock(folder), "@7:bench")
    if report.records["message"] != count // PEOPLE:
        raise SystemExit("not everything of theirs went")
    return {"seconds": time.perf_counter() - start}


def retaining(folder: Path, count: int) -> dict[str, float]:
    """The older half goes."""
    reader = unlock(folder)
    newest = 1_600_000_000_000 + count * 9_001
    start = time.perf_counter()
    report = retain(reader, Policy(count * 9_001 // 2, count * 9_001 // 2), now=lambda: newest)
    if abs(report.records["message"] - count // 2) > 1:
        raise SystemExit("not the older half went")
    return {"seconds": time.perf_counter() - start}


TASKS: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "write": write,
    "rotate": rotating,
    "forget": forgetting,
    "retain": retaining,
}


def main() -> None:
    """Run one task and print what it measured."""
    result = TASKS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result["peak_mb"] = peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
