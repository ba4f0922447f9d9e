"""Answers in forms as facts: only what is plain counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.model.facts import complaint
from grouparchive.platforms.generic import answers
from grouparchive.platforms.generic.answers import Words

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
