from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouparchive.crypto import signing
from grouparchive.crypto.signing import Genesis, Manifest, ManifestEntry
from grouparchive.crypto.vaults import VaultKey, VaultPublicKey
from grouparchive.errors import Damaged, NoArchive

SEED, OWNER = b"s" * 32, b"o" * 32
AID, WRITER = b"a" * 32, b"w" * 16

ids = st.binary(min_size=32, max_size=32)
words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=32)
manifests = st.builds(
    Manifest,
    archive_id=ids,
    writer_id=st.binary(min_size=16, max_size=16),
    seq=st.integers(0, (1 << 63) - 1),
    prev=ids,
    time=st.integers(0, (1 << 63) - 1),
    entries=st.lists(st.builds(ManifestEntry, words, words, ids, ids), max_size=4).map(tuple),
    next_pk=ids,
)


@given(manifests)
def test_a_manifest_comes_back_as_it_was(manifest: Manifest) -> None:
    assert Manifest.decode(manifest.encode()) == manifest
    assert len(manifest.head()) == 32


@given(st.binary(max_size=400))
def test_any_bytes_are_no_manifest_and_no_genesis(junk: bytes) -> None:
    with pytest.raises(Damaged):
        Manifest.decode(junk)
    with pytest.raises((Damaged, NoArchive)):
        Genesis.decode(junk)


@given(manifests, st.data())
def test_whatever_is_changed_in_a_manifest_its_signature_fails(manifest: Manifest, data: st.DataObject) -> None:
    encoded = manifest.encode()
    sig = signing.sign_commit(SEED, encoded)
    pk = signing.seed_public(SEED)
    assert signing.verify_commit(pk, encoded, sig)
    at = data.draw(st.integers(0, len(encoded) - 1))
    assert not signing.verify_commit(pk, encoded[:at] + bytes([encoded[at] ^ 1]) + encoded[at + 1 :], sig)
    assert not signing.verify_commit(signing.seed_public(OWNER), encoded, sig)


def test_a_manifest_that_claims_too_many_objects_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "MAX_ENTRIES", 2)
    entry = ManifestEntry("content", "segment", AID, AID)
    manifest = Manifest(AID, WRITER, 0, AID, 0, (entry,) * 2, AID)
    assert Manifest.decode(manifest.encode()) == manifest
    with pytest.raises(Damaged):
        Manifest.decode(replace(manifest, entries=(entry,) * 3).encode())


def test_the_owner_certifies_one_writer_for_one_archive() -> None:
    pk0, owner = signing.seed_public(SEED), signing.owner_public(OWNER)
    sig = signing.sign_writer(OWNER, AID, WRITER, pk0)
    assert signing.verify_writer(owner, AID, WRITER, pk0, sig)
    assert not signing.verify_writer(owner, b"b" * 32, WRITER, pk0, sig)
    assert not signing.verify_writer(owner, AID, b"v" * 16, pk0, sig)
    assert not signing.verify_writer(owner, AID, WRITER, owner, sig)
    assert not signing.verify_writer(pk0, AID, WRITER, pk0, sig)


@pytest.mark.parametrize(("pk", "sig"), [(b"", b""), (b"x", b"x" * 64), (b"\xff" * 32, b"x" * 64), (b"x" * 32, b"x")])
def test_malformed_keys_and_signatures_are_just_wrong(pk: bytes, sig: bytes) -> None:
    assert not signing.verify_commit(pk, b"manifest", sig)


def test_a_certificate_is_no_commit_signature() -> None:
    sig = signing.sign_writer(OWNER, AID, WRITER, signing.seed_public(SEED))
    assert not signing.verify_commit(signing.owner_public(OWNER), AID, sig)


def test_seeds_move_on_and_do_not_come_back() -> None:
    seeds = [SEED]
    for _ in range(5):
        seeds.append(signing.next_seed(seeds[-1]))
    assert len(set(seeds)) == 6


def genesis() -> Genesis:
    pks = (VaultKey.from_root(bytes([n]) * 32).public.data for n in (1, 2))
    return Genesis(b"n" * 32, *pks, signing.owner_public(OWNER))


def test_the_archive_id_commits_to_every_public_key() -> None:
    born = genesis()
    assert Genesis.decode(born.encode()) == born
    swapped = [
        replace(born, nonce=b"m" * 32),
        replace(born, content_pk=born.roster_pk),
        replace(born, roster_pk=born.content_pk),
        replace(born, owner_pk=signing.owner_public(SEED)),
    ]
    assert len({one.archive_id for one in [born, *swapped]}) == 5


@pytest.mark.parametrize("cut", [1, 33, 1217])
def test_a_cut_genesis_is_damage(cut: int) -> None:
    with pytest.raises(Damaged):
        Genesis.decode(genesis().encode()[:-cut])


def test_a_genesis_of_a_newer_format_says_so() -> None:
    newer = bytearray(genesis().encode())
    newer[11] = 2
    with pytest.raises(NoArchive, match="newer version"):
        Genesis.decode(bytes(newer) + b"\0\0\0\0")


@pytest.mark.parametrize("data", [b"", bytes(1215), bytes(1217), b"\xff" * 1216])
def test_what_is_no_public_key_is_refused(data: bytes) -> None:
    with pytest.raises(Damaged):
        VaultPublicKey(data)


def test_a_root_of_another_length_is_refused() -> None:
    with pytest.raises(Damaged):
        VaultKey.from_root(b"short")


def test_sealing_the_same_key_twice_looks_different() -> None:
    public = VaultKey.from_root(b"r" * 32).public
    one, other = (public.seal_key(SEED, archive_id=AID, vault="roster", epoch=0, oid=AID) for _ in range(2))
    assert len(one) == len(other) == 1168
    assert one != other
