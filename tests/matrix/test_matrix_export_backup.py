"""A real room into a real archive and out again: whole, once, and with no handle where content is kept."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grouparchive.archive.create import create_archive
from grouparchive.archive.home import WriterHome
from grouparchive.archive.reader import Archive, Reader
from grouparchive.archive.writer import Writer
from grouparchive.backup.identities import Identities
from grouparchive.backup.run import Summary, run_backup
from grouparchive.crypto.recovery import generate_recovery
from grouparchive.crypto.slots import RecoveryKey, new_recovery_slots
from grouparchive.model import codec
from grouparchive.model.records import Attachment, Member, Message
from grouparchive.platforms.matrix.connector import MatrixConnector

pytestmark = pytest.mark.homeserver


class Box:
    """An archive, its writer and what opens it."""

    def __init__(self, folder: Path) -> None:
        self.secret = RecoveryKey(generate_recovery())
        self.path = folder / "group.archive"
        self.home = WriterHome.create(folder / "writer")
        self.pin = create_archive(
            self.path, self.home, lambda archive_id, roots: new_recovery_slots(self.secret, archive_id, 0, roots)
        ).archive_id
        self.requests = 0

    def backup(self, account: Any) -> Summary:
        people = Identities("matrix", account.server.url)
        connector = MatrixConnector(account.source(), people)
        sent: list[object] = []
        connector.api.http._http.event_hooks = {"request": [sent.append]}
        try:
            with Writer.open(self.path, self.home, pinned=self.pin) as writer:
                return run_backup(connector, source="garden", writer=writer, identities=people)
        finally:
            connector.close()
            self.requests = len(sent)

    def read(self) -> Reader:
        self.archive = Archive.open(self.path)
        return self.archive.unlock(self.secret)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.archive.close()


def test_backed_up_twice_it_is_there_once(people: Callable[[str], Any], box: Box) -> None:
    admin, bob = people("admin"), people("bob")
    room = admin.create(name="Garden", topic=f"ask {bob.handle}")
    admin.let_in(room, bob)
    portrait, photo = b"a portrait" * 100, b"a photo" * 5000
    bob.call("PUT", f"/profile/{bob.handle}/avatar_url", {"avatar_url": bob.upload(portrait)})
    sent = [bob.say(room, f"post {number} to {admin.handle}") for number in range(5)]
    shown = admin.upload(photo)
    sent.append(admin.say(room, "photo.png", msgtype="m.image", url=shown, info={"mimetype": "image/png"}))
    sent.append(admin.say(room, "lost.png", msgtype="m.image", url="mxc://demo.test/AbCdEfGhIjKlMnOpQrStUvWx"))

    first = box.backup(admin)
    assert (first.groups, first.channels, first.members, first.attachments) == (1, 1, 2, 2)
    assert [gap.code for gap in first.gaps] == ["media-unavailable"]
    second = box.backup(admin)
    assert (second.new, second.messages, second.attachments, second.new_gaps) == (0, 0, 0, False)
    assert box.requests <= 6  # five, and the lost picture once more
    sent.append(bob.say(room, "later"))
    assert box.backup(admin).new == 1

    reader = box.read()
    content = [record for _, record in reader.records("content")]
    roster = [record for _, record in reader.records("roster")]
    assert [m.ref for m in content if isinstance(m, Message) and m.type in {"text", "image"}] == sent
    files = {file.ref: b"".join(reader.blob(file.blob)) for file in [*content, *roster] if isinstance(file, Attachment)}
    assert files[shown] == photo
    assert portrait in files.values()
    text = b"\n".join(codec.encode(record) for record in content).decode()
    assert admin.local not in text
    assert bob.local not in text
    assert {member.native for member in roster if isinstance(member, Member)} == {admin.handle, bob.handle}
