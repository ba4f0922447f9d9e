"""Where things lie in a Slack export: in a zip or a folder, at its root or in a folder or two. Looks at names only,
but for the newest message.

Official exports hold no files. slackdump and slack-advanced-exporter put them beside, under `__uploads/ID/NAME` or
`CHANNEL/attachments/ID-NAME`, and members' pictures under `__avatars/ID/NAME`.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from grouparchive.errors import BadExport
from grouparchive.model.records import Ref
from grouparchive.platforms.files.box import Box

LISTS: Final = {"channels.json": "public", "groups.json": "private", "mpims.json": "group", "dms.json": "direct"}
USERS: Final = ("users.json", "org_users.json")
DEEPEST: Final = 2  # folders above the export

_DAY: Final = re.compile(r"([^/]+)/([0-9]{4}-[0-9]{2}-[0-9]{2})\.json")
_TS: Final = re.compile(rb'"ts": ?"(\d{9,12})\.')
_FILE: Final = re.compile(r"(?:__uploads|(?:[^/]+/)?attachments)/(F[A-Z0-9]{6,20})[-/][^/]+")
_FACE: Final = re.compile(r"__avatars/([UWB][A-Z0-9]{2,20})/[^/]+")
_TITLE: Final = re.compile(
    r"(.+?)[ _]+Slack[ _]+export(?:[ _]+[A-Z][a-z]{2}[ _]+\d{1,2},?[ _]+\d{4}.*)?(?:[ _]*\(\d{1,3}\))?", re.DOTALL
)


class Layout:
    """Names in the box, by what they are. `lists` is kind -> entry, `days` folder -> its days' entries in order, `files`
    Slack's id of a file -> entry, `faces` user -> entry, `rest` what is none of these, `others` how many exports lie beside.
    """

    def __init__(self, box: Box) -> None:
        roots = sorted(_roots(box), key=lambda root: (root.count("/"), root))
        self.root = roots[0] if roots else ""
        self.others = max(len(roots) - 1, 0)
        self.lists: dict[str, str] = {}
        self.users: list[str] = []
        self.days: dict[str, list[str]] = {}
        self.files: dict[str, str] = {}
        self.faces: dict[str, str] = {}
        self.rest: list[str] = []
        for entry in sorted(box.entries):
            if not entry.startswith(self.root) or any(
                entry.startswith(root) for root in roots[1:] if root != self.root
            ):
                continue
            self._place(entry, entry[len(self.root) :])

    def _place(self, entry: str, name: str) -> None:
        if name in LISTS:
            self.lists[LISTS[name]] = entry
        elif name in USERS:
            self.users.append(entry)
        elif day := _DAY.fullmatch(name):
            self.days.setdefault(day[1], []).append(entry)
        elif file := _FILE.fullmatch(name):
            self.files.setdefault(file[1], entry)
        elif face := _FACE.fullmatch(name):
            self.faces.setdefault(face[1], entry)
        elif not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith("."):
            self.rest.append(name)


def found(box: Box) -> bool:
    """Is this a Slack export?"""
    for root in _roots(box):
        listed = next(entry for name in LISTS if (entry := root + name) in box.entries)
        head = box.head(listed, 4096).lstrip(b"\xef\xbb\xbf \t\r\n")
        if head.startswith(b"[") and (b'"id"' in head or head[1:].strip() in {b"]", b""}):
            return True
    return False


def newest(box: Box, days: Iterable[list[str]]) -> int:
    """When the newest message was written, in milliseconds; 0 where there is none. Looks at the files of the last day only."""
    ends = [one[-1] for one in days if one]
    last = max((entry[-15:-5] for entry in ends), default="")
    found = 0
    for entry in ends:
        if entry[-15:-5] == last:
            with suppress(BadExport):
                found = max(found, *(int(ts) for piece in box.pieces(entry) for ts in _TS.findall(piece)), 0)
    return found * 1000


def title(box: Box, root: str) -> str:
    """What the workspace is called, as far as the names of the zip or its folder say it."""
    for label in (root.rstrip("/").rpartition("/")[2], box.label):
        match = _TITLE.fullmatch(label.removesuffix(".zip"))
        if match:
            return match[1].strip(" _")
    return ""


def face_ref(user: str, entry: str) -> Ref:
    """The ref of a member's picture. It goes to the roster only, so it may say whose it is."""
    return f"avatar/{user}/{entry.rpartition('/')[2]}"[:1024]


def _roots(box: Box) -> set[str]:
    """Folders ("" or ending in /) that hold a list of conversations, and of users or days."""
    folders = set()
    for entry in box.entries:
        folder, slash, name = entry.rpartition("/")
        if name in LISTS and folder.count("/") < DEEPEST:
            folders.add(folder + slash)
    with_users = {root for root in folders if any(root + name in box.entries for name in USERS)}
    return with_users or {root for root in folders if _has_days(box, root)}


def _has_days(box: Box, root: str) -> bool:
    return any(entry.startswith(root) and _DAY.fullmatch(entry, len(root)) for entry in box.entries)
