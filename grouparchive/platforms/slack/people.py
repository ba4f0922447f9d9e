"""Who is in a Slack workspace: people with their power and their addresses, and the ids under which content speaks of them."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from grouparchive.model.ports import Identify
from grouparchive.model.records import Fact, MemberId, Membership, Ref, Role
from grouparchive.platforms.files import Names
from grouparchive.platforms.files.addresses import mail, phone
from grouparchive.platforms.files.connector import stamp_of
from grouparchive.platforms.slack.shapes import Profile, User, moment

SLACKBOT: Final = "USLACKBOT"
OWNER, ADMIN, GUEST = "owner", "admin", "guest"
LEVELS: Final = {OWNER: 100, ADMIN: 50, GUEST: 0}
LONGEST: Final = 1024
"""Characters of a name or an id; Slack's own are far shorter."""

_ID: Final = re.compile(r"(?<![A-Za-z0-9])[UW][A-Z0-9]{6,20}(?![A-Za-z0-9])")


class Person(msgspec.Struct, frozen=True, gc=False):
    """What the list of users says about somebody."""

    name: str = ""
    role: str = ""
    gone: bool = False
    bot: bool = False
    mail: str = ""
    phone: str = ""
    updated: int = 0
    avatar: Ref = ""


class People:
    """Everybody in an export. `unreadable` counts addresses that have no form.

    Args:
        identify: gives people their ids.
        faces: Slack's id of a user -> the ref of their picture, where the export carries it.
    """

    def __init__(self, identify: Identify, faces: dict[str, Ref]) -> None:
        self._identify = identify
        self._faces = faces
        self._ids: dict[str, MemberId] = {}
        self._apps: dict[str, str] = {}  # a bot's id -> its user's
        self._called = Names(self.id)
        self.known: dict[str, Person] = {}
        self.unreadable = 0

    def learn(self, users: Iterable[User]) -> Iterator[str]:
        """Take in the list of users; gives the team of each."""
        for user in users:
            if not user.id or len(user.id) > LONGEST or user.id in self.known:
                continue
            profile = user.profile or Profile()
            bot = bool(user.is_bot) or user.id == SLACKBOT
            if profile.bot_id:
                self._apps[profile.bot_id] = user.id
            self.known[user.id] = Person(
                name=_name(profile, user.real_name, user.name),
                role=_role(user),
                gone=bool(user.deleted),
                bot=bot,
                mail=self._address(mail, profile.email) if not bot else "",
                phone=self._address(phone, profile.phone) if not bot else "",
                updated=max(moment(user.updated), 0),
                avatar=self._faces.get(user.id, ""),
            )
            self._called.learn(self.known[user.id].name, user.id)
            yield user.team_id or profile.team or ""

    def id(self, native: str) -> MemberId:
        """The member id of a user."""
        found = self._ids.get(native)
        if found is None:
            person = self.known.get(native)
            name, avatar = (person.name, person.avatar) if person else ("", "")
            found = self._ids[native] = self._identify(native[:LONGEST], name, avatar)
        return found

    def stranger(self, native: str, profile: Profile | None) -> MemberId:
        """The member id of somebody who may not be in the list: a message brings their profile."""
        if native not in self.known and native not in self._ids and profile:
            self.known[native] = Person(name=_name(profile, None, None))
            self._called.learn(self.known[native].name, native)
        return self.id(native)

    def app(self, bot: str, called: str, own: str) -> MemberId:
        """The member id of an app. Some post under other names: each is somebody of their own, as a bridge has them."""
        user = self._apps.get(bot)
        if called and called not in {own, self.known[user].name if user in self.known else ""}:
            native = f"{bot}:{called}"[:LONGEST]
            return self.stranger(native, Profile(real_name=called))
        return self.stranger(user or bot, Profile(real_name=own))

    # --- rosters -------------------------------------------------------------------------------------------------------

    def present(self) -> list[str]:
        """Users who are people and have not been deactivated."""
        return [native for native, person in self.known.items() if not person.bot and not person.gone]

    def membership(self, channel: Ref, native: str) -> Membership | None:
        """Somebody's place in a channel; None for apps and for those who were deactivated."""
        person = self.known.get(native)
        if native == SLACKBOT or (person and (person.bot or person.gone)):
            return None
        role = person.role if person else ""
        roles = (role,) if role else ()
        return Membership(channel=channel, member=self.id(native), level=LEVELS.get(role, 0), roles=roles)

    def roles(self, group: Ref) -> list[Role]:
        """The powers that Slack knows, as far as somebody has them."""
        found = {person.role for person in self.known.values() if person.role}
        return [Role(group=group, ref=role, name=role, level=level) for role, level in LEVELS.items() if role in found]

    def facts(self, since: int) -> Iterator[Fact]:
        """How those present can be reached. `since` is the time of what is said, where Slack does not tell it."""
        for native in self.present():
            person = self.known[native]
            for key, value in (("mail", person.mail), ("phone", person.phone)):
                if value:
                    time = person.updated or since
                    yield Fact(member=self.id(native), field="contact", key=key, value=value, time=time)

    def latest(self) -> int:
        """When the list last changed, as far as it tells; 0 where it does not."""
        return max((person.updated for person in self.known.values()), default=0)

    def stamp(self) -> str:
        """What only those who have the export can work out, and what stays while its people do."""
        return stamp_of(f"{native} {person.mail}" for native, person in self.known.items() if not person.gone)

    # --- names of files --------------------------------------------------------------------------------------------------

    def clean(self, text: str) -> str:
        """The name of a file, or another short text, with the people in it as ids: their ids at Slack and their names."""
        text = _ID.sub(lambda found: f"{{member:{self.id(found[0])}}}" if found[0] in self.known else found[0], text)
        return self._called.hidden(text)

    def _address(self, read: Callable[[str], str], value: str | None) -> str:
        found = read(value) if value else ""
        self.unreadable += bool(value and value.strip() and not found)
        return found


def _name(profile: Profile, real: str | None, handle: str | None) -> str:
    return (profile.real_name or real or profile.display_name or profile.name or handle or "").strip()[:LONGEST]


def _role(user: User) -> str:
    if user.is_primary_owner or user.is_owner:
        return OWNER
    if user.is_admin:
        return ADMIN
    return GUEST if user.is_restricted or user.is_ultra_restricted else ""
