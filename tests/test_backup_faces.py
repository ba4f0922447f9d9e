"""A member's picture that fails to come: the machine must remember that, and must not remember whose it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from backup_box import Box, scan

from grouparchive.errors import PlatformError
from grouparchive.model.records import Attachment, Known
from grouparchive.platforms.sandbox.connector import SandboxConnector
from grouparchive.platforms.sandbox.world import World

ADA, BEN = "@ada.lovelock:sandbox", "@ben.quill:sandbox"


@pytest.fixture(name="box")
def _box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.close()


def populate(world: World) -> tuple[str, str, str]:
    """Two people with a picture each and a post with a file: (a face, the other one, the file)."""
    faces = []
    group = ""
    for handle, name in ((ADA, "Ada of the lamp"), (BEN, "Ben Quillfeather")):
        faces.append(world.upload(f"face of {name}".encode()))
        world.person(handle, name, avatar=faces[-1])
        group = group or world.create_group("Lantern lane")
        world.join(group, handle, force=True)
    room = world.create_channel(group, "Kitchen")
    world.join(room, ADA, force=True)
    file = world.upload(b"a recipe")
    world.post(room, ADA, "soup", type="file", media=[{"ref": file}])
    return faces[0], faces[1], file


def test_whose_picture_failed_is_not_remembered(box: Box) -> None:
    face, other, file = populate(box.world)

    class Missing(SandboxConnector):
        def media(self, ref: str) -> Iterator[bytes]:
            if ref in {face, file}:
                raise PlatformError("gone")
            yield from super().media(ref)

    missed = [gap for gap in box.backup(connector=Missing).gaps if gap.code == Known.MEDIA_UNAVAILABLE]
    assert sorted(gap.scope for gap in missed) == ["", file]
    waiting = " ".join(value for group in box.home.cursors("lane").values() for value in group.values())
    assert file in waiting  # the trial itself is right: what is no picture of a member does wait by its name
    assert face not in waiting
    machine = box.path.parent
    assert scan(machine, [face, other, ADA, BEN], but=box.path) == []
    stored = {record.ref for _, record in box.read("roster") if isinstance(record, Attachment)}
    assert stored == {other}
