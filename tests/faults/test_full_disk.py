"""A disk that is full, at any moment and for any of our files: a plain error, nothing lost, and the next run goes on."""

import random
from pathlib import Path

import pytest
from fault_kit import Town, seeded
from small_disk import SmallDisk, small_disk

from grouparchive.platforms.sandbox.world import World

PLACES = ("both", "archive", "profile")
NEED = {"both": 260_000, "archive": 200_000, "profile": 140_000}
"""Free bytes with which some backups of a round go through and some do not."""


def town_on(disk: SmallDisk, folder: Path, chance: random.Random, place: str) -> Town:
    archive = None if place == "profile" else disk.path / "group.gar"
    profile = None if place == "archive" else disk.path / "profile"
    return Town(folder / "machine", chance, archive=archive, profile=profile)


def play(folder: Path, rounds: int, series: int, place: str) -> int:
    """How often the disk was full."""
    chance = seeded(series)
    full = 0
    with small_disk(folder / "disk") as disk:
        town = town_on(disk, folder, chance, place)
        town.begin()
        for _ in range(rounds):
            town.grow(4000)
            with disk.filled(chance.randrange(NEED[place])):
                done = town.machine.run("backup", "home", "--json", process=True, code=None)
                assert done.code in {0, 1}, done.err
                if done.code:
                    full += 1
                    assert "disk is full" in done.failure["error"], done.err
                    assert "Free some space" in done.failure["hint"]
            town.look()
        town.compare()
        town.close()
    return full


@pytest.mark.parametrize("place", PLACES)
def test_backups_on_a_disk_that_is_full(tmp_path: Path, place: str) -> None:
    assert play(tmp_path, 4, PLACES.index(place), place) >= 1


@pytest.mark.faults
@pytest.mark.parametrize("series", range(6))
def test_backups_on_a_disk_that_is_full_again_and_again(tmp_path: Path, series: int) -> None:
    assert play(tmp_path, 9, series, PLACES[series % 3]) >= 2


@pytest.mark.parametrize("place", PLACES)
def test_an_init_on_a_full_disk_leaves_nothing_and_can_be_done_again(tmp_path: Path, place: str) -> None:
    failed = 0
    with small_disk(tmp_path / "disk") as disk:
        for number, leave in enumerate((0, 4096, 12_000, 40_000, 90_000, 200_000, 900_000)):
            folder = tmp_path / str(number)
            folder.mkdir()
            town = town_on(disk, folder, seeded(number), place)
            machine = town.machine
            with disk.filled(leave):
                done = machine.init(code=None)
                if done.code:
                    failed += 1
                    assert done.code == 1
                    assert "disk is full" in done.failure["error"], done.err
                    assert not machine.archive.exists()
                    assert not machine.recovery.exists()
                    assert [path for path in machine.profile.rglob("*") if path.is_file()] == []
            if done.code:
                town.begin()
            else:
                machine.add("home", town.server)
            town.grow(4000)
            town.compare()
            town.close()
            for path in (machine.archive, *machine.profile.rglob("*")):
                if path.is_file():
                    path.unlink()
            if machine.profile.exists():
                for path in sorted(machine.profile.rglob("*"), reverse=True):
                    path.rmdir()
    assert 2 <= failed < 7


def test_a_plan_on_a_full_disk_is_whole_or_not_there_and_applying_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        town = Town(tmp_path / "machine", seeded())
        town.begin()
        for _ in range(20):
            town.grow(1000)
        machine = town.machine
        machine.run("backup", "home")
        target = World(tmp_path / "there.sqlite")
        machine.add("there", tmp_path / "there.sqlite")
        plan = disk.path / "way-back.plan"
        words = ["plan", "Lantern lane", "--to", "there", "--content", "all", "-o", plan, "--json"]
        with disk.filled(4096):
            assert "disk is full" in machine.run(*words, opened=True, code=1).failure["error"]
            assert [path.name for path in disk.path.iterdir()] == ["ballast"]
        machine.run(*words, opened=True)
        digest = machine.run("show", plan, "--json", opened=True).done["digest"]
        apply = ["apply", plan, "--expect", digest, "--json"]
        for leave in (0, 4096, 12_288):
            with disk.filled(leave):
                failure = machine.run(*apply, opened=True, code=1).failure
                assert "disk is full" in failure["error"], failure
                assert failure["hint"]
        machine.run(*apply, opened=True, code=None)
        assert machine.run(*apply, opened=True).done["done"] == 0
        rebuilt = target.rows("SELECT count(*) AS n FROM events WHERE kind = 'message'")[0]["n"]
        kept = town.world.rows("SELECT count(*) AS n FROM events WHERE kind = 'message' AND body <> ''")[0]["n"]
        assert rebuilt == kept
        target.close()
        town.close()
