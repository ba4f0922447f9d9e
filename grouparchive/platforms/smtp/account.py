"""The mail account of a source: what was configured, checked before anything goes out."""

import ipaddress
import re
import ssl
import unicodedata
from typing import Final, Literal, cast
from urllib.parse import urlsplit

import msgspec

from grouparchive.errors import UsageError
from grouparchive.model.ports import Source
from grouparchive.platforms.smtp import addresses
from grouparchive.platforms.smtp.addresses import Address

MAIL_ID: Final = "{id}"
"""What stands for a mail's own number in `unsubscribe`."""
_TLS_PORT: Final = 465
_STARTTLS_PORT: Final = 587
_NAMED: Final = re.compile(r"\s*(?:\"(?P<quoted>[^\"<>\\]*)\"|(?P<bare>[^\"<>\\]*?))\s*<(?P<address>[^<>\s]+)>\s*")
_PRINTABLE: Final = re.compile(r"[!-;=?-~]{1,500}")  # ASCII that stands in angle brackets


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Where to log in, and who the sender is."""

    host: str
    port: int
    tls: bool  # from the first byte; else STARTTLS
    user: str
    password: str
    sender: Address
    name: str = ""
    unsubscribe: str = ""
    ca_file: str = ""

    def __repr__(self) -> str:
        """Without the person and the password."""
        return f"Account({self.origin!r})"

    @property
    def origin(self) -> str:
        """The server as one line."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'smtps' if self.tls else 'smtp'}://{host}:{self.port}"

    def context(self) -> ssl.SSLContext:
        """Who the server's certificate must come from: whoever this system trusts, or the own authority alone.

        Raises:
            UsageError: the authority's file cannot be read.
        """
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except (OSError, ssl.SSLError):
            raise UsageError(
                "the file of ca-file=... cannot be read, or holds no certificate", hint="It must be a PEM file."
            ) from None


def account_of(source: Source) -> Account:
    """The account that a source configures.

    Raises:
        UsageError: something is missing or malformed.
    """
    options = source.options
    security, port = _way_in(options.get("security", ""), options.get("port", ""))
    user, password = options.get("user", ""), source.secrets.get("password", "")
    if not password:
        raise UsageError("the password is missing", hint="Set the source up again: grouparchive source add")
    if not user or _broken(user) or _broken(password):
        raise UsageError(
            "user=... or the password is empty, or holds a line break", hint="Type it as your provider shows it."
        )
    sender, name = _sender(options.get("from", ""))
    return Account(
        host=_host(options.get("host", "")),
        port=port,
        tls=security == "tls",
        user=user,
        password=password,
        sender=sender,
        name=name,
        unsubscribe=_unsubscribe(options.get("unsubscribe", "")),
        ca_file=options.get("ca-file", ""),
    )


def _broken(text: str) -> bool:
    return any(unicodedata.category(one) in {"Cc", "Zl", "Zp", "Cs"} for one in text)


def _way_in(security: str, port: str) -> tuple[Literal["starttls", "tls"], int]:
    if port and not re.fullmatch(r"[1-9]\d{0,4}", port):
        raise UsageError("port=... is a number", hint="Mostly 587, or 465 with security=tls.")
    number = int(port) if port else 0
    security = security or ("tls" if number == _TLS_PORT else "starttls")
    if security not in {"starttls", "tls"}:
        raise UsageError(
            "security=... is starttls or tls: mail to members never leaves this machine unencrypted",
            hint="Your provider's help says which; starttls with port 587 mostly works.",
        )
    number = number or (_TLS_PORT if security == "tls" else _STARTTLS_PORT)
    if number > 65535:
        raise UsageError("there is no such port", hint="Mostly 587, or 465 with security=tls.")
    return cast('Literal["starttls", "tls"]', security), number


def _host(text: str) -> str:
    """A server's name or number. "localhost" is one: some providers' programs offer a server on this machine."""
    bare = text.strip().removeprefix("[").removesuffix("]")
    try:
        return ipaddress.ip_address(bare).compressed
    except ValueError:
        found = "localhost" if bare.lower() == "localhost" else addresses.domain_of(bare)
    if not found:
        raise UsageError("host=... is no name of a server", hint="It looks like mail.example.org, without https://")
    return found


def _sender(text: str) -> tuple[Address, str]:
    named = _NAMED.fullmatch(text)
    found = addresses.parse(named["address"] if named else text.strip())
    name = " ".join((named["quoted"] or named["bare"] or "").split()) if named else ""
    if found is None or found.international or _broken(text) or len(name) > 100:
        raise UsageError(
            "from=... is no sender that every mail server takes",
            hint='It looks like fern@example.org, or "Fern <fern@example.org>"; the part before the @ in plain Latin letters.',
        )
    return found, name


def _unsubscribe(text: str) -> str:
    if not text:
        return ""
    plain = text.replace(MAIL_ID, "0")
    if not _PRINTABLE.fullmatch(plain) or "," in plain or "{" in plain or "}" in plain:
        raise UsageError(
            "unsubscribe=... is no address", hint="It looks like mailto:never@example.org or https://example.org/never"
        )
    try:
        parts = urlsplit(plain)
        web = parts.scheme == "https" and addresses.domain_of(parts.hostname or "") and not parts.username
    except ValueError:
        web, parts = "", urlsplit("")
    mail = parts.scheme == "mailto" and addresses.parse(parts.path) is not None
    if not (web or mail):
        raise UsageError(
            "unsubscribe=... begins with mailto: or https://",
            hint="It looks like mailto:never@example.org or https://example.org/never?m={id}",
        )
    return text
