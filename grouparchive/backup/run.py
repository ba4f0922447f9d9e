"""One incremental run from a connector into an archive: pages, cursors, rosters, gaps and commits."""

import hashlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import compress
from typing import Final, Literal, TypeAlias, cast

import msgspec

from grouparchive.archive.tags import EVENTS, Event
from grouparchive.archive.writer import Writer
from grouparchive.backup.compared import Compared
from grouparchive.backup.identities import Identities
from grouparchive.backup.media import MediaQueue
from grouparchive.errors import BadExport, NotFound, PlatformError, Refused, UsageError
from grouparchive.model import codec
from grouparchive.model.gaps import LEFT_OUT
from grouparchive.model.ports import Connector, Page
from grouparchive.model.records import (
    STATE_KINDS,
    AnyRecord,
    Attachment,
    Ban,
    Channel,
    Gap,
    Group,
    Known,
    MemberId,
    Membership,
    Message,
    Record,
    Ref,
    Roster,
)

COMMIT_BYTES: Final = 64 * 1024 * 1024
"""So much waiting for a commit makes one, before its time."""
COMMIT_RECORDS: Final = 100_000
"""And so many: the tags of what is not committed stand in memory."""
PENDING_MEDIA: Final = "pending-media"
"""Our own key in a group's cursor: files that could not be had yet."""

_MEDIA_WAITING: Final = 256  # files that may wait while pages are read
_MAX_GAPS: Final = 1000  # kept one by one per code and run; more of them are one gap with a count
_NO_COUNT: Final = frozenset({"gaps", "new_gaps"})


class Summary(msgspec.Struct, kw_only=True):
    """What a run came to. Counts are what was read and is not just the same as last time; `new` is what the archive did not
    have. `gaps` are all gaps met; `new_gaps`: one of them was not known before and is no known limit of the platform.
    """

    groups: int = 0
    channels: int = 0
    members: int = 0
    messages: int = 0
    attachments: int = 0
    new: int = 0
    gaps: list[Gap] = []
    new_gaps: bool = False


Stage: TypeAlias = Literal["read", "complete", "whole"]
"""How far an export came in: read to its end; with no gap but known limits of the platform; and with nothing left out by us, so
that it is of no more use.
"""

Progress = Callable[[Summary], None]
"""progress(the summary so far), after each page and file."""


def run_backup(
    connector: Connector,
    *,
    source: str,
    writer: Writer,
    identities: Identities,
    progress: Progress | None = None,
    commit_seconds: float = 180,
) -> Summary:
    """Read what is new and make it part of the archive, in one commit or, in a long run, several.

    Args:
        connector: opened with `identities`.
        source: the name under which the cursors are kept.
        writer: the open archive.
        identities: who is who, for this run only.
        progress: called as the run goes on.
        commit_seconds: a long run commits this often.

    Raises:
        PlatformError: the platform failed or refused. What was read whole until then is committed.
        KeyboardInterrupt: as it came; likewise.
        GroupArchiveError: the archive cannot be written to.
    """
    return _finish(_Run(connector, source, writer, identities, progress, commit_seconds))


def run_import(
    connector: Connector,
    *,
    mark: bytes,
    writer: Writer,
    identities: Identities,
    progress: Progress | None = None,
    commit_seconds: float = 180,
) -> Summary:
    """Read an export file to its end and make what is new in it part of the archive.

    Args:
        connector: over the file, opened with `identities`. Its cursors are not kept.
        mark: a digest of the file. With the last commit `Writer.knows_file(stage_mark(mark, ...))` becomes true of the stages
            that it reached.
        writer: the open archive.
        identities: who is who, for this file only.
        progress: called as the run goes on.
        commit_seconds: a long run commits this often.

    Raises:
        PlatformError: the file cannot be read to its end, or means nothing. What was read until then is committed.
        KeyboardInterrupt, GroupArchiveError: as `run_backup`.
    """
    return _finish(_Run(connector, "", writer, identities, progress, commit_seconds, mark=mark))


def stage_mark(mark: bytes, stage: Stage) -> bytes:
    """What `Writer.knows_file` is asked about a file with this mark."""
    return hashlib.sha256(stage.encode() + mark).digest()


def _finish(run: "_Run") -> Summary:
    try:
        run.read()
    except (PlatformError, KeyboardInterrupt):
        with _uninterrupted():
            run.give_up()
        raise
    finally:
        run.close()
    return run.summary


class _Run:
    """`source` is "" for an import: it keeps no cursors, and with its last commit its file's `mark` counts as known."""

    def __init__(  # noqa: PLR0917 - two callers
        self,
        connector: Connector,
        source: str,
        writer: Writer,
        identities: Identities,
        progress: Progress | None,
        commit_seconds: float,
        *,
        mark: bytes = b"",
    ) -> None:
        self._connector = connector
        self._source = source
        self._mark = mark
        self._writer = writer
        self._identities = identities
        self._progress = progress
        self._commit_seconds = commit_seconds
        self.summary = Summary()
        self._committed = 0.0
        self._cursors: dict[Ref, dict[str, str]] = {}  # what changed since the last commit
        self._held: list[AnyRecord] = []  # states that name people
        self._met = 0  # people met while the group's states were read
        self._mentioned: set[MemberId] = set()  # in records since the last commit
        self._members: set[MemberId] = set()
        self._gaps: dict[tuple[str, Ref], Gap] = {}  # by code and scope
        self._gap_codes: Counter[str] = Counter()
        self._new_gaps: set[tuple[str, Ref]] = set()  # not committed yet
        self._compared = Compared(writer, identities)
        self._media = MediaQueue(connector, writer)

    def close(self) -> None:
        self._media.close()

    def read(self) -> None:
        """The whole run."""
        self._committed = time.monotonic()
        known = self._writer.cursors(self._source) if self._source else {}
        listed = [group.ref for group in self._connector.groups()]
        for gone in sorted(known.keys() - set(listed)):
            self._gap(Gap(code=Known.GROUP_GONE, scope=gone))
        refused: Refused | None = None
        for group in listed:
            after = dict(known.get(group, {}))
            self._cursors.setdefault(group, {})
            for given_up in self._media.load(group, after.pop(PENDING_MEDIA, "")):
                self._gap(Gap(code=Known.MEDIA_UNAVAILABLE, scope=given_up))
            self._identities.begin_group()
            self._compared.begin_group()
            try:
                for page in self._connector.pages(group, after):
                    self._keep(group, page)
                    self._fetch(_MEDIA_WAITING)
                self._settle_states()
            except NotFound:
                self._settle_states()
                self._gap(Gap(code=Known.GROUP_GONE, scope=group))
            except Refused as error:
                self._settle_states()
                refused = error  # one group that is shut must not keep the others from being saved
        self._fetch(0)
        if refused:
            raise refused
        with _uninterrupted():
            if self._mark:
                self._mark_file(any_group=bool(listed))
            self._commit()

    def _mark_file(self, *, any_group: bool) -> None:
        """An export was read to its end: note how much of it came in."""
        if not any_group:
            raise BadExport("there is no group in this export, or nothing in it could be read")
        gaps = self._gaps.values()
        stages: list[Stage] = ["read"]
        if all(gap.limit for gap in gaps):
            stages.append("complete")
            if not any(gap.code.endswith(LEFT_OUT) for gap in gaps):
                stages.append("whole")
        for stage in stages:
            self._writer.mark_file(stage_mark(self._mark, stage))

    def give_up(self) -> None:
        """Keep what is whole. Files that did not come wait for the next run."""
        self._settle_states()
        self._media.abort()
        self._collect(start=False)
        if self._writer.pending_records or self._new_gaps or any(self._cursors.values()) or self._media.changed:
            self._commit()

    # --- pages ---

    def _keep(self, group: Ref, page: Page) -> None:
        """Take a page in, whole."""
        with _uninterrupted():
            if page.cursor:
                self._settle_states()
            self._records(self._compared.news_of_people(group, page), page.stamp)
            if not page.cursor:
                self._met = self._identities.met()
            for gap in page.gaps:
                self._gap(gap, news=bool(page.cursor or self._mark))
            faces = self._compared.faces_changed(group, page)
            for file in page.media:
                if (faces or file.vault != "roster") and self._writer.fresh_media(file.ref, file.vault):
                    self._media.want(group, file)
            self._cursors.setdefault(group, {}).update(page.cursor)
        self._tell()
        self._commit_in_time()

    def _records(self, records: list[AnyRecord], stamp: str) -> None:
        events = cast("list[Event]", records if EVENTS.issuperset(map(type, records)) else self._others(records, stamp))
        self.summary.messages += list(map(type, events)).count(Message)
        if not all(news := self._writer.fresh_many(events)):
            events = list(compress(events, news))
        added, large = self._writer.add_many(events, "content")
        for one in large:
            self._too_large(one)
        self._mentioned |= self._identities.named_among(events, added)
        self.summary.new += len(events) - len(large)

    def _others(self, records: list[AnyRecord], stamp: str) -> list[AnyRecord]:
        """Take in what is no event, or leave it; the events are given back."""
        people = [record for record in records if isinstance(record, Roster | Membership | Ban)]
        changed = {
            channel
            for channel in {one.channel for one in people}
            if self._compared.roster_changed(channel, people, stamp)
        }
        events: list[AnyRecord] = []
        for record in records:
            if type(record) in EVENTS:
                events.append(record)
            elif isinstance(record, Roster | Membership | Ban):
                if record.channel in changed:
                    self._add(record)
                    if isinstance(record, Membership) and record.state != "leave":
                        self._members.add(record.member)
            elif type(record) in STATE_KINDS and self._identities.named_in(codec.encode(record)):
                self._held.append(record)
            elif self._writer.fresh(record):
                self._add(record)
        self.summary.members = len(self._members)
        return events

    def _too_large(self, record: Record) -> None:
        self._gap(Gap(code=Known.RECORD_TOO_LARGE, scope=getattr(record, "ref", "")))

    def _settle_states(self) -> None:
        """Take in the states that name people: whether they changed can be told when all the group's people were met."""
        with _uninterrupted():
            self._identities.rank(self._met)
            for record in self._held:
                if self._writer.fresh(self._identities.comparable(record)):
                    self._add(record)
            self._held.clear()

    def _add(self, record: Record) -> None:
        try:
            self._writer.add(record)
            self._mentioned |= self._identities.named_in(codec.encode(record))
        except UsageError:
            self._too_large(record)
            return
        self.summary.new += 1
        self.summary.groups += isinstance(record, Group)
        self.summary.channels += isinstance(record, Channel)

    def _gap(self, gap: Gap, *, news: bool = False) -> None:
        """Note a gap. `news`: it is about something that no earlier run has read."""
        key = (gap.code, gap.scope)
        if key not in self._gaps and self._gap_codes[gap.code] >= _MAX_GAPS:
            key = (gap.code, "")
            gap = Gap(code=gap.code, count=gap.count, limit=gap.limit)
        known = self._gaps.get(key)
        if known:
            gap = msgspec.structs.replace(known, count=known.count + gap.count)
        else:
            self._gap_codes[gap.code] += 1
        self._gaps[key] = gap
        if self._writer.fresh(gap) or news:
            self._new_gaps.add(key)
            self.summary.new_gaps = self.summary.new_gaps or not gap.limit

    # --- files ---

    def _fetch(self, leave: int) -> None:
        """Wait until no more than `leave` files are outstanding."""
        self._collect()
        while self._media.outstanding > leave:
            self._media.wait()
            self._collect()
            self._tell()
            self._commit_in_time()

    def _collect(self, *, start: bool = True) -> None:
        """Take in the files that have come."""
        with _uninterrupted():
            for wanted, stored in self._media.finished():
                if stored is None:
                    # The state remembers gaps: which member's picture failed must not be among them.
                    scope = "" if wanted.vault == "roster" else wanted.ref
                    self._gap(Gap(code=Known.MEDIA_UNAVAILABLE, scope=scope))
                    continue
                file = Attachment(
                    ref=wanted.ref, blob=stored.blob, size=stored.size, sha256=stored.sha256, mime=wanted.mime
                )
                self._writer.add(file, wanted.vault)
                self.summary.attachments += 1
                self.summary.new += 1
            if start:
                self._media.start()

    # --- commits ---

    def _commit_in_time(self) -> None:
        if self._held:
            return
        late = time.monotonic() - self._committed >= self._commit_seconds
        large = self._writer.pending_bytes >= COMMIT_BYTES or self._writer.pending_records >= COMMIT_RECORDS
        if late or large:
            self._media.rest()  # a commit must not cut a file in two
            self._collect(start=False)
            with _uninterrupted():
                self._commit()

    def _commit(self) -> None:
        for member in self._identities.take(sorted(self._mentioned)):
            self._writer.add(member)
        for group, cursor in self._cursors.items():
            cursor[PENDING_MEDIA] = self._media.waiting(group)
        for place, digest in self._compared.faces.items():
            # Pictures that did not come yet wait in no cursor: the next run must find that they changed, and read them again.
            self._writer.fresh_roster(place, b"unfinished" if self._media.awaits_faces else digest)
        summary = self.summary
        summary.gaps = list(self._gaps.values())
        counts = {name: getattr(summary, name) for name in summary.__struct_fields__ if name not in _NO_COUNT}
        now = int(time.time() * 1000)
        gaps = [msgspec.structs.replace(self._gaps[key], time=now) for key in sorted(self._new_gaps)]
        self._writer.commit({self._source: self._cursors} if self._source else {}, counts, gaps)
        # Groups stay listed: their waiting files may still change.
        self._cursors = {group: {} for group in self._cursors}
        self._mentioned.clear()
        self._new_gaps.clear()
        self._media.changed = False
        self._committed = time.monotonic()

    def _tell(self) -> None:
        if self._progress:
            self._progress(self.summary)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until a step is whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came and callable(before):  # it may be ignored, as in the background
        before(came[0], None)
