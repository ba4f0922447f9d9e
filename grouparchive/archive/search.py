"""Quick search: a scan of all texts, without an index and without anything written anywhere.

Most of a large archive is ruled out by looking at bytes: whole segments first, then lines; only what may match is decoded and
compared properly. Ruling out must never lose a hit, so it compares in the same way, in any script.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

import msgspec

from grouparchive.archive.chain import CommitInfo
from grouparchive.archive.reader import Reader
from grouparchive.archive.suppressed import Hidden
from grouparchive.errors import Damaged, UsageError
from grouparchive.model import codec
from grouparchive.model.records import AnyRecord, Edit, Message, Ref

_ENCRYPTED: Final = '"type":"encrypted"'

Hit = tuple[CommitInfo, Message | Edit]


def search(
    reader: Reader,
    words: Sequence[str],
    *,
    channels: Collection[Ref] | None = None,
    open_message: Callable[[Message], AnyRecord] | None = None,
    hidden: Hidden | None = None,
) -> Iterator[Hit]:
    """Messages and edits that hold all the words, upper or lower case, each event once, in reading order.

    What was deleted at the platform later is found too: it is in the archive.

    Args:
        reader: an unlocked archive.
        words: what to look for; each anywhere in the text, also inside a word.
        channels: only in these.
        open_message: opens end-to-end encrypted messages; without it they are passed over.
        hidden: the people who were erased, in all archives that are searched together.

    Raises:
        UsageError: there is no word.
        WrongSecret: the content is not open.
    """
    wanted = [_fold(word) for word in words if word.strip()]
    if not wanted:
        raise UsageError("there is no word to search for")
    # In the stored JSON a word may stand in either normal form, and with escapes.
    shapes = [
        tuple({_json(unicodedata.normalize(form, word)) for form in ("NFC", "NFD")}) for word in wanted
    ]  # fmt: skip
    seen: set[tuple[str, Ref, Ref]] = set()
    for commit, data in reader.segments("content"):
        for line in _candidates(data, shapes, keep_encrypted=open_message is not None):
            try:
                record = codec.decode(line)
            except Damaged as error:
                reader.note(commit, error)
                continue
            if isinstance(record, Message) and record.type == "encrypted" and open_message:
                record = open_message(record)
            if not isinstance(record, (Message, Edit)) or (channels is not None and record.channel not in channels):
                continue
            if hidden:
                if hidden.holds(record):
                    continue
                record = hidden.cleared(record)
            key = (type(record).__name__, record.channel, record.ref)
            if key not in seen and _holds(record, wanted):
                seen.add(key)
                yield commit, record


def _candidates(data: bytes, shapes: list[tuple[str, ...]], *, keep_encrypted: bool) -> Iterator[bytes]:
    """The lines that may hold all words."""
    text = data.decode("utf-8", "replace").casefold()
    keep = keep_encrypted and _ENCRYPTED in text
    if not keep and not all(any(shape in text for shape in word) for word in shapes):
        return
    lines = data.split(b"\n")
    for number, line in enumerate(text.split("\n")):
        if (keep and _ENCRYPTED in line) or all(any(shape in line for shape in word) for word in shapes):
            yield lines[number]


def _holds(record: Message | Edit, wanted: list[str]) -> bool:
    parts = [record.text, record.html]
    if isinstance(record, Message):
        parts += [one.name for one in record.media]
        if record.poll:
            parts += [record.poll.question, *(option for _, option in record.poll.options)]
    whole = _fold("\n".join(parts))
    return all(word in whole for word in wanted)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _json(text: str) -> str:
    """As the text stands inside a JSON string, in lower case."""
    return msgspec.json.encode(text).decode()[1:-1].casefold()
