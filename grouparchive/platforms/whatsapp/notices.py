"""What the system lines of a WhatsApp database say, in English: their table knows them by numbers only. The numbers are those
that several public readers agree on; one that nobody knows is told as its number.
"""

from typing import Final

ADDED: Final = frozenset({4, 12})
JOINED: Final = frozenset({20, 79})
LEFT: Final = frozenset({5, 13})
REMOVED: Final = frozenset({7, 14})
NUMBER: Final = frozenset({10, 28})
CREATED: Final = 11

# number: (action, text). {a}: who did it, {b}: to whom, {t}: the text that belongs to it.
_KNOWN: Final[dict[int, tuple[str, str]]] = {
    1: ("subject", '{a} changed the group\'s name to "{t}"'),
    4: ("added", "{b} was added"),
    5: ("left", "{b} left"),
    6: ("icon", "{a} changed the group's picture"),
    7: ("removed", "{b} was removed"),
    10: ("number", "{old} changed their number to {new}"),
    11: ("created", '{a} created the group "{t}"'),
    12: ("added", "{a} added {b}"),
    13: ("left", "{b} left"),
    14: ("removed", "{a} removed {b}"),
    15: ("admin", "{b} became an admin"),
    16: ("admin", "{b} is no admin any more"),
    18: ("security", "the security code of {b} changed"),
    19: ("encryption", "messages are end-to-end encrypted"),
    20: ("joined", "{b} joined with an invite link"),
    27: ("description", "{a} changed the group's description: {t}"),
    28: ("number", "{old} changed their number to {new}"),
    56: ("disappearing", "{a} changed how long messages stay"),
    57: ("security", "the devices of {b} changed"),
    58: ("blocked", "a contact was blocked or unblocked"),
    67: ("encryption", "messages are end-to-end encrypted"),
    70: ("call", "{a} started a call"),
    79: ("joined", "{b} joined from the community"),
    87: ("community", "the group became part of a community"),
    118: ("pinned", "{a} pinned a message"),
}


def action_of(number: int) -> str:
    """The action, as in the lines of exported chats."""
    return _KNOWN.get(number, ("unknown", ""))[0]


def has_text(number: int) -> bool:
    """Does a line say the text that belongs to it? Of one that nobody knows it might be anything."""
    return "{t}" in _KNOWN.get(number, ("", ""))[1]


def told(number: int, actor: str, people: str, text: str, numbers: tuple[str, str]) -> str:
    """A system line in words.

    Args:
        number: its number in the database.
        actor: who did it, as it is to stand in the text.
        people: to whom.
        text: what belongs to it, where `has_text`.
        numbers: the old and the new number.
    """
    line = _KNOWN.get(number, ("", "notice {n} by {a}: {b}" if people else "notice {n} by {a}"))[1]
    return line.format(
        n=number, a=actor or "somebody", b=people or actor or "somebody", t=text, old=numbers[0] or people or "somebody",
        new=numbers[1] or "another",
    ).strip()  # fmt: skip
