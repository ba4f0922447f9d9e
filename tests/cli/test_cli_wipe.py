"""`wipe`: what is left of a machine afterwards, whatever state it was in and whatever ran meanwhile."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_machine import GROUP, Machine, Village

from grouparchive import durable
from grouparchive.cli import erasing
from grouparchive.cli.profile import Profile, SourceFile
from grouparchive.platforms.sandbox.world import KEEPER, World

TOKEN = "syt_canary_token_that_opens_everything"


@pytest.fixture
def seized(kept: Machine) -> Machine:
    """A machine with everything that one can have: a credential, half-written files, a state that SQLite has open."""
    Profile(kept.profile).save_source(
        "club", SourceFile(platform="matrix", origin="matrix.example.org", secrets={"token": TOKEN})
    )
    kept.profile.joinpath("sources", f".club.json.{'a' * 16}.new").write_text(TOKEN)
    kept.profile.joinpath("writer", f".seed.{'b' * 16}.new").write_bytes(os.urandom(32))
    kept.profile.joinpath(f".config.json.{'c' * 16}.new").write_text("{")
    kept.profile.joinpath("writer", "state.sqlite-wal").write_bytes(os.urandom(5000))
    return kept


def secrets_of(machine: Machine) -> list[bytes]:
    """The bytes that nobody may find."""
    keys = json.loads((machine.profile / "writer" / "local.key").read_bytes())
    texts = [keys["lasting"], keys["cursor"], *(one["key"] for one in keys["events"]), TOKEN]
    seeds = [path.read_bytes() for path in (machine.profile / "writer").glob("*seed*")]
    return [*seeds, *(text.encode() for text in texts)]


def found(machine: Machine, secrets: list[bytes]) -> list[Path]:
    """The files on a machine that hold one of them."""
    files = [path for path in machine.folder.rglob("*") if path.is_file()]
    return [path for path in files if any(secret in path.read_bytes() for secret in secrets)]


def test_without_now_it_only_tells(seized: Machine) -> None:
    before = {path: path.read_bytes() for path in seized.profile.rglob("*") if path.is_file()}
    done = seized.run("wipe", code=2)
    assert "credentials of all sources" in done.out
    assert "--now" in done.err
    assert before == {path: path.read_bytes() for path in seized.profile.rglob("*") if path.is_file()}


def test_nothing_of_the_keys_and_credentials_is_left(seized: Machine) -> None:
    secrets = secrets_of(seized)
    assert len(found(seized, secrets)) >= 5
    files = sum(path.is_file() for path in seized.profile.rglob("*"))
    archive = seized.archive.read_bytes()
    assert seized.run("wipe", "--now", "--json").done["erased"] == files
    assert not seized.profile.exists()
    assert found(seized, secrets) == []
    assert seized.archive.read_bytes() == archive
    assert GROUP in seized.run("groups", "--archive", seized.archive, opened=True).out
    seized.run("backup", "home", code=2)


def test_it_says_what_it_cannot_do(seized: Machine) -> None:
    said = seized.run("wipe", "--now").out
    for words in ("The archive stays", "from another device: revoke", "runs here at this moment", "encrypted", "plans"):
        assert words in said


def test_files_are_overwritten_before_they_go(seized: Machine, tmp_path: Path) -> None:
    state = seized.profile / "writer" / "state.sqlite"
    state.write_bytes(os.urandom(3 * 1024 * 1024 + 5))
    for path in (state, state.with_name("seed"), seized.profile / "sources" / "club.json"):
        os.link(path, tmp_path / path.name)  # the same bytes on the disk under another name
    seized.run("wipe", "--now")
    for name, size in (("state.sqlite", 3 * 1024 * 1024 + 5), ("seed", 32)):
        assert (tmp_path / name).read_bytes() == bytes(size)
    assert not (tmp_path / "club.json").read_bytes().strip(b"\0")


def test_the_most_dangerous_goes_first(seized: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def noting(path: Path) -> None:
        order.append(str(path.relative_to(seized.profile)))
        durable.erase(path)

    monkeypatch.setattr(erasing, "erase", noting)
    seized.run("wipe", "--now")
    ranks = [0 if "sources/" in name else 1 if "seed" in name else 2 if "local.key" in name else 3 for name in order]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2, 3}


def test_damaged_read_only_and_missing_files_do_not_stop_it(seized: Machine) -> None:
    secrets = secrets_of(seized)
    (seized.profile / "config.json").write_bytes(b"\xff\x00{")
    (seized.profile / "writer" / "state.sqlite").write_bytes(b"no database")
    (seized.profile / "writer" / "id").unlink()
    os.mkfifo(seized.profile / "writer" / "pipe")
    shutil.rmtree(seized.profile / "runs")
    (seized.profile / "sources" / "club.json").chmod(0o400)
    (seized.profile / "sources").chmod(0o500)
    seized.profile.chmod(0o000)
    seized.run("wipe", "--now")
    assert not seized.profile.exists()
    assert found(seized, secrets) == []


def test_a_second_time_there_is_nothing(seized: Machine) -> None:
    seized.run("wipe", "--now")
    done = seized.run("wipe", "--now")
    assert "nothing to erase" in done.err
    assert "--profile" in done.err
    assert not seized.profile.exists()


def test_it_does_not_wait_for_another_run(seized: Machine) -> None:
    handle = os.open(seized.profile / "writer" / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        seized.run("wipe", "--now", process=True)
    finally:
        os.close(handle)
    assert not seized.profile.exists()


@pytest.mark.parametrize("stubborn", ["seed", "club.json"])
def test_an_error_on_one_file_does_not_spare_the_others(
    seized: Machine, stubborn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    overwrite = durable._overwrite

    def refusing(path: Path) -> None:
        if path.name == stubborn:
            raise PermissionError(1, "Operation not permitted", str(path))
        overwrite(path)

    monkeypatch.setattr(durable, "_overwrite", refusing)
    done = seized.run("wipe", "--now", "--json", code=1)
    assert "1 file" in done.failure["error"]
    assert str(seized.folder) not in done.out + done.err
    assert "club" not in done.out + done.err
    assert not seized.profile.exists()  # what cannot be overwritten is removed all the same


def test_a_file_that_cannot_be_removed_is_counted(seized: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = Path.unlink

    def refusing(path: Path, *, missing_ok: bool = False) -> None:
        if path.name == "local.key":
            raise PermissionError(1, "Operation not permitted", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)
    assert "1 file" in seized.run("wipe", "--now", "--json", code=1).failure["error"]
    left = [path for path in seized.profile.rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["local.key"]
    assert not left[0].read_bytes().strip(b"\0")


def test_what_is_not_ours_stays(seized: Machine) -> None:
    archive = seized.profile / "writer" / "group.gar"  # a strange place, but the archive is the archive
    seized.archive.rename(archive)
    config = seized.profile / "config.json"
    config.write_text(config.read_text().replace(str(seized.archive), str(archive)))
    papers = seized.profile / "papers"
    papers.mkdir()
    (papers / "novel.txt").write_text("chapter one")
    keys = seized.profile / "group.keys"
    keys.write_text("kept apart")
    elsewhere = seized.folder / "linked.json"
    elsewhere.write_text(TOKEN)
    (seized.profile / "sources" / "linked.json").symlink_to(elsewhere)
    before = archive.read_bytes()
    done = seized.run("wipe", "--now", code=1)
    assert "2 other files" in done.out
    assert "1 file" in done.err  # where the link led to, a credential may be left
    assert elsewhere.read_text() == TOKEN
    assert archive.read_bytes() == before
    files = {path.name for path in seized.profile.rglob("*") if path.is_file()}
    assert files == {"novel.txt", "group.keys", "group.gar"}


def test_a_profile_behind_a_link(seized: Machine) -> None:
    real = seized.folder / "real"
    seized.profile.rename(real)
    seized.profile.symlink_to(real)
    seized.run("wipe", "--now")
    assert not real.exists()
    assert not seized.profile.is_symlink()


def script(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(seized: Machine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for systemctl and crontab."""
    folder = seized.folder / "tools"
    folder.mkdir()
    table = folder / "table"
    table.write_text("1 2 3 4 5 something\n")
    script(
        folder,
        "crontab",
        f'if [ "$1" = -l ]; then cat "{table}"; else cat > "{table}.new" && mv "{table}.new" "{table}"; fi',
    )
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_its_timers_go_and_those_of_other_profiles_stay(seized: Machine, tools: Path) -> None:
    script(tools, "systemctl", f'echo "$@" >> "{tools}/log"')
    seized.run("schedule", "install", "home")
    units = seized.folder / ".config" / "systemd" / "user"
    other = (units / "grouparchive-home.service").read_text().replace(str(seized.profile), f"{seized.profile}-two")
    for ending in ("service", "timer"):
        (units / f"grouparchive-other.{ending}").write_text(other)
    script(tools, "systemctl", "exit 1")
    seized.run("schedule", "install", "club")
    with (tools / "table").open("a") as table:
        table.write(f"2 2 * * * x --profile {seized.profile}-two backup more # grouparchive more\n")
    script(tools, "systemctl", f'echo "$@" >> "{tools}/log"')
    done = seized.run("wipe", "--now", "--json").events[0]
    assert done["timers"] == 2
    assert {path.name for path in units.iterdir()} == {"grouparchive-other.service", "grouparchive-other.timer"}
    assert "disable --now grouparchive-home.timer" in (tools / "log").read_text()
    lines = (tools / "table").read_text().splitlines()
    assert [line.split()[-1] for line in lines] == ["something", "more"]


def test_a_timer_that_cannot_be_removed_is_told_and_is_not_fatal(seized: Machine, tools: Path) -> None:
    script(tools, "systemctl", f'echo "$@" >> "{tools}/log"')
    seized.run("schedule", "install", "home")
    script(tools, "systemctl", '[ "$2" = show-environment ]')
    script(tools, "crontab", "exit 1")
    done = seized.run("wipe", "--now")
    assert "timer of this profile may be left" in done.err
    assert not seized.profile.exists()


@pytest.mark.parametrize(
    "point", ["before the commit", "signing", "writing the next seed", "half of the next seed is written"]
)
def test_a_backup_that_runs_meanwhile_fails_and_brings_nothing_back(
    seized: Machine, village: Village, tmp_path: Path, point: str
) -> None:
    world = World(village.path)
    world.post(village.rooms[0], KEEPER, "one more")
    world.close()
    secrets = secrets_of(seized)
    there, go = tmp_path / "there", tmp_path / "go"
    driver = Path(__file__).with_name("wiped_run.py")
    with subprocess.Popen(
        [sys.executable, driver, point, there, go],
        env=seized.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 30
        while not there.exists() and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert there.exists()
        secrets += [path.read_bytes() for path in (seized.profile / "writer").glob(".seed*.new") if path.stat().st_size]
        seized.run("wipe", "--now")
        assert not seized.profile.exists()
        go.touch()
        _, said = running.communicate(timeout=60)
    assert running.returncode in {1, 10, 13}
    assert "Traceback" not in said
    assert not seized.profile.exists()
    assert found(seized, secrets) == []
    seized.run("verify", "--deep", "--archive", seized.archive, opened=True)


def test_what_a_run_leaves_while_it_is_wiped_is_wiped_too(seized: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = seized.profile / "writer" / "seed"
    again = [os.urandom(32), os.urandom(32)]

    def erase_and_come_back(path: Path) -> None:
        durable.erase(path)
        if path == seed and again:
            durable.write_whole(seed, again.pop())

    monkeypatch.setattr(erasing, "erase", erase_and_come_back)
    seized.run("wipe", "--now")
    assert again == []
    assert not seized.profile.exists()


def test_a_key_that_changed_during_a_run_signs_nothing(seized: Machine, village: Village, tmp_path: Path) -> None:
    world = World(village.path)
    world.post(village.rooms[0], KEEPER, "one more")
    world.close()
    there, go = tmp_path / "there", tmp_path / "go"
    driver = Path(__file__).with_name("wiped_run.py")
    with subprocess.Popen(
        [sys.executable, driver, "before the commit", there, go], env=seized.environment(), stderr=subprocess.PIPE
    ) as running:
        while not there.exists() and running.poll() is None:
            time.sleep(0.01)
        (seized.profile / "writer" / "seed").write_bytes(bytes(32))  # overwritten, and not yet removed
        go.touch()
        _, said = running.communicate(timeout=60)
    assert running.returncode == 13
    assert b"key of this machine" in said
    seized.run("verify")
