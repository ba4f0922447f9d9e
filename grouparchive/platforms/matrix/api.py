"""Thin, typed calls of the Matrix client-server API. One method per endpoint; what answers mean is decided elsewhere."""

import re
from collections.abc import Iterator
from typing import Any, Self, TypeAlias
from urllib.parse import quote

import httpx
import msgspec

from grouparchive.errors import NotFound, PlatformError
from grouparchive.model.codec import UNREADABLE
from grouparchive.platforms.http import Content, HttpClient

Json: TypeAlias = dict[str, Any]
PAGE = 1000
"""Events asked for at once: the most a homeserver gives."""
MXC = re.compile(r"mxc://([A-Za-z0-9.:\[\]_-]{1,255})/([A-Za-z0-9_-]{1,255})")


class Whoami(msgspec.Struct, frozen=True):
    """Whose token this is."""

    user_id: str
    device_id: str = ""


class Messages(msgspec.Struct, frozen=True):
    """A page of a room's history. Events stay raw bytes until each is validated on its own. No `end`: nothing follows."""

    start: str = ""
    end: str | None = None
    chunk: list[msgspec.Raw] = []


class _Rooms(msgspec.Struct):
    joined_rooms: list[str] = []


class _Event(msgspec.Struct):
    event_id: str


class _Room(msgspec.Struct):
    room_id: str


class _Upload(msgspec.Struct):
    content_uri: str


def client(origin: str, token: str, transport: httpx.BaseTransport | None = None) -> HttpClient:
    """The HTTP client of one homeserver and one credential."""
    return HttpClient(origin, headers={"Authorization": f"Bearer {token}"}, transport=transport)


def seg(part: str) -> str:
    """One path segment, safely quoted."""
    # A ref may be hostile: "." and ".." would be folded away by the URL library.
    return quote(part, safe="") if part.strip(".") else quote(part, safe="").replace(".", "%2E")


class MatrixApi:
    """The calls we need. `as_user` of the writing ones makes an application service act as one of its users.

    Raises (every method):
        NotFound, Refused, InDoubt, PlatformError: as `HttpClient` says.
    """

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()

    # --- reading ---

    def whoami(self) -> Whoami:
        """Whose token this is."""
        return self.http.get("/_matrix/client/v3/account/whoami", Whoami)

    def joined_rooms(self) -> list[str]:
        """The rooms this account is in."""
        return self.http.get("/_matrix/client/v3/joined_rooms", _Rooms).joined_rooms

    def state(self, room: str) -> list[msgspec.Raw]:
        """All current state events of a room, members included."""
        return self.http.get(f"/_matrix/client/v3/rooms/{seg(room)}/state", list[msgspec.Raw])

    def state_event(self, room: str, kind: str, key: str = "") -> Json | None:
        """The content of one state event; None where there is none."""
        try:
            return self.http.get(f"/_matrix/client/v3/rooms/{seg(room)}/state/{seg(kind)}/{seg(key)}", Json)
        except NotFound:
            return None

    def messages(
        self, room: str, *, start: str = "", stop: str = "", backwards: bool = False, limit: int = PAGE
    ) -> Messages:
        """A page of history between two tokens ("" is the room's beginning or end)."""
        params: dict[str, str | int] = {"dir": "b" if backwards else "f", "limit": limit}
        if start:
            params["from"] = start
        if stop:
            params["to"] = stop
        return self.http.get(f"/_matrix/client/v3/rooms/{seg(room)}/messages", Messages, params=params)

    def event(self, room: str, event: str) -> Json | None:
        """One event; None where there is none, or none that we may see."""
        try:
            return self.http.get(f"/_matrix/client/v3/rooms/{seg(room)}/event/{seg(event)}", Json)
        except NotFound:
            return None

    def account_data(self, user: str, kind: str) -> Json | None:
        """What the account's own clients keep under this type."""
        try:
            return self.http.get(f"/_matrix/client/v3/user/{seg(user)}/account_data/{seg(kind)}", Json)
        except NotFound:
            return None

    def profile(self, user: str) -> Json:
        """What an account shows of itself."""
        return self.http.get(f"/_matrix/client/v3/profile/{seg(user)}", Json)

    def media(self, ref: str) -> Iterator[bytes]:
        """A file's bytes in pieces.

        Raises:
            NotFound: also when `ref` is no mxc: address.
        """
        found = MXC.fullmatch(ref)
        if not found:
            raise NotFound("this is no address of a file")
        path = f"/_matrix/client/v1/media/download/{seg(found[1])}/{seg(found[2])}"
        # Answers in at most 60 seconds even where the file has to come from another server.
        return self.http.stream(path, params={"timeout_ms": 60_000})

    # --- writing ---

    def send_event(
        self, room: str, kind: str, txn: str, content: Json, *, as_user: str = "", time: int | None = None
    ) -> str:
        """Post an event; the same `txn` again gives the same event. `time` counts for application services only."""
        path = f"/_matrix/client/v3/rooms/{seg(room)}/send/{seg(kind)}/{seg(txn)}"
        params = _acting(as_user, time)
        return self.http.send("PUT", path, _Event, json=content, params=params, idempotent=True).event_id

    def put_state(
        self, room: str, kind: str, key: str, content: Json, *, as_user: str = "", time: int | None = None
    ) -> str:
        """Set a state event. Setting the same content twice is one event."""
        path = f"/_matrix/client/v3/rooms/{seg(room)}/state/{seg(kind)}/{seg(key)}"
        params = _acting(as_user, time)
        return self.http.send("PUT", path, _Event, json=content, params=params, idempotent=True).event_id

    def put_account_data(self, user: str, kind: str, content: Json) -> None:
        """Keep something for the account's own clients, in place of what stood there."""
        path = f"/_matrix/client/v3/user/{seg(user)}/account_data/{seg(kind)}"
        self.http.send("PUT", path, Json, json=content, idempotent=True)

    def create_room(self, content: Json) -> str:
        """Make a room. Not idempotent: the API knows no transaction here."""
        return self.http.send("POST", "/_matrix/client/v3/createRoom", _Room, json=content).room_id

    def membership(self, room: str, action: str, content: Json | None = None, *, as_user: str = "") -> None:
        """POST to one of invite, kick, ban, unban, join, leave, knock of a room. Joining and leaving are idempotent."""
        path = f"/_matrix/client/v3/rooms/{seg(room)}/{action}"
        same = action in {"join", "leave", "ban", "unban"}
        self.http.send("POST", path, Json, json=content, params=_acting(as_user, None), idempotent=same)

    def upload(self, content: Content, mime: str, name: str = "", *, size: int = -1) -> str:
        """Put a file; its mxc: address. A second upload harms nobody, so it is retried. A stream must tell its `size`."""
        params = {"filename": name} if name else None
        headers = {"Content-Type": mime or "application/octet-stream"}
        if size >= 0:
            headers["Content-Length"] = str(size)
        answer = self.http.request(
            "POST", "/_matrix/media/v3/upload", params=params, content=content, headers=headers, idempotent=True
        )
        try:
            return msgspec.json.decode(answer, type=_Upload).content_uri
        except UNREADABLE as error:
            raise PlatformError("the server took a file and its answer cannot be understood") from error

    def register_ghost(self, localpart: str) -> None:
        """Make a user of the application service. Repeating it is refused with M_USER_IN_USE."""
        body = {"type": "m.login.application_service", "username": localpart, "inhibit_login": True}
        self.http.send("POST", "/_matrix/client/v3/register", Json, json=body)

    def set_display_name(self, user: str, name: str, *, as_user: str = "") -> None:
        """Give an account its display name."""
        path = f"/_matrix/client/v3/profile/{seg(user)}/displayname"
        body = {"displayname": name}
        self.http.send("PUT", path, Json, json=body, params=_acting(as_user, None), idempotent=True)


def _acting(as_user: str, time: int | None) -> dict[str, str | int]:
    params: dict[str, str | int] = {}
    if as_user:
        params["user_id"] = as_user
    if time is not None:
        params["ts"] = time
    return params
