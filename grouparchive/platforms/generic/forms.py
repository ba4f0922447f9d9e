"""What people filled into a form: the CSV as Google Forms, Microsoft Forms, Typeform, KoboToolbox, LimeSurvey and Nextcloud
Forms write it, or a table by hand. A row is one person's answers; headings are questions in any language, so a person says
which is what, and only headings of one plain meaning are known by themselves.

Facts of the formats: the headings and cells that the tools themselves write, from their sources and exports (the tests hold
one of each). Microsoft writes "anonymous" for the address of who was not asked; LimeSurvey leaves `submitdate` empty where
nobody pressed "send", and writes 1980-01-01 where it keeps no times; KoboToolbox has a row of tags, newer Nextcloud one of ids.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Final, get_args

import msgspec

from grouparchive.errors import BadExport, UsageError
from grouparchive.model.facts import CHANNELS, FLAGS, MAX_VALUE, PEOPLE, PURPOSES, complaint
from grouparchive.model.records import FactField, Known
from grouparchive.platforms.files import Box, Choices
from grouparchive.platforms.files.addresses import dialled, mail, phone
from grouparchive.platforms.files.table import MOST_PEOPLE, Table, cell, heading, lone
from grouparchive.platforms.generic import answers, dates
from grouparchive.platforms.generic.columns import columns_of

MOST_LINES: Final = 20
"""So many line numbers are told of one sort of trouble."""
DAY: Final = 86_400_000

_NEVER: Final = frozenset({"member", "same-as"})
_PLAIN: Final = tuple(
    one for one in get_args(FactField) if one not in _NEVER | {"contact", "consent"}
)  # fields that have no key
_OWN: Final = ("handle", "name", "first", "last", "time", "until", "adult")
FIELDS: Final = (*CHANNELS, *(f"consent.{one}" for one in PURPOSES), *_PLAIN, *_OWN)
"""What a column may be, beside contact.NAME."""

# Told once the answers were sent, the surest first.
_TIMES: Final = (
    "completion time", "fertigstellungszeit", "время выполнения", "tamamlanma zamanı", "submit date (utc)", "submitdate",
    "submission time", "submissiondate", "timestamp", "zeitstempel", "отметка времени", "zaman damgası", "vaxt möhürü",
    "submitted at",
)  # fmt: skip
_UTC: Final = frozenset({"submit date (utc)", "submission time"})
_MORE: Final = {
    "startlanguage": "language", "language": "language", "sprache": "language", "язык": "language", "dil": "language",
    "time zone": "zone", "timezone": "zone", "zeitzone": "zone", "часовой пояс": "zone", "saat dilimi": "zone",
    "saat qurşağı": "zone", "element": "matrix", "jabber": "xmpp", "e-posta adresi": "mail", "e-poçt ünvanı": "mail",
    "elektron poçt": "mail", "elektron poçt ünvanı": "mail", "safe hours": "hours", "safe times": "hours",
}  # fmt: skip
_AT: Final = re.compile(
    rf"(?:номер (?:в )?)?({'|'.join(CHANNELS[2:])})(?:[- ](?:number|nummer|numarası|nömrəsi|номер|id|handle|address|adresse|"
    r"(?:user ?)?name|benutzername|kullanıcı adı|istifadəçi adı))?"
)
# Columns that the tools add by themselves, and nobody answered.
_TOOLS: Final = re.compile(
    r"#|id|(?:response|submission|user|network) id|user display name|start(?: ?date| time| date \(utc\))?|end|ending|tags|"
    r"stage date \(utc\)|response type|last modified time|total points|quiz feedback|deviceid|lastpage|seed|datestamp|ipaddr|"
    r"refurl|token|startzeit|zeitpunkt der letzten änderung|время начала|время последнего изменения|başlama zamanı"
)
# Told by headings of their own sort; a word that was agreed does not belong into a form, unless a person says so.
_ASKED: Final = frozenset({"handle", "name", "first", "last", "word"})
_TAGS: Final = re.compile(r"#[a-z][\w +-]{0,60}")
_ID: Final = re.compile(r"question-id-\d{1,12}(?:-\d{1,12})*")
_NO_TIME: Final = re.compile(r"1980-01-01 00:00(?::00)?")
_YOUR: Final = re.compile(r"(?:your|my|ihre?|deine?|meine?|ваша?|ваше|твоя?|мой|sizin) ")
_GMT: Final = re.compile(r"\s*(?:GMT|UTC)\s*([+-])(\d{1,2})(?::?(\d{2}))?$")

Said = tuple[FactField, str, str]
"""field, key, value; the value of a voucher is a handle."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one row says about one person. `known` by a handle on their platform, else by an address; `until` and `time` in
    milliseconds, 0 where the table does not tell.
    """

    native: str
    known: bool
    name: str
    said: tuple[Said, ...]
    until: int = 0
    time: int = 0


class Trouble(msgspec.Struct):
    """What could not be used, of one sort."""

    count: int = 0
    lines: list[str] = []


class Form:
    """A table of answers. What could not be used is in `trouble`, once all was read: how often, and in which lines of the file
    at first, by a gap's code and the field it is about. `left` are headings of columns that were not taken, `tools` of those
    that the form's tool writes for itself.

    Raises:
        BadExport: it is no table, or its headings tell nothing.
        UsageError: a field or a column that a person named is not there.
    """

    def __init__(
        self, box: Box, choices: Choices, *, words: answers.Words, handles: bool, now: int, leave: Sequence[str] = ()
    ) -> None:
        entry = lone(box, r".*\.(?:csv|tsv|tab|txt)")
        if not entry or b"\0\0\0" in box.head(entry, 4096) or box.head(entry, 5) == b"%PDF-":
            raise BadExport(
                "this is no table of answers",
                hint="Save or download the answers as CSV (UTF-8), not as a spreadsheet, and name that file.",
            )
        self._table = Table.of(box, entry)
        self._choices = choices
        self._words = words
        self._now = now
        self._order: dates.Order = ""  # of the column with the last day
        self.trouble: dict[tuple[str, str], Trouble] = {}
        header = self._table.header
        if any(mail(one) or phone(one) for one in header):
            raise BadExport(
                "the first row of this table holds somebody's answers instead of headings",
                hint="Put a row above it that says what each column is.",
            )
        self._places = _places(header, choices.columns, handles=handles)
        if not any(field in self._places for field in ("handle", *CHANNELS)) and not self._contacts():
            raise BadExport(
                "no column of this table is known to tell who somebody is or how to reach them",
                hint='Say which it is, for example: --column "mail=Where may we write to you?"',
            )
        if handles and "handle" not in self._places:
            raise UsageError(
                "no column of this table is known to hold handles",
                hint='Say which it is, for example: --handle "Your user name"',
            )
        named = _positions(header, leave)
        unused = [place for place, one in enumerate(header) if one and place not in {*self._places.values(), *named}]
        self.tools = [header[place] for place in unused if _is_tools(header[place])]
        self.left = [header[place] for place in unused if not _is_tools(header[place])]

    @property
    def taken(self) -> dict[str, str]:
        """The headings of the columns by what they are."""
        return {field: self._table.header[place] for field, place in self._places.items()}

    def answers(self) -> Iterator[Answer]:
        """Each usable row, those of one person in the order of their times.

        Raises:
            BadExport: nothing of the file can be read.
        """
        rows: list[tuple[int, list[str]]] = []
        for line, cells in self._table.rows(self._tell):
            if len(rows) >= MOST_PEOPLE:
                self._tell(Known.TOO_MANY, f"line {line:,}")
                break
            if rows or not _no_answers(cells):
                rows.append((line, cells))
        place = self._places.get("time", -1)
        zone: tzinfo = self._choices.zone
        if place >= 0 and _short(self._table.header[place]) in _UTC:
            zone = UTC
        last = self._places.get("until", -1)
        self._order = dates.order_of((cell(cells, last) for _, cells in rows), self._choices.dates)
        order = dates.order_of((_clock(cell(cells, place)) for _, cells in rows), self._choices.dates)
        found = []
        for line, cells in rows:
            said = _clock(cell(cells, place))
            time = dates.millis(said, order, zone) if said and not _NO_TIME.fullmatch(said) else 0
            if time < 0:
                self._tell(Known.DATE_UNCLEAR, f"line {line:,}")
            answer = self._answer(line, cells, max(time, 0))
            if answer:
                found.append(answer)
        yield from sorted(found, key=lambda one: one.time)

    # --- rows ----------------------------------------------------------------------------------------------------------

    def _answer(self, line: int, cells: list[str], time: int) -> Answer | None:
        where = f"line {line:,}"
        said: list[Said] = []
        for field, place in self._places.items():
            value = cell(cells, place)
            if field in _OWN and field != "adult":
                continue
            if value and not answers.nobody(value):
                found = self._said(field, value)
                if found:
                    said.append(found)
                else:
                    self._tell(Known.ANSWER_UNCLEAR, where, field)
        contacts = sorted(((key, value) for field, key, value in said if field == "contact"), key=_first)
        handle = _printable(cell(cells, self._places.get("handle", -1)))
        native = handle or next((_native(key, value) for key, value in contacts), "")
        if not native:
            self._tell(Known.ROW_UNREADABLE, where)
            return None
        until = self._until(cells, where)
        submitted = "submitdate" not in map(_short, self._headings("time")) or cell(cells, self._places["time"])
        if not submitted:
            self._tell(Known.ANSWERS_UNFINISHED, where)
        elif until < 0:
            self._tell(Known.ANSWERS_OVER, where)
        counts = submitted and until >= 0
        said = said if counts else [one for one in said if _restricting(one)]
        if not said:
            if counts:
                self._tell(Known.ROW_EMPTY, where)
            return None
        name = "" if handle else self._name(cells)
        return Answer(native=native, known=bool(handle), name=name, said=tuple(said), until=max(until, 0), time=time)

    def _said(self, field: str, value: str) -> Said | None:
        """A cell as a fact; None where it is none for certain."""
        name, _, key = field.partition(".")
        if name in CHANNELS:
            name, key = "contact", name
        if name == "adult":
            grown = self._words.meaning(value)
            return ("minor", "", "no" if grown == "yes" else "yes") if grown else None
        kind: FactField = name  # type: ignore[assignment]
        read: Callable[[str], str] = {
            "contact": {"mail": mail, "phone": phone}.get(key, self._words.number),
            "consent": self._words.meaning,
            "channel": answers.channel,
            "hours": answers.hours,
            "zone": answers.zone,
            "language": answers.language,
        }.get(name, self._words.meaning if name in FLAGS else str.strip)
        found = read(value)
        wrong = complaint("word" if kind in PEOPLE else kind, key, found)  # a handle has the form of any short text
        return (kind, key, found) if found and not wrong else None

    def _until(self, cells: list[str], where: str) -> int:
        """The end of the last day on which the row counts; 0 for ever, -1 where that is over or unclear."""
        value = cell(cells, self._places.get("until", -1))
        if not value:
            return 0
        day = dates.millis(value, self._order, UTC)
        if day < 0:
            self._tell(Known.DATE_UNCLEAR, where)
        end = day // DAY * DAY + DAY - 1
        return -1 if day < 0 or end <= self._now else end

    def _name(self, cells: list[str]) -> str:
        parts = [cell(cells, self._places.get(one, -1)) for one in ("name", "first", "last")]
        name = _printable(parts[0] or " ".join(parts[1:]))
        return "" if answers.nobody(name) else name

    def _headings(self, field: str) -> list[str]:
        return [self._table.header[self._places[field]]] if field in self._places else []

    def _contacts(self) -> bool:
        return any(field.startswith("contact.") for field in self._places)

    def _tell(self, code: str, where: str, field: str = "") -> None:
        trouble = self.trouble.setdefault((code, field), Trouble())
        trouble.count += 1
        if where and len(trouble.lines) < MOST_LINES:
            trouble.lines.append(where.removeprefix("line "))


def _places(header: Sequence[str], chosen: Mapping[str, str], *, handles: bool) -> dict[str, int]:
    """The place of each field's column: as a person says, else by headings of one plain meaning."""
    found: dict[str, int] = {}
    for field, name in chosen.items():
        if field in _NEVER:
            raise UsageError(
                f"{field} is never taken from a table: whoever fills in a form could say it",
                hint="Say it of each person: grouparchive roster set HANDLE ...",
            )
        key = field.removeprefix("contact.") if field.startswith("contact.") else ""
        if field not in FIELDS and (not key or complaint("contact", key, "")):
            raise UsageError(
                "a column was given for something unknown", hint=f"Known: {', '.join((*FIELDS, 'contact.NAME'))}"
            )
        places = _positions(header, [name])
        if len(places) != 1:
            raise UsageError(
                f"the table has {'several columns' if places else 'no column'} of the name given for {field}",
                hint="Names stand in its first row.",
            )
        found[f"contact.{key}" if key and key not in CHANNELS else key or field] = places[0]
    short = [_short(one) for one in header]
    free = {field: place for field, place in _recognised(header, short).items() if place not in found.values()}
    times = [short.index(one) for one in _TIMES if one in short]
    if times:
        free.setdefault("time", times[0])
    if not handles:  # a user name of somewhere else is nobody's handle on the group's platform
        free.pop("handle", None)
        free.pop("voucher", None)
    both = {**free, **found}
    return {field: both[field] for field in sorted(both, key=_order)}


def _order(field: str) -> int:
    """Contacts first, then what is said in the order of our fields."""
    return FIELDS.index(field) if field in FIELDS else len(CHANNELS) - 1


def _recognised(header: Sequence[str], short: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    by_name = {_letters(field): field for field in FIELDS if field not in _ASKED}
    for place, one in enumerate(header):
        field = by_name.get(_letters(one)) or by_name.get(_letters(_shorter(one))) or _MORE.get(short[place])
        at = _AT.fullmatch(short[place])
        field = field or (at[1] if at else None)
        if field:
            found.setdefault(field, place)
    usual = columns_of(short, {})
    for field in ("mail", "phone", "name", "first", "last", "handle"):
        if field in usual and usual[field] not in found.values():
            found.setdefault(field, usual[field])
    return found


def _positions(header: Sequence[str], names: Sequence[str]) -> list[int]:
    wanted = {_asked(one) for one in names}
    return [place for place, one in enumerate(header) if wanted.intersection((_asked(one), _asked(_shorter(one))))]


def _asked(text: str) -> str:
    return heading(text).strip(" ?")


def _short(text: str) -> str:
    """A heading as it is compared, of LimeSurvey's "code. Question" the code."""
    return _YOUR.sub("", heading(_shorter(text)).strip())


def _shorter(text: str) -> str:
    code, point, _ = text.partition(". ")
    return code if point and code.isalnum() else text


def _is_tools(text: str) -> bool:
    return text.startswith("_") or _TOOLS.fullmatch(_short(text)) is not None


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())


def _printable(text: str) -> str:
    text = "".join(one for one in " ".join(text.split()) if one.isprintable())
    return text if len(text) <= MAX_VALUE else ""


def _no_answers(cells: Sequence[str]) -> bool:
    """Is it a row that the tool wrote for itself below the headings?"""
    told = [cell.strip() for cell in cells if cell.strip()]
    return all(_TAGS.fullmatch(one) for one in told) or any(_ID.fullmatch(one) for one in told)


def _first(contact: tuple[str, str]) -> int:
    """Which of several addresses somebody is known by."""
    return CHANNELS.index(contact[0]) if contact[0] in CHANNELS else len(CHANNELS)


def _native(key: str, value: str) -> str:
    """What somebody is known by who has no handle here: as in an address book."""
    return value.lower() if key == "mail" else dialled(value) if phone(value) == value else value


def _restricting(said: Said) -> bool:
    field, _, value = said
    return value == "no" if field == "consent" else value == "yes" and field in {"minor", "do-not-contact", "hold"}


def _clock(text: str) -> str:
    """A time with its distance from UTC as `dates` reads it: Google writes "2:05:09 PM GMT+4"."""
    return _GMT.sub(lambda found: f"{found[1]}{int(found[2]):02}:{found[3] or '00'}", text)
