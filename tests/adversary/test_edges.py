"""Hostile servers, hostile neighbours on the same computer, forged and damaged files: each is stopped at the edge."""

import contextlib
import os
import random
import shutil
import sqlite3
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from adversary_kit import PASSPHRASE, Computer

from grouparchive import durable
from grouparchive.archive.reader import Archive
from grouparchive.cli.export_media import ending
from grouparchive.crypto.slots import Passphrase
from grouparchive.crypto.vaults import VaultPublicKey
from grouparchive.errors import InDoubt, PlatformError
from grouparchive.people.campaign import Campaign, Decision, Invitee, campaign_path, save_campaign
from grouparchive.platforms.http import HttpClient
from grouparchive.platforms.matrix.e2ee import read_key_file
from grouparchive.platforms.matrix.handles import Handles
from grouparchive.platforms.matrix.markup import sanitise
from grouparchive.platforms.sandbox.world import World
from grouparchive.restore import planfile

GROUP = "The Walled Garden"


# --- hostile servers ---------------------------------------------------------------------------------------------------


class _Bomb(httpx.SyncByteStream):
    """Few bytes that unpack to very many, when they are unpacked twice."""

    def __iter__(self) -> Iterator[bytes]:
        inner = zlib.compressobj()
        once = b"".join([*(inner.compress(bytes(1 << 20)) for _ in range(256)), inner.flush()])
        yield zlib.compress(once)


@pytest.mark.parametrize("encoding", ["deflate, deflate", "gzip,gzip", "br", "zstd", "deflate, identity, deflate"])
def test_answers_packed_twice_are_not_unpacked(encoding: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Accept-Encoding"] == "gzip, deflate"
        return httpx.Response(200, headers={"Content-Encoding": encoding}, stream=_Bomb())

    client = HttpClient("https://example.org", transport=httpx.MockTransport(answer))
    with pytest.raises(PlatformError, match="packs its answers"):
        client.get("/x", dict)
    with pytest.raises(PlatformError, match="packs its answers"):
        next(client.stream("/x"))
    with pytest.raises(InDoubt):
        client.send("POST", "/x", dict)


@pytest.mark.parametrize(
    "text",
    [
        "@" * 100_000,
        "@a:" * 33_000,
        "https://matrix.to/#/@" * 4_700,
        "<a href=https://matrix.to/#/@a:b>" * 3_000,
        "<a " * 33_000,
        "<a b='" * 16_000 + ">",
        "<!-- a>" * 14_000,
        "<script></scrip>" * 6_000,
        "<pre><script><a>" * 6_000,
        "<" * 100_000,
        "&#64;" * 20_000,
        "<mx-reply>" * 10_000,
        "%40a%3A" * 14_000,
        "@a:b." + "c." * 49_000,
        "@" + "a" * 50_000 + ":" + "b" * 49_000,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_texts_take_no_time(text: str) -> None:
    """Patterns that try every way to match would take hours over these."""
    with limited(5):
        handles = Handles(lambda *_: "0" * 32)
        handles.body(text, text, ["@x:y"])
        sanitise(text)


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """No more processor time than this."""
    start = os.times()
    yield
    end = os.times()
    assert end.user + end.system - start.user - start.system < seconds


def test_a_key_file_that_asks_for_years_of_work() -> None:
    import base64  # noqa: PLC0415

    from grouparchive.errors import UsageError  # noqa: PLC0415

    raw = b"\1" + bytes(32) + b"\xff\xff\xff\xff" + bytes(64)
    body = base64.b64encode(raw)
    file = b"-----BEGIN MEGOLM SESSION DATA-----\n" + body + b"\n-----END MEGOLM SESSION DATA-----"
    with limited(2), pytest.raises(UsageError, match="more work"):
        next(iter(read_key_file(file, "x")))


@pytest.mark.parametrize(
    "name",
    ["x.html", "x.hta", "x.command", "x.vbs", "x.ps1", "x.jar", "x.msi", "x.pif", "x.com", "x.url", "x.webloc", "x.mht",
     "x.app", "x.svgz", "x.xht", "x.docm", "x.py", "x", "x.", ".bashrc", "../../x.sh", "x.png/../y.exe", "x.\u202egnp.exe"],
)  # fmt: skip
def test_an_exported_file_has_an_ending_that_does_nothing(name: str) -> None:
    assert ending(name, "application/octet-stream") == ".bin"
    assert ending(name, "text/html") == ".bin"
    assert ending(name, "image/png") == ".png"  # and a picture is shown as one, whatever it is called


# --- hostile neighbours ------------------------------------------------------------------------------------------------


def test_a_prepared_place_for_a_new_file_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder where others write, they could have laid out a file or a link of the name that we are about to use."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    names: list[str] = []
    real = os.open

    def watched(path: str | Path, flags: int, mode: int = 0o777, **more: int) -> int:
        if flags & os.O_CREAT:
            names.append(Path(path).name)
            assert flags & os.O_EXCL, path
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", watched)
    out = tmp_path / "page.html"
    for _ in range(2):
        durable.write_whole(out, b"plain words")
    assert len(set(names)) == len(names)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    out.unlink()
    out.symlink_to(victim)
    durable.write_whole(out, b"plain words")
    assert victim.read_bytes() == b"precious"
    assert not out.is_symlink()


def test_half_written_secrets_do_not_lie_about(ours: Computer) -> None:
    """Killed between writing a file and giving it its name, a run leaves it under a name of its own."""
    seed = ours.profile / "writer" / ".seed.0123456789abcdef.new"
    token = ours.profile / "sources" / ".home.json.0123456789abcdef.new"
    for path in (seed, token):
        path.write_bytes(b"secret")
    ours.here("backup", "home")
    assert not seed.exists()
    assert [event["name"] for event in ours.here("--json", "source", "list").events[:-1]] == ["home"]
    ours.here("source", "remove", "home")
    assert not token.exists()


def test_an_archive_is_not_built_in_a_file_of_somebody_else(computer: Computer, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    computer.archive.with_name("group.gar.part").symlink_to(victim)
    computer.init()
    assert victim.read_bytes() == b"precious"
    assert stat.S_IMODE(computer.archive.stat().st_mode) == 0o600
    computer.run("verify")


# --- forged and damaged files ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Computer, Path]:
    """A machine with two backups of a sandbox; tests get copies."""
    folder = tmp_path_factory.mktemp("made")
    world = World(folder / "world.sqlite")
    for at in range(6):
        world.person(f"@rowan{at}:sandbox", f"Rowan {at}")
    group = world.create_group(GROUP)
    room = world.create_channel(group, "Beds")
    for at in range(6):
        for place in (group, room):
            world.join(place, f"@rowan{at}:sandbox", force=True)
    computer = Computer(folder / "computer", folder / "drawer")
    computer.init()
    computer.run("source", "add", "home", "sandbox", f"file={world_path(computer)}")
    for round_ in range(2):
        for at in range(10):
            picture = world.upload(os.urandom(6000), "image/png")
            file = [{"ref": picture, "name": f"p{at}.png", "mime": "image/png", "size": 6000}]
            world.post(room, f"@rowan{at % 6}:sandbox", f"round {round_} words {at}", media=file)
        computer.run("backup", "home")
    world.close()
    return computer, folder


def world_path(computer: Computer) -> Path:
    return computer.folder.parent / "world.sqlite"


@pytest.fixture
def ours(made: tuple[Computer, Path], tmp_path: Path) -> Computer:
    for name in ("computer", "drawer"):
        shutil.copytree(made[1] / name, tmp_path / name)
    shutil.copy(made[1] / "world.sqlite", tmp_path / "world.sqlite")
    for path in (tmp_path / "computer" / "profile").rglob("*.json"):
        path.write_text(path.read_text().replace(str(made[1]), str(tmp_path)))
    return Computer(tmp_path / "computer", tmp_path / "drawer")


def test_forged_invitations_are_not_sent(ours: Computer, tmp_path: Path) -> None:
    """Sealing needs only what is public in the archive, so a thief can seal a campaign that releases people of his choice."""
    there = tmp_path / "there.sqlite"
    world = World(there)
    for at in range(6):
        world.person(f"@rowan{at}:sandbox", f"Rowan {at}")
    ours.run("source", "add", "there", "sandbox", f"file={there}")
    plan = ours.drawer / "plan"
    made = ours.run("--json", "plan", GROUP, "--to", "there", "-o", plan, opened=True).done
    ours.run("apply", plan, "--expect", made["digest"], opened=True)
    with Archive.open(ours.archive) as archive:
        public = VaultPublicKey(archive.genesis.content_pk)
        reader = archive.unlock(Passphrase(PASSPHRASE))
        opened = planfile.load(plan, reader.key("content"), archive_id=archive.archive_id)
        members = [record.id for _, record in reader.records("roster") if type(record).__name__ == "Member"]
        everyone = tuple(
            Invitee(member=member, tier=3, places=(opened.group,), decided=1, by="all")
            for member in sorted(set(members))
        )
        forged = Campaign(
            archive_id=archive.archive_id.hex(),
            plan=opened.digest(),  # which a thief does not know either
            group=opened.group,
            key="11" * 32,
            prepared=1,
            invitees=everyone,
            decisions=(Decision(time=1, by="all", released=len(everyone)),),
        )
        save_campaign(campaign_path(plan), forged, public, proof=bytes(32))
    for command in ("send", "status", "prepare"):
        assert "nobody was contacted" in ours.run("invite", command, plan, opened=True, code=13).err
    assert all(not world.sync_of(f"@rowan{at}:sandbox").invitations for at in range(6))
    campaign_path(plan).unlink()
    ours.run("invite", "prepare", plan, "--release", "all", opened=True)
    assert ours.run("--json", "invite", "send", plan, opened=True).done["sent"] == 6
    world.close()


def test_damage_anywhere_is_told_and_never_a_crash(ours: Computer) -> None:
    """Bytes changed all over the file, and the file cut short: a plain answer, by its code, and no traceback."""
    dice = random.Random(11)
    whole = ours.archive.read_bytes()
    codes = set()
    places = [0, 20, 40, 70, 100, *(dice.randrange(len(whole)) for _ in range(60))]
    damages: list[Callable[[bytearray], None]] = [overwrite(place, dice.randbytes(96)) for place in places]
    damages += [cut(size) for size in (0, 50, 5000, len(whole) // 2, len(whole) - 1)]
    for damage in damages:
        data = bytearray(whole)
        damage(data)
        ours.archive.write_bytes(data)
        done = ours.here("verify", code=None)
        assert done.code in {0, 10, 13}, (done.code, done.err)
        codes.add(done.code)
        if done.code == 13:
            exported = ours.here("export", GROUP, "--format", "jsonl", opened=True, code=None)
            assert exported.code in {0, 2, 10, 12, 13}, (exported.code, exported.err)
    assert codes >= {10, 13}
    ours.archive.write_bytes(whole)
    ours.here("backup", "home")
    ours.here("verify", "--deep", opened=True)


def overwrite(place: int, fresh: bytes) -> Callable[[bytearray], None]:
    def damage(data: bytearray) -> None:
        data[place : place + len(fresh)] = fresh[: len(data) - place]

    return damage


def cut(size: int) -> Callable[[bytearray], None]:
    def damage(data: bytearray) -> None:
        del data[size:]

    return damage


def test_each_damaged_segment_is_named_and_all_others_are_read(ours: Computer) -> None:
    with Archive.open(ours.archive) as archive:
        wanted = [
            (commit.seq, entry.oid)
            for commit in archive.commits[1:]
            for entry in commit.objects
            if entry.kind == "segment"
        ]
    assert {seq for seq, _ in wanted} == {1, 2}
    whole = ours.archive.read_bytes()
    for seq, oid in wanted:
        ours.archive.write_bytes(whole)
        with contextlib.closing(sqlite3.connect(ours.archive)) as database, database:
            database.execute("UPDATE rows SET data = zeroblob(length(data)) WHERE oid = ?", (oid,))
        assert f"commit {seq}" in ours.here("verify", code=13).err
        exported = ours.here(
            "export", GROUP, "--format", "jsonl", "-o", ours.drawer / f"out-{seq}", opened=True, code=None
        )
        written = (ours.drawer / f"out-{seq}").read_text() if (ours.drawer / f"out-{seq}").exists() else ""
        if seq == 2:
            assert exported.code == 13
            assert "commit 2" in exported.err
            assert written.count("round 0 words") == 10
        assert "round 1 words" in written or seq == 2 or "no such group" in exported.err
    ours.archive.write_bytes(whole)
    ours.here("verify")


def test_a_doctored_journal_deletes_nothing(ours: Computer, tmp_path: Path) -> None:
    """SQLite deletes the file that a journal names as its super-journal. Somebody else's copy may bring such a journal."""
    victim = tmp_path / "precious"
    victim.write_text("precious")
    copy = tmp_path / "copy"
    copy.mkdir()
    database = sqlite3.connect(ours.archive, isolation_level=None)
    database.execute("PRAGMA cache_size = 1")  # so that pages, and before them the journal, are written at once
    database.execute("BEGIN EXCLUSIVE")
    database.executemany("INSERT INTO rows VALUES (?, 0, ?)", ((os.urandom(32), bytes(30_000)) for _ in range(50)))
    journal = ours.archive.with_name("group.gar-journal")
    hot = ours.archive.read_bytes(), journal.read_bytes()
    database.execute("ROLLBACK")
    database.close()
    archive, beside = copy / "group.gar", copy / "group.gar-journal"
    archive.write_bytes(hot[0])
    beside.write_bytes(hot[1])
    ours.here("--archive", archive, "verify")  # what a killed run leaves is rolled back
    assert not beside.exists()

    archive.write_bytes(hot[0])
    name = str(victim).encode()
    named = struct.pack(">I", (1 << 30) // 16384 + 1) + name + struct.pack(">II", len(name), sum(name))
    beside.write_bytes(hot[1] + named + bytes.fromhex("d9d505f920a163d7"))
    for command in (["verify"], ["groups"]):
        assert "journal" in ours.here("--archive", archive, *command, opened=True, code=13).err
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    "name", ["config.json", "sources/home.json", "writer/id", "writer/seed", "writer/local.key", "writer/state.sqlite"]
)
@pytest.mark.parametrize("how", ["noise", "empty", "gone", "folder"])
def test_a_damaged_profile_loses_nothing(ours: Computer, name: str, how: str) -> None:
    path = ours.profile / name
    kept = path.read_bytes()
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how != "gone":
        path.write_bytes(b"\0{noise" * 40 if how == "noise" else b"")
    done = ours.here("backup", "home", code=None)
    assert done.code in {0, 1, 2, 10, 13}, done.err
    assert done.code == 0 or "unexpected" not in done.err
    if done.code == 0:
        assert name == "writer/state.sqlite"  # losing it costs time only
        return
    if how == "folder":
        path.rmdir()
    path.write_bytes(kept)
    for side in path.parent.glob("state.sqlite-*"):
        side.unlink()
    ours.here("backup", "home")
    ours.here("verify")
