"""Appending: what comes back, what counts as news, who is kept out, and that a kill at any step does no harm."""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grouparchive.archive import writer as writer_module
from grouparchive.archive.home import KEY_DAYS, WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.state import WriterState, tag
from grouparchive.archive.verify import verify
from grouparchive.crypto.primitives import lp
from grouparchive.errors import ArchiveBusy, Damaged, GroupArchiveError, NoArchive, UsageError
from grouparchive.model.records import (
    Attachment,
    Channel,
    Edit,
    Gap,
    Member,
    Membership,
    Message,
    Reaction,
    Roster,
    Secret,
    Setting,
    Tombstone,
    Vote,
)

HERE = Path(__file__).parent


def message(number: int, text: str = "", **more: Any) -> Message:
    return Message(channel="!lane", ref=f"$m{number}", time=1_000 + number, text=text or f"post {number}", **more)


def test_what_goes_in_comes_out(made: Any) -> None:
    posts = [message(n) for n in range(2_500)]
    people = [Member(id=f"{n:032x}", platform="p", origin="o", native=f"@moss{n}") for n in range(3)]
    made.write([*posts, *people])
    reader = made.reader()
    assert [r for _, r in reader.records("content") if isinstance(r, Message)] == posts
    assert [r for _, r in reader.records("roster") if isinstance(r, Member)] == people
    assert [one.kind for one in reader.commits[1].objects].count("segment") == 3
    assert reader.damage == []
    assert verify(made.path, pinned=made.pin).ok


def test_the_first_commit_holds_the_secrets(made: Any) -> None:
    reader = made.reader()
    secrets = {(r.name, c.seq) for v in ("content", "roster") for c, r in reader.records(v) if isinstance(r, Secret)}
    assert secrets == {("owner", 0), ("invite", 0), ("card", 0)}
    assert [r.name for _, r in reader.records("content") if isinstance(r, Secret)] == ["owner"]


def test_every_commit_has_an_object_of_each_kind_also_when_nothing_happened(made: Any) -> None:
    info = made.write([])
    assert sorted((e.vault, e.kind) for e in info.objects) == [
        ("content", "record"),
        ("content", "segment"),
        ("roster", "roster"),
    ]
    # After ten full commits nothing tells a quiet one from one with a little in it.
    busy = made.write([message(1)])
    assert len(busy.objects) == len(info.objects)


def test_the_note_says_counts_gaps_and_cursors(made: Any) -> None:
    gap = Gap(code="media-unavailable", scope="mxc://x/1")
    with made.writer() as writer:
        writer.commit({"s": {"g": {"room": "t1"}}}, {"messages": 3}, [gap])
    reader = made.reader()
    notes = [note for _, note in reader.commit_records()]
    assert notes[1].counts == {"messages": 3}
    assert notes[1].gaps == [gap]
    assert notes[1].cursors == {"s": {"g": {"room": "t1"}}}
    assert gap in [r for _, r in reader.records("content")]


def test_cursors_advance_entry_by_entry_and_only_with_a_commit(made: Any) -> None:
    with made.writer() as writer:
        writer.commit({"s": {"g": {"a": "1", "b": "1", "c": "1"}, "h": {}}})
        writer.commit({"s": {"g": {"a": "2", "c": ""}}, "t": {"g": {"z": "9"}}})
    assert made.home.cursors("s") == {"g": {"a": "2", "b": "1"}, "h": {}}
    assert made.home.cursors("t") == {"g": {"z": "9"}}
    with made.writer() as writer:
        writer.add(message(1))
    assert made.home.cursors("s")["g"] == {"a": "2", "b": "1"}


def test_news_is_told_once_for_good_after_the_commit(made: Any) -> None:
    events = [
        message(1),
        message(1, version=2),
        Reaction(channel="!lane", ref="$m1", target="$m0"),
        Tombstone(channel="!lane", ref="$t", target="$m0", time=5),
        Gap(code="group-gone", scope="!lane"),
    ]
    with made.writer() as writer:
        assert [writer.fresh(one) for one in events] == [True] * 5
        assert [writer.fresh(one) for one in events] == [False] * 5
    with made.writer() as writer:
        assert [writer.fresh(one) for one in events] == [True] * 5
        writer.commit()
        assert [writer.fresh(one) for one in events] == [False] * 5
    with made.writer() as writer:
        assert [writer.fresh(one) for one in events] == [False] * 5


def test_asking_for_many_answers_as_asking_for_each(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    later = [Channel(ref="!c", group="!g", name=name) for name in ("one", "one", "two")]
    batch = [
        message(1),
        message(2),
        later[0],
        message(1),
        Roster(channel="!c", time=1, members=1),
        *later[1:],
        message(2),
    ]
    told = [True, True, True, False, True, False, True, False]
    with made.writer() as writer:
        assert writer.fresh_many([]) == []
        assert writer.fresh_many(batch) == told
        writer.commit()
    # Some of them under the key before, one under today's.
    renewed = made.home.keys.events[0].day + KEY_DAYS
    monkeypatch.setattr("grouparchive.archive.home._today", lambda: renewed)
    with made.writer() as writer:
        assert len(made.home.keys.events) == 2
        assert writer.fresh(message(3))
        writer.commit()
    with made.writer() as writer:
        assert writer.fresh_many([message(n) for n in range(5)]) == [True, False, False, False, True]
        assert not any(writer.fresh_many([message(n) for n in range(5)]))


def test_things_that_look_alike_are_different_news(made: Any) -> None:
    def one(channel: str, ref: str, version: int = 0) -> Message:
        return Message(channel=channel, ref=ref, time=1, version=version)

    def other(kind: type[Reaction | Vote | Edit], channel: str, ref: str) -> Reaction | Vote | Edit:
        return kind(channel=channel, ref=ref, target="$0", time=1)

    alike = [
        one("!a", "bc"), one("!ab", "c"), one("!a", "bc", 1), one("!a", "1bc"), one("!a1", "bc"), one("!a", "bc", 11),
        one("!a", "\udc80"), one("!a", "\0"), one("!a", ""), one("", "!a"),
        other(Reaction, "!a", "bc"), other(Vote, "!a", "bc"), other(Edit, "!a", "bc"), other(Edit, "!ab", "c"),
    ]  # fmt: skip
    with made.writer() as writer:
        assert all(writer.fresh_many(alike))
        assert not any(writer.fresh_many(alike))
        writer.commit()
    with contextlib.closing(sqlite3.connect(made.home.folder / "state.sqlite")) as state:
        blocks = {bytes(channel): bytes(tags) for channel, tags in state.execute("SELECT channel, tags FROM events")}
    assert sum(map(len, blocks.values())) == 8 * len(alike)
    newest, lasting = made.home.keys.events[0].key, made.home.keys.lasting

    def kept(kind: str, channel: str, version: str, ref: str) -> bool:  # as docs/FORMAT.md says
        data = lp(kind.encode(), channel.encode(), version.encode()) + ref.encode()
        block = blocks[tag(lasting, "events", channel)]
        found = [block[at : at + 8] for at in range(0, len(block), 8)]
        assert found == sorted(found)
        return hashlib.blake2b(data, key=newest, digest_size=8).digest() in found

    assert kept("message", "!a", "11", "bc")
    assert kept("edit", "!ab", "0", "c")
    assert not kept("message", "!a", "11", "bd")


def test_whole_files_are_known_without_end_once_their_commit_stands(made: Any) -> None:
    digest = b"d" * 32
    with made.writer() as writer:
        assert not writer.knows_file(digest)
        writer.mark_file(digest)
        assert writer.knows_file(digest)
    with made.writer() as writer:
        assert not writer.knows_file(digest)
        writer.mark_file(digest)
        writer.commit()
    made.time += 1_000 * 86_400_000
    with made.writer() as writer:
        assert writer.knows_file(digest)
        assert not writer.knows_file(b"e" * 32)
        writer.commit()
    with made.writer() as writer:
        assert writer.knows_file(digest)


def test_a_state_is_news_when_it_changed_also_back_to_what_it_was(made: Any) -> None:
    with made.writer() as writer:
        for name, fresh in (("one", True), ("one", False), ("two", True), ("one", True)):
            assert writer.fresh(Channel(ref="!c", group="!g", name=name)) is fresh
        writer.commit()
        assert not writer.fresh(Channel(ref="!c", group="!g", name="one"))
        assert writer.fresh(Setting(channel="!c", name="x", value="1"))
        assert writer.fresh(Setting(channel="!c", name="y", value="1"))
        assert writer.fresh_roster("!c", b"a") is True
        assert writer.fresh_roster("!c", b"a") is False
        assert writer.fresh_roster("!d", b"a") is True


def test_people_are_never_tagged(made: Any) -> None:
    person = Member(id="0" * 32, platform="p", origin="o", native="@moss")
    with made.writer() as writer:
        for _ in range(2):
            assert writer.fresh(person)
            assert writer.fresh(Membership(channel="!c", member="0" * 32))
            assert writer.fresh(Roster(channel="!c", time=1, members=1))
        face = writer.add_blob([b"face"], "roster")
        again = writer.add_blob([b"face"], "roster")
        assert face.blob == again.blob
        writer.add(Attachment(ref="mxc://face", blob=face.blob, size=4, sha256=face.sha256), "roster")
        assert not writer.fresh_media("mxc://face", "roster")
        writer.commit()
        assert not writer.fresh_media("mxc://face", "roster")
    with made.writer() as writer:
        assert writer.fresh_media("mxc://face", "roster")
    with sqlite3.connect(made.home.folder / "state.sqlite") as state:
        assert state.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert state.execute("SELECT count(*) FROM lasting").fetchone() == (0,)
    state.close()


def test_files_stream_in_and_the_same_bytes_are_stored_once(made: Any) -> None:
    data = os.urandom(9 * 1024 * 1024)
    with made.writer() as writer:
        first = writer.add_blob([data[:5_000_000], data[5_000_000:]])
        assert writer.add_blob([data]).blob == first.blob
        assert writer.fresh_media("mxc://x/1")
        writer.add(Attachment(ref="mxc://x/1", blob=first.blob, size=first.size, sha256=first.sha256))
        info = writer.commit()
        assert [e.kind for e in info.objects].count("blob") == 1
    with made.writer() as writer:
        assert writer.add_blob([data]).blob == first.blob
        assert not writer.fresh_media("mxc://x/1")
        assert not [e for e in writer.commit().objects if e.kind == "blob"]
    reader = made.reader()
    assert b"".join(reader.blob(first.blob)) == data
    assert reader.has_blob(first.blob)
    with pytest.raises(NoArchive):
        next(reader.blob("0" * 64))


def test_a_file_that_breaks_off_leaves_nothing(made: Any) -> None:
    def broken() -> Any:
        yield b"half"
        raise ConnectionError

    with made.writer() as writer:
        with pytest.raises(ConnectionError):
            writer.add_blob(broken())
        assert not [e for e in writer.commit().objects if e.kind == "blob"]
    assert verify(made.path).ok


def test_a_record_too_large_is_refused_and_the_rest_goes_on(made: Any) -> None:
    with made.writer() as writer:
        with pytest.raises(UsageError):
            writer.add(message(1, "x" * 900_000, html="y" * 990_000, data="z" * 900_000))
        writer.add(message(2, "x" * 990_000, html="y" * 990_000))
        writer.add(message(3, "x" * 990_000, html="y" * 990_000))
        writer.commit()
    assert [r.ref for _, r in made.reader().records("content") if isinstance(r, Message)] == ["$m2", "$m3"]


def test_one_run_at_a_time(made: Any) -> None:
    with made.writer(), pytest.raises(ArchiveBusy):
        made.writer()


def test_a_foreign_hand_on_the_file_is_busy_and_loses_nothing(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grouparchive.archive.schema.BUSY_SECONDS", 0.05)
    other = sqlite3.connect(made.path, isolation_level=None)
    with made.writer() as writer:
        writer.add(message(1))
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ArchiveBusy):
            writer.commit()
        with pytest.raises(ArchiveBusy):
            Archive.open(made.path)
        other.execute("ROLLBACK")
    other.close()
    made.write([message(1)])
    assert [c.seq for c in made.reader().commits] == [0, 1]
    assert verify(made.path).ok


def test_another_archive_in_its_place_is_refused(made: Any, make_archive: Any) -> None:
    shutil.copy(make_archive().path, made.path)
    with pytest.raises(Damaged, match="not the archive"):
        made.writer()
    assert any("not the archive" in one for one in verify(made.path, pinned=made.pin).problems)


def test_an_older_copy_is_refused(made: Any) -> None:
    copy = made.path.read_bytes()
    made.write([message(1)])
    made.write([message(2)])
    made.path.write_bytes(copy)
    with pytest.raises(Damaged, match="older copy"):
        made.writer()


def test_a_used_writer_makes_no_second_archive(made: Any) -> None:
    from grouparchive.archive.create import create_archive  # noqa: PLC0415

    with pytest.raises(UsageError, match="another archive"):
        create_archive(made.folder / "second", made.home, lambda _a, _r: [])
    with pytest.raises(UsageError):
        WriterHome.create(made.home.folder)
    with pytest.raises(NoArchive):
        WriterHome.load(made.folder)


def test_nothing_that_is_there_is_overwritten_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    from grouparchive.archive.create import create_archive  # noqa: PLC0415

    home = WriterHome.create(tmp_path / "w")
    (tmp_path / "there").write_bytes(b"mine")
    with pytest.raises(UsageError):
        create_archive(tmp_path / "there", home, lambda _a, _r: [])
    assert (tmp_path / "there").read_bytes() == b"mine"
    with pytest.raises(GroupArchiveError, match="cannot be written"):
        create_archive(tmp_path / "no" / "folder", home, lambda _a, _r: [])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["there", "w"]


def test_private_files_are_private(made: Any) -> None:
    made.write([message(1)])
    for path in [made.path, *made.home.folder.iterdir()]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert stat.S_IMODE(made.home.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("pragma", "says"),
    [("max_page_count = 1", "disk is full"), ("query_only = ON", "cannot be written")],
)
def test_full_or_read_only_is_said_plainly_and_nothing_is_lost(made: Any, pragma: str, says: str) -> None:
    made.write([message(1)])
    with made.writer() as writer:
        writer._db.execute(f"PRAGMA {pragma}")
        writer.add_blob([os.urandom(200_000)])
        writer.add(message(2))
        with pytest.raises(GroupArchiveError, match=says) as caught:
            writer.commit()
        assert caught.value.code == 1
        assert caught.value.hint
        with pytest.raises(GroupArchiveError, match="could not save before"):
            writer.commit()
    assert verify(made.path, pinned=made.pin).ok
    with made.writer() as writer:
        assert writer.fresh(message(2))
        writer.add(message(2))
        assert writer.commit().seq == 2


def test_a_state_without_room_is_said_to_be_full_and_not_damaged(made: Any) -> None:
    made.write([message(1)])
    with made.writer() as writer:
        state = writer._seen._state
        state._db.execute("PRAGMA max_page_count = 1")
        for number in range(2, 4000):
            assert writer.fresh(message(number))
            writer.add(message(number))
        with pytest.raises(GroupArchiveError, match="disk is full") as caught:
            writer.commit()
        assert caught.value.code == 1
        assert not state._db.in_transaction
    assert verify(made.path, pinned=made.pin).ok
    with made.writer() as writer:
        assert writer.fresh(message(2))


def test_a_writer_that_cannot_be_made_leaves_no_key_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> WriterState:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("grouparchive.archive.home.WriterState", full)
    with pytest.raises(GroupArchiveError, match="disk is full"):
        WriterHome.create(tmp_path / "w")
    assert list((tmp_path / "w").iterdir()) == []


def test_losing_the_state_costs_only_repetition(made: Any) -> None:
    with made.writer() as writer:
        assert writer.fresh(message(1))
        writer.add(message(1))
        writer.commit({"s": {"g": {"a": "1"}}})
    (made.home.folder / "state.sqlite").unlink()
    with made.writer() as writer:
        assert made.home.cursors("s") == {}
        assert writer.fresh(message(1))
        writer.add(message(1))
        writer.commit()
    assert verify(made.path).ok
    assert made.view().counts()["messages"] == 1


@pytest.mark.parametrize("version", [0, 99])
def test_a_state_of_another_version_counts_as_lost(made: Any, version: int) -> None:
    with made.writer() as writer:
        assert writer.fresh(message(1))
        writer.commit({"s": {"g": {"a": "1"}}})
    path = made.home.folder / "state.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE events")
        other.execute("CREATE TABLE events (name TEXT)")
        other.execute(f"PRAGMA user_version = {version}")
    other.close()
    with made.writer() as writer:
        assert writer.cursors("s") == {}
        assert writer.fresh(message(1))
        writer.commit()
        assert not writer.fresh(message(1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_tags_of_events_live_thirty_days_and_two_keys_at_most(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    day = 86_400_000
    start = 20_000

    def at(days: int) -> None:
        made.time = (start + days) * day
        monkeypatch.setattr("grouparchive.archive.home._today", lambda: start + days)

    newest = made.home.keys.events[0]
    made.home.keys = type(made.home.keys)(
        (type(newest)(start, newest.key),), made.home.keys.lasting, made.home.keys.cursor
    )
    at(0)
    with made.writer() as writer:
        assert writer.fresh(message(1))
        writer.commit()
    at(KEY_DAYS - 1)
    with made.writer() as writer:
        assert writer.fresh(message(2))
        writer.commit()
    at(KEY_DAYS + 5)
    with made.writer() as writer:
        assert len(made.home.keys.events) == 2
        assert not writer.fresh(message(2))
        assert writer.fresh(message(1))
        writer.commit()
    at(3 * KEY_DAYS)
    with made.writer() as writer:
        assert len(made.home.keys.events) == 2
        assert writer.fresh(message(2))


def test_nothing_readable_is_left_on_the_writing_machine(made: Any) -> None:
    words = ["Quillfeather", "@quill:lane.example", "bramble secret", "!lane:lane.example", "$event-of-quill"]
    with made.writer() as writer:
        record = Message(channel=words[3], ref=words[4], time=5, text=words[2])
        writer.fresh(record)
        writer.add(record)
        writer.add(Member(id="0" * 32, platform="p", origin="o", native=words[1], name=words[0]))
        writer.fresh(Channel(ref=words[3], group=words[3], name=words[2]))
        writer.add_blob([b"bramble secret" * 100])
        writer.commit({"s": {words[3]: {words[3]: words[4]}}})
    seen = b"".join(p.read_bytes() for p in [made.path, *made.home.folder.iterdir()])
    for word in words:
        for shape in (word.encode(), word.encode("utf-16-le"), base64.b64encode(word.encode())[:-4]):
            assert shape not in seen
            assert shape.lower() not in seen.lower()


@pytest.mark.parametrize("rounds", [12, pytest.param(300, marks=pytest.mark.faults)])
def test_a_kill_at_any_step_makes_neither_gap_nor_duplicate(made: Any, rounds: int) -> None:
    target = 40
    (made.folder / "key").write_bytes(made.key.key)
    driver = [sys.executable, str(HERE / "kill_driver.py"), str(made.path), str(made.home.folder), made.pin.hex()]
    done = subprocess.run(
        [*driver, str(rounds), str(target)], capture_output=True, text=True, check=False, timeout=60 + rounds * 5
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["killed"] >= rounds
    report = verify(made.path, pinned=made.pin)
    assert report.ok, report.problems
    refs = [r.ref for _, r in made.reader().records("content") if isinstance(r, Message)]
    assert refs == [f"$m{n}" for n in range(len(refs))]
    assert int(made.home.cursors("s")["g"]["at"]) == len(refs)
    assert len(refs) >= target
    assert not list(made.folder.glob("*-journal"))


def test_a_record_of_the_clock_is_kept_as_it_is(made: Any) -> None:
    made.write([], time=5_000)
    made.write([], time=3_000)
    assert [c.time for c in made.reader().commits] == [1, 5_000, 3_000]


def test_state_takes_back_what_was_prepared_for_a_commit_that_never_stood(tmp_path: Path) -> None:
    state = WriterState(tmp_path / "s")
    state.prepare(b"h1", 1, {b"a" * 16: b"t" * 8}, {b"l" * 16: b"v"}, {"s": {"g": {"x": "1"}}}, b"k" * 32)
    assert state.prepared() == [b"h1"]
    assert state.cursors(b"k" * 32, "s") == {}
    state.settle([])
    assert state.events(b"a" * 16) == []
    assert state.value(b"l" * 16) is None
    state.prepare(b"h2", 1, {b"a" * 16: b"t" * 8}, {b"l" * 16: b"v"}, {"s": {"g": {"x": "1"}}}, b"k" * 32)
    state.settle([b"h2"])
    assert (state.events(b"b" * 16), state.events(b"a" * 16)) == ([], [b"t" * 8])
    assert state.value(b"l" * 16) == b"v"
    assert state.cursors(b"k" * 32, "s") == {"g": {"x": "1"}}
    state._db.execute("UPDATE cursors SET sealed = x'00'")
    with pytest.raises(Damaged):
        state.cursors(b"k" * 32, "s")
    state.close()


def test_the_clock_gives_milliseconds() -> None:
    assert 1_500_000_000_000 < writer_module.clock() < 10_000_000_000_000
