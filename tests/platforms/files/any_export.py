"""What comes out of any export, read as the command line reads it, and what an error may say."""

from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from grouparchive.cli.taking import formats_of
from grouparchive.errors import BadExport, GroupArchiveError
from grouparchive.model import codec
from grouparchive.model.records import (
    Ban,
    Channel,
    Edit,
    Fact,
    Gap,
    Group,
    Member,
    Membership,
    Message,
    Reaction,
    Record,
    Tombstone,
    Vote,
)
from grouparchive.platforms.files import Choices, FileConnector, open_box

EVENTS = (Message, Edit, Reaction, Vote, Tombstone, Ban, Fact)
PEOPLE = ("Fern", "Moss", "Reed", "Ivy", "Lark", "Sol ", "Hollow", "Bank", "@example.org", "+49")
"""Of whom the exports speak: no error may hold any of it."""


@cache
def kinds() -> list[type[FileConnector]]:
    """In the order in which the command line asks them."""
    names = ("discord", "facebook", "instagram", "mail", "slack", "telegram", "whatsapp", "generic")
    return [kind for name in names for kind in formats_of(name)]


class Taken:
    """All that comes out of an export, or the error that says why not. Any other error goes through."""

    def __init__(self, path: Path, choices: Choices, *, keep: bool = True) -> None:
        self.keep = keep
        self.title = ""
        self.error: GroupArchiveError | None = None
        self.counts: Counter[type[Record]] = Counter()
        self.records: list[Record] = []
        self.gaps: Counter[str] = Counter()
        self.told: list[Gap] = []
        self.files = 0
        self.begins: dict[str, bytes] = {}  # of the files
        self._ids: dict[str, str] = {}
        self.names: set[str] = set()
        try:
            with closing(open_box(path)) as box:
                kind = next((kind for kind in kinds() if kind.recognises(box, choices)), None)
                if kind is not None:
                    self.title = kind.title
                    with closing(kind(box, self._identify, choices)) as connector:
                        self._take(connector)
        except GroupArchiveError as error:
            self.error = error
            plain(error)

    def _take(self, connector: FileConnector) -> None:
        groups = list(connector.groups())
        if not groups:
            raise BadExport("there is no group in this export")  # as an import says then
        for group in groups:
            for page in connector.pages(group.ref, {}):
                self._page(connector, page.records, page.gaps, [one.ref for one in page.media])

    def _page(self, connector: FileConnector, records: Iterable[Any], gaps: Iterable[Gap], media: list[str]) -> None:
        for one in (*records, *gaps):
            assert codec.decode(codec.encode(one)) == one, "a record that cannot be stored"
        for one in records:
            self.counts[type(one)] += 1
            if self.keep:
                self.records.append(one)
        for gap in gaps:
            self.gaps[gap.code] += gap.count
            self.told.append(gap)
        for ref in media:
            size = 0
            try:
                for piece in connector.media(ref):
                    size, self.begins[ref] = size + len(piece), (self.begins.get(ref, b"") + piece)[:4096]
                self.files += size > 0
            except GroupArchiveError as error:
                plain(error)
                self.gaps["media-unavailable"] += 1

    def _identify(self, native: str, name: str, avatar: str) -> str:  # noqa: ARG002 - the port's signature
        assert native
        found = self._ids.setdefault(native, f"{len(self._ids) + 0xFACE:032x}")
        self.names |= {native, name}
        one = Member(id=found, platform="any", origin="any", native=native, name=name)
        assert codec.decode(codec.encode(one)) == one, "a person who cannot be stored"
        return found

    def of(self, kind: type[Any]) -> list[Any]:
        return [one for one in self.records if isinstance(one, kind)]

    def texts(self) -> list[str]:
        return [one.text for one in self.of(Message)]

    def refs(self) -> set[tuple[str, str]]:
        return {(one.channel, one.ref) for one in self.of(Message)}

    def told_more_than(self, other: "Taken") -> bool:
        """Does an error or a gap say that something is missing which the other has?"""
        return bool(self.error or not self.title or self.gaps - other.gaps)

    def said(self) -> str:
        """Every text that came out, everybody's names, and how files begin: what has no form may come as one."""
        texts = (one.text for one in self.records if isinstance(one, Message | Edit))
        polls = (f"{one.poll.question}\n{one.poll.options}" for one in self.of(Message) if one.poll)
        facts = (one.value for one in self.of(Fact))
        return "\n".join(
            (
                *texts,
                *polls,
                *facts,
                *sorted(self.names),
                *(one.decode("utf-8", "replace") for one in self.begins.values()),
            )
        )

    def fewer_than(self, other: "Taken") -> list[str]:
        """The kinds of record of which fewer came out."""
        kinds = (*EVENTS, Group, Channel, Membership)
        return [kind.__name__ for kind in kinds if self.counts[kind] < other.counts[kind]]


def plain(error: GroupArchiveError) -> None:
    """An error that a person can use, and that names nobody."""
    for text in (error.message, error.hint):
        assert text
        assert text.isprintable()
        assert not any(name in text for name in PEOPLE)
        assert not any(word in text for word in ("Error", "Traceback", "object at", "0x"))
