"""docs/THREATS.md names what shows each claim: all of it exists, and each promise has a test, a mutant, or the word later."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "THREATS.md").read_text("utf-8")
TABLE = PAGE[PAGE.index("| promise |") : PAGE.index("## 1. ")]
ROWS = [line.split("|")[1:4] for line in TABLE.splitlines() if line.startswith("| **")]
PROMISES = 11  # DESIGN section 3


def test_everything_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:tests|docs|tools)/[\w./-]+)`", PAGE))
    assert len(named) > 40
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_promise_has_a_test_and_its_own_mutants_or_says_later() -> None:
    listed = tomllib.loads((ROOT / "tools" / "mutants.toml").read_text("utf-8"))["mutant"]
    mutants = {one["name"]: one for one in listed}
    assert len(ROWS) == PROMISES
    for promise, shown, broken in ROWS:
        if "**later**" in shown:
            continue
        files = set(re.findall(r"`(tests/[\w./-]+)`", shown))
        names = re.findall(r"`([\w-]+)`", broken)
        assert files, promise
        assert len(names) >= 2, promise
        for name in names:
            assert name in mutants
            assert f"**{mutants[name]['promise']}" in promise, name
        caught = {test.partition("::")[0] for name in names for test in mutants[name]["tests"]}
        assert files & caught, promise
