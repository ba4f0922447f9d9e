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


def test_every_promise_has_a_test_and_a_mutant_or_says_later() -> None:
    assert len(ROWS) == PROMISES
    mutants = {one["name"] for one in tomllib.loads((ROOT / "tools" / "mutants.toml").read_text("utf-8"))["mutant"]}
    for promise, shown, broken in ROWS:
        if "**later**" in shown:
            continue
        assert "`tests/" in shown, promise
        names = re.findall(r"`([\w-]+)`", broken)
        assert len(names) >= 2, promise
        assert set(names) <= mutants, set(names) - mutants
