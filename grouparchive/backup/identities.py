"""Who is who during one run: ids for people, in memory only. Nothing here touches a disk."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from grouparchive.archive.tags import Event
from grouparchive.crypto.members import Pseudonyms
from grouparchive.model import codec
from grouparchive.model.records import AnyRecord, Edit, Member, MemberId, Message

_ID: Final = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_LABEL: Final = re.compile(rb"\{member:([0-9a-f]{32})\}")


class Identities:
    """Gives people their ids for this run and remembers who is who, in memory only. Call it as `Identify`."""

    def __init__(self, platform: str, origin: str) -> None:
        self._platform = platform
        self._origin = origin
        self._pseudonyms = Pseudonyms()
        self._people: dict[str, Member] = {}
        self._mentioned: dict[str, None] = {}
        self._met: dict[str, None] = {}  # since the group was begun, in order
        self._ranks: dict[str, int] = {}

    def __call__(self, native: str, name: str, avatar: str) -> MemberId:
        """The member id of a person, by their handle."""
        id_ = self._pseudonyms.member_id(self._platform, self._origin, native)
        known = self._people.get(id_)
        if known is None or (name and name != known.name) or (avatar and avatar != known.avatar):
            self._people[id_] = Member(
                id=id_,
                platform=self._platform,
                origin=self._origin,
                native=native,
                name=name or (known.name if known else ""),
                avatar=avatar or (known.avatar if known else ""),
            )
        self._mentioned[id_] = None
        self._met[id_] = None
        return id_

    def __len__(self) -> int:
        return len(self._people)

    def take(self, ids: Iterable[MemberId] | None = None) -> list[Member]:
        """`Member` records for these ids; without `ids` for everyone identified since the last take."""
        if ids is None:
            ids, self._mentioned = self._mentioned, {}
        return [self._people[id_] for id_ in ids if id_ in self._people]

    def who(self, id_: MemberId) -> tuple[str, str, str]:
        """(handle, display name, avatar) behind an id."""
        member = self._people.get(id_)
        return (member.native, member.name, member.avatar) if member else ("", "", "")

    def named_in(self, line: bytes) -> set[MemberId]:
        """The people whose ids stand in an encoded record."""
        return {id_ for id_ in map(bytes.decode, _ID.findall(line)) if id_ in self._people}

    def named_among(self, events: Sequence[Event], lines: Iterable[bytes]) -> set[MemberId]:
        """The people in many events, `lines` being the same encoded: in fields of their own, in texts where a label says so,
        and anywhere in what only the platform knows.
        """
        found: set[MemberId] = {event.author for event in events}
        for event in events:
            if type(event) is Message and (event.mentions or event.data):
                found.update(event.mentions)
                found |= self.named_in(event.data.encode())
            elif type(event) is Edit:
                found.update(event.mentions)
        for some in lines:
            found.update(map(bytes.decode, _LABEL.findall(some)))
        return found & self._people.keys()

    def begin_group(self) -> None:
        """From here on it is counted who is met."""
        self._met.clear()

    def met(self) -> int:
        """How many people were met since the group was begun."""
        return len(self._met)

    def rank(self, first: int) -> None:
        """Give the people met first, so many, their ranks by handle."""
        ordered = sorted(islice(self._met, first), key=lambda id_: self._people[id_].native)
        self._ranks = {id_: rank for rank, id_ in enumerate(ordered)}

    def comparable(self, record: AnyRecord) -> AnyRecord:
        """A record with each id replaced by the person's rank. Ids change with every run, so a record that names somebody
        cannot itself tell whether it changed; a rank among all the group's people can, and tells nobody who it is.
        """
        line = codec.encode(record)
        return codec.decode(_ID.sub(lambda found: b"%032x" % (self._ranks.get(found[0].decode(), -1) + 1), line))
