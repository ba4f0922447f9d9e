"""Writes large fictional DiscordChatExporter files, for benchmarks and for trying things out."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_START = 1_600_000_000_000
_WORDS = (
    "seed", "soil", "water", "tool", "shed", "bulb", "frost", "light", "rain", "path", "bench", "leaf", "root", "stem", "moss",
    "fern", "reed", "ash", "gate", "barrow",
)  # fmt: skip


def write(path: Path, count: int, seed: int = 1) -> Path:
    """One channel of `count` messages by 300 people, about 1,150 bytes each, laid out as the exporter does it."""
    rng = random.Random(seed)
    people = [_person(number, rng) for number in range(300)]
    with path.open("w", encoding="utf-8") as file:
        head = {
            "guild": {"id": "1", "name": "Garden", "iconUrl": "https://cdn.discordapp.com/embed/avatars/0.png"},
            "channel": {
                "id": "11", "type": "GuildTextChat", "categoryId": "10", "category": "Beds", "name": "general", "topic": None,
            },
            "dateRange": {"after": None, "before": None},
            "exportedAt": "2024-01-01T00:00:00.0000000+00:00",
        }  # fmt: skip
        file.write(json.dumps(head, indent=2)[:-2] + ',\n  "messages": [\n')
        for at in range(0, count, 500):
            block = [_message(number, people, rng) for number in range(at, min(at + 500, count))]
            text = json.dumps(block, indent=2, ensure_ascii=False)
            file.write("\n".join(f"  {line}" for line in text.split("\n")[1:-1]))
            file.write(",\n" if at + 500 < count else "\n")
        file.write(f'  ],\n  "messageCount": {count}\n}}')
    return path


def _person(number: int, rng: random.Random) -> dict[str, Any]:
    roles = [
        {"id": str(20 + role), "name": f"role {role}", "color": "#336699", "position": role}
        for role in rng.sample(range(8), rng.randint(0, 2))
    ]
    return {
        "id": str(10_000_000_000_000_000 + number), "name": f"person{number}", "discriminator": "0000",
        "nickname": f"Person {number}", "color": "#336699", "isBot": False, "roles": roles,
        "avatarUrl": f"https://cdn.discordapp.com/avatars/{number}/0123456789abcdef0123456789abcdef.png?size=512",
    }  # fmt: skip


def _message(number: int, people: list[dict[str, Any]], rng: random.Random) -> dict[str, Any]:
    time = _START + number * 60_000
    stamp = f"{_iso(time)}+00:00"
    item: dict[str, Any] = {
        "id": str((time - 1_420_070_400_000) << 22), "type": "Default", "timestamp": stamp, "timestampEdited": None,
        "callEndedTimestamp": None, "isPinned": False, "content": " ".join(rng.choices(_WORDS, k=rng.randint(3, 40))),
        "author": rng.choice(people), "attachments": [], "embeds": [], "stickers": [], "reactions": [], "mentions": [],
        "inlineEmojis": [],
    }  # fmt: skip
    luck = rng.random()
    if luck < 0.1 and number > 20:
        before = _START + (number - rng.randint(1, 20)) * 60_000
        item |= {"type": "Reply", "mentions": [rng.choice(people)]}
        item["reference"] = {
            "type": "Default", "messageId": str((before - 1_420_070_400_000) << 22), "channelId": "11", "guildId": "1",
        }  # fmt: skip
    elif luck < 0.15:
        emoji = {"id": "", "name": "🌱", "code": "seedling", "isAnimated": False, "imageUrl": "https://x.example/1.svg"}
        item["reactions"] = [{"emoji": emoji, "count": 2, "users": [_short(one) for one in rng.sample(people, 2)]}]
    elif luck < 0.18:
        name = f"photo{number}.jpg"
        url = f"https://cdn.discordapp.com/attachments/11/{number}/{name}?ex=0&is=0&hm=0"
        item["attachments"] = [{"id": str(number), "url": url, "fileName": name, "fileSizeBytes": 123_456}]
    elif luck < 0.2:
        item["timestampEdited"] = stamp
    elif luck < 0.22:
        item["embeds"] = [
            {"title": "A page", "url": "https://garden.example", "timestamp": None, "description": "About beds",
             "color": "#336699", "images": [], "fields": [], "inlineEmojis": []}
        ]  # fmt: skip
    return item


def _short(person: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in person.items() if name != "roles"}


def _iso(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{millis % 1000:03d}"
