"""Reads answers of Facebook's own pages: JSON whose form is documented nowhere and changes every few weeks. So nothing is
looked for at a place: everything is walked through, and groups, members, posts and comments are known by their own fields
wherever they sit. Each reader takes what it knows and leaves the rest.
"""

from typing import Any, Final, cast

from grouparchive.platforms.facebook.found import ADMIN, MODERATOR, Found
from grouparchive.platforms.facebook.nodes import SKIP, Node, at, is_number, is_person, said, text_of
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.facebook.stories import PostReader, Who

_ADMINS: Final = frozenset({"group_admin_profiles", "admin_profiles", "facepile_admin_profiles", "group_admins"})
_MEMBERS: Final = frozenset(
    {
        "new_members", "new_forum_members", "search_results", "group_friend_members", "group_member_discovery", "contributors",
        "forum_members", "members", "group_members", "paginated_member_sections", "group_member_profiles",
    }
)  # fmt: skip
_MODERATORS: Final = frozenset({"group_moderator_profiles", "moderator_profiles", "admin_and_moderator_profiles"})
_COUNTS: Final = ("group_member_profiles", "group_members", "forum_members")


class Walker:
    """Walks through answers and puts what it knows into `found`.

    Args:
        found: takes it.
        who: gives people their ids, for mentions.
    """

    def __init__(self, found: Found, who: Who) -> None:
        self._found = found
        self._posts = PostReader(found, who)

    def walk(self, document: Any, time: int, group: str = "") -> None:
        """One answer, as it was at `time` (milliseconds). `group`: whose page it came from, where that is known."""
        stack: list[tuple[Any, str, str]] = [(document, group, "")]
        while stack:
            value, inside, key = stack.pop()
            if type(value) is list:
                stack.extend((one, inside, key) for one in value if type(one) is dict or type(one) is list)
                continue
            if type(value) is not dict:
                continue
            node = cast("Node", value)
            kind = text_of(node.get("__typename"))
            if kind == "Group" or (not kind and not node.keys().isdisjoint(_MEMBERS) and is_number(node.get("id"))):
                inside = self._group(node, time) or inside
            elif kind == "Story" or ("comet_sections" in node and ("post_id" in node or "id" in node)):
                self._posts.story(node, time, inside)
            elif kind == "Comment" or node.keys() >= {"author", "body", "created_time", "id"}:
                self._posts.comment(node, time, inside)
            edges = node.get("edges")
            if isinstance(edges, list) and inside:
                self._edges(edges, key, inside, time)
            for name, child in node.items():
                if (type(child) is dict or type(child) is list) and name not in SKIP:
                    stack.append((child, inside, name if name not in {"edges", "node"} else key))

    # --- groups and members -----------------------------------------------------------------------------------------------

    def _group(self, node: Node, time: int) -> str:
        id_ = node.get("id")
        if not is_number(id_):
            return ""
        place = self._found.place(id_, tidy(text_of(node.get("name")))[:1000], time)
        topic = said(node.get("description_with_entities")) or said(node.get("description"))
        place.topic = tidy(topic)[:100_000] or place.topic
        privacy = said(at(node, "privacy_info", "title"))
        place.privacy = tidy(privacy)[:200] or place.privacy
        for name in _COUNTS:
            count = at(node, name, "count")
            if isinstance(count, int) and 0 < count < 10**9:
                place.told = max(place.told, count)
        return id_

    def _edges(self, edges: list[Any], key: str, group: str, time: int) -> None:
        """A list of people: the members, admins or guests of a group."""
        level = ADMIN if key in _ADMINS else MODERATOR if key in _MODERATORS else 0
        for edge in edges:
            node = edge.get("node") if isinstance(edge, dict) else None
            if not isinstance(node, dict):
                continue
            invited = "GroupUserInvite" in (node.get("__isEntity"), node.get("__typename")) or isinstance(
                node.get("invitee_profile"), dict
            )
            person = node.get("invitee_profile") if invited else node
            if not isinstance(person, dict):
                continue
            joined = edge.get("join_status_text") or edge.get("membership") or person.get("group_membership")
            if not (invited or joined or key in _MEMBERS or level) or not is_person(person):
                continue
            native = self._posts.person(person)
            if not native:
                continue
            told = at(person, "group_membership", "associated_group", "id")
            own = told if is_number(told) else group
            rank = max(level and _rank(edge, person, level), _rank(edge, person, 0))
            self._found.sight(own, native, time, "invite" if invited else "join", rank)


def _rank(edge: Node, person: Node, otherwise: int) -> int:
    """What power the answer says in words of its own."""
    for node in (person.get("group_membership"), edge.get("membership")):
        for value in node.values() if isinstance(node, dict) else ():
            if isinstance(value, str) and value.isupper() and len(value) < 40:
                if "MODERATOR" in value:
                    return MODERATOR
                if "ADMIN" in value:
                    return ADMIN
    return otherwise
