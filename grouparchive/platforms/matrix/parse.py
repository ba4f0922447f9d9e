"""Matrix timeline events to records. Pure: no network. One event that cannot be read becomes a gap and the rest goes on.

State as it is now is read in `state.py`; what changes of state look like in the history (somebody joined, the name was
changed) is a `service` message here, its action as JSON in `data`.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import (
    AnyRecord,
    Edit,
    Gap,
    Known,
    Media,
    MemberId,
    Message,
    Poll,
    Reaction,
    Tombstone,
    Vote,
)
from grouparchive.platforms.matrix import events
from grouparchive.platforms.matrix.authors import Authors
from grouparchive.platforms.matrix.events import MAX_TEXT, Event, Gaps, Json, obj, ref, text
from grouparchive.platforms.matrix.handles import MAX_MENTIONS, Handles, check_handle, strip_reply
from grouparchive.platforms.matrix.service import service_line

MessageType: TypeAlias = Literal["text", "notice", "emote", "image", "video", "audio", "file", "location", "other"]
_TYPES: dict[object, MessageType] = {
    "m.text": "text",
    "m.notice": "notice",
    "m.server_notice": "notice",
    "m.emote": "emote",
    "m.image": "image",
    "m.video": "video",
    "m.audio": "audio",
    "m.file": "file",
    "m.location": "location",
}
_FILES = frozenset({"image", "video", "audio", "file"})
_POLL_PREFIXES = ("m.poll", "org.matrix.msc3381.poll")
_MAX_OPTIONS = 100
_MAX_OPTION = 4096


class TimelineParser:
    """Turns one channel's events into records, oldest first as they come.

    Args:
        channel: the room.
        handles: the people of this run.
        author: who wrote everything, where the events themselves do not say (decrypted ones).
        authors: who wrote what; without it edits are believed.
    """

    def __init__(
        self,
        channel: str,
        handles: Handles,
        *,
        author: MemberId | Literal[""] | None = None,
        authors: Authors | None = None,
    ) -> None:
        self.channel = channel
        self._handles = handles
        self._known_author = author
        self._authors = authors
        self._gaps = Gaps(channel)
        self._media: list[MediaRequest] = []
        self._buried: set[str] = set()  # redactions told already by the event that they emptied
        self._readers: dict[str, Callable[[Event, int], list[AnyRecord]]] = {
            "m.room.message": self._message,
            "m.sticker": self._sticker,
            "m.reaction": self._reaction,
            "m.room.redaction": self._redaction,
            "m.room.encrypted": self._encrypted,
        }
        for prefix in _POLL_PREFIXES:
            self._readers[f"{prefix}.start"] = self._poll
            self._readers[f"{prefix}.response"] = self._vote
            self._readers[f"{prefix}.end"] = self._poll_end

    def page(self, raws: Iterable[bytes | msgspec.Raw]) -> tuple[list[AnyRecord], list[Gap], list[MediaRequest]]:
        """The records, gaps and files of one page."""
        self._handles.forget()
        records: list[AnyRecord] = []
        for raw in raws:
            try:
                records += self.event(events.decode_event(raw))
            except ValueError:
                self._gaps.add(Known.MESSAGE_UNREADABLE, hashlib.sha256(raw).hexdigest()[:16])
        media, self._media = self._media, []
        return records, self._gaps.take(), media

    def event(self, event: Event) -> list[AnyRecord]:
        """The records of one event; none for what says nothing that is not told elsewhere.

        Raises:
            ValueError: the event is malformed.
        """
        time = events.time_of(event, self._gaps)
        if event.unsigned.redacted_because is not None and event.type != "m.room.redaction":
            return self._redacted(event, time)
        if event.state_key is not None:
            line = service_line(event, time, self.channel, self._handles)
            return [line] if line else []
        if self._authors and self._authors.forged(event, self._gaps):
            return []
        reader = self._readers.get(event.type)
        if reader is None:
            self._gaps.add(
                Known.EVENT_TYPE_UNKNOWN, subject=self._handles.clean(text(event.type)), limit=True, time=time
            )
            return []
        return reader(event, time)

    def _author(self, event: Event) -> MemberId | Literal[""]:
        return self._handles.id(event.sender) if self._known_author is None else self._known_author

    # --- posts ---

    def _message(self, event: Event, time: int) -> list[AnyRecord]:
        content = event.content
        relates = obj(content.get("m.relates_to"))
        if relates.get("rel_type") == "m.replace":
            return [self._edit(event, time, relates)]
        if not isinstance(content.get("msgtype"), str):
            raise ValueError("a message without a type")  # noqa: TRY004 - one error for whatever is malformed
        kind = _TYPES.get(content["msgtype"], "other")
        reply, thread = _relation(relates)
        plain, html, mentions = self._texts(content, event.event_id, reply=bool(reply) or bool(thread))
        data: Json = {}
        media: tuple[Media, ...] = ()
        if kind in _FILES:
            media, plain, html = self._file(content, event.event_id, plain, html)
        elif kind == "location":
            data["geo_uri"] = self._handles.clean(text(content.get("geo_uri")))
        elif kind == "other":
            data["msgtype"] = self._handles.clean(text(content["msgtype"]))
        return [
            Message(
                channel=self.channel,
                ref=event.event_id,
                time=time,
                author=self._author(event),
                type=kind,
                text=plain,
                html=html,
                reply_to=reply,
                thread=thread,
                media=media,
                mentions=mentions,
                data=_json(data) if data else "",
                marker=events.marker(content),
            )
        ]

    def _file(self, content: Json, event_id: str, plain: str, html: str) -> tuple[tuple[Media, ...], str, str]:
        """The file with its name, and the caption: the body is one only where a file name stands beside it (MSC2530)."""
        given = text(content.get("filename"))
        name = self._handles.clean(given) if given else plain[: events.MAX_NAME]
        if not given or content.get("body") == content.get("filename"):
            plain = html = ""
        media = events.media_of(content, name, self._gaps, event_id)
        if media is None:
            return (), plain or name, html
        self._media.append(events.request(media))
        return (media,), plain, html

    def _sticker(self, event: Event, time: int) -> list[AnyRecord]:
        name = self._handles.clean(text(event.content.get("body")))
        media = events.media_of(event.content, name, self._gaps, event.event_id)
        if media:
            self._media.append(events.request(media))
        reply, thread = _relation(obj(event.content.get("m.relates_to")))
        return [
            Message(
                channel=self.channel,
                ref=event.event_id,
                time=time,
                author=self._author(event),
                type="sticker",
                text="" if media else name,
                reply_to=reply,
                thread=thread,
                media=(media,) if media else (),
                marker=events.marker(event.content),
            )
        ]

    def _edit(self, event: Event, time: int, relates: Json) -> Edit:
        content = event.content.get("m.new_content")
        target = ref(relates.get("event_id"))
        if not isinstance(content, dict) or not target:
            raise ValueError("an edit of nothing")
        plain, html, mentions = self._texts(content, event.event_id, reply=False)
        return Edit(
            channel=self.channel,
            ref=event.event_id,
            target=target,
            time=time,
            author=self._author(event),
            text=plain,
            html=html,
            mentions=mentions,
            marker=events.marker(event.content),
        )

    def _reaction(self, event: Event, time: int) -> list[AnyRecord]:
        relates = obj(event.content.get("m.relates_to"))
        target = ref(relates.get("event_id"))
        key = relates.get("key")
        if not target or not isinstance(key, str) or not key:
            raise ValueError("a reaction to nothing")
        return [
            Reaction(
                channel=self.channel,
                ref=event.event_id,
                target=target,
                time=time,
                author=self._author(event),
                key=self._handles.clean(key[: events.MAX_NAME]),
                marker=events.marker(event.content),
            )
        ]

    def _encrypted(self, event: Event, time: int) -> list[AnyRecord]:
        content = event.content
        fields = {name: content.get(name) for name in ("algorithm", "session_id", "ciphertext")}
        if not all(isinstance(value, str) and len(value) <= MAX_TEXT for value in fields.values()):
            raise ValueError("an encrypted event of a kind that is not used in rooms")
        relates = obj(content.get("m.relates_to"))
        reply, thread = _relation(relates)
        kept = {"rel_type": text(relates.get("rel_type")), "event_id": ref(relates.get("event_id"))}
        if kept["rel_type"] and kept["event_id"]:
            fields["relates_to"] = kept
        return [
            Message(
                channel=self.channel,
                ref=event.event_id,
                time=time,
                author=self._author(event),
                type="encrypted",
                reply_to=reply,
                thread=thread,
                data=_json(fields),
                marker=events.marker(content),
            )
        ]

    # --- deletions ---

    def _redaction(self, event: Event, time: int) -> list[AnyRecord]:
        target = ref(event.content.get("redacts")) or ref(event.redacts)
        if event.unsigned.redacted_because is not None or event.event_id in self._buried:
            return []
        if not target:
            raise ValueError("a redaction of nothing")
        return [self._tombstone(event.event_id, target, time, event.sender)]

    def _redacted(self, event: Event, time: int) -> list[AnyRecord]:
        """What is left of an event that was deleted before we came: who, when, and its tombstone."""
        because = event.unsigned.redacted_because or {}
        records: list[AnyRecord] = []
        if event.state_key is None and event.type in {"m.room.message", "m.sticker", "m.room.encrypted", *_starts()}:
            author = self._author(event)
            records.append(Message(channel=self.channel, ref=event.event_id, time=time, author=author))
        try:
            cause = msgspec.convert(because, Event)
        except msgspec.ValidationError as error:
            raise ValueError("a deletion by nothing") from error
        if not ref(cause.event_id):
            raise ValueError("a deletion by nothing")
        self._buried.add(cause.event_id)
        at = events.time_of(cause, self._gaps)
        records.append(self._tombstone(cause.event_id, event.event_id, at, cause.sender))
        return records

    def _tombstone(self, event_id: str, target: str, time: int, sender: str) -> Tombstone:
        return Tombstone(channel=self.channel, ref=event_id, target=target, time=time, author=self._handles.id(sender))

    # --- polls ---

    def _poll(self, event: Event, time: int) -> list[AnyRecord]:
        body = obj(event.content.get("m.poll") or event.content.get("org.matrix.msc3381.poll.start"))
        options = []
        for answer in events.items(body.get("answers"), _MAX_OPTIONS):
            option = obj(answer)
            name = ref(option.get("m.id")) or ref(option.get("id"))
            if name:
                options.append((name, self._handles.clean(_extensible(option)[:_MAX_OPTION])))
        question = self._cut(_extensible(obj(body.get("question"))), event.event_id)
        if not options or not question:
            raise ValueError("a poll without a question or answers")
        reply, thread = _relation(obj(event.content.get("m.relates_to")))
        question = self._handles.clean(question)
        return [
            Message(
                channel=self.channel,
                ref=event.event_id,
                time=time,
                author=self._author(event),
                type="poll",
                text=question,
                reply_to=reply,
                thread=thread,
                poll=Poll(
                    question=question,
                    options=tuple(options),
                    choices=max(1, events.number(body.get("max_selections"), _MAX_OPTIONS)),
                    anonymous="undisclosed" in text(body.get("kind")),
                ),
                marker=events.marker(event.content),
            )
        ]

    def _vote(self, event: Event, time: int) -> list[AnyRecord]:
        content = event.content
        target = ref(obj(content.get("m.relates_to")).get("event_id"))
        old = obj(content.get("org.matrix.msc3381.poll.response")).get("answers")
        chosen = [ref(choice) for choice in events.items(content.get("m.selections", old), _MAX_OPTIONS)]
        if not target:
            raise ValueError("a vote in nothing")
        return [
            Vote(
                channel=self.channel,
                ref=event.event_id,
                target=target,
                time=time,
                author=self._author(event),
                choices=tuple(choice for choice in chosen if choice),
            )
        ]

    def _poll_end(self, event: Event, time: int) -> list[AnyRecord]:
        target = ref(obj(event.content.get("m.relates_to")).get("event_id"))
        if not target:
            raise ValueError("the end of nothing")
        return [
            Message(
                channel=self.channel,
                ref=event.event_id,
                time=time,
                author=self._author(event),
                type="service",
                text="The poll has ended.",
                data=_json({"action": "poll-end", "target": target}),
            )
        ]

    # --- texts ---

    def _texts(self, content: Json, event_id: str, *, reply: bool) -> tuple[str, str, tuple[MemberId, ...]]:
        body = content.get("body")
        if not isinstance(body, str):
            raise ValueError("a message without a text")  # noqa: TRY004 - as above
        html = content.get("formatted_body") if content.get("format") == "org.matrix.custom.html" else ""
        listed = events.items(obj(content.get("m.mentions")).get("user_ids"), MAX_MENTIONS)
        body = self._cut(strip_reply(body) if reply else body, event_id)
        html = self._cut(html if isinstance(html, str) else "", event_id)
        return self._handles.body(body, html, [handle for handle in listed if _is_handle(handle)])

    def _cut(self, value: str, event_id: str) -> str:
        if len(value) <= MAX_TEXT:
            return value
        self._gaps.add(Known.TEXT_CUT, event_id)
        return value[:MAX_TEXT]


def _starts() -> tuple[str, ...]:
    return tuple(f"{prefix}.start" for prefix in _POLL_PREFIXES)


def _relation(relates: Json) -> tuple[str, str]:
    """(reply to, thread) of an event. A thread's fallback for old clients is no reply."""
    thread = ref(relates.get("event_id")) if relates.get("rel_type") == "m.thread" else ""
    reply = ref(obj(relates.get("m.in_reply_to")).get("event_id"))
    if thread and relates.get("is_falling_back") is True:
        reply = ""
    return reply, thread


def _extensible(value: Json) -> str:
    """The plain text of an extensible-events block, by its stable or its first name."""
    found = value.get("m.text")
    if isinstance(found, list):
        found = next(
            (obj(part).get("body") for part in found if obj(part).get("mimetype", "text/plain") == "text/plain"), ""
        )
    return text(found or value.get("org.matrix.msc1767.text") or value.get("body"), MAX_TEXT)


def _is_handle(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        check_handle(value)
    except ValueError:
        return False
    return True


def _json(value: Json) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
