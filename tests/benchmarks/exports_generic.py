"""A made-up group of any size as records in our own schemas, one on each line, people and their places first."""

import random
from pathlib import Path

from grouparchive.model import codec
from grouparchive.model.records import Channel, Group, Member, Membership, Message

PEOPLE = 400
ROOMS = 12


def write(path: Path, count: int, seed: int = 1) -> None:
    """Write `count` messages, about 330 bytes each."""
    dice = random.Random(seed)
    words = [
        "".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.choice((2, 3, 4, 5, 6, 7)))) for _ in range(4000)
    ]
    texts = [" ".join(dice.choice(words) for _ in range(max(2, int(dice.gauss(17, 9))))) for _ in range(5000)]
    ids = [dice.randbytes(16).hex() for _ in range(PEOPLE)]
    rooms = [f"!room{number}:sandbox" for number in range(ROOMS)]
    with path.open("wb") as out:
        out.write(codec.encode(Group(ref=rooms[0], platform="sandbox", origin="sandbox", name="Benchmark")) + b"\n")
        for room in rooms:
            out.write(codec.encode(Channel(ref=room, group=rooms[0], name=room[1:6])) + b"\n")
        for number, one in enumerate(ids):
            person = Member(id=one, platform="sandbox", origin="sandbox", native=f"@fern{number}:sandbox", name="Fern")
            out.write(codec.encode(person) + b"\n" + codec.encode(Membership(channel=rooms[0], member=one)) + b"\n")
        for at in range(0, count, 1000):
            out.write(
                codec.encode_lines(
                    Message(
                        channel=rooms[number * 7 % ROOMS],
                        ref=f"${dice.getrandbits(160):040x}{number:09}",
                        time=1_600_000_000_000 + number * 9001,
                        author=ids[number * 31 % PEOPLE],
                        text=texts[number * 17 % len(texts)],
                    )
                    for number in range(at, min(at + 1000, count))
                )
            )
