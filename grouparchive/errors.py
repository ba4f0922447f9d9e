"""Every error a person can meet, in one tree. Each class carries its exit code and a default hint.

    GroupArchiveError            1   anything else
    ├── UsageError               2   wrong option, or a secret or a decision is missing
    ├── NoArchive               10   there is no archive here, or it is not one
    ├── ArchiveBusy             11   another run holds it
    ├── WrongSecret             12   passphrase, share or key does not fit
    ├── Damaged                 13   damaged, tampered, forked or rolled back
    ├── PlatformError           20   platform unreachable, or it refused
    │   ├── NotFound            20   the platform says there is no such thing (any more)
    │   ├── Refused             20   the platform understood and said no
    │   ├── InDoubt             20   a write was sent and its fate is unknown
    │   ├── Flood               20   the platform, or somebody, objects to how much is sent
    │   └── BadExport            1   an export file is damaged, or of no kind that we know
    └── UnsafePlan              30   the plan is unsafe or stale

No message or hint may hold a person's name, handle or address, a message's text, or a secret: errors reach
logs, screens and notifications. New exit codes are added here and in docs/, never in an isinstance ladder.
"""

from typing import ClassVar


class GroupArchiveError(Exception):
    """Base of the tree. `message` says what happened in plain words, `hint` what to do next."""

    code: ClassVar[int] = 1
    default_hint: ClassVar[str] = "Run the command again with -v, or see docs/."

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint if hint is not None else self.default_hint


class UsageError(GroupArchiveError):
    """A wrong option, or a secret or a decision that is missing and cannot be asked for."""

    code = 2
    default_hint = "Run the command with --help to see an example."


class NoArchive(GroupArchiveError):  # noqa: N818 - the tree above reads as a list of facts
    """There is no archive at that place, or the file is something else, or of a newer format."""

    code = 10
    default_hint = "Check the path after --archive, or make a new archive with: grouparchive init FILE"


class ArchiveBusy(GroupArchiveError):  # noqa: N818 - see NoArchive
    """Another run holds the archive or the profile."""

    code = 11
    default_hint = "Another grouparchive is working on it. Wait until it has finished, then run this again."


class WrongSecret(GroupArchiveError):  # noqa: N818 - see NoArchive
    """The secret was read, and it opens nothing here."""

    code = 12
    default_hint = "Check for typing errors and that the secret belongs to this archive, then try again."


class Damaged(GroupArchiveError):  # noqa: N818 - see NoArchive
    """Bytes are missing or changed, the chain is broken, forked or rolled back."""

    code = 13
    default_hint = "Keep this file as it is, run `grouparchive verify`, and fetch another copy if you have one."


class PlatformError(GroupArchiveError):
    """The platform could not be reached, or did not do what was asked."""

    code = 20
    default_hint = "Check the network and that the platform works in a browser, then run this again."


class NotFound(PlatformError):  # noqa: N818 - see NoArchive
    """The platform says that there is no such thing, or not for this account."""


class Refused(PlatformError):  # noqa: N818 - see NoArchive
    """The platform understood the request and refused it. The credential may be revoked or too narrow."""

    default_hint = "The access may be revoked or too narrow. Check it with: grouparchive source check NAME"


class InDoubt(PlatformError):  # noqa: N818 - see NoArchive
    """A write was sent and no answer came back, or the server failed after taking it: it may have been done."""


class Flood(PlatformError):  # noqa: N818 - see NoArchive
    """The platform takes us for a sender of spam, or is about to: too many messages, a block, a complaint. Sending stops."""

    default_hint = "Send nothing more today. Look at the account in a browser, then go on slowly, or by another way."


class BadExport(PlatformError):  # noqa: N818 - see NoArchive
    """A file that was exported from a platform is damaged, ends early, or is of no kind that we know."""

    code = 1
    default_hint = "Download or export it again. What could be read before is kept."


class UnsafePlan(GroupArchiveError):  # noqa: N818 - see NoArchive
    """The plan is unsafe, or the world has changed since it was reviewed."""

    code = 30
    default_hint = "Make a new plan, look at it with `grouparchive show`, then apply that one."
