"""What must be nowhere: names, handles, texts and secrets, in whatever lies on the backup machine and whatever it said."""

from pathlib import Path

from cli_machine import GROUP, HANDLES, NAMES, PASSPHRASE, TEXT, TOPIC, Machine, Village

from grouparchive.demo import scan
from grouparchive.platforms.sandbox.world import World

PLANTED = [*HANDLES, *NAMES, GROUP, TOPIC, TEXT, "canary reason", "apple.png", "Harvest", "picture-bytes-canary"]


def everything_on(machine: Machine) -> list[Path]:
    """All that a thief gets: everything but the drawer and the sandbox itself."""
    return [path for path in machine.folder.iterdir() if path != machine.drawer]


def test_nothing_readable_lies_on_the_backup_machine(kept: Machine, village: Village, tmp_path: Path) -> None:
    world = World(village.path)
    world.post(village.rooms[1], HANDLES[5], f"{TEXT} later", media=[{"ref": "file-gone", "name": "apple.png"}])
    world.raw(village.rooms[0], "{not json", author=HANDLES[6])
    world.delete_group(village.group)
    world.close()
    kept.run("backup", "home", code=None)
    kept.run("backup", "home", "-v", code=None)
    kept.run("status")
    there = tmp_path / "there.sqlite"
    World(there).close()
    kept.add("there", there)
    kept.run("plan", GROUP, "--to", "there", "--content", "all", "-o", kept.plan, opened=True)
    digest = kept.run("show", kept.plan, "--json", opened=True).done["digest"]
    kept.run("apply", kept.plan, "--expect", digest, opened=True)
    kept.run("invite", "prepare", kept.plan, "--release", "all", opened=True)
    kept.run("invite", "send", kept.plan, opened=True, code=None)
    recovery = kept.recovery.read_text().partition("key:")[2].split()[0]
    hits, size = scan.found(everything_on(kept), [*PLANTED, PASSPHRASE, recovery])
    assert size > 100_000
    assert hits == []


def test_nothing_readable_was_said(kept: Machine, village: Village) -> None:
    for arguments in (
        ["backup", "home", "-v"], ["status", "--json"], ["verify", "-v"], ["source", "list"], ["source", "check", "home"],
        ["schedule", "show", "home"],
    ):  # fmt: skip
        kept.run(*arguments, code=None)
    for arguments in (
        ["search", HANDLES[1], "--group", HANDLES[2]],
        ["export", HANDLES[3], "--format", "jsonl"],
        ["plan", NAMES[1], "--to", "home", "-o", kept.plan],
        ["show", HANDLES[4]],
        ["invite", "send", NAMES[2]],
    ):
        kept.run(*arguments, opened=True, code=2)
    released = kept.secret("release.txt", f"{HANDLES[1]}\n@nobody-canary:sandbox\n")
    kept.run("plan", village.group, "--to", "home", "-o", kept.plan, opened=True)
    kept.run("invite", "prepare", kept.plan, "--release", released, opened=True, code=2)
    said = "".join(kept.spoken)
    for planted in [*PLANTED, PASSPHRASE, "nobody-canary"]:
        assert planted not in said, planted


def test_private_files_are_private(kept: Machine) -> None:
    paths = [kept.profile, *kept.profile.rglob("*"), kept.archive]
    assert len(paths) > 8
    for path in paths:
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_fault_of_ours_tells_no_value(kept: Machine, monkeypatch) -> None:  # noqa: ANN001
    def broken(*_: object, **__: object) -> None:
        raise ValueError(f"cannot handle {HANDLES[1]}")

    monkeypatch.setattr("grouparchive.cli.backup.run_backup", broken)
    done = kept.run("backup", "home", "-v", code=1)
    assert "ValueError at test_cli_canaries.py" in done.err or "ValueError at backup.py" in done.err
    assert HANDLES[1] not in done.err + done.out
    assert "ValueError" not in kept.run("backup", "home", code=1).err
