"""`verify-message`: says whether a received message is genuine, offline. With the key of those who sign it needs no archive."""

import sys
import time
from pathlib import Path
from typing import NamedTuple

import click

from grouparchive import durable
from grouparchive.archive.attended import roster_secrets
from grouparchive.cli.app import Command
from grouparchive.cli.check_page import check_page
from grouparchive.cli.files import read_bounded, write_new
from grouparchive.cli.papers import new_file
from grouparchive.cli.secrets import STDIN
from grouparchive.cli.surroundings import Run, start
from grouparchive.cli.times import exact, when
from grouparchive.crypto.invitation import invite_public, key_words, read_public, write_public
from grouparchive.errors import Damaged, GroupArchiveError, UsageError
from grouparchive.people.signed import MAX_TEXT, Checked, check
from grouparchive.people.words import ENGLISH, check_sentences

_TAMPERED = frozenset({"incomplete", "key", "altered_link", "altered", "more"})
_MOST_SEEN = 16 * 1024 * 1024


@click.command("verify-message", cls=Command)
@click.argument("message", metavar="[FILE]", required=False)
@click.option("--key", metavar="KEY", help="The key of those who sign: its letters, or a file with them.")
@click.option("--address", metavar="ADDRESS", help="Your address, number or handle, to which the message came.")
@click.option("--seen", metavar="FILE", help="A file that remembers messages: each counts once.")
@click.option("--print-key", is_flag=True, help="Show the key, for co-admins and vouchers.")
@click.option("--page", metavar="OUT.html", help="Write the page that checks messages on a phone.")
@click.pass_context
def verify_message(
    context: click.Context,
    *,
    message: str | None,
    key: str | None,
    address: str | None,
    seen: str | None,
    print_key: bool,
    page: str | None,
) -> None:
    r"""Check a received message: is it from us, for you, unchanged, and still in time?

    FILE holds the message, all of it and nothing else; without FILE, or with -, it is read from the standard input. With --key
    no archive and no profile is needed, and nothing goes over the network. Without it the key is taken out of your archive,
    which asks for the secret that opens the roster.

    --print-key and --page make what co-admins and vouchers need: the key with its words, and a page in one file that checks
    messages on a phone, offline. Neither is secret. Hand them over in person, or compare the words by voice.

    \b
    Example:
      grouparchive verify-message message.txt --key 3NVX-... --address fern@example.org
      grouparchive verify-message --print-key
      grouparchive verify-message --page check.html
    """
    run = start(context)
    out = new_file(page, "page") if page else None
    if (out or print_key) and (message or seen or address):
        raise UsageError("--page and --print-key go without a message", hint="Check the message in a run of its own.")
    text = "" if out or print_key else _read(run, message)
    trusted = _key(run, key)
    if out:
        write_new(out, check_page(trusted.public).encode())
        run.output.line("The page is written. Hand it over in person, or compare its words by voice:")
    if out or print_key:
        _show_key(run, trusted.public)
        return
    _check(run, text, trusted, address or "", Path(seen).expanduser() if seen else None)


def _read(run: Run, where: str | None) -> str:
    """The message. Bytes that are no UTF-8 cannot be of a genuine one, and are no reason to stop."""
    if where and where != STDIN:
        return read_bounded(Path(where).expanduser(), "message").decode("utf-8", "replace")
    if run.secrets.can_ask:
        run.output.note("Paste the message, then press Enter and Ctrl-D.")
    if run.options.passphrase_file == STDIN:
        raise UsageError("the message and the passphrase cannot both come from the standard input")
    return sys.stdin.buffer.read(MAX_TEXT * 4).decode("utf-8", "replace")


class _Trusted(NamedTuple):
    public: bytes
    archive_id: bytes | None  # where it is known


def _key(run: Run, given: str | None) -> _Trusted:
    """By what messages are checked."""
    if given is None:
        reader = run.unlock()[0]
        return _Trusted(invite_public(roster_secrets(reader)["invite"]), reader.archive_id)
    path = Path(given).expanduser()
    if len(given) < 256 and path.is_file():
        given = read_bounded(path, "key").decode("utf-8", "replace")
    return _Trusted(read_public(given), None)


def _show_key(run: Run, public: bytes) -> None:
    run.output.line(f"Words of the key: {' '.join(key_words(public))}")
    run.output.line(f"Key: {write_public(public)}")
    run.output.done(key=write_public(public), words=key_words(public))


def _check(run: Run, text: str, trusted: _Trusted, address: str, seen: Path | None) -> None:
    known = _seen(seen)
    now = time.time_ns() // 1_000_000
    found = check(text, trusted.public, now=now, address=address, archive_id=trusted.archive_id, seen=frozenset(known))
    if not found.good:
        raise _refusal(found)
    if seen and found.verdict == "genuine":
        durable.write_whole(seen, "".join(f"{tag}\n" for tag in (*known, found.tag)).encode())
    said = getattr(check_sentences(ENGLISH), found.verdict)
    if found.verdict == "genuine":
        run.output.line(said)
    else:
        run.output.warn(f"{said[0].lower()}{said[1:]}")
    if found.link:
        run.output.line(f"The link that was signed: {found.link}")
    run.output.line(f"It holds until {when(found.expires)}.")
    run.output.done(verdict=found.verdict, link=found.link, step=found.step, expires=exact(found.expires))


def _seen(path: Path | None) -> list[str]:
    if path is None or not path.exists():
        return []
    return read_bounded(path, "file that remembers messages", limit=_MOST_SEEN).decode("ascii", "replace").split()


def _refusal(found: Checked) -> GroupArchiveError:
    """The sentence of a verdict as an error: what is wrong, and what to do."""
    said: str = getattr(check_sentences(ENGLISH), found.verdict)
    what, _, hint = said.removeprefix("No. ").partition(". ")
    kind = Damaged if found.verdict in _TAMPERED else GroupArchiveError
    return kind(f"{what[0].lower()}{what[1:]}", hint=hint)
