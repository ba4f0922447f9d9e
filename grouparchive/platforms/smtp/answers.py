"""What a mail server's answers mean for a mail to one person: RFC 5321 for the codes, RFC 3463 for the enhanced ones, and the
words that providers use when they take us for a sender of spam.

Nothing that a server said is ever shown: its words hold addresses. Errors carry the codes alone.

    greylisting, full mailbox, 4xx, 421      PlatformError   not sent, later
    no such mailbox or domain                NotTaken        final for this person ("no-such-address")
    they do not take our mail                NotTaken        final for this person ("not-allowed")
    spam, blocked, too much, content refused Flood           everything stops
    the account is not let in, or may not    AccountShut     everything stops too: it is the account's, nobody's own
"""

import re
from typing import Final, Literal, TypeAlias

import msgspec

from grouparchive.errors import Flood, PlatformError, Refused

Stage: TypeAlias = Literal["hello", "login", "sender", "recipient", "data", "end"]
"""Where in the dialogue: greeting and EHLO, AUTH, MAIL, RCPT, DATA, after the final dot."""

_LONGEST_TEXT: Final = 4096
_ENHANCED: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_ADDRESSES: Final = re.compile(r"<[^<>]*>|\S+@\S+|\bhttps?:\S+")
_GREYLIST: Final = re.compile(r"gr[ae]y[ -]?list", re.IGNORECASE)
_FULL: Final = re.compile(
    r"(?:mail)?box (?:is )?(?:too )?full|over ?quota|quota exceeded|insufficient (?:storage|space)", re.IGNORECASE
)
_OBJECTS: Final = re.compile(
    r"spam|unsolicited|\bbulk\b|\bblock(?:ed|ing|[ -]?list)|black[ -]?list|den(?:y|ied)[ -]?list|\bban(?:ned)?\b|dnsbl|\brbl\b"
    r"|reputation|abus(?:e|ive)|complain|throttl|unusual|suspicious|compromised|volume"
    r"|too (?:many|much|fast|frequent)|rate.?limit|\b(?:rate|frequency)\b.{0,30}\b(?:exceed|limit|high)"
    r"|(?:send(?:ing)?|sender|sent|submission|out(?:going|bound)|daily|hourly|mail|message)s?\b.{0,40}\b(?:limit|quota)"
    r"|limit\b.{0,30}\b(?:send|daily|hourly|messages|mails)|(?:your|sender|sending)\b.{0,40}\bsuspend",
    re.IGNORECASE,
)
_RELAY: Final = re.compile(r"relay|authenticat|\bauth\b|log ?in", re.IGNORECASE)

_NO_SUCH: Final = frozenset({"1.1", "1.2", "1.3", "1.4", "1.6", "1.10", "2.1", "4.4"})
_OUR_ADDRESS: Final = frozenset({"1.7", "1.8", "1.9", "7.27"})
_TOO_MUCH: Final = frozenset({"1.90", "4.5", "5.3", "7.28"})
_NOT_LET_IN: Final = frozenset({"7.8", "7.9", "7.11", "7.13", "7.14"})
_LOGIN_CODES: Final = frozenset({432, 454, 530, 534, 535, 538})


class Answer(msgspec.Struct, frozen=True):
    """One answer of a server. Its words are for `meaning` only."""

    code: int
    text: str = ""

    def __repr__(self) -> str:
        """Without the server's words: they hold addresses."""
        return f"Answer({self.code}, {self.enhanced!r})"

    @property
    def ok(self) -> bool:
        """Was it done?"""
        return 200 <= self.code < 300

    @property
    def enhanced(self) -> str:
        """The enhanced code, where there is one that fits: 5.1.1."""
        found = _ENHANCED.match(self.text)
        return found[1] if found and found[1][0] == str(self.code)[0] else ""


class Said(Exception):  # noqa: N818 - never raised alone: the cause of the errors below
    """What the server said, in codes: the cause of an error, for who looks into one."""

    def __init__(self, stage: Stage, answer: Answer) -> None:
        super().__init__(f"SMTP {answer.code} {answer.enhanced}".rstrip() + f" ({stage})")
        self.stage = stage
        self.code = answer.code
        self.enhanced = answer.enhanced


class NotTaken(Refused):
    """This person's mail is refused for good. `note` says why: no-such-address, not-allowed, not-writable."""

    default_hint = "Reach this person by another way, and check the address with them."

    def __init__(self, message: str, note: str) -> None:
        super().__init__(message)
        self.note = note


class AccountShut(PlatformError):  # noqa: N818 - as in grouparchive.errors
    """The account is not let in or may not send so: no mail goes out before somebody changes that."""

    default_hint = (
        "Nothing more is tried, so that the account is not locked. Check user, password and from; many providers want an "
        "app password. Then set the source up again: grouparchive source add"
    )


def meaning(stage: Stage, answer: Answer) -> PlatformError:
    """The error that an answer other than yes stands for, with the codes as its cause."""
    error = _meaning(stage, answer)
    error.__cause__ = Said(stage, answer)
    return error


def _meaning(stage: Stage, answer: Answer) -> PlatformError:
    code, text = answer.code, _ADDRESSES.sub(" ", answer.text[:_LONGEST_TEXT])
    why = answer.enhanced.partition(".")[2]
    final = code >= 500
    if not final and (_GREYLIST.search(text) or why == "2.1"):
        return _later("the mail server asks to come back later; that is usual for a first mail")
    if why == "2.2" or (code in {422, 452, 552} and not why and _FULL.search(text)):
        return _later("somebody's mailbox is full; nothing was delivered")
    if why in _TOO_MUCH or _OBJECTS.search(text):
        return Flood("the mail server objects to what is sent, or how much of it; this mail did not go out")
    if stage == "login" or code in _LOGIN_CODES or why in _NOT_LET_IN or (final and stage == "hello"):
        return _shut(code)
    if not final:
        return _later("the mail server takes nothing just now; this mail did not go out")
    return _final(stage, why, text)


def _final(stage: Stage, why: str, text: str) -> PlatformError:
    """The meaning of a 5xx in which nobody objects."""
    if stage == "sender" or why in _OUR_ADDRESS or (why.startswith("7.") and _RELAY.search(text)):
        return AccountShut("the mail server does not let this account send under the address of from=...")
    if why.startswith("5."):
        return AccountShut("the mail server does not understand how mail is handed over here")
    if why.startswith("6.") or why in {"2.3", "3.4"}:
        return NotTaken("the mail server cannot deliver a mail of this kind to somebody's address", "not-writable")
    if why in _NO_SUCH or (stage == "recipient" and not why.startswith("7.")):
        return NotTaken("the mail server says that there is no such address", "no-such-address")
    if stage == "recipient" or why.startswith("2."):
        return NotTaken("the mail server of somebody does not take our mail", "not-allowed")
    # It heard the whole mail and said no: it will say so to all the others, which have the same words.
    return Flood("the mail server refuses the mail for what is in it; it did not go out")


def _later(message: str) -> PlatformError:
    return PlatformError(message, hint="Run this again in an hour or so; nothing is sent twice.")


def _shut(code: int) -> PlatformError:
    if code < 500:
        return _later("the mail server lets nobody in just now")
    return AccountShut("the mail server does not accept the account's name and password")
