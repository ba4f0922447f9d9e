"""`import` and folder sources, as a person uses them: recognised, taken in once, in any order, and what remains is named."""

import itertools
import json
import os
import random
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cli_machine import Machine

from grouparchive.platforms.whatsapp.chat import WhatsAppChat

LINES = [
    "31/12/19, 21:04 - Fern: first",
    "31/12/19, 21:05 - Fern: yes",
    "31/12/19, 21:05 - Fern: yes",
    "31/12/19, 21:06 - Moss: ask @\u2068Fern\u2069",
    "31/12/19, 21:07 - Reed left",
    "31/12/19, 21:08 - Moss: last",
]
NAME = "WhatsApp Chat with Lantern walk.txt"


@pytest.fixture
def ready(machine: Machine) -> Machine:
    machine.init()
    return machine


def chat(folder: Path, lines: list[str], name: str = NAME) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def told(machine: Machine) -> list[str]:
    found = machine.run("export", "Lantern walk", "--format", "jsonl", "--with-roster", "--json", opened=True)
    lines = sorted(line for line in found.out.splitlines() if '"kind"' in line and '"kind":"gap"' not in line)
    people = {
        line.split('"id":"')[1][:32]: line.split('"native":"')[1].split('"')[0]
        for line in lines
        if '"kind":"member"' in line
    }
    for id_, native in people.items():
        lines = [line.replace(id_, native) for line in lines]
    return sorted(re.sub("[0-9a-f]{32}", "somebody who left", line) for line in lines)


def test_a_file_comes_in_once(ready: Machine, tmp_path: Path) -> None:
    path = chat(tmp_path / "in", LINES)
    done = ready.run("import", path, "--json").done
    assert (done["groups"], done["channels"], done["messages"], done["members"]) == (1, 1, 6, 2)
    assert done["gaps"] == [{"code": "members-partial", "count": 1}]
    assert done["new"] > 6
    again = ready.run("import", path, "--json")
    assert again.done["new"] == again.done["messages"] == 0
    moved = chat(tmp_path / "other", LINES, "WhatsApp Chat with Lantern walk (1).txt")
    assert ready.run("import", moved, "--json").done["new"] == 0


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_overlapping_exports_are_one_history_in_any_order(
    ready: Machine, tmp_path: Path, order: tuple[int, ...]
) -> None:
    parts = [LINES[:4], LINES[1:5], LINES[3:]]
    for number in order:
        ready.run("import", chat(tmp_path / f"in{number}", parts[number]))
    (tmp_path / "whole").mkdir()
    other = Machine(tmp_path / "whole")
    other.init()
    other.run("import", chat(tmp_path / "in", LINES))
    mine, whole = told(ready), told(other)
    assert [line for line in mine if '"kind":"message"' in line] == [
        line for line in whole if '"kind":"message"' in line
    ]
    assert len([line for line in mine if '"kind":"message"' in line]) == 6
    assert sum('"kind":"membership"' in line for line in mine) == 2


def test_a_folder_of_exports_and_a_zip_with_media(ready: Machine, tmp_path: Path) -> None:
    chat(tmp_path / "in", LINES)
    with zipfile.ZipFile(tmp_path / "in" / "WhatsApp Chat - Soup.zip", "w") as file:
        file.writestr("_chat.txt", "31/12/19, 21:05 - Fern: IMG-20191231-WA0001.jpg (file attached)\n")
        file.writestr("IMG-20191231-WA0001.jpg", b"a picture of soup")
        file.writestr("../outside.jpg", b"no")
    done = ready.run("import", tmp_path / "in", "--json", code=3).done
    assert (done["groups"], done["messages"], done["attachments"]) == (2, 7, 1)
    assert {"code": "file-refused", "count": 1} in done["gaps"]


def test_a_broken_export_does_not_stop_the_others(ready: Machine, tmp_path: Path) -> None:
    folder = chat(tmp_path / "in", LINES).parent
    for name in ("A torn one.zip", "Z torn.zip"):
        (folder / name).write_bytes(b"PK\x03\x04 torn")
    done = ready.run("import", folder, "--json", code=1)
    assert done.done["messages"] == 6
    assert done.err.count('"event":"error"') == 2


def test_of_a_zip_that_was_cut_off_comes_in_what_is_there(ready: Machine, tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat - Soup.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        lines = [f"31/12/19, 21:{number:02d} - Fern: IMG-{number}.jpg (file attached)" for number in range(5)]
        file.writestr("_chat.txt", "\n".join(lines))
        for number in range(5):
            file.writestr(f"IMG-{number}.jpg", random.Random(number).randbytes(1000))
    whole = path.read_bytes()
    path.write_bytes(whole[:3700])
    for new in (True, False):  # and it is read again when it is given again
        done = ready.run("import", path, "--json", "--remove-after", code=3).done
        assert (done["messages"], done["attachments"], done["new"] > 0) == (5, 3 if new else 0, new)
        assert {gap["code"] for gap in done["gaps"]} >= {"file-damaged", "media-unavailable"}
    path.write_bytes(whole)
    done = ready.run("import", path, "--json").done
    assert (done["new"], done["attachments"]) == (2, 2)


def test_what_remains_is_named_and_removed_on_wish(ready: Machine, tmp_path: Path) -> None:
    path = chat(tmp_path / "Dropbox", LINES)
    said = ready.run("import", path)
    assert str(path) in said.err
    assert "cloud" in said.err
    ready.run("import", path, "--remove-after")
    assert not path.exists()
    broken = chat(
        tmp_path / "in", [*LINES, "31/12/19, 21:09 - Fern: <attached: 0001-PHOTO.jpg>", "99/99/19, 21:09 - Fern: no"]
    )
    for code in (3, 3):  # read again, as not all came in, and still not whole
        ready.run("import", broken, "--remove-after", code=code)
        assert broken.exists()
    folder = chat(tmp_path / "mixed", LINES).parent
    (folder / ".hidden will.odt").write_bytes(b"precious")
    assert "a folder was kept" in ready.run("import", folder, "--remove-after").err
    assert len(list(folder.iterdir())) == 2


def test_what_is_no_export_is_said_plainly(ready: Machine, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("nothing to see", encoding="utf-8")
    for path in (other, tmp_path / "missing"):
        failed = ready.run("import", path, "--json", code=1)
        assert failed.failure["hint"]
    torn = tmp_path / "torn.zip"
    torn.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    assert "damaged" in ready.run("import", torn, "--json", code=1).failure["error"]
    doubtful = chat(tmp_path / "in", ["03/04/19, 21:05 - Fern: one", "05/04/19, 21:05 - Fern: two"])
    assert "--dates" in ready.run("import", doubtful, "--json", code=2).failure["hint"]
    assert ready.run("import", doubtful, "--dates", "dmy", "--json").done["messages"] == 2
    assert ready.run("import", doubtful, "--platform", "matrix", "--json", code=2).failure["hint"]


def test_a_folder_source_takes_exports_as_they_appear(ready: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    ready.run("source", "add", "phone", "whatsapp", f"folder={folder}")
    assert ready.run("backup", "phone", "--json").done["new"] == 0
    chat(folder, LINES)
    first = ready.run("backup", "phone", "--json")
    assert first.done["messages"] == 6
    assert "Lantern" not in first.out + first.err
    assert ready.run("backup", "phone", "--json").done["new"] == 0
    (folder / "WhatsApp Chat with Torn.zip").write_bytes(b"PK\x03\x04 torn")
    broken: Any = ready.run("backup", "phone", "--json", code=3).done
    assert broken["gaps"] == [{"code": "file-damaged", "count": 1}]


def test_an_export_that_is_overdue_is_said_so(ready: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    assert (
        "30d" in ready.run("source", "add", "phone", "whatsapp", f"folder={folder}", "due=often", "--json", code=2).err
    )
    ready.run("source", "add", "phone", "whatsapp", f"folder={folder}", "due=30d")
    chat(folder, LINES)
    ready.run("backup", "phone")
    assert "due in 30 days" in ready.run("status").out
    noted = next(ready.profile.rglob("runs/phone.json"))
    noted.write_text(json.dumps(json.loads(noted.read_text()) | {"fed": 1_600_000_000_000}))
    assert "overdue by" in ready.run("status").out
    (told_,) = [one for one in ready.run("status", "--json").events if one["event"] == "source"]
    assert told_["overdue"]


def test_an_export_in_which_nothing_is_found_is_no_success(ready: Machine, tmp_path: Path) -> None:
    path = tmp_path / "capture.har"
    path.write_text('{"log": {"version": "1.2", "entries": [{"startedDateTime": "2024-05-01T10:00:00.000Z", "request": {"url": '
                    '"https://www.facebook.com/api/graphql/"}, "response": {"content": {"text": "{}"}}}]}}')  # fmt: skip
    for _ in range(2):
        assert ready.run("import", path, "--remove-after", "--json", code=1).failure["hint"]
        assert path.exists()


def test_what_we_leave_out_spares_the_file(ready: Machine, tmp_path: Path) -> None:
    mails = "".join(
        f"From a@x.example Tue Dec 31 21:05:00 2019\nFrom: Fern <a@x.example>\nTo: {to}\nSubject: soup\n"
        f"Date: Tue, 31 Dec 2019 21:05:0{at} +0000\nMessage-ID: <m{at}@x.example>\n{extra}\nhello\n\n"
        for at, (to, extra) in enumerate(
            (
                ("walk@lists.example", "List-Id: <walk.lists.example>\nList-Post: <mailto:walk@lists.example>\n"),
                ("moss@x.example", ""),
            )
        )
    )
    box = tmp_path / "Inbox.mbox"
    box.write_text(mails)
    done = ready.run("import", box, "--remove-after", "--json").done
    assert {"code": "private-chat-left-out", "count": 1} in done["gaps"]
    assert box.exists()
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Walk.zip", "w") as file:
        file.writestr("_chat.txt", "\n".join(LINES))
        file.writestr("a photo that no line names.jpg", b"a picture")
        file.writestr("__MACOSX/._chat.txt", b"of the system")
    done = ready.run("import", tmp_path / "WhatsApp Chat - Walk.zip", "--remove-after", "--json").done
    assert {"code": "part-left-out", "count": 1} in done["gaps"]
    assert (tmp_path / "WhatsApp Chat - Walk.zip").exists()


def test_a_file_that_failed_is_read_again_by_hand_and_not_by_a_timer(ready: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    chat(folder, [*LINES, "31/12/19, 21:09 - Fern: <attached: 0001-PHOTO.jpg>"])
    ready.run("source", "add", "phone", "whatsapp", f"folder={folder}")
    assert ready.run("backup", "phone", "--json", code=3).done["messages"] == 7
    assert ready.run("backup", "phone", "--json").done["messages"] == 0
    assert ready.run("import", folder / NAME, "--json", code=3).done["messages"] == 7


def test_a_gap_like_an_earlier_one_is_told_again(ready: Machine, tmp_path: Path) -> None:
    for number in range(2):
        done = ready.run(
            "import", chat(tmp_path / f"in{number}", [*LINES, f"99/99/19, 21:1{number} - Fern: no"]), "--json", code=3
        )
        assert {"code": "message-unreadable", "count": 1} in done.done["gaps"]


def test_a_name_that_is_no_text_stops_nothing(ready: Machine, tmp_path: Path) -> None:
    folder = chat(tmp_path / "in", LINES).parent
    (folder / os.fsdecode(b"A M\xe4dels.txt")).write_text(
        "31/12/19, 21:04 - Moss: hello\n31/12/19, 21:05 - Fern: hello\n"
    )
    (folder / "notes.odt").write_bytes(b"no export")
    said = ready.run("import", folder, "--json")
    assert said.done["messages"] == 8
    assert "1 file in the folder" in said.err


def test_a_fault_of_ours_costs_no_other_file(ready: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = chat(tmp_path / "in", LINES).parent
    chat(folder, LINES, "A broken one.txt")
    whole = WhatsAppChat.groups

    def broken(self: WhatsAppChat) -> Any:
        if self.box.label.startswith("A broken"):
            raise ValueError("canary")
        return whole(self)

    monkeypatch.setattr(WhatsAppChat, "groups", broken)
    said = ready.run("import", folder, "--json", code=1)
    assert said.done["messages"] == 6
    assert "canary" not in said.err
