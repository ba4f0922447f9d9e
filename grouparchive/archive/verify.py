"""Checking an archive: without a secret all signatures and every byte against its digest, with one also what is inside."""

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from grouparchive.archive.objects import object_name, read_rows
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.schema import PAGE_SIZE, schema_of, storage
from grouparchive.crypto.signing import ManifestEntry
from grouparchive.crypto.vaults import SEALED_SIZE
from grouparchive.errors import Damaged
from grouparchive.model import codec
from grouparchive.model.records import VAULTS

# The SQLite file format: page size 16384, no reserved bytes, fixed fractions; schema format 4, UTF-8, our version and our mark.
_HEAD: Final = {
    16: bytes.fromhex("4000 0101 00402020"),
    44: bytes.fromhex("00000004 00000000 00000000 00000001 00000001 00000000 67613031") + bytes(20),
}

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
    suspect: int = 0  # commits whose clock cannot be right, or that nothing proves

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
        objects = all_objects(archive)
        size = 0
        faults = []
        for done, (whose, entry) in enumerate(objects, 1):
            try:
                size += _check_object(archive, entry)
            except Damaged as error:
                faults.append(f"{whose}: {object_name(entry)}: {error.message}")
            if progress:
                progress(done, len(objects))
        damage += dict.fromkeys(faults)
        damage += _structure(archive)
        heads = {commit.writer: commit.head.hex() for commit in archive.commits}
        return VerifyReport(
            archive_id=archive.archive_id,
            writers=len(heads),
            commits=len(archive.commits),
            objects=len(objects),
            size=size,
            heads=heads,
            problems=damage,
            suspect=sum(commit.suspect for commit in archive.commits),
        )


def all_objects(archive: Archive) -> list[tuple[str, ManifestEntry]]:
    """Every object that should be there, and whose it is, as messages say it: a commit's, or a statement's of the owner."""
    named = [(str(commit), entry) for commit in archive.commits for entry in commit.objects]
    named += [(f"statement {statement.number}", entry) for statement, entry in archive.statements.attended]
    named += [(f"keys of epoch {epoch}", entry) for epoch, entry in archive.statements.retired]
    return named


def verify_deep(reader: Reader, *, progress: Progress | None = None) -> VerifyReport:
    """Open, decompress and decode everything that the secret opens."""
    archive = reader.archive
    entries = [(c, e) for c in archive.commits for e in c.objects if e.vault in reader.vaults]
    records = blobs = size = done = 0
    for vault in VAULTS:
        if vault not in reader.vaults:
            continue
        segments = reader.objects(vault)
        for commit, number, data in reader.numbered(vault, segments):
            size += len(data)
            try:
                records += len(codec.decode_lines(data))
            except Damaged as error:
                reader.note(commit, error, segments[number][1])
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
            reader.note(commit, error, entry)
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
    """What SQLite itself says about the file, and what it would not mind: its first bytes, its length, its schema."""
    try:
        with storage():
            sound = (
                archive.db.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)]
                and archive.db.execute("SELECT id FROM genesis").fetchall() == [(1,)]
                and schema_of(archive.db) == schema_of(None)
                and _head_fits(archive)
            )
    except Damaged as error:
        return [error.message]
    return [] if sound else ["the archive's file is damaged in its structure"]


def _head_fits(archive: Archive) -> bool:
    """Do the file's first bytes say what they say in every archive, and does its length fit?"""
    archive.db.execute("BEGIN")
    try:
        archive.db.execute("SELECT id FROM genesis").fetchall()  # from here on no other run can change the file
        with archive.path.open("rb") as file:
            head = file.read(100)
            size = file.seek(0, os.SEEK_END)
    finally:
        archive.db.execute("COMMIT")
    pages = int.from_bytes(head[28:32], "big")
    same_length = size == pages * PAGE_SIZE if head[24:28] == head[92:96] else size % PAGE_SIZE == 0
    return same_length and all(head[at : at + len(value)] == value for at, value in _HEAD.items())
