"""How people are told apart on Facebook and Instagram, and how their names leave the texts that the platform itself wrote.

A person's native id is the profile number; where only the address of their profile is known, `vanity:NAME`; where a download
tells nothing but a name, `name:NAME`. Who stands in two sources under two of these is two people until somebody says otherwise.
"""

import re
from collections.abc import Iterable
from typing import Final

from grouparchive.model.ports import Identify
from grouparchive.model.records import MemberId
from grouparchive.platforms.facebook.titles import plain
from grouparchive.platforms.files import Names

_NUMBER: Final = re.compile(r"\d{1,20}")
_HOST: Final = re.compile(r"(?:https?:)?//(?:[a-z-]{1,20}\.)?(?:facebook|fb)\.com/", re.IGNORECASE)
_BY_ID: Final = re.compile(
    r"(?:groups/[^/?#]{1,100}/user/|profile\.php\?(?:[^#]{0,200}&)?id=|people/[^/?#]{1,200}/)(\d{1,20})"
)
_VANITY: Final = re.compile(r"([A-Za-z0-9.]{3,60})/?(?:[?#].{0,2000})?", re.DOTALL)
_NOBODY: Final = frozenset(
    {
        "groups", "events", "pages", "watch", "reel", "marketplace", "photo", "photo.php", "profile.php", "permalink.php",
        "story.php", "hashtag", "help", "settings", "gaming", "login", "login.php", "policies", "messages", "notifications",
        "friends", "home.php", "me", "search", "saved", "ads", "media", "people", "share", "sharer", "stories",
    }
)  # fmt: skip
NO_NAME: Final = frozenset(
    {"", "facebook user", "instagram user", "facebook-nutzer", "utilisateur facebook", "usuario de facebook"}
)
"""What stands in the place of somebody whose account is gone (as `plain` writes it)."""


def native_of(number: object, url: str = "") -> str:
    """A person's native id from their number or the address of their profile; "" where neither says it."""
    if isinstance(number, str) and _NUMBER.fullmatch(number):
        return number
    host = _HOST.match(url)
    rest = url[host.end() :] if host else url.removeprefix("/") if url.startswith("/") else ""
    if found := _BY_ID.match(rest):
        return found[1]
    found = _VANITY.fullmatch(rest)
    return f"vanity:{found[1].lower()}" if found and found[1].lower() not in _NOBODY else ""


class People:
    """The people of a download, who are known by name.

    Args:
        identify: gives them their ids.
    """

    def __init__(self, identify: Identify) -> None:
        self._identify = identify
        self._ids: dict[str, MemberId] = {}
        self._natives: dict[str, str] = {}

    def know(self, name: str, native: str) -> None:
        """A name whose owner's native id is known."""
        if native and plain(name) not in NO_NAME:
            self._natives[plain(name)] = native

    def id(self, name: str) -> MemberId | str:
        """Who bears a name; "" where it is the name of nobody any more."""
        if (known := self._ids.get(name)) is not None:
            return known
        key = plain(name)[:512]
        found = (
            "" if key in NO_NAME else self._identify(self._natives.get(key, f"name:{key}"), name.strip()[:16_000], "")
        )
        self._ids[name] = found
        return found


def names_of(people: People, names: Iterable[str]) -> Names:
    """A thread's people, to be found in the lines that the platform wrote, where names of one letter stand too."""
    found = Names(people.id, shortest=1)
    for name in names:
        if plain(name) not in NO_NAME:
            found.learn(name, name)
    return found
