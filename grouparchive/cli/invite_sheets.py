"""`invite sheets`: what people must be told by a person, as a page to print; and what comes back from it, by numbers."""

from collections.abc import Callable, Mapping

import click

from grouparchive.archive.writer import clock
from grouparchive.cli.app import Command
from grouparchive.cli.campaigns import KIND, WHAT, Meant, handles_of, meant, router, routes
from grouparchive.cli.files import write_new
from grouparchive.cli.output import many
from grouparchive.cli.papers import new_file
from grouparchive.cli.sheet_page import HOLDS, sheet_page
from grouparchive.cli.surroundings import start
from grouparchive.errors import UsageError
from grouparchive.model.records import MemberId
from grouparchive.people.campaign import Campaign
from grouparchive.people.routes import contacts
from grouparchive.people.sheets import ADMIN, Known, make_sheets, people_of


@click.command(cls=Command)
@WHAT
@KIND
@click.option("-o", "--output", "out", metavar="FILE.html", required=True, help="The page to write.")
@click.option("--voucher", metavar="HANDLE", help="Only the sheets of this voucher.")
@click.pass_context
def sheets(context: click.Context, *, what: str, kind: str | None, out: str, voucher: str | None) -> None:
    r"""Make sheets to print: whom each voucher calls, and whom you write to by hand. Contacts nobody.

    A voucher is who knows somebody (`roster set HANDLE voucher=HANDLE`). A sheet has at most ten people, safe hours, what to
    say and boxes to tick, in the voucher's language. Yours has links that open an app on a phone, and the text to paste.
    Nobody stands there who is on hold, wants no more, was told, or was reached by a message. Print it, give it away by hand,
    delete it. What comes back is noted by the sheet's code and its numbers: grouparchive invite mark ... --sheet CODE 1 3 4

    \b
    Example:
      grouparchive invite sheets "Example group" -o sheets.html
      grouparchive invite sheets way-back.plan -o fern.html --voucher @fern:example.org
    """
    run = start(context)
    path = new_file(out, "page")
    run.writing_path()
    here = meant(run, what, kind)
    campaign = here.load()
    only = here.opened.view.canonical(here.opened.person(voucher, "the voucher")) if voucher else None
    with here.journal(campaign) as journal:
        made = make_sheets(campaign, journal, here.answers(campaign), _known(here, campaign))
    chosen = [one for one in made.sheets if only in {None, one.voucher}]
    if not chosen:
        raise UsageError(
            "nobody has to be told by a person at present; no page was written",
            hint="Who knows whom: grouparchive roster set HANDLE voucher=HANDLE. Who is released: grouparchive invite prepare",
        )
    write_new(path, sheet_page(chosen, campaign, now=clock()).encode())
    output = run.output
    output.line(f"The page is written: {many(len(chosen), 'sheet')}. Open it in a browser and print it.")
    rows = []
    for one in chosen:
        who = here.opened.called(one.voucher) if one.voucher != ADMIN else "yourself"
        rows.append((one.code, who, len(one.lines)))
        output.event("sheet", code=one.code, voucher=one.voucher, task=one.task, people=len(one.lines))
    output.table(["sheet", "for", "people"], rows)
    if made.unreachable and only is None:
        output.line(
            f"{made.unreachable:,} more can only be told by a person, and nothing is noted by which to reach them."
        )
    output.warn(HOLDS)
    output.note(
        "What comes back: grouparchive invite mark GROUP|PLAN --sheet CODE 1 3 4 --as told (or replied, or never)."
    )
    count = {mine: sum(len(one.lines) for one in chosen if (one.voucher == ADMIN) is mine) for mine in (False, True)}
    output.done(sheets=len(chosen), called=count[False], by_hand=count[True], unreachable=made.unreachable)


def on_sheet(here: Meant, campaign: Campaign, code: str, numbers: tuple[str, ...]) -> list[MemberId]:
    """Who stands at these numbers of a printed sheet. Raises as `people_of`."""
    vouchers = {one.member: _voucher(here, here.facts(one.member)) for one in campaign.invitees}
    return people_of(campaign, vouchers, code, numbers)


def _known(here: Meant, campaign: Campaign) -> Callable[[MemberId], Known]:
    route = routes(here, router(here, campaign))
    handles = handles_of(here)

    def known(member: MemberId) -> Known:
        facts = here.facts(member)
        them = handles.get(member, ())
        return Known(
            name=next((one.name for one in them if one.name), "") or next((one.native for one in them), ""),
            voucher=_voucher(here, facts),
            language=facts.get(("language", ""), ""),
            zone=facts.get(("zone", ""), ""),
            contacts=contacts(facts, them),
            route=route(member),
        )

    return known


def _voucher(here: Meant, facts: Mapping[tuple[str, str], str]) -> MemberId:
    found = facts.get(("voucher", ""), "")
    return here.opened.view.canonical(found) if found else ""
