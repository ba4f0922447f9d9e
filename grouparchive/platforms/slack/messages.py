"""One entry of a channel's day as records: a message with reactions and files, a line of the service, an edit, a deletion."""

import re
from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from grouparchive.model.codec import UNREADABLE
from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import (
    AnyRecord,
    Edit,
    Known,
    Media,
    MemberId,
    Message,
    Reaction,
    Ref,
    Tombstone,
)
from grouparchive.platforms.files.mimes import type_of
from grouparchive.platforms.files.texts import MOST, fitted
from grouparchive.platforms.slack import content
from grouparchive.platforms.slack.markup import Markup
from grouparchive.platforms.slack.people import LONGEST, People
from grouparchive.platforms.slack.shapes import NOTHING, Profile, Reacted, Said, Shared, moment, part, parts

MAX_REF: Final = 1024
MAX_REACTIONS: Final = 100
MAX_REACTORS: Final = 10_000
MAX_FILES: Final = 100

Tell = Callable[[str, str, int], None]
"""tell(code, what it is about, how many): something could not be had."""
Attach = Callable[[Ref, Shared], MediaRequest | None]
"""attach(ref, the file): a request for its bytes, where the export has them."""

_EARLY, _LATE = 1e9, 1e10  # what a ts of Slack's form can be
_UPLOADED: Final = re.compile(r".{0,5000}? uploaded a file: <[^<>]{0,4000}>(?: and commented: )?", re.DOTALL)
_LEADING: Final = ("channel_", "group_", "mpim_")
_SERVICE: Final = frozenset(
    {
        "join", "leave", "topic", "purpose", "name", "archive", "unarchive", "convert_to_private", "convert_to_public",
        "posting_permissions", "canvas_updated", "bot_add", "bot_remove", "bot_enable", "bot_disable", "pinned_item",
        "unpinned_item", "reminder_add", "reminder_delete", "sh_room_created", "sh_room_shared", "huddle_thread",
        "joiner_notification", "joiner_notification_for_inviter", "app_conversation_join", "app_conversation_leave",
        "ekm_access_denied", "file_mention", "bookmark_add", "bookmark_remove", "retention_policy", "shared_channel_ended",
    }
)  # fmt: skip


class _Edited(msgspec.Struct):
    ts: str | int | float | None = None


class _Comment(msgspec.Struct):
    user: str | None = None
    comment: str | None = None


class Talk:
    """Reads the entries of one channel. `records` and `media` fill up until the caller empties them; `seen` and `left` say who
    was there and when last (milliseconds), `pinned` what is pinned as messages say it themselves.

    Args:
        channel: Slack's id.
        exported: when the export was made, in milliseconds: deletions without a time are known from then on.
        watch: fill `seen` and `left`.
    """

    def __init__(
        self,
        channel: Ref,
        people: People,
        markup: Markup,
        *,
        attach: Attach,
        tell: Tell,
        exported: int,
        watch: bool,
    ) -> None:
        self._channel = channel
        self._people = people
        self._markup = markup
        self._attach = attach
        self._tell = tell
        self._exported = exported
        self._watch = watch
        self._authors: dict[str, MemberId] = {}
        self.records: list[AnyRecord] = []
        self.media: list[MediaRequest] = []
        self.seen: dict[MemberId, int] = {}
        self.left: dict[MemberId, int] = {}
        self.pinned: list[Ref] = []

    def take(self, rows: list[Said], day: str) -> None:
        """Take in entries in the order of their time. `day` is when they were, for those that do not say it."""
        channel, records, both = self._channel, self.records, self._markup.both
        authors = {} if self._watch else self._authors
        for said in rows:
            ts, text, user = said.ts, said.text, said.user
            try:
                seconds = float(ts) if len(ts) == 17 else 0
            except ValueError:
                seconds = 0
            if (
                not _EARLY < seconds < _LATE
                or not text
                or said.subtype is not None
                or said.files is not NOTHING
                or said.attachments is not NOTHING
                or said.pinned_to is not NOTHING
                or user not in authors
                or len(text) > content.LONG
            ):
                self._any(said, day)
                continue
            time = int(seconds * 1000 + 0.0005)  # as `moment`: a float keeps microseconds, not more
            author: MemberId = authors[user]
            thread = said.thread_ts
            if thread is None or thread == ts or len(thread) > MAX_REF:
                thread = ""
            marked = "<" in text or "*" in text or "_" in text or "&" in text or "`" in text or "~" in text
            if marked or said.edited is not NOTHING:
                html: str = ""
                named: tuple[MemberId, ...] = ()
                if marked:
                    text, html, named = both(text)
                version = self._edited(said, ts) if said.edited is not NOTHING else 0
                records.append(
                    Message(
                        channel=channel, ref=ts, time=time, author=author, text=text, html=html, thread=thread, mentions=named,
                        version=version, edited=version,
                    )
                )  # fmt: skip
            elif thread:
                records.append(Message(channel=channel, ref=ts, time=time, author=author, text=text, thread=thread))
            else:
                records.append(Message(channel=channel, ref=ts, time=time, author=author, text=text))
            if said.reactions is not NOTHING:
                self._reactions(said, ts, time)

    # --- all kinds of entries ------------------------------------------------------------------------------------------

    def _any(self, said: Said, day: str) -> None:
        subtype = said.subtype or ""
        time = moment(said.ts)
        ref = said.ts[:MAX_REF]
        if time < 0 and not (said.text or said.files is not NOTHING or said.attachments is not NOTHING):
            self._tell(Known.MESSAGE_UNREADABLE, f"{self._channel}/{day}", 1)
            return
        if time < 0:
            time, ref = content.dateless(said.text or "", day)
            self._tell(Known.TIME_UNKNOWN, ref, 1)
        if subtype in {"message_changed", "message_deleted"}:
            self._changed(said, ref, time, day)
        elif subtype == "tombstone":
            self.records.append(
                Tombstone(channel=self._channel, ref=f"{ref}/deleted", target=ref, time=max(self._exported, time))
            )
        else:
            self._message(said, ref, time, subtype)

    def _message(self, said: Said, ref: Ref, time: int, subtype: str) -> None:
        comment = self._part(said.comment, _Comment, ref) if subtype == "file_comment" else None
        author = self._author(said, comment.user if comment else None, ref)
        action = subtype
        for leading in _LEADING:
            action = action.removeprefix(leading)
        service = action in _SERVICE
        files, requests = self._files(said, ref)
        raw, reply_to = self._words(said, ref, files, comment.comment if comment else None)
        plain, html, named = self._fitted(raw, ref)
        if service:
            plain, html = _as_line(plain or action.replace("_", " "), author), ""
            self._moved(action, author, time)
        elif author:
            self.seen[author] = max(time, self.seen.get(author, 0))
        version = self._edited(said, ref)
        thread = said.thread_ts or ""
        self.records.append(
            Message(
                channel=self._channel,
                ref=ref,
                time=time,
                author=author,
                type=_type(subtype, plain, files, service=service),
                text=plain,
                html=html,
                thread=thread if thread != ref and len(thread) <= MAX_REF else "",
                reply_to=reply_to,
                media=tuple(self._media(file, ref, number) for number, file in enumerate(files)),
                mentions=named,
                data=self._data(said, action, service=service, subtype=subtype),
                version=version,
                edited=version,
            )
        )
        self.media += requests
        self._reactions(said, ref, time)
        if self._channel in (self._part(said.pinned_to, list[str], ref) or ()):
            self.pinned.append(ref)
        if said.is_hidden_by_limit:
            self._tell(Known.HISTORY_CUT, self._channel, 1)

    def _words(self, said: Said, ref: Ref, files: list[Shared], comment: str | None) -> tuple[str, Ref]:
        """What a message says, in Slack's markup, and the message of this channel that it quotes."""
        raw = comment or said.text or ""
        if said.subtype == "file_share":
            raw = _UPLOADED.sub("", raw, count=1)
        reply_to = ""
        if said.attachments is not NOTHING or not raw:
            more, reply_to = self._attachments(said, ref, bare=not raw)
            raw = "\n".join(filter(None, (raw, more)))
        raw = "\n".join(filter(None, (raw, *map(content.beside, files))))
        return raw, reply_to

    def _fitted(self, raw: str, ref: Ref) -> tuple[str, str, tuple[MemberId, ...]]:
        """A text in Slack's markup as plain text, HTML and who is mentioned, so that they fit into a record."""
        plain, html, named = self._markup.both(raw[:MOST])
        plain, html, lost = fitted(plain, html)
        if len(raw) > MOST:
            lost = Known.TEXT_CUT
        if lost:
            self._tell(lost, f"{self._channel}/{ref}", 1)
        return plain, html, named

    def _changed(self, said: Said, ref: Ref, time: int, day: str) -> None:
        """A line of an export with edits and deletions: what a message said before, and what became of it."""
        before = self._part(said.original, Said, ref) or self._part(said.previous_message, Said, ref)
        after = self._part(said.message, Said, ref) if said.subtype == "message_changed" else None
        target = (after.ts if after else "") or said.deleted_ts or (before.ts if before else "")
        if moment(target) < 0:
            self._tell(Known.MESSAGE_UNREADABLE, f"{self._channel}/{ref}", 1)
            return
        if before and before.subtype not in {"message_changed", "message_deleted"}:
            before.ts = before.ts or target
            if before.text or before.files is not NOTHING:
                self._any(before, day)
        if said.subtype == "message_deleted":
            self.records.append(Tombstone(channel=self._channel, ref=ref, target=target, time=time))
        elif after:
            plain, html, named = self._fitted(after.text or "", ref)
            author = self._author(after, None, ref)
            self.records.append(
                Edit(
                    channel=self._channel,
                    ref=ref,
                    target=target,
                    time=time,
                    author=author,
                    text=plain,
                    html=html,
                    mentions=named,
                )
            )

    # --- people ----------------------------------------------------------------------------------------------------------

    def _author(self, said: Said, instead: str | None, ref: Ref) -> MemberId | Literal[""]:
        user = instead or said.user
        if user and len(user) <= LONGEST:
            found = self._authors.get(user)
            if found is None:
                profile = None
                if said.user_profile is not NOTHING and user not in self._people.known:
                    profile = self._part(said.user_profile, Profile, ref)
                found = self._people.stranger(user, profile)
                if user == said.user:
                    self._authors[user] = found
            return found
        called = (said.username or "").strip()
        if said.bot_id:
            profile = self._part(said.bot_profile, Profile, ref)
            return self._people.app(said.bot_id, called, (profile.name if profile else "") or "")
        return self._people.stranger(f"username:{called}", Profile(real_name=called)) if called else ""

    def _moved(self, action: str, author: MemberId, time: int) -> None:
        moves = {"leave": self.left, "join": self.seen}.get(action)
        if moves is not None and author:
            moves[author] = max(time, moves.get(author, 0))

    def _data(self, said: Said, action: str, *, service: bool, subtype: str) -> str:
        if not subtype or subtype in {"bot_message", "me_message", "file_share"}:
            return ""
        data: dict[str, str] = {"action" if service else "subtype": action[:100] if service else subtype[:100]}
        if service and said.inviter:
            data["by"] = self._people.id(said.inviter)
        return msgspec.json.encode(data).decode()

    # --- parts -----------------------------------------------------------------------------------------------------------

    def _edited(self, said: Said, ref: Ref) -> int:
        if said.edited is NOTHING:
            return 0
        edited = self._part(said.edited, _Edited, ref)
        return max(moment(edited.ts), 0) if edited else 0

    def _attachments(self, said: Said, ref: Ref, *, bare: bool) -> tuple[str, Ref]:
        """What stands in attachments and blocks as Slack's markup, and the message of this channel that is quoted."""
        shown = content.attachments(said.attachments, self._people.id, own=bare or bool(said.bot_id))
        if shown.bad:
            self._tell(Known.MESSAGE_UNREADABLE, f"{self._channel}/{ref}", shown.bad)
        text = shown.text
        if bare and not text and said.blocks is not NOTHING:
            text = content.blocks(said.blocks)
        return text, shown.quoted.get(self._channel, "")

    def _files(self, said: Said, ref: Ref) -> tuple[list[Shared], list[MediaRequest]]:
        if said.files is NOTHING and said.file is NOTHING:
            return [], []
        files, bad = parts(said.files, Shared)
        if not files:
            one = self._part(said.file, Shared, ref)
            files = [one] if one else []
        if bad:
            self._tell(Known.MEDIA_UNAVAILABLE, f"{self._channel}/{ref}", bad)
        if len(files) > MAX_FILES:
            self._tell(Known.MEDIA_UNAVAILABLE, f"{self._channel}/{ref}", len(files) - MAX_FILES)
        kept: list[Shared] = []
        requests: list[MediaRequest] = []
        for file in files[:MAX_FILES]:
            if file.mode in {"tombstone", "hidden_by_limit"}:
                self._tell(Known.FILE_DELETED if file.mode == "tombstone" else Known.FILE_HIDDEN, "", 1)
                continue
            request = self._attach(self._media_ref(file, ref, len(kept)), file)
            requests += [request] if request else []
            kept.append(file)
        return kept, requests

    def _media_ref(self, file: Shared, ref: Ref, number: int) -> Ref:
        """Slack's id of a file stays when others of the same message are deleted."""
        own = file.id if 0 < len(file.id) <= 64 else str(number)
        return f"{self._channel}/{ref}/{own}"[:MAX_REF]

    def _media(self, file: Shared, ref: Ref, number: int) -> Media:
        return Media(
            ref=self._media_ref(file, ref, number),
            name=self._people.clean((file.name or file.title or "")[:512]),
            mime=(file.mimetype or "")[:256],
            size=_sane(file.size),
            width=_sane(file.original_w),
            height=_sane(file.original_h),
            duration=_sane(file.duration_ms),
        )

    def _reactions(self, said: Said, ref: Ref, time: int) -> None:
        """Slack lists people in the order in which they reacted, so a person's place in the list is what is stable of it. A
        ref made of the person would tell who it is.
        """
        if said.reactions is NOTHING:
            return
        naming = self._people.id
        reactions, bad = parts(said.reactions, Reacted, whole=True)
        if bad or len(reactions) > MAX_REACTIONS:
            count = bad + max(len(reactions) - MAX_REACTIONS, 0)
            self._tell(Known.REACTION_UNREADABLE, f"{self._channel}/{ref}", count)
        for one in reactions[:MAX_REACTIONS]:
            key = one.name[:256]
            users = (one.users or [])[:MAX_REACTORS]
            self.records += [
                Reaction(
                    channel=self._channel,
                    ref=f"{ref}/{key}/{number}",
                    target=ref,
                    time=time,
                    author=naming(user) if user else "",
                    key=key,
                )
                for number, user in enumerate(users)
            ]
            left = min(_sane(one.count), 10**9) - len(users)
            if left > 0:
                self.records.append(
                    Reaction(
                        channel=self._channel, ref=f"{ref}/{key}/others", target=ref, time=time, key=key, count=left
                    )
                )

    def _part(self, raw: msgspec.Raw, kind: Any, ref: Ref) -> Any:
        """A part of an entry; None, and a gap, where it cannot be read."""
        if raw is NOTHING:
            return None
        try:
            return part(raw, kind)
        except UNREADABLE:
            self._tell(Known.MESSAGE_UNREADABLE, f"{self._channel}/{ref}", 1)
            return None


def _as_line(text: str, author: MemberId | Literal[""]) -> str:
    """A line of the service begins with who did it; Slack leaves that out of some."""
    return f"{{member:{author}}} {text}" if author and not text.startswith("{member:") else text


def _type(subtype: str, text: str, files: list[Shared], *, service: bool) -> Any:
    if service:
        return "service"
    if subtype == "me_message":
        return "emote"
    if subtype == "bot_message":
        return "notice"
    if files and not text:
        return type_of(files[0].mimetype or "")
    return "text"


def _sane(number: int | None) -> int:
    return number if number and 0 < number < 2**53 else 0
