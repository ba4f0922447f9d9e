"""What the parts of the target share: connections, who we are, our stand-in accounts, what an earlier run made, locks."""

import re
import threading

import httpx

from grouparchive.errors import Refused, UsageError
from grouparchive.model.plan import Outcome
from grouparchive.model.ports import Source
from grouparchive.platforms.matrix.api import MatrixApi, client
from grouparchive.platforms.matrix.events import Json
from grouparchive.platforms.matrix.handles import check_handle
from grouparchive.platforms.matrix.markers import Markers

GHOST_PREFIX = "ga_"
SERVICE_HINT = "See docs/platforms/matrix-restore.md for the few lines that the homeserver needs."
_PREFIX = re.compile(r"[a-z0-9_.=/-]{1,40}")


class Session:
    """One account, and its application service where there is one. Thread-safe.

    Args:
        source: where, and with which tokens.
        transport: in place of the network, for tests.

    Raises:
        UsageError: the source is not complete.
    """

    def __init__(self, source: Source, transport: httpx.BaseTransport | None = None) -> None:
        self._prefix = source.options.get("ghost-prefix") or GHOST_PREFIX
        if not _PREFIX.fullmatch(self._prefix):
            raise UsageError("ghost-prefix may hold lower-case letters, digits and _ only", hint="For example ga_")
        self.origin = source.options.get("origin", "")
        if not source.secrets.get("token"):
            raise UsageError("the access token is missing", hint="Set the source up again: grouparchive source add")
        self.api = MatrixApi(client(self.origin, source.secrets["token"].strip(), transport))
        service = source.secrets.get("as-token", "").strip()
        self.service = MatrixApi(client(self.origin, service, transport)) if service else None
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._me = ""
        self._markers: Markers | None = None

    def close(self) -> None:
        """Let go of connections."""
        self.api.close()
        if self.service:
            self.service.close()

    @property
    def me(self) -> str:
        """The handle of the account that restores; asked of the server once, kept in memory only."""
        with self._lock:
            if not self._me:
                self._me = self.api.whoami().user_id
                check_handle(self._me)
            return self._me

    @property
    def server(self) -> str:
        """The name of the homeserver."""
        return self.me.partition(":")[2]

    @property
    def markers(self) -> Markers:
        """What an earlier run made."""
        me = self.me
        with self._lock:
            if self._markers is None:
                self._markers = Markers(self.api, me, self.is_ghost)
            return self._markers

    def ghost(self, author: str) -> str:
        """The handle of a stand-in."""
        return f"@{self._prefix}{author[:20]}:{self.server}"

    def is_ghost(self, handle: str) -> bool:
        """Is this an account that only our application service can use?"""
        return self.service is not None and handle.startswith(f"@{self._prefix}") and handle.endswith(f":{self.server}")

    def acting(self, author: str) -> tuple[MatrixApi, str]:
        """Who posts: a stand-in of the application service, or, for "", the account itself.

        Raises:
            Refused: there is no application service.
        """
        if not author:
            return self.api, ""
        if self.service is None:
            raise Refused("this account cannot post as others", hint="Make a new plan for it.")
        return self.service, self.ghost(author)

    def state(self, room: str, kind: str, key: str = "") -> Json:
        """The content of a state event, {} where there is none."""
        return self.api.state_event(room, kind, key) or {}

    def only(self, name: str) -> threading.Lock:
        """A lock for what is read, changed and written back, per room or stand-in."""
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())


def done(ref: str = "") -> Outcome:
    """It was done now."""
    return Outcome(status="done", ref=ref)


def already(ref: str) -> Outcome | None:
    """It was done before, if there is something to show for it."""
    return Outcome(status="already", ref=ref) if ref else None


def skipped(note: str) -> Outcome:
    """It was left alone, for this reason."""
    return Outcome(status="skipped", note=note)
