"""Pages of a group that a browser saved: HTML ("complete", with a folder of pictures beside it) or MHTML. Names and numbers are
taken from the links to profiles and from the data that the page carries for its own scripts. No script is run or kept.
"""

import re
from typing import ClassVar, Final
from urllib.parse import unquote

from grouparchive.errors import BadExport
from grouparchive.model.ports import Identify, MediaRequest
from grouparchive.model.records import Known
from grouparchive.platforms.facebook.captured import Captured
from grouparchive.platforms.facebook.files import Finder, nearest
from grouparchive.platforms.facebook.found import Found
from grouparchive.platforms.facebook.graph import Walker
from grouparchive.platforms.facebook.mhtml import html_of
from grouparchive.platforms.facebook.page import PageReader
from grouparchive.platforms.files import Box, Choices
from grouparchive.platforms.files.mimes import mime_of

_NAME: Final = re.compile(r"(?!.*_files/).+\.(?:html?|mht|mhtml)", re.IGNORECASE)
_MIME: Final = re.compile(r".+\.mht(?:ml)?", re.IGNORECASE)


class FacebookPage(Captured):
    """See `FileConnector`."""

    title: ClassVar[str] = "a saved page of a Facebook group"

    def __init__(self, box: Box, identify: Identify, choices: Choices) -> None:
        super().__init__(box, identify, choices)
        self._finder = Finder(box)
        self._pages: list[str] = []

    @classmethod
    def recognises(cls, box: Box, choices: Choices) -> bool:  # noqa: ARG003 - the contract's signature
        """A page that names a group of Facebook near its beginning."""
        return any(_is_page(box, name) for name in nearest(box, ".html", ".htm", ".mht", ".mhtml"))

    def _read(self, found: Found) -> None:
        walker = Walker(found, self._who)
        for name in sorted(self.box.entries):
            if not _is_page(self.box, name):
                continue
            self._pages.append(name)
            reader = PageReader(found, walker, self.box.modified)
            try:
                reader.read(html_of(self.box, name) if _MIME.fullmatch(name) else self.box.pieces(name))
            except BadExport:
                reader.ended = False
            if not reader.ended:
                self._gap(Known.FILE_DAMAGED, "", "a saved page that ends early")
            if reader.unreadable:
                self._gap(Known.ANSWER_UNREADABLE, "", "data in a saved page", count=reader.unreadable)
            if reader.unread_posts:
                self._gap(
                    Known.POSTS_PARTIAL,
                    reader.group,
                    "posts without their time: capture the feed as HAR",
                    count=reader.unread_posts,
                )

    def _picture(self, ref: str, file: str) -> MediaRequest | None:
        for page in self._pages:
            inside = self._finder.find(unquote(file), page)
            if not inside and "/" not in file:
                stem = page.rpartition(".")[0]
                inside = self._finder.find(f"{stem.rpartition('/')[2]}_files/{file}", page)
            if inside:
                return self._attach(ref, inside, mime=mime_of(inside))
        return None


def _is_page(box: Box, name: str) -> bool:
    if not _NAME.fullmatch(name):
        return False
    head = box.head(name, 256 * 1024)
    return bool(re.search(rb"facebook\.com/groups/", head))
