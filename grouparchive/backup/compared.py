"""Whether what is said about people is the same as last time. It is compared all together and under a stamp that only insiders
know: a tag of each person, or of a list that could be guessed, would tell who has this machine who the members are.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Final

from grouparchive.archive.writer import Writer
from grouparchive.backup.identities import Identities
from grouparchive.model.ports import Page
from grouparchive.model.records import AnyRecord, Ban, Fact, Member, Membership, Ref, Roster

_PEOPLE: Final = frozenset({Member, Fact})


class Compared:
    """Compares with what the writer remembers, and has it remember. `faces` are the digests of members' pictures by place."""

    def __init__(self, writer: Writer, identities: Identities) -> None:
        self._writer = writer
        self._identities = identities
        self._said = 0  # pages of the group that say something about people
        self.faces: dict[str, bytes] = {}

    def begin_group(self) -> None:
        """The pages of a group come now."""
        self._said = 0

    def roster_changed(self, channel: Ref, records: Sequence[Roster | Membership | Ban], stamp: str) -> bool:
        """Do a channel's people differ from last time? Sightings (without a `Roster`) are compared with sightings."""
        rows: list[tuple[object, ...]] = []
        whole = False
        for record in records:
            if isinstance(record, Membership) and record.channel == channel:
                who = self._identities.who(record.member)
                place = ("member", *who, record.state, record.level, *record.roles, record.since)
                rows.append((*place, record.seen) if record.seen else place)
            elif isinstance(record, Ban) and record.channel == channel:
                by = self._identities.who(record.by)[0]
                rows.append(("ban", *self._identities.who(record.member), by, record.reason, record.time))
            elif isinstance(record, Roster) and record.channel == channel:
                whole = True
        lines = [stamp, *sorted(json.dumps(row) for row in rows)]
        named = channel if whole else f"{channel} sightings"
        return self._fresh(named, lines)

    def news_of_people(self, group: Ref, page: Page) -> list[AnyRecord]:
        """A page's records, without what it says about people (`Member`, `Fact`) should that be the same as last time. It is
        compared all together: a tag of each would be a tag of a person.
        """
        if _PEOPLE.isdisjoint(map(type, page.records)):  # nearly every page
            return page.records
        said = [record for record in page.records if isinstance(record, Member | Fact)]
        lines = [page.stamp, *self._described(said)]
        self._said += 1
        if self._fresh(f"{group} said {self._said}", lines):
            return page.records
        return [record for record in page.records if not isinstance(record, Member | Fact)]

    def faces_changed(self, group: Ref, page: Page) -> bool:
        """Do the members' pictures on a page differ from last time? The writer remembers no single one of them (a tag of a
        picture would be a tag of its member), so they are read again all together, and only then.
        """
        faces = sorted(f"{file.ref} {file.stamp}" for file in page.media if file.vault == "roster")
        if not faces:
            return False
        place = next((record.channel for record in page.records if isinstance(record, Roster)), group)
        digest = hashlib.sha256("\n".join(faces).encode()).digest()
        self.faces[f"{place} faces"] = digest
        return self._writer.fresh_roster(f"{place} faces", digest)

    def _fresh(self, place: str, lines: Iterable[str]) -> bool:
        return self._writer.fresh_roster(place, hashlib.sha256("\n".join(lines).encode()).digest())

    def _described(self, records: Iterable[Member | Fact]) -> list[str]:
        """What is said about people, in an order and in words that are the same in each run."""
        rows: list[tuple[object, ...]] = []
        for record in records:
            if isinstance(record, Member):
                rows.append((record.id, record.platform, record.origin, record.native, record.name, record.avatar))
            else:
                who = self._identities.who(record.member)[0] or record.member
                rows.append((who, record.field, record.key, record.value, record.until))
        return sorted(map(json.dumps, rows))
