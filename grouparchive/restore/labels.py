"""Stand-in names: two plain words each, the same for one person throughout a plan, never the same for two.

The words say nothing about anybody: no first names, no places, no colours of skin or flags, no genders, no beliefs.
"""

import re
from collections.abc import Iterable, Mapping

from grouparchive.model.records import NOBODY, MemberId
from grouparchive.restore.keys import label_number

_FIRST = """
    Bold Brass Brave Breezy Bright Brisk Calm Candid Careful Cedar Cheerful Clear Clever
    Coastal Copper Cosy Crisp Curious Dapper Deep Distant Dusty Eager Early Easy Even Evening
    Fleet Floating Fresh Frosty Gentle Glad Golden Granite Hidden Humble Jolly Keen Kind Late Light
    Lively Lucky Mellow Misty Modest Morning Mossy Neat Nimble Noble Northern Open Patient Placid
    Polite Proud Quick Quiet Rapid Ready Rustic Sandy Serene Silver Simple Smooth Snowy Soft Solid Spring
"""
_SECOND = """
    Acorn Anchor Arbor Aspen Badger Basin Beacon Bramble Breeze Bridge Canyon Canvas Cloud Clover Comet
    Compass Cove Crane Creek Cricket Drift Dune Eagle Falcon Feather Field Finch
    Fjord Forest Garden Glacier Grove Harbour Heron Hill Island Kestrel Kettle Lagoon Lantern Lark Ledge
    Maple Marsh Meadow Mill Moth Oak Orchard Otter Owl Pebble Pine Plover Pond Poplar Prairie
    Quarry Rain Reef Ridge River Sail Shore Sparrow Spruce Stone Stork Summit Swift Thicket
"""
FIRST, SECOND = tuple(_FIRST.split()), tuple(_SECOND.split())

ANONYMOUS = "A member"
"""Who wrote a post, when nobody's stand-in name is wanted."""

MENTIONED = "a member"
"""How a mention reads then, inside a sentence."""

_TRIES = 32
_TOKEN = re.compile(r"\{member:([0-9a-f]{32})\}")


def make_labels(policy_key: str, members: Iterable[MemberId]) -> dict[MemberId, str]:
    """A name for each member. Depends on the key and on who is there, not on their order."""
    taken: set[str] = set()
    labels: dict[MemberId, str] = {}
    for member in sorted(set(members)):
        for attempt in range(_TRIES):
            number = label_number(policy_key, member, attempt)
            label = f"{FIRST[number % len(FIRST)]} {SECOND[number // len(FIRST) % len(SECOND)]}"
            if label not in taken:
                break
        else:
            count = 2  # thousands of authors: the pairs run out, numbers do not
            while f"{label} {count}" in taken:
                count += 1
            label = f"{label} {count}"
        taken.add(label)
        labels[member] = label
    return labels


def mentioned(text: str) -> set[MemberId]:
    """The members that a stored text names. Who was erased has no name, not even an invented one."""
    return set(_TOKEN.findall(text)) - {NOBODY} if "{member:" in text else set()


def with_labels(text: str, labels: Mapping[MemberId, str]) -> str:
    """A stored text as people may read it: each mention becomes the member's stand-in name, or "a member"."""
    if "{member:" not in text:
        return text
    return _TOKEN.sub(lambda match: labels.get(match[1], MENTIONED), text)
