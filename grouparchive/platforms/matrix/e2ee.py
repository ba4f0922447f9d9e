"""End-to-end encrypted rooms: reading Element's exported key file, and opening archived ciphertext with such keys.

Only while reading an archive, never while backing up: the backup machine sees ciphertext, and the keys are sealed at once.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from grouparchive.errors import UsageError, WrongSecret
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.ports import Identify
from grouparchive.model.records import AnyRecord, Edit, Message, Reaction, RoomKey, Vote
from grouparchive.platforms.matrix.events import Event, Json, obj, ref
from grouparchive.platforms.matrix.handles import Handles
from grouparchive.platforms.matrix.parse import TimelineParser

MAX_FILE = 256 * 1024 * 1024
MAX_ROUNDS = 10_000_000
"""Most PBKDF2 rounds that we run for a key file; Element writes 500,000."""
ALGORITHM = "m.megolm.v1.aes-sha2"
_BEGIN, _END = b"-----BEGIN MEGOLM SESSION DATA-----", b"-----END MEGOLM SESSION DATA-----"
_HEAD, _MAC = 1 + 16 + 16 + 4, 32  # version, salt, counter block, rounds; HMAC-SHA256
_MAX_KEY = 4096
_OPEN_SESSIONS = 4096


class _Session(msgspec.Struct):
    """One key of the file. What it says about people and devices is not read."""

    algorithm: str
    room_id: str
    session_id: str
    session_key: str


def read_key_file(data: bytes, passphrase: str) -> Iterator[RoomKey]:
    """The room keys in a key file exported by a Matrix client, as records that name nobody.

    Raises:
        UsageError: it is no such file.
        WrongSecret: the passphrase does not fit, or the file is damaged.
    """
    plain = _open_file(data, passphrase)
    try:
        entries = msgspec.json.decode(plain, type=list[msgspec.Raw])
    except UNREADABLE as error:
        raise UsageError("the key file opened, and holds no list of keys") from error
    decoder = msgspec.json.Decoder(_Session)
    for entry in entries:
        try:
            found = decoder.decode(entry)
        except UNREADABLE:
            continue  # a key of a kind that we do not know opens nothing of ours
        known = found.algorithm == ALGORITHM and ref(found.room_id) and ref(found.session_id)
        if known and len(found.session_key) <= _MAX_KEY:
            yield RoomKey(channel=found.room_id, session=found.session_id, key=found.session_key)


def _open_file(data: bytes, passphrase: str) -> bytes:
    if len(data) > MAX_FILE:
        raise UsageError("the key file is too large to be one")
    head, begin, rest = data.partition(_BEGIN)
    body, end, _ = rest.partition(_END)
    try:
        raw = base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        raw = b""
    if head.strip() or not begin or not end or len(raw) < _HEAD + _MAC or raw[0] != 1:
        hint = "In Element: Settings, Encryption, export keys. The file begins with -----BEGIN MEGOLM SESSION DATA-----"
        raise UsageError("this is no file of exported room keys", hint=hint)
    salt, counter, rounds = raw[1:17], raw[17:33], int.from_bytes(raw[33:37], "big")
    if not 0 < rounds <= MAX_ROUNDS:
        raise UsageError("the key file asks for more work than any client's file does")
    derived = PBKDF2HMAC(hashes.SHA512(), 64, salt, rounds).derive(passphrase.encode())
    mac = hmac.HMAC(derived[32:], hashes.SHA256())
    mac.update(raw[:-_MAC])
    try:
        mac.verify(raw[-_MAC:])
    except InvalidSignature as error:
        raise WrongSecret(
            "the passphrase does not open this key file",
            hint="It is the one that was chosen when the keys were exported.",
        ) from error
    decryptor = Cipher(algorithms.AES(derived[:32]), modes.CTR(counter)).decryptor()
    return decryptor.update(raw[_HEAD:-_MAC]) + decryptor.finalize()


def make_opener(keys: Iterable[RoomKey], identify: Identify) -> Callable[[Message], AnyRecord]:
    """A function that opens encrypted messages. See `Platform.opener`.

    Raises:
        UsageError: vodozemac is not installed.
    """
    return _Opener(keys, identify)


class _Opener:
    """Holds the keys as text and the sessions that were used as objects."""

    def __init__(self, keys: Iterable[RoomKey], identify: Identify) -> None:
        try:
            import vodozemac  # noqa: PLC0415 - only who reads encrypted rooms needs it
        except ImportError as error:
            hint = 'Install it with: pip install "grouparchive[e2ee]"'
            raise UsageError("reading encrypted rooms needs a part that is not installed", hint=hint) from error
        self._olm: Any = vodozemac
        self._keys: dict[tuple[str, str], list[str]] = {}
        for key in keys:
            known = self._keys.setdefault((key.channel, key.session), [])
            if key.key not in known:
                known.append(key.key)
        self._sessions: dict[tuple[str, str], list[Any]] = {}
        self._handles = Handles(identify)

    def __call__(self, message: Message) -> AnyRecord:
        """What was inside; the message itself where no key fits or what is inside is malformed."""
        outer = _outer(message)
        plain = self._decrypt(message.channel, outer)
        if plain is None:
            return message
        try:
            inner = _Inner(self._handles, message, outer).read(plain)
        except ValueError:
            return message
        return inner or message

    def _decrypt(self, channel: str, outer: Json) -> Json | None:
        name = (channel, str(outer.get("session_id", "")))
        if outer.get("algorithm") != ALGORITHM or name not in self._keys:
            return None
        try:
            ciphertext = self._olm.MegolmMessage.from_base64(str(outer.get("ciphertext", "")))
        except ValueError:
            return None
        for session in self._session(name):
            try:
                plain = msgspec.json.decode(session.decrypt(ciphertext).plaintext)
            except (ValueError, *UNREADABLE):
                continue
            if isinstance(plain, dict) and plain.get("room_id") == channel:
                return plain
        return None

    def _session(self, name: tuple[str, str]) -> list[Any]:
        found = self._sessions.get(name)
        if found is None:
            if len(self._sessions) >= _OPEN_SESSIONS:
                self._sessions.clear()
            found = []
            for key in self._keys[name]:
                try:
                    exported = self._olm.ExportedSessionKey(key)
                    session = self._olm.InboundGroupSession.import_session(exported)
                except ValueError:
                    continue
                if session.session_id == name[1]:  # a key that claims another session's name opens nothing
                    found.append(session)
            self._sessions[name] = found
        return found


class _Inner:
    """One decrypted event, read by the same parser as any other, with the outside's id, time and author."""

    def __init__(self, handles: Handles, message: Message, outer: Json) -> None:
        self._message = message
        self._outer = outer
        self._parser = TimelineParser(message.channel, handles, author=message.author)

    def read(self, plain: Json) -> AnyRecord | None:
        """The record.

        Raises:
            ValueError: malformed.
        """
        content = dict(obj(plain.get("content")))
        kind = plain.get("type")
        if not isinstance(kind, str) or kind == "m.room.redaction":
            return None
        relates = obj(self._outer.get("relates_to"))
        if relates and "m.relates_to" not in content:  # the relation stands outside, where the server needs it
            content["m.relates_to"] = relates
        event = Event(
            type=kind,
            event_id=self._message.ref,
            sender="",  # who wrote it is known as an id only
            origin_server_ts=self._message.time,
            content=content,
        )
        found = self._parser.event(event)
        return self._as_outside(found[0]) if found else None

    def _as_outside(self, record: AnyRecord) -> AnyRecord | None:
        outside = self._message
        if isinstance(record, Message):
            return msgspec.structs.replace(
                record,
                reply_to=record.reply_to or outside.reply_to,
                thread=record.thread or outside.thread,
                marker=outside.marker or record.marker,
            )
        return record if isinstance(record, Edit | Reaction | Vote) else None


def _outer(message: Message) -> Json:
    try:
        return obj(msgspec.json.decode(message.data))
    except UNREADABLE:
        return {}
