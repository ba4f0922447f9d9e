"""Who is who across runs: each run gives people new ids, and the roster's tables fold them into one person again."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.index import Post
from grouparchive.archive.moment import Moment
from grouparchive.archive.suppressed import ID, Erased, Suppressed
from grouparchive.model.plan import Person
from grouparchive.model.records import (
    NOBODY,
    AnyRecord,
    Ban,
    Edit,
    Member,
    MemberId,
    Membership,
    Message,
    Ref,
    Roster,
    Setting,
)


@dataclass(slots=True)
class _Snapshot:
    memberships: list[Membership] = field(default_factory=list)
    bans: list[Ban] = field(default_factory=list)


class People:
    """Filled once with the roster's records in reading order, then only asked."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._canonical: dict[MemberId, MemberId] = {}
        self._by_identity: dict[tuple[str, str, str], MemberId] = {}
        self._selected: set[MemberId] = set()  # told by a commit of the moment, not only by later ones
        self._snapshots: dict[Ref, _Snapshot] = {}
        self._open: tuple[CommitInfo | None, set[Ref]] = (None, set())  # rosters that the current commit has begun
        self.members: dict[MemberId, Member] = {}
        self.erased = Erased(Suppressed())

    def add(self, commit: CommitInfo, record: AnyRecord) -> None:
        """Take in one record of the roster."""
        match record:
            case Member():
                self._member(record, selected=self._moment.takes_commit(commit))
            case Roster(channel=channel) if self._moment.takes_commit(commit):
                self._snapshots[channel] = _Snapshot()
                self._begun(commit).add(channel)
            case Membership(channel=channel) if channel in self._begun(commit):
                self._snapshots[channel].memberships.append(record)
            case Ban(channel=channel) if channel in self._begun(commit):
                self._snapshots[channel].bans.append(record)

    def _begun(self, commit: CommitInfo) -> set[Ref]:
        if self._open[0] is not commit:
            self._open = (commit, set())
        return self._open[1]

    def _member(self, record: Member, *, selected: bool) -> None:
        if record.id == NOBODY:
            return  # no honest writer gives anybody this id, and it must not come to stand for somebody
        if self.erased.hides(record):
            self._canonical[record.id] = NOBODY
            return
        person = self._by_identity.setdefault((record.platform, record.origin, record.native), record.id)
        self._canonical.setdefault(record.id, person)
        known = self.members.get(person)
        if known is None or selected or person not in self._selected:
            # "" says that a run did not hear the name, not that there is none.
            self.members[person] = replace(
                record,
                id=person,
                name=record.name or (known.name if known else ""),
                avatar=record.avatar or (known.avatar if known else ""),
            )
        if selected:
            self._selected.add(person)

    def canonical(self, member: MemberId) -> MemberId:
        """The one id of a person: the first that any commit gave them; `NOBODY` where they were erased. An id that the roster
        does not know stays itself.
        """
        return self._canonical.get(member, member)

    def people(self, channels: Iterable[Ref]) -> list[Person]:
        """Everybody in the newest snapshots of these channels, in the order of the snapshots."""
        found: dict[MemberId, dict[Ref, Membership]] = {}
        for channel in channels:
            snapshot = self._snapshots.get(channel, _Snapshot())
            for one in snapshot.memberships:
                person = self.canonical(one.member)
                if person == NOBODY:
                    continue
                found.setdefault(person, {})[channel] = replace(one, member=person)
        return [Person(id=person, memberships=tuple(places.values())) for person, places in found.items()]

    def bans(self, channels: Iterable[Ref]) -> list[Ban]:
        """Who is banned in these channels."""
        found: dict[tuple[Ref, MemberId], Ban] = {}
        for channel in channels:
            for ban in self._snapshots.get(channel, _Snapshot()).bans:
                member = self.canonical(ban.member)
                if member == NOBODY:
                    continue
                by: MemberId = self.canonical(ban.by) if ban.by else ""
                found[channel, member] = replace(ban, member=member, by=by, reason=self.text(ban.reason))
        return list(found.values())

    def text(self, text: str) -> str:
        """A text with the ids in it made canonical, also where they stand in JSON."""
        return ID.sub(lambda match: self.canonical(match[0]), text) if self._canonical else text

    def event(self, record: Post) -> Post:
        """An event with all ids in it made canonical."""
        if not self._canonical:
            return record
        changes = self._message_changes(record) if isinstance(record, Message) else {}
        if record.author and (author := self.canonical(record.author)) != record.author:
            changes["author"] = author
        if isinstance(record, (Message, Edit)):
            if record.mentions:
                changes["mentions"] = tuple(dict.fromkeys(map(self.canonical, record.mentions)))
            if "{member:" in record.text:
                changes["text"] = self.text(record.text)
            if "{member:" in record.html:
                changes["html"] = self.text(record.html)
        return replace(record, **changes) if changes else record

    def _message_changes(self, record: Message) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if record.data:
            changes["data"] = self.text(record.data)
        if record.poll:
            options = tuple((ref, self.text(option)) for ref, option in record.poll.options)
            changes["poll"] = replace(record.poll, question=self.text(record.poll.question), options=options)
        if any("{member:" in one.name for one in record.media):
            changes["media"] = tuple(replace(one, name=self.text(one.name)) for one in record.media)
        return changes

    def setting(self, record: Setting) -> Setting:
        """A setting with the ids in it made canonical."""
        value = self.text(record.value)
        return record if value == record.value else replace(record, value=value)
