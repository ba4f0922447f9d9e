"""The writer's own files in a profile: its id, the seed that signs the next commit, its local keys, its state, its lock.

Nothing here can open an archive, and nothing here is about people: what the state remembers are keyed tags.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from grouparchive.archive.schema import storage
from grouparchive.archive.state import WriterState
from grouparchive.crypto.primitives import KEY_SIZE
from grouparchive.crypto.signing import WRITER_ID_SIZE, next_seed, seed_public
from grouparchive.durable import write_whole
from grouparchive.errors import ArchiveBusy, NoArchive, UsageError
from grouparchive.model.codec import UNREADABLE

KEY_DAYS = 30
_DAY = 86_400


class _EventKey(msgspec.Struct, frozen=True):
    day: int
    key: bytes


class LocalKeys(msgspec.Struct, frozen=True):
    """Keys of this machine alone: `events` tag what was seen (newest first, a new one every 30 days, two at most), `lasting`
    tags states and files, `cursor` seals cursors.
    """

    events: tuple[_EventKey, ...]
    lasting: bytes
    cursor: bytes

    def __repr__(self) -> str:
        """Without the keys."""
        return "LocalKeys()"


class WriterHome:
    """The folder. Make it with `create`, open it with `load`."""

    def __init__(self, folder: Path, writer_id: bytes, keys: LocalKeys) -> None:
        self.folder = folder
        self.writer_id = writer_id
        self.keys = keys

    @classmethod
    def create(cls, folder: Path) -> "WriterHome":
        """A new writer.

        Raises:
            UsageError: there is one already.
            GroupArchiveError: the folder cannot be written to.
        """
        if (folder / "id").exists():
            raise UsageError("this profile has a writer already", hint="Use another --profile for another archive.")
        with storage():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                write_private(folder / "seed", os.urandom(KEY_SIZE))
                event_key = _EventKey(_today(), os.urandom(KEY_SIZE))
                keys = LocalKeys((event_key,), os.urandom(KEY_SIZE), os.urandom(KEY_SIZE))
                write_private(folder / "local.key", msgspec.json.encode(keys))
                WriterState(folder / "state.sqlite").close()
                write_private(folder / "id", os.urandom(WRITER_ID_SIZE))
            except BaseException:
                for half in ("seed", "local.key", "id", *(f"state.sqlite{ending}" for ending in ("", "-wal", "-shm"))):
                    (folder / half).unlink(missing_ok=True)
                raise
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> "WriterHome":
        """The writer of a profile.

        Raises:
            NoArchive: there is none, or its files are not what they should be.
        """
        try:
            writer_id = (folder / "id").read_bytes()
            keys = msgspec.json.decode((folder / "local.key").read_bytes(), type=LocalKeys)
        except (OSError, *UNREADABLE):
            raise _no_writer() from None
        sizes = {len(keys.lasting), len(keys.cursor), *(len(one.key) for one in keys.events)}
        if len(writer_id) != WRITER_ID_SIZE or sizes != {KEY_SIZE} or not keys.events:
            raise _no_writer()
        return cls(folder, writer_id, keys)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the profile's writer. The system lets go of it when the process ends, however it ends.

        Raises:
            ArchiveBusy: another run holds it.
        """
        with storage():
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ArchiveBusy("another run is using this profile") from None
            for half in self.folder.glob(".*.new"):  # of a killed run: no seed may lie about
                half.unlink(missing_ok=True)
            yield
        finally:
            os.close(handle)

    def state(self) -> WriterState:
        """The writer's state. Close it again."""
        with storage():
            return WriterState(self.folder / "state.sqlite")

    def cursors(self, source: str) -> dict[str, dict[str, str]]:
        """Where each group of a source was read up to: group ref -> the connector's cursor."""
        state = self.state()
        try:
            return state.cursors(self.keys.cursor, source)
        finally:
            state.close()

    def seed(self) -> bytes:
        """The seed that signs the next commit.

        Raises:
            NoArchive: it is gone or malformed.
        """
        try:
            seed = (self.folder / "seed").read_bytes()
        except OSError:
            raise _no_writer() from None
        if len(seed) != KEY_SIZE:
            raise _no_writer()
        return seed

    def advance(self) -> None:
        """The commit stands: the seed that signed it gives way to the next."""
        write_private(self.folder / "seed", next_seed(self.seed()))

    def public(self) -> bytes:
        """The key that will verify the next commit."""
        return seed_public(self.seed())

    def statement(self) -> bytes | None:
        """The head of the newest statement of the owner that this machine has seen."""
        try:
            head = (self.folder / "statement").read_bytes()
        except OSError:
            return None
        return head if len(head) == KEY_SIZE else None

    def pin_statement(self, head: bytes) -> None:
        """Remember that a statement was seen."""
        write_private(self.folder / "statement", head)

    def renew(self) -> None:
        """A new key for event tags when the newest is 30 days old; the one before stays as long again, with its tags."""
        today = _today()
        newest = self.keys.events[0]
        if today - newest.day < KEY_DAYS:
            return
        events = (_EventKey(today, os.urandom(KEY_SIZE)), newest)
        self.keys = LocalKeys(events, self.keys.lasting, self.keys.cursor)
        write_private(self.folder / "local.key", msgspec.json.encode(self.keys))


def write_private(path: Path, data: bytes) -> None:
    """Put a small file in place, whole or not at all, readable by its owner only.

    Raises:
        GroupArchiveError: it cannot be written.
    """
    with storage():
        write_whole(path, data)


def _today() -> int:
    return int(time.time()) // _DAY


def _no_writer() -> NoArchive:
    return NoArchive(
        "this profile has no writer, or its files are damaged",
        hint="Check --profile, or make a new archive with: grouparchive init FILE",
    )
