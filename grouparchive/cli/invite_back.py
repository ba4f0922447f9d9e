"""`invite reconcile`: who is back in the rebuilt group, who waits at its door, who only bears a member's name; roles for those
who are back; and mails that came back.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import click

from grouparchive.cli import holds
from grouparchive.cli.app import Command
from grouparchive.cli.campaigns import KIND, WHAT, Meant, handles_of, meant, place_of, way
from grouparchive.cli.invite_send import NEW_GAPS, note
from grouparchive.cli.output import many
from grouparchive.cli.surroundings import Opened, start
from grouparchive.errors import UsageError
from grouparchive.model.plan import Plan
from grouparchive.model.ports import PersonalMessage
from grouparchive.model.records import Group, MemberId, Membership, Ref
from grouparchive.people import returns
from grouparchive.people.campaign import Campaign
from grouparchive.people.journal import message_key
from grouparchive.people.returns import Account, Known, Match, Returns
from grouparchive.platforms import registry
from grouparchive.platforms.smtp import bounces as mailbox
from grouparchive.platforms.smtp.letter import mail_number
from grouparchive.restore.applier import give_roles
from grouparchive.restore.desire import ArchiveTimelines
from grouparchive.restore.journal import Journal, journal_path
from grouparchive.restore.metadata import stripping


@click.command(cls=Command)
@WHAT
@KIND
@click.option("--bounces", metavar="FILE", multiple=True, help="A saved mailbox with mails that came back. Repeatable.")
@click.option("--let-in", metavar="HANDLE", multiple=True, help="Let somebody in who waits at the door. Repeatable.")
@click.option("--summary", is_flag=True, help="Counts only, nobody by name.")
@click.pass_context
def reconcile(
    context: click.Context,
    *,
    what: str,
    kind: str | None,
    bounces: tuple[str, ...],
    let_in: tuple[str, ...],
    summary: bool,
) -> int:
    r"""See who is back in the rebuilt group, and give them their roles. Shows names: mind who looks over your shoulder.

    Whoever is back is noted, and is not written to any more. Those who wait at the door are listed with what is known of them:
    nobody is let in by itself. An account that only bears a member's name is shown, never taken for that member. If it is them,
    confirm it (grouparchive roster set HANDLE matrix=@new:example.org) and run this again.

    With --bounces, mails that came back are noted too, and a complaint stops the campaign.

    \b
    Example:
      grouparchive invite reconcile way-back.plan
      grouparchive invite reconcile way-back.plan --let-in @fern:example.org
      grouparchive invite reconcile "Example group" --bounces returned.mbox
    """
    run = start(context)
    here = meant(run, what, kind)
    campaign = here.load()
    if here.plan is None and (let_in or not bounces):
        raise UsageError(
            "a warning has no rebuilt group to look at",
            hint="Name the plan, or give the mails that came back with --bounces FILE.",
        )
    bounced, complaints = _bounces(here, campaign, bounces)
    found, new, given, waiting, asked = Returns(), 0, 0, 0, 0
    if here.plan is not None:
        with Journal(journal_path(here.plan_path, here.plan), here.plan) as restored:
            place = place_of(here.plan, restored)
            accounts, ours = _accounts(here, here.plan, place(here.scope.group))
            found = returns.find(accounts, _known(here, here.plan), ours=ours)
            new = _note_back(here, campaign, found)
            given, waiting = _roles(here, here.plan, campaign, found, restored, place)
            made = {place(one): one for one in here.scope.channels}
        asked = _let_in(here, here.plan, campaign, found, made, let_in)
        _tell(here, campaign, found, new, given, waiting, summary=summary)
    if asked:
        run.output.line(f"{many(asked, 'person').replace('persons', 'people')} let in: they have an invitation now.")
    if bounces:
        run.output.line(
            f"Mails that came back: {bounced:,} new addresses that take none, {many(complaints, 'complaint')}."
        )
        if complaints:
            run.output.warn(
                "somebody complained: nothing more is sent. Look at the account before you go on (--resume)"
            )
    run.output.done(
        back=len(found.back), new=new, knocking=len(found.knocking), impostors=len(found.impostors),
        strangers=found.strangers, roles=given, roles_waiting=waiting, let_in=asked, bounced=bounced, complaints=complaints,
    )  # fmt: skip
    return NEW_GAPS if found.impostors or bounced or complaints else 0


def _accounts(here: Meant, plan: Plan, group: Ref) -> tuple[list[Account], set[str]]:
    """Everybody in the rebuilt group or at its door, and our own account."""
    if not group:
        raise UsageError(
            "the rebuilt group is not there yet", hint="Rebuild it first: grouparchive apply PLAN, then run this again."
        )
    met: dict[str, tuple[MemberId, str]] = {}

    def identify(native: str, name: str, avatar: str) -> MemberId:
        del avatar
        member, old = met.get(native, (f"{len(met):032x}", ""))
        met[native] = member, name or old
        return member

    states: dict[MemberId, dict[Ref, str]] = {}
    own: set[MemberId] = set()
    unread = 0
    platform = registry.load(plan.platform)
    with closing(platform.connector(here.run.profile.source(plan.target), identify)) as connector:
        list(connector.groups())  # a connector learns from it which rooms are whose
        for page in connector.pages(group, {}):
            if page.cursor:
                break  # the rosters come before all events
            unread += sum(not gap.limit for gap in page.gaps)
            for record in page.records:
                if isinstance(record, Membership):
                    states.setdefault(record.member, {})[record.channel] = record.state
                elif isinstance(record, Group) and record.account:
                    own.add(record.account)
    if unread:
        here.run.output.warn(
            "some rooms of the rebuilt group could not be read, so people may be missing here. Is this account still in them?"
        )
    accounts = [Account(native, name, states[one]) for native, (one, name) in met.items() if one in states]
    return accounts, {native for native, (one, _) in met.items() if one in own}


def _known(here: Meant, plan: Plan) -> list[Known]:
    """Everybody in the archive, by what they can be recognised."""
    channel = way(here.run, plan.target).channel
    return [
        Known(
            person,
            handles=tuple(one.native for one in members if one.platform == plan.platform),
            contacts=tuple(filter(None, (here.facts(person).get(("contact", channel), ""),))),
            names=tuple(one.name for one in members if one.name),
        )
        for person, members in handles_of(here).items()
    ]


def _note_back(here: Meant, campaign: Campaign, found: Returns) -> int:
    """Note who is back and was not noted so before; how many."""
    asked = {one.member for one in campaign.invitees}
    answers = here.answers(campaign)
    new = [one.member for one in found.back if one.member in asked and not answers.said(one.member, "back")]
    if new:
        note(here, campaign, "back", new)
    return len(new)


def _roles(  # noqa: PLR0917 - one caller
    here: Meant, plan: Plan, campaign: Campaign, found: Returns, restored: Journal, place: Callable[[Ref], Ref]
) -> tuple[int, int]:
    """Give roles back; how many were given now, and how many people's wait for a decision."""
    grants, waiting = returns.roles(plan, campaign, found.back, place)
    grants = [one for one in grants if not restored.finished(one.key)]
    if not grants:
        return 0, waiting
    natives = {one.member: one.account.native for one in found.back}
    opened, run = here.opened, here.run
    platform = registry.load(plan.platform)
    target = platform.target(run.profile.source(plan.target), opened.identify(plan.platform), stripping(opened.blob))
    with closing(target):
        report = give_roles(
            plan, grants, target, restored, timelines=ArchiveTimelines(opened.view, opened.blob),
            natives=lambda member: natives.get(opened.view.canonical(member), ""),
        )  # fmt: skip
    if report.failed:
        run.output.warn(f"{many(report.failed, 'role')} could not be given. Run this again, or give them by hand.")
    return report.done, waiting


def _let_in(  # noqa: PLR0917 - one caller
    here: Meant, plan: Plan, campaign: Campaign, found: Returns, archived: Mapping[Ref, Ref], handles: tuple[str, ...]
) -> int:
    """Let in who waits at the door and was named; how many. To let somebody in is to invite them. `archived`: a rebuilt room's
    ref in the archive.
    """
    if not handles:
        return 0
    at_door = {account.native: (account, match) for account, match in found.knocking}
    if not set(handles) <= set(at_door):
        raise UsageError(
            "one of those named after --let-in does not wait at the door; nobody was let in",
            hint="Run `grouparchive invite reconcile` without it: it lists who waits.",
        )
    banned = {ban.member for ban in here.opened.view.bans(here.scope.group)}
    chosen = [at_door[handle] for handle in dict.fromkeys(handles)]
    if any(match is not None and match.member in banned for _, match in chosen):
        raise UsageError(
            "one of those named after --let-in was banned in the archived group; nobody was let in",
            hint="If that is over, let them in by hand, in the app.",
        )
    messenger = registry.load(plan.platform).messenger(here.run.profile.source(plan.target))
    asked = {one.member for one in campaign.invitees}
    with closing(messenger), here.journal(campaign) as journal:
        for account, match in chosen:
            member = match.member if match is not None and match.member in asked else account.native
            for place in account.knocks:
                key = message_key(campaign, member, archived.get(place, place))
                journal.write(key, "begun")
                outcome = messenger.send(
                    PersonalMessage(key=key, recipient=account.native, kind="invitation", place=place)
                )
                journal.write(key, "sent", outcome.note)
    return len(chosen)


# --- mails that came back ------------------------------------------------------------------------------------------------


def _bounces(here: Meant, campaign: Campaign, files: tuple[str, ...]) -> tuple[int, int]:
    """Note whose mails came back, and who complained; how many of each are new."""
    numbers = {mail_number(key): member for key, member in returns.mails(campaign).items()}
    addresses: dict[str, set[MemberId]] = {}
    for one in campaign.invitees if files else ():
        if address := here.facts(one.member).get(("contact", "mail"), ""):
            addresses.setdefault(address.casefold(), set()).add(one.member)
    gone: dict[MemberId, None] = {}
    angry: dict[MemberId, None] = {}
    for file in files:
        for bounce in mailbox.read(Path(file).expanduser()):
            known = numbers.get(bounce.number)
            if known is None and not bounce.number:
                named = addresses.get(bounce.recipient.casefold(), set())
                known = next(iter(named)) if len(named) == 1 else None
            if known is not None and bounce.complaint:
                angry[known] = None
            elif known is not None and bounce.permanent:
                gone[known] = None
    answers = here.answers(campaign)
    new_gone = [one for one in gone if not answers.said(one, "bounced")]
    new_angry = [one for one in angry if not answers.said(one, "complaint")]
    if new_gone:
        note(here, campaign, "bounced", new_gone)
    if new_angry:
        note(here, campaign, "complaint", new_angry)
    return len(new_gone), len(new_angry)


# --- telling -------------------------------------------------------------------------------------------------------------


def _tell(  # noqa: PLR0917 - one caller
    here: Meant, campaign: Campaign, found: Returns, new: int, given: int, waiting: int, *, summary: bool
) -> None:
    output = here.run.output
    output.line(f"{len(found.back):,} members are back, {new:,} of them new; {many(given, 'role')} given back.")
    if waiting:
        output.line(
            f"  {waiting:,} get no role yet: on hold, or only doubtful backups tell of them. Release them first."
        )
    if found.strangers:
        output.line(f"  {found.strangers:,} in the group are known to nobody here")
    if found.knocking:
        output.line(
            f"{len(found.knocking):,} wait to be let in. To let one in: --let-in HANDLE, or the button in the app."
        )
    banned = {ban.member for ban in here.opened.view.bans(here.scope.group)}
    for account, match in () if summary else found.knocking:
        what = _what(here.opened, campaign, match, banned)
        output.line(f"  {_called(account)}: {', '.join(what)}")
        output.event(
            "knock", native=account.native, name=account.name, member=match.member if match else "", known=what
        )
    if found.impostors:
        output.line(
            f"{len(found.impostors):,} bear the name of a member who is known by another account. Ask that member."
        )
    for one in () if summary else found.impostors:
        members = ", ".join(map(here.opened.called, one.members))
        output.line(f"  {_called(one.account)} looks like {members}")
        output.event("impostor", native=one.account.native, name=one.account.name, members=one.members)


def _what(opened: Opened, campaign: Campaign, match: Match | None, banned: set[MemberId]) -> list[str]:
    """What is known of somebody at the door."""
    if match is None:
        return ["known to nobody here"]
    found = ["a member" if match.by == "handle" else "a member by a confirmed contact"]
    invitee = next((one for one in campaign.invitees if one.member == match.member), None)
    if match.member in banned:
        found.append("banned in the archived group")
    elif invitee is None:
        found.append("not in this campaign")
    elif invitee.held:
        found += [f"on hold: {holds.WORDS[reason]}" for reason in holds.in_order(invitee.reasons)]
    else:
        found.append("released")
    voucher = opened.view.standing(match.member).facts.get(("voucher", ""), "")
    return [*found, f"{opened.called(voucher)} vouches for them"] if voucher else found


def _called(account: Account) -> str:
    return f"{account.native} ({account.name})" if account.name else account.native
