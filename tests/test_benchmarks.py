"""What `make bench` stands on: a program's own figures, a peer's faults told as they are, and no speed for a wrong parse."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import exports
from tests.benchmarks.exports_peers import FOLDERS, MBOX, WHATSAPP, Installed, fault, installed, misread
from tests.benchmarks.measured import Measured, measured

RIGHT = Measured(
    code=0, late=False, seconds=2.0, cpu=1.5, peak_mb=30.0, told={"messages": 1000, "people": 990}, error=""
)


def test_memory_is_the_programs_and_not_that_of_who_starts_it(tmp_path: Path) -> None:
    ballast = b"x" * (150 << 20)
    small = measured([sys.executable, "-c", "print('{\"messages\": 3}')"], tmp_path)
    large = measured([sys.executable, "-c", "b'x' * (150 << 20)"], tmp_path)
    assert small.told == {"messages": 3}
    assert small.peak_mb < 100 < len(ballast) >> 20 <= large.peak_mb


def test_a_program_without_an_end_is_ended(tmp_path: Path) -> None:
    done = measured([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, limit=0.5)
    assert done.late
    assert done.seconds < 30
    assert fault(done, 1000, None).startswith("NOT READ: no end after")


def test_a_program_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    done = measured([sys.executable, "-c", "raise SystemExit('no such format')"], tmp_path)
    assert (done.code, done.late) == (1, False)
    assert fault(done, 1000, None) == "NOT READ: no such format"


@pytest.mark.parametrize(
    ("told", "wrong", "also"),
    [
        ({"messages": 1000, "people": 990}, "", ""),
        ({"messages": 1000, "people": 995}, "", "5 system lines as said by people"),
        ({"messages": 1000, "people": 0}, "", "990 people's messages without their author"),
        ({"messages": 1000}, "", ""),
        ({"messages": 990, "people": 990}, "WRONG: 10 system lines missing", ""),
        ({"messages": 988, "people": 985}, "WRONG: 12 messages missing", "5 people's messages without their author"),
        ({"messages": 1002, "people": 990}, "WRONG: 2 messages too many", ""),
        ({}, "NOT READ: ended with 0", ""),
    ],
)
def test_what_a_peer_read_wrongly_is_said(told: dict[str, int], wrong: str, also: str) -> None:
    run = replace(RIGHT, told=told)
    assert (fault(run, 1000, 990), misread(run, 990)) == (wrong, also)


def test_floors_are_always_there_and_peers_only_where_somebody_says(tmp_path: Path) -> None:
    (tmp_path / "whatsapp-chat-parser").mkdir()
    here = Installed([tmp_path])
    assert not here.has(WHATSAPP[0]), "a folder without the package"
    assert here.has(MBOX[-1])


def test_a_folder_of_peers_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDERS, str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit, match="no such folder"):
        installed()


def test_a_small_file_goes_all_the_way_and_a_wrong_count_does_not(tmp_path: Path) -> None:
    discord = next(one for one in exports.EXPORTS if one.kind == "discord")
    (tmp_path / "right").mkdir()
    (tmp_path / "wrong").mkdir()
    lines = {line.what: line for line in exports.measure(discord, tmp_path / "right", 600)}
    assert lines["json.load, the floor"].note.endswith("every message")
    assert lines["import, peak memory"].ok
    assert {"parse, times the rate of json.load", "import read again, with nothing new"} <= lines.keys()
    with pytest.raises(SystemExit, match="parse: 600 messages instead of 601"):
        exports.measure(replace(discord, expected=lambda count: count + 1), tmp_path / "wrong", 600)
