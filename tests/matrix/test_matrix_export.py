"""Reading communities on a real Synapse: everything is there, once, in order, and no handle is in what goes to content."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from grouparchive.demo.homeserver import Homeserver
from grouparchive.errors import NotFound, Refused
from grouparchive.model import codec
from grouparchive.model.ports import Source
from grouparchive.model.records import (
    Ban,
    Channel,
    Edit,
    Group,
    Membership,
    Message,
    Pins,
    Reaction,
    Role,
    Roster,
    Setting,
    Tombstone,
    Vote,
    vault_of,
)
from grouparchive.platforms.matrix import PLATFORM
from grouparchive.platforms.matrix.connector import MatrixConnector

pytestmark = pytest.mark.homeserver
People = Callable[[str], Any]
Read = Callable[..., Any]


@pytest.mark.parametrize("version", ["11", "12"])
def test_everything_a_room_holds(people: People, read: Read, version: str) -> None:
    admin, bob, troll = people("admin"), people("bob"), people("troll")
    room = admin.create(
        name="Garden friends", topic=f"Run by {admin.handle}", room_version=version, preset="private_chat"
    )
    admin.let_in(room, bob)
    admin.call("PUT", f"/profile/{admin.handle}/displayname", {"displayname": "The Gardener"})
    admin.call("POST", f"/rooms/{room}/ban", {"user_id": troll.handle, "reason": "rude"})
    levels = admin.call("GET", f"/rooms/{room}/state/m.room.power_levels/")
    levels["users"][bob.handle] = 50
    admin.state(room, "m.room.power_levels", levels)
    picture = bytes(range(256)) * 9
    mxc = admin.upload(picture)
    first = bob.say(
        room,
        "The Gardener: look",
        format="org.matrix.custom.html",
        formatted_body=f'<a href="https://matrix.to/#/{admin.handle}">The Gardener</a>: look',
        **{"m.mentions": {"user_ids": [admin.handle]}},
    )
    quoted = f"> <{bob.handle}> The Gardener: look\n\nnice, {bob.handle}!"
    reply = admin.say(room, quoted, **{"m.relates_to": {"m.in_reply_to": {"event_id": first}}})
    threaded = bob.say(
        room,
        "in the thread",
        **{
            "m.relates_to": {
                "rel_type": "m.thread",
                "event_id": first,
                "is_falling_back": True,
                "m.in_reply_to": {"event_id": first},
            }
        },
    )
    edit = bob.say(
        room,
        "* new words",
        **{
            "m.new_content": {"msgtype": "m.text", "body": "new words"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": first},
        },
    )
    reaction = admin.send(
        room, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": first, "key": "🌱"}}
    )
    info = {"mimetype": "image/png", "size": len(picture), "w": 30, "h": 20}
    image = admin.send(
        room,
        "m.room.message",
        {"msgtype": "m.image", "body": "our beds", "filename": f"{bob.handle}.png", "url": mxc, "info": info},
    )
    gone = bob.say(room, "regretted")
    grave = bob.redact(room, gone)
    admin.state(room, "m.room.pinned_events", {"pinned": [first, image]})

    seen = read(admin, room)

    group, channel = seen.of(Group)[0], seen.of(Channel)[0]
    assert (group.name, group.topic) == ("Garden friends", f"Run by {{member:{admin.id}}}")
    assert (channel.ref, channel.type, channel.parent) == (room, "room", "")
    settings = {setting.name: msgspec.json.decode(setting.value) for setting in seen.of(Setting)}
    assert settings["m.room.create"]["room_version"] == version
    assert settings["m.room.join_rules"]["join_rule"] == "invite"
    assert "users" not in settings["m.room.power_levels"]
    assert settings["m.room.power_levels"]["ban"] == 50
    assert seen.of(Pins) == [Pins(channel=room, messages=(first, image))]
    assert {role.level for role in seen.of(Role)} == {50, 100}

    assert seen.of(Roster)[0].members == 2
    people_here = {member.member: (member.state, member.level) for member in seen.of(Membership)}
    assert people_here == {admin.id: ("join", 100), bob.id: ("join", 50)}
    assert [(ban.member, ban.by, ban.reason) for ban in seen.of(Ban)] == [(troll.id, admin.id, "rude")]

    posts = {message.ref: message for message in seen.of(Message)}
    assert posts[first].text == posts[first].html == f"{{member:{admin.id}}}: look"
    assert posts[first].mentions == (admin.id,)
    assert posts[first].author == bob.id
    assert posts[reply].text == f"nice, {{member:{bob.id}}}!"
    assert posts[reply].reply_to == first
    assert (posts[threaded].thread, posts[threaded].reply_to) == (first, "")
    assert posts[image].text == "our beds"
    assert posts[image].media[0].name == f"{{member:{bob.id}}}.png"
    assert (posts[image].media[0].size, posts[image].media[0].width) == (len(picture), 30)
    assert posts[gone].text == ""
    assert [(e.ref, e.target, e.text) for e in seen.of(Edit)] == [(edit, first, "new words")]
    assert [(r.ref, r.target, r.key) for r in seen.of(Reaction)] == [(reaction, first, "🌱")]
    assert [(t.ref, t.target) for t in seen.of(Tombstone)] == [(grave, gone)]
    order = [message.ref for message in seen.of(Message) if message.type != "service"]
    assert order == [first, reply, threaded, image, gone]
    services = [msgspec.json.decode(m.data)["action"] for m in seen.of(Message) if m.type == "service"]
    assert services.count("join") == 2
    assert "ban" in services
    assert [request.ref for page in seen.pages for request in page.media] == [mxc]
    assert seen.gaps == []

    content = b"\n".join(codec.encode(record) for record in seen.records if vault_of(record) == "content").decode()
    for person in (admin, bob, troll):
        assert person.local not in content
    assert "The Gardener" not in content
    assert "rude" not in content
    for record in seen.records:
        assert codec.decode(codec.encode(record)) == record  # within the limits of the vocabulary


def test_a_second_run_finds_only_what_is_new_and_asks_little(people: People, read: Read) -> None:
    admin = people("admin")
    room = admin.create(name="Quiet")
    for number in range(5):
        admin.say(room, f"post {number}")
    first = read(admin, room)
    again = read(admin, room, first.cursor)
    assert again.of(Message) == []
    assert len(again.of(Group)) == 1
    assert len(again.requests) <= 5
    new = admin.say(room, "new")
    third = read(admin, room, again.cursor)
    assert [message.ref for message in third.of(Message)] == [new]


def test_nothing_is_lost_or_doubled_when_posts_arrive_between_pages(
    people: People, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grouparchive.platforms.matrix.api.PAGE", 7)
    monkeypatch.setattr(
        "grouparchive.platforms.matrix.api.MatrixApi.messages.__kwdefaults__", {**_DEFAULTS, "limit": 7}
    )
    admin = people("admin")
    room = admin.create(name="Busy")
    sent = [admin.say(room, f"post {number}") for number in range(20)]
    connector = MatrixConnector(admin.source(), lambda *_: "0" * 32)
    got: list[str] = []
    cursor: dict[str, str] = {}
    for run in range(3):
        for page in connector.pages(room, cursor):
            got += [record.ref for record in page.records if isinstance(record, Message) and record.type == "text"]
            cursor.update(page.cursor)
            if page.cursor:
                sent.append(admin.say(room, f"meanwhile {run}"))
    late = read(admin, room, cursor)
    got += [message.ref for message in late.of(Message)]
    connector.close()
    assert got == sent


def test_a_run_that_stopped_in_the_middle_goes_on_there(
    people: People, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "grouparchive.platforms.matrix.api.MatrixApi.messages.__kwdefaults__", {**_DEFAULTS, "limit": 5}
    )
    admin = people("admin")
    room = admin.create(name="Torn")
    sent = [admin.say(room, f"post {number}") for number in range(12)]
    torn = read(admin, room, pages=4)  # two pages of states, two of history
    assert " " in torn.cursor[room]
    sent.append(admin.say(room, "later"))
    rest = read(admin, room, torn.cursor)
    got = [m.ref for seen in (torn, rest) for m in seen.of(Message) if m.type == "text"]
    assert got == sent
    assert rest.gaps == []


def test_nothing_is_lost_while_many_write_at_once(people: People) -> None:
    """Posts sent at once fork the room's event graph, and some arrive after others that stand later in it."""
    admin = people("admin")
    writers = [people(f"writer{number}") for number in range(8)]
    room = admin.create(name="Crowd")
    for writer in writers:
        admin.let_in(room, writer)

    def write(writer: Any) -> list[str]:
        return [writer.say(room, f"post {number}") for number in range(20)]

    got: list[str] = []
    cursor: dict[str, str] = {}
    connector = MatrixConnector(admin.source(), lambda *_: "0" * 32)
    with ThreadPoolExecutor(len(writers)) as crowd:
        running = [crowd.submit(write, writer) for writer in writers]
        while True:
            finished = all(task.done() for task in running)
            for page in connector.pages(room, cursor):
                got += [record.ref for record in page.records if isinstance(record, Message) and record.type == "text"]
                cursor.update(page.cursor)
            if finished:
                break
        sent = [event for task in running for event in task.result()]
    connector.close()
    assert sorted(got) == sorted(sent)


def test_an_edit_of_somebody_else_s_post_is_not_believed(people: People, read: Read) -> None:
    admin, bob = people("admin"), people("bob")
    room = admin.create(name="Forgery")
    admin.let_in(room, bob)
    post = admin.say(room, "true words")
    first = read(admin, room)
    forged = {
        "m.new_content": {"msgtype": "m.text", "body": "false words"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": post},
    }
    bob.say(room, "* false words", **forged)
    own = admin.say(room, "* truer", **{**forged, "m.new_content": {"msgtype": "m.text", "body": "truer"}})
    for after in ({}, first.cursor):  # seen in this run, and asked of the server
        seen = read(admin, room, after)
        assert [edit.ref for edit in seen.of(Edit)] == [own]
        assert seen.gaps == [("edit-by-another", 1, True)]


def test_a_space_is_one_group_with_the_rooms_below_it(people: People, read: Read) -> None:
    admin, other = people("admin"), people("other")
    space = admin.create(name="All", creation_content={"type": "m.space"})
    inner = admin.create(name="Inner", creation_content={"type": "m.space"})
    one, two, lone = admin.create(name="One"), admin.create(name="Two"), admin.create(name="Lone")
    shut = other.create(name="Not ours")
    for parent, child, order in ((space, two, "b"), (space, one, "a"), (space, shut, "c"), (space, inner, "d")):
        admin.state(parent, "m.space.child", {"via": ["demo.test"], "order": order}, child)
    admin.state(inner, "m.space.child", {"via": ["demo.test"]}, space)  # a circle
    admin.state(space, "m.space.child", {}, lone)  # taken out again
    connector = MatrixConnector(admin.source(), lambda *_: "0" * 32)
    groups = {group.ref for group in connector.groups()}
    connector.close()
    assert groups == {space, lone}
    seen = read(admin, space)
    channels = {channel.ref: channel for channel in seen.of(Channel)}
    assert list(channels) == [space, one, two, inner]
    assert channels[one].parent == space
    assert channels[one].order < channels[two].order
    assert all(channel.group == space for channel in channels.values())
    assert seen.gaps == [("channel-not-joined", 1, False)]


def test_an_unlinked_room_is_still_recorded_and_a_lost_one_is_a_gap(people: People, read: Read) -> None:
    admin, attacker = people("admin"), people("attacker")
    space = admin.create(name="All", creation_content={"type": "m.space"})
    kept, lost = admin.create(name="Kept", room_version="11"), admin.create(name="Lost", room_version="11")
    for child in (kept, lost):
        admin.state(space, "m.space.child", {"via": ["demo.test"]}, child)
        admin.let_in(child, attacker)
        levels = admin.call("GET", f"/rooms/{child}/state/m.room.power_levels/")
        levels["users"] = {attacker.handle: 100}
        admin.state(child, "m.room.power_levels", levels)
    first = read(admin, space)
    for child in (kept, lost):
        admin.state(space, "m.space.child", {}, child)
    attacker.call("POST", f"/rooms/{lost}/kick", {"user_id": admin.handle})
    post = attacker.say(kept, "it is mine now")
    second = read(admin, space, first.cursor)
    assert post in [message.ref for message in second.of(Message)]
    assert ("channel-gone", 1, False) in second.gaps or lost in [c.ref for c in second.of(Channel)]


def test_private_chats_and_rooms_of_others_are_no_groups(people: People) -> None:
    admin, bob = people("admin"), people("bob")
    chat = admin.create(is_direct=True, invite=[bob.handle], preset="trusted_private_chat")
    admin.call("PUT", f"/user/{admin.handle}/account_data/m.direct", {bob.handle: [chat]})
    others = bob.create(name="Bob's")
    bob.let_in(others, admin)
    connector = MatrixConnector(admin.source(), lambda *_: "0" * 32)
    assert list(connector.groups()) == []
    connector.close()


def test_an_upgraded_room_brings_its_old_history(people: People, read: Read) -> None:
    admin = people("admin")
    old = admin.create(name="Old home", room_version="11")
    post = admin.say(old, "from before")
    new = str(admin.call("POST", f"/rooms/{old}/upgrade", {"new_version": "12"})["replacement_room"])
    seen = read(admin, new)
    assert {channel.ref for channel in seen.of(Channel)} == {old, new}
    assert post in [message.ref for message in seen.of(Message)]
    named = {(s.channel, s.name): msgspec.json.decode(s.value) for s in seen.of(Setting)}
    assert named[(old, "m.room.tombstone")] == {"replacement_room": new}
    assert named[(new, "m.room.create")]["predecessor"] == old


@pytest.mark.parametrize("visibility", ["joined", "invited"])
def test_hidden_history_is_a_gap(people: People, read: Read, visibility: str) -> None:
    founder, admin = people("founder"), people("admin")
    room = founder.create(name="Late", room_version="11", power_level_content_override=_powers(founder, admin))
    founder.state(room, "m.room.history_visibility", {"history_visibility": visibility})
    founder.say(room, "before you came")
    founder.let_in(room, admin)
    seen = read(admin, room)
    assert [message.text for message in seen.of(Message) if message.type == "text"] == []
    assert seen.gaps == [("history-cut", 1, True)]
    admin.call("POST", f"/rooms/{room}/leave")
    founder.say(room, "while you were out")
    founder.let_in(room, admin)
    post = founder.say(room, "back")
    again = read(admin, room, seen.cursor)
    assert [message.ref for message in again.of(Message) if message.type == "text"] == [post]
    assert again.gaps == [("history-cut", 1, True)]


def test_late_joiners_of_an_open_room_miss_nothing(people: People, read: Read) -> None:
    founder, admin = people("founder"), people("admin")
    room = founder.create(name="Open", room_version="11", power_level_content_override=_powers(founder, admin))
    post = founder.say(room, "before you came")
    founder.let_in(room, admin)
    seen = read(admin, room)
    assert post in [message.ref for message in seen.of(Message)]
    assert seen.gaps == []


def _powers(*owners: Any) -> dict[str, Any]:
    return {"users": {owner.handle: 100 for owner in owners}}


def test_polls_stickers_places_and_kinds_we_do_not_know(people: People, read: Read) -> None:
    admin = people("admin")
    room = admin.create(name="Kinds")
    start = {
        "kind": "org.matrix.msc3381.poll.disclosed",
        "max_selections": 1,
        "question": {"org.matrix.msc1767.text": "When?"},
        "answers": [
            {"id": "a", "org.matrix.msc1767.text": "Monday"},
            {"id": "b", "org.matrix.msc1767.text": f"ask {admin.handle}"},
        ],
    }
    poll = admin.send(room, "org.matrix.msc3381.poll.start", {"org.matrix.msc3381.poll.start": start})
    relation = {"m.relates_to": {"rel_type": "m.reference", "event_id": poll}}
    admin.send(
        room, "org.matrix.msc3381.poll.response", {**relation, "org.matrix.msc3381.poll.response": {"answers": ["b"]}}
    )
    admin.send(room, "org.matrix.msc3381.poll.end", {**relation, "org.matrix.msc1767.text": "over"})
    mxc = admin.upload(b"sticker")
    admin.send(room, "m.sticker", {"body": "a leaf", "url": mxc, "info": {"mimetype": "image/webp"}})
    admin.say(room, "there", msgtype="m.location", geo_uri="geo:1.0,2.0")
    admin.say(room, "odd", msgtype="com.example.odd")
    admin.send(room, "com.example.unknown", {"x": 1})
    admin.state(room, "com.example.state", {"x": 1})
    seen = read(admin, room)
    found = {message.type: message for message in seen.of(Message)}
    assert found["poll"].poll is not None
    assert found["poll"].poll.options == (("a", "Monday"), ("b", f"ask {{member:{admin.id}}}"))
    assert [vote.choices for vote in seen.of(Vote)] == [("b",)]
    assert found["sticker"].media[0].ref == mxc
    assert msgspec.json.decode(found["location"].data) == {"geo_uri": "geo:1.0,2.0"}
    assert found["other"].text == "odd"
    assert ("event-type-unknown", 1, True) in seen.gaps
    assert ("state-not-exported", 1, True) in seen.gaps


def test_files_come_whole_and_a_missing_one_is_an_error(people: People) -> None:
    admin = people("admin")
    data = bytes(range(256)) * 5000
    connector = MatrixConnector(admin.source(), lambda *_: "0" * 32)
    assert b"".join(connector.media(admin.upload(data))) == data
    for ref in ("mxc://demo.test/AbCdEfGhIjKlMnOpQrStUvWx", "https://example.org/x", "mxc://demo.test/../../x", ""):
        with pytest.raises(NotFound):
            b"".join(connector.media(ref))
    connector.close()


def test_a_revoked_token_is_refused(people: People) -> None:
    admin = people("admin")
    source = admin.source()
    admin.call("POST", "/logout")
    connector = MatrixConnector(source, lambda *_: "0" * 32)
    with pytest.raises(Refused):
        list(connector.groups())
    connector.close()


def test_check_says_what_a_thief_could_do(homeserver: Homeserver, people: People) -> None:
    admin = people("admin")
    admin.create(name="Named thing", creation_content={"type": "m.space"})
    check = PLATFORM.check(admin.source())
    assert check.ok
    assert any("1 Space and 0 rooms" in sentence for sentence in check.can)
    assert "Named thing" not in str(check)
    assert admin.local not in str(check)
    server_admin = Source(
        name="a", platform="matrix", options={"origin": homeserver.url}, secrets={"token": homeserver.admin_token}
    )
    assert any("server administrator" in warning for warning in PLATFORM.check(server_admin).warnings)


def test_backup_shows_nobody_as_reading_or_online(people: People, read: Read) -> None:
    admin, bob = people("admin"), people("bob")
    room = admin.create(name="Unread")
    admin.let_in(room, bob)
    bob.say(room, "unread by the admin")
    read(admin, room)
    sync = bob.call("GET", "/sync", None, {"timeout": 0})
    receipts = [event for event in sync["rooms"]["join"][room]["ephemeral"]["events"] if event["type"] == "m.receipt"]
    assert admin.handle not in str(receipts)
    counts = admin.call("GET", "/sync", None, {"timeout": 0})["rooms"]["join"][room]["unread_notifications"]
    assert counts["notification_count"] == 1


_DEFAULTS = {"start": "", "stop": "", "backwards": False}
