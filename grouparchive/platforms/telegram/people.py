"""Who is meant: by id, by name, by handle. Service lines, forwards and signatures only give names, which are looked up
among the people whose ids the file tells; a name that two people bear is nobody's.

A person's native id is what the Bot API would say: "12" for a user, "-10012" for a channel, "-12" for a small group; "@fern"
for a handle, "name:Fern" where there is no more than a name.
"""

import re
from typing import Final

from grouparchive.model.ports import Identify
from grouparchive.model.records import MemberId
from grouparchive.platforms.files import Names
from grouparchive.platforms.telegram.fields import Peer

_PEER: Final = re.compile(r"(user|channel|chat)?([0-9]{1,19})")
_PREFIX: Final = {"user": "", "channel": "-100", "chat": "-"}
_OLD_SHIFT: Final = 32
_LONGEST: Final = 256

HANDLE: Final = re.compile(r"(?<![\w@/.])@[A-Za-z][A-Za-z0-9_]{3,31}\b(?!@|\.\w)")


def native(peer: Peer | None) -> str:
    """The id as the Bot API writes it, "" for nonsense. Numbers of old exports carry the kind of peer in bits 32 and up."""
    if peer is None:
        return ""
    if isinstance(peer, int):
        kind, number = divmod(peer, 1 << _OLD_SHIFT)
        return "" if peer <= 0 else {1: "", 2: "-100"}.get(kind, "") + str(number if kind in {1, 2} else peer)
    found = _PEER.fullmatch(peer)
    return _PREFIX[found[1] or "user"] + found[2] if found else ""


class People:
    """Member ids, remembered: making one costs a MAC."""

    def __init__(self, identify: Identify) -> None:
        self._identify = identify
        self._ids: dict[Peer, MemberId] = {}
        self._named: dict[str, MemberId] = {}
        self._handles: dict[str, MemberId] = {}
        self._called = Names()
        self._owners: dict[str, Peer] = {}  # name -> who bears it; "" several

    def learn(self, name: str, peer: Peer) -> None:
        """Somebody has this name. Ids that are none own nothing: the name would lead to the id and back."""
        if not native(peer):
            return
        if self._owners.setdefault(name, peer) != peer:
            self._owners[name] = ""

    def knows(self, name: str) -> bool:
        """Was somebody with this name met, with an id?"""
        return name in self._owners

    def by_id(self, peer: Peer, name: str | None) -> MemberId:
        """The person with an id."""
        known = self._ids.get(peer)
        if known is None:
            who = native(peer)
            if not who:
                return self.by_name(name or str(peer))
            known = self._ids[peer] = self._identify(who, (name or "")[:_LONGEST], "")
            self._called.learn((name or "")[:_LONGEST], known)
        return known

    def by_name(self, name: str) -> MemberId:
        """The person with a name."""
        if owner := self._owners.get(name):
            return self.by_id(owner, name)
        name = name[:_LONGEST]
        if name not in self._named:
            self._named[name] = self._identify(f"name:{name}", name, "")
            self._called.learn(name, self._named[name])
        return self._named[name]

    def by_handle(self, handle: str) -> MemberId:
        """The person with an @handle."""
        handle = handle.lower()
        if handle not in self._handles:
            self._handles[handle] = self._identify(handle, handle, "")
        return self._handles[handle]

    def by_phone(self, phone: str, name: str) -> MemberId:
        """The person with a telephone number, which is all that a shared contact tells."""
        digits = re.sub(r"[^0-9]", "", phone)[:32]
        return self._identify(f"+{digits}", name[:_LONGEST], "") if digits else self.by_name(name)

    def clean(self, text: str) -> str:
        """A text that the platform wrote, without handles."""
        return HANDLE.sub(lambda found: f"{{member:{self.by_handle(found[0])}}}", text) if "@" in text else text

    def file(self, name: str) -> str:
        """The name of a file with the people in it as ids."""
        return self._called.hidden(self.clean(name))
