"""Who was erased and must stay so on reading, whatever a later backup or an older copy brings back.

The owner's statements hold a tag for each erased person, under a key of its own. It names nobody; but who has the roster open
can tell for everybody in it whether a tag fits. Where the roster is closed, nobody can be matched.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from grouparchive.archive.attended import read_attended
from grouparchive.archive.reader import Reader
from grouparchive.crypto.members import forgotten_tag
from grouparchive.crypto.primitives import same
from grouparchive.model import codec
from grouparchive.model.attended import Forgotten
from grouparchive.model.records import NOBODY, Edit, Gap, Member, MemberId, Message, Ref, Vault

ID: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
"""What may be a person's id."""
_ID_BYTES: Final = re.compile(ID.pattern.encode())
_FEW: Final = 64  # up to so many are looked for one by one, which is faster
Identity = tuple[str, str, str]
"""A person as a platform knows them: platform, origin, native handle."""


def identity_of(member: Member) -> Identity:
    """Whose record this is."""
    return member.platform, member.origin, member.native


def ids_in(line: bytes) -> list[bytes]:
    """All that may be ids in a line."""
    return _ID_BYTES.findall(line)


class Ids:
    """The ids of some people, to be looked for in lines."""

    def __init__(self, ids: Iterable[MemberId]) -> None:
        self._ids = frozenset(ids) - {NOBODY}
        self._few = [one.encode() for one in self._ids] if len(self._ids) <= _FEW else []

    def __bool__(self) -> bool:
        return bool(self._ids)

    def __contains__(self, member: object) -> bool:
        return member in self._ids

    def named(self, line: bytes) -> bool:
        """Does a line, or a whole segment, name any of them?"""
        if self._few:
            return any(one in line for one in self._few)
        return any(one.decode() in self._ids for one in ids_in(line))

    def without(self, line: bytes) -> bytes:
        """A record's line with nobody in their place."""
        if self._few and not self.named(line):
            return line
        return _ID_BYTES.sub(lambda found: NOBODY.encode() if found[0].decode() in self._ids else found[0], line)


class Suppressed:
    """The tags of all erased people. False where there are none."""

    def __init__(self, marks: Iterable[Forgotten] = ()) -> None:
        self._marks = {(bytes.fromhex(one.key), bytes.fromhex(one.tag)) for one in marks}
        self._known: dict[Identity, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._marks)

    def hides(self, member: Member) -> bool:
        """Was this person erased?"""
        if not self._marks:
            return False
        who = identity_of(member)
        found = self._known.get(who)
        if found is None:
            found = self._known[who] = any(same(forgotten_tag(key, *who), tag) for key, tag in self._marks)
        return found


def suppressed(readers: Iterable[Reader]) -> Suppressed:
    """Everybody who was erased from any of these archives, as far as their rosters are open."""
    return Suppressed(
        mark
        for reader in readers
        if "roster" in reader.vaults
        for _, said in read_attended(reader)
        for mark in said.forgotten
    )


class Erased:
    """What a fold leaves out: the people who were erased, and the files that only they used.

    `natives` are the handles under which they came back.
    """

    def __init__(self, gone: Suppressed) -> None:
        self._gone = gone
        self._theirs: set[tuple[Vault, Ref]] = set()
        self._others: set[tuple[Vault, Ref]] = set()
        self.natives: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._gone)

    def hides(self, member: Member) -> bool:
        """Was this person erased? Remembers whose picture it is."""
        hidden = self._gone.hides(member)
        if hidden:
            self.natives.add(member.native)
        if self._gone and member.avatar:
            self.used("roster", [member.avatar], hidden=hidden)
        return hidden

    def used(self, vault: Vault, refs: Iterable[Ref], *, hidden: bool) -> None:
        """These files are used, by somebody who was erased or by something else."""
        if self._gone:
            (self._theirs if hidden else self._others).update((vault, ref) for ref in refs)

    def hides_file(self, vault: Vault, ref: Ref) -> bool:
        """Did only they use it?"""
        return (vault, ref) in self._theirs and (vault, ref) not in self._others

    def gap(self, gap: Gap) -> Gap:
        """A gap without their handles."""
        for native in self.natives:
            if native in gap.scope or native in gap.detail:
                gap = replace(gap, scope=gap.scope.replace(native, NOBODY), detail=gap.detail.replace(native, NOBODY))
        return gap


class Hidden:
    """The ids of erased people, for who reads segments without folding them."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers
        self._ids = Ids(())
        self._posts: set[tuple[Ref, Ref]] | None = None
        if gone := suppressed(readers):
            self._ids = ids_of(readers, gone.hides)

    def __bool__(self) -> bool:
        return bool(self._ids)

    def cleared(self, record: Message | Edit) -> Message | Edit:
        """It without mentions of them."""
        line = codec.encode(record)
        after = self._ids.without(line)
        changed = record if after == line else codec.decode(after)
        return changed if isinstance(changed, Message | Edit) else record

    def holds(self, record: Message | Edit) -> bool:
        """Is this by somebody who was erased, or a change of what they wrote?"""
        if record.author in self._ids:
            return True
        return isinstance(record, Edit) and bool(self._ids) and (record.channel, record.target) in self._written()

    def _written(self) -> set[tuple[Ref, Ref]]:
        if self._posts is None:
            self._posts = {
                (record.channel, record.ref)
                for reader in self._readers
                for _, record in reader.records("content")
                if isinstance(record, Message) and record.author in self._ids
            }
        return self._posts


def ids_of(readers: Sequence[Reader], wanted: Callable[[Member], bool]) -> Ids:
    """All ids that runs gave to some people. An id belongs to whom it was given first: who has stolen a writer could name
    somebody else's, to have them taken for these.
    """
    claimed = {record.id for record in _members(readers) if wanted(record)}
    first: dict[MemberId, bool] = {}
    for record in _members(readers):
        if record.id in claimed:
            first.setdefault(record.id, wanted(record))
    return Ids(member for member, theirs in first.items() if theirs)


def _members(readers: Sequence[Reader]) -> Iterable[Member]:
    for reader in readers:
        if "roster" in reader.vaults:
            for _, record in reader.records("roster"):
                if isinstance(record, Member):
                    yield record
