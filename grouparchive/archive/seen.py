"""What is news to a writer: the state's tags together with those of the commit that is being gathered."""

from collections.abc import Sequence
from typing import cast

from grouparchive.archive.home import LocalKeys
from grouparchive.archive.state import WriterState, tag
from grouparchive.archive.tags import EVENTS, Event, EventTags
from grouparchive.crypto.primitives import local_tag
from grouparchive.model import codec
from grouparchive.model.records import (
    Attachment,
    Channel,
    Gap,
    Group,
    Pins,
    Record,
    Role,
    RoomKey,
    Setting,
    Vault,
)


class Seen:
    """Answers what is news. Pending answers become lasting with `prepare` and `settle`."""

    def __init__(self, keys: LocalKeys, state: WriterState) -> None:
        self._keys = keys
        self._state = state
        self._events = EventTags(
            [one.key for one in keys.events], lambda channel: state.events(tag(keys.lasting, "events", channel))
        )
        self._lasting: dict[bytes, bytes] = {}
        self._faces: dict[bytes, bytes] = {}  # files of the roster

    def fresh_many(self, records: Sequence[Record]) -> list[bool]:
        """As `Writer.fresh_many`."""
        if EVENTS.issuperset(map(type, records)):
            return self._events.fresh(cast("Sequence[Event]", records))
        return [
            self._events.fresh([cast("Event", one)])[0] if type(one) in EVENTS else self._fresh_other(one)
            for one in records
        ]

    def _fresh_other(self, record: Record) -> bool:
        """The answer for what has no tag of an event."""
        match record:
            case RoomKey(channel=channel, session=session):
                return self._state_is_new(("room_key", channel, session), record.key.encode())
            case Gap(code=code, scope=scope):
                return self._state_is_new(("gap", code, scope), b"")
            case Attachment(ref=ref, blob=blob):
                if fresh := self.fresh_media(ref, "content"):
                    self.mark_media(ref, "content", blob)
                return fresh
        slot = _slot(record)
        return True if slot is None else self._state_is_new(slot, codec.encode(record))

    def fresh_roster(self, channel: str, digest_input: bytes) -> bool:
        """As `Writer.fresh_roster`."""
        return self._state_is_new(("roster", channel), digest_input)

    def fresh_media(self, ref: str, vault: Vault) -> bool:
        """As `Writer.fresh_media`."""
        name = tag(self._keys.lasting, "media", vault, ref)
        return name not in self._faces if vault == "roster" else self._value(name) is None

    def mark_media(self, ref: str, vault: Vault, blob: str) -> None:
        """A file's bytes are stored, in this blob."""
        self._files(vault)[tag(self._keys.lasting, "media", vault, ref)] = bytes.fromhex(blob)

    def blob(self, digest: bytes, vault: Vault) -> bytes | None:
        """The blob that holds these bytes already."""
        name = tag(self._keys.lasting, "blob", vault, digest.hex())
        return (self._faces.get(name) if vault == "roster" else self._value(name)) or None

    def mark_blob(self, digest: bytes, vault: Vault, oid: bytes) -> None:
        """These bytes are in this blob."""
        self._files(vault)[tag(self._keys.lasting, "blob", vault, digest.hex())] = oid

    def knows_file(self, digest: bytes) -> bool:
        """As `Writer.knows_file`."""
        return self._value(tag(self._keys.lasting, "file", digest.hex())) is not None

    def mark_file(self, digest: bytes) -> None:
        """As `Writer.mark_file`."""
        self._lasting[tag(self._keys.lasting, "file", digest.hex())] = b""

    def _files(self, vault: Vault) -> dict[bytes, bytes]:
        """Where files of a vault are remembered. Members' pictures for this run only: whoever has this machine could try a
        candidate's public picture against a lasting tag.
        """
        return self._faces if vault == "roster" else self._lasting

    def known_cursors(self, source: str) -> dict[str, dict[str, str]]:
        """As `WriterHome.cursors`."""
        return self._state.cursors(self._keys.cursor, source)

    def cursors(self, changes: dict[str, dict[str, dict[str, str]]]) -> dict[str, dict[str, dict[str, str]]]:
        """Changed cursors made whole: what stands in the state, with the changes over it."""
        whole: dict[str, dict[str, dict[str, str]]] = {}
        for source, groups in changes.items():
            before = self.known_cursors(source)
            for group, entries in groups.items():
                merged = {**before.get(group, {}), **entries}
                whole.setdefault(source, {})[group] = {name: value for name, value in merged.items() if value}
        return whole

    def prepare(self, head: bytes, time: int, cursors: dict[str, dict[str, dict[str, str]]]) -> None:
        """Write down what counts as seen once the commit stands. Replaces an earlier try of the same commit."""
        self._state.settle(())
        events = {
            tag(self._keys.lasting, "events", channel): block for channel, block in self._events.waiting().items()
        }
        self._state.prepare(head, time, events, self._lasting, cursors, self._keys.cursor)

    def settle(self, head: bytes) -> None:
        """The commit stands."""
        self._state.settle((head,))
        self._events.settle()
        self._lasting.clear()

    def _state_is_new(self, slot: tuple[str, ...], value: bytes) -> bool:
        name = tag(self._keys.lasting, *slot)
        digest = local_tag(self._keys.lasting, b"value" + name + value)
        if self._value(name) == digest:
            return False
        self._lasting[name] = digest
        return True

    def _value(self, name: bytes) -> bytes | None:
        waiting = self._lasting.get(name)
        return self._state.value(name) if waiting is None else waiting


def _slot(record: Record) -> tuple[str, ...] | None:
    """What a state describes; None for records that are always written."""
    match record:
        case Group(origin=origin, ref=ref):
            return ("group", origin, ref)
        case Channel(ref=ref):
            return ("channel", ref)
        case Setting(channel=channel, name=name):
            return ("setting", channel, name)
        case Role(group=group, ref=ref):
            return ("role", group, ref)
        case Pins(channel=channel):
            return ("pins", channel)
    return None
