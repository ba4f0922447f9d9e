"""`retain`: keep only so long."""

import time

import click

from grouparchive.archive.moment import Moment
from grouparchive.archive.retain import parse_policy
from grouparchive.archive.retain import retain as retain_archive
from grouparchive.cli.app import Command
from grouparchive.cli.output import many
from grouparchive.cli.rewriting import decide, open_owned, tell_elsewhere
from grouparchive.cli.surroundings import start
from grouparchive.cli.times import when

_WORDS = {"roster": "old list of members", "membership": "place in one", "member": "name"}


@click.command(cls=Command)
@click.argument("policy")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask: it is decided.")
@click.pass_context
def retain(context: click.Context, policy: str, *, dry_run: bool, yes: bool) -> None:
    r"""Erase what is older than an age from the archive.

    POLICY is an age for all (365d, 18m, 2y), or one for each: posts=2y,people=1y.

    Posts go by their own time, with their edits, reactions, votes and files. Of the people, old lists of members go that
    newer ones have replaced, and whoever is named nowhere any more. The newest list, structure and settings stay.

    It needs room for a second file of the archive's size for a while. It cannot be undone.

    \b
    Example:
      grouparchive retain 2y --dry-run
      grouparchive retain posts=2y,people=1y
    """
    run = start(context)
    wanted = parse_policy(policy)
    reader, home = open_owned(run)
    now = time.time_ns() // 1_000_000
    for what, age in (("posts", wanted.posts), ("replaced lists of members", wanted.people)):
        if age:
            run.output.note(f"The day of today is taken to be {when(now)}: {what} from before {when(now - age)} go.")
    if not dry_run:
        decide(run, "Erase them from the archive for good?", yes=yes)
    with run.output.progress("Erasing") as progress:
        report = retain_archive(
            reader,
            wanted,
            home=home,
            open_message=run.opener([reader], Moment()),
            dry_run=dry_run,
            now=lambda: now,
            progress=progress.count,
        )
    told = [many(count, _WORDS.get(kind, kind)) for kind, count in sorted(report.records.items())]
    told += [many(report.files, "file")] if report.files else []
    if report.empty:
        run.output.line("Nothing is that old.")
    elif dry_run:
        run.output.line(f"Would be erased: {', '.join(told)}.")
    else:
        run.output.line(f"Erased: {', '.join(told)}.")
        run.output.line("The archive was rewritten and verified.")
        tell_elsewhere(run)
    run.output.done(records=dict(report.records), files=report.files, dry_run=dry_run)
