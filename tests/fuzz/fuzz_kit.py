"""What the fuzz targets are made of: the list of them, documents bent out of shape, and places on disk that cost little.

A target takes bytes and may raise nothing but the project's own errors. `@target(seeds...)` adds one; `json_target(name, use,
document)` adds a pair, for a parser of JSON: one that gets bytes, and one whose bytes say how a valid document is bent.
"""

import copy
import functools
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from grouparchive.errors import GroupArchiveError

Use = Callable[[bytes], object]
Seed = bytes | Callable[[], bytes]


class Target(NamedTuple):
    """A parser of untrusted bytes, and bytes that it takes."""

    name: str
    use: Use
    given: tuple[Seed, ...]

    def __call__(self, data: bytes) -> None:
        """Try it. Whatever is raised here is a fault."""
        try:
            self.use(data)
        except GroupArchiveError as error:
            plain(error)

    def seeds(self) -> list[bytes]:
        return [seed() if callable(seed) else seed for seed in self.given]


def plain(error: GroupArchiveError) -> None:
    """An error that a person can use: it says what, and what to do next."""
    assert error.message
    assert error.hint
    assert "Error" not in error.message


TARGETS: dict[str, Target] = {}


def add(name: str, use: Use, *seeds: Seed) -> None:
    assert name not in TARGETS
    TARGETS[name] = Target(name, use, seeds)


def target(*seeds: Seed) -> Callable[[Use], Use]:
    """Add the function below as a target under its own name."""

    def register(use: Use) -> Use:
        add(use.__name__.replace("_", "-"), use, *seeds)
        return use

    return register


def json_target(name: str, use: Use, *documents: Any) -> None:
    """Add a parser of JSON, with documents that it takes."""
    add(name, use, *(json.dumps(one).encode() for one in documents))

    def bent_use(data: bytes) -> object:
        return use(bent(documents[data[0] % len(documents)] if data else documents[0], data[1:]))

    add(f"{name}-bent", bent_use, b"", b"\0\1\2\3", b"\0" + bytes(range(3, 33)))


# --- documents bent out of shape -------------------------------------------------------------------------------------

_DEEP: Any = functools.reduce(lambda inner, _: [inner], range(300), 1)
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**53, 2**64, -(2**70), 0.5, 1e308, float("nan"), "", "x", "a" * 5000, "\ud800", "\0\n\x1b[2J",
    "4" * 4301, "@ada:example.org", "{member:", "../../etc/passwd", "0" * 32, "m.room.message", "<b>" * 40, [], {}, [[]],
    [None], {"": ""}, {"a": {"b": []}}, ["x"] * 300, _DEEP, "[" * 40_000, "[" * 900 + "]" * 900,
    '{"join_rule": [], "geo_uri": {}, "algorithm": [], "ban": "x"}',
)  # fmt: skip


MAX_BENDS = 12


def bent(document: Any, data: bytes) -> bytes:
    """A document as JSON, with what the bytes name replaced by something odd, removed, doubled, moved, or left alone."""
    try:
        return json.dumps(_bent(copy.deepcopy(document), data)).encode()
    except RecursionError:
        return b""  # bent deeper than we can write


def _bent(document: Any, data: bytes) -> Any:
    for at in range(0, min(len(data), MAX_BENDS * 3) - 2, 3):
        places = list(_places(document))
        if not places:
            break
        holder, key = places[(data[at] * 256 + data[at + 2]) % len(places)]
        what = data[at + 1] % (len(ODD) + 5)
        if what < len(ODD):
            holder[key] = copy.deepcopy(ODD[what])
        elif what == len(ODD):
            del holder[key]
        elif what == len(ODD) + 1 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        elif what == len(ODD) + 2:
            other, name = places[data[at + 2] % len(places)]
            holder[key] = copy.deepcopy(other[name])
        elif what == len(ODD) + 3:
            holder[key] = str(holder[key]) + chr(data[at + 2])
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    waiting = [document]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            yield holder, key
            waiting.append(holder[key])


def pieces(data: bytes, count: int) -> list[bytes]:
    """The bytes cut into so many pieces of about the same length."""
    size = max(1, -(-len(data) // count))
    return [data[at * size : (at + 1) * size] for at in range(count)]


# --- places ----------------------------------------------------------------------------------------------------------


@functools.cache
def folder() -> Path:
    """A folder in memory where there is one: some targets write a file each time."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of our own in it
    held = tempfile.TemporaryDirectory(prefix="grouparchive-fuzz-", dir=base)
    _held.append(held)
    return Path(held.name)


_held: list[Any] = []  # removed when the process ends


def written(name: str, data: bytes) -> Path:
    """A file with these bytes."""
    path = folder() / name
    path.write_bytes(data)
    return path
