"""Helpers for tests on the real homeserver: people who act by their own client calls, and a reading of what a backup sees."""

import hashlib
import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import pytest

from grouparchive.demo.homeserver import Homeserver
from grouparchive.model.ports import Cursor, Page, Source
from grouparchive.model.records import AnyRecord, Record
from grouparchive.platforms.matrix.connector import MatrixConnector

T = TypeVar("T", bound=Record)
_counter = itertools.count()
V3 = "/_matrix/client/v3"


def member_id(handle: str) -> str:
    """The ids that tests' `identify` gives."""
    return hashlib.md5(handle.encode(), usedforsecurity=False).hexdigest()


class Account:
    """Somebody on the homeserver."""

    def __init__(self, server: Homeserver, name: str) -> None:
        self.server = server
        self.local = f"{name}-{secrets.token_hex(4)}"
        self.token = server.register(self.local)
        self.handle = server.user_id(self.local)
        self.id = member_id(self.handle)

    def call(self, method: str, path: str, body: Any = None, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.server.call(method, V3 + path, self.token, {} if body is None and method != "GET" else body, params)

    def create(self, **content: Any) -> str:
        return str(self.call("POST", "/createRoom", content)["room_id"])

    def send(self, room: str, kind: str, content: dict[str, Any]) -> str:
        return str(self.call("PUT", f"/rooms/{quote(room)}/send/{kind}/{next(_counter)}", content)["event_id"])

    def say(self, room: str, body: str, **content: Any) -> str:
        return self.send(room, "m.room.message", {"msgtype": "m.text", "body": body, **content})

    def state(self, room: str, kind: str, content: dict[str, Any], key: str = "") -> str:
        return str(self.call("PUT", f"/rooms/{quote(room)}/state/{kind}/{quote(key)}", content)["event_id"])

    def redact(self, room: str, event: str) -> str:
        return str(self.call("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/{next(_counter)}", {})["event_id"])

    def let_in(self, room: str, other: "Account") -> None:
        self.call("POST", f"/rooms/{quote(room)}/invite", {"user_id": other.handle})
        other.call("POST", f"/rooms/{quote(room)}/join")

    def upload(self, data: bytes) -> str:
        path = "/_matrix/media/v3/upload"
        return str(self.server.call("POST", path, self.token, data, {"filename": "x"})["content_uri"])

    def source(self) -> Source:
        return Source(
            name="test", platform="matrix", options={"origin": self.server.url}, secrets={"token": self.token}
        )


@dataclass
class Seen:
    """What one reading of a group gave."""

    pages: list[Page] = field(default_factory=list)
    cursor: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[AnyRecord]:
        return [record for page in self.pages for record in page.records]

    def of(self, kind: type[T]) -> list[T]:
        return [record for record in self.records if isinstance(record, kind)]

    @property
    def gaps(self) -> list[tuple[str, int, bool]]:
        return [(gap.code, gap.count, gap.limit) for page in self.pages for gap in page.gaps]


@pytest.fixture
def people(homeserver: Homeserver) -> Callable[[str], Account]:
    return lambda name: Account(homeserver, name)


@pytest.fixture
def read() -> Iterator[Callable[..., Seen]]:
    """read(account, group, cursor) -> Seen: one run of the connector, its requests counted."""
    opened: list[MatrixConnector] = []

    def run(account: Account, group: str, after: Cursor | None = None, pages: int | None = None) -> Seen:
        connector = MatrixConnector(account.source(), lambda handle, *_: member_id(handle))
        opened.append(connector)
        assert group in [found.ref for found in connector.groups()]
        seen = Seen(cursor=dict(after or {}))
        connector.api.http._http.event_hooks = {"request": [lambda request: seen.requests.append(request.url.path)]}
        for page in itertools.islice(connector.pages(group, after or {}), pages):
            seen.pages.append(page)
            seen.cursor.update(page.cursor)
        return seen

    yield run
    for connector in opened:
        connector.close()
