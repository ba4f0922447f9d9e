"""What people read of a mail: bytes of its text parts as text, flowed lines joined, HTML as harmless HTML and as plain text.

Nothing is flattened or normalised that people wrote: only line ends, NULs and what may run or load something go.
"""

import binascii
import html as entities
import re
from typing import Final

from grouparchive.platforms.mail.headers import from_base64, text_of
from grouparchive.platforms.mail.mime import Leaf

MOST_BYTES: Final = 4 << 20
"""Bytes of a text part that are looked at."""

_UNQUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_KEPT: dict[str, str] = {
    **dict.fromkeys(
        ("b", "i", "u", "s", "em", "strong", "del", "sup", "sub", "code", "pre", "blockquote", "ul", "ol", "li", "p", "h1",
         "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "td", "th", "div"), ""),
    "strike": "s", "center": "div", "tt": "code", "a": "a",
}  # fmt: skip
_DROPPED = frozenset(
    {"script", "style", "head", "title", "template", "iframe", "object", "svg", "noscript", "textarea", "xml"}
)
_BLOCKS = frozenset({"p", "div", "blockquote", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "tr", "pre",
                     "center", "hr"})  # fmt: skip
_TAG = re.compile(r"(/?)([A-Za-z][A-Za-z0-9]*)(?=[\s/>:]|$)")
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s\"'<>]{1,2000}", re.IGNORECASE)
_ADDRESSED = re.compile(r"[\w.%+-](?:@|%40)[\w-]+\.", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n\f]+")
_MOST_NESTED: Final = 50
_MOST_TAGS: Final = 200_000


def decoded(data: bytes, leaf: Leaf, *, quoted_from: bool) -> str:
    """A text part's bytes as text; lines end in a newline."""
    if quoted_from and b">From " in data:
        data = _UNQUOTED.sub(rb"\1", data)
    if leaf.coding == "quoted-printable":
        data = binascii.a2b_qp(data)
    elif leaf.coding == "base64":
        data = from_base64(data)
    text = text_of(data, leaf.charset)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _unflowed(text, joined=leaf.joined) if leaf.flowed and " \n" in text else text


def _unflowed(text: str, *, joined: bool) -> str:
    """RFC 3676: lines that end in a space go on in the next one of the same quotation."""
    out: list[str] = []  # pieces: a paragraph may have very many lines
    open_depth = -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        rest = line[depth:]
        rest = rest.removeprefix(" ")
        flows = rest.endswith(" ") and rest != "-- "
        said = rest[:-1] if flows and joined else rest
        if open_depth == depth and rest != "-- ":
            out.append(said)
        else:
            out += ("\n" + ">" * depth + (" " if depth and rest else ""), said)
        open_depth = depth if flows else -1
    return "".join(out)[1:]


class Page:
    """An HTML text: `plain` is how it reads; `markup` gives it again, harmless, with places of `plain` replaced."""

    def __init__(self, source: str) -> None:
        self._pieces: list[tuple[str, int, int]] = []  # (tag, 0, 0) or ("", from, to) in `plain`
        self._said: list[str] = []
        self._length = 0
        self._open: list[str] = []
        self._pre = 0
        self.cut = False
        self._read(source)
        while self._open:
            self._pieces.append((f"</{self._open.pop()}>", 0, 0))
        self.plain = "".join(self._said)

    def markup(self, spans: list[tuple[int, int, str]]) -> str:
        """The HTML; `spans` as `People.spans` gives them for `plain`."""
        out: list[str] = []
        waiting = iter(spans)
        span = next(waiting, None)
        for tag, start, end in self._pieces:
            if tag:
                out.append(tag)
                continue
            at = start
            while at < end:
                while span and span[1] <= at:
                    span = next(waiting, None)
                if span is None or span[0] >= end:
                    out.append(_escaped(self.plain[at:end]))
                    break
                if span[0] >= at:
                    out += (_escaped(self.plain[at : span[0]]), span[2])
                at = min(span[1], end)
        return "".join(out).strip()

    def _read(self, source: str) -> None:  # noqa: C901 - one branch for each kind of tag
        chunks = source.split("<", _MOST_TAGS)
        self.cut = len(chunks) > _MOST_TAGS
        self._text(chunks[0])
        dropping = ""
        for chunk in chunks[1 : _MOST_TAGS + 1]:
            if dropping == "--":
                _, ended, rest = chunk.partition("-->")
                if ended:
                    dropping = ""
                    self._text(rest)
                continue
            if not dropping and chunk.startswith("br>"):
                self._say("\n")
                self._pieces.append(("<br>", 0, 0))
                self._text(chunk[3:])
                continue
            tag = _TAG.match(chunk)
            name = tag[2].lower() if tag else ""
            if dropping:
                if tag and tag[1] and name == dropping:
                    dropping = ""
                    self._text(chunk.partition(">")[2])
                continue
            if chunk.startswith("!--"):
                _, ended, rest = chunk.partition("-->")
                dropping = "" if ended else "--"
                self._text(rest)
            elif tag:
                inside, _, rest = chunk.partition(">")
                if name in _DROPPED and not tag[1] and not inside.endswith("/"):
                    dropping = name
                    continue
                self._tag(name, inside, closing=bool(tag[1]))
                self._text(rest)
            elif chunk.startswith(("!", "?", "/")):
                self._text(chunk.partition(">")[2])
            else:
                self._text("&lt;" + chunk)

    def _tag(self, name: str, inside: str, *, closing: bool) -> None:  # noqa: C901 - as above
        if name == "br":
            self._say("\n")
            self._pieces.append(("<br>", 0, 0))
            return
        if name in _BLOCKS and (self._said and not self._said[-1].endswith("\n")):
            self._say("\n")
        elif name in {"td", "th"} and not closing and self._said and not self._said[-1].endswith(("\n", " ")):
            self._say(" ")
        if name == "hr":
            self._pieces.append(("<hr>", 0, 0))
        if name not in _KEPT:
            return
        kept = _KEPT[name] or name
        if closing:
            if kept in self._open:
                while True:
                    last = self._open.pop()
                    self._pieces.append((f"</{last}>", 0, 0))
                    self._pre -= last == "pre"
                    if last == kept:
                        break
            return
        if len(self._open) >= _MOST_NESTED:
            return
        shown = kept
        if kept == "a":
            found = _HREF.search(inside)
            link = entities.unescape((found[1] or found[2] or found[3] or "") if found else "").strip()
            if not _LINK.fullmatch(link) or _ADDRESSED.search(link):
                return
            shown = f'a href="{entities.escape(link)}"'
        self._open.append(kept)
        self._pre += kept == "pre"
        self._pieces.append((f"<{shown}>", 0, 0))

    def _text(self, coded: str) -> None:
        if not coded:
            return
        text = entities.unescape(coded) if "&" in coded else coded
        if not self._pre:
            if "  " in text or not text.isprintable():
                text = _SPACES.sub(" ", text)
            if text[0] == " " and (not self._said or self._said[-1].endswith(("\n", " "))):
                text = text[1:]
        if text:
            self._pieces.append(("", self._length, self._length + len(text)))
            self._say(text)

    def _say(self, text: str) -> None:
        self._said.append(text)
        self._length += len(text)


def _escaped(text: str) -> str:
    return entities.escape(text, quote=False)
