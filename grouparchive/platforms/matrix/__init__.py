"""Matrix: reading a community as its admin, rebuilding it, writing to people, inviting them. `PLATFORM` is all others need."""

# ruff: noqa: PLC0415 - each part is imported when it is opened: reading needs no target, and nothing needs vodozemac

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Literal

from grouparchive.model.ports import Check, Connector, Identify, Messenger, OpenBlob, Option, Pace, Source, Target
from grouparchive.model.records import AnyRecord, Message, RoomKey


class MatrixPlatform:
    """What the registry holds. Its parts are imported when they are opened: most commands need only one of them."""

    name: ClassVar[str] = "matrix"
    options: ClassVar[Mapping[str, Option]] = {
        "origin": Option(help="the homeserver, for example https://matrix.example.org", required=True),
        "token": Option(help="access token of an account that administers the group", required=True, secret=True),
        "as-token": Option(
            help="token of an application service on your own server: posts keep their time", secret=True
        ),
        "ghost-prefix": Option(help="how the names of stand-in accounts begin (default ga_)"),
    }
    # Synapse lets one account invite 0.3 people a second, and make a room a minute (rc_room_creation 0.016 a second, ten at
    # once), and who is written to for the first time needs a room. Half of each pause, the least between two, stays under that.
    paces: ClassVar[Mapping[Literal["invitation", "message"], Pace]] = {
        "invitation": Pace(pause=7, days=(2000,)),
        "message": Pace(pause=130, days=(500,)),
    }
    has_groups: ClassVar[bool] = True

    def check(self, source: Source) -> Check:
        """Try the credential, read-only. See `check.check`."""
        from grouparchive.platforms.matrix.check import check

        return check(source)

    def connector(self, source: Source, identify: Identify) -> Connector:
        """Open it for reading."""
        from grouparchive.platforms.matrix.connector import MatrixConnector

        return MatrixConnector(source, identify)

    def target(self, source: Source, identify: Identify, open_blob: OpenBlob) -> Target:
        """Open it for rebuilding."""
        from grouparchive.platforms.matrix.target import MatrixTarget

        return MatrixTarget(source, identify, open_blob)

    def messenger(self, source: Source) -> Messenger:
        """Open it for invitations and for messages to single people."""
        from grouparchive.platforms.matrix.messenger import MatrixMessenger

        return MatrixMessenger(source)

    def keys(self, data: bytes, passphrase: str) -> Iterable[RoomKey]:
        """The room keys in a key file as Element exports it.

        Raises:
            UsageError: it is no such file.
            WrongSecret: the passphrase does not fit.
        """
        from grouparchive.platforms.matrix.e2ee import read_key_file

        return read_key_file(data, passphrase)

    def opener(self, keys: Iterable[RoomKey], identify: Identify) -> Callable[[Message], AnyRecord]:
        """A function that opens encrypted messages.

        Raises:
            UsageError: the extra `e2ee` is not installed.
        """
        from grouparchive.platforms.matrix.e2ee import make_opener

        return make_opener(keys, identify)


PLATFORM = MatrixPlatform()

__all__ = ["PLATFORM", "MatrixPlatform"]
