"""Positions of an archive's chains, and the witnesses that prove them: what was noted elsewhere against what is here now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grouparchive.archive.reader import Archive
from grouparchive.crypto.statements import OWNER_CHAIN
from grouparchive.crypto.witness import witness
from grouparchive.errors import Damaged


@dataclass(frozen=True, slots=True)
class Position:
    """One place in one chain: `writer` in hex, 32 zeros for the owner's statements; `words` prove it."""

    writer: str
    seq: int
    time: int
    words: tuple[str, ...]

    @property
    def of_owner(self) -> bool:
        """Is it about the owner's statements?"""
        return self.writer == OWNER_CHAIN.hex()


def newest(archives: Sequence[Archive]) -> list[Position]:
    """The newest position of each chain, in all copies together: what is worth noting elsewhere."""
    found: dict[tuple[bytes, str], Position] = {}
    for archive, position in _positions(archives):
        key = (archive.archive_id, position.writer)
        if key not in found or found[key].seq < position.seq:
            found[key] = position
    return list(found.values())


def prove(archives: Sequence[Archive], witnesses: Iterable[Sequence[str]]) -> list[Position]:
    """The positions that these witnesses stand for.

    Raises:
        Damaged: the archive holds no such position: it is older than the witness, or not the same.
    """
    wanted = {tuple(words): number for number, words in enumerate(witnesses, 1)}
    found: dict[int, Position] = {}
    for _, position in _positions(archives):
        number = wanted.get(position.words)
        if number is not None:
            found[number] = position
    missing = sorted(set(wanted.values()) - found.keys())
    if missing:
        which = "the witness" if len(wanted) == 1 else f"witness {missing[0]} of those given"
        raise Damaged(
            f"{which} fits nothing in this archive: it is older than the witness, was changed, or is another one",
            hint="Look for a newer copy. If there is none, somebody put an older one in its place: what came after it is lost.",
        )
    return [found[number] for number in sorted(found)]


def _positions(archives: Sequence[Archive]) -> Iterable[tuple[Archive, Position]]:
    for archive in archives:
        for commit in (*archive.commits, *archive.revoked):
            words = witness(archive.archive_id, bytes.fromhex(commit.writer), commit.seq, commit.head)
            yield archive, Position(commit.writer, commit.seq, commit.time, words)
        for one in archive.statements.signed:
            said = one.statement
            words = witness(archive.archive_id, OWNER_CHAIN, said.number, said.head())
            yield archive, Position(OWNER_CHAIN.hex(), said.number, said.time, words)
