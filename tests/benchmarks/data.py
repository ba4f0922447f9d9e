"""Synthetic messages of about 320 bytes, and media files; made while they are read, so that nobody holds a million of them."""

import random
from collections.abc import Iterator
from pathlib import Path

from grouparchive.model.records import Message

CHANNEL = "!Xk2vN8pQ4mR7tY1wZ3aB5cD6eF9gH0jL2nP4rT6vX8zA"
ROW = ("channel", "ref", "time", "author", "text", "reply_to")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_POOL = 20_000


def texts(seed: int = 1) -> list[str]:
    """Sentences from an invented vocabulary, with the lengths that people's posts have."""
    dice = random.Random(seed)
    words = ["".join(dice.choices(_LETTERS, k=dice.choice((2, 3, 4, 5, 6, 7, 9)))) for _ in range(6_000)]
    common = words[:150]
    pool = []
    for _ in range(_POOL):
        count = max(2, int(dice.gauss(17.6, 9)))
        pool.append(" ".join(dice.choice(common if dice.random() < 0.5 else words) for _ in range(count)))
    return pool


def rows(count: int) -> Iterator[tuple[str, str, int, str, str, str]]:
    """Messages as plain tuples, in the order of `ROW`."""
    dice = random.Random(2)
    pool = texts()
    authors = [dice.randbytes(16).hex() for _ in range(400)]
    noise = dice.randbytes(1 << 16).hex()  # what makes event ids look like event ids
    ref = ""
    for number in range(count):
        before = ref
        at = number * 7 % (len(noise) - 40)
        ref = f"${noise[at : at + 34]}{number:09}"
        reply = before if number % 9 == 4 else ""
        author, text = authors[number * 31 % 400], pool[number * 17 % _POOL]
        yield CHANNEL, ref, 1_600_000_000_000 + number * 9_001, author, text, reply


def messages(count: int) -> Iterator[Message]:
    """The same as records."""
    for channel, ref, time, author, text, reply in rows(count):
        yield Message(channel=channel, ref=ref, time=time, author=author, text=text, reply_to=reply)


def media(folder: Path, megabytes: int) -> list[Path]:
    """Files of random bytes, as pictures and videos are, of up to 20 MB."""
    dice = random.Random(3)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    left = megabytes << 20
    while left > 0:
        size = min(left, dice.choice((200_000, 1_500_000, 4_000_000, 20_000_000)))
        path = folder / f"{len(files):05}.bin"
        path.write_bytes(dice.randbytes(size))
        files.append(path)
        left -= size
    return files
