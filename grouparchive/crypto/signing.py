"""What is signed, and how: the genesis that names the archive, the certificate of a writer, the manifest of a commit.

Ed25519 throughout. A writer's seed moves on with every commit and the old one is thrown away, so whoever steals the machine
cannot rewrite what was committed before.
"""

import hashlib
import sys
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from grouparchive.crypto.primitives import KEY_SIZE, ascii_name, be64, expand, lp, split_lp, want
from grouparchive.crypto.vaults import PUBLIC_SIZE
from grouparchive.errors import Damaged, NoArchive

FORMAT = 1
MAX_ENTRIES = 1_000_000
"""Objects in one commit at most."""
WRITER_ID_SIZE = 16
_ENTRY_PARTS = 4
_MANIFEST_PARTS = 7


@dataclass(frozen=True, slots=True)
class Genesis:
    """The archive's birth: its public keys. Its digest is the archive's id, so no key can be swapped under the same id."""

    nonce: bytes
    content_pk: bytes
    roster_pk: bytes
    owner_pk: bytes

    @property
    def archive_id(self) -> bytes:
        """SHA-256 over the encoded genesis: 32 bytes."""
        return archive_id_of(self.encode())

    def encode(self) -> bytes:
        """The stored form."""
        return lp(be64(FORMAT), self.nonce, self.content_pk, self.roster_pk, self.owner_pk)

    @classmethod
    def decode(cls, data: bytes) -> "Genesis":
        """Read the stored form.

        Raises:
            NoArchive: it is of a format this version does not know.
            Damaged: it is no genesis.
        """
        parts = split_lp(data, limit=64)
        if not parts or len(parts[0]) != 8:
            raise Damaged("the archive's first page, its genesis, is malformed")
        if parts[0] != be64(FORMAT):
            raise NoArchive(
                "the archive was made by a newer version of grouparchive",
                hint="Install the newest grouparchive, then run this again.",
            )
        if len(parts) != 5:
            raise Damaged("the archive's first page, its genesis, is malformed")
        _, nonce, content_pk, roster_pk, owner_pk = parts
        want(KEY_SIZE, nonce, owner_pk)
        want(PUBLIC_SIZE, content_pk, roster_pk)
        return cls(nonce, content_pk, roster_pk, owner_pk)


def archive_id_of(genesis: bytes) -> bytes:
    """The id of the archive with such a genesis, in its stored form."""
    return hashlib.sha256(b"ga1/genesis\0" + genesis).digest()


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One object of a commit. `digest` is the SHA-256 over its sealed rows in order."""

    vault: str
    kind: str
    oid: bytes
    digest: bytes

    def encode(self) -> bytes:
        """The stored form."""
        return lp(self.vault.encode("ascii"), self.kind.encode("ascii"), self.oid, self.digest)

    @classmethod
    def decode(cls, data: bytes) -> "ManifestEntry":
        """Read the stored form.

        Raises:
            Damaged: it names no object.
        """
        parts = split_lp(data, limit=_ENTRY_PARTS)
        if len(parts) != _ENTRY_PARTS:
            raise Damaged("the list of a commit's objects is malformed")
        vault, kind, oid, digest = parts
        want(KEY_SIZE, oid, digest)
        # An archive may name a million objects, all of a handful of kinds: one string each.
        return cls(sys.intern(ascii_name(vault)), sys.intern(ascii_name(kind)), oid, digest)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one commit of one writer holds. `prev` is the head of the commit before, for the first one the archive's id; `time`
    is in milliseconds; `next_pk` is the key that signs the commit after.
    """

    archive_id: bytes
    writer_id: bytes
    seq: int
    prev: bytes
    time: int
    entries: tuple[ManifestEntry, ...]
    next_pk: bytes

    def encode(self) -> bytes:
        """The stored form, which is also what is signed."""
        entries = lp(*(entry.encode() for entry in self.entries))
        return lp(self.archive_id, self.writer_id, be64(self.seq), self.prev, be64(self.time), entries, self.next_pk)

    @classmethod
    def decode(cls, data: bytes) -> "Manifest":
        """Read the stored form.

        Raises:
            Damaged: it is no manifest.
        """
        parts = split_lp(data, limit=_MANIFEST_PARTS)
        if len(parts) != _MANIFEST_PARTS:
            raise Damaged("the list of a commit's objects is malformed")
        archive_id, writer_id, seq, prev, time, entries, next_pk = parts
        want(KEY_SIZE, archive_id, prev, next_pk)
        want(WRITER_ID_SIZE, writer_id)
        want(8, seq, time)
        return cls(
            archive_id,
            writer_id,
            int.from_bytes(seq, "big"),
            prev,
            int.from_bytes(time, "big"),
            tuple(map(ManifestEntry.decode, split_lp(entries, limit=MAX_ENTRIES))),
            next_pk,
        )

    def head(self) -> bytes:
        """What the next commit points back to: SHA-256 over the encoded manifest."""
        return hashlib.sha256(self.encode()).digest()


def seed_public(seed: bytes) -> bytes:
    """The public key (32 bytes) of an Ed25519 seed (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


owner_public = seed_public


def next_seed(seed: bytes) -> bytes:
    """The seed that signs the next commit. There is no way back from it."""
    return expand(seed, b"ga1/sign-next")


def sign_writer(owner_seed: bytes, archive_id: bytes, writer_id: bytes, pk0: bytes) -> bytes:
    """The owner's certificate for a writer: its id and the key that signs its first commit."""
    return Ed25519PrivateKey.from_private_bytes(owner_seed).sign(_writer_message(archive_id, writer_id, pk0))


def verify_writer(owner_pk: bytes, archive_id: bytes, writer_id: bytes, pk0: bytes, sig: bytes) -> bool:
    """Whether the owner certified this writer."""
    return verify_signature(owner_pk, _writer_message(archive_id, writer_id, pk0), sig)


def sign_commit(seed: bytes, encoded_manifest: bytes) -> bytes:
    """The writer's signature under a commit, 64 bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(_commit_message(encoded_manifest))


def verify_commit(pk: bytes, encoded_manifest: bytes, sig: bytes) -> bool:
    """Whether the holder of the seed behind `pk` signed this manifest."""
    return verify_signature(pk, _commit_message(encoded_manifest), sig)


def _writer_message(archive_id: bytes, writer_id: bytes, pk0: bytes) -> bytes:
    return b"ga1/writer\0" + lp(archive_id, writer_id, pk0)


def _commit_message(encoded_manifest: bytes) -> bytes:
    return b"ga1/commit\0" + hashlib.sha256(encoded_manifest).digest()


def verify_signature(pk: bytes, message: bytes, sig: bytes) -> bool:
    """Whether the holder of the seed behind `pk` signed this. Whatever is no key or no signature is a no."""
    try:
        Ed25519PublicKey.from_public_bytes(pk).verify(sig, message)
    except (InvalidSignature, ValueError):
        return False
    return True
