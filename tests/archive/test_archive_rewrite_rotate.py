"""`key rotate`: new keys open everything, old ones nothing of the new file, and machines find the way by themselves."""

import os
import shutil
import sqlite3
from collections.abc import Mapping
from typing import Any

import pytest
from rewrite_kit import FERN, HANDLES, MOSS, assert_gone, everything, first_run, post, stored

from grouparchive.archive.attended import attend, read_attended
from grouparchive.archive.forget import forget
from grouparchive.archive.reader import Archive
from grouparchive.archive.rotate import Ways, rotate
from grouparchive.archive.verify import verify, verify_deep
from grouparchive.crypto.files import open_file, seal_file
from grouparchive.crypto.slots import OpenedRoot, RecoveryKey, new_recovery_slots
from grouparchive.errors import Damaged, GroupArchiveError, WrongSecret
from grouparchive.model.attended import Attended
from grouparchive.model.records import Fact, Member, Message


def roots(made: Any) -> dict[str, bytes]:
    with Archive.open(made.path) as archive:
        return {vault: one.root for vault, one in archive.roots(made.key).items()}


def turn(made: Any, **more: Any) -> RecoveryKey:
    """Change the keys; the old recovery key, which is in `made` no more."""
    old, new = made.key, RecoveryKey(os.urandom(32))

    def ways(archive_id: bytes, epoch: int, fresh: Mapping[str, bytes]) -> Ways:
        return Ways(new_recovery_slots(new, archive_id, epoch, fresh), secrets=[new])

    rotate(made.reader(), roots(made), ways, **more)
    made.key = new
    return old


def test_the_new_secret_opens_all_that_the_old_one_did_and_the_old_one_nothing(made: Any) -> None:
    first_run(made)
    attend(made.reader(), Attended(facts=(Fact(member="a" * 32, field="word", value="lantern"),)))
    before, held, commits = stored(made.path), everything(made.reader()), made.reader().commits
    copy = made.folder / "older.archive"
    shutil.copy(made.path, copy)
    old = turn(made)
    report = verify(made.path, pinned=made.pin)
    assert report.ok, report.problems
    reader = made.reader()
    assert reader.commits == commits
    assert everything(reader).startswith(held)
    assert verify_deep(reader).ok
    with Archive.open(made.path) as archive, pytest.raises(WrongSecret):
        archive.unlock(old)
    with Archive.open(copy) as archive:
        assert archive.unlock(old).vaults == {"content", "roster"}
        with pytest.raises(WrongSecret):
            archive.unlock(made.key)
    after = stored(made.path)
    assert {oid: rows for oid, (rows, _) in before.items()}.items() <= {o: r for o, (r, _) in after.items()}.items()
    data = made.path.read_bytes()
    assert not any(key[:64] in data for _, keys in before.values() for key in keys)
    assert all(len(keys) == 1 for _, keys in after.values())
    assert assert_gone(made.path, before) == 0
    with sqlite3.connect(made.path) as db:
        assert db.execute("SELECT DISTINCT epoch FROM keys").fetchall() == [(1,)]
        assert db.execute("SELECT DISTINCT epoch FROM slots").fetchall() == [(1,)]
    db.close()


def test_machines_seal_to_the_new_keys_from_their_next_run_on(made: Any) -> None:
    first_run(made)
    turn(made)
    commit = made.write([post(FERN, 40)])
    with sqlite3.connect(made.path) as db:
        epochs = [db.execute("SELECT epoch FROM keys WHERE oid = ?", (e.oid,)).fetchone()[0] for e in commit.objects]
    db.close()
    assert set(epochs) == {1}
    assert [r.text for _, r in made.reader().records("content") if isinstance(r, Message)][-1] == "words 40"


def test_what_a_machine_sealed_that_had_not_heard_of_it_opens_all_the_same(made: Any) -> None:
    """A machine with a file of its own, or one that was away: its objects come into the file with the old epoch."""
    first_run(made)
    old_file = made.folder / "away.archive"
    shutil.copy(made.path, old_file)
    turn(made)
    turn(made)
    here, made.path = made.path, old_file
    late = made.write([post(FERN, 41, text="sealed to the oldest keys")])
    made.path = here
    with sqlite3.connect(here) as db:
        db.execute("ATTACH ? AS away", (str(old_file),))
        for entry in late.objects:
            db.execute("INSERT INTO rows SELECT * FROM away.rows WHERE oid = ?", (entry.oid,))
            db.execute("INSERT INTO keys SELECT * FROM away.keys WHERE oid = ?", (entry.oid,))
        db.execute("INSERT INTO commits SELECT * FROM away.commits WHERE seq = ?", (late.seq,))
    db.close()
    reader = made.reader()
    assert [r.text for _, r in reader.records("content") if isinstance(r, Message)][-1] == "sealed to the oldest keys"
    assert verify_deep(reader).ok
    turn(made)
    assert verify_deep(made.reader()).ok
    with sqlite3.connect(here) as db:
        assert db.execute("SELECT DISTINCT epoch FROM keys").fetchall() == [(3,)]
    db.close()


def test_files_sealed_before_still_open(made: Any) -> None:
    first_run(made)
    key = made.reader().key("content")
    plan = seal_file(key.public, made.pin, "content", key.epoch, "plan", b"a plan")
    turn(made)
    turn(made)
    assert open_file(plan, made.reader().key("content"), made.pin, "plan") == b"a plan"


def test_the_owner_can_go_on_after_it(made: Any) -> None:
    first_run(made)
    turn(made)
    moss = Member(id="a" * 32, platform="p", origin="o", native=HANDLES[MOSS])
    attend(made.reader(), Attended(members=(moss,)))
    forget(made.reader(), HANDLES[MOSS], home=made.home)
    turn(made, home=made.home)
    assert made.home.statement() == made.reader().archive.statements.head
    reader = made.reader()
    assert HANDLES[MOSS].encode() not in everything(reader)
    assert [len(said.forgotten) for _, said in read_attended(reader)] == [0, 1]
    made.write([post(FERN, 40)])
    assert verify(made.path, pinned=made.pin).ok


def test_both_vaults_must_be_open(made: Any) -> None:
    first_run(made)
    before = made.path.read_bytes()
    found = roots(made)
    del found["roster"]
    with pytest.raises(WrongSecret, match="roster"):
        rotate(made.reader(), found, lambda *_: Ways([]))
    with pytest.raises(WrongSecret, match="content"):
        rotate(made.reader(), {"content": bytes(32), "roster": bytes(32)}, lambda *_: Ways([]))
    assert made.path.read_bytes() == before


def test_ways_in_that_would_not_open_everything_change_nothing(made: Any) -> None:
    first_run(made)
    before = made.path.read_bytes()
    key, other = RecoveryKey(os.urandom(32)), RecoveryKey(os.urandom(32))

    def half(archive_id: bytes, epoch: int, fresh: Mapping[str, bytes]) -> Ways:
        return Ways(new_recovery_slots(key, archive_id, epoch, {"content": fresh["content"]}), secrets=[key])

    def wrong(archive_id: bytes, epoch: int, fresh: Mapping[str, bytes]) -> Ways:
        return Ways(new_recovery_slots(key, archive_id, epoch, fresh), secrets=[other])

    def none(*_: Any) -> Ways:
        raise ZeroDivisionError

    for ways, complaint in ((half, GroupArchiveError), (wrong, WrongSecret), (none, ZeroDivisionError)):
        with pytest.raises(complaint):
            rotate(made.reader(), roots(made), ways)
        assert made.path.read_bytes() == before
    assert not list(made.folder.glob("*.rewrite*"))


def test_a_key_that_does_not_open_is_told_and_changes_nothing(made: Any) -> None:
    first_run(made)
    with sqlite3.connect(made.path) as db:
        oid = made.reader().commits[1].objects[0].oid
        db.execute("UPDATE keys SET sealed = zeroblob(length(sealed)) WHERE oid = ?", (oid,))
    db.close()
    before = made.path.read_bytes()
    with pytest.raises(Damaged):
        turn(made)
    assert made.path.read_bytes() == before


def test_roots_do_not_show_in_what_is_printed() -> None:
    assert "07" not in repr(OpenedRoot(1, b"\x07" * 32))
    assert "Passphrase" not in repr(Ways([], secrets=[RecoveryKey(b"\x07" * 32)]))
