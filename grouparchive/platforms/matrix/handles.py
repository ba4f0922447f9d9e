"""Takes people out of what they wrote: full handles, pills and mention labels become `{member:ID}`. Pure text work.

What people call each other in their own words stays; nobody can find that. A handle glued to a word (`git@host:path`) is left
alone unless somebody known bears it.
"""

import html as html_entities
import re
from collections.abc import Iterator
from urllib.parse import unquote

from grouparchive.model.ports import Identify
from grouparchive.model.records import MemberId

MAX_HANDLE = 255
MAX_MENTIONS = 1000

_LOCAL = r"[^\s:@<>\"'&()\[\]{}|\\]{1,255}?"
_SERVER = r"(?:\[[0-9A-Fa-f:.]{2,45}\]|\w(?:[\w.-]{0,253}\w)?)(?::[0-9]{1,5}(?![0-9]))?"
_USER = rf"(?:@|%40)({_LOCAL})(?::|%3[Aa])({_SERVER})"
_QUERY = r"(?:\?[^\s\"'<>)]{0,1000})?"
_LINK = rf"(?:https?://matrix\.to/\#/(?:user/)?{_USER}|matrix:(?:u|user)/({_LOCAL}):({_SERVER})){_QUERY}"
_ANYWHERE = re.compile(rf"{_LINK}|{_USER}")
_PILL = re.compile(
    rf"<a\b[^<>]{{0,500}}?\bhref\s*=\s*[\"']?{_LINK}[^<>]{{0,500}}>(.{{0,2000}}?)</a\s*>", re.IGNORECASE | re.DOTALL
)
_REPLY_END = re.compile(r"</mx-reply\s{0,20}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_HIDDEN = re.compile(r"&(?:#0*64|#[xX]0*40|commat);|&(#0*58|#[xX]0*3[aA]|colon);")
_PLAIN = re.compile(rf"@{_LOCAL}:{_SERVER}")
_HINTS = ("@", "%40", "matrix:u")


class Handles:
    """The people of one run, by handle. `forget()` before each page: the page's caller must hear of everyone in it."""

    def __init__(self, identify: Identify) -> None:
        self._identify = identify
        self._known: dict[str, tuple[str, str]] = {}  # handle -> (display name, avatar)
        self._odd: set[str] = set()  # known handles that the pattern would miss
        self._ids: dict[str, MemberId] = {}

    def forget(self) -> None:
        """Identify everyone anew from here on."""
        self._ids.clear()

    def learn(self, handle: str, name: str, avatar: str) -> MemberId:
        """Somebody's handle with what the roster says about them.

        Raises:
            ValueError: it is no handle.
        """
        check_handle(handle)
        self._known[handle] = (name, avatar)
        if not _PLAIN.fullmatch(handle):
            self._odd.add(handle)
        self._ids.pop(handle, None)
        return self.id(handle)

    def id(self, handle: str) -> MemberId:
        """The member id of a handle.

        Raises:
            ValueError: it is no handle.
        """
        found = self._ids.get(handle)
        if found is None:
            check_handle(handle)
            name, avatar = self._known.get(handle, ("", ""))
            found = self._ids[handle] = self._identify(handle, name, avatar)
        return found

    def clean(self, text: str) -> str:
        """A text with every handle replaced."""
        if not any(hint in text for hint in _HINTS):
            return text
        for handle in self._odd:
            if handle in text:
                text = text.replace(handle, self._token(handle))
        return _ANYWHERE.sub(self._swap, text)

    def body(self, text: str, html: str, mentioned: list[str]) -> tuple[str, str, tuple[MemberId, ...]]:
        """A message's two texts with people replaced, and who is mentioned: by pill, or by the sender's own list."""
        ids: dict[MemberId, None] = {}
        named: list[tuple[str, str]] = []  # (label as shown, token), in order
        piled: set[str] = set()

        def pill(found: re.Match[str]) -> str:
            handle = self._spelled(_handle(found))
            token = self._token(handle)
            label = html_entities.unescape(_TAG.sub("", found[found.re.groups])).strip()
            named.append((label, token))
            piled.add(handle)
            ids[self.id(handle)] = None
            return token

        if html:
            html = _strip_quote(html)
            html = _HIDDEN.sub(lambda found: ":" if found[1] else "@", html)
            html = self.clean(_PILL.sub(pill, html))
        for handle in mentioned:
            ids[self.id(handle)] = None
            if handle not in piled and handle in self._known:
                named.append((self._known[handle][0], self._token(handle)))
        for label, token in named:
            text = _swap_label(text, label, token)
        return self.clean(text), html, tuple(ids)[:MAX_MENTIONS]

    def _token(self, handle: str) -> str:
        return f"{{member:{self.id(handle)}}}"

    def _spelled(self, handle: str) -> str:
        """A handle as the roster spells it: people write capitals as they like."""
        return handle.lower() if handle not in self._known and handle.lower() in self._known else handle

    def _swap(self, found: re.Match[str]) -> str:
        handle = self._spelled(_handle(found))
        before = found.string[found.start() - 1 : found.start()]
        glued = found[0][0] == "@" and (before.isalnum() or before in {".", "_", "+", "-"}) and before != ""
        rest = ""
        if (
            handle not in self._known
        ):  # "@ada:example.org.png": somebody known, and a bit of text that looks like more server
            rest = next((handle[len(short) :] for short in _shorter(handle) if short in self._known), "")
            handle = handle[: len(handle) - len(rest)]
        if len(handle) > MAX_HANDLE or (glued and handle not in self._known):
            return found[0]
        return self._token(handle) + rest


def check_handle(handle: str) -> None:
    """Is this a full Matrix handle, by the loosest rules of old servers?

    Raises:
        ValueError: no.
    """
    if not handle.startswith("@") or ":" not in handle or len(handle) > MAX_HANDLE:
        raise ValueError("not a handle")


def strip_reply(text: str) -> str:
    """A reply's text without the quoted lines that older clients put first."""
    if not text.startswith(("> <@", "> * <@")):
        return text
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if not line.startswith(">")), len(lines))
    if start < len(lines) and not lines[start]:
        start += 1
    return "\n".join(lines[start:])


def _strip_quote(html: str) -> str:
    """The same for formatted text: it begins with one <mx-reply> element."""
    if html.lstrip()[:9].lower() != "<mx-reply":
        return html
    end = _REPLY_END.search(html)
    return html[end.end() :] if end else html


def _shorter(handle: str) -> Iterator[str]:
    """The handle without the last one, two ... parts of its server's name."""
    least = handle.index(":")
    cut = len(handle)
    for _ in range(8):
        cut = handle.rfind(".", least, cut)
        if cut < 0:
            return
        yield handle[:cut]


def _handle(found: re.Match[str]) -> str:
    """The handle in a match of a pattern that begins with `_LINK`: three alternatives of (local part, server)."""
    for first in (1, 3, 5):
        if first + 1 <= found.re.groups and found[first] is not None and found[first + 1] is not None:
            local = found[first]
            return f"@{unquote(local) if '%' in local else local}:{found[first + 1]}"
    raise AssertionError("a match without a handle")


def _swap_label(text: str, label: str, token: str) -> str:
    """The first place where `label` stands by itself, replaced."""
    at = text.find(label) if len(label) > 1 else -1
    while at >= 0:
        end = at + len(label)
        alone = not (text[at - 1 : at].isalnum() and label[0].isalnum())
        alone = alone and not (text[end : end + 1].isalnum() and label[-1].isalnum())
        if alone:
            start = at - 1 if text[at - 1 : at] == "@" and at > 0 else at
            return text[:start] + token + text[end:]
        at = text.find(label, at + 1)
    return text
