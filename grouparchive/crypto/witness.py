"""The witness: words that stand for one position of one chain, kept where nobody who can reach the archive reaches them.

Whoever shows an archive later must show one in which that position is the same, with all that came before it. An older copy
cannot, nor one with something dropped or swapped.
"""

import hashlib

from shamir_mnemonic.wordlist import WORDLIST

from grouparchive.crypto.primitives import be64, lp
from grouparchive.crypto.words import to_words
from grouparchive.errors import UsageError

WORDS = 13
"""Of ten bits each: 130 bits of the digest."""
_INDEX = {word: number for number, word in enumerate(WORDLIST)}
_PREFIX = 4  # the first four letters tell the words of this list apart
_SHORT = {word[:_PREFIX]: word for word in WORDLIST}


def witness(archive_id: bytes, writer_id: bytes, seq: int, head: bytes) -> tuple[str, ...]:
    """The words for commit `seq` of a writer; for the owner's statements the writer is 16 zero bytes."""
    digest = hashlib.sha256(b"ga1/witness" + lp(archive_id, writer_id, be64(seq), head)).digest()
    return tuple(to_words(digest, WORDS))


def read_witness(text: str) -> tuple[str, ...]:
    """What a person typed or a code held: case, line breaks, numbers and dashes between the words do not count, and of each
    word the first four letters are enough.

    Raises:
        UsageError: it is no witness; the message says which word is unknown, by its place.
    """
    words = ["".join(sign for sign in part if sign.isalpha()) for part in text.lower().replace("-", " ").split()]
    words = [word for word in words if word]
    if len(words) != WORDS:
        raise UsageError(
            f"a witness has {WORDS} words, and {len(words)} were given",
            hint="Type all words as `grouparchive verify --print-witness` showed them.",
        )
    found = []
    for place, word in enumerate(words, 1):
        known = word if word in _INDEX else _SHORT.get(word[:_PREFIX], "")
        if not known or not known.startswith(word[:_PREFIX]):
            raise UsageError(f"word {place} of the witness is none of the list", hint="Compare it with your paper.")
        found.append(known)
    return tuple(found)
