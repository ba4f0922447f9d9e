"""vCards of the versions 2.1, 3.0 and 4.0 (RFC 2426, RFC 6350), as phones and address books write them: names, mail addresses
and phone numbers, and nothing else of them. Pictures and everything unknown are passed without being kept.
"""

import binascii
import quopri
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from grouparchive.model.records import Known
from grouparchive.platforms.files import Box
from grouparchive.platforms.files.lines import blocks
from grouparchive.platforms.files.table import encoding_of, narrowed

LONGEST: Final = 64 * 1024
"""Bytes of a line, and of a value that is folded over several."""
MOST_VALUES: Final = 100  # of one card

_WANTED: Final = frozenset(
    {"FN", "N", "NICKNAME", "ORG", "EMAIL", "TEL", "IMPP", "KIND", "X-ADDRESSBOOKSERVER-KIND", "BEGIN", "END"}
)
_LINE: Final = re.compile(
    rb"(?:[A-Za-z0-9_-]{1,64}\.)?([A-Za-z0-9-]{1,64})((?:;(?:\"[^\"]*+\"|[^\":])*+)?):(.*)", re.DOTALL
)
_BEGINS: Final = re.compile(
    rb"[^:]{0,200}(?<![A-Za-z0-9-])(?:BEGIN|FN|N|EMAIL|TEL|IMPP)(?![A-Za-z0-9-])[^:]{0,200}:", re.IGNORECASE
)
_ESCAPED: Final = re.compile(r"\\(.)")

Tell = Callable[[str, str], None]


class Card(msgspec.Struct):
    """A person, or (`group`) a list of some."""

    line: int = 0
    formatted: str = ""
    parts: str = ""
    nick: str = ""
    firm: str = ""
    mails: list[str] = []
    phones: list[str] = []
    chats: list[str] = []
    group: bool = False

    @property
    def name(self) -> str:
        """What the person is called."""
        return self.formatted or self.parts or self.nick or self.firm


def looks_like_one(head: bytes) -> bool:
    """Does a file begin with a card?"""
    text = (
        head[:200].removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    )
    return text.lstrip().upper().startswith(b"BEGIN:VCARD")


def cards(box: Box, entry: str, tell: Tell) -> Iterator[Card]:
    """The cards of a file. One that is not ended is ended by the next, or by the file."""
    card: Card | None = None
    charset = encoding_of(box.head(entry), whole=False)
    for number, line in _unfolded(_lines(box, entry, charset, tell)):
        found = _LINE.fullmatch(line)
        if found is None:
            if card is not None and _BEGINS.match(line):
                tell(Known.ROW_UNREADABLE, f"line {number:,}")
            continue
        name = found[1].decode("ascii").upper()
        if name not in _WANTED:
            continue
        if name in {"BEGIN", "END"}:
            if found[3].strip().upper() == b"VCARD":
                if card is not None:
                    yield card
                card = Card(line=number) if name == "BEGIN" else None
        elif card is not None:
            _take(card, name, _value(found[2], found[3], "utf-8" if charset.startswith("utf-16") else charset))
    if card is not None:
        tell(Known.FILE_DAMAGED, f"line {card.line:,}")
        yield card


def _lines(box: Box, entry: str, charset: str, tell: Tell) -> Iterator[tuple[int, bytes]]:
    pieces: Iterable[bytes] = box.pieces(entry)
    if charset.startswith("utf-16"):
        pieces = narrowed(pieces, charset)
    for block in blocks(pieces, LONGEST):
        for number, line in enumerate(block.lines, block.first):
            if line is None:
                tell(Known.LINE_TOO_LONG, f"line {number:,}")
            else:
                yield number, line.removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf" if number == 1 else b"")
        if block.broken:
            tell(Known.FILE_DAMAGED, "")


def _unfolded(lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Whole lines. A folded one goes on with a space; one in quoted-printable, after a = at its end."""
    begun, size = 0, 0
    parts: list[bytes] = []

    def soft() -> bool:
        return bool(parts) and parts[-1].endswith(b"=") and b"QUOTED-PRINTABLE" in parts[0][:500].upper()

    for number, line in lines:
        folded = line[:1] in {b" ", b"\t"}
        if parts and (folded or soft()):
            size += len(line)
            if size <= LONGEST:
                if soft():
                    parts[-1] = parts[-1][:-1]
                    parts.append(line)
                else:
                    parts.append(line[1:])
            continue
        if parts:
            yield begun, b"".join(parts)
        begun, parts, size = number, [line], len(line)
    if parts:
        yield begun, b"".join(parts)


def _value(parameters: bytes, raw: bytes, charset: str) -> str:
    told = parameters.decode("ascii", "replace").upper()
    if "QUOTED-PRINTABLE" in told:
        raw = quopri.decodestring(raw)
    elif "ENCODING=B" in told or ";BASE64" in told:
        try:
            raw = binascii.a2b_base64(raw)
        except binascii.Error:
            return ""
    named = re.search(r"CHARSET=\"?([A-Za-z0-9_.:-]{1,40})", told)
    for encoding in (named[1] if named else charset, "utf-8"):
        try:
            return raw.decode(encoding)
        except (LookupError, UnicodeError, ValueError):
            continue
    return raw.decode("cp1252", "replace")


def _take(card: Card, name: str, value: str) -> None:
    if name == "N":
        last, first, middle, *_ = [_plain(part) for part in re.split(r"(?<!\\);", value)] + ["", "", ""]
        card.parts = card.parts or " ".join(filter(None, (first, middle, last)))[:1024]
        return
    value = _plain(value)[:1024]
    match name:
        case "FN":
            card.formatted = card.formatted or value
        case "NICKNAME":
            card.nick = card.nick or value
        case "ORG":
            card.firm = card.firm or value.partition(";")[0]
        case "KIND" | "X-ADDRESSBOOKSERVER-KIND":
            card.group = card.group or value.lower() == "group"
        case _:
            kept = {"EMAIL": card.mails, "TEL": card.phones, "IMPP": card.chats}[name]
            if len(kept) < MOST_VALUES and value:
                kept.append(value)


def _plain(value: str) -> str:
    return _ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], value).strip()
