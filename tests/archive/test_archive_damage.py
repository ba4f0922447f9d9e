"""Damage: every kind of it is an error with a name and a hint, tells the commit, and leaves the rest readable."""

import random
import sqlite3
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grouparchive.archive import zstd
from grouparchive.archive.reader import Archive
from grouparchive.archive.verify import verify, verify_deep
from grouparchive.crypto.slots import RecoveryKey
from grouparchive.errors import Damaged, GroupArchiveError, NoArchive, WrongSecret
from grouparchive.model.records import Member, Message


def message(number: int) -> Message:
    return Message(channel="!lane", ref=f"$m{number}", time=number, text=f"post {number}")


@pytest.fixture
def full(made: Any) -> Any:
    """Commits 1 to 4 with a message each; commit 2 has a file too."""
    for number in range(1, 5):
        with made.writer() as writer:
            writer.add(message(number))
            writer.add(Member(id=f"{number:032x}", platform="p", origin="o", native=f"@moss{number}"))
            if number == 2:
                made.blob = writer.add_blob([b"picture" * 1000]).blob
            writer.commit({"s": {"g": {"a": str(number)}}})
    return made


def change(path: Path, query: str, *values: object) -> None:
    with sqlite3.connect(path) as db:
        assert db.execute(query, values).rowcount > 0
    db.close()


def flip(path: Path, table: str, column: str, where: str, *values: object, at: int = 40) -> None:
    with sqlite3.connect(path) as db:
        rowid, data = db.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}", values).fetchone()  # noqa: S608
        at %= len(data)
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (broken, rowid))  # noqa: S608
    db.close()


def oid(made: Any, seq: int, kind: str) -> bytes:
    archive = Archive.open(made.path)
    made.opened.append(archive)
    return next(e.oid for e in archive.commits[seq].objects if e.kind == kind)


def texts(reader: Any) -> list[str]:
    return [r.text for _, r in reader.records("content") if isinstance(r, Message)]


def test_a_whole_archive_verifies_deeply(full: Any) -> None:
    report = verify_deep(full.reader())
    assert report.ok
    assert (report.commits, report.writers, report.blobs) == (5, 1, 1)
    assert report.records == 4 + 4 + 3


@pytest.mark.parametrize("kind", ["segment", "blob", "record", "roster"])
def test_a_flipped_byte_in_a_body_is_told_with_its_commit(full: Any, kind: str) -> None:
    flip(full.path, "rows", "data", "oid = ?", oid(full, 2, kind))
    report = verify(full.path)
    assert [one.split(":")[0] for one in report.problems] == ["commit 2"]
    deep = verify_deep(full.reader())
    assert [one.split(":")[0] for one in deep.problems] == ["commit 2"]
    reader = full.reader()
    expected = ["post 1", "post 3", "post 4"] if kind == "segment" else [f"post {n}" for n in range(1, 5)]
    assert texts(reader) == expected
    if kind == "segment":
        with pytest.raises(Damaged, match="commit 2"):
            reader.check()
    if kind == "blob":
        with pytest.raises(Damaged, match="commit 2"):
            list(reader.blob(full.blob))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("DELETE FROM rows WHERE oid = ?", "missing"),
        ("DELETE FROM keys WHERE oid = ?", "key"),
        ("UPDATE keys SET sealed = x'00' WHERE oid = ?", "key"),
        ("UPDATE keys SET sealed = 'text' WHERE oid = ?", "key"),
        ("UPDATE rows SET data = 'text' WHERE oid = ?", "type"),
        ("UPDATE rows SET number = 7 WHERE oid = ?", ""),
    ],
)
def test_missing_and_malformed_parts_of_an_object(full: Any, query: str, says: str) -> None:
    change(full.path, query, oid(full, 3, "segment"))
    problems = verify(full.path).problems
    if says:
        assert problems
        assert problems[0].startswith("commit 3:")
        assert says in problems[0]
        assert texts(full.reader()) == ["post 1", "post 2", "post 4"]
    else:  # numbers only order the rows: nothing is lost
        assert texts(full.reader()) == [f"post {n}" for n in range(1, 5)]


def test_a_changed_sealed_key_shows_on_reading(full: Any) -> None:
    flip(full.path, "keys", "sealed", "oid = ?", oid(full, 3, "segment"))
    assert verify(full.path).ok  # without a secret nobody can tell
    assert [one.split(":")[0] for one in verify_deep(full.reader()).problems] == ["commit 3"]
    assert texts(full.reader()) == ["post 1", "post 2", "post 4"]


def test_swapped_objects_are_noticed(full: Any) -> None:
    one, other = oid(full, 1, "segment"), oid(full, 3, "segment")
    change(full.path, "UPDATE rows SET oid = ? WHERE oid = ?", b"x", one)
    change(full.path, "UPDATE rows SET oid = ? WHERE oid = ?", one, other)
    change(full.path, "UPDATE rows SET oid = ? WHERE oid = ?", other, b"x")
    assert {p.split(":")[0] for p in verify(full.path).problems} == {"commit 1", "commit 3"}
    assert texts(full.reader()) == ["post 2", "post 4"]


def test_rows_that_were_added_are_noticed(full: Any) -> None:
    change(
        full.path, "INSERT INTO rows VALUES (?, 1, x'00112233445566778899aabbccddeeff0011')", oid(full, 3, "segment")
    )
    assert [p.split(":")[0] for p in verify(full.path).problems] == ["commit 3"]
    assert texts(full.reader()) == ["post 1", "post 2", "post 4"]


@pytest.mark.parametrize("column", ["manifest", "signature"])
@pytest.mark.parametrize("at", [3, 50, 200, -2])
def test_a_flipped_byte_in_a_manifest_is_told_and_the_rest_is_read(full: Any, column: str, at: int) -> None:
    flip(full.path, "commits", column, "seq = 2", at=at)
    problems = verify(full.path).problems
    assert problems
    assert all(one.startswith("commit 2:") for one in problems)
    assert texts(full.reader()) == ["post 1", "post 3", "post 4"]


def test_a_commit_that_was_taken_out_is_noticed(full: Any) -> None:
    change(full.path, "DELETE FROM commits WHERE seq = 2")
    assert verify(full.path).problems == ["commit 2: missing"]
    assert texts(full.reader()) == ["post 1", "post 3", "post 4"]


def test_commits_that_changed_places_are_noticed(full: Any) -> None:
    change(full.path, "UPDATE commits SET seq = 99 WHERE seq = 2")
    change(full.path, "UPDATE commits SET seq = 2 WHERE seq = 3")
    change(full.path, "UPDATE commits SET seq = 3 WHERE seq = 99")
    problems = verify(full.path).problems
    assert {"commit 2", "commit 3"} <= {one.split(":")[0] for one in problems}


def test_a_writer_nobody_certified_is_noticed(full: Any) -> None:
    flip(full.path, "writers", "certificate", "1")
    assert "not certified" in verify(full.path).problems[0]


def test_a_writer_that_was_taken_out_does_not_take_its_commits_along_unseen(full: Any) -> None:
    change(full.path, "DELETE FROM writers")
    assert any("not listed" in one for one in verify(full.path).problems)


def test_a_time_beyond_all_clocks_is_no_commit(full: Any) -> None:
    full.write([message(9)], time=1 << 60)
    assert [one.split(":")[0] for one in verify(full.path).problems] == ["commit 5"]


def test_a_changed_genesis_is_refused(full: Any) -> None:
    flip(full.path, "genesis", "data", "1", at=100)
    report = verify(full.path, pinned=full.pin)
    assert "not the archive" in report.problems[0]
    with pytest.raises((Damaged, WrongSecret)):
        full.reader()
    with pytest.raises(Damaged):
        full.writer()


def test_a_genesis_that_is_gone_or_garbage(full: Any) -> None:
    change(full.path, "UPDATE genesis SET data = x'00'")
    with pytest.raises(Damaged):
        verify(full.path)
    change(full.path, "DELETE FROM genesis")
    with pytest.raises(Damaged, match="genesis"):
        verify(full.path)


def test_a_damaged_slot_is_not_a_wrong_secret(full: Any) -> None:
    with pytest.raises(WrongSecret):
        Archive.open(full.path).unlock(RecoveryKey(b"\1" * 32))
    flip(full.path, "slots", "wrapped", "vault = 'content'")
    assert any(one.startswith("key slot") for one in verify(full.path).problems)
    reader = full.reader()
    assert reader.vaults == {"roster"}
    with pytest.raises(WrongSecret, match="content"):
        next(reader.records("content"))
    flip(full.path, "slots", "wrapped", "vault = 'roster'")
    with pytest.raises(Damaged):
        full.reader()


def _newer(data: bytearray) -> None:
    data[60:64] = (2).to_bytes(4, "big")


def _other(data: bytearray) -> None:
    data[68:72] = bytes(4)


def _first_bytes(data: bytearray) -> None:
    data[0] ^= 1


def _cut(data: bytearray) -> None:
    del data[len(data) // 2 :]


def _stub(data: bytearray) -> None:
    del data[50:]


def _empty(data: bytearray) -> None:
    data.clear()


def _text(data: bytearray) -> None:
    data[:] = b"Dear diary, " * 100


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_newer, NoArchive),
        (_other, NoArchive),
        (_stub, NoArchive),
        (_empty, NoArchive),
        (_text, NoArchive),
        (_first_bytes, Damaged),
        (_cut, Damaged),
    ],
)
def test_files_that_are_no_archive_or_half_of_one(
    full: Any, spoil: Callable[[bytearray], None], error: type[GroupArchiveError]
) -> None:
    data = bytearray(full.path.read_bytes())
    spoil(data)
    full.path.write_bytes(data)
    if spoil is _cut:
        try:
            assert verify(full.path).problems
        except Damaged as caught:
            assert caught.hint  # noqa: PT017 - either is fine
        return
    for attempt in (verify, Archive.open):
        with pytest.raises(error) as caught:
            attempt(full.path)
        assert caught.value.hint
    if spoil is _newer:
        assert "newer" in caught.value.message


def test_nothing_there_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(NoArchive):
            Archive.open(path)


@pytest.mark.parametrize(
    "extra",
    [
        "CREATE TRIGGER t AFTER INSERT ON commits BEGIN DELETE FROM rows; END",
        "CREATE VIEW v AS SELECT * FROM rows",
        "CREATE TABLE more (x)",
        "DROP TABLE keys",
        "ALTER TABLE rows ADD COLUMN x",
    ],
)
def test_tables_that_are_not_ours_are_refused(full: Any, extra: str) -> None:
    with sqlite3.connect(full.path) as db:
        db.execute(extra)
    db.close()
    with pytest.raises(Damaged, match="tables"):
        Archive.open(full.path)
    with pytest.raises(Damaged, match="tables"):
        full.writer()


def test_random_bytes_changed_anywhere_never_end_in_a_traceback(full: Any) -> None:
    chance = random.Random(5)
    whole = full.path.read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 1, 3, 200])):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        full.path.write_bytes(data)
        try:
            verify(full.path, pinned=full.pin)
            with Archive.open(full.path) as archive:
                reader = archive.unlock(full.key)
                verify_deep(reader)
        except GroupArchiveError as error:
            assert error.code in {10, 12, 13}, error  # noqa: PT017 - some damage is harmless


def test_a_reader_rolls_back_what_a_killed_run_left(full: Any) -> None:
    # A hot journal: the state in the middle of a transaction, as kill -9 leaves it.
    with full.writer() as writer:
        db = writer._db
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE rows SET data = zeroblob(length(data))")
        db.execute("DELETE FROM commits")
        torn, journal = full.path.read_bytes(), full.path.with_name(full.path.name + "-journal").read_bytes()
        db.execute("ROLLBACK")
    full.path.write_bytes(torn)
    full.path.with_name(full.path.name + "-journal").write_bytes(journal)
    assert texts(full.reader()) == [f"post {n}" for n in range(1, 5)]
    assert verify(full.path).ok


def test_a_small_frame_cannot_ask_for_much_memory() -> None:
    with pytest.raises(Damaged, match="larger"):
        zstd.decompress(zstd.compress(bytes(zstd.MAX_PLAIN + 1)))
    assert len(zstd.decompress(zstd.compress(bytes(zstd.MAX_PLAIN)))) == zstd.MAX_PLAIN
    for data in (b"", b"junk", zstd.compress(b"abc")[:-1], zstd.compress(b"abc") + b"x"):
        with pytest.raises(Damaged):
            zstd.decompress(data)


def test_a_small_frame_takes_no_more_memory_than_a_segment() -> None:
    bomb = zstd.compress(bytes(64 * 1024 * 1024))
    assert len(bomb) < 10_000
    tracemalloc.start()
    try:
        with pytest.raises(Damaged, match="larger"):
            zstd.decompress(bomb)
        assert tracemalloc.get_traced_memory()[1] < 3 * zstd.MAX_PLAIN
    finally:
        tracemalloc.stop()
