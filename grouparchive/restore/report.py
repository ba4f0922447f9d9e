"""The rebuilt group against the archive, feature by feature: what is the same, what is different and why, what nobody explains.

The target is read back and compared with the archive itself, not with the plan: a mistake in the plan shows here. The plan
only tells which differences were announced. Rows are numbers; they name nobody.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from grouparchive.archive.fold import View
from grouparchive.errors import UsageError
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.plan import (
    BanMember,
    Configure,
    CreateChannel,
    CreateGroup,
    Desired,
    Grant,
    Key,
    Outcome,
    Plan,
    Replay,
    Reveal,
)
from grouparchive.model.ports import OpenBlob, Target
from grouparchive.model.records import (
    Ban,
    Channel,
    Edit,
    Member,
    MemberId,
    Membership,
    Message,
    Pins,
    Reaction,
    Ref,
    Setting,
)
from grouparchive.restore.binding import Natives
from grouparchive.restore.desire import ArchiveTimelines, Timelines, desired, natives_of
from grouparchive.restore.report_posts import PostComparison
from grouparchive.restore.tally import FeatureRow, Tally

Fetch = Callable[[Ref], Iterable[bytes]]
Known = Callable[[Key], Outcome | None]

_ORDER = (
    "rooms", "post", "text", "formatting", "order", "author", "time", "reply", "thread", "edit", "reaction", "poll",
    "file", "pin", "service line", "name", "topic", "picture", "setting", "role", "ban",
)  # fmt: skip


class Found:
    """The rebuilt group as it was read back, sorted by what it is compared by."""

    def __init__(self, target: Target, group: Ref) -> None:
        self.channels: dict[Ref, Channel] = {}
        self.settings: dict[tuple[Ref, str], str] = {}
        self.pins: dict[Ref, tuple[Ref, ...]] = {}
        self.people: dict[MemberId, Member] = {}
        self.messages: dict[str, Message] = {}
        self.edits: dict[str, Edit] = {}
        self.reactions: dict[str, Reaction] = {}
        self.places: dict[Ref, int] = {}  # message -> its place in the room
        self._levels: dict[tuple[Ref, MemberId], int] = {}
        self._bans: set[tuple[Ref, MemberId]] = set()
        for record in target.read(group):
            self._take(record)

    def _take(self, record: Any) -> None:
        match record:
            case Channel():
                self.channels[record.ref] = record
            case Setting():
                self.settings[record.channel, record.name] = record.value
            case Pins():
                self.pins[record.channel] = record.messages
            case Member():
                self.people[record.id] = record
            case Membership(state="join"):
                self._levels[record.channel, record.member] = record.level
            case Ban():
                self._bans.add((record.channel, record.member))
            case _:
                self._take_event(record)

    def _take_event(self, record: Any) -> None:
        match record:
            case Message(marker=marker) if marker:
                self.messages[marker] = record
                self.places[record.ref] = len(self.places)
            case Edit(marker=marker) if marker:
                self.edits[marker] = record
            case Reaction(marker=marker) if marker:
                self.reactions[marker] = record
            case _:
                pass  # what people did there since

    def levels(self) -> dict[tuple[Ref, str], int]:
        """Who has which level, by handle."""
        return {
            (channel, self.people[one].native): level
            for (channel, one), level in self._levels.items()
            if one in self.people
        }

    def bans(self) -> set[tuple[Ref, str]]:
        """Who is kept out, by handle."""
        return {(channel, self.people[one].native) for channel, one in self._bans if one in self.people}


def compare(
    plan: Plan, view: View, target: Target, *, open_blob: OpenBlob | None = None, outcome: Known | None = None
) -> list[FeatureRow]:
    """Read the rebuilt group and compare.

    Args:
        plan: by which it was rebuilt.
        view: the archive folded to the plan's moment (`desire.moment_of`).
        target: where it was rebuilt; where it has a method `media(ref)`, files are compared byte by byte.
        open_blob: the archive's files, the view's own by default.
        outcome: `Journal.outcome`, if there is a journal: a failure that was told is explained.

    Raises:
        UsageError: nothing of this plan stands at the target.
        PlatformError: the target cannot be read.
    """
    wanted = desired(view, plan.group)
    return compare_with(
        plan, wanted, ArchiveTimelines(view, open_blob), target, natives=natives_of(view), outcome=outcome
    )


def compare_with(
    plan: Plan,
    wanted: Desired,
    timelines: Timelines,
    target: Target,
    *,
    natives: Natives,
    outcome: Known | None = None,
) -> list[FeatureRow]:
    """As `compare`, of an archive that was read already."""
    return _Comparison(plan, wanted, timelines, target, natives=natives, outcome=outcome or (lambda _: None)).rows()


class _Comparison:
    def __init__(
        self, plan: Plan, wanted: Desired, timelines: Timelines, target: Target, *, natives: Natives, outcome: Known
    ) -> None:
        self.plan = plan
        self.wanted = wanted
        self.timelines = timelines
        self.natives = natives
        self.outcome = outcome
        self.fetch: Fetch = target.media
        made = target.observe().containers
        self.rooms: dict[Ref, Ref] = {
            action.channel.ref: made[action.key]
            for action in plan.actions
            if isinstance(action, CreateGroup | CreateChannel) and action.key in made
        }
        if plan.group not in self.rooms:
            raise UsageError("nothing of this plan has been rebuilt yet", hint="Run `grouparchive apply` first.")
        self.found = Found(target, self.rooms[plan.group])
        self.tally = Tally()

    def rows(self) -> list[FeatureRow]:
        self.compare_rooms()
        replays = {action.channel: action for action in self.plan.actions if isinstance(action, Replay)}
        for channel in self.wanted.channels:
            room = self.rooms.get(channel.ref, "")
            pins = self.wanted.pins.get(channel.ref, ())
            replay = replays.get(channel.ref) or Replay(key="0" * 32, channel=channel.ref, posts=0)
            PostComparison(
                self.plan, replay, self.timelines, self.found, self.tally, fetch=self.fetch, outcome=self.outcome
            ).run(room, pins)
        self.compare_names()
        self.compare_settings()
        self.compare_people()
        return self.tally.rows(_ORDER)

    def failed(self, key: Key) -> bool:
        """Did the applier say that this could not be done?"""
        told = self.outcome(key)
        return told is not None and told.status in {"failed", "skipped"}

    def compare_rooms(self) -> None:
        planned = {
            action.channel.ref: action
            for action in self.plan.actions
            if isinstance(action, CreateGroup | CreateChannel)
        }
        for channel in self.wanted.channels:
            found = self.found.channels.get(self.rooms.get(channel.ref, ""))
            same = found is not None and (found.type == channel.type or found.type in {"room", "space"})
            self.tally.add("rooms", same=same, explained=channel.ref not in planned)

    def compare_names(self) -> None:
        """Names, topics and pictures; before the reveal their lack is as announced."""
        neutral = {
            action.channel.ref: action.name
            for action in self.plan.actions
            if isinstance(action, CreateGroup | CreateChannel)
        }
        reveals = {action.channel: action for action in self.plan.reveal if isinstance(action, Reveal)}
        for channel in self.wanted.channels:
            found = self.found.channels.get(self.rooms.get(channel.ref, ""))
            reveal = reveals.get(channel.ref)
            waiting = found is None or reveal is None or found.name == neutral.get(channel.ref)
            waiting = waiting or self.failed(reveal.key if reveal else "")
            name, topic, avatar = (found.name, found.topic, found.avatar) if found else ("", "", "")
            if channel.name:
                self.tally.add("name", same=name == channel.name, explained=waiting)
            if channel.topic:
                self.tally.add("topic", same=topic == channel.topic, explained=waiting)
            if channel.avatar:
                self.tally.add("picture", same=bool(avatar), explained=waiting or not (reveal and reveal.avatar))

    def compare_settings(self) -> None:
        actions = [*self.plan.actions, *self.plan.reveal]
        planned = {(one.channel, one.setting): one for one in actions if isinstance(one, Configure)}
        later = {one.key for one in self.plan.reveal}
        for setting in self.wanted.settings:
            action = planned.get((setting.channel, setting.name))
            room = self.rooms.get(setting.channel, "")
            value = self.found.settings.get((room, setting.name), "")
            explained = action is None or self.failed(action.key)
            explained = explained or (action is not None and action.key in later and not self.revealed())
            self.tally.add("setting", same=self.holds(setting.value, value), explained=explained)

    def revealed(self) -> bool:
        """Does the group bear its own name again?"""
        found = self.found.channels.get(self.rooms[self.plan.group])
        return found is not None and found.name == self.plan.group_name

    def holds(self, wanted: str, found: str) -> bool:
        """Is everything that the archived setting says said by the one found?"""
        try:
            return self.within(msgspec.json.decode(wanted), msgspec.json.decode(found))
        except UNREADABLE:
            return wanted == found

    def within(self, wanted: Any, found: Any) -> bool:
        if isinstance(wanted, dict):
            return isinstance(found, dict) and all(
                self.within(value, found.get(name)) for name, value in wanted.items()
            )
        if isinstance(wanted, list):
            return isinstance(found, list) and len(wanted) == len(found) and all(map(self.within, wanted, found))
        return wanted == found or (isinstance(wanted, str) and wanted in self.rooms and self.rooms[wanted] == found)

    def compare_people(self) -> None:
        levels, bans = self.found.levels(), self.found.bans()
        grants = {(one.channel, one.member): one for one in self.plan.reveal if isinstance(one, Grant)}
        for person in self.wanted.people:
            for one in person.memberships:
                if one.level <= 0 or person.admin:
                    continue
                place = (self.rooms.get(one.channel, ""), self.natives(person.id))
                same = place in levels and levels[place] == one.level
                absent = (one.channel, person.id) not in grants or place not in levels or not self.revealed()
                self.tally.add("role", same=same, explained=absent)
        planned = {(one.channel, one.member): one for one in self.plan.actions if isinstance(one, BanMember)}
        for ban in self.wanted.bans:
            action = planned.get((ban.channel, ban.member))
            native = self.natives(ban.member)
            same = bool(native) and (self.rooms.get(ban.channel, ""), native) in bans
            self.tally.add("ban", same=same, explained=action is None or self.failed(action.key))


__all__ = ["FeatureRow", "Found", "compare", "compare_with"]
