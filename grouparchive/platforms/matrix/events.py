"""Foreign JSON made safe: one validated event struct, and small readers that give a default instead of trusting a type."""

import re
from typing import Any, TypeAlias

import msgspec

from grouparchive.model.codec import UNREADABLE
from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import LAST_MILLI, Gap, Known, Media, Vault
from grouparchive.platforms.matrix.api import MXC

Json: TypeAlias = dict[str, Any]

MARKER = "org.grouparchive.key"
"""Content field of events that our own restore made (and type of the state event in rooms it made): the action's key."""
MAX_TEXT = 100_000
"""Characters kept of one text. An event has at most 65,536 bytes by the standard; more comes from a hostile server."""
MAX_NAME = 1024
MAX_REF = 255
_KEY = re.compile(r"[0-9a-f]{32}")
_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")


class Unsigned(msgspec.Struct, frozen=True):
    """What the server adds to an event. Its bundled edits are ignored: the edits come as events of their own."""

    redacted_because: Json | None = None
    prev_content: Json | None = None


class Event(msgspec.Struct, frozen=True):
    """An event with the types it must have."""

    type: str
    event_id: str
    sender: str
    origin_server_ts: int
    content: Json = {}
    state_key: str | None = None
    redacts: str | None = None  # up to room version 10; later ones have it in the content
    unsigned: Unsigned = Unsigned()


class Gaps:
    """What could not be had, counted by code and whether it is a known limit, until the page is given out."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._found: dict[tuple[str, str, bool], list[str]] = {}
        self._time = 0

    def add(self, code: str, detail: str = "", *, subject: str = "", limit: bool = False, time: int = 0) -> None:
        """One more of these. `detail` is what it is about (an event id); `subject` splits the count (an event type)."""
        self._found.setdefault((code, subject, limit), []).append(detail)
        self._time = max(self._time, time)

    def take(self) -> list[Gap]:
        """All so far, and begin anew."""
        gaps = []
        for (code, subject, limit), details in self._found.items():
            named = " ".join(detail for detail in details[:50] if detail)
            gaps.append(
                Gap(
                    code=code,
                    scope=self._scope,
                    detail=subject or named,
                    count=len(details),
                    limit=limit,
                    time=self._time,
                )
            )
        self._found.clear()
        self._time = 0
        return gaps


_decoder = msgspec.json.Decoder(Event)


def decode_event(raw: bytes | msgspec.Raw) -> Event:
    """An event out of its JSON.

    Raises:
        ValueError: a type or an id is wrong.
    """
    try:
        event = _decoder.decode(raw)
    except UNREADABLE as error:
        raise ValueError("not an event") from error
    if not ref(event.event_id):
        raise ValueError("not an event id")
    return event


def text(value: object, limit: int = MAX_NAME) -> str:
    """A string of at most `limit` characters; "" for anything else."""
    return value[:limit] if isinstance(value, str) else ""


def ref(value: object) -> str:
    """An id of an event or a room; "" when it cannot be one."""
    return value if isinstance(value, str) and 0 < len(value) <= MAX_REF else ""


def number(value: object, most: int = 2**53 - 1) -> int:
    """A whole number from 0 to `most`; 0 for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else 0


def obj(value: object) -> Json:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: object, limit: int) -> list[Any]:
    """A JSON array of at most `limit` elements; an empty one for anything else."""
    return value[:limit] if isinstance(value, list) else []


def time_of(event: Event, gaps: Gaps) -> int:
    """When an event happened, forced into the range that records know, with a gap when that changes it."""
    at = event.origin_server_ts
    if 0 <= at <= LAST_MILLI:
        return at
    gaps.add(Known.TIME_UNKNOWN, event.event_id)
    return 0 if at < 0 else LAST_MILLI


def marker(content: Json) -> str:
    """The key of the action of ours that made this; "" for what people made."""
    key = content.get(MARKER)
    return key if isinstance(key, str) and _KEY.fullmatch(key) else ""


def media_of(content: Json, name: str, gaps: Gaps, event_id: str) -> Media | None:
    """The file that an event shows; None, with a gap, when it names none that can be fetched."""
    info = obj(content.get("info"))
    url = content.get("url")
    if not isinstance(url, str):
        file = obj(content.get("file"))
        if isinstance(file.get("url"), str):
            # Encrypted by its sender; its key stands in the event, so only an encrypted room protects it.
            gaps.add(Known.MEDIA_ENCRYPTED, event_id, limit=True)
            url = file["url"]
    if not isinstance(url, str) or not MXC.fullmatch(url):
        gaps.add(Known.MEDIA_UNAVAILABLE, event_id)
        return None
    return Media(
        ref=url,
        name=name,
        mime=mime_of(info),
        size=number(info.get("size")),
        width=number(info.get("w"), 10**6),
        height=number(info.get("h"), 10**6),
        duration=number(info.get("duration"), 10**12),
    )


def mime_of(info: Json) -> str:
    """The announced type of a file, if it looks like one."""
    found = text(info.get("mimetype"), 300)
    return found if _MIME.fullmatch(found) else ""


def request(media: Media, vault: Vault = "content") -> MediaRequest:
    """What to fetch for a file that a record mentions."""
    return MediaRequest(ref=media.ref, vault=vault, mime=media.mime, size=media.size)
