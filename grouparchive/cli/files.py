"""Small files of the command line: written so that only their owner reads them and that they never tear, read with a bound."""

import stat
from pathlib import Path

from grouparchive import durable
from grouparchive.errors import GroupArchiveError, UsageError

SMALL = 1024 * 1024


def make_folder(folder: Path) -> None:
    """A folder for its owner alone; its parents as they come."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError("a file stands where a folder is needed") from error


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet.

    Raises:
        UsageError: it is there already, or its folder is not.
    """
    try:
        durable.write_new(path, data)
    except FileExistsError as error:
        raise UsageError(
            "a file of that name is there already, and is never overwritten", hint="Name another."
        ) from error
    except FileNotFoundError as error:
        raise UsageError("the folder for the new file is not there", hint="Make the folder first.") from error


def read_bounded(path: Path, what: str, *, limit: int = SMALL) -> bytes:
    """The bytes of a file that should be small.

    Args:
        path: where.
        what: what it is, for the message: "passphrase file".
        limit: the most bytes it may have.

    Raises:
        UsageError: it cannot be read or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise UsageError(f"the {what} cannot be read: {reason}", hint="Check its path and its rights.") from error
    if len(data) > limit:
        raise UsageError(f"the {what} is far too large to be one")
    return data


def open_to_others(path: Path) -> bool:
    """Can other users of this machine read the file?"""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise GroupArchiveError("the rights of a file cannot be read") from error
    return stat.S_ISREG(mode) and bool(mode & 0o077)
