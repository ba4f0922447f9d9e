"""Captures of a group's pages: the network log that a browser saves as HAR while the members page or the feed is scrolled."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final

import msgspec

from grouparchive.errors import NotFound
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.ports import Identify, MediaRequest
from grouparchive.model.records import Known
from grouparchive.platforms.facebook.captured import Captured
from grouparchive.platforms.facebook.files import nearest
from grouparchive.platforms.facebook.found import Found
from grouparchive.platforms.facebook.graph import Walker
from grouparchive.platforms.facebook.har import Answer, answers, body_at, opened, places
from grouparchive.platforms.facebook.nodes import file_of
from grouparchive.platforms.facebook.page import PageReader
from grouparchive.platforms.facebook.rows import mending
from grouparchive.platforms.files import Box, Choices

_NAME: Final = re.compile(r".+\.har(?:\.gz)?", re.IGNORECASE)
_GROUP: Final = re.compile(r"/groups/(\d{5,20})(?:/|$)")
_GUARD: Final = b"for (;;);"
_HEAD: Final = 256 * 1024

_any: Final = msgspec.json.Decoder(Any)


class _Shot(msgspec.Struct):
    """A picture whose bytes a capture holds."""

    name: str
    size: int
    mime: str
    places: list[int] = []


class FacebookCapture(Captured):
    """See `FileConnector`."""

    title: ClassVar[str] = "a browser's capture of a Facebook group (HAR)"

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._shots: dict[str, _Shot] = {}  # by the file name in its address
        self._asked: dict[str, str] = {}

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the contract's signature
        """A HAR that speaks of Facebook near its beginning."""
        return any(_is_capture(box, name) for name in nearest(box, ".har", ".har.gz"))

    def media(self, ref: str) -> Iterator[bytes]:
        """A picture's bytes.

        Raises:
            NotFound: the capture does not have it.
            BadExport: it is damaged.
        """
        shot = self._shots.get(self._asked.get(ref, ""))
        if shot is None:
            raise NotFound("there is no such file in the export")
        yield body_at(self.box, shot.name, shot.places)

    def _picture(self, ref: str, file: str) -> MediaRequest | None:
        shot = self._shots.get(file)
        if shot is None or not shot.places:
            return None
        self._asked[ref] = file
        return MediaRequest(ref=ref, mime=shot.mime, size=shot.size)

    def _read(self, found: Found) -> None:
        walker = Walker(found, self._who)
        counts: Counter[str] = Counter()

        def noted(code: str) -> None:
            counts[code] += 1

        names = [name for name in sorted(self.box.entries) if _is_capture(self.box, name)]
        for name in names:
            for answer in answers(self.box, name, noted):
                self._answer(answer, walker, found, name, noted)
        for code, count in counts.items():
            self._gap(code, "", "in a capture", count=count)
        self._find_shots(found)

    def _find_shots(self, found: Found) -> None:
        """Where the pictures lie of which anything speaks."""
        wanted = {person.face for person in found.people.values()}
        wanted |= {picture.file for post in found.posts.values() for picture in post.pictures}
        wanted &= self._shots.keys()
        for name in {self._shots[file].name for file in wanted}:
            for file, addresses in places(self.box, name, wanted).items():
                if self._shots[file].name == name:
                    self._shots[file].places = addresses

    def _answer(self, answer: Answer, walker: Walker, found: Found, name: str, noted: Callable[[str], None]) -> None:
        if not _is_own(answer.host):
            return
        if answer.mime.startswith(("image/", "video/")):
            if answer.body:
                self._shots[file_of(f"https://x{answer.path}")] = _Shot(name, len(answer.body), answer.mime)
            return
        graph = answer.path.startswith(("/api/graphql", "/graphql", "/ajax/"))
        if not graph and answer.mime != "text/html":
            return
        time = answer.time or self.box.modified
        if answer.body is None:
            noted(Known.ANSWER_MISSING)
        elif not graph:
            reader = PageReader(found, walker, time, _group_of(answer.path), members="/members" in answer.path)
            reader.read(iter((answer.body,)))
        elif answer.body and not walk_body(answer.body, walker, time, _group_of(answer.path)):
            noted(Known.ANSWER_UNREADABLE)


def walk_body(body: bytes, walker: Walker, time: int, group: str = "") -> bool:
    """Walk through an answer of one or several JSON documents, each on a line. False if any of it could not be read."""
    body = body.strip().removeprefix(_GUARD)
    try:
        walker.walk(mending(body, _any), time, group)
    except UNREADABLE:
        pass
    else:
        return True
    whole = True
    for line in body.splitlines():
        line = line.strip().removeprefix(_GUARD)  # noqa: PLW2901 - the line without its guard
        if not line or line.startswith(b"--"):  # the border of a multipart answer
            continue
        try:
            walker.walk(mending(line, _any), time, group)
        except UNREADABLE:
            whole = False
    return whole


def _is_capture(box: Box, name: str) -> bool:
    if not _NAME.fullmatch(name):
        return False
    try:
        with opened(box, name) as file:
            head = file.read(_HEAD)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is none that we can read
        return False
    return b'"log"' in head and b"facebook" in head.lower()


def _is_own(host: str) -> bool:
    return host == "facebook.com" or host.endswith((".facebook.com", ".fbcdn.net", ".fbsbx.com"))


def _group_of(path: str) -> str:
    found = _GROUP.match(path)
    return found[1] if found else ""
