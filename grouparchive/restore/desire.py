"""What is wanted: the archive folded to a moment, as the planner takes it. Reads a view, decides nothing."""

from collections.abc import Iterator
from typing import Protocol, TypeAlias, runtime_checkable

from grouparchive.model.records import Attachment, Edit, Message, Reaction, Ref, Vote

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
