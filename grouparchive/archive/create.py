"""Making an archive: fresh keys, the ways in, this machine's writer, and the first commit with the archive's own secrets."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from grouparchive.archive.home import WriterHome
from grouparchive.archive.schema import create_tables, storage
from grouparchive.archive.slots import insert_slots
from grouparchive.archive.writer import Writer, clock
from grouparchive.archive.writers import UNCERTIFIED
from grouparchive.crypto.primitives import KEY_SIZE
from grouparchive.crypto.signing import Genesis, owner_public, sign_writer
from grouparchive.crypto.slots import SlotRow
from grouparchive.crypto.vaults import VaultKey
from grouparchive.durable import sync_folder
from grouparchive.errors import UsageError
from grouparchive.model.records import Secret

SlotsFor = Callable[[bytes, dict[str, bytes]], list[SlotRow]]
"""slots_for(archive id, roots by vault) -> the rows of all ways in."""


def create_archive(path: Path, home: WriterHome, slots_for: SlotsFor, *, now: Callable[[], int] = clock) -> Genesis:
    """A new archive with commit 0. It appears under its name when it is whole.

    Raises:
        UsageError: there is something at that place already, or the home's writer has written before.
        GroupArchiveError: the place cannot be written to.
    """
    with contextlib.closing(home.state()) as state:
        if not state.empty():
            raise UsageError(
                "this profile's writer belongs to another archive", hint="Use another --profile for the new archive."
            )
    if path.exists():
        raise UsageError("there is something at this place already", hint="Choose a name that is not taken.")
    roots = {"content": os.urandom(KEY_SIZE), "roster": os.urandom(KEY_SIZE)}
    owner = os.urandom(KEY_SIZE)
    genesis = Genesis(
        os.urandom(KEY_SIZE),
        VaultKey.from_root(roots["content"]).public.data,
        VaultKey.from_root(roots["roster"]).public.data,
        owner_public(owner),
    )
    slots = slots_for(genesis.archive_id, roots)
    with under_way(path) as part:
        certificate = sign_writer(owner, genesis.archive_id, home.writer_id, home.public())
        _first_rows(part, genesis, slots, home, certificate)
        with Writer.open(part, home, pinned=genesis.archive_id, now=now) as writer:
            writer.add(Secret(name="owner", key=owner.hex()), "content")
            writer.add(Secret(name="invite", key=os.urandom(KEY_SIZE).hex()), "roster")
            writer.add(Secret(name="card", key=os.urandom(KEY_SIZE).hex()), "roster")
            writer.commit()
    return genesis


@contextlib.contextmanager
def under_way(path: Path) -> Iterator[Path]:
    """A place to build an archive at, mode 0600, which takes the final name at the end or goes away."""
    part = path.with_name(path.name + ".part")
    with storage():
        part.unlink(missing_ok=True)  # of an earlier try; what somebody else put there must not become ours
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield part
        with storage():
            part.rename(path)
            sync_folder(path.absolute().parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def join_archive(path: Path, home: WriterHome, genesis: Genesis, slots: list[SlotRow]) -> None:
    """A file of one's own for an archive that is elsewhere. What is written there counts once the owner certified the writer.

    Raises:
        UsageError: there is something at that place already.
        GroupArchiveError: the place cannot be written to.
    """
    if path.exists():
        raise UsageError("there is something at this place already", hint="Choose a name that is not taken.")
    with under_way(path) as part:
        _first_rows(part, genesis, slots, home, UNCERTIFIED)


def _first_rows(part: Path, genesis: Genesis, slots: list[SlotRow], home: WriterHome, certificate: bytes) -> None:
    with storage(), contextlib.closing(sqlite3.connect(part, isolation_level=None)) as db:
        create_tables(db)
        db.execute("BEGIN")
        db.execute("INSERT INTO genesis (id, data) VALUES (1, ?)", (genesis.encode(),))
        insert_slots(db, slots)
        db.execute("INSERT INTO writers VALUES (?, ?, ?)", (home.writer_id, home.public(), certificate))
        db.execute("COMMIT")
