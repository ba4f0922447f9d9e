"""What people are told: in every language, without any name, and never more than it takes."""

import itertools
import re
import string
from importlib import resources

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.errors import UsageError
from grouparchive.people import words

LINK = "https://home.example/#/k7"
VALUES = {"hello": {"proof": "blue kettle"}, "link": {"link": LINK, "by": "3 May"}, "warning": {}, "reminder": {}}
CANARIES = ("lantern", "circle", "shelter", "fern", "moss", "orchard", "quince")
# What no message may speak of: words for a group, and the names of places where there are some.
THEMES = (
    "group", "community", "member", "shelter", "women", "lgbt", "queer", "violence", "refuge", "facebook", "telegram",
    "whatsapp", "instagram", "signal", "discord", "slack", "matrix", "element", "grouparchive", "групп", "сообществ", "участни",
    "женщин", "насили", "приют", "grup", "topluluk", "üye", "kadın", "şiddet", "sığın", "qrup", "icma", "üzv", "qadın",
    "zorakılıq",
)  # fmt: skip


def every(language: str) -> dict[str, str]:
    """All that can be said to people in a language, by where it comes from."""
    said: dict[str, str] = {}
    for step in words.STEPS:
        message = words.render(step, language, **VALUES[step])
        said[f"{step} subject"], said[step] = message.subject, message.text
    said["hello by card"] = words.render("hello", language, proof="7G0B-N2ZH", card=True).text
    said["consent"] = words.consent_page(language)
    said["consent with contact"] = words.consent_page(language, contact="desk@home.example")
    said["call"] = words.call_script(language)
    said["call with word"] = words.call_script(language, proof="blue kettle")
    said["call with card"] = words.call_script(language, proof="7G0B-N2ZH", card=True)
    said["sheet script"] = words.sheet_script(language, warning=False)
    said["sheet script of a warning"] = words.sheet_script(language, warning=True)
    said |= {f"sheet {key}": text for key, text in msgspec.structs.asdict(words.sheet_words(language)).items()}
    said["card"] = words.card_line(language)
    said["how"] = words.how_to_check(language)
    return said


def raw(language: str) -> str:
    return resources.files("grouparchive.people").joinpath("words", f"{language}.toml").read_text("utf-8")


def test_the_languages() -> None:
    assert words.languages() == ("en", "az", "ru", "tr")
    assert len({words.name_of(language) for language in words.languages()}) == 4
    assert words.nearest("ru-UA") == "ru"
    assert words.nearest("fa") == words.nearest("") == words.nearest("../../etc") == "en"
    assert words.render("warning", "fa") == words.render("warning", "en")


@pytest.mark.parametrize("language", words.languages())
def test_no_group_theme_place_or_person_in_any_message(language: str) -> None:
    for where, text in every(language).items():
        found = [word for word in (*CANARIES, *THEMES) if word in text.casefold()]
        assert found == [], where


@pytest.mark.parametrize("language", words.languages())
def test_nothing_but_the_four_values_gets_in(language: str) -> None:
    """A template has places for a proof, a link, a day and a contact, and for nothing else."""
    places = set(re.findall(r"\{(.*?)\}", re.sub(r"^#.*$", "", raw(language), flags=re.MULTILINE)))
    assert places == {"proof", "link", "by", "contact"}
    with pytest.raises(TypeError):
        words.render("hello", language, proof="x", group="Lantern Circle")  # type: ignore[call-arg]


@pytest.mark.parametrize("language", words.languages())
def test_messages_are_of_a_phone_s_length_and_neutral_at_first_sight(language: str) -> None:
    subjects = set()
    for step in words.STEPS:
        message = words.render(step, language, **VALUES[step])
        assert len(message.text) < 700
        assert len(message.subject) < 50
        assert not re.search(r"[!0-9$€%]|re:|fwd", message.subject.casefold())
        first = message.text.splitlines()[0]
        assert len(first) < 90
        assert all(word not in first for word in ("blue kettle", LINK, "3 May"))
        subjects.add(message.subject)
    assert len(subjects) == 4


@pytest.mark.parametrize("language", words.languages())
def test_what_each_step_holds(language: str) -> None:
    said = {step: words.render(step, language, **VALUES[step]).text for step in words.STEPS}
    assert "blue kettle" in said["hello"]
    assert LINK in said["link"].splitlines()
    assert "3 May" in said["link"]
    for step in ("warning", "hello", "reminder"):
        assert "://" not in said[step]
    yes, never = {"en": ("yes", "never"), "az": ("bəli", "heç vaxt"), "ru": ("да", "никогда"), "tr": ("evet", "asla")}[
        language
    ]
    for step in ("hello", "reminder"):
        assert any(line.endswith(f": {yes}") for line in said[step].splitlines())
        assert never in said[step]
    assert never in said["link"]
    assert "blue kettle" in words.call_script(language, proof="blue kettle")
    assert "desk@home.example" in words.consent_page(language, contact="desk@home.example")


def test_english_says_it_plainly() -> None:
    warning = words.render("warning", "en").text
    for part in ("taken over", "do not answer", "do not open links", "another way", "needs no answer"):
        assert part in warning
    assert "The word we agreed: blue kettle" in words.render("hello", "en", proof="blue kettle").text
    assert "The code on your card: 7G0B-N2ZH" in words.render("hello", "en", proof="7G0B-N2ZH", card=True).text
    assert "last time" in words.render("reminder", "en").text


@pytest.mark.parametrize(
    ("step", "values"),
    [
        ("hello", {}),
        ("hello", {"proof": "two\nlines"}),
        ("hello", {"proof": "https://evil.example"}),
        ("hello", {"proof": "x" * 81}),
        ("hello", {"proof": "a\u202eb"}),
        ("hello", {"proof": "word", "link": LINK}),
        ("warning", {"link": LINK}),
        ("reminder", {"link": LINK}),
        ("link", {"link": LINK}),
        ("link", {"by": "3 May"}),
        ("link", {"link": "http://home.example", "by": "3 May"}),
        ("link", {"link": "https://home.example/a b", "by": "3 May"}),
        ("link", {"link": "https://home.example/\n", "by": "3 May"}),
        ("link", {"link": "https://h\u00f6me.example/", "by": "3 May"}),
        ("link", {"link": "https://home.example/" + "x" * 500, "by": "3 May"}),
    ],
)
def test_what_a_step_refuses(step: words.Step, values: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        words.render(step, "en", **values)  # type: ignore[arg-type]
    assert "evil" not in caught.value.message + caught.value.hint


@given(
    st.text(st.sampled_from("{}prolinkby " + string.ascii_letters), min_size=1, max_size=40).filter(
        lambda text: text == text.strip()
    )
)
def test_a_value_is_never_read_as_a_template(proof: str) -> None:
    assert f"agreed: {proof}\n" in words.render("hello", "en", proof=proof).text


ENGLISH = raw("en")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('name = "English"', "", "name"),
        ('subject = "Hello again"', 'subject = ""', "hello.subject"),
        ('subject = "Hello again"', 'subject = "Hello {group}"', "hello.subject"),
        ('subject = "Hello again"', 'subject = "Hello again"\nmore = "x"', "more"),
        ('subject = "Hello again"', 'subject = "Hello } again"', "hello.subject"),
        ("\n{link}\n", "\n", "link.text"),
        ("\n{link}\n", "\n{link}{link}\n", "link.text"),
        ("agreed: {proof}", "agreed", "hello.word"),
        ("[call]", "[shout]", "shout"),
        ("[call]", "[call", ""),
        ('name = "English"', "name = 3", "name"),
    ],
)
def test_a_file_that_does_not_fit_is_told(old: str, new: str, key: str) -> None:
    assert old in ENGLISH
    with pytest.raises(UsageError) as caught:
        words.read_language(ENGLISH.replace(old, new, 1))
    assert key in caught.value.message


def test_every_language_has_the_same_placeholders_and_number_of_paragraphs() -> None:
    shapes = [
        {
            where: (text.count("\n\n"), len(re.findall(r"blue kettle|7G0B-N2ZH", text)))
            for where, text in every(language).items()
        }
        for language in words.languages()
    ]
    assert all(one == other for one, other in itertools.pairwise(shapes))
