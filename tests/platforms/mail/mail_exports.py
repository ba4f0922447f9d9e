"""Fictional mails and exports for the tests, and a reading of what a connector makes of them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grouparchive.model import codec
from grouparchive.model.records import Ban, Gap, Membership, Message, Roster, Setting
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.mail import PLATFORM, MailBox

LIST = "garden@lists.example.org"
LISTED = f"List-Id: The garden <garden.lists.example.org>\nList-Post: <mailto:{LIST}>\nPrecedence: list\n"
FROM_LINE = "From fern@example.org Thu Apr 16 09:53:04 2015\n"


def mail(
    number: int = 1,
    body: str | bytes = "Hello.\n",
    *,
    sender: str = "Fern Moss <fern@example.org>",
    subject: str = "Seeds",
    extra: str = LISTED,
    date: str = "Thu, 16 Apr 2015 09:53:04 +0000",
    ident: str | None = None,
) -> bytes:
    """A mail with its headers; `extra` are more of them."""
    ref = f"<m{number}@example.org>" if ident is None else ident
    head = f"From: {sender}\nTo: {LIST}\nSubject: {subject}\n"
    head += f"Date: {date}\n" if date else ""
    head += f"Message-ID: {ref}\n" if ref else ""
    return (head + extra + "\n").encode() + (body.encode() if isinstance(body, str) else body)


def mbox(*mails: bytes, line: str = FROM_LINE) -> bytes:
    """An mbox of them."""
    return b"".join(line.encode() + one.rstrip(b"\n") + b"\n\n" for one in mails)


def ref_of(ident: str | int) -> str:
    """The ref of the mail with a Message-ID, or with that of `mail(number)`."""
    text = f"m{ident}@example.org" if isinstance(ident, int) else ident
    return hashlib.sha256(text.encode()).hexdigest()[:32]


NUMBERS = {ref_of(number): f"m{number}" for number in range(120)}
"""Refs of mails -> "m" and their numbers."""


class Read:
    """What a connector reads, whole."""

    def __init__(self, path: Path, *, kind: type[MailBox] | None = None, media: bool = True, **choices: Any) -> None:
        self.people: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.records: list[Any] = []
        self.gaps: list[Gap] = []
        self.files: dict[str, bytes] = {}
        box = open_box(path)
        said = Choices(**choices)
        fits = [one for one in PLATFORM.formats if one.recognises(box, said)]
        assert kind or fits, "nothing recognises it"
        connector = (kind or fits[0])(box, self.identify, said)
        self.kind = type(connector)
        try:
            self.groups = list(connector.groups())
            for group in self.groups:
                for page in connector.pages(group.ref, {}):
                    self.records += page.records
                    self.gaps += page.gaps
                    if media:
                        for file in page.media:
                            self.files[file.ref] = b"".join(connector.media(file.ref))
        finally:
            connector.close()
        for record in self.records:
            codec.decode(codec.encode(record))

    def identify(self, native: str, name: str, avatar: str) -> str:
        assert native
        assert not avatar
        if name:
            self.names.setdefault(native, name)
        return self.people.setdefault(native, f"{len(self.people) + 0xA11CE:032x}")

    def who(self, native: str) -> str:
        return self.people[native]

    def token(self, native: str) -> str:
        return f"{{member:{self.people[native]}}}"

    def of(self, kind: type) -> Iterator[Any]:
        return (record for record in self.records if isinstance(record, kind))

    @property
    def messages(self) -> list[Message]:
        return list(self.of(Message))

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.messages]

    @property
    def memberships(self) -> list[Membership]:
        return list(self.of(Membership))

    @property
    def rosters(self) -> list[Roster]:
        return list(self.of(Roster))

    @property
    def bans(self) -> list[Ban]:
        return list(self.of(Ban))

    @property
    def settings(self) -> dict[str, str]:
        return {one.name: one.value for one in self.of(Setting)}

    @property
    def codes(self) -> dict[str, int]:
        """What was not had; known limits too."""
        counts: dict[str, int] = {}
        for gap in self.gaps:
            counts[gap.code] = counts.get(gap.code, 0) + gap.count
        return counts

    @property
    def faults(self) -> dict[str, int]:
        """What was not had, without known limits."""
        counts: dict[str, int] = {}
        for gap in self.gaps:
            if not gap.limit:
                counts[gap.code] = counts.get(gap.code, 0) + gap.count
        return counts


def read(folder: Path, data: bytes, name: str = "garden.mbox", **choices: Any) -> Read:
    """A lone file."""
    path = folder / name
    path.write_bytes(data)
    return Read(path, **choices)
