"""Mails that come back: delivery reports and complaints as servers write them, and what is none."""

import base64
import mailbox
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.errors import BadExport
from grouparchive.model.ports import Source
from grouparchive.platforms.smtp import addresses, bounces
from grouparchive.platforms.smtp.account import account_of
from grouparchive.platforms.smtp.bounces import Bounce
from grouparchive.platforms.smtp.letter import letter, mail_number

KEY = "4f0c"
NUMBER = mail_number(KEY)
TO = "moss@members.example"


def ours(to: str = TO, key: str = KEY) -> str:
    options = {"host": "mail.example.org", "user": "u", "from": "fern@example.org"}
    account = account_of(Source(name="post", platform="smtp", options=options, secrets={"password": "p"}))
    found = addresses.parse(to)
    assert found
    return letter(account, found, key=key, subject="A question", text="Hello.\n").decode().replace("\r\n", "\n")


def report(
    action: str = "failed",
    status: str = "5.1.1",
    *,
    copy: str = "message/rfc822",
    fields: str = "",
    final: str = f"rfc822; {TO}",
    coding: str = "7bit",
) -> str:
    block = f"Reporting-MTA: dns; mail.example.org\n\n{fields}Final-Recipient: {final}\nAction: {action}\nStatus: {status}\n"
    whole = ours()
    held = whole if copy == "message/rfc822" else whole.partition("\n\n")[0] + "\n"
    if coding == "base64":
        block, held = (base64.encodebytes(one.encode()).decode() for one in (block, held))
    return (
        "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mail.example.org>\nTo: fern@example.org\n"
        "Message-ID: <20261124.1@mail.example.org>\nSubject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\n\n'
        f"--=_b\nContent-Type: text/plain\n\nI'm sorry to have to inform you that {TO} 4.0.0 ...\n\n"
        f"--=_b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: {coding}\n\n{block}\n"
        f"--=_b\nContent-Type: {copy}\nContent-Transfer-Encoding: {coding}\n\n{held}\n--=_b--\n"
    )


def found(mail: str) -> list[Bounce]:
    return bounces.bounces(mail.encode())


GONE = Bounce(number=NUMBER, recipient=TO, permanent=True, status="5.1.1")


@pytest.mark.parametrize("copy", ["message/rfc822", "text/rfc822-headers", "message/global-headers"])
@pytest.mark.parametrize("coding", ["7bit", "base64"])
def test_a_delivery_report(copy: str, coding: str) -> None:
    assert found(report(copy=copy, coding=coding)) == [GONE]
    assert found(report(copy=copy, coding=coding).replace("\n", "\r\n")) == [GONE]


def test_what_does_not_last_is_not_permanent() -> None:
    assert found(report("delayed", "4.4.1")) == [Bounce(number=NUMBER, recipient=TO, status="4.4.1")]
    assert found(report("failed", "4.4.7")) == [Bounce(number=NUMBER, recipient=TO, status="4.4.7")]
    assert found(report("failed", "5.2.2 (mailbox full)"))[0].status == "5.2.2"


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded", "", "anything"])
def test_what_arrived_is_no_bounce(action: str) -> None:
    assert found(report(action, "2.0.0")) == []


def test_a_mail_that_was_passed_on_belongs_to_whom_we_wrote_to() -> None:
    assert found(report(final="rfc822; elsewhere@other.example")) == [GONE]


def test_the_recipient_where_the_mail_itself_is_missing() -> None:
    bare = report().partition("--=_b\nContent-Type: message/rfc822")[0] + "--=_b--\n"
    assert found(bare) == [Bounce(number="", recipient=TO, permanent=True, status="5.1.1")]
    told = bare.replace("Final-Recipient", "Original-Recipient: rfc822;moss+2Bfield@members.example\nFinal-Recipient")
    assert found(told)[0].recipient == "moss+field@members.example"
    answering = bare.replace("MIME-Version", f"In-Reply-To: <{NUMBER}@example.org>\nMIME-Version")
    assert found(answering) == [GONE]


def test_a_complaint() -> None:
    arf = (
        "From: <abuse@provider.example>\nTo: fern@example.org\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n"
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: Some/1.0\nVersion: 1\n\n"
        f"--b\nContent-Type: message/rfc822\n\n{ours()}\n--b--\n"
    )
    assert found(arf) == [Bounce(number=NUMBER, recipient=TO, permanent=True, complaint=True)]
    hidden = arf.replace(f"To: {TO}", "To: [redacted]")
    assert found(hidden) == [Bounce(number=NUMBER, recipient="", permanent=True, complaint=True)]


def test_a_server_with_words_of_its_own() -> None:
    words = (
        "From: MAILER-DAEMON@mail.example.org\nTo: fern@example.org\nSubject: failure notice\n\n"
        f"Hi. This is the program at mail.example.org.\n\n<{TO}>:\n192.0.2.5.1.1 does not like recipient.\n"
        "Remote host said: 550 5.1.1 unknown user\n\n--- Below this line is a copy of the message.\n\n" + ours()
    )
    assert found(words) == [GONE]
    for_now = words.replace("550 5.1.1 unknown user", "450 try later")
    assert found(for_now) == [Bounce(number=NUMBER, recipient=TO)]
    for_good = words.replace("550 5.1.1 unknown user", "550 unknown user")
    assert found(for_good) == [Bounce(number=NUMBER, recipient=TO, permanent=True)]


def test_a_server_that_names_the_failed_in_a_header() -> None:
    words = (
        f"X-Failed-Recipients: {TO}\nFrom: Mail Delivery System <Mailer-Daemon@mail.example.org>\nTo: fern@example.org\n"
        f"Subject: Mail delivery failed\n\nA message could not be delivered:\n\n  {TO}\n    unrouteable address\n\n"
        "------ This is a copy of the message, including all the headers. ------\n\n" + ours()
    )
    assert found(words) == [Bounce(number=NUMBER, recipient=TO, permanent=True)]


def test_an_answer_of_a_person_or_of_their_absence_is_no_bounce() -> None:
    for header in ("", "Auto-Submitted: auto-replied\nReturn-Path: <>\n"):
        answer = f"{header}From: {TO}\nTo: fern@example.org\nIn-Reply-To: <{NUMBER}@example.org>\nSubject: Re: A question\n\n"
        assert found(answer + "550 5.1.1 I am away.\n\n> " + ours().replace("\n", "\n> ")) == []


def test_what_a_mailer_daemon_says_of_another_mail_is_none_of_ours() -> None:
    other = ours().replace(NUMBER, "some-other-id")
    words = (
        "From: MAILER-DAEMON@mail.example.org\nTo: fern@example.org\nSubject: failure notice\n\n550 5.1.1 unknown\n\n"
    )
    assert found(words + other) == []


def test_the_number_is_that_of_the_copy_and_not_one_that_the_text_mentions() -> None:
    other = mail_number("another")
    mail = report().replace("I'm sorry", f"<{other}@example.org> I'm sorry")
    assert found(mail) == [GONE]


@pytest.mark.parametrize("kind", ["mbox", "maildir", "eml", "zip", "one", "gz"])
def test_however_they_were_saved(tmp_path: Path, kind: str) -> None:
    mails = [
        report(),
        f"From: {TO}\nTo: fern@example.org\nSubject: hello\nMessage-ID: <x@y.example>\n\nFrom me.\n",
        report("delayed", "4.4.1"),
    ]
    place = tmp_path / "returned"
    if kind in {"mbox", "gz"}:
        place = tmp_path / "returned.mbox"
        box = mailbox.mbox(place)
        for one in mails:
            box.add(one)
        box.close()
        if kind == "gz":
            import gzip  # noqa: PLC0415 - for this one kind

            place = tmp_path / "returned.mbox.gz"
            place.write_bytes(gzip.compress((tmp_path / "returned.mbox").read_bytes()))
    elif kind == "maildir":
        folder = mailbox.Maildir(place)
        for one in mails:
            folder.add(one)
    elif kind == "zip":
        place = tmp_path / "returned.zip"
        with zipfile.ZipFile(place, "w") as packed:
            for number, one in enumerate(mails):
                packed.writestr(f"{number}.eml", one)
    elif kind == "one":
        place = tmp_path / "returned.eml"
        place.write_text(mails.pop(0))
        mails = [report()]
    else:
        place.mkdir()
        for number, one in enumerate(mails):
            (place / f"{number}.eml").write_text(one)
    seen = list(bounces.read(place))
    late = Bounce(number=NUMBER, recipient=TO, status="4.4.1")
    assert sorted(seen, key=lambda one: one.status) == ([GONE] if kind == "one" else [late, GONE])
    assert TO not in repr(seen)


def test_what_holds_no_mail_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadExport, match="no mail here"):
        list(bounces.read(tmp_path / "notes.csv"))
    with pytest.raises(BadExport):
        list(bounces.read(tmp_path / "missing.mbox"))


@given(cut=st.integers(0, 2000), junk=st.binary(max_size=60), at=st.integers(0, 2000))
def test_whatever_is_broken_in_it_never_breaks_the_reader(cut: int, junk: bytes, at: int) -> None:
    mail = report().encode()
    broken = mail[:at] + junk + mail[at + len(junk) :]
    for one in (broken[: len(broken) - cut], broken):
        for bounce in bounces.bounces(one):
            assert len(bounce.number) in {0, 32}
