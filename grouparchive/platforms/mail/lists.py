"""Which mailing list a mail came through: its address, as the list's own headers tell it. Pure."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from grouparchive.platforms.mail.addresses import address
from grouparchive.platforms.mail.headers import text_of, unfolded, words

GOOGLE: Final = "@googlegroups.com"
_MAILTO = re.compile(rb"mailto:([^>?\s,]+)", re.IGNORECASE)
_ID = re.compile(r"<\s*([^<>\s]+)\s*>")
_YAHOO = re.compile(rb"\blist\s+([^\s;,]+@[^\s;,]+)", re.IGNORECASE)


class MailList(msgspec.Struct, frozen=True):
    """A list: `ref` is its address in lower case, `name` what it is called, "" where no header says it."""

    ref: str
    name: str = ""


MARKS: Final = (
    "list-id",
    "list-post",
    "x-beenthere",
    "x-google-groups?",
    "mailing-list",
    "precedence",
    "x-mailman-version",
)


def list_of(headers: Mapping[bytes, bytes]) -> MailList | None:
    """The list; None for mail that came through none. A newsletter's List-Id alone makes no list: nobody can write to it."""
    said = text_of(unfolded(headers.get(b"list-id", b"")))
    identity = _ID.search(said)
    name = words(said[: identity.start()].encode()).strip().strip('"').strip()[:200] if identity else ""
    known = (identity[1] if identity else said.strip().strip("<>")).lower()
    post = _MAILTO.search(headers.get(b"list-post", b""))
    posting = address(text_of(post[1]).replace("%40", "@")) if post else ""
    there = address(text_of(unfolded(headers.get(b"x-beenthere", b""))))
    google = headers.get(b"x-google-groups", b"") or headers.get(b"x-google-group", b"")
    if known and "." in known and not re.search(r"[\s,;:\"()\[\]]", known):
        local, _, domain = known.partition(".")
        if "@" in known:
            found = address(known)
        elif posting and (posting.partition("@")[0] == local or known.startswith(posting.replace("@", ".", 1))):
            found = posting
        else:
            found = address(f"{local}@{domain}")
        told = posting or there or google or headers.get(b"x-mailman-version")
        if found and (told or headers.get(b"precedence", b"").strip().lower() == b"list"):
            return MailList(found, "" if address(name) else name)
    if posting or there:
        return MailList(posting or there, name)
    bare = text_of(unfolded(google)).strip().lower()
    if bare and re.fullmatch(r"[^\s@<>,;]{1,100}", bare):
        return MailList(bare + GOOGLE)
    if found := address(bare):
        return MailList(found)
    yahoo = _YAHOO.search(headers.get(b"mailing-list", b""))
    if yahoo and (found := address(text_of(yahoo[1]))):
        return MailList(found)
    return None


def related(lists: frozenset[str]) -> frozenset[str]:
    """The addresses that list software answers and sends from."""
    ends = ("", "-bounces", "-request", "-owner", "-admin", "-help", "+owners", "+managers", "+noreply", "+unsubscribe")
    parts = [one.partition("@") for one in lists]
    return frozenset(f"{local}{end}@{domain}" for local, _, domain in parts for end in ends)
