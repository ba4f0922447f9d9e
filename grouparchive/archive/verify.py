"""Checking an archive: without a secret all signatures and every byte against its digest, with one also what is inside."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grouparchive.archive.objects import read_rows
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.schema import storage
from grouparchive.crypto.signing import ManifestEntry
from grouparchive.crypto.vaults import SEALED_SIZE
from grouparchive.errors import Damaged
from grouparchive.model import codec
from grouparchive.model.records import VAULTS

Progress = Callable[[int, int], None]
"""progress(done, total) in objects."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked and what does not fit. `heads` is writer (hex) -> head of its newest commit (hex)."""

    archive_id: bytes
    writers: int = 0
    commits: int = 0
    objects: int = 0
    size: int = 0  # bytes: sealed ones, or those of the payloads where they were opened
    records: int = 0  # 0 without a secret, as the next
    blobs: int = 0
    heads: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Is all as it should be?"""
        return not self.problems


def verify(path: Path, *, pinned: bytes | None = None, progress: Progress | None = None) -> VerifyReport:
    """Check all that can be checked without a secret. What is wrong is in the report, each sentence naming its commit.

    Raises:
        NoArchive: there is none, it is something else, or of a newer version.
        Damaged: so much so that it cannot even be listed.
        ArchiveBusy: another run holds it.
    """
    with Archive.open(path) as archive:
        damage = list(archive.damage)
        if pinned is not None and archive.archive_id != pinned:
            damage.insert(0, "this is not the archive that this profile was made for: its keys are others")
        total = sum(len(commit.objects) for commit in archive.commits)
        size = done = 0
        heads = {}
        for commit in archive.commits:
            heads[commit.writer] = commit.head.hex()
            faults = []
            for entry in commit.objects:
                try:
                    size += _check_object(archive, entry)
                except Damaged as error:
                    faults.append(error.message)
                done += 1
                if progress:
                    progress(done, total)
            damage += [f"{commit}: {fault}" for fault in dict.fromkeys(faults)]
        damage += _structure(archive)
        return VerifyReport(
            archive_id=archive.archive_id,
            writers=len(heads),
            commits=len(archive.commits),
            objects=total,
            size=size,
            heads=heads,
            problems=damage,
        )


def verify_deep(reader: Reader, *, progress: Progress | None = None) -> VerifyReport:
    """Open, decompress and decode everything that the secret opens."""
    archive = reader.archive
    entries = [(c, e) for c in archive.commits for e in c.objects if e.vault in reader.vaults]
    records = blobs = size = done = 0
    for vault in VAULTS:
        if vault not in reader.vaults:
            continue
        for commit, data in reader.segments(vault):
            size += len(data)
            try:
                records += len(codec.decode_lines(data))
            except Damaged as error:
                reader.note(commit, error)
            done += 1
            if progress:
                progress(done, len(entries))
    list(reader.commit_records())
    for commit, entry in entries:
        if entry.kind != "blob":
            continue
        try:
            size += sum(len(piece) for piece in reader.pieces(entry))
            blobs += 1
        except Damaged as error:
            reader.note(commit, error)
        done += 1
        if progress:
            progress(done, len(entries))
    heads = {commit.writer: commit.head.hex() for commit in archive.commits}
    return VerifyReport(
        archive_id=archive.archive_id,
        writers=len(heads),
        commits=len(archive.commits),
        objects=len(entries),
        size=size,
        records=records,
        blobs=blobs,
        heads=heads,
        problems=list(reader.damage),
    )


def _check_object(archive: Archive, entry: ManifestEntry) -> int:
    lock = threading.Lock()
    whole = hashlib.sha256()
    size = 0
    for row in read_rows(archive.db, entry.oid, lock):
        whole.update(row)
        size += len(row)
    if size == 0:
        raise Damaged("a stored object is missing")
    if whole.digest() != entry.digest:
        raise Damaged("a stored object is not the one that was signed")
    with storage():
        keys = archive.db.execute("SELECT sealed FROM keys WHERE oid = ?", (entry.oid,)).fetchall()
    if not keys or any(not isinstance(row[0], bytes) or len(row[0]) != SEALED_SIZE for row in keys):
        raise Damaged("the key of a stored object is missing or malformed")
    return size


def _structure(archive: Archive) -> list[str]:
    """What SQLite itself says about the file."""
    try:
        with storage():
            found = [str(row[0]) for row in archive.db.execute("PRAGMA quick_check(1)")]
    except Damaged as error:
        return [error.message]
    return [] if found == ["ok"] else ["the archive's file is damaged in its structure"]
