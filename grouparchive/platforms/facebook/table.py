"""The table that the public members scraper for Facebook groups saves: one line for each member that its user scrolled past."""

import csv
from collections.abc import Iterator
from typing import IO, ClassVar, Final, Literal

from grouparchive.errors import BadExport
from grouparchive.model.records import Known
from grouparchive.platforms.facebook.captured import Captured
from grouparchive.platforms.facebook.files import nearest
from grouparchive.platforms.facebook.found import Found
from grouparchive.platforms.facebook.nodes import file_of
from grouparchive.platforms.facebook.people import native_of
from grouparchive.platforms.facebook.repair import BOM, tidy
from grouparchive.platforms.facebook.titles import told
from grouparchive.platforms.files import Box, Choices

_NEEDED: Final = frozenset({"profile id", "full name", "profile link"})
_LINE: Final = 256 * 1024
_INVITED: Final = ("invited", "eingeladen", "invité", "invitad", "convidad", "invitat", "приглаш")


class FacebookMembersTable(Captured):
    """See `FileConnector`."""

    title: ClassVar[str] = "a table of a Facebook group's members (CSV)"

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the contract's signature
        """By the names of its columns."""
        return any(_is_table(box, name) for name in nearest(box, ".csv", ".txt", ".tsv"))

    def _read(self, found: Found) -> None:
        unreadable = details = 0
        for name in sorted(self.box.entries):
            if not _is_table(self.box, name):
                continue
            places: dict[str, int] = {}
            try:
                for row in _rows(self.box, name):
                    if row and not places:
                        places = {column.strip().lower(): n for n, column in enumerate(row)}
                    elif row is None or not self._row(found, row, places):
                        unreadable += 1
                    else:
                        details += bool(_cell(row, places, "bio") or _cell(row, places, "group joining text"))
            except BadExport:
                self._gap(Known.FILE_DAMAGED, "", "a table of members")
        if unreadable:
            self._gap(Known.ROW_UNREADABLE, "", "lines of a table of members", count=unreadable)
        if details:
            words = "what members say about themselves, and when they joined in words"
            self._gap(Known.MEMBER_DETAILS_LEFT_OUT, "", words, count=details, limit=True)

    def _row(self, found: Found, row: list[str], places: dict[str, int]) -> bool:
        group = _cell(row, places, "groupid") or told(self.choices.group)[1]
        native = native_of(_cell(row, places, "profile id"), _cell(row, places, "profile link"))
        if not native or not (group.isdecimal() and 5 <= len(group) <= 20):
            return False
        found.person(native, tidy(_cell(row, places, "full name"))[:1000], file_of(_cell(row, places, "imagesrc")))
        said = _cell(row, places, "group joining text").lower()
        # "Invited by Moss 2 days ago" is a guest; "Added by Moss" is a member.
        state: Literal["join", "invite"] = "invite" if said.startswith(_INVITED) else "join"
        found.sight(group, native, self.box.modified, state)
        return True


class _Lines:
    """The lines of a file as text; what is longer than a line of such a table can be is passed over."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._first = True
        self.cut = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(_LINE)
        if self._first:
            self._first = False
            line = line.removeprefix(BOM)
        if not line:
            raise StopIteration
        if len(line) >= _LINE and not line.endswith(b"\n"):
            self.cut += 1
            while (rest := self._file.readline(_LINE)) and not rest.endswith(b"\n"):
                pass
            return "\n"
        return line.decode("utf-8", "replace").replace("\0", "")


def _rows(box: Box, name: str) -> Iterator[list[str] | None]:
    """The rows, without those that say nothing; None for each that cannot be read."""
    with box.open(name) as file:
        lines = _Lines(file)
        rows = csv.reader(lines)
        first: list[str] = []
        while True:
            try:
                row = next(rows)
            except StopIteration:
                break
            except csv.Error:
                yield None
                continue
            if any(row) and row != first:  # tables that were put together have several heads
                first = first or row
                yield row
        yield from [None] * lines.cut


def _cell(row: list[str], places: dict[str, int], name: str) -> str:
    place = places.get(name, -1)
    return row[place].strip() if 0 <= place < len(row) else ""


def _is_table(box: Box, name: str) -> bool:
    if not name.lower().endswith((".csv", ".txt", ".tsv")):
        return False
    first = box.head(name, 2048).removeprefix(BOM).decode("utf-8", "replace").splitlines()[:1]
    columns = {column.strip().strip('"').lower() for column in (first[0].split(",") if first else ())}
    return columns >= _NEEDED
