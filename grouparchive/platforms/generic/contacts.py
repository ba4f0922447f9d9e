"""An address book: contacts as Google, Outlook and others write them in a CSV, or vCards from a phone.

It says how people can be reached, and nothing about any group: in an address book stand doctors and aunts. So no group and no
membership comes of it, only people with proposals of addresses. Who of them is which member, a person decides later.
"""

import re
from collections.abc import Callable, Iterator
from typing import ClassVar, Final

from grouparchive.errors import BadExport
from grouparchive.model.ports import Cursor, Identify, Page
from grouparchive.model.records import AnyRecord, Fact, Gap, Group, Known, Record, Ref
from grouparchive.platforms.files import Box, Choices, FileConnector
from grouparchive.platforms.files.addresses import dialled, mail, phone
from grouparchive.platforms.files.connector import PAGE
from grouparchive.platforms.files.table import LONGEST, Table, cell, heading, lone
from grouparchive.platforms.generic import vcards
from grouparchive.platforms.generic.vcards import Card

MOST_ADDRESSES: Final = 5
"""Of one sort, for one person."""
MOST_PEOPLE: Final = 500_000

_NAMES: Final = {
    "formatted": "name|full name|display name|file as|anzeigename|nom complet|nombre completo|nome completo|отображаемое имя",
    "first": "given name|first name|vorname|prénom|nombre|nome|имя|adı|ad",
    "middle": "additional name|middle name|weitere vornamen|deuxième prénom|segundo nombre|secondo nome|отчество",
    "last": "family name|last name|nachname|nom|nom de famille|apellidos|cognome|фамилия|soyadı|soyad",
    "nick": "nickname|spitzname|surnom|apodo",
    "firm": "organization name|organization 1 - name|company|firma|société|organización|società|организация",
}
_MAIL: Final = re.compile(
    r"e-?mail(?: \d{1,2})? - value|e-?mail(?: \d)? ?(?:address)?(?: \d)?|e-mail-adresse(?: ?\d)?|e-mail \d: adresse"
    r"|(?:primary|secondary) email|adresse de messagerie(?: \d)?|dirección de correo electrónico(?: \d)?"
    r"|indirizzo posta elettronica(?: \d)?|адрес эл\. почты(?: ?\d)?|e-posta adresi(?: \d)?"
)
_PHONE: Final = re.compile(
    r"phone(?: \d{1,2})? - value|(?:primary|mobile|home|business|work|other|company main|car|radio) ?phone(?: \d)?"
    r"|mobile(?: number)?|cell ?phone|mobiltelefon|telefon(?: \(?(?:privat|geschäftlich)\)?(?: \d)?)?|téléphone .{1,30}"
    r"|teléfono .{1,20}|móvil|telefono .{1,20}|cellulare|телефон .{1,30}|cep telefonu"
)
_CHAT: Final = re.compile(r"(?:im(?: \d{1,2})? - value|xmpp|jabber)")
_XMPP: Final = re.compile(r"(?:xmpp:)([^\s@<>\"]{1,200}@[^\s@<>\"?;/]{1,200})(?:[?;/].*)?", re.IGNORECASE)
# What an address book has and a list of members has not.
_SIGNS: Final = re.compile(
    r"(?:e-?mail|phone)(?: \d{1,2})? - (?:value|label|type)|e-?mail \d address|e-?mail (?:2|3) address|e-mail display name"
    r"|e-mail type|file as|business phone|home phone|work phone|home street|business street|home address|work address"
    r"|group membership|labels|e-mail-adresse 2|telefon \(privat\)|telefon geschäftlich|adresse de messagerie"
    r"|téléphone domicile|teléfono particular|indirizzo posta elettronica|адрес эл\. почты|yomi .{1,30}|phonetic .{1,30}"
    r"|primary email|secondary email"
)


class ContactsFile(FileConnector):
    """See `FileConnector`."""

    platform: ClassVar[str] = "contacts"
    origin: ClassVar[str] = "contacts"
    title: ClassVar[str] = "an address book"
    exports: ClassVar[frozenset[type[Record]]] = frozenset({Fact, Gap})

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._unreadable = 0
        self._unreachable = 0

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:
        """Cards, or a CSV with columns that only address books have."""
        card = lone(box, r".*\.(?:vcf|vcard)") or lone(box, ".*")
        if card and vcards.looks_like_one(box.head(card, 512)):
            return True
        entry = lone(box, r".*\.(?:csv|tsv|tab|txt)")
        if not entry or choices.columns:
            return False
        headings = Table.of(box, entry).places
        reached = any(_MAIL.fullmatch(one) or _PHONE.fullmatch(one) for one in headings)
        return reached and any(_SIGNS.fullmatch(one) for one in headings)

    def groups(self) -> Iterator[Group]:
        """One, for the reading only: no record of a group is made."""
        yield Group(ref="contacts", platform=self.platform, origin=self.origin, name="Contacts")

    def pages(self, group: Ref, after: Cursor) -> Iterator[Page]:
        """See `FileConnector.pages`."""
        self._unreadable = self._unreachable = 0
        yield from super().pages(group, after)

    def _states(self, group: Ref) -> Iterator[Page]:  # noqa: ARG002 - there is one
        facts: list[AnyRecord] = []
        people = 0
        stamp = self.box.fingerprint().hex()
        for card in self._cards():
            if card.group:
                continue
            people += 1
            if people > MOST_PEOPLE:
                self._tell(Known.TOO_MANY, f"line {card.line:,}")
                break
            facts += self._facts(card)
            if len(facts) >= PAGE or len(self._gaps) >= PAGE:
                yield Page(records=facts, stamp=stamp)
                facts = []
        if not people:
            raise BadExport("there is nobody in this address book")
        if self._unreadable:
            self._gap(Known.CONTACT_UNREADABLE, count=self._unreadable)
        if self._unreachable:
            self._gap(Known.CONTACT_WITHOUT_ADDRESS, count=self._unreachable, limit=True)
        yield Page(records=facts, stamp=stamp)

    def _events(self, group: Ref) -> Iterator[Page]:  # noqa: ARG002 - nothing happens in an address book
        yield from ()

    def _facts(self, card: Card) -> Iterator[Fact]:
        """How a person can be reached. They are known by their first address."""
        mails = self._read(card.mails, mail)
        phones = self._read(card.phones, phone)
        chats = [found[1] for one in card.chats if (found := _XMPP.fullmatch(one))]
        if not (mails or phones or chats):
            self._unreachable += 1
            return
        native = (mails[0].lower() if mails else "") or (phones and dialled(phones[0])) or chats[0]
        member = self.identify(str(native), card.name[:1024], "")
        for key, values in (("mail", mails), ("phone", phones), ("xmpp", chats)):
            for number, value in enumerate(values[:MOST_ADDRESSES], 1):
                named = key if number == 1 else f"{key}-{number}"
                yield Fact(member=member, field="contact", key=named, value=value, time=self.box.modified)
            self._unreadable += max(len(values) - MOST_ADDRESSES, 0)

    def _read(self, values: list[str], form: Callable[[str], str]) -> list[str]:
        found = [form(value) for value in values]
        self._unreadable += found.count("")
        return list(dict.fromkeys(filter(None, found)))

    # --- files ---------------------------------------------------------------------------------------------------------

    def _cards(self) -> Iterator[Card]:
        entry = lone(self.box, ".*")
        if vcards.looks_like_one(self.box.head(entry, 512)):
            yield from vcards.cards(self.box, entry, self._tell)
            return
        table = Table.of(self.box, entry)
        places = [(place, field) for place, one in enumerate(map(heading, table.header)) if (field := _field(one))]
        for number, cells in table.rows(self._tell):
            card = Card(line=number)
            names: dict[str, str] = {}
            for place, field in places:
                value = cell(cells, place, LONGEST)
                if not value:
                    continue
                if field in {"mails", "phones", "chats"}:
                    # Google puts several of one label into one cell.
                    getattr(card, field).extend(value.split(" ::: ")[: vcards.MOST_VALUES])
                else:
                    names.setdefault(field, value[:300])
            card.formatted = names.get("formatted", "")
            card.parts = " ".join(names[one] for one in ("first", "middle", "last") if one in names)
            card.nick, card.firm = names.get("nick", ""), names.get("firm", "")
            yield card


def _field(one: str) -> str:
    """What a column holds."""
    if _MAIL.fullmatch(one):
        return "mails"
    if _PHONE.fullmatch(one):
        return "phones"
    if _CHAT.fullmatch(one):
        return "chats"
    return next((field for field, names in _NAMES.items() if one in names.split("|")), "")
