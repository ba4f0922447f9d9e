"""`forget`: one person erased from everywhere in an archive, and a trace left by which they stay hidden when a later backup
brings them back. The trace names nobody. What others wrote about them in their own words stays: nobody can find that safely.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from os import urandom
from typing import Final

import msgspec
from msgspec.structs import replace

from grouparchive.archive.attended import read_attended
from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Reader
from grouparchive.archive.rewrite import Rewriting, rewriting
from grouparchive.archive.sift import Files, Marks, OpenMessage, Place, Snapshots, encoded, lines_of, sift
from grouparchive.archive.suppressed import Identity, Ids, identity_of, ids_of, suppressed
from grouparchive.archive.verify import Progress
from grouparchive.archive.writer import clock
from grouparchive.crypto.members import forgotten_tag
from grouparchive.crypto.primitives import KEY_SIZE
from grouparchive.errors import UsageError
from grouparchive.model import codec
from grouparchive.model.attended import Attended, Forgotten
from grouparchive.model.records import (
    NOBODY,
    AnyRecord,
    Attachment,
    Ban,
    Channel,
    Edit,
    Fact,
    Gap,
    Group,
    Member,
    Membership,
    Message,
    Reaction,
    Ref,
    Roster,
    Tombstone,
    Vote,
)

_LEAST_NAME: Final = 2
_POSTS: Final = (Message, Edit, Reaction, Vote)
_ABOUT: Final = (Edit, Reaction, Vote, Tombstone)


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What was erased: records by kind, files. `named`: posts of others in which a name of theirs still stands as plain words.
    `known`: nothing of them was there any more, and the trace was there already.
    """

    records: Mapping[str, int]
    files: int
    named: int
    known: bool


@dataclass(slots=True)
class Person:
    """Who is to be erased: all their identities, and the ids that any run gave them."""

    identities: frozenset[Identity]
    ids: Ids = field(default_factory=lambda: Ids(()))
    names: set[str] = field(default_factory=set)
    avatars: set[Ref] = field(default_factory=set)

    @property
    def natives(self) -> set[str]:
        """Their handles."""
        return {native for _, _, native in self.identities}


def find_person(reader: Reader, wanted: str) -> Person:
    """Somebody by handle or by any id that the archive gave them; with all whom the owner said to be the same.

    Raises:
        UsageError: the archive knows nobody, or several people, by that name.
        WrongSecret: the roster is not open.
    """
    found, origins = set(), set()
    for one in _members(reader):
        origins.add((one.platform, one.origin))
        if wanted in {one.native, one.id}:
            found.add(identity_of(one))
    if not found:
        gone = suppressed([reader])
        found = {who for origin in origins if gone.hides(_as_member(who := (*origin, wanted)))}
    if not found:
        raise UsageError(
            "the archive holds nobody by that handle or id",
            hint="Write the handle as `grouparchive roster list` shows it.",
        )
    if len(found) > 1:
        raise UsageError(
            "several people on different platforms have that handle",
            hint="Name one by id, as `grouparchive roster list` shows it.",
        )
    person = Person(_all_the_same(reader, found))
    others: set[Ref] = set()
    for one in _members(reader):
        if identity_of(one) in person.identities:
            person.names |= {one.name, one.native}
            person.avatars.add(one.avatar)
        else:
            others.add(one.avatar)
    person.avatars -= others | {""}
    person.ids = ids_of([reader], lambda one: identity_of(one) in person.identities)
    return person


def _members(reader: Reader) -> Iterator[Member]:
    for _, record in reader.records("roster"):
        if isinstance(record, Member):
            yield record
    for _, said in read_attended(reader):
        yield from said.members


def _all_the_same(reader: Reader, found: set[Identity]) -> frozenset[Identity]:
    """With everybody whom attended statements call the same person."""
    pairs = []
    for _, said in read_attended(reader):
        who = {one.id: identity_of(one) for one in said.members}
        pairs += [
            {who[fact.member], who[fact.value]}
            for fact in said.facts
            if fact.field == "same-as" and fact.member in who and fact.value in who
        ]
    grown = True
    while grown:
        more = {one for pair in pairs if pair & found for one in pair}
        grown = not more <= found
        found |= more
    return frozenset(found)


def forget(
    reader: Reader,
    wanted: str,
    *,
    home: WriterHome | None = None,
    open_message: OpenMessage | None = None,
    now: Callable[[], int] = clock,
    progress: Progress | None = None,
) -> ForgetReport:
    """Erase one person. Whatever had the archive open must open it again.

    Args:
        reader: the archive with content and roster open.
        wanted: their handle or id.
        home: the writer of this machine's profile, if it writes to this archive.
        open_message: opens end-to-end encrypted messages; without it those of others that mention the person stay.
        now: the clock, in milliseconds.
        progress: in objects.

    Raises:
        UsageError: nobody or several people have that handle, or as `rewriting`.
        WrongSecret, ArchiveBusy, Damaged, GroupArchiveError: as `rewriting`. The archive is as it was.
    """
    with rewriting(reader, home=home, now=now) as work:
        person = find_person(work.reader, wanted)
        marks = suppressed([work.reader])
        new = [who for who in sorted(person.identities) if not marks.hides(_as_member(who))]
        people, pictures = _roster(work, person)
        _attended(work, person)
        _notes(work, person)
        content = _Content(work, person, open_message)
        posts, files = content.erase()
        if not work.changes and not new:
            return ForgetReport({}, 0, content.named, known=True)
        if new:
            said = Attended(forgotten=tuple(map(_mark, new)))
            work.state("attended", work.store("roster", "attended", encoded(said)).encode())
        work.finish(progress=progress)
        return ForgetReport(people + posts, pictures + files, content.named, known=False)


def _as_member(who: Identity) -> Member:
    return Member(id=NOBODY, platform=who[0], origin=who[1], native=who[2])


def _mark(who: Identity) -> Forgotten:
    key = urandom(KEY_SIZE)
    return Forgotten(key=key.hex(), tag=forgotten_tag(key, *who).hex())


# --- the roster --------------------------------------------------------------------------------------------------------


def _roster(work: Rewriting, person: Person) -> tuple[Counter[str], int]:
    """Take them out of tables, snapshots and facts. How many records, how many pictures."""
    objects = work.reader.objects("roster")
    files = Files()
    snapshots = Snapshots()
    gone: dict[Place, list[int]] = {}  # members and bans
    for number, commit, records, _ in lines_of(work.reader, "roster", objects):
        for record in records:
            if isinstance(record, Attachment):
                files.add(record, number)
            place = snapshots.place(commit, record)
            if place and isinstance(record, Membership | Ban) and record.member in person.ids:
                gone.setdefault(place, [0, 0])[isinstance(record, Ban)] += 1
    snapshots = Snapshots()

    def keep(commit: CommitInfo, record: AnyRecord, line: bytes) -> bytes | None:
        place = snapshots.place(commit, record)
        match record:
            case Roster() if place in gone:
                members, bans = (max(0, a - b) for a, b in zip((record.members, record.bans), gone[place], strict=True))
                return codec.encode(replace(record, members=members, bans=bans))
            case Member():
                return None if identity_of(record) in person.identities else line
            case Membership(member=owner) | Ban(member=owner) | Fact(member=owner):
                return None if owner in person.ids else person.ids.without(line)
            case Attachment(ref=ref) if ref in person.avatars:
                return None
            case _:
                return line

    dropped = sift(work, "roster", objects, keep)
    dropped.pop("attachment", None)
    return dropped, files.remove_blobs(work, "roster", person.avatars)


def _attended(work: Rewriting, person: Person) -> None:
    """Take them out of what the owner said."""
    current = {statement.number: entry for statement, entry in work.reader.archive.statements.attended}
    for statement, said in list(read_attended(work.reader)):
        theirs = {one.id for one in said.members if identity_of(one) in person.identities}
        if theirs:
            facts = [
                replace(fact, value=NOBODY) if fact.value in theirs else fact
                for fact in said.facts
                if fact.member not in theirs
            ]
            members = tuple(one for one in said.members if one.id not in theirs)
            work.replace(current[statement.number], encoded(replace(said, members=members, facts=tuple(facts))))


def _notes(work: Rewriting, person: Person) -> None:
    """Take their handles out of the gaps in the commits' notes about themselves."""
    entries = {
        commit.head: entry for commit in work.reader.commits for entry in commit.objects if entry.kind == "record"
    }
    for commit, note in work.reader.commit_records():
        gaps = [_gap(gap, person.natives) for gap in note.gaps]
        if gaps != note.gaps:
            work.replace(entries[commit.head], encoded(replace(note, gaps=gaps)))
    work.reader.check()


def _gap(gap: Gap, natives: Iterable[str]) -> Gap:
    for native in natives:
        if native and (native in gap.scope or native in gap.detail):
            gap = replace(gap, scope=gap.scope.replace(native, NOBODY), detail=gap.detail.replace(native, NOBODY))
    return gap


# --- the content -------------------------------------------------------------------------------------------------------


class _Content:
    """The posts, in three passes: what is theirs, what of others is concerned by that, and the rewriting of both."""

    def __init__(self, work: Rewriting, person: Person, open_message: OpenMessage | None) -> None:
        self._work = work
        self._person = person
        self._open = open_message
        self._objects = work.reader.objects("content")
        self._posts = Marks()  # theirs, by channel and ref
        self._media: set[Ref] = set()  # files in them
        self._shared: set[Ref] = set()  # of these, those that others use as well
        self._files = Files()
        self._concerned: set[int] = set()
        called = sorted(name for name in person.names if len(name) >= _LEAST_NAME)
        self._shapes = [msgspec.json.encode(name)[1:-1].decode().casefold() for name in called]
        self._plain = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, called)) or '(?!)'})(?!\w)", re.IGNORECASE)
        self.named = 0

    def erase(self) -> tuple[Counter[str], int]:
        """How many records, how many files."""
        with closing(self._posts):
            for number, _, records, lines in lines_of(self._work.reader, "content", self._objects):
                if self._person.ids.named(b"\n".join(lines)):
                    self._concerned.add(number)
                    for record in records:
                        self._theirs(record)
            for number, _, records, lines in lines_of(self._work.reader, "content", self._objects):
                wordy = self._may_name(lines)
                for record in records:
                    if self._others(record, number, wordy=wordy):
                        self._concerned.add(number)
            self._media -= self._shared
            self._concerned |= self._files.segments(self._media)
            concerned = [self._objects[number] for number in sorted(self._concerned)]
            dropped = sift(self._work, "content", concerned, self._keep)
        dropped.pop("attachment", None)
        return dropped, self._files.remove_blobs(self._work, "content", self._media)

    def _may_name(self, lines: list[bytes]) -> bool:
        """May a name of theirs stand in a segment in plain words? What is encrypted may hold anything."""
        text = b"\n".join(lines).decode("utf-8", "replace").casefold()
        return self._open is not None or any(shape in text for shape in self._shapes)

    def _is_theirs(self, record: AnyRecord) -> bool:
        return isinstance(record, _POSTS) and record.author in self._person.ids

    def _opened(self, record: AnyRecord) -> AnyRecord:
        closed = isinstance(record, Message) and record.type == "encrypted"
        return self._open(record) if self._open and isinstance(record, Message) and closed else record

    def _theirs(self, record: AnyRecord) -> None:
        if isinstance(record, Message) and self._is_theirs(record):
            self._posts.add(True, record.channel, record.ref)
            opened = self._opened(record)
            if isinstance(opened, Message):
                self._media |= {file.ref for file in opened.media}

    def _others(self, record: AnyRecord, number: int, *, wordy: bool) -> bool:
        """Is somebody else's record concerned? Remembers which files it uses."""
        if self._is_theirs(record):
            return True
        opened = self._opened(record)
        match opened:
            case Message(channel=channel, ref=ref, media=media):
                if self._posts.known(channel, ref):  # who has stolen a writer claims somebody else's post for them
                    self._posts.add(False, channel, ref)
                self._shared |= self._media.intersection(file.ref for file in media) if media else set()
            case Group(avatar=avatar) | Channel(avatar=avatar):
                self._shared |= self._media & {avatar}
            case Attachment():
                self._files.add(opened, number)
            case Gap():
                return _gap(opened, self._person.natives) != opened
        if wordy and isinstance(opened, Message | Edit) and self._plain.search(opened.text):
            self.named += 1
        return self._is_about(opened) or (opened is not record and self._person.ids.named(codec.encode(opened)))

    def _is_about(self, record: AnyRecord) -> bool:
        """Is it a change of something of theirs, or of what they wrote?"""
        return isinstance(record, _ABOUT) and self._posts.known(record.channel, record.target)

    def _goes_along(self, record: AnyRecord) -> bool:
        """The same, where nobody else wrote what it changes."""
        return isinstance(record, _ABOUT) and self._posts.only_gone(record.channel, record.target)

    def _keep(self, _: CommitInfo, record: AnyRecord, line: bytes) -> bytes | None:
        opened = self._opened(record)
        if self._is_theirs(record) or self._goes_along(opened):
            return None
        if isinstance(record, Attachment) and record.ref in self._media:
            return None
        if isinstance(record, Gap):
            changed = _gap(record, self._person.natives)
            line = line if changed == record else codec.encode(changed)
        if opened is not record and self._person.ids.named(inside := codec.encode(opened)):
            line = inside
        return self._person.ids.without(line)
