"""What a message shows beside its text: what apps attach, messages that were shared, blocks, files that are links. All of it
comes out as Slack's own markup, to be read like a text.
"""

import calendar
import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from grouparchive.model.codec import UNREADABLE
from grouparchive.model.records import MemberId, Ref
from grouparchive.platforms.files.json_mend import mended
from grouparchive.platforms.slack.shapes import Quoted, Shared, parts

LONG: Final = 100_000
"""Characters; Slack allows 40,000. What is longer is looked at closely."""
MAX_ATTACHMENTS: Final = 100
MAX_NODES: Final = 10_000  # of blocks in one message


_POINTING: Final = {
    "user": ("user_id", "<@{}>"),
    "channel": ("channel_id", "<#{}>"),
    "usergroup": ("usergroup_id", "<!subteam^{}>"),
    "broadcast": ("range", "<!{}>"),
    "emoji": ("name", ":{}:"),
}


class Shown(msgspec.Struct):
    """What attachments say. `quoted` is channel -> the message of it that was shared; `bad` could not be read."""

    text: str = ""
    quoted: dict[Ref, Ref] = {}
    bad: int = 0


class _Field(msgspec.Struct):
    title: str | None = None
    value: str | None = None


def attachments(raw: Raw, naming: Callable[[str], MemberId], *, own: bool) -> Shown:
    """What attachments say: messages that were shared, and, with `own`, everything but previews of links."""
    data = bytes(raw)
    if not data or not (own or b"is_share" in data or b"is_msg_unfurl" in data):
        return Shown()
    rows, bad = parts(raw, Quoted)
    shown = Shown(bad=bad + max(len(rows) - MAX_ATTACHMENTS, 0))
    pieces = []
    for row in rows[:MAX_ATTACHMENTS]:
        if row.is_share or row.is_msg_unfurl:
            text = row.text or (blocks(row.blocks) if bytes(row.blocks) else "")
            who = f"<@{row.author_id}>: " if row.author_id and naming(row.author_id) else ""
            pieces.append("\n".join(f"&gt; {line}" for line in f"{who}{text}".split("\n")))
            if row.channel_id and row.ts is not None:
                shown.quoted[row.channel_id] = str(row.ts)[:1024]
        elif own:
            fields = (f"{one.title or ''}: {one.value or ''}".strip(": ") for one in parts(row.fields, _Field)[0])
            said = [row.pretext, row.title, row.text, *fields]
            pieces.append("\n".join(filter(None, said)) or row.fallback or blocks(row.blocks))
    shown.text = "\n".join(filter(None, pieces))
    return shown


def blocks(raw: Raw) -> str:
    """The words in blocks, for messages that have no others."""
    data = bytes(raw)
    if not data:
        return ""
    try:
        found = msgspec.json.decode(mended(data))
    except UNREADABLE:
        return ""
    return "".join(_words(found)).strip("\n")


def beside(file: Shared) -> str:
    """What of a file stands in the message itself: the address of one that lies elsewhere, the beginning of a snippet."""
    if file.mode == "external" and file.url_private:
        return f"<{_plain(file.url_private)}>"
    if file.mode == "snippet" and file.preview:
        return f"```\n{_plain(file.preview)}\n```"
    return ""


def dateless(text: str, day: str) -> tuple[int, Ref]:
    """(time, ref) of a message that does not say when it was: the begin of its day, and what follows from its text."""
    try:
        at = calendar.timegm(time.strptime(day, "%Y-%m-%d")) * 1000
    except ValueError:
        at = 0
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return max(at, 0), f"{day[:10]}/{digest[:32]}"


def _words(top: Any) -> Iterator[str]:
    """Words of nested blocks, in order, without recursion."""
    stack = [top]
    for _ in range(MAX_NODES):
        if not stack:
            return
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, dict):
            yield from _leaf(node)
            ends = node.get("type") in {
                "rich_text_section", "rich_text_preformatted", "rich_text_quote", "section", "header", "context", "markdown",
            }  # fmt: skip
            stack.extend(["\n"] if ends else [])
            stack.extend(node[key] for key in ("fields", "elements", "text") if isinstance(node.get(key), (list, dict)))


def _leaf(node: dict[str, Any]) -> Iterator[str]:
    def of(key: str) -> str:
        found = node.get(key)
        return found if isinstance(found, str) else ""

    kind = node.get("type")
    pointing = _POINTING.get(kind) if isinstance(kind, str) else None
    if pointing:
        yield pointing[1].format(of(pointing[0]))
    elif kind in {"text", "plain_text"}:
        yield _plain(of("text"))
    elif kind in {"mrkdwn", "markdown"}:
        yield of("text")
    elif kind == "link":
        label = _plain(of("text"))
        yield f"<{_plain(of('url'))}|{label}>" if label else f"<{_plain(of('url'))}>"
    elif kind in {"image", "video"}:
        yield _plain(of("alt_text") or of("title")) + "\n"


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
