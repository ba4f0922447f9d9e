"""From a real archive to a plan: the moment before the attack, found again after more backups; plans and journals as files."""

import contextlib
import dataclasses
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import restore_toy as toy

from grouparchive.archive.create import create_archive
from grouparchive.archive.fold import Moment, View, fold
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.writer import Writer
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from grouparchive.crypto.vaults import VaultKey
from grouparchive.errors import ArchiveBusy, Damaged, GroupArchiveError, UsageError, WrongSecret
from grouparchive.model.plan import Post
from grouparchive.model.records import Attachment, Ban, Channel, Member, Pins, Roster, Setting, Tombstone
from grouparchive.restore import planfile
from grouparchive.restore.desire import ArchiveTimelines, desired, moment_of, natives_of
from grouparchive.restore.expand import expand
from grouparchive.restore.journal import Journal, journal_path
from grouparchive.restore.metadata import stripping
from grouparchive.restore.report import compare

ROOMS = ("!a", "!b", "!c")
DAY = 86_400_000
START = toy.T0 + 100 * DAY


@dataclasses.dataclass
class Kept:
    """An archive, its key, and a clock that the test moves."""

    path: Path
    home: WriterHome
    secret: RecoveryKey
    archive_id: bytes
    now: int = START

    @contextlib.contextmanager
    def commit(self, *, day: int) -> Iterator[Writer]:
        self.now = START + day * DAY
        with Writer.open(self.path, self.home, pinned=self.archive_id, now=lambda: self.now) as writer:
            yield writer
            writer.commit()

    @contextlib.contextmanager
    def view(self, moment: Moment | None = None) -> Iterator[View]:
        with Archive.open(self.path) as archive:
            yield fold([archive.unlock(self.secret)], moment)

    def key(self) -> VaultKey:
        with Archive.open(self.path) as archive:
            return archive.unlock(self.secret).key("content")


def snapshot(writer: Writer, wanted: Any, *, run: int, gone: frozenset[int] = frozenset()) -> None:
    """The roster as one run tells it, under that run's own ids."""

    def pseudonym(number: int) -> str:
        return toy.member(number + 1000 * run)

    for number in (*range(10), 20, 21):
        writer.add(
            Member(
                id=pseudonym(number), platform="toy", origin="toy.test", native=f"handle {number}", name=f"N{number}"
            )
        )
    for channel in wanted.channels:
        writer.add(Roster(channel=channel.ref, time=1, members=1))
        for number, person in enumerate(wanted.people):
            for one in person.memberships:
                if one.channel == channel.ref and number not in gone:
                    writer.add(msgspec.structs.replace(one, member=pseudonym(number)))
        if not gone:
            for ban, number in zip(wanted.bans, (20, 21), strict=True):
                if ban.channel == channel.ref:
                    writer.add(Ban(channel=channel.ref, member=pseudonym(number)))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A first run on day 0, a second with a few posts under other ids on day 1, the attacker's on day 3."""
    secret = RecoveryKey(os.urandom(32))
    home = WriterHome.create(tmp_path / "writer")
    genesis = create_archive(
        tmp_path / "a.gar",
        home,
        lambda archive_id, roots: new_recovery_slots(secret, archive_id, 0, roots),
        now=lambda: START - DAY,
    )
    kept = Kept(tmp_path / "a.gar", home, secret, genesis.archive_id)
    wanted, posts = toy.community(20)
    with kept.commit(day=0) as writer:
        writer.add(wanted.group)
        for record in (*wanted.channels, *wanted.settings):
            writer.add(record)
        writer.add(Pins(channel="!a", messages=("!a/3", "!a/1")))
        for ref, attachment in posts.attachments.items():
            stored = writer.add_blob([posts.blobs[attachment.blob]])
            writer.add(Attachment(ref=ref, blob=stored.blob, size=stored.size, sha256=stored.sha256, mime="image/png"))
        for room in ROOMS:
            for record in posts(room):
                writer.add(record)
        snapshot(writer, wanted, run=0)
    with kept.commit(day=1) as writer:
        for number in range(3):
            later = msgspec.structs.replace(
                next(iter(posts("!a"))),
                ref=f"late{number}",
                time=START + number,
                author=toy.member(1003),
                text=f"late {number}",
            )
            writer.add(later)
        snapshot(writer, wanted, run=1)
    with kept.commit(day=3) as writer:
        writer.add(Channel(ref="!a", group="!space", parent="!space", name="Taken over"))
        writer.add(Setting(channel="!c", name="m.room.join_rules", value='{"join_rule":"public"}'))
        writer.add(Pins(channel="!a", messages=()))
        for number in range(20):
            writer.add(Tombstone(channel="!b", ref=f"x{number}", target=f"!b/{number}", time=START + 2 * DAY))
        snapshot(writer, wanted, run=2, gone=frozenset(range(2, 10)))
    return kept


BEFORE = Moment(time=START + 2 * DAY - 1)


def plan_of(view: View) -> Any:
    return toy.toy_plan(desired(view, "!space"), ArchiveTimelines(view))  # type: ignore[arg-type]


def test_the_attack_changes_nothing_of_the_plan(kept: Kept) -> None:
    with kept.view(BEFORE) as view:
        before = plan_of(view)
    with kept.view(Moment(seq=2)) as view:
        second = plan_of(view)
    assert (before.actions, before.reveal, before.gaps) == (second.actions, second.reveal, second.gaps)
    with kept.view() as view:
        assert plan_of(view).actions != before.actions
    names = [one.name for one in before.reveal if hasattr(one, "topic")]
    assert "Taken over" not in names
    assert {gap.code for gap in before.gaps} == set()


@pytest.mark.parametrize("moment", [Moment(), BEFORE, Moment(seq=2)])
def test_a_plan_finds_its_posts_again_after_more_backups(kept: Kept, moment: Moment) -> None:
    with kept.view(moment) as view:
        plan = plan_of(view)
    with kept.commit(day=5) as writer:
        writer.add(Tombstone(channel="!a", ref="y", target="!a/1", time=START + 4 * DAY))
        writer.add(Channel(ref="!a", group="!space", parent="!space", name="Again"))
    with kept.view(moment_of(plan)) as view:
        assert plan_of(view).digest() == plan.digest()


def test_one_person_is_one_stand_in_over_all_runs(kept: Kept) -> None:
    with kept.view(BEFORE) as view:
        plan = plan_of(view)
        replay = next(one for one in plan.actions if getattr(one, "posts", 0) and one.channel == "!a")
        sent = {
            one.message: one.author for one in expand(replay, plan, ArchiveTimelines(view)) if isinstance(one, Post)
        }
        natives = natives_of(view)
    assert sent["late0"] == sent["!a/3"]
    assert len(plan.labels) == 7
    assert sorted(natives(one.member) for one in plan.actions if type(one).__name__ == "BanMember") == [
        "handle 20",
        "handle 21",
    ]
    assert natives("0" * 32) == ""


def test_rebuilt_from_the_archive_and_reported(kept: Kept, tmp_path: Path) -> None:
    with kept.view(BEFORE) as view:
        plan = plan_of(view)
        target = toy.ToyTarget(tmp_path / "w", stripping(view.blob))
        report = toy.run(
            tmp_path,
            plan,
            ArchiveTimelines(view),
            target,
            natives=natives_of(view),
            reveal=True,  # type: ignore[arg-type]
        )
        assert report.failed == 0
        rows = {row.feature: row for row in compare(plan, view, target)}
    assert not [row for row in rows.values() if row.unexplained]
    assert (rows["post"].restored, rows["ban"].restored) == (63, 2)


def test_a_group_that_is_not_there(kept: Kept) -> None:
    with kept.view() as view, pytest.raises(UsageError):
        desired(view, "!nowhere")


def test_a_closed_roster_still_makes_a_plan(kept: Kept) -> None:
    with Archive.open(kept.path) as archive:
        reader = archive.unlock(kept.secret)
        del reader._keys["roster"]
        view = fold([reader], Moment(seq=1))
        plan = plan_of(view)
    assert not [one for one in plan.actions if type(one).__name__ == "BanMember"]
    assert all(one.private for one in plan.actions if type(one).__name__ == "CreateChannel" and one.channel.ref == "!c")


def test_a_file_that_is_damaged_is_a_gap(kept: Kept) -> None:
    with kept.view(BEFORE) as view:
        whole = plan_of(view)

        def broken(blob: str) -> Iterator[bytes]:
            raise Damaged("not readable") from None
            yield blob.encode()

        timelines = ArchiveTimelines(view, broken)
        plan = toy.toy_plan(desired(view, "!space"), timelines)  # type: ignore[arg-type]
    assert "media-unavailable" not in {gap.code for gap in whole.gaps}
    assert {gap.code: gap.count for gap in plan.gaps}["media-unavailable"] == 6


# --- files ---


def save(path: Path, plan: Any, kept: Kept) -> None:
    planfile.save(path, plan, kept.key().public, archive_id=kept.archive_id, epoch=0)


def test_the_plan_file(kept: Kept, tmp_path: Path) -> None:
    with kept.view(BEFORE) as view:
        plan = plan_of(view)
    path = tmp_path / "way.plan"
    save(path, plan, kept)
    save(path, plan, kept)
    assert planfile.load(path, kept.key(), archive_id=kept.archive_id) == plan
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    data = path.read_bytes()
    assert b"Real" not in data
    assert plan.policy.key.encode() not in data
    assert not [one for one in tmp_path.iterdir() if one.name.endswith(".new")]
    with pytest.raises(WrongSecret):
        planfile.load(path, kept.key(), archive_id=bytes(32))
    for place in (20, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :])
        with pytest.raises(GroupArchiveError):
            planfile.load(path, kept.key(), archive_id=kept.archive_id)
    path.write_bytes(data[:-40])
    with pytest.raises(Damaged):
        planfile.load(path, kept.key(), archive_id=kept.archive_id)
    for other in (tmp_path / "nowhere", kept.path):
        with pytest.raises(UsageError):
            planfile.load(other, kept.key(), archive_id=kept.archive_id)
    with pytest.raises(GroupArchiveError):
        save(tmp_path / "no" / "folder.plan", plan, kept)


def test_the_journal_is_of_one_plan_and_one_run(tmp_path: Path) -> None:
    plan = toy.toy_plan(*toy.community(3))
    other = toy.toy_plan(*toy.community(3), key="cd" * 32)
    path = journal_path(tmp_path / "way.plan", plan)
    assert path != journal_path(tmp_path / "way.plan", other)
    with Journal(path, plan) as journal:
        journal.begin(["0" * 32])
        assert not journal.in_doubt("0" * 32)
        with pytest.raises(ArchiveBusy):
            Journal(path, plan)
    with Journal(path, plan) as journal:
        assert journal.started
        assert journal.in_doubt("0" * 32)
    with pytest.raises(Damaged):
        Journal(path, other)


@pytest.mark.parametrize("moment", [Moment(), BEFORE, Moment(seq=2), Moment(time=START + DAY - 1)])
def test_the_command_line_finds_the_posts_again(kept: Kept, moment: Moment) -> None:
    from grouparchive.cli.surroundings import Run  # noqa: PLC0415 - the one test that looks up from here

    with kept.view(moment) as view:
        plan = plan_of(view)
    with kept.commit(day=5) as writer:
        old = next(iter(toy.community(1)[1]("!a")))
        writer.add(msgspec.structs.replace(old, ref="found-late", time=START + 90 * DAY, text="later than all"))
        writer.add(Tombstone(channel="!a", ref="y", target="!a/1", time=START + 4 * DAY))
    with Archive.open(kept.path) as archive:
        run = Run.__new__(Run)
        run.__dict__.update(output=None, on_close=lambda _: None)
        opened = run.fold_as_planned([archive.unlock(kept.secret)], plan)
        assert plan_of(opened.view).digest() == plan.digest()
