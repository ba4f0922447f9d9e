"""The plan as a file: sealed to the archive's content key, so that only who can open the archive can read what will be done."""

from pathlib import Path

import msgspec

from grouparchive.crypto.files import open_file, seal_file
from grouparchive.crypto.vaults import KeyRing, VaultKey, VaultPublicKey
from grouparchive.durable import plain_reason, write_whole
from grouparchive.errors import Damaged, GroupArchiveError, UsageError
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.plan import Plan

LARGEST = 256 * 1024 * 1024
_KIND = "plan"


def save(path: Path, plan: Plan, public: VaultPublicKey, *, archive_id: bytes, epoch: int) -> None:
    """Write a plan, readable for its owner only, whole or not at all.

    Raises:
        GroupArchiveError: the disk refused.
    """
    payload = msgspec.json.encode(plan, order="sorted")
    sealed = seal_file(public, archive_id, "content", epoch, _KIND, payload)
    try:
        write_whole(path, sealed)
    except OSError as error:
        raise GroupArchiveError(
            f"the plan cannot be written: {plain_reason(error)}",
            hint="Check free space and rights of the folder after -o.",
        ) from error


def load(path: Path, key: KeyRing | VaultKey, *, archive_id: bytes) -> Plan:
    """Read a plan.

    Raises:
        UsageError: there is no such file, or it is no plan.
        WrongSecret: it was made for another archive.
        Damaged: it was changed or cut.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise UsageError(
            f"the plan cannot be read: {reason}", hint="Make one with: grouparchive plan GROUP --to NAME -o PLAN"
        ) from error
    if len(data) > LARGEST:
        raise UsageError("this file is too large for a plan")
    payload = open_file(data, key, archive_id, _KIND)
    try:
        return msgspec.json.decode(payload, type=Plan)
    except UNREADABLE as error:
        raise Damaged(
            "the plan cannot be read: it is damaged or of another version",
            hint="Make a new one with: grouparchive plan GROUP --to NAME -o PLAN",
        ) from error
