"""Who owns each byte of an SQLite file: worked out from the file format alone, with none of the code that is under test.

Owners are names: `commit 3` for all rows that belong to a commit, `sealed 3` for the sealed keys of its objects, the name of a
table for `genesis`, `slots`, `writers` and `statements`, `file` for what holds it together (pages' heads, inner pages, indexes,
schema), and `unused`.
"""

import sqlite3
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SIZE = 16384
NOT_MINDED = ((24, 28), (40, 44), (92, 100))
"""Parts of the file's head that mean nothing at rest: change counters, the schema's cookie, the version that wrote."""


class PageMap:
    def __init__(self, path: Path, owner_of: Callable[[str, tuple[Any, ...]], str]) -> None:
        self.data = path.read_bytes()
        self._last: dict[int, int] = {}
        self.names = ["unused", "file"]
        self.owners = array("H", bytes(2 * len(self.data)))
        self._owner_of = owner_of
        self._mark(0, 100, "file")
        for begin, end in NOT_MINDED:
            self._mark(begin, end, "unused")
        with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as db:
            roots = db.execute("SELECT type, name, rootpage FROM sqlite_master").fetchall()
            tables = {name: dict(self._rows(db, name)) for kind, name, _ in roots if kind == "table"}
        db.close()
        self._tree(1, None)
        for _, name, root in roots:
            self._tree(root, {key: owner_of(name, row) for key, row in tables.get(name, {}).items()}, name)

    @staticmethod
    def _rows(db: sqlite3.Connection, name: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
        for rowid, *row in db.execute(f"SELECT rowid, * FROM {name}"):  # noqa: S608 - a name of ours
            yield rowid, tuple(row)

    def owner(self, at: int) -> str:
        return self.names[self.owners[at]]

    def last(self, owner: str) -> int:
        """Where the last byte of an owner is."""
        return self._last[self.names.index(owner)]

    def count(self, owner: str) -> int:
        return self.owners.count(self.names.index(owner))

    def _mark(self, begin: int, end: int, owner: str) -> None:
        if owner not in self.names:
            self.names.append(owner)
        number = self.names.index(owner)
        self.owners[begin:end] = array("H", [number]) * (end - begin)
        self._last[number] = max(end - 1, self._last.get(number, 0))

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self.data[at : at + size], "big")

    def _varint(self, at: int) -> tuple[int, int]:
        value = 0
        for _ in range(8):
            byte = self.data[at]
            at += 1
            value = value << 7 | byte & 127
            if byte < 128:
                return value, at
        return value << 8 | self.data[at], at + 1

    def _tree(self, page: int, owners: dict[int, str] | None, name: str = "") -> None:
        start = (page - 1) * SIZE
        head = start + (100 if page == 1 else 0)
        kind = self.data[head]
        inner = kind in {2, 5}
        size = 12 if inner else 8
        assert kind in {2, 5, 10, 13}
        self._mark(head, head + size, "file")
        if inner:
            self._tree(self._number(head + 8, 4), owners, name)
        free = self._number(head + 1, 2)
        while free:
            self._mark(start + free, start + free + 4, "file")
            free = self._number(start + free, 2)
        for at in range(head + size, head + size + 2 * self._number(head + 3, 2), 2):
            self._cell(start + self._number(at, 2), at, kind, owners, name)

    def _cell(self, begin: int, pointer: int, kind: int, owners: dict[int, str] | None, name: str) -> None:
        at = begin
        if kind in {2, 5}:
            self._tree(self._number(at, 4), owners, name)
            at += 4
        if kind == 5:
            _, at = self._varint(at)
            self._mark(pointer, pointer + 2, "file")
            self._mark(begin, at, "file")
            return
        size, at = self._varint(at)
        owner = "file"
        if kind == 13:
            rowid, at = self._varint(at)
            if owners:
                owner = owners[rowid]
        self._mark(pointer, pointer + 2, owner)
        most = SIZE - 35 if kind == 13 else (SIZE - 12) * 64 // 255 - 23
        least = (SIZE - 12) * 32 // 255 - 23
        local = size
        if size > most:
            local = least + (size - least) % (SIZE - 4)
            local = local if local <= most else least
        end = at + local
        self._mark(begin, end, owner)
        if name == "keys" and kind == 13:
            assert local == size
            self._mark(end - 1168, end, owner.replace("commit", "sealed"))
        left = size - local
        if left:
            self._mark(end, end + 4, owner)
            page = self._number(end, 4)
        while left:
            start = (page - 1) * SIZE
            here = min(left, SIZE - 4)
            self._mark(start, start + 4 + here, owner)
            left -= here
            page = self._number(start, 4)
