"""Times as people read them. Always UTC: an archive is read in many places."""

import time
from datetime import UTC, datetime

from grouparchive.cli.output import duration


def when(millis: int) -> str:
    """A time, to the minute."""
    return f"{datetime.fromtimestamp(millis / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def exact(millis: int) -> str:
    """A time for other programs."""
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def age(millis: int) -> str:
    """How long ago."""
    return duration(time.time() - millis / 1000)
