"""The zstd of the standard library, or of its backport before Python 3.14; and the two calls this project makes of it."""

import sys

from grouparchive.errors import Damaged

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 3
MAX_PLAIN = 4 * 1024 * 1024
"""Decompressed bytes of one segment at most: a small hostile segment cannot ask for more memory."""


def compress(data: bytes) -> bytes:
    """One zstd frame. Lets other threads run meanwhile."""
    return zstd.compress(data, LEVEL)


def decompress(data: bytes) -> bytes:
    """The bytes of one frame.

    Raises:
        Damaged: it is no whole frame, something follows it, or it holds more than `MAX_PLAIN` bytes.
    """
    decompressor = zstd.ZstdDecompressor()
    try:
        plain = decompressor.decompress(data, MAX_PLAIN + 1)
    except zstd.ZstdError as error:
        raise Damaged("a stored segment cannot be decompressed") from error
    if len(plain) > MAX_PLAIN:
        raise Damaged("a stored segment is larger than any that we write")
    if not decompressor.eof or decompressor.unused_data:
        raise Damaged("a stored segment is cut short or has something behind it")
    return plain
