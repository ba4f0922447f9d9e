"""Slack's exports in a real archive: again is nothing new, overlapping ones are one history, and nobody's name is on the machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import backup_box
import pytest
from slack_exports import DAY, FERN, IVY, MOSS, REED, TEAM, post, ts, users, write

from grouparchive.archive.fold import fold
from grouparchive.archive.reader import Archive
from grouparchive.archive.writer import Writer
from grouparchive.backup import Identities, Summary, run_import
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.slack import SlackExport


@pytest.fixture
def box(tmp_path: Path) -> Iterator[backup_box.Box]:
    made = backup_box.Box(tmp_path)
    yield made
    made.close()


def take(box: backup_box.Box, path: Path) -> Summary:
    """As `import` does."""
    export = open_box(path)
    people = Identities("slack", "slack.com")
    try:
        with Writer.open(box.path, box.home, pinned=box.pin) as writer:
            connector = SlackExport(export, people, Choices())
            return run_import(connector, mark=export.fingerprint(), writer=writer, identities=people)
    finally:
        export.close()


def told(box: backup_box.Box) -> tuple[list[Any], set[tuple[str, str, int]]]:
    """Posts of all channels and the people, with handles in the place of ids."""
    with Archive.open(box.path) as archive:
        view = fold([archive.unlock(box.secret)])
        try:
            people = list(view.people(TEAM))
            named = {person.id: view.members[person.id] for person in people}
            posts = []
            for channel in view.channels(TEAM):
                for post_ in view.posts(channel.ref):
                    text = post_.text
                    for id_, member in named.items():
                        text = text.replace(id_, member.native)
                    author = named[post_.message.author].native
                    posts.append(
                        (channel.ref, post_.message.ref, author, text, sorted(one.key for one in post_.reactions))
                    )
            found = {
                (named[one.id].native, named[one.id].name, max(place.level for place in one.memberships))
                for one in people
            }
        finally:
            view.close()
    return posts, found


def exports(tmp_path: Path) -> tuple[Path, Path]:
    """Two that overlap: in the second a text was changed, somebody reacted, and another day came."""
    name = "Rose Garden Slack export Mar 1 2026 - Mar"
    early = [post(FERN, 1, f"hello <@{MOSS}>"), post(MOSS, 2, "first words"), post(IVY, 3, "only here")]
    late = [
        post(FERN, 1, f"hello <@{MOSS}>", reactions=[{"name": "+1", "users": [REED], "count": 1}]),
        post(MOSS, 2, "better words", edited={"user": MOSS, "ts": ts(500)}),
    ]
    first = write(tmp_path / f"{name} 2 2026.zip", {f"general/{DAY}": early})
    further = {f"general/{DAY}": late, "general/2026-03-02": [post(FERN, 90_000, "next day")]}
    return first, write(tmp_path / f"{name} 3 2026.zip", further)


def test_again_is_nothing_new(box: backup_box.Box, tmp_path: Path) -> None:
    first, second = exports(tmp_path)
    for path in (first, second):
        assert take(box, path).new > 0
        assert take(box, path).new == 0
    assert told(box)[1] == {
        (FERN, "Fern Hollow", 100), (MOSS, "Moss Stone", 50), (REED, "Reed Marsh", 0), (IVY, "Ivy Wall", 0),
        ("U0GUEST001", "Guest Bird", 0),
    }  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
def test_overlapping_exports_are_one_history_in_either_order(
    box: backup_box.Box, tmp_path: Path, *, turned: bool
) -> None:
    for path in sorted(exports(tmp_path), reverse=turned):
        take(box, path)
    posts, _ = told(box)
    assert posts == [
        ("C0GENERAL1", ts(1), FERN, f"hello {{member:{MOSS}}}", ["+1"]), ("C0GENERAL1", ts(2), MOSS, "better words", []),
        ("C0GENERAL1", ts(3), IVY, "only here", []), ("C0GENERAL1", ts(90_000), FERN, "next day", []),
    ]  # fmt: skip


def test_nobody_is_named_on_the_machine(box: backup_box.Box, tmp_path: Path) -> None:
    for path in exports(tmp_path):
        take(box, path)
    readable = b"".join(path.read_bytes() for path in (tmp_path / "machine").rglob("*") if path.is_file())
    for user in users():
        for word in (user["id"], user["name"], user["profile"]["real_name"], user["profile"].get("email", "USLACKBOT")):
            assert word.encode() not in readable
