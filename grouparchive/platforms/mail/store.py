"""The files of a box that hold mails, and reading in them at any place: mbox files, maildirs, single mails, plain or
packed.
"""

import gzip
import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final, Literal, TypeAlias, cast

import msgspec

from grouparchive.errors import BadExport
from grouparchive.platforms.files import Box
from grouparchive.platforms.files.box import FolderBox, Guarded
from grouparchive.platforms.mail.split import begins_mail, is_mbox

Kind: TypeAlias = Literal["mbox", "mail", "emlx"]

_HEADS: Final = 2000  # files without a telling name whose beginning is looked at
_HEAD: Final = 16 * 1024
_MOST_STREAMS: Final = 6
_MOST_REWINDS: Final = 100

_MAILDIR = re.compile(r"(?:(.*)/)?(?:cur|new)/[^/]+")
_UNDELIVERED = re.compile(r"(?:.*/)?tmp/[^/]+")  # a maildir's mails that were being written
_SINGLE = re.compile(r"(?:(.*)/)?[^/]+\.(?:eml|emlx)", re.IGNORECASE)
_MBOX = re.compile(r"(?:.*/)?[^/]+\.(?:mbox|mbx|mbox\.gz|txt\.gz)", re.IGNORECASE)
_PACKAGE = re.compile(r"(?:.*/)?([^/]+)\.mbox/(?:mbox|[^/]+\.mbox)", re.IGNORECASE)  # Apple Mail, Mailman's own folder
_PERHAPS = re.compile(r"(?:.*/)?(?:[^/.][^/.]*|[^/]+\.txt|[^/]+\.mail|[^/]+\.sbd/[^/.]+)", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:(.*)/)?\d{1,9}")
_MONTHLY = re.compile(
    r"(?:(?:19|20)\d\d-?(?:[A-Z][a-z]+|\d\d|q[1-4])?|\d{8}|Week-of-Mon-\d{8})(?:\.(?:txt|mbox|mbx))*(?:\.gz)?"
)


class MailFile(msgspec.Struct, frozen=True):
    """A file with mails. `label` is what its mails are called where none of them says its list; `monthly`: it is one of many
    files of an archive, named after a month or week.
    """

    name: str
    kind: Kind
    label: str
    monthly: bool = False


def mail_files(box: Box) -> list[MailFile]:
    """All files of a box that hold mails, by their names, and by how they begin where the name does not say it."""
    found = []
    looked = 0
    alone = len(box.entries) == 1
    for name in sorted(box.entries):
        kind = _by_name(name)
        if alone and not kind:
            head = box.head(name, _HEAD)
            kind = "mbox" if is_mbox(head) else "mail" if begins_mail(head) else None
        elif kind is None and looked < _HEADS and _PERHAPS.fullmatch(name) and not _UNDELIVERED.fullmatch(name):
            looked += 1
            head = box.head(name, _HEAD)
            if is_mbox(head):
                kind = "mbox"
            elif _NUMBERED.fullmatch(name) and begins_mail(head):
                kind = "mail"
        if kind:
            found.append(_described(box, name, kind))
    return found


def recognised(box: Box) -> bool:
    """Are mails what this box is about? A mail among the attachments of another export makes it none."""
    if several_exports(box):
        return False
    named = [name for name in sorted(box.entries) if _by_name(name) and not name.lower().endswith(".txt.gz")]
    takeout = [
        name for name in named if re.fullmatch(r"(?:[^/]+/)?[^/]+/[^/]+\.mbox", name) and "takeout" in name.lower()
    ]
    count = len(box.entries)
    size = sum(box.entries.values())
    guessed = count == 1 or (not named and count <= _HEADS)
    files = [one.name for one in mail_files(box)] if guessed else takeout or named
    if not files:
        return False
    bytes_in = sum(box.entries[name] for name in files)
    if not takeout and len(files) * 2 < count and bytes_in * 2 < size:
        return False
    return any(_begins(box, name) for name in files[:20])


def several_exports(box: Box) -> bool:
    """Is it a folder into which exports are put? Each of them is then looked at by itself."""
    packed = (name.lower().endswith((".zip", ".tgz")) for name in box.entries if "/" not in name)
    return isinstance(box, FolderBox) and any(packed)


def _begins(box: Box, name: str) -> bool:
    if name.lower().endswith(".gz"):
        try:
            with Shelf(box).at(name, 0) as file:
                return begins_mail(file.read(_HEAD))
        except BadExport:
            return False
    head = box.head(name, _HEAD)
    if name.lower().endswith(".emlx"):
        head = head.partition(b"\n")[2]
    return begins_mail(head)


def _by_name(name: str) -> Kind | None:
    if _MAILDIR.fullmatch(name):
        return "mail"
    if _SINGLE.fullmatch(name):
        return "emlx" if name.lower().endswith(".emlx") else "mail"
    return "mbox" if _MBOX.fullmatch(name) or _PACKAGE.fullmatch(name) else None


def _described(box: Box, name: str, kind: Kind) -> MailFile:
    own = re.sub(r"\.(?:zip|mbox|mbx|eml|emlx|txt|gz)$", "", box.label, flags=re.IGNORECASE) or "Mail"
    if kind != "mbox":
        folder = _MAILDIR.fullmatch(name) or _SINGLE.fullmatch(name) or _NUMBERED.fullmatch(name)
        above = (folder[1] or "") if folder else ""
        last = above.rpartition("/")[2].lstrip(".")
        return MailFile(name, kind, last or own)
    last = name.rpartition("/")[2]
    package = _PACKAGE.fullmatch(name)
    if package:
        return MailFile(name, kind, package[1])
    if _MONTHLY.fullmatch(last):
        above = name.rpartition("/")[0].rpartition("/")[2]
        return MailFile(name, kind, above or own, monthly=True)
    label = re.sub(r"(?:\.(?:mbox|mbx|txt|mail))?(?:\.gz)?$", "", last, flags=re.IGNORECASE)
    return MailFile(name, kind, label or own)


class Shelf:
    """Opens the files of a box at a place. Streams are kept open: a packed file is then read once from end to end, where its
    places are asked for in order. Thread-safe.
    """

    def __init__(self, box: Box) -> None:
        self._box = box
        self._lock = threading.Lock()
        self._closed = False
        self._idle: list[tuple[str, io.BufferedReader]] = []

    @contextmanager
    def at(self, name: str, place: int) -> Iterator[io.BufferedReader]:
        """A file, ready to be read from a place.

        Raises:
            NotFound, BadExport: as `Box.open`; BadExport also while it is read.
        """
        file = self._take(name, place)
        try:
            if file.tell() != place:
                file.seek(place)
            yield file
        except BaseException:
            file.close()
            raise
        with self._lock:
            self._idle.append((name, file))
            extra = self._idle.pop(0)[1] if self._closed or len(self._idle) > _MOST_STREAMS else None
        if extra:
            extra.close()

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._closed = True
        for _, file in idle:
            file.close()

    def _take(self, name: str, place: int) -> io.BufferedReader:
        with self._lock:
            fits = [
                (file.tell(), at) for at, (one, file) in enumerate(self._idle) if one == name and file.tell() <= place
            ]
            if fits:
                return self._idle.pop(max(fits)[1])[1]
        file = self._box.open(name)
        if name.lower().endswith(".gz"):
            return io.BufferedReader(Guarded(cast("IO[bytes]", _Packed(fileobj=file))), 1 << 20)
        return file


class _Packed(gzip.GzipFile):
    """A packed file that closes the one it is in."""

    def __init__(self, fileobj: io.BufferedReader) -> None:
        super().__init__(fileobj=fileobj, mode="rb")
        self._around = fileobj

    def close(self) -> None:
        super().close()
        self._around.close()


class Window:
    """A large mail seen through a few MiB at a time: as much of `bytes` as the walk through its parts needs.

    Args:
        file: where it stands; the window seeks in it.
        start: the mail's place there.
        size: its bytes.
    """

    BEHIND: Final = 4 << 20
    AHEAD: Final = 1 << 20

    def __init__(self, file: io.BufferedReader, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._data = b""
        self._at = 0
        self._rewinds = 0

    def __len__(self) -> int:
        return self._size

    def find(self, what: bytes, start: int, end: int) -> int:
        """As `bytes.find`."""
        at = start
        while at < end:
            self._reach(at, min(at + len(what), end))
            inside = self._at + len(self._data)
            hit = self._data.find(what, at - self._at, min(end, inside) - self._at)
            if hit >= 0:
                return hit + self._at
            if inside >= min(end, self._size) or inside <= at:
                return -1
            at = max(inside - len(what) + 1, at)
            self._read_on()
        return -1

    def __getitem__(self, where: slice) -> bytes:
        """Bytes, at most as many as the window is wide."""
        start, stop, _ = where.indices(self._size)
        stop = min(stop, start + self.BEHIND)
        self._reach(start, stop)
        return self._data[start - self._at : max(stop - self._at, 0)]

    def _reach(self, start: int, stop: int) -> None:
        if start < self._at or start > self._at + len(self._data):
            if start < self._at:
                self._rewinds += 1
                if self._rewinds > _MOST_REWINDS:
                    raise BadExport("a mail is made so that reading it never ends")
            self._file.seek(self._start + start)
            self._at, self._data = start, b""
        while self._at + len(self._data) < min(stop, self._size) and self._read_on(start):
            pass

    def _read_on(self, keep: int | None = None) -> bool:
        end = self._at + len(self._data)
        self._file.seek(self._start + end)
        more = self._file.read(min(self.AHEAD, self._size - end))
        drop = max(len(self._data) - self.BEHIND, 0)
        if keep is not None:
            drop = min(drop, max(keep - self._at, 0))
        self._data = self._data[drop:] + more
        self._at += drop
        return bool(more)
