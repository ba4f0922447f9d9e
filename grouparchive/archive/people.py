"""Who is who across runs: each run gives people new ids, and the roster's tables fold them into one person again.

Also in which backups they stood as members, and so whether a trusted one tells of them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec.structs import replace

from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.index import Post
from grouparchive.archive.moment import Moment
from grouparchive.archive.suppressed import ID, Erased, Suppressed
from grouparchive.archive.trust import Facts, Standing, Trust, in_order
from grouparchive.crypto.primitives import lp
from grouparchive.model.attended import Attended
from grouparchive.model.facts import PEOPLE
from grouparchive.model.plan import Hold, Person
from grouparchive.model.records import (
    NOBODY,
    AnyRecord,
    Ban,
    Edit,
    Fact,
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
    time: int = 0
    firm: int = 0  # its time; 0 where a suspect commit tells it: such a one is not held to be older than another


_Sightings: TypeAlias = dict[Ref, dict[MemberId, Membership]]


@dataclass(slots=True)
class _Open:
    """The commit that is being read. What it says about people waits for its end, where it has said who they are."""

    commit: CommitInfo
    selected: bool
    begun: dict[Ref, _Snapshot] = field(default_factory=dict)  # channels whose roster it tells
    sightings: list[Membership] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


class People:
    """Filled once, then only asked: with the roster's records of the moment's commits in reading order, then with the owner's
    statements, then with the records of all other commits; `settle` ends that. So who is who at a moment does not depend on
    what came later.
    """

    def __init__(self, moment: Moment, trust: Trust, now: int) -> None:
        self._moment = moment
        self._trust = trust
        self._canonical: dict[MemberId, MemberId] = {}
        self._by_identity: dict[tuple[str, str, str], MemberId] = {}
        self._same: dict[MemberId, MemberId] = {}  # merged away -> the person they are
        self._selected: set[MemberId] = set()  # told by a commit of the moment, not only by later ones
        self._snapshots: dict[Ref, _Snapshot] = {}
        self._proofs: dict[Ref, _Snapshot] = {}  # the newest sound ones of the moment
        self._seen: _Sightings = {}  # the latest of each person, of the moment
        self._proved: _Sightings = {}  # of its sound commits
        self._sound: dict[Ref, set[MemberId]] = {}  # who stood in a roster of a sound commit, ever
        self._clear: dict[Ref, set[MemberId]] = {}  # the same of commits that are not suspect
        self._open: _Open | None = None
        self._facts = Facts(now)
        self.members: dict[MemberId, Member] = {}
        self.erased = Erased(Suppressed())
        self.others: dict[MemberId, list[Member]] = {}  # further handles of people whom the owner calls the same

    # --- filling -------------------------------------------------------------------------------------------------------

    def add(self, commit: CommitInfo, record: AnyRecord) -> None:
        """Take in one record of the roster."""
        one = self._begin(commit)
        match record:
            case Member():
                self._member(record, selected=one.selected)
            case Fact():
                one.facts.append(record)
            case Roster(channel=channel, time=time):
                time = min(time, commit.believed)
                one.begun[channel] = _Snapshot(time=time, firm=0 if commit.suspect else time)
            case Membership(seen=seen) if seen:
                one.sightings.append(record)
            case Membership(channel=channel) if channel in one.begun:
                one.begun[channel].memberships.append(record)
            case Ban(channel=channel) if channel in one.begun:
                one.begun[channel].bans.append(record)

    def attend(self, said: Attended) -> None:
        """Take in what the owner said. Ids in it mean those whom it names itself."""
        self._end()
        members = [member for member in said.members if not self.erased.hides(member)]
        who = {member.id: self._person(member) for member in members}
        for member in members:
            self.members.setdefault(who[member.id], replace(member, id=who[member.id]))
        for fact in said.facts:
            person = who.get(fact.member)
            value = who.get(fact.value) if fact.field in PEOPLE and fact.value else fact.value
            if person is not None and value is not None:
                self._facts.attend(person, said.position, replace(fact, member=person, value=value))

    def settle(self) -> None:
        """All is told: people whom the owner calls the same become one."""
        self._end()
        rank = {person: place for place, person in enumerate(self._by_identity.values())}
        for pair in self._facts.same_as():
            first, second = sorted(map(self._root, pair), key=lambda person: rank.get(person, len(rank)))
            if first != second:
                self._same[second] = first
        for person in list(self._same):
            root = self._root(person)
            self._same[person] = root
            self._facts.merge(person, root)
            self.others.setdefault(root, []).append(self.members.pop(person))
            for seen in (*self._sound.values(), *self._clear.values()):
                if person in seen:
                    seen.add(root)
        if self._same:
            self._canonical = {id_: self._root(person) for id_, person in self._canonical.items()}

    def _begin(self, commit: CommitInfo) -> _Open:
        if self._open is None or self._open.commit is not commit:
            self._end()
            self._open = _Open(commit, self._moment.takes_commit(commit))
        return self._open

    def _end(self) -> None:
        """A commit was read to its end."""
        one, self._open = self._open, None
        if one is None:
            return
        for fact in one.facts:
            person = self._canonical.get(fact.member, NOBODY)
            if person != NOBODY:
                self._facts.propose(person, one.commit, fact)
        sound = self._trust.sound(one.commit)
        for channel, snapshot in one.begun.items():
            for told, kept in ((one.selected, self._snapshots), (one.selected and sound, self._proofs)):
                # An older export may be read after a newer one: who left must not be back with it.
                if told and (channel not in kept or not snapshot.firm or snapshot.firm >= kept[channel].firm):
                    kept[channel] = snapshot
            if one.commit.suspect:
                continue
            found = {self._canonical[m.member] for m in snapshot.memberships if m.member in self._canonical}
            self._clear.setdefault(channel, set()).update(found)
            if sound:
                self._sound.setdefault(channel, set()).update(found)
        for sighting in one.sightings:
            self._sight(one, sighting, sound=sound)

    def _sight(self, one: _Open, sighting: Membership, *, sound: bool) -> None:
        """Take in that somebody was seen, as the commit's end makes known who that is. Nothing was seen after its commit: a
        time to come would count over every roster yet to be read.
        """
        person = self._canonical.get(sighting.member, NOBODY)
        if person == NOBODY:
            return
        sighting = replace(sighting, seen=min(sighting.seen, one.commit.believed))
        for told, kept in ((one.selected, self._seen), (one.selected and sound, self._proved)):
            known = kept.setdefault(sighting.channel, {})
            if told and (person not in known or known[person].seen <= sighting.seen):
                known[person] = sighting
        if sighting.state != "leave" and not one.commit.suspect:
            self._clear.setdefault(sighting.channel, set()).add(person)
            if sound:
                self._sound.setdefault(sighting.channel, set()).add(person)

    def _member(self, record: Member, *, selected: bool) -> None:
        if record.id == NOBODY:
            return  # no honest writer gives anybody this id, and it must not come to stand for somebody
        if self.erased.hides(record):
            self._canonical.setdefault(record.id, NOBODY)  # an id in use goes on meaning whom it means
            return
        identity = (record.platform, record.origin, record.native)
        if not selected and self._moment.position is not None and identity not in self._by_identity:
            return  # nothing at the moment speaks of them
        person = self._person(record)
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

    def _person(self, record: Member) -> MemberId:
        """The person behind a record. Their id is the first that they were given, unless somebody else has it."""
        identity = (record.platform, record.origin, record.native)
        person = self._by_identity.get(identity)
        if person is None:
            person = record.id if record.id not in self._canonical else _another(record)
            self._by_identity[identity] = person
        self._canonical.setdefault(record.id, person)
        return person

    def _root(self, person: MemberId) -> MemberId:
        while person in self._same:
            person = self._same[person]
        return person

    # --- asking --------------------------------------------------------------------------------------------------------

    def standing(self, person: MemberId) -> Standing:
        """What was said about a person."""
        return self._facts.standing(person)

    def holds(self, person: MemberId, homes: Iterable[Ref]) -> tuple[Hold, ...]:
        """What speaks against asking a person back. `homes` are the channels that sound commits count to the group."""
        standing = self._facts.standing(person)
        found = standing.holds()
        if standing.confirmed:
            return in_order(found)
        known = self._trust.position is not None
        if not known:
            found.append("no-trusted-position")
        if not any(person in self._sound.get(channel, ()) for channel in homes):
            clear = known and any(person in seen for seen in self._clear.values())
            found.append("first-seen-after-trust" if clear else "suspect-commit")
        return in_order(found)

    def canonical(self, member: MemberId) -> MemberId:
        """The one id of a person: the first that any commit gave them; `NOBODY` where they were erased. An id that the roster
        does not know stays itself.
        """
        return self._canonical.get(member, member)

    def people(self, channels: Iterable[Ref]) -> list[Person]:
        """Everybody in the newest snapshots of these channels, in the order of the snapshots, and who was sighted there since;
        without what holds them.
        """
        found: dict[MemberId, dict[Ref, Membership]] = {}
        unproved: dict[MemberId, list[Ref]] = {}
        for channel in channels:
            snapshot = self._snapshots.get(channel, _Snapshot())
            proof = self._proofs.get(channel, _Snapshot())
            proved = {person: one.level for person, one in self._places(channel, proof, self._proved).items()}
            for person, one in self._places(channel, snapshot, self._seen).items():
                found.setdefault(person, {})[channel] = one
                if one.level > proved.get(person, 0):
                    unproved.setdefault(person, []).append(channel)
        return [
            Person(id=person, memberships=tuple(places.values()), unproved=tuple(unproved.get(person, ())))
            for person, places in found.items()
        ]

    def _places(self, channel: Ref, snapshot: _Snapshot, sightings: _Sightings) -> dict[MemberId, Membership]:
        """Each person's one place in a channel; of one who was in its snapshot twice, the one that says most. What was sighted
        after the snapshot was made counts over it.
        """
        found: dict[MemberId, Membership] = {}
        for one in snapshot.memberships:
            person = self.canonical(one.member)
            if person == NOBODY:
                continue
            mine = replace(one, member=person)
            if person not in found or _weight(mine) >= _weight(found[person]):
                found[person] = mine
        latest: dict[MemberId, Membership] = {}
        for one in sightings.get(channel, {}).values():
            person = self.canonical(one.member)
            if one.seen > snapshot.time and (person not in latest or latest[person].seen <= one.seen):
                latest[person] = replace(one, member=person)
        for person, one in latest.items():
            if one.state == "leave":
                found.pop(person, None)
            elif person not in found:
                found[person] = one
        return found

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


def _weight(one: Membership) -> tuple[bool, int]:
    return one.state == "join", one.level


def _another(record: Member) -> MemberId:
    """An id for somebody whose own is in use: whoever copies an id must not become the person it means."""
    parts = (
        part.encode("utf-8", "surrogatepass") for part in (record.id, record.platform, record.origin, record.native)
    )
    return hashlib.sha256(b"ga1/another" + lp(*parts)).hexdigest()[:32]
