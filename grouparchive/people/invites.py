"""Sends a campaign's invitations, each once, whatever happens in between; and tells how far it is.

The journal is written before and after each invitation. What was begun and has no known end is looked up at the platform
before anything is sent again; where the platform cannot tell, it is reported and never sent again by itself.
"""

import hmac
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Self, TypeAlias

import msgspec

from grouparchive.crypto.files import SealedLog
from grouparchive.crypto.primitives import expand, lp
from grouparchive.errors import Damaged, InDoubt, PlatformError, Refused, UsageError
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.plan import Key, Outcome
from grouparchive.model.ports import Messenger, PersonalMessage
from grouparchive.model.records import MemberId, Ref
from grouparchive.people.campaign import Campaign, Invitee, Tier

ATTEMPTS = 3
"""Times that one invitation of unknown fate is looked up and, when it did not go out, sent again, within one run."""
_OPEN = frozenset({"", "begun", "doubt", "unsent"})
_DOUBTFUL = frozenset({"begun", "doubt"})
_INVITED = frozenset({"sent", "already"})
ANSWERED = frozenset({"joined", "declined"})

_Status: TypeAlias = Literal["begun", "sent", "already", "refused", "doubt", "unsent"]
Progress: TypeAlias = Callable[[int, int], None]
"""progress(invitations dealt with, invitations to deal with)"""


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    key: Key
    status: _Status
    note: str = ""


def invitation_key(campaign: Campaign, member: MemberId, place: Ref) -> Key:
    """What an invitation is called in the journal: tells nothing without the campaign."""
    data = b"ga1/invitation" + lp(member.encode(), place.encode())
    return hmac.digest(bytes.fromhex(campaign.key), data, "sha256")[:16].hex()


def journal_path(campaign: Path) -> Path:
    """Where the journal of a campaign is."""
    return campaign.with_name(campaign.name + ".journal")


class InviteJournal:
    """What was begun and what became of it: keys and notes, nobody's id.

    Args:
        path: made where there is none.
        campaign: whose invitations it is about.

    Raises:
        ArchiveBusy: another run is sending.
        UsageError, Damaged: as `SealedLog`.
    """

    def __init__(self, path: Path, campaign: Campaign) -> None:
        key = bytes.fromhex(campaign.key)
        self._log = SealedLog(path, expand(key, b"ga1/invitations"), b"invitations " + campaign.archive_id.encode())
        self._last: dict[Key, _Entry] = {}
        try:
            for data in self._log:
                entry = msgspec.json.decode(data, type=_Entry)
                self._last[entry.key] = entry
        except UNREADABLE as error:
            self._log.close()
            raise Damaged("the journal of the invitations is damaged, or of another version") from error

    def status(self, key: Key) -> str:
        """One of the words of `_Status`, "" for what was never begun."""
        entry = self._last.get(key)
        return entry.status if entry else ""

    def note(self, key: Key) -> str:
        """What the platform said last."""
        entry = self._last.get(key)
        return entry.note if entry else ""

    def write(self, key: Key, status: _Status, note: str = "") -> None:
        """Add a line; it is on the disk on return."""
        entry = _Entry(key=key, status=status, note=note)
        self._log.append(msgspec.json.encode(entry), sync=True)
        self._last[key] = entry

    def close(self) -> None:
        """Let go of the file."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TierCount(msgspec.Struct, frozen=True, kw_only=True):
    """How far a tier is, in people; `invited` to the group, of whom some have `joined` or `declined` as far as we know."""

    tier: Tier
    people: int
    held: int
    released: int
    invited: int
    joined: int
    declined: int
    refused: int
    in_doubt: int


class SendReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of `send` did, in invitations. `waiting`: private rooms of people who have not joined the group yet;
    `unreachable`: the roster has no handle for them.
    """

    sent: int = 0
    already: int = 0
    refused: int = 0
    in_doubt: int = 0
    waiting: int = 0
    held: int = 0
    unreachable: int = 0


def status(campaign: Campaign, journal: InviteJournal) -> list[TierCount]:
    """How far each tier is, by the journal alone: no request is made."""
    found = []
    for tier in (1, 2, 3):
        people = [one for one in campaign.invitees if one.tier == tier]
        keys = [invitation_key(campaign, one.member, campaign.group) for one in people]
        states = Counter(journal.status(key) for key in keys)
        notes = Counter(journal.note(key) for key in keys if journal.status(key) in _INVITED)
        found.append(
            TierCount(
                tier=tier,
                people=len(people),
                held=sum(one.held for one in people),
                released=sum(not one.held for one in people),
                invited=states["sent"] + states["already"],
                joined=notes["joined"],
                declined=notes["declined"],
                refused=states["refused"],
                in_doubt=states["begun"] + states["doubt"],
            )
        )
    return found


def send(
    campaign: Campaign,
    journal: InviteJournal,
    messenger: Messenger,
    *,
    natives: Callable[[MemberId], str],
    places: Callable[[Ref], Ref],
    progress: Progress | None = None,
) -> SendReport:
    """Invite whoever is released and was not invited yet, tier by tier: to the group, and to the private channels they were in
    once they have joined the group.

    Args:
        campaign: the people.
        journal: what was sent before.
        messenger: delivers.
        natives: a member's handle out of the roster, "" where it has none; in memory only.
        places: the target's ref of an archived group or channel.
        progress: told after each invitation.

    Raises:
        PlatformError: the platform does not work now; run it again later, nothing is sent twice.
    """
    return _Sender(campaign, journal, messenger, natives, places).run(progress)


def refresh(
    campaign: Campaign,
    journal: InviteJournal,
    messenger: Messenger,
    *,
    natives: Callable[[MemberId], str],
    places: Callable[[Ref], Ref],
) -> None:
    """Ask the platform who of the invited has joined or declined, for `status`. One request a person; sends nothing.

    Raises:
        PlatformError: the platform does not work now.
    """
    _Sender(campaign, journal, messenger, natives, places).refresh()


class _Sender:
    def __init__(
        self,
        campaign: Campaign,
        journal: InviteJournal,
        messenger: Messenger,
        natives: Callable[[MemberId], str],
        places: Callable[[Ref], Ref],
    ) -> None:
        self.campaign = campaign
        self.journal = journal
        self.messenger = messenger
        self.natives = natives
        self.places = places
        self.counts: Counter[str] = Counter()

    def run(self, progress: Progress | None) -> SendReport:
        released = [one for one in self.campaign.invitees if not one.held]
        todo = list(self.due(released))
        for done, (invitee, place) in enumerate(todo, 1):
            self.invite(invitee, place)
            if progress:
                progress(done, len(todo))
        return SendReport(
            sent=self.counts["sent"],
            already=self.counts["already"],
            refused=self.counts["refused"],
            in_doubt=self.counts["doubt"],
            waiting=self.counts["waiting"],
            held=len(self.campaign.invitees) - len(released),
            unreachable=self.counts["unreachable"],
        )

    def due(self, released: list[Invitee]) -> Iterator[tuple[Invitee, Ref]]:
        """Whom to invite where. First round: the group. Second: private channels, for those who came."""
        for invitee in released:
            if self.journal.status(self.key(invitee, self.campaign.group)) in _OPEN:
                yield invitee, self.campaign.group
        for invitee in released:
            wanted = [
                place
                for place in invitee.places
                if place != self.campaign.group and self.journal.status(self.key(invitee, place)) in _OPEN
            ]
            if not wanted or self.journal.status(self.key(invitee, self.campaign.group)) not in _INVITED:
                self.counts["waiting"] += len(wanted)
            elif self.has_joined(invitee):
                yield from ((invitee, place) for place in wanted)
            else:
                self.counts["waiting"] += len(wanted)

    def has_joined(self, invitee: Invitee) -> bool:
        """Is somebody who was invited to the group in it? An answer is final: who left again is not asked anew."""
        key = self.key(invitee, self.campaign.group)
        if self.journal.note(key) not in ANSWERED:
            message = self.message(invitee, self.campaign.group)
            known = self.look(message) if message.recipient else None
            if known is not None and known.note in ANSWERED:
                self.journal.write(key, "already", known.note)
        return self.journal.note(key) == "joined"

    def refresh(self) -> None:
        for invitee in self.campaign.invitees:
            if self.journal.status(self.key(invitee, self.campaign.group)) in _INVITED:
                self.has_joined(invitee)

    def invite(self, invitee: Invitee, place: Ref) -> None:
        """One invitation, whatever state an earlier run left it in."""
        message = self.message(invitee, place)
        if not message.recipient:
            self.counts["unreachable"] += 1
            return
        if self.journal.status(message.key) in _DOUBTFUL:
            try:
                known = self.messenger.find(message)
            except NotImplementedError:
                self.note(message.key, "doubt")
                return
            if known is not None:
                self.note(message.key, "already", known.note)
                return
        else:
            self.journal.write(message.key, "begun")
        self.deliver(message)

    def deliver(self, message: PersonalMessage) -> None:
        """Send it, and look it up whenever its fate is unknown."""
        for _ in range(ATTEMPTS):
            try:
                outcome: Outcome | None = self.messenger.send(message)
            except Refused:
                self.note(message.key, "refused")
                return
            except InDoubt:
                try:
                    outcome = self.messenger.find(message)
                except NotImplementedError:
                    break
            except PlatformError:
                self.journal.write(message.key, "unsent")
                raise
            if outcome is not None:
                self.note(message.key, "sent" if outcome.status == "done" else "already", outcome.note)
                return
        self.note(message.key, "doubt")

    def look(self, message: PersonalMessage) -> Outcome | None:
        try:
            return self.messenger.find(message)
        except NotImplementedError:
            return None

    def note(self, key: Key, word: Literal["sent", "already", "refused", "doubt"], note: str = "") -> None:
        self.journal.write(key, word, note)
        self.counts[word] += 1

    def key(self, invitee: Invitee, place: Ref) -> Key:
        return invitation_key(self.campaign, invitee.member, place)

    def message(self, invitee: Invitee, place: Ref) -> PersonalMessage:
        native = self.natives(invitee.member)
        target = self.places(place)
        if not target:
            raise UsageError(
                "the group to invite people to is not there yet",
                hint="Rebuild it first: grouparchive apply PLAN, then send again.",
            )
        return PersonalMessage(key=self.key(invitee, place), recipient=native, kind="invitation", place=target)
