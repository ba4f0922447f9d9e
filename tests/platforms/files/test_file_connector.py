"""What all connectors over files share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from grouparchive.errors import NotFound
from grouparchive.model.ports import Page
from grouparchive.model.records import Channel, Group, Membership, Message
from grouparchive.platforms.files import Choices, FileConnector, in_pages, open_box

ID = "1" * 32


class Lane(FileConnector):
    """A connector that reads nothing but says a few things."""

    platform, origin, title, exports = (
        "lane",
        "lane.example",
        "a lane",
        frozenset({Group, Channel, Message, Membership}),
    )

    def groups(self) -> Iterator[Group]:
        yield Group(ref="g", platform="lane", origin="lane.example")

    def _states(self, group: str) -> Iterator[Page]:
        self._gap("at-the-begin")
        yield Page(records=[Channel(ref=group, group=group)])
        yield Page(records=[Membership(channel=group, member=ID)])

    def _events(self, group: str) -> Iterator[Page]:
        for number in range(3):
            ref = f"{number}"
            files = filter(None, [self._attach(f"g/{ref}/0", f"{number}.txt", said="a text")])
            yield from in_pages([(Message(channel=group, ref=ref, time=number), files)])
        self._gap("at-the-end", count=2)


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.txt").write_bytes(b"moss")
    connector = Lane(open_box(tmp_path / "in"), lambda *_: ID, Choices())
    yield connector
    connector.close()


def test_gaps_noted_at_the_very_end_are_told(lane: Lane) -> None:
    gaps = [(gap.code, gap.count) for page in lane.pages("g", {}) for gap in page.gaps]
    assert gaps == [("at-the-begin", 1), ("media-unavailable", 1), ("media-unavailable", 1), ("at-the-end", 2)]


def test_files_are_those_that_the_export_carries(lane: Lane) -> None:
    wanted = [file for page in lane.pages("g", {}) for file in page.media]
    assert [(file.ref, file.size) for file in wanted] == [("g/1/0", 4)]
    assert b"".join(lane.media("g/1/0")) == b"moss"
    for ref in ("g/0/0", "../1.txt", "1.txt"):
        with pytest.raises(NotFound):
            list(lane.media(ref))


def test_what_is_said_about_people_has_a_stamp(lane: Lane) -> None:
    pages = list(lane.pages("g", {}))
    assert [bool(page.stamp) for page in pages[:2]] == [False, True]


def test_another_group_is_not_there(lane: Lane) -> None:
    with pytest.raises(NotFound):
        list(lane.pages("h", {}))


def test_a_key_is_not_shown() -> None:
    assert "canary" not in repr(Choices(key=b"canary"))
