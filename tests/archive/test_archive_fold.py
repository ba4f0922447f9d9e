"""Folding: many commits and runs as one history, to any moment, whatever came later."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grouparchive.archive.fold import View, fold
from grouparchive.archive.moment import Moment, parse_moment
from grouparchive.errors import UsageError
from grouparchive.model.records import (
    AnyRecord,
    Attachment,
    Ban,
    Channel,
    Edit,
    Gap,
    Group,
    Member,
    Membership,
    Message,
    Pins,
    Poll,
    Reaction,
    Role,
    Roster,
    Setting,
    Tombstone,
    Vote,
)


def who(number: int, run: int = 0) -> str:
    return f"{run:016x}{number:016x}"


def member(number: int, run: int = 0, **more: Any) -> Member:
    return Member(id=who(number, run), platform="p", origin="o", native=f"@moss{number}", **more)


def message(number: int, **more: Any) -> Message:
    return Message(**{"channel": "!a", "ref": f"$m{number}", "time": number * 10, "text": f"post {number}"} | more)


def roster(channel: str, *people: int, run: int = 0, bans: tuple[int, ...] = ()) -> list[AnyRecord]:
    return [
        Roster(channel=channel, time=1, members=len(people), bans=len(bans)),
        *(Membership(channel=channel, member=who(n, run), level=100 if n == 1 else 0) for n in people),
        *(Ban(channel=channel, member=who(n, run), by=who(1, run)) for n in bans),
    ]


STRUCTURE: list[AnyRecord] = [
    Group(ref="!g", platform="p", origin="o", name="Moss lane"),
    Channel(ref="!g", group="!g", type="space"),
    Channel(ref="!a", group="!g", parent="!g", name="a"),
    Channel(ref="!b", group="!g", parent="!g", name="b"),
    Role(group="!g", ref="admin", level=100),
]


def refs(view: View, channel: str = "!a") -> list[str]:
    return [one.ref for one in view.timeline(channel)]


# --- one history out of many runs ---


def test_people_of_many_runs_are_one_person_everywhere(made: Any) -> None:
    for run in range(3):
        me, you = who(1, run), who(2, run)
        made.write(
            [
                *(STRUCTURE if run == 0 else []),
                member(1, run, name=["old", "", "new"][run]),
                member(2, run),
                *roster("!a", 1, 2, run=run, bans=(3,)),
                member(3, run),
                Setting(channel="!a", name="power", value=f'{{"{me}":100,"x{you}":1,"{me}0":2}}'),
                message(
                    run,
                    author=me,
                    text=f"hi {{member:{you}}}",
                    html=f"<b>{{member:{you}}}</b>",
                    mentions=(you, you),
                    data=f'{{"target":"{you}"}}',
                    poll=Poll(question=f"{{member:{me}}}?", options=(("1", f"{{member:{you}}}"),)),
                ),
                Edit(channel="!a", ref=f"$e{run}", target=f"$m{run}", time=run, author=me, text=f"{{member:{you}}}"),
                Reaction(channel="!a", ref=f"$r{run}", target=f"$m{run}", time=run, author=you, key="x"),
            ]
        )
    view = made.view()
    me, you, banned = who(1), who(2), who(3)
    posts = list(view.posts("!a"))
    assert len(posts) == 3
    for post in posts:
        shown = post.message
        assert (shown.author, shown.mentions) == (me, (you,))
        assert shown.html == f"<b>{{member:{you}}}</b>"
        assert shown.data == f'{{"target":"{you}"}}'
        assert shown.poll == Poll(question=f"{{member:{me}}}?", options=(("1", f"{{member:{you}}}"),))
        assert post.text == f"{{member:{you}}}"
        assert [one.author for one in post.reactions] == [you]
    people = {one.id: one for one in view.people("!g")}
    assert set(people) == {me, you}
    assert people[me].memberships == (Membership(channel="!a", member=me, level=100),)
    assert [(ban.member, ban.by) for ban in view.bans("!g")] == [(banned, me)]
    assert view.members[me].name == "new"
    assert view.members[me].native == "@moss1"
    assert view.settings("!a")[0].value == f'{{"{me}":100,"x{you}":1,"{who(1, 2)}0":2}}'
    assert view.canonical(who(2, 2)) == you
    assert view.canonical("f" * 32) == "f" * 32


def test_content_alone_shows_posts_and_no_people(made: Any) -> None:
    made.write([*STRUCTURE, member(1), *roster("!a", 1), message(1, author=who(1))])
    reader = made.reader()
    del reader._keys["roster"]
    view = fold([reader])
    assert (view.members, view.people("!g"), view.bans("!g")) == ({}, [], [])
    assert refs(view) == ["$m1"]


def test_states_are_the_last_and_lists_keep_the_order_of_their_first(made: Any) -> None:
    made.write([*STRUCTURE, Pins(channel="!a", messages=("$m1",)), message(1), message(2)])
    made.write([Channel(ref="!a", group="!g", name="a2"), Pins(channel="!a", messages=("$m2", "$gone", "$m1"))])
    view = made.view()
    assert [(c.ref, c.name) for c in view.channels("!g")] == [("!g", ""), ("!a", "a2"), ("!b", "b")]
    assert view.pins("!a") == ("$m2", "$m1")
    assert [r.ref for r in view.roles("!g")] == ["admin"]
    assert [g.name for g in view.groups()] == ["Moss lane"]
    assert view.counts()["channels"] == 3


def test_a_roster_is_whole_and_replaces_the_one_before(made: Any) -> None:
    made.write([*STRUCTURE, *map(member, range(1, 5)), *roster("!a", 1, 2, 3), *roster("!b", 1, 4)])
    made.write([*roster("!a", 2, 4), Membership(channel="!b", member=who(3))])
    found = {one.id: [place.channel for place in one.memberships] for one in made.view().people("!g")}
    assert found == {who(2): ["!a"], who(4): ["!a", "!b"], who(1): ["!b"]}


def test_the_account_that_made_the_backup_is_known_as_such(made: Any) -> None:
    made.write([*STRUCTURE, member(1), member(2), *roster("!a", 1, 2)])
    made.write([Group(ref="!g", platform="p", origin="o", account=who(2, 4)), member(2, 4)])
    view = made.view()
    assert [group.account for group in view.groups()] == [who(2)]
    assert {one.id: one.admin for one in view.people("!g")} == {who(1): False, who(2): True}


def test_order_is_by_time_then_by_arrival(made: Any) -> None:
    made.write([message(3, time=5), message(1, time=5), message(2, time=1), message(9, channel="!b")])
    made.write([message(0, time=5), message(7, time=0)])
    assert refs(made.view()) == ["$m7", "$m2", "$m3", "$m1", "$m0"]


def test_copies_are_one_the_best_in_the_place_of_the_first(made: Any) -> None:
    made.write([message(1, time=5), message(2, time=5, text=""), message(3, time=5)])
    made.write(
        [message(1, time=5, text="other"), message(2, time=5, text="whole"), message(3, time=5, version=2, text="v2")]
    )
    made.write([message(3, time=5, version=1, text="v1"), Reaction(channel="!a", ref="$m3", target="$m1", key="x")])
    view = made.view()
    assert [one.text for one in view.timeline("!a") if isinstance(one, Message)] == ["post 1", "whole", "v2"]
    assert view.counts()["reactions"] == 1
    assert view.message_count("!a") == 3


def test_what_was_deleted_is_left_out_with_what_points_to_it(made: Any) -> None:
    made.write(
        [
            message(1),
            message(2),
            Edit(channel="!a", ref="$e1", target="$m1", time=30, text="x"),
            Reaction(channel="!a", ref="$r1", target="$m1", time=30),
            Vote(channel="!a", ref="$v1", target="$m1", time=30),
            Edit(channel="!a", ref="$e2", target="$m2", time=30, text="first"),
            Edit(channel="!a", ref="$e3", target="$m2", time=40, text="second"),
            Reaction(channel="!a", ref="$r2", target="$m2", time=30),
            Tombstone(channel="!a", ref="$t1", target="$m1", time=50),
            Tombstone(channel="!a", ref="$t2", target="$e3", time=50),
            Tombstone(channel="!b", ref="$t3", target="$m2", time=50),
        ]
    )
    view = made.view()
    assert refs(view) == ["$m2", "$e2", "$r2"]
    assert next(view.posts("!a")).text == "first"
    assert view.message("!a", "$m1") is None
    assert made.view(Moment(time=49)).message("!a", "$m1") == message(1)


def test_nobody_edits_what_somebody_else_wrote(made: Any) -> None:
    made.write(
        [
            member(1),
            member(2),
            message(1, author=who(1)),
            Edit(channel="!a", ref="$e1", target="$m1", time=20, author=who(2), text="forged"),
        ]
    )
    made.write([member(1, 7), Edit(channel="!a", ref="$e2", target="$m1", time=21, author=who(1, 7), text="mine")])
    made.write([Edit(channel="!a", ref="$e3", target="$m1", time=19, text="the platform does not say who")])
    view = made.view()
    assert refs(view) == ["$m1", "$e3", "$e2"]


def test_files_gaps_and_damage(made: Any) -> None:
    first = Attachment(ref="mxc://1", blob="1" * 64, size=1, sha256="0" * 64)
    gap = Gap(code="media-unavailable", scope="mxc://2")
    with made.writer() as writer:
        writer.add(first)
        writer.add(Attachment(ref="mxc://face", blob="3" * 64, size=1, sha256="0" * 64), "roster")
        writer.commit(gaps=[gap])
        writer.add(Attachment(ref="mxc://1", blob="2" * 64, size=1, sha256="0" * 64))
        writer.commit(gaps=[gap])
    view = made.view()
    assert view.attachment("mxc://1") == first
    assert view.attachment("mxc://face") is None
    found = view.attachment("mxc://face", "roster")
    assert found
    assert found.blob == "3" * 64
    assert view.gaps() == [gap]
    assert view.damage() == []


def test_encrypted_messages_are_opened_into_whatever_they_are(made: Any) -> None:
    made.write(
        [
            message(1),
            message(2, type="encrypted", text="", data="edit"),
            message(3, type="encrypted", text="", data="shut"),
        ]
    )

    def open_message(record: Message) -> AnyRecord:
        if record.data == "edit":
            return Edit(channel=record.channel, ref=record.ref, target="$m1", time=record.time, text="opened")
        return record

    view = fold([made.reader()], open_message=open_message)
    assert [post.text for post in view.posts("!a")] == ["opened", ""]
    assert view.counts()["edits"] == 1


def test_many_segments_and_a_small_cache(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grouparchive.archive.fold._CACHED_SEGMENTS", 2)
    numbers = list(range(3_000))
    random.Random(3).shuffle(numbers)
    made.write([message(n) for n in numbers])
    assert refs(made.view()) == [f"$m{n}" for n in range(3_000)]


# --- moments ---


def test_an_attack_changes_nothing_of_what_was_before(made: Any) -> None:
    made.write([*STRUCTURE, *map(member, range(1, 4)), *roster("!a", 1, 2, 3), message(1), message(2)], time=100)
    made.write(
        [Pins(channel="!a", messages=("$m1",)), Edit(channel="!a", ref="$e", target="$m1", time=90, text="good")],
        time=200,
    )
    before_by_time, before_by_number = made.view(Moment(time=250)), made.view(Moment(seq=2))
    made.write(
        [
            *roster("!a", 3, run=5),
            member(3, 5, name="Somebody else"),
            Tombstone(channel="!a", ref="$t1", target="$m1", time=300),
            Tombstone(channel="!a", ref="$t2", target="$m2", time=300),
            Tombstone(channel="!a", ref="$t3", target="$e", time=300),
            Edit(channel="!a", ref="$e2", target="$m2", time=301, text="taken over"),
            message(3, time=302, text="join my new group"),
            message(1, version=9, edited=303, text="rewritten"),
            Group(ref="!g", platform="p", origin="o", name="Seized"),
            Pins(channel="!a"),
            Reaction(channel="!a", ref="$r", target="$m1", key="late"),
            Attachment(ref="mxc://1", blob="1" * 64, size=1, sha256="0" * 64),
        ],
        time=310,
    )
    for before, moment in ((before_by_time, Moment(time=250)), (before_by_number, Moment(seq=2))):
        after = made.view(moment)
        assert list(after.timeline("!a")) == list(before.timeline("!a"))
        assert after.groups() == before.groups()
        assert after.people("!g") == before.people("!g")
        assert after.pins("!a") == before.pins("!a") == ("$m1",)
        assert after.members == before.members
        assert after.position == before.position
        assert [post.text for post in after.posts("!a")] == ["good", "post 2"]
    now = made.view()
    assert refs(now) == ["$m3"]
    assert [one.id for one in now.people("!g")] == [who(3)]


def test_a_post_from_before_that_came_late_is_there_by_time_and_not_by_number(made: Any) -> None:
    made.write([*STRUCTURE, message(1)], time=100)
    made.write([message(2), member(1), message(3, time=0, author=who(1))], time=500)
    assert refs(made.view(Moment(time=200))) == ["$m1", "$m2"]
    assert refs(made.view(Moment(seq=1))) == ["$m1"]
    assert made.view(Moment(time=200)).moment == 200


def test_position_and_moment_say_what_was_taken(made: Any) -> None:
    made.write([message(9)], time=40)
    made.write([message(2)], time=50)
    writer = made.home.writer_id.hex()
    assert made.view().position == f"{writer}:2"
    assert made.view(Moment(seq=1)).position == f"{writer}:1"
    assert made.view().archive_id == made.pin.hex()
    assert made.view().moment == 90
    assert made.view(Moment(seq=0)).moment == 1


def test_commit_numbers_that_are_not_there(made: Any, make_archive: Any) -> None:
    with pytest.raises(UsageError, match="no commit"):
        made.view(Moment(seq=1))
    with pytest.raises(UsageError, match="several machines"):
        fold([made.reader(), make_archive().reader()], Moment(seq=0))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", Moment()),
        ("17", Moment(seq=17)),
        ("1970-01-01T00:00:01", Moment(time=1_000)),
        ("1970-01-02", Moment(time=86_400_000)),
        ("1970-01-01T01:00:00+01:00", Moment(time=0)),
        (" 1970-01-01T00:00:00.5Z ", Moment(time=500)),
    ],
)
def test_moments_as_typed(text: str, moment: Moment) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize("text", ["yesterday", "-1", "1969-12-31T23:00:00Z", "99999999999", "2026-13-01"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError, match="no moment"):
        parse_moment(text)


# --- several archives ---


def test_two_archives_read_as_one(make_archive: Any) -> None:
    one, two = make_archive(), make_archive()
    one.write([*STRUCTURE, member(1, 1), message(1, author=who(1, 1)), message(2)], time=100)
    two.write([*STRUCTURE, member(1, 2), message(2), message(3, author=who(1, 2)), *roster("!a", 1, run=2)], time=200)
    one.write([Group(ref="!g", platform="p", origin="o", name="latest")], time=300)
    for readers in itertools.permutations([one.reader(), two.reader()]):
        view = fold(readers)
        assert refs(view) == ["$m1", "$m2", "$m3"]
        assert len({post.message.author for post in view.posts("!a")} - {""}) == 1
        assert [g.name for g in view.groups()] == ["latest"]
        assert len(view.people("!g")) == 1
        assert view.position.count(":") == 2


# --- the same records, however they were cut into commits and repeated ---

RECORDS: list[AnyRecord] = [
    *STRUCTURE,
    *(member(n) for n in range(1, 4)),
    *(message(n, author=who(1 + n % 3)) for n in range(8)),
    *(message(n, time=35, author=who(1)) for n in range(8, 12)),
    message(1, version=1, edited=60, text="later"),
    Edit(channel="!a", ref="$e1", target="$m2", time=50, author=who(3), text="better"),
    Edit(channel="!a", ref="$e2", target="$m2", time=50, author=who(1), text="forged"),
    Reaction(channel="!a", ref="$r1", target="$m2", time=51, author=who(2), key="x"),
    Tombstone(channel="!a", ref="$t1", target="$m4", time=70),
    Pins(channel="!a", messages=("$m2",)),
    Gap(code="history-cut", scope="!a"),
]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cutting_and_repeating_changes_nothing(make_archive: Any, data: st.DataObject) -> None:
    """Commits are prefixes that overlap: each starts anywhere in what was read and goes on, as runs after a crash do."""
    made = make_archive()
    whole = [*RECORDS, *roster("!a", 1, 2, 3, bans=(2,))]
    roster_at = len(RECORDS)
    reached = 0
    while reached < len(whole):
        start = data.draw(st.integers(0, reached))
        end = data.draw(st.integers(reached + 1, len(whole)))
        if roster_at < start < len(whole) or roster_at < end < len(whole):
            start, end = min(start, roster_at), len(whole)  # a roster is never split
        made.write(whole[start:end])
        reached = max(reached, end)
    once = make_archive()
    once.write(whole)
    for moment in (Moment(), Moment(time=55), Moment(time=65)):
        if moment.time is not None:
            assert refs(made.view(moment)) == refs(once.view(moment))
            continue
        view, plain = made.view(), once.view()
        assert list(view.timeline("!a")) == list(plain.timeline("!a"))
        assert view.people("!g") == plain.people("!g")
        assert view.bans("!g") == plain.bans("!g")
        assert view.groups() == plain.groups()
        assert view.channels("!g") == plain.channels("!g")
        assert view.pins("!a") == plain.pins("!a")
        assert view.gaps() == plain.gaps()
        assert view.counts() == plain.counts()
    made.close()
    once.close()


def test_who_made_the_backups_is_not_forgotten_by_a_state_that_does_not_say(made: Any) -> None:
    group = Group(ref="!g", platform="p", origin="o", name="Lane", account="a" * 32)
    made.write([group])
    made.write([Group(ref="!g", platform="p", origin="o", name="Renamed")])
    (found,) = made.view().groups()
    assert (found.name, found.account) == ("Renamed", "a" * 32)


def test_a_state_that_only_says_that_a_group_is_there_replaces_none(made: Any) -> None:
    made.write([Group(ref="!g", platform="p", origin="o", name="Lane"), Channel(ref="!g", group="!g", name="Lane")])
    made.write([Group(ref="!g", platform="p", origin="o"), Channel(ref="!g", group="!g")])
    view = made.view()
    assert [one.name for one in view.groups()] == ["Lane"]
    assert [one.name for one in view.channels("!g")] == ["Lane"]
