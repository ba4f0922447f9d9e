"""Making an archive: `init`."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from grouparchive.archive.create import create_archive
from grouparchive.cli.app import Command
from grouparchive.cli.join import join
from grouparchive.cli.papers import Chosen, Papers, choose, new_file
from grouparchive.cli.profile import Config
from grouparchive.cli.surroundings import Run, start
from grouparchive.crypto.slots import SlotRow, new_passphrase_slots
from grouparchive.errors import UsageError


@click.command(cls=Command)
@click.argument("file", type=click.Path())
@click.option("--recovery-file", metavar="OUT", help="Write a second way in to this file; print it or keep it apart.")
@click.option("--shares", metavar="K/N", help="Any K of N people together can open everything; the members only so.")
@click.option("--shares-dir", metavar="DIR", help="The folder for the shares: one file for each person.")
@click.option("--only-passphrase", is_flag=True, help="Have no second way in: a forgotten passphrase loses everything.")
@click.option(
    "--detached", metavar="DIR", help="Recommended: put all keys into a keys file in DIR, and none into the archive."
)
@click.option("--join", "public", metavar="PUBLIC.json", help="A file of this machine's own for an archive elsewhere.")
@click.pass_context
def init(  # noqa: PLR0917 - click hands the options over by name
    context: click.Context,
    file: str,
    recovery_file: str | None,
    shares: str | None,
    shares_dir: str | None,
    detached: str | None,
    public: str | None,
    *,
    only_passphrase: bool,
) -> None:
    r"""Make a new archive, and this machine its writer.

    A passphrase is made for you and shown once. A second way in saves the archive when it is forgotten: a recovery file, or
    shares for people whom you trust. With shares, the passphrase and the recovery file open only the posts; who the members
    are can be seen only when enough holders come together, and they can do everything without you.

    Print these files, or keep them on a stick, away from this machine. Nothing of them stays here: this machine only ever adds
    to the archive and cannot read it back. With --detached, somebody who copies the archive cannot even try passphrases on it.

    \b
    Example:
      grouparchive init ~/group.gar --recovery-file /media/stick/recovery.txt --detached ~/keys
      grouparchive init ~/group.gar --shares 2/3 --shares-dir /media/stick/shares --detached ~/keys
      grouparchive init ~/second.gar --join public.json
    """
    run = start(context)
    path = Path(file).expanduser().absolute()
    _refuse(run, path)
    if public:
        if recovery_file or shares or shares_dir or detached or only_passphrase:
            raise UsageError(
                "with --join the keys are those of the other archive", hint="Leave the other options away."
            )
        join(run, path, Path(public).expanduser())
        return
    keys = _keys_place(path, detached) if detached else None
    chosen = choose(recovery_file, shares, shares_dir, keys)
    chosen = _second_way(run, chosen, only_passphrase=only_passphrase)
    passphrase = run.secrets.new_passphrase(run.options.passphrase_file)
    papers = Papers(chosen)

    def slots(archive_id: bytes, roots: Mapping[str, bytes]) -> list[SlotRow]:
        return papers.issue(archive_id, 0, roots, lambda opens: new_passphrase_slots(passphrase, archive_id, 0, opens))

    home = run.profile.new_writer()
    made = False
    try:
        genesis = create_archive(path, home, slots)
        made = True
        config = Config(
            archive=os.fspath(path), archive_id=genesis.archive_id.hex(), keys=os.fspath(keys) if keys else ""
        )
        run.profile.save_config(config)
    except BaseException:
        papers.take_back()
        if made:
            path.unlink(missing_ok=True)
        run.profile.drop_writer()
        raise
    _say_made(run, path, chosen, genesis.archive_id)


def _say_made(run: Run, path: Path, chosen: Chosen, archive_id: bytes) -> None:
    line = run.output.line
    line(f"The archive is made, and this machine may add to it. Its id: {archive_id.hex()[:16]}")
    what = "the posts" if chosen.shares else "everything"
    if chosen.recovery:
        line(f"The recovery file is written. Move it away from this machine: it opens {what}.")
    if chosen.shares:
        needed, total = chosen.shares
        line(
            f"{total} share files are written. Give each to another person and keep none here: {needed} open everything."
        )
        line("The passphrase opens the posts. Who the members are takes the shares.")
    if chosen.keys:
        line(
            "The keys file is written. Without it the passphrase opens nothing: keep a copy of it apart from the archive."
        )
        if chosen.keys.parent == path.parent:
            run.output.warn(
                "the keys file lies beside the archive: who copies the folder has both, so move one of them"
            )
    if not chosen.recovery and not chosen.shares:
        line("There is no second way in: without the passphrase the archive is lost.")
    run.output.note("Next: grouparchive source add NAME PLATFORM ...")
    run.output.done(
        archive_id=archive_id.hex(),
        recovery=chosen.recovery is not None,
        shares=chosen.shares[1] if chosen.shares else 0,
        detached=chosen.keys is not None,
    )


def _refuse(run: Run, path: Path) -> None:
    if run.options.key_files or run.options.share_files:
        raise UsageError(
            "a new archive gets new keys", hint="Choose them with --recovery-file OUT or --shares K/N --shares-dir DIR."
        )
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
        run.profile.drop_writer()


def _keys_place(path: Path, folder: str) -> Path:
    """Where the keys file goes."""
    place = Path(folder).expanduser().absolute()
    if not place.is_dir():
        raise UsageError("the folder for the keys file is not there", hint="Make the folder first.")
    return new_file(place / f"{path.name}.keys", "keys file")


def _second_way(run: Run, chosen: Chosen, *, only_passphrase: bool) -> Chosen:
    """What was chosen, with a second way in unless a person said that there shall be none."""
    if chosen.recovery or chosen.shares:
        if only_passphrase:
            raise UsageError("--only-passphrase excludes --recovery-file and --shares")
        return chosen
    if only_passphrase:
        return chosen
    missing = "a second way into the archive"
    option = "--recovery-file OUT, or --shares K/N --shares-dir DIR (or say --only-passphrase)"
    run.output.note("A second way in saves the archive when the passphrase is lost: a recovery file, to be kept apart.")
    where = run.secrets.text("File to write it to", missing=missing, option=option)
    if where:
        return replace(chosen, recovery=new_file(where, "recovery file"))
    question = "No recovery file: if the passphrase is lost, so is everything. Go on without?"
    if not run.secrets.choose(question, missing=missing, option=option):
        raise UsageError("no second way in was chosen", hint=f"Give it with {option}.")
    return chosen
