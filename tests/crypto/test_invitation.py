"""Messages and cards: what survives the way, and what does not pass."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.crypto import crockford, invitation
from grouparchive.errors import Damaged, UsageError, WrongSecret

ARCHIVE, INVITE, CARD = b"\x02" * 32, b"\x03" * 32, b"\x04" * 32
TEXT = "Hello, here it is:\n\nhttps://home.example/#/k7"


def block(text: str = TEXT, address: str = "fern@example.org") -> invitation.Block:
    salt = b"\x05" * 16
    return invitation.Block(
        ARCHIVE, b"\x06" * 16, salt, invitation.address_hash(salt, address), 2_000_000_000_000,
        invitation.text_digest(text), len(invitation.canonical(text)), "link", "https://home.example/#/k7",
    ).signed(INVITE)  # fmt: skip


@given(st.binary(max_size=80))
def test_letters_round_trip(data: bytes) -> None:
    letters = crockford.encode(data)
    assert set(letters) <= set(crockford.ALPHABET)
    assert crockford.decode(letters) == data
    typed = crockford.grouped(letters.lower().replace("1", "l").replace("0", "o"), 3)
    assert crockford.decode(f" {typed}\n") == data


@pytest.mark.parametrize("letters", ["U", "A", "A!", "AZ", "000", "ZZ=", "é0"])
def test_letters_that_are_none(letters: str) -> None:
    with pytest.raises(ValueError, match="letter"):
        crockford.decode(letters)


def test_codes_are_short_different_and_bound_to_the_archive() -> None:
    codes = {invitation.card_code(CARD, ARCHIVE, number) for number in range(1, 2000)}
    assert len(codes) == 1999
    assert all(len(code) == 8 and set(code) <= set(crockford.ALPHABET) for code in codes)
    assert invitation.card_code(CARD, b"\x09" * 32, 1) not in codes
    assert invitation.card_code(b"\x09" * 32, ARCHIVE, 1) not in codes
    for number in (0, -1, 10_000):
        with pytest.raises(UsageError):
            invitation.card_code(CARD, ARCHIVE, number)


def test_a_code_as_people_type_it() -> None:
    for typed in ("7g0b-n2zh", " 7GOB N2ZH ", "7gob\u2011n2zh"):
        assert invitation.same_code("7G0BN2ZH", typed)
    for typed in ("7G0BN2Z", "7G0BN2ZHH", "7G0BN2ZJ", "", "\ud800"):
        assert not invitation.same_code("7G0BN2ZH", typed)


def test_addresses_as_people_type_them() -> None:
    def same(one: str, other: str) -> bool:
        return invitation.address_hash(b"s" * 16, one) == invitation.address_hash(b"s" * 16, other)

    assert same("Fern@Example.org", " fern@example.org\u00a0")
    assert same("+49 (170) 123-45.67", "0170 1234567")
    assert same("@fern:Example.org", "fern:example.org")
    assert not same("fern@example.org", "moss@example.org")
    assert not same("+49 170 1234567", "+49 170 1234568")
    assert not same("fern", "fern@")
    assert invitation.address_hash(b"s" * 16, "fern") != invitation.address_hash(b"t" * 16, "fern")


def test_every_field_is_signed() -> None:
    whole = block()
    public = invitation.invite_public(INVITE)
    assert whole.is_of(public)
    changes = {
        "archive_id": bytes(32), "campaign": bytes(16), "address": bytes(32), "expires": 1, "digest": bytes(32),
        "step": "hello", "link": "https://evil.example/#/k7", "signature": bytes(64),
    }  # fmt: skip
    for name, value in changes.items():
        assert not replace(whole, **{name: value}).is_of(public), name  # type: ignore[arg-type]
    assert not whole.is_of(invitation.invite_public(CARD))
    assert not whole.is_of(b"short")


@given(st.data())
def test_a_block_with_any_letter_changed_is_not_whole(data: st.DataObject) -> None:
    letters = block().encode().replace("\n", "")
    at = data.draw(st.integers(7, len(letters) - 8))
    other = data.draw(st.sampled_from([sign for sign in crockford.ALPHABET if sign != letters[at]]))
    with pytest.raises(Damaged):
        invitation.split_message(TEXT + letters[:at] + other + letters[at + 1 :])


@pytest.mark.parametrize("inside", ["", "0", "!", "0" * 480, "Z" * 5000, "[check:", "ſ"])
def test_a_block_of_nonsense(inside: str) -> None:
    with pytest.raises(Damaged):
        invitation.split_message(f"{TEXT}[check:{inside}:check]")


@given(st.text())
def test_any_text_is_split_or_refused(text: str) -> None:
    for whole in (text, f"[check:{text}:check]"):
        invitation.has_block(whole)
        with pytest.raises(Damaged):
            invitation.split_message(whole)


def test_signs_that_turn_the_direction_are_part_of_the_text() -> None:
    assert invitation.canonical("a\u202eb") == "a\u202eb"
    assert invitation.canonical("a\u200f \u00adb\ufeff") == "ab"


@given(st.binary(min_size=32, max_size=32))
def test_keys_on_paper(public: bytes) -> None:
    letters = invitation.write_public(public)
    assert len(letters.replace("-", "")) == 56
    assert invitation.read_public(f"> {letters[:30].lower()}\r\n> {letters[30:]}\n") == public
    assert len(invitation.key_words(public)) == 8


@pytest.mark.parametrize("text", ["", "hello", "0" * 56, "0" * 100_000])
def test_keys_that_are_none(text: str) -> None:
    with pytest.raises(WrongSecret):
        invitation.read_public(text)


def test_words_that_were_said() -> None:
    def tag(proof: str, person: str = "fern", key: bytes = CARD, archive: bytes = ARCHIVE) -> str:
        return invitation.proof_tag(key, archive, person, proof)

    assert tag("Blue  kettle") == tag("blue-KETTLE.") == tag("blue\u00a0kettle")
    others = [
        tag("blue kettles"),
        tag("blue kettle", "moss"),
        tag("blue kettle", key=INVITE),
        tag("blue kettle", archive=CARD),
    ]
    assert len({tag("blue kettle"), *others}) == 5
    assert tag("\N{SEEDLING}") != tag("\N{SNAIL}")
