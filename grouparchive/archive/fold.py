"""The archive folded to a moment: many commits, many runs, perhaps several archives, read as one history.

States are those last recorded by then, events are told once each, people have one id each. Texts are fetched from their
segments when asked for, so memory stays flat however long the history is.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from grouparchive.archive.attended import all_attended
from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.index import EventIndex, Place, Post
from grouparchive.archive.moment import Moment, as_text, parse_moment
from grouparchive.archive.people import People
from grouparchive.archive.reader import Reader
from grouparchive.archive.suppressed import Erased, Suppressed
from grouparchive.archive.trust import Standing, trust_of
from grouparchive.archive.union import forked
from grouparchive.archive.writer import clock
from grouparchive.crypto.signing import ManifestEntry
from grouparchive.errors import Damaged, UsageError
from grouparchive.model import codec
from grouparchive.model.plan import Person
from grouparchive.model.records import (
    NOBODY,
    AnyRecord,
    Attachment,
    Ban,
    Channel,
    Edit,
    Gap,
    Group,
    Member,
    MemberId,
    Message,
    Pins,
    Reaction,
    Ref,
    Role,
    Setting,
    Tombstone,
    Vault,
    Vote,
)

__all__ = ["Moment", "PostView", "View", "fold", "parse_moment"]

OpenMessage: TypeAlias = Callable[[Message], AnyRecord]
_CACHED_SEGMENTS: Final = 48


class PostView(Struct, frozen=True, kw_only=True):
    """A post as a person reads it: `text` and `html` as last edited, `edits` all revisions in order."""

    message: Message
    text: str
    html: str
    edits: tuple[Edit, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    votes: tuple[Vote, ...] = ()


def fold(
    readers: Sequence[Reader],
    moment: Moment | None = None,
    open_message: OpenMessage | None = None,
    *,
    trusted: Mapping[str, int] | None = None,
    now: int | None = None,
) -> "View":
    """Read everything once and remember where it is.

    Args:
        readers: unlocked archives; several are merged.
        moment: what to go back to; now by default.
        open_message: opens end-to-end encrypted messages (`Platform.opener`).
        trusted: up to which commits backups can be trusted, as a person says (writer in hex -> commit); by default what
            attended statements in the archives say.
        now: the time by which facts about people may have expired, in milliseconds; that of the clock by default.

    Raises:
        UsageError: the moment names a commit that is not there.
        WrongSecret: the content is not open.
    """
    view = View(readers, moment or Moment(), open_message, trusted=trusted, now=clock() if now is None else now)
    view.load()
    return view


class View:
    """A folded archive. May be read from several threads.

    `archive_id` is hex (of the first archive), `position` the commits taken in as "writer:seq" joined by ",", `moment` the time
    in milliseconds after which nothing is shown: the one asked for, else that of the newest thing in it. `members` is canonical
    id -> Member, {} where the roster is closed. `trusted` says up to which commits backups can be trusted and who said so,
    `suspect` how many suspect commits are taken in.
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        moment: Moment,
        open_message: OpenMessage | None,
        *,
        trusted: Mapping[str, int] | None,
        now: int,
    ) -> None:
        if not readers:
            raise UsageError("no archive was named")
        commits = [commit for reader in readers for commit in reader.commits]
        moment = moment.resolved(commits)
        self.readers = tuple(readers)
        self.archive_id = readers[0].archive_id.hex()
        self.asked = moment
        self._open_message = open_message
        self._said = all_attended(readers)
        self.trusted = trust_of(self._said, trusted, forked(commits) if len(readers) > 1 else {}, commits=commits)
        self._people = People(moment, self.trusted, now)
        self._erased = self._people.erased = Erased(Suppressed(mark for one in self._said for mark in one.forgotten))
        self._numbers: dict[MemberId, int] = {}
        self._index = EventIndex()
        self._segments: list[tuple[Reader, CommitInfo, ManifestEntry]] = []
        self._cache: OrderedDict[int, list[bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._groups: dict[tuple[str, Ref], Group] = {}
        self._channels: dict[Ref, Channel] = {}
        self._homes: dict[Ref, Ref] = {}  # channel -> its group, as commits that can be believed say
        self._settings: dict[Ref, dict[str, Setting]] = {}
        self._roles: dict[Ref, dict[Ref, Role]] = {}
        self._pins: dict[Ref, tuple[Ref, ...]] = {}
        self._attachments: dict[tuple[Vault, Ref], Attachment] = {}
        self._gaps: dict[tuple[str, Ref, str], Gap] = {}
        chosen = [commit for commit in commits if moment.takes_commit(commit)]
        last = {commit.writer: commit for commit in sorted(chosen, key=lambda one: one.seq)}
        self.position = as_text({writer: commit.seq for writer, commit in last.items()})
        self.suspect = len({(commit.writer, commit.seq) for commit in chosen if commit.suspect})
        self.moment = max((commit.time for commit in last.values()), default=0)
        self._roster_open = any("roster" in reader.vaults for reader in readers)

    def close(self) -> None:
        """Let go of the index. The readers stay open."""
        self._index.close()

    # --- loading ---

    def load(self) -> None:
        """Read it all, once."""
        self._load_people()
        for reader, objects in self._in_order("content"):
            wanted = objects if self.asked.position is None else self._of_commits(objects, selected=True)
            first = len(self._segments)
            self._segments += [(reader, commit, entry) for commit, entry in wanted]
            for commit, number, data in reader.numbered("content", wanted):
                try:
                    records = codec.decode_lines(data)
                except Damaged as error:
                    reader.note(commit, error)
                    continue
                for line, record in enumerate(records):
                    self._content_record(commit, record, Place(first + number, line))
        self._index.settle()
        self.moment = self.asked.time if self.asked.time is not None else max(self.moment, self._index.newest)

    def _load_people(self) -> None:
        rosters = list(self._in_order("roster"))
        for selected in (True, False):
            for reader, objects in rosters:
                for commit, record in reader.decoded("roster", self._of_commits(objects, selected=selected)):
                    self._roster_record(commit, record)
            if selected:
                for said in self._said:
                    self._people.attend(said)
        self._people.settle()

    def _of_commits(
        self, objects: list[tuple[CommitInfo, ManifestEntry]], *, selected: bool
    ) -> list[tuple[CommitInfo, ManifestEntry]]:
        """Those of the moment's commits, or those of the others."""
        return [one for one in objects if self.asked.takes_commit(one[0]) is selected]

    def _in_order(self, vault: Vault) -> Iterator[tuple[Reader, list[tuple[CommitInfo, ManifestEntry]]]]:
        """The segments of all archives by the time of their commits, in runs of one archive each."""
        readers = [reader for reader in self.readers if vault == "content" or vault in reader.vaults]
        if len(readers) == 1:
            yield readers[0], readers[0].objects(vault)
            return
        # The same order whatever order the archives were named in.
        tagged = [
            (one[0].order(), place, number, one)
            for number, reader in enumerate(readers)
            for place, one in enumerate(reader.objects(vault))
        ]
        run: list[tuple[CommitInfo, ManifestEntry]] = []
        current = -1
        for _, _, number, one in sorted(tagged, key=lambda entry: entry[:3]):
            if number != current and run:
                yield readers[current], run
                run = []
            current = number
            run.append(one)
        if run:
            yield readers[current], run

    def _roster_record(self, commit: CommitInfo, record: AnyRecord) -> None:
        if isinstance(record, Attachment):
            self._attachments.setdefault(("roster", record.ref), record)
        else:
            self._people.add(commit, record)

    def _content_record(self, commit: CommitInfo, record: AnyRecord, place: Place) -> None:
        match record:
            case Message() | Edit() | Reaction() | Vote() if self._hidden(record):
                self._index.erase(record.channel, record.ref)
            case Message() | Edit() | Reaction() | Vote():
                if self.asked.takes_event(commit, record):
                    opened = self._opened(record)
                    self._index.add(opened, place, self._number(opened.author))
            case Tombstone():
                if self.asked.takes_event(commit, record):
                    self._index.delete(record.channel, record.target)
            case Attachment(ref=ref):
                self._attachments.setdefault(("content", ref), record)
            case _:
                if isinstance(record, Channel) and self.trusted.sound(commit):
                    self._homes[record.ref] = record.group
                if self.asked.takes_commit(commit):
                    self._state(record)

    def _hidden(self, record: Post) -> bool:
        """Is this by somebody who was erased?"""
        if not self._erased:
            return False
        hidden = self._people.canonical(record.author) == NOBODY
        opened = self._opened(record)
        if isinstance(opened, Message):
            self._erased.used("content", (file.ref for file in opened.media), hidden=hidden)
        return hidden

    def _state(self, record: AnyRecord) -> None:
        if isinstance(record, Group | Channel):
            self._erased.used("content", [record.avatar], hidden=False)
        match record:
            case Group():
                _keep(self._groups, (record.origin, record.ref), record)
            case Channel():
                _keep(self._channels, record.ref, record)
            case Setting():
                self._settings.setdefault(record.channel, {})[record.name] = record
            case Role():
                self._roles.setdefault(record.group, {})[record.ref] = record
            case Pins():
                self._pins[record.channel] = record.messages
            case Gap():
                self._gaps.setdefault((record.code, record.scope, record.detail), record)

    def _opened(self, record: Post) -> Post:
        if self._open_message is None or not isinstance(record, Message) or record.type != "encrypted":
            return record
        opened = self._open_message(record)
        return opened if isinstance(opened, (Message, Edit, Reaction, Vote)) else record

    def _number(self, author: MemberId) -> int:
        """A person as a number, below 0 where nothing says who it is. 0 where the roster is closed: then two ids may be one
        person.
        """
        if not author or not self._roster_open:
            return 0
        person = self._people.canonical(author)
        number = self._numbers.setdefault(person, len(self._numbers) + 1)
        return number if person in self._people.members else -number

    # --- structure and people ---

    @property
    def members(self) -> dict[MemberId, Member]:
        """Who is who: canonical id -> the newest that is known of them. {} where the roster is closed."""
        return self._people.members

    @property
    def others(self) -> dict[MemberId, list[Member]]:
        """Further handles, by canonical id, of people whom the owner has called the same."""
        return self._people.others

    def canonical(self, member: MemberId) -> MemberId:
        """The one id of a person."""
        return self._people.canonical(member)

    def groups(self) -> list[Group]:
        """All groups, in the order in which they were first archived."""
        return [
            replace(group, topic=self._people.text(group.topic), account=self._people.canonical(group.account))
            for group in self._groups.values()
        ]

    def channels(self, group: Ref) -> list[Channel]:
        """A group's channels, in the order in which they were first archived."""
        return [
            replace(channel, topic=self._people.text(channel.topic))
            for channel in self._channels.values()
            if channel.group == group
        ]

    def settings(self, channel: Ref) -> list[Setting]:
        """A channel's settings."""
        return [self._people.setting(one) for one in self._settings.get(channel, {}).values()]

    def roles(self, group: Ref) -> list[Role]:
        """A group's roles."""
        return list(self._roles.get(group, {}).values())

    def pins(self, channel: Ref) -> tuple[Ref, ...]:
        """What was pinned in a channel, as far as it was not deleted."""
        return tuple(ref for ref in self._pins.get(channel, ()) if self._index.find(channel, ref))

    def people(self, group: Ref) -> list[Person]:
        """A group's members, from the newest snapshot of each channel. [] where the roster is closed."""
        accounts = {
            self._people.canonical(one.account) for one in self._groups.values() if one.ref == group and one.account
        }
        found = self._people.people(channel.ref for channel in self._channels.values() if channel.group == group)
        homes = [ref for ref, home in self._homes.items() if home == group]
        return [replace(one, admin=one.id in accounts, holds=self._people.holds(one.id, homes)) for one in found]

    def standing(self, person: MemberId) -> Standing:
        """What counts of the things said about a person, and what waits to be confirmed. Nothing where the roster is closed."""
        return self._people.standing(self.canonical(person))

    def bans(self, group: Ref) -> list[Ban]:
        """Who must not come back. [] where the roster is closed."""
        return self._people.bans(channel.ref for channel in self._channels.values() if channel.group == group)

    def gaps(self) -> list[Gap]:
        """What could not be had, each once."""
        return [self._erased.gap(gap) for gap in self._gaps.values()]

    def counts(self) -> dict[str, int]:
        """How many of each kind of thing are there."""
        return {
            "groups": len(self._groups),
            "channels": len(self._channels),
            "members": len({one.id for group in self._groups.values() for one in self.people(group.ref)}),
            **self._index.counts(),
            "attachments": sum(not self._erased.hides_file(*named) for named in self._attachments),
        }

    def message_count(self, channel: Ref) -> int:
        """Messages in a channel."""
        return self._index.count(channel)

    # --- posts ---

    def timeline(self, channel: Ref) -> Iterator[Post]:
        """A channel's events by time, those of one time as they came in. What was deleted by then is left out."""
        for place in self._index.timeline(channel):
            yield from self._fetch(place)

    def posts(self, channel: Ref) -> Iterator[PostView]:
        """A channel's posts by time, each with its revisions, reactions and votes."""
        for place in self._index.timeline(channel, only=Message):
            for message in self._fetch(place):
                if isinstance(message, Message):
                    yield self._post(message)

    def message(self, channel: Ref, ref: Ref) -> Message | None:
        """One message, None when it is not there or was deleted."""
        place = self._index.find(channel, ref)
        found = next(self._fetch(place), None) if place else None
        return found if isinstance(found, Message) else None

    def attachment(self, ref: Ref, vault: Vault = "content") -> Attachment | None:
        """Where a file's bytes are, None where they were never had."""
        return None if self._erased.hides_file(vault, ref) else self._attachments.get((vault, ref))

    def blob(self, blob_id: str) -> Iterator[bytes]:
        """A file's bytes in pieces, from the archive that has it.

        Raises:
            NoArchive: none has it.
            Damaged: as `Reader.blob`.
        """
        having = [reader for reader in self.readers if reader.has_blob(blob_id)]
        return (having or list(self.readers))[0].blob(blob_id)

    def damage(self) -> list[str]:
        """What was found damaged so far, in all archives."""
        return [sentence for reader in self.readers for sentence in reader.damage]

    def _post(self, message: Message) -> PostView:
        about = [one for place in self._index.about(message.channel, message.ref) for one in self._fetch(place)]
        edits = tuple(one for one in about if isinstance(one, Edit))
        newest: Message | Edit = edits[-1] if edits else message
        return PostView(
            message=message,
            text=newest.text,
            html=newest.html,
            edits=edits,
            reactions=tuple(one for one in about if isinstance(one, Reaction)),
            votes=tuple(one for one in about if isinstance(one, Vote)),
        )

    def _fetch(self, place: Place) -> Iterator[Post]:
        """The record at a place; nothing where its segment was damaged since."""
        lines = self._lines(place.segment)
        if place.line >= len(lines):
            return
        record = codec.decode(lines[place.line])
        if isinstance(record, (Message, Edit, Reaction, Vote)):
            yield self._people.event(self._opened(record))

    def _lines(self, number: int) -> list[bytes]:
        with self._lock:
            if number in self._cache:
                self._cache.move_to_end(number)
                return self._cache[number]
        reader, commit, entry = self._segments[number]
        try:
            lines = list(codec.lines(reader.payload(entry)))
        except Damaged as error:
            reader.note(commit, error)
            lines = []
        with self._lock:
            self._cache[number] = lines
            while len(self._cache) > _CACHED_SEGMENTS:
                self._cache.popitem(last=False)
        return lines


def _keep(states: dict[Any, Any], key: object, record: Group | Channel) -> None:
    """A later state replaces an earlier one, unless it only tells that the thing is there (as a table of members does). What it
    does not say of the account that makes the backups stays: nobody invites it.
    """
    before = states.get(key)
    account = record.account if isinstance(record, Group) else ""
    if isinstance(record, Group) and isinstance(before, Group) and not account:
        record = replace(record, account=before.account)
    if before is None or record.name or record.topic or record.avatar or record.created or account:
        states[key] = record
