"""Looking inside: `groups`, `search`. Each unlocks, prints and forgets; nothing is written to the disk."""

import click

from grouparchive.archive.moment import Moment
from grouparchive.archive.search import search as search_archive
from grouparchive.archive.suppressed import Hidden
from grouparchive.cli.app import Command
from grouparchive.cli.output import many, one_line
from grouparchive.cli.surroundings import start
from grouparchive.cli.times import when

AS_OF = click.option(
    "--as-of", "moment", default="", metavar="T", help="As it was then: 2026-05-01T12:00, or a commit's number."
)


@click.command(cls=Command)
@AS_OF
@click.pass_context
def groups(context: click.Context, moment: str) -> None:
    r"""List the groups in the archive.

    \b
    Example:
      grouparchive groups
      grouparchive groups --as-of 2026-05-01T12:00
    """
    run = start(context)
    opened = run.fold(moment)
    found = list(opened.view.groups())
    rows = []
    for group in found:
        channels = len(list(opened.view.channels(group.ref)))
        rows.append((group.name or "(no name)", group.platform, group.origin, channels, group.ref))
        run.output.event(
            "group", ref=group.ref, name=group.name, platform=group.platform, origin=group.origin, channels=channels
        )
    if rows:
        run.output.table(["group", "platform", "origin", "rooms", "reference"], rows)
    else:
        run.output.line("There is no group in the archive at that moment.")
    opened.check_damage()
    run.output.done(groups=len(rows))


@click.command(cls=Command)
@click.argument("words", nargs=-1, required=True)
@click.option("--group", metavar="G", help="Only in this group, by its name or reference.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="Stop after so many.")
@click.pass_context
def search(context: click.Context, words: tuple[str, ...], group: str | None, limit: int) -> None:
    r"""Search all posts for words, in any script.

    A post must hold all of them. What was edited or deleted later is found too.

    \b
    Example:
      grouparchive search meeting tuesday
      grouparchive search lantern --group "Example group"
    """
    run = start(context)
    channels = None
    hits = 0
    if group:
        opened = run.fold()
        channels = {channel.ref for channel in opened.view.channels(opened.group(group).ref)}
        readers = opened.readers
    else:
        readers = run.unlock()
    opener = run.opener(readers, Moment())
    hidden = Hidden(readers)
    for reader in readers:
        for _, hit in search_archive(reader, list(words), channels=channels, open_message=opener, hidden=hidden):
            hits += 1
            run.output.line(f"{when(hit.time)}  {hit.author[:8] or '-':8}  {one_line(hit.text, 160)}")
            run.output.event("hit", time=hit.time, channel=hit.channel, ref=hit.ref, author=hit.author, text=hit.text)
            if hits >= limit:
                break
        if hits >= limit:
            run.output.note(f"Stopped after {many(limit, 'post')}. There may be more: see --limit.")
            break
    if not hits:
        run.output.line("No post holds these words.")
    for reader in readers:
        reader.check()
    run.output.done(hits=hits)
