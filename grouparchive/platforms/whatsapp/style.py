"""How the lines of an exported chat begin: the phone's way to write dates, told from the file itself."""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from grouparchive.errors import BadExport
from grouparchive.platforms.files.box import Box

BLOCK: Final = 64 * 1024
_HEAD: Final = 1024 * 1024
_LOOKS_AT: Final = 300
_SPACE: Final = rb"(?: |\xc2\xa0|\xe2\x80[\xaf\xae\x89])"
_MARKS: Final = rb"(?:\xe2\x80[\x8e\x8f\xaa-\xae]|\xef\xbb\xbf)*"
# Digits of ASCII, or of Arabic, Persian and Devanagari too.
_ASCII: Final = rb"[0-9]"
_OTHER: Final = rb"(?:[0-9]|\xd9[\xa0-\xa9]|\xdb[\xb0-\xb9]|\xe0\xa5[\xa6-\xaf])"
_SEPARATOR: Final = rb"(?:\xe2\x80\x8f)?[./-](?:\xe2\x80\x8f)?"
# Half days stand behind the time in most languages and before it in some.
_BEHIND: Final = (
    rb"(?:[AaPp]\.?" + _SPACE + rb"?[Mm]\b\.?|\xd8\xb5|\xd9\x85|\xc3[\xb6\x96](?:[sS]|\xc3[\xb6\x96])"
    rb"|SA|CH|\xcf\x80\.?\xce\xbc\.?|\xce\xbc\.?\xce\xbc\.?)"
)
_BEFORE: Final = (
    rb"(?:\xe4\xb8\x8a\xe5\x8d\x88|\xe4\xb8\x8b\xe5\x8d\x88|\xe5\x8d\x88\xe5\x89\x8d|\xe5\x8d\x88\xe5\xbe\x8c"
    rb"|\xec\x98\xa4\xec\xa0\x84|\xec\x98\xa4\xed\x9b\x84)"
)


def _line(digit: bytes) -> bytes:
    """A line's begin: 1 bracket, 2 date, 3 separator, 4 between, 5 clock, 6 seconds, 7 half day, 8 end."""
    date = digit + rb"{1,4}(" + _SEPARATOR + rb") ?" + digit + rb"{1,2}" + _SEPARATOR + rb" ?" + digit + rb"{1,4}\.?"
    clock = rb"(?:" + _BEFORE + _SPACE + rb"?)?" + digit + rb"{1,2}[:.]" + digit + rb"{2}"
    return (
        rb"\n" + _MARKS + rb"(\[?)(" + date + rb")((?:,|\xd8\x8c)?" + _SPACE + rb"+)(" + clock + rb")"
        rb"([:.]" + digit + rb"{2})?(" + _SPACE + rb"?" + _BEHIND + rb")?(\] ?|" + _SPACE + rb"[-\xe2\x80\x93]{1,3} )"
    )


_ANY: Final = re.compile(_line(_OTHER))
_Kind = tuple[bytes, bytes, bool, bool, bool, bool]


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """`split` cuts a text at message borders and leaves five groups: date, clock, what else there is of the time, the author or
    None, what follows. Each match begins with the line's end before it. `date` finds dates only.
    """

    split: re.Pattern[bytes]
    date: re.Pattern[bytes]
    crlf: bool
    ios: bool
    half: bool  # do half days stand behind the seconds?
    separator: bytes
    opening: bytes
    between: bytes
    closing: bytes

    def rebuilt(self, date: bytes, clock: bytes, rest: bytes, author: bytes | None) -> bytes:
        """The begin of a line that was none of a message."""
        return self.opening + date + self.between + clock + rest + self.closing + (author + b": " if author else b"")


def style_of(head: bytes) -> Style:
    """The style of a chat by how it begins.

    Raises:
        BadExport: this is no chat.
    """
    found = [one for _, one in zip(range(_LOOKS_AT), _ANY.finditer(b"\n" + head), strict=False)]
    if not found:
        raise BadExport("this is no exported WhatsApp chat: no line begins with a date")
    kinds = Counter(map(_kind, found))
    kind = _kind(found[0])
    if kinds[kind] * 4 < len(found):  # the first line is the phone's own, and people may paste many of another style
        kind = kinds.most_common(1)[0][0]
    some = [one for one in found if _kind(one) == kind]
    others = sum(one.start() > 1 for one in some)
    ended = sum(head[max(one.start() - 2, 0) : one.start() - 1] == b"\r" for one in some if one.start() > 1)
    # An iPhone ends messages with both and the lines within them with one: what a line was pasted as shows by that.
    crlf = ended > 0 and (ended * 2 >= others if kind[0] else ended * 2 > others)
    return _style(kind, some, crlf=crlf)


def _kind(found: re.Match[bytes]) -> _Kind:
    date = found[2]
    first = re.split(_SEPARATOR, date)[0].decode("utf-8", "replace")
    return (
        found[1], found[3].strip(b"\xe2\x80\x8f"), len(first) == 4, not date.isascii(), bool(found[6]), bool(found[7])
    )  # fmt: skip


def _style(kind: _Kind, some: list[re.Match[bytes]], *, crlf: bool) -> Style:
    bracket, separator, year_first, other, seconds, half = kind
    digit = _OTHER if other else _ASCII
    two = digit + rb"{1,2}+"
    apart = (_SEPARATOR if other else re.escape(separator)) + (rb" ?+" if any(b" " in one[2] for one in some) else b"")
    long = all(len(re.findall(r"\d+", one[2].decode("utf-8", "replace"))[-1]) == 4 for one in some)
    parts = (digit + rb"{4}", two, two) if year_first else (two, two, digit + (rb"{4}" if long else rb"{2,4}+"))
    date = apart.join(parts) + (rb"\.?" if any(one[2].endswith(b".") for one in some) else b"")
    before = rb"(?:" + _BEFORE + _SPACE + rb"?)?" if any(one[5][:1] > b"\x7f" for one in some) else b""
    hour, minute = (two, digit + rb"{2}") if other else (rb"(?:[01]?[0-9]|2[0-3])", rb"[0-5][0-9]")
    behind = rb"(?:" + _SPACE + rb"?" + _BEHIND + rb")" if half else b""
    clock = before + hour + rb"[:.]" + minute
    begin = (rb"\r\n" if crlf else rb"\n") + _MARKS + re.escape(bracket) + rb"(" + date + rb")"
    between = _agreed(some, 4) or rb"(?:,|\xd8\x8c)?" + _SPACE + rb"{1,2}+"
    closing = _agreed(some, 8) or (rb"\] ?" if bracket else _SPACE + rb"[-\xe2\x80\x93]{1,3} ")
    rest = rb"([:.]" + digit + rb"{2}" + behind + rb")" if seconds else rb"()"
    pattern = begin + between + rb"(" + clock + (b"" if seconds else behind) + rb")" + rest + closing
    return Style(
        split=re.compile(pattern + rb"(?:([^\r\n:]{1,240}+): )?"), date=re.compile(begin + between + clock), crlf=crlf,
        ios=bool(bracket), half=seconds and half, separator=separator, opening=bracket, between=some[0][4],
        closing=some[0][8],
    )  # fmt: skip


def _agreed(some: list[re.Match[bytes]], group: int) -> bytes:
    """What all lines have there, if it is the same in enough of them to be the phone's way."""
    first = some[0][group]
    return re.escape(first) if len(some) > 9 and all(one[group] == first for one in some) else b""


def as_utf8(box: Box, name: str) -> Iterator[bytes]:
    """A text's bytes as UTF-8 without its mark, in blocks. Raises `BadExport` where it is damaged."""
    if box.head(name, 2) not in {b"\xff\xfe", b"\xfe\xff"}:
        first = True
        for piece in box.pieces(name, BLOCK):
            yield piece.removeprefix(b"\xef\xbb\xbf") if first else piece
            first = False
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for piece in box.pieces(name, BLOCK):
        yield decoder.decode(piece).encode("utf-8", "replace")


def head_of(box: Box, name: str) -> bytes:
    """How a text begins, as UTF-8."""
    head = b""
    try:
        for piece in as_utf8(box, name):
            head += piece
            if len(head) >= _HEAD:
                break
    except BadExport:
        return head
    return head


def looks_like_chat(head: bytes) -> bool:
    """Does a file begin as a chat does?"""
    return _ANY.search(b"\n" + head[:4096]) is not None
