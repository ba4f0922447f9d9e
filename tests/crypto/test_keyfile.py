import base64
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.crypto import keyfile, slots
from grouparchive.crypto.keyfile import read_keys_text, read_slots_block, write_keys_text, write_slots_block
from grouparchive.crypto.primitives import lp
from grouparchive.crypto.recovery import has_recovery_key, read_recovery_text, write_recovery_text
from grouparchive.crypto.shares import new_shares, read_share_text, write_share_text
from grouparchive.crypto.slotrow import MAX_ROWS, SlotRow, pack_rows, unpack_rows
from grouparchive.crypto.slots import RecoveryKey
from grouparchive.crypto.words import check_words, to_words
from grouparchive.errors import Damaged, GroupArchiveError, UsageError, WrongSecret

AID = bytes(range(32))
KEY = bytes(range(100, 132))
ROOTS = {"content": b"c" * 32, "roster": b"r" * 32}
ROWS = slots.new_recovery_slots(RecoveryKey(KEY), AID, 0, ROOTS)
TEXT = write_keys_text(ROWS, AID)

SOME = st.binary(max_size=80)
ROW = st.builds(
    SlotRow,
    SOME,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    st.integers(0, (1 << 63) - 1),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    *[SOME] * 5,
)


@given(st.lists(ROW, max_size=5))
def test_packed_rows_come_back(rows: list[SlotRow]) -> None:
    assert unpack_rows(pack_rows(rows)) == rows


@given(st.binary(max_size=200))
def test_other_bytes_are_damage_or_rows(data: bytes) -> None:
    try:
        rows = unpack_rows(data)
    except Damaged:
        return
    assert pack_rows(rows) == data


def test_too_many_rows_are_damage() -> None:
    assert len(unpack_rows(pack_rows([ROWS[0]] * MAX_ROWS))) == MAX_ROWS
    with pytest.raises(Damaged):
        unpack_rows(pack_rows([ROWS[0]] * (MAX_ROWS + 1)))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: "\n".join("> " + line for line in text.splitlines()),
        lambda text: "\ufeffPrinted on a Sunday\n" + text + "\nDrawer 3: second folder\n",
        lambda text: text + "Drawer\n",
        lambda text: text.replace("slots:", "SLOTS:").replace("archive:", "  Archive:"),
        lambda text: (
            re.sub(r"(\w{7})(?=\w)", r"\1 ", text.split("slots:")[0])[:0] + text.replace("\n  ", "\n" + " " * 9)
        ),
        lambda text: text.rstrip().rstrip("="),
    ],
)
def test_a_keys_file_survives_printing_and_mail(change: object) -> None:
    assert callable(change)
    assert read_keys_text(change(TEXT), AID) == ROWS


def test_the_largest_keys_file_can_be_read() -> None:
    assert read_keys_text(write_keys_text([ROWS[0]] * MAX_ROWS, AID), AID) == [ROWS[0]] * MAX_ROWS


def test_every_document_carries_slot_rows_if_it_shall() -> None:
    made = new_shares(2, 3)
    rows = slots.new_share_slots(made, AID, 0, ROOTS)
    share = write_share_text(made, 0, AID, rows)
    assert read_slots_block(share, AID) == rows
    assert read_share_text(share, AID) == made.mnemonics[0]
    recovery = write_recovery_text(KEY, AID, ROWS)
    assert read_slots_block(recovery, AID) == ROWS
    assert read_recovery_text(recovery, AID) == KEY
    assert has_recovery_key(recovery)
    assert not has_recovery_key(TEXT)
    for text in (write_share_text(made, 0, AID), write_recovery_text(KEY, AID), "slots: QUJD"):
        assert read_slots_block(text, AID) == []
    assert read_slots_block(recovery, b"b" * 32) == []


def test_another_archives_keys_file_says_so() -> None:
    with pytest.raises(WrongSecret, match="another archive"):
        read_keys_text(TEXT, b"b" * 32)


@pytest.mark.parametrize("text", ["", "dear diary", TEXT.replace("slots:", ""), TEXT.replace("archive:", "")])
def test_what_is_no_keys_file_says_so(text: str) -> None:
    with pytest.raises(UsageError, match="not a recovery file, and no keys file"):
        read_keys_text(text, AID)


def block(data: bytes) -> str:
    return f"archive: {keyfile.short_id(AID)}\nslots: {base64.b64encode(data).decode()}\n"


@pytest.mark.parametrize(
    "text",
    [
        TEXT[:-100],
        TEXT.split("slots:")[0] + "slots:\n",
        TEXT.split("slots:")[0] + "slots: A",
        TEXT.replace("slots:\n  ", "slots:\n  A"),
        block(b"\0\0\0\0"),
        block(b"\0\0\0\4abcd"),
        block(b"\xff\xff\xff\xff" + b"x" * 100),
        block(lp(lp(lp(b"a", b"b")))),
    ],
)
def test_a_damaged_block_is_damage(text: str) -> None:
    with pytest.raises(Damaged, match="slots:"):
        read_keys_text(text, AID)


def test_a_wrong_letter_in_the_block_is_noticed_by_the_row() -> None:
    letters = TEXT.index("slots:\n  ") + 200
    changed = TEXT[:letters] + ("A" if TEXT[letters] != "A" else "B") + TEXT[letters + 1 :]
    rows = read_keys_text(changed, AID)
    assert [slots.is_sound(row, AID) for row in rows].count(False) == 1


@pytest.mark.parametrize("piece", ["slots: ", "> ", "A", "archive: 0 ", "slots:\n"])
def test_hostile_text_is_read_quickly(piece: str) -> None:
    with pytest.raises((UsageError, WrongSecret, Damaged)):
        read_keys_text(f"archive: {keyfile.short_id(AID)}\nslots: " + piece * 100_000, AID)


def test_no_rows_make_no_block() -> None:
    assert write_slots_block([]) == ""


def test_check_words_are_four_and_those_of_the_archive() -> None:
    assert check_words(AID) == check_words(AID)
    assert len(check_words(AID)) == 4
    assert check_words(AID) != check_words(bytes(32))
    assert to_words(b"\0\0\x10\x00\x00", 4) == ["academic", "acid", "academic", "academic"]


LINES = st.sampled_from(
    [
        f"archive: {keyfile.short_id(AID)}",
        "archive: 0000-0000-0000-0000",
        "key: ABCD-EFGH",
        "words: academic acid",
        "slots: AAAA",
        "slots:",
        "> ",
        *TEXT.splitlines(),
        *write_recovery_text(KEY, AID).splitlines(),
    ]
)


@given(st.lists(LINES | st.text(max_size=30), max_size=20).map("\n".join))
def test_any_text_is_read_or_refused_in_plain_words(text: str) -> None:
    def hint(call: Callable[..., object], *given: object) -> str:
        try:
            call(*given)
        except GroupArchiveError as error:
            return error.hint
        return "none is needed"

    for read in (read_keys_text, read_recovery_text, read_share_text, read_slots_block):
        assert hint(read, text, AID)
    assert hint(slots.open_slots, ROWS, AID, slots.Shares((text, text)))
