"""Machines: listing them, letting a new one in after the old one is gone, revoking a stolen one."""

import shutil
from pathlib import Path

from cli_machine import GROUP, Machine, Village

from grouparchive.archive.reader import Archive
from grouparchive.platforms.sandbox.world import World


def another(kept: Machine, name: str = "another") -> Machine:
    """A second computer that can reach the same archive and has the passphrase."""
    folder = kept.folder.parent / name
    folder.mkdir()
    machine = Machine(folder)
    machine.archive = kept.archive
    return machine


def post(village: Village, text: str) -> None:
    world = World(village.path)
    world.post(village.rooms[0], "@quince-00:sandbox", text)
    world.close()


def texts(machine: Machine, *more: str | Path) -> str:
    return machine.run("export", GROUP, "--format", "jsonl", *more, opened=True).out


def test_the_list_asks_for_no_secret(kept: Machine) -> None:
    done = kept.run("writer", "list", "--json")
    assert done.done["writers"] == 1
    one = done.events[0]
    assert (one["certified"], one["commits"], one["revoked"], one["this_machine"]) == (True, 2, None, True)
    assert "commit 1" in kept.run("writer", "list", "-v").out


def test_a_new_machine_goes_on_after_the_old_one_is_gone(kept: Machine, village: Village) -> None:
    old = kept.run("writer", "list", "--json").events[0]["id"]
    shutil.rmtree(kept.profile)
    new = another(kept)
    assert (
        "secret" in new.run("writer", "certify", code=2).err or "passphrase" in new.run("writer", "certify", code=2).err
    )
    mine = new.run("writer", "certify", "--json", opened=True).done["writer"]
    assert mine != old
    new.add("home", village.path)
    post(village, "after the flood")
    assert new.run("backup", "home", "--json").done["new"] > 0
    assert "after the flood" in texts(new)
    new.run("verify")
    listed = {one["id"]: one for one in new.run("writer", "list", "--json").events[:-1]}
    assert listed[mine]["this_machine"]
    assert not listed[old]["this_machine"]


def test_what_a_revoked_machine_adds_counts_for_nothing(kept: Machine, village: Village) -> None:
    old = kept.run("writer", "list", "--json").events[0]["id"]
    stolen = shutil.copytree(kept.profile, kept.folder.parent / "stolen")
    post(village, "what the thief adds")
    kept.run("writer", "revoke", old[:8], opened=True)
    assert "revoked" in kept.run("backup", "home", code=2).err
    assert "revoked" in kept.run("--profile", stolen, "backup", "home", code=2).err
    assert "what the thief adds" not in texts(kept)
    # The owner's own machine starts anew, in the same profile.
    kept.run("writer", "certify", opened=True)
    kept.run("backup", "home")
    assert "what the thief adds" in texts(kept)  # read by a machine that counts


def test_a_machine_is_revoked_from_a_position_on(kept: Machine, village: Village) -> None:
    old = kept.run("writer", "list", "--json").events[0]["id"]
    post(village, "what the thief adds")
    kept.run("backup", "home")
    copy = Path(shutil.copy(kept.archive, kept.folder / "copy.gar"))
    done = kept.run("writer", "revoke", old[:8], "--from", "2", "--json", opened=True).done
    assert (done["revoked_from"], done["commits"]) == (2, 1)
    assert "what the thief adds" not in texts(kept)
    assert "what the thief adds" in texts(kept, "--archive", copy)
    assert "what the thief adds" not in texts(kept, "--archive", copy, "--archive", kept.archive)
    kept.run("verify")
    with Archive.open(kept.archive) as archive:
        assert [c.seq for c in archive.commits] == [0, 1]


def test_a_machine_that_is_in_already_is_told_so(kept: Machine) -> None:
    assert "already" in kept.run("writer", "certify", opened=True, code=2).err
    assert "no machine" in kept.run("writer", "revoke", "0123", opened=True, code=2).err
