"""Who is who in an exported chat: people are known by the name that the phone shows, or by their number."""

import re
from collections.abc import Iterable
from typing import Final

from grouparchive.model.ports import Identify
from grouparchive.model.records import MemberId
from grouparchive.platforms.files import Names

DIRECTIONS: Final = str.maketrans("", "", "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Marks of direction, which the phone puts around names and at the begin of lines."""

_MOST_MENTIONS: Final = 5000
_NUMBER: Final = re.compile(r"\+?[\d\s().\-\u00a0\u2010\u2011\u202f]{7,24}")
_MENTION: Final = re.compile("@(?:\u2068~?([^\u2069\n]{1,100})\u2069|(\\d{7,15})(?![\\w@]))")
_LOOSE: Final = re.compile(r"\+\d[\d\s().\-\u00a0\u2011]{6,20}\d")


class People:
    """People by their shown names, as ids."""

    def __init__(self, identify: Identify) -> None:
        self._identify = identify
        self._ids: dict[str, MemberId] = {}
        self._names = Names()

    def __contains__(self, shown: str) -> bool:
        return plain(shown) in self._ids

    def id(self, shown: str) -> MemberId:
        """The id behind a shown name."""
        name = plain(shown)
        if name not in self._ids:
            self._ids[name] = self._identify(native(name), name, "")
            self._names.learn(name, self._ids[name])
        return self._ids[name]

    def beginning(self, text: str) -> list[str]:
        """The names met that begin with the same word."""
        return self._names.beginning(text)

    def label(self, shown: str) -> str:
        """How somebody stands in a text."""
        return f"{{member:{self.id(shown)}}}"

    def mentioned(self, text: str) -> tuple[str, tuple[MemberId, ...]]:
        """A text of somebody with its mentions as ids, and whom it mentions."""
        found: dict[MemberId, None] = {}

        def named(match: re.Match[str]) -> str:
            member = self.id(match[1] or f"+{match[2]}")
            found[member] = None
            return f"{{member:{member}}}"

        return _MENTION.sub(named, text), tuple(found)[:_MOST_MENTIONS]

    def hidden(self, text: str) -> str:
        """A text of the app or a file's name, with the names and numbers of the people met so far as ids."""
        return _LOOSE.sub(lambda found: self.label(found[0]), self._names.hidden(text))

    def several(self, text: str, splits: re.Pattern[str]) -> Iterable[tuple[str, bool]]:
        """The parts of a list of people: (part, is it a person). A name that was met may itself hold an "and"."""
        if text in self:
            return [(text, True)]
        parts: list[tuple[str, bool]] = []
        at = 0
        for found in splits.finditer(text):
            parts += [(text[at : found.start()], True), (found[0], False)]
            at = found.end()
        return [*parts, (text[at:], True)]


def plain(shown: str) -> str:
    """A shown name without marks of direction and the "~" of those who are no contacts."""
    return shown.translate(DIRECTIONS).strip().removeprefix("~").strip(" \u00a0\u202f")


def native(name: str) -> str:
    """The handle behind a plain name: the number, or the name as one."""
    if _NUMBER.fullmatch(name):
        return "+" + re.sub(r"\D", "", name)
    return f"name:{name}"
