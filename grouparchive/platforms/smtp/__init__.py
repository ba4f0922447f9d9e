"""Mail to single people, through the admin's own mail account. There is nothing to read and nothing to rebuild here: groups
that live in mail are the platform `mail`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Literal

from grouparchive.errors import UsageError
from grouparchive.model.ports import Check, Connector, Identify, Messenger, OpenBlob, Option, Pace, Source, Target
from grouparchive.model.records import AnyRecord, Message, RoomKey

# ruff: noqa: PLC0415 - parts are imported when they are opened, see below


class SmtpPlatform:
    """What the registry holds. Its parts are imported when they are opened: most commands need none of them."""

    name: ClassVar[str] = "smtp"
    options: ClassVar[Mapping[str, Option]] = {
        "host": Option(help="the mail server that takes what you send, for example mail.example.org", required=True),
        "port": Option(help="its port: 587 (default), or 465 with security=tls"),
        "security": Option(help="starttls (default) or tls (default for port 465); mail never goes out unencrypted"),
        "user": Option(help="the name with which the account logs in, often the whole address", required=True),
        "password": Option(help="the account's password, best an app password", required=True, secret=True),
        "from": Option(help='the sender: fern@example.org, or "Fern <fern@example.org>"', required=True),
        "unsubscribe": Option(
            help="how people say never again: mailto:ADDRESS, or https://... ({id} in it stands for the mail's own number)"
        ),
        "ca-file": Option(
            help="the certificate authority of your own server, as a PEM file; nothing else is trusted then"
        ),
    }

    # Providers watch a new sender: 50 to 100 mails a day in the first week.
    paces: ClassVar[Mapping[Literal["invitation", "message"], Pace]] = {
        "message": Pace(pause=60, days=(50, 50, 60, 70, 80, 90, 100, 150))
    }
    has_groups: ClassVar[bool] = False

    def check(self, source: Source) -> Check:
        """Log in and out, sending nothing. See `check.check`."""
        from grouparchive.platforms.smtp.check import check

        return check(source)

    def connector(self, source: Source, identify: Identify) -> Connector:  # noqa: ARG002 - the port's signature
        """A way to send mail holds no group.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "a mail account for sending holds no group to back up",
            hint="Mails of a list are imported from files: grouparchive import FILE. This source is for writing to people.",
        )

    def target(self, source: Source, identify: Identify, open_blob: OpenBlob) -> Target:  # noqa: ARG002 - as above
        """No group is built by mail.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "a group cannot be rebuilt in a mail account", hint="Restore to another platform, for example Matrix."
        )

    def messenger(self, source: Source) -> Messenger:
        """Open it for messages to single people."""
        from grouparchive.platforms.smtp.messenger import SmtpMessenger

        return SmtpMessenger(source)

    def keys(self, data: bytes, passphrase: str) -> Iterable[RoomKey]:  # noqa: ARG002 - as above
        """There are no keys here.

        Raises:
            UsageError: always.
        """
        raise UsageError("this platform has no exported room keys", hint="Room keys belong to a Matrix source.")

    def opener(self, keys: Iterable[RoomKey], identify: Identify) -> Callable[[Message], AnyRecord]:  # noqa: ARG002 - as above
        """Nothing here is encrypted, so messages come back as they are."""
        return lambda message: message


PLATFORM = SmtpPlatform()

__all__ = ["PLATFORM", "SmtpPlatform"]
