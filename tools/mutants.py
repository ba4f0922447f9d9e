"""Breaks each promise of the project in turn, in a copy of the code, and sees the tests fail that show it.

A mutant is one small edit that breaks a promise: tools/mutants.toml lists them, each with the tests that must notice. The
needed folders are copied to a temporary place, the edit is made there, and the named tests run against that copy, also in the
processes that they start; the checkout is never touched. A mutant is *caught* when each of its tests fails, and fails by
itself: a copy that cannot be imported or set up shows nothing. The same tests must pass on an unbroken copy. A mutant that
survives is a promise without a test. A snippet that no longer stands in its file exactly once is an error, so that the list
follows the code.
"""

import argparse
import ast
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).resolve().with_suffix(".toml")
PROMISES = (
    "Write-only",
    "Two vaults",
    "Post-quantum sealing",
    "Tamper-evident",
    "Nothing committed is lost",
    "Honest completeness",
    "Restore to a moment",
    "A plan before any action",
    "A thief cannot steer",
    "Quiet",
    "Members can tell",
)
"""The promises of the design, in its order."""
BESIDES = "Besides"
"""What the threats page says beyond them: bounds on hostile data, secrets that are told apart, the emergency."""

_NEEDED = (
    "grouparchive",
    "tests",
    "docs",
    "schemas",
    "tools",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "Makefile",
)
_SECONDS = 600
_NOT_RUN = ("ImportError", "ModuleNotFoundError", "NameError", "SyntaxError", "IndentationError")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One edit. `breaks` says in a sentence what no longer holds; each of `tests`, pytest node ids, must fail."""

    name: str
    promise: str
    breaks: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, source: str) -> str:
        """The file with the edit made.

        Raises:
            ValueError: the snippet does not stand there exactly once, or what comes out is no other program.
        """
        found = source.count(self.old)
        if found != 1:
            raise ValueError(f"its snippet stands {found} times in {self.file}, not once")
        changed = source.replace(self.old, self.new)
        try:
            if ast.dump(ast.parse(changed)) == ast.dump(ast.parse(source)):
                raise ValueError("its edit changes nothing")
        except SyntaxError as error:
            raise ValueError("its edit is no Python") from error
        return changed


@dataclass(slots=True)
class Ran:
    """What became of some tests: node ids without their parameters, and what pytest said in the end."""

    code: int
    failed: set[str] = field(default_factory=set)  # failed by themselves, in at least one case
    broken: set[str] = field(default_factory=set)  # could not be set up, imported or found
    output: str = ""


def load(path: Path = LIST) -> list[Mutant]:
    """The list.

    Raises:
        ValueError: two of one name, a promise that is none, or a mutant without tests.
    """
    found = [
        Mutant(**{**entry, "tests": tuple(entry["tests"])})
        for entry in tomllib.loads(path.read_text("utf-8"))["mutant"]
    ]
    names = [one.name for one in found]
    for one in found:
        if names.count(one.name) > 1 or one.promise not in {*PROMISES, BESIDES} or not one.tests:
            raise ValueError(f"{one.name}: not unique, without a test, or of an unknown promise")
    return found


def stale(mutants: Iterable[Mutant], root: Path = ROOT) -> list[str]:
    """Sentences about mutants that cannot be made any more, because the code has moved on."""
    told = []
    for one in mutants:
        try:
            one.applied((root / one.file).read_text("utf-8"))
        except (OSError, ValueError) as error:
            told.append(f"{one.name}: {error}")
    return told


def missing_tests(mutants: Iterable[Mutant], root: Path = ROOT) -> str:
    """What pytest says when it cannot find one of the tests; "" when it finds all."""
    done = _pytest(root, ["--collect-only", "-q", *_tests(mutants)], _SECONDS)
    return "" if done.returncode == 0 else done.stdout[-4000:]


def judge(mutant: Mutant, ran: Ran) -> str:
    """The verdict on a mutant, one word."""
    if ran.code == 1 and ran.failed >= set(mutant.tests):
        return "caught"
    return "SURVIVED" if ran.code in {0, 1} and not ran.broken else "BROKEN"


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT, path: Path = LIST) -> int:
    """Run it; 0 when every mutant was caught."""
    parser = argparse.ArgumentParser(description="Break each promise in a copy of the code, and see its test fail.")
    parser.add_argument("names", nargs="*", help="only these mutants")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="mutants at a time (default: 2)")
    parser.add_argument("--list", action="store_true", help="only list them")
    given = parser.parse_args(arguments)
    mutants = [one for one in load(path) if not given.names or one.name in given.names]
    unknown = set(given.names) - {one.name for one in mutants}
    if given.list:
        for one in mutants:
            print(f"{one.name:36} {one.promise:26} {one.breaks}")
        return 0
    told = stale(mutants, root) + [f"{name}: no such mutant" for name in sorted(unknown)]
    for sentence in told:
        print(f"error: {sentence}", file=sys.stderr)
    if told:
        print("hint: bring tools/mutants.toml up to date with the code", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        return _run(mutants, root, Path(folder), given.jobs)


def _run(mutants: list[Mutant], root: Path, folder: Path, jobs: int) -> int:
    begun = time.monotonic()
    sound = folder / "sound"
    copy(root, sound)
    print(f"{len(mutants)} mutants; first their tests on an unbroken copy ...", flush=True)
    ran = run_tests(sound, _tests(mutants))
    if ran.code != 0:
        print(f"error: they do not pass on an unbroken copy\n{ran.output[-6000:]}", file=sys.stderr)
        return 1

    def broken(mutant: Mutant) -> tuple[Mutant, Ran]:
        tree = folder / mutant.name
        copy(sound, tree)
        try:
            break_it(mutant, tree)
            return mutant, run_tests(tree, mutant.tests)
        finally:
            shutil.rmtree(tree, ignore_errors=True)

    verdicts = []
    with ThreadPoolExecutor(jobs) as threads:
        for mutant, after in threads.map(broken, mutants):
            verdicts.append(judge(mutant, after))
            shown = ", ".join(test.rpartition("/")[2] for test in mutant.tests)
            print(f"{verdicts[-1]:9} {mutant.promise:26} {mutant.name:36} {shown}", flush=True)
            if verdicts[-1] != "caught":
                print(f"          {mutant.breaks}\n{after.output[-3000:]}", file=sys.stderr)
    left = len(verdicts) - verdicts.count("caught")
    print(f"{verdicts.count('caught')} of {len(verdicts)} caught in {time.monotonic() - begun:.0f} s")
    if left:
        print("hint: a mutant that survives is a promise without a test: write the test", file=sys.stderr)
    return 1 if left else 0


def copy(root: Path, tree: Path) -> None:
    """Copy what the tests need. Compiled files come along: they are as good there, and save time."""
    tree.mkdir()
    for name in _NEEDED:
        if (root / name).is_dir():
            shutil.copytree(root / name, tree / name)
        elif (root / name).exists():
            shutil.copy2(root / name, tree / name)


def break_it(mutant: Mutant, tree: Path) -> None:
    """Make the edit in a copy."""
    path = tree / mutant.file
    path.write_text(mutant.applied(path.read_text("utf-8")), "utf-8")
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()


def run_tests(tree: Path, tests: Sequence[str], seconds: int = _SECONDS) -> Ran:
    """Run some tests in a copy and see what became of each."""
    report = tree / "report.xml"
    temp = tree / "temp"
    try:
        done = _pytest(tree, ["-q", "--tb=short", f"--junitxml={report}", f"--basetemp={temp}", *tests], seconds)
    except subprocess.TimeoutExpired:
        return Ran(-1, broken=set(tests), output=f"no end after {seconds} seconds")
    ran = Ran(done.returncode, output=done.stdout)
    cases = ET.parse(report).iter("testcase") if report.exists() else ()  # noqa: S314 - pytest's own report
    for case in cases:
        node = next((one for one in tests if _is_of(case, one)), "")
        failure = case.find("failure")
        if case.find("error") is not None or (failure is not None and _not_run(failure)):
            ran.broken.add(node)
        elif failure is not None:
            ran.failed.add(node)
    return ran


def _is_of(case: ET.Element, node: str) -> bool:
    file, _, inner = node.partition("::")
    *classes, name = inner.split("::")
    home = ".".join([file.removesuffix(".py").replace("/", "."), *classes])
    shown = case.get("name", "")
    return case.get("classname") == home and (shown == name or ("[" not in name and shown.startswith(f"{name}[")))


def _not_run(failure: ET.Element) -> bool:
    return failure.get("message", "").startswith(_NOT_RUN)


def _tests(mutants: Iterable[Mutant]) -> list[str]:
    return list(dict.fromkeys(test for one in mutants for test in one.tests))


def _pytest(tree: Path, arguments: Sequence[str], seconds: int) -> subprocess.CompletedProcess[str]:
    """Run pytest in a copy, which alone is imported from, also by the processes that tests start."""
    words = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE_"))}
    environment["PYTHONPATH"] = str(tree)
    started = subprocess.Popen(  # noqa: S603 - ourselves
        words,
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = started.communicate(timeout=seconds)
    except BaseException:
        os.killpg(started.pid, signal.SIGKILL)  # with all that the tests have started
        started.wait()
        raise
    return subprocess.CompletedProcess(words, started.returncode, output, "")


if __name__ == "__main__":
    sys.exit(main())
