"""Words that people write down and compare: 1024 short English ones (the list of SLIP-39), 10 bits each."""

import hashlib
import secrets

from shamir_mnemonic.wordlist import WORDLIST

BITS = 10
CHECK_WORDS = 4
_PASSPHRASE_WORDS = 9


def to_words(data: bytes, count: int) -> list[str]:
    """The first bits of some bytes as words, most significant first.

    Args:
        data: at least 10 bits for each word.
        count: how many words.
    """
    number, bits = int.from_bytes(data, "big"), len(data) * 8
    return [WORDLIST[number >> (bits - BITS * (at + 1)) & (1 << BITS) - 1] for at in range(count)]


def check_words(archive_id: bytes) -> list[str]:
    """Four words by which a person sees that a copy is of the right archive. They are no secret."""
    return to_words(hashlib.sha256(b"ga1/check" + archive_id).digest(), CHECK_WORDS)


def generate_passphrase() -> str:
    """A new passphrase of nine random words: 90 bits."""
    return " ".join(secrets.choice(WORDLIST) for _ in range(_PASSPHRASE_WORDS))
