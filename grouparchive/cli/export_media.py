"""Files of an export: written under names that we make, so that no name from a platform can lead anywhere else."""

import os
import re
from pathlib import Path

from grouparchive.cli.files import make_folder
from grouparchive.cli.surroundings import Opened
from grouparchive.errors import Damaged, NoArchive
from grouparchive.model.records import Attachment, Ref

_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
_BY_MIME = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
}
_HARMLESS = frozenset(
    {
        ".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic", ".avif", ".bmp", ".tif", ".tiff",
        ".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".3gp", ".mp3", ".m4a", ".ogg", ".oga", ".opus", ".wav", ".flac",
        ".aac", ".pdf", ".txt", ".csv", ".md", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".vcf", ".ics",
        ".zip",
    }
)  # fmt: skip
"""Endings that a file may keep. A double click might run what has another one, or a browser obey it: that gets one that does
nothing."""


class MediaFolder:
    """Writes each file once, when it is first asked for. `missing` counts those that the archive does not have whole."""

    def __init__(self, folder: Path, opened: Opened) -> None:
        self._folder = folder
        self._opened = opened
        self._names: dict[str, str] = {}
        self.written = 0
        self.missing = 0

    def of(self, ref: Ref, name: str = "") -> str:
        """The path of a file below the export, "" where it is not to be had."""
        attachment = self._opened.view.attachment(ref)
        if attachment is None:
            self.missing += 1
            return ""
        return self.take(attachment, name)

    def take(self, attachment: Attachment, name: str = "") -> str:
        """As `of`, of a file whose place is known."""
        known = self._names.get(attachment.blob)
        if known is None:
            known = self._names[attachment.blob] = self._write(attachment, name)
        return known

    def _write(self, attachment: Attachment, name: str) -> str:
        make_folder(self._folder)
        own = f"{len(self._names):06d}-{attachment.sha256[:8]}{ending(name, attachment.mime)}"
        path = self._folder / own
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in self._opened.blob(attachment.blob):
                    file.write(piece)
        except (Damaged, NoArchive) as error:
            path.unlink()
            self.missing += 1
            self._opened.output.warn(f"a file cannot be read from the archive: {error.message}")
            return ""
        self.written += 1
        return f"{self._folder.name}/{own}"


def ending(name: str, mime: str) -> str:
    """The ending of a file's name: that of its kind, or a harmless one of its own."""
    known = _BY_MIME.get(mime.partition(";")[0].strip().lower())
    if known:
        return known
    match = _EXTENSION.search(name)
    own = match[0].lower() if match else ".bin"
    return own if own in _HARMLESS else ".bin"
