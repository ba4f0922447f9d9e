"""Every way in which a command can go wrong: the exit code, the plain words, and that nothing is lost."""

import fcntl
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_machine import GROUP, PASSPHRASE, Machine, Village

from grouparchive.archive.reader import Archive
from grouparchive.platforms.sandbox.world import World


def test_no_archive(machine: Machine) -> None:
    for command in (["verify"], ["status"], ["groups"]):
        done = machine.run(*command, "--json", code=10, opened=True)
        assert done.failure["code"] == 10
        assert done.failure["hint"]


def test_a_profile_without_an_archive(machine: Machine) -> None:
    failure = machine.run("backup", "home", "--json", code=2).failure
    assert "no source" in failure["error"]


def test_something_else_than_an_archive(kept: Machine) -> None:
    other = kept.folder / "photo.jpg"
    other.write_bytes(b"\xff\xd8\xff" + bytes(5000))
    assert "not" in kept.run("--archive", other, "verify", "--json", code=10).failure["error"]
    folder = kept.folder / "folder"
    folder.mkdir()
    kept.run("--archive", folder, "verify", code=10)


def test_an_archive_of_a_newer_version(kept: Machine) -> None:
    with sqlite3.connect(kept.archive) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    for command in (["verify"], ["groups"], ["backup", "home"]):
        failure = kept.run(*command, "--json", code=10, opened=True).failure
        assert "newer" in failure["error"]


def test_wrong_passphrase(kept: Machine) -> None:
    wrong = kept.secret("wrong.txt", "an entirely different passphrase")
    done = kept.run("--passphrase-file", wrong, "groups", "--json", code=12)
    assert "passphrase" in done.failure["error"]
    assert "different" not in done.err


def test_recovery_file_opens_and_that_of_another_archive_does_not(kept: Machine, tmp_path: Path) -> None:
    assert GROUP in kept.run("--key-file", kept.recovery, "groups").out
    folder = tmp_path / "other"
    folder.mkdir()
    other = Machine(folder)
    other.init()
    failure = kept.run("--key-file", other.recovery, "groups", "--json", code=12).failure
    assert "another archive" in failure["error"]
    assert "not a recovery file" in kept.run("--key-file", kept.passphrase, "groups", "--json", code=2).failure["error"]


def test_passphrase_from_standard_input(kept: Machine) -> None:
    assert GROUP in kept.run("groups", "--passphrase-file", "-", stdin=f"{PASSPHRASE}\n").out


@contextmanager
def a_run_that_holds(machine: Machine) -> Iterator[None]:
    handle = os.open(machine.profile / "writer" / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)


def test_held_by_another_run(kept: Machine) -> None:
    with a_run_that_holds(kept):
        failure = kept.run("backup", "home", "--json", code=11).failure
    assert "another run" in failure["error"]
    kept.run("backup", "home")


def test_a_missing_secret_is_told_and_never_waited_for(kept: Machine) -> None:
    for command in (["groups"], ["search", "x"], ["roster", "list"], ["verify", "--deep"], ["show", kept.plan]):
        failure = kept.run(*command, "--json", code=2).failure
        assert "passphrase is missing" in failure["error"]
        assert "--passphrase-file" in failure["hint"]


def test_init_demands_a_passphrase_and_a_second_way_in(machine: Machine) -> None:
    assert "second way" in machine.run("init", machine.archive, "--json", code=2).failure["error"]
    failure = machine.run("init", machine.archive, "--only-passphrase", "--json", code=2).failure
    assert "passphrase" in failure["error"]
    assert not machine.archive.exists()
    weak = machine.secret("weak.txt", "aaaaaaaaaaaaaaaa")
    machine.run("init", machine.archive, "--only-passphrase", "--passphrase-file", weak, code=2)
    assert not machine.archive.exists()
    machine.run("init", machine.archive, "--only-passphrase", "--passphrase-file", machine.passphrase)


def test_init_never_overwrites(kept: Machine) -> None:
    before = kept.archive.read_bytes()
    options = ["--passphrase-file", kept.passphrase, "--only-passphrase"]
    kept.run("init", kept.archive, *options, code=2)
    kept.run("init", kept.archive, *options, "--profile", kept.folder / "fresh", code=2)
    kept.run("init", kept.folder / "second.gar", *options, code=2)  # the profile belongs to an archive already
    with_recovery = ["--passphrase-file", kept.passphrase, "--recovery-file", kept.recovery]
    kept.run("init", kept.folder / "second.gar", *with_recovery, "--profile", kept.folder / "fresh", code=2)
    assert kept.archive.read_bytes() == before
    assert not (kept.folder / "second.gar").exists()


def test_damage_is_named_by_its_commit_and_the_rest_is_read(kept: Machine, village: Village) -> None:
    world = World(village.path)
    world.post(village.rooms[0], "@quince-01:sandbox", "a later post")
    world.close()
    kept.run("backup", "home")
    database = sqlite3.connect(kept.archive)
    with database:
        oid, number = database.execute(
            "SELECT oid, number FROM rows WHERE rowid = (SELECT max(rowid) FROM rows)"
        ).fetchone()
        database.execute("UPDATE rows SET data = zeroblob(length(data)) WHERE oid = ? AND number = ?", (oid, number))
    database.close()
    failure = kept.run("verify", "--json", code=13).failure
    assert "commit 2" in failure["error"]
    done = kept.run("export", GROUP, "--format", "jsonl", opened=True, code=None)
    assert done.code in {0, 13}  # 13 where the damaged object is one that the export needs
    assert done.out.count('"kind":"message"') >= 30


def test_a_damaged_archive_still_brings_back_what_it_holds(kept: Machine, village: Village, tmp_path: Path) -> None:
    world = World(village.path)
    world.post(village.rooms[0], "@quince-01:sandbox", "a later post")
    world.close()
    kept.run("backup", "home")
    with Archive.open(kept.archive) as archive:
        (later,) = (one.oid for one in archive.commits[-1].objects if one.kind == "segment")
    with sqlite3.connect(kept.archive) as database:
        database.execute("UPDATE rows SET data = zeroblob(length(data)) WHERE oid = ?", (later,))
    database.close()
    there = tmp_path / "there.sqlite"
    World(there).close()
    kept.add("there", there)
    failure = kept.run(
        "plan", GROUP, "--to", "there", "--content", "all", "-o", kept.plan, "--json", opened=True, code=13
    ).failure
    assert "commit 2" in failure["error"]
    assert "archive-damaged" in kept.run("show", kept.plan, "--gaps", opened=True).out
    digest = kept.run("show", kept.plan, "--json", opened=True).done["digest"]
    report = kept.run("apply", kept.plan, "--expect", digest, "--json", opened=True).done
    assert report["failed"] == 0
    assert report["done"] >= 30


def test_another_archive_in_its_place(kept: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "attacker"
    folder.mkdir()
    other = Machine(folder)
    other.init()
    kept.archive.write_bytes(other.archive.read_bytes())
    for command in (["backup", "home"], ["verify"], ["groups"], ["status"]):
        kept.run(*command, code=13, opened=True)


def test_an_older_copy_in_its_place_is_not_written_to(kept: Machine, village: Village) -> None:
    older = kept.archive.read_bytes()
    world = World(village.path)
    world.post(village.rooms[0], "@quince-01:sandbox", "a later post")
    world.close()
    kept.run("backup", "home")
    kept.archive.write_bytes(older)
    kept.run("backup", "home", code=13)


def test_platform_gone_and_one_bad_source_does_not_stop_the_other(kept: Machine, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    World(broken).close()
    kept.add("broken", broken)
    broken.write_bytes(b"no database at all" * 100)
    assert kept.run("backup", "broken", "--json", code=20).failure["code"] == 20
    done = kept.run("backup", "broken", "home", "--json", code=20)
    assert done.done["messages"] == 0
    assert "failed (code 20)" in kept.run("status").out


def test_unknown_names(kept: Machine) -> None:
    assert "no source" in kept.run("backup", "nowhere", "--json", code=2).failure["error"]
    failure = kept.run("export", "No Such Group Canary", "--format", "jsonl", "--json", opened=True, code=2).failure
    assert "no such group" in failure["error"]
    assert "Canary" not in failure["error"] + failure["hint"]
    kept.run("plan", GROUP, "--to", "nowhere", "-o", kept.plan, opened=True, code=2)
    kept.run("search", "x", "--group", "nothing", opened=True, code=2)
    kept.run("groups", "--as-of", "yesterday-ish", opened=True, code=2)
    kept.run("groups", "--as-of", "4711", opened=True, code=2)


def test_source_settings(kept: Machine, tmp_path: Path) -> None:
    kept.run("source", "add", "home", "sandbox", f"file={tmp_path / 'x'}", code=2)
    kept.run("source", "add", "other", "no-such-platform", code=2)
    kept.run("source", "add", "other", "sandbox", code=2)
    kept.run("source", "add", "other", "sandbox", "file=x", "colour=blue", code=2)
    kept.run("source", "add", "other", "sandbox", "nonsense", code=2)
    kept.run("source", "add", "../other", "sandbox", "file=x", code=2)
    assert [event["name"] for event in kept.run("source", "list", "--json").events[:-1]] == ["home"]
    kept.run("source", "check", "home")
    kept.run("source", "remove", "home")
    kept.run("source", "remove", "home", code=2)


def test_a_secret_as_a_value_is_refused_and_not_repeated(kept: Machine) -> None:
    for arguments in (["token=syt_canary_secret"], ["as-token=syt_canary_secret", "token-file=x"]):
        done = kept.run("source", "add", "other", "matrix", "origin=http://127.0.0.1:9", *arguments, "--json", code=2)
        assert "secret" in done.failure["error"] or "cannot be read" in done.failure["error"]
        assert "canary" not in done.err + done.out
    failure = kept.run("source", "add", "other", "matrix", "origin=http://127.0.0.1:9", "--json", code=2).failure
    assert "token" in failure["error"]
    assert "token-file" in failure["hint"]


def test_an_unreachable_platform(kept: Machine) -> None:
    token = kept.secret("token.txt", "syt_canary_secret")
    done = kept.run(
        "source", "add", "far", "matrix", "origin=http://127.0.0.1:9", f"token-file={token}", "--json", code=20
    )
    assert "canary" not in done.err + done.out
    assert not (kept.profile / "sources" / "far.json").exists()


def test_a_stale_or_unreviewed_plan(kept: Machine, village: Village, tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite"
    World(there).close()
    kept.add("there", there)
    kept.run("plan", GROUP, "--to", "there", "-o", kept.plan, opened=True)
    assert kept.run("apply", kept.plan, "--expect", "ab" * 32, "--json", opened=True, code=30).failure["code"] == 30
    failure = kept.run("apply", kept.plan, "--json", opened=True, code=2).failure
    assert "--expect" in failure["hint"]
    kept.run("apply", kept.folder / "none.plan", "--expect", "x", opened=True, code=2)
    kept.run("show", kept.archive, opened=True, code=2)
    damaged = bytearray(kept.plan.read_bytes())
    damaged[-20] ^= 1
    kept.plan.write_bytes(damaged)
    kept.run("show", kept.plan, opened=True, code=13)
    world = World(there)
    assert not world.rows("SELECT 1 FROM channels")
    world.close()
    assert village.group


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_while_exporting(kept: Machine) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "grouparchive",
                "--no-input",
                "--passphrase-file",
                str(kept.passphrase),
                "export",
                GROUP,
                "--format",
                "jsonl",
            ],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=kept.folder,
            env=kept.environment(),
        )
    assert done.returncode == 1
    assert "disk is full" in done.stderr


def test_a_disk_that_fills_up_during_a_backup(kept: Machine, village: Village) -> None:
    world = World(village.path)
    for number in range(20):
        media = {"ref": world.upload(os.urandom(100_000)), "name": "x.bin", "size": 100_000}
        world.post(village.rooms[0], "@quince-01:sandbox", f"with a file {number}", media=[media])
    world.close()
    before = kept.archive.read_bytes()
    command = [sys.executable, "-m", "grouparchive", "--no-input", "backup", "home"]
    for limit in (len(before) // 512 + 20, len(before) // 512 + 1000):  # blocks: no file may grow beyond
        done = subprocess.run(
            ["sh", "-c", f'ulimit -f {limit}; exec "$@"', "sh", *command],
            capture_output=True,
            text=True,
            check=False,
            env=kept.environment(),
        )
        assert done.returncode == 1, done.stderr
        assert "the disk" in done.stderr  # as full as a limit can make it
        kept.run("verify")
    assert kept.run("backup", "home", "--json").done["messages"] == 20
    export = kept.run("export", GROUP, "--format", "jsonl", opened=True).out
    assert export.count('"kind":"message"') == 50
    kept.run("verify", "--deep", opened=True)


def without_power() -> list[str]:
    """What makes a command run as somebody whom the rights of files bind: root is not bound by them."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root writes anywhere")
    powers = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}"]


def test_a_read_only_folder(kept: Machine) -> None:
    prefix = [*without_power(), sys.executable, "-m", "grouparchive", "--no-input"]
    secret = ["--passphrase-file", str(kept.passphrase)]
    locked = kept.folder / "locked"
    locked.mkdir(mode=0o500)
    kept.archive.chmod(0o400)
    for arguments in (
        ["backup", "home"],
        [*secret, "export", GROUP, "--format", "jsonl", "-o", str(locked / "out.jsonl")],
        [*secret, "export", GROUP, "--format", "html", "-o", str(locked / "site")],
        [*secret, "init", str(locked / "x.gar"), "--only-passphrase", "--profile", str(kept.folder / "fresh")],
        [
            *secret,
            "init",
            str(kept.folder / "x.gar"),
            "--recovery-file",
            str(locked / "r"),
            "--profile",
            str(locked / "p"),
        ],
    ):
        done = subprocess.run(
            [*prefix, *arguments], capture_output=True, text=True, check=False, env=kept.environment()
        )
        assert done.returncode == 1, done.stderr
        assert re.search("^error: .*\nhint: ", done.stderr, re.MULTILINE)
    assert list(locked.iterdir()) == []
    assert not (kept.folder / "x.gar").exists()
    kept.archive.chmod(0o600)
    kept.run("backup", "home")


def test_wrong_usage_is_told_without_repeating_values(kept: Machine) -> None:
    for arguments, words in (
        (["frobnicate"], "no such command"),
        (["status", "--frobnicate"], "no option --frobnicate"),
        (["export", GROUP], "--format is missing"),
        (["export", GROUP, "--format", "canary-value"], "jsonl, csv, html"),
        (["source", "remove", "home", "canary-value"], "more words"),
        (["schedule", "install", "home", "--every", "canary-value"], "--every"),
    ):
        done = kept.run(*arguments, "--json", code=2)
        assert words in done.failure["error"]
        assert "canary-value" not in done.err


def test_interrupted(kept: Machine) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "grouparchive", "groups", "--passphrase-file", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=kept.folder,
        env=kept.environment(),
    )
    time.sleep(2)  # it waits for the passphrase now
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
