"""Key documents: text that survives printing and mail. What the recovery file, the share file and the keys file have in common
stands here: which archive they are of, and the block of slot rows with which they open an archive that holds none itself.
"""

import base64
import binascii
import re
from collections.abc import Sequence

from grouparchive.crypto.primitives import same
from grouparchive.crypto.slotrow import SlotRow, pack_rows, unpack_rows
from grouparchive.errors import Damaged, UsageError, WrongSecret

MAX_TEXT = 128 * 1024
"""Characters of a document that are looked at."""
_WIDTH = 64
_SIZE = 4  # bytes before the rows that say how long they are: what follows them on the paper does not count
_ARCHIVE = re.compile(r"^[ \t>]*archive:[ \t]*([0-9a-f \t-]+?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_WORDS = re.compile(r"^[ \t>]*words:", re.IGNORECASE | re.MULTILINE)
_SLOTS = re.compile(r"^[ \t>]*slots:([A-Za-z0-9+/=\s>]*)", re.IGNORECASE | re.MULTILINE)


def short_id(archive_id: bytes) -> str:
    """How documents name their archive: it names no group and no person."""
    digits = archive_id[:8].hex()
    return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def plain(text: str) -> str:
    """Letters and digits without what printing, wrapping and mail put between them."""
    return re.sub(r"[\s>-]", "", text).lower()


def named_archive(text: str) -> str | None:
    """The archive that a document says it is of, as bare digits; None where it says nothing."""
    found = _ARCHIVE.search(text[:MAX_TEXT])
    return plain(found[1]) if found else None


def is_named(named: str, archive_id: bytes) -> bool:
    """Is this what `named_archive` gives for an archive's documents?"""
    return same(named.encode(), plain(short_id(archive_id)).encode())


def write_slots_block(rows: Sequence[SlotRow]) -> str:
    """Slot rows as lines of a document; "" for none."""
    if not rows:
        return ""
    packed = pack_rows(rows)
    letters = base64.b64encode(len(packed).to_bytes(_SIZE, "big") + packed).decode("ascii")
    lines = [letters[start : start + _WIDTH] for start in range(0, len(letters), _WIDTH)]
    return "slots:\n" + "".join(f"  {line}\n" for line in lines)


def read_slots_block(text: str, archive_id: bytes) -> list[SlotRow]:
    """The slot rows that a document carries; none where it has no such block or is of another archive. They are not checked.

    Raises:
        Damaged: the block is cut short or malformed.
    """
    named, found = named_archive(text), _SLOTS.search(text[:MAX_TEXT])
    if found is None or named is None or not is_named(named, archive_id):
        return []
    letters = re.sub(r"[\s>=]", "", found[1])
    try:
        size = int.from_bytes(base64.b64decode(letters[:8])[:_SIZE], "big") + _SIZE
        needed = -(-size * 4 // 3)
        data = base64.b64decode(letters[:needed] + "=" * (-needed % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _damaged_block() from None
    if len(data) != size or size <= _SIZE:
        raise _damaged_block()
    try:
        return unpack_rows(data[_SIZE:])
    except Damaged:
        raise _damaged_block() from None


def write_keys_text(rows: Sequence[SlotRow], archive_id: bytes) -> str:
    """The keys file's text."""
    return (
        "grouparchive keys file\n"
        "\n"
        "This file opens nothing by itself. But without it, the passphrase does not open the archive.\n"
        "Keep it apart from the archive and from the passphrase, and keep a copy of it.\n"
        "\n"
        f"archive: {short_id(archive_id)}\n"
        f"{write_slots_block(rows)}"
    )


def read_keys_text(text: str, archive_id: bytes) -> list[SlotRow]:
    """The slot rows of a keys file, not checked.

    Raises:
        UsageError: this is no keys file.
        WrongSecret: it belongs to another archive.
        Damaged: what it holds is cut short or malformed.
    """
    if _WORDS.search(text[:MAX_TEXT]):
        raise UsageError("this is a share", hint="Give it with --share-file F, and as many others as are needed.")
    named = named_archive(text)
    if named is None or not _SLOTS.search(text[:MAX_TEXT]):
        raise UsageError(
            "this is not a recovery file, and no keys file either",
            hint="Both have a line that starts with `archive:`; then a recovery file has `key:`, a keys file `slots:`.",
        )
    if not is_named(named, archive_id):
        raise WrongSecret(
            "this keys file belongs to another archive",
            hint=f"The right one has the line `archive: {short_id(archive_id)}`.",
        )
    return read_slots_block(text, archive_id)


def _damaged_block() -> Damaged:
    return Damaged(
        "what follows `slots:` in this file is damaged or not complete",
        hint="Fetch another copy of the file. If you typed it off paper, compare it with the paper, also capitals.",
    )
