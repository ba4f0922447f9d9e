"""`plan`, `show`, `apply`, `report`: the way back, from the archive over a reviewed plan to a rebuilt group."""

import glob
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

import click
import msgspec

from grouparchive.cli import plan_words
from grouparchive.cli.app import Command
from grouparchive.cli.output import many
from grouparchive.cli.surroundings import Opened, Run, start
from grouparchive.cli.witnesses import proved
from grouparchive.durable import write_whole
from grouparchive.errors import UnsafePlan, UsageError
from grouparchive.model.plan import Plan, Policy
from grouparchive.model.ports import Target
from grouparchive.platforms import registry
from grouparchive.restore import planfile
from grouparchive.restore.applier import Report
from grouparchive.restore.applier import apply as apply_plan
from grouparchive.restore.desire import ArchiveTimelines, desired
from grouparchive.restore.journal import Journal, journal_path
from grouparchive.restore.losses import gap_of
from grouparchive.restore.metadata import stripping
from grouparchive.restore.planner import make_plan
from grouparchive.restore.report import compare

NEW_GAPS = 3
_CONTENT = ("none", "structure", "pinned", "consented", "all")
_AUTHORS = ("anonymous", "ghost", "consented")


@click.command(cls=Command)
@click.argument("group")
@click.option("--to", "target", required=True, metavar="NAME", help="The source entry where it is rebuilt.")
@click.option("--as-of", "moment", default="", metavar="T", help="Before the attack: 2026-05-01T12:00, or a commit.")
@click.option(
    "--trusted",
    default="",
    metavar="COMMIT",
    help="The newest backup that was surely made before the attack: the number of its commit.",
)
@click.option(
    "--witness", "witnesses", metavar="W", multiple=True, help="The same, proved by the words noted before the attack."
)
@click.option(
    "--content",
    type=click.Choice(_CONTENT),
    default="structure",
    show_default=True,
    help="Which posts are written again. Whoever gets in reads them, infiltrators too.",
)
@click.option(
    "--authors",
    type=click.Choice(_AUTHORS),
    default="anonymous",
    show_default=True,
    help="Whose posts they are: nobody's, or invented stand-ins', one for each person.",
)
@click.option("-o", "--output", "out", required=True, metavar="PLAN", help="Where the plan is written, sealed.")
@click.pass_context
def plan(
    context: click.Context,
    *,
    group: str,
    target: str,
    moment: str,
    trusted: str,
    witnesses: tuple[str, ...],
    content: str,
    authors: str,
    out: str,
) -> None:
    r"""Plan how a group is rebuilt, and what will be lost. Touches nothing.

    GROUP is a name or a reference, as `grouparchive groups` shows them. The plan is sealed: only who opens the archive
    reads it.

    Who took the machine that makes the backups can add members and roles to them. --trusted says up to where that cannot be:
    whoever only later backups tell of gets no role, and stays on hold when people are invited.

    \b
    Example:
      grouparchive plan "Example group" --to home --as-of 2026-05-01T12:00 -o way-back.plan
      grouparchive plan "Example group" --to home --witness "enjoy mother senior ..." -o way-back.plan
      grouparchive plan "Example group" --to home --trusted 41 -o way-back.plan
      grouparchive plan "Example group" --to home --content all --authors ghost -o way-back.plan
    """
    run = start(context)
    path = Path(out).expanduser().absolute()
    if not path.parent.is_dir():
        raise UsageError("the folder for the plan is not there", hint="Make the folder first.")
    if any(path.parent.glob(f"{glob.escape(path.name)}.*.journal")):
        raise UsageError(
            "a plan of that name was begun already, and is needed to finish what it began", hint="Name another with -o."
        )
    run.profile.source_file(target)
    opened = run.fold(moment, trusted=_proved(run, trusted, witnesses))
    wanted = desired(opened.view, opened.group(group).ref)
    policy = Policy(
        key=secrets.token_hex(32),
        content=cast('Literal["none", "structure", "pinned", "consented", "all"]', content),
        authors=cast('Literal["anonymous", "ghost", "consented"]', authors),
    )
    with _target(run, opened, target) as place:
        run.output.detail("Looking at the target...")
        observed = place.observe()
        timelines = ArchiveTimelines(opened.view, opened.blob)
        made = make_plan(wanted, observed, place.performs, policy, timelines, target=target)
    damaged = sum(len(reader.damage) for reader in opened.readers)
    if damaged:
        made = msgspec.structs.replace(made, gaps=(*made.gaps, gap_of("archive-damaged", damaged)))
    reader = opened.readers[0]
    key = reader.key("content")
    planfile.save(path, made, key.public, archive_id=reader.archive_id, epoch=key.epoch)
    found = plan_words.facts(made)
    posts = sum(room.posts for room in found.rooms)
    run.output.line(f"Planned: {many(len(found.rooms), 'room')}, {many(posts, 'post')}, {many(found.bans, 'ban')}.")
    lost = f"{len(found.gaps):,} kinds of loss" if found.gaps else "Nothing will be lost"
    run.output.line(f"{lost}; it takes {plan_words.how_long(found.seconds)}.")
    run.output.line(f"Digest: {found.digest}")
    run.output.line(found.trusted)
    _warn_of_trust(run, opened)
    run.output.note(f"Look at it before anything is done: grouparchive show {_shown(out)}")
    if damaged:
        run.output.warn(
            "the archive is damaged: the plan is made of what can be read. Use another copy if you have one."
        )
        opened.check_damage()
    run.output.done(
        digest=found.digest,
        trusted=made.trusted,
        trusted_by=made.trusted_by,
        suspect=opened.view.suspect,
        rooms=len(found.rooms),
        posts=posts,
        gaps=[{"code": code, "count": count} for code, count, _ in found.gaps],
        seconds=round(found.seconds, 1),
    )


def _proved(run: Run, trusted: str, witnesses: tuple[str, ...]) -> str:
    """Up to where backups can be trusted: as a person says, or as witnesses prove."""
    if not witnesses:
        return trusted
    if trusted:
        raise UsageError("--trusted and --witness say the same", hint="Give one of them.")
    found = [one for one in proved(run.open(), witnesses) if not one.of_owner]
    if not found:
        raise UsageError(
            "these words prove the owner's statements, and no backup",
            hint="Give the words of the machine that makes the backups.",
        )
    return ",".join(f"{one.writer}:{one.seq}" for one in found)


def _warn_of_trust(run: Run, opened: Opened) -> None:
    """What a thief of the machine that makes the backups may have put into them."""
    if opened.view.suspect:
        run.output.warn(
            f"the plan takes in {many(opened.view.suspect, 'backup')} whose clock or signature cannot be right: somebody may "
            "have forged them. Who only they tell of gets no role and stays on hold. Better: plan with --as-of before them."
        )
    if not opened.view.trusted.by:
        run.output.warn(
            "nobody has said up to which backup this archive can be trusted, so the plan believes all that it takes in. If the "
            "machine that makes the backups may have been in other hands, plan again with --trusted COMMIT, the newest backup "
            "from surely before that. Everyone stays on hold until you release them."
        )


def _shown(path: str) -> str:
    return f'"{path}"' if " " in path else path


@click.command(cls=Command)
@click.argument("path", metavar="PLAN", type=click.Path())
@click.option("--gaps", "gaps_only", is_flag=True, help="Only what will be lost.")
@click.option("--html", "html", metavar="OUT", help="Also write a page for review, for a screen or for paper.")
@click.pass_context
def show(context: click.Context, path: str, html: str | None, *, gaps_only: bool) -> None:
    r"""Show a plan: what will be done, and what will be lost.

    \b
    Example:
      grouparchive show way-back.plan
      grouparchive show way-back.plan --gaps
    """
    run = start(context)
    found = plan_words.facts(load(run, Path(path))[0])
    for line in plan_words.lines(found, gaps_only=gaps_only):
        run.output.line(line)
    if html:
        out = Path(html).expanduser().absolute()
        write_whole(out, plan_words.as_page(found).encode("utf-8", "replace"))
        run.output.warn("the page can be read by whoever gets the file: it shows the names of the group and its rooms")
    for code, count, text in found.gaps:
        run.output.event("gap", code=code, count=count, text=text)
    if not gaps_only:
        for room in found.rooms:
            run.output.event(
                "room", name=room.name, neutral=room.neutral, private=room.private, posts=room.posts, files=room.files
            )
    run.output.done(
        digest=found.digest,
        words=plan_words.digest_words(found.digest),
        group=found.group,
        target=found.target,
        moment=found.moment,
        content=found.content,
        authors=found.authors,
        seconds=round(found.seconds, 1),
    )


@click.command(cls=Command)
@click.argument("path", metavar="PLAN", type=click.Path())
@click.option("--expect", metavar="DIGEST", help="The digest that was reviewed; needed where nobody can be asked.")
@click.option("--dry-run", is_flag=True, help="Check everything, do nothing.")
@click.option("--reveal", is_flag=True, help="Also give the real name, topic, picture and roles: when people are back.")
@click.option("--allow-plaintext", is_flag=True, help="Encrypted rooms may come back without encryption.")
@click.pass_context
def apply(
    context: click.Context, path: str, expect: str | None, *, dry_run: bool, reveal: bool, allow_plaintext: bool
) -> int:
    r"""Do what a plan says; run it again to resume. Contacts nobody.

    Before anything is done it asks for the words of the plan, so that what is done is what you reviewed.

    \b
    Example:
      grouparchive apply way-back.plan
      grouparchive apply way-back.plan --reveal
    """
    run = start(context)
    place = Path(path)
    plan, opened = load(run, place)
    digest = expect if expect is not None else plan.digest() if dry_run else _confirmed(run, plan)
    with (
        _target(run, opened, plan.target) as target,
        Journal(journal_path(place, plan), plan) as journal,
        run.output.progress("Rebuilding") as progress,
    ):
        report = apply_plan(
            plan,
            target,
            journal,
            expect=digest,
            timelines=ArchiveTimelines(opened.view, opened.blob),
            natives=opened.native(plan.platform),
            reveal=reveal,
            dry_run=dry_run,
            allow_plaintext=allow_plaintext,
            progress=progress.count,
        )
    _tell(run, report, dry_run=dry_run, reveal=reveal)
    return NEW_GAPS if report.failed else 0


def _confirmed(run: Run, plan: Plan) -> str:
    """The digest, when a person has typed its first words."""
    if not run.secrets.can_ask:
        raise UsageError(
            "the digest of the reviewed plan is missing, and nobody can be asked here",
            hint="Give it with --expect DIGEST; `grouparchive show PLAN` tells it.",
        )
    for line in plan_words.lines(plan_words.facts(plan)):
        run.output.note(line)
    words = plan_words.digest_words(plan.digest())
    typed = run.secrets.text(
        f"To go on, type the {len(words)} words of the plan you reviewed",
        missing="the digest of the reviewed plan",
        option="--expect DIGEST",
    )
    if typed.lower().split() != words:
        raise UnsafePlan(
            "these are not the words of this plan; nothing was done",
            hint="Look at it with `grouparchive show`, then type its words.",
        )
    return plan.digest()


def _tell(run: Run, report: Report, *, dry_run: bool, reveal: bool) -> None:
    output = run.output
    if dry_run:
        output.line(f"All checks hold. {many(report.total, 'action')} would be done; nothing was.")
    else:
        before = f", {report.already:,} stood already" if report.already else ""
        output.line(f"{report.done:,} of {many(report.total, 'action')} done{before}.")
        for gap in report.gaps:
            output.line(f"  {gap.count:>7,}  {gap.text} ({gap.code})")
        if not reveal:
            output.note("The group stands under its neutral name, and nobody was contacted.")
            output.note("Next: grouparchive report PLAN, then grouparchive invite prepare PLAN.")
    for gap in report.gaps:
        output.event("gap", code=gap.code, count=gap.count, text=gap.text)
    output.done(
        total=report.total,
        done=report.done,
        already=report.already,
        skipped=report.skipped,
        failed=report.failed,
        group=report.group,
        dry_run=dry_run,
        gaps=[{"code": gap.code, "count": gap.count} for gap in report.gaps],
    )


@click.command(cls=Command)
@click.argument("path", metavar="PLAN", type=click.Path())
@click.pass_context
def report(context: click.Context, path: str) -> int:
    r"""Compare the rebuilt group with the archive, feature by feature.

    Reads the group back from the platform. "Explained" is what the plan said would be lost; "unexplained" should be 0.

    \b
    Example:
      grouparchive report way-back.plan
    """
    run = start(context)
    place = Path(path)
    plan, opened = load(run, place)
    with _target(run, opened, plan.target) as target, Journal(journal_path(place, plan), plan) as journal:
        rows = compare(plan, opened.view, target, open_blob=opened.blob, outcome=journal.outcome)
    run.output.table(
        ["feature", "archived", "restored", "explained", "unexplained"],
        [(row.feature, row.archived, row.restored, row.explained, row.unexplained) for row in rows],
    )
    for row in rows:
        run.output.event(
            "feature",
            feature=row.feature,
            archived=row.archived,
            restored=row.restored,
            explained=row.explained,
            unexplained=row.unexplained,
        )
    unexplained = sum(row.unexplained for row in rows)
    run.output.line()
    run.output.line(f"Unexplained differences: {unexplained:,}")
    run.output.done(unexplained=unexplained)
    return NEW_GAPS if unexplained else 0


def load(run: Run, path: Path) -> tuple[Plan, Opened]:
    """A plan, and the archives that it was made from, folded as they were then."""
    readers = run.unlock()
    plan = planfile.load(path, readers[0].key("content"), archive_id=readers[0].archive_id)
    return plan, run.fold_as_planned(readers, plan)


@contextmanager
def _target(run: Run, opened: Opened, name: str) -> Iterator[Target]:
    """A target, opened."""
    source = run.profile.source(name)
    platform = registry.load(source.platform)
    target = platform.target(source, opened.identify(source.platform), stripping(opened.blob))
    try:
        yield target
    finally:
        target.close()
