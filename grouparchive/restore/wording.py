"""How a post's words look once they are restored: stand-in names, who and when in the text, lengths. Pure text in, text out."""

import html as markup
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from grouparchive.model.records import MemberId, Millis, Poll
from grouparchive.restore.labels import with_labels

LONGEST_TEXT = 40_000
"""Bytes of UTF-8 in one post: with its wrapping it stays below 64 KiB, the least that a common platform takes."""

MISSING_FILE = "(a file that could not be restored)"


def prefix(*, label: str, time: Millis | None) -> str:
    """Who and when, for the start of a text: "[Quiet Heron, 2025-03-02 14:05 UTC] ". The platform shows the rest."""
    when = "" if time is None else f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    words = ", ".join(part for part in (label, when) if part)
    return f"[{words}] " if words else ""


def in_markup(text: str) -> str:
    """Plain text as HTML."""
    return markup.escape(text).replace("\n", "<br>")


def pieces(text: str, limit: int = LONGEST_TEXT) -> list[str]:
    """A text cut into pieces of at most `limit` bytes each, at line ends or spaces where there are some."""
    found: list[str] = []
    while len(text.encode("utf-8", "surrogatepass")) > limit:
        head = text.encode("utf-8", "surrogatepass")[:limit].decode("utf-8", "ignore")
        cut = max(head.rfind("\n"), head.rfind(" "))
        end = cut + 1 if cut > len(head) // 2 else len(head)
        found.append(text[:end])
        text = text[end:]
    return [*found, text]


def labelled_poll(poll: Poll, labels: Mapping[MemberId, str], start: str) -> Poll:
    """A poll as it is asked anew."""
    return msgspec.structs.replace(
        poll,
        question=start + with_labels(poll.question, labels),
        options=tuple((ref, with_labels(text, labels)) for ref, text in poll.options),
    )
