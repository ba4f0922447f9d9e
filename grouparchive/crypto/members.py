"""Pseudonyms: the only names by which content speaks of people."""

import hashlib
import hmac
import os

from grouparchive.crypto.primitives import KEY_SIZE, lp


class Pseudonyms:
    """Gives people their member ids for one run. The key is random, lives in memory and is gone with the object, so nobody
    can later test whether an id belongs to a person they suspect. Only tests give a key.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = os.urandom(KEY_SIZE) if key is None else key

    def member_id(self, platform: str, origin: str, native: str) -> str:
        """The pseudonym of a person: 32 lower-case hex digits, the same for the same person within one run."""
        # Hostile platforms send lone surrogates; they must not stop a run, and different ones must stay different people.
        parts = (part.encode("utf-8", "surrogatepass") for part in (platform, origin, native))
        return hmac.new(self._key, b"ga1/member" + lp(*parts), hashlib.sha256).digest()[:16].hex()
