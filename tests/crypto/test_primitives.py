import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.crypto import primitives
from grouparchive.crypto.members import Pseudonyms
from grouparchive.errors import Damaged


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_lp_is_undone_by_split(parts: list[bytes]) -> None:
    assert primitives.split_lp(primitives.lp(*parts), limit=6) == parts


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6), st.data())
def test_a_cut_lp_is_damage_or_fewer_parts(parts: list[bytes], data: st.DataObject) -> None:
    joined = primitives.lp(*parts)
    cut = joined[: data.draw(st.integers(0, len(joined) - 1))]
    try:
        assert primitives.split_lp(cut, limit=6) == parts[: len(primitives.split_lp(cut, limit=6))]
        assert len(primitives.split_lp(cut, limit=6)) < len(parts)
    except Damaged:
        pass


@given(st.binary(max_size=200))
def test_any_bytes_split_or_are_damage(junk: bytes) -> None:
    try:
        parts = primitives.split_lp(junk, limit=100)
    except Damaged:
        return
    assert primitives.lp(*parts) == junk


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(Damaged):
        primitives.split_lp(primitives.lp(b"", b""), limit=1)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_expand_is_hkdf_expand(key: bytes, info: bytes) -> None:
    assert primitives.expand(key, info) == HKDFExpand(SHA256(), 32, info).derive(key)


@given(st.integers(0, 1 << 50))
def test_padding_costs_little_and_says_little(n: int) -> None:
    padded = primitives.padme(n)
    assert padded >= max(n, 4096)
    assert padded <= max(n * 1.12, 4096)
    assert primitives.padme(padded) == padded


def test_padding_grows_with_the_size() -> None:
    sizes = [primitives.padme(n) for n in range(20_000)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) < 100


def test_a_local_value_opens_only_under_its_key_and_info() -> None:
    sealed = primitives.seal_local(b"k" * 32, b"value", b"info")
    assert primitives.open_local(b"k" * 32, sealed, b"info") == b"value"
    assert sealed != primitives.seal_local(b"k" * 32, b"value", b"info")
    for key, data, info in (
        (b"j" * 32, sealed, b"info"),
        (b"k" * 32, sealed, b"else"),
        (b"k" * 32, sealed[:-1], b"info"),
        (b"k" * 32, b"", b"info"),
    ):
        with pytest.raises(Damaged):
            primitives.open_local(key, data, info)


@pytest.mark.parametrize("name", [b"", b"UP", b"with space", b"x" * 33, "é".encode(), b"a\0"])
def test_stored_names_are_short_lower_case_words(name: bytes) -> None:
    with pytest.raises(Damaged):
        primitives.ascii_name(name)


def test_member_ids_hold_within_a_run_and_not_beyond() -> None:
    run, next_run = Pseudonyms(), Pseudonyms()
    one = run.member_id("matrix", "https://a.example", "@fern:a.example")
    assert one == run.member_id("matrix", "https://a.example", "@fern:a.example")
    assert one != next_run.member_id("matrix", "https://a.example", "@fern:a.example")
    assert one != run.member_id("matrix", "https://b.example", "@fern:a.example")
    assert run.member_id("a", "bc", "d") != run.member_id("ab", "c", "d")
    assert len(one) == 32
    assert int(one, 16) >= 0


def test_hostile_handles_get_ids_of_their_own() -> None:
    run = Pseudonyms()
    ids = {run.member_id("p", "o", native) for native in ("", "\0", "\ud800", "\ud801", "x" * 100_000)}
    assert len(ids) == 5
