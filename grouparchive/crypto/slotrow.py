"""A key slot's row: what is stored of one way into one vault. It holds no secret, says itself whether it is whole, and can be
packed into a document that is kept apart from the archive.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from grouparchive.crypto.primitives import NONCE_SIZE, be64, lp, same, split_lp
from grouparchive.errors import Damaged

SLOT_ID_SIZE = 16
MAX_ROWS = 256
"""Slot rows that are looked at; an archive or a document with more is refused."""
_FIELDS = 9


@dataclass(frozen=True, slots=True)
class SlotRow:
    """One wrapped root as it is stored. Holds no secret."""

    slot_id: bytes
    vault: str
    epoch: int
    type: str
    params: bytes
    commitment: bytes
    nonce: bytes
    wrapped: bytes
    checksum: bytes

    def sum(self, archive_id: bytes) -> bytes:
        """The checksum that the other fields should have. It tells damage from a wrong secret; it authenticates nothing."""
        fields = lp(*self._named(archive_id), self.commitment, self.nonce, self.wrapped)
        return hashlib.sha256(b"ga1/slot-sum" + fields).digest()

    def context(self, archive_id: bytes) -> bytes:
        """The bytes that bind the wrapped root to its place."""
        return b"ga1/slot" + lp(*self._named(archive_id))

    def _named(self, archive_id: bytes) -> tuple[bytes, ...]:
        vault, kind = self.vault.encode("utf-8", "surrogatepass"), self.type.encode("utf-8", "surrogatepass")
        return archive_id, vault, be64(self.epoch), self.slot_id, kind, self.params


def is_sound(row: SlotRow, archive_id: bytes) -> bool:
    """Whether a row is as it was written. Needs no secret."""
    sizes = len(row.slot_id) == SLOT_ID_SIZE and len(row.nonce) == NONCE_SIZE and 0 <= row.epoch < 1 << 63
    return sizes and same(row.checksum, row.sum(archive_id))


def pack_rows(rows: Iterable[SlotRow]) -> bytes:
    """Rows as one structure of bytes."""
    return lp(
        *(
            lp(
                row.slot_id,
                row.vault.encode(),
                be64(row.epoch),
                row.type.encode(),
                row.params,
                row.commitment,
                row.nonce,
                row.wrapped,
                row.checksum,
            )
            for row in rows
        )
    )


def unpack_rows(data: bytes) -> list[SlotRow]:
    """The rows that `pack_rows` packed, not checked (`is_sound` does that).

    Raises:
        Damaged: the structure is malformed, or holds more rows than an archive can have.
    """
    rows = []
    for packed in split_lp(data, limit=MAX_ROWS):
        fields = split_lp(packed, limit=_FIELDS)
        if len(fields) != _FIELDS or len(fields[2]) != 8:
            raise Damaged("a stored structure is cut short or malformed")
        try:
            vault, kind = fields[1].decode("utf-8"), fields[3].decode("utf-8")
        except UnicodeDecodeError:
            raise Damaged("a stored structure is cut short or malformed") from None
        rows.append(SlotRow(fields[0], vault, int.from_bytes(fields[2], "big"), kind, *fields[4:]))
    return rows
