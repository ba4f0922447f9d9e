"""Reads a Slack workspace from its export: structure, people with their addresses, and the messages of each channel by day.

Refs are Slack's own ids as its Web API gives them: the team, the channel, the `ts` of a message. Conversations of a few people
are named by their users' handles in the export; here they have no name.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from operator import attrgetter
from typing import ClassVar, Final

import msgspec

from grouparchive.errors import BadExport
from grouparchive.model.ports import Cursor, Identify, MediaRequest, Page
from grouparchive.model.records import (
    AnyRecord,
    Channel,
    Fact,
    Gap,
    Group,
    Known,
    Membership,
    Message,
    Pins,
    Reaction,
    Record,
    Ref,
    Role,
    Roster,
    Setting,
    Tombstone,
)
from grouparchive.model.records import Edit as Edited
from grouparchive.platforms.files import Box, FileConnector
from grouparchive.platforms.files.connector import PAGE, Choices
from grouparchive.platforms.slack import layout
from grouparchive.platforms.slack.layout import Layout
from grouparchive.platforms.slack.markup import Markup
from grouparchive.platforms.slack.messages import Talk
from grouparchive.platforms.slack.people import LONGEST, People
from grouparchive.platforms.slack.reading import Reader
from grouparchive.platforms.slack.shapes import Conversation, Said, Shared, User, moment

UNNAMED: Final = {"group": "Group conversation", "direct": "Direct conversation"}
MOST_CHANNELS: Final = 200_000

_FIRST_TS: Final = re.compile(rb'"ts"\s*:\s*"([0-9]{9,11}\.[0-9]{6})"')
_TEAM: Final = re.compile(rb'(?:"(?:team|team_id|user_team)"\s*:\s*"|files-pri(?:\\?/))(T[A-Z0-9]{6,20})')
_REF: Final = re.compile(r"[A-Z][A-Z0-9]{2,30}")


class Place(msgspec.Struct):
    """A channel and where its days lie."""

    ref: Ref
    kind: str
    told: Conversation
    days: list[str]


class SlackExport(FileConnector):
    """See `FileConnector`."""

    platform: ClassVar[str] = "slack"
    origin: ClassVar[str] = "slack.com"
    title: ClassVar[str] = "a Slack workspace export"
    exports: ClassVar[frozenset[type[Record]]] = frozenset(
        {
            Group, Channel, Setting, Role, Pins, Message, Edited, Reaction, Tombstone, Roster, Membership, Fact, Gap,
        }
    )  # fmt: skip

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._known: tuple[Group, Layout, People, dict[Ref, Place], Markup] | None = None
        self._exported = box.modified
        self._counts: Counter[tuple[str, str]] = Counter()
        self._reader = Reader(box, self._count)

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - one of several that are asked
        """Lists of channels and users beside each other."""
        return layout.found(box)

    def groups(self) -> Iterator[Group]:
        """The workspace.

        Raises:
            BadExport: nothing of it can be read.
        """
        yield self._open()[0]

    def pages(self, group: Ref, after: Cursor) -> Iterator[Page]:
        """See `FileConnector.pages`. What was found on opening is told each time."""
        self._known = None
        yield from super().pages(group, after)

    # --- opening -------------------------------------------------------------------------------------------------------

    def _open(self) -> tuple[Group, Layout, People, dict[Ref, Place], Markup]:
        if self._known is None:
            self._gaps = list(self.box.gaps)
            self._counts.clear()
            found = Layout(self.box)
            reader = self._reader
            people = People(self.identify, {user: layout.face_ref(user, face) for user, face in found.faces.items()})
            teams: Counter[str] = Counter()
            for entry in found.users:
                for rows in reader.rows(entry, User, "users"):
                    teams.update(people.learn(rows))
            places = self._places(found, reader)
            if not places:
                raise BadExport("this Slack export holds no channel that can be read")
            group = self._group(found, teams, places)
            self._stamp = people.stamp()
            # Not the file's own time, which a copy of it does not keep: who was seen since counts over an older list.
            told = max(people.latest(), layout.newest(self.box, found.days.values()))
            self._exported = min(told or self.box.modified, self.box.modified)
            names = {ref: _called(place) for ref, place in places.items()}
            self._known = group, found, people, places, Markup(people.id, names)
            self._limits(found, people)
        return self._known

    def _group(self, found: Layout, teams: Counter[str], places: dict[Ref, Place]) -> Group:
        teams.pop("", None)
        told = (place.told.context_team_id or "" for place in places.values())
        ref = teams.most_common(1)[0][0] if teams else next(filter(None, told), "")
        created = {moment(place.told.created): place.ref for place in places.values() if place.told.created}
        first = min((time for time in created if time > 0), default=0)
        if not ref:
            heads = (self.box.head(place.days[0]) for place in places.values() if place.days)
            team = next(filter(None, map(_TEAM.search, heads)), None)
            # Without a team's id: the oldest channel is #general, which cannot be deleted.
            ref = team[1].decode() if team else f"workspace-of/{created.get(first) or min(places)}"
        name = self.choices.group or layout.title(self.box, found.root) or "Slack workspace"
        return Group(ref=ref[:1000], platform=self.platform, origin=self.origin, name=name[:LONGEST], created=first)

    def _places(self, found: Layout, reader: Reader) -> dict[Ref, Place]:
        places: dict[Ref, Place] = {}
        used: set[str] = set()
        for kind in filter(found.lists.get, layout.LISTS.values()):
            entry = found.lists[kind]
            for rows in reader.rows(entry, Conversation, f"list of {kind} conversations"):
                for told in rows:
                    if not _REF.fullmatch(told.id or "") or told.id in places or len(places) >= MOST_CHANNELS:
                        self._count(Known.MESSAGE_UNREADABLE, "lists of conversations", int(not told.id))
                        continue
                    name = told.name or ""
                    folder = told.id if kind == "direct" or (name not in found.days or name in used) else name
                    used.add(folder)
                    places[told.id] = Place(told.id, kind, told, found.days.get(folder, []))
        for folder in found.days.keys() - used:
            kind = (
                "direct" if re.fullmatch("D[A-Z0-9]{6,20}", folder) else "group" if folder[:5] == "mpdm-" else "private"
            )
            ref = folder if _REF.fullmatch(folder) else self._unlisted(folder, found.days[folder])
            named = "" if kind != "private" else folder[:LONGEST]
            places.setdefault(ref, Place(ref, kind, Conversation(id=ref, name=named), found.days[folder]))
            self._count(Known.CHANNEL_UNLISTED, ref, 1)
        return places

    def _unlisted(self, folder: str, days: list[str]) -> Ref:
        """A ref for a channel that no list tells of. A conversation's folder bears handles, so it goes by its first message."""
        if folder[:5] != "mpdm-":
            return f"#{folder}"[:64]
        found = _FIRST_TS.search(self.box.head(days[0]))
        return f"mpdm/{found[1].decode() if found else days[0][-15:-5]}"

    def _limits(self, found: Layout, people: People) -> None:
        """What this export does not hold, once each."""
        present = people.present()
        if not found.faces:
            self._gap(Known.AVATARS_NOT_EXPORTED, limit=True)
        if "private" not in found.lists and "direct" not in found.lists:
            self._gap(Known.CHANNELS_NOT_EXPORTED, limit=True)
        if present and not any(people.known[user].mail for user in present):
            self._gap(Known.ADDRESSES_NOT_EXPORTED, limit=True)
        if not found.users:
            self._gap(Known.MEMBERS_PARTIAL, limit=True)
        if people.unreadable:
            self._gap(Known.CONTACT_UNREADABLE, count=people.unreadable)
        if found.rest:
            top = ", ".join(name for name in found.rest if "/" not in name)
            self._gap(Known.PART_LEFT_OUT, detail=top[:LONGEST], count=len(found.rest), limit=True)
        if found.others:
            self._gap(Known.EXPORT_LEFT_OUT, count=found.others)

    # --- states --------------------------------------------------------------------------------------------------------

    def _states(self, group: Ref) -> Iterator[Page]:
        head, _, people, places, markup = self._open()
        states: list[AnyRecord] = [
            head,
            Channel(ref=group, group=group, type="space", name=head.name, created=head.created),
        ]
        for place in places.values():
            states += _states_of(group, place, markup)
        self._tell_counts()
        yield Page(records=[*states, *people.roles(group)])
        yield self._roster(group, people.known)
        facts: list[AnyRecord] = list(people.facts(self._exported))
        for at in range(0, len(facts), PAGE):
            yield Page(records=facts[at : at + PAGE], stamp=self._stamp)
        for place in places.values():
            if place.told.members is not None:
                yield self._roster(place.ref, place.told.members)

    def _roster(self, channel: Ref, natives: Collection[str]) -> Page:
        _, found, people, _, _ = self._open()
        named = (native[:LONGEST] for native in dict.fromkeys(natives) if native)
        members = [one for native in named if (one := people.membership(channel, native))]
        media = []
        if natives is people.known:
            for user in people.present():
                face = people.known[user].avatar
                request = self._attach(face, found.faces[user], vault="roster") if face else None
                media += [msgspec.structs.replace(request, stamp=self._stamp)] if request else []
        return Page(
            records=[Roster(channel=channel, time=self._exported, members=len(members)), *members],
            media=media,
            stamp=self._stamp,
        )

    # --- events --------------------------------------------------------------------------------------------------------

    def _events(self, group: Ref) -> Iterator[Page]:
        _, _, people, places, _ = self._open()
        for native, person in people.known.items():
            if person.gone and not person.bot and person.updated:
                self.sightings.note(group, people.id(native), person.updated, "leave")
        for place in places.values():
            yield from self._channel(place)

    def _channel(self, place: Place) -> Iterator[Page]:
        _, found, people, _, markup = self._open()
        talk = Talk(
            place.ref,
            people,
            markup,
            attach=lambda ref, file: self._file(found, people, ref, file),
            tell=self._count,
            exported=self._exported,
            watch=place.told.members is None,
        )
        for entry in place.days:
            day = entry[-15:-5]
            for rows in self._reader.rows(entry, Said, f"{place.ref}/{day}"):
                rows.sort(key=attrgetter("ts"))
                for at in range(0, len(rows), PAGE):
                    talk.take(rows[at : at + PAGE], day)
                    if len(talk.records) >= PAGE:
                        yield self._page(talk)
        if talk.pinned and place.told.pins is None:
            talk.records.append(Pins(channel=place.ref, messages=tuple(talk.pinned[:1000])))
        yield self._page(talk)
        if place.told.members is None:
            for member, time in talk.seen.items():
                self.sightings.note(place.ref, member, time)
            for member, time in talk.left.items():
                if time >= talk.seen.get(member, 0):
                    self.sightings.note(place.ref, member, time, "leave")

    def _page(self, talk: Talk) -> Page:
        records, media = talk.records, talk.media
        talk.records, talk.media = [], []
        self._tell_counts()
        return Page(records=records, media=media)

    def _file(self, found: Layout, people: People, ref: Ref, file: Shared) -> MediaRequest | None:
        """A file's bytes. Slack's own exports have none, so that is one gap; one that is missing among others is its own."""
        if file.mode == "external":
            return None
        if not found.files:
            self._counts[Known.MEDIA_UNAVAILABLE, ""] += 1
            return None
        said = people.clean((file.name or file.title or "")[:512])
        return self._attach(ref, found.files.get(file.id, ""), mime=(file.mimetype or "")[:256], said=said)

    # --- gaps ----------------------------------------------------------------------------------------------------------

    def _count(self, code: str, scope: str, count: int) -> None:
        if count > 0:
            self._counts[code, scope] += count

    def _tell_counts(self) -> None:
        limits = {Known.FILE_DELETED, Known.FILE_HIDDEN, Known.HISTORY_CUT}
        for (code, scope), count in self._counts.items():
            self._gap(code, scope, count=count, limit=code in limits or (code == Known.MEDIA_UNAVAILABLE and not scope))
        self._counts.clear()


def _called(place: Place) -> str:
    """A channel's name as it may be shown: handles stand in that of a conversation."""
    return UNNAMED.get(place.kind) or (place.told.name or "")[:LONGEST]


def _states_of(group: Ref, place: Place, markup: Markup) -> Iterator[AnyRecord]:
    told = place.told
    topic = (told.topic.value if told.topic else "") or ""
    purpose = (told.purpose.value if told.purpose else "") or ""
    if place.kind in UNNAMED:
        topic = purpose = ""
    topic, purpose = (markup.bare(text[:100_000]) for text in (topic, purpose))
    created = max(moment(told.created), 0)
    yield Channel(
        ref=place.ref,
        group=group,
        parent=group,
        order=f"{created // 1000:012d}",
        name=_called(place),
        topic=topic or purpose,
        created=created,
    )
    settings = {
        "visibility": place.kind,
        "archived": True if told.is_archived else None,
        "purpose": purpose if topic else "",
    }
    for name, value in settings.items():
        if value:
            yield Setting(channel=place.ref, name=name, value=msgspec.json.encode(value).decode())
    if told.pins is not None:
        pins = (pin.id for pin in told.pins if moment(pin.id) >= 0)
        yield Pins(channel=place.ref, messages=tuple(dict.fromkeys(pins))[:1000])
