"""From what is wanted, what is there and what was decided to an ordered plan with its gaps. Pure and deterministic.

The order is the promise of quiet: containers first, under neutral names; then bans, while there is nothing to see (measured on
Matrix: a server shows a banned member the room's last posts, members and name as they are when the ban is set); then stand-in
authors, posts, pins, settings; authors leave. People come after all that and are no part of it. Names, topics, pictures and
roles wait in `reveal`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from grouparchive.errors import UsageError
from grouparchive.model.plan import (
    Action,
    AddAuthor,
    BanMember,
    Configure,
    CreateChannel,
    CreateGroup,
    Desired,
    EditPost,
    Grant,
    Hold,
    Observed,
    Person,
    Plan,
    Policy,
    Post,
    React,
    RemoveAuthor,
    Replay,
    Reveal,
    SetPins,
    Trait,
    Upload,
    Verb,
)
from grouparchive.model.records import Channel, MemberId, Ref, Setting
from grouparchive.restore.desire import Timelines
from grouparchive.restore.expand import GATHER_ABOVE, Expansion, Rules
from grouparchive.restore.keys import action_key
from grouparchive.restore.labels import make_labels
from grouparchive.restore.losses import Losses
from grouparchive.restore.settings import is_private, lost, opened, when
from grouparchive.restore.tree import tree

NEUTRAL_GROUP = "Group"
NEUTRAL_CHANNEL = "Room"


def make_plan(
    desired: Desired,
    observed: Observed,
    performs: Iterable[Verb],
    policy: Policy,
    timelines: Timelines,
    *,
    target: str = "",
) -> Plan:
    """The plan that brings `desired` back on the observed target as far as it and the policy allow.

    Args:
        desired: the archive folded to a moment.
        observed: the target as it is.
        performs: what the target can do.
        policy: what the person decided; its key must be new for each plan.
        timelines: streams the posts of a channel; called three times for each.
        target: the name under which this machine knows the target.

    Raises:
        UsageError: the target cannot hold a group at all.
    """
    return _Planner(desired, observed, performs, policy, timelines).plan(target)


class _Planner:
    def __init__(
        self, desired: Desired, observed: Observed, performs: Iterable[Verb], policy: Policy, timelines: Timelines
    ) -> None:
        self.desired = desired
        self.observed = observed
        self.policy = policy
        self.timelines = timelines
        self.verbs = frozenset(str(verb.__struct_config__.tag) for verb in performs)
        self.losses = Losses()
        self.work: Counter[str] = Counter()  # single actions by verb, for the estimate
        self.same_platform = desired.group.platform == observed.platform
        self.channels = tree(desired)
        self.settings: dict[Ref, dict[str, Setting]] = defaultdict(dict)
        for setting in sorted(desired.settings, key=lambda one: (one.channel, one.name)):
            self.settings[setting.channel][setting.name] = setting
        self.banned = {(ban.channel, ban.member) for ban in desired.bans}

    def plan(self, target: str) -> Plan:
        if not self.can(CreateGroup):
            raise UsageError(
                "this target cannot make a group", hint="Choose another target with --to, or make the group by hand."
            )
        containers = self.containers()
        expansions, labels = self.expansions()
        actions: list[Action] = [*containers, *self.bans()]
        actions += self.authors(expansions)
        actions += self.replays(expansions)
        actions += self.pins(expansions)
        actions += self.configured("build")
        actions += self.leaving(expansions)
        reveal = [*self.names(), *self.configured("reveal"), *self.grants()]
        self.note_target(expansions)
        for channel in self.channels:
            for code in filter(None, map(lost, self.settings[channel.ref].values())):
                self.losses.add(code)
        self.work.update(str(action.__struct_config__.tag) for action in actions if not isinstance(action, Replay))
        return Plan(
            archive_id=self.desired.archive_id,
            position=self.desired.position,
            moment=self.desired.moment,
            as_of=self.desired.as_of,
            trusted=self.desired.trusted,
            trusted_by=self.desired.trusted_by,
            group=self.desired.group.ref,
            group_name=self.desired.group.name,
            target=target,
            platform=self.observed.platform,
            policy=self.policy,
            observed=self.observed.digest(),
            traits=self.observed.traits,
            verbs=self.verbs,
            labels=labels,
            actions=tuple(actions),
            reveal=tuple(reveal),
            gaps=self.losses.gaps(),
            seconds=self.seconds(),
        )

    def can(self, verb: Verb) -> bool:
        return str(verb.__struct_config__.tag) in self.verbs

    def key(self, verb: str, *refs: str) -> str:
        return action_key(self.policy.key, verb, *refs)

    # --- containers --------------------------------------------------------------------------------------------------

    def containers(self) -> list[Action]:
        """The group, then its channels, each after its parent. What is handed on bears no name."""
        group = self.desired.group.ref
        first, *rest = self.channels
        self.losses.add("encryption-lost", sum(channel.encrypted for channel in self.channels))
        found: list[Action] = [
            CreateGroup(key=self.key("create-group", group), group=group, channel=_nameless(first), name=NEUTRAL_GROUP)
        ]
        if rest and self.policy.content == "none":
            self.losses.add("channels-left-out", len(rest))
        elif rest and not self.can(CreateChannel):
            self.losses.add("channels-not-supported", len(rest))
        else:
            whole = self.members(first.ref)
            for number, channel in enumerate(rest, 1):
                private = is_private(self.settings[channel.ref], self.members(channel.ref), whole)
                for setting in list(self.settings[channel.ref].values()):
                    if opened(setting, private=private):
                        del self.settings[channel.ref][setting.name]
                        self.losses.add("joining-opened")
                found.append(
                    CreateChannel(
                        key=self.key("create-channel", channel.ref),
                        channel=_nameless(channel),
                        parent=channel.parent,
                        name=f"{NEUTRAL_CHANNEL} {number}",
                        private=private,
                    )
                )
        made = {action.channel.ref for action in found if isinstance(action, CreateGroup | CreateChannel)}
        for channel in self.channels:
            if channel.ref not in made:
                self.losses.merge(
                    self.expansion(channel, Rules(policy=self.policy, traits=frozenset(), verbs=frozenset())).losses
                )
        self.channels = [channel for channel in self.channels if channel.ref in made]
        return found

    def members(self, channel: Ref) -> set[MemberId]:
        """Who was in a channel."""
        return {
            person.id
            for person in self.desired.people
            if any(one.channel == channel and one.state == "join" for one in person.memberships)
        }

    # --- posts -------------------------------------------------------------------------------------------------------

    def expansions(self) -> tuple[list[Expansion], dict[MemberId, str]]:
        """Each channel's posts, counted and digested, and the stand-in names for all who are in them."""
        needed: set[MemberId] = set()
        gathered: dict[Ref, bool] = {}
        for channel in self.channels:
            first = self.expansion(channel, self.rules(channel, {}, gathered=False))
            needed |= first.people
            gathered[channel.ref] = first.messages > GATHER_ABOVE and not first.rules.authors
        labels = make_labels(self.policy.key, needed)
        found = []
        for channel in self.channels:
            expansion = self.expansion(channel, self.rules(channel, labels, gathered=gathered[channel.ref]))
            self.losses.merge(expansion.losses)
            found.append(expansion)
        return found, labels

    def rules(self, channel: Channel, labels: dict[MemberId, str], *, gathered: bool) -> Rules:
        return Rules(
            policy=self.policy,
            traits=self.observed.traits,
            verbs=self.verbs,
            labels=labels,
            pinned=frozenset(self.desired.pins.get(channel.ref, ())),
            gathered=gathered,
        )

    def expansion(self, channel: Channel, rules: Rules) -> Expansion:
        """A channel's posts, gone by once."""
        expansion = Expansion(channel.ref, rules, self.timelines)
        for _ in expansion:
            pass
        return expansion

    def replays(self, expansions: list[Expansion]) -> list[Action]:
        found: list[Action] = []
        for one in expansions:
            if one.messages:
                self.work.update({"upload": one.files, "edit-post": one.edits, "react": one.reactions})
                self.work["post"] += one.actions - one.files - one.edits - one.reactions
                found.append(
                    Replay(
                        key=self.key("replay", one.channel),
                        channel=one.channel,
                        posts=one.messages,
                        gathered=one.rules.gathered,
                        pinned=self.desired.pins.get(one.channel, ()),
                        edits=one.edits,
                        reactions=one.reactions,
                        files=one.files,
                        bytes=one.bytes,
                        digest=one.digest,
                    )
                )
        return found

    def authors(self, expansions: list[Expansion]) -> list[Action]:
        return [
            AddAuthor(
                key=self.key("add-author", one.channel, author),
                channel=one.channel,
                author=author,
                label=one.authors[author],
            )
            for one in expansions
            for author in sorted(one.authors)
        ]

    def leaving(self, expansions: list[Expansion]) -> list[Action]:
        if not self.can(RemoveAuthor):
            return []
        return [
            RemoveAuthor(key=self.key("remove-author", one.channel, author), channel=one.channel, author=author)
            for one in expansions
            for author in sorted(one.authors)
        ]

    def pins(self, expansions: list[Expansion]) -> list[Action]:
        found: list[Action] = []
        for one in expansions:
            wanted = self.desired.pins.get(one.channel, ())
            kept = tuple(ref for ref in wanted if ref in one.posted)
            if one.rules.replays:
                self.losses.add("pins-lost", len(wanted) - len(kept))
            if kept and self.can(SetPins):
                found.append(SetPins(key=self.key("set-pins", one.channel), channel=one.channel, messages=kept))
            elif kept:
                self.losses.add("pins-not-supported", len(kept))
        return found

    # --- structure ---------------------------------------------------------------------------------------------------

    def configured(self, moment: str) -> list[Action]:
        """The settings that are made at this moment, channel by channel."""
        wanted = [
            setting
            for channel in self.channels
            for setting in self.settings[channel.ref].values()
            if when(setting) == moment
        ]
        if self.policy.content == "none":
            self.losses.add("settings-left-out", len(wanted))
        elif not self.same_platform or not self.can(Configure):
            self.losses.add("settings-not-supported", len(wanted))
        else:
            return [
                Configure(
                    key=self.key("configure", setting.channel, setting.name),
                    channel=setting.channel,
                    setting=setting.name,
                    value=setting.value,
                )
                for setting in wanted
            ]
        return []

    def bans(self) -> list[Action]:
        here = {channel.ref for channel in self.channels}
        wanted = sorted(pair for pair in self.banned if pair[0] in here)
        if not self.same_platform or not self.can(BanMember):
            self.losses.add("bans-lost", len(wanted))
            return []
        return [
            BanMember(key=self.key("ban-member", channel, member), channel=channel, member=member)
            for channel, member in wanted
        ]

    def names(self) -> list[Action]:
        """The real names, topics and pictures."""
        if not self.can(Reveal):
            self.losses.add("names-not-supported", len(self.channels))
            return []
        found: list[Action] = []
        for number, channel in enumerate(self.channels):
            group = self.desired.group
            name, topic, avatar = channel.name, channel.topic, channel.avatar
            if number == 0:
                name, topic, avatar = name or group.name, topic or group.topic, avatar or group.avatar
            blob = self.desired.avatars.get(avatar)
            upload = self.key("upload", "avatar", avatar) if blob and self.can(Upload) else ""
            if avatar and not upload:
                self.losses.add("avatar-missing")
            if upload and blob:
                found.append(Upload(key=upload, blob=blob))
            if name or topic or upload:
                found.append(
                    Reveal(
                        key=self.key("reveal", channel.ref), channel=channel.ref, name=name, topic=topic, avatar=upload
                    )
                )
        return _once(found)

    def grants(self) -> list[Action]:
        """The roles to give back, the most powerful first. Those that no backup proves are left out."""
        here = {channel.ref: number for number, channel in enumerate(self.channels)}
        told = [
            (here[one.channel], -one.level, person.id, one, _proved(person, one.channel))
            for person in self.desired.people
            if not person.admin
            for one in person.memberships
            if one.level > 0 and one.channel in here and (one.channel, person.id) not in self.banned
        ]
        wanted = [entry[:4] for entry in told if entry[4]]
        self.losses.add("roles-not-proved", len({entry[2] for entry in told if not entry[4]}))
        if not self.same_platform or not self.can(Grant):
            self.losses.add("roles-lost", len({person for _, _, person, _ in wanted}))
            return []
        return [
            Grant(key=self.key("grant", one.channel, person), channel=one.channel, member=person, level=one.level)
            for _, _, person, one in sorted(wanted, key=lambda entry: entry[:3])
        ]

    # --- what the person should know ---------------------------------------------------------------------------------

    def note_target(self, expansions: list[Expansion]) -> None:
        """What the target itself makes of the posts."""
        posts = sum(one.messages for one in expansions)
        authors = any(one.rules.authors for one in expansions)
        if Trait.BACKDATING not in self.observed.traits:
            self.losses.add("times-in-text", posts)
        if not authors:
            self.losses.add("authors-in-text", posts)
        if self.policy.authors != "ghost":
            shown = {ref for one in expansions for ref, (author, _) in one.posted.items() if one.rules.named(author)}
            self.losses.add("authors-hidden", posts - len(shown))

    def seconds(self) -> float:
        """How long the single actions take at the target's limits."""
        limits = self.observed.limits
        total = 0.0
        for verb, count in self.work.items():
            rate = limits.get(verb) or (limits.get("post") if verb in _LIKE_POSTS else None)
            total += count / rate if rate else 0.0
        return round(total, 1)


_FORGED: Final[frozenset[Hold]] = frozenset({"first-seen-after-trust", "suspect-commit"})
_LIKE_POSTS = frozenset(str(verb.__struct_config__.tag) for verb in (Post, EditPost, React))


def _proved(person: Person, channel: Ref) -> bool:
    """Does a backup that can be believed tell of this person and of such a power, or the owner of the person?"""
    return channel not in person.unproved and not _FORGED.intersection(person.holds)


def _nameless(channel: Channel) -> Channel:
    return msgspec.structs.replace(channel, name="", topic="", avatar="")


def _once(actions: list[Action]) -> list[Action]:
    """Each action once: two rooms may have one picture."""
    return list({action.key: action for action in actions}.values())
