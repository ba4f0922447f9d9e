"""What an `attended` statement of the owner says about people: who they are, what counts for them, which commits are trusted.

It is sealed to the roster and signed by the owner, so it was said by a person who had unlocked the archive. Ids in it are made
for it alone; its own `members` say who is meant.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from grouparchive.model.records import Fact, Member


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was erased and must stay so. `tag` = HMAC-SHA256(key, lp("ga1/forgotten", platform, origin, native)) names
    nobody; who holds the roster can test a candidate. `key` is random, one for each.
    """

    key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    tag: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Attended(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sealed payload: JSON, zstd-compressed as a segment is.

    `position` (writer in hex -> newest commit) is what the person could see: a restriction that came later is not lifted by
    `facts`. `trusted`: the newest commits that the person trusts, for good; a later statement may trust more.
    `heads`: the heads of these commits, in hex: where another commit has the number, it is not the one that was trusted.
    """

    format: Literal[1] = 1
    position: dict[str, int] = {}
    members: tuple[Member, ...] = ()
    facts: tuple[Fact, ...] = ()
    trusted: dict[str, int] = {}
    heads: dict[str, str] = {}
    forgotten: tuple[Forgotten, ...] = ()
