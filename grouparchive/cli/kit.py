"""`kit`: sheets to print and give away. One for the first hour, one for each share, one for a recovery key; cards for members,
and a sheet for those who check messages. They name no group, no member and no other holder; what only people know, such as
where the copies lie, is filled in by hand.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import click
from shamir_mnemonic import Share

from grouparchive.archive.attended import roster_secrets
from grouparchive.archive.reader import Archive
from grouparchive.archive.witness import Position, newest
from grouparchive.cli import page
from grouparchive.cli.app import Command
from grouparchive.cli.card_sheets import CARD_STYLE, card_sheets
from grouparchive.cli.check_page import key_sheet
from grouparchive.cli.files import write_new
from grouparchive.cli.output import many
from grouparchive.cli.page import esc
from grouparchive.cli.papers import new_file
from grouparchive.cli.qr import drawing
from grouparchive.cli.surroundings import Run, start
from grouparchive.cli.times import when
from grouparchive.crypto.invitation import invite_public
from grouparchive.crypto.keyfile import read_slots_block, short_id, write_slots_block
from grouparchive.crypto.recovery import has_recovery_key, read_recovery_text, write_recovery_text
from grouparchive.crypto.shares import read_share_text
from grouparchive.crypto.slots import SlotRow
from grouparchive.crypto.words import check_words
from grouparchive.errors import UsageError
from grouparchive.people.cards import Cards, read_range
from grouparchive.people.words import ENGLISH, languages

_MONO = "ui-monospace, Menlo, Consolas, monospace"
_STYLE = f"""
@page {{ size: A4; margin: 14mm; }}
.sheet {{ background: #fff; color: #000; border: 1px solid var(--line); border-radius: .6rem; padding: 1.4rem 1.6rem;
  margin: 1.2rem 0; }}
.sheet h1 {{ font-size: 1.7rem; margin: 0 0 .2rem; }}
.sheet h2 {{ font-size: 1.05rem; margin: 1.1rem 0 .3rem; }}
.sheet .soft {{ color: #444; }}
.sheet li {{ margin: .35rem 0; }}
.numbered {{ columns: 3; column-gap: 1.5rem; margin: .5rem 0; padding: 0; list-style: none; font: 600 1.05rem/1.75 {_MONO}; }}
.sheet .numbered li {{ margin: 0; break-inside: avoid; white-space: nowrap; }}
.numbered span {{ display: inline-block; width: 2rem; margin-right: .5rem; text-align: right; color: #666; font-weight: 400;
  font-size: .85rem; }}
.beside h2:first-child {{ margin-top: 0; }}
.beside {{ display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }}
.beside > :first-child {{ flex: 1 1 16rem; }}
.qr svg {{ display: block; width: 64mm; height: 64mm; background: #fff; }}
.check {{ border: 2px solid #000; border-radius: .4rem; padding: .5rem .9rem; margin: .6rem 0; }}
.check b {{ font-size: 1.25rem; letter-spacing: .02em; }}
.blank {{ border-bottom: 1px solid #000; height: 1.9rem; margin: 0; }}
.key {{ font: 600 1.15rem/1.8 {_MONO}; }}
.small-code svg {{ width: 30mm; height: 30mm; }}
.witness p {{ line-height: 1.7; }}
pre {{ font: .7rem/1.35 {_MONO}; margin: .3rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }}
@media print {{
  html {{ font-size: 15px; }}
  .screen {{ display: none; }}
  main {{ max-width: none; margin: 0; padding: 0; }}
  .sheet {{ border: 0; padding: 0; margin: 0; break-after: page; }}
  .sheet:last-of-type {{ break-after: auto; }}
}}
"""
_WARNING = (
    "This page holds secrets. Print it now, on a printer at home, not in an office or a shop: such printers remember. "
    "Then delete the file and empty the trash. Do not mail it and do not put it into a cloud."
)


@click.command(cls=Command)
@click.option("-o", "--output", "out", metavar="FILE.html", required=True, help="The page to write.")
@click.option("--cards", metavar="FROM-TO", help="Instead: neutral cards for members, by their numbers.")
@click.option("--language", metavar="LANG", default=ENGLISH, help="Of the cards: en, az, ru, tr.")
@click.option("--checking", is_flag=True, help="Instead: the sheet for those who check messages.")
@click.pass_context
def kit(context: click.Context, out: str, *, cards: str | None, language: str, checking: bool) -> None:
    r"""Make sheets to print, for the first hour and for each holder; or cards for members.

    Give the share files with --share-file and the recovery file with --key-file; each becomes a sheet for the person who keeps
    it, with a code to scan. The sheets name no group, no member and nobody who holds another one. Needs no unlocking. The page
    holds secrets: print it, then delete it.

    --cards makes cards of the size of a business card, with a number and a code and nothing about what they are for. Give one
    to somebody by hand and note its number with: grouparchive roster add. A message to them later says the code. --checking
    makes the sheet by which co-admins and vouchers check signed messages. Both unlock the roster, with the files that you name.

    \b
    Example:
      grouparchive kit -o kit.html --share-file shares/share-1.txt --share-file shares/share-2.txt
      grouparchive kit -o kit.html --key-file /media/stick/recovery.txt
      grouparchive kit -o cards.html --cards 1-40
      grouparchive kit -o checking.html --checking
    """
    run = start(context)
    numbers = read_range(cards) if cards else None
    if language not in languages():
        raise UsageError("there are no words in this language", hint=f"There are: {', '.join(languages())}.")
    path = new_file(out, "page")
    run.writing_path()
    if numbers or checking:
        _handed_out(run, path, numbers, language, checking=checking)
        return
    archive = run.open()[0]
    archive_id = archive.archive_id
    sheets = [_first_hour(archive_id, _witnesses(archive), apart=not archive.slots)]
    for number, where in enumerate(run.options.share_files, 1):
        text = run.secrets.read(where, "share file")
        words = read_share_text(text, archive_id, f"share {number} of those given")
        sheets.append(_share_sheet(words, archive_id, read_slots_block(text, archive_id)))
    for where in run.options.key_files:
        text = run.secrets.read(where, "recovery file")
        if not has_recovery_key(text):
            raise UsageError(
                "only a recovery file is printed, and this is none",
                hint="A keys file is kept as a file; leave it out here. Name the recovery file with --key-file.",
            )
        key = read_recovery_text(text, archive_id)
        sheets.append(_recovery_sheet(key, archive_id, read_slots_block(text, archive_id)))
    write_new(path, _page(sheets, secret=len(sheets) > 1).encode())
    run.output.line(f"The page is written: {many(len(sheets), 'sheet')}. Open it in a browser and print it.")
    if len(sheets) > 1:
        run.output.warn(_WARNING)
    else:
        run.output.note("It has the sheet for the first hour only: name shares or a recovery file to have theirs, too.")
    run.output.done(sheets=len(sheets))


def _handed_out(run: Run, path: Path, numbers: tuple[int, int] | None, language: str, *, checking: bool) -> None:
    """The page with cards, with the sheet for those who check messages, or with both."""
    reader = run.unlock()[0]
    secrets = roster_secrets(reader)
    sheets = card_sheets(Cards(secrets["card"], reader.archive_id).cards(*numbers), language) if numbers else []
    extra = [key_sheet(invite_public(secrets["invite"]))] if checking else []
    write_new(path, _page([*sheets, *extra], secret=bool(sheets), style=CARD_STYLE).encode())
    count = numbers[1] - numbers[0] + 1 if numbers else 0
    holds = [*([many(count, "card")] if numbers else []), *(["the sheet for checking"] if checking else [])]
    run.output.line(f"The page is written: {' and '.join(holds)}. Open it in a browser and print it.")
    if numbers:
        run.output.warn(_WARNING)
    run.output.done(sheets=len(sheets) + len(extra), cards=count)


def _witnesses(archive: Archive) -> list[Position]:
    """The positions of the archive on the day of printing."""
    return newest([archive])


def _page(sheets: Sequence[str], *, secret: bool, style: str = "") -> str:
    warning = f'<p class="card warn screen">{esc(_WARNING)}</p>' if secret else ""
    body = "".join(f'<section class="sheet">\n{sheet}</section>\n' for sheet in sheets)
    return f"{page.head('Sheets to print', _STYLE + style)}{warning}\n{body}{page.foot()}"


def _first_hour(archive_id: bytes, witness: Sequence[Position], *, apart: bool) -> str:
    position = "".join(map(_witness, witness)) or _blanks(2)
    keys = f"<h2>Where the keys file is, without which the passphrase opens nothing</h2>{_blanks(1)}" if apart else ""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return f"""<h1>In the first hour</h1>
<p class="soft">When the group is gone, or somebody else has the accounts. Printed on {today}.</p>
<ol>
<li><b>Call, do not write.</b> Phone those who help you, or go to them. Whoever has the accounts reads what you write.</li>
<li><b>Do not answer messages from the taken accounts.</b> Believe none that says the group is back, however friendly.</li>
<li><b>Warn.</b> Ask everybody you reach to warn those they know, by voice: what comes from these accounts is not from us.</li>
<li><b>Keep the traces.</b> Write down what you see and when, take pictures of the screen. Delete nothing, do not bargain.</li>
<li><b>Fetch a copy of the archive</b> from one of the places below, to a computer that the attacker never had.
 Never work on the only copy.</li>
<li><b>Open it.</b> Run <code>grouparchive --archive FILE verify</code>, then <code>groups</code>, then <code>plan</code>.
 A plan shows everything before anything is done, and contacts nobody.</li>
</ol>
{_check(archive_id)}
<h2>Where the copies of the archive are</h2>
{_blanks(3)}
{keys}
<h2>Position words (witness) on the day of printing</h2>
<p class="soft">They prove that a copy was not put back to an older day.</p>
{position}
"""


def _witness(position: Position) -> str:
    """The words that prove one chain, numbered, beside their code."""
    what = "the owner's statements" if position.of_owner else f"machine {position.writer[:8]}"
    words = " ".join(f"{at}.&nbsp;<b>{esc(word)}</b>" for at, word in enumerate(position.words, 1))
    about = f'<span class="soft">{what}, number {position.seq}, {when(position.time)}</span>'
    code = f'<div class="qr small-code">{drawing(" ".join(position.words))}</div>'
    return f'<div class="beside witness"><p>{about}<br>{words}</p>{code}</div>\n'


def _share_sheet(words: str, archive_id: bytes, slots: Sequence[SlotRow]) -> str:
    share = Share.from_mnemonic(words)
    short = f"archive: {short_id(archive_id)}"
    code = f"{short}\nwords: {words}\n{_one_line(slots)}" if slots else words.upper()
    scan = "can the code, save its text as a file, and give that to <code>grouparchive</code> with <code>--share-file</code>."
    typed = (
        "Run <code>grouparchive --archive FILE groups</code>, press Enter at the passphrase, then type the words. Or s"
    )
    how = f"S{scan}" if slots else f"{typed}{scan}"
    numbered = "".join(f"<li><span>{at}</span>{esc(word)}</li>" for at, word in enumerate(words.split(), 1))
    return f"""<h1>Share number {share.index + 1}</h1>
<p>Any {share.member_threshold} such shares and a copy of the archive open everything in it. This one alone opens nothing.
 Keep this sheet where you keep your papers. Take no picture of it, and tell nobody that you have it.</p>
<ol class="numbered">{numbered}</ol>
{_check(archive_id)}
<div class="beside"><div>
<h2>When you are called</h2>
<ol>
<li>Be sure who is calling: you know the voice, or you call back on a number that you have had for long.
 Never give the words to a message, however urgent.</li>
<li>Meet. Come together at a computer that the attacker never had, with a copy of the archive.</li>
<li>{how}</li>
</ol></div>
<div class="qr">{drawing(code)}<p class="small soft">{short}</p></div></div>
<h2>Where a copy of the archive is</h2>
{_blanks(1)}
{_slots_text(slots)}
"""


def _recovery_sheet(key: bytes, archive_id: bytes, slots: Sequence[SlotRow]) -> str:
    text = write_recovery_text(key, archive_id)
    short, letters = text[text.index("archive:") :].split("\nkey: ")
    lines = [line.strip() for line in letters.splitlines()]
    code = f"{short}\nkey: {''.join(lines)}\n{_one_line(slots)}"
    return f"""<h1>Recovery key</h1>
<p>Whoever has this sheet and a copy of the archive can read what is in it. Keep it where you keep your papers, away from the
 computer that makes the backups. Take no picture of it.</p>
<p class="key">key: {"<br>".join(map(esc, lines))}</p>
{_check(archive_id)}
<div class="beside"><div>
<h2>To use it</h2>
<ol>
<li>Scan the code, or type the lines <code>archive:</code> and <code>key:</code> into a text file, on a computer that the
 attacker never had.</li>
<li>Fetch a copy of the archive. Never work on the only one.</li>
<li>Run <code>grouparchive --archive FILE --key-file TEXTFILE groups</code>.</li>
</ol></div>
<div class="qr">{drawing(code)}<p class="small soft">{short}</p></div></div>
<h2>Where a copy of the archive is</h2>
{_blanks(2)}
{_slots_text(slots)}
"""


def _check(archive_id: bytes) -> str:
    return (
        f'<p class="check">Check-words of the archive: <b>{esc(" ".join(check_words(archive_id)))}</b><br>'
        '<span class="small">A copy that shows other words in <code>grouparchive --archive FILE verify</code> '
        "is not the one: do not use it.</span></p>"
    )


def _slots_text(slots: Sequence[SlotRow]) -> str:
    """What the code also holds, for the day when no device can scan it."""
    if not slots:
        return ""
    return (
        '<p class="small soft">Part of the code, as text: type it, too, if nothing can scan it.</p>'
        f"<pre>{esc(_one_line(slots))}</pre>"
    )


def _one_line(slots: Sequence[SlotRow]) -> str:
    """The same for a code, without what it need not hold."""
    name, _, letters = write_slots_block(slots).partition("\n")
    return f"{name} {''.join(letters.split())}\n" if slots else ""


def _blanks(count: int) -> str:
    return '<p class="blank"></p>' * count + "\n"
