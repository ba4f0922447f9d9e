"""The sandbox itself: a small chat service in one plain SQLite file, as its people and its operators see it.

Tests and drills make a world, let things happen in it and look at it through a member's eyes. Nothing here knows of archives or
of ports: connector, target and messenger stand on this as the others stand on a server.
"""

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from grouparchive.errors import NotFound, PlatformError, Refused

OWNER: Final = 100
ADMIN: Final = 50
START: Final = 1_700_000_000_000
"""When a world's clock starts. Each event comes a minute after the one before."""
JOINING: Final = "m.room.join_rules"
"""The setting that says who may come in, in Matrix's words: invite (the default), restricted (who is in the parent), public."""
KEEPER: Final = "@keeper:sandbox"
PIECE: Final = 1024 * 1024

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS people (handle TEXT PRIMARY KEY, name TEXT, avatar TEXT);
CREATE TABLE IF NOT EXISTS channels (
  n INTEGER PRIMARY KEY AUTOINCREMENT, ref TEXT UNIQUE, grp TEXT, parent TEXT, type TEXT, name TEXT, topic TEXT,
  avatar TEXT, created INTEGER, pins TEXT, marker TEXT
);
CREATE TABLE IF NOT EXISTS settings (channel TEXT, name TEXT, value TEXT, PRIMARY KEY (channel, name));
CREATE TABLE IF NOT EXISTS members (
  channel TEXT, handle TEXT, state TEXT, level INTEGER DEFAULT 0, since INTEGER, by TEXT, reason TEXT, unread INTEGER DEFAULT 0,
  PRIMARY KEY (channel, handle)
);
CREATE TABLE IF NOT EXISTS events (
  n INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT, ref TEXT UNIQUE, kind TEXT, target TEXT, time INTEGER, author TEXT,
  body TEXT, marker TEXT
);
CREATE INDEX IF NOT EXISTS events_by_channel ON events (channel, n);
CREATE INDEX IF NOT EXISTS events_by_marker ON events (channel, marker);
CREATE TABLE IF NOT EXISTS files (ref TEXT PRIMARY KEY, mime TEXT, data BLOB);
CREATE TABLE IF NOT EXISTS asked (n INTEGER PRIMARY KEY, channel TEXT, handle TEXT);
CREATE TABLE IF NOT EXISTS inbox (n INTEGER PRIMARY KEY, handle TEXT, key TEXT, text TEXT);
"""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one person's app shows them."""

    joined: frozenset[str]
    unread: dict[str, int]  # channel -> posts, where there are any
    invitations: dict[str, dict[str, str]]  # place -> what an invitation shows: name, topic, avatar, inviter
    inbox: list[str]


class World:
    """A world. Thread-safe, and several may be open on one file.

    Args:
        path: made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA synchronous = OFF")
            with self._change():
                for statement in filter(str.strip, _TABLES.split(";")):
                    self._db.execute(statement)
                self._db.execute(
                    "INSERT OR IGNORE INTO facts VALUES ('id', ?), ('clock', ?)", (secrets.token_hex(8), str(START))
                )
                self._person(KEEPER)
        except sqlite3.Error as error:
            raise PlatformError(
                "this is no sandbox, or it cannot be opened", hint="Check the path after file="
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @property
    def origin(self) -> str:
        """This world's own name among worlds."""
        return f"sandbox-{self._fact('id')}"

    # --- looking -----------------------------------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """The answer to a question in SQL: one request, so to speak."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def channel(self, ref: str) -> sqlite3.Row:
        """One channel.

        Raises:
            NotFound: there is none.
        """
        found = self.rows("SELECT * FROM channels WHERE ref = ?", ref)
        if not found:
            raise NotFound("there is no such channel in this sandbox")
        return found[0]

    def event(self, channel: str, ref: str) -> sqlite3.Row:
        """One event.

        Raises:
            NotFound: there is none.
        """
        found = self.rows("SELECT * FROM events WHERE channel = ? AND ref = ?", channel, ref)
        if not found:
            raise NotFound("there is no such post in this sandbox")
        return found[0]

    def member(self, channel: str, handle: str) -> sqlite3.Row | None:
        """Somebody's place in a channel."""
        found = self.rows("SELECT * FROM members WHERE channel = ? AND handle = ?", channel, handle)
        return found[0] if found else None

    def marked(self, table: str, marker: str, channel: str = "") -> str:
        """The ref of what bears a marker, "" where nothing does."""
        if table == "channels":
            found = self.rows("SELECT ref FROM channels WHERE marker = ?", marker)
        else:
            found = self.rows("SELECT ref FROM events WHERE channel = ? AND marker = ?", channel, marker)
        return str(found[0]["ref"]) if found else ""

    def sync_of(self, handle: str) -> Seen:
        """What a person's app shows."""
        query = (
            "SELECT m.*, c.name, c.topic, c.avatar FROM members m JOIN channels c ON c.ref = m.channel WHERE handle = ?"
        )
        places = self.rows(query, handle)
        return Seen(
            joined=frozenset(row["channel"] for row in places if row["state"] == "join"),
            unread={row["channel"]: row["unread"] for row in places if row["unread"]},
            invitations={
                row["channel"]: {
                    "name": row["name"],
                    "topic": row["topic"],
                    "avatar": row["avatar"],
                    "inviter": row["by"],
                }
                for row in places
                if row["state"] == "invite"
            },
            inbox=[row["text"] for row in self.rows("SELECT text FROM inbox WHERE handle = ? ORDER BY n", handle)],
        )

    def file(self, ref: str) -> Iterator[bytes]:
        """A file in pieces.

        Raises:
            NotFound: there is none.
        """
        found = self.rows("SELECT length(data) AS size FROM files WHERE ref = ?", ref)
        if not found:
            raise NotFound("there is no such file in this sandbox")
        for start in range(0, found[0]["size"], PIECE):
            piece = self.rows("SELECT substr(data, ?, ?) AS piece FROM files WHERE ref = ?", start + 1, PIECE, ref)
            yield piece[0]["piece"]

    # --- people ------------------------------------------------------------------------------------------------------

    def person(self, handle: str, name: str = "", avatar: str = "") -> str:
        """Somebody with an account."""
        with self._change():
            return self._person(handle, name, avatar)

    def join(self, channel: str, handle: str, *, level: int = 0, force: bool = False) -> None:
        """Somebody comes in.

        Raises:
            Refused: they may not. `force` puts them there as only an operator can.
        """
        with self._change():
            row, was = self.channel(channel), self.member(channel, handle)
            state = was["state"] if was else ""
            rule = self._rule(channel)
            above = self.member(row["parent"], handle)
            welcome = (
                force
                or rule == "public"
                or state == "invite"
                or (rule == "restricted" and above is not None and above["state"] == "join")
            )
            if state == "ban" or not welcome:
                raise Refused("this person may not come in")
            self._person(handle)
            self._put_member(channel, handle, "join", level)

    def leave(self, channel: str, handle: str) -> None:
        """Somebody leaves, or declines."""
        with self._change():
            self._put_member(channel, handle, "leave")

    def invite(self, channel: str, handle: str, by: str = KEEPER) -> None:
        """Somebody is asked to come in.

        Raises:
            Refused: they are banned, or there already, or there is no such account.
        """
        with self._change():
            self.channel(channel)
            was = self.member(channel, handle)
            if not self.rows("SELECT 1 FROM people WHERE handle = ?", handle):
                raise Refused("there is no such account in this sandbox")
            if was is not None and was["state"] in {"ban", "join"}:
                raise Refused("this person cannot be invited")
            self._put_member(channel, handle, "invite", by=by)
            self._db.execute("INSERT INTO asked (channel, handle) VALUES (?, ?)", (channel, handle))

    def ban(self, channel: str, handle: str, *, by: str = KEEPER, reason: str = "") -> None:
        """Somebody must not come back."""
        with self._change():
            self.channel(channel)
            self._person(handle)
            self._put_member(channel, handle, "ban", by=by, reason=reason)

    def grant(self, channel: str, handle: str, level: int) -> None:
        """Give somebody power."""
        with self._change():
            self._db.execute("UPDATE members SET level = ? WHERE channel = ? AND handle = ?", (level, channel, handle))

    def deliver(self, handle: str, key: str, text: str) -> None:
        """A private message."""
        with self._change():
            self._db.execute("INSERT INTO inbox (handle, key, text) VALUES (?, ?, ?)", (handle, key, text))

    # --- places ------------------------------------------------------------------------------------------------------

    def create_group(
        self, name: str, *, kind: str = "space", by: str = KEEPER, marker: str = "", topic: str = ""
    ) -> str:
        """A new group; its ref is also that of its top channel."""
        return self._create("", "", name=name, kind=kind, by=by, marker=marker, topic=topic)

    def create_channel(
        self, parent: str, name: str, *, kind: str = "room", by: str = KEEPER, marker: str = "", topic: str = ""
    ) -> str:
        """A channel below another."""
        return self._create(
            self.channel(parent)["grp"], parent, name=name, kind=kind, by=by, marker=marker, topic=topic
        )

    def describe(self, channel: str, *, name: str = "", topic: str = "", avatar: str = "") -> None:
        """Give a channel a name, a topic, a picture; "" leaves each as it is."""
        with self._change():
            self.channel(channel)
            for column, value in (("name", name), ("topic", topic), ("avatar", avatar)):
                if value:
                    self._db.execute(f"UPDATE channels SET {column} = ? WHERE ref = ?", (value, channel))  # noqa: S608 - ours

    def configure(self, channel: str, setting: str, value: str) -> None:
        """Change a setting; `value` is JSON."""
        with self._change():
            self.channel(channel)
            self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?)", (channel, setting, value))

    def pin(self, channel: str, *messages: str) -> None:
        """What is pinned from now on."""
        with self._change():
            for message in messages:
                self.event(channel, message)
            self._db.execute(
                "UPDATE channels SET pins = ? WHERE ref = ?", (msgspec.json.encode(messages).decode(), channel)
            )

    def delete_group(self, group: str) -> None:
        """Everything of a group is gone, as when an attacker deletes it."""
        with self._change():
            refs = [row["ref"] for row in self.rows("SELECT ref FROM channels WHERE grp = ?", group)]
            for table in ("events", "members", "settings"):
                self._db.executemany(f"DELETE FROM {table} WHERE channel = ?", [(ref,) for ref in refs])  # noqa: S608 - ours
            self._db.execute("DELETE FROM channels WHERE grp = ?", (group,))

    # --- posts -------------------------------------------------------------------------------------------------------

    def upload(self, data: bytes, mime: str = "application/octet-stream") -> str:
        """Keep a file."""
        ref = f"file-{secrets.token_hex(8)}"
        with self._change():
            self._db.execute("INSERT INTO files VALUES (?, ?, ?)", (ref, mime, data))
        return ref

    def remove_file(self, ref: str) -> None:
        """The file is gone; posts still point to it."""
        with self._change():
            self._db.execute("DELETE FROM files WHERE ref = ?", (ref,))

    def post(self, channel: str, author: str, text: str, **more: Any) -> str:
        """A post. `more`: time, marker, and what a body may hold (see `connector.Body`)."""
        return self._event("message", channel, author, {"text": text}, more)

    def edit(self, channel: str, target: str, author: str, text: str, **more: Any) -> str:
        """A new text for a post."""
        return self._event("edit", channel, author, {"text": text}, more, target=target)

    def react(self, channel: str, target: str, author: str, key: str, **more: Any) -> str:
        """A reaction to a post."""
        return self._event("reaction", channel, author, {"key": key}, more, target=target)

    def vote(self, channel: str, target: str, author: str, *choices: str, **more: Any) -> str:
        """An answer to a poll."""
        return self._event("vote", channel, author, {"choices": choices}, more, target=target)

    def delete(self, channel: str, target: str, author: str = KEEPER) -> str:
        """A post is deleted: its text is gone, that it was deleted stays."""
        with self._change():
            ref = self._event("tombstone", channel, author, {}, {}, target=target)
            self._db.execute("UPDATE events SET body = '' WHERE channel = ? AND ref = ?", (channel, target))
        return ref

    def raw(self, channel: str, body: str, *, kind: str = "message", author: str = KEEPER, time: int = START) -> str:
        """An event as no honest server would send it."""
        with self._change():
            return self._insert((channel, kind, "", time, author, body, ""))

    # --- inside ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _change(self) -> Iterator[None]:
        """All or nothing; may be nested."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def _fact(self, name: str) -> str:
        return str(self.rows("SELECT value FROM facts WHERE name = ?", name)[0]["value"])

    def _tick(self) -> int:
        now = int(self._fact("clock")) + 60_000
        self._db.execute("UPDATE facts SET value = ? WHERE name = 'clock'", (str(now),))
        return now

    def _person(self, handle: str, name: str = "", avatar: str = "") -> str:
        self._db.execute("INSERT OR IGNORE INTO people VALUES (?, ?, '')", (handle, handle[1:].partition(":")[0]))
        if name:
            self._db.execute("UPDATE people SET name = ? WHERE handle = ?", (name, handle))
        if avatar:
            self._db.execute("UPDATE people SET avatar = ? WHERE handle = ?", (avatar, handle))
        return handle

    def _rule(self, channel: str) -> str:
        found = self.rows("SELECT value FROM settings WHERE channel = ? AND name = ?", channel, JOINING)
        return str(json.loads(found[0]["value"]).get("join_rule", "invite")) if found else "invite"

    def _put_member(
        self, channel: str, handle: str, state: str, level: int = 0, *, by: str = "", reason: str = ""
    ) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO members (channel, handle, state, level, since, by, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (channel, handle, state, level, self._tick(), by, reason),
        )

    def _create(self, group: str, parent: str, *, name: str, kind: str, by: str, marker: str, topic: str) -> str:
        with self._change():
            ref = f"!{secrets.token_hex(6)}"
            self._db.execute(
                "INSERT INTO channels (ref, grp, parent, type, name, topic, avatar, created, pins, marker)"
                " VALUES (?, ?, ?, ?, ?, ?, '', ?, '[]', ?)",
                (ref, group or ref, parent, kind, name, topic, self._tick(), marker),
            )
            self._person(by)
            self._put_member(ref, by, "join", OWNER)
        return ref

    def _event(
        self,
        kind: str,
        channel: str,
        author: str,
        body: dict[str, Any],
        more: dict[str, Any],
        *,
        target: str = "",
    ) -> str:
        with self._change():
            self.channel(channel)
            if target:
                self.event(channel, target)
            place = self.member(channel, author)
            if place is None or place["state"] != "join":
                raise Refused("only who is in a channel can write there")
            more = dict(more)
            time, marker = more.pop("time", None), more.pop("marker", "")
            encoded = json.dumps({**body, **more}, ensure_ascii=False)
            now = self._tick()
            ref = self._insert((channel, kind, target, now if time is None else time, author, encoded, marker))
            if kind == "message":
                self._db.execute(
                    "UPDATE members SET unread = unread + 1 WHERE channel = ? AND state = 'join' AND handle <> ?",
                    (channel, author),
                )
        return ref

    def _insert(self, event: tuple[str, str, str, int, str, str, str]) -> str:
        """(channel, kind, target, time, author, body, marker) as a new event."""
        ref = f"${secrets.token_hex(8)}"
        query = "INSERT INTO events (ref, channel, kind, target, time, author, body, marker) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._db.execute(query, (ref, *event))
        return ref
