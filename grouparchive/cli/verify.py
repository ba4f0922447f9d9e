"""Checking an archive, and saving what is whole in a damaged one: `verify`."""

from pathlib import Path

import click

from grouparchive.archive.repair import repair as repair_archive
from grouparchive.archive.verify import verify as verify_archive
from grouparchive.archive.verify import verify_deep
from grouparchive.cli.app import Command
from grouparchive.cli.output import many, size
from grouparchive.cli.surroundings import Run, start
from grouparchive.errors import Damaged, UsageError


@click.command(cls=Command)
@click.option("--deep", is_flag=True, help="Also unlock, and decode every record and file.")
@click.option("--repair", metavar="OUT", help="Save what is whole to this new file, from all copies named.")
@click.pass_context
def verify(context: click.Context, *, deep: bool, repair: str | None) -> None:
    r"""Check an archive: chain, signatures, every byte.

    Needs no secret. With --deep it asks for one, and opens and decodes everything as well. What is damaged is named by its
    commit; all else stays readable.

    With --repair it writes a new file with everything that is whole in any of the copies you name, and says what is lost for
    good. Needs no secret either, works when the file can no longer be opened, and never changes a copy.

    \b
    Example:
      grouparchive verify
      grouparchive verify --deep --archive /media/stick/group.gar
      grouparchive verify --repair new.gar --archive group.gar --archive /media/stick/group.gar
    """
    run = start(context)
    if repair is None:
        _verify(run, deep=deep)
    elif deep:
        raise UsageError(
            "--repair and --deep exclude each other", hint="Repair first, then: verify --deep --archive OUT"
        )
    else:
        _repair(run, Path(repair).expanduser().absolute())


def _verify(run: Run, *, deep: bool) -> None:
    problems: list[str] = []
    paths = run.archive_paths
    for path in paths:
        try:
            with run.output.progress("Verifying") as progress:
                report = verify_archive(path, pinned=run.pinned(path), progress=progress.count)
        except Damaged as error:
            if len(paths) == 1:
                raise
            problems.append(error.message)
            continue
        run.output.line(
            f"{many(report.commits, 'commit')} by {many(report.writers, 'writer')}, "
            f"{many(report.objects, 'object')}, {size(report.size)}"
        )
        run.output.event("archive", commits=report.commits, objects=report.objects, bytes=report.size)
        problems += report.problems
    if deep and not problems:
        for reader in run.unlock():
            with run.output.progress("Decoding") as progress:
                found = verify_deep(reader, progress=progress.count)
            problems += found.problems
            run.output.line(
                f"{many(found.records, 'record')} and {many(found.blobs, 'file')} decoded, {size(found.size)}"
            )
            run.output.event("decoded", records=found.records, files=found.blobs, bytes=found.size)
    for problem in problems:
        run.output.line(problem)
        run.output.event("damage", text=problem)
    if problems:
        raise Damaged(
            f"the archive is damaged: {problems[0]}",
            hint="Keep this file as it is: what is not damaged can still be read. With another copy at hand, both together may "
            "make a whole one: grouparchive verify --repair NEW-FILE --archive THIS --archive OTHER",
        )
    run.output.line("Nothing is damaged, and no commit is missing between the first and the last.")
    run.output.done(damaged=0)


def _repair(run: Run, out: Path) -> None:
    paths = run.archive_paths
    if not out.parent.is_dir():
        raise UsageError("the folder for the new file is not there", hint="Make the folder first.")
    pinned = next((pin for pin in map(run.pinned, paths) if pin is not None), None)
    with run.output.progress("Saving what is whole") as progress:
        found = repair_archive(paths, out, pinned=pinned, progress=progress.count)
    report = found.report
    run.output.line(
        f"Saved to the new file: {many(report.commits, 'commit')} by {many(report.writers, 'writer')}, {size(report.size)}"
    )
    for sentence in found.lost:
        run.output.line(f"Lost for good: {sentence}")
        run.output.event("lost", text=sentence)
    if found.doubtful:
        run.output.warn(
            f"for {many(found.doubtful, 'object')} the copies hold different keys, and without a secret nobody can tell which "
            "are right. Check the new file with: grouparchive verify --deep --archive OUT. If it finds damage, repair "
            "again and name the copies in another order"
        )
    if found.lost:
        raise Damaged(
            f"{many(len(found.lost), 'piece')} could not be saved, first: {found.lost[0]}; the new file holds everything else",
            hint="Keep the damaged files as they are. If another copy turns up, run this again, into another new file, and "
            "name it as well with one more --archive.",
        )
    run.output.line(
        "Nothing is lost: the new file is whole. Check it with your secret as well, then use it in place of the old:"
    )
    run.output.line("  grouparchive verify --deep --archive OUT")
    run.output.done(lost=0, doubtful=found.doubtful, commits=report.commits, objects=report.objects)
