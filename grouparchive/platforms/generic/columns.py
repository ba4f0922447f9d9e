"""Which column of a table is what, by the headings that programs and people write, in several languages."""

from collections.abc import Mapping, Sequence
from typing import Final

from grouparchive.errors import UsageError
from grouparchive.platforms.files.table import heading

FIELDS: Final = ("id", "name", "first", "last", "handle", "mail", "phone", "joined", "role", "group")
"""What a column may be, as in `--column FIELD=NAME`."""

_HEADINGS: Final[dict[str, str]] = {
    "id": (
        "id, user id, userid, member id, memberid, profile id, uuid, mitgliedsnummer, kennung, numéro de membre, "
        "id de usuario, идентификатор, номер, شناسه, üye no"
    ),
    "name": (
        "name, full name, fullname, display name, displayname, real name, member, member name, contact name, "
        "person, nickname, vollständiger name, anzeigename, mitglied, nom complet, nom et prénom, prénom et nom, "
        "membre, nombre completo, nombre y apellidos, miembro, nome completo, membro, naam, volledige naam, imię "
        "i nazwisko, имя и фамилия, полное имя, фио, участник, ім'я та прізвище, ad soyad, adı soyadı, tam adı, "
        "ad və soyad, نام, نام کامل, الاسم, الاسم الكامل, 姓名, 名前, 이름"
    ),
    "first": (
        "first name, firstname, given name, givenname, forename, vorname, prénom, nombre, nome, voornaam, imię, "
        "имя, ім'я, ad, adı, نام کوچک, الاسم الأول, 名"
    ),
    "last": (
        "last name, lastname, family name, familyname, surname, nachname, familienname, nom, nom de famille, "
        "apellido, apellidos, cognome, sobrenome, achternaam, nazwisko, фамилия, прізвище, soyad, soyadı, نام "
        "خانوادگی, اسم العائلة, 姓"
    ),
    "handle": (
        "handle, username, user name, login, account, nick, benutzername, kontoname, nom d'utilisateur, "
        "identifiant, nombre de usuario, usuario, nome utente, nome de usuário, gebruikersnaam, nazwa "
        "użytkownika, имя пользователя, логин, ник, kullanıcı adı, istifadəçi adı, نام کاربری, اسم المستخدم, 用户名, "
        "ユーザー名"
    ),
    "mail": (
        "mail, email, e-mail, e mail, email address, e-mail address, mail address, emailaddress, e-mail 1 - "
        "value, mailadresse, e-mail-adresse, emailadresse, courriel, adresse mail, adresse e-mail, adresse email, "
        "correo, correo electrónico, dirección de correo, indirizzo email, endereço de e-mail, e-mailadres, adres "
        "e-mail, почта, электронная почта, эл. почта, адрес электронной почты, имейл, електронна пошта, e-posta, "
        "eposta, e-poçt, ایمیل, البريد الإلكتروني, 邮箱, メール"
    ),
    "phone": (
        "phone, phone number, phonenumber, telephone, tel, mobile, mobile phone, mobile number, cell, cell phone, "
        "whatsapp, phone 1 - value, telefon, telefonnummer, handy, handynummer, mobil, mobilnummer, mobiltelefon, "
        "téléphone, portable, numéro de téléphone, teléfono, móvil, celular, telefono, cellulare, telefone, "
        "telemóvel, telefoon, telefoonnummer, numer telefonu, телефон, номер телефона, мобильный, telefon "
        "numarası, cep telefonu, telefon nömrəsi, تلفن, شماره تلفن, موبایل, الهاتف, رقم الهاتف, 电话, 電話"
    ),
    "joined": (
        "joined, joined at, join date, joined on, date joined, member since, created, created at, beigetreten, "
        "beitrittsdatum, mitglied seit, beitritt, date d'adhésion, membre depuis, inscrit le, fecha de ingreso, "
        "fecha de alta, miembro desde, data di iscrizione, data de entrada, lid sinds, data dołączenia, дата "
        "вступления, вступил, katılma tarihi, üyelik tarihi, qoşulma tarixi, تاریخ عضویت, تاريخ الانضمام"
    ),
    "role": (
        "role, roles, status, type, member type, rolle, funktion, rôle, fonction, statut, rol, función, ruolo, "
        "função, papel, rola, роль, статус, должность, görev, نقش, الدور"
    ),
    "group": (
        "group, group name, gruppe, gruppenname, groupe, grupo, gruppo, groep, grupa, группа, група, grup, qrup, "
        "گروه, المجموعة"
    ),
}
_BY_HEADING: Final = {
    heading.strip(): field
    for field, headings in _HEADINGS.items()
    for heading in headings.split(",")
    if heading.strip()
}
_POINTS: Final = {"owner": 100, "admin": 100, "moderator": 50}
_POWERS: Final = {
    "owner": (
        "owner, creator, founder, inhaber, inhaberin, gründer, gründerin, eigentümer, propriétaire, fondateur, "
        "propietario, proprietario, eigenaar, właściciel, владелец, создатель, sahip, kurucu, مالک, المالك"
    ),
    "admin": (
        "admin, administrator, administratorin, administrateur, administratrice, administrador, administradora, "
        "amministratore, beheerder, администратор, админ, адміністратор, yönetici, inzibatçı, مدیر, مشرف, 管理员"
    ),
    "moderator": (
        "moderator, moderatorin, mod, modérateur, modératrice, moderador, moderadora, moderatore, модератор, "
        "moderatör, مدیر گروه"
    ),
}
_BY_POWER: Final = {word.strip(): power for power, words in _POWERS.items() for word in words.split(",")}


def columns_of(header: Sequence[str], chosen: Mapping[str, str]) -> dict[str, int]:
    """The place of each field's column, as a person says it and as the headings do.

    Raises:
        UsageError: a field or a column that was named is not there. Headings are not repeated: a table without them begins with
            a person.
    """
    found: dict[str, int] = {}
    headings = [heading(one) for one in header]
    for field, name in chosen.items():
        if field not in FIELDS:
            raise UsageError("a column was given for something unknown", hint=f"Known: {', '.join(FIELDS)}")
        if heading(name) not in headings:
            raise UsageError(
                f"the table has no column of the name given for {field}", hint="Names stand in its first row."
            )
        found[field] = headings.index(heading(name))
    for place, one in enumerate(headings):
        known = _BY_HEADING.get(one)
        if known and known not in found and place not in found.values():
            found[known] = place
    return found


def power(role: str) -> tuple[str, int]:
    """(a role as it is kept, its level) of a role in any words."""
    known = _BY_POWER.get(heading(role))
    return (known, _POINTS[known]) if known else (role.strip()[:200], 0)
