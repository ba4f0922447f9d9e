"""Acting as the owner of an archive: finding the owner's seed in it once it is open, and adding statements to it.

Statements go into the archive's file in one transaction each, with the objects that they name. No writer is needed; the seed is
in memory only.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from grouparchive.archive.chain import Writer, put_writer, read_genesis
from grouparchive.archive.reader import Reader
from grouparchive.archive.schema import begin, identity, open_database, storage, sweep
from grouparchive.archive.statements import EpochKeys, Signed, Statements, append_statement, read_statements
from grouparchive.archive.writer import clock
from grouparchive.archive.zstd import compress, decompress
from grouparchive.crypto.objects import ObjectSealer
from grouparchive.crypto.signing import Genesis, ManifestEntry, owner_public, sign_writer
from grouparchive.crypto.statements import Statement, StatementType
from grouparchive.crypto.vaults import VaultPublicKey
from grouparchive.errors import Damaged, GroupArchiveError
from grouparchive.model.attended import Attended
from grouparchive.model.records import Secret, Vault


def owner_seed(reader: Reader) -> bytes:
    """The owner's seed, known by its public half in the genesis.

    Raises:
        WrongSecret: the content is not open.
        Damaged: the commit that holds it is damaged.
    """
    first = [one for one in reader.objects("content") if one[0].seq == 0]
    for _, record in reader.decoded("content", first):
        if isinstance(record, Secret) and record.name == "owner":
            seed = bytes.fromhex(record.key)
            if owner_public(seed) == reader.archive.genesis.owner_pk:
                return seed
    raise Damaged(
        "the owner's key cannot be read: the archive's first commit is damaged or missing",
        hint="Use another copy of the archive. Backups go on all the same.",
    )


def roster_secrets(reader: Reader) -> dict[str, bytes]:
    """The secrets "invite" and "card" that were made with the archive: those in the roster of the commit that holds the owner's
    seed. What any machine wrote later under these names counts for nothing.

    Raises:
        WrongSecret: the content or the roster is not open.
        Damaged: the commit that holds them is damaged, or another one claims to be it.
    """
    owner_seed(reader)
    first = [one for one in reader.objects("content") if one[0].seq == 0 and one[0].proved]
    holding = {
        commit.writer
        for commit, record in reader.decoded("content", first)
        if isinstance(record, Secret)
        and record.name == "owner"
        and owner_public(bytes.fromhex(record.key)) == reader.archive.genesis.owner_pk
    }
    if len(holding) > 1:
        raise Damaged(
            "two machines claim to have made this archive, so messages cannot be signed or checked",
            hint="See grouparchive writer list, and revoke the machine that you do not know.",
        )
    own = [one for one in reader.objects("roster") if one[0].seq == 0 and one[0].writer in holding]
    found: dict[str, bytes] = {}
    for _, record in reader.decoded("roster", own):
        if isinstance(record, Secret):
            found.setdefault(record.name, bytes.fromhex(record.key))
    if not {"invite", "card"} <= found.keys():
        raise Damaged(
            "the secrets for messages and cards cannot be read: the archive's first commit is damaged or missing",
            hint="Use another copy of the archive. Backups go on all the same.",
        )
    return found


class OwnerSession:
    """One transaction of the owner. `store` objects, then `state` something; all of it stands or nothing does."""

    def __init__(
        self, db: sqlite3.Connection, genesis: Genesis, statements: Statements, seed: bytes, now: Callable[[], int]
    ) -> None:
        self._db = db
        self._genesis = genesis
        self.statements = statements
        self._seed = seed
        self._now = now

    def store(self, vault: Vault, kind: str, payload: bytes, keys: EpochKeys | None = None) -> ManifestEntry:
        """Seal an object to the newest keys, or to those that will be."""
        keys = keys or self.statements.keys[-1]
        sealer = ObjectSealer(self._genesis.archive_id, vault, kind)
        rows = list(sealer.rows([payload]))
        sealed = VaultPublicKey(keys.of(vault)).seal_key(
            sealer.key, archive_id=self._genesis.archive_id, vault=vault, epoch=keys.epoch, oid=sealer.oid
        )
        with storage():
            self._db.executemany(
                "INSERT INTO rows (oid, number, data) VALUES (?, ?, ?)",
                ((sealer.oid, number, row) for number, row in enumerate(rows)),
            )
            self._db.execute("INSERT INTO keys (oid, epoch, sealed) VALUES (?, ?, ?)", (sealer.oid, keys.epoch, sealed))
        return ManifestEntry(vault, kind, sealer.oid, sealer.body_hash)

    def certify(self, writer_id: bytes, pk0: bytes) -> bytes:
        """Let a writer in; its certificate, which also stands in the archive now.

        Raises:
            UsageError: it is in with another key, or the archive has as many writers as it can.
        """
        certificate = sign_writer(self._seed, self._genesis.archive_id, writer_id, pk0)
        put_writer(self._db, Writer(writer_id, pk0, certificate))
        return certificate

    def state(self, kind: StatementType, body: bytes) -> Signed:
        """Add a signed statement."""
        signed = append_statement(
            self._db, self._genesis, self.statements, self._seed, kind=kind, body=body, now=self._now()
        )
        self.statements = read_statements(self._db, self._genesis)
        return signed


@contextlib.contextmanager
def owner_session(
    path: Path, archive_id: bytes, seed: bytes, *, now: Callable[[], int] = clock
) -> Iterator[OwnerSession]:
    """Open an archive's file for the owner's statements.

    Raises:
        NoArchive, ArchiveBusy, GroupArchiveError: the file is gone, held, or cannot be written.
        Damaged: another archive lies there now.
    """
    opened = identity(path)
    db = open_database(path, readonly=False)
    try:
        begin(db, path, opened)
        sweep(path)
        genesis = _same_archive(db, archive_id)
        yield OwnerSession(db, genesis, read_statements(db, genesis), seed, now)
        with storage():
            db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    finally:
        db.close()


def _same_archive(db: sqlite3.Connection, archive_id: bytes) -> Genesis:
    genesis = read_genesis(db)
    if genesis.archive_id != archive_id:
        raise Damaged("another archive lies in the place of this one now")
    return genesis


def attend(reader: Reader, said: Attended, *, now: Callable[[], int] = clock) -> Signed:
    """State something about people, in the archive that a reader has open. Open the archive anew to see it.

    Raises:
        WrongSecret: content and roster are not both open.
        GroupArchiveError: as `owner_session`.
    """
    reader.key("roster")
    with owner_session(reader.archive.path, reader.archive_id, owner_seed(reader), now=now) as session:
        entry = session.store("roster", "attended", compress(msgspec.json.encode(said)))
        return session.state("attended", entry.encode())


def read_attended(reader: Reader) -> Iterator[tuple[Statement, Attended]]:
    """What the owner said about people, oldest first. What does not open is noted as damage and passed over.

    Raises:
        WrongSecret: the roster is not open.
    """
    reader.key("roster")
    for statement, entry in reader.archive.statements.attended:
        try:
            payload = decompress(b"".join(reader.pieces(entry)))
            yield statement, msgspec.json.decode(payload, type=Attended)
        except GroupArchiveError as error:
            reader.damage.append(f"statement {statement.number}: {error.message}")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            reader.damage.append(f"statement {statement.number}: it cannot be read")


def all_attended(readers: Iterable[Reader]) -> list[Attended]:
    """What the owners of several archives said about people, oldest first, what stands in several copies once. A roster that is
    closed says nothing.
    """
    found: dict[bytes, tuple[int, int, Attended]] = {}
    for reader in readers:
        latest = 0
        for statement, said in read_attended(reader) if "roster" in reader.vaults else ():
            latest = max(latest, statement.time)
            found.setdefault(statement.head(), (latest, statement.number, said))
    return [said for _, _, said in sorted(found.values(), key=lambda one: one[:2])]
