"""Who stands on which sheet: at most ten, nobody who must not be there, and always the same."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people_kit import GROUP, Campaigning, crowd, member

from grouparchive.errors import UsageError
from grouparchive.model.plan import Person
from grouparchive.people.journal import message_key
from grouparchive.people.routes import BY_HAND, Route
from grouparchive.people.sheets import ADMIN, MOST, Known, Made, links, make_sheets, people_of

VOUCHER = 0
LINK = {"link": "https://home.example/k", "link_until": "2027-05-01"}


class Rolls(Campaigning):
    """A campaign whose people have a voucher, a telephone, and a way that a test gives them."""

    voucher: Callable[[int], int | None] = staticmethod(lambda number: VOUCHER if number else None)
    way: Callable[[int], str] = staticmethod(lambda _: BY_HAND)
    phone: Callable[[int], bool] = staticmethod(lambda _: True)

    def known(self, one: str) -> Known:
        number = int(one, 16)
        by = self.voucher(number)
        route = Route(
            way=self.way(number),
            lane="",
            kind="message",
            channel="mail",
            recipient=f"{number}@example.org",
            proof=self.proof,
        )
        return Known(
            name=f"Moss {number}", voucher="" if by is None else member(by), route=route,
            contacts={"mail": f"{number}@example.org", "phone": f"+4930{number:06}"} if self.phone(number) else {},
        )  # fmt: skip

    @property
    def vouchers(self) -> dict[str, str]:
        return {one.member: self.known(one.member).voucher for one in self.campaign.invitees}

    def made(self) -> Made:
        with self.journal() as journal:
            return make_sheets(self.live().campaign, journal, self.live().answers, self.known)

    def theirs(self, voucher: str = member(VOUCHER)) -> list[int]:
        return sorted(
            int(line.member, 16) for one in self.made().sheets if one.voucher == voucher for line in one.lines
        )

    def mine(self) -> dict[int, str]:
        return {
            int(line.member, 16): one.task for one in self.made().sheets if one.voucher == ADMIN for line in one.lines
        }


def test_at_most_ten_people_a_sheet_each_once_under_a_number_of_their_own(tmp_path: Path) -> None:
    group = Rolls(tmp_path, crowd(36))
    sheets = [one for one in group.made().sheets if one.voucher == member(VOUCHER)]
    assert [len(one.lines) for one in sheets] == [10, 10, 10, 5]
    numbers = [line.number for one in sheets for line in one.lines]
    assert numbers == list(range(1, 36))
    assert group.theirs() == list(range(1, 36))
    assert {(one.code, one.people) for one in sheets} == {(sheets[0].code, 35)}
    assert group.mine() == {0: "warning"}  # the voucher has nobody


@settings(max_examples=25)
@given(st.integers(0, 60), st.integers(1, 5))
def test_never_more_than_ten_never_twice_and_always_the_same(
    tmp_path_factory: pytest.TempPathFactory, count: int, by: int
) -> None:
    group = Rolls(tmp_path_factory.mktemp("sheets"), crowd(count))
    group.voucher = lambda number: number % by
    made = group.made()
    assert made == group.made()
    assert all(1 <= len(one.lines) <= MOST for one in made.sheets)
    stand = [line.member for one in made.sheets for line in one.lines]
    assert len(stand) == len(set(stand)) == count
    for one in made.sheets:
        for line in one.lines:
            assert one.voucher in {ADMIN, group.vouchers[line.member]}
            assert people_of(group.campaign, group.vouchers, one.code, [str(line.number)]) == [line.member]


def test_nobody_stands_there_who_must_not(tmp_path: Path) -> None:
    group = Rolls(tmp_path, crowd(20), kind="invitation", **LINK)
    group.way = lambda number: "post" if number in {8, 9, 10, 11} else BY_HAND
    group.people = [
        msgspec.structs.replace(one, holds=("do-not-contact",)) if int(one.id, 16) == 1 else one for one in crowd(20)
    ]
    for number, word in enumerate(("never", "complaint", "back", "by-hand", "replied"), 2):
        group.answer(word, number)
    with group.journal() as journal:
        for number, status in ((8, "sent"), (9, "refused"), (10, "sent"), (11, "doubt")):
            journal.write(message_key(group.campaign, member(number), "hello"), status)  # type: ignore[arg-type]
        journal.write(message_key(group.campaign, member(12), GROUP), "already")
    group.answer("bounced", 10)
    assert group.theirs() == [7, 9, 10, 11, *range(13, 20)]
    assert group.mine() == {0: "hello", 6: "link"}  # 6 asked for more, and no source brings it


def test_a_voucher_who_must_not_be_asked_gets_nothing(tmp_path: Path) -> None:
    group = Rolls(tmp_path, crowd(4))
    assert group.theirs() == [1, 2, 3]
    group.answer("never", VOUCHER)
    assert (group.theirs(), sorted(group.mine())) == ([], [1, 2, 3])
    other = Rolls(tmp_path / "other", crowd(4))
    other.folder.mkdir()
    other.voucher = lambda _: 77  # somebody who is not in the campaign: banned, say
    assert sorted(other.mine()) == [0, 1, 2, 3]
    held = Rolls(tmp_path / "held", crowd(4))
    held.folder.mkdir()
    held.people = [Person(id=one.id, holds=("on-hold",), memberships=one.memberships) for one in crowd(4)[:1]] + crowd(
        4
    )[1:]
    assert held.theirs() == []
    self_made = Rolls(tmp_path / "self", crowd(1))
    self_made.folder.mkdir()
    self_made.voucher = lambda _: 0
    assert self_made.mine() == {0: "warning"}


def test_what_the_admin_does_by_hand(tmp_path: Path) -> None:
    group = Rolls(tmp_path, crowd(5), kind="invitation", **LINK)
    group.voucher = lambda _: None
    group.way = lambda number: "post" if number == 1 else BY_HAND
    group.phone = lambda number: number != 2
    assert group.mine() == {0: "hello", 3: "hello", 4: "hello"}  # a message brings it to 1, nothing reaches 2
    assert group.made().unreachable == 1
    group.proof = ""
    assert group.mine() == {0: "call", 1: "call", 3: "call", 4: "call"}  # no message would be believed


def test_a_word_is_printed_where_no_message_says_it_and_a_bad_address_is_not(tmp_path: Path) -> None:
    group = Rolls(tmp_path, crowd(4), kind="invitation")
    group.way = lambda number: "post" if number in {1, 2} else BY_HAND
    with group.journal() as journal:
        journal.write(message_key(group.campaign, member(2), "hello"), "refused")
    lines = {int(line.member, 16): line for one in group.made().sheets for line in one.lines}
    assert {number: line.proof for number, line in lines.items()} == {0: "lantern", 1: "", 2: "lantern", 3: "lantern"}
    assert dict(lines[1].contacts) == {"mail": "1@example.org", "phone": "+4930000001"}
    assert dict(lines[2].contacts) == {"phone": "+4930000002"}
    warning = Rolls(tmp_path / "warning", crowd(4))
    warning.folder.mkdir()
    assert {line.proof for one in warning.made().sheets for line in one.lines} == {""}
    assert "lantern" not in repr(group.made().sheets)


def test_numbers_stay_when_people_are_told_and_an_old_sheet_is_refused(tmp_path: Path) -> None:
    group = Rolls(tmp_path, crowd(12))
    before = group.made()
    code = before.sheets[0].code
    numbers = {line.member: line.number for line in before.sheets[0].lines}
    group.answer("by-hand", 1, 2, 3)
    after = {line.member: line.number for line in group.made().sheets[0].lines}
    assert after.items() <= {line.member: line.number for one in before.sheets for line in one.lines}.items()
    typed = f" {code[:3].lower()} {code[3:]} "
    one, two = list(numbers)[:2]
    chosen = [str(numbers[one]), str(numbers[two]), str(numbers[one])]
    assert people_of(group.campaign, group.vouchers, typed, chosen) == [one, two]
    moved = {**group.vouchers, one: ""}
    for vouchers, wrong, number in (
        (moved, code, "1"),
        (group.vouchers, "ZZZZZZ", "1"),
        (group.vouchers, "", "1"),
        (group.vouchers, code, "0"),
        (group.vouchers, code, "12"),
        (group.vouchers, code, "one"),
        (group.vouchers, code, "\u0661"),
    ):
        with pytest.raises(UsageError) as caught:
            people_of(group.campaign, vouchers, wrong, [number])
        assert "\n" not in caught.value.message
    other = msgspec.structs.replace(group.campaign, key="22" * 32)
    with pytest.raises(UsageError):
        people_of(other, group.vouchers, code, ["1"])


@pytest.mark.parametrize(
    ("channel", "address", "found"),
    [
        ("phone", "+994 (50) 700-00.00", ("sms:+994507000000", "tel:+994507000000")),
        ("phone", "0049 30 12345", ("sms:+493012345", "tel:+493012345")),
        ("phone", "030 12345", ("sms:03012345", "tel:03012345")),
        ("sms", "+49 30 12345", ("sms:+493012345",)),
        ("whatsapp", "+49 30 12345678", ("https://wa.me/493012345678",)),
        ("whatsapp", "030 12345678", ()),
        ("signal", "+49 30 12345678", ("https://signal.me/#p/+493012345678",)),
        ("signal", "fern.42", ()),
        ("telegram", "@fern_moss", ("https://t.me/fern_moss",)),
        ("telegram", "+49 30 12345678", ("https://t.me/+493012345678",)),
        ("matrix", "@fern:home.example", ("https://matrix.to/#/@fern:home.example",)),
        ("mail", "fern&x=1@home.example", ("mailto:fern%26x%3D1@home.example",)),
        ("carrier-pigeon", "the loft", ()),
        ("phone", "javascript:alert(1)", ()),
        ("whatsapp", '"><script>', ()),
        ("telegram", "fern/../x", ()),
    ],
)
def test_links_open_an_app_at_somebody_and_carry_no_text(channel: str, address: str, found: tuple[str, ...]) -> None:
    assert links(channel, address) == found
