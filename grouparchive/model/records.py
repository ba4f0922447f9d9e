"""What an archive is made of: one frozen, typed record per kind of thing.

Two vaults hold them (see `VAULT_OF`). Records in `content` never hold a person's handle, name or address: people
stand there as opaque member ids, in texts as `{member:ID}`. Who is behind an id is said by `Member` records, which
only ever go to `roster`. Times are whole milliseconds since 1970-01-01 UTC. A `ref` is the stable identity that the
platform itself gives a thing (a room id, an event id); it is unique within its origin.

Two sorts of record differ in how they fold over time:

* **events** happened once and carry the platform's own `time`: `Message`, `Edit`, `Reaction`, `Vote`, `Tombstone`,
  `Attachment`, `RoomKey`, `Gap`. The same event read twice is one event (same kind and ref; the higher version wins).
* **states** describe how something is now, and a later record of the same kind and ref replaces the earlier one:
  `Group`, `Channel`, `Setting`, `Role`, `Pins`, `Member`, `Fact`, and the whole-roster snapshot of
  `Roster`, `Membership`, `Ban`. A `Group` or `Channel` without name, topic, avatar, time of creation and account (an export
  that knows only its number) replaces none.
"""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from grouparchive.model.gaps import Known as Known  # noqa: PLC0414 - it is taken from here, beside `Gap`

MemberId: TypeAlias = Annotated[
    str, Meta(min_length=32, max_length=32, extra_json_schema={"pattern": "^[0-9a-f]{32}$"})
]
"""A pseudonym: 16 bytes as lower-case hex. Different runs give one person different ids; the roster folds them. Reading checks
the length only: a pattern would more than double the time that a stored message takes to decode."""

NOBODY: MemberId = "0" * 32
"""Stands in the place of somebody who was erased."""

BlobId: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
"""The oid, as hex, of the object that holds a file's bytes."""

Ref: TypeAlias = Annotated[str, Meta(max_length=1024)]
LAST_MILLI: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: no clock is later."""
Millis: TypeAlias = Annotated[int, Meta(ge=0, le=LAST_MILLI)]
Name: TypeAlias = Annotated[str, Meta(max_length=16_384)]
Text: TypeAlias = Annotated[str, Meta(max_length=1_000_000)]

Vault: TypeAlias = Literal["content", "roster"]
VAULTS: tuple[Vault, ...] = ("content", "roster")


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True, gc=False):
    """Base of all records; `kind` in the JSON names the class. None is part of a cycle: the collector need not look."""


# --- structure -------------------------------------------------------------------------------------------------------


class Group(Record, frozen=True, kw_only=True, tag="group"):
    """A community: the thing that was deleted and must come back. State, keyed by (origin, ref)."""

    ref: Ref
    platform: Name
    origin: Name
    name: Name = ""
    topic: Text = ""
    avatar: Ref = ""  # names an Attachment by its ref
    created: Millis = 0
    account: MemberId | Literal[""] = (
        ""  # the account that made the backup: an attacker may hold it, nobody invites it back
    )


class Channel(Record, frozen=True, kw_only=True, tag="channel"):
    """A place where people write, or that holds such places. State, keyed by ref.

    A group on Matrix that is a Space has one channel of type `space` with the group's own ref, and the rooms below it;
    a lone room is a group with one channel of type `room` and the same ref.
    """

    ref: Ref
    group: Ref
    type: Literal["space", "room", "thread", "topic", "category", "list"] = "room"
    parent: Ref = ""  # the channel above, "" at the top
    order: Name = ""  # sorts siblings
    name: Name = ""
    topic: Text = ""
    avatar: Ref = ""
    encrypted: bool = False
    created: Millis = 0


class Setting(Record, frozen=True, kw_only=True, tag="setting"):
    """One setting of a channel. State, keyed by (channel, name). `value` is JSON as the platform's connector defines it,
    with people in it as member ids.
    """

    channel: Ref
    name: Name
    value: Text


class Role(Record, frozen=True, kw_only=True, tag="role"):
    """A named or numbered power. State, keyed by (group, ref). `level` orders roles; 100 is what an owner has on Matrix."""

    group: Ref
    ref: Ref
    name: Name = ""
    level: int = 0
    permissions: tuple[Name, ...] = ()


class Pins(Record, frozen=True, kw_only=True, tag="pins"):
    """What is pinned in a channel now, as message refs in the platform's order. State, keyed by channel."""

    channel: Ref
    messages: tuple[Ref, ...] = ()


# --- posts -----------------------------------------------------------------------------------------------------------


class Media(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file as a message shows it. The bytes are found through the `Attachment` of the same ref, where they were had."""

    ref: Ref
    name: Name = ""
    mime: Name = ""
    size: int = 0  # bytes, as the platform says; 0 unknown
    width: int = 0  # pixels
    height: int = 0
    duration: int = 0  # milliseconds


class Poll(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question with answers; `Vote` records refer to the options by their ref."""

    question: Text
    options: tuple[tuple[Ref, Text], ...]  # (option ref, text)
    choices: int = 1  # how many one person may choose
    anonymous: bool = False


class Message(Record, frozen=True, kw_only=True, tag="message"):
    """A post, or a line of the service itself. Event, keyed by (channel, ref); of two, the higher `version` wins."""

    channel: Ref
    ref: Ref
    time: Millis
    author: MemberId | Literal[""] = ""  # "" where the platform does not say
    type: Literal[
        "text", "notice", "emote", "image", "video", "audio", "file", "sticker", "location", "contact", "poll",
        "service", "encrypted", "other",
    ] = "text"  # fmt: skip
    text: Text = ""  # plain text, mentions as {member:ID}
    html: Text = ""  # formatted text where the platform has it, mentions as {member:ID}
    reply_to: Ref = ""
    thread: Ref = ""  # ref of the message that opened the thread
    media: tuple[Media, ...] = ()
    poll: Poll | None = None
    mentions: tuple[MemberId, ...] = ()
    data: Text = ""  # JSON: what only this platform knows (ciphertext of an encrypted event, geo: URI, service action)
    version: int = 0  # the platform's own edit version, 0 where it has none
    edited: Millis = 0  # time of the last edit where the platform only tells the final text
    marker: Name = ""  # set when the post was made by our own restore: the key of the action that made it


class Edit(Record, frozen=True, kw_only=True, tag="edit"):
    """A new text for a message. Event, keyed by (channel, ref). All revisions are kept."""

    channel: Ref
    ref: Ref
    target: Ref  # the message
    time: Millis
    author: MemberId | Literal[""] = ""
    text: Text = ""
    html: Text = ""
    mentions: tuple[MemberId, ...] = ()
    marker: Name = ""


class Reaction(Record, frozen=True, kw_only=True, tag="reaction"):
    """One person's reaction, or `count` unnamed ones where the platform tells only a number. Event, by (channel, ref)."""

    channel: Ref
    ref: Ref
    target: Ref
    time: Millis = 0
    author: MemberId | Literal[""] = ""
    key: Name = ""  # the emoji or its name
    count: int = 1
    marker: Name = ""


class Vote(Record, frozen=True, kw_only=True, tag="vote"):
    """One person's answer to a poll. Event, keyed by (channel, ref); a person's last vote counts."""

    channel: Ref
    ref: Ref
    target: Ref
    time: Millis = 0
    author: MemberId | Literal[""] = ""
    choices: tuple[Ref, ...] = ()


class Tombstone(Record, frozen=True, kw_only=True, tag="tombstone"):
    """Something was deleted at the platform. It deletes nothing here: reading after its time hides the target.

    Event, keyed by (channel, ref). `target` is any event's ref in the channel.
    """

    channel: Ref
    ref: Ref
    target: Ref
    time: Millis
    author: MemberId | Literal[""] = ""


class Attachment(Record, frozen=True, kw_only=True, tag="attachment"):
    """The bytes of a file, avatar or picture are in blob `blob`. Event, keyed by ref. Goes to the vault of its use."""

    ref: Ref
    blob: BlobId
    size: int  # bytes really stored
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    mime: Name = ""


class RoomKey(Record, frozen=True, kw_only=True, tag="room_key"):
    """An exported end-to-end key: what opens `encrypted` messages of one session. Event, by (channel, session)."""

    channel: Ref
    session: Name
    key: Text


# --- people (roster vault only) --------------------------------------------------------------------------------------


class Member(Record, frozen=True, kw_only=True, tag="member"):
    """Who is behind a member id. State, keyed by id; ids with the same (platform, origin, native) are one person."""

    id: MemberId
    platform: Name
    origin: Name
    native: Name  # the platform's own handle or number
    name: Name = ""  # display name
    avatar: Ref = ""


class Roster(Record, frozen=True, kw_only=True, tag="roster"):
    """Head of a whole-roster snapshot of one channel: the `Membership` and `Ban` records for that channel in the same
    commit are all there are; whoever is not among them is no member any more. State, keyed by channel.
    """

    channel: Ref
    time: Millis
    members: int
    bans: int = 0


class Membership(Record, frozen=True, kw_only=True, tag="membership"):
    """One person's place in one channel. `level` is their power (0 ordinary).

    As part of a snapshot `seen` is 0. Where nobody gives the whole roster (a chat's text, a page that was scrolled through),
    each person seen is a sighting of its own, without a `Roster`: `seen` is when the platform last showed them there, or, with
    the state `leave`, when they had gone. Of a person's sightings the latest counts, over a snapshot that is older than it.
    """

    channel: Ref
    member: MemberId
    state: Literal["join", "invite", "knock", "leave"] = "join"  # leave: in sightings only
    level: int = 0
    roles: tuple[Ref, ...] = ()
    since: Millis = 0
    seen: Millis = 0


class Ban(Record, frozen=True, kw_only=True, tag="ban"):
    """Somebody who must not come back, as part of a snapshot."""

    channel: Ref
    member: MemberId
    by: MemberId | Literal[""] = ""
    reason: Text = ""
    time: Millis = 0


FactField: TypeAlias = Literal[
    "contact", "consent", "channel", "tier", "voucher", "hours", "zone", "language", "word", "card", "minor",
    "do-not-contact", "hold", "member", "same-as",
]  # fmt: skip


class Fact(Record, frozen=True, kw_only=True, tag="fact"):
    """Something that a person said about a person, beside what the platform tells. State, keyed by (member, field, key).

    Written by a machine it is a proposal, and only what restricts counts at once; what the owner states counts.

    * `contact`: `key` is the channel ("mail", "matrix", "signal", "phone" ...), `value` the address.
    * `consent`: `key` is the purpose ("contact", "keep", "republish"), `value` "yes" or "no".
    * `minor`, `do-not-contact`, `hold`: `value` "yes" or "no"; `member`: "yes" says that this is a genuine member.
    * `channel`: by which contact channel they would rather be asked; `hours` when, on the clock of `zone` (an IANA name).
    * `word`: agreed with them; `card`: the number of the neutral card that they were given.
    * `tier`, `language`: `value` as the campaign reads it; `voucher`, `same-as`: `value` is a member id.

    An empty `value` takes back what was said before.
    """

    member: MemberId
    field: FactField
    key: Name = ""
    value: Text = ""
    until: Millis = 0  # after then it counts no more; 0 for ever
    time: Millis = 0


# --- bookkeeping -----------------------------------------------------------------------------------------------------


class Gap(Record, frozen=True, kw_only=True, tag="gap"):
    """Something that could not be fetched, parsed or restored. `code` is kebab-case and says what; `scope` and `detail`
    may name things and so stay sealed. `limit` marks a known limit of the platform, which does not fail a run.
    """

    code: Annotated[str, Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    scope: Ref = ""  # the group, channel, message or file it is about
    detail: Text = ""
    count: int = 1
    limit: bool = False
    time: Millis = 0


class Secret(Record, frozen=True, kw_only=True, tag="secret"):
    """A key the archive itself keeps (owner and invite signing seeds, card key). Believed only in the first commit."""

    name: Literal["owner", "invite", "card"]
    key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


AnyRecord: TypeAlias = (
    Group | Channel | Setting | Role | Pins
    | Message | Edit | Reaction | Vote | Tombstone | Attachment | RoomKey
    | Member | Roster | Membership | Ban | Fact
    | Gap | Secret
)  # fmt: skip

KINDS: dict[str, type[Record]] = {
    str(cls.__struct_config__.tag): cls
    for cls in (
        Group,
        Channel,
        Setting,
        Role,
        Pins,
        Message,
        Edit,
        Reaction,
        Vote,
        Tombstone,
        Attachment,
        RoomKey,
        Member,
        Roster,
        Membership,
        Ban,
        Fact,
        Gap,
        Secret,
    )
}

ROSTER_KINDS: frozenset[type[Record]] = frozenset({Member, Roster, Membership, Ban, Fact})
STATE_KINDS: frozenset[type[Record]] = frozenset({Group, Channel, Setting, Role, Pins})


def vault_of(record: Record) -> Vault:
    """The vault a record belongs to by its kind. An `Attachment` or `Secret` for the roster says so where it is added."""
    return "roster" if type(record) in ROSTER_KINDS else "content"
