"""An archive to play with: made in a moment (a recovery key needs no Argon2), with a clock that the test sets."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.create import create_archive
from grouparchive.archive.fold import View, fold
from grouparchive.archive.home import WriterHome
from grouparchive.archive.moment import Moment
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.writer import Writer
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from grouparchive.model.records import Record


@dataclass
class Made:
    folder: Path
    path: Path
    home: WriterHome
    pin: bytes
    key: RecoveryKey
    time: int = 1
    opened: list[Archive] = field(default_factory=list)

    def now(self) -> int:
        return self.time

    def writer(self) -> Writer:
        return Writer.open(self.path, self.home, pinned=self.pin, now=self.now)

    def write(self, records: Iterable[Record], time: int | None = None) -> CommitInfo:
        self.time = self.time + 1_000 if time is None else time
        with self.writer() as writer:
            for record in records:
                writer.add(record)
            return writer.commit()

    def reader(self) -> Reader:
        archive = Archive.open(self.path)
        self.opened.append(archive)
        return archive.unlock(self.key)

    def view(self, moment: Moment | None = None) -> View:
        return fold([self.reader()], moment)

    def close(self) -> None:
        for archive in self.opened:
            archive.close()


def make(folder: Path, name: str = "lane") -> Made:
    folder.mkdir(exist_ok=True)
    key = RecoveryKey(os.urandom(32))
    home = WriterHome.create(folder / f"{name}-profile" / "writer")
    path = folder / f"{name}.archive"
    genesis = create_archive(
        path, home, lambda archive_id, roots: new_recovery_slots(key, archive_id, 0, roots), now=lambda: 1
    )
    return Made(folder, path, home, genesis.archive_id, key)
