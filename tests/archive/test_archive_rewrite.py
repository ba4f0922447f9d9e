"""Rewriting a file: the old one stands until the new one does, nobody loses a commit into a file that is gone, and whatever
is in the way is told in plain words.
"""

import os
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from rewrite_kit import FERN, HANDLES, MOSS, first_run, member, post

from grouparchive.archive import rewrite, schema
from grouparchive.archive.attended import attend, owner_seed, owner_session
from grouparchive.archive.forget import forget
from grouparchive.archive.rewrite import rewriting
from grouparchive.archive.verify import VerifyReport, verify
from grouparchive.crypto.statements import Revocation
from grouparchive.errors import ArchiveBusy, Damaged, GroupArchiveError, UsageError
from grouparchive.model.attended import Attended
from grouparchive.model.records import Message


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)


def texts(made: Any) -> list[str]:
    return [r.text for _, r in made.reader().records("content") if isinstance(r, Message)]


def left(made: Any) -> list[str]:
    return sorted(path.name for path in made.folder.iterdir() if path.name.startswith(made.path.name + "."))


def test_a_writer_that_has_the_old_file_open_loses_nothing_into_it(made: Any) -> None:
    first_run(made)
    with made.writer() as writer:
        writer.add(post(FERN, 40))
        forget(made.reader(), HANDLES[MOSS])
        with pytest.raises(ArchiveBusy, match="rewritten"):
            writer.commit()
    made.write([post(FERN, 40)])
    assert verify(made.path, pinned=made.pin).ok
    assert texts(made)[-1] == "words 40"


def test_the_owner_states_nothing_into_a_file_that_was_replaced(made: Any) -> None:
    first_run(made)
    reader = made.reader()
    copy = made.folder / "copy"
    shutil.copy(made.path, copy)
    opening = schema.open_database

    def slow(path: Path, *, readonly: bool) -> sqlite3.Connection:
        db = opening(path, readonly=readonly)
        copy.replace(path)
        return db

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grouparchive.archive.attended.open_database", slow)
        with pytest.raises(ArchiveBusy, match="rewritten"):
            attend(reader, Attended())
    assert made.reader().archive.statements.signed == ()


def test_nobody_else_writes_while_it_is_rewritten(made: Any) -> None:
    first_run(made)
    reader = made.reader()
    seed = owner_seed(reader)
    with made.writer() as writer, rewriting(reader):
        writer.add(post(FERN, 40))
        with pytest.raises(ArchiveBusy):
            writer.commit()
        with pytest.raises(ArchiveBusy), owner_session(made.path, made.pin, seed):
            pass
        with pytest.raises(ArchiveBusy), rewriting(reader):
            pass
    assert left(made) == []


def test_a_machine_that_is_writing_keeps_its_own_archive_from_being_rewritten(made: Any) -> None:
    first_run(made)
    before = made.path.read_bytes()
    with made.writer(), pytest.raises(ArchiveBusy, match="profile"):
        forget(made.reader(), HANDLES[MOSS], home=made.home)
    assert made.path.read_bytes() == before


def test_a_rewriting_that_changes_nothing_leaves_the_file_as_it_is(made: Any) -> None:
    first_run(made)
    before = made.path.read_bytes()
    with rewriting(made.reader()):
        pass
    assert made.path.read_bytes() == before
    assert left(made) == []


def test_the_new_file_is_for_its_owner_only_and_takes_the_place_of_the_old_one(made: Any) -> None:
    first_run(made)
    inode = made.path.stat().st_ino
    forget(made.reader(), HANDLES[MOSS])
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert made.path.stat().st_ino != inode
    with sqlite3.connect(made.path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA freelist_count").fetchone() == (0,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    db.close()


@pytest.mark.parametrize("who_comes", ["writer", "owner", "rewriting"])
def test_what_a_killed_rewriting_left_is_taken_away_by_the_next_run(made: Any, who_comes: str) -> None:
    first_run(made)
    (made.folder / f"{made.path.name}.rewrite").write_bytes(b"half")
    (made.folder / f"{made.path.name}.rewrite-journal").write_bytes(b"half")
    reader = made.reader()
    match who_comes:
        case "writer":
            made.writer().close()
        case "owner":
            attend(reader, Attended())
        case "rewriting":
            with rewriting(reader):
                pass
    assert left(made) == []
    assert verify(made.path).ok


def test_a_writer_takes_nothing_away_that_is_being_built(made: Any) -> None:
    first_run(made)
    with rewriting(made.reader()):
        with pytest.raises(ArchiveBusy):
            made.writer()
        assert left(made) == [f"{made.path.name}.rewrite"]


def test_a_disk_without_room_is_told_before_anything_is_written(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first_run(made)
    usage = namedtuple("usage", "total used free")  # noqa: PYI024
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, made.path.stat().st_size))
    with pytest.raises(GroupArchiveError, match="no room for the new file"):
        forget(made.reader(), HANDLES[MOSS])
    assert left(made) == []


def test_a_disk_that_fills_up_on_the_way_leaves_the_old_file(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first_run(made)
    before = made.path.read_bytes()
    fresh = rewrite._new_file

    def small(part: Path) -> sqlite3.Connection:
        db = fresh(part)
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 1}")
        return db

    monkeypatch.setattr(rewrite, "_new_file", small)
    with pytest.raises(GroupArchiveError, match="disk is full"):
        forget(made.reader(), HANDLES[MOSS])
    assert made.path.read_bytes() == before
    assert left(made) == []


def test_a_link_is_not_replaced(made: Any) -> None:
    first_run(made)
    link = made.folder / "link.archive"
    link.symlink_to(made.path)
    made.path = link
    with pytest.raises(UsageError, match="link"):
        forget(made.reader(), HANDLES[MOSS])
    assert link.is_symlink()


def test_a_folder_that_takes_no_new_file_is_told(made: Any) -> None:
    first_run(made)
    (made.folder / f"{made.path.name}.rewrite").mkdir()
    with pytest.raises(GroupArchiveError, match="cannot be written to"):
        forget(made.reader(), HANDLES[MOSS])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read_is_told(made: Any) -> None:
    first_run(made)
    made.folder.chmod(0o500)
    try:
        with pytest.raises(GroupArchiveError, match="cannot be written to"):
            forget(made.reader(), HANDLES[MOSS])
    finally:
        made.folder.chmod(0o700)


def test_what_does_not_verify_takes_nobodys_place(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first_run(made)
    before = made.path.read_bytes()
    honest = rewrite.verify

    def doubtful(path: Path, **more: Any) -> VerifyReport:
        with sqlite3.connect(path) as db:
            db.execute("UPDATE rows SET data = zeroblob(length(data)) WHERE rowid = 3")
        db.close()
        return honest(path, **more)

    monkeypatch.setattr(rewrite, "verify", doubtful)
    with pytest.raises(Damaged, match="left as it is"):
        forget(made.reader(), HANDLES[MOSS])
    assert made.path.read_bytes() == before
    assert left(made) == []


def test_a_damaged_archive_is_not_rewritten(made: Any) -> None:
    first_run(made)
    with sqlite3.connect(made.path) as db:
        db.execute("UPDATE commits SET signature = zeroblob(64) WHERE seq = 1")
    db.close()
    before = made.path.read_bytes()
    with pytest.raises(Damaged, match="a damaged one is not rewritten"):
        forget(made.reader(), HANDLES[MOSS])
    assert made.path.read_bytes() == before


def test_a_damaged_object_keeps_the_old_file_in_place(made: Any) -> None:
    first_run(made)
    made.write([post(FERN, 12)])
    oid = next(e.oid for e in made.reader().commits[2].objects if e.kind == "record")
    with sqlite3.connect(made.path) as db:
        db.execute("UPDATE rows SET data = zeroblob(length(data)) WHERE oid = ?", (oid,))
    db.close()
    before = made.path.read_bytes()
    with pytest.raises(Damaged):
        forget(made.reader(), HANDLES[MOSS])
    assert made.path.read_bytes() == before


def test_another_archive_in_its_place_is_told(made: Any, make_archive: Any) -> None:
    first_run(made)
    reader = made.reader()
    other = make_archive()
    shutil.copy(other.path, made.path)
    with pytest.raises(Damaged, match="another archive"):
        forget(reader, HANDLES[MOSS])


def test_what_counts_for_nothing_is_left_out(made: Any) -> None:
    first_run(made)
    made.write([member(MOSS, 1), post(MOSS, 30, 1, text="heather of a thief")])
    with owner_session(made.path, made.pin, owner_seed(made.reader())) as session:
        session.state("revoke", Revocation(made.home.writer_id, 2).encode())
    with sqlite3.connect(made.path) as db:
        db.execute("INSERT INTO rows VALUES (randomblob(32), 0, randomblob(5000))")
        rows = db.execute("SELECT count(*) FROM rows").fetchone()[0]
    db.close()
    forget(made.reader(), HANDLES[MOSS])
    with sqlite3.connect(made.path) as db:
        kept = db.execute("SELECT count(*) FROM rows").fetchone()[0]
    db.close()
    # Without the junk row, three objects of the revoked commit, a file and a face; with the trace.
    assert kept == rows - 1 - 3 - 2 + 1
    assert verify(made.path).ok
    assert len(made.reader().archive.revoked) == 1
