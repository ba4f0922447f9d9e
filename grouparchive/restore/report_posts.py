"""The posts of one channel, the archive's against the rebuilt ones: part of the report."""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from grouparchive.errors import PlatformError
from grouparchive.model.plan import EditPost, Key, Outcome, Plan, Post, React, Replay, Trait
from grouparchive.model.records import Edit, Media, Message, Reaction, Ref, Vote
from grouparchive.restore.desire import Timelines
from grouparchive.restore.expand import Expansion, rules_of
from grouparchive.restore.keys import action_key
from grouparchive.restore.labels import ANONYMOUS, with_labels
from grouparchive.restore.metadata import stripping
from grouparchive.restore.tally import Tally
from grouparchive.restore.wording import MISSING_FILE

if TYPE_CHECKING:
    from grouparchive.restore.report import Found


class PostComparison:
    """Compares one channel.

    Args:
        plan: by which it was rebuilt.
        replay: the channel's posts in the plan; one of no posts where the plan has none.
        timelines: the archive's posts and files.
        found: the rebuilt group.
        tally: takes the counts.
        fetch: a file's bytes at the target.
        outcome: what the journal tells of an action.
    """

    def __init__(
        self,
        plan: Plan,
        replay: Replay,
        timelines: Timelines,
        found: "Found",
        tally: Tally,
        *,
        fetch: Callable[[Ref], Iterable[bytes]],
        outcome: Callable[[Key], Outcome | None],
    ) -> None:
        self.plan = plan
        self.channel = replay.channel
        self.timelines = timelines
        self.found = found
        self.tally = tally
        self.fetch = fetch
        self.outcome = outcome
        self.rules = rules_of(plan, replay)
        # Who or when stands in the text, where the target cannot show it.
        self.attributing = not self.rules.authors or Trait.BACKDATING not in self.rules.traits
        self.announced: set[Key] = set()  # what the plan promised, less what the applier said it could not do
        self.posts: set[Ref] = set()  # messages that the plan promised
        self.ghosts: dict[str, str] = {}
        self.people: dict[str, str] = {}
        self.order: list[int] = []
        self.final: dict[Ref, str] = {}
        self.gathered = ""  # the gathered posts as one text, and how far it was read
        self.read = 0
        self.hashes: dict[str, str] = {}

    def run(self, room: Ref, pins: tuple[Ref, ...]) -> None:
        """Compare all; `room` is the target's ref of the channel, "" where it was not made."""
        expansion = Expansion(self.channel, self.rules, self.timelines)
        for action in expansion:
            told = self.outcome(action.key)
            if isinstance(action, Post | EditPost | React) and not (told and told.status in {"failed", "skipped"}):
                self.announced.add(action.key)
        if room:
            self.posts = set(expansion.posted)
        self.prepare(room)
        for record in self.timelines(self.channel):
            match record:
                case Message():
                    self.message(record)
                case Edit():
                    self.edit(record)
                case Reaction():
                    self.reaction(record)
                case Vote():
                    self.tally.add("poll", same=False, explained=True)
        unmoved = _longest_rise(self.order)
        if self.order:
            self.tally.add("order", same=True, count=unmoved)
            self.tally.add("order", same=False, count=len(self.order) - unmoved)
        self.pins(room, pins)

    def prepare(self, room: Ref) -> None:
        """What needs a look ahead: last wordings, and the text of gathered posts."""
        if self.rules.gathered:
            own = [one for one in self.found.messages.values() if one.channel == room]
            own.sort(key=lambda one: self.found.places[one.ref])
            self.gathered = "\n".join(one.text for one in own)
        if self.rules.gathered or not self.rules.can(EditPost):
            for record in self.timelines(self.channel):
                if isinstance(record, Edit):
                    self.final[record.target] = record.text

    def key(self, verb: str, *refs: str) -> Key:
        """The marker of what an archived thing became."""
        return action_key(self.plan.policy.key, verb, self.channel, *refs)

    # --- posts -------------------------------------------------------------------------------------------------------

    def message(self, message: Message) -> None:
        """One archived message."""
        if message.type == "service":
            self.tally.add("service line", same=False, explained=True)
            return
        key = self.key("post", message.ref)
        promised = message.ref in self.posts and (key in self.announced or self.rules.gathers(message))
        now = self.found.messages.get(key)
        words = with_labels(self.final.get(message.ref, message.text), self.plan.labels)
        if self.rules.gathers(message):
            self.in_gathered(words, promised=promised)
            return
        self.tally.add("post", same=now is not None, explained=not promised)
        if now is None:
            return
        text = self.whole(now, message.ref)
        attributed = text.endswith(words) and self.attributing
        self.tally.add("text", same=text == words, explained=attributed or self.incomplete(message, text, words))
        if message.html:
            plain = Trait.FORMATTING not in self.rules.traits or len(message.html) + len(words) > 8000
            self.tally.add("formatting", same=bool(now.html), explained=plain or MISSING_FILE in text)
        self.tally.add("time", same=now.time == message.time, explained=Trait.BACKDATING not in self.rules.traits)
        self.author(message, now)
        self.relations(message, now)
        self.order.append(self.found.places[now.ref])
        for number, media in enumerate(message.media):
            self.file(media, now, number)
        if message.poll:
            asked = with_labels(message.poll.question, self.plan.labels)
            same = now.poll is not None and now.poll.question.endswith(asked)
            self.tally.add("poll", same=same and len(now.poll.options if now.poll else ()) == len(message.poll.options))

    def in_gathered(self, words: str, *, promised: bool) -> None:
        """A message that is one of many in a post: its words must come, in their order."""
        at = self.gathered.find(words, self.read) if promised else -1
        if at >= 0:
            self.read = at + len(words)
        self.tally.add("post", same=at >= 0, explained=not promised)

    def whole(self, now: Message, ref: Ref) -> str:
        """The text of a post with the parts that follow it."""
        text, number = now.text, 2
        while part := self.found.messages.get(self.key("post", ref, str(number))):
            text += part.text
            number += 1
        return text

    def incomplete(self, message: Message, text: str, words: str) -> bool:
        """Does the text say that a file is missing which the archive never had?"""
        return bool(message.media) and text == f"{words}\n{MISSING_FILE}".strip()

    def author(self, message: Message, now: Message) -> None:
        """Stand-ins: one for each person, no two for one, and under the planned name."""
        named = bool(message.author) and self.rules.named(message.author)
        if not named or not self.rules.authors:
            self.tally.add("author", same=False, explained=True)
            return
        same = self.ghosts.setdefault(now.author, message.author) == message.author
        same = self.people.setdefault(message.author, now.author) == now.author and same
        shown = self.found.people.get(now.author)
        label = self.plan.labels.get(message.author, ANONYMOUS)
        self.tally.add("author", same=same and (shown is None or shown.name in {"", label}))

    def relations(self, message: Message, now: Message) -> None:
        """Answers and threads lead to the same posts."""
        for feature, before, after in (
            ("reply", message.reply_to, now.reply_to),
            ("thread", message.thread, now.thread),
        ):
            if before:
                to = self.found.messages.get(self.key("post", before))
                lost = self.key("post", before) not in self.announced or self.rules.gathered
                self.tally.add(feature, same=to is not None and to.ref == after, explained=lost)
            elif after:
                self.tally.add(feature, same=False)

    def file(self, media: Media, now: Message, number: int) -> None:
        """The bytes of a file, as they are or without what its metadata told."""
        attachment = self.timelines.attachment(media.ref)
        if attachment is None:
            self.tally.add("file", same=False, explained=True)
            return
        if number >= len(now.media):
            self.tally.add("file", same=False)
            return
        ref = now.media[number].ref
        if ref not in self.hashes:
            try:
                self.hashes[ref] = _hash(self.fetch(ref))
            except PlatformError:
                self.hashes[ref] = ""
        cleaned = f"cleaned {attachment.blob}"
        if cleaned not in self.hashes:
            self.hashes[cleaned] = _hash(stripping(self.timelines.blob)(attachment.blob))
        is_raw, is_clean = self.hashes[ref] == attachment.sha256, self.hashes[ref] == self.hashes[cleaned]
        self.tally.add("file", same=is_raw, explained=is_clean)

    # --- what follows posts ------------------------------------------------------------------------------------------

    def edit(self, edit: Edit) -> None:
        """One archived change of a message."""
        key = self.key("edit-post", edit.ref)
        now = self.found.edits.get(key)
        of = self.found.messages.get(self.key("post", edit.target))
        words = with_labels(edit.text, self.plan.labels)
        right = now is not None and of is not None and now.target == of.ref
        attributed = self.attributing and right and now is not None and now.text.endswith(words)
        same = right and now is not None and now.text == words
        self.tally.add("edit", same=same, explained=attributed or key not in self.announced)

    def reaction(self, reaction: Reaction) -> None:
        """One archived reaction."""
        key = self.key("react", reaction.ref)
        now = self.found.reactions.get(key)
        of = self.found.messages.get(self.key("post", reaction.target))
        same = now is not None and of is not None and (now.target, now.key) == (of.ref, reaction.key)
        if same and now is not None and self.rules.named(reaction.author):
            same = self.people.setdefault(reaction.author, now.author) == now.author
        self.tally.add("reaction", same=same, explained=key not in self.announced)

    def pins(self, room: Ref, pins: tuple[Ref, ...]) -> None:
        """Pinned posts, in their order."""
        now = list(self.found.pins.get(room, ()))
        for ref in pins:
            message = self.found.messages.get(self.key("post", ref))
            same = bool(now) and message is not None and now[0] == message.ref
            if same:
                now.pop(0)
            self.tally.add("pin", same=same, explained=self.key("post", ref) not in self.announced)


def _hash(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _longest_rise(places: list[int]) -> int:
    """How many need not move for all to stand in order."""
    ends: list[int] = []
    for place in places:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
    return len(ends)
