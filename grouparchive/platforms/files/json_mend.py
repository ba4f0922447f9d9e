"""Makes strings of sloppy JSON decodable: bytes that are no UTF-8, half surrogate pairs and escapes that JSON does not have.

Structure is never touched. What stands for a character that nobody can know is U+FFFD.
"""

import re
from typing import Final

_GOOD: Final = re.compile(
    rb'(?:[^\\]++|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+"
)
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_BYTE: Final = re.compile(rb"\\x[0-9a-fA-F]{2}")


def mended(data: bytes) -> bytes:
    """The same with decodable strings. An escape with an x, as Telegram Desktop writes them, becomes the one with a u."""
    try:
        data.decode()
    except UnicodeDecodeError:
        data = data.decode("utf-8", "replace").encode()
    at = 0
    parts: list[bytes] = []
    while True:
        found = _GOOD.match(data, at)
        end = found.end() if found else at
        if end == len(data):
            return data if not parts else b"".join([*parts, data[at:]])
        parts.append(data[at:end])
        if _HALF.match(data, end):
            parts.append(b"\\ufffd")
            at = end + 6
        elif _BYTE.match(data, end):
            parts.append(b"\\u00" + data[end + 2 : end + 4])
            at = end + 4
        else:
            parts.append(b"\\\\")
            at = end + 1
