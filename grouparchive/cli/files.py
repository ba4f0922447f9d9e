"""Small files of the command line: written so that only their owner reads them and that they never tear, read with a bound."""

import os
import secrets
import stat
from pathlib import Path

from grouparchive.errors import GroupArchiveError, UsageError

SMALL = 1024 * 1024


def make_folder(folder: Path) -> None:
    """A folder for its owner alone; its parents as they come."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError("a file stands where a folder is needed") from error


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file: the old one or the new one is there at any time, never a part."""
    # Where others may write too, a name that they know would let them have the file, or lead it elsewhere, beforehand.
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        _write(fresh, data, os.O_EXCL)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet.

    Raises:
        UsageError: it is there already, or its folder is not.
    """
    try:
        _write(path, data, os.O_EXCL)
    except FileExistsError as error:
        raise UsageError(
            "a file of that name is there already, and is never overwritten", hint="Name another."
        ) from error
    except FileNotFoundError as error:
        raise UsageError("the folder for the new file is not there", hint="Make the folder first.") from error
    sync_folder(path.parent)


def _write(path: Path, data: bytes, flag: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flag, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Make sure that the folder remembers its files after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
