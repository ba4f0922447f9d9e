"""Who a mail is from and to: addresses and names in headers. Pure, bounded, tolerant.

A person's native handle is the address in lower case as a whole: no provider that people use tells local parts apart by
case, and the same person writes theirs in several ways.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from grouparchive.platforms.mail.headers import unfolded, words

Address: TypeAlias = tuple[str, str]
"""(address in lower case, display name or "")."""

MOST: Final = 500
"""Addresses read from one header."""
_LONGEST: Final = 254

_SIMPLE = re.compile(
    rb'\s*(?:"([^"\\<>]{0,200})"|([^"<>@,;:()\\=]{0,200}?))\s*<\s*([^<>\s@,;:"]+@[^<>\s@,;:"]+)\s*>\s*'
)
_LONE = re.compile(rb"\s*([^<>\s@,;:\"()]+@[^<>\s@,;:\"()]+)\s*")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|\(((?:[^()\\]|\\.)*)\)|<([^<>]*)>|([,;])|([^,;"(<]+|.)', re.DOTALL)
_HIDDEN = re.compile(r"^\s*([^\s@<>()]+) (?:at|AT|\(at\)|\[at\]) ([A-Za-z0-9.-]+\.[A-Za-z]{2,})\s*(.*)$")
_FITS = re.compile(r"[^\s@<>,;:\"()\[\]{}]{1,128}@[^\s@<>,;:\"(){}]{1,200}")
_VIA = re.compile(r"\s+(?:via|por meio de|a través de|über|par|через)\s+.+$", re.IGNORECASE)


def address(text: str) -> str:
    """An address as people's native handle; "" where it is none."""
    text = text.strip().strip("<>").strip().lower().removeprefix("mailto:")
    return text if len(text) <= _LONGEST and _FITS.fullmatch(text) else ""


def addresses(value: bytes) -> list[Address]:
    """All addresses of a header, with the names beside them."""
    value = unfolded(value)
    simple = _SIMPLE.fullmatch(value)
    if simple and b"=?" not in value:
        found = address(words(simple[3]))
        return [(found, _name(words(simple[1] or simple[2] or b""), found))] if found else []
    if _LONE.fullmatch(value):
        found = address(words(value))
        return [(found, "")] if found else []
    return _parsed(value)


def _parsed(value: bytes) -> list[Address]:  # noqa: C901 - one branch for each kind of token
    text = value.decode("utf-8") if _is_utf8(value) else value.decode("latin-1")
    if "@" not in text:
        hidden = _HIDDEN.match(text)
        if not hidden:
            return []
        text = f"{hidden[1]}@{hidden[2]} {hidden[3]}"
    out: list[Address] = []
    said: list[str] = []
    note = inside = ""
    for found in _TOKEN.finditer(text + ","):
        quoted, comment, angle, comma, other = found.groups()
        if comma:
            plain = " ".join(said).strip()
            taken = address(inside)
            name = plain
            if not taken:
                last = plain.rpartition(":")[2].strip()
                taken, name = address(last), ""
            if taken:
                out.append((taken, _name(words((name or note).encode("utf-8", "replace")), taken)))
            said, note, inside = [], "", ""
            if len(out) >= MOST:
                break
        elif quoted is not None:
            said.append(re.sub(r"\\(.)", r"\1", quoted))
        elif comment is not None:
            note = comment
        elif angle is not None:
            inside = angle
        elif other is not None and other.strip():
            said.append(other.strip())
    return out


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeError:
        return False
    return True


def _name(text: str, taken: str) -> str:
    """A display name; "" where it is only the address again."""
    name = text.strip().strip("'\"").strip()[:200]
    return "" if name.lower() == taken or address(name) else name


def without_via(name: str) -> str:
    """A name without the list's, which list software puts behind it."""
    return _VIA.sub("", name).strip().strip("'\"")


def author(headers: Mapping[bytes, bytes], lists: frozenset[str]) -> Address:
    """Who wrote a mail. Lists that must not send under another's name put their own address into From: then who wrote it
    stands elsewhere. ("", name) where only a name is told, ("", "") where nobody is.
    """
    stated = addresses(headers.get(b"from", b"")) or addresses(headers.get(b"sender", b""))
    first = stated[0] if stated else ("", "")
    if first[0] not in lists:
        return first
    name = without_via(first[1])
    for header in (b"x-original-from", b"x-mailman-original-from", b"x-original-sender", b"reply-to"):
        for found, shown in addresses(headers.get(header, b"")):
            if found not in lists:
                return found, shown or (name if name != first[1] else "")
    return ("", name) if name and name != first[1] else ("", "")
