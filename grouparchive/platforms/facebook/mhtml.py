"""MHTML: a page and its pictures in one file, as MIME. Read line by line, as far as its MIME can be followed."""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from typing import Final

from grouparchive.platforms.files import Box

_LINE: Final = 1024 * 1024
_HEADERS: Final = 64 * 1024
_BORDER: Final = re.compile(rb'boundary="?([^"\r\n;]{1,200})', re.IGNORECASE)


def html_of(box: Box, name: str) -> Iterator[bytes]:
    """The pages in an MHTML file. Where a page came from, which only its MIME says, comes before it as a comment."""
    with box.open(name) as file:
        reader = _Parts()
        while line := file.readline(_LINE):
            yield from reader.line(line)
        yield from reader.rest()


class _Parts:
    def __init__(self) -> None:
        self._border = b""
        self._head = True
        self._size = 0  # of the head
        self._is_page = False
        self._encoding = ""
        self._folded = b""  # lines that go on in the next one

    def line(self, line: bytes) -> Iterator[bytes]:
        bare = line.rstrip(b"\r\n")
        if not self._border and (found := _BORDER.search(bare)):
            self._border = b"--" + found[1]
        if self._border and bare.startswith(self._border):
            yield from self.rest()
            self._head, self._size, self._is_page, self._encoding = True, 0, False, ""
        elif self._head:
            yield from self._header(bare)
        elif self._is_page:
            yield from self._body(line, bare)

    def rest(self) -> Iterator[bytes]:
        if self._folded:
            yield quopri.decodestring(self._folded)
            self._folded = b""

    def _header(self, bare: bytes) -> Iterator[bytes]:
        self._size += len(bare)
        key, _, value = bare.partition(b":")
        match key.lower():
            case b"content-type":
                self._is_page = b"text/html" in value.lower()
            case b"content-transfer-encoding":
                self._encoding = value.strip().lower().decode("ascii", "replace")
            case b"snapshot-content-location" | b"content-location" if b"facebook.com/groups/" in value:
                yield b"<!-- " + value.replace(b"-->", b"") + b" -->"
        self._head = bool(bare) and self._size <= _HEADERS

    def _body(self, line: bytes, bare: bytes) -> Iterator[bytes]:
        if self._encoding == "base64":
            try:
                yield base64.b64decode(bare)
            except (binascii.Error, ValueError):
                return
        elif self._encoding == "quoted-printable":
            folded = self._folded + line if len(self._folded) < _LINE else line
            self._folded = folded.rstrip(b"\r\n")
            if self._folded.endswith(b"="):
                self._folded = self._folded[:-1]
            else:
                self._folded = b""
                yield quopri.decodestring(folded)
        else:
            yield line
