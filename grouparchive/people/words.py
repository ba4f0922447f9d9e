"""What people are told, in their language: the messages of a campaign, the page that asks for consent, what a voucher says on
the phone, and the sentences of a check. The texts stand in `words/`, one file a language; docs/LANGUAGES.md says how.

A text takes a proof, a link, a day and an address to answer to, and nothing else: no name of a group, a theme or a person can
get into it.
"""

import functools
import re
import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from grouparchive.errors import UsageError

Step: TypeAlias = Literal["warning", "hello", "link", "reminder"]
STEPS: Final[tuple[Step, ...]] = get_args(Step)
ENGLISH: Final = "en"
MAX_VALUE = 80
MAX_LINK = 500
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}|[{}]")
_FILE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?\.toml")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message, as it is sent. The subject is for mail; a chat leaves it out."""

    subject: str
    text: str


class _Plain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: str
    text: str


class _Hello(_Plain, frozen=True):
    word: str
    card: str


class _Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    contact: str
    alone: str


class _Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    word: str
    card: str
    voice: str


class SheetWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands on a sheet with people to call, besides the script."""

    title: str
    how: str
    told: str
    yes: str
    no: str
    never: str
    hours: str
    here: str
    unknown: str
    language: str
    ways: str
    known: str
    say: str
    script: str
    line: str
    warning: str


class _Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: str


class _Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    how: str


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sentences of a check: of the page, and what each verdict means."""

    title: str
    intro: str
    message: str
    address: str
    button: str
    words: str
    link: str
    genuine: str
    unaddressed: str
    none: str
    incomplete: str
    key: str
    recipient: str
    expired: str
    altered_link: str
    altered: str
    more: str
    again: str
    unable: str


class _Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    warning: _Plain
    hello: _Hello
    link: _Plain
    reminder: _Plain
    consent: _Consent
    call: _Call
    sheet: SheetWords
    card: _Card
    signed: _Signed
    check: Check


_TAKES: Final[dict[str, frozenset[str]]] = {
    "hello.text": frozenset({"proof"}),
    "hello.word": frozenset({"proof"}),
    "hello.card": frozenset({"proof"}),
    "link.text": frozenset({"link", "by"}),
    "consent.text": frozenset({"contact"}),
    "consent.contact": frozenset({"contact"}),
    "call.text": frozenset({"proof"}),
    "call.word": frozenset({"proof"}),
    "call.card": frozenset({"proof"}),
    "sheet.warning": frozenset({"proof"}),
}
"""What each text must hold, exactly once each; all others hold no placeholder."""


def read_language(text: str) -> _Language:
    """A file of `words/`, checked.

    Raises:
        UsageError: a key is missing, unknown or empty, or a placeholder is missing, unknown or there twice; it says which.
    """
    try:
        found = msgspec.convert(tomllib.loads(text), _Language)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"the words of a language do not fit: {error}", hint="docs/LANGUAGES.md says how.") from error
    for key, value in _texts(msgspec.to_builtins(found)):
        places = [match[1] for match in _PLACEHOLDER.finditer(value)]
        if not value.strip() or sorted(map(str, places)) != sorted(_TAKES.get(key, ())):
            raise UsageError(
                f"the words of a language do not fit: {key} is empty or has not exactly its placeholders",
                hint="docs/LANGUAGES.md says which placeholders each text has.",
            )
    return found


def _texts(tables: dict[str, str | dict[str, str]]) -> list[tuple[str, str]]:
    found = []
    for name, value in tables.items():
        inner = {name: value} if isinstance(value, str) else {f"{name}.{key}": text for key, text in value.items()}
        found += list(inner.items())
    return found


def _folder() -> Traversable:
    return resources.files("grouparchive.people").joinpath("words")


@functools.cache
def languages() -> tuple[str, ...]:
    """The codes of all languages that there are words in, English first."""
    names = sorted(entry.name for entry in _folder().iterdir() if _FILE.fullmatch(entry.name))
    codes = [name.removesuffix(".toml") for name in names]
    return (ENGLISH, *(code for code in codes if code != ENGLISH))


@functools.cache
def _language(code: str) -> _Language:
    return read_language(_folder().joinpath(f"{code}.toml").read_text("utf-8"))


def nearest(language: str) -> str:
    """The code of the language that is there for a wanted one: itself, that without its country, or English."""
    for code in (language, language.partition("-")[0]):
        if code in languages():
            return code
    return ENGLISH


def name_of(language: str) -> str:
    """A language's own name."""
    return _language(nearest(language)).name


def render(step: Step, language: str, *, proof: str = "", link: str = "", by: str = "", card: bool = False) -> Message:
    """A message of a campaign.

    Args:
        step: which one.
        language: a code such as "az"; English for one that we do not have.
        proof: for "hello": the private word or the code of a card. The other steps show none.
        link: for "link": an https address. The other steps must not be given any.
        by: for "link": when it stops working, as people write a day.
        card: the proof is the code of a card.

    Raises:
        UsageError: what the step needs is missing or malformed, or a link was given to a step without one.
    """
    words = _language(nearest(language))
    if link and step != "link":
        raise UsageError("only the message that answers a reply may hold a link")
    match step:
        case "warning":
            return _message(words.warning)
        case "reminder":
            return _message(words.reminder)
        case "hello":
            line = words.hello.card if card else words.hello.word
            return _message(words.hello, proof=_put(line, proof=_value(proof, "private word or the card's code")))
        case "link":
            return _message(words.link, link=_link(link), by=_value(by, "day on which the link stops working"))


def consent_page(language: str, *, contact: str = "") -> str:
    """Plain text to post before anything happened, which asks people how to reach them.

    Args:
        language: as for `render`.
        contact: where to answer, such as a mail address; "" for by voice only.

    Raises:
        UsageError: `contact` is malformed.
    """
    words = _language(nearest(language)).consent
    line = _put(words.contact, contact=_value(contact, "contact")) if contact else words.alone
    return _put(words.text, contact=line)


def call_script(language: str, *, proof: str = "", card: bool = False) -> str:
    """What a voucher says on the phone to one person. `proof` and `card` as for `render`; without a proof the voice has to do.

    Raises:
        UsageError: the proof is malformed.
    """
    return _put(_language(nearest(language)).call.text, proof=call_proof(language, proof=proof, card=card))


def call_proof(language: str, *, proof: str = "", card: bool = False) -> str:
    """The line of `call_script` by which a voucher is believed. Arguments and errors as there."""
    words = _language(nearest(language)).call
    line = words.card if card else words.word
    return _put(line, proof=_value(proof, "private word or the card's code")) if proof else words.voice


def sheet_script(language: str, *, warning: bool) -> str:
    """What a voucher says to each person on a sheet; by what they are believed stands beside each number."""
    words = _language(nearest(language))
    return _put(words.sheet.warning if warning else words.call.text, proof=words.sheet.line)


def sheet_words(language: str) -> SheetWords:
    """What else stands on the sheet."""
    return _language(nearest(language)).sheet


def card_line(language: str) -> str:
    """What stands on a card, below its code."""
    return _language(nearest(language)).card.keep


def how_to_check(language: str) -> str:
    """The line above the signature of a message."""
    return _language(nearest(language)).signed.how


def check_sentences(language: str) -> Check:
    """What a check says."""
    return _language(nearest(language)).check


def _message(words: _Plain, **values: str) -> Message:
    return Message(subject=words.subject, text=_put(words.text, **values))


def _put(template: str, **values: str) -> str:
    """The template with its values, which are never read as templates themselves."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template).strip()


def _value(value: str, what: str) -> str:
    """A value on one line, that holds no address of a page.

    Raises:
        UsageError: it is empty, too long or holds what it must not.
    """
    if not value or len(value) > MAX_VALUE or not value.isprintable() or value != value.strip() or "/" in value:
        raise UsageError(
            f"the {what} is missing, too long or not on one line",
            hint=f"It has at most {MAX_VALUE} signs, no line breaks and no slash.",
        )
    return value


def _link(link: str) -> str:
    """A link that survives chats and mail.

    Raises:
        UsageError: it is none.
    """
    if not re.fullmatch(r"https://[!-;=?-~]+", link) or len(link) > MAX_LINK:
        raise UsageError(
            "the link is missing or is no https address", hint="It begins with https:// and has no spaces."
        )
    return link
