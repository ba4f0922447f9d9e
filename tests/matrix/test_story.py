"""The whole story, the one that `make demo` tells, on a smaller community: every promise along the way is checked by it."""

import contextlib
import hashlib
import io
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from grouparchive.demo import scan, words
from grouparchive.demo.community import SMALL, Community
from grouparchive.demo.homeserver import Homeserver
from grouparchive.demo.screen import Screen
from grouparchive.demo.story import Story

pytestmark = pytest.mark.homeserver


@pytest.fixture
def own_server() -> Iterator[Homeserver]:
    with Homeserver() as server:
        yield server


@pytest.mark.parametrize("version", ["11", "12"])
def test_the_whole_story(own_server: Homeserver, tmp_path: Path, version: str) -> None:
    said = io.StringIO()
    story = Story(own_server, Community(own_server, SMALL, version=version), tmp_path, Screen(said), absent=1)
    try:
        story.seed()
        story.set_up()
        story.back_up()
        story.live_on()
        story.attack()
        nothing_readable(story)
        no_member_by_guessing(story)
        story.plan()
        story.apply()
        story.invite()
        story.arrive()
        story.reveal()
        rows = story.compare()
    finally:
        print(said.getvalue())  # noqa: T201 - pytest shows it when something failed
    assert {row.feature: row.unexplained for row in rows if row.unexplained} == {}
    few = {row.feature: row.before for row in rows}
    for feature in ("text", "reply", "thread", "edit", "reaction", "image, every byte", "pin", "power level", "ban"):
        assert few[feature] > 0, feature
    one_invitation_each(story)
    assert story.community.admin.token not in said.getvalue()


def nothing_readable(story: Story) -> None:
    """Every byte on the backup machine, in all disguises, against every planted text and file."""
    assert len(story.community.planted) > 60
    hits, size = scan.found(story.machine(), story.community.planted, story.community.files)
    assert hits == []
    assert size > 50_000


def no_member_by_guessing(story: Story) -> None:
    """10,000 candidate handles, the members among them, tried with everything on that machine that could be a key.

    A tag that could be computed again from a handle would stand in one of the files as bytes or as hex.
    """
    handles = [account.user for account in story.community.members]
    candidates = handles + [f"@guess{number}:{story.server.server_name}" for number in range(10_000 - len(handles))]
    keys = {b""}
    everything = []
    for path in scan.files(story.machine()):
        data = path.read_bytes()
        everything.append(data)
        if len(data) <= 256:
            keys |= {data, data.strip()}
            with contextlib.suppress(ValueError):
                keys.add(bytes.fromhex(data.decode("ascii").strip()))
    haystack = b"".join(everything)
    raw = {haystack[at : at + 8] for at in range(len(haystack) - 7)}
    as_hex = {found[1] for found in re.finditer(rb"(?=([0-9a-f]{16}))", haystack)}
    for handle, key in itertools.product(candidates, keys):
        for made in (hashlib.sha256(key + handle.encode()), hashlib.blake2b(handle.encode(), key=key[:64])):
            assert made.digest()[:8] not in raw
            assert made.hexdigest()[:16].encode() not in as_hex
    assert len(keys) > 3


def one_invitation_each(story: Story) -> None:
    """In the rebuilt rooms: who was invited, and how often. Stand-ins leave before anybody comes."""
    guests = {account.user for account in story.community.guests}
    banned = {account.user for account in story.community.banned}
    for place in (story.space, *story.rooms):
        counts: dict[str, int] = {}
        answer = story.server.call(
            "GET",
            f"/_matrix/client/v3/rooms/{place}/messages",
            story.community.admin.token,
            params={"dir": "f", "limit": 1000},
        )
        for event in answer["chunk"]:
            if event["type"] == "m.room.member" and event["content"]["membership"] == "invite":
                assert "reason" not in event["content"]
                counts[event["state_key"]] = counts.get(event["state_key"], 0) + 1
        invited = {user: count for user, count in counts.items() if user in guests | banned}
        assert set(invited) <= guests
        assert set(invited.values()) <= {1}
        if place == story.space:
            assert set(invited) == guests


def test_the_scan_sees_what_is_there(tmp_path: Path) -> None:
    """The scan that finds nothing on the backup machine does find texts in the disguises it knows."""
    import base64  # noqa: PLC0415
    import gzip  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    text, image = "@yarrow:demo.test", os.urandom(200)
    packed = b"..." + text.encode() + b"..."
    disguised = {
        "plain": packed,
        "utf16": b"\0" + text.encode("utf-16-le"),
        "zlib": os.urandom(50) + zlib.compress(packed) + os.urandom(50),
        "gzip": gzip.compress(packed),
        "hex": packed.hex().encode(),
        **{f"base64-{shift}": base64.b64encode(b"x" * shift + packed) for shift in range(3)},
        "image": os.urandom(30) + image,
    }
    for name, data in disguised.items():
        (tmp_path / name).write_bytes(data)
    hits, _ = scan.found([tmp_path], [text], [image])
    assert {hit.split(":")[0] for hit in hits} == set(disguised)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "noise").write_bytes(os.urandom(500_000))
    assert scan.found([tmp_path / "other"], [text, words.SPACE_TOPIC], [image])[0] == []
