"""Answers in forms as facts: only what is plain counts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.errors import BadExport
from grouparchive.model.facts import complaint
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.generic import answers
from grouparchive.platforms.generic.answers import Words
from grouparchive.platforms.generic.forms import Form

PLAIN = Words()


@pytest.mark.parametrize(
    "text",
    ["yes", "Yes.", " YES ", "y", "1", "TRUE", "I agree", "ja", "Einverstanden", "Да", "согласна", "evet", "KABUL EDİYORUM",
     "hə", "Bəli", "RAZIYAM", "oui", "d’accord", "sí", "так", "بله", "نعم"],
)  # fmt: skip
def test_a_plain_yes(text: str) -> None:
    assert PLAIN.meaning(text) == "yes"


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "NO!",
        "n",
        "0",
        "false",
        "I don’t agree",
        "nein",
        "Нет",
        "hayır",
        "HAYIR",
        "yox",
        "xeyr",
        "non",
        "não",
        "ні",
        "خیر",
        "لا",
    ],
)
def test_a_plain_no(text: str) -> None:
    assert PLAIN.meaning(text) == "no"


@pytest.mark.parametrize(
    "text",
    ["", "perhaps", "yes, but not by mail", "yes no", "ok", "x", "✓", "2", "on", "not sure", "yes;no", "no idea", "=TRUE()",
     "only in an emergency", "да нет", "I agree to nothing", "yess", "yes?"],
)  # fmt: skip
def test_what_is_not_plain_is_neither(text: str) -> None:
    assert PLAIN.meaning(text) == ""


def test_a_person_can_say_which_answers_mean_what() -> None:
    words = Words(["Sure, write to me", "0"], ["Better not", "yes"])
    assert [words.meaning(one) for one in ("sure, WRITE to me", "better not.", "yes", "no", "0", "1")] == [
        "yes", "no", "no", "no", "yes", "yes",
    ]  # fmt: skip
    assert Words(["both"], ["both"]).meaning("both") == "no"  # said to mean both, it must not pass for a yes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("09:00-17:30", "09:00-17:30"), ("9:00 – 17:30", "09:00-17:30"), ("9-17", "09:00-17:00"), ("9 am - 5 pm", "09:00-17:00"),
        ("6 p.m. to 10 p.m.", "18:00-22:00"), ("9.30 Uhr bis 12 Uhr", "09:30-12:00"), ("с 9 до 17", ""), ("22:00-02:00", "22:00-02:00"),
        ("12 am - 1 am", "00:00-01:00"), ("6-9", ""), ("25-26", ""), ("13 pm - 5 pm", ""), ("evenings", ""), ("9:00", ""),
        ("9:00-17:00; 18:00-19:00", ""),
    ],
)  # fmt: skip
def test_hours(text: str, found: str) -> None:
    assert answers.hours(text) == found
    assert not found or complaint("hours", "", found) == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [("Asia/Baku", "Asia/Baku"), ("GMT+4", "Etc/GMT-4"), ("utc -03:00", "Etc/GMT+3"), ("UTC+0", "UTC"), ("UTC", "UTC"),
     ("UTC+15", ""), ("GMT+5:30", ""), ("Baku", ""), ("../../etc/passwd", ""), ("asia/baku", "")],
)  # fmt: skip
def test_zones(text: str, found: str) -> None:
    assert answers.zone(text) == found
    assert not found or complaint("zone", "", found) == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [("E-Mail", "mail"), ("Signal", "signal"), ("WhatsApp", "whatsapp"), ("Телефон", "phone"), ("e-poçt", "mail"), ("SMS", "phone"),
     ("Anruf", "phone"), ("Signal, mail", ""), ("name", ""), ("pigeon", "")],
)  # fmt: skip
def test_channels(text: str, found: str) -> None:
    assert answers.channel(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("de", "de"), ("pt-br", "pt-BR"), ("de-informal", "de"), ("Azərbaycan", "az"), ("русский", "ru"), ("Türkçe", "tr"), ("Klingon", "")],
)  # fmt: skip
def test_languages(text: str, found: str) -> None:
    assert answers.language(text) == found
    assert not found or complaint("language", "", found) == ""


def test_no_address_is_made_of_a_word_that_says_there_is_none() -> None:
    for text in ("no", "None", "yok", "нет", "-", "---", "I have none", "1", "x"):
        assert PLAIN.number(text) == ""
    assert PLAIN.number("tel:+994 50 123\u201345\u201367") == "+994 50 123-45-67"
    assert PLAIN.number("@fern_7") == "@fern_7"


@given(st.text(max_size=60))
def test_any_answer_is_read(text: str) -> None:
    assert PLAIN.meaning(text) in {"yes", "no", ""}
    for field, read in (("hours", answers.hours), ("language", answers.language)):
        found = read(text)
        assert complaint(field, "", found) == ""  # type: ignore[arg-type]
    answers.zone(text), answers.channel(text), PLAIN.number(text), answers.nobody(text)


# --- tables --------------------------------------------------------------------------------------------------------------


def form(path: Path, data: bytes, columns: dict[str, str] | None = None, *, handles: bool = False) -> Form:
    path.write_bytes(data)
    return Form(open_box(path), Choices(columns=columns or {}), words=PLAIN, handles=handles, now=1)


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Email Address", "mail"), ("E-Mail-Adresse", "mail"), ("Адрес электронной почты", "mail"), ("E-posta adresi", "mail"),
        ("E-poçt ünvanı", "mail"), ("Your mail address", "mail"), ("Telefon nömrəsi", "phone"), ("WhatsApp", "whatsapp"),
        ("Signal number", "signal"), ("Telegram kullanıcı adı", "telegram"), ("consent_contact", "consent.contact"),
        ("Consent.Republish", "consent.republish"), ("do_not_contact", "do-not-contact"), ("Часовой пояс", "zone"),
        ("Zeitstempel", "time"), ("Submit Date (UTC)", "time"), ("_submission_time", "time"), ("Sprache", "language"),
        ("startlanguage. Start language", "language"), ("Ad və soyad", "name"), ("ФИО", "name"), ("Voucher", ""), ("Word", ""),
        ("Username", ""), ("User ID", ""), ("Consent", ""), ("May I write to you?", ""), ("Member", "name"), ("same-as", ""),
    ],
)  # fmt: skip
def test_headings_of_one_plain_meaning_are_known(tmp_path: Path, heading: str, field: str) -> None:
    taken = form(tmp_path / "a.csv", f'"{heading}","matrix"\n'.encode()).taken
    assert taken == {**({field: heading} if field else {}), "matrix": "matrix"}


@pytest.mark.parametrize(
    ("time", "millis"),
    [
        ("2026/05/01 2:05:09 PM GMT+4", 1777629909000), ("2026/05/01 2:05:09 AM GMT-3:30", 1777613709000),
        ("2026-05-01T14:05:09+04:00", 1777629909000), ("2026-05-01T10:05:09.123Z", 1777629909000), ("01.05.2026 10:05:09", 1777629909000),
        ("1980-01-01 00:00:00", 0), ("soon", 0), ("", 0),
    ],
)  # fmt: skip
def test_times_of_answers(tmp_path: Path, time: str, millis: int) -> None:
    found = form(tmp_path / "a.csv", f"Timestamp;mail\n{time};fern@lane.example\n".encode())
    assert [one.time for one in found.answers()] == [millis]
    assert (("date-unclear", "") in found.trouble) is (time == "soon")


@given(
    st.binary(max_size=400),
    st.sampled_from([b"mail,consent.contact\n", b"mail;Timestamp;until;signal\n", b"\xff\xfem\0a\0i\0l\0\n\0"]),
)
def test_any_bytes_are_answers_or_none(tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    try:
        found = form(path, head + data)
        answers_ = list(found.answers())
    except BadExport:
        return
    for one in answers_:
        assert one.native
        assert one.said
        for field, key, value in one.said:
            assert value
            assert complaint(field, key, value) == ""
