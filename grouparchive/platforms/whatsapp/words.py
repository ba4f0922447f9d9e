"""What WhatsApp itself writes into an exported chat, understood: lines of the service with people in them, and what stands for
a file, a deletion, an edit. `languages` has the lines; the short words are here.
"""

import re
from collections.abc import Container, Iterator
from functools import cache, lru_cache
from typing import Final, NamedTuple
from unicodedata import normalize

from grouparchive.platforms.whatsapp import languages, languages_east
from grouparchive.platforms.whatsapp.people import DIRECTIONS


class SystemLine(NamedTuple):
    """What a line says. `who` and `whom` are the places in the text (begin, end) of who did it and to whom, (0, 0) where it
    does not say; `subject` is the group's name.
    """

    action: str
    who: tuple[int, int]
    whom: tuple[int, int]
    subject: str


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.replace("\n", "").split("|"))


YOU: Final = _listed(
    "you|du|sie|ihr|dich|dir|tú|tu|ti|usted|te|vos|vous|você|lei|hai|вы|вас|siz|sizi|sən|آپ|أنت|आप|आपको|आपने|anda|kamu"
)
AND: Final = re.compile(r", (?:and |und |e |et |y |и )?| (?:and|und|y|et|e|и|ve|və|dan|और|&) | و ?(?=\S)")
PLACE: Final = re.compile(
    r"(?:[^\W\d_][\w ]{0,40} ?: ?)?"
    r"(https://(?:maps\.google\.com/|www\.google\.com/maps|maps\.apple\.com/|foursquare\.com/v/)\S+)"
)
POLL: Final = re.compile(
    r"(?:POLL|UMFRAGE|ENCUESTA|SONDAGE|ENQUETE|SONDAGEM|SONDAGGIO|ОПРОС|ANKET|SORĞU|JAJAK PENDAPAT|استطلاع|पोल) ?:\s*\n"
    r"(?P<question>[^\n]+)\n(?P<options>.+)",
    re.DOTALL,
)
_OPTION: Final = re.compile(r"[^\n:]{2,20} ?: (?P<text>[^\n]*?) \(\d+[^()\n]*\)")
_SURE: Final = 30  # lines of one language in a row
_TIRED: Final = 1000  # lines of none
QUOTES: Final = "\"“”„«»'‘’"
_QUOTED: Final = rf"[{QUOTES}](?P<{{name}}>.+?)[{QUOTES}]"
_PERSON: Final = r"(?P<{name}>(?:(?!: |\n).){{1,240}}?)"
_NUMBER: Final = "(?P<n>\\+[\\d\\s().\u00a0\u2011-]{6,24})"
_LANGUAGES: Final = languages.LINES | languages_east.LINES


class Lines:
    """Knows the lines of the service. A chat is exported in one language: the one that fitted last is asked first, and after a
    while no other.
    """

    def __init__(self) -> None:
        self._order = list(_LANGUAGES)
        self._hits = 0
        self._misses = 0

    def read(self, text: str) -> SystemLine | None:
        """What a line says; None where no such line is known. The text is without marks of direction."""
        line = text.rstrip()
        for place, language in enumerate(self._order):
            for action, words, template in _lines_of(language):
                if words in line and (found := _compiled(template).fullmatch(line)):
                    self._hits = 1 if place else self._hits + 1
                    self._order.insert(0, self._order.pop(place))
                    if self._hits == _SURE:
                        del self._order[1:]
                    return _line(action, found)
        self._misses += 1
        if not self._hits and self._misses == _TIRED:
            del self._order[1:]
        return None


def _line(action: str, found: re.Match[str]) -> SystemLine:
    named = found.groupdict()
    whom = next((found.span(one) for one in "tn" if named.get(one)), (0, 0))
    return SystemLine(action, found.span("a") if named.get("a") else (0, 0), whom, named.get("s") or "")


@cache
def _lines_of(language: str) -> tuple[tuple[str, str, str], ...]:
    """(action, words that must stand in a line, template) of each."""
    return tuple((action, _longest(template), template) for action, template in _LANGUAGES[language])


@cache
def _compiled(template: str) -> re.Pattern[str]:
    pattern = (
        template.replace("{a}", _PERSON.format(name="a")).replace("{t}", _PERSON.format(name="t")).replace("{n}", _NUMBER)
        .replace("{s}", _QUOTED.format(name="s")).replace("{o}", _QUOTED.format(name="o")).replace("{*}", ".*")
    )  # fmt: skip
    return re.compile(pattern + r"\.?", re.DOTALL)


def _longest(template: str) -> str:
    """The longest run of plain letters in a template that every line of it has."""
    runs, run, depth = [], "", 0
    text = re.sub(r"\{[^}]\}", "\0", template)
    for at, letter in enumerate(text):
        escaped = text[at - 1 : at] == "\\"
        depth += letter in "([" and not escaped
        if depth or letter in "\0.*?+|\\)":
            runs.append(run[:-1] if letter in "?*" else run)
            run = ""
        else:
            run += "" if escaped else letter
        depth -= letter in ")]" and not escaped
    return max([*runs, run], key=len)


_OMITTED: Final = _listed(
    """media omitted|medien ausgeschlossen|medien weggelassen|multimedia omitido|multimedia omitida|archivo omitido
|medios omitidos|médias omis|fichier omis|mídia oculta|arquivo de mídia oculto|multimédia omitida|ficheiro não revelado
|ficheiro multimédia oculto|media omessi|file omesso|без медиафайлов|медиафайл пропущен|файл пропущен|файл опущен
|medya dahil edilmedi|medya atlanmış|medya atlandı|medya çıkarılmış|media çıxarılıb|media buraxılıb|media daxil edilməyib
|fayl buraxılıb|تم استبعاد الوسائط|الوسائط غير مضمنة|تم إخفاء الوسائط|मीडिया छोड़ा गया|मीडिया के बिना
|media tidak disertakan|media weggelaten|pominięto multimedia|view once voice message omitted|view once photo omitted
|view once video omitted"""
)
_KIND_OMITTED: Final = re.compile(
    r"(?:image|video|audio|sticker|gif|document|contact card|video note|voice message) omitted"
    r"|(?:bild|video|audio|sticker|gif|dokument|kontaktkarte|videonotiz) (?:weg|aus)gelassen"
    r"|(?:imagen|v[ií]deo|audio|sticker|gif|documento|tarjeta de contacto) omitid[oa]"
    r"|(?:image|vidéo|audio|sticker|gif|document|fiche contact) (?:absente?|omise?|retiré|manquante?)"
    r"|(?:imagem|vídeo|áudio|figurinha|gif|documento|cartão do contato) (?:ocultad|omitid|ocult)[oa]"
    r"|(?:immagine|video|audio|sticker|gif|documento|scheda contatto) (?:omess[oa]|esclus[oa]|non inclus[oa])"
    r"|(?:изображение|видео|аудиофайл|аудио|стикер|gif|документ|карточка контакта) (?:отсутствует|пропущен[оа]?|опущен[оа]?)"
    r"|(?:görüntü|video|ses|çıkartma|gif|belge|kişi kartı) dahil edilmedi"
    r"|تم استبعاد (?:الصورة|الفيديو|الصوت|الملصق|المستند)|(?:gambar|video|audio|stiker|gif|dokumen) tidak disertakan",
    re.IGNORECASE,
)
_ANDROID: Final = re.compile(
    r"(?P<name>[^\n<>/\\]{1,255}\.[A-Za-z0-9]{1,8}) \((?P<said>[^()\n]{3,60})\)(?:\n(?P<caption>.*))?", re.DOTALL
)
_IOS: Final = re.compile(
    r"(?P<caption>.*?)<(?P<said>[^<>:：\n]{2,40})[:：]\s?(?P<name>[^<>\n/\\]{1,255}\.[A-Za-z0-9]{1,8})>", re.DOTALL
)
_LONGEST_NAME: Final = 400
_ANY_IOS: Final = re.compile(r"(?P<caption>.*?)<[^<>:：\n]{1,80}[:：]\s?(?P<name>[^<>\n]{1,400})>", re.DOTALL)
_OURS: Final = re.compile(
    r"(?:IMG|VID|AUD|PTT|STK|DOC|GIF)-\d{8}-WA\d+\.\w+|\d{6,8}-[A-Z_]+-.*\.\w+|[^\n]+\.vcf", re.IGNORECASE
)
_ATTACHED: Final = _listed(
    """file attached|Datei angehängt|archivo adjunto|fichier joint|fichier attaché|arquivo anexado|ficheiro anexado
|file allegato|файл добавлен|dosya ekli|fayl əlavə edilib|fayl əlavə olunub|الملف مرفق|फ़ाइल संलग्न है|file terlampir"""
)
_ATTACHED_IOS: Final = _listed(
    """attached|Anhang|adjunto|pièce jointe|attaché|anexado|allegato|прикреплено|вложено|eklenmiş|ekli|المُرفق|مرفق|terlampir"""
)
EDITED: Final = re.compile(
    "(?<!\\s)\\s*+\u200e?<(?:This message was edited|Diese Nachricht wurde bearbeitet|Se editó este mensaje"
    "|Este mensaje fue editado"
    "|Ce message a été modifié|Mensagem editada|Esta mensagem foi editada|Questo messaggio è stato modificato"
    "|Сообщение изменено|Это сообщение изменено|Bu mesaj düzenlendi|Bu mesaj redaktə edilib|Bu mesaja düzəliş edilib"
    "|تم تعديل هذه الرسالة|Pesan ini diedit)\\.?>$"
)
_GONE: Final = _listed(
    """This message was deleted|You deleted this message|Diese Nachricht wurde gelöscht|Du hast diese Nachricht gelöscht
|Se eliminó este mensaje|Este mensaje fue eliminado|Eliminaste este mensaje|Ce message a été supprimé
|Vous avez supprimé ce message|Mensagem apagada|Esta mensagem foi apagada|Essa mensagem foi apagada
|Você apagou esta mensagem|Apagou esta mensagem|Esta mensagem foi eliminada|Questo messaggio è stato eliminato
|Hai eliminato questo messaggio|Данное сообщение удалено|Сообщение удалено|Это сообщение удалено
|Вы удалили данное сообщение|Вы удалили это сообщение|Bu mesaj silindi|Bu mesajı sildiniz|Bu mesaj silinib
|Siz bu mesajı sildiniz|تم حذف هذه الرسالة|حذفت هذه الرسالة|لقد حذفت هذه الرسالة|यह मैसेज हटाया गया
|यह मैसेज हटाया गया था|यह मैसेज हटा दिया गया|आपने यह मैसेज हटाया|Pesan ini telah dihapus|Pesan ini dihapus
|Anda menghapus pesan ini|Anda telah menghapus pesan ini"""
)
DELETED: Final = _GONE | {f"{one}." for one in _GONE}
DELETED_LENGTH: Final = max(map(len, DELETED))
BY_ADMIN: Final = re.compile(
    r"(?:This message was deleted by admin|Este mensaje fue eliminado por el admin\S*) (?P<who>.{1,100})"
    r"|Diese Nachricht wurde von Admin (?P<wer>.{1,100}?)(?: gelöscht\.?)?"
)
BY_ADMIN_BEGIN: Final = 12
BY_ADMIN_BEGINS: Final = frozenset({"This message", "Este mensaje", "Diese Nachri"})  # so a line by an admin begins
WAITING: Final = re.compile(
    r"(?:Waiting for this message|Warte auf diese Nachricht|Esperando (?:este|el) mensaje|En attente de ce message"
    r"|Aguardando (?:esta |essa )?mensagem|In attesa (?:di questo|del) messaggio|Ожидание (?:этого )?сообщения"
    r"|Bu mesaj bekleniyor)\b.*"
)
CALLED: Final = re.compile(
    r"(?:(?:Missed|Silenced|Incoming|Outgoing)? ?(?:group )?(?:voice|video) call|Verpasste[rn]? (?:Sprach|Video)\w*"
    r"|Llamada\b.*perdida|Appel (?:vocal|vidéo)\b.*|Chiamata\b.*persa|Пропущенный .*звонок|Cevapsız .*arama)(?:[.,].*)?",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def omitted(text: str) -> bool:
    """Does a line stand for a file that the export left out?"""
    bare = text.translate(DIRECTIONS).strip()
    return (bare[:1] == "<" and bare.strip("<>").lower() in _OMITTED) or _KIND_OMITTED.fullmatch(bare) is not None


def left_out(text: str) -> str | None:
    """The caption of a file that the export left out; None where the text is about no such file."""
    if text[:1] == "<":  # Android: the caption stands below
        first, _, caption = text.partition("\n")
        return caption if omitted(first) else None
    first, mark, last = text.rpartition("\u200e")  # iPhone: it stands before
    if mark and omitted(last):
        return first.rstrip()
    return "" if len(text) < 60 and omitted(text) else None


def composed(name: str) -> str:
    """A file's name in the one of two ways to write an umlaut: a zip may have another than the text."""
    return name if name.isascii() else normalize("NFC", name)


def attached(text: str, there: Container[str]) -> tuple[str, str] | None:
    """(file name, caption) where a text names an attached file. `there` are the names that the export has, `composed`."""
    bare = text.translate(DIRECTIONS)
    for pattern in (_ANDROID, _IOS):
        found = pattern.fullmatch(bare)
        if found is None:
            continue
        said = found["said"].strip(". ")
        known = said in _ATTACHED if pattern is _ANDROID else said in _ATTACHED_IOS or "\u200e<" in text
        name = composed(found["name"])
        if known or name in there or _OURS.fullmatch(name):
            return name, (found["caption"] or "").strip()
    return _there(bare, there)


def _there(text: str, there: Container[str]) -> tuple[str, str] | None:
    """As `attached`, in words that nobody knows and by a name of any form, where the export has a file of exactly that name."""
    first, _, caption = text.partition("\n")
    if first.endswith(")"):
        at = first.find("(", 0, _LONGEST_NAME)
        while at > 0:
            if (name := composed(first[:at].rstrip())) in there:
                return name, caption.strip()
            at = first.find("(", at + 1, _LONGEST_NAME)
    if text.endswith(">") and (found := _ANY_IOS.fullmatch(text)) and (name := composed(found["name"])) in there:
        return name, found["caption"].strip()
    return None


def options_of(text: str) -> Iterator[str]:
    """The answers of a poll, one a line."""
    for line in text.split("\n"):
        if found := _OPTION.fullmatch(line.translate(DIRECTIONS).strip()):
            yield found["text"]
