"""How the lines of an exported chat begin: the phone's way to write dates, told from the file itself, over as much of it as it
takes. Knows times and bytes, no people.
"""

import codecs
import re
from calendar import monthrange, timegm
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final

import msgspec

from grouparchive.errors import BadExport, UsageError
from grouparchive.platforms.files.box import Box

BLOCK: Final = 256 * 1024
_SPACE: Final = rb"(?: |\xe2\x80\xaf|\xc2\xa0|\xe2\x80\xae)"
_DATE: Final = rb"(?:\d{1,2}|\d{4})([./-])\d{1,2}\1 ?(?:\d{4}|\d{2})\.?"
_HOUR: Final = rb"(?:,|\xd8\x8c)?" + _SPACE + rb"{1,2}\d{1,2}"
_CLOCK: Final = _HOUR + rb"[:.]\d{2}"
_HALF: Final = _SPACE + rb"?(?:[AaPp]\.?" + _SPACE + rb"?[Mm]\.?|\xd8\xb5|\xd9\x85)"
_MARKS: Final = rb"(?:\xe2\x80[\x8e\x8f\xaa-\xac]|\xef\xbb\xbf)*"
_ANY: Final = re.compile(
    rb"\n"
    + _MARKS
    + rb"(\[?)"
    + _DATE.replace(rb"\1", rb"\2")
    + _CLOCK
    + rb"([:.]\d{2})?("
    + _HALF
    + rb")?(?:\]|"
    + _SPACE
    + rb"-) "
)
_FIELDS: Final = re.compile(rb"(\d+)[./-](\d+)[./-] ?(\d+)\D+(\d+)")
_DAY: Final = re.compile(
    rb"\n" + _MARKS + rb"\[?(\d{1,2})[./-](\d{1,2})[./-] ?(?:\d{4}|\d{2})\.?(?:,|\xd8\x8c)?" + _SPACE
)
_LOOKS_AT: Final = 200
_HEAD: Final = 1024 * 1024


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """`split` cuts a block at message borders and leaves four groups: the stamp up to the hour, the minute, seconds (perhaps
    None), the rest of the head. `order` is that of day, month and year.
    """

    split: re.Pattern[bytes]
    order: str
    ios: bool

    def hour(self, stamp: bytes, rest: bytes) -> int | None:
        """The begin of the local hour that a stamp says, in minutes since 1970 as if it were UTC; None where there is none."""
        found = _FIELDS.search(stamp)
        if found is None:
            return None
        numbers = [int(one) for one in found.groups()]
        year, month, day = _date(numbers[:3], self.order)
        hour = numbers[3]
        half = rest.lower()
        if b"p" in half or b"\xd9\x85" in half:
            hour = hour % 12 + 12
        elif b"a" in half or b"\xd8\xb5" in half:
            hour %= 12
        if not (1 <= month <= 12 and 1990 <= year <= 2200 and 1 <= day <= monthrange(year, month)[1] and hour < 24):
            return None
        return timegm((year, month, day, hour, 0, 0)) // 60


def utc_millis(minute: int, zone: tzinfo) -> int:
    """When a local minute was, in milliseconds."""
    days, minutes = divmod(minute, 1440)
    local = datetime.fromordinal(719_163 + days).replace(hour=minutes // 60, minute=minutes % 60, tzinfo=zone)
    return max(int(local.timestamp()) * 1000, 0)


def style_of(box: Box, name: str, dates: str) -> Style:
    """The style of a chat.

    Args:
        box: the export.
        name: the chat's text in it.
        dates: the order of day, month and year as a person says, "" where not.

    Raises:
        BadExport: this is no chat.
        UsageError: nothing in the file tells day and month apart.
    """
    head = b"\n"
    for piece in as_utf8(box, name):
        head += piece
        if len(head) > _HEAD:
            break
    found = [one for _, one in zip(range(_LOOKS_AT), _ANY.finditer(head), strict=False)]
    if not found:
        raise BadExport("this is no exported WhatsApp chat: no line begins with a date")
    ios = sum(one[1] == b"[" for one in found) * 2 > len(found)
    ended = sum(head[max(one.start() - 1, 0) : one.start()] == b"\r" for one in found)
    newline = rb"(?<=\r)\n" if ios and ended * 2 >= max(len(found) - 1, 1) else rb"\n"
    half = _HALF if any(one[4] for one in found) else b""
    date = rb"(?:\d{1,2}|\d{4})[./-]\d{1,2}[./-] ?(?:\d{4}|\d{2})\.?"
    opening, closing = (rb"\[", rb"\] ") if ios else (b"", _SPACE + rb"- ")
    pattern = newline + _MARKS + rb"(" + opening + date + _HOUR + rb")[:.](\d{2})([:.]\d{2})?(" + half + closing + rb")"
    return Style(split=re.compile(pattern), order=_order(box, name, dates), ios=ios)


def as_utf8(box: Box, name: str) -> Iterator[bytes]:
    """A text's bytes as UTF-8, in blocks."""
    if box.head(name, 4)[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
        yield from box.pieces(name, BLOCK)
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for piece in box.pieces(name, BLOCK):
        yield decoder.decode(piece).encode("utf-8", "replace")


def looks_like_chat(head: bytes) -> bool:
    """Does a file begin as a chat does?"""
    return _ANY.search(b"\n" + head[:4096]) is not None


def _date(numbers: list[int], order: str) -> tuple[int, int, int]:
    if numbers[0] > 31:
        order = "ymd"
    year, month, day = (numbers[order.index(part)] for part in "ymd")
    return (year + 2000 if year < 100 else year), month, day


def _order(box: Box, name: str, dates: str) -> str:
    """The order of day and month: by a number above 12, else by which of the two makes time run forward."""
    first = second = False
    steps = {"dmy": 0, "mdy": 0}
    last = {"dmy": (0, 0), "mdy": (0, 0)}
    seen = False
    for one, other in _days(box, name):
        seen = True
        first, second = first or one > 12, second or other > 12
        if first or second:
            break
        for order, place in (("dmy", (other, one)), ("mdy", (one, other))):
            # A step of months backwards is a new year; a few days backwards is none.
            steps[order] += place < last[order] and last[order][0] - place[0] < 6
            last[order] = place
    if first != second:
        return "dmy" if first else "mdy"
    if not seen:
        return "ymd"
    if dates:
        return dates
    if steps["dmy"] != steps["mdy"]:
        return min(steps, key=lambda order: steps[order])
    if last["dmy"][0] == last["dmy"][1] and steps["dmy"] == 0:
        return "dmy"
    raise UsageError(
        "nothing in this chat tells whether the day or the month stands first in its dates",
        hint="Look at a date that you remember, then say --dates dmy (31/12) or --dates mdy (12/31).",
    )


def _days(box: Box, name: str) -> Iterator[tuple[int, int]]:
    """The first two numbers of each date, each pair once while it lasts."""
    tail, before = b"\n", (b"", b"")
    for piece in as_utf8(box, name):
        data = tail + piece
        for pair in _DAY.findall(data):
            if pair != before:
                before = pair
                yield int(pair[0]), int(pair[1])
        tail = data[-64:] if b"\n" in data[-64:] else b""
