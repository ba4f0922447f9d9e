"""What is sent, without a server: harmless markup, no notification, thresholds that leave the room alive."""

from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.model.plan import EditPost, Post
from grouparchive.platforms.matrix import settings
from grouparchive.platforms.matrix.events import MARKER
from grouparchive.platforms.matrix.markup import MAX_DEPTH, sanitise
from grouparchive.platforms.matrix.render import MAX_CONTENT, edit_event, post_events


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("plain", "plain"),
        ("<b>bold</b> &amp; <i>more</i>", "<b>bold</b> &amp; <i>more</i>"),
        ("<script>alert(1)</script>after", "after"),
        ("<ScRiPt>alert(1)</sCrIpT>after", "after"),
        ("<style>*{}</style><p onclick='x()'>text</p>", "<p>text</p>"),
        ('<a href="javascript:alert(1)">x</a>', "<a>x</a>"),
        ('<a href="https://example.org/?a=1&amp;b=2">x</a>', '<a href="https://example.org/?a=1&amp;b=2">x</a>'),
        ('<a href="https://matrix.to/#/@someone:demo.test">x</a>', "<a>x</a>"),
        ('<a href="https://matrix.to/#/%40someone:demo.test">x</a>', "<a>x</a>"),
        ('<img src="mxc://gone.test/x" alt="a &lt;cat&gt;">', "a &lt;cat&gt;"),
        ('<img src=x onerror="alert(1)">', ""),
        ("<mx-reply><blockquote>quote</blockquote></mx-reply>answer", "answer"),
        ("<b>never closed", "<b>never closed</b>"),
        ("</b>never opened", "never opened"),
        ("<b><i>crossed</b></i>", "<b><i>crossed</i></b>"),
        ('<span data-mx-spoiler="why" style="x">hidden</span>', '<span data-mx-spoiler="why">hidden</span>'),
        ('<code class="language-py evil">x</code>', "<code>x</code>"),
        ("a<br/>b<hr>c", "a<br>b<hr>c"),
        ("1 < 2 & 3", "1 &lt; 2 &amp; 3"),
        ("<svg><a href='https://example.org'>x</a></svg>", '<a href="https://example.org">x</a>'),
    ],
)
def test_markup_is_made_harmless(given_text: str, expected: str) -> None:
    assert sanitise(given_text) == expected


def test_deep_nesting_is_flattened() -> None:
    assert sanitise("<b>" * 5000 + "x").count("<b>") == MAX_DEPTH


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.depth: list[str] = []
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"br", "hr"}:
            self.depth.append(tag)
        self.bad += [tag for tag in (tag,) if tag in {"script", "style", "img", "iframe", "svg", "mx-reply"}]
        self.bad += [name for name, value in attrs if name.startswith("on") or "javascript" in (value or "").lower()]

    def handle_endtag(self, tag: str) -> None:
        if not self.depth or self.depth.pop() != tag:
            self.bad.append(f"/{tag}")


PIECES = st.sampled_from(
    ["<b>", "</b>", "<a href='javascript:x'>", "<a href=https://x.test>", "</a>", "<script>", "</script>", "<p onload=x>",
     "<img src=x onerror=x>", "text", "<", ">", "&lt;script&gt;", '"', "'", "<!--", "-->", "<mx-reply>", "</mx-reply>", "<br"]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=10), max_size=30))
def test_whatever_comes_in_harmless_markup_comes_out(pieces: list[str]) -> None:
    clean = sanitise("".join(pieces))
    reader = _Reader()
    reader.feed(clean)
    reader.close()
    assert reader.bad == []
    if "<" in "".join(pieces) or "&" in "".join(pieces):
        assert reader.depth == []
        assert sanitise(clean) == clean


@given(st.text(max_size=60_000), st.text(max_size=60_000))
def test_no_event_is_too_large_unless_its_words_are_and_none_notifies(text: str, html: str) -> None:
    post = Post(key="0" * 32, channel="!r", message="$m", time=1, text=text[:10_000], html=html)
    ((_, content),) = post_events(post)
    assert content["m.mentions"] == {}
    assert content[MARKER] == "0" * 32
    assert content["body"] == text[:10_000]
    assert len(msgspec.json.encode(content)) <= MAX_CONTENT + 5000
    edit = EditPost(key="0" * 32, channel="!r", message="$m", target="$t", time=1, text=text[:10_000], html=html)
    changed = edit_event(edit, None)
    assert changed["m.mentions"] == changed["m.new_content"]["m.mentions"] == {}
    assert changed["m.new_content"]["body"] == text[:10_000]


def test_a_location_that_is_none_stays_words() -> None:
    for data in ('{"geo_uri":"javascript:alert(1)"}', "[]", "nonsense", ""):
        post = Post(key="0" * 32, channel="!r", message="$m", time=1, type="location", text="here", data=data)
        ((_, content),) = post_events(post)
        assert content["msgtype"] == "m.text"
        assert "geo_uri" not in content


def test_thresholds_never_lock_a_room_of_version_11() -> None:
    wanted = {"state_default": 10**12, "events": {"m.room.name": "x", "m.room.topic": True}, "ban": None}
    new = settings.levels({"users": {"@a:b": 100}, "events": {"m.room.avatar": 50}}, wanted, creators=False)
    assert new == {
        "users": {"@a:b": 100},
        "state_default": 100,
        "ban": 0,
        "events": {"m.room.avatar": 50, "m.room.name": 0, "m.room.topic": 0},
    }


@pytest.mark.parametrize(
    ("acl", "out"),
    [
        ({"allow": ["*"]}, False),
        ({"allow": ["*.test"]}, False),
        ({"allow": ["*"], "deny": ["demo.*"]}, True),
        ({"allow": []}, True),
        ({}, True),
        ({"allow": "demo.test"}, True),
    ],
)
def test_our_own_server_is_never_shut_out(acl: dict[str, object], out: bool) -> None:  # noqa: FBT001 - a table
    assert settings.shuts_out(acl, "demo.test:8448") is out
