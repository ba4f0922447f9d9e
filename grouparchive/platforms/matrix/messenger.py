"""Invites people to a room on Matrix (one handle, one room, no reason, nothing else sent), and writes to them (`direct.py`).

What the invited see is the room's name, topic and picture and who invites: that is why a rebuilt room bears a neutral name, and
a room for a message none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import ClassVar

import httpx

from grouparchive.errors import Flood, InDoubt, NotFound, PlatformError, Refused, UsageError
from grouparchive.model.plan import Outcome
from grouparchive.model.ports import PersonalMessage, Source
from grouparchive.platforms.http import answer_of
from grouparchive.platforms.matrix.api import MatrixApi, client
from grouparchive.platforms.matrix.direct import Direct
from grouparchive.platforms.matrix.events import text
from grouparchive.platforms.matrix.handles import check_handle
from grouparchive.platforms.matrix.markers import member_state

NOTES = {"invite": "invited", "join": "joined", "leave": "declined", "ban": "banned"}
"""Membership in the room -> what `find` says about it. Who left after joining counts as declined: they are left in peace."""
_STOPPED = frozenset({"M_USER_SUSPENDED", "M_USER_LOCKED", "M_USER_DEACTIVATED"})
"""Errors by which a server says that it has shut our own account."""


class MatrixMessenger:
    """See `model.ports.Messenger`.

    Args:
        source: where, and with which token.
        transport: in place of the network, for tests.
    """

    platform: ClassVar[str] = "matrix"

    def __init__(self, source: Source, *, transport: httpx.BaseTransport | None = None) -> None:
        token = source.secrets.get("token", "").strip()
        if not token:
            raise UsageError("the access token is missing", hint="Set the source up again: grouparchive source add")
        self._api = MatrixApi(client(source.options.get("origin", ""), token, transport))
        self._direct = Direct(self._api)

    def close(self) -> None:
        """Let go of connections."""
        self._api.close()

    def send(self, message: PersonalMessage) -> Outcome:
        """Invite, or write, once.

        Raises:
            InDoubt: unknown whether it went out; ask `find`.
            Refused: it never will: no such handle, banned, declined, or this account may not invite.
            Flood: the server slows us down for longer than we wait, or has shut the account.
            NotFound: the room is gone.
            PlatformError: not sent; later perhaps.
        """
        _check(message.recipient)
        with _about_us():
            if message.kind == "message":
                return self._direct.send(message)
            return self._invite(message)

    def find(self, message: PersonalMessage) -> Outcome | None:
        """What the room's state says about a person: `already` with a note of `NOTES`, of a message "sent" or "declined".

        Raises:
            NotFound: the room is gone.
        """
        _check(message.recipient)
        with _about_us():
            if message.kind == "message":
                return self._direct.find(message)
            state = self._state(message.place, message.recipient)
            return Outcome(status="already", note=NOTES[state]) if state in NOTES else None

    def revoke(self, message: PersonalMessage) -> bool:
        """See `model.ports.Revokes`. Whoever joins in the very moment between our look and our word is put out, too: nothing in
        Matrix prevents that.
        """
        _check(message.recipient)
        with _about_us():
            room = message.place if message.kind == "invitation" else self._direct.revoke(message)
            if not room or self._state(room, message.recipient) != "invite":
                return False
            try:
                self._api.membership(room, "kick", {"user_id": message.recipient})
            except (Refused, InDoubt):
                state = self._state(room, message.recipient)
                if state == "invite":
                    raise
                return state == "leave"
            return True

    def _state(self, room: str, person: str) -> str:
        return text(member_state(self._api, room, person).get("membership"))

    def _invite(self, message: PersonalMessage) -> Outcome:
        if not message.place:
            raise Refused("an invitation needs a room")
        try:
            self._api.membership(message.place, "invite", {"user_id": message.recipient})
        except (Refused, InDoubt) as error:
            if _is_about_us(error):
                raise
            # Both may have a good reason: somebody is in the room already, or the server worked and then failed.
            known = self.find(message)
            if known is None:
                raise
            if known.note == "banned":
                raise Refused("somebody is banned from the room they would be invited to") from error
            return known
        return Outcome(status="done", note="invited")


@contextmanager
def _about_us() -> Iterator[None]:
    """Tell what a server says of our account from what it says of a person: only the latter is the end of a message.

    Raises:
        Flood, PlatformError: it speaks of us.
    """
    try:
        yield
    except (Flood, InDoubt, NotFound):
        raise
    except PlatformError as error:
        if not _is_about_us(error):
            raise
        answer = answer_of(error)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Flood("the server says that this account sends too much") from answer
        if answer.code in _STOPPED:
            raise Flood("the server has suspended, locked or shut the account that sends") from answer
        raise PlatformError("the server does not accept this access (any more)", hint=Refused.default_hint) from answer


def _is_about_us(error: PlatformError) -> bool:
    answer = answer_of(error)
    return answer.code in _STOPPED or answer.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.UNAUTHORIZED}


def _check(handle: str) -> None:
    """Is this a handle?

    Raises:
        Refused: no.
    """
    try:
        check_handle(handle)
    except ValueError:
        raise Refused("a member's handle is none that this server could know") from None
