"""msgstore.db of both layouts: rosters with numbers, each kind of message, damage, and what a hostile file may not do."""

import json
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest
from whatsapp_databases import BEGIN, FERN, LID, MOSS, OLD_GROUP, REED, Phone, newer, old_message, older

from grouparchive.errors import BadExport
from grouparchive.model.codec import MAX_RECORD, decode, encode
from grouparchive.model.ports import Page
from grouparchive.model.records import Gap, Group, Membership, Message, Reaction, Roster, Tombstone, Vote
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.whatsapp.database import WhatsAppDatabase


class Read:
    """A database read to its end; people by their handles."""

    def __init__(self, path: Path, kind: type[WhatsAppDatabase] = WhatsAppDatabase, **choices: Any) -> None:
        self.ids: dict[str, str] = {}
        self.names: dict[str, str] = {}
        connector = kind(open_box(path), self.identify, Choices(**choices))
        try:
            assert kind.recognises(connector.box, connector.choices)
            self.groups = list(connector.groups())
            self.pages: list[Page] = [page for group in self.groups for page in connector.pages(group.ref, {})]
            self.files = {one.ref: b"".join(connector.media(one.ref)) for page in self.pages for one in page.media}
        finally:
            connector.close()

    def identify(self, native: str, name: str, avatar: str) -> str:  # noqa: ARG002 - the port's signature
        self.names[native] = name
        return self.ids.setdefault(native, f"{len(self.ids) + 1:032x}")

    def of(self, kind: Any) -> list[Any]:
        return [one for page in self.pages for one in page.records if isinstance(one, kind)]

    def who(self, id_: str) -> str:
        return next((native for native, one in self.ids.items() if one == id_), id_)

    def told(self, text: str) -> str:
        for native, id_ in self.ids.items():
            text = text.replace(f"{{member:{id_}}}", f"<{native}>")
        return text

    @property
    def said(self) -> list[tuple[str, str, str]]:
        return [(one.ref, self.who(one.author), self.told(one.text)) for one in self.of(Message)]

    @property
    def gaps(self) -> list[Gap]:
        return [gap for page in self.pages for gap in page.gaps]


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return newer(tmp_path / "Databases" / "msgstore.db")


def test_the_roster_has_numbers_and_admins(phone: Phone) -> None:
    phone.message("A", text="hello")
    found = Read(phone.close().parent)
    assert [(one.name, one.created) for one in found.groups] == [("Lantern walk", BEGIN)]
    (roster,) = found.of(Roster)
    assert (roster.members, roster.time) == (3, BEGIN)
    assert {(found.who(one.member), one.level, one.roles) for one in found.of(Membership)} == {
        ("+491701111111", 100, ("admin",)), ("+491702222222", 0, ()), ("+491703333333", 100, ("admin",)),
    }  # fmt: skip
    assert found.names["+491702222222"] == "Moss"
    assert all(page.stamp for page in found.pages if any(isinstance(one, Roster) for one in page.records))
    private = [gap for gap in found.gaps if gap.code == "private-chat-left-out"]
    assert [(gap.count, gap.limit) for gap in private] == [(1, True)]


def test_each_kind_of_message(phone: Phone, tmp_path: Path) -> None:
    phone.message("A", text="hello @99000000000001 and @491703333333")
    phone.add("message_mentions", message_row_id=1, jid_row_id=LID)
    picture = phone.message("B", 1, "soup", MOSS)
    phone.add(
        "message_media", message_row_id=picture, file_path="Media/WhatsApp Images/IMG-20200101-WA0001.jpg",
        file_length=9, mime_type="image/jpeg", width=4, height=3,
    )  # fmt: skip
    reply = phone.message("C", text="yes", sender=0)
    phone.add("message_quoted", message_row_id=reply, chat_row_id=1, parent_message_chat_row_id=1, key_id="B")
    edited = phone.message("E2", text="seven, not six")
    phone.add("message_edit_info", message_row_id=edited, original_key_id="E", edited_timestamp=BEGIN + 99_000)
    gone = phone.message("F", 15, None, MOSS)
    phone.add("message_revoked", message_row_id=gone, revoked_key_id="F", revoke_timestamp=BEGIN + 50_000)
    by_admin = phone.message("G", 64, None, MOSS)
    phone.add("message_revoked", message_row_id=by_admin, revoked_key_id="G", admin_jid_row_id=FERN)
    place = phone.message("H", 5)
    phone.add("message_location", message_row_id=place, latitude=40.4, longitude=49.8, place_name="Bridge")
    card = phone.message("I", 4)
    phone.add("message_vcard", message_row_id=card, vcard="BEGIN:VCARD")
    poll = phone.message("J", 66, "soup?")
    phone.add("message_poll", message_row_id=poll, selectable_options_count=1)
    options = [phone.add("message_poll_option", message_row_id=poll, option_name=name) for name in ("yes", "no")]
    vote = phone.add("message_add_on", from_me=0, key_id="V", sender_jid_row_id=REED, parent_message_row_id=poll)
    phone.add("message_add_on_poll_vote", message_add_on_row_id=vote, sender_timestamp=BEGIN)
    phone.add("message_add_on_poll_vote_selected_option", message_add_on_row_id=vote, message_poll_option_id=options[1])
    for key, emoji in (("R", "🌿"), ("R2", "")):
        row = phone.add("message_add_on", from_me=1, key_id=key, sender_jid_row_id=0, parent_message_row_id=picture)
        phone.add("message_add_on_reaction", message_add_on_row_id=row, reaction=emoji, sender_timestamp=BEGIN + 1)
    phone.message("K", 118)
    images = tmp_path / "Media" / "WhatsApp Images"
    images.mkdir(parents=True)
    (images / "IMG-20200101-WA0001.jpg").write_bytes(b"a picture")
    phone.close()
    found = Read(tmp_path)
    messages = {one.ref: one for one in found.of(Message)}
    assert found.said[0] == ("A", "+491701111111", "hello <+491702222222> and <+491703333333>")
    assert {found.who(one) for one in messages["A"].mentions} == {"+491702222222", "+491703333333"}
    assert (messages["B"].type, messages["B"].text, messages["B"].media[0].size) == ("image", "soup", 9)
    assert list(found.files.values()) == [b"a picture"]
    assert messages["C"].reply_to == "B"
    assert found.who(messages["C"].author).startswith("phone:")
    assert found.names[found.who(messages["C"].author)] == "Ivy"
    assert (messages["E"].text, messages["E"].version) == ("seven, not six", BEGIN + 99_000)
    assert [(one.target, found.who(one.author), one.time) for one in found.of(Tombstone)] == [
        ("F", "+491702222222", BEGIN + 50_000), ("G", "+491701111111", BEGIN + 5_000),
    ]  # fmt: skip
    assert json.loads(messages["H"].data) == {"geo": "geo:40.4,49.8", "place": "Bridge"}
    assert (messages["I"].type, messages["I"].text, messages["I"].data) == ("contact", "", "")
    assert messages["J"].poll is not None
    assert messages["J"].poll.options == (("0", "yes"), ("1", "no"))
    assert [(found.who(one.author), one.choices) for one in found.of(Vote)] == [("+491703333333", ("1",))]
    assert [(one.ref, one.target, one.key) for one in found.of(Reaction)] == [("R", "B", "🌿")]
    assert (messages["K"].type, messages["K"].data) == ("other", '{"type": 118}')


def test_system_lines_name_people_by_their_ids(phone: Phone) -> None:
    phone.notice(11, "Lantern walk", FERN)
    phone.notice(12, None, FERN, (LID, REED))
    phone.notice(1, "Walk", MOSS)
    phone.notice(5, None, REED)
    phone.notice(14, None, FERN, (MOSS,))
    row = phone.notice(10)
    phone.add("message_system_number_change", message_row_id=row, old_jid_row_id=REED, new_jid_row_id=MOSS)
    phone.notice(999)
    phone.db.execute("DELETE FROM group_participant_user")
    found = Read(phone.close())
    assert [text for _, _, text in found.said] == [
        '<+491701111111> created the group "Lantern walk"', "<+491701111111> added <+491702222222>, <+491703333333>",
        '<+491702222222> changed the group\'s name to "Walk"', "<+491703333333> left",
        "<+491701111111> removed <+491702222222>", "<+491703333333> changed their number to <+491702222222>",
        "notice 999 by <+491701111111>",
    ]  # fmt: skip
    assert json.loads(found.of(Message)[3].data)["action"] == "left"
    # Without a roster, what the lines say of people is all there is.
    assert {(found.who(one.member), one.state) for one in found.of(Membership)} == {
        ("+491701111111", "join"), ("+491702222222", "join"), ("+491703333333", "leave"),
    }  # fmt: skip
    assert [gap.limit for gap in found.gaps if gap.code == "members-partial"] == [True]


def test_no_content_holds_a_number_or_the_address_of_a_group_that_has_one(tmp_path: Path) -> None:
    phone = older(tmp_path / "msgstore.db")
    old_message(phone, "A", "hi", "491702222222@s.whatsapp.net")
    found = Read(phone.close())
    content = b"".join(encode(one) for page in found.pages for one in page.records if isinstance(one, Group | Message))
    assert b"49170" not in content
    assert found.groups[0].ref == "1546300800@g.us"


def test_the_ref_of_a_group_says_nothing_of_who_made_it(tmp_path: Path) -> None:
    def refs(*numbers: str) -> list[str]:
        phone = older(tmp_path / "-".join(numbers) / "msgstore.db")
        for number in numbers:
            phone.add("chat_list", key_remote_jid=f"{number}-1577836800@g.us", subject=number, creation=BEGIN)
        return [one.ref for one in Read(phone.close()).groups[1:]]

    assert refs("491704444444") == refs("491705555555") == refs("1") == ["1577836800@g.us"]
    assert refs("491704444444", "491705555555") == ["1577836800@g.us", "1577836800@g.us-2"]


def test_the_app_names_nobody_by_address(phone: Phone) -> None:
    fern, new = "491701111111@s.whatsapp.net", "491708888888:3@c.us"
    phone.notice(27, f"ask {fern}, {new} or 99000000000009@lid, see 491701111111-1546300800@g.us")
    row = phone.notice(1, "Walk")
    phone.add("message_system_value_change", message_row_id=row, old_data=f"{fern}'s walk")
    row = phone.notice(999, f"{fern} and 491708888888", people=(MOSS,))
    phone.add("message_system_value_change", message_row_id=row, old_data="491708888888")
    row = phone.notice(6, "491708888888")
    phone.add("message_system_value_change", message_row_id=row, old_data="491708888888")
    found = Read(phone.close())
    assert [text for _, _, text in found.said] == [
        "<+491701111111> changed the group's description: ask <+491701111111>, <+491708888888> or <99000000000009@lid>, see 1546300800@g.us",
        '<+491701111111> changed the group\'s name to "Walk"', "notice 999 by <+491701111111>: <+491702222222>",
        "<+491701111111> changed the group's picture",
    ]  # fmt: skip
    data = [json.loads(one.data) for one in found.of(Message)]
    assert [found.told(one.get("before", "")) for one in data] == ["", "<+491701111111>'s walk", "", ""]
    assert not any(digits in encode(one) for one in found.of(Message) for digits in (b"49170", b"990000"))


def test_the_older_layout(tmp_path: Path) -> None:
    phone = older(tmp_path / "msgstore.db")
    moss = "491702222222@s.whatsapp.net"
    old_message(phone, "S", "Lantern walk", status=6, media_size=11)
    old_message(phone, "A", "hello")
    quoted = phone.add("messages_quotes", key_id="A")
    old_message(phone, "B", "yes", moss, quoted_row_id=quoted)
    about = b"\xac\xed\0\x05t\0\x2eMedia/WhatsApp Images/IMG-20200101-WA0001.jpg\0x"
    old_message(phone, "C", None, moss, media_wa_type="1", media_caption="soup", media_size=77, thumb_image=about)
    old_message(phone, "D", None, moss, edit_version=7)
    old_message(phone, "E", None, moss, media_wa_type="5", latitude=1.5, longitude=2.5)
    found = Read(phone.close())
    assert [one[:2] for one in found.said] == [
        ("S", "+491701111111"), ("A", "+491701111111"), ("B", "+491702222222"), ("C", "+491702222222"),
        ("E", "+491702222222"),
    ]  # fmt: skip
    messages = {one.ref: one for one in found.of(Message)}
    assert found.said[0][2] == '<+491701111111> created the group "Lantern walk"'
    assert messages["B"].reply_to == "A"
    assert (messages["C"].media[0].name, messages["C"].text) == ("IMG-20200101-WA0001.jpg", "soup")
    assert [gap.code for gap in found.gaps if not gap.limit] == ["media-unavailable"]
    assert [one.target for one in found.of(Tombstone)] == ["D"]
    assert {(found.who(one.member), one.level) for one in found.of(Membership)} == {
        ("+491701111111", 100), ("+491702222222", 0),
    }  # fmt: skip
    assert found.groups[0].created == BEGIN


def test_messages_come_in_the_phone_s_order_and_twice_the_same(phone: Phone) -> None:
    for key, place in (("A", 3), ("B", 1), ("C", 2)):
        phone.message(key, text=key, sort_id=place)
    path = phone.close()
    first, second = Read(path), Read(path)
    assert [one.ref for one in first.of(Message)] == ["B", "C", "A"]
    assert first.said == second.said


def test_a_database_in_a_zip_is_read_in_memory(phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phone.message("A", text="hello")
    phone.db.execute("PRAGMA journal_mode=WAL")
    path = phone.close()
    whole = tmp_path / "backup.zip"
    with zipfile.ZipFile(whole, "w") as file:
        file.write(path, "Databases/msgstore.db")
    assert Read(whole).said == [("A", "+491701111111", "hello")]
    monkeypatch.setattr("grouparchive.platforms.whatsapp.crypt15.MOST_DATABASE", 1000)
    with pytest.raises(BadExport, match="lies in a zip"):
        Read(whole)


def test_a_log_beside_it_is_told(phone: Phone) -> None:
    phone.message("A", text="hello")
    path = phone.close()
    path.with_name("msgstore.db-wal").write_bytes(b"x")
    assert "newest-left-out" in {gap.code for gap in Read(path.parent).gaps}


def test_wrong_types_and_absurd_values_break_nothing(phone: Phone) -> None:
    phone.message("A", text="one", timestamp=-5)
    phone.message("B", text="two", timestamp=1 << 62, sender_jid_row_id="Fern")
    phone.message("C", text="a\0b", message_type="image")
    phone.db.execute("UPDATE message SET text_data = x'fffe61' WHERE key_id = 'A'")
    phone.db.execute("UPDATE message SET key_id = '' WHERE key_id = 'B'")
    phone.db.execute("UPDATE chat SET subject = x'00ff' WHERE _id = 1")
    place = phone.message("D", 5)
    phone.add("message_location", message_row_id=place, latitude=1e400, longitude="x")
    phone.message("E" * 5000, text="x" * 1_000_001)
    found = Read(phone.close())
    assert [one.ref[:1] for one in found.of(Message)] == ["A", "C", "D", "E"]
    assert sorted(gap.code for gap in found.gaps if not gap.limit) == ["message-unreadable", "text-cut"]
    for page in found.pages:
        for one in page.records:
            encode(one)


def test_views_and_computed_columns_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "msgstore.db"
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE jid (_id INTEGER PRIMARY KEY, user TEXT, server TEXT, raw_string TEXT);"
        "CREATE TABLE chat (_id INTEGER PRIMARY KEY, jid_row_id INTEGER, subject TEXT);"
        "CREATE VIEW message AS WITH RECURSIVE n(_id) AS (SELECT 1 UNION ALL SELECT _id + 1 FROM n)"
        " SELECT _id, 1 AS chat_row_id, 'k' AS key_id FROM n;"
    )
    db.close()
    with pytest.raises(BadExport, match="no WhatsApp messages"):
        Read(path)


@pytest.mark.parametrize("data", [b"SQLite format 3\0", b"SQLite format 3\0" + b"\xff" * 5000, b""])
def test_what_is_no_database_says_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "msgstore.db"
    path.write_bytes(data)
    box = open_box(path)
    recognised = WhatsAppDatabase.recognises(box, Choices())
    box.close()
    assert recognised == bool(data)
    if data:
        with pytest.raises(BadExport):
            Read(path)


def test_damaged_pages_cost_what_stands_on_them(tmp_path: Path) -> None:
    phone = newer(tmp_path / "msgstore.db")
    for number in range(4000):
        phone.message(f"K{number}", text=f"message {number} " + "x" * 200)
    path = phone.close()
    data = bytearray(path.read_bytes())
    middle = data.index(b"message 2000 ") // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    found = Read(path)
    refs = {one.ref for one in found.of(Message)}
    assert len(refs) > 3900
    assert {"K0", "K3999"} <= refs
    assert {"file-damaged"} <= {gap.code for gap in found.gaps if not gap.limit}


def test_pages_that_lead_in_circles_end(tmp_path: Path) -> None:
    phone = newer(tmp_path / "msgstore.db")
    for number in range(3000):
        phone.message(f"K{number}", text=f"message {number} " + "x" * 300)
    (root,) = phone.db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
    path = phone.close()
    data = bytearray(path.read_bytes())
    at = (root - 1) * 4096
    assert data[at] == 5  # an inner page: each of its cells names a child
    cells = int.from_bytes(data[at + 3 : at + 5], "big")
    first = int.from_bytes(data[at + 12 : at + 14], "big")
    for cell in range(cells):
        place = at + int.from_bytes(data[at + 12 + 2 * cell : at + 14 + 2 * cell], "big")
        data[place : place + 4] = data[at + first : at + first + 4]
    path.write_bytes(data)
    found = Read(path)
    assert 0 < len(found.of(Message)) < 3000
    assert "file-damaged" in {gap.code for gap in found.gaps}


def test_other_databases_are_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE message (text TEXT)")
    db.commit()
    db.close()
    box = open_box(path)
    assert not WhatsAppDatabase.recognises(box, Choices())
    box.close()
    other = newer(tmp_path / "renamed.sqlite")
    box = open_box(other.close())
    assert WhatsAppDatabase.recognises(box, Choices())
    box.close()
    assert OLD_GROUP


def test_what_is_longer_than_a_record_may_be_is_cut_to_fit(phone: Phone) -> None:
    phone.message("A", text="😀" * 1_000_000)
    phone.message("B", text="@4917012345 " * 80_000)
    phone.notice(1, "\0" * 1_000_000)
    place = phone.message("C", 5)
    phone.add("message_location", message_row_id=place, latitude=1, longitude=1, place_name="ä" * 2_000_000)
    poll = phone.message("D", 66, "\0" * 1_000_000)
    for number in range(900):
        phone.add("message_poll_option", message_row_id=poll, option_name=f"{number} " + "😀" * 5000)
    found = Read(phone.close())
    assert [one.ref for one in found.of(Message)] == ["A", "B", "S1", "C", "D"]
    for one in found.of(Message):
        assert len(encode(one)) < MAX_RECORD
        assert decode(encode(one)) == one
    assert [(gap.code, gap.count) for gap in found.gaps if not gap.limit] == [("text-cut", 4)]


def test_of_a_contact_only_whose_it_is_comes_in(phone: Phone, tmp_path: Path) -> None:
    def card(*lines: str) -> str:
        return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD"])

    shared = [
        card("N:Ash;Ivo;;;", "FN:Ivo Ash", "TEL;type=HOME:030 12345", "item1.TEL;waid=491709999999:+49 170 9999999"),
        card("FN:Reed", "TEL;TYPE=cell:+49 170 3333333"), card("N:Hollow;Lark;;;"), card("FN:Wren \\, W", "TEL:0170 1234"),
        card("NOTE:nobody"),
    ]  # fmt: skip
    for number, one in enumerate(shared):
        row = phone.message(f"C{number}", 4, "Ivo Ash")
        phone.add("message_vcard", message_row_id=row, vcard=one)
    row = phone.message("C5", 14)
    for one in shared[:2]:
        phone.add("message_vcard", message_row_id=row, vcard=one)
    phone.message("C6", 4, shared[0])
    found = Read(phone.close())
    assert [text for _, _, text in found.said] == [
        "<+491709999999>", "<+491703333333>", "<name:Lark Hollow>", "<name:Wren , W>", "", "<+491709999999>, <+491703333333>",
        "<+491709999999>",
    ]  # fmt: skip
    assert (found.names["+491709999999"], found.names["name:Lark Hollow"]) == ("Ivo Ash", "Lark Hollow")
    content = b"".join(encode(one) for one in found.of(Message))
    assert [one for one in (b"VCARD", b"Ivo", b"9999999", b"030 12345") if one in content] == []
    assert [(gap.count, gap.limit) for gap in found.gaps if gap.code == "contact-cards-left-out"] == [(8, True)]

    old = older(tmp_path / "older" / "msgstore.db")
    old_message(old, "A", shared[0], media_wa_type="4", media_name="Ivo Ash")
    assert Read(old.close()).said[0][2] == "<+491709999999>"


def test_a_fault_whose_own_words_are_no_text(phone: Phone, tmp_path: Path) -> None:
    data = phone.close().read_bytes()
    path = tmp_path / "broken" / "msgstore.db"
    path.parent.mkdir()
    path.write_bytes(
        data.replace(b"TABLE message_system_chat_participant", b"TABLE message_syst\xe7m_chat_participant", 1)
    )
    with pytest.raises(BadExport):
        Read(path)
