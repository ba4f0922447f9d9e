"""Fuzz targets: what `restore`, `people` and `cli` read."""

import functools
import hmac
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from fuzz_kit import folder, json_target, target, written
from targets_archive import ME, YOU
from targets_crypto import ID, KEY, VAULT

from grouparchive.archive.home import WriterHome
from grouparchive.cli import plan_words
from grouparchive.cli.profile import Profile
from grouparchive.crypto.files import SealedLog, seal_file
from grouparchive.crypto.primitives import expand, lp
from grouparchive.model import plan as p
from grouparchive.model.records import Channel
from grouparchive.people.campaign import Campaign, Decision, Invitee, load_campaign, read_release
from grouparchive.people.journal import Journal as CampaignJournal
from grouparchive.restore import metadata, planfile
from grouparchive.restore.journal import Journal
from grouparchive.restore.keys import journal_key

# --- pictures --------------------------------------------------------------------------------------------------------

EXIF = b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
JPEG = (
    b"\xff\xd8\xff\xe0\0\x07JFIF\0\xff\xe1" + (len(EXIF) + 2).to_bytes(2, "big") + EXIF
    + b"\xff\xfe\0\x06note\xff\xda\0\x04ab\x12\xff\0\x34\xff\xd0\x56\xff\xd9behind"
)  # fmt: skip
WEBP = b"RIFF\x2a\0\0\0WEBPVP8X\x0a\0\0\0\x0c\0\0\0\0\0\0\0\0\0VP8 \x03\0\0\0abc\0EXIF\x02\0\0\0hi"


def png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    parts = ((b"IHDR", bytes(13)), (b"tEXt", b"Comment\0x"), (b"IDAT", zlib.compress(bytes(4))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@target(JPEG, png, WEBP)
def pictures(data: bytes) -> None:
    found, cleaned = metadata.strip(data)
    assert cleaned or found == data
    assert metadata.strip(found)[0] == found
    pieces = [data[start : start + 7] for start in range(0, len(data), 7)]
    assert b"".join(metadata.clean(pieces)[0]) == found


# --- plans and what belongs to them ----------------------------------------------------------------------------------

SPACE = Channel(ref="!g", group="!g", type="space")
ROOM = Channel(ref="!a", group="!g", type="room", name="Room")
PLAN = p.Plan(
    archive_id=ID.hex(),
    position="w:3",
    moment=1000,
    group="!g",
    group_name="Lane",
    target="home",
    platform="matrix",
    policy=p.Policy(key="11" * 32),
    observed="x",
    actions=(
        p.CreateGroup(key="0" * 32, group="!g", channel=SPACE, name="Group"),
        p.CreateChannel(key="1" * 32, channel=ROOM, parent="!g", name="Room 1", private=True),
        p.SetPins(key="2" * 32, channel="!a", messages=("$1",)),
        p.BanMember(key="3" * 32, channel="!a", member=ME),
    ),
)
CAMPAIGN = Campaign(
    archive_id=ID.hex(),
    plan=PLAN.digest(),
    group="!g",
    key="22" * 32,
    prepared=5000,
    invitees=(
        Invitee(member=ME, tier=1, places=("!g", "!a"), decided=5000, by="list"),
        Invitee(member=YOU, tier=3, places=("!g",)),
    ),
    left_out={"banned": 1},
    decisions=(Decision(time=5000, by="list", released=1),),
)


def as_json(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


def plan(data: bytes) -> None:
    """Anybody who has the archive's public key can make such a file: it is for a person to look at."""
    path = written("some.plan", seal_file(VAULT.public, ID, "content", 0, "plan", data))
    found = plan_words.facts(planfile.load(path, VAULT, archive_id=ID))
    plan_words.lines(found)
    plan_words.as_page(found)


json_target("plan-inside", plan, as_json(PLAN))


PROOF = b"p" * 32


def campaign(data: bytes) -> None:
    """As if a thief had also the secret that proves it."""
    payload = hmac.digest(expand(PROOF, b"ga1/campaign"), lp(ID, data), "sha256") + data
    path = written("some.campaign", seal_file(VAULT.public, ID, "content", 0, "campaign", payload))
    found = load_campaign(path, VAULT, ID, proof=PROOF)
    msgspec.json.encode(found)


json_target("campaign-inside", campaign, as_json(CAMPAIGN))


def in_a_log(name: str, key: bytes, context: bytes, data: bytes) -> Path:
    path = folder() / name
    path.unlink(missing_ok=True)
    with SealedLog(path, key, context) as log:
        log.append(data)
    return path


def plan_journal(data: bytes) -> None:
    context = b"plan " + PLAN.digest().encode()
    with Journal(in_a_log("plan.journal", journal_key(PLAN.policy.key), context, data), PLAN) as journal:
        assert journal.outcome("9" * 32) is None or b"9" * 32 in data


json_target("plan-journal-entry", plan_journal, ["begun", "1" * 32], ["done", "1" * 32, "$x", ""])


def invite_journal(data: bytes) -> None:
    context = b"invitations " + CAMPAIGN.archive_id.encode()
    key = expand(bytes.fromhex(CAMPAIGN.key), b"ga1/invitations")
    with CampaignJournal(in_a_log("invites.journal", key, context, data), CAMPAIGN) as journal:
        journal.status("1" * 32)


json_target("invite-journal-entry", invite_journal, ["1" * 32, "begun", ""])


@target(f"# people\n{ME}\n@ada:sandbox\n\n".encode(), b"\xef\xbb\xbf" + YOU.encode())
def release_list(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    assert read_release(text, {ME: ME, "@ada:sandbox": ME}).members <= {ME}


# --- the profile -----------------------------------------------------------------------------------------------------


@functools.cache
def a_profile() -> Profile:
    found = Profile(folder() / "profile")
    for name in ("sources", "runs", "writer"):
        (found.folder / name).mkdir(parents=True)
    return found


def in_the_profile(name: str, use: Callable[[Profile], object]) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        profile = a_profile()
        written(f"profile/{name}", data)
        return use(profile)

    return read


json_target(
    "config", in_the_profile("config.json", Profile.config), {"format": 1, "archive": "/x", "archive_id": "ab" * 32}
)
json_target(
    "source-file",
    in_the_profile("sources/home.json", lambda profile: profile.source("home")),
    {"format": 1, "platform": "matrix", "origin": "x", "options": {"a": "b"}, "secrets": {"token": "t"}},
)
json_target(
    "run-note",
    in_the_profile("runs/home.json", lambda profile: profile.last_run("home")),
    {"format": 1, "time": 5, "code": 3, "good": 4, "new": 1, "grown": 2, "gaps": {"x": 1}},
)


def local_keys(profile: Profile) -> None:
    (profile.writer_folder / "id").write_bytes(bytes(16))
    assert len(WriterHome.load(profile.writer_folder).keys.lasting) == len(KEY)


B64 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
json_target(
    "local-keys",
    in_the_profile("writer/local.key", local_keys),
    {"events": [{"day": 1, "key": B64}], "lasting": B64, "cursor": B64},
)
