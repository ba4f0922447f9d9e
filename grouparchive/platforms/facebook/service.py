"""The lines that Messenger and Instagram themselves write into a thread: who was added, who left, what was renamed.

They look like messages of the person who did it. Their wording is in the account's language, so what they did is only told
where that is one of a few; that it is such a line is told in every language, by the sender's own name at its beginning.
"""

import re
from typing import Final

_ACTIONS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (action, re.compile(pattern, re.DOTALL))
    for action, pattern in (
        ("add", r"(?:added|invited) (?P<who>.{1,300}?) to (?:the|this) (?:group|chat|conversation)\.?"),
        ("add", r"hat (?P<who>.{1,300}?) (?:zur Gruppe )?hinzugefügt\.?"),
        ("add", r"a ajouté (?P<who>.{1,300}?)(?: au groupe)?\.?"),
        ("add", r"(?:agregó a|añadió a|ha agregado a) (?P<who>.{1,300}?)(?: al grupo)?\.?"),
        ("add", r"adicionou (?P<who>.{1,300}?)(?: ao grupo)?\.?"),
        ("add", r"ha aggiunto (?P<who>.{1,300}?)(?: al gruppo)?\.?"),
        ("add", r"добавил(?:а|\(а\))? (?P<who>.{1,300}?)(?: в (?:группу|чат))?\.?"),
        ("remove", r"(?:removed|kicked) (?P<who>.{1,300}?) from (?:the|this) (?:group|chat|conversation)\.?"),
        ("remove", r"hat (?P<who>.{1,300}?) (?:aus der Gruppe )?entfernt\.?"),
        ("remove", r"a (?:retiré|supprimé) (?P<who>.{1,300}?) du groupe\.?"),
        ("remove", r"(?:eliminó a|ha eliminado a) (?P<who>.{1,300}?) del grupo\.?"),
        ("remove", r"удалил(?:а|\(а\))? (?P<who>.{1,300}?)(?: из (?:группы|чата))?\.?"),
        ("leave", r"left (?:the|this) (?:group|chat|conversation)\.?"),
        ("leave", r"hat die (?:Gruppe|Unterhaltung) verlassen\.?|a quitté (?:le groupe|la conversation)\.?"),
        ("leave", r"(?:abandonó|ha abandonado|salió de) (?:el |la )?(?:grupo|conversación)\.?|saiu do grupo\.?"),
        ("leave", r"ha abbandonato (?:il gruppo|la conversazione)\.?|покинул(?:а|\(а\))? (?:группу|чат)\.?"),
        ("join", r"joined (?:the|this) (?:group|chat|conversation|video chat|call|audio call|video call)\b.{0,200}"),
        ("name", r"(?:named|changed the name of) the (?:group|chat|conversation).{0,2000}"),
        ("create", r"created (?:the|this|a) (?:group|chat|poll|plan)\b.{0,2000}"),
        ("photo", r"changed the (?:group|chat) (?:photo|picture)\.?"),
        ("call", r"(?:started|ended) (?:a|an|the|sharing)? ?(?:audio|video|voice)? ?(?:call|chat)\b.{0,200}"),
        ("set", r"(?:set|changed|turned|made|pinned|unpinned|removed|updated|cleared|enabled|disabled)\b.{0,2000}"),
        ("set", r"(?:sent|liked|reacted)\b.{0,2000}"),
        ("set", r"(?:voted|shared|unsent|missed|waved|responded)\b.{0,2000}"),
    )
)  # fmt: skip
_YOU: Final = re.compile(r"(?:You|Du|Vous|Tú|Você|Вы) (?=\w)")


def action_of(text: str, sender: str) -> tuple[str, str] | None:
    """(what was done, to whom by name) if the platform wrote this line; None if the person did. What was done is "other"
    where the wording is none that we know.
    """
    if sender and text.startswith(sender + " "):
        rest = text[len(sender) + 1 :]
        sure = True
    elif said := _YOU.match(text):
        rest = text[said.end() :]
        sure = False
    else:
        return None
    for action, pattern in _ACTIONS:
        if found := pattern.fullmatch(rest[:2500]):
            if not sure and action == "set":  # "You made my day"
                return None
            return action, (found.groupdict().get("who") or "").strip()
    # people with one plain word for a name may begin what they say with it
    return ("other", "") if sure and " " in sender else None
