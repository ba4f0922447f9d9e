"""Builds fictional exports in the way Telegram Desktop writes them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from grouparchive.model.ports import MediaRequest, Page
from grouparchive.model.records import AnyRecord, Gap, Membership, Message
from grouparchive.platforms.files import Choices, FileConnector, open_box
from grouparchive.platforms.telegram import PLATFORM

START = 1_700_000_000
GROUP = "-1001234567890"


class People:
    """Numbers people, and remembers who is who."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def __call__(self, native: str, name: str, avatar: str) -> str:  # noqa: ARG002 - none are told
        id_ = self.ids.setdefault(native, f"{len(self.ids) + 1:032x}")
        if name:
            self.names[native] = name
        return id_

    def __getitem__(self, native: str) -> str:
        return self.ids[native]

    def label(self, native: str) -> str:
        return f"{{member:{self.ids[native]}}}"


def message(number: int, text: Any = "hello", who: int | None = 1, **more: Any) -> dict[str, Any]:
    item = {"id": number, "type": "message", "date": "2023-11-14T22:13:20", "date_unixtime": str(START + number)}
    if who is not None:
        item |= {"from": NAMES[who], "from_id": f"user{who}"}
    return item | {"text": text, "text_entities": []} | more


def service(number: int, action: str, who: int = 1, **more: Any) -> dict[str, Any]:
    item = {"id": number, "type": "service", "date": "2023-11-14T22:13:20", "date_unixtime": str(START + number)}
    return (
        item | {"actor": NAMES[who], "actor_id": f"user{who}", "action": action, "text": "", "text_entities": []} | more
    )


NAMES = {1: "Fern Hollow", 2: "Moss Bank", 3: "Reed Water", 4: "Twin", 5: "Twin", 6: None}


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"name": "Garden", "type": "private_supergroup", "id": 1234567890, "messages": list(messages)} | more


def write(path: Path, whole: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(whole if isinstance(whole, str) else json.dumps(whole, indent=1, ensure_ascii=False))
    return path


class Taken:
    """What came out of an export."""

    def __init__(self, path: Path, choices: Choices | None = None) -> None:
        self.people = People()
        self.records: dict[str, list[AnyRecord]] = {}
        self.pages: list[Page] = []
        self.media: list[MediaRequest] = []
        self.files: dict[str, bytes] = {}
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

    def all(self, kind: type[Any], group: str = GROUP) -> list[Any]:
        return [record for record in self.records[group] if isinstance(record, kind)]

    @property
    def messages(self) -> list[Message]:
        return sorted(self.all(Message), key=lambda one: one.time)

    def __getitem__(self, ref: int) -> Message:
        return next(one for one in self.all(Message) if one.ref == str(ref))

    @property
    def codes(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for gap in self.gaps:
            counts[gap.code] += gap.count
        return dict(counts)

    @property
    def seen(self) -> dict[str, tuple[str, int]]:
        natives = {id_: native for native, id_ in self.people.ids.items()}
        return {natives[one.member]: (one.state, one.seen) for one in self.all(Membership)}


def opened(path: Path, people: People, choices: Choices | None = None) -> FileConnector:
    box = open_box(path)
    choices = choices or Choices()
    kind = next(kind for kind in PLATFORM.formats if kind.recognises(box, choices))
    return kind(box, people, choices)
