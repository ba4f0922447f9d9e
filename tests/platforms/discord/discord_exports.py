"""Builds fictional exports in the way DiscordChatExporter writes them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from grouparchive.model.ports import MediaRequest, Page
from grouparchive.model.records import AnyRecord, Gap, Membership, Message
from grouparchive.platforms.discord import PLATFORM
from grouparchive.platforms.files import Choices, FileConnector, open_box

SECOND = 1_700_000_000_000
NAMES = {1: ("fern", "Fern Hollow"), 2: ("moss", "Moss"), 3: ("reed", "Moss Bank"), 4: ("helper", "Helper")}


class People:
    """Numbers people, and remembers who is who."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.avatars: dict[str, str] = {}

    def __call__(self, native: str, name: str, avatar: str) -> str:
        if name:
            self.names[native] = name
        if avatar:
            self.avatars[native] = avatar
        return self.ids.setdefault(native, f"{len(self.ids) + 1:032x}")

    def __getitem__(self, native: str) -> str:
        return self.ids[native]

    def label(self, native: str) -> str:
        return f"{{member:{self.ids[native]}}}"


def user(number: int, **more: Any) -> dict[str, Any]:
    name, nickname = NAMES[number]
    return {
        "id": str(number), "name": name, "discriminator": "0000", "nickname": nickname, "color": None, "isBot": False,
        "roles": [], "avatarUrl": f"https://cdn.discordapp.com/embed/avatars/{number}.png",
    } | more  # fmt: skip


def message(number: int, content: str = "hello", who: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number), "type": "Default", "timestamp": f"2023-11-14T22:13:{number % 60:02d}.123+00:00",
        "timestampEdited": None, "callEndedTimestamp": None, "isPinned": False, "content": content, "author": user(who),
        "attachments": [], "embeds": [], "stickers": [], "reactions": [], "mentions": [], "inlineEmojis": [],
    } | more  # fmt: skip


def channel(*messages: Any, guild: Any = None, **more: Any) -> dict[str, Any]:
    place = {
        "id": "11",
        "type": "GuildTextChat",
        "categoryId": "10",
        "category": "Beds",
        "name": "general",
        "topic": "All",
    }
    return {
        "guild": {"id": "9", "name": "Garden", "iconUrl": "https://cdn.discordapp.com/icon.png"} | (guild or {}),
        "channel": place | more,
        "dateRange": {"after": None, "before": None},
        "exportedAt": "2024-01-01T00:00:00.0000000+00:00",
        "messages": list(messages),
        "messageCount": len(messages),
    }


def write(path: Path, whole: Any, *, indent: int | None = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(whole if isinstance(whole, str) else json.dumps(whole, indent=indent, ensure_ascii=False))
    return path


class Taken:
    """What came out of an export."""

    def __init__(self, path: Path, choices: Choices | None = None) -> None:
        self.people = People()
        self.records: dict[str, list[AnyRecord]] = {}
        self.pages: list[Page] = []
        self.media: list[MediaRequest] = []
        self.gaps: list[Gap] = []
        connector = opened(path, self.people, choices)
        self.groups = list(connector.groups())
        for group in self.groups:
            for page in connector.pages(group.ref, {}):
                self.pages.append(page)
                self.records.setdefault(group.ref, []).extend(page.records)
                self.gaps += page.gaps
                self.media += page.media
        self.files = {one.ref: b"".join(connector.media(one.ref)) for one in self.media}
        connector.close()

    def all(self, kind: type[Any], group: str = "9") -> list[Any]:
        return [record for record in self.records[group] if isinstance(record, kind)]

    @property
    def messages(self) -> list[Message]:
        return self.all(Message)

    def __getitem__(self, ref: int) -> Message:
        return next(one for one in self.messages if one.ref == str(ref))

    @property
    def codes(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for gap in self.gaps:
            counts[gap.code] += gap.count
        return dict(counts)

    def seen(self, channel: str) -> dict[str, str]:
        natives = {id_: native for native, id_ in self.people.ids.items()}
        return {natives[one.member]: one.state for one in self.all(Membership) if one.channel == channel}


def opened(path: Path, people: People, choices: Choices | None = None) -> FileConnector:
    box = open_box(path)
    choices = choices or Choices()
    kind = next(kind for kind in PLATFORM.formats if kind.recognises(box, choices))
    return kind(box, people, choices)
