"""Posts, edits and reactions as Matrix events: event type and content. Pure: no network, no archive.

Nothing here can notify anybody: `m.mentions` is always there and empty, which turns off the old rules that search texts for
names and @room. Every content bears our marker.
"""

import re
from typing import Any

import msgspec

from grouparchive.model.codec import UNREADABLE
from grouparchive.model.plan import EditPost, Post, PostMedia, React
from grouparchive.model.records import Poll
from grouparchive.platforms.matrix.api import MXC
from grouparchive.platforms.matrix.events import MARKER, Json
from grouparchive.platforms.matrix.markup import sanitise

MAX_CONTENT = 60_000
"""Bytes of content we send at most; a whole event may have 65,536."""

_MSGTYPES = {"notice": "m.notice", "emote": "m.emote", "service": "m.notice"}
_FILES = {"image": "m.image", "video": "m.video", "audio": "m.audio", "file": "m.file"}
_POLL = "org.matrix.msc3381.poll.start"
"""Polls under their first name: that is what clients send and all of them read."""
_GEO = re.compile(r"geo:[-0-9.,;=a-zA-Z]{1,200}")


def post_events(post: Post) -> list[tuple[str, Json]]:
    """What to send for a post, in order. The last one is the post itself; those before it are its further files."""
    relation = _relation(post)
    content: Json
    if post.poll:
        kind, content = _POLL, _poll(post.poll)
    elif post.type == "sticker" and post.media:
        kind, content = "m.sticker", _sticker(post.media[0])
    elif post.media:
        kind, content = "m.room.message", _file(post, post.media[0])
    else:
        kind, content = "m.room.message", _words(post.type, post.text, post.html)
        where = _place(post) if post.type == "location" else ""
        if where:
            content |= {"msgtype": "m.location", "geo_uri": where}
    events = []
    for number, media in enumerate(post.media[1:]):
        further = msgspec.structs.replace(post, text="", html="", type="file")
        events.append(("m.room.message", _sent(_file(further, media), f"{post.key}-{number + 1}", relation)))
    events.append((kind, _sent(content, post.key, relation)))
    return events


def edit_event(edit: EditPost, shown: Json | None) -> Json:
    """The content of an edit. `shown` is the content of the post where it is more than a text: its file stays."""
    new: Json
    if shown and MXC.fullmatch(str(shown.get("url"))):
        new = {key: shown[key] for key in ("msgtype", "url", "info", "filename") if key in shown}
        new["filename"] = new.get("filename", shown.get("body", ""))
        new |= _texts(edit.text, edit.html)
    else:
        kind = shown.get("msgtype") if shown else None
        new = {"msgtype": kind if kind in _MSGTYPES.values() else "m.text", **_texts(edit.text, edit.html)}
    new["m.mentions"] = {}
    outer: Json = {"msgtype": new["msgtype"], "body": f"* {edit.text}"}
    if "url" in new:  # what old clients show: the file again, with its new words
        outer |= {key: new[key] for key in ("url", "info", "filename") if key in new}
    content = outer | {
        "m.new_content": new,
        "m.relates_to": {"rel_type": "m.replace", "event_id": edit.target},
        "m.mentions": {},
        MARKER: edit.key,
    }
    if _size(content) > MAX_CONTENT:
        new.pop("formatted_body", None)
        new.pop("format", None)
        content["body"] = "*"
    return content


def reaction_event(react: React) -> Json:
    """The content of a reaction."""
    return {
        "m.relates_to": {"rel_type": "m.annotation", "event_id": react.target, "key": react.reaction},
        MARKER: react.key,
    }


def _sent(content: Json, key: str, relation: Json) -> Json:
    content = {**content, "m.mentions": {}, MARKER: key}
    if relation:
        content["m.relates_to"] = relation
    if _size(content) > MAX_CONTENT:
        content.pop("formatted_body", None)
        content.pop("format", None)
    return content


def _size(content: Json) -> int:
    return len(msgspec.json.encode(content))


def _relation(post: Post) -> Json:
    if post.thread:
        return {
            "rel_type": "m.thread",
            "event_id": post.thread,
            "m.in_reply_to": {"event_id": post.reply_to or post.thread},
            "is_falling_back": not post.reply_to,
        }
    return {"m.in_reply_to": {"event_id": post.reply_to}} if post.reply_to else {}


def _texts(text: str, formatted: str) -> Json:
    found: Json = {"body": text}
    if formatted:
        found |= {"format": "org.matrix.custom.html", "formatted_body": sanitise(formatted)}
    return found


def _words(kind: str, text: str, formatted: str) -> Json:
    return {"msgtype": _MSGTYPES.get(kind, "m.text"), **_texts(text, formatted)}


def _place(post: Post) -> str:
    """The geo: URI of a location, "" where there is none that we trust."""
    try:
        found = msgspec.json.decode(post.data or "{}", type=dict[str, Any]).get("geo_uri")
    except UNREADABLE:
        return ""
    return found if isinstance(found, str) and _GEO.fullmatch(found) else ""


def _info(media: PostMedia) -> Json:
    given = {
        "mimetype": media.mime,
        "size": media.size,
        "w": media.width,
        "h": media.height,
        "duration": media.duration,
    }
    return {name: value for name, value in given.items() if value}


def _file(post: Post, media: PostMedia) -> Json:
    name = media.name or "file"
    content: Json = {
        "msgtype": _FILES.get(post.type, _FILES.get(media.mime.partition("/")[0], "m.file")),
        "url": media.upload,
        "info": _info(media),
        "filename": name,
        "body": name,
    }
    if post.text or post.html:
        content |= _texts(post.text, post.html)
    return content


def _sticker(media: PostMedia) -> Json:
    return {"body": media.name or "sticker", "url": media.upload, "info": _info(media)}


def _poll(poll: Poll) -> Json:
    text = "\n".join([poll.question, *(f"{number}. {words}" for number, (_, words) in enumerate(poll.options, 1))])
    return {
        _POLL: {
            "question": {"org.matrix.msc1767.text": poll.question, "body": poll.question, "msgtype": "m.text"},
            "kind": "org.matrix.msc3381.poll." + ("undisclosed" if poll.anonymous else "disclosed"),
            "max_selections": poll.choices,
            "answers": [{"id": ref, "org.matrix.msc1767.text": words} for ref, words in poll.options],
        },
        "org.matrix.msc1767.text": text,
        "body": text,
    }
