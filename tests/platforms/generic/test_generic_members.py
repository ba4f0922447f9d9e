import codecs
import tracemalloc
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from generic_files import Reading, kind_of

from grouparchive.errors import BadExport, UsageError
from grouparchive.model.records import Channel, Fact, Group, Membership, Role, Roster
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.generic.members import MembersTable


def write(path: Path, text: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def people(read: Reading) -> list[tuple[str, str]]:
    return [read.natives[one.member] for one in read.of(Membership)]


def test_a_table_is_a_group_with_its_whole_roster(tmp_path: Path) -> None:
    path = write(
        tmp_path / "Rose garden.csv",
        "Username,Full name,E-mail,Phone,Joined,Role,Notes\n"
        "fern,Fern Hollow,Fern@Garden.example,+31 20 555 0101,2024-05-01,Admin,=cmd()\n"
        "moss,Moss Stone,,,2024-05-02 10:30,member,x\n"
        "reed,Reed Marsh,not an address,none,,Moderator,\n",
    )
    read = Reading(path)
    group = Group(ref="table/Rose garden", platform="generic", origin="generic", name="Rose garden")
    assert read.groups == read.of(Group) == [group]
    assert read.of(Channel) == [Channel(ref=group.ref, group=group.ref, name="Rose garden")]
    assert people(read) == [("fern", "Fern Hollow"), ("moss", "Moss Stone"), ("reed", "Reed Marsh")]
    assert [(one.level, one.roles, one.since) for one in read.of(Membership)] == [
        (100, ("admin",), 1_714_521_600_000), (0, ("member",), 1_714_645_800_000), (50, ("moderator",), 0),
    ]  # fmt: skip
    assert read.of(Roster) == [Roster(channel=group.ref, time=read.modified, members=3)]
    assert {one.ref: one.level for one in read.of(Role)} == {"admin": 100, "member": 0, "moderator": 50}
    assert [(read.natives[one.member][0], one.key, one.value, one.time) for one in read.of(Fact)] == [
        ("fern", "mail", "Fern@Garden.example", read.modified), ("fern", "phone", "+31 20 555 0101", read.modified),
    ]  # fmt: skip
    assert read.codes == {"contact-unreadable": 2}
    assert {gap.scope for gap in read.gaps} == {"line 4"}
    assert read.stamps == Reading(path).stamps
    assert Reading(path, group="Thorns").groups[0].ref == "table/Thorns"


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Vorname;Nachname;E-Mail-Adresse", "Fern;Hollow;fern@garden.example"),
        ("Prénom\tNom\tCourriel", "Fern\tHollow\tfern@garden.example"),
        ("Nombre,Apellidos,Correo electrónico", "Fern,Hollow,fern@garden.example"),
        ("Имя;Фамилия;Электронная почта", "Fern;Hollow;fern@garden.example"),
        ("Ad|Soyad|E-posta", "Fern|Hollow|fern@garden.example"),
        ("ФИО,Почта", "Fern Hollow,fern@garden.example"),
        ('"Full_Name","EMAIL "', '"Fern Hollow","fern@garden.example"'),
        ("نام,ایمیل", "Fern Hollow,fern@garden.example"),
        ("sep=;\nName;Mail", "Fern Hollow;fern@garden.example"),
        ("\n\n;;\nName;Mail", "Fern Hollow;fern@garden.example"),
    ],
)
def test_headings_in_several_languages(tmp_path: Path, header: str, row: str) -> None:
    read = Reading(write(tmp_path / "a.csv", f"{header}\r\n{row}\r\n"))
    assert people(read) == [("fern@garden.example", "Fern Hollow")]
    assert [one.value for one in read.of(Fact)] == ["fern@garden.example"]


@pytest.mark.parametrize(
    ("encoding", "mark", "name"),
    [
        ("utf-8", codecs.BOM_UTF8, "Jürgen Ödön"), ("utf-16-le", codecs.BOM_UTF16_LE, "Фёдор"), ("utf-16-be", codecs.BOM_UTF16_BE, "花"),
        ("cp1252", b"", "Jürgen Ödön"), ("cp1251", b"", "Пётр Ильич"), ("utf-16-le", b"", "Jürgen Ödön"),
    ],
)  # fmt: skip
def test_encodings(tmp_path: Path, encoding: str, mark: bytes, name: str) -> None:
    rows = "".join(f"{name},p{number}@garden.example\n" for number in range(30))
    read = Reading(write(tmp_path / "a.csv", mark + f"name,mail\n{rows}".encode(encoding)))
    assert {found for _, found in people(read)} == {name}
    assert len(people(read)) == 30


def test_columns_that_a_person_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Who,Write to,Since when,Name\nFern,fern@garden.example,01/02/2024,Ms\n")
    assert kind_of(path) is None
    chosen = {"name": "who", "mail": "WRITE TO", "joined": "Since when"}
    assert kind_of(path, columns=chosen) is MembersTable
    read = Reading(path, columns=chosen)
    assert people(read) == [("fern@garden.example", "Fern")]
    assert (read.of(Membership)[0].since, read.codes) == (0, {"date-unclear": 1})
    read = Reading(path, columns=chosen, dates="dmy", zone=ZoneInfo("Asia/Baku"))
    assert read.of(Membership)[0].since == 1_706_731_200_000  # 1 February 2024, midnight in Baku
    for wrong in ({"mail": "nowhere", "name": "Who"}, {"shoe": "Who"}):
        box = open_box(path)
        with pytest.raises(UsageError) as caught:
            list(MembersTable(box, lambda *_: "0" * 32, Choices(columns=wrong)).groups())
        assert "Fern" not in caught.value.message + caught.value.hint
    box = open_box(write(tmp_path / "b.csv", "x,y\n1,2\n"))
    with pytest.raises(BadExport):
        list(MembersTable(box, lambda *_: "0" * 32, Choices()).groups())


def test_several_groups_and_people_who_stand_twice(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        "group,handle,name,mail,phone\nRoses,fern,,,\nTulips,fern,Fern,,\nRoses,fern,Fern,fern@garden.example,\n,moss,Moss,,123\n",
    )
    read = Reading(path)
    assert [one.name for one in read.groups] == ["Roses", "Tulips", "a"]
    assert [one.members for one in read.of(Roster)] == [1, 1, 1]
    assert people(read) == [("fern", "Fern"), ("fern", "Fern"), ("moss", "Moss")]
    assert [one.value for one in read.of(Fact)] == ["fern@garden.example"]
    assert len(Reading(path, group="All").groups) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Profile Id,Full Name,Profile Link,Bio,ImageSrc,GroupId,Group Joining Text,Profile Type\n1,Fern,x,,,,,User\n",
        "Email address,Nickname,Group status,Email status,Email preference,Posting permissions\nfern@garden.example,Fern,m,,,\n",
        "AuthorID,Author,Date,Content,Attachments,Reactions\n1,fern,2024,hi,,\n",
        "product,price\nseeds,3\n", "id,name\n1,seeds\n", "just text, with a comma\n", "", "\0\0\0", "name\nFern\n",
        "time,room,room_ref,ref,author,type,text,reply_to,thread,edited,reactions,files\n",
    ],
)  # fmt: skip
def test_what_is_no_table_of_members_is_not_claimed(tmp_path: Path, text: str) -> None:
    assert kind_of(write(tmp_path / "a.csv", text)) is None


def test_wrong_quotes_lose_no_row(tmp_path: Path) -> None:
    rows = [f'p{number},"Fern ""{number}"" Hollow"' for number in range(30)]
    rows[3] = 'p3,"Fern never closed'
    rows[10] = 'p10,"two\nlines"'
    rows[20] = 'p20,a "quote" inside'
    rows[25] = 'p25,"closed" and more'
    read = Reading(
        write(tmp_path / "a.csv", "handle,name\n" + "\n".join(rows) + "\n" + "\n".join(f"q{n},x" for n in range(200)))
    )
    natives = [native for native, _ in people(read)]
    assert [one for one in natives if one.startswith("q")] == [f"q{n}" for n in range(200)]
    assert {f"p{number}" for number in range(30)} <= set(natives)


def test_hostile_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    size = 30 * 1024 * 1024
    with path.open("wb") as file:
        file.write(b"handle,name,mail\nfern,Fern\0,\n" + b'"' + b"x" * size + b"\n")
        file.write(
            b"," * 5000
            + b"\n"
            + b'moss,"'
            + b"y" * 200_000
            + b'",\nreed,Reed,'
            + b"z" * 2000
            + b"@a.b\n,,\n\nivy,\xff\xfe,\n"
        )
    tracemalloc.start()
    read = Reading(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [native for native, _ in people(read)] == ["fern", "moss", "reed", "ivy"]
    assert people(read)[0] == ("fern", "Fern")
    assert all(len(name) <= 1024 for _, name in people(read))
    assert read.codes == {"line-too-long": 1, "contact-unreadable": 1, "row-unreadable": 1}
    assert peak < 12 * 1024 * 1024


def test_dates(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "2024-05-01": 1_714_521_600_000, "2024-05-01T10:00:00Z": 1_714_557_600_000, "2024-05-01T10:00:00+02:00": 1_714_550_400_000,
        "1714521600": 1_714_521_600_000, "1714521600000": 1_714_521_600_000, "1.5.2024": 1_714_521_600_000,
        "01.05.24, 22:30": 1_714_602_600_000, "31/12/2023 11:05 PM": 1_704_063_900_000, "2024/5/1": 1_714_521_600_000,
        "99.99.2024": 0, "soon": 0, "1.5.99999": 0, "0000-00-00": 0, "1.1.0001": 0,
    }  # fmt: skip
    rows = "".join(f'p{number},"{value}"\n' for number, value in enumerate(values))
    read = Reading(write(tmp_path / "a.csv", f"handle,joined\n{rows}"))
    assert [one.since for one in read.of(Membership)] == list(values.values())
    assert read.codes == {"date-unclear": 5}


def test_line_ends_of_old_spreadsheets(tmp_path: Path) -> None:
    text = "Username,E-mail\rfern,fern@garden.example\rmoss,\r"
    for encoding in ("utf-8", "utf-16"):
        assert [native for native, _ in people(Reading(write(tmp_path / "a.csv", text, encoding)))] == ["fern", "moss"]


def test_a_table_of_nobody_says_of_nobody_that_they_left(tmp_path: Path) -> None:
    read = Reading(write(tmp_path / "a.csv", "Username,Full name,E-mail\n"))
    assert not read.of(Roster)
    assert read.codes == {"members-partial": 1}
