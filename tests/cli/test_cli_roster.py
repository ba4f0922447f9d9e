"""`roster`: proposing with no secret, confirming with it, and what invitations make of it."""

from pathlib import Path
from typing import Any

import pytest
from cli_machine import GROUP, HANDLES, NAMES, PASSPHRASE, Machine, Village
from test_cli_frame import Terminal

from grouparchive.platforms.sandbox.world import World

ROWAN, FERN, MOSS = HANDLES[2], HANDLES[3], HANDLES[4]
MAIL = "quince.canary@mail.example"


def people(machine: Machine, *more: str) -> dict[str, dict[str, Any]]:
    events = machine.run("--json", "roster", "list", *more, opened=True).events
    return {event["native"]: event for event in events if event["event"] == "person"}


def summary(machine: Machine) -> dict[str, Any]:
    return machine.run("--json", "roster", "list", "--summary", opened=True).events[0]


def newest(machine: Machine) -> str:
    """The number of the newest commit."""
    return str(machine.run("--json", "status").events[0]["commits"] - 1)


@pytest.fixture
def there(kept: Machine, tmp_path: Path) -> World:
    path = tmp_path / "there.sqlite"
    world = World(path)
    for handle in HANDLES:
        world.person(handle)
    kept.add("there", path)
    return world


def plan(machine: Machine, *more: str) -> dict[str, Any]:
    return machine.run("--json", "plan", GROUP, "--to", "there", *more, "-o", machine.plan, opened=True).done


def prepare(machine: Machine, *more: str | Path) -> dict[str, Any]:
    return machine.run("--json", "invite", "prepare", machine.plan, *more, opened=True).done


def test_a_proposal_counts_once_it_is_confirmed(kept: Machine) -> None:
    done = kept.run("roster", "add", ROWAN, f"mail={MAIL}", "consent.contact=yes", "tier=2")
    assert "kept as a proposal; it counts once confirmed with `grouparchive roster confirm`" in done.out
    rowan = people(kept)[ROWAN]
    assert (rowan["contacts"], rowan["consent"]) == ({}, {})
    assert rowan["holds"] == ["no-trusted-position", "consent-unknown"]
    assert rowan["proposals"] == [f"mail: {MAIL}", "consent to contact: yes", "tier: 2"]
    assert (summary(kept)["reachable"], summary(kept)["proposals"]) == (0, 3)
    shown = kept.run("roster", "list", opened=True)
    assert f"mail: {MAIL}" in shown.out
    assert "3 proposals to confirm" in shown.err
    assert kept.run("--json", "roster", "confirm", "--all", opened=True).done == {
        "event": "done", "confirmed": 3, "members": 0, "left": 0,
    }  # fmt: skip
    rowan = people(kept)[ROWAN]
    assert (rowan["contacts"], rowan["consent"], rowan["proposals"]) == ({"mail": MAIL}, {"contact": "yes"}, [])
    assert rowan["holds"] == ["no-trusted-position"]
    told = summary(kept)
    assert (told["members"], told["reachable"], told["consenting"], told["proposals"]) == (11, 1, 1, 0)
    assert told["holds"] == {"no-trusted-position": 11, "consent-unknown": 10}
    assert "Nothing waits" in kept.run("roster", "confirm", "--all", opened=True).out
    kept.run("roster", "add", ROWAN, "mail=thief@mail.example")
    assert people(kept)[ROWAN]["contacts"] == {"mail": MAIL}
    assert people(kept)[ROWAN]["proposals"] == ["mail: thief@mail.example"]
    kept.run("verify", "--deep", opened=True)


def test_who_is_named_becomes_a_member_for_certain(kept: Machine) -> None:
    kept.run("roster", "add", FERN)
    assert people(kept)[FERN]["proposals"] == ["member: yes"]
    done = kept.run("--json", "roster", "confirm", FERN, people(kept)[MOSS]["id"], opened=True).done
    assert (done["confirmed"], done["members"]) == (2, 2)
    for handle, holds in ((FERN, []), (MOSS, []), (ROWAN, ["no-trusted-position"])):
        assert people(kept)[handle]["holds"] == [*holds, "consent-unknown"]


def test_in_bulk_nobody_becomes_a_member_or_somebody_else_and_no_restriction_ends(kept: Machine) -> None:
    kept.run("roster", "add", ROWAN, "do-not-contact=yes", "minor=yes", "consent.contact=no")
    kept.run("roster", "add", ROWAN, "do-not-contact=no", "minor=", "consent.contact=yes", "tier=1")
    kept.run("roster", "add", FERN, "member=yes", f"same-as={MOSS}")
    done = kept.run("--json", "roster", "confirm", "--all", opened=True).done
    assert (done["confirmed"], done["left"]) == (1, 5)
    assert people(kept)[ROWAN]["holds"] == ["no-trusted-position", "consent-no", "do-not-contact", "minor"]
    assert set(people(kept)) >= {FERN, MOSS}
    done = kept.run("--json", "roster", "confirm", ROWAN, FERN, opened=True).done
    assert (done["confirmed"], done["left"]) == (6, 0)
    assert people(kept)[ROWAN]["holds"] == []
    [merged] = [one for one in people(kept).values() if one["others"]]
    assert {merged["native"], *merged["others"]} == {FERN, MOSS}


def test_a_restriction_counts_at_once_and_only_the_owner_lifts_it(kept: Machine) -> None:
    done = kept.run("roster", "add", ROWAN, "do-not-contact=yes")
    assert "counts at once" in done.out
    assert "proposal" not in done.out
    assert "do-not-contact" in people(kept)[ROWAN]["holds"]
    kept.run("roster", "add", ROWAN, "do-not-contact=no")
    assert "do-not-contact" in people(kept)[ROWAN]["holds"]
    kept.run("roster", "set", ROWAN, "do-not-contact=no", "minor=yes", opened=True)
    assert people(kept)[ROWAN]["holds"] == ["no-trusted-position", "consent-unknown", "minor"]
    kept.run("roster", "set", ROWAN, "minor=", opened=True)
    kept.run("roster", "add", ROWAN, "do-not-contact=yes")
    assert people(kept)[ROWAN]["holds"] == ["no-trusted-position", "consent-unknown", "do-not-contact"]
    shown = kept.run("roster", "list", "--summary", opened=True).out
    assert "on hold: 1, they must not be contacted" in shown


def test_the_word_is_read_from_a_file_and_shown_nowhere(kept: Machine) -> None:
    word = kept.secret("word.txt", "bramblecanary")
    refused = kept.run("roster", "add", ROWAN, "word=bramblecanary", code=2)
    assert "secret" in refused.err
    kept.run("roster", "add", ROWAN, f"word-file={word}")
    kept.run("roster", "add", FERN, "word=-", stdin="bramblecanary\n")
    told = [
        kept.run("--json", "roster", "list", opened=True),
        kept.run("roster", "list", opened=True),
        kept.run("roster", "confirm", "--all", opened=True),
        kept.run("roster", "list", opened=True),
    ]
    assert "word: (not shown)" in told[2].out
    assert not any("bramblecanary" in one.out + one.err for one in (*told, refused))


def test_what_is_said_can_have_an_end(kept: Machine) -> None:
    kept.run("roster", "add", ROWAN, f"mail={MAIL}", "channel=mail", "zone=Asia/Baku", "--until", "2999-05-01")
    assert people(kept)[ROWAN]["proposals"] == [
        f"mail: {MAIL}, until 2999-05-01 23:59 UTC",
        "channel: mail, until 2999-05-01 23:59 UTC",
        "zone: Asia/Baku, until 2999-05-01 23:59 UTC",
    ]
    kept.run("roster", "confirm", "--all", opened=True)
    kept.run("roster", "set", ROWAN, "consent.contact=yes", "--until", "2999-05-01", opened=True)
    assert people(kept)[ROWAN]["consent"] == {"contact": "yes"}
    add = ["roster", "add", ROWAN, "tier=1"]
    for wrong, words in (("soon", "year-month-day"), ("2020-01-01", "over already"), ("9999-12-31", "year-month-day")):
        assert words in kept.run(*add, "--until", wrong, code=2).err
    assert "no such time zone" in kept.run("roster", "add", ROWAN, "zone=Canary/Canary", code=2).err


def test_who_is_told_of_by_nobody_yet(kept: Machine) -> None:
    kept.run("roster", "add", "+1 000", "--platform", "signal", "phone=+1 000", "voucher=+1 001")
    done = kept.run("--json", "roster", "confirm", "+1 000", opened=True).done
    assert (done["confirmed"], done["members"]) == (3, 1)
    noted = people(kept)["+1 000"]  # in no group: nobody is made a member of one by a word
    assert (noted["group"], noted["contacts"]) == ("", {"phone": "+1 000"})
    kept.run("roster", "set", "+1 000", f"voucher={ROWAN}", f"same-as={ROWAN}", opened=True)
    assert people(kept)[ROWAN]["others"] == ["+1 000"]
    assert people(kept)[ROWAN]["contacts"] == {"phone": "+1 000"}


def test_somebody_without_a_handle_is_known_by_an_address(kept: Machine) -> None:
    add = ["roster", "add", "Quince.Canary@mail.example", "--by-address"]
    kept.run(*add, "consent.contact=yes", f"voucher={ROWAN}", "--source", "home")
    kept.run("roster", "add", "tel:+994 50 765 43 21", "--by-address", "do-not-contact=yes")
    known = people(kept)
    quince, other = known[MAIL], known["+994507654321"]
    assert quince["proposals"][:2] == ["mail: Quince.Canary@mail.example", "consent to contact: yes"]
    assert (quince["group"], other["group"], other["proposals"]) == ("", "", ["phone: +994 50 765 43 21"])
    assert "do-not-contact" in other["holds"]
    kept.run("roster", "confirm", MAIL, opened=True)
    told = summary(kept)
    assert (told["noted"], told["noted_reachable"], told["members"]) == (2, 1, 11)
    assert "no mail address and no phone number" in kept.run("roster", "add", "canary", "--by-address", code=2).err
    kept.run(*add, "mail=other@mail.example")
    assert people(kept)[MAIL]["proposals"] == ["mail: other@mail.example"]


def test_the_summary_tells_what_is_missing(kept: Machine) -> None:
    word = kept.secret("word.txt", "bramblecanary")
    kept.run("roster", "set", ROWAN, f"mail={MAIL}", "contact.mail-2=x@mail.example", "signal=+1 000 000", opened=True)
    kept.run("roster", "set", ROWAN, "consent.contact=yes", f"word-file={word}", f"voucher={FERN}", opened=True)
    kept.run("roster", "set", FERN, "minor=yes", "card=7", "contact.sandbox=there", opened=True)
    kept.run("roster", "set", MOSS, f"mail={MAIL}", "do-not-contact=yes", opened=True)
    kept.run("roster", "add", HANDLES[5], "tier=1")
    told = summary(kept)
    wanted = {
        "members": 11, "reachable": 1, "channels": {"mail": 1, "signal": 1}, "proofs": 2, "vouchers": 1, "minors": 1,
        "do_not_contact": 1, "expired": 0, "proposals": 1,
    }  # fmt: skip
    assert {key: told[key] for key in wanted} == wanted
    assert (told["consent"], told["noted"]) == ({"yes": 1, "unknown": 10, "no": 0}, 0)
    shown = kept.run("roster", "list", "--summary", opened=True).out
    assert shown.startswith(
        "If everything vanished today: 11 members, 1 reachable outside.\n  by mail: 1\n  by signal: 1\n"
    )
    for line in (
        "consent to be asked: 1 yes, 10 unknown, 0 no", "2 with a word or a card", "1 with somebody who vouches", "1 under age",
        "1 not to be contacted", "1 proposal to confirm", "on hold: 10, not known whether they agree",
    ):  # fmt: skip
        assert line in shown
    assert not any(one in shown for one in (*HANDLES, *NAMES, MAIL, "bramblecanary"))


def test_mistakes_are_told_without_a_handle_or_a_value(kept: Machine, there: World) -> None:
    there.close()
    bare = ["roster", "add", ROWAN, "minor=yes"]
    add = ["roster", "add", ROWAN, "--source", "home"]
    for arguments, opened, words in (
        ([*add, f"mail={NAMES[1]}"], False, "mail address"),
        ([*add, f"minor={MAIL}"], False, "yes or no"),
        ([*add, MAIL], False, "key=value"),
        ([*add, "minor=yes", "minor=no"], False, "twice"),
        ([*add, "tier=5"], False, "from 1"),
        (bare, False, "on which platform"),
        ([*bare, "--source", "nowhere"], False, "no source"),
        ([*bare, "--source", "home", "--platform", "sandbox"], False, "either"),
        ([*bare, "--origin", "https://x.example"], False, "--platform"),
        (["roster", "add", f" {ROWAN}\n", "minor=yes", "--source", "home"], False, "a handle is"),
        (["roster", "set", MAIL, "minor=yes"], True, "the person named"),
        (["roster", "set", ROWAN, f"voucher={MAIL}"], True, "the other person named"),
        (["roster", "confirm", ROWAN, MAIL], True, "the second person named"),
        (["roster", "confirm", "--all", ROWAN], True, "either"),
        (["roster", "confirm"], True, "nobody can be asked"),
    ):
        done = kept.run(*arguments, opened=opened, code=2)
        assert words in done.err, done.err
        assert done.out == ""
    said = "".join(kept.spoken)
    for planted in (*HANDLES, *NAMES, MAIL):
        assert planted not in said


def test_at_a_terminal_each_proposal_is_asked_for(kept: Machine) -> None:
    kept.run("roster", "add", ROWAN, f"mail={MAIL}", "tier=1")
    person = Terminal(kept, "roster", "confirm")
    person.wait_for("Passphrase")
    person.type(PASSPHRASE)
    person.wait_for(f"mail: {MAIL}")
    person.wait_for("Is that right?")
    person.type("y")
    person.wait_for("tier: 1")
    person.wait_for("Is that right?")
    person.type("n")
    assert person.end() == 0, person.text
    assert ROWAN in person.text
    assert "1 fact confirmed" in person.text
    rowan = people(kept)[ROWAN]
    assert (rowan["contacts"], rowan["proposals"]) == ({"mail": MAIL}, ["tier: 1"])


# --- plans and invitations -----------------------------------------------------------------------------------------------


def test_a_plan_tells_what_it_trusts_and_warns_when_nobody_has_said(kept: Machine, there: World) -> None:
    there.close()
    first = kept.run("plan", GROUP, "--to", "there", "-o", kept.plan, opened=True)
    assert "nobody has said up to which backup" in first.err
    assert "Trusted backups: nobody has said which." in kept.run("show", kept.plan, opened=True).out
    second = kept.run("plan", GROUP, "--to", "there", "--trusted", newest(kept), "-o", kept.plan, opened=True)
    assert "nobody has said" not in second.err
    assert f"Trusted backups: up to commit {newest(kept)}, as you said." in kept.run("show", kept.plan, opened=True).out
    done = plan(kept, "--trusted", newest(kept))
    assert (done["trusted_by"], done["suspect"]) == ("given", 0)
    for wrong in ("nonsense", "99999", "abcdef12:1"):
        kept.run("plan", GROUP, "--to", "there", "--trusted", wrong, "-o", kept.plan, opened=True, code=2)


def test_who_came_after_the_trusted_backup_is_released_by_a_list_only(
    kept: Machine, village: Village, there: World
) -> None:
    there.close()
    trusted = newest(kept)
    world = World(village.path)
    world.person("@late:sandbox", "Late Canary")
    world.join(village.group, "@late:sandbox", level=100, force=True)
    world.close()
    kept.run("backup", "home")
    made = plan(kept, "--trusted", trusted)
    assert {gap["code"]: gap["count"] for gap in made["gaps"]}["roles-not-proved"] == 1
    everybody = prepare(kept, "--release", "all")
    assert everybody["reasons"] == {"first-seen-after-trust": 1, "consent-unknown": 1}
    assert everybody["held"] == 1
    shown = kept.run("invite", "prepare", kept.plan, opened=True).out
    assert "only backups after the trusted ones tell of them" in shown
    names = kept.secret("known.txt", "@late:sandbox\n")
    assert prepare(kept, "--release", names)["held"] == 0


def test_a_refusal_holds_whatever_was_released_before(kept: Machine, there: World) -> None:
    made = plan(kept)
    kept.run("apply", kept.plan, "--expect", made["digest"], opened=True)
    released = prepare(kept, "--release", "all")
    assert (released["held"], released["reasons"]) == (0, {})
    kept.run("roster", "add", ROWAN, "consent.contact=no", "--source", "home")  # a later backup, after all was decided
    kept.run("roster", "add", FERN, "hold=yes", "--source", "home")
    status = kept.run("--json", "invite", "status", kept.plan, opened=True).done
    assert status["reasons"] == {"consent-no": 1, "on-hold": 1}
    sent = kept.run("--json", "invite", "send", kept.plan, opened=True).done
    assert (sent["sent"], sent["held"], sent["reasons"]) == (released["people"] - 2, 2, status["reasons"])
    assert not there.sync_of(ROWAN).invitations
    assert not there.sync_of(FERN).invitations
    assert there.sync_of(MOSS).invitations
    names = kept.secret("known.txt", f"{ROWAN}\n{FERN}\n")
    assert prepare(kept, "--release", "all")["reasons"] == status["reasons"]
    told = kept.run("invite", "prepare", kept.plan, "--release", names, opened=True)
    assert "they do not agree to be asked (consent-no)" in told.out
    assert "roster set" in told.out
    assert kept.run("--json", "invite", "send", kept.plan, opened=True).done["sent"] == 1
    assert there.sync_of(FERN).invitations
    kept.run("roster", "set", ROWAN, "consent.contact=yes", opened=True)
    prepare(kept, "--release", "all")
    assert kept.run("--json", "invite", "send", kept.plan, opened=True).done["sent"] == 1
    assert there.sync_of(ROWAN).invitations
    there.close()
