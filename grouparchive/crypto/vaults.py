"""The two vaults' key pairs: whoever holds the public half can seal object keys, only the root opens them.

HPKE (RFC 9180) with the hybrid KEM X-Wing, ML-KEM-768 together with X25519, so that a copy taken today stays shut even if
one of the two falls. Where roots are kept is the business of slots.py.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from grouparchive.crypto.primitives import KEY_SIZE, be64, lp, want
from grouparchive.errors import Damaged

PUBLIC_SIZE = 1216
SEALED_SIZE = 1168
_MLKEM_PUBLIC_SIZE = 1184
_MLKEM_SEED_SIZE = 64

_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _info(archive_id: bytes, vault: str, epoch: int, oid: bytes) -> bytes:
    return b"ga1/seal" + lp(archive_id, vault.encode("ascii"), be64(epoch), oid)


class VaultPublicKey:
    """The half that seals. `data` is its 1216 bytes: ML-KEM-768 (1184) || X25519 (32)."""

    def __init__(self, data: bytes) -> None:
        """Read a public key.

        Raises:
            Damaged: these bytes are no public key.
        """
        want(PUBLIC_SIZE, data)
        self.data = bytes(data)
        try:
            self._key = MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(self.data[:_MLKEM_PUBLIC_SIZE]),
                X25519PublicKey.from_public_bytes(self.data[_MLKEM_PUBLIC_SIZE:]),
            )
        except ValueError as error:
            raise Damaged("a public key of the archive is malformed") from error

    def seal_key(self, key: bytes, *, archive_id: bytes, vault: str, epoch: int, oid: bytes) -> bytes:
        """Seal an object's 32-byte key for this vault: 1168 bytes, different each time."""
        return _SUITE.encrypt(key, self._key, info=_info(archive_id, vault, epoch, oid))


class VaultKey:
    """The half that opens. Made from a root, never stored itself."""

    def __init__(self, key: MLKEM768X25519PrivateKey, public: VaultPublicKey) -> None:
        self._key = key
        self.public = public

    @classmethod
    def from_root(cls, root: bytes) -> "VaultKey":
        """The key pair of a 32-byte root: SHAKE256(root, 96) = ML-KEM-768 seed (64) || X25519 private key (32).

        Raises:
            Damaged: the root has another length.
        """
        want(KEY_SIZE, root)
        stretched = hashlib.shake_256(root).digest(_MLKEM_SEED_SIZE + KEY_SIZE)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(stretched[:_MLKEM_SEED_SIZE])
        x25519 = X25519PrivateKey.from_private_bytes(stretched[_MLKEM_SEED_SIZE:])
        public = VaultPublicKey(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())
        return cls(MLKEM768X25519PrivateKey(mlkem, x25519), public)

    def open_key(self, sealed: bytes, *, archive_id: bytes, vault: str, epoch: int, oid: bytes) -> bytes:
        """The object key that `seal_key` sealed under the same names.

        Raises:
            Damaged: other bytes, another vault key, or other names.
        """
        want(SEALED_SIZE, sealed)
        try:
            key = _SUITE.decrypt(sealed, self._key, info=_info(archive_id, vault, epoch, oid))
        except (InvalidTag, ValueError):
            raise Damaged("the key of a stored object does not open: it was changed or swapped") from None
        want(KEY_SIZE, key)
        return key


class KeyRing:
    """A vault's keys of all epochs that are open. Opens what was sealed to any of them; new things are sealed to the newest."""

    def __init__(self, keys: Mapping[int, VaultKey]) -> None:
        self._keys = dict(keys)
        self.epoch = max(self._keys)
        self.public = self._keys[self.epoch].public

    def __repr__(self) -> str:
        """Without the keys."""
        return f"KeyRing({sorted(self._keys)})"

    def __contains__(self, epoch: int) -> bool:
        """Is the key of this epoch here?"""
        return epoch in self._keys

    def add(self, epoch: int, key: VaultKey) -> None:
        """Add the key of an earlier epoch."""
        self._keys.setdefault(epoch, key)

    def open_key(self, sealed: bytes, *, archive_id: bytes, vault: str, epoch: int, oid: bytes) -> bytes:
        """As `VaultKey.open_key`.

        Raises:
            Damaged: as there; also when it was sealed to keys that are not here.
        """
        key = self._keys.get(epoch)
        if key is None:
            raise Damaged("a stored object is sealed to keys that this secret does not open")
        return key.open_key(sealed, archive_id=archive_id, vault=vault, epoch=epoch, oid=oid)
