"""The recovery file: a random key as text that survives printing, typing off paper and mail programs."""

import base64
import hashlib
import os
import re
from collections.abc import Sequence

from grouparchive.crypto.keyfile import MAX_TEXT, is_named, named_archive, plain, short_id, write_slots_block
from grouparchive.crypto.primitives import KEY_SIZE, lp, same
from grouparchive.crypto.slotrow import SlotRow
from grouparchive.errors import UsageError, WrongSecret

_CHECK_SIZE = 3  # with the key, 35 bytes: exactly 56 letters of base32
_LETTERS = 56
_KEY = re.compile(r"^[ \t>]*key:(.*)", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_LOOKALIKES = str.maketrans("018", "oib")  # base32 has no 0, 1 and 8: who types them read them off paper


def generate_recovery() -> bytes:
    """A new recovery key: 32 random bytes."""
    return os.urandom(KEY_SIZE)


def write_recovery_text(key: bytes, archive_id: bytes, slots: Sequence[SlotRow] = ()) -> str:
    """The recovery file's text. Names the archive by a short id, and no group and no person.

    Args:
        key: the recovery key.
        archive_id: of the archive it opens.
        slots: the key's slot rows, where the archive itself holds none.
    """
    letters = base64.b32encode(key + _check(key, archive_id)).decode("ascii")
    groups = [letters[start : start + 4] for start in range(0, _LETTERS, 4)]
    half = len(groups) // 2
    return (
        "grouparchive recovery key\n"
        "\n"
        "Whoever has this key and a copy of the archive can read what is in it.\n"
        "Keep it on paper or on a stick, away from the machine that makes the backups.\n"
        "\n"
        f"archive: {short_id(archive_id)}\n"
        f"key: {'-'.join(groups[:half])}-\n"
        f"     {'-'.join(groups[half:])}\n"
        f"{write_slots_block(slots)}"
    )


def has_recovery_key(text: str) -> bool:
    """Does a document claim to hold a recovery key?"""
    return _KEY.search(text[:MAX_TEXT]) is not None


def read_recovery_text(text: str, archive_id: bytes) -> bytes:
    """The key out of a recovery file's text. Case, spaces, dashes and line breaks inside the key do not matter.

    Raises:
        UsageError: this is no recovery file.
        WrongSecret: it belongs to another archive, or a letter of it is wrong or missing.
    """
    named = named_archive(text)
    letters = _KEY.search(text[:MAX_TEXT])
    if named is None or letters is None:
        raise UsageError(
            "this is not a recovery file",
            hint="A recovery file has a line that starts with `archive:` and one that starts with `key:`.",
        )
    if not is_named(named, archive_id):
        raise WrongSecret(
            "this recovery file belongs to another archive",
            hint=f"The right one has the line `archive: {short_id(archive_id)}`.",
        )
    data = _decode(plain(letters[1])[:_LETTERS].translate(_LOOKALIKES).upper())
    key, check = data[:KEY_SIZE], data[KEY_SIZE:]
    if not same(check, _check(key, archive_id)):
        raise _typing_error()
    return key


def _decode(letters: str) -> bytes:
    try:
        return base64.b32decode(letters)
    except ValueError:  # letters are missing, or are none of base32
        raise _typing_error() from None


def _typing_error() -> WrongSecret:
    return WrongSecret(
        "the recovery key has a typing error or is not complete",
        hint="Compare it letter by letter with the original, then try again.",
    )


def _check(key: bytes, archive_id: bytes) -> bytes:
    return hashlib.sha256(b"ga1/recovery" + lp(archive_id, key)).digest()[:_CHECK_SIZE]
