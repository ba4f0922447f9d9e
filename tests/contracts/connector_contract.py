"""What every connector owes, as plain checks. A platform provides a `ConnectorStage` and subclasses `ConnectorContract`.

class TestMine(ConnectorContract):
    @pytest.fixture
    def connector_stage(self) -> MyStage: ...
"""

import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from grouparchive.errors import NotFound, PlatformError, Refused
from grouparchive.model import codec
from grouparchive.model.ports import Connector, Cursor, Identify, Page
from grouparchive.model.records import (
    STATE_KINDS,
    Ban,
    Channel,
    Edit,
    Group,
    Membership,
    Message,
    Pins,
    Reaction,
    Roster,
    Tombstone,
    vault_of,
)

EVENTS = (Message, Edit, Reaction, Tombstone)
REQUESTS_PER_CHANNEL = 5


class ConnectorStage(ABC):
    """A platform with one group of one channel (perhaps below a container), whose admin's credential the connector has, and in
    it two ordinary members, "ada" and "ben". "cyd" has an account and is not there.
    """

    group: str
    room: str

    @abstractmethod
    def connect(self, identify: Identify) -> Connector:
        """A new connector, with small pages where that can be chosen."""

    @abstractmethod
    def handle(self, who: str) -> str:
        """The native handle: long and odd enough to be looked for in bytes."""

    @abstractmethod
    def post(self, who: str, text: str, *, reply_to: str = "", file: bytes = b"", name: str = "") -> str:
        """Somebody posts; the message's ref."""

    @abstractmethod
    def edit(self, who: str, target: str, text: str) -> str: ...

    @abstractmethod
    def react(self, who: str, target: str, key: str) -> str: ...

    @abstractmethod
    def delete(self, target: str) -> None: ...

    @abstractmethod
    def pin(self, *targets: str) -> None: ...

    @abstractmethod
    def set_topic(self, topic: str) -> None: ...

    @abstractmethod
    def ban(self, who: str) -> None: ...

    @abstractmethod
    def lost_file(self) -> str:
        """The ref of a file that is not there."""

    def hostile(self) -> int:
        """Put events there that no honest client sends; how many of them a connector cannot read."""
        return 0

    def face(self, who: str, picture: bytes) -> bool:  # noqa: ARG002 - for those that have pictures
        """Give somebody a picture; False where the platform has none."""
        return False

    def requests(self, connector: Connector) -> int | None:  # noqa: ARG002 - for those that can tell
        """How many requests it has made so far; None where that cannot be told."""
        return None

    def state(self) -> object:
        """Everything at the platform that reading must not change."""
        return None


class Reading:
    """One run of a connector to its end, or to a page."""

    def __init__(self, stage: ConnectorStage, after: Cursor | None = None) -> None:
        self.people: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.asked: set[str] = set()
        self.listing = 0  # requests that listing the groups took
        self.connector = stage.connect(self.identify)
        self.stage = stage
        self.pages: list[Page] = []
        self.cursor: dict[str, str] = dict(after or {})
        self.after = dict(after or {})

    def identify(self, native: str, *_: str) -> str:
        found = self.people.setdefault(native, f"{len(self.people) + 0xC0FFEE:032x}")
        self.ids[found] = native
        self.asked.add(native)
        return found

    def stream(self) -> Iterator[Page]:
        groups = [group.ref for group in self.connector.groups()]
        assert self.stage.group in groups, "the group is not listed"
        self.listing = self.stage.requests(self.connector) or 0
        for page in self.connector.pages(self.stage.group, dict(self.after)):
            self.pages.append(page)
            self.cursor.update(page.cursor)
            yield page

    def whole(self) -> "Reading":
        try:
            for _ in self.stream():
                pass
        finally:
            self.connector.close()
        return self

    @property
    def records(self) -> list[Any]:
        return [record for page in self.pages for record in page.records]

    def of(self, *kinds: type) -> list[Any]:
        return [record for record in self.records if isinstance(record, kinds)]

    @property
    def events(self) -> list[str]:
        return [record.ref for record in self.of(*EVENTS)]


def populate(stage: ConnectorStage, posts: int = 11) -> list[str]:
    """A bit of life; the refs of the posts in order."""
    refs = [stage.post(("ada", "ben")[number % 2], f"post number {number}") for number in range(posts)]
    stage.edit("ada", refs[0], "post number 0, better")
    stage.react("ben", refs[0], "\N{SNOWMAN}")
    stage.pin(refs[1])
    return refs


# --- the checks ------------------------------------------------------------------------------------------------------


def states_come_first(stage: ConnectorStage) -> None:
    populate(stage)
    run = Reading(stage).whole()
    first_event = next(index for index, record in enumerate(run.records) if isinstance(record, EVENTS))
    for kind in (Group, Channel, Pins, Roster):
        last = max((index for index, record in enumerate(run.records) if isinstance(record, kind)), default=-1)
        assert 0 <= last < first_event, f"{kind.__name__} is missing or comes after posts"
    assert {channel.ref for channel in run.of(Channel)} >= {stage.room}
    assert {group.ref for group in run.of(Group)} == {stage.group}
    for group in run.of(Group):
        assert group.account == "" or run.ids[group.account] not in {stage.handle(who) for who in ("ada", "ben", "cyd")}


def a_roster_is_one_whole_page(stage: ConnectorStage) -> None:
    stage.ban("cyd")
    run = Reading(stage).whole()
    found = set()
    for page in run.pages:
        heads = [record for record in page.records if isinstance(record, Roster)]
        members = [record for record in page.records if isinstance(record, Membership)]
        bans = [record for record in page.records if isinstance(record, Ban)]
        assert len(heads) == (1 if members or bans or heads else 0), "a page of members without its head, or with two"
        for head in heads:
            assert (head.members, head.bans) == (len(members), len(bans)), "the head counts others than the page has"
            assert {record.channel for record in (*members, *bans)} <= {head.channel}
            assert len({record.member for record in members}) == len(members)
            found.add(head.channel)
    assert found == {channel.ref for channel in run.of(Channel)}, "a channel has no roster"
    here = {run.ids[member.member]: member for member in run.of(Membership) if member.channel == stage.room}
    assert {stage.handle("ada"), stage.handle("ben")} < set(here), "members are missing"
    assert stage.handle("cyd") not in here
    assert max(member.level for member in here.values()) > here[stage.handle("ada")].level
    assert stage.handle("cyd") in {run.ids[ban.member] for ban in run.of(Ban) if ban.channel == stage.room}


def every_post_comes_once_and_in_order(stage: ConnectorStage) -> None:
    refs = populate(stage, posts=23)
    run = Reading(stage).whole()
    ours = [record.ref for record in run.of(Message) if record.ref in set(refs)]
    assert ours == refs, "posts are missing, doubled or out of order"
    assert not [ref for ref, count in Counter(run.events).items() if count > 1]


def texts_authors_and_times_are_right(stage: ConnectorStage) -> None:
    refs = populate(stage)
    run = Reading(stage).whole()
    found = {record.ref: record for record in run.of(Message)}
    for number, ref in enumerate(refs):
        who = stage.handle(("ada", "ben")[number % 2])
        assert run.ids.get(found[ref].author) == who, "a post has another author"
        assert found[ref].text == f"post number {number}", "a post has another text"
        assert found[ref].channel == stage.room
    times = [found[ref].time for ref in refs]
    assert times == sorted(times)
    assert times[0] > 0


def replies_edits_reactions_and_pins_are_told(stage: ConnectorStage) -> None:
    refs = populate(stage)
    reply = stage.post("ben", "an answer", reply_to=refs[2])
    run = Reading(stage).whole()
    found = {record.ref: record for record in run.of(Message)}
    assert found[reply].reply_to == refs[2], "a reply does not say to what"
    assert found[reply].text == "an answer"
    (edit,) = run.of(Edit)
    assert (edit.target, edit.text) == (refs[0], "post number 0, better")
    (reaction,) = run.of(Reaction)
    assert (reaction.target, reaction.key) == (refs[0], "\N{SNOWMAN}")
    assert run.ids[reaction.author] == stage.handle("ben")
    pins = {pin.channel: pin.messages for pin in run.of(Pins)}
    assert pins[stage.room] == (refs[1],), "pins are missing"


def what_was_deleted_is_a_tombstone(stage: ConnectorStage) -> None:
    refs = populate(stage)
    first = Reading(stage).whole()
    stage.delete(refs[3])
    second = Reading(stage, first.cursor).whole()
    assert [record.target for record in second.of(Tombstone)] == [refs[3]], "a deletion is not told"
    assert second.of(Message) == []


def the_second_run_brings_nothing(stage: ConnectorStage) -> None:
    populate(stage)
    first = Reading(stage).whole()
    second = Reading(stage, first.cursor).whole()
    assert second.events == [], "what was read comes again"
    assert _states(second) == _states(first), "states are not given in full again"
    assert _stamps(second) == _stamps(first), "an unchanged roster bears another stamp"
    requests = stage.requests(second.connector)
    if requests is not None:
        channels = len(first.of(Channel))
        assert requests - second.listing <= REQUESTS_PER_CHANNEL * channels, "too many requests for nothing new"


def the_second_run_brings_what_is_new(stage: ConnectorStage) -> None:
    refs = populate(stage)
    first = Reading(stage).whole()
    new = [stage.post("ada", f"later {number}") for number in range(7)]
    edit = stage.edit("ada", refs[2], "changed later")
    second = Reading(stage, first.cursor).whole()
    assert second.events == [*new, edit], "news are missing, doubled or out of order"


def it_resumes_after_any_page(stage: ConnectorStage) -> None:
    populate(stage, posts=23)
    whole = Reading(stage).whole()
    cursor: dict[str, str] = {}
    before: list[str] = []
    for page in whole.pages:
        cursor.update(page.cursor)
        before += [record.ref for record in page.records if isinstance(record, EVENTS)]
        rest = Reading(stage, cursor).whole().events
        assert before + rest == whole.events, "resumed in the middle, something is missing or doubled"


def what_arrives_meanwhile_is_not_lost(stage: ConnectorStage) -> None:
    refs = populate(stage, posts=17)
    first = Reading(stage)
    for number, _ in enumerate(first.stream()):
        if number < 6:
            refs.append(stage.post("ben", f"meanwhile {number}"))
    first.connector.close()
    second = Reading(stage, first.cursor).whole()
    found = [record.ref for record in (*first.of(Message), *second.of(Message)) if record.ref in set(refs)]
    assert found == refs, "what was posted during the run is missing or doubled"


def no_handle_is_in_content(stage: ConnectorStage) -> None:
    ada, ben, cyd = (stage.handle(who) for who in ("ada", "ben", "cyd"))
    first = stage.post("ada", f"ask {ben} or {cyd}, not {ada}!")
    stage.post("ben", f"{ada}: see below", reply_to=first)
    stage.post("ben", "a file", file=b"some bytes", name=f"from {ada}.txt")
    stage.edit("ada", first, f"ask only {cyd}")
    stage.set_topic(f"write to {ben}")
    stage.ban("cyd")
    run = Reading(stage).whole()
    content = [codec.encode(record).decode() for record in run.records if vault_of(record) == "content"]
    content += [codec.encode(gap).decode() for page in run.pages for gap in page.gaps]
    for who in (ada, ben, cyd):
        leaks = [line for line in content if who in line]
        assert not leaks, "a handle stands in content"
    found = next(record for record in run.of(Message) if record.ref == first)
    for who in (ben, cyd):
        assert f"{{member:{run.people[who]}}}" in found.text, "a mention does not say whom"


def ids_come_from_identify(stage: ConnectorStage) -> None:
    populate(stage)
    stage.post("ada", f"hello {stage.handle('ben')}")
    run = Reading(stage).whole()
    named = re.compile(r'"(?:author|member|by)":"([0-9a-f]{32})"|\{member:([0-9a-f]{32})\}')
    for record in run.records:
        for found in named.findall(codec.encode(record).decode()):
            assert (found[0] or found[1]) in run.ids, "an id that nobody was asked for"


def each_page_tells_who_is_in_it(stage: ConnectorStage) -> None:
    populate(stage)
    run = Reading(stage)
    for page in run.stream():
        for record in page.records:
            author = getattr(record, "author", "")
            assert not author or run.ids[author] in run.asked, "a page's people were not told with it"
        run.asked.clear()
    run.connector.close()


def files_are_the_same_bytes(stage: ConnectorStage) -> None:
    data = bytes(range(256)) * 5000
    ref = stage.post("ada", "look", file=data, name="look.bin")
    run = Reading(stage)
    for _ in run.stream():
        pass
    message = next(record for record in run.of(Message) if record.ref == ref)
    (file,) = message.media
    assert file.name == "look.bin"
    wanted = [request for page in run.pages for request in page.media if request.ref == file.ref]
    assert wanted, "the page does not list its file"
    assert {request.vault for request in wanted} == {"content"}
    for _ in range(2):
        assert b"".join(run.connector.media(file.ref)) == data, "a file has other bytes"
    run.connector.close()


def faces_belong_to_the_roster(stage: ConnectorStage) -> None:
    if not stage.face("ada", b"a face" * 50):
        return
    run = Reading(stage)
    for _ in run.stream():
        pass
    vaults = [request.vault for page in run.pages for request in page.media]
    assert "roster" in vaults, "a member's picture is not asked for"
    assert "content" not in vaults, "a member's picture is asked for as content"
    run.connector.close()


def a_lost_file_is_a_typed_error(stage: ConnectorStage) -> None:
    run = Reading(stage)
    try:
        with pytest.raises(PlatformError):
            b"".join(run.connector.media(stage.lost_file()))
    finally:
        run.connector.close()


def an_unknown_group_is_a_typed_error(stage: ConnectorStage) -> None:
    run = Reading(stage)
    try:
        with pytest.raises((NotFound, Refused)):
            list(run.connector.pages(stage.group + "x", {}))
    finally:
        run.connector.close()


def hostile_events_are_gaps(stage: ConnectorStage) -> None:
    before = stage.post("ada", "before")
    expected = stage.hostile()
    after = stage.post("ada", "after")
    run = Reading(stage).whole()
    assert [r.ref for r in run.of(Message) if r.ref in {before, after}] == [before, after], (
        "good posts are lost with bad"
    )
    gaps = sum(gap.count for page in run.pages for gap in page.gaps if not gap.limit)
    assert gaps >= expected, "what cannot be read is passed over in silence"


def records_keep_to_the_schema(stage: ConnectorStage) -> None:
    populate(stage)
    stage.hostile()
    run = Reading(stage).whole()
    for record in run.records:
        assert codec.decode(codec.encode(record)) == record, "a record breaks its own rules"
        assert type(record) in run.connector.exports, "a kind that the connector does not announce"


def cursors_are_plain_strings(stage: ConnectorStage) -> None:
    populate(stage)
    run = Reading(stage).whole()
    assert run.cursor, "there is no cursor"
    for page in run.pages:
        assert all(type(name) is str and type(value) is str for name, value in page.cursor.items())
        if any(isinstance(record, Roster | Group | Channel) for record in page.records):
            assert not page.cursor, "a page of states moves the cursor"
    assert json.loads(json.dumps(run.cursor)) == run.cursor
    for who in ("ada", "ben"):
        assert stage.handle(who) not in json.dumps(run.cursor), "a handle stands in the cursor"


def reading_changes_nothing(stage: ConnectorStage) -> None:
    populate(stage)
    before = stage.state()
    Reading(stage).whole()
    assert stage.state() == before, "reading left a trace at the platform"


def _states(run: Reading) -> list[str]:
    # Ids are the same person's in both readings only through the handle.
    lines = []
    for record in run.records:
        if type(record) in STATE_KINDS or isinstance(record, Membership | Ban):
            line = codec.encode(record).decode()
            lines.append(re.sub(r"[0-9a-f]{32}", lambda found: run.ids.get(found[0], found[0]), line))
    return sorted(lines)


def _stamps(run: Reading) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (page.stamp, sorted((file.ref, file.stamp) for file in page.media)) for page in run.pages if not page.cursor
    ]


CHECKS: list[Callable[[ConnectorStage], None]] = [
    states_come_first,
    a_roster_is_one_whole_page,
    every_post_comes_once_and_in_order,
    texts_authors_and_times_are_right,
    replies_edits_reactions_and_pins_are_told,
    what_was_deleted_is_a_tombstone,
    the_second_run_brings_nothing,
    the_second_run_brings_what_is_new,
    it_resumes_after_any_page,
    what_arrives_meanwhile_is_not_lost,
    no_handle_is_in_content,
    ids_come_from_identify,
    each_page_tells_who_is_in_it,
    files_are_the_same_bytes,
    faces_belong_to_the_roster,
    a_lost_file_is_a_typed_error,
    an_unknown_group_is_a_typed_error,
    hostile_events_are_gaps,
    records_keep_to_the_schema,
    cursors_are_plain_strings,
    reading_changes_nothing,
]


class ConnectorContract:
    """Subclass it and give it a fixture `connector_stage`."""

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_connector(self, check: Callable[[ConnectorStage], None], connector_stage: ConnectorStage) -> None:
        check(connector_stage)
