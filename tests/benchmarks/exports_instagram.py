"""Makes a large Instagram download, quickly."""

import json
import random
import zipfile
from pathlib import Path

WORDS = ("light", "on", "the", "water", "grüße", "🌿", "from", "the", "garden", "see", "you", "on", "sunday")


def write(path: Path, count: int, seed: int = 1) -> None:
    """A zip with `count` followers, a tenth as many posts, and `count` messages in a group chat."""
    chance = random.Random(seed)
    followers = [
        {
            "title": "",
            "media_list_data": [],
            "string_list_data": [
                {
                    "href": f"https://www.instagram.com/member.{n}",
                    "value": f"member.{n}",
                    "timestamp": 1_500_000_000 + n,
                }
            ],
        }
        for n in range(count)
    ]
    posts = [
        {"media": [{"uri": f"media/posts/{n}.jpg", "creation_timestamp": 1_600_000_000 + n, "title": _text(chance)}]}
        for n in range(count // 10)
    ]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("connections/followers_and_following/followers_1.json", json.dumps(followers, indent=2))
        pack.writestr("your_instagram_activity/media/posts_1.json", json.dumps(posts, indent=2))
        user = [{"string_map_data": {"Username": {"value": "quiet.garden"}, "Name": {"value": "Quiet Garden"}}}]
        pack.writestr(
            "personal_information/personal_information/personal_information.json", json.dumps({"profile_user": user})
        )
        for number, start in enumerate(range(0, count, 10_000), 1):
            lines = [
                {
                    "sender_name": f"Member {chance.randrange(40)}",
                    "timestamp_ms": (1_700_000_000 - n * 30) * 1000,
                    "content": _text(chance),
                }
                for n in range(start, min(start + 10_000, count))
            ]
            head = {
                "participants": [{"name": f"Member {n}"} for n in range(40)],
                "title": "Pond",
                "thread_path": "inbox/pond_777888",
            }
            pack.writestr(
                f"your_instagram_activity/messages/inbox/pond_777888/message_{number}.json",
                json.dumps({**head, "messages": lines}, indent=2),
            )


def _text(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(3, 30))).encode().decode("latin-1")
