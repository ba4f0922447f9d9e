import tracemalloc
from pathlib import Path

import pytest
from generic_files import Reading, kind_of

from grouparchive.errors import BadExport
from grouparchive.model.records import Fact
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.generic.contacts import ContactsFile
from grouparchive.platforms.generic.members import MembersTable


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def told(read: Reading) -> list[tuple[str, str, str]]:
    assert {type(one) for one in read.records} <= {Fact}  # no group, no membership
    return [(read.natives[one.member][1], one.key, one.value) for one in read.of(Fact)]


def card(*lines: str, version: str = "3.0") -> str:
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])


def test_google(tmp_path: Path) -> None:
    path = write(
        tmp_path / "contacts.csv",
        "First Name,Middle Name,Last Name,Nickname,Organization Name,Labels,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Value,"
        "Phone 1 - Label,Phone 1 - Value\n"
        "Fern,,Hollow,,,* myContacts,* ,fern@garden.example,fern@work.example ::: F@home.example,Mobile,+31 20 555 0101\n"
        ",,,,Seeds Ltd,,,,,,020 555 0102 ::: 020 555 0103\n"
        "Aunt,,Ivy,,,,,,,,\n",
    )
    assert kind_of(path) is ContactsFile
    read = Reading(path)
    assert read.whose == ("contacts", "contacts")
    assert told(read) == [
        ("Fern Hollow", "mail", "fern@garden.example"), ("Fern Hollow", "mail-2", "fern@work.example"),
        ("Fern Hollow", "mail-3", "F@home.example"), ("Fern Hollow", "phone", "+31 20 555 0101"),
        ("Seeds Ltd", "phone", "020 555 0102"), ("Seeds Ltd", "phone-2", "020 555 0103"),
    ]  # fmt: skip
    assert sorted(native for native, _ in read.natives.values()) == ["0205550102", "fern@garden.example"]
    assert {one.time for one in read.of(Fact)} == {read.modified}
    assert [(gap.code, gap.limit) for gap in read.gaps] == [("contact-without-address", True)]


@pytest.mark.parametrize(
    "text",
    [
        "Title,First Name,Last Name,Business Phone,Mobile Phone,E-mail Address,E-mail Type\n,Fern,Hollow,,+31205550101,fern@g.example,SMTP",
        "Name,Given Name,Family Name,Group Membership,E-mail 1 - Value,Phone 1 - Value\nFern Hollow,,,*,fern@g.example,+31205550101",
        "Vorname;Nachname;E-Mail-Adresse;E-Mail-Adresse 2;Mobiltelefon\nFern;Hollow;fern@g.example;;+31205550101",
        "First Name,Last Name,Display Name,Primary Email,Secondary Email,Mobile Number\nFern,Hollow,,fern@g.example,,+31205550101",
    ],
)  # fmt: skip
def test_other_address_books(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.csv", text)
    assert kind_of(path) is ContactsFile
    assert told(Reading(path)) == [("Fern Hollow", "mail", "fern@g.example"), ("Fern Hollow", "phone", "+31205550101")]


def test_a_list_of_members_is_none(tmp_path: Path) -> None:
    assert kind_of(write(tmp_path / "a.csv", "name,email,phone\nFern,fern@g.example,1\n")) is MembersTable


def test_cards_of_all_versions(tmp_path: Path) -> None:
    text = (
        card(
            "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Hollow;J=C3=BCrgen;;;", "TEL;CELL;PREF:+31 20 555 0101",
            "EMAIL;INTERNET:fern@garden.example", "PHOTO;ENCODING=BASE64;JPEG:/9j/4AAQ", " SkZJRgAB", "", version="2.1",
        )
        + card(
            "FN:Moss \\, of the Stone", "N:Stone;Moss;;;", "item1.EMAIL;type=INTERNET;type=pref:moss@", " garden.example",
            "item1.X-ABLabel:_$!<Other>!$_", "TEL;type=CELL;type=VOICE:(020) 555-0102", "IMPP;X-SERVICE-TYPE=Jabber:xmpp:moss@chat.example",
        )
        + card(
            "FN:Reed", 'TEL;VALUE=uri;TYPE="voice,home":tel:+31-20-555-0103;ext=1', "EMAIL;PID=1.1:mailto:reed@garden.example",
            "NICKNAME:R", version="4.0",
        )
        + card("KIND:group", "FN:Friends", "MEMBER:urn:uuid:1", "EMAIL:list@garden.example", version="4.0")
        + card("X-ADDRESSBOOKSERVER-KIND:group", "FN:Family", "EMAIL:family@garden.example")
        + card("FN:Nobody")
    )  # fmt: skip
    path = write(tmp_path / "a.vcf", text)
    assert kind_of(path) is ContactsFile
    read = Reading(path)
    assert told(read) == [
        ("Jürgen Hollow", "mail", "fern@garden.example"), ("Jürgen Hollow", "phone", "+31 20 555 0101"),
        ("Moss , of the Stone", "mail", "moss@garden.example"), ("Moss , of the Stone", "phone", "020) 555-0102"),
        ("Moss , of the Stone", "xmpp", "moss@chat.example"),
        ("Reed", "mail", "reed@garden.example"), ("Reed", "phone", "+31-20-555-0103"),
    ]  # fmt: skip
    assert read.codes == {"contact-without-address": 1}


def test_odd_cards(tmp_path: Path) -> None:
    lines = [
        b"\xef\xbb\xbfbegin:vcard", b"fn;charset=iso-8859-1:J\xfcrgen", b"email:j@g.example", b"end:vcard",
        b"BEGIN:VCARD", b"FN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:a very long=", b" name=20=", b"=C3=A9nd", b"EMAIL:long@g.example",
        b"BEGIN:VCARD", b"FN;CHARSET=no-such-thing:Never ended", b"TEL:12345", b"no colon here", b"EMAIL:", b"EMAIL:bad",
        b"FN:second name", b"\0", b":", b";;;:x", b"END:VCARD", b"END:VCARD", b"EMAIL:outside@g.example",
        b"BEGIN:VCARD", b"N:Cut", b"EMAIL:cut@g.example",
    ]  # fmt: skip
    read = Reading(write(tmp_path / "a.vcf", b"\n".join(lines)))
    assert told(read) == [
        ("Jürgen", "mail", "j@g.example"), ("a very long name énd", "mail", "long@g.example"), ("Never ended", "phone", "12345"),
        ("Cut", "mail", "cut@g.example"),
    ]  # fmt: skip
    assert read.codes == {"contact-unreadable": 1, "file-damaged": 1}


def test_wide_and_western_files(tmp_path: Path) -> None:
    wide = card("FN:Jürgen", "EMAIL:j@g.example")
    for encoding in ("utf-16", "cp1252"):
        assert told(Reading(write(tmp_path / "a.vcf", wide.encode(encoding)))) == [("Jürgen", "mail", "j@g.example")]


def test_huge_cards_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    with path.open("wb") as file:
        file.write(b"BEGIN:VCARD\nFN:Fern\nPHOTO;ENCODING=b:\n" + (b" " + b"A" * 75 + b"\n") * 200_000)
        file.write(b"EMAIL:fern@g.example\nNOTE:" + b"x" * 10_000_000 + b"\nEND:VCARD\n")
        file.write(
            b"BEGIN:VCARD\nFN:Moss\n" + b"EMAIL:m@g.example\n" * 50_000 + b"TEL:" + b"1" * 60_000 + b"\nEND:VCARD\n"
        )
    tracemalloc.start()
    read = Reading(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told(read) == [("Fern", "mail", "fern@g.example"), ("Moss", "mail", "m@g.example")]
    assert read.codes["line-too-long"] == 1
    assert peak < 8 * 1024 * 1024


def test_an_empty_address_book(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "First Name,E-mail 1 - Value\n")
    connector = ContactsFile(open_box(path), lambda *_: "0" * 32, Choices())
    with pytest.raises(BadExport):
        list(connector.pages("contacts", {}))


@pytest.mark.parametrize("text", ["BEGIN:VCALENDAR\nEND:VCALENDAR\n", "First Name,Last Name,File As\nA,B,C\n", ""])
def test_what_is_none_is_not_claimed(tmp_path: Path, text: str) -> None:
    assert kind_of(write(tmp_path / "a.vcf", text)) is not ContactsFile
    assert kind_of(write(tmp_path / "a.csv", text)) is not ContactsFile


def test_a_line_of_a_card_that_is_damaged_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.vcf", card("FN:Fern", "\0TEL:+31205550101", "EMAIL:fern@g.example", "no line of a card"))
    read = Reading(path)
    assert [value for _, _, value in told(read)] == ["fern@g.example"]
    assert read.codes == {"row-unreadable": 1}
