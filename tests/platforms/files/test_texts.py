"""Texts are cut where their JSON would be too long, and nowhere else."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.model.codec import MAX_RECORD, encode
from grouparchive.model.records import Message
from grouparchive.platforms.files.texts import MOST, SIZE, cut, fitted

ODD = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from('\0\x01\x1f\x7f"\\/\n\t\b\u2028😀')))


@given(ODD, st.integers(2, 60))
def test_the_longest_beginning_that_fits(text: str, size: int) -> None:
    found = cut(text, size)
    assert text.startswith(found)
    assert len(msgspec.json.encode(found)) <= size
    if found != text:
        assert len(msgspec.json.encode(text[: len(found) + 1])) > size


@pytest.mark.parametrize("letter", ["x", "\0", "😀", "\n", "ä", '"'])
def test_a_record_with_a_long_text_fits(letter: str) -> None:
    text = cut(letter * 1_000_000)
    line = encode(Message(channel="c" * 1024, ref="r" * 1024, time=1, author="0" * 32, text=text))
    assert SIZE / 2 < len(line) < MAX_RECORD


@given(st.integers(0, 60), st.sampled_from(["{member:", "{", "é{x}"]))
def test_no_cut_goes_through_somebody(rest: int, before: str) -> None:
    text = "x" * (MOST - rest) + "{member:" + "a" * 32 + "}" + before * 20
    kept, html, code = fitted(text, "<b>x</b>")
    assert (html, code) == ("", "text-cut")
    assert text.startswith(kept)
    assert "{member:" not in kept or kept[MOST - rest :].startswith("{member:" + "a" * 32 + "}")
    assert len(kept) >= MOST - 41


def test_html_that_does_not_fit_is_left_out_whole() -> None:
    assert fitted("é" * 400_000, "<i>" + "é" * 400_000) == ("é" * 400_000, "", "formatting-left-out")
    assert fitted("é" * 200_000, "<i>" + "é" * 200_000) == ("é" * 200_000, "<i>" + "é" * 200_000, "")


def test_short_texts_cost_nothing_and_half_letters_break_nothing() -> None:
    text = "x" * 200_000
    begin = time.perf_counter()
    assert all(cut(text) is text and fitted(text)[0] is text for _ in range(10_000))
    assert time.perf_counter() - begin < 1
    assert cut("\ud800" * 600_000) == "\ud800" * ((SIZE - 2) // 3)
