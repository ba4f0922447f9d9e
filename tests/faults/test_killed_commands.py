"""kill -9 at any moment, through the command line: nothing acknowledged is lost, the next run goes on, nothing comes twice."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fault_kit import Town, seeded

DRIVER = Path(__file__).with_name("killed_command.py")
KILLED = -9


class Killer:
    """Runs commands of a machine that do not live long."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        self.heads = folder / "heads"
        self.heads.touch()
        self.calls = folder / "calls"
        self.usual = 0  # calls of a run that nobody killed
        self.seconds = 0.0  # and how long one takes

    def acknowledged(self) -> set[bytes]:
        return {bytes.fromhex(line) for line in self.heads.read_text().splitlines()}

    def at_a_call(self, after: int, *command: str) -> int:
        """Killed at a call on its way; 0 for not at all."""
        words = [
            sys.executable,
            str(DRIVER),
            str(after),
            str(self.heads),
            str(self.calls),
            "--no-input",
            "-q",
            *command,
        ]
        code = self._run(words, None)
        if code != KILLED:
            self.usual = int(self.calls.read_text())
        return code

    def at_a_time(self, seconds: float | None, *command: str) -> int:
        """Killed after so many seconds; None for not at all."""
        began = time.monotonic()
        code = self._run([sys.executable, "-m", "grouparchive", "--no-input", "-q", *command], seconds)
        if code != KILLED:
            self.seconds = time.monotonic() - began
        return code

    def _run(self, words: list[str], seconds: float | None) -> int:
        machine = self.town.machine
        with subprocess.Popen(
            words, env=machine.environment(), cwd=machine.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as run:
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(seconds if seconds is not None else 120)
            run.kill()
            assert run.stderr is not None
            said = run.stderr.read()
        assert run.returncode in {0, KILLED}, said
        assert said == b""
        return run.returncode


def play(folder: Path, rounds: int, series: int = 0) -> None:
    chance = seeded(series)
    town = Town(folder / "machine", chance)
    town.begin()
    killer = Killer(town, folder)
    town.grow()
    killer.at_a_call(0, "backup", "home")
    town.grow()
    killer.at_a_time(None, "backup", "home")
    killed = 0
    for number in range(rounds):
        town.grow()
        if number % 2:
            code = killer.at_a_time(chance.uniform(0.2, 1.1) * killer.seconds, "backup", "home")
        else:
            code = killer.at_a_call(chance.randint(1, killer.usual * 5 // 4), "backup", "home")
        killed += code == KILLED
        town.look(killer.acknowledged())
    assert killed > rounds // 2
    town.compare()
    leftover = [path.name for path in town.machine.profile.rglob("*") if ".new" in path.name]
    assert leftover == []
    town.close()


def test_backups_that_are_killed_at_any_moment(tmp_path: Path) -> None:
    play(tmp_path, 12)


@pytest.mark.faults
@pytest.mark.parametrize("series", range(5))
def test_backups_that_are_killed_sixty_times(tmp_path: Path, series: int) -> None:
    play(tmp_path, 60, series)


def test_an_init_that_is_killed_can_be_done_again(tmp_path: Path) -> None:
    init_again(tmp_path, 6)


@pytest.mark.faults
def test_an_init_that_is_killed_many_times_can_be_done_again(tmp_path: Path) -> None:
    init_again(tmp_path, 60)


def init_again(folder: Path, rounds: int) -> None:
    """Killed anywhere, the same command goes through with fresh names for what may be there, and the archive works."""
    chance = seeded()
    killed = usual = 0
    for number in range(rounds + 1):
        place = folder / str(number)
        place.mkdir()
        town = Town(place / "machine", chance)
        killer = Killer(town, place)
        machine = town.machine
        options = ["--passphrase-file", str(machine.passphrase), "--recovery-file"]
        code = killer.at_a_call(
            chance.randint(1, usual) if usual else 0, "init", str(machine.archive), *options, str(machine.recovery)
        )
        usual = usual or killer.usual
        killed += code == KILLED
        if not (machine.profile / "config.json").exists():
            assert code == KILLED
            machine.archive = machine.archive.with_name("second.gar")
            machine.recovery = machine.recovery.with_name("second.txt")
            killer.at_a_call(0, "init", str(machine.archive), *options, str(machine.recovery))
        town.grow()
        machine.add("home", town.server)
        town.compare()
        town.close()
    assert killed > rounds // 2
