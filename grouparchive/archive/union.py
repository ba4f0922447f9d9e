"""Several copies of one archive, and several archives of one group, read as one.

Copies of one archive are laid over each other before they are unlocked: a commit that several of them hold is read once, its
objects from whichever copy has them whole; certificates and statements of any copy count for all. Two different commits with
one number are a fork: somebody has the seed of that writer.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from grouparchive.archive.chain import CommitInfo, is_certified
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.statements import merged


def overlay(archives: Sequence[Archive]) -> None:
    """Lay copies of the same archive over each other, in place. What each still lists is its own to read; a fork is damage."""
    same: dict[bytes, list[Archive]] = defaultdict(list)
    for archive in archives:
        same[archive.archive_id].append(archive)
    for copies in same.values():
        if len(copies) > 1:
            _overlay(copies)


def _overlay(copies: Sequence[Archive]) -> None:
    genesis = copies[0].genesis
    statements = merged(genesis, [one.statements for one in copies])
    certified = [writer for one in copies for writer in one.writers if is_certified(genesis, writer)]
    for one in copies:
        known = {writer.writer_id: writer for writer in one.writers}
        known.update((writer.writer_id, writer) for writer in certified if writer.writer_id in known)
        one.adopt(known.values(), statements, certified=bool(certified))
    forks = forked(commit for one in copies for commit in one.commits)
    best: dict[
        tuple[str, int, bytes], tuple[bool, int]
    ] = {}  # a copy that proves a commit goes before one that does not
    for number, one in enumerate(copies):
        for commit in one.commits:
            key = (commit.writer, commit.seq, commit.head)
            best[key] = min(best.get(key, (True, number)), (commit.suspect, number))
    for number, one in enumerate(copies):
        one.commits = [c for c in one.commits if best[c.writer, c.seq, c.head] == (c.suspect, number)]
    for writer, seq in forks.items():
        copies[0].damage.append(
            f"commit {seq} of writer {writer[:8]}: two different ones bear this number: a fork; somebody has its seed"
        )


def forked(commits: Iterable[CommitInfo]) -> Mapping[str, int]:
    """The first number at which chains of one writer part, by writer. What nobody signed parts nothing: anybody can make it."""
    heads: dict[tuple[str, int], bytes] = {}
    found: dict[str, int] = {}
    for commit in commits:
        if commit.proved and heads.setdefault((commit.writer, commit.seq), commit.head) != commit.head:
            found[commit.writer] = min(commit.seq, found.get(commit.writer, commit.seq))
    return found


def make_twins(readers: Sequence[Reader]) -> None:
    """Let unlocked copies of one archive stand in for each other where objects are damaged."""
    for reader in readers:
        reader.twins = [one for one in readers if one is not reader and one.archive_id == reader.archive_id]
