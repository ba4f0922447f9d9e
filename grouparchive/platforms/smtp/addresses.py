"""Mail addresses as they go over the wire: one plain address, nothing around it, nothing that a server or a header could take
for more. Pure. Stricter than the standard: what only a standard's author would write (quotes, comments, address literals) is
refused, and nobody has such an address.
"""

import re
import unicodedata
from typing import Final

import idna
import msgspec

_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_LONGEST_LOCAL: Final = 64
_LONGEST: Final = 254
_ODD: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})


class Address(msgspec.Struct, frozen=True):
    """An address: `local` as people write it, `domain` in the letters of the domain name system (xn--...)."""

    local: str
    domain: str

    def __repr__(self) -> str:
        """Without the person."""
        return "Address(...)"

    @property
    def wire(self) -> str:
        """As it stands in commands and headers."""
        return f"{self.local}@{self.domain}"

    @property
    def international(self) -> bool:
        """Can only servers that know SMTPUTF8 take it?"""
        return not self.local.isascii()


def parse(text: str) -> Address | None:
    """A lone address, None where it is none that mail could go to."""
    if len(text) > _LONGEST * 2:
        return None
    local, at, domain = text.rpartition("@")
    if not at or not _is_local(local):
        return None
    found = domain_of(domain)
    address = Address(unicodedata.normalize("NFC", local), found)
    return address if found and len(address.wire.encode()) <= _LONGEST else None


def domain_of(text: str) -> str:
    """A domain in ASCII: letters of all alphabets by IDNA 2008 (the mapping that browsers use), "" where it is none."""
    if not text or text.isspace() or any(unicodedata.category(one) in {"Cc", "Zs", "Zl", "Zp", "Cs"} for one in text):
        return ""
    try:
        domain = text.lower() if text.isascii() else idna.encode(text, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError, IndexError):
        return ""
    labels = domain.split(".")
    usual = len(labels) > 1 and len(domain) <= 253 and not labels[-1].isdigit()
    return domain if usual and all(_LABEL.fullmatch(one) for one in labels) else ""


def _is_local(text: str) -> bool:
    if not text or len(text.encode("utf-8", "replace")) > _LONGEST_LOCAL:
        return False
    if any(unicodedata.category(one) in _ODD for one in text):
        return False
    # Letters beyond ASCII may stand wherever ASCII's may (RFC 6531).
    return _LOCAL.fullmatch("".join(one if one.isascii() else "x" for one in text)) is not None
