"""Names that look the same to a person: written in letters of another script, with signs nobody sees, with dots between.

A name is reduced to what it looks like in capitals, in small letters and as it stands. Two names with one of these in common
are worth a look. It errs on that side: a person decides, nothing follows by itself.
"""

import unicodedata
from typing import Final

# What stands on the left looks like what stands below it, in most typefaces.
_SMALL: Final = str.maketrans(
    "абвгеёкмнопрстухѕіїјһӏԁԛԝьαβγεζηικνορστυχωϲϳ" + "ıɑɡɩ0158|ł",
    "abbreekmhonpctyxsiijhldqwbabyeznikvopotuxwcj" + "iagiolsbll",
)
_CAPITAL: Final = str.maketrans(
    "АВЕЁЅІЇЈКМНОРСТУХҺӀԌԚԜЗ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ" + "ƏØŁ0158|",
    "ABEESIIJKMHOPCTYXHIGQW3" + "ABEZHIKMNOPTYXCJ" + "EOLOISBI",
)
_AS_IT_STANDS: Final = str.maketrans({"I": "l", "1": "l", "|": "l", "i": "l", "0": "o", "O": "o", "5": "s", "8": "b"})
_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def skeletons(name: str) -> frozenset[str]:
    """What a name looks like; nothing for a name of which nothing can be seen."""
    seen = _visible(name)
    forms = (
        ("small", seen.lower().translate(_SMALL)),
        ("capital", seen.upper().translate(_CAPITAL)),
        ("plain", _joined(seen.translate(_CAPITAL).translate(_SMALL).translate(_AS_IT_STANDS).casefold())),
    )
    return frozenset(f"{form}:{text}" for form, text in forms if text)


def _visible(name: str) -> str:
    """The letters and digits of a name, without marks on them and without what stands between."""
    apart = unicodedata.normalize("NFKD", name)
    letters = "".join(one for one in apart if unicodedata.category(one)[0] in "LN" or one == "|")
    # A name of signs only, such as emoji, is what it is.
    return letters or "".join(one for one in apart if unicodedata.category(one)[0] == "S")


def _joined(text: str) -> str:
    for pair, one in _PAIRS:
        text = text.replace(pair, one)
    return text
