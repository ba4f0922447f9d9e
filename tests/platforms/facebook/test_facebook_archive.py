"""Facebook's exports in a real archive: again is nothing new, several are one group, and nobody's name is on the machine."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import backup_box
import facebook_exports as made
import pytest
from facebook_exports import GROUP, entry, har, member_edge, members_answer, open_box, put, saved_members, table

from grouparchive.archive.fold import View, fold
from grouparchive.archive.reader import Archive
from grouparchive.archive.writer import Writer
from grouparchive.backup import Identities, Summary, run_import
from grouparchive.platforms.facebook import PLATFORM
from grouparchive.platforms.files import Choices


@pytest.fixture
def box(tmp_path: Path) -> Iterator[backup_box.Box]:
    made_box = backup_box.Box(tmp_path)
    yield made_box
    made_box.close()


def take(box: backup_box.Box, path: Path, **choices: Any) -> Summary:
    """As `import` does."""
    export = open_box(path)
    form = next(one for one in PLATFORM.formats if one.recognises(export, Choices()))
    people = Identities("facebook", "facebook.com")
    with Writer.open(box.path, box.home, pinned=box.pin) as writer:
        return run_import(
            form(export, people, Choices(**choices)), mark=export.fingerprint(), writer=writer, identities=people
        )


def view(box: backup_box.Box, look: Callable[[View], Any]) -> Any:
    with Archive.open(box.path) as archive:
        found = fold([archive.unlock(box.secret)])
        try:
            return look(found)
        finally:
            found.close()


def names(found: View) -> set[str]:
    return {found.members[person.id].name for person in found.people(GROUP)}


def captures(folder: Path) -> tuple[Path, Path, Path]:
    monday = har(
        folder / "a.har",
        entry(json.dumps(made.first_answer())),
        entry(json.dumps(members_answer(member_edge(22, "Ivy 🌿")))),
        entry(
            json.dumps(
                {"data": {"node": made.story(500100, "words of the garden", made.user(21, "Reed Ivy"), 1714000000)}}
            )
        ),
        entry(made.PNG, url="https://scontent.fbcdn.net/v/t1/21_n.jpg", mime="image/jpeg"),
    )
    tuesday = table(
        folder / "b.csv",
        ("22", "Ivy 🌿", "https://www.facebook.com/x", "", "", GROUP, "", "User"),
        ("23", "Wren", "https://www.facebook.com/w", "", "", GROUP, "", "User"),
    )
    (folder / "c.html").write_text(saved_members({23: "Wren", 24: "Lark"}))
    return monday, tuesday, folder / "c.html"


def test_again_is_nothing_new(box: backup_box.Box, tmp_path: Path) -> None:
    for path in (*captures(tmp_path), put(tmp_path / "dyi.zip", made.download())):
        assert take(box, path).new > 0
        again = take(box, path)
        assert again.new == 0, path
    box.verify()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_captures_of_every_kind_are_one_group(box: backup_box.Box, tmp_path: Path, order: tuple[int, ...]) -> None:
    files = captures(tmp_path)
    for n in order:
        take(box, files[n])
    assert view(box, lambda found: [(group.ref, group.name) for group in found.groups()]) == [(GROUP, "Quiet Garden")]
    assert view(box, names) >= {"Fern Moss", "Sol", "Reed Ivy", "Ivy 🌿", "Wren", "Lark"}
    assert view(box, lambda found: [post.message.text for post in found.posts(GROUP)]) == ["words of the garden"]


def test_a_download_that_overlaps_an_older_one(box: backup_box.Box, tmp_path: Path) -> None:
    older = made.download()
    inside = "your_facebook_activity/groups/group_posts_and_comments.json"
    older[inside] = {"group_posts_v2": older[inside]["group_posts_v2"][1:3]}
    take(box, put(tmp_path / "old.zip", older))
    newer = take(box, put(tmp_path / "new.zip", made.download()))
    assert newer.new > 0
    posts = view(box, lambda found: [post.message.text for post in found.posts("name:café garden 🌱")])
    assert len(posts) == 6
    assert len(set(posts)) == 6


def test_nothing_of_a_person_or_the_session_is_on_the_machine(box: backup_box.Box, tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    for path in (*captures(exports), put(exports / "dyi.zip", made.download())):
        take(box, path)
    on_disk = b"".join(path.read_bytes() for path in (tmp_path / "machine").rglob("*") if path.is_file())
    for word in (
        "Fern Moss",
        "Reed Ivy",
        "Ivy 🌿",
        "900100",
        "CANARY",
        "words of the garden",
        "likes ponds",
        "profile.php",
    ):
        assert word.encode() not in on_disk
        assert word.encode("utf-16-le") not in on_disk
