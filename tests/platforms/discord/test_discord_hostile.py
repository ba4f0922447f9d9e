"""Hostile and broken DiscordChatExporter files: nothing crashes, nothing readable is lost, and what is lost is told."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from discord_exports import Taken, channel, message, user, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grouparchive.errors import GroupArchiveError
from grouparchive.model import codec
from grouparchive.model.records import AnyRecord
from grouparchive.platforms.discord import fields

QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def valid(taken: Taken) -> list[AnyRecord]:
    """All records, each of which can be stored and read again."""
    records = [record for all_ in taken.records.values() for record in all_]
    assert [codec.decode(codec.encode(one)) for one in records] == records
    return records


@pytest.mark.parametrize("indent", [2, None])
def test_cut_anywhere_what_is_whole_comes_out(tmp_path: Path, indent: int | None) -> None:
    data = json.dumps(channel(message(101), message(102), message(103)), indent=indent)
    starts = [data.index(f'"{number}"') for number in (101, 102, 103)]
    for length in range(data.index('"messages"') + 20, len(data), 29):
        taken = Taken(write(tmp_path / "a.json", data[:length]))
        assert len(taken.messages) in {
            sum(start < length for start in starts) - 1,
            sum(start < length for start in starts),
        }
        assert taken.codes["file-damaged"] == 1


def test_wrong_types_lose_the_field_and_not_the_message(tmp_path: Path) -> None:
    names = [name for name in message(1) if name != "id"]
    odd = [message(number, **{name: {"x": [1]}}) for number, name in enumerate(names, 1)]
    taken = Taken(write(tmp_path / "a.json", channel(*odd, 5, "x", None, [])))
    assert len(taken.messages) == len(names)
    assert taken.codes["message-unreadable"] == 4
    valid(taken)


def test_absurd_values(tmp_path: Path) -> None:
    odd = [
        message(1, "x" * 400_000),
        message(2, timestamp="0001-01-01T00:00:00-14:00", timestampEdited="9999-12-31T23:59:59+00:00"),
        message(3, author=user(1, id="9" * 32, name="n" * 99_999, nickname=None)),
        message(4, reactions=[{"emoji": {"id": None, "name": "x" * 9999}, "count": 2**52, "users": [{}, user(2), 5]}]),
        message(5, attachments=[{"url": "../" * 999, "fileName": "x" * 99_999, "fileSizeBytes": -5}]),
        message(6, mentions=[user(2)] * 3000),
        message(7, reference={"messageId": "x" * 9999, "channelId": "11"}),
        message(8, "@" * 5000 + "@Fern Hollow"),
        message(9, id="z" * 30, type=2**50),
        message(10, author=user(1, roles=[{"id": "5", "name": "r", "position": -(2**50)}] * 999)),
        message(11, embeds=[{"title": "t" * 99_999, "fields": [{"name": "n", "value": "v"}] * 999}] * 9),
        message(10**31),
    ]
    taken = Taken(write(tmp_path / "a.json", channel(*odd)))
    valid(taken)
    assert len(taken.messages) == len(odd)


def test_deep_nesting_and_half_characters(tmp_path: Path) -> None:
    whole = json.dumps(channel(message(1), message(2, "DEEP"), message(3, "a\ud83d")), indent=2)
    for deep in ("[" * 50_000 + "]" * 50_000, "[" * 50_000):
        taken = Taken(write(tmp_path / "a.json", whole.replace('"DEEP"', deep)))
        assert [one.text for one in taken.messages if one.ref != "2"] == ["hello", "a\ufffd"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "url", "emoji"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = sorted(field.encode_name for field in msgspec.structs.fields(fields.Item))


@QUICK
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), anything, max_size=8), max_size=6), st.sampled_from([None, 2]))
def test_any_values_anywhere(tmp_path: Path, items: list[dict[str, Any]], indent: int | None) -> None:
    whole = channel(message(1), *({"id": "7"} | one for one in items))
    taken = Taken(write(tmp_path / "a.json", json.dumps(whole, indent=indent)))
    valid(taken)
    assert len(taken.messages) + taken.codes.get("message-unreadable", 0) >= len(items) + 1


@QUICK
@given(st.binary(max_size=60), st.integers(0, 3000))
def test_any_damage(tmp_path: Path, noise: bytes, at: int) -> None:
    data = json.dumps(channel(*(message(number) for number in range(1, 6))), indent=2).encode()
    path = tmp_path / "a.json"
    path.write_bytes(data[:at] + noise + data[at + len(noise) :])
    try:
        taken = Taken(path)
    except (GroupArchiveError, StopIteration):
        return  # its beginning is no such export any more
    valid(taken)


def test_an_author_of_no_form_is_told(tmp_path: Path) -> None:
    odd = [message(1, author="odd"), message(2, "@x", author=[1]), message(3, author=None), message(4)]
    taken = Taken(write(tmp_path / "a.json", channel(*odd)))
    assert [bool(one.author) for one in taken.messages] == [False, False, False, True]
    assert taken.codes["message-partly-read"] == 2
