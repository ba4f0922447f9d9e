"""A group's channels in the order in which they can be made. Pure."""

from collections import defaultdict

import msgspec

from grouparchive.model.plan import Desired
from grouparchive.model.records import Channel, Ref


def tree(desired: Desired) -> list[Channel]:
    """The group's own channel, then the others, each after its parent. A loop or a lost parent hangs below the group."""
    group = desired.group
    by_ref = {channel.ref: channel for channel in desired.channels}
    top = by_ref.pop(group.ref, None) or Channel(ref=group.ref, group=group.ref, type="space", name=group.name)
    parents = {ref: one.parent if one.parent in by_ref else group.ref for ref, one in by_ref.items()}
    for ref in sorted(parents):
        if not _ends(ref, parents):
            parents[ref] = group.ref
    below: dict[Ref, list[Channel]] = defaultdict(list)
    for ref, parent in parents.items():
        below[parent].append(msgspec.structs.replace(by_ref[ref], parent=parent))
    found = [msgspec.structs.replace(top, parent="")]
    for channel in found:  # grows while it is walked
        found += sorted(below[channel.ref], key=lambda one: (one.order, one.created, one.ref))
    return found


def _ends(ref: Ref, parents: dict[Ref, Ref]) -> bool:
    """Does going up from parent to parent come to an end?"""
    seen: set[Ref] = set()
    while ref in parents:
        if ref in seen:
            return False
        seen.add(ref)
        ref = parents[ref]
    return True
