"""What holds for any record, any division of a history into archives and copies, any hand laid on a chain."""

import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from archive_box import Made, make
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from grouparchive.archive.attended import attend, owner_seed, owner_session
from grouparchive.archive.fold import fold
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.union import make_twins, overlay
from grouparchive.archive.witness import newest, prove
from grouparchive.archive.writer import Writer
from grouparchive.errors import Damaged, GroupArchiveError
from grouparchive.model import codec
from grouparchive.model.attended import Attended
from grouparchive.model.records import (
    Ban,
    Channel,
    Edit,
    Fact,
    Gap,
    Group,
    Media,
    Member,
    Membership,
    Message,
    Reaction,
    Record,
    Roster,
    Setting,
    Tombstone,
)

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - many small archives, each synced
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ID = st.binary(min_size=16, max_size=16).map(bytes.hex)
MILLIS = st.integers(0, 253_402_300_799_999)

RECORDS = st.one_of(
    st.builds(
        Message,
        channel=TEXT,
        ref=TEXT,
        time=MILLIS,
        author=ID,
        text=TEXT,
        html=TEXT,
        mentions=st.lists(ID, max_size=3).map(tuple),
        media=st.lists(st.builds(Media, ref=TEXT, name=TEXT, size=st.integers(0, 1 << 50)), max_size=2).map(tuple),
        version=st.integers(0, 9),
    ),
    st.builds(Edit, channel=TEXT, ref=TEXT, target=TEXT, time=MILLIS, author=ID, text=TEXT),
    st.builds(Reaction, channel=TEXT, ref=TEXT, target=TEXT, time=MILLIS, key=TEXT, count=st.integers(1, 99)),
    st.builds(Tombstone, channel=TEXT, ref=TEXT, target=TEXT, time=MILLIS),
    st.builds(Group, ref=TEXT, platform=TEXT, origin=TEXT, name=TEXT, topic=TEXT),
    st.builds(Channel, ref=TEXT, group=TEXT, name=TEXT, encrypted=st.booleans()),
    st.builds(Setting, channel=TEXT, name=TEXT, value=TEXT),
    st.builds(Member, id=ID, platform=TEXT, origin=TEXT, native=TEXT, name=TEXT),
    st.builds(Membership, channel=TEXT, member=ID, level=st.integers(-100, 100)),
    st.builds(Ban, channel=TEXT, member=ID, reason=TEXT),
    st.builds(Roster, channel=TEXT, time=MILLIS, members=st.integers(0, 9)),
    st.builds(Fact, member=ID, field=st.sampled_from(("contact", "consent", "minor", "hold")), key=TEXT, value=TEXT),
    st.builds(Gap, code=st.just("media-unavailable"), scope=TEXT, detail=TEXT),
)


@settings(deadline=None)
@given(st.lists(RECORDS, max_size=8))
def test_any_records_come_back_as_they_were(records: list[Any]) -> None:
    lines = [codec.encode(record) for record in records]
    assert not any(b"\n" in line for line in lines)
    assert codec.decode_lines(b"\n".join(lines)) == records
    assert [asdict(codec.decode(line)) for line in lines] == [asdict(record) for record in records]


@settings(deadline=None)
@given(RECORDS, st.data())
def test_a_cut_or_changed_line_is_damage_or_another_record(record: Any, data: st.DataObject) -> None:
    line = codec.encode(record)
    at = data.draw(st.integers(0, len(line) - 1))
    for broken in (line[:at], line[:at] + bytes([line[at] ^ data.draw(st.integers(1, 255))]) + line[at + 1 :]):
        try:
            assert isinstance(codec.decode(broken), Record)
        except Damaged as error:
            assert error.hint  # noqa: PT017 - either is fine


# --- one history, however it was kept ----------------------------------------------------------------------------------


def round_(number: int) -> list[Record]:
    """What a run would write. Everybody has another id in each."""
    ids = [f"{number * 10 + person + 1:032x}" for person in range(3)]
    here = [0, 1, 2] if number % 3 else [0, 1]
    return [
        Group(ref="!g", platform="p", origin="o", name=f"name {number}"),
        Channel(ref="!g", group="!g", name=f"name {number}"),
        *(
            Message(channel="!g", ref=f"$m{n}", time=1_000 * n, author=ids[n % 3], text=f"post {n}")
            for n in range(number, number + 4)
        ),
        Tombstone(channel="!g", ref=f"$t{number}", target=f"$m{number * 2}", time=number),
        Roster(channel="!g", time=number, members=len(here)),
        *(Membership(channel="!g", member=ids[at], level=number * 10 if at == 1 else 0) for at in here),
        *(Member(id=ids[at], platform="p", origin="o", native=f"@p{at}") for at in range(3)),
    ]


def seen(opened: list[tuple[Path, Any]]) -> Any:
    archives = [Archive.open(path) for path, _ in opened]
    try:
        overlay(archives)
        readers = [archive.unlock(key) for archive, (_, key) in zip(archives, opened, strict=True)]
        make_twins(readers)
        view = fold(readers)
        told = (
            [group.name for group in view.groups()],
            [(post.message.ref, post.text, view.members[post.message.author].native) for post in view.posts("!g")],
            [(view.members[p.id].native, p.memberships[0].level) for p in view.people("!g")],
            sorted((member.id, member.native) for member in view.members.values()),
            view.counts(),
        )
        view.close()
        for reader in readers:
            reader.check()
        return told
    finally:
        for archive in archives:
            archive.close()


@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sets(st.integers(0, 2), min_size=1), min_size=1, max_size=4))
def test_however_a_history_is_divided_its_parts_merge_to_the_same_in_any_order(kept_by: list[set[int]]) -> None:
    """Each round is kept by one or more of three archives."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        parts = [make(Path(folder), f"part{number}") for number in range(3)]
        for number, keepers in enumerate(kept_by):
            for keeper in sorted(keepers):
                parts[keeper].write(round_(number), time=10_000 * (number + 1))
        opened = [(part.path, part.key) for part in parts]
        told = [seen(list(order)) for order in itertools.permutations(opened)]
        assert all(one == told[0] for one in told)
        whole = make(Path(folder), "whole")
        for number in range(len(kept_by)):
            whole.write(round_(number), time=10_000 * (number + 1))
        alone = seen([(whole.path, whole.key)])
        assert alone[:3] == told[0][:3]


# --- hands on a chain --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Two writers with three commits each in turn, and three statements."""
    folder = tmp_path_factory.mktemp("chained")
    made = make(folder)
    second = WriterHome.create(folder / "second" / "writer")
    with owner_session(made.path, made.pin, owner_seed(made.reader())) as session:
        session.certify(second.writer_id, second.public())
    for number in range(3):
        made.write(round_(number))
        with Writer.open(made.path, second, pinned=made.pin, now=made.now) as writer:
            writer.add(Gap(code="media-unavailable", scope=str(number)))
            writer.commit()
        attend(made.reader(), Attended(trusted={made.home.writer_id.hex(): number}))
    made.close()
    yield made
    made.close()


TABLES = {
    "commits": ("manifest", "signature"),
    "statements": ("statement", "signature"),
    "writers": ("pk0", "certificate"),
}


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.sampled_from(sorted(TABLES)), st.sampled_from(("flip", "drop", "swap", "copy")), st.data())
def test_no_hand_on_a_chain_goes_unseen(chained: Made, table: str, how: str, data: st.DataObject) -> None:
    """By the reader itself, or, where the newest was taken away, by the witness."""
    noted = [one.words for one in newest([Archive.open(chained.path)])]
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(shutil.copy(chained.path, Path(folder) / "copy"))
        db = sqlite3.connect(path)
        rowids = [row[0] for row in db.execute(f"SELECT rowid FROM {table}")]  # noqa: S608
        one, other = data.draw(st.permutations(rowids))[:2]
        columns = TABLES[table]
        column = data.draw(st.sampled_from(columns))
        values = {
            rowid: db.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE rowid = ?", (rowid,)).fetchone()  # noqa: S608
            for rowid in (one, other)
        }
        mine = bytearray(values[one][columns.index(column)])
        at = data.draw(st.integers(0, len(mine) - 1))
        mine[at] ^= data.draw(st.integers(1, 255))
        sets = ", ".join(f"{name} = ?" for name in columns)
        if how == "flip":
            db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (bytes(mine), one))  # noqa: S608
        elif how == "drop":
            db.execute(f"DELETE FROM {table} WHERE rowid = ?", (one,))  # noqa: S608
        elif how == "swap":
            for rowid, taken in ((one, values[other]), (other, values[one])):
                db.execute(f"UPDATE {table} SET {sets} WHERE rowid = ?", (*taken, rowid))  # noqa: S608
        else:
            db.execute(f"UPDATE {table} SET {sets} WHERE rowid = ?", (*values[other], one))  # noqa: S608
        db.commit()
        db.close()
        archive = Archive.open(path)
        try:
            noticed = bool(archive.damage)
            if not noticed:
                with pytest.raises(GroupArchiveError):
                    prove([archive], noted)
        finally:
            archive.close()
        assert noticed or how == "drop"
