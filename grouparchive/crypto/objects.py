"""Sealed objects: any amount of bytes, padded, cut into rows and encrypted under a key used once. Streams both ways.

An object's name (oid) is derived from its key, so a name commits to a key and a key to a name. Rows are the unit of storage;
where they are stored is not known here.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from grouparchive.crypto.primitives import KEY_SIZE, TAG_SIZE, expand, lp, padme, same
from grouparchive.errors import Damaged

CHUNK = 8 * 1024 * 1024
"""Plaintext bytes of every row but the last, which holds at least one."""

_MARK: Final = b"\x80"
_ZEROS: Final = bytes(64 * 1024)


def oid_of(key: bytes) -> bytes:
    """The name of the object that `key` encrypts."""
    return expand(key, b"ga1/oid")


def _cipher(key: bytes, archive_id: bytes, vault: str, kind: str, oid: bytes) -> AESGCM:
    return AESGCM(expand(key, b"ga1/enc" + lp(archive_id, vault.encode("ascii"), kind.encode("ascii"), oid)))


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


class ObjectSealer:
    """Seals one object. `oid` and `key` (32 bytes each) are there at once; `body_hash` and `plain_size` after the rows."""

    def __init__(self, archive_id: bytes, vault: str, kind: str) -> None:
        self.key = os.urandom(KEY_SIZE)
        self.oid = oid_of(self.key)
        self.plain_size = 0
        self._cipher = _cipher(self.key, archive_id, vault, kind, self.oid)
        self._hash = hashlib.sha256()
        self._started = False
        self._finished = False

    @property
    def body_hash(self) -> bytes:
        """SHA-256 over all rows in order. There once `rows` is exhausted."""
        if not self._finished:
            raise RuntimeError("the rows of this object were not all taken")
        return self._hash.digest()

    def rows(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The sealed rows of a payload that comes in pieces of any size. Can be used once: a key seals one payload."""
        if self._started:
            raise RuntimeError("an object key may seal only one payload")
        self._started = True
        waiting = bytearray()
        index = 0
        for piece in self._padded(pieces):
            waiting += piece
            # A row is only sealed when something follows it: the last one is sealed with another nonce.
            if len(waiting) > CHUNK:
                whole = (len(waiting) - 1) // CHUNK * CHUNK
                with memoryview(waiting) as view:
                    for start in range(0, whole, CHUNK):
                        yield self._row(index, view[start : start + CHUNK], last=False)
                        index += 1
                del waiting[:whole]
        yield self._row(index, waiting, last=True)
        self._finished = True

    def _row(self, index: int, plaintext: bytearray | memoryview, *, last: bool) -> bytes:
        row = self._cipher.encrypt(_nonce(index, last=last), plaintext, None)
        self._hash.update(row)
        return row

    def _padded(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.plain_size += len(piece)
            yield piece
        yield _MARK
        yield from _zeros(padme(self.plain_size + 1) - self.plain_size - 1)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield _ZEROS[:count]
        count -= len(_ZEROS)


def open_rows(  # noqa: PLR0917 - in the order of the format
    key: bytes, archive_id: bytes, vault: str, kind: str, oid: bytes, rows: Iterable[bytes]
) -> Iterator[bytes]:
    """The payload of an object, in pieces, as its rows come in.

    What was yielded before an error is genuine but not whole: only an iteration that ends without one gave the payload.

    Raises:
        Damaged: the key is not this object's, or rows were changed, swapped, dropped, added or cut.
    """
    if not same(oid_of(key), oid):
        raise Damaged("the key of a stored object does not belong to it")
    return _unpadded(_plaintexts(_cipher(key, archive_id, vault, kind, oid), rows))


def _plaintexts(cipher: AESGCM, rows: Iterable[bytes]) -> Iterator[bytes]:
    waiting: bytes | None = None
    index = 0
    for row in rows:
        if waiting is not None:
            if len(waiting) != CHUNK + TAG_SIZE:
                raise Damaged("a row of a stored object has the wrong length")
            yield _open(cipher, _nonce(index, last=False), waiting)
            index += 1
        waiting = row
    if waiting is None or not TAG_SIZE < len(waiting) <= CHUNK + TAG_SIZE:
        raise Damaged("a stored object is incomplete")
    yield _open(cipher, _nonce(index, last=True), waiting)


def _open(cipher: AESGCM, nonce: bytes, row: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, row, None)
    except InvalidTag:
        raise Damaged("a stored object does not open: it was changed, cut or reordered") from None


def _unpadded(plaintexts: Iterable[bytes]) -> Iterator[bytes]:
    """Take the padding off: the last 0x80 and the zeros after it. They may lie across rows, so a trailing 0x80 and zeros are
    held back (as a count) until something else shows that they were payload.
    """
    held: int | None = None  # zeros after a 0x80 that may be the mark
    total = payload = 0
    for plaintext in plaintexts:
        total += len(plaintext)
        body = plaintext.rstrip(b"\0")
        if not body and held is not None:
            held += len(plaintext)
            continue
        if held is not None:
            payload += 1 + held
            yield _MARK
            yield from _zeros(held)
            held = None
        if body.endswith(_MARK):
            held = len(plaintext) - len(body)
            plaintext = body[:-1]  # noqa: PLW2901 - the rest of it is held back
        payload += len(plaintext)
        if plaintext:
            yield plaintext
    if held is None or total != padme(payload + 1):
        raise Damaged("a stored object has no proper padding")
