"""The digest that a person reviews stands for the whole plan: nothing in it can change but the estimate of its time."""

import msgspec
import pytest
import restore_toy as toy

from grouparchive.model.plan import PlanGap

DESIRED, POSTS = toy.community(6)
PLAN = toy.toy_plan(DESIRED, POSTS)
OTHERS = {
    "format": 2,
    "policy": msgspec.structs.replace(PLAN.policy, allow_plaintext=True),
    "traits": frozenset(),
    "verbs": frozenset(),
    "labels": {},
    "actions": PLAN.actions[:-1],
    "reveal": (),
    "gaps": (PlanGap(code="bans-lost", count=1, text="bans are lost"),),
    "moment": PLAN.moment + 1,
}


@pytest.mark.parametrize("name", sorted(set(PLAN.__struct_fields__) - {"seconds"}))
def test_the_digest_covers_all_but_the_estimate(name: str) -> None:
    other = OTHERS.get(name, "another")
    assert getattr(PLAN, name) != other
    assert msgspec.structs.replace(PLAN, **{name: other}).digest() != PLAN.digest()


def test_an_estimate_may_change() -> None:
    assert msgspec.structs.replace(PLAN, seconds=PLAN.seconds + 60).digest() == PLAN.digest()
