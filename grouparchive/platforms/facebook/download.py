"""Download Your Information of Facebook, as JSON or HTML, in all the layouts that we know: the account's own posts and comments
in groups, the groups that it ran or joined, a page's posts, and group chats of Messenger. It never holds anybody else's posts,
nor the members of a group.
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from grouparchive.model.ports import Identify, MediaRequest, Page
from grouparchive.model.records import (
    AnyRecord,
    Channel,
    Gap,
    Group,
    Known,
    Membership,
    Message,
    Reaction,
    Record,
    Role,
    Roster,
    Vote,
)
from grouparchive.platforms.facebook.files import nearest
from grouparchive.platforms.facebook.own import LIMITS, Own, Row, sorted_rows
from grouparchive.platforms.facebook.posts import Recorded, record
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.facebook.shapes import Post
from grouparchive.platforms.facebook.threads import Head, ThreadReader, is_thread
from grouparchive.platforms.files import Box, Choices, in_pages
from grouparchive.platforms.files.mimes import mime_of

_MARKS: Final = re.compile(
    r"(?:.*/)?(?:your_facebook_activity|this_profile's_activity_across_facebook|your_activity_across_facebook)/.+\.(?:json|html)"
    r"|(?:.*/)?groups/(?:your_groups|your_posts_in_groups|group_posts_and_comments|your_comments_in_groups|your_group_membership_activity)"
    r"\.(?:json|html)"
    r"|(?:.*/)?(?:about_you|friends_and_followers|comments_and_reactions|likes_and_reactions|facebook_gaming|facebook_news)/.+\.(?:json|html)"
    r"|(?:.*/)?posts/(?:your_posts|profile_posts)[^/]*\.(?:json|html)"
)
_OTHERS: Final = re.compile(
    r"(?:.*/)?(?:your_instagram_activity|connections/followers_and_following|followers_and_following)/.*"
)
_KEYS: Final = (
    b'"groups_admined_v2"',
    b'"groups_joined_v2"',
    b'"group_posts_v2"',
    b'"group_comments_v2"',
    b'"anonymous_author_posts"',
)
_MESSENGER: Final = (
    b'"thread_type"',
    b'"type": "Generic"',
    b'"type":"Generic"',
    b'"threadName"',
    b'"inbox\\/',
    b'"stickers_used/',
)


class FacebookDownload(ThreadReader):
    """See `FileConnector`."""

    platform: ClassVar[str] = "facebook"
    origin: ClassVar[str] = "facebook.com"
    title: ClassVar[str] = "a Facebook download (Download Your Information)"
    exports: ClassVar[frozenset[type[Record]]] = frozenset(
        {Group, Channel, Role, Message, Reaction, Vote, Roster, Membership, Gap}
    )

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._prepare()
        self._own: Own | None = None
        self._said = False

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the contract's signature
        """By its folders; a lone file by what it begins with."""
        if any(map(_OTHERS.fullmatch, box.entries)):
            return False
        if any(map(_MARKS.fullmatch, box.entries)):
            return True
        for name in nearest(box, ".json"):
            head = box.head(name)
            if any(key in head for key in _KEYS) or b'"threadName"' in head:
                return True
            if is_thread(name) and any(mark in head for mark in _MESSENGER):
                return True
        return False

    def groups(self) -> Iterator[Group]:
        """The groups and pages of the account, and its group chats."""
        own = self._mine()
        yield from (self._group(ref) for ref in own.places)
        for head in self._shared():
            yield self._thread_group(head)

    def _mine(self) -> Own:
        if self._own is None:
            kept, self._gaps = self._gaps, []
            self._own = Own(self.box, self.choices, self._noted)
            self._own.read()
            if self._own.native:
                self.people.know(self._own.name, self._own.native)
            self._gaps = kept + self._gaps
        return self._own

    def _shared(self) -> list[Head]:
        """Group chats, and a thread that was given by itself."""
        threads = self._threads()
        alone = len(threads) == 1 and not self._mine().places
        return [head for ref, head in threads.items() if (alone or not head.private) and ref not in self._mine().places]

    def _group(self, ref: str) -> Group:
        place = self._mine().places[ref]
        return Group(ref=ref, platform=self.platform, origin=self.origin, name=place.name)

    def _states(self, group: str) -> Iterator[Page]:
        own = self._mine()
        if not self._said:
            self._said = True
            for code, detail in LIMITS if own.places else ():
                self._gap(code, "", detail, limit=True)
            for code, count, detail in own.left_out():
                self._gap(code, "", detail, count=count, limit=True)
            private = len(self._threads()) - len(self._shared())
            if private:
                self._gap(Known.PRIVATE_CHAT, "", count=private, limit=True)
        place = own.places.get(group)
        if place is None:
            yield from self._thread_states(self._threads()[group])
            return
        records: list[AnyRecord] = [self._group(group), Channel(ref=group, group=group, type="room", name=place.name)]
        if place.admin:
            records.append(Role(group=group, ref="admin", name="Admin", level=100))
        yield Page(records=records)

    def _events(self, group: str) -> Iterator[Page]:
        own = self._mine()
        if group not in own.places:
            yield from self._thread_events(self._threads()[group])
            return
        place = own.places[group]
        yield from in_pages(self._posts(group))
        for time, state in sorted(place.stays):
            if me := self._me():
                self.sightings.note(group, me, time, "leave" if state == "leave" else "join", 100 if place.admin else 0)
        for name, time in place.followers.items():
            if id_ := self.people.id(name):
                self.sightings.note(group, id_, max(time, self.box.modified))

    def _me(self) -> str:
        return self.people.id(self._mine().name)

    def _posts(self, group: str) -> Iterator[tuple[AnyRecord, list[MediaRequest]]]:
        own = self._mine()
        me = self._me()
        used: dict[str, int] = {}
        latest = 0
        for row in sorted_rows(own.rows(group)):
            if not row.time:
                self._gap(Known.MESSAGE_UNREADABLE, group, row.page)
                continue
            ref = f"{row.kind}{row.time // 1000}"
            used[ref] = before = used.get(ref, 0) + 1
            ref = ref if before == 1 else f"{ref}-{before}"
            latest = max(latest, row.time)
            records, requests = self._record(row, group, ref, me)
            yield records[0], requests
            for one in records[1:]:
                yield one, []
        if me and latest and not own.places[group].page:
            self.sightings.note(group, me, latest, level=100 if own.places[group].admin else 0)

    def _record(self, row: Row, group: str, ref: str, me: str) -> Recorded:
        def attach(media: str, uri: str, name: str) -> MediaRequest | None:
            return self._attach(media, self.finder.find(uri, row.page), mime=mime_of(name), said=name)

        def gapped(code: str, about: str) -> None:
            self._gap(code, f"{group}/{about}")

        post = row.post
        author = me or self._signed(post)
        return record(
            post, row.kind, channel=group, ref=ref, time=row.time, author=author, attach=attach, gapped=gapped
        )

    def _signed(self, post: Post) -> str:
        """Who wrote a comment, where the download does not say whose it is."""
        name = next((said.comment.author for said in post.data or () if said.comment and said.comment.author), "")
        return self.people.id(tidy(name).strip()) if name else ""
