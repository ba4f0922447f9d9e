"""Slack's export keeps the contract of all connectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connector_stage import Can
from file_contract import FileContract
from file_stage import HANDLES, MAILS, NAMES, POSTS, START, FileStage, Post
from slack_exports import GENERAL, TEAM, user, write

from grouparchive.platforms.slack import SlackExport

KEEPER = "U0KEEPER01"


class SlackStage(FileStage):
    can = POSTS | {
        Can.CHANGES, Can.MENTIONS, Can.STRANGERS, Can.SERVICE, Can.REACTIONS, Can.PINS, Can.TOPICS, Can.ROSTERS, Can.LEVELS, Can.HOSTILE,
    }  # fmt: skip
    kind = SlackExport
    group, room = TEAM, GENERAL

    def handle(self, who: str) -> str:
        return f"U0{HANDLES[who].upper()}"

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        days: dict[str, Any] = {}
        for post in posts:
            days.setdefault(f"general/{post.clock('%Y-%m-%d')}", []).append(self._message(post))
        if self.wrong:
            days.setdefault("general/2026-03-09", []).extend([5, [], {"ts": "x", "type": "message"}])
        people = [
            user(self.handle(who), name, updated=START // 1000, profile={"email": MAILS[who]})
            for who, name in NAMES.items()
        ]
        people.append(user(KEEPER, "Keeper", is_admin=True, is_owner=True, is_primary_owner=True))
        general = {
            "id": GENERAL, "name": "general", "created": START // 1000 - 5000, "creator": KEEPER, "is_archived": False,
            "is_general": True, "members": [KEEPER, *map(self.handle, self.members)],
            "topic": {"value": self._written(self.topic), "creator": KEEPER, "last_set": START // 1000},
            "purpose": {"value": "All of us"},
            "pins": [{"id": self._ts(number), "type": "C", "user": KEEPER} for number in self.pinned],
        }  # fmt: skip
        path = folder / "Rose Garden Slack export Mar 1 2026 - Mar 3 2026.zip"
        return write(path, days, people=people, about={"channels.json": [general]})

    def _ts(self, number: int) -> str:
        return f"{(START // 1000) + number * 30}.000100"

    def _written(self, text: str) -> str:
        return Post(0, "", text, 0).said(lambda who: f"<@{self.handle(who)}>")

    def _message(self, post: Post) -> dict[str, Any]:
        said = {"type": "message", "user": self.handle(post.who), "ts": self._ts(post.number)}
        if post.whom:
            joined = {"user": self.handle(post.whom), "subtype": "channel_join", "inviter": self.handle(post.who)}
            return said | joined | {"text": f"<@{self.handle(post.whom)}> has joined the channel"}
        more: dict[str, Any] = {"text": self._written(post.text)}
        if post.changed:
            more["edited"] = {"user": said["user"], "ts": f"{post.changed // 1000}.000000"}
        if post.reactions:
            more["reactions"] = [{"name": key, "users": [self.handle(who)], "count": 1} for who, key in post.reactions]
        return said | more

    def hostile(self) -> int:
        self.wrong = 3
        return 2


class TestSlack(FileContract):
    stage = SlackStage
