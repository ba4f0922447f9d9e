"""Discord's export keeps the contract of all connectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connector_stage import Can
from discord_exports import channel, message, user, write
from file_contract import FileContract
from file_stage import HANDLES, NAMES, NUMBERS, POSTS, FileStage, Post

from grouparchive.platforms.discord.export import DiscordExport


def person(who: str) -> dict[str, Any]:
    return user(1, id=str(NUMBERS[who]), name=HANDLES[who], nickname=NAMES[who])


class DiscordStage(FileStage):
    can = POSTS | {
        Can.CHANGES, Can.REPLIES, Can.MENTIONS, Can.STRANGERS, Can.SERVICE, Can.REACTIONS, Can.PINS, Can.FILES, Can.LOST_FILES, Can.HOSTILE,
    }  # fmt: skip
    kind = DiscordExport
    group, room = "9", "11"

    def handle(self, who: str) -> str:
        return str(NUMBERS[who])

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        name = "Garden - Beds - general [11].json"
        found = [self._message(folder / f"{name}_Files", post) for post in posts]
        write(folder / name, channel(*found, *[5, [], {"id": "x"}][: self.wrong]))
        return folder

    def _message(self, files: Path, post: Post) -> dict[str, Any]:
        attached = []
        if post.file:
            attached = [
                {"id": "1", "url": f"{files.name}/{post.number}.bin", "fileName": post.name, "fileSizeBytes": 9}
            ]
            if not self.lost:
                files.mkdir(exist_ok=True)
                (files / f"{post.number}.bin").write_bytes(post.file)
        more: dict[str, Any] = {"type": "Reply"} if post.reply_to >= 0 else {}
        if post.reply_to >= 0:
            more["reference"] = {"messageId": str(post.reply_to + 1), "channelId": "11", "guildId": "9"}
        if post.whom:
            more["type"] = "RecipientAdd"
        told = post.said(lambda who: f"@{NAMES[who]}")
        return message(
            post.number + 1,
            f"Added {NAMES[post.whom]} to the group." if post.whom else told,
            author=person(post.who),
            timestamp=post.clock("%Y-%m-%dT%H:%M:%S.000+00:00"),
            mentions=[person(who) for who in (*dict.fromkeys(who for _, who in post.parts()), post.whom) if who],
            timestampEdited="2026-03-06T00:00:00.000+00:00" if post.changed else None,
            attachments=attached,
            isPinned=post.number in self.pinned,
            reactions=[
                {"emoji": {"id": "", "name": key, "code": "x", "isAnimated": False}, "count": 1, "users": [person(who)]}
                for who, key in post.reactions
            ],
            **more,
        )

    def hostile(self) -> int:
        self.wrong = 3
        return 2


class TestDiscord(FileContract):
    stage = DiscordStage
