"""`schedule`: runs a backup every few hours, by a systemd user timer or, where there is none, by cron.

What is written for them holds paths, the source's name and nothing secret.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click

from grouparchive.cli.app import Command, Family
from grouparchive.cli.files import make_folder
from grouparchive.cli.profile import check_name, is_name
from grouparchive.cli.surroundings import Run, start
from grouparchive.durable import write_whole
from grouparchive.errors import GroupArchiveError, UsageError

_EVERY = re.compile(r"([1-9][0-9]{0,3})\s*(m|min|h|d)")
_MINUTES = {"m": 1, "min": 1, "h": 60, "d": 1440}
_LEAST, _MOST = 15, 7 * 1440
_TOOL_SECONDS = 30


def parse_every(text: str) -> int:
    """An interval in minutes: "30m", "6h", "1d".

    Raises:
        UsageError: it is none, or shorter than 15 minutes or longer than a week.
    """
    match = _EVERY.fullmatch(text.strip().lower())
    minutes = int(match[1]) * _MINUTES[match[2]] if match else 0
    if not _LEAST <= minutes <= _MOST:
        raise UsageError("--every is a time between 15m and 7d", hint="For example: --every 6h")
    return minutes


def command_line(run: Run, name: str) -> list[str]:
    """What the timer runs."""
    script = Path(sys.executable).parent / "grouparchive"
    program = [os.fspath(script)] if script.exists() else [sys.executable, "-m", "grouparchive"]
    return [*program, "--profile", os.fspath(run.profile.folder), "--no-input", "-q", "backup", name]


# --- systemd -----------------------------------------------------------------------------------------------------------


def unit_quote(word: str) -> str:
    """A word for a line of a systemd unit: quoted, with the signs that systemd would expand doubled."""
    if any(ord(sign) < 32 for sign in word):
        raise UsageError("a path with a line break in it cannot be scheduled")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def service_unit(command: list[str]) -> str:
    """The unit that makes one backup. It yields to everything else the machine does; exit code 3 is no failure of the unit."""
    return (
        "[Unit]\n"
        "Description=grouparchive backup\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"ExecStart={' '.join(map(unit_quote, command))}\n"
        "SuccessExitStatus=3\n"
        "UMask=0077\n"
        "Nice=10\n"
        "IOSchedulingClass=idle\n"
    )


def timer_unit(minutes: int) -> str:
    """The timer. Persistent: a run that was missed while the machine slept or was off is made up for."""
    return (
        "[Unit]\n"
        "Description=grouparchive backup timer\n"
        "\n"
        "[Timer]\n"
        f"OnCalendar={calendar(minutes)}\n"
        "Persistent=true\n"
        f"RandomizedDelaySec={min(900, minutes * 6)}\n"
        "\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    )


def calendar(minutes: int) -> str:
    """An interval as systemd's calendar, at the next even division of an hour or a day (only those catch up after sleep)."""
    if minutes < 60:
        return f"*:0/{_even(minutes, 60)}"
    if minutes < 1440:
        return f"0/{_even(minutes // 60, 24)}:00"
    days = minutes // 1440
    return "daily" if days == 1 else "weekly" if days == 7 else f"*-*-1/{days} 00:00"


def _even(step: int, whole: int) -> int:
    """The largest divisor of the whole that is no longer than the step: never less often than asked."""
    return max(part for part in range(1, step + 1) if whole % part == 0)


# --- cron --------------------------------------------------------------------------------------------------------------


def cron_line(minutes: int, command: list[str], name: str) -> str:
    """One line of a crontab, marked so that it is found again."""
    if any("%" in word or "\n" in word for word in command):
        raise UsageError("a path with % or a line break in it cannot be scheduled with cron")
    if minutes < 60:
        times = f"*/{_even(minutes, 60)} * * * *"
    elif minutes < 1440:
        times = f"17 */{_even(minutes // 60, 24)} * * *"
    else:
        times = f"17 3 */{minutes // 1440} * *"
    return f"{times} {shlex.join(command)} {marker(name)}"


def marker(name: str) -> str:
    """How our line in a crontab ends."""
    return f"# grouparchive {name}"


def with_line(crontab: str, name: str, line: str) -> str:
    """A crontab with our line for a source replaced, or taken out for "". All other lines stay as they are."""
    kept = [one for one in crontab.splitlines() if not one.endswith(marker(name))]
    return "".join(f"{one}\n" for one in [*kept, *([line] if line else [])])


# --- commands ----------------------------------------------------------------------------------------------------------


@click.group(cls=Family)
def schedule() -> None:
    r"""Run a backup by itself, every few hours.

    Uses a systemd user timer, or cron where there is none. A run missed while the machine slept is made up for (systemd).

    \b
    Example:
      grouparchive schedule install home --every 6h
      grouparchive schedule show home
    """


@schedule.command(cls=Command)
@click.argument("name")
@click.option("--every", default="6h", show_default=True, metavar="TIME", help="How often: 30m, 6h, 1d.")
@click.pass_context
def install(context: click.Context, name: str, every: str) -> None:
    r"""Back up a source every few hours.

    \b
    Example:
      grouparchive schedule install home --every 6h
    """
    run = start(context)
    minutes = parse_every(every)
    run.profile.source_file(name)
    run.profile.must_config()
    command = command_line(run, name)
    if _has_systemd():
        folder = units_folder()
        make_folder(folder)
        write_whole(folder / f"{unit(name)}.service", service_unit(command).encode())
        write_whole(folder / f"{unit(name)}.timer", timer_unit(minutes).encode())
        _tool("systemctl", "--user", "daemon-reload")
        _tool("systemctl", "--user", "enable", "--now", f"{unit(name)}.timer")
        kind = "systemd"
        run.output.note(
            "While you are logged out, user timers run only after: loginctl enable-linger (once, for your account)."
        )
    else:
        _tool("crontab", "-", given=with_line(_crontab(), name, cron_line(minutes, command, name)))
        kind = "cron"
        run.output.note("cron makes up for nothing: a machine that sleeps at the time misses the run.")
    run.output.line(f"{name} is backed up every {every} from now on ({kind}).")
    run.output.done(name=name, kind=kind, minutes=minutes)


@schedule.command(cls=Command)
@click.argument("name")
@click.pass_context
def show(context: click.Context, name: str) -> None:
    r"""Show what is scheduled for a source.

    \b
    Example:
      grouparchive schedule show home
    """
    run = start(context)
    check_name(name)
    text, kind = "", ""
    timer = units_folder() / f"{unit(name)}.timer"
    if timer.exists():
        kind = "systemd"
        text = timer.read_text() + "\n" + timer.with_suffix(".service").read_text()
    elif shutil.which("crontab"):
        lines = [line for line in _crontab().splitlines() if line.endswith(marker(name))]
        kind, text = ("cron", lines[0]) if lines else ("", "")
    if not text:
        run.output.line("Nothing is scheduled for this source.")
    for line in text.splitlines():
        run.output.line(line)
    run.output.done(name=name, kind=kind or None, text=text)


@schedule.command(cls=Command)
@click.argument("name")
@click.pass_context
def remove(context: click.Context, name: str) -> None:
    r"""Stop backing up a source by itself.

    \b
    Example:
      grouparchive schedule remove home
    """
    run = start(context)
    check_name(name)
    removed = take_away(name)
    run.output.line("It is not scheduled any more." if removed else "Nothing was scheduled for this source.")
    run.output.done(name=name, removed=removed)


def take_away(name: str) -> bool:
    """Remove the timer of a source. Was there one?

    Raises:
        GroupArchiveError: systemd or cron refused.
    """
    removed = False
    timer = units_folder() / f"{unit(name)}.timer"
    if timer.exists():
        if _has_systemd():
            _tool("systemctl", "--user", "disable", "--now", f"{unit(name)}.timer")
        timer.unlink()
        timer.with_suffix(".service").unlink(missing_ok=True)
        if _has_systemd():
            _tool("systemctl", "--user", "daemon-reload")
        removed = True
    if shutil.which("crontab"):
        before = _crontab()
        after = with_line(before, name, "")
        if any(line.endswith(marker(name)) for line in before.splitlines()):
            _tool("crontab", "-", given=after)
            removed = True
    return removed


def scheduled(profile: Path) -> list[str]:
    """The names of all sources of a profile that have a timer, as the timers tell it: the profile may be gone.

    Raises:
        GroupArchiveError: cron's table cannot be read.
    """
    folder = os.fspath(profile)
    names = set()
    quoted = f"{unit_quote('--profile')} {unit_quote(folder)} "
    for service in units_folder().glob("grouparchive-*.service"):
        if quoted in service.read_text(errors="replace"):
            names.add(service.stem.removeprefix("grouparchive-"))
    if shutil.which("crontab"):
        words = f" {shlex.join(['--profile', folder])} "
        for line in _crontab().splitlines():
            command, ours, name = line.rpartition(marker(""))
            if ours and words in command:
                names.add(name)
    return sorted(name for name in names if is_name(name))


def unit(name: str) -> str:
    """The name of a source's units."""
    return f"grouparchive-{check_name(name)}"


def units_folder() -> Path:
    """Where a user's own units are."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".config") / "systemd" / "user"


def _has_systemd() -> bool:
    """Does a systemd for this user run here?"""
    if not shutil.which("systemctl"):
        return False
    asked = _run(["systemctl", "--user", "show-environment"])
    return asked.returncode == 0


def _crontab() -> str:
    if not shutil.which("crontab"):
        raise GroupArchiveError(
            "this machine has neither a systemd for users nor cron",
            hint="Install cron, or let any scheduler you have run: grouparchive --no-input -q backup NAME",
        )
    listed = _run(["crontab", "-l"])
    if listed.returncode == 0:
        return listed.stdout
    if "no crontab" in listed.stderr:
        return ""
    raise GroupArchiveError("cron's table cannot be read, and so is not touched", hint="Look at: crontab -l")


def _tool(*command: str, given: str | None = None) -> None:
    done = _run(list(command), given=given)
    if done.returncode != 0:
        raise GroupArchiveError(
            f"{command[0]} refused to set the timer", hint="Try it by hand, or use another scheduler."
        )


def _run(command: list[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - fixed words and paths of our own, no shell
            command,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TOOL_SECONDS,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GroupArchiveError(f"{command[0]} does not answer") from error
