"""A made-up Slack workspace of any size, as Slack exports one: a zip with a small JSON file for each channel and day."""

import json
import random
import time
import zipfile
from pathlib import Path
from typing import Any

TEAM = "T0BENCH001"
USERS = 400
CHANNELS = 24
DAY = 120  # messages of a channel in a day, on average
FIRST = 1_577_880_000  # 1 January 2020
_DAY = 86_400


def write(path: Path, count: int, seed: int = 1) -> None:
    """Write an export of `count` messages, about 1.4 kB each."""
    dice = random.Random(seed)
    texts = _texts(dice)
    users = [f"U0{number:03d}BENCH" for number in range(USERS)]
    channels = [(f"C0{number:03d}BENCH", f"room-{number}") for number in range(CHANNELS)]
    profiles = [
        json.dumps(
            {
                "avatar_hash": f"g{number:011x}",
                "image_72": f"https://avatars.invalid/{number:032x}.jpg?s=72&d=https%3A%2F%2Fa.invalid%2Fimg%2Fava_0001-72.png",
                "first_name": "Fern", "real_name": f"Fern {number}", "display_name": f"fern{number}", "team": TEAM,
                "name": f"fern{number}", "is_restricted": False, "is_ultra_restricted": False,
            }
        )
        for number in range(USERS)
    ]  # fmt: skip
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
        out.writestr("users.json", json.dumps([_user(number, user) for number, user in enumerate(users)], indent=4))
        out.writestr("channels.json", json.dumps([_channel(ref, name, users) for ref, name in channels], indent=4))
        left, day, number = count, 0, 0
        while left:
            for _, name in channels:
                size = min(left, max(1, int(dice.gauss(DAY, 40))))
                if not size:
                    break
                messages = []
                threads: list[str] = []
                for place in range(size):
                    number += 1
                    ts = f"{FIRST + day * _DAY + place * (_DAY // (size + 1))}.{number % 1_000_000:06d}"
                    messages.append(
                        _message(dice, number, ts, users=users, profiles=profiles, texts=texts, threads=threads)
                    )
                left -= size
                date = time.strftime("%Y-%m-%d", time.gmtime(FIRST + day * _DAY))
                out.writestr(f"{name}/{date}.json", "[\n    " + ",\n    ".join(messages) + "\n]")
            day += 1


def _texts(dice: random.Random) -> list[str]:
    words = [
        "".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.choice((2, 3, 4, 5, 6, 7, 9)))) for _ in range(4000)
    ]
    return [" ".join(dice.choice(words) for _ in range(max(2, int(dice.gauss(17, 9))))) for _ in range(5000)]


def _user(number: int, ref: str) -> dict[str, Any]:
    return {
        "id": ref, "team_id": TEAM, "name": f"fern{number}", "deleted": number % 40 == 7, "color": "9f69e7",
        "real_name": f"Fern {number}", "tz": "Europe/Amsterdam", "updated": FIRST + number, "is_bot": number % 80 == 3,
        "is_admin": number < 4, "is_owner": number < 2, "is_primary_owner": number == 0, "is_restricted": number % 50 == 9,
        "is_ultra_restricted": False, "is_app_user": False,
        "profile": {
            "real_name": f"Fern {number}", "display_name": f"fern{number}", "email": f"fern{number}@members.example",
            "phone": f"+31 20 555 {number:04d}", "image_72": f"https://avatars.invalid/{number}.jpg", "team": TEAM,
        },
    }  # fmt: skip


def _channel(ref: str, name: str, users: list[str]) -> dict[str, Any]:
    return {
        "id": ref, "name": name, "created": FIRST, "creator": users[0], "is_archived": False, "is_general": name == "room-0",
        "members": users, "topic": {"value": "", "creator": "", "last_set": 0}, "purpose": {"value": "What happens in it"},
    }  # fmt: skip


def _message(
    dice: random.Random,
    number: int,
    ts: str,
    *,
    users: list[str],
    profiles: list[str],
    texts: list[str],
    threads: list[str],
) -> str:
    """One message as Slack writes them now: the text twice, the author's profile, and a few ids."""
    who = number * 31 % USERS
    user, text = users[who], texts[number * 17 % len(texts)]
    kind = number % 50
    further = ""
    if kind == 1:
        text = f"<@{users[number % USERS]}> {text}"
    elif kind == 2:
        text = f"{text} <https://example.org/{number}|a page about it> &amp; more"
    elif kind == 3:
        text = f"*{text[:20].strip()}* and `{text[-10:].strip()}`\n&gt; {text[:30]}"
    elif kind == 4:
        further = f', "edited": {{"user": "{user}", "ts": "{ts[:10]}.000000"}}'
    elif kind in {5, 6, 7}:
        other = users[(who + 9) % USERS]
        further = f', "reactions": [{{"name": "+1", "users": ["{other}", "{user}"], "count": 2}}]'
    elif kind == 8:
        name = f"picture-{number}.png"
        further = (
            f', "files": [{{"id": "F{number:09d}", "created": {ts[:10]}, "name": "{name}", "title": "{name}", '
            f'"mimetype": "image/png", "filetype": "png", "user": "{user}", "mode": "hosted", "size": 24000, '
            f'"url_private": "https:\\/\\/files.invalid\\/files-pri\\/{TEAM}-F{number:09d}\\/{name}?t=xoxe-{number}", '
            '"original_w": 640, "original_h": 480}], "upload": false'
        )
    elif kind == 9 or (kind > 40 and threads):
        thread = dice.choice(threads) if kind > 40 else ts
        threads.append(ts) if kind == 9 else None
        further = f', "thread_ts": "{thread}", "parent_user_id": "{user}"'
    elif kind == 10 and number % 7 == 0:
        return (
            f'{{\n        "subtype": "channel_join",\n        "user": "{user}",\n'
            f'        "text": "<@{user}> has joined the channel",\n        "type": "message",\n        "ts": "{ts}"\n    }}'
        )
    quoted = json.dumps(text)
    return (
        f'{{\n        "user": "{user}",\n        "type": "message",\n        "ts": "{ts}",\n'
        f'        "client_msg_id": "{dice.getrandbits(128):032x}",\n        "text": {quoted},\n        "team": "{TEAM}",\n'
        f'        "user_team": "{TEAM}",\n        "source_team": "{TEAM}",\n'
        f'        "user_profile": {profiles[who]},\n'
        '        "blocks": [\n            {\n                "type": "rich_text",\n'
        f'                "block_id": "{number:05x}",\n'
        '                "elements": [\n                    {\n                        "type": "rich_text_section",\n'
        '                        "elements": [\n                            {\n'
        '                                "type": "text",\n'
        f'                                "text": {quoted}\n                            }}\n                        ]\n'
        f"                    }}\n                ]\n            }}\n        ]{further}\n    }}"
    )
