"""A small made-up Slack workspace, and a way to read it: records by kind, people by their ids."""

import json
import zipfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from grouparchive.model import codec
from grouparchive.model.records import Gap, Member, Message, Record
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.slack import SlackExport

R = TypeVar("R", bound=Record)

TEAM = "T0GARDEN01"
GENERAL, QUIET, TRIO, PAIR = "C0GENERAL1", "G0QUIET001", "G0TRIO0001", "D0PAIR0001"
FERN, MOSS, REED, IVY, OLD, BOT, GUEST = (
    "U0FERN0001", "U0MOSS0001", "U0REED0001", "U0IVY00001", "U0OLD00001", "U0ROBOT001", "U0GUEST001",
)  # fmt: skip
STRANGER = "U0STRANGE1"
APP = "B0ROBOT001"
DAY = "2026-03-01"
TOP = 1_772_323_200  # 1 March 2026


def ts(second: int, micro: int = 0) -> str:
    return f"{TOP + second}.{micro:06d}"


def user(ref: str, name: str, **more: Any) -> dict[str, Any]:
    profile = {"real_name": name, "display_name": name.split(maxsplit=1)[0].lower(), **more.pop("profile", {})}
    return {
        "id": ref,
        "team_id": TEAM,
        "name": name.lower().replace(" ", "."),
        "deleted": False,
        "profile": profile,
        **more,
    }


def users() -> list[dict[str, Any]]:
    return [
        user(FERN, "Fern Hollow", is_admin=True, is_owner=True, is_primary_owner=True, updated=TOP,
             profile={"email": "fern@garden.example", "phone": "+31 20 555 0101"}),
        user(MOSS, "Moss Stone", is_admin=True, profile={"email": "moss@garden.example"}),
        user(REED, "Reed Marsh", profile={"email": "not an address", "phone": ""}),
        user(IVY, "Ivy Wall", profile={"email": "ivy@garden.example"}),
        user(OLD, "Old Oak", deleted=True, updated=TOP - 999, profile={"email": "oak@garden.example"}),
        user(BOT, "Robot", is_bot=True, profile={"bot_id": APP, "email": "robot@garden.example"}),
        user(GUEST, "Guest Bird", is_restricted=True),
        {"id": "USLACKBOT", "team_id": TEAM, "name": "slackbot", "is_bot": False, "profile": {"real_name": "Slackbot"}},
    ]  # fmt: skip


def lists() -> dict[str, Any]:
    return {
        "channels.json": [
            {
                "id": GENERAL, "name": "general", "created": TOP - 5000, "creator": FERN, "is_archived": False,
                "is_general": True, "members": [FERN, MOSS, REED, OLD, BOT],
                "topic": {"value": f"Ask <@{FERN}> about &lt;seeds&gt;", "creator": FERN, "last_set": TOP},
                "purpose": {"value": "All of us"}, "pins": [{"id": ts(2), "type": "C", "user": FERN}],
            }
        ],
        "groups.json": [
            {"id": QUIET, "name": "quiet", "created": TOP - 4000, "members": [FERN, MOSS], "is_archived": True}
        ],
        "mpims.json": [
            {
                "id": TRIO, "name": "mpdm-fern--moss--reed-1", "created": TOP - 3000, "members": [FERN, MOSS, REED],
                "purpose": {"value": "Group messaging with: @fern @moss @reed"},
            }
        ],
        "dms.json": [{"id": PAIR, "created": TOP - 2000, "members": [FERN, MOSS]}],
    }  # fmt: skip


def post(who: str | None, second: int, text: str | None = "", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": who, "ts": ts(second), "text": text, **more}


def write(
    path: Path,
    days: dict[str, Any],
    *,
    top: str = "",
    people: list[dict[str, Any]] | None = None,
    about: dict[str, Any] | None = None,
    files: dict[str, bytes] | None = None,
) -> Path:
    """An export as a zip, or as a folder where `path` has no ending. `days` is "channel/day" -> its messages, or bytes."""
    entries: dict[str, bytes] = {}
    whole = {"users.json": users() if people is None else people, **(lists() if about is None else about)}
    for name, value in {**whole, **{f"{name}.json": value for name, value in days.items()}}.items():
        entries[top + name] = value if isinstance(value, bytes) else json.dumps(value).encode()
    entries |= {top + name: data for name, data in (files or {}).items()}
    if path.suffix:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for name, data in entries.items():
                out.writestr(name, data)
    else:
        for name, data in entries.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    return path


class Reading:
    """An export read to its end. Ids are made anew for each, so that none of them is the same in two readings."""

    made = 0

    def __init__(self, path: Path, **choices: Any) -> None:
        self.people: dict[str, Member] = {}
        self._ids: dict[str, str] = {}
        with closing(SlackExport(open_box(path), self.identify, Choices(**choices))) as connector:
            assert SlackExport.recognises(connector.box, Choices())
            self.groups = list(connector.groups())
            self.pages = list(connector.pages(self.groups[0].ref, {}))
            wanted = [request for page in self.pages for request in page.media]
            self.media = {request.ref: (request, b"".join(connector.media(request.ref))) for request in wanted}
        self.records = [record for page in self.pages for record in page.records]
        self.gaps: list[Gap] = [gap for page in self.pages for gap in page.gaps]
        self.codes = Counter[str]()
        for gap in self.gaps:
            self.codes[gap.code] += gap.count
        for record in (*self.records, *self.gaps):
            assert codec.decode(codec.encode(record)) == record  # all bounds are kept

    def identify(self, native: str, name: str, avatar: str) -> str:
        found = self._ids.get(native)
        if found is None:
            Reading.made += 1
            found = self._ids[native] = f"{Reading.made:032x}"
        known = self.people.get(found)
        self.people[found] = Member(
            id=found, platform="slack", origin="slack.com", native=native,
            name=name or (known.name if known else ""), avatar=avatar or (known.avatar if known else ""),
        )  # fmt: skip
        return found

    def of(self, kind: type[R], **where: Any) -> list[R]:
        return [
            record
            for record in self.records
            if isinstance(record, kind) and all(getattr(record, name) == value for name, value in where.items())
        ]

    def id(self, native: str) -> str:
        return self._ids[native]

    def who(self, member: str) -> str:
        return self.people[member].native if member else ""

    def named(self, text: str) -> str:
        """A text with the natives of the people in it, to be compared."""
        for member, person in self.people.items():
            text = text.replace(f"{{member:{member}}}", f"[{person.native}]")
        return text

    def texts(self, channel: str = GENERAL) -> list[str]:
        return [self.named(message.text) for message in self.of(Message, channel=channel)]


def one(tmp_path: Path, *messages: Any, **more: Any) -> Reading:
    """A reading of #general on one day."""
    number = len(list(tmp_path.glob("*.zip")))
    return Reading(write(tmp_path / f"export-{number}.zip", {f"general/{DAY}": list(messages)}, **more))
