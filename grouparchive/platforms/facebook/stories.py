"""Reads posts and comments in answers of Facebook's pages. See `graph`."""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from grouparchive.model.records import MemberId
from grouparchive.platforms.facebook.found import Found, Picture, Post
from grouparchive.platforms.facebook.links import clean_link
from grouparchive.platforms.facebook.nodes import (
    ENDS,
    NUMBER,
    Node,
    at,
    decoded,
    file_of,
    inside,
    is_number,
    is_person,
    nodes_in,
    number_in,
    said,
    size_of,
    text_of,
    time_of,
)
from grouparchive.platforms.facebook.people import native_of
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.files.texts import MOST, SIZE, cut

Who = Callable[[str, str], MemberId]
"""who(native id, name) -> member id."""

_GROUP_URL: Final = re.compile(r"/groups/(\d{5,20})(?:/|$|\?)")
_POST_URL: Final = re.compile(r"/(?:posts|permalink)/(\d{5,20})")
_MEDIA: Final = frozenset({"Photo", "Video", "Sticker", "GenericAttachmentMedia"})
_IMAGES: Final = (
    "viewer_image", "photo_image", "image", "large_share_image", "full_width_image", "thumbnailImage", "preferred_thumbnail",
)  # fmt: skip
_COUNTS: Final = frozenset({"reaction_count", "reactors", "share_count", "total_comment_count", "top_reactions"})
_OF_SHARED: Final = frozenset({"message", "actors", "actor", "creation_time"})
_OF_POST: Final = (
    _COUNTS
    | _OF_SHARED
    | {
        "post_id", "to", "target_group", "associated_group", "url", "wwwURL", "permalink_url", "attachments", "attached_story",
    }
)  # fmt: skip
_SHARED: Final = SIZE // 8  # bytes of a text that stands beside another


class PostReader:
    """Reads posts and comments into `found`.

    Args:
        found: takes them, and their authors.
        who: gives people their ids, for mentions.
    """

    def __init__(self, found: Found, who: Who) -> None:
        self._found = found
        self._who = who

    def person(self, node: Node) -> str:
        """Somebody's native id; "" for who has none."""
        url = text_of(node.get("url")) or text_of(node.get("profile_url"))
        native = native_of(node.get("id"), url)
        if native:
            picture = at(node, "profile_picture", "uri") or at(node, "profile_picture_depth_0", "uri")
            self._found.person(native, tidy(text_of(node.get("name")))[:1000].strip(), file_of(text_of(picture)))
        return native

    def story(self, node: Node, time: int, group: str) -> None:  # noqa: C901 - one case for each field
        """A post, as it was at `time`, in the group whose page it came from."""
        post = Post(id="", seen=time)
        own = node.get("id")
        numbers = [text_of(node.get("post_id")), number_in(text_of(own))]
        for key, value in inside(node, own, _OF_POST):
            if key == "post_id" and is_number(value):
                numbers.append(value)
            elif key == "creation_time" and not post.time:
                post.time = time_of(value)
            elif key == "message" and isinstance(value, dict) and not post.text:
                self._words(post, value)
            elif key in {"actors", "actor"} and not (post.author or post.anonymous):
                self._author(post, value[0] if isinstance(value, list) and value else value)
            elif key in {"to", "target_group", "associated_group"} and isinstance(value, dict) and not post.group:
                if value.get("__typename") == "Group" and is_number(value.get("id")):
                    post.group = value["id"]
            elif key in {"url", "wwwURL", "permalink_url"} and isinstance(value, str):
                self._place_of(post, value, numbers)
            elif key == "attachments" and isinstance(value, list):
                self._attachments(post, value)
            elif key == "attached_story" and isinstance(value, dict) and not post.shared:
                self._shared(post, value)
            else:
                self._count(post, key, value)
        post.id = next((number for number in numbers if NUMBER.fullmatch(number)), "")
        post.group = post.group or group
        if post.id:
            self._found.post(post)

    def comment(self, node: Node, time: int, group: str) -> None:
        """A comment. It says itself below which post it stands."""
        post = Post(id="", seen=time, time=time_of(node.get("created_time")))
        ends = ENDS.search(decoded(text_of(node.get("id")))) or ENDS.search(
            decoded(text_of(at(node, "feedback", "id")))
        )
        legacy = text_of(node.get("legacy_fbid"))
        post.id = legacy if NUMBER.fullmatch(legacy) else ((ends[2] or ends[1]) if ends else "")
        post.post = ends[1] if ends and ends[2] else ""
        if not post.id:
            return
        body = node.get("body") or node.get("preferred_body") or node.get("body_renderer")
        if isinstance(body, dict):
            self._words(post, body)
        self._author(post, node.get("author"))
        for name in ("comment_direct_parent", "comment_parent", "parent_comment"):
            parent = node.get(name)
            if isinstance(parent, dict) and not post.parent:
                told = text_of(parent.get("legacy_fbid"))
                post.parent = told if NUMBER.fullmatch(told) else number_in(text_of(parent.get("id")))
        post.parent = "" if post.parent == post.id else post.parent
        for url in (text_of(node.get("url")), text_of(at(node, "feedback", "url"))):
            found: list[str] = []
            self._place_of(post, url, found)
            post.post = post.post or next(iter(found), "")
        attachments = node.get("attachments")
        self._attachments(post, attachments if isinstance(attachments, list) else [])
        for key, value in inside(node, node.get("id"), _COUNTS):
            self._count(post, key, value)
        post.group = post.group or group
        post.post = post.post or "?"
        self._found.post(post)

    def _place_of(self, post: Post, url: str, numbers: list[str]) -> None:
        if found := _GROUP_URL.search(url):
            post.group = post.group or found[1]
            if told := _POST_URL.search(url):
                numbers.append(told[1])

    def _author(self, post: Post, node: Any) -> None:
        if not isinstance(node, dict):
            return
        if node.get("__typename") == "GroupAnonAuthorProfile":
            post.anonymous = True
        else:
            post.author = self.person(node)

    def _words(self, post: Post, node: Node) -> None:
        """A text with the people that it mentions as their ids."""
        text = text_of(node.get("text"))[: MOST + 1]
        if not text:
            return
        mentions: list[tuple[int, int, MemberId]] = []
        wide = any(ord(char) > 0xFFFF for char in text)
        ranges = node.get("ranges")
        for one in ranges[:2000] if isinstance(ranges, list) else ():
            entity = one.get("entity") if isinstance(one, dict) else None
            if not isinstance(entity, dict) or not is_person(entity):
                continue
            start, length = one.get("offset"), one.get("length")
            native = native_of(entity.get("id"), text_of(entity.get("url")) or text_of(entity.get("profile_url")))
            if (
                not native
                or not isinstance(start, int)
                or not isinstance(length, int)
                or not 0 <= start < len(text) * 2
                or length <= 0
            ):
                continue
            name = tidy(text_of(entity.get("name")))[:1000]
            start, end = _span(text, start, start + length, name) if wide else (start, start + length)
            if start < end <= len(text):
                mentions.append((start, end, self._who(native, name)))
        last = len(text) + 1
        for start, end, id_ in sorted(mentions, reverse=True):
            if end <= last:
                text = f"{text[:start]}{{member:{id_}}}{text[end:]}"
                last = start
        post.text = tidy(text)
        post.mentions = tuple(dict.fromkeys(id_ for _, _, id_ in sorted(mentions)))

    def _attachments(self, post: Post, attachments: list[Any]) -> None:
        for key, value in nodes_in(attachments):
            kind = text_of(value.get("__typename"))
            if kind in _MEDIA or (key == "media" and "id" in value):
                self._picture(post, value)
            elif key in {"external_url", "web_link"} or kind == "ExternalUrl":
                link = clean_link(text_of(value.get("url")))
                if link and all(known["url"] != link for known in post.links):
                    post.links = (*post.links, {"url": link})
            elif key == "question" or kind in {"Question", "QuestionPoll"}:
                post.question = tidy(said(value.get("text")) or text_of(value.get("text")))[:20_000]
                post.options = tuple(tidy(option)[:2000] for option in islice(_options(value), 100))

    def _picture(self, post: Post, node: Node) -> None:
        id_ = node.get("id")
        if not is_number(id_):
            return
        image = next((found for name in _IMAGES if isinstance(found := node.get(name), dict)), {})
        if isinstance(image.get("image"), dict):
            image = image["image"]
        video = node.get("__typename") == "Video" or "playable_url" in node
        picture = Picture(
            id=id_,
            file=file_of(text_of(image.get("uri"))),
            mime="video/mp4" if video else "image/jpeg",
            width=size_of(image.get("width")),
            height=size_of(image.get("height")),
        )
        known = next((one for one in post.pictures if one.id == id_), None)
        if known is None:
            post.pictures = (*post.pictures, picture)
        elif picture.file and picture.width > known.width:
            known.file, known.width, known.height = picture.file, picture.width, picture.height

    def _shared(self, post: Post, node: Node) -> None:
        """A post that this one shows: whose it is and what it says."""
        inner = Post(id="")
        for key, value in inside(node, node.get("id"), _OF_SHARED):
            if key == "message" and isinstance(value, dict) and not inner.text:
                self._words(inner, value)
            elif key in {"actors", "actor"} and not (inner.author or inner.anonymous):
                self._author(inner, value[0] if isinstance(value, list) and value else value)
            elif key == "creation_time" and not inner.time:
                inner.time = time_of(value)
        author = self._who(inner.author, self._found.person(inner.author).name) if inner.author else ""
        shared = {
            "text": cut(inner.text, _SHARED),
            "author": f"{{member:{author}}}" if author else "",
            "time": inner.time,
        }
        post.shared = {name: value for name, value in shared.items() if value}

    def _count(self, post: Post, key: str, value: Any) -> None:
        counts = post.counts or {}
        match key:
            case "reaction_count" | "reactors" | "share_count" if isinstance(value, dict):
                count = value.get("count", value.get("count_reduced"))
                name = "shares" if key == "share_count" else "reactions"
                if isinstance(count, str) and count.isdecimal() and len(count) < 10:
                    count = int(count)
                if isinstance(count, int) and not isinstance(count, bool) and 0 < count < 10**9:
                    post.counts = {**counts, name: max(count, counts.get(name, 0))}
            case "total_comment_count" if isinstance(value, int) and 0 < value < 10**9:
                post.counts = {**counts, "comments": max(value, counts.get("comments", 0))}
            case "top_reactions" if isinstance(value, dict) and isinstance(edges := value.get("edges"), list):
                kinds = {
                    tidy(name)[:50]: count
                    for edge in edges[:20]
                    if isinstance(edge, dict)
                    and (
                        name := text_of(at(edge, "node", "localized_name"))
                        or text_of(at(edge, "node", "reaction_type"))
                    )
                    and isinstance(count := edge.get("reaction_count"), int)
                    and 0 < count < 10**9
                }
                if kinds:
                    post.counts = {**counts, "kinds": kinds}


def _span(text: str, start: int, end: int, name: str) -> tuple[int, int]:
    """The pages count in UTF-16 units; should an answer count in characters, the name tells."""
    if name and text[start:end] == name:
        return start, end
    units = text.encode("utf-16-le", "surrogatepass")
    before, inside = units[: start * 2], units[start * 2 : end * 2]
    first = len(before.decode("utf-16-le", "replace"))
    return first, first + len(inside.decode("utf-16-le", "replace"))


def _options(node: Node) -> Iterator[str]:
    options = node.get("options")
    rows = options.get("edges") or options.get("nodes") if isinstance(options, dict) else options
    for row in rows if isinstance(rows, list) else ():
        one = row.get("node", row) if isinstance(row, dict) else None
        if isinstance(one, dict) and (text := said(one.get("text_with_entities")) or text_of(one.get("text"))):
            yield text
