"""Everything that must hold before the first action of a plan. Reads the target and the archive, changes neither."""

from collections.abc import Iterable

import msgspec

from grouparchive.crypto.primitives import same
from grouparchive.errors import GroupArchiveError, UnsafePlan
from grouparchive.model.plan import Action, CreateChannel, CreateGroup, Observed, Plan, Replay, Upload
from grouparchive.model.ports import Target
from grouparchive.restore.desire import Timelines
from grouparchive.restore.expand import Expansion, rules_of
from grouparchive.restore.journal import Journal

_NEW_PLAN = "Make a new plan, look at it with `grouparchive show`, then apply that one."


def check(
    plan: Plan, target: Target, journal: Journal, timelines: Timelines, *, expect: str, allow_plaintext: bool
) -> tuple[int, Observed]:
    """Check all, and count the single actions of the plan without its `reveal`; the target as it was observed.

    Raises:
        UnsafePlan: something does not hold; nothing was done.
        PlatformError: the target cannot be read.
    """
    if not same(expect.strip().lower().encode(), plan.digest().encode()):
        raise UnsafePlan("this is not the plan that was reviewed: its digest is another one")
    if any(action.channel.encrypted for action in _containers(plan)) and not (
        allow_plaintext or plan.policy.allow_plaintext
    ):
        raise UnsafePlan(
            "the plan rebuilds encrypted rooms without encryption: whoever runs the server can read them then",
            hint="If that is acceptable, say so with --allow-plaintext. Otherwise plan with --content structure.",
        )
    observed = check_target(plan, target, journal)
    return _check_archive(plan, timelines), observed


def check_target(plan: Plan, target: Target, journal: Journal) -> Observed:
    """Check that the target is the one that the plan was made for, and as it was but for our own work. Raises as `check`."""
    _check_verbs(plan, target)
    observed = target.observe()
    _check_drift(plan, observed, journal)
    return observed


def _containers(plan: Plan) -> list[CreateGroup | CreateChannel]:
    return [action for action in plan.actions if isinstance(action, CreateGroup | CreateChannel)]


def _check_verbs(plan: Plan, target: Target) -> None:
    performed = {str(verb.__struct_config__.tag) for verb in target.performs}
    needed = {_tag(action) for action in (*plan.actions, *plan.reveal) if not isinstance(action, Replay)}
    if plan.platform != target.platform or not plan.verbs <= performed or not needed <= performed:
        raise UnsafePlan("the target cannot do all that the plan asks for", hint=_NEW_PLAN)


def _check_drift(plan: Plan, observed: Observed, journal: Journal) -> None:
    """Nothing but our own work may have changed since the plan was made."""
    ours = {action.key for action in _containers(plan)}
    others = {key: ref for key, ref in observed.containers.items() if key not in ours}
    if msgspec.structs.replace(observed, containers=others).digest() != plan.observed:
        raise UnsafePlan("the target has changed since the plan was made", hint=_NEW_PLAN)
    for key in ours:
        made = journal.finished(key)
        if made and observed.containers.get(key) != made.ref:
            raise UnsafePlan("a room that was rebuilt by this plan is gone or out of reach", hint=_NEW_PLAN)


def _check_archive(plan: Plan, timelines: Timelines) -> int:
    """The archive still gives the posts that were counted, and has the files."""
    total = 0
    blobs: set[str] = set()
    for action in plan.actions:
        if not isinstance(action, Replay):
            total += 1
            continue
        expansion = Expansion(action.channel, rules_of(plan, action), timelines)
        blobs.update(_blobs(expansion))
        total += expansion.actions
        if expansion.digest != action.digest or expansion.messages != action.posts:
            raise UnsafePlan("the archive does not hold the posts that the plan was made from", hint=_NEW_PLAN)
    blobs.update(_blobs(plan.reveal))
    for blob in blobs:
        try:
            next(iter(timelines.blob(blob)), b"")
        except GroupArchiveError as error:
            raise UnsafePlan("a file that the plan needs cannot be read from the archive", hint=_NEW_PLAN) from error
    return total


def _blobs(actions: Iterable[Action]) -> set[str]:
    return {action.blob for action in actions if isinstance(action, Upload)}


def _tag(action: Action) -> str:
    return str(action.__struct_config__.tag)
