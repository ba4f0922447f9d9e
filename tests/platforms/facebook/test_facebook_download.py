"""Facebook's own download, in every layout."""

import json
from pathlib import Path
from typing import Any

import facebook_exports as made
import pytest
from facebook_exports import Read, download, open_box, put

from grouparchive.model.records import Channel, Membership, Message, Reaction, Roster, Vote
from grouparchive.platforms.facebook import PLATFORM
from grouparchive.platforms.facebook.download import FacebookDownload
from grouparchive.platforms.files import Choices

GARDEN = "name:café garden 🌱"
LAYOUTS = [
    {"root": "your_facebook_activity/"},
    {"root": "your_activity_across_facebook/"},
    {"root": "your_facebook_activity/", "top": "facebook-fern-2024-05-01-abc/"},
    {"root": "", "profile": "profile_information/"},
    {"root": "", "top": "outer/facebook-fern/", "profile": "profile_information/"},
]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_comes_to_the_same(tmp_path: Path, layout: dict[str, Any], packed: bool) -> None:  # noqa: FBT001
    path = put(tmp_path / ("export.zip" if packed else "export"), download(**layout))
    assert FacebookDownload.recognises(open_box(path), Choices())
    read = Read(FacebookDownload, path)
    assert {group.ref for group in read.groups} == {GARDEN, "name:old pond", "777888"}
    assert {group.name for group in read.groups} == {"Café Garden 🌱", "Old Pond", "Garden friends"}
    messages = {message.ref: message for message in read.records(Message, GARDEN)}
    assert list(messages) == [
        "p1600000200",
        "p1600000200-2",
        "p1600000300",
        "c1600000350",
        "a1600000360",
        "t1600000380",
    ]
    assert messages["p1600000200"].text == "Ein Bild: naïve 🌻"
    assert messages["p1600000200-2"].text == "https://example.org/a"
    assert messages["c1600000350"].text == "Ich auch, schön"
    assert read.people.native(messages["p1600000300"].author) == "900100"
    assert read.name(messages["p1600000300"].author) == "Fern Moss"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return Read(FacebookDownload, put(tmp_path / "export.zip", download()))


def test_an_edited_post_has_a_higher_version(read: Read) -> None:
    post = next(message for message in read.records(Message) if message.ref == "p1600000300")
    assert post.version == post.edited == 1600000400000


def test_a_poll_and_the_own_vote(read: Read) -> None:
    post = next(message for message in read.records(Message) if message.poll)
    assert post.type == "poll"
    assert post.poll.options == (("0", "Me"), ("1", "Später"))
    vote = read.records(Vote)[0]
    assert (vote.target, vote.choices, vote.author) == (post.ref, ("0",), post.author)


def test_files_are_found_and_what_lies_in_another_part_is_a_gap(read: Read) -> None:
    post = next(message for message in read.records(Message) if message.ref == "p1600000200")
    assert [file.name for file in post.media] == ["sun_1.jpg", "other_part.mp4"]
    assert read.media[post.media[0].ref] == made.PNG
    lost = [gap for gap in read.gaps if gap.code == "media-unavailable" and gap.scope == post.media[1].ref]
    assert len(lost) == 1


def test_nobody_is_told_who_wrote_an_anonymous_post(read: Read) -> None:
    post = next(message for message in read.records(Message) if message.text == "a hidden word")
    assert post.author == ""
    assert json.loads(post.data) == {"anonymous": True}


def test_the_account_leaves_and_joins(read: Read) -> None:
    stays = {
        one.channel: one for one in read.records(Membership) if read.people.native(one.member) == "900100" and one.seen
    }
    assert stays["name:old pond"].state == "leave"
    assert stays[GARDEN].state == "join"
    assert stays[GARDEN].level == 100


def test_limits_are_said_once_and_do_not_fail_a_run(read: Read) -> None:
    limits = [gap.code for gap in read.gaps if gap.limit]
    assert len(limits) == len(set(limits))
    assert {
        "members-partial",
        "history-cut",
        "private-chat-left-out",
        "joined-only-left-out",
        "timeline-left-out",
        "group-unknown",
    } <= set(limits)
    assert {gap.code for gap in read.gaps if not gap.limit} == {"media-unavailable"}


def test_a_chat_of_two_and_the_timeline_stay_outside(read: Read) -> None:
    assert b"SECRET" not in read.said()
    assert b"private matters" not in read.said()


def test_a_group_chat(read: Read) -> None:
    group = "777888"
    roster = read.records(Roster, group)
    assert len(roster) == 1
    members = [one for one in read.records(Membership, group) if not one.seen]
    assert {read.name(one.member) for one in members} == {"Reed Ivy", "Sol Ärger", "Fern Moss"}
    messages = {message.ref: message for message in read.records(Message, group)}
    assert [message.time for message in messages.values()] == sorted(message.time for message in messages.values())
    assert messages["1700000003000"].text == "first in a ms"
    assert messages["1700000003000-2"].text == "second in a ms"
    assert read.media[messages["1700000005000"].media[0].ref] == made.PNG
    assert messages["1700000005000"].type == "image"
    assert messages["1700000004000"].text == "look\nhttps://example.org/é"
    assert messages["1700000008000"].type == "service"
    actions = {
        ref: json.loads(message.data)["action"] for ref, message in messages.items() if message.type == "service"
    }
    assert actions == {
        "1700000001000": "add",
        "1700000006000": "call",
        "1700000007000": "leave",
        "1700000008000": "unsent",
        "1700000009000": "remove",
    }
    heart = read.records(Reaction, group)[0]
    assert (heart.target, heart.key, read.name(heart.author)) == ("1700000002000", "❤", "Reed Ivy")
    mention = messages["1700000002000"].text
    assert mention == f"hello {{member:{read.people.ids['name:reed ivy']}}} ❤"
    gone = {read.name(one.member): one.state for one in read.records(Membership, group) if one.seen}
    assert gone == {"Sol Ärger": "leave", "Reed Ivy": "leave", "Gone Person": "join", "Fern Moss": "join"}


def test_no_name_is_left_in_what_the_platform_wrote(read: Read) -> None:
    service = [message for message in read.records(Message) if message.type == "service"]
    for name in ("Fern", "Reed", "Sol", "Gone"):
        assert not any(name in message.text for message in service)
    assert "reedivy" not in read.said().decode().lower().replace(" ", "")


def test_a_thread_whose_title_is_its_people_has_no_name(tmp_path: Path) -> None:
    files = {
        "messages/inbox/x_42/message_1.json": made.thread(
            title="Reed Ivy, Sol Ärger and Fern Moss", thread_type="RegularGroup", thread_path="inbox/x_42424"
        )
    }
    read = Read(FacebookDownload, put(tmp_path / "export", files))
    assert [(group.ref, group.name) for group in read.groups] == [("42424", "")]


def test_two_parts_of_a_split_download_are_one_thread(tmp_path: Path) -> None:
    whole = made.thread(thread_type="RegularGroup")
    parts = {
        "a/messages/inbox/gardenfriends_777888/message_1.json": {**whole, "messages": whole["messages"][:4]},
        "b/messages/inbox/gardenfriends_777888/message_2.json": {**whole, "messages": whole["messages"][4:]},
    }
    read = Read(FacebookDownload, put(tmp_path / "export", parts))
    refs = [message.ref for message in read.records(Message)]
    assert refs == [
        message.ref
        for message in Read(
            FacebookDownload, put(tmp_path / "whole", {"messages/inbox/g_777888/message_1.json": whole})
        ).records(Message)
    ]


def test_a_thread_that_was_given_by_itself_is_taken_also_of_two(tmp_path: Path) -> None:
    lone = {
        "participants": [{"name": "Reed Ivy"}, {"name": "Fern Moss"}],
        "title": "Reed Ivy",
        "thread_type": "Regular",
        "messages": [{"sender_name": "Reed Ivy", "timestamp_ms": 1700000001000, "content": "hi", "type": "Generic"}],
    }
    path = put(tmp_path, {"message_1.json": lone}) / "message_1.json"
    assert FacebookDownload.recognises(open_box(path), Choices())
    read = Read(FacebookDownload, path, group="Two of us")
    assert [(group.ref, group.name) for group in read.groups] == [("t1700000001000", "Two of us")]
    assert [message.text for message in read.records(Message)] == ["hi"]


def test_the_download_of_encrypted_chats(tmp_path: Path) -> None:
    chat = {
        "participants": ["Reed Ivy", "Sol", "Fern Moss"],
        "threadName": "Pond_9",
        "messages": [
            {
                "isUnsent": False,
                "media": [{"uri": "./media/a.jpg"}],
                "reactions": [],
                "senderName": "Sol",
                "text": "see ☀",
                "timestamp": 1700000001000,
                "type": "media",
            }
        ],
    }
    path = tmp_path / "messages.zip"
    put(path, {"Pond_9.json": json.dumps(chat).encode(), "media/a.jpg": made.PNG})
    assert FacebookDownload.recognises(open_box(path), Choices())
    read = Read(FacebookDownload, path)
    message = read.records(Message)[0]
    assert (message.text, message.type) == ("see ☀", "image")
    assert read.media[message.media[0].ref] == made.PNG


def test_html(tmp_path: Path) -> None:
    path = put(tmp_path / "export.zip", made.html_download())
    assert FacebookDownload.recognises(open_box(path), Choices())
    read = Read(FacebookDownload, path)
    messages = {message.ref: message for message in read.records(Message, GARDEN)}
    assert list(messages) == ["p1600000000", "p1600000200", "c1600000350"]
    assert messages["p1600000200"].text == "Zwei Zeilen\n<b> 🌻"
    assert read.media[messages["p1600000200"].media[0].ref] == made.PNG
    chat = read.records(Message, "777888")
    assert [message.text for message in chat] == ["hi", "later"]
    assert read.name(chat[0].author) == "Reed Ivy"
    assert [(one.key, read.name(one.author)) for one in read.records(Reaction)] == [("❤", "Sol")]
    assert b"alert" not in read.said()


def test_html_with_class_names_that_nobody_knows(tmp_path: Path) -> None:
    page = made.html_page(
        ("Reed Ivy", "two<br>lines", "14.11.2023 x"),
        ("Sol", "later", "Nov 14, 2023 10:14:00 pm"),
        ("Reed Ivy", "one", "Nov 14, 2023 10:13:20 pm"),
        marked=False,
    )
    path = put(
        tmp_path / "export",
        {
            "your_facebook_activity/messages/inbox/garden_777888/message_1.html": page,
            "your_facebook_activity/posts/x.json": [],
        },
    )
    read = Read(FacebookDownload, path)
    assert "layout-guessed" in read.codes
    assert next(message.text for message in read.records(Message)) == "one"


def test_a_page_with_its_posts_and_followers(tmp_path: Path) -> None:
    inside = "this_profile's_activity_across_facebook/"
    files = {
        f"{inside}posts/profile_posts_1.json": [
            {"timestamp": 1600000000, "data": [{"post": "Opening hours"}], "title": "Moss Library"}
        ],
        "connections/followers/followers.json": {"followers_v3": [{"name": "Reed Ivy", "timestamp": 1600000001}]},
        "personal_information/profile_information/profile_information.json": {
            "profile_v2": {"name": {"full_name": "Moss Library"}, "profile_uri": "https://www.facebook.com/MossLibrary"}
        },
    }
    read = Read(FacebookDownload, put(tmp_path / "export.zip", files))
    assert [(group.ref, group.name) for group in read.groups] == [("page:mosslibrary", "Moss Library")]
    assert [message.text for message in read.records(Message)] == ["Opening hours"]
    assert [read.name(one.member) for one in read.records(Membership)] == ["Reed Ivy"]


def test_the_number_of_a_group_joins_it_with_its_captures(tmp_path: Path) -> None:
    path = put(tmp_path / "export.zip", download())
    read = Read(FacebookDownload, path, group="Café Garden 🌱 = https://www.facebook.com/groups/100200300400/")
    assert "100200300400" in {group.ref for group in read.groups}
    assert all(channel.group == channel.ref for channel in read.records(Channel))


def test_a_lone_file_with_a_bom(tmp_path: Path) -> None:
    path = tmp_path / "group_posts_and_comments.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(made.mangled(made.posts())).encode())
    assert FacebookDownload.recognises(open_box(path), Choices())
    assert any(message.text == "Ein Bild: naïve 🌻" for message in Read(FacebookDownload, path).records(Message))


def test_reading_twice_is_the_same(tmp_path: Path) -> None:
    path = put(tmp_path / "export.zip", download())
    assert Read(FacebookDownload, path).said() == Read(FacebookDownload, path).said()


def test_only_one_format_claims_each_export(tmp_path: Path) -> None:
    box = open_box(put(tmp_path / "export.zip", download()))
    assert [form for form in PLATFORM.formats if form.recognises(box, Choices())] == [FacebookDownload]
