"""The kind of a file by its name. The table is our own: that of a machine differs from the next one's, and records must not."""

from typing import Final, Literal

_MIMES: Final = {
    "3gp": "video/3gpp", "7z": "application/x-7z-compressed", "aac": "audio/aac", "aif": "audio/x-aiff",
    "aiff": "audio/x-aiff", "amr": "audio/amr", "apk": "application/vnd.android.package-archive",
    "asc": "application/pgp-signature",
    "avi": "video/x-msvideo", "avif": "image/avif", "bmp": "image/bmp", "bz2": "application/x-bzip2", "css": "text/css",
    "csv": "text/csv", "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "eml": "message/rfc822",
    "epub": "application/epub+zip", "flac": "audio/flac", "gif": "image/gif", "gpx": "application/gpx+xml",
    "gz": "application/gzip", "heic": "image/heic", "heif": "image/heif", "htm": "text/html", "html": "text/html",
    "ico": "image/vnd.microsoft.icon", "ics": "text/calendar", "jfif": "image/jpeg", "jpe": "image/jpeg",
    "jpeg": "image/jpeg", "jpg": "image/jpeg", "js": "text/javascript", "json": "application/json",
    "kml": "application/vnd.google-earth.kml+xml", "m4a": "audio/mp4", "m4v": "video/x-m4v", "md": "text/markdown",
    "mbox": "application/mbox", "mid": "audio/midi", "mkv": "video/x-matroska", "mov": "video/quicktime", "mp3": "audio/mpeg",
    "mp4": "video/mp4", "mpeg": "video/mpeg", "mpg": "video/mpeg", "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet", "odt": "application/vnd.oasis.opendocument.text",
    "oga": "audio/ogg", "ogg": "audio/ogg", "ogv": "video/ogg", "opus": "audio/ogg", "p7s": "application/pkcs7-signature",
    "pdf": "application/pdf", "png": "image/png", "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "ps": "application/postscript",
    "py": "text/x-python", "rar": "application/vnd.rar", "rtf": "application/rtf", "srt": "application/x-subrip",
    "svg": "image/svg+xml", "tar": "application/x-tar", "tgs": "application/x-tgsticker", "tif": "image/tiff",
    "tiff": "image/tiff", "torrent": "application/x-bittorrent", "ttf": "font/ttf", "txt": "text/plain", "vcf": "text/vcard",
    "vtt": "text/vtt", "wav": "audio/wav", "weba": "audio/webm", "webm": "video/webm", "webp": "image/webp",
    "wma": "audio/x-ms-wma", "wmv": "video/x-ms-wmv", "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "application/xml",
    "xz": "application/x-xz", "zip": "application/zip",
}  # fmt: skip
_USUAL: Final = {
    "application/pgp-encrypted": "asc", "application/x-zip-compressed": "zip", "audio/ogg": "ogg", "audio/wave": "wav",
    "audio/x-wav": "wav", "image/jpeg": "jpg", "image/jpg": "jpg", "image/tiff": "tiff", "text/html": "html",
    "text/rtf": "rtf", "text/x-vcard": "vcf", "text/xml": "xml", "video/mpeg": "mpeg",
}  # fmt: skip
_ENDINGS: Final = {mime: ending for ending, mime in _MIMES.items()} | _USUAL

Type = Literal["text", "image", "video", "audio", "file"]


def mime_of(name: str) -> str:
    """The kind of a file, by its ending; "" where that is none that we know."""
    before, _, ending = name.rpartition(".")
    return _MIMES.get(ending.lower(), "") if before else ""


def ending_of(mime: str) -> str:
    """The usual ending of the names of such files, with its dot; "" where we know none."""
    ending = _ENDINGS.get(mime.lower())
    return f".{ending}" if ending else ""


def type_of(*mimes: str) -> Type:
    """The type of a message that shows these files: what all of them are, `file` where they differ, `text` for none."""
    match sorted({mime.partition("/")[0] for mime in mimes}):
        case []:
            return "text"
        case ["image"]:
            return "image"
        case ["video"]:
            return "video"
        case ["audio"]:
            return "audio"
    return "file"
