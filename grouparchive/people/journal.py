"""What became of each message of a campaign, and what people answered: two sealed logs that name nobody.

The journal belongs to the run that sends, for as long as it runs. Answers come in beside it from other commands, at any time:
somebody replied, wants no more, was told by telephone; or the admin paused everything.
"""

import hmac
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self, TypeAlias, get_args

import msgspec

from grouparchive.crypto.log import SealedLog
from grouparchive.crypto.primitives import expand, lp
from grouparchive.errors import ArchiveBusy, Damaged
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.plan import Key
from grouparchive.model.records import MemberId, Millis
from grouparchive.people.campaign import Campaign
from grouparchive.people.pacing import Lane

Status: TypeAlias = Literal["begun", "sent", "already", "refused", "doubt", "unsent", "revoked"]
OPEN: frozenset[str] = frozenset({"", "begun", "doubt", "unsent"})
"""Of what is so, a message may have to go out yet."""
DOUBTFUL: frozenset[str] = frozenset({"begun", "doubt"})
DELIVERED: frozenset[str] = frozenset({"sent", "already"})

Word: TypeAlias = Literal["replied", "never", "complaint", "bounced", "by-hand", "back"]
"""What is known of a person: they answered; want no more; complained; their address gives mail back; somebody told them by
hand; they are back in the group.
"""
AllWord: TypeAlias = Literal["paused", "flood", "bounces", "complaints", "resumed"]
"""What was decided about the whole campaign: a person paused it; it stopped because the platform objected, because too many
addresses gave mail back, because somebody complained; it goes on.
"""
_EVERYBODY = ""
_TRIES = 100
_MOMENT = 0.02  # seconds: nobody keeps the answers open for longer


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    key: Key
    status: Status
    note: str = ""
    time: Millis = 0
    lane: Lane = ""


class _Answer(msgspec.Struct, frozen=True, array_like=True):
    key: str  # of a person, or _EVERYBODY
    word: Word | AllWord
    time: Millis


def message_key(campaign: Campaign, member: MemberId, what: str) -> Key:
    """What a message is called in the journal: tells nothing without the campaign.

    Args:
        campaign: its campaign.
        member: to whom.
        what: the place of an invitation, or the step of a message.
    """
    data = b"ga1/invitation" + lp(member.encode(), what.encode())
    return hmac.digest(bytes.fromhex(campaign.key), data, "sha256")[:16].hex()


def journal_path(campaign: Path) -> Path:
    """Where the journal of a campaign is."""
    return campaign.with_name(campaign.name + ".journal")


def answers_path(campaign: Path) -> Path:
    """Where its answers are."""
    return campaign.with_name(campaign.name + ".answers")


def _log(path: Path, campaign: Campaign, info: str, *, reading: bool = False) -> SealedLog:
    key = expand(bytes.fromhex(campaign.key), f"ga1/{info}".encode())
    return SealedLog(path, key, f"{info} {campaign.archive_id}".encode(), reading=reading)


class Journal:
    """What was begun and what became of it: keys and notes, nobody's id.

    Args:
        path: made where there is none.
        campaign: whose messages it is about.
        reading: only look at it, also while another run is sending.

    Raises:
        ArchiveBusy: another run is sending.
        UsageError, Damaged: as `SealedLog`.
    """

    def __init__(self, path: Path, campaign: Campaign, *, reading: bool = False) -> None:
        self._log = _log(path, campaign, "invitations", reading=reading)
        self._last: dict[Key, _Entry] = {}
        self._sent: list[tuple[Lane, Millis]] = []
        self._said: dict[Key, str] = {}
        try:
            for data in self._log:
                self._take(msgspec.json.decode(data, type=_Entry))
        except UNREADABLE as error:
            self._log.close()
            raise Damaged("the journal of the invitations is damaged, or of another version") from error

    def _take(self, entry: _Entry) -> None:
        self._last[entry.key] = entry
        if entry.status == "begun" and entry.lane:
            self._sent.append((entry.lane, entry.time))
            self._said[entry.key] = entry.note
        if entry.status == "unsent":
            self._said.pop(entry.key, None)

    def status(self, key: Key) -> str:
        """One of the words of `Status`, "" for what was never begun."""
        entry = self._last.get(key)
        return entry.status if entry else ""

    def note(self, key: Key) -> str:
        """What the platform said last."""
        entry = self._last.get(key)
        return entry.note if entry else ""

    def time(self, key: Key) -> Millis:
        """When that was; 0 where it is not known."""
        entry = self._last.get(key)
        return entry.time if entry else 0

    def sent(self) -> Iterator[tuple[Lane, Millis]]:
        """Lane and time of all that was begun, for pacing: what is in doubt may have gone out."""
        return iter(self._sent)

    def said(self, key: Key) -> str:
        """The tag of the word or code in a message that went out or may have; "" where it had none."""
        return self._said.get(key, "")

    def write(self, key: Key, status: Status, note: str = "", *, time: Millis = 0, lane: Lane = "") -> None:
        """Add a line; it is on the disk on return."""
        entry = _Entry(key=key, status=status, note=note, time=time, lane=lane)
        self._log.append(msgspec.json.encode(entry), sync=True)
        self._take(entry)

    def close(self) -> None:
        """Let go of the file."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Answers:
    """What people answered and what was decided, as it stands now. `stopped` is why nothing may be sent, "" where it may."""

    def __init__(self, campaign: Campaign, entries: list[_Answer]) -> None:
        self._campaign = campaign
        self._people: dict[str, dict[str, Millis]] = {}
        self.stopped: AllWord | Literal[""] = ""
        for entry in entries:
            if entry.key != _EVERYBODY:
                self._people.setdefault(entry.key, {})[entry.word] = entry.time
            elif entry.word in get_args(AllWord):
                self.stopped = "" if entry.word == "resumed" else entry.word  # type: ignore[assignment]

    def said(self, member: MemberId, word: Word) -> Millis:
        """When something became known of a person; 0 where it did not."""
        return self._people.get(_person(self._campaign, member), {}).get(word, 0)

    def count(self, word: Word) -> int:
        """Of how many people something is known."""
        return sum(word in words for words in self._people.values())


def answers(path: Path, campaign: Campaign) -> Answers:
    """Read them. Raises as `Journal`; `ArchiveBusy` only where another command writes for longer than a moment."""
    if not path.exists():
        return Answers(campaign, [])
    return Answers(campaign, _read(path, campaign))


def answer(path: Path, campaign: Campaign, word: Word | AllWord, members: list[MemberId] | None = None) -> None:
    """Note what is known of people, or, of nobody by name, what was decided about all. Raises as `Journal`."""
    now = int(time.time() * 1000)
    keys = [_EVERYBODY] if members is None else [_person(campaign, one) for one in members]
    with _answers(path, campaign) as log:
        for key in keys:
            log.append(msgspec.json.encode(_Answer(key=key, word=word, time=now)))


def _read(path: Path, campaign: Campaign) -> list[_Answer]:
    with _answers(path, campaign) as log:
        try:
            return [msgspec.json.decode(data, type=_Answer) for data in log]
        except UNREADABLE as error:
            raise Damaged("the answers to the invitations are damaged, or of another version") from error


def _answers(path: Path, campaign: Campaign) -> SealedLog:
    for _ in range(_TRIES):
        try:
            return _log(path, campaign, "answers")
        except ArchiveBusy:
            time.sleep(_MOMENT)
    return _log(path, campaign, "answers")


def _person(campaign: Campaign, member: MemberId) -> str:
    return message_key(campaign, member, "answer")
