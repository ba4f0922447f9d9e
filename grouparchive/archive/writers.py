"""The machines that may append to an archive: who they are, letting another one in, and the small file in which it asks.

A certificate is the owner's signature under a writer's id and first key. It may stand in any copy of the archive.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from grouparchive.archive.chain import Writer, is_certified, put_writer
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.schema import begin, identity, open_database, storage
from grouparchive.crypto.signing import Genesis
from grouparchive.crypto.slotrow import SlotRow, is_sound, pack_rows, unpack_rows
from grouparchive.errors import Damaged, UsageError, WrongSecret

UNCERTIFIED = bytes(64)
"""Stands in the place of a certificate until the owner gives one."""
_Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class WriterState:
    """One writer as all copies together show it. `newest` is the number of its newest commit, -1 for none, `time` its time."""

    writer_id: str
    certified: bool
    commits: int
    newest: int
    time: int
    revoked: int | None  # the first commit that no longer counts


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a new machine brings to the owner, and back again with the certificate. Holds no secret."""

    format: Literal[1] = 1
    archive_id: _Hex64
    writer_id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    pk0: _Hex64
    certificate: Annotated[str, Meta(pattern="^([0-9a-f]{128})?$")] = ""


class Public(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a machine needs to start a file of its own for the same vaults: the genesis, and the key slots where they stand in
    the archive. No secret.
    """

    format: Literal[1] = 1
    genesis: bytes
    slots: bytes = b""


def publish(archive: Archive) -> bytes:
    """The file that `Public` describes.

    Raises:
        UsageError: the keys were changed since the archive was made, and a machine that knows only its birth would use the old.
    """
    if archive.statements.keys[-1].epoch > 0:
        raise UsageError(
            "the archive's keys were changed, and a machine that starts a file of its own would still use the old ones",
            hint="Take a copy of the archive to the other machine, and run there: grouparchive --archive COPY writer certify",
        )
    return msgspec.json.encode(Public(genesis=archive.genesis.encode(), slots=pack_rows(archive.slots)))


def read_public(data: bytes) -> tuple[Genesis, list[SlotRow]]:
    """Read that file.

    Raises:
        UsageError: it is something else.
        Damaged: it is damaged.
        NoArchive: it is of a newer version.
    """
    try:
        found = msgspec.json.decode(data, type=Public)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UsageError(
            "this is no file to join an archive with",
            hint="Make one where the archive is: grouparchive writer public -o FILE",
        ) from None
    genesis = Genesis.decode(found.genesis)
    slots = unpack_rows(found.slots)
    if not all(is_sound(row, genesis.archive_id) for row in slots):
        raise Damaged("the keys in the file to join with are damaged", hint="Make the file again.")
    return genesis, slots


def states(archives: Sequence[Archive]) -> list[WriterState]:
    """All writers of these copies, in the order in which they first wrote."""
    found: dict[str, WriterState] = {}
    for archive in archives:
        for writer in archive.writers:
            name = writer.writer_id.hex()
            known = found.get(name)
            mine = [one for one in (*archive.commits, *archive.revoked) if one.writer == name]
            newest = max(mine, key=lambda one: one.seq, default=None)
            certified = is_certified(archive.genesis, writer)
            one = WriterState(
                name,
                certified,
                len(mine),
                newest.seq if newest else -1,
                newest.time if newest else 0,
                archive.statements.revoked.get(writer.writer_id),
            )
            found[name] = one if known is None else _both(known, one)
    return list(found.values())


def _both(one: WriterState, other: WriterState) -> WriterState:
    newer = one if one.newest >= other.newest else other
    certified = one.certified or other.certified
    revoked = one.revoked if other.revoked is None else other.revoked
    return WriterState(one.writer_id, certified, one.commits + other.commits, newer.newest, newer.time, revoked)


def ask(home: WriterHome, archive_id: bytes) -> Request:
    """The request of this machine's writer, which has not written yet."""
    return Request(archive_id=archive_id.hex(), writer_id=home.writer_id.hex(), pk0=home.public().hex())


def read_request(data: bytes, genesis: Genesis) -> Request:
    """Read a request, with or without a certificate.

    Raises:
        UsageError: it is none.
        WrongSecret: it is for another archive.
        Damaged: its certificate is not the owner's.
    """
    try:
        request = msgspec.json.decode(data, type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UsageError(
            "this is no request of a new machine", hint="Use the file that `init --join` wrote on that machine."
        ) from None
    if request.archive_id != genesis.archive_id.hex():
        raise WrongSecret("this request is for another archive", hint="Name that archive with --archive.")
    if request.certificate and not is_certified(genesis, as_writer(request)):
        raise Damaged("the certificate in this request is not the owner's", hint="Ask for a new one.")
    return request


def as_writer(request: Request) -> Writer:
    """The row that a request becomes."""
    certificate = bytes.fromhex(request.certificate) if request.certificate else UNCERTIFIED
    return Writer(bytes.fromhex(request.writer_id), bytes.fromhex(request.pk0), certificate)


def take_in(path: Path, request: Request) -> None:
    """Put a certificate into an archive. Needs no secret: it is the owner's signature.

    Raises:
        UsageError: as `put_writer`.
        NoArchive, ArchiveBusy, Damaged, GroupArchiveError: as `open_database` and `begin`.
    """
    opened = identity(path)
    with contextlib.closing(open_database(path, readonly=False)) as db:
        begin(db, path, opened)
        put_writer(db, as_writer(request))
        with storage():
            db.execute("COMMIT")


def find(found: Sequence[WriterState], prefix: str) -> WriterState:
    """A writer by the first digits of its id.

    Raises:
        UsageError: none or several fit.
    """
    wanted = [one for one in found if prefix and one.writer_id.startswith(prefix.lower())]
    if len(wanted) != 1:
        raise UsageError(
            "no machine has an id that begins so" if not wanted else "several machines have ids that begin so",
            hint="`grouparchive writer list` shows the ids; the first 8 digits are enough.",
        )
    return wanted[0]
