"""The page with call sheets and with what the admin does by hand: one printed page each, so that nobody gets another one's."""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from grouparchive.cli import page
from grouparchive.cli.page import esc
from grouparchive.cli.qr import drawing
from grouparchive.people import words
from grouparchive.people.campaign import Campaign
from grouparchive.people.pacing import Hours, is_zone
from grouparchive.people.sheets import ADMIN, Line, Sheet, links
from grouparchive.people.words import SheetWords

HOLDS = (
    "This page holds names, ways to reach people, safe hours, and the words and codes by which they will believe you. Print it "
    "now, on a printer at home, give each voucher only their own sheet, by hand, then delete the file and empty the trash. "
    "Never mail it, and put it into no cloud."
)
_BLANK = "..........."
_CHANNELS = {"phone": "\N{BLACK TELEPHONE}", "mail": "\N{ENVELOPE}", "sms": "SMS", "whatsapp": "WhatsApp"}
_TITLES = {
    "call": "By hand: people to call or to visit",
    "warning": "By hand: people to warn",
    "hello": "By hand: people to write to",
    "link": "By hand: people who said yes, and wait for the link",
}
_STYLE = """
@page { size: A4; margin: 10mm 12mm; }
.sheet { background: #fff; color: #000; border: 1px solid var(--line); border-radius: .6rem; padding: 1.1rem 1.2rem;
  margin: 1.2rem 0; }
.top { display: flex; flex-wrap: wrap; gap: .2rem 1rem; justify-content: space-between; align-items: baseline; }
.top h1 { font-size: 1.4rem; margin: 0; }
.top .code { font: 700 1.25rem/1 ui-monospace, Menlo, Consolas, monospace; letter-spacing: .08em; margin: 0; }
.sheet h2 { font-size: 1rem; margin: .8rem 0 .2rem; }
.sheet p { margin: .25rem 0; }
.script { white-space: pre-wrap; border-left: 3px solid #999; padding-left: .7rem; line-height: 1.4; overflow-wrap: anywhere; }
.people { list-style: none; padding: 0; margin: .6rem 0 0; }
.one { border-top: 1px solid #888; padding: .4rem 0; margin: 0; break-inside: avoid; display: grid; gap: 0 .7rem;
  grid-template-columns: 3rem 1fr auto; align-items: start; }
.no { font-weight: 700; font-size: 1.15rem; white-space: nowrap; }
.no small { display: block; }
.no small, .label { color: #555; font-weight: 400; font-size: .82em; }
.about .way { margin-right: .25rem; }
.proof { grid-column: 2 / -1; }
.name { margin-right: .7rem; }
.about { overflow-wrap: anywhere; line-height: 1.35; min-width: 0; }
.about .label { margin-right: .35rem; }
.about span, .about a { margin-right: .7rem; }
.sheet a { color: #1d5547; }
.ticks { display: grid; grid-template-columns: auto auto; gap: .25rem .9rem; font-size: .9rem; white-space: nowrap; }
.ticks span::before { content: ""; display: inline-block; width: .85em; height: .85em; border: 1.5px solid #000;
  margin-right: .45em; vertical-align: -.1em; border-radius: 50%; }
.ticks span:first-child::before { border-radius: 0; }
.qr svg { display: block; width: 22mm; height: 22mm; background: #fff; }
.paste { white-space: pre-wrap; user-select: all; border: 1px solid #bbb; border-radius: .3rem; padding: .5rem; margin: .3rem 0;
  overflow-wrap: anywhere; }
.sheet summary { color: #555; }
@media screen and (max-width: 36rem) {
  .one { grid-template-columns: 3rem 1fr; } .ticks { grid-column: 2; display: flex; flex-wrap: wrap; gap: .2rem 1rem;
  margin-top: .3rem; } .qr { grid-column: 2; }
}
@media print {
  html { font-size: 11px; }
  .screen, .sheet details { display: none; }
  main { max-width: none; margin: 0; padding: 0; }
  .sheet { border: 0; padding: 0; margin: 0; break-after: page; }
  .sheet:last-of-type { break-after: auto; }
  .one { padding: .18rem 0 .15rem; }
  .sheet p { margin: .05rem 0; }
  .script, .about { line-height: 1.25; }
  .sheet h2 { margin-top: .4rem; }
  .hand .people { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1.4rem; }
  .hand .one { grid-template-columns: 2.4rem 1fr auto; align-content: start; }
  .hand .ticks { grid-column: 2; display: flex; gap: .8rem; margin-top: .2rem; }
  .hand .qr { grid-column: 3; grid-row: 1 / 3; }
}
"""


def sheet_page(sheets: Sequence[Sheet], campaign: Campaign, *, now: int) -> str:
    """The page. `now` in milliseconds: clocks are compared as they go then."""
    drawn = "".join(
        _by_hand(sheet, campaign) if sheet.voucher == ADMIN else _calls(sheet, campaign, now) for sheet in sheets
    )
    return f'{page.head("Sheets to print", _STYLE)}<p class="card warn screen">{esc(HOLDS)}</p>\n{drawn}{page.foot()}'


def _calls(sheet: Sheet, campaign: Campaign, now: int) -> str:
    """A voucher's sheet, in their language."""
    said = words.sheet_words(sheet.language)
    script = words.sheet_script(sheet.language, warning=campaign.kind == "warning")
    people = "".join(_called(line, sheet, said, now) for line in sheet.lines)
    return f"""<section class="sheet" lang="{esc(sheet.language)}">
<div class="top"><h1>{esc(said.title)}</h1><p class="code">{esc(sheet.code)}</p></div>
<p>{esc(said.how)}</p>
<h2>{esc(said.script)}</h2>
<div class="script">{esc(script)}</div>
<ol class="people">
{people}</ol>
</section>
"""


def _called(line: Line, sheet: Sheet, said: SheetWords, now: int) -> str:
    ways = " ".join(f"<span>{_way(channel)}<b>{esc(address)}</b></span>" for channel, address in line.contacts)
    proof = words.call_proof(sheet.language, proof=line.proof, card=line.card)
    return f"""<li class="one"><div class="no">{line.number}<small> / {sheet.people:,}</small></div>
<div class="about"><p><b class="name" dir="auto">{esc(line.name)}</b> {ways or f"<span>{esc(said.known)}</span>"}</p>
<p>{_hours(line.hours, sheet.zone, said, now)} {_language(line, sheet, said)}</p></div>
{_ticks(said)}
<p class="about proof"><span class="label">{esc(said.say)}:</span>{esc(proof)}</p></li>
"""


def _by_hand(sheet: Sheet, campaign: Campaign) -> str:
    """What the admin does: their page is in English, as the commands are; each text is in its reader's language."""
    said = words.sheet_words(words.ENGLISH)
    people = "".join(_written(line, sheet, campaign, said) for line in sheet.lines)
    text = _text(sheet, campaign, _BLANK)
    if sheet.task == "call":
        intro = "Nobody agreed a word with them, so no message would be believed: your voice is the proof."
    else:
        intro = (
            "Tap a link, or scan the code with the phone that you write from: it opens the app at this person, and sends "
            "nothing. Inside their safe hours, paste the text; on screen it stands whole below each name. A text message "
            "(SMS) can be read by the telephone company."
        )
    note = f"Then note who was told: grouparchive invite mark ... --as told --sheet {sheet.code} NUMBER..."
    return f"""<section class="sheet hand" lang="en">
<div class="top"><h1>{esc(_TITLES[sheet.task])}</h1><p class="code">{esc(sheet.code)}</p></div>
<p>{esc(intro)} {esc(note)}</p>
<h2>{esc("What to say" if sheet.task == "call" else "The text")} ({esc(words.name_of(sheet.language))})</h2>
<div class="script" lang="{esc(sheet.language)}" dir="auto">{esc(text)}</div>
<ol class="people">
{people}</ol>
</section>
"""


def _written(line: Line, sheet: Sheet, campaign: Campaign, said: SheetWords) -> str:
    reached = [(channel, address, _links(channel, address, sheet)) for channel, address in line.contacts]
    reached.sort(key=lambda one: not one[2])  # the order stays otherwise
    first = reached[0][2][0] if reached and reached[0][2] else ""
    anchors = " ".join(f'<a href="{esc(href)}" rel="noreferrer">{esc(href)}</a>' for href in reached[0][2])
    shown = [f"<span>{_way(channel)}<b>{esc(address)}</b></span>" for channel, address, _ in reached]
    code = f'<div class="qr">{drawing(first)}</div>' if first else "<div></div>"
    proof = ""
    if sheet.task == "hello":
        proof = f'<p><span class="label">{"Code" if line.card else "Word"}:</span><b>{esc(line.proof)}</b></p>'
    whole = ""
    if sheet.task != "call":
        text = esc(_text(sheet, campaign, line.proof))
        paste = f'<div class="paste" lang="{sheet.language}">{text}</div>'
        whole = f"<details><summary>The text to paste</summary>{paste}</details>"
    return f"""<li class="one"><div class="no">{line.number}</div>
<div class="about"><p><b class="name" dir="auto">{esc(line.name)}</b></p>
<p>{" ".join(shown)}</p>
<p>{anchors}</p>
<p>{_hours(line.hours, "", said, 0)} {_language(line, sheet, said)}</p>
{proof}{whole}</div>
{code}
{_ticks(said)}</li>
"""


def _text(sheet: Sheet, campaign: Campaign, proof: str) -> str:
    match sheet.task:
        case "call":
            return words.call_script(sheet.language)
        case "hello":
            return words.render("hello", sheet.language, proof=proof, card=sheet.card).text
        case "link":
            return words.render("link", sheet.language, link=campaign.link, by=campaign.link_until).text
        case "warning":
            return words.render("warning", sheet.language).text


def _links(channel: str, address: str, sheet: Sheet) -> tuple[str, ...]:
    """What opens at somebody, in the order of use."""
    found = links(channel, address)
    return tuple(reversed(found)) if sheet.task == "call" else found


def _way(channel: str) -> str:
    return f'<span class="label way">{esc(_CHANNELS.get(channel, channel.capitalize()))}</span>'


def _hours(hours: Hours | None, reader: str, said: SheetWords, now: int) -> str:
    """Safe hours with their place; and what that is on the reader's clock, where it goes otherwise."""
    if hours is None:
        return f"<span>{esc(said.unknown)}</span>"
    there = f"{_clock(hours.begin)}\N{EN DASH}{_clock(hours.end)}"
    text = f'<span class="label">{esc(said.hours)}:</span><b>{there}</b> ({esc(place(hours.zone))})'
    here = _elsewhere(hours, reader, now) if is_zone(reader) else there
    return f"<span>{text}</span>" if here == there else f"<span>{text} = <b>{here}</b> {esc(said.here)}</span>"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _elsewhere(hours: Hours, zone: str, now: int) -> str:
    begin, end = (dt.datetime.fromtimestamp(one / 1000, ZoneInfo(zone)) for one in hours.window(now))
    return f"{begin:%H:%M}\N{EN DASH}{end:%H:%M}"


def place(zone: str) -> str:
    """A time zone as people say it: its city, or how far it is from UTC."""
    if zone.startswith("Etc/GMT") and zone[7:8] in {"+", "-"}:  # these are the other way round
        return f"UTC{'-' if zone[7] == '+' else '+'}{zone[8:]}"
    return zone.rpartition("/")[2].replace("_", " ")


def _language(line: Line, sheet: Sheet, said: SheetWords) -> str:
    """Their language, where it is not that of the sheet."""
    known = words.nearest(line.language)
    have = known == line.language.partition("-")[0]
    if not line.language or (have and known == sheet.language):
        return ""
    name = words.name_of(known) if have else line.language
    return f'<span><span class="label">{esc(said.language)}:</span>{esc(name)}</span>'


def _ticks(said: SheetWords) -> str:
    boxes = "".join(f"<span>{esc(one)}</span>" for one in (said.told, said.yes, said.no, said.never))
    return f'<div class="ticks">{boxes}</div>'
