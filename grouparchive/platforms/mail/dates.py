"""When a mail was sent, in UTC milliseconds: the Date header, the separator line of an mbox, Received lines. Pure."""

import re
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

EARLIEST: Final = 86_400_000 * 365  # the first mails are of 1971
_DAY: Final = 86_400_000
_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), 1
    )
}
_ZONES = {
    b"UT": 0, b"UTC": 0, b"GMT": 0, b"Z": 0, b"EST": -300, b"EDT": -240, b"CST": -360, b"CDT": -300, b"MST": -420,
    b"MDT": -360, b"PST": -480, b"PDT": -420, b"BST": 60, b"WET": 0, b"CET": 60, b"MET": 60, b"CEST": 120, b"MEST": 120,
    b"EET": 120, b"EEST": 180, b"MSK": 180, b"JST": 540,
}  # fmt: skip
_USUAL = re.compile(rb"\s*(?:[A-Z][a-z]{2}, )?(\d{1,2} [A-Z][a-z]{2} \d{4}) (\d\d):(\d\d):(\d\d) ([+-]\d{4})\b")
_SENT = re.compile(
    rb"(\d{1,2})[ \t-]+([A-Za-z]{3})[a-z]*\.?,?[ \t-]+(\d{2,4}),?[ \tT]+(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\.\d+)?"
    rb"[ \t]*(?:\(?([+-]\d{4}|[+-]\d{2}:\d{2}|[A-Za-z]{1,5})\b)?"
)
_ASCTIME = re.compile(
    rb"([A-Za-z]{3})[a-z]*\.? +(\d{1,2}),? +(\d{1,2}):(\d{2})(?::(\d{2}))?"
    rb"(?: +([+-]\d{4}|[A-Z]{1,4}))?(?: +[A-Z]{3,4})? +(\d{4})(?: *([+-]\d{4}))?"
)
_ISO = re.compile(rb"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2}))?(?:\.\d+)? *(Z|[+-]\d{2}:?\d{2})?")


def sent(value: bytes, zone: tzinfo) -> int:
    """A Date header's time, 0 where it has none. A time without a zone is read in `zone`."""
    usual = _USUAL.match(value)
    if usual:
        start, away = _day(usual[1]), _offset(usual[5])
        hours, minutes, seconds = int(usual[2]), int(usual[3]), int(usual[4])
        if start is not None and away is not None and hours < 24 and minutes < 60 and seconds <= 60:
            return max(start + ((hours * 60 + minutes - away) * 60 + seconds) * 1000, 0)
    found = _SENT.search(value)
    if found:
        day, month, year, hour, minute, second, offset = found.groups()
        return _millis(_year(year), month, day, hour, minute, second, offset, zone)
    iso = _ISO.search(value)
    if iso:
        year, month, day, hour, minute, second, offset = iso.groups()
        return _millis(int(year), month, day, hour, minute, second, offset, zone)
    return separator(value, zone)


def separator(line: bytes, zone: tzinfo) -> int:
    """The time in an mbox separator line (also with the offset before the year), 0 where it has none."""
    found = None
    for found in _ASCTIME.finditer(line[:1024]):  # noqa: B007 - the last one: a name before it may look like one
        pass
    if not found:
        hit = _SENT.search(line[:1024])
        return sent(hit[0], zone) if hit else 0
    month, day, hour, minute, second, before, year, after = found.groups()
    return _millis(int(year), month, day, hour, minute, second, after or before, zone)


def _year(digits: bytes) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + 1900 if year >= 70 or len(digits) == 3 else year + 2000


def _millis(  # noqa: PLR0917 - the fields of a date
    year: int,
    month: bytes,
    day: bytes,
    hour: bytes,
    minute: bytes,
    second: bytes | None,
    offset: bytes | None,
    zone: tzinfo,
) -> int:
    number = int(month) if month.isdigit() else _MONTHS.get(month.lower(), 0)
    start = _midnight(year, number, int(day))
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if start is None or hours > 24 or minutes > 59 or seconds > 60:
        return 0
    millis = start + hours * 3_600_000 + minutes * 60_000 + seconds * 1000
    if offset:
        away = _offset(offset)
        if away is not None:
            return max(millis - away * 60_000, 0)
    local = datetime(year, number, int(day), tzinfo=zone) + timedelta(milliseconds=millis - start)
    return max(millis - int((local.utcoffset() or timedelta()).total_seconds()) * 1000, 0)


@lru_cache(maxsize=1024)
def _day(text: bytes) -> int | None:
    day, month, year = text.split()
    return _midnight(int(year), _MONTHS.get(month.lower(), 0), int(day))


@lru_cache(maxsize=4096)
def _midnight(year: int, month: int, day: int) -> int | None:
    if not 1971 <= year <= 9998:
        return None
    try:
        return (datetime(year, month, day) - datetime(1970, 1, 1)).days * _DAY  # noqa: DTZ001 - days between two dates
    except ValueError:
        return None


@lru_cache(maxsize=512)
def _offset(text: bytes) -> int | None:
    """Minutes east of Greenwich, None where nobody can tell."""
    if text[:1] in b"+-" and text[1:].replace(b":", b"").isdigit():
        digits = text[1:].replace(b":", b"")
        minutes = int(digits[:2]) * 60 + int(digits[2:4] or 0)
        return (minutes if text[:1] == b"+" else -minutes) if minutes <= 24 * 60 else None
    if len(text) == 1:
        return 0  # letters of the military: everybody got their sign wrong
    return _ZONES.get(text.upper())
