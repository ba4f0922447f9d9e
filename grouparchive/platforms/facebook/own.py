"""What a download tells about its account: who it is, which groups it ran, joined and left, and where its posts belong.

The download names groups, it does not number them. So a group's ref is `name:NAME`, unless a person says its number.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, cast

import msgspec

from grouparchive.model.records import Known
from grouparchive.platforms.facebook import shapes
from grouparchive.platforms.facebook.blocks import Block, Page, blocks, is_marked
from grouparchive.platforms.facebook.people import native_of
from grouparchive.platforms.facebook.posts import Kind, group_told, time_of
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.facebook.rows import Noted, anyhow, decoded, rows
from grouparchive.platforms.facebook.shapes import Attached, Attachment, Link, Post, Said, Uri, millis
from grouparchive.platforms.facebook.titles import Groups, plain, told
from grouparchive.platforms.files import Box, Choices

LIMITS: Final = (
    (Known.MEMBERS_PARTIAL, "Facebook's download never lists a group's members: add a capture of the members page"),
    (Known.HISTORY_CUT, "Facebook's download holds the account's own posts and comments only, nobody else's"),
    (Known.COMMENT_CONTEXT_UNKNOWN, "it does not say which post a comment answers"),
    (Known.GROUP_KNOWN_BY_NAME, "it does not number groups: name the number with --group to join it with a capture"),
)

_KINDS: Final[dict[str, Kind]] = {
    "group_posts_v2": "p",
    "group_posts": "p",
    "group_comments_v2": "c",
    "anonymous_author_posts": "a",
}
_FOLDER: Final = re.compile(
    r"(?:.*/)?(?P<folder>groups|posts|pages|[a-z_]*profile_information|followers|connections(?:/followers)?)/(?P<file>[^/]+)\.(?P<kind>json|html)"
)
_FOLLOWERS: Final = re.compile(r"followers_v\d")
_TIMELINE: Final = re.compile(r"your_posts.*")
_PAGE_POSTS: Final = re.compile(r"profile_posts.*")
_AT_ONCE: Final = 48 * 1024 * 1024
_MOST_PLACES: Final = 20_000


class Place(msgspec.Struct):
    """A group or page of the account. `stays`: (time, "join" | "leave") of the account; `page`: it is a page."""

    name: str
    admin: bool = False
    page: bool = False
    posts: int = 0
    first: int = 0
    stays: list[tuple[int, str]] = []
    followers: dict[str, int] = {}


class Row(msgspec.Struct, frozen=True, gc=False):
    """A post in a file of the download, not decoded yet: they may be many."""

    time: int
    kind: Kind
    page: str
    raw: bytes

    @property
    def post(self) -> Post:
        """What it says."""
        return anyhow(self.raw, shapes.post_decoder)


class Own:
    """Reads a download's files about its account.

    Args:
        box: the download.
        choices: what a person says about it.
        noted: takes what could not be read.
    """

    def __init__(self, box: Box, choices: Choices, noted: Noted) -> None:
        self._box = box
        self._choices = choices
        self._told = told(choices.group)
        self._noted = noted
        self.name = ""
        self.native = ""
        self.places: dict[str, Place] = {}
        self._stays: list[tuple[str, str, int]] = []  # (group, title, time) of joining and leaving
        self._names: dict[str, str] = {}  # of groups that were joined
        self._admined: dict[str, int] = {}
        self._pages: list[str] = []
        self._followers: dict[str, int] = {}
        self._joined: set[str] = set()  # groups where nothing was posted
        self._groups = Groups(())
        self._files: list[tuple[str, str]] = []  # (name, a key of _KINDS or a Kind)
        self._homeless = self._elsewhere = self._pending = 0
        self._kept: dict[str, list[Row]] | None = None
        self._page_ref = ""
        self._homes: dict[tuple[str, bool, bool], str] = {}

    def read(self) -> None:
        """Everything, of posts only where they belong."""
        for name in sorted(self._box.entries):
            self._look(name)
        self._groups = Groups([*self._names.values(), *self._admined])
        for name, time in self._admined.items():
            place = self._place(name)
            place.admin = True
            place.stays.append((time, "join"))
        self._sort_posts()
        for told_name, title, time in self._stays:
            group = told_name or self._groups.named(title, self.name)
            ref = self._ref(group)
            if ref in self.places:
                self.places[ref].stays.append((time, "join" if told_name else "leave"))
            elif group:
                self._joined.add(ref)
        for page in self._pages:
            self._place(page, "page:").page = True
        if self._page_ref:
            self.places[self._page_ref].followers = self._followers

    def rows(self, ref: str) -> Iterator[Row]:
        """The posts of a group, in the order of the files."""
        if self._kept is not None:
            yield from self._kept.get(ref, ())
            return
        for row, post in self._all():
            if self._home(row.kind, post, count=False) == ref:
                yield row

    def left_out(self) -> Iterator[tuple[str, int, str]]:
        """(gap code, how many, words) for what is known and not taken in."""
        if self._homeless:
            yield Known.GROUP_UNKNOWN, self._homeless, "posts whose title names no group that is known"
        if self._elsewhere:
            yield Known.TIMELINE_LEFT_OUT, self._elsewhere, "posts on the account's own timeline"
        if self._pending:
            yield Known.PENDING_LEFT_OUT, self._pending, "posts that were never published"
        if self._joined:
            yield Known.JOINED_LEFT_OUT, len(self._joined), "groups that the account joined and did not write in"

    # --- files ------------------------------------------------------------------------------------------------------------

    def _look(self, name: str) -> None:
        place = _FOLDER.fullmatch(name)
        stem = place["file"] if place else name.rpartition("/")[2].rpartition(".")[0]
        folder = place["folder"].split("/", 1)[0] if place else ""
        if folder == "posts" and _TIMELINE.fullmatch(stem):
            self._files.append((name, "t"))
        elif folder == "posts" and _PAGE_POSTS.fullmatch(stem):
            self._files.append((name, "g"))
        elif folder == "groups" and name.endswith(".html"):
            self._look_html(name, stem)
        elif name.endswith(".json") and (place or "/" not in name):
            self._look_json(name)

    def _look_json(self, name: str) -> None:
        named = {"groups_admined_v2": self._take_admined, "pages_v2": self._take_page, "followers": self._take_follower}
        for key, raw in rows(self._box, name, self._noted):
            if key in _KINDS:
                self._files.append((name, key))
                return
            if key == "groups_joined_v2":
                self._take_stay(raw, name)
            elif key == "profile_v2":
                self._take_profile(raw, name)
            elif key.startswith("pending_posts"):
                self._pending += 1
            elif take := named.get("followers" if _FOLLOWERS.fullmatch(key) else key):
                row = decoded(raw, shapes.named_decoder, name, self._noted)
                if row and row.name and (text := tidy(row.name).strip()):
                    take(text, millis(row.timestamp) or 0)

    def _take_admined(self, name: str, time: int) -> None:
        self._admined.setdefault(name, time)

    def _take_page(self, name: str, time: int) -> None:  # noqa: ARG002 - since when is of no use
        self._pages.append(name)

    def _take_follower(self, name: str, time: int) -> None:
        self._followers[name] = time

    def _take_stay(self, raw: bytes, name: str) -> None:
        if (row := decoded(raw, shapes.post_decoder, name, self._noted)) is not None:
            group = next((tidy(said.name).strip() for said in row.data or () if said.name), "")
            self._stay(group, tidy(row.title or ""), millis(row.timestamp) or 0)

    def _stay(self, group: str, title: str, time: int) -> None:
        if group:
            self._names[plain(group)] = group
        self._stays.append((group, title, time))

    def _take_profile(self, raw: bytes, name: str) -> None:
        if (row := decoded(raw, shapes.profile_decoder, name, self._noted)) is not None:
            full = row.name.full_name if isinstance(row.name, shapes.FullName) else row.name
            self.name = tidy(full or "").strip()
            self.native = native_of(None, row.profile_uri or "")

    def _look_html(self, name: str, stem: str) -> None:
        if "post" in stem or "comment" in stem:
            kind = "a" if "anonymous" in stem else "c" if stem.startswith("your_comments") else "p"
            if "pending" not in stem:
                self._files.append((name, kind))
        elif stem == "your_groups":
            for block in self._blocks(name):
                if head := block.head or next(iter(block.lines), ""):
                    self._take_admined(head, block.time or 0)
        elif "membership_activity" in stem:
            for block in self._blocks(name):
                group = next(iter(block.lines), "") if block.head else ""
                self._stay(group, block.head or block.text, block.time or 0)

    def _blocks(self, name: str) -> Iterator[Block]:
        page = Page()
        yield from blocks(self._box.pieces(name), self._choices.zone, page, marked=is_marked(self._box.head(name)))
        for code in page.faults():
            self._noted(code, name)

    # --- posts ------------------------------------------------------------------------------------------------------------

    def _sort_posts(self) -> None:
        """Find the home of each post, and keep them where that is not too much."""
        kept: dict[str, list[Row]] | None = {}
        if sum(self._box.entries[name] for name in {name for name, _ in self._files}) > _AT_ONCE:
            kept = None
        for row, post in self._all():
            ref = self._home(row.kind, post, count=True)
            if not ref:
                continue
            place = self.places[ref]
            place.posts += 1
            place.first = min(place.first or row.time, row.time or place.first)
            if kept is not None:
                kept.setdefault(ref, []).append(row)
        self._kept = kept

    def _all(self) -> Iterator[tuple[Row, Post]]:
        for name, what in self._files:
            if name.endswith(".html"):
                for block in self._blocks(name):
                    yield (
                        Row(block.time or 0, cast("Kind", what), name, msgspec.json.encode(_post_of(block))),
                        _post_of(block),
                    )
                continue
            kind = _KINDS.get(what, cast("Kind", what))
            for key, raw in rows(self._box, name, self._noted):
                if key == what if what in _KINDS else raw[:1] == b"{":
                    post = decoded(raw, shapes.post_decoder, name, self._noted)
                    if post is not None:
                        yield Row(time_of(post) or 0, kind, name, raw), post

    def _home(self, kind: Kind, post: Post, *, count: bool) -> str:
        """The ref of the place where a post was; "" where it was in none."""
        if kind == "g":
            self._page_ref = self._page_ref or self._own_page()
            return self._page_ref
        group = group_told(post) if kind != "t" else ""
        key = (group or post.title or "", bool(group), kind == "t")
        if (ref := self._homes.get(key)) is None:
            group = group or self._group_of(tidy(post.title or ""), guess=kind != "t")
            ref = self._ref(group) if group and self._place(group) else ""
            if len(self._homes) < _MOST_PLACES:
                self._homes[key] = ref
        if not ref and count:
            self._elsewhere += kind == "t"
            self._homeless += kind != "t"
        return ref

    def _group_of(self, title: str, *, guess: bool) -> str:
        return self._groups.named(title, self.name, guess=guess) or (self._told[0] if guess else "")

    def _own_page(self) -> str:
        # Another platform's account may bear the same name as a page: the ref must not be that alone.
        known = self.native.removeprefix("vanity:")
        ref = known if known.isdecimal() else f"page:{known or plain(self.name)[:300]}"
        self.places.setdefault(ref, Place(name=self.name or self._told[0])).page = True
        return ref

    def _place(self, name: str, prefix: str = "name:") -> Place:
        ref = self._ref(name, prefix)
        if ref not in self.places and len(self.places) >= _MOST_PLACES:
            self._noted(Known.TOO_MANY, "groups")
            ref = next(iter(self.places))
        return self.places.setdefault(ref, Place(name=name[:1000]))

    def _ref(self, name: str, prefix: str = "name:") -> str:
        known, number = self._told
        if number and known and plain(known) == plain(name):
            return number
        return f"{prefix}{plain(name)[:300]}"


def sorted_rows(found: Iterable[Row]) -> list[Row]:
    """Oldest first."""
    return sorted(found, key=lambda row: row.time)


def _post_of(block: Block) -> Post:
    attached = [Attached(media=Uri(uri=uri)) for uri in block.files]
    attached += [Attached(external_context=Link(url=url, name=words)) for url, words in block.links]
    return Post(
        timestamp=(block.time or 0) / 1000 or None,
        title=block.head,
        data=[Said(post=block.text)] if block.lines else None,
        attachments=[Attachment(data=attached)] if attached else None,
    )
