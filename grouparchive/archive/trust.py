"""What counts of the things said about people, and up to where backups can be trusted.

Whoever makes backups can be robbed, so what a commit says about a person is a proposal. It counts once the owner has attended
to it. Only what restricts counts from anyone, at once, until the owner lifts it by name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, get_args

from msgspec.structs import replace

from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.moment import covers
from grouparchive.model.attended import Attended
from grouparchive.model.facts import has_form, restricts, slot_of
from grouparchive.model.plan import Hold, TrustedBy
from grouparchive.model.records import Fact, FactField, MemberId

Slot: TypeAlias = tuple[FactField, str]
"""What a fact is about: field and key."""
_ORDER: Final = {hold: place for place, hold in enumerate(get_args(Hold))}


@dataclass(frozen=True, slots=True)
class Trust:
    """Up to which commits a writer was surely in the right hands. `position` is None where nobody has said; `forks` says from
    which number on there are several chains of a writer, so that none of them is the one that was trusted.
    """

    position: Mapping[str, int] | None = None
    by: TrustedBy = ""
    forks: Mapping[str, int] = field(default_factory=dict)

    def sound(self, commit: CommitInfo) -> bool:
        """Can what this commit tells be believed? Where nobody has said how far, all that is not suspect."""
        forked = commit.seq >= self.forks.get(commit.writer, commit.seq + 1)
        return not (commit.suspect or forked) and (self.position is None or covers(self.position, commit))


def trust_of(
    said: Iterable[Attended],
    given: Mapping[str, int] | None = None,
    forks: Mapping[str, int] | None = None,
    *,
    commits: Iterable[CommitInfo],
) -> Trust:
    """What a person gives now, else what attended statements say together: each may trust more, none less. A statement that
    names the head of a commit which is not among `commits` trusts nothing of that writer: an old seed may have made another.
    """
    if given is not None:
        return Trust(dict(given), "given", forks or {})
    held = {(commit.writer, commit.seq, commit.head.hex()) for commit in commits}
    found: dict[str, int] = {}
    anything = False
    for one in said:
        for writer, seq in one.trusted.items():
            anything = True
            head = one.heads.get(writer)
            if head is None or (writer, seq, head) in held:
                found[writer] = max(seq, found.get(writer, seq))
    return Trust(found, "attended", forks or {}) if anything else Trust(forks=forks or {})


@dataclass(frozen=True, slots=True)
class Standing:
    """One person, for whoever decides about them. `facts`: what counts, {} where nothing was said. `proposals`: what machines
    have written and nobody has attended to since, the oldest first. `confirmed`: an attended statement calls them a member.
    `expired`: of how many things nothing counts any more, because what the owner said had an end.
    """

    facts: Mapping[Slot, str]
    proposals: tuple[Fact, ...]
    confirmed: bool
    expired: int = 0

    def holds(self) -> list[Hold]:
        """What speaks against asking them, of what was said about them."""
        found: list[Hold] = []
        consent = self.facts.get(("consent", "contact"), "")
        if consent != "yes":
            found.append("consent-no" if consent == "no" else "consent-unknown")
        named: tuple[tuple[FactField, Hold], ...] = (
            ("do-not-contact", "do-not-contact"),
            ("minor", "minor"),
            ("hold", "on-hold"),
        )
        return found + [hold for name, hold in named if self.facts.get((name, "")) == "yes"]


def in_order(holds: Iterable[Hold]) -> tuple[Hold, ...]:
    """Holds as they are always listed."""
    return tuple(sorted(set(holds), key=_ORDER.__getitem__))


@dataclass(slots=True)
class _Said:
    """All about one slot of one person."""

    attended: list[tuple[int, Mapping[str, int], Fact]] = field(default_factory=list)  # count, position, fact
    restricted: dict[str, int] = field(default_factory=dict)  # writer -> its newest commit that restricts
    proposed: dict[str, tuple[int, int, Fact]] = field(default_factory=dict)  # writer -> count, seq, fact
    expired: bool = False  # the owner said something that has ended

    def merge(self, other: "_Said") -> None:
        """Take in what was said of the same person under another identity."""
        self.attended = sorted([*self.attended, *other.attended], key=lambda one: one[0])
        self.expired = self.expired or other.expired
        for writer, seq in other.restricted.items():
            self.restricted[writer] = max(seq, self.restricted.get(writer, seq))
        for writer, one in other.proposed.items():
            self.proposed[writer] = max(one, self.proposed.get(writer, one), key=lambda entry: entry[0])

    def counting(self, slot: Slot) -> str:
        """What counts. A restriction that the owner could not see when lifting it counts again."""
        newest = self.attended[-1][2] if self.attended else None
        if newest is not None and restricts(newest):
            return newest.value
        lifts = [position for _, position, fact in self.attended if not restricts(fact)]
        for writer, seq in self.restricted.items():
            if all(position.get(writer, -1) < seq for position in lifts):
                return "no" if slot[0] == "consent" else "yes"
        return newest.value if newest is not None else ""

    def open(self, counting: str) -> list[tuple[int, Fact]]:
        """Proposals that came after the owner last spoke about this, and would change something."""
        return [
            (count, fact)
            for writer, (count, seq, fact) in self.proposed.items()
            if fact.value != counting and all(position.get(writer, -1) < seq for _, position, _ in self.attended)
        ]


class Facts:
    """Filled once, in reading order, then only asked. `now` is in milliseconds: what has expired by then was never said."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._count = 0
        self._people: dict[MemberId, dict[Slot, _Said]] = {}

    def propose(self, person: MemberId, commit: CommitInfo, fact: Fact) -> None:
        """What a commit says."""
        if not self._counts(fact):
            return
        said = self._about(person, fact)
        if restricts(fact):
            said.restricted[commit.writer] = max(commit.seq, said.restricted.get(commit.writer, commit.seq))
        said.proposed.pop(commit.writer, None)  # a machine's last word on something is the one to look at
        if not restricts(fact):
            said.proposed[commit.writer] = (self._count, commit.seq, fact)

    def attend(self, person: MemberId, position: Mapping[str, int], fact: Fact) -> None:
        """What the owner says, having seen the commits of `position`."""
        if self._counts(fact):
            self._about(person, fact).attended.append((self._count, position, fact))
        elif has_form(fact):
            self._about(person, fact).expired = True

    def merge(self, person: MemberId, into: MemberId) -> None:
        """Two identities are one person."""
        for slot, said in self._people.pop(person, {}).items():
            self._people.setdefault(into, {}).setdefault(slot, _Said()).merge(said)

    def same_as(self) -> list[tuple[MemberId, MemberId]]:
        """Who is said to be whom, by the owner."""
        pairs = []
        for person, slots in self._people.items():
            said = slots.get(("same-as", ""))
            if said and said.attended and said.attended[-1][2].value:
                pairs.append((person, said.attended[-1][2].value))
        return pairs

    def standing(self, person: MemberId) -> Standing:
        """What counts for a person, and what waits for the owner."""
        facts: dict[Slot, str] = {}
        waiting: list[tuple[int, Fact]] = []
        expired = 0
        for slot, said in self._people.get(person, {}).items():
            counting = said.counting(slot)
            if counting:
                facts[slot] = counting
            expired += said.expired and not said.attended and not counting
            waiting += [(count, replace(fact, member=person)) for count, fact in said.open(counting)]
        waiting.sort(key=lambda one: one[0])
        return Standing(facts, tuple(fact for _, fact in waiting), facts.get(("member", "")) == "yes", expired)

    def _counts(self, fact: Fact) -> bool:
        return has_form(fact) and not (fact.until and fact.until <= self._now)

    def _about(self, person: MemberId, fact: Fact) -> _Said:
        self._count += 1
        return self._people.setdefault(person, {}).setdefault(slot_of(fact), _Said())
