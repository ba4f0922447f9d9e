"""Members of whom only some were seen: the latest sighting counts, in whatever order the exports came."""

import itertools
from typing import Any

import pytest

from grouparchive.model.records import Channel, Group, Member, Membership, Record, Roster

STRUCTURE: list[Record] = [Group(ref="!g", platform="p", origin="o", name="Lane"), Channel(ref="!g", group="!g")]


def who(number: int, run: int) -> Member:
    return Member(
        id=f"{run:016x}{number:016x}", platform="p", origin="o", native=f"@fern{number}", name=f"Fern {number}"
    )


def sighting(number: int, run: int, seen: int, state: Any = "join") -> list[Record]:
    person = who(number, run)
    return [person, Membership(channel="!g", member=person.id, state=state, seen=seen)]


def snapshot(run: int, time: int, *numbers: int) -> list[Record]:
    people = [who(number, run) for number in numbers]
    places = [Membership(channel="!g", member=one.id) for one in people]
    return [Roster(channel="!g", time=time, members=len(places)), *places, *people]


def here(made: Any) -> set[str]:
    view = made.view()
    return {view.members[one.id].native for one in view.people("!g")}


EXPORTS = [
    [*sighting(1, 1, 100), *sighting(2, 1, 200)],
    [*sighting(2, 2, 300, "leave"), *sighting(3, 2, 250)],
    [*sighting(3, 3, 100, "leave"), *sighting(4, 3, 400)],
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_overlapping_exports_tell_the_same_members_in_any_order(made: Any, order: tuple[int, ...]) -> None:
    for number in order:
        made.write([*STRUCTURE, *EXPORTS[number]])
    assert here(made) == {"@fern1", "@fern3", "@fern4"}


@pytest.mark.parametrize("first", ["snapshot", "sightings"])
def test_a_whole_roster_counts_over_what_was_seen_before_it(made: Any, first: str) -> None:
    whole = [*STRUCTURE, *snapshot(7, 500, 1, 2)]
    seen = [
        *STRUCTURE,
        *sighting(3, 8, 499),
        *sighting(4, 8, 501),
        *sighting(1, 8, 502, "leave"),
        *sighting(2, 8, 10, "leave"),
    ]
    for records in (whole, seen) if first == "snapshot" else (seen, whole):
        made.write(records)
    assert here(made) == {"@fern2", "@fern4"}


def test_a_sighting_is_no_part_of_the_roster_that_was_begun_before_it(made: Any) -> None:
    made.write([*STRUCTURE, *snapshot(1, 500, 1), *sighting(2, 1, 400)])
    assert here(made) == {"@fern1"}


@pytest.mark.parametrize("state", ["join", "leave"])
def test_a_sighting_of_times_to_come_does_not_count_over_later_rosters(made: Any, state: str) -> None:
    made.write([*STRUCTURE, *snapshot(1, 500, 1, 2)], time=1_000)
    made.write([*STRUCTURE, *sighting(2 if state == "leave" else 3, 2, 253_402_300_799_999, state)], time=2_000)
    made.write([*STRUCTURE, *snapshot(3, 3_000, 1, 2)], time=3_000)
    assert here(made) == {"@fern1", "@fern2"}


def test_a_roster_of_times_to_come_does_not_count_over_later_sightings(made: Any) -> None:
    made.write([*STRUCTURE, *snapshot(1, 253_402_300_799_999, 1)], time=1_000)
    made.write([*STRUCTURE, *sighting(2, 2, 1_500)], time=2_000)
    assert here(made) == {"@fern1", "@fern2"}


@pytest.mark.parametrize("order", list(itertools.permutations((100, 200, 300))))
def test_of_whole_rosters_the_newest_counts_in_whatever_order_they_came(made: Any, order: tuple[int, ...]) -> None:
    people = {100: (1, 2), 200: (1, 2, 3), 300: (1, 3)}
    for run, time in enumerate(order):
        made.write([*STRUCTURE, *snapshot(run + 1, time, *people[time])], time=1_000 + run)
    assert here(made) == {"@fern1", "@fern3"}


def test_a_roster_of_a_clock_that_ran_ahead_does_not_outlast_later_ones(made: Any) -> None:
    made.write([*STRUCTURE, *snapshot(1, 500, 1, 2)], time=1_000)
    made.write([*STRUCTURE, *snapshot(2, 253_402_300_799_999, 9)], time=253_402_300_799_000)
    made.write([*STRUCTURE, *snapshot(3, 3_000, 1, 2)], time=3_000)
    assert here(made) == {"@fern1", "@fern2"}
