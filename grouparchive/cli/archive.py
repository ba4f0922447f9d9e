"""Making an archive and checking one: `init` and `verify`."""

import os
from collections.abc import Mapping
from pathlib import Path

import click

from grouparchive.archive.create import create_archive
from grouparchive.archive.home import WriterHome
from grouparchive.archive.verify import verify as verify_archive
from grouparchive.archive.verify import verify_deep
from grouparchive.cli.app import Command
from grouparchive.cli.files import make_folder, write_new
from grouparchive.cli.output import many, size
from grouparchive.cli.profile import Config
from grouparchive.cli.surroundings import Run, start
from grouparchive.crypto.slots import (
    RecoveryKey,
    SlotRow,
    generate_recovery,
    new_passphrase_slots,
    new_recovery_slots,
    write_recovery_text,
)
from grouparchive.errors import Damaged, UsageError


@click.command(cls=Command)
@click.argument("file", type=click.Path())
@click.option("--recovery-file", metavar="OUT", help="Write the second way in to this file; print it or keep it apart.")
@click.option("--only-passphrase", is_flag=True, help="Have no second way in: a forgotten passphrase loses everything.")
@click.pass_context
def init(context: click.Context, file: str, recovery_file: str | None, *, only_passphrase: bool) -> None:
    r"""Make a new archive, and this machine its writer.

    A passphrase is made for you and shown once. A recovery file is the second way in: print it, or keep it on a stick, away
    from this machine. Neither stays here: this machine only ever adds to the archive and cannot read it back.

    \b
    Example:
      grouparchive init ~/group.gar --recovery-file /media/stick/recovery.txt
    """
    run = start(context)
    path = Path(file).expanduser().absolute()
    _refuse(run, path, recovery_file, only_passphrase=only_passphrase)
    second = _second_way(run, recovery_file, only_passphrase=only_passphrase)
    passphrase = run.secrets.new_passphrase()
    written: list[Path] = []

    def slots(archive_id: bytes, roots: Mapping[str, bytes]) -> list[SlotRow]:
        rows = new_passphrase_slots(passphrase, archive_id, 0, roots)
        if second is not None:
            key = generate_recovery()
            write_new(second, write_recovery_text(key, archive_id).encode())
            written.append(second)
            rows += new_recovery_slots(RecoveryKey(key), archive_id, 0, roots)
        return rows

    make_folder(run.profile.folder)
    home = WriterHome.create(run.profile.writer_folder)
    try:
        genesis = create_archive(path, home, slots)
        written.append(path)
        run.profile.save_config(Config(archive=os.fspath(path), archive_id=genesis.archive_id.hex()))
    except BaseException:
        for half in written:
            half.unlink(missing_ok=True)
        _remove_writer(run.profile.writer_folder)
        raise
    run.output.line(f"The archive is made, and this machine may add to it. Its id: {genesis.archive_id.hex()[:16]}")
    if second is not None:
        run.output.line("The recovery file is written. Move it away from this machine: it opens everything.")
    else:
        run.output.line("There is no second way in: without the passphrase the archive is lost.")
    run.output.note("Next: grouparchive source add NAME PLATFORM ...")
    run.output.done(archive_id=genesis.archive_id.hex(), recovery=second is not None)


def _refuse(run: Run, path: Path, recovery_file: str | None, *, only_passphrase: bool) -> None:
    if recovery_file and only_passphrase:
        raise UsageError("--recovery-file and --only-passphrase exclude each other")
    if run.options.key_file:
        raise UsageError("a new archive gets a new recovery file", hint="Name it with --recovery-file OUT.")
    if path.exists() or path.is_symlink():
        raise UsageError("a file of that name is there already, and is never overwritten", hint="Name another FILE.")
    if not path.parent.is_dir():
        raise UsageError("the folder for the archive is not there", hint="Make the folder first.")
    if run.profile.config() is not None:
        raise UsageError(
            "this profile belongs to an archive already", hint="For another archive use another --profile DIR."
        )
    if (run.profile.writer_folder / "id").exists():
        # No config names it: an earlier init was killed half-way, and no archive knows this writer.
        _remove_writer(run.profile.writer_folder)


def _second_way(run: Run, recovery_file: str | None, *, only_passphrase: bool) -> Path | None:
    """Where the recovery file goes; None for none, if a person said so."""
    if only_passphrase:
        return None
    if not recovery_file:
        missing, option = "a second way into the archive", "--recovery-file OUT (or say --only-passphrase)"
        run.output.note(
            "A second way in saves the archive when the passphrase is lost: a recovery file, to be kept apart."
        )
        recovery_file = run.secrets.text("File to write it to", missing=missing, option=option)
        if not recovery_file:
            question = "No recovery file: if the passphrase is lost, so is everything. Go on without?"
            if not run.secrets.choose(question, missing=missing, option=option):
                raise UsageError("no second way in was chosen", hint=f"Give it with {option}.")
            return None
    path = Path(recovery_file).expanduser().absolute()
    if path.exists():
        raise UsageError("the recovery file is there already, and is never overwritten", hint="Name another.")
    if not path.parent.is_dir():
        raise UsageError("the folder for the recovery file is not there", hint="Make the folder first.")
    return path


def _remove_writer(folder: Path) -> None:
    """Take away a writer that no archive knows."""
    for path in folder.iterdir() if folder.is_dir() else ():
        path.unlink()
    if folder.is_dir():
        folder.rmdir()


@click.command(cls=Command)
@click.option("--deep", is_flag=True, help="Also unlock, and decode every record and file.")
@click.pass_context
def verify(context: click.Context, *, deep: bool) -> None:
    r"""Check an archive: chain, signatures, every byte.

    Needs no secret. With --deep it asks for one, and opens and decodes everything as well. What is damaged is named by its
    commit; all else stays readable.

    \b
    Example:
      grouparchive verify
      grouparchive verify --deep --archive /media/stick/group.gar
    """
    run = start(context)
    problems: list[str] = []
    for path in run.archive_paths:
        with run.output.progress("Verifying") as progress:
            report = verify_archive(path, pinned=run.pinned(path), progress=progress.count)
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
            hint="Keep this file as it is and fetch another copy. What is not damaged can still be read and exported.",
        )
    run.output.line("Nothing is damaged, and no commit is missing between the first and the last.")
    run.output.done(damaged=0)
