"""`roster import`: what people answered in forms of several tools, before the disaster."""

import re
import resource
import shlex
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cli_machine import HANDLES, PASSPHRASE, Done, Machine
from test_cli_roster import people, summary

from grouparchive.archive.fold import fold
from grouparchive.archive.reader import Archive
from grouparchive.crypto.slots import Passphrase
from grouparchive.demo import scan

FERN, MOSS, REED = "fern.canary@lane.example", "moss.canary@lane.example", "reed.canary@lane.example"
PHONE, NUMBER = "+994 50 765 43 21", "+994507654321"
PLANTED = [
    FERN,
    MOSS,
    REED,
    "Fern Canary",
    "Moss Canary",
    "Reed Canary",
    PHONE,
    NUMBER,
    "507654321",
    "507 654",
    "50 765 43 21",
]
MAY = "May we write to you if the group is lost?"
CONSENT = ("--column", f"consent.contact={MAY}")

GOOGLE = (
    f'"Timestamp","Email Address","Your name","{MAY}","Signal number","When is it safe?","Your time zone"\r\n'
    f'"2026/05/01 2:05:09 PM GMT+4","{FERN}","Fern Canary","Yes","{PHONE}","9:00 - 17:30","Asia/Baku"\r\n'
    f'"2026/05/02 2:05:09 AM GMT+4","{MOSS}","Moss Canary","No","","",""\r\n'
)
MICROSOFT = (
    f"\ufeffID;Startzeit;Fertigstellungszeit;E-Mail;Name;Wohin dürfen wir schreiben?;{MAY};Signal number;Wann?;Zeitzone\r\n"
    f"1;5/1/26 14:00:00;5/1/26 14:05:09;anonymous;anonymous;{FERN};Ja;{PHONE};9:00 - 17:30;Asia/Baku\r\n"
    f"2;5/13/26 2:00:00;5/13/26 2:05:09;anonymous;anonymous;{MOSS};nein;;;\r\n"
)
TYPEFORM = (
    f'#,What is your *e-mail*?,{MAY},"Signal number","When is it safe?","Your time zone",Response Type,'
    "Start Date (UTC),Stage Date (UTC),Submit Date (UTC),Network ID,Tags\n"
    f"odw1,{FERN},1,{PHONE},9:00 - 17:30,Asia/Baku,completed,2026-05-01 10:00:00,,2026-05-01 10:05:09,a1b2,\n"
    f"odw2,{MOSS},0,,,,completed,2026-05-01 22:00:00,,2026-05-01 22:05:09,a1b3,\n"
)
KOBO = (
    '"start";"end";"email";"consent_contact";"signal";"hours";"zone";"_id";"_uuid";"_submission_time";"_validation_status";"_notes";'
    '"_status";"_submitted_by";"__version__";"_tags";"_index"\n'
    '"";"";"#email";"#consent";"#phone";"";"";"";"";"";"";"";"";"";"";"";""\n'
    f'"2026-05-01T14:00:00.000+04:00";"2026-05-01T14:05:00.000+04:00";"{FERN}";"yes";"{PHONE}";"09:00-17:30";"Asia/Baku";"7";"u7";'
    '"2026-05-01T10:05:09";"";"";"submitted_via_web";"";"v1";"";"1"\n'
    f'"";"";"{MOSS}";"no";"";"";"";"8";"u8";"2026-05-01T22:05:09";"";"";"submitted_via_web";"";"v1";"";"2"\n'
)
LIMESURVEY = (
    '"id. Response ID","submitdate. Date submitted","lastpage. Last page","startlanguage. Start language","seed. Seed",'
    f'"email. Where may we write?","consentcontact. {MAY}","signal. Signal number","hours. When?","zone. Where?"\n'
    f'"1","2026-05-01 14:05:09","1","de-informal","99","{FERN}","Yes","{PHONE}","09:00-17:30","Asia/Baku"\n'
    f'"2","2026-05-02 02:05:09","1","de","98","{MOSS}","N","","",""\n'
    f'"3","","1","de","97","{REED}","Yes","","",""\n'
)
NEXTCLOUD = (
    f'"Submission ID","User ID","User display name","Timestamp","E-mail","{MAY}","Signal number",'
    '"When is it safe?","Your time zone"\n'
    '"submission_id","user_id","user_display_name","timestamp","question-id-4","question-id-5",'
    '"question-id-6","question-id-7","question-id-8"\n'
    f'"1","","Anonymous user","2026-05-01T14:05:09+04:00","{FERN}","Yes","{PHONE}","9:00 - 17:30","Asia/Baku"\n'
    f'"2","","Anonymous user","2026-05-02T02:05:09+04:00","{MOSS}","No","","",""\n'
)
WHEN = ("--column", "hours=When is it safe?", "--column", "signal=Signal number", *CONSENT)
SHAPES: dict[str, tuple[str, list[str]]] = {
    "google": (GOOGLE, [*WHEN]),
    "microsoft": (
        MICROSOFT,
        [*CONSENT, "--column", "mail=Wohin dürfen wir schreiben?", "--column", "signal=Signal number", "--column", "hours=wann",
         "--dates", "mdy"],
    ),
    "typeform": (TYPEFORM, [*WHEN, "--column", "mail=What is your *e-mail*?"]),
    "kobo": (KOBO, []),
    "limesurvey": (LIMESURVEY, []),
    "nextcloud": (NEXTCLOUD, [*WHEN]),
}  # fmt: skip


def table(machine: Machine, text: str, encoding: str = "utf-8") -> Path:
    """A file that the admin downloaded: on the stick in the drawer, not on the machine."""
    path = machine.drawer / "answers.csv"
    path.write_bytes(text.encode(encoding))
    return path


def taken(machine: Machine, text: str, *more: str | Path, code: int = 0, encoding: str = "utf-8") -> dict[str, Any]:
    path = table(machine, text, encoding)
    return machine.run("--json", "roster", "import", path, *more, code=code).done


def gaps(done: dict[str, Any]) -> dict[str, int]:
    return {gap["code"]: gap["count"] for gap in done["gaps"]}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_form_tool(kept: Machine, shape: str) -> None:
    text, more = SHAPES[shape]
    done = taken(kept, text, "--timezone", "Asia/Baku", *more)
    assert (done["known"], done["restrictions"]) == (False, 1)
    fern = people(kept)[FERN]
    assert (fern["group"], fern["contacts"]) == ("", {})  # nothing counts before it is confirmed
    assert {
        f"signal: {PHONE}",
        f"mail: {FERN}",
        "consent to contact: yes",
        "hours: 09:00-17:30",
        "zone: Asia/Baku",
    } <= set(fern["proposals"])
    assert ("language: de" in fern["proposals"]) is (shape == "limesurvey")
    assert "consent-no" in people(kept)[MOSS]["holds"]  # and this counts at once
    assert REED not in people(kept)  # was never sent in
    assert gaps(done) == ({"answers-unfinished": 1} if shape == "limesurvey" else {})
    kept.run("roster", "confirm", FERN, opened=True)
    assert people(kept)[FERN]["consent"] == {"contact": "yes"}
    told = summary(kept)
    assert (told["noted"], told["noted_reachable"], told["reachable"]) == (2, 1, 0)


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8-sig", ";"), ("utf-8", ","), ("utf-16", "\t"), ("utf-16-le", ","), ("cp1252", ";")],
)
def test_tables_as_spreadsheets_save_them(kept: Machine, encoding: str, delimiter: str) -> None:
    rows = [["E-Mail", "Dürfen wir schreiben?"], [FERN, "ja"], [MOSS, "JA, aber nicht abends"]]
    text = "\r\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    done = taken(kept, text, "--column", "consent.contact=dürfen wir schreiben", code=3, encoding=encoding)
    assert (done["people"], done["proposals"], gaps(done)) == (2, 3, {"answer-unclear": 1})


def test_the_zip_that_google_gives(kept: Machine) -> None:
    path = kept.drawer / "Reach us.csv.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("Reach us.csv", GOOGLE)
    assert kept.run("--json", "roster", "import", path, *WHEN).done["people"] == 2
    assert people(kept)[FERN]["proposals"][0] == f"mail: {FERN}"


def test_handles_fold_with_the_members_that_the_backups_know(kept: Machine) -> None:
    text = f"Timestamp,Handle,E-mail,{MAY},Vouched by\n2026-05-01 10:00,{HANDLES[2]},{FERN},yes,{HANDLES[3]}\n,,{MOSS},yes,\n"
    done = taken(kept, text, "--source", "home", "--column", "voucher=vouched by", *CONSENT)
    assert (done["people"], done["proposals"]) == (2, 5)
    known = people(kept)
    said = known[HANDLES[2]]["proposals"]
    assert said[:2] == [f"mail: {FERN}", "consent to contact: yes"]
    assert said[2].startswith("voucher: ")
    assert known[HANDLES[2]]["name"] == "Quince Canary 02"
    assert known[MOSS]["group"] == ""
    kept.run("roster", "confirm", HANDLES[2], opened=True)
    told = summary(kept)
    assert (told["members"], told["reachable"], told["channels"], told["vouchers"]) == (11, 1, {"mail": 1}, 1)
    assert told["consent"] == {"yes": 1, "unknown": 10, "no": 0}
    shown = kept.run("roster", "list", "--summary", opened=True).out
    assert shown.startswith("If everything vanished today: 11 members, 1 reachable outside.\n")
    assert "noted, but in no group: 1, 0 of them reachable; 2 proposals to confirm" in shown
    assert not any(one in shown for one in [*HANDLES, *PLANTED])


def test_a_user_name_of_somewhere_else_is_nobodys_handle(kept: Machine) -> None:
    done = taken(kept, f"Username,E-mail\n{HANDLES[2]},{FERN}\n")
    assert done["people"] == 1
    assert people(kept)[HANDLES[2]]["proposals"] == []
    assert people(kept)[FERN]["proposals"] == [f"mail: {FERN}"]
    told = kept.run("--json", "roster", "import", table(kept, f"Username,E-mail\n{HANDLES[2]},{REED}\n"))
    assert [event["left"] for event in told.events if event["event"] == "columns"] == [["Username"]]


def test_importing_again_adds_nothing(kept: Machine) -> None:
    before = taken(kept, GOOGLE, *WHEN)
    size = kept.archive.stat().st_size
    commits = kept.run("--json", "status").events[0]["commits"]
    again = taken(kept, GOOGLE, *WHEN)
    assert (before["proposals"], again["proposals"], again["known"]) == (6, 0, True)
    assert kept.archive.stat().st_size == size
    assert kept.run("--json", "status").events[0]["commits"] == commits
    kept.run("roster", "confirm", "--all", opened=True)
    more = GOOGLE + f'"2026/06/01 2:05:09 PM GMT+4","{REED}","","yes","","",""\r\n'
    taken(kept, more, *WHEN)  # the form has one more answer: what was confirmed is no news
    assert people(kept)[FERN]["proposals"] == []
    assert people(kept)[REED]["proposals"] == [f"mail: {REED}", "consent to contact: yes"]


def test_the_newest_answer_counts_but_a_no_stands(kept: Machine) -> None:
    text = (
        f"Timestamp,E-mail,{MAY},Hours\n2026-06-01 10:00,{FERN},yes,09:00-10:00\n2026-05-01 10:00,{FERN},no,07:00-08:00\n"
        f"2026-05-01 10:00,{MOSS},yes,\n2026-06-01 10:00,{MOSS},no,\n"
    )
    taken(kept, text, *CONSENT)
    fern, moss = (people(kept)[one] for one in (FERN, MOSS))
    assert fern["proposals"] == [f"mail: {FERN}", "consent to contact: yes", "hours: 09:00-10:00"]
    assert "consent-no" in fern["holds"]  # lifted by a person only, who looks at both
    assert (moss["proposals"], "consent-no" in moss["holds"]) == ([f"mail: {MOSS}"], True)


def test_under_age_and_an_end(kept: Machine) -> None:
    text = (
        "E-mail,Are you 18 or older?,Keep until,Do not contact\n"
        f"{FERN},yes,31.12.2999,\n{MOSS},No,31.12.2999,\n{REED},yes,31.12.2001,yes\n"
    )
    done = taken(kept, text, "--column", "adult=are you 18 or older?", "--column", "until=keep until")
    assert (done["restrictions"], gaps(done)) == (2, {"answers-over": 1})
    known = people(kept)
    assert known[FERN]["proposals"] == [
        f"mail: {FERN}, until 2999-12-31 23:59 UTC",
        "minor: no, until 2999-12-31 23:59 UTC",
    ]
    assert "minor" in known[MOSS]["holds"]
    assert (known[REED]["proposals"], known[REED]["holds"]) == ([], ["consent-unknown", "do-not-contact"])
    taken(kept, f"E-mail,Do not contact\n{MOSS},yes\n", "--until", "2999-01-01")
    year_3000 = 32_503_680_000_000
    with Archive.open(kept.archive) as archive:
        view = fold([archive.unlock(Passphrase(PASSPHRASE))], now=year_3000)
        [fern, moss] = [one for name in (FERN, MOSS) for one, known in view.members.items() if known.native == name]
        assert view.standing(fern).proposals == ()  # its end has come
        assert view.standing(moss).facts == {("minor", ""): "yes", ("do-not-contact", ""): "yes"}  # this has none
        view.close()


def test_what_cannot_be_used_is_told_by_its_line_and_never_by_a_name(kept: Machine) -> None:
    text = (
        f"Name,E-mail,{MAY},Signal,Remarks\nFern Canary,{FERN},perhaps,none,{PHONE}\nMoss Canary,,yes,,\n"
        f"Reed Canary,no address of reed.canary,yes,,\n\nFern Canary,{FERN},yes,{PHONE},\n"
    )
    done = kept.run("roster", "import", table(kept, text), *CONSENT, code=3)
    assert (
        "consent.contact: 1 answer left out: not of the form it should have, or neither yes nor no (lines 2)"
        in done.out
    )
    assert "signal: 1 answer left out" in done.out
    assert "mail: 1 answer left out" in done.out
    assert "2 rows left out: nothing in it tells who it is about (lines 3, 4)" in done.out
    assert "Columns that were not taken; say what they are with --column, or --leave: Remarks" in done.err
    assert not any(one in done.out + done.err for one in PLANTED)


def test_nothing_readable_is_left_on_the_machine(kept: Machine) -> None:
    path = table(kept, GOOGLE + f'"soon","{REED}","Reed Canary","perhaps","none","",""\r\n')
    for words in ([], ["-v"], ["--json"]):
        kept.run("roster", "import", path, *WHEN, *words, code=None)
    kept.run("status", "--json")
    hits, size = scan.found([one for one in kept.folder.iterdir() if one != kept.drawer], PLANTED)
    assert hits == []
    assert size > 50_000
    assert [one for one in PLANTED if one in "".join(kept.spoken)] == []
    exported = kept.run("roster", "list", opened=True).out
    assert all(one in exported for one in (FERN, MOSS))


def test_the_file_that_remains_is_named_and_removed_only_when_all_of_it_came_in(kept: Machine) -> None:
    path = table(kept, GOOGLE)
    done = kept.run("roster", "import", path, *WHEN)
    assert "Not encrypted, and still there" in done.err
    assert str(path) in done.err
    text = f"E-mail,{MAY},Remarks\n{FERN},yes,by day\n"
    kept.run("roster", "import", table(kept, text), *CONSENT, "--remove-after")
    assert path.exists()  # a column of it is nowhere else
    kept.run("roster", "import", path, *CONSENT, "--remove-after", "--leave", "remarks")
    assert not path.exists()
    path = table(kept, f"E-mail,{MAY}\n{MOSS},perhaps\n")
    kept.run("roster", "import", path, *CONSENT, "--remove-after", code=3)
    assert path.exists()
    kept.run("roster", "import", path, *CONSENT, "--remove-after")  # known, but still not all of it came in
    assert path.exists()


def test_hostile_cells_stay_text(kept: Machine) -> None:
    nasty = "\x1b]0;owned\x07=cmd|'/c calc'!A1\u202e"
    text = (
        f'"E-mail","Name","Language","Telegram","Heading {chr(27)}[2J"\n"{FERN}","{nasty}","{nasty}","{nasty}","x"\n'
        f'"{MOSS}","=HYPERLINK(""http://x.example"")","","=1+1",""\n"{REED}","\0\0{"n" * 9000}","","",""\n'
    )
    done = kept.run("roster", "import", table(kept, text), code=3)
    shown = kept.run("roster", "list", opened=True)
    for output in (done.out, done.err, shown.out, shown.err):
        assert "\x1b" not in output
        assert "\x07" not in output
        assert "\u202e" not in output
    assert people(kept)[FERN]["proposals"] == [f"mail: {FERN}"]
    assert people(kept)[MOSS]["proposals"] == [f"mail: {MOSS}", "telegram: =1+1"]
    assert "language: 1 answer left out" in done.out


def test_a_line_without_an_end_costs_little_memory(kept: Machine) -> None:
    path = table(kept, "E-mail,Name\n" + f"{FERN},Fern Canary\n" * 1000)
    with path.open("ab") as file:
        file.truncate(256 * 1024 * 1024)  # a hole: it takes no room on the disk
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = kept.run("--json", "roster", "import", path, code=3).done
    assert (done["people"], gaps(done)) == (1, {"line-too-long": 1})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def failed(machine: Machine, text: str | bytes, *more: str) -> Done:
    path = table(machine, "")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = machine.run("roster", "import", path, *more, code=None)
    assert done.code != 0
    assert not any(one in done.out + done.err for one in PLANTED)
    assert "hint:" in done.err
    return done


def test_mistakes_say_what_to_do_next(kept: Machine) -> None:
    fine = f"E-mail,Colour\n{FERN},green\n"
    for text, more, words in (
        (fine, ["--column", "colour=Colour"], "unknown"),
        (fine, ["--column", "tier=Shade"], "no column of the name given for tier"),
        (f"E-mail,Colour,Colour\n{FERN},1,2\n", ["--column", "tier=Colour"], "several columns"),
        (fine, ["--column", "tier"], "FIELD=COLUMN"),
        (fine, ["--column", "tier=Colour", "--column", "tier=E-mail"], "two columns"),
        (fine, ["--column", "member=Colour"], "never taken from a table"),
        (fine, ["--column", "same-as=Colour"], "never taken from a table"),
        (fine, ["--source", "home"], "no column of this table is known to hold handles"),
        (fine, ["--source", "nowhere"], "no source"),
        (fine, ["--until", "2001-01-01"], "over already"),
        (f"Who,Colour\n{FERN},green\n", [], "who somebody is"),
        (f"Fern Canary,{FERN},signal\nMoss Canary,{MOSS},signal\n", [], "instead of headings"),
        ("", [], "who somebody is"),
        (b"PK\x03\x04" + bytes(400), [], ""),
    ):
        assert words in failed(kept, text, *more).err
    sheet = kept.drawer / "answers.xlsx"
    sheet.write_bytes(b"PK\x03\x04" + bytes(400))
    assert kept.run("roster", "import", sheet, code=None).code != 0
    assert kept.run("roster", "import", kept.drawer / "nothing.csv", code=None).code != 0


def test_the_form_in_the_documentation_comes_in_as_it_says_there(kept: Machine) -> None:
    page = Path(__file__, "../../../docs/ROSTER.md").resolve().read_text("utf-8")
    rows = re.findall(r"^\| ([A-Z][^|]+[a-z?]) \|([^|]*)\| (`.+) \|$", page, re.MULTILINE)
    said = {
        "consent.contact": "Yes", "consent.keep": "Yes", "consent.republish": "No", "mail": FERN, "signal": PHONE,
        "channel": "Signal", "hours": "18:00-21:00", "zone": "UTC+4", "language": "Azərbaycan", "adult": "Yes",
        "until": "2999-01-31", "handle": HANDLES[2],
    }  # fmt: skip
    asked = {re.findall(r"`([^`]+)`", row[2])[0]: row[0] for row in rows}
    assert list(asked) == list(said)
    text = f"{';'.join(asked.values())}\n{';'.join(said.values())}\n"
    command = page.split("grouparchive roster import", 1)[1].split("```", 1)[0].replace("\\\n", " ")
    given = shlex.split(command)[1:]
    more = [f"{field}={one}" for field, one in asked.items() if field != "handle" and f"{field}={one}" not in given]
    assert len(more) == 6
    columns = [word for one in more for word in ("--column", one)]
    done = kept.run("--json", "roster", "import", table(kept, text), *given, *columns).done
    assert (done["people"], done["proposals"], done["restrictions"]) == (1, 9, 1)
    assert not (kept.drawer / "answers.csv").exists()
    found = people(kept)[HANDLES[2]]["proposals"]
    for words in (
        f"signal: {PHONE}, until 2999-01-31 23:59 UTC", f"mail: {FERN}, until 2999-01-31 23:59 UTC", "channel: signal",
        "hours: 18:00-21:00", "zone: Etc/GMT-4", "language: az", "minor: no", "consent to contact: yes", "consent to keep: yes",
    ):  # fmt: skip
        assert any(one.startswith(words) for one in found), words


def test_the_text_that_asks_for_consent(machine: Machine) -> None:
    english = machine.run("roster", "consent", "--contact", "answers@example.org").out
    assert "answers@example.org" in english
    assert "no" in english
    told = machine.run("--json", "roster", "consent", "--language", "tr")
    assert told.done == {"event": "done", "language": "tr"}
    assert told.events[0]["text"] not in english
    other = machine.run("roster", "consent", "--language", "eo")
    assert "there is no text in that language yet" in other.err
