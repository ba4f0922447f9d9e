"""A small community on the real homeserver: read, planned, rebuilt beside the old one, and reported without a riddle."""

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from restore_toy import Posts

from grouparchive.demo.community import SMALL, Community
from grouparchive.demo.homeserver import Homeserver
from grouparchive.errors import InDoubt
from grouparchive.model.plan import Action, Desired, Outcome, Person, Plan, Policy
from grouparchive.model.ports import Source
from grouparchive.model.records import (
    Ban,
    Channel,
    Edit,
    Group,
    Membership,
    Message,
    Pins,
    Reaction,
    Setting,
    Tombstone,
    Vote,
)
from grouparchive.platforms.matrix.connector import MatrixConnector
from grouparchive.platforms.matrix.target import MatrixTarget
from grouparchive.restore import applier
from grouparchive.restore.journal import Journal, journal_path
from grouparchive.restore.metadata import stripping
from grouparchive.restore.planner import make_plan
from grouparchive.restore.report import FeatureRow, compare_with

pytestmark = pytest.mark.homeserver


def member_id(handle: str) -> str:
    return hashlib.sha256(handle.encode()).hexdigest()[:32]


class Backup:
    """What a backup of the community holds, in memory."""

    def __init__(self, community: Community) -> None:
        self.community = community
        self.handles: dict[str, str] = {}
        options = {"origin": community.server.url}
        tokens = {"token": community.admin.token, "as-token": community.server.as_token}
        self.source = Source(name="home", platform="matrix", options=options, secrets=tokens)
        records: list[Any] = []
        files: dict[str, tuple[str, bytes]] = {}
        connector = MatrixConnector(self.source, self.identify)
        for page in connector.pages(community.space, {}):
            records += page.records
            files |= {
                one.ref: (one.mime, b"".join(connector.media(one.ref))) for one in page.media if one.vault == "content"
            }
        connector.close()
        gone = {one.target for one in records if isinstance(one, Tombstone)}
        timelines: dict[str, list[Any]] = {}
        for one in records:
            if isinstance(one, Message | Edit | Reaction | Vote) and one.ref not in gone:
                timelines.setdefault(one.channel, []).append(one)
        self.posts = Posts(timelines, files)
        self.desired = self.wanted(records)

    def identify(self, native: str, _name: str, _avatar: str) -> str:
        self.handles[member_id(native)] = native
        return member_id(native)

    def native(self, member: str) -> str:
        return self.handles.get(member, "")

    def wanted(self, records: list[Any]) -> Desired:
        def of(kind: Any) -> tuple[Any, ...]:
            return tuple(one for one in records if isinstance(one, kind))

        memberships = of(Membership)
        people = tuple(
            Person(
                id=person,
                admin=self.handles[person] == self.community.admin.user,
                memberships=tuple(one for one in memberships if one.member == person),
            )
            for person in sorted({one.member for one in memberships})
        )
        return Desired(
            archive_id="0" * 64,
            position="w:1",
            moment=2**41,
            group=of(Group)[0],
            channels=of(Channel),
            settings=of(Setting),
            pins={one.channel: one.messages for one in of(Pins)},
            people=people,
            bans=of(Ban),
            avatars={ref: one.blob for ref, one in self.posts.attachments.items()},
        )

    def target(self, *, service: bool) -> MatrixTarget:
        given = {name: token for name, token in self.source.secrets.items() if service or name == "token"}
        source = msgspec.structs.replace(self.source, secrets=given)
        return MatrixTarget(source, self.identify, stripping(self.posts.blob))

    def plan(self, target: MatrixTarget, **policy: Any) -> Plan:
        chosen = Policy(**{"key": secrets.token_hex(32), "content": "all", "authors": "ghost", **policy})
        return make_plan(self.desired, target.observe(), target.performs, chosen, self.posts)

    def apply(self, folder: Path, plan: Plan, target: Any, **options: Any) -> applier.Report:
        with Journal(journal_path(folder / "plan", plan), plan) as journal:
            chosen = {"expect": plan.digest(), "timelines": self.posts, "natives": self.native, **options}
            return applier.apply(plan, target, journal, **chosen)

    def rows(self, plan: Plan, target: Any) -> dict[str, FeatureRow]:
        rows = compare_with(plan, self.desired, self.posts, target, natives=self.native)
        return {row.feature: row for row in rows}


@pytest.fixture(scope="module")
def backup(homeserver: Homeserver) -> Backup:
    community = Community(homeserver, SMALL)
    community.seed()
    return Backup(community)


@pytest.fixture(name="target")
def _target(backup: Backup) -> Iterator[MatrixTarget]:
    target = backup.target(service=True)
    yield target
    target.close()


def test_rebuilt_with_stand_ins(backup: Backup, target: MatrixTarget, tmp_path: Path) -> None:
    plan = backup.plan(target)
    report = backup.apply(tmp_path, plan, target)
    assert (report.failed, report.gaps) == (0, ())
    rows = backup.rows(plan, target)
    assert not [row for row in rows.values() if row.unexplained]
    assert rows["name"].restored == 0
    revealed = backup.apply(tmp_path, plan, target, reveal=True)
    assert revealed.failed == 0
    rows = backup.rows(plan, target)
    assert not [row for row in rows.values() if row.unexplained]
    for feature in (
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
        "ban",
    ):
        assert (feature, rows[feature].restored) == (feature, rows[feature].archived)
    assert rows["file"].restored + rows["file"].explained == rows["file"].archived > 0
    again = backup.apply(tmp_path, plan, target, reveal=True)
    assert again.done == 0


def test_rebuilt_as_an_ordinary_admin(backup: Backup, tmp_path: Path) -> None:
    target = backup.target(service=False)
    plan = backup.plan(target)
    assert backup.apply(tmp_path, plan, target).failed == 0
    rows = backup.rows(plan, target)
    target.close()
    assert not [row for row in rows.values() if row.unexplained]
    assert rows["post"].restored == rows["post"].archived > 0


class Stumbling:
    """The real target, whose answers get lost now and then: the work is done or not, and nobody knows."""

    def __init__(self, target: MatrixTarget, *, interrupt: int = 0) -> None:
        self.target = target
        self.interrupt = interrupt
        self.platform, self.performs = target.platform, target.performs
        self.observe, self.find, self.read, self.close = target.observe, target.find, target.read, target.close
        self.calls = 0

    def perform(self, action: Action) -> Outcome:
        self.calls += 1
        number = self.calls
        if number % 7 == 0:
            raise InDoubt("lost on the way there")
        outcome = self.target.perform(action)
        if number % 7 == 3:
            raise InDoubt("lost on the way back")
        if number == self.interrupt:
            raise KeyboardInterrupt
        return outcome


def test_exactly_once_through_lost_answers_and_an_interrupt(
    backup: Backup, target: MatrixTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applier, "PATIENCE", 0)
    plan = backup.plan(target)
    stumbling = Stumbling(target, interrupt=60)
    with pytest.raises(KeyboardInterrupt):
        backup.apply(tmp_path, plan, stumbling)
    fresh = backup.target(service=True)  # as another process would have it: nothing remembered
    report = backup.apply(tmp_path, plan, Stumbling(fresh))
    assert report.failed == 0
    markers = [
        one.marker for one in fresh.read(report.group) if isinstance(one, Message | Edit | Reaction) and one.marker
    ]
    rows = backup.rows(plan, fresh)
    fresh.close()
    assert len(markers) == len(set(markers))
    assert not [row for row in rows.values() if row.unexplained]
