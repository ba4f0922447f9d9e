"""Checking an archive, and saving what is whole in a damaged one: `verify`."""

from pathlib import Path

import click

from grouparchive.archive.reader import Archive
from grouparchive.archive.repair import repair as repair_archive
from grouparchive.archive.verify import verify as verify_archive
from grouparchive.archive.verify import verify_deep
from grouparchive.archive.witness import Position, newest
from grouparchive.cli.app import Command
from grouparchive.cli.output import many, size
from grouparchive.cli.qr import signs
from grouparchive.cli.surroundings import Run, start
from grouparchive.cli.times import when
from grouparchive.cli.witnesses import proved
from grouparchive.crypto.words import check_words
from grouparchive.errors import Damaged, UsageError

_A_LINE = 5


@click.command(cls=Command)
@click.option("--deep", is_flag=True, help="Also unlock, and decode every record and file.")
@click.option("--repair", metavar="OUT", help="Save what is whole to this new file, from all copies named.")
@click.option("--witness", "witnesses", metavar="W", multiple=True, help="The words noted before, or a file with them.")
@click.option("--print-witness", is_flag=True, help="Show the words that prove the archive as it is now.")
@click.pass_context
def verify(
    context: click.Context, *, deep: bool, repair: str | None, witnesses: tuple[str, ...], print_witness: bool
) -> None:
    r"""Check an archive: chain, signatures, every byte.

    Needs no secret. With --deep it asks for one, and opens and decodes everything as well. What is damaged is named by its
    commit; all else stays readable.

    With --repair it writes a new file with everything that is whole in any of the copies you name, and says what is lost for
    good. Needs no secret either, works when the file can no longer be opened, and never changes a copy.

    A witness is 13 words that stand for the archive as it is now. Kept on paper, away from this machine and from all copies,
    they prove later that nothing was taken out, changed, or rolled back since: --witness fails when an older or another archive
    lies there. Note new ones from time to time.

    \b
    Example:
      grouparchive verify --print-witness
      grouparchive verify --witness "enjoy mother senior ..."
      grouparchive verify --deep --archive /media/stick/group.gar
      grouparchive verify --repair new.gar --archive group.gar --archive /media/stick/group.gar
    """
    run = start(context)
    if repair is None:
        _verify(run, deep=deep, witnesses=witnesses, print_witness=print_witness)
    elif deep or witnesses or print_witness:
        raise UsageError(
            "--repair goes alone", hint="Repair first, then look at the new file: verify --deep --archive OUT"
        )
    else:
        _repair(run, Path(repair).expanduser().absolute())


def _verify(run: Run, *, deep: bool, witnesses: tuple[str, ...], print_witness: bool) -> None:
    problems, suspect = _each_copy(run)
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
    if suspect:
        run.output.warn(
            f"{many(suspect, 'commit')} suspect: the clock of the machine was wrong, or somebody else had it. Which ones: "
            "grouparchive writer list -v"
        )
    run.output.line("Nothing is damaged, and no commit is missing between the first and the last.")
    archives = run.open() if witnesses or print_witness else []
    _prove(run, archives, witnesses)
    if print_witness:
        _print_witness(run, newest(archives))
    run.output.done(damaged=0, suspect=suspect)


def _each_copy(run: Run) -> tuple[list[str], int]:
    """What is wrong with the copies, each by itself and all together; how many commits are suspect."""
    problems: list[str] = []
    suspect = 0
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
        run.output.line(f"Check-words, as on the sheets of its kit: {' '.join(check_words(report.archive_id))}")
        problems += report.problems
        suspect = max(suspect, report.suspect)
    if len(paths) > 1 and not problems:  # each is whole by itself: do they belong together?
        problems += [sentence for archive in run.open() for sentence in archive.damage]
    return problems, suspect


def _prove(run: Run, archives: list[Archive], witnesses: tuple[str, ...]) -> None:
    """Hold what was noted elsewhere against what is here."""
    for found in proved(archives, witnesses):
        what = "statement" if found.of_owner else "commit"
        after = sum(
            position.seq - found.seq for position in newest(archives) if position.writer == found.writer
        )  # one of each chain
        run.output.line(
            f"The witness fits {what} {found.seq} of {when(found.time)}: all up to there is as it was when you noted it."
        )
        run.output.line(f"Since then: {many(after, what)}.")
        run.output.event(
            "witness", writer=found.writer, seq=found.seq, time=found.time, owner=found.of_owner, after=after
        )


def _print_witness(run: Run, positions: list[Position]) -> None:
    for position in positions:
        what = "the owner's statements" if position.of_owner else f"machine {position.writer[:8]}"
        run.output.line()
        run.output.line(f"Witness of {what}, up to number {position.seq} of {when(position.time)}:")
        numbered = [f"{place}. {word}" for place, word in enumerate(position.words, 1)]
        for first in range(0, len(numbered), _A_LINE):
            run.output.line("    " + "  ".join(numbered[first : first + _A_LINE]))
        run.output.line(signs(" ".join(position.words)))
        run.output.event(
            "print-witness",
            writer=position.writer,
            seq=position.seq,
            time=position.time,
            owner=position.of_owner,
            words=" ".join(position.words),
        )
    run.output.note(
        "Write the words down, or photograph the square, and keep them where nobody reaches who reaches the archive."
    )


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
