"""Small files that must be whole or not there at all, and survive a power cut. For their owner's eyes only.

Errors are the system's own (`OSError`): what a file is for, and so what to tell a person, is known to the caller.
"""

import errno
import os
import secrets
import stat
from pathlib import Path

_PIECE = 1024 * 1024


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in place, or replace it: the old one or the new one is there at any time, never a part. Mode 0600.

    Raises:
        OSError: the disk refused. What was there is there still, unless the folder alone could not be made to last.
    """
    # Where others may write too, a name that they know would let them have the file, or lead it elsewhere, beforehand.
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        _write(fresh, data)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Write a file where none is. Mode 0600.

    Raises:
        FileExistsError: there is one already.
        OSError: the disk refused.
    """
    _write(path, data)
    sync_folder(path.parent)


def erase(path: Path) -> None:
    """Overwrite a file once and remove it. Best effort: a flash disk may keep the old bytes elsewhere. A link is removed, and
    what it leads to is left alone. What cannot be overwritten is removed all the same.

    Raises:
        OSError: it could not be overwritten, or not removed.
    """
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            _overwrite(path)
    finally:
        path.unlink()


def plain_reason(error: OSError) -> str:
    """Why the system refused, in words that belong into a message of ours: never a path."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "the disk is full"
    return (error.strerror or "unknown reason").lower()


def sync_folder(folder: Path) -> None:
    """Make new and renamed files of a folder last."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def _overwrite(path: Path) -> None:
    path.chmod(0o600)  # its owner may have taken the right to write from themselves
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "wb", buffering=0) as file:
        left = os.fstat(handle).st_size
        while left > 0:
            left -= file.write(bytes(min(left, _PIECE)))
        os.fsync(handle)
