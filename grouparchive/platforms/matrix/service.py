"""Changes of a room's state as lines of its history: who joined, was removed, changed the name. People as ids, no reasons.

Changed display names and avatars are left out: they belong to the roster. So are kinds of state that no line is needed for.
"""

import msgspec

from grouparchive.model.records import Message
from grouparchive.platforms.matrix.events import Event, Json, items, marker, number, obj, ref, text
from grouparchive.platforms.matrix.handles import Handles

_PLAIN = {
    "m.room.create": ("create", "created this place"),
    "m.room.avatar": ("avatar", "changed the picture"),
    "m.room.encryption": ("encryption", "turned on encryption"),
    "m.room.join_rules": ("join-rules", "changed who may join"),
    "m.room.history_visibility": ("history", "changed who may read the history"),
    "m.room.tombstone": ("upgrade", "moved this place to a new one"),
}


def service_line(event: Event, time: int, channel: str, handles: Handles) -> Message | None:
    """The line that a state event makes, or None.

    Raises:
        ValueError: the event is malformed.
    """
    sender = handles.id(event.sender)
    who = f"{{member:{sender}}}"
    if event.type == "m.room.member":
        found = _membership(event, who, handles)
    elif event.type in _PLAIN:
        action, words = _PLAIN[event.type]
        found = ({"action": action}, f"{who} {words}")
    elif event.type == "m.room.name":
        name = handles.clean(text(event.content.get("name")))
        found = ({"action": "name", "value": name}, f"{who} changed the name")
    elif event.type == "m.room.topic":
        topic = handles.clean(text(event.content.get("topic"), 65_536))
        found = ({"action": "topic", "value": topic}, f"{who} changed the topic")
    elif event.type == "m.room.pinned_events":
        pins = [pin for pin in map(ref, items(event.content.get("pinned"), 1000)) if pin]
        found = ({"action": "pins", "value": pins}, f"{who} changed what is pinned")
    elif event.type == "m.room.power_levels":
        found = ({"action": "power", "value": _power(event, handles)}, f"{who} changed who may do what")
    else:
        return None
    if found is None:
        return None
    data, words = found
    return Message(
        channel=channel,
        ref=event.event_id,
        time=time,
        author=sender,
        type="service",
        text=words,
        data=msgspec.json.encode(data, order="sorted").decode(),
        marker=marker(event.content),
    )


def _membership(event: Event, who: str, handles: Handles) -> tuple[Json, str] | None:
    member = handles.id(event.state_key or "")
    whom = f"{{member:{member}}}"
    own = event.state_key == event.sender
    before = text(obj(event.unsigned.prev_content).get("membership"))
    now = event.content.get("membership")
    if now == before:
        return None  # a new display name or avatar
    match now:
        case "join":
            action, words = "join", f"{whom} joined"
        case "invite":
            action, words = "invite", f"{who} invited {whom}"
        case "knock":
            action, words = "knock", f"{whom} asked to be let in"
        case "ban":
            action, words = "ban", f"{who} banned {whom}"
        case "leave" if before == "ban":
            action, words = "unban", f"{who} lifted the ban of {whom}"
        case "leave" if own and before == "invite":
            action, words = "decline", f"{whom} declined the invitation"
        case "leave" if own:
            action, words = "leave", f"{whom} left"
        case "leave":
            action, words = "remove", f"{who} removed {whom}"
        case _:
            raise ValueError("an unknown membership")
    return {"action": action, "member": member}, words


def _power(event: Event, handles: Handles) -> dict[str, int]:
    """Whose level changed, and to what."""
    now = obj(event.content.get("users"))
    before = obj(obj(event.unsigned.prev_content).get("users"))
    changed = [user for user in list({**before, **now})[:10_000] if now.get(user) != before.get(user)]
    return {handles.id(user): number(now.get(user)) for user in changed}
