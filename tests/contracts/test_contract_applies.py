"""Nothing in the contract of connectors is for nobody, and no format of files is without it."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import file_contract
import pytest
from connector_contract import ConnectorContract
from connector_stage import Can, ConnectorStage
from contract_clauses import CHECKS, applying
from file_stage import FileStage

from grouparchive.platforms import registry

TESTS = Path(__file__).resolve().parent.parent
WHERE = [*sorted(TESTS.glob("platforms/*/test_*_contract.py")), TESTS / "platforms" / "test_sandbox.py"]
# Formats that hold no group: they are recognised to say what to do instead.
REFUSED = {"TelegramPages", "DiscordPages"}


@pytest.fixture(scope="module")
def stages() -> list[type[ConnectorStage]]:
    found: list[type[ConnectorStage]] = []
    before = list(sys.path)
    try:
        for path in WHERE:
            sys.path.insert(0, str(path.parent))
            spec = importlib.util.spec_from_file_location(f"looked_at_{path.stem}", path)
            assert spec
            assert spec.loader
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            found += [
                one.stage
                for one in vars(module).values()
                if isinstance(one, type) and issubclass(one, ConnectorContract) and "stage" in vars(one)
            ]
    finally:
        sys.path[:] = before
    return found


def test_each_clause_is_for_somebody(stages: list[type[ConnectorStage]]) -> None:
    assert file_contract.FileContract
    counts = Counter(check.__name__ for stage in stages for check in applying(stage.can))
    assert [check.__name__ for check in CHECKS if not counts[check.__name__]] == []
    of_files = {check.__name__ for check, needed in CHECKS.items() if Can.EXPORTS in needed}
    assert all(counts[name] > 1 for name in of_files), "a clause for one platform alone is a test of that platform"


def test_each_ability_counts(stages: list[type[ConnectorStage]]) -> None:
    needed = set().union(*CHECKS.values())
    claimed = set().union(*(stage.can for stage in stages))
    assert claimed == set(Can), "nobody can do this"
    # What stories are made of, beside what clauses ask for.
    assert set(Can) - needed <= {Can.SERVICE, Can.STRANGERS, Can.LEVELS, Can.TOPICS}


def test_each_format_keeps_the_contract(stages: list[type[ConnectorStage]]) -> None:
    kinds = {stage.kind.__name__ for stage in stages if issubclass(stage, FileStage)}
    formats = {one.__name__ for name in registry.names() for one in getattr(registry.load(name), "formats", ())}
    assert formats - kinds == REFUSED
    assert kinds <= formats
