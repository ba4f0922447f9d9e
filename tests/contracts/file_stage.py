"""A stage for connectors over files: what happens is noted down, and becomes an export in the platform's own format when it is
read. A platform gives a `FileStage` and says how an export of some posts is written.
"""

import os
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from connector_stage import Can, ConnectorStage, Reading

from grouparchive.model.ports import Identify
from grouparchive.model.records import Message
from grouparchive.platforms.files import Choices, FileConnector, open_box

NAMES = {"ada": "Adalind Quellwater", "ben": "Benwick Thornfeld", "cyd": "Cydrian Mossgrove"}
HANDLES = {"ada": "adalindq", "ben": "benwickt", "cyd": "cydrianm"}
MAILS = {who: f"{handle}@lamp.example" for who, handle in HANDLES.items()}
PHONES = {"ada": "+491705550111", "ben": "+491705550122", "cyd": "+491705550133"}
NUMBERS = {"ada": 700000111, "ben": 700000222, "cyd": 700000333}

START = 1_772_323_200_000  # 1 March 2026
STEP = 30_000  # milliseconds from post to post: two in a minute
DAY = 86_400
WRITTEN = START // 1000 + 100 * DAY  # when each export was made, in seconds

_MARK = re.compile("\x02(ada|ben|cyd)\x03")


@dataclass(slots=True)
class Post:
    """Somebody wrote something; with `whom`, the platform says that `who` added them. In `text` people stand as marks."""

    number: int
    who: str
    text: str
    time: int  # milliseconds
    reply_to: int = -1
    file: bytes = b""
    name: str = ""
    whom: str = ""
    changed: int = 0  # milliseconds
    deleted: bool = False
    reactions: list[tuple[str, str]] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        return self.time // 1000

    def clock(self, form: str) -> str:
        return datetime.fromtimestamp(self.seconds, UTC).strftime(form)

    def parts(self) -> Iterator[tuple[str, str]]:
        """The text in pieces: (words, "") and ("", who)."""
        for at, piece in enumerate(_MARK.split(self.text)):
            if piece:
                yield ("", piece) if at % 2 else (piece, "")

    def said(self, how: Callable[[str], str]) -> str:
        """The text with people as `how` writes them."""
        return "".join(how(who) if who else words for words, who in self.parts())


class FileStage(ConnectorStage):
    """See the module. `kind` may be swapped for a broken one."""

    kind: ClassVar[type[FileConnector]]
    choices: ClassVar[Choices] = Choices()

    def __init__(self, folder: Path, kind: type[FileConnector] | None = None) -> None:
        self.folder = folder
        self.reads = kind or self.kind
        self.posts: list[Post] = []
        self.members = ["ada", "ben"]
        self.banned: list[str] = []
        self.pinned: list[int] = []
        self.topic = ""
        self.lost = False  # is the export to lack its files?
        self.wrong = 0
        self.days = 0  # after the first export
        self.fixed: Path | None = None  # the export that is read, where nothing happens any more
        self._made = 0

    @abstractmethod
    def write(self, folder: Path, posts: Sequence[Post]) -> Path:
        """Write an export of these posts into an empty folder; what is to be opened."""

    def words(self, who: str) -> list[str]:
        first, last = NAMES[who].split()
        return [self.handle(who), first, last, HANDLES[who], PHONES[who][1:], str(NUMBERS[who])]

    def mention(self, who: str) -> str:
        return f"\x02{who}\x03"

    def called(self, who: str) -> str:
        return NAMES[who]

    def lost_file(self) -> str:
        return "no-such-file"

    # --- exports ---

    def export(self, posts: Sequence[Post] | None = None) -> Path:
        """A new export, of all posts or some."""
        self._made += 1
        folder = self.folder / f"export {self._made}"
        folder.mkdir()
        path = self.write(folder, self.posts if posts is None else posts)
        for one in [*folder.rglob("*"), folder]:
            os.utime(one, (WRITTEN + self.days * DAY,) * 2)
        return path

    def parts(self) -> tuple[Path, Path, Path]:
        """Two exports that overlap, and one of everything."""
        third = len(self.posts) // 6 * 2  # never in the midst of a minute
        return self.export(self.posts[: 2 * third]), self.export(self.posts[third:]), self.export()

    def open(self, path: Path, identify: Identify) -> FileConnector:
        return self.reads(open_box(path), identify, self.choices)

    def connect(self, identify: Identify) -> FileConnector:
        return self.open(self.fixed or self.export(), identify)

    def state(self) -> object:
        """Every file that there is, and of what is read no other from here on."""
        self.fixed = self.fixed or self.export()
        return {
            path.relative_to(self.folder): (path.stat().st_mtime_ns, path.read_bytes())
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }

    def close(self) -> None:
        """Nothing is held open."""

    # --- what happens ---

    def _note(self, post: Post) -> str:
        self.posts.append(post)
        return str(post.number)

    def post(self, who: str, text: str, *, reply_to: str = "", file: bytes = b"", name: str = "") -> str:
        number = len(self.posts)
        answered = int(reply_to) if reply_to else -1
        return self._note(Post(number, who, text, START + number * STEP, answered, file, name))

    def add(self, who: str, whom: str) -> None:
        number = len(self.posts)
        self._note(Post(number, who, "", START + number * STEP, whom=whom))

    def react(self, who: str, target: str, key: str) -> str:
        self.posts[int(target)].reactions.append((who, key))
        return ""

    def change(self, target: str, text: str) -> None:
        """Of the post only this is left."""
        post = self.posts[int(target)]
        post.text, post.changed = text, post.time + 5 * DAY * 1000

    def delete(self, target: str) -> None:
        self.posts[int(target)].deleted = True

    def pin(self, *targets: str) -> None:
        self.pinned = [int(one) for one in targets]

    def set_topic(self, topic: str) -> None:
        self.topic = topic

    def ban(self, who: str) -> None:
        self.banned.append(who)

    def ref(self, post: str, run: Reading) -> str:
        """By its words: most exports have no ref that could be known beforehand."""
        words = [re.escape(piece) for piece, who in self.posts[int(post)].parts() if not who]
        found = [one.ref for one in run.of(Message) if re.fullmatch(".*".join(["", *words, ""]), one.text, re.DOTALL)]
        exact = [one.ref for one in run.of(Message) if one.text == self.posts[int(post)].text]
        assert exact or found, "a post is missing"
        return str((exact or found)[0])


POSTS = frozenset({Can.EXPORTS, Can.POSTS, Can.AUTHORS, Can.PLENTY})
