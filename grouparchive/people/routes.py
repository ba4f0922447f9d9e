"""How a person is reached now: by which source, at which address, when, and with which proof that it is really us.

Only what the owner has confirmed counts. An address of a person lives in memory and goes into no file.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from grouparchive.model.records import Member, MemberId
from grouparchive.people.pacing import Hours, Lane, hours_of

BY_HAND: Final = ""
"""The way of people whom only a person can tell."""

_CHANNELS: Final = {"smtp": "mail"}  # platform -> the channel whose addresses it takes; else they are called the same
_BY_HAND: Final = ("phone", "signal", "whatsapp", "telegram", "mail", "matrix")  # whoever calls finds the first one
_NUMBERS: Final = frozenset({"whatsapp", "signal", "telegram"})  # platforms on which a handle may be a telephone number


class Way(NamedTuple):
    """A source that can carry something. `kinds`: what its messenger may be asked for."""

    name: str
    platform: str
    kinds: frozenset[Literal["invitation", "message"]]

    @property
    def channel(self) -> str:
        """What its addresses are called in the roster."""
        return _CHANNELS.get(self.platform, self.platform)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How one person is reached. Lives in memory only.

    `way` is the name of a source, or BY_HAND; `kind` what its messenger is asked for; `channel` what `recipient` is an address
    of; `proof` the word agreed with them, or the code of their card.
    """

    way: str
    lane: Lane
    kind: Literal["invitation", "message"]
    channel: str
    recipient: str = field(repr=False)
    language: str = ""
    proof: str = field(default="", repr=False)
    card: bool = False  # the proof is the code of a card
    tag: str = ""  # what a journal keeps of the proof
    hours: Hours | None = None


Routes: TypeAlias = Callable[[MemberId], Route | None]
"""routes(member): how to reach somebody now; None where no way leads to them."""


def contacts(facts: Mapping[tuple[str, str], str], handles: Iterable[Member]) -> dict[str, str]:
    """The addresses of somebody by channel, as a person would try them: first the one that they wished for."""
    found = {one.platform: one.native for one in handles if one.platform in _NUMBERS and one.native.startswith("+")}
    found |= {key: value for (name, key), value in facts.items() if name == "contact" and value}
    order = dict.fromkeys((facts.get(("channel", ""), ""), *_BY_HAND, *sorted(found)))
    return {channel: found[channel] for channel in order if channel in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Finds the way to a person.

    Attributes:
        inviting: the source that invites to the rebuilt group; None for a warning.
        via: the sources that carry texts, the preferred one first.
        zone: tells day from night for people of whom no zone is known; "" leaves their hours open.
        code: the code of a card, by its number.
        tag: what a journal keeps of a word or code: tells neither.
    """

    inviting: Way | None = None
    via: tuple[Way, ...] = ()
    zone: str = ""
    code: Callable[[int], str] = lambda _: ""
    tag: Callable[[str], str] = lambda _: ""

    def proofs(self, facts: Mapping[tuple[str, str], str]) -> dict[Literal["word", "card"], str]:
        """What tells somebody that it is us: the word agreed with them, and the code of their card."""
        word, card = facts.get(("word", ""), ""), facts.get(("card", ""), "")
        found: dict[Literal["word", "card"], str] = {"word": word} if word else {}
        return found | ({"card": self.code(int(card))} if card.isdecimal() else {})

    def route(self, facts: Mapping[tuple[str, str], str], handles: Iterable[Member]) -> Route | None:
        """The way to somebody.

        Args:
            facts: what counts about them, by field and key.
            handles: who they are on which platform.
        """
        handles = tuple(handles)
        addresses = {one.platform: one.native for one in handles}
        elsewhere = contacts(facts, handles)
        addresses |= elsewhere
        ways: list[tuple[Way, Literal["invitation", "message"]]] = (
            [(self.inviting, "invitation")] if self.inviting else []
        )
        ways += [(way, "message") for way in self.via if "message" in way.kinds]
        wished = facts.get(("channel", ""), "")
        ways.sort(key=lambda one: one[0].channel != wished)  # the order stays otherwise
        known = next(((way, kind) for way, kind in ways if addresses.get(way.channel)), None)
        if known is not None:
            way, kind = known
            return self._route(facts, way.name, f"{way.name}/{kind}", kind, way.channel, addresses[way.channel])
        channel = next(iter(elsewhere), "")
        if channel or facts.get(("voucher", "")):
            return self._route(facts, BY_HAND, "", "message", channel, elsewhere.get(channel, ""))
        return None

    def _route(  # noqa: PLR0917 - two callers
        self, facts: Mapping[tuple[str, str], str], way: str, lane: Lane, kind: Literal["invitation", "message"],
        channel: str, recipient: str,
    ) -> Route:  # fmt: skip
        kind_of, proof = next(iter(self.proofs(facts).items()), ("word", ""))
        return Route(
            way=way,
            lane=lane,
            kind=kind,
            channel=channel,
            recipient=recipient,
            language=facts.get(("language", ""), ""),
            proof=proof,
            card=kind_of == "card",
            tag=self.tag(proof) if proof else "",
            hours=hours_of(facts.get(("hours", ""), ""), facts.get(("zone", ""), ""), self.zone),
        )
