"""The base of connectors over captures of Facebook's pages: what was found becomes records."""

from collections.abc import Iterable, Iterator
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
    MemberId,
    Membership,
    Message,
    Poll,
    Record,
    Role,
    Setting,
)
from grouparchive.platforms.facebook.found import ADMIN, MODERATOR, Found, Post
from grouparchive.platforms.facebook.titles import told
from grouparchive.platforms.files import Box, Choices, FileConnector, in_pages
from grouparchive.platforms.files.mimes import type_of
from grouparchive.platforms.files.texts import fitted

_ROLES: Final = {ADMIN: "Admin", MODERATOR: "Moderator"}

Recorded = tuple[AnyRecord, list[MediaRequest]]


class Captured(FileConnector):
    """See `FileConnector`. A subclass gives `_read` and, where the export holds pictures, `_picture`."""

    platform: ClassVar[str] = "facebook"
    origin: ClassVar[str] = "facebook.com"
    exports: ClassVar[frozenset[type[Record]]] = frozenset({Group, Channel, Setting, Role, Message, Membership, Gap})

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._all: Found | None = None
        self._ids: dict[str, MemberId] = {}
        self._group = ""
        self._first: list[Gap] = []  # of reading the files: they go out once

    def groups(self) -> Iterator[Group]:
        """The groups in the capture."""
        for place in self._found().places.values():
            name, number = told(self.choices.group)
            if number not in {"", place.id} or (not number and len(self._found().places) > 1):
                name = ""
            yield Group(
                ref=place.id, platform=self.platform, origin=self.origin, name=place.name or name, topic=place.topic
            )

    # --- for subclasses ---------------------------------------------------------------------------------------------------

    def _read(self, found: Found) -> None:
        """Read all of the export."""
        raise NotImplementedError

    def _picture(self, ref: str, file: str) -> MediaRequest | None:  # noqa: ARG002 - for those that have pictures
        """Ask for the picture whose address ends in `file`; None where the export does not hold its bytes."""
        return None

    # --- the contract -----------------------------------------------------------------------------------------------------

    def _found(self) -> Found:
        if self._all is None:
            found = Found()
            self._read(found)
            found.settle()
            if found.outside:
                self._gap(Known.OUTSIDE_LEFT_OUT, "", count=found.outside, limit=True)
            self._first, self._gaps = self._gaps, []
            self._all = found
        return self._all

    def _who(self, native: str, name: str = "") -> MemberId:
        """Somebody's id."""
        if native not in self._ids or name:
            self._ids[native] = self.identify(native, name, "")
        return self._ids[native]

    def _states(self, group: str) -> Iterator[Page]:
        self._group = group
        found = self._found()
        place = found.places[group]
        self._gaps, self._first = self._first + self._gaps, []
        state = next(one for one in self.groups() if one.ref == group)
        records: list[AnyRecord] = [
            state,
            Channel(ref=group, group=group, type="room", name=state.name, topic=place.topic),
        ]
        if place.privacy:
            records.append(Setting(channel=group, name="privacy", value=msgspec.json.encode(place.privacy).decode()))
        levels = sorted({seen.level for seen in place.people.values()} & _ROLES.keys())
        records += [Role(group=group, ref=_ROLES[level].lower(), name=_ROLES[level], level=level) for level in levels]
        yield Page(records=records)
        yield from self._faces(group)
        self._limits(group)

    def _faces(self, group: str) -> Iterator[Page]:
        """Everybody's name, and their pictures where the export has them."""
        found = self._found()
        requests: list[MediaRequest] = []
        natives = dict.fromkeys(found.places[group].people)
        natives.update(
            dict.fromkeys(post.author for post in found.posts.values() if post.group == group and post.author)
        )
        missing = 0
        for native in natives:
            person = found.person(native)
            face = f"face/{person.face}" if person.face else ""
            request = self._picture(face, person.face) if face else None
            missing += bool(face) and request is None
            self._ids[native] = self.identify(native, person.name, face if request else "")
            if request:
                requests.append(msgspec.structs.replace(request, vault="roster", stamp=face))
        if missing:
            self._gap(Known.AVATARS_NOT_EXPORTED, "", count=missing, limit=True)
        if requests:
            yield Page(records=[], media=requests, stamp=self._stamp)

    def _limits(self, group: str) -> None:
        place = self._found().places[group]
        members = sum(seen.state == "join" for seen in place.people.values())
        of = f" of {place.told}" if place.told else ""
        self._gap(Known.MEMBERS_PARTIAL, group, f"{members}{of} members were seen", limit=True)
        if any(post.group == group for post in self._found().posts.values()):
            self._gap(
                Known.HISTORY_CUT, group, "only the posts and comments that were opened while capturing", limit=True
            )

    def _events(self, group: str) -> Iterator[Page]:
        found = self._found()
        posts = [post for post in found.posts.values() if post.group == group]
        broken = sum(not post.whole for post in posts)
        if broken:
            self._gap(
                Known.POSTS_PARTIAL,
                group,
                "posts and comments of which no time or no content was captured",
                count=broken,
                limit=True,
            )
        yield from in_pages(
            self._messages(group, sorted((post for post in posts if post.whole), key=lambda post: (post.time, post.id)))
        )

    def _messages(self, group: str, posts: Iterable[Post]) -> Iterator[Recorded]:
        missing = 0
        for post in posts:
            media: list[Media] = []
            requests: list[MediaRequest] = []
            for picture in post.pictures:
                ref = f"{group}/{post.id}/{picture.id}"
                request = self._picture(ref, picture.file) if picture.file else None
                media.append(
                    Media(
                        ref=ref,
                        mime=picture.mime,
                        width=picture.width,
                        height=picture.height,
                        size=request.size if request else 0,
                    )
                )
                if request:
                    requests.append(request)
                else:
                    missing += 1
            yield self._message(group, post, media), requests
        if missing:
            self._gap(
                Known.MEDIA_UNAVAILABLE,
                group,
                "pictures and videos whose bytes are not in the capture",
                count=missing,
                limit=True,
            )

    def _message(self, group: str, post: Post, media: list[Media]) -> Message:
        data: dict[str, Any] = {}
        for name in ("links", "shared", "counts"):
            if value := getattr(post, name):
                data[name] = value
        if post.anonymous:
            data["anonymous"] = True
        comment = post.post not in {"", "?"}
        author = self._who(post.author) if post.author else ""
        text = post.text
        for link in post.links:
            if not text:
                text = link["url"]
        text, _, lost = fitted(text)
        if lost:
            self._gap(lost, f"{group}/{post.id}")
        poll = None
        if post.options:
            options = tuple((str(n), option) for n, option in enumerate(post.options))
            poll = Poll(question=post.question or post.text[:20_000], options=options)
        return Message(
            channel=group,
            ref=post.id,
            time=post.time,
            author=author,
            type="poll" if poll else type_of(*(one.mime for one in media)),
            text=text,
            reply_to=(post.parent or post.post) if comment else post.parent,
            thread=post.post if comment else "",
            media=tuple(media),
            poll=poll,
            mentions=post.mentions,
            data=msgspec.json.encode(data).decode() if data else "",
            version=post.seen,
        )

    def _sightings(self) -> Iterator[Page]:
        """Who was on the page when it was captured, and who wrote something when they did."""
        found = self._found()
        group = self._group
        people = found.places[group].people
        wrote: dict[str, int] = {}
        for post in found.posts.values():
            if post.group == group and post.author:
                wrote[post.author] = max(wrote.get(post.author, 0), post.time)
        records: list[AnyRecord] = []
        for native, seen in people.items():
            roles = (_ROLES[seen.level].lower(),) if seen.level in _ROLES else ()
            records.append(
                Membership(
                    channel=group,
                    member=self._who(native),
                    state=seen.state,
                    level=seen.level,
                    roles=roles,
                    seen=max(seen.time, 1),
                )
            )
        for native, time in wrote.items():
            if native not in people or people[native].state == "invite":
                records.append(Membership(channel=group, member=self._who(native), seen=max(time, 1)))
        if records:
            yield Page(records=records, stamp=self._stamp)
