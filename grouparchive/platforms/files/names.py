"""Finds the names of people who were met in texts that nobody wrote as a post: names of files, lines of a service."""

import re
from typing import Final

from grouparchive.model.records import MemberId

_WORD: Final = re.compile(r"[^\W_]+|_|[^\w\s]")
_MOST: Final = 20_000
_SHORTEST: Final = 3  # a name of one or two letters is in too many words
_LONGEST: Final = 200


class Names:
    """Names and handles, looked up by their first word and their length: the work does not grow with the people."""

    def __init__(self) -> None:
        self._lengths: dict[str, list[int]] = {}  # first word -> how long names with it are, the longest first
        self._members: dict[str, MemberId] = {}

    def learn(self, name: str, member: MemberId) -> None:
        """Somebody is called so. Of two with one name the first is meant."""
        if name in self._members or len(self._members) >= _MOST or not _SHORTEST <= len(name) <= _LONGEST:
            return
        if first := _WORD.match(name):
            self._members[name] = member
            lengths = self._lengths.setdefault(first[0], [])
            if len(name) not in lengths:
                lengths.append(len(name))
                lengths.sort(reverse=True)

    def beginning(self, text: str) -> list[str]:
        """The names that a text begins with, the longest first."""
        first = _WORD.match(text)
        lengths = self._lengths.get(first[0], ()) if first else ()
        return [text[:length] for length in lengths if text[:length] in self._members]

    def hidden(self, text: str) -> str:
        """A text with the names in it as ids."""
        out: list[str] = []
        at = 0
        for word in _WORD.finditer(text):
            if word.start() < at:
                continue
            for length in self._lengths.get(word[0], ()):
                end = word.start() + length
                member = self._members.get(text[word.start() : end])
                if member and not (text[end : end + 1].isalnum() and text[end - 1].isalnum()):
                    out += (text[at : word.start()], f"{{member:{member}}}")
                    at = end
                    break
        out.append(text[at:])
        return "".join(out)
