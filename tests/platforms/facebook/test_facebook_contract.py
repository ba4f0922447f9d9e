"""What people can save of Facebook keeps the contract of all connectors."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from connector_stage import Can
from facebook_exports import (
    GROUP,
    HEADER,
    comment,
    entry,
    har,
    html_page,
    member_edge,
    members_answer,
    put,
    saved_members,
    story,
    table,
    user,
)
from file_contract import FileContract
from file_stage import NAMES, NUMBERS, POSTS, FileStage, Post

from grouparchive.platforms.facebook.capture import FacebookCapture
from grouparchive.platforms.facebook.download import FacebookDownload
from grouparchive.platforms.facebook.saved import FacebookPage
from grouparchive.platforms.facebook.table import FacebookMembersTable

INBOX = "messages/inbox/gardenfriends_777888"
PLACE = f"your_facebook_activity/{INBOX}"
AT_ONCE = 500


class ThreadStage(FileStage):
    """A thread of Messenger: in its groups, a download holds only what the account itself wrote."""

    can = POSTS | {
        Can.MENTIONS, Can.SERVICE, Can.REACTIONS, Can.FILES, Can.LOST_FILES, Can.ROSTERS, Can.HOSTILE,
    }  # fmt: skip
    kind = FacebookDownload
    group = room = "777888"

    def handle(self, who: str) -> str:
        return f"name:{NAMES[who].lower()}"

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        files: dict[str, Any] = {}
        messages = [self._message(post, files) for post in posts]
        thread = {
            "participants": [{"name": name} for name in ("Keeper", *(NAMES[who] for who in self.members))],
            "messages": [*[5, {"timestamp_ms": "never"}][: self.wrong], *reversed(messages)],
            "title": "Garden friends",
            "is_still_participant": True,
            "thread_path": "inbox/gardenfriends_777888",
            "thread_type": "RegularGroup",
        }
        return put(folder / "download.zip", {f"{PLACE}/message_1.json": thread, **files})

    def _message(self, post: Post, files: dict[str, Any]) -> dict[str, Any]:
        said: dict[str, Any] = {"sender_name": NAMES[post.who], "timestamp_ms": post.time}
        if post.whom:
            return said | {"content": f"{NAMES[post.who]} added {NAMES[post.whom]} to the group."}
        said["content"] = post.said(lambda who: f"@{NAMES[who]}")
        if post.file:
            said["files"] = [{"uri": f"{INBOX}/files/{post.name}", "creation_timestamp": post.seconds}]
            if not self.lost:
                files[f"{PLACE}/files/{post.name}"] = post.file
        if post.reactions:
            said["reactions"] = [{"reaction": key, "actor": NAMES[who]} for who, key in post.reactions]
        return said

    def hostile(self) -> int:
        self.wrong = 2
        return 2


class HtmlThreadStage(FileStage):
    can = POSTS | {Can.MENTIONS, Can.SERVICE, Can.REACTIONS, Can.FILES, Can.LOST_FILES}
    kind = FacebookDownload
    group = room = "777888"

    def handle(self, who: str) -> str:
        return f"name:{NAMES[who].lower()}"

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        there = ", ".join(NAMES[who] for who in self.members)
        blocks = [(f"Participants: {there} and Keeper", "", "")]
        files: dict[str, Any] = {}
        for post in reversed(posts):
            body = post.said(lambda who: f"@{NAMES[who]}")
            if post.whom:
                body = f"{NAMES[post.who]} added {NAMES[post.whom]} to the group."
            if post.file:
                name = f"{PLACE}/files/{post.name}"
                body += f'<a href="{name}"><img src="{name}"></a>'
                if not self.lost:
                    files[name] = post.file
            if post.reactions:
                shown = "".join(f"<li>{key}{NAMES[who]}</li>" for who, key in post.reactions)
                body = f"<div>{body}</div><ul class='_a6-q'>{shown}</ul>"
            blocks.append((NAMES[post.who], body, self._time(post)))
        page = html_page(*blocks, title="Garden friends")
        return put(folder / "download.zip", {f"{PLACE}/message_1.html": page, **files})

    def _time(self, post: Post) -> str:
        return post.clock("%b %d, %Y %I:%M:%S ") + post.clock("%p").lower()


class CaptureStage(FileStage):
    can = POSTS | {
        Can.CHANGES,
        Can.MENTIONS,
        Can.STRANGERS,
        Can.REPLIES,
        Can.FILES,
        Can.LOST_FILES,
        Can.FACES,
        Can.HOSTILE,
    }
    kind = FacebookCapture
    group = room = GROUP

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.faces: dict[str, bytes] = {}

    def handle(self, who: str) -> str:
        return str(NUMBERS[who])

    def words(self, who: str) -> list[str]:
        return [self.handle(who), *NAMES[who].split()]

    def face(self, who: str, picture: bytes) -> None:
        self.faces[who] = picture

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        entries = [self._answer(members_answer(*(member_edge(NUMBERS[who], NAMES[who]) for who in self.members)))]
        nodes = [self._node(post) for post in posts]
        for at in range(0, len(nodes), AT_ONCE):
            edges = [{"node": node} for node in nodes[at : at + AT_ONCE]]
            entries.append(self._answer({"data": {"node": {"group_feed": {"edges": edges}}}}))
        entries += [entry('{"data": {"node":') for _ in range(self.wrong)]
        entries += list(self._pictures(posts))
        return har(folder / "capture.har", *entries)

    def _answer(self, whole: Any) -> dict[str, Any]:
        return entry(json.dumps(whole), at=f"2026-06-{10 + self.days}T10:00:00.000Z")

    def _pictures(self, posts: Sequence[Post]) -> Iterator[dict[str, Any]]:
        for who, picture in self.faces.items():
            yield entry(picture, url=f"https://scontent.fbcdn.net/v/t1/{NUMBERS[who]}_n.jpg", mime="image/jpeg")
        for post in posts:
            if post.file and not self.lost:
                yield entry(
                    post.file, url=f"https://scontent.fbcdn.net/v/t1/{900_000 + post.number}_n.jpg", mime="image/jpeg"
                )

    def _node(self, post: Post) -> dict[str, Any]:
        text, ranges = "", []
        for words, who in post.parts():
            if who:
                entity = {
                    "__typename": "User",
                    "id": str(NUMBERS[who]),
                    "name": NAMES[who],
                    "url": f"https://www.facebook.com/profile.php?id={NUMBERS[who]}",
                }
                ranges.append({"entity": entity, "offset": len(text), "length": len(NAMES[who])})
            text += NAMES[who] if who else words
        author = user(NUMBERS[post.who], NAMES[post.who])
        if post.reply_to >= 0:
            answer = comment(500_100 + post.number, 500_100 + post.reply_to, text, author, post.seconds)
            return answer | {"body": {"text": text, "ranges": ranges}}
        media: list[dict[str, Any]] = []
        if post.file:
            number = 900_000 + post.number
            image = {"uri": f"https://scontent.fbcdn.net/v/t1/{number}_n.jpg?_nc=SIGNED", "width": 40, "height": 30}
            media = [{"media": {"__typename": "Photo", "id": str(number), "photo_image": image}}]
        return story(500_100 + post.number, text, author, post.seconds, ranges=ranges, attachments=media)

    def hostile(self) -> int:
        self.wrong = 2
        return 2


class _People(FileStage):
    can = frozenset({Can.EXPORTS})
    group = room = GROUP

    def handle(self, who: str) -> str:
        return str(NUMBERS[who])

    def parts(self) -> tuple[Path, Path, Path]:
        self.members = ["ada", "ben"]
        first = self.export()
        self.members = ["ben", "cyd"]
        second = self.export()
        self.members = ["ada", "ben", "cyd"]
        return first, second, self.export()


class TableStage(_People):
    kind = FacebookMembersTable

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:  # noqa: ARG002 - nobody writes
        link = "https://www.facebook.com/profile.php?id="
        rows = [
            (str(NUMBERS[who]), NAMES[who], f"{link}{NUMBERS[who]}", "", "", GROUP, "Joined last week", "User")
            for who in self.members
        ]
        assert len(rows[0]) == len(HEADER)
        return table(folder / "members.csv", *rows)


class SavedStage(_People):
    kind = FacebookPage

    def write(self, folder: Path, posts: Sequence[Post]) -> Path:  # noqa: ARG002 - nobody writes
        path = folder / "Quiet Garden.html"
        path.write_text(saved_members({NUMBERS[who]: NAMES[who] for who in self.members}, data="{}"), encoding="utf-8")
        return path


class TestThread(FileContract):
    stage = ThreadStage


class TestHtmlThread(FileContract):
    stage = HtmlThreadStage


class TestCapture(FileContract):
    stage = CaptureStage


class TestTable(FileContract):
    stage = TableStage


class TestSaved(FileContract):
    stage = SavedStage
