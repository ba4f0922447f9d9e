import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.crypto.slots import generate_recovery, read_recovery_text, write_recovery_text
from grouparchive.errors import UsageError, WrongSecret

AID = bytes(range(32))
KEY = bytes(range(100, 132))
TEXT = write_recovery_text(KEY, AID)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_what_is_written_can_be_read(key: bytes, archive_id: bytes) -> None:
    assert read_recovery_text(write_recovery_text(key, archive_id), archive_id) == key


def test_new_keys_differ() -> None:
    assert len({generate_recovery() for _ in range(10)}) == 10
    assert len(generate_recovery()) == 32


@pytest.mark.parametrize(
    "changed",
    [
        TEXT.lower(),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("-", " "),
        TEXT.replace("\n", "\n\n"),
        "\n".join("> " + line for line in TEXT.splitlines()),
        "\ufeff" + TEXT,
        "Printed on a Sunday\n" + TEXT + "\nDrawer 3, second folder\n",
        "Archive: " + TEXT.split("archive: ")[1].replace("key:", "KEY:  "),
        re.sub(r"-\n\s+", "-", TEXT),
        re.sub(r"key: (.*)", lambda line: line[0].replace("-", ""), TEXT),
    ],
)
def test_it_survives_printing_typing_and_mail(changed: str) -> None:
    assert read_recovery_text(changed, AID) == KEY


def test_another_archives_key_says_so() -> None:
    with pytest.raises(WrongSecret, match="another archive"):
        read_recovery_text(TEXT, bytes(32))


def test_every_single_typing_error_in_the_key_is_noticed() -> None:
    start = TEXT.index("key: ") + 5
    for at in range(start, len(TEXT)):
        if TEXT[at].isalnum():
            wrong = TEXT[:at] + ("A" if TEXT[at] != "A" else "B") + TEXT[at + 1 :]
            with pytest.raises(WrongSecret, match="typing error"):
                read_recovery_text(wrong, AID)


def test_digits_that_base32_does_not_have_are_read_as_the_letters_they_look_like() -> None:
    start = TEXT.index("key: ") + 5
    typed = TEXT[:start] + TEXT[start:].replace("O", "0").replace("I", "1").replace("B", "8")
    assert typed != TEXT
    assert read_recovery_text(typed, AID) == KEY


@pytest.mark.parametrize("text", [TEXT[:-10], TEXT.replace("key: ", "key: 1"), TEXT.replace("key: ", "key: \u00e9,9")])
def test_a_key_with_letters_missing_or_too_many_says_so(text: str) -> None:
    with pytest.raises(WrongSecret, match="typing error"):
        read_recovery_text(text, AID)


@pytest.mark.parametrize("text", ["", "archive: 00", TEXT.split("key:")[0], TEXT.replace("archive:", "box:")])
def test_what_is_no_recovery_file_says_so(text: str) -> None:
    with pytest.raises(UsageError, match="not a recovery file"):
        read_recovery_text(text, AID)


@pytest.mark.parametrize("piece", ["key:", "archive: ", "key: " + "A-" * 55, "archive: " + "0 " * 40])
def test_hostile_text_is_read_quickly(piece: str) -> None:
    with pytest.raises((UsageError, WrongSecret)):
        read_recovery_text(piece * 20_000, AID)
