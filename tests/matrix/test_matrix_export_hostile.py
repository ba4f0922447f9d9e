"""Hostile and odd events: each bad one is a gap, its neighbours survive, and every record fits the vocabulary."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grouparchive.errors import PlatformError
from grouparchive.model import codec
from grouparchive.model.ports import Source
from grouparchive.model.records import AnyRecord, Gap, Message, Tombstone
from grouparchive.platforms.matrix.connector import MatrixConnector
from grouparchive.platforms.matrix.events import Event
from grouparchive.platforms.matrix.handles import Handles, strip_reply
from grouparchive.platforms.matrix.parse import TimelineParser
from grouparchive.platforms.matrix.state import Levels, RoomState

ROOM = "!room:example.org"
ADA, BEN = "@ada:example.org", "@o'ben(b):example.org"


def identify(handle: str, *_: str) -> str:
    return hashlib.md5(handle.encode(), usedforsecurity=False).hexdigest()


A, B = f"{{member:{identify(ADA)}}}", f"{{member:{identify(BEN)}}}"


def event(content: Any = None, kind: Any = "m.room.message", **fields: Any) -> dict[str, Any]:
    body = {"msgtype": "m.text", "body": "hello"} if content is None else content
    return {"type": kind, "event_id": "$e", "sender": ADA, "origin_server_ts": 5, "content": body, **fields}


def parse(*events: Any) -> tuple[list[AnyRecord], list[Gap]]:
    raws = [entry if isinstance(entry, bytes) else json.dumps(entry).encode() for entry in events]
    records, gaps, _ = TimelineParser(ROOM, Handles(identify)).page(raws)
    for record in [*records, *gaps]:
        assert codec.decode(codec.encode(record)) == record
    return records, gaps


BAD: list[Any] = [
    b"nonsense",
    b"",
    b'{"type":"m.room.message","event_id":"$e","sender":"@a:b","origin_server_ts":1,"content":{"body":"\xff"}}',
    b'{"type":"m.room.message","content":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
    [],
    event(event_id=7),
    event(event_id=""),
    event(event_id="$" + "x" * 5000),
    event(sender="nobody"),
    event(sender="@" + "x" * 5000 + ":y"),
    event(origin_server_ts="now"),
    event(kind=None),
    event("no object"),
    event({"msgtype": "m.text"}),
    event({"msgtype": "m.text", "body": 5}),
    event({"msgtype": ["m.text"], "body": "x"}),
    event({"body": "x"}),
    event({"m.new_content": "x", "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}}),
    event({"m.new_content": {"body": "x"}, "m.relates_to": {"rel_type": "m.replace", "event_id": {}}}),
    event({"m.relates_to": {"rel_type": "m.annotation", "event_id": "$x", "key": 5}}, "m.reaction"),
    event({}, "m.room.redaction"),
    event({}, unsigned={"redacted_because": {"event_id": "$r"}}),
    event({"membership": "owner"}, "m.room.member", state_key=ADA),
    event({"membership": "join"}, "m.room.member", state_key="not a handle"),
    event({"algorithm": "m.olm.v1", "ciphertext": {"k": {}}}, "m.room.encrypted"),
    event({"org.matrix.msc3381.poll.start": {"answers": "x"}}, "org.matrix.msc3381.poll.start"),
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_malformed_event_is_a_gap_and_its_neighbours_survive(bad: Any) -> None:
    records, gaps = parse(event(event_id="$1"), bad, event(event_id="$2"))
    assert [record.ref for record in records if isinstance(record, Message)] == ["$1", "$2"]
    assert [(gap.code, gap.count, gap.limit, gap.scope) for gap in gaps] == [("message-unreadable", 1, False, ROOM)]


@pytest.mark.parametrize(
    ("given_time", "kept"), [(-1, 0), (10**18, 253_402_300_799_999), (10**40, 253_402_300_799_999)]
)
def test_impossible_times_are_forced_into_range_with_a_gap(given_time: int, kept: int) -> None:
    records, gaps = parse(event(origin_server_ts=given_time))
    assert [record.time for record in records if isinstance(record, Message)] == [kept]
    assert [gap.code for gap in gaps] == ["time-unknown"]


def test_over_long_texts_are_cut_with_a_gap() -> None:
    content = {
        "msgtype": "m.text",
        "body": "\x00" * 300_000,
        "format": "org.matrix.custom.html",
        "formatted_body": "é" * 10**6,
    }
    records, gaps = parse(event(content))
    assert len(codec.encode(records[0])) < codec.MAX_RECORD
    assert [(gap.code, gap.count) for gap in gaps] == [("text-cut", 2)]


@pytest.mark.parametrize(
    "content",
    [
        {"url": "https://example.org/x.png"},
        {"url": "mxc://../../etc"},
        {"url": 5, "info": "none"},
        {"file": {"url": "file:///etc/passwd"}},
        {},
    ],
)
def test_a_picture_without_a_proper_address_keeps_its_words_and_is_a_gap(content: dict[str, Any]) -> None:
    records, gaps = parse(event({"msgtype": "m.image", "body": "a picture", **content}))
    assert isinstance(records[0], Message)
    assert (records[0].text, records[0].media) == ("a picture", ())
    assert "media-unavailable" in [gap.code for gap in gaps]


def test_nonsense_about_a_picture_is_dropped() -> None:
    info = {"size": -1, "w": 1e300, "h": True, "duration": "long", "mimetype": "image/png\r\nX: y"}
    records, _ = parse(event({"msgtype": "m.image", "body": "p", "url": "mxc://e.org/x", "info": info}))
    assert isinstance(records[0], Message)
    media = records[0].media[0]
    assert (media.size, media.width, media.height, media.duration, media.mime) == (0, 0, 0, 0, "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KINDS = [
    "m.room.message", "m.sticker", "m.reaction", "m.room.redaction", "m.room.encrypted", "m.room.member", "m.room.name",
    "m.room.power_levels", "m.room.create", "m.room.pinned_events", "m.room.topic", "m.room.join_rules", "m.space.child",
    "m.poll.start", "m.poll.response", "org.matrix.msc3381.poll.start", "org.matrix.msc3381.poll.end", "m.room.server_acl",
]  # fmt: skip
FIELDS = [
    "msgtype", "body", "format", "formatted_body", "m.relates_to", "rel_type", "event_id", "m.new_content", "m.in_reply_to",
    "key", "url", "file", "info", "m.mentions", "user_ids", "membership", "users", "pinned", "algorithm", "ciphertext",
    "session_id", "m.poll", "answers", "question", "redacts", "events", "via", "order", "room_version",
    "org.matrix.msc3381.poll.start", "m.selections", "additional_creators", "allow", "displayname", "avatar_url",
]  # fmt: skip
STRINGS = ["m.image", "m.text", "m.replace", "m.thread", "$x", ADA, "mxc://e.org/x", "join", "ban", "12", "id", "m.id"]
VALUE = st.deferred(
    lambda: JSON | st.sampled_from(STRINGS) | CONTENT | st.lists(CONTENT | st.sampled_from(STRINGS), max_size=3)
)
CONTENT: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.sampled_from(FIELDS), VALUE, max_size=5)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(
            event,
            CONTENT,
            st.sampled_from(KINDS),
            state_key=st.none() | st.sampled_from(["", ADA, ROOM]) | JSON,
            unsigned=st.just({})
            | st.fixed_dictionaries({}, optional={"redacted_because": CONTENT, "prev_content": CONTENT}),
            redacts=st.none() | st.just("$x"),
        ),
        max_size=6,
    )
)
def test_no_event_can_break_the_parsers(events: list[dict[str, Any]]) -> None:
    parse(*events)
    handles = Handles(identify)
    state = RoomState(ROOM, [json.dumps(entry).encode() for entry in events])
    state.learn(handles)
    records, _ = state.records(ROOM, handles)
    roster, _ = state.roster(handles)
    for record in [state.channel(ROOM, "", "", handles), *records, *roster, *state.gaps.take()]:
        assert codec.decode(codec.encode(record)) == record


def test_a_deleted_post_tells_its_tombstone_once() -> None:
    cause = event({}, "m.room.redaction", event_id="$r", redacts="$1", origin_server_ts=9)
    records, gaps = parse(event({}, event_id="$1", unsigned={"redacted_because": cause}), cause)
    assert [type(record) for record in records] == [Message, Tombstone]
    assert isinstance(records[1], Tombstone)
    assert (records[1].ref, records[1].target, records[1].time) == ("$r", "$1", 9)
    assert gaps == []


def known() -> Handles:
    handles = Handles(identify)
    handles.learn(ADA, "Ada", "")
    handles.learn(BEN, "Ben Odd", "")
    return handles


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"hi {ADA}.", f"hi {A}."),
        ("hi @Ada:Example.org: x", f"hi {A}: x"),
        (f"see https://matrix.to/#/{ADA}?via=a ok", f"see {A} ok"),
        ("https://matrix.to/#/%40ada%3Aexample.org", A),
        (f"[Ada](https://matrix.to/#/{ADA})", f"[Ada]({A})"),
        ("matrix:u/ada:example.org?action=chat", A),
        (f"mail x{ADA}", f"mail x{A}"),
        (f"{BEN} too", f"{B} too"),
        (f"{ADA}.png", f"{A}.png"),
        (f"({ADA}),{ADA}", f"({A}),{A}"),
        ("git@github.com:org/x", "git@github.com:org/x"),
        ("look @home: it is", "look @home: it is"),
        ("x@example.org", "x@example.org"),
    ],
)
def test_handles_in_texts_become_ids(text: str, clean: str) -> None:
    assert known().clean(text) == clean


@pytest.mark.parametrize("stranger", ["@x:y.org", "@a.b_c=d/e+f-g:sub.y.org:8448", "@ünï:y.org", "@x:[2001:db8::1]:80"])
def test_strangers_too(stranger: str) -> None:
    assert known().clean(f"ask {stranger}, now") == f"ask {{member:{identify(stranger)}}}, now"


def test_pills_and_their_labels_go_everywhere() -> None:
    pill = f'<a class="p" href="https://matrix.to/#/{ADA}"><b>Ada</b></a>'
    html = f"<mx-reply>q {ADA}</mx-reply>{pill}: you &#64;ada&colon;example.org"
    text, formatted, ids = known().body("Ada: you and Adam, @Ben Odd", html, [BEN])
    assert text == f"{A}: you and Adam, {B}"
    assert formatted == f"{A}: you {A}"
    assert set(ids) == {identify(ADA), identify(BEN)}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("> <@a:b> one\n> two\n\nanswer", "answer"),
        ("> * <@a:b> waves\n\nanswer\n> kept", "answer\n> kept"),
        ("> only a quotation of mine", "> only a quotation of mine"),
        ("> <@a:b> nothing else", ""),
    ],
)
def test_a_reply_s_quotation_for_old_clients_is_dropped(text: str, left: str) -> None:
    assert strip_reply(text) == left


@pytest.mark.parametrize(
    "text", ["%40a" * 16000, "@a:" * 20000, "<a href='https://matrix.to/#/@b:c'>" * 1800, "<mx-reply>" * 6000]
)
def test_cleaning_takes_no_time_that_an_attacker_chooses(text: str) -> None:
    begun = time.process_time()
    known().body(text, text, [])
    assert time.process_time() - begun < 3


def test_levels_of_old_and_new_rooms() -> None:
    old = Levels({"users": {ADA: "100", BEN: 50}, "users_default": "x"}, None)
    assert [old.of(ADA), old.of(BEN), old.of("@x:y")] == [100, 50, 0]
    assert [old.administers(ADA), old.administers(BEN), old.administers("@x:y")] == [True, True, False]
    create = msgspec.convert(event({"room_version": "12", "additional_creators": [BEN, 5]}, "m.room.create"), Event)
    new = Levels({"users": {"@x:y": 150}}, create)
    assert [new.of(ADA), new.of(BEN), new.of("@x:y")] == [150, 150, 150]
    create = msgspec.convert(event({"room_version": "9"}, "m.room.create"), Event)
    assert Levels({}, create).of(ADA) == 100


def fake(answer: Callable[[httpx.Request], httpx.Response]) -> MatrixConnector:
    source = Source(name="x", platform="matrix", options={"origin": "https://example.org"}, secrets={"token": "t"})
    return MatrixConnector(source, identify, transport=httpx.MockTransport(answer))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"user_id":5}', b"{}", b"\xff", b'{"user_id":"@a:b"}'])
def test_a_server_that_is_none_is_an_error(body: bytes) -> None:
    connector = fake(lambda _: httpx.Response(200, content=body))
    with pytest.raises(PlatformError):
        list(connector.groups())
    connector.close()


def test_a_page_that_points_to_itself_ends() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/whoami"):
            return httpx.Response(200, json={"user_id": ADA})
        if request.url.path.endswith("/sync"):
            return httpx.Response(200, json={"next_batch": "s9"})
        if request.url.path.endswith("/messages"):
            return httpx.Response(
                200, json={"start": "s1", "end": request.url.params.get("from", "t1"), "chunk": [event()]}
            )
        return httpx.Response(200, json={"joined_rooms": []} if request.url.path.endswith("/joined_rooms") else [])

    connector = fake(answer)
    pages = list(connector.pages(ROOM, {ROOM: "s1"}))
    connector.close()
    assert pages[-1].cursor == {ROOM: "s9"}
