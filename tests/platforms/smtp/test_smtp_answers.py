"""What servers answer, and what it means: each answer once over the wire, at the place where servers give it."""

from collections import Counter
from itertools import chain

import pytest
from smtp_servers import Papers, ScriptedServer, message, opened, shows_nothing

from grouparchive.errors import Flood, InDoubt, PlatformError, Refused
from grouparchive.platforms.smtp.answers import AccountShut, Answer, NotTaken, Stage, meaning
from grouparchive.platforms.smtp.messenger import MOST_MAILS, MOST_REFUSALS

LATER = PlatformError

ANSWERS: list[tuple[Stage, str, type[PlatformError], str]] = [
    # nobody there
    ("recipient", "550 5.1.1 <CANARY@x.example>: User unknown in virtual mailbox table", NotTaken, "no-such-address"),
    ("recipient", "550 No such user CANARY", NotTaken, "no-such-address"),
    ("recipient", "551 User not local", NotTaken, "no-such-address"),
    ("recipient", "553 5.1.3 Bad recipient address syntax", NotTaken, "no-such-address"),
    ("recipient", "550 5.1.2 Domain not found", NotTaken, "no-such-address"),
    ("recipient", "556 5.1.10 Recipient address has null MX", NotTaken, "no-such-address"),
    ("recipient", "550 5.2.1 The email account that you tried to reach is disabled", NotTaken, "no-such-address"),
    ("recipient", "550 5.1.1 <spammy.block@x.example> unknown, see https://help.example/spam", NotTaken, "no-such-address"),
    ("end", "550 5.1.1 User unknown", NotTaken, "no-such-address"),
    # theirs to take or not
    ("recipient", "550 5.7.1 Delivery not authorized, message refused", NotTaken, "not-allowed"),
    ("recipient", "554 5.7.133 Sender not authenticated for group", AccountShut, ""),
    ("recipient", "553 5.6.7 Address needs SMTPUTF8", NotTaken, "not-writable"),
    # later
    ("recipient", "450 4.2.0 <CANARY@x.example>: Recipient address rejected: Greylisted, see http://x.example/spam", LATER, ""),
    ("recipient", "451 4.7.1 Greylisting in action, please come back later", LATER, ""),
    ("recipient", "451 4.7.1 Please try again later", LATER, ""),
    ("recipient", "450 4.2.1 The user you are trying to contact is receiving mail too quickly", LATER, ""),
    ("recipient", "452 4.2.2 The email account that you tried to reach is over quota", LATER, ""),
    ("recipient", "552 5.2.2 Mailbox full", LATER, ""),
    ("recipient", "552 Mailbox is full: quota exceeded", LATER, ""),
    ("sender", "452 4.3.1 Insufficient system storage", LATER, ""),
    ("sender", "421 4.3.0 Temporary System Problem. Try again later", LATER, ""),
    ("end", "451 4.3.0 Queue file write error", LATER, ""),
    ("data", "421 4.4.2 Timeout", LATER, ""),
    # somebody objects
    ("hello", "554 5.7.1 Service unavailable; Client host [CANARY] blocked using list.example", Flood, ""),
    ("hello", "421 4.7.0 Our system has detected an unusual rate of unsolicited mail originating from your IP address", Flood, ""),
    ("sender", "421 4.7.28 Rate limited", Flood, ""),
    ("sender", "550 5.4.5 Daily user sending quota exceeded", Flood, ""),
    ("sender", "452 4.5.3 Too many recipients", Flood, ""),
    ("sender", "550 5.1.90 Your message can't be sent because you've reached your daily limit", Flood, ""),
    ("sender", "450 Requested mail action not taken: mail send limit exceeded", Flood, ""),
    ("recipient", "450 4.7.1 Error: too much mail from CANARY", Flood, ""),
    ("recipient", "550 5.7.1 Your message looks like spam", Flood, ""),
    ("recipient", "554 5.7.501 Access denied, spam abuse detected", Flood, ""),
    ("recipient", "421 4.7.0 Error: too many errors", Flood, ""),
    ("end", "554 5.7.1 Message rejected: content", Flood, ""),
    ("end", "554 Transaction failed", Flood, ""),
    ("end", "552 5.7.0 This message was blocked because its content presents a potential security issue", Flood, ""),
    ("end", "550 Blacklisted", Flood, ""),
    ("end", "451 [TS01] Temporarily deferred due to unexpected volume or user complaints", Flood, ""),
    ("login", "535 5.7.8 account locked: too many failed logins", Flood, ""),
    # the account's own
    ("sender", "553 5.7.1 Sender address rejected: not owned by user CANARY", AccountShut, ""),
    ("sender", "550 5.1.8 Sender's domain does not exist", AccountShut, ""),
    ("sender", "530 5.7.0 Authentication required", AccountShut, ""),
    ("recipient", "554 5.7.1 <CANARY@x.example>: Relay access denied", AccountShut, ""),
    ("data", "503 5.5.1 Bad sequence of commands", AccountShut, ""),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "words", "kind", "note"), ANSWERS, ids=[words[:60] for _, words, _, _ in ANSWERS])
def test_an_answer_means_one_thing(
    papers: Papers, stage: Stage, words: str, kind: type[PlatformError], note: str
) -> None:
    verb = {"hello": "CONNECT", "login": "AUTH", "sender": "MAIL", "recipient": "RCPT", "data": "DATA", "end": "END"}[
        stage
    ]
    with ScriptedServer(papers.good, **{verb: words}) as server, opened(papers, server.port) as messenger:
        with pytest.raises(PlatformError) as caught:
            messenger.send(message())
        assert type(caught.value) is kind
        assert not isinstance(caught.value, InDoubt)
        assert getattr(caught.value, "note", "") == note
        shows_nothing(caught.value)
        assert str(caught.value.__cause__).startswith(f"SMTP {words[:3]}")
        assert server.mails == []
        server.rules.clear()
        if kind in {Flood, AccountShut}:
            lines = len(server.log)
            with pytest.raises(kind):
                messenger.send(message("birch@members.example"))
            assert len([line for line in server.log[lines:] if line[2] != "QUIT"]) == 0, "it went on"
        else:
            assert messenger.send(message("birch@members.example")).status == "done"
            assert len(server.mails) == 1


def test_a_421_in_the_midst_ends_that_connection_and_the_next_mail_takes_a_new_one(papers: Papers) -> None:
    with (
        ScriptedServer(papers.good, RCPT=["250 ok", "421 4.3.2 Shutting down", "250 ok"]) as server,
        opened(papers, server.port) as messenger,
    ):
        messenger.send(message("a@members.example"))
        with pytest.raises(PlatformError) as caught:
            messenger.send(message("b@members.example"))
        assert type(caught.value) is PlatformError
        messenger.send(message("c@members.example"))
    assert [number for number, _, line in server.log if line.startswith("RCPT")] == [1, 1, 2]
    assert len(server.mails) == 2


@pytest.mark.parametrize("how", ["421", "gone"])
def test_a_connection_that_the_server_ended_meanwhile_costs_nothing(papers: Papers, how: str) -> None:
    rule = ["250 ok", "421 4.4.2 idle for too long" if how == "421" else (lambda talk, _: talk.close()), "250 ok"]
    with ScriptedServer(papers.good, MAIL=rule) as server, opened(papers, server.port) as messenger:
        messenger.send(message("a@members.example"))
        messenger.send(message("b@members.example"))
    assert len(server.mails) == 2
    assert server.said("RCPT") == ["RCPT TO:<a@members.example>", "RCPT TO:<b@members.example>"]


def test_a_421_that_objects_is_no_end_of_a_connection(papers: Papers) -> None:
    with (
        ScriptedServer(papers.good, MAIL=["250 ok", "421 4.7.0 too many messages", "250 ok"]) as server,
        opened(papers, server.port) as messenger,
    ):
        messenger.send(message("a@members.example"))
        with pytest.raises(Flood):
            messenger.send(message("b@members.example"))
    assert {number for number, _, _ in server.log} == {1}


@pytest.mark.parametrize("words", ["550 5.1.1 User unknown", "451 4.3.0 try again later", "550 5.7.1 Not authorized"])
def test_refusals_in_a_row_are_an_objection(papers: Papers, words: str) -> None:
    """The last of them is not final for that person: it may be us."""
    kinds = Counter()
    with ScriptedServer(papers.good, RCPT=words) as server, opened(papers, server.port) as messenger:
        for number in range(MOST_REFUSALS + 2):
            with pytest.raises(PlatformError) as caught:
                messenger.send(message(f"p{number}@members.example"))
            shows_nothing(caught.value)
            kinds[isinstance(caught.value, Flood)] += 1
            assert not (isinstance(caught.value, Flood) and isinstance(caught.value, Refused))
    assert kinds == {False: MOST_REFUSALS - 1, True: 3}
    assert len(server.said("RCPT")) == MOST_REFUSALS


def test_refusals_among_mails_that_go_out_are_none(papers: Papers) -> None:
    rule = ["550 5.1.1 unknown", "550 5.1.1 unknown", "550 5.1.1 unknown", "250 ok"] * 3
    done = 0
    with ScriptedServer(papers.good, RCPT=rule) as server, opened(papers, server.port) as messenger:
        for number in range(12):
            try:
                messenger.send(message(f"p{number}@members.example"))
                done += 1
            except NotTaken:
                pass
    assert done == len(server.mails) == 3


def test_a_new_connection_is_made_after_so_many_mails(papers: Papers) -> None:
    with ScriptedServer(papers.good) as server, opened(papers, server.port) as messenger:
        for number in range(MOST_MAILS + 1):
            messenger.send(message(f"p{number}@members.example"))
    assert len(server.mails) == MOST_MAILS + 1
    assert Counter(number for number, _, line in server.log if line.startswith("MAIL")) == {1: MOST_MAILS, 2: 1}
    assert server.said("QUIT") == ["QUIT", "QUIT"]


def test_each_mail_on_the_wire_has_one_recipient(papers: Papers) -> None:
    with ScriptedServer(papers.good) as server, opened(papers, server.port) as messenger:
        for number in range(3):
            messenger.send(message(f"p{number}@members.example"))
    wire = [line for _, secure, line in server.log if secure]
    once = [["MAIL FROM:<fern@example.org>", f"RCPT TO:<p{number}@members.example>", "DATA"] for number in range(3)]
    assert wire[0] == "ehlo [127.0.0.1]"
    assert wire[1].startswith("AUTH PLAIN ")
    assert wire[2:] == [*chain.from_iterable(once), "QUIT"]


def test_a_server_that_says_nothing_of_the_reason_gets_the_careful_meaning() -> None:
    """Without any code or word: for a mailbox final, for a mail that was heard an objection."""
    assert type(meaning("recipient", Answer(550))) is NotTaken
    assert type(meaning("end", Answer(550))) is Flood
    assert type(meaning("recipient", Answer(450))) is PlatformError
    assert type(meaning("sender", Answer(550))) is AccountShut
    assert "words" not in repr(Answer(550, "words"))
