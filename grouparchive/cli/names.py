"""How people are called where an archive is shown: by opaque ids, or by name where the roster was asked for."""

from grouparchive.cli.surroundings import Opened
from grouparchive.model.records import NOBODY, MemberId

ERASED = "somebody who was erased"


class Names:
    """How people are called in an export: names where the roster was asked for, else ids, or the first `digits` of them."""

    def __init__(self, opened: Opened, *, with_roster: bool, digits: int = 32) -> None:
        self._members = opened.view.members if with_roster else {}
        self._digits = digits

    def of(self, member: MemberId) -> str:
        """What one person is called; "" for nobody."""
        if member == NOBODY:
            return ERASED
        found = self._members.get(member)
        return (found.name or found.native) if found else member[: self._digits]

    def text(self, text: str) -> str:
        """A stored text with names for its mentions, where there are any."""
        if "{member:" not in text:
            return text
        head, *rest = text.split("{member:")
        parts = [head]
        for piece in rest:
            member, closed, after = piece.partition("}")
            parts.append(f"@{self.of(member)}{after}" if closed and len(member) == 32 else "{member:" + piece)
        return "".join(parts)
