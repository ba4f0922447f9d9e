"""A witness noted elsewhere proves that nothing was dropped, swapped or rolled back."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from shamir_mnemonic.wordlist import WORDLIST

from grouparchive.archive.attended import attend
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive
from grouparchive.archive.union import overlay
from grouparchive.archive.witness import newest, prove
from grouparchive.archive.writer import Writer
from grouparchive.crypto.witness import WORDS, read_witness, witness
from grouparchive.errors import Damaged, UsageError
from grouparchive.model.attended import Attended


def opened(*paths: Path) -> list[Archive]:
    archives = [Archive.open(path) for path in paths]
    overlay(archives)
    return archives


def words_of(path: Path) -> tuple[str, ...]:
    return newest(opened(path))[0].words


def test_a_witness_finds_its_position_also_after_more_commits(made: Any) -> None:
    made.write([])
    noted = words_of(made.path)
    for _ in range(3):
        made.write([])
    found = prove(opened(made.path), [noted])
    assert [(one.writer, one.seq) for one in found] == [(made.home.writer_id.hex(), 1)]


def test_an_older_copy_does_not_fit(made: Any) -> None:
    made.write([])
    old = Path(shutil.copy(made.path, made.folder / "old"))
    made.write([])
    noted = words_of(made.path)
    with pytest.raises(Damaged, match="older than the witness"):
        prove(opened(old), [noted])
    assert prove(opened(old, made.path), [noted])[0].seq == 2


def test_a_chain_that_was_written_anew_does_not_fit(made: Any) -> None:
    """Who has stolen the writer at one commit can go on from there, on an older copy, but not with the same heads."""
    made.write([])
    stolen = Path(shutil.copytree(made.home.folder, made.folder / "stolen"))
    copy = Path(shutil.copy(made.path, made.folder / "copy"))
    made.write([])
    noted = words_of(made.path)
    for _ in range(3):
        with Writer.open(copy, WriterHome.load(stolen), pinned=made.pin, now=made.now) as writer:
            writer.commit()
    with pytest.raises(Damaged):
        prove(opened(copy), [noted])


def test_a_witness_of_another_archive_does_not_fit(made: Any, make_archive: Any) -> None:
    with pytest.raises(Damaged):
        prove(opened(make_archive().path), [words_of(made.path)])


def test_a_statement_that_was_taken_away_shows_against_the_owners_witness(made: Any) -> None:
    attend(made.reader(), Attended())
    noted = [one for one in newest(opened(made.path)) if one.of_owner]
    assert prove(opened(made.path), [noted[0].words])[0].of_owner
    with sqlite3.connect(made.path) as db:
        db.execute("DELETE FROM statements")
    db.close()
    with pytest.raises(Damaged):
        prove(opened(made.path), [noted[0].words])


def test_of_several_witnesses_the_one_that_does_not_fit_is_named_by_its_place(made: Any) -> None:
    with pytest.raises(Damaged, match="witness 2 of those given"):
        prove(opened(made.path), [words_of(made.path), ("academic",) * WORDS])


def test_what_people_type_off_paper_is_understood() -> None:
    words = witness(bytes(32), bytes(16), 5, b"\x07" * 32)
    assert len(words) == WORDS
    assert set(words) <= set(WORDLIST)
    numbered = "\n".join(f"{place}. {word.upper()}" for place, word in enumerate(words, 1))
    assert read_witness(numbered) == words
    assert read_witness(" ".join(word[:4] for word in words)) == words
    assert read_witness("-".join(words)) == words


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda words: words[:-1], "13 words, and 12"),
        (lambda words: [*words[:4], "zzzz", *words[5:]], "word 5"),
        (lambda words: [*words[:4], words[4][:2], *words[5:]], "word 5"),
    ],
)
def test_a_mistyped_witness_is_told_by_the_place_of_its_word(change: Any, says: str) -> None:
    words = list(witness(bytes(32), bytes(16), 5, b"\x07" * 32))
    with pytest.raises(UsageError, match=says):
        read_witness(" ".join(change(words)))


def test_the_words_depend_on_everything() -> None:
    base = (bytes(32), bytes(16), 5, b"\x07" * 32)
    others = [
        (b"\1" * 32, *base[1:]),
        (base[0], b"\1" * 16, *base[2:]),
        (*base[:2], 6, base[3]),
        (*base[:3], b"\x08" * 32),
    ]
    assert len({witness(*one) for one in (base, *others)}) == 5
