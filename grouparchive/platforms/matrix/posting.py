"""Posts what was archived: stand-in authors, files, posts, edits, reactions."""

import re
import threading
from collections import OrderedDict

from grouparchive.errors import Refused
from grouparchive.model import plan
from grouparchive.model.plan import Outcome
from grouparchive.model.ports import OpenBlob
from grouparchive.platforms.http import answer_of
from grouparchive.platforms.matrix.events import MARKER, Json, obj
from grouparchive.platforms.matrix.markers import member_state
from grouparchive.platforms.matrix.render import edit_event, post_events, reaction_event
from grouparchive.platforms.matrix.session import SERVICE_HINT, Session, done, skipped

SMALL_FILE = 8 * 1024 * 1024
"""Files up to here are sent out of memory; larger ones are read twice, because the server wants their size first."""
_REMEMBERED = 20_000
_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")


class Posting:
    """What is done inside rooms. Thread-safe.

    Args:
        session: whose account, whose stand-ins.
        open_blob: the bytes of files to upload.
    """

    def __init__(self, session: Session, open_blob: OpenBlob) -> None:
        self._session = session
        self._open_blob = open_blob
        self._lock = threading.Lock()
        self._registered: set[str] = set()
        self._shown: OrderedDict[str, Json | None] = OrderedDict()  # post -> its content where it is more than text

    def add_author(self, action: plan.AddAuthor) -> Outcome:
        """Make a stand-in, where it does not exist yet, and bring it into the room."""
        service, ghost = self._session.acting(action.author)
        with self._session.only(ghost):  # it may be added to several rooms at once
            if ghost not in self._registered:
                try:
                    service.register_ghost(ghost[1:].partition(":")[0])
                except Refused as error:
                    if answer_of(error).code == "M_EXCLUSIVE":
                        words = "the application service may not make accounts with this prefix"
                        raise Refused(words, hint=SERVICE_HINT) from error
                    if answer_of(error).code != "M_USER_IN_USE":
                        raise
                self._registered.add(ghost)
        try:
            self._session.api.membership(action.channel, "invite", {"user_id": ghost})
        except Refused:
            if member_state(self._session.api, action.channel, ghost).get("membership") != "join":
                raise
        # The name is the room's alone: the account itself has none that could tell of another rebuilt group.
        content = {"membership": "join", "displayname": action.label, MARKER: action.key}
        service.put_state(action.channel, "m.room.member", ghost, content, as_user=ghost)
        return done(ghost)

    def remove_author(self, action: plan.RemoveAuthor) -> Outcome:
        """The stand-in leaves."""
        service, ghost = self._session.acting(action.author)
        service.membership(action.channel, "leave", {}, as_user=ghost)
        return done()

    def post(self, action: plan.Post) -> Outcome:
        """One post; its further files before it."""
        if not (action.text or action.html or action.media or action.poll):
            return skipped("messages-empty")
        *files, (kind, content) = post_events(action)
        for number, (file_kind, file) in enumerate(files, 1):
            if not self._session.markers.post(action.channel, f"{action.key}-{number}"):
                self._send(action, file_kind, f"{action.key}-{number}", file)
        event = self._send(action, kind, action.key, content)
        with self._lock:
            self._shown[event] = content if content.get("msgtype") != "m.text" else None
            if len(self._shown) > _REMEMBERED:
                self._shown.popitem(last=False)
        return done(event)

    def _send(self, action: plan.Post | plan.EditPost | plan.React, kind: str, txn: str, content: Json) -> str:
        api, user = self._session.acting(action.author)
        time = action.time if user else None
        return api.send_event(action.channel, kind, txn, content, as_user=user, time=time)

    def edit(self, action: plan.EditPost) -> Outcome:
        """A later text of a post; its file stays."""
        with self._lock:
            known = action.target in self._shown
            shown = self._shown.get(action.target)
        if not known:
            shown = obj((self._session.api.event(action.channel, action.target) or {}).get("content"))
        return done(self._send(action, "m.room.message", action.key, edit_event(action, shown)))

    def react(self, action: plan.React) -> Outcome:
        """A reaction."""
        try:
            return done(self._send(action, "m.reaction", action.key, reaction_event(action)))
        except Refused as error:
            if answer_of(error).code == "M_DUPLICATE_ANNOTATION":
                return skipped("reactions-merged")
            raise

    def upload(self, action: plan.Upload) -> Outcome:
        """Put a file."""
        mime = action.mime if _MIME.fullmatch(action.mime) else "application/octet-stream"
        taken: list[bytes] = []
        size = 0
        for piece in self._open_blob(action.blob):
            size += len(piece)
            if size <= SMALL_FILE:
                taken.append(piece)
            else:
                taken.clear()
        if size <= SMALL_FILE:
            return done(self._session.api.upload(b"".join(taken), mime))
        return done(self._session.api.upload(lambda: self._open_blob(action.blob), mime, size=size))
