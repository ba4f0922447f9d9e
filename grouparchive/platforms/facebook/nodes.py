"""Small things about the nodes of answers from Facebook's pages."""

import base64
import binascii
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, TypeGuard

from grouparchive.model.records import LAST_MILLI

Node = dict[str, Any]

NUMBER: Final = re.compile(r"\d{5,20}")
ENDS: Final = re.compile(r"(\d{5,20})(?:_(\d{5,20}))?$")
"""(a post's number, that of a comment below it or nothing) at the end of an id."""
SKIP: Final = frozenset({"tracking", "encrypted_tracking", "serialized_frtp_identifiers", "debug_info", "extensions"})
"""What says nothing about a group."""

_PEOPLE: Final = frozenset({"User", "Page", "AdditionalProfilePlus"})
_POSTS: Final = frozenset({"Story", "Comment"})
_BELOW: Final = SKIP | {
    "attached_story", "comments", "replies_connection", "display_comments", "interesting_top_level_comments"
}  # fmt: skip
_MOST_NODES: Final = 50_000


def decoded(id_: str) -> str:
    """What an id of the pages says when it is opened: "comment:1234_5678". Itself where it is no such thing. It may hold its
    author's number, so none is ever kept as it is.
    """
    try:
        return base64.b64decode(id_ + "=" * (-len(id_) % 4), validate=True).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        return id_


def number_in(id_: str) -> str:
    """The last number of an id; "" where it has none."""
    ends = ENDS.search(decoded(id_)[:500])
    return (ends[2] or ends[1]) if ends else ""


def file_of(url: str) -> str:
    """The file name in the address of a picture, which stays the same while its signature changes."""
    return url.split("?", 1)[0].rpartition("/")[2][:300] if url.startswith("https://") else ""


def inside(node: Node, own: Any, wanted: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """(key, value) of what is wanted in a node, the nearest first, without other posts and comments in it."""
    waiting: deque[Any] = deque([node])
    passed = 0
    while waiting and passed < _MOST_NODES:
        value = waiting.popleft()
        passed += 1
        if type(value) is list:
            waiting.extend(one for one in value if type(one) is dict or type(one) is list)
            continue
        if value is not node and text_of(value.get("__typename")) in _POSTS and value.get("id") not in (own, None):
            continue
        for key, child in value.items():
            if key in wanted:
                yield key, child
            if (type(child) is dict or type(child) is list) and key not in _BELOW:
                waiting.append(child)


def nodes_in(value: Any, key: str = "") -> Iterator[tuple[str, Node]]:
    """(key, node) of every node in a part of an answer; the key of one in a list is the list's."""
    waiting: deque[tuple[str, Any]] = deque([(key, value)])
    passed = 0
    while waiting and passed < _MOST_NODES:
        key, value = waiting.popleft()
        passed += 1
        if type(value) is list:
            waiting.extend((key, one) for one in value if type(one) is dict or type(one) is list)
            continue
        if type(value) is not dict:
            continue
        yield key, value
        waiting.extend((name, child) for name, child in value.items() if type(child) is dict or type(child) is list)


def is_number(value: Any) -> TypeGuard[str]:
    """Is it a number, as the pages write them?"""
    return isinstance(value, str) and bool(NUMBER.fullmatch(value))


def is_person(node: Node) -> bool:
    """Does it stand for a person, or a page that acts as one?"""
    kind = text_of(node.get("__isProfile")) or text_of(node.get("__typename"))
    return kind in _PEOPLE or (
        kind in {"", "Profile"} and "name" in node and ("url" in node or "profile_picture" in node)
    )


def at(node: Any, *path: str) -> Any:
    """What lies at a path of keys; None where it does not."""
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def text_of(value: Any) -> str:
    """A text; "" where it is none."""
    return value if isinstance(value, str) else ""


def said(value: Any) -> str:
    """The `text` of something; "" where it has none."""
    return text_of(value.get("text")) if isinstance(value, dict) else ""


def time_of(value: Any) -> int:
    """Seconds as milliseconds; 0 where it is no time."""
    return value * 1000 if isinstance(value, int) and 0 < value * 1000 <= LAST_MILLI else 0


def size_of(value: Any) -> int:
    """Pixels; 0 where it is no size."""
    return value if isinstance(value, int) and 0 < value < 10**6 else 0
