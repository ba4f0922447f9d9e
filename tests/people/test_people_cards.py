"""Cards and words that are used once."""

import pytest

from grouparchive.errors import UsageError
from grouparchive.people.cards import Cards, read_range

CARDS = Cards(b"\x04" * 32, b"\x02" * 32)


def test_cards_by_number() -> None:
    cards = list(CARDS.cards(1, 40))
    assert [card.number for card in cards] == list(range(1, 41))
    assert len({card.code for card in cards}) == 40
    assert cards[6] == CARDS.card(7)
    assert all(len(card.code) == 9 and card.code[4] == "-" for card in cards)
    assert repr(CARDS) == "Cards()"
    with pytest.raises(UsageError):
        CARDS.card(10_000)


def test_a_word_is_used_once() -> None:
    said: set[str] = set()
    assert not CARDS.was_said("fern", "Blue kettle", said)
    said.add(CARDS.tag("fern", "Blue kettle"))
    assert CARDS.was_said("fern", "blue  KETTLE", said)
    assert not CARDS.was_said("fern", "green kettle", said)
    assert not CARDS.was_said("moss", "blue kettle", said)
    assert not Cards(b"\x05" * 32, b"\x02" * 32).was_said("fern", "blue kettle", said)
    assert "kettle" not in "".join(said)


def test_ranges() -> None:
    assert read_range("1-40") == (1, 40)
    assert read_range(" 7 ") == (7, 7)
    for text in ("", "0-4", "9-3", "1-10000", "1-1001", "a", "1-2-3", "-4", "1,2", "²"):
        with pytest.raises(UsageError):
            read_range(text)
