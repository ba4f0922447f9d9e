"""The report: nothing unexplained after a restore, whatever the target can do; whatever is tampered with shows."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import restore_toy as toy

from grouparchive.errors import UsageError
from grouparchive.model.plan import Trait
from grouparchive.restore.metadata import stripping
from grouparchive.restore.report import FeatureRow, compare_with


def rebuilt(
    tmp_path: Path, *, count: int = 30, traits: frozenset[Trait] = toy.ALL, reveal: bool = True, **policy: Any
) -> tuple[Any, ...]:
    desired, posts = toy.community(count)
    plan = toy.toy_plan(desired, posts, traits=traits, **policy)
    target = toy.ToyTarget(tmp_path / "world.sqlite", stripping(posts.blob), traits=traits)
    toy.run(tmp_path, plan, posts, target, reveal=reveal)
    return plan, desired, posts, target


def rows_of(world: tuple[Any, ...]) -> dict[str, FeatureRow]:
    plan, desired, posts, target = world
    rows = compare_with(plan, desired, posts, target, natives=toy.natives)
    return {row.feature: row for row in rows}


def test_all_features_come_back(tmp_path: Path) -> None:
    rows = rows_of(rebuilt(tmp_path))
    assert not [row for row in rows.values() if row.unexplained]
    whole = {
        "rooms",
        "post",
        "text",
        "order",
        "author",
        "time",
        "reply",
        "thread",
        "edit",
        "reaction",
        "pin",
        "name",
        "topic",
    }
    assert whole <= set(rows)
    assert not [row for name, row in rows.items() if name in whole and row.restored != row.archived]
    assert (rows["file"].archived, rows["file"].explained) == (9, 9)  # without what their metadata told
    assert (rows["role"].restored, rows["ban"].restored, rows["setting"].unexplained) == (4, 2, 0)


@pytest.mark.parametrize("traits", [frozenset(), frozenset({Trait.AUTHORS}), frozenset({Trait.BACKDATING})])
@pytest.mark.parametrize("authors", ["ghost", "anonymous"])
@pytest.mark.parametrize("content", ["none", "structure", "pinned", "all"])
def test_every_difference_was_announced(tmp_path: Path, traits: Any, authors: str, content: str) -> None:
    rows = rows_of(rebuilt(tmp_path, count=12, traits=traits, authors=authors, content=content))
    assert not [row for row in rows.values() if row.unexplained]
    assert rows["post"].restored == {"none": 0, "structure": 0, "pinned": 2, "all": 36}[content]


def test_gathered_posts_are_found_again(tmp_path: Path) -> None:
    rows = rows_of(rebuilt(tmp_path, count=520, traits=frozenset()))
    assert not [row for row in rows.values() if row.unexplained]
    assert rows["post"].restored == 1560


def test_before_the_reveal_names_are_missing_as_announced(tmp_path: Path) -> None:
    rows = rows_of(rebuilt(tmp_path, reveal=False))
    assert not [row for row in rows.values() if row.unexplained]
    assert (rows["name"].explained, rows["topic"].explained, rows["role"].explained) == (4, 4, 4)


def test_nothing_to_report_before_apply(tmp_path: Path) -> None:
    desired, posts = toy.community()
    with pytest.raises(UsageError):
        rows_of((toy.toy_plan(desired, posts), desired, posts, toy.ToyTarget(tmp_path / "w")))


def change(target: toy.ToyTarget, verb: str, which: int, field: str, value: Any) -> None:
    rows = [row for row in target.rows() if row[1] == verb]
    if verb == "post":
        rows.sort(key=lambda row: row[2]["message"] != f"!a/{which}")
        which = 0
    key, _, action, _ = rows[which]
    world = target.world()
    changed = json.dumps({**action, field: value})
    world.execute("update made set action = ? where key = ? and verb = ?", (changed, key, verb))
    world.close()


@pytest.mark.parametrize(
    ("verb", "which", "field", "value", "feature"),
    [
        ("post", 4, "text", "something else", "text"),
        ("post", 4, "time", 5, "time"),
        ("post", 4, "author", "0" * 32, "author"),
        ("post", 3, "reply_to", "", "reply"),
        ("post", 3, "reply_to", "elsewhere", "reply"),
        ("post", 2, "reply_to", "elsewhere", "reply"),
        ("post", 7, "thread", "", "thread"),
        ("post", 9, "media", [], "file"),
        ("edit-post", 0, "text", "no", "edit"),
        ("edit-post", 0, "target", "no", "edit"),
        ("react", 0, "reaction", "no", "reaction"),
        ("react", 0, "target", "no", "reaction"),
        ("set-pins", 0, "messages", [], "pin"),
        ("ban-member", 0, "native", "somebody else", "ban"),
        ("grant", 0, "level", 100, "role"),
        ("reveal", 1, "topic", "", "topic"),
        ("reveal", 2, "name", "Other", "name"),
        ("configure", 1, "value", "{}", "setting"),
    ],
)
def test_what_is_wrong_shows(tmp_path: Path, verb: str, which: int, field: str, value: Any, feature: str) -> None:  # noqa: PLR0917
    world = rebuilt(tmp_path, count=12)
    change(world[3], verb, which, field, value)
    assert rows_of(world)[feature].unexplained > 0


def test_a_wrong_label_shows(tmp_path: Path) -> None:
    world = rebuilt(tmp_path, count=12)
    first = next(action["author"] for _, verb, action, _ in world[3].rows() if verb == "add-author")
    for number, row in enumerate(row for row in world[3].rows() if row[1] == "add-author"):
        if row[2]["author"] == first:
            change(world[3], "add-author", number, "label", "Somebody")
    assert rows_of(world)["author"].unexplained > 0


def test_order_and_loss_show(tmp_path: Path) -> None:
    world = rebuilt(tmp_path)
    sql = world[3].world()
    numbers = [number for (number,) in sql.execute("select n from made where verb = 'post' order by n")]
    sql.execute("update made set n = 1000000 where n = ?", (numbers[3],))
    sql.execute("delete from made where n = ?", (numbers[12],))
    sql.close()
    rows = rows_of(world)
    assert (rows["order"].unexplained, rows["post"].unexplained) == (1, 1)


def test_a_failure_that_the_journal_tells_is_explained(tmp_path: Path) -> None:
    desired, posts = toy.community()
    plan = toy.toy_plan(desired, posts)
    target = toy.Faulty(tmp_path / "w", stripping(posts.blob), lambda number: "refuse" if number % 10 == 0 else "")
    with toy.Journal(toy.journal_path(tmp_path / "plan", plan), plan) as journal:
        report = toy.applier.apply(
            plan, target, journal, expect=plan.digest(), timelines=posts, natives=toy.natives, reveal=True
        )
        assert report.failed
        rows = compare_with(plan, desired, posts, target, natives=toy.natives, outcome=journal.outcome)
    assert not [row for row in rows if row.unexplained]
    assert {row.feature: row.explained for row in rows}["post"] > 0
    silent = compare_with(plan, desired, posts, target, natives=toy.natives)
    assert {row.feature: row.unexplained for row in silent}["post"] > 0


def test_people_writing_there_since_changes_nothing(tmp_path: Path) -> None:
    world = rebuilt(tmp_path)
    sql = world[3].world()
    room = world[3].rows()[1][0]
    post = msgspec.json.encode(
        {"channel": f"t{room}", "message": "new", "time": 5, "text": "we are back", "author": "f" * 32}
    )
    sql.execute("insert into made (key, verb, action) values ('', 'post', ?)", (post,))
    sql.close()
    assert not [row for row in rows_of(world).values() if row.unexplained]
