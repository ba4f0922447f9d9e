"""The shape of the code, held by reading it: who may import whom, who may print, what nobody may do."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "grouparchive"

# What each part may import from the package, besides itself. Down only.
BASE = {"durable", "errors", "model"}
MIDDLE = {"archive", "platforms", "people"}
MAY_IMPORT = {
    "__init__": set(),
    "__main__": {"cli"},
    "durable": set(),
    "errors": set(),
    "model": {"errors"},
    "crypto": BASE,
    "archive": BASE | {"crypto"},
    "platforms": BASE | {"crypto"},
    "people": BASE | {"crypto"},
    "restore": BASE | {"crypto"} | MIDDLE,
    "backup": BASE | {"crypto"} | MIDDLE,
    "web": BASE | {"crypto", "restore", "backup"} | MIDDLE,
    "cli": BASE | {"crypto", "restore", "backup", "demo", "__init__"} | MIDDLE,
    "demo": BASE | {"crypto", "restore", "backup", "cli", "__init__"} | MIDDLE,
}

# One place for each cross-cutting thing.
ONLY_IN = {
    "httpx": ("grouparchive/platforms/", "grouparchive/demo/"),
    "tenacity": ("grouparchive/platforms/http.py",),
    "requests": (),
    "urllib.request": (),
    "pickle": (),
    "click": ("grouparchive/cli/",),
    "subprocess": ("grouparchive/cli/", "grouparchive/demo/"),
    "sqlite3": (
        "grouparchive/archive/",
        "grouparchive/platforms/sandbox",
        "grouparchive/platforms/whatsapp/sqlite_file.py",
        "grouparchive/demo/",
    ),
    "cryptography": (
        "grouparchive/crypto/",
        "grouparchive/archive/",
        "grouparchive/platforms/matrix/",
        "grouparchive/platforms/whatsapp/crypt15.py",
    ),
    "getpass": ("grouparchive/cli/",),
    "random": ("grouparchive/demo/",),
}

LINES = 450


def _files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _part(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every imported module, also the ones inside functions, as dotted names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield node.lineno, base
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def import_faults(part: str, source: str) -> list[str]:
    """What in a module's source breaks the rule for its part."""
    faults = []
    for line, name in _imports(ast.parse(source)):
        if name.startswith("."):
            faults.append(f"{line}: relative import")
        pieces = name.split(".")
        if pieces[0] == "grouparchive" and len(pieces) > 1:
            to = pieces[1]
            if to != part and to in MAY_IMPORT and to not in MAY_IMPORT[part]:
                faults.append(f"{line}: {part} imports {name}")
    return faults


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in _files()}


def test_every_part_has_a_rule() -> None:
    parts = {_part(path) for path in _files()}
    assert parts <= MAY_IMPORT.keys()
    assert {"model", "crypto", "errors", "platforms"} <= parts


def test_imports_point_down_only() -> None:
    faults = {_name(path): import_faults(_part(path), path.read_text(encoding="utf-8")) for path in _files()}
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("archive", "from grouparchive.platforms import http"),
        ("people", "import grouparchive.archive.reader"),
        ("platforms", "from grouparchive import people"),
        ("crypto", "def late():\n    from grouparchive.archive.reader import Archive"),
        ("model", "from grouparchive.crypto import primitives"),
        ("restore", "from grouparchive import cli"),
        ("backup", "from grouparchive.restore import planner"),
        ("archive", "from . import reader"),
    ],
)
def test_the_import_rule_sees_a_breach(part: str, source: str) -> None:
    assert import_faults(part, source)


def test_each_cross_cutting_thing_has_one_place(trees: dict[Path, ast.Module]) -> None:
    faults = []
    for path, tree in trees.items():
        for line, name in _imports(tree):
            for module, places in ONLY_IN.items():
                if (name == module or name.startswith(f"{module}.")) and not _name(path).startswith(places or ("\0",)):
                    faults.append(f"{_name(path)}:{line} imports {name}")
    assert faults == []


def test_only_the_command_line_prints(trees: dict[Path, ast.Module]) -> None:
    speaking = {"print", "input", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}
    faults = [
        f"{_name(path)}:{call.lineno} {name}"
        for path, tree in trees.items()
        if _part(path) not in {"cli", "demo"}
        for call, name in _calls(tree)
        if name in speaking
    ]
    assert faults == []


def test_package_code_does_not_assert_or_evaluate(trees: dict[Path, ast.Module]) -> None:
    faults = [
        f"{_name(path)}:{node.lineno} assert"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    faults += [
        f"{_name(path)}:{call.lineno} {name}"
        for path, tree in trees.items()
        for call, name in _calls(tree)
        if name in {"eval", "exec", "os.system", "os.popen"}
        or any(word.arg == "shell" and ast.unparse(word.value) != "False" for word in call.keywords)
    ]
    assert faults == []


def test_the_environment_is_read_at_the_edge_only(trees: dict[Path, ast.Module]) -> None:
    faults = [
        f"{_name(path)}:{node.lineno}"
        for path, tree in trees.items()
        if _part(path) not in {"cli", "demo"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv", "sys.argv"}
    ]
    assert faults == []


def test_errors_are_not_swallowed(trees: dict[Path, ast.Module]) -> None:
    """A handler that catches everything must do something; an empty one hides what went wrong."""
    faults = [
        f"{_name(path)}:{handler.lineno}"
        for path, tree in trees.items()
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler)
        and (handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"})
        and all(isinstance(statement, ast.Pass | ast.Continue) for statement in handler.body)
    ]
    assert faults == []


def test_every_module_opens_with_a_paragraph(trees: dict[Path, ast.Module]) -> None:
    assert [_name(path) for path, tree in trees.items() if not (ast.get_docstring(tree) or "").strip()] == []


def test_no_file_grows_out_of_hand() -> None:
    long = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in _files()}
    assert {name: count for name, count in long.items() if count > LINES} == {}


def test_every_error_has_its_code_and_a_hint() -> None:
    from grouparchive import errors  # noqa: PLC0415 - only this test looks inside

    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    codes = {cls.__name__: cls("m").code for cls in classes}
    assert codes["WrongSecret"] == 12
    assert set(codes.values()) == {1, 2, 10, 11, 12, 13, 20, 30}
    assert all(cls("m").hint.endswith((".", "NAME", "FILE")) for cls in classes)
