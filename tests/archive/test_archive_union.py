"""Several copies and several archives read as one: in any order the same, damage healed by the other copy, forks told."""

import itertools
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from grouparchive.archive.attended import attend, owner_seed, owner_session
from grouparchive.archive.fold import fold
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.union import make_twins, overlay
from grouparchive.archive.writer import Writer
from grouparchive.crypto.statements import Revocation
from grouparchive.errors import Damaged
from grouparchive.model.attended import Attended
from grouparchive.model.records import Channel, Group, Member, Membership, Message, Record, Roster


def round_(number: int) -> list[Record]:
    """What one run would write: everybody has another id each time."""
    ids = [f"{number * 100 + person + 1:032x}" for person in range(3)]
    return [
        Group(ref="!g", platform="p", origin="o", name=f"name {number}"),
        Channel(ref="!g", group="!g", name=f"name {number}"),
        *(
            Message(channel="!g", ref=f"$m{n}", time=1_000 * n, author=ids[n % 3], text=f"post {n}")
            for n in range(number * 3, number * 3 + 5)
        ),
        Roster(channel="!g", time=number, members=3),
        *(Membership(channel="!g", member=id_) for id_ in ids),
        *(Member(id=id_, platform="p", origin="o", native=f"@p{at}", name=f"P{at}") for at, id_ in enumerate(ids)),
    ]


def opened(key: Any, *paths: Path) -> list[Reader]:
    archives = [Archive.open(path) for path in paths]
    overlay(archives)
    readers = [archive.unlock(key) for archive in archives]
    make_twins(readers)
    return readers


def seen(readers: list[Reader]) -> Any:
    view = fold(readers)
    posts = [(p.message.ref, p.text, view.members[p.message.author].native) for p in view.posts("!g")]
    people = sorted(view.members[one.id].native for one in view.people("!g"))
    ids = sorted(view.members)
    told = (view.groups(), posts, people, ids, view.counts(), view.position)
    view.close()
    return told


def segment(path: Path, seq: int) -> bytes:
    with Archive.open(path) as archive:
        return next(e.oid for e in archive.commits[seq].objects if e.kind == "segment")


def spoil(path: Path, oid: bytes) -> None:
    with sqlite3.connect(path) as db:
        assert db.execute("UPDATE rows SET data = zeroblob(length(data)) WHERE oid = ?", (oid,)).rowcount
    db.close()


def test_copies_of_one_archive_in_any_order_are_one_history(made: Any) -> None:
    copies = []
    for number in range(4):
        made.write(round_(number))
        copies.append(shutil.copy(made.path, made.folder / f"copy{number}"))
    alone = seen(opened(made.key, made.path))
    for order in itertools.permutations([made.path, copies[1], copies[2]]):
        readers = opened(made.key, *map(Path, order))
        assert sum(len(reader.commits) for reader in readers) == 5
        assert seen(readers) == alone


def test_overlapping_archives_of_one_group_merge_to_the_same_in_any_order(make_archive: Any) -> None:
    first, second = make_archive(), make_archive()
    for number in (0, 2):
        first.write(round_(number), time=1_000 + number)
    for number in (1, 2, 3):
        second.write(round_(number), time=1_000 + number)

    def both(one: Any, other: Any) -> Any:
        archives = [Archive.open(one.path), Archive.open(other.path)]
        overlay(archives)
        return seen([archive.unlock(made.key) for archive, made in zip(archives, (one, other), strict=True)])

    told = both(first, second)
    assert told == both(second, first)
    assert [ref for ref, _, _ in told[1]] == [f"$m{n}" for n in range(14)]
    assert told[2] == ["@p0", "@p1", "@p2"]


def test_what_is_damaged_in_one_copy_comes_from_the_other(made: Any) -> None:
    for number in range(3):
        made.write(round_(number))
    whole = seen(opened(made.key, made.path))
    copy = Path(shutil.copy(made.path, made.folder / "copy"))
    spoil(made.path, segment(made.path, 1))
    spoil(copy, segment(copy, 2))
    for order in ((made.path, copy), (copy, made.path)):
        readers = opened(made.key, *order)
        assert seen(readers) == whole
        for reader in readers:
            reader.check()
    alone = opened(made.key, made.path)
    assert seen(alone) != whole
    with pytest.raises(Damaged, match="commit 1"):
        alone[0].check()


def test_a_file_damaged_in_its_second_row_goes_on_from_the_other_copy(made: Any) -> None:
    data = os.urandom(9_000_000)
    with made.writer() as writer:
        blob = writer.add_blob([data]).blob
        writer.commit()
    copy = Path(shutil.copy(made.path, made.folder / "copy"))
    with sqlite3.connect(made.path) as db:
        db.execute("UPDATE rows SET data = zeroblob(length(data)) WHERE oid = ? AND number = 1", (bytes.fromhex(blob),))
    db.close()
    readers = opened(made.key, made.path, copy)
    assert b"".join(readers[0].blob(blob)) == data


def test_two_commits_with_one_number_are_a_fork(made: Any) -> None:
    made.write(round_(0))
    stolen = Path(shutil.copytree(made.home.folder, made.folder / "stolen"))
    copy = Path(shutil.copy(made.path, made.folder / "copy"))
    made.write(round_(1))
    with Writer.open(copy, WriterHome.load(stolen), pinned=made.pin, now=lambda: 9_000) as writer:
        writer.commit()
    for order in ((made.path, copy), (copy, made.path)):
        readers = opened(made.key, *order)
        with pytest.raises(Damaged, match="fork"):
            readers[0].check()
    assert opened(made.key, made.path)[0].damage == []


def test_what_the_owner_states_in_one_copy_counts_in_all(made: Any) -> None:
    for number in range(3):
        made.write(round_(number))
    old = Path(shutil.copy(made.path, made.folder / "old"))
    reader = made.reader()
    attend(reader, Attended(trusted={made.home.writer_id.hex(): 1}))
    with owner_session(made.path, made.pin, owner_seed(reader)) as session:
        session.state("revoke", Revocation(made.home.writer_id, 2).encode())
    for order in ((made.path, old), (old, made.path)):
        readers = opened(made.key, *order)
        assert [c.seq for reader in readers for c in reader.commits] == [0, 1]
        assert all(len(reader.archive.statements.signed) == 2 for reader in readers)


def test_a_commit_that_one_copy_cannot_prove_is_proved_by_the_other(made: Any) -> None:
    for number in range(4):
        made.write(round_(number))
    copy = Path(shutil.copy(made.path, made.folder / "copy"))
    with sqlite3.connect(made.path) as db:
        db.execute("UPDATE commits SET signature = zeroblob(64) WHERE seq = 2")
    db.close()
    assert [c.suspect for c in Archive.open(made.path).commits] == [False, False, True, True]
    for order in ((made.path, copy), (copy, made.path)):
        commits = [c for reader in opened(made.key, *order) for c in reader.commits]
        assert sorted(c.seq for c in commits) == [0, 1, 2, 3, 4]
        assert not any(c.suspect for c in commits)


def test_a_machine_that_somebody_added_to_a_copy_counts_for_nothing(made: Any) -> None:
    made.write(round_(0))
    thief = WriterHome.create(made.folder / "thief")
    with sqlite3.connect(made.path) as db:
        db.execute("INSERT INTO writers VALUES (?, ?, ?)", (thief.writer_id, thief.public(), bytes(64)))
    db.close()
    with Writer.open(made.path, thief, pinned=made.pin) as writer:
        for record in round_(7):
            writer.add(record)
        writer.commit()
    reader = made.reader()
    assert [c.writer for c in reader.commits] == [made.home.writer_id.hex()] * 2
    with pytest.raises(Damaged, match="not certified"):
        reader.check()


def test_a_damaged_certificate_does_not_shut_people_out_but_proves_nothing(made: Any) -> None:
    made.write(round_(0))
    with sqlite3.connect(made.path) as db:
        db.execute("UPDATE writers SET certificate = zeroblob(64)")
    db.close()
    reader = made.reader()
    assert [(c.seq, c.suspect) for c in reader.commits] == [(0, True), (1, True)]
    assert reader.damage
