"""`import`: export files that people already have, taken into the archive by hand."""

import os
from pathlib import Path

import click

from grouparchive.cli.app import Command, worst
from grouparchive.cli.backup import NEW_GAPS, as_list
from grouparchive.cli.output import many
from grouparchive.cli.plaintext import remains
from grouparchive.cli.surroundings import Run, start
from grouparchive.cli.taking import COUNTS, Taken, gaps_of, take_in, totals, zone
from grouparchive.errors import GroupArchiveError, UsageError
from grouparchive.platforms.files import Choices


@click.command("import", cls=Command)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--platform", metavar="P", default="", help="The platform, where the file does not show it.")
@click.option("--group", metavar="NAME", default="", help="The group's name, where the file does not say it.")
@click.option(
    "--timezone",
    metavar="ZONE",
    default="",
    help="The time zone of local times in the file; this machine's by default.",
)
@click.option(
    "--dates",
    type=click.Choice(["dmy", "mdy", "ymd"]),
    help="The order of day, month and year, where it does not show.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=NAME",
    help="Of a CSV: which column holds name, handle, mail, phone ...",
)
@click.option(
    "--backup-key-file", metavar="F", help="The key of an encrypted backup file, for example WhatsApp's 64 digits."
)
@click.option("--remove-after", is_flag=True, help="Remove each file of which everything came in.")
@click.pass_context
def import_(  # noqa: PLR0917 - click hands them over by name
    context: click.Context, paths: tuple[Path, ...], platform: str, group: str, timezone: str, dates: str | None,
    columns: tuple[str, ...], backup_key_file: str | None, *, remove_after: bool,
) -> int:  # fmt: skip
    r"""Take export files into the archive.

    A file, a zip or a folder as the platform gave it, or a folder of such exports. The platform is recognised. Repeating it
    adds nothing. Asks for no secret of the archive. The export itself stays where it is, readable for everybody who gets at
    it, until you remove it.

    \b
    Example:
      grouparchive import "WhatsApp Chat with Lantern walkers.zip"
      grouparchive import result.json --remove-after
    """
    run = start(context)
    choices = Choices(
        group=group,
        zone=zone(timezone),
        dates=dates or "",  # type: ignore[arg-type]
        columns=_columns(columns),
        key=_key(run, backup_key_file),
    )
    found = [Path(os.path.abspath(path.expanduser())) for path in paths]  # noqa: PTH100 - links are kept as they are named
    codes: list[int] = []

    def failed(path: Path, error: GroupArchiveError) -> None:
        codes.append(error.code)
        run.output.error(error if len(found) == 1 and path == found[0] else _which(error, path))

    taken = take_in(run, found, platform=platform, choices=choices, failed=failed)
    for one in taken:
        tell(run, one)
        codes.append(NEW_GAPS if one.summary and one.summary.new_gaps else 0)
    remains(run, taken, remove=remove_after)
    if taken or not codes:
        run.output.done(**totals(taken), gaps=as_list(gaps_of(taken)))
    return worst(codes)


def tell(run: Run, one: Taken) -> None:
    """How a file went."""
    summary = one.summary
    if summary is None:
        run.output.result(f"{one.title}: known already, nothing to do")
        run.output.event("file", what=one.title, known=True, **dict.fromkeys(COUNTS, 0), gaps=[])
        return
    run.output.result(
        f"{one.title}: {many(summary.messages, 'message')}, {many(summary.attachments, 'file')}, "
        f"{many(summary.members, 'member')}; {summary.new:,} new"
    )
    gaps = gaps_of([one])
    for code, count in sorted(gaps.items()):
        run.output.result(f"  gap: {code} ({count:,})")
    if summary.new_gaps:
        run.output.note("What these gaps are about is told by `grouparchive export`, after unlocking.")
    run.output.event(
        "file", what=one.title, known=False, **{key: getattr(summary, key) for key in COUNTS}, gaps=as_list(gaps)
    )


def _which(error: GroupArchiveError, path: Path) -> GroupArchiveError:
    """The same error, told of one file among several, by its place."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    return type(error)(f"{name}: {error.message}", hint=error.hint)


def _columns(given: tuple[str, ...]) -> dict[str, str]:
    columns = {}
    for one in given:
        field, equals, name = one.partition("=")
        if not equals or not field or not name:
            raise UsageError("a column looks like FIELD=NAME", hint='For example: --column "name=Full name"')
        columns[field] = name
    return columns


def _key(run: Run, file: str | None) -> bytes:
    return run.secrets.read(file, "file with the backup's key").strip().encode() if file else b""
