"""Invites people to a room on Matrix: one handle, one room, no reason, nothing else sent.

What the invited see is the room's name, topic and picture and who invites: that is why a rebuilt room bears a neutral name.
"""

from typing import ClassVar

import httpx

from grouparchive.errors import InDoubt, Refused, UsageError
from grouparchive.model.plan import Outcome
from grouparchive.model.ports import PersonalMessage, Source
from grouparchive.platforms.matrix.api import MatrixApi, client
from grouparchive.platforms.matrix.events import text
from grouparchive.platforms.matrix.handles import check_handle
from grouparchive.platforms.matrix.markers import member_state

NOTES = {"invite": "invited", "join": "joined", "leave": "declined", "ban": "banned"}
"""Membership in the room -> what `find` says about it. Who left after joining counts as declined: they are left in peace."""


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

    def close(self) -> None:
        """Let go of connections."""
        self._api.close()

    def send(self, message: PersonalMessage) -> Outcome:
        """Invite once.

        Raises:
            InDoubt: unknown whether it went out; ask `find`.
            Refused: it never will: no such handle, banned, or this account may not invite.
            NotFound: the room is gone.
            PlatformError: not sent; later perhaps.
        """
        if message.kind != "invitation" or not message.place:
            raise Refused("Matrix carries invitations to a room and nothing else")
        _check(message.recipient)
        try:
            self._api.membership(message.place, "invite", {"user_id": message.recipient})
        except (Refused, InDoubt) as error:
            # Both may have a good reason: somebody is in the room already, or the server worked and then failed.
            known = self.find(message)
            if known is None:
                raise
            if known.note == "banned":
                raise Refused("somebody is banned from the room they would be invited to") from error
            return known
        return Outcome(status="done", note="invited")

    def find(self, message: PersonalMessage) -> Outcome | None:
        """What the room's state says about a person: `already` with a note of `NOTES`, or None.

        Raises:
            NotFound: the room is gone.
        """
        _check(message.recipient)
        state = text(member_state(self._api, message.place, message.recipient).get("membership"))
        return Outcome(status="already", note=NOTES[state]) if state in NOTES else None


def _check(handle: str) -> None:
    """Is this a handle?

    Raises:
        Refused: no.
    """
    try:
        check_handle(handle)
    except ValueError:
        raise Refused("a member's handle is none that this server could know") from None
