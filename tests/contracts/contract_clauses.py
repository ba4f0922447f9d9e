"""The clauses of the contract of connectors, and for whom each is."""

from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from connector_stage import Can

Check: TypeAlias = Callable[[Any], None]
CHECKS: dict[Check, frozenset[Can]] = {}
"""Each check, and what it needs."""


def needs(*abilities: Can) -> Callable[[Check], Check]:
    """A clause of the contract, for platforms that can do all this."""

    def keep(check: Check) -> Check:
        CHECKS[check] = frozenset(abilities)
        return check

    return keep


def applying(can: Collection[Can]) -> list[Check]:
    """The clauses for a platform."""
    return [check for check, needed in CHECKS.items() if needed <= set(can)]
