"""Instagram's download of an account, as JSON or HTML: the account with its followers as a group, whom it follows as another,
and each of its threads.
"""

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Final

import msgspec

from grouparchive.model.ports import Identify, MediaRequest, Page
from grouparchive.model.records import (
    AnyRecord,
    Channel,
    Gap,
    Group,
    Known,
    Media,
    Membership,
    Message,
    Reaction,
    Record,
    Roster,
)
from grouparchive.platforms.facebook.files import nearest
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.facebook.threads import Head, ThreadReader
from grouparchive.platforms.files import Box, Choices, in_pages
from grouparchive.platforms.files.mimes import mime_of, type_of
from grouparchive.platforms.files.texts import fitted
from grouparchive.platforms.instagram.account import KINDS, PLACE, Account, Posted, Relative

_MARKS: Final = re.compile(
    r"(?:.*/)?(?:your_instagram_activity|instagram-[^/]+|followers_and_following|ads_information/instagram[^/]*)/.+"
)
_FACEBOOK: Final = re.compile(
    r"(?:.*/)?(?:your_facebook_activity|this_profile's_activity_across_facebook|your_activity_across_facebook|groups|friends|about_you)/.+"
)
_MESSENGER: Final = (
    b'"thread_type"',
    b'"type": "Generic"',
    b'"type":"Generic"',
    b'"threadName"',
    b'"inbox\\/',
    b"facebook",
)
_KEYS: Final = (
    b'"relationships_followers"',
    b'"relationships_following"',
    b'"ig_stories"',
    b'"ig_reels_media"',
    b'"string_list_data"',
)
_LIMITS: Final = (
    (
        Known.HISTORY_CUT,
        "Instagram's download holds the account's own posts only: no comments, no likes, nobody else's posts",
    ),
    (Known.MEMBERS_PARTIAL, "the list of followers is whole only if the download was asked for all time"),
)


class InstagramDownload(ThreadReader):
    """See `FileConnector`."""

    platform: ClassVar[str] = "instagram"
    origin: ClassVar[str] = "instagram.com"
    title: ClassVar[str] = "an Instagram download (Download Your Information)"
    exports: ClassVar[frozenset[type[Record]]] = frozenset({Group, Channel, Message, Reaction, Roster, Membership, Gap})

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._prepare()
        self._one: Account | None = None
        self._said = False

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the contract's signature
        """By its folders; a lone file by what it begins with."""
        if any(map(_FACEBOOK.fullmatch, box.entries)):
            return False
        if any(map(_MARKS.fullmatch, box.entries)):
            return True
        for name in nearest(box, ".json", ".html"):
            head = box.head(name)
            if PLACE.fullmatch(name) and (any(key in head for key in _KEYS) or b"instagram.com/" in head):
                return True
            if name.endswith(".json") and b'"sender_name"' in head and b'"timestamp_ms"' in head:
                return not any(mark in head for mark in _MESSENGER)
        return False

    def groups(self) -> Iterator[Group]:
        """The account, those whom it follows, its threads."""
        account = self._account()
        if account.there:
            yield self._group()
            if next(account.people(following=True), None) is not None:
                yield self._following_group()
        for head in self._threads().values():
            yield self._thread_group(head)

    def _account(self) -> Account:
        if self._one is None:
            self._one = Account(self.box, self.choices, self._noted)
            if self._one.handle and self._one.name:
                self.people.know(self._one.name, self._one.handle)
        return self._one

    def _threads(self) -> dict[str, Head]:
        if self._heads is None:
            found = super()._threads()
            if not found:  # a lone file that bears a name of its own
                names = [name for name in self.box.entries if name.endswith(".json") and not PLACE.fullmatch(name)]
                for name in names if len(self.box.entries) == 1 else ():
                    if b'"sender_name"' in self.box.head(name):
                        head = self._head("", [name])
                        found[head.ref] = head
        return self._heads or {}

    @property
    def _ref(self) -> str:
        return f"account:{self._account().handle or self.choices.group}"

    def _group(self) -> Group:
        account = self._account()
        avatar = f"{self._ref}/picture" if account.picture else ""
        name = account.name or self.choices.group or account.handle
        return Group(
            ref=self._ref, platform=self.platform, origin=self.origin, name=name, topic=account.bio, avatar=avatar
        )

    def _following_group(self) -> Group:
        return Group(
            ref=f"{self._ref}/following", platform=self.platform, origin=self.origin, name="Accounts it follows"
        )

    def _states(self, group: str) -> Iterator[Page]:
        if group in self._threads():
            yield from self._thread_states(self._threads()[group])
            return
        if group == f"{self._ref}/following":
            state = self._following_group()
            yield Page(records=[state, Channel(ref=group, group=group, type="list", name=state.name)])
            yield self._roster(group, list(self._account().people(following=True)))
            return
        if not self._said:
            self._said = True
            for code, detail in _LIMITS:
                self._gap(code, "", detail, limit=True)
        state = self._group()
        requests: list[MediaRequest] = []
        account = self._account()
        if account.picture:
            name = self.finder.find(account.picture, account.picture_page)
            if request := self._attach(state.avatar, name, mime=mime_of(name), said="the account's picture"):
                requests.append(request)
        channel = Channel(ref=group, group=group, type="room", name=state.name, topic=state.topic, avatar=state.avatar)
        yield Page(records=[state, channel], media=requests)
        if account.has_followers:
            yield self._roster(group, list(account.people(following=False)))

    def _roster(self, channel: str, people: list[Relative]) -> Page:
        records: list[AnyRecord] = [Roster(channel=channel, time=self.box.modified, members=len(people))]
        records += [
            Membership(channel=channel, member=self.identify(one.handle, "", ""), since=one.since) for one in people
        ]
        stamp = (
            f"{channel} {max((one.since for one in people), default=0)} {min((one.since for one in people), default=0)}"
        )
        return Page(records=records, stamp=stamp)

    def _events(self, group: str) -> Iterator[Page]:
        if group in self._threads():
            yield from self._thread_events(self._threads()[group])
        elif group == self._ref:
            yield from in_pages(self._posts(group))

    def _posts(self, group: str) -> Iterator[tuple[AnyRecord, list[MediaRequest]]]:
        account = self._account()
        me = self.identify(account.handle, account.name, "") if account.handle else ""
        used: dict[str, int] = {}
        for post in sorted(account.posts(), key=lambda post: post.time):
            ref = f"{post.kind}{post.time // 1000}"
            used[ref] = before = used.get(ref, 0) + 1
            if before > 1:
                ref = f"{ref}-{before}"
            yield self._post(group, ref, me, post)

    def _post(self, group: str, ref: str, me: Any, post: Posted) -> tuple[AnyRecord, list[MediaRequest]]:
        media: list[Media] = []
        requests: list[MediaRequest] = []
        for uri in post.files[:1000]:
            name = tidy(uri).rpartition("/")[2][:200]
            mime = mime_of(name)
            media_ref = f"{group}/{ref}/{len(media)}"
            request = self._attach(media_ref, self.finder.find(uri, post.page), mime=mime, said=name)
            media.append(Media(ref=media_ref, name=name, mime=mime, size=request.size if request else 0))
            if request:
                requests.append(request)
        text, _, lost = fitted(post.text)
        if lost:
            self._gap(lost, f"{group}/{ref}")
        message = Message(
            channel=group,
            ref=ref,
            time=post.time,
            author=me,
            type=type_of(*(one.mime for one in media)),
            text=text,
            media=tuple(media),
            data=msgspec.json.encode({"kind": KINDS[post.kind]}).decode() if post.kind != "p" else "",
        )
        return message, requests
