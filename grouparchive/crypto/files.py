"""Sealed files that stand beside an archive, plans and campaigns: one object each, with all that is needed to open it.

Anybody with the archive's public key could make such a file. Sealing keeps others from reading it; that it is the right one is
for a person to check (the plan's digest).
"""

from collections.abc import Iterator

from grouparchive.crypto.log import SealedLog
from grouparchive.crypto.objects import CHUNK, ObjectSealer, open_rows
from grouparchive.crypto.primitives import KEY_SIZE, TAG_SIZE, ascii_name, be64, lp, same, split_lp, want
from grouparchive.crypto.vaults import SEALED_SIZE, KeyRing, VaultKey, VaultPublicKey
from grouparchive.errors import Damaged, UsageError, WrongSecret

__all__ = ["MAGIC", "SealedLog", "open_file", "seal_file"]

MAGIC = b"ga1/file\0"
_HEADER_PARTS = 6
_MAX_HEADER = 4096


def seal_file(  # noqa: PLR0917 - in the order of the format
    public: VaultPublicKey, archive_id: bytes, vault: str, epoch: int, kind: str, payload: bytes
) -> bytes:
    """The bytes of a sealed file. `kind` is a lower-case word, "plan" or "campaign"."""
    sealer = ObjectSealer(archive_id, vault, kind)
    sealed = public.seal_key(sealer.key, archive_id=archive_id, vault=vault, epoch=epoch, oid=sealer.oid)
    header = lp(archive_id, vault.encode("ascii"), be64(epoch), kind.encode("ascii"), sealer.oid, sealed)
    return MAGIC + lp(header) + b"".join(sealer.rows([payload]))


def open_file(data: bytes, key: KeyRing | VaultKey, archive_id: bytes, kind: str) -> bytes:
    """What a sealed file holds.

    Raises:
        UsageError: it is no sealed file, or one of another kind.
        WrongSecret: it was made for another archive.
        Damaged: it was changed or cut.
    """
    if not data.startswith(MAGIC):
        raise UsageError(f"this is not a {kind} file")
    start = len(MAGIC) + 4
    end = start + int.from_bytes(data[len(MAGIC) : start], "big")
    if end - start > _MAX_HEADER or end > len(data):
        raise Damaged(f"the {kind} file is damaged")
    parts = split_lp(data[start:end], limit=_HEADER_PARTS)
    if len(parts) != _HEADER_PARTS:
        raise Damaged(f"the {kind} file is damaged")
    theirs, vault, epoch, theirs_kind, oid, sealed = parts
    want(KEY_SIZE, theirs, oid)
    want(SEALED_SIZE, sealed)
    want(8, epoch)
    if not same(theirs, archive_id):
        raise WrongSecret(
            f"the {kind} file belongs to another archive", hint="Name the archive it was made from with --archive."
        )
    if ascii_name(theirs_kind) != kind:
        raise UsageError(f"this is a {ascii_name(theirs_kind)} file, not a {kind} file")
    object_key = key.open_key(
        sealed, archive_id=archive_id, vault=ascii_name(vault), epoch=int.from_bytes(epoch, "big"), oid=oid
    )
    return b"".join(open_rows(object_key, archive_id, ascii_name(vault), kind, oid, _rows(data, end)))


def _rows(data: bytes, start: int) -> Iterator[bytes]:
    for position in range(start, len(data), CHUNK + TAG_SIZE):
        yield data[position : position + CHUNK + TAG_SIZE]
