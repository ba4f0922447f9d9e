"""Traps of exported chats that need more than a line: iPhones, lines that only look like the begin of a message, languages, refs."""

import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from test_whatsapp_chat import Read

from grouparchive.errors import UsageError
from grouparchive.model.records import Membership
from grouparchive.platforms.whatsapp import clock, languages, languages_east, numbers, words

MARK = "\u200e"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reading(text: str, name: str = "WhatsApp Chat with Lantern walk.txt", **choices: Any) -> Read:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return Read(path, **choices)

    return reading


def ios(*lines: str) -> str:
    return "".join(f"[31/12/19, 21:0{at}:00] {line}\r\n" for at, line in enumerate(lines))


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("[12/31/19, 12:05:07\u202fAM] Fern: x", 5 * 60 + 7), ("[12/31/19, 12:05:07 PM] Fern: x", 43_200 + 307),
        ("[12/31/19, 11:05:07 PM] Fern: x", 82_800 + 307), ("12/31/19, 12:05 AM - Fern: x", 300),
        ("12/31/19, 12:05 p. m. - Fern: x", 43_500), ("31/12/2562 21:05 - Fern: x", 75_900),
        ("2019/12/31 下午9:05 - Fern: x", 75_900), ("٣١/١٢/٢٠١٩، ٢١:٠٥ - Fern: x", 75_900),
    ],
)  # fmt: skip
def test_clocks(read: Any, line: str, time: int) -> None:
    (found,) = read(line + "\n").messages
    assert found.time == 1_577_750_400_000 + time * 1000


def test_an_iphone_and_an_android_of_one_chat_are_one(read: Any) -> None:
    android = read(
        '31/12/19, 21:00 - Fern created group "Walk"\n31/12/19, 21:01 - Fern: one\n two\n31/12/19, 21:02 - ~ Moss: x\n'
    )
    iphone = read(ios(f'Walk: {MARK}Fern created group "Walk"', "Fern: one\n two", "Moss: x"))
    assert [one.ref for one in android.messages] == [one.ref for one in iphone.messages]
    assert android.told == iphone.told
    assert "name:Walk" not in iphone.people.values()


def test_what_an_iphone_marks_is_told_apart(read: Any) -> None:
    found = read(
        ios(
            f"Lantern walk: {MARK}Messages and calls are end-to-end encrypted.", f"Fern: {MARK}Fern added Moss",
            f"Fern: {MARK}image omitted", f"Fern: soup! {MARK}image omitted", f"Moss: {MARK}This message was deleted.",
            f"Moss: seven {MARK}<This message was edited>", f"Moss: {MARK}Location: https://maps.google.com/?q=40.1,49.8",
            f"Reed: {MARK}POLL:\nsoup?\n{MARK}OPTION: yes (2 votes)\n{MARK}OPTION: no (0 votes)",
            f"Lantern walk: {MARK}Fern zrobił coś nowego",
        )
    )  # fmt: skip
    assert [one.type for one in found.messages] == [
        "service", "service", "file", "file", "other", "text", "location", "poll", "service"
    ]  # fmt: skip
    assert [text for _, text in found.told][1:4] == ["<name:Fern> added <name:Moss>", "", "soup!"]
    assert found.told[5] == ("name:Moss", "seven")
    assert found.messages[5].edited
    poll = found.messages[7].poll
    assert poll is not None
    assert [text for _, text in poll.options] == ["yes", "no"]
    assert found.told[8] == ("", "<name:Fern> zrobił coś nowego")
    assert set(found.people.values()) == {"name:Fern", "name:Moss", "name:Reed"}


def test_a_line_with_a_colon_in_it_is_no_author(read: Any) -> None:
    lines = [
        "Moss: hello", 'Moss changed the group name from "Plan: A" to "Plan: B"', 'Moss zmienił nazwę z "Plan: A" na "B"',
        "Moss: bye", "Moss Green: I am somebody else",
    ]  # fmt: skip
    found = read("".join(f"31/12/19, 21:0{at} - {line}\n" for at, line in enumerate(lines)))
    assert [author for author, _ in found.told] == ["name:Moss", "", "", "name:Moss", "name:Moss Green"]
    assert found.told[2][1] == '<name:Moss> zmienił nazwę z "Plan: A" na "B"'


def test_names_of_those_who_write_later_are_hidden_in_lines_of_unknown_languages(read: Any) -> None:
    found = read(
        "31/12/19, 21:00 - Reed robi coś z Ash i +49 170 1234567\n31/12/19, 21:01 - Ash: x\n31/12/19, 21:02 - Reed: y\n"
    )
    assert found.told[0] == ("", "<name:Reed> robi coś z <name:Ash> i <+491701234567>")


def test_lines_pasted_by_a_stranger_out_of_time_stay_in_their_message(read: Any) -> None:
    found = read(
        "31/12/19, 21:00 - Fern: look what Eve wrote\n15/01/19, 09:00 - Eve: I never wrote here\n31/12/19, 21:01 - Moss: oh\n"
    )
    assert found.told == [
        ("name:Fern", "look what Eve wrote\n15/01/19, 09:00 - Eve: I never wrote here"), ("name:Moss", "oh"),
    ]  # fmt: skip
    late = read(
        "31/12/19, 20:00 - Eve: here\n31/12/19, 21:00 - Fern: a\n15/01/19, 09:00 - Eve: sent late\n31/12/19, 21:01 - Moss: oh\n"
    )
    assert [author for author, _ in late.told] == ["name:Eve", "name:Fern", "name:Eve", "name:Moss"]


def test_who_left_and_wrote_again_is_here(read: Any) -> None:
    lines = ["Fern: a", "Fern left", "Moss: b", "Moss left", "Moss joined using this group's invite link", "Moss: c"]
    found = read("".join(f"31/12/19, 21:0{at} - {line}\n" for at, line in enumerate(lines)))
    assert found.here == {"name:Moss"}
    gone = [one for page in found.pages for one in page.records if isinstance(one, Membership) and one.state == "leave"]
    assert {found.people[one.member] for one in gone} == {"name:Fern"}


def test_album_of_which_an_export_begins_in_the_midst_loses_no_picture(tmp_path: Path) -> None:
    def export(name: str, first: int) -> Read:
        folder = tmp_path / name
        folder.mkdir()
        with zipfile.ZipFile(folder / "WhatsApp Chat - Walk.zip", "w") as file:
            lines = ["31/12/19, 20:00 - Moss: before\n"] if first == 0 else []
            for number in range(first, 4):
                lines.append(f"31/12/19, 21:00 - Fern: {MARK}IMG-20191231-WA000{number}.jpg (file attached)\n")
                file.writestr(f"IMG-20191231-WA000{number}.jpg", f"picture {number}")
            file.writestr("WhatsApp Chat with Walk.txt", "".join(lines))
        return Read(folder / "WhatsApp Chat - Walk.zip")

    whole, cut = export("whole", 0), export("cut", 2)
    for order in ([whole, cut], [cut, whole]):
        kept: dict[str, Any] = {}
        for one in (message for found in order for message in found.messages):
            if one.ref not in kept or one.version >= kept[one.ref].version:
                kept[one.ref] = one
        files = whole.files | cut.files
        assert sorted(files[one.media[0].ref] for one in kept.values() if one.media) == [
            b"picture 0", b"picture 1", b"picture 2", b"picture 3"
        ]  # fmt: skip


@pytest.mark.parametrize("mark", ["", MARK])
def test_a_file_that_is_not_there_is_a_gap(read: Any, mark: str) -> None:
    found = read(ios("Fern: x", f"Fern: soup {mark}<attached: 0001-PHOTO.jpg>"))
    assert [gap.code for gap in found.gaps if not gap.limit] == ["media-unavailable"]
    assert found.told[1] == ("name:Fern", "soup")


def test_a_file_is_not_called_after_people(read: Any) -> None:
    found = read("31/12/19, 21:00 - Fern: x\n31/12/19, 21:02 - Moss: Fern 1.pdf (file attached)\n")
    assert "Fern" not in found.messages[1].media[0].name


def test_of_a_contact_only_whose_it_is_comes_in(tmp_path: Path) -> None:
    files = ["Reed Ash.vcf", "00000012-Reed Ash.vcf", "+49 170 1234567.vcf", "Fern (1).vcf", "not there.vcf"]
    lines = [f"{file} (file attached)\nsoup" if at == 3 else f"{file} (file attached)" for at, file in enumerate(files)]
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Walk.zip", "w") as file:
        file.writestr("_chat.txt", "".join(f"31/12/19, 21:00 - Moss: {line}\n" for line in lines))
        for name in files[:-1]:
            file.writestr(name, "BEGIN:VCARD\nTEL:+4917099999\nEND:VCARD\n")
    found = Read(tmp_path / "WhatsApp Chat - Walk.zip")
    assert [text for _, text in found.told] == [
        "<name:Reed Ash>", "<name:Reed Ash>", "<+491701234567>", "<name:Fern>\nsoup", "<name:not there>",
    ]  # fmt: skip
    assert {(one.type, one.media) for one in found.messages} == {("contact", ())}
    assert not found.files
    assert [(gap.code, gap.count, gap.limit) for gap in found.gaps if gap.code != "members-partial"] == [
        ("contact-cards-left-out", 5, True)
    ]


def test_refs_of_messages_far_back_are_never_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "_NEAR", 4)
    monkeypatch.setattr(numbers, "_FAR", 3)
    counts = numbers.Numbers()
    refs = []
    for number in range(400):
        minute = number // 3 if number % 7 else 5  # again and again a line of long ago
        refs.append(counts.ref(minute, number % 2))
        counts.tidy()
    assert len(set(refs)) == len(refs)
    assert len(counts._far) <= 4


def test_the_order_of_dates_by_time_alone(read: Any) -> None:
    days = [(day, month) for month in (1, 2, 3) for day in (1, 5, 9, 12)]
    text = "".join(f"{day:02d}/{month:02d}/19, 21:00 - Fern: x\n" for day, month in days)
    assert read(text).messages[1].time - read(text).messages[0].time == 4 * 86_400_000
    american = "".join(f"{month:02d}/{day:02d}/19, 21:00 - Fern: x\n" for day, month in days)
    assert [one.time for one in read(american).messages] == [one.time for one in read(text).messages]
    with pytest.raises(UsageError) as caught:
        read("03/04/19, 21:00 - Fern: x\n")
    assert caught.value.code == 2
    assert "--dates dmy" in caught.value.hint


def test_a_day_on_which_the_clock_is_put_back(read: Any) -> None:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - one test has zones

    text = "27/10/19, 01:30 - Fern: a\n27/10/19, 03:30 - Fern: b\n27/10/19, 23:30 - Fern: c\n"
    first, second, third = (one.time for one in read(text, zone=ZoneInfo("Europe/Berlin")).messages)
    assert (second - first, third - second) == (3 * 3_600_000, 20 * 3_600_000)


def test_every_template_compiles_and_asks_for_words_that_its_lines_have() -> None:
    fill = {"{a}": "Fern", "{t}": "Moss", "{s}": '"New"', "{o}": '"Old"', "{n}": "+49 170 1234567", "{*}": " z"}
    for lines in (languages.LINES | languages_east.LINES).values():
        for _, template in lines:
            words._compiled(template)
            assert words._longest(template).strip("\0") in template
    for template in ("{a} left(?: the group)?", "{a} (?:hat|hast) {t} (?:zur Gruppe )?hinzugefügt"):
        line = template.replace("(?: the group)?", "").replace("(?:hat|hast)", "hat").replace("(?:zur Gruppe )?", "")
        for key, value in fill.items():
            line = line.replace(key, value)
        assert words._compiled(template).fullmatch(line)
        assert words._longest(template) in line


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("Creaste el grupo «Walk»", "created"), ("Fern a changé le nom du groupe de « Old » en « Walk »", "subject"),
        ("Fern изменил(-а) тему с «Old» на «Walk»", "subject"), ("Fern, Moss əlavə etdi", "added"),
        ("Fern bu qrupun dəvət linki vasitəsilə qoşuldu", "joined"), ("Moss qrupdan çıxdı", "left"),
        ("قام Fern بإضافة Moss", "added"), ("غادر Moss", "left"), ("Fern ने Moss को जोड़ा", "added"),
        ("Fern menambahkan Moss", "added"), ("Fern keluar", "left"), ("Moss ahora es administrador", "admin"),
        ("Your security code with Fern changed. Tap to learn more.", "security"), ("Missed group voice call", "call"),
        ("Fern turned on disappearing messages. All new messages will go.", "disappearing"),
    ],
)  # fmt: skip
def test_more_lines_of_the_app(line: str, action: str) -> None:
    found = words.Lines().read(line)
    assert found is not None
    assert found.action == action


def test_a_memo_does_not_grow_without_end() -> None:
    memo = clock.Memo(len)
    for number in range(60_000):
        assert memo[b"%d" % number] == len(str(number))
    assert len(memo) <= 50_001


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "@" * 5000, "(" * 9000 + ")" * 9000, "\u200e" * 3000, "\0\x1b[2J"]
)
def test_odd_texts_stay_what_they_are(read: Any, text: str) -> None:
    found = read(f"31/12/19, 21:00 - Fern: {text}\n31/12/19, 21:01 - Moss: y\n")
    assert found.told[1] == ("name:Moss", "y")
    assert found.told[0][1].strip(MARK) == text.strip(MARK)


def test_hostile_text_in_little_time(read: Any) -> None:
    lines = ["31/12/19, 21:00 - " + '"' * 200 + f"{number}: x" for number in range(300)]
    lines += ["31/12/19, 21:01 - " + "a changed the group name from " * 30 for _ in range(50)]
    lines += [f"0{1 + number % 9}/12/19, 21:{number % 60:02d} - Fern: x" for number in range(30_000)]
    found = read("\n".join(lines) + "\n")
    assert len({one.ref for one in found.messages}) == len(found.messages) == 30_350


@pytest.mark.parametrize(
    "phrase",
    [
        "This message was deleted by admin {}", "Diese Nachricht wurde von Admin {} gelöscht",
        "Este mensaje fue eliminado por el admin. {}", "This message was deleted by admin {}.",
    ],
)  # fmt: skip
@pytest.mark.parametrize("iphone", [False, True])
def test_who_deleted_a_post_is_an_id_and_no_part_of_its_ref(read: Any, *, phrase: str, iphone: bool) -> None:
    def found(name: str) -> Read:
        said = phrase.format(name)
        lines = ["Ash: hi", f"Ash: {MARK if iphone else ''}{said}", "Ash: ok"]
        return read(
            ios(*lines) if iphone else "".join(f"31/12/19, 21:0{at} - {line}\n" for at, line in enumerate(lines))
        )

    one, other = found("Fern Moss"), found("Reed")
    assert one.told[1] == ("name:Ash", phrase.format("<name:Fern Moss>"))
    assert one.messages[1].type == "other"
    assert one.messages[1].ref == other.messages[1].ref


def test_a_post_that_begins_as_a_deletion_does_is_a_post(read: Any) -> None:
    texts = ["This message was for Moss", "This message was deleted by admin " + "and so on " * 20]
    found = read("".join(f"31/12/19, 21:00 - Fern: {text}\n" for text in texts))
    assert [text for _, text in found.told] == texts
    assert len({one.ref for one in found.messages}) == 2


@pytest.mark.parametrize(
    ("line", "caption"),
    [
        ("photo.jpg (quelque chose inconnu)", ""), ("photo.jpg (文件附件)\nsoup", "soup"), ("photo.jpg (附)", ""),
        ("photo.jpg (fichier (joint))", ""), ("soup <inconnu : photo.jpg>", "soup"), ("<附件：photo.jpg>", ""),
        ("notes (inconnu)", ""), ("soup <inconnu: notes>", "soup"), ("Tüte (1).pdf (inconnu)", ""),
        ("Tu\u0308te (1).pdf (inconnu)", ""),
    ],
)  # fmt: skip
def test_a_file_that_the_export_has_is_found_in_a_language_that_nobody_knows(
    tmp_path: Path, line: str, caption: str
) -> None:
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Walk.zip", "w") as file:
        file.writestr("_chat.txt", f"31/12/19, 21:00 - Fern: {line}\n31/12/19, 21:01 - Fern: paper (grey)\n")
        for name in ("photo.jpg", "notes", "Tu\u0308te (1).pdf", "other.jpg"):
            file.writestr(name, name)
    found = Read(tmp_path / "WhatsApp Chat - Walk.zip")
    assert [text for _, text in found.told] == [caption, "paper (grey)"]
    assert len(found.files) == 1
    assert b"other.jpg" not in found.files.values()


@pytest.mark.parametrize("text", ["(" * 100_000 + ")", "a (" * 99_000 + ")", "<a:" * 90_000 + ">", " " * 99_000 + ">"])
def test_a_long_post_of_brackets_or_spaces_takes_little_time(read: Any, text: str) -> None:
    begin = time.perf_counter()
    assert read(f"31/12/19, 21:00 - Fern: x{text}\n").told[0][1] == f"x{text}"
    assert time.perf_counter() - begin < 5
