"""Everything that is derived from a plan's own random key: names of actions, stand-in ids, the journal's key.

Nothing derived here can be linked to a member or a message without the plan.
"""

import hmac

from grouparchive.crypto.primitives import expand, lp
from grouparchive.model.plan import Key
from grouparchive.model.records import MemberId


def action_key(policy_key: str, verb: str, *refs: str) -> Key:
    """The identity of an action: the same verb on the same things in the same plan always has the same key."""
    parts = (verb, *refs)
    data = b"ga1/action" + lp(*(part.encode("utf-8", "surrogatepass") for part in parts))
    return hmac.digest(bytes.fromhex(policy_key), data, "sha256")[:16].hex()


def stand_in_id(policy_key: str, member: str) -> MemberId:
    """The id under which a member's posts come back; "" gives the one that all unnamed authors share."""
    data = b"ga1/stand-in" + lp(member.encode())
    return hmac.digest(bytes.fromhex(policy_key), data, "sha256")[:16].hex()


def label_number(policy_key: str, member: str, attempt: int) -> int:
    """A large number that picks a member's stand-in name."""
    data = b"ga1/label" + lp(member.encode(), str(attempt).encode())
    return int.from_bytes(hmac.digest(bytes.fromhex(policy_key), data, "sha256")[:8], "big")


def journal_key(policy_key: str) -> bytes:
    """The key that seals the plan's journal."""
    return expand(bytes.fromhex(policy_key), b"ga1/journal")
