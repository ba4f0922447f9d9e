"""How far a campaign is, by its journal and the answers alone: no request is made."""

from collections import Counter

import msgspec

from grouparchive.people.campaign import TIERS, Campaign, Tier
from grouparchive.people.journal import DELIVERED, DOUBTFUL, Answers, Journal, message_key

_FIRST = ("warning", "hello")


class TierCount(msgspec.Struct, frozen=True, kw_only=True):
    """How far a wave is, in people. `told`: those whom the first message reached, by whatever way; of them some have `replied`,
    were sent the `link`, `reminded`, have `joined` or `declined`, as far as we know.
    """

    tier: Tier
    people: int
    held: int
    released: int
    told: int
    replied: int
    linked: int
    reminded: int
    joined: int
    declined: int
    refused: int
    in_doubt: int


def status(campaign: Campaign, journal: Journal, answers: Answers) -> list[TierCount]:
    """The waves, in order."""
    found = []
    for tier in TIERS:
        people = [one for one in campaign.invitees if one.tier == tier]
        counts: Counter[str] = Counter()
        for one in people:
            keys = [message_key(campaign, one.member, what) for what in (campaign.group, *_FIRST)]
            states = {journal.status(key) for key in keys}
            notes = {journal.note(key) for key in keys if journal.status(key) in DELIVERED}
            by_hand = answers.said(one.member, "by-hand")
            counts["told"] += bool(states & DELIVERED or by_hand)
            counts["refused"] += "refused" in states
            counts["doubt"] += bool(states & DOUBTFUL)
            counts["joined"] += "joined" in notes or bool(answers.said(one.member, "back"))
            counts["declined"] += "declined" in notes or bool(answers.said(one.member, "never"))
            counts["replied"] += bool(answers.said(one.member, "replied"))
            for step in ("link", "reminder"):
                counts[step] += journal.status(message_key(campaign, one.member, step)) in DELIVERED
        found.append(
            TierCount(
                tier=tier, people=len(people), held=sum(one.held for one in people),
                released=sum(not one.held for one in people), told=counts["told"], replied=counts["replied"],
                linked=counts["link"], reminded=counts["reminder"], joined=counts["joined"], declined=counts["declined"],
                refused=counts["refused"], in_doubt=counts["doubt"],
            )
        )  # fmt: skip
    return found
