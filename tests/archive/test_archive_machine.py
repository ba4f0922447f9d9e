"""What a thief finds on the machine that writes, and how little of it reaches into what was archived before."""

import itertools
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.schema import open_database
from grouparchive.archive.state import tag
from grouparchive.crypto.signing import Manifest, next_seed, sign_commit
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from grouparchive.crypto.vaults import VaultKey
from grouparchive.errors import Damaged, WrongSecret
from grouparchive.model.records import Ban, Channel, Fact, Member, Membership, Message, Roster

EXTRA = 3
THIEF = RecoveryKey(b"t" * 32)


def post(number: int) -> Message:
    return Message(channel="!lane", ref=f"$m{number}", time=number, text=f"post {number}")


def test_no_two_machines_share_a_key(make_archive: Callable[[], Any]) -> None:
    """A tag that is found on one machine fits nothing that somebody can make elsewhere."""
    machines = [make_archive() for _ in range(2)]
    keys = [
        {one.home.keys.lasting, one.home.keys.cursor, *(two.key for two in one.home.keys.events)} for one in machines
    ]
    assert len(set.union(*keys)) == sum(map(len, keys)) == 6
    tags = []
    for one in machines:
        with one.writer() as writer:
            assert writer.fresh(Channel(ref="!lane", group="!lane", name="Lantern lane"))
            writer.commit()
        with sqlite3.connect(one.home.folder / "state.sqlite") as state:
            tags.append({bytes(row[0]) for row in state.execute("SELECT tag FROM lasting")})
        state.close()
        assert tag(one.home.keys.lasting, "channel", "!lane") in tags[-1]
    assert not tags[0] & tags[1]
    assert tag(bytes(32), "channel", "!lane") not in tags[0] | tags[1]


def test_what_signed_a_commit_is_gone_when_it_stands(made: Any) -> None:
    """The seed moves on, and the one before is in no file of the profile or the archive any more."""
    for number in range(3):
        seed = made.home.seed()
        made.write([post(number)])
        left = [path for path in made.folder.rglob("*") if path.is_file() and seed in path.read_bytes()]
        assert left == []
        assert made.home.seed() != seed


def test_a_commit_signed_anew_with_an_old_seed_is_noticed(made: Any) -> None:
    """Who has kept the seed of an earlier commit can sign another one in its place; what came after it does not follow."""
    made.write([post(1)])
    old = made.home.seed()
    made.write([post(2)])
    made.write([post(3)])
    with sqlite3.connect(made.path) as db:
        manifest = Manifest.decode(db.execute("SELECT manifest FROM commits WHERE seq = 2").fetchone()[0])
        forged = replace(manifest, entries=manifest.entries[:1]).encode()
        db.execute("UPDATE commits SET manifest = ?, signature = ? WHERE seq = 2", (forged, sign_commit(old, forged)))
    db.close()
    with Archive.open(made.path) as archive:
        assert archive.damage == ["commit 3: does not follow the commit before it"]
        assert [one.suspect for one in archive.commits] == [False, False, False, True]


def test_a_commit_is_on_the_disk_when_it_is_called_done(made: Any) -> None:
    """SQLite waits for the disk, and for the folder too (synchronous = EXTRA); after a power cut a commit is there."""
    db = open_database(made.path, readonly=False)
    assert db.execute("PRAGMA synchronous").fetchone() == (EXTRA,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    db.close()


@pytest.fixture(name="lane")
def _lane(made: Any) -> Any:
    """A post by somebody, and all that a run notes about people."""
    who = "1" * 32
    made.write(
        [
            Message(channel="!lane", ref="$m1", time=1, author=who, text="soup {member:" + who + "}", mentions=(who,)),
            Roster(channel="!lane", time=1, members=1),
            Membership(channel="!lane", member=who, state="join"),
            Ban(channel="!lane", member=who, reason="moss was loud"),
            Member(id=who, platform="p", origin="o", native="@moss:lane.test", name="Moss of the lane"),
            Fact(member=who, field="contact", key="mail", value="moss@lane.test"),
        ]
    )
    return made


def test_the_content_names_nobody(lane: Any) -> None:
    reader = lane.reader()
    content, roster = (b"".join(data for _, data in reader.segments(vault)) for vault in ("content", "roster"))
    assert roster.count(b"1" * 32) == 4
    assert b"soup" in content
    assert b"moss" in roster.lower()
    assert b"moss" not in content.lower()


def test_the_content_key_opens_nothing_of_the_roster(lane: Any) -> None:
    """Who has the content's root alone, and makes of it all they can, does not get at the members."""
    with Archive.open(lane.path) as archive:
        content = archive.roots(lane.key)["content"].root
        own = new_recovery_slots(THIEF, archive.archive_id, 0, {"content": content})
        reader = archive.unlock(THIEF, own)
        assert len([record for _, record in reader.records("content") if isinstance(record, Message)]) == 1
        with pytest.raises(WrongSecret):
            list(reader.records("roster"))
        key = VaultKey.from_root(content)
        sealed = [
            (entry, archive.db.execute("SELECT sealed FROM keys WHERE oid = ?", (entry.oid,)).fetchone()[0])
            for commit in archive.commits
            for entry in commit.objects
            if entry.vault == "roster"
        ]
        assert len(sealed) == 2
        for (entry, row), vault in itertools.product(sealed, ("roster", "content")):
            with pytest.raises(Damaged):
                key.open_key(row, archive_id=archive.archive_id, vault=vault, epoch=0, oid=entry.oid)


def test_a_way_in_that_holds_another_key_is_not_believed(lane: Any) -> None:
    """A thief who can write to a copy puts a way in there that a secret of theirs opens: it opens, and is told apart."""
    with Archive.open(lane.path) as archive:
        posing = new_recovery_slots(THIEF, archive.archive_id, 0, {"content": b"t" * 32, "roster": b"t" * 32})
        with pytest.raises(Damaged, match="not this archive's key"):
            archive.unlock(THIEF, posing)


def test_killed_before_its_seed_moves_on_the_machine_goes_on(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit stands, and what would have come next is done at the next opening."""
    seed = made.home.seed()

    def killed(_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(WriterHome, "advance", killed)
        with pytest.raises(KeyboardInterrupt):
            made.write([post(1)])
    assert made.home.seed() == seed
    made.write([post(2)])
    assert made.home.seed() == next_seed(next_seed(seed))
    reader = made.reader()
    assert [record.ref for _, record in reader.records("content") if isinstance(record, Message)] == ["$m1", "$m2"]
    assert reader.damage == []
