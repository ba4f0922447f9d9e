"""A small community in memory and a target in one SQLite file, for tests of the restore. Run as a script it applies a plan."""

import hashlib
import os
import signal
import sqlite3
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from grouparchive.errors import Damaged, InDoubt, Refused
from grouparchive.model import plan as verbs
from grouparchive.model.plan import Action, Desired, Observed, Outcome, Person, Policy, Trait
from grouparchive.model.records import (
    Attachment,
    Ban,
    Channel,
    Edit,
    Group,
    Media,
    Member,
    Membership,
    Message,
    Pins,
    Poll,
    Reaction,
    Setting,
)
from grouparchive.restore import applier
from grouparchive.restore.journal import Journal, journal_path
from grouparchive.restore.planner import make_plan

T0 = 1_700_000_000_000
KEY = "ab" * 32
ALL = frozenset(Trait)
EVERY_VERB = frozenset(
    {
        verbs.CreateGroup, verbs.CreateChannel, verbs.AddAuthor, verbs.RemoveAuthor, verbs.Upload, verbs.Post,
        verbs.EditPost, verbs.React, verbs.SetPins, verbs.Configure, verbs.BanMember, verbs.Reveal, verbs.Grant,
    }
)  # fmt: skip


def member(number: int) -> str:
    return hashlib.sha256(f"member {number}".encode()).hexdigest()[:32]


def png(number: int, *, secret: bytes = b"taken at 48.1N") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") + (1).to_bytes(4, "big") + b"\x08\x02\0\0\0"
    pixel = zlib.compress(b"\0" + bytes((number % 256, 7, 9)))
    text = chunk(b"tEXt", b"Comment\0" + secret)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


class Posts:
    """Timelines over lists."""

    def __init__(self, timelines: dict[str, list[Any]], files: dict[str, tuple[str, bytes]] | None = None) -> None:
        self.timelines = timelines
        self.blobs = {}
        self.attachments = {}
        for ref, (mime, data) in (files or {}).items():
            blob = hashlib.sha256(b"blob" + data).hexdigest()
            self.blobs[blob] = data
            self.attachments[ref] = Attachment(
                ref=ref, blob=blob, size=len(data), sha256=hashlib.sha256(data).hexdigest(), mime=mime
            )

    def __call__(self, channel: str) -> Iterator[Any]:
        yield from self.timelines.get(channel, [])

    def attachment(self, ref: str) -> Attachment | None:
        return self.attachments.get(ref)

    def blob(self, blob_id: str) -> Iterator[bytes]:
        if blob_id not in self.blobs:
            raise Damaged("gone")
        yield self.blobs[blob_id]


def timeline(channel: str, count: int) -> tuple[list[Any], dict[str, tuple[str, bytes]]]:
    """Posts of all sorts, always the same for the same channel and count."""
    found: list[Any] = []
    files: dict[str, tuple[str, bytes]] = {}
    for number in range(count):
        ref, author, time = f"{channel}/{number}", member(number % 7), T0 + number * 60_000
        extra: dict[str, Any] = {}
        if number % 5 == 3:
            extra["reply_to"] = f"{channel}/{number - 2}"
        if number % 11 == 7:
            extra["thread"] = f"{channel}/{number - 7}"
        if number % 10 == 9:
            file = f"file/{channel}/{number % 20}"
            files[file] = ("image/png", png(number % 20))
            extra |= {"type": "image", "media": (Media(ref=file, name="pic.png", mime="image/png"),)}
        text = f"post {number} for {{member:{member((number + 1) % 9)}}}" if number % 4 == 1 else f"post {number}"
        found.append(Message(channel=channel, ref=ref, time=time, author=author, text=text, **extra))
        if number % 6 == 2:
            edit = Edit(
                channel=channel, ref=f"{ref}e", target=ref, time=time + 1, author=author, text=f"{text} (changed)"
            )
            found.append(edit)
        if number % 3 == 0:
            for who in (1, 2):
                reaction = {"ref": f"{ref}r{who}", "target": ref, "author": member(who), "key": "\N{SNOWMAN}"}
                found.append(Reaction(channel=channel, time=time + 2, **reaction))
    return found, files


def community(count: int = 40) -> tuple[Desired, Posts]:
    """A Space with two open rooms and a private one, ten people, two bans."""
    rooms = ("!a", "!b", "!c")
    channels = [
        Channel(ref="!space", group="!space", type="space", name="Real Name", topic="Real topic", avatar="file/av")
    ]
    channels += [
        Channel(
            ref=room, group="!space", parent="!space", name=f"Real {room[1:]}", topic=f"About {room[1:]}", order=room
        )
        for room in rooms
    ]
    timelines, files = {}, {"file/av": ("image/png", png(200))}
    for room in rooms:
        timelines[room], more = timeline(room, count)
        files |= more
    posts = Posts(timelines, files)
    people = tuple(
        Person(
            id=member(number),
            admin=number == 0,
            memberships=tuple(
                Membership(channel=room, member=member(number), level=100 if number == 0 else 50 if number == 1 else 0)
                for room in ("!space", *rooms)
                if room != "!c" or number < 2
            ),
        )
        for number in range(10)
    )
    settings = tuple(
        Setting(channel=room, name="m.room.join_rules", value=value)
        for room, value in (
            ("!space", '{"join_rule":"invite"}'),
            ("!a", '{"allow":["!space"],"join_rule":"restricted"}'),
            ("!b", '{"join_rule":"public"}'),
            ("!c", '{"join_rule":"invite"}'),
        )
    )
    desired = Desired(
        archive_id="cd" * 32,
        position="w:3",
        moment=T0 + 10**9,
        group=Group(ref="!space", platform="toy", origin="toy.test", name="Real Name", topic="Real topic"),
        channels=tuple(channels),
        settings=settings,
        pins={"!a": ("!a/3", "!a/1")},
        people=people,
        bans=(Ban(channel="!space", member=member(20)), Ban(channel="!a", member=member(21))),
        avatars={"file/av": posts.attachments["file/av"].blob},
    )
    return desired, posts


class ToyTarget:
    """A target whose world is one table: whatever is performed adds a row. Rows twice are things done twice."""

    platform: ClassVar[str] = "toy"
    performs: ClassVar[frozenset[Any]] = EVERY_VERB

    def __init__(self, path: Path, open_blob: Any = None, *, traits: frozenset[Trait] = ALL, kill_at: int = 0) -> None:
        self.path, self.open_blob, self.traits, self.kill_at = path, open_blob, traits, kill_at
        self.lock = threading.Lock()
        self.calls = 0
        self.finds = 0
        world = self.world()
        world.execute(
            "create table if not exists made (n integer primary key, key text, verb text, action text, body blob)"
        )
        world.execute("create index if not exists keys on made (key)")
        world.close()

    def world(self) -> sqlite3.Connection:
        world = sqlite3.connect(self.path, isolation_level=None)
        world.execute("pragma synchronous = off")  # a killed process loses nothing by it
        return world

    def rows(self) -> list[tuple[str, str, dict[str, Any], bytes | None]]:
        world = self.world()
        try:
            found = world.execute("select key, verb, action, body from made order by n").fetchall()
        finally:
            world.close()
        return [(key, verb, msgspec.json.decode(action), body) for key, verb, action, body in found]

    def observe(self) -> Observed:
        containers = {key: f"t{key}" for key, verb, _, _ in self.rows() if verb.startswith("create")}
        return Observed(platform="toy", account="me", traits=self.traits, containers=containers, limits={"post": 10.0})

    def perform(self, action: Action) -> Outcome:
        verb = str(action.__struct_config__.tag)
        body = b"".join(self.open_blob(action.blob)) if isinstance(action, verbs.Upload) else None
        if isinstance(action, verbs.Grant) and action.native.endswith("absent"):
            return Outcome(status="skipped", note="not-joined")
        with self.lock:
            self.calls += 1
            if self.kill_at and self.calls == self.kill_at and self.calls % 2:
                os.kill(os.getpid(), signal.SIGKILL)  # before doing it
            world = self.world()
            row = (action.key, verb, msgspec.json.encode(action), body)
            world.execute("insert into made (key, verb, action, body) values (?, ?, ?, ?)", row)
            world.close()
            if self.kill_at and self.calls == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)  # after doing it
        return Outcome(status="done", ref=f"t{action.key}")

    def find(self, action: Action) -> Outcome | None:
        self.finds += 1
        if isinstance(action, verbs.Upload | verbs.Configure):
            return None
        world = self.world()
        found = world.execute("select 1 from made where key = ?", (action.key,)).fetchone()
        world.close()
        return Outcome(status="already", ref=f"t{action.key}") if found else None

    def media(self, ref: str) -> Iterator[bytes]:
        yield next(body for key, _, _, body in self.rows() if f"t{key}" == ref)

    def read(self, group: str) -> Iterator[Any]:
        rows = self.rows()
        revealed = {action["channel"]: action for _, verb, action, _ in rows if verb == "reveal"}
        labels = {action["author"]: action["label"] for _, verb, action, _ in rows if verb == "add-author"}
        for key, verb, action, _ in rows:
            ref = f"t{key}"
            if verb in {"create-group", "create-channel"}:
                shown = revealed.get(ref, {"name": action["name"]})
                names = {field: shown.get(field, "") for field in ("name", "topic", "avatar")}
                kind = action["channel"].get("type", "room")
                yield Channel(ref=ref, group=group, parent=action.get("parent", ""), type=kind, **names)
            elif verb == "set-pins":
                yield Pins(channel=action["channel"], messages=tuple(action["messages"]))
            elif verb == "configure":
                yield Setting(channel=action["channel"], name=action["setting"], value=action["value"])
            elif verb == "ban-member":
                yield Member(id=native_id(action["native"]), platform="toy", origin="new", native=action["native"])
                yield Ban(channel=action["channel"], member=native_id(action["native"]))
            elif verb == "grant":
                yield Member(id=native_id(action["native"]), platform="toy", origin="new", native=action["native"])
                yield Membership(channel=action["channel"], member=native_id(action["native"]), level=action["level"])
            else:
                yield from self._event(key, verb, action)
        for author, label in labels.items():
            yield Member(id=author, platform="toy", origin="new", native=f"ghost {author}", name=label)

    def _event(self, key: str, verb: str, action: dict[str, Any]) -> Iterator[Any]:
        common = {"channel": action.get("channel"), "ref": f"t{key}", "marker": key, "author": action.get("author", "")}
        words = {"text": action.get("text", ""), "html": action.get("html", "")}
        if verb == "post":
            media = tuple(Media(ref=one["upload"], name=one.get("name", "")) for one in action.get("media", []))
            poll = msgspec.convert(action["poll"], Poll) if action.get("poll") else None
            links = {"reply_to": action.get("reply_to", ""), "thread": action.get("thread", "")}
            kind = action.get("type", "text")
            yield Message(time=action["time"], type=kind, media=media, poll=poll, **common, **words, **links)
        elif verb == "edit-post":
            yield Edit(time=action["time"], target=action["target"], **common, **words)
        elif verb == "react":
            yield Reaction(time=action["time"], target=action["target"], key=action["reaction"], **common)

    def close(self) -> None:
        pass


class Faulty(ToyTarget):
    """Does the work and then loses the answer, or loses the request, as `fault(number of the call)` says."""

    def __init__(self, path: Path, open_blob: Any, fault: Any) -> None:
        super().__init__(path, open_blob)
        self.fault = fault
        self.number = 0

    def perform(self, action: Action) -> Outcome:
        with self.lock:
            self.number += 1
            number = self.number
        match self.fault(number):
            case "before":
                raise InDoubt("the connection was lost")
            case "after":
                super().perform(action)
                raise InDoubt("the connection was lost")
            case "refuse" if isinstance(action, verbs.Post):
                raise Refused("no")
            case _:
                return super().perform(action)


def native_id(native: str) -> str:
    return hashlib.sha256(native.encode()).hexdigest()[:32]


def natives(person: str) -> str:
    return f"handle of {person[:6]}"


def toy_plan(desired: Desired, posts: Posts, *, traits: frozenset[Trait] = ALL, **policy: Any) -> verbs.Plan:
    settled = Policy(**{"key": KEY, "content": "all", "authors": "ghost", **policy})
    observed = Observed(platform="toy", account="me", traits=traits, limits={"post": 10.0})
    return make_plan(desired, observed, EVERY_VERB, settled, posts, target="toy")


def run(folder: Path, plan: verbs.Plan, posts: Posts, target: ToyTarget, **options: Any) -> applier.Report:
    settled = {"expect": plan.digest(), "timelines": posts, "natives": natives, **options}
    with Journal(journal_path(folder / "plan", plan), plan) as journal:
        return applier.apply(plan, target, journal, **settled)


if __name__ == "__main__":
    from grouparchive.restore.metadata import stripping

    where, kill_at = Path(sys.argv[1]), int(sys.argv[2])
    wanted, all_posts = community()
    run(
        where,
        toy_plan(wanted, all_posts),
        all_posts,
        ToyTarget(where / "world.sqlite", stripping(all_posts.blob), kill_at=kill_at),
        reveal=True,
    )
