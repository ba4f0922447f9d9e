"""Where a connector's contract is played: what a platform can bring about, how it is brought about, and one reading of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import Enum
from typing import Any, ClassVar

from grouparchive.model.ports import Connector, Cursor, Identify, Page
from grouparchive.model.records import Edit, Member, Message, Reaction, Tombstone

EVENTS = (Message, Edit, Reaction, Tombstone)


class Can(Enum):
    """What can happen at a platform, or how a connector reads it. The contract picks its clauses by these."""

    POSTS = "people write posts"
    AUTHORS = "a post says who wrote it"
    REPLIES = "a post says which one it answers"
    MENTIONS = "a post names somebody in a way that can be told from other words"
    STRANGERS = "such a mention can be of somebody who never was there"
    SERVICE = "the platform itself writes lines, such as that somebody was added"
    EDITS = "a post is changed, and the change is told as one"
    REACTIONS = "people react to posts, and it is told who"
    PINS = "posts are pinned"
    CHANGES = "of a post that was changed, an export tells what it became"
    DELETIONS = "a post is deleted, and that is told"
    TOPICS = "a channel says what it is about"
    FILES = "a post has a file, and its bytes can be had"
    LOST_FILES = "an export can lack a file that it mentions"
    FACES = "people have pictures, and their bytes can be had"
    ROSTERS = "all members of a channel are told at once"
    LEVELS = "members have more or less power"
    BANS = "somebody is shut out, and that is told"
    HOSTILE = "what comes can be damaged or made to do harm, piece by piece"
    CURSORS = "reading goes on where it stopped"
    PLENTY = "there can be thousands of posts"
    EXPORTS = "what is read is a file that people have"


class ConnectorStage(ABC):
    """A platform with one group of one channel (perhaps below a container), whose admin's credential the connector has, and in
    it two ordinary members, "ada" and "ben". "cyd" has an account and is not there.
    """

    can: ClassVar[frozenset[Can]]
    group: str
    room: str

    @abstractmethod
    def connect(self, identify: Identify) -> Connector:
        """A new connector, with small pages where that can be chosen."""

    @abstractmethod
    def handle(self, who: str) -> str:
        """The native handle: long and odd enough to be looked for in bytes."""

    @abstractmethod
    def lost_file(self) -> str:
        """The ref of a file that is not there."""

    # --- what people know somebody by ---

    def words(self, who: str) -> list[str]:
        """Every word by which somebody is known: none of them may stand in content."""
        return [self.handle(who)]

    def mention(self, who: str) -> str:
        """How a post names somebody."""
        return self.handle(who)

    def called(self, who: str) -> str:
        """What others call somebody in the name of a file."""
        return self.handle(who)

    # --- what happens, by `can` ---

    def post(self, who: str, text: str, *, reply_to: str = "", file: bytes = b"", name: str = "") -> str:
        """Somebody posts; the post's ref, or what `ref` makes one of."""
        raise NotImplementedError

    def ref(self, post: str, run: "Reading") -> str:  # noqa: ARG002 - for those that know no ref before it was read
        """The ref that a post has in a reading."""
        return post

    def edit(self, who: str, target: str, text: str) -> str:
        raise NotImplementedError

    def react(self, who: str, target: str, key: str) -> str:
        raise NotImplementedError

    def delete(self, target: str) -> None:
        raise NotImplementedError

    def pin(self, *targets: str) -> None:
        raise NotImplementedError

    def set_topic(self, topic: str) -> None:
        raise NotImplementedError

    def add(self, who: str, whom: str) -> None:
        """Somebody adds somebody, and the platform says so."""
        raise NotImplementedError

    def ban(self, who: str) -> None:
        raise NotImplementedError

    def hostile(self) -> int:
        """Put events there that no honest client sends; how many of them a connector cannot read."""
        raise NotImplementedError

    def face(self, who: str, picture: bytes) -> None:
        """Give somebody a picture."""
        raise NotImplementedError

    def requests(self, connector: Connector) -> int | None:  # noqa: ARG002 - for those that can tell
        """How many requests it has made so far; None where that cannot be told."""
        return None

    def state(self) -> object:
        """Everything at the platform that reading must not change."""
        return None


class Reading:
    """One run of a connector to its end, or to a page."""

    def __init__(self, stage: ConnectorStage, after: Cursor | None = None) -> None:
        self.people: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.asked: set[str] = set()
        self.listing = 0  # requests that listing the groups took
        self.connector = stage.connect(self.identify)
        self.stage = stage
        self.pages: list[Page] = []
        self.cursor: dict[str, str] = dict(after or {})
        self.after = dict(after or {})

    def identify(self, native: str, *_: str) -> str:
        assert type(native) is str
        assert native, "somebody without a handle"
        found = self.people.setdefault(native, f"{len(self.people) + 0xC0FFEE:032x}")
        self.ids[found] = native
        self.asked.add(native)
        return found

    def stream(self) -> Iterator[Page]:
        groups = [group.ref for group in self.connector.groups()]
        assert self.stage.group in groups, "the group is not listed"
        self.listing = self.stage.requests(self.connector) or 0
        for page in self.connector.pages(self.stage.group, dict(self.after)):
            self.pages.append(page)
            self.cursor.update(page.cursor)
            for record in page.records:
                if isinstance(record, Member):  # where people come with ids of their own
                    self.people[record.native] = record.id
                    self.ids[record.id] = record.native
                    self.asked.add(record.native)
            yield page

    def whole(self) -> "Reading":
        try:
            for _ in self.stream():
                pass
        finally:
            self.connector.close()
        return self

    @property
    def records(self) -> list[Any]:
        return [record for page in self.pages for record in page.records]

    def of(self, *kinds: type) -> list[Any]:
        return [record for record in self.records if isinstance(record, kinds)]

    @property
    def events(self) -> list[str]:
        return [record.ref for record in self.of(*EVENTS)]


# --- what may happen ---


def populate(stage: ConnectorStage, posts: int = 11) -> list[str]:
    """A bit of life; the refs of the posts in order."""
    if Can.POSTS not in stage.can:
        return []
    made = [stage.post(("ada", "ben")[number % 2], f"post number {number}") for number in range(posts)]
    if Can.EDITS in stage.can:
        stage.edit("ada", made[0], "post number 0, better")
    if Can.REACTIONS in stage.can:
        stage.react("ben", made[0], "\N{SNOWMAN}")
    if Can.PINS in stage.can:
        stage.pin(made[1])
    return made


def texts(run: Reading, beginning: str) -> list[str]:
    """What was written that begins so, as it came."""
    return [record.text for record in run.of(Message) if record.text.startswith(beginning)]


def say_names(stage: ConnectorStage) -> None:
    """Names come in by every way that the platform has."""
    ada, ben, cyd = (stage.mention(who) for who in ("ada", "ben", "cyd"))
    if Can.POSTS in stage.can:
        for who in ("ada", "ben"):
            stage.post(who, "good morning")
        if Can.MENTIONS in stage.can:
            other = cyd if Can.STRANGERS in stage.can else ben
            first = stage.post("ada", f"ask {ben} or {other}, not {ada}!")
            stage.post("ben", f"{ada}: see below", reply_to=first if Can.REPLIES in stage.can else "")
    if Can.FILES in stage.can:
        stage.post("ben", "a file", file=b"some bytes", name=f"from {stage.called('ada')}.txt")
    if Can.EDITS in stage.can:
        stage.edit("ada", first, f"ask only {other}")
    if Can.REACTIONS in stage.can and Can.MENTIONS in stage.can:
        stage.react("ben", first, "\N{SNOWMAN}")
    if Can.SERVICE in stage.can:
        stage.add("ada", "cyd")
    if Can.TOPICS in stage.can:
        stage.set_topic(f"write to {ben}")
    if Can.BANS in stage.can:
        stage.ban("cyd")
