"""A sandbox, an archive for it and a machine's writer, for tests of whole runs. As a script: one run that may be killed."""

import base64
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from grouparchive.archive.create import create_archive
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.verify import verify
from grouparchive.archive.writer import Writer
from grouparchive.backup import Identities, Summary, run_backup
from grouparchive.crypto.recovery import generate_recovery
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from grouparchive.platforms.sandbox.connector import SandboxConnector
from grouparchive.platforms.sandbox.world import World


class Box:
    """All of it in one folder. The world's file stands in for a server, so it has a folder of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "server").mkdir()
        (folder / "machine").mkdir()
        self.world_path = folder / "server" / "world"
        self.world = World(self.world_path)
        self.path = folder / "machine" / "group.archive"
        self.home = WriterHome.create(folder / "machine" / "writer")
        self.secret = RecoveryKey(generate_recovery())
        self.pin = create_archive(
            self.path, self.home, lambda archive_id, roots: new_recovery_slots(self.secret, archive_id, 0, roots)
        ).archive_id
        self.connector: Any = None

    def close(self) -> None:
        self.world.close()

    def backup(
        self,
        connector: type[SandboxConnector] = SandboxConnector,
        *,
        page: int = 100,
        commit_seconds: float = 180,
        progress: Callable[[Summary], None] | None = None,
        on_add: Callable[..., None] | None = None,
        **rigged: Any,
    ) -> Summary:
        return backup(
            self.path,
            self.home,
            self.pin,
            self.world_path,
            connector,
            page,
            commit_seconds,
            progress,
            on_add,
            rigged,
            self,
        )

    def read(self, vault: Any) -> list[Any]:
        with Archive.open(self.path) as archive:
            reader = archive.unlock(self.secret)
            found = list(reader.records(vault))
            reader.check()
            return found

    def gather(self, *kinds: type) -> dict[type, int]:
        """How many records of these kinds there are, each counted as often as it was written."""
        found = Counter(type(record) for vault in ("content", "roster") for _, record in self.read(vault))
        return {kind: found[kind] for kind in kinds}

    def blob(self, blob_id: str) -> Iterator[bytes]:
        with Archive.open(self.path) as archive:
            yield from archive.unlock(self.secret).blob(blob_id)

    def commits(self) -> int:
        with Archive.open(self.path) as archive:
            return len(archive.commits)

    def verify(self) -> None:
        report = verify(self.path, pinned=self.pin)
        assert report.problems == []


def backup(  # noqa: PLR0917 - one place for all that a run may need
    path: Path,
    home: WriterHome,
    pin: bytes,
    world: Path,
    connector: type[SandboxConnector],
    page: int,
    commit_seconds: float,
    progress: Any = None,
    on_add: Any = None,
    rigged: dict[str, Any] | None = None,
    box: Box | None = None,
) -> Summary:
    origin = World(world)
    people = Identities("sandbox", origin.origin)
    origin.close()
    opened = connector(world, people, page=page)
    for name, value in (rigged or {}).items():
        setattr(opened, name, value)
    if box:
        box.connector = opened
    try:
        with Writer.open(path, home, pinned=pin) as writer:
            if on_add:
                real = writer.add

                def watched(*args: Any) -> None:
                    on_add(*args)
                    real(*args)

                writer.add = watched  # type: ignore[method-assign]
            options: dict[str, Any] = {"commit_seconds": commit_seconds, "progress": progress}
            return run_backup(opened, source="lane", writer=writer, identities=people, **options)
    finally:
        opened.close()


def scan(folder: Path, words: list[str], *, but: Path) -> list[tuple[str, str]]:
    """Which words stand in which files, also as UTF-16, base64 and hex."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path == but:
            continue
        data = path.read_bytes()
        for word in words:
            raw = word.encode()
            shapes = [raw, word.encode("utf-16-le"), raw.hex().encode()]
            shapes += [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
            if any(shape in data for shape in shapes):
                found.append((path.name, word))
    return found


if __name__ == "__main__":
    machine, where, archive_id, after = (
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        bytes.fromhex(sys.argv[3]),
        float(sys.argv[4]),
    )
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends the process at once, as kill -9 would
    signal.setitimer(signal.ITIMER_REAL, after)
    began = time.monotonic()
    backup(machine / "group.archive", WriterHome.load(machine / "writer"), archive_id, where, SandboxConnector, 10, 0.0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.stdout.write(str(time.monotonic() - began))
