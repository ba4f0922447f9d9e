"""Makes large Facebook exports, quickly: a capture of a group's pages, or a download's posts and a chat."""

import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WORDS = (
    "water",
    "the",
    "beds",
    "on",
    "sunday",
    "please",
    "bring",
    "gloves",
    "and",
    "seeds",
    "who",
    "has",
    "the",
    "key",
    "for",
    "the",
    "shed",
    "grüße",
    "🌿",
)
GROUP = "100200300400"


def write(path: Path, count: int, seed: int = 1) -> None:
    """A HAR with `count` members, and a post for every fourth, each with two comments. Its answers carry as much besides as
    real ones do.
    """
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write(
            '{"log":{"version":"1.2","creator":{"name":"WebInspector"},"pages":[{"title":"https://www.facebook.com/groups/"}],"entries":['
        )
        first = True
        for body in _answers(chance, count):
            file.write("" if first else ",")
            first = False
            json.dump(_entry(body, chance), file)
        file.write("]}}")


def write_download(path: Path, count: int, seed: int = 1) -> None:
    """A zip of the download with `count` posts in a group, and as many messages in a chat."""
    chance = random.Random(seed)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        posts = [
            {
                "timestamp": 1_600_000_000 - n * 60,
                "title": "Fern Moss posted in Quiet Garden.",
                "data": [{"post": _mangled(_text(chance))}],
                "attachments": [],
            }
            for n in range(count)
        ]
        pack.writestr(
            "your_facebook_activity/groups/group_posts_and_comments.json",
            json.dumps({"group_posts_v2": posts}, indent=2),
        )
        for number, start in enumerate(range(0, count, 10_000), 1):
            lines = [
                {
                    "sender_name": f"Member {chance.randrange(40)}",
                    "timestamp_ms": (1_700_000_000 - n * 30) * 1000,
                    "content": _mangled(_text(chance)),
                    "reactions": [{"reaction": _mangled("❤"), "actor": f"Member {chance.randrange(40)}"}],
                }
                for n in range(start, min(start + 10_000, count))
            ]
            head = {
                "participants": [{"name": f"Member {n}"} for n in range(40)],
                "title": "Garden friends",
                "thread_path": "inbox/garden_777888",
            }
            pack.writestr(
                f"your_facebook_activity/messages/inbox/garden_777888/message_{number}.json",
                json.dumps({**head, "messages": lines}, indent=2),
            )


def _answers(chance: random.Random, count: int) -> Iterator[str]:
    noise = {
        f"renderer_{n}": {"__typename": f"Comet{n}", "ids": [str(n)] * 8, "flag": None, "text": "x" * 40}
        for n in range(60)
    }
    for start in range(0, count, 10):
        edges = [
            {
                "node": {
                    **_user(n),
                    "bio_text": {"text": _text(chance)},
                    "group_membership": {"associated_group": {"id": GROUP}},
                },
                "join_status_text": {"text": "Joined about 2 weeks ago"},
                "cursor": "AQHR" * 20,
            }
            for n in range(start, min(start + 10, count))
        ]
        yield json.dumps(
            {
                "data": {
                    "node": {
                        "__typename": "Group",
                        "id": GROUP,
                        "name": "Quiet Garden",
                        "new_members": {"edges": edges},
                    }
                }
            }
        )
    for n in range(0, count, 4):
        post = 5_000_000_000 + n
        story = {
            "__typename": "Story",
            "id": f"S:_I{n}:VK:{post}",
            "post_id": str(post),
            "comet_sections": {
                "content": {"story": {"message": {"text": _text(chance), "ranges": []}, "actors": [_user(n)]}},
                **noise,
            },
            "timestamp": {"story": {"creation_time": 1_600_000_000 + n}},
            "to": {"__typename": "Group", "id": GROUP},
            "feedback": {
                "comments": {"edges": [{"node": _comment(post, post + 10**9 * (k + 1), chance, n)} for k in range(2)]}
            },
        }
        yield json.dumps(
            {"data": {"node": {"__typename": "Group", "id": GROUP, "group_feed": {"edges": [{"node": story}]}}}}
        )


def _comment(post: int, number: int, chance: random.Random, n: int) -> dict[str, Any]:
    return {
        "__typename": "Comment",
        "id": f"comment:{post}_{number}",
        "legacy_fbid": str(number),
        "body": {"text": _text(chance), "ranges": []},
        "author": _user(chance.randrange(n + 1)),
        "created_time": 1_600_000_100 + n,
    }


def _user(n: int) -> dict[str, Any]:
    return {
        "__typename": "User",
        "__isProfile": "User",
        "id": str(900_000 + n),
        "name": f"Member {n}",
        "url": f"https://www.facebook.com/profile.php?id={900_000 + n}",
        "profile_picture": {"uri": f"https://scontent.fbcdn.net/v/t1/{n}_n.jpg?oh=" + "a" * 100},
    }


def _entry(body: str, chance: random.Random) -> dict[str, Any]:
    headers = [{"name": f"h{n}", "value": "v" * 40} for n in range(30)]
    return {
        "startedDateTime": f"2024-05-01T10:{chance.randrange(60):02d}:00.000Z",
        "request": {
            "method": "POST",
            "url": "https://www.facebook.com/api/graphql/",
            "headers": headers,
            "postData": {"text": "v" * 2000},
        },
        "response": {
            "status": 200,
            "headers": headers,
            "content": {"size": len(body), "mimeType": "text/html", "text": body},
        },
        "timings": {},
    }


def _text(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(3, 30)))


def _mangled(text: str) -> str:
    return text.encode().decode("latin-1")
