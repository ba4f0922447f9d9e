"""Reads a sandbox: states and rosters first, then each channel's events by their number. Good to copy from.

The cursor holds, per channel, the number of the last event that was read. What arrives during a run is left for the next one.
"""

import re
import time as clock
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from grouparchive.errors import NotFound
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.ports import Cursor, Identify, MediaRequest, Page
from grouparchive.model.records import (
    AnyRecord,
    Ban,
    Channel,
    Edit,
    Gap,
    Group,
    Known,
    Media,
    Membership,
    Message,
    Millis,
    Name,
    Pins,
    Poll,
    Reaction,
    Record,
    Ref,
    Role,
    Roster,
    Setting,
    Text,
    Tombstone,
    Vote,
)
from grouparchive.platforms.sandbox.world import ADMIN, KEEPER, World

HANDLE = re.compile(r"@[A-Za-z0-9._-]{1,64}:sandbox\b")


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What an event says, as the sandbox stores it. Whatever does not fit is a gap."""

    text: Text = ""
    html: Text = ""
    type: Name = "text"
    reply_to: Ref = ""
    thread: Ref = ""
    media: tuple[Media, ...] = ()
    poll: Poll | None = None
    key: Name = ""
    choices: tuple[Ref, ...] = ()


class SandboxConnector:
    """See `model.ports.Connector`. `requests` counts the questions asked.

    Args:
        path: the sandbox's file.
        identify: gives people their ids.
        page: events per page.
    """

    platform: ClassVar[str] = "sandbox"
    exports: ClassVar[frozenset[type[Record]]] = frozenset(
        {Group, Channel, Setting, Role, Pins, Message, Edit, Reaction, Vote, Tombstone, Roster, Membership, Ban, Gap}
    )

    def __init__(self, path: Path, identify: Identify, *, page: int = 100) -> None:
        self._world = World(path)
        self._identify = identify
        self._page = page
        self.requests = 0

    def close(self) -> None:
        """Let go of the file."""
        self._world.close()

    def groups(self) -> Iterator[Group]:
        """The groups that the keeper administers."""
        query = "SELECT c.* FROM channels c JOIN members m ON m.channel = c.ref WHERE parent = '' AND handle = ? AND level >= ?"
        for row in self._ask(query + " AND state = 'join' ORDER BY c.n", KEEPER, ADMIN):
            yield self._group(row)

    def pages(self, group: Ref, after: Cursor) -> Iterator[Page]:
        """Everything of a group after the cursor.

        Raises:
            NotFound: there is no such group.
        """
        channels = self._ask("SELECT * FROM channels WHERE grp = ? ORDER BY n", group)
        if not channels:
            raise NotFound("there is no such group in this sandbox")
        now = self._ask("SELECT max(n) AS n FROM events")[0]["n"] or 0
        for row in channels:
            yield self._states(row)
            yield self._roster(row["ref"])
        for row in channels:
            yield from self._events(row["ref"], int(after.get(row["ref"], "0")), now)

    def media(self, ref: Ref) -> Iterator[bytes]:
        """A file's bytes.

        Raises:
            NotFound: it is gone.
        """
        yield from self._world.file(ref)

    # --- states ---

    def _states(self, row: Any) -> Page:
        records: list[AnyRecord] = [
            Channel(
                ref=row["ref"],
                group=row["grp"],
                type=row["type"],
                parent=row["parent"],
                order=f"{row['n']:08d}",
                name=self._clean(row["name"]),
                topic=self._clean(row["topic"]),
                avatar=row["avatar"],
                created=row["created"],
            )
        ]
        if row["ref"] == row["grp"]:
            records.insert(0, self._group(row))
        settings = self._ask("SELECT * FROM settings WHERE channel = ? ORDER BY name", row["ref"])
        records += [Setting(channel=row["ref"], name=one["name"], value=self._clean(one["value"])) for one in settings]
        levels = self._ask("SELECT DISTINCT level FROM members WHERE channel = ? AND level > 0", row["ref"])
        records += [Role(group=row["grp"], ref=str(one["level"]), level=one["level"]) for one in levels]
        records.append(Pins(channel=row["ref"], messages=tuple(msgspec.json.decode(row["pins"], type=list[str]))))
        return Page(records=records, media=[MediaRequest(ref=row["avatar"])] if row["avatar"] else [])

    def _group(self, row: Any) -> Group:
        return Group(
            ref=row["ref"],
            platform=self.platform,
            origin=self._world.origin,
            name=self._clean(row["name"]),
            topic=self._clean(row["topic"]),
            avatar=row["avatar"],
            created=row["created"],
            account=self._id(KEEPER),
        )

    def _roster(self, channel: str) -> Page:
        members: list[AnyRecord] = []
        bans: list[AnyRecord] = []
        media: list[MediaRequest] = []
        query = "SELECT m.*, p.name, p.avatar FROM members m JOIN people p USING (handle) WHERE channel = ?"
        for row in self._ask(query + " AND state <> 'leave' ORDER BY handle", channel):
            member = self._identify(row["handle"], row["name"], row["avatar"])
            if row["state"] == "ban":
                by = self._id(row["by"]) if row["by"] else ""
                bans.append(Ban(channel=channel, member=member, by=by, reason=row["reason"], time=row["since"]))
                continue
            level = row["level"]
            roles = (str(level),) if level else ()
            members.append(
                Membership(
                    channel=channel,
                    member=member,
                    state=row["state"],
                    level=level,
                    roles=roles,
                    since=row["since"],
                )
            )
            if row["avatar"]:
                media.append(MediaRequest(ref=row["avatar"], vault="roster"))
        head = Roster(channel=channel, time=int(clock.time() * 1000), members=len(members), bans=len(bans))
        return Page(records=[head, *members, *bans], media=media)

    # --- events ---

    def _events(self, channel: str, after: int, now: int) -> Iterator[Page]:
        while True:
            rows = self._ask(
                "SELECT * FROM events WHERE channel = ? AND n > ? AND n <= ? ORDER BY n LIMIT ?",
                channel,
                after,
                now,
                self._page,
            )
            if not rows:
                return
            after = rows[-1]["n"]
            records: list[AnyRecord] = []
            media: list[MediaRequest] = []
            unreadable = 0
            for row in rows:
                try:
                    record = self._event(row)
                except (*UNREADABLE, UnicodeError):
                    unreadable += 1
                    continue
                if record is not None:
                    records.append(record)
                if isinstance(record, Message):
                    media += [MediaRequest(ref=file.ref, mime=file.mime, size=file.size) for file in record.media]
            gaps = [Gap(code=Known.MESSAGE_UNREADABLE, scope=channel, count=unreadable)] if unreadable else []
            yield Page(records=records, cursor={channel: str(after)}, gaps=gaps, media=media)

    def _event(self, row: Any) -> AnyRecord | None:
        """One event as a record; None for a post that was deleted before we came.

        Raises:
            UNREADABLE, UnicodeError: it is malformed.
        """
        time = msgspec.convert(row["time"], Millis)
        channel, ref, target, author = row["channel"], row["ref"], row["target"], self._id(row["author"])
        if row["kind"] == "tombstone":
            return Tombstone(channel=channel, ref=ref, target=target, time=time, author=author)
        if not row["body"]:
            return None
        body = msgspec.json.decode(row["body"].encode(), type=Body)
        text, html, marker = self._clean(body.text), self._clean(body.html), row["marker"] or ""
        mentions = tuple(dict.fromkeys(self._id(handle) for handle in HANDLE.findall(body.text + " " + body.html)))
        match row["kind"]:
            case "message":
                record: dict[str, Any] = {
                    "kind": "message", "channel": channel, "ref": ref, "time": time, "author": author, "type": body.type,
                    "text": text, "html": html, "reply_to": body.reply_to, "thread": body.thread, "poll": body.poll,
                    "media": [msgspec.structs.replace(file, name=self._clean(file.name)) for file in body.media],
                    "mentions": mentions, "marker": marker,
                }  # fmt: skip
                return msgspec.convert(msgspec.to_builtins(record), Message)  # its type may be none that we know
            case "edit":
                return Edit(
                    channel=channel,
                    ref=ref,
                    target=target,
                    time=time,
                    author=author,
                    text=text,
                    html=html,
                    mentions=mentions,
                    marker=marker,
                )
            case "reaction":
                return Reaction(
                    channel=channel, ref=ref, target=target, time=time, author=author, key=body.key, marker=marker
                )
            case "vote":
                return Vote(channel=channel, ref=ref, target=target, time=time, author=author, choices=body.choices)
        raise msgspec.ValidationError("an event of a kind that nobody knows")

    # --- small things ---

    def _ask(self, query: str, *values: Any) -> list[Any]:
        self.requests += 1
        return self._world.rows(query, *values)

    def _id(self, handle: str) -> str:
        if not HANDLE.fullmatch(handle):
            raise msgspec.ValidationError("not a handle")
        found = self._world.rows("SELECT name, avatar FROM people WHERE handle = ?", handle)
        name, avatar = (found[0]["name"], found[0]["avatar"]) if found else ("", "")
        return self._identify(handle, name, avatar)

    def _clean(self, text: str) -> str:
        """A text with every handle replaced by the member's id."""
        return HANDLE.sub(lambda found: f"{{member:{self._id(found[0])}}}", text)
