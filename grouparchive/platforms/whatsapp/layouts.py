"""The two layouts of msgstore.db, each as a `Store`."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from grouparchive.errors import BadExport
from grouparchive.platforms.whatsapp.sqlite_file import Row, SqliteFile, number, text
from grouparchive.platforms.whatsapp.store import GROUPS, MEDIA_COLUMNS, Added, Chat, Entry, Rows, Store

_SYSTEM: Final = 7
_REVOKED: Final = 7  # as `edit_version` of the older layout
_PATH: Final = re.compile(rb"Media/[^\x00-\x1f\x7f]{3,400}?\.[A-Za-z0-9]{1,8}")
_MESSAGE: Final = (
    "_id", "from_me", "key_id", "sender_jid_row_id", "timestamp", "message_type", "text_data",
)  # fmt: skip
_OLD_MESSAGE: Final = (
    "_id", "key_remote_jid", "key_from_me", "key_id", "status", "data", "timestamp", "media_wa_type", "media_size",
    "media_mime_type", "media_name", "media_caption", "media_duration", "latitude", "longitude", "remote_resource",
    "quoted_row_id", "edit_version", "thumb_image",
)  # fmt: skip


def store_of(db: SqliteFile) -> Store:
    """The store in a database.

    Raises:
        BadExport: it is of no layout that we know.
    """
    if (
        db.has("message", "_id", "chat_row_id", "key_id")
        and db.has("chat", "_id", "jid_row_id")
        and db.has("jid", "_id")
    ):
        return Newer(db)
    if db.has("messages", "_id", "key_remote_jid", "key_id"):
        return Older(db)
    raise BadExport("this database holds no WhatsApp messages", hint="Choose the file msgstore.db.")


class Newer(Store):
    """`message`, `chat` and `jid`, with a table for each kind of content."""

    def __init__(self, db: SqliteFile) -> None:
        super().__init__(db)
        self._parents: Rows = array("q")
        self._add_ons: Rows = array("q")
        if db.has("message_add_on", "_id", "parent_message_row_id"):
            for row in db.rows(
                "message_add_on", ["parent_message_row_id", "_id"], "ORDER BY parent_message_row_id, _id"
            ):
                if isinstance(row[0], int) and isinstance(row[1], int):
                    self._parents.append(row[0])
                    self._add_ons.append(row[1])

    def chats(self) -> list[Chat]:
        """All chats."""
        return [
            Chat(jid=self.jid(row[1]), key=row[0], subject=text(row[2]), created=number(row[3]))
            for row in self.db.rows("chat", ["_id", "jid_row_id", "subject", "created_timestamp"], "ORDER BY _id")
            if isinstance(row[0], int)
        ]

    def order(self, keys: set[int | str]) -> dict[int | str, Rows]:
        """See `Store`."""
        return self._rows_of("message", "chat_row_id", "sort_id", keys)

    def members(self, chat: Chat) -> list[tuple[str, int, bool, int]]:
        """See `Store`. The older table lives on beside the newer one and counts where that is empty."""
        columns = ["user_jid_row_id", "rank", "pending", "add_timestamp"]
        found: list[tuple[str, int, bool, int]] = []
        if self.db.has("group_participant_user", "group_jid_row_id"):
            for of in self.db.rows("chat", ["jid_row_id"], "WHERE _id = ?", [chat.key], most=1):
                query = "WHERE group_jid_row_id = ? ORDER BY rowid"
                rows = self.db.rows("group_participant_user", columns, query, [of[0]], most=100_000)
                found += [(self.jid(row[0]), number(row[1]), row[2] == 1, number(row[3])) for row in rows]
        return found or _old_members(self.db, chat.jid)

    def entries(self, rows: Sequence[int]) -> list[Entry]:
        """See `Store`."""
        found = self.db.among("message", _MESSAGE, "_id", rows)
        if len(found) < len(rows):  # a damaged page takes a whole question with it: ask for one after the other
            for row in rows:
                found.update({} if row in found else self.db.among("message", _MESSAGE, "_id", [row]))
        entries = {row: self._entry(found[row][0]) for row in rows if row in found}
        self._fill(entries)
        return list(entries.values())

    def additions(self, rows: Sequence[int]) -> list[Added]:
        """See `Store`."""
        ids: list[int] = []
        for row in rows:
            at = bisect_left(self._parents, row)
            while at < len(self._parents) and self._parents[at] == row:
                ids.append(self._add_ons[at])
                at += 1
        return [added for at in range(0, len(ids), 400) for added in self._additions(ids[at : at + 400])]

    def _additions(self, ids: Sequence[int]) -> list[Added]:
        columns = ["from_me", "key_id", "sender_jid_row_id", "parent_message_row_id", "timestamp"]
        heads = self.db.among("message_add_on", columns, "_id", ids)
        reactions = self.db.among(
            "message_add_on_reaction", ["reaction", "sender_timestamp"], "message_add_on_row_id", ids
        )
        votes = self.db.among("message_add_on_poll_vote", ["sender_timestamp"], "message_add_on_row_id", ids)
        chosen = self.db.among(
            "message_add_on_poll_vote_selected_option", ["message_poll_option_id"], "message_add_on_row_id", ids
        )
        found = []
        for id_ in ids:
            details = reactions.get(id_) or votes.get(id_)
            if id_ not in heads or not details:
                continue
            head = heads[id_][0]
            added = Added(
                key=text(head["key_id"]), parent=number(head["parent_message_row_id"], 1 << 62), mine=head["from_me"] == 1,
                sender=self.jid(head["sender_jid_row_id"]),
                time=number(details[0]["sender_timestamp"]) or number(head["timestamp"]),
            )  # fmt: skip
            if id_ in reactions:
                added.emoji = text(details[0]["reaction"])
            else:
                added.chosen = tuple(number(one[1], 1 << 62) for one in chosen.get(id_, []))
            found.append(added)
        return found

    def _entry(self, row: Row) -> Entry:
        return Entry(
            row=row["_id"], key=text(row["key_id"]), mine=row["from_me"] == 1, sender=self.jid(row["sender_jid_row_id"]),
            time=number(row["timestamp"]), type=number(row["message_type"], 100_000), text=text(row["text_data"]),
        )  # fmt: skip

    def _fill(self, entries: dict[int, Entry]) -> None:
        """What stands in the tables beside."""
        for id_, rows in self._beside(entries, "message_media", *MEDIA_COLUMNS):
            self._media(entries[id_], rows[0])
        for id_, rows in self._beside(entries, "message_quoted", "key_id", "chat_row_id", "parent_message_chat_row_id"):
            if rows[0][3] in {None, rows[0][2]}:  # else the answer to something in another chat
                entries[id_].reply_to = text(rows[0][1])
        columns = ("original_key_id", "edited_timestamp", "sender_timestamp")
        for id_, rows in self._beside(entries, "message_edit_info", *columns):
            entries[id_].edited = number(rows[0][2]) or number(rows[0][3]) or entries[id_].time
            entries[id_].key = text(rows[0][1]) or entries[id_].key
        for id_, rows in self._beside(entries, "message_mentions", "jid_row_id"):
            entries[id_].mentions = tuple((self.spelt(row[1]), self.jid(row[1])) for row in rows[:2000])
        columns = ("revoked_key_id", "revoke_timestamp", "admin_jid_row_id")
        for id_, rows in self._beside(entries, "message_revoked", *columns):
            entry = entries[id_]
            entry.revoked = text(rows[0][1]) or entry.key
            entry.revoked_at, entry.revoked_by = number(rows[0][2]), self.jid(rows[0][3])
        for id_, rows in self._beside(entries, "message_system", "action_type"):
            entries[id_].action = number(rows[0][1], 100_000)
            self._system(entries[id_], id_)
        self._fill_cards(entries)

    def _fill_cards(self, entries: dict[int, Entry]) -> None:
        columns = ("latitude", "longitude", "place_name", "place_address")
        for id_, rows in self._beside(entries, "message_location", *columns):
            entries[id_].place = _place(rows[0][1], rows[0][2], f"{text(rows[0][3])}\n{text(rows[0][4])}")
        for id_, rows in self._beside(entries, "message_vcard", "vcard"):
            entries[id_].cards = tuple(text(row[1]) for row in rows[:256])
        for id_, rows in self._beside(entries, "message_poll", "selectable_options_count"):
            entries[id_].choices = number(rows[0][1], 1000)
        for id_, rows in self._beside(entries, "message_poll_option", "_id", "option_name"):
            entries[id_].options = tuple((number(row[1], 1 << 62), text(row[2])) for row in rows[:1000])

    def _beside(self, entries: dict[int, Entry], table: str, *columns: str) -> Iterator[tuple[int, list[Row]]]:
        yield from self.db.among(table, columns, "message_row_id", list(entries)).items()


class Older(Store):
    """One wide table `messages`; `chat_list` or `chat` beside it."""

    def chats(self) -> list[Chat]:
        """See `Store`."""
        found: dict[str, Chat] = {}
        for row in self.db.rows("chat_list", ["key_remote_jid", "subject", "creation"]):
            found[text(row[0])] = Chat(
                jid=text(row[0]), key=text(row[0]), subject=text(row[1]), created=_millis(number(row[2]))
            )
        if self.db.has("chat", "jid_row_id"):
            for row in self.db.rows("chat", ["jid_row_id", "subject", "created_timestamp"]):
                jid = self.jid(row[0])
                chat = found.setdefault(jid, Chat(jid=jid, key=jid))
                chat.subject = chat.subject or text(row[1])
                chat.created = chat.created or number(row[2])
        if not found:
            for row in self.db.rows("messages", ["key_remote_jid"], "GROUP BY key_remote_jid", most=100_000):
                found[text(row[0])] = Chat(jid=text(row[0]), key=text(row[0]))
        found.pop("", None)
        return list(found.values())

    def order(self, keys: set[int | str]) -> dict[int | str, Rows]:
        """See `Store`."""
        return self._rows_of("messages", "key_remote_jid", "timestamp", keys)

    def members(self, chat: Chat) -> list[tuple[str, int, bool, int]]:
        """See `Store`."""
        return _old_members(self.db, chat.jid)

    def entries(self, rows: Sequence[int]) -> list[Entry]:
        """See `Store`."""
        found = self.db.among("messages", _OLD_MESSAGE, "_id", rows)
        entries = {row: self._entry(found[row][0]) for row in rows if row in found}
        for id_, lines in self.db.among("message_media", MEDIA_COLUMNS, "message_row_id", list(entries)).items():
            self._media(entries[id_], lines[0])
        for id_, lines in self.db.among("message_system", ["action_type"], "message_row_id", list(entries)).items():
            entries[id_].action = number(lines[0][1], 100_000)
        for id_, entry in entries.items():
            if entry.action >= 0:
                entry.type = _SYSTEM
                self._system(entry, id_)
        quoted = {number(found[row][0]["quoted_row_id"], 1 << 62): row for row in entries}
        quoted.pop(0, None)
        for id_, lines in self.db.among("messages_quotes", ["key_id"], "_id", list(quoted)).items():
            entries[quoted[id_]].reply_to = text(lines[0][1])
        return list(entries.values())

    def _entry(self, row: Row) -> Entry:
        kind = row["media_wa_type"]
        kind = int(kind) if isinstance(kind, str) and kind.isdecimal() and len(kind) < 6 else number(kind, 100_000)
        entry = Entry(
            row=row["_id"], key=text(row["key_id"]), mine=row["key_from_me"] == 1, sender=text(row["remote_resource"]),
            time=number(row["timestamp"]), type=kind, text=text(row["data"]) if isinstance(row["data"], str) else "",
        )  # fmt: skip
        if row["status"] == 6:  # what the app itself says
            entry.type, entry.action = _SYSTEM, number(row["media_size"], 100_000)
            return entry
        if row["edit_version"] == _REVOKED:
            entry.revoked = entry.key
        if kind in self.media_types:
            entry.text = text(row["media_caption"]) or ("" if kind == 1 else entry.text)
            entry.mime, entry.name = text(row["media_mime_type"]), text(row["media_name"]) if kind == 9 else ""
            entry.size, entry.seconds = number(row["media_size"]), number(row["media_duration"], 100_000_000)
            about = row["thumb_image"]
            if isinstance(about, bytes) and (path := _PATH.search(about[:65_536])):
                entry.path = path[0].decode("utf-8", "replace")
        if kind in {5, 16}:
            entry.place = _place(row["latitude"], row["longitude"], text(row["media_name"]))
        if kind in {4, 14}:
            entry.cards, entry.text = (entry.text,), ""
        return entry


def _old_members(db: SqliteFile, group: str) -> list[tuple[str, int, bool, int]]:
    if not db.has("group_participants", "gjid", "jid"):
        return []
    rows = db.rows("group_participants", ["jid", "admin", "pending"], "WHERE gjid = ?", [group], most=100_000)
    return [(text(row[0]), number(row[1]), row[2] == 1, 0) for row in rows]


def _place(latitude: object, longitude: object, name: str) -> tuple[float, float, str] | None:
    if isinstance(latitude, int | float) and isinstance(longitude, int | float) and abs(latitude) <= 90:
        return (float(latitude), float(longitude), name.strip()) if abs(longitude) <= 180 else None
    return None


def _millis(time: int) -> int:
    return time if time > 100_000_000_000 else time * 1000


def is_group(chat: Chat) -> bool:
    """Is it a group chat?"""
    return chat.jid.endswith(f"@{GROUPS}")
