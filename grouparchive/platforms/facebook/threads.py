"""Threads of Messenger and Instagram in a download: who takes part, what was written. Both platforms write them alike.

A thread's ref is the number at the end of its folder's name, which is the same in every download; before it stand people's
names, which are kept nowhere. Nobody in a thread has an id, only a name.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from grouparchive.model.ports import MediaRequest, Page
from grouparchive.model.records import AnyRecord, Channel, Group, Known, Membership, Roster
from grouparchive.platforms.facebook import shapes
from grouparchive.platforms.facebook.blocks import Block, blocks, is_marked
from grouparchive.platforms.facebook.blocks import Page as BlockPage
from grouparchive.platforms.facebook.files import Finder
from grouparchive.platforms.facebook.lines import COMMA, LineReader, Recorded
from grouparchive.platforms.facebook.people import People
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.facebook.rows import decoded, rows
from grouparchive.platforms.facebook.shapes import Line, Uri, millis
from grouparchive.platforms.facebook.titles import plain
from grouparchive.platforms.files import FileConnector, in_pages
from grouparchive.platforms.files.mimes import mime_of

_PLACE: Final = re.compile(
    r"(?:.*/)?messages/[a-z0-9_]{3,40}/(?P<folder>[^/]+)/message_(?P<n>\d{1,6})\.(?P<kind>json|html)"
)
_NEAR: Final = re.compile(r"(?:.*/)?(?:(?P<folder>[^/]+)/)?message_(?P<n>\d{1,6})\.(?P<kind>json|html)")
_ENCRYPTED: Final = re.compile(r"(?:[^/]+/){0,2}[^/]+\.json")
"""The separate download of encrypted chats: all in one folder, a file each."""
_ID: Final = re.compile(r"(?:.*_)?(?P<id>[A-Za-z0-9-]{6,40}|\d{1,40})")
_PEOPLE: Final = re.compile(
    r"(?:Participants|Teilnehmer|Participantes|Partecipanti|Участники|Deelnemers)\s*:\s*(.{1,20000})", re.DOTALL
)
_AT_ONCE: Final = 48 * 1024 * 1024


class Head(msgspec.Struct):
    """What a thread is. `whole`: the list of its people is all there are; `unread`: so many of them have no form."""

    ref: str
    files: list[str]
    names: list[str] = []
    title: str = ""
    private: bool = False
    whole: bool = True
    unread: int = 0
    kind: str = ""
    first: int = 0
    last: int = 0


class ThreadReader(FileConnector):
    """Base of connectors whose download may hold threads."""

    def _prepare(self) -> None:
        """To be called at the end of `__init__`."""
        self.people = People(self.identify)
        self.finder = Finder(self.box)
        self._heads: dict[str, Head] | None = None

    def _noted(self, code: str, name: str) -> None:
        self._gap(code, "", name)

    def _threads(self) -> dict[str, Head]:
        """The threads of the download by their ref."""
        if self._heads is None:
            kept, self._gaps = self._gaps, []
            found: dict[str, list[str]] = {}
            for name in self.box.entries:
                if place := _PLACE.fullmatch(name) or _NEAR.fullmatch(name):
                    found.setdefault(place["folder"] or "", []).append(name)
            encrypted = _ENCRYPTED.fullmatch
            for name in filter(encrypted, self.box.entries if not found else ()):
                if b'"threadName"' in self.box.head(name):
                    found.setdefault(name, []).append(name)
            heads = [self._head(folder, sorted(files, key=_order)) for folder, files in sorted(found.items())]
            self._heads = {}
            for head in heads:
                known = self._heads.setdefault(head.ref, head)
                if known is not head:
                    known.files += head.files
            self._gaps = kept  # what is damaged is said when its messages are read
        return self._heads

    def _head(self, folder: str, files: list[str]) -> Head:
        head = Head(ref=_number(folder), files=files)
        for name in files if not head.ref else files[-1:]:  # the newest is the last
            if name.endswith(".html"):
                self._html_head(head, name)
            else:
                for key, raw in rows(self.box, name, self._noted):
                    self._head_field(head, key, raw, name)
        head.ref = head.ref or f"t{head.first}"
        head.names = list(dict.fromkeys(head.names))
        shown = {plain(name) for name in head.names}
        of_two = len(head.names) <= 2 and (bool(head.names) or not head.title) and plain(head.title) in shown | {""}
        head.private = head.kind in {"", "Regular"} and of_two
        if shown and ({plain(part) for part in COMMA.split(head.title)} <= shown | {""} or plain(head.title) in shown):
            head.title = ""  # nothing but the names of its people
        return head

    def _head_field(self, head: Head, key: str, raw: bytes, name: str) -> None:
        match key:
            case "messages" if not head.ref or not head.last:
                line = decoded(raw, shapes.line_decoder, name, self._noted)
                time = (millis(line.timestamp_ms, 1) or millis(line.timestamp, 1) or 0) if line else 0
                head.first = min(head.first or time, time or head.first)
                head.last = max(head.last, time)
            case "participants":
                self._participant(head, raw, name)
            case "title":
                head.title = tidy(decoded(raw, shapes.text_decoder, name, self._noted) or "").strip()[:1000]
            case "thread_type":
                head.kind = decoded(raw, shapes.text_decoder, name, self._noted) or ""
            case "thread_path":
                path = decoded(raw, shapes.text_decoder, name, self._noted) or ""
                head.ref = _number(path.rpartition("/")[2]) or head.ref
            case "is_still_participant" if raw.strip() == b"false":
                head.whole = False
            case "joinable_mode":
                head.kind = head.kind or "joinable"

    def _participant(self, head: Head, raw: bytes, name: str) -> None:
        one = None
        if raw[:1] == b'"':
            text = decoded(raw, shapes.text_decoder, name, self._noted)
        else:
            one = decoded(raw, shapes.named_decoder, name, self._noted)
            text = one.name if one else None
        if text is None:
            head.unread, head.whole = head.unread + 1, False
            return
        if tidy(text).strip():
            head.names.append(tidy(text).strip()[:500])

    def _html_head(self, head: Head, name: str) -> None:
        page = BlockPage()
        head.whole = False
        for block in self._blocks(name, page):
            for line in (block.head, *block.lines[:3]):
                if block.time is None and (found := _PEOPLE.match(line)):
                    head.names += [part.strip() for part in COMMA.split(found[1]) if part.strip()][:5000]
            head.last = max(head.last, block.time or 0)
            if head.names and head.ref:
                break
        head.title = head.title or page.title.strip()

    def _blocks(self, name: str, page: BlockPage) -> Iterator[Block]:
        marked = is_marked(self.box.head(name))
        yield from blocks(self.box.pieces(name), self.choices.zone, page, marked=marked)

    # --- states -----------------------------------------------------------------------------------------------------------

    def _thread_group(self, head: Head) -> Group:
        return Group(ref=head.ref, platform=self.platform, origin=self.origin, name=head.title or self._name_of_lone())

    def _name_of_lone(self) -> str:
        return self.choices.group if len(self._threads()) == 1 else ""

    def _thread_states(self, head: Head) -> Iterator[Page]:
        group = self._thread_group(head)
        yield Page(records=[group, Channel(ref=head.ref, group=head.ref, type="room", name=group.name)])
        members = list(dict.fromkeys(id_ for id_ in map(self.people.id, head.names) if id_))
        if head.whole and members:
            roster: list[AnyRecord] = [Roster(channel=head.ref, time=self.box.modified, members=len(members))]
            roster += [Membership(channel=head.ref, member=one) for one in members]
            yield Page(records=roster, stamp=f"{head.ref} {head.last}")
        if head.unread:
            self._gap(Known.MEMBER_UNREADABLE, head.ref, count=head.unread)
        if len(members) < len(head.names):
            self._gap(Known.MEMBERS_PARTIAL, head.ref, "accounts that are gone have no name", limit=True)
        elif not (head.whole and members):
            self._gap(Known.MEMBERS_PARTIAL, head.ref, "the list of its people is not whole", limit=True)

    # --- messages ---------------------------------------------------------------------------------------------------------

    def _thread_events(self, head: Head) -> Iterator[Page]:
        yield from in_pages(self._thread_records(head))
        if not head.whole:
            for name in head.names:
                if id_ := self.people.id(name):
                    self.sightings.note(head.ref, id_, head.last)

    def _thread_records(self, head: Head) -> Iterator[Recorded]:
        reader = LineReader(head.ref, self.people, head.names, self.sightings, self._gap)
        for name in head.files:

            def attach(ref: str, uri: str, said: str, page: str = name) -> MediaRequest | None:
                return self._attach(ref, self.finder.find(uri, page), mime=mime_of(said), said=said)

            for line in self._html_lines(name) if name.endswith(".html") else self._json_lines(name):
                yield from reader.records(line, attach)

    def _json_lines(self, name: str) -> Iterator[Line]:
        """Oldest first: the file begins with the newest. A file that is absurdly large is read as it is."""
        raws = (raw for key, raw in rows(self.box, name, self._noted) if key in {"messages", ""})
        for raw in reversed(list(raws)) if self.box.entries[name] <= _AT_ONCE else raws:
            if (line := decoded(raw, shapes.line_decoder, name, self._noted)) is not None:
                yield line

    def _html_lines(self, name: str) -> Iterator[Line]:
        page = BlockPage()
        found = []
        for block in self._blocks(name, page):
            if block.time is None:
                if not any(map(_PEOPLE.match, (block.head, *block.lines[:3]))):
                    self._gap(Known.MESSAGE_UNREADABLE, "", name)
                continue
            found.append(block)
        for code in page.faults():
            self._gap(code, "", name)
        if page.guessed:
            self._gap(Known.LAYOUT_GUESSED, "", name, limit=True)
        found.sort(key=lambda block: block.time or 0)
        for block in found:
            yield Line(
                sender_name=block.head,
                timestamp_ms=block.time,
                content=block.text,
                files=[Uri(uri=uri) for uri in block.files],
                share=shapes.Share(link=block.links[0][0]) if block.links else None,
                reactions=[_html_reaction(aside) for aside in block.aside],
            )


def _number(folder: str) -> str:
    """The number at the end of a thread's folder; "" where there is none."""
    found = _ID.fullmatch(folder)
    return found["id"] if found and any(map(str.isdigit, found["id"])) else ""


def is_thread(name: str) -> bool:
    """Is it, by its name, a file of a thread?"""
    return bool(_PLACE.fullmatch(name) or _NEAR.fullmatch(name))


def _order(name: str) -> tuple[int, str]:
    """Oldest first: the highest number is the oldest."""
    found = _NEAR.fullmatch(name)
    return (-int(found["n"]) if found else 0, name)


def _html_reaction(text: str) -> shapes.Reaction:
    """As "❤Fern" or "❤ Fern (Jan 01, 2024 10:00 am)"."""
    text = re.sub(r"\s*\([^()]{6,60}\)\s*$", "", text[:600])
    cut = 0
    while cut < len(text) and not text[cut].isalnum():
        cut += 1
    return shapes.Reaction(reaction=text[:cut].strip(), actor=text[cut:].strip())
