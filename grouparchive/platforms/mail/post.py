"""One mail as a message: who, when, in answer to what, its words and files. Reads bytes that it is given; keeps the little
that later mails need of earlier ones.
"""

import hashlib
import html as entities
import re
import time as clock
from datetime import UTC, tzinfo
from typing import Final

import msgspec

from grouparchive.model.records import Known, MemberId, Message, Name
from grouparchive.platforms.files.texts import fitted
from grouparchive.platforms.mail.addresses import addresses, author
from grouparchive.platforms.mail.body import Body, FilePart
from grouparchive.platforms.mail.dates import EARLIEST, sent, separator
from grouparchive.platforms.mail.headers import unfolded, wanted, words
from grouparchive.platforms.mail.mime import Raw, first
from grouparchive.platforms.mail.people import People

_WANTED = wanted(
    "from", "subject", "date", "message-id", "in-reply-to", "references", "content-type", "content-transfer-encoding",
    "content-disposition", "reply-to", "sender", "x-original-from", "x-original-sender", "x-mailman-original-from",
    "x-gm-thrid", "auto-submitted", "x-list-administrivia", "x-gmail-labels",
)  # fmt: skip
_RECEIVED = wanted("received")
_ID = re.compile(rb"<([^<>\r\n]{1,2000})>")
_ANSWERS = re.compile(
    r"(?:\[[^\]]{0,80}\]\s*)*(?:re|aw|sv|antw|odp|res|rv|ynt|vs|atb|回复|答复|回覆|ответ|cvb)\s?(?:\[\d+\]|\(\d+\)|\^\d+)?\s?[:：]",
    re.IGNORECASE,
)
_AHEAD: Final = 2 * 86_400_000
_REMEMBERED: Final = 50_000
_DIGITS: Final = 32  # of a digest in a ref
_AROUND: Final = " \t>*\"'"  # what may stand between a name and an address
_MOST_TWINS: Final = 1000
_COMPARED: Final = 120  # letters of two mails that must agree

_encode = msgspec.json.Encoder().encode


class Posted(msgspec.Struct, gc=False):
    """A mail as a message, with its files, and codes of what was left out. `seen`: the author shows that they are a
    member.
    """

    message: Message
    files: list[FilePart]
    lost: list[str]
    seen: bool = False
    unformatted: bool = False


class Posts:
    """Makes messages of the mails of one list.

    Args:
        channel: its ref.
        people: who is who.
        lists: the addresses that list software writes from.
        doubled: hashes of Message-IDs that stand twice in the export.
        zone: of times that name none.
    """

    def __init__(
        self, channel: str, people: People, lists: frozenset[str], doubled: frozenset[int], zone: tzinfo
    ) -> None:
        self._channel = channel
        self._people = people
        self._lists = lists
        self._doubled = doubled
        self._zone = zone
        self._authors: dict[bytes, tuple[str, MemberId | Name]] = {}
        self._twins: dict[str, list[_Mark]] = {}
        self._alike: dict[str, dict[int, int]] = {}  # ref -> hash of what it leaves out of a mail -> number
        self._roots: dict[int, str] = {}  # of answers: what opened their thread
        self._older: dict[int, str] = {}
        self._conversations: dict[bytes, str] = {}
        self._latest = int(clock.time() * 1000) + _AHEAD
        self._time = 0

    def post(self, raw: Raw, head: bytes, *, mbox: bool, topics: bool) -> Posted | None:
        """The message; None for another copy of one that was there. `head` is where `raw` begins, up to the body; `mbox`:
        lines may be escaped; `topics`: what Gmail calls labels are states of a group's topics, and no private ones of a
        mailbox.
        """
        headers = first(_WANTED, head)
        lost: list[str] = []
        when = self._when(headers, head, lost)
        native, member = self._author(headers)
        administrivia = headers.get(b"x-list-administrivia", b"").strip().lower() == b"yes"
        body = Body(raw, len(head), headers, self._people, mbox=mbox, everyone=administrivia)
        lost += body.lost
        subject = words(unfolded(headers[b"subject"])) if b"subject" in headers else ""
        ref = self._ref(headers, native, when, subject, body)
        if ref is None:
            return None
        reply_to, root = self._thread(headers, ref)
        action = "list-admin" if administrivia else "delivery-report" if "multipart/report" in body.kinds else ""
        service = bool(action)
        shown = self._people.clean(subject, everyone=True) if "@" in subject else subject
        text, html = body.text, body.html
        if shown and not (reply_to and _ANSWERS.match(subject)):
            text = f"{shown}\n\n{text}" if text else shown
            html = f"<p><strong>{entities.escape(shown, quote=False)}</strong></p>{html}" if html else ""
        text, html, cut = fitted(text, html)
        lost += [cut] if cut else []
        return Posted(
            Message(
                channel=self._channel,
                ref=ref,
                time=when,
                author="" if service else member,
                type="service" if service else "text",
                text=text,
                html=html,
                reply_to=reply_to,
                thread=root,
                media=tuple(
                    msgspec.structs.replace(one.media, ref=f"{self._channel}/{ref}/{number}"[:1024])
                    for number, one in enumerate(body.files)
                )
                if body.files
                else (),
                data=self._data(headers, shown, action, topics=topics),
            ),
            body.files,
            lost,
            seen=bool(native) and not service,
            unformatted=body.unformatted,
        )

    def _data(self, headers: dict[bytes, bytes], subject: str, action: str, *, topics: bool) -> str:
        data: dict[str, object] = {"subject": subject} if subject else {}
        if action:
            data["action"] = action
        if headers.get(b"auto-submitted", b"").strip().lower().startswith(b"auto"):
            data["auto"] = True
        if topics and b"x-gmail-labels" in headers:
            data["labels"] = words(unfolded(headers[b"x-gmail-labels"]))[:1000].split(",")
        return _encode(data).decode() if data else ""

    # --- who and when ---

    def _author(self, headers: dict[bytes, bytes]) -> tuple[str, MemberId | Name]:
        stated = headers.get(b"from", b"")
        known = self._authors.get(stated)
        if known is not None:
            return known
        native, name = author(headers, self._lists)
        if not native and name:
            native = name.casefold()
        found = (native, self._people.member(native, name)) if native else ("", "")
        own = native and any(one == native for one, _ in addresses(stated))
        if own and len(self._authors) < _REMEMBERED:
            self._authors[stated] = found
        return found

    def _when(self, headers: dict[bytes, bytes], head: bytes, lost: list[str]) -> int:
        when = sent(headers[b"date"][:300], self._zone) if b"date" in headers else 0
        if not EARLIEST <= when <= self._latest:
            when = self._otherwise(head) or self._time
            if not when:
                lost.append(Known.TIME_UNKNOWN)
        self._time = when
        return when

    def _otherwise(self, head: bytes) -> int:
        """When it came, by the separator line of the mbox or the servers that it passed."""
        told = [head.partition(b"\n")[0]] if head.startswith(b"From ") else []
        when = separator(told[0], UTC) if told else 0
        if EARLIEST <= when <= self._latest:
            return when
        for _, value in reversed(_RECEIVED.findall(b"\n" + head)[:50]):
            when = sent(unfolded(value).rpartition(b";")[2], self._zone)
            if EARLIEST <= when <= self._latest:
                return when
        return 0

    # --- refs and threads ---

    def _ref(self, headers: dict[bytes, bytes], native: str, when: int, subject: str, body: Body) -> str | None:
        """The mail's ref; None for another copy of one that was there."""
        given = headers.get(b"message-id", b"").strip()
        found = _ID.search(given)
        ref = _as_ref(found[1] if found else given.strip(b"<> \t\r\n"))
        if not ref:
            return self._numbered(f"none-{_whole(when, subject, body)}", native, subject, body)
        if hash(given) not in self._doubled:
            return ref
        before = self._twins.setdefault(ref, [])
        mark = _mark(native, when, body)
        if any(mark.copies(one) for one in before):
            return None
        if len(before) < _MOST_TWINS:
            before.append(mark)
        if len(before) == 1:
            return ref
        return self._numbered(f"{ref}#{_whole(when, subject, body)[:16]}", native, subject, body)

    def _numbered(self, ref: str, native: str, subject: str, body: Body) -> str:
        """A ref made of a mail's words; mails that differ only in the people in them are numbered."""
        before = self._alike.get(ref)
        if before is None:
            before = self._alike[ref] = {}
            if len(self._alike) > _REMEMBERED:
                del self._alike[next(iter(self._alike))]
        people = hash((native, subject, "".join(body.said.split())))
        number = before.get(people, len(before))
        if number < _MOST_TWINS:
            before[people] = number
        return f"{ref}-{number + 1}" if number else ref

    def _thread(self, headers: dict[bytes, bytes], ref: str) -> tuple[str, str]:
        """(what it answers, what opened the thread), "" where it opened one itself."""
        chain = _ID.findall(headers[b"references"][:20_000]) if b"references" in headers else ()
        answered = _ID.search(headers[b"in-reply-to"][:4000]) if b"in-reply-to" in headers else None
        reply_to = _as_ref(answered[1]) if answered else _as_ref(chain[-1]) if chain else ""
        if reply_to == ref:
            reply_to = ""
        root = _as_ref(chain[0]) if chain else self._root(reply_to)
        conversation = headers.get(b"x-gm-thrid", b"").strip()[:64]
        if conversation:
            if not root:
                root = self._conversations.get(conversation, "")
                reply_to = reply_to or root
            if conversation not in self._conversations and len(self._conversations) < _REMEMBERED:
                self._conversations[conversation] = root or ref
        if root == ref:
            return ("", "") if reply_to == ref else (reply_to, "")
        if root:
            self._roots[hash(ref)] = root
            if len(self._roots) > _REMEMBERED:
                self._older, self._roots = self._roots, {}
        return reply_to, root

    def _root(self, answered: str) -> str:
        """What opened the thread of a mail that is answered, as far as that is remembered."""
        key = hash(answered)
        return (self._roots.get(key) or self._older.get(key) or answered) if answered else ""


def _as_ref(bare: bytes) -> str:
    """The ref of the mail with this Message-ID, "" for an empty one. A digest: the id itself names the computer, the
    provider or the address of whoever wrote.
    """
    text = bare.decode("utf-8", "replace")
    if not text.isprintable() or " " in text:
        text = "".join(one for one in text if one.isprintable() and one != " ")
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS] if text else ""


class _Mark(msgspec.Struct, gc=False):
    """What two mails with one Message-ID must share to be copies of one: lists add footers and change subjects."""

    native: str
    when: int
    files: int
    begins: str

    def copies(self, other: "_Mark") -> bool:
        """Is it another copy, perhaps with a footer?"""
        return (
            (self.native, self.when, self.files) == (other.native, other.when, other.files)
            and bool(self.begins) == bool(other.begins)
            and (self.begins.startswith(other.begins) or other.begins.startswith(self.begins))
        )


def _mark(native: str, when: int, body: Body) -> _Mark:
    return _Mark(native, when, len(body.files), "".join(body.said[:1000].split())[:_COMPARED])


def _whole(when: int, subject: str, body: Body) -> str:
    """A hash of a mail, the same in every export of it, whatever the line ends. Nothing goes into it that posts do not show:
    else it would tell whether somebody who is tried is the one.
    """
    parts = (str(when), "".join(_unnamed(subject).split()), "".join(_unnamed(body.said).split()))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:_DIGITS]


def _unnamed(text: str) -> str:
    """A text without all lines in which people may have become ids, in this export or in another: `People.spans` finds them
    on lines with an address, before an address that begins a line, and above quotations.
    """
    kept: list[str] = []
    for line in text.split("\n"):
        if "@" in line:
            if line.lstrip(_AROUND).startswith(("<", "[", "(")):
                while kept and not kept.pop().strip(_AROUND):
                    pass
        elif not line.endswith(":"):
            kept.append(line)
    return "\n".join(kept)
