"""What is wanted: the archive folded to a moment, as the planner takes it. Reads a view, decides nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from grouparchive.errors import Damaged, UsageError
from grouparchive.model.plan import Desired, Person
from grouparchive.model.ports import OpenBlob
from grouparchive.model.records import (
    Attachment,
    Ban,
    Channel,
    Edit,
    Group,
    Member,
    MemberId,
    Message,
    Millis,
    Reaction,
    Ref,
    Role,
    Setting,
    Vote,
)

TimelineRecord: TypeAlias = Message | Edit | Reaction | Vote


class View(Protocol):
    """An archive folded to a moment, as far as it is read here (`archive.fold.View`)."""

    archive_id: str
    position: str
    moment: Millis
    members: Mapping[MemberId, Member]  # empty where the roster is closed

    def groups(self) -> Iterable[Group]:
        """All groups."""
        ...

    def channels(self, group: Ref) -> Iterable[Channel]:
        """A group's channels."""
        ...

    def settings(self, channel: Ref) -> Iterable[Setting]:
        """A channel's settings."""
        ...

    def roles(self, group: Ref) -> Iterable[Role]:
        """A group's roles."""
        ...

    def pins(self, channel: Ref) -> Iterable[Ref]:
        """What is pinned in a channel."""
        ...

    def people(self, group: Ref) -> Iterable[Person]:
        """A group's members; none where the roster is closed."""
        ...

    def bans(self, group: Ref) -> Iterable[Ban]:
        """Who must not come back; none where the roster is closed."""
        ...

    def timeline(self, channel: Ref) -> Iterator[TimelineRecord]:
        """A channel's events in order."""
        ...

    def attachment(self, ref: Ref) -> Attachment | None:
        """Where a file's bytes are."""
        ...


@runtime_checkable
class Timelines(Protocol):
    """The posts of an archive. Each call streams one channel anew, always the same."""

    def __call__(self, channel: Ref) -> Iterator[TimelineRecord]:
        """The channel's events in the order in which people saw them."""
        ...

    def attachment(self, ref: Ref) -> Attachment | None:
        """Where a file's bytes are, or None where the archive never had them."""
        ...

    def blob(self, blob_id: str) -> Iterator[bytes]:
        """A file's bytes in pieces."""
        ...


class ArchiveTimelines:
    """The posts and files of a folded archive, as the planner and the applier read them.

    Args:
        view: the archive folded to the plan's moment.
        open_blob: gives a file's bytes, `Reader.blob`.
    """

    def __init__(self, view: View, open_blob: OpenBlob) -> None:
        self._view = view
        self._open_blob = open_blob
        self._found: dict[Ref, Attachment | None] = {}

    def __call__(self, channel: Ref) -> Iterator[TimelineRecord]:
        """See `Timelines`."""
        return self._view.timeline(channel)

    def attachment(self, ref: Ref) -> Attachment | None:
        """See `Timelines`. A file whose bytes do not open counts as one that was never had."""
        if ref not in self._found:
            self._found[ref] = self._look(ref)
        return self._found[ref]

    def blob(self, blob_id: str) -> Iterator[bytes]:
        """See `Timelines`."""
        return self._open_blob(blob_id)

    def _look(self, ref: Ref) -> Attachment | None:
        attachment = self._view.attachment(ref)
        if attachment is not None:
            try:
                next(iter(self._open_blob(attachment.blob)), b"")
            except Damaged:
                return None
        return attachment


def natives_of(view: View) -> Callable[[MemberId], str]:
    """What tells a member's handle, "" where the roster is closed or does not know."""

    def native(member: MemberId) -> str:
        known = view.members.get(member)
        return known.native if known else ""

    return native


def desired(view: View, group: Ref) -> Desired:
    """What the planner is asked to bring back: one group of a folded archive.

    Raises:
        UsageError: the archive holds no such group at that moment.
    """
    found = next((one for one in view.groups() if one.ref == group), None)
    if found is None:
        raise UsageError(
            "the archive holds no such group at that moment", hint="`grouparchive groups` lists those it holds."
        )
    channels = tuple(view.channels(group))
    avatars = {}
    for ref in {found.avatar, *(channel.avatar for channel in channels)} - {""}:
        attachment = view.attachment(ref)
        if attachment:
            avatars[ref] = attachment.blob
    return Desired(
        archive_id=view.archive_id,
        position=view.position,
        moment=view.moment,
        group=found,
        channels=channels,
        settings=tuple(setting for channel in channels for setting in view.settings(channel.ref)),
        roles=tuple(view.roles(group)),
        pins={channel.ref: tuple(view.pins(channel.ref)) for channel in channels},
        people=tuple(view.people(group)),
        bans=tuple(view.bans(group)),
        avatars=avatars,
    )
