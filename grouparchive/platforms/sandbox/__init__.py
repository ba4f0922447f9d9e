"""A whole platform in one SQLite file: for drills, for tests without a network, and as the example of how to write one."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Literal

from grouparchive.errors import UsageError
from grouparchive.model.ports import Check, Connector, Identify, Messenger, OpenBlob, Option, Pace, Source, Target
from grouparchive.model.records import AnyRecord, Message, RoomKey
from grouparchive.platforms.sandbox.connector import SandboxConnector
from grouparchive.platforms.sandbox.messenger import SandboxMessenger
from grouparchive.platforms.sandbox.target import SandboxTarget
from grouparchive.platforms.sandbox.world import World


class SandboxPlatform:
    """What the registry holds."""

    name: ClassVar[str] = "sandbox"
    options: ClassVar[Mapping[str, Option]] = {
        "file": Option(help="the sandbox's file; made where there is none", required=True)
    }
    paces: ClassVar[Mapping[Literal["invitation", "message"], Pace]] = {
        "invitation": Pace(pause=0, days=(1_000_000,)),
        "message": Pace(pause=0, days=(1_000_000,)),
    }
    has_groups: ClassVar[bool] = True

    def check(self, source: Source) -> Check:
        """Look at the sandbox."""
        world = World(_path(source))
        try:
            empty = not world.rows("SELECT 1 FROM channels LIMIT 1")
            return Check(
                origin=world.origin,
                ok=True,
                can=("do everything in this sandbox, which is a file on this machine and nobody's group",),
                warnings=("There is no group in this sandbox yet.",) if empty else (),
            )
        finally:
            world.close()

    def connector(self, source: Source, identify: Identify) -> Connector:
        """Open it for reading."""
        return SandboxConnector(_path(source), identify)

    def target(self, source: Source, identify: Identify, open_blob: OpenBlob) -> Target:
        """Open it for rebuilding."""
        return SandboxTarget(_path(source), identify, open_blob)

    def messenger(self, source: Source) -> Messenger:
        """Open it for invitations."""
        return SandboxMessenger(_path(source))

    def keys(self, data: bytes, passphrase: str) -> Iterable[RoomKey]:  # noqa: ARG002 - the port's signature
        """There are no keys here.

        Raises:
            UsageError: always.
        """
        raise UsageError("nothing in a sandbox is end-to-end encrypted")

    def opener(self, keys: Iterable[RoomKey], identify: Identify) -> Callable[[Message], AnyRecord]:  # noqa: ARG002 - as above
        """Nothing here is encrypted, so messages come back as they are."""
        return lambda message: message


def _path(source: Source) -> Path:
    """Where the sandbox is.

    Raises:
        UsageError: the source does not say.
    """
    if not source.options.get("file"):
        raise UsageError(
            "this sandbox has no file", hint="Add it again with: grouparchive source add NAME sandbox file=PATH"
        )
    return Path(source.options["file"]).expanduser()


PLATFORM = SandboxPlatform()

__all__ = ["PLATFORM", "SandboxPlatform"]
