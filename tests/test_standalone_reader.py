"""docs/standalone_reader.py, written from docs/FORMAT.md alone, agrees with the frozen vectors and with the package."""

import contextlib
import dataclasses
import hashlib
import importlib.util
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from grouparchive.archive.attended import attend, owner_seed, owner_session
from grouparchive.archive.create import create_archive
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.slots import replace_slots
from grouparchive.archive.statements import EpochKeys
from grouparchive.archive.writer import Writer
from grouparchive.archive.zstd import compress
from grouparchive.crypto.keyfile import write_keys_text
from grouparchive.crypto.recovery import generate_recovery, read_recovery_text, write_recovery_text
from grouparchive.crypto.slots import (
    Passphrase,
    RecoveryKey,
    SlotRow,
    new_passphrase_slots,
    new_recovery_slots,
    open_slots,
)
from grouparchive.crypto.statements import Change, Revocation, Rotation, encode_changes
from grouparchive.crypto.vaults import VaultKey
from grouparchive.model import codec
from grouparchive.model.attended import Attended
from grouparchive.model.records import VAULTS, Attachment, Fact, Gap, Group, Member, Message, Secret

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "docs" / "standalone_reader.py"
VECTORS: list[dict[str, Any]] = json.loads((ROOT / "tests" / "crypto" / "vectors.json").read_text())


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("standalone_reader", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["standalone_reader"] = module
    spec.loader.exec_module(module)
    return module


alone = _load()


def _bytes(given: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(given[name])


def _object(given: dict[str, Any]) -> bytes:
    rows = (bytes.fromhex(row) for row in given["rows"])
    key, oid = _bytes(given, "key"), alone.x(_bytes(given, "key"), b"ga1/oid")
    oid = bytes.fromhex(given.get("oid", oid.hex()))
    return b"".join(alone.open_object(key, _bytes(given, "archive_id"), (given["vault"], given["kind"]), oid, rows))


def _seal(given: dict[str, Any]) -> bytes:
    key = alone.VaultKey(_bytes(given, "root"))
    found: bytes = key.open(
        _bytes(given, "sealed"), _bytes(given, "archive_id"), given["vault"], given["epoch"], _bytes(given, "oid")
    )
    return found


def _slot(given: dict[str, Any]) -> bytes:
    row = {name: value if name in {"vault", "type", "epoch"} else bytes.fromhex(value)
           for name, value in given.items() if name not in {"passphrase", "recovery"}}  # fmt: skip
    kek = (
        alone.passphrase_kek(given["passphrase"], row["params"]) if "passphrase" in given else _bytes(given, "recovery")
    )
    root: bytes | None = alone.open_slot(row, _bytes(given, "archive_id"), kek)
    if root is None:
        raise SystemExit("does not fit")
    return root


CHECKS: dict[str, tuple[Callable[[dict[str, Any]], bytes], str]] = {
    "open-object": (_object, "payload"),
    "seal": (_seal, "key"),
    "slot": (_slot, "root"),
    "recovery-text": (lambda given: alone.recovery_key(given["text"], _bytes(given, "archive_id")), "key"),
    "expand": (lambda given: alone.x(_bytes(given, "key"), _bytes(given, "info")), "out"),
    "lp": (lambda given: alone.lp(*map(bytes.fromhex, given["parts"])), "joined"),
}


# Shares need SLIP-39, which the reader leaves out: it opens with a passphrase or a recovery file.
CHECKED = [v for v in VECTORS if v["construction"] in CHECKS and "shares" not in v["input"]]


@pytest.mark.parametrize("vector", CHECKED, ids=lambda v: str(v["name"]))
def test_vectors(vector: dict[str, Any]) -> None:
    check, result = CHECKS[vector["construction"]]
    if "fails" in vector:
        with pytest.raises((alone.DamagedError, SystemExit)):
            check(vector["input"])
    else:
        assert check(vector["input"]).hex() == vector["output"][result]


def test_padding_lengths() -> None:
    vector = next(v for v in VECTORS if v["name"] == "padme")
    assert [alone.padded(size) for size in vector["input"]["lengths"]] == vector["output"]["padded"]


PASSPHRASE = "kettle lantern thistle"
BIG = bytes(range(256)) * 40_000  # more than one row


class Made:
    """An archive made by the package, and its two ways in."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "a.archive"
        self.passphrase = folder / "passphrase.txt"
        self.recovery = folder / "recovery.txt"
        self.home = WriterHome.create(folder / "writer")
        self.passphrase.write_text(PASSPHRASE + "\n")
        genesis = create_archive(self.path, self.home, self._slots)
        self.id = genesis.archive_id
        self._fill()

    def _slots(self, archive_id: bytes, roots: Mapping[str, bytes]) -> list[SlotRow]:
        key = generate_recovery()
        self.recovery.write_text(write_recovery_text(key, archive_id))
        rows = new_passphrase_slots(Passphrase(PASSPHRASE), archive_id, 0, roots)
        return rows + new_recovery_slots(RecoveryKey(key), archive_id, 0, roots)

    def _fill(self) -> None:
        person = "ab" * 16
        with Writer.open(self.path, self.home, pinned=self.id) as writer:
            writer.add(Group(ref="!g", platform="matrix", origin="https://x.example", name="سلام 🌱"))
            writer.add(Member(id=person, platform="matrix", origin="https://x.example", native="@fern:x.example"))
            for number in range(2_500):
                writer.add(Message(channel="!c", ref=f"${number}", time=number, author=person, text=f"note {number}"))
            writer.commit({"lane": {"!g": {"!c": "s1"}}}, {"messages": 2500}, [])
        with Writer.open(self.path, self.home, pinned=self.id) as writer:
            for ref, data, vault in (
                ("mxc://1", BIG, "content"),
                ("mxc://2", b"", "content"),
                ("mxc://3", b"\0\x80", "roster"),
            ):
                stored = writer.add_blob([data[at : at + 70_000] for at in range(0, len(data), 70_000)], vault)
                found = Attachment(ref=ref, blob=stored.blob, size=stored.size, sha256=stored.sha256)
                writer.add(found, vault)
            writer.commit({}, {}, [Gap(code="media-unavailable", scope="mxc://4")])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("standalone"))


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


def _lines(text: str) -> dict[str, list[dict[str, Any]]]:
    """The records by vault, in order, as the package would decode them."""
    found: dict[str, list[dict[str, Any]]] = {"content": [], "roster": []}
    for line in text.splitlines():
        record = json.loads(line)
        found[record.pop("vault")].append(record)
    return found


def _ours(made: Made) -> dict[str, list[dict[str, Any]]]:
    reader = Archive.open(made.path).unlock(Passphrase(PASSPHRASE))
    found: dict[str, list[dict[str, Any]]] = {}
    for vault in VAULTS:
        records = [(commit.seq, record) for commit, record in reader.records(vault) if not isinstance(record, Secret)]
        found[vault] = [{**json.loads(codec.encode(record)), "commit": seq} for seq, record in records]
    assert reader.damage == []
    return found


@pytest.mark.parametrize("way", ["passphrase", "recovery"])
def test_the_same_records_and_files(made: Made, tmp_path: Path, way: str) -> None:
    done = _run(made.path, f"--{way}-file", getattr(made, way), "--blobs", tmp_path / "blobs")
    assert (done.returncode, done.stderr) == (0, "")
    read = _lines(done.stdout)
    assert read == _ours(made)
    assert len(read["content"]) > 2_500
    attachments = [record for vault in read.values() for record in vault if record["kind"] == "attachment"]
    assert len(attachments) == 3
    for attachment in attachments:
        data = (tmp_path / "blobs" / attachment["blob"]).read_bytes()
        assert len(data) == attachment["size"]
        assert hashlib.sha256(data).hexdigest() == attachment["sha256"]
    assert BIG in {path.read_bytes() for path in (tmp_path / "blobs").iterdir()}


def test_an_archive_whose_keys_are_apart(made: Made, tmp_path: Path) -> None:
    copy, keys, recovery = tmp_path / "copy", tmp_path / "a.keys", tmp_path / "recovery.txt"
    shutil.copy(made.path, copy)
    with Archive.open(copy) as archive:
        rows = archive.slots
        key = read_recovery_text(made.recovery.read_text(), made.id)
        keys.write_text(write_keys_text(rows, made.id))
        recovery.write_text(write_recovery_text(key, made.id, [row for row in rows if row.type == "recovery"]))
    replace_slots(copy, made.id, before=rows, after=[])
    assert _run(copy, "--passphrase-file", made.passphrase).returncode == 12
    assert _run(copy, "--recovery-file", made.recovery).returncode == 12
    for way in (["--passphrase-file", made.passphrase, "--keys-file", keys], ["--recovery-file", recovery]):
        done = _run(copy, *way)
        assert (done.returncode, done.stderr) == (0, "")
        assert _lines(done.stdout) == _ours(made)


def test_a_damaged_object_is_told_and_the_rest_is_read(made: Made, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copy(made.path, copy)
    with contextlib.closing(sqlite3.connect(copy)) as database, database:
        (manifest,) = database.execute("SELECT manifest FROM commits WHERE seq = 1").fetchone()
        first = next(entry for entry in map(alone.unlp, alone.unlp(alone.unlp(manifest)[5])) if entry[1] == b"segment")
        changed = database.execute("UPDATE rows SET data = zeroblob(length(data)) WHERE oid = ?", (first[2],))
        assert changed.rowcount == 1
    done = _run(copy, "--recovery-file", made.recovery)
    assert done.returncode == 13
    assert "commit 1" in done.stderr
    messages = [record for record in _lines(done.stdout)["content"] if record["kind"] == "message"]
    assert len(messages) in {1_500, 1_501, 2_000, 2_001}


def test_a_changed_manifest_is_told(made: Made, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copy(made.path, copy)
    with contextlib.closing(sqlite3.connect(copy)) as database, database:
        database.execute("UPDATE commits SET signature = zeroblob(64) WHERE seq = 2")
    done = _run(copy, "--recovery-file", made.recovery)
    assert done.returncode == 13
    assert "commit 2" in done.stderr
    assert len(_lines(done.stdout)["content"]) > 2_500


def test_it_obeys_the_owner(made: Made, tmp_path: Path) -> None:
    copy = Path(shutil.copy(made.path, tmp_path / "copy"))
    reader = Archive.open(copy).unlock(Passphrase(PASSPHRASE))
    segments = [entry for commit, entry in reader.objects("content") if commit.seq == 1]
    said = Attended(facts=(Fact(member="ab" * 16, field="word", value="heron"),))
    attend(reader, said)
    with owner_session(copy, made.id, owner_seed(reader)) as session:
        other = session.store("content", "segment", compress(codec.encode(Message(channel="!c", ref="$x", time=9))))
        session.state("rewrite", encode_changes([Change(segments[0].oid, other), Change(segments[1].oid, None)]))
        session.state("revoke", Revocation(made.home.writer_id, 2).encode())
        roots = {"content": b"\x71" * 32, "roster": b"\x72" * 32}
        pks = [VaultKey.from_root(root).public.data for root in roots.values()]
        old = open_slots(reader.archive.slots, made.id, Passphrase(PASSPHRASE))
        session.statements = dataclasses.replace(session.statements, keys=(EpochKeys(1, pks[0], pks[1]),))
        retired = tuple(session.store(vault, "retired", root_of(old[vault])) for vault in VAULTS)
        session.state("rotate", Rotation(1, pks[0], pks[1], retired).encode())
    with contextlib.closing(sqlite3.connect(copy)) as database, database:
        database.execute("DELETE FROM slots")
        for slot in new_passphrase_slots(Passphrase(PASSPHRASE), made.id, 1, roots):
            values = [getattr(slot, name) for name in SlotRow.__slots__]
            database.execute("INSERT INTO slots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    done = _run(copy, "--passphrase-file", made.passphrase)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    refs = [line["ref"] for line in lines if line["kind"] == "message"]
    assert refs[0] == "$x"
    assert 400 < len(refs) < 1_600
    assert not [line for line in lines if line.get("commit") == 2]
    assert [line["facts"][0]["value"] for line in lines if line["kind"] == "attended"] == ["heron"]
    theirs = [line for line in lines if line["kind"] != "attended"]
    ours = Archive.open(copy).unlock(Passphrase(PASSPHRASE))
    records = [record for vault in VAULTS for _, record in ours.records(vault) if not isinstance(record, Secret)]
    assert len(records) == len(theirs)
    assert ours.damage == []


def root_of(opened: Any) -> bytes:
    """The root that a slot opened, with or without its epoch."""
    return bytes(getattr(opened, "root", opened))


def test_what_does_not_open(made: Made, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("something else entirely")
    assert _run(made.path, "--passphrase-file", wrong).returncode == 12
    assert _run(wrong, "--passphrase-file", wrong).returncode == 1
    assert _run(tmp_path / "nothing", "--passphrase-file", wrong).returncode == 1


def test_it_needs_nothing_of_the_package() -> None:
    modules = {
        name.split(".")[0] for name in re.findall(r"^\s*(?:from|import) ([\w.]+)", SCRIPT.read_text(), re.MULTILINE)
    }
    assert modules - set(sys.stdlib_module_names) - {"compression"} == {"cryptography", "backports"}
