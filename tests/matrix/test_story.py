"""The whole story, the one that `make demo` tells, on a smaller community: every promise along the way is checked by it."""

import io
import os
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


@pytest.mark.parametrize(
    "version", [pytest.param("11", marks=pytest.mark.faults), "12"]
)  # the parts are tested with both
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
    what_to_look_at_next(story, tmp_path / "site")
    assert story.community.admin.token not in said.getvalue()


def nothing_readable(story: Story) -> None:
    """Every byte on the backup machine, in all disguises, against every planted text and file."""
    assert len(story.community.planted) > 60
    hits, size = scan.found(story.machine(), story.community.planted, story.community.files)
    assert hits == []
    assert size > 50_000


def what_to_look_at_next(story: Story, site: Path) -> None:
    """The commands that the demonstration names at its end, with the homeserver gone or not: the archive is enough."""
    assert "note" in story.unlocked("search", "note")
    story.unlocked("export", words.SPACE_NAME, "--format", "html", "-o", str(site))
    assert list(site.rglob("*.html"))
    story.run("verify")


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
