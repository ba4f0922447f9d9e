"""Where each mail of an mbox file begins and ends: one pass over blocks, bounded memory. Knows nothing of what the mails say.

An mbox separates mails by lines that begin with "From ". Many programs do not escape such lines in bodies, write odd dates or
other alphabets in them, or leave out the empty line before. So a line counts as a separator by how much speaks for it: a
date, a header line after it, an empty line before it, and, where a mail tells its length, by where that length ends.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from grouparchive.errors import BadExport

BLOCK: Final = 1 << 20
MOST_HEADER: Final = 1 << 20
"""Bytes of a header block; a mail with a longer one is not read."""

_MOST_DOUBTS: Final = 256  # separators inside the length that a mail tells, until it is not believed
_LOOK: Final = 2048  # how far a separator line and the line after it may reach
_MONTH: Final = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATED: Final = re.compile(
    rb"From (?:[^\n]{0,400}[^\n\w])??"
    rb"(?:" + _MONTH + rb" +[0-9]{1,2}|[0-9]{1,2} +" + _MONTH + rb")[ ,]+[^\n]{0,40}?[0-9]{1,2}:[0-9]{2}[^\n]*"
)
_TIMED: Final = re.compile(rb"From (?=[^\n]*\b[0-9]{1,2}:[0-9]{2})(?=[^\n]*\b[0-9]{4}\b)[^\n]*")
_USUAL: Final = re.compile(
    rb"From \S+ +(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [+0-9 ]{4,12}\r?\n"
)
_BARE: Final = re.compile(rb"From \S*[ \t\r]*(?=\n)")
_HEADER: Final = re.compile(rb"(?:>From [^\n]*\n)?[!-9;-~]{1,76}[ \t]*:")
_KNOWN: Final = re.compile(
    rb"(?:>From [^\n]*\n)?(?:Received|Return-Path|From|Date|To|Subject|Message-ID|Delivered-To|MIME-Version|Content-Type"
    rb"|DKIM-Signature|Reply-To|Sender|References|In-Reply-To|X-[A-Za-z0-9-]+|Status|ARC-[A-Za-z-]+)[ \t]*:",
    re.IGNORECASE,
)
HEADER_END: Final = re.compile(rb"\n\r?\n")
_LENGTH: Final = re.compile(rb"\ncontent-length:[ \t]*([0-9]{1,12})[ \t\r]*\n", re.IGNORECASE)
_LEADING: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*")


class Found(msgspec.Struct, gc=False):
    """A mail: from `start` to `end` in its file. `head` is its separator line and header block; `whole` says that the
    block's end was found in time. `torn`: the file could not be read to the mail's end.
    """

    start: int
    head: bytes
    end: int = 0
    whole: bool = True
    torn: bool = False


def begins_mail(data: bytes) -> bool:
    """Does a file that begins so look like an mbox, or like a lone mail?"""
    lead = _LEADING.match(data)
    at = lead.end() if lead else 0
    return _is_separator(data, at, first=True) or looks_like_mail(data[at:])


def looks_like_mail(data: bytes) -> bool:
    """Does it begin with mail headers, one of which only mails have?"""
    end = HEADER_END.search(data)
    names = re.findall(rb"(?:^|\n)([!-9;-~]{1,76})[ \t]*:", data[: end.start() if end else len(data)])
    usual = {
        b"from",
        b"to",
        b"subject",
        b"date",
        b"message-id",
        b"received",
        b"mime-version",
        b"return-path",
        b"delivered-to",
    }
    return bool(_HEADER.match(data)) and len(usual & {name.lower() for name in names}) >= 2


def is_mbox(data: bytes) -> bool:
    """Does it begin with a separator line?"""
    lead = _LEADING.match(data)
    return _is_separator(data, lead.end() if lead else 0, first=True)


def split(read: Callable[[int], bytes]) -> Iterator[Found]:
    """The mails of an mbox in order. What stands before the first separator is a mail of its own where it has headers; other
    text there is given as a mail without any.
    """
    scan = _Scan(read)
    before: Found | None = None
    doubts: list[Found] = []
    told = 0  # where the mail ends by its own word, 0 where it says nothing
    for found in scan.separators():
        if before is not None and found.start < told and len(doubts) < _MOST_DOUBTS:
            doubts.append(found)
            continue
        if before is not None:
            if not 0 <= found.start - told <= 4:
                for one in doubts:
                    before.end = one.start
                    yield before
                    before = one
            before.end = found.start
            yield before
        doubts = []
        before, told = found, _told_end(found)
    if before is not None:
        if not 0 <= scan.end - told <= 4:
            for one in doubts:
                before.end = one.start
                yield before
                before = one
        before.end = scan.end
        before.torn = scan.torn
        yield before
    elif scan.torn:
        raise BadExport("a file of the export is damaged or ends early")


def _told_end(found: Found) -> int:
    if b"ontent-Length" not in found.head and b"ontent-length" not in found.head:
        return 0
    length = _LENGTH.search(found.head)
    return found.start + len(found.head) + int(length[1]) if length else 0


def _is_separator(data: bytes, at: int, *, first: bool = False) -> bool:
    """Does the line at `at`, which begins with "From ", part two mails?"""
    if not data.startswith(b"From ", at):
        return False
    if _USUAL.match(data, at) and data[at - 2 : at] == b"\n\n":
        return True
    end = data.find(b"\n", at, at + _LOOK)
    if end < 0:
        end = min(len(data), at + _LOOK)
    blank = first or data.startswith((b"\n\n", b"\n\r\n"), max(at - 2, 0)) or data[max(at - 3, 0) : at] == b"\n\r\n"
    header = _HEADER.match(data, end + 1) is not None
    if _DATED.match(data, at, end + 1):
        return blank or header
    if not (blank and header):
        return False
    return _TIMED.match(data, at, end + 1) is not None or (
        _BARE.match(data, at, end + 1) is not None and _KNOWN.match(data, end + 1) is not None
    )


class _Scan:
    """One pass over a file. `end` is its length once everything was read."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._data = b""
        self._base = 0  # where in the file `_data` begins
        self._whole = False
        self.torn = False

    @property
    def end(self) -> int:
        return self._base + len(self._data)

    def separators(self) -> Iterator[Found]:
        """Each mail that begins, without its end."""
        at = self._ahead(0)
        while (lead := _LEADING.match(self._data, at)) and lead.end() == len(self._data) and not self._whole:
            at = self._more(lead.end())  # nothing but empty lines so far
        at = lead.end() if lead else at
        if at == len(self._data):
            return
        at = self._ahead(at)
        found, at = self._take(at)
        yield found
        while True:
            hit = self._data.find(b"\nFrom ", at)
            if hit < 0:
                if self._whole:
                    return
                at = self._more(max(len(self._data) - 8, at))
                continue
            at = hit + 1
            at = self._ahead(at)
            if _is_separator(self._data, at):
                found, at = self._take(at)
                yield found

    def _take(self, at: int) -> tuple[Found, int]:
        """The header block of the mail at `at`, and from where to look on."""
        looked = at
        while True:
            end = HEADER_END.search(self._data, looked)
            if end or self._whole or len(self._data) - at > MOST_HEADER:
                break
            back = len(self._data) - 2 - at
            at = self._more(at)
            looked = max(at, at + back)
        stop = end.end() if end else len(self._data)
        stop = min(stop, at + MOST_HEADER + 1)
        whole = stop - at <= MOST_HEADER
        head = self._data[at:stop]
        inner = head.find(b"\nFrom ")
        while inner >= 0:  # a mail that was cut off in its headers
            if _is_separator(self._data, at + inner + 1):
                return Found(start=self._base + at, head=head[: inner + 1]), at + inner
            inner = head.find(b"\nFrom ", inner + 1)
        return Found(start=self._base + at, head=head, whole=whole), max(stop - 1, at + 1)

    def _ahead(self, at: int) -> int:
        """Read on until what decides about a separator at `at` is there; where that is now."""
        while len(self._data) - at < _LOOK and not self._whole:
            at = self._more(at)
        return at

    def _more(self, keep: int) -> int:
        """Read a block and forget what lies before `keep`; where that is now."""
        drop = max(keep - 4, 0)
        try:
            block = self._read(BLOCK)
        except BadExport:
            block, self.torn = b"", True
        self._whole = not block
        self._data = self._data[drop:] + block
        self._base += drop
        return keep - drop
