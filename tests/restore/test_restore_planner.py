"""Plans: deterministic, complete, quiet, and honest about what is lost."""

import random
from collections import Counter
from typing import Any

import msgspec
import pytest
import restore_toy as toy
from hypothesis import given, settings
from hypothesis import strategies as st

from grouparchive.archive.moment import Moment
from grouparchive.errors import Damaged, UsageError
from grouparchive.model import plan as verbs
from grouparchive.model.plan import Observed, Person, Plan, Policy, Trait
from grouparchive.model.records import (
    Channel,
    Edit,
    Media,
    Membership,
    Message,
    Poll,
    Reaction,
    Role,
    Setting,
    Vote,
)
from grouparchive.restore.desire import moment_of, trusted_of
from grouparchive.restore.expand import expand
from grouparchive.restore.labels import FIRST, SECOND, make_labels
from grouparchive.restore.planner import make_plan
from grouparchive.restore.wording import pieces

MESSAGE_CODES = {"posts-left-out", "posts-without-consent", "message-undecrypted", "service-lines", "messages-empty"}
CONTENTS = ["none", "structure", "pinned", "consented", "all"]
TEXT = st.text(max_size=30) | st.builds(lambda who: f"hello {{member:{toy.member(who)}}}", st.integers(0, 12))


@st.composite
def timelines(draw: st.DrawFn) -> list[Any]:
    found: list[Any] = []
    for number in range(draw(st.integers(0, 25))):
        base = {"channel": "!a", "ref": f"r{number}", "time": toy.T0 + number}
        author = draw(st.sampled_from(["", *map(toy.member, range(4))]))
        target = f"r{draw(st.integers(0, 26))}"
        match draw(st.integers(0, 6)):
            case 0:
                found.append(Edit(**base, author=author, target=target, text=draw(TEXT)))
            case 1:
                count = draw(st.integers(1, 3))
                found.append(
                    Reaction(**base, author=author, target=target, key=draw(st.sampled_from("ab")), count=count)
                )
            case 2:
                found.append(Vote(**base, author=author, target=target, choices=("x",)))
            case _:
                kind = draw(
                    st.sampled_from(["text", "notice", "emote", "image", "service", "encrypted", "location", "poll"])
                )
                extra: dict[str, Any] = {"reply_to": draw(st.sampled_from(["", target])), "html": draw(TEXT)}
                if kind == "image":
                    extra["media"] = (Media(ref=draw(st.sampled_from(["file/av", "file/gone"]))),)
                if kind == "poll":
                    extra["poll"] = Poll(question=draw(TEXT), options=(("x", "yes"), ("y", draw(TEXT))))
                found.append(Message(**base, author=author, type=kind, text=draw(TEXT), **extra))
    return found


def actions_of(plan: Plan, posts: toy.Posts) -> list[Any]:
    found: list[Any] = []
    for action in plan.actions:
        found += expand(action, plan, posts) if isinstance(action, verbs.Replay) else [action]
    return found


@settings(max_examples=120, deadline=None)
@given(
    timelines(),
    st.sampled_from(CONTENTS),
    st.sampled_from(["anonymous", "ghost", "consented"]),
    st.frozensets(st.sampled_from(list(Trait))),
    st.frozensets(
        st.sampled_from([verbs.Upload, verbs.EditPost, verbs.React, verbs.SetPins, verbs.AddAuthor, verbs.Configure])
    ),
    st.randoms(use_true_random=False),
)
def test_any_archive(  # noqa: PLR0917
    timeline: list[Any],
    content: Any,
    authors: Any,
    traits: frozenset[Trait],
    without: frozenset[Any],
    chance: random.Random,
) -> None:
    desired, posts = toy.community(0)
    posts.timelines["!a"] = timeline
    policy = Policy(key=toy.KEY, content=content, authors=authors, consented=frozenset({toy.member(1)}))
    observed = Observed(platform="toy", traits=traits, limits={"post": 1.0})
    plan = make_plan(desired, observed, toy.EVERY_VERB - without, policy, posts)

    fields = ("channels", "settings", "people", "bans")
    mixed = {field: tuple(chance.sample(getattr(desired, field), len(getattr(desired, field)))) for field in fields}
    again = make_plan(msgspec.structs.replace(desired, **mixed), observed, toy.EVERY_VERB - without, policy, posts)
    assert again.digest() == plan.digest()
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan

    gaps = {gap.code: gap.count for gap in plan.gaps}
    replayed = sum(action.posts for action in plan.actions if isinstance(action, verbs.Replay))
    lost = sum(count for code, count in gaps.items() if code in MESSAGE_CODES)
    assert replayed + lost == sum(isinstance(record, Message) for record in timeline)

    actions = actions_of(plan, posts)
    keys = [action.key for action in (*actions, *plan.reveal)]
    assert len(keys) == len(set(keys))
    performed = {verb.__struct_config__.tag for verb in toy.EVERY_VERB - without}
    assert {action.__struct_config__.tag for action in (*actions, *plan.reveal)} <= performed
    refer_back(actions)
    assert b"{member:" not in msgspec.json.encode(actions)
    assert all(gap.text != "things could not be restored" for gap in plan.gaps)


def refer_back(actions: list[Any]) -> None:
    """Nothing refers to what is not made before it."""
    made: set[str] = set()
    for action in actions:
        for field in ("reply_to", "thread", "target"):
            assert not getattr(action, field, "") or getattr(action, field) in made
        for one in getattr(action, "media", ()):
            assert one.upload in made
        assert set(getattr(action, "messages", ())) <= made
        assert not getattr(action, "parent", "") or action.parent in made
        author = getattr(action, "author", "")
        if author and not isinstance(action, verbs.AddAuthor):
            assert (action.channel, author) in made
        made |= {action.key, getattr(action, "message", ""), (getattr(action, "channel", ""), author)}  # type: ignore[arg-type]
        if isinstance(action, verbs.CreateGroup | verbs.CreateChannel):
            made.add(action.channel.ref)


def test_the_order_is_the_quiet_one() -> None:
    plan = toy.toy_plan(*toy.community())
    order = [
        "create-group",
        "create-channel",
        "ban-member",
        "add-author",
        "replay",
        "set-pins",
        "configure",
        "remove-author",
    ]
    ranks = [order.index(action.__struct_config__.tag) for action in plan.actions]
    assert ranks == sorted(ranks)
    assert set(ranks) == set(range(len(order)))
    assert {action.__struct_config__.tag for action in plan.reveal} == {"upload", "reveal", "configure", "grant"}


def test_nothing_but_the_reveal_names_the_group() -> None:
    desired, posts = toy.community()
    plan = toy.toy_plan(desired, posts)
    assert b"Real" not in msgspec.json.encode([plan.actions, actions_of(plan, posts)])
    assert b"Real Name" in msgspec.json.encode(plan.reveal)
    public = [one.channel for one in plan.reveal if isinstance(one, verbs.Configure)]
    assert public == ["!b"]  # strangers are let in with the name, not before


def test_private_rooms_stay_private() -> None:
    plan = toy.toy_plan(*toy.community())
    private = {one.channel.ref: one.private for one in plan.actions if isinstance(one, verbs.CreateChannel)}
    assert private == {"!a": False, "!b": False, "!c": True}


def test_a_closed_roster_makes_rooms_private() -> None:
    desired, posts = toy.community()
    plan = toy.toy_plan(msgspec.structs.replace(desired, people=(), bans=()), posts)
    assert [one.private for one in plan.actions if isinstance(one, verbs.CreateChannel)] == [False, False, True]


def test_a_room_of_the_whole_group_by_invitation_is_open_to_the_group() -> None:
    desired, posts = toy.community()
    wide = [
        msgspec.structs.replace(one, value='{"join_rule":"invite"}') if one.channel == "!a" else one
        for one in desired.settings
    ]
    plan = toy.toy_plan(msgspec.structs.replace(desired, settings=tuple(wide)), posts)
    assert not next(
        one for one in plan.actions if isinstance(one, verbs.CreateChannel) and one.channel.ref == "!a"
    ).private
    assert not [one for one in plan.actions if isinstance(one, verbs.Configure) and one.channel == "!a"]
    assert "joining-opened" in {gap.code for gap in plan.gaps}


def test_ghosts_are_one_to_one_and_bear_no_member_id() -> None:
    desired, posts = toy.community()
    plan = toy.toy_plan(desired, posts)
    actions = actions_of(plan, posts)
    people = {record.ref: record.author for record in posts("!a") if isinstance(record, Message)}
    pairs = {
        (people[one.message], one.author) for one in actions if isinstance(one, verbs.Post) and one.channel == "!a"
    }
    assert len(pairs) == len({person for person, _ in pairs}) == len({ghost for _, ghost in pairs}) == 7
    assert not {ghost for _, ghost in pairs} & {person for person, _ in pairs}
    names = {one.label for one in plan.actions if isinstance(one, verbs.AddAuthor)}
    assert len(names) == 7
    other = toy.toy_plan(desired, posts, key="cd" * 32)
    assert not names & {one.label for one in other.actions if isinstance(one, verbs.AddAuthor)} or len(FIRST) < 64


def test_mentions_are_the_ghosts_names() -> None:
    desired, posts = toy.community()
    plan = toy.toy_plan(desired, posts)
    text = next(one.text for one in actions_of(plan, posts) if isinstance(one, verbs.Post) and one.message == "!a/1")
    assert text == f"post 1 for {plan.labels[toy.member(2)]}"
    hidden = toy.toy_plan(desired, posts, authors="anonymous")
    assert hidden.labels == {}
    text = next(one.text for one in actions_of(hidden, posts) if isinstance(one, verbs.Post) and one.message == "!a/1")
    assert text == "post 1 for a member"


def test_anonymous_is_one_stand_in_for_all() -> None:
    desired, posts = toy.community()
    plan = toy.toy_plan(desired, posts, authors="anonymous")
    added = [one for one in plan.actions if isinstance(one, verbs.AddAuthor)]
    assert {one.label for one in added} == {"A member"}
    assert len(added) == 3
    assert {"authors-hidden", "reactions-merged"} <= {gap.code for gap in plan.gaps}


def test_without_authors_the_text_says_who_and_when() -> None:
    desired, posts = toy.community()
    plan = toy.toy_plan(desired, posts, traits=frozenset())
    post = next(one for one in actions_of(plan, posts) if isinstance(one, verbs.Post))
    assert (post.text, post.author) == (f"[{plan.labels[toy.member(0)]}, 2023-11-14 22:13 UTC] post 0", "")
    counts = {gap.code: gap.count for gap in plan.gaps}
    assert counts["reactions-lost"] == 84
    assert counts["times-in-text"] == counts["authors-in-text"] == 120


def test_many_posts_are_gathered_where_posting_is_slow() -> None:
    desired, posts = toy.community(600)
    plan = toy.toy_plan(desired, posts, traits=frozenset())
    replay = next(one for one in plan.actions if isinstance(one, verbs.Replay) and one.channel == "!a")
    assert (replay.gathered, replay.posts) == (True, 600)
    sent = [one for one in expand(replay, plan, posts) if isinstance(one, verbs.Post)]
    assert len(sent) < 150
    everything = "\n".join(one.text for one in sent)
    for number in range(600):
        assert f"post {number}" in everything
    assert "post 2 (changed)" in everything
    assert [one.message for one in sent if "post 3" in one.text.splitlines()[0] and one.message == "!a/3"] == ["!a/3"]
    assert plan.seconds < 60


def test_gathered_posts_keep_to_their_bounds() -> None:
    desired, posts = toy.community(0)
    posts.timelines["!a"] = [
        Message(channel="!a", ref=f"r{number}", time=toy.T0, text=f"{number} " + "\N{SNOWMAN}" * 400)
        for number in range(600)
    ]
    plan = toy.toy_plan(desired, posts, traits=frozenset())
    sent = actions_of(plan, posts)
    texts = [one.text for one in sent if isinstance(one, verbs.Post)]
    assert max(len(text.encode()) for text in texts) <= 30_000
    assert max(text.count("\n") for text in texts) < 50


def test_pinned_content_is_the_pinned_posts_alone() -> None:
    desired, posts = toy.community()
    plan = toy.toy_plan(desired, posts, content="pinned")
    sent = [one.message for one in actions_of(plan, posts) if isinstance(one, verbs.Post)]
    assert sent == ["!a/1", "!a/3"]
    assert [one.messages for one in plan.actions if isinstance(one, verbs.SetPins)] == [("!a/3", "!a/1")]


def test_structure_brings_rooms_and_no_posts() -> None:
    plan = toy.toy_plan(*toy.community(), content="structure")
    kinds = Counter(action.__struct_config__.tag for action in plan.actions)
    assert kinds == {"create-group": 1, "create-channel": 3, "configure": 3, "ban-member": 2}
    assert {gap.code: gap.count for gap in plan.gaps}["posts-left-out"] == 120


def test_none_brings_an_empty_group() -> None:
    plan = toy.toy_plan(*toy.community(), content="none")
    assert [action.__struct_config__.tag for action in plan.actions] == ["create-group", "ban-member"]
    codes = {gap.code: gap.count for gap in plan.gaps}
    assert codes["channels-left-out"] == 3
    assert codes["posts-left-out"] == 120


def test_encrypted_rooms_are_a_gap() -> None:
    desired, posts = toy.community()
    channels = tuple(msgspec.structs.replace(one, encrypted=one.ref == "!c") for one in desired.channels)
    secret = Setting(channel="!c", name="m.room.encryption", value='{"algorithm":"m.megolm.v1.aes-sha2"}')
    wanted = msgspec.structs.replace(desired, channels=channels, settings=(*desired.settings, secret))
    plan = toy.toy_plan(wanted, posts)
    assert {gap.code: gap.count for gap in plan.gaps}["encryption-lost"] == 1
    assert "m.room.encryption" not in {one.setting for one in plan.actions if isinstance(one, verbs.Configure)}


def test_another_platform_loses_bans_roles_and_settings() -> None:
    desired, posts = toy.community()
    roles = (Role(group="!space", ref="50", level=50),)
    elsewhere = msgspec.structs.replace(
        desired, group=msgspec.structs.replace(desired.group, platform="other"), roles=roles
    )
    plan = toy.toy_plan(elsewhere, posts)
    counts = {gap.code: gap.count for gap in plan.gaps}
    assert (counts["bans-lost"], counts["roles-lost"], counts["settings-not-supported"]) == (2, 1, 4)
    assert not [one for one in (*plan.actions, *plan.reveal) if isinstance(one, verbs.BanMember | verbs.Grant)]


@pytest.mark.parametrize("hold", ["first-seen-after-trust", "suspect-commit"])
def test_who_no_sound_backup_tells_of_gets_no_role(hold: Any) -> None:
    desired, posts = toy.community()
    forged = Person(
        id=toy.member(50),
        memberships=tuple(Membership(channel=ref, member=toy.member(50), level=100) for ref in ("!space", "!a")),
        holds=("do-not-contact", hold),
    )
    raised = Person(
        id=toy.member(51),
        memberships=tuple(Membership(channel=ref, member=toy.member(51), level=60) for ref in ("!space", "!a")),
        holds=("no-trusted-position", "do-not-contact", "minor", "consent-no", "on-hold"),
        unproved=("!a",),
    )
    plan = toy.toy_plan(msgspec.structs.replace(desired, people=(*desired.people, forged, raised)), posts)
    grants = {(one.channel, one.member) for one in plan.reveal if isinstance(one, verbs.Grant)}
    assert {channel for channel, member in grants if member == toy.member(51)} == {"!space"}
    assert toy.member(50) not in {member for _, member in grants}
    assert len({member for _, member in grants}) == 2  # and the moderator
    gap = next(one for one in plan.gaps if one.code == "roles-not-proved")
    assert gap.count == 2
    assert "by hand" in gap.text


@pytest.mark.parametrize(
    "wrong", [{"position": "w"}, {"position": "w:x"}, {"position": ":3"}, {"as_of": "ms"}, {"as_of": "-1ms"}]
)
def test_a_plan_that_does_not_tell_its_moment(wrong: dict[str, str]) -> None:
    desired, posts = toy.community()
    plan = toy.toy_plan(msgspec.structs.replace(desired, **wrong), posts)
    with pytest.raises(Damaged, match="moment"):
        moment_of(plan)
    told = msgspec.structs.replace(plan, trusted="w:x", trusted_by="given")
    with pytest.raises(Damaged):
        trusted_of(told)


def test_a_plan_finds_its_moment_again() -> None:
    desired, posts = toy.community()
    for as_of, moment in (("", Moment(position={"w": 3})), ("17ms", Moment(time=17))):
        plan = toy.toy_plan(msgspec.structs.replace(desired, as_of=as_of, trusted="w:2"), posts)
        assert moment_of(plan) == moment
        assert trusted_of(plan) is None
        assert trusted_of(msgspec.structs.replace(plan, trusted_by="attended")) == {"w": 2}


def test_the_digest_covers_what_is_trusted_and_who_said_so() -> None:
    desired, posts = toy.community()
    digests = {
        toy.toy_plan(msgspec.structs.replace(desired, trusted=trusted, trusted_by=by), posts).digest()
        for trusted, by in (("", ""), ("w:2", "given"), ("w:2", "attended"), ("w:3", "given"))
    }
    assert len(digests) == 4


def test_a_target_that_cannot_make_groups() -> None:
    desired, posts = toy.community()
    with pytest.raises(UsageError):
        make_plan(desired, Observed(platform="toy"), [verbs.Post], Policy(key=toy.KEY), posts)


def test_lost_parents_and_loops_hang_below_the_group() -> None:
    desired, posts = toy.community()
    odd = (
        Channel(ref="!x", group="!space", parent="!y"),
        Channel(ref="!y", group="!space", parent="!x"),
        Channel(ref="!z", group="!space", parent="!nowhere"),
        Channel(ref="!deep", group="!space", parent="!z"),
    )
    plan = toy.toy_plan(msgspec.structs.replace(desired, channels=odd), posts)
    parents = {one.channel.ref: one.parent for one in plan.actions if isinstance(one, verbs.CreateChannel)}
    assert parents == {"!x": "!space", "!y": "!x", "!z": "!space", "!deep": "!z"}


def test_long_texts_are_cut_without_loss() -> None:
    text = "word \N{SNOWMAN}" * 20_000
    parts = pieces(text)
    assert "".join(parts) == text
    assert max(len(part.encode()) for part in parts) <= 40_000
    assert pieces("") == [""]
    desired, posts = toy.community(0)
    posts.timelines["!a"] = [Message(channel="!a", ref="r", time=toy.T0, text=text, author=toy.member(1))]
    plan = toy.toy_plan(desired, posts)
    sent = [one for one in actions_of(plan, posts) if isinstance(one, verbs.Post)]
    assert "".join(one.text for one in sent) == text
    assert {one.message for one in sent} == {"r"}


@given(st.sets(st.integers(0, 10**9), max_size=60))
def test_labels_are_one_to_one(numbers: set[int]) -> None:
    members = [toy.member(number) for number in numbers]
    labels = make_labels(toy.KEY, members)
    assert len(set(labels.values())) == len(members)
    assert make_labels(toy.KEY, reversed(members)) == labels


def test_labels_never_run_out() -> None:
    assert len(FIRST) >= 64
    assert len(SECOND) >= 64
    many = [toy.member(number) for number in range(len(FIRST) * len(SECOND) + 500)]
    assert len(set(make_labels(toy.KEY, many).values())) == len(many)
