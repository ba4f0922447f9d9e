"""Days and times as tables hold them."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final, Literal

from grouparchive.model.records import LAST_MILLI

Order = Literal["", "dmy", "mdy", "ymd"]

_DATE: Final = re.compile(
    r"(\d{1,4})([./-])\s?(\d{1,2})\2\s?(\d{1,4})\.?(?:[T,\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s?([AaPp])?\.?[Mm]?\.?)?"
    r"\s*(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_SECONDS: Final = re.compile(r"\d{9,10}|\d{12,13}")


def order_of(values: Iterable[str], chosen: Order) -> Order:
    """The order of day, month and year in a column; "" where its values do not show it."""
    if chosen:
        return chosen
    found: Order = ""
    for value in values:
        match = _DATE.fullmatch(value.strip())
        if match is None or len(match[1]) > 2:
            continue
        if int(match[1]) > 12:
            return "dmy"
        if int(match[3]) > 12:
            return "mdy"
        if match[2] == ".":
            found = "dmy"
    return found


def millis(value: str, order: Order, zone: tzinfo) -> int:
    """Milliseconds of a time; -1 where it is none, or its order is not known."""
    value = value.strip()
    if _SECONDS.fullmatch(value):
        number = int(value)
        return number if len(value) > 10 else number * 1000
    match = _DATE.fullmatch(value)
    if match is None:
        return -1
    first, middle, last = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) > 2 or order == "ymd":
        year, month, day = first, middle, last
    elif order == "dmy" or (not order and first == middle):
        day, month, year = first, middle, last
    elif order == "mdy":
        month, day, year = first, middle, last
    else:
        return -1
    hour = int(match[5] or 0)
    if match[8]:
        hour = hour % 12 + 12 * (match[8] in "Pp")
    year += 2000 if len(match[1] if len(match[1]) > 2 or order == "ymd" else match[4]) == 2 else 0
    told = match[9]
    try:
        if told:
            shift = "+0000" if told in {"Z", "UTC"} else told.replace(":", "")
            zone = datetime.strptime(shift, "%z").tzinfo or UTC
        at = datetime(year, month, day, hour, int(match[6] or 0), int(match[7] or 0), tzinfo=zone)
        found = int(at.timestamp()) * 1000
    except (ValueError, OverflowError):
        return -1
    return found if 0 <= found <= LAST_MILLI else -1
