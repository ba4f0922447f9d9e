"""What Telegram Desktop exports comes in: texts, people, service lines, topics, files, reactions, whole accounts."""

import json
import os
import zipfile
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from telegram_exports import GROUP, START, People, Taken, chat, message, opened, service, write

from grouparchive.errors import BadExport, UsageError
from grouparchive.model import codec
from grouparchive.model.records import Channel, Gap, Group, Membership, Message, Pins, Poll, Reaction
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.telegram import PLATFORM
from grouparchive.platforms.telegram.service import WORDS

SAMPLES = [
    *(Path(os.environ[name]) for name in ("GROUPARCHIVE_SAMPLES",) if name in os.environ),
    *(parent / "shared" / "samples" for parent in Path(__file__).resolve().parents),
]


def take(tmp_path: Path, *messages: object, **more: object) -> Taken:
    write(tmp_path / "result.json", chat(*messages, **more))
    return Taken(tmp_path)


def test_a_group_its_channel_and_plain_messages(tmp_path: Path) -> None:
    taken = take(tmp_path, message(1), message(2, "zwei\n drei", 2, reply_to_message_id=1))
    assert taken.groups == [Group(ref=GROUP, platform="telegram", origin="telegram.org", name="Garden")]
    assert taken.all(Channel) == [Channel(ref=GROUP, group=GROUP, name="Garden")]
    fern, moss = taken.people["1"], taken.people["2"]
    assert taken.messages == [
        Message(channel=GROUP, ref="1", time=(START + 1) * 1000, author=fern, text="hello"),
        Message(channel=GROUP, ref="2", time=(START + 2) * 1000, author=moss, text="zwei\n drei", reply_to="1"),
    ]
    assert taken.people.names == {"1": "Fern Hollow", "2": "Moss Bank"}
    assert taken.codes == {"members-partial": 1}
    assert taken.seen == {"1": ("join", (START + 1) * 1000), "2": ("join", (START + 2) * 1000)}


@pytest.mark.parametrize(
    ("kind", "number", "ref"),
    [
        ("private_group", 77, "-77"),
        ("private_supergroup", 77, "-10077"),
        ("public_channel", 2_000_000_001, "-1002000000001"),
        ("private_group", (1 << 33) + 77, "-77"),  # as exported before April 2021
        ("public_supergroup", (1 << 33) + 77, "-10077"),
    ],
)
def test_refs_are_those_of_the_bot_api(tmp_path: Path, kind: str, number: int, ref: str) -> None:
    assert [group.ref for group in take(tmp_path, message(1), type=kind, id=number).groups] == [ref]


def test_formatted_text(tmp_path: Path) -> None:
    text = [
        "a <b> & ",
        {"type": "bold", "text": "bold\nline"},
        {"type": "text_link", "text": "here", "href": 'https://garden.example/?a="b"'},
        {"type": "text_link", "text": "bad", "href": "javascript:alert(1)"},
        {"type": "link", "text": "https://garden.example"},
        {"type": "pre", "text": "x\ny", "language": "python"},
        {"type": "spoiler", "text": "secret"},
        {"type": "custom_emoji", "text": "🌱", "document_id": "stickers/a.webp"},
        {"type": "mention", "text": "@MossBank"},
        {"type": "mention_name", "text": "Reed", "user_id": 3},
        {"type": "text_link", "text": "Reed", "href": "tg://user?id=3"},
        {"type": "bot_command", "text": "/water@garden_bot"},
        {"type": "blockquote", "text": "quoted", "collapsed": False},
        {"type": "of tomorrow", "text": "new"},
    ]
    taken = take(tmp_path, message(1, text))
    people = taken.people
    moss, reed, bot = (people.label(one) for one in ("@mossbank", "3", "@garden_bot"))
    assert taken[1].text == (
        f'a <b> & bold\nlinehere (https://garden.example/?a="b")'
        f"bad (javascript:alert(1))https://garden.examplex\nysecret🌱{moss}{reed}{reed}"
        f"/water {bot}quotednew"
    )
    assert taken[1].html.startswith(
        "a &lt;b&gt; &amp; <b>bold<br>line</b>herebad"
        '<a href="https://garden.example">https://garden.example</a><pre><code class="language-python">x'
    )
    assert "<script" not in taken[1].html
    assert "javascript" not in taken[1].html
    assert '<pre><code class="language-python">x\ny</code></pre><span data-mx-spoiler>secret</span>🌱' in taken[1].html
    assert f"{moss}{reed}{reed}" in taken[1].html
    assert taken[1].mentions == (people["@mossbank"], people["3"])


def test_emoji_without_quotes_and_escapes_of_control_characters(tmp_path: Path) -> None:
    text = [{"type": "custom_emoji", "text": "🌱", "document_id": "PATH"}, "end"]
    whole = json.dumps(chat(message(1), message(2, text), message(3, "a\x0bb"), message(4)), indent=1)
    for path in (
        "stickers/AnimatedSticker.tgs",
        "(File not included. Change data exporting settings to download.)",
        "5368",
    ):
        odd = whole.replace('"PATH"', path).replace("\\u000b", "\\x0B")
        taken = Taken(write(tmp_path / "result.json", odd))
        assert [one.text for one in taken.messages] == ["hello", "🌱end", "a\x0bb", "hello"]
        assert taken.codes == {"members-partial": 1}


def test_service_lines_resolve_names(tmp_path: Path) -> None:
    taken = take(
        tmp_path,
        service(1, "create_group", title="Garden", members=["Fern Hollow", "Moss Bank", None]),
        service(2, "invite_members", members=["Reed Water", "Twin", "Nobody Known"]),
        service(3, "join_group_by_link", who=4, inviter="Fern Hollow"),
        service(4, "remove_members", members=["Moss Bank"]),
        service(5, "remove_members", who=3, members=["Reed Water"]),
        service(6, "pin_message", message_id=9),
        service(7, "of_tomorrow", stars=3),
        message(9, "x", 2),
        message(10, "x", 3),
        message(11, "x", 4),
        message(12, "x", 5),
        service(13, "remove_members", members=["Moss Bank"]),
    )
    label = taken.people.label
    texts = {one.ref: one.text for one in taken.messages}
    assert texts["1"] == f"{label('1')} created the group {label('1')}, {label('2')}, a deleted account “Garden”"
    assert texts["2"] == f"{label('1')} invited {label('3')}, {label('name:Twin')}, {label('name:Nobody Known')}"
    assert texts["3"] == f"{label('4')} joined by a link of {label('1')}"
    assert texts["4"] == f"{label('1')} removed {label('2')}"
    assert texts["5"] == f"{label('3')} left"
    assert texts["7"] == f"{label('1')} of tomorrow"
    assert json.loads(taken[2].data)["members"] == [
        taken.people[one] for one in ("3", "name:Twin", "name:Nobody Known")
    ]
    assert taken.all(Pins) == [Pins(channel=GROUP, messages=("9",))]
    assert {who: state for who, (state, _) in taken.seen.items()} == {
        "1": "join", "2": "leave", "3": "join", "4": "join", "5": "join", "name:Twin": "join", "name:Nobody Known": "join",
    }  # fmt: skip
    content = b"".join(codec.encode(one) for one in taken.records[GROUP] if not isinstance(one, Membership))
    for name in ("Fern", "Moss", "Reed", "Twin", "Nobody", "user1"):
        assert name.encode() not in content


def test_every_known_action_reads_as_a_sentence(tmp_path: Path) -> None:
    taken = take(tmp_path, *(service(number, action) for number, action in enumerate(WORDS, 1)))
    assert [one.text for one in taken.messages] == [f"{taken.people.label('1')} {words}" for words in WORDS.values()]
    assert [json.loads(one.data)["action"] for one in taken.messages] == list(WORDS)


def test_topics_are_threads_followed_through_replies(tmp_path: Path) -> None:
    taken = take(
        tmp_path,
        service(1, "topic_created", title="Seeds"),
        message(2, reply_to_message_id=1),
        message(3, reply_to_message_id=2),
        message(4, "in general"),
        message(5, reply_to_message_id=4),
        message(6, [{"type": "bold", "text": "b"}], reply_to_message_id=3),
        service(7, "topic_edit", new_title="Bulbs"),
    )
    assert [(one.reply_to, one.thread) for one in taken.messages[1:6]] == [
        ("", "1"),
        ("2", "1"),
        ("", ""),
        ("4", ""),
        ("3", "1"),
    ]
    assert json.loads(taken[1].data) == {"action": "topic_created", "title": "Seeds"}


def test_files_gaps_and_what_else_messages_carry(tmp_path: Path) -> None:
    write(tmp_path / "photos" / "photo_1.jpg", "JPEG")
    write(tmp_path / "contacts" / "c.vcard", "CARD")
    missing = "(File not included. Change data exporting settings to download.)"
    taken = take(
        tmp_path,
        message(1, "see", photo="photos/photo_1.jpg", photo_file_size=4, width=10, height=20),
        message(2, "", file=missing, file_name="@mossbank plan.pdf", mime_type="application/pdf", file_size=99),
        message(3, "", file="(File unavailable, please try again later)", media_type="voice_message", duration_seconds=7),
        message(4, "", file=f"(File exceeds maximum size. {missing[20:]}", media_type="video_file"),
        message(5, "", file="../../etc/passwd", file_name="x"),
        message(6, "", file="stickers/s.webp", media_type="sticker", sticker_emoji="🌱"),
        message(7, "", contact_information={"first_name": "Ash", "last_name": "Grove", "phone_number": "+00 12 34"},
                contact_vcard="contacts/c.vcard"),
        message(8, "", location_information={"latitude": 40.5, "longitude": -3.25}, place_name="Shed", address="Lane 1"),
        message(9, "", poll={"question": "When?", "closed": False, "total_voters": 3,
                             "answers": [{"text": "Now", "voters": 2, "chosen": True}, {"text": "Later", "voters": 1}]}),
        message(10, "", todo_list={"title": "Do", "answers": [{"text": "dig", "id": 1}]}),
        message(11, "", game_title="Chess"),
        {"id": 12, "type": "unsupported"},
        service(13, "edit_group_photo", photo="photos/photo_1.jpg", width=5, height=6),
    )  # fmt: skip
    types = [
        "image",
        "file",
        "audio",
        "video",
        "file",
        "sticker",
        "contact",
        "location",
        "poll",
        "text",
        "other",
        "service",
    ]
    assert [one.type for one in taken.messages] == types
    assert taken.files == {f"{GROUP}/1/0": b"JPEG", f"{GROUP}/7/0": b"CARD", f"{GROUP}/13/0": b"JPEG"}
    assert [one.vault for one in taken.media] == ["content", "roster", "content"]
    assert taken.codes == {"members-partial": 1, "media-unavailable": 5, "message-unreadable": 1}
    assert taken[2].media[0].name == f"{taken.people.label('@mossbank')} plan.pdf"
    assert taken[2].media[0].size == 99
    assert taken[3].media[0].duration == 7000
    assert taken[6].text == "🌱"
    assert taken[7].text == taken.people.label("+001234")
    assert json.loads(taken[8].data) == {"geo_uri": "geo:40.500000,-3.250000"}
    assert taken[8].text == "Shed, Lane 1"
    assert taken[9].poll == Poll(question="When?", options=(("0", "Now"), ("1", "Later")))
    assert json.loads(taken[9].data)["voters"] == [2, 1]
    assert taken[10].text == "Do\n- dig"


def test_edits_forwards_bots_signatures_and_replies_elsewhere(tmp_path: Path) -> None:
    taken = take(
        tmp_path,
        message(1, "new", edited="2023-11-14T23:00:00", edited_unixtime=str(START + 500)),
        message(2, forwarded_from="Moss Bank"),
        message(3, forwarded_from=None),
        message(4, via_bot="@garden_bot"),
        message(5, author="Reed Water", who=None, **{"from": "Garden", "from_id": "channel1234567890"}),
        message(6, reply_to_message_id=5, reply_to_peer_id="channel99"),
        message(7, who=2),
        message(8, who=6),
        message(9, who=None),
        message(10, who=3),
    )
    people = taken.people
    assert (taken[1].version, taken[1].edited) == ((START + 500) * 1000,) * 2
    assert json.loads(taken[2].data) == {"forwarded_from": people["2"]}
    assert json.loads(taken[3].data) == {"forwarded_from": ""}
    assert json.loads(taken[4].data) == {"via_bot": people["@garden_bot"]}
    assert taken[5].author == people["3"]
    assert (taken[6].reply_to, json.loads(taken[6].data)) == ("", {"reply_elsewhere": "5"})
    assert taken[8].author == people["6"]
    assert taken[9].author == ""
    assert set(taken.seen) == {"1", "2", "3", "6"}
    assert people.names["-1001234567890"] == "Garden"


def test_reactions_with_people_and_without(tmp_path: Path) -> None:
    recent = [
        {"from": "Moss Bank", "from_id": "user2", "date": "2023-11-14T22:14:00"},
        {"from": "Reed Water", "from_id": "user3", "date": "2023-11-14T22:14:00"},
    ]
    reactions = [
        {"type": "emoji", "count": 5, "emoji": "🌱", "recent": recent},
        {"type": "custom_emoji", "count": 1, "document_id": "stickers/a.webp"},
        {"type": "paid", "count": 2},
    ]
    taken = take(tmp_path, message(40, reactions=reactions, date="2023-11-14T22:14:00"))
    moss, reed = taken.people["2"], taken.people["3"]
    time = (START + 40) * 1000
    found = taken.all(Reaction)
    assert [(one.author, one.key, one.count, one.time) for one in found] == [
        (moss, "🌱", 1, time),
        (reed, "🌱", 1, time),
        ("", "🌱", 3, time),
        ("", "custom_emoji:stickers/a.webp", 1, time),
        ("", "paid:", 2, time),
    ]
    assert len({one.ref for one in found}) == 5
    assert {one.target for one in found} == {"40"}
    assert taken.codes == {"members-partial": 1, "reactions-without-people": 6}
    assert set(taken.seen) == {"1"}


def test_old_exports_local_dates_and_bare_numbers(tmp_path: Path) -> None:
    items = [
        {"id": 1, "type": "message", "date": "2019-07-01T12:00:00", "edited": "1970-01-01T00:00:00", "from": "Fern Hollow",
         "from_id": 77, "text": "a"},
        {"id": 2, "type": "message", "date": "2020-12-01T12:00:00", "from": "Fern Hollow",
         "from_id": (1 << 32) + 77, "text": "b"},
    ]  # fmt: skip
    taken = Taken(write(tmp_path / "result.json", chat(*items)), Choices(zone=ZoneInfo("Asia/Baku")))
    assert [one.time for one in taken.messages] == [1561968000000, 1606809600000]
    assert [one.edited for one in taken.messages] == [0, 0]
    assert set(taken.seen) == {"77"}


def account(*, left: bool = True) -> dict[str, object]:
    whole = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 1, "first_name": "Fern"},
        "contacts": {"about": "x", "list": [{"first_name": "Moss", "phone_number": "0012"}] * 3000},
        "chats": {
            "about": "x",
            "list": [
                {"name": "Moss Bank", "type": "personal_chat", "id": 2, "messages": [message(1, "private words")]},
                chat(*(message(number) for number in range(1, 300)), name="First", id=11),
                {"type": "saved_messages", "id": 1, "messages": [message(1, "private words")]},
                chat(message(1, "zwei", 2), name="Second", id=12, type="private_group"),
                chat(name="Empty", id=13),
            ],
        },
    }
    return whole | ({"left_chats": {"about": "x", "list": [chat(message(1), name="Left", id=14)]}} if left else {})


@pytest.mark.parametrize("layout", [{"indent": 1}, {}])
def test_a_whole_account_without_private_chats(tmp_path: Path, layout: dict[str, int]) -> None:
    path = write(tmp_path / "DataExport" / "result.json", json.dumps(account(), **layout)).parent.parent
    taken = Taken(path)
    assert {group.ref: group.name for group in taken.groups} == {
        "-10011": "First", "-12": "Second", "-10013": "Empty", "-10014": "Left",
    }  # fmt: skip
    counts = {ref: sum(isinstance(one, Message) for one in records) for ref, records in taken.records.items()}
    assert counts == {"-10011": 299, "-12": 1, "-10013": 0, "-10014": 1}
    assert taken.codes == {"private-chat-left-out": 2, "members-partial": 4}
    assert b"private words" not in msgspec.json.encode(list(taken.records.values()))


def test_two_exports_in_one_box_are_one_group(tmp_path: Path) -> None:
    write(tmp_path / "ChatExport_1" / "result.json", chat(message(1), message(2)))
    write(tmp_path / "ChatExport_2" / "result.json", chat(message(2), message(3), name="Garden, renamed"))
    taken = Taken(tmp_path)
    assert [group.name for group in taken.groups] == ["Garden, renamed"]
    assert sorted({one.ref for one in taken.messages}) == ["1", "2", "3"]


def test_a_zip_and_a_file_of_another_name(tmp_path: Path) -> None:
    whole = json.dumps(account(), indent=1)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("DataExport/result.json", whole)
    assert len(Taken(tmp_path / "a.zip").groups) == 4
    assert len(Taken(write(tmp_path / "garden.json", chat(message(1)))).messages) == 1


def test_only_private_chats(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only private chats"):
        take(tmp_path, message(1), type="personal_chat")


def test_no_chat_at_all(tmp_path: Path) -> None:
    path = write(tmp_path / "result.json", {"about": "x", "chats": {"about": "x", "list": []}})
    with pytest.raises(BadExport):
        list(opened(path, People()).groups())


def test_web_pages_are_recognised_and_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "export" / "messages.html", '<html><head><title>Exported Data</title></head><div class="page_wrap">'
    )
    with pytest.raises(UsageError, match="web pages") as caught:
        list(opened(path.parent, People()).groups())
    assert "JSON" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"messages": []}',
        '{"participants": [], "messages": [{"sender_name": "Fern", "timestamp_ms": 1, "content": "x", "type": "Generic"}]}',
        '{"guild": {"id": "1"}, "channel": {"id": "1"}, "messages": [{"id": "1", "type": "Default", "timestamp": "2020"}]}',
        '[{"type": "message", "user": "U1", "ts": "1", "text": "x"}]',
        '{"log": {"entries": []}}',
    ],
)
def test_exports_of_others_are_not_claimed(tmp_path: Path, content: str) -> None:
    box = open_box(write(tmp_path / "messages.json", content))
    assert not any(kind.recognises(box, Choices()) for kind in PLATFORM.formats)


def test_gaps_only_of_known_limits_are_limits(tmp_path: Path) -> None:
    taken = take(tmp_path, message(1, file="(File not included. Change data exporting settings to download.)"))
    assert [gap for gap in taken.gaps if not gap.limit] == [
        Gap(
            code="media-unavailable",
            scope=f"{GROUP}/1/0",
            detail="(File not included. Change data exporting settings to download.)",
        )
    ]


@pytest.mark.parametrize("name", ["joweich__test_single_export.json", "joweich__test_batch_export.json"])
def test_public_samples(name: str) -> None:
    path = next((one / "telegram" / name for one in SAMPLES if (one / "telegram" / name).is_file()), None)
    if path is None:
        pytest.skip("the public samples are not here")
    taken = Taken(path)
    (group,) = taken.groups
    messages = [one for one in taken.records[group.ref] if isinstance(one, Message)]
    assert [(one.time, one.text) for one in messages] == [
        (1544006350000, "Minimal Message"),
        (1544006964000, "Link:https://telegram.org/"),
    ]
    assert [one.author for one in messages] == [taken.people["name:Author 1"], taken.people["name:Author 2"]]
    assert messages[1].html == '<b>Link:</b><a href="https://telegram.org/">https://telegram.org/</a>'
    assert group.name == ("Chatname" if "batch" in name else "")
