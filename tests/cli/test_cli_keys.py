"""`key` and `kit`: the ways into an archive that already stands, and the sheets to print."""

import functools
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import segno
from cli_machine import GROUP, HANDLES, NAMES, PASSPHRASE, Machine, Village

from grouparchive.archive.reader import Archive
from grouparchive.archive.slots import replace_slots
from grouparchive.cli import keys, qr
from grouparchive.crypto.keyfile import read_slots_block
from grouparchive.crypto.recovery import read_recovery_text
from grouparchive.crypto.shares import new_shares, read_share_text
from grouparchive.crypto.slots import Argon2Cost, RecoveryKey, is_sound, new_passphrase_slots, new_share_slots
from grouparchive.crypto.words import check_words
from grouparchive.errors import ArchiveBusy, Damaged

NEW = "another eight words that nobody has ever used"


@pytest.fixture(autouse=True)
def _cheap_passphrases() -> Iterator[None]:
    cheap = functools.partial(new_passphrase_slots, cost=Argon2Cost(8 * 1024, 1, 1))
    with mock.patch.object(keys, "new_passphrase_slots", cheap):
        yield


@pytest.fixture(params=["attached", "detached"])
def mine(request: pytest.FixtureRequest, machine: Machine, village: Village) -> Machine:
    """A machine with one backup; its keys are in the archive, or apart."""
    more = ["--detached", machine.drawer] if request.param == "detached" else []
    machine.init("--recovery-file", machine.recovery, *more)
    machine.add("home", village.path)
    machine.run("backup", "home")
    return machine


def listed(machine: Machine, *more: Any) -> dict[str, dict[str, Any]]:
    found = machine.run(*more, "key", "list", "--json").events
    return {one["type"]: one for one in found if one["event"] == "slot"}


def shares_of(machine: Machine, *numbers: int, folder: str = "shares") -> list[str]:
    return [word for n in numbers for word in ("--share-file", str(machine.drawer / folder / f"share-{n}.txt"))]


def split(machine: Machine, *how: Any, folder: str = "shares", code: int = 0) -> Any:
    return machine.run(*how, "key", "shares", "2/3", "--shares-dir", machine.drawer / folder, "--json", code=code)


def slot_rows(machine: Machine) -> int:
    with sqlite3.connect(machine.archive) as database:
        count = database.execute("SELECT count(*) FROM slots").fetchone()[0]
    database.close()
    return int(count)


def test_list_needs_no_secret(mine: Machine) -> None:
    shown = listed(mine)
    assert shown.keys() == {"passphrase", "recovery"}
    for one in shown.values():
        assert re.fullmatch("[0-9a-f]{8}", one["id"])
        assert one["vaults"] == ["content", "roster"]
        assert (one["epoch"], one["damaged"]) == (0, False)
    out = mine.run("key", "list").out
    assert "members and posts" in out or "posts and members" in out
    assert " ".join(check_words(Archive.open(mine.archive).archive_id)) in out
    assert " ".join(check_words(Archive.open(mine.archive).archive_id)) in mine.run("verify").out


def test_list_shows_what_is_damaged(kept: Machine) -> None:
    with sqlite3.connect(kept.archive) as database:
        database.execute("UPDATE slots SET wrapped = x'00' WHERE type = 'recovery'")
    database.close()
    shown = listed(kept)
    assert shown["recovery"]["damaged"]
    assert not shown["passphrase"]["damaged"]
    assert "damaged" in kept.run("key", "list").out


def test_add_a_recovery_file(mine: Machine) -> None:
    second = mine.drawer / "second.txt"
    mine.run("key", "add", "--recovery-file", second, opened=True)
    assert second.stat().st_mode & 0o777 == 0o600
    for path in (mine.recovery, second):
        assert GROUP in mine.run("--key-file", path, "groups").out
    assert "never overwritten" in mine.run("key", "add", "--recovery-file", second, opened=True, code=2).err


def test_add_a_passphrase_and_remove_the_old_one(mine: Machine) -> None:
    new = mine.secret("new", NEW)
    old = listed(mine)["passphrase"]["id"]
    mine.run("--key-file", mine.recovery, "key", "add", "--new-passphrase-file", new)
    assert GROUP in mine.run("--passphrase-file", new, "groups").out
    assert GROUP in mine.run("groups", opened=True).out
    removed = mine.run("--passphrase-file", new, "key", "remove", old)
    assert "still open" in removed.err
    mine.run("groups", opened=True, code=12)
    assert GROUP in mine.run("--passphrase-file", new, "groups").out
    assert GROUP in mine.run("--key-file", mine.recovery, "groups").out


def test_a_wrong_secret_changes_nothing(mine: Machine, tmp_path: Path) -> None:
    wrong = mine.secret("wrong", "an entirely different passphrase")
    before = listed(mine)
    out = tmp_path / "out.txt"
    mine.run("--passphrase-file", wrong, "key", "add", "--recovery-file", out, code=12)
    mine.run("--passphrase-file", wrong, "key", "remove", before["recovery"]["id"], code=12)
    split(mine, "--passphrase-file", wrong, code=12)
    mine.run("key", "remove", before["recovery"]["id"], code=2)  # no secret at all
    assert not out.exists()
    assert not (mine.drawer / "shares").exists()
    assert listed(mine) == before


def test_the_last_way_in_stays(mine: Machine) -> None:
    shown = listed(mine)
    mine.run("key", "remove", shown["recovery"]["id"], opened=True)
    failure = mine.run("key", "remove", shown["passphrase"]["id"], "--json", opened=True, code=2).failure
    assert "last way" in failure["error"]
    assert GROUP in mine.run("groups", opened=True).out


@pytest.mark.parametrize("name", ["", "abc", "zzzzzzzz", "0123456789"])
def test_what_is_no_slot_is_not_removed(kept: Machine, name: str) -> None:
    kept.run("key", "remove", name, opened=True, code=2)
    assert slot_rows(kept) == 4


def test_a_damaged_slot_can_be_removed_and_does_not_count_as_a_way_in(kept: Machine) -> None:
    with sqlite3.connect(kept.archive) as database:
        database.execute("UPDATE slots SET wrapped = x'00' WHERE type = 'recovery'")
    database.close()
    shown = listed(kept)
    kept.run("key", "remove", shown["passphrase"]["id"], opened=True, code=2)
    kept.run("key", "remove", shown["recovery"]["id"], opened=True)
    assert listed(kept).keys() == {"passphrase"}
    kept.run("verify", "--deep", opened=True)


def test_shares_take_the_members_from_the_single_secrets(mine: Machine) -> None:
    split(mine, "--key-file", mine.recovery)
    shown = listed(mine)
    assert (shown["shares"]["needed"], shown["shares"]["total"]) == (2, 3)
    assert {name: one["vaults"] for name, one in shown.items()} == {
        "passphrase": ["content"],
        "recovery": ["content"],
        "shares": ["content", "roster"],
    }
    assert "any 2 of 3 shares" in mine.run("key", "list").out
    assert GROUP in mine.run("groups", opened=True).out
    mine.run("roster", "list", opened=True, code=12)
    people = mine.run(*shares_of(mine, 1, 3), "roster", "list", "--summary", "--json").events[0]["members"]
    assert people == 11
    # What is added now opens the posts only, whoever adds it, and one who sees only those cannot take the members away.
    third = mine.drawer / "third.txt"
    mine.run(*shares_of(mine, 1, 2), "key", "add", "--recovery-file", third)
    mine.run("--key-file", third, "roster", "list", code=12)
    failure = mine.run("key", "remove", shown["shares"]["id"], "--json", opened=True, code=2).failure
    assert "last way to the members" in failure["error"]
    split(mine, "--passphrase-file", mine.passphrase, folder="more", code=12)
    assert not (mine.drawer / "more").exists()


def test_who_sees_only_the_posts_cannot_remove_a_way_to_the_members(kept: Machine) -> None:
    archive = Archive.open(kept.archive)
    key = RecoveryKey(read_recovery_text(kept.recovery.read_text(), archive.archive_id))
    roots = {vault: opened.root for vault, opened in archive.roots(key).items()}
    archive.close()
    split(kept, "--key-file", kept.recovery)
    before = Archive.open(kept.archive).slots
    second = new_share_slots(new_shares(2, 2), archive.archive_id, 0, roots)
    replace_slots(kept.archive, archive.archive_id, before=before, after=[*before, *second])
    kept.run("key", "remove", second[0].slot_id.hex(), opened=True, code=12)
    assert slot_rows(kept) == len(before) + 2
    kept.run(*shares_of(kept, 1, 2), "key", "remove", second[0].slot_id.hex())
    assert slot_rows(kept) == len(before)


def test_a_new_set_of_shares_replaces_the_old(mine: Machine) -> None:
    split(mine, "--key-file", mine.recovery)
    split(mine, *shares_of(mine, 1, 2), folder="new")
    assert GROUP in mine.run(*shares_of(mine, 2, 3, folder="new"), "groups").out
    bare = []
    for number in (1, 2):  # as words: share files of a detached archive bring their own keys along, as old copies do
        text = (mine.drawer / "shares" / f"share-{number}.txt").read_text()
        bare += ["--share-file", mine.secret(f"bare{number}", text.split("words:")[1].split("slots:")[0])]
    assert "older set" in mine.run(*bare, "groups", "--json", code=12).failure["error"]
    mixed = [*bare[:2], *shares_of(mine, 1, folder="new")]
    assert "share 1 of those given belongs" in mine.run(*mixed, "groups", "--json", code=12).failure["error"]
    split(mine, *shares_of(mine, 1, 2, folder="new"), folder="new", code=2)  # never over older files


def test_what_was_removed_is_gone_from_the_file(kept: Machine) -> None:
    row = next(row for row in Archive.open(kept.archive).slots if row.type == "recovery")
    assert row.wrapped in kept.archive.read_bytes()
    kept.run("key", "remove", row.slot_id.hex(), opened=True)
    data = kept.archive.read_bytes()
    assert row.wrapped not in data
    assert row.commitment not in data
    kept.run("verify")
    kept.run("backup", "home")


def test_the_keys_file_is_what_changes_when_keys_are_apart(machine: Machine) -> None:
    machine.init("--recovery-file", machine.recovery, "--detached", machine.drawer)
    apart = machine.drawer / "group.gar.keys"
    before = apart.read_text()
    split(machine, "--key-file", machine.recovery)
    assert apart.read_text() != before
    assert apart.stat().st_mode & 0o777 == 0o600
    assert slot_rows(machine) == 0
    archive_id = Archive.open(machine.archive).archive_id
    assert [
        row.type for row in read_slots_block((machine.drawer / "shares" / "share-1.txt").read_text(), archive_id)
    ] == [
        "shares",
        "shares",
    ]
    moved = machine.folder / "moved.keys"
    apart.rename(moved)
    for command in (["key", "list"], ["key", "add", "--recovery-file", machine.drawer / "r2.txt"]):
        assert "keys file" in machine.run(*command, "--json", opened=True, code=2).failure["error"]
    machine.run("--key-file", moved, "key", "add", "--recovery-file", machine.drawer / "r2.txt", opened=True)
    failure = machine.run("--key-file", machine.recovery, "key", "remove", "abcd", "--json", code=2).failure
    assert "only there can they be changed" in failure["error"]
    assert len(machine.run("--key-file", moved, "key", "list", "--json").events) == 6


def test_a_full_disk_takes_the_new_documents_away_again(kept: Machine) -> None:
    with mock.patch.object(keys, "replace_slots", side_effect=OSError(28, "No space left on device")):
        split(kept, "--key-file", kept.recovery, code=1)
        kept.run("key", "add", "--recovery-file", kept.drawer / "new.txt", opened=True, code=1)
    assert sorted(path.name for path in kept.drawer.iterdir()) == ["passphrase.txt", "recovery.txt"]
    assert listed(kept).keys() == {"passphrase", "recovery"}


def test_slots_are_replaced_only_in_the_archive_and_state_that_were_seen(kept: Machine) -> None:
    archive = Archive.open(kept.archive)
    archive.close()
    with pytest.raises(ArchiveBusy):
        replace_slots(kept.archive, archive.archive_id, before=archive.slots[1:], after=[])
    with pytest.raises(Damaged):
        replace_slots(kept.archive, b"x" * 32, before=archive.slots, after=[])
    assert slot_rows(kept) == 4
    holder = sqlite3.connect(kept.archive, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with mock.patch("grouparchive.archive.schema.BUSY_SECONDS", 0.1), pytest.raises(ArchiveBusy):
        replace_slots(kept.archive, archive.archive_id, before=archive.slots, after=[])
    holder.close()
    replace_slots(kept.archive, archive.archive_id, before=archive.slots, after=archive.slots[:2])
    assert slot_rows(kept) == 2


# --- the kit ---------------------------------------------------------------------------------------------------------


def made_kit(machine: Machine, *given: Any) -> tuple[str, list[str]]:
    """The page, and what its codes say."""
    out = machine.folder / "kit.html"
    with mock.patch.object(qr.segno, "make", wraps=segno.make) as make:
        machine.run(*given, "kit", "-o", out)
    assert out.stat().st_mode & 0o777 == 0o600
    return out.read_text(), [call.args[0] for call in make.call_args_list]


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</style>")[1]))


@pytest.mark.parametrize("apart", [False, True])
def test_a_kit_has_a_sheet_for_each_holder(machine: Machine, village: Village, *, apart: bool) -> None:
    more = ["--detached", machine.drawer] if apart else []
    shares = machine.drawer / "shares"
    machine.init("--recovery-file", machine.recovery, "--shares", "2/3", "--shares-dir", shares, *more)
    machine.add("home", village.path)
    machine.run("backup", "home")
    borrowed = machine.folder / "copy.gar"
    shutil.copy(machine.archive, borrowed)
    page, codes = made_kit(machine, "--archive", borrowed, *shares_of(machine, 1, 3), "--key-file", machine.recovery)
    assert page.count('<section class="sheet">') == 4
    assert page.count("<svg") == len(codes) == 4
    proof, *codes = codes
    machine.run("--archive", borrowed, "verify", "--witness", proof)
    printed = re.sub(r"\s+", " ", text_of(page).replace("&nbsp;", " "))
    assert " ".join(f"{at}. {word}" for at, word in enumerate(proof.split(), 1)) in printed
    archive_id = Archive.open(borrowed).archive_id
    for number, code in zip((1, 3), codes[:2], strict=True):
        file = (shares / f"share-{number}.txt").read_text()
        words = read_share_text(file, archive_id)
        assert read_share_text(code, archive_id) == words
        assert " ".join(f"{at} {word}" for at, word in enumerate(words.split(), 1)) in text_of(page)
        assert read_slots_block(code, archive_id) == read_slots_block(file, archive_id)
    assert read_recovery_text(codes[2], archive_id) == read_recovery_text(machine.recovery.read_text(), archive_id)
    rows = [row for code in codes for row in read_slots_block(code, archive_id)]
    assert bool(rows) == apart
    assert all(is_sound(row, archive_id) for row in rows)
    for code in codes:  # each opens by itself, or with another, when it was scanned into a file
        machine.secret(f"scanned-{codes.index(code)}", code)
    scanned = [word for n in (0, 1) for word in ("--share-file", machine.drawer / f"scanned-{n}")]
    away = ["--profile", machine.folder / "none", "--archive", borrowed]
    assert GROUP in machine.run(*away, *scanned, "groups").out
    assert GROUP in machine.run(*away, "--key-file", machine.drawer / "scanned-2", "groups").out
    text = text_of(page)
    assert text.count(" ".join(check_words(archive_id))) == 4
    for never in (GROUP, *HANDLES, *NAMES, "quince", "sandbox", str(machine.folder), "share-1"):
        assert never not in page
    assert not re.search(r"<script|https?://(?!www\.w3\.org)|<img|<link|url\(", page)
    assert "break-after: page" in page
    assert "@page { size: A4" in page
    assert "then delete" in text.lower()


def test_a_kit_without_secrets_is_the_first_hour(kept: Machine) -> None:
    page, codes = made_kit(kept)
    assert page.count("<section") == 1
    assert len(codes[0].split()) == 13
    text = text_of(page)
    for words in (
        "Call, do not write",
        "Do not answer messages",
        "Warn.",
        "grouparchive --archive FILE verify",
        "Position words",
    ):
        assert words in text


def test_a_kit_refuses_what_it_cannot_print(machine: Machine) -> None:
    machine.init("--recovery-file", machine.recovery, "--detached", machine.drawer)
    out = machine.folder / "kit.html"
    other = machine.secret("share", "dear diary")
    foreign = machine.secret("foreign", "archive: 0000-0000-0000-0000\nwords: academic")
    apart = machine.drawer / "group.gar.keys"
    assert (
        "only a recovery file" in machine.run("--key-file", apart, "kit", "-o", out, "--json", code=2).failure["error"]
    )
    assert "not a share" in machine.run("--share-file", other, "kit", "-o", out, "--json", code=2).failure["error"]
    assert (
        "another archive" in machine.run("--share-file", foreign, "kit", "-o", out, "--json", code=12).failure["error"]
    )
    assert not out.exists()
    out.write_text("precious")
    machine.run("kit", "-o", out, code=2)
    assert out.read_text() == "precious"
    machine.run("--archive", machine.folder / "none.gar", "kit", "-o", machine.folder / "k.html", code=10)
    assert PASSPHRASE not in "".join(machine.spoken)
