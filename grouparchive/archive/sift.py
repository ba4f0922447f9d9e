"""Taking records out of an archive that is being rewritten: segments are decoded, sieved and sealed anew where something
changed; files that then nobody uses go. What has not changed stays as it is, under its old name and key.
"""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

import msgspec

from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.reader import Reader
from grouparchive.archive.rewrite import Rewriting
from grouparchive.archive.suppressed import ids_in
from grouparchive.archive.zstd import compress
from grouparchive.crypto.signing import ManifestEntry
from grouparchive.model import codec
from grouparchive.model.records import AnyRecord, Attachment, Ban, Membership, Message, Ref, Roster, Vault

_RECENT: Final = 100_000
_BATCH: Final = 20_000
Objects: TypeAlias = list[tuple[CommitInfo, ManifestEntry]]
OpenMessage: TypeAlias = Callable[[Message], AnyRecord]
Place: TypeAlias = tuple[bytes, Ref, int]
"""A list of members: its commit's head, the channel, which one of that channel in the commit."""
Keep: TypeAlias = Callable[[CommitInfo, AnyRecord, bytes], bytes | None]
"""keep(commit, record, its line) -> the line as it shall be, None for none."""


def lines_of(
    reader: Reader, vault: Vault, objects: Objects
) -> Iterator[tuple[int, CommitInfo, list[AnyRecord], list[bytes]]]:
    """(number, commit, records, their lines) of each segment.

    Raises:
        Damaged: one cannot be read.
    """
    for commit, number, data in reader.numbered(vault, objects):
        yield number, commit, codec.decode_lines(data), list(codec.lines(data))
    reader.check()


def sift(work: Rewriting, vault: Vault, objects: Objects, keep: Keep) -> Counter[str]:
    """Put other segments in the place of those of which `keep` changes or drops something.

    Returns:
        how many records were dropped, by kind.

    Raises:
        Damaged: a segment cannot be read.
    """
    dropped: Counter[str] = Counter()
    for number, commit, records, lines in lines_of(work.reader, vault, objects):
        kept = []
        for record, line in zip(records, lines, strict=True):
            after = keep(commit, record, line)
            if after is None:
                dropped[kind_of(record)] += 1
            else:
                kept.append(after)
        if kept != lines:
            work.replace(objects[number][1], compress(b"\n".join(kept)))
    return dropped


def kind_of(record: AnyRecord) -> str:
    """The name of a record's kind."""
    return str(type(record).__struct_config__.tag)


class Files:
    """The attachments of one vault: which segments name them, and which blobs they name."""

    def __init__(self) -> None:
        self._places: dict[Ref, set[int]] = {}
        self._holders: dict[bytes, set[Ref]] = {}

    def add(self, record: Attachment, segment: int) -> None:
        """An attachment that stands in a segment."""
        self._places.setdefault(record.ref, set()).add(segment)
        self._holders.setdefault(bytes.fromhex(record.blob), set()).add(record.ref)

    def refs(self) -> Iterable[Ref]:
        """All files."""
        return self._places

    def segments(self, refs: Iterable[Ref]) -> set[int]:
        """The segments that name any of these files."""
        return {number for ref in refs for number in self._places.get(ref, ())}

    def remove_blobs(self, work: Rewriting, vault: Vault, refs: set[Ref]) -> int:
        """Remove the blobs that only these files name; how many there are."""
        gone = {oid for oid, holders in self._holders.items() if holders <= refs}
        entries = [
            entry
            for commit in work.reader.commits
            for entry in commit.objects
            if entry.kind == "blob" and entry.vault == vault and entry.oid in gone
        ]
        for entry in entries:
            work.remove(entry)
        return len(entries)


class Marks:
    """Of events, files and people, by digest: whether any copy of them stays, or all go. A million of them fit into memory."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self._db.execute("CREATE TABLE marks (key BLOB PRIMARY KEY, goes INTEGER) WITHOUT ROWID")
        self._waiting: list[tuple[bytes, bool]] = []
        self._recent: set[bytes] = set()

    def close(self) -> None:
        """Let go of the memory."""
        self._db.close()

    def add(self, goes: bool, *name: str) -> None:  # noqa: FBT001 - it is what is marked
        """One copy of something goes or stays."""
        self._waiting.append((_digest(*name), goes))
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO marks VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET goes = min(goes, excluded.goes)",
            sorted(self._waiting),  # so that the tree is written from left to right
        )
        self._db.execute("COMMIT")
        self._waiting.clear()

    def names(self, line: bytes) -> None:
        """Whoever is named in a line stays."""
        for member in ids_in(line):
            if member not in self._recent:
                if len(self._recent) > _RECENT:
                    self._recent.clear()
                self._recent.add(member)
                self.add(False, member.decode())

    def known(self, *name: str) -> bool:
        """Was it met?"""
        return self._goes(*name) is not None

    def only_gone(self, *name: str) -> bool:
        """Do all copies of it go?"""
        return bool(self._goes(*name))

    def _goes(self, *name: str) -> int | None:
        if self._waiting:
            self._flush()
        row = self._db.execute("SELECT goes FROM marks WHERE key = ?", (_digest(*name),)).fetchone()
        return int(row[0]) if row else None


def _digest(*name: str) -> bytes:
    return hashlib.blake2b("\0".join(name).encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Snapshots:
    """Which list of members a record of the roster belongs to: the last one of its channel that its commit has begun."""

    def __init__(self) -> None:
        self._begun: dict[Ref, int] = {}
        self._commit = b""

    def place(self, commit: CommitInfo, record: AnyRecord) -> Place | None:
        """To be called with each record in turn; None where it belongs to none."""
        if commit.head != self._commit:
            self._commit, self._begun = commit.head, {}
        if isinstance(record, Roster):
            self._begun[record.channel] = self._begun.get(record.channel, 0) + 1
        if not isinstance(record, Roster | Membership | Ban) or record.channel not in self._begun:
            return None
        if isinstance(record, Membership) and record.seen:
            return None  # a sighting stands for itself
        return commit.head, record.channel, self._begun[record.channel]


def encoded(record: msgspec.Struct) -> bytes:
    """A struct as a stored object's payload."""
    return compress(msgspec.json.encode(record))
