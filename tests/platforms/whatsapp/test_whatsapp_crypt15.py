"""The encrypted backup: opened with its key in each of the ways people have it, refused in plain words otherwise."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whatsapp_databases import encrypted, newer

from grouparchive.errors import BadExport, GroupArchiveError, UsageError, WrongSecret
from grouparchive.model.records import Message
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.whatsapp import crypt15
from grouparchive.platforms.whatsapp.database import WhatsAppBackup

KEY = bytes(range(32))
DIGITS = KEY.hex()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    phone = newer(tmp_path_factory.mktemp("phone") / "msgstore.db")
    phone.message("A", text="hello")
    return phone.close().read_bytes()


def pieces(data: bytes, size: int = 1000) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def test_a_backup_is_read_and_nothing_is_written(plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "Databases" / "msgstore.db.crypt15"
    path.parent.mkdir()
    path.write_bytes(encrypted(plain, KEY))
    for where in (tmp_path, path):
        box = open_box(where)
        assert WhatsAppBackup.recognises(box, Choices())
        ids: dict[str, str] = {}

        def identify(native: str, *_: str, ids: dict[str, str] = ids) -> str:
            return ids.setdefault(native, f"{len(ids):032x}")

        connector = WhatsAppBackup(box, identify, Choices(key=DIGITS.encode()))
        (group,) = connector.groups()
        records = [one for page in connector.pages(group.ref, {}) for one in page.records]
        connector.close()
        assert [one.text for one in records if isinstance(one, Message)] == ["hello"]
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == ["msgstore.db.crypt15"]


@pytest.mark.parametrize("size", [7, 100, 1 << 20])
@pytest.mark.parametrize("left_out", ["", "checksum", "flag", "packed"])
def test_every_form_of_the_file(plain: bytes, size: int, left_out: str) -> None:
    form = {left_out: False} if left_out else {}
    assert crypt15.decrypted(pieces(encrypted(plain, KEY, **form), size), KEY) == plain


@pytest.mark.parametrize(
    "given",
    [
        DIGITS.encode(), DIGITS.upper().encode() + b"\n", " ".join(DIGITS[at : at + 8] for at in range(0, 64, 8)).encode(),
        KEY, b"\xac\xed\x00\x05ur\x00\x02[B\xac\xf3\x17\xf8\x06\x08T\xe0\x02\x00\x00xp\x00\x00\x00 " + KEY,
    ],
)  # fmt: skip
def test_a_key_in_each_form(given: bytes) -> None:
    assert crypt15.root_key(given) == KEY


@pytest.mark.parametrize("given", [b"", b" \n", b"12345", b"x" * 64, DIGITS.encode() + b"0"])
def test_a_missing_or_impossible_key_is_asked_for(plain: bytes, given: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        crypt15.decrypted(pieces(encrypted(plain, KEY)), given)
    assert "--backup-key-file FILE" in caught.value.hint


def test_a_wrong_key_is_a_wrong_secret(plain: bytes) -> None:
    for checksum in (True, False):
        with pytest.raises(WrongSecret):
            crypt15.decrypted(pieces(encrypted(plain, KEY, checksum=checksum)), os.urandom(32))


def test_damage_is_no_wrong_key(plain: bytes) -> None:
    whole = encrypted(plain, KEY)
    with pytest.raises(BadExport, match="damaged"):
        crypt15.decrypted(pieces(whole[:-3000]), KEY)
    with pytest.raises(BadExport, match="ends early"):
        crypt15.decrypted(pieces(whole[:60]), KEY)


def test_a_bomb_is_refused(plain: bytes) -> None:
    bomb = encrypted(plain + bytes(50_000_000), KEY)
    with pytest.raises(BadExport, match="larger than"):
        crypt15.decrypted(pieces(bomb), KEY, most=1_000_000)


def test_what_holds_no_database_says_so() -> None:
    with pytest.raises(BadExport, match="no messages"):
        crypt15.decrypted(pieces(encrypted(b"PK\x03\x04 pictures", KEY)), KEY)
    with pytest.raises(BadExport, match="ends early"):
        crypt15.decrypted(
            pieces(encrypted(zlib.compress(b"SQLite format 3\0" + bytes(9999))[:-9], KEY, packed=False)), KEY
        )


def test_the_older_kind_and_passwords_are_explained() -> None:
    older = bytes([0x12, 2, 0x0A, 0])
    with pytest.raises(UsageError, match="crypt14"):
        crypt15.decrypted([bytes([len(older)]) + older + bytes(100)], KEY)
    with pytest.raises(UsageError, match="password"):
        crypt15.decrypted([bytes([2, 0x08, 1]) + bytes(100)], KEY)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_header_crashes(data: bytes) -> None:
    with pytest.raises(GroupArchiveError):
        crypt15.decrypted([data], KEY)


def test_a_whole_backup_is_chosen_before_increments(tmp_path: Path) -> None:
    for name in ("msgstore-increment-1.db.crypt15", "msgstore-2024-01-01.1.db.crypt15", "msgstore.db.crypt15"):
        (tmp_path / name).write_bytes(b"x")
    box = open_box(tmp_path)
    chosen: Any = WhatsAppBackup._find(box)
    box.close()
    assert chosen == "msgstore.db.crypt15"
