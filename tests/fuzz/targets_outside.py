"""Fuzz targets: what platforms send, and what people hand over as files."""

import base64
import contextlib
import functools
import hashlib
import hmac
import json
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from unittest import mock

import httpx
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from fuzz_kit import json_target, target

from grouparchive.errors import PlatformError
from grouparchive.model import codec
from grouparchive.model.records import AnyRecord, Message
from grouparchive.platforms.http import HttpClient, check_origin
from grouparchive.platforms.matrix import e2ee, markup, settings
from grouparchive.platforms.matrix.handles import Handles
from grouparchive.platforms.matrix.parse import TimelineParser
from grouparchive.platforms.matrix.sight import Sight
from grouparchive.platforms.matrix.state import RoomState

ROOM, ADA, BEN = "!room:example.org", "@ada:example.org", "@ben:example.org"


def identify(handle: str, *_: str) -> str:
    return hashlib.md5(handle.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def handles() -> Handles:
    known = Handles(identify)
    known.learn(ADA, "Ada", "")
    known.learn("@o'ben(b):example.org", "Ben", "")
    return known


# --- Matrix ----------------------------------------------------------------------------------------------------------


def event(kind: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": "$e", "sender": ADA, "origin_server_ts": 5, "content": content, **fields}


REPLY = {"m.in_reply_to": {"event_id": "$x"}}
THREAD = {"rel_type": "m.thread", "event_id": "$t", "is_falling_back": True, **REPLY}
INFO = {"mimetype": "image/png", "size": 5, "w": 1, "h": 1, "duration": 3}
EVENTS = [
    event(
        "m.room.message",
        {
            "msgtype": "m.text",
            "body": f"> <{BEN}> quoted\n\nhello Ben",
            "format": "org.matrix.custom.html",
            "formatted_body": f'<mx-reply>q</mx-reply>hello <a href="https://matrix.to/#/{BEN}">Ben</a>',
            "m.mentions": {"user_ids": [BEN]},
            "m.relates_to": REPLY,
            "org.grouparchive.key": "a" * 32,
        },
    ),
    event("m.room.message", {"msgtype": "m.text", "body": "in a thread", "m.relates_to": THREAD}),
    event("m.room.message", {"msgtype": "m.image", "body": "a.png", "url": "mxc://example.org/abc", "info": INFO}),
    event(
        "m.room.message", {"msgtype": "m.file", "body": "b", "filename": "a", "file": {"url": "mxc://example.org/abc"}}
    ),
    event("m.room.message", {"msgtype": "m.location", "body": "here", "geo_uri": "geo:1,2"}),
    event(
        "m.room.message",
        {
            "msgtype": "m.text",
            "body": "* new",
            "m.new_content": {"msgtype": "m.text", "body": "new"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"},
        },
    ),
    event("m.sticker", {"body": "wave", "url": "mxc://example.org/abc", "info": INFO}),
    event("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$x", "key": "x"}}),
    event("m.room.redaction", {"redacts": "$x"}, redacts="$x"),
    event("m.room.message", {}, unsigned={"redacted_because": event("m.room.redaction", {"redacts": "$e"})}),
    event(
        "m.room.encrypted",
        {"algorithm": "m.megolm.v1.aes-sha2", "session_id": "s", "ciphertext": "c", "m.relates_to": THREAD},
    ),
    event(
        "org.matrix.msc3381.poll.start",
        {
            "org.matrix.msc3381.poll.start": {
                "question": {"org.matrix.msc1767.text": "?"},
                "answers": [{"id": "1", "org.matrix.msc1767.text": "yes"}],
                "max_selections": 1,
                "kind": "org.matrix.msc3381.poll.undisclosed",
            }
        },
    ),
    event("m.poll.response", {"m.relates_to": {"event_id": "$x"}, "m.selections": ["1"]}),
    event("m.poll.end", {"m.relates_to": {"event_id": "$x"}}),
]
STATES = [
    event("m.room.create", {"room_version": "12", "type": "m.space", "additional_creators": [BEN]}, state_key=""),
    event("m.room.member", {"membership": "join", "displayname": "Ada"}, state_key=ADA),
    event(
        "m.room.member",
        {"membership": "ban", "reason": "spam", "avatar_url": "mxc://example.org/abc"},
        state_key=BEN,
        unsigned={"prev_content": {"membership": "join"}},
    ),
    event(
        "m.room.power_levels",
        {"users": {ADA: 100, BEN: "50"}, "users_default": 0, "ban": 50, "events": {"a": 50}, "notifications": {"room": 50}},
        state_key="",
        unsigned={"prev_content": {"users": {ADA: 50}}},
    ),
    event("m.room.name", {"name": "Lane"}, state_key=""),
    event("m.room.topic", {"topic": f"ask {BEN}"}, state_key=""),
    event("m.room.avatar", {"url": "mxc://example.org/abc", "info": INFO}, state_key=""),
    event("m.room.pinned_events", {"pinned": ["$x"]}, state_key=""),
    event("m.room.join_rules", {"join_rule": "restricted", "allow": [{"room_id": ROOM}]}, state_key=""),
    event("m.room.history_visibility", {"history_visibility": "joined"}, state_key=""),
    event("m.room.canonical_alias", {"alias": "#lane:example.org", "alt_aliases": ["#l:example.org"]}, state_key=""),
    event("m.room.server_acl", {"allow": ["*"], "deny": ["evil.example"], "allow_ip_literals": True}, state_key=""),
    event("m.room.retention", {"min_lifetime": 1, "max_lifetime": 2}, state_key=""),
    event("m.room.tombstone", {"replacement_room": "!other:example.org"}, state_key=""),
    event("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}, state_key=""),
    event("m.space.child", {"via": ["example.org"], "order": "a", "suggested": True}, state_key="!child:example.org"),
]  # fmt: skip


def raws(data: bytes) -> list[bytes]:
    """The events of an answer: lines, or the elements of one array."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return data.split(b"\n")
    return [json.dumps(one).encode() for one in found] if isinstance(found, list) else [data]


def fits(records: list[AnyRecord]) -> None:
    """What a parser gives out is what the archive takes."""
    for record in records:
        assert codec.decode(codec.encode(record)) == record


def timeline(data: bytes) -> None:
    found = raws(data)
    records, gaps, _ = TimelineParser(ROOM, handles()).page(found)
    fits([*records, *gaps])
    Sight(ADA, shut=True, whole=False).cut(found, last=True)


def room_state(data: bytes) -> None:
    room = RoomState(ROOM, raws(data))
    known = handles()
    room.learn(known)
    fits([room.group("example.org", known, ADA), room.channel("!g", "", "", known)])
    fits(room.records("!g", known)[0])
    fits(room.roster(known)[0])
    fits(list(room.gaps.take()))
    room.stamp()
    _ = room.shut, room.is_space, room.predecessor, room.age, room.levels.administers(ADA)
    for child in room.children():
        room.suggested(child)


json_target("matrix-timeline", timeline, EVENTS, STATES)
json_target("matrix-state", room_state, STATES)


def setting(data: bytes) -> None:
    wanted = settings.parse(data.decode("utf-8", "replace"))
    if wanted is not None:
        settings.joining(wanted)
        settings.levels({"ban": 50, "events": {}}, wanted, creators=True)
        settings.levels(wanted, wanted, creators=False)
        settings.shuts_out(wanted, "example.org")


json_target("matrix-setting", setting, *(state["content"] for state in STATES))


class Tags(HTMLParser):
    """What is in a text, as a client would see it."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in markup._ATTRIBUTES or tag in markup._VOID
        for name, value in attrs:
            assert name in markup._ATTRIBUTES[tag]
            assert not (value or "").lower().lstrip().startswith(("javascript:", "data:"))


HTML = (
    '<a href="https://x.example" onclick=y>t</a><script>s</script><img alt="a" src=x><b><i>x</b></i><!-- c --><br/>'
    '<span data-mx-color="#ff0000">y</span><mx-reply>z</mx-reply><details><summary>&lt;&#64;</summary></details>'
)


@target(HTML.encode(), b"<" * 50, b"<a href=javascript:x>", b"<!--" * 20)
def formatted_text(data: bytes) -> None:
    clean = markup.sanitise(data.decode("utf-8", "replace"))
    parser = Tags()
    parser.feed(clean)
    parser.close()


@target(f"hello {ADA}, <a href='https://matrix.to/#/{BEN}'>Ben</a> &#64;x:y matrix:u/ada:example.org".encode())
def people_in_texts(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    known = handles()
    plain, html, _ = known.body(text, text, [ADA])
    assert ADA not in plain
    assert ADA not in html
    known.clean(text)


KEYS = [
    {
        "algorithm": e2ee.ALGORITHM,
        "room_id": ROOM,
        "session_id": "s",
        "session_key": "k",
        "forwarding": [],
        "sender_key": "x",
    }
]


def key_file(plain: bytes) -> bytes:
    """A file as Element writes it, of one round."""
    head = b"\1" + bytes(32) + (1).to_bytes(4, "big")
    derived = PBKDF2HMAC(hashes.SHA512(), 64, bytes(16), 1).derive(b"word")
    encryptor = Cipher(algorithms.AES(derived[:32]), modes.CTR(bytes(16))).encryptor()
    body = head + encryptor.update(plain) + encryptor.finalize()
    body += hmac.digest(derived[32:], body, "sha256")
    return e2ee._BEGIN + b"\n" + base64.encodebytes(body) + e2ee._END


@target(lambda: key_file(json.dumps(KEYS).encode()), b"-----BEGIN MEGOLM SESSION DATA-----")
def room_key_file(data: bytes) -> None:
    with mock.patch.object(e2ee, "MAX_ROUNDS", 100):  # or the fuzzer only ever waits
        list(e2ee.read_key_file(data, "word"))


def room_keys(data: bytes) -> None:
    fits(list(e2ee.read_key_file(key_file(data), "word")))


json_target("room-keys-inside", room_keys, KEYS)


@functools.cache
def opener() -> Any:
    return e2ee.make_opener([], identify)


def decrypted(data: bytes) -> None:
    """What stands in an encrypted message: written by somebody in the room, seen by no server."""
    try:
        plain = msgspec.json.decode(data)
    except codec.UNREADABLE:
        return
    found = opener()
    found._decrypt = lambda *_: plain if isinstance(plain, dict) else None
    outer = json.dumps({"relates_to": THREAD})
    fits([found(Message(channel=ROOM, ref="$e", time=5, type="encrypted", data=outer))])


json_target("decrypted-event", decrypted, *EVENTS)


def encrypted(data: bytes) -> None:
    """The outside of one, as an archive holds it."""
    found = e2ee.make_opener([], identify)
    message = Message(channel=ROOM, ref="$e", time=5, type="encrypted", data=data.decode("utf-8", "replace"))
    assert found(message) == message


json_target("encrypted-event", encrypted, {"algorithm": e2ee.ALGORITHM, "session_id": "s", "ciphertext": "AwgA"})


# --- the web ---------------------------------------------------------------------------------------------------------

HEADERS = ("Retry-After", "Content-Encoding", "Content-Type", "Location")


@target(
    b'\0\0application/json\n{"a":1}',
    b'\3\0120\n{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":100}',
    b"\3\0Wed, 21 Oct 2026 07:28:00 GMT\n",
    b"\0\1gzip\n" + zlib.compress(b"{}"),
    b"\4\3https://evil.example\n",
    b'\5\0x\n{"error":"no"}',
)
def http_answer(data: bytes) -> None:
    """Two bytes are the status and which header, up to the line's end its value, the rest the body."""
    status = (200, 201, 204, 429, 302, 403, 404, 401, 500, 503, 400, 206)[data[0] % 12] if data else 200
    name = HEADERS[data[1] % len(HEADERS)] if len(data) > 1 else HEADERS[0]
    value, _, body = data[2:].partition(b"\n")

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=[(name.encode(), value)], stream=Body(body))

    with HttpClient("http://127.0.0.1:1", transport=httpx.MockTransport(answer), sleep=Impatience()) as client:
        for call in (
            lambda: client.get("/x", dict[str, Any]),
            lambda: client.send("PUT", "/x", dict[str, Any], json={}),
            lambda: b"".join(client.stream("/x")),
        ):
            with contextlib.suppress(PlatformError):
                call()


class Impatience:
    """Waits no time, and not for ever."""

    def __init__(self) -> None:
        self._waits = 0

    def __call__(self, seconds: float) -> None:
        assert 0 <= seconds < 1000
        self._waits += 1
        if self._waits > 9:
            raise PlatformError("waited enough")


class Body(httpx.SyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data


@target(b"https://example.org", b"http://[::1]:8008/", b"https://user:pw@x?y#z")
def origin(data: bytes) -> None:
    assert check_origin(data.decode("utf-8", "replace")).startswith(("https://", "http://"))
