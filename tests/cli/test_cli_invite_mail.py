"""Warning people and asking them back by mail, through the command line and a real mail server."""

import email
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from cli_machine import GROUP, HANDLES, NAMES, PASSPHRASE, TOPIC, Machine
from smtp_servers import PASSWORD, Inbox, Papers, real_server

from grouparchive.demo import scan
from grouparchive.platforms.sandbox.world import World

FERN, MOSS, REED, LILY = HANDLES[2], HANDLES[3], HANDLES[4], HANDLES[1]
ADDRESS = {one: f"person{at}.canary@members.example" for at, one in enumerate(HANDLES)}
WORD = "saffron-canary"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(unknown=frozenset({ADDRESS[REED]}))


@pytest.fixture
def ready(kept: Machine, papers: Papers, inbox: Inbox) -> Iterator[Machine]:
    """A machine with a way to send mail, and four people who said how they can be reached."""
    password = kept.secret("mail-password.txt", PASSWORD)
    with real_server(papers.good, inbox) as port:
        kept.run(
            "source", "add", "post", "smtp", "host=127.0.0.1", f"port={port}", "user=post@example.org",
            "from=keeper@example.org", f"ca-file={papers.authority}", f"password-file={password}",
        )  # fmt: skip
        for handle in (FERN, MOSS, REED, LILY):
            word = kept.secret("word.txt", f"{WORD} {handle[-10:-8]}")
            kept.run(
                "roster", "set", handle, f"mail={ADDRESS[handle]}", "consent.contact=yes", "member=yes",
                f"word-file={word}", opened=True,
            )  # fmt: skip
        yield kept


def mails(inbox: Inbox) -> list[tuple[str, EmailMessage]]:
    """To whom, and what."""
    found = []
    for _, recipients, data in inbox.mails:
        assert len(recipients) == 1
        found.append((recipients[0], email.message_from_bytes(data, policy=default)))
    return found  # type: ignore[return-value]


def test_a_warning_by_mail_from_the_roster_to_the_inbox(ready: Machine, inbox: Inbox) -> None:
    said = ready.run("invite", "prepare", GROUP, "--via", "post", "--json", opened=True).done
    assert (said["held"], said["released"]) == (said["people"], 0)
    assert ready.run("invite", "send", GROUP, "--json", opened=True).done["sent"] == 0
    told = ready.run("invite", "prepare", GROUP, "--release", "all", opened=True)
    assert "by post: 4" in told.out
    assert not inbox.mails
    ready.run("roster", "add", MOSS, "do-not-contact=yes")  # after all was approved
    done = ready.run("invite", "send", GROUP, "--at-once", "--json", opened=True, code=3).done
    assert (done["sent"], done["refused"], done["in_doubt"]) == (2, 1, 0)
    assert [to for to, _ in mails(inbox)] == [ADDRESS[LILY], ADDRESS[FERN]]  # the moderator first
    for to, mail in mails(inbox):
        whole = mail.as_string() + mail.get_content()
        others = [one for one in (*ADDRESS.values(), *HANDLES, *NAMES) if one != to]
        assert not [one for one in (*others, GROUP, TOPIC, "sandbox", WORD, "orchard") if one.lower() in whole.lower()]
        assert "http" not in whole
    again = ready.run("invite", "send", GROUP, "--at-once", "--json", opened=True).done
    assert (again["sent"], len(inbox.mails)) == (0, 2)
    status = ready.run("invite", "status", GROUP, "--json", opened=True).done
    assert status["invited"] == 2
    places = [path for path in ready.folder.iterdir() if path != ready.drawer]
    planted = [*ADDRESS.values(), *NAMES, *HANDLES, WORD, GROUP, PASSPHRASE]
    hits, size = scan.found(places, planted)
    assert hits == []
    assert size > 10_000
    assert not [one for one in planted for text in ready.spoken if one in text and one not in HANDLES]
    assert ready.run("backup", "--all", "--json").done  # a way to send mail is nothing to back up


def test_asked_back_by_mail_in_two_steps(ready: Machine, inbox: Inbox, tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite"
    World(there).close()  # a new place, where nobody is known
    ready.add("there", there)
    plan = ready.plan
    digest = ready.run("--json", "plan", GROUP, "--to", "there", "-o", plan, opened=True).done["digest"]
    ready.run("apply", plan, "--expect", digest, opened=True)
    friends = ready.drawer / "friends.txt"
    friends.write_text(f"{FERN}\n{LILY}\n")
    for handle in (FERN, LILY):
        ready.run("roster", "set", handle, "channel=mail", opened=True)
    link = ["--link", "https://example.org/come", "--link-until", "2027-05-01"]
    ready.run("invite", "prepare", plan, "--via", "post", "--release", friends, *link, opened=True)
    done = ready.run("invite", "send", plan, "--at-once", "--json", opened=True).done
    assert done["sent"] == 2
    words = {to: mail.get_content() for to, mail in mails(inbox)}
    assert {to: text.count(WORD) for to, text in words.items()} == {ADDRESS[FERN]: 1, ADDRESS[LILY]: 1}
    assert all("https://" not in text for text in words.values())
    # The word was said, so it is spent; nobody can be written to with it again.
    events = ready.run("--json", "roster", "list", "--summary", opened=True).events
    assert [one["proofs"] for one in events if one["event"] == "total"] == [2]  # those of the two not written to
    ready.run("roster", "set", FERN, f"word-file={ready.secret('word.txt', 'quiet-canary')}", "card=7", opened=True)
    ready.run("invite", "mark", plan, FERN, LILY, "--as", "replied", opened=True)
    assert ready.run("invite", "send", plan, "--at-once", "--json", opened=True).done["sent"] == 2
    linked = {to: mail.get_content() for to, mail in mails(inbox)[2:]}
    assert all("https://example.org/come" in text and WORD not in text for text in linked.values())
    received = ready.secret("received.txt", linked[ADDRESS[LILY]])  # hers is signed: she is a moderator
    ready.run("verify-message", received, "--address", ADDRESS[LILY], opened=True)
    ready.run("verify-message", received, "--address", ADDRESS[FERN], opened=True, code=1)
    received.write_text(linked[ADDRESS[LILY]].replace("/come", "/c0me"))
    ready.run("verify-message", received, "--address", ADDRESS[LILY], opened=True, code=13)
    assert "[check:" not in linked[ADDRESS[FERN]]
    events = ready.run("--json", "roster", "list", "--summary", opened=True).events
    assert [one["proofs"] for one in events if one["event"] == "total"] == [3]  # a word that was agreed since is kept
    ready.run("invite", "mark", plan, FERN, "--as", "never", opened=True)
    assert ready.run("invite", "send", plan, "--at-once", "--json", opened=True).done["sent"] == 0


def test_who_says_no_while_it_is_sent_is_not_written_to(ready: Machine, inbox: Inbox) -> None:
    """Another command adds it to the archive while a message is on its way to somebody else."""
    take = inbox.handle_DATA

    async def take_and_note(*given: Any) -> str:
        if not inbox.mails:
            ready.run("roster", "add", FERN, "do-not-contact=yes", process=True)
        return await take(*given)

    inbox.handle_DATA = take_and_note  # type: ignore[method-assign]
    ready.run("invite", "prepare", GROUP, "--via", "post", "--release", "all", opened=True)
    done = ready.run("invite", "send", GROUP, "--at-once", "--json", opened=True, code=3).done
    assert (done["sent"], done["refused"], done["reasons"]["do-not-contact"]) == (2, 1, 1)
    assert [to for to, _ in mails(inbox)] == [ADDRESS[LILY], ADDRESS[MOSS]]


def test_a_pause_and_a_complaint_stop_it(ready: Machine, inbox: Inbox) -> None:
    ready.run("invite", "prepare", GROUP, "--via", "post", "--release", "all", opened=True)
    ready.run("invite", "pause", GROUP, opened=True)
    done = ready.run("invite", "send", GROUP, "--at-once", "--json", opened=True).done
    assert (done["sent"], done["stopped"]) == (0, "paused")
    ready.run("invite", "mark", GROUP, FERN, "--as", "complaint", opened=True)
    ready.run("invite", "send", GROUP, "--at-once", opened=True, code=20)
    assert inbox.mails == []
    done = ready.run("invite", "send", GROUP, "--at-once", "--resume", "--json", opened=True, code=3).done
    assert done["sent"] == 2
    assert ADDRESS[FERN] not in [to for to, _ in mails(inbox)]


def returned(mail: EmailMessage, status: str) -> bytes:
    """What a server sends back about a mail, as the admin saved it."""
    return (
        "From: Mail Delivery System <mailer-daemon@members.example>\r\nTo: keeper@example.org\r\nSubject: Returned\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="cut"\r\n\r\n'
        "--cut\r\nContent-Type: text/plain\r\n\r\nYour mail could not be delivered.\r\n"
        "--cut\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; members.example\r\n\r\n"
        f"Final-Recipient: rfc822; {mail['To']}\r\nAction: failed\r\nStatus: {status}\r\n"
        f"--cut\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {mail['Message-ID']}\r\nTo: {mail['To']}\r\n"
        "--cut--\r\n"
    ).encode()


def test_mails_that_come_back_are_noted_once(ready: Machine, inbox: Inbox) -> None:
    ready.run("invite", "prepare", GROUP, "--via", "post", "--release", "all", opened=True)
    ready.run("invite", "send", GROUP, "--at-once", opened=True, code=3)
    sent = dict(mails(inbox))
    box = ready.drawer / "returned"
    box.mkdir()
    (box / "soft.eml").write_bytes(returned(sent[ADDRESS[FERN]], "4.2.2"))
    (box / "hard.eml").write_bytes(returned(sent[ADDRESS[MOSS]], "5.1.1"))
    (box / "strange.eml").write_bytes(returned(sent[ADDRESS[MOSS]], "5.1.1").replace(b"<", b"<0"))
    look = "invite", "reconcile", GROUP, "--bounces", box, "--json"
    done = ready.run(*look, opened=True, code=3).done
    assert (done["bounced"], done["complaints"], done["back"]) == (1, 0, 0)
    assert ready.run(*look, opened=True).done["bounced"] == 0
    angry = returned(sent[ADDRESS[LILY]], "5.1.1").replace(b"message/delivery-status", b"message/feedback-report")
    (box / "angry.eml").write_bytes(angry)
    done = ready.run(*look, opened=True, code=3).done
    assert (done["bounced"], done["complaints"]) == (0, 1)
    assert ready.run("invite", "status", GROUP, "--json", opened=True).done["stopped"] == "complaints"
    assert "do-not-contact" in ready.run("roster", "list", opened=True).out
    ready.run("invite", "reconcile", GROUP, opened=True, code=2)  # a warning has no group to look at
    assert not [one for one in ADDRESS.values() for text in ready.spoken if one in text]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--timezone", "Nowhere/Here"], "time zone"),
        (["--link", "http://example.org", "--link-until", "2027-05-01"], "https"),
        (["--link", "https://example.org"], "--link-until"),
        (["--via", "nothing"], "source"),
        (["--kind", "invitation"], "plan"),
    ],
)
def test_what_cannot_be_is_said(ready: Machine, words: list[str], says: str) -> None:
    failed = ready.run("invite", "prepare", GROUP, *words, "--json", opened=True, code=2).failure
    assert says in failed["error"] + failed["hint"]
    assert "nothing is prepared" in ready.run("invite", "send", GROUP, "--json", opened=True, code=2).failure["error"]
