"""WhatsApp chats as the two kinds of phone export them, of any length, with invented people."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

WORDS = (
    "the", "lantern", "walk", "begins", "at", "seven", "bring", "soup", "and", "a", "candle", "we", "meet", "near", "old",
    "bridge", "who", "can", "drive",
)  # fmt: skip


def write(path: Path, count: int, seed: int = 1, *, ios: bool = False) -> Path:
    """A chat of so many messages, system lines among them."""
    chance = random.Random(seed)
    people = [f"Fern {number}" for number in range(150)] + [f"+49 170 {number:07d}" for number in range(100)]
    time = datetime(2019, 3, 1, 8, 0, 0, tzinfo=UTC)
    with path.open("w", encoding="utf-8", newline="") as file:
        for number in range(count):
            time += timedelta(seconds=chance.randrange(10, 240))
            who = chance.choice(people)
            text = " ".join(chance.choices(WORDS, k=chance.randrange(3, 24)))
            if number % 20 == 7:
                text += "\n" + " ".join(chance.choices(WORDS, k=6))
            if number % 50 == 3:
                text = "\u200eimage omitted" if ios else "<Media omitted>"
            if number % 1000 == 5:
                line = (
                    f"{who} added {chance.choice(people)}"
                    if number % 2000 == 5
                    else f'{who} changed the group name from "Plan: {number}" to "Walk"'
                )
                text, who = line, ""
            body = f"{who}: {text}" if who else text
            if ios:
                body = body if who else f"Lantern walk: \u200e{text}"
                file.write(f"[{time:%d/%m/%Y, %H:%M:%S}] {body}\r\n")
            else:
                file.write(f"{time:%d/%m/%Y, %H:%M} - {body}\n")
    return path
