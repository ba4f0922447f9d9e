"""Finds the names of people who were met in texts that nobody wrote as a post: names of files, lines of a service."""

import re
from typing import Final

from grouparchive.model.records import MemberId

_WORD: Final = re.compile(r"[^\W_]+|_|[^\w\s]")
_MOST: Final = 20_000
_SHORTEST: Final = 3  # a name of one or two letters is in too many words


class Names:
    """Names and handles, looked up by their first word."""

    def __init__(self) -> None:
        self._words: dict[str, list[str]] = {}
        self._members: dict[str, MemberId] = {}

    def learn(self, name: str, member: MemberId) -> None:
        """Somebody is called so. Of two with one name the first is meant."""
        if name in self._members or len(self._members) >= _MOST or len(name) < _SHORTEST:
            return
        if first := _WORD.match(name):
            self._members[name] = member
            self._words.setdefault(first[0], []).append(name)
            self._words[first[0]].sort(key=len, reverse=True)

    def beginning(self, text: str) -> list[str]:
        """The names that begin with the same word as a text, the longest first."""
        first = _WORD.match(text)
        return self._words.get(first[0], []) if first else []

    def hidden(self, text: str) -> str:
        """A text with the names in it as ids."""
        out: list[str] = []
        at = 0
        for word in _WORD.finditer(text):
            if word.start() < at:
                continue
            for name in self._words.get(word[0], ()):
                end = word.start() + len(name)
                if text.startswith(name, word.start()) and not (text[end : end + 1].isalnum() and name[-1].isalnum()):
                    out += (text[at : word.start()], f"{{member:{self._members[name]}}}")
                    at = end
                    break
        out.append(text[at:])
        return "".join(out)
