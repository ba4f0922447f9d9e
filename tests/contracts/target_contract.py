"""What every target owes, as plain checks. A platform provides a `TargetStage` and subclasses `TargetContract`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import msgspec
import pytest

from grouparchive.errors import InDoubt, NotFound, PlatformError, Refused
from grouparchive.model import plan
from grouparchive.model.plan import Action, Outcome, PostMedia, Trait
from grouparchive.model.ports import Identify, OpenBlob, Target
from grouparchive.model.records import Ban, Channel, Edit, Member, Membership, Message, Pins, Reaction

GROUP_NAME, ROOM_NAME, TOPIC = "Lantern lane", "The kitchen", "Soup for those who hide"
WORDS = (GROUP_NAME, ROOM_NAME, TOPIC)
AUTHOR, OTHER = "a1" * 16, "b2" * 16
MEMBER = "c3" * 16
BLOB = "d4" * 32
FILE = bytes(range(256)) * 300
T0 = 1_700_000_000_000


class Eyes(msgspec.Struct, frozen=True, kw_only=True):
    """What one person's app shows."""

    joined: int = 0
    unread: int = 0
    invitations: int = 0
    words: str = ""  # everything that invitations show


class TargetStage(ABC):
    """An empty place to rebuild in, and a person "ada" with an account there."""

    @abstractmethod
    def open(self, identify: Identify, open_blob: OpenBlob) -> Target:
        """A new target with the same credential."""

    @abstractmethod
    def handle(self, who: str) -> str: ...

    @abstractmethod
    def eyes(self, who: str) -> Eyes: ...

    @abstractmethod
    def come_in(self, who: str, room: str) -> bool:
        """Somebody who was not asked tries to join; are they in?"""

    @abstractmethod
    def invite(self, who: str, room: str) -> None:
        """The admin invites somebody by hand."""

    @abstractmethod
    def accept(self, who: str, room: str) -> None:
        """Somebody who was invited comes in."""

    @abstractmethod
    def file(self, ref: str) -> bytes:
        """The bytes of a file at the platform."""


class Building:
    """A target with a group and a room in it, and shorthand for more."""

    def __init__(self, stage: TargetStage) -> None:
        self.stage = stage
        self.people: dict[str, str] = {}
        self.target = stage.open(self.identify, self.open_blob)
        self.number = 0
        self.group = self.room = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.target.close()

    def identify(self, native: str, *_: str) -> str:
        return self.people.setdefault(native, f"{len(self.people) + 0xC0FFEE:032x}")

    def open_blob(self, blob: str) -> Iterator[bytes]:
        assert blob == BLOB
        yield FILE[:1000]
        yield FILE[1000:]

    def key(self) -> str:
        self.number += 1
        return f"{self.number:032x}"

    def do(self, verb: Any, **fields: Any) -> Outcome:
        return self.target.perform(verb(key=self.key(), **fields))

    def begin(self) -> Self:
        space = Channel(ref="old-group", group="old-group", type="space")
        self.group = self.do(plan.CreateGroup, group="old-group", channel=space, name="Group").ref
        self.room = self.add_room("old-room")
        return self

    def add_room(self, ref: str, *, private: bool = False) -> str:
        channel = Channel(ref=ref, group="old-group", parent="old-group")
        return self.do(plan.CreateChannel, channel=channel, parent=self.group, name="Room 1", private=private).ref

    def can(self, trait: Trait) -> bool:
        return trait in self.target.observe().traits

    def author(self, who: str = AUTHOR, label: str = "Heron", room: str = "") -> str:
        """Somebody to post as, where the target can; "" is the account itself."""
        if not self.can(Trait.AUTHORS):
            return ""
        self.do(plan.AddAuthor, channel=room or self.room, author=who, label=label)
        return who

    def post_action(self, text: str = "hello", *, time: int = T0, room: str = "", **more: Any) -> plan.Post:
        return plan.Post(
            key=self.key(), channel=room or self.room, message=f"old-{self.number}", time=time, text=text, **more
        )

    def post(self, text: str = "hello", **more: Any) -> str:
        return self.target.perform(self.post_action(text, **more)).ref

    def read(self, *kinds: type) -> list[Any]:
        return [record for record in self.target.read(self.group) if isinstance(record, kinds)]

    def actions(self) -> list[Action]:
        """One action of every verb that leaves something to be found."""
        author = self.author()
        first = self.post(author=author)
        common: dict[str, Any] = {"channel": self.room, "time": T0 + 1, "author": author}
        later = Channel(ref="old-third", group="old-group", parent="old-group")
        found: list[Action] = [
            plan.CreateGroup(
                key=self.key(), group="old-2", channel=Channel(ref="old-2", group="old-2", type="space"), name="Group"
            ),
            plan.CreateChannel(key=self.key(), channel=later, parent=self.group, name="Room 2"),
            self.post_action("again", author=author),
            plan.EditPost(key=self.key(), message="old-e", target=first, text="better", **common),
            plan.React(key=self.key(), message="old-r", target=first, reaction="\N{SNOWMAN}", **common),
            plan.SetPins(key=self.key(), channel=self.room, messages=(first,)),
            plan.BanMember(key=self.key(), channel=self.room, member=MEMBER, native=self.stage.handle("ada")),
            plan.Reveal(key=self.key(), channel=self.room, name=ROOM_NAME, topic=TOPIC),
        ]
        if author:
            found.insert(2, plan.AddAuthor(key=self.key(), channel=self.room, author=OTHER, label="Otter"))
        return [action for action in found if type(action) in self.target.performs]


# --- the checks ------------------------------------------------------------------------------------------------------


def a_new_group_is_neutral_and_shut(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        channels = {channel.ref: channel for channel in work.read(Channel)}
        assert set(channels) == {work.group, work.room}, "the group has other channels"
        assert channels[work.group].name == "Group"
        assert channels[work.room].name == "Room 1"
        assert not any(channel.topic or channel.avatar for channel in channels.values())
        assert channels[work.room].parent == work.group
        assert not stage.come_in("ada", work.group), "a stranger can come in"
        assert not stage.come_in("ada", work.room), "a stranger can come in"


def nothing_real_shows_before_the_reveal(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        work.post("hello", author=work.author())
        for place in (work.group, work.room):
            stage.invite("ada", place)
        seen = stage.eyes("ada").words
        assert not [word for word in WORDS if word in seen], "an invitation shows what the group is"
        work.do(plan.Reveal, channel=work.room, name=ROOM_NAME, topic=TOPIC)
        channel = next(channel for channel in work.read(Channel) if channel.ref == work.room)
        assert (channel.name, channel.topic) == (ROOM_NAME, TOPIC), "the reveal does not give the name back"


def markers_are_observed(stage: TargetStage) -> None:
    with Building(stage) as work:
        before = work.target.observe()
        assert work.target.observe().digest() == before.digest(), "looking twice shows two things"
        work.begin()
        after = work.target.observe()
        assert after.digest() != before.digest(), "a new group goes unnoticed"
        mine = {marker: ref for marker, ref in after.containers.items() if ref in {work.group, work.room}}
        assert mine == {f"{1:032x}": work.group, f"{2:032x}": work.room}
        assert stage.handle("ada") not in after.account


def nothing_is_found_before_it_is_done(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        for action in work.actions():
            assert work.target.find(action) is None, f"{type(action).__name__} is found before it was done"


def what_is_done_is_found(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        for action in work.actions():
            outcome = work.target.perform(action)
            assert outcome.status in {"done", "already"}
            found = work.target.find(action)
            assert found is not None, f"{type(action).__name__} is not found after it was done"
            assert found.status == "already"
            assert found.ref == outcome.ref or isinstance(action, plan.SetPins), "something else is found"


def it_is_found_by_whoever_comes_next(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        actions = work.actions()
        refs = [work.target.perform(action).ref for action in actions]
    other = stage.open(work.identify, work.open_blob)  # the answers were lost with the process
    try:
        for action, ref in zip(actions, refs, strict=True):
            found = other.find(action)
            assert found is not None, f"{type(action).__name__} is not found by a new process"
            assert found.ref == ref or isinstance(action, plan.SetPins)
    finally:
        other.close()


def each_action_is_done_once(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        author = work.author()
        refs = [work.post(f"text {number}", author=author) for number in range(5)]
        work.do(plan.React, channel=work.room, message="r", target=refs[0], time=T0, reaction="x", author=author)
        work.do(plan.EditPost, channel=work.room, message="e", target=refs[1], time=T0, text="better", author=author)
        assert len(set(refs)) == 5
        ours = [record.ref for record in work.read(Message) if record.marker and record.type != "service"]
        assert ours == refs, "a post is missing, doubled or out of order"
        assert len([record for record in work.read(Reaction) if record.marker]) == 1
        assert len([record for record in work.read(Edit) if record.marker]) == 1


def markers_are_read_back(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        action = work.post_action("hello", author=work.author())
        ref = work.target.perform(action).ref
        assert {record.ref: record.marker for record in work.read(Message)}.get(ref) == action.key


def posts_keep_what_they_are(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        author = work.author()
        first = work.post("the first", author=author, time=T0)
        opener = work.post("a thread", author=author, time=T0 + 1000)
        more = {"author": author, "reply_to": first, "thread": opener, "time": T0 + 2000}
        answer = work.post("an answer", html="<b>an answer</b>", **more)
        work.do(
            plan.EditPost, channel=work.room, message="e", target=first, time=T0 + 3000, text="the 1st", author=author
        )
        work.do(plan.React, channel=work.room, message="r", target=first, time=T0 + 4000, reaction="x", author=author)
        work.do(plan.SetPins, channel=work.room, messages=(answer, first))
        found = {record.ref: record for record in work.read(Message)}
        assert [found[ref].text for ref in (first, opener, answer)] == ["the first", "a thread", "an answer"]
        assert found[answer].reply_to == first, "a reply is no reply"
        assert found[answer].thread == opener, "a thread is no thread"
        if work.can(Trait.FORMATTING):
            assert "<b>an answer</b>" in found[answer].html
        if work.can(Trait.BACKDATING):
            assert [found[ref].time for ref in (first, opener, answer)] == [T0, T0 + 1000, T0 + 2000], (
                "times are others"
            )
        (edit,) = [record for record in work.read(Edit) if record.marker]
        assert (edit.target, edit.text) == (first, "the 1st")
        (reaction,) = [record for record in work.read(Reaction) if record.marker]
        assert (reaction.target, reaction.key) == (first, "x")
        pins = {pin.channel: pin.messages for pin in work.read(Pins)}
        assert pins[work.room] == (answer, first), "pins are others"


def authors_are_who_the_plan_says(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        if not work.can(Trait.AUTHORS):
            return
        one, two = work.author(AUTHOR, "Heron"), work.author(OTHER, "Otter")
        refs = [work.post("from one", author=one), work.post("from two", author=two)]
        records = list(work.target.read(work.group))
        labels = {record.id: record.name for record in records if isinstance(record, Member)}
        shown = {record.ref: labels.get(record.author) for record in records if isinstance(record, Message)}
        assert [shown[ref] for ref in refs] == ["Heron", "Otter"], "posts bear another author"
        for author in (one, two):
            work.do(plan.RemoveAuthor, channel=work.room, author=author)
        here = [member.member for member in work.read(Membership) if member.channel == work.room]
        assert len(here) == 1, "stand-ins stay, or the admin went"


def order_is_kept_when_channels_go_side_by_side(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        rooms = [work.room, *(work.add_room(f"old-{number}") for number in range(2))]
        authors = [work.author(room=room) for room in rooms]
        lanes = [
            [work.post_action(f"{number}", room=room, author=author, time=T0 + number) for number in range(15)]
            for room, author in zip(rooms, authors, strict=True)
        ]
        with ThreadPoolExecutor(3) as pool:
            made = list(pool.map(lambda lane: [work.target.perform(action).ref for action in lane], lanes))
        found = [record for record in work.read(Message) if record.marker and record.type != "service"]
        for room, refs in zip(rooms, made, strict=True):
            assert [record.ref for record in found if record.channel == room] == refs, "order is lost"


def files_arrive_whole(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        upload = plan.Upload(key=work.key(), blob=BLOB, name="pic.png", mime="image/png", size=len(FILE), strip=False)
        ref = work.target.perform(upload).ref
        assert stage.file(ref) == FILE, "a file has other bytes"
        media = (PostMedia(upload=ref, name="pic.png", mime="image/png", size=len(FILE)),)
        post = work.post("look", type="image", media=media, author=work.author())
        found = next(record for record in work.read(Message) if record.ref == post)
        assert [file.ref for file in found.media] == [ref], "a post has lost its file"
        assert b"".join(work.target.media(ref)) == FILE, "the report would read other bytes"


def nobody_is_joined_or_told(stage: TargetStage) -> None:
    before = stage.eyes("ada")
    with Building(stage).begin() as work:
        author = work.author()
        refs = [work.post(f"for {stage.handle('ada')}", author=author) for _ in range(3)]
        work.do(plan.SetPins, channel=work.room, messages=tuple(refs))
        work.do(plan.React, channel=work.room, message="r", target=refs[0], time=T0, reaction="x", author=author)
        work.do(plan.Reveal, channel=work.room, name=ROOM_NAME, topic=TOPIC)
        work.do(plan.Grant, channel=work.room, member=MEMBER, level=50, native=stage.handle("ada"))
        assert stage.eyes("ada") == before, "somebody was joined, invited or notified"
        people = {run for native, run in work.people.items() if native == stage.handle("ada")}
        assert not [one for one in work.read(Membership) if one.member in people], "somebody was joined"


def who_comes_after_the_replay_has_nothing_unread(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        author = work.author()
        for number in range(5):
            work.post(f"post {number}", author=author)
        stage.invite("ada", work.room)
        stage.accept("ada", work.room)
        assert stage.eyes("ada").unread == 0, "the replay is unread for who came after it"


def bans_hold(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        work.do(plan.BanMember, channel=work.room, member=MEMBER, native=stage.handle("ada"))
        bans = [ban for ban in work.read(Ban) if ban.channel == work.room]
        assert [ban.member for ban in bans] == [work.people.get(stage.handle("ada"))], "a ban is not there"


def a_role_waits_until_its_owner_is_there(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        grant: dict[str, Any] = {"channel": work.room, "member": MEMBER, "level": 50, "native": stage.handle("ada")}
        assert work.do(plan.Grant, **grant).status == "skipped", "a role was given to nobody"
        stage.invite("ada", work.room)
        stage.accept("ada", work.room)
        assert work.do(plan.Grant, **grant).status == "done"
        levels = {one.member: one.level for one in work.read(Membership) if one.channel == work.room}
        assert levels[work.people[stage.handle("ada")]] == 50, "a role is not given back"


def what_is_not_there_is_refused(stage: TargetStage) -> None:
    with Building(stage).begin() as work:
        author = work.author()
        nowhere = work.room + "x"
        channel = Channel(ref="old-x", group="old-group", parent="old-group")
        hopeless: list[Action] = [
            work.post_action("hello", room=nowhere, author=author),
            plan.Reveal(key=work.key(), channel=nowhere, name=ROOM_NAME),
            plan.BanMember(key=work.key(), channel=nowhere, member=MEMBER, native=stage.handle("ada")),
            plan.CreateChannel(key=work.key(), channel=channel, parent=nowhere, name="Room"),
            plan.Replay(key=work.key(), channel=work.room, posts=0),
        ]
        for action in hopeless:
            with pytest.raises((Refused, NotFound)) as caught:
                work.target.perform(action)
            assert not isinstance(caught.value, InDoubt)
            assert stage.handle("ada") not in str(caught.value), "an error names somebody"
        with pytest.raises(PlatformError):
            list(work.target.read(work.group + "x"))


CHECKS: list[Callable[[TargetStage], None]] = [
    a_new_group_is_neutral_and_shut,
    nothing_real_shows_before_the_reveal,
    markers_are_observed,
    nothing_is_found_before_it_is_done,
    what_is_done_is_found,
    it_is_found_by_whoever_comes_next,
    each_action_is_done_once,
    markers_are_read_back,
    posts_keep_what_they_are,
    authors_are_who_the_plan_says,
    order_is_kept_when_channels_go_side_by_side,
    files_arrive_whole,
    nobody_is_joined_or_told,
    who_comes_after_the_replay_has_nothing_unread,
    bans_hold,
    a_role_waits_until_its_owner_is_there,
    what_is_not_there_is_refused,
]


class TargetContract:
    """Subclass it and give it a fixture `target_stage`."""

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_target(self, check: Callable[[TargetStage], None], target_stage: TargetStage) -> None:
        check(target_stage)
