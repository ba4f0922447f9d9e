"""What exports hold: records that conform, safe tables, a site that obeys nobody."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
from cli_machine import GROUP, HANDLES, NAMES, PICTURE, TEXT, Machine, Village

from grouparchive.platforms.sandbox.world import World

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


def test_records_conform_to_the_schemas(kept: Machine) -> None:
    schema = json.loads((SCHEMAS / "record.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    lines = kept.run("export", GROUP, "--format", "jsonl", "--with-roster", opened=True).out.splitlines()
    kinds = set()
    for line in lines:
        record = json.loads(line)
        validator.validate(record)
        kinds.add(record["kind"])
    assert {
        "group",
        "channel",
        "message",
        "edit",
        "reaction",
        "pins",
        "attachment",
        "member",
        "membership",
        "ban",
    } <= kinds


def test_people_are_opaque_unless_asked_for(kept: Machine) -> None:
    for form in ("jsonl", "csv"):
        plain = kept.run("export", GROUP, "--format", form, opened=True).out
        named = kept.run("export", GROUP, "--format", form, "--with-roster", opened=True).out
        for handle, name in zip(HANDLES, NAMES, strict=True):
            assert handle not in plain
            assert name not in plain
        assert NAMES[3] in named


def test_csv(kept: Machine, village: Village) -> None:
    world = World(village.path)
    world.post(village.rooms[0], HANDLES[1], '=cmd|" /C calc"!A0')
    world.close()
    kept.run("backup", "home")
    out = kept.folder / "posts.csv"
    kept.run("export", GROUP, "--format", "csv", "-o", out, opened=True)
    assert out.stat().st_mode & 0o777 == 0o600
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 31
    assert rows[4]["text"] == f"{TEXT} 4, changed"
    assert rows[4]["edited"]
    assert rows[2]["reactions"] == "\N{WHITE HEAVY CHECK MARK}x1"
    assert rows[30]["text"].startswith("'=cmd")
    assert rows[3]["reply_to"] == rows[2]["ref"]
    kept.run("export", GROUP, "--format", "csv", "-o", out, opened=True, code=2)  # never overwritten


def test_as_of(kept: Machine, village: Village) -> None:
    world = World(village.path)
    world.delete(village.rooms[0], village.posts[0])
    world.close()
    kept.run("backup", "home")
    now = kept.run("export", GROUP, "--format", "jsonl", opened=True).out
    before = kept.run("export", GROUP, "--format", "jsonl", "--as-of", "1", opened=True).out
    assert now.count('"kind":"message"') == 29
    assert before.count('"kind":"message"') == 30


def test_with_json_each_line_is_an_event(kept: Machine) -> None:
    done = kept.run("--json", "export", GROUP, "--format", "jsonl", opened=True)
    assert {event["event"] for event in done.events} == {"record", "done"}
    assert done.done["posts"] == 30


class Loads(HTMLParser):
    """Everything that a page could fetch, run, or send."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.places: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.places += [value or "" for name, value in attrs if name in {"href", "src", "srcset", "action", "data"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_the_site_obeys_nobody(kept: Machine, village: Village) -> None:
    hostile = (
        '<script>alert(1)</script><img src=x onerror=alert(1)> "\'> \u202eevil <a href="javascript:alert(1)">x</a>'
    )
    world = World(village.path)
    page = world.upload(b"<script>alert(1)</script>", "text/html")
    media = [{"ref": page, "name": '../../x".html', "mime": "text/html", "size": 9}]
    post = world.post(village.rooms[0], HANDLES[1], hostile, html=hostile, media=media)
    world.edit(village.rooms[0], post, HANDLES[1], hostile + " again")
    world.react(village.rooms[0], post, HANDLES[2], hostile)
    world.describe(village.rooms[0], name=hostile, topic=hostile)
    world.describe(village.group, name=hostile + GROUP)
    world.person(HANDLES[1], hostile)
    world.close()
    kept.run("backup", "home")
    site = kept.folder / "site"
    kept.run("export", village.group, "--format", "html", "--with-roster", "-o", site, opened=True)
    assert (site / "index.html").exists()
    assert any(path.read_bytes() == PICTURE for path in (site / "media").iterdir())
    assert not [path for path in site.rglob("*.html") if path.parent != site]
    for path in site.glob("*.html"):
        text = path.read_text()
        loads = Loads()
        loads.feed(text)
        assert not loads.tags & {"script", "iframe", "object", "embed", "link", "form", "base", "svg"}
        assert not loads.handlers
        assert "\u202e" not in text
        for place in loads.places:
            assert re.fullmatch(r"(media/[0-9a-f.a-z-]+|[a-z0-9-]+\.html|#p[0-9]+)", place), place
        assert "default-src 'none'" in text
    kept.run("export", village.group, "--format", "html", "-o", site, opened=True, code=2)  # not empty any more


def test_html_needs_a_folder(kept: Machine) -> None:
    kept.run("export", GROUP, "--format", "html", opened=True, code=2)


def test_a_page_of_the_plan(kept: Machine, tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite"
    World(there).close()
    kept.add("there", there)
    kept.run("plan", GROUP, "--to", "there", "--content", "pinned", "-o", kept.plan, opened=True)
    shown = kept.run("show", kept.plan, "--html", kept.folder / "plan.html", "--json", opened=True)
    page = (kept.folder / "plan.html").read_text()
    loads = Loads()
    loads.feed(page)
    assert not loads.places
    assert "script" not in loads.tags
    assert shown.done["digest"] in page
    assert " ".join(shown.done["words"]) in page
    gaps = [event for event in shown.events if event["event"] == "gap"]
    assert gaps
    assert all(event["text"].rstrip(".") in page for event in gaps)
    assert not any(handle in page for handle in HANDLES)
