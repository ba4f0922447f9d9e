"""The restore plan as a value: what is wanted, what is there, the ordered actions, and the digest a person reviewed.

Everything here is data. `restore/planner.py` makes plans, `restore/applier.py` carries them out, targets perform single
actions. Plans name people by member id only; they hold names of groups and rooms, so plan files are sealed to `content`.
"""

import enum
import hashlib
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from grouparchive.model.records import (
    Ban,
    BlobId,
    Channel,
    Group,
    MemberId,
    Membership,
    Millis,
    Name,
    Poll,
    Ref,
    Role,
    Setting,
    Text,
)

Key: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
"""Identity of an action, unguessable without the plan: HMAC of the plan key. Doubles as the marker that a target puts
into what it creates, and by which `find` recognises it."""


class Trait(enum.StrEnum):
    """What a target can do beyond its verbs."""

    BACKDATING = "backdating"  # posts bear their original time
    AUTHORS = "authors"  # posts bear a stand-in author (a ghost)
    FORMATTING = "formatting"  # html bodies


class _Action(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", omit_defaults=True):
    """Base of actions. Refs in a plan are the archive's; the applier hands a target the same action with the target's own
    refs in place of them (`bind`), so that a target needs to know nothing of archives.
    """

    key: Key


class CreateGroup(_Action, frozen=True, kw_only=True, tag="create-group"):
    """Make the container (on Matrix a Space, or the lone room) under a neutral name, invite-only, no topic, no avatar."""

    group: Ref
    channel: Channel
    name: Name  # the neutral one


class CreateChannel(_Action, frozen=True, kw_only=True, tag="create-channel"):
    """Make a channel under a neutral name inside `parent`, which is made before it."""

    channel: Channel
    parent: Ref
    name: Name
    private: bool = False  # not open to whoever is in the parent: invitations only


class AddAuthor(_Action, frozen=True, kw_only=True, tag="add-author"):
    """Make a stand-in author and let it write in a channel. `label` is what people will see."""

    channel: Ref
    author: MemberId
    label: Name


class RemoveAuthor(_Action, frozen=True, kw_only=True, tag="remove-author"):
    """The stand-in leaves the channel again; what it wrote stays."""

    channel: Ref
    author: MemberId


class Upload(_Action, frozen=True, kw_only=True, tag="upload"):
    """Put a file where the target keeps files. The outcome's ref is what posts point to. `strip`: metadata is removed first."""

    blob: BlobId
    name: Name = ""
    mime: Name = ""
    size: int = 0
    strip: bool = True


class PostMedia(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file in a post; `upload` is the key of its Upload in a plan, the target's own file ref once bound."""

    upload: Ref
    name: Name = ""
    mime: Name = ""
    size: int = 0
    width: int = 0
    height: int = 0
    duration: int = 0


class Post(_Action, frozen=True, kw_only=True, tag="post"):
    """One post. Mentions stand in the text as labels already. `author` is "" when the target cannot post as others; then
    the planner has put who and when into the text.
    """

    channel: Ref
    message: Ref  # the archive's ref, for the journal and the report
    time: Millis
    type: Name = "text"
    text: Text = ""
    html: Text = ""
    author: MemberId | Literal[""] = ""
    reply_to: Ref = ""
    thread: Ref = ""
    media: tuple[PostMedia, ...] = ()
    poll: Poll | None = None
    data: Text = ""


class EditPost(_Action, frozen=True, kw_only=True, tag="edit-post"):
    """A later text of a post."""

    channel: Ref
    message: Ref
    target: Ref
    time: Millis
    text: Text = ""
    html: Text = ""
    author: MemberId | Literal[""] = ""


class React(_Action, frozen=True, kw_only=True, tag="react"):
    """A reaction by a stand-in author."""

    channel: Ref
    message: Ref
    target: Ref
    time: Millis
    reaction: Name
    author: MemberId | Literal[""] = ""


class Replay(_Action, frozen=True, kw_only=True, tag="replay"):
    """All posts of one channel, in order. The plan holds only how many and the digest of exactly which; the applier expands
    it to Upload, Post, EditPost and React actions as it streams them out of the archive. `posts` counts archived messages;
    `gathered` says that runs of text posts go as one post each.
    """

    channel: Ref
    posts: int
    gathered: bool = False
    pinned: tuple[Ref, ...] = ()  # these stay posts of their own
    edits: int = 0
    reactions: int = 0
    files: int = 0
    bytes: int = 0
    digest: str = ""  # SHA-256 hex over the encoded expanded actions, in order


class SetPins(_Action, frozen=True, kw_only=True, tag="set-pins"):
    """Pin these posts, in this order."""

    channel: Ref
    messages: tuple[Ref, ...]


class Configure(_Action, frozen=True, kw_only=True, tag="configure"):
    """Give a channel one of its settings, as the archive recorded it."""

    channel: Ref
    setting: Name
    value: Text


class BanMember(_Action, frozen=True, kw_only=True, tag="ban-member"):
    """Keep somebody out."""

    channel: Ref
    member: MemberId
    native: Name = ""  # filled in when bound, from the roster; never in a plan or a journal


class Reveal(_Action, frozen=True, kw_only=True, tag="reveal"):
    """Give a channel its real name, topic and avatar (`--reveal`, when people are back)."""

    channel: Ref
    name: Name = ""
    topic: Text = ""
    avatar: Ref = ""  # key of the Upload


class Grant(_Action, frozen=True, kw_only=True, tag="grant"):
    """Give a returned member their role back (`--reveal`; skipped while they are not there)."""

    channel: Ref
    member: MemberId
    level: int
    native: Name = ""  # as in BanMember


Action: TypeAlias = (
    CreateGroup | CreateChannel | AddAuthor | RemoveAuthor | Upload | Post | EditPost | React | Replay
    | SetPins | Configure | BanMember | Reveal | Grant
)  # fmt: skip
"""Everything a target may be asked to do."""

Verb: TypeAlias = type[_Action]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an action. `ref` is the target's own ref of what was made. `note` is a gap code, never a name."""

    status: Literal["done", "already", "skipped", "failed"]
    ref: Ref = ""
    note: Name = ""


class PlanGap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A feature that will be lost, counted. `text` says it in plain words, without naming a person."""

    code: Name
    count: int
    text: Text


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the person decided. `key` is 32 random bytes as hex: action keys and stand-in names come from it."""

    key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    content: Literal["none", "structure", "pinned", "consented", "all"] = "structure"
    authors: Literal["anonymous", "ghost", "consented"] = "anonymous"
    allow_plaintext: bool = False  # rebuild encrypted rooms without encryption
    consented: frozenset[MemberId] = frozenset()


class Observed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The target as it is: what it can do with this credential, and what of ours stands there already.

    `containers` are groups and channels that bear a marker of ours: marker -> the target's ref. `digest` changes when
    anything changes that would make a reviewed plan wrong.
    """

    platform: Name
    account: Name = ""  # opaque digest of the acting account, for drift; never its handle
    traits: frozenset[Trait] = frozenset()
    containers: dict[str, Ref] = {}
    limits: dict[str, float] = {}  # verb or "post" -> sustained actions per second that the target allows
    version: Name = ""

    def digest(self) -> str:
        """SHA-256 hex over everything but the limits."""
        plain = (self.platform, self.account, sorted(self.traits), sorted(self.containers.items()), self.version)
        return hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


Hold: TypeAlias = Literal[
    "no-trusted-position", "first-seen-after-trust", "suspect-commit", "consent-unknown", "consent-no", "do-not-contact",
    "minor", "on-hold",
]  # fmt: skip
"""Why a person is left alone until somebody decides. The first three are about whether they were members at all: nobody has
said up to where the backups can be trusted; only later backups tell of them; only suspect backups do.
"""

TrustedBy: TypeAlias = Literal["", "given", "attended"]
"""Who said up to where the backups can be trusted: nobody, the person who plans, or an attended statement in the archive."""


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A member as plans and the planner know them: the folded id and what they may do, never who they are.

    `holds` speak against asking them back, in the order of `Hold`. In the channels of `unproved`, no trusted backup tells of a
    power as high as in `memberships`.
    """

    id: MemberId
    memberships: tuple[Membership, ...] = ()
    admin: bool = False  # the account that ran the backup
    holds: tuple[Hold, ...] = ()
    unproved: tuple[Ref, ...] = ()


class Desired(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The archive folded to a moment, without the posts themselves (the planner streams those through a callable)."""

    archive_id: str
    position: str  # which commits were read, as text: "writer:seq" joined by ","
    moment: Millis  # posts later than this are left out
    as_of: Name = ""  # how to fold to this moment again: a time as "...ms", "": the position
    trusted: Name = ""  # the newest commits that can be trusted, written like `position`; "" where nobody has said
    trusted_by: TrustedBy = ""
    group: Group
    channels: tuple[Channel, ...]
    settings: tuple[Setting, ...] = ()
    roles: tuple[Role, ...] = ()
    pins: dict[Ref, tuple[Ref, ...]] = {}
    people: tuple[Person, ...] = ()
    bans: tuple[Ban, ...] = ()
    avatars: dict[Ref, BlobId] = {}  # avatar ref -> blob


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The ordered plan. `digest()` covers everything but `seconds`."""

    format: int = 1
    archive_id: str
    position: str
    moment: Millis
    as_of: Name = ""  # as in Desired, like the next two
    trusted: Name = ""
    trusted_by: TrustedBy = ""
    group: Ref
    group_name: Name
    target: Name  # the name of the source entry it goes to
    platform: Name
    policy: Policy
    observed: str  # Observed.digest() at planning time
    traits: frozenset[Trait] = frozenset()  # of the target at planning time: what replays expand to depends on them
    verbs: frozenset[Name] = frozenset()  # the tags of what the target performs, likewise
    labels: dict[MemberId, Name] = {}  # member -> stand-in label
    actions: tuple[Action, ...] = ()
    reveal: tuple[Action, ...] = ()  # done only with --reveal
    gaps: tuple[PlanGap, ...] = ()
    seconds: float = 0.0  # estimate at the target's limits

    def digest(self) -> str:
        """SHA-256 hex over the canonical JSON of the plan without its estimate."""
        return hashlib.sha256(
            msgspec.json.encode(msgspec.structs.replace(self, seconds=0.0), order="sorted")
        ).hexdigest()
