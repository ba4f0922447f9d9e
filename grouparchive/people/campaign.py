"""Inviting people back: who is on hold, who was released by whom and when, in which order they are asked.

Everyone is on hold until a person releases them. A release overrules what spoke against asking somebody then; what comes to
speak against it later holds them again. A campaign holds member ids only; handles are looked up when an invitation goes out.
What was sent is told by a journal of its own (`journal.py`), so that the campaign may be prepared anew at any time.
"""

import hmac
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, cast

import msgspec
from msgspec import Meta

from grouparchive.crypto.files import open_file, seal_file
from grouparchive.crypto.primitives import expand, lp
from grouparchive.crypto.vaults import KeyRing, VaultKey, VaultPublicKey
from grouparchive.durable import plain_reason, write_whole
from grouparchive.errors import Damaged, GroupArchiveError, UsageError
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.plan import CreateChannel, CreateGroup, Hold, Person, Plan
from grouparchive.model.records import Ban, MemberId, Millis, Ref

MAX_RELEASE_LINES = 1_000_000
_LARGEST = 256 * 1024 * 1024
_KIND = "campaign"
_TAG = 32
_CO_ADMIN = 100
_MODERATOR = 50

Tier: TypeAlias = Literal[1, 2, 3, 4]
TIERS: dict[Tier, str] = {1: "co-admins", 2: "vouchers and moderators", 3: "long-standing members", 4: "members"}
"""The waves: who is asked first can help the others."""
CampaignKind: TypeAlias = Literal["invitation", "warning"]
Said: TypeAlias = Callable[[MemberId], Mapping[tuple[str, str], str]]
"""said(member) -> what counts of all that was said about them: (field, key) -> value."""
_LONG: Final = 365 * 86_400_000  # milliseconds of membership that make somebody long-standing

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
    """The file. `key` names invitations and seals their journal; `left_out` counts who is not asked at all, by reason.

    `via` names the sources that carry messages, the preferred one first; `link` is where the second message leads, up to the
    day `link_until`; `zone` tells day from night for people of whom no zone is known.
    """

    format: Literal[1] = 1
    archive_id: str
    kind: CampaignKind = "invitation"
    plan: str  # digest of the plan whose group people are invited to; "" of a warning
    group: Ref
    via: tuple[str, ...] = ()
    link: str = ""
    link_until: str = ""
    zone: str = ""
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


@dataclass(frozen=True, slots=True)
class Scope:
    """What a campaign is about: the plan whose group people are invited to, or the group whose members are warned."""

    archive_id: str
    group: Ref
    plan: str
    private: tuple[Ref, ...]  # channels that only those see who were in them
    channels: frozenset[Ref]  # whoever was in one of them belongs to it

    @classmethod
    def of_plan(cls, plan: Plan) -> "Scope":
        """For invitations."""
        made = [action for action in plan.actions if isinstance(action, CreateChannel | CreateGroup)]
        private = tuple(one.channel.ref for one in made if isinstance(one, CreateChannel) and one.private)
        return cls(plan.archive_id, plan.group, plan.digest(), private, frozenset(one.channel.ref for one in made))

    @classmethod
    def of_group(cls, archive_id: str, group: Ref, channels: Iterable[Ref]) -> "Scope":
        """For a warning."""
        return cls(archive_id, group, "", (), frozenset({group, *channels}))


def prepare(
    scope: Scope,
    people: Iterable[Person],
    bans: Iterable[Ban],
    *,
    release: Release | None = None,
    earlier: Campaign | None = None,
    said: Said = lambda _: {},
    now: int | None = None,
) -> Campaign:
    """Who is to be asked, and who has been released so far.

    Left out for good: whoever is banned from the group, the account that made the backups (an attacker may hold it), and
    whoever was only invited or asking to be let in. A ban from one channel keeps its person out of that channel. A power that
    no backup proves puts nobody among the first.

    Args:
        scope: the plan or the group.
        people: everyone in the archive at the plan's moment.
        bans: all bans at that moment.
        release: a decision made now.
        earlier: the campaign as it stood; its decisions, ways and link stay.
        said: what counts about a person.
        now: milliseconds, for tests.

    Raises:
        UsageError: `earlier` is of another plan.
    """
    now = int(time.time() * 1000) if now is None else now
    if earlier is not None and (earlier.plan, earlier.group) != (scope.plan, scope.group):
        raise UsageError(
            "these invitations were prepared for another plan", hint="Keep one set of invitations for each plan."
        )
    banned = {(ban.channel, ban.member) for ban in bans}
    before = {invitee.member: invitee for invitee in earlier.invitees} if earlier else {}
    people = list(people)
    vouchers = {value for person in people if (value := said(person.id).get(("voucher", "")))}
    left_out: dict[str, int] = {}
    invitees: list[Invitee] = []
    released = 0
    for person in people:
        joined = {
            one.channel: 0 if one.channel in person.unproved else one.level
            for one in person.memberships
            if one.state == "join" and one.channel in scope.channels
        }
        reason = _left_out(person, scope.group, banned, joined)
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        places = tuple(ref for ref in scope.private if ref in joined and (ref, person.id) not in banned)
        invitee = before.get(person.id) or Invitee(member=person.id, tier=4, places=())
        tier = _tier(said(person.id).get(("tier", ""), ""), max(joined.values()), person, vouchers, now)
        invitee = msgspec.structs.replace(invitee, tier=tier, places=(scope.group, *places), holds=person.holds)
        if release and invitee.held and release.covers(invitee):
            decided = {"decided": max(now, 1), "by": release.by, "overruled": invitee.holds}
            invitee = msgspec.structs.replace(invitee, **decided)
            released += 1
        invitees.append(invitee)
    decisions = earlier.decisions if earlier else ()
    if release:
        decisions = (*decisions, Decision(time=now, by=release.by, released=released))
    base = earlier or Campaign(
        archive_id=scope.archive_id,
        kind="invitation" if scope.plan else "warning",
        plan=scope.plan,
        group=scope.group,
        key=secrets.token_hex(32),
        prepared=now,
    )
    return msgspec.structs.replace(
        base,
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


def _tier(said: str, level: int, person: Person, vouchers: set[str], now: int) -> Tier:
    """The wave: as somebody said, else by power, by whom they vouch for, and by how long they have been there."""
    if said in {"1", "2", "3", "4"}:
        return cast("Tier", int(said))
    if level >= _CO_ADMIN:
        return 1
    if level >= _MODERATOR or person.id in vouchers:
        return 2
    since = min((one.since for one in person.memberships if one.since and one.state == "join"), default=now)
    return 3 if now - since >= _LONG else 4


def campaign_path(plan: Path) -> Path:
    """Where the invitations of a plan are kept."""
    return plan.with_name(plan.name + ".invitations")


def save_campaign(path: Path, campaign: Campaign, public: VaultPublicKey, *, proof: bytes, epoch: int = 0) -> None:
    """Seal it to the content vault; the file is whole at any time.

    Args:
        path: where.
        campaign: what.
        public: the vault's key, which a thief of the machine has too.
        proof: 32 bytes that only those have who opened the roster: what they did not save does not open.
        epoch: of the key.

    Raises:
        GroupArchiveError: the disk refused.
    """
    payload = msgspec.json.encode(campaign)
    archive_id = bytes.fromhex(campaign.archive_id)
    sealed = seal_file(public, archive_id, "content", epoch, _KIND, _tag(proof, archive_id, payload) + payload)
    try:
        write_whole(path, sealed)
    except OSError as error:
        raise GroupArchiveError(
            f"the invitations cannot be written: {plain_reason(error)}",
            hint="Check free space and rights of the folder.",
        ) from error


def _tag(proof: bytes, archive_id: bytes, payload: bytes) -> bytes:
    return hmac.digest(expand(proof, b"ga1/campaign"), lp(archive_id, payload), "sha256")


def load_campaign(path: Path, key: KeyRing | VaultKey, archive_id: bytes, *, proof: bytes) -> Campaign:
    """Open it. `proof` as it was saved with.

    Raises:
        UsageError: there is none, or it is another kind of file.
        WrongSecret: it belongs to another archive.
        Damaged: it was changed, or made by somebody who could not open the roster.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise UsageError(
            "no invitations are prepared for this plan",
            hint="Prepare them first: grouparchive invite prepare GROUP|PLAN",
        ) from error
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise UsageError(f"the file with the invitations cannot be read: {reason}") from error
    if len(data) > _LARGEST:
        raise UsageError("the file with the invitations is too large to be one")
    opened = open_file(data, key, archive_id, _KIND)
    tag, payload = opened[:_TAG], opened[_TAG:]
    if not hmac.compare_digest(tag, _tag(proof, archive_id, payload)):
        raise Damaged(
            "the file with the invitations was not made with this archive's secret; nobody was contacted",
            hint="Somebody may have put it there. Move it away and run: grouparchive invite prepare",
        )
    try:
        return msgspec.json.decode(payload, type=Campaign)
    except UNREADABLE as error:
        raise Damaged("the file with the invitations is damaged or of a newer version") from error
