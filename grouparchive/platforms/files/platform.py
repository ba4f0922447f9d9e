"""A platform of which we read export files only: what the registry holds for it."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Literal, NoReturn

from grouparchive.errors import UsageError
from grouparchive.model.ports import Check, Connector, Identify, Messenger, OpenBlob, Option, Pace, Source, Target
from grouparchive.model.records import AnyRecord, Message, RoomKey
from grouparchive.platforms.files.connector import FileConnector


def due_days(due: str) -> int:
    """How many days may pass between two exports; 0 where nobody says.

    Raises:
        UsageError: it is no number of days.
    """
    found = re.fullmatch(r"([1-9]\d{0,3})d", due)
    if due and not found:
        raise UsageError("due=... is a number of days", hint="For example: due=30d")
    return int(found[1]) if found else 0


class FilePlatform:
    """A platform known by its export files.

    Args:
        name: the platform's.
        formats: the kinds of export, those that are told apart more surely first.
    """

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Option]] = {
        "folder": Option(help="the folder into which you put export files; new ones are taken in", required=True),
        "due": Option(help="how often a new export is due, as 30d: `status` says when one is overdue"),
        "group": Option(help="the group's name, where the files do not say it"),
        "timezone": Option(
            help="the time zone of local times in the files, as Asia/Baku; that of this machine by default"
        ),
        "dates": Option(help="the order of day, month and year where the files do not show it: dmy, mdy or ymd"),
    }
    paces: ClassVar[Mapping[Literal["invitation", "message"], Pace]] = {}
    has_groups: ClassVar[bool] = True

    def __init__(self, name: str, formats: Iterable[type[FileConnector]]) -> None:
        self.name = name  # type: ignore[misc]
        self.formats = tuple(formats)

    def check(self, source: Source) -> Check:
        """Look at the folder.

        Raises:
            UsageError: it is not there, or `due` is no number of days.
        """
        due_days(source.options.get("due", ""))
        if not Path(source.options["folder"]).is_dir():
            raise UsageError("there is no such folder", hint="Make it first, or check folder=...")
        return Check(
            origin=self.formats[0].origin,
            ok=True,
            can=(
                "nothing at the platform: there is no credential. The export files themselves lie there for anybody to read",
            ),
            warnings=("Export files are not encrypted. Delete each once it is archived.",),
        )

    def connector(self, source: Source, identify: Identify) -> Connector:  # noqa: ARG002 - the port's signature
        """Files are opened one by one, with `formats`.

        Raises:
            UsageError: always.
        """
        self._cannot("be read otherwise than by its export files")

    def target(self, source: Source, identify: Identify, open_blob: OpenBlob) -> Target:  # noqa: ARG002 - as above
        """There is no way to build there.

        Raises:
            UsageError: always.
        """
        self._cannot("be written to by a program")

    def messenger(self, source: Source) -> Messenger:  # noqa: ARG002 - as above
        """There is no way to write to people there.

        Raises:
            UsageError: always.
        """
        self._cannot("be written to by a program")

    def keys(self, data: bytes, passphrase: str) -> Iterable[RoomKey]:  # noqa: ARG002 - as above
        """There are no keys here.

        Raises:
            UsageError: always.
        """
        raise UsageError("this platform has no exported room keys")

    def opener(self, keys: Iterable[RoomKey], identify: Identify) -> Callable[[Message], AnyRecord]:  # noqa: ARG002 - as above
        """Nothing here is encrypted, so messages come back as they are."""
        return lambda message: message

    def _cannot(self, what: str) -> NoReturn:
        raise UsageError(f"{self.name} cannot {what}", hint="Restore to another platform, for example Matrix.")
