"""Messages of an exported chat as records. The plain ones, nearly all, go through one short loop; `special` does the others."""

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Final, NamedTuple
from zlib import adler32, crc32

import msgspec

from grouparchive.model.ports import Page
from grouparchive.model.records import AnyRecord, Known, MemberId, Message, Ref
from grouparchive.platforms.files.texts import LONG, MOST, fitted
from grouparchive.platforms.whatsapp import words
from grouparchive.platforms.whatsapp.clock import Clock
from grouparchive.platforms.whatsapp.cut import Block
from grouparchive.platforms.whatsapp.people import People, plain
from grouparchive.platforms.whatsapp.special import SHORT, At, Special, digest
from grouparchive.platforms.whatsapp.style import Style

_MOST_AUTHORS: Final = 50_000
_SENTENCE: Final = 3  # spaces: a line of the app with a colon in it has as many before it
_PASTED: Final = 1440  # minutes back from the message before
_ENOUGH: Final = 20  # lines in a row that are back: then time itself went back
_MARK: Final = "\u200e".encode()
_QUOTES: Final = re.compile('["“”„«»]')


class _Anything:
    def __contains__(self, _: object) -> bool:
        return True


_ANYTHING: Final = _Anything()


class Odd(NamedTuple):
    """A line that is not certain to be a plain post."""

    name: bytes | None
    text: str
    raw: bytes
    minute: int
    time: int


class Reader:
    """Reads blocks.

    Args:
        group: the ref of the group and its channel.
        people, clock, style: of the chat.
        special: reads what is no plain text.
        survey: all lines of the chat that seem to have an author, as (author, does the app speak, minute), for the rare
            questions that need them.
        gap: told of what is left out.
    """

    def __init__(
        self, *, group: Ref, people: People, clock: Clock, style: Style, special: Special,
        survey: Callable[[], Iterable[tuple[bytes, bool, int]]], gap: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._group = group
        self._people = people
        self._clock = clock
        self._style = style
        self._special = special
        self._survey = survey
        self._gap = gap
        self._counts: Counter[bytes] | None = None
        self._in_time: set[bytes] = set()
        self._all_met = False
        self._latest = 0
        # The authors met, by the bytes before the colon; None for the app and for what only looks like an author.
        self.authors: dict[bytes | None, MemberId | None] = {None: None}
        self._waiting: set[bytes] = set()  # names in which so far only the app spoke
        self.last: dict[MemberId, int] = {}
        self.count = 0

    def page(self, block: Block) -> Page:  # noqa: C901, PLR0915 - a million times through: a call would cost more than the rest
        """The records of a block."""
        records: list[AnyRecord] = []
        put = records.append
        group, authors, last, numbers = self._group, self.authors, self.last, self._special.numbers
        days, clocks, rests, moment = self._clock.days, self._clock.times, self._clock.rests, self._clock.moment
        numbers.tidy()
        near, before, settled = numbers.near, numbers.before, numbers.latest
        seconds, half = self._clock.seconds, self._style.half
        deleted: Container[str] = words.DELETED
        short, begin_by, by_admin = words.DELETED_LENGTH, words.BY_ADMIN_BEGIN, words.BY_ADMIN_BEGINS
        if sum(map(len, block.texts)) > LONG:
            deleted, short = _ANYTHING, MOST * 100
        today = now = b""
        first = minute = base = begin = bad = 0
        off: int | None = 0
        for date, clock, rest, name, raw in zip(*block, strict=True):
            if date != today:
                today, now = date, b""
                first, off = days[date]  # type: ignore[misc]
            if clock != now:
                now = clock
                minute = first + clocks[clock]
                begin = moment(minute) if off is None else minute * 60_000 - off
                base = minute << 32
            time = begin
            if rest:
                time += seconds[rest]
                if half:
                    later = rests[rest][0]
                    time += later * 60_000
                    base = (minute + later) << 32
            author = authors[name]
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                text = raw.decode("utf-8", "replace")
                bad += 1
            if (
                author is None
                or "@" in text
                or ")" in text
                or "<" in text
                or "\u200e" in text
                or "?q=" in text
                or (len(text) <= short and text in deleted)
                or text[:begin_by] in by_admin
            ):
                put(self._odd(Odd(name, text, raw, base >> 32, time), author))
                continue
            key = base | (crc32(raw) if len(raw) < SHORT else adler32(raw))
            if key in near or key in before or minute <= settled:
                ref = numbers.again(key)
            else:
                near[key] = 1
                ref = hex(key)
            last[author] = time
            put(Message(channel=group, ref=ref, time=time, author=author, text=text))
        if bad:
            self._gap(Known.MESSAGE_UNREADABLE, "letters that are no text")
        self.count += len(records)
        self._latest = minute or self._latest
        return Page(records=records, media=self._special.taken())

    def _odd(self, line: Odd, author: MemberId | None) -> Message:
        message = self._special_one(line._replace(text=line.text[:MOST]), author)
        text, _, lost = fitted(message.text)  # people as ids are longer than their names
        if lost or len(line.text) > MOST:
            self._gap(Known.TEXT_CUT, "the end of a message was cut off")
            message = msgspec.structs.replace(message, text=text)
        return message

    def _special_one(self, line: Odd, author: MemberId | None) -> Message:
        name, text, raw, minute, time = line
        if author is None and name is None and (author := self.authors.get(raw.partition(b":")[0])):
            raw, text = raw.partition(b":")[2], text.partition(":")[2]  # somebody's line without the space
        elif author is None and name is not None and name in self._waiting and not self._by_app(text):
            author = self._met(name)
        if author is None or (text[:1] == "\u200e" and self._special.is_service(text)):
            if author is None and name is not None and name not in self._waiting:
                text = f"{name.decode('utf-8', 'replace')}: {text}"
            if not self._special.known(text):
                self._meet_all()
            self._special.gone.clear()
            message = self._special.service(minute, time, text)
            for member in self._special.gone:
                self.last.pop(member, None)
            return message
        self.last[author] = time
        return self._special.post(At(minute, time, author), text, digest(raw))

    def _by_app(self, text: str) -> bool:
        return text[:1] == "\u200e" and not self._special.is_post(text)

    # --- authors -------------------------------------------------------------------------------------------------------

    def pasted(self, block: Block, authors: set[bytes | None]) -> Iterator[int]:
        """Meet the authors of a block. Gives the places of lines that were pasted into the message above them: by somebody who
        never wrote anything at its time, more than a day back.
        """
        fresh = {name for name in authors - self.authors.keys() if name is not None}
        asked = fresh | (self._waiting & authors)
        for at, name in enumerate(block.authors):
            if name is None or name not in asked:
                continue
            pasted = name not in self.authors and not self._style.ios and self._is_back(block, at)
            if pasted and self._never_in_time(name):
                yield at
            else:
                self._meet(name, block.texts[at])
        for name in fresh - self.authors.keys():
            self.authors[name] = None  # all its lines were pasted

    def _is_back(self, block: Block, at: int) -> bool:
        """Is a line a day and more before the one above it?"""

        def minute(place: int) -> int:
            return self._clock.minute(block.dates[place], block.clocks[place], block.rests[place])

        return minute(at) < (minute(at - 1) if at else self._latest) - _PASTED

    def _meet(self, name: bytes, text: bytes) -> None:
        if self.authors.get(name) is not None or (name in self.authors and name not in self._waiting):
            return
        if self._style.ios and text.startswith(_MARK):  # the app speaks in the group's name, or in somebody's
            self.authors[name] = None
            self._waiting.add(name)
        elif self._is_author(name, text):
            self._met(name)
        else:
            self._waiting.discard(name)
            self.authors[name] = None

    def _met(self, name: bytes) -> MemberId:
        shown = name.decode("utf-8", "replace")
        self._waiting.discard(name)
        found = self.authors[name] = self._people.id(shown)
        return found

    def _is_author(self, name: bytes, text: bytes) -> bool:
        """Is it somebody's name, and not the begin of a line of the app with a colon in it?"""
        shown = name.decode("utf-8", "replace")
        if not plain(shown) or len(self.authors) > _MOST_AUTHORS:
            return False
        doubtful = self._doubtful(shown)
        first = text.partition(b"\n")[0].decode("utf-8", "replace")
        if (doubtful or shown.count(" ") >= _SENTENCE) and self._special.known(f"{shown}: {first}"):
            return False
        # The app says such a thing once; whoever is called so writes more often.
        return not doubtful or self._counted()[name] > 1

    def _doubtful(self, shown: str) -> bool:
        """Does it look like the begin of a sentence about somebody?"""
        if len(_QUOTES.findall(shown)) % 2 or len(shown) > 80:
            return True
        begins = [one for one in self._people.beginning(shown) if shown.startswith(f"{one} ")]
        return any(shown[len(one) + 1].islower() and shown.count(" ", len(one)) >= _SENTENCE for one in begins)

    # --- questions about the whole chat ----------------------------------------------------------------------------------

    def _counted(self) -> Counter[bytes]:
        """How often each author writes, all over the chat."""
        if self._counts is None:
            self._counts = Counter()
            latest = back = 0
            for name, app, minute in self._survey():
                if len(self._counts) < 4 * _MOST_AUTHORS or name in self._counts:
                    self._counts[name] += not app
                back = back + 1 if minute < latest - _PASTED else 0
                if not back or back > _ENOUGH:
                    self._in_time.add(name)
                    latest = minute
        return self._counts

    def _never_in_time(self, name: bytes) -> bool:
        self._counted()
        return name not in self._in_time

    def _meet_all(self) -> None:
        """Before a line of an unknown language goes in: the names of all who write anywhere in the chat must be known."""
        if self._all_met:
            return
        self._all_met = True
        for name, count in self._counted().items():
            shown = name.decode("utf-8", "replace")
            if count and name not in self.authors and plain(shown) and (count > 1 or not self._doubtful(shown)):
                self._people.id(shown)
