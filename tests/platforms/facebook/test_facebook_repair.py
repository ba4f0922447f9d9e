"""The encoding fault, dates, titles, links, people."""

from datetime import UTC, timedelta, timezone
from typing import Any

import facebook_exports as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grouparchive.platforms.facebook.dates import local_time
from grouparchive.platforms.facebook.found import Found
from grouparchive.platforms.facebook.graph import Walker
from grouparchive.platforms.facebook.links import clean_link
from grouparchive.platforms.facebook.people import native_of
from grouparchive.platforms.facebook.repair import repaired, tidy
from grouparchive.platforms.facebook.service import action_of
from grouparchive.platforms.facebook.titles import Groups, told

LATIN = st.text(alphabet=st.characters(max_codepoint=255))


@given(st.text())
def test_what_carries_the_fault_becomes_what_was_written(text: str) -> None:
    try:
        broken = text.encode().decode("latin-1")
    except UnicodeEncodeError:  # lone surrogates
        return
    assert repaired(broken) == text


@given(st.text())
def test_what_cannot_carry_the_fault_stays(text: str) -> None:
    try:
        text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        assert repaired(text) == text


@given(st.text())
def test_a_repaired_text_is_not_repaired_into_another(text: str) -> None:
    """Unless somebody wrote a text that itself looks like the fault, twice is once."""
    once = repaired(text)
    if any(ord(char) > 255 for char in once) or once.isascii():
        assert repaired(once) == once


@given(LATIN)
def test_a_repair_never_loses_anything(text: str) -> None:
    fixed = repaired(text)
    assert fixed == text or fixed.encode().decode("latin-1") == text


@given(st.text(alphabet=st.characters(codec=None)))  # type: ignore[arg-type]
def test_a_tidy_text_can_be_written(text: str) -> None:
    assert "\0" not in tidy(text)
    tidy(text).encode()


def test_words_of_the_fault_that_somebody_really_wrote_stay() -> None:
    assert repaired("Ã©".encode().decode("latin-1")) == "Ã©"
    assert tidy("\ud83c\udf3f") == "🌿"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jul 12, 2024 4:55:32pm", 1720803332),
        ("Jun 01, 2025 3:31:29 pm", 1748791889),
        ("12 juil. 2024, 16:55", 1720803300),
        ("12. März 2023 10:05", 1678615500),
        ("2024年7月12日 16:55", 1720803300),
        ("ene. 15, 2024 10:30 am", 1705314600),
        ("12 янв. 2024 г., 10:33", 1705055580),
        ("Friday, March 3, 2017 at 10:00am UTC+01", 1488531600),
        ("Jan 05, 2024 12:00\u202fAM", 1704412800),
        ("Jan 05, 2024 12:00 p. m.", 1704456000),
        ("2024-07-12 16:55", 1720803300),
    ],
)
def test_dates(text: str, expected: int) -> None:
    assert local_time(text, UTC) == expected * 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello 10:30",
        "01.02.2024 10:00",
        "Meet me on May 3 2024 at 10:30",
        "Jul 12, 2024",
        "99 Foo 2024 10:00",
        "Feb 31, 2024 10:00",
        "Jan 1, 2024 25:00",
        "9" * 60 + " 10:00",
        "Jan 1, 1700 10:00",
        "13:00 pm Jan 1, 2024",
    ],
)
def test_no_dates(text: str) -> None:
    assert local_time(text, UTC) is None


def test_local_times_are_in_the_zone_that_was_chosen() -> None:
    assert local_time("Jan 05, 2024 10:00 am", timezone(timedelta(hours=4))) == 1704434400000


@pytest.mark.parametrize(
    ("title", "group"),
    [
        ("Fern Moss posted in Quiet Garden.", "Quiet Garden"),
        ("Fern Moss shared a link to the group: Quiet Garden.", "Quiet Garden"),
        ("Fern Moss added a new photo to Quiet Garden.", "Quiet Garden"),
        ("Fern Moss hat in Quiet Garden gepostet.", "Quiet Garden"),
        ("Fern Moss a publié dans Quiet Garden.", "Quiet Garden"),
        ("Fern Moss publicó en Quiet Garden.", "Quiet Garden"),
        ("Fern Moss опубликовала в группе Тихий сад.", "Тихий сад"),
        ("Fern Moss Sakit bağ qrupunda paylaşdı", "Sakit bağ"),
        ("Fern Moss replied to Reed's comment in Quiet Garden.", "Quiet Garden"),
        ("something else", ""),
        ("", ""),
    ],
)
def test_groups_in_titles(title: str, group: str) -> None:
    assert Groups(()).named(title, "Fern Moss") == group
    if group:
        assert Groups(["Other", group, "Garden"]).named(title, "Fern Moss") == group


def test_the_group_as_a_person_tells_it() -> None:
    assert told("Quiet Garden") == ("Quiet Garden", "")
    assert told("123456789") == ("", "123456789")
    assert told("Quiet Garden = 123456789") == ("Quiet Garden", "123456789")
    assert told("Quiet Garden (https://www.facebook.com/groups/123456789/)") == ("Quiet Garden", "123456789")


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://example.org/a?b=1", "https://example.org/a?b=1"),
        ("https://example.org/a?b=1&fbclid=TRACK", "https://example.org/a?b=1"),
        ("https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2F&h=AT0", "https://example.org/"),
        ("https://l.facebook.com/l.php?u=https%3A%2F%2Fl.facebook.com%2Fl.php%3Fu%3Dx", ""),
        (
            "https://www.facebook.com/groups/123/posts/456/?__cft__[0]=X",
            "https://www.facebook.com/groups/123/posts/456/",
        ),
        ("https://www.facebook.com/fern.moss", ""),
        ("https://www.facebook.com/profile.php?id=900100", ""),
        ("https://www.facebook.com/photo/?fbid=77&set=pcb.1", "https://www.facebook.com/photo/?fbid=77"),
        ("javascript:alert(1)", ""),
        ("https://[broken", ""),
        ("", ""),
    ],
)
def test_links(url: str, clean: str) -> None:
    assert clean_link(url) == clean


@pytest.mark.parametrize(
    ("number", "url", "native"),
    [
        ("900100", "", "900100"),
        (None, "https://www.facebook.com/profile.php?id=900100", "900100"),
        (None, "https://www.facebook.com/groups/1/user/900100/", "900100"),
        (None, "https://m.facebook.com/people/Fern-Moss/900100/", "900100"),
        (None, "https://www.facebook.com/Fern.Moss?ref=x", "vanity:fern.moss"),
        ("900100", "https://www.facebook.com/Fern.Moss", "900100"),
        (None, "https://www.facebook.com/groups/123", ""),
        (None, "https://evil.example/fern", ""),
        (5, "", ""),
        ("x" * 100, "", ""),
    ],
)
def test_who_somebody_is(number: Any, url: str, native: str) -> None:
    assert native_of(number, url) == native


def test_lines_of_the_platform() -> None:
    assert action_of("Fern Moss added Sol to the group.", "Fern Moss") == ("add", "Sol")
    assert action_of("Fern Moss hat Sol zur Gruppe hinzugefügt.", "Fern Moss") == ("add", "Sol")
    assert action_of("You added Sol to the group.", "Fern Moss") == ("add", "Sol")
    assert action_of("Fern Moss macht irgendwas", "Fern Moss") == ("other", "")
    assert action_of("Sol is shining", "Sol") is None
    assert action_of("You made my day", "Sol") is None
    assert action_of("hello", "Fern Moss") is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["123456", "Story", "Group", "User"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "__typename", "text", "node", "count", "uri", "x"]), inner, max_size=4)
    ),
    max_leaves=6,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += _places(child, (*path, key))
    return found


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_answer_can_break_the_walker(data: st.DataObject) -> None:
    """Any part of a real answer may be anything."""
    fern = made.user(11, "Fern")
    document: Any = {
        "a": made.first_answer(),
        "b": made.story(
            500100,
            "x",
            fern,
            1714000000,
            ranges=[{"entity": fern, "offset": 0, "length": 1}],
            attachments=[
                {"media": {"__typename": "Photo", "id": "12345", "image": {"uri": "https://x/y_n.jpg", "width": 5}}}
            ],
            attached_story={"message": {"text": "q"}, "actors": [fern]},
        ),
        "c": made.comment(600100, 500100, "y", fern, 1714000000, parent=600101),
        "d": {"question": {"__typename": "QuestionPoll", "text": {"text": "?"}, "options": {"nodes": [{"text": "a"}]}}},
    }
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(_places(document)))
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = data.draw(JSON)
    found = Found()
    Walker(found, lambda native, name: "0" * 32).walk(document, 1)  # noqa: ARG005 - nobody in particular
    found.settle()
