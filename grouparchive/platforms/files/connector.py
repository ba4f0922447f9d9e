"""The base of all connectors over files: a class for each kind of export, which recognises it and reads it from end to end.

A file connector has no cursor: it reads all of an export every time, and the caller drops what it knows. So the ref of each
thing must be the same in every export that holds it, also where two exports overlap and where the platform gives it no id.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, tzinfo
from itertools import chain
from typing import ClassVar, Literal

import msgspec

from grouparchive.errors import NotFound
from grouparchive.model.ports import Cursor, Identify, MediaRequest, Page
from grouparchive.model.records import (
    ROSTER_KINDS,
    AnyRecord,
    Gap,
    Group,
    Known,
    MemberId,
    Membership,
    Record,
    Ref,
    Vault,
)
from grouparchive.platforms.files.box import Box

PAGE: int = 1000
"""Records on a page, about."""


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says about an export where it does not say itself.

    `group` is the group's name, `zone` the time zone of local times in it, `dates` the order of day, month and year, `columns`
    our field -> their column of a CSV, `key` a secret that opens it.
    """

    group: str = ""
    zone: tzinfo = UTC
    dates: Literal["", "dmy", "mdy", "ymd"] = ""
    columns: Mapping[str, str] = {}
    key: bytes = b""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Choices({self.group!r}, {self.zone!r}, {self.dates!r}, {dict(self.columns)!r})"


class FileConnector:
    """See `model.ports.Connector`. A subclass gives the class variables, `recognises`, `groups`, `_states`, `_events`.

    Args:
        box: the export. The connector closes it.
        identify: gives people their ids.
        choices: what a person says about the export.
    """

    platform: ClassVar[str]
    origin: ClassVar[str]
    title: ClassVar[str]  # "a WhatsApp chat": what was recognised, for a person
    exports: ClassVar[frozenset[type[Record]]]

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        self.box = box
        self.identify = identify
        self.choices = choices
        self.sightings = Sightings()
        self._paths: dict[Ref, str] = {}
        self._ended: set[Ref] = set()  # groups that were read to their end
        self._parts_told = False  # did a subclass say which files it leaves out?
        self._gaps: list[Gap] = list(box.gaps)
        self._stamp = ""  # for sightings, as in `Page`: what only who has the export knows, by default its bytes

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:
        """Is the export of this kind? Looks at names and at how files begin, never further. Must not raise for anything."""
        raise NotImplementedError

    @classmethod
    def whose(cls, box: Box) -> tuple[str, str]:  # noqa: ARG003 - for those whose files say it
        """(platform, origin) of the people in it."""
        return cls.platform, cls.origin

    def groups(self) -> Iterator[Group]:
        """The groups in the export.

        Raises:
            BadExport: it cannot be read at all.
            UsageError: a decision is missing.
        """
        raise NotImplementedError

    def pages(self, group: Ref, after: Cursor) -> Iterator[Page]:  # noqa: ARG002 - see the module
        """States, events and, last, sightings of a group. The cursor only tells how far reading came.

        Raises:
            NotFound: there is no such group in it.
        """
        listed = {one.ref for one in self.groups()}
        if group not in listed:
            raise NotFound("there is no such group in this export")
        self.sightings = Sightings()
        for page in self._states(group):
            gaps = [*page.gaps, *self._taken_gaps()]
            yield msgspec.structs.replace(page, gaps=gaps, stamp=self._stamp_of(page))
        read = 0
        for page in chain(self._events(group), self._sightings()):
            read += len(page.records)
            gaps = [*page.gaps, *self._taken_gaps()]
            yield msgspec.structs.replace(page, gaps=gaps, cursor={"read": str(read)}, stamp=self._stamp_of(page))
        self._ended.add(group)
        if listed <= self._ended and not self._parts_told and (left := self.box.unasked()):
            self._gap(Known.PART_LEFT_OUT, detail="files that nothing in the export names", count=left, limit=True)
        if gaps := self._taken_gaps():  # noted after the last page
            yield Page(records=[], gaps=gaps, cursor={"read": str(read)})

    def media(self, ref: Ref) -> Iterator[bytes]:
        """A file's bytes, in pieces.

        Raises:
            NotFound: the export does not have it.
            BadExport: it is damaged.
        """
        if ref not in self._paths:
            raise NotFound("there is no such file in the export")
        yield from self.box.pieces(self._paths[ref])

    def close(self) -> None:
        """Let go of the export."""
        self.box.close()

    # --- for subclasses --------------------------------------------------------------------------------------------------

    def _states(self, group: Ref) -> Iterator[Page]:
        """Pages of states (Group, Channel, ...) and of whole rosters (each one page)."""
        raise NotImplementedError

    def _events(self, group: Ref) -> Iterator[Page]:
        """Pages of events, oldest first in each channel. On the way, who is seen goes into `self.sightings`."""
        raise NotImplementedError

    def _sightings(self) -> Iterator[Page]:
        """Who was seen, once everything was read."""
        yield from self.sightings.pages(self._stamp)

    def _stamp_of(self, page: Page) -> str:
        """A page's stamp: where it says something about people, never none."""
        if page.stamp or ROSTER_KINDS.isdisjoint(map(type, page.records)):
            return page.stamp
        return self._stamp or self.box.fingerprint().hex()

    def _attach(
        self, ref: Ref, name: str, *, mime: str = "", vault: Vault = "content", said: str = ""
    ) -> MediaRequest | None:
        """Ask for a file that a record mentions. `ref` must not change from export to export (take the message's, with a
        number); `name` is its name in the box. None, and a gap, where the export does not carry it; `said` is what the export
        calls it, for the sealed gap, with people in it as ids.
        """
        size = self.box.entries.get(name)
        if size is None:
            self._gap(Known.MEDIA_UNAVAILABLE, "" if vault == "roster" else ref, said)
            return None
        self.box.ask(name)
        self._paths[ref] = name
        return MediaRequest(ref=ref, vault=vault, mime=mime, size=size)

    def _gap(self, code: str, scope: str = "", detail: str = "", *, count: int = 1, limit: bool = False) -> None:
        """Note something that could not be had; it goes out with the next page."""
        self._parts_told = self._parts_told or code == Known.PART_LEFT_OUT
        self._gaps.append(Gap(code=code, scope=scope[:1024], detail=detail, count=count, limit=limit))

    def _tell(self, code: str, where: str) -> None:
        """Note one of many things that could not be read, with its place."""
        note(self._gaps, code, where)

    def _taken_gaps(self) -> list[Gap]:
        gaps, self._gaps = self._gaps, []
        return gaps


class Sightings:
    """Who was seen in which channel, and when last, where nobody gives the whole roster."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Ref, MemberId], tuple[int, Literal["join", "leave"], int]] = {}

    def note(
        self, channel: Ref, member: MemberId, time: int, state: Literal["join", "leave"] = "join", level: int = 0
    ) -> None:
        """Somebody was there at a time, or had gone by it. Of one time the last call counts."""
        before = self._seen.get((channel, member))
        if before is None or time >= before[0]:
            self._seen[channel, member] = (time, state, level)

    def pages(self, stamp: str = "") -> Iterator[Page]:
        """One page for each channel. `stamp` as in `Page`: something that only who has the export knows."""
        channels: dict[Ref, list[AnyRecord]] = {}
        for (channel, member), (time, state, level) in self._seen.items():
            one = Membership(channel=channel, member=member, state=state, level=level, seen=max(time, 1))
            channels.setdefault(channel, []).append(one)
        for records in channels.values():
            yield Page(records=records, stamp=stamp)


def note(gaps: list[Gap], code: str, where: str) -> None:
    """Add a gap to others, of which there may be very many: from then on their places say nothing more."""
    if len(gaps) < PAGE:
        gaps.append(Gap(code=code, scope=where[:1024]))
    elif gaps[-1].code == code and not gaps[-1].scope:
        gaps[-1] = Gap(code=code, count=gaps[-1].count + 1)
    else:
        gaps.append(Gap(code=code))


def stamp_of(lines: Iterable[str]) -> str:
    """A stamp, as in `Page`, made of what the export says of each person, in any order: the same as long as that is."""
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogatepass")).hexdigest()


def in_pages(records: Iterable[tuple[AnyRecord, Iterable[MediaRequest]]], size: int = PAGE) -> Iterator[Page]:
    """Records with the files that they mention, gathered into pages."""
    page: list[AnyRecord] = []
    media: list[MediaRequest] = []
    for record, files in records:
        page.append(record)
        media.extend(files)
        if len(page) >= size:
            yield Page(records=page, media=media)
            page, media = [], []
    if page:
        yield Page(records=page, media=media)
