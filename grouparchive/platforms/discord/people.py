"""Who is meant: people by the ids in the file, and in texts by the names that the exporter wrote for them."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from grouparchive.model.codec import UNREADABLE
from grouparchive.model.ports import Identify
from grouparchive.model.records import MemberId
from grouparchive.platforms.discord.fields import RawRole, User, decode_user, loosely
from grouparchive.platforms.files import Names

_LONGEST: Final = 256
_MOST_AUTHORS: Final = 100_000  # ways of writing somebody that are remembered
_TAG: Final = re.compile(r"<@!?([0-9]{1,20})>")
_WORD: Final = re.compile(r"\w")


class Known(NamedTuple):
    """Somebody as written in a file: their id and how texts may call them."""

    member: MemberId
    names: tuple[str, ...]


class People:
    """Member ids, remembered. `avatars` are the pictures: user id -> what the file says of it; `roles` who has which."""

    def __init__(self, identify: Identify, guild: str) -> None:
        self._identify = identify
        self._guild = guild
        self._written: dict[bytes, Known] = {}
        self._names: dict[str, MemberId] = {}  # name as written behind an @; "" several bear it
        self._called = Names()
        self.avatars: dict[str, str] = {}
        self.roles: dict[MemberId, tuple[str, ...]] = {}
        self.known_roles: dict[str, RawRole] = {}
        self.webhooks: set[MemberId] = set()

    def written(self, raw: bytes) -> Known | None:
        """Somebody as written in the file; None where nobody can be made out."""
        known = self._written.get(raw)
        if known is None:
            try:
                user = decode_user(raw)
            except UNREADABLE:
                user = loosely(raw, User)
            if user is None or not (user.id or user.name or user.nickname):
                return None
            called = (name[:_LONGEST] for name in (user.nickname, user.name) if name)
            known = Known(self.user(user), tuple(called))
            if user.isBot and user.discriminator in {"0000", ""} and not user.roles:
                self.webhooks.add(known.member)
            if len(self._written) < _MOST_AUTHORS:
                self._written[raw] = known
        return known

    def user(self, user: User) -> MemberId:
        """Somebody."""
        name = (user.nickname or user.name or "")[:_LONGEST]
        avatar = avatar_ref(self._guild, user.id) if user.id and user.avatarUrl and is_path(user.avatarUrl) else ""
        member = self._identify(user.id or f"name:{name}", name, avatar)
        if avatar and user.avatarUrl:
            self.avatars[user.id] = user.avatarUrl
        for called in (user.nickname, user.name):
            self._called.learn((called or "")[:_LONGEST], member)
            if called and self._names.setdefault(called[:_LONGEST], member) != member:
                self._names[called[:_LONGEST]] = ""
        if user.roles:
            self.roles[member] = tuple(role.id for role in user.roles[:_LONGEST] if role.id)
            self.known_roles.update((role.id, role) for role in user.roles[:_LONGEST] if role.id)
        return member

    def named(self, name: str) -> str:
        """A name, or the id of who bears it."""
        member = self._names.get(name)
        return f"{{member:{member}}}" if member else name

    def file(self, name: str) -> str:
        """The name of a file, or its address, with the people in it as ids."""
        return self._called.hidden(self.clean(name))

    def clean(self, text: str, mentioned: Iterable[Known] = ()) -> str:
        """A text with the people in it as ids: those whom the message mentions, and others met so far, after an @."""
        if "@" not in text:
            return text
        text = _TAG.sub(lambda found: f"{{member:{self._identify(found[1], '', '')}}}", text)
        own = {called: one.member for one in mentioned for called in one.names}
        parts = text.split("@")
        for at in range(1, len(parts)):
            parts[at] = self._begin(parts[at], own)
        return "".join(parts)

    def _begin(self, text: str, own: dict[str, MemberId]) -> str:
        """What follows an @, a name at its beginning as an id. Of several the longest counts."""
        for end in range(min(len(text), 40), 0, -1):
            member = own.get(text[:end]) or self._names.get(text[:end])
            if member and not (_WORD.match(text, end - 1) and _WORD.match(text, end)):
                return f"{{member:{member}}}{text[end:]}"
        return f"@{text}"


def without_people(text: str) -> str:
    """A state of a channel with "somebody" for each mention: ids are others in every run, and would make it news."""
    return _TAG.sub("@somebody", text)


def is_path(url: str) -> bool:
    """Does it lead to a file of the export, not to a server?"""
    return bool(url) and "://" not in url


def avatar_ref(guild: str, user: str) -> str:
    """The ref of somebody's picture."""
    return f"{guild}/avatar/{user}"
