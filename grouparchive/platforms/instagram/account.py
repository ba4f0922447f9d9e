"""What an Instagram download tells about its account: who it is, who follows it, whom it follows, what it posted."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import msgspec

from grouparchive.model.records import Known
from grouparchive.platforms.facebook import shapes
from grouparchive.platforms.facebook.blocks import Block, Page, blocks, is_marked
from grouparchive.platforms.facebook.repair import tidy
from grouparchive.platforms.facebook.rows import Noted, decoded, rows
from grouparchive.platforms.facebook.shapes import Relation, Shot, Uri, millis
from grouparchive.platforms.files import Box, Choices

PLACE: Final = re.compile(
    r"(?:.*/)?(?:"
    r"(?P<people>(?:connections/)?(?:followers_and_following/)?(?:followers(?:_\d+)?|following))"
    r"|(?P<posts>(?:your_instagram_activity/)?(?:content|media)/(?:posts(?:_\d+)?|stories|reels|igtv_videos|archived_posts|profile_photos|"
    r"other_content|recently_deleted_content))"
    r"|(?P<profile>(?:personal_information/)?(?:personal_information/)?(?:personal_information|account_information))"
    r")\.(?P<kind>json|html)"
)
_SHOTS: Final = {
    "": "p", "ig_stories": "s", "ig_reels_media": "r", "ig_igtv_media": "v", "ig_archived_post_media": "a",
    "ig_profile_picture": "f", "ig_other_media": "o", "ig_posts": "p", "ig_recently_deleted_media": "",
}  # fmt: skip
KINDS: Final = {
    "p": "post",
    "s": "story",
    "r": "reel",
    "v": "video",
    "a": "archived post",
    "f": "profile picture",
    "o": "other",
}
_USER: Final = re.compile(r"https?://(?:www\.)?instagram\.com/(?:_u/)?([A-Za-z0-9._]{1,60})/?(?:\?.*)?")
_HANDLE: Final = re.compile(r"[A-Za-z0-9._]{1,60}")
_FOLDER: Final = re.compile(r"instagram-([A-Za-z0-9._]{1,60}?)(?:-\d{4}-\d{2}-\d{2})?(?:-[A-Za-z0-9]{4,12})?(?:\.zip)?")
_USERNAMES: Final = frozenset(
    {"username", "benutzername", "nom d’utilisateur", "nom d'utilisateur", "nombre de usuario", "nome de usuário",
     "nome utente", "имя пользователя", "kullanıcı adı", "istifadəçi adı", "gebruikersnaam", "nazwa użytkownika"}
)  # fmt: skip
_NAMES: Final = frozenset({"name", "nom", "nombre", "nome", "имя", "ad", "naam", "nazwa", "imię"})
_BIOS: Final = frozenset({"bio", "biography", "biografía", "biografia", "steckbrief", "о себе", "biyografi"})
_CAPTION: Final = frozenset({"caption", "title", "bildunterschrift", "légende", "leyenda", "legenda", "didascalia"})


class Relative(msgspec.Struct, frozen=True):
    """A follower, or somebody who is followed, by their handle."""

    handle: str
    since: int


class Posted(msgspec.Struct):
    """A post, story or reel. `kind` as in KINDS."""

    kind: str
    time: int
    text: str
    files: list[str]
    page: str


class Account:
    """Reads a download's files about its account.

    Args:
        box: the download.
        choices: what a person says about it.
        noted: takes what could not be read.
    """

    def __init__(self, box: Box, choices: Choices, noted: Noted) -> None:
        self._box = box
        self._choices = choices
        self._noted = noted
        self.handle = ""
        self.name = ""
        self.bio = ""
        self.picture = ""
        self.picture_page = ""
        self.guessed: set[str] = set()
        self._files: dict[str, list[str]] = {"people": [], "posts": [], "profile": []}
        for name in sorted(box.entries):
            if place := PLACE.fullmatch(name):
                kind = next(key for key in self._files if place[key])
                self._files[kind].append(name)
        self._profile()

    @property
    def there(self) -> bool:
        """Does the download hold anything of the account but threads?"""
        return any(self._files.values())

    @property
    def has_followers(self) -> bool:
        """Does it list the followers?"""
        return any("/followers" in f"/{name}" and "following." not in name for name in self._files["people"])

    def people(self, *, following: bool) -> Iterator[Relative]:
        """Who follows, or is followed, each once."""
        seen: set[str] = set()
        for name in self._files["people"]:
            if ("following." in name.rpartition("/")[2]) != following:
                continue
            for one in self._html_people(name) if name.endswith(".html") else self._json_people(name):
                if one.handle not in seen:
                    seen.add(one.handle)
                    yield one

    def posts(self) -> Iterator[Posted]:
        """Everything that was posted, in the files' order."""
        for name in self._files["posts"]:
            yield from self._html_posts(name) if name.endswith(".html") else self._json_posts(name)

    # --- who it is --------------------------------------------------------------------------------------------------------

    def _profile(self) -> None:
        for name in self._files["profile"]:
            if name.endswith(".html"):
                self._html_profile(name)
                continue
            for key, raw in rows(self._box, name, self._noted):
                if key == "profile_user" and (row := decoded(raw, shapes.account_decoder, name, self._noted)):
                    values = {
                        tidy(label).lower(): tidy(one.value or "") for label, one in (row.string_map_data or {}).items()
                    }
                    self._values(values)
                    for uri in (row.media_map_data or {}).values():
                        if uri.uri and not self.picture:
                            self.picture, self.picture_page = uri.uri, name
        if not self.handle:
            for part in (self._box.label, *(name.split("/")[0] for name in list(self._box.entries)[:1])):
                if found := _FOLDER.fullmatch(part):
                    self.handle = found[1].lower()
                    break

    def _values(self, values: dict[str, str]) -> None:
        for label, value in values.items():
            if label in _USERNAMES and _HANDLE.fullmatch(value):
                self.handle = self.handle or value.lower()
            elif label in _NAMES:
                self.name = self.name or value[:1000].strip()
            elif label in _BIOS:
                self.bio = self.bio or value[:20_000]

    def _html_profile(self, name: str) -> None:
        """Labels and values are on lines of their own."""
        lines = [line for block in self._blocks(name) for line in (block.head, *block.lines)]
        self._values({label.lower(): value for label, value in pairwise(lines)})

    # --- people -----------------------------------------------------------------------------------------------------------

    def _json_people(self, name: str) -> Iterator[Relative]:
        for _key, raw in rows(self._box, name, self._noted):
            row = decoded(raw, shapes.relation_decoder, name, self._noted)
            if row is None:
                continue
            handle, since = _handle(row)
            if handle:
                yield Relative(handle, since)
            else:
                self._noted(Known.MESSAGE_UNREADABLE, name)

    def _html_people(self, name: str) -> Iterator[Relative]:
        for block in self._blocks(name):
            handle = next((found[1] for url, _ in block.links if (found := _USER.fullmatch(url))), "")
            if handle:
                yield Relative(handle.lower(), block.time or 0)

    # --- posts ------------------------------------------------------------------------------------------------------------

    def _json_posts(self, name: str) -> Iterator[Posted]:
        stem = name.rpartition("/")[2].rpartition(".")[0]
        for key, raw in rows(self._box, name, self._noted):
            kind = _SHOTS.get(key, "o")
            if not kind or "recently_deleted" in stem:
                continue
            if (shot := decoded(raw, shapes.shot_decoder, name, self._noted)) is None:
                continue
            posted = _posted(shot, kind, name)
            if posted is None:
                self._noted(Known.MESSAGE_UNREADABLE, name)
            else:
                yield posted

    def _html_posts(self, name: str) -> Iterator[Posted]:
        stem = name.rpartition("/")[2].rpartition(".")[0]
        kind = {"stories": "s", "reels": "r", "igtv_videos": "v", "archived_posts": "a", "profile_photos": "f"}.get(
            stem, "p"
        )
        for block in self._blocks(name):
            if block.time is None or not block.files:
                self._noted(Known.MESSAGE_UNREADABLE, name)
                continue
            yield Posted(kind, block.time, block.head or block.text, block.files, name)

    def _blocks(self, name: str) -> Iterator[Block]:
        page = Page()
        yield from blocks(self._box.pieces(name), self._choices.zone, page, marked=is_marked(self._box.head(name)))
        for code in page.faults():
            self._noted(code, name)


def _handle(row: Relation) -> tuple[str, int]:
    """Newer downloads say it in the title or the address, older ones in the value."""
    for one in row.string_list_data or ():
        since = millis(one.timestamp) or 0
        for text in (one.value, row.title):
            if text and _HANDLE.fullmatch(text):
                return text.lower(), since
        if one.href and (found := _USER.fullmatch(one.href)):
            return found[1].lower(), since
    return (row.title.lower() if row.title and _HANDLE.fullmatch(row.title) else "", 0)


def _posted(shot: Shot, kind: str, page: str) -> Posted | None:
    files: list[Uri] = [one for one in shot.media or () if one.uri]
    if shot.uri:
        files.insert(0, Uri(uri=shot.uri, title=shot.title))
    time = (
        millis(shot.creation_timestamp)
        or millis(shot.timestamp)
        or next((told for one in files if (told := millis(one.creation_timestamp))), None)
    )
    if time is None:
        return None
    text = shot.title or _labelled(shot.label_values or []) or next((one.title for one in files if one.title), "")
    return Posted(kind, time, tidy(text or ""), [one.uri for one in files if one.uri], page)


def _labelled(values: list[Any]) -> str:
    """The caption in the newest layout, where everything is a list of labels and values."""
    for one in values[:200]:
        if isinstance(one, dict) and isinstance(label := one.get("label"), str) and tidy(label).lower() in _CAPTION:
            value = one.get("value")
            if isinstance(value, str):
                return value
    return ""
