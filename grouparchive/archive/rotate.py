"""`key rotate`: new vault keys and new ways in. The key of every object is opened with the old and sealed with the new; bodies
stay as they are, so no signature breaks. Whoever has an old secret opens old copies only.
"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from grouparchive.archive.home import WriterHome
from grouparchive.archive.objects import object_key
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.rewrite import rewriting
from grouparchive.archive.statements import EpochKeys
from grouparchive.archive.verify import Progress
from grouparchive.archive.writer import clock
from grouparchive.crypto.objects import oid_of
from grouparchive.crypto.primitives import KEY_SIZE, same
from grouparchive.crypto.signing import ManifestEntry
from grouparchive.crypto.slots import SlotRow, Unlocking
from grouparchive.crypto.statements import Rotation
from grouparchive.crypto.vaults import KeyRing, VaultKey
from grouparchive.errors import Damaged, GroupArchiveError, WrongSecret
from grouparchive.model.records import VAULTS, Vault


@dataclass(frozen=True, slots=True)
class Ways:
    """New ways in: the slot rows that go into the file, those that are kept outside, and the secrets, each of which is tried on
    the new file before it counts.
    """

    inside: Sequence[SlotRow]
    outside: Sequence[SlotRow] = ()
    secrets: Sequence[Unlocking] = field(default=(), repr=False)


WaysFor = Callable[[bytes, int, Mapping[str, bytes]], Ways]
"""ways_for(archive id, epoch, new roots by vault) -> the ways in."""


def rotate(
    reader: Reader,
    roots: Mapping[str, bytes],
    ways_for: WaysFor,
    *,
    home: WriterHome | None = None,
    now: Callable[[], int] = clock,
    progress: Progress | None = None,
) -> int:
    """Change the keys of both vaults. Whatever had the archive open must open it again.

    Args:
        reader: the archive with both vaults open.
        roots: the roots of both, which the new ones shall open from then on.
        ways_for: makes the ways in.
        home: the writer of this machine's profile, if it writes to this archive.
        now: the clock, in milliseconds.
        progress: in objects.

    Returns:
        the number of the new keys, their epoch.

    Raises:
        WrongSecret: both vaults must be open.
        UsageError, ArchiveBusy, Damaged, GroupArchiveError: as `rewriting`. The archive is as it was.
    """
    with rewriting(reader, home=home, now=now) as work:
        archive = work.reader.archive
        before = archive.statements.keys[-1]
        for vault in VAULTS:
            if vault not in roots or VaultKey.from_root(roots[vault]).public.data != before.of(vault):
                raise WrongSecret(
                    f"this secret does not open the {vault} part of the archive",
                    hint="Changing the keys needs a secret that opens both parts.",
                )
        fresh: dict[str, bytes] = {vault: os.urandom(KEY_SIZE) for vault in VAULTS}
        keys = {vault: VaultKey.from_root(root) for vault, root in fresh.items()}
        after = EpochKeys(before.epoch + 1, *(keys[vault].public.data for vault in VAULTS))
        retired = tuple(work.store(vault, "retired", roots[vault], keys=after) for vault in VAULTS)
        rotation = Rotation(after.epoch, after.content_pk, after.roster_pk, retired)
        work.state("rotate", rotation.encode())
        ways = ways_for(archive.archive_id, after.epoch, fresh)
        lock = threading.Lock()

        def rekey(entry: ManifestEntry) -> tuple[int, bytes]:
            vault: Vault = "roster" if entry.vault == "roster" else "content"
            key = object_key(archive.db, archive.archive_id, entry, work.reader.key(vault), lock)
            if not same(oid_of(key), entry.oid):
                raise Damaged("the key of a stored object does not belong to it")
            sealed = keys[vault].public.seal_key(
                key, archive_id=archive.archive_id, vault=vault, epoch=after.epoch, oid=entry.oid
            )
            return after.epoch, sealed

        work.finish(
            slots=ways.inside,
            rekey=rekey,
            keys={vault: KeyRing({after.epoch: key}) for vault, key in keys.items()},
            check=lambda new: _try(new, ways),
            progress=progress,
        )
        return after.epoch


def _try(archive: Archive, ways: Ways) -> None:
    """Does each secret open the new file? And, all together, both vaults?"""
    opened: set[str] = set()
    for secret in ways.secrets:
        opened |= archive.unlock(secret, ways.outside).vaults
    if opened != set(VAULTS):
        raise GroupArchiveError(
            "the new ways in would not open the whole archive; the keys were left as they are",
            hint="Give a passphrase and a second way in that together open both parts.",
        )
