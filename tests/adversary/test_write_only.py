"""A thief with everything that lies on the backup machine, and no secret: reads nothing, matches nobody."""

import contextlib
import hashlib
import hmac
import itertools
import json
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from adversary_kit import PASSPHRASE, Between, Computer, Person, Planted, disguises, files, found, kill, readings

from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.state import tag
from grouparchive.crypto.primitives import local_tag, lp
from grouparchive.crypto.slots import Passphrase
from grouparchive.demo.homeserver import Homeserver

pytestmark = pytest.mark.homeserver

CANDIDATES = 10_000


@pytest.fixture(scope="module")
def planted(homeserver: Homeserver) -> Planted:
    return Planted(homeserver)


@pytest.fixture(scope="module")
def robbed(planted: Planted, homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> Computer:
    """A machine that made backups, the first of them killed while files came in. No test changes it."""
    folder = tmp_path_factory.mktemp("robbed")
    computer, between = Computer(folder / "computer", folder / "drawer"), Between(homeserver)
    try:
        return back_up(computer, planted, between)
    finally:
        between.close()


def back_up(computer: Computer, planted: Planted, between: Between) -> Computer:
    computer.init(cheap=False)
    computer.add("home", between.url, planted.admin.token)
    between.hold = lambda path: "/media/download/" in path and bool(next(count) > 2)
    count = itertools.count()
    process = computer.start("-v", "backup", "home")
    assert between.holding.wait(60)
    assert "another run" in computer.run("backup", "home", code=11).err
    computer.run("verify")  # who reads is not kept off
    kill(process)
    nothing_readable(computer, planted)
    between.hold = lambda _: False
    first = computer.run("-v", "--json", "backup", "home")
    assert first.done["messages"] >= 16
    assert first.done["attachments"] >= 10
    assert first.done["members"] == 6  # the banned one is still in the Space
    planted.posts.append(planted._life(5))
    planted.guests[1].say(planted.hall, planted.text("later"))
    second = computer.run("-v", "--json", "backup", "home")
    assert 0 < second.done["messages"] < 8
    nothing_new = computer.run("-v", "--json", "backup", "home").done
    assert nothing_new["new"] == 0
    computer.run("status")
    computer.run("verify")
    computer.run("source", "list")
    computer.run("source", "check", "home")
    computer.run("backup", "elsewhere", code=2)
    return computer


def nothing_readable(computer: Computer, planted: Planted) -> None:
    token = planted.admin.token.encode()
    for path in files(computer.folder):  # the credential aside: a Synapse token itself names its account
        data = path.read_bytes()
        if token in data:
            assert path.parent.name == "sources"
            assert b'"token"' in data
            path.write_bytes(data.replace(token, b"CREDENTIAL"))
    try:
        assert found(computer.folder, planted.texts, planted.files) == []
    finally:
        for path in files(computer.profile / "sources"):
            path.write_bytes(path.read_bytes().replace(b"CREDENTIAL", token))


def test_nothing_that_people_wrote_or_are_called_can_be_read(robbed: Computer, planted: Planted) -> None:
    assert len(planted.texts) > 50
    assert len(planted.files) > 10
    assert sum(path.stat().st_size for path in files(robbed.folder)) > 200_000
    nothing_readable(robbed, planted)
    readable = {path for path in robbed.folder.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o077}
    assert {path for path in readable if robbed.logs not in path.parents} == set()
    assert files(robbed.temp) == []
    assert files(robbed.home) == []
    # What is not there is not there for want of reading: unlocked, the same archive gives it all.
    exported = robbed.run("-v", "export", planted.space, "--format", "jsonl", "--with-roster", opened=True).out
    written = [text for text in planted.texts if text in exported]
    assert len(written) > len(planted.texts) * 0.8


def test_the_scan_finds_what_is_there(tmp_path: Path) -> None:
    import base64  # noqa: PLC0415
    import bz2  # noqa: PLC0415
    import gzip  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    from backports import zstd  # noqa: PLC0415

    text, blob = "Äda Canary of the Lane", bytes(range(200))
    packed = b"... " + text.encode() + b" ..."
    hidden = {
        "plain": packed,
        "folded": text.casefold().encode(),
        "utf16": b"\1" + text.encode("utf-16-be"),
        "json": json.dumps({"a": text}).encode(),
        "hex": packed.hex().upper().encode(),
        "zlib": b"\0\1\2" + zlib.compress(packed) + b"rest",
        "gzip": gzip.compress(packed),
        "bz2": bz2.compress(packed),
        "zstd": b"\7" * 31 + zstd.compress(packed) + b"rest",
        "twice": zlib.compress(b"12345" + zstd.compress(packed)),
        **{f"base64-{shift}": base64.urlsafe_b64encode(b"x" * shift + packed) for shift in range(3)},
        "blob": b"1" + base64.b64encode(b"22" + blob),
    }
    for name, data in hidden.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / f"named {text}").mkdir()
    (tmp_path / "link").symlink_to(f"/nowhere/{text}")
    hits = {hit.split(":")[0] for hit in found(tmp_path, [text], [blob])}
    assert hits == {*hidden, "the names of files"}
    assert len(disguises(b"canary")) > 8
    assert next(readings(b"a")) == b"a"


def test_content_names_nobody(robbed: Computer, planted: Planted) -> None:
    """Who opens the content alone sees posts by ids: no handle, no display name but in people's own words, no picture."""
    with Archive.open(robbed.archive) as archive:
        reader = archive.unlock(Passphrase(PASSPHRASE))
        content = b"\n".join(data for _, data in reader.segments("content"))
        roster = b"\n".join(data for _, data in reader.segments("roster"))
        notes = b"\n".join(msgspec.json.encode(note) for _, note in reader.commit_records())
    assert b"photo of {member:" in content
    assert b"ask {member:" in content
    for one in planted.people:
        assert one.handle.encode() in roster
        for name in (one.handle, one.local, one.name, one.avatar):
            assert name.encode().lower() not in content.lower(), name
            assert name.encode() not in notes


# --- guessing ----------------------------------------------------------------------------------------------------------


class Loot:
    """What a thief makes out of the machine's files."""

    def __init__(self, computer: Computer) -> None:
        self.home = WriterHome.load(computer.profile / "writer")
        keys = self.home.keys
        self.keys = {
            keys.lasting,
            keys.cursor,
            *(one.key for one in keys.events),
            self.home.seed(),
            self.home.writer_id,
        }
        self.cursors = self.home.cursors("home")
        opened = msgspec.json.encode(self.cursors)
        every = [*(path.read_bytes() for path in files(computer.folder)), opened]
        with contextlib.closing(sqlite3.connect(computer.archive)) as archive:
            genesis = archive.execute("SELECT data FROM genesis").fetchone()[0]
            self.archive_id = hashlib.sha256(b"ga1/genesis\0" + genesis).digest()
            self.keys |= {b"", genesis, self.archive_id}
            for (params,) in archive.execute("SELECT params FROM slots"):
                self.keys.add(bytes(params))
        data = b"\0".join(every)
        self.windows = {data[at : at + 8] for at in range(len(data) - 7)}
        self.text = data.lower()
        with contextlib.closing(sqlite3.connect(computer.profile / "writer" / "state.sqlite")) as state:
            self.lasting = {
                bytes(name): bytes(value) for name, value in state.execute("SELECT tag, value FROM lasting")
            }

    def holds(self, made: bytes) -> bool:
        return made[:8] in self.windows or made.hex()[:16].encode() in self.windows

    def value(self, name: bytes, value: bytes) -> bytes:
        """What the state keeps of a state's value, under its name."""
        return local_tag(self.home.keys.lasting, b"value" + name + value)


def tries(key: bytes, origin: str, native: str, avatar: str) -> Iterator[bytes]:
    """All that could be made of a candidate with a key, by the constructions of this program and a few plain ones."""
    encoded = native.encode()
    yield hmac.digest(key, b"ga1/member" + lp(b"matrix", origin.encode(), encoded), hashlib.sha256)
    for parts in (
        (native,), ("member", native), ("member", "matrix", origin, native), ("message", native), ("roster", native),
        ("media", "roster", avatar), ("media", "content", avatar), ("blob", "roster", avatar), ("gap", "", native),
        ("gap", "media-unavailable", avatar), ("cursor", "home", native),
    ):  # fmt: skip
        yield tag(key[:64], *parts)
        yield hmac.digest(key, lp(*(part.encode() for part in parts)), hashlib.sha256)
    yield hashlib.sha256(key + encoded).digest()
    yield hmac.digest(key, encoded, hashlib.sha256)
    yield hmac.digest(key, encoded, hashlib.sha1)
    yield hashlib.blake2b(encoded, key=key[:64]).digest()
    yield local_tag(key[:64], encoded)


def test_ten_thousand_candidates_and_no_match(robbed: Computer, planted: Planted, homeserver: Homeserver) -> None:
    loot = Loot(robbed)
    # The thief knows how it is done, and has the keys: what is no person can be found with them.
    assert tag(loot.home.keys.lasting, "channel", planted.hall) in loot.lasting
    assert set(loot.cursors) == {planted.space}
    name = tag(loot.home.keys.lasting, "roster", planted.hall)
    assert name in loot.lasting
    origin = json.loads((robbed.profile / "sources" / "home.json").read_text())["origin"]
    people = [(one.handle, one.avatar) for one in planted.people]
    others = [
        (f"@guess{at}:{homeserver.server_name}", f"mxc://demo.test/{at:024}") for at in range(CANDIDATES - len(people))
    ]
    matched = set()
    for native, avatar in people + others:
        plain = (native.encode(), native[1:].partition(":")[0].encode(), avatar.encode())
        if any(one and one in loot.text for one in plain):
            matched.add(native)
        for key in loot.keys:
            if any(map(loot.holds, tries(key, origin, native, avatar))):
                matched.add(native)
    assert matched == set()
    assert len(loot.keys) >= 8


def joined(one: Person, room: str) -> list[dict[str, object]]:
    answer = one.server.call("GET", f"/_matrix/client/v3/rooms/{room}/state", one.token)
    return [event for event in answer if event["type"] == "m.room.member"]  # type: ignore[index, call-overload]


def test_who_knows_all_members_but_one_cannot_try_candidates(robbed: Computer, planted: Planted) -> None:
    """The digest by which a run notices a changed roster is of the whole roster, under a key that lies on the machine. In a
    room with one guest it would tell who that is, if there were not something in it that only the server tells.
    """
    loot = Loot(robbed)
    events = sorted(joined(planted.admin, planted.nook), key=lambda event: str(event["state_key"]))
    names = {one.handle: one for one in planted.people}

    def digest(stamp: str) -> bytes:
        rows = []
        for event in events:
            one = names[str(event["state_key"])]
            level = 100 if one is planted.admin else 0
            roles = [str(level)] if level else []
            rows.append(("member", one.handle, one.name, one.avatar, "join", level, *roles, event["origin_server_ts"]))
        lines = [stamp, *sorted(json.dumps(row) for row in rows)]
        return hashlib.sha256("\n".join(lines).encode()).digest()

    def faces(stamps: list[str]) -> bytes:
        found = sorted(
            f"{names[str(event['state_key'])].avatar} {stamp}" for event, stamp in zip(events, stamps, strict=True)
        )
        return hashlib.sha256("\n".join(found).encode()).digest()

    ids = [str(event["event_id"]) for event in events]
    roster = tag(loot.home.keys.lasting, "roster", planted.nook)
    pictures = tag(loot.home.keys.lasting, "roster", f"{planted.nook} faces")
    # With what the server tells to members alone the digest comes out, so the trial itself is right ...
    assert loot.value(roster, digest(" ".join(sorted(ids)))) == loot.lasting[roster]
    assert loot.value(pictures, faces(ids)) == loot.lasting[pictures]
    # ... and without it, even the true member with the true name, picture and second of joining does not match.
    without = ["", " ", planted.nook, "\n"]
    assert all(loot.value(roster, digest(stamp)) != loot.lasting[roster] for stamp in without)
    assert all(loot.value(pictures, faces([stamp] * 2)) != loot.lasting[pictures] for stamp in without)
    assert not any(event_id.encode().lower() in loot.text for event_id in ids)


def test_pending_files_and_cursors_name_nobody(robbed: Computer, planted: Planted) -> None:
    loot = Loot(robbed)
    assert set(loot.cursors[planted.space]) <= {planted.space, *planted.rooms, "pending-media"}
    for value in loot.cursors[planted.space].values():
        assert "@" not in value
        assert "mxc:" not in value or not any(one.avatar in value for one in planted.people)


def test_a_members_picture_that_fails_leaves_no_trace(homeserver: Homeserver, computer: Computer) -> None:
    """Files that could not be had wait in a cursor that this machine can read: never a member's picture."""
    planted = Planted(homeserver)
    computer.init()
    computer.add("home", homeserver.url, planted.admin.token)
    missing = planted.guests[0].avatar.rpartition("/")[2]
    homeserver.call("DELETE", f"/_synapse/admin/v1/media/{homeserver.server_name}/{missing}", homeserver.admin_token)
    done = computer.run("--json", "backup", "home", code=3).done
    assert {gap["code"] for gap in done["gaps"]} >= {"media-unavailable"}
    loot = Loot(computer)
    assert missing.lower().encode() not in loot.text
    for key, vault in itertools.product(loot.keys, ("roster", "content")):
        for name in (
            ("media", vault, planted.guests[0].avatar),
            ("gap", "media-unavailable", planted.guests[0].avatar),
        ):
            assert not loot.holds(tag(key[:64], *name))
