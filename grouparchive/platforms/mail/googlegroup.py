"""Google Groups out of Takeout: a folder for each group, named by its address, with its mails, its members and its
settings; or the members' list alone, as the group's page gives it. All file names are in the admin's language: files are
told apart by what is in them. See docs/platforms/mail.md for what is known of the layout.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import ClassVar, Final

import msgspec

from grouparchive.errors import BadExport
from grouparchive.model.ports import Page
from grouparchive.model.records import (
    AnyRecord,
    Ban,
    Channel,
    Gap,
    Group,
    Known,
    Membership,
    Message,
    Record,
    Ref,
    Role,
    Roster,
    Setting,
)
from grouparchive.platforms.files import Box, Choices
from grouparchive.platforms.files.connector import note
from grouparchive.platforms.files.table import Table
from grouparchive.platforms.mail.addresses import address
from grouparchive.platforms.mail.mailbox import MailBox
from grouparchive.platforms.mail.members import Members, Standing, looks_like_members, read_members
from grouparchive.platforms.mail.store import mail_files, several_exports
from grouparchive.platforms.mail.survey import Mails

LEVELS: Final[dict[Standing, int]] = {"owner": 100, "manager": 50}

_LOOKED_AT: Final = 200
_MOST_INFO: Final = 1 << 20
_PART: Final = r"[^\s@<>,;:\"()\[\]]"
_ADDRESS = re.compile(rf"(?<!{_PART}){_PART}+@{_PART}+\.{_PART}+")  # begins where a word does: one look at each letter
_LONGEST_NAME: Final = 1024


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for line in text.strip().split("\n") for word in line.split("|"))


_NAMES = _words("""
    name | group name | nombre | nombre del grupo | nom | nom du groupe | nome | nome del gruppo
    nome do grupo | gruppenname | naam | groepsnaam | название | название группы | имя | nazwa | nazwa grupy
    grup adı | ad | namn | navn | nimi | グループ名 | 名称 | 群组名称 | 이름 | назва
""")
_ABOUT = _words("""
    description | group description | descripción | descripción del grupo | beschreibung | gruppenbeschreibung
    descrizione | descrição | beschrijving | описание | opis | açıklama | beskrivning | beskrivelse | kuvaus
    説明 | 说明 | 説明文 | 설명 | опис | təsvir
""")


class GoogleGroup(MailBox):
    """See `FileConnector`. One group with one channel for each folder."""

    title: ClassVar[str] = "a Google group"
    exports: ClassVar[frozenset[type[Record]]] = frozenset(
        {Group, Channel, Role, Setting, Message, Roster, Membership, Ban, Gap}
    )

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the port's signature
        """Folders named by an address with mails or a CSV in them; or a lone list of members."""
        if several_exports(box):
            return False
        if any(_of_folder(name) for name in box.entries):
            return True
        if address(box.label) and any(name.lower().endswith((".mbox", ".csv")) for name in box.entries):
            return True
        names = list(box.entries)
        return len(names) == 1 and names[0].lower().endswith(".csv") and looks_like_members(box.head(names[0]))

    def _look(self) -> Mails:
        """The mails of the groups' folders, and of labels that lie beside them."""
        self._folders = self._sorted()
        self._lists: dict[str, Members] = {}
        self._infos: dict[str, dict[str, str]] = {}
        self._roster_gaps: list[Gap] = []
        files, fixed = mail_files(self.box), {}
        for file in files:
            group = _group_of(self.box, file.name)
            if group:
                fixed[file.name] = (group, "")
        for group, names in self._folders.items():
            self._read(group, [name for name in names if name not in fixed])
        return Mails(self.box, self._shelf, self.choices.group, files, fixed)

    def groups(self) -> Iterator[Group]:
        """The groups, also those of which there are only members.

        Raises:
            BadExport: there is no group in it.
        """
        counts = {one.ref: one.mails for one in self._mails.groups}
        found = [ref for ref in self._folders if counts.get(ref) or ref in self._lists or ref in self._infos]
        others = [one for one in self._mails.groups if one.mails and one.ref not in self._folders]
        if not found and not others:
            raise BadExport("there is neither a mail nor a list of members in this export")
        for ref in found:
            yield self._shown(ref)
        for one in others:
            yield self._group(one.ref, one.name)

    # --- the files of a group ---

    def _sorted(self) -> dict[str, list[str]]:
        """Group -> its files."""
        folders: dict[str, list[str]] = {}
        for name in sorted(self.box.entries):
            group = _group_of(self.box, name)
            if not group and len(self.box.entries) == 1:
                group = self._named_by_hand()
            if group:
                folders.setdefault(group, []).append(name)
        return folders

    def _named_by_hand(self) -> str:
        """The group of a lone list of members: as a person says, else as the file is called."""
        label = re.sub(r"(?:\s*\(\d+\))?\.csv$", "", self.box.label, flags=re.IGNORECASE)
        said = self.choices.group.strip()
        return address(said) or " ".join((said or label).split()).casefold()[:200]

    def _read(self, group: str, names: list[str]) -> None:
        for name in names[:_LOOKED_AT]:
            if not name.lower().endswith(".csv"):
                continue
            gaps: list[Gap] = []
            found = read_members(Table.of(self.box, name), partial(_note, gaps, name))
            head = self.box.head(name, _MOST_INFO)
            listed = bool(found.listed) and group not in self._lists and not _is_info(head)
            if listed:
                self._lists[group] = found
            elif group not in self._infos and self.box.entries[name] <= _MOST_INFO:
                self._infos[group] = _info(head)
            self._roster_gaps += [gap for gap in gaps if listed or gap.code == Known.FILE_DAMAGED]

    # --- pages ---

    def _shown(self, ref: str) -> Group:
        info = {name.casefold(): value for name, value in self._infos.get(ref, {}).items()}
        name = next((info[one] for one in _NAMES if info.get(one)), "") or self._title(ref)
        about = next((info[one] for one in _ABOUT if info.get(one)), "")
        told = self._group(ref, _without_addresses(name, ref))
        return msgspec.structs.replace(told, topic=_without_addresses(about, ref))

    def _title(self, ref: str) -> str:
        """The group's name as the first line of a list of members tells it, in any language: what follows its last known
        word.
        """
        title = self._lists[ref].title if ref in self._lists else ""
        found = re.match(r"Members for group (.+)", title)
        if found:
            return found[1].strip()
        return (
            self.choices.group
            if self.choices.group and "@" not in self.choices.group and len(self._folders) == 1
            else ""
        )

    def _states(self, group: Ref) -> Iterator[Page]:
        if group not in self._folders:
            yield from super()._states(group)
            return
        shown = self._shown(group)
        if not self._told:
            self._told = True
            self._gaps += self._mails.gaps
        self._gaps += self._roster_gaps
        self._roster_gaps = []
        states: list[AnyRecord] = [
            shown,
            Channel(ref=group, group=group, type="list", name=shown.name, topic=shown.topic),
            Role(group=group, ref="owner", name="Owner", level=LEVELS["owner"]),
            Role(group=group, ref="manager", name="Manager", level=LEVELS["manager"]),
        ]
        for name, value in self._infos.get(group, {}).items():
            said = msgspec.json.encode(_without_addresses(value, group)).decode()
            states.append(Setting(channel=group, name=_without_addresses(name, group)[:200], value=said))
        yield Page(records=states)
        if group in self._lists:
            yield self._roster(group, self._lists[group])
        else:
            self._gap(Known.MEMBERS_PARTIAL, group, limit=True)

    def _roster(self, group: Ref, members: Members) -> Page:
        people: list[AnyRecord] = []
        bans: list[AnyRecord] = []
        unknown = 0
        for one in members.listed:
            member = self.identify(one.native, one.name, "")
            unknown += one.standing == "unknown"
            level = LEVELS.get(one.standing, 0)
            if one.standing == "banned":
                bans.append(Ban(channel=group, member=member))
                continue
            people.append(
                Membership(
                    channel=group,
                    member=member,
                    state="invite" if one.standing == "invited" else "knock" if one.standing == "pending" else "join",
                    level=level,
                    roles=(one.standing,) if level else (),
                    since=one.since,
                )
            )
        if unknown:
            self._gap(Known.MEMBER_STATE_UNKNOWN, group, count=unknown)
        head = Roster(channel=group, time=self.box.modified, members=len(people), bans=len(bans))
        return Page(records=[head, *people, *bans])

    def _sightings(self) -> Iterator[Page]:
        """None where the whole list is there."""
        for page in super()._sightings():
            first = page.records[0]
            if not (isinstance(first, Membership) and first.channel in self._lists):
                yield page


def _of_folder(name: str) -> str:
    """The address by which the folder of a file of mails or members is called, or the folder around it; "" for any other."""
    if len(name) > _LONGEST_NAME or not name.lower().endswith((".mbox", ".csv")):
        return ""
    folders = name.rsplit("/", 3)[:-1][-2:]
    return next(
        (found for part in reversed(folders) if (found := address(part)) and "." in found.partition("@")[2]), ""
    )


def _group_of(box: Box, name: str) -> str:
    """The group in whose folder a file lies, "" where it lies in none."""
    for part in reversed(name.split("/")[:-1]):
        if found := address(part):
            return found
    return address(box.label) or address(re.sub(r"\.zip$", "", box.label, flags=re.IGNORECASE))


def _is_info(data: bytes) -> bool:
    """Is a CSV about the group and not its members? Its one row tells the group's own address, or it is a list of pairs."""
    rows = _rows(data)
    return (
        bool(rows)
        and (all(len(row) == 2 for row in rows) or len(rows) == 2)
        and len(rows[0]) != 1
        and not looks_like_members(data)
    )


def _rows(data: bytes) -> list[list[str]]:
    return [cells for _, cells in Table.beginning(data, ",").every(lambda *_: None)]


def _note(gaps: list[Gap], name: str, code: str, where: str) -> None:
    note(gaps, code, f"{name} {where}".strip())


def _info(data: bytes) -> dict[str, str]:
    """What a CSV about the group says: a header and a row, or pairs."""
    rows = _rows(data)
    if len(rows) == 2 and len(rows[0]) != 2:
        return {name.strip(): value.strip() for name, value in zip(*rows, strict=False) if name.strip()}
    return {row[0].strip(): row[1].strip() for row in rows if len(row) >= 2 and row[0].strip()}


def _without_addresses(text: str, own: str) -> str:
    """A text about the group that names nobody: ids would differ in each run, and it would look changed."""
    return _ADDRESS.sub(lambda found: found[0] if found[0].lower() == own else "(an address)", text)[:100_000]
