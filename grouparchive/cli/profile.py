"""The profile: the folder with what this machine needs to make backups. Which archive, its pinned id, the sources with their
credentials, the writer, and how the last runs went in counts. Of a platform it holds an origin and a credential and nothing
else: no handle, no group, no member.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from grouparchive.archive.home import WriterHome
from grouparchive.cli.files import make_folder, read_bounded
from grouparchive.durable import erase, sync_folder, write_whole
from grouparchive.errors import Damaged, NoArchive, UsageError
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.ports import Source

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_ID = r"^[0-9a-f]{64}$"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """config.json: the archive of this machine. `archive_id` is what a swapped file or key is recognised by; `keys` is where
    the keys file was put, "" when the archive itself holds the ways in.
    """

    format: int = 1
    archive: str
    archive_id: Annotated[str, Meta(pattern=_ID)]
    keys: str = ""


class SourceFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """sources/NAME.json, readable for its owner only."""

    format: int = 1
    platform: str
    origin: str
    options: dict[str, str] = {}
    secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"SourceFile({self.platform!r})"


class LastRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """runs/NAME.json: how the last backup of a source went, in counts. `good` is the time of the last run that ended well."""

    format: int = 1
    time: int = 0  # milliseconds
    code: int = 0
    good: int = 0
    new: int = 0  # records the archive did not have
    grown: int = 0  # bytes
    fed: int = 0  # the last time that a folder of exports had something new, in milliseconds
    gaps: dict[str, int] = {}


def default_folder() -> Path:
    """Where the profile is when nobody says otherwise."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "grouparchive"
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".config") / "grouparchive"


class Profile:
    """The profile in a folder; nothing is made before something is saved."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or default_folder()).expanduser().absolute()
        self.writer_folder = self.folder / "writer"

    # --- the archive ---------------------------------------------------------------------------------------------

    def config(self) -> Config | None:
        """Which archive this machine writes to; None before `init`.

        Raises:
            Damaged: the file is not readable.
        """
        path = self.folder / "config.json"
        if not path.exists():
            return None
        try:
            return msgspec.json.decode(read_bounded(path, "profile"), type=Config)
        except UNREADABLE as error:
            raise Damaged(
                "the settings in the profile are damaged", hint="Restore config.json, or use another --profile."
            ) from error

    def must_config(self) -> Config:
        """As `config`.

        Raises:
            NoArchive: there is none yet.
        """
        config = self.config()
        if config is None:
            raise NoArchive(
                "this profile has no archive yet", hint="Make one with: grouparchive init FILE, or name a --profile."
            )
        return config

    def save_config(self, config: Config) -> None:
        """Set the archive."""
        make_folder(self.folder)
        write_whole(self.folder / "config.json", _pretty(config))

    def new_writer(self) -> WriterHome:
        """A fresh writer in the place of any that was here."""
        make_folder(self.folder)
        self.drop_writer()
        return WriterHome.create(self.writer_folder)

    def drop_writer(self) -> None:
        """Take away this machine's writer."""
        for path in self.writer_folder.iterdir() if self.writer_folder.is_dir() else ():
            path.unlink()
        if self.writer_folder.is_dir():
            self.writer_folder.rmdir()

    # --- sources -------------------------------------------------------------------------------------------------

    def sources(self) -> list[str]:
        """The names of the sources."""
        folder = self.folder / "sources"
        return sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []

    def source_file(self, name: str) -> SourceFile:
        """What is kept about a source.

        Raises:
            UsageError: there is none of that name.
            Damaged: its file is not readable.
        """
        path = self._source_path(name)
        if not path.exists():
            known = ", ".join(self.sources())
            raise UsageError(
                "there is no source of that name on this machine",
                hint=f"Known: {known}." if known else "Add one with: grouparchive source add NAME PLATFORM ...",
            )
        try:
            return msgspec.json.decode(read_bounded(path, "source's settings"), type=SourceFile)
        except UNREADABLE as error:
            raise Damaged("a source's settings are damaged", hint="Remove the source and add it again.") from error

    def source(self, name: str) -> Source:
        """A source as platforms take it. Raises as `source_file`."""
        kept = self.source_file(name)
        return Source(name=name, platform=kept.platform, options=kept.options, secrets=kept.secrets)

    def save_source(self, name: str, kept: SourceFile) -> None:
        """Keep a source."""
        path = self._source_path(name)
        make_folder(self.folder)
        make_folder(path.parent)
        write_whole(path, _pretty(kept))

    def remove_source(self, name: str) -> None:
        """Forget a source and its credential; what was archived stays.

        Raises:
            UsageError: there is none of that name.
        """
        self.source_file(name)
        path = self._source_path(name)
        erase(path)
        for half in path.parent.glob(f".{path.name}.*.new"):  # of a killed run: it holds the credential, too
            erase(half)
        sync_folder(path.parent)
        (self.folder / "runs" / f"{name}.json").unlink(missing_ok=True)

    def _source_path(self, name: str) -> Path:
        return self.folder / "sources" / f"{check_name(name)}.json"

    # --- runs ----------------------------------------------------------------------------------------------------

    def last_run(self, name: str) -> LastRun | None:
        """How the last backup went; None before the first, or when that note is lost."""
        path = self.folder / "runs" / f"{check_name(name)}.json"
        try:
            return msgspec.json.decode(read_bounded(path, "note of the last run"), type=LastRun)
        except (UsageError, *UNREADABLE):
            return None  # it is only a convenience: the archive knows what it holds

    def save_run(self, name: str, run: LastRun) -> None:
        """Note how a backup went.

        Raises:
            OSError: it cannot be noted, for instance because the profile was wiped during that run: it must not come back.
        """
        folder = self.folder / "runs"
        folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(folder / f"{check_name(name)}.json", _pretty(run))

    def each_source(self) -> Iterator[tuple[str, SourceFile]]:
        """All sources."""
        for name in self.sources():
            yield name, self.source_file(name)


def is_name(name: str) -> bool:
    """Could this be a source's name?"""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """A name for a source: short and plain, for it becomes a file name and the name of a timer.

    Raises:
        UsageError: it is something else.
    """
    if not is_name(name):
        raise UsageError(
            "a source's name is up to 32 lower-case letters, digits and dashes",
            hint="Choose a neutral word such as `home`: it shows in the names of files and timers.",
        )
    return name


def _pretty(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
