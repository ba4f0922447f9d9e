"""Sends what a campaign has to send, each once, whatever happens in between.

The journal is written before and after each message. What was begun and has no known end is looked up at the platform before
anything is sent again; where the platform cannot tell, it is reported and never sent again by itself. Before each message it is
asked anew what is so: whom nobody may write to any more, and whether everything was stopped.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from grouparchive.errors import Flood, InDoubt, PlatformError, Refused, UsageError
from grouparchive.model.plan import Outcome
from grouparchive.model.ports import Messenger, PersonalMessage
from grouparchive.model.records import Ref
from grouparchive.people.campaign import Campaign, Invitee
from grouparchive.people.journal import DELIVERED, DOUBTFUL, Answers, Journal, Status, message_key
from grouparchive.people.pacing import Lanes, Queue
from grouparchive.people.routes import Route, Routes
from grouparchive.people.steps import Letter, Round, Todo, next_round

ATTEMPTS: Final = 3
"""Times that one message of unknown fate is looked up and, when it did not go out, sent again, within one run."""
SOON: Final = 60_000
"""Milliseconds that a run which is not to wait waits all the same."""
ANSWERED: Final = frozenset({"joined", "declined"})

_NAP: Final = 15_000  # what is so is looked at at least this often while waiting
_AWAY: Final = 3  # failures in a row that are no longer about single addresses
_RECENT, _BAD = 20, 5  # so many of the recent texts refused: the addresses are wrong, or we are taken for spam

Progress: TypeAlias = Callable[[int, int, int], None]
"""progress(messages dealt with, messages to deal with, when the next one goes in milliseconds or 0 for now)"""


class Clock(Protocol):
    """Time, so that a test may have its own."""

    def now(self) -> int:
        """Milliseconds since 1970."""
        ...

    def sleep(self, millis: int) -> None:
        """Wait."""
        ...


class WallClock:
    """The computer's time."""

    def now(self) -> int:
        """Milliseconds since 1970."""
        return int(time.time() * 1000)

    def sleep(self, millis: int) -> None:
        """Wait."""
        time.sleep(millis / 1000)


@dataclass(frozen=True, slots=True)
class Live:
    """What is so now: the campaign with today's holds, and the answers. The same object as long as nothing changed."""

    campaign: Campaign
    answers: Answers


class SendReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did, in messages; `held`, `unreachable` and `by_hand` are people.

    `waiting`: for somebody's answer or arrival; `unsent`: did not go now and may later; `left`: could go, but not yet; `next`:
    when, in milliseconds, 0 for none; `stopped`: why nothing may be sent.
    """

    sent: int = 0
    already: int = 0
    refused: int = 0
    in_doubt: int = 0
    waiting: int = 0
    held: int = 0
    unreachable: int = 0
    by_hand: int = 0
    unsent: int = 0
    left: int = 0
    next: int = 0
    stopped: str = ""


@dataclass(frozen=True, kw_only=True)
class Sending:
    """All that sending needs.

    Attributes:
        journal: what was sent before.
        live: what is so now; asked before each message.
        stop: notes that nothing more may be sent, and why.
        messengers: by the name of their source.
        routes: how to reach somebody now.
        places: the target's ref of an archived group or channel.
        letter: the words of a text.
        lanes: the pacing.
        clock: the time.
        wait: stay until everything has gone; else end when nothing is due soon.
    """

    journal: Journal
    live: Callable[[], Live]
    stop: Callable[[Literal["flood", "bounces"]], None]
    messengers: Mapping[str, Messenger]
    routes: Routes
    places: Callable[[Ref], Ref]
    letter: Callable[[Todo], Letter]
    lanes: Lanes
    clock: Clock = field(default_factory=WallClock)
    wait: bool = True


def send(given: Sending, progress: Progress | None = None) -> SendReport:
    """Send what is due, wave by wave, until nothing is left.

    Raises:
        Flood: a platform objects; nothing more is sent before a person says so.
        PlatformError: a platform does not work now, for several people in a row; run it again later, nothing is sent twice.
        UsageError: the group to invite people to is not there yet.
    """
    return _Run(given).run(progress)


def refresh(given: Sending) -> None:
    """Ask the platforms who of the invited has joined or declined. One request a person; sends nothing. Raises as `send`."""
    run = _Run(given)
    campaign = given.live().campaign
    for invitee in campaign.invitees:
        if given.journal.status(message_key(campaign, invitee.member, campaign.group)) in DELIVERED:
            route = given.routes(invitee.member)
            if route is not None and route.kind == "invitation":
                run.has_joined(invitee, route)


class _Run:
    def __init__(self, given: Sending) -> None:
        self.given = given
        self.counts: Counter[str] = Counter()
        self.tried: set[str] = set()  # each once in a run
        self.recent: dict[str, deque[bool]] = {}
        self.failed = 0  # in a row
        self.campaign = given.live().campaign

    def run(self, progress: Progress | None) -> SendReport:
        live: Live | None = None
        found, queue = Round(), Queue()
        while True:
            now = self.given.clock.now()
            fresh = self.given.live()
            if fresh is not live or not queue.count:
                live, self.campaign = fresh, fresh.campaign
                found, queue = self.round(live, now)
            if live.answers.stopped or not queue.count:
                return self.report(found, left=queue.count, stopped=live.answers.stopped)
            when, index, lane = queue.next(self.given.lanes, now)
            if progress:
                progress(len(self.tried), len(self.tried) + queue.count + (when <= now), when if when > now else 0)
            if when <= now:
                self.one(found.todo[index], lane)
            elif not self.given.wait and when - now > SOON:
                return self.report(found, left=queue.count, next_=when)
            else:
                self.wait(when, live)

    def wait(self, when: int, live: Live) -> None:
        """Until then, or until something changes."""
        while (left := when - self.given.clock.now()) > 0 and self.given.live() is live:
            self.given.clock.sleep(min(left, _NAP))

    def round(self, live: Live, now: int) -> tuple[Round, Queue]:
        found = next_round(
            live.campaign, self.given.journal, live.answers, self.given.routes, joined=self.has_joined, now=now
        )
        found.todo = [one for one in found.todo if one.key not in self.tried]
        queue = Queue()
        for one in found.todo:
            queue.add(one.route.lane, one.route.hours)
        return found, queue

    def report(self, found: Round, *, left: int = 0, next_: int = 0, stopped: str = "") -> SendReport:
        return SendReport(
            sent=self.counts["sent"], already=self.counts["already"], refused=self.counts["refused"],
            in_doubt=self.counts["doubt"], unsent=self.counts["unsent"],
            waiting=found.counts["waiting"], held=found.counts["held"],
            unreachable=found.counts["unreachable"], by_hand=found.counts["by-hand"], left=left, next=next_,
            stopped=stopped,
        )  # fmt: skip

    def one(self, todo: Todo, lane: str) -> None:
        """One message, whatever state an earlier run left it in."""
        self.tried.add(todo.key)
        message = self.message(todo)
        messenger = self.given.messengers[todo.route.way]
        if self.given.journal.status(todo.key) in DOUBTFUL:
            try:
                known = messenger.find(message)
            except NotImplementedError:
                self.note(todo.key, "doubt")
                return
            if known is not None:
                self.note(todo.key, "already", known.note)
                return
        now = self.given.clock.now()
        said = todo.route.tag if todo.step == "hello" else ""
        self.given.journal.write(todo.key, "begun", said, time=now, lane=lane)
        self.given.lanes.note(lane, now)
        self.deliver(messenger, message, lane)

    def deliver(self, messenger: Messenger, message: PersonalMessage, lane: str) -> None:
        """Send it, and look it up whenever its fate is unknown."""
        for _ in range(ATTEMPTS):
            try:
                outcome: Outcome | None = messenger.send(message)
            except Refused:
                self.note(message.key, "refused")
                self.watch(lane, refused=message.kind == "message")
                return
            except InDoubt:
                try:
                    outcome = messenger.find(message)
                except NotImplementedError:
                    break
            except PlatformError as error:
                self.note(message.key, "unsent")
                if isinstance(error, Flood):
                    self.given.stop("flood")
                self.failed += 1
                if isinstance(error, Flood) or self.failed >= _AWAY:
                    raise
                return  # it may be about this one address: the next ones are not to wait for it
            if outcome is not None:
                self.note(message.key, "sent" if outcome.status == "done" else "already", outcome.note)
                self.watch(lane, refused=False)
                self.failed = 0
                return
        self.note(message.key, "doubt")

    def watch(self, lane: str, *, refused: bool) -> None:
        """Stop where too many addresses are refused."""
        recent = self.recent.setdefault(lane, deque(maxlen=_RECENT))
        recent.append(refused)
        if sum(recent) >= _BAD:
            recent.clear()
            self.given.stop("bounces")

    def has_joined(self, invitee: Invitee, route: Route) -> bool:
        """Is somebody who was invited to the group in it? An answer is final: who left again is not asked anew."""
        campaign = self.campaign
        key = message_key(campaign, invitee.member, campaign.group)
        if self.given.journal.note(key) not in ANSWERED:
            message = self.message(Todo(key, invitee, "invitation", campaign.group, route))
            try:
                known = self.given.messengers[route.way].find(message)
            except NotImplementedError:
                known = None
            if known is not None and known.note in ANSWERED:
                self.given.journal.write(key, "already", known.note, time=self.given.clock.now())
        return self.given.journal.note(key) == "joined"

    def note(self, key: str, status: Status, note: str = "") -> None:
        self.given.journal.write(key, status, note, time=self.given.clock.now())
        self.counts[status] += 1

    def message(self, todo: Todo) -> PersonalMessage:
        if todo.step != "invitation":
            words = self.given.letter(todo)
            return PersonalMessage(
                key=todo.key, recipient=todo.route.recipient, kind="message", subject=words.subject, text=words.text
            )
        place = self.given.places(todo.place)
        if not place:
            raise UsageError(
                "the group to invite people to is not there yet",
                hint="Rebuild it first: grouparchive apply PLAN, then send again.",
            )
        return PersonalMessage(key=todo.key, recipient=todo.route.recipient, kind="invitation", place=place)
