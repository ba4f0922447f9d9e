"""What stands in a decrypted msgstore.db, in its two layouts: `messages` with `chat_list`, until about 2021, and `message` with
`chat` and `jid` since. Gives both as the same plain structs; knows tables, makes no records.

Which table holds what is public knowledge from several exporters; see docs/platforms/whatsapp.md for what was checked how.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from grouparchive.platforms.whatsapp.sqlite_file import Row, SqliteFile, number, text

AT_ONCE: Final = 400
GROUPS: Final = "g.us"
Rows: TypeAlias = "array[int]"


class Chat(msgspec.Struct, kw_only=True):
    """A chat: `jid` is its address, `key` what its messages are found by."""

    jid: str
    key: int | str
    subject: str = ""
    created: int = 0


class Entry(msgspec.Struct, kw_only=True):
    """A message as the database has it. People are addresses; `sender` is "" for the owner of the phone and for nobody."""

    row: int
    key: str
    mine: bool
    sender: str
    time: int
    type: int
    text: str
    action: int = -1  # of a system line
    reply_to: str = ""
    edited: int = 0
    revoked: str | None = None  # the key of what was deleted
    revoked_at: int = 0
    revoked_by: str = ""
    place: tuple[float, float, str] | None = None
    path: str = ""
    name: str = ""
    mime: str = ""
    size: int = 0
    width: int = 0
    height: int = 0
    seconds: int = 0
    cards: tuple[str, ...] = ()
    people: tuple[str, ...] = ()  # of a system line
    joined: bool = False  # of a system line: it is about the owner
    before: str = ""  # of a system line: what it was before
    numbers: tuple[str, str] = ("", "")
    mentions: tuple[tuple[str, str], ...] = ()  # (as the text has it behind the "@", address)
    choices: int = 1
    options: tuple[tuple[int, str], ...] = ()


class Added(msgspec.Struct, kw_only=True):
    """A reaction (`emoji`) or a vote (`chosen`) on a message."""

    key: str
    parent: int
    mine: bool
    sender: str
    time: int
    emoji: str = ""
    chosen: tuple[int, ...] | None = None


class Store:
    """A database of either layout, see `store_of`."""

    media_types: frozenset[int] = frozenset({1, 2, 3, 9, 13, 20, 42, 43, 62, 81, 82})

    def __init__(self, db: SqliteFile) -> None:
        self.db = db
        self._jids: dict[int, str] = {}

    def chats(self) -> list[Chat]:
        """All chats."""
        raise NotImplementedError

    def order(self, keys: set[int | str]) -> dict[int | str, Rows]:
        """The rows of each chat's messages, in the order in which the phone shows them."""
        raise NotImplementedError

    def entries(self, rows: Sequence[int]) -> list[Entry]:
        """Messages by their rows, in that order."""
        raise NotImplementedError

    def members(self, chat: Chat) -> list[tuple[str, int, bool, int]]:
        """(address, rank, pending, since) of each member."""
        raise NotImplementedError

    def additions(self, rows: Sequence[int]) -> list[Added]:  # noqa: ARG002 - the older layout has none
        """Reactions to messages and votes in them."""
        return []

    def names(self) -> Iterator[tuple[str, str]]:
        """(address, the name that a person chose) as far as it is known."""
        for row in self.db.rows("lid_display_name", ["lid_row_id", "display_name"]):
            yield self.jid(row[0]), text(row[1])

    def own_name(self) -> str:
        """What the owner of the phone is called, "" unknown."""
        if not self.db.has("props", "key", "value"):
            return ""
        return next(
            (text(row[0]) for row in self.db.rows("props", ["value"], "WHERE key = 'user_push_name'", most=1)), ""
        )

    def jid(self, row: object) -> str:
        """An address by its row in `jid`: a phone's where one is known behind a hidden one; "" for none."""
        if not isinstance(row, int) or row <= 0:
            return ""
        if row not in self._jids:
            if len(self._jids) > 100_000:
                self._jids.clear()
            self._jids[row] = self._look_up(row)
        return self._jids[row]

    def spelt(self, row: object) -> str:
        """What stands in a text behind the "@" for an address, which is not always that of the phone behind it."""
        known = isinstance(row, int) and self.db.has("jid", "_id")
        return (
            next((text(one[0]) for one in self.db.rows("jid", ["user"], "WHERE _id = ?", [row], most=1)), "")
            if known
            else ""
        )

    def _look_up(self, row: int) -> str:
        if self.db.has("jid_map", "lid_row_id", "jid_row_id"):
            query = "WHERE lid_row_id = ?"
            row = (
                next((number(one[0]) for one in self.db.rows("jid_map", ["jid_row_id"], query, [row], most=1)), 0)
                or row
            )
        if not self.db.has("jid", "_id"):
            return ""
        for one in self.db.rows("jid", ["user", "server", "raw_string"], "WHERE _id = ?", [row], most=1):
            user, server = text(one["user"]), text(one["server"])
            return f"{user}@{server}" if user and server else text(one["raw_string"])
        return ""

    def _rows_of(self, table: str, of: str, sort: str, keys: set[int | str]) -> dict[int | str, Rows]:
        """Natural order is read first, so that a damaged page costs what stands on it, not the sort of everything."""
        found: dict[int | str, tuple[Rows, Rows]] = {key: (array("q"), array("q")) for key in keys}
        for way in ("ASC", "DESC"):
            faults, last = self.db.faults, 0
            for row in self.db.rows(table, ["_id", of, sort], f"ORDER BY _id {way}"):
                if not isinstance(row[0], int) or (last and (row[0] <= last if way == "ASC" else row[0] >= last)):
                    self.db.faults += 1  # pages that lead in circles
                    break
                last = row[0]
                if isinstance(row[1], int | str) and (place := found.get(row[1])) is not None:
                    place[0].append(row[0])
                    place[1].append(number(row[2]))
            if self.db.faults == faults:
                break
        return {key: _sorted(rows, sorts) for key, (rows, sorts) in found.items()}

    def _media(self, entry: Entry, row: Row | None) -> None:
        if row is not None:
            entry.path = text(row["file_path"])
            entry.name = text(row["media_name"])
            entry.mime = text(row["mime_type"])
            entry.size = number(row["file_size"]) or number(row["file_length"])
            entry.width, entry.height = number(row["width"], 1_000_000), number(row["height"], 1_000_000)
            entry.seconds = number(row["media_duration"], 100_000_000)
            entry.text = entry.text or text(row["media_caption"])

    def _system(self, entry: Entry, row: int) -> None:
        """What a system line is about."""
        one = [row]
        people = self.db.among("message_system_chat_participant", ["user_jid_row_id"], "message_row_id", one)
        entry.people = tuple(filter(None, (self.jid(person[1]) for person in people.get(row, [])[:2000])))
        for values in self.db.among("message_system_value_change", ["old_data"], "message_row_id", one).get(row, []):
            entry.before = text(values[1])
        columns = ["old_jid_row_id", "new_jid_row_id"]
        for values in self.db.among("message_system_number_change", columns, "message_row_id", one).get(row, []):
            entry.numbers = (self.jid(values[1]), self.jid(values[2]))
        for values in self.db.among("message_system_group", ["is_me_joined"], "message_row_id", one).get(row, []):
            entry.joined = values[1] == 1


MEDIA_COLUMNS: Final = (
    "file_path", "file_size", "file_length", "mime_type", "media_name", "media_caption", "media_duration", "width", "height",
)  # fmt: skip


def _sorted(rows: Rows, sorts: Rows) -> Rows:
    if all(sorts[at] <= sorts[at + 1] for at in range(len(sorts) - 1)) and all(
        rows[at] < rows[at + 1] for at in range(len(rows) - 1)
    ):
        return rows
    order = sorted(range(len(rows)), key=lambda at: (sorts[at], rows[at]))
    return array("q", dict.fromkeys(rows[at] for at in order))
