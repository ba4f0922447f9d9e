"""The command line: thin commands over the other parts, and the only place that prints."""

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code."""
    from grouparchive.cli.app import run  # noqa: PLC0415 - importing a part of the command line must not import all

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter is no reason to stop
    sys.exit(run())
