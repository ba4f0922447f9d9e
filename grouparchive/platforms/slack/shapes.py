"""What stands in the files of a Slack export, as types, and how to read it where it does not have its form. Only what is used
is named; everything may be missing. Parts that few messages need stay undecoded until somebody asks.

Sources: https://slack.com/help/articles/220556107 and the Web API's users.list, conversations.list and conversations.history.
"""

import re
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, Final, TypeVar, cast, get_args

import msgspec
from msgspec import Raw

from grouparchive.model.codec import UNREADABLE
from grouparchive.model.records import LAST_MILLI
from grouparchive.platforms.files.json_mend import mended

NOTHING: Final = Raw(b"")
_T = TypeVar("_T")
_TS: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?")


class Said(msgspec.Struct, gc=False):
    """One entry of a day's file."""

    ts: str = ""
    text: str | None = None
    user: str | None = None
    subtype: str | None = None
    thread_ts: str | None = None
    bot_id: str | None = None
    username: str | None = None
    inviter: str | None = None
    deleted_ts: str | None = None
    edited: Raw = NOTHING
    files: Raw = NOTHING
    file: Raw = NOTHING
    reactions: Raw = NOTHING
    attachments: Raw = NOTHING
    blocks: Raw = NOTHING
    pinned_to: Raw = NOTHING
    user_profile: Raw = NOTHING
    bot_profile: Raw = NOTHING
    comment: Raw = NOTHING
    message: Raw = NOTHING
    original: Raw = NOTHING
    previous_message: Raw = NOTHING
    is_hidden_by_limit: Any = None


class Reacted(msgspec.Struct):
    """One emoji below a message."""

    name: str = ""
    users: list[str] | None = None
    count: int | None = None


class Shared(msgspec.Struct):
    """A file."""

    id: str = ""
    name: str | None = None
    title: str | None = None
    mimetype: str | None = None
    mode: str | None = None
    size: int | None = None
    original_w: int | None = None
    original_h: int | None = None
    duration_ms: int | None = None
    url_private: str | None = None
    preview: str | None = None


class Quoted(msgspec.Struct):
    """An attachment: what an app shows, a preview of a link, or a message that was shared."""

    text: str | None = None
    fallback: str | None = None
    pretext: str | None = None
    title: str | None = None
    author_id: str | None = None
    channel_id: str | None = None
    ts: str | int | float | None = None
    is_msg_unfurl: bool | None = None
    is_share: bool | None = None
    fields: Raw = NOTHING
    blocks: Raw = NOTHING


class Profile(msgspec.Struct):
    """What a person says about themselves."""

    real_name: str | None = None
    display_name: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    bot_id: str | None = None
    team: str | None = None


class User(msgspec.Struct):
    """Somebody, or an app."""

    id: str = ""
    team_id: str | None = None
    name: str | None = None
    real_name: str | None = None
    deleted: bool | None = None
    is_admin: bool | None = None
    is_owner: bool | None = None
    is_primary_owner: bool | None = None
    is_restricted: bool | None = None
    is_ultra_restricted: bool | None = None
    is_bot: bool | None = None
    updated: int | float | str | None = None
    profile: Profile | None = None


class Told(msgspec.Struct):
    """A topic or a purpose."""

    value: str | None = None


class Pinned(msgspec.Struct):
    """Something pinned. Its id is the ts of a message, or a file."""

    id: str = ""
    type: str | None = None


class Conversation(msgspec.Struct):
    """A channel, a private channel, or a conversation of two or more."""

    id: str = ""
    name: str | None = None
    created: int | float | str | None = None
    is_archived: bool | None = None
    members: list[str] | None = None
    topic: Told | None = None
    purpose: Told | None = None
    pins: list[Pinned] | None = None
    context_team_id: str | None = None


@lru_cache(maxsize=64)
def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """A decoder for a type, made once."""
    return msgspec.json.Decoder(kind)


@lru_cache(maxsize=64)
def decoder_of_many(kind: Any) -> msgspec.json.Decoder[Any]:
    """A decoder for a list of a type, made once."""
    return msgspec.json.Decoder(list[kind])


def part(raw: Raw, kind: type[_T], lost: list[str] | None = None) -> _T | None:
    """A part that was left undecoded; None where it is not there. Wrong fields of a struct are left out, see `lenient`.

    Raises:
        UNREADABLE: it does not have its form at all.
    """
    data = bytes(raw)
    if not data or data == b"null":
        return None
    try:
        found: _T = decoder(cast("Hashable", kind)).decode(data)
    except UNREADABLE:
        return lenient(data, kind, lost)
    return found


def parts(raw: Raw, kind: type[_T], *, whole: bool = False) -> tuple[list[_T], int]:
    """A list that was left undecoded, and how many of its entries cannot be read, or, with `whole`, not all of them."""
    if raw is NOTHING:
        return [], 0
    found: list[_T] = []
    bad = 0
    try:
        found = decoder_of_many(cast("Hashable", kind)).decode(raw)
    except UNREADABLE:
        pass
    else:
        return found, 0
    data = bytes(raw)
    if not data or data == b"null":
        return [], 0
    try:
        rows = msgspec.json.decode(mended(data), type=list[Raw])
    except UNREADABLE:
        return [], 1
    for row in rows:
        lost: list[str] = []
        try:
            one = part(row, kind, lost)
        except UNREADABLE:
            bad += 1
        else:
            found += [] if one is None else [one]
            bad += whole and bool(lost)
    return found, bad


def lenient(data: bytes, kind: type[_T], lost: list[str] | None = None) -> _T:
    """A struct of which every field that does not have its form is left out; numbers in the place of text are text. `lost`
    takes the names of those that were left out, where they are not null.

    Raises:
        UNREADABLE: it is no object.
    """
    fields = msgspec.json.decode(mended(data), type=dict[str, Raw])
    whole: dict[str, Any] = {}
    for field in msgspec.structs.fields(cast("type[msgspec.Struct]", kind)):
        raw = fields.get(field.encode_name)
        if raw is None:
            continue
        if field.type is Raw:
            whole[field.name] = raw
            continue
        try:
            whole[field.name] = msgspec.json.decode(raw, type=field.type)
        except UNREADABLE:
            inner = [one for one in get_args(field.type) if isinstance(one, type) and issubclass(one, msgspec.Struct)]
            if field.type in {str, str | None}:
                whole[field.name] = _number(raw)
            elif inner and bytes(raw).startswith(b"{"):
                whole[field.name] = lenient(bytes(raw), inner[0], lost)
            if lost is not None and not whole.get(field.name) and bytes(raw) != b"null":
                lost.append(field.name)
    return kind(**whole)


def moment(ts: object) -> int:
    """Milliseconds of a time in seconds, as text or a number; -1 where it is none."""
    if isinstance(ts, (int, float)):
        ts = f"{ts:.6f}"
    match = _TS.fullmatch(ts) if isinstance(ts, str) else None
    if match is None:
        return -1
    found = int(match[1]) * 1000 + int((match[2] or "")[:3].ljust(3, "0"))
    return found if found <= LAST_MILLI else -1


def _number(raw: Raw) -> str:
    try:
        found = msgspec.json.decode(raw, type=int | float)
    except UNREADABLE:
        return ""
    return f"{found:.6f}" if isinstance(found, float) else str(found)
