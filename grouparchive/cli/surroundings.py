"""What commands share: the options, the output, the secrets and the profile of a run; opening archives, unlocking them, folding
them to a moment, and telling who is behind a member id.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click

from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.fold import View, fold
from grouparchive.archive.moment import Moment, parse_moment, parse_position, resolve
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.union import make_twins, overlay
from grouparchive.cli.app import Globals, given
from grouparchive.cli.output import Output
from grouparchive.cli.profile import Profile
from grouparchive.cli.secrets import Secrets
from grouparchive.crypto.members import Pseudonyms
from grouparchive.crypto.signing import ManifestEntry
from grouparchive.errors import Damaged, UnsafePlan, UsageError
from grouparchive.model import codec
from grouparchive.model.plan import Plan
from grouparchive.model.ports import Identify
from grouparchive.model.records import AnyRecord, Group, Member, MemberId, Message, RoomKey, Vault
from grouparchive.platforms import registry
from grouparchive.restore.desire import moment_of, position_of, trusted_of

_ROOM_KEY = b'"kind":"room_key"'


@dataclass
class Run:
    """One run of the command line."""

    options: Globals
    on_close: Callable[[Callable[[], object]], object]  # calls what it is given when the command ends

    @cached_property
    def output(self) -> Output:
        """Where to print."""
        return self.options.output

    @cached_property
    def secrets(self) -> Secrets:
        """Where secrets come from."""
        return Secrets(self.options, self.output)

    @cached_property
    def profile(self) -> Profile:
        """This machine's profile."""
        return Profile(self.options.profile)

    @property
    def archive_paths(self) -> list[Path]:
        """The archives to read: those named, else the one of the profile.

        Raises:
            NoArchive: there is neither.
        """
        named = [path.expanduser().absolute() for path in self.options.archives]
        return named or [Path(self.profile.must_config().archive)]

    def writing_path(self) -> Path:
        """The one archive that this profile writes to.

        Raises:
            NoArchive: there is none.
            UsageError: several were named.
        """
        paths = self.archive_paths
        if len(paths) > 1:
            raise UsageError("only one archive can be written to", hint="Name one --archive.")
        return paths[0]

    def open(self) -> list[Archive]:
        """The archives to read, still locked.

        Raises:
            NoArchive, Damaged: as `Archive.open`; Damaged also when the profile's own archive is another one now.
        """
        archives = [self._open(path) for path in self.archive_paths]
        overlay(archives)
        return archives

    def _open(self, path: Path) -> Archive:
        archive = Archive.open(path)
        self.on_close(archive.close)
        pinned = self.pinned(path)
        if pinned is not None and archive.archive_id != pinned:
            raise Damaged(
                "in the place of this machine's archive lies another one",
                hint="Do not use it. Fetch a copy of yours, and ask who could write to that place.",
            )
        return archive

    def pinned(self, path: Path) -> bytes | None:
        """The id that an archive must have, if it is the one that this machine writes to."""
        config = self.profile.config()
        own = config is not None and Path(config.archive).resolve() == path.resolve()
        return bytes.fromhex(config.archive_id) if config and own else None

    def unlock(self) -> list[Reader]:
        """The archives to read, opened.

        Raises:
            UsageError, WrongSecret: as `Secrets.unlock`.
        """
        archives = self.open()
        # A copy from before the keys were changed has no way in for today's secret, but what opens another copy opens it too.
        opened: dict[bytes, Reader] = {}
        for archive in sorted(archives, key=_newest_slots, reverse=True):
            if archive.archive_id not in opened:
                opened[archive.archive_id] = self.secrets.unlock(archive, archive.unlock, self.keys_file(archive))
        readers = [
            opened[archive.archive_id]
            if archive is opened[archive.archive_id].archive
            else opened[archive.archive_id].over(archive)
            for archive in archives
        ]
        make_twins(readers)
        return readers

    def keys_file(self, archive: Archive) -> Path | None:
        """Where the profile says that an archive's keys file is, if the archive is its own (or a copy) and has one."""
        config = self.profile.config()
        own = config is not None and config.archive_id == archive.archive_id.hex()
        return Path(config.keys) if config and own and config.keys else None

    def again(self, readers: list[Reader]) -> list[Reader]:
        """The same archives as they are on the disk by now, with keys that were given before."""
        keys = {reader.archive_id: reader for reader in readers}
        found = [keys[archive.archive_id].over(archive) for archive in self.open() if archive.archive_id in keys]
        make_twins(found)
        return found

    def fold_now(self, readers: list[Reader]) -> "Opened":
        """Opened archives, folded to now."""
        commits = [commit for reader in readers for commit in reader.commits]
        return self._folded(readers, parse_moment("").resolved(commits), trusted=None)

    def fold(self, moment: str = "", *, trusted: str = "") -> "Opened":
        """The archives to read, opened and folded to a moment ("" is now).

        Args:
            moment: as a person typed it.
            trusted: up to where the backups can be trusted, as a person typed it; "" leaves that to attended statements.

        Raises:
            UsageError: one of the two is not there.
        """
        when = parse_moment(moment)
        position = parse_position(trusted) if trusted else None
        readers = self.unlock()
        commits = [commit for reader in readers for commit in reader.commits]
        return self._folded(readers, when.resolved(commits), trusted=resolve(position, commits) if position else None)

    def fold_as_planned(self, readers: list[Reader], plan: Plan) -> "Opened":
        """Opened archives as a plan saw them, whatever was added since.

        Raises:
            UnsafePlan: commits that the plan was made from are not there, or others were slipped in among them.
        """
        when = moment_of(plan)
        held = {(commit.writer, commit.seq) for reader in readers for commit in reader.commits}
        if not held.issuperset(position_of(plan.position).items()):
            raise UnsafePlan(
                "the archive does not hold all commits that the plan was made from",
                hint="Use the newest copy of the archive, or make a new plan.",
            )
        opened = self._folded(readers, when, trusted=trusted_of(plan))
        if opened.view.position != plan.position:
            raise UnsafePlan(
                "commits were added that claim to be from before the plan's moment; nothing was done",
                hint="Somebody may have taken the computer that makes the backups. Make a new plan, as of a commit's number.",
            )
        return opened

    def _folded(self, readers: list[Reader], moment: Moment, *, trusted: Mapping[str, int] | None) -> "Opened":
        view = fold(readers, moment, self.opener(readers, moment), trusted=trusted)
        self.on_close(view.close)
        return Opened(readers, view, self.output)

    def opener(self, readers: list[Reader], moment: Moment) -> Callable[[Message], AnyRecord] | None:
        """What opens end-to-end encrypted messages with the room keys in the archives; None where there are no keys.

        `moment` is a resolved one: at a position, keys that came later do not count either.
        """
        keys = [key for reader in readers for key in _room_keys(reader, moment)]
        if not keys:
            return None
        members = {
            record.id: record
            for reader in readers
            if "roster" in reader.vaults
            for _, record in reader.decoded("roster", _at(reader, "roster", moment))
            if isinstance(record, Member)
        }
        try:
            return registry.load("matrix").opener(keys, known_people(members.items(), "matrix"))
        except UsageError as error:
            self.output.warn(f"encrypted messages stay closed: {error.message}. {error.hint}")
            return None


@dataclass
class Opened:
    """Archives that are open, and what they show at a moment."""

    readers: list[Reader]
    view: View
    output: Output

    def group(self, wanted: str) -> Group:
        """A group by its ref or its name.

        Raises:
            UsageError: there is none, or several of that name.
        """
        groups = list(self.view.groups())
        found = [group for group in groups if group.ref == wanted]
        found = found or [group for group in groups if group.name == wanted]
        found = found or [group for group in groups if group.name.casefold() == wanted.strip().casefold()]
        if not found:
            raise UsageError(
                "the archive holds no such group at that moment", hint="`grouparchive groups` lists those it holds."
            )
        if len(found) > 1:
            raise UsageError(
                "several groups have that name", hint="Name it by its reference, as `grouparchive groups` shows it."
            )
        return found[0]

    def person(self, typed: str, which: str) -> MemberId:
        """Somebody by a handle or an id, wherever in the archive they were told of.

        Raises:
            UsageError: nobody or several fit; it speaks of them as `which`, never by what was typed.
        """
        if typed in self.view.members:
            return typed
        found = {person for person, member in self.everybody() if member.native == typed}
        if not found:
            raise UsageError(
                f"nobody in the archive fits {which}",
                hint="`grouparchive roster list` shows handles and ids. Whoever is new is added with: grouparchive roster add",
            )
        if len(found) > 1:
            raise UsageError(f"several people fit {which}", hint="Use an id, as `grouparchive roster list` shows it.")
        return found.pop()

    def called(self, person: MemberId) -> str:
        """A person's handle, with the name that they give themselves: for the screen of who asked."""
        member = self.view.members.get(person)
        if member is None:
            return person
        return f"{member.native} ({member.name})" if member.name else member.native

    def blob(self, blob_id: str) -> Iterator[bytes]:
        """The bytes of a file, from whichever archive has it. Raises as `View.blob`."""
        return self.view.blob(blob_id)

    def identify(self, platform: str) -> Identify:
        """A callable that gives the people of a platform the ids that they have in the archive; others get new ones."""
        return known_people(self.everybody(), platform)

    def everybody(self) -> Iterator[tuple[MemberId, Member]]:
        """Everybody with each of their handles, the main one first."""
        for person, member in self.view.members.items():
            yield person, member
            yield from ((person, other) for other in self.view.others.get(person, ()))

    def native(self, platform: str) -> Callable[[MemberId], str]:
        """A callable that gives a member's handle on a platform, "" where it is unknown there."""
        handles: dict[MemberId, str] = {}
        for person, member in self.everybody():
            if member.platform == platform:
                handles.setdefault(person, member.native)

        def native(member: MemberId) -> str:
            return handles.get(self.view.canonical(member), "")

        return native

    def check_damage(self) -> None:
        """Complain, after everything readable was read, about what was not.

        Raises:
            Damaged: something could not be read.
        """
        for reader in self.readers:
            for text in reader.damage[1:10]:
                self.output.warn(text)
            reader.check()


def known_people(members: Iterable[tuple[MemberId, Member]], platform: str) -> Identify:
    """As `Opened.identify`."""
    known = {member.native: canonical for canonical, member in members if member.platform == platform}
    strangers = Pseudonyms()

    def identify(native: str, name: str, avatar: str) -> MemberId:
        del name, avatar
        return known.get(native) or strangers.member_id(platform, "", native)

    return identify


def _newest_slots(archive: Archive) -> int:
    """The epoch of its newest way in. What claims keys that the owner never made, somebody has put there."""
    newest = archive.statements.keys[-1].epoch
    return max((row.epoch for row in archive.slots if row.epoch <= newest), default=-1)


def _room_keys(reader: Reader, moment: Moment) -> Iterator[RoomKey]:
    """Found by their bytes: decoding a million messages to find ten keys would take a while."""
    for _, segment in reader.segments("content", _at(reader, "content", moment)):
        if _ROOM_KEY in segment:
            for line in codec.lines(segment):
                if _ROOM_KEY in line:
                    record = codec.decode(line)
                    if isinstance(record, RoomKey):
                        yield record


def _at(reader: Reader, vault: Vault, moment: Moment) -> list[tuple[CommitInfo, ManifestEntry]]:
    """What a moment needs of a vault: at a time things count by their own time, whichever commit brought them."""
    objects = reader.objects(vault)
    return objects if moment.position is None else [one for one in objects if moment.takes_commit(one[0])]


def start(context: click.Context) -> Run:
    """The surroundings of the command that is running."""
    return Run(given(context), context.call_on_close)
