"""Fixtures of the command line's tests."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_machine import GROUP, HANDLES, NAMES, PICTURE, TEXT, TOPIC, Machine, Village

from grouparchive.platforms.sandbox.world import World


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    folder = tmp_path / "machine"
    folder.mkdir()
    return Machine(folder)


def build_village(path: Path) -> Village:
    world = World(path)
    for handle, name in zip(HANDLES, NAMES, strict=True):
        world.person(handle, name)
    group = world.create_group(GROUP, topic=TOPIC)
    rooms = [world.create_channel(group, name, topic=f"{TOPIC} {name}") for name in ("Harvest", "Fence")]
    for handle in HANDLES[:10]:
        for room in (group, *rooms):
            world.join(room, handle, level=50 if handle == HANDLES[1] else 0, force=True)
    world.ban(group, HANDLES[11], reason="canary reason")
    picture = world.upload(PICTURE, "image/png")
    posts = []
    for number in range(30):
        more: dict[str, Any] = {"reply_to": posts[-1]} if number % 7 == 3 else {}
        if number % 10 == 5:
            more["media"] = [{"ref": picture, "name": "apple.png", "mime": "image/png", "size": len(PICTURE)}]
        posts.append(world.post(rooms[0], HANDLES[number % 10], f"{TEXT} {number}", **more))
    world.edit(rooms[0], posts[4], HANDLES[4], f"{TEXT} 4, changed")
    world.react(rooms[0], posts[2], HANDLES[3], "\N{WHITE HEAVY CHECK MARK}")
    world.pin(rooms[0], posts[1])
    world.close()
    return Village(path, group, rooms, posts)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Village]:
    """A village, and a machine that has made one backup of it. Tests get copies."""
    base = tmp_path_factory.mktemp("template")
    village = build_village(base / "village.sqlite")
    (base / "machine").mkdir()
    machine = Machine(base / "machine")
    machine.init()
    machine.add("home", village.path)
    machine.run("backup", "home")
    return base, village


@pytest.fixture
def village(tmp_path: Path, template: tuple[Path, Village]) -> Village:
    shutil.copy(template[1].path, tmp_path / "village.sqlite")
    return dataclasses.replace(template[1], path=tmp_path / "village.sqlite")


@pytest.fixture
def kept(tmp_path: Path, template: tuple[Path, Village], village: Village) -> Machine:
    """A machine that has made one backup of the village."""
    assert village.path.parent == tmp_path
    shutil.copytree(template[0] / "machine", tmp_path / "machine")
    machine = Machine(tmp_path / "machine", made=True)
    for path in (machine.profile / "config.json", machine.profile / "sources" / "home.json"):
        path.write_text(path.read_text().replace(str(template[0]), str(tmp_path)))
    return machine
