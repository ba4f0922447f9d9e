"""`key rotate`: new keys for the whole archive, and new ways in. Part of the family in keys.py."""

from collections.abc import Mapping
from pathlib import Path

import click

from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.rotate import Ways
from grouparchive.archive.rotate import rotate as rotate_archive
from grouparchive.cli.app import Command
from grouparchive.cli.files import read_bounded
from grouparchive.cli.papers import Chosen, Papers, choose, new_file
from grouparchive.cli.rewriting import tell_elsewhere
from grouparchive.cli.surroundings import Run, start
from grouparchive.crypto.keyfile import read_keys_text
from grouparchive.crypto.recovery import read_recovery_text
from grouparchive.crypto.slots import Passphrase, RecoveryKey, Shares, SlotRow, Unlocking, new_passphrase_slots
from grouparchive.crypto.vaults import KeyRing, VaultKey
from grouparchive.durable import sync_folder
from grouparchive.errors import GroupArchiveError, UsageError, WrongSecret
from grouparchive.model.records import VAULTS


@click.command(cls=Command)
@click.option("--recovery-file", metavar="OUT", help="Write the new recovery file to this file.")
@click.option("--shares", metavar="K/N", help="A new set of shares: any K of N people together can open everything.")
@click.option("--shares-dir", metavar="DIR", help="The folder for the shares: one file for each person.")
@click.option("--new-passphrase", is_flag=True, help="Have a new passphrase, too; else the present one stays.")
@click.option(
    "--new-passphrase-file", metavar="F", help="Read the new passphrase from a file; - is the standard input."
)
@click.pass_context
def rotate(
    context: click.Context,
    recovery_file: str | None,
    shares: str | None,
    shares_dir: str | None,
    new_passphrase_file: str | None,
    *,
    new_passphrase: bool,
) -> None:
    r"""Change the keys of the whole archive, after a secret got into wrong hands.

    All ways in are new; older recovery files and shares open the archive no more. The passphrase stays, unless you ask for a
    new one. Copies that were made before open with the old secrets for ever.

    It needs a secret that opens both the posts and the members, and room for a second file of the archive's size for a while.

    \b
    Example:
      grouparchive key rotate --recovery-file /media/stick/recovery-2.txt --new-passphrase
      grouparchive key rotate --share-file a.txt --share-file b.txt --shares 2/3 --shares-dir /media/stick/shares-2
    """
    run = start(context)
    run.writing_path()
    archive = run.open()[0]
    keys = _keys_file(run, archive)
    after = new_file(keys.with_name(f"{keys.name}.new"), "new keys file") if keys else None
    chosen = choose(recovery_file, shares, shares_dir, after)
    _refuse(run, archive, chosen)
    opened, apart = run.secrets.unlock(
        archive, lambda secret, rows: (archive.roots(secret, rows), rows), run.keys_file(archive)
    )
    if opened.keys() < set(VAULTS):
        raise WrongSecret(
            "this secret does not open both the posts and the members",
            hint="Changing the keys needs one that does: where there are shares, enough of them.",
        )
    passphrase = _passphrase(run, archive, apart, new_passphrase_file, new=new_passphrase)
    papers = Papers(chosen)

    def ways(archive_id: bytes, epoch: int, roots: Mapping[str, bytes]) -> Ways:
        inside = papers.issue(
            archive_id, epoch, roots, lambda alone: new_passphrase_slots(passphrase, archive_id, epoch, alone)
        )
        return _as_written(chosen, archive_id, passphrase, inside)

    reader = Reader(
        archive, {vault: KeyRing({one.epoch: VaultKey.from_root(one.root)}) for vault, one in opened.items()}
    )
    own = run.pinned(run.writing_path()) is not None
    try:
        with run.output.progress("Changing the keys") as progress:
            epoch = rotate_archive(
                reader,
                {vault: one.root for vault, one in opened.items()},
                ways,
                home=WriterHome.load(run.profile.writer_folder) if own else None,
                progress=progress.count,
            )
    except BaseException:
        if _stands(archive):  # then these papers are what opens it
            _take_over(after, keys)
        else:
            papers.take_back()
        raise
    _take_over(after, keys)
    kept = not (new_passphrase or new_passphrase_file)
    _say(run, chosen, keys, kept=kept)
    run.output.done(
        epoch=epoch,
        recovery=chosen.recovery is not None,
        shares=chosen.shares[1] if chosen.shares else 0,
        passphrase="kept" if kept else "new",
    )


def _stands(before: Archive) -> bool:
    """Has a file with newer keys taken the archive's place? Where nobody can tell, it may have."""
    try:
        with Archive.open(before.path) as now:
            return now.statements.keys[-1].epoch > before.statements.keys[-1].epoch
    except GroupArchiveError:
        return True


def _take_over(after: Path | None, keys: Path | None) -> None:
    if keys and after:
        after.replace(keys)
        sync_folder(keys.parent)


def _keys_file(run: Run, archive: Archive) -> Path | None:
    """The keys file, where the archive itself holds no keys."""
    keys = run.secrets.keys_file(run.keys_file(archive))
    if keys is None and not archive.slots:
        raise UsageError(
            "the keys of this archive are in a keys file, and only there can they be changed",
            hint="Name it with --key-file F; its name ends in .keys.",
        )
    return keys


def _refuse(run: Run, archive: Archive, chosen: Chosen) -> None:
    if not chosen.recovery and not chosen.shares:
        raise UsageError(
            "new keys need new ways in beside the passphrase",
            hint="Give --recovery-file OUT, or --shares K/N --shares-dir DIR, or both.",
        )
    rows = [*archive.slots, *run.secrets.apart(archive, run.keys_file(archive))]
    if not chosen.shares and any(row.type == "shares" for row in rows):
        raise UsageError(
            "who the members are can be seen only when the holders of shares come together, and that shall stay so",
            hint="Give --shares K/N --shares-dir DIR for a new set of shares.",
        )


def _passphrase(run: Run, archive: Archive, apart: list[SlotRow], where: str | None, *, new: bool) -> Passphrase:
    """The passphrase from now on: a new one, or the one that opens the archive now."""
    present = None if new or where else run.secrets.present_passphrase()
    if present is None:
        return run.secrets.new_passphrase(where, "--new-passphrase-file F")
    archive.roots(present, apart)
    return present


def _as_written(chosen: Chosen, archive_id: bytes, passphrase: Passphrase, inside: list[SlotRow]) -> Ways:
    """The new ways in, read back from what was written for people: that is what must open the archive."""
    secrets: list[Unlocking] = [passphrase]
    if chosen.recovery:
        secrets.append(RecoveryKey(read_recovery_text(_text(chosen.recovery, "recovery file"), archive_id)))
    if chosen.shares and chosen.folder:
        names = [f"share-{number + 1}.txt" for number in range(chosen.shares[0])]
        secrets.append(Shares(tuple(_text(chosen.folder / name, "share file") for name in names)))
    outside = read_keys_text(_text(chosen.keys, "keys file"), archive_id) if chosen.keys else []
    return Ways(inside, outside, secrets)


def _text(path: Path, what: str) -> str:
    return read_bounded(path, what).decode()


def _say(run: Run, chosen: Chosen, keys: Path | None, *, kept: bool) -> None:
    line = run.output.line
    line("The keys are changed, and everything in the archive is sealed to the new ones.")
    if chosen.recovery:
        line("The new recovery file is written. Keep it away from this machine, and burn the old one.")
    if chosen.shares:
        needed, total = chosen.shares
        line(
            f"{total} new share files are written. Give each to its holder: {needed} open everything. The old ones are void."
        )
    if keys:
        line("The keys file was replaced. Copies of it must be replaced, too.")
    if kept:
        line("The passphrase is still the same: whoever knows it opens this archive. For another: --new-passphrase")
    run.output.warn("Whoever has an older copy of the archive and an old secret can read that copy, now and later.")
    tell_elsewhere(run)
