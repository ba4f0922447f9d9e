"""The command line on the real homeserver: revoked tokens, encrypted rooms with their keys."""

import runpy
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cli_machine import Machine

from grouparchive.demo.homeserver import Homeserver

HERE = Path(__file__).resolve().parent
V3 = "/_matrix/client/v3"


@pytest.fixture
def admin(homeserver: Homeserver) -> tuple[str, str]:
    """A room and the token of its admin."""
    token = homeserver.register("keeper-of-the-cli")
    created: Any = homeserver.call("POST", f"{V3}/createRoom", token, {"name": "Canary room of the command line"})
    return token, created["room_id"]


@pytest.mark.homeserver
def test_room_keys_and_a_revoked_token(machine: Machine, homeserver: Homeserver, admin: tuple[str, str]) -> None:
    pytest.importorskip("vodozemac")
    e2ee = runpy.run_path(str(HERE.parent / "matrix" / "test_matrix_export_e2ee.py"))
    token, room = admin
    path = f"{V3}/rooms/{quote(room)}"
    homeserver.call("PUT", f"{path}/state/m.room.encryption/", token, {"algorithm": "m.megolm.v1.aes-sha2"})
    session = e2ee["Megolm"](room)
    sealed = session.encrypt("m.room.message", {"msgtype": "m.text", "body": "heliotrope under lock and key"})
    homeserver.call("PUT", f"{path}/send/m.room.encrypted/1", token, sealed)

    machine.init()
    machine.run(
        "source", "add", "home", "matrix", f"origin={homeserver.url}/", f"token-file={machine.secret('token', token)}"
    )
    machine.run("backup", "home", code=None)
    assert machine.run("search", "heliotrope", "--json", opened=True).done["hits"] == 0

    keys = machine.drawer / "keys.txt"
    keys.write_bytes(e2ee["key_file"]([session.exported()]))
    keys.chmod(0o600)
    wrong = machine.secret("wrong", "not the phrase of this file")
    arguments = ["source", "add", "home", "matrix", f"room-keys-file={keys}"]
    machine.run(*arguments, code=2)
    machine.run(*arguments, f"room-keys-passphrase-file={wrong}", code=12)
    right = machine.secret("right", e2ee["PASSPHRASE"])
    assert machine.run(*arguments, f"room-keys-passphrase-file={right}", "--json").events[0]["new"] == 1
    assert machine.run(*arguments, f"room-keys-passphrase-file={right}", "--json").events[0]["new"] == 0
    assert machine.run("search", "heliotrope", "--json", opened=True).done["hits"] == 1
    export = machine.run("export", room, "--format", "jsonl", opened=True).out
    assert "heliotrope under lock and key" in export
    assert "heliotrope" not in "".join(machine.spoken)

    homeserver.call("POST", f"{V3}/logout", token, {})
    failure = machine.run("backup", "home", "--json", code=20).failure
    assert token not in failure["error"] + failure["hint"]
    machine.run("source", "check", "home", code=20)
    assert machine.run("search", "heliotrope", "--json", opened=True).done["hits"] == 1
