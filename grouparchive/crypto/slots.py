"""Key slots: the ways into an archive. Each slot wraps the vaults' roots under a passphrase or a recovery key.

Slot rows stand in the clear and may come from a doctored file, so everything in them is bounded before it costs memory or
time. A slot is one row per vault; the rows of one slot share its id, so (slot_id, vault, epoch) names a row.
"""

import hashlib
import os
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from shamir_mnemonic.wordlist import WORDLIST

from grouparchive.crypto.primitives import KEY_SIZE, NONCE_SIZE, be64, expand, lp, same, split_lp
from grouparchive.crypto.recovery import generate_recovery, read_recovery_text, write_recovery_text
from grouparchive.errors import Damaged, GroupArchiveError, UsageError, WrongSecret

__all__ = [
    "ARGON2",
    "MAX_ROWS",
    "SLOT_ID_SIZE",
    "Argon2Cost",
    "Passphrase",
    "RecoveryKey",
    "SlotRow",
    "SlotType",
    "Unlocking",
    "generate_passphrase",
    "generate_recovery",
    "is_sound",
    "new_passphrase_slots",
    "new_recovery_slots",
    "open_slots",
    "read_recovery_text",
    "write_recovery_text",
]

SlotType: TypeAlias = Literal["passphrase", "recovery"]
SLOT_ID_SIZE = 16
MAX_ROWS = 256
"""Slot rows that are looked at; an archive with more is refused."""
_MAX_RUNS = 8
_SALT_SIZE = 16
_CODE_WORDS = 9
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


Unlocking: TypeAlias = Passphrase | RecoveryKey


@dataclass(frozen=True, slots=True)
class SlotRow:
    """One wrapped root as it is stored. Holds no secret."""

    slot_id: bytes
    vault: str
    epoch: int
    type: str
    params: bytes
    commitment: bytes
    nonce: bytes
    wrapped: bytes
    checksum: bytes

    def sum(self, archive_id: bytes) -> bytes:
        """The checksum that the other fields should have. It tells damage from a wrong secret; it authenticates nothing."""
        fields = lp(*self._named(archive_id), self.commitment, self.nonce, self.wrapped)
        return hashlib.sha256(b"ga1/slot-sum" + fields).digest()

    def context(self, archive_id: bytes) -> bytes:
        """The bytes that bind the wrapped root to its place."""
        return b"ga1/slot" + lp(*self._named(archive_id))

    def _named(self, archive_id: bytes) -> tuple[bytes, ...]:
        vault, kind = self.vault.encode("utf-8", "surrogatepass"), self.type.encode("utf-8", "surrogatepass")
        return archive_id, vault, be64(self.epoch), self.slot_id, kind, self.params


def is_sound(row: SlotRow, archive_id: bytes) -> bool:
    """Whether a row is as it was written. Needs no secret."""
    sizes = len(row.slot_id) == SLOT_ID_SIZE and len(row.nonce) == NONCE_SIZE and 0 <= row.epoch < 1 << 63
    return sizes and same(row.checksum, row.sum(archive_id))


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


def open_slots(rows: Iterable[SlotRow], archive_id: bytes, secret: Unlocking) -> dict[str, bytes]:
    """The roots (vault -> 32 bytes) that a secret opens: all that it fits, of the newest epoch each.

    Sound rows are tried even when others are damaged; look at `is_sound` for the rest.

    Raises:
        WrongSecret: the rows of this type are sound and the secret fits none of them, or there are none.
        Damaged: nothing opened, and rows that might have are damaged or ask for absurd costs.
        UsageError: as `Passphrase.encode`.
    """
    mine: SlotType = "passphrase" if isinstance(secret, Passphrase) else "recovery"
    found: dict[str, tuple[int, bytes]] = {}
    keks: dict[bytes, bytes] = {}
    damaged = present = False
    for number, row in enumerate(rows):
        if number == MAX_ROWS:
            raise Damaged("the archive claims more key slots than one can have")
        if not is_sound(row, archive_id):
            damaged = True
        elif row.type == mine:
            present = True
            try:
                root = _open_one(row, archive_id, secret, keks)
            except Damaged:
                damaged = True
            else:
                if root is not None and row.epoch >= found.get(row.vault, (0, b""))[0]:
                    found[row.vault] = (row.epoch, root)
    if not found:
        raise _why_not(mine, damaged=damaged, present=present)
    return {vault: root for vault, (_, root) in found.items()}


def _open_one(row: SlotRow, archive_id: bytes, secret: Unlocking, keks: dict[bytes, bytes]) -> bytes | None:
    """The root of one sound row, None when the secret does not fit."""
    if row.params not in keks:
        if len(keks) == _MAX_RUNS:
            raise Damaged("the archive claims more passphrases than are worth trying")
        keks[row.params] = _stretch(secret, *_parse(row.params)) if isinstance(secret, Passphrase) else secret.key
    kek, context = keks[row.params], row.context(archive_id)
    if not same(expand(kek, b"commit" + context), row.commitment):
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
            hint="Try the other secret (passphrase or recovery file), or fetch another copy of the archive.",
        )
    if present:
        return WrongSecret(
            "the passphrase does not open this archive"
            if kind == "passphrase"
            else "the recovery key does not open this archive"
        )
    return WrongSecret(
        f"this archive has no {kind} slot",
        hint="Use the other kind of secret: the passphrase or the recovery file.",
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


def generate_passphrase() -> str:
    """A new passphrase of nine random words out of 1024: 90 bits."""
    return " ".join(secrets.choice(WORDLIST) for _ in range(_CODE_WORDS))
