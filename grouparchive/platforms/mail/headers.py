"""A mail's header block as text: finding headers in bytes, words in other alphabets, parameters. Tolerant and bounded:
whatever is broken comes out as readable as can be, and nothing here raises.
"""

import binascii
import codecs
import re
from functools import lru_cache
from typing import Final

_SEPARATOR = re.compile(rb"\A(?:>?From [^\n]*\n)+")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(=\?[^?\s]{1,60}\?[bBqQ]\?[^?]*\?=)\s+(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
_PARAMETER = re.compile(r";\s*([A-Za-z0-9_.-]{1,60})(\*\d{1,3})?(\*)?\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"?|([^;]*))")
_MOST_VALUE: Final = 20_000
_ODD = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem", "unicode-escape",
                  "raw-unicode-escape"})  # fmt: skip
# What people wrote, and what they meant by it.
_MEANT = {
    "us-ascii": "utf-8", "ascii": "utf-8", "ansi_x3.4-1968": "utf-8", "iso-8859-1": "cp1252", "latin1": "cp1252",
    "iso-8859-1:1987": "cp1252", "8859-1": "cp1252", "x-unknown": "utf-8", "unknown-8bit": "utf-8", "unknown": "utf-8",
    "default": "utf-8", "utf8": "utf-8", "utf-8": "utf-8", "iso-8859-8-i": "iso-8859-8", "iso-8859-8-e": "iso-8859-8",
    "iso-8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949", "shift_jis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932", "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman", "unicode-1-1-utf-7": "utf-7", "unicode-1-1-utf-8": "utf-8", "tis-620": "cp874",
    "windows-874": "cp874", "big5": "big5hkscs", "x-cp1250": "cp1250", "x-cp1251": "cp1251", "koi8-ru": "koi8_u",
    "cp-850": "cp850",
}  # fmt: skip


def wanted(*names: str) -> re.Pattern[bytes]:
    """A pattern that finds these headers in a block that begins with a newline: name and folded value."""
    known = "|".join(names).encode()
    return re.compile(rb"\n(" + known + rb")[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE)


def block(head: bytes) -> bytes:
    """A header block for `wanted`: without its separator line, with a newline before it."""
    if head.startswith((b"From ", b">From ")):
        start = _SEPARATOR.match(head)
        return b"\n" + (head[start.end() :] if start else head)
    return b"\n" + head


def unfolded(value: bytes) -> bytes:
    """A header's value on one line."""
    value = value.strip()[:_MOST_VALUE]
    return _FOLD.sub(b" ", value) if b"\n" in value else value


@lru_cache(maxsize=512)
def codec_of(charset: str) -> str:
    """The codec for a charset's name, "" where nobody knows it or it is none for texts."""
    name = charset.strip().strip("\"'").lower()[:60]
    name = _MEANT.get(name, name)
    if name in _ODD:
        return ""
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return ""
    return found.name if found._is_text_encoding and found.name not in _ODD else ""  # noqa: SLF001 - there is no other way


def text_of(data: bytes, charset: str = "") -> str:
    """Bytes as text: in the charset that was told where that is known, else UTF-8, else Western European."""
    codec = codec_of(charset) if charset else "utf-8"
    try:
        text = data.decode(codec or "utf-8")
    except (UnicodeError, ValueError):
        text = _guessed(data, codec)
    if codec == "utf-7" and not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "") if "\0" in text else text


def _guessed(data: bytes, codec: str) -> str:
    if codec not in {"", "utf-8", "cp1252"}:
        try:
            return data.decode("utf-8")
        except UnicodeError:
            return data.decode(codec, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A mail in UTF-8 that was cut inside a letter stays UTF-8; a few foreign bytes make it no other charset.
        sound = data[: error.start].decode("utf-8")
        if len(data) - error.start < 4 and not sound.isascii():
            return sound
    try:
        return data.decode("cp1252")
    except UnicodeError:
        return data.decode("latin-1")


def words(value: bytes) -> str:
    """A header's value for people: encoded words decoded, also broken ones; raw 8-bit as text; on one line."""
    text = text_of(value)
    if "=?" in text:
        text = _decoded(text)
    if not text.isprintable():
        text = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return text


def _decoded(text: str) -> str:
    text = _BETWEEN.sub(r"\1", text)
    out: list[str] = []
    at = 0
    waiting, charset = b"", ""
    for found in _WORD.finditer(text):
        between = text[at : found.start()]
        told = found[1].partition("*")[0]
        data = _word_bytes(found[2], found[3])
        if waiting and (between or told.lower() != charset.lower()):
            out.append(text_of(waiting, charset))
            waiting = b""
        out.append(between)
        # Letters are split over two words by many programs: the bytes of neighbours go together.
        waiting, charset = waiting + data, told
        at = found.end()
    if waiting:
        out.append(text_of(waiting, charset))
    out.append(text[at:])
    return "".join(out)


def _word_bytes(kind: str, coded: str) -> bytes:
    raw = coded.encode("utf-8", "replace")
    if kind in "bB":
        return from_base64(raw)
    return binascii.a2b_qp(raw.replace(b"_", b" "))


def from_base64(data: bytes) -> bytes:
    """Base64, also with foreign letters in it or cut short."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
        clean = clean[: len(clean) - (len(clean) % 4 == 1)]
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


@lru_cache(maxsize=1024)
def parameters(value: bytes) -> tuple[str, dict[str, str]]:
    """A header like Content-Type: its first word in lower case, and its parameters. RFC 2231 and its misuses included."""
    text = text_of(value)
    kind, _, rest = text.partition(";")
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for found in _PARAMETER.finditer(";" + rest):
        name = found[1].lower()
        quoted = found[4]
        given = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else found[5].strip()
        if found[2] or found[3]:
            pieces.setdefault(name, {})[int(found[2][1:]) if found[2] else 0] = (bool(found[3]), given)
        else:
            plain.setdefault(name, given)
    for name, parts in pieces.items():
        plain[name] = _continued(parts)
    return kind.strip().lower().split(" ", 1)[0], plain


def _continued(parts: dict[int, tuple[bool, str]]) -> str:
    data = b""
    charset = ""
    for number, (coded, given) in sorted(parts.items()):
        value = given
        if coded and number == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        raw = value.encode("utf-8", "replace")
        data += re.sub(rb"%([0-9A-Fa-f]{2})", lambda hit: bytes((int(hit[1], 16),)), raw) if coded else raw
    return text_of(data, charset)


def file_name(text: str) -> str:
    """A file's name as a mail gives it: decoded where it is in encoded words, without folders."""
    if "=?" in text:
        text = _decoded(text)
    text = text.replace("\\", "/").rpartition("/")[2]
    return "".join(one for one in text if one.isprintable()).strip()[:255]
