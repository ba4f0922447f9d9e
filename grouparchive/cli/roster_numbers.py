"""How many could be reached if the platforms were gone: the roster as numbers, nobody by name."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from grouparchive.archive.trust import Standing
from grouparchive.cli import holds
from grouparchive.cli.output import Output, many
from grouparchive.model.plan import Hold


@dataclass(slots=True)
class Numbers:
    """Counts of people. `reachable`: by a contact that is none of their groups' platforms, and nothing forbids asking them;
    `channels`: by which, one person perhaps by several. `consent`: to be asked: "yes", "no", "unknown".
    """

    members: int = 0
    reachable: int = 0
    channels: Counter[str] = field(default_factory=Counter)
    consent: Counter[str] = field(default_factory=Counter)
    proofs: int = 0
    vouchers: int = 0
    minors: int = 0
    refused: int = 0
    expired: int = 0
    proposals: int = 0
    holds: Counter[Hold] = field(default_factory=Counter)

    def count(self, standing: Standing, holds_: Iterable[Hold], platforms: Collection[str]) -> None:
        """Take in one person, of groups on these platforms."""
        facts = standing.facts
        found = outside(standing, platforms)
        self.members += 1
        self.reachable += bool(found)
        self.channels.update(found)
        self.consent[facts.get(("consent", "contact")) or "unknown"] += 1
        self.proofs += bool(facts.get(("word", "")) or facts.get(("card", "")))
        self.vouchers += bool(facts.get(("voucher", "")))
        self.minors += facts.get(("minor", "")) == "yes"
        self.refused += facts.get(("do-not-contact", "")) == "yes"
        self.expired += standing.expired
        self.proposals += len(standing.proposals)
        self.holds.update(holds_)

    def fields(self) -> dict[str, object]:
        """For a script."""
        return {
            "members": self.members,
            "reachable": self.reachable,
            "channels": dict(sorted(self.channels.items())),
            "consent": {one: self.consent[one] for one in ("yes", "unknown", "no")},
            "consenting": self.consent["yes"],
            "proofs": self.proofs,
            "vouchers": self.vouchers,
            "minors": self.minors,
            "do_not_contact": self.refused,
            "expired": self.expired,
            "proposals": self.proposals,
            "holds": {one: self.holds[one] for one in holds.in_order(self.holds)},  # type: ignore[index]
        }

    def tell(self, output: Output) -> None:
        """For a person, but for the first line."""
        channels = sorted(self.channels.items(), key=lambda one: (-one[1], one[0]))
        for channel, count in channels:
            output.line(f"  by {channel}: {count:,}")
        consent = self.consent
        output.line(
            f"  consent to be asked: {consent['yes']:,} yes, {consent['unknown']:,} unknown, {consent['no']:,} no"
        )
        for count, words in (
            (self.proofs, "with a word or a card, so that they know the message is yours"),
            (self.vouchers, "with somebody who vouches for them"),
            (self.minors, "under age"),
            (self.refused, "not to be contacted"),
        ):
            output.line(f"  {count:,} {words}")
        for hold in holds.in_order(self.holds):
            output.line(f"  on hold: {self.holds[hold]:,}, {holds.WORDS[hold]}")  # type: ignore[index]
        if self.expired:
            output.line(f"  {many(self.expired, 'fact')} expired: ask again")
        if self.proposals:
            output.line(f"  {many(self.proposals, 'proposal')} to confirm")


def outside(standing: Standing, platforms: Collection[str]) -> list[str]:
    """By which ways somebody could be asked if these platforms were gone. A second mail address is no second way."""
    if {"consent-no", "do-not-contact"}.intersection(standing.holds()):
        return []
    ways = {_way(key) for name, key in standing.facts if name == "contact"}
    return sorted(ways.difference(platforms))


def _way(key: str) -> str:
    name, _, number = key.rpartition("-")
    return name if number.isdecimal() and name else key
