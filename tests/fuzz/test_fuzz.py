"""Every parser of untrusted bytes takes whatever comes, or says in plain words what is wrong. `make fuzz` looks longer."""

import pytest
import targets
from fuzz_kit import Target, bent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = 40
SLOW = {
    "repaired-file": 4,
    "archive-cells": 12,
    "archive-file": 8,
    "records-by-a-thief": 8,
    "journal-beside-an-archive": 8,
}


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """Something valid with bytes changed, cut, put in, or put twice."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0 if data:
                data[at % len(data)] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del data[at : at + draw(st.integers(1, 40))]
            case 2:
                data[at:at] = draw(st.binary(max_size=12))
            case 3:
                data[at : at + 4] = draw(
                    st.sampled_from([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\0\0\0\1"])
                )
            case _:
                data[at:at] = data[at : at + draw(st.integers(1, 200))]
    return bytes(data)


@pytest.mark.parametrize("target", targets.TARGETS.values(), ids=targets.TARGETS)
def test_takes_whatever_comes(target: Target) -> None:
    seeds = target.seeds()
    for seed in seeds:
        target(seed)

    @settings(
        max_examples=SLOW.get(target.name, EXAMPLES),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(st.one_of(st.binary(max_size=300), mutated(seeds or [b""])))
    def anything(data: bytes) -> None:
        target(data)

    anything()


def test_seeds_are_taken_without_complaint() -> None:
    """Where a target's first seed were refused, the fuzzer would only ever see the first check."""
    for target in targets.TARGETS.values():
        if target.name not in targets.ONLY_REFUSES:
            target.use(target.seeds()[0])


def test_a_fault_is_found() -> None:
    """A target that lets a foreign error through is seen."""

    def broken(data: bytes) -> None:
        if data.startswith(b"\x00"):
            raise IndexError

    with pytest.raises(IndexError):
        test_takes_whatever_comes(Target("broken", broken, (b"\x00",)))


def test_bent_documents_reach_every_place() -> None:
    document = {"a": [1, {"b": 2}], "c": "d"}
    shapes = {bent(document, bytes((place, what, 0))) for place in range(8) for what in range(40)}
    assert len(shapes) > 100
    assert bent(document, b"") == b'{"a": [1, {"b": 2}], "c": "d"}'
