"""The frozen vectors of docs/FORMAT.md. A failure here means that archives already written can no longer be read: never
change a vector, make a new format version.
"""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grouparchive import errors
from grouparchive.crypto import (
    crockford,
    files,
    invitation,
    keyfile,
    log,
    members,
    objects,
    primitives,
    shares,
    signing,
    slotrow,
    slots,
    statements,
    vaults,
    witness,
    words,
)

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))


def h(value: str) -> bytes:
    return bytes.fromhex(value)


def do_lp(v: dict[str, Any]) -> dict[str, Any]:
    joined = primitives.lp(*map(h, v["parts"]))
    assert [part.hex() for part in primitives.split_lp(joined, limit=10)] == v["parts"]
    return {"joined": joined.hex()}


def do_expand(v: dict[str, Any]) -> dict[str, Any]:
    return {"out": primitives.expand(h(v["key"]), h(v["info"])).hex()}


def do_padme(v: dict[str, Any]) -> dict[str, Any]:
    return {"padded": [primitives.padme(n) for n in v["lengths"]]}


def do_local(v: dict[str, Any]) -> dict[str, Any]:
    return {"data": primitives.open_local(h(v["key"]), h(v["sealed"]), h(v["info"])).hex()}


def do_local_tag(v: dict[str, Any]) -> dict[str, Any]:
    key, lead, data = h(v["key"]), h(v["lead"]), h(v["data"])
    found = primitives.local_tag(key, lead + data)
    begun = primitives.begun_tag(key, lead).copy()
    begun.update(data)
    assert begun.digest() == found
    return {"tag": found.hex()}


def do_vault(v: dict[str, Any]) -> dict[str, Any]:
    return {"public_key": vaults.VaultKey.from_root(h(v["root"])).public.data.hex()}


def do_seal(v: dict[str, Any]) -> dict[str, Any]:
    key = vaults.VaultKey.from_root(h(v["root"]))
    names = {"archive_id": h(v["archive_id"]), "vault": v["vault"], "epoch": v["epoch"], "oid": h(v["oid"])}
    return {"key": key.open_key(h(v["sealed"]), **names).hex()}


def do_genesis(v: dict[str, Any]) -> dict[str, Any]:
    pks = [vaults.VaultKey.from_root(h(v[name])).public.data for name in ("content_root", "roster_root")]
    genesis = signing.Genesis(h(v["nonce"]), *pks, signing.owner_public(h(v["owner_seed"])))
    assert signing.Genesis.decode(genesis.encode()) == genesis
    return {
        "owner_pk": genesis.owner_pk.hex(),
        "encoded_sha256": hashlib.sha256(genesis.encode()).hexdigest(),
        "archive_id": genesis.archive_id.hex(),
    }


def do_genesis_decode(v: dict[str, Any]) -> dict[str, Any]:
    return {"archive_id": signing.Genesis.decode(h(v["encoded"])).archive_id.hex()}


def payload_of(v: dict[str, Any]) -> bytes:
    return h(v["repeat"]) * v["times"]


def do_object(v: dict[str, Any]) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects.os, "urandom", lambda _: h(v["key"]))
        sealer = objects.ObjectSealer(h(v["archive_id"]), v["vault"], v["kind"])
    rows = list(sealer.rows([payload_of(v)]))
    opened = objects.open_rows(sealer.key, h(v["archive_id"]), v["vault"], v["kind"], sealer.oid, rows)
    assert b"".join(opened) == payload_of(v)
    ek_info = b"ga1/enc" + primitives.lp(h(v["archive_id"]), v["vault"].encode(), v["kind"].encode(), sealer.oid)
    return {
        "oid": sealer.oid.hex(),
        "encryption_key": primitives.expand(sealer.key, ek_info).hex(),
        "row_sizes": [len(row) for row in rows],
        "first_row_starts": rows[0][:32].hex(),
        "body_hash": sealer.body_hash.hex(),
    }


def do_open_object(v: dict[str, Any]) -> dict[str, Any]:
    rows = map(h, v["rows"])
    opened = objects.open_rows(h(v["key"]), h(v["archive_id"]), v["vault"], v["kind"], h(v["oid"]), rows)
    return {"payload": b"".join(opened).hex()}


def do_slot(v: dict[str, Any]) -> dict[str, Any]:
    row = slots.SlotRow(
        h(v["slot_id"]), v["vault"], v["epoch"], v["type"],
        *(h(v[name]) for name in ("params", "commitment", "nonce", "wrapped", "checksum")),
    )  # fmt: skip
    secret: slots.Unlocking = slots.RecoveryKey(h(v.get("recovery", "")))
    if "passphrase" in v:
        secret = slots.Passphrase(v["passphrase"])
    elif "shares" in v:
        secret = slots.Shares(tuple(v["shares"]))
    opened = slots.open_slots([row], h(v["archive_id"]), secret)[v["vault"]]
    assert opened.epoch == v["epoch"]
    return {"root": opened.root.hex()}


def do_recovery_text(v: dict[str, Any]) -> dict[str, Any]:
    return {"key": slots.read_recovery_text(v["text"], h(v["archive_id"])).hex()}


def do_share_text(v: dict[str, Any]) -> dict[str, Any]:
    return {"words": shares.read_share_text(v["text"], h(v["archive_id"]))}


def do_keys_text(v: dict[str, Any]) -> dict[str, Any]:
    rows = keyfile.read_keys_text(v["text"], h(v["archive_id"]))
    assert all(slots.is_sound(row, h(v["archive_id"])) for row in rows)
    return {"packed": slotrow.pack_rows(rows).hex(), "rows": [[row.type, row.vault, row.epoch] for row in rows]}


def do_check_words(v: dict[str, Any]) -> dict[str, Any]:
    return {"words": " ".join(words.check_words(h(v["archive_id"])))}


def do_writer(v: dict[str, Any]) -> dict[str, Any]:
    pk0 = signing.seed_public(h(v["writer_seed"]))
    sig = signing.sign_writer(h(v["owner_seed"]), h(v["archive_id"]), h(v["writer_id"]), pk0)
    owner = signing.owner_public(h(v["owner_seed"]))
    assert signing.verify_writer(owner, h(v["archive_id"]), h(v["writer_id"]), pk0, sig)
    return {"pk0": pk0.hex(), "signature": sig.hex(), "next_seed": signing.next_seed(h(v["writer_seed"])).hex()}


def do_manifest(v: dict[str, Any]) -> dict[str, Any]:
    entries = tuple(signing.ManifestEntry(vault, kind, h(oid), h(body)) for vault, kind, oid, body in v["entries"])
    manifest = signing.Manifest(
        h(v["archive_id"]), h(v["writer_id"]), v["seq"], h(v["prev"]), v["time"], entries, h(v["next_pk"])
    )
    encoded = manifest.encode()
    assert signing.Manifest.decode(encoded) == manifest
    sig = signing.sign_commit(h(v["writer_seed"]), encoded)
    assert signing.verify_commit(signing.seed_public(h(v["writer_seed"])), encoded, sig)
    return {"encoded": encoded.hex(), "head": manifest.head().hex(), "signature": sig.hex()}


def do_manifest_decode(v: dict[str, Any]) -> dict[str, Any]:
    return {"seq": signing.Manifest.decode(h(v["encoded"])).seq}


def _entries(rows: list[list[str]]) -> tuple[signing.ManifestEntry, ...]:
    return tuple(signing.ManifestEntry(vault, kind, h(oid), h(body)) for vault, kind, oid, body in rows)


def do_statement(v: dict[str, Any]) -> dict[str, Any]:
    if "body_of" in v:
        of = v["body_of"]
        pks = [vaults.VaultKey.from_root(h(of[name])).public.data for name in ("content_root", "roster_root")]
        rotation = statements.Rotation(of["epoch"], pks[0], pks[1], _entries(of["retired"]))
        assert statements.Rotation.decode(rotation.encode()) == rotation
        body = rotation.encode()
    else:
        body = h(v["body"])
    one = statements.Statement(h(v["archive_id"]), v["number"], h(v["prev"]), v["time"], v["type"], body)
    assert statements.Statement.decode(one.encode()) == one
    sig = statements.sign_statement(h(v["owner_seed"]), one)
    assert statements.verify_statement(signing.owner_public(h(v["owner_seed"])), one, sig)
    return {
        "encoded_sha256": hashlib.sha256(one.encode()).hexdigest(),
        "head": one.head().hex(),
        "signature": sig.hex(),
    }


def do_statement_decode(v: dict[str, Any]) -> dict[str, Any]:
    one = statements.Statement.decode(h(v["encoded"]))
    if not statements.verify_statement(h(v["owner_pk"]), one, h(v["signature"])):
        raise errors.Damaged("its signature does not fit")
    revocation = statements.Revocation.decode(one.body)
    return {
        "number": one.number,
        "type": one.type,
        "writer_id": revocation.writer_id.hex(),
        "seq": revocation.seq,
    }


def do_witness(v: dict[str, Any]) -> dict[str, Any]:
    return {"words": " ".join(witness.witness(h(v["archive_id"]), h(v["writer_id"]), v["seq"], h(v["head"])))}


def do_witness_read(v: dict[str, Any]) -> dict[str, Any]:
    return {"words": " ".join(witness.read_witness(v["text"]))}


def do_member(v: dict[str, Any]) -> dict[str, Any]:
    names = members.Pseudonyms(h(v["key"]))
    return {"id": names.member_id(v["platform"], v["origin"], v["native"])}


def do_forgotten(v: dict[str, Any]) -> dict[str, Any]:
    return {"tag": members.forgotten_tag(h(v["key"]), v["platform"], v["origin"], v["native"]).hex()}


def do_file(v: dict[str, Any]) -> dict[str, Any]:
    key = vaults.VaultKey.from_root(h(v["root"]))
    return {"payload": files.open_file(h(v["data"]), key, h(v["archive_id"]), v["kind"]).hex()}


def do_log(v: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "log"
    path.write_bytes(h(v["data"]))
    with log.SealedLog(path, h(v["key"]), h(v["context"])) as opened:
        return {"entries": [entry.hex() for entry in opened]}


def do_invite_key(v: dict[str, Any]) -> dict[str, Any]:
    public = invitation.invite_public(h(v["secret"]))
    letters = invitation.write_public(public)
    return {"public": public.hex(), "letters": letters, "words": " ".join(invitation.key_words(public))}


def do_invite_key_read(v: dict[str, Any]) -> dict[str, Any]:
    return {"public": invitation.read_public(v["text"]).hex()}


def do_card(v: dict[str, Any]) -> dict[str, Any]:
    return {"codes": [invitation.card_code(h(v["card"]), h(v["archive_id"]), number) for number in v["numbers"]]}


def do_campaign_id(v: dict[str, Any]) -> dict[str, Any]:
    return {"id": invitation.campaign_id(h(v["key"])).hex()}


def do_address(v: dict[str, Any]) -> dict[str, Any]:
    return {"hashes": [invitation.address_hash(h(v["salt"]), address).hex() for address in v["addresses"]]}


def do_text(v: dict[str, Any]) -> dict[str, Any]:
    return {
        "canonical": [invitation.canonical(text) for text in v["texts"]],
        "digests": [invitation.text_digest(text).hex() for text in v["texts"]],
    }


def do_message(v: dict[str, Any]) -> dict[str, Any]:
    block = invitation.Block(
        *(h(v[name]) for name in ("archive_id", "campaign", "salt", "address")),
        v["expires"], h(v["digest"]), v["signs"], v["step"], v["link"],
    ).signed(h(v["secret"]))  # fmt: skip
    letters = block.encode().replace("\n", "")
    assert crockford.decode(letters[7:-7])[0] == 1
    return {"tag": block.tag().hex(), "signature": block.signature.hex(), "letters": letters}


def do_message_read(v: dict[str, Any]) -> dict[str, Any]:
    before, block, after = invitation.split_message(v["text"])
    fields = {
        name: value.hex() if isinstance(value, bytes) else value
        for name in ("archive_id", "campaign", "salt", "address", "expires", "digest", "signs", "step", "link")
        for value in [getattr(block, name)]
    }
    signed = block.is_of(h(v["public"]))
    return {"before": before, "after": after, "tag": block.tag().hex(), "signed": signed, "fields": fields}


def do_said(v: dict[str, Any]) -> dict[str, Any]:
    names = h(v["card"]), h(v["archive_id"]), v["person"]
    return {"tags": [invitation.proof_tag(*names, proof) for proof in v["proofs"]]}


DO: dict[str, Callable[..., dict[str, Any]]] = {
    name.removeprefix("do_").replace("_", "-"): function
    for name, function in list(globals().items())
    if name.startswith("do_")
}


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_vector(vector: dict[str, Any], tmp_path: Path) -> None:
    extra = [tmp_path] if vector["construction"] == "log" else []
    run = DO[vector["construction"]]
    if "fails" in vector:
        with pytest.raises(errors.GroupArchiveError) as caught:
            run(vector["input"], *extra)
        assert type(caught.value).__name__ == vector["fails"]
    else:
        assert run(vector["input"], *extra) == vector["output"]


def test_every_construction_has_a_vector_and_every_opening_a_failing_one() -> None:
    assert {vector["construction"] for vector in VECTORS} == set(DO)
    failing = {vector["construction"] for vector in VECTORS if "fails" in vector}
    assert failing >= {
        "local",
        "seal",
        "genesis-decode",
        "open-object",
        "slot",
        "manifest-decode",
        "file",
        "log",
        "statement-decode",
        "keys-text",
        "share-text",
        "invite-key-read",
        "card",
        "message-read",
    }


def test_the_format_page_quotes_only_frozen_values() -> None:
    page = (Path(__file__).parents[2] / "docs" / "FORMAT.md").read_text("utf-8")
    part = page[page.index("## 11. Vectors") :].split("\n# ")[0]
    frozen = json.dumps(VECTORS)
    quoted = re.findall(r"`([0-9a-f]{32,})`", part)
    assert len(quoted) == 14
    assert [value for value in quoted if value not in frozen] == []
