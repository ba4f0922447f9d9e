"""A chat as WhatsApp exports it: a text, alone or with its media in a zip or a folder. There are no ids in it: a message is
known by its minute and its words, and by how many like it came before in that minute.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from itertools import chain
from typing import ClassVar, Final

from grouparchive.errors import BadExport
from grouparchive.model.ports import Identify, MediaRequest, Page
from grouparchive.model.records import Channel, Gap, Group, Known, Membership, Message, Record, Ref
from grouparchive.platforms.files import Box, Choices, FileConnector
from grouparchive.platforms.files.box import FolderBox
from grouparchive.platforms.whatsapp import words
from grouparchive.platforms.whatsapp.clock import Clock, order_of
from grouparchive.platforms.whatsapp.cut import Block, Cutter
from grouparchive.platforms.whatsapp.people import DIRECTIONS, People
from grouparchive.platforms.whatsapp.reading import Reader
from grouparchive.platforms.whatsapp.special import Special
from grouparchive.platforms.whatsapp.style import BLOCK, Style, as_utf8, head_of, looks_like_chat, style_of

_CUT_AT: Final = frozenset({40_000, 10_000})  # without files and with
_BEGIN: Final = 64 * 1024
_MARK: Final = "\u200e".encode()
_QUOTES: Final = tuple(mark.encode() for mark in '"“”«»„')
_MAY_QUOTE: Final = sorted({mark.encode()[:1] for mark in words.QUOTES})  # of one byte each is sought fastest
_APP_LINES: Final = re.compile(_MARK + rb"([^\r\n]{1,2000})")
_TITLE: Final = re.compile(
    r"(?:WhatsApp[ -]Chat (?:with|mit|met) |WhatsApp[ -]Chat - |Chat de WhatsApp con |Discussion WhatsApp avec "
    r"|Conversa do WhatsApp com |Chat WhatsApp con |Chat WhatsApp dengan |Чат WhatsApp с (?:контактом |группой )?"
    r"|Переписка в WhatsApp с (?:контактом )?|WhatsApp Sohbeti - |WhatsApp Sohbeti: |محادثة واتساب مع )(?P<name>.+)"
    r"|(?P<first>.+?) (?:ile WhatsApp (?:Sohbeti|Yazışması)|ilə WhatsApp (?:söhbəti|çatı))"
)
_COPY: Final = re.compile(r"(?: ?\(\d+\)| - Copy| copy)+$")


class WhatsAppChat(FileConnector):
    """See `FileConnector`. Raises `UsageError` where day and month cannot be told apart."""

    platform: ClassVar[str] = "whatsapp"
    origin: ClassVar[str] = "whatsapp.com"
    title: ClassVar[str] = "a WhatsApp chat"
    exports: ClassVar[frozenset[type[Record]]] = frozenset({Group, Channel, Message, Membership, Gap})

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._name = _text_in(box)
        folder = self._name.rpartition("/")[0]
        self._files = {_file(name): name for name in reversed(box.entries)}
        # Beside the text first: a folder may hold files of the same name elsewhere.
        self._files |= {_file(name): name for name in box.entries if name.rpartition("/")[0] == folder}
        self._files.pop(_file(self._name), None)

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the port's signature
        """Is there a text whose lines begin as those of a chat?"""
        return bool(_text_in(box))

    def groups(self) -> Iterator[Group]:
        """The one chat."""
        name, created = self._about
        ref = f"whatsapp:{name}"[:1024]
        yield Group(ref=ref, platform=self.platform, origin=self.origin, name=name, created=created)

    # --- reading -------------------------------------------------------------------------------------------------------

    def _states(self, group: Ref) -> Iterator[Page]:
        (state,) = self.groups()
        self._gap(Known.MEMBERS_PARTIAL, limit=True)
        yield Page(records=[state, Channel(ref=group, group=group, name=state.name, created=state.created)])

    def _events(self, group: Ref) -> Iterator[Page]:
        self._stamp = sha256(self._head).hexdigest()
        people = People(self.identify)
        special = Special(
            group=group, people=people, sightings=self.sightings, files=self._files, attach=self._attached
        )
        special.cut_minute = self._cut_minute()
        reader = Reader(
            group=group, people=people, clock=self._clock, style=self._style, special=special, survey=self._survey,
            gap=self._lost,
        )  # fmt: skip
        cutter = Cutter(self._style, self._clock, known=reader.authors, pasted=reader.pasted, gap=self._lost)
        try:
            for block in cutter.blocks(as_utf8(self.box, self._name)):
                yield reader.page(block)
        except BadExport:
            self._gap(Known.FILE_DAMAGED, group, f"after {reader.count} messages")
        for block in cutter.rest():
            yield reader.page(block)
        if special.omitted:
            self._gap(Known.MEDIA_UNAVAILABLE, group, "left out of the export", count=special.omitted, limit=True)
        if special.cards:
            self._gap(Known.CONTACT_LEFT_OUT, group, "whose they are is told", count=len(special.cards), limit=True)
            for card in filter(None, map(self._files.get, special.cards)):
                self.box.ask(card)
        if reader.count in _CUT_AT:
            detail = f"exactly {reader.count} messages: the phone exports no more of a chat"
            self._gap(Known.HISTORY_CUT, group, detail)
        for member, time in reader.last.items():
            self.sightings.note(group, member, time)
        yield Page(records=[])

    def _lost(self, code: str, what: str) -> None:
        self._gap(code, "", what)

    def _attached(self, ref: Ref, name: str, mime: str, said: str) -> MediaRequest | None:
        return self._attach(ref, self._files.get(name, ""), mime=mime, said=said)

    def _lines(self) -> Iterator[Block]:
        """The whole chat, for a question about it."""
        cutter = Cutter(self._style, self._clock, known={}, pasted=lambda *_: (), gap=lambda *_: None)
        with suppress(BadExport):  # what can be read of it tells
            yield from cutter.blocks(as_utf8(self.box, self._name))
        yield from cutter.rest()

    def _survey(self) -> Iterator[tuple[bytes, bool, int]]:
        for block in self._lines():
            for date, clock, rest, name, text in zip(*block, strict=True):
                if name is not None:
                    yield name, text.startswith(_MARK), self._clock.minute(date, clock, rest)

    # --- what the file says of itself ------------------------------------------------------------------------------------

    @cached_property
    def _head(self) -> bytes:
        return head_of(self.box, self._name)

    @cached_property
    def _style(self) -> Style:
        return style_of(self._head)

    @cached_property
    def _clock(self) -> Clock:
        def pieces() -> Iterator[bytes]:
            try:
                yield from as_utf8(self.box, self._name)
            except BadExport:  # as in `_lines`
                return

        order = order_of(self._style, pieces(), self.choices.dates)
        return Clock(order, self.choices.zone, half=self._style.half)

    @cached_property
    def _about(self) -> tuple[str, int]:
        """(the group's name, when it was created)."""
        subject, created = "", 0
        lines = words.Lines()
        head = self._style.split.split(b"\r\n" + self._head[:_BEGIN])
        for date, clock, rest, name, text in zip(*(head[at::5] for at in range(1, 6)), strict=True):
            found = lines.read(_line(name, text)) if name is None or text.startswith(_MARK) or b'"' in name else None
            if found and found.action == "created" and self._clock.sound(date):
                subject, created = found.subject, self._clock.moment(self._clock.minute(date, clock, rest))
                break
        name = self.choices.group or _title(self.box, self._name) or self._newest_subject(lines) or subject
        return name or _COPY.sub("", self._name.rpartition("/")[2].rpartition(".")[0]), created

    def _newest_subject(self, lines: words.Lines) -> str:
        """The name that the group had last, as far as the chat says."""
        subject = ""
        for line in self._marked() if self._style.ios else self._bare():
            if (found := lines.read(line)) and found.action in {"created", "subject"}:
                subject = found.subject or subject
        return subject

    def _marked(self) -> Iterator[str]:
        """What stands behind a mark and has quotes in it, where an iPhone has the app speak."""
        rest = b""
        with suppress(BadExport):
            for piece in as_utf8(self.box, self._name):
                data = rest + piece
                rest = data[max(data.rfind(b"\n"), len(data) - 1024, 0) :]
                for found in _APP_LINES.findall(data):
                    if any(mark in found for mark in _QUOTES):
                        yield _line(None, found)

    def _bare(self) -> Iterator[str]:
        """Lines with a quote that have no author or only seem to. They are found by the quote: to cut the whole chat for them
        would take half as long as to read it.
        """
        rest = b"\r\n"
        with suppress(BadExport):
            for piece in chain(as_utf8(self.box, self._name), (b"\n",)):
                data = rest + piece
                end = data.rfind(b"\n") + 1
                for begin in sorted(_quoting(data, end)):
                    found = self._style.split.match(data, begin - self._style.crlf)
                    if found and (found[4] is None or b'"' in found[4]) and self._clock.sound(found[1]):
                        yield _line(found[4], data[found.end() : data.find(b"\n", found.end())])
                rest = data[end - 2 :][:BLOCK]

    def _cut_minute(self) -> int:
        """The first minute of a chat that does not begin with the app's own lines: it may have been cut in the midst of it."""
        found = self._style.split.search(b"\r\n" + self._head[:_BEGIN])
        if found is None or found[4] is None or (self._style.ios and found.string.startswith(_MARK, found.end())):
            return -1
        return self._clock.minute(found[1], found[2], found[3]) if self._clock.sound(found[1]) else -1


def _file(name: str) -> str:
    """How a chat names a file of its export."""
    return words.composed(name.rpartition("/")[2])


def _line(name: bytes | None, text: bytes) -> str:
    """A line of the app, as it is known."""
    whole = text if name is None or text.startswith(_MARK) else name + b": " + text
    return whole.partition(b"\n")[0].decode("utf-8", "replace").translate(DIRECTIONS).strip()


def _quoting(data: bytes, end: int) -> set[int]:
    """Where the lines begin (at the line's end before) that have a quote, or what may be one, and no ": " before it."""
    begins = set()
    for mark in _MAY_QUOTE:
        at = 1
        while (at := data.find(mark, at + 1, end)) >= 0:
            begin = data.rfind(b"\n", 0, at)
            if data.find(b": ", begin, at) < 0:
                begins.add(begin)
            at = data.find(b"\n", at, end)
    return begins


def _text_in(box: Box) -> str:
    """The chat's text among the files of an export. "" where there is none, and where there are several exports in a folder: in
    a zip, another is something that somebody has sent.
    """
    if isinstance(box, FolderBox) and any(name.lower().endswith(".zip") and "/" not in name for name in box.entries):
        return ""
    for depth in range(3):
        texts = sorted(one for one in box.entries if one.lower().endswith(".txt") and one.count("/") == depth)
        chats = [name for name in texts[:200] if _is_chat(box, name)]
        if chats:
            return chats[0] if len(chats) == 1 else ""
    return ""


def _is_chat(box: Box, name: str) -> bool:
    head = box.head(name, 8192)
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    return looks_like_chat(head)


def _title(box: Box, text: str) -> str:
    """The chat's name, where the name of the file or of the zip tells it."""
    for name in (text.rpartition("/")[2].removesuffix(".txt"), box.label.removesuffix(".zip").removesuffix(".txt")):
        if found := _TITLE.fullmatch(_COPY.sub("", name).translate(DIRECTIONS)):
            return (found["name"] or found["first"]).strip()
    return ""
