"""What facts about people may say, and which of them restrict. Pure: text in, text out.

A fact that does not have its form counts for nothing, whoever wrote it; so what reaches a person's screen or a mail program is
short, printable and of the shape that its field promises.
"""

import re
from typing import Final, get_args

from grouparchive.errors import UsageError
from grouparchive.model.records import Fact, FactField

FLAGS: Final[frozenset[FactField]] = frozenset({"minor", "do-not-contact", "hold", "member"})
"""Facts that are "yes" or "no"."""
PEOPLE: Final[frozenset[FactField]] = frozenset({"voucher", "same-as"})
"""Facts whose value is another person."""
PURPOSES: Final = ("contact", "keep", "republish")
CHANNELS: Final = ("mail", "phone", "signal", "matrix", "telegram", "whatsapp", "xmpp")
"""Contact channels that may be named without "contact." before them."""
MAX_VALUE: Final = 320
"""Characters; the longest mail address."""

_RESTRICTING: Final[frozenset[FactField]] = frozenset({"minor", "do-not-contact", "hold"})
_KEY: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_MAIL: Final = re.compile(r"[^\s@<>(),;:\"\\\[\]]{1,64}@[^\s@<>(),;:\"\\\[\]]{1,255}")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()./-]{3,30}")
_HOURS: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d")
_ZONE: Final = re.compile(r"[A-Z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}")
_FORMS: Final[dict[str, tuple[re.Pattern[str], str]]] = {
    "word": (re.compile("[^/]{1,80}"), "at most 80 signs, without a slash: it has to fit into a message"),
    "tier": (re.compile("[1-4]"), "a number from 1 (asked first) to 4"),
    "hours": (_HOURS, "two times such as 09:00-17:30"),
    "zone": (_ZONE, "a time zone such as Asia/Baku"),
    "channel": (_KEY, "one of their ways of contact, such as mail or signal"),
    "card": (re.compile("[1-9][0-9]{0,3}"), "the number on a card, from 1 to 9999"),
    "language": (re.compile("[a-z]{2,3}(?:-[A-Z]{2})?"), "a language such as de, fa or pt-BR"),
    "voucher": (re.compile("[0-9a-f]{32}"), "a person in the archive"),
    "same-as": (re.compile("[0-9a-f]{32}"), "a person in the archive"),
}


def slot_of(fact: Fact) -> tuple[FactField, str]:
    """What a fact is about: its field, and its key where the field has several."""
    return fact.field, fact.key if fact.field in {"contact", "consent"} else ""


def restricts(fact: Fact) -> bool:
    """Does it keep somebody from being asked? Such a fact counts from whoever wrote it."""
    return fact.value == "yes" if fact.field in _RESTRICTING else fact.field == "consent" and fact.value == "no"


def complaint(field: FactField, key: str, value: str) -> str:
    """What is wrong with a fact, in words that do not repeat its value; "" when nothing is."""
    if field == "consent" and key not in PURPOSES:
        return f"consent is for one of: {', '.join(PURPOSES)}"
    if field == "contact" and not _KEY.fullmatch(key):
        return "a contact is named by its channel, such as mail, signal or phone"
    if not value:
        return ""  # takes back what was said
    if len(value) > MAX_VALUE or not value.isprintable() or value != value.strip():
        return f"{_called(field, key)} is at most {MAX_VALUE} printable characters"
    if field in FLAGS or field == "consent":
        return "" if value in {"yes", "no"} else f"{_called(field, key)} is yes or no"
    if field == "contact":
        form = {"mail": (_MAIL, "a mail address"), "phone": (_PHONE, "a phone number")}.get(key)
    else:
        form = _FORMS.get(field)
    return "" if form is None or form[0].fullmatch(value) else f"{_called(field, key)} is {form[1]}"


def has_form(fact: Fact) -> bool:
    """May this fact count at all?"""
    return not complaint(*slot_of(fact), fact.value)


def parse_setting(text: str) -> tuple[FactField, str, str]:
    """What a person typed: "mail=a@b.example", "consent.contact=yes", "tier=2", "minor=" to take it back.

    Returns:
        field, key, value; the value of a `voucher` or `same-as` as it was typed.

    Raises:
        UsageError: it is none; the message does not repeat the value.
    """
    name, equals, value = text.partition("=")
    value = value.strip()
    field, _, key = name.strip().lower().partition(".")
    if not equals or not field:
        raise UsageError("what is said about a person looks like key=value", hint="For example: consent.contact=yes")
    if field in CHANNELS and not key:
        field, key = "contact", field
    if field not in get_args(FactField):
        known = ", ".join([*CHANNELS, *(f"consent.{one}" for one in PURPOSES), *_plain_fields()])
        raise UsageError("nothing of that name can be said about a person", hint=f"Known: {known}")
    found: FactField = field  # type: ignore[assignment]
    if key and found not in {"contact", "consent"}:
        raise UsageError(f"{found} is said without a point and a second word", hint=f"For example: {found}=...")
    if found in FLAGS or found in {"consent", "channel"}:
        value = value.lower()
    wrong = "" if found in PEOPLE else complaint(found, key, value)
    if wrong:
        raise UsageError(wrong, hint="An empty value takes back what was said before.")
    return found, key, value


def _plain_fields() -> list[str]:
    return [one for one in get_args(FactField) if one not in {"contact", "consent"}]


def _called(field: str, key: str) -> str:
    return f"{field}.{key}" if key else field
