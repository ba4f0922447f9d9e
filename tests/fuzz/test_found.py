"""What the fuzzers found once, so that it stays found: an input for one target, or a shape that all of them get."""

import time

import pytest
import targets
from fuzz_kit import Target

from grouparchive.platforms.matrix import settings

HISTORY = (
    b'{"type":"m.room.history_visibility","event_id":"$e","sender":"@a:b","origin_server_ts":1,'
    b'"state_key":"","content":{"history_visibility":["joined"]}}'
)
LEVELS = (
    b'{"type":"m.room.power_levels","event_id":"$e","sender":"@a:b","origin_server_ts":1,'
    b'"state_key":"","content":{"users":{"@a:b":"%s"}}}'
)
FOUND = [
    # A setting of a kind that no dictionary takes, written by a thief of the backup machine, ended `apply`.
    ("matrix-setting", b'{"join_rule": []}'),
    # The same as a room's state, which any of its moderators can send, ended every backup.
    ("matrix-timeline", HISTORY),
    # A redirect to an address that is none.
    ("http-answer", b"\4\3https:://evil.example\n"),
    # Levels as strings, which old rooms have, that look like numbers to one function and not to another: likewise.
    ("matrix-state", LEVELS % b"--5"),
    ("matrix-state", LEVELS % b"100\\u001e"),
]


def test_a_list_of_servers_stalls_nothing() -> None:
    """Python's own patterns know brackets, and look for the end of each again and again: minutes for one setting."""
    began = time.monotonic()
    assert settings.shuts_out({"allow": ["[" * 1024] * 500 + ["[" * 40_000]}, "example.org")
    assert time.monotonic() - began < 5
    for patterns, shut in (["*"], False), (["*.org"], False), (["ex?mple.org"], False), (["[e]xample.org"], True):
        assert settings.shuts_out({"allow": patterns}, "example.org:8448") is shut


@pytest.mark.parametrize(("name", "data"), FOUND, ids=range(len(FOUND)))
def test_stays_mended(name: str, data: bytes) -> None:
    targets.TARGETS[name](data)


UNBENT = {name: target for name, target in targets.TARGETS.items() if not name.endswith("-bent")}
every = pytest.mark.parametrize("target", UNBENT.values(), ids=UNBENT)


@every
def test_text_that_is_no_text_anywhere(target: Target) -> None:
    """Bytes that are no UTF-8 inside a known string: plans, notes of commits and settings ended in a fault of ours."""
    for seed in target.seeds():
        if seed[:1] in {b"{", b"["}:
            for at in [at + 1 for at in range(len(seed)) if seed[at : at + 1] == b'"'][:60]:
                target(seed[:at] + b"\x80" + seed[at:])


@every
def test_nesting_without_end(target: Target) -> None:
    for data in (b"[" * 40_000, b'{"x":' * 40_000, b"[" * 900 + b"]" * 900, b'{"x":' + b"[" * 40_000):
        target(data)
    for seed in target.seeds():
        if seed[:1] == b"{":
            target(b'{"x":' + b"[" * 40_000 + b"]" * 40_000 + b"," + seed[1:])
            target(seed[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}")
