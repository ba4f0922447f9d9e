"""Who has the machine that makes backups can sign no message and name no card's code, whatever they write into the archive."""

import base64
import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from grouparchive.archive import zstd
from grouparchive.archive.attended import owner_seed, owner_session, roster_secrets
from grouparchive.archive.create import create_archive
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.writer import Writer
from grouparchive.archive.writers import UNCERTIFIED
from grouparchive.crypto.invitation import card_code, invite_public
from grouparchive.crypto.objects import ObjectSealer
from grouparchive.crypto.primitives import expand
from grouparchive.crypto.signing import Manifest, ManifestEntry, seed_public, sign_commit
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from grouparchive.crypto.statements import Revocation
from grouparchive.crypto.vaults import VaultPublicKey
from grouparchive.errors import Damaged
from grouparchive.model import codec
from grouparchive.model.records import Group, Secret
from grouparchive.people import words
from grouparchive.people.signed import Signer, check, sign

NOON = 1_790_000_000_000
KEY = RecoveryKey(b"\x0a" * 32)
FALSE = b"\x66" * 32


class Stolen:
    """A machine that has made backups: its archive and its profile, and a drawer elsewhere with the way in."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "group.gar"
        self.home = WriterHome.create(folder / "writer")
        self.genesis = create_archive(self.path, self.home, lambda id_, roots: new_recovery_slots(KEY, id_, 0, roots))
        self.commit(Group(ref="!g", platform="matrix", origin="lane.test", name="a name"))

    def commit(self, *records: Group | Secret) -> None:
        home = WriterHome.load(self.home.folder)
        with Writer.open(self.path, home, pinned=self.genesis.archive_id) as writer:
            for record in records:
                writer.add(record, "roster" if isinstance(record, Secret) else None)
            writer.commit()

    def secrets(self) -> dict[str, bytes]:
        with Archive.open(self.path) as archive:
            return roster_secrets(archive.unlock(KEY))

    def bytes_of(self) -> Iterator[bytes]:
        """Everything that a thief finds, and the bytes behind hex and base64 in it."""
        for file in (self.path, *(one for one in self.home.folder.rglob("*") if one.is_file())):
            data = file.read_bytes()
            yield data
            with contextlib.suppress(ValueError):
                yield bytes.fromhex(data.decode("ascii", "replace").strip())
            with contextlib.suppress(ValueError):
                yield base64.b64decode(data.strip(), validate=True)

    def another_machine(self, certificate: bytes, writer_id: bytes, seed: bytes) -> None:
        """A second machine whose first commit names the object with the owner's seed, and its own secrets beside it."""
        with Archive.open(self.path) as archive:
            first = next(one for one in archive.commits if one.seq == 0)
            public = VaultPublicKey(self.genesis.roster_pk)
        payload = zstd.compress(
            b"\n".join(codec.encode(Secret(name=name, key=FALSE.hex())) for name in ("invite", "card"))
        )
        sealer = ObjectSealer(self.genesis.archive_id, "roster", "roster")
        rows = list(sealer.rows([payload]))
        sealed = public.seal_key(
            sealer.key, archive_id=self.genesis.archive_id, vault="roster", epoch=0, oid=sealer.oid
        )
        own = ManifestEntry("roster", "roster", sealer.oid, sealer.body_hash)
        entries = (*(entry for entry in first.objects if entry.vault == "content"), own)
        manifest = Manifest(
            self.genesis.archive_id, writer_id, 0, self.genesis.archive_id, NOON, entries, seed_public(os.urandom(32))
        ).encode()
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("INSERT OR REPLACE INTO writers VALUES (?, ?, ?)", (writer_id, seed_public(seed), certificate))
            db.execute("INSERT INTO keys VALUES (?, 0, ?)", (sealer.oid, sealed))
            db.executemany("INSERT INTO rows VALUES (?, ?, ?)", [(sealer.oid, at, row) for at, row in enumerate(rows)])
            db.execute("INSERT INTO commits VALUES (?, 0, ?, ?)", (writer_id, manifest, sign_commit(seed, manifest)))


@pytest.fixture
def stolen(tmp_path: Path) -> Stolen:
    return Stolen(tmp_path)


def test_with_everything_on_the_machine_nothing_can_be_signed_or_carded(stolen: Stolen) -> None:
    """Every 32 bytes that lie there, taken for each of the secrets."""
    secrets = stolen.secrets()
    seed = expand(secrets["invite"], b"ga1/invite-sign")
    assert invite_public(secrets["invite"]) == seed_public(seed)
    code = card_code(secrets["card"], stolen.genesis.archive_id, 1)
    tried = 0
    for data in stolen.bytes_of():
        for window in {data[at : at + 32] for at in range(len(data) - 31)}:
            tried += 1
            assert seed not in (window, expand(window, b"ga1/invite-sign"))
            assert card_code(window, stolen.genesis.archive_id, 1) != code
    assert tried > 20_000
    everything = b"\0".join(stolen.bytes_of())
    for secret in (*secrets.values(), seed):
        for shape in (secret, secret.hex().encode(), base64.b64encode(secret), base64.b32encode(secret)):
            assert shape not in everything


def test_secrets_that_a_thief_writes_count_for_nothing(stolen: Stolen) -> None:
    before = stolen.secrets()
    stolen.commit(Secret(name="invite", key=FALSE.hex()), Secret(name="card", key=FALSE.hex()))
    assert stolen.secrets() == before
    thief = Signer(secret=FALSE, archive_id=stolen.genesis.archive_id, campaign_key=b"\x03" * 32)
    message = words.render("hello", "en", proof="blue kettle")
    text = sign(message, thief, address="fern@example.org", expires=NOON, step="hello", language="en").text
    public = invite_public(before["invite"])
    assert check(text, public, now=1, address="fern@example.org").verdict == "key"


def test_a_machine_that_the_owner_did_not_let_in_has_no_say(stolen: Stolen) -> None:
    before = stolen.secrets()
    stolen.another_machine(UNCERTIFIED, b"\x77" * 16, b"\x78" * 32)
    assert stolen.secrets() == before


def test_a_machine_that_was_let_in_and_stolen_can_at_most_stop_messages(stolen: Stolen) -> None:
    """It points to the object with the owner's seed, which it cannot read, as if it had made the archive."""
    before = stolen.secrets()
    with Archive.open(stolen.path) as archive:
        seed = owner_seed(archive.unlock(KEY))
    with owner_session(stolen.path, stolen.genesis.archive_id, seed) as session:
        certificate = session.certify(b"\x77" * 16, seed_public(b"\x78" * 32))
    stolen.another_machine(certificate, b"\x77" * 16, b"\x78" * 32)
    with pytest.raises(Damaged, match="two machines claim"):
        stolen.secrets()
    with owner_session(stolen.path, stolen.genesis.archive_id, seed) as session:
        session.state("revoke", Revocation(b"\x77" * 16, 0).encode())
    assert stolen.secrets() == before
