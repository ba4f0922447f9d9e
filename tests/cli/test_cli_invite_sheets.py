"""`invite sheets` and `invite mark --sheet`, from a roster to what comes back by telephone; and the page in a browser."""

import base64
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from browser import CHROMIUM, Browser
from cli_machine import GROUP, HANDLES, NAMES, PASSPHRASE, TOPIC, Machine

from grouparchive.cli.sheet_page import sheet_page
from grouparchive.people.campaign import Campaign
from grouparchive.people.pacing import Hours
from grouparchive.people.sheets import ADMIN, MOST, Line, Sheet, Task
from grouparchive.people.words import languages
from grouparchive.platforms.sandbox.world import World

ROWAN = HANDLES[1]  # who knows the others
KNOWN = HANDLES[2:6]
WORD = "tin-kettle-canary"
NUMBERS = [f"+99450700000{number}" for number in range(10)]


def people(machine: Machine) -> dict[str, str]:
    events = machine.run("--json", "roster", "list", opened=True).events
    return {event["native"]: event["id"] for event in events if event["event"] == "person"}


def said(machine: Machine, handle: str, *settings: str) -> None:
    machine.run("roster", "set", handle, *settings, opened=True)


def word(machine: Machine, handle: str, text: str) -> None:
    said(machine, handle, f"word-file={machine.secret('word.txt', text)}")


@pytest.fixture
def asked(kept: Machine) -> Machine:
    """A roster with a voucher of four, and three others who can be written to by hand; everybody is warned."""
    said(kept, ROWAN, "language=tr", "zone=Europe/Istanbul")
    for number, handle in enumerate(KNOWN):
        said(kept, handle, f"voucher={ROWAN}", f"phone={NUMBERS[number]}", "hours=18:00-21:00", "zone=Asia/Baku")
    said(kept, HANDLES[6], f"whatsapp={NUMBERS[6]}", "language=az")
    said(kept, HANDLES[7], f"signal={NUMBERS[7]}", "hours=09:00-12:00", "zone=Etc/GMT-4")
    said(kept, HANDLES[8], f"phone={NUMBERS[8]}")
    said(kept, HANDLES[9], "mail=quince9@mail.example")
    kept.run("invite", "prepare", GROUP, "--release", "all", opened=True)
    return kept


@pytest.fixture
def invited(asked: Machine, tmp_path: Path) -> Machine:
    """The same, to be invited to a group; the platform cannot reach some of them."""
    there = tmp_path / "there.sqlite"
    World(there).close()
    asked.add("there", there)
    for number, handle in enumerate(KNOWN[:2]):
        word(asked, handle, f"{WORD} {number}")
    word(asked, HANDLES[6], f"{WORD} 6")
    said(asked, HANDLES[7], "card=12")
    asked.run("plan", GROUP, "--to", "there", "-o", asked.plan, opened=True)
    asked.run("invite", "prepare", asked.plan, "--release", "all", opened=True)
    asked.run(
        "invite", "mark", asked.plan, HANDLES[2], HANDLES[6], HANDLES[7], HANDLES[8], "--as", "bounced", opened=True
    )
    return asked


def made(
    machine: Machine, what: str | Path, *more: str, name: str = "sheets.html"
) -> tuple[list[dict[str, Any]], list[str]]:
    """What the command says of each sheet, and the sheets."""
    path = machine.drawer / name
    events = machine.run("--json", "invite", "sheets", what, "-o", path, *more, opened=True).events
    assert path.stat().st_mode & 0o777 == 0o600
    sections = path.read_text().split('<section class="sheet')[1:]
    return [event for event in events if event["event"] == "sheet"], sections


def numbers(section: str) -> dict[str, str]:
    """Numbers on a sheet, by the name beside them."""
    found = re.findall(r'class="no">(\d+).*?<b class="name" dir="auto">(.*?)</b>', section, re.DOTALL)
    return {name: number for number, name in found}


def test_a_voucher_gets_only_theirs_and_no_group_is_named(asked: Machine) -> None:
    sheets, sections = made(asked, GROUP)
    ids = people(asked)
    assert (sheets[0]["voucher"], sheets[0]["people"]) == (ids[ROWAN], 4)
    assert {one["voucher"] for one in sheets[1:]} == {""}
    assert sum(one["people"] for one in sheets[1:]) == 4  # of whom something is noted, and nobody knows them
    theirs = sections[0]
    assert set(numbers(theirs)) == set(NAMES[2:6])
    for other in (NAMES[0], NAMES[1], *NAMES[6:], *HANDLES, "quince9@mail.example", *NUMBERS[6:]):
        assert other not in theirs, other
    whole = "".join(sections)
    for secret in (GROUP, TOPIC, "orchard", "zebra", PASSPHRASE):
        assert secret.casefold() not in whole.casefold()
    assert all(number in theirs for number in NUMBERS[:4])
    assert "18:00\u201321:00</b> (Baku) = <b>17:00\u201320:00</b> sizin saatinizle" in theirs
    assert "UTC+4" in whole
    assert "src=" not in whole
    assert "<script" not in whole
    assert "@import" not in whole
    assert f'href="https://wa.me/{NUMBERS[6][1:]}"' in whole
    assert f'href="https://signal.me/#p/{NUMBERS[7]}"' in whole
    assert f'href="sms:{NUMBERS[8]}"' in whole
    assert f'href="tel:{NUMBERS[8]}"' in whole


def test_it_says_what_the_page_holds_and_names_the_way_back(asked: Machine) -> None:
    done = asked.run("invite", "sheets", GROUP, "-o", asked.drawer / "page.html", opened=True)
    for part in ("Print it now", "delete the file", "Never mail it", "safe hours"):
        assert part in done.err
    assert "--sheet CODE" in done.err
    asked.run("invite", "sheets", GROUP, "-o", asked.drawer / "page.html", opened=True, code=2)  # never overwritten


def test_one_voucher_alone(asked: Machine) -> None:
    sheets, sections = made(asked, GROUP, "--voucher", ROWAN)
    assert len(sheets) == len(sections) == 1
    done = asked.run(
        "invite", "sheets", GROUP, "-o", asked.drawer / "x.html", "--voucher", HANDLES[2], opened=True, code=2
    )
    assert "no page was written" in done.err
    assert not (asked.drawer / "x.html").exists()


def test_what_comes_back_is_noted_by_numbers(asked: Machine) -> None:
    sheets, sections = made(asked, GROUP)
    code, at = sheets[0]["code"], numbers(sections[0])
    typed = f"{code[:3].lower()}-{code[3:].lower()}"
    done = asked.run(
        "--json", "invite", "mark", GROUP, "--sheet", typed, at[NAMES[2]], at[NAMES[3]], "--as", "told", opened=True
    )
    assert done.done["marked"] == 2
    asked.run("invite", "mark", GROUP, "--sheet", code, at[NAMES[4]], "--as", "never", opened=True)
    again, left = made(asked, GROUP, name="again.html")
    assert numbers(left[0]) == {NAMES[5]: at[NAMES[5]]}  # everybody keeps their number, and the first paper stays good
    assert again[0]["code"] == code
    asked.run("invite", "mark", GROUP, "--sheet", code, at[NAMES[5]], "--as", "told", opened=True)
    asked.run(
        "invite", "mark", GROUP, "--sheet", code, at[NAMES[4]], "--as", "told", opened=True, code=2
    )  # on hold now
    told = asked.run("--json", "invite", "status", GROUP, opened=True).events
    assert sum(event["told"] for event in told if event["event"] == "tier") == 4


def test_a_wrong_code_an_old_sheet_and_a_wrong_number_note_nothing(asked: Machine) -> None:
    sheets, _ = made(asked, GROUP)
    code = sheets[0]["code"]
    before = (asked.profile / "campaigns").iterdir()
    answers = [path for path in before if path.name.endswith(".answers")]
    for sheet, number in (("ZZZZZZ", "1"), ("", "1"), (code, "5"), (code, "0"), (code, "x"), (code, HANDLES[2])):
        done = asked.run("invite", "mark", GROUP, "--sheet", sheet, number, "--as", "told", opened=True, code=2)
        assert HANDLES[2] not in done.err
    assert (
        "mistyped, or who knows whom has changed"
        in asked.run("invite", "mark", GROUP, "--sheet", "ZZZZZZ", "1", "--as", "told", opened=True, code=2).err
    )
    said(asked, HANDLES[7], f"voucher={ROWAN}")
    asked.run("invite", "mark", GROUP, "--sheet", code, "1", "--as", "told", opened=True, code=2)
    assert [path for path in (asked.profile / "campaigns").iterdir() if path.name.endswith(".answers")] == answers


def test_words_stand_on_sheets_and_are_spent_when_told(invited: Machine) -> None:
    sheets, sections = made(invited, invited.plan)
    theirs = sections[0]
    at = numbers(theirs)
    assert WORD + " 0" in theirs
    assert WORD + " 1" in theirs
    assert WORD + " 6" not in theirs
    mine = "".join(sections[1:])
    assert WORD + " 6" in mine
    assert "Razılaşdığımız" in mine
    assert re.search(r"Code:</span><b>[0-9A-Z]{4}-[0-9A-Z]{4}</b>", mine)
    invited.run(
        "invite", "mark", invited.plan, "--sheet", sheets[0]["code"], at[NAMES[2]], "--as", "replied", opened=True
    )
    _, sections = made(invited, invited.plan, name="again.html")
    again = sections[0]
    assert NAMES[2] not in again
    assert WORD + " 0" not in "".join(sections)
    assert WORD + " 1" in again  # printed and not ticked is not said
    invited.run(
        "invite", "prepare", invited.plan, "--link", "https://home.example/k", "--link-until", "2027-05-01", opened=True
    )
    sheets, sections = made(invited, invited.plan, name="links.html")
    links = [section for one, section in zip(sheets, sections, strict=True) if one["task"] == "link"]
    assert len(links) == 1
    assert set(numbers(links[0])) == {NAMES[2]}
    assert "https://home.example/k" in links[0]


def test_in_a_later_campaign_a_word_that_was_said_is_gone_and_one_that_was_only_printed_is_not(
    invited: Machine,
) -> None:
    sheets, sections = made(invited, invited.plan)
    number = numbers(sections[0])[NAMES[2]]
    invited.run("invite", "mark", invited.plan, "--sheet", sheets[0]["code"], number, "--as", "told", opened=True)
    later = invited.folder / "later.plan"
    invited.run("plan", GROUP, "--to", "there", "-o", later, opened=True)
    invited.run("invite", "prepare", later, "--release", "all", opened=True)
    again, sections = made(invited, later, name="later.html")
    assert again[0]["code"] != sheets[0]["code"]
    assert {NAMES[2], NAMES[3]} <= set(numbers(sections[0]))
    assert f"{WORD} 0" not in sections[0]
    assert f"{WORD} 1" in sections[0]


def test_who_was_reached_or_refused_is_on_none(asked: Machine) -> None:
    said(asked, HANDLES[2], "do-not-contact=yes")
    asked.run("invite", "mark", GROUP, HANDLES[3], "--as", "back", opened=True)
    asked.run("invite", "mark", GROUP, HANDLES[6], "--as", "told", opened=True)
    _, sections = made(asked, GROUP)
    whole = "".join(sections)
    for name in (NAMES[2], NAMES[3], NAMES[6]):
        assert name not in whole
    said(asked, ROWAN, "do-not-contact=yes")  # and nobody asks them to call: theirs are the admin's
    sheets, sections = made(asked, GROUP, name="again.html")
    assert {one["voucher"] for one in sheets} == {""}
    assert NAMES[4] in "".join(sections)


def full(language: str, task: Task, voucher: str) -> Sheet:
    """A sheet with as many people, and as much of each, as there may be."""
    lines = tuple(
        Line(
            number=at + 100, member=f"{at:032x}", name=f"Fern Wintermoss-Underhill {at}", language=language, card=False,
            contacts=(("phone", NUMBERS[at]), ("signal", NUMBERS[-at])),
            hours=Hours(18 * 60, 21 * 60, "America/Argentina/Buenos_Aires"),
            proof="" if task == "link" else "the blue kettle on the stove",
        )
        for at in range(MOST)
    )  # fmt: skip
    zone = "Asia/Baku" if voucher else ""
    return Sheet(code="K7Q2MX", voucher=voucher, people=353, task=task, language=language, zone=zone, lines=lines)


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
@pytest.mark.parametrize("kind", ["invitation", "warning"])
def test_a_full_sheet_is_one_printed_page_in_every_language(
    tmp_path: Path, kind: Literal["invitation", "warning"]
) -> None:
    tasks: tuple[Task, ...] = ("warning",) if kind == "warning" else ("call", "hello", "link")
    sheets = [full(language, "call", "ab" * 16) for language in languages()]
    sheets += [full(language, task, ADMIN) for task in tasks for language in languages()]
    campaign = Campaign(
        archive_id="ab" * 32, kind=kind, plan="", group="!group", key="11" * 32, prepared=0,
        link="https://home.example/" + "k" * 60, link_until="2027-05-01",
    )  # fmt: skip
    page = tmp_path / "full.html"
    page.write_text(sheet_page(sheets, campaign, now=1_772_000_000_000))
    with Browser(tmp_path / "browser") as browser:
        browser.open(page)
        assert browser.run("document.documentElement.scrollWidth") <= 390
        browser.picture(tmp_path / "phone.png")
        pdf = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])
        assert browser.complaints == []
    (tmp_path / "full.pdf").write_bytes(pdf)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == len(sheets)


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
def test_the_page_in_a_browser(invited: Machine, tmp_path: Path) -> None:
    sheets, _ = made(invited, invited.plan)
    page = invited.drawer / "sheets.html"
    with Browser(tmp_path / "browser") as browser:
        browser.open(page)
        assert browser.run("document.documentElement.scrollWidth") <= 390
        assert browser.run("document.querySelectorAll('section').length") == len(sheets)
        browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert browser.run("document.documentElement.scrollWidth") <= 390
        browser.picture(tmp_path / "phone.png")
        answer = browser.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        assert browser.complaints == []
        assert {url for url in browser.requests if not url.startswith(("file:", "about:"))} == set()
    pdf = base64.b64decode(answer["data"])
    (tmp_path / "sheets.pdf").write_bytes(pdf)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == len(sheets)
