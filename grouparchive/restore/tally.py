"""Counts of what came back the same, by feature."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec


class FeatureRow(msgspec.Struct, frozen=True, kw_only=True):
    """One feature: how many the archive has, how many came back the same, and of the others how many the plan or the journal
    told of before.
    """

    feature: str
    archived: int
    restored: int
    explained: int
    unexplained: int


class Tally:
    """Adds up rows."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(self, feature: str, *, same: bool, explained: bool = False, count: int = 1) -> None:
        """Count something the archive has: it came back the same, or its difference was announced, or neither."""
        counts = self._counts[feature]
        counts[0] += count
        if same:
            counts[1] += count
        elif explained:
            counts[2] += count

    def rows(self, order: Iterable[str]) -> list[FeatureRow]:
        """All features that occurred, in this order."""
        return [
            FeatureRow(feature=name, archived=total, restored=same, explained=told, unexplained=total - same - told)
            for name in order
            if name in self._counts
            for total, same, told in [self._counts[name]]
        ]
