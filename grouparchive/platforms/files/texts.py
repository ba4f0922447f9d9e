"""Texts that are longer than a record may be."""

from typing import Final

from grouparchive.model.records import Known

MOST: Final = 1_000_000
"""Characters of a text, see `model.records.Text`."""
LONG: Final = 200_000
"""Characters that fit for certain, whatever they are. What is longer goes through `fitted`."""
SIZE: Final = 1_500_000
"""Bytes of an encoded text: what else a record holds fits beside it, see `codec.MAX_RECORD`."""

_LABEL: Final = "{member:"
_LABELLED: Final = 41  # characters of somebody's id in a text

_TWO: Final = b'"\\\b\t\n\f\r'
_SIX: Final = bytes(one for one in range(0x20) if one not in _TWO)


def fitted(text: str, html: str = "") -> tuple[str, str, str]:
    """A text, and the same as HTML, as long as one record may be, and the code of the gap for what is lost ("": nothing).
    HTML that does not fit beside its text is left out.
    """
    if (len(text) + len(html)) * 6 + 4 <= SIZE:
        return text, html, ""
    kept = cut(text[:MOST])
    if len(kept) < len(text):
        half = kept.rfind("{", -_LABELLED)
        if half >= 0 and "}" not in kept[half:] and kept[half : half + len(_LABEL)] == _LABEL[: len(kept) - half]:
            kept = kept[:half]
        return kept, "", Known.TEXT_CUT
    if html and (len(html) > MOST or _encoded(text) + _encoded(html) > SIZE):
        return text, "", Known.FORMATTING_LEFT_OUT
    return text, html, ""


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
