"""The protocols between the project and the outside world. A platform is a short module that implements a few of these.

    Platform    names itself and its options, checks a credential, and opens the three below
    Connector   reads a group          (platform -> archive)
    Target      writes a group         (plan -> platform)
    Messenger   delivers one message to one person

Contract for all three: calls are synchronous; the shared HTTP client (`platforms/http.py`) does every retry, so an
implementation never loops on errors; failures are `PlatformError` or a subclass; what cannot be had is a `Gap`, never
silence; whatever the platform sends is hostile until validated. The suites in tests/contracts/ hold each to it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from grouparchive.model.plan import Action, Observed, Outcome, Verb
from grouparchive.model.records import AnyRecord, Gap, Group, MemberId, Message, Record, Ref, RoomKey, Vault

Cursor: TypeAlias = Mapping[str, str]
"""Resume points of one group: the connector's own keys (usually channel refs) to opaque strings."""

Identify: TypeAlias = Callable[[str, str, str], MemberId]
"""identify(native id, display name, avatar ref) -> the person's member id in this run. Remembers who was mentioned, so that
the commit can seal `Member` records for them. "" for name or avatar where unknown; a later call with one fills it in."""

OpenBlob: TypeAlias = Callable[[str], Iterator[bytes]]
"""open_blob(blob id) -> the file's bytes in pieces of at most 8 MiB."""


class MediaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a page mentions: fetch it with `Connector.media(ref)` and store an `Attachment` of the same ref.
    `stamp`, of a member's picture: as in `Page`.
    """

    ref: Ref
    vault: Vault = "content"
    mime: str = ""
    size: int = 0  # as announced, 0 unknown
    stamp: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One fetch. `cursor` holds only the entries that change; they may be trusted once the page's records are committed.
    `media` lists the files that the records mention, also those mentioned before. `stamp`, of a roster's page: something that
    the platform tells only to those inside, and that stays the same while the roster does (the ids of its events). It goes
    into the digest by which the next run notices a change, so that who has the machine cannot try candidates against it.
    """

    records: list[AnyRecord]
    cursor: dict[str, str] = {}
    gaps: list[Gap] = []
    media: list[MediaRequest] = []
    stamp: str = ""


@runtime_checkable
class Connector(Protocol):
    """Reads what an admin of the group can read. Never writes to the platform, not even a read receipt."""

    platform: ClassVar[str]
    exports: ClassVar[frozenset[type[Record]]]

    def groups(self) -> Iterator[Group]:
        """The groups that this credential administers now.

        Raises:
            Refused: the credential is revoked or too narrow.
            PlatformError: the platform cannot be reached.
        """
        ...

    def pages(self, group: Ref, after: Cursor) -> Iterator[Page]:
        """Everything of a group that came after the cursor ({} is the beginning), oldest first, and its states.

        The first pages hold the states (Group, Channel, Setting, Role, Pins) in full and, per channel, the roster as one
        page: `Roster`, then all its `Membership` and `Ban`. The caller drops states that did not change. Then come the
        events, in the order in which people saw them in each channel. Called again with the last cursor and nothing new at
        the platform, it yields the same states, no events, and makes at most 5 requests per channel.
        """
        ...

    def media(self, ref: Ref) -> Iterator[bytes]:
        """The bytes of a file, in pieces. Thread-safe.

        Raises:
            NotFound, Refused, PlatformError: it cannot be had (the caller records a gap).
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Target(Protocol):
    """Builds a group. Thread-safe: the applier works on several channels at once, in order inside each."""

    platform: ClassVar[str]
    performs: ClassVar[frozenset[Verb]]

    def observe(self) -> Observed:
        """What the target is and what of ours stands there. Reads only."""
        ...

    def perform(self, action: Action) -> Outcome:
        """Do one bound action, once. Contacts nobody, notifies nobody it can help.

        Raises:
            InDoubt: it was sent and its fate is unknown; the applier asks `find`.
            Refused: the target said no, for good.
            PlatformError: it was not done and may be tried again later.
        """
        ...

    def find(self, action: Action) -> Outcome | None:
        """Was this action done already? Looks for what it made (by marker or by state), not at a server's memory of
        requests. None: it was not done.
        """
        ...

    def read(self, group: Ref) -> Iterator[AnyRecord]:
        """The rebuilt group as records (the target's own refs), messages with their `marker`, for the report. `Member`
        records tell who the ids are. People's ids come from the identify given at opening.
        """
        ...

    def media(self, ref: Ref) -> Iterator[bytes]:
        """The bytes of a file that stands in what `read` gave, in pieces, so that the report can compare them.

        Raises:
            NotFound, Refused, PlatformError: it cannot be had.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast messages may follow each other without alarming a platform: `pause` seconds between two on average, never less
    than half of it; and how many go in the first, second ... 24 hours of a campaign, the last number for all further ones.
    """

    pause: float
    days: tuple[int, ...]


class PersonalMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one person. It names no group, no theme and nobody else.

    An `invitation` is the platform's own, to the room `place`. A `message` is `text`, with a `subject` where the channel has
    subjects.
    """

    key: str
    recipient: str  # native handle or address; lives in memory only
    kind: Literal["invitation", "message"]
    place: Ref = ""  # the target's ref of the room to be invited to
    subject: str = ""
    text: str = ""

    def __repr__(self) -> str:
        """Without the person."""
        return f"PersonalMessage({self.kind!r})"


@runtime_checkable
class Messenger(Protocol):
    """Delivers one message to one person, quietly."""

    platform: ClassVar[str]

    def send(self, message: PersonalMessage) -> Outcome:
        """Deliver once.

        Raises:
            InDoubt: unknown whether it went out; ask `find`.
            Refused: it never will (no such person, they block us, they said no): reported, not retried.
            Flood: not sent, and the platform or somebody objects to our sending: the whole campaign stops at once.
            PlatformError: not sent; later perhaps.
        """
        ...

    def find(self, message: PersonalMessage) -> Outcome | None:
        """Was it delivered, answered or declined already? `already` with a note of what is known, or None.

        Raises:
            NotImplementedError: this way of delivering cannot tell; then an in-doubt message is reported, never re-sent.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Revokes(Protocol):
    """What a messenger may have besides: it takes back what nobody has answered."""

    def revoke(self, message: PersonalMessage) -> bool:
        """Take back an invitation. False where it was answered, or was never there: then nothing is changed.

        Raises:
            PlatformError: unknown whether it was; look again later.
        """
        ...


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One `key=value` of `source add`. A secret is taken by prompt, `key=-` (stdin) or `key-file=F`, never as a value."""

    help: str
    required: bool = False
    secret: bool = False


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A configured source or target on this machine: the origin, the platform's options, and the secrets in memory."""

    name: str
    platform: str
    options: dict[str, str] = {}
    secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Source({self.name!r}, {self.platform!r})"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What a live look at the credential says: `can` is what a thief could do with it, in plain sentences."""

    origin: str
    ok: bool
    can: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Platform(Protocol):
    """What the registry holds (entry point group `grouparchive.platforms`). `paces`: the kinds of `PersonalMessage` that its
    messenger carries, and how fast. `has_groups`: is there anything to back up, or does it only carry messages?
    """

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Option]]
    paces: ClassVar[Mapping[Literal["invitation", "message"], Pace]]
    has_groups: ClassVar[bool]

    def check(self, source: Source) -> Check:
        """Try the credential, read-only."""
        ...

    def connector(self, source: Source, identify: Identify) -> Connector:
        """Open it for reading."""
        ...

    def target(self, source: Source, identify: Identify, open_blob: OpenBlob) -> Target:
        """Open it for rebuilding."""
        ...

    def messenger(self, source: Source) -> Messenger:
        """Open it for messages to single people."""
        ...

    def keys(self, data: bytes, passphrase: str) -> Iterable[RoomKey]:
        """`RoomKey` records out of an exported key file.

        Raises:
            UsageError: this platform has no such thing.
        """
        ...

    def opener(self, keys: Iterable[RoomKey], identify: Identify) -> Callable[[Message], AnyRecord]:
        """A function that opens an `encrypted` message where `keys` fit and gives what was inside (a Message, Edit or Reaction
        with the same channel, ref, time and author); a message that stays shut comes back as it is.
        """
        ...
