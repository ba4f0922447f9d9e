"""Mails in an archive: overlapping exports are one history in any order, and content names nobody."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from backup_box import Box
from mail_exports import LIST, LISTED, mail, mbox, ref_of

from grouparchive.archive.writer import Writer
from grouparchive.backup import Identities, Summary, run_import
from grouparchive.model import codec
from grouparchive.model.records import Attachment, Membership, Message
from grouparchive.platforms.files import Choices, open_box
from grouparchive.platforms.mail import PLATFORM

PHOTO = (
    "--b\nContent-Type: text/plain\n\nSee fern@example.org.\n--b\nContent-Type: image/png; name=fern@example.org.png\n"
    "Content-Transfer-Encoding: base64\n\ncGljdHVyZQ==\n--b--\n"
)
MIXED = LISTED + "Content-Type: multipart/mixed; boundary=b\n"
FIRST = mbox(mail(1), mail(2, PHOTO, sender="Moss <moss@example.org>", extra=MIXED))
SECOND = mbox(
    mail(2, PHOTO, sender="Moss <moss@example.org>", extra=MIXED),
    mail(3, "On Monday, Moss <moss@example.org> wrote:\n> x\n", subject="Re: Seeds"),
)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.close()


def take(box: Box, folder: Path, data: bytes, name: str) -> Summary:
    path = folder / name
    path.write_bytes(data)
    opened = open_box(path)
    kind = next(one for one in PLATFORM.formats if one.recognises(opened, Choices()))
    identities = Identities(*kind.whose(opened))
    connector = kind(opened, identities, Choices())
    with Writer.open(box.path, box.home, pinned=box.pin) as writer:
        return run_import(
            connector, mark=hashlib.sha256(data + os.urandom(8)).digest(), writer=writer, identities=identities
        )


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_overlapping_exports_are_one_history(box: Box, tmp_path: Path, order: tuple[bytes, bytes]) -> None:
    first = take(box, tmp_path, order[0], "a.mbox")
    assert (first.messages, first.attachments) == (2, 1)
    second = take(box, tmp_path, order[1], "b.mbox")
    assert second.messages == 2
    again = take(box, tmp_path, order[1], "c.mbox")
    assert again.new == 0
    content = [record for _, record in box.read("content")]
    messages = {(one.channel, one.ref): one for one in content if isinstance(one, Message)}
    assert sorted(ref for _, ref in messages) == sorted([ref_of(1), ref_of(2), ref_of(3)])
    assert {channel for channel, _ in messages} == {LIST}
    assert sum(isinstance(one, Message) for one in content) == 3
    (stored,) = [one for one in content if isinstance(one, Attachment)]
    assert b"".join(box.blob(stored.blob)) == b"picture"
    assert stored.ref == messages[LIST, ref_of(2)].media[0].ref
    lines = b"\n".join(codec.encode(record) for record in content)
    for name in (b"fern@", b"moss@", b"Fern", b"Moss"):
        assert name not in lines
    assert any(isinstance(record, Membership) for _, record in box.read("roster"))
