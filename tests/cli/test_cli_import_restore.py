"""An export that came in by hand is rebuilt on the real homeserver: what it holds stands there, what it lacks is told."""

import json
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cli_machine import Machine

from grouparchive.demo.homeserver import Homeserver

V3 = "/_matrix/client/v3"
CHAT = """31/12/19, 21:04 - Fern created group "Lantern walk"
31/12/19, 21:05 - Fern: we meet at the old bridge
31/12/19, 21:05 - Moss: who brings soup?
31/12/19, 21:06 - Reed: IMG-20191231-WA0001.jpg (file attached)
the pot
31/12/19, 21:07 - Reed: <Media omitted>
31/12/19, 21:08 - Moss: thanks @\u2068Reed\u2069
"""
PICTURE = b"\xff\xd8\xff\xe0 soup \xff\xd9"


@pytest.mark.homeserver
def test_a_whatsapp_chat_is_rebuilt_on_matrix(machine: Machine, homeserver: Homeserver, tmp_path: Path) -> None:
    machine.init()
    token = homeserver.register("keeper-of-the-lantern")
    machine.run(
        "source", "add", "new", "matrix", f"origin={homeserver.url}/", f"token-file={machine.secret('token', token)}"
    )
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Lantern walk.zip", "w") as file:
        file.writestr("_chat.txt", CHAT)
        file.writestr("IMG-20191231-WA0001.jpg", PICTURE)
    assert machine.run("import", tmp_path / "WhatsApp Chat - Lantern walk.zip", "--json").done["messages"] == 6

    plan = tmp_path / "plan"
    made = machine.run("plan", "Lantern walk", "--to", "new", "--content", "all", "-o", plan, "--json", opened=True)
    digest = next(event["digest"] for event in made.events if "digest" in event)
    shown = machine.run("show", plan, "--gaps", opened=True).out
    assert "messages-empty" in shown
    assert "service-lines" in shown
    machine.run("apply", plan, "--expect", digest, opened=True)

    rooms: Any = homeserver.call("GET", f"{V3}/joined_rooms", token)
    (room,) = rooms["joined_rooms"]
    answer: Any = homeserver.call("GET", f"{V3}/rooms/{quote(room)}/messages", token, params={"dir": "f", "limit": 100})
    bodies = json.dumps([event["content"] for event in answer["chunk"] if event["type"] == "m.room.message"])
    for text in ("we meet at the old bridge", "who brings soup?", "the pot"):
        assert text in bodies
    assert bodies.index("old bridge") < bodies.index("who brings soup") < bodies.index("thanks")
    assert "Fern" not in bodies, "an imported name is shown to people who cannot be asked"
    machine.run("report", plan, opened=True, code=None)
