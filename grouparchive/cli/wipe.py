"""`wipe`: for the moment when somebody is at the door. Asks nothing, waits for nothing, needs no secret."""

from pathlib import Path

import click

from grouparchive.cli import schedule
from grouparchive.cli.app import Command
from grouparchive.cli.erasing import erase_profile
from grouparchive.cli.output import many
from grouparchive.cli.surroundings import Run, start
from grouparchive.errors import GroupArchiveError, UsageError


@click.command(cls=Command)
@click.option("--now", is_flag=True, help="Do it. Without this, it is only told.")
@click.pass_context
def wipe(context: click.Context, *, now: bool) -> None:
    r"""In danger: erase this machine's keys and credentials at once.

    Erases everything in the profile: the credentials of all sources, the key that signs backups, local keys, settings and
    notes; and removes its timers. Asks nothing. The archive stays, and can be opened with the secrets kept elsewhere.

    \b
    Example:
      grouparchive wipe --now
    """
    run = start(context)
    if not now:
        run.output.line("This would erase everything in this machine's profile, at once and for good:")
        run.output.line("  - the credentials of all sources, and the settings;")
        run.output.line("  - the key that signs backups, the local keys, and what was noted about runs;")
        run.output.line("  - the timers that start backups.")
        run.output.line("The archive would stay.")
        raise UsageError("nothing was erased: --now is missing", hint="To do it: grouparchive wipe --now")
    done = erase_profile(run.profile.folder, keep=_archives(run))
    failed = len(done.failed)
    _tell(run, done.files, done.others)
    timers = _remove_timers(run)
    run.output.event("wipe", erased=done.files, failed=failed, others=done.others, timers=timers)
    if failed:
        raise GroupArchiveError(
            f"{many(failed, 'file')} of the profile could not be erased",
            hint="Run this again. If it says the same, delete the profile's folder by hand. "
            "Revoke the credentials at the platform from another device in any case.",
        )
    run.output.done(erased=done.files)


def _archives(run: Run) -> list[Path]:
    """The archives that we know of: they stay, wherever they lie."""
    try:
        config = run.profile.config()
    except (GroupArchiveError, OSError):
        config = None  # damaged, and that is no reason to wait
    return [*run.options.archives, *([Path(config.archive)] if config else [])]


def _remove_timers(run: Run) -> int:
    removed = 0
    try:
        for name in schedule.scheduled(run.profile.folder):
            removed += schedule.take_away(name)
    except (GroupArchiveError, OSError):
        run.output.warn(
            "a timer of this profile may be left. It starts backups that fail, and names the profile's folder; "
            "look at: systemctl --user list-timers, crontab -l"
        )
    return removed


def _tell(run: Run, files: int, others: int) -> None:
    say = run.output.line
    if files:
        say(f"{many(files, 'file')} erased. This machine can no longer reach the group or add to the archive.")
    else:
        run.output.warn("there was nothing to erase in this profile; if yours is another, name it with --profile DIR")
    if others:
        say(f"The folder itself stays: it holds {many(others, 'other file')} that backups did not put there.")
    say(
        "The archive stays. It can be opened with the secrets that are kept elsewhere: passphrase, recovery file, shares."
    )
    say("Now, from another device: revoke this machine's access at the platform, or change the password.")
    say(
        "A backup that runs here at this moment holds its credential until it fails. Switching the machine off ends it."
    )
    say("On SSDs, sticks and phones erased bytes may survive. Only a disk that is encrypted protects against that.")
    say("What you saved elsewhere on this machine is still there: recovery files, keys, plans, exports.")
