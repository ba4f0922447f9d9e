"""Saying something about people: `roster add` proposes with no secret, `roster confirm` and `roster set` make it count with the
archive's secret. Handles and values reach the screen of whoever asked for them, never an error or a log.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import click

from grouparchive.archive.attended import attend
from grouparchive.archive.home import WriterHome
from grouparchive.archive.trust import Standing
from grouparchive.archive.writer import Writer, clock
from grouparchive.cli.app import Command
from grouparchive.cli.output import many
from grouparchive.cli.secrets import STDIN
from grouparchive.cli.surroundings import Opened, Run, start
from grouparchive.cli.taking import zone
from grouparchive.cli.times import last_moment, when
from grouparchive.crypto.members import Pseudonyms
from grouparchive.errors import UsageError
from grouparchive.model.attended import Attended
from grouparchive.model.facts import PEOPLE, parse_setting, restricts, slot_of
from grouparchive.model.records import Fact, FactField, Member, MemberId
from grouparchive.platforms import registry
from grouparchive.platforms.files.addresses import dialled, mail, phone
from grouparchive.platforms.generic.contacts import ContactsFile

_Naming: TypeAlias = Callable[[str], MemberId]
_PLACES: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_LONGEST: Final = 1024
_WORD, _WORD_FILE = "word", "word-file"
_NEVER_IN_BULK: Final[frozenset[FactField]] = frozenset({"member", "same-as"})


UNTIL: Final = click.option(
    "--until", metavar="DAY", default="", help="The last day on which it counts, such as 2027-05-01; for ever without."
)


@click.command(cls=Command)
@click.argument("handle")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--source", metavar="NAME", help="The source on whose platform they have this handle.")
@click.option("--platform", metavar="P", help="The platform, where there is no source for it.")
@click.option("--origin", metavar="O", default="", help="And the place there, for example a homeserver.")
@click.option("--by-address", is_flag=True, help="They have no handle: HANDLE is their mail address or phone number.")
@UNTIL
@click.pass_context
def add(
    context: click.Context,
    *,
    handle: str,
    settings: tuple[str, ...],
    source: str | None,
    platform: str | None,
    origin: str,
    by_address: bool,
    until: str,
) -> None:
    r"""Note something about a person. Needs no secret: it is kept as a proposal until you confirm it.

    mail=, phone=, signal=, matrix=, telegram=, whatsapp= or contact.NAME= say how to reach them; consent.contact=yes,
    consent.keep=yes and consent.republish=yes what they agree to; channel=signal how they would rather be asked, and
    hours=09:00-17:30 with zone=Asia/Baku when; tier=1..4, language=, voucher=HANDLE, card=NUMBER, same-as=HANDLE, member=yes.
    The word agreed with them is secret: word-file=FILE or word=- (standard input). What protects somebody counts at once:
    do-not-contact=yes, consent.contact=no, minor=yes, hold=yes. Without KEY=VALUE it says that they are a genuine member.
    What is typed may stay in the history of your shell. Somebody who is in no group can be added all the same.

    \b
    Example:
      grouparchive roster add @fern:example.org mail=fern@example.org consent.contact=yes
      grouparchive roster add moss@example.org --by-address consent.contact=yes hours=18:00-21:00 zone=Asia/Baku
      grouparchive roster add @fern:example.org --source home do-not-contact=yes
    """
    run = start(context)
    names = Pseudonyms()
    members: dict[MemberId, Member] = {}
    place: tuple[str, str] | None = None

    def person(typed: str) -> MemberId:
        nonlocal place
        place = place or place_of(run, source, platform, origin)
        return noted(place, typed)

    def noted(where: tuple[str, str], native: str) -> MemberId:
        member = _member(names, *where, native)
        members[member.id] = member
        return member.id

    if by_address:
        # As in an address book, and as whoever answers a form without a handle.
        native, itself = _address(handle)
        who = noted((ContactsFile.platform, ContactsFile.origin), native)
        key = itself.partition("=")[0]
        if not any(one.partition("=")[0].strip().lower() in {key, f"contact.{key}"} for one in settings):
            settings = (itself, *settings)
    else:
        who = person(handle)
    end = last_moment(until)
    facts = _facts(run, who, settings, person, end) or [
        Fact(member=who, field="member", value="yes", until=end, time=clock())
    ]
    config = run.profile.must_config()
    home = WriterHome.load(run.profile.writer_folder)
    with Writer.open(run.writing_path(), home, pinned=bytes.fromhex(config.archive_id)) as writer:
        for record in (*members.values(), *facts):
            writer.add(record)
        writer.commit({}, {"facts": len(facts)}, [])
    at_once = sum(map(restricts, facts))
    if at_once:
        run.output.line(f"{many(at_once, 'restriction')} kept: counts at once.")
    if len(facts) > at_once:
        kept = many(len(facts) - at_once, "fact")
        run.output.line(f"{kept} kept as a proposal; it counts once confirmed with `grouparchive roster confirm`.")
    run.output.done(proposals=len(facts) - at_once, restrictions=at_once)


@click.command("set", cls=Command)
@click.argument("handle")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE...")
@UNTIL
@click.pass_context
def set_(context: click.Context, *, handle: str, settings: tuple[str, ...], until: str) -> None:
    r"""Say something about a person so that it counts, or take it back. Needs the archive's secret.

    HANDLE is a handle or an id, as `grouparchive roster list` shows them; the keys are those of `roster add`. An empty value
    takes back. A restriction is lifted by saying the opposite.

    \b
    Example:
      grouparchive roster set @fern:example.org do-not-contact=no consent.contact=yes
      grouparchive roster set @fern:example.org mail=
    """
    run = start(context)
    opened = _owner(run)
    statement = Statement(opened)
    who = statement.name(opened.person(handle, "the person named"))
    facts = _facts(
        run,
        who,
        settings,
        lambda typed: statement.name(opened.person(typed, "the other person named")),
        last_moment(until),
    )
    statement.facts += facts
    statement.sign()
    run.output.line(f"{many(len(facts), 'fact')} stated. It counts from now on.")
    run.output.done(stated=len(facts))


@click.command(cls=Command)
@click.argument("handles", nargs=-1, metavar="[HANDLE]...")
@click.option("--all", "everything", is_flag=True, help="Everything that waits, without a question for each.")
@click.pass_context
def confirm(context: click.Context, handles: tuple[str, ...], *, everything: bool) -> None:
    r"""Look at what machines proposed about people, and make it count. Needs the archive's secret.

    Asks about each proposal. Say yes to what you know from the person: a thief of the machine that makes the backups could have
    written it. Whoever you name is also confirmed as a genuine member. --all leaves what would lift a restriction, make
    somebody a member or two people one: that is confirmed by name only. What you do not confirm stays a proposal.

    \b
    Example:
      grouparchive roster confirm
      grouparchive roster confirm @fern:example.org @moss:example.org
    """
    run = start(context)
    if everything and handles:
        raise UsageError("either name people, or say --all")
    opened = _owner(run)
    named = [opened.person(handle, f"the {_nth(at)} person named") for at, handle in enumerate(handles)]
    asks = run.secrets.can_ask and not everything
    if not (asks or everything or named):
        raise UsageError(
            "what to confirm is missing, and nobody can be asked here", hint="Name people, or say --all for everything."
        )

    def agreed(standing: Standing, fact: Fact) -> bool:
        if everything:
            return fact.field not in _NEVER_IN_BULK and not _lifts(standing, fact)
        return not asks or run.secrets.choose("  Is that right?", missing="a decision", option="--all")

    statement = Statement(opened)
    left = 0
    for person in dict.fromkeys(named or opened.view.members):
        standing = opened.view.standing(person)
        wanted = _wanted(standing, person, named=bool(named))
        if wanted:
            run.output.line(opened.called(person))
        for fact in wanted:
            run.output.line(f"  {called(fact, opened)}")
            taken = agreed(standing, fact) and statement.take(person, fact)
            left += not taken
            run.output.event("proposal", id=person, fact=called(fact), confirmed=taken)
    if statement.facts:
        statement.sign()
        run.output.line(f"{many(len(statement.facts), 'fact')} confirmed. It counts from now on.")
    else:
        run.output.line("Nothing was confirmed." if left else "Nothing waits to be confirmed.")
    if left:
        run.output.note(f"{many(left, 'proposal')} left. Take one back with: grouparchive roster set HANDLE KEY=")
    members = sum((fact.field, fact.value) == ("member", "yes") for fact in statement.facts)
    run.output.done(confirmed=len(statement.facts), members=members, left=left)


def _nth(at: int) -> str:
    return _PLACES[at] if at < len(_PLACES) else f"{at + 1}th"


def _wanted(standing: Standing, person: MemberId, *, named: bool) -> list[Fact]:
    """What there is to confirm about a person; who is named also becomes a member for certain."""
    wanted = list(standing.proposals)
    if named and not standing.confirmed and not any(fact.field == "member" for fact in wanted):
        wanted.append(Fact(member=person, field="member", value="yes", time=clock()))
    return wanted


class Statement:
    """What the owner is about to state: who is meant, under ids made for it alone, and what is said of them."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._names = Pseudonyms()
        self._members: dict[MemberId, Member] = {}
        self.facts: list[Fact] = []

    def name(self, person: MemberId) -> MemberId:
        """The id that stands for a person in this statement."""
        known = self._opened.view.members[person]
        member = _member(self._names, known.platform, known.origin, known.native)
        self._members[member.id] = member
        return member.id

    def take(self, person: MemberId, fact: Fact) -> bool:
        """Say a proposal, as it was proposed. Not where it names somebody who is not in the archive."""
        value = fact.value
        if fact.field in PEOPLE and value:
            other = self._opened.view.canonical(value)
            if other not in self._opened.view.members:
                return False
            value = self.name(other)
        self.facts.append(
            Fact(
                member=self.name(person), field=fact.field, key=fact.key, value=value, until=fact.until, time=fact.time
            )
        )
        return True

    def sign(self) -> None:
        """Put it into the archive. It says what the person could see: every commit up to now."""
        reader = self._opened.readers[0]
        position: dict[str, int] = {}
        for commit in reader.commits:
            position[commit.writer] = max(commit.seq, position.get(commit.writer, 0))
        said = Attended(position=position, members=tuple(self._members.values()), facts=tuple(self.facts))
        attend(reader, said)


def _lifts(standing: Standing, fact: Fact) -> bool:
    """Would this end a restriction?"""
    field, key = slot_of(fact)
    counting = Fact(member=fact.member, field=field, key=key, value=standing.facts.get((field, key), ""))
    return restricts(counting) and not restricts(fact)


def _owner(run: Run) -> Opened:
    """The one archive that statements go into, opened and as it is now."""
    run.writing_path()
    opened = run.fold()
    opened.readers[0].key("roster")
    return opened


def _facts(run: Run, who: MemberId, settings: Sequence[str], person: _Naming, until: int) -> list[Fact]:
    """What was typed, about one person."""
    found: dict[tuple[FactField, str], Fact] = {}
    for text in settings:
        field, key, value = parse_setting(_without_secret(run, text))
        if field == "zone" and value:
            zone(value, "zone=Asia/Baku")
        fact = Fact(
            member=who,
            field=field,
            key=key,
            value=person(value) if field in PEOPLE and value else value,
            until=until,
            time=clock(),
        )
        if slot_of(fact) in found:
            raise UsageError("the same is said twice, of one person", hint="Say each thing once.")
        found[slot_of(fact)] = fact
    return list(found.values())


def _without_secret(run: Run, text: str) -> str:
    """A setting whose secret was read from where it lies, if it has one."""
    name, _, value = text.partition("=")
    name = name.strip().lower()
    if name == _WORD_FILE:
        return f"{_WORD}={run.secrets.read(value, 'file with the word').strip()}"
    if name != _WORD or not value:
        return text
    if value != STDIN:
        raise UsageError(
            "the word agreed with a person is secret, and a secret is never typed into a command line",
            hint=f"Use {_WORD_FILE}=FILE, or {_WORD}=- for the standard input.",
        )
    return f"{_WORD}={run.secrets.read(STDIN, 'word').strip()}"


def place_of(run: Run, source: str | None, platform: str | None, origin: str) -> tuple[str, str]:
    """Platform and origin of handles, as a person says or as the only source does.

    Raises:
        UsageError: it is not clear.
    """
    if source and (platform or origin):
        raise UsageError("either name a source, or a platform and its origin")
    if source:
        kept = run.profile.source_file(source)
        return kept.platform, kept.origin
    if platform or origin:
        if not platform:
            raise UsageError(
                "--platform is missing", hint="For example: --platform matrix --origin https://example.org"
            )
        _must_be_plain(platform, "the platform")
        _must_be_plain(origin, "the origin")
        return platform, origin
    places = {
        (kept.platform, kept.origin) for _, kept in run.profile.each_source() if registry.load(kept.platform).has_groups
    }
    if len(places) != 1:
        raise UsageError(
            "on which platform is this person?",
            hint="Name a source with --source NAME, or say --platform and --origin.",
        )
    return places.pop()


def _address(typed: str) -> tuple[str, str]:
    """What somebody without a handle is known by, and the setting that says how to reach them there."""
    if address := mail(typed):
        return address.lower(), f"mail={address}"
    if number := phone(typed):
        return dialled(number), f"phone={number}"
    raise UsageError(
        "this is no mail address and no phone number", hint="Without --by-address it is taken for a handle."
    )


def _member(names: Pseudonyms, platform: str, origin: str, native: str) -> Member:
    _must_be_plain(native, "a handle")
    return Member(id=names.member_id(platform, origin, native), platform=platform, origin=origin, native=native)


def _must_be_plain(text: str, what: str) -> None:
    if len(text) > _LONGEST or not text.isprintable() or text != text.strip() or (not text and what == "a handle"):
        raise UsageError(f"{what} is up to {_LONGEST} printable characters, without spaces around it")


def called(fact: Fact, opened: Opened | None = None) -> str:
    """A fact as a person reads it. The word agreed with somebody is not shown, and another person only by name or id."""
    value = fact.value or "(taken back)"
    if fact.field == "word" and fact.value:
        value = "(not shown)"
    elif fact.field in PEOPLE and fact.value and opened:
        value = opened.called(opened.view.canonical(fact.value))
    name = fact.key if fact.field == "contact" else f"consent to {fact.key}" if fact.field == "consent" else fact.field
    until = f", until {when(fact.until)}" if fact.until else ""
    return f"{name}: {value}{until}"
