"""What captures of a group's pages come to: groups, people, posts and comments, each once however often it was seen."""

from typing import Any, Final, Literal

import msgspec

from grouparchive.model.records import MemberId

ADMIN: Final = 100
MODERATOR: Final = 50


class Person(msgspec.Struct, gc=False):
    """Somebody who was seen. `face` is the file name of their picture's address."""

    native: str
    name: str = ""
    face: str = ""


class Picture(msgspec.Struct, gc=False):
    """A picture or video of a post. `file` is the file name of its address."""

    id: str
    file: str = ""
    mime: str = "image/jpeg"
    width: int = 0
    height: int = 0


class Post(msgspec.Struct, gc=False):
    """A post or a comment; of a comment, `post` is what it stands below and `parent` the comment that it answers. `seen` is
    when it was captured last, in milliseconds.
    """

    id: str
    group: str = ""
    post: str = ""
    parent: str = ""
    time: int = 0
    author: str = ""  # native
    anonymous: bool = False
    text: str = ""
    mentions: tuple[MemberId, ...] = ()
    pictures: tuple[Picture, ...] = ()
    links: tuple[dict[str, str], ...] = ()
    shared: dict[str, Any] | None = None
    options: tuple[str, ...] = ()
    question: str = ""
    counts: dict[str, Any] | None = None
    seen: int = 0

    def merge(self, other: "Post") -> None:
        """Take in another sight of the same post: what it tells counts over what an earlier one told."""
        newer = other.seen >= self.seen
        for name in self.__struct_fields__:
            theirs = getattr(other, name)
            if theirs and (newer or not getattr(self, name)):
                setattr(self, name, theirs)
        self.seen = max(self.seen, other.seen)

    @property
    def whole(self) -> bool:
        """Is there enough of it to be kept?"""
        return bool(self.time and (self.text or self.pictures or self.links or self.shared or self.options))


class Seen(msgspec.Struct, gc=False):
    """When somebody was last seen in a group, and as what."""

    time: int
    state: Literal["join", "invite"] = "join"
    level: int = 0


class Place(msgspec.Struct):
    """A group. `told` is how many members its page says it has."""

    id: str
    name: str = ""
    topic: str = ""
    privacy: str = ""
    told: int = 0
    people: dict[str, Seen] = {}
    named: int = 0  # when the name was read


class Found(msgspec.Struct):
    """All of it."""

    places: dict[str, Place] = {}
    people: dict[str, Person] = {}
    posts: dict[str, Post] = {}
    outside: int = 0  # posts that belong to no group

    def place(self, id_: str, name: str = "", time: int = 0) -> Place:
        """A group by its number."""
        place = self.places.get(id_)
        if place is None:
            place = self.places[id_] = Place(id=id_)
        if name and time >= place.named:
            place.name, place.named = name, time
        return place

    def person(self, native: str, name: str = "", face: str = "") -> Person:
        """A person by their native id."""
        person = self.people.get(native)
        if person is None:
            person = self.people[native] = Person(native=native)
        person.name = name or person.name
        person.face = face or person.face
        return person

    def sight(
        self, group: str, native: str, time: int, state: Literal["join", "invite"] = "join", level: int = 0
    ) -> None:
        """Somebody was seen in a group. Who is seen as a member is none that is only invited, and keeps their power."""
        people = self.place(group).people
        before = people.get(native)
        if before is None:
            people[native] = Seen(time, state, level)
            return
        if state == "join" or before.state == "invite":
            before.state = state if before.time <= time else before.state
        before.time = max(before.time, time)
        before.level = max(before.level, level)

    def post(self, post: Post) -> None:
        """A post or comment was seen."""
        known = self.posts.get(post.id)
        if known is None:
            self.posts[post.id] = post
        else:
            known.merge(post)

    def settle(self) -> None:
        """Find the groups of posts that did not say theirs: a comment's is that of its post. Others are left out."""
        for post in self.posts.values():
            if not post.group and post.post in self.posts:
                post.group = self.posts[post.post].group
        homeless = [id_ for id_, post in self.posts.items() if not post.group]
        for id_ in homeless:
            del self.posts[id_]
        self.outside += len(homeless)
        for post in self.posts.values():
            self.place(post.group)
