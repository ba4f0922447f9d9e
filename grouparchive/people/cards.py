"""Neutral cards, and words that are used once. A card has a number and a code; who gets a message with the code of their own
card knows whom it is from. A private word or a code that was said in a message is spent: others may have read it.
"""

import re
from collections.abc import Collection, Iterator

import msgspec

from grouparchive.crypto.crockford import grouped
from grouparchive.crypto.invitation import MOST_CARDS, card_code, proof_tag
from grouparchive.errors import UsageError

MOST_AT_ONCE = 1000
_RANGE = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One card, as it is printed."""

    number: int
    code: str  # in two groups: ABCD-EFGH


class Cards:
    """The cards of an archive, and which words were said.

    Args:
        card_key: the secret that the archive keeps in its roster.
        archive_id: of the archive.
    """

    def __init__(self, card_key: bytes, archive_id: bytes) -> None:
        self._key = card_key
        self._archive_id = archive_id

    def __repr__(self) -> str:
        """Without the key."""
        return "Cards()"

    def card(self, number: int) -> Card:
        """One card.

        Raises:
            UsageError: there is none of that number.
        """
        return Card(number=number, code=grouped(card_code(self._key, self._archive_id, number)))

    def cards(self, first: int, last: int) -> Iterator[Card]:
        """The cards from one number to another. Raises as `card`."""
        return map(self.card, range(first, last + 1))

    def tag(self, person: str, proof: str) -> str:
        """What a journal keeps of a word or code that was said to somebody; `person` names them, the same each time."""
        return proof_tag(self._key, self._archive_id, person, proof)

    def was_said(self, person: str, proof: str, said: Collection[str]) -> bool:
        """Is a word or code spent, by the tags in a journal? However it is written: case, spaces and dashes do not matter."""
        return self.tag(person, proof) in said


def read_range(text: str) -> tuple[int, int]:
    """The first and last number of "1-40", or of "7".

    Raises:
        UsageError: it is no such range, or too many cards at once.
    """
    found = _RANGE.fullmatch(text.strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last <= MOST_CARDS or last - first >= MOST_AT_ONCE:
        raise UsageError(
            "these are no numbers of cards",
            hint=f"Such as: --cards 1-40. Numbers go from 1 to {MOST_CARDS}, at most {MOST_AT_ONCE} at once.",
        )
    return first, last
