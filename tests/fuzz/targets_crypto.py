"""Fuzz targets: what `crypto` reads."""

import functools

from fuzz_kit import folder, pieces, target, written

from grouparchive.crypto import slots
from grouparchive.crypto.files import open_file, seal_file
from grouparchive.crypto.log import SealedLog
from grouparchive.crypto.objects import _unpadded
from grouparchive.crypto.primitives import be64, lp, open_local, padme, seal_local, split_lp
from grouparchive.crypto.recovery import read_recovery_text, write_recovery_text
from grouparchive.crypto.signing import Genesis, Manifest, ManifestEntry, verify_commit, verify_writer
from grouparchive.crypto.vaults import VaultKey, VaultPublicKey

KEY = bytes(range(32))
ID = bytes(range(32, 64))
VAULT = VaultKey.from_root(KEY)
GENESIS = Genesis(KEY, VAULT.public.data, VAULT.public.data, KEY).encode()
MANIFEST = Manifest(
    ID, KEY[:16], 3, KEY, 1_700_000_000_000, (ManifestEntry("content", "segment", KEY, ID),) * 2, KEY
).encode()


@target(lp(b"one", b"", b"two"), lp())
def split_parts(data: bytes) -> None:
    assert lp(*split_lp(data, limit=100)) == data


@target(GENESIS)
def genesis(data: bytes) -> None:
    found = Genesis.decode(data)
    assert found.encode() == data
    VaultPublicKey(found.content_pk).seal_key(KEY, archive_id=found.archive_id, vault="content", epoch=0, oid=ID)


@target(MANIFEST)
def manifest(data: bytes) -> None:
    assert Manifest.decode(data).encode() == data


@target(KEY + ID)
def signatures(data: bytes) -> None:
    one, two, three = pieces(data, 3)
    assert not verify_commit(one, two, three)
    assert not verify_writer(one, ID, KEY[:16], two, three)


@target(lambda: seal_file(VAULT.public, ID, "content", 0, "plan", b'{"a":1}'))
def sealed_file(data: bytes) -> None:
    open_file(data, VAULT, ID, "plan")


@target(lambda: VAULT.public.seal_key(KEY, archive_id=ID, vault="content", epoch=0, oid=KEY))
def sealed_key(data: bytes) -> None:
    VAULT.open_key(data, archive_id=ID, vault="content", epoch=0, oid=KEY)


@target(lambda: seal_local(KEY, b"a cursor", b"place"))
def sealed_local(data: bytes) -> None:
    open_local(KEY, data, b"place")


@target(b"payload\x80" + bytes(4088), b"\x80" + bytes(4095), b"\x80\0" * 9)
def padding(data: bytes) -> None:
    whole = data + bytes(max(0, 4096 - len(data)))
    found = b"".join(_unpadded(pieces(whole, 3)))
    assert whole.startswith(found + b"\x80")
    assert len(whole) == padme(len(found) + 1)


@functools.cache
def a_log() -> bytes:
    path = folder() / "seed.log"
    for word in (b"one", b"two"):
        with SealedLog(path, KEY, b"context") as log:
            log.append(word)
            log.append(word * 20)
    return path.read_bytes()


@target(a_log, lambda: a_log()[:-7], lambda: a_log() + bytes(40))
def sealed_log(data: bytes) -> None:
    path = written("some.log", data)
    with SealedLog(path, KEY, b"context") as log:
        before = list(log)
        log.append(b"more")
    with SealedLog(path, KEY, b"context") as log:
        assert list(log) == [*before, b"more"]


@target(lambda: write_recovery_text(KEY, ID).encode(), lambda: write_recovery_text(KEY, KEY).encode())
def recovery_text(data: bytes) -> None:
    assert read_recovery_text(data.decode("utf-8", "replace"), ID) == KEY


PARAMS = lp(KEY[:16], be64(256 * 1024), be64(3), be64(4))


@target(PARAMS, lp(KEY[:16], be64(2**40), be64(3), be64(4)))
def slot_params(data: bytes) -> None:
    salt, cost = slots._parse(data)
    assert len(salt) == 16
    assert cost.memory <= 1024 * 1024
    assert cost.passes <= 10
    assert cost.lanes <= 16


@target(b"", bytes(60), KEY * 4)
def slot_rows(data: bytes) -> None:
    """Rows that somebody made with proper checksums: only the secret can tell them."""
    slot_id, vault, params, commitment, nonce, wrapped = pieces(data, 6)
    good = slots.new_recovery_slots(slots.RecoveryKey(KEY), ID, 0, {"content": KEY})
    names = (vault.decode("utf-8", "surrogateescape"), "recovery")
    row = slots.SlotRow(
        (slot_id + bytes(16))[:16], names[0], len(data), names[1], params, commitment, nonce, wrapped, b""
    )
    row = slots.replace(row, checksum=row.sum(ID))
    slots.is_sound(row, ID)
    assert slots.open_slots([row, *good], ID, slots.RecoveryKey(KEY)) == {"content": (0, KEY)}


@target(b"seven plain words", b"\xff")
def passphrase(data: bytes) -> None:
    assert slots.Passphrase(data.decode("utf-8", "surrogateescape")).encode()
