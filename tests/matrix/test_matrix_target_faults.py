"""The server works and then fails, drops the connection, or asks us to wait: everything is there once all the same."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeAlias

import httpx
import msgspec
import pytest

from grouparchive.errors import InDoubt
from grouparchive.model.plan import (
    Action,
    AddAuthor,
    BanMember,
    CreateChannel,
    CreateGroup,
    EditPost,
    Outcome,
    Post,
    React,
    RemoveAuthor,
    SetPins,
    Upload,
)
from grouparchive.model.ports import Target
from grouparchive.model.records import Channel, Edit, Message, Reaction
from grouparchive.platforms.matrix.target import MatrixTarget

pytestmark = pytest.mark.homeserver

Account: TypeAlias = Any


class Faulty(httpx.BaseTransport):
    """The real server behind a bad line: every `every`-th write meets a fault. `after` does the work first."""

    def __init__(self, fault: str, every: int) -> None:
        self.inner = httpx.HTTPTransport()
        self.fault = fault
        self.every = every
        self.writes = 0
        self.hits: Counter[str] = Counter()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return self.inner.handle_request(request)
        self.writes += 1
        if self.writes % self.every:
            return self.inner.handle_request(request)
        self.hits[request.url.path.split("/")[-2]] += 1
        if self.fault == "429":
            return httpx.Response(429, json={"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 20}, request=request)
        if self.fault.startswith("after"):
            self.inner.handle_request(request).read()
        if self.fault.endswith("drop"):
            raise httpx.RemoteProtocolError("the server closed the connection", request=request)
        return httpx.Response(500, json={"errcode": "M_UNKNOWN"}, request=request)

    def close(self) -> None:
        self.inner.close()


def key() -> str:
    return secrets.token_hex(16)


def member_id(handle: str) -> str:
    return hashlib.sha256(handle.encode()).hexdigest()[:32]


def once(target: Target, action: Action) -> Outcome:
    """What the applier does: ask `find` about what is in doubt, then try again."""
    for _ in range(6):
        try:
            return target.perform(action)
        except InDoubt:
            found = target.find(action)
            if found:
                return found
    raise AssertionError("never done")


@pytest.mark.parametrize("every", [3])
@pytest.mark.parametrize("fault", ["429", "before drop", "after drop", "before 500", "after 500"])
def test_everything_is_made_exactly_once(people: Callable[[str], Account], fault: str, every: int) -> None:
    admin, troll = people("admin"), people("troll")
    before = set(admin.call("GET", "/joined_rooms")["joined_rooms"])
    source = admin.source()
    source = msgspec.structs.replace(source, secrets={**source.secrets, "as-token": admin.server.as_token})
    line = Faulty(fault, every)
    target = MatrixTarget(source, lambda handle, *_: member_id(handle), lambda _: iter([b"bytes"]), transport=line)
    group = CreateGroup(key=key(), group="!g", channel=Channel(ref="!g", group="!g", type="space"), name="Group")
    space = once(target, group).ref
    room = once(
        target, CreateChannel(key=key(), channel=Channel(ref="!r", group="!g"), parent=space, name="Room 1")
    ).ref
    once(target, BanMember(key=key(), channel=room, member="0" * 32, native=troll.handle))
    author = secrets.token_hex(16)
    once(target, AddAuthor(key=key(), channel=room, author=author, label="Quiet Heron"))
    refs = []
    for number in range(8):
        post = Post(
            key=key(), channel=room, message="$", time=1_700_000_000_000 + number, text=f"post {number}", author=author
        )
        refs.append(once(target, post).ref)
    for ref in refs[:3]:
        once(target, EditPost(key=key(), channel=room, message="$", target=ref, time=1, text="changed", author=author))
        once(target, React(key=key(), channel=room, message="$", target=ref, time=1, reaction="👍", author=author))
    once(target, Upload(key=key(), blob="0" * 64))
    once(target, SetPins(key=key(), channel=room, messages=(refs[0],)))
    once(target, RemoveAuthor(key=key(), channel=room, author=author))
    records = list(target.read(space))
    assert sum(line.hits.values()) >= 5
    target.close()
    assert set(admin.call("GET", "/joined_rooms")["joined_rooms"]) - before == {space, room}
    texts = [one.text for one in records if isinstance(one, Message) and one.type == "text"]
    assert texts == [f"post {number}" for number in range(8)]
    assert len([one for one in records if isinstance(one, Edit)]) == 3
    assert len([one for one in records if isinstance(one, Reaction)]) == 3
    assert {one.ref for one in records if isinstance(one, Message) and one.type == "text"} == set(refs)


def test_a_new_process_finds_what_the_lost_one_made(people: Callable[[str], Account]) -> None:
    """kill -9 between the server's work and our note of it: same plan, no memory."""
    admin = people("admin")
    group = CreateGroup(key=key(), group="!g", channel=Channel(ref="!g", group="!g", type="space"), name="Group")

    def fresh(verb: str, action: Action) -> Outcome | None:
        with closing(MatrixTarget(admin.source(), lambda *_: "", lambda _: iter(()))) as target:
            found: Outcome | None = getattr(target, verb)(action)
            return found

    made = fresh("perform", group)
    assert made is not None
    for number in range(3):
        post = Post(key=key(), channel=made.ref, message="$", time=1, text=f"post {number}")
        assert fresh("find", post) is None
        done = fresh("perform", post)
        assert done is not None
        assert fresh("find", post) == Outcome(status="already", ref=done.ref)
    assert fresh("find", group) == Outcome(status="already", ref=made.ref)
    assert admin.call("GET", "/joined_rooms")["joined_rooms"] == [made.ref]


def test_find_sees_what_came_after_its_first_look(people: Callable[[str], Account]) -> None:
    admin = people("admin")
    room = admin.create(name="x")
    for number in range(20):
        admin.say(room, f"noise {number}")
    target = MatrixTarget(admin.source(), lambda *_: "", lambda _: iter(()))
    for noise in (0, 110):
        post = Post(key=key(), channel=room, message="$", time=1, text="post")
        assert target.find(post) is None
        ref = target.perform(post).ref
        for number in range(noise):  # more than one page of the second look
            admin.say(room, f"more noise {number}")
        found = target.find(post)
        assert found is not None
        assert found.ref == ref
    target.close()
