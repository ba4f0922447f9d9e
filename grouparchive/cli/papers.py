"""The documents that people keep apart from an archive: recovery file, share files, keys file. Chosen and checked before
anything is made, written once, never over another file, and all taken away again when the making fails.
"""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grouparchive.cli.files import write_new
from grouparchive.crypto.keyfile import write_keys_text
from grouparchive.crypto.recovery import generate_recovery, write_recovery_text
from grouparchive.crypto.shares import NewShares, check_quorum, new_shares, write_share_text
from grouparchive.crypto.slots import RecoveryKey, SlotRow, new_recovery_slots, new_share_slots
from grouparchive.errors import UsageError

_SHARE_NAME = re.compile(r"share-[0-9]+\.txt", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which ways in get documents, and where these go. All places are absolute and free."""

    recovery: Path | None = None
    shares: tuple[int, int] | None = None  # K, N
    folder: Path | None = None  # of the share files
    keys: Path | None = None  # the keys file, where the archive itself shall hold no keys


class Papers:
    """Writes the documents of one making. Call `take_back` when the making failed."""

    def __init__(self, chosen: Chosen) -> None:
        self._chosen = chosen
        self._written: list[Path] = []
        self._folders: list[Path] = []

    def issue(
        self,
        archive_id: bytes,
        epoch: int,
        roots: Mapping[str, bytes],
        passphrase_slots: Callable[[Mapping[str, bytes]], list[SlotRow]],
    ) -> list[SlotRow]:
        """Make all new ways in, and write their documents.

        Args:
            archive_id: of the archive.
            epoch: of the roots.
            roots: by vault.
            passphrase_slots: makes the rows of the passphrase, for the roots that it shall open.

        Returns:
            The rows that the archive itself shall hold: none, where a keys file was chosen.

        Raises:
            UsageError: a document cannot be written; call `take_back`.
        """
        made = new_shares(*self._chosen.shares) if self._chosen.shares else None
        # Where holders must come together to see the members, no single secret may do so.
        alone = {"content": roots["content"]} if made else roots
        rows = passphrase_slots(alone)
        if self._chosen.recovery:
            key = RecoveryKey(generate_recovery())
            opening = new_recovery_slots(key, archive_id, epoch, alone)
            self.recovery(self._chosen.recovery, key, archive_id, opening)
            rows += opening
        if made and self._chosen.folder:
            opening = new_share_slots(made, archive_id, epoch, roots)
            self.shares(self._chosen.folder, made, archive_id, opening)
            rows += opening
        if self._chosen.keys is None:
            return rows
        self._write(self._chosen.keys, write_keys_text(rows, archive_id))
        return []

    def recovery(self, path: Path, key: RecoveryKey, archive_id: bytes, rows: Sequence[SlotRow]) -> None:
        """Write a recovery file. It brings its rows along where the archive holds none. Raises as `issue`."""
        self._write(path, write_recovery_text(key.key, archive_id, rows if self._chosen.keys else ()))

    def shares(self, folder: Path, made: NewShares, archive_id: bytes, rows: Sequence[SlotRow]) -> None:
        """Write a file for each holder, likewise. Raises as `issue`."""
        if not folder.exists():
            folder.mkdir(mode=0o700)
            self._folders.append(folder)
        for number in range(made.quorum.total):
            text = write_share_text(made, number, archive_id, rows if self._chosen.keys else ())
            self._write(folder / f"share-{number + 1}.txt", text)

    def take_back(self) -> None:
        """Remove everything that was written."""
        for path in self._written:
            path.unlink(missing_ok=True)
        for folder in self._folders:
            with contextlib.suppress(OSError):  # somebody else put something there meanwhile
                folder.rmdir()

    def _write(self, path: Path, text: str) -> None:
        try:
            write_new(path, text.encode())
        except UsageError:  # somebody else's file is there
            raise
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._written.append(path)


def choose(recovery: str | None, shares: str | None, shares_dir: str | None, keys: Path | None) -> Chosen:
    """What was chosen on the command line, checked against what is on the disk.

    Args:
        recovery: where the recovery file goes, if one is wanted.
        shares: "K/N", if shares are wanted.
        shares_dir: the folder for the share files.
        keys: where the keys file goes, if the archive shall hold no keys.

    Raises:
        UsageError: something is missing, malformed, or there already.
    """
    if bool(shares) != bool(shares_dir):
        raise UsageError(
            "--shares K/N and --shares-dir DIR belong together",
            hint="Such as: --shares 2/3 --shares-dir /media/stick/shares",
        )
    quorum = check_quorum(shares) if shares else None
    if quorum:
        new_shares(*quorum)  # complains about an impossible one before anything is made
    folder = new_folder(shares_dir) if shares_dir else None
    return Chosen(new_file(recovery, "recovery file") if recovery else None, quorum, folder, keys)


def new_folder(where: str) -> Path:
    """A place for the files of a new set of shares: a folder without any, or one that can be made.

    Raises:
        UsageError: it is neither.
    """
    folder = Path(where).expanduser().absolute()
    if not folder.parent.is_dir():
        raise UsageError("the folder that the shares' folder would be in is not there", hint="Make it first.")
    if folder.exists() and (not folder.is_dir() or any(map(_is_share, folder.iterdir()))):
        raise UsageError(
            "there are share files in that folder already, and they are never overwritten",
            hint="Name another --shares-dir.",
        )
    return folder


def new_file(where: str | Path, what: str) -> Path:
    """A place for a new document.

    Raises:
        UsageError: something is there already, or its folder is not.
    """
    path = Path(where).expanduser().absolute()
    if path.exists() or path.is_symlink():
        raise UsageError(f"the {what} is there already, and is never overwritten", hint="Name another.")
    if not path.parent.is_dir():
        raise UsageError(f"the folder for the {what} is not there", hint="Make the folder first.")
    return path


def _is_share(path: Path) -> bool:
    return _SHARE_NAME.fullmatch(path.name) is not None
