"""The table that the public members scraper for Facebook groups saves: one line for each member that its user scrolled past."""

from typing import ClassVar, Final, Literal

from grouparchive.model.records import Known
from grouparchive.platforms.facebook.captured import Captured
from grouparchive.platforms.facebook.files import nearest
from grouparchive.platforms.facebook.found import Found
from grouparchive.platforms.facebook.nodes import file_of
from grouparchive.platforms.facebook.people import native_of
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.facebook.titles import told
from grouparchive.platforms.files import Box, Choices
from grouparchive.platforms.files.table import MOST_PEOPLE, Table, cell, heading

_NEEDED: Final = frozenset({"profile id", "full name", "profile link"})
_INVITED: Final = ("invited", "eingeladen", "invité", "invitad", "convidad", "invitat", "приглаш")


class FacebookMembersTable(Captured):
    """See `FileConnector`."""

    title: ClassVar[str] = "a table of a Facebook group's members (CSV)"

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the contract's signature
        """By the names of its columns."""
        return any(_is_table(box, name) for name in nearest(box, ".csv", ".txt", ".tsv"))

    def _read(self, found: Found) -> None:
        details = 0
        for name in sorted(self.box.entries):
            if not _is_table(self.box, name):
                continue
            table = Table.of(self.box, name)
            for number, cells in table.rows(self._tell):
                row = {column: cell(cells, place) for column, place in table.places.items()}
                if [*row] == [heading(one) for one in row.values()]:
                    continue  # tables that were put together have several heads
                if len(found.people) >= MOST_PEOPLE:
                    self._tell(Known.TOO_MANY, f"line {number:,}")
                    break
                if self._row(found, row):
                    details += bool(row.get("bio") or row.get("group joining text"))
                else:
                    self._tell(Known.ROW_UNREADABLE, f"line {number:,}")
        if details:
            words = "what members say about themselves, and when they joined in words"
            self._gap(Known.MEMBER_DETAILS_LEFT_OUT, "", words, count=details, limit=True)

    def _row(self, found: Found, row: dict[str, str]) -> bool:
        group = row.get("groupid", "") or told(self.choices.group)[1]
        native = native_of(row.get("profile id", ""), row.get("profile link", ""))
        if not native or not (group.isdecimal() and 5 <= len(group) <= 20):
            return False
        found.person(native, tidy(row.get("full name", ""))[:1000], file_of(row.get("imagesrc", "")))
        said = row.get("group joining text", "").lower()
        # "Invited by Moss 2 days ago" is a guest; "Added by Moss" is a member.
        state: Literal["join", "invite"] = "invite" if said.startswith(_INVITED) else "join"
        found.sight(group, native, self.box.modified, state)
        return True


def _is_table(box: Box, name: str) -> bool:
    return name.lower().endswith((".csv", ".txt", ".tsv")) and Table.of(box, name).places.keys() >= _NEEDED
