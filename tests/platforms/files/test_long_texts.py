"""A post of a million emoji, in the export of each platform: cut, told, and never dropped."""

import json
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from grouparchive.model import codec
from grouparchive.model.records import Gap, Message, Record
from grouparchive.platforms import discord, facebook, generic, instagram, mail, slack, telegram, whatsapp
from grouparchive.platforms.files import Choices, FilePlatform, open_box

LONG = "😀" * 1_000_000
EMOJI = "\U0001f600"


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def a_discord() -> dict[str, str]:
    author = {"id": "1", "name": "fern", "nickname": "Fern", "isBot": False, "roles": []}
    message = {
        "id": "5",
        "type": "Default",
        "timestamp": "2023-11-14T22:13:20+00:00",
        "content": LONG,
        "author": author,
    }
    message |= {"isPinned": False, "attachments": [], "embeds": [], "reactions": [], "mentions": []}
    place = {
        "id": "11",
        "type": "GuildTextChat",
        "categoryId": "1",
        "category": "Beds",
        "name": "general",
        "topic": None,
    }
    whole = {"guild": {"id": "9", "name": "Garden", "iconUrl": ""}, "channel": place, "dateRange": {"after": None}}
    return {"general.json": dumped({**whole, "messages": [message], "messageCount": 1})}


def a_telegram() -> dict[str, str]:
    message = {"id": 1, "type": "message", "date": "2023-11-14T22:13:20", "date_unixtime": "1700000000", "from": "Fern"}
    message |= {"from_id": "user1", "text": LONG, "text_entities": []}
    chat = {"name": "Garden", "type": "private_supergroup", "id": 1234567890, "messages": [message]}
    return {"result.json": dumped(chat)}


def a_slack() -> dict[str, str]:
    message = {"type": "message", "user": "U1", "ts": "1700000000.000100", "text": LONG}
    channel = {"id": "C0GENERAL1", "name": "general", "created": 1, "creator": "U1", "members": ["U1"]}
    user = {"id": "U1", "team_id": "T1", "name": "fern", "profile": {"real_name": "Fern"}}
    return {
        "users.json": dumped([user]),
        "channels.json": dumped([channel]),
        "general/2023-11-14.json": json.dumps([message]),  # as Slack does: with each emoji as twelve letters
    }


def a_facebook_post() -> dict[str, str]:
    title = "Fern Moss posted in Garden."
    post = {"timestamp": 1600000300, "title": title, "data": [{"post": LONG.encode().decode("latin-1")}]}
    return {
        "your_facebook_activity/groups/group_posts_and_comments.json": json.dumps(
            {"group_posts_v2": [post]}
        ),  # as it does
        "personal_information/profile_information/profile_information.json": dumped(
            {"profile_v2": {"name": {"full_name": "Fern Moss"}}}
        ),
    }


def a_thread(top: str, **more: str) -> dict[str, str]:
    line = {"sender_name": "Fern", "timestamp_ms": 1700000001000, "content": LONG.encode().decode("latin-1")}
    people = [{"name": "Fern"}, {"name": "Moss"}, {"name": "Reed"}]
    thread = {"participants": people, "messages": [line], "title": "Garden", "thread_path": "inbox/g_777", **more}
    return {f"{top}/messages/inbox/g_777/message_1.json": json.dumps(thread)}


def a_capture() -> dict[str, str]:
    group = {"__typename": "Group", "id": "100200300", "name": "Garden"}
    story = {
        "__typename": "Story",
        "id": "story:9",
        "post_id": "400100",
        "creation_time": 1600000000,
        "message": {"text": LONG, "ranges": []},
        "actors": [{"__typename": "User", "id": "41", "name": "Fern"}],
        "to": group,
    }
    answer = {"data": {"node": {**group, "group_feed": {"edges": [{"node": story}]}}}}
    url = "https://www.facebook.com/api/graphql/"
    entry = {
        "startedDateTime": "2024-01-01T00:00:00Z",
        "request": {"method": "POST", "url": url},
        "response": {"status": 200, "content": {"mimeType": "application/json", "text": dumped(answer)}},
    }
    return {"a.har": dumped({"log": {"version": "1.2", "creator": {"name": "facebook"}, "entries": [entry]}})}


def an_instagram_post() -> dict[str, str]:
    post = {"media": [], "title": LONG.encode().decode("latin-1"), "creation_timestamp": 1600000010}
    post["media"] = [{"uri": "media/posts/1.jpg", "creation_timestamp": 1600000010, "title": ""}]
    user = {"profile_user": [{"string_map_data": {"Username": {"value": "quiet.garden"}}}]}
    return {
        "your_instagram_activity/media/posts_1.json": dumped([post]),
        "media/posts/1.jpg": "a picture",
        "personal_information/personal_information/personal_information.json": dumped(user),
    }


def a_mail() -> dict[str, str]:
    head = "From: Fern <fern@example.org>\nTo: garden@lists.example.org\nSubject: Seeds\nMessage-ID: <1@example.org>\n"
    head += "Date: Thu, 16 Apr 2015 09:53:04 +0000\nList-Id: <garden.lists.example.org>\n"
    head += "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
    return {"garden.mbox": f"From fern@example.org Thu Apr 16 09:53:04 2015\n{head}\n{LONG}\n"}


def some_lines() -> dict[str, str]:
    heads = [
        {"kind": "group", "ref": "g", "platform": "matrix", "origin": "example.org", "name": "Garden"},
        {"kind": "channel", "ref": "c", "group": "g"},
        {"kind": "message", "channel": "c", "ref": "m", "time": 1, "text": LONG},
    ]
    return {"garden.jsonl": "".join(dumped(one) + "\n" for one in heads)}


def a_whatsapp() -> dict[str, str]:
    return {"WhatsApp Chat with Garden.txt": f"31/12/19, 21:05 - Fern: {LONG}\n31/12/19, 21:06 - Moss: b\n"}


CASES: dict[str, tuple[FilePlatform, Callable[[], dict[str, str]]]] = {
    "discord": (discord.PLATFORM, a_discord),
    "telegram": (telegram.PLATFORM, a_telegram),
    "slack": (slack.PLATFORM, a_slack),
    "facebook": (facebook.PLATFORM, a_facebook_post),
    "facebook-thread": (
        facebook.PLATFORM,
        lambda: a_thread("your_facebook_activity", thread_type="RegularGroup"),
    ),
    "facebook-capture": (facebook.PLATFORM, a_capture),
    "instagram": (instagram.PLATFORM, an_instagram_post),
    "instagram-thread": (instagram.PLATFORM, lambda: a_thread("your_instagram_activity")),
    "mail": (mail.PLATFORM, a_mail),
    "generic": (generic.PLATFORM, some_lines),
    "whatsapp": (whatsapp.PLATFORM, a_whatsapp),
}


def read(platform: FilePlatform, path: Path) -> tuple[list[Record], list[Gap]]:
    with closing(open_box(path)) as box:
        form = next(form for form in platform.formats if form.recognises(box, Choices()))
        connector = form(box, lambda native, _name, _avatar: f"{sum(native.encode()):032x}", Choices())
        pages = [page for group in list(connector.groups()) for page in connector.pages(group.ref, {})]
    return [one for page in pages for one in page.records], [gap for page in pages for gap in page.gaps]


@pytest.mark.parametrize("case", CASES)
def test_a_post_of_a_million_emoji_is_cut_and_told(case: str, tmp_path: Path) -> None:
    platform, make = CASES[case]
    path = tmp_path / "export.zip"
    files = make()
    if len(files) == 1 and case not in {"facebook-thread", "instagram-thread"}:
        (name,) = files
        path = tmp_path / name
        path.write_text(files[name])
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for name, text in files.items():
                out.writestr(name, text)
    records, gaps = read(platform, path)
    (text,) = {one.text for one in records if isinstance(one, Message) and EMOJI in one.text}
    assert len(text) > 300_000
    assert text.count(EMOJI) >= len(text) - 10  # mails begin with their subject
    assert max(len(codec.encode(one)) for one in records) <= codec.MAX_RECORD
    assert [(gap.code, gap.count) for gap in gaps if not gap.limit] == [("text-cut", 1)]
