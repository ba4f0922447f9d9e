"""Instagram's download of an account."""

import json
import os
from pathlib import Path

import instagram_exports as made
import pytest
from instagram_exports import Read, download, open_box, put

from grouparchive.model.records import Channel, Membership, Message, Reaction, Roster
from grouparchive.platforms.facebook import PLATFORM as FACEBOOK
from grouparchive.platforms.files import Choices
from grouparchive.platforms.instagram import PLATFORM
from grouparchive.platforms.instagram.download import InstagramDownload


@pytest.mark.parametrize("newer", [True, False])
@pytest.mark.parametrize("top", ["", "instagram-quiet.garden-2024-05-01-aB3dE/"])
@pytest.mark.parametrize("name", ["export.zip", "export"])
def test_every_layout_comes_to_the_same(tmp_path: Path, newer: bool, top: str, name: str) -> None:  # noqa: FBT001
    path = put(tmp_path / name, download(newer=newer, top=top))
    box = open_box(path)
    assert [
        form for platform in (FACEBOOK, PLATFORM) for form in platform.formats if form.recognises(box, Choices())
    ] == [InstagramDownload]
    read = Read(InstagramDownload, path)
    assert [(group.ref, group.name) for group in read.groups] == [
        ("account:quiet.garden", "Quiet Gärden"),
        ("account:quiet.garden/following", "Accounts it follows"),
        ("1234567", "Pond"),
    ]
    posts = {message.ref: message for message in read.records(Message, "account:quiet.garden")}
    assert [(ref, post.text, post.type) for ref, post in posts.items()] == [
        ("p1600000010", "Ein Paar", "file"),
        ("p1600000020", "Zwei 🌻", "image"),
        ("s1600000030", "kurz", "video"),
        ("r1600000040", "Rolle", "video"),
    ]
    assert {read.people.native(post.author) for post in posts.values()} == {"quiet.garden"}
    assert json.loads(posts["s1600000030"].data) == {"kind": "story"}
    assert set(read.media.values()) == {made.PNG, made.PNG + b"2", b"video", b"sound", made.PNG + b"me"}
    assert {gap.code: gap.count for gap in read.gaps if not gap.limit} == {
        "media-unavailable": 1
    }  # as a box gives them: one each


def test_followers_are_the_members(tmp_path: Path) -> None:
    read = Read(InstagramDownload, put(tmp_path / "a.zip", download()))
    assert [roster.members for roster in read.records(Roster, "account:quiet.garden")] == [2]
    since = {read.people.native(one.member): one.since for one in read.records(Membership, "account:quiet.garden")}
    assert since == {"reed.ivy": 1600000001000, "sol_": 1600000002000}
    followed = read.records(Membership, "account:quiet.garden/following")
    assert [read.people.native(one.member) for one in followed] == ["lark"]
    assert any(gap.code == "members-partial" and "all time" in gap.detail for gap in read.gaps if gap.limit)


def test_a_group_chat(tmp_path: Path) -> None:
    read = Read(InstagramDownload, put(tmp_path / "a.zip", download()))
    messages = {message.ref: message for message in read.records(Message, "1234567")}
    assert [message.type for message in messages.values()] == ["service", "text", "audio", "text", "text"]
    sol = read.people.ids["name:sol 🌞"]
    assert messages["1700000002000"].text == f"grüß dich {{member:{sol}}}"
    assert messages["1700000003000"].text == "https://www.instagram.com/p/abc/"
    assert b"somebody.else" not in read.said()
    assert "Reed" not in messages["1700000001000"].text
    assert [one.key for one in read.records(Reaction)] == ["👍"]
    assert len(read.records(Roster, "1234567")) == 1


def test_chats_of_two_are_kept(tmp_path: Path) -> None:
    two = made.thread(
        participants=[{"name": "Reed Ivy"}, {"name": "Fern"}], title="Reed Ivy", thread_path="inbox/reed_99887"
    )
    read = Read(
        InstagramDownload,
        put(tmp_path / "a", {"your_instagram_activity/messages/inbox/reed_99887/message_1.json": two}),
    )
    assert [(group.ref, group.name) for group in read.groups] == [("99887", "")]


def test_a_thread_that_was_left_gives_no_whole_roster(tmp_path: Path) -> None:
    left = made.thread(is_still_participant=False)
    read = Read(
        InstagramDownload,
        put(tmp_path / "a", {"your_instagram_activity/messages/inbox/pond_1234567/message_1.json": left}),
    )
    assert not read.records(Roster)
    assert {read.name(one.member) for one in read.records(Membership)} == {"Reed Ivy", "Sol 🌞", "Fern"}


def test_html(tmp_path: Path) -> None:
    read = Read(InstagramDownload, put(tmp_path / "a.zip", made.html_download()))
    assert [(group.ref, group.name) for group in read.groups] == [
        ("account:quiet.garden", "Quiet Garden"),
        ("1234567", "Pond"),
    ]
    assert {read.people.native(one.member): one.since for one in read.records(Membership, "account:quiet.garden")} == {
        "reed.ivy": 1599999960000,
        "sol_": 1600000020000,
    }
    assert [message.text for message in read.records(Message, "account:quiet.garden")] == ["Zwei Zeilen 🌻"]
    assert [message.text for message in read.records(Message, "1234567")] == ["hi", "later"]
    assert made.PNG in read.media.values()


def test_the_newest_layout_of_labels(tmp_path: Path) -> None:
    files = {
        "your_instagram_activity/media/posts_1.json": [
            {
                "timestamp": 1600000000,
                "media": [{"uri": "media/posts/1.jpg"}],
                "label_values": [{"label": "URL", "href": "x"}, {"label": "Caption", "value": "schön"}],
                "fbid": "1",
            }
        ],
        "media/posts/1.jpg": made.PNG,
    }
    read = Read(InstagramDownload, put(tmp_path / "a", files), group="garden")
    assert [(message.text, message.time) for message in read.records(Message)] == [("schön", 1600000000000)]
    assert [group.ref for group in read.groups] == ["account:garden"]


def test_a_lone_file_that_bears_another_name(tmp_path: Path) -> None:
    path = made.lone(tmp_path)
    assert InstagramDownload.recognises(open_box(path), Choices())
    read = Read(InstagramDownload, path)
    assert len(read.records(Message)) == 5


def test_hostile_files(tmp_path: Path) -> None:
    files = download()
    inside = "your_instagram_activity/media/"
    files[f"{inside}posts_1.json"] = (
        b'[{"media":[{"uri":"a.jpg","creation_timestamp":1600000000,"title":"good"}]},{"media":5},'
        + b'{"x":' * 100_000
        + b",{{{,"
    )
    files[f"{inside}stories.json"] = (
        b'{"ig_stories":[{"uri":"x","creation_timestamp":1e300},{"uri":7},null,5,{"uri":"y.mp4","creation_timestamp":1600000001}]}'
    )
    files["connections/followers_and_following/followers_1.json"] = (
        b'[{"string_list_data":[{"value":"reed.ivy","timestamp":"x"}]},{"string_list_data":[{"value":"sol","timestamp":5}]},"x",'
    )
    read = Read(InstagramDownload, put(tmp_path / "a", files))
    assert "good" in [message.text for message in read.records(Message)]
    assert [read.people.native(one.member) for one in read.records(Membership, "account:quiet.garden")] == ["sol"]
    assert {"message-unreadable", "file-damaged"} <= read.codes
    read.said()


def test_a_split_download(tmp_path: Path) -> None:
    whole = download()
    one = {name: value for name, value in whole.items() if "posts" not in name}
    read = Read(InstagramDownload, put(tmp_path / "a.zip", one))
    assert not any(channel.name == "" for channel in read.records(Channel))


SAMPLES = Path(os.environ.get("GROUPARCHIVE_SAMPLES") or Path(__file__).parents[4] / "shared" / "samples")


@pytest.mark.skipif(not (SAMPLES / "instagram").is_dir(), reason="the public samples are not on this machine")
def test_a_public_sample() -> None:
    read = Read(InstagramDownload, SAMPLES / "instagram" / "joweich__test_export.json")
    assert [(read.name(message.author), message.text, message.time) for message in read.records(Message)] == [
        ("Jane Doe", "Hello John!", 1577186580000),
        ("John Doe", "Hello Jane!", 1579294140000),
    ]
