"""Addresses in posts: past Facebook's forwarding page, without its marks, and without the people that are in some of them."""

import re
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

_OWN: Final = re.compile(r"(?:[a-z0-9-]{1,20}\.)?(?:facebook|fb|messenger|instagram)\.com", re.IGNORECASE)
_MARK: Final = "fbclid"
_BY_NUMBER: Final = frozenset({"/photo", "/photo.php", "/watch", "/video.php"})
_SAFE: Final = re.compile(
    r"/(?:groups/[A-Za-z0-9._-]+(?:/(?:posts|permalink|events|files|media)?(?:/\d+)?)?|events/\d+|reel/\d+|p/[\w-]+|reels?/[\w-]+)/?"
)
_LONGEST: Final = 4000


def clean_link(url: str) -> str:
    """An address as it leads on; "" where it is none, or leads to somebody's profile (that is no link but a person)."""
    try:
        parts = urlsplit(url[:20_000])
        host = (parts.hostname or "").lower()
        query = dict(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=200))
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host:
        return ""
    if _OWN.fullmatch(host):
        return _own(host, parts.path, query)
    if _MARK in query:
        del query[_MARK]
        return parts._replace(query=urlencode(query)).geturl()[:_LONGEST]
    return url[:_LONGEST]


def _own(host: str, path: str, query: dict[str, str]) -> str:
    """An address of the platform itself, as far as it names nobody."""
    if path == "/l.php":
        onward = query.get("u", "")
        return clean_link(onward) if "/l.php" not in onward else ""
    if _SAFE.fullmatch(path):
        return f"https://{host}{path}"
    kept = {key: query[key] for key in ("fbid", "v") if query.get(key, "").isdigit()}
    return f"https://{host}{path}?{urlencode(kept)}" if kept and path.rstrip("/") in _BY_NUMBER else ""
