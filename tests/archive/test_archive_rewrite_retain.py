"""`retain`: what is older than the policy goes, with all that belongs to it; what a forged clock calls old does not."""

from typing import Any

import pytest
from rewrite_kit import (
    DAY,
    FERN,
    MOSS,
    REED,
    STRUCTURE,
    assert_gone,
    everything,
    first_run,
    member,
    post,
    roster,
    stored,
    who,
)

from grouparchive.archive.attended import attend
from grouparchive.archive.fold import fold
from grouparchive.archive.moment import Moment
from grouparchive.archive.retain import Policy, RetainReport, parse_policy, retain
from grouparchive.archive.verify import verify, verify_deep
from grouparchive.errors import UnsafePlan, UsageError
from grouparchive.model.attended import Attended
from grouparchive.model.records import (
    AnyRecord,
    Attachment,
    Edit,
    Fact,
    Media,
    Member,
    Membership,
    Message,
    Reaction,
    Roster,
    Tombstone,
)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("365d", Policy(365 * DAY, 365 * DAY)),
        ("18m", Policy(540 * DAY, 540 * DAY)),
        ("2w", Policy(14 * DAY, 14 * DAY)),
        ("posts=2y", Policy(730 * DAY, None)),
        ("people=1y", Policy(None, 365 * DAY)),
        ("posts=2y, people=1y", Policy(730 * DAY, 365 * DAY)),
    ],
)
def test_policies(text: str, policy: Policy) -> None:
    assert parse_policy(text) == policy


@pytest.mark.parametrize(
    "text",
    ["", "365", "0d", "-1d", "1.5y", "d", "posts", "posts=", "posts=1y,posts=2y", "files=1y", "1y,2y", "999999d"],
)
def test_what_is_no_policy_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="no policy"):
        parse_policy(text)


def run(made: Any, text: str, day: int, **more: Any) -> RetainReport:
    return retain(made.reader(), parse_policy(text), now=lambda: day * DAY, **more)


def refs(made: Any) -> list[str]:
    return [r.ref for _, r in made.reader().records("content") if isinstance(r, Message)]


def test_old_posts_go_with_all_that_belongs_to_them(made: Any) -> None:
    first_run(made)  # posts of the days 1 to 6
    before = stored(made.path)
    report = run(made, "posts=10d", 13, home=made.home)  # before day 3
    assert dict(report.records) == {"message": 2, "edit": 1, "reaction": 3}
    assert report.files == 1
    assert refs(made) == ["$m3", "$m4", "$m5", "$m6"]
    assert verify(made.path, pinned=made.pin).ok
    assert assert_gone(made.path, before) == 2
    reader = made.reader()
    assert verify_deep(reader).ok
    data = everything(reader)
    assert b"heather" not in data
    assert b"only moss" not in data
    view = made.view()
    assert view.attachment("mxc://moss") is None
    assert view.attachment("mxc://both")
    assert view.attachment("mxc://same")
    assert view.attachment("mxc://group")
    assert {one.id for one in view.people("!g")} == {who(MOSS), who(FERN)}
    assert view.settings("!a")
    again = made.path.read_bytes()
    assert run(made, "posts=10d", 13).empty
    assert made.path.read_bytes() == again


def test_a_dry_run_tells_and_changes_nothing(made: Any) -> None:
    first_run(made)
    before = made.path.read_bytes()
    report = run(made, "posts=10d", 13, dry_run=True)
    assert report.records["message"] == 2
    assert made.path.read_bytes() == before
    assert not list(made.folder.glob("*.rewrite*"))


def test_what_was_said_lately_about_an_old_post_goes_with_it_and_about_a_young_one_stays(made: Any) -> None:
    more: dict[str, Any] = {"channel": "!a", "author": who(FERN)}
    made.write(
        [
            member(FERN),
            post(FERN, 1),
            post(FERN, 50),
            Edit(ref="$e1", target="$m1", time=50 * DAY, **more),
            Reaction(ref="$r1", target="$m1", time=50 * DAY, **more),
            Reaction(ref="$r2", target="$m50", time=0, **more),
            Tombstone(ref="$t1", target="$m50", time=DAY, **more),
            Tombstone(ref="$t2", target="$elsewhere", time=DAY, **more),
            Tombstone(ref="$t3", target="$elsewhere", time=50 * DAY, **more),
        ],
        time=60 * DAY,
    )
    run(made, "posts=30d", 60)
    kept = [getattr(r, "ref", "") for _, r in made.reader().records("content")]
    assert [ref for ref in kept if ref] == ["$m50", "$r2", "$t1", "$t3"]


def test_a_post_without_a_time_is_as_old_as_its_backup(made: Any) -> None:
    made.write([post(FERN, 1, time=0)], time=20 * DAY)
    made.write([post(FERN, 2, time=0)], time=50 * DAY)
    run(made, "posts=30d", 60)
    assert refs(made) == ["$m2"]


def test_a_forged_copy_with_an_old_time_takes_nothing_with_it(made: Any) -> None:
    made.write(
        [post(FERN, 50, media=(Media(ref="mxc://f"),)), Reaction(channel="!a", ref="$r1", target="$m50", time=51 * DAY)]
    )
    with made.writer() as writer:
        stored_ = writer.add_blob([b"file"])
        writer.add(Attachment(ref="mxc://f", blob=stored_.blob, size=stored_.size, sha256=stored_.sha256))
        writer.add(post(FERN, 50, time=1, version=9, media=(Media(ref="mxc://f"),)))
        writer.commit()
    assert run(made, "posts=30d", 60).empty
    view = made.view()
    assert [one.message.ref for one in view.posts("!a")] == ["$m50"]
    assert view.attachment("mxc://f")
    assert len(next(view.posts("!a")).reactions) == 1


def lists(made: Any) -> list[tuple[int, int]]:
    return [(c.time // DAY, r.members) for c, r in made.reader().records("roster") if isinstance(r, Roster)]


def people_over_time(made: Any) -> None:
    """Moss leaves, Reed comes, on day 20; on day 50 nothing happens but a backup."""
    with made.writer() as writer:
        made.time = 10 * DAY
        face = writer.add_blob([b"face of moss"], "roster")
        writer.add(Attachment(ref="mxc://face/1", blob=face.blob, size=face.size, sha256=face.sha256), "roster")
        records: list[AnyRecord] = [*STRUCTURE, member(MOSS), member(FERN), *roster(0, MOSS, FERN)]
        for record in records:
            writer.add(record)
        writer.commit()
    made.write([member(FERN, 1), member(REED, 1), *roster(1, FERN, REED)], time=20 * DAY)
    made.write([member(FERN, 2), member(REED, 2), *roster(2, FERN, REED)], time=50 * DAY)


def test_superseded_lists_go_and_with_them_who_is_named_nowhere_else(made: Any) -> None:
    people_over_time(made)
    report = run(made, "people=30d", 60)
    assert lists(made) == [(20, 2), (50, 2)]
    assert dict(report.records) == {"roster": 1, "membership": 2, "member": 1}
    assert report.files == 1
    data = everything(made.reader())
    assert b"moss" not in data.lower().replace(b"moss lane", b"")
    assert {one.native for one in made.view().members.values()} == {"@fern:lane", "@reed:lane"}
    assert made.view().attachment("mxc://face/1", "roster") is None


def test_every_moment_since_then_can_still_be_gone_back_to(made: Any) -> None:
    people_over_time(made)
    moments = [Moment(time=day * DAY) for day in (30, 45, 55)]
    before = [fold([made.reader()], moment).people("!g") for moment in moments]
    run(made, "people=30d", 60)
    assert [fold([made.reader()], moment).people("!g") for moment in moments] == before


def test_the_newest_list_stays_however_old_it_is(made: Any) -> None:
    people_over_time(made)
    run(made, "people=1d", 10_000)
    assert lists(made) == [(50, 2)]
    assert {made.view().members[one.id].native for one in made.view().people("!g")} == {"@fern:lane", "@reed:lane"}


@pytest.mark.parametrize(
    "record",
    [
        post(MOSS, 55),
        post(FERN, 55, text=f"{{member:{who(MOSS)}}}"),
        Fact(member=who(MOSS), field="do-not-contact", value="yes"),
        Membership(channel="!a", member=who(MOSS)),
    ],
)
def test_whoever_is_named_in_what_stays_keeps_their_name(made: Any, record: Any) -> None:
    people_over_time(made)
    head = [Roster(channel="!a", time=1, members=1)] if isinstance(record, Membership) else []
    made.write([*head, record], time=55 * DAY)
    run(made, "posts=30d,people=30d", 60)
    assert who(MOSS) in made.view().members
    assert made.view().attachment("mxc://face/1", "roster")


def test_who_is_named_only_in_old_posts_goes_with_them(made: Any) -> None:
    people_over_time(made)
    made.write([post(MOSS, 15)], time=55 * DAY)
    run(made, "posts=30d,people=30d", 60)
    assert who(MOSS) not in made.view().members
    made.write([post(MOSS, 16)], time=56 * DAY)
    assert [one.author for one in made.view().timeline("!a")] == [who(MOSS)]


def test_a_clock_that_cannot_be_right_keeps_everything_until_a_person_says_so(made: Any) -> None:
    made.write([post(FERN, 50, time=0)], time=50 * DAY)
    made.write([post(FERN, 51, time=0)], time=5 * DAY)  # as if somebody had set the clock back
    before = made.path.read_bytes()
    with pytest.raises(UnsafePlan, match="commit 2 tells a time") as caught:
        run(made, "posts=30d", 60)
    assert caught.value.code == 30
    assert made.path.read_bytes() == before
    writer = made.home.writer_id.hex()
    attend(made.reader(), Attended(trusted={writer: 1}))
    with pytest.raises(UnsafePlan):
        run(made, "posts=30d", 60)
    attend(made.reader(), Attended(trusted={writer: 2}))
    run(made, "posts=30d", 60)
    assert refs(made) == ["$m50", "$m51"]  # the second counts as made no earlier than the first


def test_encrypted_posts_take_their_files_along_when_they_can_be_opened(made: Any) -> None:
    def opener(message: Message) -> Any:
        return post(FERN, 1, ref=message.ref, time=message.time, media=(Media(ref=message.data),))

    with made.writer() as writer:
        for ref in ("mxc://old", "mxc://young"):
            kept = writer.add_blob([ref.encode()])
            writer.add(Attachment(ref=ref, blob=kept.blob, size=kept.size, sha256=kept.sha256))
        writer.add(post(FERN, 1, type="encrypted", data="mxc://old"))
        writer.add(post(FERN, 50, type="encrypted", data="mxc://young"))
        writer.commit()
    assert run(made, "posts=30d", 60, open_message=opener).files == 1
    assert [r.type for _, r in made.reader().records("content") if isinstance(r, Message)] == ["encrypted"]
    assert made.view().attachment("mxc://young")
    assert not made.view().attachment("mxc://old")


def test_a_file_that_went_is_stored_again_when_it_is_posted_again(made: Any) -> None:
    first_run(made)
    run(made, "posts=10d", 13, home=made.home)
    with made.writer() as writer:
        assert writer.fresh_media("mxc://moss")
        assert not writer.fresh_media("mxc://both")
    assert [r.id for _, r in made.reader().records("roster") if isinstance(r, Member)] == [
        who(MOSS),
        who(FERN),
        who(REED),
    ]
