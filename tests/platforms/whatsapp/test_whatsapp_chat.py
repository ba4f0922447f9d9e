"""Chats as phones export them: each trap of the format in a line or two, and that overlapping exports are one history."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grouparchive.errors import UsageError
from grouparchive.model.codec import MAX_RECORD, decode, encode
from grouparchive.model.ports import Page
from grouparchive.model.records import Gap, Group, Membership, Message
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.whatsapp.chat import WhatsAppChat

SAMPLES = (
    Path(os.environ.get("GROUPARCHIVE_SAMPLES", Path(__file__).resolve().parents[4] / "shared" / "samples"))
    / "whatsapp"
)


class Read:
    """A chat read to its end, people by their native handles."""

    def __init__(self, path: Path, **choices: Any) -> None:
        self.people: dict[str, str] = {}
        connector = WhatsAppChat(open_box(path), self.identify, Choices(**choices))
        try:
            assert WhatsAppChat.recognises(connector.box, connector.choices)
            self.groups = list(connector.groups())
            self.pages: list[Page] = list(connector.pages(self.groups[0].ref, {}))
            self.files = {one.ref: b"".join(connector.media(one.ref)) for page in self.pages for one in page.media}
        finally:
            connector.close()

    def identify(self, native: str, *_: str) -> str:
        return next((id_ for id_, known in self.people.items() if known == native), None) or self._new(native)

    def _new(self, native: str) -> str:
        id_ = f"{len(self.people) + 1:032x}"
        self.people[id_] = native
        return id_

    @property
    def messages(self) -> list[Message]:
        return [one for page in self.pages for one in page.records if isinstance(one, Message)]

    @property
    def told(self) -> list[tuple[str, str]]:
        """(author, text) of each message, with ids as handles."""
        found = []
        for one in self.messages:
            text = one.text
            for id_, native in self.people.items():
                text = text.replace(f"{{member:{id_}}}", f"<{native}>")
            found.append((self.people.get(one.author, ""), text))
        return found

    @property
    def gaps(self) -> list[Gap]:
        return [gap for page in self.pages for gap in page.gaps]

    @property
    def here(self) -> set[str]:
        places = [one for page in self.pages for one in page.records if isinstance(one, Membership)]
        return {self.people[one.member] for one in places if one.state == "join"}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reading(text: str, name: str = "WhatsApp Chat with Lantern walk.txt", **choices: Any) -> Read:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return Read(path, **choices)

    return reading


@pytest.mark.parametrize(
    "line",
    [
        "31/12/19, 21:05 - Fern: hello", "31/12/2019, 21:05 - Fern: hello", "12/31/19, 9:05 PM - Fern: hello",
        "12/31/19, 9:05\u202fPM - Fern: hello", "31/12/2019 21:05 - Fern: hello", "31/12/19, 9:05 p. m. - Fern: hello",
        "31/12/2019, 9:05 pm - Fern: hello", "31.12.19, 21:05 - Fern: hello", "12-31-2019, 21:05 - Fern: hello",
        "2019-12-31, 21:05 - Fern: hello", "2019/12/31, 21:05 - Fern: hello", "[31.12.19, 21:05:00] Fern: hello",
        "[31/12/2019, 21:05:00] Fern: hello", "\u200e[12/31/19, 9:05:00\u202fPM] Fern: hello",
        "[31/12/19 21.05.00] Fern: hello",
        "31/12/19\u060c 21:05 - Fern: hello", "\ufeff31/12/19, 21:05 - \u202aFern\u202c: hello",
    ],
)  # fmt: skip
def test_every_way_to_write_a_date_is_the_same_message(read: Any, line: str) -> None:
    found = read(line + "\n")
    assert found.told == [("name:Fern", "hello")]
    assert found.messages[0].time == 1_577_826_300_000
    assert found.messages[0].ref == "0x19143113610a686"


def test_a_time_is_that_of_the_phone(read: Any) -> None:
    text = "31/07/19, 21:05 - Fern: hello\n31/12/19, 21:05 - Fern: hello\n"
    there = read(text, zone=ZoneInfo("Europe/Berlin")).messages
    here = read(text).messages
    assert [one.time - other.time for one, other in zip(here, there, strict=True)] == [7_200_000, 3_600_000]
    assert [one.ref for one in here] == [one.ref for one in there]


def test_an_order_of_dates_that_the_file_does_not_show_is_asked_for(read: Any) -> None:
    text = "03/04/19, 21:05 - Fern: one\n05/04/19, 21:05 - Fern: two\n"
    with pytest.raises(UsageError, match="day or the month"):
        read(text)
    assert read(text, dates="dmy").messages[1].time - read(text, dates="dmy").messages[0].time == 2 * 86_400_000
    later = "".join(f"0{1 + n % 3}/0{4 + n // 3}/19, 21:05 - Fern: one\n" for n in range(6))
    assert read(later).messages[0].time < read(later).messages[-1].time


def test_lines_belong_to_their_message(read: Any) -> None:
    assert read("31/12/19, 21:05 - Fern: one\n\n two: x\n31/12/19, 21:06 - Moss: three\n").told == [
        ("name:Fern", "one\n\n two: x"), ("name:Moss", "three"),
    ]  # fmt: skip
    pasted = "[31/12/19, 21:05:00] Fern: look\n"
    pasted += "[30/12/19, 20:00:00] Moss: what I never said\r\n[31/12/19, 21:06:00] Moss: no\r\n"
    assert read(pasted).told == [
        ("name:Fern", "look\n[30/12/19, 20:00:00] Moss: what I never said"), ("name:Moss", "no"),
    ]  # fmt: skip


def test_the_app_itself_is_no_author(read: Any) -> None:
    found = read(
        '31/12/19, 21:05 - Fern created group "Walk: by night"\n'
        "31/12/19, 21:05 - Fern added +49 170 1234567 and Reed\n"
        "31/12/19, 21:06 - Moss: hello\n"
        '31/12/19, 21:07 - Moss changed the group name from "Walk: by night" to "Walk"\n'
        "31/12/19, 21:08 - Reed left\n"
        "31/12/19, 21:09 - Moss removed Fern\n"
        "31/12/19, 21:10 - Fern ha fatto qualcosa di nuovo\n"
    )
    assert {author for author, _ in found.told} == {"", "name:Moss"}
    assert found.told[1][1] == "<name:Fern> added <+491701234567> and <name:Reed>"
    assert found.told[-1][1] == "<name:Fern> ha fatto qualcosa di nuovo"
    assert found.here == {"+491701234567", "name:Moss"}


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("Fern hat Moss hinzugefügt", "added"), ("Fern añadió a Moss", "added"), ("Fern a ajouté Moss", "added"),
        ("Fern adicionou Moss", "added"), ("Fern ha aggiunto Moss", "added"), ("Fern добавил Moss", "added"),
        ("Fern, Moss kişisini ekledi", "added"), ("Fern вышел", "left"), ("Fern ayrıldı", "left"), ("Fern saiu", "left"),
        ("Fern hat die Gruppe verlassen", "left"), ("Fern salió del grupo", "left"), ("Fern a quitté le groupe", "left"),
        ("Fern joined using this group's invite link", "joined"), ("Fern changed to +49 170 7654321", "number"),
    ],
)  # fmt: skip
def test_common_languages_are_understood(read: Any, line: str, action: str) -> None:
    found = read(f"31/12/19, 21:05 - {line}\n")
    assert found.messages[0].data == f'{{"action": "{action}"}}'
    assert "Fern" not in found.told[0][1].replace("<name:Fern>", "")


def test_three_posts_alike_in_a_minute_stay_three(read: Any) -> None:
    lines = [f"31/12/19, 21:{minute:02d} - Fern: yes\n" for minute in (4, 5, 5, 5, 6)]
    whole = {one.ref for one in read("".join(lines)).messages}
    assert len(whole) == 5
    for cut in range(6):
        parts = [*read("".join(lines[:cut])).messages] if cut else []
        parts += read("".join(lines[max(cut - 2, 0) :])).messages
        assert {one.ref for one in parts} <= whole


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.sampled_from(["x", "y"])), min_size=2, max_size=30),
    st.data(),
)
def test_overlapping_exports_cut_between_minutes_are_one_history(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[int, str, str]], data: st.DataObject
) -> None:
    minute, lines = 0, []
    for step, who, text in said:
        minute += step
        lines.append((minute, f"31/12/19, {12 + minute // 60}:{minute % 60:02d} - {who}: {text}\n"))
    borders = [0, *(at for at in range(1, len(lines)) if lines[at][0] != lines[at - 1][0]), len(lines)]
    begin, end = data.draw(st.sampled_from(borders)), data.draw(st.sampled_from(borders))
    path = tmp_path_factory.mktemp("chat") / "WhatsApp Chat with Walk.txt"

    def refs(some: list[tuple[int, str]]) -> list[str]:
        path.write_text("".join(line for _, line in some), encoding="utf-8")
        return [one.ref for one in Read(path).messages] if some else []

    whole = refs(lines)
    assert len(set(whole)) == len(lines)
    assert set(refs(lines[:end])) | set(refs(lines[begin:])) <= set(whole)


def test_an_export_with_its_files_and_one_without_are_one(read: Any, tmp_path: Path) -> None:
    bare = read("31/12/19, 21:05 - Fern: <Media omitted>\n")
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Lantern walk.zip", "w") as file:
        file.writestr("_chat.txt", "31/12/19, 21:05 - Fern: IMG-20191231-WA0001.jpg (file attached)\nsoup\n")
        file.writestr("IMG-20191231-WA0001.jpg", b"a picture")
    full = Read(tmp_path / "WhatsApp Chat - Lantern walk.zip")
    assert [one.ref for one in full.messages] == [one.ref for one in bare.messages]
    assert full.groups[0].ref == bare.groups[0].ref
    assert full.messages[0].version > bare.messages[0].version
    assert full.messages[0].text == "soup"
    assert list(full.files.values()) == [b"a picture"]
    assert [gap.code for gap in bare.gaps if gap.code.startswith("media")] == ["media-unavailable"]


def test_a_file_that_is_named_and_not_there_is_a_gap_without_its_sender(read: Any) -> None:
    found = read("31/12/19, 21:04 - Fern: hi\n31/12/19, 21:05 - Fern: <attached: 00000012-PHOTO-2019 Fern.jpg>\n")
    (gap,) = [gap for gap in found.gaps if gap.code == "media-unavailable"]
    assert not gap.limit
    assert "Fern" not in gap.detail
    assert "Fern" not in found.messages[1].media[0].name


def test_mentions_are_members(read: Any) -> None:
    found = read("31/12/19, 21:05 - Fern: ask @\u2068Moss\u2069 or @491701234567, not me@example\n")
    assert found.told[0][1] == "ask <name:Moss> or <+491701234567>, not me@example"


@pytest.mark.parametrize(("count", "cut"), [(39_999, 0), (40_000, 1), (10_000, 1)])
def test_a_chat_of_as_many_messages_as_the_phone_exports_was_probably_cut(read: Any, count: int, cut: int) -> None:
    found = read("".join(f"31/12/19, {n // 60 % 24:02d}:{n % 60:02d} - Fern: {n}\n" for n in range(count)))
    assert len(found.messages) == count
    assert sum(gap.code == "history-cut" and not gap.limit for gap in found.gaps) == cut


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_blocks_of_any_size_read_the_same(read: Any, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"31/12/19, 21:{n:02d} - Fern {n % 3}: line {n}\nand äöü {n}\r\n" for n in range(40))
    whole = read(text).told
    monkeypatch.setattr("grouparchive.platforms.whatsapp.style.BLOCK", size)
    assert read(text).told == whole


def test_what_is_too_long_or_no_text_is_a_gap_and_the_rest_is_kept(
    read: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("grouparchive.platforms.whatsapp.cut.LONGEST", 5000)
    monkeypatch.setattr("grouparchive.platforms.whatsapp.style.BLOCK", 1000)
    monkeypatch.setattr("grouparchive.platforms.whatsapp.cut.BLOCK", 1000)
    found = read(
        "31/12/19, 21:05 - Fern: one\n31/12/19, 21:06 - Fern: " + "x" * 100_000 + "\n31/12/19, 21:07 - Fern: two\n"
    )
    assert [text[:3] for _, text in found.told] == ["one", "xxx", "two"]
    assert [gap.code for gap in found.gaps if not gap.limit] == ["text-cut"]
    path = tmp_path / "WhatsApp Chat with Odd.txt"
    path.write_bytes(
        b"31/12/19, 21:05 - Fern: a\xff\xfeb\0c\n99/99/19, 21:06 - Fern: when?\n31/12/19, 21:07 - Fern: d\n"
    )
    odd = Read(path)
    assert [text for _, text in odd.told] == ["a\ufffd\ufffdb\0c\n99/99/19, 21:06 - Fern: when?", "d"]
    assert sum(gap.code == "message-unreadable" for gap in odd.gaps) == 2


def test_a_text_in_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Walk.txt"
    path.write_text("31/12/19, 21:05 - Fern: äß\n" * 1, encoding="utf-16")
    assert Read(path).told == [("name:Fern", "äß")]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("WhatsApp Chat with Walk.txt", "Walk"), ("WhatsApp Chat with Walk (1).txt", "Walk"),
        ("WhatsApp Chat mit Walk.txt", "Walk"),
        ("Chat de WhatsApp con Walk.txt", "Walk"), ("notes.txt", "notes"),
    ],
)  # fmt: skip
def test_the_group_has_the_name_that_the_file_says(read: Any, name: str, group: str) -> None:
    text = "31/12/19, 21:05 - Fern: one\n"
    assert [one.name for one in read(text, name).groups] == [group]
    assert [one.name for one in read(text, name, group="Other").groups] == ["Other"]


def test_other_texts_are_no_chats(tmp_path: Path) -> None:
    for number, text in enumerate(["", "hello\n", "31/12/19 was a day\n", "a,b\n1,2\n", "\0" * 100]):
        path = tmp_path / f"{number}.txt"
        path.write_text(text, encoding="utf-8")
        box = open_box(path)
        assert not WhatsAppChat.recognises(box, Choices())
        box.close()


def samples() -> Iterator[Any]:
    names = ["joweich__test_yyyymmdd_24hrs.txt", "joweich__test_[mmddyy]_24hrs.txt", "joweich__test_ddmmyy_24hrs.txt"]
    return (pytest.param(SAMPLES / name, id=name) for name in names)


@pytest.mark.parametrize("path", list(samples()))
def test_a_public_sample(path: Path) -> None:
    if not path.exists():
        pytest.skip("the public samples are not on this machine")
    found = Read(path)
    assert isinstance(found.groups[0], Group)
    assert len(found.messages) == 9
    assert [author for author, _ in found.told].count("name:John Doe") == 3
    assert [one.time for one in found.messages][0::8] == [1_546_341_900_000, 1_640_901_660_000]
    assert sum(one.type == "service" for one in found.messages) == 2
    assert len(found.here) == 6


def test_refs_say_nothing_about_people(read: Any) -> None:
    """Refs stand among the posts. Who opens only these must not be able to try names and numbers against them."""

    def chat(one: str, other: str) -> Read:
        lines = [
            f"{one} added {other}", f"{one}: hello there", f"{other}: ask @\u2068{one}\u2069", f"{one}: <Media omitted>",
            f"{other}: {one}.vcf (file attached)", f"{one}: IMG-20191231-WA0001 {other}.jpg (file attached)", f"{other} left",
            f"{one} tat etwas Neues mit {other}",
        ]  # fmt: skip
        return read("".join(f"31/12/19, 21:{at:02d} - {line}\n" for at, line in enumerate(lines)))

    def refs(found: Read) -> list[str]:
        return [ref for one in found.messages for ref in (one.ref, *(file.ref for file in one.media))]

    assert refs(chat("Fern", "Moss")) == refs(chat("+49 170 1234567", "Reed Hollow"))


@pytest.mark.parametrize("letter", ["\0", "😀", "@4917012345 ", "(\0\1)"])
def test_a_text_longer_than_a_record_may_be_is_cut_to_fit(read: Any, letter: str) -> None:
    text = letter * (900_000 // len(letter))
    found = read(f"31/12/19, 21:05 - Fern: {text}\n31/12/19, 21:06 - Moss: b\n")
    line = encode(found.messages[0])
    assert 1_000_000 < len(line) < MAX_RECORD
    assert decode(line) == found.messages[0]
    assert [gap.code for gap in found.gaps if not gap.limit] == ["text-cut"]
    assert found.told[1] == ("name:Moss", "b")


def test_a_long_poll_or_place_stands_in_its_record_once(read: Any) -> None:
    options = "".join(f"OPTION: {'x' * 10_000} (0 votes)\n" for _ in range(100))
    found = read(
        ios_line(f"Fern: \u200ePOLL:\nsoup?\n{options}") + ios_line(f"Moss: https://maps.google.com/{'😀' * 300_000}")
    )
    assert [one.type for one in found.messages] == ["text", "text"]
    assert all(len(encode(one)) < MAX_RECORD for one in found.messages)


def ios_line(line: str) -> str:
    return f"[31/12/19, 21:05:00] {line}\r\n"


def test_a_zip_that_somebody_sent_lies_in_the_zip(tmp_path: Path) -> None:
    text = "[25/12/2023, 18:00:07] Fern: seeds\n[25/12/2023, 18:01:07] Fern: \u200e<attached: 00000002-plans.zip>\n"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("_chat.txt", text)
        file.writestr("00000002-plans.zip", b"PK\3\4 plans")
    read = Read(tmp_path / "a.zip")
    assert len(read.messages) == 2
    assert list(read.files.values()) == [b"PK\3\4 plans"]
