"""Records in our own schemas, a JSON object on each line: what `export --format jsonl` writes, or any other tool.

Everything is validated as strictly as the archive's own records. People stand in the file under member ids and keep them, with
the `Member` records that say who they are where the file has these. The group keeps its platform, origin and refs: so what was
exported from an archive and a live backup of the same group become one history.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

import msgspec

from grouparchive.errors import BadExport
from grouparchive.model.codec import MAX_RECORD, UNREADABLE
from grouparchive.model.facts import has_form
from grouparchive.model.ports import Identify, MediaRequest, Page
from grouparchive.model.records import (
    KINDS,
    AnyRecord,
    Attachment,
    Ban,
    Channel,
    Edit,
    Fact,
    Gap,
    Group,
    Known,
    Member,
    MemberId,
    Membership,
    Message,
    Pins,
    Reaction,
    Record,
    Ref,
    Role,
    RoomKey,
    Roster,
    Secret,
    Setting,
    Tombstone,
    Vote,
)
from grouparchive.platforms.files import Box, Choices, FileConnector
from grouparchive.platforms.files.connector import PAGE, stamp_of
from grouparchive.platforms.files.lines import blocks
from grouparchive.platforms.files.texts import fitted

LONGEST: Final = 8 * 1024 * 1024
"""Bytes of a line. A text in it is cut so that it fits into a record."""
MOST: Final = 500_000
"""States and records of people in one file: they are held in memory."""

_EVENTS: Final = (Message, Edit, Reaction, Vote, Tombstone, RoomKey)
_PLAIN: Final = tuple(
    b'{"kind":"' + kind + b'"'
    for kind in (b"message", b"edit", b"reaction", b"vote", b"tombstone", b"attachment", b"gap")
)
_END: Final = (b'{"event":"done"', b'{"event": "done"')
_MEDIA: Final = re.compile(r"(?:[^/]+/)?media/[0-9]{6,}-([0-9a-f]{8})\.[A-Za-z0-9]{1,8}")
_LINES: Final = re.compile(r"(?:[^/]+/)?[^/]+\.(?:jsonl|ndjson)", re.IGNORECASE)

_decoder: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)


class _Told:
    """What a file says beside events: read first, because it may stand anywhere in it."""

    def __init__(self) -> None:
        self.groups: dict[Ref, Group] = {}
        self.channels: dict[Ref, Channel] = {}
        self.states: list[Setting | Role | Pins] = []
        self.members: dict[MemberId, Member] = {}
        self.rosters: dict[Ref, Roster] = {}
        self.places: dict[Ref, list[Membership | Ban]] = {}
        self.facts: list[Fact] = []
        self.count = 0

    def take(self, record: AnyRecord) -> bool:
        """Keep what is none of the events; False where there is too much."""
        self.count += 1
        if self.count > MOST:
            return False
        match record:
            case Group():
                self.groups[record.ref] = record
            case Channel():
                self.channels[record.ref] = record
            case Setting() | Role() | Pins():
                self.states.append(record)
            case Member():
                self.members[record.id] = record
            case Roster():
                self.rosters[record.channel] = record
            case Membership() | Ban():
                self.places.setdefault(record.channel, []).append(record)
            case Fact():
                self.facts.append(record)
        return True


class GenericLines(FileConnector):
    """See `FileConnector`."""

    platform: ClassVar[str] = "generic"
    origin: ClassVar[str] = "generic"
    title: ClassVar[str] = "records in grouparchive's own format"
    exports: ClassVar[frozenset[type[Record]]] = frozenset(KINDS.values()) - {Secret}

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._entry = _entry_of(box)
        self._told: _Told | None = None
        self._digests: dict[Ref, str] = {}
        self._missing = 0
        self._media: dict[str, list[str]] = {}
        for entry in box.entries:
            if found := _MEDIA.fullmatch(entry):
                self._media.setdefault(found[1], []).append(entry)

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - one of several that are asked
        """A lone file of records, or a folder of `export -o`."""
        entry = _entry_of(box)
        return bool(entry) and _first(box, entry) is not None

    @classmethod
    def whose(cls, box: Box) -> tuple[str, str]:
        """Those of the group in it."""
        entry = _entry_of(box)
        for block in blocks(box.pieces(entry), LONGEST) if entry else ():
            for line in block.lines:
                if line and b'"group"' in line[:4096]:
                    record = _decoded(line)
                    if isinstance(record, Group):
                        return record.platform, record.origin
        return cls.platform, cls.origin

    def groups(self) -> Iterator[Group]:
        """The groups in the file; one that is made where there is none.

        Raises:
            BadExport: there is no record in it.
        """
        yield from self._open().groups.values()

    def media(self, ref: Ref) -> Iterator[bytes]:
        """See `FileConnector.media`. A file that is not the one that was exported is damaged."""
        whole = hashlib.sha256()
        for piece in super().media(ref):
            whole.update(piece)
            yield piece
        if whole.hexdigest() != self._digests.get(ref):
            raise BadExport("a file beside the records is not the one that was exported")

    # --- first reading -------------------------------------------------------------------------------------------------

    def _open(self) -> _Told:
        if self._told is None:
            told = _Told()
            whole = True
            for _, line in self._lines(tell=False):
                record = None if line is None or line.startswith(_PLAIN) else _decoded(line)
                if record is not None and not isinstance(record, (*_EVENTS, Attachment, Gap, Secret)):
                    whole = told.take(record) and whole
            if not told.groups:
                if _first(self.box, self._entry) is None:
                    raise BadExport("there is no record in this file")
                told.groups = {"lines": self._made()}
            if not whole:
                self._gap(Known.TOO_MANY, "states and people")
            self._told = told
            # Ids are drawn at random for each archive: nobody else knows them.
            self._stamp = stamp_of(told.members)
        return self._told

    def _made(self) -> Group:
        name = self.choices.group or self.box.label.rpartition(".")[0] or self.box.label
        return Group(ref="lines", platform=self.platform, origin=self.origin, name=name[:1024])

    def _lines(self, *, tell: bool) -> Iterator[tuple[int, bytes | None]]:
        """Each line that is not empty, with its number."""
        for block in blocks(self.box.pieces(self._entry), LONGEST):
            for number, line in enumerate(block.lines, block.first):
                if number == 1 and line:
                    line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - the mark at the begin of a file is no part of it
                if line is None or (line and not line.isspace()):
                    yield number, line
            if block.broken and tell:
                self._gap(Known.FILE_DAMAGED, self._where(block.first + len(block.lines)))

    # --- states --------------------------------------------------------------------------------------------------------

    def _states(self, group: Ref) -> Iterator[Page]:
        told = self._open()
        mine = self._mine(group)
        known = {"", *told.members}
        head = told.groups[group]
        # The account is nobody's in another archive, unless the file says who it is.
        head = msgspec.structs.replace(head, account=head.account if head.account in known else "")
        states: list[AnyRecord] = [head]
        states += [one for one in told.channels.values() if one.ref in mine]
        if not mine:
            states.append(Channel(ref=group, group=group, name=head.name, created=head.created))
        states += [one for one in told.states if (one.group == group if isinstance(one, Role) else one.channel in mine)]
        lost = [one for one in told.channels.values() if one.group not in told.groups]
        if lost and group == next(iter(told.groups)):
            self._gap(Known.CHANNEL_UNLISTED, lost[0].ref, count=len(lost))
        for at in range(0, len(states), PAGE):
            yield Page(records=states[at : at + PAGE])
        if group == next(iter(told.groups)):
            yield from self._people(told)
        for channel, places in told.places.items():
            if channel in mine:
                yield from self._roster(told, channel, places)

    def _people(self, told: _Told) -> Iterator[Page]:
        """Who people are, and what is said of them."""
        facts = [fact for fact in told.facts if has_form(fact)]
        if len(facts) < len(told.facts):
            self._gap(Known.CONTACT_UNREADABLE, count=len(told.facts) - len(facts))
        records: list[AnyRecord] = [*told.members.values(), *facts]
        for at in range(0, len(records), PAGE):
            yield Page(records=records[at : at + PAGE], stamp=self._stamp)

    def _roster(self, told: _Told, channel: Ref, places: list[Membership | Ban]) -> Iterator[Page]:
        """A channel's whole roster as one page. Sightings come last, as from everywhere."""
        whole: list[Membership | Ban] = []
        for one in places:
            if isinstance(one, Membership) and one.seen:
                self.sightings.note(
                    channel, one.member, one.seen, "leave" if one.state == "leave" else "join", one.level
                )
            elif isinstance(one, Ban) or one.state != "leave":
                whole.append(one)
        if not whole and channel not in told.rosters:
            return
        bans = sum(isinstance(one, Ban) for one in whole)
        time = told.rosters[channel].time if channel in told.rosters else self.box.modified
        head = Roster(channel=channel, time=time, members=len(whole) - bans, bans=bans)
        yield Page(records=[head, *whole], stamp=_stamp(told.members, whole))

    def _mine(self, group: Ref) -> set[Ref]:
        return {one.ref for one in self._open().channels.values() if one.group == group}

    # --- events --------------------------------------------------------------------------------------------------------

    def _events(self, group: Ref) -> Iterator[Page]:
        told = self._open()
        first = group == next(iter(told.groups))
        mine = self._mine(group)
        others = {one.ref for one in told.channels.values()} - mine
        records: list[AnyRecord] = []
        media: list[MediaRequest] = []
        self._missing = 0
        for number, line in self._lines(tell=first):
            record = self._record(number, line, tell=first)
            if isinstance(record, _EVENTS):
                if record.channel not in mine:
                    if record.channel in others or not first:
                        continue
                    mine.add(record.channel)
                    records.append(Channel(ref=record.channel, group=group))
                records.append(record)
            elif isinstance(record, Attachment) and first:
                media += self._attached(record)
            elif isinstance(record, Gap) and first:
                records.append(msgspec.structs.replace(record, limit=True))
            if max(len(records), len(media), len(self._gaps)) >= PAGE:
                yield Page(records=records, media=media)
                records, media = [], []
        if self._missing:
            # Written without -o FOLDER: none of them can be there.
            self._gap(Known.MEDIA_UNAVAILABLE, count=self._missing, limit=True)
        yield Page(records=records, media=media)

    def _record(self, number: int, line: bytes | None, *, tell: bool) -> AnyRecord | None:
        """A line as a record; None, and a gap, where it is none that may come in."""
        code = ""
        record = None
        if line is None:
            code = Known.LINE_TOO_LONG
        else:
            record = _decoded(line)
            if record is None and not line.startswith(_END):
                code = Known.MESSAGE_UNREADABLE
            elif isinstance(record, Secret):
                code = Known.RECORD_REFUSED
            elif len(line) > MAX_RECORD and isinstance(record, Message | Edit):
                text, html, lost = fitted(record.text, record.html)
                record = msgspec.structs.replace(record, text=text, html=html)
                if lost and tell:
                    self._gap(lost, self._where(number))
        if code and tell:
            self._gap(code, self._where(number))
        return None if code else record

    def _where(self, number: int) -> str:
        return f"line {number:,}"

    def _attached(self, record: Attachment) -> list[MediaRequest]:
        """A file that `export` put beside the records, under the begin of its digest."""
        if not self._media:
            self._missing += 1
            return []
        entries = self._media.get(record.sha256[:8], [])
        entry = next((one for one in entries if self.box.entries[one] == record.size), "")
        request = self._attach(record.ref, entry, mime=record.mime)
        self._digests[record.ref] = record.sha256
        return [request] if request else []


def _entry_of(box: Box) -> str:
    """The file with the lines; "" where the box holds something else besides."""
    found = [entry for entry in box.entries if not _MEDIA.fullmatch(entry)]
    if len(found) != 1 or (len(box.entries) > 1 and not _LINES.fullmatch(found[0])):
        return ""
    return found[0]


def _first(box: Box, entry: str) -> AnyRecord | str | None:
    """The first record of a file, or its kind where it is long; None where there is none soon."""
    head = box.head(entry).removeprefix(b"\xef\xbb\xbf")
    lines = head.split(b"\n")
    cut = len(head) < box.entries[entry] and lines.pop()
    for line in lines[:20]:
        record = _decoded(line)
        if record is not None:
            return record
    begin = re.match(rb'\{(?:"event":"record",)?"kind":"([a-z_]{1,20})"', cut) if cut and not lines else None
    return begin[1].decode() if begin and begin[1].decode() in KINDS else None


def _decoded(line: bytes) -> AnyRecord | None:
    try:
        return _decoder.decode(line)
    except UNREADABLE:
        return None


def _stamp(members: Mapping[MemberId, Member], whole: list[Membership | Ban]) -> str:
    """The ids in a file mean nothing to the run, so this is what tells one roster from another."""
    return stamp_of(
        repr((members[one.member].native, members[one.member].name) if one.member in members else one.member)
        for one in whole
    )
