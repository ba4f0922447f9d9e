"""The reader of huge JSON documents: what is whole comes out, in every layout, cut anywhere; what is not is told."""

import json
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grouparchive.errors import BadExport
from grouparchive.platforms.files.json_stream import (
    ANY,
    Batch,
    End,
    JsonStream,
    Lost,
    Opened,
    Value,
    decode_raw,
    mended,
)

LAYOUTS: list[dict[str, Any]] = [{"indent": 1}, {"indent": 4}, {"indent": None}, {"separators": (",", ":")}]


class Item(msgspec.Struct):
    id: int
    type: str = ""
    text: Any = ""


decode = msgspec.json.Decoder(list[Item]).decode


def sliced(data: bytes, size: int) -> Iterator[bytes]:
    yield from (data[at : at + size] for at in range(0, len(data), size))


def read(data: bytes | Iterable[bytes], paths: Any = (("messages",),), **more: Any) -> list[Any]:
    pieces = [data] if isinstance(data, bytes) else data
    found = list(JsonStream(pieces, paths, more.pop("decode", decode), **more))
    assert isinstance(found[-1], End)
    assert not any(isinstance(one, End) for one in found[:-1])
    return found


def ids(found: list[Any]) -> list[int]:
    return [item.id for one in found if isinstance(one, Batch) for item in one.items]


def lost(found: list[Any]) -> list[Lost]:
    return [one for one in found if isinstance(one, Lost)]


def message(number: int, text: Any = "hello") -> dict[str, Any]:
    return {
        "id": number,
        "type": "message",
        "text": text,
        "reactions": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}],
    }


def document(count: int, layout: dict[str, Any], **more: Any) -> bytes:
    whole = {"name": "Garden", "messages": [message(number) for number in range(count)], "after": {"count": count}}
    return json.dumps(whole | more, **layout).encode()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("block", [1, 7, 1000, 1 << 20])
def test_all_layouts_and_blocks_give_all_elements_and_values(layout: dict[str, Any], block: int) -> None:
    data = document(300, layout)
    found = read(data, block=block)
    assert ids(found) == list(range(300))
    values = {one.path: json.loads(one.raw) for one in found if isinstance(one, Value)}
    assert values == {("name",): "Garden", ("after",): {"count": 300}}
    assert found[-1] == End(len(data), truncated=False)
    assert [one.start for one in found if isinstance(one, Opened)] == [data.index(b"[")]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_large_documents_are_read_in_blocks(layout: dict[str, Any]) -> None:
    calls = 0

    def counted(data: bytes) -> list[Item]:
        nonlocal calls
        calls += 1
        return decode(data)

    found = read(document(20_000, layout), decode=counted, block=64 * 1024)
    assert ids(found) == list(range(20_000))
    assert calls < 1_500


@pytest.mark.parametrize("layout", LAYOUTS)
def test_several_arrays_at_a_path_with_any(layout: dict[str, Any]) -> None:
    chats = [{"name": f"c{n}", "messages": [message(n * 100 + m) for m in range(n)]} for n in range(40)]
    data = json.dumps({"chats": {"about": "x", "list": [*chats, 5, "odd", []]}, "other": [1, 2]}, **layout).encode()
    for block in (50, 1 << 20):
        found = read(data, [("chats", "list", ANY, "messages")], block=block)
        assert ids(found) == [n * 100 + m for n in range(40) for m in range(n)]
        assert not lost(found)
        assert [one.path[2] for one in found if isinstance(one, Opened)] == list(range(40))
        names = [json.loads(one.raw) for one in found if isinstance(one, Value) and one.path[-1] == "name"]
        assert names == [f"c{n}" for n in range(40)]


def test_an_array_can_be_read_alone_from_where_it_was_opened() -> None:
    data = document(50, {"indent": 1})
    start = next(one.start for one in read(data) if isinstance(one, Opened))
    found = read(data[start:], [()])
    assert ids(found) == list(range(50))
    assert not found[-1].truncated


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cut_at_every_byte_all_that_is_whole_comes_out(layout: dict[str, Any]) -> None:
    data = document(6, layout)
    ends = []
    at = 0
    for number in range(6):
        at = data.index(json.dumps(number).encode(), data.index(b'"id"', at))
        at = data.index(b"y", at)
        at = data.index(b"}", data.index(b"]", at)) + 1
        ends.append(at)
    for length in range(len(data)):
        found = read(sliced(data[:length], 11), block=16)
        assert ids(found) == list(range(sum(end <= length for end in ends))), length
        assert found[-1] == End(length, truncated=True)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "damage",
    [
        b"%%%",  # a word that is none
        b'"',  # quotation marks do not come in pairs any more
        b"{",  # nor brackets
        b"}",
        b"]",
        b"\n\x00",
        b'"\xff\xfe',
    ],
)
def test_a_damaged_element_costs_no_other(layout: dict[str, Any], damage: bytes) -> None:
    data = document(200, layout)
    at = data.index(b'"text"', data.index(b'"id": 77' if b": " in data else b'"id":77'))
    for block in (300, 1 << 20):
        found = read(data[:at] + damage + data[at:], block=block)
        if damage == b"}" and ids(found)[77:79] == [77, 78]:
            continue  # what follows the brace is the damage then
        assert ids(found) == [number for number in range(200) if number != 77]
        assert [one.why for one in lost(found)][:1] == ["malformed"]
        assert b'"id"' in lost(found)[0].raw


def test_a_damaged_first_element_costs_no_other() -> None:
    for layout in LAYOUTS:
        data = document(10, layout)
        at = data.index(b'"text"')
        assert ids(read(data[:at] + b"%%" + data[at:])) == list(range(1, 10))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_element_of_another_shape_is_told_and_kept_apart_from_a_wrong_cut(layout: dict[str, Any]) -> None:
    odd: list[Any] = [message(1), {"id": "x"}, 7, "seven", None, [1], message(2), {"id": 3, "text": [{"id": 1}]}]
    found = read(json.dumps({"messages": odd * 50}, **layout).encode(), block=500)
    assert ids(found) == [1, 2, 3] * 50
    assert [one.why for one in lost(found)] == ["unexpected"] * 250
    assert json.loads(lost(found)[0].raw) == {"id": "x"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_too_large_is_passed(layout: dict[str, Any]) -> None:
    whole = {"big": "b" * 9000, "messages": [message(1), message(2, "x" * 50_000), message(3)], "end": ["y" * 99] * 99}
    data = json.dumps(whole, **layout).encode()
    found = read(sliced(data, 512), block=512, largest=4096, small=1000)
    assert ids(found) == [1, 3]
    assert [(one.why, one.raw) for one in lost(found)] == [("too-large", b"")]
    assert 50_000 < lost(found)[0].size < 52_000
    assert data[lost(found)[0].start :].lstrip().startswith(b"{")
    assert [one.raw for one in found if isinstance(one, Value)] == [b"", b""]


def test_memory_stays_flat_for_one_endless_string() -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"messages": [{"id": 1, "text": "'
        yield from (b"x" * 65536 for _ in range(1000))
        yield b'"}, {"id": 2}]}'

    tracemalloc.start()
    found = read(pieces(), block=65536, largest=256 * 1024)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ids(found) == [2]
    assert peak < 3 * 1024 * 1024


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 500 + b"]" * 500, b"9" * 100_000])
def test_nesting_without_end(deep: bytes) -> None:
    start = b'{"messages":[{"id":1,"type":"m"},{"id":2,"type":"m","text":'
    found = read(start + deep + b'},{"id":3,"type":"m"}]}')
    assert ids(found) in ([1, 3], [1, 2, 3])
    found = read(b'{"a":' + deep + start, small=1000)
    assert isinstance(found[-1], End)


def test_damage_beside_the_arrays() -> None:
    data = document(5, {"indent": 1})
    found = read(data.replace(b'"Garden"', b"Gar'den"))
    assert ids(found) == [0, 1, 2, 3, 4]
    assert [one.where for one in lost(found)] == ["between"]
    assert not next(one for one in found if isinstance(one, Opened)).sure
    found = read(data.replace(b'"after"', b"after"))
    assert ids(found) == [0, 1, 2, 3, 4]
    assert [one.where for one in lost(found)] == ["between"]
    assert not found[-1].truncated
    chats = [("chats", "list", ANY, "messages")]
    assert ids(read(b'{"chats":{"list":[{"name":"a"},%%,{"messages":[{"id":1}]}]}}', chats)) == [1]


@pytest.mark.parametrize(
    "data", [b"", b"  ", b"\xef\xbb\xbf", b"nonsense", b"7", b"{", b"[", b'{"a"', b'{"a":', b"\xff\xfe{\x00"]
)
def test_what_is_no_document(data: bytes) -> None:
    found = read(data)
    assert not ids(found)
    assert len(found) <= 3


def test_a_byte_order_mark_is_passed() -> None:
    assert ids(read(b"\xef\xbb\xbf" + document(3, {"indent": 1}))) == [0, 1, 2]


def test_a_source_that_breaks_is_the_end() -> None:
    data = document(100, {"indent": 1})

    def pieces() -> Iterator[bytes]:
        yield data[: len(data) // 2]
        raise BadExport("torn")

    found = read(pieces())
    assert 40 < len(ids(found)) < 60
    assert found[-1].truncated


def test_strings_that_cannot_be_decoded_are_mended() -> None:
    data = (
        rb'{"messages":[{"id":1,"text":"a\ud83d"},{"id":2,"text":"\xZZ \x0B \\x0B \ude00\ud83d\ude00"},{"id":3,"text":"'
        b'\xff"}]}'
    )
    found = read(data)
    texts = [item.text for one in found if isinstance(one, Batch) for item in one.items]
    assert texts == ["a\ufffd", "\\xZZ \x0b \\x0B \ufffd\U0001f600", "\ufffd"]


@given(st.text(alphabet='\\"/bfnrtuxdD89aAcC0{}[],:'))
def test_mending_makes_any_string_decodable_and_leaves_proper_ones(text: str) -> None:
    proper = json.dumps(text).encode()
    assert mended(proper) == proper
    odd = b'"' + text.replace('"', "").encode().rstrip(b"\\") + b'"'
    better = mended(odd)
    if b"\\u" not in odd:
        assert isinstance(msgspec.json.decode(better), str)
    assert mended(better) == better


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.lists(anything, max_size=12), st.sampled_from(LAYOUTS), st.integers(1, 60))
def test_any_array_comes_out_as_it_is(items: list[Any], layout: dict[str, Any], block: int) -> None:
    data = json.dumps({"messages": items, "z": 1}, **layout).encode()
    found = read(sliced(data, 5), decode=decode_raw, block=block)
    assert [json.loads(bytes(raw)) for one in found if isinstance(one, Batch) for raw in one.items] == items
    assert not lost(found)
    assert not found[-1].truncated


@settings(deadline=None)
@given(st.binary(max_size=80), st.integers(0, 400), st.sampled_from(LAYOUTS), st.integers(1, 90))
def test_no_damage_breaks_it(noise: bytes, at: int, layout: dict[str, Any], block: int) -> None:
    data = document(4, layout)
    read(data[:at] + noise + data[at:], block=block, largest=500, small=50)
    read(data[:at] + noise + data[at + len(noise) :], [("messages", ANY, "reactions"), (ANY,)], block=block)


@pytest.mark.parametrize("behind", [b', "list": [{"id": 3}]}', b"}", b"\0\0\0", b" [1]"])
def test_what_follows_behind_the_end_is_noticed(behind: bytes) -> None:
    for document, truncated in ((b'{"a": 1, "list": [{"id": 2}]}', False), (b'{"a": {}}' + behind, True)):
        stream = JsonStream([document, b" \r\n"], [("list",)], decode_raw, block=16)
        assert [one.truncated for one in stream if isinstance(one, End)] == [truncated]
