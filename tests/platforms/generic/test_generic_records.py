import hashlib
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import backup_box
import pytest
from generic_files import Reading, kind_of

from grouparchive.archive.fold import fold
from grouparchive.archive.reader import Archive
from grouparchive.archive.writer import Writer
from grouparchive.backup import Identities, run_import
from grouparchive.cli.export import _records
from grouparchive.errors import BadExport
from grouparchive.model import codec
from grouparchive.model.records import (
    Attachment,
    Ban,
    Channel,
    Fact,
    Gap,
    Group,
    Media,
    Member,
    Membership,
    Message,
    Pins,
    Reaction,
    Record,
    Role,
    RoomKey,
    Roster,
    Secret,
    Setting,
)
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.generic.records import GenericLines

FERN, MOSS = f"{1:032x}", f"{2:032x}"
GROUP = Group(ref="!garden", platform="sandbox", origin="sandbox", name="Garden", account=FERN)
ROOM = Channel(ref="!beds", group="!garden", parent="!garden", name="Beds")
PICTURE = b"\x89PNG picture"
SHA = "d6b1f9cd5ab97f9cf1f5a3bdb5a3d4b60b3c4a44e0e2f4d8b9a6a8f6e3d1c2b0"


def message(number: int, **more: Any) -> Message:
    return Message(channel="!beds", ref=f"${number}", time=1000 + number, author=MOSS, text=f"text {number}", **more)


def lines(path: Path, *records: Record | bytes) -> Path:
    data = [one if isinstance(one, bytes) else codec.encode(one) for one in records]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(data) + b"\n")
    return path


def test_all_kinds_come_in_as_they_are(tmp_path: Path) -> None:
    records: list[Record] = [
        GROUP, Channel(ref="!garden", group="!garden", type="space", name="Garden"), ROOM,
        Role(group="!garden", ref="50", level=50), Setting(channel="!beds", name="rule", value='{"a":1}'),
        Pins(channel="!beds", messages=("$1",)), message(1), message(2, mentions=(FERN,), html=f"<b>{{member:{FERN}}}</b>"),
        Reaction(channel="!beds", ref="$3", target="$1", author=FERN, key="x"),
        RoomKey(channel="!beds", session="s", key="k"),
    ]  # fmt: skip
    read = Reading(lines(tmp_path / "group.jsonl", *records))
    assert read.whose == ("sandbox", "sandbox")
    assert [one.ref for one in read.groups] == ["!garden"]
    expected = [Group(ref="!garden", platform="sandbox", origin="sandbox", name="Garden"), *records[1:]]
    assert Counter(map(codec.encode, read.records)) == Counter(map(codec.encode, expected))
    assert not read.gaps
    assert not read.natives  # nobody gets another id


def test_people_keep_their_ids_and_make_whole_rosters(tmp_path: Path) -> None:
    people: list[Record] = [
        Member(id=FERN, platform="sandbox", origin="sandbox", native="@fern:sandbox", name="Fern"),
        Member(id=MOSS, platform="sandbox", origin="sandbox", native="@moss:sandbox"),
        Membership(channel="!beds", member=FERN, level=50), Membership(channel="!garden", member=FERN),
        Membership(channel="!beds", member=MOSS, seen=77), Ban(channel="!beds", member=MOSS, reason="weeds"),
        Fact(member=FERN, field="contact", key="mail", value="fern@garden.example"),
        Fact(member=FERN, field="contact", key="mail", value="no address"),
    ]  # fmt: skip
    space = Channel(ref="!garden", group="!garden", type="space")
    path = lines(tmp_path / "a.jsonl", message(1), *people, ROOM, space, GROUP)
    read = Reading(path)
    assert read.of(Group)[0].account == FERN
    assert read.of(Member) == people[:2]
    assert [(one.channel, one.members, one.bans, one.time) for one in read.of(Roster)] == [
        ("!beds", 1, 1, read.modified), ("!garden", 1, 0, read.modified),
    ]  # fmt: skip
    assert read.records[-1] == Membership(channel="!beds", member=MOSS, seen=77)
    assert [fact.value for fact in read.of(Fact)] == ["fern@garden.example"]
    assert read.codes == {"contact-unreadable": 1}
    other = Member(id=FERN, platform="sandbox", origin="sandbox", native="@fern:sandbox", name="Fern of the hill")
    changed = Reading(lines(tmp_path / "b.jsonl", message(1), other, *people[1:], ROOM, space, GROUP))
    assert changed.stamps[:2] != read.stamps[:2]  # the run notices that somebody else stands there
    assert Reading(path).stamps == read.stamps


def test_lines_that_are_no_records(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "a.jsonl",
        b"\xef\xbb\xbf" + codec.encode(GROUP), codec.encode(ROOM) + b"\r", b"", b"  ", message(1), b"not json", b'{"kind":"message"}',
        b'{"kind":"message","channel":"!beds","ref":"$9","time":-5}', b'{"kind":"unheard-of","ref":"x"}', b"[1]",
        Secret(name="owner", key="0" * 64), b'{"kind":"message","channel":"!beds","ref":"\xff","time":5}', b"\0\0", message(2),
        b'{"event":"record",' + codec.encode(message(3))[1:], b'{"event":"done","posts":3}', b"[" * 100_000,
        b'{"kind":"gap","code":"media-unavailable","count":2}',
    )  # fmt: skip
    read = Reading(path)
    assert [one.ref for one in read.of(Message)] == ["$1", "$2", "$3"]
    assert not read.of(Secret)
    assert read.of(Gap) == [Gap(code="media-unavailable", count=2, limit=True)]  # what the exporting archive lacked
    assert read.codes == {"message-unreadable": 8, "record-refused": 1}
    assert [gap.scope for gap in read.gaps][:2] == ["line 6", "line 7"]


def test_what_has_no_group_or_no_channel(tmp_path: Path) -> None:
    read = Reading(lines(tmp_path / "Rose garden.jsonl", message(1), message(2)))
    group = Group(ref="lines", platform="generic", origin="generic", name="Rose garden")
    assert read.groups == [group]
    assert read.of(Channel) == [
        Channel(ref="lines", group="lines", name="Rose garden"),
        Channel(ref="!beds", group="lines"),
    ]
    assert len(read.of(Message)) == 2
    assert Reading(lines(tmp_path / "b.jsonl", message(1)), group="Thorns").groups[0].name == "Thorns"
    empty = tmp_path / "c.jsonl"
    empty.write_bytes(codec.encode(message(1)))
    box = open_box(empty)
    empty.write_bytes(b"not one")
    with pytest.raises(BadExport):
        list(GenericLines(box, lambda *_: FERN, Choices()).groups())


def test_several_groups_in_a_file(tmp_path: Path) -> None:
    other = Group(ref="!pond", platform="sandbox", origin="sandbox")
    shore = Channel(ref="!shore", group="!pond")
    swim = Message(channel="!shore", ref="$1", time=5)
    lost = Channel(ref="!lost", group="!nowhere")
    read = Reading(lines(tmp_path / "a.jsonl", GROUP, other, ROOM, shore, lost, message(1), swim, b"no record"))
    assert [one.ref for one in read.groups] == ["!garden", "!pond"]
    kinds = [(type(one).__name__, getattr(one, "ref", "")) for one in read.records]
    assert kinds == [
        ("Group", "!garden"), ("Channel", "!beds"), ("Message", "$1"), ("Group", "!pond"), ("Channel", "!shore"),
        ("Message", "$1"),
    ]  # fmt: skip
    assert read.codes == {"channel-unlisted": 1, "message-unreadable": 1}


def test_files_beside(tmp_path: Path) -> None:
    sha = "0f" * 32
    media = (Media(ref="mxc://a", name="apple.png"), Media(ref="mxc://b"), Media(ref="mxc://c"))
    attachments = [
        Attachment(ref=one.ref, blob="ab" * 32, size=size, sha256=sha)
        for one, size in zip(media, (3, 12, 3), strict=True)
    ]
    whole = hashlib.sha256(b"png").hexdigest()
    attachments[0] = Attachment(ref="mxc://a", blob="ab" * 32, size=3, sha256=whole, mime="image/png")
    folder = tmp_path / "folder"
    lines(folder / "group.jsonl", GROUP, ROOM, message(1, media=media), *attachments)
    (folder / "media").mkdir()
    (folder / "media" / f"000000-{whole[:8]}.png").write_bytes(b"png")
    (folder / "media" / f"000001-{sha[:8]}.bin").write_bytes(b"too short")
    (folder / "media" / f"000002-{sha[:8]}.bin").write_bytes(b"own")  # the right length, other bytes
    with pytest.raises(BadExport):
        Reading(folder)
    (folder / "media" / f"000002-{sha[:8]}.bin").unlink()
    read = Reading(folder)
    assert read.media == {"mxc://a": b"png"}
    assert [(gap.code, gap.scope, gap.limit) for gap in read.gaps] == [
        ("media-unavailable", "mxc://b", False), ("media-unavailable", "mxc://c", False), ("part-left-out", "", True),
    ]  # fmt: skip
    alone = Reading(lines(tmp_path / "alone.jsonl", GROUP, ROOM, message(1, media=media), *attachments))
    assert [(gap.code, gap.count, gap.limit) for gap in alone.gaps] == [("media-unavailable", 3, True)]
    assert not alone.of(Attachment)


def test_only_records_are_claimed(tmp_path: Path) -> None:
    assert kind_of(lines(tmp_path / "a.txt", message(1))) is GenericLines
    assert kind_of(lines(tmp_path / "b.jsonl", b'{"type": "message", "text": "of something else"}')) is None
    assert kind_of(lines(tmp_path / "c.json", b"[", codec.encode(message(1)), b"]")) is GenericLines
    assert kind_of(lines(tmp_path / "d.jsonl", b"")) is None
    long = codec.encode(message(1, html="x" * 500_000))
    assert kind_of(lines(tmp_path / "e.jsonl", long)) is GenericLines
    mixed = tmp_path / "mixed"
    lines(mixed / "group.jsonl", message(1))
    assert kind_of(mixed) is GenericLines
    (mixed / "another.txt").write_text("x")
    assert kind_of(mixed) is None


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_without_end_takes_no_memory(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b"\n".join(map(codec.encode, (GROUP, ROOM, message(1)))) + b'\n{"kind":"message","text":"')
        for _ in range(40):
            file.write(b"x" * 1024 * 1024)
        file.write(b'"}' + end + (codec.encode(message(2)) + b"\n" if end else b""))
    tracemalloc.start()
    read = Reading(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read.codes == {"line-too-long": 1}
    assert read.gaps[0].scope == "line 4"
    assert [one.ref for one in read.of(Message)] == (["$1", "$2"] if end else ["$1"])
    assert peak < 24 * 1024 * 1024


# --- a real archive ---


@pytest.fixture
def box(tmp_path: Path) -> Iterator[backup_box.Box]:
    made = backup_box.Box(tmp_path)
    yield made
    made.close()


def told(box: backup_box.Box) -> tuple[dict[str, list[str]], set[tuple[str, int]]]:
    """The posts and the people of the one group in an archive, with names in the place of ids."""
    with Archive.open(box.path) as archive:
        view = fold([archive.unlock(box.secret)])
        try:
            (group,) = view.groups()
            who = {person.id: view.members[person.id].native for person in view.people(group.ref)}
            posts = {}
            for channel in view.channels(group.ref):
                posts[channel.name] = [
                    json.dumps([post.message.ref, who.get(post.message.author), post.text])
                    for post in view.posts(channel.ref)
                ]
            people = {
                (who[person.id], max(one.level for one in person.memberships)) for person in view.people(group.ref)
            }
        finally:
            view.close()
    return posts, people


def exported(box: backup_box.Box, path: Path) -> Path:
    """What `export --with-roster` writes of it."""
    with Archive.open(box.path) as archive:
        view = fold([archive.unlock(box.secret)])
        try:
            (group,) = view.groups()
            opened: Any = SimpleNamespace(view=view)
            path.write_bytes(codec.encode_lines(_records(opened, group, with_roster=True)))
        finally:
            view.close()
    return path


def take(box: backup_box.Box, path: Path, **choices: Any) -> Any:
    with Writer.open(box.path, box.home, pinned=box.pin) as writer:
        kind = kind_of(path)
        assert kind is not None
        export = open_box(path)
        people = Identities(*kind.whose(export))
        connector = kind(export, people, Choices(**choices))
        return run_import(connector, mark=export.fingerprint(), writer=writer, identities=people)


def test_an_exported_group_comes_back_whole_and_joins_its_backup(box: backup_box.Box, tmp_path: Path) -> None:
    group = box.world.create_group("Garden")
    room = box.world.create_channel(group, "Beds")
    for handle in ("@fern:sandbox", "@moss:sandbox"):
        box.world.person(handle, handle[1:5].title())
        for channel in (group, room):
            box.world.join(channel, handle, level=50 if "fern" in handle else 0, force=True)
    first = box.world.post(room, "@fern:sandbox", "hello @moss:sandbox")
    box.world.post(room, "@moss:sandbox", "yes", reply_to=first)
    box.world.react(room, first, "@moss:sandbox", "x")
    box.backup()
    before = told(box)
    path = exported(box, tmp_path / "group.jsonl")

    (tmp_path / "other").mkdir()
    other = backup_box.Box(tmp_path / "other")
    try:
        summary = take(other, path)
        assert summary.messages == 2
        assert not summary.new_gaps
        assert told(other) == before
    finally:
        other.close()

    # Into the archive of the live backup it adds no message, and nobody becomes another.
    box.world.post(room, "@fern:sandbox", "later")
    box.backup()
    live = told(box)
    take(box, path)
    assert told(box) == live
    box.backup()
    assert told(box) == live
    assert box.gather(Message) == {Message: 3}


CARD = "BEGIN:VCARD\nFN:{}\nEMAIL:{}@garden.example\nEND:VCARD\n"


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("a.csv", "handle,mail\nfern,fern@garden.example\n", "handle,mail\nfern,other@garden.example\n"),
        ("a.vcf", CARD.format("Fern", "fern"), CARD.format("Fern", "fern") + CARD.format("Moss", "moss")),
    ],
)
def test_addresses_come_in_once(box: backup_box.Box, tmp_path: Path, name: str, text: str, changed: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert take(box, path, group="Garden").new > 0
    assert take(box, path, group="Garden").new == 0
    path.write_text(changed)
    assert take(box, path, group="Garden").new > 0
    readable = b"".join(one.read_bytes() for one in (tmp_path / "machine").rglob("*") if one.is_file())
    assert b"fern@garden" not in readable


def test_records_of_people_come_in_once(box: backup_box.Box, tmp_path: Path) -> None:
    people: list[Record] = [
        Member(id=FERN, platform="sandbox", origin="sandbox", native="@fern:sandbox", name="Fern"),
        Membership(channel="!beds", member=FERN), Fact(member=FERN, field="tier", value="2"),
    ]  # fmt: skip
    path = lines(tmp_path / "a.jsonl", GROUP, ROOM, *people, message(1))
    assert take(box, path).new == 7
    assert take(box, path).new == 0
