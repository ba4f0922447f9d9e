"""`forget`, `retain` and `key rotate` as a person meets them."""

import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from cli_machine import GROUP, HANDLES, NAMES, Machine, Village

from grouparchive.crypto.slots import Argon2Cost, new_passphrase_slots
from grouparchive.platforms.sandbox.world import World

GONE, NAME = HANDLES[4], NAMES[4]


def read_all(machine: Machine, *more: str | Path) -> str:
    """Everything that reading commands say, with the roster."""
    said = []
    for command in (
        ["groups"],
        ["roster", "list"],
        ["roster", "list", "--summary"],
        ["search", "canary"],
        ["export", GROUP, "--format", "jsonl", "--with-roster"],
        ["export", GROUP, "--format", "csv", "--with-roster"],
    ):
        done = machine.run(*command, *more, opened=True)
        said += [done.out, done.err]
    site = machine.folder / "site"
    machine.run("export", GROUP, "--format", "html", "--with-roster", "-o", site, *more, opened=True)
    said += [path.read_text("utf-8", "replace") for path in sorted(site.rglob("*")) if path.is_file()]
    shutil.rmtree(site)
    return "\n".join(said)


def test_a_forgotten_member_is_in_nothing_that_any_command_reads(kept: Machine, village: Village) -> None:
    older = kept.folder / "older.gar"
    shutil.copy(kept.archive, older)
    before = read_all(kept)
    assert GONE in before
    assert NAME in before
    done = kept.run("--json", "forget", GONE, "--yes", opened=True)
    assert done.done["records"]["message"] == 3
    assert done.done["records"]["edit"] == 1
    assert "Copies that were made before" in done.err
    assert GONE not in done.err + done.out
    after = read_all(kept)
    assert not [word for word in (GONE, NAME) if word in after]
    assert HANDLES[5] in after
    kept.run("verify", "--deep", opened=True)

    world = World(village.path)
    world.post(village.rooms[0], GONE, "a canary that came back")
    world.post(village.rooms[0], HANDLES[5], "another canary")
    world.close()
    kept.run("backup", "home")
    again = read_all(kept)
    assert not [word for word in (GONE, NAME, "came back") if word in again]
    assert "another canary" in again
    with_older = read_all(kept, "--archive", kept.archive, "--archive", older)
    assert not [word for word in (GONE, NAME, "came back") if word in with_older]
    assert "another canary" in with_older

    done = kept.run("--json", "forget", GONE, "--yes", opened=True)
    assert done.done["records"]["message"] == 1
    assert kept.run("--json", "forget", GONE, "--yes", opened=True).done["already_erased"]
    assert not [word for word in (GONE, NAME, "came back") if word in read_all(kept)]
    kept.run("backup", "home")
    kept.run("verify", "--deep", opened=True)


def test_nothing_is_erased_without_a_decision(kept: Machine) -> None:
    before = kept.archive.read_bytes()
    done = kept.run("--json", "forget", GONE, opened=True, code=2)
    assert "--yes" in done.failure["hint"]
    done = kept.run("--json", "forget", "@nobody-there:sandbox", "--yes", opened=True, code=2)
    assert "nobody-there" not in done.err
    assert kept.archive.read_bytes() == before
    assert json.loads(kept.run("--json", "verify").out.splitlines()[-1])["damaged"] == 0


# --- retain ---


def test_old_posts_are_erased_after_a_look_at_what_would_go(kept: Machine) -> None:
    before = kept.archive.read_bytes()
    assert "Nothing is that old." in kept.run("retain", "100y", "--yes", opened=True).out
    kept.run("retain", "1y", opened=True, code=2)  # nobody can be asked
    would = kept.run("--json", "retain", "1y", "--dry-run", opened=True).done
    assert kept.archive.read_bytes() == before
    did = kept.run("--json", "retain", "1y", "--yes", opened=True).done
    assert would["records"] == did["records"]
    assert did["records"] == {"message": 30, "edit": 1, "reaction": 1}
    assert did["files"] == 1
    assert "heliotrope" not in kept.run("export", GROUP, "--format", "jsonl", opened=True).out
    assert HANDLES[1] in kept.run("roster", "list", opened=True).out
    kept.run("verify", "--deep", opened=True)
    kept.run("backup", "home")


def test_a_policy_that_is_none_is_told(kept: Machine) -> None:
    done = kept.run("--json", "retain", "forever", "--yes", opened=True, code=2)
    assert "365d" in done.failure["hint"]


# --- key rotate ---


@pytest.fixture
def _cheap() -> Iterator[None]:
    cheap = functools.partial(new_passphrase_slots, cost=Argon2Cost(8 * 1024, 1, 1))
    with mock.patch("grouparchive.cli.rotate.new_passphrase_slots", cheap):
        yield


@pytest.mark.usefixtures("_cheap")
def test_after_new_keys_the_old_secrets_open_old_copies_only(kept: Machine) -> None:
    older = kept.folder / "older.gar"
    shutil.copy(kept.archive, older)
    before = kept.run("export", GROUP, "--format", "jsonl", "--with-roster", opened=True).out
    new = kept.secret("new.txt", "nine other invented words that also mean nothing")
    recovery = kept.drawer / "recovery-2.txt"
    done = kept.run(
        "--json", "key", "rotate", "--recovery-file", recovery, "--new-passphrase-file", new, opened=True
    )  # fmt: skip
    assert done.done == {"event": "done", "epoch": 1, "recovery": True, "shares": 0, "passphrase": "new"}
    assert "older copy" in done.err
    kept.run("groups", opened=True, code=12)
    kept.run("--key-file", kept.recovery, "groups", code=12)
    kept.run("--archive", older, "groups", opened=True)
    kept.run("--archive", older, "--key-file", kept.recovery, "groups")
    for both in ([kept.archive, older], [older, kept.archive]):
        two = [word for path in both for word in ("--archive", path)]
        assert (
            kept.run(*two, "--key-file", recovery, "export", GROUP, "--format", "jsonl", "--with-roster").out == before
        )
    for way in (["--key-file", recovery], ["--passphrase-file", new]):
        assert kept.run(*way, "export", GROUP, "--format", "jsonl", "--with-roster").out == before
    kept.run("verify", "--deep", "--key-file", recovery)
    kept.run("backup", "home")
    kept.run("verify", "--deep", "--key-file", recovery)


@pytest.mark.usefixtures("_cheap")
def test_the_passphrase_stays_unless_a_new_one_is_wanted(kept: Machine) -> None:
    recovery = kept.drawer / "recovery-2.txt"
    done = kept.run("key", "rotate", "--recovery-file", recovery, opened=True)
    assert "The passphrase is still the same" in done.out
    kept.run("groups", opened=True)
    kept.run("groups", "--key-file", recovery)
    kept.run("groups", "--key-file", kept.recovery, code=12)


@pytest.mark.usefixtures("_cheap")
def test_who_lost_the_passphrase_makes_a_new_one_with_the_recovery_file(kept: Machine) -> None:
    new = kept.secret("new.txt", "nine other invented words that also mean nothing")
    recovery = kept.drawer / "recovery-2.txt"
    words = ["--key-file", kept.recovery, "key", "rotate", "--recovery-file", recovery]
    done = kept.run("--json", *words, code=2)
    assert "--new-passphrase-file" in done.failure["hint"]
    kept.run(*words, "--new-passphrase-file", new)
    kept.run("--passphrase-file", new, "groups")


@pytest.mark.usefixtures("_cheap")
def test_a_new_set_of_shares_opens_everything_and_the_old_set_nothing(kept: Machine) -> None:
    kept.run("key", "shares", "2/3", "--shares-dir", kept.drawer / "old", opened=True)
    old = [word for number in (1, 2) for word in ("--share-file", kept.drawer / "old" / f"share-{number}.txt")]
    words = ["key", "rotate", "--recovery-file", kept.drawer / "recovery-2.txt"]
    kept.run(*words, "--shares", "2/3", "--shares-dir", kept.drawer / "new", opened=True, code=12)
    done = kept.run("--json", *old, *words, opened=True, code=2)
    assert "--shares" in done.failure["hint"]
    kept.run(*old, *words, "--shares", "2/3", "--shares-dir", kept.drawer / "new", opened=True)
    new = [word for number in (2, 3) for word in ("--share-file", kept.drawer / "new" / f"share-{number}.txt")]
    assert HANDLES[1] in kept.run(*new, "roster", "list").out
    kept.run(*old, "roster", "list", code=12)
    kept.run("groups", opened=True)
    kept.run("roster", "list", opened=True, code=12)


@pytest.mark.usefixtures("_cheap")
def test_an_archive_without_keys_of_its_own_gets_a_new_keys_file(machine: Machine, village: Village) -> None:
    place = machine.folder / "keys"
    place.mkdir()
    cheap = functools.partial(new_passphrase_slots, cost=Argon2Cost(8 * 1024, 1, 1))
    with mock.patch("grouparchive.cli.archive.new_passphrase_slots", cheap):
        machine.run(
            "init", machine.archive, "--passphrase-file", machine.passphrase, "--recovery-file", machine.recovery,
            "--detached", place,
        )  # fmt: skip
    machine.add("home", village.path)
    machine.run("backup", "home")
    keys = place / "group.gar.keys"
    before = keys.read_bytes()
    recovery = machine.drawer / "recovery-2.txt"
    machine.run("key", "rotate", "--recovery-file", recovery, opened=True)
    assert keys.read_bytes() != before
    assert [path.name for path in place.iterdir()] == [keys.name]
    machine.run("groups", opened=True)
    machine.run("groups", "--key-file", recovery)
    old = machine.secret("old.keys", before.decode())
    keys.unlink()
    machine.run("groups", "--key-file", old, opened=True, code=12)
    machine.run("backup", "home")


def test_what_fails_leaves_no_papers(kept: Machine) -> None:
    before = kept.archive.read_bytes()
    recovery = kept.drawer / "recovery-2.txt"
    with mock.patch("grouparchive.archive.rewrite.verify", side_effect=MemoryError):
        kept.run("key", "rotate", "--recovery-file", recovery, opened=True, code=1)
    assert not recovery.exists()
    assert kept.archive.read_bytes() == before
    kept.run("key", "rotate", opened=True, code=2)
    kept.run("key", "rotate", "--recovery-file", kept.recovery, opened=True, code=2)
    assert kept.archive.read_bytes() == before
