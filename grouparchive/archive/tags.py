"""Keyed tags of the events that a writer has seen: 8 bytes each, sorted, one block for each channel and commit.

Blocks are searched in memory, and those of a channel are read when its first event comes. A tag by chance like another's would
hide an event: among a million stored ones, that is one in 10^13 for each event that is asked for.
"""

import hashlib
import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from grouparchive.crypto.primitives import begun_tag, lp
from grouparchive.model.records import Edit, Message, Reaction, Record, Tombstone, Vote

Event: TypeAlias = Message | Edit | Reaction | Vote | Tombstone
EVENTS: Final[frozenset[type[Record]]] = frozenset({Message, Edit, Reaction, Vote, Tombstone})
SIZE: Final = 8
KINDS: Final[dict[type[Record], str]] = {kind: str(kind.__struct_config__.tag) for kind in EVENTS}
_PLACES: Final = 1 << 22  # bytes, of eight places each: so few stay in the processor's cache
_JOINED: Final = 1_000_000

Load: TypeAlias = Callable[[str], list[bytes]]
"""load(channel) -> the channel's blocks from earlier runs."""


class EventTags:
    """What was seen, and what is seen now. `keys`: the key for new tags, then older ones whose tags still count."""

    def __init__(self, keys: Collection[bytes], load: Load) -> None:
        self._keys = tuple(keys)
        self._load = load
        self._blocks: dict[str, list[array[int]]] = {}  # of channels that had events in this run
        self._before: set[str] = set()  # those of them with blocks from earlier runs
        self._now: dict[str, set[int]] = {}  # since the last commit
        self._waiting: dict[str, array[int]] = {}  # the same, sorted, while a commit is made
        # Most of what comes is news, and nothing in a block has its place here (a byte by a tag's lowest bits, a bit of it by
        # the highest): then the blocks need not be searched.
        self._places = bytearray(_PLACES)
        self._tagger = lru_cache(maxsize=1024)(_tagger)

    def fresh(self, events: Sequence[Event]) -> list[bool]:
        """Which of these were not seen yet? From now on they count as seen."""
        places, mask, number = self._places, _PLACES - 1, int.from_bytes
        kind: type[Event] | None = None
        channel, version = "", 0
        answers = []
        for event in events:
            this = event.version if type(event) is Message else 0
            if type(event) is not kind or event.channel != channel or this != version:
                kind, channel, version = type(event), event.channel, this
                blocks, now = self._of(channel)
                taggers = [self._tagger(key, KINDS[kind], channel, version) for key in self._keys]
                begun, older = taggers[0].copy, taggers[1:] if channel in self._before else []
            data = event.ref.encode("utf-8", "surrogatepass")
            whole = begun()
            whole.update(data)
            tag = number(whole.digest(), "big")
            if (
                tag in now
                or (places[tag & mask] >> (tag >> 61) & 1 and _holds(blocks, tag))
                or (older and _any(older, data, blocks))
            ):
                answers.append(False)
            else:
                now.add(tag)
                answers.append(True)
        return answers

    def waiting(self) -> dict[str, bytes]:
        """The blocks of what was seen since the last `settle`, by channel."""
        self._waiting = {channel: array("Q", sorted(tags)) for channel, tags in self._now.items() if tags}
        return {channel: _packed(block) for channel, block in self._waiting.items()}

    def settle(self) -> None:
        """What waited is kept."""
        for channel, block in self._waiting.items():
            self._keep(channel, block)
            self._now[channel].clear()
        self._waiting = {}

    def _of(self, channel: str) -> tuple[list["array[int]"], set[int]]:
        if channel not in self._blocks:
            self._blocks[channel] = []
            for packed in _joined(self._load(channel)):
                self._before.add(channel)
                self._keep(channel, packed)
        return self._blocks[channel], self._now.setdefault(channel, set())

    def _keep(self, channel: str, block: "array[int]") -> None:
        self._blocks[channel].append(block)
        places, mask = self._places, _PLACES - 1
        for tag in block:
            places[tag & mask] |= 1 << (tag >> 61)


def _holds(blocks: "list[array[int]]", tag: int) -> bool:
    for block in blocks:
        at = bisect_left(block, tag)
        if at < len(block) and block[at] == tag:
            return True
    return False


def _any(older: "list[hashlib.blake2b]", ref: bytes, blocks: "list[array[int]]") -> bool:
    """Was it seen under an older key?"""
    for begun in older:
        whole = begun.copy()
        whole.update(ref)
        if _holds(blocks, int.from_bytes(whole.digest(), "big")):
            return True
    return False


def _tagger(key: bytes, kind: str, channel: str, version: int) -> "hashlib.blake2b":
    """What, updated with a ref, digests to the tag of lp(kind, channel, version) || ref."""
    lead = lp(kind.encode(), channel.encode("utf-8", "surrogatepass"), str(version).encode())
    return begun_tag(key, lead, SIZE)


def _packed(block: "array[int]") -> bytes:
    if sys.byteorder == "little":
        block = array("Q", block)
        block.byteswap()
    return block.tobytes()


def _joined(packed: Iterable[bytes]) -> "Iterator[array[int]]":
    """Blocks, small ones joined: one long search is quicker than many short ones."""
    waiting = array("Q")
    for block in map(_unpacked, packed):
        if waiting and len(waiting) + len(block) > _JOINED:
            yield array("Q", sorted(waiting))
            waiting = array("Q")
        waiting.extend(block)
    if waiting:
        yield array("Q", sorted(waiting))


def _unpacked(packed: bytes) -> "array[int]":
    block = array("Q", packed[: len(packed) // SIZE * SIZE])
    if sys.byteorder == "little":
        block.byteswap()
    return block
