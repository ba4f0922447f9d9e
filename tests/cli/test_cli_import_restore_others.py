"""Exports of other platforms, rebuilt on the real homeserver: order and words are there, what is lacking is told."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cli_machine import Machine

from grouparchive.demo.homeserver import Homeserver

V3 = "/_matrix/client/v3"
SAID = ["we meet at the old bridge", "who brings soup?", "a pot is there"]
WHO = ["Fern", "Moss", "Fern"]


def telegram(folder: Path) -> tuple[Path, str]:
    messages = [
        {
            "id": number, "type": "message", "date": f"2019-12-31T21:0{number}:00",
            "date_unixtime": str(1_577_826_000 + 60 * number),
            "from": who, "from_id": f"user{1000 + len(who)}", "text": text, "text_entities": [{"type": "plain", "text": text}],
        }
        for number, (who, text) in enumerate(zip(WHO, SAID, strict=True), 1)
    ]  # fmt: skip
    path = folder / "result.json"
    path.write_text(
        json.dumps(
            {"name": "Lantern walk", "type": "private_supergroup", "id": 1234567, "messages": messages}, indent=1
        )
    )
    return path, "Lantern walk"


def slack(folder: Path) -> tuple[Path, str]:
    path = folder / "Lantern walk Slack export Dec 1 2019 - Dec 31 2019.zip"
    people = {"Fern": "U0FERN00001", "Moss": "U0MOSS00001"}
    users = [
        {"id": ref, "team_id": "T0LANTERN01", "name": name.lower(), "real_name": name, "profile": {}}
        for name, ref in people.items()
    ]
    channel = {
        "id": "C0WALK00001",
        "name": "walk",
        "created": 1_577_000_000,
        "creator": "U0FERN00001",
        "members": list(people.values()),
    }
    day = [
        {"type": "message", "user": people[who], "text": text, "ts": f"157782600{number}.000100"}
        for number, (who, text) in enumerate(zip(WHO, SAID, strict=True))
    ]
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("users.json", json.dumps(users))
        file.writestr("channels.json", json.dumps([channel]))
        file.writestr("walk/2019-12-31.json", json.dumps(day))
    return path, "Lantern walk"


def facebook(folder: Path) -> tuple[Path, str]:
    posts = [
        {
            "timestamp": 1_577_826_000 + 60 * number, "title": "Fern posted in Lantern walk.",
            "data": [{"post": text, "update_timestamp": 1_577_826_000}],
        }
        for number, text in enumerate(SAID)
    ]  # fmt: skip
    path = folder / "facebook-fern.zip"
    with zipfile.ZipFile(path, "w") as file:
        where = "your_facebook_activity/groups/"
        file.writestr(
            f"{where}your_groups.json",
            json.dumps({"groups_admined_v2": [{"name": "Lantern walk", "timestamp": 1_500_000_000}]}),
        )
        file.writestr(f"{where}group_posts_and_comments.json", json.dumps({"group_posts_v2": posts}))
    return path, "Lantern walk"


@pytest.mark.homeserver
@pytest.mark.parametrize("made", [telegram, slack, facebook], ids=lambda made: made.__name__)
def test_an_export_is_rebuilt_on_matrix(
    machine: Machine, homeserver: Homeserver, tmp_path: Path, made: Callable[[Path], tuple[Path, str]]
) -> None:
    machine.init()
    token = homeserver.register(f"keeper-of-{made.__name__}")
    machine.run(
        "source", "add", "new", "matrix", f"origin={homeserver.url}/", f"token-file={machine.secret('token', token)}"
    )
    export, group = made(tmp_path)
    read = machine.run("import", export, "--json", code=None)
    assert read.done["messages"] == len(SAID), read.err
    assert read.done["gaps"]

    plan = tmp_path / "plan"
    planned = machine.run("plan", group, "--to", "new", "--content", "all", "-o", plan, "--json", opened=True)
    digest = next(event["digest"] for event in planned.events if "digest" in event)
    assert "times-in-text" in machine.run("show", plan, "--gaps", opened=True).out
    machine.run("apply", plan, "--expect", digest, opened=True)

    rooms: Any = homeserver.call("GET", f"{V3}/joined_rooms", token)
    found: list[str] = []
    for room in rooms["joined_rooms"]:
        answer: Any = homeserver.call(
            "GET", f"{V3}/rooms/{quote(room)}/messages", token, params={"dir": "f", "limit": 100}
        )
        found += [event["content"]["body"] for event in answer["chunk"] if event["type"] == "m.room.message"]
    assert [body.partition("] ")[2] for body in found] == SAID
    assert "Fern" not in json.dumps(found)
