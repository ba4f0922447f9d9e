"""Telegram's messages to records, a block at a time. The many plain ones take a short way.

Names (in service lines, forwards, signatures) are looked up among those whose ids the file tells, and somebody who was invited
writes later, if ever. So such messages wait until all of the chat was read and come last, up to a number.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal, TypeGuard

import msgspec
from msgspec import UNSET

from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import LAST_MILLI, AnyRecord, Known, MemberId, Message, Reaction
from grouparchive.platforms.files.texts import LONG, fitted
from grouparchive.platforms.telegram.fields import Item, Line, Number, Odd
from grouparchive.platforms.telegram.media import Carried, Desk
from grouparchive.platforms.telegram.people import People, native
from grouparchive.platforms.telegram.service import told
from grouparchive.platforms.telegram.texts import render

_MOST_RECENT: Final = 1000
_MOST_WAITING: Final = 20_000


class Messages:
    """One chat's messages, in order. `seen` and `left` tell when people were there last or had gone, `pinned` what was pinned.

    Args:
        channel: the chat's ref.
        people: who is who.
        zone: of dates without a time zone.
        desk: takes files and gaps.
    """

    def __init__(self, channel: str, people: People, zone: tzinfo, desk: Desk) -> None:
        self.channel = channel
        self.people = people
        self.seen: dict[MemberId | Literal[""], int] = {}
        self.left: dict[MemberId, int] = {}
        self.pinned: dict[str, None] = {}
        self.uncounted = 0  # reactions of people who are not named
        self._zone = zone
        self._desk = desk
        self._carried = Carried(channel, people, desk)
        self._authors: dict[Any, MemberId] = {}
        self._others: set[MemberId] = set()  # channels and groups that write: no members
        self._twins: dict[str, int] = {}
        self._time = 0
        self._waiting: list[Item | Line] = []
        self._topics: set[int] = set()
        self._inside = (array("q"), array("q"))  # (message, topic) of those in topics, by message

    def records(self, items: Iterable[Item | Line | Odd]) -> tuple[list[AnyRecord], list[MediaRequest]]:
        """A block of them."""
        records: list[AnyRecord] = []
        media: list[MediaRequest] = []
        channel, authors, seen, keep = self.channel, self._authors, self.seen, records.append
        for one in items:
            if (
                type(one) is not Item
                or type(text := one.text) is not str
                or one.photo
                or one.file
                or one.reactions
                or one.edited
                or one.forwarded_from is not UNSET
                or one.reply_to_peer_id
                or one.via_bot
                or one.author
                or one.poll
                or one.location_information is not UNSET
                or one.contact_information
                or one.edited_unixtime
                or one.place_name
                or one.todo_list
                or one.game_title
                or one.invoice_information
                or one.giveaway_information
                or one.giveaway_results
                or one.paid_stars_amount
                or one.contact_vcard
                or one.id is None
                or len(text) > LONG
            ):
                if self._waits(one):
                    self._waiting.append(one)
                else:
                    self._other(one, records, media)
                continue
            time = one.date_unixtime * 1000
            if not 0 < time <= LAST_MILLI:
                time = self._when(one)
            author = authors.get(one.from_id) or self._author(one)
            seen[author] = self._time = time
            if one.reply_to_message_id:
                to, thread = self._place(one)
                keep(
                    Message(
                        channel=channel,
                        ref=str(one.id),
                        time=time,
                        author=author,
                        text=text,
                        reply_to=to,
                        thread=thread,
                    )
                )
            else:
                keep(Message(channel=channel, ref=str(one.id), time=time, author=author, text=text))
        return records, media

    def rest(self) -> tuple[list[AnyRecord], list[MediaRequest]]:
        """Those that waited, now that everybody is known."""
        records: list[AnyRecord] = []
        media: list[MediaRequest] = []
        for one in self._waiting:
            self._other(one, records, media)
        self._waiting.clear()
        return records, media

    def sightings(self) -> Iterable[tuple[MemberId, int, Literal["join", "leave"]]]:
        """Who was there, or had gone, and when."""
        for who in self.seen.keys() | self.left.keys():
            if who and who not in self._others:
                there, gone = self.seen.get(who, -1), self.left.get(who, -1)
                yield who, max(there, gone), "leave" if gone >= there else "join"

    # --- what is not plain -----------------------------------------------------------------------------------------------

    def _waits(self, one: Item | Line | Odd) -> TypeGuard[Item | Line]:
        """Does it give names for which it should wait?"""
        if len(self._waiting) >= _MOST_WAITING:
            return False
        if type(one) is Item:
            knows, forwarded = self.people.knows, one.forwarded_from
            return bool(
                (forwarded is not UNSET and forwarded and not knows(forwarded))
                or (one.author and not knows(one.author))
            )
        return type(one) is Line and bool(one.members or one.inviter)

    def _other(self, one: Item | Line | Odd, records: list[AnyRecord], media: list[MediaRequest]) -> None:
        if isinstance(one, Odd):
            said = "the program that exported it did not know this kind of message"
            self._desk.gap(Known.MESSAGE_UNREADABLE, f"{self.channel}/{one.id}", said)
            return
        time, author, ref = self._when(one), self._author(one), _ref(one)
        if one.id is None and (twin := self._twins.setdefault(ref, 0)):
            ref = f"{ref}-{twin}"
        if one.id is None:
            self._twins[_ref(one)] += 1
        if isinstance(one, Line):
            record, files = self._service(one, time, author, ref)
        else:
            record, files = self._message(one, time, author, ref)
        self._note(self.seen, record.author, time)
        records.append(record)
        media += files
        if one.reactions:
            self._reactions(one, time, ref, records)

    def _message(
        self, item: Item, time: int, author: MemberId | Literal[""], ref: str
    ) -> tuple[Message, Sequence[MediaRequest]]:
        people = self.people
        found = self._carried.of(item, ref)
        text, html, mentions = (item.text, "", ()) if type(item.text) is str else render(item.text, people)
        data = found.data
        if item.author and self._is_other(author):
            author = people.by_name(item.author)  # a post of a channel, signed
        if item.forwarded_from is not UNSET:
            data["forwarded_from"] = people.by_name(item.forwarded_from) if item.forwarded_from else ""
        if item.via_bot:
            data["via_bot"] = people.by_handle(item.via_bot)
        reply_to, thread = self._place(item) if item.reply_to_message_id else ("", "")
        if item.reply_to_peer_id and item.reply_to_message_id:
            reply_to = thread = ""
            data["reply_elsewhere"] = str(item.reply_to_message_id)
        edited = 0
        if item.edited or item.edited_unixtime:
            edited = millis(item.edited_unixtime, item.edited, self._zone) or 0
        text = text or found.text
        text, html = self._fitted(text, html, ref)
        record = Message(
            channel=self.channel,
            ref=ref,
            time=time,
            author=author,
            type=found.type,
            text=text,
            html=html,
            reply_to=reply_to,
            thread=thread,
            media=found.media,
            poll=found.poll,
            mentions=mentions,
            data=_json(data) if data else "",
            version=edited,
            edited=edited,
        )
        return record, found.requests

    def _service(
        self, line: Line, time: int, author: MemberId | Literal[""], ref: str
    ) -> tuple[Message, Sequence[MediaRequest]]:
        found = told(line, author, self.people)
        for who in found.joined:
            self._note(self.seen, who, time)
        for who in found.left:
            self._note(self.left, who, time)
        if found.pinned:
            self.pinned.pop(found.pinned, None)
            self.pinned[found.pinned] = None
        if line.action == "topic_created" and line.id is not None:
            self._topics.add(line.id)
        media, files = self._carried.photo(line, ref)
        text, _ = self._fitted(found.words, "", ref)
        record = Message(
            channel=self.channel,
            ref=ref,
            time=time,
            author=author,
            type="service",
            text=text,
            media=media,
            data=_json(found.data),
        )
        return record, files

    def _reactions(self, item: Item | Line, time: int, ref: str, records: list[AnyRecord]) -> None:
        """Those whose people are told, by when they reacted, and the number of the others."""
        for one in item.reactions or ():
            key = (one.emoji or f"{one.type}:{one.document_id}")[:200]
            recent = one.recent[:_MOST_RECENT]
            used: dict[int, int] = {}
            for last in recent:
                when = millis(0, last.date, self._zone)
                when = time if when is None else when + self._offset(item)
                used[when] = used.get(when, 0) + 1
                author = self.people.by_id(last.from_id, last.from_) if last.from_id else ""
                records.append(
                    Reaction(
                        channel=self.channel,
                        ref=f"{ref}/{key}/{when // 1000}-{used[when]}",
                        target=ref,
                        time=when,
                        author=author,
                        key=key,
                    )
                )
            if (more := one.count - len(recent)) > 0:
                self.uncounted += more
                records.append(
                    Reaction(channel=self.channel, ref=f"{ref}/{key}/more", target=ref, time=time, key=key, count=more)
                )

    # --- replies and topics ----------------------------------------------------------------------------------------------

    def _place(self, item: Item) -> tuple[str, str]:
        """(reply to, thread). What stands in a topic answers to the line that opened it, or to another message in it."""
        reply = item.reply_to_message_id
        if not self._topics:
            return str(reply), ""
        topic = reply if reply in self._topics else self._topic_of(reply)
        if not topic:
            return str(reply), ""
        if item.id is not None:
            self._inside[0].append(item.id)
            self._inside[1].append(topic)
        return "" if reply == topic else str(reply), str(topic)

    def _topic_of(self, message: int) -> int:
        messages, topics = self._inside
        at = bisect_left(messages, message)
        return topics[at] if at < len(messages) and messages[at] == message else 0

    # --- who, when, which ------------------------------------------------------------------------------------------------

    def _author(self, item: Item | Line) -> MemberId | Literal[""]:
        """Who wrote or did it, "" unknown."""
        peer, name = item.from_id, item.from_
        if isinstance(item, Line) and (item.actor_id or item.actor):
            peer, name = item.actor_id, item.actor
        if not peer:
            return self.people.by_name(name) if name else ""
        author = self._authors.get(peer)
        if author is None:
            if name:
                self.people.learn(name, peer)
            author = self._authors[peer] = self.people.by_id(peer, name)
            if native(peer).startswith("-"):
                self._others.add(author)
        return author

    def _is_other(self, author: str) -> bool:
        return not author or author in self._others

    def _when(self, item: Item | Line) -> int:
        """When it was sent. A time that cannot be read is that of the message before."""
        time = millis(item.date_unixtime, item.date, self._zone)
        if time is None:
            self._desk.gap(Known.TIME_UNKNOWN, f"{self.channel}/{_ref(item)}")
            return self._time
        self._time = time
        return time

    def _offset(self, item: Item | Line) -> int:
        """What to add to other local times beside a message whose time is given both ways."""
        zoned, local = millis(item.date_unixtime, "", self._zone), millis(0, item.date, self._zone)
        return 0 if zoned is None or local is None else zoned - local

    @staticmethod
    def _note(places: dict[Any, int], who: str, time: int) -> None:
        if places.get(who, -1) < time:
            places[who] = time

    def _fitted(self, text: str, html: str, ref: str) -> tuple[str, str]:
        """Texts that fit into a record."""
        text, html, lost = fitted(text, html)
        if lost:
            self._desk.gap(lost, f"{self.channel}/{ref}")
        return text, html


def millis(unixtime: Number, date: str, zone: tzinfo) -> int | None:
    """A time, from seconds or from a local date; None where neither can be read."""
    try:
        time = unixtime * 1000 if unixtime else _local(date, zone)
    except (ValueError, OverflowError):
        return None
    return time if 0 <= time <= LAST_MILLI else None


def _local(date: str, zone: tzinfo) -> int:
    found = datetime.fromisoformat(date[:40])
    return int((found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC).timestamp() * 1000)


def _json(data: dict[str, Any]) -> str:
    return msgspec.json.encode(data, order="sorted").decode()


def _ref(item: Item | Line) -> str:
    """The message's own number. Where it was taken out of the file, one made of what it says."""
    if item.id is not None:
        return str(item.id)
    who = (item.from_ or "", str(item.from_id or ""), item.action if isinstance(item, Line) else "")
    said = msgspec.json.encode([str(item.date_unixtime), item.date, *who, item.text])
    return f"{item.date_unixtime or item.date}-{hashlib.sha256(said).hexdigest()[:16]}"[-200:]
