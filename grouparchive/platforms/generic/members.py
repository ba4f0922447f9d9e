"""A table of members: a CSV with a row for each person, written by any program or by hand.

People are known by what the table identifies them with: an id or a handle, else a mail address, a phone number, the name.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

import msgspec

from grouparchive.errors import BadExport
from grouparchive.model.ports import Identify, Page
from grouparchive.model.records import (
    AnyRecord,
    Channel,
    Fact,
    Gap,
    Group,
    Known,
    Membership,
    Record,
    Ref,
    Role,
    Roster,
)
from grouparchive.platforms.files import Box, Choices, FileConnector
from grouparchive.platforms.files.addresses import dialled, mail, phone
from grouparchive.platforms.files.connector import PAGE, stamp_of
from grouparchive.platforms.files.table import MOST_PEOPLE, Table, cell, heading, lone
from grouparchive.platforms.generic import dates
from grouparchive.platforms.generic.columns import columns_of, power

SUFFIXES: Final = r".*\.(?:csv|tsv|tab|txt)"

_WHO: Final = frozenset({"id", "handle", "mail", "phone", "name"})
# Tables that other platforms' connectors read: by headings that only they have.
_THEIRS: Final = (
    frozenset({"profile id", "full name", "profile link"}),  # members of a Facebook group, by a scraper
    frozenset({"email address", "nickname", "group status"}),  # members of a Google Group
    frozenset({"authorid", "author", "content"}),  # posts, by DiscordChatExporter
)


class Row(msgspec.Struct, frozen=True, gc=False):
    """A person of the table."""

    native: str
    name: str
    mail: str
    phone: str
    joined: str
    role: str


class MembersTable(FileConnector):
    """See `FileConnector`."""

    platform: ClassVar[str] = "generic"
    origin: ClassVar[str] = "generic"
    title: ClassVar[str] = "a table of members"
    exports: ClassVar[frozenset[type[Record]]] = frozenset({Group, Channel, Role, Roster, Membership, Fact, Gap})

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._groups: dict[str, dict[str, Row]] | None = None
        self._told: list[Gap] = []

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:
        """A lone CSV whose headings tell at least who people are, and one thing more."""
        entry = lone(box, SUFFIXES)
        if not entry:
            return False
        table = Table.of(box, entry)
        headings = table.places.keys()
        if choices.columns:
            return any(heading(name) in headings for name in choices.columns.values())
        if any(theirs <= headings for theirs in _THEIRS):
            return False
        found = columns_of(table.header, {}).keys()
        return len(found) > 1 and (bool(found & {"handle", "mail", "phone"}) or found >= {"name", "joined"})

    def groups(self) -> Iterator[Group]:
        """The groups whose members stand in the table: one, unless a column names several.

        Raises:
            BadExport: there is no column by which anybody could be known.
            UsageError: a column that was named is not there.
        """
        for name in self._open():
            yield self._group(name)

    def _group(self, name: str) -> Group:
        return Group(ref=f"table/{name}", platform=self.platform, origin=self.origin, name=name)

    # --- reading -------------------------------------------------------------------------------------------------------

    def _open(self) -> dict[str, dict[str, Row]]:
        """Group -> who is known by what -> the person."""
        if self._groups is None:
            self._gaps = list(self.box.gaps)
            table = Table.of(self.box, lone(self.box, ".*"))
            columns = columns_of(table.header, self.choices.columns)
            if not columns.keys() & (_WHO | {"first", "last"}):
                raise BadExport(
                    "this table does not tell who people are",
                    hint='Say which column it is, for example: --column "name=Who" --column "mail=Write to"',
                )
            groups: dict[str, dict[str, Row]] = {}
            own = (self.choices.group or self.box.label.rpartition(".")[0] or self.box.label)[:1024]
            people = 0
            for number, cells in table.rows(self._tell):
                row, group = self._row(cells, columns, number)
                if row is None:
                    continue
                if people >= MOST_PEOPLE:
                    self._tell(Known.TOO_MANY, f"line {number:,}")
                    break
                known = groups.setdefault(group or own, {})
                people += row.native not in known
                known[row.native] = _merged(known[row.native], row) if row.native in known else row
            self._groups = groups or {own: {}}
        return self._groups

    def _row(self, cells: list[str], columns: Mapping[str, int], number: int) -> tuple[Row | None, str]:
        def of(field: str) -> str:
            return cell(cells, columns.get(field, -1))

        name = of("name") or f"{of('first')} {of('last')}".strip()
        reached = mail(of("mail")), phone(of("phone"))
        for field, found in zip(("mail", "phone"), reached, strict=True):
            if of(field) and not found:
                self._tell(Known.CONTACT_UNREADABLE, f"line {number:,}")
        native = of("id") or of("handle") or reached[0].lower() or dialled(reached[1]) or name
        if not native:
            self._tell(Known.ROW_UNREADABLE, f"line {number:,}")
            return None, ""
        name = name or (of("handle") if of("id") else "")
        return Row(native, name, *reached, of("joined"), of("role")), of("group") if not self.choices.group else ""

    # --- records -------------------------------------------------------------------------------------------------------

    def _states(self, group: Ref) -> Iterator[Page]:
        name = group.removeprefix("table/")
        rows = self._open()[name]
        order = dates.order_of((row.joined for row in rows.values()), self.choices.dates)
        roles: dict[str, Role] = {}
        members: list[Membership] = []
        facts: list[AnyRecord] = []
        unclear = 0
        for row in rows.values():
            member = self.identify(row.native, row.name, "")
            since = dates.millis(row.joined, order, self.choices.zone) if row.joined else 0
            unclear += since < 0
            role, level = power(row.role)
            if role:
                roles[role] = Role(group=group, ref=role, name=role, level=level)
            members.append(
                Membership(
                    channel=group, member=member, level=level, roles=(role,) if role else (), since=max(since, 0)
                )
            )
            facts += [
                Fact(member=member, field="contact", key=key, value=value, time=self.box.modified)
                for key, value in (("mail", row.mail), ("phone", row.phone))
                if value
            ]
        if unclear:
            self._gap(Known.DATE_UNCLEAR, group, count=unclear)
        head = self._group(name)
        yield Page(records=[head, Channel(ref=group, group=group, name=name), *roles.values()])
        if not members:  # never a roster of nobody, which would say that all have left
            self._gap(Known.MEMBERS_PARTIAL, group, "no line of the table tells of anybody")
            return
        roster = Roster(channel=group, time=self.box.modified, members=len(members))
        stamp = stamp_of(repr(_fields(row)) for row in rows.values())
        yield Page(records=[roster, *members], stamp=stamp)
        for at in range(0, len(facts), PAGE):
            yield Page(records=facts[at : at + PAGE], stamp=stamp)

    def _events(self, group: Ref) -> Iterator[Page]:  # noqa: ARG002 - a table holds nothing that happened
        yield from ()


def _merged(one: Row, other: Row) -> Row:
    """Somebody who stands in two rows."""
    return Row(*(first or second for first, second in zip(_fields(one), _fields(other), strict=True)))


def _fields(row: Row) -> tuple[str, ...]:
    return row.native, row.name, row.mail, row.phone, row.joined, row.role
