"""Timers: what is written for systemd and cron. Nothing is set on the machine that runs the tests."""

import os
import shlex
from pathlib import Path

import pytest
from cli_machine import Machine

from grouparchive.cli import schedule
from grouparchive.errors import UsageError

COMMAND = ["/opt/a b/grouparchive", "--profile", '/home/x/100% "quoted" $HOME', "--no-input", "-q", "backup", "home"]


@pytest.mark.parametrize(
    ("every", "minutes", "calendar"),
    [
        ("15m", 15, "*:0/15"), ("40min", 40, "*:0/30"), ("1h", 60, "0/1:00"), ("6h", 360, "0/6:00"),
        ("7h", 420, "0/6:00"), ("1d", 1440, "daily"), ("24h", 1440, "daily"),
        ("2d", 2880, "*-*-1/2 00:00"), ("7d", 10080, "weekly"),
    ],
)  # fmt: skip
def test_intervals(every: str, minutes: int, calendar: str) -> None:
    assert schedule.parse_every(every) == minutes
    assert schedule.calendar(minutes) == calendar


@pytest.mark.parametrize("every", ["", "6", "1m", "8d", "0h", "-6h", "6h; rm -rf /", "99999h"])
def test_what_is_no_interval(every: str) -> None:
    with pytest.raises(UsageError):
        schedule.parse_every(every)


def test_units_quote_paths() -> None:
    line = next(line for line in schedule.service_unit(COMMAND).splitlines() if line.startswith("ExecStart="))
    assert line == (
        'ExecStart="/opt/a b/grouparchive" "--profile" "/home/x/100%% \\"quoted\\" $$HOME" "--no-input" "-q" "backup" "home"'
    )
    assert "Persistent=true" in schedule.timer_unit(360)
    with pytest.raises(UsageError):
        schedule.service_unit(["/bin/x", "a\nExecStart=/bin/evil"])


def test_cron_lines_keep_the_lines_of_others() -> None:
    command = ["/opt/a b/grouparchive", "backup", "home"]
    line = schedule.cron_line(360, command, "home")
    assert line == f"17 */6 * * * {shlex.join(command)} # grouparchive home"
    before = "MAILTO=x\n5 4 * * * other # grouparchive home-2\n"
    once = schedule.with_line(before, "home", line)
    assert once == before + line + "\n"
    assert schedule.with_line(once, "home", line) == once
    assert schedule.with_line(once, "home", "") == before
    with pytest.raises(UsageError):
        schedule.cron_line(360, COMMAND, "home")


def script(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(kept: Machine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for systemctl and crontab, and nothing else of them on the way."""
    folder = kept.folder / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_systemd_timer_comes_and_goes(kept: Machine, tools: Path) -> None:
    log = tools / "log"
    script(tools, "systemctl", f'echo "$@" >> "{log}"')
    script(tools, "crontab", 'echo "no crontab for x" >&2; exit 1')
    done = kept.run("schedule", "install", "home", "--every", "6h", "--json").done
    assert done["kind"] == "systemd"
    units = kept.folder / ".config" / "systemd" / "user"
    service = (units / "grouparchive-home.service").read_text()
    assert str(kept.profile) in service
    assert "--no-input" in service
    assert "passphrase" not in service
    assert "enable --now grouparchive-home.timer" in log.read_text()
    assert "0/6:00" in kept.run("schedule", "show", "home").out
    kept.run("schedule", "remove", "home")
    assert list(units.iterdir()) == []
    assert kept.run("schedule", "remove", "home", "--json").done["removed"] is False


def test_cron_where_there_is_no_systemd(kept: Machine, tools: Path) -> None:
    table = tools / "table"
    table.write_text("1 2 3 4 5 something\n")
    script(tools, "systemctl", "exit 1")
    script(
        tools,
        "crontab",
        f'if [ "$1" = -l ]; then cat "{table}"; else cat > "{table}.new" && mv "{table}.new" "{table}"; fi',
    )
    assert kept.run("schedule", "install", "home", "--every", "1d", "--json").done["kind"] == "cron"
    assert table.read_text().startswith("1 2 3 4 5 something\n17 3 */1 * * ")
    assert "backup home" in kept.run("schedule", "show", "home").out
    kept.run("schedule", "remove", "home")
    assert table.read_text() == "1 2 3 4 5 something\n"


def test_a_crontab_that_cannot_be_read_is_not_overwritten(kept: Machine, tools: Path) -> None:
    script(tools, "systemctl", "exit 1")
    script(
        tools,
        "crontab",
        f'if [ "$1" = -l ]; then echo "permission denied" >&2; exit 1; else touch "{tools}/written"; fi',
    )
    kept.run("schedule", "install", "home", code=1)
    assert not (tools / "written").exists()


def test_only_what_is_a_source(kept: Machine) -> None:
    kept.run("schedule", "install", "nowhere", code=2)
    kept.run("schedule", "install", "../x", code=2)
