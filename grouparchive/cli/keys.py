"""`key`: the ways into an archive that already stands. Listing them needs no secret; adding, removing and splitting does, so
that whoever gets hold of the computer cannot lock anybody out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import click

from grouparchive.archive.reader import Archive
from grouparchive.archive.slots import replace_slots
from grouparchive.cli.app import Command, Family
from grouparchive.cli.files import read_bounded
from grouparchive.cli.papers import Chosen, Papers, new_file, new_folder
from grouparchive.cli.rotate import rotate
from grouparchive.cli.surroundings import Run, start
from grouparchive.crypto.keyfile import MAX_TEXT, read_keys_text, write_keys_text
from grouparchive.crypto.shares import Quorum, check_quorum, new_shares
from grouparchive.crypto.slots import (
    OpenedRoot,
    RecoveryKey,
    SlotRow,
    generate_recovery,
    is_sound,
    new_passphrase_slots,
    new_recovery_slots,
    new_share_slots,
)
from grouparchive.crypto.words import check_words
from grouparchive.durable import write_whole
from grouparchive.errors import Damaged, GroupArchiveError, UsageError, WrongSecret

SHORT = 8
_LEAST = 4
_VAULTS = ("content", "roster")
_PARTS = {"content": "posts", "roster": "members"}
_STILL = (
    "Older copies still open as they did: of the archive, of a keys file, and recovery or share files that bring keys along. "
    "What is added later opens with them, too, until you run: grouparchive key rotate"
)


@click.group(cls=Family)
def key() -> None:
    r"""The ways into the archive: passphrase, recovery file, shares.

    \b
    Example:
      grouparchive key list
      grouparchive key add --recovery-file /media/stick/recovery.txt
      grouparchive key shares 2/3 --shares-dir /media/stick/shares
      grouparchive key rotate --recovery-file /media/stick/recovery-2.txt
    """


key.add_command(rotate)


class Slot(TypedDict):
    """One way in, as it is shown. `needed` and `total` are of shares, else 0."""

    id: str
    type: str
    vaults: list[str]
    epoch: int
    damaged: bool
    needed: int
    total: int


@dataclass
class Ways:
    """The ways into one archive, and where their rows are kept: in the archive itself, or in a keys file."""

    run: Run
    archive: Archive
    rows: list[SlotRow]
    keys: Path | None

    @classmethod
    def of(cls, run: Run) -> "Ways":
        """Those of the one archive that was named, or of the profile's.

        Raises:
            UsageError: several archives were named, or the keys file is missing.
            NoArchive, Damaged: as `Run.open`, or the keys file is damaged.
        """
        run.writing_path()
        archive = run.open()[0]
        known = run.keys_file(archive)
        run.secrets.apart(archive, known)
        keys = run.secrets.keys_file(known)
        if keys is not None:
            return cls(run, archive, read_keys_text(run.secrets.read(str(keys), "keys file"), archive.archive_id), keys)
        if not archive.slots:
            raise UsageError(
                "the keys of this archive are in a keys file, and only there can they be changed",
                hint="Name it with --key-file F; its name ends in .keys.",
            )
        return cls(run, archive, archive.slots, None)

    @property
    def quorum(self) -> bool:
        """Are there shares, so that no single secret opens who the members are?"""
        return any(row.type == "shares" for row in self.sound())

    def sound(self) -> list[SlotRow]:
        """The rows that are whole."""
        return [row for row in self.rows if is_sound(row, self.archive.archive_id)]

    def roots(self) -> dict[str, OpenedRoot]:
        """The roots that the present secret opens. Raises as `Secrets.unlock`."""
        return self.run.secrets.unlock(self.archive, self.archive.roots, self.run.keys_file(self.archive))

    def replace(self, rows: Sequence[SlotRow]) -> None:
        """Put other rows in the place of all.

        Raises:
            ArchiveBusy: another run holds the archive, or has changed its slots.
        """
        if self.keys is None:
            replace_slots(self.archive.path, self.archive.archive_id, before=self.rows, after=rows)
        else:
            write_whole(self.keys, write_keys_text(rows, self.archive.archive_id).encode())

    def add(self, rows: Sequence[SlotRow], write: Callable[[Papers], None], instead_of: Sequence[SlotRow] = ()) -> None:
        """Put new rows to the others, after their documents were written, which are taken away again when that fails.

        Args:
            rows: the new rows.
            write: writes the documents.
            instead_of: rows that go at the same time.

        Raises:
            UsageError: a document cannot be written.
            ArchiveBusy: as `replace`.
        """
        papers = Papers(Chosen(keys=self.keys))
        try:
            write(papers)
            self.replace([*(row for row in self.rows if row not in instead_of), *rows])
        except BaseException:
            if not self._stand(rows):
                papers.take_back()
            raise

    def _stand(self, rows: Sequence[SlotRow]) -> bool:
        """Do rows stand where the ways in are kept? Where nobody can tell, they may: then their documents must not go."""
        try:
            if self.keys is not None:
                text = read_bounded(self.keys, "keys file", limit=MAX_TEXT).decode("utf-8", "replace")
                return not set(rows).isdisjoint(read_keys_text(text, self.archive.archive_id))
            with Archive.open(self.archive.path) as now:
                return not set(rows).isdisjoint(now.slots)
        except GroupArchiveError:
            return True


def wrap(opened: Mapping[str, OpenedRoot], make: Callable[[int, dict[str, bytes]], list[SlotRow]]) -> list[SlotRow]:
    """The rows of a new way into opened vaults: make(epoch, roots), for those of one epoch together."""
    rows = []
    for epoch in sorted({one.epoch for one in opened.values()}):
        rows += make(epoch, {vault: one.root for vault, one in opened.items() if one.epoch == epoch})
    return rows


@key.command("list", cls=Command)
@click.pass_context
def list_(context: click.Context) -> None:
    r"""The ways in, and what each opens. Needs no secret.

    \b
    Example:
      grouparchive key list
    """
    run = start(context)
    damaged = count = 0
    for archive in run.open():
        rows = list(dict.fromkeys([*archive.slots, *run.secrets.apart(archive, run.keys_file(archive))]))
        slots = summary(rows, archive.archive_id)
        run.output.table(
            ["Slot", "Way in", "Opens", "Epoch", "State"],
            [
                (one["id"], _way(one), _opens(one["vaults"]), one["epoch"], "damaged" if one["damaged"] else "whole")
                for one in slots
            ],
        )
        words = " ".join(check_words(archive.archive_id))
        run.output.line(f"Check-words of this archive: {words}")
        for one in slots:
            run.output.event("slot", **one)
        run.output.event("archive", archive_id=archive.archive_id.hex(), check_words=words)
        count += len(slots)
        damaged += sum(one["damaged"] for one in slots)
    run.output.done(slots=count, damaged=damaged)


@key.command(cls=Command)
@click.option("--recovery-file", metavar="OUT", help="Write a new recovery file instead of asking for a passphrase.")
@click.option(
    "--new-passphrase-file", metavar="F", help="Read the new passphrase from a file; - is the standard input."
)
@click.pass_context
def add(context: click.Context, recovery_file: str | None, new_passphrase_file: str | None) -> None:
    r"""Add a way in: a new passphrase, or a recovery file.

    It asks for a secret that opens the archive now, and the new one opens what that one opens. Where there are shares, it opens
    the posts only.

    \b
    Example:
      grouparchive key add
      grouparchive key add --recovery-file /media/stick/recovery-2.txt
    """
    run = start(context)
    if recovery_file and new_passphrase_file:
        raise UsageError("add one way in at a time", hint="Run it once with --recovery-file, once without.")
    path = new_file(recovery_file, "recovery file") if recovery_file else None
    ways = Ways.of(run)
    opened = ways.roots()
    if ways.quorum:
        opened = {vault: root for vault, root in opened.items() if vault == "content"}
    if not opened:
        raise WrongSecret(
            "this secret does not open the posts, and with shares a new way in opens only these",
            hint="Use a secret that opens the posts.",
        )
    archive_id = ways.archive.archive_id
    if path:
        secret = RecoveryKey(generate_recovery())
        rows = wrap(opened, lambda epoch, roots: new_recovery_slots(secret, archive_id, epoch, roots))
        ways.add(rows, lambda papers: papers.recovery(path, secret, archive_id, rows))
        run.output.line(f"The recovery file is written. Keep it away from this machine: it opens the {_opens(opened)}.")
    else:
        passphrase = run.secrets.new_passphrase(new_passphrase_file, "--new-passphrase-file F")
        rows = wrap(opened, lambda epoch, roots: new_passphrase_slots(passphrase, archive_id, epoch, roots))
        ways.add(rows, lambda _: None)
        run.output.line(
            f"The new passphrase opens the {_opens(opened)}. The others still do: see grouparchive key list"
        )
    run.output.done(type="recovery" if path else "passphrase", vaults=sorted(opened))


@key.command(cls=Command)
@click.argument("slot")
@click.pass_context
def remove(context: click.Context, slot: str) -> None:
    r"""Take a way in away. SLOT is the first letters of its id, as `key list` shows it.

    It asks for a secret first, and never takes the last way into the posts or the members. Copies that were made before still
    open with what was removed.

    \b
    Example:
      grouparchive key remove 3f9a01c2
    """
    run = start(context)
    ways = Ways.of(run)
    going = _named(ways.rows, slot.lower())
    left = [row for row in ways.rows if row not in going]
    opened = ways.roots()
    sound = ways.sound()
    lost = {row.vault for row in sound} - {row.vault for row in sound if row in left}
    if lost:
        raise UsageError(
            f"this is the last way to the {_opens(lost)}, and without one they are lost",
            hint="Add another first: grouparchive key add, or grouparchive key shares K/N --shares-dir DIR",
        )
    if not {row.vault for row in going if row in sound} <= opened.keys():
        raise WrongSecret(
            "the secret that was given does not open all that this way in opens, so it cannot take it away",
            hint="Use a secret that opens both the posts and the members.",
        )
    ways.replace(left)
    run.output.line("It is removed, and does not open this archive any more.")
    run.output.warn(_STILL)
    run.output.done(removed=going[0].slot_id.hex()[:SHORT])


@key.command(cls=Command)
@click.argument("quorum", metavar="K/N")
@click.option("--shares-dir", metavar="DIR", required=True, help="The folder for the shares: one file for each person.")
@click.pass_context
def shares(context: click.Context, quorum: str, shares_dir: str) -> None:
    r"""Make a new set of shares: any K of N people open everything. An older set goes.

    It asks for a secret that opens both the posts and the members. From then on the passphrase and the recovery file open the
    posts only, and who the members are can be seen only when K holders come together. They can do everything without you.

    \b
    Example:
      grouparchive key shares 2/3 --shares-dir /media/stick/shares
    """
    run = start(context)
    made, folder = new_shares(*check_quorum(quorum)), new_folder(shares_dir)
    ways = Ways.of(run)
    opened = ways.roots()
    if opened.keys() < set(_VAULTS):
        raise WrongSecret(
            f"the secret that was given opens the {_opens(opened)} only, and shares open everything",
            hint="Use one that opens both the posts and the members, or the shares of the older set.",
        )
    archive_id = ways.archive.archive_id
    rows = wrap(opened, lambda epoch, roots: new_share_slots(made, archive_id, epoch, roots))
    # From now on nobody sees the members alone.
    going = [row for row in ways.rows if row.type == "shares" or row.vault == "roster"]
    ways.add(rows, lambda papers: papers.shares(folder, made, archive_id, rows), going)
    needed, total = made.quorum.needed, made.quorum.total
    run.output.line(
        f"{total} share files are written. Give each to another person and keep none here: {needed} open everything."
    )
    run.output.line("Passphrases and recovery files open the posts only. An older set of shares opens nothing more.")
    run.output.warn(_STILL)
    run.output.done(type="shares", needed=needed, total=total)


def summary(rows: Sequence[SlotRow], archive_id: bytes) -> list[Slot]:
    """The ways in that some rows make, in the order of their ids. Anything in them may have been put there by a thief."""
    found: dict[tuple[bytes, str], list[SlotRow]] = {}
    for row in rows:
        found.setdefault((row.slot_id, row.type), []).append(row)
    return [_summed(found[name], archive_id) for name in sorted(found)]


def _summed(rows: Sequence[SlotRow], archive_id: bytes) -> Slot:
    first = rows[0]
    damaged = not all(is_sound(row, archive_id) for row in rows)
    try:
        quorum = Quorum.decode(first.params) if first.type == "shares" else Quorum(0, 0, 0)
    except Damaged:
        damaged, quorum = True, Quorum(0, 0, 0)
    return Slot(
        id=first.slot_id.hex()[:SHORT],
        type=first.type,
        vaults=sorted({row.vault for row in rows}),
        epoch=max(row.epoch for row in rows),
        damaged=damaged,
        needed=quorum.needed,
        total=quorum.total,
    )


def _way(slot: Slot) -> str:
    match slot["type"]:
        case "shares":
            return f"any {slot['needed']} of {slot['total']} shares"
        case "recovery":
            return "recovery file"
        case other:
            return other


def _opens(vaults: Iterable[str]) -> str:
    """Vaults in plain words."""
    return " and ".join(_PARTS.get(vault, vault) for vault in sorted(vaults))


def _named(rows: Sequence[SlotRow], slot: str) -> list[SlotRow]:
    """The rows of the one slot whose id begins so.

    Raises:
        UsageError: there is none, or several.
    """
    found = [row for row in rows if row.slot_id.hex().startswith(slot)]
    if len(slot) < _LEAST or len({row.slot_id for row in found}) != 1:
        raise UsageError(
            "no way in has that id, or several have", hint="`grouparchive key list` shows the ids; give all of one."
        )
    return found
