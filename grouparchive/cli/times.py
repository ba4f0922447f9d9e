"""Times as people read them. Always UTC: an archive is read in many places."""

import time
from datetime import UTC, date, datetime, timedelta

from grouparchive.cli.output import duration
from grouparchive.errors import UsageError


def when(millis: int) -> str:
    """A time, to the minute."""
    return f"{datetime.fromtimestamp(millis / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def exact(millis: int) -> str:
    """A time for other programs."""
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def age(millis: int) -> str:
    """How long ago."""
    return duration(time.time() - millis / 1000)


def last_moment(day: str) -> int:
    """Milliseconds of the end of a day that a person typed; 0 for "", which is for ever.

    Raises:
        UsageError: it is none, or is over.
    """
    if not day:
        return 0
    try:
        after = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise UsageError("a last day looks like year-month-day", hint="For example: --until 2027-05-01") from None
    found = int(after.timestamp()) * 1000 - 1
    if found <= time.time() * 1000:
        raise UsageError("the last day is over already: nothing would count", hint="Name a day to come.")
    return found
