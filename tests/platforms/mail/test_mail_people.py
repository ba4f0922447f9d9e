"""Who is who: authors behind lists, and that no address of anybody in the headers stands in what is stored."""

import re
import time
from pathlib import Path

import pytest
from mail_exports import LIST, LISTED, Read, mail, mbox, read

from grouparchive.model import codec
from grouparchive.model.records import vault_of
from grouparchive.platforms.mail import people as module
from grouparchive.platforms.mail.people import People


def others(*extra: bytes) -> bytes:
    """A mail of Fern, one of Moss, and more."""
    return mbox(mail(1), mail(2, sender='"Moss, Ada" <Moss@Example.org>'), *extra)


def shown(found: Read, text: str) -> str:
    for native, ident in found.people.items():
        text = text.replace(f"{{member:{ident}}}", f"[{native}]")
    return text


@pytest.mark.parametrize(
    ("sender", "more", "native", "name"),
    [
        ("Fern Moss <Fern@Example.ORG>", "", "fern@example.org", "Fern Moss"),
        ("fern@example.org", "", "fern@example.org", ""),
        ("fern@example.org (Fern Moss)", "", "fern@example.org", "Fern Moss"),
        ('"Moss, Fern" <fern@example.org>', "", "fern@example.org", "Moss, Fern"),
        ("=?utf-8?q?F=C3=A4rn?= <fern@example.org>", "", "fern@example.org", "Färn"),
        ("Färn <fern@example.org>", "", "fern@example.org", "Färn"),
        ("fern at example.org (Fern Moss)", "", "fern@example.org", "Fern Moss"),
        ("<fern@example.org>", "", "fern@example.org", ""),
        ('"fern@example.org" <fern@example.org>', "", "fern@example.org", ""),
        (f"Fern Moss via Garden <{LIST}>", "Reply-To: Fern Moss <fern@example.org>\n", "fern@example.org", "Fern Moss"),
        (f"'Fern Moss' via Garden <{LIST}>", f"Reply-To: {LIST}, fern@example.org\n", "fern@example.org", "Fern Moss"),
        (f"'Fern' via Garden <{LIST}>", "X-Original-From: Fern Moss <fern@example.org>\n", "fern@example.org", "Fern Moss"),
        (f"Fern via Garden <{LIST}>", "X-Original-Sender: fern@example.org\n", "fern@example.org", "Fern"),
        (f"Fern Moss via Garden <{LIST}>", "", "fern moss", "Fern Moss"),
    ],
)  # fmt: skip
def test_who_wrote(tmp_path: Path, sender: str, more: str, native: str, name: str) -> None:
    found = read(tmp_path, mbox(mail(1, sender=sender, extra=LISTED + more)))
    assert found.messages[0].author == found.who(native)
    assert found.names.get(native, "") == name


@pytest.mark.parametrize("sender", ["", LIST, f"Garden <{LIST}>", "undisclosed:;", "@", "<>"])
def test_nobody_wrote(tmp_path: Path, sender: str) -> None:
    found = read(tmp_path, mbox(mail(1, sender=sender)))
    assert found.messages[0].author == ""
    assert not found.memberships


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        ("Ask fern@example.org.", "Ask [fern@example.org]."),
        ("Ask <FERN@example.org>!", "Ask [fern@example.org]!"),
        ("Ask Fern Moss <fern@example.org>.", "Ask [fern@example.org]."),
        ("Ask my Fern <fern@example.org>.", "Ask my Fern [fern@example.org]."),
        ("mailto:fern@example.org?subject=x", "[fern@example.org]?subject=x"),
        ("[mailto:fern@example.org]", "[fern@example.org]"),
        ("(fern@example.org)", "[fern@example.org]"),
        ("*fern@example.org*", "*[fern@example.org]*"),
        ("help@hotline.example is open", "help@hotline.example is open"),
        (f"Write to {LIST}", f"Write to {LIST}"),
        ("a@b c@d.e @x x@ fern@example.org", "a@b c@d.e @x x@ [fern@example.org]"),
        ("xfern@example.org fern@example.organic", "xfern@example.org fern@example.organic"),
        ("On Thu, Apr 16, 2015 at 9:53 AM, Fern Moss <fern@example.org> wrote:\n> x",
         "On Thu, Apr 16, 2015 at 9:53 AM, [fern@example.org] wrote:\n> x"),
        ("On Thu, Apr 16, 2015 at 9:53 AM Odd Stranger <odd@example.net> wrote:\n> x",
         "On Thu, Apr 16, 2015 at 9:53 AM [odd@example.net] wrote:\n> x"),
        ("Am 16.04.2015 um 09:53 schrieb Fern Moss:\n> x", "Am 16.04.2015 um 09:53 schrieb [fern@example.org]:\n> x"),
        ("On 16/04/15, Fern Moss wrote:\n\n> x", "On 16/04/15, [fern@example.org] wrote:\n\n> x"),
        ("Fern Moss wrote:\n> x", "[fern@example.org] wrote:\n> x"),
        ("Fern Moss wrote: to be or not", "Fern Moss wrote: to be or not"),
        ("Le 16 avr. 2015 à 09:53, Odd Stranger <odd@example.net> a écrit :\n> x",
         "Le 16 avr. 2015 à 09:53, [odd@example.net] a écrit :\n> x"),
        ("> On Thu, Apr 16, 2015 at 9:53 AM, Fern Moss\n> <fern@example.org> wrote:\n>> x",
         "> On Thu, Apr 16, 2015 at 9:53 AM, [fern@example.org] wrote:\n>> x"),
        ("-----Original Message-----\nFrom: Odd Stranger [mailto:odd@example.net]\nTo: other@example.net; fern@example.org\nHi",
         "-----Original Message-----\nFrom: [odd@example.net]\nTo: [other@example.net]; [fern@example.org]\nHi"),
        ('From: "Odd Stranger" <odd@example.net>\nHi', "From: [odd@example.net]\nHi"),
    ],
)  # fmt: skip
def test_addresses_in_texts(tmp_path: Path, body: str, stored: str) -> None:
    found = read(
        tmp_path, others(mail(3, body + "\n", subject="Re: x", extra=LISTED + "In-Reply-To: <m1@example.org>\n"))
    )
    assert shown(found, found.texts[2]) == stored


def test_who_writes_later_is_known_too(tmp_path: Path) -> None:
    found = read(tmp_path, mbox(mail(1, "Ask moss@example.org\n"), mail(2, sender="moss@example.org")))
    assert shown(found, found.texts[0]).endswith("Ask [moss@example.org]")


def test_addresses_in_html_and_across_its_tags(tmp_path: Path) -> None:
    page = (
        "<div>Hello fern@<b>example</b>.org</div>"
        'On Thu, Apr 16, 2015 at 9:53 AM, Fern Moss &lt;<a href="mailto:fern@example.org">fern&#64;example.org</a>&gt; wrote:'
        '<br><blockquote>x <a href="https://x.example/?to=fern@example.org">link</a></blockquote>'
    )
    extra = LISTED + "Content-Type: text/html; charset=utf-8\n"
    found = read(tmp_path, others(mail(3, page, extra=extra)))
    message = found.messages[2]
    assert "@" not in message.text
    assert "@" not in message.html
    assert "Fern Moss" not in message.html
    assert shown(found, message.html).endswith(
        "<div>Hello [fern@example.org]<b></b></div>On Thu, Apr 16, 2015 at 9:53 AM, [fern@example.org] wrote:"
        "<br><blockquote>x link</blockquote>"
    )


def test_no_address_of_the_headers_stands_in_content(tmp_path: Path) -> None:
    body = "--b\n\nfern@example.org, moss@example.org\n> On x, Ada <ada@example.org> wrote:\n--b\n"
    body += "Content-Type: image/png; name=ada@example.org.png\n\nx\n--b--\n"
    extra = LISTED + "Content-Type: multipart/mixed; boundary=b\nCc: Ada <ada@example.org>, Ben <ben@example.org>\n"
    found = read(tmp_path, others(mail(3, body, subject="For ben@example.org and odd@example.net", extra=extra)))
    for record in found.records:
        if vault_of(record) == "content":
            line = codec.encode(record).decode()
            for one in ("fern", "moss", "ada", "ben", "odd"):
                assert f"{one}@" not in line.lower()


def test_ids_in_texts_have_the_form_that_reading_knows(tmp_path: Path) -> None:
    found = read(tmp_path, others(mail(3, "fern@example.org\n")))
    assert re.search(r"\{member:[0-9a-f]{32}\}", found.texts[2])


@pytest.mark.parametrize(
    "piece",
    [
        "wrote x@y.zz ",
        "wrote x@y.zz\n",
        "Odd <x@y.zz> wrote:\n> ",
        "wrote " * 50 + ":\n>",
        "wrote" + " " * 280 + ":\n>",
        "> " * 20 + "From x@y.zz\n",
        "wrote" + " " * 1900 + "x@y.zz\n",
    ],
)
def test_looking_for_people_takes_no_longer_than_the_text(piece: str) -> None:
    people = People(lambda *_: "0" * 32, {"fern@example.org": "Fern Moss"}, frozenset())
    for size in (15_000, 1_000_000):
        start = time.process_time()
        people.spans(piece * (size // len(piece)))
        assert time.process_time() - start < 10  # on a slow machine


def test_each_line_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    real = module._judged
    monkeypatch.setattr(module, "_judged", lambda text, start, end: judged.append(start) or real(text, start, end))
    people = People(lambda *_: "0" * 32, {}, frozenset())
    text = "To: " + "odd <x@y.zz>, " * 300 + "\n" + "see a@b.cc or c@d.ee\n" * 2
    assert len(people.spans(text)) == 300
    assert len(judged) == 3
