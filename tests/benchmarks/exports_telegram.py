"""Writes large fictional Telegram Desktop exports, for benchmarks and for trying things out."""

import random
from datetime import UTC, datetime
from pathlib import Path

_START = 1_600_000_000
_WORDS = (
    "seed", "soil", "water", "tool", "shed", "bulb", "frost", "light", "rain", "path", "bench", "leaf", "root", "stem", "moss",
    "fern", "reed", "ash", "gate", "barrow",
)  # fmt: skip


def write(path: Path, count: int, seed: int = 1) -> Path:
    """result.json of one supergroup: `count` messages by 300 people, about 420 bytes each, laid out as the program does it."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write('{\n "name": "Garden",\n "type": "private_supergroup",\n "id": 1234567890,\n "messages": [')
        for number in range(1, count + 1):
            file.write(",\n" if number > 1 else "\n")
            file.write(_message(number, rng))
        file.write("\n ]\n}")
    return path


def _message(number: int, rng: random.Random) -> str:
    who = rng.randrange(300)
    luck = rng.random()
    if luck < 0.01:
        return _service(number, who, rng)
    lines = [*_head(number, "message"), f'"from": "Person {who}"', f'"from_id": "user{5_000_000 + who}"']
    if luck < 0.2 and number > 20:
        lines.append(f'"reply_to_message_id": {number - rng.randint(1, 20)}')
    elif luck < 0.22:
        lines.append(f'"forwarded_from": "Person {rng.randrange(400)}"')
    elif luck < 0.26:
        lines[4:4] = [f'"edited": "{_local(number + 1)}"', f'"edited_unixtime": "{_START + (number + 1) * 60}"']
    elif luck < 0.3:
        missing = "(File not included. Change data exporting settings to download.)"
        lines += [f'"photo": "{missing}"', '"width": 1280', '"height": 960']
    text = " ".join(rng.choices(_WORDS, k=rng.randint(2, 24)))
    if 0.3 < luck < 0.36:
        pieces = [f'"{text} "', '{\n     "type": "link",\n     "text": "https://garden.example/a"\n    }']
        lines.append('"text": [\n    ' + ",\n    ".join(pieces) + "\n   ]")
    else:
        lines.append(f'"text": "{text}"')
    lines.append(f'"text_entities": [\n    {{\n     "type": "plain",\n     "text": "{text}"\n    }}\n   ]')
    if 0.36 < luck < 0.42:
        lines.append('"reactions": [\n    {\n     "type": "emoji",\n     "count": 3,\n     "emoji": "🌱"\n    }\n   ]')
    return "  {\n   " + ",\n   ".join(lines) + "\n  }"


def _service(number: int, who: int, rng: random.Random) -> str:
    lines = [*_head(number, "service"), f'"actor": "Person {who}"', f'"actor_id": "user{5_000_000 + who}"']
    lines += ['"action": "invite_members"', f'"members": [\n    "Person {rng.randrange(400)}"\n   ]']
    return "  {\n   " + ",\n   ".join([*lines, '"text": ""', '"text_entities": []']) + "\n  }"


def _head(number: int, kind: str) -> list[str]:
    return [
        f'"id": {number}',
        f'"type": "{kind}"',
        f'"date": "{_local(number)}"',
        f'"date_unixtime": "{_START + number * 60}"',
    ]


def _local(number: int) -> str:
    return datetime.fromtimestamp(_START + number * 60, UTC).strftime("%Y-%m-%dT%H:%M:%S")
