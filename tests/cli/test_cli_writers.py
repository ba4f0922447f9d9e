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


def test_a_second_machine_keeps_a_file_of_its_own(kept: Machine, village: Village, tmp_path: Path) -> None:
    public = tmp_path / "public.json"
    kept.run("writer", "public", "-o", public)
    (tmp_path / "second").mkdir()
    second = Machine(tmp_path / "second")
    joined = second.run("init", second.archive, "--join", public, "--json").done
    assert joined["archive_id"] in kept.run("writer", "public", "-o", tmp_path / "again.json", "--json").out
    request = second.archive.with_name(second.archive.name + ".request.json")
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (second.archive, request, public))
    second.add("home", village.path)
    post(village, "seen by the second alone")
    second.run("backup", "home")
    # Not certified yet: it can be read, but nothing vouches for it.
    assert "not certified" in second.run("verify", code=13).err
    certified = kept.run("writer", "certify", request, "--json", opened=True).done
    assert certified["writer"] == joined["writer"]
    second.run("writer", "certify", request)
    second.run("verify")
    for order in ((kept.archive, second.archive), (second.archive, kept.archive)):
        both = kept.run(
            *(word for path in order for word in ("--archive", path)), "export", GROUP, "--format", "jsonl", opened=True
        ).out
        assert both.count('"kind":"message"') == 31
        assert "seen by the second alone" in both
    assert "seen by the second alone" in second.run("export", GROUP, "--format", "jsonl", opened=True).out


def test_the_owner_certifies_a_waiting_machine_by_its_id(kept: Machine, village: Village, tmp_path: Path) -> None:
    public = tmp_path / "public.json"
    kept.run("writer", "public", "-o", public)
    (tmp_path / "second").mkdir()
    second = Machine(tmp_path / "second")
    joined = second.run("init", second.archive, "--join", public, "--json").done
    second.add("home", village.path)
    second.run("backup", "home")
    both = ["--archive", kept.archive, "--archive", second.archive]
    kept.run(*both, "writer", "certify", joined["writer"][:8], opened=True)
    second.run("verify")
    kept.run("verify")
    assert len(kept.run(*both, "writer", "list", "--json").events) == 3


def test_what_is_no_request_and_no_public_file(kept: Machine, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.json"
    for content in (b"", b"{}", b"\xff", b'{"format":1,"genesis":"AAAA"}', b"[" * 5000):
        nothing.write_bytes(content)
        kept.run("writer", "certify", nothing, opened=True, code=2)
        (tmp_path / f"m{len(content)}").mkdir()
        other = Machine(tmp_path / f"m{len(content)}")
        assert other.run("init", other.archive, "--join", nothing, code=None).code in {2, 10, 13}
        assert not other.archive.exists()


def test_what_is_trusted_is_stated_once_for_all_plans(kept: Machine, village: Village, tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite"
    World(there).close()
    kept.add("there", there)
    words = next(
        one["words"]
        for one in kept.run("verify", "--print-witness", "--json").events
        if one["event"] == "print-witness"
    )
    post(village, "later")
    kept.run("backup", "home")
    plan = ["plan", GROUP, "--to", "there", "-o", kept.plan, "--json"]
    assert kept.run(*plan, opened=True).done["trusted_by"] == ""
    stated = kept.run("writer", "trust", "--witness", words, "--json", opened=True).done
    assert list(stated["trusted"].values()) == [1]
    made = kept.run(*plan, opened=True).done
    assert (made["trusted_by"], made["trusted"].rpartition(":")[2]) == ("attended", "1")
    kept.run("writer", "trust", "2", opened=True)
    assert kept.run(*plan, opened=True).done["trusted"].endswith(":2")
    kept.run("writer", "trust", opened=True, code=2)
    kept.run("writer", "trust", "99", opened=True, code=2)
    kept.run("writer", "trust", "1", "--witness", words, opened=True, code=2)
