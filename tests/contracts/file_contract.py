"""What connectors over files owe beside the rest of the contract: exports overlap, come again, lack parts, are recognised."""

import gc
import hashlib
import os
import re
import zipfile
from collections import Counter
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from connector_contract import ConnectorContract
from connector_stage import Can, Reading, say_names
from contract_clauses import needs
from file_archive import archive, history, knows, take
from file_stage import FileStage

from grouparchive.errors import GroupArchiveError, NotFound
from grouparchive.model import codec
from grouparchive.model.records import (
    Channel,
    Group,
    Known,
    Message,
    Roster,
)
from grouparchive.platforms import registry
from grouparchive.platforms.files import FileConnector, open_box
from grouparchive.platforms.files.connector import PAGE

MOST_ON_A_PAGE = 4 * PAGE
"""Telegram and Discord make pages of what was decoded at once, up to here; all others keep to about `PAGE`."""
DOCS = Path(__file__).resolve().parents[2] / "docs" / "platforms"

_ID = re.compile(r"[0-9a-f]{32}")


def story(stage: FileStage) -> None:
    """Three people, and something of all that the format can hold."""
    if Can.POSTS in stage.can:
        first = stage.post("ada", "good evening")
        for number in range(9):
            stage.post(("ada", "ben")[number % 2], f"word {number}")
        stage.post("ben", "yes")
        stage.post("ben", "yes")
        if Can.REPLIES in stage.can:
            stage.post("ben", "an answer", reply_to=first)
        if Can.REACTIONS in stage.can:
            stage.react("ben", first, "\N{SNOWMAN}")
    say_names(stage)
    if Can.POSTS in stage.can:
        for number in range(6):
            stage.post(("ben", "ada")[number % 2], f"last word {number}")


class Anew(Reading):
    """A reading in which everybody has another id, and another order among the others."""

    def identify(self, native: str, *_: str) -> str:
        found = self.people.setdefault(native, hashlib.sha256(f"anew {native}".encode()).hexdigest()[:32])
        self.ids[found] = native
        self.asked.add(native)
        return found


# --- records ---------------------------------------------------------------------------------------------------------


@needs(Can.EXPORTS)
def everything_has_its_place(stage: FileStage) -> None:
    story(stage)
    run = Reading(stage).whole()
    groups = {group.ref for group in run.of(Group)}
    channels = {channel.ref for channel in run.of(Channel)}
    assert not groups or stage.group in groups
    assert stage.room in channels or Channel not in run.connector.exports, "the channel is missing"
    assert {channel.group for channel in run.of(Channel)} <= groups, "a channel of a group that is not there"
    for record in run.records:
        place = getattr(record, "channel", None)
        assert place is None or place in channels, "something stands in a channel that is not there"


@needs(Can.EXPORTS)
def a_second_reading_gives_the_same(stage: FileStage) -> None:
    story(stage)
    stage.fixed = stage.export()
    found = []
    for kind in (Reading, Anew):
        run = kind(stage).whole()
        order: dict[str, str] = {}

        def numbered(match: re.Match[str], run: Reading = run, order: dict[str, str] = order) -> str:
            return order.setdefault(match[0], f"person {len(order)}") if match[0] in run.ids else match[0]

        lines = [_ID.sub(numbered, codec.encode(one).decode()) for one in run.records]
        files = [(one.ref, one.vault, one.size) for page in run.pages for one in page.media]
        gaps = [_ID.sub(numbered, codec.encode(gap).decode()) for page in run.pages for gap in page.gaps]
        found.append((sorted(lines), sorted(files), sorted(gaps), [page.cursor for page in run.pages]))
    assert found[0] == found[1], "another reading gives something else"


@needs(Can.EXPORTS, Can.POSTS)
def events_come_oldest_first(stage: FileStage) -> None:
    story(stage)
    run = Reading(stage).whole()
    last: dict[str, int] = {}
    for message in run.of(Message):
        if message.type == "service":  # it may wait until it is known who the people in it are
            continue
        assert message.time >= last.get(message.channel, 0), "posts do not come oldest first"
        last[message.channel] = message.time


@needs(Can.EXPORTS, Can.POSTS, Can.PLENTY)
def pages_are_bounded(stage: FileStage) -> None:
    for number in range(MOST_ON_A_PAGE + 500):
        stage.post(("ada", "ben")[number % 2], f"post number {number}")
    run = Reading(stage).whole()
    assert len([one for one in run.of(Message) if one.text.startswith("post number")]) == len(stage.posts)
    assert max(len(page.records) for page in run.pages) <= MOST_ON_A_PAGE, "a page has no bound"


# --- files -----------------------------------------------------------------------------------------------------------


@needs(Can.EXPORTS, Can.FILES)
def each_file_has_a_ref_of_its_own(stage: FileStage) -> None:
    wanted = {f"look{number}.txt": f"some bytes {number}".encode() for number in range(3)}
    for name, data in wanted.items():
        stage.post("ada", f"see {name}", file=data, name=name)
    stage.post("ben", "that is all")
    run = Reading(stage)
    with closing(run.connector):
        list(run.stream())
        mentioned = [file.ref for message in run.of(Message) for file in message.media]
        asked = [file.ref for page in run.pages for file in page.media if file.vault == "content"]
        assert [ref for ref, count in Counter(asked).items() if count > 1] == [], "two files have one ref"
        assert sorted(mentioned) == sorted(asked), "a file is asked for that no post shows, or the other way round"
        stored = sorted(b"".join(run.connector.media(ref)) for ref in asked)
    assert stored == sorted(wanted.values()), "files are missing or mixed up"


@needs(Can.EXPORTS, Can.LOST_FILES)
def a_missing_file_is_a_gap(stage: FileStage) -> None:
    stage.post("ada", "good evening")
    stage.post("ada", "look", file=b"some bytes", name="look.txt")
    stage.lost = True
    run = Reading(stage)
    with closing(run.connector):
        list(run.stream())
        gaps = [gap.code for page in run.pages for gap in page.gaps]
        assert Known.MEDIA_UNAVAILABLE in gaps, "a file is missing, and nothing says so"
        assert not [file for page in run.pages for file in page.media if file.vault == "content"]
        for message in run.of(Message):
            for file in message.media:
                _raises(NotFound, lambda ref=file.ref: list(run.connector.media(ref)))


# --- in an archive ---------------------------------------------------------------------------------------------------


@needs(Can.EXPORTS)
def a_second_import_brings_nothing(stage: FileStage) -> None:
    story(stage)
    path = stage.export()
    with archive(stage, "twice") as box:
        assert not knows(box, path)
        assert take(box, stage, path).new > 0
        assert knows(box, path), "a file is not known again"
        before = history(box)
        assert take(box, stage, path).new == 0, "the same export again is something new"
        assert history(box) == before


@needs(Can.EXPORTS)
def exports_that_overlap_are_one_history(stage: FileStage) -> None:
    story(stage)
    first, second, whole = stage.parts()
    found = []
    for name, paths in (("whole", [whole]), ("forth", [first, second]), ("back", [second, first])):
        with archive(stage, name) as box:
            for path in paths:
                take(box, stage, path)
            found.append(history(box))
    for other in found[1:]:
        for part, said in found[0].items():
            assert other[part] == said, f"two exports together tell something else than the whole: {part}"


@needs(Can.EXPORTS, Can.POSTS)
def what_a_later_export_lacks_stays(stage: FileStage) -> None:
    story(stage)
    before = stage.export()
    after = stage.export([post for post in stage.posts if post.text != "word 4"])
    wanted: list[Any] = []
    for first, second in ((before, after), (after, before)):
        with archive(stage, "lacking") as box:
            take(box, stage, first)
            wanted = wanted or history(box)["posts"]
            take(box, stage, second)
            assert history(box)["posts"] == wanted, "what was deleted there is not kept here"


@needs(Can.EXPORTS, Can.CHANGES)
def the_last_words_count_in_either_order(stage: FileStage) -> None:
    stage.post("ada", "good evening")
    made = stage.post("ben", "see you at six")
    stage.post("ada", "good")
    before = stage.export()
    stage.change(made, "see you at seven")
    stage.days = 1
    after = stage.export()
    for first, second in ((before, after), (after, before)):
        with archive(stage, "changed") as box:
            take(box, stage, first)
            take(box, stage, second)
            told = [text for _, text, _ in history(box)["posts"]]
            assert told == ["good evening", "see you at seven", "good"], (
                "a change is lost, or undone by an older export"
            )


@needs(Can.EXPORTS, Can.DELETIONS)
def a_deletion_is_told_by_a_later_export(stage: FileStage) -> None:
    stage.post("ada", "good evening")
    made = stage.post("ben", "gone tomorrow")
    stage.post("ada", "good")
    before = stage.export()
    stage.delete(made)
    stage.days = 1
    after = stage.export()
    for first, second in ((before, after), (after, before)):
        with archive(stage, "deleted") as box:
            take(box, stage, first)
            take(box, stage, second)
            assert [text for _, text, _ in history(box)["posts"]] == ["good evening", "good"], "a deletion is not told"


@needs(Can.EXPORTS, Can.ROSTERS)
def who_left_is_gone_in_either_order(stage: FileStage) -> None:
    story(stage)
    before = stage.export()
    if Can.POSTS in stage.can:
        stage.post("ada", "the last word of all")
    stage.members = ["ada"]
    stage.days = 1
    after = stage.export()
    for first, second in ((before, after), (after, before)):
        with archive(stage, "left") as box:
            take(box, stage, first)
            take(box, stage, second)
            people = {native for native, channel, *_ in history(box)["people"] if channel == stage.room}
            assert stage.handle("ada") in people
            assert stage.handle("ben") not in people, "who left is there again"


@needs(Can.EXPORTS)
def limits_do_not_fail_an_import(stage: FileStage) -> None:
    story(stage)
    path = stage.export()
    with archive(stage, "limits") as box:
        summary = take(box, stage, path)
        bad = [gap.code for gap in summary.gaps if not gap.limit]
        assert bad == [], "a gap that is no limit, in an export that is whole"
        assert not summary.new_gaps
        assert knows(box, path, "complete")


@needs(Can.EXPORTS)
def gaps_are_known_and_explained(stage: FileStage) -> None:
    story(stage)
    stage.lost = Can.LOST_FILES in stage.can
    if Can.HOSTILE in stage.can:
        stage.hostile()
    run = Reading(stage).whole()
    known = {value for name, value in vars(Known).items() if name.isupper()}
    told = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    for page in run.pages:
        for gap in page.gaps:
            assert codec.decode(codec.encode(gap)) == gap
            assert gap.count > 0
            assert gap.code in known or f"`{gap.code}`" in told, f"nobody explains {gap.code}"


@needs(Can.EXPORTS)
def a_roster_is_whole_or_said_to_be_partial(stage: FileStage) -> None:
    story(stage)
    run = Reading(stage).whole()
    whole = {roster.channel for roster in run.of(Roster)}
    partial = Known.MEMBERS_PARTIAL in {gap.code for page in run.pages for gap in page.gaps}
    missing = {channel.ref for channel in run.of(Channel) if channel.type not in {"category", "space"}} - whole
    assert partial or not missing, "who is missing among the members is passed over in silence"


# --- recognising, opening, closing -----------------------------------------------------------------------------------


@needs(Can.EXPORTS)
def no_other_format_takes_it(stage: FileStage) -> None:
    story(stage)
    path = stage.export()
    with closing(open_box(path)) as box:
        assert stage.reads.recognises(box, stage.choices), "it does not know its own export"
        assert sum(stage.kind in formats for formats in _formats()) == 1, "nobody can find this format"
        takers = []
        for formats in _formats():
            # Of one platform, those that are told apart more surely are asked first.
            asked = formats[: formats.index(stage.kind)] if stage.kind in formats else formats
            takers += [one.__name__ for one in asked if one.recognises(box, stage.choices)]
    assert takers == [], f"others take it for theirs: {takers}"


@needs(Can.EXPORTS)
def it_takes_nothing_else(stage: FileStage) -> None:
    folder = stage.folder / "others"
    (folder / "empty").mkdir(parents=True)
    kinds = {path.suffix for path in [stage.export(), *stage.folder.rglob("*")] if path.suffix} | {".txt", ""}
    for suffix in kinds:
        for name, data in (("nothing", b""), ("noise", bytes(range(256)) * 40), ("half", b'{"a":[{"b":"\xff\xfe')):
            (folder / f"{name}{suffix}").write_bytes(data)
    with zipfile.ZipFile(folder / "odd.zip", "w") as file:
        for suffix in kinds:
            file.writestr(f"a/b{suffix}", b"\x00\x01 nonsense, \xf0\x9f\n" * 100)
    for path in (*folder.iterdir(), folder):
        with closing(open_box(path)) as box:
            try:
                taken = stage.reads.recognises(box, stage.choices)
            except Exception as error:
                raise AssertionError("it falls over nonsense") from error
            assert not taken, f"it takes {path.name} for an export"


@needs(Can.EXPORTS)
def it_lets_go_of_files(stage: FileStage) -> None:
    story(stage)
    path = stage.export()
    gc.collect()
    before = _open_files()
    for most in (0, 1, 2, 3, 1000):
        connector = stage.open(path, lambda *_: "0" * 32)
        group = next(iter(connector.groups())).ref
        pages = connector.pages(group, {})
        came = [page for _, page in zip(range(most), pages, strict=False)]
        started = [connector.media(file.ref) for page in came for file in page.media]
        assert all(list(map(next, started)))
        del pages, came, started
        connector.close()
        connector.close()
        if _open_files() != before:
            gc.collect()
        assert _open_files() == before, f"left half-way after {most} pages, a file stays open"


# --- helpers ---------------------------------------------------------------------------------------------------------


@cache
def _formats() -> list[tuple[type[FileConnector], ...]]:
    """The kinds of export of each platform."""
    return [getattr(registry.load(name), "formats", ()) for name in registry.names()]


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a plain count, with nothing opened on the way


def _raises(kind: type[GroupArchiveError], act: Any) -> None:
    try:
        act()
    except kind:
        return
    raise AssertionError("there is no error where one is due")


class FileContract(ConnectorContract):
    """Subclass it and name the stage."""

    stage: ClassVar[type[FileStage]]

    @pytest.fixture
    def connector_stage(self, tmp_path: Path) -> FileStage:
        return self.stage(tmp_path)
