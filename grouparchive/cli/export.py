"""`export`: a group out of the archive, as records, as a table, or as a site to read. With `show --html` the only command that
writes plaintext to a disk, and only to the place that the person names.
"""

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from grouparchive.cli.app import Command
from grouparchive.cli.export_html import write_site
from grouparchive.cli.export_media import MediaFolder
from grouparchive.cli.names import Names
from grouparchive.cli.output import many
from grouparchive.cli.surroundings import Opened, Run, start
from grouparchive.cli.times import exact
from grouparchive.errors import UsageError, WrongSecret
from grouparchive.model import codec
from grouparchive.model.records import Attachment, Group, Message, Pins, Record

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = (
    "time", "room", "room_ref", "ref", "author", "type", "text", "reply_to", "thread", "edited", "reactions", "files",
)  # fmt: skip


@click.command(cls=Command)
@click.argument("group")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "html"]), required=True, help="What to write.")
@click.option("-o", "--output", "out", metavar="OUT", help="Where to; a folder is filled, files included.")
@click.option("--as-of", "moment", default="", metavar="T", help="As it was then: 2026-05-01T12:00, or a commit.")
@click.option("--with-roster", is_flag=True, help="Also who the people are. Without it they are opaque ids.")
@click.pass_context
def export(context: click.Context, *, group: str, form: str, out: str | None, moment: str, with_roster: bool) -> None:
    r"""Write a group out, to read it or to take it elsewhere.

    As records (jsonl), as a table of posts (csv), or as a site to read (html).

    What is written is not encrypted any more. With -o a folder (one that is there, or a name ending in /) files are
    written too; html always goes to a folder.

    \b
    Example:
      grouparchive export "Example group" --format html -o site/
      grouparchive export "Example group" --format jsonl > group.jsonl
    """
    run = start(context)
    if form == "html" and out is None:
        raise UsageError("html needs a folder to go to", hint="Name it with -o FOLDER.")
    folder = _folder(out, form)
    opened = run.fold(moment)
    if with_roster and any("roster" not in reader.vaults for reader in opened.readers):
        raise WrongSecret(
            "this secret does not open the list of people", hint="Export without --with-roster, or use another secret."
        )
    found = opened.group(group)
    media = MediaFolder(folder / "media", opened) if folder else None
    if form == "html" and folder:
        with run.output.progress("Writing the site") as progress:
            posts = write_site(folder, opened, found, media, with_roster=with_roster, say=progress.say)
    else:
        target = folder / f"group.{form}" if folder else Path(out).expanduser() if out else None
        with _stream(run, target) as stream:
            posts = (_csv if form == "csv" else _jsonl)(
                run, opened, found, stream, media, with_roster=with_roster, events=run.options.json and target is None
            )
    if out:
        run.output.note("What was written can be read by whoever gets it. Delete it when you are done.")
    opened.check_damage()
    if out or run.options.json:
        run.output.line(f"{many(posts, 'post')} written.")
        run.output.done(posts=posts, files=media.written if media else 0, missing=media.missing if media else 0)


def _folder(out: str | None, form: str) -> Path | None:
    """The folder to fill, if it is one.

    Raises:
        UsageError: something is in the way.
    """
    if out is None:
        return None
    path = Path(out).expanduser()
    if form != "html" and not out.endswith(os.sep) and not path.is_dir():
        if path.exists():
            raise UsageError("a file of that name is there already, and is never overwritten", hint="Name another OUT.")
        if not path.parent.is_dir():
            raise UsageError("the folder for the export is not there", hint="Make the folder first.")
        return None
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError("OUT is not an empty folder, and nothing is ever overwritten", hint="Name another folder.")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


@contextmanager
def _stream(run: Run, path: Path | None) -> Iterator["Sink"]:
    if path is None:
        yield Sink(None, run)
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        yield Sink(file, run)


class Sink:
    """Where bytes go: a file, or stdout."""

    def __init__(self, file: BinaryIO | None, run: Run) -> None:
        self._file = file
        self._run = run

    def write(self, data: bytes) -> None:
        """Write bytes."""
        if self._file:
            self._file.write(data)
        else:
            self._run.output.raw(data)


def _records(opened: Opened, group: Group, *, with_roster: bool) -> Iterator[Record]:
    """A group as records, its structure first."""
    view = opened.view
    yield group
    channels = list(view.channels(group.ref))
    yield from channels
    yield from view.roles(group.ref)
    refs = {ref: None for ref in [group.avatar, *(channel.avatar for channel in channels)] if ref}
    for channel in channels:
        yield from view.settings(channel.ref)
        pins = tuple(view.pins(channel.ref))
        if pins:
            yield Pins(channel=channel.ref, messages=pins)
    if with_roster:
        yield from _people(opened, group)
    for channel in channels:
        for record in view.timeline(channel.ref):
            yield record
            if isinstance(record, Message):
                refs |= dict.fromkeys(file.ref for file in record.media)
    for ref in refs:
        attachment = view.attachment(ref)
        if attachment:
            yield attachment
    yield from view.gaps()


def _people(opened: Opened, group: Group) -> Iterator[Record]:
    """Members, their places, and who is banned. A `Membership` here stands under the person's one id."""
    bans = list(opened.view.bans(group.ref))
    people = list(opened.view.people(group.ref))
    for member_id in dict.fromkeys([*(person.id for person in people), *(ban.member for ban in bans)]):
        member = opened.view.members.get(member_id)
        if member:
            yield msgspec.structs.replace(member, id=member_id)
    for person in people:
        yield from person.memberships
    yield from bans


def _jsonl(
    run: Run, opened: Opened, group: Group, sink: Sink, media: MediaFolder | None, *, with_roster: bool, events: bool
) -> int:
    del run
    posts = 0
    for record in _records(opened, group, with_roster=with_roster):
        line = codec.encode(record)
        # With --json every line on stdout is an event; then the record follows in the same object.
        sink.write((b'{"event":"record",' + line[1:] if events else line) + b"\n")
        posts += isinstance(record, Message)
        if media and isinstance(record, Attachment):
            media.take(record)
    return posts


def _csv(
    run: Run, opened: Opened, group: Group, sink: Sink, media: MediaFolder | None, *, with_roster: bool, events: bool
) -> int:
    del run
    names = Names(opened, with_roster=with_roster)
    if not events:
        sink.write(_row(_COLUMNS))
    posts = 0
    for channel in opened.view.channels(group.ref):
        for post in opened.view.posts(channel.ref):
            message = post.message
            posts += 1
            files = [media.of(file.ref, file.name) if media else file.name or file.ref for file in message.media]
            row = (
                exact(message.time),
                channel.name,
                channel.ref,
                message.ref,
                names.of(message.author),
                message.type,
                names.text(post.text),
                message.reply_to,
                message.thread,
                exact(post.edits[-1].time) if post.edits else "",
                " ".join(f"{one.key}x{one.count}" for one in post.reactions),
                " ".join(filter(None, files)),
            )
            if events:
                fields = dict(zip(_COLUMNS, row, strict=True))
                sink.write(msgspec.json.encode({"event": "post", **fields}) + b"\n")
            else:
                sink.write(_row(row))
    return posts


def _row(cells: tuple[str, ...]) -> bytes:
    """One line of CSV. A cell that a spreadsheet would run as a formula is made plain text."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow("'" + cell if cell.startswith(_FORMULA) else cell for cell in cells)
    return line.getvalue().encode("utf-8", "replace")
