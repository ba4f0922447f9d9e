"""Sends mails to single people through the admin's account: one mail, one recipient; one connection for several mails.

A mail is handed over when the server answers yes to its final dot. Whatever breaks before the dot was sent is "not sent"; after
it, "in doubt". Mail cannot be asked what became of it: `find` says so, and bounces that come later are read by `bounces.py`.

After the account was shut out, or somebody objected, nothing more is sent through this messenger. Refusals in a row count as
an objection too: a server that blocks us may as well say that nobody is there.
"""

from typing import ClassVar, Final

from grouparchive.errors import Flood, InDoubt, PlatformError, Refused
from grouparchive.model.plan import Outcome
from grouparchive.model.ports import PersonalMessage, Source
from grouparchive.platforms.smtp import addresses
from grouparchive.platforms.smtp.account import account_of
from grouparchive.platforms.smtp.addresses import Address
from grouparchive.platforms.smtp.answers import AccountShut, Answer, NotTaken, Said, Stage, meaning
from grouparchive.platforms.smtp.letter import letter
from grouparchive.platforms.smtp.session import Lost, Patience, Session

MOST_MAILS: Final = 50
"""Mails over one connection; many servers end it after a hundred."""
MOST_IDLE: Final = 60.0
"""Seconds without a word after which a new connection is made; servers end theirs after one to five minutes."""
MOST_REFUSALS: Final = 5
"""Mails refused in a row that make an objection."""

_GO_ON: Final = 354
_CLOSING: Final = 421
_LINE_END: Final = b"\r\n"


class SmtpMessenger:
    """See `model.ports.Messenger`.

    Args:
        source: the mail account.
        patience: how long to wait for the server.
    """

    platform: ClassVar[str] = "smtp"

    def __init__(self, source: Source, *, patience: Patience | None = None) -> None:
        self._account = account_of(source)
        self._patience = patience or Patience()
        self._session: Session | None = None
        self._stopped: Flood | AccountShut | None = None
        self._refused = 0

    def __repr__(self) -> str:
        """Without the account."""
        return "SmtpMessenger()"

    def close(self) -> None:
        """Let go of the connection."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def find(self, message: PersonalMessage) -> Outcome | None:
        """Mail cannot tell.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError

    def send(self, message: PersonalMessage) -> Outcome:
        """Hand one mail over, once.

        Raises:
            InDoubt: the mail was handed over whole and no answer came.
            Refused: no such address, or none that mail can go to. A `NotTaken` tells more in its `note`.
            Flood: the server objects; nothing more goes out through this messenger.
            AccountShut: the account is not let in or may not send; as above. A `PlatformError`.
            PlatformError: not sent; later perhaps.
            UsageError: subject or text cannot stand in a mail.
        """
        if message.kind != "message":
            raise Refused("mail carries messages; an invitation is a platform's own", hint="Choose another messenger.")
        if self._stopped is not None:
            raise type(self._stopped)(self._stopped.message, hint=self._stopped.hint)
        to = addresses.parse(message.recipient)
        if to is None:
            raise NotTaken("a member's address is none that mail could go to", "no-such-address")
        data = letter(self._account, to, key=message.key, subject=message.subject, text=message.text)
        failed = self._deliver(to, data)
        if failed is None:
            self._refused = 0
            return Outcome(status="done", note="sent")
        raise self._weighed(failed)

    def _weighed(self, failed: PlatformError) -> PlatformError:
        """What a failure means after those before it."""
        if isinstance(failed, Flood | AccountShut):
            self._stopped = failed
        elif isinstance(failed.__cause__, Said):
            self._refused += 1
            if self._refused >= MOST_REFUSALS:
                self._stopped = Flood(
                    f"the mail server refused {MOST_REFUSALS} mails in a row; it may be blocking this account without saying so"
                )
                self._stopped.__cause__ = failed.__cause__
                failed = self._stopped
        if self._stopped is not None:
            self.close()
        return failed

    # --- one mail ---

    def _deliver(self, to: Address, data: bytes) -> PlatformError | None:
        """Hand it over; None when that is done."""
        session = self._session
        if session is not None and (session.mails >= MOST_MAILS or session.idle() > MOST_IDLE):
            self.close()
            session = None
        if session is not None:
            # A server may have ended a connection since; a new one is made for the same mail, of which nothing was said yet.
            stale, failed = self._handed_over(session, to, data)
            if not stale:
                return failed
        try:
            self._session = Session(self._account, self._patience)
        except PlatformError as error:
            error.__context__ = None
            return error
        return self._handed_over(self._session, to, data)[1]

    def _handed_over(self, session: Session, to: Address, data: bytes) -> tuple[bool, PlatformError | None]:
        """Was the connection of no use any more, before this mail was begun? And what became of the mail."""
        used = session.mails > 0
        session.mails += 1
        if to.international and not session.offers("smtputf8"):
            return False, NotTaken(
                "somebody's address has other letters than Latin before the @, and this mail server cannot deliver to it",
                "not-writable",
            )
        stage, answer = self._dialogue(session, to, data)
        if stage == "end" and (answer is None or not (answer.ok or answer.code >= 400)):
            self._let_go()
            return False, InDoubt(
                "the mail server took a mail and did not say what became of it",
                hint="It is not sent again by itself. Ask the person by another way, or look into the account's sent mails.",
            )
        if stage == "end" and answer is not None and answer.ok:
            return False, None
        if answer is None or answer.code == _CLOSING or not self._reset(session):
            self._let_go()
        failed = _not_sent() if answer is None else meaning(stage, answer)
        stale = used and stage == "sender" and self._session is None and not isinstance(failed, Flood)
        return stale, failed

    def _dialogue(self, session: Session, to: Address, data: bytes) -> tuple[Stage, Answer | None]:
        """How far it came, and what the server said there; None: the connection is gone."""
        stage: Stage = "sender"
        try:
            answer = session.ask(f"MAIL FROM:<{self._account.sender.wire}>{' SMTPUTF8' if to.international else ''}")
            if not answer.ok:
                return stage, answer
            stage = "recipient"
            answer = session.ask(f"RCPT TO:<{to.wire}>")
            if not answer.ok:
                return stage, answer
            stage = "data"
            answer = session.ask("DATA")
            if answer.code != _GO_ON:
                return stage, answer
            session.give(_stuffed(data))
            stage = "end"
            return stage, session.end()
        except Lost:
            return stage, None

    def _reset(self, session: Session) -> bool:
        """Make ready for the next mail."""
        try:
            return session.ask("RSET").ok
        except Lost:
            return False

    def _let_go(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.drop()


def _not_sent() -> PlatformError:
    return PlatformError(
        "the connection to the mail server broke before a mail was handed over: it was not sent",
        hint="Check the network, then run this again; nothing is sent twice.",
    )


def _stuffed(data: bytes) -> bytes:
    """A mail's lines with SMTP's dots (RFC 5321 4.5.2), ended by CRLF."""
    whole = data if data.endswith(_LINE_END) else data + _LINE_END
    return (
        b".." + whole[1:].replace(b"\r\n.", b"\r\n..") if whole.startswith(b".") else whole.replace(b"\r\n.", b"\r\n..")
    )
