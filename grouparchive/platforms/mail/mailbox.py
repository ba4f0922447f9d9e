"""Any mail that people keep of a list: an mbox file, a maildir, a folder of single mails, a Gmail label out of Takeout, a
list's own archive. See docs/platforms/mail.md for what of it comes in, and why the rest does not.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import ClassVar, Final

from grouparchive.errors import BadExport, NotFound
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.ports import Identify, MediaRequest, Page
from grouparchive.model.records import (
    AnyRecord,
    Channel,
    Gap,
    Group,
    Known,
    MemberId,
    Membership,
    Message,
    Record,
    Ref,
)
from grouparchive.platforms.files import Box, Choices, FileConnector, in_pages
from grouparchive.platforms.mail.mime import Raw
from grouparchive.platforms.mail.people import People
from grouparchive.platforms.mail.post import Posted, Posts
from grouparchive.platforms.mail.split import HEADER_END, MOST_HEADER
from grouparchive.platforms.mail.store import MailFile, Shelf, Window, recognised
from grouparchive.platforms.mail.survey import Mails
from grouparchive.platforms.mail.unpack import unpacked

WINDOW: Final = 4 << 20
"""Mails larger than this are looked at through a window."""

_ODD = (*UNREADABLE, ValueError, LookupError, OverflowError)
_CODINGS: Final = ("", "base64", "quoted-printable", "uuencode")


class MailBox(FileConnector):
    """See `FileConnector`. One group with one channel for each list."""

    platform: ClassVar[str] = "mail"
    origin: ClassVar[str] = "mail"
    title: ClassVar[str] = "mails of a list"
    exports: ClassVar[frozenset[type[Record]]] = frozenset({Group, Channel, Message, Membership, Gap})

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._shelf = Shelf(box)
        self._found: Mails | None = None
        self._told = False
        self._at: dict[int, int] = {}  # hash of a file's ref -> its number in the arrays below
        self._file = array("I")
        self._start = array("Q")
        self._size = array("Q")
        self._coding = array("B")

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the port's signature
        """Mails, by how files are called and begin."""
        return recognised(box)

    @property
    def _mails(self) -> Mails:
        if self._found is None:
            self._found = self._look()
        return self._found

    def _look(self) -> Mails:
        return Mails(self.box, self._shelf, self.choices.group)

    def groups(self) -> Iterator[Group]:
        """The lists, and the labels whose mails name no list.

        Raises:
            BadExport: there is nothing but private mail, or no mail at all.
        """
        found = [one for one in self._mails.groups if one.mails]
        if not found:
            private = any(gap.code == Known.PRIVATE_CHAT for gap in self._mails.gaps)
            raise BadExport(
                "this is a whole mailbox, and no mail in it came through a mailing list"
                if private
                else "there is no mail in this export",
                hint="Export only the label or the folder that holds the group's mails.",
            )
        for one in found:
            yield self._group(one.ref, one.name)

    def media(self, ref: Ref) -> Iterator[bytes]:
        """A file's bytes, decoded in pieces.

        Raises:
            NotFound: the export does not have it.
            BadExport: it is damaged.
        """
        number = self._at.get(hash(ref))
        if number is None:
            raise NotFound("there is no such file in the export")
        file = self._mails.files[self._file[number]]
        with self._shelf.at(file.name, self._start[number]) as stream:
            coding = _CODINGS[self._coding[number]]
            yield from unpacked(stream, self._size[number], coding, quoted_from=file.kind == "mbox")

    def close(self) -> None:
        """Let go of the export."""
        self._shelf.close()
        super().close()

    # --- pages ---

    def _group(self, ref: str, name: str) -> Group:
        return Group(ref=ref, platform=self.platform, origin=self.origin, name=name or ref.partition("@")[0])

    def _states(self, group: Ref) -> Iterator[Page]:
        one = next(one for one in self._mails.groups if one.ref == group)
        shown = self._group(one.ref, one.name)
        self._stamp = self._mails.stamp
        if not self._told:
            self._told = True
            self._gaps += self._mails.gaps
        self._limits(group)
        yield Page(records=[shown, Channel(ref=group, group=group, type="list", name=shown.name)])

    def _limits(self, group: Ref) -> None:
        """The limits of this kind of export."""
        self._gap(Known.MEMBERS_PARTIAL, group, limit=True)

    def _events(self, group: Ref) -> Iterator[Page]:
        yield from in_pages(self._messages(group))

    def _messages(self, group: Ref) -> Iterator[tuple[AnyRecord, Iterable[MediaRequest]]]:
        mails = self._mails
        people = People(self.identify, mails.known, mails.lists)
        posts = Posts(group, people, mails.lists, mails.doubled, self.choices.zone)
        seen: dict[MemberId, int] = {}
        lost: Counter[str] = Counter()
        for file, places in groupby(mails.of(group), key=itemgetter(0)):
            for raw, head in self._raw(file, places):
                try:
                    posted = posts.post(raw[1], head, mbox=file.kind == "mbox", topics=file.name in mails.fixed)
                except (*_ODD, BadExport):
                    self._gap(Known.MESSAGE_UNREADABLE, file.name, f"at byte {raw[0]}")
                    continue
                if posted is None:
                    continue
                lost.update(set(posted.lost))
                lost[Known.FORMATTING_LEFT_OUT] += posted.unformatted
                message = posted.message
                if not (message.text or message.author or message.media):
                    self._gap(Known.MESSAGE_UNREADABLE, file.name, f"at byte {raw[0]}")
                if posted.seen and message.time >= seen.get(message.author, 0):
                    seen[message.author] = message.time
                yield message, self._files(file, raw[0], posted) if posted.files else ()
        for member, when in seen.items():
            self.sightings.note(group, member, when)
        self._lost(lost, group)

    def _lost(self, lost: Counter[str], group: Ref) -> None:
        for code, count in sorted(lost.items()):
            if count:
                self._gap(code, group, count=count, limit=code == Known.FORMATTING_LEFT_OUT)

    def _raw(
        self, file: MailFile, places: Iterable[tuple[MailFile, int, int]]
    ) -> Iterator[tuple[tuple[int, Raw], bytes]]:
        """The mails of one file: (place, bytes), and those up to the body."""
        stream = at = None
        opened = None
        try:
            for _, start, size in places:
                try:
                    if stream is None:
                        opened = self._shelf.at(file.name, start)
                        stream, at = opened.__enter__(), start
                    if at != start:
                        stream.seek(start)
                    raw: Raw = Window(stream, start, size) if size > WINDOW else stream.read(size)
                    head = raw[: MOST_HEADER + 1] if size > WINDOW else raw[:]
                except (BadExport, NotFound):
                    self._gap(Known.FILE_DAMAGED, file.name, f"at byte {start}")
                    return
                at = None if size > WINDOW else start + size
                end = HEADER_END.search(head)
                yield (start, raw), head[: end.end()] if end else head
        finally:
            if opened is not None:
                opened.__exit__(None, None, None)

    def _files(self, file: MailFile, start: int, posted: Posted) -> list[MediaRequest]:
        number = self._mails.number(file)
        wanted = []
        for media, part in zip(posted.message.media, posted.files, strict=True):
            self._at[hash(media.ref)] = len(self._start)
            self._file.append(number)
            self._start.append(start + part.start)
            self._size.append(part.end - part.start)
            coding = "uuencode" if part.coding in {"x-uuencode", "x-uue", "uue"} else part.coding
            self._coding.append(_CODINGS.index(coding) if coding in _CODINGS else 0)
            wanted.append(MediaRequest(ref=media.ref, mime=media.mime, size=media.size))
        return wanted
