"""Makes formatted text harmless before it is sent: an allow-list of tags and attributes. Pure text work.

The list is the one that the Matrix specification gives to clients, less pictures (they point to files of the lost server) and
links to people (they would name and notify somebody).
"""

import html
import re
from html.parser import HTMLParser

MAX_DEPTH = 50
"""Nesting beyond this is flattened; the specification lets clients stop at 100."""

_VOID = frozenset({"br", "hr"})
_ATTRIBUTES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "del", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "p", "ul", "sup", "sub", "li", "b", "i", "u",
            "strong", "em", "s", "br", "hr", "table", "thead", "tbody", "tr", "th", "td", "caption", "pre", "div",
            "details", "summary",
        ),
        frozenset(),
    ),
    "a": frozenset({"href"}),
    "ol": frozenset({"start"}),
    "code": frozenset({"class"}),
    "span": frozenset({"data-mx-color", "data-mx-bg-color", "data-mx-spoiler"}),
}  # fmt: skip
# Their content is no text: it goes with them. A quoted reply is shown by the client itself.
_DROPPED = frozenset({"script", "style", "mx-reply", "template", "iframe", "object", "title", "textarea", "noscript"})
_VALUES: dict[str, re.Pattern[str]] = {
    "href": re.compile(r"(?:https?://|ftp://|mailto:|magnet:)[^\s\"'<>]{1,2000}", re.IGNORECASE),
    "start": re.compile(r"-?[0-9]{1,9}"),
    "class": re.compile(r"language-[A-Za-z0-9_+#.-]{1,50}"),
    "data-mx-color": re.compile(r"#[0-9A-Fa-f]{6}"),
    "data-mx-bg-color": re.compile(r"#[0-9A-Fa-f]{6}"),
    "data-mx-spoiler": re.compile(r"[^\"<>]{0,200}"),
}
# Comments and tags that never end make the parser look for their end again and again: minutes for one post.
_DECLARATION = re.compile(r"<[!?][^<>]*>")
_LONELY = re.compile(r"<(?![^<>]*>)")
_PERSON = re.compile(r"https?://matrix\.to/#/(?:user/|@|%40)|matrix:u", re.IGNORECASE)


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._open: list[str] = []
        self._dropping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropping:
            if tag == self._dropping[-1]:
                self._dropping.append(tag)
            return
        if tag in _DROPPED:
            self._dropping.append(tag)
        elif tag == "img":
            self._out.append(
                html.escape(next((value or "" for name, value in attrs if name == "alt"), ""), quote=False)
            )
        elif tag in _VOID:
            self._out.append(f"<{tag}>")
        elif tag in _ATTRIBUTES and len(self._open) < MAX_DEPTH:
            self._open.append(tag)
            self._out.append(f"<{tag}{_kept(tag, attrs)}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _DROPPED:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._dropping:
            if tag == self._dropping[-1]:
                self._dropping.pop()
        elif tag in self._open:
            while True:
                closed = self._open.pop()
                self._out.append(f"</{closed}>")
                if closed == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self._out.append(html.escape(data, quote=False))

    def result(self) -> str:
        self.close()
        return "".join(self._out) + "".join(f"</{tag}>" for tag in reversed(self._open))


def _kept(tag: str, attrs: list[tuple[str, str | None]]) -> str:
    kept = ""
    for name, value in attrs:
        given = value or ""
        if name not in _ATTRIBUTES[tag] or not _VALUES[name].fullmatch(given):
            continue
        if name == "href" and _PERSON.match(given):
            continue
        kept += f' {name}="{html.escape(given)}"'
    return kept


def sanitise(text: str) -> str:
    """Formatted text with nothing in it but what clients show; always well nested."""
    if "<" not in text and "&" not in text:
        return text
    cleaner = _Cleaner()
    cleaner.feed(_LONELY.sub("&lt;", _DECLARATION.sub("", text)))
    return cleaner.result()
