"""Messages to single people on the real homeserver: what their app gets, once, whatever breaks in between."""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx
import msgspec
import pytest
from test_matrix_invite import Line

from grouparchive.demo.homeserver import Homeserver
from grouparchive.errors import Flood, InDoubt, PlatformError, Refused
from grouparchive.model.plan import Outcome
from grouparchive.model.ports import PersonalMessage, Revokes
from grouparchive.platforms.matrix.connector import MatrixConnector
from grouparchive.platforms.matrix.messenger import MatrixMessenger
from grouparchive.platforms.matrix.target import MatrixTarget

pytestmark = pytest.mark.homeserver

Account: TypeAlias = Any
People: TypeAlias = Callable[[str], Account]
TEXT = "Please do not answer messages from my accounts. I will tell you why by another way."
SENT = Outcome(status="done", note="sent")
FOUND = Outcome(status="already", note="sent")


def message(person: Account, text: str = TEXT, key: str = "") -> PersonalMessage:
    return PersonalMessage(key=key or secrets.token_hex(16), recipient=person.handle, kind="message", text=text)


def invites(person: Account) -> dict[str, list[dict[str, Any]]]:
    """What somebody's app shows of rooms they were asked to."""
    found = person.call("GET", "/sync", params={"timeout": 0}).get("rooms", {}).get("invite", {})
    return {room: one["invite_state"]["events"] for room, one in found.items()}


def enter(person: Account, room: str) -> list[dict[str, Any]]:
    """Accept, and read all that is there."""
    person.call("POST", f"/rooms/{quote(room)}/join")
    found = person.call("GET", "/sync", params={"timeout": 0})["rooms"]["join"][room]
    return [*found["state"]["events"], *found["timeline"]["events"]]


def texts(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one["content"] for one in events if one["type"] == "m.room.message"]


def direct(person: Account) -> dict[str, list[str]]:
    found: dict[str, list[str]] = person.call("GET", f"/user/{quote(person.handle)}/account_data/m.direct")
    return found


def test_the_person_gets_a_room_for_two_without_a_name_and_the_text(people: People) -> None:
    admin, guest = people("admin"), people("guest")
    asked = message(guest)
    with closing(MatrixMessenger(admin.source())) as messenger:
        assert messenger.find(asked) is None
        assert messenger.send(asked) == SENT
        assert messenger.find(asked) == FOUND
    ((room, shown),) = invites(guest).items()
    assert {one["type"] for one in shown} == {"m.room.create", "m.room.join_rules", "m.room.member"}
    contents = {one["type"]: one["content"] for one in shown if one["state_key"] != guest.handle}
    assert contents["m.room.join_rules"] == {"join_rule": "invite"}
    assert set(contents["m.room.create"]) == {"room_version"}
    assert contents["m.room.member"] == {"membership": "join", "displayname": admin.local}
    (invitation,) = [one["content"] for one in shown if one["state_key"] == guest.handle]
    assert invitation == {"membership": "invite", "is_direct": True, "displayname": guest.local}
    # The lock screen: who invites, and no text.
    (push,) = guest.call("GET", "/notifications")["notifications"]
    assert (push["event"]["type"], push["event"]["content"].get("body")) == ("m.room.member", None)
    events = enter(guest, room)
    assert texts(events) == [{"msgtype": "m.text", "body": TEXT}]
    kinds = {one["type"] for one in events}
    assert not kinds & {"m.room.name", "m.room.topic", "m.room.avatar", "m.room.canonical_alias", "m.room.encryption"}
    (levels,) = [one["content"] for one in events if one["type"] == "m.room.power_levels"]
    assert levels["invite"] == 100
    guest.say(room, "I understand")  # they can answer


def test_the_accounts_list_of_chats_is_added_to(people: People) -> None:
    admin, guest, friend = people("admin"), people("guest"), people("friend")
    path = f"/user/{quote(admin.handle)}/account_data/m.direct"
    before = {friend.handle: ["!old:demo.test"], guest.handle: ["!other:demo.test"]}
    admin.call("PUT", path, before)
    with closing(MatrixMessenger(admin.source())) as messenger:
        messenger.send(message(guest))
    (room,) = invites(guest)
    assert direct(admin) == {**before, guest.handle: ["!other:demo.test", room]}
    connector = MatrixConnector(admin.source(), lambda *_: "0" * 32)
    assert list(connector.groups()) == []  # a chat is no group to back up
    connector.close()


def test_a_chat_does_not_change_the_target_of_a_plan(people: People) -> None:
    admin, guest = people("admin"), people("guest")
    with closing(MatrixTarget(admin.source(), lambda *_: "0" * 32, lambda _: iter(()))) as target:
        before = target.observe().digest()
    with closing(MatrixMessenger(admin.source())) as messenger:
        messenger.send(message(guest))
    with closing(MatrixTarget(admin.source(), lambda *_: "0" * 32, lambda _: iter(()))) as target:
        assert target.observe().digest() == before


def test_the_next_message_goes_to_the_same_room(people: People) -> None:
    admin, guest = people("admin"), people("guest")
    first, second = message(guest, "one"), message(guest, "two")
    with closing(MatrixMessenger(admin.source())) as messenger:
        messenger.send(first)
        (room,) = invites(guest)
        enter(guest, room)
        assert messenger.find(second) is None
        assert messenger.send(second) == SENT
        assert [messenger.find(one) for one in (first, second)] == [FOUND, FOUND]
        assert [messenger.send(one).status for one in (first, second)] == ["already", "already"]
    assert invites(guest) == {}
    chunk = guest.call("GET", f"/rooms/{quote(room)}/messages", params={"dir": "f", "limit": 100})["chunk"]
    assert [one["body"] for one in texts(chunk)] == ["one", "two"]


def test_what_was_sent_with_another_token_is_not_sent_again(people: People, homeserver: Homeserver) -> None:
    """A server knows its own repetitions by the token only; the marker is known by everybody."""
    admin, guest = people("admin"), people("guest")
    asked = message(guest)
    with closing(MatrixMessenger(admin.source())) as messenger:
        messenger.send(asked)
    login = f"/_synapse/admin/v1/users/{quote(admin.handle)}/login"
    token = homeserver.call("POST", login, homeserver.admin_token, {})["access_token"]
    source = msgspec.structs.replace(admin.source(), secrets={"token": token})
    with closing(MatrixMessenger(source)) as messenger:
        assert messenger.send(asked) == FOUND
        assert messenger.find(asked) == FOUND
    ((room, _),) = invites(guest).items()
    assert len(texts(enter(guest, room))) == 1


def test_who_left_gets_a_new_room_and_who_declined_is_left_in_peace(people: People) -> None:
    admin, tidy, wary = people("admin"), people("tidy"), people("wary")
    first = {one: message(one) for one in (tidy, wary)}
    with closing(MatrixMessenger(admin.source())) as messenger:
        for one in first.values():
            messenger.send(one)
        (read,), (unread,) = invites(tidy), invites(wary)
        enter(tidy, read)
        tidy.call("POST", f"/rooms/{quote(read)}/leave")
        wary.call("POST", f"/rooms/{quote(unread)}/leave")
        assert messenger.find(first[tidy]) == FOUND
        assert messenger.find(first[wary]) == Outcome(status="already", note="declined")
        assert messenger.send(message(tidy)) == SENT
        with pytest.raises(Refused) as refused:
            messenger.send(message(wary))
    assert wary.handle not in str(refused.value)
    assert (len(invites(tidy)), len(invites(wary))) == (1, 0)


def test_nobody_can_pass_a_message_off_as_sent(people: People) -> None:
    """A marker or a chat of somebody else's making counts for nothing, and a chat that a third person is in is not used."""
    admin, guest, rogue = people("admin"), people("guest"), people("rogue")
    asked = message(guest)
    state = [{"type": "org.grouparchive.key", "state_key": asked.key, "content": {"key": asked.key}}]
    fake = rogue.create(preset="private_chat", initial_state=state)
    rogue.let_in(fake, admin)
    rogue.call("POST", f"/rooms/{quote(fake)}/invite", {"user_id": guest.handle})
    admin.say(fake, "what is this?")
    admin.call("PUT", f"/user/{quote(admin.handle)}/account_data/m.direct", {guest.handle: [fake]})
    with closing(MatrixMessenger(admin.source())) as messenger:
        assert messenger.find(asked) is None
        assert messenger.send(asked) == SENT
        (room,) = set(invites(guest)) - {fake}
        enter(guest, room)
        admin.state(room, "m.room.member", {"membership": "invite"}, rogue.handle)
        assert messenger.send(message(guest, "two")) == SENT
    assert len(set(invites(guest)) - {fake}) == 1


def test_who_is_not_there_gets_no_room(people: People) -> None:
    admin, guest = people("admin"), people("guest")
    with closing(MatrixMessenger(admin.source())) as messenger:
        for handle in ("nobody", "@nobody.at.all:demo.test", "@stranger:elsewhere.test", admin.handle):
            with pytest.raises(PlatformError) as refused:
                messenger.send(msgspec.structs.replace(message(guest), recipient=handle))
            assert not isinstance(refused.value, InDoubt | Flood)
            assert handle not in str(refused.value)
    assert admin.call("GET", "/joined_rooms")["joined_rooms"] == []


def test_an_unread_message_can_be_taken_back(people: People) -> None:
    admin, ada, ben = people("admin"), people("ada"), people("ben")
    asked = {one: message(one) for one in (ada, ben)}
    with closing(MatrixMessenger(admin.source())) as messenger:
        assert isinstance(messenger, Revokes)
        assert messenger.revoke(asked[ada]) is False
        for one in asked.values():
            messenger.send(one)
        (room,) = invites(ada)
        enter(ada, room)
        assert [messenger.revoke(asked[one]) for one in (ada, ben)] == [False, True]
    assert invites(ben) == {}
    assert texts(enter(ada, room))


# --- what speaks of us, and what of the person ------------------------------------------------------------------------------


class Answers(httpx.BaseTransport):
    """The real server, but for one kind of request, which it answers as told."""

    def __init__(self, path: str, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self.inner = httpx.HTTPTransport()
        self.path, self.status, self.body, self.headers = path, status, body, headers or {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.path in request.url.path and request.method != "GET":
            return httpx.Response(self.status, json=self.body, headers=self.headers)
        return self.inner.handle_request(request)

    def close(self) -> None:
        self.inner.close()


@pytest.mark.parametrize("kind", ["message", "invitation"])
@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (429, "M_LIMIT_EXCEEDED", Flood),
        (403, "M_USER_SUSPENDED", Flood),
        (401, "M_USER_LOCKED", Flood),
        (403, "M_USER_DEACTIVATED", Flood),
        (401, "M_UNKNOWN_TOKEN", PlatformError),
        (403, "M_FORBIDDEN", Refused),
        (403, "M_INVITE_BLOCKED", Refused),
    ],
)
def test_answers_to_an_invitation(
    people: People, kind: str, status: int, code: str, error: type[PlatformError]
) -> None:
    admin, guest = people("admin"), people("guest")
    room = admin.create(preset="private_chat")
    path = "/invite" if kind == "invitation" else "/m.room.member/"
    line = Answers(path, status, {"errcode": code}, {"Retry-After": "100000"})
    asked = msgspec.structs.replace(message(guest), kind=kind, place=room if kind == "invitation" else "")
    with closing(MatrixMessenger(admin.source(), transport=line)) as messenger, pytest.raises(PlatformError) as caught:
        messenger.send(asked)
    assert type(caught.value) is error
    assert guest.handle not in str(caught.value)
    assert invites(guest) == {}


def test_a_room_that_may_not_be_made_is_about_us(people: People) -> None:
    admin, guest = people("admin"), people("guest")
    line = Answers("/createRoom", 403, {"errcode": "M_FORBIDDEN"})
    with closing(MatrixMessenger(admin.source(), transport=line)) as messenger, pytest.raises(Flood):
        messenger.send(message(guest))


def test_an_account_that_the_server_shut(people: People, homeserver: Homeserver) -> None:
    """As Synapse itself says it."""
    admin, guest = people("admin"), people("guest")
    suspend = f"/_synapse/admin/v1/suspend/{quote(admin.handle)}"
    homeserver.call("PUT", suspend, homeserver.admin_token, {"suspend": True})
    with closing(MatrixMessenger(admin.source())) as messenger, pytest.raises(Flood):
        messenger.send(message(guest))
    homeserver.call("PUT", suspend, homeserver.admin_token, {"suspend": False})
    admin.call("POST", "/logout")
    with closing(MatrixMessenger(admin.source())) as messenger, pytest.raises(PlatformError) as gone:
        messenger.send(message(guest))
    assert type(gone.value) is PlatformError
    assert invites(guest) == {}


def test_a_server_that_encrypts_every_room(people: People) -> None:
    admin, guest = people("admin"), people("guest")

    class Encrypts(Answers):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/createRoom"):
                body = json.loads(request.read())
                body["initial_state"] += [
                    {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
                ]
                headers = {name: value for name, value in request.headers.items() if name != "content-length"}
                request = httpx.Request("POST", request.url, headers=headers, json=body)
            return super().handle_request(request)

    line = Encrypts("nothing", 200, {})
    with closing(MatrixMessenger(admin.source(), transport=line)) as messenger:
        with pytest.raises(PlatformError, match="encrypts") as refused:
            messenger.send(message(guest))
        assert not isinstance(refused.value, Refused)
    assert invites(guest) == {}
    assert admin.call("GET", "/joined_rooms")["joined_rooms"] == []


# --- whatever breaks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["429", "before drop", "after drop", "before 500", "after 500"])
def test_each_gets_one_over_a_bad_line(people: People, fault: str) -> None:
    admin, guests = people("admin"), [people("guest") for _ in range(4)]
    line = Line(fault)
    for guest in guests:
        asked = message(guest)
        with closing(MatrixMessenger(admin.source(), transport=line)) as messenger:
            for _ in range(4):  # as `people.sending` does it
                try:
                    messenger.send(asked)
                    break
                except InDoubt:
                    if messenger.find(asked) is not None:
                        break
            else:
                pytest.fail("in doubt for ever")
    assert line.hits > 0
    for guest in guests:
        (room,) = invites(guest)
        assert texts(enter(guest, room)) == [{"msgtype": "m.text", "body": TEXT}]
        assert direct(admin)[guest.handle] == [room]


KILLED = """
import json, os, signal, sys
import httpx, msgspec
from grouparchive.model.ports import PersonalMessage, Source
from grouparchive.platforms.matrix.messenger import MatrixMessenger

given = json.load(sys.stdin)
points = 0

class Line(httpx.HTTPTransport):
    def handle_request(self, request):
        self.point(request)
        answer = super().handle_request(request)
        self.point(request)
        return answer

    def point(self, request):
        global points
        if request.method == "GET":
            return
        points += 1
        if points == given["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)

messenger = MatrixMessenger(msgspec.convert(given["source"], Source), transport=Line())
asked = msgspec.convert(given["message"], PersonalMessage)
if not given["again"] or messenger.find(asked) is None:
    messenger.send(asked)
"""


def test_kill_9_at_any_write_and_the_message_still_arrives_once(people: People) -> None:
    command = [sys.executable, "-c", KILLED]
    kills = 0
    for kill in range(1, 10):
        admin, guest = people("admin"), people("guest")
        asked = message(guest)
        given = {
            "source": msgspec.to_builtins(admin.source()),
            "message": msgspec.to_builtins(asked),
        }
        for again, at in ((False, kill), (True, 0)):
            words = json.dumps({**given, "again": again, "kill": at}).encode()
            done = subprocess.run(command, input=words, check=False, timeout=60, capture_output=True)
            kills += done.returncode == -9
            assert again is False or done.returncode == 0, done.stderr.decode()
        rooms = invites(guest)
        assert len(rooms) == 1, f"killed at point {kill}"
        (room,) = rooms
        assert texts(enter(guest, room)) == [{"msgtype": "m.text", "body": TEXT}], f"killed at point {kill}"
        assert direct(admin) == {guest.handle: [room]}
        left = admin.call("GET", "/joined_rooms")["joined_rooms"]
        assert left == [room], f"killed at point {kill}: an empty room is left over"
    assert kills == 8
