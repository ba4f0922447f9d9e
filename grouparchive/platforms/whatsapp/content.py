"""Messages of a WhatsApp database as records. Pure work on what `store` gives: no tables, no files."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, Protocol

from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import (
    AnyRecord,
    Gap,
    Known,
    Media,
    MemberId,
    Message,
    Poll,
    Reaction,
    Ref,
    Tombstone,
    Vote,
)
from grouparchive.platforms.files import Sightings
from grouparchive.platforms.files.texts import MOST, cut, fitted
from grouparchive.platforms.whatsapp import cards, notices
from grouparchive.platforms.whatsapp.store import Added, Entry

_MOST_MENTIONS: Final = 5000
_MOST_CARDS: Final = 300
_PLACE: Final = 10_000
_OPTIONS: Final = 100_000  # bytes of all answers of a poll, and of its question
Kind = Literal["text", "image", "video", "audio", "file", "sticker", "location", "contact", "poll", "service", "other"]
_TYPES: Final[dict[int, Kind]] = {
    0: "text", 1: "image", 2: "audio", 3: "video", 4: "contact", 5: "location", 7: "service", 9: "file", 10: "service",
    13: "video", 14: "contact", 16: "location", 20: "sticker", 42: "image", 43: "video", 66: "poll", 82: "audio",
    90: "service", 106: "poll",
}  # fmt: skip
_ONCE: Final = frozenset({42, 43, 82})
_MENTION: Final = re.compile(r"@(\d{5,20})(?!\d)")
_ADDRESS: Final = re.compile(
    r"(?<!\d)(?P<user>\d{5,20})(?:[.:]\d{1,5})*@(?P<server>s\.whatsapp\.net|c\.us|lid)\b|(?<!\d)\d{5,20}-(?=\d{9,11}@g\.us)"
)


class _Person(Protocol):
    def __call__(self, address: str, name: str = "", /) -> MemberId: ...


_Attach = Callable[[Ref, str, str, str], MediaRequest | None]


class Content:
    """Makes records of one group.

    Args:
        group: its ref, which is that of its channel.
        person: the id behind an address and, where it is known, a name. "" is the owner of the phone.
        attach: asks for a file: ref, path, type, what the database calls it.
        hidden: a file's name with the people in it as ids.
        sightings: where who was seen is noted; None where the whole roster is known.
    """

    def __init__(
        self, group: Ref, person: _Person, attach: _Attach, hidden: Callable[[str], str], sightings: Sightings | None
    ) -> None:
        self._group = group
        self._person = person
        self._attach = attach
        self._hidden = hidden
        self._sightings = sightings
        self._counts: Counter[tuple[str, str, bool]] = Counter()
        self._polls: dict[int, dict[int, str]] = {}

    def records(self, entry: Entry, media: list[MediaRequest]) -> Iterator[AnyRecord]:
        """What a message becomes; the files that it mentions go to `media`."""
        if not entry.key:
            self._counts[Known.MESSAGE_UNREADABLE, "a message without its id", False] += 1
            return
        entry.key = entry.key[:900]
        if entry.revoked is not None:
            yield self._deletion(entry)
            return
        kind = _TYPES.get(entry.type, "other")
        if entry.action >= 0 or kind == "service":
            yield self._service(entry)
            return
        author = self._author(entry)
        text, mentions = self._cleaned(entry.text, entry)
        data: dict[str, Any] = {}
        if kind == "other":
            data["type"] = entry.type
        if entry.type in _ONCE:
            data["view_once"] = True
        if entry.place:
            data |= {"geo": f"geo:{entry.place[0]},{entry.place[1]}", "place": entry.place[2][:_PLACE]}
        if kind == "contact" or entry.cards:
            text, mentions = self._contacts(entry), ()
        file = self._file(entry, kind, media)
        yield Message(
            channel=self._group, ref=entry.key, time=entry.time, author=author, type=kind, text=text, mentions=mentions,
            reply_to=entry.reply_to[:900], media=file, poll=self._poll(entry, kind, text), version=entry.edited,
            edited=entry.edited, data=json.dumps(data) if data else "",
        )  # fmt: skip
        self._seen(author, entry.time)

    def added(self, added: Added, entry: Entry | None) -> Iterator[AnyRecord]:
        """A reaction or a vote on a message."""
        if entry is None or not added.key or entry.revoked is not None:
            return
        author = self._person("" if added.mine else added.sender) if added.mine or added.sender else ""
        ref, time = f"{added.key[:900]}", added.time
        if added.emoji:
            yield Reaction(
                channel=self._group, ref=ref, target=entry.key, time=time, author=author, key=added.emoji[:16_384]
            )
        elif added.chosen is not None:
            options = self._polls.get(entry.row, {})
            yield Vote(
                channel=self._group, ref=ref, target=entry.key, time=time, author=author,
                choices=tuple(options[one] for one in added.chosen if one in options),
            )  # fmt: skip

    def gaps(self) -> Iterator[Gap]:
        """What could not be had."""
        for (code, detail, limit), count in sorted(self._counts.items()):
            yield Gap(code=code, scope=self._group, detail=detail, count=count, limit=limit)

    def _author(self, entry: Entry) -> MemberId | Literal[""]:
        return self._person("" if entry.mine else entry.sender) if entry.mine or entry.sender else ""

    def _seen(self, member: MemberId | Literal[""], time: int, state: Literal["join", "leave"] = "join") -> None:
        if member and self._sightings is not None:
            self._sightings.note(self._group, member, time, state)

    def _bounded(self, text: str, whole: int) -> str:
        """A text that fits into a record; `whole` is how long it was."""
        text, _, lost = fitted(text)
        if lost or whole > MOST:
            self._counts[Known.TEXT_CUT, "the end of a message was cut off", False] += 1
        return text

    def _cleaned(self, text: str, entry: Entry) -> tuple[str, tuple[MemberId, ...]]:
        """A text with its mentions as ids. Behind an "@" stand the digits of a number or of a hidden address."""
        known = {spelt: address for spelt, address in entry.mentions if spelt and address}
        found: dict[MemberId, None] = {self._person(address): None for address in known.values()}

        def named(match: re.Match[str]) -> str:
            address = known.get(match[1]) or (f"{match[1]}@s.whatsapp.net" if 7 <= len(match[1]) <= 15 else "")
            if not address:
                return match[0]
            member = self._person(address)
            found[member] = None
            return f"{{member:{member}}}"

        said = _MENTION.sub(named, text[:MOST])  # people as ids are longer than their numbers
        return self._bounded(said, len(text)), tuple(found)[:_MOST_MENTIONS]

    def _told(self, text: str, entry: Entry) -> tuple[str, tuple[MemberId, ...]]:
        """As `_cleaned`, a text of the app, in which people stand by their addresses too."""
        found: dict[MemberId, None] = {}

        def named(match: re.Match[str]) -> str:
            if not match["user"]:
                return ""  # who made a group, in its address
            member = self._person(f"{match['user']}@{match['server']}")
            found[member] = None
            return f"{{member:{member}}}"

        said, mentions = self._cleaned(_ADDRESS.sub(named, text), entry)
        return said, tuple({**found, **dict.fromkeys(mentions)})[:_MOST_MENTIONS]

    def _file(self, entry: Entry, kind: Kind, media: list[MediaRequest]) -> tuple[Media, ...]:
        if not (entry.path or entry.mime or entry.size) or kind in {"location", "contact", "poll"}:
            return ()
        ref = f"{self._group}/{entry.key}/0"
        # A file's own name is typed by people; the phone's names hold a date and a number.
        name = self._hidden((entry.name or entry.path.rpartition("/")[2])[:1000])
        wanted = self._attach(ref, entry.path, entry.mime[:200], name)
        if wanted:
            media.append(wanted)
        size = wanted.size if wanted else entry.size
        return (
            Media(
                ref=ref, name=name, mime=entry.mime[:200], size=size, width=entry.width, height=entry.height,
                duration=entry.seconds * 1000,
            ),
        )  # fmt: skip

    def _contacts(self, entry: Entry) -> str:
        """Whose cards somebody shared. What else stands on them is for no post."""
        whole = entry.cards or ((entry.text,) if entry.text.startswith("BEGIN:VCARD") else ())
        people: dict[MemberId, None] = {}
        for card in whole[:_MOST_CARDS]:
            number, name = cards.owner(card)
            if number or name:
                people[self._person(f"{number}@s.whatsapp.net" if number else f"name:{name}", name)] = None
        self._counts[Known.CONTACT_LEFT_OUT, "whose they are is told", True] += max(len(whole), 1)
        return ", ".join(map(_label, people))

    def _poll(self, entry: Entry, kind: Kind, question: str) -> Poll | None:
        if kind != "poll" and not entry.options:
            return None
        self._polls[entry.row] = {id_: str(at) for at, (id_, _) in enumerate(entry.options)}
        if len(self._polls) > 1000:  # votes come with their message
            self._polls = {entry.row: self._polls[entry.row]}
        each = _OPTIONS // max(len(entry.options), 1)
        options = tuple((str(at), cut(text[:each], each)) for at, (_, text) in enumerate(entry.options))
        return Poll(question=cut(question[:_OPTIONS], _OPTIONS), options=options, choices=entry.choices)

    def _deletion(self, entry: Entry) -> Tombstone:
        """What was deleted was there: an earlier export may hold it."""
        by = self._person(entry.revoked_by) if entry.revoked_by else self._author(entry)
        self._seen(self._author(entry), entry.time)
        target = (entry.revoked or entry.key)[:900]
        return Tombstone(
            channel=self._group, ref=f"{target}/deleted", target=target, time=entry.revoked_at or entry.time, author=by
        )

    def _service(self, entry: Entry) -> Message:
        if entry.action < 0:
            call = json.dumps({"action": "call"})
            return Message(
                channel=self._group, ref=entry.key, time=entry.time, author=self._author(entry), type="service",
                text="a call", data=call,
            )  # fmt: skip
        actor = self._author(entry)
        people = list(dict.fromkeys(self._person(address) for address in entry.people))
        if entry.joined:
            people.append(self._person(""))
        numbers = tuple(self._person(address) if address else "" for address in entry.numbers)
        self._moves(entry.action, actor, people, numbers, entry.time)
        says = notices.has_text(entry.action)
        text, mentioned = self._told(entry.text, entry) if says else ("", ())
        line = notices.told(
            entry.action, _label(actor), ", ".join(map(_label, people)), text, (_label(numbers[0]), _label(numbers[1]))
        )
        everybody = dict.fromkeys([*people, *filter(None, numbers), *mentioned])
        data: dict[str, Any] = {"action": notices.action_of(entry.action), "number": entry.action}
        if entry.before and says:
            data["before"], more = self._told(entry.before[:10_000], entry)
            everybody |= dict.fromkeys(more)
        return Message(
            channel=self._group, ref=entry.key, time=entry.time, author=actor, type="service", text=fitted(line)[0],
            mentions=tuple(everybody), data=json.dumps(data),
        )  # fmt: skip

    def _moves(
        self, action: int, actor: MemberId | Literal[""], people: list[MemberId], numbers: tuple[str, ...], time: int
    ) -> None:
        """Who came and who went."""
        about: list[Any] = people or [actor]
        if action in notices.LEFT | notices.REMOVED:
            for member in about:
                self._seen(member, time, "leave")
        elif action in notices.ADDED | notices.JOINED:
            for member in about:
                self._seen(member, time)
        elif action in notices.NUMBER:
            self._seen(numbers[0], time, "leave")
            self._seen(numbers[1], time)
        if action not in notices.LEFT:
            self._seen(actor, time)


def _label(member: str) -> str:
    return f"{{member:{member}}}" if member else ""
