"""Slack's own markup as plain text and as harmless HTML. People in it become `{member:ID}`. Pure text work, in linear time.

Source: https://docs.slack.dev/messaging/formatting-message-text
"""

import html
import re
import time
from collections.abc import Callable, Mapping
from typing import Final

from grouparchive.model.records import LAST_MILLI, MemberId

Naming = Callable[[str], MemberId]
"""The member id behind a user's id at Slack."""

MAX_MENTIONS: Final = 1000
SOMEBODY: Final = "@somebody"

_TOKEN: Final = re.compile(
    r"<(?:([@#!])([^<>|\n]{1,4000})|([A-Za-z][A-Za-z0-9+.-]{0,30}:[^<>|\n]{1,4000}))(?:\|([^<>\n]{0,4000}))?>"
)
"""What it points to by a sign, the id, or the address; and its label."""
_USER: Final = re.compile(r"[UWB][A-Z0-9]{2,20}")
_ADDRESS: Final = re.compile(r"(slack\.com/(?:files|team)/)([UW][A-Z0-9]{2,20})(?![A-Za-z0-9])")
_HANDLE: Final = re.compile(
    r"(slack\.com/(?:files|team)/)(?![UW][A-Z0-9]{2,20}(?![A-Za-z0-9])|\{member:)[^/\s|>\"]{1,200}"
)
"""In addresses from before 2017 people stand by their handles."""
_SAFE: Final = re.compile(r"(?:https?://|ftp://|mailto:)[^\s\"'<>]{1,2000}", re.IGNORECASE)
_DATE: Final = re.compile(r"date\^([0-9]{1,12})\^.*", re.DOTALL)
_BLOCK: Final = re.compile(r"```\n?(.+?)\n?```", re.DOTALL)
_CODE: Final = re.compile(r"`([^`\n]+)`")
_INLINE: Final = [
    (rf"<{tag}>\1</{tag}>", mark, re.compile(form.replace("*", mark).replace("+", "*")))
    for form in [r"(?<![\w*])[*](?![\s*])([^*\n]+[^\s*])[*](?![\w*])"]
    for tag, mark in (("strong", "*"), ("em", "_"), ("del", "~"))
]
"""(what takes its place, the mark, a stretch between two marks); + in the form stands for "as many as there are"."""
_STASHED: Final = re.compile("\x01([0-9]+)\x02")
_OURS: Final = {1: None, 2: None}


class Markup:
    """Reads texts.

    Args:
        naming: who a user's id is.
        channels: Slack's id of a channel -> its name, as it may be shown.
    """

    def __init__(self, naming: Naming, channels: Mapping[str, str]) -> None:
        self._naming = naming
        self._channels = channels

    def plain(self, text: str) -> tuple[str, tuple[MemberId, ...]]:
        """A text without markup for links and people, and whom it names."""
        named: dict[MemberId, None] = {}
        if "<" in text:
            text = _TOKEN.sub(lambda found: self._word(found, named), text)
        if "&" in text:
            text = _unescaped(text)
        if "slack.com/" in text:
            text = self._addresses(text)
        return text, tuple(named)[:MAX_MENTIONS]

    def both(self, text: str) -> tuple[str, str, tuple[MemberId, ...]]:
        """As `plain`, with the text as HTML between; that is "" where it would show nothing more."""
        plain, named = self.plain(text)
        if (
            ("|" in text and "<" in text)
            or "*" in text
            or "_" in text
            or "`" in text
            or "~" in text
            or "&gt;" in text
            or ">" in plain
        ):
            return plain, self._html(text), named
        return plain, "", named

    def bare(self, text: str) -> str:
        """A text for a state, in which nobody is named."""
        text = _TOKEN.sub(lambda found: SOMEBODY if found[1] == "@" else self._word(found, {}), text)
        return _HANDLE.sub(rf"\1{SOMEBODY}", _ADDRESS.sub(r"\1", _unescaped(text)))

    # --- HTML ----------------------------------------------------------------------------------------------------------

    def _html(self, text: str) -> str:
        kept = _Kept()
        if "\x01" in text or "\x02" in text:
            text = text.translate(_OURS)
        if "`" in text:
            text = self._code(text, kept)
        formed = bool(kept.pieces)
        if "<" in text:

            def token(found: re.Match[str]) -> str:
                nonlocal formed
                markup, link = self._token(found)
                formed = formed or link
                return kept.keep(markup)

            text = _TOKEN.sub(token, text)
        text = html.escape(_unescaped(text), quote=False)
        for markup, mark, pattern in _INLINE:
            if mark in text:
                text, times = pattern.subn(markup, text)
                formed = formed or times > 0
        text, quoted = _quotes(text)
        return kept.back(self._addresses(text.replace("\n", "<br>"))) if formed or quoted else ""

    def _code(self, text: str, kept: "_Kept") -> str:
        """Code is taken out before anything in it could be taken for something else."""

        def inside(found: str) -> str:
            return html.escape(self.plain(found)[0], quote=False)

        if "```" in text:
            text = _BLOCK.sub(lambda found: kept.keep(f"<pre><code>{inside(found[1])}</code></pre>"), text)
        return _CODE.sub(
            lambda found: found[0] if "\x01" in found[1] else kept.keep(f"<code>{inside(found[1])}</code>"), text
        )

    def _token(self, found: re.Match[str]) -> tuple[str, bool]:
        """A token as HTML, and whether that is a link."""
        address = _unescaped(found[3] or "")
        if not found[4] or not _SAFE.fullmatch(address):
            return html.escape(_unescaped(self._word(found, {})), quote=False), False
        label = html.escape(_unescaped(found[4]), quote=False)
        return f'<a href="{html.escape(self._addresses(address))}">{label}</a>', True

    # --- tokens --------------------------------------------------------------------------------------------------------

    def _word(self, found: re.Match[str], named: dict[MemberId, None]) -> str:
        """What stands for a token in plain text; entities in it stay as they are."""
        sort, what, label = found[1], found[2] or found[3], found[4] or ""
        if sort == "@":
            if not _USER.fullmatch(what):
                return SOMEBODY
            member = self._naming(what)
            named[member] = None
            return f"{{member:{member}}}"
        if sort == "#":
            return "#" + (self._channels.get(what) or label or "channel")
        if sort == "!":
            return _special(what, label)
        what = what.removeprefix("mailto:").removeprefix("tel:") if label in {"", what.partition(":")[2]} else what
        return f"{label} ({what})" if label and label not in {what, what.partition("://")[2]} else what

    def _addresses(self, text: str) -> str:
        """A text whose addresses at Slack name nobody."""
        if "slack.com/" not in text:
            return text
        named = _ADDRESS.sub(lambda found: f"{found[1]}{{member:{self._naming(found[2])}}}", text)
        return _HANDLE.sub(rf"\1{SOMEBODY}", named)


class _Kept:
    """Finished pieces of HTML, taken out of a text until the rest of it is done."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def keep(self, markup: str) -> str:
        """What stands for a piece."""
        self.pieces.append(markup)
        return f"\x01{len(self.pieces) - 1}\x02"

    def back(self, text: str) -> str:
        """The text with the pieces back in their places."""
        return _STASHED.sub(lambda found: self.pieces[int(found[1])], text) if self.pieces else text


def _special(what: str, label: str) -> str:
    if what.startswith("subteam^"):
        return (label if label.startswith("@") else f"@{label}") if label else "@group"
    date = _DATE.fullmatch(what)
    if date and not label and int(date[1]) <= LAST_MILLI // 1000:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(int(date[1])))
    return label if label and label != what else f"@{what.partition('^')[0]}"


def _quotes(text: str) -> tuple[str, bool]:
    """Lines that begin with > as quotations."""
    if "&gt;" not in text:
        return text, False
    if text.startswith("&gt;&gt;&gt;"):
        return f"<blockquote>{text[12:].strip()}</blockquote>", True
    lines: list[str] = []
    quoted: list[str] = []
    found = False
    for line in [*text.split("\n"), ""]:
        if line.startswith("&gt;"):
            quoted.append(line[4:].strip())
            found = True
            continue
        if quoted:
            lines.append(f"<blockquote>{'<br>'.join(quoted)}</blockquote>")
            quoted = []
        lines.append(line)
    return "\n".join(lines[:-1]).replace("</blockquote>\n", "</blockquote>"), found


def _unescaped(text: str) -> str:
    """The three entities that Slack makes, and no others."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if "&" in text else text
