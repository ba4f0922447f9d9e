"""A small archive to restore, and a process that restores it and kills itself at a chosen point. No test: one uses it."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from grouparchive.model.plan import Desired, Observed, Person, Plan, Policy
from grouparchive.model.ports import Source
from grouparchive.model.records import (
    Attachment,
    Ban,
    Channel,
    Edit,
    Group,
    Media,
    MemberId,
    Membership,
    Message,
    Reaction,
    Ref,
    Setting,
)
from grouparchive.platforms.matrix.target import MatrixTarget
from grouparchive.restore.applier import apply
from grouparchive.restore.journal import Journal
from grouparchive.restore.planner import make_plan

SPACE, ROOM, PRIVATE = "!space", "!room", "!private"
ANN, BEN, TROLL = "a" * 32, "b" * 32, "c" * 32
POSTS = 6
FILE = b"the bytes of a file"


class Archive:
    """The posts and the file."""

    def __call__(self, channel: Ref) -> Iterator[Message | Edit | Reaction]:
        if channel == SPACE:
            return
        for number in range(POSTS):
            yield Message(
                channel=channel,
                ref=f"$m{number}{channel}",
                time=1_700_000_000_000 + number,
                author=(ANN, BEN)[number % 2],
                type="file" if number == 1 else "text",
                text="" if number == 1 else f"post {number}",
                media=(Media(ref="mxc://old/f", name="f.bin"),) if number == 1 else (),
                reply_to=f"$m0{channel}" if number == 2 else "",
            )
        yield Edit(
            channel=channel, ref=f"$e{channel}", target=f"$m0{channel}", time=1_700_000_001_000, author=ANN, text="new"
        )
        yield Reaction(
            channel=channel, ref=f"$r{channel}", target=f"$m2{channel}", time=1_700_000_002_000, author=BEN, key="👍"
        )

    def attachment(self, ref: Ref) -> Attachment | None:
        return Attachment(ref=ref, blob="f" * 64, size=len(FILE), sha256="f" * 64)

    def blob(self, _: str) -> Iterator[bytes]:
        return iter([FILE])


def plan_for(observed: Observed, key: str) -> Plan:
    """The plan that brings all of it back."""
    desired = Desired(
        archive_id="ab" * 32,
        position="w:1",
        moment=1_800_000_000_000,
        group=Group(ref=SPACE, platform="matrix", origin="https://old.test", name="Canary Garden"),
        channels=(
            Channel(ref=SPACE, group=SPACE, type="space", name="Canary Garden"),
            Channel(ref=ROOM, group=SPACE, parent=SPACE, order="1", name="Canary Talk"),
            Channel(ref=PRIVATE, group=SPACE, parent=SPACE, order="2", name="Canary Staff"),
        ),
        settings=(
            Setting(channel=ROOM, name="m.room.join_rules", value='{"join_rule":"restricted"}'),
            Setting(channel=PRIVATE, name="m.room.join_rules", value='{"join_rule":"invite"}'),
        ),
        pins={ROOM: (f"$m0{ROOM}",)},
        people=(
            Person(id=ANN, memberships=tuple(Membership(channel=one, member=ANN) for one in (SPACE, ROOM, PRIVATE))),
            Person(id=BEN, memberships=tuple(Membership(channel=one, member=BEN) for one in (SPACE, ROOM))),
        ),
        bans=(Ban(channel=ROOM, member=TROLL),),
    )
    policy = Policy(key=key, content="all", authors="ghost")
    return make_plan(desired, observed, MatrixTarget.performs, policy, Archive(), target="home")


def open_target(source: Source, transport: httpx.BaseTransport | None = None) -> MatrixTarget:
    """The target, with people's ids as short as a test needs them."""
    return MatrixTarget(
        source, lambda handle, *_: f"{abs(hash(handle)):032x}"[:32], Archive().blob, transport=transport
    )


def main() -> None:
    given: dict[str, Any] = json.load(sys.stdin)
    points = 0

    def point() -> None:
        nonlocal points
        points += 1
        if points == given["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)

    class Line(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            writes = request.method != "GET"
            if writes:
                point()
            answer = super().handle_request(request)
            if writes:
                answer.read()
                point()
            return answer

    source = msgspec.convert(given["source"], Source)
    plan = msgspec.json.decode(given["plan"], type=Plan)
    target = open_target(source, Line())
    natives: dict[MemberId, str] = given["natives"]
    with Journal(Path(given["journal"]), plan) as journal:
        apply(
            plan, target, journal, expect=plan.digest(), timelines=Archive(), natives=lambda one: natives.get(one, "")
        )
    target.close()
    sys.stdout.write(str(points))


if __name__ == "__main__":
    main()
