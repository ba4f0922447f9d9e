"""Titles of the download, which say in the account's language where something was posted: "Fern posted in Quiet Garden."

The surest way to find the group is a name that the download gives elsewhere. Only where there is none, the wording is read.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_PATTERNS: Final = tuple(
    re.compile(pattern + r"\s*\.?\s*$", re.DOTALL)
    for pattern in (
        r" (?:posted|(?:shared|added|created|asked) [^.]{1,60}?) (?:in|to)(?: the group:?)? (?P<group>.{1,300}?)",
        r" (?:commented|replied) [^.]{0,200}? in (?P<group>.{1,300}?)",
        r" (?:became a member of|joined|stopped being a member of|left) (?P<group>.{1,300}?)",
        r" hat (?:[^.]{0,60}? )?in (?:der Gruppe )?(?P<group>.{1,300}?) (?:gepostet|geteilt|hinzugefügt|kommentiert)",
        r" a (?:publié|partagé [^.]{1,60}?|ajouté [^.]{1,60}?) dans (?:le groupe )?(?P<group>.{1,300}?)",
        r" (?:publicó|compartió [^.]{1,60}?|agregó [^.]{1,60}?) en (?:el grupo )?(?P<group>.{1,300}?)",
        r" ha (?:pubblicato|condiviso [^.]{1,60}?) (?:in|nel gruppo) (?P<group>.{1,300}?)",
        r" (?:publicou|compartilhou [^.]{1,60}?|partilhou [^.]{1,60}?) (?:em|no grupo) (?P<group>.{1,300}?)",
        r" (?:heeft|plaatste) (?:[^.]{0,60}? )?in (?P<group>.{1,300}?)(?: geplaatst| gedeeld)?",
        r" (?:опубликовал|опубликовала|поделился|поделилась)[^.]{0,60}? в (?:группе )?(?P<group>.{1,300}?)",
        r"^[ ,]+(?P<group>.{1,300}?) (?:içinde|grubunda|qrupunda|qrupuna)(?: .{1,60})?",
    )
)
_SPACE: Final = re.compile(r"\s+")


def plain(name: str) -> str:
    """A name as it is compared and, where it must serve as an identity, kept: spaces and case do not count."""
    return _SPACE.sub(" ", unicodedata.normalize("NFC", name)).strip().casefold()


_TOLD: Final = re.compile(
    r"(?P<name>.*?)[\s=(]*(?:https?://[^\s/]{1,40}/groups/)?(?P<number>\d{5,20})[\s/)]*", re.DOTALL
)


def told(choice: str) -> tuple[str, str]:
    """(name, number) of the group as a person gave it: "Quiet Garden", "123456789", "Quiet Garden = 123456789", or with the
    address of its page in the number's place.
    """
    found = _TOLD.fullmatch(choice.strip())
    return (found["name"].strip(), found["number"]) if found else (choice.strip(), "")


class Groups:
    """Names that the download gives to groups."""

    def __init__(self, names: Iterable[str]) -> None:
        self._known = {plain(name): name for name in names if plain(name)}
        longest = sorted(self._known, key=len, reverse=True)[:5000]
        alternatives = "|".join(map(re.escape, longest))
        self._ends = re.compile(rf"(?:^|\W)({alternatives})\W*$") if longest else None
        self._anywhere = re.compile(rf"(?:^|\W)({alternatives})(?!\w)") if longest else None

    def named(self, title: str, author: str = "", *, guess: bool = True) -> str:
        """The group that a title speaks of; "" where that is not clear. `guess`: read the wording too."""
        rest = plain(title)
        if author:
            rest = rest.removeprefix(plain(author))
        rest = rest[:2000]
        if self._ends and (found := self._ends.search(rest)):
            return self._known[found[1]]
        if self._anywhere and guess and (found := self._anywhere.search(rest)):
            return self._known[found[1]]
        if guess:
            title = title.removeprefix(author)[-1000:]
            for pattern in _PATTERNS:
                if found := pattern.search(title):
                    return found["group"].strip()
        return ""
