"""The table of before and after notices every kind of difference. A comparison that cannot fail would prove nothing."""

import copy
from collections.abc import Callable

import pytest

from grouparchive.demo.table import RoomSeen, Seen, compare


def _rooms(names: dict[str, str] | None = None) -> dict[str, RoomSeen]:
    """A room with posts of two people; `names` gives them other labels."""
    names = names or {}
    yarrow, vetch = names.get("Yarrow", "Yarrow"), names.get("Vetch", "Vetch")
    posts = [
        Seen(text="first", html="", kind="m.text", time=1, author=yarrow),
        Seen(text=f"{yarrow}: second", html=f"{yarrow}: <b>second</b>", kind="m.text", time=2, author=vetch, reply=0),
        Seen(text="third", html="", kind="m.text", time=3, author=yarrow, thread=0, edits=[(5, "third, mended")]),
        Seen(text="a.png", html="", kind="m.image", time=4, author=vetch, file="f" * 64, reactions=[(6, "🌱", yarrow)]),
    ]
    room = RoomSeen(
        "!a", name="Lane", topic="T", avatar="p", posts=posts, pins=[0, 2], power={"@a:x": 100, "@b:x": 50},
        bans={"@c:x"}, deleted=1,
    )  # fmt: skip
    return {"Lane": room}


STAND_INS = {"Yarrow": "Quiet Harbour", "Vetch": "Brave Kettle"}


def _unexplained(after: dict[str, RoomSeen], absent: frozenset[str] = frozenset()) -> dict[str, int]:
    return {row.feature: row.unexplained for row in compare(_rooms(), after, absent=absent) if row.unexplained}


def test_the_same_under_stand_in_names_is_the_same() -> None:
    assert _unexplained(_rooms()) == {}
    assert _unexplained(_rooms(STAND_INS)) == {}


def _change(room: RoomSeen, what: str) -> None:
    posts = room.posts
    changes: dict[str, Callable[[], object]] = {
        "text": lambda: setattr(posts[0], "text", "other"),
        "formatting": lambda: setattr(posts[1], "html", ""),
        "author (one to one)": lambda: setattr(posts[2], "author", "Brave Kettle"),
        "time": lambda: setattr(posts[3], "time", 40),
        "reply": lambda: setattr(posts[1], "reply", -1),
        "thread": lambda: setattr(posts[2], "thread", -1),
        "edit": posts[2].edits.clear,
        "reaction": lambda: posts[3].reactions.append((7, "🌱", "Brave Kettle")),
        "image, every byte": lambda: setattr(posts[3], "file", "e" * 64),
        "pin": room.pins.reverse,
        "power level": lambda: room.power.pop("@b:x"),
        "ban": room.bans.clear,
        "topic": lambda: setattr(room, "topic", ""),
        "picture of the room": lambda: setattr(room, "avatar", ""),
        "posts": lambda: posts.append(copy.copy(posts[0])),
    }
    changes[what]()


@pytest.mark.parametrize(
    "what",
    [
        "text", "formatting", "author (one to one)", "time", "reply", "thread", "edit", "reaction", "image, every byte",
        "pin", "power level", "ban", "topic", "picture of the room", "posts",
    ],
)  # fmt: skip
def test_each_difference_is_noticed(what: str) -> None:
    after = _rooms(STAND_INS)
    _change(after["Lane"], what)
    assert what in _unexplained(after)


def test_a_missing_room_a_missing_post_and_swapped_posts_are_noticed() -> None:
    assert {"rooms and names", "posts", "ban"} <= _unexplained({}).keys()
    after = _rooms(STAND_INS)
    after["Lane"].posts.pop(1)
    assert {"posts", "text", "time"} <= _unexplained(after).keys()
    after = _rooms(STAND_INS)
    after["Lane"].posts[2:] = reversed(after["Lane"].posts[2:])
    assert {"text", "time"} <= _unexplained(after).keys()


def test_two_people_under_one_name_are_noticed() -> None:
    both = {"Yarrow": "Quiet Harbour", "Vetch": "Quiet Harbour"}
    assert "author (one to one)" in _unexplained(_rooms(both))


def test_who_has_not_come_back_explains_their_missing_power_only() -> None:
    after = _rooms(STAND_INS)
    del after["Lane"].power["@b:x"]
    assert _unexplained(after, frozenset({"@b:x"})) == {}
    del after["Lane"].power["@a:x"]
    assert _unexplained(after, frozenset({"@b:x"})) == {"power level": 1}
