"""What the owner states: signed, chained, obeyed by readers and writers, and nothing that anybody else can say."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from grouparchive.archive.attended import attend, owner_seed, owner_session, read_attended
from grouparchive.archive.chain import Clocks, CommitInfo
from grouparchive.archive.reader import Archive
from grouparchive.archive.verify import verify
from grouparchive.crypto.statements import Change, Revocation, encode_changes
from grouparchive.errors import Damaged, UsageError
from grouparchive.model.attended import Attended
from grouparchive.model.records import Fact, Member, Message


def message(number: int) -> Message:
    return Message(channel="!lane", ref=f"$m{number}", time=number, text=f"post {number}")


def said(word: str) -> Attended:
    moss = Member(id="a" * 32, platform="p", origin="o", native="@moss")
    return Attended(members=(moss,), facts=(Fact(member="a" * 32, field="word", value=word),))


def texts(reader: Any) -> list[str]:
    return [r.text for _, r in reader.records("content") if isinstance(r, Message)]


def test_what_the_owner_says_comes_back_in_order(made: Any) -> None:
    for word in ("one", "two"):
        attend(made.reader(), said(word))
    reader = made.reader()
    assert [(s.number, a) for s, a in read_attended(reader)] == [(0, said("one")), (1, said("two"))]
    assert verify(made.path).ok
    assert reader.damage == []


def test_what_is_said_about_people_is_not_in_the_file_for_all_to_read(made: Any) -> None:
    attend(made.reader(), said("bramblewick"))
    assert b"bramblewick" not in made.path.read_bytes()
    assert b"@moss" not in made.path.read_bytes()


@pytest.mark.parametrize("column", ["statement", "signature"])
def test_a_changed_statement_is_damage_and_counts_for_nothing(made: Any, column: str) -> None:
    for word in ("one", "two", "three"):
        attend(made.reader(), said(word))
    with sqlite3.connect(made.path) as db:
        data = bytearray(db.execute(f"SELECT {column} FROM statements WHERE number = 1").fetchone()[0])  # noqa: S608
        data[-3] ^= 1
        db.execute(f"UPDATE statements SET {column} = ? WHERE number = 1", (bytes(data),))  # noqa: S608
    db.close()
    reader = made.reader()
    assert [a.facts[0].value for _, a in read_attended(reader)] == ["one", "three"]
    assert any(text.startswith("statement 1:") for text in reader.damage)
    with pytest.raises(Damaged, match="statement 1"):
        made.writer()


def test_a_statement_that_was_taken_out_is_noticed(made: Any) -> None:
    for word in ("one", "two", "three"):
        attend(made.reader(), said(word))
    with sqlite3.connect(made.path) as db:
        db.execute("DELETE FROM statements WHERE number = 1")
    db.close()
    assert "statement 1: missing" in Archive.open(made.path).damage


def test_a_writer_notices_that_the_newest_statement_is_gone(made: Any) -> None:
    attend(made.reader(), said("one"))
    made.write([message(1)])
    with sqlite3.connect(made.path) as db:
        db.execute("DELETE FROM statements")
    db.close()
    with pytest.raises(Damaged, match="older copy"):
        made.writer()


def test_nobody_else_can_state_anything(made: Any, make_archive: Any) -> None:
    stranger = owner_seed(make_archive().reader())
    made.write([message(1)])
    with owner_session(made.path, made.pin, stranger) as session:
        session.state("revoke", Revocation(made.home.writer_id, 0).encode())
    archive = Archive.open(made.path)
    assert archive.damage == ["statement 0: its signature does not fit"]
    assert [c.seq for c in archive.commits] == [0, 1]


def test_a_revoked_writer_counts_up_to_a_position_and_may_not_go_on(made: Any) -> None:
    for number in range(1, 4):
        made.write([message(number)])
    reader = made.reader()
    with owner_session(made.path, made.pin, owner_seed(reader)) as session:
        session.state("revoke", Revocation(made.home.writer_id, 2).encode())
    after = made.reader()
    assert texts(after) == ["post 1"]
    assert [c.seq for c in after.archive.revoked] == [2, 3]
    assert after.damage == []
    assert verify(made.path).ok
    with pytest.raises(UsageError, match="revoked"):
        made.writer()


def test_an_object_can_give_way_to_another_or_to_nothing(made: Any) -> None:
    for number in range(1, 4):
        made.write([message(number)])
    reader = made.reader()
    segments = {c.seq: e for c, e in reader.objects("content")}
    with owner_session(made.path, made.pin, owner_seed(reader)) as session:
        from grouparchive.archive.zstd import compress  # noqa: PLC0415
        from grouparchive.model import codec  # noqa: PLC0415

        other = session.store("content", "segment", compress(codec.encode(message(9))))
        session.state("rewrite", encode_changes([Change(segments[1].oid, other), Change(segments[2].oid, None)]))
    after = made.reader()
    assert texts(after) == ["post 9", "post 3"]
    assert verify(made.path).ok


def test_a_session_that_fails_leaves_nothing(made: Any) -> None:
    reader = made.reader()
    before = made.path.read_bytes()

    def fail() -> None:
        with owner_session(made.path, made.pin, owner_seed(reader)) as session:
            session.store("roster", "attended", b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert made.path.read_bytes() == before
    with pytest.raises(Damaged, match="another archive"), owner_session(made.path, bytes(32), bytes(32)):
        pass


def test_a_clock_that_goes_back_or_far_ahead_makes_what_follows_suspect(made: Any) -> None:
    hour = 3_600_000
    for time in (10 * hour, 10 * hour - 60_000, 5 * hour, 11 * hour):
        made.write([], time=time)
    assert [c.suspect for c in Archive.open(made.path).commits] == [False, False, False, True, True]


def test_a_clock_a_day_ahead_is_suspect(make_archive: Any) -> None:
    made = make_archive()
    made.write([], time=1_000)
    made.write([], time=90_000_000_000_000)
    archive = Archive.open(Path(made.path))
    assert [c.suspect for c in archive.commits] == [False, False, True]


def test_a_flood_of_commits_is_suspect() -> None:
    def commit(seq: int, time: int) -> CommitInfo:
        return CommitInfo("00" * 16, seq, time, (), b"")

    now = 10 * 86_400_000
    clocks = Clocks(now)
    steady = [clocks.told(commit(seq, now - 86_400_000 + seq * 180_000)).suspect for seq in range(480)]
    assert not any(steady)
    clocks = Clocks(now)
    flood = [clocks.told(commit(seq, now + seq)).suspect for seq in range(2_500)]
    assert flood == [False] * 2_000 + [True] * 500
    slow = Clocks(now)
    assert slow.told(commit(0, now)).suspect is False
    assert slow.told(commit(1, now + 2 * 86_400_000)).suspect is True
