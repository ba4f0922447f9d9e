"""Signed messages: what they survive, and each way in which they are refused."""

import re
import textwrap
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.crypto.invitation import address_hash, split_message, text_digest
from grouparchive.errors import UsageError
from grouparchive.people import words
from grouparchive.people.signed import Checked, Signer, check, sign
from grouparchive.people.words import Message

SIGNER = Signer(secret=b"\x01" * 32, archive_id=b"\x02" * 32, campaign_key=b"\x03" * 32)
THIEF = Signer(secret=b"\x09" * 32, archive_id=b"\x02" * 32, campaign_key=b"\x03" * 32)
LINK = "https://home.example/#/k7?x=1-2_3"
FERN = "fern@example.org"
END = 1_900_000_000_000


def signed(language: str = "en", *, signer: Signer = SIGNER, address: str = FERN, link: str = LINK) -> str:
    message = words.render("link", language, link=link, by="3 May")
    return sign(message, signer, address=address, expires=END, step="link", language=language, link=link).text


def ask(
    text: str, *, address: str = FERN, now: int = END - 1, archive_id: bytes | None = None, seen: tuple[str, ...] = ()
) -> Checked:
    return check(text, SIGNER.public, now=now, address=address, archive_id=archive_id, seen=seen)


@pytest.mark.parametrize("language", words.languages())
def test_a_genuine_message(language: str) -> None:
    found = ask(signed(language), archive_id=SIGNER.archive_id)
    assert (found.verdict, found.link, found.step, found.expires) == ("genuine", LINK, "link", END)
    assert found.good


def test_steps_without_a_link_can_be_signed() -> None:
    message = words.render("hello", "en", proof="blue kettle")
    text = sign(message, SIGNER, address="+49 170 1234567", expires=END, step="hello", language="en").text
    assert ask(text, address="0170 1234567").verdict == "genuine"
    assert ask(text, address="0170 1234568").verdict == "recipient"


# --- what happens on the way ---------------------------------------------------------------------------------------------


def wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.fill(line, width, break_on_hyphens=True) for line in text.splitlines())


def quote(text: str, mark: str) -> str:
    return "".join(f"{mark}{line}\n" for line in text.splitlines())


MANGLES = st.one_of(
    st.integers(12, 100).map(lambda width: lambda text: wrap(text, width)),
    st.sampled_from(["> ", ">", "> > ", ">\u00a0", "\t"]).map(lambda mark: lambda text: quote(text, mark)),
    st.just(lambda text: text.replace(" ", "\u00a0")),
    st.just(lambda text: text.replace("\n", "\r\n")),
    st.just(lambda text: text.replace("\n", "\n\n")),
    st.just(lambda text: text.replace("\n", " ")),
    st.just(lambda text: text.replace("\n", " \n  ")),
    st.just(lambda text: f"\ufeff\n {text}\n\n"),
    st.just(lambda text: re.sub(r"(\S{20})", "\\1\u200b", text)),
    st.just(lambda text: text[: text.index("[check:")] + text[text.index("[check:") :].lower()),
)


@given(st.sampled_from(words.languages()), st.lists(MANGLES, max_size=4))
def test_mail_and_chats_do_not_break_it(language: str, mangles: list) -> None:  # type: ignore[type-arg]
    text = signed(language)
    for mangle in mangles:
        text = mangle(text)
    assert ask(text).verdict == "genuine"


# --- what is refused -------------------------------------------------------------------------------------------------------


@given(st.data())
def test_a_text_with_any_change_that_can_be_seen_is_refused(data: st.DataObject) -> None:
    text = signed()
    body = text[: text.index("[check:")].rstrip()
    at = data.draw(st.sampled_from([at for at, sign_ in enumerate(body) if not sign_.isspace()]))
    new = data.draw(st.sampled_from(["", "x", "7", ".", "\u202e", "\u0430"]).filter(lambda new: new != body[at]))
    assert ask(text[:at] + new + text[at + 1 :]).verdict in {"altered", "altered_link"}


def test_each_refusal() -> None:
    text = signed()
    assert ask("Hello, the group is back: https://evil.example").verdict == "none"
    assert ask("").verdict == "none"
    assert ask("x" * 200_000 + text).verdict == "none"
    assert ask(text[:-9]).verdict == "incomplete"
    assert ask(text.replace("[check:\n", "[check:\n0", 1)).verdict == "incomplete"
    assert ask(signed(signer=THIEF)).verdict == "key"
    assert ask(text, archive_id=b"\x07" * 32).verdict == "key"
    assert ask(text, address="moss@example.org").verdict == "recipient"
    assert ask(text, now=END).verdict == "expired"
    assert ask(text.replace("#/k7", "#/k8")).verdict == "altered_link"
    assert ask(text.replace("home.example", "home.example.evil.example")).verdict == "altered_link"
    assert ask(text.replace("in doubt", "in haste")).verdict == "altered"
    assert ask(f"First go to https://evil.example\n{text}").verdict == "more"
    assert ask(f"{text}\nor to https://evil.example").verdict == "more"
    assert ask(f"{text}\n{text}").verdict == "more"
    assert ask(text, address=" ").verdict == "unaddressed"
    first = ask(text)
    assert ask(text, seen=(first.tag,)).verdict == "again"
    assert ask(signed(), seen=(first.tag,)).verdict == "genuine"


def test_a_refusal_tells_nothing_of_the_message() -> None:
    assert ask(signed().replace("doubt", "haste")) == Checked(verdict="altered")


def test_who_has_the_message_but_not_the_key_cannot_turn_it() -> None:
    """Every field of the block put right for another text, person, link or day: the signature fits no more."""
    text = signed()
    _, block, _ = split_message(text)
    other = text[: text.index("[check:")].replace("#/k7", "#/k8").rstrip()
    turned = replace(
        block,
        link=LINK.replace("k7", "k8"),
        digest=text_digest(other),
        address=address_hash(block.salt, "moss@example.org"),
    )
    assert ask(f"{other}\n{turned.encode()}", address="moss@example.org").verdict == "key"
    assert ask(text.split("[check:")[0] + replace(block, expires=END * 2).encode(), now=END).verdict == "key"
    assert ask(text.split("[check:")[0] + replace(block, signs=5).encode()).verdict == "genuine"  # a hint, no more


def test_the_link_of_another_message_does_not_pass() -> None:
    one, other = signed(link="https://home.example/#/aa"), signed(link="https://home.example/#/bb")
    assert ask(one.split("[check:")[0] + "[check:" + other.split("[check:")[1]).verdict == "altered_link"


@pytest.mark.parametrize(
    ("text", "link", "expires"),
    [
        ("See https://home.example", "", END),
        ("See https://home.example", "https://other.example", END),
        ("See https://home.example and https://evil.example", "https://home.example", END),
        ("[Check: this", "", END),
        ("a\u202eb", "", END),
        ("x" * 60_000, "", END),
        ("fine", "", 0),
        ("fine", "", 10**15),
        ("See https://h\u00f6me.example", "https://h\u00f6me.example", END),
    ],
)
def test_what_is_not_signed(text: str, link: str, expires: int) -> None:
    with pytest.raises(UsageError):
        sign(
            Message(subject="s", text=text),
            SIGNER,
            address=FERN,
            expires=expires,
            step="link",
            language="en",
            link=link,
        )


def test_a_message_is_signed_for_somebody() -> None:
    with pytest.raises(UsageError):
        sign(Message(subject="s", text="fine"), SIGNER, address=" ", expires=END, step="hello", language="en")


def test_a_signer_is_never_shown() -> None:
    assert repr(SIGNER) == "Signer()"


@given(st.text(max_size=300))
def test_any_text_gets_a_verdict(text: str) -> None:
    assert not ask(text).good
    assert not ask(f"{text}[check:{text}:check]").good
