"""Pseudonyms: the only names by which content speaks of people; and tags by which erased people are known again."""

import hashlib
import hmac
import os
from collections.abc import Iterator

from grouparchive.crypto.primitives import KEY_SIZE, lp


class Pseudonyms:
    """Gives people their member ids for one run. The key is random, lives in memory and is gone with the object, so nobody
    can later test whether an id belongs to a person they suspect. Only tests give a key.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = os.urandom(KEY_SIZE) if key is None else key

    def member_id(self, platform: str, origin: str, native: str) -> str:
        """The pseudonym of a person: 32 lower-case hex digits, the same for the same person within one run."""
        return hmac.digest(self._key, b"ga1/member" + lp(*_person(platform, origin, native)), hashlib.sha256)[:16].hex()


def forgotten_tag(key: bytes, platform: str, origin: str, native: str) -> bytes:
    """What is left of a person who was erased: 32 bytes that name nobody, but fit when they return. `key` is random, 32 bytes,
    one for each.
    """
    return hmac.digest(key, lp(b"ga1/forgotten", *_person(platform, origin, native)), hashlib.sha256)


def _person(*parts: str) -> Iterator[bytes]:
    # Hostile platforms send lone surrogates; they must not stop a run, and different ones must stay different people.
    return (part.encode("utf-8", "surrogatepass") for part in parts)
