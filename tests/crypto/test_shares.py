import itertools
import re
import time
from unittest.mock import patch

import pytest
from shamir_mnemonic import Share, generate_mnemonics
from shamir_mnemonic.wordlist import WORDLIST

from grouparchive.crypto import shares, slots
from grouparchive.crypto.primitives import be64, lp
from grouparchive.crypto.shares import NewShares, Quorum, new_shares, read_share_text, write_share_text
from grouparchive.crypto.slots import Passphrase, RecoveryKey, Shares, SlotRow
from grouparchive.errors import Damaged, GroupArchiveError, UsageError, WrongSecret

AID = b"a" * 32
ROOTS = {"content": b"c" * 32, "roster": b"r" * 32}


@pytest.fixture(scope="module")
def made() -> NewShares:
    return new_shares(2, 3)


@pytest.fixture(scope="module")
def rows(made: NewShares) -> list[SlotRow]:
    return slots.new_share_slots(made, AID, 0, ROOTS)


def opened(rows: list[SlotRow], *texts: str) -> dict[str, bytes]:
    return {vault: found.root for vault, found in slots.open_slots(rows, AID, Shares(texts)).items()}


def refused(error: type[GroupArchiveError], rows: list[SlotRow], *texts: str) -> str:
    with pytest.raises(error) as caught:
        slots.open_slots(rows, AID, Shares(texts))
    assert caught.value.hint
    for one, two in itertools.pairwise(
        " ".join(texts).split("words:")[-1].split()
    ):  # nothing of a share is in an error
        assert f"{one} {two}" not in caught.value.message
    return caught.value.message


def resum(row: SlotRow, **change: object) -> SlotRow:
    changed = slots.replace(row, **change)
    return slots.replace(changed, checksum=changed.sum(AID))


def forged(share: str, **change: object) -> str:
    """A share with a valid checksum that says something else."""
    return str(Share(**{**vars(Share.from_mnemonic(share)), **change}).mnemonic())


def test_any_two_of_three_open_both_vaults(made: NewShares, rows: list[SlotRow]) -> None:
    for pair in itertools.permutations(made.mnemonics, 2):
        assert opened(rows, *pair) == ROOTS
    assert opened(rows, *made.mnemonics) == ROOTS
    assert opened(rows, made.mnemonics[0], *made.mnemonics) == ROOTS


def test_shares_are_33_words_and_each_set_is_new(made: NewShares) -> None:
    assert [len(words.split()) for words in made.mnemonics] == [33] * 3
    other = new_shares(2, 3)
    assert other.key != made.key
    assert not set(other.mnemonics) & set(made.mnemonics)


@pytest.mark.parametrize(("needed", "total"), [(2, 2), (3, 5), (16, 16), (2, 16)])
def test_other_quorums(needed: int, total: int) -> None:
    made = new_shares(needed, total)
    rows = slots.new_share_slots(made, AID, 3, ROOTS)
    assert opened(rows, *made.mnemonics[-needed:]) == ROOTS
    refused(WrongSecret, rows, *made.mnemonics[: needed - 1])


@pytest.mark.parametrize(("needed", "total"), [(1, 1), (1, 3), (0, 2), (3, 2), (2, 17), (17, 17)])
def test_impossible_quorums_are_refused(needed: int, total: int) -> None:
    with pytest.raises(UsageError):
        new_shares(needed, total)


@pytest.mark.parametrize("text", ["", "2", "2:3", "2/3/4", "two/3", "-2/3", "2/333"])
def test_what_is_no_quorum_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="K/N"):
        shares.check_quorum(text)
    assert shares.check_quorum(" 2/3") == (2, 3)


def test_too_few(made: NewShares, rows: list[SlotRow]) -> None:
    assert refused(WrongSecret, rows, made.mnemonics[0]) == "this needs 2 shares, 1 was given"
    assert refused(WrongSecret, rows, *made.mnemonics[:1] * 3) == "this needs 2 shares, 1 was given"
    large = new_shares(4, 5)
    more = slots.new_share_slots(large, AID, 0, ROOTS)
    assert refused(WrongSecret, more, *large.mnemonics[:3]) == "this needs 4 shares, 3 were given"


def test_foreign(made: NewShares, rows: list[SlotRow]) -> None:
    other = new_shares(2, 3)
    message = "share 2 of those given belongs to another archive, or to an older set"
    assert refused(WrongSecret, rows, made.mnemonics[0], other.mnemonics[1]) == message
    elsewhere = write_share_text(made, 1, b"b" * 32)
    assert refused(WrongSecret, rows, made.mnemonics[0], elsewhere) == message
    assert refused(WrongSecret, rows, *other.mnemonics) == message.replace("2", "1")
    assert opened(rows, other.mnemonics[1], elsewhere, *made.mnemonics[1:]) == ROOTS


def test_shares_of_two_sets_that_both_count(made: NewShares, rows: list[SlotRow]) -> None:
    older = new_shares(2, 3)
    both = [*slots.new_share_slots(older, AID, 0, ROOTS), *rows]
    assert "several" in refused(WrongSecret, both, made.mnemonics[0], older.mnemonics[1])
    assert opened(both, *older.mnemonics[1:]) == opened(both, *made.mnemonics[1:]) == ROOTS


def test_a_share_that_is_not_genuine(made: NewShares, rows: list[SlotRow]) -> None:
    one, two, three = made.mnemonics
    for change in (
        {"value": b"f" * 32},
        {"member_threshold": 3},
        {"index": 7},
        {"group_count": 2},
        {"iteration_exponent": 15},
        {"extendable": False},
        {"group_index": 1},
    ):
        started = time.monotonic()
        assert "put in the place of the real one" in refused(Damaged, rows, one, forged(two, **change))
        assert opened(rows, forged(two, **change), one, three) == ROOTS
        assert time.monotonic() - started < 2


def test_shares_that_ask_for_hours_of_stretching_are_not_tried(made: NewShares, rows: list[SlotRow]) -> None:
    for change in ({"iteration_exponent": 15}, {"extendable": False}):
        both = [forged(words, **change) for words in made.mnemonics[:2]]
        with patch.object(shares, "combine_mnemonics") as combine:
            assert "put in the place of the real one" in refused(Damaged, rows, *both)
        combine.assert_not_called()


def test_a_slot_that_is_not_genuine(made: NewShares, rows: list[SlotRow]) -> None:
    thief = NewShares(b"t" * 32, made.quorum, ())
    put = slots.new_share_slots(thief, AID, 0, ROOTS)
    assert "put in the place of the real one" in refused(Damaged, put, *made.mnemonics)
    assert opened([*put, *rows], *made.mnemonics) == ROOTS


def test_many_bad_shares_among_enough_good_ones() -> None:
    made = new_shares(8, 16)
    rows = slots.new_share_slots(made, AID, 0, ROOTS)
    for bad in (0, 7, 15):
        given = list(made.mnemonics)
        given[bad] = forged(given[bad], value=b"f" * 32)
        assert opened(rows, *given) == ROOTS
    typed = [words.replace(words.split()[20], "akademic") for words in made.mnemonics[:4]]
    assert opened(rows, *typed, *made.mnemonics[4:12]) == ROOTS


def test_hopeless_sets_end_soon() -> None:
    made = new_shares(8, 16)
    rows = slots.new_share_slots(made, AID, 0, ROOTS)

    with patch.object(shares, "combine_mnemonics", side_effect=shares.MnemonicError) as combine:
        refused(Damaged, rows, *made.mnemonics)
    assert combine.call_count == 500
    with pytest.raises(UsageError, match="more shares"):
        opened(rows, *made.mnemonics * 5)


def test_typing_errors_say_which_share_and_which_word(made: NewShares, rows: list[SlotRow]) -> None:
    words = made.mnemonics[1].split()
    unknown = " ".join([*words[:13], "akademik", *words[14:]])
    message = refused(WrongSecret, rows, made.mnemonics[0], unknown)
    assert message.startswith("share 2 of those given has a typing error: word 14 ")
    assert refused(WrongSecret, rows, unknown).startswith("this share has a typing error: word 14 ")
    swapped = " ".join([words[1], words[0], *words[2:]])
    assert "changed places" in refused(WrongSecret, rows, made.mnemonics[0], swapped)
    assert "share 1 of those given has 32 words" in refused(WrongSecret, rows, " ".join(words[1:]), made.mnemonics[0])
    twice = " ".join([*words[:5], *words[4:]])
    assert "this share has 34 words" in refused(WrongSecret, rows, twice)
    wallet = generate_mnemonics(1, [(2, 3)], b"w" * 16)[0][0]
    assert "has 20 words, but a share has 33" in refused(WrongSecret, rows, wallet)


def test_every_single_wrong_word_is_noticed(made: NewShares) -> None:
    words = made.mnemonics[0].split()
    for at, word in enumerate(words):
        other = WORDLIST[(WORDLIST.index(word) + 1) % 1024]
        with pytest.raises(WrongSecret, match="typing error"):
            read_share_text(" ".join([*words[:at], other, *words[at + 1 :]]), AID)


@pytest.mark.parametrize(
    "text", ["", "dear diary", "key: ABCD", "words:", "archive: 6161-6161-6161-6161\nkey: x", "\u00e9 " * 40]
)
def test_what_is_no_share_says_so(rows: list[SlotRow], text: str) -> None:
    assert "is not a share" in refused(UsageError, rows, text)


def test_shares_where_the_archive_has_none(made: NewShares, rows: list[SlotRow]) -> None:
    others = slots.new_recovery_slots(RecoveryKey(b"k" * 32), AID, 0, ROOTS)
    assert refused(WrongSecret, others, *made.mnemonics) == "this archive has no shares slot"
    for secret in (RecoveryKey(b"k" * 32), Passphrase("none of these")):
        with pytest.raises(WrongSecret, match="has no"):
            slots.open_slots(rows, AID, secret)


@pytest.mark.parametrize("field", ["slot_id", "params", "commitment", "nonce", "wrapped", "checksum"])
def test_a_damaged_slot_is_damage(made: NewShares, rows: list[SlotRow], field: str) -> None:
    bad = [slots.replace(row, **{field: bytes([getattr(row, field)[0] ^ 1]) + getattr(row, field)[1:]}) for row in rows]
    assert "damaged" in refused(Damaged, bad, *made.mnemonics)
    assert opened([bad[0], rows[1]], *made.mnemonics) == {"roster": ROOTS["roster"]}


@pytest.mark.parametrize(
    "params",
    [
        b"", b"junk", lp(be64(1), be64(2)), lp(be64(1), be64(2), b"\3"), Quorum(1, 1, 3).encode(), Quorum(1, 4, 3).encode(),
        Quorum(1, 2, 17).encode(), Quorum(1 << 15, 2, 3).encode(), Quorum(1, 2, 3).encode() + lp(b""),
    ],
)  # fmt: skip
def test_malformed_parameters_are_damage(made: NewShares, rows: list[SlotRow], params: bytes) -> None:
    assert "damaged" in refused(Damaged, [resum(row, params=params) for row in rows], *made.mnemonics)


def test_a_doctored_file_cannot_ask_for_endless_work(made: NewShares, rows: list[SlotRow]) -> None:
    many = [resum(rows[0], params=Quorum(n, 2, 3).encode()) for n in range(20)]
    refused(Damaged, many, *made.mnemonics)


def test_no_secret_is_in_a_repr(made: NewShares) -> None:
    shown = repr(made) + repr(Shares(made.mnemonics)) + repr(slots.OpenedRoot(1, b"secret root"))
    assert not set(made.mnemonics[0].split()) & set(re.findall("[a-z]+", shown)) - {"needed", "total"}
    assert "secret root" not in shown
    assert repr(made.key) not in shown


TEXT_CHANGES = {
    "as it is": lambda text: text,
    "upper case": str.upper,
    "windows": lambda text: "\ufeff" + text.replace("\n", "\r\n"),
    "double spaced": lambda text: text.replace("\n", "\n\n"),
    "quoted": lambda text: "\n".join("> " + line for line in text.splitlines()),
    "written on": lambda text: f"Printed on a Sunday\n{text}\nDrawer 3, second folder\n",
    "written on, with a colon": lambda text: f"{text}Drawer: 3\n",
    "one word a line": lambda text: re.sub(r" +(?=[a-z]+\s)", "\n", text.split("words:")[1]),
    "numbered": lambda text: " ".join(f"{at}. {word}" for at, word in enumerate(text.split("words:")[1].split(), 1)),
    "only the words": lambda text: text.split("words:")[1],
}


@pytest.mark.parametrize("change", TEXT_CHANGES)
def test_a_share_survives_printing_typing_and_mail(made: NewShares, change: str) -> None:
    for number, words in enumerate(made.mnemonics):
        text = TEXT_CHANGES[change](write_share_text(made, number, AID))
        assert read_share_text(text, AID) == words


def test_a_share_file_names_its_number_and_how_many_open(made: NewShares) -> None:
    text = write_share_text(made, 1, AID)
    assert "archive: 6161-6161-6161-6161\nshare: 2 of 3\nopens with: any 2\nwords: " in text
    assert "slots:" not in text


@pytest.mark.parametrize("piece", ["words: ", "archive: 61 ", "> ", "academic ", "a" * 50, "\u00a0", "x: "])
def test_hostile_text_is_read_quickly(piece: str) -> None:
    started = time.monotonic()
    with pytest.raises((UsageError, WrongSecret)):
        read_share_text(piece * 200_000, AID)
    assert time.monotonic() - started < 2
