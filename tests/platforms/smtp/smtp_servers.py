"""Mail servers on loopback for these tests: a real one (aiosmtpd), and one that misbehaves as a script says. Both speak TLS
with certificates of an authority made here.
"""

# ruff: noqa: N802, ARG002 - the hooks are aiosmtpd's

import base64
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from grouparchive.model.ports import PersonalMessage, Source
from grouparchive.platforms.smtp.messenger import SmtpMessenger
from grouparchive.platforms.smtp.session import Patience

USER = "post@example.org"
PASSWORD = "canary-pass-9731"
SENDER = "fern@example.org"
TO = "moss@members.example"
TEXT = "Hello,\n\nthis is a word to you alone.\n"
QUICK = Patience(connect=3.0, command=3.0, end=3.0, quit=1.0)


class Papers:
    """An authority, and the certificates it gave: for this machine's loopback names, and for another server's."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issued = (
            self._blank(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(own, critical=False)
            .sign(key, hashes.SHA256())
        )
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(issued.public_bytes(serialization.Encoding.PEM))
        here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        self.good = self._server(folder / "good.pem", here, name, key)
        self.foreign = self._server(folder / "foreign.pem", [x509.DNSName("mail.elsewhere.example")], name, key)

    def _server(
        self, path: Path, names: list[Any], issuer: x509.Name, by: ec.EllipticCurvePrivateKey
    ) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test server")])
        issued = (
            self._blank(subject, issuer, key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
            .sign(by, hashes.SHA256())
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(secret + issued.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    @staticmethod
    def _blank(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
        )


def source(papers: Papers, port: int, **options: str) -> Source:
    password = options.pop("password", PASSWORD)
    usual = {"host": "127.0.0.1", "port": str(port), "user": USER, "from": SENDER, "ca-file": str(papers.authority)}
    chosen = {name.replace("_", "-"): value for name, value in options.items()}
    return Source(name="post", platform="smtp", options={**usual, **chosen}, secrets={"password": password})


def message(to: str = TO, key: str = "key-1", subject: str = "A question", text: str = TEXT) -> PersonalMessage:
    return PersonalMessage(key=key, recipient=to, kind="message", subject=subject, text=text)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# --- a real server ---------------------------------------------------------------------------------------------------


class Inbox:
    """What a real server took: an envelope and a mail each time."""

    def __init__(self, unknown: frozenset[str] = frozenset()) -> None:
        self.unknown = unknown
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.greeted_as: list[str] = []
        self.logins: list[bool] = []

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.greeted_as.append(hostname)
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 5.1.1 <" + address + ">: Recipient address rejected: User unknown"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.original_content, bytes)
        self.mails.append((envelope.mail_from or "", list(envelope.rcpt_tos), envelope.original_content))
        return "250 2.0.0 Ok: queued"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.logins.append(right)
        return AuthResult(success=right, handled=right)


@contextmanager
def real_server(context: ssl.SSLContext, inbox: Inbox, **options: Any) -> Iterator[int]:
    """aiosmtpd with STARTTLS and a login; its port."""
    port = free_port()
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=inbox.authenticate,
        **options,
    )
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


# --- one that misbehaves ---------------------------------------------------------------------------------------------

Rule = str | bytes | Callable[["Talk", str], Any] | list[Any]
"""What to answer: words, raw bytes, a function that does something or returns words, or a list to be used up one by one, of
which the last stays."""


class Talk:
    """One connection."""

    def __init__(self, server: "ScriptedServer", connection: socket.socket, number: int) -> None:
        self.server = server
        self.connection = connection
        self.number = number
        self.secure = False
        self.unread = b""

    def line(self) -> bytes | None:
        while b"\r\n" not in self.unread:
            piece = self.connection.recv(4096)
            if not piece:
                return None
            self.unread += piece
        line, _, self.unread = self.unread.partition(b"\r\n")
        return line

    def say(self, words: str | bytes) -> None:
        self.connection.sendall(words if isinstance(words, bytes) else words.encode() + b"\r\n")

    def close(self) -> None:
        raise ConnectionError

    def drip(self, words: str, seconds: float) -> None:
        for letter in words.encode() + b"\r\n":
            self.connection.sendall(bytes([letter]))
            time.sleep(seconds / len(words))

    def encrypt(self) -> None:
        plain = self.connection
        self.connection = self.server.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self.connection.do_handshake()  # type: ignore[attr-defined]  # here, so that it is closed whatever comes of it
        self.secure, self.unread = True, b""


class ScriptedServer:
    """A mail server that takes everything, but for what `rules` say about CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, END (the
    final dot), RSET and QUIT. `log` has every line that came: connection, encrypted or not, the line.
    """

    OFFERS = "250-mail.example.org\r\n250-SIZE 1000000\r\n250-8BITMIME"

    def __init__(self, context: ssl.SSLContext, *, tls: bool = False, offers: str = "", **rules: Rule) -> None:
        self.context = context
        self.tls = tls
        self.offers = offers
        self.rules = dict(rules)
        self.log: list[tuple[int, bool, str]] = []
        self.mails: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._main = threading.Thread(target=self._serve, daemon=True)
        self._main.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in [self._main, *self._threads]:
            thread.join(10)
            assert not thread.is_alive()

    def said(self, verb: str) -> list[str]:
        return [line for _, _, line in self.log if line.upper().startswith(verb)]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(8)
            thread = threading.Thread(target=self._talk, args=(connection, len(self._threads) + 1), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket, number: int) -> None:
        talk = Talk(self, connection, number)
        with contextlib.suppress(OSError):
            if self.tls:
                talk.encrypt()
            self._answer(talk, "CONNECT", "", "220 mail.example.org ESMTP")
            while (raw := talk.line()) is not None:
                line = raw.decode("utf-8", "replace")
                self.log.append((number, talk.secure, line))
                if not self._next(talk, line):
                    break
        with contextlib.suppress(OSError):
            talk.connection.close()

    def _next(self, talk: Talk, line: str) -> bool:
        verb = line.split(" ", 1)[0].upper()
        if verb == "EHLO":
            more = "" if talk.secure else "\r\n250-STARTTLS"
            more += "\r\n250-AUTH PLAIN LOGIN" if talk.secure else ""
            self._answer(talk, verb, line, f"{self.OFFERS}{more}{self.offers}\r\n250 ENHANCEDSTATUSCODES")
        elif verb == "STARTTLS":
            if self._answer(talk, verb, line, "220 2.0.0 go ahead"):
                talk.encrypt()
        elif verb == "DATA":
            if self._answer(talk, verb, line, "354 go on"):
                self._mail(talk)
        elif verb == "QUIT":
            self._answer(talk, verb, line, "221 2.0.0 bye")
            return False
        else:
            usual = {"AUTH": "235 2.7.0 ok", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "RSET": "250 2.0.0 ok"}
            self._answer(talk, verb, line, usual.get(verb, "500 5.5.2 what?"))
        return True

    def _mail(self, talk: Talk) -> None:
        lines = []
        while (line := talk.line()) is not None and line != b".":
            lines.append(line.removeprefix(b"."))
        if line is not None:
            self._answer(talk, "END", "", "250 2.0.0 queued", taken=b"\r\n".join(lines))

    def _answer(self, talk: Talk, verb: str, line: str, usual: str, *, taken: bytes | None = None) -> bool:
        """Say what the rule says; was it the usual answer?"""
        rule: Any = self.rules.get(verb, usual)
        if isinstance(rule, list):
            rule = rule.pop(0) if len(rule) > 1 else rule[0]
        words = rule(talk, line) if callable(rule) else rule
        if words in {None, ""}:
            words = usual
        if taken is not None and words == usual:
            self.mails.append(taken)  # before anybody hears of it, so that tests may look at once
        talk.say(words)
        return bool(words == usual)


def plain(secret: str) -> str:
    return base64.b64decode(secret).decode()


@contextmanager
def opened(papers: Papers, port: int, **options: str) -> Iterator[SmtpMessenger]:
    messenger = SmtpMessenger(source(papers, port, **options), patience=QUICK)
    try:
        yield messenger
    finally:
        messenger.close()


def told(error: BaseException) -> str:
    """Everything that an error and those behind it could show, also those that Python keeps back."""
    seen: list[str] = []
    todo: list[BaseException | None] = [error]
    known: set[int] = set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in known:
            continue
        known.add(id(one))
        seen += [str(one), repr(one), repr(one.args), repr({k: v for k, v in vars(one).items() if k != "__notes__"})]
        seen += [str(note) for note in getattr(one, "__notes__", ())]
        todo += [one.__cause__, one.__context__]
    return "\n".join(seen)


CANARIES = ("moss", "members.example", PASSWORD, USER, "word to you", "A question", "CANARY")


def shows_nothing(error: BaseException) -> None:
    shown = told(error)
    both = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    for canary in (*CANARIES, both):
        assert canary.lower() not in shown.lower(), shown
