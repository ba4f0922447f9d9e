"""One conversation with a mail server: encrypted and logged in, or it does not come about. Over Python's own smtplib, which
is kept by Python itself and knows how to connect, to negotiate TLS and to read what a server offers.

What is different here: a deadline holds for a whole answer, however slowly it drips; answers are bounded; the login is sent
once, and only over TLS; our name in EHLO is the literal [127.0.0.1] (RFC 5321 4.1.3), never this machine's; and nothing that
a server or smtplib said reaches an error, since both repeat addresses.
"""

import base64
import contextlib
import re
import smtplib
import socket
import ssl
import time
from typing import Any, Final, cast

import msgspec

from grouparchive.errors import PlatformError
from grouparchive.platforms.smtp.account import Account
from grouparchive.platforms.smtp.answers import AccountShut, Answer, Stage, meaning

OUR_NAME: Final = "[127.0.0.1]"
_MOST_LINE: Final = 8 * 1024
_MOST_ANSWER: Final = 64 * 1024
_CODE: Final = re.compile(rb"([2-5]\d\d)(?:[ -]|$)")
_AUTH_SUCCEEDED: Final = 235
_AUTH_GO_ON: Final = 334


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds to wait for a whole answer: to connect and be greeted, for each command, after the final dot (a server may
    look at a mail for long, RFC 5321 4.5.3.2), and to say goodbye.
    """

    connect: float = 30.0
    command: float = 120.0
    end: float = 600.0
    quit: float = 5.0


class Lost(Exception):  # noqa: N818 - ends here, in this platform
    """The connection is gone, or no answer came in time, or what came was none."""


class _Bounded:
    """Reads answers in place of smtplib: a deadline and a size for the whole of each."""

    sock: socket.socket | None

    def __init__(self, *args: Any, wait: float, **options: Any) -> None:
        self.wait = wait
        self.unasked = False
        self._unread = b""
        super().__init__(*args, **options)

    def getreply(self) -> tuple[int, bytes]:
        """An answer: its code and the words of all its lines.

        Raises:
            Lost: there is none.
        """
        try:
            return self._answer(time.monotonic() + self.wait)
        except (Lost, OSError):
            cast("smtplib.SMTP", self).close()
            raise

    def _answer(self, until: float) -> tuple[int, bytes]:
        lines: list[bytes] = []
        size = 0
        while True:
            line = self._line(until)
            size += len(line)
            found = _CODE.match(line)
            if size > _MOST_ANSWER or not found:
                raise Lost
            lines.append(line[4:].strip())
            if line[3:4] != b"-":
                # What is there before anything was asked would be taken for the answer to the next question.
                self.unasked = self.unasked or bool(self._unread)
                return int(found[1]), b"\n".join(lines)

    def _line(self, until: float) -> bytes:
        while b"\n" not in self._unread:
            left = until - time.monotonic()
            if self.sock is None or left <= 0 or len(self._unread) > _MOST_LINE:
                raise Lost
            self.sock.settimeout(left)
            piece = self.sock.recv(4096)
            if not piece:
                raise Lost
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        return line.rstrip(b"\r")


class _StartTls(_Bounded, smtplib.SMTP):
    pass


class _Tls(_Bounded, smtplib.SMTP_SSL):
    pass


class Session:
    """A conversation that is open and logged in.

    Args:
        account: where, and as whom.
        patience: how long to wait.

    Raises:
        AccountShut: the server does not let the account in, or cannot be trusted with it.
        Flood: it objects to us.
        PlatformError: it cannot be reached now.
    """

    def __init__(self, account: Account, patience: Patience) -> None:
        self._patience = patience
        self.mails = 0
        self.used = time.monotonic()
        context = account.context()
        self._smtp = self._connected(account, context)
        failed: PlatformError | None = None
        try:
            failed = self._encrypted(account, context) or self._logged_in(account)
        except (Lost, OSError, smtplib.SMTPException) as error:
            failed = _trouble(error)
        except BaseException:
            self._smtp.close()
            raise
        if failed is not None:
            self._smtp.close()
            raise failed

    def __repr__(self) -> str:
        """Without the account."""
        return f"Session({self.mails} mails)"

    # --- talking ---

    def ask(self, line: str, *, wait: float = 0) -> Answer:
        """A command and its answer. The caller has made sure that the line is one.

        Raises:
            Lost: no answer came; the conversation is over.
        """
        return self._ask(line.encode() + b"\r\n", wait or self._patience.command)

    def give(self, data: bytes) -> None:
        """Send the lines of a mail, without the final dot.

        Raises:
            Lost: they did not all go out.
        """
        self._send(data, self._patience.command)

    def end(self) -> Answer:
        """Send the final dot. From here on the mail may be delivered, whatever we hear.

        Raises:
            Lost: no answer came.
        """
        return self._ask(b".\r\n", self._patience.end)

    def offers(self, extension: str) -> bool:
        """Did the server say that it knows this?"""
        return self._smtp.has_extn(extension)

    def idle(self) -> float:
        """Seconds since anything was said."""
        return time.monotonic() - self.used

    def close(self) -> None:
        """Say goodbye, and let go whatever the server says to that."""
        with contextlib.suppress(Lost):
            self._ask(b"QUIT\r\n", self._patience.quit)
        self._smtp.close()

    def drop(self) -> None:
        """Let go at once."""
        self._smtp.close()

    def _ask(self, data: bytes, wait: float) -> Answer:
        self._send(data, wait)
        self._smtp.wait = wait
        answer = None
        with contextlib.suppress(OSError, Lost):
            code, words = self._smtp.getreply()
            answer = Answer(code, words.decode("utf-8", "replace"))
        if answer is None:
            self._smtp.close()
            raise Lost
        self.used = time.monotonic()
        return answer

    def _send(self, data: bytes, wait: float) -> None:
        sent = False
        if self._smtp.sock is not None and not self._smtp.unasked:
            with contextlib.suppress(OSError):
                self._smtp.sock.settimeout(wait)
                self._smtp.sock.sendall(data)
                sent = True
        if not sent:
            self._smtp.close()
            raise Lost

    # --- the way in ---

    def _connected(self, account: Account, context: ssl.SSLContext) -> _StartTls | _Tls:
        failed: PlatformError
        options: dict[str, Any] = {
            "local_hostname": OUR_NAME,
            "timeout": self._patience.connect,
            "wait": self._patience.connect,
        }
        try:
            if account.tls:
                found: _StartTls | _Tls = _Tls(account.host, account.port, context=context, **options)
            else:
                found = _StartTls(account.host, account.port, **options)
        except (Lost, OSError, smtplib.SMTPException) as error:
            failed = _trouble(error)
        else:
            if found.sock is not None:
                found.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return found
        raise failed

    def _encrypted(self, account: Account, context: ssl.SSLContext) -> PlatformError | None:
        """TLS, and what the server offers over it. Nothing about anybody was said before."""
        refused = self._hello()
        if refused or account.tls:
            return refused
        if not self.offers("starttls"):
            return AccountShut(
                "the mail server offers no encryption, or somebody on the way hides that it does: nothing was sent",
                hint="Try security=tls with port=465, or another network. Never send over a connection that is not encrypted.",
            )
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(self._patience.connect)
        code, words = self._smtp.starttls(context=context)
        if not 200 <= code < 300:
            return meaning("hello", Answer(code, words.decode("utf-8", "replace")))
        if self._smtp.unasked:
            return AccountShut(
                "somebody on the way writes into the connection to the mail server: nothing was sent",
                hint="Try another network, for example a phone's, and then security=tls with port=465.",
            )
        return self._hello()

    def _hello(self) -> PlatformError | None:
        self._smtp.wait = self._patience.connect
        code, words = self._smtp.ehlo(OUR_NAME)
        answer = Answer(code, words.decode("utf-8", "replace"))
        return None if answer.ok else meaning("hello", answer)

    def _logged_in(self, account: Account) -> PlatformError | None:
        """One try: some providers lock an account after a few wrong passwords."""
        ways = self._smtp.esmtp_features.get("auth", "").upper().split()
        user, password = account.user.encode(), account.password.encode()
        if "PLAIN" in ways:
            both = base64.b64encode(b"\0" + user + b"\0" + password).decode()
            return self._said_yes(self.ask(f"AUTH PLAIN {both}"))
        if "LOGIN" in ways:
            answer = self.ask("AUTH LOGIN")
            for secret in (user, password):
                if answer.code != _AUTH_GO_ON:
                    break
                answer = self.ask(base64.b64encode(secret).decode())
            return self._said_yes(answer)
        return AccountShut(
            "the mail server offers no login with a password",
            hint="Some providers let only their own programs in. Ask yours for an app password, or use another account.",
        )

    @staticmethod
    def _said_yes(answer: Answer) -> PlatformError | None:
        return None if answer.code == _AUTH_SUCCEEDED else meaning("login", answer)


def _trouble(error: Exception) -> PlatformError:
    """What kept a conversation from coming about, without what the library said about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return AccountShut(
            "the mail server cannot prove that it is the one of host=...: nothing was sent",
            hint="Check host=... for typing errors, and the clock of this machine. On a foreign network, somebody may listen "
            "in: try another one. For your own server, name its authority with ca-file=...",
        )
    if isinstance(error, ssl.SSLError):
        return PlatformError(
            "no encrypted connection to the mail server comes about: nothing was sent",
            hint="Port 465 needs security=tls, port 587 security=starttls.",
        )
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
        stage: Stage = "hello"
        return meaning(stage, Answer(error.smtp_code, words.decode("utf-8", "replace")))
    return PlatformError(
        "the mail server cannot be reached, or does not answer: nothing was sent",
        hint="Check the network and host=..., port=... of the source. Some networks close port 587: try 465 with security=tls.",
    )
