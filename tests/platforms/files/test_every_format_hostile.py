"""Every format that is read, damaged in every way: nothing is raised but an error in plain words, what is left comes out, and
where less comes out than the sound export had, a gap or an error says so.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import damage
import pytest
from any_export import Taken
from every_format import FORMATS, Format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grouparchive.model.records import Membership, Message

FRAMED = {"json", "answer", "html", "page", "zip"}
"""Shapes whose end is known, so that a missing part can be noticed. A chat's text cut between two lines is just a shorter chat."""
SHORTEST = 5
formats = pytest.mark.parametrize("form", FORMATS, ids=str)
documents = pytest.mark.parametrize(
    "form", [one for one in FORMATS if one.shape in {"json", "answer", "lines"}], ids=str
)
_sound: dict[str, Taken] = {}


def sound(form: Format, folder: Path) -> Taken:
    if form.name not in _sound:
        found = Taken(form.write(folder, form.sound()), form.choices)
        assert not found.error
        assert found.counts[Message] or form.people
        _sound[form.name] = found
    return _sound[form.name]


def phrases(form: Format, whole: Taken) -> list[str]:
    """What the file says and we give back, each once in it."""
    data = form.sound()
    lines = {line.strip() for line in whole.said().splitlines() if len(line.strip()) >= SHORTEST and line.isascii()}
    return sorted(line for line in lines if data.count(line.encode()) == 1)


class Judge:
    """Reads damaged exports of one format and gathers what is wrong with what came out."""

    def __init__(self, form: Format, folder: Path) -> None:
        self.form = form
        self.folder = folder
        self.whole = sound(form, folder)
        self.phrases = phrases(form, self.whole)
        self.wrong: list[str] = []
        self.path = form.write(folder, form.sound())

    def read(self, data: bytes) -> Taken:
        place = self.path / self.form.victim if self.path.is_dir() else self.path
        place.write_bytes(self.form.wrap(data))
        return Taken(self.path, self.form.choices)

    def all(self, damaged: Iterable[tuple[str, bytes]]) -> None:
        for name, data in damaged:
            found = self.read(data)
            if not found.told_more_than(self.whole):
                self.counts(name, found, data)
                self.words(name, found, data)

    def counts(self, name: str, found: Taken, data: bytes) -> None:
        """Fewer messages, and nothing said."""
        valid = self.form.shape in {"json", "answer"} and (_is_json(data) or not data.strip())
        hit = self.form.shape == "page" and not name.startswith("cut")  # a link that was hit is none
        if self.form.shape not in FRAMED or valid or hit:
            return  # nothing in it is wrong but what it says
        kind = Membership if self.form.people else Message
        if found.counts[kind] < self.whole.counts[kind]:
            self.wrong.append(f"{name}: {found.counts[kind]} of {self.whole.counts[kind]}, and nothing said")

    def words(self, name: str, found: Taken, data: bytes) -> None:
        """Words that are still in the file and do not come out. Of JSON the key may be what was hit: then they are nobody's."""
        if self.form.shape in {"json", "answer", "lines", "zip", "binary", "page", "cards"}:
            return  # in a saved page it may be a link that was hit, in a card the name of a field
        if self.form.shape == "mail" and "line" in name:
            return  # then its headers have no end, or are its text
        said = found.said()
        lost = [one for one in self.phrases if one.encode() in data and one not in said]
        if lost:
            self.wrong.append(f"{name}: {lost[:3]} is in the file, does not come out, and nothing said")

    def done(self) -> None:
        assert not self.wrong, f"{len(self.wrong)}: " + "\n".join(self.wrong[:40])


@pytest.fixture
def judge(form: Format, tmp_path: Path) -> Iterator[Judge]:
    found = Judge(form, tmp_path)
    yield found
    found.done()


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


# --- bytes -------------------------------------------------------------------------------------------------------------------


@formats
def test_cut_off_anywhere(judge: Judge) -> None:
    judge.all(damage.cuts(judge.form.sound()))


@formats
def test_bytes_that_became_others(judge: Judge) -> None:
    data = judge.form.sound()
    for seed in range(5):
        # What they hit may be a digit or a word: so only what comes of it is looked at, not how much.
        judge.read(damage.flips(data, seed))


@formats
def test_pieces_gone_doubled_and_moved(judge: Judge) -> None:
    for seed in range(6):
        judge.read(damage.pieces_gone(judge.form.sound(), seed))


@formats
def test_bytes_that_do_not_belong_there_and_other_encodings(judge: Judge) -> None:
    judge.all(damage.bytes_in(judge.form.sound(), 2))


@formats
def test_files_that_hold_nothing(judge: Judge) -> None:
    judge.all(damage.wholes())


QUICK = settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])


@formats
@QUICK
@given(places=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4), st.integers(0, 8)), min_size=1, max_size=5))
def test_any_damage(form: Format, tmp_path: Path, places: list[tuple[float, bytes, int]]) -> None:
    data = form.sound()
    for place, more, less in places:
        at = int(place * len(data))
        data = data[:at] + more + data[at + less :]
    Taken(form.write(tmp_path, data), form.choices)


TINY = [form for form in FORMATS if len(form.sound()) < 800]


@pytest.mark.parametrize("form", TINY, ids=str)
def test_a_tiny_file_cut_at_every_tenth_byte(judge: Judge) -> None:
    data = judge.form.sound()
    judge.all((f"cut at {at}", data[:at]) for at in range(0, len(data), 10))


@pytest.mark.faults
@formats
def test_cut_at_every_byte(judge: Judge) -> None:
    data = judge.form.sound()[:8000]
    judge.all((f"cut at {at}", data[:at]) for at in range(len(data)))


# --- values ------------------------------------------------------------------------------------------------------------------

Document = tuple[Any, Callable[[bytes], bytes]]


def inside(form: Format) -> Iterator[Document]:
    """The documents in the file, and what puts one back into its place."""
    if form.shape != "lines":
        yield json.loads(form.sound()), bytes
        return
    lines = form.sound().splitlines()
    kinds: set[str] = set()
    for number, line in enumerate(lines):
        document = json.loads(line)
        if document["kind"] not in kinds:
            kinds.add(document["kind"])
            yield document, lambda data, number=number: b"\n".join([*lines[:number], data, *lines[number + 1 :], b""])


def encoded(document: Any, form: Format) -> bytes:
    indent = None if form.shape == "lines" else 1
    return json.dumps(document, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")


def check_value(judge: Judge, way: tuple[Any, ...], before: Any, value: Any, data: bytes) -> None:
    """A value that is none, or of the same type, may be what it says. But no message goes without a word."""
    found = judge.read(data)
    if found.told_more_than(judge.whole) or judge.form.shape == "answer":
        return  # an answer of the platform may hold anything, and nothing
    shown = f"{way} := {str(value)[:40]}"
    same = type(value) is type(before) or (
        isinstance(before, bool | int | float) and isinstance(value, bool | int | float)
    )
    if isinstance(before, list) and not value:
        return  # an empty list says that there are none
    less = found.fewer_than(judge.whole)
    if "Message" in less or (less and value and not same and set(less) & {"Reaction", "Vote", "Edit", "Ban", "Fact"}):
        judge.wrong.append(f"{shown}: fewer {less}, and nothing said")
    elif value and not same and sum(map(bool, found.texts())) < sum(map(bool, judge.whole.texts())):
        judge.wrong.append(f"{shown}: a text is gone, and nothing said")


def some(values: list[Any], number: int, most: int) -> list[Any]:
    """So many of them, in turn others."""
    return [values[(number * most + at) % len(values)] for at in range(most)]


def try_values(judge: Judge, most: int) -> None:
    number = 0
    for document, around in inside(judge.form):
        for way in damage.places(document):
            number += 1
            for value in some(list(damage.ODD), number, most):
                data = around(encoded(damage.replaced(document, way, value), judge.form))
                check_value(judge, way, damage.at(document, way), value, data)


def try_raw(judge: Judge, most: int, deep: int = damage.NESTED, every: int = 1) -> None:
    number = 0
    values = list(damage.raw_values(deep))
    for document, around in inside(judge.form):
        for way in damage.places(document):
            number += 1
            for name, value in some(values, number, most) if number % every == 0 else ():
                if not value and isinstance(way[-1], int):
                    continue  # a list with one element less
                data = around(damage.raw(document, way, value, None if judge.form.shape == "lines" else 1))
                check_value(judge, way, damage.at(document, way), name, data)


@documents
def test_each_value_of_another_type(judge: Judge) -> None:
    try_values(judge, 1)


@documents
def test_each_value_as_no_library_writes_it(judge: Judge) -> None:
    try_raw(judge, 1, 10_000, 5)  # to 100,000 levels in the test below, and with `make faults`


@documents
def test_each_key_missing(judge: Judge) -> None:
    for document, around in inside(judge.form):
        for way in damage.places(document):
            if isinstance(way[-1], str):
                data = around(encoded(damage.without(document, way), judge.form))
                check_value(judge, way, damage.at(document, way), None, data)


@documents
def test_keys_twice_and_keys_nobody_knows(judge: Judge) -> None:
    """Of two the last counts, or the first: but both are read, and what is unknown is passed over, however deep it is."""
    deep = b'"nobody knows": ' + b'[{"a":' * damage.NESTED + b"1" + b"}]" * damage.NESTED + b", "
    huge = b'"nobody knows": "' + b"x" * 100_000 + b'", '
    number = b'"nobody knows": ' + b"9" * 10_000 + b", "
    for document, around in inside(judge.form):
        objects = [way for way in [(), *damage.places(document)] if isinstance(damage.at(document, way), dict)]
        for turn, way in enumerate(objects):
            one = damage.at(document, way)
            twice = b"".join(json.dumps(key).encode() + b": null, " for key in one)
            for more in (twice, *((deep, huge, number)[turn // 4 % 3] for _ in range(turn % 4 == 0))):
                inner = encoded(one, judge.form)
                data = b"{" + more + inner[1:] if not way else damage.raw(document, way, b"{" + more + inner[1:], 1)
                if judge.form.shape == "lines":
                    data = data.replace(b"\n", b" ")
                check_value(judge, way, one, "more keys", around(data))


@pytest.mark.faults
@documents
def test_each_value_of_every_type(judge: Judge) -> None:
    try_values(judge, len(damage.ODD))
    try_raw(judge, len(list(damage.raw_values())))


@pytest.mark.faults
@formats
def test_damage_at_many_more_places(judge: Judge) -> None:
    """Of mails and tables only that nothing is raised: what is hit may be the name of a header or of a column."""
    data = judge.form.sound()
    for name, damaged in damage.bytes_in(data, 30):
        found = judge.read(damaged)
        if not found.told_more_than(judge.whole):
            judge.counts(name, found, damaged)
    for seed in range(300):
        judge.read(damage.flips(data, seed))
        judge.read(damage.pieces_gone(data, seed))
