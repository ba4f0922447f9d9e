"""What may stand in a mail, an address, a setting: letters of all alphabets, and nothing that a server takes for more."""

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtp_servers import PASSWORD, TO, USER, Papers, ScriptedServer, message, opened, shows_nothing, source

from grouparchive.errors import Refused, UsageError
from grouparchive.model.ports import Source
from grouparchive.platforms.smtp import addresses
from grouparchive.platforms.smtp.account import Account, account_of
from grouparchive.platforms.smtp.letter import letter, mail_number, message_id


def account(**options: str) -> Account:
    usual = {"host": "mail.example.org", "user": USER, "from": "fern@example.org"}
    named = {key.replace("_", "-"): value for key, value in options.items()}
    return account_of(Source(name="post", platform="smtp", options={**usual, **named}, secrets={"password": PASSWORD}))


def made(subject: str = "A question", text: str = "Hello.\n", to: str = TO, **options: str) -> bytes:
    found = addresses.parse(to)
    assert found
    return letter(account(**options), found, key="k", subject=subject, text=text, now=1_764_022_259.0)


def parsed(raw: bytes) -> email.message.EmailMessage:
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, email.message.EmailMessage)
    return mail


WORDS = ["Привет, это я", "سلام، یک پرسش", "質問があります" * 12, "=?utf-8?q?looks_coded?=", "ü" * 200, "a" * 400]


@pytest.mark.parametrize("words", WORDS)
def test_words_in_any_alphabet_arrive(words: str) -> None:
    raw = made(words, f"{words}\n.\n.dots\nFrom here\n\n")
    mail = parsed(raw)
    assert mail["Subject"] == words
    assert mail.get_content().replace("\r\n", "\n") == f"{words}\n.\n.dots\nFrom here\n"
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) < 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


@given(subject=st.text(st.characters(codec="utf-8"), min_size=1, max_size=120), text=st.text(max_size=300))
def test_no_subject_and_no_text_makes_a_header(subject: str, text: str) -> None:
    try:
        mail = parsed(made(subject, text))
    except UsageError:
        return
    assert [name.lower() for name in mail] == [
        "from", "to", "subject", "date", "message-id", "content-type", "content-transfer-encoding", "mime-version",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "subject", ["a\nBcc: x@y.example", "a\rb", "a\x0bb", "a\u2028b", "a\x85b", "", "  ", "a" * 501]
)
def test_a_subject_is_one_line(subject: str) -> None:
    with pytest.raises(UsageError, match="one line"):
        made(subject)


@pytest.mark.parametrize("text", ["", " \n", "a\0b", "a\x1bb", "a\udc00b"])
def test_a_text_is_text(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        made(text=text)
    assert caught.value.__cause__ is None


def test_the_date_is_rounded_and_the_number_follows_from_the_key() -> None:
    mail = parsed(made())
    assert mail["Date"] == "Mon, 24 Nov 2025 22:10:00 +0000"
    assert mail["Message-ID"] == message_id("k", account().sender) == f"<{mail_number('k')}@example.org>"
    assert mail_number("k") != mail_number("l")


def test_a_name_only_where_the_admin_gave_one() -> None:
    assert parsed(made())["From"] == "fern@example.org"
    for given_, name in (
        ("Fern <fern@example.org>", "Fern"),
        ('"Fern, of here" <fern@example.org>', "Fern, of here"),
        ("Фёрн Ö <fern@example.org>", "Фёрн Ö"),
    ):
        (sender,) = parsed(made(**{"from": given_}))["From"].addresses
        assert (sender.display_name, sender.addr_spec) == (name, "fern@example.org")


def test_a_way_to_say_never_again() -> None:
    assert parsed(made())["List-Unsubscribe"] is None
    mail = parsed(made(unsubscribe="mailto:never@example.org?subject=never"))
    assert mail["List-Unsubscribe"] == "<mailto:never@example.org?subject=never>"
    assert mail["List-Unsubscribe-Post"] is None
    raw = made(unsubscribe="https://example.org/never?m={id}")
    assert f"\r\nList-Unsubscribe: <https://example.org/never?m={mail_number('k')}>\r\n".encode() in raw
    assert parsed(raw)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    without = parsed(made(unsubscribe="https://example.org/never"))
    assert without["List-Unsubscribe"] == "<https://example.org/never>"
    assert without["List-Unsubscribe-Post"] is None, "one click says nobody's name"


BAD = [
    "", "moss", "moss@", "@members.example", "moss@localhost", "moss@[127.0.0.1]", "moss@127.0.0.1", "a b@members.example",
    "moss@members.example\r\nRCPT TO:<x@y.example>", "moss@members.example\nBcc: x@y.example", "moss>@members.example",
    "<moss@members.example>", "moss@members.example,birch@members.example", '"mo ss"@members.example', "mo..ss@members.example",
    ".moss@members.example", "moss@mem_bers.example", "moss@-x.example", f"{'m' * 65}@members.example", "moss@" + "a." * 130 + "example",
    "moss\u202e@members.example", "moss@members.example\0", "moss@mem\u2028bers.example", "mo\udc00ss@members.example",
]  # fmt: skip


@pytest.mark.parametrize("address", BAD)
def test_what_is_no_address_is_refused_before_anything_is_said(papers: Papers, address: str) -> None:
    assert addresses.parse(address) is None
    with ScriptedServer(papers.good) as server, opened(papers, server.port) as messenger:
        with pytest.raises(Refused) as caught:
            messenger.send(message(address))
        shows_nothing(caught.value)
        assert getattr(caught.value, "note", "") == "no-such-address"
    assert server.log == []


@given(st.text(max_size=80), st.text(max_size=80))
def test_an_address_is_one_word_on_the_wire(local: str, domain: str) -> None:
    found = addresses.parse(f"{local}@{domain}")
    if found:
        assert not set(found.wire) & set(' \t\r\n<>,;:"()\\\0')
        assert found.wire.count("@") == 1


def test_domains_in_other_alphabets(papers: Papers) -> None:
    with ScriptedServer(papers.good) as server, opened(papers, server.port) as messenger:
        messenger.send(message("moss@straße.example"))
        messenger.send(message("o'moss+x@ПОЧТА.example"))
    assert server.said("RCPT") == ["RCPT TO:<moss@xn--strae-oqa.example>", "RCPT TO:<o'moss+x@xn--80a1acny.example>"]
    assert parsed(server.mails[0])["To"] == "moss@xn--strae-oqa.example"


def test_addresses_in_other_alphabets_where_the_server_can(papers: Papers) -> None:
    with ScriptedServer(papers.good) as server, opened(papers, server.port) as messenger:
        with pytest.raises(Refused, match="other letters than Latin") as caught:
            messenger.send(message("мох@members.example"))
        shows_nothing(caught.value)
        assert getattr(caught.value, "note", "") == "not-writable"
        assert not server.said("MAIL")
    with ScriptedServer(papers.good, offers="\r\n250-SMTPUTF8") as server, opened(papers, server.port) as messenger:
        messenger.send(message("мох@members.example"))
        messenger.send(message())
    assert server.said("MAIL") == ["MAIL FROM:<fern@example.org> SMTPUTF8", "MAIL FROM:<fern@example.org>"]
    assert server.said("RCPT")[0] == "RCPT TO:<мох@members.example>"
    assert "\r\nTo: мох@members.example\r\n".encode() in b"\r\n" + server.mails[0]


@pytest.mark.parametrize(
    "options",
    [
        {"security": "none"}, {"security": "plain"}, {"port": "0"}, {"port": "x"}, {"port": "70000"}, {"host": ""},
        {"host": "https://mail.example.org"}, {"host": "a b"}, {"from": ""}, {"from": "Fern"}, {"from": "a@b.example, c@d.example"},
        {"from": "Fe\nrn <fern@example.org>"}, {"from": "фёрн@example.org"}, {"user": ""}, {"user": "a\0b"},
        {"unsubscribe": "http://example.org/never"}, {"unsubscribe": "mailto:nobody"}, {"unsubscribe": "mailto:a@b.example\r\nX: y"},
        {"unsubscribe": "https://example.org/>x"}, {"unsubscribe": "https://example.org/{other}"}, {"unsubscribe": "never@example.org"},
    ],
)  # fmt: skip
def test_settings_that_are_none(options: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        account(**options)
    assert caught.value.hint


def test_settings_and_what_they_mean() -> None:
    assert account().origin == "smtp://mail.example.org:587"
    assert account(port="465").origin == account(security="tls").origin == "smtps://mail.example.org:465"
    assert account(host="::1", port="2525").origin == "smtp://[::1]:2525"
    assert account(host="почта.example").origin == "smtp://xn--80a1acny.example:587"
    assert PASSWORD not in repr(account())
    assert USER not in repr(account())


def test_a_file_of_an_authority_that_is_none(papers: Papers) -> None:
    for path in ("/nowhere.pem", __file__):
        with opened(papers, 1, ca_file=path) as messenger, pytest.raises(UsageError, match="ca-file"):
            messenger.send(message())
    assert source(papers, 1).options["ca-file"] == str(papers.authority)
