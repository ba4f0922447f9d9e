"""One wrong byte in what a whole archive hangs on, found by trying: the genesis, a way in, a writer. Each of them has a hash
or a signature that tells when it is right, and none of them is long.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from grouparchive.archive.chain import Writer, is_certified
from grouparchive.crypto.signing import Genesis, archive_id_of
from grouparchive.crypto.slots import SlotRow, is_sound


def one_byte_off(data: bytes) -> Iterator[bytes]:
    """All values that differ from the data in exactly one byte."""
    for at, was in enumerate(data):
        before, after = data[:at], data[at + 1 :]
        for value in range(256):
            if value != was:
                yield before + bytes((value,)) + after


def mended_genesis(births: Iterable[bytes], archive_id: bytes) -> Genesis | None:
    """The genesis of an archive, from stored forms of it with one wrong byte. Takes seconds."""
    variants = (variant for birth in births for variant in one_byte_off(birth))
    return next((Genesis.decode(one) for one in variants if archive_id_of(one) == archive_id), None)


def mended_writer(genesis: Genesis, row: Writer) -> Writer | None:
    """A certified writer, from a row with one wrong byte in its key or its certificate."""
    candidates = chain(
        (replace(row, pk0=variant) for variant in one_byte_off(row.pk0)),
        (replace(row, certificate=variant) for variant in one_byte_off(row.certificate)),
    )
    return next((one for one in candidates if is_certified(genesis, one)), None)


def mended_slot(row: SlotRow, archive_id: bytes) -> SlotRow | None:
    """A sound slot row, from one with one wrong byte."""
    candidates = chain(
        (replace(row, slot_id=variant) for variant in one_byte_off(row.slot_id)),
        (replace(row, params=variant) for variant in one_byte_off(row.params)),
        (replace(row, commitment=variant) for variant in one_byte_off(row.commitment)),
        (replace(row, nonce=variant) for variant in one_byte_off(row.nonce)),
        (replace(row, wrapped=variant) for variant in one_byte_off(row.wrapped)),
        (replace(row, checksum=variant) for variant in one_byte_off(row.checksum)),
    )
    return next((one for one in candidates if is_sound(one, archive_id)), None)
