"""The applier against a target in a file: once, in order, through kills, lost answers and refusals."""

import contextlib
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
import restore_toy as toy

from grouparchive.errors import PlatformError, Refused, UnsafePlan
from grouparchive.model import plan as verbs
from grouparchive.model.plan import Observed
from grouparchive.restore import applier
from grouparchive.restore.journal import Journal, journal_path
from grouparchive.restore.metadata import stripping

UPLOADS = {"upload"}
World: TypeAlias = tuple[Path, verbs.Plan, toy.Posts, toy.ToyTarget]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applier, "PATIENCE", 0)


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    desired, posts = toy.community()
    plan = toy.toy_plan(desired, posts)
    return tmp_path, plan, posts, toy.ToyTarget(tmp_path / "world.sqlite", stripping(posts.blob))


def state(target: toy.ToyTarget) -> dict[str, list[Any]]:
    """All that stands at the target, per channel in order; uploads may be there twice."""
    lanes: dict[str, list[Any]] = {}
    for _, verb, action, body in target.rows():
        lane = action.get("channel") if isinstance(action.get("channel"), str) else ""
        if verb not in UPLOADS:
            lanes.setdefault(lane, []).append((verb, msgspec.json.encode(action, order="sorted"), body))
    return lanes


def twice(target: toy.ToyTarget) -> list[str]:
    counts = Counter(key for key, verb, _, _ in target.rows() if verb not in UPLOADS)
    return [key for key, count in counts.items() if count > 1]


def test_does_everything_once_in_order(world: World) -> None:
    folder, plan, posts, target = world
    report = toy.run(folder, plan, posts, target)
    assert (report.done, report.failed, report.skipped, report.already) == (report.total, 0, 0, 0)
    rows = target.rows()
    made = [
        action["message"] for _, verb, action, _ in rows if verb == "post" and action["channel"] == channel(target, 1)
    ]
    assert made == [f"!a/{number}" for number in range(40)]
    assert not twice(target)
    again = toy.run(folder, plan, posts, target)
    assert (again.done, again.already) == (0, report.total)
    assert target.rows() == rows


def channel(target: toy.ToyTarget, number: int) -> str:
    return [f"t{key}" for key, verb, _, _ in target.rows() if verb.startswith("create")][number]


def test_refs_are_the_targets_own(world: World) -> None:
    folder, plan, posts, target = world
    toy.run(folder, plan, posts, target, reveal=True)
    made = {f"t{key}" for key, *_ in target.rows()}
    for _, verb, action, _ in target.rows():
        refs = [action.get(field) for field in ("parent", "target", "reply_to", "thread")]
        refs += action.get("messages", []) + [one["upload"] for one in action.get("media", [])]
        if verb not in {"create-group", "create-channel", "upload"}:
            refs.append(action["channel"])
        assert set(filter(None, refs)) <= made
        if verb == "configure" and "allow" in action["value"]:
            assert msgspec.json.decode(action["value"])["allow"] == [channel(target, 0)]


def test_files_arrive_without_metadata_and_with_their_true_size(world: World) -> None:
    folder, plan, posts, target = world
    toy.run(folder, plan, posts, target)
    files = [(action["size"], body) for _, verb, action, body in target.rows() if verb == "upload"]
    assert files
    assert all(size == len(body) and b"taken at" not in body for size, body in files)


def test_no_name_before_the_reveal(world: World) -> None:
    folder, plan, posts, target = world
    toy.run(folder, plan, posts, target)
    assert not [row for row in target.rows() if b"Real" in msgspec.json.encode(row[2])]
    toy.run(folder, plan, posts, target, reveal=True)
    names = {action.get("name") for _, verb, action, _ in target.rows() if verb == "reveal"}
    assert names == {"Real Name", "Real a", "Real b", "Real c"}


def test_roles_wait_for_their_members(world: World) -> None:
    folder, plan, posts, target = world
    first = toy.run(folder, plan, posts, target, reveal=True, natives=lambda person: f"{person[:6]} absent")
    assert [(gap.code, gap.count) for gap in first.gaps] == [("not-joined", 4)]
    second = toy.run(folder, plan, posts, target, reveal=True)
    assert second.done == 4
    assert sum(verb == "grant" for _, verb, _, _ in target.rows()) == 4


@pytest.mark.parametrize("traits", [frozenset(), toy.ALL])
def test_dry_run_touches_nothing(tmp_path: Path, traits: frozenset[Any]) -> None:
    desired, posts = toy.community()
    plan = toy.toy_plan(desired, posts, traits=traits)
    target = toy.ToyTarget(tmp_path / "w", stripping(posts.blob), traits=traits)
    assert toy.run(tmp_path, plan, posts, target, dry_run=True).total > 100
    assert target.rows() == []


def test_refuses_before_the_first_action(world: World) -> None:
    folder, plan, posts, target = world
    encrypted = [
        msgspec.structs.replace(one, channel=msgspec.structs.replace(one.channel, encrypted=True))
        if isinstance(one, verbs.CreateChannel)
        else one
        for one in plan.actions
    ]
    sealed = msgspec.structs.replace(plan, actions=tuple(encrypted))
    changed = toy.Posts({**posts.timelines, "!a": posts.timelines["!a"][1:]})
    changed.attachments, changed.blobs = posts.attachments, posts.blobs
    emptied = toy.Posts(posts.timelines)
    emptied.attachments = posts.attachments
    for other, options in [
        (plan, {"expect": "0" * 64}),
        (plan, {"timelines": changed}),
        (plan, {"timelines": emptied}),
        (sealed, {}),
        (msgspec.structs.replace(plan, observed="0" * 64), {}),
        (msgspec.structs.replace(plan, platform="other"), {}),
        (msgspec.structs.replace(plan, verbs=plan.verbs | {"teleport"}), {}),
    ]:
        with pytest.raises(UnsafePlan):
            toy.run(folder, other, posts, target, **options)
    assert target.rows() == []
    assert toy.run(folder, sealed, posts, target, allow_plaintext=True).failed == 0


def test_refuses_when_what_it_made_is_gone(world: World) -> None:
    folder, plan, posts, target = world
    toy.run(folder, plan, posts, target)
    world = target.world()
    world.execute("delete from made where verb = 'create-channel'")
    world.close()
    with pytest.raises(UnsafePlan):
        toy.run(folder, plan, posts, target)


def test_a_lost_journal_makes_nothing_twice(world: World) -> None:
    folder, plan, posts, target = world
    toy.run(folder, plan, posts, target)
    before = state(target)
    journal_path(folder / "plan", plan).unlink()
    report = toy.run(folder, plan, posts, target)
    assert report.failed == 0
    assert not twice_but(target, {"configure"})
    assert {lane: [row for row in rows if row[0] != "configure"] for lane, rows in state(target).items()} == {
        lane: [row for row in rows if row[0] != "configure"] for lane, rows in before.items()
    }


def test_an_old_copy_of_the_journal_makes_nothing_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, plan, posts, target = world
    path = journal_path(folder / "plan", plan)
    perform = target.perform

    def gone(action: verbs.Action) -> verbs.Outcome:
        if target.calls > 120:
            raise PlatformError("unreachable")
        return perform(action)

    monkeypatch.setattr(target, "perform", gone)
    with pytest.raises(PlatformError):
        toy.run(folder, plan, posts, target)
    old = path.read_bytes()
    monkeypatch.undo()
    toy.run(folder, plan, posts, target)
    path.write_bytes(old)
    assert toy.run(folder, plan, posts, target).failed == 0
    assert not twice_but(target, {"configure"})


def test_the_same_journal_twice_in_one_process(world: World) -> None:
    folder, plan, posts, _ = world
    target = toy.Faulty(folder / "w", stripping(posts.blob), lambda number: "after" if number > 50 else "")
    target.find = lambda _: None  # type: ignore[method-assign,assignment] - it does not see what was done, yet
    with Journal(journal_path(folder / "plan", plan), plan) as journal:
        options = {"expect": plan.digest(), "timelines": posts, "natives": toy.natives}
        assert applier.apply(plan, target, journal, **options).failed
        del target.find  # type: ignore[attr-defined]
        before = len(target.rows())
        target.fault = lambda _: ""
        applier.apply(plan, target, journal, **options)
    assert not twice_late(target, before)


def twice_late(target: toy.ToyTarget, before: int) -> set[str]:
    """What was done by then, and again after it."""
    rows = target.rows()
    early = {key for key, *_ in rows[:before]}
    return {key for key, verb, _, _ in rows[before:] if key in early and verb not in {"upload", "configure"}}


def twice_but(target: toy.ToyTarget, harmless: set[str]) -> list[str]:
    counts = Counter(key for key, verb, _, _ in target.rows() if verb not in UPLOADS | harmless)
    return [key for key, count in counts.items() if count > 1]


@pytest.mark.parametrize("fault", ["before", "after", "mixed"])
def test_lost_answers(world: World, fault: str) -> None:
    folder, plan, posts, good = world
    chance = random.Random(7)

    def choose(number: int) -> str:
        if fault == "mixed":
            return chance.choice(["before", "after", "", ""])
        return fault if number % 3 == 0 else ""

    target = toy.Faulty(folder / "other.sqlite", stripping(posts.blob), choose)
    for _ in range(8):
        with contextlib.suppress(PlatformError):  # a room in doubt stops the run
            if not toy.run(folder, plan, posts, target, reveal=True).failed:
                break
    else:
        pytest.fail("it never came to an end")
    assert not twice_but(target, {"configure"})
    (folder / "clean").mkdir()
    toy.run(folder / "clean", plan, posts, good, reveal=True)
    assert {lane: len(rows) for lane, rows in state(good).items() if lane} == {
        lane: len({row[1] for row in rows}) for lane, rows in state(target).items() if lane
    }


def test_no_answer_at_all_is_a_gap_not_a_second_post(world: World) -> None:
    folder, plan, posts, _ = world
    target = toy.Faulty(folder / "w", stripping(posts.blob), lambda number: "before" if number > 50 else "")
    report = toy.run(folder, plan, posts, target)
    assert report.failed > 0
    assert {gap.code for gap in report.gaps} <= {"in-doubt", "post-missing"}


def test_a_refused_post_is_a_gap_and_tried_again(world: World) -> None:
    folder, plan, posts, _ = world
    target = toy.Faulty(folder / "w", stripping(posts.blob), lambda number: "refuse" if number % 10 == 0 else "")
    report = toy.run(folder, plan, posts, target)
    assert report.failed > 0
    assert report.done + report.failed == report.total
    target.fault = lambda _: ""
    assert toy.run(folder, plan, posts, target).failed == 0
    assert not twice(target)


def test_stops_when_the_target_takes_nothing_any_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, plan, posts, _ = world
    target = toy.Faulty(folder / "w", stripping(posts.blob), lambda number: "refuse" if number > 80 else "")
    seen = []

    def observe() -> Observed:
        seen.append(1)
        if len(seen) > 1:
            raise Refused("revoked")
        return toy.ToyTarget.observe(target)

    monkeypatch.setattr(target, "observe", observe)
    with pytest.raises(Refused):
        toy.run(folder, plan, posts, target)
    monkeypatch.undo()
    target.fault = lambda _: ""
    assert toy.run(folder, plan, posts, target).failed == 0


def test_goes_on_after_the_network_went_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, plan, posts, target = world
    perform = target.perform

    def gone(action: verbs.Action) -> verbs.Outcome:
        if target.calls > 60:
            raise PlatformError("unreachable")
        return perform(action)

    monkeypatch.setattr(target, "perform", gone)
    with pytest.raises(PlatformError):
        toy.run(folder, plan, posts, target)
    monkeypatch.undo()
    assert toy.run(folder, plan, posts, target).failed == 0
    assert not twice(target)


def test_an_interrupt_is_clean(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, plan, posts, target = world

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(applier, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        toy.run(folder, plan, posts, target)
    monkeypatch.undo()
    monkeypatch.setattr(applier, "PATIENCE", 0)
    assert toy.run(folder, plan, posts, target).failed == 0
    assert not twice(target)


def test_progress_counts_to_the_end(world: World) -> None:
    folder, plan, posts, target = world
    seen = []
    report = toy.run(folder, plan, posts, target, reveal=True, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (report.total, report.total)
    assert [done for done, _ in seen] == list(range(1, report.total + 1))


def test_the_journal_names_nobody(world: World) -> None:
    folder, plan, posts, target = world
    toy.run(folder, plan, posts, target)
    with Journal(journal_path(folder / "plan", plan), plan) as journal:
        entries = b"".join(journal._log)
    for word in (b"Real", b"post 1", b"handle", *(toy.member(number).encode() for number in range(10))):
        assert word not in entries


def killed(tmp_path: Path, moments: list[int]) -> None:
    """Kill the applying process at each of these actions, then let it finish, and compare with a run that was left alone."""
    script = Path(toy.__file__)
    for name, points in (("calm", []), ("killed", moments)):
        folder = tmp_path / name
        folder.mkdir()
        for point in [*points, 0]:
            done = subprocess.run(
                [sys.executable, str(script), str(folder), str(point)], check=False, env=dict(os.environ)
            )
            assert done.returncode == (0 if point == 0 else -9)
    calm, hurt = (toy.ToyTarget(tmp_path / name / "world.sqlite") for name in ("calm", "killed"))
    assert not twice_but(hurt, {"configure"})
    lanes = [
        {lane: [row for row in rows if row[0] != "configure"] for lane, rows in state(one).items()}
        for one in (calm, hurt)
    ]
    assert lanes[0] == lanes[1]


def test_killed_and_run_again(tmp_path: Path) -> None:
    killed(tmp_path, [1, 4, 30, 77])


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(60))
def test_killed_anywhere(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    killed(tmp_path, [chance.randint(1, 60) for _ in range(4)])
