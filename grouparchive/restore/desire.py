"""What is wanted: the archive folded to a moment, as the planner takes it. Reads a view, decides nothing."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, runtime_checkable

from grouparchive.archive.fold import View
from grouparchive.archive.moment import Moment, as_text
from grouparchive.errors import Damaged, NoArchive, UsageError
from grouparchive.model.plan import Desired, Plan
from grouparchive.model.ports import OpenBlob
from grouparchive.model.records import Attachment, Edit, MemberId, Message, Reaction, Ref, Vote

TimelineRecord: TypeAlias = Message | Edit | Reaction | Vote


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
        view: the folded archive.
        open_blob: gives a file's bytes, the view's own `blob` by default.
    """

    def __init__(self, view: View, open_blob: OpenBlob | None = None) -> None:
        self._view = view
        self._open_blob = open_blob or view.blob
        self._found: dict[Ref, Attachment | None] = {}

    def __call__(self, channel: Ref) -> Iterator[TimelineRecord]:
        """See `Timelines`."""
        return self._view.timeline(channel)

    def attachment(self, ref: Ref) -> Attachment | None:
        """See `Timelines`. A file whose bytes do not open counts as one that was never had."""
        if ref not in self._found:
            self._found[ref] = _readable(self._view, self._open_blob, ref)
        return self._found[ref]

    def blob(self, blob_id: str) -> Iterator[bytes]:
        """See `Timelines`."""
        return self._open_blob(blob_id)


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
        attachment = _readable(view, view.blob, ref)
        if attachment:
            avatars[ref] = attachment.blob
    return Desired(
        archive_id=view.archive_id,
        position=view.position,
        moment=view.moment,
        as_of="" if view.asked.time is None else f"{view.asked.time}ms",
        trusted=as_text(view.trusted.position or {}),
        trusted_by=view.trusted.by,
        group=found,
        channels=channels,
        settings=tuple(setting for channel in channels for setting in view.settings(channel.ref)),
        roles=tuple(view.roles(group)),
        pins={channel.ref: view.pins(channel.ref) for channel in channels},
        people=tuple(view.people(group)),
        bans=tuple(view.bans(group)),
        avatars=avatars,
    )


def moment_of(plan: Plan) -> Moment:
    """The moment to fold the archive to, so that a plan finds the posts it was made from, also after more backups.

    Raises:
        Damaged: the plan does not tell it.
    """
    number, is_time, _ = plan.as_of.partition("ms")
    if not is_time:
        return Moment(position=position_of(plan.position))
    if not number.isdecimal():
        raise _untold()
    return Moment(time=int(number))


def position_of(text: str) -> dict[str, int]:
    """A position as plans write it.

    Raises:
        Damaged: it is none.
    """
    places = [entry.rpartition(":") for entry in text.split(",") if entry]
    if not all(writer and seq.isdecimal() for writer, _, seq in places):
        raise _untold()
    return {writer: int(seq) for writer, _, seq in places}


def trusted_of(plan: Plan) -> dict[str, int] | None:
    """The position that a plan goes by in what it believes; None where nobody had said when it was made.

    Raises:
        Damaged: the plan does not tell it.
    """
    return position_of(plan.trusted) if plan.trusted_by else None


def _untold() -> Damaged:
    return Damaged("the plan does not tell its moment: it is damaged or of another version")


def natives_of(view: View) -> Callable[[MemberId], str]:
    """What tells a member's handle, "" where the roster is closed or does not know."""
    members = view.members

    def native(member: MemberId) -> str:
        known = members.get(member)
        return known.native if known else ""

    return native


def _readable(view: View, open_blob: OpenBlob, ref: Ref) -> Attachment | None:
    """An attachment whose bytes open."""
    attachment = view.attachment(ref)
    if attachment is not None:
        try:
            next(iter(open_blob(attachment.blob)), b"")
        except (Damaged, NoArchive):
            return None
    return attachment
