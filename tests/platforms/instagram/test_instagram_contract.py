"""Instagram's download keeps the contract of all connectors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connector_stage import Can
from file_contract import FileContract
from file_stage import NAMES, POSTS, FileStage, Post
from instagram_exports import download, put

from grouparchive.platforms.instagram.download import InstagramDownload

INBOX = "your_instagram_activity/messages/inbox/pond_1234567"
ME = "personal_information/personal_information/personal_information.json"


class InstagramStage(FileStage):
    """A thread: what the account posted is its own."""

    can = POSTS | {
        Can.MENTIONS, Can.SERVICE, Can.REACTIONS, Can.FILES, Can.LOST_FILES, Can.ROSTERS, Can.HOSTILE,
    }  # fmt: skip
    kind = InstagramDownload
    group = room = "1234567"

    def handle(self, who: str) -> str:
        return f"name:{NAMES[who].lower()}"

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        files: dict[str, Any] = {ME: download()[ME] | {}}
        messages = [self._message(post, files) for post in posts]
        files[f"{INBOX}/message_1.json"] = {
            "participants": [{"name": name} for name in ("Keeper", *(NAMES[who] for who in self.members))],
            "messages": [*[5, {"timestamp_ms": "never"}][: self.wrong], *reversed(messages)],
            "title": "Pond",
            "is_still_participant": True,
            "thread_path": "inbox/pond_1234567",
            "magic_words": [],
        }
        files["media/profile.jpg"] = b"a picture"
        return put(folder / "download.zip", files)

    def _message(self, post: Post, files: dict[str, Any]) -> dict[str, Any]:
        said: dict[str, Any] = {"sender_name": NAMES[post.who], "timestamp_ms": post.time}
        if post.whom:
            return said | {"content": f"{NAMES[post.who]} added {NAMES[post.whom]} to the group."}
        said["content"] = post.said(lambda who: f"@{NAMES[who]}")
        if post.file:
            said["photos"] = [{"uri": f"{INBOX}/photos/{post.name}", "creation_timestamp": post.seconds}]
            if not self.lost:
                files[f"{INBOX}/photos/{post.name}"] = post.file
        if post.reactions:
            said["reactions"] = [{"reaction": key, "actor": NAMES[who]} for who, key in post.reactions]
        return said

    def hostile(self) -> int:
        self.wrong = 2
        return 2


class TestInstagram(FileContract):
    stage = InstagramStage
