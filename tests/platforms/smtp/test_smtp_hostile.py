"""Servers that break off, listen in, drip, shout, or lie; and whoever stands on the way."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from smtp_servers import (
    PASSWORD,
    QUICK,
    TO,
    Papers,
    ScriptedServer,
    Talk,
    message,
    opened,
    plain,
    shows_nothing,
    source,
    told,
)

from grouparchive.errors import InDoubt, PlatformError, Refused
from grouparchive.platforms.smtp.answers import AccountShut
from grouparchive.platforms.smtp.check import check
from grouparchive.platforms.smtp.messenger import SmtpMessenger
from grouparchive.platforms.smtp.session import Patience

# The server of these tests is cut off in the midst of handshakes: what Python then leaves of its side is not the messenger's.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)

HASTY = Patience(connect=0.4, command=0.4, end=0.4, quit=0.2)


def gone(talk: Talk, _: str) -> None:
    talk.close()


def silent(talk: Talk, _: str) -> None:
    time.sleep(1.0)
    talk.close()


def drips(talk: Talk, _: str) -> None:
    talk.drip("250-" + "x" * 60, 3.0)


def endless(talk: Talk, _: str) -> None:
    for _number in range(5000):
        talk.say("250-still there" + "x" * 60)


def long_line(talk: Talk, _: str) -> None:
    talk.say("250 " + "x" * 400_000)


def babble(talk: Talk, _: str) -> None:
    talk.say(b"\xff\xfe\x00nothing that is an answer\r\n")


WAYS: list[Callable[[Talk, str], Any]] = [gone, silent, drips, endless, long_line, babble]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"])
def test_what_breaks_before_the_dot_was_not_sent(papers: Papers, verb: str, way: Callable[[Talk, str], Any]) -> None:
    with ScriptedServer(papers.good, **{verb: way}) as server:
        messenger = SmtpMessenger(source(papers, server.port), patience=HASTY)
        begun = time.monotonic()
        with pytest.raises(PlatformError) as caught:
            messenger.send(message())
        assert time.monotonic() - begun < 2.5, "it waits for a server that drips"
        assert not isinstance(caught.value, InDoubt | Refused)
        assert "not sent" in str(caught.value) or "nothing was sent" in str(caught.value)
        shows_nothing(caught.value)
        assert server.mails == []
        server.rules.clear()
        assert messenger.send(message()).status == "done"
        messenger.close()
    assert len(server.mails) == 1


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_breaks_after_the_dot_is_in_doubt(papers: Papers, way: Callable[[Talk, str], Any]) -> None:
    with ScriptedServer(papers.good, END=way) as server:
        messenger = SmtpMessenger(source(papers, server.port), patience=HASTY)
        with pytest.raises(InDoubt) as caught:
            messenger.send(message())
        shows_nothing(caught.value)
        with pytest.raises(NotImplementedError):
            messenger.find(message())
        server.rules.clear()
        assert messenger.send(message("birch@members.example")).status == "done"
        messenger.close()
    assert [line for line in server.said("RCPT") if "moss" in line] == [f"RCPT TO:<{TO}>"], "it was sent again"


@pytest.mark.parametrize("words", ["354 go on", "300 well"])
def test_an_answer_that_is_neither_yes_nor_no_is_in_doubt(papers: Papers, words: str) -> None:
    with (
        ScriptedServer(papers.good, END=words) as server,
        opened(papers, server.port) as messenger,
        pytest.raises(InDoubt),
    ):
        messenger.send(message())


def test_a_server_that_goes_while_it_is_given_the_mail_was_not_given_it(papers: Papers) -> None:
    def takes_a_little(talk: Talk, _: str) -> None:
        talk.say("354 go on")
        talk.connection.recv(10)
        talk.close()

    text = f"{'x ' * 30}\n" * 100_000
    with ScriptedServer(papers.good, DATA=takes_a_little) as server, opened(papers, server.port) as messenger:
        with pytest.raises(PlatformError) as caught:
            messenger.send(message(text=text))
        assert not isinstance(caught.value, InDoubt)
        assert "not sent" in str(caught.value)


def test_without_encryption_nothing_is_said_of_anybody(papers: Papers) -> None:
    """Somebody on the way takes STARTTLS out of what the server offers, and offers a login in the clear."""
    with ScriptedServer(papers.good, EHLO="250-mail.example.org\r\n250 AUTH PLAIN LOGIN") as server:
        with opened(papers, server.port) as messenger, pytest.raises(AccountShut, match="no encryption") as caught:
            messenger.send(message())
        with pytest.raises(Refused, match="no encryption"):
            check(source(papers, server.port), patience=QUICK)
    shows_nothing(caught.value)
    assert {line for _, _, line in server.log} <= {"ehlo [127.0.0.1]", "QUIT"}


@pytest.mark.parametrize("words", ["454 4.7.0 TLS not available", "501 5.5.4 no"])
def test_a_starttls_that_is_refused_ends_it(papers: Papers, words: str) -> None:
    with ScriptedServer(papers.good, STARTTLS=words) as server, opened(papers, server.port) as messenger:
        with pytest.raises(PlatformError) as caught:
            messenger.send(message())
        shows_nothing(caught.value)
    assert {line for _, _, line in server.log} <= {"ehlo [127.0.0.1]", "STARTTLS", "QUIT"}


def test_words_smuggled_in_before_encryption_are_not_taken_for_the_servers(papers: Papers) -> None:
    smuggled = b"220 2.0.0 go ahead\r\n250-mail.example.org\r\n250 AUTH PLAIN\r\n"

    def smuggle(talk: Talk, _: str) -> str:
        talk.say(smuggled)
        talk.encrypt()
        return "250 late"

    with (
        ScriptedServer(papers.good, STARTTLS=smuggle) as server,
        opened(papers, server.port) as messenger,
        pytest.raises(PlatformError),
    ):
        messenger.send(message())
    assert not server.said("AUTH")
    assert not server.said("MAIL")


def test_an_answer_that_was_not_asked_for_is_no_answer_to_the_next_question(papers: Papers) -> None:
    """A second yes behind the first would be taken for that to the final dot."""
    with (
        ScriptedServer(papers.good, RCPT=b"250 ok\r\n354 go on\r\n250 queued\r\n", END="554 no") as server,
        opened(papers, server.port) as messenger,
        pytest.raises(PlatformError) as caught,
    ):
        messenger.send(message())
    assert "not sent" in str(caught.value)
    assert server.mails == []


def test_the_certificate_of_another_server_is_none(papers: Papers) -> None:
    for tls in (False, True):
        options = {"security": "tls" if tls else "starttls"}
        with ScriptedServer(papers.foreign, tls=tls) as server, opened(papers, server.port, **options) as messenger:
            with pytest.raises(AccountShut, match="cannot prove") as caught:
                messenger.send(message())
            shows_nothing(caught.value)
        assert {line for _, _, line in server.log} <= {"ehlo [127.0.0.1]", "STARTTLS"}


def test_an_authority_that_this_system_does_not_know_is_none(papers: Papers) -> None:
    with ScriptedServer(papers.good) as server:
        configured = source(papers, server.port)
        configured.options.pop("ca-file")
        messenger = SmtpMessenger(configured, patience=QUICK)
        with pytest.raises(AccountShut, match="cannot prove"):
            messenger.send(message())
        messenger.close()
    assert not server.said("AUTH")


def test_encryption_from_the_first_byte(papers: Papers) -> None:
    with ScriptedServer(papers.good, tls=True) as server:
        server.offers = "\r\n250-AUTH PLAIN"
        with opened(papers, server.port, security="tls", host="localhost") as messenger:
            messenger.send(message())
        assert check(source(papers, server.port, security="tls"), patience=QUICK).origin.startswith("smtps://")
    assert len(server.mails) == 1
    assert all("STARTTLS" not in line for _, _, line in server.log)


def test_tls_where_none_is_spoken_and_none_where_it_is(papers: Papers) -> None:
    for spoken, security in ((False, "tls"), (True, "starttls")):
        with ScriptedServer(papers.good, tls=spoken) as server:
            messenger = SmtpMessenger(source(papers, server.port, security=security), patience=HASTY)
            with pytest.raises(PlatformError, match="nothing was sent"):
                messenger.send(message())


def test_a_login_that_is_refused_is_tried_once_and_then_no_more(papers: Papers) -> None:
    with ScriptedServer(papers.good, AUTH=f"535 5.7.8 Username and {PASSWORD} not accepted CANARY") as server:
        with opened(papers, server.port) as messenger:
            for _ in range(3):
                with pytest.raises(AccountShut) as caught:
                    messenger.send(message())
                assert not isinstance(caught.value, Refused), "it would be final for that person"
                shows_nothing(caught.value)
        assert len(server.said("AUTH")) == 1
        with pytest.raises(Refused) as refused:
            check(source(papers, server.port), patience=QUICK)
    shows_nothing(refused.value)


def test_a_login_in_two_steps_where_there_is_no_other(papers: Papers) -> None:
    with ScriptedServer(papers.good) as server:
        offers = "250-mail.example.org\r\n250-STARTTLS\r\n250 AUTH LOGIN XOAUTH2"
        server.rules["EHLO"] = offers
        server.rules["AUTH"] = "334 VXNlcm5hbWU6"
        steps: list[str] = []

        def step(talk: Talk, _: str) -> str:
            talk.say("334 VXNlcm5hbWU6")
            for answer in ("334 UGFzc3dvcmQ6", "235 2.7.0 ok"):
                got = talk.line()
                assert got is not None
                steps.append(plain(got.decode()))
                talk.say(answer) if answer.startswith("334") else None
            return "235 2.7.0 ok"

        server.rules["AUTH"] = step
        with opened(papers, server.port) as messenger:
            messenger.send(message())
    assert steps == ["post@example.org", PASSWORD]
    assert len(server.mails) == 1


def test_a_server_without_a_login_by_password_is_told_so(papers: Papers) -> None:
    with (
        ScriptedServer(papers.good, EHLO="250-mail.example.org\r\n250-STARTTLS\r\n250 AUTH XOAUTH2") as server,
        opened(papers, server.port) as messenger,
        pytest.raises(AccountShut, match="no login with a password"),
    ):
        messenger.send(message())
    assert not server.said("AUTH")


def test_a_password_in_any_letters(papers: Papers) -> None:
    with ScriptedServer(papers.good) as server, opened(papers, server.port, password="pässwört ключ") as messenger:
        messenger.send(message())
    assert plain(server.said("AUTH")[0].split()[2]) == "\0post@example.org\0pässwört ключ"


def test_answers_in_any_letters_are_read(papers: Papers) -> None:
    words = "550 5.1.1 пользователь CANARY не найден \udce9".encode("utf-8", "surrogateescape") + b"\r\n"
    with ScriptedServer(papers.good, RCPT=[words, "250 ok"]) as server, opened(papers, server.port) as messenger:
        with pytest.raises(Refused) as caught:
            messenger.send(message())
        shows_nothing(caught.value)
        messenger.send(message("birch@members.example"))
    assert len(server.mails) == 1


def test_a_server_that_is_not_there(papers: Papers) -> None:
    with ScriptedServer(papers.good) as server:
        port = server.port
    with opened(papers, port) as messenger, pytest.raises(PlatformError, match="cannot be reached") as caught:
        messenger.send(message())
    shows_nothing(caught.value)
    assert "127.0.0.1" not in told(caught.value)


def test_a_network_that_is_down_is_no_objection(papers: Papers) -> None:
    with ScriptedServer(papers.good, CONNECT=gone) as server, opened(papers, server.port) as messenger:
        for _ in range(8):
            with pytest.raises(PlatformError) as caught:
                messenger.send(message())
            assert type(caught.value) is PlatformError
