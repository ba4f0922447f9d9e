"""Captures of a browser: members, posts, comments; and nothing of the session."""

import json
from pathlib import Path
from typing import Any

import facebook_exports as made
import pytest
from facebook_exports import GROUP, Read, comment, entry, har, member_edge, members_answer, open_box, story, user

from grouparchive.errors import BadExport, NotFound
from grouparchive.model.records import Channel, Group, Membership, Message, Role
from grouparchive.platforms.facebook import PLATFORM
from grouparchive.platforms.facebook.capture import FacebookCapture
from grouparchive.platforms.files import Choices

FERN, REED, MOSS = user(11, "Fern Moss"), user(21, "Reed Ivy"), user(31, "Mo Ss")


def members_har(path: Path, **how: Any) -> Path:
    return har(
        path,
        entry("<html>unrelated</html>", url="https://example.org/", **how),
        entry(json.dumps(made.first_answer()), **how),
        entry(
            "for (;;);" + json.dumps(members_answer(member_edge(22, "Ivy 🌿"), member_edge(23, "Sol"))),
            at="2024-05-01T12:00:05+02:00",
            **how,
        ),
        entry(
            "\n".join(
                json.dumps(one)
                for one in (
                    members_answer(member_edge(24, "Lark"), key="new_forum_members"),
                    {"label": "x$defer", "data": {"page_info": {}}},
                    members_answer(member_edge(25, "Wren"), key="search_results"),
                )
            ),
            **how,
        ),
    )


@pytest.mark.parametrize("name", ["a.har", "a.har.gz"])
@pytest.mark.parametrize("encode", [True, False])
def test_members(tmp_path: Path, name: str, encode: bool) -> None:  # noqa: FBT001
    path = members_har(tmp_path / name, encode=encode)
    assert [form for form in PLATFORM.formats if form.recognises(open_box(path), Choices())] == [FacebookCapture]
    read = Read(FacebookCapture, path)
    assert [(group.ref, group.name, group.topic) for group in read.groups] == [(GROUP, "Quiet Garden", "A quiet place")]
    people = {read.people.native(one.member): one for one in read.records(Membership)}
    assert set(people) == {"11", "12", "21", "22", "23", "24", "25", "41"}
    assert read.name(people["22"].member) == "Ivy 🌿"
    assert people["22"].seen == people["23"].seen == 1714557605000
    assert people["21"].seen == 1714557600000
    assert (people["11"].level, people["11"].roles) == (100, ("admin",))
    assert (people["12"].level, people["12"].roles) == (50, ("moderator",))
    assert people["41"].state == "invite"
    assert {role.level for role in read.records(Role)} == {50, 100}
    partial = next(gap for gap in read.gaps if gap.code == "members-partial")
    assert partial.limit
    assert partial.detail == "7 of 353 members were seen"
    assert not [gap for gap in read.gaps if not gap.limit]


def test_all_sightings_of_a_channel_are_one_page(tmp_path: Path) -> None:
    answer = members_answer(*(member_edge(1000 + n, f"Member {n}") for n in range(2500)))
    read = Read(FacebookCapture, har(tmp_path / "a.har", entry(json.dumps(answer))))
    pages = [page for page in read.pages[GROUP] if any(isinstance(one, Membership) for one in page.records)]
    assert len(pages) == 1
    assert len(pages[0].records) == 2500
    assert pages[0].stamp


def feed_har(path: Path, *more: dict[str, Any]) -> Path:
    shared = {
        "__typename": "Story",
        "id": "shared",
        "message": {"text": "older words"},
        "actors": [MOSS],
        "creation_time": 1600000000,
    }
    photo = {
        "styles": {
            "attachment": {
                "media": {
                    "__typename": "Photo",
                    "id": "77001",
                    "photo_image": {
                        "uri": "https://scontent.fbcdn.net/v/t39/77_n.jpg?oh=SIGNED",
                        "width": 800,
                        "height": 600,
                    },
                }
            }
        }
    }
    link = {
        "styles": {
            "attachment": {
                "external_url": {
                    "__typename": "ExternalUrl",
                    "url": "https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fpage%3Ffbclid%3Dq",
                }
            }
        }
    }
    mention = {"entity": {"__typename": "User", "id": "21", "name": "Reed Ivy"}, "offset": 9, "length": 8}
    edges = [
        {"node": story(500100, "🌿 thanks Reed Ivy!", FERN, 1714000000, ranges=[mention], attachments=[photo, link])},
        {"node": story(500200, "see this", REED, 1714000100, attached_story=shared)},
        {
            "node": story(
                500300,
                "who am I",
                {"__typename": "GroupAnonAuthorProfile", "id": "999888777", "name": "Anonymous member"},
                1714000200,
            )
        },
    ]
    comments = [
        comment(600100, 500100, "first", REED, 1714000300),
        comment(600200, 500100, "answer", MOSS, 1714000400, parent=600100),
    ]
    return har(
        path,
        entry(
            json.dumps({"data": {"node": {"__typename": "Group", "id": GROUP, "group_feed": {"edges": edges}}}}),
            at="2024-05-02T10:00:00.000Z",
        ),
        entry(
            json.dumps(
                {
                    "data": {
                        "node": {
                            "__typename": "Feedback",
                            "id": "x",
                            "comments": {"edges": [{"node": one} for one in comments]},
                        }
                    }
                }
            )
        ),
        *more,
    )


@pytest.fixture
def feed(tmp_path: Path) -> Read:
    return Read(FacebookCapture, feed_har(tmp_path / "feed.har"))


def test_posts_and_comments(feed: Read) -> None:
    messages = {message.ref: message for message in feed.records(Message)}
    assert list(messages) == ["500100", "500200", "500300", "600100", "600200"]
    assert messages["500100"].text == f"🌿 thanks {{member:{feed.people.ids['21']}}}!"
    assert messages["500100"].mentions == (feed.people.ids["21"],)
    assert messages["500100"].time == 1714000000000
    assert messages["500100"].version == 1714644000000
    assert messages["500100"].type == "image"
    assert json.loads(messages["500100"].data) == {
        "links": [{"url": "https://example.org/page"}],
        "counts": {"reactions": 7, "comments": 2, "kinds": {"Like": 5}},
    }
    shared = json.loads(messages["500200"].data)["shared"]
    assert shared == {"text": "older words", "author": f"{{member:{feed.people.ids['31']}}}", "time": 1600000000000}
    assert messages["500300"].author == ""
    assert feed.people.native(messages["500200"].author) == "21"
    assert (messages["600100"].thread, messages["600100"].reply_to) == ("500100", "500100")
    assert (messages["600200"].thread, messages["600200"].reply_to) == ("500100", "600100")


def test_who_wrote_was_there_when_they_did(feed: Read) -> None:
    seen = {feed.people.native(one.member): one.seen for one in feed.records(Membership)}
    assert seen == {"11": 1714000000000, "21": 1714000300000, "31": 1714000400000}


def test_nothing_in_the_content_tells_a_person(feed: Read) -> None:
    content = b"\n".join(line for line in feed.said().splitlines() if b'"kind":"membership"' not in line)
    for word in ("Fern", "Reed", "Anonymous member", "999888777", "profile.php", "UzpfS", "SIGNED"):
        assert word.encode() not in content


def test_nothing_of_the_session_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = feed_har(
        tmp_path / "a.har",
        entry("{broken " + made.CANARIES["fb_dtsg"]),
        entry(None),
        entry(json.dumps(made.first_answer())),
    )
    read = Read(FacebookCapture, path)
    everything = read.said() + repr((read.people.names, read.people.ids, read.people.avatars)).encode()
    everything += repr([page.media for pages in read.pages.values() for page in pages]).encode()
    everything += repr(capsys.readouterr()).encode() + caplog.text.encode()
    assert b"CANARY" not in everything
    assert {"answer-unreadable", "answer-missing"} <= read.codes


def test_pictures_come_from_the_capture_where_it_has_them(tmp_path: Path) -> None:
    shots = [
        entry(None, url="https://scontent.fbcdn.net/v/t39/77_n.jpg", mime="image/jpeg"),
        entry(made.PNG, url="https://scontent.fbcdn.net/v/t39/77_n.jpg", mime="image/jpeg"),
        entry(made.PNG + b"face", url="https://scontent.fbcdn.net/v/t1/21_n.jpg", mime="image/jpeg"),
    ]
    for name in ("a.har", "b.har.gz"):
        read = Read(FacebookCapture, feed_har(tmp_path / name, *shots))
        assert read.media == {f"{GROUP}/500100/77001": made.PNG, "face/21_n.jpg": made.PNG + b"face"}
        assert read.people.avatars[read.people.ids["21"]] == "face/21_n.jpg"
        assert read.people.avatars[read.people.ids["31"]] == ""
        requests = [one for page in read.pages[GROUP] for one in page.media]
        assert {one.ref: one.vault for one in requests} == {
            f"{GROUP}/500100/77001": "content",
            "face/21_n.jpg": "roster",
        }
        assert "avatars-not-exported" in read.codes
        with pytest.raises(NotFound):
            list(read.connector.media("nothing"))
    read.connector.box.path.write_bytes(b"")
    with pytest.raises(BadExport):
        list(read.connector.media("face/21_n.jpg"))


def test_a_later_sight_of_a_post_counts(tmp_path: Path) -> None:
    def one(text: str) -> str:
        return json.dumps({"data": {"node": story(500100, text, FERN, 1714000000)}})

    path = har(
        tmp_path / "a.har",
        entry(one("new"), at="2024-05-02T10:00:00Z"),
        entry(one("old"), at="2024-05-01T10:00:00Z"),
        entry(
            json.dumps({"data": {"node": {"__typename": "Story", "id": "x", "post_id": "500100"}}}),
            at="2024-05-03T10:00:00Z",
        ),
    )
    message = Read(FacebookCapture, path).records(Message)[0]
    assert (message.text, message.version) == ("new", 1714730400000)


def test_posts_of_no_group_are_left_out_and_counted(tmp_path: Path) -> None:
    friend = story(700100, "to my friends", FERN, 1714000000)
    del friend["to"]
    friend["comet_sections"]["timestamp"]["story"]["url"] = "https://www.facebook.com/fern/posts/700100"
    stray = comment(800100, 700100, "nice", REED, 1714000001)
    path = feed_har(
        tmp_path / "a.har",
        entry(json.dumps({"data": {"viewer": {"news_feed": {"edges": [{"node": friend}]}}}})),
        entry(json.dumps({"data": stray})),
    )
    read = Read(FacebookCapture, path)
    assert b"to my friends" not in read.said()
    outside = next(gap for gap in read.gaps if gap.code == "outside-group-left-out")
    assert (outside.count, outside.limit) == (2, True)


def test_several_groups_and_several_captures_in_a_folder(tmp_path: Path) -> None:
    answer = members_answer(member_edge(50, "Elm", group="999999000"))
    answer["data"]["node"] |= {"id": "999999000", "name": "Other Place"}
    members_har(tmp_path / "a.har")
    har(tmp_path / "b.har", entry(json.dumps(answer)))
    read = Read(FacebookCapture, tmp_path, group="ignored where there are two")
    assert {group.ref: group.name for group in read.groups} == {GROUP: "Quiet Garden", "999999000": "Other Place"}
    assert all(isinstance(channel, Channel) and channel.ref == channel.group for channel in read.records(Channel))


def test_the_name_of_a_group_that_no_answer_tells(tmp_path: Path) -> None:
    path = har(tmp_path / "a.har", entry(json.dumps(members_answer(member_edge(21, "Reed")))))
    assert [group.name for group in Read(FacebookCapture, path, group="Told").groups] == ["Told"]
    assert [group.name for group in Read(FacebookCapture, path, group="Told = 55555").groups] == [""]


def test_the_page_itself_carries_the_first_members(tmp_path: Path) -> None:
    data = json.dumps(
        {"require": [["ScheduledServerJS", "handle", None, [{"__bbox": {"result": made.first_answer()}}]]]}
    )
    page = f"<html><script>var x='CANARY';</script><script type='application/json' data-sjs>{data}</script></html>"
    read = Read(
        FacebookCapture, har(tmp_path / "a.har", entry(page, url=f"https://www.facebook.com/groups/{GROUP}/members"))
    )
    assert {read.people.native(one.member) for one in read.records(Membership)} == {"11", "12", "21", "41"}


def test_reading_twice_is_the_same(tmp_path: Path) -> None:
    path = feed_har(tmp_path / "feed.har")
    assert Read(FacebookCapture, path).said() == Read(FacebookCapture, path).said()


# --- hostile ----------------------------------------------------------------------------------------------------------------


def test_an_answer_too_large_to_hold_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.har"
    good = json.dumps(entry(json.dumps(made.first_answer())))
    with path.open("wb") as file:
        file.write(
            b'{"log":{"creator":{"name":"facebook"},"entries":['
            + good.encode()
            + b',{"request":{"url":"https://www.facebook.com/"},"response":{"content":{"encoding":"base64","text":"'
        )
        for _ in range(24):
            file.write(b"QUJD" * 262_144)
        file.write(b'"}}},' + json.dumps(entry(json.dumps(members_answer(member_edge(22, "After"))))).encode() + b"]}}")
    read = Read(FacebookCapture, path)
    assert {read.people.native(one.member) for one in read.records(Membership)} == {"11", "12", "21", "22", "41"}
    assert "record-too-large" in read.codes


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) * 2 // 3],
        lambda data: data.replace(b'"startedDateTime"', b'}}"startedDateTime"', 1),
        lambda data: data.replace(b'"time": 12.5', b'"time": \xff\xfe', 1),
        lambda data: data.replace(b'"time": 12.5', b'"time": {{{', 1),
        lambda data: data.replace(b"2024-05-01T10", b"99999-99", 1),
        lambda data: data.replace(b'"status": 200', b'"status": "' + b"x" * 100 + b'"', 1),
        lambda data: data.replace(b'"url": "https://www', b'"url": "https://[www', 1),
        lambda data: data.replace(b'"encoding": "base64"', b'"encoding": 5', 1),
    ],
)
def test_a_damaged_capture_gives_what_can_be_read(tmp_path: Path, damage: Any) -> None:
    path = members_har(tmp_path / "a.har", encode=True)
    path.write_bytes(damage(path.read_bytes()))
    read = Read(FacebookCapture, path)
    assert read.records(Membership)
    assert read.records(Group)


def test_deep_and_wrong_answers(tmp_path: Path) -> None:
    odd = [
        "[" * 100_000,
        '{"data":' * 50_000 + "1" + "}" * 50_000,
        json.dumps(
            {
                "data": {
                    "group": {
                        "id": GROUP,
                        "new_members": {
                            "edges": [None, 5, {"node": None}, {"node": {"id": 5, "name": []}}, {"node": []}]
                        },
                    }
                }
            }
        ),
        json.dumps(
            {
                "data": {
                    "node": {
                        "__typename": "Story",
                        "id": ["x"],
                        "post_id": 5,
                        "comet_sections": [],
                        "message": {"text": 9},
                        "actors": "x",
                        "attachments": {"a": 1},
                    }
                }
            }
        ),
        json.dumps({"__typename": "Comment", "id": "!!", "body": "x", "author": 5, "created_time": "x"}),
        json.dumps(
            {
                "__typename": "Comment",
                "id": "Y29tbWVudDoxMjM0NV82Nzg5MA==",
                "body": {
                    "text": "x" * 2_000_000,
                    "ranges": [
                        {"offset": -1, "length": 10**30, "entity": {"__typename": "User", "id": "1", "name": "x"}}
                    ],
                },
                "author": None,
                "created_time": 10**30,
                "url": f"/groups/{GROUP}/",
            }
        ),
        json.dumps(
            {
                "__typename": "Story",
                "post_id": "12345",
                "creation_time": 1714000000,
                "message": {"text": "a\u0000\ud800 b"},
                "to": {"__typename": "Group", "id": GROUP},
            }
        ),
    ]
    read = Read(FacebookCapture, har(tmp_path / "a.har", *map(entry, odd)))
    assert [message.text for message in read.records(Message)] == ["a\ufffd b"]
    read.said()


def test_a_har_of_something_else_is_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / "a.har"
    path.write_text('{"log":{"entries":[]}}')
    assert not FacebookCapture.recognises(open_box(path), Choices())
    path.with_suffix(".har.gz").write_bytes(b"\x1f\x8bnonsense")
    assert not FacebookCapture.recognises(open_box(path.with_suffix(".har.gz")), Choices())
