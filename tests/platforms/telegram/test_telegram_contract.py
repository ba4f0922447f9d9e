"""Telegram's export keeps the contract of all connectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connector_stage import Can
from file_contract import FileContract
from file_stage import NAMES, NUMBERS, POSTS, START, FileStage, Post
from telegram_exports import GROUP, chat, write

from grouparchive.platforms.telegram.export import TelegramExport


class TelegramStage(FileStage):
    can = POSTS | {
        Can.CHANGES, Can.REPLIES, Can.MENTIONS, Can.STRANGERS, Can.SERVICE, Can.REACTIONS, Can.PINS, Can.FILES, Can.LOST_FILES, Can.HOSTILE,
    }  # fmt: skip
    kind = TelegramExport
    group = room = GROUP

    def handle(self, who: str) -> str:
        return str(NUMBERS[who])

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        messages: list[Any] = [self._message(folder, post) for post in posts]
        late = (START + 9**8) // 1000
        messages += [self._line(9**8, "ada", late, "pin_message", message_id=number + 1) for number in self.pinned]
        write(folder / "result.json", chat(*messages, *[5, [], {"id": "x"}][: self.wrong]))
        return folder

    def _line(self, number: int, who: str, time: int, action: str, **more: Any) -> dict[str, Any]:
        head = {"id": number, "type": "service", "date": "2026-03-01T00:00:00", "date_unixtime": str(time)}
        actor = {"actor": NAMES[who], "actor_id": f"user{NUMBERS[who]}", "action": action}
        return head | actor | more | {"text": "", "text_entities": []}

    def _message(self, folder: Path, post: Post) -> dict[str, Any]:
        if post.whom:
            names = [NAMES[post.whom]]
            return self._line(post.number + 1, post.who, post.seconds, "invite_members", members=names)
        entities = [
            {"type": "mention_name", "text": NAMES[who], "user_id": NUMBERS[who]}
            if who
            else {"type": "plain", "text": words}
            for words, who in post.parts()
        ]
        item = {
            "id": post.number + 1, "type": "message", "date": "2026-03-01T00:00:00", "date_unixtime": str(post.seconds),
            "from": NAMES[post.who], "from_id": f"user{NUMBERS[post.who]}",
            "text": [one if one["type"] != "plain" else one["text"] for one in entities], "text_entities": entities,
        }  # fmt: skip
        if post.changed:
            item |= {"edited": "2026-03-06T00:00:00", "edited_unixtime": str(post.changed // 1000)}
        if post.reply_to >= 0:
            item["reply_to_message_id"] = post.reply_to + 1
        if post.reactions:
            item["reactions"] = [
                {
                    "type": "emoji", "count": 1, "emoji": key,
                    "recent": [{"from": NAMES[who], "from_id": f"user{NUMBERS[who]}", "date": "2026-03-01T00:00:00"}],
                }
                for who, key in post.reactions
            ]  # fmt: skip
        if post.file:
            item |= {"file": "(File not included.)" if self.lost else f"files/{post.number}.bin", "file_name": post.name,
                     "mime_type": "application/octet-stream"}  # fmt: skip
            if not self.lost:
                (folder / "files").mkdir(exist_ok=True)
                (folder / "files" / f"{post.number}.bin").write_bytes(post.file)
        return item

    def hostile(self) -> int:
        self.wrong = 3
        return 2


class TestTelegram(FileContract):
    stage = TelegramStage
