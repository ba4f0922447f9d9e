"""Mails that come back later: what the admin saved of them (mbox, maildir, .eml files, zips of those), and whose mail each
is about.

Read are delivery reports (RFC 3464, 6533), complaints (RFC 5965), and what older servers write in words of their own with a
copy of the mail. A mail's own number in its Message-ID leads back to the journal's key (`letter.mail_number`), so that no
address need be kept anywhere. All of it is hostile: a thief who has the mailbox can write reports. They may hold a person
back, never more.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from grouparchive.errors import BadExport
from grouparchive.platforms.files import Box, open_box
from grouparchive.platforms.mail.addresses import address, addresses
from grouparchive.platforms.mail.headers import text_of, wanted
from grouparchive.platforms.mail.mime import Inner, Leaf, first, walk
from grouparchive.platforms.mail.split import HEADER_END, split
from grouparchive.platforms.mail.store import MailFile, Shelf, mail_files
from grouparchive.platforms.mail.unpack import unpacked

MOST_BYTES: Final = 1 << 20
"""Of one mail; what a report says stands at its beginning, and our mails are short."""

MOST_FILE: Final = 1 << 32
"""Of one file, unpacked."""

_LOOKED_AT: Final = wanted(
    "from", "subject", "content-type", "content-transfer-encoding", "content-disposition", "in-reply-to", "references",
    "x-failed-recipients",
)  # fmt: skip
_OURS: Final = re.compile(rb"<([0-9a-f]{32})@[A-Za-z0-9.-]{1,253}>")
_OUR_HEADER: Final = re.compile(
    rb"^[> \t]*message-id:\s*<([0-9a-f]{32})@[A-Za-z0-9.-]{1,253}>", re.IGNORECASE | re.MULTILINE
)
_TO: Final = re.compile(rb"^[> \t]*(?:to|original-rcpt-to):[ \t]*([^\r\n]{3,400})", re.IGNORECASE | re.MULTILINE)
_FIELD: Final = re.compile(r"^([A-Za-z-]{1,40}):[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE)
_XTEXT: Final = re.compile(r"\+([0-9A-F]{2})")
_STATUS: Final = re.compile(r"(?<![\d.])([45])\.[0-7]\.\d{1,3}(?![\d.])")
_CODE: Final = re.compile(r"(?<![\d.])([45])\d\d[ -]")
_DAEMON: Final = re.compile(rb"mailer-?daemon|postmaster@|mail delivery (?:sub)?system", re.IGNORECASE)
_REPORTS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_COMPLAINT: Final = "message/feedback-report"
_UNDONE: Final = frozenset({"failed", "delayed"})


class Bounce(msgspec.Struct, frozen=True, kw_only=True):
    """What came back for one mail of ours. `number` is the mail's own, "" where the report does not hold it; `recipient` ""
    where it hides who it was, as complaints mostly do. `permanent`: no later try will do better; False also where nobody
    says. `status` is the enhanced code, where there is one.
    """

    number: str
    recipient: str
    permanent: bool = False
    complaint: bool = False
    status: str = ""

    def __repr__(self) -> str:
        """Without the person."""
        return f"Bounce(permanent={self.permanent}, complaint={self.complaint}, status={self.status!r})"


def read(path: Path) -> Iterator[Bounce]:
    """The bounces and complaints among the mails at `path`: a file, a folder or a zip. Other mails are passed over.

    Raises:
        BadExport: it cannot be read, or there is no mail in it.
    """
    box = open_box(path)
    shelf = Shelf(box)
    try:
        files = mail_files(box)
        if not files:
            raise BadExport(
                "there is no mail here",
                hint="Save the returned mails as .eml files, or their folder as an mbox file, and name that.",
            )
        for file in files:
            for mail in _mails(box, shelf, file):
                yield from bounces(mail)
    finally:
        shelf.close()
        box.close()


def _mails(box: Box, shelf: Shelf, file: MailFile) -> Iterator[bytes]:
    """The mails of a file, each as far as it is looked at."""
    if file.kind != "mbox":
        mail = box.head(file.name, MOST_BYTES)
        yield mail.partition(b"\n")[2] if file.kind == "emlx" else mail
        return
    with shelf.at(file.name, 0) as whole:

        def some(size: int) -> bytes:
            return whole.read(size) if whole.tell() < MOST_FILE else b""

        places = [(found.start, found.end) for found in split(some)]
    for start, end in places:
        with shelf.at(file.name, start) as stream:
            yield stream.read(min(end - start, MOST_BYTES))


def bounces(mail: bytes) -> list[Bounce]:
    """What one mail reports; nothing where it is no report."""
    mail = mail.replace(b"\r\n", b"\n")
    end = HEADER_END.search(mail)
    if end is None:
        return []
    headers = first(_LOOKED_AT, mail[: end.end()])
    walked = walk(mail, end.end(), headers)
    leaves = [(one.kind, _decoded(mail, one)) for one in walked.items if isinstance(one, Leaf)]
    whole = b"\n".join([mail[end.end() :], *(data for _, data in leaves)])
    reports = [data for kind, data in leaves if kind in _REPORTS]
    complaints = [data for kind, data in leaves if kind == _COMPLAINT]
    strange = bool(_DAEMON.search(headers.get(b"from", b"")) or headers.get(b"x-failed-recipients"))
    if not (reports or complaints or strange):
        return []
    number, to = _number(whole, headers), _recipient(whole, walked.items, number_known=bool(_OUR_HEADER.search(whole)))
    if complaints:
        return [Bounce(number=number, recipient=to, permanent=True, complaint=True)] if number or to else []
    if reports:
        return [one for data in reports for one in _reported(data, number, to)]
    return _in_words(whole, headers, number, to)


def _reported(data: bytes, number: str, to: str) -> Iterator[Bounce]:
    """The recipients of a delivery report that it did not reach. Fields of the whole mail come first, then a block for each."""
    for block in re.split(r"\n[ \t]*\n", text_of(data).replace("\r\n", "\n")):
        fields = {name.lower(): " ".join(value.split()) for name, value in _FIELD.findall(block)}
        if fields.get("action", "").partition(" ")[0].lower() not in _UNDONE:
            continue
        status = _STATUS.search(fields.get("status", "") or fields.get("diagnostic-code", ""))
        failed = fields["action"].lower().startswith("failed")
        # We wrote to one person only; a server that passed the mail on reports the address to which it did.
        who = to or _plain(fields.get("original-recipient", "")) or _plain(fields.get("final-recipient", ""))
        if number or who:
            yield Bounce(
                number=number,
                recipient=who,
                permanent=failed and (status is None or status[1] == "5"),
                status=status[0] if status else "",
            )


def _in_words(whole: bytes, headers: dict[bytes, bytes], number: str, to: str) -> list[Bounce]:
    """What a server wrote as it likes: whose mail it is, from the copy; whether for good, from the codes before the copy."""
    named = addresses(headers.get(b"x-failed-recipients", b""))
    who = to or (named[0][0] if named else "")
    if not number:
        return []  # mailer daemons write many things; without our number it may be about any mail
    copy = _OUR_HEADER.search(whole)
    before = text_of(whole[: copy.start()] if copy else whole)
    status, code = _STATUS.search(before), _CODE.search(before)
    kind = status[1] if status else code[1] if code else "5" if named else ""
    return [Bounce(number=number, recipient=who, permanent=kind == "5", status=status[0] if status else "")]


def _number(whole: bytes, headers: dict[bytes, bytes]) -> str:
    """Our mail's own number: from its copy, else from what the report says it answers."""
    found = _OUR_HEADER.search(whole)
    if found is None:
        found = _OURS.search(headers.get(b"in-reply-to", b"") + b" " + headers.get(b"references", b"")) or _OURS.search(
            whole
        )
    return found[1].decode() if found else ""


def _recipient(whole: bytes, items: list[Leaf | Inner], *, number_known: bool) -> str:
    """To whom the mail was written, from its copy."""
    for one in items:
        if isinstance(one, Inner) and (found := addresses(one.headers.get(b"to", b""))):
            return found[0][0]
    if not number_known:
        return ""
    for line in _TO.findall(whole):
        if found := addresses(line):
            return found[0][0]
    return ""


def _plain(field: str) -> str:
    """An address behind its type: "rfc822; moss@members.example"."""
    kind, _, text = field.partition(";")
    if kind.strip().lower() not in {"rfc822", "utf-8", "smtp"}:
        return ""
    return address(_XTEXT.sub(lambda one: chr(int(one[1], 16)), text) if "+" in text else text)


def _decoded(mail: bytes, leaf: Leaf) -> bytes:
    data = mail[leaf.start : leaf.end]
    if leaf.coding not in {"base64", "quoted-printable"}:
        return data
    try:
        return b"".join(unpacked(io.BytesIO(data), len(data), leaf.coding, quoted_from=False))
    except ValueError:
        return data  # broken coding: what can be read in it is looked for all the same
