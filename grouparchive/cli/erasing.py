"""Erasing a profile in a hurry: everything that the tool keeps in that folder, the most dangerous first, whatever is damaged,
in use or missing. What is not the tool's own stays: the archive may lie in the same folder, and somebody's other papers.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grouparchive.durable import erase

OURS = frozenset({"sources", "writer", "runs", "campaigns", "config.json"})
"""All that a profile has in it. A new file of the profile belongs in one of these folders, or is added here."""

_FIRST = ("sources", "seed", "local.key")
_HALF = re.compile(r"\..+\.[0-9a-f]{16}\.new")
_ROUNDS = 50


@dataclass(slots=True)
class Erased:
    """What came of it: how many files were erased, of which ones something may be left, and how many entries that are not
    ours keep the folder in place.
    """

    files: int = 0
    failed: set[Path] = field(default_factory=set)
    others: int = 0


def erase_profile(folder: Path, *, keep: Sequence[Path] = ()) -> Erased:
    """Erase a profile, and its folder if nothing else is in it. Does not stop at what the disk refuses: it counts that.

    A run that is under way may still write: what it leaves is erased as well, until its folders are gone and nothing can be
    written to them any more.

    Args:
        folder: the profile.
        keep: files that stay even if they lie among ours: archives.
    """
    done = Erased()
    real = folder.resolve()
    for _ in range(_ROUNDS):
        before = done.files
        for path in sorted(_files(real), key=lambda one: _danger(one.relative_to(real))):
            if not any(_same(path, one) for one in keep):
                _erase(path, done)
        if _remove_folders(real) or done.files == before:
            break
    if folder.is_symlink() and not real.exists():
        folder.unlink()
    done.others = sum(not _is_ours(path) for path in _listed(real))
    return done


def _erase(path: Path, done: Erased) -> None:
    linked = path.is_symlink()
    try:
        erase(path)
    except FileNotFoundError:
        return  # a run took it away itself
    except OSError:
        done.failed.add(path)
        return
    done.files += 1
    if linked:
        done.failed.add(path)  # what it led to is still somewhere
    else:
        done.failed.discard(path)


def _danger(inside: Path) -> tuple[int, str]:
    """Where a file stands in the order: credentials, what signs, what makes tags, the rest."""
    ranks = (at for at, word in enumerate(_FIRST) if inside.parts[0] == word or word in inside.name)
    return min(ranks, default=len(_FIRST)), str(inside)


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _is_ours(path: Path) -> bool:
    return path.name in OURS or _HALF.fullmatch(path.name) is not None


def _listed(folder: Path) -> list[Path]:
    """What is in a folder, also where its owner took the right to look or to write from themselves."""
    with contextlib.suppress(OSError):  # the count of what is left tells
        if folder.is_dir() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            folder.chmod(0o700)
        return list(folder.iterdir())
    return []


def _files(folder: Path) -> Iterator[Path]:
    """All files of ours, in no order. A link to a folder is a file here."""
    waiting = [path for path in _listed(folder) if _is_ours(path)]
    while waiting:
        path = waiting.pop()
        if path.is_dir() and not path.is_symlink():
            waiting += _listed(path)
        else:
            yield path


def _remove_folders(folder: Path) -> bool:
    """Remove our folders as far as they are empty, then the profile's. Is nothing of ours left?"""
    for ours in filter(_is_ours, _listed(folder)):
        for inner, _, _ in os.walk(ours, topdown=False):
            with contextlib.suppress(OSError):  # something is left in it, or came back: the next round looks
                Path(inner).rmdir()
    with contextlib.suppress(OSError):  # not empty, or a place where a disk is mounted
        folder.rmdir()
    return not any(map(_is_ours, _listed(folder)))
