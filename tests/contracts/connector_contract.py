"""What every connector owes, as plain checks. Each names what a platform must be able to do for it to apply; a stage says what
it can, and the contract picks. A platform provides a `ConnectorStage` and subclasses `ConnectorContract`.

class TestMine(ConnectorContract):
    stage = MyStage

    @pytest.fixture
    def connector_stage(self) -> MyStage: ...
"""

import json
import re
from collections import Counter
from typing import ClassVar

import pytest
from connector_stage import EVENTS, Can, ConnectorStage, Reading, populate, say_names, texts
from contract_clauses import Check, applying, needs

from grouparchive.errors import NotFound, PlatformError, Refused
from grouparchive.model import codec
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

REQUESTS_PER_CHANNEL = 5

# --- the checks ------------------------------------------------------------------------------------------------------


@needs(Can.POSTS)
def states_come_first(stage: ConnectorStage) -> None:
    populate(stage)
    run = Reading(stage).whole()
    first_event = next(index for index, record in enumerate(run.records) if isinstance(record, EVENTS))
    rosters = [Roster] if Can.ROSTERS in stage.can else []
    pins = (
        [Pins] if Can.PINS in stage.can and Can.CURSORS in stage.can else []
    )  # in a file, lines among posts tell them
    for kind in (Group, Channel, *rosters, *pins):
        last = max((index for index, record in enumerate(run.records) if isinstance(record, kind)), default=-1)
        assert 0 <= last < first_event, f"{kind.__name__} is missing or comes after posts"
    assert {channel.ref for channel in run.of(Channel)} >= {stage.room}
    assert {group.ref for group in run.of(Group)} == {stage.group}
    for group in run.of(Group):
        assert group.account == "" or run.ids[group.account] not in {stage.handle(who) for who in ("ada", "ben", "cyd")}


@needs(Can.ROSTERS)
def a_roster_is_one_whole_page(stage: ConnectorStage) -> None:
    run = Reading(stage).whole()
    found = set()
    for page in run.pages:
        heads = [record for record in page.records if isinstance(record, Roster)]
        members = [record for record in page.records if isinstance(record, Membership) and not record.seen]
        bans = [record for record in page.records if isinstance(record, Ban)]
        assert len(heads) == (1 if members or bans or heads else 0), "a page of members without its head, or with two"
        for head in heads:
            assert (head.members, head.bans) == (len(members), len(bans)), "the head counts others than the page has"
            assert {record.channel for record in (*members, *bans)} <= {head.channel}
            assert len({record.member for record in members}) == len(members)
            found.add(head.channel)
    assert found == {channel.ref for channel in run.of(Channel)}, "a channel has no roster"
    here = {run.ids[member.member]: member for member in run.of(Membership) if member.channel == stage.room}
    assert {stage.handle("ada"), stage.handle("ben")} <= set(here), "members are missing"
    assert stage.handle("cyd") not in here
    if Can.LEVELS in stage.can:
        assert max(member.level for member in here.values()) > here[stage.handle("ada")].level


@needs(Can.ROSTERS, Can.BANS)
def who_is_shut_out_is_told(stage: ConnectorStage) -> None:
    stage.ban("cyd")
    run = Reading(stage).whole()
    assert stage.handle("cyd") not in {run.ids[one.member] for one in run.of(Membership) if one.channel == stage.room}
    assert stage.handle("cyd") in {run.ids[ban.member] for ban in run.of(Ban) if ban.channel == stage.room}


@needs(Can.POSTS)
def every_post_comes_once_and_in_order(stage: ConnectorStage) -> None:
    populate(stage, posts=23)
    run = Reading(stage).whole()
    ours = texts(run, "post number")
    assert ours == [f"post number {number}" for number in range(23)], "posts are missing, doubled or out of order"
    assert not [ref for ref, count in Counter(run.events).items() if count > 1]


@needs(Can.POSTS, Can.AUTHORS)
def texts_authors_and_times_are_right(stage: ConnectorStage) -> None:
    made = populate(stage)
    run = Reading(stage).whole()
    found = {record.ref: record for record in run.of(Message)}
    refs = [stage.ref(one, run) for one in made]
    for number, ref in enumerate(refs):
        who = stage.handle(("ada", "ben")[number % 2])
        assert run.ids.get(found[ref].author) == who, "a post has another author"
        assert found[ref].text == f"post number {number}", "a post has another text"
        assert found[ref].channel == stage.room
    times = [found[ref].time for ref in refs]
    assert times == sorted(times)
    assert times[0] > 0


@needs(Can.REPLIES)
def a_reply_says_to_what(stage: ConnectorStage) -> None:
    made = populate(stage)
    answer = stage.post("ben", "an answer", reply_to=made[2])
    run = Reading(stage).whole()
    found = {record.ref: record for record in run.of(Message)}
    reply = found[stage.ref(answer, run)]
    assert reply.reply_to == stage.ref(made[2], run), "a reply does not say to what"
    assert reply.text == "an answer"


@needs(Can.EDITS)
def edits_are_told(stage: ConnectorStage) -> None:
    made = populate(stage)
    run = Reading(stage).whole()
    told = [(edit.target, edit.text) for edit in run.of(Edit)]
    assert told == [(stage.ref(made[0], run), "post number 0, better")], "an edit is not told, or twice"


@needs(Can.REACTIONS)
def reactions_are_told(stage: ConnectorStage) -> None:
    made = populate(stage)
    run = Reading(stage).whole()
    reactions = run.of(Reaction)
    assert len(reactions) == 1, "a reaction is not told, or twice"
    assert (reactions[0].target, reactions[0].key) == (stage.ref(made[0], run), "\N{SNOWMAN}")
    assert run.ids[reactions[0].author] == stage.handle("ben")


@needs(Can.PINS)
def pins_are_told(stage: ConnectorStage) -> None:
    made = populate(stage)
    run = Reading(stage).whole()
    pins = {pin.channel: pin.messages for pin in run.of(Pins)}
    assert pins.get(stage.room) == (stage.ref(made[1], run),), "pins are missing"


@needs(Can.DELETIONS, Can.CURSORS)
def what_was_deleted_is_a_tombstone(stage: ConnectorStage) -> None:
    refs = populate(stage)
    first = Reading(stage).whole()
    stage.delete(refs[3])
    second = Reading(stage, first.cursor).whole()
    assert [record.target for record in second.of(Tombstone)] == [refs[3]], "a deletion is not told"
    assert second.of(Message) == []


@needs(Can.CURSORS)
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


@needs(Can.CURSORS, Can.EDITS)
def the_second_run_brings_what_is_new(stage: ConnectorStage) -> None:
    refs = populate(stage)
    first = Reading(stage).whole()
    new = [stage.post("ada", f"later {number}") for number in range(7)]
    edit = stage.edit("ada", refs[2], "changed later")
    second = Reading(stage, first.cursor).whole()
    assert second.events == [*new, edit], "news are missing, doubled or out of order"


@needs(Can.CURSORS)
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


@needs(Can.CURSORS)
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


@needs()
def no_handle_is_in_content(stage: ConnectorStage) -> None:
    say_names(stage)
    run = Reading(stage).whole()
    content = [codec.encode(record).decode() for record in run.records if vault_of(record) == "content"]
    content += [codec.encode(gap).decode() for page in run.pages for gap in page.gaps]
    for who in ("ada", "ben", "cyd"):
        for word in stage.words(who):
            leaks = [line for line in content if word.lower() in line.lower()]
            assert not leaks, f"somebody is named in content: {leaks}"


@needs(Can.POSTS, Can.MENTIONS)
def a_mention_says_whom(stage: ConnectorStage) -> None:
    say_names(stage)
    run = Reading(stage).whole()
    told = next(record.text for record in run.of(Message) if record.text.startswith("ask "))
    whom = ("ben", "cyd" if Can.STRANGERS in stage.can else "ben", "ada")
    named = [f"{{member:{run.people.get(stage.handle(who), who)}}}" for who in whom]
    assert told == "ask {} or {}, not {}!".format(*named), "a mention does not say whom"


@needs()
def ids_come_from_identify(stage: ConnectorStage) -> None:
    populate(stage)
    say_names(stage)
    run = Reading(stage).whole()
    named = re.compile(r'"(?:author|member|by)":"([0-9a-f]{32})"|\{member:([0-9a-f]{32})\}')
    assert run.ids, "nobody was met"
    for record in run.records:
        for found in named.findall(codec.encode(record).decode()):
            assert (found[0] or found[1]) in run.ids, "an id that nobody was asked for"


@needs(Can.CURSORS)
def each_page_tells_who_is_in_it(stage: ConnectorStage) -> None:
    populate(stage)
    run = Reading(stage)
    for page in run.stream():
        for record in page.records:
            author = getattr(record, "author", "")
            assert not author or run.ids[author] in run.asked, "a page's people were not told with it"
        run.asked.clear()
    run.connector.close()


@needs(Can.FILES)
def files_are_the_same_bytes(stage: ConnectorStage) -> None:
    data = bytes(range(256)) * 5000
    made = stage.post("ada", "look", file=data, name="look.bin")
    run = Reading(stage)
    for _ in run.stream():
        pass
    message = next(record for record in run.of(Message) if record.ref == stage.ref(made, run))
    (file,) = message.media
    assert file.name in {"look.bin", ""}, "a file has another name"
    wanted = [request for page in run.pages for request in page.media if request.ref == file.ref]
    assert wanted, "the page does not list its file"
    assert {request.vault for request in wanted} == {"content"}
    for _ in range(2):
        assert b"".join(run.connector.media(file.ref)) == data, "a file has other bytes"
    run.connector.close()


@needs(Can.FACES)
def faces_belong_to_the_roster(stage: ConnectorStage) -> None:
    stage.face("ada", b"a face" * 50)
    run = Reading(stage)
    for _ in run.stream():
        pass
    vaults = [request.vault for page in run.pages for request in page.media]
    assert "roster" in vaults, "a member's picture is not asked for"
    assert "content" not in vaults, "a member's picture is asked for as content"
    run.connector.close()


@needs()
def a_lost_file_is_a_typed_error(stage: ConnectorStage) -> None:
    run = Reading(stage)
    try:
        with pytest.raises(PlatformError):
            b"".join(run.connector.media(stage.lost_file()))
    finally:
        run.connector.close()


@needs()
def an_unknown_group_is_a_typed_error(stage: ConnectorStage) -> None:
    populate(stage)
    run = Reading(stage)
    try:
        with pytest.raises((NotFound, Refused)):
            list(run.connector.pages(stage.group + "x", {}))
    finally:
        run.connector.close()


@needs(Can.HOSTILE)
def hostile_events_are_gaps(stage: ConnectorStage) -> None:
    stage.post("ada", "good: before")
    expected = stage.hostile()
    stage.post("ada", "good: after")
    run = Reading(stage).whole()
    assert texts(run, "good") == ["good: before", "good: after"], "good posts are lost with bad"
    gaps = sum(gap.count for page in run.pages for gap in page.gaps if not gap.limit)
    assert gaps >= expected, "what cannot be read is passed over in silence"


@needs()
def records_keep_to_the_schema(stage: ConnectorStage) -> None:
    populate(stage)
    say_names(stage)
    if Can.HOSTILE in stage.can:
        stage.hostile()
    run = Reading(stage).whole()
    for record in run.records:
        assert codec.decode(codec.encode(record)) == record, "a record breaks its own rules"
        assert type(record) in run.connector.exports, "a kind that the connector does not announce"


@needs(Can.POSTS)
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


@needs()
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


class ConnectorContract:
    """Subclass it, name the stage's class and give it a fixture `connector_stage`."""

    stage: ClassVar[type[ConnectorStage]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "check" in metafunc.fixturenames:
            checks = applying(metafunc.cls.stage.can)
            metafunc.parametrize("check", checks, ids=lambda check: check.__name__)

    def test_connector(self, check: Check, connector_stage: ConnectorStage) -> None:
        check(connector_stage)
