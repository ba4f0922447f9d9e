"""The words and the files of a mail, out of its parts: what to read is chosen, joined and cleaned; files are noted by
their place.
"""

import html as entities
import re

import msgspec

from grouparchive.model.records import Known, Media
from grouparchive.platforms.files.mimes import ending_of, mime_of
from grouparchive.platforms.mail.headers import unfolded, words
from grouparchive.platforms.mail.mime import Inner, Leaf, Raw, Walked, leaf_of, walk
from grouparchive.platforms.mail.people import People
from grouparchive.platforms.mail.words import MOST_BYTES, Page, decoded

_UUENCODED = re.compile(rb"(?:^|\n)begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n((?:[ -`]{1,62}\r?\n)+)end(?=\r?\n|$)")
_MIME = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}")
_MARKED_UP = frozenset({"text/html", "text/enriched", "text/richtext"})
_REPORTS = frozenset({"message/delivery-status", "text/rfc822-headers", "message/disposition-notification"})
_SEALED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
_UNMEASURED = frozenset({"quoted-printable", "uuencode", "x-uuencode", "x-uue", "uue"})


class FilePart(msgspec.Struct, gc=False):
    """A file in a mail: from `start` to `end` of the mail's bytes, in a `coding`."""

    media: Media
    start: int
    end: int
    coding: str


class Body:
    """The words and files of a mail whose body begins at `start`.

    `said` is its text before people became ids, `text` and `html` are what is stored, `lost` codes of what was left out;
    `unformatted`: the HTML was left out, since the same stands there as plain text.
    """

    __slots__ = (
        "_everyone",
        "_mbox",
        "_people",
        "_raw",
        "files",
        "html",
        "kinds",
        "lost",
        "said",
        "text",
        "unformatted",
    )

    def __init__(
        self, raw: Raw, start: int, headers: dict[bytes, bytes], people: People, *, mbox: bool, everyone: bool
    ) -> None:
        self._raw = raw
        self._people = people
        self._mbox = mbox
        self._everyone = everyone
        self.files: list[FilePart] = []
        self.lost: list[str] = []
        self.said = self.text = self.html = ""
        self.unformatted = False
        self.kinds: set[str] = set()
        leaf, boundary = leaf_of(headers)
        if leaf.kind == "text/plain" and not leaf.attached:
            leaf.start, leaf.end = start, len(raw)
            self.said = self._plain(leaf).strip("\n")
            self.text = people.clean(self.said, everyone=everyone)
            return
        walked = walk(raw, start, headers, leaf.kind, boundary)
        self.kinds = walked.kinds
        self.lost += walked.cut
        if not _SEALED.isdisjoint(self.kinds):
            self.lost.append(Known.MESSAGE_UNDECRYPTED)
        self._join(self._pieces(walked))

    def _pieces(self, walked: Walked) -> list[tuple[str, Page | None, bool]]:
        """What there is to read, in order: text, the HTML that it was, whether a program wrote it."""
        pieces: list[tuple[str, Page | None, bool]] = []
        told: set[int] = set()  # containers that offer plain text
        for number, item in enumerate(walked.items):
            if isinstance(item, Inner):
                pieces.append((_forwarded(item), None, True))
            elif item.kind == "text/plain" and _reads(item, first=not pieces):
                said = self._plain(item).strip("\n")
                if said.strip():
                    told.update(item.ways)
                    pieces.append((said, None, self._everyone))
            elif item.kind in _MARKED_UP and _reads(item, first=not pieces):
                if not told.isdisjoint(item.ways) or self._told_later(walked.items[number + 1 :], item):
                    self.unformatted = True
                else:
                    self._page(item, pieces)
            elif item.kind in _REPORTS:
                pieces.append((self._plain(item).strip(), None, True))
            elif item.end > item.start or item.name:
                self._file(item, item.start, item.end, item.coding)
        return pieces

    def _told_later(self, items: list[Leaf | Inner], page: Leaf) -> bool:
        """Does a container offer HTML first, and then the same as plain text?"""
        return bool(page.ways) and any(
            isinstance(one, Leaf)
            and one.kind == "text/plain"
            and not set(one.ways).isdisjoint(page.ways)
            and _reads(one, first=True)
            and bool(self._plain(one).strip())
            for one in items
        )

    def _page(self, leaf: Leaf, pieces: list[tuple[str, Page | None, bool]]) -> None:
        page = Page(self._plain(leaf))
        if page.cut:
            self.lost.append(Known.TEXT_CUT)
        if page.plain.strip():
            pieces.append((page.plain.strip(), page, self._everyone))

    def _join(self, pieces: list[tuple[str, Page | None, bool]]) -> None:
        clean = self._people.clean
        if len(pieces) == 1 and pieces[0][1] is None:
            self.said, _, everyone = pieces[0]
            self.text = clean(self.said, everyone=everyone)
            return
        self.said = "\n\n".join(text for text, _, _ in pieces)
        self.text = "\n\n".join(clean(text, everyone=everyone) for text, _, everyone in pieces)
        if any(page for _, page, _ in pieces):
            self.html = "<br>".join(
                page.markup(self._people.spans(page.plain, everyone=everyone))
                if page
                else entities.escape(clean(text, everyone=everyone), quote=False).replace("\n", "<br>")
                for text, page, everyone in pieces
            )

    def _plain(self, leaf: Leaf) -> str:
        end = leaf.end
        if end - leaf.start > MOST_BYTES:
            self.lost.append(Known.TEXT_CUT)
            end = leaf.start + MOST_BYTES
        data = self._raw[leaf.start : end]
        if b"\nbegin " in data or data.startswith(b"begin "):
            data = self._without_uuencoded(data, leaf)
        return decoded(data, leaf, quoted_from=self._mbox)

    def _without_uuencoded(self, data: bytes, leaf: Leaf) -> bytes:
        if leaf.coding in {"base64", "quoted-printable"}:
            return data
        for found in _UUENCODED.finditer(data):
            name = words(found[1])
            kind = mime_of(name) or "application/octet-stream"
            file = Leaf(kind=kind, name=name)
            self._file(file, leaf.start + found.start(2), leaf.start + found.end(2), "uuencode")
        return _UUENCODED.sub(b"", data)

    def _file(self, leaf: Leaf, start: int, end: int, coding: str) -> None:
        name = self._people.file(leaf.name)
        if not name:
            name = f"part-{len(self.files) + 1}{ending_of(leaf.kind)}"
        mime = leaf.kind if _MIME.fullmatch(leaf.kind) else "application/octet-stream"
        media = Media(ref="", name=name, mime=mime, size=self._size(start, end, coding))
        self.files.append(FilePart(media, start, end, coding))

    def _size(self, start: int, end: int, coding: str) -> int:
        """Bytes of a file, told without decoding it; 0 where that cannot be."""
        raw = self._raw
        if not isinstance(raw, bytes) or coding in _UNMEASURED:
            return 0
        if coding == "base64":
            padding = raw[max(end - 8, start) : end].count(b"=")
            return max(_letters(raw, start, end) // 4 * 3 - padding, 0)
        return end - start


def _letters(raw: bytes, start: int, end: int) -> int:
    """Bytes without line ends. Where lines are as long as the first one, as they ought to be, that needs no look at each."""
    line = raw.find(b"\n", start, min(end, start + 1000)) + 1 - start
    if line > 1:
        width = 2 if raw[start + line - 2] == 13 else 1
        whole = (end - start) // line
        regular = all(raw[start + at * line - 1] == 10 for at in (whole, whole // 2 or 1, whole // 3 or 1))
        rest = raw[start + whole * line : end].rstrip(b"\r\n")
        if regular and b"\n" not in rest:
            return whole * (line - width) + len(rest)
    return end - start - raw.count(b"\n", start, end) - raw.count(b"\r", start, end)


def _reads(leaf: Leaf, *, first: bool) -> bool:
    """Is a text part there to be read in the mail itself? One with a name is a file, unless it comes first."""
    return not leaf.attached and (first or not leaf.name)


def _forwarded(inner: Inner) -> str:
    """The headers of a mail inside a mail, as mail programs show them."""
    lines = ["---------- Forwarded message ----------"]
    for name, shown in ((b"from", "From"), (b"date", "Date"), (b"subject", "Subject"), (b"to", "To")):
        if name in inner.headers:
            lines.append(f"{shown}: {words(unfolded(inner.headers[name]))[:1000]}")
    return "\n".join(lines)
