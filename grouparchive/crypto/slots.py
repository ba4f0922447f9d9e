"""Key slots: the ways into an archive. Each slot wraps the vaults' roots under a passphrase, a recovery key, or a key that is
split among several holders.

Slot rows stand in the clear and may come from a doctored file, so everything in them is bounded before it costs memory or
time. A slot is one row per vault; the rows of one slot share its id, so (slot_id, vault, epoch) names a row.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from grouparchive.crypto.primitives import KEY_SIZE, NONCE_SIZE, be64, expand, lp, same, split_lp
from grouparchive.crypto.recovery import generate_recovery, read_recovery_text, write_recovery_text
from grouparchive.crypto.shares import GivenShares, NewShares, Quorum
from grouparchive.crypto.slotrow import MAX_ROWS, SLOT_ID_SIZE, SlotRow, is_sound
from grouparchive.crypto.words import generate_passphrase
from grouparchive.errors import Damaged, GroupArchiveError, UsageError, WrongSecret

__all__ = [
    "ARGON2",
    "MAX_ROWS",
    "SLOT_ID_SIZE",
    "Argon2Cost",
    "OpenedRoot",
    "Passphrase",
    "RecoveryKey",
    "Shares",
    "SlotRow",
    "SlotType",
    "Unlocking",
    "generate_passphrase",
    "generate_recovery",
    "is_sound",
    "new_passphrase_slots",
    "new_recovery_slots",
    "new_share_slots",
    "open_slots",
    "read_recovery_text",
    "write_recovery_text",
]

SlotType: TypeAlias = Literal["passphrase", "recovery", "shares"]
_MAX_RUNS = 8
_SALT_SIZE = 16
_MAX_PASSPHRASE = 4096


class Argon2Cost(NamedTuple):
    """What one guess at a passphrase costs: memory in KiB, passes, lanes."""

    memory: int
    passes: int
    lanes: int


ARGON2 = Argon2Cost(memory=256 * 1024, passes=3, lanes=4)
_LEAST = Argon2Cost(memory=8 * 1024, passes=1, lanes=1)
_MOST = Argon2Cost(memory=1024 * 1024, passes=10, lanes=16)


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A secret that a person remembers. Compared in Unicode NFKC, otherwise to the letter."""

    text: str = field(repr=False)

    def encode(self) -> bytes:
        """The bytes that are hashed.

        Raises:
            UsageError: it is empty, no proper text, or absurdly long.
        """
        try:
            data = unicodedata.normalize("NFKC", self.text).encode()
        except UnicodeEncodeError:
            raise UsageError("the passphrase is not readable text", hint="Save the file as UTF-8.") from None
        if not data or len(data) > _MAX_PASSPHRASE:
            raise UsageError("the passphrase is empty or far too long")
        return data


@dataclass(frozen=True, slots=True)
class RecoveryKey:
    """A secret that lies in a drawer: the 32 bytes of a recovery file (`recovery.py` reads and writes it)."""

    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shares:
    """What several holders brought: each text is a share file, or the words of a share (`shares.py` reads them)."""

    texts: tuple[str, ...] = field(repr=False)


Unlocking: TypeAlias = Passphrase | RecoveryKey | Shares


class OpenedRoot(NamedTuple):
    """A vault's root, and which of the roots that the vault has had it is."""

    epoch: int
    root: bytes

    def __repr__(self) -> str:
        """Without the root."""
        return f"OpenedRoot(epoch={self.epoch})"


def new_passphrase_slots(
    secret: Passphrase, archive_id: bytes, epoch: int, roots: Mapping[str, bytes], *, cost: Argon2Cost = ARGON2
) -> list[SlotRow]:
    """Rows that let a passphrase open the given vaults; Argon2id runs once for all of them. Only tests lower the cost.

    Raises:
        UsageError: as `Passphrase.encode`.
    """
    salt = os.urandom(_SALT_SIZE)
    kek = _stretch(secret, salt, cost)
    return _wrap(kek, "passphrase", lp(salt, *map(be64, cost)), archive_id, epoch, roots)


def new_recovery_slots(secret: RecoveryKey, archive_id: bytes, epoch: int, roots: Mapping[str, bytes]) -> list[SlotRow]:
    """Rows that let a recovery key open the given vaults."""
    return _wrap(secret.key, "recovery", b"", archive_id, epoch, roots)


def new_share_slots(secret: NewShares, archive_id: bytes, epoch: int, roots: Mapping[str, bytes]) -> list[SlotRow]:
    """Rows that let any k of n holders open the given vaults."""
    return _wrap(secret.key, "shares", secret.quorum.encode(), archive_id, epoch, roots)


def _wrap(  # noqa: PLR0917 - inner, and in the order of the format
    kek: bytes, kind: SlotType, params: bytes, archive_id: bytes, epoch: int, roots: Mapping[str, bytes]
) -> list[SlotRow]:
    slot_id = os.urandom(SLOT_ID_SIZE)
    rows = []
    for vault, root in roots.items():
        empty = SlotRow(slot_id, vault, epoch, kind, params, b"", os.urandom(NONCE_SIZE), b"", b"")
        context = empty.context(archive_id)
        row = replace(
            empty,
            commitment=expand(kek, b"commit" + context),
            wrapped=AESGCM(expand(kek, b"wrap" + context)).encrypt(empty.nonce, root, context),
        )
        rows.append(replace(row, checksum=row.sum(archive_id)))
    return rows


def open_slots(rows: Iterable[SlotRow], archive_id: bytes, secret: Unlocking) -> dict[str, OpenedRoot]:
    """The roots that a secret opens, by vault: all that it fits, of the newest epoch each.

    Sound rows are tried even when others are damaged; look at `is_sound` for the rest.

    Raises:
        WrongSecret: the rows of this type are sound and the secret fits none of them, or there are none. For shares, which one
            has a typing error or belongs elsewhere, or how many are missing.
        Damaged: nothing opened, and rows that might have are damaged or ask for absurd costs, or shares are not genuine.
        UsageError: as `Passphrase.encode`, or something that was given is no share.
    """
    ring = _Ring(secret, archive_id)
    found: dict[str, OpenedRoot] = {}
    damaged = present = False
    for number, row in enumerate(rows):
        if number == MAX_ROWS:
            damaged = True  # more than an archive can have: somebody added to them
            break
        if not is_sound(row, archive_id):
            damaged = True
        elif row.type == ring.type:
            present = True
            try:
                root = _open_one(row, archive_id, ring)
            except Damaged:
                damaged = True
            else:
                if root is not None and (row.vault not in found or row.epoch >= found[row.vault].epoch):
                    found[row.vault] = OpenedRoot(row.epoch, root)
    if not found:
        raise ring.why_not(damaged=damaged) or _why_not(ring.type, damaged=damaged, present=present)
    return found


class _Ring:
    """The keys that one secret gives. What they cost is paid once for all rows with the same parameters."""

    def __init__(self, secret: Unlocking, archive_id: bytes) -> None:
        self._secret = secret
        self._shares = GivenShares(secret.texts, archive_id) if isinstance(secret, Shares) else None
        self._known: dict[bytes, tuple[list[bytes], Iterator[bytes]]] = {}
        self.type: SlotType = "passphrase" if isinstance(secret, Passphrase) else "recovery"
        if self._shares:
            self.type = "shares"

    def keks(self, params: bytes) -> Iterator[bytes]:
        """The keys to try on rows with these parameters, those that are known already first.

        Raises:
            Damaged: the parameters are malformed or ask for absurd costs, or there were too many of them.
        """
        if params not in self._known:
            source = self._source(params)
            if len(self._known) == _MAX_RUNS:
                raise Damaged("the archive claims more passphrases or sets of shares than are worth trying")
            self._known[params] = ([], source)
        known, source = self._known[params]
        yield from list(known)
        for kek in source:
            known.append(kek)
            yield kek

    def _source(self, params: bytes) -> Iterator[bytes]:
        if self._shares:
            return self._shares.keys(Quorum.decode(params))
        if isinstance(self._secret, Passphrase):
            salt, cost = _parse(params)
            return map(_stretch, [self._secret], [salt], [cost])
        return iter([self._secret.key] if isinstance(self._secret, RecoveryKey) else [])

    def why_not(self, *, damaged: bool) -> GroupArchiveError | None:
        """Why shares opened nothing; None where that does not depend on them."""
        if self._shares is None:
            return None
        return self._shares.why_not([Quorum.decode(params) for params in self._known], damaged=damaged)


def _open_one(row: SlotRow, archive_id: bytes, ring: _Ring) -> bytes | None:
    """The root of one sound row, None when the secret does not fit."""
    context = row.context(archive_id)
    for kek in ring.keks(row.params):
        if same(expand(kek, b"commit" + context), row.commitment):
            break
    else:
        return None
    try:
        root = AESGCM(expand(kek, b"wrap" + context)).decrypt(row.nonce, row.wrapped, context)
    except InvalidTag:
        raise Damaged("a key slot of the archive is damaged") from None
    if len(root) != KEY_SIZE:
        raise Damaged("a key slot of the archive is damaged")
    return root


def _why_not(kind: SlotType, *, damaged: bool, present: bool) -> GroupArchiveError:
    if damaged:
        return Damaged(
            "the key slots of the archive are damaged and this secret opens none of those that are left",
            hint="Try the other secret (passphrase, recovery file or shares), or fetch another copy of the archive.",
        )
    if present:
        return WrongSecret(
            "the passphrase does not open this archive"
            if kind == "passphrase"
            else "the recovery key does not open this archive"
        )
    return WrongSecret(
        f"this archive has no {kind} slot",
        hint="Use another kind of secret: the passphrase, the recovery file or the shares.",
    )


def _parse(params: bytes) -> tuple[bytes, Argon2Cost]:
    parts = split_lp(params, limit=4)
    if [len(part) for part in parts] != [_SALT_SIZE, 8, 8, 8]:
        raise Damaged("a key slot of the archive is damaged")
    cost = Argon2Cost(*(int.from_bytes(part, "big") for part in parts[1:]))
    if not all(low <= value <= high for low, value, high in zip(_LEAST, cost, _MOST, strict=True)):
        raise Damaged("a key slot of the archive asks for absurd amounts of memory or time")
    return parts[0], cost


def _stretch(secret: Passphrase, salt: bytes, cost: Argon2Cost) -> bytes:
    return Argon2id(
        salt=salt, length=KEY_SIZE, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory
    ).derive(secret.encode())
