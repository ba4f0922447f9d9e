"""Mail addresses and phone numbers as people write them in lists, brought to the form that a fact about somebody has."""

import re
from typing import Final

from grouparchive.model.facts import MAX_VALUE, complaint

_NAMED: Final = re.compile(r"[^<>]{0,500}<([^<>\s]{1,400})>")
_INVISIBLE: Final = re.compile("[\x00-\x1f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_SPACES: Final = re.compile(r"\s+")
_DASHES: Final = re.compile("[\u2010-\u2015\u2212]")


def mail(value: str) -> str:
    """A mail address; "" where it is none. Takes `mailto:` and `Name <address>`."""
    value = _INVISIBLE.sub("", value[:1024]).strip()
    named = _NAMED.fullmatch(value)
    value = named[1] if named else value
    if value[:7].lower() == "mailto:":
        value = value[7:].partition("?")[0]
    return _formed("mail", value.strip(" '\","))


def phone(value: str) -> str:
    """A phone number; "" where it is none. Takes `tel:`; spaces and dashes of all kinds become plain ones."""
    value = _SPACES.sub(" ", _DASHES.sub("-", _INVISIBLE.sub("", value[:1024]))).strip()
    if value[:4].lower() == "tel:":
        value = value[4:].partition(";")[0]
    value = value.strip(" '\"").lstrip("(").replace("+(", "+").replace("+ ", "+")
    return _formed("phone", value)


def dialled(phone_: str) -> str:
    """A phone number as it stays the same however it is written."""
    return re.sub(r"[^0-9+]", "", phone_)


def _formed(key: str, value: str) -> str:
    return "" if not value or len(value) > MAX_VALUE or complaint("contact", key, value) else value
