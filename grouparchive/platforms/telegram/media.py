"""Files, contacts, places and polls of Telegram messages. A sentence in the place of a path means that it was left out."""

import re
from typing import Any, Final, Literal, Protocol, TypeAlias

import msgspec

from grouparchive.model.ports import MediaRequest
from grouparchive.model.records import Media, Poll, Vault
from grouparchive.platforms.telegram.fields import Contact, Item, Line, RawPoll
from grouparchive.platforms.telegram.people import People
from grouparchive.platforms.telegram.texts import plain

Type: TypeAlias = Literal["text", "image", "video", "audio", "file", "sticker", "location", "contact", "poll", "other"]

_TYPES: Final[dict[str, Type]] = {
    "sticker": "sticker",
    "video_message": "video",
    "video_file": "video",
    "animation": "video",
    "voice_message": "audio",
    "audio_file": "audio",
}
_MISSING: Final = re.compile(r"(?s)(?:.* )?\((?:File |Photo |Video )?[^()]*\)")
_MOST_OPTIONS: Final = 100
_LONGEST_OPTION: Final = 4096


class Desk(Protocol):
    """What the connector does for a chat's messages."""

    def attach(self, ref: str, name: str, *, mime: str, vault: Vault, said: str) -> MediaRequest | None:
        """Ask for a file, given as the export names it."""
        ...

    def gap(self, code: str, scope: str, detail: str = "", *, limit: bool = False) -> None:
        """Note something that could not be had."""
        ...


class Found(msgspec.Struct):
    """What a message carries beside its text."""

    type: Type = "text"
    media: tuple[Media, ...] = ()
    requests: tuple[MediaRequest, ...] = ()
    poll: Poll | None = None
    text: str = ""  # what to say where the message itself says nothing
    data: dict[str, Any] = {}


class Carried:
    """Takes what messages of one chat carry."""

    def __init__(self, channel: str, people: People, desk: Desk) -> None:
        self._channel = channel
        self._people = people
        self._desk = desk

    def of(self, item: Item, ref: str) -> Found:
        """What a message carries."""
        found = Found()
        if item.photo or item.file:
            self._file(item, ref, found)
        elif item.contact_information is not None or item.contact_vcard:
            self._contact(item.contact_information or Contact(), item.contact_vcard, ref, found)
        elif item.location_information is not msgspec.UNSET or item.place_name:
            self._place(item, found)
        elif item.poll is not None:
            self._poll(item.poll, found)
        elif item.todo_list is not None:
            self._list(item.todo_list, found)
        elif (
            item.game_title
            or item.invoice_information
            or item.paid_stars_amount
            or item.giveaway_information
            or item.giveaway_results
        ):
            self._other(item, found)
        return found

    def photo(self, line: Line, ref: str) -> tuple[tuple[Media, ...], tuple[MediaRequest, ...]]:
        """The picture of a service line."""
        if not line.photo:
            return (), ()
        return self._one(line, ref, path=line.photo, mime="image/jpeg")

    def _file(self, item: Item, ref: str, found: Found) -> None:
        mime = item.mime_type[:200] or ("image/jpeg" if item.photo else "")
        found.type = "image" if item.photo else _TYPES.get(item.media_type, "file")
        if found.type == "file" and mime.startswith("image/"):
            found.type = "image"
        if item.media_type:
            found.data["media_type"] = item.media_type[:100]
        if item.paid_stars_amount:
            found.data["paid_stars"] = item.paid_stars_amount
        found.text = item.sticker_emoji
        found.media, found.requests = self._one(
            item,
            ref,
            path=item.photo or item.file,
            mime=mime,
            name=item.file_name,
            seconds=item.duration_seconds,
            size=item.file_size,
        )

    def _one(
        self, item: Item | Line, ref: str, *, path: str, mime: str, name: str = "", seconds: int = 0, size: int = 0
    ) -> tuple[tuple[Media, ...], tuple[MediaRequest, ...]]:
        file = f"{self._channel}/{ref}/0"
        missing = _MISSING.fullmatch(path) is not None
        stem, dot, ending = (name or ("" if missing else path.rpartition("/")[2])).rpartition(".")
        name = self._people.file(stem or ending)[:1000] + (dot + ending[:20] if stem else "")
        asked = self._desk.attach(file, "" if missing else path, mime=mime, vault="content", said=name or path[:200])
        media = Media(
            ref=file,
            name=name,
            mime=mime,
            size=_natural(asked.size if asked else size),
            width=_natural(item.width),
            height=_natural(item.height),
            duration=_natural(seconds) * 1000,
        )
        return (media,), (asked,) if asked else ()

    def _contact(self, contact: Contact, card: str, ref: str, found: Found) -> None:
        found.type = "contact"
        name = " ".join(filter(None, (contact.first_name, contact.last_name)))
        phone = contact.phone_number or ""
        if phone or name:
            found.text = f"{{member:{self._people.by_phone(phone, name)}}}"
        if card and not _MISSING.fullmatch(card):
            # The card tells the same and more about the person.
            file = f"{self._channel}/{ref}/0"
            asked = self._desk.attach(file, card, mime="text/vcard", vault="roster", said="")
            found.media = (Media(ref=file, name="contact.vcf", mime="text/vcard"),)
            found.requests = (asked,) if asked else ()

    def _place(self, item: Item, found: Found) -> None:
        found.type = "location"
        found.text = ", ".join(filter(None, (item.place_name, item.address)))
        if item.location_information:
            point = item.location_information
            found.data["geo_uri"] = f"geo:{point.latitude:.6f},{point.longitude:.6f}"
            found.text = found.text or found.data["geo_uri"]

    def _poll(self, poll: RawPoll, found: Found) -> None:
        found.type = "poll"
        answers = poll.answers[:_MOST_OPTIONS]
        options = tuple(
            (str(number), plain(answer.text, self._people)[:_LONGEST_OPTION]) for number, answer in enumerate(answers)
        )
        question = plain(poll.question, self._people)[:_LONGEST_OPTION]
        found.poll = Poll(question=question, options=options)
        found.text = question
        found.data |= {
            "voters": [answer.voters for answer in answers], "total_voters": poll.total_voters, "closed": poll.closed,
        }  # fmt: skip

    def _list(self, todo: RawPoll, found: Found) -> None:
        lines = [plain(one.text, self._people)[:_LONGEST_OPTION] for one in todo.answers[:_MOST_OPTIONS]]
        found.text = "\n".join([plain(todo.title, self._people)[:_LONGEST_OPTION], *(f"- {line}" for line in lines)])

    def _other(self, item: Item, found: Found) -> None:
        """What no other platform has: only that it was there."""
        for name, text in (
            (item.game_title, f"Game: {item.game_title}"),
            (item.invoice_information, "An invoice"),
            (item.giveaway_information, "A giveaway"),
            (item.giveaway_results, "Results of a giveaway"),
            (item.paid_stars_amount, "Paid media"),
        ):
            if name:
                found.type, found.text = "other", text
                found.data["other"] = text


def _natural(number: int) -> int:
    return max(number, 0)
