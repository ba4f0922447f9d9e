"""`backup` and `status`: what runs unattended, and how it went. Neither asks for a secret, neither can read the archive."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.writer import Writer
from grouparchive.backup import Identities, Summary, run_backup
from grouparchive.cli.app import Command, as_said, where, worst
from grouparchive.cli.output import duration, many, size
from grouparchive.cli.plaintext import remains
from grouparchive.cli.profile import LastRun
from grouparchive.cli.surroundings import Run, start
from grouparchive.cli.taking import inside, take_in, totals, zone
from grouparchive.cli.times import age, when
from grouparchive.errors import Damaged, GroupArchiveError, PlatformError, UsageError
from grouparchive.model.records import Gap, Known
from grouparchive.platforms import registry
from grouparchive.platforms.files import Choices, due_days

NEW_GAPS = 3
FOLDER = "folder"
_DAY = 86_400_000
COMMIT_SECONDS = 180.0
_COUNTS = ("groups", "channels", "members", "messages", "attachments", "new")


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "everything", is_flag=True, help="Every source of this machine.")
@click.pass_context
def backup(context: click.Context, names: tuple[str, ...], *, everything: bool) -> int:
    r"""Add what is new at a source to the archive.

    Asks for no secret and can read nothing of what it archived. It takes up where the last run stopped, whatever stopped it.
    What could not be had is a gap: gaps that are new in this run end it with exit code 3, and are tried again next time.

    \b
    Example:
      grouparchive backup home
      grouparchive backup --all --no-input -q
    """
    run = start(context)
    names = _names(run, names, everything=everything)
    counts: Counter[str] = Counter(dict.fromkeys(_COUNTS, 0))
    gaps: Counter[str] = Counter()
    codes: list[int] = []
    for name in names:
        began = time.time()
        before = _size(run)
        try:
            summary = _back_up(run, name)
        except Exception as error:  # noqa: BLE001 - one source must not stop the others, whatever happens to it
            said = as_said(error)
            codes.append(said.code)
            run.output.error(said if len(names) == 1 else _named(said, name))
            run.output.detail(where(error))
            _note(run, name, LastRun(time=int(began * 1000), code=said.code, grown=_size(run) - before))
            continue
        found = count_gaps(summary.gaps)
        gaps.update(found)
        counts.update({key: getattr(summary, key) for key in _COUNTS})
        codes.append(NEW_GAPS if summary.new_gaps else 0)
        _tell(run, name, summary, time.time() - began)
        _note(
            run,
            name,
            LastRun(
                time=int(began * 1000), code=codes[-1], new=summary.new, grown=_size(run) - before, gaps=dict(found)
            ),
        )
    code = worst(codes)
    if any(code in {0, NEW_GAPS} for code in codes):
        run.output.done(**counts, gaps=as_list(gaps))
    return code


def _names(run: Run, names: tuple[str, ...], *, everything: bool) -> tuple[str, ...]:
    if everything and names:
        raise UsageError("either name sources, or say --all")
    if everything:
        names = tuple(name for name in run.profile.sources() if _has_groups(run, name))
        if not names:
            raise UsageError(
                "there is no source on this machine yet", hint="Add one with: grouparchive source add NAME PLATFORM ..."
            )
    if not names:
        raise UsageError("which source?", hint="Name one or more, or say --all. `grouparchive source list` shows them.")
    for name in names:
        run.profile.source_file(name)
    return tuple(dict.fromkeys(names))


def _has_groups(run: Run, name: str) -> bool:
    """Is there anything to back up in a source? One that cannot be read is tried, so that its fault is told."""
    try:
        return registry.load(run.profile.source_file(name).platform).has_groups
    except GroupArchiveError:
        return True


def _back_up(run: Run, name: str) -> Summary:
    kept, source = run.profile.source_file(name), run.profile.source(name)
    if FOLDER in kept.options:
        return _take_folder(run, kept.platform, kept.options)
    platform = registry.load(kept.platform)
    config = run.profile.must_config()
    path = run.writing_path()
    home = WriterHome.load(run.profile.writer_folder)
    identities = Identities(platform.name, kept.origin)
    with Writer.open(path, home, pinned=bytes.fromhex(config.archive_id)) as writer:
        connector = platform.connector(source, identities)
        try:
            with run.output.progress(f"Backing up {name}") as progress:
                return run_backup(
                    connector,
                    source=name,
                    writer=writer,
                    identities=identities,
                    progress=lambda so_far: progress.say(
                        f"{many(so_far.messages, 'message')}, {many(so_far.attachments, 'file')}, {so_far.new:,} new"
                    ),
                    commit_seconds=COMMIT_SECONDS,
                )
        finally:
            connector.close()


def _take_folder(run: Run, platform: str, options: Mapping[str, str]) -> Summary:
    """Take in the export files that were put into a folder since. What cannot be read is a gap, and tried again next time."""
    broken: list[Gap] = []

    def failed(_: Path, error: GroupArchiveError) -> None:
        broken.append(Gap(code=Known.FILE_DAMAGED))
        run.output.detail(error.message)  # not which: its name may be that of a group or a person

    choices = Choices(
        group=options.get("group", ""),
        zone=zone(options.get("timezone", "")),
        dates=options.get("dates", ""),  # type: ignore[arg-type]
    )
    folder = Path(options[FOLDER])
    if not folder.is_dir():
        raise PlatformError(
            "the folder for export files is not there", hint="Make it again, or attach the disk it is on."
        )
    taken = take_in(run, inside(folder), platform=platform, choices=choices, failed=failed, again=False)
    remains(run, taken, names=False)
    read = [one.summary for one in taken if one.summary]
    return Summary(
        **totals(taken),
        gaps=[*(gap for one in read for gap in one.gaps), *broken],
        new_gaps=bool(broken) or any(one.new_gaps for one in read),
    )


def _named(error: GroupArchiveError, name: str) -> GroupArchiveError:
    """The same error, told of one source among several."""
    return type(error)(f"{name}: {error.message}", hint=error.hint)


def _tell(run: Run, name: str, summary: Summary, seconds: float) -> None:
    output = run.output
    if summary.new:
        output.result(
            f"{name}: {many(summary.new, 'new record')} in {duration(seconds)}: "
            f"{many(summary.messages, 'message')}, {many(summary.attachments, 'file')}, {many(summary.members, 'member')}, "
            f"{many(summary.channels, 'room')}"
        )
    else:
        output.result(f"{name}: nothing new, in {duration(seconds)}")
    for code, count in sorted(count_gaps(summary.gaps).items()):
        output.result(f"  gap: {code} ({count:,})")
    if summary.new_gaps:
        output.note(
            "Some of these gaps are new. What they are about is told by `grouparchive export`, after unlocking."
        )
    output.event(
        "source",
        name=name,
        **{key: getattr(summary, key) for key in _COUNTS},
        gaps=as_list(count_gaps(summary.gaps)),
    )


def count_gaps(gaps: Iterable[Gap]) -> Counter[str]:
    """Gaps as all that may be shown of them without a secret: codes and counts."""
    counts: Counter[str] = Counter()
    for gap in gaps:
        counts[gap.code] += gap.count
    return counts


def as_list(gaps: Counter[str]) -> list[dict[str, object]]:
    """Gap counts for a script."""
    return [{"code": code, "count": count} for code, count in sorted(gaps.items())]


def _size(run: Run) -> int:
    path = run.writing_path()
    return path.stat().st_size if path.exists() else 0


def _note(run: Run, name: str, last: LastRun) -> None:
    """Remember how a run went, for `status`. Not being able to is no reason to call a good backup bad."""
    before = run.profile.last_run(name)
    good = last.time if last.code in {0, NEW_GAPS} else before.good if before else 0
    gaps = last.gaps if last.code in {0, NEW_GAPS} else before.gaps if before else {}
    fed = last.time if last.new else before.fed if before else 0
    noted = LastRun(
        time=last.time, code=last.code, good=good, new=last.new, grown=max(0, last.grown), fed=fed, gaps=gaps
    )
    try:
        run.profile.save_run(name, noted)
    except OSError:
        run.output.warn("how this run went cannot be noted in the profile; the backup itself is not touched by that")


@click.command(cls=Command)
@click.pass_context
def status(context: click.Context) -> None:
    r"""Show how the backups of this machine are doing.

    For each source: the last good run and its age, how much the archive grew, the gaps as codes and counts. Asks for no secret.

    \b
    Example:
      grouparchive status
    """
    run = start(context)
    archive = run.open()[0]
    _tell_archive(run, archive, run.archive_paths[0])
    rows = []
    for name, kept in run.profile.each_source():
        if not _has_groups(run, name):
            continue
        last = run.profile.last_run(name)
        days = due_days(kept.options.get("due", ""))
        due = ((last.fed if last else 0) or int(time.time() * 1000)) + days * _DAY if days else 0
        rows.append([name, kept.platform, *_row(last), _due(due)])
        run.output.event(
            "source",
            name=name,
            platform=kept.platform,
            last=last.time if last else None,
            last_good=last.good or None if last else None,
            code=last.code if last else None,
            new=last.new if last else 0,
            grown=last.grown if last else 0,
            gaps=as_list(Counter(last.gaps)) if last else [],
            due=due or None,
            overdue=bool(due) and due < time.time() * 1000,
        )
    run.output.line()
    if rows:
        run.output.table(
            ["source", "platform", "last good run", "age", "last result", "new", "grown by", "gaps", "next export"],
            rows,
        )
    else:
        run.output.line("There is no source yet. Add one with: grouparchive source add NAME PLATFORM ...")
    if archive.damage:
        raise Damaged(f"the archive is damaged: {archive.damage[0]}")
    run.output.done(sources=len(rows), commits=len(archive.commits))


def _tell_archive(run: Run, archive: Archive, path: Path) -> None:
    commits = archive.commits
    newest = max((commit.time for commit in commits), default=0)
    run.output.line(
        f"Archive: {many(len(commits), 'commit')}, {size(path.stat().st_size)}, "
        f"the newest of {when(newest)} ({age(newest)} ago)"
    )
    run.output.event("archive", commits=len(commits), bytes=path.stat().st_size, newest=newest)


def _due(due: int) -> str:
    """When the next export of a folder source is due."""
    if not due:
        return ""
    left = due / 1000 - time.time()
    return f"due in {duration(left)}" if left > 0 else f"overdue by {duration(-left)}"


def _row(last: LastRun | None) -> list[str | int]:
    if last is None:
        return ["never", "", "", 0, "", ""]
    result = {0: "well", NEW_GAPS: "with new gaps"}.get(last.code, f"failed (code {last.code})")
    gaps = ", ".join(f"{code} {count:,}" for code, count in sorted(last.gaps.items()))
    good = when(last.good) if last.good else "never"
    return [good, age(last.good) if last.good else "", result, last.new, size(last.grown), gaps or "none"]
