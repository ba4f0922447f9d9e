"""What WhatsApp itself writes into an exported chat, in the languages that we know: system lines with people in them, and what
stands for a file. Seen in public exports and in the translations of the app; a line of another language is kept as it is.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

MARKS: Final = str.maketrans("", "", "\u200e\u200f\u202a\u202b\u202c\u2068\u2069\ufeff")
"""Marks of direction, which the phone puts around names and at the begin of lines."""


class SystemLine(NamedTuple):
    """What a line says: `action` with who did it and to whom, as shown names, "" where it does not say."""

    action: str
    actor: str
    target: str
    subject: str


_QUOTED: Final = r"[\"“”„«'](?P<s>.+?)[\"“”»']"
# action: patterns, whole lines. a: who, t: to whom, s: the group's name.
_LINES: Final[dict[str, tuple[str, ...]]] = {
    "created": (
        rf"(?P<a>.+) created (?:the )?group {_QUOTED}",
        r"(?P<a>.+) created this group",
        rf"(?P<a>.+) hat die Gruppe {_QUOTED} erstellt",
        rf"(?P<a>.+) creó el grupo {_QUOTED}",
        rf"(?P<a>.+) a créé le groupe {_QUOTED}",
        rf"(?P<a>.+) criou o grupo {_QUOTED}",
        rf"(?P<a>.+) ha creato il gruppo {_QUOTED}",
        rf"(?P<a>.+) созда(?:л|ла|л\(-а\)) группу {_QUOTED}",
        rf"(?P<a>.+) {_QUOTED} grubunu oluşturdu",
        rf"(?P<a>.+) {_QUOTED} qrupunu yaratdı",
    ),
    "subject": (
        rf"(?P<a>.+) changed the (?:subject|group name)(?: from .+?)? to {_QUOTED}",
        rf"(?P<a>.+) hat den (?:Betreff|Gruppennamen).* zu {_QUOTED} geändert",
        rf"(?P<a>.+) cambió el (?:asunto|nombre del grupo).* a {_QUOTED}",
        rf"(?P<a>.+) a (?:changé|modifié) le (?:sujet|nom du groupe).* (?:en|à|pour) {_QUOTED}",
        rf"(?P<a>.+) (?:mudou|alterou) o (?:assunto|nome do grupo).* para {_QUOTED}",
        rf"(?P<a>.+) ha (?:cambiato|modificato) (?:l'oggetto|il nome del gruppo).* (?:in|a) {_QUOTED}",
        rf"(?P<a>.+) измени(?:л|ла|л\(-а\)) (?:тему|название группы).* на {_QUOTED}",
        rf"(?P<a>.+) (?:konuyu|grup adını|grubun adını).* {_QUOTED} olarak değiştirdi",
    ),
    "number": (
        r"(?P<a>.+) changed (?:to (?P<t>\+.+)|(?:their|his|her) phone number.*)",
        r"(?P<a>.+) hat (?:die|zu einer neuen) Nummer.*gewechselt.*",
        r"(?P<a>.+) cambió su número de teléfono.*",
        r"(?P<a>.+) a changé de numéro.*",
        r"(?P<a>.+) mudou (?:de|o) número.*",
        r"(?P<a>.+) ha cambiato (?:il )?numero.*",
        r"(?P<a>.+) смени(?:л|ла|л\(-а\)) номер.*",
        r"(?P<a>.+) telefon numarasını değiştirdi.*",
    ),
    "added": (
        r"(?P<a>.+) added (?P<t>.+)",
        r"(?P<t>You) were added",
        r"(?P<t>.+) was added",
        r"(?P<a>.+) hat (?P<t>.+) hinzugefügt",
        r"(?P<a>.+) (?:añadió|agregó) a (?P<t>.+)",
        r"(?P<a>.+) a ajouté (?P<t>.+)",
        r"(?P<a>.+) adicionou (?P<t>.+)",
        r"(?P<a>.+) ha aggiunto (?P<t>.+)",
        r"(?P<a>.+) добави(?:л|ла|л\(-а\)) (?P<t>.+)",
        r"(?P<a>.+), (?P<t>.+) kişisini ekledi",
        r"(?P<a>.+) (?P<t>\S+) əlavə etdi",
    ),
    "removed": (
        r"(?P<a>.+) removed (?P<t>.+)",
        r"(?P<t>.+) was removed",
        r"(?P<a>.+) hat (?P<t>.+) entfernt",
        r"(?P<a>.+) eliminó a (?P<t>.+)",
        r"(?P<a>.+) a (?:retiré|supprimé) (?P<t>.+)",
        r"(?P<a>.+) removeu (?P<t>.+)",
        r"(?P<a>.+) ha rimosso (?P<t>.+)",
        r"(?P<a>.+) удали(?:л|ла|л\(-а\)) (?P<t>.+)",
        r"(?P<a>.+), (?P<t>.+) kişisini çıkardı",
        r"(?P<a>.+) (?P<t>\S+) çıxardı",
    ),
    "left": (
        r"(?P<a>.+) left(?: the group)?",
        r"(?P<a>.+) hat die Gruppe verlassen",
        r"(?P<a>.+) (?:salió del grupo|ha salido|salió)",
        r"(?P<a>.+) (?:a quitté le groupe|est parti\(e\)|est parti)",
        r"(?P<a>.+) saiu(?: do grupo)?",
        r"(?P<a>.+) ha abbandonato(?: il gruppo)?",
        r"(?P<a>.+) (?:вышел|вышла|покинул|покинула|вышел\(-шла\))(?: из группы| группу)?",
        r"(?P<a>.+) (?:gruptan )?ayrıldı",
        r"(?P<a>.+) (?:qrupdan çıxdı|qrupu tərk etdi)",
    ),
    "joined": (
        r"(?P<a>.+) joined (?:using|from|via) .*",
        r"(?P<a>.+) joined(?: the group)?",
        r"(?P<a>.+) ist der Gruppe.* beigetreten",
        r"(?P<a>.+) se unió .*",
        r"(?P<a>.+) a rejoint (?:le groupe|via).*",
        r"(?P<a>.+) entrou usando .*",
        r"(?P<a>.+) si è unit[oa] .*",
        r"(?P<a>.+) присоедини(?:лся|лась|лся\(-ась\)).*",
        r"(?P<a>.+) (?:grup davet bağlantısı|bu grubun davet bağlantısın).* katıldı",
        r"(?P<a>.+) dəvət linki.* qoşuldu",
    ),
    "icon": (
        r"(?P<a>.+) (?:changed|deleted|removed) this group's icon",
        r"(?P<a>.+) hat das Gruppenbild (?:geändert|gelöscht)",
        r"(?P<a>.+) (?:cambió|eliminó) (?:el ícono|la imagen|el icono) (?:de este|del) grupo",
        r"(?P<a>.+) a (?:modifié|supprimé) l'icône d[eu].*groupe",
        r"(?P<a>.+) (?:mudou|apagou) a imagem d.* grupo",
        r"(?P<a>.+) ha (?:cambiato|eliminato) l'immagine .*gruppo",
        r"(?P<a>.+) измени(?:л|ла|л\(-а\)) (?:иконку|значок|фото) группы",
        r"(?P<a>.+) (?:bu grubun|grup) simgesini değiştirdi",
    ),
    "settings": (
        r"(?P<a>.+) changed (?:the group description|this group's settings.*|the settings so .*)",
        r"(?P<a>.+) changed the group name from .+",
        r"(?P<a>.+) (?:turned (?:on|off)|updated) .*",
        r"(?P<a>.+) pinned a message",
        r"(?P<t>.+) (?:is now an admin|are now an admin|is no longer an admin)",
        r"(?P<t>You)(?:'re| are) (?:now|no longer) an admin",
        r"(?P<a>.+) reset this group's invite link.*",
    ),
    "encryption": (
        r"Messages and calls are .*end-to-end.*",
        r"Messages (?:you send )?to this group are .*",
        r"Nachrichten und Anrufe sind .*",
        r"Nachrichten in dieser Gruppe sind .*",
        r"Los mensajes y las llamadas .*",
        r"Les messages et (?:les )?appels .*",
        r"As mensagens e (?:as )?(?:chamadas|ligações) .*",
        r"I messaggi e le chiamate .*",
        r"Сообщения и звонки .*",
        r"Mesajlar ve aramalar .*",
        r"Mesajlar və zənglər .*",
        r"Your security code with .*",
        r".* security code (?:with .* )?changed.*",
    ),
}
_COMPILED: Final = tuple(
    (action, re.compile(pattern, re.DOTALL)) for action, patterns in _LINES.items() for pattern in patterns
)

_OMITTED: Final = frozenset(
    {
        "media omitted",
        "medien ausgeschlossen",
        "multimedia omitido",
        "archivo omitido",
        "médias omis",
        "fichier omis",
        "mídia oculta",
        "ficheiro não revelado",
        "ficheiro multimédia oculto",
        "media omessi",
        "файл пропущен",
        "без медиафайлов",
        "медиафайл пропущен",
        "medya dahil edilmedi",
        "medya çıkarılmış",
        "media çıxarılıb",
        "media weggelaten",
    }
)
_KIND_OMITTED: Final = re.compile(
    r"(?:image|video|audio|sticker|gif|document|contact card|video note|voice message) omitted"
    r"|(?:bild|video|audio|sticker|gif|dokument|kontaktkarte) weggelassen"
    r"|(?:imagen|v[ií]deo|audio|sticker|gif|documento|tarjeta de contacto) omitid[oa]"
    r"|(?:image|vidéo|audio|sticker|gif|document|fiche contact) (?:absente?|omise?)"
    r"|(?:imagem|vídeo|áudio|figurinha|gif|documento|cartão do contato) (?:ocultad|omitid|ocult)[oa]"
    r"|(?:immagine|video|audio|sticker|gif|documento|scheda contatto) omess[oa]"
    r"|(?:изображение|видео|аудиофайл|стикер|gif|документ) (?:отсутствует|пропущен[оа]?)"
    r"|(?:görüntü|video|ses|çıkartma|gif|belge) dahil edilmedi",
    re.IGNORECASE,
)
_ANDROID: Final = re.compile(
    r"(?P<name>[^\n<>]{1,255}\.[A-Za-z0-9]{1,8}) \([^()\n]{3,60}\)(?:\n(?P<caption>.*))?", re.DOTALL
)
_IOS: Final = re.compile(
    r"(?P<caption>.*?)\s*<[^<>:\n]{2,40}:\s?(?P<name>[^<>\n]{1,255}\.[A-Za-z0-9]{1,8})>", re.DOTALL
)
_OURS: Final = re.compile(r"(?:IMG|VID|AUD|PTT|STK|DOC|GIF)-\d{8}-WA\d+\.\w+|\d{8}-[A-Z]+-.+\.\w+")
EDITED: Final = re.compile(
    r"\s*<(?:This message was edited|Diese Nachricht wurde bearbeitet|Se editó este mensaje\.?|Ce message a été modifié"
    r"|Mensagem editada|Questo messaggio è stato modificato|Сообщение изменено|Bu mesaj düzenlendi)>$"
)
DELETED: Final = frozenset(
    {
        "This message was deleted",
        "You deleted this message",
        "Diese Nachricht wurde gelöscht",
        "Du hast diese Nachricht gelöscht",
        "Se eliminó este mensaje",
        "Eliminaste este mensaje",
        "Ce message a été supprimé",
        "Vous avez supprimé ce message",
        "Mensagem apagada",
        "Esta mensagem foi apagada",
        "Você apagou esta mensagem",
        "Questo messaggio è stato eliminato",
        "Hai eliminato questo messaggio",
        "Данное сообщение удалено",
        "Сообщение удалено",
        "Вы удалили данное сообщение",
        "Bu mesaj silindi",
        "Bu mesajı sildiniz",
        "Bu mesaj silinib",
    }
)
YOU: Final = frozenset({"You", "you", "Du", "du", "Sie", "Tú", "Usted", "Vous", "vous", "Você", "Tu", "Вы", "Siz"})
AND: Final = re.compile(r", | (?:and|und|y|et|e|и|ve|və) ")
PLACE: Final = re.compile(r"(?:\w+: )?https://(?:maps\.google\.com/|www\.google\.com/maps|foursquare\.com/v/)\S+")


def system_line(text: str) -> SystemLine | None:
    """What a line of the service says; None where we do not know such a line."""
    plain = text.translate(MARKS).strip().rstrip(".")
    for action, pattern in _COMPILED:
        if found := pattern.fullmatch(plain):
            named = found.groupdict()
            return SystemLine(action, *((named.get(one) or "").strip() for one in "ats"))
    return None


@lru_cache(maxsize=1024)
def omitted(text: str) -> bool:
    """Does it stand for a file that the export left out?"""
    plain = text.translate(MARKS).strip()
    return (plain[:1] == "<" and plain.strip("<>").lower() in _OMITTED) or _KIND_OMITTED.fullmatch(plain) is not None


def attached(text: str, there: object) -> tuple[str, str] | None:
    """(file name, caption) where a text names an attached file. `there` is a container of the names that the export has."""
    plain = text.translate(MARKS)
    for pattern in (_ANDROID, _IOS):
        found = pattern.fullmatch(plain)
        if found and (found["name"] in there or _OURS.fullmatch(found["name"])):  # type: ignore[operator]
            return found["name"], (found["caption"] or "").strip()
    return None
