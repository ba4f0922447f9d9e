"""Where secrets come from: a hidden prompt, a file, or the standard input. Never an argument, never the environment.

A secret that is missing while nobody can be asked is an error that says which one, never a hang.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from grouparchive.cli.app import Globals
from grouparchive.cli.files import open_to_others, read_bounded
from grouparchive.cli.output import Output
from grouparchive.crypto.slots import Passphrase, RecoveryKey, Unlocking, generate_passphrase, read_recovery_text
from grouparchive.errors import UsageError, WrongSecret

STDIN = "-"
TRIES = 3
LEAST_PASSPHRASE = 12
_LIMIT = 64 * 1024

_T = TypeVar("_T")


class Secrets:
    """Gets secrets for one run, each once.

    Args:
        options: the global options.
        output: where warnings go.
    """

    def __init__(self, options: Globals, output: Output) -> None:
        self._options = options
        self._output = output
        self._passphrase: Passphrase | None = None
        self._stdin_taken = False

    @property
    def can_ask(self) -> bool:
        """Is there a person at a terminal, and may we ask?"""
        return not self._options.no_input and not self._stdin_taken and sys.stdin.isatty()

    def unlock(self, archive_id: bytes, use: Callable[[Unlocking], _T]) -> _T:
        """Call `use` with the secret of an archive. A person at a terminal may try again when it is wrong.

        Raises:
            UsageError: no secret was given and nobody can be asked.
            WrongSecret: as `use` does.
        """
        if self._options.key_file:
            return use(self._recovery(self._options.key_file, archive_id))
        if self._options.passphrase_file:
            self._passphrase = self._passphrase or self._passphrase_from(self._options.passphrase_file)
            return use(self._passphrase)
        for attempt in range(TRIES):
            asked = self._passphrase or Passphrase(self.ask("Passphrase of the archive", missing="the passphrase"))
            self._output.note("Unlocking, a moment...")
            try:
                found = use(asked)
            except WrongSecret as error:
                self._passphrase = None
                if attempt + 1 == TRIES:
                    raise
                self._output.error(error)
            else:
                self._passphrase = asked
                return found
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def new_passphrase(self) -> Passphrase:
        """The passphrase of a new archive: from a file, the one we offer, or the person's own, typed twice.

        Raises:
            UsageError: none was given and nobody can be asked, or it is too weak.
        """
        if self._options.passphrase_file:
            return _strong(self._passphrase_from(self._options.passphrase_file))
        self._must_ask("a passphrase for the new archive", "--passphrase-file F")
        offered = generate_passphrase()
        self._output.note("A passphrase was made for you. Write it down on paper now; it is shown only this once:")
        self._output.note()
        self._output.note(f"    {offered}")
        self._output.note()
        self._output.note("Nobody can open the archive without it or the recovery file: no company, and not we.")
        if click.confirm("Use this passphrase? (n: type your own)", default=True, err=True):
            self._type_back(offered)
            return Passphrase(offered)
        own = click.prompt("Your passphrase", hide_input=True, confirmation_prompt="The same again", err=True)
        return _strong(Passphrase(own))

    def _type_back(self, offered: str) -> None:
        for _ in range(TRIES):
            typed = click.prompt("Type it back, to be sure that you have it", hide_input=True, err=True)
            if " ".join(typed.lower().split()) == offered:
                return
            self._output.note("That was something else. Look at your paper again.")
        raise UsageError(
            "the passphrase was not typed back", hint="Nothing was made. Run init again when you are ready."
        )

    def ask(self, label: str, *, missing: str, option: str = "--passphrase-file F or --key-file F") -> str:
        """A secret from a hidden prompt.

        Raises:
            UsageError: nobody can be asked; it says what is missing and which option gives it.
        """
        self._must_ask(missing, option)
        return str(click.prompt(label, hide_input=True, err=True))

    def choose(self, question: str, *, missing: str, option: str) -> bool:
        """A decision.

        Raises:
            UsageError: as `ask`.
        """
        self._must_ask(missing, option)
        return click.confirm(question, err=True)

    def text(self, label: str, *, missing: str, option: str) -> str:
        """Something that is not secret, "" for nothing.

        Raises:
            UsageError: as `ask`.
        """
        self._must_ask(missing, option)
        return str(click.prompt(label, default="", show_default=False, err=True)).strip()

    def read(self, where: str, what: str) -> str:
        """A secret out of a file, or from the standard input for "-": its text without the newline at the end.

        Raises:
            UsageError: it cannot be read, is no text, or is empty.
        """
        if where == STDIN:
            data = self._stdin(what)
        else:
            path = Path(where).expanduser()
            data = read_bounded(path, what, limit=_LIMIT)
            if open_to_others(path):
                self._output.warn(f"the {what} can be read by other users of this machine (chmod 600 helps)")
        try:
            text = data.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError:
            raise UsageError(f"the {what} is not readable text", hint="Save it as UTF-8.") from None
        if not text.strip():
            raise UsageError(f"the {what} is empty")
        return text

    def _stdin(self, what: str) -> bytes:
        if self._stdin_taken:
            raise UsageError("only one secret can come from the standard input")
        self._stdin_taken = True
        data = sys.stdin.buffer.read(_LIMIT + 1)
        if len(data) > _LIMIT:
            raise UsageError(f"the {what} is far too large to be one")
        return data

    def _passphrase_from(self, where: str) -> Passphrase:
        return Passphrase(self.read(where, "passphrase file"))

    def _recovery(self, where: str, archive_id: bytes) -> RecoveryKey:
        return RecoveryKey(read_recovery_text(self.read(where, "recovery file"), archive_id))

    def _must_ask(self, missing: str, option: str) -> None:
        if not self.can_ask:
            raise UsageError(f"{missing} is missing, and nobody can be asked here", hint=f"Give it with {option}.")


def _strong(passphrase: Passphrase) -> Passphrase:
    """The passphrase, if it is not hopeless.

    Raises:
        UsageError: it is too short to resist a thief who has the file.
    """
    text = passphrase.text
    if len(text) < LEAST_PASSPHRASE or len(set(text)) < LEAST_PASSPHRASE // 2:
        raise UsageError(
            "this passphrase is too easy to guess: a thief may try for years",
            hint=f"Use at least {LEAST_PASSPHRASE} characters; several random words are best.",
        )
    return passphrase
