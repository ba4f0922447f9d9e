"""`roster list`: the people of the groups, what counts for them, why they are on hold, and what waits to be confirmed. The
commands that say something about people stand in `roster_facts.py`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import click

from grouparchive.archive.trust import Slot
from grouparchive.cli.app import Command, Family
from grouparchive.cli.output import many
from grouparchive.cli.read import AS_OF
from grouparchive.cli.roster_consent import consent
from grouparchive.cli.roster_facts import add, called, confirm, set_
from grouparchive.cli.roster_import import import_
from grouparchive.cli.roster_numbers import Numbers
from grouparchive.cli.surroundings import Opened, start
from grouparchive.errors import WrongSecret
from grouparchive.model.plan import Hold, Person
from grouparchive.model.records import Group, MemberId, Ref


@click.group(cls=Family)
def roster() -> None:
    r"""The people of the groups: how to reach them, what they agree to.

    What a machine adds is a proposal: it counts once you have confirmed it with the archive's secret. Only what protects
    somebody (do not contact, no consent, under age, on hold) counts at once.

    \b
    Example:
      grouparchive roster list --summary
      grouparchive roster consent --language en
      grouparchive roster import answers.csv --column "consent.contact=May we write to you if the group is lost?"
      grouparchive roster add @fern:example.org mail=fern@example.org consent.contact=yes
      grouparchive roster confirm
    """


roster.add_command(add)
roster.add_command(confirm)
roster.add_command(consent)
roster.add_command(import_)
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
    told = [(one, list(opened.view.people(one.ref))) for one in chosen]
    noted = [] if group else _noted(opened, {person.id for _, people in told for person in people})
    if summary:
        _total(opened, told, noted)
    for one, people in told:
        (_summary if summary else _people)(opened, one, people)
    if noted and not summary:
        _people(opened, None, noted)
    waiting = sum(len(opened.view.standing(person).proposals) for person in opened.view.members)
    if waiting:
        run.output.note(f"{many(waiting, 'proposal')} to confirm: grouparchive roster confirm")
    opened.check_damage()
    run.output.done(people=sum(len(people) for _, people in told) + len(noted), proposals=waiting)


def _noted(opened: Opened, grouped: set[MemberId]) -> list[Person]:
    """People of whom something was said, but whom no group has."""
    found = []
    for person in opened.view.members:
        standing = opened.view.standing(person)
        if person not in grouped and (standing.facts or standing.proposals):
            found.append(Person(id=person, memberships=(), holds=tuple(standing.holds())))
    return found


def _total(opened: Opened, told: list[tuple[Group, list[Person]]], noted: list[Person]) -> None:
    """Everybody together, each counted once."""
    platforms: dict[MemberId, set[str]] = {}
    held: dict[MemberId, set[Hold]] = {}
    for group, people in told:
        for person in filter(_joined, people):
            platforms.setdefault(person.id, set()).add(group.platform)
            held.setdefault(person.id, set()).update(person.holds)
    numbers = Numbers()
    for one, where in platforms.items():
        numbers.count(opened.view.standing(one), held[one], where)
    others = Numbers()
    for person in noted:
        others.count(opened.view.standing(person.id), person.holds, ())
    opened.output.line(
        f"If everything vanished today: {many(numbers.members, 'member')}, {numbers.reachable:,} reachable outside."
    )
    numbers.tell(opened.output)
    if noted:
        opened.output.line(
            f"  and noted, but in no group: {others.members:,}, {others.reachable:,} of them reachable; "
            f"{many(others.proposals, 'proposal')} to confirm"
        )
    opened.output.event("total", **numbers.fields(), noted=others.members, noted_reachable=others.reachable)


def _summary(opened: Opened, group: Group, people: list[Person]) -> None:
    joined = [person for person in people if _joined(person)]
    levels: Counter[int] = Counter(_level(person) for person in joined)
    bans = len({ban.member for ban in opened.view.bans(group.ref)})
    numbers = Numbers()
    for person in joined:
        numbers.count(opened.view.standing(person.id), person.holds, {group.platform})
    opened.output.line(f"{group.name or group.ref}: {many(len(joined), 'member')}, {bans:,} banned")
    for level, count in sorted(levels.items(), reverse=True):
        opened.output.line(f"  power {level}: {count:,}")
    opened.output.line(
        f"  {numbers.reachable:,} reachable outside {group.platform}, {numbers.consent['yes']:,} with consent to be asked"
    )
    opened.output.event(
        "summary",
        group=group.ref,
        banned=bans,
        levels={str(level): count for level, count in sorted(levels.items())},
        **numbers.fields(),
    )


def _people(opened: Opened, group: Group | None, people: list[Person]) -> None:
    channels: dict[Ref, str] = {}
    if group:
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
            group=group.ref if group else "",
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
    title = (group.name or group.ref) if group else "In no group, but noted"
    opened.output.line(f"{title}: {'1 person' if len(people) == 1 else f'{len(people):,} people'}")
    if rows:
        head = ["id", "handle", "name", "power", "rooms", "contacts", "on hold for", "to confirm"]
        empty = {at for at in range(5, len(head)) if not any(row[at] for row in rows)}
        opened.output.table(_without(head, empty), [_without(row, empty) for row in rows])


def _without(row: Iterable[object], columns: set[int]) -> list[str]:
    return [cell for at, cell in enumerate(row) if at not in columns]  # type: ignore[misc]


def _contacts(facts: Mapping[Slot, str]) -> dict[str, str]:
    return {key: value for (field, key), value in facts.items() if field == "contact"}


def _level(person: Person) -> int:
    return max((one.level for one in person.memberships), default=0)


def _joined(person: Person) -> bool:
    return any(one.state == "join" for one in person.memberships)
