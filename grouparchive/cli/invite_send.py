"""`invite send|status|mark|pause|revoke`: the commands that reach out to people, and those that tell what came of it."""

import datetime as dt

import click

from grouparchive.archive.writer import clock
from grouparchive.cli import holds
from grouparchive.cli.app import Command
from grouparchive.cli.campaigns import KIND, WHAT, Meant, meant, router, sending
from grouparchive.cli.invite_sheets import on_sheet
from grouparchive.cli.output import many
from grouparchive.cli.roster_facts import Statement
from grouparchive.cli.surroundings import start
from grouparchive.errors import ArchiveBusy, GroupArchiveError, PlatformError, UsageError
from grouparchive.model.ports import PersonalMessage, Revokes
from grouparchive.model.records import Fact, FactField, MemberId
from grouparchive.people.campaign import TIERS, Campaign
from grouparchive.people.journal import Word, answer, answers_path, journal_path, message_key
from grouparchive.people.sending import SendReport, refresh
from grouparchive.people.sending import send as send_out
from grouparchive.people.steps import pending
from grouparchive.people.tally import TierCount
from grouparchive.people.tally import status as tally

NEW_GAPS = 3
_STOPPED = {
    "paused": "somebody paused this campaign",
    "flood": "a platform objected to what is sent",
    "bounces": "too many addresses were refused",
    "complaints": "somebody complained",
}
_WORDS: dict[str, Word] = {
    "replied": "replied",
    "never": "never",
    "complaint": "complaint",
    "bounced": "bounced",
    "told": "by-hand",
    "back": "back",
}
_BY_SHEET = frozenset({"told", "replied", "never"})  # whoever is marked so by a sheet was told by a person
_STOP_AT = 5  # addresses that give mail back, in one campaign


@click.command(cls=Command)
@WHAT
@KIND
@click.option("--once", is_flag=True, help="End when nothing is due soon, instead of waiting for it.")
@click.option("--at-once", is_flag=True, help="Without pauses: for your own server, and for rehearsals.")
@click.option("--resume", is_flag=True, help="Go on after it was paused or has stopped.")
@click.pass_context
def send(context: click.Context, *, what: str, kind: str | None, once: bool, at_once: bool, resume: bool) -> int:
    r"""Write to everyone who is released and was not written to yet, co-admins first, slowly, inside the hours that are safe.

    Leave it running, or stop it (Ctrl-C) and run it again at any time: nobody is written to twice. Before each message it looks
    whether that person may still be asked. It stops by itself where a platform objects, or too many addresses are refused.
    Those who have come back are then invited to their private rooms; those who answered get the link.

    \b
    Example:
      grouparchive invite send way-back.plan
      grouparchive invite send "Example group" --once
    """
    run = start(context)
    here = meant(run, what, kind)
    campaign = here.load()
    if resume:
        answer(answers_path(here.path), campaign, "resumed")
    _spend(here, campaign)
    with (
        sending(here, campaign, wait=not once, paced=not at_once) as given,
        run.output.progress("Sending") as progress,
    ):

        def tell(done: int, total: int, next_: int) -> None:
            if next_:
                progress.say(f"{done:,} of {total:,}; the next one at {_clock(next_)}")
            else:
                progress.count(done, total)

        report = send_out(given, tell)
    _spend(here, campaign)
    _tell(here, campaign, report)
    run.output.done(
        sent=report.sent, already=report.already, refused=report.refused, in_doubt=report.in_doubt, waiting=report.waiting,
        held=report.held, reasons=here.today(campaign).reasons(), unreachable=report.unreachable, by_hand=report.by_hand,
        unsent=report.unsent, left=report.left, next=report.next, stopped=report.stopped,
    )  # fmt: skip
    if report.stopped and report.stopped != "paused":
        raise PlatformError(
            f"nothing more was sent: {_STOPPED.get(report.stopped, report.stopped)}",
            hint="Look at the account first. To go on: grouparchive invite send ... --resume",
        )
    return NEW_GAPS if report.refused or report.in_doubt or report.unsent else 0


def _tell(here: Meant, campaign: Campaign, report: SendReport) -> None:
    output = here.run.output
    output.line(f"{many(report.sent, 'message')} sent; {report.already:,} had been sent or answered before.")
    for count, text in (
        (report.refused, "refused by the platform"),
        (report.in_doubt, "with unknown fate: not sent again by itself, look at the platform"),
        (report.waiting, "wait until their people have come or answered"),
        (report.unsent, "could not be delivered now: run this again later"),
        (report.left, "not sent yet"),
        (report.held, "people are on hold"),
        (report.by_hand, "people can only be told by a person"),
        (report.unreachable, "people have no handle and no address in the roster"),
    ):
        if count:
            output.line(f"  {count:,} {text}")
    if report.next:
        output.line(f"  The next one is due at {_clock(report.next)}: run this again then.")
    if report.stopped == "paused":
        output.line("  It is paused. To go on: --resume")
    holds.tell(output, here.today(campaign).reasons())


@click.command(cls=Command)
@WHAT
@KIND
@click.pass_context
def status(context: click.Context, what: str, kind: str | None) -> None:
    r"""Show how far it is: who was written to, who answered, who is back, in counts. Asks the platform, sends nothing.

    \b
    Example:
      grouparchive invite status way-back.plan
    """
    run = start(context)
    here = meant(run, what, kind)
    campaign = here.load()
    try:
        with sending(here, campaign, wait=False, paced=True) as given:
            if here.plan is None or given.places(here.scope.group):
                refresh(given)
            counts = tally(campaign, given.journal, here.answers(campaign))
    except ArchiveBusy:
        if not journal_path(here.path).exists():
            raise
        run.output.note("Another command is sending now. This is how far it has come; the platform was not asked.")
        with here.journal(campaign, reading=True) as journal:
            counts = tally(campaign, journal, here.answers(campaign))
    names = [name for name in TierCount.__struct_fields__ if name != "tier"]
    shown = [one for one in counts if one.people]
    used = [name for name in names if name in names[:4] or any(getattr(one, name) for one in shown)]
    run.output.table(
        ["who", *(name.replace("held", "on hold").replace("_", " ") for name in used)],
        [(TIERS[one.tier], *(getattr(one, name) for name in used)) for one in shown],
    )
    for one in shown:
        found = {name: getattr(one, name) for name in names}
        run.output.event("tier", tier=TIERS[one.tier], invited=one.told, **found)
    holds.tell(run.output, campaign.reasons())
    stopped = here.answers(campaign).stopped
    if stopped:
        run.output.line(f"Nothing is sent at present: {_STOPPED[stopped]}.")
    run.output.done(
        people=sum(one.people for one in counts),
        held=sum(one.held for one in counts),
        reasons=campaign.reasons(),
        invited=sum(one.told for one in counts),
        replied=sum(one.replied for one in counts),
        joined=sum(one.joined for one in counts),
        stopped=stopped,
    )


@click.command(cls=Command)
@WHAT
@click.argument("people", nargs=-1, required=True, metavar="PERSON...")
@KIND
@click.option("--sheet", metavar="CODE", help="PERSON is then a number on the printed sheets with this code.")
@click.option("--as", "word", type=click.Choice(list(_WORDS)), required=True, help="What is known of them.")
@click.pass_context
def mark(
    context: click.Context, *, what: str, people: tuple[str, ...], kind: str | None, sheet: str | None, word: str
) -> None:
    r"""Note what you know of people: that they answered, want no more, or were told by somebody.

    replied: they get the link. never: they are not written to again, in this campaign or another one. told: somebody told them
    by hand. bounced: their address gives mail back. back: they are in the group again. complaint: as never, and all stops.
    A running `invite send` takes it in before its next message. With --sheet, people are the numbers on a sheet of `invite
    sheets`: they count as told, and their words and codes as said.

    \b
    Example:
      grouparchive invite mark way-back.plan @fern:example.org --as replied
      grouparchive invite mark way-back.plan --sheet K7Q2MX 1 3 4 --as told
    """
    run = start(context)
    here = meant(run, what, kind)
    campaign = here.load()
    members = on_sheet(here, campaign, sheet, people) if sheet is not None else _named(here, campaign, people)
    if sheet and word in _BY_SHEET:
        answer(answers_path(here.path), campaign, "by-hand", members)
    note(here, campaign, _WORDS[word], members)
    if sheet and word in _BY_SHEET and here.plan is not None:  # a warning says no word
        found = router(here, campaign)
        _take_back(here, [(one, next(iter(proofs))) for one in members if (proofs := found.proofs(here.facts(one)))])
    run.output.line(f"Noted of {len(members):,} people.")
    run.output.done(marked=len(members))


@click.command(cls=Command)
@WHAT
@KIND
@click.pass_context
def pause(context: click.Context, what: str, kind: str | None) -> None:
    r"""Stop sending. A running `invite send` stops before its next message.

    \b
    Example:
      grouparchive invite pause way-back.plan
    """
    run = start(context)
    here = meant(run, what, kind)
    answer(answers_path(here.path), here.load(), "paused")
    run.output.line("Paused. To go on: grouparchive invite send ... --resume")
    run.output.done()


@click.command(cls=Command)
@WHAT
@click.argument("people", nargs=-1, metavar="[PERSON]...")
@KIND
@click.pass_context
def revoke(context: click.Context, what: str, people: tuple[str, ...], kind: str | None) -> None:
    r"""Take back invitations that nobody has answered yet: of the people named, or all. What was sent as text cannot be unsent.

    \b
    Example:
      grouparchive invite revoke way-back.plan
    """
    run = start(context)
    here = meant(run, what, kind)
    campaign = here.load()
    named = {here.opened.view.canonical(here.opened.person(one, "one of the people named")) for one in people}
    taken = left = 0
    with sending(here, campaign, wait=False, paced=True) as given:
        for invitee, place, key in list(pending(campaign, given.journal)):
            route = given.routes(invitee.member)
            if (named and invitee.member not in named) or route is None or route.kind != "invitation":
                continue
            messenger = given.messengers[route.way]
            message = PersonalMessage(key=key, recipient=route.recipient, kind="invitation", place=given.places(place))
            if isinstance(messenger, Revokes) and messenger.revoke(message):
                given.journal.write(key, "revoked", time=given.clock.now())
                taken += 1
            else:
                left += 1
    run.output.line(f"{many(taken, 'invitation')} taken back; {left:,} stay: answered by now, or the platform cannot.")
    run.output.note("Who was not invited yet may still be: pause it, or put them on hold, to prevent that.")
    run.output.done(revoked=taken, left=left)


def note(here: Meant, campaign: Campaign, word: Word, members: list[MemberId]) -> None:
    """Note what is known of people, with all that follows from it: who wants no more is not asked again anywhere, a complaint
    stops everything, and so do too many addresses that give mail back.
    """
    path = answers_path(here.path)
    answer(path, campaign, word, members)
    if word in {"never", "complaint"}:
        _state(here, [(one, "do-not-contact", "yes") for one in members])
    if word == "complaint":
        answer(path, campaign, "complaints")
    if word == "bounced" and here.answers(campaign).count("bounced") >= _STOP_AT:
        answer(path, campaign, "bounces")


def _named(here: Meant, campaign: Campaign, people: tuple[str, ...]) -> list[MemberId]:
    known = {one.member for one in campaign.invitees}
    members = [here.opened.view.canonical(here.opened.person(one, "one of the people named")) for one in people]
    if strangers := sum(one not in known for one in members):
        raise UsageError(
            f"{strangers:,} of those named are not in this campaign; nothing was noted",
            hint="`grouparchive roster list` shows who is in the group.",
        )
    return members


# --- what the owner states -------------------------------------------------------------------------------------------------


def _spend(here: Meant, campaign: Campaign) -> None:
    """Words and codes that were said are spent, as others may have read them: take them back, so that they are said once."""
    with here.journal(campaign) as journal:
        said = {
            one.member: tag
            for one in campaign.invitees
            if (tag := journal.said(message_key(campaign, one.member, "hello")))
        }
    found = router(here, campaign)
    spent: list[tuple[MemberId, FactField]] = [
        (member, kind)
        for member, tag in said.items()
        for kind, proof in found.proofs(here.facts(member)).items()
        if found.tag(proof) == tag  # a word that was agreed since is another one
    ]
    _take_back(here, spent)


def _take_back(here: Meant, spent: list[tuple[MemberId, FactField]]) -> None:
    if not spent:
        return
    try:
        _state(here, [(member, kind, "") for member, kind in spent])
    except GroupArchiveError as error:
        here.run.output.warn(f"the words that were used could not be marked as used: {error.message}. {error.hint}")


def _state(here: Meant, facts: list[tuple[MemberId, FactField, str]]) -> None:
    """Put something about people into the archive, so that it counts."""
    statement = Statement(here.opened)
    statement.facts += [
        Fact(member=statement.name(member), field=field, value=value, time=clock()) for member, field, value in facts
    ]
    statement.sign()


def _clock(millis: int) -> str:
    """A time of day of this computer, with the day where it is another one."""
    when = dt.datetime.fromtimestamp(millis / 1000).astimezone()
    today = dt.datetime.now().astimezone().date()
    return when.strftime("%H:%M") if when.date() == today else when.strftime("%Y-%m-%d %H:%M")
