"""Times as the HTML variant of Meta's downloads prints them: in words of the account's language, in the person's own time zone.

Only what can be told surely is read. Seconds are there in some variants and not in others.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final

_MONTHS: Final[dict[str, int]] = {}
for _number, _words in enumerate(
    (
        """jan january januar janvier enero ene gennaio gen janeiro ocak oca yanvar yan январь января янв січня січ januari
        styczeń stycznia sty""",
        """feb february februar février févr fév febrero febbraio fevereiro fev şubat şub fevral февраль февраля фев лютого лют
        februari luty lutego lut""",
        "mar march märz mär mrz mars marzo março mart март марта мар березня бер maart mrt marzec marca",
        "apr april avril avr abril abr aprile nisan nis aprel апрель апреля апр квітня кві kwiecień kwietnia kwi",
        "may mai mayo maggio mag maio mayıs май мая травня тра mei maj maja",
        "jun june juni juin junio giugno giu junho haziran haz iyun iyn июнь июня июн червня чер czerwiec czerwca cze",
        "jul july juli juillet juil julio luglio lug julho temmuz tem iyul iyl июль июля июл липня лип lipiec lipca lip",
        "aug august août aoû agosto ago ağustos ağu avqust avq август августа авг серпня сер augustus sierpień sierpnia sie",
        """sep sept september septembre septiembre settembre set setembro eylül eyl sentyabr sen сентябрь сентября сен сент
        вересня вер wrzesień września wrz""",
        """oct october oktober okt octobre octubre ottobre ott outubro out ekim eki oktyabr октябрь октября окт жовтня жов
        październik października paź""",
        "nov november novembre noviembre novembro kasım kas noyabr noy ноябрь ноября ноя нояб листопада лис listopad listopada",
        """dec december dezember dez décembre déc diciembre dic dicembre dezembro aralık ara dekabr dek декабрь декабря дек
        грудня гру grudzień grudnia gru""",
    ),
    1,
):
    for _word in _words.split():
        _MONTHS.setdefault(_word, _number)

_PARTS: Final = re.compile(r"\d+|[^\W\d_]+")
_CLOCK: Final = re.compile(r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\s*([aApP])\.?\s?[mM]\.?)?")
_CJK: Final = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_NUMBERS: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_OFFSET: Final = re.compile(r"\b(?:UTC|GMT)(?:([+-])(\d{1,2})(?::?(\d{2}))?)?")
_WEEKDAYS: Final = frozenset(
    word
    for words in (
        "monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag sonntag",
        "lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes sábado domingo",
        "lunedì martedì mercoledì giovedì venerdì sabato domenica segunda terça quarta quinta sexta feira",
    )
    for word in words.split()
)
_LONGEST: Final = 64
_SPACES: Final = str.maketrans("\u202f\u00a0\u200e\u200f\u2009", "  \u200b\u200b ")


@lru_cache(maxsize=4096)
def local_time(text: str, zone: tzinfo) -> int | None:
    """Milliseconds UTC of a date with a clock time; None where the text is none, or its order of day and month is open."""
    if len(text) > _LONGEST or not any(map(str.isdigit, text)):
        return None
    text = text.translate(_SPACES).replace("\u200b", "")
    if told := _OFFSET.search(text):
        away = timedelta(hours=int(told[2] or 0), minutes=int(told[3] or 0))
        zone = timezone(-away if told[1] == "-" else away) if away < timedelta(hours=24) else UTC
        text = text[: told.start()] + text[told.end() :]
    clocks = list(_CLOCK.finditer(text))
    if not clocks:
        return None
    clock = clocks[-1]  # a dotted date before it may look like a time
    hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
    if clock[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if clock[4] in "pP" else 0)
    day = _day(text[: clock.start()] + " " + text[clock.end() :])
    if day is None:
        return None
    try:
        stamp = datetime(*day, hour, minute, second, tzinfo=zone).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return int(stamp * 1000) if stamp >= 0 else None


def _day(text: str) -> tuple[int, int, int] | None:
    """(year, month, day)."""
    if found := _CJK.search(text) or _NUMBERS.search(text):
        return int(found[1]), int(found[2]), int(found[3])
    month = None
    numbers: list[int] = []
    others = 0
    for part in _PARTS.findall(text.lower()):
        if part.isdigit():
            numbers.append(int(part[:6]))
        elif month is None and part in _MONTHS:
            month = _MONTHS[part]
        elif part not in _WEEKDAYS:
            others += 1 if len(part) <= 4 else 9  # "at", "um", "à", "г"
    if others > 2:
        return None  # a sentence with a date in it
    years = [number for number in numbers if 1990 <= number <= 2200]
    days = [number for number in numbers if 1 <= number <= 31]
    return (years[0], month, days[0]) if month and len(years) == len(days) == 1 else None
