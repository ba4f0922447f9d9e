"""Finds the names of people who were met in texts that nobody wrote as a post: names of files, lines of a service."""

import re
from collections.abc import Callable
from typing import Final

_PART: Final = re.compile(r"[^\W_]+|_|[^\w\s]")
_WORD: Final = re.compile(r"[^\W_]+")
_LABEL: Final = re.compile(r"(\{member:[0-9a-f]{32}\})")
_MOST: Final = 100_000
_SHORTEST: Final = 3  # a name of one or two letters is in too many words
_LONGEST: Final = 200
_MOST_WORDS: Final = 8
_BETWEEN: Final = 3  # characters between two words of a name


class Names:
    """Names and handles, looked up by their first word and their length: the work does not grow with the people.

    A name is found between the borders of words as it is written; one of several words also in small or capital letters and
    with other signs between its words, as names of files have it. Of names that begin at one place the longest is meant.

    Args:
        id_of: the member id of who was learnt, asked for when a name is found; "" for nobody.
        shortest: letters of the shortest name that is looked for.
    """

    def __init__(self, id_of: Callable[[str], str] = str, *, shortest: int = _SHORTEST) -> None:
        self._id_of = id_of
        self._shortest = shortest
        self._lengths: dict[str, list[int]] = {}  # first part -> how long names with it are, the longest first
        self._counts: dict[
            str, list[int]
        ] = {}  # first word, folded -> how many words names with it have, the most first
        self._exact: dict[str, str] = {}
        self._folded: dict[tuple[str, ...], str] = {}

    def learn(self, name: str, who: str) -> None:
        """Somebody is called so. Of two with one name the first is meant."""
        if name in self._exact or len(self._exact) >= _MOST or not self._shortest <= len(name) <= _LONGEST:
            return
        if first := _PART.match(name):
            self._exact[name] = who
            _add(self._lengths, first[0], len(name))
        words = tuple(_WORD.findall(name.casefold()))
        if 1 < len(words) <= _MOST_WORDS and words not in self._folded:
            self._folded[words] = who
            _add(self._counts, words[0], len(words))

    def beginning(self, text: str) -> list[str]:
        """The names that a text begins with, as they are written, the longest first."""
        first = _PART.match(text)
        lengths = self._lengths.get(first[0], ()) if first else ()
        return [text[:length] for length in lengths if text[:length] in self._exact]

    def hidden(self, text: str) -> str:
        """A text with the names in it as ids."""
        if "{member:" in text:
            between = _LABEL.split(text)
            return "".join(piece if at % 2 else self._hidden(piece) for at, piece in enumerate(between))
        return self._hidden(text)

    def _hidden(self, text: str) -> str:
        parts = list(_PART.finditer(text))
        out: list[str] = []
        at = 0
        for place, part in enumerate(parts):
            start = part.start()
            if start < at:
                continue
            end, who = self._as_written(text, start, part[0])
            further = self._loosely(parts, place)
            if further[0] > end:
                end, who = further
            if end and (member := self._id_of(who)):
                out += (text[at:start], f"{{member:{member}}}")
                at = end
        out.append(text[at:])
        return "".join(out)

    def mentions_hidden(self, text: str) -> str:
        """A text with the names behind an @, as they are written, as ids in the place of both."""
        out: list[str] = []
        at = 0
        while (sign := text.find("@", at)) >= 0:
            part = _PART.match(text, sign + 1)
            end, who = self._as_written(text, sign + 1, part[0]) if part else (0, "")
            member = self._id_of(who) if end and text[end : end + 1] != "_" else ""
            out += (text[at:sign], f"{{member:{member}}}" if member else "@")
            at = end if member else sign + 1
        out.append(text[at:])
        return "".join(out)

    def _as_written(self, text: str, start: int, first: str) -> tuple[int, str]:
        """(end, who) of the longest name that begins there; (0, "") for none."""
        for length in self._lengths.get(first, ()):
            end = start + length
            who = self._exact.get(text[start:end])
            if who is not None and not (text[end : end + 1].isalnum() and text[end - 1].isalnum()):
                return end, who
        return 0, ""

    def _loosely(self, parts: list[re.Match[str]], place: int) -> tuple[int, str]:
        """As `_as_written`, a name of several words."""
        for count in self._counts.get(parts[place][0].casefold(), ()):
            words: list[str] = []
            end = parts[place].start()
            for part in parts[place : place + _BETWEEN * count]:
                if len(words) == count or part.start() - end > _BETWEEN:
                    break
                if _WORD.match(part[0]):
                    words.append(part[0].casefold())
                    end = part.end()
            if len(words) == count and (who := self._folded.get(tuple(words))) is not None:
                return end, who
        return 0, ""


def _add(places: dict[str, list[int]], key: str, number: int) -> None:
    numbers = places.setdefault(key, [])
    if number not in numbers:
        numbers.append(number)
        numbers.sort(reverse=True)
