"""Google Groups out of Takeout, and lists of members."""

import time
import zipfile
from pathlib import Path

import pytest
from mail_exports import LIST, LISTED, Read, mail, mbox, read, ref_of

from grouparchive.model.records import Channel
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.mail import GoogleGroup, MailBox

GROUP = "garden@googlegroups.com"
HEADER = "Email address,Nickname,Group status,Email status,Email preference,Posting permissions"
JOINED = ",Join year,Join month,Join day,Join hour,Join minute,Join second,Time zone"
ROWS = (
    "ada@example.org,Ada,owner,,Each email,allowed",
    'ben@example.org,"Brook, Ben",manager,,Each email,allowed',
    "CYD@example.org,,member,,No email,allowed",
    "dee@example.org,Dee,invited,,,",
    "eli@example.org,Eli,pending,,,",
    "spam@example.net,Spam,banned,,,",
)


def members(header: str = HEADER, rows: tuple[str, ...] = ROWS, title: str = "") -> bytes:
    return "\n".join([title, header, *rows] if title else [header, *rows]).encode() + b"\n"


def takeout(folder: Path, *, local: bool = False) -> Path:
    names = ("grupos propios", "temas", "miembros", "información") if local else ("owned", "topics", "members", "info")
    place = folder / ("Grupos" if local else "Groups") / "googlegroups.com" / names[0] / GROUP
    place.mkdir(parents=True)
    line = "From 28668125511680@xxx Thu Apr 16 09:53:04 +0000 2015\r\n"
    own = "X-Google-Groups: garden\nX-GM-THRID: 7\n"
    pinned = own + "X-Gmail-Labels: =?UTF-8?Q?El_tema_se_ha_fijado?=\n"
    mails = mbox(
        mail(1, sender="Ada <ada@example.org>", date="", extra=own), mail(2, extra=pinned), mail(3, extra=""), line=line
    )
    (place / f"{names[1]}.mbox").write_bytes(mails)
    (place / f"{names[2]}.csv").write_bytes(members())
    info = f"Nombre,Dirección,Descripción,Quién puede publicar\nThe garden,{GROUP},Ask ada@example.org,todos\n"
    (place / f"{names[3]}.csv").write_bytes(info.encode())
    return folder


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_a_whole_group(tmp_path: Path, local: bool, packed: bool) -> None:  # noqa: FBT001 - pytest gives them
    path = takeout(tmp_path / "Takeout", local=local)
    if packed:
        target = tmp_path / "takeout.zip"
        with zipfile.ZipFile(target, "w") as out:
            for one in sorted(path.rglob("*")):
                if one.is_file():
                    out.write(one, f"Takeout/{one.relative_to(path)}")
        path = target
    found = Read(path)
    assert found.kind is GoogleGroup
    (group,) = found.groups
    assert (group.ref, group.name, group.topic) == (GROUP, "The garden", "Ask (an address)")
    (channel,) = found.of(Channel)
    assert (channel.ref, channel.type, channel.name) == (GROUP, "list", "The garden")
    assert [one.ref for one in found.messages] == [ref_of(1), ref_of(2), ref_of(3)]
    assert found.messages[0].time == 1429177984000
    assert '"labels":["El tema se ha fijado"]' in found.messages[1].data
    assert found.settings["Quién puede publicar"] == '"todos"'
    (head,) = found.rosters
    assert (head.channel, head.members, head.bans) == (GROUP, 5, 1)
    states = {one.member: (one.state, one.level, one.roles) for one in found.memberships}
    assert states == {
        found.who("ada@example.org"): ("join", 100, ("owner",)),
        found.who("ben@example.org"): ("join", 50, ("manager",)),
        found.who("cyd@example.org"): ("join", 0, ()),
        found.who("dee@example.org"): ("invite", 0, ()),
        found.who("eli@example.org"): ("knock", 0, ()),
    }
    assert all(one.seen == 0 for one in found.memberships)
    assert [one.member for one in found.bans] == [found.who("spam@example.net")]
    assert found.names["ben@example.org"] == "Brook, Ben"
    assert found.messages[0].author == found.who("ada@example.org")
    assert found.codes == {}


def test_the_folder_of_one_group_alone(tmp_path: Path) -> None:
    place = next(takeout(tmp_path / "Takeout").rglob(GROUP))
    found = Read(place)
    assert found.kind is GoogleGroup
    assert [one.ref for one in found.groups] == [GROUP]
    assert len(found.messages) == 3
    assert found.rosters[0].members == 5


def test_mails_without_a_list_of_members(tmp_path: Path) -> None:
    path = takeout(tmp_path / "Takeout")
    next(path.rglob("members.csv")).unlink()
    found = Read(path)
    assert not found.rosters
    assert found.codes == {"members-partial": 1}
    assert {one.member for one in found.memberships} == {found.who("ada@example.org"), found.who("fern@example.org")}


def test_several_groups_and_a_mailbox_beside_them(tmp_path: Path) -> None:
    path = takeout(tmp_path / "Takeout")
    other = path / "Groups" / "googlegroups.com" / "owned" / "walks@googlegroups.com"
    other.mkdir()
    (other / "topics.mbox").write_bytes(mbox(mail(9, extra="X-Google-Groups: walks\n")))
    label = path / "Mail"
    label.mkdir()
    (label / "Garden.mbox").write_bytes(mbox(mail(10, extra=LISTED + "X-Gmail-Labels: Garden\n")))
    found = Read(path)
    assert {one.ref for one in found.groups} == {GROUP, "walks@googlegroups.com", LIST}
    assert {one.channel: one.ref for one in found.messages if one.channel != GROUP} == {
        "walks@googlegroups.com": ref_of(9),
        LIST: ref_of(10),
    }
    assert "labels" not in next(one.data for one in found.messages if one.channel == LIST)


def test_a_label_of_the_same_group_gives_the_same_refs(tmp_path: Path) -> None:
    first = Read(takeout(tmp_path / "Takeout"))
    headers = f"List-ID: <garden.googlegroups.com>\nX-BeenThere: {GROUP}\nX-Gmail-Labels: Garden\n"
    second = read(tmp_path, mbox(mail(1, extra=headers)), name="Garden.mbox")
    assert second.kind is MailBox
    assert second.groups[0].ref == first.groups[0].ref
    assert (second.messages[0].channel, second.messages[0].ref) == (GROUP, first.messages[0].ref)


def test_a_lone_list_of_members(tmp_path: Path) -> None:
    header = HEADER + JOINED
    rows = (ROWS[0] + ",2015,4,16,9,53,4,UTC", ROWS[2] + ",0,0,0,0,0,0,")
    data = members(header, rows, title="Members for group The garden")
    found = read(tmp_path, data, name="garden.csv")
    assert found.kind is GoogleGroup
    assert [(one.ref, one.name) for one in found.groups] == [("garden", "The garden")]
    assert [(one.level, one.since) for one in found.memberships] == [(100, 1429177984000), (0, 0)]
    assert not found.messages
    named = read(tmp_path, data, name="garden (1).csv", group=GROUP)
    assert named.groups[0].ref == GROUP


@pytest.mark.parametrize(
    ("header", "owner", "member", "mark"),
    [
        ("Dirección de correo,Apodo,Estado en el grupo,x,y,z", "Propietario", "Miembro", ","),
        ("Adresse e-mail;Pseudo;État dans le groupe;x;y;z", "Propriétaire", "Membre", ";"),
        ("E-Mail-Adresse,Alias,Gruppenstatus,x,y,z", "Eigentümer", "Mitglied", ","),
        ("Адрес эл. почты,Псевдоним,Статус,x,y,z", "Владелец", "Участник", ","),
        ("メールアドレス,ニックネーム,グループのステータス,x,y,z", "オーナー", "メンバー", ","),
        ("E-posta adresi\tTakma ad\tGrup durumu\tx\ty\tz", "Sahip", "Üye", "\t"),
    ],
)
def test_lists_of_members_in_other_languages(tmp_path: Path, header: str, owner: str, member: str, mark: str) -> None:
    rows = [["ada@example.org", "Ada", owner], ["ben@example.org", "", member], ["cyd@example.org", "Cyd", "???"]]
    text = "\n".join([header, *(mark.join([*row, "", "", ""]) for row in rows)])
    for number, charset in enumerate(("utf-8", "utf-8-sig", "utf-16")):
        found = read(tmp_path, text.encode(charset), name=f"x{number}.csv")
        assert [one.level for one in found.memberships] == [100, 0, 0]
        assert found.faults == {"member-state-unknown": 1}


@pytest.mark.parametrize(
    "text",
    [
        "Name,Given Name,E-mail 1 - Value\nAda,Ada,ada@example.org\n",
        "Profile Id,Full Name,Profile Link\n1,Ada,x\n",
        "Date,Amount\n1,2\n",
        "",
        "ada@example.org\n",
        "Email,Contact\nada@example.org,yes\n",
    ],
)
def test_other_tables_are_not_claimed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(AssertionError, match="nothing recognises it"):
        Read(path)


def test_rows_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    data = members(rows=(*ROWS, "not an address,X,member,,,", '"never ends,x', ""))
    found = read(tmp_path, data, name="garden.csv")
    assert len(found.memberships) == 5
    assert found.faults == {"row-unreadable": 2}
    data = members().replace(b"Ada,owner", b"A\0da,owner")
    assert read(tmp_path, data, name="garden.csv").names["ada@example.org"] == "Ada"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        (f"{GROUP}/topics.mbox", True),
        (f"Takeout/Groups/googlegroups.com/owned/{GROUP}/members.csv", True),
        (f"Groups/{GROUP}/more/Topics.MBOX", True),
        (f"{GROUP}/more/and more/topics.mbox", False),
        (f"{GROUP}/photo.jpg", False),
        ("garden@/topics.mbox", False),
        ("a@" + "." * 60_000 + "/topics.mbox", False),
        ("a@" + "b." * 30_000 + "/x", False),
        ("a@b.cc/" * 9000 + "topics.mbox", False),
    ],
)
def test_names_of_folders_are_looked_at_once(tmp_path: Path, name: str, ours: bool) -> None:  # noqa: FBT001 - as above
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(name, members() if name.endswith("csv") else b"x")
    start = time.process_time()
    box = open_box(path)
    assert GoogleGroup.recognises(box, Choices()) is ours
    assert time.process_time() - start < 2
    box.close()


def test_a_long_word_about_a_group_is_looked_at_once(tmp_path: Path) -> None:
    path = takeout(tmp_path / "Takeout")
    info = f"Name,Email,Description\nx,{GROUP},{'a' * 55_000} {'b@' * 20_000} Ask ada@example.org\n"
    next(path.rglob("info.csv")).write_text(info)
    start = time.process_time()
    (group,) = Read(path).groups
    assert time.process_time() - start < 2
    assert group.topic.endswith(" Ask (an address)")


@pytest.mark.parametrize("ends", [b"\r", b"\r\r\n", b"\x0b\r"])
def test_a_list_of_members_with_odd_line_ends(tmp_path: Path, ends: bytes) -> None:
    takeout(tmp_path / "Takeout")
    place = next(tmp_path.rglob("members.csv"))
    place.write_bytes(place.read_bytes().replace(b"\n", ends))
    assert len(Read(tmp_path / "Takeout").messages) == 3


def test_mails_that_do_not_begin_as_such_are_told(tmp_path: Path) -> None:
    takeout(tmp_path / "Takeout")
    next(tmp_path.rglob("topics.mbox")).write_bytes(b"\0" * 500)
    found = Read(tmp_path / "Takeout")
    assert found.rosters
    assert found.faults == {"file-damaged": 1}


def test_mails_of_which_nothing_can_be_read_are_told(tmp_path: Path) -> None:
    path = tmp_path / "takeout.zip"
    with zipfile.ZipFile(path, "w") as out:
        for one in sorted(takeout(tmp_path / "Takeout").rglob("*.*")):
            if one.is_file():
                out.write(one, f"Takeout/{one.relative_to(tmp_path)}")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"topics.mbox")
    at = data.rindex(b"PK\x01\x02", 0, at)
    data[at + 24 : at + 28] = bytes(4)  # said to be empty, with a checksum that says otherwise
    path.write_bytes(data)
    found = Read(path)
    assert found.rosters
    assert found.faults == {"file-damaged": 1}
