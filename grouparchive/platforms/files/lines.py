"""Lines of a file of any size, many at a time and with a bound for each. Knows bytes only."""

from collections.abc import Iterable, Iterator

import msgspec

from grouparchive.errors import BadExport


class Block(msgspec.Struct):
    """Lines that follow each other, without their ends; the first has the number `first`, from 1. One that was longer than
    allowed is None. The last block says whether the file broke off (`broken`).
    """

    first: int
    lines: list[bytes | None]
    broken: bool = False


def blocks(pieces: Iterable[bytes], longest: int) -> Iterator[Block]:
    """A file's lines. Memory is two pieces and the longest line. A file that cannot be read to its end just ends."""
    number, rest, skipping, broken = 1, b"", False, False
    source = iter(pieces)
    while True:
        try:
            piece = next(source, b"")
        except BadExport:
            piece, broken = b"", True
        if not piece:
            break
        found: list[bytes | None] = list((rest + piece if rest else piece).split(b"\n"))
        rest = found.pop() or b""
        if found and skipping:
            found[0], skipping = None, False
        elif skipping:
            rest = b""
        if len(rest) > longest:
            rest, skipping = b"", True
        if found:
            yield Block(number, [None if line is not None and len(line) > longest else line for line in found])
            number += len(found)
    last: list[bytes | None] = [None if skipping else rest] if rest or skipping else []
    if last or broken:
        yield Block(number, last, broken)
