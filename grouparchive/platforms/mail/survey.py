"""The first look at an export: where each mail is, which list it belongs to, who stands in the headers. Some thirty bytes
are kept of each mail, and every address once.

A mail belongs to the list that its headers name. Where they name none, it belongs to a list of this export that it was
sent to (the admin's own copy of what they posted); else to the group of the label, file or folder that it lies in. The
files of a whole mailbox (all mail, inbox, sent) are the exception: what came through no list is the admin's private mail
there, and is left out.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

import msgspec

from grouparchive.errors import BadExport, NotFound
from grouparchive.model.records import Gap, Known
from grouparchive.platforms.files import Box
from grouparchive.platforms.files.connector import stamp_of
from grouparchive.platforms.files.zips import is_bomb
from grouparchive.platforms.mail.addresses import address, addresses, without_via
from grouparchive.platforms.mail.headers import unfolded, wanted, words
from grouparchive.platforms.mail.lists import MARKS, MailList, list_of, related
from grouparchive.platforms.mail.mime import first
from grouparchive.platforms.mail.split import HEADER_END, MOST_HEADER, Found, looks_like_mail, split
from grouparchive.platforms.mail.store import MailFile, Shelf, mail_files

MOST_PEOPLE: Final = 200_000
_MOST_GROUPS: Final = 5000
_MOST_REMEMBERED: Final = 50_000
_NOWHERE: Final = 0xFFFF
_LISTED_SHARE: Final = (
    5  # a file of which less than a fifth names a list is a list's own archive, with a few copies from others
)
_MOST_DIGITS: Final = 20  # of a number that a file tells

_LOOKED_AT = wanted(
    *MARKS, "from", "to", "cc", "reply-to", "sender", "x-original-from", "x-original-sender", "message-id", "x-gmail-labels"
)  # fmt: skip
_PEOPLE = (b"from", b"to", b"cc", b"reply-to", b"sender", b"x-original-from", b"x-original-sender")
_SUBJECT = wanted("subject")
_TAG = re.compile(r"(?:re|aw|fwd?|wg|sv|antw)?:?\s*\[([^\[\]]{1,80})\]", re.IGNORECASE)
_WHOLE: Final = frozenset(
    {"inbox", "sent", "sent mail", "sent items", "drafts", "spam", "trash", "archive", "archived", "all mail", "starred",
     "important", "unread", "opened", "chat", "all mail including spam and trash"}
)  # fmt: skip


class Group(msgspec.Struct):
    """A list, or the mails of a label."""

    ref: str
    name: str
    mails: int = 0


class Mails:
    """All mails of an export. `known` is address -> name of everyone in the headers, `lists` the addresses of lists,
    `doubled` the hashes of Message-IDs that stand in it more than once.

    Args:
        box: the export.
        shelf: opens its files.
        label: what a person says the group is called, where mails do not say it.
        files: those that hold mails, where that is known already.
        fixed: for a file, the group (ref, name) of all its mails, whatever they say.
    """

    def __init__(
        self,
        box: Box,
        shelf: Shelf,
        label: str,
        files: list[MailFile] | None = None,
        fixed: dict[str, tuple[str, str]] | None = None,
    ) -> None:
        self.files = mail_files(box) if files is None else files
        self.groups: list[Group] = []
        self.known: dict[str, str] = {}
        self.gaps: list[Gap] = []
        self.lists: frozenset[str] = frozenset()
        self._box = box
        self._shelf = shelf
        self._label = label.strip()
        self.fixed = fixed or {}
        self._file = array("I")
        self._start = array("Q")
        self._size = array("Q")
        self._group = array("H")
        self._sent_to = array("H")
        self._ids = array("q")
        self._numbers: dict[str, int] = {}
        self._marked: dict[tuple[bytes | None, ...], int] = {}
        self._headers_seen: set[bytes] = set()
        self._recipients: dict[bytes, int] = {}
        self._recipient_lists: list[tuple[str, ...]] = [()]
        self._unlisted: list[tuple[MailFile, range, str, bool]] = []
        self._places: dict[str, int] = {}
        self._crowded = False
        for number, file in enumerate(self.files):
            self._survey(number, file)
        self._settle()
        self.doubled = self._twice()

    def __len__(self) -> int:
        return len(self._start)

    @property
    def stamp(self) -> str:
        """Something that only who has the export can know: a hash of everybody in it."""
        return stamp_of(self.known)

    def number(self, file: MailFile) -> int:
        """Where a file stands in `files`."""
        if not self._places:
            self._places = {one.name: at for at, one in enumerate(self.files)}
        return self._places[file.name]

    def of(self, ref: str) -> Iterator[tuple[MailFile, int, int]]:
        """The mails of a group in the order of the files: file, place, size."""
        wanted_group = self._numbers.get(ref, _NOWHERE)
        for at, group in enumerate(self._group):
            if group == wanted_group:
                yield self.files[self._file[at]], self._start[at], self._size[at]

    # --- one file ---

    def _survey(self, number: int, file: MailFile) -> None:
        before = len(self._start)
        labels: set[str] = set()
        tags: Counter[str] = Counter()
        try:
            for found in self._found(file):
                if not found.whole:
                    self._gap(Known.MESSAGE_UNREADABLE, file, f"at byte {found.start}: a header block without an end")
                    continue
                if not self._is_mail(found):
                    if found.head.strip():
                        self._gap(Known.FILE_DAMAGED, file, f"at byte {found.start}: no mail")
                    continue
                self._take(number, file, found, labels, tags)
        except (BadExport, NotFound):
            self._gap(Known.FILE_DAMAGED, file, "the rest of the file cannot be read")
        if before < len(self._start):
            self._label_of(file, before, labels, tags)

    def _found(self, file: MailFile) -> Iterator[Found]:
        if file.kind == "mbox":
            with self._shelf.at(file.name, 0) as stream:
                packed = self._box.entries[file.name]

                def read(size: int) -> bytes:
                    if file.name.lower().endswith(".gz") and is_bomb(packed, stream.tell()):
                        raise BadExport("a packed file is far larger than it ought to be")
                    return stream.read(size)

                for found in split(read):
                    yield found
                    if found.torn:
                        self._gap(Known.FILE_DAMAGED, file, f"at byte {found.end}: the file ends early")
            return
        size = self._box.entries[file.name]
        head = self._box.head(file.name)
        if len(head) < size and not HEADER_END.search(head):
            head = self._box.head(file.name, MOST_HEADER + 1)
        start = 0
        if file.kind == "emlx":
            told, _, head = head.partition(b"\n")
            start = len(told) + 1
            told = told.strip()
            size = min(start + int(told), size) if told.isdigit() and len(told) < _MOST_DIGITS else size
        ends = HEADER_END.search(head)
        whole = ends is not None or size <= MOST_HEADER
        yield Found(start=start, head=head[: ends.end()] if ends else head, end=size, whole=whole)

    def _is_mail(self, found: Found) -> bool:
        return found.head.startswith(b"From ") or looks_like_mail(found.head.lstrip(b"\xef\xbb\xbf \t\r\n"))

    def _take(self, number: int, file: MailFile, found: Found, labels: set[str], tags: Counter[str]) -> None:
        headers = first(_LOOKED_AT, found.head)
        group = _NOWHERE
        if file.name not in self.fixed:
            marks = (
                headers.get(b"list-id"), headers.get(b"list-post"), headers.get(b"x-beenthere"),
                headers.get(b"x-google-groups"), headers.get(b"x-google-group"), headers.get(b"mailing-list"),
                headers.get(b"precedence"),
            )  # fmt: skip
            known = self._marked.get(marks)
            if known is None:
                known = self._number(list_of(headers))
                if len(self._marked) < _MOST_REMEMBERED:
                    self._marked[marks] = known
            group = known
        for name in _PEOPLE:
            value = headers.get(name)
            if value and value not in self._headers_seen:
                self._meet(value)
        gmail = headers.get(b"x-gmail-labels")
        if gmail and len(labels) < 1000:
            labels.update(_bare(one) for one in words(unfolded(gmail)).split(","))
        if file.monthly and len(tags) < 1000:
            subject = first(_SUBJECT, found.head).get(b"subject")
            tag = _TAG.match(words(unfolded(subject))) if subject else None
            if tag:
                tags[tag[1].strip()] += 1
        self._file.append(number)
        self._start.append(found.start)
        self._size.append(found.end - found.start)
        self._group.append(group)
        self._sent_to.append(self._addressed(headers) if group == _NOWHERE and file.name not in self.fixed else 0)
        if b"message-id" in headers:
            self._ids.append(hash(headers[b"message-id"].strip()))

    def _meet(self, value: bytes) -> None:
        if len(self._headers_seen) < _MOST_REMEMBERED and len(value) < 1000:
            self._headers_seen.add(value)
        for found, name in addresses(value):
            if found not in self.known and len(self.known) >= MOST_PEOPLE:
                if not self._crowded:
                    self._crowded = True
                    self.gaps.append(Gap(code=Known.TOO_MANY))
                return
            if name or found not in self.known:
                self.known[found] = self.known.get(found) or without_via(name)

    def _addressed(self, headers: dict[bytes, bytes]) -> int:
        raw = headers.get(b"to", b"") + b"," + headers.get(b"cc", b"")
        known = self._recipients.get(raw)
        if known is None:
            if len(self._recipient_lists) >= _MOST_REMEMBERED or len(raw) > 2000:
                return 0
            known = self._recipients[raw] = len(self._recipient_lists)
            self._recipient_lists.append(tuple(one for one, _ in addresses(raw)))
        return known

    def _number(self, found: MailList | None) -> int:
        if found is None:
            return _NOWHERE
        return self._group_of(found.ref, found.name)

    def _group_of(self, ref: str, name: str) -> int:
        number = self._numbers.get(ref)
        if number is None:
            if len(self.groups) >= _MOST_GROUPS:
                return _NOWHERE
            number = self._numbers[ref] = len(self.groups)
            self.groups.append(Group(ref, name))
        elif name and not self.groups[number].name:
            self.groups[number].name = name
        return number

    # --- where the others belong ---

    def _label_of(self, file: MailFile, before: int, labels: set[str], tags: Counter[str]) -> None:
        """The mails of a file that name no list: which group they are of."""
        mails = range(before, len(self._start))
        if file.name in self.fixed:
            number = self._group_of(*self.fixed[file.name])
            self._put(mails, number)
            return
        listed = sum(self._group[at] != _NOWHERE for at in mails)
        whole_mailbox = bool(labels) and _bare(file.label) not in labels
        if not whole_mailbox and file.label.lower() in _WHOLE and not self._label:
            whole_mailbox = True
        if not labels and not whole_mailbox and listed * _LISTED_SHARE < len(mails):
            listed = 0  # few copies from other lists
            for at in mails:
                self._group[at] = _NOWHERE
        if listed == len(mails):
            return
        name = self._label or file.label
        if not self._label and file.monthly and tags:
            tag, count = tags.most_common(1)[0]
            name = tag if count * 3 > len(mails) else name
        self._unlisted.append((file, mails, name, whole_mailbox))

    def _settle(self) -> None:
        named = address(self._label)
        lists = set(self._numbers) | ({named} if named else set())
        for file, mails, name, private in self._unlisted:
            left = array("I")
            for at in mails:
                if self._group[at] != _NOWHERE:
                    continue
                to = next((one for one in self._recipient_lists[self._sent_to[at]] if one in lists), None)
                if to is None:
                    left.append(at)
                else:
                    self._group[at] = self._group_of(to, "")
            if private and left:
                self.gaps.append(Gap(code=Known.PRIVATE_CHAT, scope=file.label[:1024], count=len(left), limit=True))
            elif left:
                found = address(name)
                self._put(left, self._group_of(found or " ".join(name.split()).casefold()[:200], "" if found else name))
        self._unlisted = []
        counts = Counter(self._group)
        for number, group in enumerate(self.groups):
            group.mails = counts.get(number, 0)
        self.lists = related(frozenset(one.ref for one in self.groups if "@" in one.ref))
        self._marked, self._headers_seen, self._recipients, self._recipient_lists = {}, set(), {}, [()]
        self._sent_to = array("H")

    def _put(self, mails: Iterable[int], number: int) -> None:
        for at in mails:
            self._group[at] = number

    def _twice(self) -> frozenset[int]:
        ids = sorted(self._ids)
        self._ids = array("q")
        return frozenset(one for one, other in pairwise(ids) if one == other)

    def _gap(self, code: str, file: MailFile, detail: str) -> None:
        self.gaps.append(Gap(code=code, scope=file.name[:1024], detail=detail))


def _bare(label: str) -> str:
    """A label's name, as far as it can stand in a file's name."""
    return "".join(one for one in label.casefold() if one.isalnum())
