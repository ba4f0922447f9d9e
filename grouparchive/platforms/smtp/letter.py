"""A mail as bytes: as few headers as a mail can have, nothing of this machine in any of them. Pure, but for the time.

What is there on purpose: From, To with the one address, Subject, Date (UTC, to the minute), Message-ID, MIME headers and, where
configured, a way to say "never again". What is not: no Bcc, no Sender, no Received, no X-Mailer or User-Agent, no request for a
receipt, and no Auto-Submitted or Precedence: a person released this mail to this one reader and waits for an answer.
"""

import hashlib
import time
import unicodedata
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final

from grouparchive.errors import UsageError
from grouparchive.platforms.smtp.account import MAIL_ID, Account
from grouparchive.platforms.smtp.addresses import Address

_MINUTE: Final = 60
_SEVEN_BIT: Final = SMTP.clone(cte_type="7bit")  # no server on the way need be able to do more
_LONGEST_SUBJECT: Final = 500
_ONE_LINE: Final = 200
_NO_TEXT: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})


def mail_number(key: str) -> str:
    """A mail's own number: 32 hex digits that follow from the journal's key of it, and lead back to nothing."""
    return hashlib.sha256(b"ga1/mail" + key.encode()).hexdigest()[:32]


def message_id(key: str, sender: Address) -> str:
    """The Message-ID of a mail. Who has the journal finds the mail of a bounce by it; nobody else learns anything from it."""
    return f"<{mail_number(key)}@{sender.domain}>"


def letter(account: Account, to: Address, *, key: str, subject: str, text: str, now: float | None = None) -> bytes:
    """The mail, lines ended by CRLF, without the dots of SMTP.

    Raises:
        UsageError: the subject is no single line, or the text is none.
    """
    several = any(unicodedata.category(one) in _NO_TEXT for one in subject)
    if several or not subject.strip() or len(subject) > _LONGEST_SUBJECT:
        raise UsageError("a mail needs a subject of one line", hint="Take the line breaks out of it.")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    if not text.strip() or any(unicodedata.category(one) in {"Cc", "Cs"} and one not in "\n\t" for one in lines):
        raise UsageError("a mail's text is empty, or holds characters that are none", hint="Type its text anew.")
    head = [
        f"From: {_named(account.name, account.sender.wire)}",
        f"To: {to.wire}",
        f"Subject: {_encoded(subject, 'Subject')}",
        f"Date: {formatdate((time.time() if now is None else now) // _MINUTE * _MINUTE).replace('-0000', '+0000')}",
        f"Message-ID: {message_id(key, account.sender)}",
        *_never_again(account, key),
    ]
    body = EmailMessage(policy=_SEVEN_BIT)
    body.set_content(lines, charset="utf-8")
    return "\r\n".join([*head, ""]).encode() + body.as_bytes()


def _named(name: str, address: str) -> str:
    """A sender's address with the name beside it, where there is one."""
    if not name:
        return address
    return f'"{name}" <{address}>' if name.isascii() else f"{_encoded(name, 'From')} <{address}>"


def _encoded(text: str, header: str) -> str:
    """A header's text in ASCII. Long lines are folded."""
    if text.isascii() and len(text) <= _ONE_LINE and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name=header).encode(linesep="\r\n")


def _never_again(account: Account, key: str) -> list[str]:
    """RFC 2369, and RFC 8058 where the address tells whose mail it was: one click is then enough."""
    if not account.unsubscribe:
        return []
    lines = [f"List-Unsubscribe: <{account.unsubscribe.replace(MAIL_ID, mail_number(key))}>"]
    if account.unsubscribe.startswith("https:") and MAIL_ID in account.unsubscribe:
        lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    return lines
