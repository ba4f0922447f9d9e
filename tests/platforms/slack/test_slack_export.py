import os
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from slack_exports import (
    APP,
    BOT,
    DAY,
    FERN,
    GENERAL,
    GUEST,
    IVY,
    MOSS,
    OLD,
    PAIR,
    QUIET,
    REED,
    STRANGER,
    TEAM,
    TOP,
    TRIO,
    Reading,
    lists,
    one,
    post,
    ts,
    user,
    users,
    write,
)  # fmt: skip

from grouparchive.errors import BadExport, NotFound
from grouparchive.model import codec
from grouparchive.model.records import (
    ROSTER_KINDS,
    Channel,
    Edit,
    Fact,
    Group,
    Membership,
    Message,
    Pins,
    Reaction,
    Role,
    Roster,
    Setting,
    Tombstone,
)
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.slack import PLATFORM, SlackExport

MILLIS = TOP * 1000
END = MILLIS + 86_400_000  # of the day


def sample(*parts: str) -> Path:
    named = os.environ.get("GROUPARCHIVE_SAMPLES")
    checkout = Path(__file__).resolve().parents[3]
    places = [Path(named)] if named else [checkout.parent / "shared/samples", checkout.parent.parent / "shared/samples"]
    for folder in places:
        if folder.joinpath(*parts).exists():
            return folder.joinpath(*parts)
    pytest.skip("the public samples are not here (GROUPARCHIVE_SAMPLES)")


# --- structure ---


def test_the_workspace_its_channels_and_their_states(tmp_path: Path) -> None:
    read = Reading(write(tmp_path / "Rose Garden Slack export Mar 1 2026 - Mar 3 2026.zip", {}))
    assert read.groups == [
        Group(ref=TEAM, platform="slack", origin="slack.com", name="Rose Garden", created=(TOP - 5000) * 1000)
    ]
    assert read.of(Group) == read.groups
    channels = {one.ref: one for one in read.of(Channel)}
    assert list(channels) == [TEAM, GENERAL, QUIET, TRIO, PAIR]
    assert (channels[TEAM].type, channels[GENERAL].type, channels[GENERAL].parent) == ("space", "room", TEAM)
    assert [one.name for one in channels.values()] == [
        "Rose Garden", "general", "quiet", "Group conversation", "Direct conversation",
    ]  # fmt: skip
    assert channels[GENERAL].topic == "Ask @somebody about <seeds>"
    assert not channels[TRIO].topic
    assert {(one.channel, one.name): one.value for one in read.of(Setting)} == {
        (GENERAL, "visibility"): '"public"', (GENERAL, "purpose"): '"All of us"', (QUIET, "visibility"): '"private"',
        (QUIET, "archived"): "true", (TRIO, "visibility"): '"group"', (PAIR, "visibility"): '"direct"',
    }  # fmt: skip
    assert read.of(Pins) == [Pins(channel=GENERAL, messages=(ts(2),))]


def test_people_their_powers_and_their_addresses(tmp_path: Path) -> None:
    read = Reading(write(tmp_path / "a.zip", {}))

    def places(channel: str) -> dict[str, tuple[int, tuple[str, ...]]]:
        return {read.who(one.member): (one.level, one.roles) for one in read.of(Membership, channel=channel, seen=0)}

    assert places(TEAM) == {
        FERN: (100, ("owner",)), MOSS: (50, ("admin",)), REED: (0, ()), IVY: (0, ()), GUEST: (0, ("guest",)),
    }  # fmt: skip
    assert set(places(GENERAL)) == {FERN, MOSS, REED}
    assert set(places(PAIR)) == {FERN, MOSS}
    assert {one.channel: one.members for one in read.of(Roster)} == {TEAM: 5, GENERAL: 3, QUIET: 2, TRIO: 3, PAIR: 2}
    assert {(one.ref, one.level) for one in read.of(Role)} == {("owner", 100), ("admin", 50), ("guest", 0)}
    assert {(read.who(one.member), one.key, one.value) for one in read.of(Fact, field="contact")} == {
        (FERN, "mail", "fern@garden.example"), (FERN, "phone", "+31 20 555 0101"),
        (MOSS, "mail", "moss@garden.example"), (IVY, "mail", "ivy@garden.example"),
    }  # fmt: skip
    assert [one.time for one in read.of(Fact, member=read.id(FERN))] == [MILLIS, MILLIS]
    assert read.codes["contact-unreadable"] == 1
    assert read.people[read.id(FERN)].name == "Fern Hollow"
    # Who was deactivated has gone, at the time that Slack tells.
    gone = [one for one in read.of(Membership) if one.state == "leave"]
    assert [(one.channel, read.who(one.member), one.seen) for one in gone] == [(TEAM, OLD, (TOP - 999) * 1000)]


def test_each_roster_is_one_page_with_a_stamp(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {})
    first, second = Reading(path), Reading(path)
    pages = [page for page in first.pages if any(isinstance(one, Roster) for one in page.records)]
    assert len(pages) == 5
    assert all({type(one) for one in page.records} == {Roster, Membership} and page.stamp for page in pages)
    assert [page.stamp for page in first.pages] == [page.stamp for page in second.pages]
    changed = Reading(write(tmp_path / "b.zip", {}, people=users()[:3]))
    assert changed.pages[1].stamp != first.pages[1].stamp


@pytest.mark.parametrize("top", ["", "Rose Garden Slack export Mar 1 2026/", "one/two/"])
@pytest.mark.parametrize("name", ["a.zip", "folder"])
def test_it_is_found_in_a_zip_and_in_a_folder_at_any_depth(tmp_path: Path, top: str, name: str) -> None:
    read = Reading(write(tmp_path / name, {f"general/{DAY}": [post(FERN, 1, "hello")]}, top=top))
    assert read.texts() == ["hello"]
    assert read.groups[0].ref == TEAM


def test_the_name_that_a_person_gives_comes_first(tmp_path: Path) -> None:
    path = write(tmp_path / "Rose Garden Slack export Mar 1 2026 - Mar 3 2026 (1).zip", {})
    assert Reading(path).groups[0].name == "Rose Garden"
    assert Reading(path, group="Thorns").groups[0].name == "Thorns"
    assert Reading(write(tmp_path / "export.zip", {})).groups[0].name == "Slack workspace"


def test_the_team_is_found_where_users_do_not_tell_it(tmp_path: Path) -> None:
    bare = [{"id": FERN, "name": "fern"}]
    days = {f"general/{DAY}": [post(FERN, 1, "hi", team="T0MESSAGE1")]}
    assert Reading(write(tmp_path / "a.zip", days, people=bare)).groups[0].ref == "T0MESSAGE1"
    without = write(tmp_path / "b.zip", {f"general/{DAY}": [post(FERN, 1, "hi")]}, people=bare)
    assert Reading(without).groups[0].ref == f"workspace-of/{GENERAL}"


def test_what_is_no_slack_export_is_not_claimed(tmp_path: Path) -> None:
    def claims(**files: bytes) -> bool:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return SlackExport.recognises(open_box(folder), Choices())

    assert not claims()
    assert not claims(**{"users.json": b"[]"})
    assert not claims(**{"users.json": b"[]", "channels.json": b'{"channels": []}'})
    assert not claims(**{"channels.json": b'[{"id": "C1"}]'})
    assert not claims(**{"result.json": b'{"chats": {}}', "users.json": b"[]"})
    assert claims(**{"users.json": b"[]", "channels.json": b' [{"id": "C1"}]'})
    lone = tmp_path / "channels.json"
    lone.write_bytes(b"[]")
    assert not SlackExport.recognises(open_box(lone), Choices())


def test_limits_are_told_once_each(tmp_path: Path) -> None:
    public = {
        "channels.json": lists()["channels.json"],
        "canvases.json": [],
        "integration_logs.json": [{"user_name": "fern"}],
    }
    read = Reading(write(tmp_path / "a.zip", {}, about=public, people=[user(FERN, "Fern Hollow")]))
    assert {gap.code for gap in read.gaps if gap.limit} == {
        "avatars-not-exported", "private-channels-not-exported", "addresses-not-exported", "part-left-out",
    }  # fmt: skip
    assert all(gap.limit for gap in read.gaps)
    assert read.codes["part-left-out"] == 2


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", {}, about={"channels.json": []})
    with closing(SlackExport(open_box(path), lambda *_: "0" * 32, Choices())) as connector, pytest.raises(BadExport):
        list(connector.groups())
    whole = open_box(write(tmp_path / "b.zip", {}))
    with closing(SlackExport(whole, lambda *_: "0" * 32, Choices())) as connector:
        with pytest.raises(NotFound):
            list(connector.pages("T0ELSEWHER", {}))
        with pytest.raises(NotFound):
            list(connector.media("nothing"))


def test_channels_that_no_list_tells_of(tmp_path: Path) -> None:
    days = {
        f"lost/{DAY}": [post(FERN, 1, "one"), post(MOSS, 2, "two")],
        f"mpdm-fern--ivy-1/{DAY}": [post(IVY, 3, "three")],
        f"D0UNKNOWN1/{DAY}": [post(FERN, 4, "four")],
        f"quiet/{DAY}": [post(MOSS, 5, f"<@{MOSS}> has left the group", subtype="group_leave")],
    }
    read = Reading(write(tmp_path / "a.zip", days, about={"channels.json": lists()["channels.json"]}))
    assert read.codes["channel-unlisted"] == 4
    assert {one.ref: one.name for one in read.of(Channel)} == {
        TEAM: "Slack workspace", GENERAL: "general", "#lost": "lost", f"mpdm/{ts(3)}": "Group conversation",
        "D0UNKNOWN1": "Direct conversation", "#quiet": "quiet",
    }  # fmt: skip
    seen = {(one.channel, read.who(one.member), one.state): one.seen for one in read.of(Membership) if one.seen}
    assert seen.pop((TEAM, OLD, "leave"))
    assert seen == {
        ("#lost", FERN, "join"): MILLIS + 1000, ("#lost", MOSS, "join"): MILLIS + 2000,
        (f"mpdm/{ts(3)}", IVY, "join"): MILLIS + 3000, ("D0UNKNOWN1", FERN, "join"): MILLIS + 4000,
        ("#quiet", MOSS, "leave"): MILLIS + 5000,
    }  # fmt: skip


# --- messages ---


def test_messages_edits_and_threads(tmp_path: Path) -> None:
    read = one(
        tmp_path,
        post(FERN, 1, "first", thread_ts=ts(1), reply_count=2),
        post(MOSS, 3, "third", thread_ts=ts(1), subtype="thread_broadcast", root={"ts": ts(1)}),
        post(MOSS, 2, "second", thread_ts=ts(1), parent_user_id=FERN),
        post(FERN, 4, "changed", edited={"user": FERN, "ts": ts(60)}),
        post(REED, 5, "waves", subtype="me_message"),
    )
    found = read.of(Message)
    assert [(one.ref, one.time, read.who(one.author), one.text, one.thread) for one in found] == [
        (ts(1), MILLIS + 1000, FERN, "first", ""), (ts(2), MILLIS + 2000, MOSS, "second", ts(1)),
        (ts(3), MILLIS + 3000, MOSS, "third", ts(1)), (ts(4), MILLIS + 4000, FERN, "changed", ""),
        (ts(5), MILLIS + 5000, REED, "waves", ""),
    ]  # fmt: skip
    assert [(one.version, one.edited) for one in found[3:]] == [(MILLIS + 60_000, MILLIS + 60_000), (0, 0)]
    assert found[4].type == "emote"


def test_lines_of_the_service(tmp_path: Path) -> None:
    lines = [
        ("channel_join", f"<@{MOSS}> has joined the channel", {"inviter": FERN}),
        ("channel_leave", f"<@{MOSS}|moss> has left the channel", {}),
        ("channel_topic", f"<@{MOSS}> set the channel topic: bulbs &amp; seeds", {"topic": "bulbs & seeds"}),
        ("group_archive", "archived the private channel", {}),
        ("bot_add", "added an integration to this channel: <https://garden.slack.com/services/B1|clock>", {}),
        ("huddle_thread", "", {"room": {"created_by": MOSS}}),
        ("pinned_item", f"<@{MOSS}> pinned a message to this channel.", {"item_type": "C"}),
    ]
    read = one(tmp_path, *(post(MOSS, at, text, subtype=sort, **more) for at, (sort, text, more) in enumerate(lines)))
    assert read.texts() == [
        f"[{MOSS}] has joined the channel", f"[{MOSS}] has left the channel",
        f"[{MOSS}] set the channel topic: bulbs & seeds", f"[{MOSS}] archived the private channel",
        f"[{MOSS}] added an integration to this channel: clock (https://garden.slack.com/services/B1)",
        f"[{MOSS}] huddle thread", f"[{MOSS}] pinned a message to this channel.",
    ]  # fmt: skip
    assert {one.type for one in read.of(Message)} == {"service"}
    first = read.of(Message)[0]
    assert first.data == f'{{"action":"join","by":"{read.id(FERN)}"}}'
    assert [one.data for one in read.of(Message)[2:4]] == ['{"action":"topic"}', '{"action":"archive"}']


def test_reactions_by_their_place_and_those_without_a_name(tmp_path: Path) -> None:
    read = one(
        tmp_path,
        post(FERN, 1, "hi", reactions=[
            {"name": "+1", "users": [MOSS, REED], "count": 5}, {"name": "tulip", "users": [FERN], "count": 1},
        ]),
    )  # fmt: skip
    assert [(one.ref, one.target, one.key, read.who(one.author), one.count) for one in read.of(Reaction)] == [
        (f"{ts(1)}/+1/0", ts(1), "+1", MOSS, 1), (f"{ts(1)}/+1/1", ts(1), "+1", REED, 1),
        (f"{ts(1)}/+1/others", ts(1), "+1", "", 3), (f"{ts(1)}/tulip/0", ts(1), "tulip", FERN, 1),
    ]  # fmt: skip


def test_authors_who_are_in_no_list_apps_and_bridges(tmp_path: Path) -> None:
    read = one(
        tmp_path,
        post(STRANGER, 1, "from afar", user_profile={"real_name": "Sedge Far", "name": "sedge"}),
        post(STRANGER, 2, "again"),
        post(None, 3, "beep", subtype="bot_message", bot_id=APP),
        post(None, 4, "boop", subtype="bot_message", bot_id="B0OTHER001", bot_profile={"name": "clock"}),
        post(None, 5, "over the bridge", subtype="bot_message", bot_id="B0BRIDGE01", username="Fern on IRC"),
        post(None, 6, "imported", subtype="bot_message", username="Lily"),
        post("USLACKBOT", 7, "I am here to help", subtype="slackbot_response"),
        post(None, 8, "nobody said this"),
        post(BOT, 9, "as a user", bot_id=APP),
    )
    assert [read.who(one.author) for one in read.of(Message)] == [
        STRANGER, STRANGER, BOT, "B0OTHER001", "B0BRIDGE01:Fern on IRC", "username:Lily", "USLACKBOT", "", BOT,
    ]  # fmt: skip
    assert read.people[read.id(STRANGER)].name == "Sedge Far"
    assert read.people[read.id("B0OTHER001")].name == "clock"
    assert [one.type for one in read.of(Message)] == ["text", "text", *["notice"] * 4, "text", "text", "text"]


def test_a_list_of_members_is_as_old_as_what_the_export_tells(tmp_path: Path) -> None:
    """Not as the file: an older export that is copied or downloaded anew stays older than what was seen since."""
    path = write(
        tmp_path / "a.zip", {f"general/{DAY}": [post(FERN, 1, "x")], "general/2026-02-27": [post(FERN, 1, "y")]}
    )
    assert {one.time for one in Reading(path).of(Roster)} == {MILLIS + 1000}
    later = [user(FERN, "Fern Hollow", updated=END // 1000 + 60)]
    path = write(tmp_path / "b.zip", {f"general/{DAY}": []}, people=later)
    assert {one.time for one in Reading(path).of(Roster)} == {END + 60_000}
    os.utime(path, (TOP, TOP))  # nothing is newer than its file
    assert {one.time for one in Reading(path).of(Roster)} == {MILLIS}
    path = write(tmp_path / "c.zip", {"general/2999-99-99": []}, people=[user(FERN, "Fern Hollow", updated=0)])
    os.utime(path, (TOP, TOP))
    assert {one.time for one in Reading(path).of(Roster)} == {MILLIS}


def test_deletions_and_exports_with_all_edits(tmp_path: Path) -> None:
    read = one(
        tmp_path,
        post("USLACKBOT", 1, "This message was deleted.", subtype="tombstone", hidden=True, thread_ts=ts(1)),
        post(None, 50, None, subtype="message_changed", hidden=True, message=post(FERN, 2, "new <@U0MOSS0001>"),
             original=post(FERN, 2, "old")),
        post(None, 51, None, subtype="message_deleted", deleted_ts=ts(3), previous_message=post(MOSS, 3, "regret")),
        post(None, 52, None, subtype="message_changed"),
    )  # fmt: skip
    assert read.of(Tombstone) == [
        Tombstone(channel=GENERAL, ref=f"{ts(1)}/deleted", target=ts(1), time=MILLIS + 52_000),
        Tombstone(channel=GENERAL, ref=ts(51), target=ts(3), time=MILLIS + 51_000),
    ]
    assert [(one.ref, one.text) for one in read.of(Message)] == [(ts(2), "old"), (ts(3), "regret")]
    edit = read.of(Edit)[0]
    assert (edit.ref, edit.target, edit.time, read.named(edit.text)) == (
        ts(50),
        ts(2),
        MILLIS + 50_000,
        f"new [{MOSS}]",
    )
    assert read.codes["message-unreadable"] == 1


def test_pins_that_only_messages_tell(tmp_path: Path) -> None:
    about = lists()
    del about["channels.json"][0]["pins"]
    messages = [post(FERN, 1, "a", pinned_to=[GENERAL]), post(FERN, 2, "b", pinned_to=["C0ELSEWHER"])]
    read = one(tmp_path, *messages, about=about)
    assert read.of(Pins) == [Pins(channel=GENERAL, messages=(ts(1),))]


def test_shared_messages_apps_previews_and_blocks(tmp_path: Path) -> None:
    section = {"type": "rich_text_section", "elements": [
        {"type": "text", "text": "see "}, {"type": "user", "user_id": MOSS},
        {"type": "link", "url": "https://example.org/?a=1&b=2", "text": "here"}, {"type": "emoji", "name": "tulip"},
    ]}  # fmt: skip
    shared = {
        "is_msg_unfurl": True, "author_id": FERN, "author_name": "Fern Hollow", "channel_id": GENERAL, "ts": ts(1),
        "text": "first\nsecond", "fallback": "[March 1st, 2026] fern: first", "from_url": "https://garden.slack.com/archives/x",
    }  # fmt: skip
    preview = {"from_url": "https://example.org", "title": "A page", "text": "About it"}
    read = one(
        tmp_path,
        post(FERN, 1, "first\nsecond"),
        post(MOSS, 2, "look", attachments=[shared]),
        post(MOSS, 3, "<https://example.org>", attachments=[preview]),
        post(None, 4, "", subtype="bot_message", bot_id=APP, attachments=[
            {"pretext": "Build", "title": "ok", "fields": [{"title": "Took", "value": "3 s"}]}, {"fallback": "only this"},
        ]),
        post(MOSS, 5, "", blocks=[{"type": "rich_text", "elements": [section]}]),
        post(MOSS, 6, None, attachments=[shared]),
    )  # fmt: skip
    quote = f"> [{FERN}]: first\n> second"
    assert read.texts() == [
        "first\nsecond", f"look\n{quote}", "https://example.org", "Build\nok\nTook: 3 s\nonly this",
        f"see [{MOSS}]here (https://example.org/?a=1&b=2):tulip:", quote,
    ]  # fmt: skip
    assert [one.reply_to for one in read.of(Message)] == ["", ts(1), "", "", "", ts(1)]


def test_two_exports_tell_the_same_refs(tmp_path: Path) -> None:
    messages = [
        post(FERN, 1, "a", reactions=[{"name": "+1", "users": [MOSS], "count": 1}], files=[{"id": "F0PICTURE1", "name": "a"}]),
        post(MOSS, 2, "b"), {"type": "message", "user": FERN, "text": "without a time"},
    ]  # fmt: skip
    later = [*messages, post(FERN, 9, "c")]

    def refs(read: Reading) -> Counter[tuple[str, ...]]:
        return Counter(
            (type(one).__name__, one.channel, one.ref) for one in read.records if isinstance(one, Message | Reaction)
        )

    first, second = one(tmp_path, *messages), one(tmp_path, *later)
    assert not refs(first) - refs(second)
    assert sum((refs(second) - refs(first)).values()) == 1
    media = [message.media for read in (first, second) for message in read.of(Message, ref=ts(1))]
    assert media[0] == media[1] != ()


def test_nothing_in_the_content_names_anybody(tmp_path: Path) -> None:
    name = "Fern Hollow U0MOSS0001 fern-hollow.png"
    days = {
        f"general/{DAY}": [
            post(FERN, 1, f"<@{MOSS}> <@{MOSS}|moss> <https://garden.slack.com/team/{MOSS}|her>"),
            post(FERN, 2, f"<@{FERN}|fern> uploaded a file: <https://a.slack.com/files/{FERN}/F0A/x.png|x> and commented: ok",
                 subtype="file_share", file={"id": "F0AAAAAAA", "name": name, "mimetype": "image/png", "user": FERN}),
            post(None, 3, "x", subtype="file_comment", comment={"user": MOSS, "comment": "nice"}),
            post(FERN, 4, "hi", reactions=[{"name": "+1", "users": [MOSS, REED, "U0UNLISTED"], "count": 3}]),
            post(MOSS, 5, f"<@{MOSS}> has joined the channel", subtype="channel_join", inviter=FERN),
            post(FERN, 6, f"`<@{MOSS}>` *<@{MOSS}>*", edited={"user": FERN, "ts": ts(9)}, parent_user_id=MOSS),
        ],
        f"mpdm-fern--moss--reed-1/{DAY}": [post(FERN, 1, "<#G0TRIO0001|mpdm-fern--moss--reed-1>")],
        f"mpdm-moss--ivy-1/{DAY}": b"[{broken",
    }  # fmt: skip
    read = Reading(write(tmp_path / "a.zip", days))
    assert read.texts()[1:3] == ["ok", "nice"]
    assert read.who(read.of(Message)[2].author) == MOSS
    content = b"\n".join(
        codec.encode(one) for one in (*read.records, *read.gaps) if type(one) not in ROSTER_KINDS
    ).decode()
    for native in (FERN, MOSS, REED, OLD, "U0UNLISTED", "Hollow", "hollow", "moss", "@garden", "mpdm-"):
        assert native not in content, native
    asked = {one.member for one in read.of(Membership)} | {one.author for one in read.of(Message)} - {""}
    assert asked <= read.people.keys()


# --- the public sample ---


def test_a_real_export_comes_in_whole() -> None:
    read = Reading(sample("slack", "hfaran__testarchive.zip"))
    assert Counter(type(one).__name__ for one in read.records) == {
        "Group": 1, "Channel": 3, "Setting": 2, "Role": 1, "Roster": 3, "Membership": 12, "Fact": 1, "Message": 158,
        "Reaction": 1,
    }  # fmt: skip
    assert Counter(one.channel for one in read.of(Message)) == {"C0JGLMMNX": 102, "C0JL6CGQ2": 56}
    assert Counter(one.type for one in read.of(Message)) == {"notice": 94, "text": 53, "service": 11}
    assert read.codes["media-unavailable"] == 4
    assert all(gap.limit for gap in read.gaps)
    assert PLATFORM.name == "slack"
