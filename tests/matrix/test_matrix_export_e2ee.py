"""Encrypted rooms: ciphertext is archived, Element's key file is read, and the two open each other."""

import base64
import hashlib
import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from grouparchive.errors import UsageError, WrongSecret
from grouparchive.model import codec
from grouparchive.model.records import Channel, Edit, Message, RoomKey
from grouparchive.platforms.matrix import PLATFORM

vodozemac = pytest.importorskip("vodozemac")
MEGOLM = "m.megolm.v1.aes-sha2"
PASSPHRASE = "a phrase for the file, ä"


def key_file(sessions: list[dict[str, Any]], passphrase: str = PASSPHRASE, rounds: int = 1000) -> bytes:
    """A file as Element writes it."""
    salt, counter = os.urandom(16), os.urandom(8) + bytes(8)
    keys = PBKDF2HMAC(hashes.SHA512(), 64, salt, rounds).derive(passphrase.encode())
    encryptor = Cipher(algorithms.AES(keys[:32]), modes.CTR(counter)).encryptor()
    body = b"\x01" + salt + counter + rounds.to_bytes(4, "big") + encryptor.update(msgspec.json.encode(sessions))
    mac = hmac.HMAC(keys[32:], hashes.SHA256())
    mac.update(body)
    text = base64.b64encode(body + mac.finalize())
    lines = b"\n".join(text[at : at + 96] for at in range(0, len(text), 96))
    return b"-----BEGIN MEGOLM SESSION DATA-----\n" + lines + b"\n-----END MEGOLM SESSION DATA-----\n"


class Megolm:
    """A client's outgoing session of a room."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.session = vodozemac.GroupSession()
        self.inbound = vodozemac.InboundGroupSession(self.session.session_key)

    def encrypt(self, kind: str, content: dict[str, Any], room: str = "") -> dict[str, Any]:
        inner = {"type": kind, "content": content, "room_id": room or self.room}
        ciphertext = self.session.encrypt(msgspec.json.encode(inner)).to_base64()
        sealed = {"algorithm": MEGOLM, "session_id": self.session.session_id, "ciphertext": ciphertext}
        return {**sealed, "sender_key": "canary-sender-key", "device_id": "CANARYDEVICE"}

    def exported(self) -> dict[str, Any]:
        return {
            "algorithm": MEGOLM,
            "room_id": self.room,
            "session_id": self.session.session_id,
            "session_key": self.inbound.export_at(0).to_base64(),
            "sender_key": "canary-sender-key",
            "sender_claimed_keys": {"ed25519": "canary"},
            "forwarding_curve25519_key_chain": [],
        }


def identify(handle: str, *_: str) -> str:
    return hashlib.md5(handle.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.homeserver
def test_an_encrypted_room_is_archived_shut_and_opens_with_the_exported_keys(
    people: Callable[[str], Any], read: Callable[..., Any]
) -> None:
    admin = people("admin")
    room = admin.create(
        name="Sealed",
        initial_state=[{"type": "m.room.encryption", "state_key": "", "content": {"algorithm": MEGOLM}}],
    )
    megolm = Megolm(room)
    words = f"for {admin.handle} only"
    first = admin.send(room, "m.room.encrypted", megolm.encrypt("m.room.message", {"msgtype": "m.text", "body": words}))
    new = {"msgtype": "m.text", "body": "* better", "m.new_content": {"msgtype": "m.text", "body": "better"}}
    relation = {"m.relates_to": {"rel_type": "m.replace", "event_id": first}}
    edit = admin.send(room, "m.room.encrypted", {**megolm.encrypt("m.room.message", new), **relation})
    other = Megolm(room)
    shut = admin.send(
        room, "m.room.encrypted", other.encrypt("m.room.message", {"msgtype": "m.text", "body": "no key"})
    )

    seen = read(admin, room)
    assert seen.of(Channel)[0].encrypted
    assert ("media-encrypted", 1, True) in seen.gaps
    sealed = {message.ref: message for message in seen.of(Message) if message.type == "encrypted"}
    assert set(sealed) == {first, edit, shut}
    assert b"canary" not in b"".join(codec.encode(record).lower() for record in seen.records)

    keys = list(PLATFORM.keys(key_file([megolm.exported()]), PASSPHRASE))
    assert [(key.channel, key.session) for key in keys] == [(room, megolm.session.session_id)]
    assert "canary" not in str(keys)
    opener = PLATFORM.opener(keys, identify)
    opened = opener(sealed[first])
    assert isinstance(opened, Message)
    assert (opened.text, opened.type, opened.author) == (f"for {{member:{admin.id}}} only", "text", admin.id)
    assert (opened.ref, opened.time) == (first, sealed[first].time)
    edited = opener(sealed[edit])
    assert isinstance(edited, Edit)
    assert (edited.target, edited.text, edited.author) == (first, "better", admin.id)
    assert opener(sealed[shut]) is sealed[shut]


def sealed_message(room: str, content: dict[str, Any]) -> Message:
    kept = {name: content[name] for name in ("algorithm", "session_id", "ciphertext")}
    data = msgspec.json.encode(kept).decode()
    return Message(channel=room, ref="$1", time=1, author="a" * 32, type="encrypted", data=data)


def test_a_message_moved_to_another_room_stays_shut() -> None:
    megolm = Megolm("!a:x")
    message = sealed_message("!a:x", megolm.encrypt("m.room.message", {"msgtype": "m.text", "body": "x"}, room="!b:x"))
    key = RoomKey(channel="!a:x", session=megolm.session.session_id, key=megolm.exported()["session_key"])
    assert PLATFORM.opener([key], identify)(message) is message


@pytest.mark.parametrize("key", ["", "nonsense", "AAAA", "é"])
def test_a_nonsense_key_opens_nothing_and_does_not_hide_the_right_one(key: str) -> None:
    megolm = Megolm("!a:x")
    message = sealed_message("!a:x", megolm.encrypt("m.room.message", {"msgtype": "m.text", "body": "x"}))
    name = {"channel": "!a:x", "session": megolm.session.session_id}
    bad = RoomKey(key=key, **name)
    assert PLATFORM.opener([bad], identify)(message) is message
    opened = PLATFORM.opener([bad, RoomKey(key=megolm.exported()["session_key"], **name)], identify)(message)
    assert isinstance(opened, Message)
    assert opened.text == "x"


@pytest.mark.parametrize("data", ["", "[]", "{", '{"algorithm":"m.megolm.v1.aes-sha2","session_id":5,"ciphertext":[]}'])
def test_nonsense_in_place_of_ciphertext_stays_as_it_is(data: str) -> None:
    message = Message(channel="!a:x", ref="$1", time=1, type="encrypted", data=data)
    assert PLATFORM.opener([RoomKey(channel="!a:x", session="5", key="x")], identify)(message) is message


@pytest.mark.parametrize(
    "plain", [[], {}, {"type": "m.room.message"}, {"type": 5, "content": {}}, {"type": "m.reaction"}]
)
def test_nonsense_inside_leaves_the_message_shut(plain: Any) -> None:
    megolm = Megolm("!a:x")
    inner = {"room_id": "!a:x", **plain} if isinstance(plain, dict) else plain
    ciphertext = megolm.session.encrypt(msgspec.json.encode(inner)).to_base64()
    content = {"algorithm": MEGOLM, "session_id": megolm.session.session_id, "ciphertext": ciphertext}
    key = RoomKey(channel="!a:x", session=megolm.session.session_id, key=megolm.exported()["session_key"])
    message = sealed_message("!a:x", content)
    assert PLATFORM.opener([key], identify)(message) is message


def test_the_wrong_passphrase_is_told_from_the_wrong_file() -> None:
    data = key_file([Megolm("!a:x").exported()])
    with pytest.raises(WrongSecret):
        list(PLATFORM.keys(data, "another"))
    damaged = data.replace(b"\n", b"", 2)[:60] + b"A" + data[62:]
    with pytest.raises((UsageError, WrongSecret)):
        list(PLATFORM.keys(damaged, PASSPHRASE))
    for nonsense in (b"", b"hello", data[:50], data.replace(b"BEGIN", b"ELSE"), b"x" + data):
        with pytest.raises(UsageError):
            list(PLATFORM.keys(nonsense, PASSPHRASE))


@pytest.mark.parametrize("rounds", [0, 2**32 - 1])
def test_a_file_that_asks_for_endless_work_is_refused_before_any(rounds: int) -> None:
    head = b"\x01" + bytes(32) + rounds.to_bytes(4, "big") + bytes(64)
    data = b"-----BEGIN MEGOLM SESSION DATA-----\n" + base64.b64encode(head) + b"\n-----END MEGOLM SESSION DATA-----\n"
    with pytest.raises(UsageError):
        list(PLATFORM.keys(data, PASSPHRASE))


def test_odd_entries_of_a_key_file_are_left_out() -> None:
    good = Megolm("!a:x").exported()
    odd = [{}, {**good, "algorithm": "m.other"}, {**good, "session_key": 5}, {**good, "room_id": "x" * 9999}]
    assert len(list(PLATFORM.keys(key_file([*odd, good]), PASSPHRASE))) == 1
