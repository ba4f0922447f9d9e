"""Fuzz targets: the papers that people keep and hand over, and what the owner of an archive signs."""

import functools
import json

import msgspec
from fuzz_kit import json_target, pieces, target
from targets_crypto import ID, KEY, VAULT

from grouparchive.archive.writers import Public, Request, read_public, read_request
from grouparchive.crypto import shares, slots
from grouparchive.crypto.invitation import read_public as read_message_key
from grouparchive.crypto.invitation import split_message
from grouparchive.crypto.invitation import write_public as write_message_key
from grouparchive.crypto.keyfile import read_keys_text, read_slots_block, write_keys_text
from grouparchive.crypto.signing import Genesis, ManifestEntry
from grouparchive.crypto.slotrow import SlotRow, is_sound, pack_rows, unpack_rows
from grouparchive.crypto.statements import (
    Change,
    Revocation,
    Rotation,
    Statement,
    decode_changes,
    encode_changes,
    verify_statement,
)
from grouparchive.crypto.witness import WORDS, read_witness, witness
from grouparchive.people import words
from grouparchive.people.cards import read_range
from grouparchive.people.signed import Signer, check, sign

GENESIS = Genesis(KEY, VAULT.public.data, VAULT.public.data, KEY)
ENTRY = ManifestEntry("roster", "attended", KEY, ID)
SIGNER = Signer(secret=KEY, archive_id=ID, campaign_key=KEY)
STATEMENT = Statement(ID, 2, KEY, 1_700_000_000_000, "attended", ENTRY.encode())


@functools.cache
def rows() -> list[SlotRow]:
    return slots.new_recovery_slots(slots.RecoveryKey(KEY), ID, 0, {"content": KEY, "roster": KEY})


def text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


# --- papers ----------------------------------------------------------------------------------------------------------


SET = shares.new_shares(2, 3)


def share(number: int) -> bytes:
    return shares.write_share_text(SET, number, ID, rows()).encode()


@target(lambda: share(0), SET.mnemonics[1].encode())
def share_text(data: bytes) -> None:
    mnemonic = shares.read_share_text(text(data), ID)
    assert shares.read_share_text(mnemonic, ID) == mnemonic
    read_slots_block(text(data), ID)


@target(lambda: share(0) + b"\0" + share(1), lambda: share(2) + b"\0" + share(2) + b"\0" + share(0))
def shares_together(data: bytes) -> None:
    """Shares of several holders, one after the other: genuine ones among them still count."""
    given = shares.GivenShares([text(one) for one in data.split(b"\0")], ID)
    quorum = SET.quorum
    assert all(key == SET.key for key in given.keys(quorum))
    given.why_not([quorum], damaged=False)


@target(SET.quorum.encode())
def share_set(data: bytes) -> None:
    assert shares.Quorum.decode(data).encode() == data


@target(lambda: write_keys_text(rows(), ID).encode())
def keys_file(data: bytes) -> None:
    for row in read_keys_text(text(data), ID):
        is_sound(row, ID)


@target(lambda: pack_rows(rows()))
def packed_slots(data: bytes) -> None:
    found = unpack_rows(data)
    assert pack_rows(found) == data
    for row in found:
        is_sound(row, ID)


@target(lambda: " ".join(witness(ID, KEY[:16], 3, KEY)).encode(), b"1. ACADemic - 2. acid")
def witness_text(data: bytes) -> None:
    assert len(read_witness(text(data))) == WORDS


def signed_message() -> bytes:
    message = words.render("link", "ru", link="https://home.example/#/k7", by="3 May")
    given = {"address": "fern@example.org", "expires": 2**41, "link": "https://home.example/#/k7"}
    return sign(message, SIGNER, step="link", language="ru", **given).text.encode()  # type: ignore[arg-type]


@target(signed_message, b"[check:0:check]")
def received_message(data: bytes) -> None:
    found = check(text(data), SIGNER.public, now=1, address="fern@example.org")
    assert found.good == bool(found.tag)
    split_message(text(data))


@target(lambda: write_message_key(SIGNER.public).encode())
def message_key(data: bytes) -> None:
    assert read_message_key(write_message_key(read_message_key(text(data)))) == read_message_key(text(data))


@target(b"1-40", b"7")
def card_numbers(data: bytes) -> None:
    first, last = read_range(text(data))
    assert 1 <= first <= last


def join_file(data: bytes) -> None:
    read_public(data)


def writer_request(data: bytes) -> None:
    read_request(data, GENESIS)


json_target(
    "join-file", join_file, json.loads(msgspec.json.encode(Public(genesis=GENESIS.encode(), slots=pack_rows([]))))
)
json_target(
    "writer-request",
    writer_request,
    json.loads(
        msgspec.json.encode(Request(archive_id=GENESIS.archive_id.hex(), writer_id=KEY[:16].hex(), pk0=KEY.hex()))
    ),
)


# --- statements ------------------------------------------------------------------------------------------------------


@target(STATEMENT.encode())
def statement(data: bytes) -> None:
    found = Statement.decode(data)
    assert found.encode() == data
    assert not verify_statement(KEY, found, (data * 64)[:64])


@target(lambda: Revocation(KEY[:16], 7).encode())
def statement_of_revocation(data: bytes) -> None:
    assert Revocation.decode(data).encode() == data


@target(encode_changes([Change(KEY, ENTRY), Change(ID, None)]))
def statement_of_changes(data: bytes) -> None:
    assert encode_changes(decode_changes(data)) == data


@target(Rotation(1, VAULT.public.data, VAULT.public.data, (ENTRY, ENTRY)).encode())
def statement_of_rotation(data: bytes) -> None:
    assert Rotation.decode(data).encode() == data


@target(ENTRY.encode(), ENTRY.encode() * 2)
def manifest_entry(data: bytes) -> None:
    assert ManifestEntry.decode(data).encode() == data
    for piece in pieces(data, 2):
        assert piece != data or not piece
