"""A moment to which an archive is folded: commits by number, a time, or now; and which commits and events it takes in.

Also positions in general: up to which commit of which writer something reaches.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from grouparchive.archive.chain import CommitInfo
from grouparchive.errors import UsageError
from grouparchive.model.records import LAST_MILLI, AnyRecord, Message

_PLACE = re.compile(r"(?:(?P<writer>[0-9a-fA-F]{4,32}):)?(?P<seq>[0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Moment:
    """At most one of the three is set.

    With `position` (writer in hex -> newest commit), what those writers knew at those commits; `seq` is the same for the one
    writer of an archive. With `time` (milliseconds since 1970 UTC), states and rosters as they were last recorded by then, and
    posts by their own time: a post from before that was only fetched later is there, a deletion or an edit from after it is
    not.
    """

    time: int | None = None
    seq: int | None = None
    position: Mapping[str, int] | None = None

    def resolved(self, commits: Iterable[CommitInfo]) -> "Moment":
        """The same moment in an archive with these commits, its writers by their full names.

        Raises:
            UsageError: as `resolve`.
        """
        if self.seq is not None:
            return Moment(position=resolve({"": self.seq}, commits))
        return self if self.position is None else Moment(position=resolve(self.position, commits))

    def takes_commit(self, commit: CommitInfo) -> bool:
        """Do the states of this commit count? The moment is a resolved one."""
        if self.position is not None:
            return covers(self.position, commit)
        return self.time is None or commit.believed <= self.time

    def takes_event(self, commit: CommitInfo, record: AnyRecord) -> bool:
        """Does this event count? Where the platform tells no time, that of the commit stands in."""
        if self.time is None:
            return self.takes_commit(commit)
        own = record.edited if isinstance(record, Message) and record.edited else getattr(record, "time", 0)
        return (own or commit.believed) <= self.time


def covers(position: Mapping[str, int], commit: CommitInfo) -> bool:
    """Does a position reach as far as this commit?"""
    return commit.seq <= position.get(commit.writer, -1)


def as_text(position: Mapping[str, int]) -> str:
    """A position as it is written into plans: "writer:seq" joined by ","."""
    return ",".join(sorted(f"{writer}:{seq}" for writer, seq in position.items()))


def parse_position(text: str) -> dict[str, int]:
    """What a person typed: "12" where one machine wrote (under the name ""), else "abcd1234:12,ef01:3".

    Raises:
        UsageError: it is neither.
    """
    found: dict[str, int] = {}
    for part in text.split(","):
        place = _PLACE.fullmatch(part.strip())
        writer = (place["writer"] or "").lower() if place else ""
        if not place or writer in found:
            raise UsageError(
                "this is no place in the chain of backups",
                hint="Give the number of a commit such as 12, or with the machine that wrote it: abcd1234:12,ef01:3",
            )
        found[writer] = int(place["seq"])
    return found


def resolve(position: Mapping[str, int], commits: Iterable[CommitInfo]) -> dict[str, int]:
    """A position with the full names of its writers, of which beginnings may have been given.

    Raises:
        UsageError: a writer or a commit is not there, or it is not clear which is meant.
    """
    held: dict[str, set[int]] = {}
    for commit in commits:
        held.setdefault(commit.writer, set()).add(commit.seq)
    found: dict[str, int] = {}
    for prefix, seq in position.items():
        fitting = [writer for writer in held if writer.startswith(prefix)]
        if not prefix and len(fitting) > 1:
            raise UsageError(
                "a commit number says nothing where several machines wrote",
                hint="Give a time in UTC, or name the machine too: abcd1234:12, as `grouparchive writer list` shows them.",
            )
        if len(fitting) > 1 or (prefix and not fitting) or found.keys() & fitting:
            raise UsageError(
                "the beginning of a machine's id fits none or several", hint="`grouparchive writer list` shows the ids."
            )
        if not fitting or seq not in held[fitting[0]]:
            raise UsageError("the archive has no commit of that number", hint="`grouparchive verify` counts them.")
        found[fitting[0]] = seq
    return found


def parse_moment(text: str) -> Moment:
    """Read what a person typed: "" for now, a commit's number, several with their writers, or a date or time, in UTC where no
    offset is given.

    Raises:
        UsageError: it is none of them.
    """
    text = text.strip()
    if not text:
        return Moment()
    if all(_PLACE.fullmatch(part.strip()) for part in text.split(",")):
        named = parse_position(text)
        return Moment(seq=named[""]) if set(named) == {""} else Moment(position=named)
    try:
        when = datetime.fromisoformat(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        millis = int(when.timestamp() * 1000)
    except (ValueError, OverflowError):
        millis = -1
    if not 0 <= millis <= LAST_MILLI:
        raise UsageError(
            "this is no moment", hint="Give a time such as 2026-05-01T12:00 (UTC), or the number of a commit."
        )
    return Moment(time=millis)
