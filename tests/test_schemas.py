"""schemas/ says what the records are: examples of every kind validate, and the files never drift from the code."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from grouparchive.model import records as r
from grouparchive.model.codec import encode

ROOT = Path(__file__).resolve().parent.parent
ID = "0123456789abcdef" * 2
HASH = "0123456789abcdef" * 4
MAX = 253_402_300_799_999

FULL: list[r.Record] = [
    r.Group(ref="!g:x", platform="matrix", origin="https://x", name="N", topic="T", avatar="mxc://x/a", created=1),
    r.Channel(
        ref="!c:x", group="!g:x", type="topic", parent="!g:x", order="1", name="N", topic="T", avatar="mxc://x/a",
        encrypted=True, created=MAX,
    ),
    r.Setting(channel="!c:x", name="join_rule", value='"invite"'),
    r.Role(group="!g:x", ref="50", name="moderator", level=50, permissions=("ban", "kick")),
    r.Pins(channel="!c:x", messages=("$1", "$2")),
    r.Message(
        channel="!c:x", ref="$1", time=0, author=ID, type="poll", text="{member:" + ID + "} سلام", html="<b>x</b>",
        reply_to="$0", thread="$0",
        media=(r.Media(ref="mxc://x/b", name="n", mime="image/png", size=1, width=2, height=3, duration=4),),
        poll=r.Poll(question="q", options=(("1", "yes"), ("2", "no")), choices=2, anonymous=True),
        mentions=(ID,), data="{}", version=3, edited=5, marker="m",
    ),
    r.Edit(channel="!c:x", ref="$2", target="$1", time=1, author=ID, text="t", html="h", mentions=(ID,), marker="m"),
    r.Reaction(channel="!c:x", ref="$3", target="$1", time=1, author="", key="🌱", count=4, marker="m"),
    r.Vote(channel="!c:x", ref="$4", target="$1", time=1, author=ID, choices=("1",)),
    r.Tombstone(channel="!c:x", ref="$5", target="$1", time=1, author=ID),
    r.Attachment(ref="mxc://x/b", blob=HASH, size=3, sha256=HASH, mime="image/png"),
    r.RoomKey(channel="!c:x", session="s", key="k"),
    r.Member(id=ID, platform="matrix", origin="https://x", native="@fern:x", name="Fern", avatar="mxc://x/c"),
    r.Roster(channel="!c:x", time=1, members=2, bans=1),
    r.Membership(channel="!c:x", member=ID, state="knock", level=50, roles=("mod",), since=1),
    r.Ban(channel="!c:x", member=ID, by=ID, reason="spam", time=1),
    r.Fact(member=ID, field="consent", key="contact", value="yes", until=2, time=1),
    r.Gap(code="media-unavailable", scope="!c:x", detail="d", count=2, limit=True, time=1),
    r.Secret(name="owner", key=HASH),
]  # fmt: skip

SMALLEST: list[r.Record] = [
    r.Group(ref="", platform="", origin=""),
    r.Channel(ref="", group=""),
    r.Message(channel="", ref="", time=0),
    r.Edit(channel="", ref="", target="", time=0),
    r.Reaction(channel="", ref="", target=""),
    r.Pins(channel=""),
    r.Gap(code="x"),
]


def _load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("schemas_tool", ROOT / "tools" / "schemas.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["schemas_tool"] = module
    spec.loader.exec_module(module)
    return module


tool = _load_tool()


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "schemas" / f"{name}.json").read_bytes())
    return found


def _kind(record: r.Record) -> str:
    return str(type(record).__struct_config__.tag)


def test_the_folder_matches_the_records() -> None:
    assert tool.drift() == []


def test_there_is_an_example_of_every_kind() -> None:
    assert {_kind(record) for record in FULL} == set(r.KINDS)


@pytest.mark.parametrize("name", [*r.KINDS, "record"])
def test_every_file_is_a_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(_schema(name))


@pytest.mark.parametrize("record", [*FULL, *SMALLEST], ids=_kind)
def test_what_the_codec_writes_validates(record: r.Record) -> None:
    line = json.loads(encode(record))
    assert line["kind"] == _kind(record)
    jsonschema.validate(line, _schema(line["kind"]))
    jsonschema.validate(line, _schema("record"))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("message", {"kind": "message", "channel": "c", "ref": "r"}),  # no time
        ("message", {"kind": "message", "channel": "c", "ref": "r", "time": -1}),
        ("message", {"kind": "message", "channel": "c", "ref": "r", "time": 1, "author": "@fern:x"}),
        ("message", {"kind": "edit", "channel": "c", "ref": "r", "time": 1}),
        ("attachment", {"kind": "attachment", "ref": "r", "blob": "../x", "size": 1, "sha256": HASH}),
        ("gap", {"kind": "gap", "code": "With Spaces"}),
        ("record", {"kind": "unheard-of", "ref": "r"}),
    ],
)
def test_what_is_no_record_is_refused(name: str, line: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(line, _schema(name))


def test_drift_is_seen_and_repaired(tmp_path: Path) -> None:
    tool.write(tmp_path)
    assert tool.drift(tmp_path) == []
    (tmp_path / "vote.json").write_text("{}")
    (tmp_path / "pins.json").unlink()
    (tmp_path / "stranger.json").write_text("{}")
    assert tool.drift(tmp_path) == ["pins.json", "stranger.json", "vote.json"]
    tool.write(tmp_path)
    assert tool.drift(tmp_path) == []


def test_check_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main(["--check"]) == 0
    monkeypatch.setattr(tool.drift, "__defaults__", (tmp_path,))
    assert tool.main(["--check"]) == 1
    assert "tools/schemas.py" in capsys.readouterr().err
