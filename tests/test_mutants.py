"""The list of mutants follows the code, and the script that runs them tells a promise with a test from one without."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
LATER: set[str] = set()

CODE = '''"""A small promise."""


def double(number: int) -> int:
    """Twice a number."""
    return number + number
'''
TESTS = """import pytest

from grouparchive.sums import double


@pytest.fixture
def four() -> int:
    return double(2)


@pytest.mark.parametrize("number", [0, 1])
def test_twice(number: int) -> None:
    assert double(number) == 2 * number


def test_late() -> None:
    from grouparchive import late

    assert late.double(1) == 2


def test_nothing() -> None:
    assert True


def test_set_up(four: int) -> None:
    assert four == 4


class TestInside:
    def test_twice(self) -> None:
        assert double(1) == 2
"""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tools" / "mutants.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutants"] = module  # where its dataclasses look for themselves
    spec.loader.exec_module(module)
    return module


mutants = load()
LIST = mutants.load()


def test_every_snippet_stands_in_its_file_exactly_once() -> None:
    assert mutants.stale(LIST) == []


def test_every_test_that_must_notice_is_there() -> None:
    assert mutants.missing_tests(LIST) == ""


def test_every_promise_has_its_mutants() -> None:
    found = Counter(one.promise for one in LIST)
    assert {promise for promise in mutants.PROMISES if found[promise] < 2} == LATER


# --- the script itself ---------------------------------------------------------------------------------------------------


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name, text in {
        "grouparchive/__init__.py": "",
        "grouparchive/sums.py": CODE,
        "grouparchive/late.py": "from grouparchive.sums import double\n",
        "tests/test_sums.py": TESTS,
        "pyproject.toml": "[tool.pytest.ini_options]\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def written(tree: Path, *entries: tuple[str, str, str, str]) -> Path:
    """A list of mutants: (file, old, new, test)."""
    listed = tree.parent / "list.toml"
    listed.write_text(
        "".join(
            f"[[mutant]]\nname = 'm{at}'\npromise = 'Quiet'\nbreaks = 'it'\nfile = 'grouparchive/{file}.py'\n"
            f"old = '{old}'\nnew = '{new}'\ntests = ['tests/test_sums.py::{test}']\n"
            for at, (file, old, new, test) in enumerate(entries)
        )
    )
    return listed


def test_only_a_test_that_fails_by_itself_catches_a_mutant(tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = ("sums", "number + number", "number * 3")
    listed = written(
        tree,
        (*wrong, "test_twice"),
        (*wrong, "TestInside::test_twice"),
        (*wrong, "test_nothing"),  # sees nothing
        ("sums", "number + number", "1 // (number - 2)", "test_set_up"),  # its fixture fails
        ("sums", "def double", "def treble", "test_nothing"),  # cannot be imported
        ("late", "sums import", "sum import", "test_late"),  # cannot be imported later on
    )
    assert mutants.main(["-j", "2"], root=tree, path=listed) == 1
    lines = capfd.readouterr().out.splitlines()
    verdicts = [line.split()[0] for line in lines if line.split()[0] in {"caught", "SURVIVED", "BROKEN"}]
    assert verdicts == ["caught", "caught", "SURVIVED", "BROKEN", "BROKEN", "BROKEN"]
    assert lines[-1].startswith("2 of 6 caught")
    assert (tree / "grouparchive" / "sums.py").read_text() == CODE


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("number - number", "0", "stands 0 times"),
        ("number", "other", "stands 4 times"),
        ("number + number", "number +", "is no Python"),
        ("return number + number", "return (number + number)", "changes nothing"),
    ],
)
def test_an_edit_that_cannot_be_made_is_an_error(
    tree: Path, capfd: pytest.CaptureFixture[str], old: str, new: str, complaint: str
) -> None:
    assert mutants.main([], root=tree, path=written(tree, ("sums", old, new, "test_twice"))) == 1
    assert complaint in capfd.readouterr().err


def test_tests_that_are_not_there_or_fail_anyway_show_nothing(tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    edit = ("sums", "number + number", "number * 3")
    assert "nowhere" in mutants.missing_tests(mutants.load(written(tree, (*edit, "nowhere"))), tree)
    (tree / "tests" / "test_sums.py").write_text(TESTS.replace("assert True", "assert False"))
    assert mutants.main([], root=tree, path=written(tree, (*edit, "test_nothing"))) == 1
    assert "do not pass on an unbroken copy" in capfd.readouterr().err
