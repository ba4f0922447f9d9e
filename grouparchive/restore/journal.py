"""What was begun and what became of it, so that a restore can go on after any crash and does nothing twice.

An action is written down before it is begun and again when its outcome is known. The journal holds keys of actions, the
target's refs and gap codes; no name, no text, no member.
"""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self, TypeAlias

import msgspec

from grouparchive.crypto.files import SealedLog
from grouparchive.errors import Damaged
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.plan import Key, Outcome, Plan
from grouparchive.restore.keys import journal_key

IN_DOUBT = "in-doubt"
"""Note of a failed outcome: nobody knows whether it was done."""

_Status: TypeAlias = Literal["done", "already", "skipped", "failed"]
_Entry: TypeAlias = tuple[str, ...]  # ("begun", key...) or (status, key, ref, note)


def journal_path(plan_path: Path, plan: Plan) -> Path:
    """Where the journal of a plan is: beside it, and another one for another plan under the same name."""
    return plan_path.with_name(f"{plan_path.name}.{plan.digest()[:12]}.journal")


class Journal:
    """The journal of one plan. Thread-safe.

    Args:
        path: made where there is none.
        plan: whose actions it is about; another plan's journal does not open.

    Raises:
        ArchiveBusy: another run works with it.
        UsageError, Damaged: as `SealedLog`.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self._lock = threading.Lock()
        self._begun: set[Key] = set()
        self._outcomes: dict[Key, Outcome] = {}
        self._log = SealedLog(path, journal_key(plan.policy.key), b"plan " + plan.digest().encode())
        try:
            for entry in self._log:
                self._take(entry)
            self.resume()
        except BaseException:
            self._log.close()
            raise

    def _take(self, data: bytes) -> None:
        try:
            word, *rest = msgspec.json.decode(data, type=_Entry)
            if word == "begun":
                self._begun.update(rest)
            else:
                key, ref, note = rest
                status = msgspec.convert(word, _Status)
                self._outcomes[key] = Outcome(status=status, ref=ref, note=note)
        except (*UNREADABLE, ValueError) as error:
            raise Damaged("the journal of this plan is damaged, or of another version") from error

    @property
    def started(self) -> bool:
        """Was anything begun?"""
        return bool(self._begun)

    def outcome(self, key: Key) -> Outcome | None:
        """What became of an action, as far as is known."""
        return self._outcomes.get(key)

    def resume(self) -> None:
        """A run begins: what was begun until now and has not ended is in doubt."""
        self._earlier = frozenset(self._begun)

    def finished(self, key: Key) -> Outcome | None:
        """The outcome of an action that need not be done again. What failed or was skipped may work another time."""
        outcome = self._outcomes.get(key)
        return outcome if outcome and outcome.status in {"done", "already"} else None

    def in_doubt(self, key: Key) -> bool:
        """Was this action begun in an earlier run and not brought to its end?"""
        return key in self._earlier and not self.finished(key)

    def begin(self, keys: Iterable[Key]) -> None:
        """Write down that these come next, and return when that is on the disk."""
        fresh = [key for key in keys if key not in self._begun]
        if not fresh:
            return
        self._log.append(msgspec.json.encode(("begun", *fresh)), sync=True)
        with self._lock:
            self._begun.update(fresh)

    def end(self, key: Key, outcome: Outcome) -> None:
        """Write down what became of an action. It reaches the disk with the next `begin`: when it does not, `find` tells."""
        self._log.append(msgspec.json.encode((outcome.status, key, outcome.ref, outcome.note)))
        with self._lock:
            self._outcomes[key] = outcome

    def close(self) -> None:
        """Sync and let go of the file."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
