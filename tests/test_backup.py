"""Runs from a sandbox into a real archive: whole, once, honest about what is missing, and never half."""

import os
import re
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from backup_box import Box, scan

from grouparchive.backup import MEDIA_TRIES, PENDING_MEDIA, Identities, Summary
from grouparchive.errors import GroupArchiveError, NotFound, PlatformError, Refused
from grouparchive.model import codec
from grouparchive.model.ports import Page
from grouparchive.model.records import (
    Attachment,
    Edit,
    Gap,
    Group,
    Known,
    Member,
    Membership,
    Message,
    Roster,
    Tombstone,
)
from grouparchive.platforms.sandbox.connector import SandboxConnector
from grouparchive.platforms.sandbox.world import KEEPER, World

ADA, BEN, CYD = "@ada.lovelock:sandbox", "@ben.quill:sandbox", "@cyd.marrow:sandbox"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.close()


@pytest.fixture
def world(box: Box) -> World:
    return box.world


def populate(world: World, posts: int = 12) -> tuple[str, str]:
    """A group with one room, three people and some posts; (group, room)."""
    for handle, name in ((ADA, "Ada of the lamp"), (BEN, "Ben Quillfeather"), (CYD, "Cyd M.")):
        world.person(handle, name)
    group = world.create_group("Lantern lane", topic=f"write to {ADA}")
    room = world.create_channel(group, "Kitchen", topic=f"{BEN} cooks")
    world.configure(room, "m.room.join_rules", '{"join_rule":"restricted"}')
    for handle in (ADA, BEN, CYD):
        world.join(group, handle, force=True)
        world.join(room, handle)
    first = world.post(room, ADA, f"soup at seven, {BEN}")
    for number in range(posts - 1):
        world.post(room, (ADA, BEN)[number % 2], f"ladle {number}", reply_to=first)
    world.edit(room, first, ADA, "soup at eight")
    world.react(room, first, BEN, "\N{SNOWMAN}")
    world.pin(room, first)
    return group, room


class Rigged(SandboxConnector):
    """A connector that does what a test wants in the middle of its work."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.on_page: Callable[[int], None] = lambda _: None
        self.on_media: Callable[[str], None] = lambda _: None
        self.asked: list[str] = []

    def pages(self, group: str, after: Any) -> Iterator[Page]:
        for number, page in enumerate(super().pages(group, after)):
            self.on_page(number)
            yield page

    def media(self, ref: str) -> Iterator[bytes]:
        self.asked.append(ref)
        self.on_media(ref)
        yield from super().media(ref)


def fail(error: BaseException) -> Callable[[Any], None]:
    def raising(_: Any) -> None:
        raise error

    return raising


def test_the_second_run_has_nothing_to_say(box: Box, world: World) -> None:
    populate(world)
    first = box.backup()
    assert (first.groups, first.channels, first.members, first.messages) == (1, 2, 4, 12)
    assert first.new > 12
    assert not first.gaps
    for _ in range(2):
        assert box.backup() == Summary()
    assert box.gather(Message, Roster, Group)[Message] == 12


def test_only_what_is_new_comes(box: Box, world: World) -> None:
    _, room = populate(world)
    box.backup()
    late = world.post(room, BEN, "and bread")
    world.delete(room, late)
    world.post(room, ADA, "no bread")
    summary = box.backup()
    assert (summary.messages, summary.new, summary.channels, summary.members) == (1, 2, 0, 0)  # a post, a tombstone
    found = box.gather(Message, Tombstone, Roster)
    assert found == {Message: 13, Tombstone: 1, Roster: 2}


def test_a_roster_that_changed_is_written_whole(box: Box, world: World) -> None:
    group, room = populate(world)
    box.backup()
    world.person(CYD, "Cyd under another name")
    summary = box.backup()
    assert summary.members == 4
    world.ban(room, CYD, reason="spam")
    assert box.backup().members == 3
    last = {}
    for commit, record in box.read("roster"):
        if isinstance(record, Roster):
            last[record.channel] = (commit.seq, record)
    assert last[group][0] == 2
    seq, roster = last[room]
    assert (roster.members, roster.bans) == (3, 1)
    assert sum(isinstance(r, Membership) and c.seq == seq for c, r in box.read("roster")) == 3


def test_states_that_name_people_are_not_news_under_new_ids(box: Box, world: World) -> None:
    group, _ = populate(world)
    box.backup()
    assert box.backup().new == 0
    world.describe(group, topic=f"write to {BEN}")
    summary = box.backup()
    assert (summary.groups, summary.channels, summary.members) == (1, 1, 0)


def test_everyone_whom_a_commit_mentions_is_told_in_it(box: Box, world: World) -> None:
    _, room = populate(world)
    box.backup(page=3, commit_seconds=0)
    world.post(room, ADA, f"ask {CYD}")
    box.backup()
    told: dict[int, set[str]] = defaultdict(set)
    mentioned: dict[int, set[str]] = defaultdict(set)
    for vault in ("content", "roster"):
        for commit, record in box.read(vault):
            if isinstance(record, Member):
                told[commit.seq].add(record.id)
            else:
                mentioned[commit.seq] |= set(re.findall(r"\b[0-9a-f]{32}\b", codec.encode(record).decode()))
    assert len(mentioned) > 5
    assert all(ids <= told[seq] for seq, ids in mentioned.items())
    assert told[max(told)] == mentioned[max(told)]
    assert len(told[max(told)]) == 2


def test_files_come_whole_and_once(box: Box, world: World) -> None:
    _, room = populate(world)
    pictures = [os.urandom(3000) for _ in range(40)]
    refs = [world.upload(data, "image/png") for data in pictures]
    face = world.upload(b"a face" * 100)
    world.person(ADA, avatar=face)
    for ref in [*refs, refs[0]]:
        world.post(room, ADA, "look", type="image", media=[{"ref": ref, "name": f"{BEN}.png", "mime": "image/png"}])
    assert box.backup().attachments == 41
    assert box.backup().attachments == 0
    files = {r.ref: r for _, r in box.read("content") if isinstance(r, Attachment)}
    assert [b"".join(box.blob(files[ref].blob)) for ref in refs] == pictures
    assert [r.ref for _, r in box.read("roster") if isinstance(r, Attachment)] == [face]


def test_a_file_that_fails_is_a_gap_and_comes_later(box: Box, world: World) -> None:
    _, room = populate(world)
    ref = world.upload(b"late" * 1000)
    world.post(room, ADA, "look", type="file", media=[{"ref": ref}])
    first = box.backup(connector=Rigged, on_media=fail(PlatformError("the server is tired")))
    assert [(gap.code, gap.scope) for gap in first.gaps] == [(Known.MEDIA_UNAVAILABLE, ref)]
    assert first.new_gaps
    again = box.backup(connector=Rigged, on_media=fail(PlatformError("still")))
    assert not again.new_gaps
    assert len(again.gaps) == 1
    assert again.new == 0
    third = box.backup()
    assert (third.attachments, third.new, third.gaps) == (1, 1, [])
    assert PENDING_MEDIA not in next(iter(box.home.cursors("lane").values()))


def test_a_file_that_is_gone_is_not_asked_for_for_ever(box: Box, world: World) -> None:
    _, room = populate(world)
    world.post(room, ADA, "look", type="file", media=[{"ref": "file-gone"}])
    asked = []
    for _ in range(MEDIA_TRIES + 2):
        summary = box.backup(connector=Rigged)
        asked.append(len(box.connector.asked))
        assert [gap.code for gap in summary.gaps] == [Known.MEDIA_UNAVAILABLE]
    assert asked == [1] * MEDIA_TRIES + [0, 0]


def test_a_file_cut_off_in_the_middle_leaves_nothing_behind(box: Box, world: World) -> None:
    _, room = populate(world)
    whole = os.urandom(3_000_000)
    ref = world.upload(whole)
    world.post(room, ADA, "look", type="file", media=[{"ref": ref}])

    class Cut(SandboxConnector):
        def media(self, ref: str) -> Iterator[bytes]:
            pieces = super().media(ref)
            yield next(pieces)
            raise PlatformError("cut off")

    assert box.backup(connector=Cut).attachments == 0
    assert box.backup().attachments == 1
    (file,) = [r for _, r in box.read("content") if isinstance(r, Attachment)]
    assert b"".join(box.blob(file.blob)) == whole
    box.verify()


def test_pictures_of_members_survive_a_run_that_broke_off(box: Box, world: World) -> None:
    populate(world)
    world.person(ADA, avatar=world.upload(b"face one"))
    world.person(BEN, avatar=world.upload(b"face two"))
    go = threading.Event()

    def slowly(_: str) -> None:
        go.wait(10)

    def break_off(number: int) -> None:
        if number == 4:
            go.set()
            raise PlatformError("gone")

    with pytest.raises(PlatformError):
        box.backup(connector=Rigged, on_media=slowly, on_page=break_off)
    box.backup()
    faces = {r.ref for _, r in box.read("roster") if isinstance(r, Attachment)}
    assert len(faces) == 2
    assert box.backup().attachments == 0


def test_a_group_that_is_gone_is_said_once_as_news(box: Box, world: World) -> None:
    group, _ = populate(world)
    box.backup()
    world.delete_group(group)
    summary = box.backup()
    assert [(gap.code, gap.scope) for gap in summary.gaps] == [(Known.GROUP_GONE, group)]
    assert summary.new_gaps
    assert not box.backup().new_gaps
    assert box.gather(Message)[Message] == 12


def test_an_error_in_the_middle_keeps_what_was_whole(box: Box, world: World) -> None:
    populate(world, posts=30)

    def break_off(number: int) -> None:
        if number == 6:
            raise PlatformError("the network is gone")

    with pytest.raises(PlatformError) as caught:
        box.backup(connector=Rigged, page=10, on_page=break_off)
    assert caught.value.code == 20
    assert box.gather(Message)[Message] == 20
    rest = box.backup()
    assert rest.messages == 10
    assert box.gather(Message, Edit, Roster, Group) == {Message: 30, Edit: 1, Roster: 2, Group: 1}


def test_one_group_that_is_shut_does_not_keep_the_others_back(box: Box, world: World) -> None:
    first, _ = populate(world)
    second = world.create_group("Upper lane")
    world.post(second, KEEPER, "hello up here")

    class Shut(SandboxConnector):
        def pages(self, group: str, after: Any) -> Iterator[Page]:
            if group == first:
                raise Refused("no more")
            return super().pages(group, after)

    with pytest.raises(Refused):
        box.backup(connector=Shut)
    assert box.gather(Message)[Message] == 1
    assert box.backup().messages == 12


def test_a_group_that_vanishes_while_it_is_read_is_a_gap(box: Box, world: World) -> None:
    group, _ = populate(world)

    def vanish(number: int) -> None:
        if number == 4:
            raise NotFound("no such group")

    summary = box.backup(connector=Rigged, on_page=vanish)
    assert [(gap.code, gap.scope) for gap in summary.gaps] == [(Known.GROUP_GONE, group)]
    assert summary.channels == 2


def test_a_refused_credential_ends_the_run(box: Box, world: World) -> None:
    populate(world)

    class Revoked(SandboxConnector):
        def groups(self) -> Iterator[Group]:
            raise Refused("revoked")

    with pytest.raises(Refused):
        box.backup(connector=Revoked)
    assert box.commits() == 1  # the archive's own


def test_an_interrupt_keeps_what_was_whole(box: Box, world: World) -> None:
    _, room = populate(world, posts=30)
    ref = world.upload(b"pic" * 1000)
    world.post(room, ADA, "look", type="file", media=[{"ref": ref}])

    def press(number: int) -> None:
        if number == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        box.backup(connector=Rigged, page=10, on_page=press)
    assert box.gather(Message)[Message] == 10
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    summary = box.backup()
    assert (summary.messages, summary.attachments) == (21, 1)
    assert box.gather(Message, Roster) == {Message: 31, Roster: 2}


@pytest.mark.parametrize("at", [3, 8, 20])
def test_an_interrupt_waits_until_a_page_is_whole(box: Box, world: World, at: int) -> None:
    populate(world, posts=30)
    calls = 0

    def press(*_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        box.backup(on_add=press)
    rosters = defaultdict(Counter)
    for _, record in box.read("roster"):
        if isinstance(record, Roster | Membership):
            rosters[record.channel][type(record)] += 1
    assert all(found == {Roster: 1, Membership: 4} for found in rosters.values())
    box.backup()
    assert box.gather(Message, Roster) == {Message: 30, Roster: 2}


def test_an_interrupt_that_is_ignored_stays_so(box: Box, world: World) -> None:
    populate(world)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        summary = box.backup(on_add=lambda *_: os.kill(os.getpid(), signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert summary.messages == 12


def test_long_runs_commit_on_the_way_and_split_no_roster(box: Box, world: World) -> None:
    _, room = populate(world, posts=50)
    for number in range(1500):
        world.join(room, f"@guest{number}:sandbox", force=True)
    box.backup(page=5, commit_seconds=0)
    assert box.commits() > 10
    where = defaultdict(set)
    for commit, record in box.read("roster"):
        if isinstance(record, Roster | Membership):
            where[record.channel].add(commit.seq)
    assert [len(commits) for commits in where.values()] == [1, 1]
    assert box.gather(Message, Membership) == {Message: 50, Membership: 1504 + 4}
    assert box.backup() == Summary()


def test_hostile_events_are_gaps_and_news_each_time(box: Box, world: World) -> None:
    _, room = populate(world)
    for body in ("{", '{"text":5}', '{"text":"x","type":"zz"}', '{"surprise":1}', '{"text":"\\ud800"}'):
        world.raw(room, body)
    world.raw(room, '{"text":"before time"}', time=-1)
    first = box.backup()
    assert [(gap.code, gap.count) for gap in first.gaps] == [(Known.MESSAGE_UNREADABLE, 6)]
    assert first.new_gaps
    assert not box.backup().gaps
    world.raw(room, "[")
    again = box.backup()
    assert again.new_gaps
    assert sum(gap.count for _, gap in box.read("content") if isinstance(gap, Gap)) == 7


def test_a_record_that_is_too_large_is_a_gap(box: Box, world: World) -> None:
    _, room = populate(world)
    ref = world.post(room, ADA, "\N{SNOWMAN}" * 900_000)
    summary = box.backup()
    assert [(gap.code, gap.scope) for gap in summary.gaps] == [(Known.RECORD_TOO_LARGE, ref)]
    assert box.gather(Message)[Message] == 12
    assert not box.backup().new_gaps


def test_a_flood_of_gaps_is_counted_not_listed(box: Box, world: World) -> None:
    _, room = populate(world)

    class Flood(SandboxConnector):
        def pages(self, group: str, after: Any) -> Iterator[Page]:
            yield from super().pages(group, after)
            gaps = [Gap(code="odd-thing", scope=f"${number}") for number in range(2500)]
            yield Page(records=[], gaps=gaps)

    summary = box.backup(connector=Flood)
    assert sum(gap.count for gap in summary.gaps) == 2500
    assert len(summary.gaps) == 1001
    assert not box.backup(connector=Flood).new_gaps
    assert room


def test_known_limits_do_not_fail_a_run(box: Box, world: World) -> None:
    populate(world)

    class Limited(SandboxConnector):
        def pages(self, group: str, after: Any) -> Iterator[Page]:
            yield Page(records=[], gaps=[Gap(code=Known.HISTORY_CUT, scope=group, limit=True)])
            yield from super().pages(group, after)

    summary = box.backup(connector=Limited)
    assert [gap.code for gap in summary.gaps] == [Known.HISTORY_CUT]
    assert not summary.new_gaps


def test_nothing_readable_lies_on_the_machine(box: Box, world: World, tmp_path: Path) -> None:
    _, room = populate(world)
    ref = world.upload(b"the bytes of a picture that must not lie around")
    world.post(room, ADA, "look", type="file", media=[{"ref": ref, "name": "holiday in the lane.png"}])
    world.post(room, ADA, "look", type="file", media=[{"ref": "file-gone", "name": "x"}])
    box.backup(commit_seconds=0)
    words = [ADA, BEN, "ada.lovelock", "Quillfeather", "soup at", "Lantern lane", "holiday in", "bytes of a picture"]
    assert scan(tmp_path, words, but=box.world_path) == []
    assert scan(box.world_path.parent, words, but=tmp_path / "none")  # the scan itself can find them


def test_progress_is_told(box: Box, world: World) -> None:
    populate(world)
    told: list[int] = []
    box.backup(progress=lambda summary: told.append(summary.messages), page=4)
    assert told[-1] == 12
    assert len(told) > 4


def test_a_failing_archive_loses_nothing(box: Box, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    populate(world)
    from grouparchive.archive.writer import Writer  # noqa: PLC0415 - patched here only

    real = Writer.commit

    def full(*_: Any) -> None:
        raise GroupArchiveError("the disk is full")

    monkeypatch.setattr(Writer, "commit", full)
    with pytest.raises(GroupArchiveError):
        box.backup()
    monkeypatch.setattr(Writer, "commit", real)
    assert box.backup().messages == 12
    assert box.gather(Message)[Message] == 12


def test_ids_are_new_in_every_run_and_tell_nothing() -> None:
    one, two = Identities("sandbox", "here"), Identities("sandbox", "here")
    assert one(ADA, "", "") != two(ADA, "", "")
    assert one(ADA, "Ada", "pic") == one(ADA, "", "")
    assert len(one) == 1
    (member,) = one.take()
    assert (member.native, member.name, member.avatar) == (ADA, "Ada", "pic")
    assert one.take() == []
    assert ADA not in repr(one)
