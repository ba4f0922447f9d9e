"""Carries a plan out: everything once, in order, written down before and after, and able to go on after any crash.

Containers come one after the other; then each channel has its own worker, so that order is kept inside a channel while channels
go side by side. Contacts nobody: there is no messenger here.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

import msgspec

from grouparchive.errors import InDoubt, NotFound, Refused, UnsafePlan
from grouparchive.model.plan import (
    Action,
    Configure,
    CreateChannel,
    CreateGroup,
    Grant,
    Outcome,
    Plan,
    PlanGap,
    Replay,
    Upload,
)
from grouparchive.model.ports import Target
from grouparchive.model.records import Ref
from grouparchive.restore.binding import Binder, Natives, Unbound
from grouparchive.restore.checks import check, check_target
from grouparchive.restore.desire import Timelines
from grouparchive.restore.expand import expand
from grouparchive.restore.journal import IN_DOUBT, Journal
from grouparchive.restore.losses import gap_of

Progress = Callable[[int, int], None]
"""progress(actions finished, all actions). Called from several threads, one at a time."""

WORKERS = 8
AHEAD = 64
"""Actions of one channel that are written down before the first of them is begun: what a crash leaves to look up."""
TRIES = 3
PATIENCE = 1.0
"""Seconds before asking about a write without an answer: the server may still be at it."""
REFUSALS = 3
"""After so many in a row in one channel, look whether the target still takes us at all."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of `apply` came to. `already` counts what earlier runs had done; `gaps` are what failed or was skipped."""

    total: int
    done: int = 0
    already: int = 0
    skipped: int = 0
    failed: int = 0
    gaps: tuple[PlanGap, ...] = ()
    group: Ref = ""  # the target's ref of the rebuilt group


def apply(
    plan: Plan,
    target: Target,
    journal: Journal,
    *,
    expect: str,
    timelines: Timelines,
    natives: Natives,
    reveal: bool = False,
    dry_run: bool = False,
    allow_plaintext: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Do what the plan says and was not done yet.

    Args:
        plan: as it was reviewed.
        target: opened with `metadata.stripping(...)` over the archive's files.
        journal: of this plan.
        expect: the digest that was reviewed.
        timelines: the posts and files of the archive that the plan was made from.
        natives: a member's handle, or "" where it is unknown.
        reveal: also give the group its names, topics, pictures and roles.
        dry_run: check everything, do nothing.
        allow_plaintext: encrypted rooms may come back without encryption.
        progress: called after each action.

    Raises:
        UnsafePlan: a check failed, and nothing was done.
        PlatformError: the target cannot be reached or takes nothing from us any more; run again to go on.
        KeyboardInterrupt: as it came, after the actions under way were finished and written down.
    """
    total, observed = check(plan, target, journal, timelines, expect=expect, allow_plaintext=allow_plaintext)
    total += len(plan.reveal) if reveal else 0
    if dry_run:
        return Report(total=total)
    # Rooms of ours without a journal of ours: it was lost, or is on another computer. Then everything is in doubt.
    ours = {action.key for action in plan.actions}
    lost = not journal.started and any(key in ours for key in observed.containers)
    journal.resume()
    run = _Run(plan, target, journal, timelines, natives, total=total, progress=progress, look_first=lost)
    run.build()
    if reveal:
        run.sequence(iter(plan.reveal))
    return run.report()


def give_roles(
    plan: Plan, grants: Sequence[Grant], target: Target, journal: Journal, *, timelines: Timelines, natives: Natives
) -> Report:
    """Of the plan's reveal, only these roles, each once: what `apply` gave, or an earlier call, is not given again.

    Args:
        plan: as it was reviewed and carried out.
        grants: some of its `reveal`.
        target: as for `apply`.
        journal: of this plan.
        timelines: as for `apply`.
        natives: a member's handle in the rebuilt group.

    Raises:
        UnsafePlan: these are none of the plan's actions, or the target is not as the plan left it; nothing was done.
        PlatformError: as `apply`.
    """
    if not set(grants) <= set(plan.reveal):
        raise UnsafePlan("these roles do not stand in the plan that was reviewed")
    grants = [one for one in grants if not journal.finished(one.key)]
    if not grants:
        return Report(total=0)
    check_target(plan, target, journal)
    journal.resume()
    run = _Run(plan, target, journal, timelines, natives, total=len(grants), progress=None, look_first=False)
    run.sequence(iter(grants))
    return run.report()


@dataclass(slots=True)
class _Lane:
    """How much a sequence of actions trusts the journal."""

    look: bool  # look for each action before doing it
    probe: bool  # look for the first that the journal does not know: is it done, the journal is an old copy


class _Run:
    def __init__(
        self,
        plan: Plan,
        target: Target,
        journal: Journal,
        timelines: Timelines,
        natives: Natives,
        *,
        total: int,
        progress: Progress | None,
        look_first: bool,
    ) -> None:
        self._plan = plan
        self._target = target
        self._journal = journal
        self._timelines = timelines
        self._binder = Binder(plan, journal, natives, timelines.blob)
        self._total = total
        self._progress = progress
        self._look_first = look_first
        self._resuming = journal.started
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._statuses: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()

    def build(self) -> None:
        """All but the reveal."""
        containers = [action for action in self._plan.actions if isinstance(action, CreateGroup | CreateChannel)]
        self.sequence(iter(containers))
        lanes: dict[Ref, list[Action]] = {}
        for action in self._plan.actions:
            if not isinstance(action, CreateGroup | CreateChannel):
                lanes.setdefault(getattr(action, "channel", ""), []).append(action)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="restore") as pool:
            futures = [pool.submit(self._lane, lane) for lane in lanes.values()]
            try:
                wait(futures)
            except BaseException:
                self._stop.set()
                raise
        for future in futures:
            future.result()

    def report(self) -> Report:
        first = next(action for action in self._plan.actions if isinstance(action, CreateGroup))
        made = self._journal.finished(first.key)
        return Report(
            total=self._total,
            done=self._statuses["done"],
            already=self._statuses["already"],
            skipped=self._statuses["skipped"],
            failed=self._statuses["failed"],
            gaps=tuple(gap_of(code, count) for code, count in sorted(self._notes.items())),
            group=made.ref if made else "",
        )

    def _lane(self, actions: list[Action]) -> None:
        try:
            self.sequence(self._single(actions))
        except BaseException:
            self._stop.set()  # the others finish what they are at
            raise

    def _single(self, actions: list[Action]) -> Iterator[Action]:
        for action in actions:
            if isinstance(action, Replay):
                yield from expand(action, self._plan, self._timelines)
            else:
                yield action

    def sequence(self, actions: Iterator[Action]) -> None:
        """Do actions in order, writing them down some ahead."""
        refusals = 0
        lane = _Lane(look=self._look_first, probe=self._resuming)
        while batch := list(islice(actions, AHEAD)):
            self._journal.begin(action.key for action in batch if not self._journal.finished(action.key))
            for action in batch:
                if self._stop.is_set():
                    return
                outcome = self._journal.finished(action.key)
                if outcome is None:
                    outcome = self._do(action, lane)
                    self._journal.end(action.key, outcome)
                else:
                    outcome = msgspec.structs.replace(outcome, status="already")
                self._count(outcome)
                refusals = refusals + 1 if outcome.note == "refused" else 0
                if refusals == REFUSALS:
                    self._target.observe()  # raises when it is not about these actions but about us

    def _do(self, action: Action, lane: "_Lane") -> Outcome:
        try:
            outcome = self._perform(self._binder.bind(action), lane)
        except Unbound as reason:
            return Outcome(status="failed", note=str(reason))
        except NotFound:
            if isinstance(action, CreateGroup | CreateChannel):
                raise
            return Outcome(status="failed", note="not-found")
        except Refused:
            if isinstance(action, CreateGroup | CreateChannel):
                raise
            return Outcome(status="failed", note="refused")
        if isinstance(action, CreateGroup | CreateChannel) and not outcome.ref:
            raise InDoubt("a room was asked for, and it is not known whether it was made")
        return outcome

    def _perform(self, action: Action, lane: "_Lane") -> Outcome:
        """Do an action once, looking first where it may have been done."""
        doubt = self._journal.in_doubt(action.key)
        look = lane.look or lane.probe or doubt
        for attempt in range(TRIES):
            found = self._target.find(action) if look else None
            if found is not None:
                # Somebody went on from here with another copy of the journal.
                lane.look = lane.look or (attempt == 0 and not doubt)
                return found
            if not (doubt or isinstance(action, Upload | Configure)):
                lane.probe = False
            try:
                return self._target.perform(action)
            except InDoubt:
                look = True
                self._stop.wait(PATIENCE)
        return self._target.find(action) or Outcome(status="failed", note=IN_DOUBT)

    def _count(self, outcome: Outcome) -> None:
        with self._lock:
            self._statuses[outcome.status] += 1
            if outcome.status in {"failed", "skipped"}:
                self._notes[outcome.note or outcome.status] += 1
            if self._progress:
                self._progress(self._statuses.total(), self._total)
