"""The rows of Meta's JSON downloads as far as we read them, with every field free to be missing. Texts still carry the encoding
fault. Known from public parsers and from people's descriptions of their downloads; Meta documents none of it.
"""

from typing import Any

import msgspec

from grouparchive.model.records import LAST_MILLI

Number = float | int | None


class Loose(msgspec.Struct, frozen=True):
    """Base: what we do not know is passed over."""


class Uri(Loose, frozen=True):
    """A file of the download."""

    uri: str | None = None
    creation_timestamp: Number = None
    title: str | None = None
    description: str | None = None


class Comment(Loose, frozen=True):
    """What a comment says, and where it was."""

    timestamp: Number = None
    comment: str | None = None
    author: str | None = None
    group: str | None = None


class Said(Loose, frozen=True):
    """An element of `data`: what a post or comment says; of groups joined, the group's name."""

    post: str | None = None
    comment: Comment | None = None
    update_timestamp: Number = None
    name: str | None = None


class Option(Loose, frozen=True):
    """An answer of a poll."""

    option: str | None = None
    voted: bool | None = None


class Poll(Loose, frozen=True):
    """A poll."""

    question: str | None = None
    options: list[Option] | None = None


class Event(Loose, frozen=True):
    """An event."""

    name: str | None = None
    start_timestamp: Number = None
    end_timestamp: Number = None
    description: str | None = None


class Place(Loose, frozen=True):
    """A place."""

    name: str | None = None
    address: str | None = None
    coordinate: dict[str, float] | None = None


class Link(Loose, frozen=True):
    """An address."""

    url: str | None = None
    name: str | None = None


class Sale(Loose, frozen=True):
    """Something for sale."""

    title: str | None = None
    price: str | None = None
    description: str | None = None


class Attached(Loose, frozen=True):
    """Something that is attached: one of these."""

    media: Uri | None = None
    external_context: Link | None = None
    poll: Poll | None = None
    event: Event | None = None
    place: Place | None = None
    for_sale_item: Sale | None = None
    text: str | None = None


class Attachment(Loose, frozen=True):
    """Things that are attached."""

    data: list[Attached] | None = None


class Post(Loose, frozen=True):
    """A row of `group_posts_v2`, `group_comments_v2`, `groups_joined_v2`, of your_posts_1.json and profile_posts_1.json."""

    timestamp: Number = None
    title: str | None = None
    data: list[Said] | None = None
    attachments: list[Attachment] | None = None


class Named(Loose, frozen=True):
    """A row of `groups_admined_v2`, `pages_v2`, `followers_v2`, `followers_v3`; a participant."""

    name: str | None = None
    timestamp: Number = None


class Reaction(Loose, frozen=True):
    """A reaction to a message."""

    reaction: str | None = None
    actor: str | None = None
    timestamp: Number = None


class Share(Loose, frozen=True):
    """Something that was shared in a message."""

    link: str | None = None
    share_text: str | None = None


class Line(Loose, frozen=True):
    """A message of a thread. `sticker` is a file in Messenger's downloads."""

    sender_name: str | None = None
    timestamp_ms: Number = None
    content: str | None = None
    photos: list[Uri] | None = None
    videos: list[Uri] | None = None
    audio_files: list[Uri] | None = None
    gifs: list[Uri] | None = None
    files: list[Uri] | None = None
    sticker: Uri | None = None
    share: Share | None = None
    reactions: list[Reaction] | None = None
    type: str | None = None
    users: list[Named] | None = None
    call_duration: Number = None
    missed: bool | None = None
    is_unsent: bool | None = None
    # the separate download of end-to-end encrypted chats has names of its own
    senderName: str | None = None  # noqa: N815 - theirs
    timestamp: Number = None
    text: str | None = None
    media: list[Uri] | None = None
    isUnsent: bool | None = None  # noqa: N815 - theirs


class FullName(Loose, frozen=True):
    """A name."""

    full_name: str | None = None


class Profile(Loose, frozen=True):
    """`profile_v2`: the account that was downloaded. `name` is a text in the oldest layouts."""

    name: FullName | str | None = None
    profile_uri: str | None = None


class Listed(Loose, frozen=True):
    """An entry of Instagram's `string_list_data`."""

    href: str | None = None
    value: str | None = None
    timestamp: Number = None


class Relation(Loose, frozen=True):
    """A follower, or an account that is followed."""

    title: str | None = None
    string_list_data: list[Listed] | None = None


class Value(Loose, frozen=True):
    """A value of Instagram's maps."""

    value: str | None = None


class ProfileUser(Loose, frozen=True):
    """Instagram's account. The keys are in the account's language."""

    string_map_data: dict[str, Value] | None = None
    media_map_data: dict[str, Uri] | None = None


class Shot(Loose, frozen=True):
    """An Instagram post, story or reel: either a file itself, or several below it."""

    uri: str | None = None
    title: str | None = None
    creation_timestamp: Number = None
    timestamp: Number = None
    media: list[Uri] | None = None
    label_values: list[Any] | None = None


post_decoder = msgspec.json.Decoder(Post)
named_decoder = msgspec.json.Decoder(Named)
line_decoder = msgspec.json.Decoder(Line)
profile_decoder = msgspec.json.Decoder(Profile)
relation_decoder = msgspec.json.Decoder(Relation)
account_decoder = msgspec.json.Decoder(ProfileUser)
shot_decoder = msgspec.json.Decoder(Shot)
text_decoder = msgspec.json.Decoder(str)


def millis(value: Number, unit: int = 1000) -> int | None:
    """A time in seconds (or whatever `unit` makes milliseconds of) as milliseconds; None where it is none."""
    if value is None or value != value:  # noqa: PLR0124 - not a number
        return None
    time = value * unit
    return int(time) if 0 < time <= LAST_MILLI else None
