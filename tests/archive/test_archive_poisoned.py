"""A doctored second copy must neither spoil a good one nor hide what is missing: any writer to a copy could have made it."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from test_archive_union import opened, round_, segment, spoil

from grouparchive.archive.attended import attend, owner_seed, owner_session
from grouparchive.archive.create import join_archive
from grouparchive.archive.fold import fold
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.writer import Writer
from grouparchive.archive.writers import publish, read_public
from grouparchive.crypto.statements import Revocation
from grouparchive.errors import Damaged
from grouparchive.model.attended import Attended
from grouparchive.model.records import Group


def doctored(made: Any, *changes: str) -> Path:
    copy = Path(shutil.copy(made.path, made.folder / "doctored"))
    with sqlite3.connect(copy) as db:
        for change in changes:
            assert db.execute(change).rowcount
    db.close()
    return copy


def state(made: Any, kind: Any, body: bytes) -> None:
    with owner_session(made.path, made.pin, owner_seed(made.reader())) as session:
        session.state(kind, body)


def test_a_statement_that_no_copy_has_whole_is_told_also_beside_an_older_copy(made: Any) -> None:
    for number in range(3):
        made.write(round_(number))
    attend(made.reader(), Attended(trusted={made.home.writer_id.hex(): 1}))
    older = Path(shutil.copy(made.path, made.folder / "older"))
    state(made, "revoke", Revocation(made.home.writer_id, 2).encode())
    attend(made.reader(), Attended())
    copy = doctored(made, "DELETE FROM statements WHERE type = 'revoke'")
    with pytest.raises(Damaged, match="statement 1: missing"):
        opened(made.key, copy)[0].check()
    for order in ((older, copy), (copy, older)):
        told = [sentence for reader in opened(made.key, *order) for sentence in reader.damage]
        assert any("statement 1" in sentence for sentence in told), told
    for order in ((made.path, copy), (copy, made.path)):
        readers = opened(made.key, *order)
        assert [sentence for reader in readers for sentence in reader.damage] == []
        assert sorted(c.seq for reader in readers for c in reader.commits) == [0, 1]


def test_what_nobody_signed_makes_no_fork(made: Any) -> None:
    for number in range(4):
        made.write(round_(number))
    copy = doctored(made, "UPDATE commits SET signature = zeroblob(64) WHERE seq = 1")
    with sqlite3.connect(copy) as db:  # nothing proves this one any more, so anything may stand there
        (manifest,) = db.execute("SELECT manifest FROM commits WHERE seq = 2").fetchone()
        forged = manifest[:-1] + bytes((manifest[-1] ^ 1,))
        db.execute("UPDATE commits SET manifest = ? WHERE seq = 2", (forged,))
    db.close()
    for order in ((made.path, copy), (copy, made.path)):
        readers = opened(made.key, *order)
        assert not any("fork" in sentence for reader in readers for sentence in reader.damage)
        view = fold(readers, now=10**13)
        assert not view.trusted.forks
        view.close()


def test_a_copy_without_the_way_to_the_members_heals_what_it_can(made: Any) -> None:
    made.write(round_(0))
    copy = doctored(made, "DELETE FROM slots WHERE vault = 'roster'")
    with Archive.open(made.path) as archive:
        roster = next(e.oid for e in archive.commits[1].objects if e.kind == "roster")
    spoil(made.path, roster)
    spoil(made.path, segment(made.path, 1))
    readers = opened(made.key, made.path, copy)
    view = fold(readers)
    assert len(list(view.posts("!g"))) == 5
    view.close()
    assert [sentence for reader in readers for sentence in reader.damage if "people" in sentence]


def test_a_machine_nobody_certified_counts_for_nothing_in_a_copy_of_its_own_either(made: Any) -> None:
    made.write(round_(0))
    thief = WriterHome.create(made.folder / "thief")
    copy = made.folder / "doctored"
    join_archive(copy, thief, *read_public(publish(Archive.open(made.path))))
    with Writer.open(copy, thief, pinned=made.pin) as writer:
        writer.add(Group(ref="!g", platform="p", origin="o", name="stolen"))
        writer.commit()
    for order in ((made.path, copy), (copy, made.path)):
        readers = opened(made.key, *order)
        view = fold(readers)
        assert [group.name for group in view.groups()] == ["name 0"]
        view.close()
        assert any("not certified" in sentence for reader in readers for sentence in reader.damage)
