"""A vault's key is two keys, and both are needed: neither a broken lattice nor a broken curve opens what was sealed."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from grouparchive.crypto.vaults import VaultKey
from grouparchive.errors import Damaged

MLKEM = 1184
ROOT, OTHER = b"r" * 32, b"o" * 32
NAMES = {"archive_id": b"a" * 32, "vault": "roster", "epoch": 0, "oid": b"n" * 32}


def halves(root: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    stretched = hashlib.shake_256(root).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(stretched[:64]), X25519PrivateKey.from_private_bytes(stretched[64:])


def test_both_halves_of_a_key_come_from_its_root() -> None:
    one, other = VaultKey.from_root(ROOT).public.data, VaultKey.from_root(OTHER).public.data
    assert one[:MLKEM] != other[:MLKEM]
    assert one[MLKEM:] != other[MLKEM:]
    lattice, curve = halves(ROOT)
    assert one == lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


@pytest.mark.parametrize("stolen", ["curve", "lattice"])
def test_one_half_of_a_key_opens_nothing(stolen: str) -> None:
    """A quantum computer may find the curve's private key out of the public one. The lattice's is then still missing."""
    whole = VaultKey.from_root(ROOT)
    sealed = whole.public.seal_key(b"k" * 32, **NAMES)  # type: ignore[arg-type]
    assert whole.open_key(sealed, **NAMES) == b"k" * 32  # type: ignore[arg-type]
    (lattice, curve), (wrong_lattice, wrong_curve) = halves(ROOT), halves(OTHER)
    have = MLKEM768X25519PrivateKey(*((wrong_lattice, curve) if stolen == "curve" else (lattice, wrong_curve)))
    with pytest.raises(Damaged):
        VaultKey(have, whole.public).open_key(sealed, **NAMES)  # type: ignore[arg-type]
