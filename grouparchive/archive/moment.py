"""A moment to which an archive is folded: a commit's number, a time, or now; and which commits and events it takes in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from grouparchive.archive.chain import MAX_TIME, CommitInfo
from grouparchive.errors import UsageError
from grouparchive.model.records import AnyRecord, Message


@dataclass(frozen=True, slots=True)
class Moment:
    """At most one of the two is set.

    With `seq`, what the writer knew at that commit. With `time` (milliseconds since 1970 UTC), states and rosters as they
    were last recorded by then, and posts by their own time: a post from before that was only fetched later is there, a
    deletion or an edit from after it is not.
    """

    time: int | None = None
    seq: int | None = None

    def takes_commit(self, commit: CommitInfo) -> bool:
        """Do this commit's states count?"""
        if self.seq is not None:
            return commit.seq <= self.seq
        return self.time is None or commit.believed <= self.time

    def takes_event(self, commit: CommitInfo, record: AnyRecord) -> bool:
        """Does this event count? Where the platform tells no time, that of the commit stands in."""
        if self.seq is not None:
            return commit.seq <= self.seq
        if self.time is None:
            return True
        own = record.edited if isinstance(record, Message) and record.edited else getattr(record, "time", 0)
        return (own or commit.believed) <= self.time

    def check(self, commits: Sequence[CommitInfo]) -> None:
        """Can this moment be meant in an archive with these commits?

        Raises:
            UsageError: a commit number that is not there, or not of one writer alone.
        """
        if self.seq is None:
            return
        if len({commit.writer for commit in commits}) > 1:
            raise UsageError(
                "a commit number says nothing where several machines wrote", hint="Give a time instead, in UTC."
            )
        if all(commit.seq != self.seq for commit in commits):
            raise UsageError("the archive has no commit of that number", hint="`grouparchive verify` counts them.")


def parse_moment(text: str) -> Moment:
    """Read what a person typed: "" for now, a commit's number, or a date or time, in UTC where no offset is given.

    Raises:
        UsageError: it is none of them.
    """
    text = text.strip()
    if not text:
        return Moment()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return Moment(seq=int(text))
    try:
        when = datetime.fromisoformat(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        millis = int(when.timestamp() * 1000)
    except (ValueError, OverflowError):
        millis = -1
    if not 0 <= millis <= MAX_TIME:
        raise UsageError(
            "this is no moment", hint="Give a time such as 2026-05-01T12:00 (UTC), or the number of a commit."
        )
    return Moment(time=millis)
