"""Signed messages, for those who can check them: co-admins and vouchers. Signing needs the invite secret; checking needs the
public key only, and says in one word what is wrong.
"""

import os
from collections.abc import Collection
from typing import Literal, TypeAlias

import msgspec

from grouparchive.crypto.invitation import (
    SALT_SIZE,
    Block,
    address_hash,
    campaign_id,
    canonical,
    has_block,
    invite_public,
    split_message,
    text_digest,
)
from grouparchive.crypto.primitives import same
from grouparchive.errors import Damaged, UsageError
from grouparchive.model.records import LAST_MILLI, Millis
from grouparchive.people.words import Message, Step, how_to_check

MAX_TEXT = 100_000
"""Characters of a received message that are looked at."""

Verdict: TypeAlias = Literal[
    "genuine", "unaddressed", "none", "incomplete", "key", "recipient", "expired", "altered_link", "altered", "more", "again"
]  # fmt: skip
GOOD: frozenset[Verdict] = frozenset({"genuine", "unaddressed"})


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs: an archive's secret, for one campaign."""

    secret: bytes
    archive_id: bytes
    campaign_key: bytes

    def __repr__(self) -> str:
        """Without the secret."""
        return "Signer()"

    @property
    def public(self) -> bytes:
        """The key by which its messages are checked."""
        return invite_public(self.secret)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a check. The link, the step and the moment of the end are those that were signed, "" and 0 unless the
    verdict is good; `tag` (hex) names the message, for a list of those that were seen.
    """

    verdict: Verdict
    link: str = ""
    step: str = ""
    expires: Millis = 0
    tag: str = ""

    @property
    def good(self) -> bool:
        """May it be believed?"""
        return self.verdict in GOOD


def sign(
    message: Message, signer: Signer, *, address: str, expires: Millis, step: Step, language: str, link: str = ""
) -> Message:
    """The message with its signature below.

    Args:
        message: what is said.
        signer: who signs.
        address: of the one person who gets it, as they know it themselves.
        expires: when it ends.
        step: of the campaign.
        language: for the line that says how to check.
        link: the link in the text, if there is one.

    Raises:
        UsageError: the link does not stand in the text, or the text cannot be signed, or the address or the moment is none.
    """
    text = f"{message.text}\n\n{how_to_check(language)}"
    bare = canonical(text)
    if has_block(text) or not bare.isprintable() or len(text) > MAX_TEXT // 2:
        raise UsageError(
            "this text cannot be signed", hint="It is too long, or holds signs that are none of a message."
        )
    if link not in bare or bare.count("://") != bool(link) or not link.isascii():
        raise UsageError("the link that is signed is not the one in the text")
    if not address.strip():
        raise UsageError("a message is signed for one address, and there is none")
    if not 0 < expires <= LAST_MILLI:
        raise UsageError("the moment at which the message ends is none")
    salt = os.urandom(SALT_SIZE)
    block = Block(
        archive_id=signer.archive_id,
        campaign=campaign_id(signer.campaign_key),
        salt=salt,
        address=address_hash(salt, address),
        expires=expires,
        digest=text_digest(text),
        signs=len(bare),
        step=step,
        link=link,
    ).signed(signer.secret)
    return Message(subject=message.subject, text=f"{text}\n\n{block.encode()}")


def check(
    text: str,
    public: bytes,
    *,
    now: Millis,
    address: str = "",
    archive_id: bytes | None = None,
    seen: Collection[str] = (),
) -> Checked:
    """Say whether a received message is genuine.

    Args:
        text: as it arrived, all of it and nothing else.
        public: the key of those who sign.
        now: the present moment.
        address: of whoever got it; "" leaves that open, and the verdict is at best "unaddressed".
        archive_id: if known, the only one that counts.
        seen: tags of messages that were used before.
    """
    if len(text) > MAX_TEXT or not has_block(text):
        return Checked(verdict="none")
    try:
        before, block, after = split_message(text)
    except Damaged:
        return Checked(verdict="incomplete")
    own = address.strip()
    whole = same(text_digest(before), block.digest)
    inside = 0 < block.signs < len(before) and same(text_digest(before[-block.signs :]), block.digest)
    tag = block.tag().hex()
    faults: list[tuple[Verdict, bool]] = [
        ("key", not block.is_of(public) or not same(block.archive_id, archive_id or block.archive_id)),
        ("recipient", bool(own) and not same(block.address, address_hash(block.salt, own))),
        ("expired", now >= block.expires),
        ("altered_link", block.link not in before),
        ("altered", not whole and not inside),
        ("more", bool(after) or inside),
        ("again", tag in seen),
    ]
    for verdict, applies in faults:
        if applies:
            return Checked(verdict=verdict)
    verdict = "genuine" if own else "unaddressed"
    return Checked(verdict=verdict, link=block.link, step=block.step, expires=block.expires, tag=tag)
