"""The only place that prints. Data goes to stdout, everything else to stderr; with `--json` both are JSON Lines.

What comes from a platform is untrusted: before it reaches a terminal, everything that could move the cursor, recolour or
reverse the text is taken out here.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import click
import msgspec

from grouparchive.errors import GroupArchiveError

# C0 and C1 controls but tab and newline, and the marks that reverse or hide text.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_TICK = 0.1


def safe(text: str) -> str:
    """The text without anything that a terminal would obey."""
    return _UNSAFE.sub("", text)


def one_line(text: str, width: int = 0) -> str:
    """Safe text on one line, cut to `width` characters when that is given."""
    flat = " ".join(safe(text).split())
    return flat if not width or len(flat) <= width else flat[: width - 1] + "…"


class Output:
    """Speaks to a person or to a script, never to both.

    Args:
        json: JSON Lines instead of prose.
        verbosity: -1 quiet, 0 ordinary, 1 and more: chatty.
    """

    def __init__(self, *, json: bool = False, verbosity: int = 0) -> None:
        self.json = json
        self.verbosity = verbosity
        self._bar = False

    # --- data ----------------------------------------------------------------------------------------------------

    def line(self, text: str = "") -> None:
        """A line of data for a person; nothing with --json."""
        if not self.json:
            self._clear()
            _write(sys.stdout, safe(text) + "\n")

    def result(self, text: str) -> None:
        """As `line`, of a command that runs unattended: nothing with -q, so that a scheduler has nothing to mail."""
        if self.verbosity >= 0:
            self.line(text)

    def event(self, event: str, /, **fields: Any) -> None:
        """A line of data for a script; nothing without --json."""
        if self.json:
            self.raw(msgspec.json.encode({"event": event, **fields}) + b"\n")

    def done(self, **fields: Any) -> None:
        """The last line of data for a script."""
        self.event("done", **fields)
        sys.stdout.flush()

    def raw(self, data: bytes) -> None:
        """Bytes to stdout as they are: exports."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def table(self, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table for a person; nothing with --json. Numbers are set to the right."""
        if self.json:
            return
        cells = [[_cell(cell) for cell in row] for row in rows]
        numeric = [bool(cells) and all(_is_number(row[at]) for row in cells) for at in range(len(head))]
        widths = [max(len(row[at]) for row in [list(head), *cells]) for at in range(len(head))]

        def lay(row: Sequence[str]) -> str:
            laid = (
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, numeric, strict=True)
            )
            return "  ".join(laid).rstrip()

        self.line(lay(head))
        self.line("  ".join("-" * width for width in widths))
        for row in cells:
            self.line(lay(row))

    # --- everything else -----------------------------------------------------------------------------------------

    def note(self, text: str = "") -> None:
        """Something worth knowing; not with -q."""
        if self.verbosity >= 0:
            self._say(text)

    def detail(self, text: str) -> None:
        """Something worth knowing with -v."""
        if self.verbosity > 0:
            self._say(text)

    def warn(self, text: str) -> None:
        """Something to look at, whatever the verbosity."""
        if self.json:
            self._say_json({"event": "warning", "warning": text})
        else:
            self._say(f"warning: {text}")

    def error(self, error: GroupArchiveError) -> None:
        """What went wrong, and what to do next."""
        if self.json:
            self._say_json({"event": "error", "code": error.code, "error": error.message, "hint": error.hint})
        else:
            self._say(f"error: {error.message}")
            if error.hint:
                self._say(f"hint: {error.hint}")

    def progress(self, label: str) -> "Progress":
        """A progress line, on a terminal only."""
        return Progress(self, label)

    def _say(self, text: str) -> None:
        self._clear()
        if self.json:
            self._say_json({"event": "note", "note": text})
        else:
            _write(sys.stderr, safe(text) + "\n")

    def _say_json(self, fields: Mapping[str, Any]) -> None:
        self._clear()
        _write(sys.stderr, msgspec.json.encode(fields).decode() + "\n")

    # --- the progress line ---------------------------------------------------------------------------------------

    @property
    def bars(self) -> bool:
        """Is there a person to show progress to?"""
        return not self.json and self.verbosity >= 0 and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def _draw(self, text: str) -> None:
        width = max(20, _columns() - 1)
        _write(sys.stderr, "\r\x1b[2K" + one_line(text, width))
        sys.stderr.flush()
        self._bar = True

    def _clear(self) -> None:
        if self._bar:
            _write(sys.stderr, "\r\x1b[2K")
            self._bar = False


class Progress:
    """One line that changes in place. Silent where nobody looks. Use as a context manager."""

    def __init__(self, output: Output, label: str) -> None:
        self._output = output
        self._label = label
        self._shown = output.bars
        self._next = 0.0
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """What is being done now, as words."""
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _TICK
            self._output._draw(f"{self._label}: {text}" if text else self._label)  # noqa: SLF001 - one module, one screen

    def count(self, done: int, total: int) -> None:
        """How far it is."""
        if not self._shown:
            return
        if total <= 0:
            self.say(f"{done:,}")
            return
        share = min(1.0, done / total)
        width = 24
        bar = "#" * int(share * width) + "." * (width - int(share * width))
        spent = time.monotonic() - self._started
        left = f", {duration(spent / share - spent)} left" if share > 0 and spent > 2 else ""
        self.say(f"[{bar}] {done:,} of {total:,}{left}")

    @property
    def counter(self) -> Callable[[int, int], None]:
        """`count` as a callback."""
        return self.count

    def __enter__(self) -> Self:
        self.say("")
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._output._clear()  # noqa: SLF001 - see say


def duration(seconds: float) -> str:
    """A length of time in plain words."""
    seconds = max(0, round(seconds))
    if seconds < 1:
        return "less than a second"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86_400} days"


def size(count: int) -> str:
    """A number of bytes in plain words."""
    value = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def many(count: int, what: str) -> str:
    """A counted noun: "1 room", "3 rooms"."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what[:-1] + 'ies' if what.endswith('y') else what + 's'}"


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else one_line(str(value))


def _is_number(cell: str) -> bool:
    return bool(cell) and cell.replace(",", "").isdigit()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        return 80


def _write(stream: Any, text: str) -> None:
    click.echo(text, file=stream, nl=False)
