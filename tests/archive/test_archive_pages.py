"""Reading an SQLite file without SQLite: the same rows as SQLite gives, and no more than our own errors from any bytes."""

import contextlib
import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grouparchive.archive.pages import GENESIS_SIZE, Cell, Pages, Place
from grouparchive.archive.schema import create_tables
from grouparchive.errors import Damaged

PAGE = 16384
KEYS = {"genesis": 1, "slots": 3, "writers": 1, "commits": 2, "keys": 2, "rows": 2, "statements": 1}

numbers = st.one_of(st.integers(0, 2), st.integers(0, (1 << 63) - 1))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=16)
small = st.binary(max_size=200)


def sized(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=3, max_size=3).map(lambda seed: (seed * size)[:size])


def long(least: int) -> st.SearchStrategy[bytes]:
    """Bytes that stay on their page, that just do or do not, and that need a chain of pages."""
    sizes = st.one_of(st.integers(least, 300), st.integers(16_150, 16_400), st.integers(16_400, 120_000))
    return st.builds(lambda size, fill: bytes([fill]) * size, sizes, st.integers(0, 255))


ROWS = {
    "genesis": st.tuples(st.integers(-(1 << 63), (1 << 63) - 1), sized(GENESIS_SIZE)),
    "slots": st.tuples(sized(16), texts, numbers, texts, small, small, small, small, sized(32)),
    "writers": st.tuples(sized(16), sized(32), sized(64)),
    "commits": st.tuples(sized(16), numbers, long(1), sized(64)),
    "keys": st.tuples(sized(32), numbers, sized(1168)),
    "rows": st.tuples(sized(32), numbers, long(17).filter(lambda data: len(data) != 1168)),
    "statements": st.tuples(numbers, texts, long(1), sized(64)),
}


@contextlib.contextmanager
def database() -> Iterator[tuple[Path, sqlite3.Connection]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = OFF")
            create_tables(db)
            db.execute("PRAGMA secure_delete = OFF")
            yield path, db


def insert(db: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    db.execute("BEGIN")
    db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - a name of ours
    db.execute("COMMIT")


def found(path: Path, *, live: bool = True) -> list[tuple[str, tuple[Any, ...]]]:
    with Pages(path) as pages:
        return sorted((one.table, pages.load(one.place)) for one in pages.cells() if one.live is live)


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_it_finds_the_rows_that_sqlite_finds(data: st.DataObject) -> None:
    with database() as (path, db):
        expected = []
        for table, row in ROWS.items():
            rows = data.draw(st.lists(row, max_size=8, unique_by=lambda one, key=KEYS[table]: one[:key]), label=table)
            if rows:
                insert(db, table, rows)
            expected += [(table, one) for one in rows]
        assert found(path) == sorted(expected)
        with Pages(path) as pages:
            for one in pages.cells():
                row = pages.load(one.place)
                assert one.name == (row[0] if isinstance(row[0], bytes) else b"")
                if KEYS[one.table] != 3 and one.table != "writers":
                    assert one.number == (row[1] if one.name else row[0])
            assert not pages.unreadable


def test_a_large_table_with_inner_pages_is_read_in_full() -> None:
    with database() as (path, db):
        rows = [(number.to_bytes(32, "big"), number % 3, bytes(1168)) for number in range(3_000)]
        insert(db, "keys", rows)
        assert found(path) == [("keys", row) for row in rows]


def test_rows_that_were_deleted_are_not_live() -> None:
    with database() as (path, db):
        rows = [(number.to_bytes(32, "big"), 0, bytes([number % 256]) * 3_000) for number in range(200)]
        insert(db, "rows", rows)
        db.execute("DELETE FROM rows WHERE rowid % 2 OR rowid > 100")  # some inside of pages, and whole pages
        left = [("rows", row) for number, row in enumerate(rows, 1) if number % 2 == 0 and number <= 100]
        assert db.execute("PRAGMA freelist_count").fetchone()[0] > 5
        assert found(path) == left
        assert found(path, live=False)


def test_of_two_rows_on_a_page_each_is_found_without_its_pointer() -> None:
    with database() as (path, db):
        rows = [(bytes([number]) * 32, 0, bytes(5_000)) for number in range(3)]
        insert(db, "rows", rows)
        data = path.read_bytes()
        page = next(at for at in range(0, len(data), PAGE) if data[at] == 13 and data[at + 3 : at + 5] == b"\0\3")
        for pointer in range(3):
            for value in (b"\0\0", b"\xff\xff", b"\x20\x01"):
                at = page + 8 + 2 * pointer
                path.write_bytes(data[:at] + value + data[at + 2 :])
                assert sorted(found(path) + found(path, live=False)) == [("rows", row) for row in rows]


def test_a_chain_of_pages_that_goes_in_a_circle_ends() -> None:
    with database() as (path, db):
        insert(db, "rows", [(b"o" * 32, 0, b"d" * 200_000)])
        data = bytearray(path.read_bytes())
        chain = [at for at in range(0, len(data), PAGE) if data[at : at + 5] == data[at : at + 4] + b"d"]
        for at in chain:
            data[at : at + 4] = (chain[0] // PAGE + 1).to_bytes(4, "big")
        path.write_bytes(data)
        with Pages(path) as pages:
            (cell,) = pages.cells()
            assert len(pages.load(cell.place)[2]) == 200_000  # type: ignore[arg-type]
        for target in (0, 1, len(data) // PAGE + 1, 0xFFFFFFFF):
            data[chain[0] : chain[0] + 4] = target.to_bytes(4, "big")
            path.write_bytes(data)
            with Pages(path) as pages, pytest.raises(Damaged):
                pages.load(cell.place)


def test_where_the_disk_cannot_read_any_more_the_other_pages_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pread

    def failing(file: int, size: int, offset: int) -> bytes:
        if offset <= bad < offset + size:
            raise OSError(errno.EIO, "Input/output error")
        return real(file, size, offset)

    with database() as (path, db):
        insert(db, "rows", [(bytes([number]) * 32, 0, bytes(12_000)) for number in range(5)])
        insert(db, "commits", [(b"w" * 16, 0, b"m" * 40_000, b"s" * 64)])
        data = path.read_bytes()
        bad = next(at for at in range(0, len(data), PAGE) if data[at] == 13 and b"\3" * 32 in data[at : at + PAGE]) + 99
        monkeypatch.setattr(os, "pread", failing)
        assert len(found(path)) == 5
        bad = next(at for at in range(0, len(data), PAGE) if data[at + 4 : at + 40] == b"m" * 36) + 99
        with Pages(path) as pages:
            (commit,) = (one for one in pages.cells() if one.table == "commits")
            with pytest.raises(Damaged):
                pages.load(commit.place)


class Counting(Pages):
    reads = 0

    def _read(self, offset: int, size: int) -> bytes:
        self.reads += 1
        return super()._read(offset, size)


def read_everything(path: Path) -> list[Cell]:
    """All that can be read, with the work bounded by the size of the file."""
    with Counting(path) as pages:
        cells = list(pages.cells())
        assert pages.reads <= 3 * pages.count + 2
        assert len(cells) <= pages.count * PAGE // 2
        for one in cells:
            before = pages.reads
            with contextlib.suppress(Damaged):
                size = sum(len(value) for value in pages.load(one.place) if isinstance(value, bytes | str))
                assert pages.reads - before <= 2 + size // (PAGE - 4)
        assert len(pages.births) <= 16
    return cells


@pytest.fixture(scope="module")
def sample() -> bytes:
    """A file with rows of every table."""
    with database() as (path, db):
        insert(db, "genesis", [(1, bytes.fromhex("00000008 0000000000000001 00000020").ljust(GENESIS_SIZE, b"g"))])
        insert(
            db, "slots", [(bytes([n]) * 16, "content", 0, "recovery", b"", *[b"x" * 40] * 3, b"c" * 32) for n in (1, 2)]
        )
        insert(db, "writers", [(b"w" * 16, b"p" * 32, b"c" * 64)])
        insert(db, "commits", [(b"w" * 16, n, b"m" * (n * 9_000 + 1), b"s" * 64) for n in range(4)])
        insert(db, "keys", [(bytes([n]) * 32, 0, b"k" * 1168) for n in range(30)])
        insert(db, "rows", [(bytes([n]) * 32, 0, b"r" * (n * 3_000 + 100)) for n in range(12)])
        insert(db, "statements", [(n, "revoke", b"b" * 100, b"s" * 64) for n in range(3)])
        return path.read_bytes()


@settings(deadline=None, max_examples=20)
@given(patches=st.lists(st.tuples(st.integers(0, 1 << 30), st.binary(min_size=1, max_size=12)), max_size=40))
def test_a_patched_file_never_ends_in_more_than_our_errors(sample: bytes, patches: list[tuple[int, bytes]]) -> None:
    data = bytearray(sample)
    for at, patch in patches:
        at %= len(data)  # noqa: PLW2901 - folded into the file
        data[at : at + len(patch)] = patch[: len(data) - at]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        read_everything(path)


NEARLY = [b"\x81\x20\0\x04\x4c\x08\x0c", b"\xff" * 9, b"\x90\x60\x01\x05\x4c\x08\x92\x2c", b"\0"]
"""The beginnings of rows that are nearly right."""


def leaf(count: int, pointers: list[int], rows: list[bytes]) -> bytes:
    head = b"\x0d\0\0" + count.to_bytes(2, "big") + b"\0\x20\0"
    return head + b"".join(at.to_bytes(2, "big") for at in pointers) + b"".join(rows)


page = st.one_of(
    st.binary(max_size=400),
    st.builds(
        leaf,
        st.integers(0, 65535),
        st.lists(st.integers(0, PAGE), max_size=60),
        st.lists(st.sampled_from(NEARLY), max_size=60),
    ),
)


@settings(deadline=None, max_examples=20)
@given(st.lists(page, max_size=6), st.integers(0, 300))
def test_invented_pages_never_end_in_more_than_our_errors(pages: list[bytes], cut: int) -> None:
    data = b"".join(one.ljust(PAGE, one[-1:] or b"\0")[:PAGE] for one in pages)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data[: max(0, len(data) - cut)])
        read_everything(path)
        with Pages(path) as found:
            for place in (Place(1, PAGE - 1), Place(1, PAGE + 5), Place(99, 0)):
                with contextlib.suppress(Damaged):
                    found.load(place)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 1 << 32))
def test_a_list_of_free_pages_that_goes_in_a_circle_ends(links: list[int], first: int) -> None:
    count = len(links) + 1
    data = bytearray(count * PAGE)
    data[32:36] = (first % (count + 2)).to_bytes(4, "big")
    for number, link in enumerate(links, 1):
        at = number * PAGE
        data[at : at + 8] = ((link * 7) % (count + 2)).to_bytes(4, "big") + b"\xff\xff\xff\xff"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        read_everything(path)
