"""An invented community on a homeserver of our own: a Space, three rooms, members, a year of posts.

It is made through the plain client interface, the way people would have made it, by the seeding application service
where a post must bear a time of the past. Nothing here knows archives.
"""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from grouparchive.demo import words
from grouparchive.demo.homeserver import Homeserver
from grouparchive.errors import GroupArchiveError

DAY = 86_400_000
_Made = TypeVar("_Made")
_CLIENT = "/_matrix/client/v3"


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything there is. Members include the admin; posts are those of the first backup."""

    members: int = 40
    posts: int = 600
    images: int = 16
    bans: int = 2
    later_posts: int = 24  # between the first and the second backup


SMALL = Size(members=9, posts=40, images=4, bans=2, later_posts=5)


@dataclass(frozen=True, slots=True)
class Account:
    """One member: the server's own handle, an access token of theirs, their power."""

    localpart: str
    user: str
    name: str
    token: str = field(repr=False)
    level: int = 0


@dataclass(slots=True)
class Room:
    """A room as it was made, and the refs of its posts in order."""

    ref: str
    name: str
    topic: str
    private: bool
    posts: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)  # those that answer nothing: a thread can only begin at one of them
    dice: random.Random = field(default_factory=random.Random)
    number: int = 0


class Community:
    """Makes the community, lets it live on, and lets an attacker loose on it.

    Args:
        server: a running homeserver.
        size: how much of everything.
        seed: the same seed writes the same posts.
        version: the room version, "" for the server's own.
    """

    def __init__(self, server: Homeserver, size: Size | None = None, *, seed: int = 7, version: str = "") -> None:
        self.server = server
        self.size = size or Size()
        self.members: list[Account] = []
        self.space = ""
        self.rooms: list[Room] = []
        self.banned: list[Account] = []
        self.planted: list[str] = []  # texts that must not be readable outside
        self.files: list[bytes] = []  # and files
        self._dice = random.Random(seed)  # noqa: S311 - an invented community, the same on every run
        self._version = version
        self._tag = f"{seed:x}{time.time_ns():x}"  # transaction ids are per run
        self._count = 0
        self._stopped = False
        self._start = int(time.time() * 1000) - 365 * DAY

    @property
    def admin(self) -> Account:
        """Who owns the Space."""
        return self.members[0]

    @property
    def guests(self) -> list[Account]:
        """Everybody else who is a member."""
        return self.members[1:]

    def member(self, localpart: str) -> Account:
        """One by their localpart."""
        return next(account for account in self.members + self.banned if account.localpart == localpart)

    def seed(self) -> None:
        """Make the accounts, the rooms, and a year of life in them."""
        self._make_accounts()
        self._notifications(off=True)  # a year goes by in seconds: the server need not count it for everybody
        self._make_rooms()
        share = {room.ref: self._share(room, self.size.posts) for room in self.rooms}
        self._all([partial(self._live, room, share[room.ref], self._start, 363 * DAY) for room in self.rooms])
        self._ban()
        self._notifications(off=False)

    def live_on(self) -> None:
        """A few more posts, with today's time."""
        now = int(time.time() * 1000) - 180_000  # what hangs on a post comes up to a minute later, and is past too
        for room in self.rooms:
            self._live(room, self._share(room, self.size.later_posts), now, 30_000)

    def attack(self) -> tuple[int, int]:
        """What somebody does who has taken over the admin's account. Gives how many members and posts went."""
        token = self.admin.token
        gone = [account for account in self.guests if account.level == 0][: max(2, self.size.members // 4)]
        for place in (self.space, *(room.ref for room in self.rooms if not room.private)):
            path = f"/rooms/{quote(place)}/kick"
            self._all([partial(self._call, "POST", path, token, {"user_id": account.user}) for account in gone])
        posts = 0
        for room in self.rooms:
            victims = room.posts[-max(3, len(room.posts) // 10) :]
            posts += len(victims)
            path = f"/rooms/{quote(room.ref)}/redact"
            acts = [partial(self._call, "PUT", f"{path}/{quote(post)}/{self._txn()}", token, {}) for post in victims]
            self._all(acts)
            self._call("PUT", f"/rooms/{quote(room.ref)}/state/m.room.topic", token, {"topic": "closed"})
            self._call("PUT", f"/rooms/{quote(room.ref)}/state/m.room.pinned_events", token, {"pinned": []})
        return len(gone), posts

    def destroy(self) -> None:
        """Everything deleted at the server, as by somebody with the server's admin account."""
        for place in (*(room.ref for room in self.rooms), self.space):
            self.server.delete_room(place)

    # --- making ------------------------------------------------------------------------------------------------------

    def _make_accounts(self) -> None:
        size = self.size
        names = [words.ADMIN, *words.HANDLES][: size.members + size.bans]
        second, moderators = 1, max(2, size.members // 8)

        def make(place: int) -> Account:
            localpart = names[place]
            level = 100 if place <= second else 50 if place <= second + moderators else 0
            name = words.display_name(localpart)
            token = self.server.register(localpart)
            account = Account(localpart, self.server.user_id(localpart), name, token, level)
            self._call("PUT", f"/profile/{quote(account.user)}/displayname", token, {"displayname": name})
            return account

        accounts = self._all([partial(make, place) for place in range(len(names))])
        self.members, self.banned = accounts[: size.members], accounts[size.members :]
        self.planted += [text for account in accounts for text in (account.user, account.name)]
        self.planted += [words.SPACE_TOPIC, *(room[2] for room in words.ROOMS)]
        for account in (*self.members[:6], *self.banned[:1]):
            image = self._upload(words.picture(self._dice, 24), account.token)
            self._call("PUT", f"/profile/{quote(account.user)}/avatar_url", account.token, {"avatar_url": image})

    def _notifications(self, *, off: bool) -> None:
        """Everybody's master switch."""
        path = "/pushrules/global/override/.m.rule.master/enabled"
        everybody = (*self.members, *self.banned)
        self._all([partial(self._call, "PUT", path, account.token, {"enabled": off}) for account in everybody])

    def _make_rooms(self) -> None:
        start = self._start - DAY
        self.space = self._create(words.SPACE_NAME, words.SPACE_TOPIC, start, space=True, private=False)
        for at, (_, name, topic, _, private) in enumerate(words.ROOMS):
            room = Room(self._create(name, topic, start + at, space=False, private=private), name, topic, private)
            room.dice, room.number = random.Random(self._dice.random()), at * 100_000  # noqa: S311 - see __init__
            via = {"via": [self.server.server_name]}
            path = f"/rooms/{quote(self.space)}/state/m.space.child/{quote(room.ref)}"
            self._call("PUT", path, self.admin.token, {**via, "order": f"{at:02}"})
            self.rooms.append(room)

        def join(account: Account) -> None:
            for place in (self.space, *(room.ref for room in self.rooms if not room.private or account.level >= 50)):
                self._call("POST", f"/join/{quote(place)}", account.token, {})

        # The Space and the open rooms can be joined, the private one asks for an invitation.
        for room in self.rooms:
            if room.private:
                for account in self.guests:
                    if account.level >= 50:
                        body = {"user_id": account.user}
                        self._call("POST", f"/rooms/{quote(room.ref)}/invite", self.admin.token, body)
        self._all([partial(join, account) for account in (*self.guests, *self.banned)])
        for place in (self.space, *(room.ref for room in self.rooms if not room.private)):
            path = f"/rooms/{quote(place)}/state/m.room.join_rules"
            self._call("PUT", path, self.admin.token, {"join_rule": "invite"})

    def _create(self, name: str, topic: str, when: int, *, space: bool, private: bool) -> str:
        users = {account.user: account.level for account in self.guests if account.level}
        image = self._upload(words.picture(self._dice, 32), self.admin.token)
        body: dict[str, Any] = {
            "name": name,
            "topic": topic,
            "visibility": "private",
            "preset": "private_chat" if private else "public_chat",
            "power_level_content_override": {"users": users, "events": {"m.room.pinned_events": 50}},
            "initial_state": [
                {"type": "m.room.avatar", "state_key": "", "content": {"url": image}},
                {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "shared"}},
            ],
        }
        if space:
            body["creation_content"] = {"type": "m.space"}
            body["power_level_content_override"]["events_default"] = 50
        if self._version:
            body["room_version"] = self._version
            if self._version != "12":
                users[self.admin.user] = 100
        return str(self._call("POST", "/createRoom", self.admin.token, body, ts=when)["room_id"])

    def _live(self, room: Room, posts: int, start: int, span: int) -> None:
        """Posts in order with what hangs on them; the rest comes side by side, for the time of each event is its own."""
        dice = room.dice
        writers = [account for account in self.members if account.level >= 50]
        if not room.private:  # most people write in one room and read in the others
            others = [account for account in self.members if account.level < 50]
            writers += others[self.rooms.index(room) % 3 :: 3]
        if start == self._start and not room.private:
            writers += self.banned
        images = {(index + 1) * posts // (self._images(room, posts) + 1) for index in range(self._images(room, posts))}
        after: list[Callable[[], Any]] = []
        for index in range(posts):
            when = start + span * index // max(1, posts)
            author = dice.choice(writers)
            content = self._content(room, author, index, image=index in images)
            post = self._send(room, author, "m.room.message", content, when)
            room.posts.append(post)
            if "m.relates_to" not in content:
                room.plain.append(post)
            after += self._hanging(room, post, content, author=author, writers=writers, when=when)
        self._all(after)
        pins = [room.posts[len(room.posts) * part // 4] for part in (1, 2, 3)]
        path = f"/rooms/{quote(room.ref)}/state/m.room.pinned_events"
        self._call("PUT", path, self.admin.token, {"pinned": list(dict.fromkeys(pins))})

    def _content(self, room: Room, author: Account, index: int, *, image: bool) -> dict[str, Any]:
        dice = room.dice
        room.number += 1
        if image:
            data = words.picture(dice)
            self.files.append(data)
            url = self._upload(data, author.token)
            info = {"mimetype": "image/png", "size": len(data), "w": 48, "h": 48}
            return {"msgtype": "m.image", "body": f"note-{room.number}.png", "url": url, "info": info}
        text = words.sentence(dice, room.number)
        content: dict[str, Any] = {"msgtype": "m.text", "body": text}
        if index % 9 == 4 and room.posts:
            content["body"] = text = words.answer(dice, room.number)
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": dice.choice(room.posts[-6:])}}
        elif index % 11 == 6 and room.plain:
            root = room.plain[index // 22 * 2 % len(room.plain)]
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": root}
            content["body"] = text = words.answer(dice, room.number)
        elif index % 13 == 5:
            friend = dice.choice([account for account in self.members if account.level >= 50])
            content["body"] = f"{friend.name}: {text}"
            pill = f'<a href="https://matrix.to/#/{friend.user}">{friend.name}</a>'
            content |= {
                "format": "org.matrix.custom.html",
                "formatted_body": f"{pill}: <strong>{text}</strong>",
                "m.mentions": {"user_ids": [friend.user]},
            }
        self.planted.append(text)
        return content

    def _hanging(
        self, room: Room, post: str, content: dict[str, Any], *, author: Account, writers: list[Account], when: int
    ) -> list[Callable[[], Any]]:
        """Reactions, an edit, a deletion by the author: what comes after a post."""
        dice, index = room.dice, room.number % 100_000
        acts: list[Callable[[], Any]] = []
        if index % 20 == 2:
            for place, who in enumerate(dice.sample(writers, min(len(writers), dice.randrange(1, 3)))):
                key = dice.choice(words.REACTIONS)
                relation = {"m.relates_to": {"rel_type": "m.annotation", "event_id": post, "key": key}}
                acts.append(partial(self._send, room, who, "m.reaction", relation, when + 20_000 + place))
        if index % 20 == 7 and content["msgtype"] == "m.text" and "formatted_body" not in content:
            text = content["body"] + " (and it has been settled)"
            self.planted.append(text)
            new = {
                "msgtype": "m.text", "body": f"* {text}", "m.new_content": {"msgtype": "m.text", "body": text},
                "m.relates_to": {"rel_type": "m.replace", "event_id": post},
            }  # fmt: skip
            acts.append(partial(self._send, room, author, "m.room.message", new, when + 40_000))
        if index % 60 == 12:
            room.posts.remove(post)
            room.plain = [other for other in room.plain if other != post]
            acts.append(partial(self._send, room, author, "m.room.redaction", {"redacts": post}, when + 50_000))
        return acts

    def _ban(self) -> None:
        for account in self.banned:
            reason = f"harassed {self.members[3].name}, twice"
            self.planted.append(reason)
            for place in (self.space, *(room.ref for room in self.rooms if not room.private)):
                body = {"user_id": account.user, "reason": reason}
                self._call("POST", f"/rooms/{quote(place)}/ban", self.admin.token, body)

    # --- small things ------------------------------------------------------------------------------------------------

    def _share(self, room: Room, posts: int) -> int:
        shares = {name: share for _, name, _, share, _ in words.ROOMS}
        if room is self.rooms[0]:
            return posts - sum(round(posts * shares[other.name]) for other in self.rooms[1:])
        return round(posts * shares[room.name])

    def _images(self, room: Room, posts: int) -> int:
        return max(1, self.size.images * posts // self.size.posts) if not room.private else 1

    def _send(self, room: Room, who: Account, kind: str, content: dict[str, Any], when: int) -> str:
        path = f"/rooms/{quote(room.ref)}/send/{kind}/{self._txn()}"
        params = {"user_id": who.user, "ts": when}
        answer = self._ask("PUT", _CLIENT + path, self.server.seed_token, content, params)
        return str(answer["event_id"])

    def _upload(self, data: bytes, token: str) -> str:
        answer = self._ask("POST", "/_matrix/media/v3/upload", token, data, {"filename": "picture.png"})
        return str(answer["content_uri"])

    def _call(self, method: str, path: str, token: str, body: Any, ts: int = 0) -> dict[str, Any]:
        return self._ask(method, _CLIENT + path, token, body, {"ts": ts} if ts else None)

    def _ask(self, method: str, path: str, token: str, body: Any, params: dict[str, Any] | None) -> dict[str, Any]:
        if self._stopped:
            raise GroupArchiveError("stopped")
        return self.server.call(method, path, token, body, params)

    def _txn(self) -> str:
        self._count += 1
        return f"{self._tag}-{self._count}"

    def _all(self, acts: Sequence[Callable[[], _Made]]) -> list[_Made]:
        """Side by side; the first error ends it."""
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(act) for act in acts]
            try:
                return [one.result() for one in waiting]
            except BaseException:  # Ctrl-C too: what runs ends with its next request
                self._stopped = True
                pool.shutdown(wait=False, cancel_futures=True)
                raise
