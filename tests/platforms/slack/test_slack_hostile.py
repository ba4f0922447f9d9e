import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from slack_exports import DAY, FERN, GENERAL, MOSS, TEAM, TOP, Reading, lists, one, post, ts, user, write

from grouparchive.model.records import Media, Message, Reaction, Roster

MILLIS = TOP * 1000


def test_wrong_types_lose_only_what_is_wrong(tmp_path: Path) -> None:
    read = one(
        tmp_path,
        post(FERN, 1, "before"),
        post(FERN, 2, "odd", thread_ts={"a": 1}, edited=[1], reactions="none", files={"x": 1}, blocks=7),
        {"type": "message", "user": FERN, "ts": TOP + 3.25, "text": 42},
        {"type": "message", "user": ["x"], "ts": ts(4), "text": None},
        post(FERN, 5, "reactions", reactions=[
            {"name": 5, "users": [MOSS], "count": -3}, {"name": "+1", "users": None, "count": 2}, 9,
        ]),
        7, None, "text", [], {},
        post(FERN, 6, "after"),
    )  # fmt: skip
    assert [one.text for one in read.of(Message)] == ["before", "odd", "42", "", "reactions", "after"]
    assert [one.time for one in read.of(Message)[:4]] == [MILLIS + at for at in (1000, 2000, 3250, 4000)]
    assert read.codes["message-unreadable"] == 6  # five that are no entries, and what was edited
    assert read.codes["media-unavailable"] == 1
    assert read.codes["reaction-unreadable"] == 2  # "none" and 9
    assert [(one.key, one.count) for one in read.of(Reaction)] == [("5", 1), ("+1", 2)]


def test_what_has_no_form_is_told(tmp_path: Path) -> None:
    read = one(
        tmp_path,
        {"user": FERN, "ts": ts(1), "text": [{"x": "lost"}]},
        post(FERN, 2, "users", reactions=[{"name": "+1", "users": {"x": 1}, "count": 1}]),
        post(FERN, 3, "nobody", reactions=[{"name": "+1", "users": ["", MOSS], "count": 2}]),
    )
    assert [one.text for one in read.of(Message)] == ["", "users", "nobody"]
    assert read.codes["message-partly-read"] == 1
    assert read.codes["reaction-unreadable"] == 1
    assert [one.author for one in read.of(Reaction)][1:] == ["", read.id(MOSS)]


def test_a_channel_with_a_member_of_no_name(tmp_path: Path) -> None:
    about = {"channels.json": [{"id": GENERAL, "name": "general", "members": ["", FERN]}]}
    read = Reading(write(tmp_path / "a.zip", {f"general/{DAY}": [post(FERN, 1, "x")]}, about=about))
    assert next(one for one in read.of(Roster) if one.channel == GENERAL).members == 1


def test_times_that_are_none(tmp_path: Path) -> None:
    odd: list[Any] = ["", "soon", "-5", "1e9", "99999999999999999999", "1772323200,000000", None, {}]
    read = one(tmp_path, *({"user": FERN, "text": f"at {at}", "ts": value} for at, value in enumerate(odd)))
    assert {one.time for one in read.of(Message)} == {MILLIS}
    assert {one.ref[:11] for one in read.of(Message)} == {f"{DAY}/"}
    assert len({one.ref for one in read.of(Message)}) == len(odd)
    assert read.codes["time-unknown"] == len(odd)


def test_broken_bytes_and_half_characters(tmp_path: Path) -> None:
    good = json.dumps(post(FERN, 1, "good")).encode()
    half = json.dumps(post(FERN, 2, "half \ud83d of it")).encode()
    latin = json.dumps(post(FERN, 3, "caf@")).encode().replace(b"@", b"\xe9")
    read = Reading(
        write(
            tmp_path / "a.zip", {f"general/{DAY}": b"[" + b",".join([good, half, latin, good.replace(b"1.0", b"4.0")])}
        )
    )
    assert [one.text for one in read.of(Message)] == ["good", "half \ufffd of it", "caf\ufffd", "good"]
    assert read.codes == {"avatars-not-exported": 1, "contact-unreadable": 1, "file-damaged": 1}  # it has no end


@pytest.mark.parametrize(
    "broken",
    [b'{"user": "U1", "text": "x', b'{"user" "text"}', b"\x00\x00\x00", b'{"a": tru}', b"[" * 50_000, b'"' + b"x" * 99],
)
def test_what_stands_before_and_after_a_damaged_place_is_kept(tmp_path: Path, broken: bytes) -> None:
    before = [json.dumps(post(FERN, at, f"before {at}")).encode() for at in range(3)]
    after = [json.dumps(post(FERN, at, f"after {at}")).encode() for at in range(10, 40)]
    read = Reading(
        write(tmp_path / "a.zip", {f"general/{DAY}": b"[\n" + b",\n".join([*before, broken, *after]) + b"\n]"})
    )
    texts = read.texts()
    assert texts[:3] == ["before 0", "before 1", "before 2"]
    assert "after 39" in texts
    assert len(texts) >= 30
    assert read.codes["message-unreadable"] + read.codes["file-damaged"] > 0


@pytest.mark.parametrize("data", [b"", b"{}", b"null", b"[", b'{"messages": []}', b"\xff\xfe[\x00]\x00", b"<html>"])
def test_a_day_that_is_no_list(tmp_path: Path, data: bytes) -> None:
    read = Reading(write(tmp_path / "a.zip", {f"general/{DAY}": data, "general/2026-03-02": [post(FERN, 1, "next")]}))
    assert read.texts() == ["next"]
    assert read.codes["file-damaged"] + read.codes["message-unreadable"] >= 1
    gap = next(gap for gap in read.gaps if gap.code in {"file-damaged", "message-unreadable"})
    assert gap.scope == f"{GENERAL}/{DAY}"


def test_lists_that_are_damaged(tmp_path: Path) -> None:
    people = [
        user(FERN, "Fern Hollow"),
        {"id": 5},
        7,
        user(MOSS, "Moss Stone", profile={"email": ["x"], "real_name": 3}),
    ]
    about = {
        "channels.json": [
            *lists()["channels.json"],
            {"id": None},
            {"name": "no id"},
            "x",
            {"id": "C0SECOND01", "members": 7},
        ]
    }
    read = Reading(write(tmp_path / "a.zip", {}, people=people, about=about))
    assert read.groups[0].ref == TEAM
    assert {one.channel for one in read.of(Roster)} == {TEAM, GENERAL}
    assert read.people[read.id(MOSS)].name == "3"
    assert read.codes["message-unreadable"] >= 3


def test_a_zip_that_was_cut_inside_a_day(tmp_path: Path) -> None:
    folder = write(tmp_path / "folder", {f"general/{DAY}": [post(FERN, at, f"text {at}") for at in range(50)]})
    day = folder / "general" / f"{DAY}.json"
    day.write_bytes(day.read_bytes()[:-200])
    read = Reading(folder)
    assert 45 < len(read.texts()) < 50
    assert read.codes["file-damaged"] == 1


def test_a_text_without_end_is_cut_with_a_gap(tmp_path: Path) -> None:
    read = one(tmp_path, post(FERN, 1, "*x* " * 500_000), post(FERN, 2, "after"))
    assert [len(one.text) for one in read.of(Message)] == [1_000_000, 5]
    assert not read.of(Message)[0].html
    assert read.codes["text-cut"] == 1


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    size = 40 * 1024 * 1024
    huge = (
        b'[{"user": "U1", "ts": "1.0", "text": "'
        + b"x" * size
        + b'"}, '
        + json.dumps(post(FERN, 2, "after")).encode()
        + b"]"
    )
    path = write(tmp_path / "a.zip", {f"general/{DAY}": huge})
    del huge
    tracemalloc.start()
    read = Reading(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read.texts() == ["after"]
    assert read.codes["record-too-large"] == 1
    assert peak < 36 * 1024 * 1024


def test_blocks_nested_without_end(tmp_path: Path) -> None:
    deep: Any = {"type": "text", "text": "deep"}
    for _ in range(300):
        deep = {"type": "rich_text_section", "elements": [deep]}
    raw = (
        json.dumps(post(FERN, 2)).encode()[:-1]
        + b', "blocks": '
        + b'[{"elements": ' * 5000
        + b"1"
        + b"}]" * 5000
        + b"}"
    )
    data = (
        b"["
        + json.dumps(post(FERN, 1, "", blocks=[deep])).encode()
        + b","
        + raw
        + b","
        + json.dumps(post(FERN, 3, "z")).encode()
        + b"]"
    )
    read = Reading(write(tmp_path / "a.zip", {f"general/{DAY}": data}))
    assert read.texts()[0] == "deep"
    assert read.texts()[-1] == "z"


def test_numbers_that_are_absurd(tmp_path: Path) -> None:
    read = one(
        tmp_path,
        post(
            FERN, 1, "x", files=[{"id": "F" * 5000, "name": "n" * 5000, "size": -1, "original_w": 10**30}, {"id": ""}]
        ),
    )
    media = read.of(Message)[0].media
    assert media[1:] == (Media(ref=f"{GENERAL}/{ts(1)}/1"),)
    assert (media[0].ref, media[0].size, media[0].width) == (f"{GENERAL}/{ts(1)}/0", 0, 0)


# --- files ---


def picture(**more: Any) -> dict[str, Any]:
    return {
        "id": "F0PICTURE1",
        "name": "tulips.png",
        "mimetype": "image/png",
        "size": 3,
        "original_w": 4,
        "mode": "hosted",
        **more,
    }


def test_files_that_lie_beside_are_taken(tmp_path: Path) -> None:
    ref = f"{GENERAL}/{ts(1)}/F0PICTURE1"
    message = post(FERN, 1, "", files=[picture(), picture(id="F0MISSING1", name="Fern Hollow.png")])
    for number, name in enumerate(("__uploads/F0PICTURE1/tulips.png", "general/attachments/F0PICTURE1-tulips.png")):
        path = write(tmp_path / f"{number}.zip", {f"general/{DAY}": [message]}, files={name: b"png"})
        read = Reading(path)
        request, data = read.media[ref]
        assert (request.mime, request.size, request.vault, data) == ("image/png", 3, "content", b"png")
        found = read.of(Message)[0]
        assert (found.type, found.media[0]) == (
            "image",
            Media(ref=ref, name="tulips.png", mime="image/png", size=3, width=4),
        )
        gap = next(gap for gap in read.gaps if gap.code == "media-unavailable")
        assert (gap.scope, read.named(gap.detail), gap.limit) == (
            f"{GENERAL}/{ts(1)}/F0MISSING1",
            f"[{FERN}].png",
            False,
        )


def test_files_that_no_export_of_slack_holds_are_one_limit(tmp_path: Path) -> None:
    read = one(
        tmp_path,
        *(post(FERN, at, "see", files=[picture(id=f"F0PICTURE{at}")]) for at in range(5)),
        post(
            FERN,
            7,
            "",
            files=[{"id": "F0GONE0001", "mode": "tombstone"}, {"id": "F0HIDDEN01", "mode": "hidden_by_limit"}],
        ),
        post(FERN, 8, "", files=[picture(mode="external", url_private="https://docs.example/d/1", name="plan")]),
        post(FERN, 9, "", files=[picture(mode="snippet", preview="if a < b:\n  go", mimetype="text/plain")]),
    )
    limits = {gap.code: gap.count for gap in read.gaps if gap.limit}
    assert limits["media-unavailable"] == 6
    assert (limits["file-deleted"], limits["file-hidden-by-plan"]) == (1, 1)
    assert read.texts()[-3:] == ["", "https://docs.example/d/1", "```\nif a < b:\n  go\n```"]
    assert read.of(Message)[-1].html == "<pre><code>if a &lt; b:\n  go</code></pre>"


def test_members_pictures_go_to_the_roster(tmp_path: Path) -> None:
    read = Reading(
        write(
            tmp_path / "a.zip", {}, files={f"__avatars/{FERN}/abc.jpg": b"face", "__avatars/U0OLD00001/x.jpg": b"old"}
        )
    )
    ((request, data),) = read.media.values()
    assert (request.vault, data) == ("roster", b"face")
    assert request.stamp
    assert read.people[read.id(FERN)].avatar == request.ref
    assert "avatars-not-exported" not in read.codes
