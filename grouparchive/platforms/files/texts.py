"""Texts that are longer than a record may be."""

from typing import Final

SIZE: Final = 1_500_000
"""Bytes of an encoded text: what else a record holds fits beside it, see `codec.MAX_RECORD`."""

_TWO: Final = b'"\\\b\t\n\f\r'
_SIX: Final = bytes(one for one in range(0x20) if one not in _TWO)


def cut(text: str, size: int = SIZE) -> str:
    """The longest beginning of a text whose JSON has at most `size` bytes."""
    if len(text) * 6 + 2 <= size or _encoded(text) <= size:
        return text
    fits, more = 0, len(text)
    while more - fits > 1:
        middle = (fits + more) // 2
        if _encoded(text[:middle]) <= size:
            fits = middle
        else:
            more = middle
    return text[:fits]


def _encoded(text: str) -> int:
    """How many bytes a text's JSON has, quotes too."""
    data = text.encode("utf-8", "surrogatepass")
    once = len(data.translate(None, _SIX))
    return 2 + len(data) + 5 * (len(data) - once) + len(data) - len(data.translate(None, _TWO))
