"""Where secrets come from: a hidden prompt, a file, or the standard input. Never an argument, never the environment.

A secret that is missing while nobody can be asked is an error that says which one, never a hang.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import click

from grouparchive.archive.reader import Archive
from grouparchive.cli.app import Globals
from grouparchive.cli.files import open_to_others, read_bounded
from grouparchive.cli.output import Output
from grouparchive.crypto.keyfile import MAX_TEXT, is_named, named_archive, read_keys_text, read_slots_block
from grouparchive.crypto.recovery import has_recovery_key, read_recovery_text
from grouparchive.crypto.shares import MOST_SHARES, WORDS, read_share_text
from grouparchive.crypto.slots import Passphrase, RecoveryKey, Shares, SlotRow, Unlocking
from grouparchive.crypto.words import generate_passphrase
from grouparchive.errors import Damaged, GroupArchiveError, UsageError, WrongSecret

STDIN = "-"
TRIES = 3
LEAST_PASSPHRASE = 12
HOW = "--passphrase-file F, --key-file F or --share-file F"


_T = TypeVar("_T")


@dataclass
class _Brought:
    """What the files that somebody gave come to, for one archive."""

    secret: Unlocking | None = None
    rows: list[SlotRow] = field(default_factory=list)
    damage: Damaged | None = None


class Secrets:
    """Gets secrets for one run, each once.

    Args:
        options: the global options.
        output: where warnings go.
    """

    def __init__(self, options: Globals, output: Output) -> None:
        self._options = options
        self._output = output
        self._known: Unlocking | None = None
        self._texts: dict[str, str] = {}
        self._stdin_taken = False

    @property
    def can_ask(self) -> bool:
        """Is there a person at a terminal, and may we ask?"""
        return not self._options.no_input and not self._stdin_taken and sys.stdin.isatty()

    def unlock(self, archive: Archive, use: Callable[[Unlocking, list[SlotRow]], _T], keys: Path | None = None) -> _T:
        """Call `use` with the secret of an archive, and with the slot rows that are kept apart from it. A person at a terminal
        may try again when the secret is wrong.

        Args:
            archive: the archive, still locked.
            use: what is to be done, `archive.unlock` mostly.
            keys: where the profile says that the archive's keys file is.

        Raises:
            UsageError: no secret was given and nobody can be asked, or the keys file is missing.
            WrongSecret, Damaged: as `use` does.
        """
        brought = self._bring(archive, keys)
        if brought.secret is not None:
            return use(brought.secret, brought.rows)
        if self._options.passphrase_file:
            self._known = self._known or self._passphrase_from(self._options.passphrase_file)
            return use(self._known, brought.rows)
        kinds = {row.type for row in (*archive.slots, *brought.rows)}
        for attempt in range(TRIES):
            asked = self._known or self._ask_way_in(kinds, archive.archive_id)
            self._output.note("Unlocking, a moment...")
            try:
                found = use(asked, brought.rows)
            except WrongSecret as error:
                self._known = None
                if attempt + 1 == TRIES:
                    raise
                self._output.error(error)
            else:
                self._known = asked
                return found
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def apart(self, archive: Archive, keys: Path | None) -> list[SlotRow]:
        """The slot rows that are kept apart from an archive, as far as they are here. Raises as `_bring`."""
        return self._bring(archive, keys).rows

    def keys_file(self, keys: Path | None) -> Path | None:
        """The keys file that was named, else the one that the profile knows of, if it is there."""
        for where in self._options.key_files:
            if where != STDIN and not has_recovery_key(self._document(where, "keys file")):
                return Path(where).expanduser().absolute()
        return keys if keys is not None and keys.exists() else None

    def _bring(self, archive: Archive, keys: Path | None) -> _Brought:
        """Read what was given: shares before a recovery key, a recovery key before a passphrase.

        Raises:
            UsageError: there are no slot rows at all, in the archive or elsewhere; or as `read`.
            Damaged: likewise, and that is because they cannot be read.
        """
        archive_id, brought = archive.archive_id, _Brought()
        for text in self._key_texts(archive_id):
            if has_recovery_key(text):
                brought.secret = RecoveryKey(read_recovery_text(text, archive_id))
                self._add_block(brought, text, archive_id)
            else:
                brought.rows += read_keys_text(text, archive_id)
        if self._options.share_files:
            texts = tuple(self._document(where, "share file") for where in self._options.share_files)
            brought.secret = Shares(texts)
            for text in texts:
                self._add_block(brought, text, archive_id)
        if keys is not None and keys.exists():
            try:
                brought.rows += read_keys_text(self._document(str(keys), "keys file"), archive_id)
            except GroupArchiveError as error:
                self._output.warn(f"the keys file that this profile remembers was left out: {error.message}")
                brought.damage = error if isinstance(error, Damaged) else brought.damage
        brought.rows = list(dict.fromkeys(brought.rows))
        if not archive.slots and not brought.rows:
            if not archive.slots_readable:
                raise Damaged("the key slots of the archive are damaged", hint="Fetch another copy of the archive.")
            raise brought.damage or _missing_keys(known=keys is not None)
        return brought

    def _key_texts(self, archive_id: bytes) -> list[str]:
        """The key files that are of an archive, or all when none is: the first complaint is then about what was given."""
        texts = [self._document(where, "recovery file") for where in self._options.key_files]
        own = [text for text in texts if is_named(named_archive(text) or "", archive_id)]
        return own or texts

    def _document(self, where: str, what: str) -> str:
        """As `read`, once for a run: several archives may want it."""
        if where not in self._texts:
            self._texts[where] = self.read(where, what)
        return self._texts[where]

    def _add_block(self, brought: _Brought, text: str, archive_id: bytes) -> None:
        """Take the slot rows of a recovery or share file. Where they are damaged, others may still do."""
        try:
            brought.rows += read_slots_block(text, archive_id)
        except Damaged as error:
            self._output.warn(error.message)
            brought.damage = error

    def _ask_way_in(self, kinds: set[str], archive_id: bytes) -> Unlocking:
        """A secret from a person: the passphrase, or shares where the archive has some."""
        if "shares" not in kinds:
            return Passphrase(self.ask("Passphrase of the archive", missing="the passphrase"))
        self._must_ask("the passphrase (or the shares)", HOW)
        if "passphrase" in kinds:
            label = "Passphrase of the archive (only Enter: type shares)"
            typed = click.prompt(label, hide_input=True, default="", show_default=False, err=True)
            if typed:
                return Passphrase(typed)
        return self._ask_shares(archive_id)

    def _ask_shares(self, archive_id: bytes) -> Shares:
        """Shares, typed or pasted one after the other. One with a typing error is told at once and asked again."""
        self._output.note(f"Type or paste the {WORDS} words of a share, then Enter. What you type is not shown.")
        self._output.note("After the last share, press Enter once more.")
        texts: list[str] = []
        while len(texts) < MOST_SHARES:
            label = f"Share {len(texts) + 1}"
            typed = click.prompt(label, hide_input=True, default="", show_default=False, err=True)
            if not typed.strip():
                break
            try:
                texts.append(read_share_text(typed, archive_id))
            except (WrongSecret, UsageError) as error:
                self._output.error(error)
        if not texts:
            raise UsageError("no share was given", hint="Run this again when you have the shares, or the passphrase.")
        return Shares(tuple(texts))

    def present_passphrase(self) -> Passphrase | None:
        """The passphrase that was given in this run, if one was."""
        if isinstance(self._known, Passphrase):
            return self._known
        where = self._options.passphrase_file
        return self._passphrase_from(where) if where else None

    def new_passphrase(self, where: str | None, option: str = "--passphrase-file F") -> Passphrase:
        """A new passphrase: from a file, the one we offer, or the person's own, typed twice.

        Args:
            where: the file, if one was named.
            option: what names it.

        Raises:
            UsageError: none was given and nobody can be asked, or it is too weak.
        """
        if where:
            return _strong(self._passphrase_from(where))
        self._must_ask("a new passphrase", option)
        offered = generate_passphrase()
        self._output.note("A passphrase was made for you. Write it down on paper now; it is shown only this once:")
        self._output.note()
        self._output.note(f"    {offered}")
        self._output.note()
        self._output.note("Nobody can open the archive without it or another way in: no company, and not we.")
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
            "the passphrase was not typed back", hint="Nothing was made. Run this again when you are ready."
        )

    def ask(self, label: str, *, missing: str, option: str = HOW) -> str:
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
            data = read_bounded(path, what, limit=MAX_TEXT)
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
        data = sys.stdin.buffer.read(MAX_TEXT + 1)
        if len(data) > MAX_TEXT:
            raise UsageError(f"the {what} is far too large to be one")
        return data

    def _passphrase_from(self, where: str) -> Passphrase:
        return Passphrase(self.read(where, "passphrase file"))

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


def _missing_keys(*, known: bool) -> UsageError:
    if known:
        return UsageError(
            "the archive holds no keys itself, and its keys file is not where it was put",
            hint="Plug in the disk or stick that it is on, or name a copy of it with --key-file F.",
        )
    return UsageError(
        "the archive holds no keys itself: they are in a keys file, which is missing",
        hint="Name it with --key-file F; its name ends in .keys. Or use a recovery file or share files: they bring their own.",
    )
