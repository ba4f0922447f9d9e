"""One message of a thread as records: what was said, what was attached, who reacted, and what the platform itself wrote."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec

from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import AnyRecord, Known, Media, Message, Reaction
from grouparchive.platforms.facebook.people import People, names_of
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.facebook.service import action_of
from grouparchive.platforms.facebook.shapes import Line, Uri, millis
from grouparchive.platforms.files import Sightings
from grouparchive.platforms.files.mimes import mime_of
from grouparchive.platforms.files.texts import fitted

COMMA: Final = re.compile(r", | and | und | et | y | e | и | en ")
"""Between the names of a list, in the languages that we know."""

_SEEN: Final = frozenset({"image", "video", "audio"})

Recorded = tuple[AnyRecord, list[MediaRequest]]
Attach = Callable[[str, str, str], MediaRequest | None]
"""attach(media ref, uri, name) -> what to ask for."""


class LineReader:
    """Reads the messages of one thread.

    Args:
        channel: the thread's ref.
        people: who bears a name.
        names: of those who take part.
        sightings: takes who was there, and who left.
        gapped: takes (gap code, what it is about).
    """

    def __init__(
        self, channel: str, people: People, names: list[str], sightings: Sightings, gapped: Callable[[str, str], None]
    ) -> None:
        self._channel = channel
        self._people = people
        self._known = frozenset(names)
        self._names = names_of(people, names)
        self._sightings = sightings
        self._gapped = gapped
        self._used: dict[int, int] = {}

    def records(self, line: Line, attach: Attach) -> Iterator[Recorded]:
        """A message, then its reactions."""
        time = millis(line.timestamp_ms, 1) or millis(line.timestamp, 1)
        if time is None:
            self._gapped(Known.MESSAGE_UNREADABLE, self._channel)
            return
        before = self._used[time] = self._used.get(time, 0) + 1
        ref = str(time) if before == 1 else f"{time}-{before}"
        sender = tidy(line.sender_name or line.senderName or "").strip()[:500]
        author = self._people.id(sender)
        kind, text, data = self._said(line, sender, time)
        text, _, lost = fitted(text)
        if lost:
            self._gapped(lost, self._channel)
        media, requests, kinds = self._files(ref, line, attach)
        if kind == "text" and kinds:
            kind = kinds.pop() if len(kinds) == 1 else "file"
        if line.share and line.share.link:
            link = data["link"] = tidy(line.share.link)[:4000]
            if line.share.share_text:
                data["shared"] = tidy(line.share.share_text)[:20_000]
            if kind == "text" and link not in text:
                text = f"{text}\n{link}".strip()
        if not text and not media and not data:
            kind = "other"  # a heart, a wave: the download tells only that there was something
        if author and data.get("action") != "leave":
            self._sightings.note(self._channel, author, time)
        yield (
            Message(
                channel=self._channel,
                ref=ref,
                time=time,
                author=author,
                type=kind,
                text=text,
                media=tuple(media),
                data=msgspec.json.encode(data).decode() if data else "",
            ),
            requests,
        )
        for n, one in enumerate(line.reactions or ()):
            yield (
                self._reaction(ref, n, millis(one.timestamp) or 0, tidy(one.actor or ""), tidy(one.reaction or "")),
                [],
            )

    def _reaction(self, ref: str, n: int, time: int, actor: str, key: str) -> Reaction:
        who = self._people.id(actor.strip()[:500])
        return Reaction(channel=self._channel, ref=f"{ref}/r{n}", target=ref, time=time, author=who, key=key[:200])

    def _said(self, line: Line, sender: str, time: int) -> tuple[Any, str, dict[str, Any]]:
        """(type, text, data) of a message before its files."""
        text = tidy(line.content or line.text or "")
        if line.is_unsent or line.isUnsent:
            return "service", "A message was unsent.", {"action": "unsent"}
        if line.call_duration is not None or line.type == "Call":
            data = {"action": "call", "duration": millis(line.call_duration) or 0, "missed": bool(line.missed)}
            return "service", self._names.hidden(text), data
        action = action_of(text, sender) if text else None
        if action is None and line.type not in {"Subscribe", "Unsubscribe"}:
            return "text", self._names.mentions_hidden(text), {}
        what, whom = action or ("other", "")
        users = [tidy(user.name or "").strip()[:500] for user in line.users or ()] or ([whom[:500]] if whom else [])
        if what == "other" and line.type == "Subscribe":
            what = "add"
        elif what == "other" and line.type == "Unsubscribe":
            what = "leave" if users == [sender] else "remove"
        return "service", *self._service(text, sender, what, users, time)

    def _service(self, text: str, sender: str, what: str, users: list[str], time: int) -> tuple[str, dict[str, Any]]:
        """A line of the platform: what it did, and its text with the people in it as ids."""
        text = self._names.hidden(text)
        ids: list[str] = []
        for user in users if what in {"add", "remove", "leave"} else ():
            for name in [user] if user in self._known or len(users) > 1 else COMMA.split(user):
                if id_ := self._people.id(name):
                    ids.append(id_)
                    text = text.replace(name, f"{{member:{id_}}}")
        author = self._people.id(sender)
        if author:
            text = text.replace(sender, f"{{member:{author}}}")
            if what == "leave" and not ids:
                ids.append(author)
        for id_ in ids:
            self._sightings.note(self._channel, id_, time, "join" if what == "add" else "leave")
        return text, {"action": what, "members": ids} if ids else {"action": what}

    def _files(self, ref: str, line: Line, attach: Attach) -> tuple[list[Media], list[MediaRequest], set[str]]:
        media: list[Media] = []
        requests: list[MediaRequest] = []
        kinds: set[str] = set()
        groups: tuple[tuple[Literal["image", "video", "audio", "sticker", ""], list[Uri] | None], ...] = (
            ("image", line.photos), ("video", line.videos), ("audio", line.audio_files), ("image", line.gifs),
            ("", line.files), ("sticker", [line.sticker] if line.sticker else None), ("", line.media),
        )  # fmt: skip
        for kind, uris in groups:
            for uri in (uris or ())[:1000]:
                if not uri.uri:
                    continue
                name = self._names.hidden(tidy(uri.uri).rpartition("/")[2])[:200]
                mime = mime_of(name)
                sort = mime.partition("/")[0]
                kinds.add(kind or (sort if sort in _SEEN else "file"))
                media_ref = f"{self._channel}/{ref}/{len(media)}"
                request = attach(media_ref, uri.uri, name)
                media.append(Media(ref=media_ref, name=name, mime=mime, size=request.size if request else 0))
                if request:
                    requests.append(request)
        return media, requests, kinds
