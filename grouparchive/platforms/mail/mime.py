"""The parts of a mail, as places in its bytes: one walk from start to end, in bounded memory, nothing is decoded.

Broken mails are read as mail programs do: what has no end goes on to the end of what holds it, a part without a header is
text, a container whose boundary never comes is text.
"""

import re
from copy import copy
from functools import lru_cache
from typing import Final, Protocol

import msgspec

from grouparchive.model.records import Known
from grouparchive.platforms.mail.headers import block, file_name, parameters, unfolded, wanted

MOST_PARTS: Final = 10_000
MOST_DEPTH: Final = 50
_MOST_HEADER: Final = 256 * 1024
_MOST_MISSES: Final = 1_000_000

_WANTED = wanted(
    "content-type", "content-transfer-encoding", "content-disposition", "content-id", "subject", "from", "to", "cc", "date"
)  # fmt: skip
_HEADER_END = re.compile(rb"\n\r?\n")
_SPACE = frozenset(b"\r\n\t ")
_SEVERAL = re.compile(
    rb"\s*(multipart/[a-z-]{1,30})\s*;\s*boundary=(?:\"([^\"\r\n\\]{1,70})\"|([^\s\";]{1,70}))\s*", re.IGNORECASE
)
_NESTED = frozenset({"message/rfc822", "message/global", "message/news"})
_PLAIN_CODING = frozenset({"", "7bit", "8bit", "binary", "8bits", "7bits", "none"})


class Raw(Protocol):
    """What the walk needs of bytes."""

    def __len__(self) -> int: ...
    def find(self, what: bytes, start: int, end: int, /) -> int:
        """As `bytes.find`."""

    def __getitem__(self, where: slice, /) -> bytes: ...


class Leaf(msgspec.Struct, gc=False):
    """A part without parts: bytes from `start` to `end` of the mail, in a `coding`. `ways` are the containers around it
    that offer the same in several ways.
    """

    kind: str
    charset: str = ""
    flowed: bool = False
    joined: bool = False  # flowed, and the space at a line's end goes too
    coding: str = ""
    name: str = ""
    attached: bool = False
    start: int = 0
    end: int = 0
    ways: tuple[int, ...] = ()


class Inner(msgspec.Struct, gc=False):
    """A mail inside a mail begins: its headers."""

    headers: dict[bytes, bytes]


class Walked(msgspec.Struct, gc=False):
    """What stands in a mail, in order, and codes of what made the walk stop early."""

    items: list[Leaf | Inner]
    cut: list[str] = []
    kinds: set[str] = set()


def first(pattern: re.Pattern[bytes], head: bytes) -> dict[bytes, bytes]:
    """Headers by their names in lower case; of several the first."""
    found: dict[bytes, bytes] = {}
    for name, value in pattern.findall(block(head)):
        found.setdefault(name.lower(), value)
    return found


@lru_cache(maxsize=1024)
def _part_headers(head: bytes) -> dict[bytes, bytes]:
    return first(_WANTED, head)


def leaf_of(headers: dict[bytes, bytes], default: str = "text/plain") -> tuple[Leaf, str]:
    """A part as its headers describe it, without its place; and the boundary of its parts, "" where it says none."""
    given = headers.get(b"content-type", b"")
    several = _SEVERAL.fullmatch(given)
    if several:
        return Leaf(kind=several[1].decode().lower()), (several[2] or several[3]).decode("utf-8", "replace")
    leaf, boundary = _described(
        given, headers.get(b"content-transfer-encoding", b""), headers.get(b"content-disposition", b""), default
    )
    return copy(leaf), boundary


@lru_cache(maxsize=1024)
def _described(given: bytes, coding: bytes, disposition: bytes, default: str) -> tuple[Leaf, str]:
    kind, told = parameters(unfolded(given)) if given else (default, {})
    if "/" not in kind:
        kind = default
    leaf = Leaf(kind=kind, charset=told.get("charset", ""))
    if coding:
        leaf.coding = coding.partition(b";")[0].strip().lower().decode("latin-1")
    if told.get("format", "").lower() == "flowed":
        leaf.flowed, leaf.joined = True, told.get("delsp", "").lower() == "yes"
    name = told.get("name", "")
    if disposition:
        how, more = parameters(unfolded(disposition))
        leaf.attached = how == "attachment"
        name = more.get("filename", name)
    if name:
        leaf.name = file_name(name)
    return leaf, told.get("boundary", "").rstrip()


def walk(raw: Raw, start: int, headers: dict[bytes, bytes], kind: str = "", boundary: str = "") -> Walked:
    """All parts of a mail whose body begins at `start`. `kind` and `boundary` are what its headers say, where that is
    known.
    """
    if boundary and isinstance(raw, bytes) and kind.startswith("multipart/"):
        found = Walked(items=[], cut=[], kinds=set())
        ways = (1,) if kind == "multipart/alternative" else ()
        if _quickly(raw, start, len(raw), boundary, kind, ways, found) and found.items:
            return found
    return _Walk(raw, start).run(headers)


@lru_cache(maxsize=1024)
def _part(head: bytes) -> tuple[Leaf, str]:
    return leaf_of(first(_WANTED, head))


def _quickly(  # noqa: PLR0911, PLR0917 - whatever is odd ends it
    raw: bytes, start: int, end: int, boundary: str, kind: str, ways: tuple[int, ...], found: Walked, depth: int = 1
) -> bool:
    """The parts of a container that is as it should be: each begun and the last one closed by its boundary, no mails in
    it. False for any other, which is then walked through with more care.
    """
    if depth > 4 or kind == "multipart/digest":
        return False
    found.kinds.add(kind)
    mark = b"\n--" + boundary.encode()
    at = raw.find(mark, start - 1, end)
    while at >= 0:
        after = at + len(mark)
        tail = raw[after : after + 3]
        if tail[:2] == b"--":
            return len(tail) == 2 or tail[2] in _SPACE or after + 2 >= end
        if tail[:1] != b"\n" and tail[:2] != b"\r\n":
            return False
        stop = raw.find(mark, after, end)
        begin = after + (1 if tail[:1] == b"\n" else 2)
        head = _HEADER_END.search(raw, begin - 1, min(stop + 2, begin + 4096))
        if stop < 0 or head is None or len(found.items) >= 100:
            return False
        leaf, inner = _part(raw[begin : head.end()])
        if leaf.kind in _NESTED:
            return False
        if inner and leaf.kind.startswith("multipart/"):
            offered = ways
            if leaf.kind == "multipart/alternative":
                offered = (*ways, begin)
            if not _quickly(raw, head.end(), stop, inner, leaf.kind, offered, found, depth + 1):
                return False
        else:
            leaf = copy(leaf)
            leaf.start = head.end()
            leaf.end = max(stop - (raw[stop - 1] == 13), leaf.start)
            leaf.ways = ways
            found.items.append(leaf)
            found.kinds.add(leaf.kind)
        at = stop
    return False


class _Walk:
    def __init__(self, raw: Raw, start: int) -> None:
        self._raw = raw
        self._at = start
        self._end = len(raw)
        self._stack: list[tuple[bytes, int, str, int]] = []  # boundary, way, default kind, mails around
        self._inside = 0
        self._ways = 0
        self._parts = 0
        self._leaf: Leaf | None = None
        self._out = Walked(items=[], cut=[], kinds=set())

    def run(self, headers: dict[bytes, bytes]) -> Walked:
        body = self._at
        self._begin(headers, "text/plain")
        while self._stack:
            line = self._next_line()
            if line is None:
                break
            at, level, closing = line
            self._close(at)
            boundary, _, default, self._inside = self._stack[level]
            del self._stack[level + 1 :]
            after = self._raw.find(b"\n", at + 3 + len(boundary), self._end)
            self._at = after + 1 if after >= 0 else self._end
            if closing:
                self._stack.pop()
                self._at -= after >= 0  # its newline may begin the next line
                continue
            self._parts += 1
            if self._parts > MOST_PARTS:
                self._out.cut.append(Known.MESSAGE_PARTLY_READ)
                return self._out
            self._begin(self._head(), default)
        self._close(self._end)
        if not self._out.items and body < self._end:
            leaf, _ = leaf_of({name: value for name, value in headers.items() if name != b"content-type"})
            leaf.start, leaf.end = body, self._end
            self._out.items.append(leaf)
        return self._out

    def _begin(self, headers: dict[bytes, bytes], default: str) -> None:
        """A part begins at `_at`; its headers lie before."""
        while True:
            leaf, boundary = leaf_of(headers, default)
            self._out.kinds.add(leaf.kind)
            if leaf.kind.startswith("multipart/") and boundary:
                if len(self._stack) >= MOST_DEPTH:
                    self._out.cut.append(Known.MESSAGE_PARTLY_READ)
                    leaf.kind, leaf.attached = "application/octet-stream", True
                    break
                way = 0
                if leaf.kind == "multipart/alternative":
                    self._ways += 1
                    way = self._ways
                inner = "message/rfc822" if leaf.kind == "multipart/digest" else "text/plain"
                self._stack.append((boundary.encode()[:256], way, inner, self._inside))
                self._at = max(self._at - 1, 0)
                return
            if leaf.kind in _NESTED and leaf.coding in _PLAIN_CODING:
                if self._inside >= MOST_DEPTH:
                    self._out.cut.append(Known.MESSAGE_PARTLY_READ)
                    leaf.attached = True
                    break
                self._inside += 1
                headers, default = self._head(), "text/plain"
                self._out.items.append(Inner(headers))
                continue
            break
        leaf.start = self._at
        leaf.ways = tuple(way for _, way, _, _ in self._stack if way)
        self._leaf = leaf
        self._at = max(self._at - 1, 0)

    def _head(self) -> dict[bytes, bytes]:
        """The header block at `_at`, which then is behind it. A block that runs into the next part has no end of its own."""
        near = self._raw[self._at : self._at + 4096]
        if near[:1] == b"\n" or near[:2] == b"\r\n":
            self._at += 1 if near[:1] == b"\n" else 2
            return {}
        end = _HEADER_END.search(near)
        if end is None:
            near = self._raw[self._at : self._at + _MOST_HEADER]
            end = _HEADER_END.search(near)
        head = near[: end.end()] if end else near
        for boundary, *_ in self._stack:
            hit = head.find(b"\n--" + boundary)
            if hit >= 0:
                head = head[: hit + 1]
        if head.startswith(b"--") and any(head.startswith(b"--" + boundary) for boundary, *_ in self._stack):
            return {}
        self._at += len(head)
        return _part_headers(head) if len(head) < 400 else first(_WANTED, head)

    def _next_line(self) -> tuple[int, int, bool] | None:
        """The next line that parts: where the newline before it is, the level of its boundary, and whether it closes it."""
        raw, at = self._raw, self._at
        for _ in range(_MOST_MISSES):
            at = raw.find(b"\n--", at, self._end)
            if at < 0:
                return None
            line = raw[at + 3 : at + 3 + 260]
            for level in range(len(self._stack) - 1, -1, -1):
                boundary = self._stack[level][0]
                if line.startswith(boundary):
                    rest = line[len(boundary) :]
                    if not rest or rest[0] in _SPACE:
                        return at, level, False
                    if rest.startswith(b"--"):
                        return at, level, True
            at += 3
        self._out.cut.append(Known.MESSAGE_PARTLY_READ)
        return None

    def _close(self, end: int) -> None:
        leaf, self._leaf = self._leaf, None
        if leaf is None:
            return
        if end > leaf.start and end < self._end and self._raw[end - 1 : end] == b"\r":
            end -= 1
        leaf.end = max(end, leaf.start)
        self._out.items.append(leaf)
