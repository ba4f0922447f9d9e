"""A small invented community over several backups, for tests of what its owner rewrites."""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from grouparchive.archive.reader import Reader
from grouparchive.archive.zstd import decompress
from grouparchive.model.records import (
    AnyRecord,
    Attachment,
    Ban,
    Channel,
    Edit,
    Fact,
    Gap,
    Group,
    Member,
    Membership,
    Message,
    Poll,
    Reaction,
    Roster,
    Setting,
    Tombstone,
    Vote,
)

MOSS, FERN, REED = 1, 2, 3
HANDLES = {MOSS: "@moss:lane", FERN: "@fern:lane", REED: "@reed:lane"}
NAMES = {MOSS: "Moss Canary", FERN: "Fern", REED: "Reed"}
DAY = 86_400_000


def who(person: int, run: int = 0) -> str:
    return f"{run + 1:016x}{person:016x}"


def member(person: int, run: int = 0, **more: Any) -> Member:
    given = {"name": NAMES[person], "avatar": f"mxc://face/{person}"} | more
    return Member(id=who(person, run), platform="p", origin="o", native=HANDLES[person], **given)


def post(person: int, number: int, run: int = 0, **more: Any) -> Message:
    given = {"channel": "!a", "ref": f"$m{number}", "time": number * DAY, "author": who(person, run)}
    return Message(**given | {"text": f"words {number}"} | more)


def roster(run: int, *people: int, bans: Iterable[int] = ()) -> list[AnyRecord]:
    banned = list(bans)
    return [
        Roster(channel="!a", time=1, members=len(people), bans=len(banned)),
        *(Membership(channel="!a", member=who(one, run)) for one in people),
        *(Ban(channel="!a", member=who(one, run), by=who(MOSS, run), reason="noise") for one in banned),
    ]


STRUCTURE: list[AnyRecord] = [
    Group(ref="!g", platform="p", origin="o", name="Moss lane", avatar="mxc://group"),
    Channel(ref="!g", group="!g", type="space"),
    Channel(ref="!a", group="!g", parent="!g", name="a"),
]


def first_run(made: Any, time: int = 10 * DAY) -> None:
    """A backup with a bit of everything, in which Moss takes part."""
    me, you = who(MOSS), who(FERN)
    made.time = time
    with made.writer() as writer:

        def file(ref: str, data: bytes, vault: str = "content") -> None:
            stored = writer.add_blob([data], vault)
            writer.add(Attachment(ref=ref, blob=stored.blob, size=stored.size, sha256=stored.sha256), vault)

        file("mxc://face/1", b"face of moss", "roster")
        file("mxc://face/2", b"face of fern", "roster")
        file("mxc://group", b"face of the group")
        file("mxc://moss", b"only moss posted this" * 50)
        file("mxc://both", b"both posted this" * 50)
        file("mxc://twin", b"moss posted this, and fern, too" * 50)
        file("mxc://same", b"moss posted this, and fern, too" * 50)
        for record in [
            *STRUCTURE,
            member(MOSS),
            member(FERN),
            member(REED),
            *roster(0, MOSS, FERN, bans=(REED,)),
            Fact(member=me, field="contact", key="mail", value="moss@lane.example"),
            Fact(member=you, field="voucher", value=me),
            Setting(channel="!a", name="power", value=f'{{"users":{{"{me}":100,"{you}":50}}}}'),
            post(
                MOSS,
                1,
                text="heather words of moss",
                media=({"ref": "mxc://moss"}, {"ref": "mxc://both"}, {"ref": "mxc://twin"}),
            ),
            post(FERN, 2, text=f"thanks {{member:{me}}}", mentions=(me,), html=f"<b>{{member:{me}}}</b>"),
            post(FERN, 3, media=({"ref": "mxc://both"}, {"ref": "mxc://same"}), text="as moss canary said"),
            post(FERN, 4, type="service", data=f'{{"target":"{me}"}}', reply_to="$m1"),
            post(FERN, 5, poll=Poll(question=f"{{member:{me}}}?", options=(("1", "yes"),))),
            post(FERN, 6, text="nothing to do with anybody"),
            Edit(channel="!a", ref="$e1", target="$m1", time=7 * DAY, author=me, text="heather again"),
            Edit(channel="!a", ref="$e2", target="$m6", time=7 * DAY, author=you, text="still nothing"),
            Reaction(channel="!a", ref="$r1", target="$m2", time=7 * DAY, author=me, key="x"),
            Reaction(channel="!a", ref="$r2", target="$m1", time=7 * DAY, author=you, key="y"),
            Reaction(channel="!a", ref="$r3", target="$m2", time=7 * DAY, author=you, key="z"),
            Vote(channel="!a", ref="$v1", target="$m5", time=7 * DAY, author=me, choices=("1",)),
            Tombstone(channel="!a", ref="$t1", target="$m9", time=8 * DAY, author=me),
        ]:
            writer.add(_proper(record))
        writer.commit({"s": {"!g": {"at": "1"}}}, {"messages": 6}, [Gap(code="odd", scope=HANDLES[MOSS], detail="x")])


def _proper(record: AnyRecord) -> AnyRecord:
    """Media as the type they are, which above would be long."""
    from msgspec.structs import replace  # noqa: PLC0415

    from grouparchive.model.records import Media  # noqa: PLC0415

    if isinstance(record, Message) and record.media:
        return replace(record, media=tuple(Media(**one) for one in record.media))  # type: ignore[arg-type]
    return record


def everything(reader: Reader) -> bytes:
    """All that the keys open: every object that a commit or a statement names, decompressed where it is packed."""
    entries = [entry for commit in reader.commits for entry in commit.objects]
    return b"\n".join(_payloads(reader, [*entries, *reader.archive.statements.objects()]))


def _payloads(reader: Reader, entries: Iterable[Any]) -> Iterator[bytes]:
    for entry in entries:
        data = b"".join(reader.pieces(entry))
        yield data if entry.kind in {"blob", "retired"} else decompress(data)


def stored(path: Any) -> dict[bytes, tuple[list[bytes], list[bytes]]]:
    """oid -> rows, sealed keys."""
    found: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
    with sqlite3.connect(path) as db:
        for oid, data in db.execute("SELECT oid, data FROM rows ORDER BY oid, number"):
            found.setdefault(oid, ([], []))[0].append(data)
        for oid, sealed in db.execute("SELECT oid, sealed FROM keys"):
            found.setdefault(oid, ([], []))[1].append(sealed)
    db.close()
    return found


def assert_gone(path: Any, before: dict[bytes, tuple[list[bytes], list[bytes]]]) -> int:
    """What is no object of the file any more is in no byte of it; how many such there are. Oids stand in the manifests."""
    after = stored(path)
    data = path.read_bytes()
    gone = before.keys() - after.keys()
    for oid in gone:
        rows, keys = before[oid]
        for piece in [*rows, *keys]:
            assert piece[:64] not in data
            assert piece[-64:] not in data
    return len(gone)
