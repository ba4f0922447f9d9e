"""What is no plain post in an exported chat: files, deletions, polls, places, and the lines of the service, which tell who came
and went.
"""

import json
import re
from collections.abc import Callable, Container
from typing import Any, Final, Literal, NamedTuple
from zlib import adler32, crc32

from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import Media, MemberId, Message, Poll, Ref
from grouparchive.platforms.files import Sightings
from grouparchive.platforms.files.mimes import mime_of
from grouparchive.platforms.whatsapp import cards, words
from grouparchive.platforms.whatsapp.numbers import Numbers
from grouparchive.platforms.whatsapp.people import DIRECTIONS, People

_TYPES: Final[dict[str, Literal["image", "sticker", "video", "audio"]]] = {
    "jpg": "image", "jpeg": "image", "png": "image", "gif": "image", "heic": "image", "webp": "sticker", "mp4": "video",
    "mov": "video", "3gp": "video", "opus": "audio", "ogg": "audio", "m4a": "audio", "mp3": "audio", "aac": "audio",
}  # fmt: skip
_COUNTED: Final = re.compile(r"\A\d+-")  # an iPhone counts the files anew in each export
_FILE: Final = crc32(b"\0media")
_APP: Final = crc32(b"\0app")
_DELETED: Final = crc32(b"\0deleted")
SHORT: Final = 24  # bytes; adler32 is three times as fast and too weak for so few
_LABEL: Final = re.compile(r"\{member:[0-9a-f]{32}\}")
_SHORT_ENOUGH: Final = 20_000  # letters of a poll or a place: nobody makes a longer one
_FREE: Final = frozenset({"encryption", "settings", "call", "disappearing", "description", "asked"})


class At(NamedTuple):
    """When a message stands and by whom."""

    minute: int
    time: int
    author: MemberId


def digest(words_: bytes) -> int:
    """What a message's words are known by in its minute. Never of a name or number: a ref stands in the content vault, and who
    opens only that could try people against it.
    """
    return crc32(words_) if len(words_) < SHORT else adler32(words_)


class Special:
    """Makes messages of one group.

    Args:
        group: its ref.
        people: who is met.
        sightings: where it is noted who came and went.
        files: the names that the export has.
        attach: asks for a file: ref, name, type, what it is called in the archive.
    """

    def __init__(
        self, *, group: Ref, people: People, sightings: Sightings, files: Container[str],
        attach: Callable[[Ref, str, str, str], MediaRequest | None],
    ) -> None:  # fmt: skip
        self.numbers = Numbers()
        self.omitted = 0  # files that the export leaves out
        self.cards: list[str] = []  # files of contacts, of which only the name is kept
        self.cut_minute = -1  # the first one of an export that may have begun in the midst of it
        self.gone: dict[MemberId, None] = {}  # who left since this was emptied
        self._group = group
        self._people = people
        self._sightings = sightings
        self._files = files
        self._attach = attach
        self._lines = words.Lines()
        self._media: list[MediaRequest] = []

    def taken(self) -> list[MediaRequest]:
        """The files that were asked for since the last time."""
        taken, self._media = self._media, []
        return taken

    # --- posts -----------------------------------------------------------------------------------------------------------

    def post(self, at: At, text: str, known_by: int) -> Message:
        """What somebody wrote that is not certain to be plain text. `known_by` is the digest of its bytes."""
        caption = words.left_out(text)
        if caption is not None:
            return self._left_out(at, caption)
        if file := words.attached(text, self._files):
            return self._file(at, *file)
        plain = text.removeprefix("\u200e")
        kept = words.EDITED.sub("", plain)
        said, mentions = self._people.mentioned(kept)
        if kept != text or mentions:
            known_by = digest(_LABEL.sub("", said).encode("utf-8", "replace"))
        more: dict[str, Any] = {}
        bare = kept.translate(DIRECTIONS).strip()
        by_admin = words.BY_ADMIN.fullmatch(bare)
        if by_admin or bare in words.DELETED:
            known_by, more = (
                _DELETED,
                {"type": "other", "data": '{"action":"deleted"}'},
            )  # not of its words: there are names
            said = self._without_admin(by_admin, bare) if by_admin else said
        elif text != plain and words.CALLED.fullmatch(bare):
            more = {"type": "service", "data": '{"action":"call"}'}
        elif len(bare) > _SHORT_ENOUGH:
            pass  # a poll or a place would stand in the record twice
        elif found := words.PLACE.fullmatch(bare):
            more = {"type": "location", "data": json.dumps({"url": found[1]})}
        elif (found := words.POLL.fullmatch(bare)) and (options := list(words.options_of(found["options"]))):
            question = self._people.mentioned(found["question"])[0]
            more = {
                "type": "poll",
                "poll": Poll(question=question, options=tuple((str(n), one) for n, one in enumerate(options[:100]))),
            }
        return Message(
            channel=self._group, ref=self.numbers.ref(at.minute, known_by), time=at.time, author=at.author, text=said,
            mentions=mentions, edited=at.time if kept != plain else 0, **more,
        )  # fmt: skip

    def _without_admin(self, found: re.Match[str], line: str) -> str:
        """A deletion without the name of the admin who did it."""
        name = found["who"] or found["wer"]
        name = name if name in self._people else name.removesuffix(".")
        begin, _ = found.span("who" if found["who"] else "wer")
        return line[:begin] + self._people.label(name) + line[begin + len(name) :]

    def is_post(self, text: str) -> bool:
        """Is a text that begins with a mark one that people send: a file, a place, a deletion?"""
        bare = text.translate(DIRECTIONS).strip()
        if words.left_out(text) is not None or words.attached(text, self._files) or bare in words.DELETED:
            return True
        known = (words.PLACE, words.POLL, words.CALLED, words.WAITING, words.BY_ADMIN)
        return any(one.match(bare) for one in known)

    def _left_out(self, at: At, caption: str) -> Message:
        self.omitted += 1
        said, mentions = self._people.mentioned(caption)
        return Message(
            channel=self._group, ref=self.numbers.ref(at.minute, _FILE), time=at.time, author=at.author,
            type="file", text=said, mentions=mentions, version=self._rank(at), data='{"omitted":true}',
        )  # fmt: skip

    def _file(self, at: At, file: str, caption: str) -> Message:
        ref = self.numbers.ref(at.minute, _FILE)
        ending = file.rpartition(".")[2].lower()
        if ending == "vcf":
            return self._card(at, ref, file, caption)
        shown = self._people.hidden(file)
        which = crc32(_COUNTED.sub("", _LABEL.sub("", shown)).encode("utf-8", "replace"))
        place = f"{self._group}/{ref}/{which:08x}"
        mime = mime_of(file)
        wanted = self._attach(place, file, mime, shown)
        if wanted:
            self._media.append(wanted)
        said, mentions = self._people.mentioned(caption)
        return Message(
            channel=self._group, ref=ref, time=at.time, author=at.author, type=_TYPES.get(ending, "file"), text=said,
            mentions=mentions, version=2 + self._rank(at),
            media=(Media(ref=place, name=shown, mime=mime, size=wanted.size if wanted else 0),),
        )  # fmt: skip

    def _card(self, at: At, ref: str, file: str, caption: str) -> Message:
        """A contact, as whom its file is called after. The card would stand among the posts, with a number in it."""
        self.cards.append(file)
        owner = cards.called(file)
        said, mentions = self._people.mentioned(caption)
        shown = self._people.label(owner) if owner else ""
        return Message(
            channel=self._group, ref=ref, time=at.time, author=at.author, type="contact",
            text="\n".join(filter(None, (shown, said))), mentions=mentions, version=2 + self._rank(at),
        )  # fmt: skip

    def _rank(self, at: At) -> int:
        """Files have the same ref in an export with them and in one without: that of their minute. In the minute
        in which an export begins, the first of them may be a later one in truth: an export with the whole minute knows better.
        """
        return int(at.minute != self.cut_minute)

    # --- the app itself --------------------------------------------------------------------------------------------------

    def known(self, line: str) -> bool:
        """Is it a line of the service that is understood?"""
        return self._lines.read(line.translate(DIRECTIONS).strip()) is not None

    def is_service(self, text: str) -> bool:
        """Does the app speak, in somebody's name?"""
        return not self.is_post(text) and self.known(text)

    def service(self, minute: int, time: int, text: str) -> Message:
        """A line of the service, with the people in it as ids."""
        line = text.translate(DIRECTIONS).strip()
        ref = self.numbers.ref(minute, _APP)  # not of its words: they are names
        found = self._lines.read(line)
        action, shown = "unknown", ""
        people: list[MemberId] = []
        if found is None:
            shown = self._people.hidden(line)
        else:
            action = found.action
            shown, who, whom = self._named(line, found)
            people = [*who, *whom]
            self._moved(time, action, who, whom)
        return Message(
            channel=self._group, ref=ref, time=time, type="service", text=shown,
            mentions=tuple(dict.fromkeys(people)), data=json.dumps({"action": action}),
        )  # fmt: skip

    def _named(self, line: str, found: words.SystemLine) -> tuple[str, list[MemberId], list[MemberId]]:
        """A line with its people as ids, and who they are. "You" stays: nothing tells who that is."""
        out: list[str] = []
        sides: dict[tuple[int, int], list[MemberId]] = {found.who: [], found.whom: []}
        at = 0
        for begin, end in sorted(side for side in sides if side != (0, 0)):
            out.append(line[at:begin])
            for part, person in self._people.several(line[begin:end], words.AND):
                name = part.strip()
                if person and name and name.lower() not in words.YOU:
                    sides[begin, end].append(self._people.id(name))
                    out.append(self._people.label(name))
                else:
                    out.append(part)
            at = end
        out.append(line[at:])
        text = "".join(out)
        if found.action in _FREE:
            text = self._people.hidden(text)
        nobody: list[MemberId] = []
        return text, sides[found.who] if found.who[1] else nobody, sides[found.whom] if found.whom[1] else nobody

    def _moved(self, time: int, action: str, who: list[MemberId], whom: list[MemberId]) -> None:
        if action in {"security", "asked", "encryption"}:
            return
        for member in who:
            self._noted(member, time, gone=action == "left" or (action == "number" and bool(whom)))
        for member in whom:
            self._noted(member, time, gone=action == "removed")

    def _noted(self, member: MemberId, time: int, *, gone: bool) -> None:
        self._sightings.note(self._group, member, time, "leave" if gone else "join")
        if gone:
            self.gone[member] = None
