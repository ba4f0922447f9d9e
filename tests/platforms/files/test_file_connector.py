"""What all connectors over files share."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from grouparchive.errors import NotFound
from grouparchive.model.ports import Page
from grouparchive.model.records import Channel, Group, Membership, Message
from grouparchive.platforms.discord.export import DiscordExport
from grouparchive.platforms.files import Choices, FileConnector, Names, in_pages, open_box

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


@pytest.mark.parametrize(
    "text", ["IMG_Fern Moss.jpg", "letter_from_Fern Moss_2.pdf", "Fern Moss", "xFern Moss", "Fern Mossy"]
)
def test_names_are_found_in_names_of_files(text: str) -> None:
    names = Names()
    names.learn("Fern Moss", ID)
    names.learn("Fern", "2" * 32)
    names.learn("Fe", "3" * 32)
    found = names.hidden(text)
    assert ("Fern Moss" in found) == (text == "xFern Moss")
    assert (f"{{member:{ID}}}" in found) == (text not in {"xFern Moss", "Fern Mossy"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fern_moss.jpg", "{F}.jpg"),
        ("FERN-MOSS (2)", "{F} (2)"),
        ("Fern Moss Reed.jpg", "{R}.jpg"),  # the longest name
        ("Fern - Moss", "{F}"),
        ("Fern ---- Moss", "Fern ---- Moss"),
        ("fernmoss", "fernmoss"),
        ("fern mosses", "fern mosses"),
        ("sol, Sol", "sol, {S}"),  # a single word as it is written
        ("Sol_Sol2", "{S}_Sol2"),
        ("Jo", "Jo"),
        ("{F} Sol", "{F} {S}"),
    ],
)
def test_names_of_several_words_are_found_in_any_spelling(text: str, found: str) -> None:
    ids = {"F": "f" * 32, "R": "e" * 32, "S": "5" * 32}
    names = Names()
    for name, who in (("Fern Moss", "F"), ("Fern Moss Reed", "R"), ("Sol", "S"), ("Jo", "S"), ("member", "S")):
        names.learn(name, ids[who])
    label = {f"{{{short}}}": f"{{member:{long}}}" for short, long in ids.items()}
    for short, long in label.items():
        text, found = text.replace(short, long), found.replace(short, long)
    assert names.hidden(text) == found


def test_who_somebody_is_is_asked_only_when_they_are_found() -> None:
    asked: list[str] = []

    def id_of(who: str) -> str:
        asked.append(who)
        return "" if who == "nobody" else ID

    names = Names(id_of, shortest=1)
    for name, who in (("J", "jo"), ("Moss", "moss"), ("Facebook User", "nobody")):
        names.learn(name, who)
    assert not asked
    assert names.hidden("J met Facebook User") == f"{{member:{ID}}} met Facebook User"
    assert names.mentions_hidden("@J, @Jo @moss J@J_ @") == f"{{member:{ID}}}, @Jo @moss J@J_ @"
    assert asked == ["jo", "nobody", "jo"]


def test_a_discord_export_has_one_stamp(tmp_path: Path) -> None:
    path = tmp_path / "walk.json"
    author = {"id": "1", "name": "fern", "nickname": "Fern", "isBot": False, "roles": []}
    message = {
        "id": "5",
        "type": "Default",
        "timestamp": "2023-01-01T00:00:00+00:00",
        "content": "hi",
        "author": author,
    }
    whole = {"guild": {"id": "2", "name": "Walk"}, "channel": {"id": "3", "type": "GuildTextChat", "name": "walk"},
             "messages": [message], "messageCount": 1}  # fmt: skip
    path.write_text(json.dumps(whole, indent=1))
    stamps = set()
    for _ in range(2):
        connector = DiscordExport(open_box(path), lambda *_: ID, Choices())
        stamps |= {
            page.stamp for page in connector.pages("2", {}) if any(isinstance(one, Membership) for one in page.records)
        }
        connector.close()
    assert len(stamps) == 1
    assert "" not in stamps


def test_finding_names_does_not_grow_with_the_people() -> None:
    names = Names()
    for number in range(20_000):
        names.learn(f"A {number:06d}", f"{number:032x}")
    text = "A 019999x A 000007 " * 20_000 + "a-_" * 100_000
    assert (
        names.hidden(text).count("{member:") == 20_000
    )  # in moments: with a search through all of them it takes an hour
