"""One channel's posts as single actions, streamed: the same plan and archive always give the same actions.

Pure. The planner expands once to learn whom it needs names for and once for the digest; the applier expands once to compare
and once to do it. What cannot be carried over is counted, never dropped in silence.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from grouparchive.model.plan import (
    Action,
    AddAuthor,
    EditPost,
    Plan,
    Policy,
    Post,
    PostMedia,
    React,
    Replay,
    Trait,
    Upload,
)
from grouparchive.model.records import Edit, Media, MemberId, Message, Millis, Reaction, Ref, Vote
from grouparchive.restore import wording
from grouparchive.restore.desire import TimelineRecord, Timelines
from grouparchive.restore.keys import action_key, stand_in_id
from grouparchive.restore.labels import ANONYMOUS, mentioned, with_labels
from grouparchive.restore.losses import Losses
from grouparchive.restore.metadata import strippable

GATHER_ABOVE = 500
"""Where a target cannot post as others, a channel with more posts than this has its text posts gathered."""
GATHER_POSTS = 50
GATHER_BYTES = 30_000

REPLAYED = frozenset({"pinned", "consented", "all"})
"""The --content choices that bring posts back."""

_encoder = msgspec.json.Encoder(order="sorted")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What decides how a channel's posts expand. `labels` is empty while the planner still learns who is needed."""

    policy: Policy
    traits: frozenset[Trait]
    verbs: frozenset[str]
    labels: Mapping[MemberId, str] = {}
    pinned: frozenset[Ref] = frozenset()
    gathered: bool = False

    def can(self, verb: type[msgspec.Struct]) -> bool:
        """Whether the target performs this verb."""
        return verb.__struct_config__.tag in self.verbs

    @property
    def authors(self) -> bool:
        """Whether posts bear stand-in authors."""
        return Trait.AUTHORS in self.traits and self.can(AddAuthor)

    @property
    def replays(self) -> bool:
        """Whether any posts come back."""
        return self.policy.content in REPLAYED and self.can(Post)

    def named(self, member: str) -> bool:
        """Whether a member has a stand-in name of their own."""
        policy = self.policy
        return policy.authors == "ghost" or (policy.authors == "consented" and member in policy.consented)

    def gathers(self, message: Message) -> bool:
        """Whether a message shares its post with others: plain words that nothing points to."""
        plain = message.type in {"text", "notice", "emote"} and not message.media and message.poll is None
        return self.gathered and plain and message.ref not in self.pinned


def rules_of(plan: Plan, replay: Replay) -> Rules:
    """The rules by which a plan's replay was counted."""
    return Rules(
        policy=plan.policy,
        traits=plan.traits,
        verbs=plan.verbs,
        labels=plan.labels,
        pinned=frozenset(replay.pinned),
        gathered=replay.gathered,
    )


def expand(replay: Replay, plan: Plan, timelines: Timelines) -> Iterator[Action]:
    """The single actions of a replay, in order."""
    return iter(Expansion(replay.channel, rules_of(plan, replay), timelines))


class Expansion:
    """Iterate once over it for the actions; then the attributes tell what went by.

    Attributes:
        messages: how many archived messages are in a post.
        people: members who need a name: authors and those who are mentioned.
        authors: stand-in id -> its label, for everyone who posts or reacts.
        posted: archived message -> its author and time, for all that are in a post.
        losses: what is left out.
    """

    def __init__(self, channel: Ref, rules: Rules, timelines: Timelines) -> None:
        self.channel = channel
        self.rules = rules
        self.messages = self.edits = self.reactions = self.files = self.bytes = self.actions = 0
        self.people: set[MemberId] = set()
        self.authors: dict[MemberId, str] = {}
        self.posted: dict[Ref, tuple[str, Millis]] = {}
        self.losses = Losses()
        self._timelines = timelines
        self._key = rules.policy.key
        self._merging = rules.gathered or not rules.can(EditPost)
        self._digest = hashlib.sha256()
        self._reacted: set[tuple[str, str, str]] = set()
        self._uploads: set[str] = set()
        self._finals: dict[tuple[Ref, str], Edit] = {}
        self._lines: list[str] = []
        self._first: Message | None = None
        self._stand_ins: dict[str, tuple[MemberId, str]] = {}

    @property
    def digest(self) -> str:
        """SHA-256 hex over all actions so far, encoded, one per line."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[Action]:
        if self._merging and self.rules.replays:
            for record in self._timelines(self.channel):
                if isinstance(record, Edit):
                    self._finals[record.target, record.author] = record
        for action in self._walk():
            self._digest.update(_encoder.encode(action) + b"\n")
            self.actions += 1
            yield action

    def _walk(self) -> Iterator[Action]:
        for record in self._timelines(self.channel):
            if isinstance(record, Message):
                code = self._left_out(record)
                if code:
                    self.losses.add(code)
                else:
                    yield from self._message(record)
            elif self.rules.replays:
                yield from self._follow_up(record)
        yield from self._flush()

    def _left_out(self, message: Message) -> str:
        """The gap code for a message that has no post, or "" for one that has."""
        policy = self.rules.policy
        if message.type == "service":
            return "service-lines"
        if not self.rules.replays or (policy.content == "pinned" and message.ref not in self.rules.pinned):
            return "posts-left-out"
        if policy.content == "consented" and message.author not in policy.consented:
            return "posts-without-consent"
        if message.type == "encrypted":
            return "message-undecrypted"
        if not (message.text or message.html or message.media or message.poll):
            return "messages-empty"
        return ""

    def _follow_up(self, record: TimelineRecord) -> Iterator[Action]:
        if isinstance(record, Edit):
            yield from self._edit(record)
        elif isinstance(record, Reaction):
            yield from self._reaction(record)
        elif isinstance(record, Vote):
            self.losses.add("poll-votes")

    # --- posts -------------------------------------------------------------------------------------------------------

    def _message(self, message: Message) -> Iterator[Action]:
        self.messages += 1
        text, html = self._last_wording(message)
        if self.rules.gathers(message):
            yield from self._gather(message, text, html)
        else:
            yield from self._flush()
            media: list[PostMedia] = []
            for file in message.media:
                yield from self._file(file, media)
            yield from self._post(message, text, html, tuple(media))
        self.posted[message.ref] = (message.author, message.time)

    def _post(self, message: Message, text: str, html: str, media: tuple[PostMedia, ...]) -> Iterator[Action]:
        author, start = self._author(message.author, message.time)
        kind, poll = message.type, message.poll
        if poll:
            labels = self._labels_for(" ".join((poll.question, *(option for _, option in poll.options))))
            poll = wording.labelled_poll(poll, labels, start)
        if len(media) < len(message.media):
            text, html = f"{text}\n{wording.MISSING_FILE}".strip(), ""
            kind = kind if media else "text"
        if start and kind == "emote":
            kind, text = "text", f"* {text}"
        if start and kind == "sticker":
            kind = "image"  # stickers have no room for who and when
        shown = bool(text or media or message.poll)
        words, formatted = self._worded(start if shown else "", text, html)
        parts = wording.pieces(words)
        self.losses.add("posts-split", int(len(parts) > 1))
        yield Post(
            key=action_key(self._key, "post", self.channel, message.ref),
            channel=self.channel,
            message=message.ref,
            time=message.time,
            type=kind,
            text=parts[0],
            html=formatted,
            author=author,
            reply_to=self._link(message.reply_to, "replies-lost"),
            thread=self._link(message.thread, "threads-lost"),
            media=media,
            poll=poll,
            data=message.data if kind == "location" else "",
        )
        for number, part in enumerate(parts[1:], 2):
            yield Post(
                key=action_key(self._key, "post", self.channel, message.ref, str(number)),
                channel=self.channel,
                message=message.ref,
                time=message.time,
                text=part,
                author=author,
            )

    def _file(self, file: Media, media: list[PostMedia]) -> Iterator[Action]:
        """The upload of a file, where it is not up already; `media` takes the post's part of it."""
        attachment = self._timelines.attachment(file.ref)
        if attachment is None:
            self.losses.add("media-unavailable")
            return
        if not self.rules.can(Upload):
            self.losses.add("files-not-supported")
            return
        name, mime = self._named(file.name), file.mime or attachment.mime
        key = action_key(self._key, "upload", self.channel, attachment.blob, name, mime)
        if key not in self._uploads:
            self._uploads.add(key)
            self.files += 1
            self.bytes += attachment.size
            self.losses.add("metadata-kept", int(not strippable(mime, attachment.size)))
            yield Upload(key=key, blob=attachment.blob, name=name, mime=mime, size=attachment.size)
        media.append(
            PostMedia(
                upload=key,
                name=name,
                mime=mime,
                size=attachment.size,
                width=file.width,
                height=file.height,
                duration=file.duration,
            )
        )

    def _gather(self, message: Message, text: str, html: str) -> Iterator[Action]:
        _, start = self._author(message.author, message.time)
        line = start + ("* " if message.type == "emote" else "") + self._named(text)
        self.losses.add("formatting-lost", int(bool(html)))
        self.losses.add("posts-gathered")
        self.losses.add("replies-lost", int(bool(message.reply_to)))
        self.losses.add("threads-lost", int(bool(message.thread)))
        size = sum(len(part.encode("utf-8", "surrogatepass")) + 1 for part in (*self._lines, line))
        if len(self._lines) == GATHER_POSTS or size > GATHER_BYTES:
            yield from self._flush()
        if self._first is None:
            self._first = message
        self._lines.append(line)

    def _flush(self) -> Iterator[Action]:
        """The post that holds what was gathered."""
        first, lines = self._first, self._lines
        self._first, self._lines = None, []
        if first is None:
            return
        for number, part in enumerate(wording.pieces("\n".join(lines)), 1):
            yield Post(
                key=action_key(self._key, "post", self.channel, first.ref, *([str(number)] if number > 1 else [])),
                channel=self.channel,
                message=first.ref,
                time=first.time,
                text=part,
            )

    # --- what follows posts ------------------------------------------------------------------------------------------

    def _edit(self, edit: Edit) -> Iterator[Action]:
        if edit.target not in self.posted:
            self.losses.add("edits-lost", int(self.rules.policy.content == "all"))
            return
        author, time = self.posted[edit.target]
        if edit.author and author and edit.author != author:
            self.losses.add("edits-by-others")
            return
        if self._merging:
            self.losses.add("edits-merged")
            return
        stand_in, start = self._author(author, time)
        words, formatted = self._worded(start, edit.text, edit.html)
        parts = wording.pieces(words)
        self.losses.add("edits-cut", int(len(parts) > 1))
        self.edits += 1
        yield EditPost(
            key=action_key(self._key, "edit-post", self.channel, edit.ref),
            channel=self.channel,
            message=edit.ref,
            target=edit.target,
            time=edit.time,
            text=parts[0],
            html=formatted,
            author=stand_in,
        )

    def _reaction(self, reaction: Reaction) -> Iterator[Action]:
        if reaction.target not in self.posted:
            self.losses.add("reactions-without-post", reaction.count * (self.rules.policy.content == "all"))
            return
        if not (self.rules.authors and self.rules.can(React)):
            self.losses.add("reactions-lost", reaction.count)
            return
        author, _ = self._author(reaction.author, 0)
        same = (reaction.target, author, reaction.key)
        if same in self._reacted:
            self.losses.add("reactions-merged", reaction.count)
            return
        self._reacted.add(same)
        self.losses.add("reactions-merged", reaction.count - 1)
        self.reactions += 1
        yield React(
            key=action_key(self._key, "react", self.channel, reaction.ref),
            channel=self.channel,
            message=reaction.ref,
            target=reaction.target,
            time=reaction.time,
            reaction=reaction.key,
            author=author,
        )

    # --- names and words ---------------------------------------------------------------------------------------------

    def _author(self, member: str, time: Millis) -> tuple[MemberId | Literal[""], str]:
        """Under which stand-in a member's posts go, and what the text must say because the target cannot show it."""
        known = self._stand_ins.get(member)
        if known is None:
            if member and self.rules.named(member):
                self.people.add(member)
                known = (stand_in_id(self._key, member), self.rules.labels.get(member, ANONYMOUS))
            else:
                known = (stand_in_id(self._key, ""), ANONYMOUS)
            self._stand_ins[member] = known
        when = None if Trait.BACKDATING in self.rules.traits else time
        if not self.rules.authors:
            return "", wording.prefix(label=known[1], time=time)
        self.authors[known[0]] = known[1]
        return known[0], wording.prefix(label="", time=when)

    def _labels_for(self, text: str) -> Mapping[MemberId, str]:
        """The names that mentions in a text turn into; remembers who needs one."""
        self.people.update(member for member in mentioned(text) if self.rules.named(member))
        return self.rules.labels

    def _named(self, text: str) -> str:
        return with_labels(text, self._labels_for(text)) if "{member:" in text else text

    def _worded(self, start: str, text: str, html: str) -> tuple[str, str]:
        """The text and, where the target takes it, the formatted text of a post."""
        words = start + self._named(text)
        formatted = wording.in_markup(start) + self._named(html) if html else ""
        too_long = len(words.encode("utf-8", "surrogatepass")) + len(formatted.encode("utf-8", "surrogatepass"))
        if formatted and (Trait.FORMATTING not in self.rules.traits or too_long > wording.LONGEST_TEXT):
            self.losses.add("formatting-lost")
            formatted = ""
        return words, formatted

    def _last_wording(self, message: Message) -> tuple[str, str]:
        """A message's text; where later wordings cannot follow as edits, the last of them."""
        if not self._merging:
            return message.text, message.html
        final = self._finals.get((message.ref, message.author)) or self._finals.get((message.ref, ""))
        return (final.text, final.html) if final else (message.text, message.html)

    def _link(self, ref: Ref, code: str) -> Ref:
        """A relation to an earlier post, where that one came back as a post of its own."""
        if ref and (self.rules.gathered or ref not in self.posted):
            self.losses.add(code)
            return ""
        return ref
