"""What can be done by who can write to copies and to files that people bring; what a failure at the worst moment leaves."""

import contextlib
import functools
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from cli_machine import HANDLES, Machine, Village
from test_cli_writers import another, post

from grouparchive.archive.reader import Archive
from grouparchive.crypto.slotrow import SlotRow
from grouparchive.crypto.slots import Argon2Cost, new_passphrase_slots
from grouparchive.durable import write_whole
from grouparchive.errors import GroupArchiveError


@contextlib.contextmanager
def cheap_rotation() -> Iterator[None]:
    cheap = functools.partial(new_passphrase_slots, cost=Argon2Cost(8 * 1024, 1, 1))
    with mock.patch("grouparchive.cli.rotate.new_passphrase_slots", cheap):
        yield


def shares(folder: Path, *numbers: int) -> list[str | Path]:
    return [word for number in numbers for word in ("--share-file", folder / f"share-{number}.txt")]


def test_new_papers_stay_when_the_new_file_has_taken_its_place(kept: Machine) -> None:
    recovery, folder = kept.drawer / "recovery-2.txt", kept.drawer / "new"
    words = ["key", "rotate", "--recovery-file", recovery, "--shares", "2/3", "--shares-dir", folder]
    full = GroupArchiveError("the disk is full")
    with cheap_rotation(), mock.patch("grouparchive.archive.rewrite.obey", side_effect=full):
        kept.run(*words, opened=True, code=None)
    assert HANDLES[1] in kept.run(*shares(folder, 1, 3), "roster", "list").out
    kept.run("--key-file", recovery, "groups")
    kept.run("backup", "home")


def test_the_new_keys_file_stays_when_the_new_file_has_taken_its_place(machine: Machine, village: Village) -> None:
    place = machine.folder / "keys"
    place.mkdir()
    machine.init("--recovery-file", machine.recovery, "--detached", place)
    machine.add("home", village.path)
    machine.run("backup", "home")
    recovery = machine.drawer / "recovery-2.txt"
    with cheap_rotation(), mock.patch("grouparchive.archive.rewrite.sync_folder", side_effect=KeyboardInterrupt):
        machine.run("key", "rotate", "--recovery-file", recovery, opened=True, code=None)
    machine.run("groups", opened=True)
    machine.run("--key-file", recovery, "groups")


def test_shares_stay_when_they_are_the_only_way_in(machine: Machine, village: Village) -> None:
    place, folder = machine.folder / "keys", machine.drawer / "shares"
    place.mkdir()
    machine.init("--recovery-file", machine.recovery, "--detached", place)
    machine.add("home", village.path)
    machine.run("backup", "home")

    def failing(path: Path, data: bytes) -> None:
        write_whole(path, data)
        raise OSError(5, "the disk fails")

    with mock.patch("grouparchive.cli.keys.write_whole", failing):
        machine.run("key", "shares", "2/3", "--shares-dir", folder, opened=True, code=None)
    assert HANDLES[1] in machine.run(*shares(folder, 1, 3), "roster", "list").out


def test_verify_tells_a_fork_between_copies(kept: Machine, village: Village) -> None:
    stolen = shutil.copytree(kept.profile, kept.folder.parent / "stolen")
    copy = Path(shutil.copy(kept.archive, kept.folder / "copy.gar"))
    post(village, "one")
    kept.run("backup", "home")
    config = json.loads((stolen / "config.json").read_text()) | {"archive": str(copy)}
    (stolen / "config.json").write_text(json.dumps(config))
    post(village, "another")
    kept.run("--profile", stolen, "--archive", copy, "backup", "home")
    for order in ((kept.archive, copy), (copy, kept.archive)):
        two = [word for path in order for word in ("--archive", path)]
        assert "fork" in kept.run(*two, "verify", code=13).out
    kept.run("verify")


def test_verify_tells_commits_whose_clock_cannot_be_right(kept: Machine, village: Village) -> None:
    post(village, "one")
    with mock.patch("grouparchive.archive.writer.time.time_ns", return_value=10**15):
        kept.run("backup", "home")
    done = kept.run("verify", "--json")
    assert "suspect" in done.err
    assert done.done["suspect"] == 1


def test_key_slots_that_somebody_added_to_a_copy_do_not_shut_the_others(kept: Machine) -> None:
    copy = Path(shutil.copy(kept.archive, kept.folder / "copy.gar"))
    with Archive.open(copy) as archive:
        empty = SlotRow(bytes(16), "content", 1 << 60, "recovery", b"", bytes(32), bytes(12), bytes(48), b"")
        junk = (*[getattr(empty, name) for name in SlotRow.__slots__[:-1]], empty.sum(archive.archive_id))
    with sqlite3.connect(copy) as db:
        db.execute("DELETE FROM slots")
        db.execute("INSERT INTO slots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", junk)
    db.close()
    kept.run("--archive", kept.archive, "--archive", copy, "groups", opened=True)


def test_a_new_machine_gets_no_keys_that_were_changed_since(kept: Machine) -> None:
    with cheap_rotation():
        kept.run("key", "rotate", "--recovery-file", kept.drawer / "recovery-2.txt", opened=True)
    public = kept.folder / "public.json"
    kept.run("writer", "public", "-o", public, code=None)
    if public.exists():
        new = another(kept)
        new.archive = new.folder / "own.gar"
        new.run("init", new.archive, "--join", public)
        with Archive.open(kept.archive) as old, Archive.open(new.archive) as own:
            assert own.statements.keys[-1] == old.statements.keys[-1]


def test_a_certificate_for_another_machine_is_not_taken_for_ones_own(kept: Machine) -> None:
    public = kept.folder / "public.json"
    kept.run("writer", "public", "-o", public)
    mine, thief = another(kept, "mine"), another(kept, "thief")
    for machine in (mine, thief):
        machine.archive = machine.folder / "own.gar"
        told = machine.run("init", machine.archive, "--join", public)
        assert machine.run("writer", "list", "--json", code=13).events[0]["id"][:8] in told.out
    request = mine.archive.with_name("own.gar.request.json")
    thief.archive.with_name("own.gar.request.json").replace(request)  # swapped on its way
    kept.run("writer", "certify", request, opened=True)
    assert "another machine" in mine.run("writer", "certify", request, code=2).err
    with Archive.open(mine.archive) as archive:
        assert len(archive.writers) == 1
