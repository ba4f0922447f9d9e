"""Discord's messages to records, a block at a time. The many plain ones take a short way."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal, Protocol

import msgspec

from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import LAST_MILLI, AnyRecord, Known, Media, MemberId, Message, Reaction
from grouparchive.platforms.discord.embeds import readable, told
from grouparchive.platforms.discord.fields import Item, RawAttachment, Reacted, Sticker, snowflake_time
from grouparchive.platforms.discord.people import Known as Who
from grouparchive.platforms.discord.people import People, is_path
from grouparchive.platforms.files.mimes import mime_of, type_of
from grouparchive.platforms.files.texts import LONG, fitted

_MOST: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Lines of the service by the exporter's names, or Discord's numbers where it has none: what they say behind the author.
SERVICE: Final = {
    "RecipientAdd": "added",
    "RecipientRemove": "removed",
    "Call": "started a call",
    "ChannelNameChange": "changed the name of the channel",
    "ChannelIconChange": "changed the picture of the channel",
    "ChannelPinnedMessage": "pinned a message",
    "GuildMemberJoin": "joined the server",
    "ThreadCreated": "started a thread",
    "8": "boosted the server",
    "9": "boosted the server to level 1",
    "10": "boosted the server to level 2",
    "11": "boosted the server to level 3",
    "12": "let another server's news come in here",
    "14": "took the server off discovery",
    "15": "put the server back on discovery",
    "21": "started this thread with a message",
    "22": "reminds of inviting people",
    "24": "told moderators of a message",
    "25": "bought a role",
    "27": "started a stage",
    "28": "ended a stage",
    "29": "became a speaker",
    "31": "changed the topic of the stage",
    "36": "raised the alarm",
    "37": "ended the alarm",
    "38": "reported a raid",
    "39": "reported a false alarm",
    "46": "ended a poll",
}
_PLAIN: Final = frozenset({"Default", "Reply", "20", "23"})  # the numbers are answers to commands


class Desk(Protocol):
    """What the connector does for a channel's messages."""

    def attach(self, ref: str, url: str, *, mime: str, said: str) -> MediaRequest | None:
        """Ask for a file, given as the export names it."""
        ...

    def gap(self, code: str, scope: str, detail: str = "") -> None:
        """Note something that could not be had."""
        ...


class Messages:
    """One channel's messages. `seen` and `left` tell when people were there last or had gone, `pinned` what is pinned.

    Args:
        channel: the channel's ref.
        people: who is who.
        zone: of times without an offset.
        desk: takes files and gaps.
    """

    def __init__(self, channel: str, people: People, zone: tzinfo, desk: Desk) -> None:
        self.channel = channel
        self.people = people
        self.seen: dict[MemberId | Literal[""], int] = {}
        self.left: dict[MemberId, int] = {}
        self.pinned: dict[str, None] = {}
        self.count = 0
        self.uncounted = 0
        self._zone = zone
        self._desk = desk
        self._time = 0

    def records(self, items: Sequence[Item]) -> tuple[list[AnyRecord], list[MediaRequest]]:
        """A block of them."""
        records: list[AnyRecord] = []
        media: list[MediaRequest] = []
        channel, written, seen, keep, zone = self.channel, self.people.written, self.seen, records.append, self._zone
        for one in items:
            text = one.content
            if (
                one.type != "Default"
                or one.attachments
                or one.embeds
                or one.reactions
                or one.mentions
                or one.stickers
                or one.timestampEdited
                or one.isPinned
                or one.reference
                or one.forwardedMessage
                or one.interaction
                or not text
                or "@" in text
                or len(text) > LONG
                or not one.id
            ):
                self._other(one, records, media)
                continue
            known = written(bytes(one.author))
            author = known.member if known else self._nobody(one)
            time = millis(one.timestamp, zone)
            if time is None:
                time = self._when(one)
            if seen.get(author, 0) < time:
                seen[author] = time
            keep(Message(channel=channel, ref=one.id, time=time, author=author, text=text))
        self.count += len(items)
        return records, media

    # --- what is not plain -----------------------------------------------------------------------------------------------

    def _other(self, one: Item, records: list[AnyRecord], media: list[MediaRequest]) -> None:
        if not one.id:
            self._desk.gap(Known.MESSAGE_UNREADABLE, self.channel, "a message without an id")
            return
        time, known = self._when(one), self.people.written(bytes(one.author))
        author = known.member if known else self._nobody(one)
        if self.seen.get(author, 0) < time:
            self.seen[author] = time
        if one.isPinned:
            self.pinned[one.id] = None
        mentioned = [who for raw in one.mentions[:_MOST] if (who := self.people.written(bytes(raw)))]
        kind = str(one.type)
        if kind in _PLAIN or (kind not in SERVICE and (one.content or one.attachments or one.embeds)):
            record, files = self._message(one, time, author, mentioned)
        else:
            record, files = self._service(one, kind, time, author, mentioned), []
        records.append(record)
        media += files
        for reacted in one.reactions:
            self._reactions(reacted, one.id, time, records)

    def _nobody(self, one: Item) -> Literal[""]:
        """Nobody can be made out as who wrote it, and the file does not mean nobody."""
        if bytes(one.author) not in {b"{}", b"null"}:
            self._desk.gap(Known.MESSAGE_PARTLY_READ, f"{self.channel}/{one.id}", "who wrote it")
        return ""

    def _message(
        self, one: Item, time: int, author: MemberId | Literal[""], mentioned: list[Who]
    ) -> tuple[Message, list[MediaRequest]]:
        people = self.people
        data: dict[str, Any] = {}
        text = people.clean(one.content or "", mentioned)
        attachments, stickers, embeds = one.attachments, one.stickers, one.embeds
        reply = ""
        reference = one.reference
        if reference and reference.type == "Forward":
            data["forwarded_from"] = {
                "channel": (reference.channelId or "")[:32],
                "message": (reference.messageId or "")[:32],
            }
        elif reference and reference.messageId:
            if not reference.channelId or reference.channelId == self.channel:
                reply = reference.messageId[:32]
            else:
                data["reply_elsewhere"] = {"channel": reference.channelId[:32], "message": reference.messageId[:32]}
        if forwarded := one.forwardedMessage:
            data.setdefault("forwarded_from", {})
            text = "\n".join(filter(None, (text, people.clean(forwarded.content or "", mentioned))))
            attachments += forwarded.attachments
            stickers += forwarded.stickers
            embeds += forwarded.embeds
        if one.interaction and one.interaction.name:
            data["command"] = one.interaction.name[:100]
            if one.interaction.user:
                data["for"] = people.user(one.interaction.user)
        files: tuple[Media, ...] = ()
        requests: list[MediaRequest] = []
        type_: Any = "text"
        if attachments or stickers:
            files, requests, type_ = self._files(one.id, attachments, stickers, data)
            text = text or " ".join(f":{sticker.name}:" for sticker in stickers[:_MOST])
        if embeds:
            data["embeds"] = told(embeds[:_MOST], people)
            text = text or readable(data["embeds"])
        edited = millis(one.timestampEdited, self._zone) or 0
        record = Message(
            channel=self.channel,
            ref=one.id,
            time=time,
            author=author,
            type=type_,
            text=text if len(text) <= LONG else self._cut(text, one.id),
            reply_to=reply,
            media=files,
            mentions=tuple({who.member: None for who in mentioned}) if mentioned else (),
            data=_json(data) if data else "",
            version=edited,
            edited=edited,
        )
        return record, requests

    def _service(
        self, one: Item, kind: str, time: int, author: MemberId | Literal[""], mentioned: list[Who]
    ) -> Message:
        data: dict[str, Any] = {"action": kind[:100]}
        others = [who.member for who in mentioned]
        words = [f"{{member:{author}}}" if author else "Somebody", SERVICE.get(kind, f"({kind[:100]})")]
        if kind == "RecipientRemove":
            for member in others[:1]:
                self.left[member] = max(self.left.get(member, 0), time)
            if others[:1] == [author]:
                words, others = [words[0], "left"], []
        elif kind == "ChannelNameChange":
            name = (one.content or "").removeprefix("Changed the channel name").strip(": .")
            data["name"] = name[:_MOST]
            words += [f"to “{name[:_MOST]}”"] if name else []
        if kind in {"RecipientAdd", "RecipientRemove"}:
            data["members"] = others
            words += [f"{{member:{other}}}" for other in others]
        if one.reference:
            data["channel"], data["message"] = (
                (one.reference.channelId or "")[:32],
                (one.reference.messageId or "")[:32],
            )
        return Message(
            channel=self.channel,
            ref=one.id,
            time=time,
            author=author,
            type="service",
            text=" ".join(words),
            data=_json(data),
        )

    def _reactions(self, reacted: Reacted, ref: str, time: int, records: list[AnyRecord]) -> None:
        """Those whose people are told, in the exporter's order, and the number of the others."""
        emoji = reacted.emoji
        key = f"{emoji.name}:{emoji.id}"[:200] if emoji.id else (emoji.name or "")[:200]
        users = reacted.users[:_MOST]
        for number, raw in enumerate(users):
            who = self.people.written(bytes(raw))
            author = who.member if who else ""
            records.append(
                Reaction(
                    channel=self.channel, ref=f"{ref}/{key}/{number}", target=ref, time=time, author=author, key=key
                )
            )
        if (more := reacted.count - len(users)) > 0:
            self.uncounted += more
            records.append(
                Reaction(channel=self.channel, ref=f"{ref}/{key}/others", target=ref, time=time, key=key, count=more)
            )

    def _files(
        self, ref: str, attachments: Sequence[RawAttachment], stickers: Sequence[Sticker], data: dict[str, Any]
    ) -> tuple[tuple[Media, ...], list[MediaRequest], Any]:
        """(files, requests, the message's type). Where a file is at the server only, its address stays in the sealed data."""
        found: list[Media] = []
        requests: list[MediaRequest] = []
        wanted = [(one.url, one.fileName, one.fileSizeBytes) for one in attachments[:_MOST]]
        wanted += [(one.sourceUrl or "", one.name, 0) for one in stickers[:_MOST]]
        for number, (url, name, size) in enumerate(wanted):
            place = f"{self.channel}/{ref}/{number}"
            shown = self.people.file(name)[:_MOST]
            path = url.partition("?")[0]
            mime = mime_of(name) or mime_of(path)
            asked = self._desk.attach(place, url if is_path(url) else "", mime=mime, said=shown)
            if asked is None and url and not is_path(url):
                data.setdefault("urls", []).append(self.people.file(url)[:2000])
            requests += [asked] if asked else []
            found.append(Media(ref=place, name=shown, mime=mime, size=max(asked.size if asked else size, 0)))
        return tuple(found), requests, type_of(found[0].mime) if attachments else "sticker"

    # --- when ------------------------------------------------------------------------------------------------------------

    def _when(self, one: Item) -> int:
        """When it was sent. An id holds the time too; failing both it is that of the message before."""
        time = millis(one.timestamp, self._zone)
        if time is None and one.id.isdecimal():
            self._desk.gap(Known.TIME_UNKNOWN, f"{self.channel}/{one.id}")
            time = snowflake_time(one.id) or None
        self._time = time = self._time if time is None else time
        return time

    def _cut(self, text: str, ref: str) -> str:
        """A text that fits into a record."""
        text, _, lost = fitted(text)
        if lost:
            self._desk.gap(lost, f"{self.channel}/{ref}")
        return text


def millis(when: datetime | None, zone: tzinfo) -> int | None:
    """A time; None where there is none that can be."""
    if when is None:
        return None
    try:
        gone = (when if when.tzinfo else when.replace(tzinfo=zone)) - _EPOCH
    except OverflowError:
        return None
    time = gone.days * 86_400_000 + gone.seconds * 1000 + gone.microseconds // 1000
    return time if 0 <= time <= LAST_MILLI else None


def _json(data: dict[str, Any]) -> str:
    return msgspec.json.encode(data, order="sorted").decode()
