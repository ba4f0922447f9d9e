"""Who has the backup machine can go on writing. What they write may be noise; it does not reach into what was before."""

import os
import shutil
from pathlib import Path

import pytest
from adversary_kit import Computer

from grouparchive.archive.create import create_archive
from grouparchive.archive.fold import Moment, fold
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.writer import Writer
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from grouparchive.model.records import AnyRecord, Channel, Group, Member, Membership, Roster, Tombstone
from grouparchive.platforms.sandbox.world import World

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
