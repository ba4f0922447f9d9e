"""A group's list of members as Google writes it: a CSV whose column names and states are in the admin's language. So
columns are known by what stands in them, and states by the words of the common languages.

The file that the group's page gives begins with a line "Members for group NAME"; that of Takeout does not. Columns: address,
nickname, group status, email status, email preference, posting permissions, then when they joined, as year, month, day,
hour, minute, second and zone.
"""

from datetime import UTC, datetime
from itertools import chain, islice
from typing import Final, Literal, TypeAlias

import msgspec

from grouparchive.model.records import Known
from grouparchive.platforms.files.table import MOST_PEOPLE, Table, Tell, cell
from grouparchive.platforms.mail.addresses import address

Row: TypeAlias = tuple[int, list[str]]
Standing: TypeAlias = Literal["owner", "manager", "member", "invited", "pending", "banned", "unknown"]

_SAMPLE: Final = 200

_SAID: dict[Standing, str] = {
    "owner": (
        "owner|propietario|propietaria|propriétaire|eigentümer|eigentümerin|inhaber|proprietario|proprietário|"
        "eigenaar|владелец|власник|właściciel|sahip|sahibi|ägare|eier|ejer|omistaja|所有者|オーナー|拥有者|擁有者|"
        "소유자|vlastník|tulajdonos|proprietar|κάτοχος|בעלים|المالك|مالك|pemilik|chủ sở hữu|เจ้าของ|sahibkar"
    ),
    "manager": (
        "manager|administrador|administradora|gestor|gestionnaire|administrateur|gestore|amministratore|gerente|"
        "beheerder|менеджер|администратор|адміністратор|menedżer|administrator|yönetici|ansvarig|hallintoihminen|"
        "マネージャー|管理者|管理员|管理員|관리자|správce|kezelő|διαχειριστής|מנהל|مدير|pengelola|người quản lý|"
        "ผู้จัดการ|verwalter|menecer"
    ),
    "member": (
        "member|miembro|membre|mitglied|membro|lid|участник|член|учасник|członek|uczestnik|üye|medlem|jäsen|"
        "メンバー|成员|成員|회원|구성원|člen|tag|membru|μέλος|חבר|عضو|anggota|thành viên|สมาชิก|üzv"
    ),
    "invited": (
        "invited|invitado|invitada|invité|invitée|eingeladen|invitato|convidado|uitgenodigd|приглашен|"
        "приглашенный|запрошено|zaproszono|zaproszony|davetli|davet edildi|inbjuden|invitert|inviteret|kutsuttu|"
        "招待済み|已邀请|已邀請|초대됨|pozván|meghívott|invitat|προσκεκλημένος|מוזמן|مدعو|diundang|đã mời|"
        "dəvət edilib"
    ),
    "pending": (
        "pending|pendiente|en attente|ausstehend|in sospeso|in attesa|pendente|in behandeling|ожидание|ожидает|"
        "очікує|oczekujący|oczekuje|beklemede|väntar|väntande|venter|afventer|odottaa|保留中|待处理|待處理|대기중|"
        "대기 중|čeká|függőben|în așteptare|σε εκκρεμότητα|בהמתנה|معلق|tertunda|đang chờ xử lý|gözləyir"
    ),
    "banned": (
        "banned|prohibido|vetado|bloqueado|expulsado|banni|bannie|exclu|gesperrt|ausgeschlossen|verbannt|bannato|"
        "escluso|banido|verbannen|geblokkeerd|заблокирован|заблоковано|zbanowany|zablokowany|yasaklı|yasaklandı|"
        "avstängd|spärrad|utestengt|udelukket|estetty|禁止|参加禁止|已禁止|차단됨|zakázán|kitiltva|interzis|"
        "αποκλεισμένος|חסום|محظور|dilarang|bị cấm|qadağan edilib"
    ),
}  # fmt: skip
_WORDS: dict[str, Standing] = {word: standing for standing, words in _SAID.items() for word in words.split("|")}


class Listed(msgspec.Struct, frozen=True):
    """One person of the list. `since` is when they joined, in milliseconds, 0 unknown."""

    native: str
    name: str
    standing: Standing
    since: int = 0


class Members(msgspec.Struct):
    """A list of members; `title` is the group's name where told."""

    listed: list[Listed]
    title: str = ""


class _Columns(msgspec.Struct, frozen=True):
    address: int
    name: int
    standing: int
    joined: int


def looks_like_members(head: bytes) -> bool:
    """Does a CSV that begins so list the members of a Google group?"""
    whole = head.rpartition(b"\n")[0] or head
    title, rows = _titled(list(islice(Table.beginning(whole).every(lambda *_: None), _SAMPLE)))
    if not rows:
        return False
    first = [one.strip().lower() for one in rows[0][1][:3]]
    if first == ["email address", "nickname", "group status"]:
        return True
    columns = _columns(rows[1:] if len(rows) > 1 else rows)
    width = len(rows[0][1])
    return columns is not None and columns.address == 0 and width >= 3 and (bool(title) or columns.standing == 2)


def read_members(table: Table, tell: Tell) -> Members:
    """The whole list. Rows without an address that can be read are told."""
    rows = table.every(tell)
    title, sample = _titled(list(islice(rows, _SAMPLE)))
    columns = _columns(sample)
    if columns is None:
        return Members([], title)
    seen: dict[str, Listed] = {}
    for place, (number, row) in enumerate(chain(sample, rows)):
        native = address(cell(row, columns.address))
        if not native:
            if place > 0:
                tell(Known.ROW_UNREADABLE, f"line {number:,}")
            continue
        if len(seen) >= MOST_PEOPLE:
            tell(Known.TOO_MANY, f"line {number:,}")
            break
        name = cell(row, columns.name)
        seen[native] = Listed(
            native, "" if address(name) else name[:200], _standing(row, columns), _joined(row, columns.joined)
        )
    return Members(list(seen.values()), title)


def _titled(rows: list[Row]) -> tuple[str, list[Row]]:
    """The title above a list, and the list."""
    if len(rows) > 1:
        (_, first), (_, second) = rows[:2]
        told = [one.strip() for one in first if one.strip()]
        if len(told) == 1 and len(second) > 1 and not address(told[0]):
            return told[0], rows[1:]
    return "", rows


def _columns(rows: list[Row]) -> _Columns | None:
    """Which column is which, by what stands in most of the rows."""
    sample = [row for _, row in rows]
    width = min(max((len(row) for row in sample), default=0), 50)
    addresses = [sum(bool(address(cell(row, at))) for row in sample) for at in range(width)]
    if not addresses or not max(addresses):
        return None
    where = addresses.index(max(addresses))
    standings = [sum(cell(row, at).casefold() in _WORDS for row in sample) for at in range(width)]
    standing = standings.index(max(standings)) if max(standings) else -1
    joined = next((at for at in range(width - 5) if any(_date(row, at) for row in sample)), -1)
    name = where + 1 if where + 1 < width and where + 1 not in {standing, joined} else -1
    return _Columns(where, name, standing, joined)


def _standing(row: list[str], columns: _Columns) -> Standing:
    if columns.standing < 0:
        return "member"
    said = cell(row, columns.standing).casefold()
    return _WORDS.get(said, "unknown") if said else "member"


def _date(row: list[str], at: int) -> int:
    """The time in six columns, 0 where they hold none."""
    parts = [cell(row, at + one) for one in range(6)]
    if not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
        return 0
    year, month, day, hour, minute, second = map(int, parts)
    if not 1995 <= year <= 2200:
        return 0
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return 0


def _joined(row: list[str], at: int) -> int:
    return _date(row, at) if at >= 0 else 0
