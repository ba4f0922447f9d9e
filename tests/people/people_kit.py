"""A made-up campaign: people, ways to them, a clock that a test turns, and a mail server in memory."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from grouparchive.errors import PlatformError
from grouparchive.model.plan import Outcome, Person
from grouparchive.model.ports import Pace, PersonalMessage
from grouparchive.model.records import Membership
from grouparchive.people.campaign import EVERYONE, Campaign, Scope, as_of_now, prepare
from grouparchive.people.journal import Journal, answer, answers
from grouparchive.people.pacing import SMALL, Hours, Lanes
from grouparchive.people.routes import Route
from grouparchive.people.sending import Live, Sending, SendReport, send
from grouparchive.people.steps import Letter

GROUP = "!group"
BEGIN = 1_772_000_000_000  # a Wednesday, 06:13 UTC
PACE = Pace(pause=60, days=(50, 100))


class Clock:
    """Goes when it is slept on."""

    def __init__(self, at: int = BEGIN) -> None:
        self.at = at
        self.slept: Callable[[], None] = lambda: None

    def now(self) -> int:
        return self.at

    def sleep(self, millis: int) -> None:
        assert millis > 0
        self.at += millis
        self.slept()


class Post:
    """A messenager over text messages that keeps what it delivered and when."""

    platform = "post"

    def __init__(self, clock: Clock, *, takes: int = 0) -> None:
        self.clock = clock
        self.takes = takes
        self.delivered: list[tuple[int, PersonalMessage]] = []
        self.trouble: Mapping[int, Exception] = {}  # by how many were tried before
        self.tried = 0

    def send(self, message: PersonalMessage) -> Outcome:
        self.clock.at += self.takes
        self.tried += 1
        if trouble := self.trouble.get(self.tried - 1):
            raise trouble
        self.delivered.append((self.clock.at, message))
        return Outcome(status="done", note="sent")

    def find(self, message: PersonalMessage) -> Outcome | None:
        raise NotImplementedError

    def close(self) -> None:
        pass

    @property
    def whom(self) -> list[str]:
        return [message.recipient for _, message in self.delivered]


def member(number: int) -> str:
    return f"{number:032x}"


def crowd(count: int, *, level: Callable[[int], int] = lambda _: 0) -> list[Person]:
    return [
        Person(id=member(at), memberships=(Membership(channel=GROUP, member=member(at), level=level(at)),))
        for at in range(count)
    ]


def campaign(people: list[Person], *, kind: str = "warning", **more: Any) -> Campaign:
    scope = Scope("ab" * 32, GROUP, "" if kind == "warning" else "cd" * 32, (), frozenset({GROUP}))
    made = prepare(scope, people, [], release=EVERYONE, now=BEGIN)
    return msgspec.structs.replace(made, key="11" * 32, **more)


class Campaigning:
    """A campaign on the disk, sent to people by text messages of one way.

    Attributes:
        people: as they are now; a test that puts somebody on hold puts a new list here.
        hours: when each may be written to.
        proof: the word agreed with them.
    """

    def __init__(
        self, folder: Path, people: list[Person], *, kind: str = "warning", pace: Pace = PACE, **more: Any
    ) -> None:
        self.folder = folder
        self.people = people
        self.campaign = campaign(people, kind=kind, **more)
        self.clock = Clock()
        self.post = Post(self.clock)
        self.pace = pace
        self.hours: Callable[[int], Hours | None] = lambda _: None
        self.ways: Callable[[int], str] = lambda _: "post"
        self.proof = "lantern"
        self.stopped: list[str] = []
        self._live: Live | None = None
        self._seen: object = None

    @property
    def answers_path(self) -> Path:
        return self.folder / "answers"

    def answer(self, word: Any, *numbers: int) -> None:
        answer(self.answers_path, self.campaign, word, [member(one) for one in numbers] if numbers else None)

    def journal(self) -> Journal:
        return Journal(self.folder / "journal", self.campaign)

    def live(self) -> Live:
        size = self.answers_path.stat().st_size if self.answers_path.exists() else 0
        if self._live is None or self._seen != (size, id(self.people)):
            self._seen = (size, id(self.people))
            self._live = Live(as_of_now(self.campaign, self.people), answers(self.answers_path, self.campaign))
        return self._live

    def stop(self, why: Any) -> None:
        self.stopped.append(why)
        self.answer(why)

    def route(self, one: str) -> Route | None:
        number = int(one, 16)
        way = self.ways(number)
        return Route(
            way=way, lane=f"{way}/message", kind="message", channel="mail", recipient=f"{number}@example.org",
            proof=self.proof, tag=f"tag of {self.proof}" if self.proof else "", hours=self.hours(number),
        )  # fmt: skip

    def lanes(self, journal: Journal | None = None, *, names: tuple[str, ...] = ("post",)) -> Lanes:
        return Lanes(
            bytes.fromhex(self.campaign.key), journal.sent() if journal else (),
            paces={f"{name}/message": self.pace for name in names}, canary=len(self.people) > SMALL,
        )  # fmt: skip

    def send(self, *, wait: bool = True, messengers: Mapping[str, Any] | None = None) -> SendReport:
        with self.journal() as journal:
            names = tuple(messengers or {"post": self.post})
            return send(
                Sending(
                    journal=journal, live=self.live, stop=self.stop, messengers=messengers or {"post": self.post},
                    routes=self.route, places=lambda ref: ref, lanes=self.lanes(journal, names=names), clock=self.clock,
                    letter=lambda todo: Letter(todo.step, f"{todo.step} {todo.route.proof}"), wait=wait,
                )
            )  # fmt: skip


def unreliable(count: int, share: float, seed: int = 1) -> dict[int, Exception]:
    """Which tries of a messenger fail."""
    dice = random.Random(seed)
    return {at: PlatformError("the server is away") for at in range(count) if dice.random() < share}
