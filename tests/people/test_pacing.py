"""When messages go: inside safe hours, slowly, and as long as was said before."""

import datetime as dt
import itertools
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from people_kit import BEGIN, Campaigning, Post, crowd

from grouparchive.model.ports import Pace
from grouparchive.people.pacing import CANARY, CANARY_REST, DAY, SECOND, Hours, Lanes, Queue, estimate, hours_of

ZONES = ("Asia/Baku", "Europe/Istanbul", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Africa/Lagos")
SAFE = ("09:00-12:00", "20:00-02:00", "", "18:30-21:00")


def inside(at: int, hours: str, zone: str) -> bool:
    """Is a moment inside somebody's hours? Another way of reckoning than the one that is tested."""
    here = dt.datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
    begin, end = (hours or "09:00-21:00").split("-")
    now = here.strftime("%H:%M:%S.%f")
    return begin <= now < end if begin < end else now >= begin or now < end


def said(number: int) -> tuple[str, str]:
    return SAFE[number % 4], ZONES[number % 6]


def test_five_thousand_people_in_six_time_zones(tmp_path: Path) -> None:
    """Nobody outside their hours, no lane faster than it may, and all takes as long as was told before."""
    group = Campaigning(tmp_path, crowd(5000), pace=Pace(pause=60, days=(50, 100, 400)))
    group.hours = lambda number: hours_of(*said(number))
    group.ways = lambda number: ("post", "chat")[number % 2]
    slow = {name: Post(group.clock, takes=2 * SECOND) for name in ("post", "chat")}
    queue = Queue()
    for invitee in group.campaign.invitees:
        route = group.route(invitee.member)
        assert route is not None
        queue.add(route.lane, route.hours)
    told = estimate(queue, group.lanes(names=("post", "chat")), BEGIN) - BEGIN
    assert group.send(messengers=slow).sent == 5000
    everything = sorted(one for messenger in slow.values() for one in messenger.delivered)
    assert len({message.recipient for _, message in everything}) == 5000
    assert abs(everything[-1][0] - BEGIN - told) < told / 10
    for messenger in slow.values():
        times = [at for at, _ in messenger.delivered]
        assert min(later - at for at, later in itertools.pairwise(times)) >= 30 * SECOND
        first = times[0] - 2 * SECOND
        for days, most in ((1, 50), (2, 150), (3, 550)):
            assert sum(at < first + days * DAY for at in times) <= most
        assert all(sum(at <= one < at + DAY for one in times) <= 400 for at in times[::50])
    for at, message in everything:
        begun = at - 2 * SECOND
        assert inside(begun, *said(int(message.recipient.partition("@")[0])))


def test_a_large_campaign_rests_after_its_first_few(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(30))
    group.send()
    times = [at for at, _ in group.post.delivered]
    assert times[CANARY] - times[CANARY - 1] >= CANARY_REST
    assert times[CANARY - 1] - times[0] < CANARY * 90 * SECOND
    small = Campaigning(tmp_path / "small", crowd(10))
    small.folder.mkdir()
    small.send()
    assert small.clock.at - BEGIN < 10 * 90 * SECOND


def test_a_stop_and_a_new_start_do_not_hurry(tmp_path: Path) -> None:
    group = Campaigning(tmp_path, crowd(12))
    for _ in range(40):
        report = group.send(wait=False)
        if report.next:
            group.clock.at = max(group.clock.at, report.next)
    assert group.send(wait=False).left == 0
    times = [at for at, _ in group.post.delivered]
    assert len(times) == 12
    assert all(later - at >= 30 * SECOND for at, later in itertools.pairwise(times))


@given(
    st.integers(0, 4 * 365 * 24 * 60), st.integers(0, 1439), st.integers(0, 1439), st.sampled_from(ZONES),
)  # fmt: skip
def test_hours_open_when_they_say(minutes: int, begin: int, end: int, zone: str) -> None:
    now = 1_700_000_000_000 + minutes * 60_000
    text = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    hours = hours_of(text, zone)
    assert hours == Hours(begin, end, zone)
    opens = hours.opens(now)
    assert now <= opens <= now + 26 * 60 * 60_000
    assert begin == end or inside(opens, text, zone)
    if begin != end and opens > now:
        assert not inside(now, text, zone)
    elif begin == end:
        assert opens == now


@pytest.mark.parametrize(
    ("hours", "zone", "default", "found"),
    [
        ("09:00-17:30", "Asia/Baku", "", Hours(540, 1050, "Asia/Baku")),
        ("09:00-17:30", "", "Europe/Berlin", Hours(540, 1050, "Europe/Berlin")),
        ("09:00-17:30", "", "", Hours(540, 1050, "UTC")),
        ("", "Asia/Baku", "Europe/Berlin", Hours(540, 1260, "Asia/Baku")),
        ("", "No/Where", "Europe/Berlin", Hours(540, 1260, "Europe/Berlin")),
        ("", "", "", None),
        ("", "../../etc/passwd", "", None),
        ("at night", "", "", None),
    ],
)
def test_hours_of_what_was_said(hours: str, zone: str, default: str, found: Hours | None) -> None:
    assert hours_of(hours, zone, default) == found


def test_a_day_whose_clocks_change_has_hours_too() -> None:
    for day in ("2026-03-29", "2026-10-25"):  # Berlin's clocks change in the night before
        for minute in range(0, 1440, 15):
            at = dt.datetime.fromisoformat(f"{day}T00:00+00:00") + dt.timedelta(minutes=minute)
            hours = hours_of("09:00-12:00", "Europe/Berlin")
            assert hours is not None
            opens = hours.opens(round(at.timestamp() * 1000))
            assert inside(opens, "09:00-12:00", "Europe/Berlin")


def test_an_estimate_is_the_same_every_time_and_differs_between_campaigns() -> None:
    def ends(key: bytes) -> int:
        queue = Queue()
        for _ in range(200):
            queue.add("post/message", None)
        return estimate(queue, Lanes(key, paces={"post/message": Pace(pause=60, days=(1000,))}), BEGIN) - BEGIN

    dice = random.Random(3)
    keys = [dice.randbytes(32) for _ in range(20)]
    found = [ends(key) for key in keys]
    assert found == [ends(key) for key in keys]
    assert len(set(found)) == 20
    assert all(0.9 < one / (199 * 60 * SECOND) < 1.1 for one in found)
