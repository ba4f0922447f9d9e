"""`roster consent`: the text by which an admin asks people whether and how they may be reached. Names no group and nobody."""

import click

from grouparchive.cli.app import Command
from grouparchive.cli.surroundings import start
from grouparchive.people import words


@click.command(cls=Command)
@click.option("--language", metavar="L", default=words.ENGLISH, show_default=True, help="In which language.")
@click.option("--contact", metavar="ADDRESS", default="", help="Where people may answer, as the text should say it.")
@click.pass_context
def consent(context: click.Context, language: str, contact: str) -> None:
    r"""Print a text to post, or to put above a form: what is kept and why, how to say no, how to take it back.

    It says nothing of what the group is about. Read it before you post it, and change what does not fit. docs/ROSTER.md has
    the questions of a form that goes with it.

    \b
    Example:
      grouparchive roster consent --language tr
      grouparchive roster consent --contact answers@example.org > consent.txt
    """
    run = start(context)
    found = words.nearest(language)
    text = words.consent_page(language, contact=contact)
    if found.partition("-")[0] != language.partition("-")[0]:
        known = ", ".join(words.languages())
        run.output.warn(f"there is no text in that language yet, so this one is in English. Known: {known}")
    run.output.line(text)
    run.output.event("page", language=found, text=text)
    run.output.done(language=found)
