"""Who is back in a rebuilt group, who waits at its door, and who bears a member's name without being known as that member.

Pure: a list of accounts as the platform tells it and what the archive says about people in, findings out. An account is a
member when the archive knows its handle, or when the owner has confirmed that handle as a way to reach them. A name proves
nothing, so whoever only bears one is told of for a person to decide.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from grouparchive.model.plan import Grant, Hold, Plan
from grouparchive.model.records import MemberId, Ref
from grouparchive.people.campaign import Campaign
from grouparchive.people.journal import message_key
from grouparchive.people.lookalikes import skeletons

DOUBTED: Final[frozenset[Hold]] = frozenset({"first-seen-after-trust", "suspect-commit", "on-hold"})
"""While one of these speaks against somebody and no release has overruled it, they get no role."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody in the rebuilt group, or at its door: `places` are the rooms with what they are there."""

    native: str = field(repr=False)
    name: str = field(default="", repr=False)
    places: Mapping[Ref, str] = field(default_factory=dict)

    @property
    def inside(self) -> bool:
        """Are they in one of the rooms?"""
        return "join" in self.places.values()

    @property
    def knocks(self) -> tuple[Ref, ...]:
        """Where they ask to be let in."""
        return tuple(place for place, state in self.places.items() if state == "knock")


@dataclass(frozen=True, slots=True)
class Known:
    """What the archive says of a member: handles on this platform, confirmed contacts there, and names."""

    member: MemberId
    handles: tuple[str, ...] = field(default=(), repr=False)
    contacts: tuple[str, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Match:
    """An account that is a member's, and how we know: by its handle, or by a contact that the owner confirmed."""

    member: MemberId
    account: Account = field(repr=False)
    by: Literal["handle", "contact"]


@dataclass(frozen=True, slots=True)
class Lookalike:
    """An account nobody knows, which bears the name of these members."""

    account: Account = field(repr=False)
    members: tuple[MemberId, ...]


@dataclass(frozen=True, slots=True)
class Returns:
    """What was found. `back` has one account a member, the one that the archive knows before one by contact."""

    back: tuple[Match, ...] = ()
    knocking: tuple[tuple[Account, Match | None], ...] = ()
    impostors: tuple[Lookalike, ...] = ()
    strangers: int = 0  # inside, known to nobody, and with a name of their own


def find(accounts: Iterable[Account], members: Collection[Known], *, ours: Collection[str] = ()) -> Returns:
    """Compare who is there with who was.

    Args:
        accounts: everybody in the rebuilt group or at its door.
        members: everybody the archive knows.
        ours: handles that are no member: our own account and its stand-ins.
    """
    known = _Known(members)
    back: dict[MemberId, Match] = {}
    knocking: list[tuple[Account, Match | None]] = []
    impostors: list[Lookalike] = []
    strangers = 0
    for account in accounts:
        if account.native in ours:
            continue
        found = known.match(account)
        if account.knocks:
            knocking.append((account, found))
        if found is not None:
            if account.inside and (found.by == "handle" or found.member not in back):
                back[found.member] = found
        elif alike := known.alike(account):
            impostors.append(Lookalike(account, alike))
        else:
            strangers += account.inside
    return Returns(tuple(back.values()), tuple(knocking), tuple(impostors), strangers)


class _Known:
    """The members by what they can be recognised, and by what they look like."""

    def __init__(self, members: Collection[Known]) -> None:
        self._by_handle = {handle: one.member for one in members for handle in one.handles}
        self._by_contact: dict[str, set[MemberId]] = {}
        self._looks: dict[str, dict[MemberId, None]] = {}
        for one in members:
            for contact in one.contacts:
                self._by_contact.setdefault(contact, set()).add(one.member)
            for name in (*one.names, *map(_local, one.handles)):
                for skeleton in skeletons(name):
                    self._looks.setdefault(skeleton, {})[one.member] = None

    def match(self, account: Account) -> Match | None:
        """Whose account it is. One that two members gave as theirs is nobody's."""
        if account.native in self._by_handle:
            return Match(self._by_handle[account.native], account, "handle")
        found = self._by_contact.get(account.native, set())
        return Match(next(iter(found)), account, "contact") if len(found) == 1 else None

    def alike(self, account: Account) -> tuple[MemberId, ...]:
        """The members whose name an account bears."""
        found: dict[MemberId, None] = {}
        for name in filter(None, (account.name, _local(account.native))):
            for skeleton in skeletons(name):
                found |= self._looks.get(skeleton, {})
        return tuple(found)


def roles(
    plan: Plan, campaign: Campaign, back: Iterable[Match], place: Callable[[Ref], Ref]
) -> tuple[list[Grant], int]:
    """The roles of the plan that can be given back now, and of how many people they must wait.

    Only what the plan holds is given, so only power that the backups prove. Whoever somebody put on hold, or of whom only
    doubtful backups tell, gets none before a person has released them.

    Args:
        plan: as it was reviewed.
        campaign: with today's holds.
        back: who is there.
        place: the target's ref of an archived room.
    """
    invitees = {one.member: one for one in campaign.invitees}
    held = {
        member
        for member, one in invitees.items()
        if DOUBTED & set(one.holds) - (set(one.overruled) if one.decided else set())
    }
    there = {one.member: one.account for one in back}
    grants = [
        action
        for action in plan.reveal
        if isinstance(action, Grant)
        and action.member in there
        and there[action.member].places.get(place(action.channel)) == "join"
    ]
    wanted = [action for action in grants if action.member in invitees and action.member not in held]
    return wanted, len({action.member for action in grants} - {action.member for action in wanted})


def mails(campaign: Campaign) -> dict[str, MemberId]:
    """The journal's key of every text that a campaign may have sent -> to whom."""
    steps = ("warning", "hello", "link", "reminder")
    return {message_key(campaign, one.member, step): one.member for one in campaign.invitees for step in steps}


def _local(native: str) -> str:
    """What apps show of an account without a name."""
    return native.removeprefix("@").partition(":")[0]
