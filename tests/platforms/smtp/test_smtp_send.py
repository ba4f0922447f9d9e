"""Mails to a real server: what arrives, who is told, what a mail holds and what not."""

import email
import email.policy
import getpass
import hashlib
import re
import socket
import time
from pathlib import Path

import pytest
from smtp_servers import PASSWORD, SENDER, TEXT, TO, Inbox, Papers, message, opened, real_server, source

from grouparchive.errors import Refused, UsageError
from grouparchive.model.ports import Messenger, PersonalMessage
from grouparchive.platforms import registry
from grouparchive.platforms.smtp import PLATFORM
from grouparchive.platforms.smtp.check import check


def parsed(raw: bytes) -> email.message.EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, email.message.EmailMessage)
    return found


def test_a_mail_arrives_as_it_was_written(papers: Papers) -> None:
    inbox = Inbox()
    with real_server(papers.good, inbox) as port, opened(papers, port) as messenger:
        outcome = messenger.send(message())
    assert (outcome.status, outcome.note, outcome.ref) == ("done", "sent", "")
    assert inbox.logins == [True]
    ((sender, recipients, raw),) = inbox.mails
    assert (sender, recipients) == (SENDER, [TO])
    mail = parsed(raw)
    assert mail["From"] == SENDER
    assert mail["To"] == TO
    assert mail["Subject"] == "A question"
    assert mail.get_content() == TEXT.replace("\n", "\r\n") or mail.get_content() == TEXT


def test_a_mail_has_these_headers_and_no_others(papers: Papers) -> None:
    inbox = Inbox()
    with real_server(papers.good, inbox) as port, opened(papers, port) as messenger:
        messenger.send(message(key="0123"))
    mail = parsed(inbox.mails[0][2])
    assert mail.keys() == [
        "From", "To", "Subject", "Date", "Message-ID", "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    ]  # fmt: skip
    number = hashlib.sha256(b"ga1/mail0123").hexdigest()[:32]
    assert mail["Message-ID"] == f"<{number}@example.org>"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:00 \+0000", mail["Date"])
    assert abs(mail["Date"].datetime.timestamp() - time.time()) < 130
    assert mail["Content-Type"] == 'text/plain; charset="utf-8"'


def test_nothing_of_this_machine_is_told(papers: Papers) -> None:
    inbox = Inbox()
    with real_server(papers.good, inbox) as port, opened(papers, port) as messenger:
        messenger.send(message())
    told = inbox.mails[0][2].decode().lower()
    assert set(inbox.greeted_as) == {"[127.0.0.1]"}
    for canary in (
        socket.gethostname(),
        socket.getfqdn(),
        getpass.getuser(),
        Path.home().name,
        "grouparchive",
        "python",
    ):
        assert canary.lower() not in told.replace("charset", "")
    for canary in ("Lantern Circle", "shelter", PASSWORD):
        assert canary.lower() not in told


def test_each_mail_has_one_recipient_and_one_connection_carries_many(papers: Papers) -> None:
    inbox = Inbox()
    people = [f"person{number}@members.example" for number in range(20)]
    with real_server(papers.good, inbox) as port, opened(papers, port) as messenger:
        for number, one in enumerate(people):
            messenger.send(message(one, key=f"k{number}"))
    assert [recipients for _, recipients, _ in inbox.mails] == [[one] for one in people]
    assert inbox.logins == [True]
    for one, (_, _, raw) in zip(people, inbox.mails, strict=True):
        assert set(re.findall(rb"person\d+@", raw)) == {one.split("@")[0].encode() + b"@"}


def test_who_is_unknown_is_refused_and_the_next_mail_goes_out(papers: Papers) -> None:
    inbox = Inbox(unknown=frozenset({TO}))
    with real_server(papers.good, inbox) as port, opened(papers, port) as messenger:
        with pytest.raises(Refused) as caught:
            messenger.send(message())
        messenger.send(message("birch@members.example"))
    assert getattr(caught.value, "note", "") == "no-such-address"
    assert [recipients for _, recipients, _ in inbox.mails] == [["birch@members.example"]]
    assert inbox.logins == [True]


def test_a_server_with_tls_from_the_first_byte_tells_what_a_thief_could_do(papers: Papers) -> None:
    inbox = Inbox()
    with real_server(papers.good, inbox) as port:
        found = check(source(papers, port))
        assert found.origin == f"smtp://127.0.0.1:{port}"
        assert PLATFORM.check(source(papers, port)) == found
    assert found.ok
    assert any("send mail in your name" in one for one in found.can)
    assert any("unsubscribe" in one for one in found.warnings)
    assert inbox.mails == []
    assert inbox.logins == [True, True]


def test_a_wrong_password_is_refused_and_tried_once(papers: Papers) -> None:
    inbox = Inbox()
    with real_server(papers.good, inbox) as port, pytest.raises(Refused) as caught:
        check(source(papers, port, password="wrong-canary"))
    assert inbox.logins == [False]
    assert "wrong-canary" not in str(caught.value) + caught.value.hint
    assert "app password" in caught.value.hint


def test_it_is_found_by_its_name() -> None:
    assert registry.load("smtp") is PLATFORM


def test_it_reads_and_builds_nothing(papers: Papers) -> None:
    configured = source(papers, 1)
    with pytest.raises(UsageError, match="holds no group"):
        PLATFORM.connector(configured, lambda *_: "")
    with pytest.raises(UsageError, match="cannot be rebuilt"):
        PLATFORM.target(configured, lambda *_: "", lambda _: iter(()))
    with pytest.raises(UsageError, match="room keys"):
        PLATFORM.keys(b"", "")
    assert PLATFORM.opener((), lambda *_: "")("x") == "x"  # type: ignore[arg-type,comparison-overlap]


def test_mail_cannot_tell_what_became_of_it_and_carries_no_invitations(papers: Papers) -> None:
    messenger = PLATFORM.messenger(source(papers, 1))
    assert isinstance(messenger, Messenger)
    with pytest.raises(NotImplementedError):
        messenger.find(message())
    with pytest.raises(Refused, match="invitation"):
        messenger.send(PersonalMessage(key="k", recipient=TO, kind="invitation", place="!room"))
    messenger.close()
    assert TO not in repr(messenger)
