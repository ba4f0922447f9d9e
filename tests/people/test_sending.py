"""What is sent to whom, how often, and what stops it."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from people_kit import BEGIN, Campaigning, crowd, member, unreliable

from grouparchive.errors import Flood, GroupArchiveError, InDoubt, PlatformError, Refused
from grouparchive.model.ports import Pace
from grouparchive.people.campaign import TIERS
from grouparchive.people.journal import Journal, message_key
from grouparchive.people.pacing import DAY
from grouparchive.people.routes import BY_HAND
from grouparchive.people.steps import REMIND_AFTER
from grouparchive.people.tally import status

AT_ONCE = Pace(pause=0, days=(1_000_000,))


def held(group: Campaigning, number: int, hold: str = "do-not-contact") -> None:
    """Something comes to speak against somebody."""
    group.people = [
        msgspec.structs.replace(one, holds=(hold,)) if one.id == member(number) else one  # type: ignore[arg-type]
        for one in group.people
    ]


def test_everybody_is_warned_once_the_first_ones_first(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(9, level=lambda at: {7: 100, 3: 50}.get(at, 0)))
    assert group.send().sent == 9
    assert group.post.whom[:2] == ["7@example.org", "3@example.org"]
    assert sorted(group.post.whom) == [f"{at}@example.org" for at in range(9)]
    assert {message.text for _, message in group.post.delivered} == {"warning lantern"}
    assert group.send().sent == 0
    assert len(group.post.delivered) == 9


def test_who_says_no_in_the_midst_is_not_written_to(tmp_path: Path) -> None:
    """Withdrawn after all was approved, while it is being sent."""
    group = Campaigning(tmp_path, crowd(12))
    first = group.post.send

    def send_and_change(message: object) -> object:
        if len(group.post.delivered) == 3:
            held(group, 9)
            group.answer("never", 10)
        return first(message)  # type: ignore[arg-type]

    group.post.send = send_and_change  # type: ignore[method-assign, assignment]
    report = group.send()
    assert (report.sent, report.held) == (10, 1)
    assert not {"9@example.org", "10@example.org"} & set(group.post.whom)
    assert group.send().sent == 0


@pytest.mark.parametrize("after", [0, 4])
def test_a_flood_stops_everything_within_one_message(tmp_path: Path, after: int) -> None:
    group = Campaigning(tmp_path, crowd(12))
    group.post.trouble = {after: Flood("too many")}
    with pytest.raises(Flood):
        group.send()
    assert (len(group.post.delivered), group.post.tried) == (after, after + 1)
    assert group.stopped == ["flood"]
    again = group.send()
    assert (again.sent, again.stopped, group.post.tried) == (0, "flood", after + 1)
    group.answer("resumed")
    assert group.send().sent == 12 - after
    assert len(set(group.post.whom)) == len(group.post.whom) == 12


def test_a_pause_counts_before_the_next_message(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(12))
    group.clock.slept = lambda: group.answer("paused") if len(group.post.delivered) == 4 else None
    report = group.send()
    assert (report.sent, report.left, report.stopped) == (4, 8, "paused")
    group.clock.slept = lambda: None
    group.answer("resumed")
    assert group.send().sent == 8


def test_too_many_refused_addresses_stop_it(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(40))
    group.post.trouble = {at: Refused("no such address") for at in range(3, 30)}
    report = group.send()
    assert (report.sent, report.refused, report.stopped) == (3, 5, "bounces")
    few = Campaigning(tmp_path / "few", crowd(40))
    few.folder.mkdir()
    few.post.trouble = {at: Refused("no such address") for at in (0, 9, 18, 27, 36)}
    assert few.send().sent == 35


def test_what_is_in_doubt_is_told_and_not_sent_again(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(5))
    group.post.trouble = {2: InDoubt("the line broke")}
    assert (group.send().in_doubt, group.send().in_doubt) == (1, 1)
    assert group.post.tried == 5


def test_a_server_that_is_away_now_and_then(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(60), pace=AT_ONCE)
    group.post.trouble = unreliable(400, 0.2)
    for _ in range(60):
        with suppress(PlatformError):
            if not group.send().unsent:
                break
    assert sorted(group.post.whom) == sorted(f"{at}@example.org" for at in range(60))


def test_who_was_told_by_voice_gets_no_first_message_and_the_link_once_they_said_yes(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(4), kind="invitation", link="https://example.org/x", link_until="2027-01-01")
    group.proof = ""  # it was said by voice, and is spent
    group.answer("by-hand", 0, 1)
    group.answer("replied", 0)
    report = group.send()
    assert (report.sent, report.by_hand) == (1, 2)
    assert [(message.recipient, message.subject) for _, message in group.post.delivered] == [("0@example.org", "link")]
    group.clock.at += REMIND_AFTER + DAY
    assert group.send().sent == 0


def test_an_invitation_by_text_goes_step_by_step(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(6), kind="invitation", link="https://example.org/x", link_until="2027-01-01")
    assert group.send().sent == 6
    assert {message.text for _, message in group.post.delivered} == {"hello lantern"}
    group.answer("replied", 1, 2)
    group.answer("never", 3)
    group.answer("by-hand", 4)
    assert group.send().sent == 2
    assert [message.subject for _, message in group.post.delivered[6:]] == ["link", "link"]
    group.clock.at = BEGIN + REMIND_AFTER + DAY
    group.answer("back", 5)
    assert group.send().sent == 2  # nobody reminds who answered, wants no more, or is back
    assert sorted(message.recipient for _, message in group.post.delivered[8:]) == ["0@example.org", "4@example.org"]
    group.clock.at += 30 * DAY
    assert group.send().sent == 0
    with group.journal() as journal:
        total = status(group.campaign, journal, group.live().answers)[-1]
    assert (total.told, total.replied, total.linked, total.reminded, total.joined, total.declined) == (6, 2, 2, 2, 1, 1)


def test_without_a_link_those_who_answered_wait_for_it(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(2), kind="invitation")
    group.send()
    group.answer("replied", 0)
    report = group.send()
    assert (report.sent, report.waiting) == (0, 2)  # one for the link, one for an answer


def test_who_could_not_tell_that_it_is_us_is_told_by_a_person(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(3), kind="invitation")
    group.proof = ""
    report = group.send()
    assert (report.sent, report.by_hand) == (0, 3)
    group.ways = lambda _: BY_HAND
    group.answer("by-hand", 1)
    assert group.send().by_hand == 2


def test_an_address_that_gives_mail_back_is_left_to_a_person(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(3))
    group.answer("bounced", 2)
    report = group.send()
    assert (report.sent, report.by_hand) == (2, 1)


def test_a_refused_address_is_left_to_a_person(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(2))
    group.post.trouble = {0: Refused("no such address")}
    assert (group.send().refused, group.send().by_hand) == (1, 1)
    group.answer("by-hand", 0, 1)
    assert group.send().by_hand == 0


def test_how_far_it_is_can_be_read_while_it_is_sent(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(6))
    seen: list[int] = []

    def look() -> None:
        with Journal(tmp_path / "journal", group.campaign, reading=True) as journal:
            seen.append(status(group.campaign, journal, group.live().answers)[-1].told)

    group.clock.slept = look
    assert group.send().sent == 6
    assert seen[0] == 1
    assert seen[-1] == 5
    with Journal(tmp_path / "journal", group.campaign, reading=True) as journal, pytest.raises(GroupArchiveError):
        journal.write("0" * 32, "sent")


def test_only_the_word_that_was_said_is_noted_and_only_as_a_tag(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(3), kind="invitation")
    group.post.trouble = {1: PlatformError("away"), 2: InDoubt("the line broke")}
    report = group.send()
    assert (report.sent, report.unsent, report.in_doubt) == (1, 1, 1)
    with group.journal() as journal:
        keys = [message_key(group.campaign, one.member, "hello") for one in group.campaign.invitees]
        assert [journal.said(key) for key in keys] == ["tag of lantern", "", "tag of lantern"]


def test_the_answers_name_nobody(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(3))
    group.answer("never", 1)
    group.send()
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
        for planted in (b"example.org", b"never", b"lantern", member(1).encode(), bytes.fromhex(member(1))):
            assert planted not in data


def test_waves_have_names() -> None:
    assert list(TIERS) == [1, 2, 3, 4]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1]]
from people_kit import Campaigning, crowd
from grouparchive.model.ports import Pace
from grouparchive.people.journal import Journal

folder, kill = Path(sys.argv[2]), int(sys.argv[3])
group = Campaigning(folder, crowd(500), pace=Pace(pause=0, days=(1_000_000,)))
points = 0

def point():
    global points
    points += 1
    if points == kill:
        os.kill(os.getpid(), signal.SIGKILL)

write = Journal.write
def watched(self, *words, **more):
    point()
    write(self, *words, **more)
    point()
Journal.write = watched

log = open(folder / "delivered", "a")
def send(message, inner=group.post.send):
    outcome = inner(message)
    log.write(message.recipient + "\\n")
    log.flush()
    point()
    return outcome
group.post.send = send
report = group.send()
print(report.sent, report.in_doubt)
"""


def test_five_hundred_people_and_kill_9_twenty_times(tmp_path: Path) -> None:
    """Each gets exactly one message, or their message is told as in doubt and at most one went out."""
    here = str(Path(__file__).parent)
    kills = 0
    for number in range(20):
        command = [sys.executable, "-c", KILLED, here, str(tmp_path), str(61 + 5 * number)]
        done = subprocess.run(command, check=False, timeout=120, capture_output=True, env={**os.environ})
        assert done.returncode == -signal.SIGKILL, done.stderr
        kills += 1
    done = subprocess.run(
        [sys.executable, "-c", KILLED, here, str(tmp_path), "0"], check=True, capture_output=True, text=True
    )
    _, in_doubt = map(int, done.stdout.split())
    got = (tmp_path / "delivered").read_text().split()
    assert len(got) == len(set(got)), "somebody got two"
    group = Campaigning(tmp_path, crowd(500))
    with group.journal() as journal:
        doubtful = {
            f"{at}@example.org"
            for at in range(500)
            if journal.status(message_key(group.campaign, member(at), "warning")) == "doubt"
        }
    assert len(doubtful) == in_doubt <= kills
    assert set(got) | doubtful == {f"{at}@example.org" for at in range(500)}
