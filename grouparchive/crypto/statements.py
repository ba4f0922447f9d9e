"""What the owner states about an archive as a whole: one signed chain beside those of the writers.

A statement needs the owner's seed: a person who has unlocked the archive makes it, never the machine that makes backups.
Everybody can check it, and a machine without secrets obeys it: which writer no longer counts, which objects took the place of
others, which keys are the newest. What is said about people is not in it; it only names the sealed object that says so.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from grouparchive.crypto.primitives import KEY_SIZE, ascii_name, be64, lp, split_lp, want
from grouparchive.crypto.signing import MAX_ENTRIES, WRITER_ID_SIZE, ManifestEntry, verify_signature
from grouparchive.crypto.vaults import PUBLIC_SIZE
from grouparchive.errors import Damaged

StatementType: TypeAlias = Literal["attended", "revoke", "rewrite", "rotate"]
_TYPES: tuple[StatementType, ...] = get_args(StatementType)
_PARTS = 6
OWNER_CHAIN = bytes(WRITER_ID_SIZE)
"""Stands for the owner where chains are named by their writer."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `prev` is the head of the one before, for the first one the archive's id; `time` is in milliseconds."""

    archive_id: bytes
    number: int
    prev: bytes
    time: int
    type: StatementType
    body: bytes

    def encode(self) -> bytes:
        """The stored form, which is also what is signed."""
        return lp(self.archive_id, be64(self.number), self.prev, be64(self.time), self.type.encode("ascii"), self.body)

    @classmethod
    def decode(cls, data: bytes) -> "Statement":
        """Read the stored form.

        Raises:
            Damaged: it is no statement, or of a type this version does not know.
        """
        parts = split_lp(data, limit=_PARTS)
        if len(parts) != _PARTS:
            raise Damaged("a statement of the owner is malformed")
        archive_id, number, prev, time, kind, body = parts
        want(KEY_SIZE, archive_id, prev)
        want(8, number, time)
        name = ascii_name(kind)
        if name not in _TYPES:
            raise Damaged("a statement of the owner is of a type that this version does not know")
        return cls(
            archive_id,
            int.from_bytes(number, "big"),
            prev,
            int.from_bytes(time, "big"),
            name,
            body,
        )

    def head(self) -> bytes:
        """What the next statement points back to."""
        return hashlib.sha256(self.encode()).digest()


def sign_statement(owner_seed: bytes, statement: Statement) -> bytes:
    """The owner's signature, 64 bytes."""
    return Ed25519PrivateKey.from_private_bytes(owner_seed).sign(_message(statement))


def verify_statement(owner_pk: bytes, statement: Statement, sig: bytes) -> bool:
    """Whether the owner signed it."""
    return verify_signature(owner_pk, _message(statement), sig)


def _message(statement: Statement) -> bytes:
    return b"ga1/" + statement.type.encode("ascii") + b"\0" + statement.head()


# --- bodies ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Revocation:
    """Commits of a writer from number `seq` on count for nothing."""

    writer_id: bytes
    seq: int

    def encode(self) -> bytes:
        """The body of a `revoke` statement."""
        return lp(self.writer_id, be64(self.seq))

    @classmethod
    def decode(cls, data: bytes) -> "Revocation":
        """Read it.

        Raises:
            Damaged: it is none.
        """
        writer_id, seq = _split(data, 2)
        want(WRITER_ID_SIZE, writer_id)
        want(8, seq)
        return cls(writer_id, int.from_bytes(seq, "big"))


@dataclass(frozen=True, slots=True)
class Change:
    """Another object stands where `oid` stood, or none does."""

    oid: bytes
    entry: ManifestEntry | None


def encode_changes(changes: Iterable[Change]) -> bytes:
    """The body of a `rewrite` statement."""
    return lp(*(lp(one.oid, one.entry.encode() if one.entry else b"") for one in changes))


def decode_changes(data: bytes) -> list[Change]:
    """Read it.

    Raises:
        Damaged: it is none.
    """
    found = []
    for part in split_lp(data, limit=MAX_ENTRIES):
        oid, entry = _split(part, 2)
        want(KEY_SIZE, oid)
        found.append(Change(oid, ManifestEntry.decode(entry) if entry else None))
    return found


@dataclass(frozen=True, slots=True)
class Rotation:
    """New vault keys. `retired` names objects, sealed to the new keys, whose payloads are the roots of the epoch before."""

    epoch: int
    content_pk: bytes
    roster_pk: bytes
    retired: tuple[ManifestEntry, ...]

    def encode(self) -> bytes:
        """The body of a `rotate` statement."""
        return lp(be64(self.epoch), self.content_pk, self.roster_pk, *(one.encode() for one in self.retired))

    @classmethod
    def decode(cls, data: bytes) -> "Rotation":
        """Read it.

        Raises:
            Damaged: it is none.
        """
        epoch, content_pk, roster_pk, *retired = _split(data, 3, more=2)
        want(8, epoch)
        want(PUBLIC_SIZE, content_pk, roster_pk)
        return cls(int.from_bytes(epoch, "big"), content_pk, roster_pk, tuple(map(ManifestEntry.decode, retired)))


def _split(data: bytes, count: int, *, more: int = 0) -> list[bytes]:
    parts = split_lp(data, limit=count + more)
    if len(parts) < count:
        raise Damaged("a statement of the owner is malformed")
    return parts
