"""Messages to one person on Matrix: a closed room for two without a name, the text, and last of all the invitation to it.

A room is made, noted among the account's direct chats, gets the text, and only then is the person asked in. So whatever is cut
off before leaves an empty room that nobody knows of, and what goes on later finds it by its marker: a state event of ours whose
state key is the key of the message. The next message to the same person goes to the same room, as long as they are in it.

The room is not encrypted: the servers of both sides can read the text. What was measured on a real server stands in docs/.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from grouparchive.errors import Flood, InDoubt, NotFound, PlatformError, Refused
from grouparchive.model.plan import Outcome
from grouparchive.model.ports import PersonalMessage
from grouparchive.platforms.http import answer_of
from grouparchive.platforms.matrix.api import MatrixApi
from grouparchive.platforms.matrix.events import MARKER, Event, Json, decode_event, items, obj

_POLLS: Final = (0.0, 0.5, 1.0)
"""Pauses, in seconds, before looking again for a room whose making was cut off: the server may still be at it."""
_MOST_CHATS: Final = 1000
_HERE: Final = frozenset({"invite", "join"})


@dataclass(slots=True)
class _Chat:
    """A room for two that we made. `keys` are the messages it was used for."""

    room: str
    membership: str = ""  # of the person
    declined: bool = False  # they said no without ever coming in
    encrypted: bool = False
    others: bool = False  # somebody else is in it
    keys: set[str] = field(default_factory=set)

    @property
    def usable(self) -> bool:
        """May the next message go there?"""
        return self.membership in _HERE and not (self.encrypted or self.others)


class Direct:
    """Writes to single people.

    Args:
        api: calls of the account that writes.
    """

    def __init__(self, api: MatrixApi) -> None:
        self._api = api
        self._me = ""
        self._doubted: set[str] = set()  # messages whose room may be in the making
        self._begun: dict[str, str] = {}  # message -> room, found but not finished

    @property
    def me(self) -> str:
        """The account's own handle."""
        if not self._me:
            self._me = self._api.whoami().user_id
        return self._me

    def send(self, message: PersonalMessage) -> Outcome:
        """Write to somebody, or finish what was begun. Raises as `Messenger.send`."""
        person = message.recipient
        if person == self.me:
            raise Refused("the message is to the account that sends it")
        chats = list(self._chats(person))
        chat = next((one for one in chats if message.key in one.keys), None)
        begun = self._begun.get(message.key, "")
        if chat is None and begun:
            chat = self._look(begun, person)
        if chat is not None:
            return self._finish(chat, message, said=self._said(chat.room, message.key))
        if any(one.declined for one in chats):
            raise Refused("somebody has declined what was written to them before")
        chat = next((one for one in chats if one.usable), None)
        if chat is not None:
            self._api.put_state(chat.room, MARKER, message.key, {"key": message.key})
            return self._finish(chat, message, said=False)
        return self._finish(_Chat(self._make(message)), message, said=False)

    def find(self, message: PersonalMessage) -> Outcome | None:
        """What became of a message. Looks at every room of ours, as an earlier run may have been cut off anywhere."""
        for pause in _POLLS if message.key in self._doubted else _POLLS[:1]:
            time.sleep(pause)
            chat = self._search(message)
            if chat is not None:
                break
        else:
            return None
        if not self._said(chat.room, message.key) or not chat.membership:
            self._begun[message.key] = chat.room
            return None
        return Outcome(status="already", note="declined" if chat.declined else "sent")

    def revoke(self, message: PersonalMessage) -> str:
        """The room to which somebody was asked with this message, "" where there is none."""
        chat = self._search(message)
        return chat.room if chat else ""

    # --- steps ---

    def _make(self, message: PersonalMessage) -> str:
        """A room for two, in which nobody is yet."""
        self._check_known(message.recipient)
        content: Json = {
            "preset": "private_chat",
            "visibility": "private",
            "is_direct": True,
            "power_level_content_override": {"invite": 100},  # it stays a room for two
            "initial_state": [
                {"type": MARKER, "state_key": message.key, "content": {"key": message.key}},
                # The text is there before the person is, and is for them to read.
                {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "shared"}},
                {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "forbidden"}},
            ],
        }
        try:
            room = self._api.create_room(content)
        except InDoubt:
            self._doubted.add(message.key)
            raise
        except Refused as error:  # nobody is named in the request: this is about us
            raise Flood("the server does not let this account make private rooms") from error.__cause__
        if self._api.state_event(room, "m.room.encryption") is not None:
            self._abandon(room)
            raise PlatformError(
                "this server encrypts every private room, and these messages are plain text; nobody was written to",
                hint="Write by mail or from an account on another server, or let the server's owner change that.",
            )
        return room

    def _finish(self, chat: _Chat, message: PersonalMessage, *, said: bool) -> Outcome:
        """Do what is missing, in an order in which the person comes last."""
        fresh = not (said and chat.membership)
        self._note(message.recipient, chat.room)
        if not said:
            text: Json = {"msgtype": "m.text", "body": message.text}
            self._api.send_event(chat.room, "m.room.message", message.key, text)
        if not chat.membership:
            self._invite(chat.room, message.recipient)
        self._begun.pop(message.key, None)
        return Outcome(status="done" if fresh else "already", note="declined" if chat.declined else "sent")

    def _invite(self, room: str, person: str) -> None:
        content: Json = {"membership": "invite", "is_direct": True}  # apps show it among people, not among groups
        try:
            self._api.put_state(room, "m.room.member", person, content)
        except Refused as error:
            if answer_of(error).status == 403:
                self._abandon(room)
                self._note(person, room, out=True)
            raise

    def _abandon(self, room: str) -> None:
        """Leave a room that nobody ever came to see."""
        with contextlib.suppress(PlatformError):  # it harms nobody if it stays
            self._api.membership(room, "leave")

    def _note(self, person: str, room: str, *, out: bool = False) -> None:
        """Keep the account's list of direct chats, by which apps sort them. What else stands there stays."""
        known = self._api.account_data(self.me, "m.direct") or {}
        rooms = [one for one in items(known.get(person), _MOST_CHATS) if isinstance(one, str)]
        if (room in rooms) is not out:
            return
        rooms = [one for one in rooms if one != room] if out else [*rooms, room]
        self._api.put_account_data(self.me, "m.direct", {**known, person: rooms})

    def _check_known(self, person: str) -> None:
        """Is there such an account? Where nobody says, the invitation tells."""
        try:
            self._api.profile(person)
        except NotFound:
            raise Refused("there is no such account") from None
        except Refused as error:
            if answer_of(error).status == 401:
                raise

    # --- looking ---

    def _search(self, message: PersonalMessage) -> _Chat | None:
        """The room that was used for a message: among the chats with the person, else among all."""
        for chat in self._chats(message.recipient):
            if message.key in chat.keys:
                return chat
        for room in self._api.joined_rooms():
            if self._api.state_event(room, MARKER, message.key) is None:
                continue
            found = self._look(room, message.recipient)
            if found is not None and message.key in found.keys:
                return found
        return None

    def _chats(self, person: str) -> Iterator[_Chat]:
        """The rooms for two with somebody that we made, the newest first."""
        known = obj(self._api.account_data(self.me, "m.direct")).get(person)
        noted = [room for room in items(known, _MOST_CHATS) if isinstance(room, str)]
        if not noted:
            return
        joined = set(self._api.joined_rooms())
        for room in reversed(noted):
            if room in joined and (chat := self._look(room, person)) is not None and chat.keys:
                yield chat

    def _look(self, room: str, person: str) -> _Chat | None:
        """A room as it stands; None where we did not make it. A marker by anybody else counts for nothing."""
        found, creator = _Chat(room), ""
        for raw in self._api.state(room):
            try:
                event = decode_event(raw)
            except ValueError:
                continue  # none of ours
            if event.type == "m.room.create":
                creator = event.sender
            elif event.type == MARKER and event.sender == self.me:
                found.keys.add(event.state_key or "")
            elif event.type == "m.room.encryption":
                found.encrypted = True
            elif event.type == "m.room.member":
                _take(found, event, person, self.me)
        if found.membership == "leave" and found.declined:
            found.declined = not self._was_in(room, person)
        return found if creator == self.me else None

    def _was_in(self, room: str, person: str) -> bool:
        """Did somebody who is gone ever join?"""
        return any(
            event.type == "m.room.member" and event.state_key == person and event.content.get("membership") == "join"
            for event in self._back(room)
        )

    def _said(self, room: str, key: str) -> bool:
        """Does a text of ours follow the marker of a message?"""
        text = False
        for event in self._back(room):
            if event.sender != self.me:
                continue
            if event.type == MARKER:
                if event.state_key == key:
                    return text
                text = False
            text = text or event.type == "m.room.message"
        return False

    def _back(self, room: str) -> Iterator[Event]:
        """What happened in a room, the newest first."""
        start = ""
        while True:
            page = self._api.messages(room, start=start, backwards=True)
            for raw in page.chunk:
                try:
                    yield decode_event(raw)
                except ValueError:
                    continue  # hostile or odd: none of ours
            if not page.end or page.end == start:
                return
            start = page.end


def _take(chat: _Chat, event: Event, person: str, me: str) -> None:
    membership = event.content.get("membership")
    if event.state_key == person:
        chat.membership = membership if isinstance(membership, str) else ""
        chat.declined = membership == "leave" and event.sender == person
    elif event.state_key != me and membership in _HERE:
        chat.others = True
