"""What Telegram Desktop writes into result.json, as far as it is used here, and how it is read when it is not as it should be.

Source: `export_output_json.cpp` of Telegram Desktop, from 2018 to 2025. Names of the fields are its own.
"""

import re
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from grouparchive.model.codec import UNREADABLE
from grouparchive.platforms.files.json_stream import mended

Number: TypeAlias = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Peer: TypeAlias = Annotated[str, Meta(max_length=64)] | Number
"""Who: "user12", "channel12", "chat12"; a bare number in exports made before April 2021."""


class Entity(msgspec.Struct, gc=False):
    """A piece of text that is more than plain."""

    type: str = ""
    text: str = ""
    href: str = ""
    language: str = ""
    user_id: Number = 0


Text: TypeAlias = str | list[str | Entity]


class Recent(msgspec.Struct, gc=False):
    """One of the last people who reacted."""

    from_: str | None = msgspec.field(default=None, name="from")
    from_id: Peer | None = None
    date: str = ""


class Reacted(msgspec.Struct, gc=False):
    """How often one emoji was given."""

    type: str = ""
    count: Number = 0
    emoji: str = ""
    document_id: str | Number = ""
    recent: list[Recent] = []


class Answer(msgspec.Struct, gc=False):
    """One answer of a poll, or one line of a list."""

    text: Text = ""
    voters: Number = 0
    id: Number = 0


class RawPoll(msgspec.Struct, gc=False):
    """A poll (`question`) or a list of things to do (`title`)."""

    question: Text = ""
    title: Text = ""
    closed: bool = False
    total_voters: Number = 0
    answers: list[Answer] = []


class Contact(msgspec.Struct, gc=False):
    """Somebody whose number was shared."""

    first_name: str | None = ""
    last_name: str | None = ""
    phone_number: str | None = ""


class Place(msgspec.Struct, gc=False):
    """A point on the map."""

    latitude: float = 0.0
    longitude: float = 0.0


class Item(msgspec.Struct, gc=False, tag_field="type", tag="message"):
    """A message. Fields that are of no use here are left out: each costs time half a million times."""

    id: Number | None = None
    date_unixtime: Number = 0
    date: str = ""
    from_: str | None = msgspec.field(default=None, name="from")
    from_id: Peer | None = None
    text: Text = ""
    reply_to_message_id: Number = 0
    reply_to_peer_id: Peer | None = None
    edited: str = ""
    edited_unixtime: Number = 0
    author: str = ""
    forwarded_from: str | msgspec.UnsetType | None = msgspec.UNSET
    via_bot: str = ""
    reactions: list[Reacted] | None = None
    photo: str = ""
    file: str = ""
    file_name: str = ""
    file_size: Number = 0
    media_type: str = ""
    sticker_emoji: str = ""
    mime_type: str = ""
    duration_seconds: Number = 0
    width: Number = 0
    height: Number = 0
    contact_information: Contact | None = None
    contact_vcard: str = ""
    location_information: Place | msgspec.UnsetType | None = msgspec.UNSET
    place_name: str = ""
    address: str = ""
    poll: RawPoll | None = None
    todo_list: RawPoll | None = None
    game_title: str = ""
    invoice_information: dict[str, Any] | str | None = None
    giveaway_information: dict[str, Any] | None = None
    giveaway_results: dict[str, Any] | None = None
    paid_stars_amount: Number = 0


class Line(msgspec.Struct, gc=False, tag_field="type", tag="service"):
    """A line of the service: what happened."""

    id: Number | None = None
    date_unixtime: Number = 0
    date: str = ""
    text: Text = ""
    from_: str | None = msgspec.field(default=None, name="from")
    from_id: Peer | None = None
    reactions: list[Reacted] | None = None
    action: str = ""
    actor: str | None = None
    actor_id: Peer | None = None
    members: list[str | None] = []
    inviter: str | None = None
    title: str = ""
    new_title: str = ""
    photo: str = ""
    width: Number = 0
    height: Number = 0
    message_id: Number = 0
    duration: Number = 0
    duration_seconds: Number = 0
    period: Number = 0
    score: Number = 0
    boosts: Number = 0
    schedule_date: Number = 0
    months: Number = 0
    stars: Number = 0
    price_stars: Number = 0
    emoticon: str = ""
    information_text: str = ""
    gift_text: Text = ""
    to: str | None = None
    to_id: Peer | None = None
    distance: Number = 0
    items: list[Answer] = []


class Odd(msgspec.Struct, gc=False, tag_field="type", tag="unsupported"):
    """What the program that exported did not know."""

    id: Number | None = None


class _Skimmed(msgspec.Struct, gc=False):
    """A message whose fields do not matter."""


decode: Final = msgspec.json.Decoder(list[Item | Line | Odd], strict=False).decode  # not strict: numbers in strings
skim: Final = msgspec.json.Decoder(list[_Skimmed]).decode

_BARE: Final = re.compile(rb'("document_id": )(?!["\d])([^"\r\n]{1,1000})(?=\r?\n)')


def mend(data: bytes) -> bytes:
    """The same as proper JSON: some of 2022 leave the file names of emoji unquoted, all escape control characters wrongly."""
    return mended(_BARE.sub(rb'\1"\2"', data) if b'"document_id": ' in data else data)


def loosely(raw: bytes) -> Item | Line | None:
    """A message without those of its fields that have a type nobody expects. None where it is no message at all."""
    try:
        found = msgspec.json.decode(mend(raw))
    except UNREADABLE:
        return None
    if not isinstance(found, dict):
        return None
    item: Item | Line = Line() if found.get("type") == "service" or "action" in found else Item()
    known = 0
    for field in msgspec.structs.fields(item):
        if field.encode_name in found:
            try:
                setattr(item, field.name, msgspec.convert(found[field.encode_name], field.type, strict=False))
                known += 1
            except UNREADABLE:
                continue
    return item if known else None
