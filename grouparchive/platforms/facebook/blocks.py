"""The HTML variant of Meta's downloads, as the blocks that a person sees: a heading, what it says, a time.

Nothing in these pages names its parts: the class names are short codes that changed over the years, and most are there for
looks alone. The few that marked a whole block, its heading and its foot in every layout we know are used where they are there.
Where they are not, the order of what is seen is: a line that is nothing but a time ends a block.
"""

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from itertools import repeat
from typing import Final

import msgspec

from grouparchive.model.records import Known
from grouparchive.platforms.facebook.dates import local_time
from grouparchive.platforms.facebook.markup import VOID, attributes, events

_BLOCK: Final = frozenset({"_a6-g", "_2lej"})
_HEAD: Final = frozenset({"_a6-h", "_2lek"})
_FOOT: Final = frozenset({"_a6-o", "_2lem"})
_ASIDE: Final = frozenset({"_a6-q"})  # the list of reactions below a message
_LINE: Final = frozenset(
    {
        "div",
        "p",
        "br",
        "li",
        "ul",
        "ol",
        "tr",
        "td",
        "table",
        "section",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "main",
        "header",
        "a",
    }
)
_MOST_LINES: Final = 5_000
_MOST_TEXT: Final = 1_500_000
_DEPTH: Final = 2_000
_TIME: Final = 64  # characters


class Block(msgspec.Struct):
    """`time` is None where none was told. `lines` are the body's; `links` are (address, words); `files` lie in the download."""

    head: str = ""
    lines: list[str] = []
    aside: list[str] = []
    links: list[tuple[str, str]] = []
    files: list[str] = []
    time: int | None = None

    @property
    def text(self) -> str:
        """The body, line by line."""
        return "\n".join(self.lines)


class Page(msgspec.Struct):
    """A page that was read: its title, and whether anything about it had to be guessed or left out. `ended`: its end was there;
    `lost`: so many times stand outside of any block, so a block before each is damaged.
    """

    title: str = ""
    guessed: bool = False
    cut: bool = False
    ended: bool = False
    lost: int = 0

    def faults(self) -> Iterator[str]:
        """Gap codes of what is missing, once it was read."""
        if self.cut:
            yield Known.RECORD_TOO_LARGE
        if not self.ended:
            yield Known.FILE_DAMAGED
        yield from repeat(Known.MESSAGE_UNREADABLE, min(self.lost, _MOST_LINES))


def blocks(pieces: Iterable[bytes], zone: tzinfo, page: Page, *, marked: bool) -> Iterator[Block]:
    """The blocks of a page, in its order. `marked`: the page has the known class names (look at how it begins)."""
    page.guessed = not marked
    reader = _Blocks(zone, page, marked=marked)
    for kind, name, raw in events(pieces):
        if kind == "text":
            reader.words(name)
        elif kind == "start":
            yield from reader.start(name, raw)
        elif kind == "end":
            yield from reader.end(name)
    yield from reader.finish()


def is_marked(head: bytes) -> bool:
    """Has a page the class names that mark a block? They stand in its style sheet at the top, and in the blocks."""
    return any(name.encode() in head for name in _BLOCK)


class _Blocks:
    def __init__(self, zone: tzinfo, page: Page, *, marked: bool) -> None:
        self._zone = zone
        self._page = page
        self._marked = marked
        self._stack: list[tuple[str, str]] = []  # (tag, part)
        self._block: Block | None = None if marked else Block()
        self._line: list[str] = []
        self._part = ""
        self._size = 0
        self._link = ""

    def words(self, text: str) -> None:
        if self._part == "title":
            self._page.title += text[:1000]
        elif self._block is not None and self._size < _MOST_TEXT:
            self._size += len(text)
            self._line.append(text)
        elif self._block is not None:
            self._page.cut = True
        elif self._marked and len(text) <= _TIME and len(self._line) < _TIME:
            self._line.append(text)

    def start(self, tag: str, raw: str) -> Iterator[Block]:
        if tag in _LINE:
            yield from self._break()
        part = self._part
        if tag == "title" or (tag == "h1" and not self._page.title):
            part = "title"
        elif raw:
            named = attributes(raw)
            classes = frozenset(named.get("class", "").split())
            if self._marked and classes & _BLOCK and self._block is not None and self._block.time is not None:
                self._part = ""  # the next block begins where the end of this one is damaged
                yield from self._close()
            part = self._enter(classes)
            if self._block is not None:
                self._take(self._block, tag, named)
        if tag in VOID:
            return
        if len(self._stack) >= _DEPTH:
            self._page.cut = True
            return
        self._stack.append((tag, self._part))
        self._part = part

    def _enter(self, classes: frozenset[str]) -> str:
        """The part of a block, or of the page, in which an element with these classes stands."""
        if self._block is None:
            if not classes & _BLOCK:
                return self._part
            self._block, self._size = Block(), 0
            return "block"
        if self._part != "foot":
            if classes & _HEAD and not self._block.head:
                return "head"
            if self._marked and classes & _FOOT:
                return "foot"
            if classes & _ASIDE:
                return "aside"
        return self._part

    def end(self, tag: str) -> Iterator[Block]:
        if tag in _LINE:
            yield from self._break()
        self._page.ended = self._page.ended or tag == "html"
        for depth in range(len(self._stack) - 1, max(-1, len(self._stack) - 50), -1):
            if self._stack[depth][0] == tag:
                break
        else:
            return
        while len(self._stack) > depth:
            before = self._part
            self._part = self._stack.pop()[1]
            if before == "block" and self._part != "block":
                yield from self._close()

    def finish(self) -> Iterator[Block]:
        yield from self._break()
        if self._marked:
            yield from self._close()

    def _take(self, block: Block, tag: str, named: dict[str, str]) -> None:
        if len(block.files) + len(block.links) > _MOST_LINES:
            self._page.cut = True
            return
        if tag == "a":
            self._link = named.get("href", "")
        address = named.get("src", "") or (self._link if tag == "a" else "")
        if not address:
            return
        if address.startswith(("http://", "https://")):
            if tag == "a":
                block.links.append((address, ""))
        elif ":" not in address.split("/")[0] and not address.startswith("#") and address not in block.files:
            block.files.append(address.removeprefix("./"))

    def _break(self) -> Iterator[Block]:
        """A line ends."""
        if not self._line:
            return
        line = "".join(self._line).strip()
        self._line.clear()
        block = self._block
        if block is None or not line:
            self._page.lost += bool(line) and local_time(line, self._zone) is not None
            return
        if len(block.lines) > _MOST_LINES:
            self._page.cut = True
        elif self._part == "head":
            block.head = f"{block.head} {line}" if block.head else line
        elif self._part == "aside":
            block.aside.append(line)
        elif self._part == "foot":
            time = local_time(line, self._zone)
            block.time = time if time is not None else block.time
        elif not self._marked and (time := local_time(line, self._zone)) is not None:
            block.time = time
            yield from self._close()
        elif not self._marked and not block.head and not block.lines:
            block.head = line
        else:
            block.lines.append(line)

    def _close(self) -> Iterator[Block]:
        block, self._block = self._block, None if self._marked else Block()
        self._size = 0
        if block and (block.head or block.lines or block.files):
            if block.time is None and block.lines:  # some layouts put the time into the body
                block.time = local_time(block.lines[-1], self._zone)
                if block.time is not None:
                    block.lines.pop()
            yield block
