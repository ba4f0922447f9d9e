"""Fuzz targets: an archive that somebody doctored, or that a thief of the machine wrote to with its real keys."""

import functools
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from fuzz_kit import bent, folder, json_target, target, written

from grouparchive.archive.attended import attend, read_attended
from grouparchive.archive.create import create_archive
from grouparchive.archive.fold import fold
from grouparchive.archive.home import WriterHome
from grouparchive.archive.pages import Pages
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.repair import repair
from grouparchive.archive.verify import verify, verify_deep
from grouparchive.archive.writer import Writer
from grouparchive.archive.zstd import MAX_PLAIN, compress, decompress
from grouparchive.cli import plan_words
from grouparchive.cli.export_html import write_site
from grouparchive.cli.output import Output
from grouparchive.cli.surroundings import Opened
from grouparchive.crypto.slots import RecoveryKey, SlotRow, new_recovery_slots
from grouparchive.errors import Damaged, GroupArchiveError
from grouparchive.model import codec
from grouparchive.model import plan as p
from grouparchive.model import records as r
from grouparchive.model.attended import Attended, Forgotten
from grouparchive.platforms.sandbox.target import SandboxTarget
from grouparchive.restore.desire import ArchiveTimelines, desired
from grouparchive.restore.expand import expand
from grouparchive.restore.planner import make_plan

SECRET = RecoveryKey(bytes(range(32)))
ME, YOU = "1" * 32, "2" * 32
RECORDS: list[r.Record] = [
    r.Group(ref="!g", platform="sandbox", origin="here", name="Lane", account=ME),
    r.Channel(ref="!g", group="!g", type="space"),
    r.Channel(ref="!a", group="!g", type="room", parent="!g", order="1", name="Room", avatar="file-1"),
    r.Setting(channel="!a", name="m.room.power_levels", value='{"ban":50}'),
    r.Role(group="!g", ref="50", level=50, name="Moderator"),
    r.Pins(channel="!a", messages=("$1",)),
    r.Message(channel="!a", ref="$1", time=5, author=ME, text=f"words for {{member:{YOU}}}", mentions=(YOU,)),
    r.Message(
        channel="!a",
        ref="$2",
        time=6,
        author=YOU,
        reply_to="$1",
        type="image",
        media=(r.Media(ref="file-1", name="a.png"),),
    ),
    r.Message(
        channel="!a", ref="$3", time=7, type="poll", poll=r.Poll(question="?", options=(("1", "yes"), ("2", "no")))
    ),
    r.Message(channel="!a", ref="$4", time=7, type="encrypted", data='{"algorithm":"x"}'),
    r.Edit(channel="!a", ref="$5", target="$1", time=8, author=ME, text="other words"),
    r.Reaction(channel="!a", ref="$6", target="$1", time=9, author=YOU, key="x"),
    r.Vote(channel="!a", ref="$7", target="$3", time=9, author=YOU, choices=("1",)),
    r.Tombstone(channel="!a", ref="$8", target="$2", time=10, author=ME),
    r.Gap(code="message-unreadable", scope="!a", count=2),
    r.Member(id=ME, platform="sandbox", origin="here", native="@ada:sandbox", name="Ada"),
    r.Member(id=YOU, platform="sandbox", origin="here", native="@ben:sandbox", name="Ben"),
    r.Roster(channel="!a", time=11, members=2, bans=1),
    r.Membership(channel="!a", member=ME, level=100),
    r.Membership(channel="!a", member=YOU),
    r.Ban(channel="!a", member="3" * 32, by=ME, reason="spam"),
]
FACTS = (
    r.Fact(member=ME, field="contact", key="mail", value="ada@example.org"),
    r.Fact(member=ME, field="consent", key="contact", value="yes"),
    r.Fact(member=YOU, field="same-as", value=ME),
    r.Fact(member=ME, field="tier", value="2"),
)
RECORDS += FACTS
DOCUMENTS = [json.loads(codec.encode(record)) for record in RECORDS]
ATTENDED = Attended(
    position={"0" * 32: 1},
    members=(r.Member(id=ME, platform="sandbox", origin="here", native="@ada:sandbox", name="Ada"),),
    facts=FACTS,
    trusted={"0" * 32: 1},
    forgotten=(Forgotten(key="1" * 64, tag="2" * 64),),
)
NOTE = {
    "counts": {"messages": 3},
    "gaps": [{"kind": "gap", "code": "x", "scope": "!a", "count": 2}],
    "cursors": {"home": {"!g": {"!a": "7"}}},
}


@functools.cache
def an_archive() -> tuple[Path, WriterHome, bytes]:
    """A small one with two commits."""
    path = folder() / "whole.gar"
    home = WriterHome.create(folder() / "writer")
    slots = lambda archive_id, roots: new_recovery_slots(SECRET, archive_id, 0, roots)  # noqa: E731
    archive_id = create_archive(path, home, slots).archive_id
    with Writer.open(path, home, pinned=archive_id) as writer:
        blob = writer.add_blob([b"a picture"])
        writer.add(r.Attachment(ref="file-1", blob=blob.blob, size=blob.size, sha256=blob.sha256))
        for record in RECORDS:
            writer.add(record)
        writer.commit()
    with Archive.open(path) as archive:
        attend(archive.unlock(SECRET), ATTENDED)
    return path, home, archive_id


def read_all(path: Path) -> None:
    """Everything that reading commands do with an archive; damage is told, and the rest is read."""
    verify(path)
    with Archive.open(path) as archive:
        look_around(archive.unlock(SECRET))


def look_around(reader: Reader) -> None:
    for vault in r.VAULTS:
        if vault in reader.vaults:
            list(reader.records(vault))
    list(reader.commit_records())
    view = fold([reader])
    try:
        view.counts()
        view.gaps()
        for group in view.groups():
            for channel in view.channels(group.ref):
                list(view.posts(channel.ref))
                view.settings(channel.ref)
                view.pins(channel.ref)
            view.people(group.ref)
            desired(view, group.ref)
            timelines = ArchiveTimelines(view)
            for channel in view.channels(group.ref):
                list(timelines(channel.ref))
    finally:
        view.close()
    verify_deep(reader)


def export_and_plan(reader: Reader) -> None:
    """A site to read, and a way back: what people make of an archive."""
    view = fold([reader])
    place = SandboxTarget(folder() / "there.sqlite", lambda *_: ME, view.blob)
    site = folder() / "site"
    site.mkdir(exist_ok=True)
    opened = Opened([reader], view, Output())
    try:
        for group in view.groups():
            write_site(site, opened, group, None, with_roster=True, say=lambda _: None)
            for authors in ("ghost", "anonymous"):
                policy = p.Policy(key="11" * 32, content="all", authors=authors)  # type: ignore[arg-type]
                timelines = ArchiveTimelines(view, view.blob)
                plan = make_plan(desired(view, group.ref), place.observe(), place.performs, policy, timelines)
                plan_words.lines(plan_words.facts(plan))
                for action in plan.actions:
                    if isinstance(action, p.Replay):
                        list(expand(action, plan, timelines))
    finally:
        place.close()
        view.close()


@target(b"", b"\0\0\1\2\3", bytes(range(40)))
def archive_file(data: bytes) -> None:
    read_all(written("doctored.gar", doctored(data)))


def doctored(data: bytes) -> bytes:
    """A byte here and there is another one: three say where, two by how much and for how long."""
    whole = bytearray(an_archive()[0].read_bytes())
    for at in range(0, len(data) - 4, 5):
        place = int.from_bytes(data[at : at + 3], "big") % len(whole)
        whole[place : place + 1 + data[at + 4] % 64] = bytes([data[at + 3]]) * (1 + data[at + 4] % 64)
    return bytes(whole)


@target(b"", b"\0\0\1\2\3", bytes(range(40)))
def repaired_file(data: bytes) -> None:
    """The same, and what is left of it goes into a new file, which then verifies or says what it lacks."""
    path, out = written("broken.gar", doctored(data)), folder() / "repaired.gar"
    out.unlink(missing_ok=True)
    found = repair([path], out)
    assert found.lost or verify(out).ok


@target(lambda: an_archive()[0].read_bytes()[:16384], b"\x0d\0\0\0\1" + bytes(100))
def page_by_itself(data: bytes) -> None:
    """One page of a file whose others are gone, as repairing reads it: without SQLite."""
    page = data + bytes(max(0, 16384 - len(data)))
    with Pages(written("pages.gar", page + page)) as found:
        for cell in found.cells():
            found.load(cell.place)


@target(b"SQLite format 3\0" + bytes(84))
def archive_from_nothing(data: bytes) -> None:
    read_all(written("nothing.gar", data))


CELLS = [
    ("genesis", "data"),
    *(("slots", name) for name in SlotRow.__dataclass_fields__),
    *(("writers", name) for name in ("writer_id", "pk0", "certificate")),
    *(("commits", name) for name in ("writer_id", "seq", "manifest", "signature")),
    *(("keys", name) for name in ("oid", "epoch", "sealed")),
    *(("rows", name) for name in ("oid", "number", "data")),
    *(("statements", name) for name in ("number", "type", "statement", "signature")),
]


@target(
    b"",
    b"\0\0\0",
    b"\1\0\1abc",
    *(bytes((cell, row, kind)) + b"12" for cell in range(28) for row, kind in ((0, 0), (1, 2))),
)
def archive_cells(data: bytes) -> None:
    """A value of a row is another one, also of another type: three bytes say which, the rest is the value."""
    if len(data) < 3:
        return
    path = folder() / "cells.gar"
    shutil.copyfile(an_archive()[0], path)
    table, column = CELLS[data[0] % len(CELLS)]
    rest = data[3:]
    value: Any = (rest, rest.decode("utf-8", "replace"), int.from_bytes(rest[:8], "big", signed=True), 0.5, None)[
        data[2] % 5
    ]
    with sqlite3.connect(path) as db:
        try:
            rowid = db.execute(f"SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET ?", (data[1] % 8,)).fetchone()  # noqa: S608
            db.execute(f"UPDATE OR REPLACE {table} SET {column} = ? WHERE rowid = ?", (value, *(rowid or (0,))))  # noqa: S608
        except sqlite3.Error:
            return  # no such file can be
        finally:
            db.commit()
    db.close()
    read_all(path)


@target(b"", bytes.fromhex("d9d505f920a163d7") + bytes(20), b"\0" * 24 + bytes.fromhex("d9d505f920a163d7"))
def journal_beside_an_archive(data: bytes) -> None:
    path = folder() / "beside.gar"
    shutil.copyfile(an_archive()[0], path)
    journal = written("beside.gar-journal", data)
    try:
        read_all(path)
    finally:
        journal.unlink(missing_ok=True)


@target(lambda: compress(b"line\n" * 100), lambda: compress(bytes(MAX_PLAIN + 1)))
def segment(data: bytes) -> None:
    assert len(decompress(data)) <= MAX_PLAIN


def lines(data: bytes) -> None:
    found = codec.decode_lines(data)
    assert codec.decode_lines(codec.encode_lines(found)) == found


@target(b"\n".join(codec.encode(record) for record in RECORDS))
def record_lines(data: bytes) -> None:
    lines(data)


@contextmanager
def saying(**payloads: bytes) -> Iterator[Reader]:
    """The archive, with other words in its segments: what a thief of the writer's seed can bring about."""
    with Archive.open(an_archive()[0]) as archive:
        reader = archive.unlock(SECRET)
        reader.payload = lambda entry: payloads.get(entry.kind, b"")  # type: ignore[method-assign]
        yield reader


@target(b"", bytes(9), bytes(range(60)))
def records_by_a_thief(data: bytes) -> None:
    """Each record is bent in its own way, so that most of them are still records."""
    share = max(3, len(data) // len(DOCUMENTS))
    found: dict[str, list[bytes]] = {"segment": [], "roster": []}
    for number, document in enumerate(DOCUMENTS):
        line = bent(document, data[number * share : (number + 1) * share])
        try:
            record = codec.decode(line)
        except Damaged:
            continue
        vault = "roster" if r.vault_of(record) == "roster" else "segment"
        found[vault].append(codec.encode(record))
    with saying(**{kind: b"\n".join(some) for kind, some in found.items()}) as reader:
        look_around(reader)
        export_and_plan(reader)


def commit_note(data: bytes) -> None:
    with saying(record=data) as reader:
        for _, note in reader.commit_records():
            msgspec.json.encode(note)
        try:
            reader.check()
        except GroupArchiveError:
            return


def attended_inside(data: bytes) -> None:
    """What an owner's statement holds once it is open: of a newer version, or damaged in a way that nobody thought of."""
    with Archive.open(an_archive()[0]) as archive:
        reader = archive.unlock(SECRET)
        reader.pieces = lambda _: iter([compress(data)])  # type: ignore[method-assign]
        assert archive.statements.attended
        list(read_attended(reader))


json_target("attended-inside", attended_inside, json.loads(msgspec.json.encode(ATTENDED)))
json_target("commit-note", commit_note, NOTE)
