"""Who has the backup machine can go on writing. What they write may be noise; it does not reach into what was before."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from adversary_kit import PASSPHRASE, Computer

from grouparchive.archive.attended import roster_secrets
from grouparchive.archive.create import create_archive
from grouparchive.archive.fold import Moment, fold
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.writer import Writer
from grouparchive.crypto.slots import Passphrase, RecoveryKey, new_recovery_slots
from grouparchive.model.plan import Grant, Plan
from grouparchive.model.records import (
    AnyRecord,
    Attachment,
    Ban,
    Channel,
    Fact,
    Group,
    Member,
    Membership,
    Message,
    Pins,
    Roster,
    Setting,
    Tombstone,
)
from grouparchive.people.campaign import campaign_path, load_campaign
from grouparchive.platforms.sandbox.world import World
from grouparchive.restore import planfile

HOUR = 3_600_000
NOON = 1_790_000_000_000
ORIGIN = "lane.test"


def roster(*numbers: int, run: str) -> list[AnyRecord]:
    """The group and its members as one run tells it."""
    ids = [f"{run}{number:031x}" for number in numbers]
    return [
        Group(ref="!g", platform="matrix", origin=ORIGIN, name=f"name {run}"),
        Channel(ref="!g", group="!g", type="room", name=f"name {run}"),
        Roster(channel="!g", time=NOON, members=len(ids)),
        *(
            Membership(channel="!g", member=id_, level=100 if number == 9 else 0)
            for id_, number in zip(ids, numbers, strict=True)
        ),
        *(
            Member(id=id_, platform="matrix", origin=ORIGIN, native=f"@{number}:{ORIGIN}")
            for id_, number in zip(ids, numbers, strict=True)
        ),
    ]


def test_a_commit_dated_back_does_not_change_the_past(tmp_path: Path) -> None:
    home = WriterHome.create(tmp_path / "writer")
    key = RecoveryKey(os.urandom(32))
    path = tmp_path / "group.gar"
    genesis = create_archive(path, home, lambda id_, roots: new_recovery_slots(key, id_, 0, roots), now=lambda: NOON)

    def commit(time: int, records: list[AnyRecord]) -> None:
        with Writer.open(path, WriterHome.load(home.folder), pinned=genesis.archive_id, now=lambda: time) as writer:
            for record in records:
                writer.add(record)
            writer.commit()

    def seen(moment: Moment) -> tuple[str, set[str]]:
        with Archive.open(path) as archive:
            view = fold([archive.unlock(key)], moment)
            people = {view.members[one.id].native for one in view.people("!g")}
            name = view.groups()[0].name
            view.close()
        return name, people

    commit(NOON + HOUR, roster(1, 2, 3, run="a"))
    commit(NOON + 3 * HOUR, roster(1, 2, 3, 4, run="b"))
    before = Moment(time=NOON + 2 * HOUR)
    assert seen(before) == ("name a", {f"@{number}:{ORIGIN}" for number in (1, 2, 3)})
    # The thief's clock says whatever the thief likes.
    commit(
        NOON + HOUR + 1, [*roster(1, 9, run="e"), Tombstone(channel="!g", ref="$t", target="$x", time=NOON + 9 * HOUR)]
    )
    assert seen(before) == ("name a", {f"@{number}:{ORIGIN}" for number in (1, 2, 3)})
    assert seen(Moment(seq=2)) == ("name b", {f"@{number}:{ORIGIN}" for number in (1, 2, 3, 4)})
    assert seen(Moment()) == (
        "name e",
        {f"@{number}:{ORIGIN}" for number in (1, 9)},
    )  # now: that is what trust is for, later


def test_commits_slipped_in_before_the_moment_make_a_plan_unsafe(computer: Computer, tmp_path: Path) -> None:
    """Between the newest backup and the moment there is room, until the next one. Who reviewed a plan without them is told."""
    world = World(tmp_path / "world.sqlite")
    world.person("@rowan:sandbox", "Rowan")
    group = world.create_group("The Walled Garden")
    world.join(group, "@rowan:sandbox", force=True)
    room = world.create_channel(group, "Beds")
    world.join(room, "@rowan:sandbox", force=True)
    world.post(room, "@rowan:sandbox", "words")
    World(tmp_path / "there.sqlite").close()
    computer.init()
    for name, file in (("home", "world"), ("there", "there")):
        computer.here("source", "add", name, "sandbox", f"file={tmp_path / file}.sqlite")
    computer.here("backup", "home")
    with Archive.open(computer.archive) as archive:
        newest, pinned = archive.commits[-1].time, archive.archive_id
    plan = computer.drawer / "plan"
    as_of = "2099-01-01T00:00:00"
    made = computer.here("--json", "plan", group, "--to", "there", "--as-of", as_of, "-o", plan, opened=True).done
    computer.here("show", plan, opened=True)
    kept = tmp_path / "kept"
    shutil.copytree(computer.folder, kept)
    home = WriterHome.load(computer.profile / "writer")
    with Writer.open(computer.archive, home, pinned=pinned, now=lambda: newest + 1) as writer:
        for record in (
            Roster(channel=group, time=newest, members=1),
            Membership(channel=group, member="e" * 32),
            Member(id="e" * 32, platform="sandbox", origin=world.origin, native="@thief:sandbox"),
        ):
            writer.add(record)
        writer.commit()
    for command in (
        ["show", plan],
        ["apply", plan, "--expect", made["digest"]],
        ["invite", "prepare", plan, "--release", "all"],
    ):
        assert "before the plan's moment" in computer.here(*command, opened=True, code=30).err
    world.close()


@pytest.mark.parametrize("moment", ["seq", "now"])
def test_later_backups_leave_such_plans_alone(computer: Computer, tmp_path: Path, moment: str) -> None:
    world = World(tmp_path / "world.sqlite")
    group = world.create_group("The Walled Garden")
    World(tmp_path / "there.sqlite").close()
    computer.init()
    for name, file in (("home", "world"), ("there", "there")):
        computer.here("source", "add", name, "sandbox", f"file={tmp_path / file}.sqlite")
    computer.here("backup", "home")
    as_of = ["--as-of", "1"] if moment == "seq" else []
    plan = computer.drawer / "plan"
    computer.here("plan", group, "--to", "there", *as_of, "-o", plan, opened=True)
    world.describe(group, name="Another name")
    world.close()
    computer.here("backup", "home")
    assert "Another name" not in computer.here("show", plan, opened=True).out


# --- who is a member, and what is said of them -------------------------------------------------------------------------------

GARDEN = "The Walled Garden"
ROWAN, FERN, MOSS = "@rowan:sandbox", "@fern:sandbox", "@moss:sandbox"
THIEVES = [f"@thief{number:02}:sandbox" for number in range(50)]
OLD, NEW = "rowan@lane.example", "thief@lane.example"


class Garden:
    """A group with backups, of whose people the owner has confirmed some things; and a place to rebuild it."""

    def __init__(self, computer: Computer, folder: Path) -> None:
        self.computer, self.plan = computer, computer.drawer / "way-back.plan"
        self.world, self.there = World(folder / "world.sqlite"), World(folder / "there.sqlite")
        for handle in (ROWAN, FERN, MOSS, *THIEVES):
            self.there.person(handle)
        self.group = self.world.create_group(GARDEN)
        for handle in (ROWAN, FERN, MOSS):
            self.world.person(handle)
            self.world.join(self.group, handle, level=100 if handle == ROWAN else 0, force=True)
        computer.init()
        for name, file in (("home", "world"), ("there", "there")):
            computer.here("source", "add", name, "sandbox", f"file={folder / file}.sqlite")
        computer.here("backup", "home")
        computer.here("roster", "add", ROWAN, f"mail={OLD}", "--source", "home")
        computer.here("roster", "confirm", ROWAN, opened=True)
        computer.here("roster", "add", FERN, "do-not-contact=yes", "--source", "home")
        self.trusted = str(computer.here("--json", "status").events[0]["commits"] - 1)

    def steal(self) -> None:
        """The thief has the profile and goes on writing, elsewhere, with any clock and any content."""
        stolen = self.computer.folder.parent / "stolen"
        shutil.copytree(self.computer.profile, stolen)
        with Archive.open(self.computer.archive) as archive:
            newest, pinned = archive.commits[-1].time, archive.archive_id
        home = WriterHome.load(stolen / "writer")
        with Writer.open(self.computer.archive, home, pinned=pinned, now=lambda: newest + 1) as writer:
            for record in self.forged():
                writer.add(record)
            writer.commit()

    def forged(self) -> Iterator[AnyRecord]:
        ids = {handle: f"{number:032x}" for number, handle in enumerate((ROWAN, FERN, MOSS, *THIEVES), 1)}
        yield Roster(channel=self.group, time=int(time.time() * 1000), members=len(ids))
        for handle, id_ in ids.items():
            yield Membership(channel=self.group, member=id_, level=100, since=1)
            yield Member(id=id_, platform="sandbox", origin=self.world.origin, native=handle)
            for field, key, value in (
                ("consent", "contact", "yes"), ("consent", "republish", "yes"), ("member", "", "yes"), ("tier", "", "1"),
                ("contact", "mail", NEW), ("do-not-contact", "", "no"), ("hold", "", "no"), ("voucher", "", ids[THIEVES[0]]),
                ("same-as", "", ids[ROWAN]),
            ):  # fmt: skip
                yield Fact(member=id_, field=field, key=key, value=value)  # type: ignore[arg-type]

    def make_plan(self, *more: str) -> dict[str, Any]:
        words = ["--json", "plan", GARDEN, "--to", "there", "--trusted", self.trusted, *more, "-o", self.plan]
        return self.computer.here(*words, opened=True).done

    def opened_plan(self) -> tuple[Plan, dict[str, bool]]:
        """The plan, and who is on hold in its invitations."""
        with Archive.open(self.computer.archive) as archive:
            reader = archive.unlock(Passphrase(PASSPHRASE))
            plan = planfile.load(self.plan, reader.key("content"), archive_id=archive.archive_id)
            view = fold([reader])
            proof = roster_secrets(reader)["invite"]
            campaign = load_campaign(campaign_path(self.plan), reader.key("content"), archive.archive_id, proof=proof)
            held = {view.members[view.canonical(one.member)].native: one.held for one in campaign.invitees}
            view.close()
        return plan, held

    def close(self) -> None:
        self.world.close()
        self.there.close()


@pytest.fixture
def garden(computer: Computer, tmp_path: Path) -> Iterator[Garden]:
    made = Garden(computer, tmp_path)
    yield made
    made.close()


def test_a_thief_of_the_writer_cannot_steer_the_rebuilt_group(garden: Garden) -> None:
    computer = garden.computer
    garden.steal()
    made = garden.make_plan()
    assert {gap["code"]: gap["count"] for gap in made["gaps"]}["roles-not-proved"] == 52
    shown = computer.here("invite", "prepare", garden.plan, opened=True).out
    assert "50  only backups after the trusted ones tell of them" in shown
    prepared = computer.here("--json", "invite", "prepare", garden.plan, "--release", "all", opened=True).done
    assert prepared["reasons"] == {"first-seen-after-trust": 50, "consent-unknown": 51, "do-not-contact": 1}
    plan, held = garden.opened_plan()
    assert held == {**dict.fromkeys(THIEVES, True), FERN: True, MOSS: False, ROWAN: False}
    assert len([one for one in plan.reveal if isinstance(one, Grant)]) == 1
    computer.here("apply", garden.plan, "--expect", made["digest"], opened=True)
    assert computer.here("--json", "invite", "send", garden.plan, opened=True).done["sent"] == 2
    asked = {handle for handle in (ROWAN, FERN, MOSS, *THIEVES) if garden.there.sync_of(handle).invitations}
    assert asked == {ROWAN, MOSS}

    people = {one["native"]: one for one in computer.here("--json", "roster", "list", opened=True).events[:-1]}
    assert people[ROWAN]["contacts"] == {"mail": OLD}
    assert f"mail: {NEW}" in people[ROWAN]["proposals"]
    assert "do-not-contact" in people[FERN]["holds"]
    for handle in (FERN, MOSS, *THIEVES):
        assert (people[handle]["consent"], people[handle]["contacts"], people[handle]["others"]) == ({}, {}, [])
    for name in THIEVES:
        assert "consent-unknown" in people[name]["holds"]


def test_who_was_forged_is_not_even_seen_at_the_trusted_position(garden: Garden) -> None:
    garden.steal()
    garden.make_plan("--as-of", garden.trusted)
    prepared = garden.computer.here("--json", "invite", "prepare", garden.plan, "--release", "all", opened=True).done
    assert (prepared["people"], prepared["reasons"]) == (3, {"consent-unknown": 1, "do-not-contact": 1})
    assert garden.opened_plan()[1] == {FERN: True, MOSS: False, ROWAN: False}


def test_without_a_trusted_position_a_clock_that_goes_back_gives_the_thief_away(
    computer: Computer, tmp_path: Path
) -> None:
    garden = Garden(computer, tmp_path)
    with Archive.open(computer.archive) as archive:
        first, pinned = archive.commits[0].time, archive.archive_id
    home = WriterHome.load(computer.profile / "writer")
    with Writer.open(computer.archive, home, pinned=pinned, now=lambda: first - HOUR) as writer:
        for record in garden.forged():
            writer.add(record)
        writer.commit()
    planned = computer.here("plan", GARDEN, "--to", "there", "-o", garden.plan, opened=True)
    assert "1 backup whose clock or signature cannot be right" in planned.err
    prepared = computer.here("--json", "invite", "prepare", garden.plan, "--release", "all", opened=True).done
    assert prepared["reasons"]["suspect-commit"] == 50
    assert garden.opened_plan()[1] == {**dict.fromkeys(THIEVES, True), FERN: True, MOSS: False, ROWAN: False}
    garden.close()


# --- noise -------------------------------------------------------------------------------------------------------------------

LOOK = """
import json, sys, time
from pathlib import Path
from grouparchive.archive.fold import fold
from grouparchive.archive.moment import Moment
from grouparchive.archive.reader import Archive
from grouparchive.crypto.slots import RecoveryKey
from grouparchive.model.plan import Observed, Policy, Trait
from grouparchive.platforms.matrix.target import MatrixTarget
from grouparchive.restore.desire import ArchiveTimelines, desired
from grouparchive.restore.planner import make_plan

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def peak():
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0]) * 1024

path, key, seq = sys.argv[1], sys.stdin.buffer.read(32), int(sys.argv[2])
before, began = resident(), time.monotonic()
archive = Archive.open(Path(path))
opened = time.monotonic()
view = fold([archive.unlock(RecoveryKey(key))], Moment(seq=seq), trusted={archive.commits[0].writer: seq})
observed = Observed(platform="matrix", traits=frozenset(Trait))
policy = Policy(key="ab" * 32, content="all", authors="ghost")
wanted = desired(view, "!g")
plan = make_plan(wanted, observed, MatrixTarget.performs, policy, ArchiveTimelines(view), target="there")
print(json.dumps({
    "digest": plan.digest(), "commits": len(archive.commits), "damage": view.damage(),
    "opening": opened - began, "seconds": time.monotonic() - began, "cpu": time.process_time(), "grown": peak() - before,
    "actions": len(plan.actions) + len(plan.reveal), "people": len(wanted.people),
}))
"""


def look(path: Path, key: RecoveryKey, seq: int) -> dict[str, Any]:
    """A plan at a commit, made by a process of its own, with what it took."""
    words = [sys.executable, "-W", "error", "-c", LOOK, str(path), str(seq)]
    done = subprocess.run(words, input=key.key, capture_output=True, check=True, timeout=1800)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def junk(number: int) -> Iterator[AnyRecord]:
    """One commit of noise, aimed at everything that was there before."""
    id_, real = f"e{number:031x}", f"f{number:031x}"
    yield Member(id=id_, platform="matrix", origin=ORIGIN, native=f"@junk{number}:{ORIGIN}", name="Junk")
    yield Member(id=real, platform="matrix", origin=ORIGIN, native=f"@1:{ORIGIN}", name="Somebody else")
    match number % 4:
        case 0:
            yield from (Group(ref="!g", platform="matrix", origin=ORIGIN, name=f"Seized {number}"), Pins(channel="!g"))
            yield Channel(ref="!g", group="!g", type="room", name="Seized", topic=f"{{member:{real}}}")
            yield Setting(channel="!g", name="m.room.join_rules", value='{"join_rule":"public"}')
        case 1:
            yield Roster(channel="!g", time=1, members=1, bans=1)
            yield Membership(channel="!g", member=id_, level=100, since=1)
            yield Ban(channel="!g", member=real)
        case 2:
            yield Tombstone(channel="!g", ref=f"$t{number}", target=f"$m{number % 20}", time=1)
            yield Message(channel="!g", ref=f"$m{number % 20}", time=1, text="rewritten", version=9)
            yield Message(channel="!g", ref=f"$junk{number}", time=1, author=real, text="dated back")
        case _:
            yield Fact(member=id_, field="consent", key="contact", value="yes")
            yield Fact(member=real, field="contact", key="mail", value=NEW)
            yield Attachment(ref="mxc://1", blob="0" * 64, size=1, sha256="0" * 64)


@pytest.mark.parametrize("commits", [300, pytest.param(100_000, marks=pytest.mark.faults)])
def test_noise_of_a_thief_changes_nothing_at_a_trusted_position(tmp_path: Path, commits: int) -> None:
    """Without end, until the disk is full: opening and planning stay quick and small."""
    memory = Path("/dev/shm")  # noqa: S108 - a hundred thousand commits on a disk wait for the disk most of the time
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 40_000 * commits
    with tempfile.TemporaryDirectory(dir=memory if roomy else tmp_path) as folder:
        home = WriterHome.create(Path(folder) / "writer")
        key = RecoveryKey(os.urandom(32))
        path = Path(folder) / "group.gar"
        genesis = create_archive(
            path, home, lambda id_, roots: new_recovery_slots(key, id_, 0, roots), now=lambda: NOON
        )
        with Writer.open(path, home, pinned=genesis.archive_id, now=lambda: NOON + HOUR) as writer:
            for record in roster(1, 2, 3, 9, run="a"):
                writer.add(record)
            for number in range(20):
                text = f"post for {{member:a{number % 3 + 1:031x}}}"
                post = {"author": f"a{number % 3 + 1:031x}", "text": text}
                writer.add(Message(channel="!g", ref=f"$m{number}", time=NOON + number, **post))
            writer.commit()
        before = look(path, key, 1)
        assert before["people"] == 4
        assert before["actions"] > 3
        with Writer.open(path, home, pinned=genesis.archive_id, now=lambda: NOON + HOUR) as writer:
            for number in range(commits):
                for record in junk(number):
                    writer.add(record)
                writer.commit()
        after = look(path, key, 1)
    print(json.dumps({"commits": commits, **after}))  # noqa: T201 - the figures, with -s
    assert (after["digest"], after["people"], after["damage"]) == (before["digest"], 4, [])
    assert after["commits"] == commits + 2
    assert after["grown"] - before["grown"] < 200_000_000
    assert (
        after["cpu"] - before["cpu"] < 10 + commits * 0.002
    )  # seconds of a processor: other tests may run beside this one
