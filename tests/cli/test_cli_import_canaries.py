"""After exports of every platform came in: no name, handle, number or text on the backup machine or in what it said, and in the
posts, opened without the roster, nobody is named by the platform.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cli_machine import Machine

from grouparchive.demo import scan

ONE, OTHER = "Quillon Canary", "Vesper Canary"
PHONE, ADDRESS, OTHER_ADDRESS = "+491701230001", "quillon@canary.example", "vesper@canary.example"
SECRETS = ["canary-cookie-value", "canary-fb-dtsg", "canary-bearer"]
PEOPLE = [
    ONE, OTHER, "Quillon", "Vesper", PHONE, "170 1230001", ADDRESS, OTHER_ADDRESS, "quillon_canary", "vesper_canary",
    "U0CANARY001", "U0CANARY002", "777000111", "777000222", "880000000000111", "880000000000222", "900000111", "900000222",
]  # fmt: skip
TEXT = "heliotrope canary sentence"


def _zip(path: Path, files: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in files.items():
            file.writestr(name, data if isinstance(data, str | bytes) else json.dumps(data))
    return path


def whatsapp(folder: Path) -> Path:
    chat = (
        f"31/12/19, 21:04 - {ONE} added {OTHER} and +49 170 1230001\n31/12/19, 21:05 - {ONE}: {TEXT}\n"
        f"31/12/19, 21:06 - {OTHER}: ask @\u2068{ONE}\u2069\n31/12/19, 21:07 - {OTHER}: {ONE}.vcf (file attached)\n"
        f"31/12/19, 21:08 - +49 170 1230001: <attached: 0001-PHOTO {OTHER}.jpg>\n31/12/19, 21:09 - {OTHER} left\n"
        f"31/12/19, 21:10 - {ONE} tat etwas Neues mit {OTHER}\n"
    )
    return _zip(
        folder / "WhatsApp Chat - Walk.zip", {"_chat.txt": chat, f"{ONE}.vcf": f"BEGIN:VCARD\nFN:{ONE}\nEND:VCARD\n"}
    )


def telegram(folder: Path) -> Path:
    common = {"date": "2019-12-31T21:05:00", "date_unixtime": "1577826300"}
    said = {"type": "message", "from": ONE, "from_id": "user777000111", "text_entities": []} | common
    messages = [
        {"id": 1, "type": "service", "actor": ONE, "actor_id": "user777000111", "action": "invite_members", "members": [OTHER]} | common,
        {"id": 2, "text": TEXT} | said,
        {"id": 3, "text": [{"type": "mention", "text": "@vesper_canary"}, " and ",
                           {"type": "mention_name", "text": OTHER, "user_id": 777000222}], "forwarded_from": OTHER} | said,
        {"id": 4, "text": "", "file": "(File not included. Change data exporting settings to download.)",
         "file_name": f"{ONE} @quillon_canary.pdf"} | said,
    ]  # fmt: skip
    (folder / "telegram").mkdir()
    path = folder / "telegram" / "result.json"
    path.write_text(
        json.dumps({"name": "Walk", "type": "private_supergroup", "id": 1234567, "messages": messages}, indent=1)
    )
    return path.parent


def slack(folder: Path) -> Path:
    users = [
        {"id": ref, "team_id": "T0WALK00001", "name": handle, "real_name": name, "profile": {"real_name": name, "email": address}}
        for ref, handle, name, address in (
            ("U0CANARY001", "quillon_canary", ONE, ADDRESS), ("U0CANARY002", "vesper_canary", OTHER, OTHER_ADDRESS),
        )
    ]  # fmt: skip
    topic = {"value": "ask <@U0CANARY001>", "creator": "U0CANARY002", "last_set": 1577000000}
    channel = {"id": "C0WALK00001", "name": "walk", "created": 1577000000, "creator": "U0CANARY001", "topic": topic,
               "members": ["U0CANARY001", "U0CANARY002"]}  # fmt: skip
    direct = {"id": "D0WALK00001", "created": 1577000000, "members": ["U0CANARY001", "U0CANARY002"]}
    day = [
        {"type": "message", "user": "U0CANARY001", "text": TEXT, "ts": "1577826300.000100",
         "reactions": [{"name": "candle", "users": ["U0CANARY002"], "count": 1}]},
        {"type": "message", "user": "U0CANARY002", "text": "<@U0CANARY001> <@U0CANARY001|quillon_canary>", "ts": "1577826301.000100"},
        {"type": "message", "subtype": "channel_join", "user": "U0CANARY002", "text": "<@U0CANARY002> has joined", "ts": "1577826302.0001"},
        {"type": "message", "user": "U0CANARY001", "text": "", "ts": "1577826303.000100",
         "files": [{"id": "F0CANARY001", "name": f"{OTHER}.png", "title": OTHER, "url_private": "https://x.example/U0CANARY001/y"}]},
    ]  # fmt: skip
    return _zip(
        folder / "Walk Slack export Dec 1 2019 - Dec 31 2019.zip",
        {"users.json": users, "channels.json": [channel], "dms.json": [direct], "walk/2019-12-31.json": day,
         "D0WALK00001/2019-12-31.json": day[:1]},
    )  # fmt: skip


def discord(folder: Path) -> Path:
    def user(number: int, handle: str, name: str) -> dict[str, Any]:
        return {
            "id": str(number),
            "name": handle,
            "discriminator": "0000",
            "nickname": name,
            "color": None,
            "isBot": False,
            "roles": [],
            "avatarUrl": "",
        }

    one, other = user(900000111, "quillon_canary", ONE), user(900000222, "vesper_canary", OTHER)
    base = {"type": "Default", "timestamp": "2019-12-31T21:05:00+00:00", "timestampEdited": None, "callEndedTimestamp": None,
            "isPinned": False, "attachments": [], "embeds": [], "stickers": [], "reactions": [], "mentions": [], "author": one}  # fmt: skip
    messages = [
        {"id": "1", "content": TEXT} | base,
        {"id": "2", "content": f"ask @{OTHER}"} | base | {"mentions": [other]},
        {"id": "3", "content": "Added Vesper Canary to the group."} | base | {"type": "RecipientAdd", "mentions": [other]},
        {"id": "4", "content": ""} | base | {"attachments": [
            {"id": "5", "url": "https://cdn.example/a.png", "fileName": "quillon_canary.png", "fileSizeBytes": 3}]},
    ]  # fmt: skip
    whole = {
        "guild": {"id": "42", "name": "Walk", "iconUrl": ""},
        "channel": {"id": "43", "type": "GuildTextChat", "categoryId": None, "category": None, "name": "walk", "topic": "ask <@900000111>"},
        "dateRange": {"after": None, "before": None}, "exportedAt": "2020-01-01T00:00:00+00:00", "messages": messages,
        "messageCount": len(messages),
    }  # fmt: skip
    path = folder / "Walk - walk [43].json"
    path.write_text(json.dumps(whole, indent=2))
    return path


def mail(folder: Path) -> Path:
    mails = ""
    for number, (name, address) in enumerate(((ONE, ADDRESS), (OTHER, OTHER_ADDRESS))):
        mails += (
            f"From {address} Tue Dec 31 21:05:00 2019\nFrom: {name} <{address}>\nTo: walk@lists.example\nSubject: soup\n"
            f"Date: Tue, 31 Dec 2019 21:0{number}:00 +0000\nMessage-ID: <m{number}@lists.example>\nList-Id: Walk <walk.lists.example>\n"
            + (
                f"In-Reply-To: <m0@lists.example>\n\nOn Tue, {ONE} <{ADDRESS}> wrote:\n> {TEXT}\n\nwrite to {ADDRESS}\n\n"
                if number
                else f"\n{TEXT}\n\n"
            )
        )
    path = folder / "walk.mbox"
    path.write_text(mails)
    return path


def facebook_table(folder: Path) -> Path:
    path = folder / "members.csv"
    head = "Profile Id,Full Name,Profile Link,Bio,ImageSrc,GroupId,Group Joining Text,Profile Type\n"
    rows = [f"{number},{name},https://www.facebook.com/{handle},,,123456789012345,Joined on Sunday,User\n"
            for number, name, handle in (("880000000000111", ONE, "quillon_canary"), ("880000000000222", OTHER, "vesper_canary"))]  # fmt: skip
    path.write_text(head + "".join(rows))
    return path


def facebook_capture(folder: Path) -> Path:
    nodes = [
        {
            "node": {
                "__typename": "User",
                "__isProfile": "User",
                "id": number,
                "name": name,
                "url": f"https://www.facebook.com/{handle}",
            }
        }
        for number, name, handle in (
            ("880000000000111", ONE, "quillon_canary"),
            ("880000000000222", OTHER, "vesper_canary"),
        )
    ]
    answer = {
        "data": {
            "group": {"__typename": "Group", "id": "123456789012345", "name": "Walk", "new_members": {"edges": nodes}}
        }
    }
    headers = [{"name": "Cookie", "value": SECRETS[0]}, {"name": "Authorization", "value": SECRETS[2]}]
    entry = {
        "startedDateTime": "2024-05-01T10:00:00.000Z",
        "request": {"method": "POST", "url": "https://www.facebook.com/api/graphql/", "headers": headers, "cookies": [],
                    "postData": {"mimeType": "application/x-www-form-urlencoded", "text": f"fb_dtsg={SECRETS[1]}"}},
        "response": {"status": 200, "headers": headers, "content": {"mimeType": "text/html", "text": json.dumps(answer)}},
    }  # fmt: skip
    path = folder / "www.facebook.com.har"
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": [entry]}}))
    return path


def facebook_threads(folder: Path) -> Path:
    people = [{"name": ONE}, {"name": OTHER}, {"name": "Reed"}]
    thread = {
        "participants": people, "title": "Walk", "thread_path": "inbox/walk_1234567", "thread_type": "RegularGroup",
        "messages": [
            {"sender_name": ONE, "timestamp_ms": 1577826300000, "content": TEXT, "type": "Generic"},
            {"sender_name": OTHER, "timestamp_ms": 1577826301000, "content": f"{OTHER} added {ONE} to the group.", "type": "Subscribe",
             "users": [{"name": ONE}]},
        ],
    }  # fmt: skip
    return _zip(
        folder / "facebook-quillon.zip", {"your_facebook_activity/messages/inbox/walk_1234567/message_1.json": thread}
    )


def instagram(folder: Path) -> Path:
    thread = {
        "participants": [{"name": ONE}, {"name": OTHER}, {"name": "Reed"}], "title": "Walk", "thread_path": "inbox/walk_7654321",
        "messages": [
            {"sender_name": ONE, "timestamp_ms": 1577826300000, "content": TEXT},
            {"sender_name": OTHER, "timestamp_ms": 1577826301000, "content": f"{OTHER} named the group Walk."},
        ],
    }  # fmt: skip
    return _zip(
        folder / "instagram-x.zip", {"your_instagram_activity/messages/inbox/walk_7654321/message_1.json": thread}
    )


def table(folder: Path) -> Path:
    path = folder / "people.csv"
    path.write_text(f"Name,Email,Phone\n{ONE},{ADDRESS},{PHONE}\n{OTHER},{OTHER_ADDRESS},\n")
    return path


def cards(folder: Path) -> Path:
    path = folder / "contacts.vcf"
    path.write_text(f"BEGIN:VCARD\nVERSION:3.0\nFN:{ONE}\nEMAIL:{ADDRESS}\nTEL:{PHONE}\nEND:VCARD\n")
    return path


MADE = [
    whatsapp, telegram, slack, discord, mail, facebook_table, facebook_capture, facebook_threads, instagram, table, cards,
]  # fmt: skip


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.__name__)
def test_an_import_leaves_nobody_on_the_machine_and_nobody_in_the_posts(
    machine: Machine, tmp_path: Path, made: Any
) -> None:
    machine.init()
    (tmp_path / "in").mkdir()
    path = made(tmp_path / "in")
    done = machine.run("import", path, "-v", "--json", "--group", "Walk", code=None)
    assert done.done["new"] > 0, done.err
    said = "".join(machine.spoken).replace(str(path), "")
    machine.run("status", "--json")
    hits, size = scan.found(
        [one for one in machine.folder.iterdir() if one != machine.drawer], [*PEOPLE, *SECRETS, TEXT]
    )
    assert hits == []
    assert size > 50_000
    assert [one for one in [*PEOPLE, *SECRETS, TEXT] if one in said] == []

    groups = machine.run("groups", "--json", opened=True).events
    for group in [event for event in groups if event["event"] == "group"]:
        posts = machine.run("export", "--format", "jsonl", "--", group["ref"], opened=True).out
        assert [one for one in [*PEOPLE, *SECRETS] if one in posts.replace(f"> {TEXT}", "")] == []
        everything = machine.run("export", "--format", "jsonl", "--with-roster", "--", group["ref"], opened=True).out
        assert any(one in everything for one in PEOPLE)
        assert not any(one in everything for one in SECRETS)
