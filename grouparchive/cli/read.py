"""Looking inside: `groups`, `search`, `roster`. Each unlocks, prints and forgets; nothing is written to the disk."""

from collections import Counter

import click

from grouparchive.archive.search import search as search_archive
from grouparchive.archive.suppressed import Hidden
from grouparchive.cli.app import Command, Family
from grouparchive.cli.output import many, one_line
from grouparchive.cli.surroundings import Opened, start
from grouparchive.cli.times import when
from grouparchive.errors import WrongSecret
from grouparchive.model.plan import Person
from grouparchive.model.records import Group

_AS_OF = click.option(
    "--as-of", "moment", default="", metavar="T", help="As it was then: 2026-05-01T12:00, or a commit's number."
)


@click.command(cls=Command)
@_AS_OF
@click.pass_context
def groups(context: click.Context, moment: str) -> None:
    r"""List the groups in the archive.

    \b
    Example:
      grouparchive groups
      grouparchive groups --as-of 2026-05-01T12:00
    """
    run = start(context)
    opened = run.fold(moment)
    found = list(opened.view.groups())
    rows = []
    for group in found:
        channels = len(list(opened.view.channels(group.ref)))
        rows.append((group.name or "(no name)", group.platform, group.origin, channels, group.ref))
        run.output.event(
            "group", ref=group.ref, name=group.name, platform=group.platform, origin=group.origin, channels=channels
        )
    if rows:
        run.output.table(["group", "platform", "origin", "rooms", "reference"], rows)
    else:
        run.output.line("There is no group in the archive at that moment.")
    opened.check_damage()
    run.output.done(groups=len(rows))


@click.command(cls=Command)
@click.argument("words", nargs=-1, required=True)
@click.option("--group", metavar="G", help="Only in this group, by its name or reference.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="Stop after so many.")
@click.pass_context
def search(context: click.Context, words: tuple[str, ...], group: str | None, limit: int) -> None:
    r"""Search all posts for words, in any script.

    A post must hold all of them. What was edited or deleted later is found too.

    \b
    Example:
      grouparchive search meeting tuesday
      grouparchive search lantern --group "Example group"
    """
    run = start(context)
    channels = None
    hits = 0
    if group:
        opened = run.fold()
        channels = {channel.ref for channel in opened.view.channels(opened.group(group).ref)}
        readers = opened.readers
    else:
        readers = run.unlock()
    opener = run.opener(readers)
    hidden = Hidden(readers)
    for reader in readers:
        for _, hit in search_archive(reader, list(words), channels=channels, open_message=opener, hidden=hidden):
            hits += 1
            run.output.line(f"{when(hit.time)}  {hit.author[:8] or '-':8}  {one_line(hit.text, 160)}")
            run.output.event("hit", time=hit.time, channel=hit.channel, ref=hit.ref, author=hit.author, text=hit.text)
            if hits >= limit:
                break
        if hits >= limit:
            run.output.note(f"Stopped after {many(limit, 'post')}. There may be more: see --limit.")
            break
    if not hits:
        run.output.line("No post holds these words.")
    for reader in readers:
        reader.check()
    run.output.done(hits=hits)


@click.group(cls=Family)
def roster() -> None:
    r"""The people of the groups.

    \b
    Example:
      grouparchive roster list --summary
    """


@roster.command("list", cls=Command)
@click.option("--summary", is_flag=True, help="Counts only, nobody by name.")
@click.option("--group", metavar="G", help="Only this group, by its name or reference.")
@_AS_OF
@click.pass_context
def list_(context: click.Context, moment: str, group: str | None, *, summary: bool) -> None:
    r"""List who is in the groups, with handles and powers. Shows names: mind who looks over your shoulder.

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
        if summary:
            _summary(opened, one, people)
        else:
            _people(opened, one, people)
    opened.check_damage()
    run.output.done(people=total)


def _summary(opened: Opened, group: Group, people: list[Person]) -> None:
    levels: Counter[int] = Counter(_level(person) for person in people if _joined(person))
    bans = len({ban.member for ban in opened.view.bans(group.ref)})
    opened.output.line(f"{group.name or group.ref}: {many(sum(levels.values()), 'member')}, {bans:,} banned")
    for level, count in sorted(levels.items(), reverse=True):
        opened.output.line(f"  power {level}: {count:,}")
    opened.output.event(
        "summary",
        group=group.ref,
        members=sum(levels.values()),
        banned=bans,
        levels={str(level): count for level, count in sorted(levels.items())},
    )


def _people(opened: Opened, group: Group, people: list[Person]) -> None:
    channels = {channel.ref: channel.name or channel.ref for channel in opened.view.channels(group.ref)}
    rows = []
    for person in sorted(people, key=lambda one: (-_level(one), one.id)):
        member = opened.view.members.get(person.id)
        places = [channels.get(one.channel, one.channel) for one in person.memberships if one.state == "join"]
        rows.append(
            (
                person.id,
                member.native if member else "",
                member.name if member else "",
                _level(person),
                ", ".join(places),
            )
        )
        opened.output.event(
            "person",
            group=group.ref,
            id=person.id,
            native=member.native if member else "",
            name=member.name if member else "",
            level=_level(person),
            channels=[one.channel for one in person.memberships if one.state == "join"],
        )
    opened.output.line(f"{group.name or group.ref}: {f'{len(people):,} people'}")
    if rows:
        opened.output.table(["id", "handle", "name", "power", "rooms"], rows)


def _level(person: Person) -> int:
    return max((one.level for one in person.memberships), default=0)


def _joined(person: Person) -> bool:
    return any(one.state == "join" for one in person.memberships)
