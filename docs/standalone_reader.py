"""Reads a grouparchive file without grouparchive: one page of Python for the day when nothing else is left.

Written from FORMAT.md alone; section numbers in the comments are its sections. It needs `cryptography` (48 or newer), a
zstd module (`backports.zstd`, or Python 3.14), and a way in: the passphrase in a file, or the recovery file.

    python standalone_reader.py lane.archive --passphrase-file FILE > everything.jsonl
    python standalone_reader.py lane.archive --recovery-file FILE --blobs FOLDER > everything.jsonl

Where the archive holds no keys itself, a recovery file brings its own; a passphrase needs `--keys-file FILE` besides.

Each line is one record, with its `"vault"` and the number of its `"commit"` added, in the order of section 14, not folded; the
keys that the archive keeps for itself (`secret`) are left out. What the owner has stated about people follows, with the number
of its `"statement"`. `--blobs` also writes the archived files, under the names that the records' `blob` fields give. What can
not be read is told on standard error, and the exit code is 13 then; 12 means that the secret does not fit.
"""

import argparse
import base64
import hashlib
import hmac
import json
import sqlite3
import struct
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

try:
    from compression import zstd
except ImportError:
    from backports import zstd

CHUNK = 8_388_608
SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class DamagedError(Exception):
    """Something does not fit; the message says what."""


# --- section 1: notation ---------------------------------------------------------------------------------------------


def lp(*parts: bytes) -> bytes:
    """Each part after its length."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def unlp(data: bytes, count: int | None = None) -> list[bytes]:
    """The parts again; `count` is how many there must be."""
    parts, at = [], 0
    while at < len(data):
        if at + 4 > len(data):
            raise DamagedError("a structure is cut off")
        size = struct.unpack_from(">I", data, at)[0]
        at += 4
        if at + size > len(data):
            raise DamagedError("a structure is cut off")
        parts.append(data[at : at + size])
        at += size
    if count is not None and len(parts) != count:
        raise DamagedError("a structure has the wrong number of fields")
    return parts


def be64(number: int) -> bytes:
    """A whole number in 8 bytes."""
    return struct.pack(">Q", number)


def number(data: bytes) -> int:
    """And back."""
    if len(data) != 8:
        raise DamagedError("a number has the wrong length")
    return int.from_bytes(data, "big")


def x(key: bytes, info: bytes) -> bytes:
    """HKDF-Expand to 32 bytes."""
    return hmac.digest(key, info + b"\x01", "sha256")


# --- sections 2 and 6: genesis, writers, commits ---------------------------------------------------------------------


def archive_id(genesis: bytes) -> bytes:
    """The archive's name."""
    return hashlib.sha256(b"ga1/genesis\0" + genesis).digest()


def verify(public: bytes, signature: bytes, message: bytes, what: str) -> None:
    """An Ed25519 signature, or DamagedError."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise DamagedError(f"{what}: the signature does not verify") from None


# --- section 3: vault keys -------------------------------------------------------------------------------------------


class VaultKey:
    """Opens what was sealed to one vault."""

    def __init__(self, root: bytes) -> None:
        seed = hashlib.shake_256(root).digest(96)
        self._key = hpke.MLKEM768X25519PrivateKey(
            MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])
        )

    def open(self, sealed: bytes, archive: bytes, vault: str, epoch: int, oid: bytes) -> bytes:
        """An object's key."""
        info = b"ga1/seal" + lp(archive, vault.encode(), be64(epoch), oid)
        try:
            return SUITE.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError):
            raise DamagedError("its key does not open") from None


# --- section 4: objects ----------------------------------------------------------------------------------------------


def padded(size: int) -> int:
    """The length P of a plaintext of `size` bytes."""
    if size <= 4096:
        return 4096
    e = size.bit_length() - 1
    step = 1 << (e - e.bit_length())
    return -(-size // step) * step


def open_object(
    key: bytes, archive: bytes, place: tuple[str, str], oid: bytes, rows: Iterable[bytes]
) -> Iterator[bytes]:
    """The payload of an object, in pieces; `place` is its vault and kind. Only the end without an error says it is whole."""
    if x(key, b"ga1/oid") != oid:
        raise DamagedError("its key is another object's")
    cipher = AESGCM(x(key, b"ga1/enc" + lp(archive, place[0].encode(), place[1].encode(), oid)))
    return without_padding(chunks(cipher, rows))


def chunks(cipher: AESGCM, rows: Iterable[bytes]) -> Iterator[bytes]:
    """The rows opened one by one. Each waits for the next, for the last one has another nonce."""
    waiting, index = None, 0
    for row in rows:
        if waiting is not None:
            if len(waiting) != CHUNK + 16:
                raise DamagedError("a row has the wrong length")
            yield opened(cipher, index, b"\0", waiting)
            index += 1
        waiting = row
    if waiting is None or not 16 < len(waiting) <= CHUNK + 16:
        raise DamagedError("a row is missing or has the wrong length")
    yield opened(cipher, index, b"\1", waiting)


def opened(cipher: AESGCM, index: int, final: bytes, row: bytes) -> bytes:
    """One row."""
    try:
        return cipher.decrypt(index.to_bytes(11, "big") + final, row, None)
    except InvalidTag:
        raise DamagedError(f"row {index} does not open") from None


def without_padding(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Takes off the 0x80 and the zeros, by holding back the last byte that is not zero and counting the zeros after it."""
    held, zeros, size = b"", 0, 0
    for plain in pieces:
        size += len(plain)
        stripped = plain.rstrip(b"\0")
        if stripped:
            yield held
            while zeros:
                yield bytes(min(zeros, CHUNK))
                zeros -= min(zeros, CHUNK)
            yield stripped[:-1]
            held = stripped[-1:]
        zeros += len(plain) - len(stripped)
    if held != b"\x80" or size != padded(size - zeros):
        raise DamagedError("the padding is wrong")


# --- section 5: key slots --------------------------------------------------------------------------------------------


def passphrase_kek(passphrase: str, params: bytes) -> bytes:
    """The key of a passphrase slot. Costs are bounded before they are paid."""
    salt, memory, passes, lanes = unlp(params, 4)
    costs = number(memory), number(passes), number(lanes)
    if not (8192 <= costs[0] <= 1_048_576 and 1 <= costs[1] <= 10 and 1 <= costs[2] <= 16) or len(salt) != 16:
        raise DamagedError("a slot asks for absurd work")
    normal = unicodedata.normalize("NFKC", passphrase).encode()
    kdf = Argon2id(salt=salt, length=32, iterations=costs[1], lanes=costs[2], memory_cost=costs[0])
    return kdf.derive(normal)


def recovery_key(text: str | None, archive: bytes) -> bytes:
    """The key in a recovery file."""
    low = (text or "").lower()
    if "key:" not in low:
        sys.exit("this is no recovery file: it has no line that begins with key:")
    name = next((line for line in low.splitlines() if line.strip().startswith("archive:")), "")
    if name.split(":", 1)[-1].strip().replace("-", "") != archive[:8].hex():
        sys.exit("this recovery file belongs to another archive")
    after = low[low.index("key:") + 4 :]
    letters = "".join(sign for sign in after if sign not in " ->\r\n\t")[:56].upper()
    data = base64.b32decode(letters)
    key, check = data[:32], data[32:]
    if hashlib.sha256(b"ga1/recovery" + lp(archive, key)).digest()[:3] != check:
        sys.exit("the recovery file was copied with a mistake")
    return key


def open_slot(row: Mapping[str, Any], archive: bytes, kek: bytes) -> bytes | None:
    """The root that a slot wraps; None when the secret does not fit."""
    commitment, nonce, wrapped = row["commitment"], row["nonce"], row["wrapped"]
    place = (archive, row["vault"].encode(), be64(row["epoch"]))
    fields = (*place, row["slot_id"], row["type"].encode(), row["params"])
    whole = hashlib.sha256(b"ga1/slot-sum" + lp(*fields, commitment, nonce, wrapped)).digest()
    if whole != row["checksum"]:
        raise DamagedError("a key slot is damaged")
    ctx = b"ga1/slot" + lp(*fields)
    if not hmac.compare_digest(x(kek, b"commit" + ctx), commitment):
        return None
    try:
        return AESGCM(x(kek, b"wrap" + ctx)).decrypt(nonce, wrapped, ctx)
    except InvalidTag:
        raise DamagedError("a key slot is damaged") from None


def slots_in(text: str) -> list[dict[str, Any]]:
    """The slot rows that stand after `slots:` in a keys file or a recovery file."""
    letters = "".join(sign for sign in text.partition("slots:")[2] if sign not in " >=\r\n\t")
    if not letters:
        return []
    size = 4 + int.from_bytes(base64.b64decode(letters[:8])[:4], "big")
    letters = letters[: -(-size * 4 // 3)]
    data = base64.b64decode(letters + "=" * (-len(letters) % 4))[4:size]
    names = ("slot_id", "vault", "epoch", "type", "params", "commitment", "nonce", "wrapped", "checksum")
    rows: list[dict[str, Any]] = [dict(zip(names, unlp(packed, 9), strict=True)) for packed in unlp(data)]
    for row in rows:
        row |= {"vault": row["vault"].decode(), "type": row["type"].decode(), "epoch": number(row["epoch"])}
    return rows


# --- section 12: the SQLite file -------------------------------------------------------------------------------------

TABLES = {"genesis", "slots", "writers", "commits", "keys", "rows", "statements"}
VAULT_OF = {"segment": "content", "roster": "roster", "record": "content"}  # section 13; blobs may be in either
LONGEST = 4_194_304


class Archive:
    """An open file, the keys of the vaults that the secret opens, and what was found to be damaged."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            sys.exit("there is no such file")
        self.db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        self.db.row_factory = sqlite3.Row
        try:
            marks = [self.db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
            own = self.db.execute("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
            if marks != [0x67613031, 1] or {row[0] for row in own} != TABLES:
                sys.exit("this is no archive, or one of a newer version")
            self.genesis = self.db.execute("SELECT data FROM genesis WHERE id = 1").fetchone()[0]
        except (sqlite3.DatabaseError, TypeError):
            sys.exit("this is no archive, or it is badly damaged")
        version, _nonce, content, roster, self.owner = unlp(self.genesis, 5)
        if number(version) != 1:
            sys.exit("this archive is of a newer version")
        self.public = {"content": content, "roster": roster}
        self.id = archive_id(self.genesis)
        self.keys: dict[tuple[str, int], VaultKey] = {}
        self.damage: list[str] = []
        self.revoked: dict[bytes, int] = {}
        self.changes: dict[bytes, list[bytes] | None] = {}
        self.attended: list[tuple[int, list[bytes]]] = []
        self.retired: list[tuple[int, list[bytes]]] = []
        for row in self.db.execute("SELECT * FROM statements ORDER BY number LIMIT 100000"):
            try:
                self.obey(row)
            except DamagedError as error:
                self.tell(f"statement {row['number']}: {error}")

    def tell(self, sentence: str) -> None:
        """Note what is damaged."""
        self.damage.append(sentence)
        print(f"damaged: {sentence}", file=sys.stderr)

    # --- section 6: the owner's statements ---

    def obey(self, row: sqlite3.Row) -> None:
        """What a statement means for reading."""
        archive, place, _prev, _time, kind, body = unlp(row["statement"], 6)
        head = hashlib.sha256(row["statement"]).digest()
        verify(self.owner, row["signature"], b"ga1/" + kind + b"\0" + head, "the owner")
        if (archive, number(place), kind.decode()) != (self.id, row["number"], row["type"]):
            raise DamagedError("it stands in another's place")
        if kind == b"attended":
            self.attended.append((row["number"], unlp(body, 4)))
        elif kind == b"revoke":
            writer, first = unlp(body, 2)
            self.revoked[writer] = min(number(first), self.revoked.get(writer, number(first)))
        elif kind == b"rewrite":
            for oid, entry in (unlp(change, 2) for change in unlp(body)):
                self.changes[oid] = unlp(entry, 4) if entry else None
        elif kind == b"rotate":
            epoch, _content, _roster, *entries = unlp(body)
            self.retired += [(number(epoch) - 1, unlp(entry, 4)) for entry in entries]

    def now(self, entry: list[bytes]) -> list[bytes] | None:
        """What stands in an object's place by now."""
        found: list[bytes] | None = entry
        for _ in range(len(self.changes)):
            if found is None or found[2] not in self.changes:
                break
            found = self.changes[found[2]]
        return found

    def open_older_keys(self) -> None:
        """The roots of earlier epochs, which are sealed to the later ones."""
        for epoch, entry in reversed(self.retired):
            now, vault = self.now(entry), entry[0].decode()
            if now and any(name == vault for name, _ in self.keys):
                try:
                    self.keys.setdefault((vault, epoch), VaultKey(b"".join(self.payload(now))))
                except DamagedError as error:
                    self.tell(f"keys of epoch {epoch}: {error}")

    def unlock(self, passphrase: str | None, recovery: str | None, apart: str) -> None:
        """Try every slot (section 5), those in the text of a document first."""
        known: dict[bytes, bytes] = {}  # one Argon2 for the rows that share their parameters
        wanted = "recovery" if passphrase is None else "passphrase"
        for row in [*slots_in(apart), *self.db.execute("SELECT * FROM slots ORDER BY rowid LIMIT 256")]:
            if row["type"] != wanted:
                continue
            try:
                params = row["params"]
                if params not in known:
                    known[params] = (
                        passphrase_kek(passphrase, params) if passphrase else recovery_key(recovery, self.id)
                    )
                root = open_slot(row, self.id, known[params])
            except DamagedError as error:
                self.tell(str(error))
                continue
            if root is not None:
                self.keys[row["vault"], row["epoch"]] = VaultKey(root)
        self.open_older_keys()

    # --- section 6: the chain ---

    def commits(self) -> list[tuple[tuple[int, str, int], list[list[bytes]]]]:
        """((time that never runs backwards, writer, number), entries), in reading order (section 14, point 1)."""
        found = []
        for writer in self.db.execute("SELECT * FROM writers LIMIT 256"):
            found += self.chain(writer["writer_id"], writer["pk0"], writer["certificate"])
        return sorted(found, key=lambda commit: commit[0])

    def chain(
        self, writer: bytes, public: bytes, certificate: bytes
    ) -> list[tuple[tuple[int, str, int], list[list[bytes]]]]:
        """One writer's commits. One that does not verify is left out and told, and so is what nobody then vouches for."""
        try:
            verify(self.owner, certificate, b"ga1/writer\0" + lp(self.id, writer, public), "a writer's certificate")
        except DamagedError as error:
            self.tell(str(error))
            return []
        found, latest, before, expected = [], 0, self.id, 0
        for row in self.db.execute("SELECT * FROM commits WHERE writer_id = ? ORDER BY seq", (writer,)):
            name, manifest = f"commit {row['seq']}", row["manifest"]
            if row["seq"] != expected:
                self.tell(f"commits {expected} to {row['seq'] - 1} are missing")
            head, expected = hashlib.sha256(manifest).digest(), row["seq"] + 1
            try:
                archive, whose, seq, prev, time, entries, following = unlp(manifest, 7)
                verify(public, row["signature"], b"ga1/commit\0" + head, name)
                if (archive, whose, number(seq), prev) != (self.id, writer, row["seq"], before):
                    self.tell(f"{name} does not follow the one before it")
                latest, public = max(latest, number(time)), following
                if row["seq"] < self.revoked.get(writer, expected):
                    stand = (self.now(unlp(entry, 4)) for entry in unlp(entries))
                    found.append(((latest, writer.hex(), row["seq"]), [entry for entry in stand if entry]))
            except DamagedError as error:
                self.tell(str(error))
            before = head
        return found

    def listed(self) -> Iterator[tuple[str, list[bytes], dict[str, int]]]:
        """All objects in reading order, each with how to speak of it and what to add to its lines."""
        for (_, _, seq), entries in self.commits():
            yield from ((f"commit {seq}", entry, {"commit": seq}) for entry in entries)
        for place, entry in self.attended:
            now = self.now(entry)
            if now:
                yield f"statement {place}", now, {"statement": place}

    # --- section 13: what a commit holds ---

    def payload(self, entry: list[bytes]) -> Iterator[bytes]:
        """An object's bytes; at the end it is known that they are the signed ones."""
        vault, kind, oid, digest = entry[0].decode(), entry[1].decode(), entry[2], entry[3]
        rows_of_keys = self.db.execute("SELECT * FROM keys WHERE oid = ? ORDER BY epoch DESC", (oid,))
        sealed = next((row for row in rows_of_keys if (vault, row["epoch"]) in self.keys), None)
        if sealed is None:
            raise DamagedError("the key of an object is missing")
        key = self.keys[vault, sealed["epoch"]].open(sealed["sealed"], self.id, vault, sealed["epoch"], oid)
        whole = hashlib.sha256()

        def rows() -> Iterator[bytes]:
            for row in self.db.execute("SELECT data FROM rows WHERE oid = ? ORDER BY number", (oid,)):
                whole.update(row["data"])
                yield row["data"]

        yield from open_object(key, self.id, (vault, kind), oid, rows())
        if whole.digest() != digest:
            raise DamagedError("an object is not the one that was signed")

    def records(self, entry: list[bytes]) -> list[dict[str, object]]:
        """The lines of a segment; of an attended object, the one there is."""
        decompressor = zstd.ZstdDecompressor()
        data = decompressor.decompress(b"".join(self.payload(entry)), LONGEST + 1)
        if len(data) > LONGEST or not decompressor.eof:
            raise DamagedError("a segment is too large or cut")
        return [json.loads(line) for line in data.split(b"\n") if line]


def main() -> int:
    """Read the options, write the lines; the exit code says whether all could be read."""
    parser = argparse.ArgumentParser(description="Read a grouparchive file without grouparchive.")
    parser.add_argument("archive", type=Path)
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--passphrase-file", type=Path)
    way.add_argument("--recovery-file", type=Path)
    parser.add_argument("--keys-file", type=Path, help="where the archive holds no keys itself")
    parser.add_argument("--blobs", type=Path, metavar="FOLDER", help="also write the archived files there")
    given = parser.parse_args()
    archive = Archive(given.archive)
    secret = (given.passphrase_file or given.recovery_file).read_text(encoding="utf-8")
    apart = given.keys_file.read_text(encoding="utf-8") if given.keys_file else secret if given.recovery_file else ""
    archive.unlock(secret.rstrip("\r\n") if given.passphrase_file else None, secret, apart)
    if not archive.keys:
        print("the secret does not fit", file=sys.stderr)
        return 13 if archive.damage else 12
    for sentence, entry, more in archive.listed():
        vault, kind = entry[0].decode(), entry[1].decode()
        if not any(name == vault for name, _ in archive.keys):
            continue
        try:
            if kind == "attended" or (kind in {"segment", "roster"} and VAULT_OF[kind] == vault):
                for record in archive.records(entry):
                    if record.get("kind") != "secret":
                        whole = {"kind": kind} | record if kind == "attended" else record
                        print(json.dumps({**whole, "vault": vault, **more}, ensure_ascii=False))
            elif kind == "blob" and given.blobs:
                given.blobs.mkdir(mode=0o700, parents=True, exist_ok=True)
                with (given.blobs / entry[2].hex()).open("wb") as out:
                    out.writelines(archive.payload(entry))
        except (DamagedError, zstd.ZstdError, ValueError, EOFError) as error:
            archive.tell(f"{sentence}: {error}")
    return 13 if archive.damage else 0


if __name__ == "__main__":
    sys.exit(main())
