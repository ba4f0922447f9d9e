"""The small building stones: encodings, key derivation, padding lengths and the sealing of this machine's own small files.

Everything here is a pure function of bytes. What the stones are used for stands in the other modules of this folder.
"""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from grouparchive.errors import Damaged

KEY_SIZE = 32
NONCE_SIZE = 12
TAG_SIZE = 16
PAD_FLOOR = 4096


def lp(*parts: bytes) -> bytes:
    """Join parts so that no two different lists give the same bytes: be32 length before each."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def split_lp(data: bytes, *, limit: int) -> list[bytes]:
    """The parts that `lp` joined.

    Args:
        data: the joined bytes.
        limit: the most parts to take; what has more is refused.

    Raises:
        Damaged: the lengths do not add up, or there are too many parts.
    """
    parts: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 4
        position = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or position > len(data) or len(parts) == limit:
            raise Damaged("a stored structure is cut short or malformed")
        parts.append(data[start:position])
    return parts


def be64(n: int) -> bytes:
    """A whole number as 8 bytes, big end first."""
    return n.to_bytes(8, "big")


def ascii_name(data: bytes) -> str:
    """A stored name of a vault, kind or type.

    Raises:
        Damaged: it is empty, longer than 32 bytes, or no lower-case ASCII word.
    """
    if not (0 < len(data) <= 32 and data.isalpha() and data.islower()):
        raise Damaged("a stored name is malformed")
    return data.decode("ascii")


def expand(key: bytes, info: bytes) -> bytes:
    """Another 32-byte key for one named use: HKDF-Expand-SHA256 with an output of one block, which is one HMAC."""
    return hmac.digest(key, info + b"\x01", "sha256")


def padme(n: int) -> int:
    """The padded length for `n` bytes: at least 4096, then Padmé, which adds at most 12 % and shows only log log n bits."""
    if n <= PAD_FLOOR:
        return PAD_FLOOR
    exponent = n.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (n + mask) & ~mask


def seal_local(key: bytes, data: bytes, info: bytes) -> bytes:
    """Seal a small value of this machine (cursors, say): nonce || AES-256-GCM, bound to `info`."""
    nonce = os.urandom(NONCE_SIZE)
    return nonce + AESGCM(key).encrypt(nonce, data, info)


def open_local(key: bytes, sealed: bytes, info: bytes) -> bytes:
    """What `seal_local` sealed.

    Raises:
        Damaged: other bytes, another key or another `info`.
    """
    if len(sealed) < NONCE_SIZE + TAG_SIZE:
        raise Damaged("a sealed local value is cut short")
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], info)
    except InvalidTag:
        raise Damaged("a sealed local value does not open: it was changed, or belongs to something else") from None


def local_tag(key: bytes, data: bytes) -> bytes:
    """16 bytes that stand for `data` in this machine's own files: keyed BLAKE2b, which takes a third of an HMAC's time. Without
    the key nobody can tell what they stand for, or find two data with one tag.
    """
    return hashlib.blake2b(data, key=key, digest_size=TAG_SIZE).digest()


def begun_tag(key: bytes, lead: bytes, size: int = TAG_SIZE) -> "hashlib.blake2b":
    """`local_tag` of lead || data, for many data after one lead: a copy of this, updated with the data, digests to it."""
    return hashlib.blake2b(lead, key=key, digest_size=size)


def same(one: bytes, other: bytes) -> bool:
    """Whether two values are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one, other)


def want(size: int, *values: bytes) -> None:
    """Check that values that came from outside have the length the format says.

    Raises:
        Damaged: one has not.
    """
    if any(len(value) != size for value in values):
        raise Damaged("a stored key, id or digest has the wrong length")
