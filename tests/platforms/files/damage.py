"""Ways in which a file is broken: by accident, by other programs, and on purpose."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

NESTED = 100_000
ODD: tuple[Any, ...] = (None, [], {}, [[1], "x", {"a": None}], {"x": [1]}, "", "odd", 10**30, -(10**15), True, 0.5)

Damaged = Iterator[tuple[str, bytes]]


def cuts(data: bytes, count: int = 10) -> Damaged:
    """Cut off at so many places."""
    for at in sorted({len(data) * number // count for number in range(count)}):
        yield f"cut at {at} of {len(data)}", data[:at]


def flips(data: bytes, seed: int, times: int = 3) -> bytes:
    """Some bytes that became others."""
    chance = random.Random(seed)
    into = bytearray(data)
    for _ in range(times):
        if into:
            into[chance.randrange(len(into))] = chance.randrange(256)
    return bytes(into)


def bytes_in(data: bytes, count: int = 4) -> Damaged:
    """Bytes that do not belong there, at so many places in the midst; and other encodings of the whole."""
    places = [len(data) * number // (count + 1) for number in range(1, count + 1)]
    odd = {
        "a NUL": b"\0", "many NULs": bytes(5000), "a BOM": b"\xef\xbb\xbf", "bytes that are no UTF-8": b"\xff\xfe\xc3\x28\xed\xa0\x80",
        "a line break": b"\n", "line breaks of all kinds": b"\r\r\n\n\r\x0b\x0c\x1c\x85\xe2\x80\xa8", "controls": bytes(range(1, 32)),
        "right to left": "\u202e\u2066\ufeff".encode(), "a quotation mark": b'"', "brackets": b"]]}}", "an opening": b'{"a":[',
        "a script": b"<script>alert(1)</script><img src=x onerror=alert(1)>", "a tag without an end": b'<a href="x', "entities": b"&#xD800;&#99999999999;&amp&nosuch;&#0;",
    }  # fmt: skip
    for name, what in odd.items():
        for at in places:
            yield f"{name} at {at}", data[:at] + what + data[at:]
    text = data.decode("utf-8", "replace")
    yield "UTF-16", text.encode("utf-16")
    yield "UTF-16 big end first, without a mark", text.encode("utf-16-be")
    yield "UTF-32", text.encode("utf-32")
    yield "Latin-1", text.replace("the ", "thé ").encode("latin-1", "replace")
    yield "two BOMs", b"\xef\xbb\xbf\xef\xbb\xbf" + data
    lines = data.splitlines()
    yield "CRLF", b"\r\n".join(lines) + b"\r\n"
    yield "CR", b"\r".join(lines) + b"\r"
    yield "mixed line ends", b"".join(line + (b"\n", b"\r", b"\r\n", b"\n\r")[at % 4] for at, line in enumerate(lines))
    yield "no line breaks", b" ".join(lines)


def wholes() -> Damaged:
    """Files that hold nothing of what they ought to."""
    yield "an empty file", b""
    yield "spaces", b" " * 9000
    yield "line breaks", b"\n" * 9000
    yield "NULs", bytes(9000)
    yield "one byte", b"{"
    yield "a BOM alone", b"\xef\xbb\xbf"
    yield "noise", random.Random(1).randbytes(9000)


def pieces_gone(data: bytes, seed: int) -> bytes:
    """A piece missing in the midst, or twice, or two that changed places."""
    chance = random.Random(seed)
    first, second = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
    return (data[:first] + data[second:], data[:second] + data[first:], data[second:] + data[:first])[seed % 3]


# --- JSON --------------------------------------------------------------------------------------------------------------------


def places(document: Any) -> list[tuple[Any, ...]]:
    """The way to every value in it, but of each place in a list of likes only those that differ in shape."""
    found: list[tuple[Any, ...]] = []
    seen: set[Any] = set()

    def walk(value: Any, way: tuple[Any, ...]) -> None:
        if way:
            found.append(way)
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, (*way, key))
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                shape = (tuple(one for one in way if isinstance(one, str)), _shape(inner))
                if shape not in seen:
                    seen.add(shape)
                    walk(inner, (*way, at))

    walk(document, ())
    return found


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _shape(inner)) for key, inner in sorted(value.items()))
    if isinstance(value, list):
        return ("list", *{_shape(inner) for inner in value})
    return type(value).__name__


def replaced(document: Any, way: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value there."""
    new = copy.deepcopy(document)
    holder = new
    for step in way[:-1]:
        holder = holder[step]
    holder[way[-1]] = value
    return new


def without(document: Any, way: tuple[Any, ...]) -> Any:
    """A copy without it."""
    new = copy.deepcopy(document)
    holder = new
    for step in way[:-1]:
        holder = holder[step]
    del holder[way[-1]]
    return new


def raw_values(deep: int = NESTED) -> Iterator[tuple[str, bytes]]:
    """Values that no library writes, as they stand in the file."""
    yield "lists in lists without end", b"[" * deep + b"]" * deep
    yield "objects in objects without end", b'{"a":' * deep + b"1" + b"}" * deep
    yield "closings too many", b"1" + b"}" * 50
    yield "an opening without end", b"[" * deep
    yield "a number of 10,000 digits", b"9" * 10_000
    yield "a number with 10,000 digits behind the point", b"1." + b"7" * 10_000
    yield "1e400", b"1e400"
    yield "-1e400", b"-1e400"
    yield "NaN", b"NaN"
    yield "half a pair", b'"\\ud83d"'
    yield "the other half", b'"x\\udc00 \\ud800\\ud800"'
    yield "an escaped NUL", b'"a\\u0000b"'
    yield "an escape that is none", b'"\\x41 \\q"'
    yield "a string of 10,000 digits", b'"' + b"9" * 10_000 + b'"'
    yield "nothing", b""


MARK = "\ue000mark\ue000"


def raw(document: Any, way: tuple[Any, ...], value: bytes, indent: int | None = 1) -> bytes:
    """The document with bytes in the place of a value."""
    text = json.dumps(replaced(document, way, MARK), indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass").replace(json.dumps(MARK, ensure_ascii=False).encode(), value, 1)


def values_replaced(document: Any) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """(way, odd value, the document with it) for each place and each odd value."""
    for way in places(document):
        for value in ODD:
            yield way, value, replaced(document, way, value)


def at(document: Any, way: tuple[Any, ...]) -> Any:
    """The value there."""
    for step in way:
        document = document[step]
    return document


# --- texts that are slow to look through -------------------------------------------------------------------------------------

SLOW: dict[str, str] = {
    "at signs": "@", "less than": "<", "brackets": "[[", "addresses": "http://", "addresses in a row": "http://a.b ", "quotations": "> ",
    "From": "\nFrom ", "encoded words": "=?", "whole encoded words": "=?utf-8?q?a?= ", "members": "{member:", "spaces": " ", "digits": "1",
    "parentheses": "(", "emoji": "👍", "mentions": "<@U0", "line breaks": "\n", "stars": "*", "underscores": "_a_", "back ticks": "`",
    "ampersands": "&", "entities": "&lt;", "tags": "<b>", "comments": "<!--", "closing tags": "</b>", "quotes": '"', "backslashes": "\\",
    "plus": "+49 ", "dots": "a.", "mail addresses": "a@b.c ", "half addresses": "a@", "colons": ":", "pipes": "|", "dashes": "-", "tildes": "~~",
    "marks": "\u200e", "combining": "e\u0301", "names": "@Fern ", "dates": "24/12/2023, 18:00 - ", "boundaries": "\n--bb\n", "percent": "%41",
    "angle and at": "<a@", "commas": ",", "semicolons": ";", "equals": "=\n", "soft": "=20", "semi entities": "&#", "brace": "{",
}  # fmt: skip
