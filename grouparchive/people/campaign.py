"""Inviting people back: who is on hold, who was released by whom and when, in which order they are asked.

Everyone is on hold until a person releases them. A release overrules what spoke against asking somebody then; what comes to
speak against it later holds them again. A campaign holds member ids only; handles are looked up when an invitation goes out.
What was sent is told by a journal of its own (`invites.py`), so that the campaign may be prepared anew at any time.
"""

import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from grouparchive.crypto.files import open_file, seal_file
from grouparchive.crypto.vaults import KeyRing, VaultKey, VaultPublicKey
from grouparchive.durable import plain_reason, write_whole
from grouparchive.errors import Damaged, GroupArchiveError, UsageError
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.plan import CreateChannel, CreateGroup, Hold, Person, Plan
from grouparchive.model.records import Ban, MemberId, Millis, Ref

MAX_RELEASE_LINES = 1_000_000
_LARGEST = 256 * 1024 * 1024
_KIND = "campaign"
_CO_ADMIN = 100
_MODERATOR = 50

Tier: TypeAlias = Literal[1, 2, 3]
TIERS: dict[Tier, str] = {1: "co-admins", 2: "moderators", 3: "members"}
"""Who is asked first: those who can help the others."""

ReleasedBy: TypeAlias = Literal["all", "list"]
OVERRULED_BY: Final[dict[ReleasedBy, frozenset[Hold]]] = {
    "all": frozenset({"no-trusted-position", "consent-unknown"}),
    "list": frozenset(
        {"no-trusted-position", "consent-unknown", "first-seen-after-trust", "suspect-commit", "minor", "on-hold"}
    ),
}
"""What each kind of release may overrule. A refusal is overruled by none: it has to be lifted in the archive."""
NOT_RELEASED: Final = "not-released"
"""Why somebody is on hold against whom nothing speaks."""


class Invitee(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person. On hold while `decided` is 0; else released then, by a word for everyone or by a list of names, which
    `overruled` some of the `holds`; the others hold all the same.
    """

    member: MemberId
    tier: Tier
    places: tuple[Ref, ...]  # the archive's refs: the group first, then the private channels they were in
    decided: Millis = 0
    by: ReleasedBy | Literal[""] = ""
    holds: tuple[Hold, ...] = ()
    overruled: tuple[Hold, ...] = ()

    @property
    def held(self) -> bool:
        """Must this person be left alone for now?"""
        return not self.decided or not set(self.holds) <= set(self.overruled)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why they are on hold; () when they are not."""
        if not self.held:
            return ()
        left = [hold for hold in self.holds if not self.decided or hold not in self.overruled]
        return tuple(left) or (NOT_RELEASED,)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A release, as it is kept: when, how, and how many were newly released by it."""

    time: Millis
    by: ReleasedBy
    released: int


class Campaign(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The file. `key` names invitations and seals their journal; `left_out` counts who is not asked at all, by reason."""

    format: Literal[1] = 1
    archive_id: str
    plan: str  # digest of the plan whose group people are invited to
    group: Ref
    key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    prepared: Millis
    invitees: tuple[Invitee, ...] = ()
    left_out: dict[str, int] = {}
    decisions: tuple[Decision, ...] = ()

    def reasons(self) -> dict[str, int]:
        """How many people are on hold for what; who is for several reasons counts for each."""
        return dict(Counter(reason for one in self.invitees for reason in one.reasons))


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A person's decision, made now: everyone, or these."""

    by: ReleasedBy
    members: frozenset[MemberId] = frozenset()

    def covers(self, invitee: Invitee) -> bool:
        """Is this person released by it?"""
        meant = self.by == "all" or invitee.member in self.members
        return meant and OVERRULED_BY[self.by].issuperset(invitee.holds)


EVERYONE = Release(by="all")


def read_release(text: str, known: Mapping[str, MemberId]) -> Release:
    """The release that a list stands for: one person a line, empty lines and lines that begin with # left out.

    Args:
        text: the list.
        known: member ids by what a line may hold: the ids themselves and handles.

    Raises:
        UsageError: a line fits nobody; it says which line, not what stands there.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    if len(lines) > MAX_RELEASE_LINES:
        raise UsageError("the list of people to release is too long")
    members: set[MemberId] = set()
    unknown: list[int] = []
    for number, line in enumerate(lines, 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        member = known.get(entry)
        if member is None:
            unknown.append(number)
        else:
            members.add(member)
    if unknown:
        shown = ", ".join(map(str, unknown[:10])) + (" and more" if len(unknown) > 10 else "")
        raise UsageError(
            f"nobody in the archive fits line {shown} of the list",
            hint="One member id or handle a line, as `grouparchive roster list` shows them. Nobody was released.",
        )
    return Release(by="list", members=frozenset(members))


def prepare(
    plan: Plan,
    people: Iterable[Person],
    bans: Iterable[Ban],
    *,
    release: Release | None = None,
    earlier: Campaign | None = None,
    now: int | None = None,
) -> Campaign:
    """Who is to be asked, and who has been released so far.

    Left out for good: whoever is banned from the group, the account that made the backups (an attacker may hold it), and
    whoever was only invited or asking to be let in. A ban from one channel keeps its person out of that channel. A power that
    no backup proves puts nobody among the first.

    Args:
        plan: the plan whose group they are invited to.
        people: everyone in the archive at the plan's moment.
        bans: all bans at that moment.
        release: a decision made now.
        earlier: the campaign as it stood; its decisions stay.
        now: milliseconds, for tests.

    Raises:
        UsageError: `earlier` is of another plan.
    """
    now = int(time.time() * 1000) if now is None else now
    if earlier is not None and earlier.plan != plan.digest():
        raise UsageError(
            "these invitations were prepared for another plan", hint="Keep one set of invitations for each plan."
        )
    banned = {(ban.channel, ban.member) for ban in bans}
    private = [action.channel.ref for action in plan.actions if isinstance(action, CreateChannel) and action.private]
    made = {action.channel.ref for action in plan.actions if isinstance(action, CreateChannel | CreateGroup)}
    before = {invitee.member: invitee for invitee in earlier.invitees} if earlier else {}
    left_out: dict[str, int] = {}
    invitees: list[Invitee] = []
    released = 0
    for person in people:
        joined = {
            one.channel: 0 if one.channel in person.unproved else one.level
            for one in person.memberships
            if one.state == "join" and one.channel in made
        }
        reason = _left_out(person, plan.group, banned, joined)
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        places = (plan.group, *(ref for ref in private if ref in joined and (ref, person.id) not in banned))
        invitee = before.get(person.id) or Invitee(member=person.id, tier=3, places=())
        tier = _tier(max(joined.values()))
        invitee = msgspec.structs.replace(invitee, tier=tier, places=places, holds=person.holds)
        if release and invitee.held and release.covers(invitee):
            decided = {"decided": max(now, 1), "by": release.by, "overruled": invitee.holds}
            invitee = msgspec.structs.replace(invitee, **decided)
            released += 1
        invitees.append(invitee)
    decisions = earlier.decisions if earlier else ()
    if release:
        decisions = (*decisions, Decision(time=now, by=release.by, released=released))
    return Campaign(
        archive_id=plan.archive_id,
        plan=plan.digest(),
        group=plan.group,
        key=earlier.key if earlier else secrets.token_hex(32),
        prepared=now,
        invitees=tuple(sorted(invitees, key=lambda one: (one.tier, one.member))),
        left_out=left_out,
        decisions=decisions,
    )


def as_of_now(campaign: Campaign, people: Iterable[Person]) -> Campaign:
    """The campaign with what speaks against asking its people today, whatever was known when it was prepared."""
    holds = {person.id: person.holds for person in people}
    invitees = (msgspec.structs.replace(one, holds=holds.get(one.member, one.holds)) for one in campaign.invitees)
    return msgspec.structs.replace(campaign, invitees=tuple(invitees))


def _left_out(person: Person, group: Ref, banned: set[tuple[Ref, MemberId]], joined: dict[Ref, int]) -> str:
    if person.admin:
        return "own-account"
    if (group, person.id) in banned:
        return "banned"
    if not joined:
        return "banned" if any(member == person.id for _, member in banned) else "not-joined"
    return ""


def _tier(level: int) -> Tier:
    return 1 if level >= _CO_ADMIN else 2 if level >= _MODERATOR else 3


def campaign_path(plan: Path) -> Path:
    """Where the invitations of a plan are kept."""
    return plan.with_name(plan.name + ".invitations")


def save_campaign(path: Path, campaign: Campaign, public: VaultPublicKey, *, epoch: int = 0) -> None:
    """Seal it to the content vault; the file is whole at any time.

    Raises:
        GroupArchiveError: the disk refused.
    """
    payload = msgspec.json.encode(campaign)
    sealed = seal_file(public, bytes.fromhex(campaign.archive_id), "content", epoch, _KIND, payload)
    try:
        write_whole(path, sealed)
    except OSError as error:
        raise GroupArchiveError(
            f"the invitations cannot be written: {plain_reason(error)}",
            hint="Check free space and rights of the plan's folder.",
        ) from error


def load_campaign(path: Path, key: KeyRing | VaultKey, archive_id: bytes) -> Campaign:
    """Open it.

    Raises:
        UsageError: there is none, or it is another kind of file.
        WrongSecret: it belongs to another archive.
        Damaged: it was changed.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise UsageError(
            "no invitations are prepared for this plan",
            hint="Prepare them first: grouparchive invite prepare PLAN",
        ) from error
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise UsageError(f"the file with the invitations cannot be read: {reason}") from error
    if len(data) > _LARGEST:
        raise UsageError("the file with the invitations is too large to be one")
    try:
        return msgspec.json.decode(open_file(data, key, archive_id, _KIND), type=Campaign)
    except UNREADABLE as error:
        raise Damaged("the file with the invitations is damaged or of a newer version") from error
