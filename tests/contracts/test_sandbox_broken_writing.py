"""The contracts of targets and messengers see what they are for: a broken sandbox fails the check that watches over it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import messenger_contract as sending
import msgspec
import pytest
import target_contract as building
from sandbox_stages import HANDLES, SandboxMessengerStage, SandboxTargetStage

from grouparchive.errors import NotFound, Refused
from grouparchive.model import plan
from grouparchive.model.plan import Action, Outcome
from grouparchive.model.ports import PersonalMessage
from grouparchive.platforms.sandbox.messenger import SandboxMessenger
from grouparchive.platforms.sandbox.target import SandboxTarget

FAILS = (AssertionError, pytest.fail.Exception)
ADA = HANDLES["ada"]


def _name(value: Any) -> str:
    return str(value.__name__)


# --- targets ---------------------------------------------------------------------------------------------------------


class FindsNothing(SandboxTarget):
    def find(self, action: Action) -> Outcome | None:  # noqa: ARG002 - that is the fault
        return None


class FindsAnything(SandboxTarget):
    def find(self, action: Action) -> Outcome | None:  # noqa: ARG002 - that is the fault
        return Outcome(status="already", ref="!x")


class FindsByMemory(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        outcome = super().perform(action)
        self.__dict__.setdefault("done", {})[action.key] = outcome.ref
        return outcome

    def find(self, action: Action) -> Outcome | None:
        ref = self.__dict__.get("done", {}).get(action.key)
        return None if ref is None else Outcome(status="already", ref=ref)


class DoesItTwice(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        if isinstance(action, plan.Post | plan.React):
            super().perform(action)
        return super().perform(action)


class JoinsPeople(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        outcome = super().perform(action)
        if isinstance(action, plan.CreateGroup):
            self._world.join(outcome.ref, ADA, force=True)
        return outcome


class InvitesPeople(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        if isinstance(action, plan.Grant):
            self._world.invite(action.channel, action.native)
        return super().perform(action)


class WritesToPeople(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        if isinstance(action, plan.SetPins):
            self._world.deliver(ADA, action.key, "the group is back")
        return super().perform(action)


class ShowsTheRealName(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        outcome = super().perform(action)
        if isinstance(action, plan.CreateGroup | plan.CreateChannel):
            self._world.describe(outcome.ref, topic=building.TOPIC)
        return outcome


class LeavesTheDoorOpen(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        outcome = super().perform(action)
        if isinstance(action, plan.CreateChannel):
            self._world.configure(outcome.ref, "m.room.join_rules", '{"join_rule":"public"}')
        return outcome


class ForgetsMarkers(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        return super().perform(msgspec.structs.replace(action, key=""))


class PostsNow(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        if isinstance(action, plan.Post):
            action = msgspec.structs.replace(action, time=1_800_000_000_000)
        return super().perform(action)


class PostsAsTheAdmin(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        if isinstance(action, plan.Post):
            action = msgspec.structs.replace(action, author="")
        return super().perform(action)


class KeepsStandIns(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        return Outcome(status="done") if isinstance(action, plan.RemoveAuthor) else super().perform(action)


class LosesTheOrder(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        outcome = super().perform(action)
        if isinstance(action, plan.Post):
            with self._world._change():
                self._world._db.execute("UPDATE events SET n = -n WHERE ref = ? AND n % 2", (outcome.ref,))
        return outcome

    def read(self, group: str) -> Iterator[Any]:
        with self._world._change():
            self._world._db.execute("UPDATE events SET n = n + 1000")
        return super().read(group)


class TurnsPinsAround(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        if isinstance(action, plan.SetPins):
            action = msgspec.structs.replace(action, messages=action.messages[::-1])
        return super().perform(action)


class LosesReplies(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        if isinstance(action, plan.Post):
            action = msgspec.structs.replace(action, reply_to="")
        return super().perform(action)


class CutsUploads(SandboxTarget):
    def __init__(self, path: Path, identify: Any, open_blob: Any) -> None:
        super().__init__(path, identify, lambda blob: iter([next(open_blob(blob))]))


class ForgetsTheTopic(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        if isinstance(action, plan.Reveal):
            action = msgspec.structs.replace(action, topic="")
        return super().perform(action)


class ForgetsTheBan(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        return Outcome(status="done") if isinstance(action, plan.BanMember) else super().perform(action)


class GrantsToTheAbsent(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        return Outcome(status="done") if isinstance(action, plan.Grant) else super().perform(action)


class NothingIsWrong(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        try:
            return super().perform(action)
        except (NotFound, Refused):
            return Outcome(status="done", ref="!x")


class ErrorsNamePeople(SandboxTarget):
    def perform(self, action: Action) -> Outcome:
        try:
            return super().perform(action)
        except (NotFound, Refused) as error:
            raise Refused(f"not for {ADA}") from error


class RestlessLook(SandboxTarget):
    def observe(self) -> plan.Observed:
        self.__dict__["looks"] = self.__dict__.get("looks", 0) + 1
        return msgspec.structs.replace(super().observe(), version=str(self.__dict__["looks"]))


BROKEN_TARGETS: list[tuple[type[SandboxTarget], Callable[[Any], None]]] = [
    (FindsNothing, building.what_is_done_is_found),
    (FindsAnything, building.nothing_is_found_before_it_is_done),
    (FindsByMemory, building.it_is_found_by_whoever_comes_next),
    (DoesItTwice, building.each_action_is_done_once),
    (JoinsPeople, building.nobody_is_joined_or_told),
    (InvitesPeople, building.nobody_is_joined_or_told),
    (WritesToPeople, building.nobody_is_joined_or_told),
    (ShowsTheRealName, building.nothing_real_shows_before_the_reveal),
    (ShowsTheRealName, building.a_new_group_is_neutral_and_shut),
    (LeavesTheDoorOpen, building.a_new_group_is_neutral_and_shut),
    (ForgetsMarkers, building.markers_are_observed),
    (ForgetsMarkers, building.markers_are_read_back),
    (PostsNow, building.posts_keep_what_they_are),
    (PostsAsTheAdmin, building.authors_are_who_the_plan_says),
    (KeepsStandIns, building.authors_are_who_the_plan_says),
    (LosesTheOrder, building.order_is_kept_when_channels_go_side_by_side),
    (TurnsPinsAround, building.posts_keep_what_they_are),
    (LosesReplies, building.posts_keep_what_they_are),
    (CutsUploads, building.files_arrive_whole),
    (ForgetsTheTopic, building.nothing_real_shows_before_the_reveal),
    (ForgetsTheBan, building.bans_hold),
    (GrantsToTheAbsent, building.a_role_waits_until_its_owner_is_there),
    (NothingIsWrong, building.what_is_not_there_is_refused),
    (ErrorsNamePeople, building.what_is_not_there_is_refused),
    (RestlessLook, building.markers_are_observed),
]


@pytest.mark.parametrize(("broken", "check"), BROKEN_TARGETS, ids=_name)
def test_a_broken_target_is_seen(broken: type[SandboxTarget], check: Callable[[Any], None], tmp_path: Path) -> None:
    with closing(SandboxTargetStage(tmp_path, broken)) as stage, pytest.raises(FAILS):
        check(stage)


def test_a_replay_that_rings_is_seen(tmp_path: Path) -> None:
    class Rings(SandboxTargetStage):
        def accept(self, who: str, room: str) -> None:
            super().accept(who, room)
            self.world.rows("UPDATE members SET unread = 5 WHERE handle = ?", self.handle(who))

    with closing(Rings(tmp_path)) as stage, pytest.raises(FAILS):
        building.who_comes_after_the_replay_has_nothing_unread(stage)


# --- messengers ------------------------------------------------------------------------------------------------------


class SendsTwice(SandboxMessenger):
    def send(self, message: PersonalMessage) -> Outcome:
        outcome = super().send(message)
        self._world.invite(message.place, message.recipient)
        return outcome


class KnowsNothing(SandboxMessenger):
    def find(self, message: PersonalMessage) -> Outcome | None:
        super().find(message)
        return None


class SaysAllIsSent(SandboxMessenger):
    def find(self, message: PersonalMessage) -> Outcome | None:  # noqa: ARG002 - that is the fault
        return Outcome(status="already", note="invited")


class LooksBySending(SandboxMessenger):
    def find(self, message: PersonalMessage) -> Outcome | None:
        found = super().find(message)
        if found is None:
            self._world.invite(message.place, message.recipient)
        return found


class TellsEverybody(SandboxMessenger):
    def send(self, message: PersonalMessage) -> Outcome:
        outcome = super().send(message)
        for handle in HANDLES.values():
            if self._world.member(message.place, handle) is None:
                self._world.invite(message.place, handle)
        return outcome


class AsksTheBanned(SandboxMessenger):
    def send(self, message: PersonalMessage) -> Outcome:
        with self._world._change():
            self._world._put_member(message.place, message.recipient, "invite")
        return Outcome(status="done", note="invited")


class SwallowsRefusals(SandboxMessenger):
    def send(self, message: PersonalMessage) -> Outcome:
        try:
            return super().send(message)
        except (Refused, NotFound):
            return Outcome(status="done")


class NamesPeopleInErrors(SandboxMessenger):
    def send(self, message: PersonalMessage) -> Outcome:
        try:
            return super().send(message)
        except Refused as error:
            raise Refused(f"cannot invite {message.recipient}") from error


class GossipsAboutOthers(SandboxMessenger):
    def send(self, message: PersonalMessage) -> Outcome:
        self._world.deliver(message.recipient, message.key, f"{HANDLES['ben']} is there too")
        return super().send(message)


class AsksWhoIsThere(SandboxMessenger):
    def send(self, message: PersonalMessage) -> Outcome:
        with self._world._change():
            self._world._put_member(message.place, message.recipient, "leave")
        self._world.invite(message.place, message.recipient)
        return Outcome(status="done")


class PutsOutWhoCame(SandboxMessenger):
    def revoke(self, message: PersonalMessage) -> bool:
        known = self.find(message)
        if known is not None:
            self._world.leave(message.place, message.recipient)
        return known is not None and known.note == "invited"


class TakesNothingBack(SandboxMessenger):
    def revoke(self, message: PersonalMessage) -> bool:
        known = self.find(message)
        return known is not None and known.note == "invited"


BROKEN_MESSENGERS: list[tuple[type[SandboxMessenger], Callable[[Any], None]]] = [
    (SendsTwice, sending.one_message_reaches_one_person),
    (KnowsNothing, sending.it_is_found_by_whoever_comes_next),
    (KnowsNothing, sending.answers_are_known),
    (SaysAllIsSent, sending.nothing_is_found_before),
    (LooksBySending, sending.nothing_is_found_before),
    (TellsEverybody, sending.one_message_reaches_one_person),
    (AsksWhoIsThere, sending.who_is_there_is_not_asked),
    (AsksTheBanned, sending.the_banned_are_refused),
    (SwallowsRefusals, sending.nobody_is_refused),
    (SwallowsRefusals, sending.a_place_that_is_not_there_is_a_typed_error),
    (NamesPeopleInErrors, sending.nobody_is_refused),
    (GossipsAboutOthers, sending.it_shows_nothing_else),
    (PutsOutWhoCame, sending.what_nobody_answered_can_be_taken_back),
    (TakesNothingBack, sending.what_nobody_answered_can_be_taken_back),
]


@pytest.mark.parametrize(("broken", "check"), BROKEN_MESSENGERS, ids=_name)
def test_a_broken_messenger_is_seen(
    broken: type[SandboxMessenger], check: Callable[[Any], None], tmp_path: Path
) -> None:
    with closing(SandboxMessengerStage(tmp_path, broken)) as stage, pytest.raises(FAILS):
        check(stage)


def test_every_check_has_a_breach_that_it_sees() -> None:
    seen = {check for _, check in (*BROKEN_TARGETS, *BROKEN_MESSENGERS)}
    seen |= {building.who_comes_after_the_replay_has_nothing_unread}
    checks = {*building.CHECKS, *sending.CHECKS}
    assert {check.__name__ for check in checks - seen} == set()
