"""`retain`: what is older than a policy says is erased. Posts by their own time; of the people, what only superseded lists of
members still hold. Structure, settings, room keys and what the owner said stay.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from grouparchive.archive.attended import read_attended
from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Reader
from grouparchive.archive.rewrite import Rewriting, rewriting
from grouparchive.archive.sift import Files, Marks, OpenMessage, Place, Snapshots, lines_of, sift
from grouparchive.archive.suppressed import identity_of
from grouparchive.archive.trust import trust_of
from grouparchive.archive.verify import Progress
from grouparchive.archive.writer import clock
from grouparchive.errors import UnsafePlan, UsageError
from grouparchive.model.records import (
    AnyRecord,
    Attachment,
    Channel,
    Edit,
    Group,
    Member,
    Message,
    Reaction,
    Ref,
    Roster,
    Tombstone,
    Vote,
)

_DAY: Final = 86_400_000
_UNITS: Final = {"d": 1, "w": 7, "m": 30, "y": 365}
_AGE: Final = re.compile(r"([0-9]{1,5})([dwmy])")


@dataclass(frozen=True, slots=True)
class Policy:
    """How long posts and superseded lists of members are kept, in milliseconds; None for ever."""

    posts: int | None = None
    people: int | None = None


@dataclass(frozen=True, slots=True)
class RetainReport:
    """What was erased, or would be: records by kind, files."""

    records: Mapping[str, int]
    files: int

    @property
    def empty(self) -> bool:
        """Was there nothing to erase?"""
        return not self.records and not self.files


def parse_policy(text: str) -> Policy:
    """Read a policy: an age for both (`365d`, `18m`, `2y`), or `posts=2y,people=1y`, or one of these.

    Raises:
        UsageError: it is none.
    """
    parts = text.replace(" ", "").split(",")
    if len(parts) == 1 and "=" not in parts[0]:
        age = _age(parts[0])
        return Policy(age, age)
    ages: dict[str, int] = {}
    for part in parts:
        name, _, value = part.partition("=")
        if name not in {"posts", "people"} or name in ages:
            raise _no_policy()
        ages[name] = _age(value)
    return Policy(ages.get("posts"), ages.get("people"))


def _age(text: str) -> int:
    found = _AGE.fullmatch(text)
    if not found or int(found[1]) == 0:
        raise _no_policy()
    return int(found[1]) * _UNITS[found[2]] * _DAY


def _no_policy() -> UsageError:
    return UsageError(
        "this is no policy",
        hint="Give an age such as 365d, 18m or 2y (a month is 30 days, a year 365), or: posts=2y,people=1y",
    )


def retain(
    reader: Reader,
    policy: Policy,
    *,
    home: WriterHome | None = None,
    open_message: OpenMessage | None = None,
    dry_run: bool = False,
    now: Callable[[], int] = clock,
    progress: Progress | None = None,
) -> RetainReport:
    """Erase what is older than the policy allows. Whatever had the archive open must open it again.

    Args:
        reader: the archive with content and roster open.
        policy: what to keep how long.
        home: the writer of this machine's profile, if it writes to this archive.
        open_message: opens end-to-end encrypted messages; without it the files in old ones stay.
        dry_run: only tell what would go.
        now: the clock, in milliseconds.
        progress: in objects.

    Raises:
        UnsafePlan: the archive holds commits whose clock cannot be believed.
        UsageError, WrongSecret, ArchiveBusy, Damaged, GroupArchiveError: as `rewriting`. The archive is as it was.
    """
    with rewriting(reader, home=home, now=now) as work, closing(Marks()) as named:
        _believable(work.reader)
        today = now()
        posts = _Posts(work, today - policy.posts if policy.posts else 0, open_message, named)
        records, files = posts.erase()
        if policy.people:
            people, pictures = _people(work, today - policy.people, named)
            records, files = records + people, files + pictures
        if work.changes and not dry_run:
            work.finish(progress=progress)
        return RetainReport(records, files)


def _believable(reader: Reader) -> None:
    """Ages are told by clocks. Who has stolen a writer could set one, and make the owner erase what is young."""
    said = [one for _, one in read_attended(reader)]
    trusted = trust_of(said, commits=reader.commits).position or {}
    for commit in reader.commits:
        if commit.suspect and commit.seq > trusted.get(commit.writer, -1):
            raise UnsafePlan(
                f"{commit} tells a time that cannot be right, so nobody can say what is old; nothing was erased",
                hint="Somebody may have taken the computer that makes the backups. Once you are sure of these backups, say so: "
                "grouparchive writer trust; or revoke that computer from this commit on: grouparchive writer revoke",
            )


class _Posts:
    """Old messages with all that belongs to them. A message of which any copy is young stays: else a forged copy with an old
    time would take it away. `named` learns who is named in what stays.
    """

    def __init__(self, work: Rewriting, before: int, open_message: OpenMessage | None, named: Marks) -> None:
        self._work = work
        self._before = before
        self._open = open_message
        self._named = named
        self._events = Marks()
        self._media = Marks()
        self._files = Files()

    def erase(self) -> tuple[Counter[str], int]:
        """How many records, how many files."""
        objects = self._work.reader.objects("content")
        with closing(self._events), closing(self._media):
            for number, commit, records, _ in lines_of(self._work.reader, "content", objects):
                for record in records:
                    self._meet(commit, record, number)
            dropped = sift(self._work, "content", objects, self._keep)
            dropped.pop("attachment", None)
            refs = {ref for ref in self._files.refs() if self._media.only_gone(ref)}
            return dropped, self._files.remove_blobs(self._work, "content", refs)

    def _meet(self, commit: CommitInfo, record: AnyRecord, number: int) -> None:
        match record:
            case Message(channel=channel, ref=ref):
                old = self._old(commit, record)
                self._events.add(old, channel, ref)
                opened = self._opened(record)
                for file in opened.media if isinstance(opened, Message) else ():
                    self._media.add(old, file.ref)
            case Group(avatar=avatar) | Channel(avatar=avatar) if avatar:
                self._media.add(False, avatar)
            case Attachment():
                self._files.add(record, number)

    def _old(self, commit: CommitInfo, record: Message | Edit | Reaction | Vote | Tombstone) -> bool:
        return (record.time or commit.believed) < self._before

    def _opened(self, record: AnyRecord) -> AnyRecord:
        closed = isinstance(record, Message) and record.type == "encrypted"
        return self._open(record) if self._open and isinstance(record, Message) and closed else record

    def _keep(self, commit: CommitInfo, record: AnyRecord, line: bytes) -> bytes | None:
        if self._goes(commit, record):
            return None
        self._named.names(line)
        return line

    def _goes(self, commit: CommitInfo, record: AnyRecord) -> bool:
        match self._opened(record):
            case Message(channel=channel, ref=ref):
                return self._events.only_gone(channel, ref)
            case Edit() | Reaction() | Vote() | Tombstone() as about:
                if self._events.known(about.channel, about.target):
                    return self._events.only_gone(about.channel, about.target)
                return self._old(commit, about)
            case Attachment(ref=ref):
                return self._media.only_gone(ref)
            case _:
                return False


# --- people ------------------------------------------------------------------------------------------------------------


def _people(work: Rewriting, before: int, named: Marks) -> tuple[Counter[str], int]:
    """Lists of members that gave way to newer ones before that time, and the people to whom then nothing refers any more."""
    reader = work.reader
    objects = reader.objects("roster")
    old = _superseded(reader, before)
    files = Files()
    snapshots = Snapshots()
    for number, commit, records, lines in lines_of(reader, "roster", objects):
        for record, line in zip(records, lines, strict=True):
            if isinstance(record, Attachment):
                files.add(record, number)
            elif snapshots.place(commit, record) not in old and not isinstance(record, Member):
                named.names(line)
    with closing(Marks()) as people, closing(Marks()) as pictures:
        for record in _members(reader):
            people.add(not named.known(record.id), *identity_of(record))
        for record in _members(reader):
            pictures.add(people.only_gone(*identity_of(record)), record.avatar)
        snapshots = Snapshots()

        def keep(commit: CommitInfo, record: AnyRecord, line: bytes) -> bytes | None:
            superseded = snapshots.place(commit, record) in old
            match record:
                case Member():
                    goes = people.only_gone(*identity_of(record))
                case Attachment(ref=ref):
                    goes = pictures.only_gone(ref)
                case _:
                    goes = superseded
            return None if goes else line

        dropped = sift(work, "roster", objects, keep)
        dropped.pop("attachment", None)
        refs = {ref for ref in files.refs() if pictures.only_gone(ref)}
        return dropped, files.remove_blobs(work, "roster", refs)


def _members(reader: Reader) -> Iterator[Member]:
    return (record for _, record in reader.records("roster") if isinstance(record, Member))


def _superseded(reader: Reader, before: int) -> set[Place | None]:
    """The lists that others had replaced by then. What was in force at that time stays, so that one can go back to any later
    moment.
    """
    snapshots = Snapshots()
    newest: dict[Ref, Place | None] = {}
    old: set[Place | None] = set()
    for commit, record in reader.records("roster"):
        place = snapshots.place(commit, record)
        if isinstance(record, Roster):
            if record.channel in newest and commit.believed < before:
                old.add(newest[record.channel])
            newest[record.channel] = place
    return old
