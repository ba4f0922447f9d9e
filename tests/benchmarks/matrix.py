"""A large room on a real homeserver: export and replay, each against a bare loop that makes the same requests."""

import hashlib
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from urllib.parse import quote

import httpx

from grouparchive.archive.writer import Writer
from grouparchive.backup import Identities, run_backup
from grouparchive.demo import words
from grouparchive.demo.homeserver import Homeserver
from grouparchive.model.plan import Desired, Person, Policy
from grouparchive.model.ports import Source
from grouparchive.model.records import Attachment, Channel, Group, Membership, Message
from grouparchive.platforms.matrix.connector import MatrixConnector
from grouparchive.platforms.matrix.target import MatrixTarget
from grouparchive.restore.applier import apply
from grouparchive.restore.journal import Journal
from grouparchive.restore.planner import make_plan
from tests.benchmarks.show import Line, show
from tests.benchmarks.worker import prepare

CLIENT = "/_matrix/client/v3"
AUTHORS = 12
IMAGES = 40
ROOMS = 4
ROUNDS = 3


class Counting(httpx.BaseTransport):
    """The network, counting what goes out."""

    def __init__(self) -> None:
        self.count = 0
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        self.count += 1
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Let go of connections."""
        self._inner.close()


def fill(server: Homeserver, token: str, posts: int) -> str:
    """A lone room with posts of several people, and pictures."""
    room = str(
        server.call("POST", f"{CLIENT}/createRoom", token, {"name": "Bench", "preset": "public_chat"})["room_id"]
    )
    authors = [server.user_id(f"writer{number}") for number in range(AUTHORS)]
    for author in authors:
        login = {"type": "m.login.application_service", "username": author[1:].split(":")[0], "inhibit_login": True}
        server.call("POST", f"{CLIENT}/register", server.seed_token, login)
        server.call("POST", f"{CLIENT}/join/{quote(room)}", server.seed_token, {}, {"user_id": author})
    path = f"{CLIENT}/rooms/{quote(room)}/send/m.room.message/"

    def post(number: int) -> None:
        content = {"msgtype": "m.text", "body": f"Post {number} about the pear tree, the ladder and the long table."}
        server.call("PUT", f"{path}b{number}", server.seed_token, content, {"user_id": authors[number % AUTHORS]})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(post, range(posts)))
    dice = random.Random(5)
    for number in range(IMAGES):
        data = words.picture(dice, 128)
        uri = server.call("POST", "/_matrix/media/v3/upload", token, data)["content_uri"]
        image = {"msgtype": "m.image", "body": f"{number}.png", "url": uri, "info": {"mimetype": "image/png"}}
        server.call("PUT", f"{path}i{number}", token, image)
    return room


def export_bare(server: Homeserver, token: str, room: str) -> float:
    """The same requests with nothing done about the answers but what is needed for the next one."""
    start = time.perf_counter()
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as http:
        http.get(f"{CLIENT}/account/whoami").raise_for_status()
        http.get(f"{CLIENT}/sync", params={"filter": '{"room":{"timeline":{"limit":1}}}'}).raise_for_status()
        http.get(f"{CLIENT}/sync", params={"filter": '{"room":{"rooms":[]}}'}).raise_for_status()
        http.get(f"{CLIENT}/rooms/{room}/state").raise_for_status()
        files, params = [], {"dir": "f", "limit": "1000"}
        while True:
            page = http.get(f"{CLIENT}/rooms/{room}/messages", params=params).json()
            files += [event["content"]["url"] for event in page["chunk"] if "url" in event["content"]]
            if not page.get("end"):
                break
            params["from"] = page["end"]
        for uri in files:
            http.get(f"/_matrix/client/v1/media/download/{uri[6:]}").raise_for_status()
    return time.perf_counter() - start


def export_ours(server: Homeserver, token: str, folder: Path) -> tuple[float, float, int, int]:
    """(seconds, seconds of a second backup with nothing new, its requests, new messages) of the real thing, sealed."""
    source = Source(name="bench", platform="matrix", options={"origin": server.url}, secrets={"token": token})
    path, home, pin = prepare(folder)
    seconds, requests, new = [], [], []
    for _ in range(2):
        network = Counting()
        start = time.perf_counter()
        identities = Identities("matrix", server.url)
        connector = MatrixConnector(source, identities, transport=network)
        with Writer.open(path, home, pinned=pin) as writer:
            summary = run_backup(connector, source="bench", writer=writer, identities=identities)
        seconds.append(time.perf_counter() - start)
        requests.append(network.count)
        new.append(summary.messages)
    return seconds[0], seconds[1], requests[1], new[0]


class Posts:
    """An archive's worth of posts without an archive."""

    def __init__(self, posts: int) -> None:
        self.authors = [hashlib.sha256(f"author {number}".encode()).hexdigest()[:32] for number in range(AUTHORS)]
        self._posts = posts

    def __call__(self, channel: str) -> Iterator[Message]:
        """One room's posts."""
        if channel == "!space":
            return
        for number in range(self._posts):
            text = f"Post {number} about the pear tree, the ladder and the long table."
            author = self.authors[number % AUTHORS]
            yield Message(
                channel=channel, ref=f"${channel}{number}", time=1_700_000_000_000 + number, author=author, text=text
            )

    def attachment(self, _: str) -> Attachment | None:
        """No files."""
        return None

    def blob(self, _: str) -> Iterator[bytes]:
        """No files."""
        return iter(())

    def desired(self) -> Desired:
        """A Space with the rooms below it."""
        rooms = [Channel(ref=f"!room{number}", group="!space", parent="!space", name="R") for number in range(ROOMS)]
        space = Channel(ref="!space", group="!space", type="space", name="S")
        people = tuple(
            Person(id=author, memberships=tuple(Membership(channel=room.ref, member=author) for room in rooms))
            for author in self.authors
        )
        group = Group(ref="!space", platform="matrix", origin="", name="S")
        moment = 1_800_000_000_000
        return Desired(
            archive_id="00", position="", moment=moment, group=group, channels=(space, *rooms), people=people
        )


def replay_ours(server: Homeserver, token: str, posts: Posts, folder: Path) -> float:
    """Plan and apply, all of it."""
    secrets = {"token": token, "as-token": server.as_token}
    source = Source(name="bench", platform="matrix", options={"origin": server.url}, secrets=secrets)
    target = MatrixTarget(source, lambda *_: "0" * 32, posts.blob)
    policy = Policy(key=random.Random().randbytes(32).hex(), content="all", authors="ghost")
    plan = make_plan(posts.desired(), target.observe(), target.performs, policy, posts, target="bench")
    folder.mkdir()
    journal = Journal(folder / "plan.journal", plan)
    start = time.perf_counter()
    report = apply(plan, target, journal, expect=plan.digest(), timelines=posts, natives=lambda _: "")
    seconds = time.perf_counter() - start
    journal.close()
    target.close()
    if report.failed:
        raise SystemExit(f"{report.failed} actions failed")
    return seconds


def replay_bare(server: Homeserver, token: str, posts: Posts, tag: str) -> float:
    """The same rooms side by side, each in order: create, stand-ins in, posts, stand-ins out."""
    headers = {"Authorization": f"Bearer {server.as_token}"}
    start = time.perf_counter()
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as http:

        def call(method: str, path: str, body: object, *, user: str = "", ts: int = 0) -> dict[str, str]:
            params = {"user_id": user} if user else {}
            given = headers if user else {"Authorization": f"Bearer {token}"}
            answer = http.request(
                method, CLIENT + path, json=body, headers=given, params=params | ({"ts": ts} if ts else {})
            )
            answer.raise_for_status()
            found: dict[str, str] = answer.json()
            return found

        def one(number: int, room: str) -> None:
            for author in posts.authors:
                ghost = server.user_id(f"ga_{tag}{author[:12]}")
                call("POST", f"/rooms/{room}/invite", {"user_id": ghost})
                call("PUT", f"/rooms/{room}/state/m.room.member/{ghost}", {"membership": "join"}, user=ghost)
            for message in posts(f"!room{number}"):
                ghost = server.user_id(f"ga_{tag}{message.author[:12]}")
                body = {"msgtype": "m.text", "body": message.text, "m.mentions": {}}
                txn = f"{tag}-{number}-{message.ref}"
                call(
                    "PUT", f"/rooms/{room}/send/m.room.message/{quote(txn, safe='')}", body, user=ghost, ts=message.time
                )
            for author in posts.authors:
                call("POST", f"/rooms/{room}/leave", {}, user=server.user_id(f"ga_{tag}{author[:12]}"))

        space = call("POST", "/createRoom", {"creation_content": {"type": "m.space"}})["room_id"]
        rooms = [call("POST", "/createRoom", {"name": "Room"})["room_id"] for _ in range(ROOMS)]
        for room in rooms:
            call("PUT", f"/rooms/{space}/state/m.space.child/{room}", {"via": [server.server_name]})
        for author in posts.authors:
            login = {"type": "m.login.application_service", "username": f"ga_{tag}{author[:12]}", "inhibit_login": True}
            http.post(f"{CLIENT}/register", json=login, headers=headers).raise_for_status()
        with ThreadPoolExecutor(ROOMS) as pool:
            list(pool.map(one, itertools.count(), rooms))
    return time.perf_counter() - start


def _best(measure: Callable[[int], float]) -> float:
    return median(measure(number) for number in range(ROUNDS))


def run(*, quick: bool) -> list[Line]:
    """Measure and print. Peers and ours take turns, three times; the medians are compared."""
    events, each = (1_000, 60) if quick else (10_000, 500)
    with tempfile.TemporaryDirectory(prefix="grouparchive-bench-") as name, Homeserver() as server:
        folder = Path(name)
        token = server.register("bench-admin")
        room = fill(server, token, events)
        server.settle()
        export_bare(server, token, room)  # the server's caches are warm for everybody
        bare = _best(lambda _: export_bare(server, token, room))
        runs = []
        for number in range(ROUNDS):
            (folder / f"export{number}").mkdir()
            runs.append(export_ours(server, token, folder / f"export{number}"))
        ours, again, requests = (median(found[part] for found in runs) for part in range(3))
        messages = runs[0][3]
        posts = Posts(each)
        replayer = server.register("bench-replayer")
        pairs = [
            (
                replay_bare(server, replayer, posts, f"b{number}"),
                replay_ours(server, replayer, posts, folder / f"r{number}"),
            )
            for number in range(1 if quick else ROUNDS)
        ]
        bare_replay, our_replay = (median(pair[part] for pair in pairs) for part in (0, 1))
    lines = [
        Line(f"export of {messages:,} messages and {IMAGES} files, bare loop", bare),
        Line("export, sealed into the archive", ours),
        Line("export, of the bare loop's rate", bare / ours, "x", 0.8),
        Line("a second backup with nothing new", again),
        Line("its requests for the room", requests, "", 5, at_most=True),
        Line(f"replay of {ROOMS} rooms with {each} posts each, bare loop", bare_replay),
        Line("replay, planned and journaled", our_replay),
        Line("replay, of the bare loop's rate", bare_replay / our_replay, "x", 0.8),
    ]
    show("Matrix: a real homeserver on this machine", lines)
    return lines
