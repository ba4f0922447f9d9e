"""Refs of messages that have no ids: the local minute, a short digest of author and words, and which of those alike in that
minute it is. Bounded memory: what was met long ago is kept as plain numbers, and then as the span of minutes that it covers.
"""

from array import array
from bisect import bisect_left
from typing import Final, TypeAlias

_NEAR: Final = 2048  # messages whose counts are at hand
_FAR: Final = 2048  # times as many that are kept as numbers, in order
_ANSWERS: Final = 20_000  # searches among those; a file that needs more is made to
_Keys: TypeAlias = "array[int]"


class Numbers:
    """Counts messages that are alike. `near` and `before` hold the counts of the newest by key (minute << 32 | digest); who
    reads many messages asks them directly and calls `again` only for a key that may have been met.
    """

    def __init__(self) -> None:
        self.near: dict[int, int] = {}
        self.before: dict[int, int] = {}
        self.latest = -1  # the newest minute of which something was put away: an earlier one may come again
        self._far: list[tuple[int, int, _Keys | None]] = []
        self._again: dict[int, int] = {}
        self._searches = 0
        self._lost = 0

    def ref(self, minute: int, digest: int) -> str:
        """The ref of the next message of that minute and digest."""
        key = minute << 32 | digest
        if key in self.near or key in self.before or minute <= self.latest:
            return self.again(key)
        self.near[key] = 1
        return hex(key)

    def again(self, key: int) -> str:
        """The ref of a message whose key may have been met before."""
        count = self.near.get(key) or self.before.get(key, 0)
        if not count and self._put_away(key):
            # Its count is gone: it gets a number of another kind, which no other has.
            if len(self._again) < 65_536 or key in self._again:
                self._again[key] = late = self._again.get(key, 0) + 1
                return f"{hex(key)}~{late}"
            self._lost += 1
            return f"{hex(key)}~~{self._lost}"
        self.near[key] = count + 1
        return f"{hex(key)}-{count + 1}" if count else hex(key)

    def tidy(self) -> None:
        """Put away what is far back. To be called now and then."""
        if len(self.near) < _NEAR:
            return
        if self.before:
            first, last = min(self.before) >> 32, max(self.before) >> 32
            self._far.append((first, last, array("q", sorted(self.before))))
            self.latest = max(self.latest, last)
            if len(self._far) > _FAR:  # one span for all that is older still
                oldest, second = self._far[0], self._far[1]
                self._far[:2] = [(min(oldest[0], second[0]), max(oldest[1], second[1]), None)]
        self.before, self.near = self.near, {}

    def _put_away(self, key: int) -> bool:
        """Was it met, and put away? Sure where its neighbours are still kept, else perhaps."""
        minute = key >> 32
        if minute > self.latest:
            return False
        self._searches += 1
        return self._searches > _ANSWERS or any(
            first <= minute <= last and (keys is None or keys[bisect_left(keys, key) % len(keys)] == key)
            for first, last, keys in reversed(self._far)
        )
