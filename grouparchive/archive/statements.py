"""The owner's statements in an archive: read, checked against the owner's key, and turned into what they mean for reading.

A damaged statement is told and passed over: each is signed by the same key, so the others count all the same. That the newest
ones are missing cannot be seen from the file; the writer pins what it has seen, and a witness of the owner's chain proves it.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from grouparchive.archive.schema import blob, number, storage, text
from grouparchive.crypto.signing import Genesis, ManifestEntry
from grouparchive.crypto.statements import (
    Change,
    Revocation,
    Rotation,
    Statement,
    StatementType,
    decode_changes,
    sign_statement,
    verify_statement,
)
from grouparchive.errors import Damaged

MAX_STATEMENTS = 100_000
_UNCHAINED = "does not follow the statement before it"


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement with its signature, checked."""

    statement: Statement
    signature: bytes


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """The public keys that objects of one epoch are sealed to."""

    epoch: int
    content_pk: bytes
    roster_pk: bytes

    def of(self, vault: str) -> bytes:
        """The key of a vault."""
        return self.roster_pk if vault == "roster" else self.content_pk


@dataclass(frozen=True, slots=True)
class Statements:
    """What the owner has stated so far.

    `revoked`: writer id -> the first commit number that no longer counts. `changes`: oid -> what stands in its place, None for
    nothing. `keys`: those of all epochs, the oldest first. `attended` and `retired`: the objects that statements name, as they
    are after all changes.
    """

    signed: tuple[Signed, ...]
    faults: tuple[tuple[int, str], ...]  # number of the statement that is missing or damaged, and what is wrong with it
    revoked: Mapping[bytes, int]
    changes: Mapping[bytes, ManifestEntry | None]
    keys: tuple[EpochKeys, ...]
    attended: tuple[tuple[Statement, ManifestEntry], ...]
    retired: tuple[tuple[int, ManifestEntry], ...]  # epoch that it belongs to, object

    @property
    def damage(self) -> list[str]:
        """What is wrong, in sentences."""
        return [f"statement {number}: {what}" for number, what in self.faults]

    @property
    def head(self) -> bytes | None:
        """The head of the newest statement."""
        return self.signed[-1].statement.head() if self.signed else None

    @property
    def next(self) -> int:
        """The number of the statement to come."""
        return self.signed[-1].statement.number + 1 if self.signed else 0

    def now(self, entry: ManifestEntry) -> ManifestEntry | None:
        """What stands in an object's place by now: itself, another, or None for nothing."""
        return follow(self.changes, entry)

    def objects(self) -> list[ManifestEntry]:
        """All objects that statements name."""
        return [*(entry for _, entry in self.attended), *(entry for _, entry in self.retired)]


def follow(changes: Mapping[bytes, ManifestEntry | None], entry: ManifestEntry) -> ManifestEntry | None:
    """What stands in an object's place after changes, one upon the other."""
    current: ManifestEntry | None = entry
    seen = set()
    while current is not None and current.oid in changes and current.oid not in seen:
        seen.add(current.oid)  # a circle would be the owner's own mistake; it must not hang us
        current = changes[current.oid]
    return current


def read_statements(db: sqlite3.Connection, genesis: Genesis) -> Statements:
    """The statements of an archive.

    Raises:
        Damaged: SQLite cannot read them.
    """
    with storage():
        rows = db.execute(
            "SELECT number, type, statement, signature FROM statements ORDER BY number LIMIT ?", (MAX_STATEMENTS + 1,)
        ).fetchall()
    if len(rows) > MAX_STATEMENTS:
        raise Damaged("the archive claims more statements of its owner than one can have")
    signed: list[Signed] = []
    faults: list[tuple[int, str]] = []
    prev: bytes | None = genesis.archive_id
    expected = 0
    for row in rows:
        place = row[0] if isinstance(row[0], int) else expected
        if place != expected:
            faults.append((expected, "missing"))
            prev = None
        expected = place + 1
        try:
            one = checked(row, genesis)
        except Damaged as error:
            faults.append((place, error.message))
            prev = None
            continue
        if prev is not None and one.statement.prev != prev:
            faults.append((place, _UNCHAINED))
        signed.append(one)
        prev = one.statement.head()
    return understand(genesis, signed, faults)


def checked(row: tuple[object, ...], genesis: Genesis) -> Signed:
    """A row of the table (number, type, statement, signature) as the statement that the owner signed.

    Raises:
        Damaged: it is none.
    """
    place, kind, encoded, signature = number(row[0]), text(row[1]), blob(row[2]), blob(row[3])
    statement = Statement.decode(encoded)
    if (statement.archive_id, statement.number, statement.type) != (genesis.archive_id, place, kind):
        raise Damaged("it is not the one that was signed")
    if not verify_statement(genesis.owner_pk, statement, signature):
        raise Damaged("its signature does not fit")
    return Signed(statement, signature)


def understand(genesis: Genesis, signed: Sequence[Signed], faults: Iterable[tuple[int, str]] = ()) -> Statements:
    """What checked statements mean together. Bodies that cannot be read are damage."""
    told = list(faults)
    meaning = _Meaning(genesis)
    for one in signed:
        try:
            meaning.add(one.statement)
        except Damaged as error:
            told.append((one.statement.number, error.message))
    return Statements(
        signed=tuple(signed),
        faults=tuple(told),
        revoked=meaning.revoked,
        changes=meaning.changes,
        keys=tuple(meaning.keys),
        attended=tuple((s, now) for s, entry in meaning.attended if (now := follow(meaning.changes, entry))),
        retired=tuple((epoch, now) for epoch, entry in meaning.retired if (now := follow(meaning.changes, entry))),
    )


@dataclass
class _Meaning:
    genesis: Genesis
    revoked: dict[bytes, int] = field(default_factory=dict)
    changes: dict[bytes, ManifestEntry | None] = field(default_factory=dict)
    attended: list[tuple[Statement, ManifestEntry]] = field(default_factory=list)
    retired: list[tuple[int, ManifestEntry]] = field(default_factory=list)
    keys: list[EpochKeys] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys.append(EpochKeys(0, self.genesis.content_pk, self.genesis.roster_pk))

    def add(self, statement: Statement) -> None:
        match statement.type:
            case "revoke":
                one = Revocation.decode(statement.body)
                self.revoked[one.writer_id] = min(one.seq, self.revoked.get(one.writer_id, one.seq))
            case "rewrite":
                self.changes.update((change.oid, change.entry) for change in decode_changes(statement.body))
            case "rotate":
                rotation = Rotation.decode(statement.body)
                if rotation.epoch != self.keys[-1].epoch + 1:
                    raise Damaged("the number of its keys does not follow")
                self.retired += [(rotation.epoch - 1, entry) for entry in rotation.retired]
                self.keys.append(EpochKeys(rotation.epoch, rotation.content_pk, rotation.roster_pk))
            case "attended":
                self.attended.append((statement, ManifestEntry.decode(statement.body)))


def merged(genesis: Genesis, several: Sequence[Statements]) -> Statements:
    """The statements of several copies of one archive together.

    Only the owner can make one, so two different ones with one number come from two copies that were worked on separately:
    both count, in the order of their numbers and times.
    """
    found = {one.statement.head(): one for statements in several for one in statements.signed}
    ordered = sorted(found.values(), key=lambda one: (one.statement.number, one.statement.time, one.statement.head()))
    heads: dict[int, set[bytes]] = {-1: {genesis.archive_id}}
    for one in ordered:
        heads.setdefault(one.statement.number, set()).add(one.statement.head())
    # What one copy lacks another may have. An older copy is whole by itself, and says nothing about what came later.
    faults = {fault: None for one in several for fault in one.faults if fault[0] not in heads}
    for one in ordered:
        before = one.statement.number - 1
        if before not in heads:
            faults[before, "missing"] = None
        elif one.statement.prev not in heads[before]:
            faults[one.statement.number, _UNCHAINED] = None
    return understand(genesis, ordered, sorted(faults))


def append_statement(
    db: sqlite3.Connection,
    genesis: Genesis,
    statements: Statements,
    owner_seed: bytes,
    *,
    kind: StatementType,
    body: bytes,
    now: int,
) -> Signed:
    """Add a statement to an archive, inside a transaction that the caller has begun.

    `statements` are all there are: a caller that holds the archive's lock has read them anew. `now` is in milliseconds.
    """
    statement = Statement(genesis.archive_id, statements.next, statements.head or genesis.archive_id, now, kind, body)
    signed = Signed(statement, sign_statement(owner_seed, statement))
    insert_statement(db, signed)
    return signed


def insert_statement(db: sqlite3.Connection, signed: Signed) -> None:
    """Put a signed statement into its table."""
    with storage():
        db.execute(
            "INSERT INTO statements (number, type, statement, signature) VALUES (?, ?, ?, ?)",
            (signed.statement.number, signed.statement.type, signed.statement.encode(), signed.signature),
        )


__all__ = [
    "Change",
    "EpochKeys",
    "Signed",
    "Statements",
    "append_statement",
    "checked",
    "follow",
    "insert_statement",
    "merged",
    "read_statements",
    "understand",
]
