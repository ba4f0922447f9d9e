"""A reader of hostile HTML, as a stream of small events: no tree, no scripts run, nothing held that has no bound.

The parser of the standard library takes quadratic time on pages that are made for it, in versions that we support, and holds a
whole unclosed comment or script; this one passes each byte a fixed number of times.
"""

import codecs
import html
import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

Event: TypeAlias = tuple[Literal["start", "end", "text", "comment", "json"], str, str]
"""("start", tag, raw attributes), ("end", tag, ""), ("text", text, ""), ("comment", its beginning, ""), ("json", text, "")."""

MOST_JSON: Final = 16 * 1024 * 1024
"""Characters of one data script that are held; longer ones come as ("json", "", "")."""

VOID: Final = frozenset(
    {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "image",
    }
)
"""Elements that have no end."""

_MOST_TAG: Final = 256 * 1024
_MOST_TEXT: Final = 64 * 1024
_COMMENT: Final = 2048
_TAG: Final = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,40})((?:[^<>"']|"[^"]{0,200000}"|'[^']{0,200000}')*+)>""")
_ATTRIBUTE: Final = re.compile(r"""([^\s=/>"']{1,100})(?:\s{0,20}=\s{0,20}("[^"]*"|'[^']*'|[^\s>"']+))?""")
_RAW: Final = {"script": re.compile(r"</script", re.IGNORECASE), "style": re.compile(r"</style", re.IGNORECASE)}


def events(pieces: Iterable[bytes], charset: str = "utf-8") -> Iterator[Event]:
    """What a page holds, in order. Texts come unescaped and may come in several pieces. Wrong bytes become U+FFFD."""
    reader = _Reader()
    decoder = codecs.getincrementaldecoder(charset)("replace")
    for piece in pieces:
        for start in range(0, len(piece), _MOST_TEXT):
            yield from reader.feed(decoder.decode(piece[start : start + _MOST_TEXT]), last=False)
    yield from reader.feed(decoder.decode(b"", final=True), last=True)


def attributes(raw: str) -> dict[str, str]:
    """The attributes of a start tag."""
    found: dict[str, str] = {}
    for one in _ATTRIBUTE.finditer(raw):
        value = one[2] or ""
        found.setdefault(one[1].lower(), html.unescape(value.strip("\"'")))
        if len(found) >= 100:
            break
    return found


class _Reader:
    def __init__(self) -> None:
        self._buffer = ""
        self._until = ""  # what is passed over, up to here
        self._raw = ""  # inside this element, whose content is no markup
        self._held: list[str] | None = None  # a data script's text
        self._size = 0

    def feed(self, piece: str, *, last: bool) -> Iterator[Event]:
        text = self._buffer + piece
        at = 0
        while at < len(text):
            if self._until:
                end = text.find(self._until, at)
                if end < 0:
                    at = max(at, len(text) - len(self._until) + 1)
                    break
                at = end + len(self._until)
                self._until = ""
            elif self._raw:
                end_tag = _RAW[self._raw].search(text, at)
                stop = end_tag.start() if end_tag else max(at, len(text) - 9)
                self._hold(text[at:stop])
                at = stop
                if end_tag is None:
                    break
                yield from self._end_raw()
            else:
                opens = text.find("<", at)
                if opens != at:
                    stop = opens if opens >= 0 else len(text)
                    yield "text", html.unescape(text[at:stop]), ""
                    at = stop
                    continue
                found, length = self._markup(text, at, last=last)
                if not length:
                    break  # the rest of it is still to come
                at += length
                if found:
                    yield found
        self._buffer = text[at:]
        if last and self._held is not None:
            yield "json", "", ""

    def _markup(self, text: str, at: int, *, last: bool) -> tuple[Event | None, int]:
        """What begins with the "<" here, and its length; 0 where more is needed to tell."""
        waits = not last and len(text) - at
        if text.startswith("<!--", at):
            if waits and waits < _COMMENT and text.find("-->", at) < 0:
                return None, 0
            self._until = "-->"
            return ("comment", text[at + 4 : at + _COMMENT].partition("-->")[0], ""), 4
        if text.startswith(("<!", "<?"), at):
            self._until = ">"
            return None, 2
        tag = _TAG.match(text, at)
        if tag is None:
            begins = len(text) - at < 2 or text[at + 1] == "/" or text[at + 1].isalpha()
            return (None, 0) if waits and waits < _MOST_TAG and begins else (("text", "<", ""), 1)
        name = tag[2].lower()
        length = tag.end() - at
        if tag[1]:
            return ("end", name, ""), length
        if name in _RAW and not tag[3].endswith("/"):
            self._raw = name
            self._size = 0
            self._held = [] if name == "script" and "json" in tag[3] else None
        return ("start", name, tag[3]), length

    def _end_raw(self) -> Iterator[Event]:
        self._raw = ""
        if self._held is not None:
            yield "json", "".join(self._held), ""
            self._held = None

    def _hold(self, text: str) -> None:
        if self._held is not None:
            self._size += len(text)
            if self._size > MOST_JSON:
                self._held.clear()
            else:
                self._held.append(text)
