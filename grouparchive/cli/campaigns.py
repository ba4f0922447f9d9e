"""What the commands of `invite` share: which campaign is meant, opened with what is so today; and the ways to its people."""

import datetime as dt
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import click

from grouparchive.archive.attended import roster_secrets
from grouparchive.cli.files import make_folder
from grouparchive.cli.surroundings import Opened, Run
from grouparchive.errors import UsageError
from grouparchive.model.plan import CreateChannel, CreateGroup, Plan
from grouparchive.model.ports import Messenger, Pace
from grouparchive.model.records import Member, MemberId, Ref
from grouparchive.people import campaign as campaigns
from grouparchive.people import words
from grouparchive.people.campaign import Campaign, Scope
from grouparchive.people.cards import Cards
from grouparchive.people.journal import Answers, Journal, answer, answers, answers_path, journal_path
from grouparchive.people.pacing import AT_ONCE, SMALL, Lane, Lanes
from grouparchive.people.routes import Route, Router, Way
from grouparchive.people.sending import Live, Sending, WallClock
from grouparchive.people.signed import Signer, sign
from grouparchive.people.steps import Letter, Todo
from grouparchive.platforms import registry
from grouparchive.restore import planfile
from grouparchive.restore.journal import Journal as RestoreJournal
from grouparchive.restore.journal import journal_path as restore_journal

KIND = click.option(
    "--kind",
    type=click.Choice(["invitation", "warning"]),
    help="Invitations to a rebuilt group (of a plan), or a warning to a group's members. Default: by what you name.",
)
WHAT = click.argument("what", metavar="GROUP|PLAN")
_FOLDER: Final = "campaigns"
_HOUR: Final = 3_600_000
_SIGNED: Final = 2  # waves whose links are signed


@dataclass
class Meant:
    """The campaign that a command is about: where it is kept, and the archive behind it."""

    run: Run
    opened: Opened
    scope: Scope
    path: Path
    plan: Plan | None  # of invitations
    plan_path: Path

    @property
    def archive_id(self) -> bytes:
        """Whose archive it is."""
        return self.opened.readers[0].archive_id

    @cached_property
    def secrets(self) -> Mapping[str, bytes]:
        """Those that only they have who opened the people's part: they prove that a campaign is ours, and make codes."""
        return roster_secrets(self.opened.readers[0])

    def earlier(self) -> Campaign | None:
        """The campaign as it was prepared last, if it ever was."""
        if not self.path.exists():
            return None
        key = self.opened.readers[0].key("content")
        return campaigns.load_campaign(self.path, key, self.archive_id, proof=self.secrets["invite"])

    def load(self) -> Campaign:
        """The campaign, with what speaks against it today: restrictions count from any backup, also the newest."""
        found = self.earlier()
        if found is None:
            raise UsageError(
                "nothing is prepared for this yet", hint="Prepare it first: grouparchive invite prepare GROUP|PLAN"
            )
        if (found.plan, found.group) != (self.scope.plan, self.scope.group):
            raise UsageError(
                "the invitations that lie beside this plan belong to another one; nobody was contacted",
                hint="Somebody may have swapped the file. Move it away and run: grouparchive invite prepare PLAN",
            )
        return self.today(found)

    def today(self, found: Campaign) -> Campaign:
        """A campaign with today's holds."""
        return campaigns.as_of_now(found, self.opened.view.people(self.scope.group))

    def save(self, campaign: Campaign) -> None:
        """Keep it, sealed."""
        if self.plan is None:
            make_folder(self.path.parent)
        key = self.opened.readers[0].key("content")
        campaigns.save_campaign(self.path, campaign, key.public, proof=self.secrets["invite"], epoch=key.epoch)

    def journal(self, campaign: Campaign, *, reading: bool = False) -> Journal:
        """What was sent."""
        return Journal(journal_path(self.path), campaign, reading=reading)

    def answers(self, campaign: Campaign) -> Answers:
        """What people answered."""
        return answers(answers_path(self.path), campaign)

    def facts(self, member: MemberId) -> Mapping[tuple[str, str], str]:
        """What counts about somebody."""
        found: Mapping[Any, str] = self.opened.view.standing(member).facts
        return found


def meant(run: Run, what: str, kind: str | None) -> Meant:
    """The campaign that was named.

    Args:
        run: the command's surroundings.
        what: the path of a plan, or a group.
        kind: "invitation", "warning", or None for what the other argument says.

    Raises:
        UsageError: there is no such thing.
    """
    path = Path(what).expanduser()
    if path.is_file():
        readers = run.unlock()
        plan = planfile.load(path, readers[0].key("content"), archive_id=readers[0].archive_id)
        opened = run.fold_as_planned(readers, plan)
        if kind == "warning":
            return _warning(run, opened, plan.group)
        return Meant(run, opened, Scope.of_plan(plan), campaigns.campaign_path(path), plan, path)
    if kind == "invitation":
        raise UsageError(
            "there is no plan at that path, and people are invited to the group of a plan",
            hint="Make and apply one: grouparchive plan GROUP --to NAME -o PLAN",
        )
    opened = run.fold()
    return _warning(run, opened, opened.group(what).ref)


def _warning(run: Run, opened: Opened, group: Ref) -> Meant:
    reader = opened.readers[0]
    name = hashlib.sha256(b"ga1/warning\0" + reader.archive_id + group.encode()).hexdigest()[:16]
    channels = [channel.ref for channel in opened.view.channels(group)]
    scope = Scope.of_group(reader.archive_id.hex(), group, channels)
    return Meant(run, opened, scope, run.profile.folder / _FOLDER / f"{name}.warning", None, Path())


# --- ways ----------------------------------------------------------------------------------------------------------------


def router(here: Meant, campaign: Campaign) -> Router:
    """The ways to people that a campaign has on this machine."""
    target = way(here.run, here.plan.target) if here.plan else None
    cards = Cards(here.secrets["card"], here.archive_id)
    return Router(
        inviting=target if target and "invitation" in target.kinds else None,
        via=tuple(way(here.run, name) for name in campaign.via),
        zone=campaign.zone,
        code=lambda number: cards.card(number).code,
        tag=lambda proof: cards.tag(campaign.key, proof),
    )


def way(run: Run, name: str) -> Way:
    """A source as a way to people.

    Raises:
        UsageError: there is no such source.
    """
    platform = run.profile.source_file(name).platform
    return Way(name, platform, frozenset(registry.load(platform).paces))


def handles_of(here: Meant) -> dict[MemberId, list[Member]]:
    """Who everybody is on each platform."""
    found: dict[MemberId, list[Member]] = {}
    for person, member in here.opened.everybody():
        found.setdefault(person, []).append(member)
    return found


def routes(here: Meant, found: Router) -> Callable[[MemberId], Route | None]:
    """How to reach each person, by what counts now."""
    handles = handles_of(here)

    def route(member: MemberId) -> Route | None:
        person = here.opened.view.canonical(member)
        return found.route(here.facts(person), handles.get(person, ()))

    return route


def lanes(campaign: Campaign, found: Router, journal: Journal | None, *, people: int, paced: bool) -> Lanes:
    """The pacing of a campaign to so many people."""
    paces: dict[Lane, Pace] = {}
    for one in (*found.via, *([found.inviting] if found.inviting else [])):
        for kind, pace in registry.load(one.platform).paces.items():
            paces[f"{one.name}/{kind}"] = pace if paced else AT_ONCE
    sent = list(journal.sent()) if journal else []
    return Lanes(bytes.fromhex(campaign.key), sent, paces=paces, canary=paced and people > SMALL)


@contextmanager
def sending(here: Meant, campaign: Campaign, *, wait: bool, paced: bool) -> Iterator[Sending]:
    """Everything that sending needs, opened."""
    found = router(here, campaign)
    with ExitStack() as stack:
        journal = stack.enter_context(here.journal(campaign))
        messengers: dict[str, Messenger] = {}
        for one in {one.name: one for one in (*found.via, *([found.inviting] if found.inviting else []))}.values():
            messenger = registry.load(one.platform).messenger(here.run.profile.source(one.name))
            stack.callback(messenger.close)
            messengers[one.name] = messenger
        watch = _Watch(here, campaign, found)
        people = sum(not one.held for one in campaign.invitees)
        yield Sending(
            journal=journal,
            live=watch.live,
            stop=watch.stop,
            messengers=messengers,
            routes=watch.route,
            places=stack.enter_context(places(here)),
            letter=lambda todo: _letter(here, campaign, todo),
            lanes=lanes(campaign, found, journal, people=people, paced=paced),
            wait=wait,
        )


class _Watch:
    """Looks whether the archive or the answers changed, and folds anew only then; and every hour, as consent may end."""

    def __init__(self, here: Meant, campaign: Campaign, found: Router) -> None:
        self._here = here
        self._campaign = campaign
        self._router = found
        self._seen: object = None
        self._live: Live | None = None
        self._route = routes(here, found)

    def route(self, member: MemberId) -> Route | None:
        """How to reach somebody now."""
        return self._route(member)

    def live(self) -> Live:
        """What is so now."""
        archives, said = self._state()
        if self._live is None or (archives, said) != self._seen:
            if self._live is not None and archives != self._seen[0]:  # type: ignore[index]
                self._fold()
            campaign = self._here.today(self._campaign)
            self._live = Live(campaign, self._here.answers(self._campaign))
            self._seen = (archives, said)
        return self._live

    def stop(self, why: Literal["flood", "bounces"]) -> None:
        """Nothing more may be sent."""
        answer(answers_path(self._here.path), self._campaign, why)

    def _fold(self) -> None:
        here = self._here
        readers = here.run.again(here.opened.readers)
        here.opened = here.run.fold_as_planned(readers, here.plan) if here.plan else here.run.fold_now(readers)
        self._route = routes(here, self._router)

    def _state(self) -> tuple[tuple[object, ...], object]:
        hour = WallClock().now() // _HOUR
        return (hour, *map(_stat, self._here.run.archive_paths)), _stat(answers_path(self._here.path))


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - the same of a path that is not there
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _letter(here: Meant, campaign: Campaign, todo: Todo) -> Letter:
    """The words of a text. Those of the first two waves have the means to check a signature: their link is signed."""
    step, route = todo.step, todo.route
    if step == "invitation":
        raise ValueError("an invitation has no words")
    if step != "link":
        found = words.render(step, route.language, proof=route.proof if step == "hello" else "", card=route.card)
        return Letter(found.subject, found.text)
    found = words.render(step, route.language, link=campaign.link, by=campaign.link_until)
    if todo.invitee.tier <= _SIGNED:
        signer = Signer(
            secret=here.secrets["invite"], archive_id=here.archive_id, campaign_key=bytes.fromhex(campaign.key)
        )
        found = sign(
            found, signer, address=route.recipient, expires=_end_of(campaign.link_until), step=step,
            language=route.language, link=campaign.link,
        )  # fmt: skip
    return Letter(found.subject, found.text)


def _end_of(day: str) -> int:
    """The last moment of a day, anywhere on earth."""
    end = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC) + dt.timedelta(days=1, hours=12)
    return round(end.timestamp() * 1000)


@contextmanager
def places(here: Meant) -> Iterator[Callable[[Ref], Ref]]:
    """Where an archived room stands now; "" where it was not rebuilt yet."""
    if here.plan is None:
        yield lambda _: ""
        return
    with RestoreJournal(restore_journal(here.plan_path, here.plan), here.plan) as restored:
        yield place_of(here.plan, restored)


def place_of(plan: Plan, restored: RestoreJournal) -> Callable[[Ref], Ref]:
    """As `places`, by an open journal."""
    keys = {one.channel.ref: one.key for one in plan.actions if isinstance(one, CreateGroup | CreateChannel)}

    def place(ref: Ref) -> Ref:
        made = restored.finished(keys[ref]) if ref in keys else None
        return made.ref if made else ""

    return place
