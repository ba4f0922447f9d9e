"""`forget`: erase one person from the archive."""

import click

from grouparchive.archive.forget import find_person
from grouparchive.archive.forget import forget as forget_person
from grouparchive.archive.moment import Moment
from grouparchive.cli.app import Command
from grouparchive.cli.output import many
from grouparchive.cli.rewriting import decide, open_owned, tell_elsewhere
from grouparchive.cli.surroundings import start

_WORDS = {"membership": "place in a list of members", "fact": "note about them", "member": "name"}


@click.command(cls=Command)
@click.argument("member")
@click.option("--yes", is_flag=True, help="Do not ask: it is decided.")
@click.pass_context
def forget(context: click.Context, member: str, *, yes: bool) -> None:
    r"""Erase one person from the archive, by handle or id.

    Their posts, reactions, files, names and places in the lists go, out of every backup in the archive; where others
    mention them, nobody stands. What others wrote about them in their own words stays.

    While they are in the group, the next backup brings them back: hidden, until you run this again. This needs room for a
    second file of the archive's size for a while. It cannot be undone.

    \b
    Example:
      grouparchive roster list
      grouparchive forget @moss:example.org
    """
    run = start(context)
    reader, home = open_owned(run)
    person = find_person(reader, member)
    found = many(len(person.identities), "account")
    decide(run, f"Erase this person ({found}) from the archive for good?", yes=yes)
    with run.output.progress("Erasing") as progress:
        report = forget_person(
            reader, member, home=home, open_message=run.opener([reader], Moment()), progress=progress.count
        )  # fmt: skip
    if report.known:
        run.output.line("Nothing of them is in the archive, and whoever comes back under that handle stays hidden.")
    else:
        told = [many(count, _WORDS.get(kind, kind)) for kind, count in sorted(report.records.items())]
        told += [many(report.files, "file")] if report.files else []
        run.output.line(f"Erased: {', '.join(told) or 'nothing was there but the name'}.")
        run.output.line("The archive was rewritten and verified.")
    if report.named:
        run.output.line(
            f"In {many(report.named, 'post')} of others one of their names stands in plain words. These stay as they are."
        )
    run.output.note(
        "As long as they are in the group, backups bring them back, hidden: remove them there, then run this again."
    )
    tell_elsewhere(run)
    run.output.done(records=dict(report.records), files=report.files, named=report.named, already_erased=report.known)
