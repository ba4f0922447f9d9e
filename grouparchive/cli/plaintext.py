"""What lies about unencrypted after an import: named, warned about where a cloud copies it, and removed if wished."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from grouparchive.cli.output import many
from grouparchive.cli.surroundings import Run
from grouparchive.cli.taking import Taken

_SYNCED: Final = (
    "dropbox", "onedrive", "google drive", "googledrive", "my drive", "icloud drive", "mobile documents", "nextcloud",
    "owncloud", "pcloud", "mega", "megasync", "syncthing", "yandex.disk", "yandexdisk", "box sync", "sync",
)  # fmt: skip
_MARKERS: Final = (".stfolder", ".dropbox", ".dropbox.cache", ".nextcloudsync.log", ".owncloudsync.log")


def remains(run: Run, taken: Sequence[Taken], *, remove: bool = False, names: bool = True) -> None:
    """Tell of the export files that are still there, and with `remove` take those away of which everything came in.

    Args:
        run: this run.
        taken: what was taken in.
        remove: take them away.
        names: say where they are; without, only how many, for what may end in a log.
    """
    if remove:
        taken = [one for one in taken if not _removed(run, one)]
    left = [one.path for one in taken]
    if not left:
        return
    run.output.event("remains", files=len(left), synced=sum(map(synced, left)))
    run.output.note(
        f"Not encrypted, and still there for anybody who gets at this machine: {many(len(left), 'export')}."
    )
    if names:
        for path in left:
            run.output.note(f"  {os.fsencode(path).decode('utf-8', 'replace')}")
    run.output.note(
        "Remove what you do not need: from the trash and from the phone, too. --remove-after does the first for you."
    )
    if any(map(synced, left)):
        run.output.warn(
            "such a file lies in a folder that a cloud service seems to copy: whoever reads that account reads it. "
            "Remove it there as well, also from the service's own trash"
        )


def synced(path: Path) -> bool:
    """Does it look as if a cloud service copied the folder?"""
    for folder in (path, *path.parents):
        name = folder.name.lower()
        if name in _SYNCED or name.startswith(("onedrive - ", "dropbox (", "googledrive-", "google drive (")):
            return True
        if any((folder / marker).exists() for marker in _MARKERS):
            return True
    return False


def _removed(run: Run, one: Taken) -> bool:
    """Take an export away, if all of it came in. Never a folder: something else may lie in it."""
    if not one.whole:
        run.output.warn("an export was kept: not everything in it came in, as the gaps show")
        return False
    if one.path.is_dir():
        run.output.warn("a folder was kept, as other things may lie in it: remove it yourself")
        return False
    try:
        one.path.unlink()
    except OSError as error:
        run.output.warn(f"an export could not be removed: {(error.strerror or 'unknown reason').lower()}")
        return False
    run.output.event("removed", files=1)
    run.output.result(f"{one.title}: the export is removed. A disk can keep what was deleted for a while.")
    return True
