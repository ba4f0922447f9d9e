"""Helpers of the adversary's tests: a planted community on a homeserver, a machine of command lines, a scan of every byte."""

import base64
import bz2
import contextlib
import http.server
import io
import itertools
import json
import lzma
import os
import secrets
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote

from backports import zstd

from grouparchive.cli import app
from grouparchive.demo.homeserver import Homeserver

V3 = "/_matrix/client/v3"
PASSPHRASE = "five wholly invented words for adversaries"
_counter = itertools.count()
LIMIT = 1 << 26
_CHEAP = """
import functools, sys
from grouparchive.cli import app, archive
from grouparchive.crypto.slots import Argon2Cost, new_passphrase_slots
archive.new_passphrase_slots = functools.partial(new_passphrase_slots, cost=Argon2Cost(8192, 1, 1))
sys.exit(app.run(sys.argv[1:]))
"""


@dataclass
class Person:
    """Somebody on the homeserver."""

    server: Homeserver
    local: str
    name: str
    token: str = field(repr=False)
    avatar: str = ""

    @property
    def handle(self) -> str:
        return self.server.user_id(self.local)

    def call(self, method: str, path: str, body: Any = None, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.server.call(method, V3 + path, self.token, {} if body is None and method != "GET" else body, params)

    def send(self, room: str, content: dict[str, Any], kind: str = "m.room.message") -> str:
        path = f"/rooms/{quote(room)}/send/{kind}/{next(_counter)}-{secrets.token_hex(4)}"
        return str(self.call("PUT", path, content)["event_id"])

    def say(self, room: str, body: str, **more: Any) -> str:
        return self.send(room, {"msgtype": "m.text", "body": body, **more})

    def state(self, room: str, kind: str, content: dict[str, Any], key: str = "") -> None:
        self.call("PUT", f"/rooms/{quote(room)}/state/{kind}/{quote(key)}", content)

    def upload(self, data: bytes, name: str = "x") -> str:
        path = "/_matrix/media/v3/upload"
        return str(self.server.call("POST", path, self.token, data, {"filename": name})["content_uri"])


def person(server: Homeserver, word: str, name: str, avatar: bytes = b"") -> Person:
    """A new account with a display name and perhaps a picture."""
    local = f"{word}-{secrets.token_hex(4)}"
    one = Person(server, local, name, server.register(local))
    one.call("PUT", f"/profile/{quote(one.handle)}/displayname", {"displayname": name})
    if avatar:
        one.avatar = one.upload(avatar)
        one.call("PUT", f"/profile/{quote(one.handle)}/avatar_url", {"avatar_url": one.avatar})
    return one


class Planted:
    """A Space with three rooms, one of them with a single guest, in which everything that people can write is a canary."""

    WORDS = ("fennimore", "gatherwick", "hollispen", "inglethorn", "jessamore", "kettlebray")

    def __init__(self, server: Homeserver) -> None:
        self.server = server
        self.texts: list[str] = []
        self.files: list[bytes] = []
        self.people = [
            person(server, word, self.text(f"{word.capitalize()} Canaryname"), self.file(700 + 90 * at))
            for at, word in enumerate(self.WORDS)
        ]
        self.texts += [text for one in self.people for text in (one.handle, one.local)]
        self.admin, *self.guests = self.people
        self.banned = self.guests.pop()
        everyone = [one.handle for one in (*self.guests, self.banned)]
        self.space = self._room("Space of canaries", everyone, creation_content={"type": "m.space"})
        self.hall = self._room("Hall of canaries", everyone)
        self.nook = self._room("Nook of canaries", [self.guests[0].handle])  # one guest alone: the smallest roster
        self.rooms = [self.hall, self.nook]
        for room in self.rooms:
            self.admin.state(self.space, "m.space.child", {"via": [server.server_name]}, room)
        self.posts = [self._life(round_) for round_ in range(4)]
        self._speak_of(self.guests[0], self.guests[1])
        reason = {"user_id": self.banned.handle, "reason": self.text("banned for canary reasons")}
        self.admin.call("POST", f"/rooms/{quote(self.hall)}/ban", reason)

    def text(self, words: str) -> str:
        """A planted text."""
        text = f"{words} {secrets.token_hex(4)}"
        self.texts.append(text)
        return text

    def file(self, size: int) -> bytes:
        """A planted file."""
        data = b"canary file bytes " + os.urandom(size)
        self.files.append(data)
        return data

    def _room(self, name: str, guests: list[str], **more: Any) -> str:
        body = {
            "name": self.text(name),
            "topic": self.text("topic"),
            "preset": "private_chat",
            "invite": guests,
            **more,
        }
        room = str(self.admin.call("POST", "/createRoom", body)["room_id"])
        for one in (*self.guests, self.banned):
            if one.handle in guests:
                one.call("POST", f"/join/{quote(room)}")
        return room

    def _speak_of(self, one: Person, other: Person) -> None:
        """Handles wherever a handle can stand."""
        quoted = f"> <{other.handle}> what was said\n\n{self.text('an old client answers')}"
        one.say(self.hall, quoted, **{"m.relates_to": {"m.in_reply_to": {"event_id": self.posts[0]}}})
        name = f"photo of {other.handle}.bin"
        file = {"msgtype": "m.file", "body": name, "url": one.upload(self.file(900), name), "info": {"size": 918}}
        one.send(self.hall, file)
        topic = f"ask {other.handle} or https://matrix.to/#/{one.handle}"
        self.admin.state(self.hall, "m.room.topic", {"topic": topic})
        one.say(self.nook, f"{other.handle}, {one.handle.upper()} and {other.handle}!")

    def _life(self, round_: int) -> str:
        one, other = self.guests[round_ % len(self.guests)], self.guests[(round_ + 1) % len(self.guests)]
        text = self.text("what one says")
        pill = f'<a href="https://matrix.to/#/{other.handle}">{other.name}</a>'
        html = {"format": "org.matrix.custom.html", "formatted_body": f"<b>{text}</b> {pill}"}
        post = one.say(self.hall, f"{other.name}: {text}", **html, **{"m.mentions": {"user_ids": [other.handle]}})
        answer = self.text("what is answered")
        other.say(self.hall, answer, **{"m.relates_to": {"m.in_reply_to": {"event_id": post}}})
        changed = self.text("what was meant")
        edit = {"msgtype": "m.text", "body": f"* {changed}", "m.new_content": {"msgtype": "m.text", "body": changed}}
        one.send(self.hall, {**edit, "m.relates_to": {"rel_type": "m.replace", "event_id": post}})
        key = {"rel_type": "m.annotation", "event_id": post, "key": self.text("reaction")}
        other.send(self.hall, {"m.relates_to": key}, "m.reaction")
        name = self.text("file name") + ".bin"
        file = {"msgtype": "m.file", "body": name, "filename": name, "url": one.upload(self.file(3000), name)}
        one.send(self.hall, {**file, "info": {"mimetype": "application/octet-stream", "size": 3018}})
        self.guests[0].say(self.nook, self.text("said in the nook"))
        return post


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def done(self) -> dict[str, Any]:
        assert self.events[-1]["event"] == "done"
        return self.events[-1]


class Computer:
    """The machine that makes backups. `folder` is all of it; `drawer` lies elsewhere and holds the secrets."""

    def __init__(self, folder: Path, drawer: Path) -> None:
        self.folder, self.drawer = folder, drawer
        self.archive = folder / "group.gar"
        self.profile = folder / "profile"
        self.home, self.temp, self.logs = folder / "home", folder / "temp", folder / "logs"
        for place in (folder, drawer, self.home, self.temp, self.logs):
            place.mkdir(mode=0o700, exist_ok=True)
        self.passphrase = self.secret("passphrase", PASSPHRASE)

    def secret(self, name: str, text: str) -> Path:
        path = self.drawer / name
        path.touch(0o600)
        path.write_text(text + "\n")
        return path

    def words(self, *arguments: str | Path, opened: bool = False) -> list[str]:
        unlock = ["--passphrase-file", str(self.passphrase)] if opened else []
        start = [sys.executable, "-W", "error", "-m", "grouparchive", "--no-input", *unlock]
        return [*start, *map(str, arguments)]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "GROUPARCHIVE_"))}
        ours = {"GROUPARCHIVE_ARCHIVE": self.archive, "GROUPARCHIVE_PROFILE": self.profile}
        places = {"HOME": self.home, "TMPDIR": self.temp}
        return {**kept, **{name: str(path) for name, path in (ours | places).items()}}

    def run(
        self,
        *arguments: str | Path,
        code: int | None = 0,
        opened: bool = False,
        prepare: Callable[[], None] | None = None,
    ) -> Done:
        """A command in a process of its own. What unattended ones say goes to the machine's logs."""
        process = subprocess.Popen(
            self.words(*arguments, opened=opened),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment(),
            preexec_fn=prepare,  # noqa: PLW1509 - sets a resource limit of the child, nothing else
        )
        out, err = process.communicate(timeout=120)
        done = Done(process.returncode, out, err)
        if not opened:
            (self.logs / f"{next(_counter):06}.log").write_text(out + err)
        assert "Traceback" not in err, err
        if code is not None:
            assert done.code == code, out + err
        if done.code not in {0, 3}:
            plain(done)
        return done

    def here(self, *arguments: str | Path, code: int | None = 0, opened: bool = False) -> Done:
        """The same as `run`, in this process: faster, for tests of many small runs."""
        words = self.words(*arguments, opened=opened)
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with (
            mock.patch.multiple(sys, stdin=io.StringIO(), stdout=out, stderr=err),
            mock.patch.dict(os.environ, self.environment(), clear=True),
            contextlib.chdir(self.folder),
        ):
            ended = app.run(words[words.index("grouparchive") + 1 :])
        done = Done(ended, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]
        assert "Traceback" not in done.err, done.err
        if code is not None:
            assert done.code == code, done.out + done.err
        if done.code not in {0, 3}:
            plain(done)
        return done

    def init(self, *, cheap: bool = True) -> None:
        """A new archive; `cheap`: one guess at its passphrase costs little, so that opening it again and again does."""
        words = self.words("init", self.archive, "--recovery-file", self.drawer / "recovery", opened=True)
        if cheap:
            words = [words[0], "-W", "error", "-c", _CHEAP, *words[words.index("grouparchive") + 1 :]]
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, cwd=self.folder, env=self.environment()
        )
        assert done.returncode == 0, done.stderr
        (self.logs / "init.log").write_text(done.stdout + done.stderr)

    def add(self, name: str, origin: str, token: str, **more: str) -> None:
        options = [f"{key.replace('_', '-')}-file={self.secret(key, value)}" for key, value in more.items()]
        self.run(
            "source", "add", name, "matrix", f"origin={origin}", f"token-file={self.secret(name, token)}", *options
        )

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """A command that goes on; the caller ends it."""
        return subprocess.Popen(
            self.words(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            env=self.environment(),
        )


def plain(done: Done) -> None:
    """A failure is told in two plain lines, or as JSON with the same two."""
    told = [json.loads(line) for line in done.err.splitlines() if line.startswith('{"event":"error"')]
    if told:
        assert told[-1]["code"] == done.code
        assert told[-1]["error"]
        assert told[-1]["hint"]
        return
    assert "error: " in done.err, done.err
    assert "hint: " in done.err, done.err


class Between:
    """Stands between a machine and the homeserver, passes everything on, and can hold an answer back for ever."""

    def __init__(self, server: Homeserver) -> None:
        self.hold: Callable[[str], bool] = lambda _: False
        self.holding = threading.Event()
        self._over = threading.Event()
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(size) if size else None
                if between.hold(self.path):
                    between.holding.set()
                    between._over.wait(60)
                    self.close_connection = True
                    return
                headers = {
                    name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}
                }
                request = urllib.request.Request(server.url + self.path, body, headers, method=self.command)  # noqa: S310
                try:
                    found = urllib.request.urlopen(request, timeout=60)  # noqa: S310 - loopback
                except urllib.error.HTTPError as error:
                    found = error
                with found:
                    data = found.read()
                    self.send_response(found.status)
                    for name in ("Content-Type", "Content-Encoding"):
                        if found.headers.get(name):
                            self.send_header(name, found.headers[name])
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A killed client is what we are here for."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def kill(process: subprocess.Popen[str]) -> None:
    """End a process of ours at once."""
    process.send_signal(signal.SIGKILL)
    process.wait(20)


# --- the scan ----------------------------------------------------------------------------------------------------------


def files(place: Path) -> list[Path]:
    """Every file below a folder."""
    return [path for path in sorted(place.rglob("*")) if path.is_file() and not path.is_symlink()]


def _base64(raw: bytes) -> Iterator[bytes]:
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)
        inner = coded[
            4 if shift else 0 : (len(raw) + shift) // 3 * 4
        ]  # the signs at both ends depend on the neighbours
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def disguises(text: bytes) -> set[bytes]:
    """How a needle may stand in a file: in several encodings, as hex, in base64 at any of its offsets."""
    plain = {text}
    with contextlib.suppress(UnicodeDecodeError):
        words = text.decode()
        plain |= {words.encode("utf-16-le"), words.encode("utf-16-be"), words.encode("utf-32-le")}
        plain |= {json.dumps(words)[1:-1].encode(), quote(words).encode()}
    forms = {form for one in plain for form in (one, one.hex().encode(), one.hex().upper().encode(), *_base64(one))}
    return {form for form in forms if len(form) >= 6}


def readings(data: bytes) -> Iterator[bytes]:
    """The bytes as they are, and whatever unpacks from them at any place, once more unpacked."""
    yield data
    for inner in _unpacked(data):
        yield inner
        yield from _unpacked(inner)


def _unpacked(data: bytes) -> Iterator[bytes]:
    for marks, opened in (
        ((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"), zlib.decompressobj),
        ((b"\x1f\x8b\x08",), lambda: zlib.decompressobj(31)),
    ):
        for start in _places(data, marks):
            with contextlib.suppress(zlib.error):
                yield opened().decompress(data[start:], LIMIT)
    for start in _places(data, (b"\x28\xb5\x2f\xfd",)):
        with contextlib.suppress(zstd.ZstdError):
            yield zstd.ZstdDecompressor().decompress(data[start:], LIMIT)
    for start in _places(data, (b"BZh",)):
        with contextlib.suppress(OSError, ValueError):
            yield bz2.BZ2Decompressor().decompress(data[start:], LIMIT)
    for start in _places(data, (b"\xfd7zXZ\0",)):
        with contextlib.suppress(lzma.LZMAError):
            yield lzma.LZMADecompressor().decompress(data[start:], LIMIT)


def _places(data: bytes, marks: Iterable[bytes]) -> Iterator[int]:
    for mark in marks:
        at = data.find(mark)
        while at >= 0:
            yield at
            at = data.find(mark, at + 1)


def found(place: Path, texts: Iterable[str], blobs: Iterable[bytes] = ()) -> list[str]:
    """Which needles can be read below a folder, in contents, in the names of files, or in where links lead."""
    needles = {text: disguises(text.encode()) | disguises(text.casefold().encode()) for text in texts}
    for number, blob in enumerate(blobs):
        parts = (blob[:48], blob[len(blob) // 2 :][:48], blob[-48:])
        needles[f"file {number}"] = {form for part in parts for form in disguises(part)}
    hits = []
    sources = [(path.name, path.read_bytes()) for path in files(place)]
    links = [str(path.readlink()) for path in place.rglob("*") if path.is_symlink()]
    names = "\n".join([*(str(path.relative_to(place)) for path in place.rglob("*")), *links])
    for name, data in [*sources, ("the names of files", names.encode())]:
        for reading in readings(data):
            folded = reading.lower()
            for needle, forms in needles.items():
                if any(form in reading or form in folded for form in forms):
                    hits.append(f"{name}: {needle}")
    return hits
