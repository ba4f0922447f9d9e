"""Every table of people is read in the same way, whoever wrote it: encodings, delimiters, broken rows with their numbers."""

import codecs
from contextlib import closing
from pathlib import Path

import pytest

from grouparchive.model.records import Gap, Member, Record
from grouparchive.platforms import facebook, generic, mail
from grouparchive.platforms.files import Choices, FilePlatform, open_box
from grouparchive.platforms.files.table import Table, cell

TABLES: dict[str, tuple[FilePlatform, str, str, str]] = {
    "facebook": (
        facebook.PLATFORM,
        "Profile Id,Full Name,Profile Link,GroupId",
        "2100{n},{name},https://www.facebook.com/x,100200300400",
        "junk",
    ),
    "generic": (generic.PLATFORM, "id,name,joined", "u{n},{name},2020-01-0{n}", ",,2020-01-01"),
    "google": (
        mail.PLATFORM,
        "Email address,Nickname,Group status",
        "u{n}@example.org,{name},member",
        "nobody,x,member",
    ),
}
NAMES = ("Ärger", "Söl", "Fern")


def read(platform: FilePlatform, path: Path) -> tuple[set[str], list[Gap]]:
    names: set[str] = set()

    def identify(native: str, name: str, avatar: str) -> str:  # noqa: ARG001 - none has a picture
        names.add(name)
        return f"{len(native):032x}"

    with closing(open_box(path)) as box:
        form = next(form for form in platform.formats if form.recognises(box, Choices()))
        connector = form(box, identify, Choices())
        pages = [page for group in list(connector.groups()) for page in connector.pages(group.ref, {})]
    records: list[Record] = [one for page in pages for one in page.records]
    assert not any(isinstance(one, Member) for one in records)
    return names, [gap for page in pages for gap in page.gaps]


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("kind", TABLES)
def test_a_table_in_any_encoding_with_any_delimiter(kind: str, mark: str, coding: str, tmp_path: Path) -> None:
    platform, header, row, bad = TABLES[kind]
    rows = [row.format(n=n, name=name) for n, name in enumerate(NAMES, 1)]
    text = "\r\n".join([header, *rows[:2], bad, rows[2], ""]).replace(",", mark)
    mark_first = codecs.BOM_UTF16_BE if coding == "utf-16-be" else b""
    path = tmp_path / "members.csv"
    path.write_bytes(mark_first + text.encode(coding).replace(b"Fern", b"F\0ern" if coding == "utf-8" else b"Fern"))
    names, gaps = read(platform, path)
    assert names == set(NAMES)
    told = [(gap.code, gap.scope.rpartition("line ")[2]) for gap in gaps if not gap.limit]
    assert told == [("row-unreadable", "4")]


def test_headings_say_where_cells_stand() -> None:
    table = Table.beginning(b'sep=;\n\n"E-Mail *";Full_Name;full name\na@b.c; Fern ;x\n')
    assert table.places == {"e-mail": 0, "full name": 1}
    ((number, cells),) = table.rows(lambda *_: None)
    assert (number, cell(cells, 1), cell(cells, 7), cell(cells, -1), cell(cells, 0, 3)) == (4, "Fern", "", "", "a@b")
