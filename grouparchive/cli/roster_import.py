"""`roster import`: what people filled into a form before the disaster, taken in as proposals. Needs no secret. Nobody's name,
handle or answer reaches the screen: rows that cannot be used are told by their lines.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from grouparchive import __version__
from grouparchive.archive.home import WriterHome
from grouparchive.archive.writer import Writer, clock
from grouparchive.backup import stage_mark
from grouparchive.cli.app import Command
from grouparchive.cli.backup import NEW_GAPS, as_list
from grouparchive.cli.output import many, one_line
from grouparchive.cli.plaintext import remains
from grouparchive.cli.roster_facts import UNTIL, place_of
from grouparchive.cli.surroundings import Run, start
from grouparchive.cli.taking import Taken, zone
from grouparchive.cli.times import last_moment
from grouparchive.crypto.members import Pseudonyms
from grouparchive.errors import UsageError
from grouparchive.model.facts import PEOPLE, restricts
from grouparchive.model.records import Fact, Gap, Known, Member, MemberId
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.generic.answers import Words
from grouparchive.platforms.generic.contacts import ContactsFile
from grouparchive.platforms.generic.forms import Answer, Form, Trouble

_WORDS: Final = {
    Known.ANSWER_UNCLEAR: ("answer", "left out: not of the form it should have, or neither yes nor no"),
    Known.ROW_UNREADABLE: ("row", "left out: nothing in it tells who it is about"),
    Known.ROW_EMPTY: ("row", "left out: nothing in it could be used"),
    Known.ANSWERS_UNFINISHED: ("row", "never sent in: only what protects somebody was taken"),
    Known.ANSWERS_OVER: ("row", "whose last day is over or unclear: only what protects somebody was taken"),
    Known.DATE_UNCLEAR: ("date", "not understood: say the order with --dates"),
    Known.LINE_TOO_LONG: ("line", "left out: far too long"),
    Known.TOO_MANY: ("row", "left out: there are too many"),
    Known.FILE_DAMAGED: ("place", "where the file is damaged"),
}
_LIMITS: Final = frozenset({Known.ROW_EMPTY, Known.ANSWERS_UNFINISHED, Known.ANSWERS_OVER})
_Place = tuple[str, str]


@click.command("import", cls=Command)
@click.argument("path", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.option(
    "--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="Which column, by its heading, is what."
)
@click.option("--handle", metavar="COLUMN", help="The column with handles on the group's platform.")
@click.option("--leave", multiple=True, metavar="COLUMN", help="A column that is left out on purpose.")
@click.option("--yes", "yes", multiple=True, metavar="ANSWER", help="An answer that means yes, word for word.")
@click.option("--no", "no", multiple=True, metavar="ANSWER", help="An answer that means no, word for word.")
@click.option("--source", metavar="NAME", help="The source on whose platform the handles are.")
@click.option("--platform", metavar="P", help="The platform of the handles, where there is no source for it.")
@click.option("--origin", metavar="O", default="", help="And the place there, for example a homeserver.")
@click.option("--timezone", metavar="ZONE", default="", help="The time zone of times in it; this machine's by default.")
@click.option(
    "--dates",
    type=click.Choice(["dmy", "mdy", "ymd"]),
    help="The order of day, month and year, where it does not show.",
)
@UNTIL
@click.option("--remove-after", is_flag=True, help="Remove the file, if everything in it came in.")
@click.pass_context
def import_(  # noqa: PLR0917 - click hands them over by name
    context: click.Context, path: Path, columns: tuple[str, ...], handle: str | None, leave: tuple[str, ...],
    yes: tuple[str, ...], no: tuple[str, ...], source: str | None, platform: str | None, origin: str, timezone: str,
    dates: str | None, until: str, *, remove_after: bool,
) -> int:  # fmt: skip
    r"""Take in what people answered in a form: a CSV of Google Forms, Microsoft Forms, Typeform, KoboToolbox or any table.

    Needs no secret: answers are kept as proposals until you confirm them; who said no, is under age or must not be contacted is
    protected at once. Only a plain yes counts as one. FIELD is mail, phone, signal and so on, consent.contact, consent.keep,
    consent.republish, channel, hours, zone, language, tier, voucher, word, card, minor, adult, do-not-contact, hold, name, time
    or until. Usual headings are known. Who has no handle is known by the first address, as in an address book.

    \b
    Example:
      grouparchive roster import answers.csv --column "consent.contact=May we write to you if the group is lost?"
      grouparchive roster import answers.csv --source home --handle "Your user name" --remove-after
    """
    run = start(context)
    chosen = _columns((*columns, *([f"handle={handle}"] if handle else [])))
    wanted = source or platform or origin or {"handle", "voucher"}.intersection(chosen)
    place = place_of(run, source, platform, origin) if wanted else None
    choices = Choices(zone=zone(timezone), dates=dates or "", columns=chosen)  # type: ignore[arg-type]
    found = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - links are kept as they are named
    end, now = last_moment(until), clock()
    box = open_box(found)
    try:
        form = Form(box, choices, words=Words(yes, no), handles=place is not None, now=now, leave=leave)
        answers = list(form.answers())
        mark = _mark(box.fingerprint(), choices, [*yes, "", *no], place, until)
        made = _Made(place, box.modified, end, now)
        made.take(answers)
    finally:
        box.close()
    gaps = [_gap(code, field, one) for (code, field), one in sorted(form.trouble.items())]
    complete = all(gap.limit for gap in gaps)
    home = WriterHome.load(run.profile.writer_folder)
    config = run.profile.must_config()
    with Writer.open(run.writing_path(), home, pinned=bytes.fromhex(config.archive_id)) as writer:
        known = writer.knows_file(stage_mark(mark, "read"))
        if not known:
            for record in (*made.members.values(), *made.facts.values()):
                writer.add(record)
            writer.mark_file(stage_mark(mark, "read"))
            writer.commit({}, {"facts": len(made.facts)}, gaps)
    _columns_told(run, form)
    if known:
        run.output.result("These answers are known already: nothing to do.")
    else:
        _told(run, made, form)
    remains(
        run, [Taken(path=found, title="answers", summary=None, whole=complete and not form.left)], remove=remove_after
    )
    at_once = sum(map(restricts, made.facts.values()))
    counts = Counter[str]()
    for gap in gaps:
        counts[gap.code] += gap.count
    run.output.done(
        known=known,
        rows=len(answers),
        people=len(made.people),
        proposals=0 if known else len(made.facts) - at_once,
        restrictions=0 if known else at_once,
        gaps=as_list(counts),
    )
    return 0 if known or complete else NEW_GAPS


class _Made:
    """Records of answers: `facts` and the `members` whom they mean. Of what somebody answered twice the newest stands last."""

    def __init__(self, place: _Place | None, modified: int, until: int, now: int) -> None:
        self._place = place or ("", "")
        self._modified = modified
        self._until = until
        self._now = now
        self._names = Pseudonyms()
        self.members: dict[MemberId, Member] = {}
        self.people: set[MemberId] = set()
        self.facts: dict[tuple[MemberId, str, str, str], Fact] = {}

    def take(self, answers: Iterable[Answer]) -> None:
        """Make records of answers, the oldest first."""
        for one in answers:
            # Who is known by an address only is the same person as in an address book.
            place = self._place if one.known else (ContactsFile.platform, ContactsFile.origin)
            who = self._member(place, one.native, one.name)
            self.people.add(who)
            for field, key, value in one.said:
                said = self._member(self._place, value) if field in PEOPLE else value
                fact = Fact(
                    member=who, field=field, key=key, value=said, time=min(one.time or self._modified, self._now)
                )
                if not restricts(fact):  # what protects somebody has no end that a form could give it
                    fact = Fact(
                        member=who, field=field, key=key, value=said, until=one.until or self._until, time=fact.time
                    )
                slot = (who, field, key, said)
                self.facts.pop(slot, None)
                self.facts[slot] = fact

    def _member(self, place: _Place, native: str, name: str = "") -> MemberId:
        who = self._names.member_id(*place, native)
        if name or who not in self.members:
            self.members[who] = Member(id=who, platform=place[0], origin=place[1], native=native, name=name)
        return who


def _columns(given: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for one in given:
        field, equals, name = one.partition("=")
        field = field.strip().lower()
        if not equals or not field or not name.strip():
            raise UsageError("a column looks like FIELD=COLUMN", hint='For example: --column "mail=Your address"')
        if field in columns:
            raise UsageError(f"two columns are given for {field}", hint="Name one.")
        columns[field] = name
    return columns


def _mark(file: bytes, choices: Choices, words: Sequence[str], place: _Place | None, until: str) -> bytes:
    """What a file of answers is known by: its bytes, how it is read, and by which version. No tag of a person or a row."""
    columns: Mapping[str, str] = choices.columns
    parts = (
        __version__, "roster", str(choices.zone), choices.dates, until, *(place or ()), "", *words, "",
        *(f"{key}={value}" for key, value in sorted(columns.items())),
    )  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape") + b"\0" + file).digest()


def _gap(code: str, field: str, trouble: Trouble) -> Gap:
    where = f"lines {', '.join(trouble.lines)}" if trouble.lines else ""
    return Gap(
        code=code,
        detail=f"{field}: {where}" if field else where,
        count=trouble.count,
        limit=code in _LIMITS,
    )


def _columns_told(run: Run, form: Form) -> None:
    """Which column is what, and which are left: nothing is lost in silence."""
    for field, name in form.taken.items():
        run.output.result(f"  {field}: {one_line(name, 80)}")
    for words, names in (
        ("Columns that were not taken; say what they are with --column, or --leave", form.left),
        ("Not taken, of the form tool's own", form.tools),
    ):
        if names:
            run.output.note(f"{words}: {', '.join(one_line(name, 80) for name in names)}")
    run.output.event("columns", taken=form.taken, left=form.left, tools=form.tools)


def _told(run: Run, made: _Made, form: Form) -> None:
    at_once = sum(map(restricts, made.facts.values()))
    proposals = len(made.facts) - at_once
    people = len(made.people)
    run.output.result(f"Answers of {'1 person' if people == 1 else f'{people:,} people'} taken in.")
    if at_once:
        run.output.result(f"{many(at_once, 'restriction')} kept: counts at once.")
    if proposals:
        run.output.result(
            f"{many(proposals, 'fact')} kept as proposals: they count once confirmed with `grouparchive roster confirm`."
        )
    for (code, field), trouble in sorted(form.trouble.items()):
        noun, words = _WORDS.get(code, ("row", "could not be read"))
        lines = f" (lines {', '.join(trouble.lines)}{', ...' if trouble.count > len(trouble.lines) else ''})"
        run.output.result(
            f"  {f'{field}: ' if field else ''}{many(trouble.count, noun)} {words}{lines if trouble.lines else ''}"
        )
