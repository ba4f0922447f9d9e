"""How the demonstration speaks: headings, plain sentences, command lines as a person would type them, what they answered."""

import os
import shutil
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from typing import TextIO

from grouparchive.demo.table import Row

LONGEST = 40
"""Lines of one command's answer that are shown."""


class Screen:
    """Writes to a stream; bold and dim only on a terminal that wants them."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._styled = self._stream.isatty() and "NO_COLOR" not in os.environ
        self._start = time.monotonic()
        self._step = 0
        self._width = max(60, min(100, shutil.get_terminal_size((96, 24)).columns))

    def heading(self, title: str) -> None:
        """A new part of the story."""
        self._step += 1
        seconds = f"{time.monotonic() - self._start:.0f} s"
        self._line(f"\n{self._bold(f'{self._step}. {title}')}  {self._dim(f'[{seconds}]')}")

    def text(self, words: str) -> None:
        """A paragraph."""
        self._line(textwrap.fill(words, self._width, initial_indent="   ", subsequent_indent="   "))

    def fact(self, words: str) -> None:
        """Something that was checked just now, and holds."""
        self._line(textwrap.fill(f"✓ {words}", self._width, initial_indent="   ", subsequent_indent="     "))

    def command(self, line: str) -> None:
        """What is typed."""
        self._line(f"   {self._bold('$ ' + line)}")

    def answer(self, text: str) -> None:
        """What came back; long answers are cut, and say so."""
        lines = [line.rstrip() for line in text.strip("\n").splitlines()]
        for line in lines[:LONGEST]:
            self._line(f"     {self._dim(line)}" if line else "")
        if len(lines) > LONGEST:
            self._line(f"     {self._dim(f'... {len(lines) - LONGEST} more lines')}")

    def table(self, rows: Sequence[Row]) -> None:
        """Before and after."""
        width = max(len(row.feature) for row in rows)
        self._line(self._bold(f"   {'':<{width}}  before   same  explained  unexplained"))
        for row in rows:
            why = f"  {self._dim(row.why)}" if row.why and row.explained else ""
            self._line(
                f"   {row.feature:<{width}}  {row.before:>6} {row.same:>6} {row.explained:>10} {row.unexplained:>12}{why}"
            )

    def listing(self, items: Iterable[tuple[str, str]]) -> None:
        """What to type, and what for."""
        for line, purpose in items:
            self._line(f"   {self._bold(line)}")
            if purpose:
                self._line(f"       {purpose}")

    def blank(self) -> None:
        """An empty line."""
        self._line("")

    def _line(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

    def _bold(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self._styled else text

    def _dim(self, text: str) -> str:
        return f"\033[2m{text}\033[0m" if self._styled else text
