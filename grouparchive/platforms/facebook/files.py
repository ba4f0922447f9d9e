"""Where the files of a download lie: the names in its pages are relative to a root that may not be that of what was given."""

from typing import Final

from grouparchive.platforms.facebook.repair import repaired
from grouparchive.platforms.files import Box

_FEW: Final = 40


def nearest(box: Box, *ends: str) -> list[str]:
    """The names with one of these endings that lie nearest to the top, not more than can be looked into quickly."""
    names = [name for name in box.entries if name.lower().endswith(ends)]
    return sorted(names, key=lambda name: (name.count("/"), name))[:_FEW]


class Finder:
    """Finds files of a download by the names that its pages give them."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._tails: dict[str, str] | None = None

    def find(self, uri: str, page: str) -> str:
        """The name in the box of what a page of the download speaks of; "" where it is not there."""
        uri = repaired(uri).split("?")[0].split("#")[0]
        if not uri or uri.startswith(("http://", "https://", "data:")):
            return ""
        parts = [part for part in uri.split("/") if part not in {"", ".", ".."}]
        uri = "/".join(parts)
        folder = page
        while True:  # beside the page, or beside any folder that it is in
            folder = folder.rpartition("/")[0]
            name = f"{folder}/{uri}" if folder else uri
            if name in self._box.entries:
                return name
            if not folder:
                break
        if self._tails is None:
            self._tails = {_tail(name): name for name in self._box.entries if not name.endswith((".json", ".html"))}
        return self._tails.get(_tail(uri), "") if len(parts) >= 2 else ""


def _tail(name: str) -> str:
    return "/".join(name.split("/")[-3:])
