"""From an action of the plan to the one that a target is handed: the archive's refs become the target's, as far as they exist.

Reads outcomes from the journal, does nothing. This is the last moment before an action, and the only place where a member id
turns into a handle.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from grouparchive.errors import UnsafePlan
from grouparchive.model.codec import UNREADABLE
from grouparchive.model.plan import (
    Action,
    BanMember,
    Configure,
    CreateChannel,
    CreateGroup,
    EditPost,
    Grant,
    Key,
    Outcome,
    Plan,
    Post,
    PostMedia,
    React,
    Reveal,
    SetPins,
    Upload,
)
from grouparchive.model.ports import OpenBlob
from grouparchive.model.records import MemberId, Ref
from grouparchive.restore.journal import Journal
from grouparchive.restore.keys import action_key
from grouparchive.restore.metadata import stripping
from grouparchive.restore.wording import MISSING_FILE

_T = TypeVar("_T")

Natives = Callable[[MemberId], str]
"""A member's handle on the platform, "" where it is not known."""

MISSING_POST = "post-missing"
UNKNOWN_PERSON = "person-unknown"


class Unbound(Exception):  # noqa: N818 - an outcome, not an error a person meets
    """The action cannot be done, because something it needs was not. `args[0]` is the gap code."""


class Binder:
    """Binds the actions of one plan."""

    def __init__(self, plan: Plan, journal: Journal, natives: Natives, open_blob: OpenBlob) -> None:
        self._plan = plan
        self._journal = journal
        self._natives = natives
        self._open_blob = stripping(open_blob)
        self._containers = {
            action.channel.ref: action.key for action in plan.actions if isinstance(action, CreateGroup | CreateChannel)
        }

    def bind(self, action: Action) -> Action:
        """The action with the target's refs.

        Raises:
            Unbound: a post, file or person that it is about is not there.
            UnsafePlan: a container is not there.
        """
        match action:
            case CreateGroup():
                return action
            case CreateChannel():
                return msgspec.structs.replace(action, parent=self.container(action.parent))
            case Upload():
                # The size that the target will really read: a picture is smaller without its metadata.
                return msgspec.structs.replace(action, size=sum(map(len, self._open_blob(action.blob))))
            case _:
                return msgspec.structs.replace(action, channel=self.container(action.channel), **self._others(action))

    def _others(self, action: Action) -> dict[str, Any]:
        """What else changes in an action besides its channel."""
        found: dict[str, Any] = {}
        match action:
            case Post():
                found = self._post(action)
            case EditPost() | React():
                found["target"] = self._needed(self._message(action.channel, action.target))
            case SetPins():
                messages = tuple(filter(None, (self._message(action.channel, one) for one in action.messages)))
                found["messages"] = self._needed(messages)
            case Configure():
                found["value"] = self._setting(action.value)
            case Reveal():
                found["avatar"] = self._outcome_ref(action.avatar) if action.avatar else ""
            case BanMember() | Grant():
                found["native"] = self._needed(self._natives(action.member), UNKNOWN_PERSON)
        return found

    def _needed(self, found: _T, code: str = MISSING_POST) -> _T:
        if not found:
            raise Unbound(code)
        return found

    def container(self, channel: Ref) -> Ref:
        """The target's ref of a group or channel."""
        key = self._containers.get(channel)
        ref = self._outcome_ref(key) if key else ""
        if not ref:
            raise UnsafePlan("a room that the plan needs was not made")
        return ref

    def _outcome_ref(self, key: Key) -> Ref:
        outcome: Outcome | None = self._journal.finished(key)
        return outcome.ref if outcome else ""

    def _message(self, channel: Ref, message: Ref) -> Ref:
        return self._outcome_ref(action_key(self._plan.policy.key, "post", channel, message)) if message else ""

    def _post(self, post: Post) -> dict[str, Any]:
        media = tuple(self._media(post))
        kind, text = post.type, post.text
        if len(media) < len(post.media):
            kind, text = kind if media else "text", f"{text}\n{MISSING_FILE}".strip()
        return {
            "type": kind,
            "text": text,
            "media": media,
            "reply_to": self._message(post.channel, post.reply_to),
            "thread": self._message(post.channel, post.thread),
        }

    def _media(self, post: Post) -> Iterator[PostMedia]:
        for one in post.media:
            ref = self._outcome_ref(one.upload)
            if ref:
                yield msgspec.structs.replace(one, upload=ref)

    def _setting(self, value: str) -> str:
        """A setting that names rooms of the group names the rebuilt ones."""
        if not any(channel in value for channel in self._containers):
            return value
        try:
            found = self._with_our_rooms(msgspec.json.decode(value))
            return msgspec.json.encode(found, order="sorted").decode()
        except UNREADABLE:
            return value

    def _with_our_rooms(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.container(value) if value in self._containers else value
        if isinstance(value, list):
            return [self._with_our_rooms(one) for one in value]
        if isinstance(value, dict):
            return {name: self._with_our_rooms(one) for name, one in value.items()}
        return value
