"""What makes a message believable. Everything comes from two secrets that every archive keeps sealed to its roster: the invite
secret signs, the card key gives the codes on cards. Who has only the machine that makes backups has neither.

A signature is bound to the archive, the campaign, the address of the recipient, the link, the moment at which it ends, the step
and the text. It travels as letters below the text and survives what mail and chats do to both.
"""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from grouparchive.crypto import crockford
from grouparchive.crypto.primitives import KEY_SIZE, be64, expand, lp, same, split_lp
from grouparchive.crypto.signing import seed_public, verify_signature
from grouparchive.crypto.words import to_words
from grouparchive.errors import Damaged, UsageError, WrongSecret

CAMPAIGN_SIZE = 16
SALT_SIZE = 16
MOST_CARDS = 9999
KEY_WORDS = 8
_VERSION = b"\x01"
_CHECK = 3
_SIGNATURE = 64
_CODE_BYTES = 5
_PHONE_DIGITS = 9
_LINE = 40
_MOST_LETTERS = 4000
_HEAD = 1 + KEY_SIZE + CAMPAIGN_SIZE + SALT_SIZE + KEY_SIZE + 8 + KEY_SIZE + 4 + _SIGNATURE
_KEY_LETTERS = (KEY_SIZE + _CHECK) * 8 // crockford.BITS

# What mail and chats add, take away or exchange: white space, signs without width, marks of quotes.
_UNSEEN = re.compile("[\t-\r >\x85\xa0\xad\u1680\u180e\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]")
_BLOCK = re.compile(r"\[check:(.*?):check\]", re.IGNORECASE | re.DOTALL)
_BEGIN = "[check:"
_END = ":check]"
_PHONE = re.compile(r"\+?[0-9 ()./-]{5,}")


def invite_public(secret: bytes) -> bytes:
    """The public key, 32 bytes, by which messages are checked."""
    return seed_public(_seed(secret))


def campaign_id(campaign_key: bytes) -> bytes:
    """The 16 bytes that stand for a campaign in its messages."""
    return expand(campaign_key, b"ga1/campaign")[:CAMPAIGN_SIZE]


def card_code(card_key: bytes, archive_id: bytes, number: int) -> str:
    """The code of a neutral card: 8 letters, 40 bits.

    Raises:
        UsageError: there is no card of that number.
    """
    if not 1 <= number <= MOST_CARDS:
        raise UsageError("there is no card of that number", hint=f"Cards have numbers from 1 to {MOST_CARDS}.")
    return crockford.encode(expand(card_key, b"ga1/card" + lp(archive_id, be64(number)))[:_CODE_BYTES])


def same_code(code: str, typed: str) -> bool:
    """Is what a person typed this code? Case, spaces, dashes and letters that look alike do not matter."""
    return same(crockford.plain(code).encode(), crockford.plain(typed).encode("utf-8", "replace"))


def proof_tag(card_key: bytes, archive_id: bytes, person: str, proof: str) -> str:
    """What stands in a journal for a word or code that was said to somebody, as hex: tells neither to whoever lacks the key.

    Args:
        card_key: of the archive.
        archive_id: likewise.
        person: anything that names the person, the same each time.
        proof: the private word or the code, however it is written.
    """
    signs = unicodedata.normalize("NFKC", proof).casefold()
    bare = "".join(sign for sign in signs if unicodedata.category(sign)[0] not in "ZPC")
    data = lp(archive_id, person.encode(), bare.encode())
    return hmac.digest(expand(card_key, b"ga1/said"), data, "sha256")[:16].hex()


def canonical(text: str) -> str:
    """A text as it is signed: NFC, without white space, signs without width and `>`."""
    return _UNSEEN.sub("", unicodedata.normalize("NFC", text))


def address_hash(salt: bytes, address: str) -> bytes:
    """What stands for an address in a message: whoever has the address can compute it again."""
    kind, bare = _address(address)
    return hashlib.sha256(b"ga1/address\0" + lp(salt, kind.encode(), bare.encode("utf-8", "replace"))).digest()


def text_digest(text: str) -> bytes:
    """SHA-256 of a text as it is signed."""
    return hashlib.sha256(b"ga1/text\0" + canonical(text).encode("utf-8", "replace")).digest()


@dataclass(frozen=True, slots=True)
class Block:
    """What stands below a signed text. `expires` is in milliseconds; `signs` is how long the canonical text is, a help for
    telling what was changed and not signed itself.
    """

    archive_id: bytes
    campaign: bytes
    salt: bytes
    address: bytes
    expires: int
    digest: bytes
    signs: int
    step: str
    link: str
    signature: bytes = bytes(_SIGNATURE)

    def tag(self) -> bytes:
        """SHA-256 of what is signed: the name of this one message."""
        fields = (self.archive_id, self.campaign, self.address, self.link.encode(), be64(self.expires))
        return hashlib.sha256(lp(*fields, self.step.encode(), self.digest)).digest()

    def signed(self, secret: bytes) -> "Block":
        """The same with its signature."""
        key = Ed25519PrivateKey.from_private_bytes(_seed(secret))
        return replace(self, signature=key.sign(_message(self.tag())))

    def is_of(self, public: bytes) -> bool:
        """Was it signed by the holder of the secret behind this key?"""
        return verify_signature(public, _message(self.tag()), self.signature)

    def encode(self) -> str:
        """The lines below the text."""
        data = b"".join(
            (
                _VERSION, self.archive_id, self.campaign, self.salt, self.address, be64(self.expires), self.digest,
                self.signs.to_bytes(4, "big"), self.signature, lp(self.step.encode(), self.link.encode()),
            )
        )  # fmt: skip
        letters = crockford.encode(data + _check(b"ga1/block", data))
        lines = [letters[start : start + _LINE] for start in range(0, len(letters), _LINE)]
        return "\n".join((_BEGIN, *lines, _END))


def has_block(text: str) -> bool:
    """Is there the beginning of such lines in a message?"""
    return _BEGIN in canonical(text).casefold()


def split_message(text: str) -> tuple[str, Block, str]:
    """A message as it arrived, cut into three: the canonical text, what stands below it, and the canonical text after that.

    Raises:
        Damaged: the lines are not whole, or of a version that is not known.
    """
    bare = canonical(text)
    found = _BLOCK.search(bare)
    if not found:
        raise Damaged("the signature below the message is not whole")
    return bare[: found.start()], _block(found[1]), bare[found.end() :]


def _block(letters: str) -> Block:
    try:
        data = crockford.decode(letters) if len(letters) <= _MOST_LETTERS else b""
        body, check = data[:-_CHECK], data[-_CHECK:]
        parts = split_lp(body[_HEAD:], limit=2)
        if body[:1] != _VERSION or not same(check, _check(b"ga1/block", body)) or len(parts) != 2:
            raise Damaged("the signature below the message is not whole")
        step, link = parts[0].decode("ascii"), parts[1].decode("ascii")
    except ValueError:
        raise Damaged("the signature below the message is not whole") from None
    cuts: list[bytes] = []
    at = 1
    for size in (KEY_SIZE, CAMPAIGN_SIZE, SALT_SIZE, KEY_SIZE, 8, KEY_SIZE, 4, _SIGNATURE):
        cuts.append(body[at : at + size])
        at += size
    archive_id, campaign, salt, address, expires, digest, signs, signature = cuts
    return Block(
        archive_id,
        campaign,
        salt,
        address,
        int.from_bytes(expires, "big"),
        digest,
        int.from_bytes(signs, "big"),
        step,
        link,
        signature,
    )


def write_public(public: bytes) -> str:
    """A public key for paper: 56 letters in groups of four, the last ones a check of the others."""
    return crockford.grouped(crockford.encode(public + _check(b"ga1/message-key", public)))


def read_public(text: str) -> bytes:
    """The public key that `write_public` wrote.

    Raises:
        WrongSecret: a letter is wrong or missing.
    """
    try:
        data = crockford.decode(text) if len(text) < 10 * _KEY_LETTERS else b""
    except ValueError:
        data = b""
    public, check = data[:KEY_SIZE], data[KEY_SIZE:]
    if len(data) != KEY_SIZE + _CHECK or not same(check, _check(b"ga1/message-key", public)):
        raise WrongSecret(
            "the key for checking has a typing error or is not complete",
            hint=f"It has {_KEY_LETTERS} letters and digits. Compare them with the sheet, then try again.",
        )
    return public


def key_words(public: bytes) -> list[str]:
    """Eight words by which people see that they have the same key. They are no secret."""
    return to_words(hashlib.sha256(b"ga1/message-key-words" + public).digest(), KEY_WORDS)


def _seed(secret: bytes) -> bytes:
    return expand(secret, b"ga1/invite-sign")


def _message(tag: bytes) -> bytes:
    return b"ga1/message\0" + tag


def _check(name: bytes, data: bytes) -> bytes:
    return hashlib.sha256(name + lp(data)).digest()[:_CHECK]


def _address(address: str) -> tuple[str, str]:
    """The kind of an address and its bare form: a number by its last nine digits, so that 0170 and +49 170 are one; all else
    in lower case.
    """
    bare = canonical(address)
    if _PHONE.fullmatch(bare):
        return "phone", "".join(sign for sign in bare if sign.isdigit())[-_PHONE_DIGITS:]
    bare = bare.lower()
    return ("mail", bare) if "@" in bare[1:] else ("handle", bare.removeprefix("@"))
