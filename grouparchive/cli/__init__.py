"""The command line: thin commands over the other parts, and the only place that prints."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code."""
    from grouparchive.cli.app import run  # noqa: PLC0415 - importing a part of the command line must not import all

    sys.exit(run())
