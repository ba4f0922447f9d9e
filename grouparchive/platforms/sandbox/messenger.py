"""Invites people in a sandbox, and writes to them. One person, one message."""

from pathlib import Path
from typing import ClassVar

from grouparchive.errors import Refused
from grouparchive.model.plan import Outcome
from grouparchive.model.ports import PersonalMessage
from grouparchive.platforms.sandbox.world import World

NOTES = {"invite": "invited", "join": "joined", "leave": "declined", "ban": "banned"}


class SandboxMessenger:
    """See `model.ports.Messenger`.

    Args:
        path: the sandbox's file.
    """

    platform: ClassVar[str] = "sandbox"

    def __init__(self, path: Path) -> None:
        self._world = World(path)

    def close(self) -> None:
        """Let go of the file."""
        self._world.close()

    def send(self, message: PersonalMessage) -> Outcome:
        """Deliver once.

        Raises:
            Refused: no such person, or banned there.
            NotFound: no such place.
        """
        known = self.find(message)
        if known is not None:
            if known.note == "banned":
                raise Refused("somebody is banned from the place they would be invited to")
            return known
        if message.kind == "invitation":
            self._world.invite(message.place, message.recipient)
            return Outcome(status="done", note="invited")
        self._world.deliver(message.recipient, message.key, message.text)
        return Outcome(status="done", note="sent")

    def find(self, message: PersonalMessage) -> Outcome | None:
        """What is known of an invitation, or of a message.

        Raises:
            NotFound: no such place.
        """
        if message.kind == "message":
            sent = self._world.rows("SELECT 1 FROM inbox WHERE handle = ? AND key = ?", message.recipient, message.key)
            return Outcome(status="already", note="sent") if sent else None
        self._world.channel(message.place)
        member = self._world.member(message.place, message.recipient)
        return Outcome(status="already", note=NOTES[member["state"]]) if member else None

    def revoke(self, message: PersonalMessage) -> bool:
        """See `model.ports.Revokes`. A message stays where it is.

        Raises:
            NotFound: no such place.
        """
        known = self.find(message)
        if message.kind == "message" or known is None or known.note != "invited":
            return False
        self._world.leave(message.place, message.recipient)
        return True
