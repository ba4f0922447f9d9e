import os
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from grouparchive.cli.holds import WORDS
from grouparchive.crypto.vaults import VaultKey
from grouparchive.errors import Damaged, InDoubt, PlatformError, Refused, UsageError, WrongSecret
from grouparchive.model.plan import CreateChannel, CreateGroup, Hold, Outcome, Person, Plan, Policy
from grouparchive.model.ports import PersonalMessage
from grouparchive.model.records import Ban, Channel, Membership
from grouparchive.people.campaign import (
    EVERYONE,
    Campaign,
    Release,
    Scope,
    as_of_now,
    campaign_path,
    load_campaign,
    prepare,
    read_release,
    save_campaign,
)
from grouparchive.people.journal import Answers, Journal, answer, answers, journal_path
from grouparchive.people.pacing import AT_ONCE, Lanes
from grouparchive.people.routes import Route
from grouparchive.people.sending import Live, Sending, SendReport, refresh, send
from grouparchive.people.tally import status

SPACE, OPEN, PRIVATE = "!space", "!open", "!private"


def member(number: int) -> str:
    return f"{number:032x}"


def native(member_id: str) -> str:
    return f"@canary{int(member_id, 16)}:demo.test"


def channel(ref: str) -> Channel:
    return Channel(ref=ref, group=SPACE, type="space" if ref == SPACE else "room")


PLAN = Plan(
    archive_id="ab" * 32,
    position="w:3",
    moment=1000,
    group=SPACE,
    group_name="Canary Garden",
    target="home",
    platform="matrix",
    policy=Policy(key="11" * 32),
    observed="x",
    actions=(
        CreateGroup(key="0" * 32, group=SPACE, channel=channel(SPACE), name="Group"),
        CreateChannel(key="1" * 32, channel=channel(OPEN), parent=SPACE, name="Room 1"),
        CreateChannel(key="2" * 32, channel=channel(PRIVATE), parent=SPACE, name="Room 2", private=True),
    ),
)


SCOPE = Scope.of_plan(PLAN)
PROOF = b"p" * 32


def person(number: int, *channels: str, level: int = 0, admin: bool = False, state: str = "join") -> Person:
    memberships = tuple(
        Membership(channel=ref, member=member(number), level=level, state=state)  # type: ignore[arg-type]
        for ref in channels
    )
    return Person(id=member(number), memberships=memberships, admin=admin)


PEOPLE = [
    person(1, SPACE, OPEN, PRIVATE, level=100, admin=True),
    person(2, SPACE, OPEN),
    person(3, SPACE, OPEN, PRIVATE, level=50),
    person(4, SPACE, level=100),
    person(5, SPACE, OPEN),
    person(6, SPACE, state="invite"),
    person(7, SPACE, OPEN, PRIVATE),
    person(8),
]
BANS = [
    Ban(channel=SPACE, member=member(5)),
    Ban(channel=PRIVATE, member=member(7)),
    Ban(channel=OPEN, member=member(8)),
]


def campaign(release: Release | None = None, earlier: Campaign | None = None, now: int = 5000) -> Campaign:
    return prepare(SCOPE, PEOPLE, BANS, release=release, earlier=earlier, now=now)


class Rooms:
    """A messenger over an imaginary server that keeps who was invited where."""

    platform = "imaginary"

    def __init__(self, *, knows: bool = True) -> None:
        self.state: dict[tuple[str, str], str] = {}
        self.delivered: list[tuple[str, str]] = []
        self.knows = knows
        self.trouble: list[Exception | str] = []

    def send(self, message: PersonalMessage) -> Outcome:
        trouble = self.trouble.pop(0) if self.trouble else None
        if isinstance(trouble, Exception):
            raise trouble
        self.delivered.append((message.place, message.recipient))
        self.state[message.place, message.recipient] = "invited"
        if trouble == "lost answer":
            raise InDoubt("the connection broke")
        if trouble == "killed":
            raise KeyboardInterrupt
        return Outcome(status="done", note="invited")

    def find(self, message: PersonalMessage) -> Outcome | None:
        if not self.knows:
            raise NotImplementedError
        note = self.state.get((message.place, message.recipient))
        return Outcome(status="already", note=note) if note else None

    def close(self) -> None:
        pass


def sending(  # what `send` needs, over an imaginary server
    journal: Journal,
    plan: Campaign,
    rooms: Rooms,
    *,
    natives: Any = native,
    places: Any = lambda ref: ref + "-new",
    said: Answers | None = None,
) -> Sending:
    def route(one: str) -> Route | None:
        handle = natives(one)
        if not handle:
            return None
        return Route(way="home", lane="home/invitation", kind="invitation", channel="imaginary", recipient=handle)

    live = Live(plan, said or Answers(plan, []))
    lanes = Lanes(b"k" * 32, journal.sent(), paces={"home/invitation": AT_ONCE})
    return Sending(
        journal=journal, live=lambda: live, stop=pytest.fail, messengers={"home": rooms}, routes=route, places=places,
        letter=pytest.fail, lanes=lanes,
    )  # fmt: skip


def run(folder: Path, plan: Campaign, rooms: Rooms) -> SendReport:
    with Journal(folder / "journal", plan) as journal:
        return send(sending(journal, plan, rooms, said=answers(folder / "answers", plan)))


def test_everyone_is_on_hold_until_a_person_decides(tmp_path: Path) -> None:
    held = campaign()
    assert held.invitees
    assert all(one.held for one in held.invitees)
    rooms = Rooms()
    assert run(tmp_path, held, rooms) == SendReport(held=4)
    assert rooms.delivered == []


def test_co_admins_come_first_and_the_banned_and_ourselves_never() -> None:
    found = campaign()
    assert [(one.tier, int(one.member, 16)) for one in found.invitees] == [(1, 4), (2, 3), (4, 2), (4, 7)]
    assert found.left_out == {"own-account": 1, "banned": 2, "not-joined": 1}
    assert {int(one.member, 16): one.places for one in found.invitees} == {
        4: (SPACE,),
        3: (SPACE, PRIVATE),
        2: (SPACE,),
        7: (SPACE,),  # banned from the private room only
    }


def test_a_release_is_recorded_with_its_time_and_kept() -> None:
    first = campaign(Release(by="list", members=frozenset({member(4)})))
    assert [(int(one.member, 16), one.decided, one.by) for one in first.invitees if not one.held] == [(4, 5000, "list")]
    second = campaign(EVERYONE, first, now=6000)
    assert second.key == first.key
    assert [(one.time, one.by, one.released) for one in second.decisions] == [(5000, "list", 1), (6000, "all", 3)]
    by_id = {int(one.member, 16): one for one in second.invitees}
    assert (by_id[4].decided, by_id[4].by) == (5000, "list")
    assert (by_id[2].decided, by_id[2].by) == (6000, "all")
    third = campaign(None, second, now=7000)
    assert third.invitees == second.invitees


def test_a_campaign_belongs_to_one_plan() -> None:
    other = prepare(Scope.of_plan(Plan(**{**_fields(PLAN), "moment": 2000})), PEOPLE, BANS)
    with pytest.raises(UsageError, match="another plan"):
        campaign(earlier=other)


def _fields(plan: Plan) -> dict[str, object]:
    return {name: getattr(plan, name) for name in plan.__struct_fields__}


def test_a_release_list_takes_ids_and_handles() -> None:
    known = {member(2): member(2), native(member(2)): member(2), native(member(3)): member(3)}
    text = f"\ufeff# who may be asked\n\n  {native(member(3))}\r\n{member(2)}\n"
    assert read_release(text, known) == Release(by="list", members=frozenset({member(2), member(3)}))


def test_a_release_list_with_strangers_names_the_line_and_nobody() -> None:
    with pytest.raises(UsageError, match="line 2 of") as error:
        read_release(f"{member(2)}\n@canary99:demo.test\n", {member(2): member(2)})
    assert "canary" not in error.value.message + error.value.hint


SOFT: tuple[Hold, ...] = ("no-trusted-position", "consent-unknown")
BY_NAME: tuple[Hold, ...] = ("first-seen-after-trust", "suspect-commit", "minor", "on-hold")
NEVER: tuple[Hold, ...] = ("consent-no", "do-not-contact")


def held_for(*holds: Hold, number: int = 2) -> list[Person]:
    return [msgspec.structs.replace(person(number, SPACE), holds=holds)]


def test_every_hold_is_overruled_by_something_or_by_nothing() -> None:
    assert {*SOFT, *BY_NAME, *NEVER} == set(get_args(Hold))
    assert set(WORDS) == {*SOFT, *BY_NAME, *NEVER, "not-released"}


@pytest.mark.parametrize("release", [EVERYONE, Release(by="list", members=frozenset({member(2)}))])
@pytest.mark.parametrize("hold", get_args(Hold))
def test_what_a_release_overrules(release: Release, hold: Hold) -> None:
    [one] = prepare(SCOPE, held_for("consent-unknown", hold), [], release=release, now=1).invitees
    free = hold in SOFT or (hold in BY_NAME and release.by == "list")
    assert one.held is not free
    assert one.reasons == (() if free else ("consent-unknown", hold))
    assert one.overruled == (one.holds if free else ())


def test_a_list_releases_nobody_else() -> None:
    other = Release(by="list", members=frozenset({member(3)}))
    assert prepare(SCOPE, held_for("minor"), [], release=other, now=1).reasons() == {"minor": 1}


def test_what_speaks_against_somebody_later_holds_them_again(tmp_path: Path) -> None:
    people = held_for(*SOFT)
    released = prepare(SCOPE, people, [], release=EVERYONE, now=1)
    assert released.reasons() == {}
    assert as_of_now(released, people) == released
    for hold in (*BY_NAME, *NEVER):
        again = as_of_now(released, held_for(*SOFT, hold))
        assert again.reasons() == {hold: 1}
        rooms = Rooms()
        assert run(tmp_path, again, rooms) == SendReport(held=1)
        assert rooms.delivered == []
        later = prepare(SCOPE, held_for(*SOFT, hold), [], release=EVERYONE, earlier=released, now=2)
        assert later.reasons() == {hold: 1}
    assert run(tmp_path, as_of_now(again, people), Rooms()).sent == 1


def test_somebody_against_whom_nothing_speaks_waits_all_the_same() -> None:
    assert prepare(SCOPE, held_for(), [], now=1).reasons() == {"not-released": 1}


def test_a_power_that_no_backup_proves_puts_nobody_first() -> None:
    people = [msgspec.structs.replace(person(2, SPACE, OPEN, level=100), unproved=(SPACE, OPEN))]
    assert [one.tier for one in prepare(SCOPE, people, []).invitees] == [4]
    people = [msgspec.structs.replace(person(2, SPACE, OPEN, level=100), unproved=(SPACE,))]
    assert [one.tier for one in prepare(SCOPE, people, []).invitees] == [1]


def test_each_is_invited_once_in_the_order_of_tiers(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms()
    assert run(tmp_path, released, rooms) == SendReport(sent=4, waiting=1)
    assert [int(handle[7:].split(":")[0]) for _, handle in rooms.delivered] == [4, 3, 2, 7]
    assert {place for place, _ in rooms.delivered} == {SPACE + "-new"}
    assert run(tmp_path, released, rooms) == SendReport(waiting=1)
    assert len(rooms.delivered) == 4


def test_private_rooms_follow_once_somebody_has_come(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms()
    run(tmp_path, released, rooms)
    rooms.state[SPACE + "-new", native(member(3))] = "joined"
    assert run(tmp_path, released, rooms) == SendReport(sent=1)
    assert rooms.delivered[4:] == [(PRIVATE + "-new", native(member(3)))]
    assert run(tmp_path, released, rooms) == SendReport()


def test_who_is_back_by_themselves_gets_the_private_rooms_and_no_more(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms()
    answer(tmp_path / "answers", released, "back", [member(3), member(7)])
    rooms.state[SPACE + "-new", native(member(3))] = "joined"  # number 7 is there by another account
    assert run(tmp_path, released, rooms) == SendReport(sent=3)
    assert sorted(rooms.delivered) == sorted(
        [
            (SPACE + "-new", native(member(2))),
            (SPACE + "-new", native(member(4))),
            (PRIVATE + "-new", native(member(3))),
        ]
    )
    assert run(tmp_path, released, rooms) == SendReport()


def test_who_declined_is_left_in_peace(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms()
    run(tmp_path, released, rooms)
    rooms.state[SPACE + "-new", native(member(3))] = "declined"
    assert run(tmp_path, released, rooms).sent == 0
    rooms.state[SPACE + "-new", native(member(3))] = "joined"  # came later by themselves: still not asked for more
    assert run(tmp_path, released, rooms).sent == 0
    assert len(rooms.delivered) == 4


@pytest.mark.parametrize("trouble", ["lost answer", InDoubt("500"), "killed"])
def test_an_invitation_of_unknown_fate_arrives_exactly_once(tmp_path: Path, trouble: Exception | str) -> None:
    released, rooms = campaign(EVERYONE), Rooms()
    rooms.trouble = [trouble]
    if trouble == "killed":
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, released, rooms)
    run(tmp_path, released, rooms)
    run(tmp_path, released, rooms)
    assert len(rooms.delivered) == 4
    assert len(set(rooms.delivered)) == 4


def test_where_the_platform_cannot_tell_nothing_is_sent_again(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms(knows=False)
    rooms.trouble = ["lost answer"]
    assert run(tmp_path, released, rooms) == SendReport(sent=3, in_doubt=1, waiting=1)
    assert run(tmp_path, released, rooms).in_doubt == 1
    assert len(rooms.delivered) == 4


def test_a_server_that_keeps_failing_is_not_hammered_and_asked_again_another_day(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms()
    rooms.trouble = [InDoubt("500")] * 3
    assert run(tmp_path, released, rooms) == SendReport(sent=3, in_doubt=1, waiting=1)
    assert run(tmp_path, released, rooms) == SendReport(sent=1, waiting=1)


def test_a_refusal_is_final(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms()
    rooms.trouble = [Refused("no such person")]
    assert run(tmp_path, released, rooms) == SendReport(sent=3, refused=1, waiting=1)
    assert run(tmp_path, released, rooms) == SendReport(waiting=1)


def test_when_the_platform_is_away_the_rest_waits(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms(knows=False)
    rooms.trouble = [PlatformError("the server cannot be reached")] * 3
    with pytest.raises(PlatformError):
        run(tmp_path, released, rooms)
    assert rooms.delivered == []
    assert run(tmp_path, released, rooms).sent == 4


def test_one_who_cannot_be_reached_now_keeps_nobody_waiting(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms()
    rooms.trouble = [PlatformError("the mailbox is full")]
    assert run(tmp_path, released, rooms) == SendReport(sent=3, unsent=1, waiting=1)
    assert run(tmp_path, released, rooms) == SendReport(sent=1, waiting=1)
    assert len(set(rooms.delivered)) == len(rooms.delivered) == 4


def test_status_counts_people_by_tier(tmp_path: Path) -> None:
    released, rooms = campaign(Release(by="list", members=frozenset({member(4), member(3)}))), Rooms()
    run(tmp_path, released, rooms)
    rooms.state[SPACE + "-new", native(member(4))] = "joined"
    with Journal(tmp_path / "journal", released) as journal:
        refresh(sending(journal, released, rooms))
        one, two, three, four = status(released, journal, Answers(released, []))
    assert (one.people, one.released, one.told, one.joined) == (1, 1, 1, 1)
    assert (two.people, two.held, two.told, two.joined) == (1, 0, 1, 0)
    assert three.people == 0
    assert (four.people, four.held, four.told) == (2, 2, 0)


def test_before_the_group_is_rebuilt_nobody_is_asked(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms()
    with Journal(tmp_path / "journal", released) as journal, pytest.raises(UsageError, match="not there yet"):
        send(sending(journal, released, rooms, places=lambda _: ""))
    assert rooms.delivered == []


def test_who_has_no_handle_is_counted_and_the_others_are_asked(tmp_path: Path) -> None:
    released, rooms = campaign(EVERYONE), Rooms()
    with Journal(tmp_path / "journal", released) as journal:
        report = send(sending(journal, released, rooms, natives=lambda one: "" if one == member(3) else native(one)))
    assert report == SendReport(sent=3, unreachable=1)


def test_the_files_tell_nothing_about_anybody(tmp_path: Path) -> None:
    root = VaultKey.from_root(os.urandom(32))
    released, rooms = campaign(EVERYONE), Rooms()
    path = campaign_path(tmp_path / "plan")
    save_campaign(path, released, root.public, proof=PROOF)
    with Journal(journal_path(path), released) as journal:
        send(sending(journal, released, rooms))
    assert load_campaign(path, root, bytes.fromhex(released.archive_id), proof=PROOF) == released
    assert sorted(file.name for file in tmp_path.iterdir()) == ["plan.invitations", "plan.invitations.journal"]
    for file in tmp_path.iterdir():
        data = file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o600
        for planted in (b"canary", b"space", b"Canary Garden", member(3).encode(), bytes.fromhex(member(3))):
            assert planted not in data


def test_a_campaign_file_that_is_not_ours_is_told_apart(tmp_path: Path) -> None:
    root = VaultKey.from_root(os.urandom(32))
    path = tmp_path / "x"
    with pytest.raises(UsageError, match="no invitations are prepared"):
        load_campaign(path, root, bytes(32), proof=PROOF)
    path.write_bytes(b"something else")
    with pytest.raises(UsageError):
        load_campaign(path, root, bytes(32), proof=PROOF)
    save_campaign(path, campaign(), root.public, proof=PROOF)
    with pytest.raises(WrongSecret):
        load_campaign(path, root, bytes(32), proof=PROOF)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged):
        load_campaign(path, root, bytes.fromhex(PLAN.archive_id), proof=PROOF)
