"""What is to be sent next to whom: the campaign, what was sent, and what people answered, folded into a list."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from grouparchive.model.plan import Key
from grouparchive.model.records import Ref
from grouparchive.people.campaign import Campaign, Invitee
from grouparchive.people.journal import DELIVERED, OPEN, Answers, Journal, Word, message_key
from grouparchive.people.pacing import DAY
from grouparchive.people.routes import BY_HAND, Route, Routes

Step: TypeAlias = Literal["invitation", "warning", "hello", "link", "reminder"]
"""The platform's own invitation; a warning; the first message of an invitation, the one with the link, the one reminder."""
REMIND_AFTER: Final = 5 * DAY
_DONE_WITH: Final[tuple[Word, ...]] = ("never", "complaint")


class Letter(NamedTuple):
    """The words of a text message."""

    subject: str
    text: str


class Todo(NamedTuple):
    """One message to send. `place` is the archive's ref of the group or channel of an invitation, "" of a text."""

    key: Key
    invitee: Invitee
    step: Step
    place: Ref
    route: Route


@dataclass(slots=True)
class Round:
    """What can go now, in order; and of how many people what stands in the way: `held`, `unreachable`, `by-hand`, and `waiting`
    (messages that wait for somebody's answer or arrival).
    """

    todo: list[Todo] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def next_round(
    campaign: Campaign,
    journal: Journal,
    answers: Answers,
    routes: Routes,
    *,
    joined: Callable[[Invitee, Route], bool],
    now: int,
) -> Round:
    """What to send.

    Args:
        campaign: with today's holds.
        journal: what was sent.
        answers: what people said.
        routes: how to reach somebody; None where no way leads to them.
        joined: did somebody who was invited to the group join it?
        now: milliseconds.
    """
    found = Round()
    later: list[Todo] = []
    for invitee in campaign.invitees:
        member = invitee.member
        if invitee.held:
            found.counts["held"] += 1
            continue
        if any(answers.said(member, word) for word in _DONE_WITH):
            continue
        route = routes(member)
        back = bool(answers.said(member, "back"))
        if back and (route is None or route.kind != "invitation"):
            continue
        if route is None or route.way == BY_HAND or answers.said(member, "bounced"):
            if not answers.said(member, "by-hand"):
                found.counts["unreachable" if route is None else "by-hand"] += 1
            continue
        if route.kind == "invitation":
            first, more = _invitations(campaign, journal, invitee, route, found.counts, joined, back=back)
        else:
            first, more = _texts(campaign, journal, answers, invitee, route, found.counts, now)
        found.todo += first
        later += more
    found.todo += later
    return found


def _invitations(  # noqa: PLR0917 - one caller
    campaign: Campaign,
    journal: Journal,
    invitee: Invitee,
    route: Route,
    counts: Counter[str],
    joined: Callable[[Invitee, Route], bool],
    *,
    back: bool,
) -> tuple[list[Todo], list[Todo]]:
    """To the group; and, of who has come, to the private channels they were in."""
    todo = [
        Todo(message_key(campaign, invitee.member, place), invitee, "invitation", place, route)
        for place in invitee.places
    ]
    status = {one.place: journal.status(one.key) for one in todo}
    first = [one for one in todo if one.place == campaign.group and status[one.place] in OPEN]
    more = [one for one in todo if one.place != campaign.group and status[one.place] in OPEN]
    if more and not ((back or status[campaign.group] in DELIVERED) and joined(invitee, route)):
        counts["waiting"] += 0 if back else len(more)  # whoever is back by another account is let in there by a person
        more = []
    return ([] if back else first), more


def _texts(  # noqa: PLR0917 - one caller
    campaign: Campaign,
    journal: Journal,
    answers: Answers,
    invitee: Invitee,
    route: Route,
    counts: Counter[str],
    now: int,
) -> tuple[list[Todo], list[Todo]]:
    """A warning, or the first message of an invitation; then the one with the link, or one reminder."""

    def todo(step: Step) -> Todo:
        return Todo(message_key(campaign, invitee.member, step), invitee, step, "", route)

    first = todo("warning" if campaign.kind == "warning" else "hello")
    status = journal.status(first.key)
    by_voice = status in OPEN and bool(answers.said(invitee.member, "by-hand"))
    begin = status in OPEN and not by_voice
    if status == "refused" or (begin and first.step == "hello" and not route.proof):
        # Nothing reaches them there; or nothing in it would tell them that it is not the attacker who writes.
        counts["by-hand"] += not answers.said(invitee.member, "by-hand")
        return [], []
    if begin:
        return [first], []
    if campaign.kind == "warning" or not (by_voice or status in DELIVERED):
        return [], []
    if answers.said(invitee.member, "replied"):
        link = todo("link")
        if journal.status(link.key) in OPEN and not campaign.link:
            counts["waiting"] += 1
        return [], [link] if journal.status(link.key) in OPEN and campaign.link else []
    reminder = todo("reminder")
    if by_voice or journal.status(reminder.key) not in OPEN:  # there is no message to remind them of
        return [], []
    due = journal.time(first.key) + REMIND_AFTER <= now
    counts["waiting"] += not due
    return [], [reminder] if due else []


def pending(campaign: Campaign, journal: Journal) -> Iterator[tuple[Invitee, Ref, Key]]:
    """Invitations of the platform that went out and that nobody has answered, as far as the journal knows."""
    for invitee in campaign.invitees:
        for place in invitee.places:
            key = message_key(campaign, invitee.member, place)
            if journal.status(key) in DELIVERED and journal.note(key) not in {"joined", "declined", "banned"}:
                yield invitee, place, key
