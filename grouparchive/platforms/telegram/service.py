"""Telegram's service lines: what happened, in English, people as ids. The file has only names there, but for the actor's id."""

from typing import Any, Final

from grouparchive.model.records import MemberId
from grouparchive.platforms.telegram.fields import Line
from grouparchive.platforms.telegram.people import People
from grouparchive.platforms.telegram.texts import plain

WORDS: Final = {
    "create_group": "created the group",
    "create_channel": "created this",
    "edit_group_title": "changed the name",
    "edit_group_photo": "changed the picture",
    "delete_group_photo": "removed the picture",
    "invite_members": "invited",
    "remove_members": "removed",
    "join_group_by_link": "joined by a link",
    "join_group_by_request": "joined after a request",
    "migrate_to_supergroup": "turned the group into a supergroup",
    "migrate_from_group": "continued the group here as a supergroup",
    "pin_message": "pinned a message",
    "clear_history": "cleared the history",
    "score_in_game": "scored in a game",
    "send_payment": "made a payment",
    "refunded_payment": "got a payment back",
    "phone_call": "called",
    "conference_call": "called several people",
    "group_call": "a group call",
    "group_call_scheduled": "scheduled a group call",
    "invite_to_group_call": "invited to a group call:",
    "take_screenshot": "took a screenshot",
    "allow_sending_messages": "allowed a bot to write",
    "web_app_bot_allowed": "allowed a bot to write",
    "attach_menu_bot_allowed": "added a bot to the menu",
    "send_passport_values": "sent documents",
    "joined_telegram": "joined Telegram",
    "proximity_reached": "came near to",
    "requested_phone_number": "asked for a phone number",
    "set_messages_ttl": "changed when messages are deleted",
    "edit_chat_theme": "changed the theme",
    "set_chat_wallpaper": "changed the background",
    "set_same_chat_wallpaper": "changed the background",
    "send_webview_data": "sent data to a bot",
    "send_premium_gift": "gave Premium",
    "gift_code_prize": "won Premium",
    "send_stars_gift": "gave stars",
    "send_ton_gift": "gave money",
    "send_star_gift": "gave a gift",
    "stars_prize": "won stars",
    "topic_created": "opened a topic",
    "topic_edit": "changed a topic",
    "suggest_profile_photo": "suggested a picture",
    "requested_peer": "shared a chat with a bot",
    "giveaway_launch": "started a giveaway",
    "giveaway_results": "a giveaway ended",
    "boost_apply": "boosted the group",
    "paid_messages_refund": "gave back stars for messages",
    "paid_messages_price_change": "changed the price of messages",
    "todo_completions": "ticked off tasks",
    "todo_append_tasks": "added tasks",
    "process_suggested_post": "decided about a suggested post",
    "suggested_post_success": "paid for a suggested post",
    "suggested_post_refund": "got a suggested post paid back",
}
_JOINS: Final = frozenset({"create_group", "invite_members"})
_NUMBERS: Final = (
    "duration", "duration_seconds", "period", "score", "boosts", "schedule_date", "months", "stars", "price_stars",
    "distance",
)  # fmt: skip
_MOST_PEOPLE: Final = 10_000
_LONGEST_TITLE: Final = 1000
_MOST_TASKS: Final = 1000


class Told:
    """What a line says: the words, the data, and what it tells about who was there."""

    __slots__ = ("data", "joined", "left", "others", "pinned", "words")

    def __init__(self) -> None:
        self.words = ""
        self.data: dict[str, Any] = {}
        self.joined: list[MemberId] = []
        self.left: list[MemberId] = []
        self.pinned = ""


def told(line: Line, actor: MemberId | str, people: People) -> Told:
    """Put a line into words. `actor` is who did it, "" unknown."""
    found = Told()
    action = line.action or ("custom" if line.information_text else "unknown")
    found.data["action"] = action[:100]
    who = f"{{member:{actor}}}" if actor else "Somebody"
    words = [who, WORDS.get(action, action.replace("_", " ")[:100])]
    _tell_people(line, actor, people, found, words)
    if title := (line.title or line.new_title)[:_LONGEST_TITLE]:
        found.data["title"] = title
        words.append(f"“{title}”")
    if action == "pin_message" and line.message_id:
        found.pinned = found.data["message"] = str(line.message_id)
    for name in _NUMBERS:
        if number := getattr(line, name):
            found.data[name] = number
    if line.emoticon:
        words.append(line.emoticon[:100])
    tasks = (f"- {plain(one.text, people)}" for one in line.items[:_MOST_TASKS])
    said = filter(None, (line.information_text, plain(line.gift_text, people), *tasks))
    found.words = "\n".join([" ".join(words), *said])
    return found


def _tell_people(line: Line, actor: str, people: People, found: Told, words: list[str]) -> None:
    """Who else had part in it."""
    named = [people.by_name(name) for name in line.members[:_MOST_PEOPLE] if name]
    unnamed = sum(not name for name in line.members)
    if line.members:
        found.data["members"] = named
        if line.action == "remove_members" and named == [actor] and not unnamed:
            words[1:] = ["left"]
        else:
            words.append(_listed(named, unnamed))
        if line.action in _JOINS:
            found.joined = list(named)
        elif line.action == "remove_members":
            found.left = named
    if line.inviter:
        inviter = people.by_name(line.inviter)
        words.append(f"of {{member:{inviter}}}")
        found.data["inviter"] = inviter
        found.joined.append(inviter)
    if line.to or line.to_id:
        other = people.by_id(line.to_id, line.to) if line.to_id else people.by_name(line.to or "")
        words.append(f"{{member:{other}}}")


def _listed(named: list[MemberId], unnamed: int) -> str:
    words = [f"{{member:{who}}}" for who in named]
    if unnamed:
        words.append("a deleted account" if unnamed == 1 else f"{unnamed} deleted accounts")
    return ", ".join(words)
