"""What DiscordChatExporter writes into its JSON files, as far as it is used here, and how odd ones are read.

Source: `JsonMessageWriter.cs` of DiscordChatExporter, from 2020 to 2026. Names of the fields are its own.
"""

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from grouparchive.model.codec import UNREADABLE
from grouparchive.platforms.files.json_stream import mended

Id: TypeAlias = Annotated[str, Meta(max_length=32)]
Number: TypeAlias = Annotated[int, Meta(ge=-(2**53), le=2**53)]

NOBODY: Final = msgspec.Raw(b"{}")
_FIRST: Final = 1_420_070_400_000  # the year in which Discord began
_ABSURD: Final = 4_102_444_800_000  # no id of this century


class RawRole(msgspec.Struct, gc=False):
    """A role that somebody has."""

    id: Id = ""
    name: str = ""
    position: Number = 0


class User(msgspec.Struct, gc=False):
    """Somebody. `nickname` is the name shown in the server, where the exporter could see it."""

    id: Id = ""
    name: str | None = ""
    nickname: str | None = ""
    discriminator: str | None = ""
    isBot: bool = False  # noqa: N815 - the exporter's name
    roles: tuple[RawRole, ...] = ()
    avatarUrl: str | None = ""  # noqa: N815 - as above


class RawAttachment(msgspec.Struct, gc=False):
    """A file; `url` is a path where the files were exported too."""

    url: str = ""
    fileName: str = ""  # noqa: N815 - as above
    fileSizeBytes: Number = 0  # noqa: N815 - as above


class Sticker(msgspec.Struct, gc=False):
    """A sticker."""

    name: str = ""
    sourceUrl: str | None = ""  # noqa: N815 - as above


class Emoji(msgspec.Struct, gc=False):
    """An emoji; `id` only where a server made it."""

    id: str | None = ""
    name: str | None = ""


class Reacted(msgspec.Struct, gc=False):
    """How often one emoji was given; `users` since 2023."""

    emoji: Emoji = msgspec.field(default_factory=Emoji)
    count: Number = 0
    users: tuple[msgspec.Raw, ...] = ()


class Picture(msgspec.Struct, gc=False):
    """A picture or film of an embed."""

    url: str | None = ""
    canonicalUrl: str | None = ""  # noqa: N815 - as above


class Named(msgspec.Struct, gc=False):
    """Who is said to have made what an embed shows."""

    name: str | None = ""
    url: str | None = ""


class Footer(msgspec.Struct, gc=False):
    """The last line of an embed."""

    text: str | None = ""


class Field(msgspec.Struct, gc=False):
    """A line of an embed's table."""

    name: str | None = ""
    value: str | None = ""


class Embed(msgspec.Struct, gc=False):
    """A card: a preview of a link, or what a bot says."""

    title: str | None = ""
    url: str | None = ""
    description: str | None = ""
    author: Named | None = None
    fields: tuple[Field, ...] = ()
    footer: Footer | None = None
    image: Picture | None = None
    images: tuple[Picture, ...] = ()
    video: Picture | None = None


class Reference(msgspec.Struct, gc=False):
    """The message that this one answers, forwards or tells about."""

    type: str | None = ""
    messageId: str | None = ""  # noqa: N815 - as above
    channelId: str | None = ""  # noqa: N815 - as above


class Forwarded(msgspec.Struct, gc=False):
    """A message that was forwarded; who wrote it is not told."""

    timestamp: str | None = ""
    content: str | None = ""
    attachments: tuple[RawAttachment, ...] = ()
    embeds: tuple[Embed, ...] = ()
    stickers: tuple[Sticker, ...] = ()


class Interaction(msgspec.Struct, gc=False):
    """The command that a bot answers."""

    name: str | None = ""
    user: User | None = None


class Item(msgspec.Struct, gc=False):
    """A message. People stand there in full each time, so they are decoded once for each way in which they are written."""

    id: Id = ""
    type: str | Number = "Default"
    timestamp: datetime | None = None
    timestampEdited: datetime | None = None  # noqa: N815 - as above
    isPinned: bool = False  # noqa: N815 - as above
    content: str | None = ""
    author: msgspec.Raw = NOBODY
    attachments: tuple[RawAttachment, ...] = ()
    embeds: tuple[Embed, ...] = ()
    stickers: tuple[Sticker, ...] = ()
    reactions: tuple[Reacted, ...] = ()
    mentions: tuple[msgspec.Raw, ...] = ()
    reference: Reference | None = None
    forwardedMessage: Forwarded | None = None  # noqa: N815 - as above
    interaction: Interaction | None = None


class Guild(msgspec.Struct):
    """The server."""

    id: Id = ""
    name: str | None = ""
    iconUrl: str | None = ""  # noqa: N815 - as above


class Place(msgspec.Struct):
    """The channel. `category` is the category of a channel and the channel of a thread."""

    id: Id = ""
    type: str | Number = ""
    categoryId: Id | None = ""  # noqa: N815 - as above
    category: str | None = ""
    name: str | None = ""
    topic: str | None = ""


class DateRange(msgspec.Struct):
    """What was asked for."""

    after: str | None = None
    before: str | None = None


decode: Final = msgspec.json.Decoder(list[Item]).decode
decode_user: Final = msgspec.json.Decoder(User).decode


def loosely(raw: bytes, kind: type[Any]) -> Any:
    """A struct without those of its fields that have a type nobody expects. None where nothing is left."""
    try:
        found = msgspec.json.decode(mended(raw))
    except UNREADABLE:
        return None
    if not isinstance(found, dict):
        return None
    item = kind()
    known = 0
    for field in msgspec.structs.fields(kind):
        if field.encode_name in found:
            value = found[field.encode_name]
            try:
                if field.name in {"mentions", "users"}:
                    setattr(item, field.name, tuple(msgspec.Raw(msgspec.json.encode(one)) for one in value))
                elif field.type is msgspec.Raw:
                    setattr(item, field.name, msgspec.Raw(msgspec.json.encode(value)))
                else:
                    setattr(item, field.name, msgspec.convert(value, field.type, strict=False))
                known += 1
            except (*UNREADABLE, ValueError, TypeError):
                continue
    return item if known else None


def snowflake_time(ref: str) -> int:
    """When something was made: its id tells. 0 for what is no such id."""
    time = (int(ref) >> 22) + _FIRST if ref.isdecimal() else 0
    return time if time < _ABSURD else 0
