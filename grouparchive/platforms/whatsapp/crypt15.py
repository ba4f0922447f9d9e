"""Opens `msgstore.db.crypt15`, WhatsApp's end-to-end encrypted backup, with its 64-digit key. In memory only: what comes out
never touches a disk. Knows bytes, no messages.

The file, as public readers of it describe it: the length of a header, a header in protobuf (field 3 holds the 16-byte nonce),
AES-256-GCM of a zlib stream with its 16-byte tag, and in most files an MD5 of everything before. The key is HKDF-SHA256 of the
64 digits with no salt and the words "backup encryption".
"""

import hashlib
import hmac
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from grouparchive.errors import BadExport, UsageError, WrongSecret

MOST_DATABASE: Final = 512 * 1024 * 1024
_MOST_HEADER: Final = 64 * 1024
_TAIL: Final = 32
_JAVA: Final = b"\xac\xed\x00\x05"  # how the phone's own key file begins
_HOW: Final = (
    "Say --backup-key-file FILE: a file with the 64 digits that WhatsApp showed when the backup was turned on."
)


def root_key(given: bytes) -> bytes:
    """The 32 bytes of a key as people have it: 64 digits in groups or not, the bytes, or the phone's own file of them.

    Raises:
        UsageError: there is none, or it is no such key.
    """
    if not given.strip():
        raise UsageError("this backup is encrypted and needs its key", hint=_HOW)
    if given.startswith(_JAVA) and len(given) >= len(_JAVA) + 32:
        return given[-32:]
    digits = re.sub(rb"[\s:\-]", b"", given)
    if re.fullmatch(rb"[0-9A-Fa-f]{64}", digits):
        return bytes.fromhex(digits.decode())
    if len(given) == 32:
        return given
    raise UsageError("this is no key of a WhatsApp backup: it has 64 digits (0-9, a-f)", hint=_HOW)


def derived(root: bytes) -> bytes:
    """The key of the file."""
    return hmac.digest(hmac.digest(bytes(32), root, "sha256"), b"backup encryption\x01", "sha256")


def decrypted(pieces: Iterable[bytes], given: bytes, *, most: int = MOST_DATABASE) -> bytearray:
    """The SQLite database in an encrypted backup.

    Args:
        pieces: the file's bytes, in pieces.
        given: the key, as `root_key` takes it.
        most: bytes that may come out.

    Raises:
        UsageError: the key is missing, or this kind of backup cannot be opened with one.
        WrongSecret: the key does not fit.
        BadExport: the file is damaged, or too large.
    """
    key = derived(root_key(given))
    source = iter(pieces)
    data, nonce, begin = _header(source)
    cipher = Cipher(algorithms.AES(key), modes.GCM(nonce)).decryptor()
    whole = hashlib.md5(data[:begin], usedforsecurity=False)
    unpack = _Unpack(most)
    held = data[begin:]
    for piece in source:
        held += piece
        if len(held) > _TAIL:
            whole.update(held[:-_TAIL])
            unpack.take(cipher.update(held[:-_TAIL]))
            held = held[-_TAIL:]
    if len(held) < _TAIL:
        raise BadExport("this backup ends early")
    if len(held) > _TAIL:
        whole.update(held[:-_TAIL])
        unpack.take(cipher.update(held[:-_TAIL]))
        held = held[-_TAIL:]
    whole.update(held[:16])
    intact = hmac.compare_digest(whole.digest(), held[16:])
    if not intact:  # a backup in several files has no MD5: what would be the tag is text
        unpack.take(cipher.update(held[:16]))
    try:
        cipher.finalize_with_tag(held[:16] if intact else held[16:])
    except InvalidTag:
        if unpack.plausible and not intact:
            raise BadExport("this backup is damaged or was not copied to its end") from None
        raise WrongSecret(
            "the key does not open this backup",
            hint="Check the 64 digits. The key belongs to one phone, and a new one is made when the backup is turned on anew.",
        ) from None
    return unpack.done()


class _Unpack:
    """Takes what was decrypted, most often a zlib stream. Nothing of it counts before the tag was checked, so faults wait."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._out = bytearray()
        self._zlib = zlib.decompressobj()
        self._packed: bool | None = None
        self._fault = ""

    @property
    def plausible(self) -> bool:
        """Does it look like what ought to come out?"""
        return self._out.startswith(b"SQLite format 3\0")

    def take(self, piece: bytes) -> None:
        if not piece or self._fault:
            return
        if self._packed is None:
            self._packed = piece[0] == 0x78
        left = self._most - len(self._out)
        try:
            # One byte more than may be: zlib would say nothing of what it holds back.
            self._out += self._zlib.decompress(piece, left + 1) if self._packed else piece[: left + 1]
        except zlib.error:
            self._fault = "this backup is damaged: what it holds cannot be unpacked"
        if len(self._out) > self._most:
            self._out.clear()
            self._fault = f"this backup is larger than {self._most >> 20} MB, which is more than is opened in memory"

    def done(self) -> bytearray:
        """All of it.

        Raises:
            BadExport: it is damaged, too large or something else.
        """
        if self._packed and not self._fault and not self._zlib.eof:
            self._fault = "this backup is damaged: what it holds ends early"
        if self._fault:
            raise BadExport(self._fault)
        if not self.plausible:
            raise BadExport("there are no messages in this backup", hint="Choose the file msgstore.db.crypt15.")
        return self._out


def _header(source: Iterator[bytes]) -> tuple[bytes, bytes, int]:
    """(the bytes read so far, the nonce, where the ciphertext begins)."""
    data = b""
    for piece in source:
        data += piece
        if len(data) >= _MOST_HEADER:
            break
    try:
        length, at = _varint(data, 0)
        if data[at] == 1 and length < 0x80:
            at += 1
        if length > _MOST_HEADER or at + length > len(data):
            raise ValueError  # noqa: TRY301 - one place says what is wrong
        fields = dict(_fields(data[at : at + length]))
        inner = fields.get(3)
        nonce = dict(_fields(inner)).get(1) if isinstance(inner, bytes) else None
    except (ValueError, IndexError):
        raise BadExport("this is no encrypted WhatsApp backup, or it is damaged") from None
    if not isinstance(nonce, bytes) or len(nonce) != 16:
        if 2 in fields:
            raise UsageError(
                "this backup is of the older kind (crypt14), whose key never leaves the phone",
                hint="Turn on the end-to-end encrypted backup with a 64-digit key in WhatsApp, and make a new backup.",
            )
        raise UsageError(
            "this backup is kept by a password or a passkey, which only WhatsApp's own servers can check",
            hint="Choose the 64-digit key instead in WhatsApp's settings, and make a new backup.",
        )
    return data, nonce, at + length


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message.

    Raises:
        ValueError, IndexError: it is none.
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if not number:
            raise ValueError
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            length, at = _varint(data, at)
        else:
            length = {1: 8, 5: 4}.get(wire, -1)
        if length < 0 or at + length > len(data):
            raise ValueError
        yield number, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError
