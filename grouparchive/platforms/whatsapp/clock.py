"""Reads the dates and times of a chat: the order of day and month, told by the whole file, and local times as moments."""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, TypeVar

from grouparchive.errors import UsageError
from grouparchive.platforms.whatsapp.style import Style

_NUMBERS: Final = re.compile(r"\d+")
_NO_HALF: Final = re.compile(r"[\d:.\s\u202e]")
_LATER: Final = ("p", "م", "下午", "午後", "오후", "ös", "ch", "μμ")
_DAY: Final = 1440
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 2009, 2199
_SURE: Final = 8  # days with a number above 12 on one side and none on the other: nothing more is read
_Value = TypeVar("_Value")


class Memo(dict[bytes, _Value]):
    """Converts what is asked for, once."""

    def __init__(self, convert: Callable[[bytes], _Value]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, key: bytes) -> _Value:
        if len(self) > 50_000:
            self.clear()
        self[key] = value = self._convert(key)
        return value


class Clock:
    """Local time in minutes since 1970, as if it were UTC, and moments in milliseconds. Remembers each date and each time of
    the day, so that a million lines cost a few thousand conversions.

    `days` gives a date's first minute and what to take off for UTC, in milliseconds (None where that changes during the day);
    `times` minutes; `rests` minutes and milliseconds of the half day and the seconds before it, `seconds` these alone.
    """

    def __init__(self, order: str, zone: tzinfo, *, half: bool = False) -> None:
        self._order = order
        self._zone = zone
        self._half = half  # does the half day stand behind the seconds, apart from hour and minute?
        self.days: Memo[tuple[int, int | None] | None] = Memo(self._day)
        self.times: Memo[int] = Memo(self._time)
        self.rests: Memo[tuple[int, int]] = Memo(_rest)
        self.seconds: Memo[int] = Memo(lambda rest: _rest(rest)[1])

    def sound(self, date: bytes) -> bool:
        """Is there such a day?"""
        return self.days[date] is not None

    def minute(self, date: bytes, time: bytes, rest: bytes) -> int:
        """The local minute, on a day that is sound."""
        day = self.days[date]
        return (day[0] if day else 0) + self.times[time] + self.rests[rest][0]

    def moment(self, minute: int) -> int:
        """When a local minute was."""
        local = _EPOCH + timedelta(minutes=minute)
        return max(int(local.replace(tzinfo=self._zone).timestamp()) * 1000, 0)

    def _time(self, time: bytes) -> int:
        text = time.decode("utf-8", "replace").lower()
        hour, minute = (int(one) for one in _NUMBERS.findall(text)[:2])
        half = _NO_HALF.sub("", text)
        if half or self._half:  # 12 stands for 0
            hour = hour % 12 + (12 if half.startswith(_LATER) else 0)
        return min(hour, 23) * 60 + min(minute, 59)

    def _day(self, date: bytes) -> tuple[int, int | None] | None:
        found = _day_of(date, self._order)
        if found is None:
            return None
        begin = (datetime(*found, tzinfo=UTC) - _EPOCH) // timedelta(minutes=1)
        end = begin + _DAY - 1
        off = begin * 60_000 - self.moment(begin)
        return begin, off if off == end * 60_000 - self.moment(end) else None


def _day_of(date: bytes, order: str) -> tuple[int, int, int] | None:
    numbers = [int(one) for one in _NUMBERS.findall(date.decode("utf-8", "replace"))]
    if len(numbers) != 3:
        return None
    if numbers[0] > 31:
        order = "ymd"
    year, month, day = (numbers[order.index(part)] for part in "ymd")
    year += 2000 if year < 100 else -543 if year > 2400 else 0  # Thai phones count from the Buddha
    if not (_FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        return None
    return year, month, day


def _rest(rest: bytes) -> tuple[int, int]:
    text = rest.decode("utf-8", "replace").lower()
    seconds = _NUMBERS.search(text)
    half = _NO_HALF.sub("", text)
    return (720 if half and half.startswith(_LATER) else 0), (min(int(seconds[0]), 59) * 1000 if seconds else 0)


def order_of(style: Style, pieces: Iterable[bytes], said: str) -> str:
    """The order of day, month and year. Days above 12 tell it; else that of the two with which time runs backwards clearly less
    often; else what a person says.

    Raises:
        UsageError: nothing tells.
    """
    high = [0, 0]
    back = {"dmy": 0, "mdy": 0}
    last: dict[str, tuple[int, int, int]] = {}
    same = True
    for one, other, year in _dates(style, pieces):
        if one > 31:
            return "ymd"
        high[0] += one > 12
        high[1] += other > 12
        if max(high) >= _SURE and not min(high):
            break
        if max(one, other) <= 12:
            same = same and one == other
            for order, day in (("dmy", (year, other, one)), ("mdy", (year, one, other))):
                back[order] += day < last.get(order, day)
                last[order] = day
    if high[0] != high[1]:
        return "dmy" if high[0] > high[1] else "mdy"
    if said in {"dmy", "mdy"}:
        return said
    less, more = sorted(back, key=lambda order: back[order])
    if back[more] > 2 * back[less]:
        return less
    if same or style.separator == b".":  # nobody writes the month first with points
        return "dmy"
    raise UsageError(
        "nothing in this chat tells whether the day or the month stands first in its dates",
        hint="Look at a date that you remember, then say --dates dmy (31/12) or --dates mdy (12/31).",
    )


def _dates(style: Style, pieces: Iterable[bytes]) -> Iterator[tuple[int, int, int]]:
    """Each date, once while it lasts."""
    tail, before = b"\r\n", b""
    for piece in pieces:
        data = tail + piece
        for date in style.date.findall(data):
            if date != before:
                before = date
                numbers = [int(one) for one in _NUMBERS.findall(date.decode("utf-8", "replace"))]
                if len(numbers) == 3:
                    yield numbers[0], numbers[1], numbers[2]
        tail = data[-100:]
        tail = tail[max(tail.rfind(b"\n") - 1, 0) :] if b"\n" in tail else b""
