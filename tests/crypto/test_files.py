import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.crypto.files import open_file, seal_file
from grouparchive.crypto.vaults import VaultKey
from grouparchive.errors import Damaged, GroupArchiveError, UsageError, WrongSecret

AID = b"a" * 32
KEY = VaultKey.from_root(b"r" * 32)
SEALED = seal_file(KEY.public, AID, "content", 0, "plan", b"a plan with a name in it")


@given(st.binary(max_size=10_000))
def test_a_sealed_file_opens(payload: bytes) -> None:
    assert open_file(seal_file(KEY.public, AID, "content", 3, "campaign", payload), KEY, AID, "campaign") == payload


def test_a_large_file_of_several_rows_opens() -> None:
    payload = bytes(range(256)) * 100_000
    assert open_file(seal_file(KEY.public, AID, "content", 0, "plan", payload), KEY, AID, "plan") == payload


def test_every_mistake_is_told_apart() -> None:
    with pytest.raises(WrongSecret, match="another archive"):
        open_file(SEALED, KEY, b"b" * 32, "plan")
    with pytest.raises(UsageError, match="this is a plan file, not a campaign file"):
        open_file(SEALED, KEY, AID, "campaign")
    with pytest.raises(UsageError, match="not a plan file"):
        open_file(b"something else", KEY, AID, "plan")
    with pytest.raises(UsageError, match="not a plan file"):
        open_file(b"", KEY, AID, "plan")
    with pytest.raises(Damaged):
        open_file(SEALED, VaultKey.from_root(b"s" * 32), AID, "plan")


@given(st.integers(0, len(SEALED) - 1))
def test_cut_anywhere_it_does_not_open(at: int) -> None:
    with pytest.raises(GroupArchiveError):
        open_file(SEALED[:at], KEY, AID, "plan")


@given(st.integers(0, len(SEALED) - 1), st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_noticed(at: int, bit: int) -> None:
    with pytest.raises(GroupArchiveError):
        open_file(SEALED[:at] + bytes([SEALED[at] ^ 1 << bit]) + SEALED[at + 1 :], KEY, AID, "plan")


def test_bytes_after_the_end_are_noticed() -> None:
    with pytest.raises(Damaged):
        open_file(SEALED + b"x", KEY, AID, "plan")
