"""What every messenger owes, as plain checks. A platform provides a `MessengerStage` and subclasses `MessengerContract`."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import pytest

from grouparchive.errors import InDoubt, PlatformError, Refused
from grouparchive.model.ports import Messenger, PersonalMessage, Revokes


class MessengerStage(ABC):
    """A place to invite to, under a neutral name, and people with accounts: "ada", "ben", "cyd"."""

    place: str

    @abstractmethod
    def open(self) -> Messenger: ...

    @abstractmethod
    def handle(self, who: str) -> str: ...

    @abstractmethod
    def invitations(self, who: str) -> int:
        """How many invitations somebody has ever got."""

    @abstractmethod
    def seen(self, who: str) -> str:
        """Every word that somebody's app shows."""

    @abstractmethod
    def decline(self, who: str) -> None: ...

    @abstractmethod
    def accept(self, who: str) -> None: ...

    @abstractmethod
    def ban(self, who: str) -> None: ...

    @abstractmethod
    def nobody(self) -> str:
        """A handle that is none."""


def invitation(stage: MessengerStage, who: str) -> PersonalMessage:
    return PersonalMessage(key=f"key of {who}", recipient=stage.handle(who), kind="invitation", place=stage.place)


# --- the checks ------------------------------------------------------------------------------------------------------


def nothing_is_found_before(stage: MessengerStage) -> None:
    with_ = stage.open()
    assert with_.find(invitation(stage, "ada")) is None, "an invitation is found that was never sent"
    assert stage.invitations("ada") == 0, "looking sends something"
    with_.close()


def one_message_reaches_one_person(stage: MessengerStage) -> None:
    messenger = stage.open()
    outcome = messenger.send(invitation(stage, "ada"))
    messenger.close()
    assert outcome.status == "done"
    assert stage.invitations("ada") == 1, "the invitation did not arrive, or more than one did"
    assert stage.invitations("ben") == 0, "somebody else was told"


def it_is_found_by_whoever_comes_next(stage: MessengerStage) -> None:
    first = stage.open()
    first.send(invitation(stage, "ada"))
    first.close()
    second = stage.open()
    found = second.find(invitation(stage, "ada"))
    second.close()
    assert found is not None, "what was sent is not found by a new process"
    assert (found.status, found.note) == ("already", "invited")


def answers_are_known(stage: MessengerStage) -> None:
    messenger = stage.open()
    for who in ("ada", "ben"):
        messenger.send(invitation(stage, who))
    stage.accept("ada")
    stage.decline("ben")
    notes = []
    for who in ("ada", "ben"):
        found = messenger.find(invitation(stage, who))
        assert found is not None
        notes.append(found.note)
    messenger.close()
    assert notes == ["joined", "declined"], "somebody who answered would be asked again"


def who_is_there_is_not_asked(stage: MessengerStage) -> None:
    messenger = stage.open()
    messenger.send(invitation(stage, "ada"))
    stage.accept("ada")
    assert messenger.send(invitation(stage, "ada")).status == "already"
    messenger.close()
    assert stage.invitations("ada") == 1


def the_banned_are_refused(stage: MessengerStage) -> None:
    stage.ban("cyd")
    messenger = stage.open()
    with pytest.raises(Refused) as caught:
        messenger.send(invitation(stage, "cyd"))
    messenger.close()
    assert stage.handle("cyd") not in str(caught.value), "an error names somebody"
    assert stage.invitations("cyd") == 0


def nobody_is_refused(stage: MessengerStage) -> None:
    messenger = stage.open()
    message = PersonalMessage(key="k", recipient=stage.nobody(), kind="invitation", place=stage.place)
    with pytest.raises(Refused) as caught:
        messenger.send(message)
    messenger.close()
    assert stage.nobody() not in str(caught.value), "an error names somebody"


def a_place_that_is_not_there_is_a_typed_error(stage: MessengerStage) -> None:
    messenger = stage.open()
    message = PersonalMessage(key="k", recipient=stage.handle("ada"), kind="invitation", place=stage.place + "x")
    with pytest.raises(PlatformError) as caught:
        messenger.send(message)
    messenger.close()
    assert not isinstance(caught.value, InDoubt)
    assert stage.invitations("ada") == 0


def it_shows_nothing_else(stage: MessengerStage) -> None:
    messenger = stage.open()
    for who in ("ada", "ben"):
        messenger.send(invitation(stage, who))
    messenger.close()
    assert stage.handle("ben") not in stage.seen("ada"), "an invitation names another member"
    assert "key of" not in stage.seen("ada")


def what_nobody_answered_can_be_taken_back(stage: MessengerStage) -> None:
    messenger = stage.open()
    if not isinstance(messenger, Revokes):
        messenger.close()
        pytest.skip("this messenger takes nothing back")
    assert messenger.revoke(invitation(stage, "cyd")) is False, "nothing was sent, and something taken back"
    for who in ("ada", "ben", "cyd"):
        messenger.send(invitation(stage, who))
    stage.accept("ada")
    stage.decline("ben")
    assert [messenger.revoke(invitation(stage, who)) for who in ("ada", "ben", "cyd")] == [False, False, True]
    assert messenger.revoke(invitation(stage, "cyd")) is False, "it is taken back twice"
    found = messenger.find(invitation(stage, "ada"))
    messenger.close()
    assert found is not None
    assert found.note == "joined", "somebody who came was put out"


CHECKS: list[Callable[[MessengerStage], None]] = [
    nothing_is_found_before,
    one_message_reaches_one_person,
    it_is_found_by_whoever_comes_next,
    answers_are_known,
    who_is_there_is_not_asked,
    the_banned_are_refused,
    nobody_is_refused,
    a_place_that_is_not_there_is_a_typed_error,
    it_shows_nothing_else,
    what_nobody_answered_can_be_taken_back,
]


class MessengerContract:
    """Subclass it and give it a fixture `messenger_stage`."""

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_messenger(self, check: Callable[[MessengerStage], None], messenger_stage: MessengerStage) -> None:
        check(messenger_stage)
