"""`invite`: asking people back. Everyone is on hold until a person decides; each is asked once."""

from collections.abc import Callable
from pathlib import Path

import click

from grouparchive.cli import holds
from grouparchive.cli.app import Command, Family
from grouparchive.cli.files import read_bounded
from grouparchive.cli.output import many
from grouparchive.cli.restore import load
from grouparchive.cli.surroundings import Opened, start
from grouparchive.errors import UsageError
from grouparchive.model.plan import CreateChannel, CreateGroup, Plan
from grouparchive.model.records import Ref
from grouparchive.people import campaign as campaigns
from grouparchive.people import invites
from grouparchive.people.campaign import EVERYONE, TIERS, Campaign, Release
from grouparchive.people.invites import InviteJournal
from grouparchive.platforms import registry
from grouparchive.restore.journal import Journal
from grouparchive.restore.journal import journal_path as restore_journal

NEW_GAPS = 3
_LARGEST_LIST = 64 * 1024 * 1024
_WHY = {
    "own-account": "of the account that made the backups",
    "banned": "banned from the group",
    "not-joined": "never quite in: only invited, or asking",
}


@click.group(cls=Family)
def invite() -> None:
    r"""Ask people back into a rebuilt group, quietly, each once.

    The order: prepare (nobody is contacted), decide whom to release, send, look at the status.

    \b
    Example:
      grouparchive invite prepare way-back.plan --release all
      grouparchive invite send way-back.plan
      grouparchive invite status way-back.plan
    """


@invite.command(cls=Command)
@click.argument("path", metavar="PLAN", type=click.Path())
@click.option("--release", metavar="all|FILE", help="Whom to release: everyone, or a list, one id or handle a line.")
@click.pass_context
def prepare(context: click.Context, path: str, release: str | None) -> None:
    r"""Gather whom to ask. Contacts nobody.

    Everyone is on hold until you release them: all, or those in a file, one id or handle a line. `all` leaves those on hold
    against whom something speaks: under age, say, or only late backups tell of them. Those whom you know you can release by a
    list. Whoever is banned or does not want to be asked is never asked. The decision is kept with its time; what comes to speak
    against somebody later holds them again. Run it again to release more.

    \b
    Example:
      grouparchive invite prepare way-back.plan
      grouparchive invite prepare way-back.plan --release trusted.txt
    """
    run = start(context)
    place = Path(path)
    plan, opened = load(run, place)
    where = campaigns.campaign_path(place)
    reader = opened.readers[0]
    earlier = campaigns.load_campaign(where, reader.key("content"), reader.archive_id) if where.exists() else None
    prepared = campaigns.prepare(
        plan,
        opened.view.people(plan.group),
        opened.view.bans(plan.group),
        release=_release(opened, plan, release),
        earlier=earlier,
    )
    if not prepared.invitees:
        raise UsageError("there is nobody to invite", hint="Does this secret open the list of people?")
    key = reader.key("content")
    campaigns.save_campaign(where, prepared, key.public, epoch=key.epoch)
    held = sum(one.held for one in prepared.invitees)
    reasons = prepared.reasons()
    run.output.line(
        f"{len(prepared.invitees):,} people could be asked: {len(prepared.invitees) - held:,} released, {held:,} on hold."
    )
    holds.tell(run.output, reasons)
    for reason, count in sorted(prepared.left_out.items()):
        run.output.line(f"  left out: {count:,} {_WHY.get(reason, reason)}")
    if release == "all" and not plan.trusted_by:
        run.output.warn(
            "nobody has said up to which backup this archive can be trusted: whoever an attacker put into the group before the "
            "plan's moment is released too. Where that may be, plan with --trusted, or release by a list."
        )
    if held:
        run.output.note("Who is on hold is not asked.")
    if held < len(prepared.invitees):
        run.output.note("Nobody was contacted yet. Next: grouparchive invite send PLAN.")
    run.output.done(
        people=len(prepared.invitees),
        released=len(prepared.invitees) - held,
        held=held,
        reasons=reasons,
        left_out=prepared.left_out,
    )


def _release(opened: Opened, plan: Plan, release: str | None) -> Release | None:
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
    known = {person.id: person.id for person in opened.view.people(plan.group)}
    known |= {member.native: person for person, member in opened.everybody() if person in known}
    return campaigns.read_release(text, known)


@invite.command(cls=Command)
@click.argument("path", metavar="PLAN", type=click.Path())
@click.pass_context
def send(context: click.Context, path: str) -> int:
    r"""Invite everyone who is released and was not invited yet, co-admins first.

    Run it again at any time: nobody is invited twice. Those who have come back are then invited to their private rooms.

    \b
    Example:
      grouparchive invite send way-back.plan
    """
    run = start(context)
    place = Path(path)
    plan, opened = load(run, place)
    campaign = _campaign(opened, plan, place)
    source = run.profile.source(plan.target)
    messenger = registry.load(source.platform).messenger(source)
    try:
        with (
            _journal(place, campaign) as journal,
            Journal(restore_journal(place, plan), plan) as restored,
            run.output.progress("Inviting") as progress,
        ):
            report = invites.send(
                campaign,
                journal,
                messenger,
                natives=opened.native(source.platform),
                places=_places(plan, restored),
                progress=progress.count,
            )
    finally:
        messenger.close()
    run.output.line(f"{many(report.sent, 'invitation')} sent; {report.already:,} had been sent or answered before.")
    for count, words in (
        (report.refused, "refused by the platform"),
        (report.in_doubt, "with unknown fate: not sent again by itself, look at the platform"),
        (report.waiting, "to private rooms wait until their people are back"),
        (report.held, "people are on hold"),
        (report.unreachable, "people have no handle in the roster"),
    ):
        if count:
            run.output.line(f"  {count:,} {words}")
    holds.tell(run.output, campaign.reasons())
    run.output.done(
        sent=report.sent,
        already=report.already,
        refused=report.refused,
        in_doubt=report.in_doubt,
        waiting=report.waiting,
        held=report.held,
        reasons=campaign.reasons(),
        unreachable=report.unreachable,
    )
    return NEW_GAPS if report.refused or report.in_doubt else 0


@invite.command(cls=Command)
@click.argument("path", metavar="PLAN", type=click.Path())
@click.pass_context
def status(context: click.Context, path: str) -> None:
    r"""Show how far the invitations are: who is back, in counts. Asks the platform, sends nothing.

    \b
    Example:
      grouparchive invite status way-back.plan
    """
    run = start(context)
    place = Path(path)
    plan, opened = load(run, place)
    campaign = _campaign(opened, plan, place)
    source = run.profile.source(plan.target)
    messenger = registry.load(source.platform).messenger(source)
    try:
        with _journal(place, campaign) as journal, Journal(restore_journal(place, plan), plan) as restored:
            if restored.started:
                invites.refresh(
                    campaign,
                    journal,
                    messenger,
                    natives=opened.native(source.platform),
                    places=_places(plan, restored),
                )
            counts = invites.status(campaign, journal)
    finally:
        messenger.close()
    run.output.table(
        ["who", "people", "on hold", "released", "invited", "joined", "declined", "refused", "in doubt"],
        [
            (
                TIERS[one.tier], one.people, one.held, one.released, one.invited, one.joined, one.declined, one.refused,
                one.in_doubt,
            )
            for one in counts
        ],
    )  # fmt: skip
    for one in counts:
        run.output.event(
            "tier",
            tier=TIERS[one.tier],
            people=one.people,
            held=one.held,
            released=one.released,
            invited=one.invited,
            joined=one.joined,
            declined=one.declined,
            refused=one.refused,
            in_doubt=one.in_doubt,
        )
    holds.tell(run.output, campaign.reasons())
    run.output.done(
        people=sum(one.people for one in counts),
        held=sum(one.held for one in counts),
        reasons=campaign.reasons(),
        invited=sum(one.invited for one in counts),
        joined=sum(one.joined for one in counts),
    )


def _campaign(opened: Opened, plan: Plan, place: Path) -> Campaign:
    """The invitations of this plan, with what speaks against them today: restrictions count from any backup, also the newest.

    Anybody who has the archive can seal such a file, and release in it whom they like. Only who opened the plan knows its
    digest.
    """
    reader = opened.readers[0]
    found = campaigns.load_campaign(campaigns.campaign_path(place), reader.key("content"), reader.archive_id)
    if found.plan != plan.digest():
        raise UsageError(
            "the invitations that lie beside this plan belong to another one; nobody was contacted",
            hint="Somebody may have swapped the file. Move it away and run: grouparchive invite prepare PLAN",
        )
    return campaigns.as_of_now(found, opened.view.people(plan.group))


def _journal(place: Path, campaign: Campaign) -> InviteJournal:
    return InviteJournal(invites.journal_path(campaigns.campaign_path(place)), campaign)


def _places(plan: Plan, restored: Journal) -> Callable[[Ref], Ref]:
    """Where an archived room stands now; "" where it was not rebuilt yet."""
    keys = {
        action.channel.ref: action.key for action in plan.actions if isinstance(action, CreateGroup | CreateChannel)
    }

    def place(ref: Ref) -> Ref:
        made = restored.finished(keys[ref]) if ref in keys else None
        return made.ref if made else ""

    return place
