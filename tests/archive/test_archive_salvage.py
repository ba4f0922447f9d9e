"""Salvage: what is whole in damaged copies comes into a new file, whatever SQLite still makes of them; the rest is named."""

import os
import random
import shutil
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grouparchive.archive.attended import owner_seed, owner_session
from grouparchive.archive.home import WriterHome
from grouparchive.archive.objects import object_name
from grouparchive.archive.pages import Pages
from grouparchive.archive.reader import Archive
from grouparchive.archive.repair import RepairReport, repair
from grouparchive.archive.statements import append_statement
from grouparchive.archive.verify import verify, verify_deep
from grouparchive.archive.writer import Writer
from grouparchive.crypto.signing import ManifestEntry
from grouparchive.errors import ArchiveBusy, Damaged, GroupArchiveError, NoArchive, UsageError
from grouparchive.model.records import Member, Message, Secret

POSTS = [f"post {number}" for number in range(1, 5)]


@pytest.fixture
def full(made: Any) -> Any:
    """Commits 1 to 4 with a message each; commit 2 has a file of several pages too."""
    for number in range(1, 5):
        with made.writer() as writer:
            writer.add(Message(channel="!lane", ref=f"$m{number}", time=number, text=f"post {number}"))
            writer.add(Member(id=f"{number:032x}", platform="p", origin="o", native=f"@moss{number}"))
            if number == 2:
                made.blob = writer.add_blob([bytes(range(256)) * 400]).blob
            writer.commit()
    return made


def copy_of(made: Any, name: str) -> Path:
    path: Path = made.folder / name
    shutil.copy(made.path, path)
    return path


def change(path: Path, query: str, *values: object) -> None:
    with sqlite3.connect(path) as db:
        assert db.execute(query, values).rowcount > 0
    db.close()


def spoil(path: Path, table: str, column: str, where: str, *values: object, at: int = 40) -> None:
    with sqlite3.connect(path) as db:
        rowid, data = db.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}", values).fetchone()  # noqa: S608
        at %= len(data)
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (broken, rowid))  # noqa: S608
    db.close()


def entry(made: Any, seq: int, kind: str) -> ManifestEntry:
    with Archive.open(made.path) as archive:
        return next(e for e in archive.commits[seq].objects if e.kind == kind)


def texts(made: Any, path: Path) -> list[str]:
    with Archive.open(path) as archive:
        return [r.text for _, r in archive.unlock(made.key).records("content") if isinstance(r, Message)]


def mend(made: Any, *copies: Path, name: str = "new.archive") -> tuple[RepairReport, Path]:
    out: Path = made.folder / name
    before = [path.read_bytes() for path in copies]
    report = repair(copies, out, pinned=made.pin)
    assert [path.read_bytes() for path in copies] == before
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert not out.with_name(out.name + ".part").exists()
    return report, out


def contents(path: Path) -> dict[str, list[Any]]:
    with sqlite3.connect(path) as db:
        tables = ("genesis", "slots", "writers", "commits", "keys", "rows", "statements")
        found = {table: sorted(db.execute(f"SELECT * FROM {table}").fetchall()) for table in tables}  # noqa: S608
    db.close()
    return found


# --- naming what is damaged --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"), [("segment", "posts"), ("roster", "people"), ("blob", "file"), ("record", "its own note")]
)
def test_a_damaged_object_is_named_by_commit_kind_and_oid(full: Any, kind: str, words: str) -> None:
    oid = entry(full, 2, kind).oid
    spoil(full.path, "rows", "data", "oid = ?", oid)
    said = f"commit 2: {words} {oid.hex()[:8]}: "
    assert verify(full.path).problems == [said + "a stored object is not the one that was signed"]
    (deep,) = verify_deep(full.reader()).problems
    assert deep.startswith(said)


def test_two_damaged_objects_of_a_commit_are_two_problems(full: Any) -> None:
    for kind in ("segment", "roster"):
        spoil(full.path, "rows", "data", "oid = ?", entry(full, 3, kind).oid)
    assert [one.split()[:3] for one in verify(full.path).problems] == [
        ["commit", "3:", "posts"],
        ["commit", "3:", "people"],
    ]


def test_an_object_of_a_kind_of_later_versions_has_a_name_too(full: Any) -> None:
    odd = replace(entry(full, 1, "segment"), kind="novel")
    assert object_name(odd).startswith("object ")


def test_damaged_objects_of_the_owners_statements_are_named(full: Any) -> None:
    reader = full.reader()
    (owner,) = (
        bytes.fromhex(r.key) for _, r in reader.records("content") if isinstance(r, Secret) and r.name == "owner"
    )
    missing = ManifestEntry("roster", "roster", b"\7" * 32, b"\7" * 32)
    with sqlite3.connect(full.path, isolation_level=None) as db:
        append_statement(
            db, reader.archive.genesis, reader.archive.statements, owner, kind="attended", body=missing.encode(), now=1
        )
    db.close()
    assert verify(full.path).problems == ["statement 0: people 07070707: a stored object is missing"]
    report, out = mend(full, full.path)
    assert report.lost == ["statement 0: people 07070707: its key is damaged in every copy"]
    assert contents(out)["statements"] == contents(full.path)["statements"]


@pytest.mark.parametrize(
    "query",
    [
        "UPDATE genesis SET id = 2",
        "UPDATE sqlite_master SET sql = replace(sql, 'CREATE TABLE', 'CREATE  TABLE') WHERE name = 'rows'",
    ],
)
def test_verify_minds_what_sqlite_does_not(full: Any, query: str) -> None:
    with sqlite3.connect(full.path) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute(query)
    db.close()
    assert verify(full.path).problems == ["the archive's file is damaged in its structure"]


@pytest.mark.parametrize("at", [20, 45, 48, 63, 72, 91])
def test_verify_minds_the_files_first_bytes(full: Any, at: int) -> None:
    data = bytearray(full.path.read_bytes())
    data[at] ^= 1  # at 63 the version becomes 0: one that never was
    full.path.write_bytes(data)
    try:
        assert verify(full.path).problems
    except Damaged as error:
        assert error.hint  # noqa: PT017 - either is fine


@pytest.mark.parametrize("more", [b"x", bytes(16384)])
def test_verify_minds_what_was_put_behind_the_file(full: Any, more: bytes) -> None:
    full.path.write_bytes(full.path.read_bytes() + more)
    assert verify(full.path).problems == ["the archive's file is damaged in its structure"]


# --- the repaired copy -------------------------------------------------------------------------------------------------


def test_a_whole_archive_is_copied_as_it_is(full: Any) -> None:
    report, out = mend(full, full.path)
    assert (report.lost, report.doubtful) == ([], 0)
    assert report.report.ok
    assert contents(out) == contents(full.path)
    with Archive.open(out) as archive:
        assert verify_deep(archive.unlock(full.key)).ok


def test_the_machine_that_writes_goes_on_with_the_repaired_copy(full: Any) -> None:
    spoil(full.path, "rows", "data", "oid = ?", entry(full, 2, "segment").oid)
    _, out = mend(full, full.path)
    out.replace(full.path)
    full.write([Message(channel="!lane", ref="$m5", time=5, text="post 5")])
    assert texts(full, full.path) == ["post 1", "post 3", "post 4", "post 5"]


def test_an_object_damaged_in_every_copy_is_left_out_and_named(full: Any) -> None:
    lost = entry(full, 3, "segment")
    spoil(full.path, "rows", "data", "oid = ?", lost.oid)
    report, out = mend(full, full.path)
    assert report.lost == [f"commit 3: posts {lost.oid.hex()[:8]}: damaged in every copy"]
    assert texts(full, out) == ["post 1", "post 2", "post 4"]
    assert report.report.commits == 5


def test_copies_damaged_in_different_places_make_a_whole_one(full: Any) -> None:
    whole = contents(full.path)
    one, other = copy_of(full, "one"), copy_of(full, "other")
    for path, seq in ((one, 1), (other, 3)):
        spoil(path, "rows", "data", "oid = ?", entry(full, seq, "segment").oid)
        spoil(path, "commits", "manifest", "seq = ?", seq + 1)
    change(one, "DELETE FROM keys WHERE oid = ?", entry(full, 1, "roster").oid)
    change(other, "DELETE FROM rows WHERE oid = ?", entry(full, 2, "blob").oid)
    report, out = mend(full, one, other)
    assert report.lost == []
    assert contents(out) == whole


def test_rows_of_one_object_are_put_together_from_several_copies(full: Any) -> None:
    with full.writer() as writer:
        writer.add_blob([bytes(8_500_000)])
        writer.commit()
    oid = entry(full, 5, "blob").oid
    one, other = copy_of(full, "one"), copy_of(full, "other")
    spoil(one, "rows", "data", "oid = ? AND number = 0", oid)
    spoil(other, "rows", "data", "oid = ? AND number = 1", oid)
    report, _ = mend(full, one, other)
    assert report.lost == []


def test_commits_lost_in_every_copy_are_named(full: Any) -> None:
    spoil(full.path, "commits", "signature", "seq = 2")
    report, out = mend(full, full.path)
    assert [one.split(":")[0] for one in report.lost] == ["commit 2"]
    assert texts(full, out) == ["post 1", "post 3", "post 4"]


def test_the_newest_commit_lost_is_noticed_by_what_it_left_behind(full: Any) -> None:
    change(full.path, "DELETE FROM commits WHERE seq = 4")
    report, _ = mend(full, full.path)
    assert report.lost == ["3 stored objects: the commits that name them are lost"]


def test_a_longer_copy_adds_its_newer_commits(full: Any) -> None:
    older = copy_of(full, "older")
    full.write([Message(channel="!lane", ref="$m5", time=5, text="post 5")])
    report, out = mend(full, older, full.path)
    assert report.lost == []
    assert texts(full, out) == [*POSTS, "post 5"]


def test_two_different_commits_with_one_number_are_told(full: Any) -> None:
    fork = copy_of(full, "fork")
    profile = full.home.folder.parent
    shutil.copytree(profile, full.folder / "stolen")
    full.write([Message(channel="!lane", ref="$m5", time=5, text="post 5")])
    first = full.path.read_bytes()
    shutil.rmtree(profile)
    shutil.copytree(full.folder / "stolen", profile)
    shutil.copy(fork, full.path)
    full.write([Message(channel="!lane", ref="$x5", time=5, text="another 5")])
    shutil.copy(full.path, fork)
    full.path.write_bytes(first)
    report, out = mend(full, full.path, fork)
    assert [one for one in report.lost if "fork" in one]
    assert texts(full, out) == [*POSTS, "post 5"]


@pytest.mark.parametrize("at", [20, 300])
def test_one_wrong_byte_in_the_genesis_is_found(full: Any, at: int) -> None:
    whole = contents(full.path)
    spoil(full.path, "genesis", "data", "1", at=at)
    for pinned in (None, full.pin):
        report = repair([full.path], full.folder / f"new{pinned is None}", pinned=pinned)
        assert report.lost == []
        assert contents(full.folder / f"new{pinned is None}") == whole


def test_a_genesis_lost_in_every_copy_is_told_and_another_copy_helps(full: Any) -> None:
    whole = copy_of(full, "whole")
    change(full.path, "UPDATE genesis SET data = x'00'")
    with pytest.raises(Damaged, match="genesis") as caught:
        repair([full.path], full.folder / "new")
    assert "--archive" in caught.value.hint
    assert not (full.folder / "new").exists()
    report, _ = mend(full, full.path, whole)
    assert report.lost == []


@pytest.mark.parametrize(("column", "at"), [("writer_id", 3), ("pk0", 5), ("certificate", 0)])
def test_one_wrong_byte_in_a_writer_is_found(full: Any, column: str, at: int) -> None:
    whole = contents(full.path)
    spoil(full.path, "writers", column, "1", at=at)
    report, out = mend(full, full.path)
    assert report.lost == []
    assert contents(out) == whole


def test_a_writer_is_known_again_whatever_byte_of_its_row_is_wrong(full: Any) -> None:
    """Of several, for a machine without its certificate counts for nothing then."""
    second = WriterHome.create(full.folder / "second" / "writer")
    with owner_session(full.path, full.pin, owner_seed(full.reader())) as session:
        session.certify(second.writer_id, second.public())
    with Writer.open(full.path, second, pinned=full.pin, now=full.now) as writer:
        writer.add(Message(channel="!lane", ref="$s", time=9, text="from the second machine"))
        writer.commit()
    whole = contents(full.path)
    data = full.path.read_bytes()
    with Pages(full.path) as pages:
        page, offset = next(
            one.place for one in pages.cells() if one.name == second.writer_id and one.table == "writers"
        )
    start = (page - 1) * 16384 + offset
    head = data.index(second.writer_id, start) - start
    for at in (*range(head), head, head + 16):
        broken = bytearray(data)
        broken[start + at] ^= 0x11
        full.path.write_bytes(broken)
        report, out = mend(full, full.path, name=f"new{at}")
        assert report.lost == [], at
        assert contents(out) == whole


def test_slots_that_are_kept_apart_do_not_come_back_from_free_space(full: Any) -> None:
    with sqlite3.connect(full.path) as db:
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("DELETE FROM slots")
    db.close()
    with Pages(full.path) as pages:
        assert [one.live for one in pages.cells() if one.table == "slots"]
    report, out = mend(full, full.path)
    assert report.lost == []
    assert contents(out)["slots"] == []


def test_commits_of_a_writer_that_is_gone_are_saved_and_said_to_be_without_certificate(full: Any) -> None:
    change(full.path, "DELETE FROM writers")
    report, out = mend(full, full.path)
    assert [one.split(":")[1] for one in report.lost] == [" not certified by the owner"]
    assert texts(full, out) == POSTS


@pytest.mark.parametrize(
    ("column", "at"), [("slot_id", 0), ("commitment", 1), ("nonce", 2), ("wrapped", 30), ("checksum", 31)]
)
def test_one_wrong_byte_in_a_slot_is_found(make_archive: Callable[[], Any], column: str, at: int) -> None:
    made = make_archive()
    whole = contents(made.path)
    spoil(made.path, "slots", column, "vault = 'content'", at=at)
    report, out = mend(made, made.path)
    assert report.lost == []
    assert contents(out) == whole


def test_a_slot_that_is_lost_is_told_and_taken_from_another_copy(full: Any) -> None:
    whole = copy_of(full, "whole")
    change(full.path, "UPDATE slots SET wrapped = zeroblob(48) WHERE vault = 'content'")
    report, _ = mend(full, full.path, name="poor")
    assert [one.split(":")[0] for one in report.lost] == ["key slots"]
    report, out = mend(full, full.path, whole)
    assert report.lost == []
    assert texts(full, out) == POSTS


def test_a_slot_that_was_removed_does_not_come_back_with_an_older_copy(full: Any) -> None:
    older = copy_of(full, "older")
    change(full.path, "DELETE FROM slots WHERE vault = 'roster'")
    _, out = mend(full, full.path, older)
    assert [row[1] for row in contents(out)["slots"]] == ["content"]


def test_sealed_keys_that_differ_are_counted(full: Any) -> None:
    other = copy_of(full, "other")
    spoil(other, "keys", "sealed", "oid = ?", entry(full, 1, "segment").oid)
    report, out = mend(full, full.path, other)
    assert (report.lost, report.doubtful) == ([], 1)
    assert texts(full, out) == POSTS
    third = copy_of(full, "third")
    report, out = mend(full, other, full.path, third, name="most")  # what most copies hold counts
    assert report.doubtful == 1
    assert texts(full, out) == POSTS


def test_copies_of_different_archives_are_refused(full: Any, make_archive: Callable[[], Any]) -> None:
    other = make_archive()
    with pytest.raises(UsageError, match="different"):
        repair([full.path, other.path], full.folder / "new")
    with pytest.raises(Damaged, match="not the archive"):
        repair([other.path], full.folder / "new", pinned=full.pin)
    assert not (full.folder / "new").exists()


def test_a_repaired_copy_never_overwrites(full: Any) -> None:
    before = full.path.read_bytes()
    for out in (full.path, full.home.folder):
        with pytest.raises(UsageError, match="overwritten"):
            repair([full.path], out)
    dangling = full.folder / "dangling"
    dangling.symlink_to(full.folder / "nowhere")
    with pytest.raises(UsageError, match="overwritten"):
        repair([full.path], dangling)
    assert full.path.read_bytes() == before


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    for data in (b"", os.urandom(100_000)):
        photo.write_bytes(data)
        with pytest.raises(NoArchive):
            repair([photo], tmp_path / "new")
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(NoArchive):
            repair([path], tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize("table", ["rows", "keys", "commits"])
def test_a_name_that_is_damaged_where_it_stands_is_known_from_elsewhere(full: Any, table: str) -> None:
    whole = contents(full.path)
    name = entry(full, 3, "segment").oid if table != "commits" else full.home.writer_id
    data = full.path.read_bytes()
    with Pages(full.path) as pages:
        cells = [one.place for one in pages.cells() if one.table == table and one.name == name]
    assert len(cells) == (5 if table == "commits" else 1)
    for page, offset in cells:
        broken = bytearray(data)
        broken[data.index(name, (page - 1) * 16384 + offset)] ^= 1
        full.path.write_bytes(broken)
        report, out = mend(full, full.path, name=f"new{page}-{offset}")
        assert report.lost == []
        assert contents(out) == whole


def test_a_copy_that_another_run_is_writing_to_is_waited_for(full: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grouparchive.archive.schema.BUSY_SECONDS", 0.1)
    with sqlite3.connect(full.path, isolation_level=None) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ArchiveBusy):
            repair([full.path], full.folder / "new")
        db.execute("ROLLBACK")
    db.close()
    assert not (full.folder / "new").exists()


def test_what_a_killed_run_left_half_done_is_rolled_back_first(full: Any) -> None:
    whole = contents(full.path)
    journal = full.path.with_name(full.path.name + "-journal")
    with full.writer() as writer:
        db = writer._db
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE rows SET data = zeroblob(length(data))")
        torn, kept = full.path.read_bytes(), journal.read_bytes()
        db.execute("ROLLBACK")
    full.path.write_bytes(torn)
    journal.write_bytes(kept)
    assert repair([full.path], full.folder / "new").lost == []
    assert contents(full.folder / "new") == whole


def test_whatever_happened_to_a_file_it_ends_in_plain_words(full: Any) -> None:
    whole = full.path.read_bytes()
    chance = random.Random()
    for number in range(8):
        data = bytearray(whole)
        for _ in range(chance.choice([3, 30, 300])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        for _ in range(chance.choice([0, 1, 5])):  # whole pages change places, or are gone
            one, other = (chance.randrange(len(data) // 16384) * 16384 for _ in range(2))
            page = data[other : other + 16384] if chance.random() < 0.7 else bytes(16384)
            data[one : one + 16384] = page
        full.path.write_bytes(data)
        out = full.folder / f"new{number}"
        try:
            report = repair([full.path], out, pinned=full.pin)
        except GroupArchiveError as error:
            assert error.code in {10, 13}, error  # noqa: PT017 - some are beyond help
            assert not out.exists()
        else:
            assert all(": " in one for one in report.lost)
            out.unlink()


# --- files that SQLite cannot read -------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 16, 17, 20, 28, 33, 100, 103, 108, 60, 68])
def test_a_file_that_sqlite_cannot_open_is_saved_whole(full: Any, at: int) -> None:
    whole = contents(full.path)
    data = bytearray(full.path.read_bytes())
    data[at] ^= 0x55
    full.path.write_bytes(data)
    report, out = mend(full, full.path)
    assert report.lost == []
    assert contents(out) == whole


def test_without_its_first_page_everything_is_saved(full: Any) -> None:
    whole = contents(full.path)
    data = bytearray(full.path.read_bytes())
    data[:16384] = bytes(16384)
    full.path.write_bytes(data)
    with pytest.raises(NoArchive):
        verify(full.path)
    report, out = mend(full, full.path)
    assert report.lost == []
    assert contents(out) == whole


def test_reading_a_file_that_cannot_be_opened_hints_at_repair(full: Any) -> None:
    data = bytearray(full.path.read_bytes())
    data[100:108] = b"\xff" * 8
    full.path.write_bytes(data)
    with pytest.raises(Damaged) as caught:
        Archive.open(full.path)
    assert "verify --repair" in caught.value.hint


def test_pages_heads_are_not_needed(full: Any) -> None:
    """Each leaf loses what it says about its kind, or about its number of rows."""
    whole = contents(full.path)
    data = full.path.read_bytes()
    leaves = [at for at in range(0, len(data), 16384) if data[at] == 0x0D]
    assert len(leaves) >= 5
    for at in leaves:
        broken = bytearray(data)
        broken[at + (at // 16384 % 2 and 3)] ^= 0xFF
        full.path.write_bytes(broken)
        report, out = mend(full, full.path, name=f"new-{at}")
        assert report.lost == [], at
        assert contents(out) == whole
