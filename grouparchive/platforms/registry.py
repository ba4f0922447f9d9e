"""Finds platforms by name. They announce themselves as entry points, so that third parties can add theirs."""

from importlib.metadata import entry_points
from typing import cast

from grouparchive.errors import UsageError
from grouparchive.model.ports import Platform

GROUP = "grouparchive.platforms"


def names() -> list[str]:
    """The platforms known on this machine."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load(name: str) -> Platform:
    """The platform of that name.

    Raises:
        UsageError: there is none.
    """
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return cast("Platform", entry.load())
    raise UsageError("there is no platform of that name", hint=f"Known platforms: {', '.join(names())}")
