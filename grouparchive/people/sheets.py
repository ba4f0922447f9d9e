"""Whom people have to tell by themselves: call sheets for vouchers, and what the admin does by hand. Pure: no page, no file.

A person keeps their number for as long as the campaign has the same people with the same vouchers: numbers and codes come from
the campaign's key, so nothing that is kept says who stands on which sheet, and a sheet that is out of date has another code.
"""

import hmac
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

from grouparchive.crypto import crockford
from grouparchive.crypto.invitation import same_code
from grouparchive.crypto.primitives import lp
from grouparchive.errors import UsageError
from grouparchive.model.records import MemberId
from grouparchive.people.campaign import Campaign, Invitee
from grouparchive.people.journal import DELIVERED, OPEN, Answers, Journal, Word, message_key
from grouparchive.people.pacing import Hours
from grouparchive.people.routes import BY_HAND, Route
from grouparchive.people.words import nearest

MOST: Final = 10
"""People on one sheet: so many calls one person can make, and no more are known when a sheet is found."""
ADMIN: Final = ""
"""Whose sheets those are that go to no voucher."""
_CODE_BYTES, _CODE_LETTERS = 5, 6
_CONTACTS = 2  # ways to one person on a voucher's sheet
_GONE: Final[tuple[Word, ...]] = ("never", "complaint", "back")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_NAME = re.compile(r"@?([A-Za-z][A-Za-z0-9_]{3,31})")

Task: TypeAlias = Literal["call", "warning", "hello", "link"]
"""What is to be done: call somebody, or write the message of that step to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What counts about somebody today. Lives in memory only.

    `voucher` is who knows them, "" for nobody; `contacts` are addresses by channel, the best first; `route` is how the campaign
    reaches them.
    """

    name: str = field(repr=False)
    voucher: MemberId = ""
    language: str = ""
    zone: str = ""
    contacts: Mapping[str, str] = field(default_factory=dict, repr=False)
    route: Route | None = None


class Line(NamedTuple):
    """One person on a sheet. `proof` is the word to say, or with `card` the code of their card; "" where a voice has to do."""

    number: int
    member: MemberId
    name: str
    contacts: tuple[tuple[str, str], ...]  # channel and address
    language: str
    hours: Hours | None
    proof: str = ""
    card: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet. `voucher` gets it (ADMIN: the admin does); `people` is how many share its code and numbers; `language` and
    `zone` are of whoever calls, or, of what the admin writes, `language` is that of the text.
    """

    code: str
    voucher: MemberId
    people: int
    task: Task
    language: str
    zone: str = ""
    card: bool = False
    lines: tuple[Line, ...] = field(repr=False)


class Made(NamedTuple):
    """All sheets, and how many people stand on none because nothing is known by which to reach them."""

    sheets: tuple[Sheet, ...]
    unreachable: int


def make_sheets(campaign: Campaign, journal: Journal, answers: Answers, known: Callable[[MemberId], Known]) -> Made:
    """The sheets of today: first the vouchers', then the admin's.

    On none stands who is on hold, wants no more, is back, was told, or was reached by a message whose address did not give it
    back. A voucher who is not in the campaign, on hold, or wants no more gets none: their people are the admin's.

    Args:
        campaign: with today's holds.
        journal: what was sent.
        answers: what people said.
        known: what counts about somebody.
    """
    people = {one.member: known(one.member) for one in campaign.invitees}
    asked = {one.member for one in campaign.invitees if not one.held and not _said(answers, one.member, _GONE)}
    rolls = _Rolls(campaign, {member: one.voucher for member, one in people.items()})
    calls: dict[MemberId, list[Line]] = {}
    mine: dict[tuple[Task, str, bool], list[Line]] = {}
    unreachable = 0
    for invitee in campaign.invitees:
        if invitee.member not in asked:
            continue
        it = _State(campaign, journal, answers, invitee, people[invitee.member])
        voucher = it.known.voucher
        has_voucher = voucher in asked and voucher != invitee.member
        if has_voucher and it.open:
            calls.setdefault(voucher, []).append(it.line(rolls.number(voucher, invitee.member), most=_CONTACTS))
        task = it.task
        if task is None or (has_voucher and task != "link"):
            continue
        line = it.line(rolls.number(ADMIN, invitee.member))
        if line.contacts:
            mine.setdefault((task, nearest(line.language), task == "hello" and line.card), []).append(line)
        else:
            unreachable += 1
    made = [
        Sheet(
            code=rolls.code(voucher), voucher=voucher, people=len(rolls.of(voucher)), task="call", lines=part,
            language=nearest(people[voucher].language), zone=people[voucher].zone,
        )
        for voucher in sorted(calls, key=rolls.code)
        for part in _parts(calls[voucher])
    ]  # fmt: skip
    made += [
        Sheet(
            code=rolls.code(ADMIN), voucher=ADMIN, people=len(rolls.of(ADMIN)), task=task, language=language, card=card,
            lines=part,
        )
        for task, language, card in sorted(mine)
        for part in _parts(mine[task, language, card])
    ]  # fmt: skip
    return Made(tuple(made), unreachable)


def people_of(
    campaign: Campaign, vouchers: Mapping[MemberId, MemberId], code: str, numbers: Collection[str]
) -> list[MemberId]:
    """Who stands at these numbers of the sheets with a code.

    Args:
        campaign: with today's holds.
        vouchers: who knows whom today; "" for nobody.
        code: as a person typed it.
        numbers: likewise.

    Raises:
        UsageError: there is no sheet with this code, or none of these numbers on it. Nothing is guessed.
    """
    rolls = _Rolls(campaign, vouchers)
    roll = next((rolls.of(one) for one in rolls if same_code(rolls.code(one), code)), None)
    if roll is None:
        raise UsageError(
            "no sheet of today has this code: it is mistyped, or who knows whom has changed since it was printed",
            hint="Compare the code. For an old sheet, name the people by their handles, and print new sheets.",
        )
    held = {one.member for one in campaign.invitees if one.held}
    found: list[MemberId] = []
    for number in numbers:
        at = int(number) if re.fullmatch("[0-9]{1,6}", number) else 0
        if not 1 <= at <= len(roll) or roll[at - 1] in held:
            raise UsageError(
                "one of the numbers is not on this sheet; nothing was noted",
                hint="Numbers stand before the people, such as: --sheet CODE 1 3 4",
            )
        found.append(roll[at - 1])
    return list(dict.fromkeys(found))


def links(channel: str, address: str) -> tuple[str, ...]:
    """Addresses that open a telephone or an app at somebody, the one for writing first; () where there is none. They carry no
    text: what is in such a link may be seen by whoever runs the app.
    """
    number = _dialled(address)
    whole = number if _NUMBER.fullmatch(number) else ""
    name = _NAME.fullmatch(address.strip())
    found = {
        "phone": (number and f"sms:{number}", number and f"tel:{number}"),
        "sms": (number and f"sms:{number}",),
        "whatsapp": (whole and f"https://wa.me/{whole[1:]}",),
        "signal": (whole and f"https://signal.me/#p/{whole}",),
        "telegram": (f"https://t.me/{name[1] if name else whole}" if name or whole else "",),
        "matrix": (f"https://matrix.to/#/{quote(address, safe='@:')}",),
        "mail": (f"mailto:{quote(address, safe='@')}",),
    }
    return tuple(filter(None, found.get(channel, ())))


def _dialled(address: str) -> str:
    bare = re.sub(r"[ ()./-]", "", address)
    bare = f"+{bare[2:]}" if bare.startswith("00") else bare
    return bare if re.fullmatch(r"\+?[0-9]{3,18}", bare) else ""


class _Rolls:
    """Who has which number with whom. Iterating gives all who have a roll, the admin with everybody first."""

    def __init__(self, campaign: Campaign, vouchers: Mapping[MemberId, MemberId]) -> None:
        self._key = bytes.fromhex(campaign.key)
        self._rolls: dict[MemberId, list[MemberId]] = {ADMIN: [one.member for one in campaign.invitees]}
        for one in campaign.invitees:
            if voucher := vouchers.get(one.member, ""):
                self._rolls.setdefault(voucher, []).append(one.member)
        for voucher, members in self._rolls.items():
            members.sort(key=lambda member: self._digest("order", voucher, member))
        self._numbers = {
            voucher: {member: at for at, member in enumerate(members, 1)} for voucher, members in self._rolls.items()
        }

    def __iter__(self) -> Iterator[MemberId]:
        return iter(self._rolls)

    def of(self, voucher: MemberId) -> Sequence[MemberId]:
        return self._rolls[voucher]

    def number(self, voucher: MemberId, member: MemberId) -> int:
        return self._numbers[voucher][member]

    def code(self, voucher: MemberId) -> str:
        digest = self._digest("code", voucher, *self._rolls[voucher])
        return crockford.encode(digest[:_CODE_BYTES])[:_CODE_LETTERS]

    def _digest(self, *what: str) -> bytes:
        return hmac.digest(self._key, b"ga1/sheet" + lp(*(one.encode() for one in what)), "sha256")


class _State:
    """How it stands with one person."""

    def __init__(self, campaign: Campaign, journal: Journal, answers: Answers, invitee: Invitee, known: Known) -> None:
        self.known = known
        self._campaign = campaign
        self._member = invitee.member
        route = known.route
        steps = (campaign.group, "warning", "hello")
        states = {journal.status(message_key(campaign, invitee.member, step)) for step in steps}
        self._bounced = bool(answers.said(invitee.member, "bounced")) or "refused" in states
        self._told = bool(answers.said(invitee.member, "by-hand"))
        self._reached = bool(states & DELIVERED) and not self._bounced
        self._replied = bool(answers.said(invitee.member, "replied"))
        texts = route is not None and route.way != BY_HAND and route.kind == "message" and not self._bounced
        known_by = campaign.kind == "warning" or self._told or self._reached or bool(route and route.proof)
        self._carried = (texts and known_by) or (
            route is not None and route.way != BY_HAND and route.kind == "invitation" and not self._bounced
        )
        hello = journal.status(message_key(campaign, invitee.member, "hello"))
        self._text_says_it = texts and hello in OPEN  # a word is said once: the message will, or may have

    @property
    def open(self) -> bool:
        """Has nobody and nothing told them yet?"""
        return not (self._told or self._reached or self._replied)

    @property
    def link_due(self) -> bool:
        """Did they ask for more, and no source brings it to them?"""
        kind = self._campaign.kind
        return kind == "invitation" and self._replied and not self._carried and bool(self._campaign.link)

    @property
    def task(self) -> Task | None:
        """What the admin has to do by hand, if anything."""
        if self.link_due:
            return "link"
        if not self.open or self._carried:
            return None
        if self._campaign.kind == "warning":
            return "warning"
        return "hello" if self._proof else "call"

    @property
    def _proof(self) -> str:
        route = self.known.route
        said = self._campaign.kind == "warning" or self._text_says_it or route is None
        return "" if said or route is None else route.proof

    def line(self, number: int, *, most: int = MOST) -> Line:
        """What stands on the sheet. An address that gave something back does not."""
        route = self.known.route
        bad = route.channel if route and route.way != BY_HAND and self._bounced else None
        contacts = [(channel, address) for channel, address in self.known.contacts.items() if channel != bad]
        if most < len(contacts):  # who calls does not need a mail address
            contacts.sort(key=lambda one: one[0] == "mail")
        return Line(
            number=number, member=self._member, name=self.known.name, contacts=tuple(contacts[:most]),
            language=self.known.language, hours=route.hours if route else None, proof=self._proof,
            card=bool(route and route.card),
        )  # fmt: skip


def _said(answers: Answers, member: MemberId, words: Sequence[Word]) -> bool:
    return any(answers.said(member, word) for word in words)


def _parts(lines: list[Line]) -> Iterator[tuple[Line, ...]]:
    lines = sorted(lines, key=lambda one: one.number)
    return (tuple(lines[start : start + MOST]) for start in range(0, len(lines), MOST))
