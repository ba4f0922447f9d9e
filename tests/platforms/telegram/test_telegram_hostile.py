"""Hostile and broken Telegram exports: nothing crashes, nothing readable is lost, and what is lost is told."""

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telegram_exports import GROUP, Taken, chat, message, service, write

from grouparchive.errors import GroupArchiveError
from grouparchive.model import codec
from grouparchive.model.records import AnyRecord, Membership, Message
from grouparchive.platforms.telegram import fields, messages

QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def valid(taken: Taken) -> list[AnyRecord]:
    """All records, each of which can be stored and read again."""
    records = [record for all_ in taken.records.values() for record in all_]
    assert [codec.decode(codec.encode(one)) for one in records] == records
    return records


def test_cut_at_every_byte_what_is_whole_comes_out(tmp_path: Path) -> None:
    data = json.dumps(
        chat(message(1), service(2, "invite_members", members=["Moss Bank"]), message(3, who=2)), indent=1
    )
    begins = data.index('"messages"')
    ends = [data.index("\n  }", data.index(f'"id": {number}')) + len("\n  }") for number in (1, 2, 3)]
    for length in range(data.index("[") + 1, len(data), 7):
        if length < begins + 150:
            continue
        taken = Taken(write(tmp_path / "result.json", data[:length]))
        assert len(taken.messages) == sum(end <= length for end in ends)
        assert taken.codes["file-damaged"] == 1


def test_damaged_messages_cost_no_others(tmp_path: Path) -> None:
    whole = json.dumps(chat(*(message(number) for number in range(1, 101))), indent=1)
    at = whole.index('"text"', whole.index('"id": 50,'))
    for damage in ('"', "{", "\x00", "%", "\ud800"):
        path = tmp_path / "result.json"
        path.write_bytes((whole[:at] + damage + whole[at:]).encode("utf-8", "surrogatepass"))
        taken = Taken(path)
        assert len(taken.messages) >= 99
        assert taken.codes.get("message-unreadable", 0) + taken.codes.get("message-partly-read", 0) == 1


def test_half_characters_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    whole = json.dumps(chat(message(1, "a\ud83d"), message(2, "TEXT"), message(3)), indent=1).encode()
    path = tmp_path / "result.json"
    path.write_bytes(whole.replace(b"TEXT", b"\xff\xfe\xc3"))
    taken = Taken(path)
    assert [one.text for one in taken.messages] == ["a\ufffd", "\ufffd\ufffd\ufffd", "hello"]
    valid(taken)


def test_absurd_numbers_and_times(tmp_path: Path) -> None:
    odd: list[Any] = [
        message(1, date_unixtime="99999999999999"),
        message(2, date_unixtime="-5", date="0001-01-01T00:00:00"),
        message(3, date_unixtime="", date="9999-99-99"),
        message(4, edited="x", edited_unixtime=2**52),
        message(5, width=-5, height=2**52, file_size=-1, duration_seconds=-(2**50), photo="p", mime_type="x" * 9999),
        message(2**70),
        message(7, reactions=[{"type": "emoji", "count": -(2**52), "emoji": "x" * 9999}]),
        message(8, from_id="user" + "9" * 40),
        message(9, reply_to_message_id=-(2**50)),
        service(10, "x" * 9999, period=-5),
        message(11, who=None, **{"from": "n" * 99_999}),
        message(12, [{"type": "mention_name", "text": "x", "user_id": -5}, {"type": "mention", "text": "@" * 99}]),
    ]
    taken = Taken(write(tmp_path / "result.json", chat(*odd)))
    valid(taken)
    assert len(taken.messages) == len(odd)
    assert taken.codes["time-unknown"] == 3


def test_wrong_types_lose_the_field_and_not_the_message(tmp_path: Path) -> None:
    names = [name for name in message(1) if name not in {"id", "type"}]
    odd: list[Any] = [message(number, **{name: {"x": [1]}}) for number, name in enumerate(names, 1)]
    taken = Taken(
        write(
            tmp_path / "result.json", chat(*odd, service(99, "invite_members", members={"a": 1}), *[5, "x", None, []])
        )
    )
    assert {one.ref for one in taken.messages} == {*(str(number) for number in range(1, len(names) + 1)), "99"}
    assert taken.codes["message-unreadable"] == 4
    valid(taken)


def test_formatting_that_does_not_fit_beside_its_text_is_left_out_and_told(tmp_path: Path) -> None:
    odd = [message(number, [{"type": "bold", "text": "€" * length}]) for number, length in ((1, 90), (2, 300_000))]
    taken = Taken(write(tmp_path / "result.json", chat(*odd)))
    assert [len(one.text) for one in taken.messages] == [90, 300_000]
    assert [bool(one.html) for one in taken.messages] == [True, False]
    assert taken.codes["formatting-left-out"] == 1


def test_deep_nesting(tmp_path: Path) -> None:
    whole = json.dumps(chat(message(1), message(2, "DEEP"), message(3)), indent=1)
    for deep in ("[" * 50_000 + "]" * 50_000, '{"a":' * 50_000 + "1" + "}" * 50_000, "[" * 50_000):
        taken = Taken(write(tmp_path / "result.json", whole.replace('"DEEP"', deep)))
        assert {"1", "3"} <= {one.ref for one in taken.messages}
        assert taken.codes["message-unreadable"] >= 1


def test_many_lines_with_names_do_not_wait_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_MOST_WAITING", 3)
    lines = [service(number, "invite_members", members=["Moss Bank"]) for number in range(1, 9)]
    taken = Taken(write(tmp_path / "result.json", chat(*lines, message(20, who=2))))
    said = {one.ref: one.text.rpartition(" ")[2] for one in taken.messages[:-1]}
    late = {ref for ref, text in said.items() if text == taken.people.label("2")}
    assert late == {"1", "2", "3"}
    assert len(said) == 8


def test_an_account_with_a_damaged_chat_keeps_the_others_apart(tmp_path: Path) -> None:
    chats = [
        chat(message(1, "first"), id=1),
        chat(message(1, "second"), id=2, name="Second"),
        chat(message(1, "third"), id=3),
    ]
    whole = json.dumps({"about": "x", "chats": {"about": "x", "list": chats}}, indent=1)
    taken = Taken(write(tmp_path / "result.json", whole.replace('"Second"', "'Second'")))
    texts = {ref: [one.text for one in all_ if isinstance(one, Message)] for ref, all_ in taken.records.items()}
    assert texts["-1001"] == ["first"]
    assert texts["-1003"] == ["third"]
    assert taken.codes["file-damaged"] >= 1


def test_two_overlapping_exports_in_either_order_give_the_same_refs(tmp_path: Path) -> None:
    everything = [message(number, who=number % 3 + 1) for number in range(1, 40)]
    parts = [chat(*everything[:25]), chat(*everything[15:])]
    seen = []
    for order in (parts, parts[::-1]):
        found: dict[tuple[str, str], tuple[int, str]] = {}
        for one in order:
            for record in Taken(write(tmp_path / "result.json", one)).messages:
                found[record.channel, record.ref] = (record.time, record.text)
        seen.append(found)
    assert seen[0] == seen[1]
    assert len(seen[0]) == 39


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "count"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = sorted(
    {one.encode_name for kind in (fields.Item, fields.Line) for one in msgspec.structs.fields(kind)} | {"type"}
)


@QUICK
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), anything, max_size=8), max_size=6), st.sampled_from([None, 1]))
def test_any_values_anywhere(tmp_path: Path, items: list[dict[str, Any]], indent: int | None) -> None:
    typed = [{"type": random.Random(len(one)).choice(["message", "service", "unsupported"])} | one for one in items]
    taken = Taken(write(tmp_path / "result.json", json.dumps(chat(message(1), *typed), indent=indent)))
    valid(taken)
    lost = taken.codes.get("message-unreadable", 0)
    assert len(taken.messages) + lost >= len(items) + 1


@QUICK
@given(st.binary(max_size=60), st.integers(0, 1500))
def test_any_damage(tmp_path: Path, noise: bytes, at: int) -> None:
    data = json.dumps(chat(*(message(number) for number in range(1, 6))), indent=1).encode()
    path = tmp_path / "result.json"
    path.write_bytes(data[:at] + noise + data[at + len(noise) :])
    try:
        taken = Taken(path)
    except (GroupArchiveError, StopIteration):
        return  # its beginning is no Telegram export any more
    valid(taken)


def test_nothing_of_people_in_the_content_vault(tmp_path: Path) -> None:
    everything = [
        message(1, [{"type": "mention", "text": "@mossbank"}, {"type": "mention_name", "text": "Reed Water", "user_id": 3}]),
        message(2, forwarded_from="Moss Bank", via_bot="@mossbot"),
        message(3, "", file="files/x.pdf", file_name="@mossbank.pdf"),
        message(4, "", contact_information={"first_name": "Moss", "last_name": "Bank", "phone_number": "+0099887766"}),
        message(5, reactions=[{"type": "emoji", "emoji": "x", "count": 1,
                               "recent": [{"from": "Moss Bank", "from_id": "user2", "date": "2023-11-14T22:14:00"}]}]),
        service(6, "join_group_by_link", inviter="Moss Bank"),
        service(7, "proximity_reached", **{"from": "Moss Bank", "from_id": "user2"}, to="Reed Water", to_id="user3"),
        service(8, "send_webview_data"),
    ]  # fmt: skip
    taken = Taken(write(tmp_path / "result.json", chat(*everything)))
    content = [codec.encode(one) for one in taken.records[GROUP] if not isinstance(one, Membership)]
    content += [gap.detail.encode() for gap in taken.gaps]
    for secret in (b"Moss", b"moss", b"Reed", b"Fern", b"user2", b"99887766"):
        assert not [line for line in content if secret in line], secret


@pytest.mark.parametrize("peer", ["user1T1", "nobody", "user", "x" * 64, -5])
def test_an_id_that_is_none_leaves_the_name(tmp_path: Path, peer: Any) -> None:
    odd = message(1, from_id=peer) if peer != -5 else message(1) | {"from_id": peer}
    taken = Taken(write(tmp_path / "result.json", chat(odd, message(2, forwarded_from="Fern Hollow", who=2))))
    assert taken[1].author == taken.people["name:Fern Hollow"]
    assert json.loads(taken[2].data) == {"forwarded_from": taken[1].author}
