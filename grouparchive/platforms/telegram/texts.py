"""Telegram's formatted text to ours: plain text and harmless HTML, people as ids in both."""

import re
from html import escape
from typing import Final

from grouparchive.model.records import MemberId
from grouparchive.platforms.telegram.fields import Entity, Text
from grouparchive.platforms.telegram.people import HANDLE, People

_TAGS: Final = {
    "bold": ("<b>", "</b>"),
    "italic": ("<i>", "</i>"),
    "underline": ("<u>", "</u>"),
    "strikethrough": ("<s>", "</s>"),
    "code": ("<code>", "</code>"),
    "spoiler": ("<span data-mx-spoiler>", "</span>"),
    "blockquote": ("<blockquote>", "</blockquote>"),
}
_ADDRESS: Final = re.compile(r"(?:https?://|ftp://|mailto:)[^\s\"'<>]{1,2000}", re.IGNORECASE)
_PERSON: Final = re.compile(r"tg://user\?id=([0-9]{1,19})")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9_+#.-]{1,50}")


def plain(text: Text, people: People) -> str:
    """A text without its formatting."""
    return text if type(text) is str else render(text, people)[0]


def render(text: Text, people: People) -> tuple[str, str, tuple[MemberId, ...]]:
    """(plain, html, who is mentioned). html is "" where there is no formatting."""
    if isinstance(text, str):
        return text, "", ()
    words: list[str] = []
    marked: list[str] = []
    mentioned: dict[MemberId, None] = {}
    formatted = False
    for part in text:
        if isinstance(part, str):
            words.append(part)
            marked.append(_lines(part))
            continue
        before, after = _around(part)
        inner = part.text
        who = _mentioned(part, people)
        if who:
            mentioned[who] = None
            inner = f"{{member:{who}}}"
        elif part.type == "bot_command" and "@" in inner:
            command, _, bot = inner.partition("@")
            inner = people.clean(f"{command} @{bot}")
        words.append(inner)
        if part.type == "text_link" and not who and not before and part.href:
            words.append(f" ({part.href})")
        formatted = formatted or before != ""
        marked.append(before + (escape(inner, quote=False) if part.type in {"pre", "code"} else _lines(inner)) + after)
    return "".join(words), "".join(marked) if formatted else "", tuple(mentioned)


def _lines(text: str) -> str:
    return escape(text, quote=False).replace("\n", "<br>")


def _around(part: Entity) -> tuple[str, str]:
    """The tags of a piece."""
    if part.type in {"link", "text_link"}:
        address = part.href if part.type == "text_link" else part.text
        return (f'<a href="{escape(address)}">', "</a>") if _ADDRESS.fullmatch(address) else ("", "")
    if part.type == "pre":
        known = _LANGUAGE.fullmatch(part.language)
        return (f'<pre><code class="language-{part.language}">' if known else "<pre><code>"), "</code></pre>"
    return _TAGS.get(part.type, ("", ""))


def _mentioned(part: Entity, people: People) -> MemberId:
    """Who is mentioned by a piece, "" nobody."""
    if part.type == "mention" and HANDLE.fullmatch(part.text):
        return people.by_handle(part.text)
    if part.type == "mention_name" and part.user_id > 0:
        return people.by_id(f"user{part.user_id}", part.text)
    if part.type == "text_link" and (found := _PERSON.fullmatch(part.href)):
        return people.by_id(f"user{found[1]}", part.text)
    return ""
