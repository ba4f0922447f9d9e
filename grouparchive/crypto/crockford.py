"""Letters for people: Crockford's base32, which has no I, L, O and U. Reading takes lower case, spaces and dashes, and what
looks alike for what was meant.
"""

import re

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BITS = 5
_ALIKE = str.maketrans("ILOilo", "110110")
_BETWEEN = re.compile(r"[\s>\u00ad\u200b-\u200f\u2010-\u2015\u2060\ufeff-]")
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}


def encode(data: bytes) -> str:
    """Bytes as letters, most significant bits first; zero bits fill up the last letter."""
    count = -(-len(data) * 8 // BITS)
    number = int.from_bytes(data, "big") << (count * BITS - len(data) * 8)
    return "".join(ALPHABET[number >> BITS * (count - 1 - at) & 31] for at in range(count))


def plain(text: str) -> str:
    """Letters as `encode` gives them, out of what a person typed or a program wrapped; other signs stay as they are."""
    return _BETWEEN.sub("", text).translate(_ALIKE).upper()


def decode(text: str) -> bytes:
    """The bytes behind letters.

    Raises:
        ValueError: a sign is no such letter, or the bits that fill up are not zero.
    """
    number = 0
    letters = plain(text)
    for letter in letters:
        if letter not in _VALUES:
            raise ValueError("a sign is no letter of this alphabet")
        number = number << BITS | _VALUES[letter]
    size, spare = divmod(len(letters) * BITS, 8)
    if spare >= BITS or number & (1 << spare) - 1:
        raise ValueError("letters are missing or changed")
    return (number >> spare).to_bytes(size, "big")


def grouped(letters: str, size: int = 4) -> str:
    """Letters in groups, for paper."""
    return "-".join(letters[start : start + size] for start in range(0, len(letters), size))
