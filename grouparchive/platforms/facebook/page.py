"""Reads one page of Facebook, as a browser had or saved it: the data that it carries for its scripts, the links to people."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from grouparchive.model.codec import UNREADABLE
from grouparchive.platforms.facebook.found import Found
from grouparchive.platforms.facebook.graph import Walker
from grouparchive.platforms.facebook.markup import attributes, events
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.facebook.rows import mending

_MEMBER: Final = re.compile(
    r"(?:https?://[a-z-]{1,20}\.facebook\.com)?/groups/([A-Za-z0-9._-]{1,100})/user/(\d{1,20})(?:/|\?|$)"
)
_PLACE: Final = re.compile(r"facebook\.com/groups/(\d{5,20})(/members)?")
_ARTICLE: Final = re.compile(r"/groups/[A-Za-z0-9._-]{1,100}/(?:posts|permalink)/(\d{5,20})")
_TITLE: Final = re.compile(r"(?:\(\d+\+?\)\s*)?(.{1,300}?)\s*(?:\||-)\s*(?:.{1,60}\s*(?:\||-)\s*)?Facebook\s*")
_NAMELESS: Final = frozenset({"", "message", "add friend", "follow"})
_MOST_POSTS: Final = 100_000

_any: Final = msgspec.json.Decoder(object)


class PageReader:
    """Reads one page into `found`.

    Args:
        found: takes what is known.
        walker: reads the page's data.
        time: when the page was saved, in milliseconds.
        group: whose page it is, where that is known.
        members: it is known to be the list of members.
    """

    def __init__(self, found: Found, walker: Walker, time: int, group: str = "", *, members: bool = False) -> None:
        self._found = found
        self._walker = walker
        self._time = time
        self.group = group
        self._members = members
        self._seen: dict[tuple[str, str], tuple[str, str]] = {}  # (group, number) -> (name, picture)
        self._posts: set[str] = set()
        self._title = ""
        self._in_title = False
        self._link: tuple[str, str] | None = None  # of the link that is open
        self._label = ""
        self._said: list[str] = []
        self._face = ""
        self.unreadable = 0
        self.ended = False

    def read(self, pieces: Iterator[bytes]) -> None:
        """All of a page."""
        for kind, name, raw in events(pieces):
            match kind:
                case "json":
                    self._data(name)
                case "comment":
                    self._from(name)
                case "text":
                    self._words(name)
                case "start":
                    self._start(name, attributes(raw) if raw else {})
                case "end":
                    self._in_title = False
                    self.ended = self.ended or name == "html"
                    if name == "a":
                        self._person()
        self._person()
        self._close()

    def _words(self, text: str) -> None:
        if self._in_title:
            self._title += text[:1000]
        elif self._link and len(self._said) < 50:
            self._said.append(text[:1000])

    def _start(self, tag: str, named: dict[str, str]) -> None:
        self._in_title = tag == "title"
        if tag in {"link", "meta"}:
            self._from(named.get("href", "") or named.get("content", ""))
        elif tag == "a":
            self._person()
            href = named.get("href", "")
            if (found := _ARTICLE.search(href)) and len(self._posts) < _MOST_POSTS:
                self._posts.add(found[1])
            if found := _MEMBER.match(href):
                self._link = (found[1], found[2])
                self._label = named.get("aria-label", "")
        elif self._link and tag in {"image", "img"} and not self._face:
            self._face = named.get("xlink:href", "") or named.get("href" if tag == "image" else "src", "")

    def _data(self, text: str) -> None:
        if not text:
            self.unreadable += 1
            return
        try:
            self._walker.walk(mending(text.encode("utf-8", "replace"), _any), self._time, self.group)
        except UNREADABLE:
            self.unreadable += 1

    def _from(self, text: str) -> None:
        """Where the page came from, as it says itself."""
        if found := _PLACE.search(text):
            self.group = self.group or found[1]
            self._members = self._members or bool(found[2])

    def _person(self) -> None:
        """The link to somebody has ended."""
        if self._link is None:
            return
        name, face = self._seen.get(self._link, ("", ""))
        words = " ".join(tidy(self._label or "".join(self._said)).split())[:300]
        if not name and words.casefold() not in _NAMELESS:
            name = words
        self._seen[self._link] = (name, face or self._face)
        self._link, self._label, self._face = None, "", ""
        self._said.clear()

    def _close(self) -> None:
        for (slug, number), (name, face) in self._seen.items():
            group = slug if slug.isdecimal() and len(slug) >= 5 else self.group
            if not group or (not name and number not in self._found.people):
                continue
            known = self._found.people.get(number)
            self._found.person(
                number, name if known is None or not known.name else "", "" if known and known.face else face
            )
            # On a feed they are who wrote: that they are there still, nobody said.
            self._found.sight(group, number, self._time if self._members else 1)
        if self.group and (found := _TITLE.fullmatch(self._title.strip())):
            place = self._found.place(self.group)
            place.name = place.name or tidy(found[1])

    @property
    def unread_posts(self) -> int:
        """Posts that the page shows and whose text and time its data does not tell."""
        return sum(not ((post := self._found.posts.get(number)) and post.whole) for number in self._posts)
