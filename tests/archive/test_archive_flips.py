"""Single bytes flipped and files cut off, anywhere in a real archive. What touches a stored byte is noticed; nothing ends in
a traceback; and no commit is lost but the one whose bytes were touched: the others are read, directly or from a repaired copy.

What a byte belongs to is worked out by `page_map.py`, from the file format alone. `make test` draws a few; the thousands are in
`make faults`.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_map import PageMap

from grouparchive.archive.create import create_archive
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.repair import repair
from grouparchive.archive.schema import open_database
from grouparchive.archive.statements import append_statement
from grouparchive.archive.verify import verify, verify_deep
from grouparchive.archive.writer import Writer
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from grouparchive.crypto.statements import Revocation
from grouparchive.errors import Damaged, GroupArchiveError, WrongSecret
from grouparchive.model.records import Member, Message, Secret

COMMITS = 6
Held = dict[int, set[Any]]


class Patient:
    """An archive with two ways in, a statement of its owner, and files of several sizes; one byte at a time is changed."""

    def __init__(self, folder: Path, large: int) -> None:
        self.path = folder / "lane.archive"
        self.out = folder / "new.archive"
        self.keys = [RecoveryKey(os.urandom(32)) for _ in range(2)]
        home = WriterHome.create(folder / "profile" / "writer")
        genesis = create_archive(
            self.path,
            home,
            lambda archive_id, roots: [
                row for key in self.keys for row in new_recovery_slots(key, archive_id, 0, roots)
            ],
            now=lambda: 1,
        )
        self.pin = genesis.archive_id
        for number in range(1, COMMITS):
            with Writer.open(self.path, home, pinned=self.pin, now=lambda number=number: number) as writer:
                for one in range(20):
                    writer.add(Message(channel="!lane", ref=f"$m{number}-{one}", time=one, text=f"post {number} {one}"))
                    writer.add(Member(id=f"{100 * number + one:032x}", platform="p", origin="o", native=f"@moss{one}"))
                writer.add_blob([os.urandom(1000 * number)])
                if number == 1:
                    writer.add_blob([os.urandom(large)])
                writer.commit()
        self._state()
        self.map = PageMap(self.path, self._owner_of())
        self.whole = self.held(self.path)
        assert set(self.whole) == set(range(COMMITS))
        assert sum(map(len, self.whole.values())) == 3 + 40 * (COMMITS - 1) + COMMITS

    def _state(self) -> None:
        with Archive.open(self.path) as archive:
            records = archive.unlock(self.keys[0]).records("content")
            (owner,) = (bytes.fromhex(r.key) for _, r in records if isinstance(r, Secret))
            db = open_database(self.path, readonly=False)
            body = Revocation(b"\5" * 16, 7).encode()
            append_statement(db, archive.genesis, archive.statements, owner, kind="revoke", body=body, now=1)
            db.close()

    def _owner_of(self) -> Any:
        with Archive.open(self.path) as archive:
            commits = {entry.oid: str(commit) for commit in archive.commits for entry in commit.objects}

        def owner_of(table: str, row: tuple[Any, ...]) -> str:
            match table:
                case "rows" | "keys":
                    return commits[row[0]]
                case "commits":
                    return f"commit {row[1]}"
                case _:
                    return table

        return owner_of

    def held(self, path: Path) -> Held:
        """What can be read of each commit, by whichever way in opens it."""
        found: Held = {}
        try:
            with Archive.open(path) as archive:
                reader = self._unlock(archive)
                for vault in ("content", "roster"):
                    for commit, record in reader.records(vault):
                        found.setdefault(commit.seq, set()).add(repr(record))
                for commit in archive.commits:
                    for entry in commit.objects:
                        if entry.kind == "blob":
                            try:
                                found.setdefault(commit.seq, set()).add(hash(b"".join(reader.pieces(entry))))
                            except Damaged:
                                continue
        except GroupArchiveError as error:
            assert error.code in {10, 12, 13}, error  # noqa: PT017 - that nothing can be read is a result
        return found

    def _unlock(self, archive: Archive) -> Reader:
        for key in self.keys:
            try:
                reader = archive.unlock(key)
            except (WrongSecret, Damaged):
                continue
            if len(reader.vaults) == 2:
                return reader
        raise Damaged("no way in is left")

    def whole_commits(self, path: Path) -> set[int]:
        found = self.held(path)
        return {seq for seq, held in self.whole.items() if found.get(seq) == held}

    def complaints(self) -> list[str]:
        try:
            return verify(self.path, pinned=self.pin).problems
        except GroupArchiveError as error:
            assert error.code in {10, 13}, error  # noqa: PT017 - either is fine
            return [error.message]

    def saved(self) -> set[int]:
        """The commits that a repaired copy holds whole."""
        self.out.unlink(missing_ok=True)
        try:
            repair([self.path], self.out, pinned=self.pin)
        except GroupArchiveError as error:
            assert error.code in {10, 13}, error  # noqa: PT017 - that nothing can be saved is a result
            return set()
        return self.whole_commits(self.out)


def flip(patient: Patient, at: int, mask: int) -> None:
    with patient.path.open("r+b", buffering=0) as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ mask]))


def check_flip(patient: Patient, at: int, mask: int, tally: Counter[str]) -> None:
    owner = patient.map.owner(at)
    kind, _, seq = owner.partition(" ")
    tally[kind] += 1
    flip(patient, at, mask)
    try:
        where = f"byte {at} ({owner}) with {mask:#x}"
        told = patient.complaints()
        if owner == "unused":
            assert told == [], where
            assert patient.held(patient.path) == patient.whole, where
            return
        if kind == "sealed":
            assert told == [], where  # without a secret nobody can tell
            with Archive.open(patient.path) as archive:
                deep = verify_deep(patient._unlock(archive)).problems
            assert [one.split(":")[0] for one in deep] == [f"commit {seq}"], where
        else:
            assert told, where
        expected = set(patient.whole) - ({int(seq)} if seq else set())
        if not patient.whole_commits(patient.path) >= expected:
            tally["only readable when repaired"] += 1
            assert patient.saved() >= expected, where
    finally:
        flip(patient, at, mask)


def check_cut(patient: Patient, size: int, tally: Counter[str]) -> None:
    data = patient.map.data
    patient.path.write_bytes(data[:size])
    try:
        assert patient.complaints(), size
        needed = max(patient.map.last(owner) for owner in ("genesis", "slots", "writers"))
        commits = {seq: patient.map.last(f"commit {seq}") for seq in patient.whole}
        expected = {seq for seq, last in commits.items() if max(last, needed) < size}
        tally["cuts"] += 1
        tally["commits that were all there"] += len(expected)
        if expected:
            assert patient.saved() >= expected, size
    finally:
        patient.path.write_bytes(data)


def draw(patient: Patient, count: int, chance: random.Random) -> Iterator[int]:
    """Half of them anywhere, half anywhere but inside files: there most bytes are, and they are all alike."""
    whole = len(patient.map.data)
    table_pages = [page for page in range(0, whole, 16384) if page == 0 or patient.map.data[page] in {2, 5, 10, 13}]
    for number in range(count):
        yield chance.randrange(whole) if number % 2 else chance.choice(table_pages) + chance.randrange(16384)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Patient:
    return Patient(tmp_path_factory.mktemp("patient"), 70_000)


def test_flipped_bytes(patient: Patient) -> None:
    tally: Counter[str] = Counter()
    chance = random.Random()
    for at in draw(patient, 150, chance):
        check_flip(patient, at, chance.randrange(1, 256), tally)
    assert patient.saved() == set(patient.whole)


def test_every_part_of_the_file_holds_against_a_flip(patient: Patient) -> None:
    """One byte of each kind, where random ones seldom fall."""
    tally: Counter[str] = Counter()
    chance = random.Random()
    places: dict[int, list[int]] = {}
    for at, owner in enumerate(patient.map.owners):
        places.setdefault(owner, []).append(at)
    for some in places.values():
        for at in chance.sample(some, 2):
            check_flip(patient, at, chance.randrange(1, 256), tally)


def test_files_that_are_cut_off(patient: Patient) -> None:
    tally: Counter[str] = Counter()
    chance = random.Random()
    for _ in range(40):
        check_cut(patient, chance.randrange(len(patient.map.data)), tally)


@pytest.mark.faults
@pytest.mark.parametrize("seed", [1])
def test_two_thousand_flipped_bytes(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    patient = Patient(tmp_path, 9_000_000)
    tally: Counter[str] = Counter()
    chance = random.Random(seed)
    for at in draw(patient, 2_000, chance):
        check_flip(patient, at, chance.randrange(1, 256), tally)
    with capsys.disabled():
        print(f"\n2,000 flips in {len(patient.map.data):,} bytes: {dict(tally)}")  # noqa: T201 - the result


@pytest.mark.faults
def test_five_hundred_flips_in_what_holds_the_file_together(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Heads of pages, inner pages, indexes, the schema: all commits are there, if only in the repaired copy."""
    tally: Counter[str] = Counter()
    chance = random.Random(3)
    places = [at for at, owner in enumerate(patient.map.owners) if patient.map.names[owner] == "file"]
    for at in chance.sample(places, 500):
        check_flip(patient, at, chance.randrange(1, 256), tally)
    with capsys.disabled():
        print(f"\n500 flips in {len(places):,} such bytes: {dict(tally)}")  # noqa: T201 - the result


@pytest.mark.faults
def test_two_hundred_cuts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patient = Patient(tmp_path, 9_000_000)
    tally: Counter[str] = Counter()
    chance = random.Random(2)
    sizes = [chance.randrange(len(patient.map.data)) for _ in range(100)]
    sizes += [len(patient.map.data) - chance.randrange(200_000) for _ in range(100)]
    for size in sizes:
        check_cut(patient, size, tally)
    with capsys.disabled():
        print(f"\n200 cuts of {len(patient.map.data):,} bytes: {dict(tally)}")  # noqa: T201 - the result
