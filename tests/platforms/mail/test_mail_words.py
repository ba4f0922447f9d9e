"""What is read of a mail: charsets, flowed lines, HTML, parts, files."""

import base64
import re
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from mail_exports import LISTED, Read, mail, mbox, read, ref_of

from grouparchive.platforms.mail.words import Page, _unflowed

PICTURE = bytes(range(256)) * 40


def one(tmp_path: Path, *parts: str, kind: str = "text/plain", head: str = "", body: str | bytes = "") -> Read:
    """A lone mail of a type; with parts, a multipart whose boundary is "b"."""
    if parts:
        kind = f'{kind}; boundary="b"'
        body = "preamble\n" + "".join(f"--b\n{part}\n" for part in parts) + "--b--\nepilogue\n"
    extra = f"{LISTED}MIME-Version: 1.0\nContent-Type: {kind}\n{head}"
    return read(tmp_path, mbox(mail(1, body, extra=extra)))


def said(found: Read) -> str:
    (text,) = found.texts
    return text.removeprefix("Seeds").removeprefix("\n\n")


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("utf-8", "Grüße\n".encode(), "Grüße"),
        ("iso-8859-1", "Grüße – €\n".encode("cp1252"), "Grüße – €"),
        ("us-ascii", "Grüße\n".encode(), "Grüße"),
        ("windows-1251", "Привет\n".encode("cp1251"), "Привет"),
        ("koi8-r", "Привет\n".encode("koi8-r"), "Привет"),
        ("gb2312", "花园\n".encode("gb18030"), "花园"),
        ("iso-2022-jp", "庭\n".encode("iso-2022-jp"), "庭"),
        ("bogus-8", "Grüße\n".encode(), "Grüße"),
        ("bogus-8", "Grüße\n".encode("cp1252"), "Grüße"),
        ("base64", b"plain\n", "plain"),
        ("zip", b"plain\n", "plain"),
        ("unicode_escape", b"a\\u0041\n", "a\\u0041"),
        ("utf-8", b"cut \xc3\xbc off \xc3", "cut ü off"),
        ("utf-8", b"a\0b\n", "ab"),
        ('"utf-8"', "Grüße\n".encode(), "Grüße"),
        ("utf-7", b"a+2AA-b\n", "a?b"),
    ],
)
def test_charsets_told_and_not(tmp_path: Path, charset: str, body: bytes, text: str) -> None:
    found = one(tmp_path, kind=f"text/plain; charset={charset}", body=body)
    assert said(found).strip() == text


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        ("=?utf-8?b?R3LDvMOfZQ==?= an alle", "Grüße an alle"),
        ("=?iso-8859-1?q?Gr=FC=DFe_an_alle?=", "Grüße an alle"),
        ("=?utf-8?q?Gr=C3?=\n =?utf-8?q?=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?b?R3LDvMOfZQ?= cut", "Grüße cut"),
        ("=?bogus?q?plain?=", "plain"),
        ("=?utf-8?b?never ends", "=?utf-8?b?never ends"),
        ("Grüße roh", "Grüße roh"),
        ("=?utf-8*de?q?Hallo?=", "Hallo"),
        ("two\n lines", "two lines"),
    ],
)
def test_subjects(tmp_path: Path, value: str, subject: str) -> None:
    (message,) = read(tmp_path, mbox(mail(1, subject=value))).messages
    assert message.text.split("\n")[0] == subject


def test_a_raw_latin_subject(tmp_path: Path) -> None:
    data = mbox(mail(1)).replace(b"Subject: Seeds", "Subject: Grüße".encode("latin-1"))
    assert read(tmp_path, data).texts[0].startswith("Grüße\n")


@pytest.mark.parametrize("coding", ["quoted-printable", "base64", "8bit", "bogus"])
def test_codings(tmp_path: Path, coding: str) -> None:
    body = {
        "quoted-printable": "Gr=C3=BC=C3=9Fe=20=\nan alle",
        "base64": base64.b64encode("Grüße an alle".encode()).decode() + "!!",
    }.get(coding, "Grüße an alle")
    assert said(one(tmp_path, head=f"Content-Transfer-Encoding: {coding}\n", body=body)) == "Grüße an alle"


def test_flowed_lines_are_joined_and_quotations_and_signatures_stay(tmp_path: Path) -> None:
    body = "one \ntwo\n> quoted \n> on\n>> deeper\n-- \nFern\n"
    assert said(one(tmp_path, kind="text/plain; format=flowed", body=body)) == (
        "one two\n> quoted on\n>> deeper\n-- \nFern"
    )
    body = "Donau \ndampf \nschiff\n"
    assert said(one(tmp_path, kind="text/plain; format=flowed; delsp=yes", body=body)) == "Donaudampfschiff"


def test_plain_text_is_preferred_and_the_loss_of_formatting_is_told(tmp_path: Path) -> None:
    for parts in (("Content-Type: text/plain\n\nWords", "Content-Type: text/html\n\n<p>Words</p>"),
                  ("Content-Type: text/html\n\n<p>Words</p>", "Content-Type: text/plain\n\nWords")):  # fmt: skip
        found = one(tmp_path, *parts, kind="multipart/alternative")
        assert said(found) == "Words"
        assert found.messages[0].html == ""
        assert found.codes["formatting-left-out"] == 1
        assert not found.faults


def test_html_alone_is_made_harmless_and_has_a_plain_text(tmp_path: Path) -> None:
    page = (
        "<html><head><title>t</title><style>p{}</style></head><body onload=x()><p>Hello <b>you</b>,<br>see "
        '<a href="https://example.org/a?b=1&amp;c" onclick="x()">this</a> <a href="javascript:x()">that</a></p>'
        '<img src="https://track.example/p.gif"><script>alert("<p>")</script><!-- <b>no</b> --><p>a &lt; b &amp; c</p>'
        "<div>1 < 2<ul><li>one<li>two</ul></body></html>"
    )
    found = one(tmp_path, kind="text/html; charset=utf-8", body=page)
    (message,) = found.messages
    assert said(found) == "Hello you,\nsee this that\na < b & c\n1 < 2\none\ntwo"
    assert "<b>you</b>" in message.html
    assert '<a href="https://example.org/a?b=1&amp;c">this</a>' in message.html
    assert message.html.startswith("<p><strong>Seeds</strong></p>")
    for bad in ("script", "alert", "onload", "onclick", "javascript", "img", "style", "<!--", "track"):
        assert bad not in message.html
    assert message.html.count("<p>") == message.html.count("</p>")


@pytest.mark.parametrize(
    "page",
    [
        "<" * 50_000,
        "<a href='" * 20_000,
        "<!--" * 30_000,
        "<div>" * 60_000,
        "<p " + "x" * 500_000,
        "&" * 100_000,
        "<style>",
    ],
)
def test_hostile_html_takes_no_time(page: str) -> None:
    made = Page(page)
    markup = made.markup([])
    opened = len(re.findall(r"<[a-z]", markup)) - markup.count("<br>") - markup.count("<hr>")
    assert opened == markup.count("</")


def test_a_mail_of_many_parts(tmp_path: Path) -> None:
    coded = base64.encodebytes(PICTURE).decode()
    found = one(
        tmp_path,
        'Content-Type: multipart/related; boundary="c"\n\n--c\nContent-Type: multipart/alternative; boundary=d\n\n'
        "--d\nContent-Type: text/plain; charset=utf-8\n\nWords\n--d\nContent-Type: text/html\n\n<p>Words</p>\n--d--\n"
        f"--c\nContent-Type: image/png\nContent-ID: <i>\nContent-Transfer-Encoding: base64\n\n{coded}--c--\n",
        'Content-Type: text/calendar; method=REQUEST; charset="utf-8"\n\nBEGIN:VCALENDAR\nEND:VCALENDAR',
        "Content-Type: application/pgp-signature\n\n-----BEGIN PGP SIGNATURE-----",
        "Content-Type: application/ms-tnef; name=winmail.dat\nContent-Disposition: attachment\n\nx\x01y",
        "Content-Type: text/plain\nContent-Disposition: attachment;\n filename*=utf-8''Gr%C3%BC%C3%9Fe.txt\n\nnoted",
        "Content-Type: text/plain\n\nThe list's footer",
        kind="multipart/mixed",
    )
    (message,) = found.messages
    assert said(found) == "Words\n\nThe list's footer"
    assert [(media.name, media.mime, found.files[media.ref]) for media in message.media] == [
        ("part-1.png", "image/png", PICTURE),
        ("part-2.ics", "text/calendar", b"BEGIN:VCALENDAR\nEND:VCALENDAR"),
        ("part-3.asc", "application/pgp-signature", b"-----BEGIN PGP SIGNATURE-----"),
        ("winmail.dat", "application/ms-tnef", b"x\x01y"),
        ("Grüße.txt", "text/plain", b"noted"),
    ]
    assert [media.size for media in message.media] == [len(found.files[media.ref]) for media in message.media]
    assert message.media[0].ref == f"garden@lists.example.org/{ref_of(1)}/0"


@pytest.mark.parametrize(
    ("parameter", "name"),
    [
        ('filename="a b.pdf"', "a b.pdf"),
        ("filename=a.pdf", "a.pdf"),
        ('filename="=?utf-8?b?R3LDvMOfZQ==?=.pdf"', "Grüße.pdf"),
        ('filename*0="long "; filename*1="name.pdf"', "long name.pdf"),
        ("filename*0*=utf-8''Gr%C3%BC; filename*1*=%C3%9Fe; filename*2=.pdf", "Grüße.pdf"),
        ("filename*=iso-8859-1'de'Gr%FC%DFe.pdf", "Grüße.pdf"),
        ('filename="../../etc/passwd"', "passwd"),
        ('filename="C:\\\\Documents\\\\x.pdf"', "x.pdf"),
        ('filename="Grüße.pdf"', "Grüße.pdf"),
        ('filename="never ends.pdf', "never ends.pdf"),
        ('filename="fern@example.org.pdf"', "{fern}.pdf"),
    ],
)  # fmt: skip
def test_names_of_files(tmp_path: Path, parameter: str, name: str) -> None:
    found = one(
        tmp_path,
        f"Content-Type: application/pdf\nContent-Disposition: attachment; {parameter}\n\nx",
        kind="multipart/mixed",
    )
    shown = found.messages[0].media[0].name
    if "{fern}" in name:
        assert "@" not in shown
        assert shown.startswith("{member:")
    else:
        assert shown == name


@pytest.mark.parametrize(
    "body",
    [
        "--b\nContent-Type: text/plain\n\nWords\n",  # never closed
        "--b\n\nWords\n--b--\n",  # a part without a header
        "--b\nWords\n",  # a part whose header never ends: what there is of it is kept below
        "Words\n",  # no part at all
        "--b\r\nContent-Type: text/plain\r\n\r\nWords\r\n--b--\r\n",
        "--b\nContent-Type: multipart/alternative; boundary=b2\n\n--b2\nContent-Type: text/plain\n\nWords\n--b--\n",
        "--b\nContent-Type: multipart/alternative\n\nWords\n--b--\n",  # a container without a boundary
    ],
)
def test_broken_parts_are_read_as_far_as_they_go(tmp_path: Path, body: str) -> None:
    found = one(tmp_path, kind="multipart/mixed; boundary=b", body=body)
    (message,) = found.messages
    kept = message.text + "".join(data.decode() for data in found.files.values())
    assert "Words" in kept or body == "--b\nWords\n"


def test_a_boundary_that_begins_like_another(tmp_path: Path) -> None:
    body = (
        "--x\nContent-Type: multipart/alternative; boundary=xy\n\n--xy\nContent-Type: text/plain\n\nWords\n--xy--\n"
        "--x\nContent-Type: image/png; name=a.png\n\nPNG\n--x--\n"
    )
    found = one(tmp_path, kind="multipart/mixed; boundary=x", body=body)
    assert said(found) == "Words"
    assert list(found.files.values()) == [b"PNG"]


def test_mails_inside_mails_are_read_in_place_and_name_nobody(tmp_path: Path) -> None:
    inner = "From: Stranger <stranger@example.net>\nTo: fern@example.org\nSubject: Hidden\n"
    found = one(
        tmp_path,
        "Content-Type: text/plain\n\nSee below.",
        f"Content-Type: message/rfc822\n\n{inner}Content-Type: multipart/mixed; boundary=q\n\n--q\n\nInner words\n--q\n"
        "Content-Type: image/png; name=a.png\n\nPNG\n--q--",
        "Content-Type: image/png; name=b.png\n\nGNP",
        kind="multipart/mixed",
    )
    text = said(found)
    assert text.startswith("See below.\n\n---------- Forwarded message ----------\nFrom: {member:")
    assert "Subject: Hidden" in text
    assert text.endswith("Inner words")
    assert "@" not in text
    assert "Stranger" not in text
    assert sorted(found.files.values()) == [b"GNP", b"PNG"]


def test_a_digest(tmp_path: Path) -> None:
    body = (
        "--b\n\nFrom: fern@example.org\nSubject: One\n\nfirst\n--b\n\nFrom: moss@example.org\nSubject: Two\n\nsecond\n"
    )
    text = said(one(tmp_path, kind="multipart/digest; boundary=b", body=body))
    assert re.sub(r"\{member:\w+\}", "X", text) == (
        "---------- Forwarded message ----------\nFrom: X\nSubject: One\n\nfirst\n\n"
        "---------- Forwarded message ----------\nFrom: X\nSubject: Two\n\nsecond"
    )


def test_uuencoded_files_inside_a_text(tmp_path: Path) -> None:
    import binascii  # noqa: PLC0415 - only here

    lines = b"".join(binascii.b2a_uu(PICTURE[at : at + 45]) for at in range(0, len(PICTURE), 45)).decode()
    found = one(tmp_path, body=f"See:\n\nbegin 644 a.png\n{lines}`\nend\n\nThe rest.\nbegin at 8\n")
    assert said(found) == "See:\n\n\nThe rest.\nbegin at 8"
    assert list(found.files.values()) == [PICTURE]
    assert found.messages[0].media[0].mime == "image/png"


def test_escaped_lines_in_texts_and_files(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        "Content-Type: text/plain\n\n>From here\n>>From there\n> From quoted",
        "Content-Type: text/plain; name=a.txt\nContent-Disposition: attachment\n\n>From here\n",
        kind="multipart/mixed",
    )
    assert said(found) == "From here\n>From there\n> From quoted"
    assert list(found.files.values()) == [b"From here\n"]


def test_an_encrypted_mail_keeps_its_file_and_says_so(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        "Content-Type: application/pgp-encrypted\n\nVersion: 1",
        "Content-Type: application/octet-stream; name=encrypted.asc\n\n-----BEGIN PGP MESSAGE-----",
        kind='multipart/encrypted; protocol="application/pgp-encrypted"',
    )
    assert found.faults == {"message-undecrypted": 1}
    assert b"-----BEGIN PGP MESSAGE-----" in found.files.values()


def test_what_list_software_writes_is_a_service_line(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        mbox(
            mail(1, "new@example.net has been subscribed\n", extra=LISTED + "X-List-Administrivia: yes\n",
                 sender="garden-bounces@lists.example.org"),
            mail(2, "I am away.\n", extra=LISTED + "Auto-Submitted: auto-replied\n"),
            mail(3, "--b\n\nNo.\n--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822;x@example.net\n--b--\n",
                 extra=LISTED + "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n"),
        ),
    )  # fmt: skip
    assert [one.type for one in found.messages] == ["service", "text", "service"]
    assert all("@" not in text for text in found.texts)
    assert '"auto":true' in found.messages[1].data
    assert [one.member for one in found.memberships] == [found.who("fern@example.org")]


def test_mails_that_the_standard_library_writes(tmp_path: Path) -> None:
    written = EmailMessage()
    written["From"], written["Subject"] = "Fern <fern@example.org>", "Grüße " * 30
    written["Message-ID"], written["List-Post"] = "<x@example.org>", "<mailto:garden@lists.example.org>"
    written["Date"] = "Thu, 16 Apr 2015 09:53:04 +0000"
    written.set_content("Grüße\n" * 50)
    written.add_attachment(PICTURE, maintype="image", subtype="png", filename="Grüße.png")
    inner = EmailMessage()
    inner["From"] = "moss@example.org"
    inner.set_content("inner")
    written.add_attachment(inner)
    found = read(tmp_path, mbox(bytes(written)))
    (message,) = found.messages
    assert message.text.startswith(("Grüße " * 30).strip())
    assert message.text.endswith("inner")
    assert [media.name for media in message.media] == ["Grüße.png"]
    assert list(found.files.values()) == [PICTURE]


def test_flowed_lines_are_joined_in_one_pass() -> None:
    def needed(lines: int) -> float:
        text = "ab \n" * lines + "c"
        runs = []
        for _ in range(3):
            start = time.process_time()
            joined = _unflowed(text, joined=False)
            runs.append(time.process_time() - start)
            assert joined == "ab " * lines + "c"
        return min(runs)

    assert needed(640_000) < 128 * needed(20_000)  # 32 times as long
