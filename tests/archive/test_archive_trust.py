"""Who is believed about people: what machines write is a proposal, what the owner attends to counts, restrictions at once."""

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.archive.attended import attend
from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.fold import View, fold
from grouparchive.archive.moment import Moment, parse_position, resolve
from grouparchive.archive.reader import Archive
from grouparchive.archive.trust import Facts, Standing, in_order
from grouparchive.archive.union import overlay
from grouparchive.crypto.members import forgotten_tag
from grouparchive.errors import UsageError
from grouparchive.model.attended import Attended, Forgotten
from grouparchive.model.facts import complaint, parse_setting, restricts
from grouparchive.model.records import (
    AnyRecord,
    Ban,
    Channel,
    Fact,
    FactField,
    Group,
    Member,
    Membership,
    Message,
    Roster,
)

HOUR = 3_600_000
_runs = itertools.count(1)
GROUP: list[AnyRecord] = [
    Group(ref="!g", platform="p", origin="o", name="Moss lane"),
    Channel(ref="!g", group="!g", type="space"),
    Channel(ref="!a", group="!g", parent="!g"),
]


def who(number: int, run: int) -> str:
    return f"{run:016x}{number:016x}"


def member(number: int, run: int) -> Member:
    return Member(id=who(number, run), platform="p", origin="o", native=f"@moss{number}")


def roster(*people: int, channel: str = "!a", levels: dict[int, int] | None = None) -> list[AnyRecord]:
    """A snapshot as one run writes it."""
    run = next(_runs)
    return [
        Roster(channel=channel, time=1, members=len(people)),
        *(Membership(channel=channel, member=who(n, run), level=(levels or {}).get(n, 0)) for n in people),
        *(member(n, run) for n in people),
    ]


def fact(number: int, field: FactField, value: str, key: str = "", *, run: int = 0, until: int = 0) -> list[AnyRecord]:
    """What a machine says about somebody."""
    run = run or next(_runs)
    return [Fact(member=who(number, run), field=field, key=key, value=value, until=until), member(number, run)]


def position(made: Any) -> dict[str, int]:
    return {made.home.writer_id.hex(): made.reader().commits[-1].seq}


def state(made: Any, *records: Iterable[AnyRecord], seen: dict[str, int] | None = None, **more: Any) -> None:
    """The owner says it, having seen everything so far unless told otherwise."""
    flat = [one for several in records for one in several]
    said = Attended(
        position=position(made) if seen is None else seen,
        members=tuple(one for one in flat if isinstance(one, Member)),
        facts=tuple(one for one in flat if isinstance(one, Fact)),
        **more,
    )
    made.time += 1_000
    attend(made.reader(), said, now=made.now)


def view(made: Any, moment: Moment | None = None, **more: Any) -> View:
    return fold([made.reader()], moment, **{"now": made.time, **more})


def person(folded: View, number: int) -> str:
    return next(
        id_
        for id_, one in folded.members.items()
        for other in (one, *folded.others.get(id_, ()))
        if other.native == f"@moss{number}"
    )


def counts(made: Any, number: int, field: FactField, key: str = "", **more: Any) -> str:
    folded = view(made, **more)
    return folded.standing(person(folded, number)).facts.get((field, key), "")


def held(folded: View) -> dict[str, tuple[str, ...]]:
    return {folded.members[one.id].native: one.holds for one in folded.people("!g")}


# --- what counts ---------------------------------------------------------------------------------------------------------

STEERING: list[tuple[FactField, str, str]] = [
    ("contact", "mail", "moss@lane.example"),
    ("consent", "contact", "yes"),
    ("consent", "republish", "yes"),
    ("tier", "", "1"),
    ("voucher", "", "a" * 32),
    ("word", "", "bramble"),
    ("hours", "", "21:00-02:30"),
    ("zone", "", "America/Argentina/Buenos_Aires"),
    ("channel", "", "signal"),
    ("card", "", "9999"),
    ("language", "", "fa"),
    ("member", "", "yes"),
    ("hold", "", "no"),
    ("minor", "", "no"),
    ("do-not-contact", "", "no"),
]


@pytest.mark.parametrize(("field", "key", "value"), STEERING)
def test_what_a_machine_writes_is_a_proposal_until_the_owner_says_so(
    made: Any, field: FactField, key: str, value: str
) -> None:
    made.write([*GROUP, *roster(1)])
    made.write(fact(1, field, value, key))
    folded = view(made)
    standing = folded.standing(person(folded, 1))
    assert standing.facts == {}
    assert not standing.confirmed
    assert [(one.field, one.key, one.value) for one in standing.proposals] == [(field, key, value)]
    if field == "voucher":
        state(made, fact(1, field, who(2, 99), key, run=99), [member(2, 99)])
        folded = view(made)
        assert folded.standing(person(folded, 1)).facts == {("voucher", ""): person(folded, 2)}
        return
    state(made, fact(1, field, value, key))
    folded = view(made)
    standing = folded.standing(person(folded, 1))
    assert standing.facts == {(field, key): value}
    assert standing.proposals == ()
    assert standing.confirmed is (field == "member")


def test_a_proposal_after_the_confirmation_is_open_again_and_changes_nothing(made: Any) -> None:
    made.write([*GROUP, *roster(1), *fact(1, "contact", "old@lane.example", "mail")])
    state(made, fact(1, "contact", "old@lane.example", "mail"))
    made.write(fact(1, "contact", "thief@lane.example", "mail"))
    folded = view(made)
    standing = folded.standing(person(folded, 1))
    assert standing.facts == {("contact", "mail"): "old@lane.example"}
    assert [one.value for one in standing.proposals] == ["thief@lane.example"]
    state(made, fact(1, "contact", "old@lane.example", "mail"))  # said again after it was seen: it is answered
    folded = view(made)
    assert folded.standing(person(folded, 1)).proposals == ()


def test_the_newest_word_of_the_owner_counts_and_what_expired_was_never_said(made: Any) -> None:
    made.write([*GROUP, *roster(1)])
    state(made, fact(1, "contact", "first@lane.example", "mail"))
    state(made, fact(1, "contact", "second@lane.example", "mail", until=HOUR))
    state(made, fact(1, "consent", "yes", "contact", until=HOUR))
    assert counts(made, 1, "contact", "mail", now=HOUR - 1) == "second@lane.example"
    assert counts(made, 1, "contact", "mail", now=HOUR) == "first@lane.example"
    assert counts(made, 1, "consent", "contact", now=HOUR - 1) == "yes"
    assert counts(made, 1, "consent", "contact", now=HOUR) == ""
    folded = view(made, now=HOUR - 1)
    assert folded.standing(person(folded, 1)).expired == 0
    folded = view(made, now=HOUR)
    assert folded.standing(person(folded, 1)).expired == 1  # the address before it counts again, the consent is gone
    state(made, fact(1, "contact", "", "mail"))
    assert counts(made, 1, "contact", "mail", now=1) == ""


def test_what_has_not_its_form_counts_for_nothing_whoever_wrote_it(made: Any) -> None:
    wrong: list[tuple[FactField, str, str]] = [
        ("consent", "contact", "perhaps"), ("consent", "everything", "yes"), ("tier", "", "0"), ("minor", "", "Yes"),
        ("contact", "mail", "no address"), ("contact", "mail", "a@b\r\nBcc: c@d"), ("contact", "Not A Channel", "x"),
        ("word", "", "x" * 321), ("language", "", "klingon"), ("hours", "", "25:00-26:00"), ("voucher", "", "@moss2"),
        ("do-not-contact", "", " yes"), ("word", "", "\x1b[2J"),
        ("card", "", "0"), ("card", "", "10000"), ("channel", "", "Mail!"),
        ("zone", "", "/etc/passwd"), ("zone", "", "Asia/../Baku"), ("zone", "", "noon"), ("hours", "", "9-17"),
    ]  # fmt: skip
    made.write([*GROUP, *roster(1), *(record for f, k, v in wrong for record in fact(1, f, v, k))])
    state(made, *(fact(1, f, v, k, run=7) for f, k, v in wrong))
    folded = view(made)
    standing = folded.standing(person(folded, 1))
    assert standing.facts == {}
    assert standing.proposals == ()


def test_nobody_is_meant_who_was_not_named_beside_it(made: Any) -> None:
    made.write([*GROUP, *roster(1)])
    first = view(made)
    id_ = person(first, 1)
    state(
        made, [Fact(member=id_, field="consent", key="contact", value="yes")]
    )  # an id of a run, not of this statement
    state(made, [Fact(member=who(3, 5), field="word", value="x")])
    assert view(made).standing(id_).facts == {}


# --- restrictions --------------------------------------------------------------------------------------------------------

RESTRICTIONS: list[tuple[FactField, str, str, str, str]] = [  # field, key, restricting, lifting, the hold
    ("do-not-contact", "", "yes", "no", "do-not-contact"),
    ("consent", "contact", "no", "yes", "consent-no"),
    ("minor", "", "yes", "no", "minor"),
    ("hold", "", "yes", "no", "on-hold"),
]


@pytest.mark.parametrize("restriction", RESTRICTIONS)
def test_a_restriction_counts_from_anyone_until_the_owner_lifts_it_by_name(
    made: Any, restriction: tuple[FactField, str, str, str, str]
) -> None:
    field, key, yes, no, hold = restriction
    made.write([*GROUP, *roster(1, 2)])
    before = Moment(seq=1)
    made.write(fact(1, field, yes, key))
    for moment in (before, Moment(), Moment(time=made.time - 1)):  # also where the moment is before it
        folded = view(made, moment)
        assert hold in held(folded)["@moss1"]
        assert hold not in held(folded)["@moss2"]
        assert folded.standing(person(folded, 1)).proposals == ()
    made.write(fact(1, field, no, key))  # a machine cannot take it back
    assert hold in held(view(made))["@moss1"]
    state(made, fact(2, field, no, key))  # nor does lifting it for somebody else
    state(made, fact(1, field, no, key), seen={made.home.writer_id.hex(): 1})  # nor what was said before it was seen
    assert hold in held(view(made))["@moss1"]
    state(made, fact(1, field, no, key))
    assert hold not in held(view(made))["@moss1"]
    made.write(fact(1, field, yes, key))
    assert hold in held(view(made, before))["@moss1"]
    state(made, fact(1, field, "", key))
    assert hold not in held(view(made))["@moss1"]


@pytest.mark.parametrize("restriction", RESTRICTIONS)
def test_the_owners_own_restrictions_count_and_the_later_word_wins(
    made: Any, restriction: tuple[FactField, str, str, str, str]
) -> None:
    field, key, yes, no, hold = restriction
    made.write([*GROUP, *roster(1)])
    for value, there in ((yes, True), (no, False), (yes, True), ("", False)):
        state(made, fact(1, field, value, key))
        assert (hold in held(view(made))["@moss1"]) is there


def test_a_lift_that_expires_lifts_no_longer(made: Any) -> None:
    made.write([*GROUP, *roster(1), *fact(1, "do-not-contact", "yes")])
    state(made, fact(1, "do-not-contact", "no", until=HOUR))
    assert "do-not-contact" not in held(view(made, now=HOUR - 1))["@moss1"]
    assert "do-not-contact" in held(view(made, now=HOUR))["@moss1"]


def test_a_machine_does_not_undo_its_restriction_by_putting_something_after_it(made: Any) -> None:
    run = next(_runs)
    made.write([*GROUP, *roster(1)])
    made.write([*fact(1, "hold", "yes", run=run), *fact(1, "hold", "no", run=run), *fact(1, "hold", "", "k", run=run)])
    assert "on-hold" in held(view(made))["@moss1"]


MACHINE = st.tuples(
    st.just("machine"),
    st.sampled_from(["w1", "w2"]),
    st.sampled_from([(f, k) for f, k, _ in STEERING if f != "voucher"]),
    st.sampled_from(["yes", "no", "", "1", "fa", "moss@lane.example", "09:00-17:30"]),
)
OWNER = st.tuples(
    st.just("owner"), st.integers(0, 20), MACHINE.map(lambda one: one[2]), MACHINE.map(lambda one: one[3])
)


def told(history: list[Any]) -> Standing:
    """What counts after a history; each machine's commits are numbered by the place in it."""
    facts = Facts(now=1)
    for seq, (by, how, (field, key), value) in enumerate(history):
        one = Fact(member="a" * 32, field=field, key=key, value=value)
        if by == "owner":
            facts.attend("a" * 32, {"w1": how, "w2": how}, one)
        else:
            facts.propose("a" * 32, CommitInfo(how, seq, seq, (), b""), one)
    return facts.standing("a" * 32)


@given(st.lists(MACHINE | OWNER, max_size=20), st.lists(MACHINE, max_size=20))
def test_whatever_machines_add_they_only_restrict(before: list[Any], added: list[Any]) -> None:
    then, now = told(before).facts, told([*before, *added]).facts
    for slot in then.keys() | now.keys():
        if then.get(slot) != now.get(slot):
            assert restricts(Fact(member="a" * 32, field=slot[0], key=slot[1], value=now[slot]))


@given(st.lists(MACHINE | OWNER, max_size=20))
def test_the_owner_who_has_seen_everything_has_the_last_word(before: list[Any]) -> None:
    for field, key, value in STEERING:
        if field != "voucher":
            standing = told([*before, ("owner", 99, (field, key), value)])
            assert standing.facts[field, key] == value
            assert all((one.field, one.key) != (field, key) for one in standing.proposals)


# --- up to where backups are trusted -------------------------------------------------------------------------------------


def test_without_a_trusted_position_everybody_is_held_for_that(made: Any) -> None:
    made.write([*GROUP, *roster(1, 2)])
    folded = view(made)
    assert folded.trusted.by == ""
    assert held(folded) == dict.fromkeys(["@moss1", "@moss2"], ("no-trusted-position", "consent-unknown"))
    state(made, fact(1, "member", "yes"), fact(1, "consent", "yes", "contact"))
    assert held(view(made)) == {"@moss1": (), "@moss2": ("no-trusted-position", "consent-unknown")}


def test_who_is_first_seen_after_the_trusted_position_is_held(made: Any) -> None:
    made.write([*GROUP, *roster(1, 2)])
    made.write([member(3, 50), *roster(1)])  # named, but in no roster
    trust = position(made)
    made.write(
        [*roster(1, 2, 3, 4), Member(id=who(4, 9), platform="p", origin="o", native="@moss4", name="since 1999")]
    )
    folded = view(made, trusted=trust)
    assert (folded.trusted.by, dict(folded.trusted.position or {})) == ("given", trust)
    new = ("first-seen-after-trust", "consent-unknown")
    assert held(folded) == {
        "@moss1": ("consent-unknown",), "@moss2": ("consent-unknown",), "@moss3": new, "@moss4": new,
    }  # fmt: skip
    state(made, trusted=trust)
    stated = view(made)
    assert (stated.trusted.by, held(stated)) == ("attended", held(folded))
    state(made, fact(4, "member", "yes"), trusted={made.home.writer_id.hex(): 1})  # what is trusted once stays so
    assert held(view(made))["@moss4"] == ("consent-unknown",)
    assert held(view(made))["@moss3"] == new


def test_membership_of_another_group_proves_nothing(made: Any) -> None:
    """A thief can say that the rooms of one group are rooms of the other."""
    other = [Group(ref="!h", platform="p", origin="o"), Channel(ref="!b", group="!h")]
    made.write([*GROUP, *other, *roster(1), *roster(2, channel="!b")])
    trust = position(made)
    made.write([Channel(ref="!b", group="!g", parent="!g"), *roster(1, 2)])
    assert held(view(made, trusted=trust)) == {
        "@moss1": ("consent-unknown",),
        "@moss2": ("first-seen-after-trust", "consent-unknown"),
    }


def test_who_only_suspect_commits_tell_of_is_held(made: Any) -> None:
    made.write([*GROUP, *roster(1)], time=10 * HOUR)
    made.write(roster(1, 2), time=HOUR)
    folded = view(made)
    assert folded.suspect == 1
    assert held(folded) == {
        "@moss1": ("no-trusted-position", "consent-unknown"),
        "@moss2": ("no-trusted-position", "suspect-commit", "consent-unknown"),
    }
    assert held(view(made, trusted=position(made)))["@moss2"] == ("suspect-commit", "consent-unknown")
    assert view(made, Moment(seq=1)).suspect == 0


def test_a_higher_power_needs_a_sound_backup_too(made: Any) -> None:
    made.write([*GROUP, *roster(1, 2, 3, levels={1: 100, 3: 50})])
    trust = position(made)
    made.write(roster(1, 2, 3, levels={1: 50, 2: 100, 3: 100}))
    unproved = {one.memberships[0].member: one.unproved for one in view(made, trusted=trust).people("!g")}
    assert list(unproved.values()) == [(), ("!a",), ("!a",)]
    assert [one.unproved for one in view(made).people("!g")] == [()] * 3
    assert [one.unproved for one in view(made, Moment(seq=1), trusted=trust).people("!g")] == [()] * 3


def test_a_higher_power_is_not_proved_by_a_suspect_backup(made: Any) -> None:
    made.write([*GROUP, *roster(1, 2, levels={1: 100})], time=10 * HOUR)
    made.write(roster(1, 2, levels={1: 100, 2: 100}), time=HOUR)  # whose clock goes back
    for trust in (None, position(made)):
        folded = view(made, trusted=trust)
        assert {folded.members[one.id].native: one.unproved for one in folded.people("!g")} == {
            "@moss1": (),
            "@moss2": ("!a",),
        }


def test_whoever_copies_an_id_does_not_become_the_person_it_means(made: Any) -> None:
    made.write([*GROUP, *roster(1)])
    id_ = person(view(made), 1)
    made.write([Member(id=id_, platform="p", origin="o", native="@thief"), *roster(1), *fact(1, "word", "x")])
    folded = view(made)
    assert folded.members[id_].native == "@moss1"
    assert len(folded.members) == 2
    assert len({one.id for one in folded.people("!g")}) == 1


def test_nobody_is_hidden_by_the_handle_of_somebody_erased(made: Any) -> None:
    made.write([*GROUP, *roster(1, 2)])
    id_ = person(view(made), 1)
    key = b"k" * 32
    mark = Forgotten(key=key.hex(), tag=forgotten_tag(key, "p", "o", "@moss2").hex())
    state(made, forgotten=(mark,))
    made.write([Member(id=id_, platform="p", origin="o", native="@moss2")])
    assert set(held(view(made))) == {"@moss1"}


def test_what_came_later_does_not_change_who_is_who_at_a_moment(make_archive: Any) -> None:
    """Two machines: the second one's commit is told to be from before the first one's."""
    one, two = make_archive(), make_archive()
    one.write([*GROUP, *roster(1, 2)], time=100 * HOUR)
    readers = [one.reader(), two.reader()]
    moment = Moment(position={one.home.writer_id.hex(): 1})
    before = fold(readers, moment)
    two.write([*roster(1, 3), *fact(2, "word", "x"), *fact(2, "do-not-contact", "yes")], time=HOUR)
    after = fold([one.reader(), two.reader()], moment)
    assert [(p.id, p.memberships) for p in after.people("!g")] == [(p.id, p.memberships) for p in before.people("!g")]
    assert after.members == before.members
    assert [one for one, holds in held(after).items() if "do-not-contact" in holds] == ["@moss2"]  # but that counts
    assert fold([one.reader(), two.reader()]).people("!g") != before.people("!g")


def test_where_a_chain_forks_nothing_is_sound_any_more(make_archive: Any) -> None:
    """Two copies of one archive, both gone on: somebody has the seed, from before the position that is trusted."""
    made = make_archive()
    made.write([*GROUP, *roster(1)])
    kept = made.path.read_bytes(), {file: file.read_bytes() for file in made.home.folder.iterdir() if file.is_file()}
    made.write(roster(1, 2))
    genuine = made.path.with_name("genuine")
    genuine.write_bytes(made.path.read_bytes())
    made.path.write_bytes(kept[0])
    for file, data in kept[1].items():
        file.write_bytes(data)
    made.write(roster(1, 3))
    archives = [Archive.open(path) for path in (genuine, made.path)]
    overlay(archives)
    readers = [archive.unlock(made.key) for archive in archives]
    folded = fold(readers, trusted={made.home.writer_id.hex(): 2}, now=made.time)
    assert {name: holds[0] for name, holds in held(folded).items()} == {
        "@moss1": "consent-unknown",
        "@moss3": "first-seen-after-trust",
    }
    assert folded.damage()
    for archive in archives:
        archive.close()


# --- the same person twice -----------------------------------------------------------------------------------------------


def test_only_the_owner_makes_two_identities_one_person(made: Any) -> None:
    run = next(_runs)
    made.write(
        [
            *GROUP, *roster(1, 2, levels={2: 50}), Ban(channel="!a", member=who(2, run)), member(2, run),
            Message(channel="!a", ref="$1", time=1, author=who(2, run), text=f"{{member:{who(2, run)}}}"),
            *fact(2, "same-as", who(1, run), run=run), member(1, run), *fact(2, "do-not-contact", "yes"),
        ]
    )  # fmt: skip
    assert len(view(made).people("!g")) == 2
    same = next(_runs)
    state(made, fact(2, "same-as", who(1, same), run=same), [member(1, same)], fact(2, "contact", "+49 1", "phone"))
    folded = view(made)
    [only] = folded.people("!g")
    assert folded.members[only.id].native == "@moss1"
    assert [one.native for one in folded.others[only.id]] == ["@moss2"]
    assert [one.level for one in only.memberships] == [50]
    assert "do-not-contact" in only.holds
    assert folded.canonical(who(2, run)) == only.id
    [post] = folded.posts("!a")
    assert (post.message.author, post.text) == (only.id, f"{{member:{only.id}}}")
    assert folded.standing(who(2, run)) == folded.standing(only.id)
    state(made, fact(2, "same-as", ""))
    assert len(view(made).people("!g")) == 2


def test_circles_of_the_same_person_end(made: Any) -> None:
    run = next(_runs)
    made.write([*GROUP, *roster(1, 2, 3)])
    everyone = [member(number, run) for number in (1, 2, 3)]
    pairs = [(1, 2), (2, 3), (3, 1), (2, 2)]
    state(made, everyone, *(fact(a, "same-as", who(b, run), run=run)[:1] for a, b in pairs))
    folded = view(made)
    assert [folded.members[one.id].native for one in folded.people("!g")] == ["@moss1"]


# --- positions -----------------------------------------------------------------------------------------------------------


def test_positions_of_several_machines(make_archive: Any) -> None:
    one, two = make_archive(), make_archive()
    one.write([*GROUP, *roster(1)])
    one.write(roster(1, 2))
    two.write([*GROUP, *roster(1, 2, 3)])
    readers = [one.reader(), two.reader()]
    a, b = (made.home.writer_id.hex() for made in (one, two))
    commits = [commit for reader in readers for commit in reader.commits]
    assert resolve(parse_position(f"{a[:8]}:1, {b[:4].upper()}:0"), commits) == {a: 1, b: 0}
    seen = fold(readers, Moment(position={a[:8]: 1}))
    assert seen.position == f"{a}:1"
    assert len(seen.people("!g")) == 1
    assert len(fold(readers, Moment(position={a[:8]: 2, b: 0})).people("!g")) == 2
    for wrong in ({"": 1}, {a[:6]: 9}, {"0123456789": 1}, {a: 1, a[:6]: 1}):
        with pytest.raises(UsageError):
            resolve(wrong, commits)


@pytest.mark.parametrize("text", ["x", "1,2", "abc:1", "abcd:", "abcd:-1", "abcd:1,abcd:2", "zzzz:1"])
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(UsageError, match="no place"):
        parse_position(text)


# --- what is typed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail=moss@lane.example", ("contact", "mail", "moss@lane.example")),
        ("contact.bulletin=room 4", ("contact", "bulletin", "room 4")),
        ("Consent.Contact=YES", ("consent", "contact", "yes")),
        ("minor=", ("minor", "", "")),
        ("tier=4", ("tier", "", "4")),
        ("language=pt-BR", ("language", "", "pt-BR")),
        ("voucher=@moss2", ("voucher", "", "@moss2")),
        ("zone=Asia/Baku", ("zone", "", "Asia/Baku")),
        ("channel=Signal", ("channel", "", "signal")),
        ("card=7", ("card", "", "7")),
        ("phone=+49 (30) 123-45", ("contact", "phone", "+49 (30) 123-45")),
    ],
)
def test_facts_as_typed(text: str, found: tuple[str, str, str]) -> None:
    assert parse_setting(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "canary", "=canary", "canary=x", "mail=canary", "mail=canary@", "minor=canary", "consent=canary", "tier=canary",
        "consent.canary=yes", "tier.canary=1", "phone=canary", "contact.Ä=canary", "language=canary", "hours=canary",
        "zone=canary", "card=canary", "channel=can.ary",
        "word=" + "canary" * 60, "mail=canary@x\nBcc: y@z", "mail=can\u202eary@x",
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_told_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_setting(text)
    assert "canary" not in error.value.message + error.value.hint


def test_every_hold_has_its_place() -> None:
    assert in_order(["on-hold", "minor", "no-trusted-position", "minor"]) == ("no-trusted-position", "minor", "on-hold")
    assert complaint("word", "", "") == ""
