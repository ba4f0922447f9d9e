"""WhatsApp's own database, decrypted (`msgstore.db`) or as the end-to-end encrypted backup (`msgstore.db.crypt15`): group chats
with their members and numbers. Private chats are left out. Nothing is written, unpacked or changed.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import ClassVar, Final

from grouparchive.errors import BadExport
from grouparchive.model.ports import Identify, MediaRequest, Page
from grouparchive.model.records import (
    AnyRecord,
    Channel,
    Gap,
    Group,
    Known,
    MemberId,
    Membership,
    Message,
    Reaction,
    Record,
    Ref,
    Role,
    Roster,
    Tombstone,
    Vote,
)
from grouparchive.platforms.files import Box, Choices, FileConnector, Names
from grouparchive.platforms.files.box import FileBox, FolderBox
from grouparchive.platforms.whatsapp import crypt15
from grouparchive.platforms.whatsapp.content import Content
from grouparchive.platforms.whatsapp.layouts import is_group, store_of
from grouparchive.platforms.whatsapp.notices import CREATED
from grouparchive.platforms.whatsapp.sqlite_file import MAGIC, SqliteFile
from grouparchive.platforms.whatsapp.store import AT_ONCE, Chat, Entry, Rows, Store

ADMIN: Final = 100
_NAMED: Final = re.compile(r"(?:[^/]+/){0,4}msgstore[^/]*\.db")
_LOCKED: Final = re.compile(r"(?:[^/]+/){0,4}msgstore[^/]*\.crypt15")
_TELLING: Final = (b"key_remote_jid", b"chat_row_id", b"group_participant")
_OF_CREATOR: Final = re.compile(r"(\d{5,15})-(\d{9,11})@g\.us")
_PHONE: Final = re.compile(r"(\d{5,15})(?:[.:]\d+)*@(?:s\.whatsapp\.net|c\.us)")


class WhatsAppDatabase(FileConnector):
    """See `FileConnector`. One group for each group chat, with its whole roster where the database has it."""

    platform: ClassVar[str] = "whatsapp"
    origin: ClassVar[str] = "whatsapp.com"
    title: ClassVar[str] = "a WhatsApp database"
    exports: ClassVar[frozenset[type[Record]]] = frozenset(
        {Group, Channel, Role, Message, Reaction, Vote, Tombstone, Roster, Membership, Gap}
    )

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._file = self._find(box)
        self._store: Store | None = None
        self._chats: dict[Ref, Chat] = {}
        self._orders: dict[int | str, Rows] = {}
        self._people: dict[str, MemberId] = {}
        self._names: dict[str, str] = {}
        self._called: Names | None = None
        self._own = ""
        self._told = False
        self._media = {name.rpartition("/")[2]: name for name in reversed(box.entries)}

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the port's signature
        """Is there a msgstore.db?"""
        return bool(cls._find(box))

    def groups(self) -> Iterator[Group]:
        """The group chats."""
        self._opened()
        for ref, chat in self._chats.items():
            yield Group(
                ref=ref, platform=self.platform, origin=self.origin, name=chat.subject[:16_384], created=chat.created
            )

    def close(self) -> None:
        """Let go of the database and the export."""
        if self._store:
            self._store.db.close()
        super().close()

    @classmethod
    def _find(cls, box: Box) -> str:
        for name in box.named(_NAMED.pattern):
            if box.head(name, 16) == MAGIC:
                return name
        for name in box.entries if isinstance(box, FileBox) else ():
            head = box.head(name, 256 * 1024)
            if head.startswith(MAGIC) and sum(word in head for word in _TELLING) > 1:
                return name
        return ""

    def _source(self) -> SqliteFile:
        if isinstance(self.box, FileBox):
            return SqliteFile(self.box.path)
        if isinstance(self.box, FolderBox):
            return SqliteFile(self.box.path / self._file)
        if self.box.entries[self._file] > crypt15.MOST_DATABASE:
            most = crypt15.MOST_DATABASE >> 20
            raise BadExport(
                f"this database is larger than {most} MB and lies in a zip, where it cannot be read in place",
                hint="Unpack the zip in a safe place, import the database from there, then delete it.",
            )
        data = bytearray()
        for piece in self.box.pieces(self._file):
            data += piece
            if len(data) > crypt15.MOST_DATABASE:
                raise BadExport("this database is larger than it said")
        return SqliteFile(data)

    def _opened(self) -> Store:
        if self._store:
            return self._store
        db = self._source()
        try:
            store = store_of(db)
            chats = store.chats()
        except BaseException:
            db.close()
            raise
        self._store = store
        groups = [chat for chat in chats if is_group(chat)]
        for chat in groups:
            self._take(chat)
        if left := sum(not chat.jid.endswith(("@broadcast", "@newsletter")) for chat in chats) - len(groups):
            self._gap(Known.PRIVATE_CHAT, count=left, limit=True)
        if any(
            name.startswith(self._file) and name.endswith("-wal") and size for name, size in self.box.entries.items()
        ):
            self._gap(Known.NEWEST_LEFT_OUT, "", "the log beside the database is not read", limit=True)
        self._orders = store.order({chat.key for chat in groups})
        self._names = {_native(address): name for address, name in store.names() if name}
        self._own = self._owner(store)
        self._stamp = sha256("".join(sorted(one.key for one in self._first(store))).encode()).hexdigest()
        return store

    def _take(self, chat: Chat) -> None:
        ref, number = _ref(chat.jid), 1
        while self._chats.setdefault(ref, chat).jid != chat.jid:  # two groups were made in one second
            number += 1
            ref = f"{_ref(chat.jid)}-{number}"

    def _first(self, store: Store) -> list[Entry]:
        rows = sorted(row for order in self._orders.values() for row in order[:3])
        return store.entries(rows[:AT_ONCE])

    def _owner(self, store: Store) -> str:
        """The handle of whose phone it was. Their number stands nowhere for certain, but the older addresses of groups begin
        with the number of who created them.
        """
        first = ""
        for chat in self._chats.values():
            begin = store.entries(self._orders[chat.key][:8])
            found = _OF_CREATOR.fullmatch(chat.jid)
            if found and any(one.action == CREATED and one.mine for one in begin):
                return f"+{found[1]}"
            first = min(filter(None, [first, *(one.key for one in begin)]), default="")
        return f"phone:{sha256(first.encode()).hexdigest()[:16]}"

    # --- reading -------------------------------------------------------------------------------------------------------

    def _states(self, group: Ref) -> Iterator[Page]:
        store = self._opened()
        chat = self._chats[group]
        (state,) = (one for one in self.groups() if one.ref == group)
        channel = Channel(ref=group, group=group, name=state.name, created=chat.created)
        yield Page(records=[state, channel, Role(group=group, ref="admin", name="admin", level=ADMIN)])
        members: dict[MemberId, Membership] = {}
        for address, rank, pending, since in store.members(chat):
            member = self._person(address)
            members[member] = Membership(
                channel=group, member=member, state="invite" if pending else "join", level=ADMIN if rank else 0,
                roles=("admin",) if rank else (), since=since,
            )  # fmt: skip
        if members:
            head = Roster(channel=group, time=self._newest(store, chat), members=len(members))
            yield Page(records=[head, *members.values()], stamp=self._stamp)
        else:
            self._gap(Known.MEMBERS_PARTIAL, group, "the phone was not in this group any more", limit=True)
        self._told = bool(members)

    def _newest(self, store: Store, chat: Chat) -> int:
        return max((one.time for one in store.entries(self._orders[chat.key][-8:])), default=0)

    def _events(self, group: Ref) -> Iterator[Page]:
        store = self._opened()
        order = self._orders[self._chats[group].key]
        content = Content(group, self._person, self._attached, self._hidden, None if self._told else self.sightings)
        lost = 0
        for at in range(0, len(order), AT_ONCE):
            rows = order[at : at + AT_ONCE]
            records: list[AnyRecord] = []
            media: list[MediaRequest] = []
            found = store.entries(rows)
            lost += len(rows) - len(found)
            for entry in found:
                try:
                    records += content.records(entry, media)
                except (ValueError, TypeError):
                    lost += 1
            keys = {entry.row: entry for entry in found}
            for added in store.additions(rows):
                records += content.added(added, keys.get(added.parent))
            yield Page(records=records, media=media)
        if lost:
            self._gap(Known.MESSAGE_UNREADABLE, group, "rows that cannot be read", count=lost)
        if store.db.faults:
            self._gap(Known.FILE_DAMAGED, group, "parts of the database", count=store.db.faults)
            store.db.faults = 0
        yield Page(records=[], gaps=list(content.gaps()))

    def _attached(self, ref: Ref, path: str, mime: str, said: str) -> MediaRequest | None:
        name = self._media.get(path.rpartition("/")[2], "") if path else ""
        return self._attach(ref, name, mime=mime, said=said)

    def _hidden(self, name: str) -> str:
        """The name of a file, with the people in it as ids."""
        if self._called is None:
            self._called = Names()
            own = self._store.own_name() if self._store else ""
            for native, called in {**self._names, **({self._own: own} if own else {})}.items():
                member = self.identify(native, called, "")
                for word in (called, native, native.removeprefix("+")):
                    self._called.learn(word, member)
        return self._called.hidden(name)

    def _person(self, address: str, called: str = "", /) -> MemberId:
        """Who is behind an address; "" is the owner of the phone. `called` is a name for whom nobody else names."""
        if address not in self._people:
            native = _native(address) if address and not address.endswith(("@lid_me", "@status_me")) else self._own
            name = self._names.get(native, called)
            if native == self._own and self._store:
                name = self._store.own_name() or name
            self._people[address] = self.identify(native, name, "")
        return self._people[address]


class WhatsAppBackup(WhatsAppDatabase):
    """The same out of an end-to-end encrypted backup. It needs the key, see `crypt15.root_key`."""

    title: ClassVar[str] = "an encrypted WhatsApp backup"

    @classmethod
    def _find(cls, box: Box) -> str:
        names = box.named(_LOCKED.pattern)
        # Increments hold only what changed since a whole backup: they come last.
        return min(
            names,
            key=lambda name: ("increment" in name, name.rpartition("/")[2] != "msgstore.db.crypt15", name),
            default="",
        )

    def _source(self) -> SqliteFile:
        if self.box.entries[self._file] > crypt15.MOST_DATABASE:
            raise BadExport("this backup is larger than what is opened in memory")
        return SqliteFile(crypt15.decrypted(self.box.pieces(self._file), self.choices.key))


def _ref(jid: str) -> Ref:
    """A group's ref: its address, without the number of its creator that the older addresses begin with."""
    return jid.rpartition("-")[2][:1024]


def _native(address: str) -> str:
    found = _PHONE.fullmatch(address)
    return f"+{found[1]}" if found else address[:1024]
