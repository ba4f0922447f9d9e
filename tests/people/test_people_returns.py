"""Who is back, and who only looks like somebody: names in other letters, contacts, doubts, roles."""

import msgspec
import pytest
from people_kit import GROUP, campaign, crowd, member

from grouparchive.model.plan import Grant, Hold, Plan, Policy
from grouparchive.people.lookalikes import skeletons
from grouparchive.people.returns import Account, Known, Lookalike, Match, find, mails, roles

FERN, MOSS, REED = member(0), member(1), member(2)
MEMBERS = [
    Known(FERN, handles=("@fern:example.org",), names=("Fern Hollow",)),
    Known(MOSS, handles=("@moss:example.org",), contacts=("@moss.new:other.example",), names=("Moss",)),
    Known(REED, names=("Reed",)),
]


def account(native: str, name: str = "", state: str = "join") -> Account:
    return Account(native, name, {GROUP: state})


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        ("Fern Hollow", "fern hollow"),
        ("Fern Hollow", "FERN HOLLOW"),
        ("Fern Hollow", "F\N{CYRILLIC SMALL LETTER IE}rn Hollow"),
        ("Fern Hollow", "F\N{GREEK SMALL LETTER EPSILON}rn Hollow"),
        ("Fern Hollow", "Fern H\N{GREEK SMALL LETTER OMICRON}ll\N{CYRILLIC SMALL LETTER O}w"),
        ("Fern Hollow", "Fern\N{ZERO WIDTH SPACE} Ho\N{ZERO WIDTH JOINER}llow"),
        ("Fern Hollow", "Fern.Hollow"),
        ("Fern Hollow", "Fern_Hollow\N{MIDDLE DOT}"),
        ("Fern Hollow", "\N{RIGHT-TO-LEFT OVERRIDE}Fern Hollow"),
        ("Fern Hollow", "\N{FULLWIDTH LATIN CAPITAL LETTER F}ern Hollow"),
        ("Fern Hollow", "\N{MATHEMATICAL BOLD CAPITAL F}ern Hollow"),
        ("Fern Hollow", "F\N{LATIN SMALL LETTER E WITH ACUTE}rn Hollow"),
        ("Fern Hollow", "Fern Ho11ow"),
        ("Fern Hollow", "Fern HoIIow"),
        ("Fern Hollow", "Fern H0llow"),
        ("Fern Hollow", "Fem Hollow"),
        ("HELEN", "\N{GREEK CAPITAL LETTER ETA}ELEN"),
        ("Helen", "\N{CYRILLIC CAPITAL LETTER EN}elen"),
        ("Ilse", "llse"),
        ("\N{CYRILLIC CAPITAL LETTER ES}\N{CYRILLIC SMALL LETTER O}\N{CYRILLIC SMALL LETTER ER}e", "Cope"),
        ("\N{HERB}\N{HERB}", "\N{HERB}\N{ZERO WIDTH SPACE}\N{HERB}"),
    ],
)  # fmt: skip
def test_names_that_look_the_same(real: str, fake: str) -> None:
    assert skeletons(real) & skeletons(fake)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Fern", "Moss"),
        ("Fern", "Fern Hollow"),
        ("Reed", "Reeds"),
        ("Fern", ""),
        ("", ""),
        (" ", "\N{ZERO WIDTH SPACE}"),
    ],
)
def test_names_that_differ(one: str, other: str) -> None:
    assert not skeletons(one) & skeletons(other)


def test_a_handle_or_a_confirmed_contact_makes_a_member_and_a_name_does_not() -> None:
    there = [
        account("@fern:example.org", "Somebody"),
        account("@moss.new:other.example"),
        account("@reed:evil.example", "R\N{CYRILLIC SMALL LETTER IE}ed"),
        account("@Fern:evil.example"),
        account("@new:example.org", "Newcomer"),
        account("@keeper:example.org", "Moss"),
    ]
    found = find(there, MEMBERS, ours={"@keeper:example.org"})
    assert found.back == (Match(FERN, there[0], "handle"), Match(MOSS, there[1], "contact"))
    assert found.impostors == (Lookalike(there[2], (REED,)), Lookalike(there[3], (FERN,)))
    assert found.strangers == 1
    assert "fern" not in repr(found).lower()
    assert "reed" not in repr(found).lower()


def test_of_two_accounts_the_one_of_the_archive_counts() -> None:
    both = [account("@moss.new:other.example"), account("@moss:example.org")]
    for there in (both, both[::-1]):
        (match,) = find(there, MEMBERS).back
        assert match.account.native == "@moss:example.org"


def test_a_contact_that_two_gave_is_nobodys() -> None:
    shared = [same_contact(one) for one in MEMBERS]
    found = find([account("@moss.new:other.example")], [*MEMBERS, *shared])
    assert found.back == ()


def same_contact(one: Known) -> Known:
    """Another member with the same contact."""
    return Known(member(9), contacts=one.contacts)


def test_who_knocks_or_is_asked_is_not_back() -> None:
    there = [account("@fern:example.org", state="knock"), account("@moss:example.org", state="invite")]
    found = find([*there, account("@who:example.org", "Fern Hollow", "knock")], MEMBERS)
    assert found.back == ()
    assert [(one.native, match and match.member) for one, match in found.knocking] == [
        ("@fern:example.org", FERN),
        ("@who:example.org", None),
    ]
    assert [one.members for one in found.impostors] == [(FERN,)]


def plan(*members: str) -> Plan:
    reveal = tuple(Grant(key=f"{at:032x}", channel=GROUP, member=one, level=50) for at, one in enumerate(members))
    return Plan(
        archive_id="ab" * 32, position="w:1", moment=1, group=GROUP, group_name="Group", target="home", platform="matrix",
        policy=Policy(key="11" * 32), observed="x", reveal=reveal,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("holds", "given"), [((), 1), (("consent-unknown",), 1), (("on-hold",), 0), (("first-seen-after-trust",), 0)]
)
def test_roles_wait_while_something_grave_speaks_against_somebody(holds: tuple[Hold, ...], given: int) -> None:
    asked = campaign(crowd(2))
    people = tuple(msgspec.structs.replace(one, holds=holds, overruled=()) for one in asked.invitees)
    asked = msgspec.structs.replace(asked, invitees=people)
    back = [Match(FERN, account("@fern:example.org"), "handle")]
    grants, waiting = roles(plan(FERN, MOSS, REED), asked, back, lambda ref: ref)
    assert ([one.member for one in grants], waiting) == ([FERN] * given, 1 - given)


def test_who_is_in_no_campaign_and_who_is_in_another_room_get_no_role() -> None:
    asked = campaign(crowd(1))
    moss, elsewhere = Match(MOSS, account("@m:x"), "handle"), Account("@f:x", "", {"!other": "join"})
    grants, waiting = roles(plan(FERN, MOSS), asked, [moss, Match(FERN, elsewhere, "handle")], lambda ref: ref)
    assert (grants, waiting) == ([], 1)


def test_every_text_leads_back_to_its_person() -> None:
    asked = campaign(crowd(3))
    assert sorted(mails(asked).values()) == sorted([FERN, MOSS, REED] * 4)
