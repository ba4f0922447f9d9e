"""Who wrote what: anybody in a room may send an edit of anybody's post, and only the author's own may count.

Servers pass such edits on and clients ignore them. An archive that believed one would put words into somebody's mouth.
"""

from collections.abc import Callable

from grouparchive.model.records import Known
from grouparchive.platforms.matrix.events import Event, Gaps, obj, ref

REMEMBERED = 200_000
"""Posts of one room whose author is remembered while it is read."""
QUESTIONS = 1000
"""Authors of older posts that are asked of the server, per room and run; edits beyond that are dropped, with a gap."""


class Authors:
    """The authors of one room's events, as seen in this run or else as the server says.

    Args:
        ask: the sender of an event by its id; "" where there is none that we may see.
    """

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask
        self._asked = 0
        self._seen: dict[str, str] = {}

    def forged(self, event: Event, gaps: Gaps) -> bool:
        """Is this an edit of somebody else's post, or one that cannot be checked? Then it is a gap. Remembers all others."""
        relates = obj(event.content.get("m.relates_to"))
        target = ref(relates.get("event_id"))
        if relates.get("rel_type") != "m.replace" or not target:
            self._remember(event.event_id, event.sender)
            return False
        author = self._seen.get(target)
        if author is None:
            if self._asked >= QUESTIONS:
                gaps.add(Known.EDIT_UNCHECKED, event.event_id)
                return True
            self._asked += 1
            author = self._ask(target)
            self._remember(target, author)
        if author in {"", event.sender}:  # "": nothing is there that it could change
            return False
        gaps.add(Known.EDIT_BY_ANOTHER, event.event_id, limit=True)
        return True

    def _remember(self, event_id: str, sender: str) -> None:
        if len(self._seen) >= REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen[event_id] = sender
