"""Before and after, by plain client calls: what the rooms held, what the rebuilt ones hold, feature by feature.

It shares no code with what exports and restores, so that a mistake made on both ways cannot hide.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any
from urllib.parse import quote

from grouparchive.demo.homeserver import Homeserver

_CLIENT = "/_matrix/client/v3"
_LINK = re.compile(r"<a\b[^>]*>(.*?)</a>", re.DOTALL)


@dataclass(slots=True)
class Seen:
    """A post as people see it. Other posts are named by their place in the room."""

    text: str
    html: str
    kind: str
    time: int
    author: str  # the label
    reply: int = -1
    thread: int = -1
    file: str = ""  # SHA-256 of the bytes
    edits: list[tuple[int, str]] = field(default_factory=list)
    reactions: list[tuple[int, str, str]] = field(default_factory=list)  # time, key, label


@dataclass(slots=True)
class RoomSeen:
    """A room as its admin sees it. Power and bans are by the server's own handles."""

    ref: str
    name: str = ""
    topic: str = ""
    avatar: str = ""
    posts: list[Seen] = field(default_factory=list)
    pins: list[int] = field(default_factory=list)
    power: dict[str, int] = field(default_factory=dict)
    bans: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    deleted: int = 0  # posts that were deleted by hand before


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: how many there were, how many are the same, what explains the others."""

    feature: str
    before: int
    same: int
    explained: int = 0
    why: str = ""

    @property
    def unexplained(self) -> int:
        """Differences that nothing explains."""
        return self.before - self.same - self.explained


def look(server: Homeserver, token: str, space: str) -> dict[str, RoomSeen]:
    """Everything below a Space, and the Space itself, by name."""
    state: Any = server.call("GET", f"{_CLIENT}/rooms/{quote(space)}/state", token)
    below = [event["state_key"] for event in state if event["type"] == "m.space.child" and event["content"].get("via")]
    rooms = [_room(server, token, ref) for ref in (space, *below)]
    return {room.name: room for room in rooms}


def _room(server: Homeserver, token: str, ref: str) -> RoomSeen:
    room = RoomSeen(ref)
    state: Any = server.call("GET", f"{_CLIENT}/rooms/{quote(ref)}/state", token)
    pinned: list[str] = []
    creators: set[str] = set()
    for event in state:
        content = event["content"]
        match event["type"]:
            case "m.room.name":
                room.name = content.get("name", "")
            case "m.room.topic":
                room.topic = content.get("topic", "")
            case "m.room.avatar":
                room.avatar = _file(server, token, content["url"]) if content.get("url") else ""
            case "m.room.pinned_events":
                pinned = content.get("pinned", [])
            case "m.room.power_levels":
                room.power |= {user: level for user, level in content.get("users", {}).items() if level}
            case "m.room.create":
                creators = {event["sender"]}
            case "m.room.member" if content["membership"] == "ban":
                room.bans.add(event["state_key"])
            case "m.room.member" if content["membership"] == "join":
                room.joined.add(event["state_key"])
    room.power |= dict.fromkeys(creators, 100)  # the creator has power without being listed, in newer rooms
    places = _posts(server, token, room)
    room.pins = [places[ref] for ref in pinned if ref in places]
    return room


def _events(server: Homeserver, token: str, ref: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    params: dict[str, Any] = {"dir": "f", "limit": 1000}
    while True:
        page = server.call("GET", f"{_CLIENT}/rooms/{quote(ref)}/messages", token, params=params)
        events += page["chunk"]
        if not page.get("end") or not page["chunk"]:
            return events
        params["from"] = page["end"]


def _posts(server: Homeserver, token: str, room: RoomSeen) -> dict[str, int]:
    """Fill in the posts; the place of each by its ref."""
    events = _events(server, token, room.ref)
    labels = {
        event["state_key"]: event["content"].get("displayname", event["state_key"])
        for event in events
        if event["type"] == "m.room.member" and event["content"].get("membership") == "join"
    }
    places: dict[str, int] = {}
    for event in events:
        content = event["content"]
        relation = content.get("m.relates_to", {})
        label = labels.get(event["sender"], event["sender"])
        when = event["origin_server_ts"]
        if event["type"] == "m.room.message" and not content:
            room.deleted += 1
        elif event["type"] == "m.room.message" and relation.get("rel_type") == "m.replace":
            if relation["event_id"] in places:
                edit = content["m.new_content"]["body"]
                room.posts[places[relation["event_id"]]].edits.append((when, edit))
        elif event["type"] == "m.room.message":
            threaded = relation.get("rel_type") == "m.thread"
            reply = relation.get("m.in_reply_to", {}).get("event_id", "")
            places[event["event_id"]] = len(room.posts)
            room.posts.append(
                Seen(
                    text=content["body"],
                    html=_LINK.sub(r"\1", content.get("formatted_body", "")),
                    kind=content["msgtype"],
                    time=when,
                    author=label,
                    reply=-1 if relation.get("is_falling_back") else places.get(reply, -1),
                    thread=places.get(relation["event_id"], -1) if threaded else -1,
                    file=_file(server, token, content["url"]) if "url" in content else "",
                )
            )
        elif event["type"] == "m.reaction" and relation.get("event_id") in places:
            room.posts[places[relation["event_id"]]].reactions.append((when, relation["key"], label))
    for post in room.posts:
        post.edits.sort()
        post.reactions.sort()
    return places


def _file(server: Homeserver, token: str, uri: str) -> str:
    path = f"/_matrix/client/v1/media/download/{uri.removeprefix('mxc://')}"
    return hashlib.sha256(server.download(path, token)).hexdigest()


@dataclass(slots=True)
class _Pair:
    """A room before and after, its posts side by side, and who became which label."""

    old: RoomSeen
    new: RoomSeen

    @property
    def posts(self) -> list[tuple[Seen, Seen | None]]:
        return list(zip_longest(self.old.posts, self.new.posts[: len(self.old.posts)]))


def compare(
    before: dict[str, RoomSeen], after: dict[str, RoomSeen], *, absent: frozenset[str] = frozenset()
) -> list[Row]:
    """Feature by feature. Authors are compared one to one: each person must have become exactly one label.

    Rooms are matched by their real names, so this is for after the reveal.

    Args:
        before: the rooms before the attack.
        after: the rebuilt rooms.
        absent: handles of members who have not come back, so that they cannot have their power back.
    """
    pairs = [_Pair(room, after.get(name) or RoomSeen("")) for name, room in before.items()]
    posts = [both for pair in pairs for both in pair.posts]
    extra = sum(max(0, len(pair.new.posts) - len(pair.old.posts)) for pair in pairs)
    names = _labels(posts)

    def told(text: str) -> str:
        """An old text with the people in it under their new labels."""
        for name, label in names.items():
            text = text.replace(name, label)
        return text

    def reacted(post: Seen) -> list[tuple[int, str, str]]:
        return sorted((when, key, names.get(who, "")) for when, key, who in post.reactions)

    def row(feature: str, has: Callable[[Seen], object], same: Callable[[Seen, Seen], bool]) -> Row:
        those = [(old, new) for old, new in posts if has(old)]
        return Row(feature, len(those), sum(new is not None and same(old, new) for old, new in those))

    def per_room(feature: str, measure: Callable[[RoomSeen], int], same: Callable[[RoomSeen, RoomSeen], int]) -> Row:
        return Row(feature, sum(measure(pair.old) for pair in pairs), sum(same(pair.old, pair.new) for pair in pairs))

    deleted = sum(pair.old.deleted for pair in pairs)
    power = [(pair, user, level) for pair in pairs for user, level in pair.old.power.items()]
    away = sum(user in absent for _, user, _ in power)
    kept = sum(pair.new.power.get(user, 0) == level for pair, user, level in power if user not in absent)
    return [
        Row("rooms and names", len(before), sum(name in after for name in before)),
        per_room("topic", lambda _: 1, lambda old, new: int(old.topic == new.topic)),
        per_room(
            "picture of the room", lambda room: int(room.avatar != ""), lambda old, new: int(old.avatar == new.avatar)
        ),
        Row("posts", len(posts) + extra, sum(new is not None for _, new in posts)),
        Row("posts deleted by hand", deleted, 0, deleted, "deleted before the attack, so they stay deleted"),
        row("text", lambda _: True, lambda old, new: told(old.text) == new.text and old.kind == new.kind),
        row("formatting", lambda old: old.html, lambda old, new: told(old.html) == new.html),
        row("author (one to one)", lambda _: True, lambda old, new: names.get(old.author) == new.author),
        row("time", lambda _: True, lambda old, new: old.time == new.time),
        row("reply", lambda old: old.reply >= 0, lambda old, new: old.reply == new.reply),
        row("thread", lambda old: old.thread >= 0, lambda old, new: old.thread == new.thread),
        row("edit", lambda old: old.edits, lambda old, new: [(t, told(text)) for t, text in old.edits] == new.edits),
        row("reaction", lambda old: old.reactions, lambda old, new: reacted(old) == new.reactions),
        row("image, every byte", lambda old: old.file, lambda old, new: old.file == new.file),
        per_room("pin", lambda room: len(room.pins), lambda old, new: len(old.pins) if old.pins == new.pins else 0),
        Row("power level", len(power), kept, away, "of members who have not come back yet" if away else ""),
        per_room("ban", lambda room: len(room.bans), lambda old, new: len(old.bans & new.bans)),
    ]


def _labels(posts: list[tuple[Seen, Seen | None]]) -> dict[str, str]:
    """Which label each person became. Two people under one label count for neither."""
    votes: dict[str, Counter[str]] = {}
    for old, new in posts:
        if new is None:
            continue
        votes.setdefault(old.author, Counter())[new.author] += 1
        for (when, key, who), (after, same, label) in zip(old.reactions, new.reactions, strict=False):
            if (when, key) == (after, same):
                votes.setdefault(who, Counter())[label] += 1
    names = {who: labels.most_common(1)[0][0] for who, labels in votes.items()}
    shared = {label for label, count in Counter(names.values()).items() if count > 1}
    return {who: label for who, label in names.items() if label not in shared}
