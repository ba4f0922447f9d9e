"""Taking export files in: what `import` and folder sources share. Recognise each, skip those that are known, run the others
into the archive, and say what lies about unencrypted afterwards.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from grouparchive import __version__
from grouparchive.archive.home import WriterHome
from grouparchive.archive.writer import Writer
from grouparchive.backup import Identities, Summary, run_import, stage_mark
from grouparchive.cli.app import as_said, where
from grouparchive.cli.output import many
from grouparchive.cli.surroundings import Run
from grouparchive.errors import BadExport, GroupArchiveError, UsageError
from grouparchive.platforms import registry
from grouparchive.platforms.files import Box, Choices, FileConnector, open_box

COMMIT_SECONDS = 180.0
COUNTS = ("groups", "channels", "members", "messages", "attachments", "new")


class Taken(msgspec.Struct, kw_only=True):
    """What became of one export file. `summary` is None where it was known already; `whole`: all of it is in the archive."""

    path: Path
    title: str
    summary: Summary | None
    whole: bool


def take_in(
    run: Run,
    paths: Iterable[Path],
    *,
    platform: str = "",
    choices: Choices,
    failed: Callable[[Path, GroupArchiveError], None],
    again: bool = True,
) -> list[Taken]:
    """Take export files in, each in commits of its own. A file that fails does not stop the others, whatever happens to it.

    Args:
        run: this run.
        paths: files, zips, folders; a folder that is no export itself is taken for a folder of them.
        platform: only this platform's kinds of export; "" is any.
        choices: what a person says about them.
        failed: told of each file that could not be taken in. What it raises ends everything.
        again: read a file again that had gaps the last time. A timer would do so each time.

    Raises:
        NoArchive, Damaged, ArchiveBusy: as `Writer.open`.
    """
    formats = formats_of(platform)
    config = run.profile.must_config()
    home = WriterHome.load(run.profile.writer_folder)
    taken: list[Taken] = []
    with Writer.open(run.writing_path(), home, pinned=bytes.fromhex(config.archive_id)) as writer:
        for path in paths:
            below = inside(path)
            strangers = 0
            told = path.is_dir() and not below
            for one in (path, *below):
                try:
                    found = _take(run, writer, one, formats, choices, again=again)
                except Exception as error:
                    if writer.spoilt:
                        raise
                    failed(one, as_said(error))
                    run.output.detail(where(error))
                else:
                    if found is None:
                        strangers += one != path
                        continue
                    taken.append(found)
                told = True
                if one == path:
                    break
            if not told:
                failed(path, _unknown(platform))
            elif strangers:
                run.output.warn(f"{many(strangers, 'file')} in the folder: no export that is known here, left alone")
    return taken


def formats_of(platform: str) -> list[type[FileConnector]]:
    """The kinds of export that are known, of one platform or of all.

    Raises:
        UsageError: there is no such platform, or it has no exports that we read.
    """
    # What belongs to no platform comes last: its kinds of export are told by less.
    names = [platform] if platform else sorted(registry.names(), key=lambda name: (name == "generic", name))
    found = [one for name in names for one in getattr(registry.load(name), "formats", ())]
    if not found:
        raise UsageError(
            "export files of this platform are not read", hint=f"Known platforms: {', '.join(with_formats())}"
        )
    return found


def with_formats() -> list[str]:
    """The platforms whose export files are read."""
    return [name for name in registry.names() if getattr(registry.load(name), "formats", ())]


def zone(name: str, example: str = "--timezone Asia/Baku") -> tzinfo:
    """A time zone by its name; this machine's own for "". `example` is shown to whoever named one that is not there.

    Raises:
        UsageError: there is none.
    """
    own = not name
    name = name or os.environ.get("TZ", "")
    try:
        if name:
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if own:
            return UTC
        raise UsageError("there is no such time zone", hint=f"For example: {example}") from None


def inside(path: Path) -> Sequence[Path]:
    """What lies in a folder, should it be no export itself but a folder of them."""
    if not path.is_dir():
        return []
    return sorted(one for one in path.iterdir() if not one.name.startswith(".") and not one.is_symlink())


def _unknown(platform: str) -> BadExport:
    of = f" of {platform}" if platform else ""
    return BadExport(
        f"this is no export file{of} that is known here",
        hint=f"Say which it is with --platform: {', '.join(with_formats())}. docs/platforms/ tells how to make each.",
    )


def _take(
    run: Run, writer: Writer, path: Path, formats: Iterable[type[FileConnector]], choices: Choices, *, again: bool
) -> Taken | None:
    box = open_box(path)
    try:
        kind = next((one for one in formats if one.recognises(box, choices)), None)
        if kind is None:
            return None
        mark = _mark(kind, box, choices)
        if writer.knows_file(stage_mark(mark, "complete" if again else "read")):
            return Taken(path=path, title=kind.title, summary=None, whole=writer.knows_file(stage_mark(mark, "whole")))
        platform, origin = kind.whose(box)
        if platform != kind.platform:
            run.output.warn(
                f"this file speaks of a {platform} group: what it says of its members, their powers, names and "
                "deletions will count as if it came from there. Go on only with a file that you made or trust"
            )
        identities = Identities(platform, origin)
        connector = kind(box, identities, choices)
        with closing(connector), run.output.progress(f"Reading {kind.title}") as progress:
            summary = run_import(
                connector,
                mark=mark,
                writer=writer,
                identities=identities,
                progress=lambda so_far: progress.say(
                    f"{many(so_far.messages, 'message')}, {many(so_far.attachments, 'file')}, {so_far.new:,} new"
                ),
                commit_seconds=COMMIT_SECONDS,
            )
        return Taken(path=path, title=kind.title, summary=summary, whole=writer.knows_file(stage_mark(mark, "whole")))
    finally:
        box.close()


def _mark(kind: type[FileConnector], box: Box, choices: Choices) -> bytes:
    """What an export is known by: its bytes, how it is read, and by which version."""
    parts = (
        __version__, f"{kind.__module__}.{kind.__name__}", choices.group, str(choices.zone), choices.dates,
        *(f"{key}={value}" for key, value in sorted(choices.columns.items())),
    )  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape") + b"\0" + box.fingerprint()).digest()


def gaps_of(taken: Iterable[Taken]) -> Counter[str]:
    """Gaps as all that may be shown of them: codes and counts."""
    counts: Counter[str] = Counter()
    for one in taken:
        for gap in one.summary.gaps if one.summary else ():
            counts[gap.code] += gap.count
    return counts


def totals(taken: Iterable[Taken]) -> Counter[str]:
    """What was read in all, by the names of the counts."""
    counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
    for one in taken:
        if one.summary:
            counts.update({key: getattr(one.summary, key) for key in COUNTS})
    return counts
