from collections.abc import Callable
from dataclasses import replace
from unittest.mock import patch

import pytest

from grouparchive.crypto import slots, words
from grouparchive.crypto.primitives import be64, lp, split_lp
from grouparchive.crypto.slots import Argon2Cost, OpenedRoot, Passphrase, RecoveryKey, SlotRow, Unlocking
from grouparchive.errors import Damaged, GroupArchiveError, UsageError, WrongSecret

AID = b"a" * 32
ROOTS = {"content": b"c" * 32, "roster": b"r" * 32}
CHEAP = Argon2Cost(8 * 1024, 1, 1)
PASS = Passphrase("nine plain words")
KEY = RecoveryKey(b"k" * 32)


def both() -> list[SlotRow]:
    return [
        *slots.new_passphrase_slots(PASS, AID, 0, ROOTS, cost=CHEAP),
        *slots.new_recovery_slots(KEY, AID, 0, ROOTS),
    ]


def open_slots(rows: list[SlotRow], archive_id: bytes, secret: Unlocking) -> dict[str, bytes]:
    """The roots without their epochs."""
    return {vault: opened.root for vault, opened in slots.open_slots(rows, archive_id, secret).items()}


def resum(row: SlotRow) -> SlotRow:
    return replace(row, checksum=row.sum(AID))


@pytest.mark.parametrize("secret", [PASS, KEY])
def test_each_secret_opens_both_vaults(secret: Unlocking) -> None:
    assert open_slots(both(), AID, secret) == ROOTS


def test_one_slot_has_one_id_and_no_two_rows_look_alike() -> None:
    rows = both()
    assert len({row.slot_id for row in rows}) == 2
    assert len({row.commitment for row in rows}) == len({row.wrapped for row in rows}) == 4
    assert all(slots.is_sound(row, AID) for row in rows)


def test_argon2_runs_once_for_both_vaults_on_the_way_in_and_out() -> None:
    with patch.object(slots, "Argon2id", wraps=slots.Argon2id) as argon2:
        rows = both()
        assert argon2.call_count == 1
        open_slots(rows, AID, PASS)
        assert argon2.call_count == 2


def test_the_default_cost_is_256_mib() -> None:
    with patch.object(slots, "Argon2id") as argon2:
        argon2.return_value.derive.return_value = b"x" * 32
        slots.new_passphrase_slots(PASS, AID, 0, ROOTS)
    _, made = argon2.call_args
    assert (made["memory_cost"], made["iterations"], made["lanes"]) == (256 * 1024, 3, 4)


@pytest.mark.parametrize("secret", [Passphrase("nine plain word"), RecoveryKey(b"K" * 32)])
def test_a_wrong_secret_is_wrong_not_damage(secret: Unlocking) -> None:
    with pytest.raises(WrongSecret) as caught:
        open_slots(both(), AID, secret)
    assert caught.value.code == 12


def test_a_secret_without_a_slot_of_its_type_is_told_to_use_the_other() -> None:
    for rows, secret in ((both()[:2], KEY), (both()[2:], PASS)):
        with pytest.raises(WrongSecret, match="has no"):
            open_slots(rows, AID, secret)
    with pytest.raises(WrongSecret):
        open_slots([], AID, PASS)


def test_slots_of_another_archive_are_damage() -> None:
    with pytest.raises(Damaged):
        open_slots(both(), b"b" * 32, PASS)


@pytest.mark.parametrize("field", ["slot_id", "params", "commitment", "nonce", "wrapped", "checksum"])
def test_a_flipped_bit_is_damage_and_the_other_secret_still_opens(field: str) -> None:
    rows = [
        replace(row, **{field: bytes([getattr(row, field)[0] ^ 1]) + getattr(row, field)[1:]})
        if row.type == "passphrase"
        else row
        for row in both()
    ]
    with pytest.raises(Damaged) as caught:
        open_slots(rows, AID, PASS)
    assert caught.value.code == 13
    assert open_slots(rows, AID, KEY) == ROOTS


def test_the_undamaged_row_of_a_slot_still_opens() -> None:
    rows = both()
    assert open_slots([replace(rows[0], wrapped=b"x"), *rows[1:]], AID, PASS) == {"roster": ROOTS["roster"]}


CHANGES: list[Callable[[SlotRow], SlotRow]] = [
    lambda row: replace(row, vault="roster" if row.vault == "content" else "content"),
    lambda row: replace(row, epoch=1),
    lambda row: replace(row, slot_id=b"i" * 16),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_moved_elsewhere_with_a_new_checksum_opens_nothing(change: Callable[[SlotRow], SlotRow]) -> None:
    with pytest.raises(WrongSecret):
        open_slots([resum(change(row)) for row in both()[:2]], AID, PASS)


def test_a_wrapped_root_changed_with_a_new_checksum_is_damage() -> None:
    rows = [resum(replace(row, wrapped=row.wrapped[:-1] + b"x")) for row in both()]
    for secret in (PASS, KEY):
        with pytest.raises(Damaged):
            open_slots(rows, AID, secret)


def test_a_sound_looking_row_with_wrong_sizes_is_damage() -> None:
    for change in ({"nonce": b"short"}, {"slot_id": b""}, {"epoch": -1}, {"epoch": 1 << 63}):
        row = replace(both()[0], **change)
        assert not slots.is_sound(row if "epoch" in change else resum(row), AID)


@pytest.mark.parametrize(
    "cost",
    [
        Argon2Cost(1024 * 1024 + 1, 1, 1),
        Argon2Cost(1 << 62, 1, 1),
        Argon2Cost(8 * 1024 - 1, 1, 1),
        Argon2Cost(8 * 1024, 11, 1),
        Argon2Cost(8 * 1024, 0, 1),
        Argon2Cost(8 * 1024, 1, 17),
        Argon2Cost(8 * 1024, 1, 0),
    ],
)
def test_absurd_costs_are_refused_before_they_cost(cost: Argon2Cost) -> None:
    salt = split_lp(both()[0].params, limit=4)[0]
    rows = [resum(replace(row, params=lp(salt, *map(be64, cost)))) for row in both()[:2]]
    with patch.object(slots, "Argon2id") as argon2, pytest.raises(Damaged):
        open_slots(rows, AID, PASS)
    argon2.assert_not_called()


@pytest.mark.parametrize("params", [b"", b"junk", lp(b"s" * 16), lp(b"s" * 15, be64(8192), be64(1), be64(1))])
def test_malformed_parameters_are_damage(params: bytes) -> None:
    with pytest.raises(Damaged):
        open_slots([resum(replace(row, params=params)) for row in both()[:2]], AID, PASS)


def test_a_doctored_file_cannot_ask_for_endless_work() -> None:
    row = both()[0]
    many = [resum(replace(row, params=lp(be64(n) * 2, *map(be64, CHEAP)))) for n in range(20)]
    with patch.object(slots, "Argon2id", wraps=slots.Argon2id) as argon2, pytest.raises(Damaged):
        open_slots(many, AID, Passphrase("wrong"))
    assert argon2.call_count <= 8
    with pytest.raises(Damaged):
        open_slots([row] * 1000, AID, Passphrase("wrong"))


def test_the_newest_epoch_wins() -> None:
    newer = slots.new_recovery_slots(KEY, AID, 1, {"content": b"n" * 32})
    for rows in (both() + newer, newer + both()):
        assert slots.open_slots(rows, AID, KEY) == {
            "content": OpenedRoot(1, b"n" * 32),
            "roster": OpenedRoot(0, ROOTS["roster"]),
        }


def test_passphrases_are_compared_in_nfkc_and_otherwise_to_the_letter() -> None:
    rows = slots.new_passphrase_slots(Passphrase("Caf\u00e9 \ufb01sh"), AID, 0, ROOTS, cost=CHEAP)
    assert open_slots(rows, AID, Passphrase("Cafe\u0301 fish")) == ROOTS
    for other in ("caf\u00e9 fish", "Caf\u00e9 fish ", "Caf\u00e9  fish"):
        with pytest.raises(WrongSecret):
            open_slots(rows, AID, Passphrase(other))


@pytest.mark.parametrize("text", ["", "\udc80", "x" * 5000])
def test_what_is_no_passphrase_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        slots.new_passphrase_slots(Passphrase(text), AID, 0, ROOTS, cost=CHEAP)


def test_no_secret_is_in_a_repr_or_an_error() -> None:
    rows = both()
    for secret, shown in ((PASS, PASS.text), (KEY, repr(KEY.key))):
        assert shown not in repr(secret)
        with pytest.raises(GroupArchiveError) as caught:
            open_slots([replace(row, wrapped=b"") for row in rows], AID, secret)
        assert shown not in str(caught.value) + caught.value.hint


def test_generated_passphrases_have_90_bits() -> None:
    made = {words.generate_passphrase() for _ in range(50)}
    assert len(made) == 50
    used = {word for one in made for word in one.split(" ")}
    assert all(len(one.split(" ")) == 9 for one in made)
    assert len(used) > 250
    assert len(set(words.WORDLIST)) == 1024
