"""Records in our own schemas: an import of a group and live backups of it are one history, whichever came first."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli_machine import GROUP, Machine, Village


def told(machine: Machine) -> dict[tuple[str, str], Any]:
    out = machine.run("export", GROUP, "--format", "jsonl", "--with-roster", opened=True).out
    records = [json.loads(line) for line in out.splitlines()]
    people = {one["id"]: one["native"] for one in records if one.get("kind") == "member"}
    text = {
        (one["kind"], one.get("channel", "") + " " + one["ref"]): json.dumps(one) for one in records if "ref" in one
    }
    for id_, native in people.items():
        text = {key: value.replace(id_, native) for key, value in text.items()}
    kinds = {"group", "channel", "message", "edit", "reaction"}
    return {key: json.loads(value) for key, value in text.items() if key[0] in kinds}


@pytest.mark.parametrize("order", ["import first", "backup first"])
def test_an_import_and_a_live_backup_are_one_history(village: Village, tmp_path: Path, order: str) -> None:
    machines = []
    for name in ("live", "both"):
        (tmp_path / name).mkdir()
        machine = Machine(tmp_path / name)
        machine.init()
        machine.add("home", village.path)
        machines.append(machine)
    live, both = machines
    live.run("backup", "home")
    export = tmp_path / "orchard.jsonl"
    export.write_text(
        live.run("export", GROUP, "--format", "jsonl", "--with-roster", opened=True).out, encoding="utf-8"
    )
    if order == "backup first":
        both.run("backup", "home")
    said = both.run("import", export, "--json", code=None)
    assert "speaks of a sandbox group" in said.err
    done = said.done
    assert done["messages"] == 30
    if order == "import first":
        assert both.run("backup", "home", "--json").done["messages"] == 30
    assert told(both) == told(live)
    people = both.run("roster", "list", "--json", opened=True).done["people"]
    assert people == live.run("roster", "list", "--json", opened=True).done["people"]
    assert both.run("import", export, "--json").done["new"] == 0
