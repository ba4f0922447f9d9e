"""`roster list`: the people of the groups, what counts for them, why they are on hold, and what waits to be confirmed. The
commands that say something about people stand in `roster_facts.py`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import click

from grouparchive.archive.trust import Slot, Standing
from grouparchive.cli import holds
from grouparchive.cli.app import Command, Family
from grouparchive.cli.output import many
from grouparchive.cli.read import AS_OF
from grouparchive.cli.roster_facts import add, called, confirm, set_
from grouparchive.cli.surroundings import Opened, start
from grouparchive.errors import WrongSecret
from grouparchive.model.plan import Person
from grouparchive.model.records import Group


@click.group(cls=Family)
def roster() -> None:
    r"""The people of the groups: how to reach them, what they agree to.

    What a machine adds is a proposal: it counts once you have confirmed it with the archive's secret. Only what protects
    somebody (do not contact, no consent, under age, on hold) counts at once.

    \b
    Example:
      grouparchive roster list --summary
      grouparchive roster add @fern:example.org mail=fern@example.org consent.contact=yes
      grouparchive roster confirm
    """


roster.add_command(add)
roster.add_command(confirm)
roster.add_command(set_)


@roster.command("list", cls=Command)
@click.option("--summary", is_flag=True, help="Counts only, nobody by name.")
@click.option("--group", metavar="G", help="Only this group, by its name or reference.")
@AS_OF
@click.pass_context
def list_(context: click.Context, moment: str, group: str | None, *, summary: bool) -> None:
    r"""List who is in the groups, how to reach them and why they are on hold. Shows names: mind who looks over your shoulder.

    \b
    Example:
      grouparchive roster list --summary
      grouparchive roster list --group "Example group" --as-of 2026-05-01
    """
    run = start(context)
    opened = run.fold(moment)
    if any("roster" not in reader.vaults for reader in opened.readers):
        raise WrongSecret(
            "this secret does not open the list of people", hint="Use the secret that opens both parts of the archive."
        )
    chosen = [opened.group(group)] if group else list(opened.view.groups())
    total = 0
    for one in chosen:
        people = list(opened.view.people(one.ref))
        total += len(people)
        (_summary if summary else _people)(opened, one, people)
    waiting = sum(len(opened.view.standing(person).proposals) for person in opened.view.members)
    if waiting:
        run.output.note(f"{many(waiting, 'proposal')} to confirm: grouparchive roster confirm")
    opened.check_damage()
    run.output.done(people=total, proposals=waiting)


def _summary(opened: Opened, group: Group, people: list[Person]) -> None:
    joined = [person for person in people if _joined(person)]
    levels: Counter[int] = Counter(_level(person) for person in joined)
    bans = len({ban.member for ban in opened.view.bans(group.ref)})
    standings = [opened.view.standing(person.id) for person in joined]
    reachable = sum(_reachable(one, group.platform) for one in standings)
    consenting = sum(one.facts.get(("consent", "contact")) == "yes" for one in standings)
    proposals = sum(len(one.proposals) for one in standings)
    held = Counter(hold for person in joined for hold in person.holds)
    opened.output.line(f"{group.name or group.ref}: {many(len(joined), 'member')}, {bans:,} banned")
    for level, count in sorted(levels.items(), reverse=True):
        opened.output.line(f"  power {level}: {count:,}")
    opened.output.line(f"  {reachable:,} reachable outside {group.platform}, {consenting:,} with consent to be asked")
    if proposals:
        opened.output.line(f"  {many(proposals, 'proposal')} to confirm")
    for hold in holds.in_order(held):
        opened.output.line(f"  on hold: {held[hold]:,}, {holds.WORDS[hold]}")  # type: ignore[index]
    opened.output.event(
        "summary",
        group=group.ref,
        members=len(joined),
        banned=bans,
        levels={str(level): count for level, count in sorted(levels.items())},
        reachable=reachable,
        consenting=consenting,
        proposals=proposals,
        holds=held,
    )


def _people(opened: Opened, group: Group, people: list[Person]) -> None:
    channels = {channel.ref: channel.name or channel.ref for channel in opened.view.channels(group.ref)}
    rows = []
    for person in sorted(people, key=lambda one: (-_level(one), one.id)):
        member = opened.view.members.get(person.id)
        others = [one.native for one in opened.view.others.get(person.id, ())]
        standing = opened.view.standing(person.id)
        places = [channels.get(one.channel, one.channel) for one in person.memberships if one.state == "join"]
        rows.append(
            (
                person.id,
                ", ".join([member.native if member else "", *others]),
                member.name if member else "",
                _level(person),
                ", ".join(places),
                ", ".join(f"{channel} {address}" for channel, address in _contacts(standing.facts).items()),
                ", ".join(person.holds),
                ", ".join(called(fact) for fact in standing.proposals),
            )
        )
        opened.output.event(
            "person",
            group=group.ref,
            id=person.id,
            native=member.native if member else "",
            others=others,
            name=member.name if member else "",
            level=_level(person),
            channels=[one.channel for one in person.memberships if one.state == "join"],
            contacts=_contacts(standing.facts),
            consent={key: value for (field, key), value in standing.facts.items() if field == "consent"},
            holds=person.holds,
            proposals=[called(fact) for fact in standing.proposals],
        )
    opened.output.line(f"{group.name or group.ref}: {f'{len(people):,} people'}")
    if rows:
        head = ["id", "handle", "name", "power", "rooms", "contacts", "on hold for", "to confirm"]
        empty = {at for at in range(5, len(head)) if not any(row[at] for row in rows)}
        opened.output.table(_without(head, empty), [_without(row, empty) for row in rows])


def _without(row: Iterable[object], columns: set[int]) -> list[str]:
    return [cell for at, cell in enumerate(row) if at not in columns]  # type: ignore[misc]


def _contacts(facts: Mapping[Slot, str]) -> dict[str, str]:
    return {key: value for (field, key), value in facts.items() if field == "contact"}


def _reachable(standing: Standing, platform: str) -> bool:
    """Could this person be asked by another way, if the platform were gone?"""
    refused = {"consent-no", "do-not-contact"}.intersection(standing.holds())
    return not refused and any(channel != platform for channel in _contacts(standing.facts))


def _level(person: Person) -> int:
    return max((one.level for one in person.memberships), default=0)


def _joined(person: Person) -> bool:
    return any(one.state == "join" for one in person.memberships)
