"""Shared contacts: whose card it is. The card itself says more of somebody than a post may, and stays out."""

import re
from typing import Final

from grouparchive.platforms.whatsapp.people import plain

_LONGEST: Final = 65_536
_FOLDED: Final = re.compile(r"\r?\n[ \t]")
_LINE: Final = re.compile(
    r"(?:item\d+\.)?(?P<key>FN|N|TEL|ORG)(?P<more>(?:;[^:\n]{0,500})?):(?P<value>[^\r\n]{1,1000})", re.IGNORECASE
)
_WAID: Final = re.compile(r"(?<![a-z])waid=\+?(\d{5,20})(?!\d)", re.IGNORECASE)
_COUNTED: Final = re.compile(r"\d{6,8}-(?=.)")
_AGAIN: Final = re.compile(r"(?: ?\(\d+\))+$")


def owner(card: str) -> tuple[str, str]:
    """(digits of the number, name) of a card, "" where it does not say."""
    sure: str = ""
    number: str = ""
    names: dict[str, str] = {}
    for line in _FOLDED.sub("", card[:_LONGEST]).split("\n"):
        found = _LINE.match(line)
        if found is None:
            continue
        key, value = found["key"].upper(), found["value"].strip()
        if key == "TEL":
            known = _WAID.search(found["more"])
            sure = sure or (known[1] if known else "")
            number = number or _international(value)
        else:
            names.setdefault(key, value)
    name = (
        names.get("FN") or " ".join(filter(None, reversed(names.get("N", "").split(";")[:2]))) or names.get("ORG", "")
    )
    return sure or number, plain(re.sub(r"\\(.)", r"\1", name))[:1000]


def called(file: str) -> str:
    """The name that a card's file is called after."""
    stem = file.rpartition(".")[0]
    return plain(_AGAIN.sub("", _COUNTED.sub("", stem, count=1)))


def _international(value: str) -> str:
    digits = re.sub(r"[^\d+]", "", value.removeprefix("tel:"))
    return digits[1:] if digits.startswith("+") and 7 <= len(digits) <= 20 else ""
