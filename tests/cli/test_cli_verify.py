"""`verify`: it names what is damaged, and `verify --repair` saves the rest, without a secret and without touching a copy."""

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from cli_machine import GROUP, NAMES, TEXT, Machine, Village

from grouparchive.archive.reader import Archive
from grouparchive.platforms.sandbox.world import World


@pytest.fixture
def grown(kept: Machine, village: Village) -> Machine:
    """A machine whose archive has commits 0 to 2."""
    world = World(village.path)
    world.post(village.rooms[0], "@quince-01:sandbox", "a later post")
    world.close()
    kept.run("backup", "home")
    return kept


def oid(machine: Machine, seq: int, kind: str) -> bytes:
    with Archive.open(machine.archive) as archive:
        return next(one.oid for one in archive.commits[seq].objects if one.kind == kind)


def empty(path: Path, oid: bytes) -> None:
    with sqlite3.connect(path) as database:
        assert database.execute("UPDATE rows SET data = zeroblob(length(data)) WHERE oid = ?", (oid,)).rowcount
    database.close()


def test_each_damaged_object_is_named(grown: Machine) -> None:
    damaged = [oid(grown, 1, "roster"), oid(grown, 2, "segment")]
    for one in damaged:
        empty(grown.archive, one)
    done = grown.run("verify", "--json", code=13)
    told = [event["text"] for event in done.events if event["event"] == "damage"]
    assert told == [
        f"commit 1: people {damaged[0].hex()[:8]}: a stored object is not the one that was signed",
        f"commit 2: posts {damaged[1].hex()[:8]}: a stored object is not the one that was signed",
    ]
    assert "--repair" in done.failure["hint"]


def test_two_damaged_copies_make_a_whole_one(grown: Machine) -> None:
    other = grown.folder / "other.gar"
    shutil.copy(grown.archive, other)
    empty(grown.archive, oid(grown, 1, "segment"))
    empty(other, oid(grown, 2, "segment"))
    data = bytearray(other.read_bytes())
    data[100:104] = b"\xff" * 4  # SQLite does not open this one any more
    other.write_bytes(data)
    before = grown.archive.read_bytes(), other.read_bytes()
    copies = ["--archive", grown.archive, "--archive", other]
    out = grown.folder / "new.gar"
    assert "whole" in grown.run("verify", "--repair", out, *copies).out
    assert (grown.archive.read_bytes(), other.read_bytes()) == before
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    grown.run("--archive", out, "verify", "--deep", opened=True)
    export = grown.run("--archive", out, "export", GROUP, "--format", "jsonl", opened=True).out
    assert export.count('"kind":"message"') == 31


def test_what_is_lost_for_good_is_told_and_everything_else_saved(grown: Machine) -> None:
    damaged = oid(grown, 2, "segment")
    empty(grown.archive, damaged)
    out = grown.folder / "new.gar"
    done = grown.run("verify", "--repair", out, code=13)
    assert f"Lost for good: commit 2: posts {damaged.hex()[:8]}: damaged in every copy" in done.out
    assert "the new file holds everything else" in done.err
    done = grown.run("verify", "--repair", grown.folder / "newer.gar", "--json", code=13)
    assert [event["text"] for event in done.events if event["event"] == "lost"]
    export = grown.run("--archive", out, "export", GROUP, "--format", "jsonl", opened=True, code=None).out
    assert export.count('"kind":"message"') == 30


def test_commands_that_read_a_file_beyond_opening_name_the_way_out(grown: Machine) -> None:
    data = bytearray(grown.archive.read_bytes())
    data[100:104] = b"\xff" * 4
    grown.archive.write_bytes(data)
    for command in (["verify"], ["groups"], ["export", GROUP, "--format", "jsonl"], ["roster", "list"]):
        failure = grown.run(*command, "--json", opened=True, code=13).failure
        assert "grouparchive verify --repair" in failure["hint"]
    whole = grown.folder / "whole.gar"
    grown.run("verify", "--repair", whole)
    told = grown.run("verify", "--json", "--archive", grown.archive, "--archive", whole, code=13)
    assert [event["event"] for event in told.events] == ["archive", "damage"]  # the other one is checked all the same


def test_wrong_uses_of_repair(grown: Machine, tmp_path: Path) -> None:
    before = grown.archive.read_bytes()
    assert "never overwritten" in grown.run("verify", "--repair", grown.archive, "--json", code=2).failure["error"]
    grown.run("verify", "--repair", grown.folder / "none" / "new.gar", code=2)
    grown.run("verify", "--deep", "--repair", grown.folder / "new.gar", code=2)
    grown.run("verify", "--repair", grown.folder / "new.gar", "--archive", grown.passphrase, code=10)
    folder = tmp_path / "other"
    folder.mkdir()
    other = Machine(folder)
    other.init()
    both = ["--archive", grown.archive, "--archive", other.archive]
    assert "different archives" in grown.run("verify", "--repair", grown.folder / "new.gar", *both, code=2).err
    shutil.copy(other.archive, grown.archive)  # somebody swapped it
    assert "not the archive" in grown.run("verify", "--repair", grown.folder / "new.gar", code=13).err
    grown.archive.write_bytes(before)
    assert not (grown.folder / "new.gar").exists()
    assert not list(grown.folder.glob("*.part"))


def test_keys_in_doubt_are_warned_of(grown: Machine) -> None:
    other = grown.folder / "other.gar"
    shutil.copy(grown.archive, other)
    with sqlite3.connect(other) as database:
        database.execute("UPDATE keys SET sealed = zeroblob(1168) WHERE oid = ?", (oid(grown, 2, "segment"),))
    database.close()
    out = grown.folder / "new.gar"
    done = grown.run("verify", "--repair", out, "--archive", other, "--archive", grown.archive)
    assert "verify --deep" in done.err
    assert "another order" in done.err
    grown.run("verify", "--deep", "--archive", out, opened=True, code=13)
    out.unlink()
    grown.run("verify", "--repair", out, "--archive", grown.archive, "--archive", other)
    grown.run("verify", "--deep", "--archive", out, opened=True)


def test_repair_names_nobody(grown: Machine) -> None:
    empty(grown.archive, oid(grown, 1, "segment"))
    done = grown.run("verify", "--repair", grown.folder / "new.gar", code=13)
    for canary in (*NAMES, TEXT, GROUP, str(grown.folder)):
        assert canary not in done.out + done.err
