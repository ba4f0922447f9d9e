"""Every gap has a code that `Known` knows and that docs/platforms/gaps.md explains, and no other."""

import ast
import re
from pathlib import Path

import pytest

import grouparchive
from grouparchive.model.records import Gap, Known

ROOT = Path(grouparchive.__file__).parent
CODES = {code: name for name, code in vars(Known).items() if not name.startswith("_")}
GIVING = {"_gap", "gap", "_tell", "tell", "_noted", "noted", "_gapped", "gapped", "Gap", "_lost"}
"""Functions whose first argument is a code."""
SOURCES = sorted(path for part in ("platforms", "backup") for path in (ROOT / part).rglob("*.py"))


def literals(path: Path) -> list[str]:
    """Codes of gaps that a file spells out."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and node.value in CODES:
            found.append(node.value)
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            adds = name == "add" and "gaps" in ast.unparse(node.func)
            given = [one.value for one in node.keywords if one.arg == "code"]
            given += node.args[:1] if name in GIVING or adds else []
            sides = [
                side for one in given for side in ((one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,))
            ]
            found += [side.value for side in sides if isinstance(side, ast.Constant) and isinstance(side.value, str)]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_importer_spells_out_a_code(path: Path) -> None:
    assert not literals(path)


def test_spelt_out_codes_would_be_found(tmp_path: Path) -> None:
    lines = (
        'self._gap("a", x)', 'tell("b" if x else Known.TEXT_CUT)', 'Gap(code="c")', 'self.gaps.add("d")', 'x = "text-cut"',
        'self._desk.gap(Known.TEXT_CUT, "e")', 'seen.add("f")',
    )  # fmt: skip
    path = tmp_path / "a.py"
    path.write_text("\n".join(lines))
    assert sorted(literals(path)) == ["a", "b", "c", "d", "text-cut"]


def test_each_code_is_used_and_has_one_name() -> None:
    assert len(CODES) == sum(not name.startswith("_") for name in vars(Known))
    text = "".join(path.read_text() for path in ROOT.rglob("*.py"))
    assert [name for name in CODES.values() if f"Known.{name}" not in text] == []
    assert all(Gap(code=code).code for code in CODES)


def test_the_page_explains_each_code_and_no_other() -> None:
    page = (ROOT.parent / "docs" / "platforms" / "gaps.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    told = [code for code, _, _ in rows]
    assert sorted(told) == sorted(CODES)
    assert all(len(meaning) > 15 for _, meaning, _ in rows)


def test_no_page_speaks_of_a_code_that_is_gone() -> None:
    endings = r"(?:-unreadable|-left-out|-cut|-unknown|-too-long|-too-large|-not-exported|-partial|-unavailable)"
    for page in (ROOT.parent / "docs" / "platforms").glob("*.md"):
        spoken = set(re.findall(rf"`([a-z-]+{endings})`", page.read_text()))
        assert spoken <= CODES.keys(), page.name
