"""`invite`: warning people, and asking them back. Everyone is on hold until a person decides; each is asked once. The commands
that reach out stand in `invite_send.py`.
"""

import datetime as dt
from collections import Counter
from pathlib import Path

import click
import msgspec

from grouparchive.cli import holds
from grouparchive.cli.app import Command, Family
from grouparchive.cli.campaigns import KIND, WHAT, Meant, lanes, meant, router, routes
from grouparchive.cli.files import read_bounded
from grouparchive.cli.invite_back import reconcile
from grouparchive.cli.invite_send import mark, pause, revoke, send, status
from grouparchive.cli.invite_sheets import sheets
from grouparchive.cli.output import Output, duration
from grouparchive.cli.surroundings import Opened, start
from grouparchive.errors import UsageError
from grouparchive.people import campaign as campaigns
from grouparchive.people import words
from grouparchive.people.campaign import EVERYONE, Campaign, Release
from grouparchive.people.pacing import Queue, estimate, is_zone
from grouparchive.people.routes import BY_HAND, Route
from grouparchive.people.sending import WallClock

_LARGEST_LIST = 64 * 1024 * 1024
_WHY = {
    "own-account": "of the account that made the backups",
    "banned": "banned from the group",
    "not-joined": "never quite in: only invited, or asking",
}


@click.group(cls=Family)
def invite() -> None:
    r"""Warn people, and ask them back into a rebuilt group: quietly, each once.

    The order: prepare (nobody is contacted), decide whom to release, send, look at the status. Warn first: it needs no plan.

    \b
    Example:
      grouparchive invite prepare "Example group" --via post --release all
      grouparchive invite send "Example group"
      grouparchive invite prepare way-back.plan --release friends.txt
      grouparchive invite send way-back.plan
    """


for _command in (send, status, mark, sheets, reconcile, pause, revoke):
    invite.add_command(_command)


@invite.command(cls=Command)
@WHAT
@KIND
@click.option("--release", metavar="all|FILE", help="Whom to release: everyone, or a list, one id or handle a line.")
@click.option(
    "--via", metavar="NAME", multiple=True, help="A source that carries messages, such as your mail. Repeatable."
)
@click.option("--link", metavar="URL", help="Where the second message leads, to those who have answered.")
@click.option("--link-until", metavar="DAY", help="The day after which the link stops working, such as 2027-05-01.")
@click.option("--timezone", metavar="ZONE", help="Tells day from night for people who gave no time zone: Asia/Baku.")
@click.pass_context
def prepare(
    context: click.Context,
    *,
    what: str,
    kind: str | None,
    release: str | None,
    via: tuple[str, ...],
    link: str | None,
    link_until: str | None,
    timezone: str | None,
) -> None:
    r"""Gather whom to ask, and how. Contacts nobody.

    Name a group to warn its members: do not answer messages from my accounts. Name a plan to invite them to its group.

    Everyone is on hold until you release them: all, or those in a file, one id or handle a line. `all` leaves those on hold
    against whom something speaks: under age, say, or only late backups tell of them. Those whom you know you can release by a
    list. Whoever is banned or does not want to be asked is never asked. The decision is kept with its time; what comes to speak
    against somebody later holds them again. Run it again to release more.

    \b
    Example:
      grouparchive invite prepare "Example group" --via post --release trusted.txt
      grouparchive invite prepare way-back.plan
    """
    run = start(context)
    here = meant(run, what, kind)
    chosen = _release(here.opened, here.scope.group, release)
    prepared = campaigns.prepare(
        here.scope,
        here.opened.view.people(here.scope.group),
        here.opened.view.bans(here.scope.group),
        release=chosen,
        earlier=here.earlier(),
        said=here.facts,
    )
    prepared = _decided(prepared, via=via, link=link, link_until=link_until, zone=timezone)
    if not prepared.invitees:
        raise UsageError("there is nobody to invite", hint="Does this secret open the list of people?")
    found = router(here, prepared)
    here.save(prepared)
    held = sum(one.held for one in prepared.invitees)
    reasons = prepared.reasons()
    run.output.line(
        f"{len(prepared.invitees):,} people could be asked: {len(prepared.invitees) - held:,} released, {held:,} on hold."
    )
    holds.tell(run.output, reasons)
    for reason, count in sorted(prepared.left_out.items()):
        run.output.line(f"  left out: {count:,} {_WHY.get(reason, reason)}")
    ways, seconds = _ways(run.output, here, prepared, found) if held < len(prepared.invitees) else (Counter(), 0)
    if release == "all" and here.plan is not None and not here.plan.trusted_by:
        run.output.warn(
            "nobody has said up to which backup this archive can be trusted: whoever an attacker put into the group before the "
            "plan's moment is released too. Where that may be, plan with --trusted, or release by a list."
        )
    if held:
        run.output.note("Who is on hold is not asked.")
    if held < len(prepared.invitees):
        run.output.note("Nobody was contacted yet. Next: grouparchive invite send GROUP|PLAN.")
    run.output.done(
        people=len(prepared.invitees),
        released=len(prepared.invitees) - held,
        held=held,
        reasons=reasons,
        left_out=prepared.left_out,
        ways=dict(ways),
        seconds=seconds,
    )


def _decided(
    campaign: Campaign, *, via: tuple[str, ...], link: str | None, link_until: str | None, zone: str | None
) -> Campaign:
    """With what was said this time; what was not said stays."""
    if zone and not is_zone(zone):
        raise UsageError("this computer knows no time zone of that name", hint="For example: --timezone Asia/Baku")
    if link_until:
        try:
            dt.date.fromisoformat(link_until)
        except ValueError:
            raise UsageError("--link-until is a day such as 2027-05-01") from None
    given = {"via": via, "link": link, "link_until": link_until, "zone": zone}
    changed = msgspec.structs.replace(campaign, **{name: value for name, value in given.items() if value})
    if changed.link and not changed.link_until:
        raise UsageError("--link needs --link-until DAY: a link that never ends outlives its reader's trust")
    if changed.link:
        words.render("link", words.ENGLISH, link=changed.link, by=changed.link_until)
    return changed


def _ways(output: Output, here: Meant, campaign: Campaign, found: object) -> tuple[Counter[str], int]:
    """Tell how the released are reached and how long it takes."""
    find = routes(here, found)  # type: ignore[arg-type]
    ways: Counter[str] = Counter()
    queue = Queue()
    for one in campaign.invitees:
        if one.held:
            continue
        route = find(one.member)
        name = _name(campaign, route)
        ways[name] += 1
        if route is not None and name not in {"by hand", "no way"}:
            queue.add(route.lane, route.hours)
    now = WallClock().now()
    people = sum(not one.held for one in campaign.invitees)
    pacing = lanes(campaign, found, None, people=people, paced=True)  # type: ignore[arg-type]
    seconds = (estimate(queue, pacing, now) - now) // 1000 if queue.count else 0
    for name, count in sorted(ways.items()):
        output.line(f"  {name}: {count:,}")
    if seconds >= 60:
        output.line(
            f"  sending takes about {duration(seconds)}, slowly on purpose: it can be left alone, and goes on after a stop"
        )
    return ways, seconds


def _name(campaign: Campaign, route: Route | None) -> str:
    if route is None:
        return "no way"
    if route.way == BY_HAND or (route.kind == "message" and campaign.kind == "invitation" and not route.proof):
        return "by hand"
    return f"by {route.way}"


def _release(opened: Opened, group: str, release: str | None) -> Release | None:
    if release is None:
        return None
    if release == "all":
        return EVERYONE
    path = Path(release).expanduser()
    data = read_bounded(path, "list of people to release", limit=_LARGEST_LIST)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("the list of people to release is not readable text", hint="Save it as UTF-8.") from None
    known = {person.id: person.id for person in opened.view.people(group)}
    known |= {member.native: person for person, member in opened.everybody() if person in known}
    return campaigns.read_release(text, known)
