"""An SQLite file that somebody else wrote, for reading only: opened in place and never changed, or in memory. All of it is
hostile: only plain tables are asked, only columns that are there, and whatever stands in them is made to be of its type.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from grouparchive.errors import BadExport
from grouparchive.model.records import LAST_MILLI

MAGIC: Final = b"SQLite format 3\0"
_MOST_VALUE: Final = 64 * 1024 * 1024
_STEPS: Final = 1_000_000
_MOST_STEPS: Final = 2_000  # times as many: pages that lead in circles would never end
_BROKEN: Final = (sqlite3.Error, MemoryError, OverflowError, UnicodeError)  # an error's own text may be no text

Row = sqlite3.Row


class SqliteFile:
    """Asks tables. What cannot be read any more ends a query and counts as a fault, see `faults`."""

    def __init__(self, source: Path | bytearray) -> None:
        """Open a file, or what was one.

        Raises:
            BadExport: it is no database.
        """
        self.faults = 0
        self._steps = 0
        self._columns: dict[str, frozenset[str]] = {}
        if isinstance(source, Path):
            self._db = sqlite3.connect(
                f"{source.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
        else:
            if len(source) > 20:
                source[18:20] = b"\x01\x01"  # without the log beside it, which memory does not have
            self._db = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            if not isinstance(source, Path):
                self._db.deserialize(source)
            self._prepare()
        except _BROKEN as error:
            self._db.close()
            raise BadExport("this database is damaged, or is none") from error

    def close(self) -> None:
        """Let go of it."""
        self._db.close()

    def has(self, table: str, *columns: str) -> bool:
        """Is there such a table, with all of these columns?"""
        return table in self._columns and self._columns[table].issuperset(columns)

    def rows(
        self, table: str, columns: Sequence[str], rest: str = "", values: Iterable[Any] = (), *, most: int = 0
    ) -> Iterator[Row]:
        """Rows of a table; a column that this version of the app does not have is NULL. `rest` follows the table's name and may
        name only columns that `has` knows. At most `most` rows, where that is given.
        """
        if table not in self._columns:
            return
        known = self._columns[table]
        wanted = ", ".join(f'"{one}"' if one in known else f'NULL AS "{one}"' for one in columns)
        query = f'SELECT {wanted} FROM "{table}" {rest}'  # noqa: S608 - of our own words and names that the file has
        yield from self._ask(query, values, most)

    def among(self, table: str, columns: Sequence[str], key: str, ids: Sequence[int]) -> dict[int, list[Row]]:
        """Rows of a table by a key that must be one of `ids`."""
        found: dict[int, list[Row]] = {}
        if ids and self.has(table, key):
            marks = ",".join("?" * len(ids))
            for row in self.rows(table, [key, *columns], f'WHERE "{key}" IN ({marks})', ids):
                found.setdefault(row[0], []).append(row)
        return found

    def _prepare(self) -> None:
        self._db.row_factory = sqlite3.Row
        self._db.set_progress_handler(self._step, _STEPS)
        self._db.text_factory = _text
        self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_VALUE)
        self._db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        for pragma in ("trusted_schema=OFF", "query_only=ON", "temp_store=MEMORY", "cell_size_check=ON", "mmap_size=0"):
            self._db.execute(f"PRAGMA {pragma}")
        names = [
            row[0]
            for row in self._db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' LIMIT 5000")
            if isinstance(row[0], str) and isinstance(row[1], str) and '"' not in row[0]
            if row[1].upper().startswith("CREATE TABLE")
        ]
        for name in names:
            try:
                described = list(self._db.execute(f'PRAGMA table_xinfo("{name}")'))
            except _BROKEN:
                self.faults += 1
                continue
            # Hidden columns are computed by whoever wrote the file: they are left alone.
            self._columns[name] = frozenset(row["name"] for row in described if row["hidden"] == 0)

    def _step(self) -> bool:
        self._steps += 1
        return self._steps > _MOST_STEPS

    def _ask(self, query: str, values: Iterable[Any], most: int) -> Iterator[Row]:
        self._steps = 0
        try:
            # One by one: of rows asked for together, a damaged page would take the good ones along.
            yield from self._db.execute(query + (f" LIMIT {most}" if most else ""), tuple(values))
        except _BROKEN:
            self.faults += 1


def number(value: Any, most: int = LAST_MILLI) -> int:
    """A whole number of at least 0; 0 for anything else."""
    return value if isinstance(value, int) and 0 <= value <= most else 0


def text(value: Any) -> str:
    """A text; "" for anything else."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
