"""What people answer in forms, brought to the form of facts about them. Only explicit words count: what could mean two things
means nothing, and nobody is ever taken to have agreed.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from grouparchive.model.facts import CHANNELS
from grouparchive.platforms.files.addresses import phone
from grouparchive.platforms.generic.columns import columns_of

_YES: Final = (
    "yes, y, true, 1, i agree, agree, agreed, i accept, accept, accepted, i consent, ja, j, wahr, ich stimme zu, "
    "einverstanden, ich bin einverstanden, да, истина, согласен, согласна, я согласен, я согласна, evet, doğru, kabul "
    "ediyorum, onaylıyorum, katılıyorum, hə, bəli, razıyam, qəbul edirəm, oui, vrai, j'accepte, d'accord, je suis "
    "d'accord, sí, si, sì, verdadero, acepto, de acuerdo, vero, accetto, sim, verdadeiro, aceito, concordo, tak, "
    "prawda, zgadzam się, так, згоден, згодна, بله, موافقم, نعم, أوافق"
)
_NO: Final = (
    "no, n, false, 0, i do not agree, i don't agree, i disagree, disagree, i do not accept, nein, falsch, ich stimme "
    "nicht zu, nicht einverstanden, ich bin nicht einverstanden, нет, ложь, не согласен, не согласна, я не согласен, "
    "я не согласна, hayır, hayir, yanlış, kabul etmiyorum, onaylamıyorum, katılmıyorum, yox, xeyr, razı deyiləm, "
    "qəbul etmirəm, non, faux, je refuse, pas d'accord, falso, no acepto, non accetto, não, nao, não aceito, nie, "
    "fałsz, nie zgadzam się, ні, не згоден, не згодна, خیر, نه, لا, لا أوافق"
)
_NOBODY: Final = frozenset({"anonymous", "anonym", "anonymous user", "аноним", "anonim", "n/a"})
_NOTHING: Final = frozenset(
    {"none", "nothing", "keine", "keiner", "keins", "nichts", "ничего", "yoxdur", "yok", "hiçbiri", "same"}
)
_ONE_WORD: Final = re.compile(r"\S{3,200}")
_APOSTROPHES: Final = str.maketrans(
    {"\u2019": "'", "\u02bc": "'", "\u0307": None, "ı": "i"}
)  # both of Turkish capitals  # the last is what is left of a Turkish İ
_CHANNEL_WORDS: Final = {
    "e-poct": "mail", "poçt": "mail", "электронная почта": "mail", "call": "phone", "phone call": "phone", "sms": "phone",
    "anruf": "phone", "звонок": "phone", "zəng": "phone", "element": "matrix", "jabber": "xmpp", "телеграм": "telegram",
    "сигнал": "signal", "ватсап": "whatsapp",
}  # fmt: skip
_LANGUAGES: Final = {
    "en": "english, englisch, английский, ingilizce, ingilis, ingilis dili",
    "az": "azerbaijani, azeri, aserbaidschanisch, азербайджанский, azerice, azerbaycanca, azərbaycan, azərbaycanca",
    "ru": "russian, russisch, русский, rusça, rus, rus dili",
    "tr": "turkish, türkisch, турецкий, türkçe, türk dili",
    "de": "german, deutsch, немецкий, almanca, alman, alman dili",
    "uk": "ukrainian, ukrainisch, українська, украинский",
    "fa": "persian, farsi, persisch, فارسی, персидский",
    "ar": "arabic, arabisch, العربية, عربي, арабский",
    "fr": "french, französisch, français",
    "es": "spanish, spanisch, español, castellano",
    "ka": "georgian, georgisch, ქართული, грузинский",
}
_CODE: Final = re.compile(r"([a-z]{2,3})(?:[-_]([A-Za-z]{2,}))?")
_ZONE: Final = re.compile(r"[A-Z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){1,2}|UTC|GMT")
_SHIFT: Final = re.compile(r"(?:UTC|GMT)\s?([+\u2212-])\s?0?(\d{1,2})(?::?00)?", re.IGNORECASE)
_CLOCK: Final = r"(\d{1,2})(?:[:.h](\d{2}))?\s?(?:uhr)?\s?([ap])?\.?(?:m\b\.?)?"
_HOURS: Final = re.compile(_CLOCK + r"\s?(?:-|to|bis|до|and)\s?" + _CLOCK, re.IGNORECASE)


def bare(text: str) -> str:
    """An answer as it is compared."""
    text = unicodedata.normalize("NFKC", text[:2000]).casefold().translate(_APOSTROPHES)
    return " ".join(text.split()).strip(" .!\"'*:;,\ufeff")


def _words(listed: str) -> frozenset[str]:
    return frozenset(bare(one) for one in listed.split(","))


class Words:
    """Which answers mean yes and which no: those that are plain in several languages, and those that a person names."""

    def __init__(self, yes: Iterable[str] = (), no: Iterable[str] = ()) -> None:
        own_yes, own_no = frozenset(map(bare, yes)), frozenset(map(bare, no))
        self._no = (_words(_NO) - own_yes) | own_no
        self._yes = ((_words(_YES) - own_no) | own_yes) - self._no

    def meaning(self, text: str) -> str:
        """The words "yes" or "no"; "" where it is neither for certain."""
        text = bare(text)
        return "no" if text in self._no else "yes" if text in self._yes else ""

    def number(self, text: str) -> str:
        """An address at a messenger: a phone number in its usual form, else one word as it stands. "No" and "none" are none."""
        said = bare(text)
        none = self.meaning(text) or said in _NOTHING or not any(one.isalnum() for one in said)
        return "" if none else phone(text) or (text.strip() if _ONE_WORD.fullmatch(text.strip()) else "")


def nobody(text: str) -> bool:
    """Is it what a form tool writes where it was not told who answers?"""
    return bare(text) in _NOBODY


def channel(text: str) -> str:
    """A contact channel in any words; "" where it is none, or several."""
    text = bare(text)
    if text in CHANNELS:
        return text
    known = columns_of([text], {}).keys() & {"mail", "phone"}
    return _CHANNEL_WORDS.get(text, "") or (known.pop() if known else "")


def language(text: str) -> str:
    """A language by its code or its name; "" where it is none."""
    found = _CODE.fullmatch(text.strip())
    if found:
        country = found[2] or ""
        return f"{found[1]}-{country.upper()}" if len(country) == 2 else found[1]
    wanted = bare(text)
    return next((code for code, names in _LANGUAGES.items() if wanted in _words(names)), "")


def zone(text: str) -> str:
    """A time zone by its name, or by its distance from UTC; "" where it is none."""
    text = text.strip()
    if shift := _SHIFT.fullmatch(text):
        hours = int(shift[2])
        ahead = shift[1] == "+"
        # These names count the other way round.
        return "" if hours > (14 if ahead else 12) else f"Etc/GMT{'-' if ahead else '+'}{hours}" if hours else "UTC"
    return text if _ZONE.fullmatch(text) else ""


def hours(text: str) -> str:
    """Two times of the day; "" where they are none, or where it could be the morning or the evening."""
    text = re.sub("[\u2010-\u2015\u2212]", "-", " ".join(text.split()))
    found = _HOURS.fullmatch(text)
    if found is None:
        return ""
    (first, clear), (last, also) = _clock(*found.group(1, 2, 3)), _clock(*found.group(4, 5, 6))
    if not first or not last or not (clear or also or last > "12:00"):
        return ""
    return f"{first}-{last}"


def _clock(hour: str, minute: str | None, half: str | None) -> tuple[str, bool]:
    """A time of the day, and whether it says so for certain."""
    at = int(hour)
    if half:
        if not 1 <= at <= 12:
            return "", False
        at = at % 12 + 12 * (half.lower() == "p")
    if at > 23 or int(minute or 0) > 59:
        return "", False
    return f"{at:02}:{minute or '00'}", bool(minute or half)
