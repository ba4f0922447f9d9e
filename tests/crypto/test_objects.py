from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.crypto import objects
from grouparchive.crypto.objects import ObjectSealer, open_rows
from grouparchive.crypto.primitives import TAG_SIZE, padme
from grouparchive.errors import Damaged

AID = bytes(range(32))
SMALL = 1000


@pytest.fixture(autouse=True, scope="module")
def _small_chunk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects, "CHUNK", SMALL)
        yield


def seal(pieces: list[bytes]) -> tuple[ObjectSealer, list[bytes]]:
    sealer = ObjectSealer(AID, "content", "blob")
    return sealer, list(sealer.rows(pieces))


def unseal(sealer: ObjectSealer, rows: list[bytes]) -> bytes:
    return b"".join(open_rows(sealer.key, AID, "content", "blob", sealer.oid, rows))


# What looks like padding is the hard case: the mark and zeros, also across rows and at the end.
hard = st.lists(
    st.one_of(
        st.binary(max_size=50),
        st.builds(bytes, st.integers(0, 3 * SMALL)),
        st.builds(lambda n: b"\x80" + bytes(n), st.integers(0, 3 * SMALL)),
        st.builds(lambda n: b"\x80" * n, st.integers(0, 2 * SMALL)),
    ),
    max_size=8,
)


@given(hard)
def test_what_went_in_comes_out_and_the_size_shows_only_its_padded_length(pieces: list[bytes]) -> None:
    sealer, rows = seal(pieces)
    payload = b"".join(pieces)
    assert unseal(sealer, rows) == payload
    assert sealer.plain_size == len(payload)
    plain_sizes = [len(row) - TAG_SIZE for row in rows]
    assert sum(plain_sizes) == padme(len(payload) + 1)
    assert all(size == SMALL for size in plain_sizes[:-1])
    assert 0 < plain_sizes[-1] <= SMALL


@pytest.mark.parametrize("size", [0, 1, 4094, 4095, 4096, 999, 1000, 1001, 4999, 5000, 5001, 50_000])
@pytest.mark.parametrize("fill", [b"\0", b"\x80", b"a"])
def test_sizes_around_the_borders(size: int, fill: bytes) -> None:
    sealer, rows = seal([fill * size])
    assert unseal(sealer, rows) == fill * size


@given(st.integers(0, 20_000), st.data())
def test_no_row_can_be_swapped_dropped_added_or_changed(size: int, data: st.DataObject) -> None:
    sealer, rows = seal([bytes(size)])
    other, _ = seal([bytes(size)])
    at = data.draw(st.integers(0, len(rows) - 1))
    to = data.draw(st.integers(0, len(rows) - 1))
    swapped = list(rows)
    swapped[at], swapped[to] = swapped[to], swapped[at]
    where = data.draw(st.integers(0, len(rows[at]) - 1))
    flipped = bytes(byte ^ (index == where) for index, byte in enumerate(rows[at]))
    bad = {
        "dropped": rows[:at] + rows[at + 1 :],
        "cut off": rows[:at],
        "twice": rows[: at + 1] + rows[at:],
        "appended": [*rows, rows[at]],
        "changed": [*rows[:at], flipped, *rows[at + 1 :]],
        "shortened": [*rows[:at], rows[at][:-1], *rows[at + 1 :]],
        "joined": [b"".join(rows), rows[0]],
    }
    if at != to:
        bad["swapped"] = swapped
    for what, wrong in bad.items():
        try:
            unseal(sealer, wrong)
        except Damaged:
            continue
        pytest.fail(f"not noticed: {what}")
    with pytest.raises(Damaged):
        unseal(other, rows)


def test_one_byte_more_in_a_row_is_noticed() -> None:
    sealer, rows = seal([bytes(3000)])
    with pytest.raises(Damaged):
        unseal(sealer, [rows[0] + b"\0", *rows[1:]])


def test_rows_are_streamed_one_at_a_time_both_ways() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b"x" * SMALL

    sealer = ObjectSealer(AID, "content", "blob")
    sealed = sealer.rows(pieces())
    opened = open_rows(sealer.key, AID, "content", "blob", sealer.oid, sealed)
    next(opened)
    assert taken <= 4
    assert len(b"".join(opened)) == 99 * SMALL


def test_one_huge_piece_is_cut_like_many_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects.os, "urandom", lambda size: b"k" * size)
    payload = bytes(range(250)) * 40
    one, many = seal([payload]), seal([payload[i : i + 7] for i in range(0, len(payload), 7)])
    assert one[1] == many[1]
    assert one[0].body_hash == many[0].body_hash


def test_a_key_seals_one_payload_and_its_hash_waits_for_the_end() -> None:
    sealer = ObjectSealer(AID, "content", "blob")
    rows = sealer.rows([bytes(10_000)])
    next(rows)
    with pytest.raises(RuntimeError):
        _ = sealer.body_hash
    assert list(rows)
    assert len(sealer.body_hash) == 32
    with pytest.raises(RuntimeError):
        next(sealer.rows([b"again"]))


def test_a_secret_key_is_in_no_repr() -> None:
    sealer, _ = seal([b"x"])
    assert sealer.key.hex() not in repr(sealer)
    assert repr(sealer.key) not in repr(sealer)


def test_a_name_commits_to_one_key() -> None:
    """AES-GCM does not bind a ciphertext to one key. Rows that open under a key of somebody's own choice, sealed for another
    object's name, are refused all the same, before anything is read.
    """
    honest = ObjectSealer(AID, "content", "blob")
    thief = ObjectSealer(AID, "content", "blob")
    thief._cipher = objects._cipher(thief.key, AID, "content", "blob", honest.oid)
    rows = list(thief.rows([b"not what was signed"]))
    assert b"".join(objects._unpadded(objects._plaintexts(thief._cipher, rows))) == b"not what was signed"
    with pytest.raises(Damaged, match="does not belong"):
        list(open_rows(thief.key, AID, "content", "blob", honest.oid, rows))
