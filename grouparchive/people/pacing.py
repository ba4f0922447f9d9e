"""When the next message may go. Pure: the same code tells how long a campaign takes and sends it, so the two agree.

Messages of one kind over one source share a *lane*. In a lane they go one after the other with a jittered pause between, so
many in 24 hours, each inside the safe hours of its person. After the first few of a large campaign everything rests, so that
it can be seen whether they arrived. A lane never hurries to make up for time that it has lost.
"""

import hmac
import re
from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grouparchive.model.ports import Pace

Lane: TypeAlias = str
"""source/kind of message, such as "post/message"."""

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
DAY: Final = 24 * 60 * MINUTE
CANARY: Final = 5
"""So many go first."""
SMALL: Final = 20
"""A campaign of no more messages than this has no canary."""
CANARY_REST: Final = 60 * MINUTE
_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_DAYTIME: Final = (9 * 60, 21 * 60)


CAREFUL: Final = Pace(pause=120, days=(50,))
"""For a lane that nobody knows."""
AT_ONCE: Final = Pace(pause=0, days=(1_000_000_000,))
"""For one's own server, and rehearsals."""


class Hours(NamedTuple):
    """When a person may be written to: minutes after midnight in a time zone. The end may lie on the next day."""

    begin: int
    end: int
    zone: str

    def opens(self, now: int) -> int:
        """The first moment from `now` on (milliseconds) that lies inside."""
        return max(now, self.window(now)[0])

    def window(self, now: int) -> tuple[int, int]:
        """Begin and end of the hours that lie around `now`, or come next."""
        zone = ZoneInfo(self.zone)
        here = datetime.fromtimestamp(now / 1000, zone)
        length = (self.end - self.begin) % 1440 or 1440
        for days in (-1, 0, 1, 2):
            begin = _at(here, days, self.begin, zone)
            end = _at(here, days, self.begin + length, zone)
            if now < end:
                return begin, end
        return now, now


def _at(here: datetime, days: int, minute: int, zone: ZoneInfo) -> int:
    day = here.date() + timedelta(days=days + minute // 1440)
    local = datetime(day.year, day.month, day.day, minute % 1440 // 60, minute % 60, tzinfo=zone)
    return round(local.astimezone(UTC).timestamp() * 1000)


def hours_of(hours: str, zone: str, default: str = "") -> Hours | None:
    """Safe hours out of what was said about a person.

    Args:
        hours: such as "09:00-17:30", or "".
        zone: of the person, or "".
        default: the zone of people who said none, or "".

    Returns:
        None where nothing is known: not the hours and no zone to tell day from night.
    """
    name = next((one for one in (zone, default) if is_zone(one)), "")
    found = _HOURS.fullmatch(hours)
    if found:
        begin, end = (int(found[at]) * 60 + int(found[at + 1]) for at in (1, 3))
        return Hours(begin % 1440, end % 1440, name or "UTC")
    return Hours(*_DAYTIME, name) if name else None


def is_zone(name: str) -> bool:
    """Is this a time zone that this computer knows?"""
    try:
        return bool(name) and bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


class Lanes:
    """How far each lane is.

    Args:
        key: of the campaign; the pauses come out of it.
        moments: (lane, when in milliseconds) of what went out before.
        paces: how fast lanes go; one that is not named goes carefully.
        canary: rest after the first few?
    """

    def __init__(
        self, key: bytes, moments: Iterable[tuple[Lane, int]] = (), *, paces: Mapping[Lane, Pace], canary: bool = False
    ) -> None:  # fmt: skip
        self._key = key
        self._paces = paces
        self._canary = canary
        self._moments: dict[Lane, list[int]] = {}
        self._all: list[int] = []
        for lane, at in moments:
            self.note(lane, at)

    def note(self, lane: Lane, at: int) -> None:
        """A message went out."""
        insort(self._moments.setdefault(lane, []), at)
        insort(self._all, at)

    def free(self, lane: Lane, now: int) -> int:
        """From when on the next message of a lane may go."""
        pace = self._paces.get(lane, CAREFUL)
        sent = self._moments.get(lane, [])
        free = now
        if sent:
            free = max(free, sent[-1] + round(pace.pause * SECOND * self._jitter(lane, len(sent))))
            day = max(free - sent[0], 0) // DAY
            most = pace.days[min(day, len(pace.days) - 1)]
            if len(sent) >= most:
                free = max(free, sent[-most] + DAY)
        if self._canary and len(self._all) == CANARY:
            free = max(free, self._all[-1] + CANARY_REST)
        return free

    def copy(self) -> "Lanes":
        """For trying out."""
        return Lanes(self._key, self, paces=self._paces, canary=self._canary)

    def __iter__(self) -> Iterator[tuple[Lane, int]]:
        return ((lane, at) for lane, moments in self._moments.items() for at in moments)

    def _jitter(self, lane: Lane, count: int) -> float:
        """Between 0.5 and 1.5, 1 on average; the same whenever it is asked, so that an estimate is of what will happen."""
        digest = hmac.digest(self._key, f"ga1/jitter {lane} {count}".encode(), "sha256")
        return 0.5 + int.from_bytes(digest[:7], "big") / (1 << 56)


class Queue:
    """What waits, by lane and safe hours, in order."""

    def __init__(self) -> None:
        self._lines: dict[tuple[Lane, Hours | None], deque[int]] = {}
        self._added = 0
        self._windows: dict[Hours, tuple[int, int, int]] = {}  # asked at, begin, end
        self.count = 0

    def add(self, lane: Lane, hours: Hours | None) -> None:
        """Add the next one: its index is how many were added before it. Who is added first goes first."""
        self._lines.setdefault((lane, hours), deque()).append(self._added)
        self._added += 1
        self.count += 1

    def next(self, lanes: Lanes, now: int) -> tuple[int, int, Lane]:
        """(when, index, lane) of what goes next. Takes it out if it may go `now`, else only looks. There must be one."""
        free = {lane: lanes.free(lane, now) for lane in {line[0] for line in self._lines}}
        when, index, line = min(
            (self._opens(hours, free[lane]), waiting[0], (lane, hours))
            for (lane, hours), waiting in self._lines.items()
        )
        if when <= now:
            self._lines[line].popleft()
            self.count -= 1
            if not self._lines[line]:
                del self._lines[line]
        return when, index, line[0]

    def _opens(self, hours: Hours | None, now: int) -> int:
        """As `Hours.opens`, which takes its time."""
        if hours is None:
            return now
        asked, begin, end = self._windows.get(hours, (0, 0, 0))
        if not asked <= now < end:
            begin, end = hours.window(now)
            self._windows[hours] = (now, begin, end)
        return max(now, begin)


def estimate(queue: Queue, lanes: Lanes, now: int) -> int:
    """When the last message will have gone, in milliseconds. Empties the queue."""
    trial, last = lanes.copy(), now
    while queue.count:
        when, _, lane = queue.next(trial, now)
        if when > now:
            now = when
            continue
        trial.note(lane, now)
        last = now
    return last
