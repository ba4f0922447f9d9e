"""What DiscordChatExporter exports comes in: channels, threads, people, replies, forwards, cards, reactions, files."""

import json
import zipfile
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from discord_exports import People, Taken, channel, message, opened, user, write

from grouparchive.errors import BadExport, UsageError
from grouparchive.model import codec
from grouparchive.model.records import Channel, Gap, Group, Media, Membership, Message, Pins, Reaction, Role
from grouparchive.platforms.discord import PLATFORM
from grouparchive.platforms.discord.messages import SERVICE
from grouparchive.platforms.files import Choices, open_box

TIME = 1_700_000_000_123


def take(tmp_path: Path, *messages: Any, **more: Any) -> Taken:
    write(tmp_path / "Garden - general [11].json", channel(*messages, **more))
    return Taken(tmp_path)


def test_a_server_its_channels_and_plain_messages(tmp_path: Path) -> None:
    taken = take(tmp_path, message(20), message(21, "zwei\ndrei", 2))
    assert taken.groups == [Group(ref="9", platform="discord", origin="discord.com", name="Garden")]
    assert taken.all(Channel) == [
        Channel(ref="9", group="9", type="space", name="Garden"),
        Channel(ref="10", group="9", type="category", parent="9", name="Beds"),
        Channel(ref="11", group="9", parent="10", name="general", topic="All", created=1_420_070_400_000),
    ]
    fern, moss = taken.people["1"], taken.people["2"]
    assert taken.messages == [
        Message(channel="11", ref="20", time=TIME, author=fern, text="hello"),
        Message(channel="11", ref="21", time=TIME + 1000, author=moss, text="zwei\ndrei"),
    ]
    assert taken.people.names == {"1": "Fern Hollow", "2": "Moss"}
    assert taken.seen("9") == taken.seen("11") == {"1": "join", "2": "join"}
    assert taken.codes == {"members-partial": 1}


def test_threads_forums_and_files_in_parts(tmp_path: Path) -> None:
    thread = {
        "id": "30",
        "type": "GuildPublicThread",
        "categoryId": "11",
        "category": "general",
        "name": "Bulbs",
        "topic": None,
    }
    forum = {"id": "41", "type": "11", "categoryId": "40", "category": "questions", "name": "How deep?"}
    write(tmp_path / "a" / "Garden - general - Bulbs [30].json", channel(message(1), **thread))
    write(tmp_path / "a" / "Garden - questions - How deep [41].json", channel(message(2), **forum))
    for part in range(1, 12):
        end = f" [part {part}]" if part > 1 else ""
        write(tmp_path / "a" / f"Garden - general [11]{end}.json", channel(message(100 + part)))
    write(tmp_path / "a" / "settings.json", {"theme": "dark"})
    taken = Taken(tmp_path)
    assert {one.ref: (one.type, one.parent, one.name) for one in taken.all(Channel)} == {
        "9": ("space", "", "Garden"),
        "10": ("category", "9", "Beds"),
        "11": ("room", "10", "general"),
        "30": ("thread", "11", "Bulbs"),
        "40": ("room", "9", "questions"),
        "41": ("thread", "40", "How deep?"),
    }
    assert [one.ref for one in taken.messages if one.channel == "11"] == [str(100 + part) for part in range(1, 12)]
    assert [one.channel for one in taken.messages if int(one.ref) < 100] == ["30", "41"]


def test_people_in_texts_become_ids(tmp_path: Path) -> None:
    taken = take(
        tmp_path,
        message(1, "@Moss Bank and @Moss, @moss, <@3> <@!2>", mentions=[user(2), user(3)]),
        message(2, "before @everyone and @here a@b.example @Nobody @Mossy @", 2),
        message(3, "hi @Fern Hollow!", 3),
    )
    label = taken.people.label
    assert taken[1].text == f"{label('3')} and {label('2')}, {label('2')}, {label('3')} {label('2')}"
    assert taken[1].mentions == (taken.people["2"], taken.people["3"])
    assert taken[2].text == "before @everyone and @here a@b.example @Nobody @Mossy @"
    assert taken[3].text == f"hi {label('1')}!"
    content = b"".join(codec.encode(one) for one in taken.records["9"] if not isinstance(one, Membership))
    for name in (b"Fern", b"Moss Bank"):
        assert name not in content


def test_replies_edits_pins_and_forwards(tmp_path: Path) -> None:
    reply = {"type": "Default", "messageId": "1", "channelId": "11", "guildId": "9"}
    forwarded = {
        "timestamp": "2023-11-14T22:00:00+00:00", "timestampEdited": None, "content": "news for @Moss",
        "attachments": [{"id": "5", "url": "https://cdn.discordapp.com/a.png?ex=1", "fileName": "a.png", "fileSizeBytes": 7}],
        "embeds": [], "stickers": [],
    }  # fmt: skip
    taken = take(
        tmp_path,
        message(1, "first", 2, isPinned=True),
        message(2, type="Reply", reference=reply, mentions=[user(2)]),
        message(3, type="Reply", reference=reply | {"messageId": None}),
        message(4, timestampEdited="2023-11-14T22:20:00+00:00"),
        message(5, "", reference=reply | {"type": "Forward", "channelId": "12"}, forwardedMessage=forwarded),
        message(6, type="ChannelPinnedMessage", content="Pinned a message.", reference=reply),
        message(7, "x", type="20", interaction={"id": "1", "name": "roll", "user": user(3)}),
    )
    assert [one.reply_to for one in taken.messages] == ["", "1", "", "", "", "", ""]
    assert taken[2].mentions == (taken.people["2"],)
    assert (taken[4].version, taken[4].edited) == (1_700_000_400_000,) * 2
    assert taken[5].text == f"news for {taken.people.label('2')}"
    assert taken[5].media == (Media(ref="11/5/0", name="a.png", mime="image/png", size=7),)
    assert json.loads(taken[5].data) == {
        "forwarded_from": {"channel": "12", "message": "1"}, "urls": ["https://cdn.discordapp.com/a.png?ex=1"],
    }  # fmt: skip
    assert taken[6].text == f"{taken.people.label('1')} pinned a message"
    assert json.loads(taken[7].data) == {"command": "roll", "for": taken.people["3"]}
    assert taken.all(Pins) == [Pins(channel="11", messages=("1",))]


def test_service_lines(tmp_path: Path) -> None:
    lines = [message(number, "Moss said so", type=kind) for number, kind in enumerate(SERVICE, 1)]
    taken = take(
        tmp_path,
        *lines,
        message(50, "Added Moss to the group.", type="RecipientAdd", mentions=[user(2)]),
        message(51, "Left the group.", 3, type="RecipientRemove", mentions=[user(3)]),
        message(52, "Changed the channel name: Roses", type="ChannelNameChange"),
        message(53, "", type="99"),
        message(54, "of tomorrow", type="98"),
    )
    label = taken.people.label
    for one in taken.messages[: len(SERVICE)]:
        assert one.type == "service"
        assert one.text.startswith(label("1"))
    assert taken[50].text == f"{label('1')} added {label('2')}"
    assert taken[51].text == f"{label('3')} left"
    assert taken[52].text == f"{label('1')} changed the name of the channel to “Roses”"
    assert (taken[53].type, taken[54].type, taken[54].text) == ("service", "text", "of tomorrow")
    assert taken.seen("11") == {"1": "join", "3": "leave"}
    assert "joined the server" in SERVICE.values()


def test_files_stickers_pictures_of_people_and_of_the_server(tmp_path: Path) -> None:
    folder = "Garden - general [11].json_Files"
    for name, data in {
        "plan-1.png": "PNG",
        "wave.json": "{}",
        "fern.png": "FERN",
        "icon.png": "ICON",
        "a b.txt": "T",
    }.items():
        write(tmp_path / folder / name, data)
    fern = user(1, avatarUrl=f"{folder}/fern.png")
    files = [
        {"id": "1", "url": f"{folder}\\plan-1.png", "fileName": "plan of @Moss.png", "fileSizeBytes": 3},
        {"id": "2", "url": f"{folder}/a%20b.txt", "fileName": "a b.txt", "fileSizeBytes": 1},
        {"id": "3", "url": f"{folder}/../../secret", "fileName": "s", "fileSizeBytes": 1},
        {"id": "4", "url": "https://cdn.discordapp.com/attachments/x.pdf", "fileName": "x.pdf", "fileSizeBytes": 9},
    ]
    taken = take(
        tmp_path,
        message(1, "x", 2),
        message(2, author=fern, attachments=files),
        message(3, "", author=fern, stickers=[{"id": "1", "name": "wave", "sourceUrl": f"{folder}/wave.json"}]),
        guild={"iconUrl": f"{folder}/icon.png"},
    )  # fmt: skip
    assert taken.groups[0].avatar == "9/icon"
    assert taken.files == {
        "9/icon": b"ICON", "11/2/0": b"PNG", "11/2/1": b"T", "11/3/0": b"{}", "9/avatar/1": b"FERN",
    }  # fmt: skip
    assert [one.vault for one in taken.media] == ["content"] * 4 + ["roster"]
    assert taken.media[-1].stamp
    assert taken.people.avatars == {"1": "9/avatar/1"}
    assert [one.name for one in taken[2].media] == [f"plan of {taken.people.label('2')}.png", "a b.txt", "s", "x.pdf"]
    assert taken[2].type == "image"
    assert json.loads(taken[2].data) == {"urls": ["https://cdn.discordapp.com/attachments/x.pdf"]}
    assert (taken[3].type, taken[3].text) == ("sticker", ":wave:")
    assert taken.codes == {"members-partial": 1, "media-unavailable": 2}


def test_reactions_with_and_without_people(tmp_path: Path) -> None:
    leaf = {"id": "", "name": "🌱", "code": "seedling", "isAnimated": False, "imageUrl": "https://x.example/a.svg"}
    own = {"id": "77", "name": "spade", "code": "spade", "isAnimated": False, "imageUrl": "https://x.example/b.png"}
    taken = take(
        tmp_path,
        message(1, reactions=[{"emoji": leaf, "count": 3, "users": [user(2), user(3)]}, {"emoji": own, "count": 4}]),
    )
    assert [(one.author, one.key, one.count, one.ref) for one in taken.all(Reaction)] == [
        (taken.people["2"], "🌱", 1, "1/🌱/0"),
        (taken.people["3"], "🌱", 1, "1/🌱/1"),
        ("", "🌱", 1, "1/🌱/others"),
        ("", "spade:77", 4, "1/spade:77/others"),
    ]
    assert taken.codes == {"members-partial": 1, "reactions-without-people": 5}
    assert taken.seen("11") == {"1": "join"}


def test_roles_bots_and_webhooks(tmp_path: Path) -> None:
    roles = [{"id": "70", "name": "Gardener", "color": "#00ff00", "position": 5}]
    taken = take(
        tmp_path,
        message(1, author=user(1, roles=roles)),
        message(2, author=user(4, isBot=True)),
        message(3, author=user(2, isBot=True, discriminator="1234")),
    )
    assert taken.all(Role) == [Role(group="9", ref="70", name="Gardener", level=5)]
    assert {one.member: one.roles for one in taken.all(Membership) if one.channel == "9"} == {
        taken.people["1"]: ("70",), taken.people["2"]: (),
    }  # fmt: skip


def test_cards_are_kept_as_data_and_as_text_where_there_is_none(tmp_path: Path) -> None:
    card = {
        "title": "Sale", "url": "https://garden.example", "timestamp": None, "description": "by @Moss", "color": "#fff",
        "author": {"name": "Moss", "url": None}, "thumbnail": {"url": "https://x.example/t.png", "width": 1, "height": 1},
        "image": {"url": "local.png", "canonicalUrl": "https://x.example/i.png", "width": 1, "height": 1},
        "footer": {"text": "end"}, "images": [], "fields": [{"name": "Price", "value": "7", "isInline": True}],
        "inlineEmojis": [],
    }  # fmt: skip
    taken = take(tmp_path, message(1, "x", 2), message(2, "", embeds=[card]), message(3, "see", embeds=[card]))
    moss = taken.people.label("2")
    assert taken[2].text == f"{moss}\nSale\nby {moss}\nPrice: 7\nend\nhttps://garden.example"
    assert taken[3].text == "see"
    assert json.loads(taken[3].data)["embeds"][0] == {
        "title": "Sale", "url": "https://garden.example", "description": f"by {moss}", "author": moss,
        "fields": [["Price", "7"]], "footer": "end", "pictures": ["https://x.example/i.png"],
    }  # fmt: skip


def test_direct_messages_are_left_out(tmp_path: Path) -> None:
    direct = channel(message(1, "private words"), guild={"id": "0"}, type="DirectTextChat")
    write(tmp_path / "Direct Messages - Moss [77].json", direct)
    with pytest.raises(UsageError, match="only direct messages"):
        Taken(tmp_path)
    taken = take(tmp_path, message(1))
    assert taken.codes == {"members-partial": 1, "private-chat-left-out": 1}
    assert [one.text for one in taken.messages] == ["hello"]


def test_times_with_offsets_without_and_not_at_all(tmp_path: Path) -> None:
    write(
        tmp_path / "a.json",
        channel(
            message(1, timestamp="2023-11-15T02:13:20.1234567+04:00"),
            message(2, timestamp="2023-11-15T00:13:20"),
            message((TIME - 1_420_070_400_000) << 22, timestamp="soon"),
        ),
    )
    taken = Taken(tmp_path, Choices(zone=timezone(timedelta(hours=2))))
    assert [one.time for one in taken.messages] == [TIME, TIME - 123, TIME]
    assert taken.codes == {"members-partial": 1, "message-partly-read": 1, "time-unknown": 1}


def test_a_range_of_dates_and_a_count_that_is_not_reached_are_gaps(tmp_path: Path) -> None:
    whole = channel(message(1)) | {
        "dateRange": {"after": "2023-01-01T00:00:00+00:00", "before": None},
        "messageCount": 5,
    }
    write(tmp_path / "a.json", whole)
    taken = Taken(tmp_path)
    assert taken.codes == {"members-partial": 1, "history-cut": 1, "message-unreadable": 4}
    assert [gap.code for gap in taken.gaps if not gap.limit] == ["message-unreadable"]


def test_old_exports(tmp_path: Path) -> None:
    """As of 2020: no ids of categories, no roles, no stickers, no mentions."""
    old = {
        "guild": {"id": "9", "name": "Garden", "iconUrl": "https://x.example/i.png"},
        "channel": {"id": "11", "type": "GuildTextChat", "category": "Beds", "name": "general", "topic": ""},
        "dateRange": {"after": None, "before": None},
        "messages": [
            {"id": "1", "type": "Default", "timestamp": "2020-02-03T17:47:42+00:00", "timestampEdited": None, "isPinned": False,
             "content": "a", "author": {"id": "1", "name": "fern", "discriminator": "0001", "isBot": False, "avatarUrl": ""},
             "attachments": [], "embeds": [],
             "reactions": [{"emoji": {"id": None, "name": "x", "isAnimated": False}, "count": 2}]},
        ],
        "messageCount": 1,
    }  # fmt: skip
    taken = Taken(write(tmp_path / "a.json", old))
    assert [(one.text, one.time) for one in taken.messages] == [("a", 1580752062000)]
    assert [one.count for one in taken.all(Reaction)] == [2]
    assert [one.ref for one in taken.all(Channel)] == ["9", "11"]


def test_a_zip_of_several_servers_in_any_layout(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("x/a.json", json.dumps(channel(message(1), message(2)), separators=(",", ":")))
        file.writestr(
            "x/b.json",
            "\ufeff" + json.dumps(channel(message(3), guild={"id": "8", "name": "Field"}, id="12"), indent=4),
        )
    taken = Taken(tmp_path / "a.zip")
    assert {group.ref: group.name for group in taken.groups} == {"9": "Garden", "8": "Field"}
    assert {ref: sum(isinstance(one, Message) for one in all_) for ref, all_ in taken.records.items()} == {
        "9": 2,
        "8": 1,
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", "<title>Garden</title><div class=chatlog__message-group>"),
        ("a.csv", "AuthorID,Author,Date,Content,Attachments,Reactions\n"),
        ("a.txt", "=" * 62 + "\nGuild: Garden\nChannel: general\n"),
    ],
)
def test_other_formats_are_recognised_and_told(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(UsageError) as caught:
        list(opened(write(tmp_path / name, content), People()).groups())
    assert "JSON" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", '{"guild": {}}', '{"messages": []}', '{"guild": 5, "channel": 6, "messages": []}',
        '{"name": "Garden", "type": "private_supergroup", "id": 5, "messages": [{"id": 1, "type": "message"}]}',
        '{"participants": [], "messages": [{"sender_name": "Fern", "timestamp_ms": 1}]}',
    ],
)  # fmt: skip
def test_exports_of_others_are_not_claimed(tmp_path: Path, content: str) -> None:
    box = open_box(write(tmp_path / "a.json", content))
    assert not any(kind.recognises(box, Choices()) for kind in PLATFORM.formats)


def test_nothing_readable(tmp_path: Path) -> None:
    with pytest.raises(BadExport):
        Taken(write(tmp_path / "a.json", '{"guild": {"id": "9"}, "channel": {"id": []}, "messages": []}'))


def test_every_gap_says_where(tmp_path: Path) -> None:
    taken = take(tmp_path, message(1), "odd", message(2, content={"a": 1}), message(3, author=5), message(4, author={}))
    assert [one.text for one in taken.messages] == ["hello", "", "hello", "hello"]
    assert [gap for gap in taken.gaps if gap.code == "message-unreadable"] == [
        Gap(code="message-unreadable", scope="11", detail=taken.gaps[1].detail)
    ]
    assert "byte" in taken.gaps[1].detail
    assert taken[3].author == taken[4].author == ""
