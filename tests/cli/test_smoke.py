"""The shortest whole way through the command line, each command a process of its own, on the sandbox platform."""

from pathlib import Path
from typing import Any

from cli_machine import GROUP, HANDLES, PASSPHRASE, TEXT, Done, Machine, Village

from grouparchive.platforms.sandbox.world import World


class Processes(Machine):
    """Each command is a process of its own."""

    def run(self, *arguments: Any, **more: Any) -> Done:
        return super().run(*arguments, **(more if arguments[0] == "init" else {"process": True} | more))


def test_from_first_backup_to_members_coming_back(village: Village, tmp_path: Path) -> None:
    (tmp_path / "processes").mkdir()
    machine = Processes(tmp_path / "processes")
    machine.init()
    assert machine.recovery.stat().st_mode & 0o777 == 0o600
    machine.add("home", village.path)

    first = machine.run("--json", "backup", "home").done
    assert first["groups"] == 1
    assert first["channels"] == 3
    assert first["messages"] == 30
    assert first["attachments"] == 1
    assert first["new"] > 40
    assert first["gaps"] == []
    again = machine.run("backup", "--all", "--json").done
    assert again["messages"] == again["new"] == 0
    assert "home" in machine.run("status").out
    machine.run("verify")

    assert GROUP in machine.run("groups", opened=True).out
    hits = machine.run("search", "CANARY", "changed", "--json", opened=True)
    assert hits.done["hits"] == 1
    jsonl = machine.run("export", GROUP, "--format", "jsonl", opened=True).out
    assert jsonl.count('"kind":"message"') == 30
    assert not any(handle in jsonl for handle in HANDLES)
    machine.run("verify", "--deep", opened=True)
    assert (
        machine.run("roster", "list", "--summary", "--json", opened=True).events[0]["members"] == 11
    )  # the keeper, too

    world = World(village.path)
    world.delete_group(village.group)
    world.close()
    assert machine.run("backup", "home", "--json", code=3).done["gaps"] == [{"code": "group-gone", "count": 1}]
    assert machine.run("backup", "home", code=0).code == 0  # the same gap again is not new

    elsewhere = tmp_path / "elsewhere.sqlite"
    there = World(elsewhere)
    for handle in HANDLES:
        there.person(handle)
    machine.add("new-home", elsewhere)
    plan = machine.plan
    made = machine.run(
        "plan", GROUP, "--to", "new-home", "--content", "all", "--authors", "ghost", "-o", plan, "--json", opened=True
    ).done
    assert made["posts"] == 30
    assert GROUP.encode() not in plan.read_bytes()
    shown = machine.run("show", plan, opened=True).out
    assert made["digest"] in shown
    machine.run("backup", "home")  # what is added after planning does not make the plan stale
    digest = ["--expect", made["digest"]]
    assert machine.run("apply", plan, *digest, "--dry-run", "--json", opened=True).done["done"] == 0
    applied = machine.run("apply", plan, *digest, "--json", opened=True).done
    assert applied["failed"] == 0
    assert applied["done"] == applied["total"]
    machine.run("plan", GROUP, "--to", "new-home", "-o", plan, opened=True, code=2)  # a plan that was begun stays
    resumed = machine.run("apply", plan, *digest, "--json", opened=True).done
    assert resumed["done"] == 0
    assert resumed["already"] == applied["done"]

    prepared = machine.run("invite", "prepare", plan, "--json", opened=True).done
    assert prepared["held"] == prepared["people"] >= 9
    assert machine.run("invite", "send", plan, "--json", opened=True).done["sent"] == 0
    machine.run("invite", "prepare", plan, "--release", "all", opened=True)
    sent = machine.run("invite", "send", plan, "--json", opened=True).done
    assert sent["sent"] == prepared["people"]
    assert machine.run("invite", "send", plan, "--json", opened=True).done["sent"] == 0
    guest = HANDLES[2]
    seen = there.sync_of(guest)
    assert not seen.joined
    place = next(iter(seen.invitations))
    assert GROUP not in str(seen)
    there.join(place, guest)
    assert there.sync_of(guest).unread == {}
    there.close()
    assert machine.run("invite", "status", plan, "--json", opened=True).done["joined"] == 1

    machine.run("apply", plan, "--reveal", *digest, opened=True)
    report = machine.run("report", plan, "--json", opened=True)
    assert report.done["unexplained"] == 0
    assert PASSPHRASE not in "".join(machine.spoken)
    assert TEXT not in "".join(machine.spoken)
