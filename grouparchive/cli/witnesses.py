"""Witnesses as people give them: typed words, or a file that holds them."""

from collections.abc import Sequence
from pathlib import Path

from grouparchive.archive.reader import Archive
from grouparchive.archive.witness import Position, prove
from grouparchive.cli.files import read_bounded
from grouparchive.crypto.witness import read_witness


def proved(archives: Sequence[Archive], given: Sequence[str]) -> list[Position]:
    """The positions that the given witnesses prove.

    Raises:
        UsageError: one is no witness.
        Damaged: one fits nothing in these archives.
    """
    return prove(archives, [read_witness(_text(one)) for one in given]) if given else []


def _text(given: str) -> str:
    path = Path(given).expanduser()
    if " " in given.strip() or not path.is_file():
        return given
    return read_bounded(path, "file with the witness").decode("utf-8", "replace")
