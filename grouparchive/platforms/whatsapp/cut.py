"""Cuts the text of an exported chat into its messages, block by block, with bounded memory. Knows where a message begins; what
it says is read elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from grouparchive.model.records import Known
from grouparchive.platforms.whatsapp.clock import Clock
from grouparchive.platforms.whatsapp.style import BLOCK, Style

LONGEST: Final = 4 * 1024 * 1024  # bytes of one message; of a longer one only the begin is kept
_TRIES: Final = 200


class Block(NamedTuple):
    """Messages in their order: dates, clocks, the rest of their times, authors (None: the app itself), texts."""

    dates: list[bytes]
    clocks: list[bytes]
    rests: list[bytes]
    authors: list[bytes | None]
    texts: list[bytes]


class Cutter:
    """Gives `Block` after `Block`, on days that there are.

    Args:
        style: how lines begin.
        clock: tells which dates there are: a line with another is part of the text above it.
        known: the authors met so far.
        pasted: says which messages of a block were pasted into the one above, given that some of its authors are not known.
        gap: told of what is left out.
    """

    def __init__(
        self, style: Style, clock: Clock, *, known: Mapping[bytes | None, object],
        pasted: Callable[[Block, set[bytes | None]], Iterable[int]], gap: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._style = style
        self._clock = clock
        self._known = known
        self._pasted = pasted
        self._gap = gap
        self._waiting = b"\r\n"
        self._skipping = False
        self._seen = 0  # of what waits for more, so much was searched without finding a begin

    def blocks(self, pieces: Iterable[bytes]) -> Iterator[Block]:
        """Cut a text. Whoever gives the pieces may raise: what came before is out by then, but for what `rest` gives."""
        for piece in pieces:
            data = self._waiting + piece
            if self._skipping:
                found = self._style.split.search(data)
                if found is None:
                    self._waiting = data[-512:]
                    continue
                data, self._skipping, self._seen = data[found.start() :], False, 0
            at = self._last_begin(data)
            if at > 0:
                self._waiting, self._seen = data[at:], 0
                block = self._split(data[:at])
                if block.texts:
                    yield block
            elif len(data) > LONGEST + BLOCK:
                self._gap(Known.TEXT_CUT, "a message is far longer than one can be")
                yield self._split(data[:LONGEST])
                self._waiting, self._skipping, self._seen = data[-512:], True, 0
            else:
                self._waiting, self._seen = data, max(len(data) - 512, 0)

    def rest(self) -> Iterator[Block]:
        """The last messages."""
        end, self._waiting = self._waiting.removesuffix(b"\n").removesuffix(b"\r"), b""
        if end and not self._skipping and (block := self._split(end)).texts:
            yield block

    def _last_begin(self, data: bytes) -> int:
        """Where the last message begins; 0 where there is none to cut at."""
        newline = b"\r\n" if self._style.crlf else b"\n"
        at, fallback = len(data), 0
        for _ in range(_TRIES):
            at = data.rfind(newline, self._seen, at)
            if at <= 1:
                return fallback
            found = self._style.split.match(data, at)
            if found and self._clock.sound(found[1]):
                if found[4] in self._known:
                    return at
                fallback = fallback or at
        if fallback:
            return fallback
        begins = self._style.split.finditer(data, max(self._seen, 2), at)  # a long text of many lines
        return max((found.start() for found in begins if self._clock.sound(found[1])), default=0)

    def _split(self, data: bytes) -> Block:
        parts: list[Any] = self._style.split.split(data)
        if parts[0].strip(b"\r\n\xef\xbb\xbf \t"):
            self._gap(Known.MESSAGE_UNREADABLE, "lines before the first message")
        block = Block(parts[1::5], parts[2::5], parts[3::5], parts[4::5], parts[5::5])
        if data.count(b"\r") > len(block.texts) if self._style.crlf else b"\r" in data:
            block = block._replace(texts=[text.replace(b"\r\n", b"\n").removesuffix(b"\r") for text in block.texts])
        unsound = {date for date in set(block.dates) if not self._clock.sound(date)}
        if unsound:
            places = [at for at, date in enumerate(block.dates) if date in unsound]
            for _ in places:
                self._gap(Known.MESSAGE_UNREADABLE, "a line with an impossible date")
            block = self._joined(block, places)
        authors = set(block.authors)
        if not authors <= self._known.keys():
            block = self._joined(block, list(self._pasted(block, authors)))
        return block

    def _joined(self, block: Block, places: Sequence[int]) -> Block:
        """The messages at these places become text of those above them."""
        if not places:
            return block
        gone = set(places)
        kept = [at for at in range(len(block.texts)) if at not in gone]
        out = Block(*([column[at] for at in kept] for column in block))  # type: ignore[arg-type]
        above = {at: number for number, at in enumerate(kept)}
        into = -1
        for at, (date, clock, rest, author, text) in enumerate(zip(*block, strict=True)):
            into = above.get(at, into)
            if at in gone and into >= 0:
                out.texts[into] += b"\n" + self._style.rebuilt(date, clock, rest, author) + text
            elif at in gone:
                self._gap(Known.MESSAGE_UNREADABLE, "a line before the first message")
        return out
