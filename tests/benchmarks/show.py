"""The printed table, and running one measurement in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """A figure; where it has a goal, `value` is compared with it."""

    what: str
    value: float
    unit: str = "s"
    goal: float | None = None
    at_most: bool = False
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the goal is reached."""
        return self.goal is None or (self.value <= self.goal if self.at_most else self.value >= self.goal)


def show(title: str, lines: list[Line]) -> None:
    """Print a table."""
    print(f"\n{title}")
    width = max(len(line.what) for line in lines)
    for line in lines:
        goal = ""
        if line.goal is not None:
            goal = f"goal {'<=' if line.at_most else '>='} {line.goal:g}   {'reached' if line.ok else 'MISSED'}"
        note = f"   {line.note}" if line.note else ""
        print(f"  {line.what:<{width}}  {line.value:>10.2f} {line.unit:<6} {goal}{note}".rstrip())
    sys.stdout.flush()


def apart(module: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m module arguments` and give the JSON of its last line."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
