"""`demo`: the whole story on a real homeserver on this machine. Told in `grouparchive.demo`."""

import importlib.util

import click

from grouparchive.cli.app import Command
from grouparchive.cli.surroundings import start
from grouparchive.errors import UsageError


@click.command(cls=Command)
@click.pass_context
def demo(context: click.Context) -> None:
    r"""Watch an invented community be destroyed and come back.

    Starts a real Matrix homeserver on this machine, for this alone, and stops it again. Touches nothing else: the archive, the
    profile and everything else lie in a folder of their own.

    \b
    Example:
      grouparchive demo
    """
    start(context)
    if importlib.util.find_spec("synapse") is None:
        raise UsageError(
            "the demonstration needs a homeserver, and it is not installed",
            hint='Install it with: pip install "grouparchive[demo]", or run `make demo` in a checkout.',
        )
    from grouparchive.demo.story import run  # noqa: PLC0415 - it needs extras that nothing else needs

    run()
